/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dgram_send.c - sendmsg() of a datagram socket.
 *
 * The order of checks and the errors are those of udp_sendmsg() and
 * udpv6_sendmsg(). What only dom0's stack can know of an address comes later: as
 * the error of a connected socket, else not at all (contract, section 5.7).
 */
#include <linux/net_tstamp.h>
#include <linux/sched/signal.h>
#include <linux/udp.h>
#include <net/inet_sock.h>
#include <net/ipv6.h>

#include "addr.h"
#include "dgram.h"
#include "link.h"
#include "stream.h"
#include "switch.h"

#define UDP4_MAX 65507u /* 65,535 less the headers of IPv4 and UDP */
#define UDP6_MAX 65527u /* 65,535 less UDP's; IPv6's does not count */

struct sender {
	struct vtoe_sock *vsk;
	struct sock *sk;
	struct msghdr *msg;
	struct vtoe_datagram head;
	long timeo;
};

/*
 * ---- control messages ----
 *
 * As udp_cmsg_send() takes them, which looks at UDP's own first, and then
 * ip_cmsg_send() or ip6_datagram_send_ctl(): which of the two is a matter of
 * where the datagram goes, and each passes over the other's level. What dom0 is
 * not told of is refused with EOPNOTSUPP.
 */

static int cmsg_int(const struct cmsghdr *cmsg, int least, int *value)
{
	if (cmsg->cmsg_len != CMSG_LEN(sizeof(int)))
		return -EINVAL;
	memcpy(value, CMSG_DATA(cmsg), sizeof(int));
	return *value < least || *value > 255 ? -EINVAL : 0;
}

/* The address to send from. An interface of the guest's means nothing to dom0. */
static int take_local(struct vtoe_datagram *head, int ifindex,
		      const void *addr, size_t len)
{
	if (ifindex)
		return -ENODEV;
	if (!memchr_inv(addr, 0, len))
		return 0;
	memcpy(head->local, addr, len);
	head->flags |= VTOE_DGRAM_LOCAL;
	return 0;
}

/* An IPv6 slot names IPv4 addresses by mapped ones. */
static int take_local4(struct sender *s, int ifindex, __be32 addr)
{
	struct in6_addr mapped;

	if (s->vsk->family == VTOE_INET || !addr)
		return take_local(&s->head, ifindex, &addr, sizeof(addr));
	ipv6_addr_set_v4mapped(addr, &mapped);
	return take_local(&s->head, ifindex, &mapped, sizeof(mapped));
}

static int take_pktinfo(struct sender *s, const struct cmsghdr *cmsg)
{
	struct in_pktinfo info;

	if (cmsg->cmsg_len != CMSG_LEN(sizeof(info)))
		return -EINVAL;
	memcpy(&info, CMSG_DATA(cmsg), sizeof(info));
	return take_local4(s, info.ipi_ifindex, info.ipi_spec_dst.s_addr);
}

static int take_pktinfo6(struct sender *s, const struct cmsghdr *cmsg,
			 bool ipv4)
{
	struct in6_pktinfo info;

	if (cmsg->cmsg_len < CMSG_LEN(sizeof(info)))
		return -EINVAL;
	memcpy(&info, CMSG_DATA(cmsg), sizeof(info));
	if (!ipv4)
		return take_local(&s->head, info.ipi6_ifindex, &info.ipi6_addr,
				  sizeof(info.ipi6_addr));
	if (!ipv6_addr_v4mapped(&info.ipi6_addr))
		return -EINVAL;
	return take_local4(s, info.ipi6_ifindex, info.ipi6_addr.s6_addr32[3]);
}

static int take_tos(struct vtoe_datagram *head, const struct cmsghdr *cmsg)
{
	int value, err = 0;

	if (cmsg->cmsg_len == CMSG_LEN(sizeof(u8)))
		value = *(u8 *)CMSG_DATA(cmsg);
	else
		err = cmsg_int(cmsg, 0, &value);
	if (err)
		return err;
	head->tos = value;
	head->flags |= VTOE_DGRAM_TOS;
	return 0;
}

static int take_tclass(struct vtoe_datagram *head, const struct cmsghdr *cmsg)
{
	int value, err = cmsg_int(cmsg, -1, &value);

	if (err || value < 0)
		return err;
	head->tos = value;
	head->flags |= VTOE_DGRAM_TOS;
	return 0;
}

static int take_ttl(struct vtoe_datagram *head, const struct cmsghdr *cmsg,
		    int least)
{
	int value, err = cmsg_int(cmsg, least, &value);

	if (err || value < 0)
		return err;
	head->ttl = value;
	head->flags |= VTOE_DGRAM_TTL;
	return 0;
}

