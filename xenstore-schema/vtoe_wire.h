/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vtoe_wire.h - what a vTOE frontend and backend share in memory, version 2.
 *
 * Only the structures and numbers of the contract stand here, no behaviour and
 * no run-time state of either side. README.md beside this file is the
 * specification; section numbers below refer to it.
 *
 * The header compiles in the Linux kernel, in C11 and in C++11. All numbers
 * are little-endian (Xen/x86), except addresses and ports, which are in
 * network byte order, as in struct sockaddr_in.
 */
#ifndef VTOE_WIRE_H
#define VTOE_WIRE_H

#ifdef __KERNEL__
#include <linux/types.h>
#include <linux/build_bug.h>
#include <linux/stddef.h>
#else
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#endif

#ifdef __cplusplus
#define VTOE_ASSERT(cond) static_assert(cond, #cond)
#else
#define VTOE_ASSERT(cond) _Static_assert(cond, #cond)
#endif

#define VTOE_WIRE_MAGIC	  0x454f5476u /* "vTOE" */
#define VTOE_WIRE_VERSION 2u

/* Section 4: sizes. Everything shared is made of Xen's 4 KiB grant frames. */
#define VTOE_PAGE_SHIFT	   12u
#define VTOE_PAGE_SIZE	   4096u
#define VTOE_SLOT_SIZE	   128u
#define VTOE_ENTRY_SIZE	   64u
#define VTOE_MIN_SLOTS	   64u
#define VTOE_MAX_SLOTS	   65536u /* the two-level doorbell covers no more */
#define VTOE_MIN_ENTRIES   64u
#define VTOE_MAX_ENTRIES   4096u
#define VTOE_MAX_QUEUES	   1u /* version 2; the layout has room for more */
#define VTOE_MAX_RUN_ORDER 10u /* a run is at most 2^10 pages, 4 MiB */
#define VTOE_REFS_PER_PAGE 1024u
#define VTOE_MAX_DIRS	   64u /* 64 * 1024 pages = gntdev's limit of 65,536 */

/*
 * Section 4.1: the layout page. Granted read-only; its reference stands in
 * XenStore. The backend copies it once, before it answers Initialised.
 */
struct vtoe_layout {
	uint32_t magic;	       /* VTOE_WIRE_MAGIC */
	uint32_t version;      /* VTOE_WIRE_VERSION */
	uint32_t nr_queues;    /* 1 … the backend's max-queues */
	uint32_t nr_entries;   /* of each ring; power of two */
	uint32_t nr_slots;     /* power of two */
	uint32_t nr_tx_pages;  /* arena, guest to dom0 */
	uint32_t nr_rx_pages;  /* arena, dom0 to guest */
	uint32_t nr_pages;     /* all shared pages, layout page excluded */
	uint32_t nr_dirs;      /* directory pages = ceil(nr_pages / 1024) */
	uint32_t zero[7];      /* must be zero */
	uint32_t dir_ref[VTOE_MAX_DIRS]; /* grant of each directory page */
};

/* A directory page: grant references of the shared pages, in order. */
struct vtoe_directory {
	uint32_t ref[VTOE_REFS_PER_PAGE];
};

/* Section 6: counters that a frontend reports; informative, never trusted. */
struct vtoe_guest_counters {
	uint64_t notifies;   /* event channel notifications sent */
	uint64_t interrupts; /* event channel notifications received */
	uint64_t grants;     /* grant references made since load */
	uint64_t evtchns;    /* event channels allocated since load */
	uint64_t offloaded;  /* sockets decided "offload" */
	uint64_t native;     /* sockets decided "native" */
	uint64_t rx_bytes;
	uint64_t tx_bytes;
	uint64_t calls; /* send and receive calls of programs */
};

/*
 * Section 4.2: the first page of each queue. Each group of fields has a cache
 * line of its own; who writes it stands in the comment. *_asleep is set by the
 * side that goes to sleep and cleared, atomically, by the one that wakes it.
 */
