/* SPDX-License-Identifier: GPL-2.0 */
/* Domains: birth, memory, death, and what remains of them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xenstore.h>

#include "fx_domain.h"

static int domain_init(struct fx_host *host, uint32_t domid, uint32_t pages)
{
	struct fx_domain *domain = &host->state->domains[domid];
	int rc;

	if (atomic_load(&domain->state) != FX_DOM_ABSENT)
		return -EEXIST;
	rc = fx_mem_create(host, domid, pages);
	if (rc)
		return rc;
	memset(domain->ports, 0, sizeof(domain->ports));
	memset(domain->grants, 0, sizeof(domain->grants));
	memset(domain->counters, 0, sizeof(domain->counters));
	domain->pages = pages;
	domain->ports_max = FX_GUEST_PORTS_MAX;
	domain->xenstore_port = 0;
	atomic_store(&domain->shutdown, 0);
	/* Reserved references 0 to 7 are never handed out by fx_grant(). */
	domain->grants[FX_GREF_XENSTORE].flags = FX_GRANT_VALID;
	domain->grants[FX_GREF_XENSTORE].to = 0;
	domain->grants[FX_GREF_XENSTORE].page = FX_XENSTORE_PAGE;
	atomic_store(&domain->state, FX_DOM_ALIVE);
	return 0;
}

int fx_dom_open(struct fx_host *host, uint32_t domid, struct fx_dom **domp)
{
	struct fx_domain *domain;
	struct fx_dom *dom;
	int fd, rc;

	if (!domid || domid >= FX_DOMAINS_MAX)
		return -EINVAL;
	domain = &host->state->domains[domid];
	if (atomic_load(&domain->state) != FX_DOM_ALIVE)
		return -ESRCH;
	fd = fx_mem_open(host, domid);
	if (fd < 0)
		return fd;
	dom = calloc(1, sizeof(*dom));
	if (!dom) {
		close(fd);
		return -ENOMEM;
	}
	dom->host = host;
	dom->domid = domid;
	dom->pages = domain->pages;
	dom->mem = mmap(NULL, (size_t)dom->pages * FX_PAGE_SIZE,
			PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	rc = dom->mem == MAP_FAILED ? -errno : 0;
	close(fd);
	if (rc) {
		free(dom);
		return rc;
	}
	*domp = dom;
	return 0;
}

int fx_dom_create(struct fx_host *host, uint32_t domid, uint32_t pages,
		  struct fx_dom **domp)
{
	struct fx_dom *dom;
	int rc;

	if (!domid || domid >= FX_DOMAINS_MAX || !pages)
		return -EINVAL;
	fx_lock(host);
	fx_reap_locked(host);
	fx_domain_settle(host, domid);
	rc = domain_init(host, domid, pages);
	fx_unlock(host);
	if (rc)
		return rc;
	rc = fx_dom_open(host, domid, &dom);
	if (rc)
		goto err_destroy;
	rc = fx_evtchn_open(host, domid, &dom->xs_evtchn);
	if (rc)
		goto err_close;
	rc = fx_evtchn_alloc(dom->xs_evtchn, 0);
	if (rc < 0)
		goto err_close;
	host->state->domains[domid].xenstore_port = (uint32_t)rc;
	*domp = dom;
	return 0;

err_close:
	fx_dom_close(dom);
err_destroy:
	fx_dom_destroy(host, domid);
	return rc;
}

void fx_dom_close(struct fx_dom *dom)
{
	if (!dom)
		return;
	fx_evtchn_close(dom->xs_evtchn);
	munmap(dom->mem, (size_t)dom->pages * FX_PAGE_SIZE);
	free(dom);
}

void *fx_dom_mem(struct fx_dom *dom)
{
	return dom->mem;
}

uint32_t fx_dom_pages(struct fx_dom *dom)
{
	return dom->pages;
}

uint32_t fx_dom_id(struct fx_dom *dom)
{
	return dom->domid;
}

/* One directory a toolstack makes: guest may read it, or owns it. */
static bool dom_mkdir(struct xs_handle *xs, uint32_t domid, const char *sub,
		      bool owned)
{
	struct xs_permissions ro[2] = {
		{ .id = 0, .perms = XS_PERM_NONE },
		{ .id = domid, .perms = XS_PERM_READ },
	};
	struct xs_permissions rw[1] = {
		{ .id = domid, .perms = XS_PERM_NONE },
	};
	char path[128];

	snprintf(path, sizeof(path), "/local/domain/%u%s%s", domid,
		 *sub ? "/" : "", sub);
	if (!xs_mkdir(xs, XBT_NULL, path))
		return false;
	return owned ? xs_set_permissions(xs, XBT_NULL, path, rw, 1)
		     : xs_set_permissions(xs, XBT_NULL, path, ro, 2);
}

static bool dom_write(struct xs_handle *xs, uint32_t domid, const char *key,
		      const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "/local/domain/%u/%s", domid, key);
	return xs_write(xs, XBT_NULL, path, value, (unsigned int)strlen(value));
}

