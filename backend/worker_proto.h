/* SPDX-License-Identifier: GPL-2.0 */
/*
 * worker_proto.h - what vtoed and a worker say to each other.
 *
 * A worker is fork+exec'd by vtoed when a frontend reaches Initialised, and
 * lives as long as that connection of the device. It is started as
 *
 *	vtoe-worker --control=FD --listen=FD --netns=FD --toes=FD
 *
 * control	socketpair (SOCK_SEQPACKET) to the vtoed that started it
 * listen	listening unix socket (SOCK_SEQPACKET), bound by vtoed at
 *		/run/vtoe/worker/<domid>-<devid>; the next vtoed connects there
 *		to adopt the worker. One control connection at a time; a new one
 *		replaces the old one. Peers other than root are refused.
 * netns	the guest's network namespace
 * toes		the TOE table, open for reading only: a file on tmpfs, so that the
 *		next vtoed finds it by its name; not sealed
 *
 * Each message is one packet: struct worker_msg, checked for exact length, with
 * descriptors in SCM_RIGHTS. Both sides are of one installation, but possibly of
 * two releases: WORKER_PROTO_VERSION is checked in HELLO.
 *
 * vtoed → worker, first message: WORKER_START. The worker maps, binds, enters
 * the namespace, enters the sandbox, makes its context table, then answers
 * WORKER_HELLO (with the descriptors: context table memfd, TOE table memfd,
 * netns), or WORKER_FAILED and exits. On adoption the worker sends WORKER_HELLO
 * by itself. Loss of the control connection is no reason to end.
 *
 * When one of the device's TOE contexts is new, has moved to another TOE, has
 * other addresses or routes, or is no more, vtoed sends WORKER_TOE; when its TOE does not work
 * and there is no other, WORKER_LOST, and again, with "reset", when the guest has
 * waited as long as its entry says; when an address has not come back by then,
 * WORKER_NO_ADDRESS. None is answered. HELLO says where the worker takes itself to
 * be; if that is not where vtoed has it, because one of the two missed something,
 * vtoed tells it.
 *
 * When a TOE context comes to a TOE of another driver, its streams move from one
 * stack to the other (toe-service/context_move.c), which takes some messages more.
 * The worker sends WORKER_ASSIST with descriptors of its sockets; vtoed has the
 * control half of that driver do its part with each, and answers WORKER_ASSISTED,
 * with the results in that order. WORKER_ARRIVED: all streams are in the new stack,
 * and the new link, which was made to hear nothing, is to hear. A worker that is asked
 * for nothing may ask for nothing: vtoed ends it. The next vtoed says WORKER_GO_ON
 * when it can help, and the worker asks once more for what has not been answered. HELLO
 * tells of the old place until all is done.
 *
 * The context table must be sealed against shrinking and growing
 * (F_SEAL_SHRINK, F_SEAL_GROW), or vtoed, which maps it, refuses it: a worker
 * could kill vtoed by shrinking it. vtoed takes the worker's process id from
 * SCM_CREDENTIALS, not from the message.
 *
 * The worker exits by itself on WORKER_STOP, when the frontend breaks the
 * protocol (after WORKER_BROKEN), or on an internal error. vtoed sees the end as
 * EOF on the control connection, and its exit by pidfd.
 */
#ifndef BACKEND_WORKER_PROTO_H
#define BACKEND_WORKER_PROTO_H

#include <stdint.h>

#include "../toe-service/tables.h"

#define WORKER_PROTO_VERSION 7u
#define WORKER_TEXT_MAX 256u /* bytes, with the NUL */
#define WORKER_TOES_MAX CONTEXT_TOES_MAX
#define WORKER_DRIVERS_MAX CONTEXT_DRIVERS_MAX
#define WORKER_ASSIST_MAX CONTEXT_ASSIST_MAX
#define WORKER_NO_TOE UINT32_MAX /* row of a TOE context that is not there */

enum worker_msg_type {
	WORKER_START = 1,  /* vtoed → worker */
	WORKER_STOP = 2,   /* vtoed → worker: close all, unmap, exit */
	WORKER_HELLO = 3,  /* worker → vtoed: connected */
	WORKER_FAILED = 4, /* worker → vtoed: could not connect; text says why */
	WORKER_BROKEN = 5, /* worker → vtoed: the frontend broke the protocol */
	WORKER_TOE = 6,	   /* vtoed → worker: toe[index] is as it says now */
	WORKER_LOST = 7,   /* vtoed → worker: toe[index] does not work */
	WORKER_ASSIST = 8, /* worker → vtoed: descriptors; driver[0], what, id */
	WORKER_ASSISTED = 9, /* vtoed → worker: id, nr, result */
	WORKER_ARRIVED = 10, /* worker → vtoed: streams are at toe[index] */
	WORKER_GO_ON = 11,   /* vtoed → worker: adopted; ask again */
	WORKER_NO_ADDRESS = 12, /* vtoed → worker: what waits for one of family
				 * at toe[index] is given up */
};

/* A TOE context of the device, as the worker's placement needs it. */
struct worker_toe {
	uint32_t row;	     /* in the TOE table */
	uint32_t generation; /* of that row */
	char driver[TABLE_NAME_MAX];
	struct toe_address ip, ip6;
	struct toe_routes routes;
	/* TOE, LOST: enum toe_state of the one that it is or was on; TOE: or
	 * CONTEXT_LEFT_ADDRESS */
	uint32_t left;
	char settings[TABLE_SETTINGS_MAX]; /* of the TOE, for its driver */
};

struct worker_msg {
	uint32_t type; /* enum worker_msg_type */
	uint32_t version;
	int32_t pid; /* HELLO: of the worker */
	uint32_t domid; /* the guest's */
	uint32_t devid;
	uint32_t layout_ref; /* START: grant of the layout page */
	uint32_t evtchn;     /* START: the guest's port; HELLO: the local one */
	uint32_t max_entries, max_slots, max_tx_pages, max_rx_pages;
	uint32_t pool;	     /* START: row in the TOE table */
	uint32_t max_sockets; /* START: by the guest's entry; 0: no limit */
	uint32_t index;	     /* TOE, LOST, NO_ADDRESS: which */
	uint32_t family;     /* NO_ADDRESS: VTOE_INET or VTOE_INET6 */
	uint32_t reset;	     /* LOST: its connections are given up */
	uint32_t what;	     /* ASSIST: enum toe_assist */
	uint32_t id;	     /* ASSIST, ASSISTED */
	uint32_t nr;	     /* ASSISTED */
	int16_t result[WORKER_ASSIST_MAX]; /* 0 or a negative errno */
	/* START: that TOE contexts may come to, "": none; ASSIST: [0], whose */
	char driver[WORKER_DRIVERS_MAX][TABLE_NAME_MAX];
	struct worker_toe toe[WORKER_TOES_MAX];
	char text[WORKER_TEXT_MAX]; /* FAILED, BROKEN: why; HELLO: "" */
};

#endif /* BACKEND_WORKER_PROTO_H */
