/* SPDX-License-Identifier: GPL-2.0 */
/* receive.c - recvmsg(). */
#include <linux/sched/signal.h>
#include <net/tcp.h>

#include "link.h"
#include "stream.h"

#define RX_WAKE_MAX 65536u /* a reader of much is not woken less often */

struct receiver {
	struct vtoe_sock *vsk;
	struct sock *sk;
	struct msghdr *msg;
	size_t left, target;
	u32 skip; /* peeked so far */
	int disconnects; /* of the connection that is read */
	int flags, copied;
	bool finished; /* peer_finished(), before the look for bytes */
	long timeo;
};

/* All or nothing: bytes that a bad address kept back are still there. */
static int copy_out(struct receiver *r, u32 len)
{
	struct vtoe_segment seg[2];
	unsigned int i, n;

	if (r->flags & MSG_TRUNC)
		return 0;
	n = front_rx_segments(&r->vsk->stream, r->skip, len, seg);
	for (i = 0; i < n; i++) {
		/* lengths are checked; skip the check of usercopy */
		if (_copy_to_iter(seg[i].data, seg[i].len,
				  &r->msg->msg_iter) < seg[i].len)
			return -EFAULT;
	}
	return 0;
}

/* Copies what is there, @avail bytes beyond what was peeked. */
static int take(struct receiver *r, u32 avail)
{
	u32 len = min_t(size_t, min(avail, VTOE_CHUNK), r->left);
	int err = copy_out(r, len);

	if (err)
		return err;
	if (r->flags & MSG_PEEK) {
		r->skip += len;
	} else {
		atomic64_add(len, &vtoe_counters.rx_bytes);
		if (front_rx_consume(&r->vsk->stream, len))
			vtoe_link_notify(r->vsk->link);
	}
	r->copied += len;
	r->left -= len;
	return 0;
}

/* Once the peer's FIN was here, an error that came later is for others. */
static bool peer_finished(const struct vtoe_sock *vsk)
{
	u32 error;
	int flags = front_status(&vsk->stream, &error);

	return flags > 0 && flags & VTOE_DOM0_FIN;
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
	if (r->finished)
		return 0;
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
	if (!front_rx_arm(&r->vsk->stream, r->skip, wake_for(r))) {
		if (r->skip) {
			front_rx_keep(&r->vsk->stream);
			vtoe_link_notify(r->vsk->link);
		}
		r->timeo = vtoe_wait_a_moment(sk, &wait, r->timeo);
	}
	remove_wait_queue(sk_sleep(sk), &wait);
}

/* A ring that is full and peeked to its end can give no more. */
static bool peeked_all(const struct receiver *r)
{
	return r->skip && r->skip == vtoe_run_size(r->vsk->stream.rx_run);
}

/* As on Linux, who wants no bytes sleeps once if there are none. */
static int receive(struct receiver *r)
{
	u8 shutdown;
	int avail, n;

	do {
		if (!vtoe_still(r->vsk, r->sk, r->disconnects))
			return nothing(r, SHUTDOWN_MASK);
		shutdown = vtoe_shutdown_now(r->vsk, r->sk);
		r->finished = peer_finished(r->vsk);
		avail = front_rx_avail(&r->vsk->stream);
		if (avail > (int)r->skip) {
			n = r->left ? take(r, avail - r->skip) : 0;
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
	} while (r->left);
	return 0;
}

/* For those who sleep in poll() or epoll; see the top. */
static void receive_rearm(struct vtoe_sock *vsk, struct sock *sk)
{
	if (vsk->phase == VTOE_CONNECTED && wq_has_sleeper(sk_sleep(sk)) &&
	    front_rx_avail(&vsk->stream) == 0 &&
	    front_rx_arm(&vsk->stream, 0, 1))
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
		.disconnects = sk->sk_disconnects,
		.flags = flags,
		.timeo = sock_rcvtimeo(sk, flags & MSG_DONTWAIT),
		.target = sock_rcvlowat(sk, flags & MSG_WAITALL,
					min_t(size_t, len, INT_MAX)),
	};
	int err;

	if (vsk->phase == VTOE_BOUND || vsk->phase == VTOE_LISTENING ||
	    !vtoe_phase_offloaded(vsk->phase))
		return -ENOTCONN;
	if (flags & MSG_OOB)
		return -EINVAL; /* as TCP says when there is none */
	err = vtoe_wait_connected(vsk, sk, &r.timeo);
	if (err)
		return err;
	err = receive(&r);
	receive_rearm(vsk, sk);
	return r.copied ?: err;
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
	ret = -EAGAIN; /* nothing ever is in the error queue */
	if (!(flags & MSG_ERRQUEUE)) {
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
