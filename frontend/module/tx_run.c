/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tx_run.c - the runs that senders fill.
 *
 * A run is attached when there is something to send. It grows when a writer had
 * to wait, once it has been emptied, but not beyond a fair share of the arena, nor
 * beyond what the program set as SO_SNDBUF; it shrinks to a fair share when the
 * arena gets short; and it is taken back when it has been empty for a while
 * (vtoe_sock_reclaim()). A datagram needs one that holds it whole, fair or not.
 */
#include <net/sock.h>

#include "link.h"
#include "stream.h"

#define TX_ORDER_MAX	10     /* 4 MiB: dom0 moves pieces of 1 MiB */
#define DGRAM_ORDER_MAX 6      /* 256 KiB: about what Linux lets wait */
#define TX_ORDER_STEP	2u
#define TX_IDLE		HZ	/* before a run is taken back */
#define RECLAIM_BATCH	64

/*
 * The best run that there is: of @order, or less, but not below @least.
 * lock_sock() held. 0, or -EAGAIN and the socket will be told.
 */
static int run_get(struct vtoe_sock *vsk, int order, int least)
{
	struct vtoe_link *link = vsk->link;
	u32 run = VTOE_RUN_NONE;
	int o;

	spin_lock_bh(&link->lock);
	for (o = order; o >= least && run == VTOE_RUN_NONE; o--)
		run = arena_alloc(&link->front.tx_arena, o);
	list_del_init(&vsk->tx_node);
	if (run != VTOE_RUN_NONE) {
		front_tx_attach(&vsk->stream, run);
		list_add_tail(&vsk->tx_node, &link->tx_held);
	} else {
		list_add_tail(&vsk->tx_node, &link->tx_short);
	}
	spin_unlock_bh(&link->lock);
	if (run != VTOE_RUN_NONE)
		return 0;
	vtoe_link_reclaim(link);
	return -EAGAIN;
}

/* lock_sock() held; the run is empty. */
static void run_put(struct vtoe_sock *vsk)
{
	struct vtoe_link *link = vsk->link;
	u32 run = front_tx_attach(&vsk->stream, VTOE_RUN_NONE);

	spin_lock_bh(&link->lock);
	list_del_init(&vsk->tx_node);
	vtoe_link_free_run(link, run);
	spin_unlock_bh(&link->lock);
}

static unsigned int first_order(size_t len)
{
	return len > 4 * VTOE_PAGE_SIZE ? TX_ORDER_STEP * 2 : TX_ORDER_STEP;
}

static unsigned int fair_order(const struct vtoe_link *link)
{
	return arena_fair_order(&link->front.tx_arena);
}

/* What a run may grow to. Who sets SO_SNDBUF wants no more to lie about. */
static unsigned int order_max(const struct vtoe_link *link,
			      const struct sock *sk)
{
	int max = vtoe_is_dgram(sk) ? DGRAM_ORDER_MAX : TX_ORDER_MAX;

	if (sk->sk_userlocks & SOCK_SNDBUF_LOCK)
		max = min(max, get_order(READ_ONCE(sk->sk_sndbuf)));
	return min_t(unsigned int, max, fair_order(link));
}

/*
 * The order that the run, which is empty, should have: more if a writer had to
 * wait; less if others have to do with less. What is fair is a hint.
 */
static unsigned int order_wanted(const struct vtoe_sock *vsk)
{
	const struct arena *arena = &vsk->link->front.tx_arena;
	unsigned int order = vtoe_run_order(vsk->stream.tx_run), max;
	bool is_short = READ_ONCE(arena->nr_free) < arena->nr_pages / 8;

	if (vsk->tx_grow) {
		max = order_max(vsk->link, vsk->sk);
		if (order < max)
			return min(order + TX_ORDER_STEP, max);
	}
	return is_short ? min(order, fair_order(vsk->link)) : order;
}

/* Another run instead of the one that is empty. 0 or -EAGAIN. */
static int run_exchange(struct vtoe_sock *vsk, int order, int least)
{
	int err;

	run_put(vsk);
	err = run_get(vsk, order, least);
	if (!err)
		vsk->tx_order = vtoe_run_order(vsk->stream.tx_run);
	return err;
}

