/* SPDX-License-Identifier: GPL-2.0 */
/* The stand-in for libxengnttab.so.1: its ABI, over a fake host. */
#include <errno.h>
#include <stdlib.h>
#include <xengnttab.h>

#include "fx_lib.h"

struct xengntdev_handle {
	struct fx_host *host;
	struct fx_gnttab *gnt;
};

xengnttab_handle *xengnttab_open(struct xentoollog_logger *logger,
				 unsigned int open_flags)
{
	struct xengntdev_handle *h = calloc(1, sizeof(*h));
	int rc = -ENOMEM;

	(void)logger;
	(void)open_flags;
	if (!h)
		goto err;
	rc = fx_host_open(NULL, &h->host);
	if (rc)
		goto err;
	rc = fx_gnttab_open(h->host, fx_lib_domid(), &h->gnt);
	if (rc)
		goto err_close;
	return h;

err_close:
	fx_host_close(h->host);
err:
	free(h);
	errno = -rc;
	return NULL;
}

int xengnttab_close(xengnttab_handle *h)
{
	if (!h)
		return 0;
	fx_gnttab_close(h->gnt);
	fx_host_close(h->host);
	free(h);
	return 0;
}

int xengnttab_fd(xengnttab_handle *h)
{
	return fx_gnttab_fd(h->gnt);
}

int xengnttab_set_max_grants(xengnttab_handle *h, uint32_t n)
{
	(void)h;
	(void)n;
	return 0;
}

static void *map(xengnttab_handle *h, uint32_t count, const uint32_t *domids,
		 uint32_t stride, const uint32_t *refs, int prot,
		 uint32_t notify_offset, uint32_t notify_port)
{
	void *addr;
	int rc;

	rc = fx_gnttab_map(h->gnt, count, domids, stride, refs, prot,
			   notify_offset, notify_port, &addr);
	if (rc) {
		errno = -rc;
		return NULL;
	}
	return addr;
}

void *xengnttab_map_grant_ref(xengnttab_handle *h, uint32_t domid, uint32_t ref,
			      int prot)
{
	return map(h, 1, &domid, 0, &ref, prot, UINT32_MAX, UINT32_MAX);
}

void *xengnttab_map_grant_refs(xengnttab_handle *h, uint32_t count,
			       uint32_t *domids, uint32_t *refs, int prot)
{
	return map(h, count, domids, 1, refs, prot, UINT32_MAX, UINT32_MAX);
}

void *xengnttab_map_domain_grant_refs(xengnttab_handle *h, uint32_t count,
				      uint32_t domid, uint32_t *refs, int prot)
{
	return map(h, count, &domid, 0, refs, prot, UINT32_MAX, UINT32_MAX);
}

void *xengnttab_map_grant_ref_notify(xengnttab_handle *h, uint32_t domid,
				     uint32_t ref, int prot,
				     uint32_t notify_offset,
				     evtchn_port_t notify_port)
{
	return map(h, 1, &domid, 0, &ref, prot, notify_offset, notify_port);
}

int xengnttab_unmap(xengnttab_handle *h, void *addr, uint32_t count)
{
	return fx_lib_result(fx_gnttab_unmap(h->gnt, addr, count));
}

/* What follows is there to be linked against; nobody calls it here. */

int xengnttab_grant_copy(xengnttab_handle *h, uint32_t count,
			 xengnttab_grant_copy_segment_t *segs)
{
	(void)h;
	(void)count;
	(void)segs;
	return fx_lib_result(-ENOSYS);
}

int xengnttab_dmabuf_exp_from_refs(xengnttab_handle *h, uint32_t domid,
				   uint32_t flags, uint32_t count,
				   const uint32_t *refs, uint32_t *fd)
{
	(void)h;
	(void)domid;
	(void)flags;
	(void)count;
	(void)refs;
	(void)fd;
	return fx_lib_result(-ENOSYS);
}

int xengnttab_dmabuf_exp_wait_released(xengnttab_handle *h, uint32_t fd,
				       uint32_t wait_to_ms)
{
	(void)h;
	(void)fd;
	(void)wait_to_ms;
	return fx_lib_result(-ENOSYS);
}

int xengnttab_dmabuf_imp_to_refs(xengnttab_handle *h, uint32_t domid,
				 uint32_t fd, uint32_t count, uint32_t *refs)
{
	(void)h;
	(void)domid;
	(void)fd;
	(void)count;
	(void)refs;
	return fx_lib_result(-ENOSYS);
}

int xengnttab_dmabuf_imp_release(xengnttab_handle *h, uint32_t fd)
{
	(void)h;
	(void)fd;
	return fx_lib_result(-ENOSYS);
}

xengntshr_handle *xengntshr_open(struct xentoollog_logger *logger,
				 unsigned int open_flags)
{
	(void)logger;
	(void)open_flags;
	errno = ENOSYS;
	return NULL;
}

int xengntshr_close(xengntshr_handle *h)
{
	(void)h;
	return 0;
}

int xengntshr_fd(xengntshr_handle *h)
{
	(void)h;
	return -1;
}

void *xengntshr_share_pages(xengntshr_handle *h, uint32_t domid, int count,
			    uint32_t *refs, int writable)
{
	(void)h;
	(void)domid;
	(void)count;
	(void)refs;
	(void)writable;
	errno = ENOSYS;
	return NULL;
}

void *xengntshr_share_page_notify(xengntshr_handle *h, uint32_t domid,
				  uint32_t *ref, int writable,
				  uint32_t notify_offset,
				  evtchn_port_t notify_port)
{
	(void)h;
	(void)domid;
	(void)ref;
	(void)writable;
	(void)notify_offset;
	(void)notify_port;
	errno = ENOSYS;
	return NULL;
}

int xengntshr_unshare(xengntshr_handle *h, void *addr, uint32_t count)
{
	(void)h;
	(void)addr;
	(void)count;
	return fx_lib_result(-ENOSYS);
}
