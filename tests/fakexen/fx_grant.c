/* SPDX-License-Identifier: GPL-2.0 */
/* Grant tables, and mapping by them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fx_domain.h"

/* One successful map request. */
struct fx_mapping {
	struct fx_mapping *next;
	void *addr;
	uint32_t count;
	int notify_fd;		/* FIFO of the port to notify at unmap, or -1 */
	uint32_t tracks[];
};

struct fx_gnttab {
	struct fx_host *host;
	uint32_t domid;
	uint32_t id;
	int fd;
	struct fx_mapping *mappings;
};

int fx_grant(struct fx_dom *dom, uint32_t page, uint32_t to, bool readonly)
{
	struct fx_domain *domain = &dom->host->state->domains[dom->domid];
	struct fx_grant_entry *entry;
	int rc = -ENOSPC;
	uint32_t gref;

	if (page >= dom->pages)
		return -EINVAL;
	fx_lock(dom->host);
	for (gref = FX_GREF_FIRST; gref < FX_GRANTS_MAX; gref++) {
		entry = &domain->grants[gref];
		if (entry->flags & FX_GRANT_VALID)
			continue;
		entry->to = to;
		entry->page = page;
		entry->mapcount = 0;
		entry->flags = FX_GRANT_VALID |
			       (readonly ? FX_GRANT_READONLY : 0);
		fx_count(domain, grants, 1);
		rc = (int)gref;
		break;
	}
	fx_unlock(dom->host);
	return rc;
}

int fx_grant_end(struct fx_dom *dom, uint32_t gref)
{
	struct fx_domain *domain = &dom->host->state->domains[dom->domid];
	struct fx_grant_entry *entry;
	int rc = 0;

	if (gref >= FX_GRANTS_MAX)
		return -ENOENT;
	entry = &domain->grants[gref];
	fx_lock(dom->host);
	if (entry->mapcount)
		fx_reap_locked(dom->host);
	if (!(entry->flags & FX_GRANT_VALID)) {
		rc = -ENOENT;
	} else if (entry->mapcount) {
		fx_count(domain, grants_busy, 1);
		rc = -EBUSY;
	} else {
		entry->flags = 0;
		fx_count(domain, grants_ended, 1);
	}
	fx_unlock(dom->host);
	return rc;
}

int fx_gnttab_open(struct fx_host *host, uint32_t domid,
		   struct fx_gnttab **gntp)
{
	struct fx_gnttab *gnt = calloc(1, sizeof(*gnt));
	int rc;

	if (!gnt)
		return -ENOMEM;
	gnt->host = host;
	gnt->domid = domid;
	fx_lock(host);
	rc = fx_handle_new(host, FX_HANDLE_GNTTAB, domid, &gnt->id, &gnt->fd);
	fx_unlock(host);
	if (rc) {
		free(gnt);
		return rc;
	}
	*gntp = gnt;
	return 0;
}

int fx_gnttab_fd(struct fx_gnttab *gnt)
{
	return gnt->fd;
}

/* What gntdev does at unmap when asked to by map_grant_ref_notify. */
static void track_tell(struct fx_host *host, struct fx_handle *handle,
		       struct fx_track *track)
{
	struct fx_domain *domain = &host->state->domains[track->dom];
	struct fx_port *port;
	char zero = 0;
	off_t off;
	int fd;

	if (track->notify_offset != FX_NONE) {
		off = (off_t)domain->grants[track->gref].page * FX_PAGE_SIZE;
		fd = fx_mem_open(host, track->dom);
		if (fd >= 0) {
			if (pwrite(fd, &zero, 1,
				   off + (off_t)track->notify_offset) < 0)
				abort();
			close(fd);
		}
	}
	if (track->notify_port == FX_NONE)
		return;
	port = &host->state->domains[handle->dom].ports[track->notify_port];
	if (atomic_load(&port->state) == FX_PORT_BOUND)
		fx_port_deliver(host, atomic_load(&port->remote_dom),
				atomic_load(&port->remote_port));
}

static void track_release(struct fx_host *host, struct fx_handle *handle,
			  struct fx_track *track)
{
	struct fx_domain *domain = &host->state->domains[track->dom];

	if (track->notify_offset != FX_NONE || track->notify_port != FX_NONE)
		track_tell(host, handle, track);
	domain->grants[track->gref].mapcount--;
	fx_count(domain, unmap_pages, 1);
	fx_count(domain, mapped_now, -1);
	handle->tracks--;
	track->handle = 0;
}

void fx_tracks_release(struct fx_host *host, struct fx_handle *handle)
{
	struct fx_state *state = host->state;
	bool touched[FX_DOMAINS_MAX] = { false };
	uint32_t i;

	for (i = 0; i < FX_TRACKS_MAX && handle->tracks; i++) {
		if (state->tracks[i].handle != handle->id)
			continue;
		touched[state->tracks[i].dom] = true;
		track_release(host, handle, &state->tracks[i]);
	}
	for (i = 0; i < FX_DOMAINS_MAX; i++)
		if (touched[i])
			fx_domain_settle(host, i);
}

