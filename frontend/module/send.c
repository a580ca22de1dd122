/* SPDX-License-Identifier: GPL-2.0 */
/*
 * send.c - sendmsg(), and the runs that it fills.
 *
 * A run is attached when there is something to send. It grows when a writer had
 * to wait, once it has been emptied, but not beyond a fair share of the arena;
 * it shrinks to that when the arena gets short; and it is taken back when it has
 * been empty for a while (vtoe_sock_reclaim()).
 */
#include <linux/sched/signal.h>
#include <net/tcp.h>

#include "link.h"
#include "stream.h"

#define TX_ORDER_MAX	6u     /* 256 KiB */
#define TX_ORDER_STEP	2u
#define TX_IDLE		HZ	/* before a run is taken back */
#define RECLAIM_BATCH	64

#define SEND_FLAGS                                                         \
	(MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE | MSG_EOR | MSG_CONFIRM |  \
	 MSG_DONTROUTE | MSG_CMSG_COMPAT | MSG_CMSG_CLOEXEC | MSG_BATCH |  \
	 MSG_SENDPAGE_NOTLAST | MSG_NO_SHARED_FRAGS | MSG_WAITALL |        \
	 MSG_ZEROCOPY)
#define RECV_FLAGS                                                        \
	(MSG_DONTWAIT | MSG_PEEK | MSG_WAITALL | MSG_TRUNC |              \
	 MSG_NOSIGNAL | MSG_CMSG_COMPAT | MSG_CMSG_CLOEXEC | MSG_ERRQUEUE)

/* lock_sock() held. 0, or -EAGAIN and the socket will be told. */
static int run_get(struct vtoe_sock *vsk, unsigned int order)
{
	struct vtoe_link *link = vsk->link;
	u32 run = VTOE_RUN_NONE;
	int o;

	spin_lock_bh(&link->lock);
	for (o = order; o >= 0 && run == VTOE_RUN_NONE; o--)
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

static unsigned int fair_order(const struct vtoe_sock *vsk)
{
	return arena_fair_order(&vsk->link->front.tx_arena);
}

/*
 * The order that the run, which is empty, should have: more if a writer had to
 * wait; less if others have to do with less. What is fair is a hint.
 */
static unsigned int order_wanted(const struct vtoe_sock *vsk)
{
	const struct arena *arena = &vsk->link->front.tx_arena;
	unsigned int order = vtoe_run_order(vsk->stream.tx_run);
	unsigned int fair = fair_order(vsk);

	if (vsk->tx_grow && order < fair)
		return min3(order + TX_ORDER_STEP, TX_ORDER_MAX, fair);
	if (order > fair && READ_ONCE(arena->nr_free) < arena->nr_pages / 8)
		return fair;
	return order;
}

/* Another run instead of the one that is empty. 0 or -EAGAIN. */
static int run_exchange(struct vtoe_sock *vsk, unsigned int order)
{
	int err;

	run_put(vsk);
	err = run_get(vsk, order);
	if (!err)
		vsk->tx_order = vtoe_run_order(vsk->stream.tx_run);
	return err;
}

/* Room in bytes, 0 if there is none for now, or an error. */
static int tx_room(struct vtoe_sock *vsk, size_t len)
{
	unsigned int order;

	if (vsk->stream.tx_run == VTOE_RUN_NONE) {
		order = max_t(unsigned int, vsk->tx_order, first_order(len));
		if (run_get(vsk, min(order, fair_order(vsk))))
			return 0;
	} else if (front_tx_used(&vsk->stream) == 0) {
		order = order_wanted(vsk);
		vsk->tx_grow = false;
		if (order != vtoe_run_order(vsk->stream.tx_run) &&
		    run_exchange(vsk, order))
			return 0;
	}
	return front_tx_room(&vsk->stream);
}

struct sender {
	struct vtoe_sock *vsk;
	struct sock *sk;
	struct msghdr *msg;
	int copied;
	long timeo;
};

static int copy_in(struct sender *s, u32 len)
{
	struct vtoe_segment seg[2];
	unsigned int i, n;
	size_t done = 0, got;

	n = front_tx_segments(&s->vsk->stream, len, seg);
	for (i = 0; i < n; i++) {
		got = _copy_from_iter(seg[i].data, seg[i].len,
				      &s->msg->msg_iter);
		done += got;
		if (got < seg[i].len)
			break;
	}
	return done ?: -EFAULT;
}

static int put(struct sender *s, u32 room)
{
	struct vtoe_sock *vsk = s->vsk;
	u32 len = min_t(size_t, min(room, VTOE_CHUNK), msg_data_left(s->msg));
	int n = copy_in(s, len);

	if (n < 0)
		return n;
	s->copied += n;
	vsk->tx_last = jiffies;
	atomic64_add(n, &vtoe_counters.tx_bytes);
	if (front_tx_commit(&vsk->stream, n)) {
		if (s->msg->msg_flags & (MSG_MORE | MSG_SENDPAGE_NOTLAST) &&
		    (u32)n < room / 2)
			vtoe_link_notify_later(vsk->link);
		else
			vtoe_link_notify(vsk->link);
	}
	return n < (int)len ? -EFAULT : 0;
}

/*
 * Says how the socket wants to be told of room. Returns true if there is some
 * already.
 */
static bool tx_arm(struct vtoe_sock *vsk, struct sock *sk)
{
	u32 run = vsk->stream.tx_run;

	set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	if (run == VTOE_RUN_NONE)
		return list_empty_careful(&vsk->tx_node);
	if (vtoe_run_order(run) < min(TX_ORDER_MAX, fair_order(vsk)))
		vsk->tx_grow = true;
	return front_tx_arm(&vsk->stream, vtoe_tx_low(vsk, run));
}

static int send_wait(struct sender *s)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	struct sock *sk = s->sk;

	vtoe_link_notify(s->vsk->link);
	if (!s->timeo)
		return tx_arm(s->vsk, sk) ? 0 : -EAGAIN;
	if (signal_pending(current))
		return sock_intr_errno(s->timeo);
	add_wait_queue(sk_sleep(sk), &wait);
	if (!tx_arm(s->vsk, sk))
		s->timeo = vtoe_wait_a_moment(sk, &wait, s->timeo);
	remove_wait_queue(sk_sleep(sk), &wait);
	return 0;
}

