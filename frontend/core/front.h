/* SPDX-License-Identifier: GPL-2.0 */
/*
 * front.h - the guest's side of the ring protocol, without an operating system.
 *
 * Theory of operation
 *
 * struct front is one connected device: slots, commands, the TX arena. struct
 * front_stream is one slot's two byte rings. Both keep their indexes privately
 * and check everything that dom0 wrote before they use it: what comes back from
 * here is safe to use as an index or a length. A function that sees dom0 break
 * the contract marks the device broken (front_break()) and returns -EPROTO;
 * from then on everything does. Ending the device is the caller's business.
 *
 * Nothing here sleeps, locks, allocates or logs; it compiles in the kernel and
 * in user space. Locks are the caller's: one for struct front ("device lock":
 * slots, commands, completions, arena), one for each front_stream ("socket
 * lock"). Functions say which one they need. front_wake() and front_sleep()
 * need none.
 *
 * Nothing here sends events. Functions that ring a doorbell or publish a command
 * leave it to the caller to call front_wake() once, after a batch, and to send
 * the event if that returns true.
 */
#ifndef FRONTEND_CORE_FRONT_H
#define FRONTEND_CORE_FRONT_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#endif

#include "../../common/arena.h"
#include "../../common/geometry.h"
#include "../../common/ring.h"

#define FRONT_NIL 0xffffffffu /* ends a list of slots or of commands */

enum front_slot_state {
	FRONT_SLOT_FREE = 0,
	FRONT_SLOT_HELD = 1,	  /* belongs to a socket */
	FRONT_SLOT_POSTED = 2,	  /* waits at a listener to be accepted into */
	FRONT_SLOT_RELEASING = 3, /* RELEASE is queued or outstanding */
};

/* Private state of a slot. */
struct front_slot {
	uint32_t gen;
	uint32_t next;	 /* free list, or list of queued releases */
	uint32_t parent; /* POSTED: the listener's slot */
	uint32_t posted; /* of a listener: slots posted and not taken */
	uint8_t state;	 /* enum front_slot_state */
	bool release_quiet; /* and the following: while a release is queued */
	uint32_t release_flags, linger_ms;
	void *release_cookie;
};

/* An outstanding command. */
struct front_pending {
	uint32_t id; /* 0: not outstanding */
	uint32_t next;
	uint32_t slot, gen;
	uint32_t len; /* GETOPT: room for the answer */
	uint16_t op;
	void *cookie;
};

struct front {
	struct vtoe_view view;
	struct arena tx_arena;
	uint32_t sq_prod, cq_cons;
	uint32_t nr_pending; /* outstanding commands */
	uint32_t pending_free;
	uint32_t id_seq;
	uint32_t slot_free;
	uint32_t nr_slots_free;
	uint32_t release_head, release_tail; /* queued releases */
	struct front_slot *slot;	/* view.geo.nr_slots */
	struct front_pending *pending;	/* view.geo.nr_entries */
	const char *broken;		/* why; NULL: not broken */
	/* Set after front_init(), or NULL: called when the device breaks, from
	 * wherever that is seen, with whatever lock is held there.
	 */
	void (*on_break)(struct front *front);
};

/**
 * front_memory - bytes of private memory that front_init() needs
 * @geo: the device's geometry
 */
size_t front_memory(const struct vtoe_geometry *geo);

/**
 * front_init - start with an empty device
 * @front: initialised
 * @geo: the geometry
 * @base: all shared pages, contiguous, zeroed
 * @memory: front_memory() bytes, zeroed, aligned for pointers; the caller owns
 *          it and frees it after the last use of @front
 */
void front_init(struct front *front, const struct vtoe_geometry *geo,
		void *base, void *memory);

/**
 * front_break - mark the device broken
 * @front: the device
 * @why: a string literal; the first one is kept
 *
 * Returns -EPROTO, to be returned by the caller. Any context, no lock.
 */
int front_break(struct front *front, const char *why);

/* ---- sleeping and waking; no lock ---- */

/* True if dom0 sleeps and the caller must send one event, now. */
bool front_wake(struct front *front);

/**
 * front_sleep - go to sleep, unless there is something to do
 *
 * Returns true if the device now sleeps: dom0 will send an event. False: there
 * are completions or doorbells to be looked at.
 */
bool front_sleep(struct front *front);

/* Awake after an event, or for another reason. */
void front_awake(struct front *front);

