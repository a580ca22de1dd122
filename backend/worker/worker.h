/* SPDX-License-Identifier: GPL-2.0 */
/*
 * worker.h - one vTOE device's worker process: everything that its files share.
 *
 * Theory of operation
 *
 * One thread, one loop (loop.c), no lock. What can make work: the guest's
 * doorbell (a slot is to be looked at), the submission ring (commands), the
 * stack's upcalls (a socket became readable, …). Each marks slots active; the
 * loop then runs the active slots, each within a budget, and sends the guest at
 * most one event for all that was published.
 *
 * Everything that the guest wrote is read once, checked, and only then used.
 * When it breaks the contract, worker_break() notes why and returns -EPROTO,
 * which everybody passes up to the loop; that tells vtoed and ends the process.
 *
 *	main.c		arguments, the order in which everything is set up
 *	control.c	messages from and to vtoed
 *	device.c	grants and the event channel
 *	loop.c		the loop, sleeping and waking
 *	patience.h	whether to look out for more before sleeping
 *	queue.c		submission and completion ring
 *	command.c	what each command does
 *	slot.c		a slot's life; upcalls and doorbells
 *	rx.c, tx.c	the two directions of a connection
 *	dgram.c		datagrams, both directions
 *	run.c		runs of the RX arena
 *	listener.c	posts and accept records
 *	release.c	ways to end
 *	sandbox.c	privileges
 */
#ifndef BACKEND_WORKER_WORKER_H
#define BACKEND_WORKER_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/uio.h>

#include <xenevtchn.h>
#include <xengnttab.h>

#include "../../common/arena.h"
#include "../../common/geometry.h"
#include "../../common/ring.h"
#include "../../toe-service/context.h"
#include "../worker_proto.h"
#include "patience.h"

/* ---- slots ---- */

enum slot_state {
	/* Not served. Only OPEN and a post may name it. */
	SLOT_FREE = 0,
	/* Has a context, not connected. All commands are legal. */
	SLOT_OPEN = 1,
	/* connect_id is outstanding. Left by TOE_CONNECTED or by RELEASE. */
	SLOT_CONNECTING = 2,
	/* rx.c and tx.c move bytes; after SLOT_HUP no more. Left by RELEASE. */
	SLOT_ESTABLISHED = 3,
	/* listener.c moves records. Left by RELEASE. */
	SLOT_LISTENING = 4,
	/* release_id is outstanding; bytes up to tx_end are being sent. */
	SLOT_CLOSING = 5,
	/* release_id is outstanding; all is sent and being acknowledged. */
	SLOT_LINGERING = 6,
	/* dgram.c moves datagrams. BIND and CONNECT are legal. Left by RELEASE.
	 */
	SLOT_DATAGRAM = 7,
};

#define SLOT_READABLE	 0x0001u /* the socket has bytes or connections */
#define SLOT_WRITABLE	 0x0002u /* the socket takes bytes */
#define SLOT_UNTIL_AGAIN 0x0004u /* TOE_UNTIL_AGAIN was given */
#define SLOT_ACTIVE	 0x0008u /* on worker.active */
#define SLOT_WAITING	 0x0010u /* on worker.waiting, for a run */
#define SLOT_RETRYING	 0x0020u /* on worker.retrying: an error */
#define SLOT_GROW	 0x0040u /* a recv() filled the whole run */
#define SLOT_EOF	 0x0080u /* the peer's FIN has been passed on */
#define SLOT_HUP	 0x0100u /* VTOE_DOM0_HUP has been passed on */
#define SLOT_SHUT	 0x0200u /* our FIN has been given to the stack */
#define SLOT_DEAD	 0x0400u /* sending failed; error says why */
#define SLOT_LINGER	 0x0800u /* RELEASE came with LINGER */
#define SLOT_STACK_HUP	 0x1000u /* TOE_HUP was given */
#define SLOT_QUIET	 0x2000u /* RELEASE came with QUIET */
#define SLOT_HELD	 0x4000u /* on worker.held: the stack may hold a tail */
#define SLOT_DGRAM	 0x8000u /* carries datagrams, in whatever state */
#define SLOT_SHUT_RD	 0x10000u /* with SLOT_SHUT: and nobody reads */

TAILQ_HEAD(slot_list, slot);