static bool may_mark(const struct sock *sk)
{
	struct user_namespace *ns = sock_net(sk)->user_ns;

	return ns_capable(ns, CAP_NET_RAW) || ns_capable(ns, CAP_NET_ADMIN);
}

static int take_general(const struct sock *sk, const struct cmsghdr *cmsg)
{
	u32 value;

	switch (cmsg->cmsg_type) {
	case SCM_RIGHTS:
	case SCM_CREDENTIALS:
		return 0;
	case SO_MARK:
		if (!may_mark(sk))
			return -EPERM;
		return cmsg->cmsg_len == CMSG_LEN(sizeof(value)) ?
			       -EOPNOTSUPP :
			       -EINVAL;
	case SO_TIMESTAMPING_OLD:
	case SO_TIMESTAMPING_NEW:
		if (cmsg->cmsg_len != CMSG_LEN(sizeof(value)))
			return -EINVAL;
		memcpy(&value, CMSG_DATA(cmsg), sizeof(value));
		return value & ~SOF_TIMESTAMPING_TX_RECORD_MASK ? -EINVAL :
								  -EOPNOTSUPP;
	default:
		return -EINVAL; /* also SCM_TXTIME: SO_TXTIME is not set */
	}
}

static int take_ip(struct sender *s, const struct cmsghdr *cmsg)
{
	if (cmsg->cmsg_level == IPPROTO_IPV6)
		return s->sk->sk_family == AF_INET6 &&
				       cmsg->cmsg_type == IPV6_PKTINFO ?
			       take_pktinfo6(s, cmsg, true) :
			       0;
	if (cmsg->cmsg_level != IPPROTO_IP)
		return 0;
	switch (cmsg->cmsg_type) {
	case IP_PKTINFO:
		return take_pktinfo(s, cmsg);
	case IP_TOS:
		return take_tos(&s->head, cmsg);
	case IP_TTL:
		return take_ttl(&s->head, cmsg, 1);
	case IP_RETOPTS:
		return -EOPNOTSUPP;
	default:
		return -EINVAL;
	}
}

static int take_ipv6(struct sender *s, const struct cmsghdr *cmsg)
{
	if (cmsg->cmsg_level != IPPROTO_IPV6)
		return 0;
	switch (cmsg->cmsg_type) {
	case IPV6_PKTINFO:
	case IPV6_2292PKTINFO:
		return take_pktinfo6(s, cmsg, false);
	case IPV6_TCLASS:
		return take_tclass(&s->head, cmsg);
	case IPV6_HOPLIMIT:
	case IPV6_2292HOPLIMIT:
		return take_ttl(&s->head, cmsg, -1);
	case IPV6_FLOWINFO:
	case IPV6_HOPOPTS:
	case IPV6_2292HOPOPTS:
	case IPV6_DSTOPTS:
	case IPV6_2292DSTOPTS:
	case IPV6_RTHDRDSTOPTS:
	case IPV6_RTHDR:
	case IPV6_2292RTHDR:
	case IPV6_DONTFRAG:
		return -EOPNOTSUPP;
	default:
		return -EINVAL;
	}
}

static int take_udp(const struct cmsghdr *cmsg)
{
	if (cmsg->cmsg_level != SOL_UDP)
		return 0;
	return cmsg->cmsg_type == UDP_SEGMENT &&
			       cmsg->cmsg_len == CMSG_LEN(sizeof(u16)) ?
		       -EOPNOTSUPP :
		       -EINVAL;
}

static int take_cmsg(struct sender *s, const struct cmsghdr *cmsg, bool ipv4)
{
	if (cmsg->cmsg_level == SOL_SOCKET)
		return take_general(s->sk, cmsg);
	return ipv4 ? take_ip(s, cmsg) : take_ipv6(s, cmsg);
}

static int take_control(struct sender *s, bool ipv4)
{
	struct msghdr *msg = s->msg;
	struct cmsghdr *cmsg;
	int err = 0;

	if (!msg->msg_controllen)
		return 0;
	for_each_cmsghdr(cmsg, msg) {
		err = CMSG_OK(msg, cmsg) ? take_udp(cmsg) : -EINVAL;
		if (err)
			return err;
	}
	for_each_cmsghdr(cmsg, msg) {
		err = take_cmsg(s, cmsg, ipv4);
		if (err)
			break;
	}
	return err;
}

/* ---- to the ring ---- */

static int put(struct sender *s)
{
	struct front_stream *stream = &s->vsk->stream;
	struct vtoe_segment seg[2];
	unsigned int i, n = front_dgram_put(stream, &s->head, seg);

	for (i = 0; i < n; i++)
		if (_copy_from_iter(seg[i].data, seg[i].len,
				    &s->msg->msg_iter) != seg[i].len)
			return -EFAULT; /* nothing was published */
	s->vsk->tx_last = jiffies;
	atomic64_add(s->head.len, &vtoe_counters.tx_bytes);
	if (front_dgram_commit(stream, s->head.len))
		vtoe_link_notify(s->vsk->link);
	return s->head.len;
}

