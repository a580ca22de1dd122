/* SPDX-License-Identifier: GPL-2.0 */
/*
 * stream.c - bytes: send, receive, poll, shutdown.
 *
 * Who waits arms first (front_rx_arm(), front_tx_arm()) and looks once more
 * after that; common/ring.h says why no wake-up is lost then. That holds for
 * sleepers in here. A program that sleeps in epoll, edge-triggered, has called
 * nothing of ours since its last recv() or send(): therefore recv() arms when it
 * has emptied the ring and somebody is on the wait queue, and send() when it
 * returns -EAGAIN.
 *
 * The sending direction: a run is attached when there is something to send. It
 * grows when a writer had to wait, once it has been emptied, and is taken back
 * when it has been empty for a while (vtoe_sock_reclaim()).
 */
#include <linux/sched/signal.h>
#include <linux/sockios.h>
#include <asm/ioctls.h>
#include <net/inet_common.h>
#include <net/tcp.h>

#include "link.h"
#include "options.h"
#include "sock.h"

#define CHUNK		65536u /* bytes copied before the other side is told */
#define TX_ORDER_MAX	6u     /* 256 KiB */
#define TX_ORDER_STEP	2u
#define TX_IDLE		HZ	/* before a run is taken back */
#define RECLAIM_BATCH	64
#define EDGE_TRIES	4 /* to arm behind a ring that is being filled */
#define RX_WAKE_MAX	65536u /* a reader of much is not woken less often */

#define SEND_FLAGS                                                         \
	(MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE | MSG_EOR | MSG_CONFIRM |  \
	 MSG_DONTROUTE | MSG_CMSG_COMPAT | MSG_CMSG_CLOEXEC | MSG_BATCH |  \
	 MSG_SENDPAGE_NOTLAST | MSG_NO_SHARED_FRAGS | MSG_WAITALL |        \
	 MSG_ZEROCOPY)
#define RECV_FLAGS                                                        \
	(MSG_DONTWAIT | MSG_PEEK | MSG_WAITALL | MSG_TRUNC |              \
	 MSG_NOSIGNAL | MSG_CMSG_COMPAT | MSG_CMSG_CLOEXEC | MSG_ERRQUEUE)

/* ---- state ---- */

/*
 * The shutdown mask as it stands, with what dom0 says. Takes its error over.
 * lock_sock() or RCU.
 */
static u8 shutdown_now(struct vtoe_sock *vsk, struct sock *sk)
{
	u8 mask = READ_ONCE(sk->sk_shutdown);
	u32 error;
	int flags = front_status(&vsk->stream, &error);

	if (flags < 0)
		return SHUTDOWN_MASK;
	vtoe_sock_take_error(vsk, sk, error);
	if (flags & VTOE_DOM0_FIN)
		mask |= RCV_SHUTDOWN;
	if (flags & VTOE_DOM0_HUP)
		mask |= SHUTDOWN_MASK;
	return mask;
}

static long wait_a_moment(struct sock *sk, struct wait_queue_entry *wait,
			  long timeo)
{
	release_sock(sk);
	timeo = wait_woken(wait, TASK_INTERRUPTIBLE, timeo);
	lock_sock(sk);
	return timeo;
}

/* Locked. Until a connect is over; 0, -EAGAIN, -EINTR and the like. */
static int wait_connected(struct vtoe_sock *vsk, struct sock *sk, long *timeo)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	int err = 0;

	if (READ_ONCE(vsk->phase) != VTOE_CONNECTING)
		return 0;
	add_wait_queue(sk_sleep(sk), &wait);
	while (READ_ONCE(vsk->phase) == VTOE_CONNECTING) {
		if (!*timeo)
			err = -EAGAIN;
		else if (signal_pending(current))
			err = sock_intr_errno(*timeo);
		if (err)
			break;
		*timeo = wait_a_moment(sk, &wait, *timeo);
	}
	remove_wait_queue(sk_sleep(sk), &wait);
	return err;
}

/* ---- receiving ---- */

struct receiver {
	struct vtoe_sock *vsk;
	struct sock *sk;
	struct msghdr *msg;
	size_t left, target;
	u32 skip; /* peeked so far */
	int flags, copied;
	long timeo;
};

static int copy_out(struct receiver *r, u32 len)
{
	struct vtoe_segment seg[2];
	unsigned int i, n;
	size_t done = 0, got;

	if (r->flags & MSG_TRUNC)
		return len;
	n = front_rx_segments(&r->vsk->stream, r->skip, len, seg);
	for (i = 0; i < n; i++) {
		/* lengths are checked; skip the check of usercopy */
		got = _copy_to_iter(seg[i].data, seg[i].len, &r->msg->msg_iter);
		done += got;
		if (got < seg[i].len)
			break;
	}
	return done ?: -EFAULT;
}

