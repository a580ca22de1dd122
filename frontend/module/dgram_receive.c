/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dgram_receive.c - recvmsg() of a datagram socket.
 *
 * A socket in both worlds is read from both: the guest's own queue by the
 * kernel's recvmsg(), which never waits here, then the ring. Both wake the same
 * wait queue. One that is at dom0 alone may have been in the guest before.
 */
#include <linux/sched/signal.h>
#include <net/inet_sock.h>
#include <net/ipv6.h>
#include <net/sock.h>

#include "addr.h"
#include "dgram.h"
#include "link.h"
#include "stream.h"

/* ---- what goes with it ---- */

static void put_time(struct msghdr *msg, const struct sock *sk, u64 ns)
{
	struct timespec64 now = ns_to_timespec64(ns);
	struct __kernel_old_timespec ts = { now.tv_sec, now.tv_nsec };
	struct __kernel_old_timeval tv = { now.tv_sec, now.tv_nsec / 1000 };
	struct __kernel_timespec ts64 = { now.tv_sec, now.tv_nsec };
	struct __kernel_sock_timeval tv64 = { now.tv_sec, now.tv_nsec / 1000 };
	bool wide = sock_flag(sk, SOCK_TSTAMP_NEW);

	if (!sock_flag(sk, SOCK_RCVTSTAMPNS)) {
		if (wide)
			put_cmsg(msg, SOL_SOCKET, SO_TIMESTAMP_NEW,
				 sizeof(tv64), &tv64);
		else
			put_cmsg(msg, SOL_SOCKET, SO_TIMESTAMP_OLD, sizeof(tv),
				 &tv);
	} else if (wide) {
		put_cmsg(msg, SOL_SOCKET, SO_TIMESTAMPNS_NEW, sizeof(ts64),
			 &ts64);
	} else {
		put_cmsg(msg, SOL_SOCKET, SO_TIMESTAMPNS_OLD, sizeof(ts), &ts);
	}
}

/* The interface is dom0's: the guest knows none, and 0 means that. */
static void put_control4(struct msghdr *msg, const struct sock *sk,
			 const struct vtoe_datagram *head)
{
	unsigned int flags = inet_sk(sk)->cmsg_flags;
	struct in_pktinfo info = {};
	u8 tos = head->tos;
	int ttl = head->ttl;

	if (flags & IP_CMSG_PKTINFO && head->flags & VTOE_DGRAM_LOCAL) {
		memcpy(&info.ipi_addr, head->local, sizeof(info.ipi_addr));
		info.ipi_spec_dst = info.ipi_addr;
		put_cmsg(msg, SOL_IP, IP_PKTINFO, sizeof(info), &info);
	}
	if (flags & IP_CMSG_TTL && head->flags & VTOE_DGRAM_TTL)
		put_cmsg(msg, SOL_IP, IP_TTL, sizeof(ttl), &ttl);
	if (flags & IP_CMSG_TOS && head->flags & VTOE_DGRAM_TOS)
		put_cmsg(msg, SOL_IP, IP_TOS, sizeof(tos), &tos);
}

#if IS_ENABLED(CONFIG_IPV6)
static void put_control6(struct msghdr *msg, const struct sock *sk,
			 const struct vtoe_datagram *head)
{
	const struct ipv6_pinfo *np = inet6_sk(sk);
	int tos = head->tos, ttl = head->ttl;
	struct in6_pktinfo info = {};

	if (np->rxopt.bits.rxinfo && head->flags & VTOE_DGRAM_LOCAL) {
		memcpy(&info.ipi6_addr, head->local, sizeof(info.ipi6_addr));
		put_cmsg(msg, SOL_IPV6, IPV6_PKTINFO, sizeof(info), &info);
	}
	if (np->rxopt.bits.rxhlim && head->flags & VTOE_DGRAM_TTL)
		put_cmsg(msg, SOL_IPV6, IPV6_HOPLIMIT, sizeof(ttl), &ttl);
	if (np->rxopt.bits.rxtclass && head->flags & VTOE_DGRAM_TOS)
		put_cmsg(msg, SOL_IPV6, IPV6_TCLASS, sizeof(tos), &tos);
}
#endif

static void put_control(struct msghdr *msg, const struct sock *sk,
			const struct vtoe_datagram *head)
{
	/* as Linux, of what came before somebody asked */
	if (sock_flag(sk, SOCK_RCVTSTAMP))
		put_time(msg, sk,
			 head->flags & VTOE_DGRAM_TIME ? head->time_ns :
							 ktime_get_real_ns());
	if (!head->flags)
		return;
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6) {
		put_control6(msg, sk, head);
		return;
	}
#endif
	put_control4(msg, sk, head);
}

/* ---- from the ring ---- */

static int copy_out(struct vtoe_sock *vsk, struct msghdr *msg, u32 len)
{
	struct vtoe_segment seg[2];
	unsigned int i, n = front_dgram_segments(&vsk->stream, len, seg);

	for (i = 0; i < n; i++)
		if (_copy_to_iter(seg[i].data, seg[i].len, &msg->msg_iter) !=
		    seg[i].len)
			return -EFAULT;
	return 0;
}

