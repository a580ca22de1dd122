/* SPDX-License-Identifier: GPL-2.0 */
/*
 * toe.h - the inventory of TOEs: which there are, and how they are.
 *
 * Theory of operation
 *
 * The configuration names the TOEs; netlink tells how their devices are; the
 * result stands in the TOE table (tables.h), a file in the run directory that
 * vtoed writes and each worker maps for reading. The file outlives vtoed: the
 * next one finds each TOE in the row that it had, because workers and guests
 * know TOEs by row and generation. A row whose TOE is configured no more
 * becomes TOE_ABSENT; its generation changes when another TOE, or the same on
 * another device, takes the row. A device that goes and comes back is the same
 * TOE; only its ifindex changes, and guests' links on it must be made again.
 */
#ifndef TOE_SERVICE_TOE_H
#define TOE_SERVICE_TOE_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "health.h"
#include "netlink.h"
#include "offloads.h"
#include "publish.h"
#include "stack.h"
#include "tables.h"

#define TOE_REASON_MAX 64 /* bytes, with the NUL */

struct dhcp;
struct guest_net;

/* How its guests share what it sends; sharing.c keeps it. */
struct toe_sharing_state {
	bool looked;   /* what an earlier vtoed may have left is gone */
	uint64_t rate; /* bytes a second that they share; 0: they do not */
	char error[TOE_ERROR_MAX]; /* why not, if they should; or "" */
};

struct toe {
	struct config_toe conf; /* name "": not in use */
	uint32_t row;
	enum toe_state state;
	uint32_t ifindex;  /* of what guests' links are on; 0: it is not there */
	uint32_t mtu;	   /* of that: guests' links cannot have more */
	struct offloads has; /* its device, when it was looked at last */
	bool drained;	   /* by the administrator */
	bool unpublished;  /* its state has changed since it was published */
	uint32_t devices;  /* guests' devices that use it */
	uint32_t load;	   /* their connections */
	uint64_t since_ns; /* CLOCK_MONOTONIC of the last change of state */
	char reason[TOE_REASON_MAX]; /* why it is not up; "" if it is */
	uint32_t logged, unlogged; /* changes since the log was quiet */
	struct health health;
	struct toe_sharing_state sharing;
	struct toe_traffic past; /* of guests that are gone; see traffic.h */
	bool published; /* all of it */
	bool inherited; /* by a match, from an earlier vtoed: expand.h */
};

typedef void inventory_fn(void *arg);

struct inventory {
	struct loop *loop;
	const struct config *written; /* not owned; with matches */
	struct config *config;	      /* in effect: match.h */
	uint32_t left_out;	      /* TOEs by a match: there is no room */
	struct netlink netlink;
	char table_path[256];
	struct toe_table *table;
	struct toe toe[TOE_TABLE_MAX]; /* by row */
	struct guest_net *guests;      /* list; see guest.h */
	char netns_dir[128];
	struct dhcp *dhcp;	       /* clients; NULL: see dhcp.h */
	struct loop_timer log_timer; /* armed: the log is not quiet */
	struct loop_timer share_timer; /* armed: shares are to be looked at */
	bool sharing; /* guests are known: shares may be set */
	struct publisher publisher; /* write == NULL: nobody to tell */
	inventory_fn *changed;
	void *changed_arg;
};

/**
 * inventory_open - map or make the TOE table, listen to netlink
 * @inv: zeroed
 * @run_dir: directory of the table
 * @netns_dir: where named network namespaces are
 *
 * Returns 0 or a negative errno; logs why.
 */
int inventory_open(struct inventory *inv, struct loop *loop,
		   const char *run_dir, const char *netns_dir);

/** inventory_close - the table's file stays. */
void inventory_close(struct inventory *inv);

/**
 * inventory_configure - take over a configuration
 * @written: must live until the next call or inventory_close()
 *
 * What netdevs match is looked for now, and whenever links change. Returns 0,
 * -ENOSPC if the table has no row left, or another negative errno (logged).
 */
int inventory_configure(struct inventory *inv, const struct config *written);

/**
 * inventory_recounted - toe->devices is new
 * @had: what it was
 *
 * A TOE that is there by a match, that guests have left, and whose netdev is gone
 * will go, too, soon after.
 */
void inventory_recounted(struct inventory *inv, struct toe *toe, uint32_t had);

/** inventory_refresh - look at each TOE's device now. */
void inventory_refresh(struct inventory *inv);

/**
 * inventory_drain - have a TOE left by all who can, or (false) let it be used
 *
 * Letting it be used forgets its failures, too. It is remembered in the table, and
 * so by the next vtoed, until undone or until the TOE is configured no more. Devices
 * are moved before this returns.
 */
void inventory_drain(struct inventory *inv, struct toe *toe, bool drained);

/** inventory_publish - tell the publisher everything. */
void inventory_publish(struct inventory *inv);

/**
 * inventory_device - what guests' links are on: the netdev, or a VLAN link of it
 * @name: TABLE_IFNAME_MAX bytes
 */
void inventory_device(const struct toe *toe, char *name);

/** inventory_find - a TOE by its name; NULL if there is none. */
struct toe *inventory_find(struct inventory *inv, const char *name);

/** inventory_generation - of a TOE's row. */
uint32_t inventory_generation(const struct inventory *inv,
			      const struct toe *toe);

/**
 * inventory_state - of the TOE that had a row when it had a generation
 *
 * TOE_ABSENT if it is configured no more, or otherwise.
 */
enum toe_state inventory_state(const struct inventory *inv, uint32_t row,
			       uint32_t generation);

/**
 * inventory_pool_row - where the TOE table has a pool
 *
 * Returns its row or -ENOENT.
 */
int inventory_pool_row(const struct inventory *inv, const char *name);

/** inventory_set_load - connections on each TOE, by row. */
void inventory_set_load(struct inventory *inv, const uint32_t *load);

/** inventory_set_pool_load - sockets of each pool's guests, by the pool's row. */
void inventory_set_pool_load(struct inventory *inv, const uint32_t *sockets);

/** inventory_pool_load - as set last. */
uint32_t inventory_pool_load(const struct inventory *inv, const char *name);

/**
 * inventory_judge - look at each TOE's health, at the end of a window
 * @report: @nr of them, of any TOEs in any order; is put into order
 *
 * Devices are moved before this returns.
 */
void inventory_judge(struct inventory *inv, struct health_report *report,
		     size_t nr);

/**
 * inventory_table_fd - a descriptor of the table for a worker, for reading
 *
 * Returns it (close-on-exec, the caller's) or a negative errno.
 */
int inventory_table_fd(const struct inventory *inv);

/** toe_state_name - as people read it; "" for a number that is no state. */
const char *toe_state_name(uint32_t state);

#endif /* TOE_SERVICE_TOE_H */