/* Copies what is there, @avail bytes beyond what was peeked. */
static int take(struct receiver *r, u32 avail)
{
	u32 len = min_t(size_t, min(avail, CHUNK), r->left);
	int n = copy_out(r, len);

	if (n < 0)
		return n;
	if (r->flags & MSG_PEEK) {
		r->skip += n;
	} else {
		atomic64_add(n, &vtoe_counters.rx_bytes);
		if (front_rx_consume(&r->vsk->stream, n))
			vtoe_link_notify(r->vsk->link);
	}
	r->copied += n;
	r->left -= n;
	return n < (int)len ? -EFAULT : 0;
}

/*
 * Nothing to read: why that is the end of the call. Returns 1 to wait, 0 to
 * return what was copied, or an error. The order is tcp_recvmsg()'s.
 */
static int nothing(struct receiver *r, u8 shutdown)
{
	struct sock *sk = r->sk;

	if ((size_t)r->copied >= r->target)
		return 0;
	if (r->copied)
		return r->timeo && !sk->sk_err && !(shutdown & RCV_SHUTDOWN) &&
		       !signal_pending(current);
	if (sk->sk_err)
		return sock_error(sk);
	if (shutdown & RCV_SHUTDOWN)
		return 0;
	if (!r->timeo)
		return -EAGAIN;
	if (signal_pending(current))
		return sock_intr_errno(r->timeo);
	return 1;
}

/* How many bytes to be woken for: all that is wanted, if it fits. */
static u32 wake_for(struct receiver *r)
{
	u32 size = RX_WAKE_MAX;

	if (r->flags & MSG_PEEK || r->target <= (size_t)r->copied + 1)
		return r->skip + 1;
	if (r->vsk->stream.rx_run != VTOE_RUN_NONE)
		size = min(size, vtoe_run_size(r->vsk->stream.rx_run) / 2);
	else
		size = 1;
	return min_t(size_t, r->target - r->copied, size);
}

static void receive_wait(struct receiver *r)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	struct sock *sk = r->sk;

	add_wait_queue(sk_sleep(sk), &wait);
	if (!front_rx_arm(&r->vsk->stream, wake_for(r)))
		r->timeo = wait_a_moment(sk, &wait, r->timeo);
	remove_wait_queue(sk_sleep(sk), &wait);
}

/* A ring that is full and peeked to its end can give no more. */
static bool peeked_all(const struct receiver *r)
{
	return r->skip && r->skip == vtoe_run_size(r->vsk->stream.rx_run);
}

static int receive(struct receiver *r)
{
	u8 shutdown;
	int avail, n;

	while (r->left) {
		if (r->vsk->phase != VTOE_CONNECTED)
			return nothing(r, SHUTDOWN_MASK);
		shutdown = shutdown_now(r->vsk, r->sk);
		avail = front_rx_avail(&r->vsk->stream);
		if (avail > (int)r->skip) {
			n = take(r, avail - r->skip);
			if (n)
				return n;
			continue;
		}
		if (avail < 0) /* dom0 broke the protocol: no end of file */
			return -ECONNABORTED;
		n = nothing(r, shutdown);
		if (n <= 0 || peeked_all(r))
			return min(n, 0);
		receive_wait(r);
	}
	return 0;
}

/* For those who sleep in poll() or epoll; see the top. */
static void receive_rearm(struct vtoe_sock *vsk, struct sock *sk)
{
	if (vsk->phase == VTOE_CONNECTED && wq_has_sleeper(sk_sleep(sk)) &&
	    front_rx_avail(&vsk->stream) == 0 &&
	    front_rx_arm(&vsk->stream, 1))
		sk->sk_data_ready(sk);
}

static int recvmsg_locked(struct vtoe_sock *vsk, struct sock *sk,
			  struct msghdr *msg, size_t len, int flags)
{
	struct receiver r = {
		.vsk = vsk,
		.sk = sk,
		.msg = msg,
		.left = min_t(size_t, len, INT_MAX),
		.flags = flags,
		.timeo = sock_rcvtimeo(sk, flags & MSG_DONTWAIT),
		.target = sock_rcvlowat(sk, flags & MSG_WAITALL,
					min_t(size_t, len, INT_MAX)),
	};
	int err;