/* Private state of a slot. */
struct slot {
	uint32_t gen;	      /* served; 0: none yet */
	uint32_t refused_gen; /* of an OPEN that failed: -EBADF for the rest */
	uint8_t state;	      /* enum slot_state */
	uint8_t rx_order;     /* of the next run */
	uint8_t burst;	      /* LISTENING: log2 of how many to accept at once */
	uint32_t flags;	      /* SLOT_* */
	uint32_t error;	      /* positive errno, with SLOT_DEAD */
	uint32_t error_seq;   /* datagrams: errors told so far */
	uint32_t tx_cons;
	uint32_t tx_end; /* CLOSING: nothing is taken beyond */
	uint32_t rx_prod;
	uint32_t rx_run;
	uint32_t rx_mark; /* rx_prod at the last sweep */
	uint32_t connect_id, release_id;
	uint64_t deadline_ns; /* CLOSING, LINGERING: give up then */
	struct slot *parent;  /* accepted, and the record not yet consumed */
	uint32_t accept_at;   /* rx index behind that record */
	TAILQ_ENTRY(slot) active;
	TAILQ_ENTRY(slot) holder; /* of a run */
	TAILQ_ENTRY(slot) wait;	  /* waiting or retrying */
	TAILQ_ENTRY(slot) ending; /* CLOSING, LINGERING */
	TAILQ_ENTRY(slot) child;  /* in the parent's list */
	TAILQ_ENTRY(slot) held;	  /* worker.held */
	struct slot_list children;
};

/* An idle connection: this, its context, its row; the stack's part is small. */
_Static_assert(sizeof(struct slot) + sizeof(struct context) +
			       sizeof(struct context_row) <=
		       1024,
	       "idle connections must be cheap");

/* ---- the worker ---- */

/*
 * Bytes of one read or write of the stack: the guest has one piece while the next
 * is moved. Therefore a guest that sleeps is woken after as much. To wake each
 * other costs both sides more than to copy does: with pieces of 1 MiB, in rings of
 * up to four, streams are faster by a third to a half than with pieces of 128 KiB
 * in rings of two.
 */
#define PIECE (1024u * 1024u)
#define WORKER_NICE (-5) /* others still get a quarter of a busy processor */
/* log2 of the pages of a slot's first run: 16 KiB */
#define RX_ORDER_FIRST 2u

/* Whose answer may come next, and soon: no one's, one's or both's. */
#define EXPECT_GUEST 1u /* it was woken */
#define EXPECT_STACK 2u /* something was sent */
#define EXPECT_NR    4u

struct worker {
	uint32_t domid, devid;

	/* control.c */
	int control; /* -1: no vtoed at the moment */
	int listen;
	int netns;
	int toes_fd;
	int table_fd;
	bool stop;
	struct worker_toe coming[WORKER_TOES_MAX]; /* where moves lead */

	/* device.c */
	xengnttab_handle *gnttab;
	xenevtchn_handle *evtchn;
	evtchn_port_t port;
	bool event; /* one has come; until it is taken no other does */
	void *base;
	struct vtoe_view view;
	uint64_t grant_maps, grant_unmaps, evtchn_binds;

	/* loop.c */
	int epoll;
	bool rang; /* something was published for the guest in this round */
	bool connecting; /* a CONNECT of this round is under way */
	bool closing;	 /* among the active slots are some to be closed */
	unsigned int expected; /* EXPECT_*, since it looked out last */
	struct patience patience[EXPECT_NR];
	uint64_t carried; /* bytes in all when it looked out last */
	uint32_t moved;	  /* bytes since the guest was last woken */
	uint64_t late_ns; /* QUIET completions wait for an event until then */
	uint64_t now_ns;
	uint64_t counted_ns; /* when the guest's counters were copied */
	uint64_t alive_ns; /* when engines are asked next; 0: none can tell */

	/* queue.c */
	uint32_t sq_cons, cq_prod;
	uint32_t outstanding;

	/* slots */
	struct slot *slot;
	struct slot_list active;
	uint32_t nr_active;
	struct slot_list ending;
	uint64_t ending_ns; /* next look at them */
	struct slot_list retrying;
	uint64_t retry_ns;

	/* tx.c */
	struct slot_list held;
	uint64_t push_ns; /* when they are given up waiting for more */

	/* run.c */
	struct arena rx_arena;
	struct slot_list holders;
	struct slot_list waiting;
	uint64_t sweep_ns;

	struct contexts contexts;
	struct worker_counters *counters;
	struct worker_msg start; /* as vtoed sent it; comes back with HELLO */
	int32_t pid;

	bool broken;
	char why[WORKER_TEXT_MAX];
};

/**
 * worker_break - the guest broke the contract
 * @format: what it did; the first one is kept
 *
 * Returns -EPROTO, to be passed up to the loop, which ends the worker.
 */