int fx_dom_introduce(struct fx_dom *dom, const char *name)
{
	uint32_t port = dom->host->state->domains[dom->domid].xenstore_port;
	struct xs_handle *xs = xs_open(0);
	char id[16];
	int rc = 0;

	if (!xs)
		return -errno;
	snprintf(id, sizeof(id), "%u", dom->domid);
	/*
	 * libxl introduces first: a permission for an unknown domain is
	 * refused by xenstored.
	 */
	if (!xs_introduce_domain(xs, dom->domid, FX_XENSTORE_PAGE, port) ||
	    !dom_mkdir(xs, dom->domid, "", false) ||
	    !dom_mkdir(xs, dom->domid, "device", false) ||
	    !dom_mkdir(xs, dom->domid, "control", false) ||
	    !dom_mkdir(xs, dom->domid, "data", true) ||
	    !dom_mkdir(xs, dom->domid, "drivers", true) ||
	    !dom_mkdir(xs, dom->domid, "error", true) ||
	    !dom_write(xs, dom->domid, "name", name) ||
	    !dom_write(xs, dom->domid, "domid", id))
		rc = -errno;
	xs_close(xs);
	return rc;
}

int fx_dom_forget(uint32_t domid)
{
	struct xs_handle *xs = xs_open(0);
	char path[64];
	int rc = 0;

	if (!xs)
		return -errno;
	snprintf(path, sizeof(path), "/local/domain/%u", domid);
	if (!xs_rm(xs, XBT_NULL, path))
		rc = -errno;
	xs_close(xs);
	return rc;
}

int fx_dom_shutdown(struct fx_dom *dom, unsigned int reason)
{
	struct fx_host *host = dom->host;

	atomic_store(&host->state->domains[dom->domid].shutdown, 1 + reason);
	fx_virq_raise(host, FX_VIRQ_DOM_EXC);
	return 0;
}

int fx_dom_destroy(struct fx_host *host, uint32_t domid)
{
	struct fx_domain *domain;
	uint32_t port;

	if (!domid || domid >= FX_DOMAINS_MAX)
		return -EINVAL;
	domain = &host->state->domains[domid];
	fx_lock(host);
	if (atomic_load(&domain->state) != FX_DOM_ALIVE) {
		fx_unlock(host);
		return -ESRCH;
	}
	atomic_store(&domain->state, FX_DOM_DYING);
	fx_reap_locked(host);
	for (port = 1; port < FX_PORTS_MAX; port++)
		fx_port_close(host, domid, port);
	fx_domain_settle(host, domid);
	fx_unlock(host);
	fx_virq_raise(host, FX_VIRQ_DOM_EXC);
	return 0;
}

enum fx_dom_state fx_dom_state(struct fx_host *host, uint32_t domid)
{
	enum fx_dom_state state;

	if (domid >= FX_DOMAINS_MAX)
		return FX_DOM_ABSENT;
	fx_lock(host);
	fx_reap_locked(host);
	fx_domain_settle(host, domid);
	state = atomic_load(&host->state->domains[domid].state);
	fx_unlock(host);
	return state;
}

void fx_dom_counters(struct fx_host *host, uint32_t domid,
		     struct fx_counters *counters)
{
	struct fx_domain *domain = &host->state->domains[domid];
	uint64_t copy[sizeof(*counters) / 8];
	size_t i;

	fx_host_reap(host);
	for (i = 0; i < sizeof(copy) / sizeof(copy[0]); i++)
		copy[i] = atomic_load(&domain->counters[i]);
	memcpy(counters, copy, sizeof(copy));
}