	if (vsk->phase == VTOE_BOUND || vsk->phase == VTOE_LISTENING ||
	    !vtoe_phase_offloaded(vsk->phase))
		return -ENOTCONN;
	err = wait_connected(vsk, sk, &r.timeo);
	if (err)
		return err;
	vtoe_options_sync(vsk, sk);
	err = receive(&r);
	receive_rearm(vsk, sk);
	return r.copied ?: err;
}

static int check_receive(int flags)
{
	if (flags & MSG_ERRQUEUE)
		return -EAGAIN; /* nothing ever is in it */
	if (flags & MSG_OOB)
		return -EINVAL; /* as TCP says when there is none */
	return flags & ~RECV_FLAGS ? -EOPNOTSUPP : 0;
}

int vtoe_recvmsg(struct socket *sock, struct msghdr *msg, size_t len, int flags)
{
	struct sock *sk = sock->sk;
	struct vtoe_sock *vsk = vtoe_sock_get(sk);
	int ret;

	if (!vsk) {
		vtoe_ops_enter();
		ret = vtoe_native_ops(sk)->recvmsg(sock, msg, len, flags);
		vtoe_ops_leave();
		return ret;
	}
	ret = check_receive(flags);
	if (!ret) {
		atomic64_inc(&vtoe_counters.calls);
		lock_sock(sk);
		ret = recvmsg_locked(vsk, sk, msg, len, flags);
		release_sock(sk);
		if (ret >= 0)
			msg->msg_namelen = 0;
	}
	vtoe_sock_put(vsk);
	return ret;
}

/* ---- sending ---- */

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

/* A larger run, if that is wanted and possible just now. */
static void run_grow(struct vtoe_sock *vsk)
{
	unsigned int order = vtoe_run_order(vsk->stream.tx_run);

	vsk->tx_grow = false;
	run_put(vsk);
	run_get(vsk, min(order + TX_ORDER_STEP, TX_ORDER_MAX));
}

/* Bytes in the ring at which a writer is let go on. */
static u32 tx_low(const struct vtoe_sock *vsk, u32 run)
{
	return vsk->tx_grow ? 0 : vtoe_run_size(run) / 2;
}

