/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fakexen: a Xen host made of plain files, for tests on a machine without Xen.
 *
 * A fake host is a directory. Programs under test see it through stand-ins for
 * libxengnttab, libxenevtchn and libxenctrl (found by LD_LIBRARY_PATH, directory
 * in $FAKEXEN_DIR); tests and test guests see it through this header. Both use
 * the same functions underneath, so a grant made here is mapped there.
 *
 * Functions return 0 or a positive result on success and a negative errno on
 * failure, unless they say otherwise. Nothing here is thread-safe per object;
 * different objects may be used by different threads and processes.
 */
#ifndef FAKEXEN_H
#define FAKEXEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define FX_PAGE_SIZE 4096u
/* Domain ids are table indexes, so a host knows domains 0..63. */
#define FX_DOMAINS_MAX 64u
/* Xen's defaults: 32,768 v1 grants and 1,023 event channels a guest. */
#define FX_GRANTS_MAX 32768u
#define FX_GUEST_PORTS_MAX 1023u

struct fx_host;
struct fx_evtchn;
struct fx_gnttab;
struct fx_dom;
struct fx_xs;

/*
 * What has been done to, and by, one domain. All count from the domain's
 * creation and only grow, except those marked "now".
 */
struct fx_counters {
	uint64_t grants;	/* pages it granted */
	uint64_t grants_ended;
	uint64_t grants_busy;	/* attempts to end a grant still mapped */
	uint64_t map_calls;	/* map requests for its grants that succeeded */
	uint64_t map_pages;
	uint64_t map_failures;	/* map requests for its grants that failed */
	uint64_t unmap_calls;
	uint64_t unmap_pages;
	uint64_t mapped_now;	/* pages of it mapped by others, now */
	uint64_t ports_opened;	/* its ports allocated or bound */
	uint64_t ports_closed;
	uint64_t ports_bound_to;/* binds by others to its unbound ports */
	uint64_t notify_out;	/* notifications it sent */
	uint64_t notify_in;	/* notifications sent to it */
	uint64_t delivered;	/* events its handles were woken for */
	uint64_t unmasks;
};

/* ------------------------------------------------------------ the host */

/**
 * fx_host_create() - make a fake host with domain 0 in a directory
 * @dir: an existing, empty directory; best on a tmpfs
 * @hostp: the host, to be closed with fx_host_close()
 *
 * Return: 0, or -errno.
 */
int fx_host_create(const char *dir, struct fx_host **hostp);

/**
 * fx_host_open() - open a fake host made by fx_host_create()
 * @dir: its directory, or NULL for $FAKEXEN_DIR
 */
int fx_host_open(const char *dir, struct fx_host **hostp);

/** fx_host_close() - let go of a host; the files stay. NULL is allowed. */
void fx_host_close(struct fx_host *host);

/**
 * fx_host_reap() - undo what dead processes left behind
 *
 * A kernel unmaps grants and closes ports when a process dies. Here that is
 * done at the next look: by this function, which the functions that would
 * notice a difference (ending a grant, binding a port, reading counters) call.
 *
 * Return: how many handles had lost their process.
 */
int fx_host_reap(struct fx_host *host);

/** fx_host_handles() - handles (gnttab and evtchn) open now, all domains. */
int fx_host_handles(struct fx_host *host);

/**
 * fx_host_fail_maps() - let map requests fail from now on
 * @skip: so many more succeed first
 * @error: the positive errno they fail with; 0 ends the failing
 */
void fx_host_fail_maps(struct fx_host *host, unsigned int skip, int error);

/* --------------------------------------------------- xenstored, launched */

/**
 * fx_xenstored_start() - run the real xenstored on a fake host
 * @host: the host; the socket is "xenstored/socket" in its directory
 * @preload: path of xenstored's preload library, or NULL for
 *	$FAKEXEN_LIB/xenstored-preload.so
 * @pidp: the process id
 *
 * Waits until it answers, and writes what xen-init-dom0 would. The child dies
 * with the calling thread. Its output goes to "xenstored.log" in the host's
 * directory. Also sets XENSTORED_RUNDIR and XENSTORED_PATH in this process's
 * environment, so that libxenstore finds it.
 */
int fx_xenstored_start(struct fx_host *host, const char *preload, pid_t *pidp);

/* ---------------------------------------------------------- a domain */