static int send(struct sender *s)
{
	int room, err;

	while (msg_data_left(s->msg)) {
		if (s->vsk->phase != VTOE_CONNECTED || s->sk->sk_err ||
		    (vtoe_shutdown_now(s->vsk, s->sk) & SEND_SHUTDOWN))
			return -EPIPE;
		room = tx_room(s->vsk, msg_data_left(s->msg));
		if (room < 0)
			return -EPIPE;
		err = room ? put(s, room) : send_wait(s);
		if (err)
			return err;
	}
	return 0;
}

static int sendmsg_locked(struct vtoe_sock *vsk, struct sock *sk,
			  struct msghdr *msg)
{
	struct sender s = {
		.vsk = vsk,
		.sk = sk,
		.msg = msg,
		.timeo = sock_sndtimeo(sk, msg->msg_flags & MSG_DONTWAIT),
	};
	int err = vtoe_wait_connected(vsk, sk, &s.timeo);

	if (err)
		return err;
	if (vsk->phase != VTOE_CONNECTED || sk->sk_err ||
	    (vtoe_shutdown_now(vsk, sk) & SEND_SHUTDOWN))
		return sk_stream_error(sk, msg->msg_flags, -EPIPE);
	err = send(&s);
	if (s.copied)
		return s.copied;
	return err ? sk_stream_error(sk, msg->msg_flags, err) : 0;
}

/* Control messages of SOL_SOCKET ask for things that are not carried. */
static int check_control(struct msghdr *msg)
{
	struct cmsghdr *cmsg;

	if (!msg->msg_controllen)
		return 0;
	for_each_cmsghdr(cmsg, msg) {
		if (!CMSG_OK(msg, cmsg))
			return -EINVAL;
		if (cmsg->cmsg_level == SOL_SOCKET &&
		    cmsg->cmsg_type != SCM_RIGHTS &&
		    cmsg->cmsg_type != SCM_CREDENTIALS)
			return -EOPNOTSUPP;
	}
	return 0;
}

static int check_send(const struct sock *sk, struct msghdr *msg)
{
	if (msg->msg_flags & ~SEND_FLAGS)
		return -EOPNOTSUPP;
	if (msg->msg_flags & MSG_ZEROCOPY && sock_flag(sk, SOCK_ZEROCOPY))
		return -EOPNOTSUPP;
	return check_control(msg);
}

int vtoe_sendmsg(struct socket *sock, struct msghdr *msg, size_t len)
{
	struct sock *sk = sock->sk;
	struct vtoe_sock *vsk = vtoe_sock_get(sk);
	int ret;

	if (!vsk) {
		/* it would connect, past the switch */
		if (msg->msg_flags & MSG_FASTOPEN && vtoe_ops_ours(sock) &&
		    vtoe_link_live())
			return -EOPNOTSUPP;
		vtoe_ops_enter();
		ret = vtoe_native_ops(sk)->sendmsg(sock, msg, len);
		vtoe_ops_leave();
		return ret;
	}
	ret = check_send(sk, msg);
	if (!ret) {
		atomic64_inc(&vtoe_counters.calls);
		lock_sock(sk);
		ret = sendmsg_locked(vsk, sk, msg);
		release_sock(sk);
	}
	vtoe_sock_put(vsk);
	return ret;
}

/* ---- runs that are not used ---- */

static void reclaim_one(struct vtoe_sock *vsk, struct sock *sk,
			struct vtoe_link *link, bool hard)
{
	lock_sock(sk);
	if (vsk->phase == VTOE_CONNECTED && vsk->link == link &&
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
