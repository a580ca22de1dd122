/* SPDX-License-Identifier: GPL-2.0 */
/*
 * link.h - one connection of a device to its backend: the shared memory, its
 * grants, the event channel, and who is told of what.
 *
 * Theory of operation
 *
 * A link is made when the backend waits for one, is live from Connected on, and
 * dies once: because the backend closes, because dom0 broke the protocol, or
 * because the driver goes. A socket belongs to one link and never to a later
 * one, so that nothing can mistake one life of the device for another.
 *
 * Death has two phases. vtoe_link_kill() makes it dead: no new socket finds the
 * link, every waiting call returns -ENETDOWN, every socket is told (see
 * vtoe_sock_link_died()). Each socket is taken through its own lock, and poll()
 * through RCU, so that when the function returns nobody reads or writes the
 * shared memory any more. vtoe_link_free(), once the backend is Closed, ends the
 * grants and gives the memory back. The structure itself lives until the last
 * socket lets go of it.
 *
 * Lock order: vtoe_sock.ctl, lock_sock(), vtoe_link.lock, wait queue locks.
 * vtoe_link.lock ("device lock") is taken with bottom halves disabled; the
 * tasklet, which does all work of the event channel, takes it, too.
 */
#ifndef VTOE_MODULE_LINK_H
#define VTOE_MODULE_LINK_H

#include <linux/interrupt.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <xen/grant_table.h>

#include "../core/front.h"
#include "way.h"

struct vtoe_sock;
struct xenbus_device;

struct vtoe_counters {
	atomic64_t notifies, interrupts, grants, evtchns;
	atomic64_t offloaded, native;
	atomic64_t fallbacks, denied;
	atomic64_t rx_bytes, tx_bytes;
	atomic64_t calls; /* sends and receives */
	atomic64_t violations;
};

extern struct vtoe_counters vtoe_counters; /* since load */

struct vtoe_link {
	struct kref ref;
	struct rcu_head rcu;
	spinlock_t lock; /* the device lock */
	bool dead;	 /* set once; device lock, or READ_ONCE() as a hint */
	bool ipv6, udp;	 /* the backend has feature-ipv6, feature-udp */
	struct front front;
	struct vtoe_sock **sock;   /* by slot; device lock */
	struct list_head calls;	   /* vtoe_call.node; device lock */
	struct list_head tx_held;  /* vtoe_sock.tx_node, has a run; device lock */
	struct list_head tx_short; /* vtoe_sock.tx_node, wants one; device lock */
	struct vtoe_ways ways;	   /* device lock */
	wait_queue_head_t room;	   /* for an entry of the submission ring */
	struct tasklet_struct tasklet;
	struct delayed_work reclaim; /* takes idle runs back, copies counters */
	struct delayed_work flush;   /* sends an event that was held back */
	int irq;
	unsigned int port;
	unsigned int idle_events; /* in a row; tasklet only */
	void (*broken)(void *arg); /* device lock held; must cause a kill, later */
	void *broken_arg;

	void *area; /* layout page, directory pages, shared pages */
	unsigned int nr_area_pages;
	grant_ref_t *refs;
	unsigned int nr_refs; /* granted so far */
	void *memory;	      /* of front */
};

/* Sizes to ask for; each is made fit for the contract and the backend. */
struct vtoe_sizes {
	unsigned int entries, slots, tx_pages, rx_pages;
};

/**
 * vtoe_link_create - allocate and grant the memory, make the event channel
 * @xbdev: the device
 * @sizes: within the contract's and the backend's limits
 * @broken: called if dom0 breaks the protocol, not after vtoe_link_kill();
 *          from a tasklet or with bottom halves disabled
 *
 * Returns the link, not live yet, or an ERR_PTR(). Sleeps.
 */
struct vtoe_link *vtoe_link_create(struct xenbus_device *xbdev,
				   const struct vtoe_sizes *sizes,
				   void (*broken)(void *arg), void *arg);

/* The layout page's grant, and the event channel's port, for XenStore. */
grant_ref_t vtoe_link_layout_ref(const struct vtoe_link *link);
unsigned int vtoe_link_port(const struct vtoe_link *link);

/* Sockets use it from now on. */
void vtoe_link_publish(struct vtoe_link *link);

/* Phase 1 of its death; sleeps; harmless if dead. */
void vtoe_link_kill(struct vtoe_link *link);

/**
 * vtoe_link_free - phase 2: end the grants, drop the creator's reference
 * @link: killed; the backend has let go of the memory, or will never. What it
 *        still maps is freed when it does (XSA-396).
 */
void vtoe_link_free(struct vtoe_link *link);

/* The live link, with a reference, or NULL. */
struct vtoe_link *vtoe_link_get(void);
bool vtoe_link_live(void);
void vtoe_link_put(struct vtoe_link *link);

/* Send an event if dom0 sleeps. Any context. */
void vtoe_link_notify(struct vtoe_link *link);

/* The same, a moment later, for a caller that expects to have more soon. */
void vtoe_link_notify_later(struct vtoe_link *link);

/* Take a run back; device lock held. Wakes who waits for one. */
void vtoe_link_free_run(struct vtoe_link *link, u32 run);

/* Idle runs are wanted now. */
void vtoe_link_reclaim(struct vtoe_link *link);

#endif /* VTOE_MODULE_LINK_H */