/* Room in bytes, 0 if there is none for now, or an error. */
static int tx_room(struct vtoe_sock *vsk, size_t len)
{
	if (vsk->stream.tx_run == VTOE_RUN_NONE) {
		if (run_get(vsk, max_t(unsigned int, vsk->tx_order,
				       first_order(len))))
			return 0;
	} else if (vsk->tx_grow && front_tx_used(&vsk->stream) == 0) {
		run_grow(vsk);
		if (vsk->stream.tx_run == VTOE_RUN_NONE)
			return 0;
		vsk->tx_order = vtoe_run_order(vsk->stream.tx_run);
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
	u32 len = min_t(size_t, min(room, CHUNK), msg_data_left(s->msg));
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
	if (vtoe_run_order(run) < TX_ORDER_MAX)
		vsk->tx_grow = true;
	return front_tx_arm(&vsk->stream, tx_low(vsk, run));
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
		s->timeo = wait_a_moment(sk, &wait, s->timeo);
	remove_wait_queue(sk_sleep(sk), &wait);
	return 0;
}

static int send(struct sender *s)
{
	int room, err;

	while (msg_data_left(s->msg)) {
		if (s->vsk->phase != VTOE_CONNECTED || s->sk->sk_err ||
		    (shutdown_now(s->vsk, s->sk) & SEND_SHUTDOWN))
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
	int err = wait_connected(vsk, sk, &s.timeo);

	if (err)
		return err;
	vtoe_options_sync(vsk, sk);
	if (vsk->phase != VTOE_CONNECTED || sk->sk_err ||
	    (shutdown_now(vsk, sk) & SEND_SHUTDOWN))
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

/* ---- poll ---- */

static u32 rx_hint(const struct vtoe_sock *vsk)
{
	const struct vtoe_slot_dom0 *dom0 = &vsk->stream.shared->dom0;

	if (vtoe_load_acquire(&dom0->gen) != vsk->stream.gen)
		return 0;
	return vtoe_load_acquire(&dom0->rx_prod) -
	       READ_ONCE(vsk->stream.rx_cons);
}

bool vtoe_rx_arm_hint(struct vtoe_sock *vsk)
{
	u32 error;

	vtoe_store(&vsk->stream.shared->guest.rx_event,
		   READ_ONCE(vsk->stream.rx_cons) + 1);
	vtoe_full_barrier();
	return rx_hint(vsk) || front_status(&vsk->stream, &error) || error;
}

/*
 * An edge-triggered watcher hears of each arrival, even of one that joins bytes
 * which nobody has read yet. What has arrived by now is in this poll's answer.
 */
static void arm_next_arrival(struct vtoe_sock *vsk)
{
	u32 avail, tries = EDGE_TRIES;

	do { /* what came meanwhile has not rung: arm behind it */
		avail = rx_hint(vsk);
		vtoe_store(&vsk->stream.shared->guest.rx_event,
			   READ_ONCE(vsk->stream.rx_cons) + avail + 1);
		vtoe_full_barrier();
	} while (rx_hint(vsk) != avail && --tries);
}

static bool readable(struct vtoe_sock *vsk, struct sock *sk, bool edge)
{
	u32 target = sock_rcvlowat(sk, 0, INT_MAX), avail = rx_hint(vsk), run;

	if (avail < target) {
		vtoe_rx_arm_hint(vsk);
		avail = rx_hint(vsk);
	}
	if (avail >= target) {
		if (edge)
			arm_next_arrival(vsk);
		return true;
	}
	/* a low-water mark that the ring cannot reach */
	run = vtoe_load(&vsk->stream.shared->dom0.rx_run);
	return avail && vtoe_run_order(run) <= VTOE_MAX_RUN_ORDER &&
	       avail >= vtoe_run_size(run) / 2;
}

/* No run is attached: is there one to be had? */
static bool run_to_be_had(struct vtoe_sock *vsk)
{
	struct vtoe_link *link = READ_ONCE(vsk->link);
	bool had;

	if (!link) /* another thread is just ending it */
		return true;
	spin_lock_bh(&link->lock);
	had = link->dead || link->front.tx_arena.nr_free;
	if (!had && list_empty(&vsk->tx_node))
		list_add_tail(&vsk->tx_node, &link->tx_short);
	spin_unlock_bh(&link->lock);
	if (!had)
		vtoe_link_reclaim(link);
	return had;
}

static bool writable(struct vtoe_sock *vsk, struct sock *sk)
{
	struct front_stream *stream = &vsk->stream;
	u32 run = READ_ONCE(stream->tx_run), low, used;

	if (run == VTOE_RUN_NONE) {
		if (run_to_be_had(vsk))
			return true;
		set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
		return false;
	}
	low = tx_low(vsk, run);
	used = READ_ONCE(stream->tx_prod) -
	       vtoe_load_acquire(&stream->shared->dom0.tx_cons);
	if (used <= low || vtoe_load(&stream->shared->dom0.gen) != stream->gen)
		return true;
	set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	return front_tx_arm(stream, low);
}

static __poll_t poll_connected(struct vtoe_sock *vsk, struct sock *sk,
			       bool edge)
{
	u8 shutdown = shutdown_now(vsk, sk);
	__poll_t mask = 0;

	if (shutdown == SHUTDOWN_MASK)
		mask |= EPOLLHUP;
	if (shutdown & RCV_SHUTDOWN)
		mask |= EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;
	if (readable(vsk, sk, edge))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (shutdown & SEND_SHUTDOWN || writable(vsk, sk))
		mask |= EPOLLOUT | EPOLLWRNORM;
	return mask;
}

/* Under RCU: vtoe_link_kill() waits before the memory goes. */
static __poll_t poll_mask(struct vtoe_sock *vsk, struct sock *sk, bool edge)
{
	switch (smp_load_acquire(&vsk->phase)) {
	case VTOE_CONNECTED:
		return poll_connected(vsk, sk, edge);
	case VTOE_CONNECTING:
		return 0;
	case VTOE_LISTENING:
		return vtoe_listen_poll(vsk, sk);
	case VTOE_FAILED:
	case VTOE_DEAD:
		return EPOLLHUP | EPOLLIN | EPOLLRDNORM | EPOLLRDHUP |
		       EPOLLOUT | EPOLLWRNORM;
	default: /* as TCP_CLOSE */
		return EPOLLHUP | EPOLLOUT | EPOLLWRNORM;
	}
}

static __poll_t native_poll(struct file *file, struct socket *sock,
			    poll_table *wait)
{
	__poll_t mask;

	vtoe_ops_enter();
	mask = vtoe_native_ops(sock->sk)->poll(file, sock, wait);
	vtoe_ops_leave();
	return mask;
}

__poll_t vtoe_poll(struct file *file, struct socket *sock, poll_table *wait)
{
	struct sock *sk = sock->sk;
	struct vtoe_sock *vsk = vtoe_sock_get(sk);
	/* only epoll's key has this bit */
	bool edge = wait && wait->_key & EPOLLET;
	__poll_t mask;

	if (!vsk)
		return native_poll(file, sock, wait);
	sock_poll_wait(file, sock, wait);
	rcu_read_lock();
	mask = poll_mask(vsk, sk, edge);
	rcu_read_unlock();
	vtoe_sock_put(vsk);
	if (!vtoe_sock_offloaded(sk)) /* not any more */
		return native_poll(file, sock, wait);
	smp_rmb(); /* pairs with the store of sk_err before the wake-up */
	if (READ_ONCE(sk->sk_err))
		mask |= EPOLLERR;
	return mask;
}

/* ---- shutdown, ioctl, SO_RCVLOWAT ---- */

static int shutdown_connected(struct vtoe_sock *vsk, struct sock *sk, int how)
{
	u32 error;

	if (front_status(&vsk->stream, &error) & VTOE_DOM0_HUP) {
		WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown | how);
		return -ENOTCONN;
	}
	WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown | how);
	if (how & SEND_SHUTDOWN && !vsk->shut_wr) {
		vsk->shut_wr = true;
		front_tx_fin(&vsk->stream);
		vtoe_link_notify(vsk->link);
	}
	return 0;
}

/* Locked; ctl held. Returns 1 for the native half to be shut down, too. */
static int shutdown_ours(struct socket *sock, struct vtoe_sock *vsk, int how)
{
	struct sock *sk = sock->sk;
	bool dual = vsk->dual;

	switch (vsk->phase) {
	case VTOE_CONNECTED:
		if (sock->state == SS_CONNECTING)
			sock->state = SS_CONNECTED;
		return shutdown_connected(vsk, sk, how);
	case VTOE_CONNECTING:
		WRITE_ONCE(sk->sk_err, ECONNRESET);
		break;
	case VTOE_LISTENING:
		if (!(how & RCV_SHUTDOWN))
			return 0;
		if (!dual)
			WRITE_ONCE(sk->sk_state, TCP_CLOSE);
		break;
	default:
		WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown | how);
		return -ENOTCONN;
	}
	vtoe_sock_drop_slot(vsk, VTOE_UNDECIDED);
	sock->state = SS_UNCONNECTED;
	return dual ? 1 : 0;
}