struct vtoe_queue_page {
	/* written by the guest */
	uint32_t sq_prod;
	uint32_t cq_cons;
	uint32_t zero0[14];
	/* written by dom0 */
	uint32_t sq_cons;
	uint32_t cq_prod;
	uint32_t zero1[14];
	/* written by both, atomically */
	uint32_t dom0_asleep; /* 1: dom0 wants an event for new work */
	uint32_t zero2[15];
	uint32_t guest_asleep; /* 1: the guest wants an event for new work */
	uint32_t zero3[15];
	/* written by both, atomically: one bit a word of the doorbell bitmaps */
	uint64_t dom0_summary[16]; /* set by the guest */
	uint64_t guest_summary[16]; /* set by dom0 */
	/* written by the guest */
	struct vtoe_guest_counters counters;
};

/* Section 5.1: an address. IPv4 uses the first four bytes of addr. */
#define VTOE_INET  2u
#define VTOE_INET6 10u

struct vtoe_addr {
	uint16_t family;   /* VTOE_INET, VTOE_INET6 */
	uint16_t port;	   /* network byte order */
	uint32_t flowinfo; /* IPv6, network byte order; else zero */
	uint8_t addr[16];  /* network byte order */
	uint32_t scope_id; /* IPv6; else zero */
};

/*
 * Section 4.3: a run, a power-of-two number of arena pages, as one number.
 * Bits 0-23: first page in the arena; bits 24-30: order; bit 31: valid.
 * A run of order n starts at a multiple of 2^n.
 */
#define VTOE_RUN_VALID	     0x80000000u
#define VTOE_RUN_ORDER_SHIFT 24u
#define VTOE_RUN_ORDER_MASK  0x7fu
#define VTOE_RUN_PAGE_MASK   0x00ffffffu
#define VTOE_RUN_NONE	     0u

/* Section 5.2: the guest's half of a slot. Only the guest writes it. */
struct vtoe_slot_guest {
	uint32_t gen;	   /* generation; changed before each reuse */
	uint32_t tx_prod;  /* bytes produced, free-running */
	uint32_t rx_cons;  /* bytes consumed, free-running */
	uint32_t tx_run;   /* run of the TX arena */
	uint32_t rx_event; /* ring when rx_prod passes this */
	uint32_t tx_event; /* ring when tx_cons passes this */
	uint32_t flags;	   /* VTOE_GUEST_* */
	uint32_t zero[9];  /* must be zero */
};

#define VTOE_GUEST_FIN	   0x1u /* nothing follows tx_prod: shutdown(SHUT_WR) */
#define VTOE_GUEST_SHUT_RD 0x2u /* nobody reads any more: shutdown(SHUT_RD) */

/* Section 5.3: dom0's half of a slot. Only dom0 writes it. */
struct vtoe_slot_dom0 {
	uint32_t gen;	    /* the generation that dom0 serves */
	uint32_t rx_prod;   /* bytes produced, free-running */
	uint32_t tx_cons;   /* bytes consumed, free-running */
	uint32_t rx_run;    /* run of the RX arena */
	uint32_t tx_event;  /* ring when tx_prod passes this */
	uint32_t rx_event;  /* ring when rx_cons passes this */
	uint32_t flags;	    /* VTOE_DOM0_* */
	uint32_t error;	    /* pending errno (Linux numbers), 0: none */
	uint32_t error_seq; /* datagrams: moves with each error, after it */
	uint32_t zero[7];
};

#define VTOE_DOM0_FIN 0x1u /* nothing follows rx_prod: the peer closed */
#define VTOE_DOM0_HUP 0x2u /* the connection is over, both ways */

struct vtoe_slot {
	struct vtoe_slot_guest guest;
	struct vtoe_slot_dom0 dom0;
};