/* With a run of at least order @least. 0: there is none for now. */
static int room(struct vtoe_sock *vsk, size_t len, int least)
{
	int order;

	if (vsk->stream.tx_run == VTOE_RUN_NONE) {
		order = max_t(unsigned int, vsk->tx_order, first_order(len));
		order = min_t(int, order, fair_order(vsk->link));
		if (run_get(vsk, max(order, least), least))
			return 0;
	} else if (front_tx_used(&vsk->stream) == 0) {
		order = max_t(int, order_wanted(vsk), least);
		vsk->tx_grow = false;
		if (order != (int)vtoe_run_order(vsk->stream.tx_run) &&
		    run_exchange(vsk, order, least))
			return 0;
	}
	return front_tx_room(&vsk->stream);
}

int vtoe_tx_room(struct vtoe_sock *vsk, size_t len)
{
	return room(vsk, len, 0);
}

int vtoe_tx_room_record(struct vtoe_sock *vsk, u32 record)
{
	int n = room(vsk, record, get_order(record));

	return n < 0 || (u32)n >= record ? n : 0;
}

void vtoe_tx_grow(struct vtoe_sock *vsk, const struct sock *sk, u32 run)
{
	const struct vtoe_link *link = READ_ONCE(vsk->link);

	/* none: another thread is just ending it */
	if (link && vtoe_run_order(run) < order_max(link, sk))
		WRITE_ONCE(vsk->tx_grow, true);
}

/* Grow, if that is fair; no run: told by vtoe_sock_run_freed(). */
static bool want_room(struct vtoe_sock *vsk, struct sock *sk)
{
	u32 run = vsk->stream.tx_run;

	set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	if (run == VTOE_RUN_NONE)
		return list_empty_careful(&vsk->tx_node);
	vtoe_tx_grow(vsk, sk, run);
	return false;
}

bool vtoe_tx_arm(struct vtoe_sock *vsk, struct sock *sk)
{
	u32 run = vsk->stream.tx_run;

	if (want_room(vsk, sk))
		return true;
	return run != VTOE_RUN_NONE &&
	       front_tx_arm(&vsk->stream, vtoe_tx_low(vsk, run));
}

bool vtoe_tx_arm_record(struct vtoe_sock *vsk, struct sock *sk, u32 record)
{
	u32 run = vsk->stream.tx_run, size;

	if (want_room(vsk, sk))
		return true;
	if (run == VTOE_RUN_NONE)
		return false;
	size = vtoe_run_size(run);
	return front_tx_arm(&vsk->stream, size > record ? size - record : 0);
}

/* ---- runs that are not used ---- */

static void reclaim_one(struct vtoe_sock *vsk, struct sock *sk,
			struct vtoe_link *link, bool hard)
{
	lock_sock(sk);
	if ((vsk->phase == VTOE_CONNECTED || vtoe_is_dgram(sk)) &&
	    vsk->link == link &&
	    vsk->stream.tx_run != VTOE_RUN_NONE &&
	    (hard || time_after(jiffies, vsk->tx_last + TX_IDLE)) &&
	    front_tx_used(&vsk->stream) == 0)
		run_put(vsk);
	release_sock(sk);
}

/* Up to RECLAIM_BATCH candidates, with references; they move to the end. */
static unsigned int candidates(struct vtoe_link *link, struct vtoe_sock **vsk,
			       struct sock **sk, unsigned int *walk, bool hard)
{
	struct vtoe_sock *v, *next;
	unsigned int n = 0;

	spin_lock_bh(&link->lock);
	list_for_each_entry_safe(v, next, &link->tx_held, tx_node) {
		if (n == RECLAIM_BATCH || !*walk)
			break;
		--*walk;
		list_move_tail(&v->tx_node, &link->tx_held);
		if (!v->sk || (!hard && !time_after(jiffies,
						    v->tx_last + TX_IDLE)))
			continue;
		refcount_inc(&v->ref);
		sock_hold(v->sk);
		vsk[n] = v;
		sk[n++] = v->sk;
	}
	spin_unlock_bh(&link->lock);
	return n;
}

void vtoe_sock_reclaim(struct vtoe_link *link)
{
	struct vtoe_sock *vsk[RECLAIM_BATCH];
	struct sock *sk[RECLAIM_BATCH];
	unsigned int i, n, walk = 0;
	struct list_head *pos;
	bool hard;

	spin_lock_bh(&link->lock);
	hard = !list_empty(&link->tx_short);
	list_for_each(pos, &link->tx_held)
		walk++;
	spin_unlock_bh(&link->lock);
	while (walk) {
		n = candidates(link, vsk, sk, &walk, hard);
		for (i = 0; i < n; i++) {
			reclaim_one(vsk[i], sk[i], link, hard);
			sock_put(sk[i]);
			vtoe_sock_put(vsk[i]);
		}
		cond_resched();
	}
}