int vtoe_shutdown(struct socket *sock, int how)
{
	struct sock *sk = sock->sk;
	struct vtoe_sock *vsk;
	int err = 1;

	if (how < SHUT_RD || how > SHUT_RDWR)
		return -EINVAL;
	vtoe_ops_enter();
	vsk = vtoe_sock_offloaded(sk) ? vtoe_sock_enter(sock) : NULL;
	if (IS_ERR(vsk)) {
		err = PTR_ERR(vsk);
	} else if (vsk) {
		lock_sock(sk);
		if (vtoe_phase_offloaded(vsk->phase)) {
			err = shutdown_ours(sock, vsk, how + 1);
			sk->sk_state_change(sk);
		}
		release_sock(sk);
		vtoe_sock_leave(vsk);
	}
	if (err == 1)
		err = vtoe_native_ops(sk)->shutdown(sock, how);
	vtoe_ops_leave();
	return err;
}

static int queued(struct vtoe_sock *vsk, struct sock *sk, unsigned int cmd)
{
	int n = 0;

	lock_sock(sk);
	if (vsk->phase == VTOE_LISTENING)
		n = -EINVAL;
	else if (vsk->phase == VTOE_CONNECTED && cmd == SIOCINQ)
		n = max(front_rx_avail(&vsk->stream), 0);
	else if (vsk->phase == VTOE_CONNECTED && cmd != SIOCATMARK)
		n = max(front_tx_used(&vsk->stream), 0);
	release_sock(sk);
	return n;
}

int vtoe_ioctl(struct socket *sock, unsigned int cmd, unsigned long arg)
{
	struct sock *sk = sock->sk;
	struct vtoe_sock *vsk = NULL;
	int n;

	if (cmd == SIOCINQ || cmd == SIOCOUTQ || cmd == SIOCOUTQNSD ||
	    cmd == SIOCATMARK)
		vsk = vtoe_sock_get(sk);
	if (vsk) {
		n = queued(vsk, sk, cmd);
		vtoe_sock_put(vsk);
		return n < 0 ? n : put_user(n, (int __user *)arg);
	}
	vtoe_ops_enter();
	n = vtoe_native_ops(sk)->ioctl(sock, cmd, arg);
	vtoe_ops_leave();
	return n;
}

/* lock_sock() held. */
int vtoe_set_rcvlowat(struct sock *sk, int val)
{
	if (!vtoe_sock_offloaded(sk))
		return vtoe_native_ops(sk)->set_rcvlowat(sk, val);
	WRITE_ONCE(sk->sk_rcvlowat, val ?: 1);
	return 0;
}
