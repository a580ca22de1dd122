/* SPDX-License-Identifier: GPL-2.0 */
/*
 * stream.h - bytes: what receive.c, send.c, tx_run.c and poll.c have in common.
 *
 * Who waits arms first (front_rx_arm(), front_tx_arm()) and looks once more
 * after that; common/ring.h says why no wake-up is lost then. That holds for
 * sleepers in here. A program that sleeps in epoll, edge-triggered, has called
 * nothing of ours since its last recv() or send(): therefore recv() arms when it
 * has emptied the ring and somebody is on the wait queue, and send() when it
 * returns -EAGAIN.
 */
#ifndef VTOE_MODULE_STREAM_H
#define VTOE_MODULE_STREAM_H

#include "sock.h"

#define VTOE_CHUNK 65536u /* bytes copied before the other side is told */

/*
 * The shutdown mask as it stands, with what dom0 says. Takes its error over.
 * lock_sock() or RCU.
 */
u8 vtoe_shutdown_now(struct vtoe_sock *vsk, struct sock *sk);
/* Tells dom0 of RCV_SHUTDOWN, SEND_SHUTDOWN. lock_sock(), or not known yet. */
void vtoe_shutdown_tell(struct vtoe_sock *vsk, int how);

/*
 * Is it still the connection that it was? Somebody may have disconnected, and
 * even connected it anew, while this call slept. Locked.
 */
static inline bool vtoe_still(const struct vtoe_sock *vsk,
			      const struct sock *sk, int disconnects)
{
	return vsk->phase == VTOE_CONNECTED && sk->sk_disconnects == disconnects;
}

/* Sleep on @wait with the socket unlocked; returns what is left of @timeo. */
long vtoe_wait_a_moment(struct sock *sk, struct wait_queue_entry *wait,
			long timeo);

/* Locked. Until a connect is over; 0, -EAGAIN, -EINTR and the like. */
int vtoe_wait_connected(struct vtoe_sock *vsk, struct sock *sk, long *timeo);

/* ---- tx_run.c; lock_sock() held ---- */

/* Room for @len bytes or a part of them, 0 if there is none for now, or an error. */
int vtoe_tx_room(struct vtoe_sock *vsk, size_t len);
/* The same, for a record that may not be split: at least @record bytes, or 0. */
int vtoe_tx_room_record(struct vtoe_sock *vsk, u32 record);

/*
 * Says how the socket wants to be told of room (for a record). Returns true if
 * there is some already.
 */
bool vtoe_tx_arm(struct vtoe_sock *vsk, struct sock *sk);
bool vtoe_tx_arm_record(struct vtoe_sock *vsk, struct sock *sk, u32 record);

/* A writer waits for room in @run: a larger one, if that is fair. Or RCU. */
void vtoe_tx_grow(struct vtoe_sock *vsk, const struct sock *sk, u32 run);

/* ---- poll.c; no lock but RCU ---- */

#define VTOE_POLL_ROOM (EPOLLOUT | EPOLLWRNORM)

/* EPOLL*, as the caller of a poll method asked for; EPOLLET by epoll only. */
static inline __poll_t vtoe_poll_wanted(const poll_table *wait)
{
	return wait ? wait->_key : EPOLLIN | VTOE_POLL_ROOM;
}

/* Are there bytes? If not, or if @edge, be told of the next. */
bool vtoe_poll_readable(struct vtoe_sock *vsk, struct sock *sk, bool edge);
/* Is there room? If not, be told. */
bool vtoe_poll_writable(struct vtoe_sock *vsk, struct sock *sk);

/* Runs up to this are filled and emptied in one piece: small ones cost most. */
#define VTOE_TX_WHOLE 65536u

/* Bytes in the ring at which a writer is let go on. */
static inline u32 vtoe_tx_low(const struct vtoe_sock *vsk, u32 run)
{
	u32 size = vtoe_run_size(run);

	return READ_ONCE(vsk->tx_grow) || size <= VTOE_TX_WHOLE ? 0 : size / 2;
}

#endif /* VTOE_MODULE_STREAM_H */