/**
 * front_doorbells - take all doorbells that dom0 rang
 * @fn: called with @arg and each slot's number; may be called for a slot that is
 *      free by now
 *
 * Returns the number of calls. One caller at a time.
 */
uint32_t front_doorbells(struct front *front,
			 void (*fn)(void *arg, uint32_t slot), void *arg);

/* ---- slots; device lock ---- */

/**
 * front_slot_alloc - take a free slot and give it a new generation
 * @slot: set on success
 *
 * Returns 0, -ENOBUFS if no slot is free, or -EPROTO. Zeroes the guest's half.
 */
int front_slot_alloc(struct front *front, uint32_t *slot);

/* Give back a slot that dom0 has never heard of (no OPEN submitted, no post). */
void front_slot_free(struct front *front, uint32_t slot);

/* ---- commands; device lock ---- */

/**
 * front_submit - put a command into the submission ring
 * @cmd: op, slot and payload; id and gen are filled in here
 * @cookie: comes back with the completion
 *
 * Returns 0, -EAGAIN if there are as many outstanding as the ring has entries,
 * or -EPROTO. RELEASE has its own function.
 */
int front_submit(struct front *front, const struct vtoe_submission *cmd,
		 void *cookie);

/* Number of commands that front_submit() would take now. */
uint32_t front_submit_room(const struct front *front);

/**
 * front_release - end a slot; cannot fail
 * @slot: held; the caller must not use its stream any more, but for keeping the
 *        TX run until the completion
 * @flags: VTOE_RELEASE_*
 * @linger_ms: with VTOE_RELEASE_LINGER, milliseconds
 * @quiet: nobody waits for the completion
 * @cookie: comes back with the completion
 *
 * If the ring is full the release waits here and is submitted by a later
 * front_complete().
 */
void front_release(struct front *front, uint32_t slot, uint32_t flags,
		   uint32_t linger_ms, bool quiet, void *cookie);

struct front_done {
	void *cookie;
	uint16_t op; /* enum vtoe_op */
	struct vtoe_completion cqe; /* checked copy */
};

/**
 * front_complete - take one completion
 * @done: set if one was taken
 *
 * Returns 1 if one was taken, 0 if there is none, -EPROTO. On the completion of
 * a RELEASE the slot is free when this returns, and so are the slots that were
 * posted to it and not taken by front_accept().
 */
int front_complete(struct front *front, struct front_done *done);

/* ---- streams; socket lock ---- */

struct front_stream {
	struct front *front;
	struct vtoe_slot *shared;
	uint32_t slot, gen;
	uint32_t tx_prod;
	uint32_t tx_run; /* VTOE_RUN_NONE: none attached */
	uint32_t flags;	 /* VTOE_GUEST_*, told to dom0 */
	uint32_t rx_cons;
	uint32_t rx_run; /* checked copy, valid while bytes are available */
};

/* Start using the rings of a slot that was just allocated or accepted into.
 * Arms for the first byte.
 */
void front_stream_init(struct front_stream *stream, struct front *front,
		       uint32_t slot);

/**
 * front_status - what dom0 says about the connection
 * @error: set to why it is over, an errno (positive), or 0; without VTOE_DOM0_HUP 0
 *
 * Returns VTOE_DOM0_* flags, or -EPROTO. Ask this before front_rx_avail(): if
 * FIN is set here, the number of bytes got afterwards is final.
 */
int front_status(struct front_stream *stream, uint32_t *error);

/* Bytes that dom0 has not taken yet, or -EPROTO. */
int front_tx_used(struct front_stream *stream);

/* Bytes that can be written now; -ENOBUFS if no run is attached; -EPROTO. */
int front_tx_room(struct front_stream *stream);

/**
 * front_tx_attach - use another run; only while front_tx_used() is 0
 * @run: from the TX arena, or VTOE_RUN_NONE
 *
 * Returns the run used before, for the caller to free, or VTOE_RUN_NONE.
 */
uint32_t front_tx_attach(struct front_stream *stream, uint32_t run);

/* Where the next @len bytes go; @len at most front_tx_room(). */
unsigned int front_tx_segments(struct front_stream *stream, uint32_t len,
			       struct vtoe_segment seg[2]);

/* Publish @len bytes. Returns true if dom0's doorbell was rung: front_wake(). */
bool front_tx_commit(struct front_stream *stream, uint32_t len);

/**
 * front_shutdown - nothing follows, or nobody reads any more
 * @flags: VTOE_GUEST_FIN, VTOE_GUEST_SHUT_RD; repeated ones change nothing
 *
 * Returns true if dom0's doorbell was rung: front_wake().
 */