/*
 * May run inside a sandbox, so it only lets go of the descriptor, as the death
 * of the process would. Whoever looks next does the rest.
 */
void fx_gnttab_close(struct fx_gnttab *gnt)
{
	struct fx_mapping *mapping;

	if (!gnt)
		return;
	while ((mapping = gnt->mappings)) {
		gnt->mappings = mapping->next;
		munmap(mapping->addr, (size_t)mapping->count * FX_PAGE_SIZE);
		if (mapping->notify_fd >= 0)
			close(mapping->notify_fd);
		free(mapping);
	}
	close(gnt->fd);
	free(gnt);
}

/* Whether a reference may be mapped as asked; what Xen checks. */
static int ref_check(struct fx_gnttab *gnt, uint32_t domid, uint32_t ref,
		     int prot)
{
	struct fx_domain *domain;
	struct fx_grant_entry *entry;

	if (domid >= FX_DOMAINS_MAX || ref >= FX_GRANTS_MAX)
		return -EINVAL;
	domain = &gnt->host->state->domains[domid];
	entry = &domain->grants[ref];
	if (atomic_load(&domain->state) != FX_DOM_ALIVE)
		return -EINVAL;
	if (!(entry->flags & FX_GRANT_VALID) || entry->to != gnt->domid)
		return -EINVAL;
	if ((prot & PROT_WRITE) && (entry->flags & FX_GRANT_READONLY))
		return -EINVAL;
	return 0;
}

static int track_alloc(struct fx_state *state, uint32_t *idx)
{
	uint32_t i, at;

	for (i = 0; i < FX_TRACKS_MAX; i++) {
		at = (state->track_hint + i) % FX_TRACKS_MAX;
		if (state->tracks[at].handle)
			continue;
		state->track_hint = at + 1;
		*idx = at;
		return 0;
	}
	return -ENOSPC;
}

/* Maps runs of neighbouring pages of one domain over a reserved range. */
static int map_pages(struct fx_host *host, char *base, uint32_t count,
		     const struct fx_mapping *mapping, int prot)
{
	struct fx_state *state = host->state;
	uint32_t i, run, dom, page, fd_dom = FX_NONE;
	int fd = -1, rc = 0;

	for (i = 0; i < count && !rc; i += run) {
		const struct fx_track *t = &state->tracks[mapping->tracks[i]];

		dom = t->dom;
		page = state->domains[dom].grants[t->gref].page;
		for (run = 1; i + run < count; run++) {
			t = &state->tracks[mapping->tracks[i + run]];
			if (t->dom != dom ||
			    state->domains[dom].grants[t->gref].page !=
				    page + run)
				break;
		}
		if (dom != fd_dom) {
			if (fd >= 0)
				close(fd);
			fd = fx_mem_open(host, dom);
			if (fd < 0)
				return fd;
			fd_dom = dom;
		}
		if (mmap(base + (size_t)i * FX_PAGE_SIZE,
			 (size_t)run * FX_PAGE_SIZE, prot,
			 MAP_SHARED | MAP_FIXED, fd,
			 (off_t)page * FX_PAGE_SIZE) == MAP_FAILED)
			rc = -errno;
	}
	if (fd >= 0)
		close(fd);
	return rc;
}

/* Injected failure: fx_host_fail_maps(). */
static int map_injected(struct fx_state *state)
{
	uint32_t err = atomic_load(&state->fail_errno);

	if (!err)
		return 0;
	if (atomic_load(&state->fail_skip)) {
		atomic_fetch_sub(&state->fail_skip, 1);
		return 0;
	}
	return -(int)err;
}

static void mapping_drop(struct fx_gnttab *gnt, struct fx_handle *handle,
			 struct fx_mapping *mapping, uint32_t count)
{
	struct fx_state *state = gnt->host->state;

	while (count--)
		track_release(gnt->host, handle,
			      &state->tracks[mapping->tracks[count]]);
}

/* Checks and takes every reference, or none. */
static int mapping_take(struct fx_gnttab *gnt, struct fx_handle *handle,
			struct fx_mapping *mapping, const uint32_t *domids,
			uint32_t stride, const uint32_t *refs, int prot)
{
	struct fx_state *state = gnt->host->state;
	struct fx_domain *domain;
	struct fx_track *track;
	uint32_t i, domid;
	int rc = map_injected(state);

	for (i = 0; i < mapping->count && !rc; i++) {
		domid = domids[(size_t)i * stride];
		rc = ref_check(gnt, domid, refs[i], prot);
		if (!rc)
			rc = track_alloc(state, &mapping->tracks[i]);
		if (rc)
			break;
		track = &state->tracks[mapping->tracks[i]];
		domain = &state->domains[domid];
		track->dom = domid;
		track->gref = refs[i];
		track->notify_offset = FX_NONE;
		track->notify_port = FX_NONE;
		track->handle = handle->id;
		handle->tracks++;
		domain->grants[refs[i]].mapcount++;
		fx_count(domain, map_pages, 1);
		fx_count(domain, mapped_now, 1);
	}
	if (rc)
		mapping_drop(gnt, handle, mapping, i);
	return rc;
}

