/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The stand-in for libxenctrl.so.4.17: only what xenstored uses of it. It lives
 * in a directory of its own, so that other programs keep the real library.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xenctrl.h>

#include "fx_state.h"

struct xc_interface_core {
	struct fx_host *host;
};

xc_interface *xc_interface_open(xentoollog_logger *logger,
				xentoollog_logger *dombuild_logger,
				unsigned int open_flags)
{
	struct xc_interface_core *xch = calloc(1, sizeof(*xch));
	int rc;

	(void)logger;
	(void)dombuild_logger;
	(void)open_flags;
	if (!xch)
		return NULL;
	rc = fx_host_open(NULL, &xch->host);
	if (rc) {
		free(xch);
		errno = -rc;
		return NULL;
	}
	return xch;
}

int xc_interface_close(xc_interface *xch)
{
	if (!xch)
		return 0;
	fx_host_close(xch->host);
	free(xch);
	return 0;
}

int xc_domain_getinfo(xc_interface *xch, uint32_t first_domid,
		      unsigned int max_doms, xc_dominfo_t *info)
{
	struct fx_domain *domain;
	uint32_t domid, reason;
	unsigned int n = 0;

	memset(info, 0, max_doms * sizeof(*info));
	for (domid = first_domid; domid < FX_DOMAINS_MAX && n < max_doms;
	     domid++) {
		domain = &xch->host->state->domains[domid];
		if (atomic_load(&domain->state) == FX_DOM_ABSENT)
			continue;
		info[n].domid = domid;
		info[n].nr_pages = domain->pages;
		info[n].nr_online_vcpus = 1;
		info[n].dying = atomic_load(&domain->state) == FX_DOM_DYING;
		reason = atomic_load(&domain->shutdown);
		if (reason) {
			info[n].shutdown = 1;
			info[n].shutdown_reason = reason - 1;
			info[n].crashed = reason - 1 == SHUTDOWN_crash;
		}
		n++;
	}
	if (!n) {
		errno = ESRCH;
		return -1;
	}
	return (int)n;
}

int xc_domain_getinfolist(xc_interface *xch, uint32_t first_domain,
			  unsigned int max_domains, xc_domaininfo_t *info)
{
	xc_dominfo_t one;
	unsigned int n = 0;

	while (n < max_domains &&
	       xc_domain_getinfo(xch, first_domain, 1, &one) == 1) {
		memset(&info[n], 0, sizeof(info[n]));
		info[n].domain = (domid_t)one.domid;
		info[n].flags = (one.dying ? XEN_DOMINF_dying : 0) |
				(one.shutdown ? XEN_DOMINF_shutdown : 0) |
				(one.shutdown_reason
				 << XEN_DOMINF_shutdownshift);
		info[n].tot_pages = one.nr_pages;
		first_domain = one.domid + 1;
		n++;
	}
	return (int)n;
}