/* Section 5.4: commands. */
enum vtoe_op {
	VTOE_OP_OPEN = 1,
	VTOE_OP_BIND = 2,
	VTOE_OP_LISTEN = 3,
	VTOE_OP_CONNECT = 4,
	VTOE_OP_SETOPT = 5,
	VTOE_OP_GETOPT = 6,
	VTOE_OP_RELEASE = 7,
};

/* OPEN: types, as Linux numbers them. */
#define VTOE_STREAM   1u /* feature-tcp */
#define VTOE_DATAGRAM 2u /* feature-udp */

struct vtoe_open {
	uint16_t family; /* VTOE_INET, VTOE_INET6 */
	uint16_t type;	 /* VTOE_STREAM, VTOE_DATAGRAM */
	uint32_t uid;	 /* of the creator, for the record */
	uint32_t zero[10];
};

struct vtoe_listen {
	uint32_t backlog;
	uint32_t zero[11];
};

struct vtoe_connect {
	struct vtoe_addr addr;
	uint32_t tx_prod; /* datagrams: those before it come first; else 0 */
	uint32_t zero[4];
};

#define VTOE_OPT_INLINE 32u   /* bytes of an option's value in an entry */
#define VTOE_OPT_MAX	1024u /* bytes of the longest value, in a run */

/* GETOPT's level for what Linux answers by ioctl(): an int of bytes. */
#define VTOE_SOL_QUEUE	  0xfffeu
#define VTOE_QUEUE_OUT	  1u /* SIOCOUTQ: not acknowledged by the peer */
#define VTOE_QUEUE_UNSENT 2u /* SIOCOUTQNSD: not sent */

struct vtoe_option {
	uint16_t level; /* SOL_SOCKET, IPPROTO_*, VTOE_SOL_QUEUE */
	uint16_t name;	/* as Linux/x86 numbers them */
	uint32_t len;	/* of the value, bytes */
	uint32_t run;	/* of the TX arena, if len > VTOE_OPT_INLINE */
	uint32_t zero;
	uint8_t value[VTOE_OPT_INLINE];
};

/* RELEASE: how. */
#define VTOE_RELEASE_ABORT  0x1u /* reset the connection, drop unsent data */
#define VTOE_RELEASE_LINGER 0x2u /* complete when all data is acknowledged */

struct vtoe_release {
	uint32_t flags;	    /* VTOE_RELEASE_* */
	uint32_t linger_ms; /* with LINGER: wait no longer than this */
	uint32_t zero[10];
};

/* Any command: nobody waits for the completion, its event may come late. */
#define VTOE_QUIET 0x1u

struct vtoe_submission {
	uint16_t op;	/* enum vtoe_op */
	uint16_t flags; /* VTOE_QUIET */
	uint32_t id;   /* returned with the completion; the guest's choice */
	uint32_t slot;
	uint32_t gen;
	union {
		uint8_t bytes[48];
		struct vtoe_open open;
		struct vtoe_addr addr; /* BIND; the rest zero */
		struct vtoe_connect connect;
		struct vtoe_listen listen;
		struct vtoe_option option;
		struct vtoe_release release;
	} u;
};

struct vtoe_completion {
	uint32_t id;
	int32_t result; /* 0 or a negative errno (Linux numbers) */
	uint32_t slot;
	uint32_t gen;
	union {
		uint8_t bytes[48];
		struct vtoe_addr addr; /* BIND, CONNECT: the local address */
		struct vtoe_option option; /* GETOPT */
	} u;
};

/* Section 5.6: what flows through the two rings of a listening slot. */
struct vtoe_post { /* guest to dom0: an empty slot to accept into */
	uint32_t slot;
	uint32_t gen;
};

struct vtoe_accept { /* dom0 to guest: a connection that was accepted */
	uint32_t slot;
	uint32_t gen;
	struct vtoe_addr local;
	struct vtoe_addr peer;
};

/*
 * Section 5.7: what stands in front of each datagram in the rings of a datagram
 * slot. Records are padded to a multiple of VTOE_DGRAM_ALIGN, so that this is
 * never split by the end of a ring.
 */