static int map_locked(struct fx_gnttab *gnt, struct fx_mapping *mapping,
		      const uint32_t *domids, uint32_t stride,
		      const uint32_t *refs, int prot)
{
	struct fx_handle *handle = fx_handle_find(gnt->host, gnt->id);
	size_t size = (size_t)mapping->count * FX_PAGE_SIZE;
	void *base;
	int rc;

	if (!handle)
		return -EBADF;
	rc = mapping_take(gnt, handle, mapping, domids, stride, refs, prot);
	if (rc)
		return rc;
	base = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (base == MAP_FAILED) {
		rc = -errno;
		goto err_drop;
	}
	rc = map_pages(gnt->host, base, mapping->count, mapping, prot);
	if (rc)
		goto err_munmap;
	/* As gntdev: a mapping is not inherited by fork. */
	madvise(base, size, MADV_DONTFORK);
	mapping->addr = base;
	return 0;

err_munmap:
	munmap(base, size);
err_drop:
	mapping_drop(gnt, handle, mapping, mapping->count);
	return rc;
}

int fx_gnttab_map(struct fx_gnttab *gnt, uint32_t count,
		  const uint32_t *domids, uint32_t domid_stride,
		  const uint32_t *refs, int prot, uint32_t notify_offset,
		  uint32_t notify_port, void **addrp)
{
	struct fx_state *state = gnt->host->state;
	struct fx_mapping *mapping;
	struct fx_domain *domain;
	int rc;

	if (!count || count > FX_MAP_PAGES_MAX ||
	    domids[0] >= FX_DOMAINS_MAX)
		return -EINVAL;
	if (notify_port != FX_NONE && notify_port >= FX_PORTS_MAX)
		return -EINVAL;
	if (notify_offset != FX_NONE && notify_offset >= FX_PAGE_SIZE)
		return -EINVAL;
	mapping = malloc(sizeof(*mapping) + count * sizeof(uint32_t));
	if (!mapping)
		return -ENOMEM;
	mapping->count = count;
	mapping->notify_fd = -1;
	domain = &state->domains[domids[0]];
	fx_lock(gnt->host);
	rc = map_locked(gnt, mapping, domids, domid_stride, refs, prot);
	if (!rc && count == 1) {
		state->tracks[mapping->tracks[0]].notify_offset = notify_offset;
		state->tracks[mapping->tracks[0]].notify_port = notify_port;
		if (notify_port != FX_NONE)
			mapping->notify_fd = fx_port_peer_open(
				gnt->host, gnt->domid, notify_port);
	}
	fx_unlock(gnt->host);
	if (rc) {
		fx_count(domain, map_failures, 1);
		free(mapping);
		return rc;
	}
	fx_count(domain, map_calls, 1);
	mapping->next = gnt->mappings;
	gnt->mappings = mapping;
	*addrp = mapping->addr;
	return 0;
}

/* The asked-for notice of an unmap, by what was opened at map time. */
static void mapping_tell(struct fx_gnttab *gnt, struct fx_mapping *mapping)
{
	struct fx_track *track = &gnt->host->state->tracks[mapping->tracks[0]];

	if (track->notify_offset != FX_NONE)
		((volatile char *)mapping->addr)[track->notify_offset] = 0;
	if (mapping->notify_fd >= 0) {
		fx_port_notify_by(gnt->host, gnt->domid, track->notify_port,
				  mapping->notify_fd);
		close(mapping->notify_fd);
	}
	track->notify_offset = FX_NONE;
	track->notify_port = FX_NONE;
}

int fx_gnttab_unmap(struct fx_gnttab *gnt, void *addr, uint32_t count)
{
	struct fx_mapping **at = &gnt->mappings, *mapping;
	struct fx_state *state = gnt->host->state;
	struct fx_handle *handle;
	uint32_t dom;

	while (*at && (*at)->addr != addr)
		at = &(*at)->next;
	mapping = *at;
	/* libxengnttab: the range must be exactly what one request mapped. */
	if (!mapping || mapping->count != count)
		return -EINVAL;
	*at = mapping->next;
	mapping_tell(gnt, mapping);
	munmap(addr, (size_t)count * FX_PAGE_SIZE);
	fx_lock(gnt->host);
	handle = fx_handle_find(gnt->host, gnt->id);
	dom = state->tracks[mapping->tracks[0]].dom;
	if (handle)
		mapping_drop(gnt, handle, mapping, count);
	fx_count(&state->domains[dom], unmap_calls, 1);
	fx_unlock(gnt->host);
	free(mapping);
	return 0;
}