/**
 * fx_dom_create() - make a domain with zeroed memory
 * @domid: 1..FX_DOMAINS_MAX - 1, not in use
 * @pages: how much memory, in pages
 * @domp: the domain, to be closed with fx_dom_close()
 *
 * Also allocates its XenStore page (granted to domain 0 by the reserved
 * reference) and port. Page 0 is that page; hand out pages from 1.
 */
int fx_dom_create(struct fx_host *host, uint32_t domid, uint32_t pages,
		  struct fx_dom **domp);

/** fx_dom_open() - see a domain that some other process has made. */
int fx_dom_open(struct fx_host *host, uint32_t domid, struct fx_dom **domp);

/** fx_dom_close() - let go of the domain object; the domain lives on. */
void fx_dom_close(struct fx_dom *dom);

/** fx_dom_mem() - the domain's memory, mapped here, page 0 first. */
void *fx_dom_mem(struct fx_dom *dom);
uint32_t fx_dom_pages(struct fx_dom *dom);
uint32_t fx_dom_id(struct fx_dom *dom);

/**
 * fx_dom_introduce() - what a toolstack does before unpausing
 * @name: the domain's name in XenStore
 *
 * Makes /local/domain/<id> with libxl's permissions and introduces the domain
 * (needs a running xenstored), so that @introduceDomain fires.
 */
int fx_dom_introduce(struct fx_dom *dom, const char *name);

/** fx_dom_shutdown() - the domain has shut down but still exists. */
int fx_dom_shutdown(struct fx_dom *dom, unsigned int reason);

/**
 * fx_dom_destroy() - kill the domain as the hypervisor does
 *
 * Its ports close, xenstored hears of it and fires @releaseDomain. It stays a
 * zombie for as long as somebody maps its pages. The toolstack's part is
 * fx_dom_forget().
 */
int fx_dom_destroy(struct fx_host *host, uint32_t domid);

/** fx_dom_forget() - remove /local/domain/<domid>, as libxl does in the end */
int fx_dom_forget(uint32_t domid);

enum fx_dom_state {
	FX_DOM_ABSENT = 0,
	FX_DOM_ALIVE,
	FX_DOM_DYING,	/* destroyed, but its pages are still mapped */
};

/** fx_dom_state() - reaps first, so the answer is about living processes. */
enum fx_dom_state fx_dom_state(struct fx_host *host, uint32_t domid);

/** fx_dom_counters() - reaps, then reads; @domid may be gone already. */
void fx_dom_counters(struct fx_host *host, uint32_t domid,
		     struct fx_counters *counters);

/* ------------------------------------------------------------- granting */

/**
 * fx_grant() - grant one page of a domain
 * @dom: the granting domain
 * @page: which of its pages
 * @to: the domain that may map it
 * @readonly: only for reading
 *
 * Return: the grant reference, or -ENOSPC.
 */
int fx_grant(struct fx_dom *dom, uint32_t page, uint32_t to, bool readonly);

/**
 * fx_grant_end() - end a grant
 *
 * Return: 0; -EBUSY while it is mapped (the grant stays); -ENOENT.
 */
int fx_grant_end(struct fx_dom *dom, uint32_t gref);

/* ------------------------------------- mapping (the backend's side) */

/** fx_gnttab_open() - a gntdev handle of @domid; its mappings die with it. */
int fx_gnttab_open(struct fx_host *host, uint32_t domid,
		   struct fx_gnttab **gntp);
void fx_gnttab_close(struct fx_gnttab *gnt);
int fx_gnttab_fd(struct fx_gnttab *gnt);

/**
 * fx_gnttab_map() - map grants to one contiguous range
 * @domids: an array of granting domains
 * @domid_stride: 1 if @domids has @count entries, 0 if it has one for all
 * @notify_offset: byte to clear at unmap, or UINT32_MAX; only with @count 1
 * @notify_port: port to notify at unmap, or UINT32_MAX; only with @count 1
 *
 * All or nothing. Return: 0 or -errno (-EINVAL: a bad reference among them).
 */
int fx_gnttab_map(struct fx_gnttab *gnt, uint32_t count,
		  const uint32_t *domids, uint32_t domid_stride,
		  const uint32_t *refs, int prot, uint32_t notify_offset,
		  uint32_t notify_port, void **addrp);