static int send_wait(struct sender *s, u32 record)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	struct sock *sk = s->sk;

	if (!s->timeo)
		return vtoe_tx_arm_record(s->vsk, sk, record) ? 0 : -EAGAIN;
	if (signal_pending(current))
		return sock_intr_errno(s->timeo);
	add_wait_queue(sk_sleep(sk), &wait);
	if (!vtoe_tx_arm_record(s->vsk, sk, record))
		s->timeo = vtoe_wait_a_moment(sk, &wait, s->timeo);
	remove_wait_queue(sk_sleep(sk), &wait);
	return 0;
}

/* lock_sock() held */
static int send(struct sender *s)
{
	u32 record = vtoe_dgram_record(s->head.len);
	int room, err;

	for (;;) {
		err = sock_error(s->sk);
		if (err)
			return err;
		if (s->sk->sk_shutdown & SEND_SHUTDOWN)
			return -EPIPE;
		if (!s->vsk->has_slot)
			return -ENETDOWN;
		room = vtoe_tx_room_record(s->vsk, record);
		if (room < 0)
			return -ENETDOWN; /* dom0 broke the protocol */
		if (room)
			return put(s);
		err = send_wait(s, record);
		if (err)
			return err;
	}
}

/* ---- what is looked at before the way ---- */

/* Only IPv4 minds, and before the address. */
static int check_ipv4(const struct msghdr *msg, size_t len)
{
	if (len > 0xffff)
		return -EMSGSIZE;
	return msg->msg_flags & MSG_OOB ? -EOPNOTSUPP : 0;
}

/* Flags that ask for something which the contract does not have. */
static bool refused(const struct sock *sk, unsigned int flags)
{
	return flags & MSG_MORE ||
	       (flags & MSG_ZEROCOPY && sock_flag(sk, SOCK_ZEROCOPY));
}

static bool goes_by_ipv4(const struct vtoe_addr *to)
{
	return to->family == VTOE_INET ||
	       ipv6_addr_v4mapped((const struct in6_addr *)to->addr);
}

/* @to: NULL for the peer, to which connect() takes port 0, too */
static int check(struct sender *s, const struct vtoe_addr *to, bool ipv4)
{
	int err = ipv4 ? check_ipv4(s->msg, s->head.len) : 0;

	if (!err && to && !to->port)
		err = -EINVAL;
	if (!err)
		err = take_control(s, ipv4);
	if (!err && refused(s->sk, s->msg->msg_flags))
		err = -EOPNOTSUPP;
	return err;
}

/* To an address that is none for the socket. */
static int unfit_error(const struct sock *sk, const struct msghdr *msg,
		       size_t len)
{
	const struct sockaddr *to = msg->msg_name;
	bool family = msg->msg_namelen >=
		      (int)offsetof(struct sockaddr, sa_data);
	bool fits = msg->msg_namelen >= (int)sizeof(struct sockaddr_in);

	if (sk->sk_family == AF_INET)
		return check_ipv4(msg, len) ?:
			       (fits ? -EAFNOSUPPORT : -EINVAL);
	if (!family || (to->sa_family != AF_INET && to->sa_family != AF_INET6))
		return -EINVAL;
	if (to->sa_family == AF_INET6)
		/* that is right: IPv4 in it, for a socket of IPv6 alone */
		return msg->msg_namelen < SIN6_LEN_RFC2133 ? -EINVAL :
							     -ENETUNREACH;
	if (ipv6_only_sock(sk))
		return -ENETUNREACH;
	return check_ipv4(msg, len) ?: -EINVAL;
}

static int no_peer_error(const struct sock *sk, const struct msghdr *msg,
			 size_t len)
{
	int err = sk->sk_family == AF_INET ? check_ipv4(msg, len) : 0;

	return err ?: -EDESTADDRREQ;
}

/* ---- to dom0 ---- */