/* For SIOCGSTAMP: 0, whose time is not known, is "now" there. */
static void stamp(struct sock *sk, const struct vtoe_datagram *head)
{
	if (sock_flag(sk, SOCK_RCVTSTAMP))
		return;
	if (sock_flag(sk, SOCK_TIMESTAMP))
		sock_write_timestamp(sk, head->flags & VTOE_DGRAM_TIME ?
						 ns_to_ktime(head->time_ns) :
						 0);
	else if (sock_read_timestamp(sk) == SK_DEFAULT_STAMP)
		sock_write_timestamp(sk, 0);
}

/* One datagram; lock_sock() held. Bytes, -EAGAIN, or an error. */
static int take(struct vtoe_sock *vsk, struct sock *sk, struct msghdr *msg,
		size_t len, int flags)
{
	struct vtoe_datagram head;
	u32 copied;
	int ret;

	if (!vsk->has_slot)
		return -EAGAIN;
	ret = front_dgram_peek(&vsk->stream, &head);
	if (ret <= 0)
		return ret ? -ENETDOWN : -EAGAIN;
	copied = min_t(size_t, head.len, len);
	ret = copy_out(vsk, msg, copied);
	if (!(flags & MSG_PEEK)) {
		atomic64_add(head.len, &vtoe_counters.rx_bytes);
		if (front_dgram_consume(&vsk->stream, head.len))
			vtoe_link_notify(vsk->link);
	}
	if (ret)
		return ret;
	if (copied < head.len)
		msg->msg_flags |= MSG_TRUNC;
	if (msg->msg_name)
		msg->msg_namelen = vtoe_addr_to_sockaddr(
			&head.addr, sk->sk_family, msg->msg_name);
	stamp(sk, &head);
	put_control(msg, sk, &head);
	return flags & MSG_TRUNC ? head.len : copied;
}

/* A watcher of edges has to hear of the next one; see stream.h. */
static void rearm(struct vtoe_sock *vsk, struct sock *sk)
{
	if (vsk->has_slot && wq_has_sleeper(sk_sleep(sk)) &&
	    front_rx_avail(&vsk->stream) == 0 && front_dgram_arm(&vsk->stream))
		sk->sk_data_ready(sk);
}

/* If there is none, the next one will be told. */
static int take_dom0(struct vtoe_sock *vsk, struct sock *sk, struct msghdr *msg,
		     size_t len, int flags)
{
	int ret;

	lock_sock(sk);
	do {
		ret = take(vsk, sk, msg, len, flags);
	} while (ret == -EAGAIN && vsk->has_slot &&
		 front_dgram_arm(&vsk->stream));
	if (ret != -EAGAIN)
		rearm(vsk, sk);
	release_sock(sk);
	return ret;
}

/* ---- from either ---- */

static int recv_native(struct socket *sock, struct msghdr *msg, size_t len,
		       int flags)
{
	int ret;

	vtoe_ops_enter();
	ret = vtoe_native_ops(sock->sk)->recvmsg(sock, msg, len, flags);
	vtoe_ops_leave();
	return ret;
}

static int try_receive(struct socket *sock, struct vtoe_sock *vsk,
		       struct msghdr *msg, size_t len, int flags)
{
	struct sock *sk = sock->sk;
	int ret;

	if (vtoe_phase_offloaded(READ_ONCE(vsk->phase)) &&
	    !vtoe_dgram_native_first(sk))
		ret = sock_error(sk) ?: -EAGAIN;
	else
		ret = recv_native(sock, msg, len, flags | MSG_DONTWAIT);
	return ret == -EAGAIN ? take_dom0(vsk, sk, msg, len, flags) : ret;
}

static int receive(struct socket *sock, struct vtoe_sock *vsk,
		   struct msghdr *msg, size_t len, int flags)
{
	long timeo = sock_rcvtimeo(sock->sk, flags & MSG_DONTWAIT);
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	struct sock *sk = sock->sk;
	int ret = try_receive(sock, vsk, msg, len, flags);

	if (ret != -EAGAIN || !timeo)
		return ret;
	add_wait_queue(sk_sleep(sk), &wait);
	for (;;) {
		ret = try_receive(sock, vsk, msg, len, flags);
		if (ret != -EAGAIN)
			break;
		if (sk->sk_shutdown & RCV_SHUTDOWN) {
			ret = 0;
			break;
		}
		if (!timeo)
			break;
		if (signal_pending(current)) {
			ret = sock_intr_errno(timeo);
			break;
		}
		timeo = wait_woken(&wait, TASK_INTERRUPTIBLE, timeo);
	}
	remove_wait_queue(sk_sleep(sk), &wait);
	return ret;
}

int vtoe_dgram_recvmsg(struct socket *sock, struct msghdr *msg, size_t len,
		       int flags)
{
	struct vtoe_sock *vsk = vtoe_sock_find(sock->sk);
	int ret;

	/* the queue of errors is the guest's own */
	if (!vsk || flags & MSG_ERRQUEUE) {
		ret = recv_native(sock, msg, len, flags);
	} else { /* as UDP does, without a look at unknown flags */
		atomic64_inc(&vtoe_counters.calls);
		ret = receive(sock, vsk, msg, len, flags);
	}
	if (vsk)
		vtoe_sock_put(vsk);
	return ret;
}
