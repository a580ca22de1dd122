/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: Theory of operation
 *
 * One file, "state", mapped by every process of the fake host, holds the domain
 * table, every grant table and every event-channel table. "dom<N>.mem" is a
 * domain's memory: mapping a grant is an mmap() of one of its pages.
 *
 * A handle (an open /dev/xen/gntdev or /dev/xen/evtchn) is a row in the handle
 * table and a file, "gnt.<id>" or "ev.<id>", that its process holds open and
 * flock()ed. The kernel drops that lock when the last descriptor of the handle
 * goes away, by close, exec or death: whoever then gets the lock knows that the
 * handle is dead, and undoes its mappings and ports ("reaping").
 *
 * An event-channel handle's file is a FIFO which carries port numbers, as
 * read() of /dev/xen/evtchn does. A port is in the FIFO at most once, so it
 * cannot fill up. Each port has one delivery word:
 *
 *   IDLE     enabled, nothing pending. A notification writes the port number to
 *            the FIFO and makes it MASKED.
 *   MASKED   in the FIFO, or read and not yet unmasked. A notification makes it
 *            PENDING, silently.
 *   PENDING  masked, with an event behind. Unmasking makes it MASKED and writes
 *            the port number to the FIFO again.
 *
 * Notification, taking and unmasking use atomics on the state and read() and
 * write() on descriptors that were opened at bind time. Nothing else: they work
 * inside a program's seccomp sandbox. Everything else holds the one lock.
 */
#ifndef FX_STATE_H
#define FX_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "fakexen.h"

#define FX_MAGIC 0x31587846u	/* "FxX1" */
/* Domain 0 may have more ports than a guest; the table is the same for all. */
#define FX_PORTS_MAX 4096u
/* Xen's default maptrack for domain 0. */
#define FX_TRACKS_MAX 262144u
/* gntdev's limit of pages in one request. */
#define FX_MAP_PAGES_MAX 65536u
#define FX_HANDLES_MAX 256u
#define FX_NONE UINT32_MAX

enum fx_port_state {
	FX_PORT_FREE = 0,
	FX_PORT_UNBOUND,
	FX_PORT_BOUND,
	FX_PORT_VIRQ,
};

enum fx_delivery {
	FX_IDLE = 0,
	FX_MASKED,
	FX_PENDING,
};

struct fx_port {
	_Atomic uint32_t state;
	_Atomic uint32_t delivery;
	_Atomic uint32_t handle;	/* id of the owning handle */
	_Atomic uint32_t remote_dom;	/* VIRQ: the virq's number */
	_Atomic uint32_t remote_port;
};

#define FX_GRANT_VALID 1u
#define FX_GRANT_READONLY 2u

struct fx_grant_entry {
	uint32_t flags;
	uint32_t to;
	uint32_t page;
	uint32_t mapcount;
};

/* One mapped page. */
struct fx_track {
	uint32_t handle;	/* 0: free */
	uint32_t dom;
	uint32_t gref;
	uint32_t notify_offset;
	uint32_t notify_port;
};

struct fx_domain {
	_Atomic uint32_t state;		/* enum fx_dom_state */
	_Atomic uint32_t shutdown;	/* 0, or 1 + reason */
	uint32_t pages;
	uint32_t xenstore_port;
	uint32_t ports_max;
	_Atomic uint64_t counters[sizeof(struct fx_counters) / 8];
	struct fx_port ports[FX_PORTS_MAX];
	struct fx_grant_entry grants[FX_GRANTS_MAX];
};

enum fx_handle_kind {
	FX_HANDLE_FREE = 0,
	FX_HANDLE_GNTTAB,
	FX_HANDLE_EVTCHN,
};

struct fx_handle {
	uint32_t kind;
	uint32_t id;		/* serial * FX_HANDLES_MAX + its own index */
	uint32_t dom;
	uint32_t tracks;	/* mapped pages */
	uint64_t inode;		/* of its file, for fdopen */
};

struct fx_state {
	uint32_t magic;
	uint32_t handle_serial;
	pthread_mutex_t lock;
	uint32_t track_hint;
	_Atomic uint32_t fail_skip;
	_Atomic uint32_t fail_errno;
	struct fx_handle handles[FX_HANDLES_MAX];
	struct fx_track tracks[FX_TRACKS_MAX];
	struct fx_domain domains[FX_DOMAINS_MAX];
};

struct fx_host {
	int dirfd;
	char *dir;
	struct fx_state *state;
};

#define fx_count(dom, field, n)						\
	atomic_fetch_add_explicit(					\
		&(dom)->counters[offsetof(struct fx_counters, field) / 8], \
		(uint64_t)(n), memory_order_relaxed)

void fx_lock(struct fx_host *host);
void fx_unlock(struct fx_host *host);

/* All with the lock held. */
int fx_reap_locked(struct fx_host *host);
int fx_handle_new(struct fx_host *host, enum fx_handle_kind kind, uint32_t dom,
		  uint32_t *idp, int *fdp);
void fx_handle_free(struct fx_host *host, struct fx_handle *handle);
struct fx_handle *fx_handle_find(struct fx_host *host, uint32_t id);
void fx_tracks_release(struct fx_host *host, struct fx_handle *handle);
void fx_ports_release(struct fx_host *host, struct fx_handle *handle);
void fx_port_close(struct fx_host *host, uint32_t dom, uint32_t port);
void fx_domain_settle(struct fx_host *host, uint32_t domid);

void fx_virq_raise(struct fx_host *host, unsigned int virq);
/* A one-off notification of a port from outside any handle. */
void fx_port_deliver(struct fx_host *host, uint32_t dom, uint32_t port);
/* The same in two steps, the second of which needs only write(). */
int fx_port_peer_open(struct fx_host *host, uint32_t dom, uint32_t port);
void fx_port_notify_by(struct fx_host *host, uint32_t dom, uint32_t port,
		       int fd);
int fx_mem_create(struct fx_host *host, uint32_t domid, uint32_t pages);
int fx_mem_open(struct fx_host *host, uint32_t domid);

/* Xen's number of the "domain exception" virtual interrupt. */
#define FX_VIRQ_DOM_EXC 3u

#endif
