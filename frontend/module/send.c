/* SPDX-License-Identifier: GPL-2.0 */
/* send.c - sendmsg() of a stream; tx_run.c has the runs that it fills. */
#include <linux/sched/signal.h>
#include <net/tcp.h>

#include "link.h"
#include "stream.h"

/* Others mean nothing to TCP, and it does not mind them. */
#define REFUSED_FLAGS	(MSG_OOB | MSG_FASTOPEN)

struct sender {
	struct vtoe_sock *vsk;
	struct sock *sk;
	struct msghdr *msg;
	int disconnects; /* of the connection that is written */
	int copied;
	long timeo;
};

/* All or nothing: behind a bad address nothing is sent. */
static int copy_in(struct sender *s, u32 len)
{
	struct vtoe_segment seg[2];
	unsigned int i, n;

	n = front_tx_segments(&s->vsk->stream, len, seg);
	for (i = 0; i < n; i++) {
		if (_copy_from_iter(seg[i].data, seg[i].len,
				    &s->msg->msg_iter) < seg[i].len)
			return -EFAULT;
	}
	return 0;
}

static int put(struct sender *s, u32 room)
{
	struct vtoe_sock *vsk = s->vsk;
	u32 len = min_t(size_t, min(room, VTOE_CHUNK), msg_data_left(s->msg));
	int err = copy_in(s, len);

	if (err)
		return err;
	s->copied += len;
	vsk->tx_last = jiffies;
	atomic64_add(len, &vtoe_counters.tx_bytes);
	if (front_tx_commit(&vsk->stream, len)) {
		if (s->msg->msg_flags & (MSG_MORE | MSG_SENDPAGE_NOTLAST) &&
		    len < room / 2)
			vtoe_link_notify_later(vsk->link);
		else
			vtoe_link_notify(vsk->link);
	}
	return 0;
}

static int send_wait(struct sender *s)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	struct sock *sk = s->sk;

	vtoe_link_notify(s->vsk->link);
	if (!s->timeo)
		return vtoe_tx_arm(s->vsk, sk) ? 0 : -EAGAIN;
	if (signal_pending(current))
		return sock_intr_errno(s->timeo);
	add_wait_queue(sk_sleep(sk), &wait);
	if (!vtoe_tx_arm(s->vsk, sk))
		s->timeo = vtoe_wait_a_moment(sk, &wait, s->timeo);
	remove_wait_queue(sk_sleep(sk), &wait);
	return 0;
}

static int send(struct sender *s)
{
	int room, err;

	while (msg_data_left(s->msg)) {
		if (!vtoe_still(s->vsk, s->sk, s->disconnects) ||
		    s->sk->sk_err ||
		    (vtoe_shutdown_now(s->vsk, s->sk) & SEND_SHUTDOWN))
			return -EPIPE;
		room = vtoe_tx_room(s->vsk, msg_data_left(s->msg));
		if (room < 0)
			return -EPIPE;
		err = room ? put(s, room) : send_wait(s);
		if (err)
			return err;
	}
	return 0;
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
		if (cmsg->cmsg_level != SOL_SOCKET)
			continue;
		switch (cmsg->cmsg_type) {
		case SCM_RIGHTS:
		case SCM_CREDENTIALS:
			continue;
		case SO_MARK:
		case SO_TIMESTAMPING_OLD:
		case SO_TIMESTAMPING_NEW:
			return -EOPNOTSUPP;
		default: /* unknown, or of a socket option that is refused */
			return -EINVAL;
		}
	}
	return 0;
}

static int check_send(const struct sock *sk, struct msghdr *msg)
{
	if (msg->msg_flags & REFUSED_FLAGS)
		return -EOPNOTSUPP;
	if (msg->msg_flags & MSG_ZEROCOPY && sock_flag(sk, SOCK_ZEROCOPY))
		return -EOPNOTSUPP;
	return check_control(msg);
}

static int sendmsg_locked(struct vtoe_sock *vsk, struct sock *sk,
			  struct msghdr *msg)
{
	struct sender s = {
		.vsk = vsk,
		.sk = sk,
		.msg = msg,
		.disconnects = sk->sk_disconnects,
		.timeo = sock_sndtimeo(sk, msg->msg_flags & MSG_DONTWAIT),
	};
	int err = vtoe_wait_connected(vsk, sk, &s.timeo);

	if (err)
		return err;
	if (vsk->phase != VTOE_CONNECTED || sk->sk_err ||
	    (vtoe_shutdown_now(vsk, sk) & SEND_SHUTDOWN))
		return sk_stream_error(sk, msg->msg_flags, -EPIPE);
	err = check_send(sk, msg);
	if (err)
		return err;
	err = send(&s);
	if (s.copied)
		return s.copied;
	return err ? sk_stream_error(sk, msg->msg_flags, err) : 0;
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
	atomic64_inc(&vtoe_counters.calls);
	lock_sock(sk);
	ret = sendmsg_locked(vsk, sk, msg);
	release_sock(sk);
	vtoe_sock_put(vsk);
	return ret;
}