#define VTOE_DGRAM_ALIGN 64u
#define VTOE_DGRAM_MAX	 65535u /* bytes of payload */

#define VTOE_DGRAM_LOCAL 0x1u /* local is given */
#define VTOE_DGRAM_TOS	 0x2u /* tos is given: IP_TOS, IPV6_TCLASS */
#define VTOE_DGRAM_TTL	 0x4u /* ttl is given: IP_TTL, IPV6_HOPLIMIT */
#define VTOE_DGRAM_TIME	 0x8u /* time_ns is given; dom0 to guest only */

struct vtoe_datagram {
	uint32_t len;	/* of the payload, bytes */
	uint16_t flags; /* VTOE_DGRAM_* */
	uint8_t tos;
	uint8_t ttl;
	uint64_t time_ns;      /* of arrival, since 1970 */
	struct vtoe_addr addr; /* to; family 0: the connected peer. Or from */
	uint8_t local[16];     /* from; or to. As in vtoe_addr, of its family */
	uint32_t zero;
};

VTOE_ASSERT(sizeof(struct vtoe_layout) <= VTOE_PAGE_SIZE);
VTOE_ASSERT(offsetof(struct vtoe_layout, dir_ref) == 64);
VTOE_ASSERT(sizeof(struct vtoe_directory) == VTOE_PAGE_SIZE);
VTOE_ASSERT(sizeof(struct vtoe_queue_page) <= VTOE_PAGE_SIZE);
VTOE_ASSERT(offsetof(struct vtoe_queue_page, sq_cons) == 64);
VTOE_ASSERT(offsetof(struct vtoe_queue_page, dom0_asleep) == 128);
VTOE_ASSERT(offsetof(struct vtoe_queue_page, guest_asleep) == 192);
VTOE_ASSERT(offsetof(struct vtoe_queue_page, dom0_summary) == 256);
VTOE_ASSERT(offsetof(struct vtoe_queue_page, guest_summary) == 384);
VTOE_ASSERT(offsetof(struct vtoe_queue_page, counters) == 512);
VTOE_ASSERT(sizeof(struct vtoe_addr) == 28);
VTOE_ASSERT(offsetof(struct vtoe_addr, addr) == 8);
VTOE_ASSERT(sizeof(struct vtoe_slot_guest) == 64);
VTOE_ASSERT(sizeof(struct vtoe_slot_dom0) == 64);
VTOE_ASSERT(sizeof(struct vtoe_slot) == VTOE_SLOT_SIZE);
VTOE_ASSERT(offsetof(struct vtoe_slot_guest, flags) == 24);
VTOE_ASSERT(offsetof(struct vtoe_slot_dom0, error) == 28);
VTOE_ASSERT(sizeof(struct vtoe_submission) == VTOE_ENTRY_SIZE);
VTOE_ASSERT(offsetof(struct vtoe_submission, u) == 16);
VTOE_ASSERT(sizeof(struct vtoe_completion) == VTOE_ENTRY_SIZE);
VTOE_ASSERT(offsetof(struct vtoe_completion, u) == 16);
VTOE_ASSERT(sizeof(struct vtoe_option) == 48);
VTOE_ASSERT(sizeof(struct vtoe_connect) == 48);
VTOE_ASSERT(offsetof(struct vtoe_slot_dom0, error_seq) == 32);
VTOE_ASSERT(sizeof(struct vtoe_datagram) == VTOE_DGRAM_ALIGN);
VTOE_ASSERT(offsetof(struct vtoe_datagram, addr) == 16);
VTOE_ASSERT(offsetof(struct vtoe_datagram, local) == 44);
VTOE_ASSERT(sizeof(struct vtoe_post) == 8);
VTOE_ASSERT(sizeof(struct vtoe_accept) == 64);

#endif /* VTOE_WIRE_H */