/* @to: NULL for the peer */
static int send_dom0(struct vtoe_sock *vsk, struct sock *sk, struct msghdr *msg,
		     size_t len, const struct vtoe_addr *to)
{
	struct sender s = {
		.vsk = vsk,
		.sk = sk,
		.msg = msg,
		.timeo = sock_sndtimeo(sk, msg->msg_flags & MSG_DONTWAIT),
		.head.len = len,
	};
	bool ipv4 = goes_by_ipv4(to ?: &vsk->peer);
	int err = check(&s, to, ipv4);

	if (!err && vtoe_dgram_is_cut_off(vsk))
		err = sock_error(sk) ?: vtoe_dgram_settle(vsk, sk);
	if (err)
		return err;
	atomic64_inc(&vtoe_counters.calls);
	lock_sock(sk);
	if (to) {
		s.head.addr = *to;
		err = vtoe_dgram_addr_as(vsk->family, &s.head.addr);
	}
	if (!err && msg->msg_flags & MSG_PROBE)
		err = len; /* of the way, which is dom0's to probe */
	else if (!err && len > (ipv4 ? UDP4_MAX : UDP6_MAX))
		err = -EMSGSIZE;
	else if (!err)
		err = send(&s);
	release_sock(sk);
	return err;
}

/* To this machine, where from an address of the device's there is no way. */
static int no_way_error(struct vtoe_sock *vsk, struct sock *sk,
		       struct msghdr *msg, size_t len,
		       const struct vtoe_addr *to)
{
	struct sender s = { .vsk = vsk, .sk = sk, .msg = msg, .head.len = len };

	return check(&s, to, goes_by_ipv4(to)) ?: -ENETUNREACH;
}

/* ---- which world ---- */

static int send_native(struct socket *sock, struct msghdr *msg, size_t len)
{
	int err;

	vtoe_ops_enter();
	err = vtoe_native_ops(sock->sk)->sendmsg(sock, msg, len);
	vtoe_ops_leave();
	return err;
}

/* The first one of this socket that goes to dom0. */
static int send_first(struct socket *sock, struct msghdr *msg, size_t len,
		      const struct vtoe_addr *to)
{
	struct vtoe_sock *vsk;
	int ret;

	vtoe_ops_enter();
	vsk = vtoe_dgram_autobind(sock, to);
	vtoe_ops_leave();
	if (IS_ERR(vsk))
		return PTR_ERR(vsk);
	if (!vsk)
		return send_native(sock, msg, len);
	ret = send_dom0(vsk, sock->sk, msg, len, to);
	vtoe_sock_put(vsk);
	return ret;
}

/* To an address that was given. */
static int send_to(struct socket *sock, struct vtoe_sock *vsk,
		   struct msghdr *msg, size_t len)
{
	bool alone = vsk && vtoe_phase_offloaded(READ_ONCE(vsk->phase));
	struct vtoe_sockaddr addr;
	struct vtoe_addr to;

	vtoe_dgram_addr(sock->sk, msg->msg_name, msg->msg_namelen, &addr);
	switch (vtoe_switch_connect(sock->sk, (struct sockaddr *)&addr.ss,
				    addr.len, &to)) {
	case VTOE_TO_DOM0:
		if (vsk && (vtoe_dgram_has_port(vsk) ||
			    (alone && !READ_ONCE(vsk->has_slot))))
			return send_dom0(vsk, sock->sk, msg, len, &to);
		return send_first(sock, msg, len, &to);
	case VTOE_TO_NATIVE:
		return alone ? no_way_error(vsk, sock->sk, msg, len, &to) :
			       send_native(sock, msg, len);
	case VTOE_DENY:
		return -EPERM;
	default:
		return alone ? unfit_error(sock->sk, msg, len) :
			       send_native(sock, msg, len);
	}
}

/* An IPv6 socket takes AF_UNSPEC for "to the peer". */
static void forget_no_name(const struct sock *sk, struct msghdr *msg)
{
	const struct sockaddr *to = msg->msg_name;

	if (!to || sk->sk_family != AF_INET6 ||
	    msg->msg_namelen < (int)offsetof(struct sockaddr, sa_data) ||
	    to->sa_family != AF_UNSPEC)
		return;
	msg->msg_name = NULL;
	msg->msg_namelen = 0;
}

int vtoe_dgram_sendmsg(struct socket *sock, struct msghdr *msg, size_t len)
{
	struct vtoe_sock *vsk = vtoe_sock_find(sock->sk);
	int ret;

	forget_no_name(sock->sk, msg);
	if (READ_ONCE(udp_sk(sock->sk)->pending))
		/* the rest of one that MSG_MORE has begun in this machine */
		ret = send_native(sock, msg, len);
	else if (msg->msg_name)
		ret = send_to(sock, vsk, msg, len);
	else if (vsk && READ_ONCE(vsk->phase) == VTOE_CONNECTED)
		ret = send_dom0(vsk, sock->sk, msg, len, NULL);
	else if (vsk && READ_ONCE(vsk->phase) == VTOE_BOUND)
		ret = no_peer_error(sock->sk, msg, len);
	else
		ret = send_native(sock, msg, len);
	if (vsk)
		vtoe_sock_put(vsk);
	return ret;
}