/** fx_gnttab_unmap() - @count must be what was mapped at @addr. */
int fx_gnttab_unmap(struct fx_gnttab *gnt, void *addr, uint32_t count);

/* ------------------------------------------------------ event channels */

/** fx_evtchn_open() - an event channel handle of @domid; ports die with it. */
int fx_evtchn_open(struct fx_host *host, uint32_t domid,
		   struct fx_evtchn **evp);

/** fx_evtchn_fdopen() - the handle whose fd this is, in a new process. */
int fx_evtchn_fdopen(struct fx_host *host, uint32_t domid, int fd,
		     struct fx_evtchn **evp);
void fx_evtchn_close(struct fx_evtchn *ev);

/** fx_evtchn_fd() - readable when fx_evtchn_pending() has something. */
int fx_evtchn_fd(struct fx_evtchn *ev);

/** fx_evtchn_alloc() - an unbound port that @remote may bind to. */
int fx_evtchn_alloc(struct fx_evtchn *ev, uint32_t remote);

/**
 * fx_evtchn_bind() - bind to a remote domain's unbound port
 *
 * As in Xen, the new local port is notified once right away.
 *
 * Return: the local port, -EINVAL if the remote port is not ours to bind.
 */
int fx_evtchn_bind(struct fx_evtchn *ev, uint32_t remote, uint32_t port);

int fx_evtchn_bind_virq(struct fx_evtchn *ev, unsigned int virq);
int fx_evtchn_unbind(struct fx_evtchn *ev, uint32_t port);

/** fx_evtchn_notify() - -ENOTCONN if the port is not this handle's. */
int fx_evtchn_notify(struct fx_evtchn *ev, uint32_t port);

/**
 * fx_evtchn_pending() - take the next port that has an event
 *
 * It stays masked until fx_evtchn_unmask(); events in between are delivered
 * then, as one.
 *
 * Return: the port, as in Linux even if it has been closed since; -EAGAIN if
 * the fd is non-blocking and nothing is there.
 */
int fx_evtchn_pending(struct fx_evtchn *ev);
int fx_evtchn_unmask(struct fx_evtchn *ev, uint32_t port);

/** fx_evtchn_restrict() - only @remote may be bound to from now on. */
int fx_evtchn_restrict(struct fx_evtchn *ev, uint32_t remote);

/** fx_evtchn_wait() - wait for the fd; 1 readable, 0 timed out, -errno. */
int fx_evtchn_wait(struct fx_evtchn *ev, int timeout_ms);

/* -------------------------------- XenStore, seen from inside a guest */

/**
 * fx_xs_open() - speak to xenstored by the guest's own ring page
 *
 * What is read and written here has the guest's permissions and quotas. The
 * domain must have been introduced. One at a time for each domain.
 */
int fx_xs_open(struct fx_dom *dom, struct fx_xs **xsp);
void fx_xs_close(struct fx_xs *xs);

/** fx_xs_fd() - readable when fx_xs_watch_event() may have an event. */
int fx_xs_fd(struct fx_xs *xs);

/** fx_xs_read() - *@valuep is NUL-terminated and to be freed. */
int fx_xs_read(struct fx_xs *xs, uint32_t tx, const char *path, char **valuep);
int fx_xs_write(struct fx_xs *xs, uint32_t tx, const char *path,
		const char *value);
int fx_xs_mkdir(struct fx_xs *xs, uint32_t tx, const char *path);
int fx_xs_rm(struct fx_xs *xs, uint32_t tx, const char *path);
/** fx_xs_begin() - start a transaction; -EAGAIN from fx_xs_end() is "retry" */
int fx_xs_begin(struct fx_xs *xs, uint32_t *txp);
int fx_xs_end(struct fx_xs *xs, uint32_t tx, bool abort);
int fx_xs_watch(struct fx_xs *xs, const char *path, const char *token);
int fx_xs_unwatch(struct fx_xs *xs, const char *path, const char *token);

/**
 * fx_xs_watch_event() - the next watch event
 * @pathp: what changed; to be freed
 * @timeout_ms: how long to wait; 0 only looks, -1 waits for ever
 *
 * Return: 1 with an event, 0 without, -errno.
 */
int fx_xs_watch_event(struct fx_xs *xs, char **pathp, int timeout_ms);

#endif
