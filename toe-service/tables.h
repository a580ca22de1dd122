/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tables.h - the two tables that vtoed shares with each worker (memfd).
 *
 * Theory of operation
 *
 * The TOE table flows down: vtoed writes it, all workers map it read-only, and
 * placement reads it without a system call. The context table flows up: one for
 * each worker, which alone writes it; vtoed maps it read-only but for the
 * "dirty" bitmap, and mirrors changed rows into XenStore. A worker is not
 * trusted: vtoed copies a row, checks it (strings end, indexes in range), and
 * uses the copy. The tables outlive vtoed: the worker holds both descriptors
 * and hands them to the next vtoed, so their layout has a version.
 *
 * A row is guarded by a sequence number: odd while it is written. A reader that
 * sees an odd number, or another one after copying than before, tries again.
 */
#ifndef TOE_SERVICE_TABLES_H
#define TOE_SERVICE_TABLES_H

#include <stdint.h>
#include <stdio.h>

#include "../xenstore-schema/vtoe_wire.h"

#define TABLE_VERSION 4u
#define TABLE_NAME_MAX 32u   /* TOE, pool and driver names, with the NUL */
#define TABLE_IFNAME_MAX 16u /* IFNAMSIZ */
#define TOE_TABLE_MAX 64u    /* TOEs of a host: more than PCI slots */
#define POOL_TABLE_MAX 64u   /* pools: one for each TOE, say */
#define TABLE_SETTINGS_MAX 192u /* of a TOE, for its driver, with the NUL */

/* An address of a guest on a TOE. */
struct toe_address {
	struct vtoe_addr addr;	  /* family 0: none; port unused */
	uint32_t prefix;	  /* bits */
	struct vtoe_addr gateway; /* family 0: none */
};

/*
 * More are a routing protocol's affair. Each message to a worker has room for this many
 * of each TOE context (worker_proto.h), and so has the line of an added TOE.
 */
#define ROUTES_MAX 8u

/* A network that a TOE's guests reach by another router than the gateway. */
struct toe_route {
	struct vtoe_addr dst; /* bits behind the prefix are zero; port unused */
	uint32_t prefix;      /* bits; not 0 */
	struct vtoe_addr via; /* on the link */
};

struct toe_routes {
	uint32_t nr;
	struct toe_route route[ROUTES_MAX]; /* of any families; rest: zero */
};

/* ---- TOE table: vtoed → workers ---- */

enum toe_state {
	TOE_ABSENT = 0, /* row not in use */
	TOE_DOWN = 1,	/* configured; no link, no address, or not there */
	TOE_UP = 2,
	TOE_DEGRADED = 3, /* works, but is avoided */
	TOE_DRAINING = 4, /* keeps what it has, takes nothing new */
	TOE_GONE = 5,	  /* its netdev has disappeared */
};

#define TOE_ROW_DRAINED 0x1u /* by the administrator, until undone */
#define TOE_ROW_FAILS 0x2u   /* degraded for its failures: health.h */

struct toe_row {
	uint32_t seq;	     /* odd while written */
	uint32_t generation; /* changed when the row is reused */
	uint32_t state;	     /* enum toe_state */
	uint32_t weight;     /* 1 … 1000 */
	uint32_t capacity;   /* connections; 0: no limit */
	uint32_t load;	     /* connections on it, all guests, by vtoed's count */
	uint32_t ifindex;    /* of the netdev in vtoed's namespace, 0: none */
	uint32_t flags;	     /* TOE_ROW_*; for the next vtoed */
	uint64_t changed_ns; /* CLOCK_MONOTONIC of the last change of state */
	char name[TABLE_NAME_MAX];
	char driver[TABLE_NAME_MAX];
	char netdev[TABLE_IFNAME_MAX];
};

enum pool_policy {
	POOL_LEAST_LOADED = 0, /* for its weight */
	POOL_IN_ORDER = 1,     /* the first that works */
	POOL_ROUND_ROBIN = 2,  /* each in turn */
	POOL_WEIGHTED = 3,     /* each as often as its weight says */
	POOL_HASH = 4,	       /* a peer always to the same one */
};

#define POOL_NO_MEMBER 255u

/* Each field is written by itself, in one piece: there is no seq. */
struct pool_row {
	char name[TABLE_NAME_MAX]; /* "": not in use */
	uint32_t policy;	   /* enum pool_policy */
	/* sockets that its guests, or one device, may have; 0: no limit */
	uint32_t max_sockets, max_device_sockets;
	uint32_t sockets; /* of all its guests, by vtoed's count */
	/* by the TOE's row: its place in the pool's list, or POOL_NO_MEMBER */
	uint8_t position[TOE_TABLE_MAX];
};

struct toe_table {
	uint32_t version; /* TABLE_VERSION */
	uint32_t nr_rows; /* TOE_TABLE_MAX */
	uint64_t changes; /* goes up by one with each change of any row */
	struct toe_row row[TOE_TABLE_MAX];
	struct pool_row pool[POOL_TABLE_MAX];
};

/**
 * table_link_name - what a TOE context's link is called in a guest's namespace
 * @row: of its TOE in the TOE table
 * @index: which of the guest's TOE contexts
 *
 * vtoed makes the link, and a driver in the worker may have to find it. Linux
 * refuses a name that vtoed's own namespace has, too.
 */