bool front_shutdown(struct front_stream *stream, uint32_t flags);

/**
 * front_tx_arm - be told when no more than @used bytes are left to take
 *
 * Returns true if that is so already (do not sleep).
 */
bool front_tx_arm(struct front_stream *stream, uint32_t used);

/* Bytes that can be read now, or -EPROTO. */
int front_rx_avail(struct front_stream *stream);

/**
 * front_rx_segments - where bytes can be read
 * @skip: bytes to skip (for MSG_PEEK)
 * @len: bytes; @skip + @len at most what front_rx_avail() returned last
 */
unsigned int front_rx_segments(struct front_stream *stream, uint32_t skip,
			       uint32_t len, struct vtoe_segment seg[2]);

/* @len bytes are used. Returns true if dom0's doorbell was rung. */
bool front_rx_consume(struct front_stream *stream, uint32_t len);

/**
 * front_rx_arm - be told when at least @len bytes can be read
 * @have: bytes that the caller knows of and leaves in the ring
 * @len: above @have; more than the ring holds is legal: a full one is told, too
 *
 * State changes (FIN, HUP, error) are always told. Returns true if there are
 * more than @have bytes, or a state change, already (do not sleep).
 */
bool front_rx_arm(struct front_stream *stream, uint32_t have, uint32_t len);

/**
 * front_rx_keep - after arming with bytes left in the ring
 *
 * dom0 may be waiting until they are consumed; now it knows better. Rings the
 * doorbell: front_wake().
 */
void front_rx_keep(struct front_stream *stream);

/* ---- datagrams; socket lock ---- */

/**
 * front_dgram_put - write a datagram's header into the TX ring
 * @head: len, flags, addr, local, tos, ttl; the rest zero
 * @seg: where the payload goes
 *
 * The ring has room for vtoe_dgram_record(@head->len) bytes. Nothing is
 * published: that is front_dgram_commit(). Returns the number of segments.
 */
unsigned int front_dgram_put(struct front_stream *stream,
			     const struct vtoe_datagram *head,
			     struct vtoe_segment seg[2]);

/* Publish it. Returns true if dom0's doorbell was rung: front_wake(). */
bool front_dgram_commit(struct front_stream *stream, uint32_t len);

/**
 * front_dgram_peek - the first datagram in the RX ring
 * @head: set to a checked copy of its header
 *
 * Returns 1, 0 if there is none, or -EPROTO.
 */
int front_dgram_peek(struct front_stream *stream, struct vtoe_datagram *head);

/* Where the first @len bytes of its payload are; @len at most its own. */
unsigned int front_dgram_segments(struct front_stream *stream, uint32_t len,
				  struct vtoe_segment seg[2]);

/* It is used, @len bytes long. Returns true if dom0's doorbell was rung. */
bool front_dgram_consume(struct front_stream *stream, uint32_t len);

/* Be told of the next one. Returns true if there is one, or the device is broken:
 * do not sleep.
 */
bool front_dgram_arm(struct front_stream *stream);

/**
 * front_dgram_error - has dom0 told of an error since the last call?
 * @seq: what was seen last; starts with 0
 *
 * Returns a positive errno, or 0. No lock, but one caller at a time.
 */
uint32_t front_dgram_error(struct front_stream *stream, uint32_t *seq);

/**
 * front_rang - has dom0 a ring of this slot's doorbell yet to hear?
 * @stream: any
 *
 * If not, nothing that was published needs front_wake(): dom0 does not wait for
 * it, or has seen it. No lock.
 */
bool front_rang(const struct front_stream *stream);

/* ---- listeners; socket lock and device lock ---- */

/**
 * front_post - give a listener an empty slot to accept into
 * @listener: its stream, with a TX run attached
 * @slot: allocated; posted on success
 *
 * Returns 0, -EAGAIN if the ring has no room, -ENOBUFS without a run, -EPROTO.
 * Rings the doorbell as needed: front_wake().
 */
int front_post(struct front_stream *listener, uint32_t slot);

/**
 * front_accept - take one accepted connection
 * @record: set if one was taken; checked: the slot was posted here and is now
 *          held by the caller, the families are known
 *
 * Returns 1, 0 if there is none, or -EPROTO. Not after front_release() of the
 * listener: what is still in the ring then is dom0's to reset.
 */
int front_accept(struct front_stream *listener, struct vtoe_accept *record);

#endif /* FRONTEND_CORE_FRONT_H */