int worker_break(struct worker *w, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static inline uint32_t slot_number(const struct worker *w, const struct slot *s)
{
	return (uint32_t)(s - w->slot);
}

static inline struct vtoe_slot *slot_shared(const struct worker *w,
					    const struct slot *s)
{
	return &w->view.slots[s - w->slot];
}

/* A copy of shared memory that the compiler does not read a second time. */
static inline void copy_in(void *to, const void *from, size_t len)
{
	__builtin_memcpy(to, from, len);
	__asm__ __volatile__("" : : : "memory");
}

/* The pieces of @len bytes from @index on in a run, as vtoe_ring_segments(); how
 * many.
 */
static inline int ring_iov(uint8_t *base, uint32_t run, uint32_t index,
			   uint32_t len, struct iovec iov[2])
{
	struct vtoe_segment seg[2];
	unsigned int i, n = vtoe_ring_segments(base, run, index, len, seg);

	for (i = 0; i < n; i++) {
		iov[i].iov_base = seg[i].data;
		iov[i].iov_len = seg[i].len;
	}
	return (int)n;
}

/* ---- control.c ---- */

/* A TOE context as vtoed names it, with strings that end. */
void control_place(const struct worker_toe *toe, struct contexts_place *place);
/* Wait for WORKER_START; 0 or a negative errno (logged). */
int control_start(struct worker *w, struct worker_msg *start);
/* Answer it, once: @text NULL for HELLO, else FAILED. */
int control_answer(struct worker *w, const char *text);
/* Tell vtoed that the frontend broke the protocol; w->why says how. */
void control_broken(struct worker *w);
/* What contexts need vtoed for while they move between stacks. */
extern const struct context_move_ops control_move_ops;
/* epoll says that the control connection, the listening socket is ready. */
void control_event(struct worker *w);
void control_adopt(struct worker *w);

/* ---- device.c ---- */

/**
 * device_map - map all shared pages
 * @start: names the layout page and the limits
 * @error: WORKER_TEXT_MAX bytes, set on failure
 *
 * Returns 0 or a negative errno. Undoes nothing: the process ends.
 */
int device_map(struct worker *w, const struct worker_msg *start, char *error);
/* Bind the event channel, and restrict the handle to this guest. */
int device_bind(struct worker *w, const struct worker_msg *start, char *error);
/* Before sleeping: take the event that has come, if one has, and let others come. */
void device_rearm(struct worker *w);
void device_notify(struct worker *w);
void device_unmap(struct worker *w);

/* ---- loop.c ---- */

enum loop_tag {
	TAG_EVTCHN = 1,
	TAG_CONTROL = 2,
	TAG_LISTEN = 3,
	TAG_STACK = 16, /* and the following CONTEXT_TOES_MAX */
};

/* Watch @fd, level-triggered; 0 or a negative errno. */
int loop_watch(struct worker *w, int fd, enum loop_tag tag);
/* Runs until WORKER_STOP (0) or a violation (-EPROTO). */
int loop_run(struct worker *w);
/* Close what is to be closed before the next command. 0 or -EPROTO. */
int loop_close_now(struct worker *w);
/* The guest is to be woken for what was published: now if that was much. */
void loop_rang(struct worker *w, uint32_t bytes);
/* The same for what can wait: with the next thing, or a little later. */
void loop_rang_late(struct worker *w);
/* Wake it for what was published by now, if anything: what follows takes longer. */
void loop_tell(struct worker *w);

/* ---- queue.c ---- */

/* Carry out what the guest has submitted. 1: there is more; 0; -EPROTO. */
int queue_run(struct worker *w);
/* True if there is something to carry out (cheap; for sleeping). */
bool queue_pending(const struct worker *w);
/* True if it holds a CONNECT of that slot; sets which datagrams are before it. */
bool queue_next_connect(const struct worker *w, const struct slot *s,
			uint32_t *tx_prod);
/*
 * Complete a command; @u: 48 bytes of payload, or NULL for zeroes; @quiet: the
 * guest does not wait for it (VTOE_QUIET).
 */
int queue_complete(struct worker *w, const struct slot *s, uint32_t id,
		   int result, const void *u, bool quiet);

/* ---- command.c ---- */

/* Carry out one command (a private copy). 0 or -EPROTO. */
int command_run(struct worker *w, const struct vtoe_submission *cmd);
/* A connect has ended. 0 or -EPROTO. */
int command_connected(struct worker *w, struct slot *s);

/* ---- slot.c ---- */

/* Is the slot free, and has the guest stamped it with @gen? 0 or -EPROTO. */
int slot_check_empty(struct worker *w, uint32_t slot, uint32_t gen);
/* Serve a generation: private state and dom0's half start anew. */
void slot_serve(struct worker *w, struct slot *s, uint32_t gen,
		enum slot_state state);
/* The slot is free: nothing of it is touched any more. */
void slot_end(struct worker *w, struct slot *s);
void slot_activate(struct worker *w, struct slot *s);
/* What has failed would fail again at once: run the slot a little later. */
void slot_retry_later(struct worker *w, struct slot *s);
/* At w->retry_ns. */
void slot_retry(struct worker *w);
/* Do what there is to do for a slot; active again if there is more. 0 or -EPROTO. */
int slot_run(struct worker *w, struct slot *s);
void slot_doorbell(void *worker, uint32_t slot);
void slot_ready(void *worker, uint32_t slot, unsigned int events);
/* Ring the guest's doorbell for this slot; @bytes were moved for it. */
void slot_ring(struct worker *w, const struct slot *s, uint32_t bytes);
/* The connection is over, both ways; @error: positive errno or 0. */
void slot_hang_up(struct worker *w, struct slot *s, uint32_t error);

/* ---- rx.c, tx.c ---- */

/* Bytes that the guest has not consumed: number or -EPROTO. */
int rx_used(struct worker *w, struct slot *s);
/* Move bytes from the stack to the guest. 1: budget used up; 0; -EPROTO. */
int rx_run(struct worker *w, struct slot *s);
/* Wait until the guest has left at most @used bytes. 1: it has; 0; -EPROTO. */
int rx_wait_room(struct worker *w, struct slot *s, uint32_t used);
/* Publish what was produced since index @old; wakes who waits for it. */
void rx_publish(struct worker *w, struct slot *s, uint32_t old);

/* Bytes that the guest has produced and that were not taken, or -EPROTO; @run
 * is set to where they are, checked, if there are any.
 */
int tx_used(struct worker *w, struct slot *s, uint32_t *run);
/* Move bytes from the guest to the stack. 1: budget used up; 0; -EPROTO. */
int tx_run(struct worker *w, struct slot *s);
/* Publish what was taken since index @old; true if somebody waited for room. */
bool tx_publish(struct worker *w, struct slot *s, uint32_t old);
/* Nothing has followed: have the stack send what it holds back for more. */
void tx_push_held(struct worker *w);
/* The slot ends: nothing is held back any more. */
void tx_forget(struct worker *w, struct slot *s);
/* Be told of what the guest produces beyond the @used bytes that are there.
 * True if there is more already.
 */
bool tx_arm(struct worker *w, struct slot *s, uint32_t used);

/* ---- dgram.c ---- */

/* As rx_run() and tx_run(), for a datagram slot. */
int dgram_rx_run(struct worker *w, struct slot *s);
int dgram_tx_run(struct worker *w, struct slot *s);
/* Only what lies before the index @until, as far as the stack has room. */
int dgram_tx_until(struct worker *w, struct slot *s, uint32_t until);

/* ---- run.c ---- */

/* A run for the next bytes; only while the direction is empty. False: the
 * slot waits for one and will be activated.
 */
bool run_attach(struct worker *w, struct slot *s, uint32_t order);
/* Give the run back; only while the direction is empty, or at the end. */
void run_detach(struct worker *w, struct slot *s);
/* At w->sweep_ns: take back what has been empty for a while. 0 or -EPROTO. */
int run_sweep(struct worker *w);

/* ---- listener.c ---- */

/* Accept into posted slots. 1: budget used up; 0; -EPROTO. */
int listener_run(struct worker *w, struct slot *s);
/* Reset what was accepted and never taken by the guest. 0 or -EPROTO. */
int listener_end(struct worker *w, struct slot *s);
/* A child is gone, or was taken: forget it. */
void listener_forget(struct slot *child);
/* ---- release.c ---- */

/* RELEASE: start to end a slot. 0 or -EPROTO. */
int release_start(struct worker *w, struct slot *s,
		  const struct vtoe_submission *cmd);
/* CLOSING, LINGERING: look how far it is. 1: there is more to do; 0; -EPROTO. */
int release_run(struct worker *w, struct slot *s);
/* At w->ending_ns: deadlines, acknowledgements. 0 or -EPROTO. */
int release_tick(struct worker *w);

/* ---- sandbox.c ---- */

/**
 * sandbox_enter - give up everything that the loop does not need
 * @error: WORKER_TEXT_MAX bytes, set on failure
 *
 * After it: no capability, an empty root directory, no new privileges, and only
 * the system calls of the list in sandbox.c.
 */
int sandbox_enter(char *error);

#endif /* BACKEND_WORKER_WORKER_H */