static inline void table_link_name(uint32_t row, uint32_t index,
				   char name[TABLE_IFNAME_MAX])
{
	if (index)
		snprintf(name, TABLE_IFNAME_MAX, "vtoe%u_%u",
			 row % TOE_TABLE_MAX, index % 8u);
	else
		snprintf(name, TABLE_IFNAME_MAX, "vtoe%u", row % TOE_TABLE_MAX);
}

/* ---- context table: worker → vtoed ---- */

enum context_state {
	CONTEXT_FREE = 0,
	CONTEXT_OPEN = 1,	 /* neither bound nor connected */
	CONTEXT_BOUND = 2,
	CONTEXT_LISTENING = 3,
	CONTEXT_CONNECTING = 4,
	CONTEXT_ESTABLISHED = 5, /* both ways, or one way closed */
	CONTEXT_CLOSING = 6,	 /* released by the guest, still draining */
	CONTEXT_FAILED = 7,	 /* over, with an error; not yet released */
};

/* No TOE was left: the address of its TOE context is another one. */
#define CONTEXT_LEFT_ADDRESS 100u

enum context_request {
	REQUEST_NONE = 0,
	REQUEST_BIND = 1,
	REQUEST_LISTEN = 2,
	REQUEST_CONNECT = 3,
	REQUEST_ACCEPT = 4, /* accepted from the listener in requested.parent */
};

struct context_row {
	uint32_t seq;	     /* odd while written */
	uint32_t slot;	     /* the slot's number = the row's number */
	uint32_t generation; /* the slot's generation */
	uint32_t state;	     /* enum context_state */

	struct { /* verbatim, as the guest asked */
		uint32_t request; /* enum context_request */
		uint16_t family, type;
		uint32_t uid;
		uint32_t backlog;
		uint32_t parent;	/* slot of the listener, for accept */
		struct vtoe_addr local; /* bind(), zeroed if not bound */
		struct vtoe_addr remote;
	} requested;

	struct { /* what it became */
		int32_t toe; /* row in the TOE table, -1: none (yet) */
		uint32_t toe_generation;
		struct vtoe_addr local;
		struct vtoe_addr remote;
	} resolved;

	uint32_t remaps;
	/* enum toe_state of the TOE that the last one left, or _LEFT_ADDRESS */
	uint32_t left;
	uint64_t remapped_ns; /* CLOCK_MONOTONIC of the last one, or 0 */
	uint32_t error; /* errno, with CONTEXT_FAILED */
	uint64_t since_ns; /* CLOCK_MONOTONIC of the last change of state */
};

/* Counters of one worker; written by it alone, read with relaxed loads. */
struct worker_counters {
	uint64_t tx_bytes, rx_bytes;	     /* as seen from the guest */
	uint64_t notifies;		     /* events sent to the guest */
	uint64_t events;		     /* events received from it */
	uint64_t doorbells;		     /* slots looked at for a doorbell */
	uint64_t commands;		     /* commands carried out */
	uint64_t syscalls;		     /* all system calls of the loop */
	uint64_t connects, accepts, releases; /* successful ones */
	uint64_t refused;		     /* commands answered with an error */
	uint64_t grant_maps, grant_unmaps;   /* calls; flat once connected */
	uint64_t evtchn_binds;		     /* flat once connected */
	uint64_t runs_failed;		     /* RX arena was exhausted */
	uint64_t datagrams_lost;	     /* refused by the stack, or no room */
	uint32_t contexts;		     /* in use now */
	uint32_t rx_pages_used;		     /* RX arena pages handed out now */
	uint64_t placements;
	uint64_t remaps;
	uint64_t limited; /* sockets refused, and waits for one, by a limit */
	uint64_t moves, moves_failed; /* streams from one stack to another */
};

/*
 * What a worker has seen of one TOE, as struct worker_counters is written and
 * read. toe-service/health.h says what is made of it.
 */
struct toe_usage {
	uint64_t operations; /* but for those that said -EAGAIN */
	uint64_t failures;   /* of them, the engine's: failure.h */
	uint32_t silent;     /* for how long it has not answered, in seconds */
	uint32_t zero;
};

/*
 * What has become of a worker's sockets on one TOE: that of a row when it had this
 * generation. Written and read as struct worker_counters.
 */
struct toe_tally {
	uint32_t generation;
	uint32_t zero;
	uint64_t placed;   /* sockets that placement put there */
	uint64_t opened;   /* connections, from either side, that stood */
	uint64_t remapped; /* sockets that have come from elsewhere */
	uint64_t failed;   /* connects, for whatever reason */
};

#define CONTEXT_TOES_MAX 8u /* TOE contexts of one device */
/* Drivers that a device's TOE contexts may come to, beside those they are on. */
#define CONTEXT_DRIVERS_MAX 4u
#define CONTEXT_ASSIST_MAX  64u /* descriptors of one message; Linux: 253 */

struct context_table {
	uint32_t version;  /* TABLE_VERSION */
	uint32_t nr_rows;  /* = the device's slots */
	uint64_t row_size; /* sizeof(struct context_row) */
	struct worker_counters counters;
	uint32_t on_toe[CONTEXT_TOES_MAX]; /* contexts on each TOE context */
	struct toe_usage usage[TOE_TABLE_MAX]; /* by row of the TOE table */
	struct toe_tally tally[TOE_TABLE_MAX]; /* by the same */
	struct vtoe_guest_counters guest; /* copied by the worker each second */
	uint64_t dirty_summary[16];	  /* as the doorbell: worker sets, */
	uint64_t dirty[VTOE_MAX_SLOTS / 64]; /* vtoed clears */
	struct context_row row[];
};

#endif /* TOE_SERVICE_TABLES_H */
