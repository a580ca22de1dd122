/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kernel_datagram.c - the "kernel" driver's datagram sockets.
 *
 * What goes with a datagram (the address to send from or that it was sent to,
 * TOS, TTL, time) stands in control messages. On an IPv6 socket those for an
 * IPv4 peer, named by a mapped address, are IPv4's, but for the local address:
 * so Linux wants it.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "kernel_conn.h"

#define BATCH	 16u /* datagrams of one system call */
#define NS_PER_S 1000000000ull
/* room for pktinfo, TOS, TTL and a time stamp */
#define CONTROL_MAX 128u

union control {
	struct cmsghdr align;
	uint8_t bytes[CONTROL_MAX];
};

static bool is_mapped(const struct vtoe_addr *addr)
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

	return addr->family == VTOE_INET6 &&
	       !memcmp(addr->addr, prefix, sizeof(prefix));
}

int kernel_connect_datagram(struct toe_conn *conn, const struct vtoe_addr *addr)
{
	union sockaddr_any sa = {.sa.sa_family = AF_UNSPEC};
	socklen_t len = sizeof(sa.sa);
	int err;

	if (addr->family) {
		err = kernel_addr_to(addr, &sa, &len);
		if (err)
			return err;
	}
	kernel_count(conn->stack);
	if (connect(conn->fd, &sa.sa, len))
		return -errno;
	conn->mapped = is_mapped(addr);
	return 0;
}

/* ---- sending ---- */

static void add(struct msghdr *msg, union control *control, int level, int type,
		const void *data, size_t len)
{
	struct cmsghdr *cmsg =
		(struct cmsghdr *)(control->bytes + msg->msg_controllen);

	msg->msg_control = control->bytes;
	msg->msg_controllen += CMSG_SPACE(len);
	cmsg->cmsg_level = level;
	cmsg->cmsg_type = type;
	cmsg->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(cmsg), data, len);
}

static void add_local(struct msghdr *msg, union control *control, int family,
		      const uint8_t *local)
{
	struct in_pktinfo in = {0};
	struct in6_pktinfo in6 = {0};

	if (family == AF_INET) {
		memcpy(&in.ipi_spec_dst, local, sizeof(in.ipi_spec_dst));
		add(msg, control, IPPROTO_IP, IP_PKTINFO, &in, sizeof(in));
	} else {
		memcpy(&in6.ipi6_addr, local, sizeof(in6.ipi6_addr));
		add(msg, control, IPPROTO_IPV6, IPV6_PKTINFO, &in6,
		    sizeof(in6));
	}
}

static void add_control(const struct toe_conn *conn, struct msghdr *msg,
			union control *control,
			const struct vtoe_datagram *head)
{
	bool mapped = head->addr.family ? is_mapped(&head->addr) : conn->mapped;
	bool v4 = conn->family == AF_INET || mapped;
	int tos = head->tos, ttl = head->ttl;

	memset(control, 0, sizeof(*control));
	if (head->flags & VTOE_DGRAM_LOCAL)
		add_local(msg, control, conn->family, head->local);
	if (head->flags & VTOE_DGRAM_TOS)
		add(msg, control, v4 ? IPPROTO_IP : IPPROTO_IPV6,
		    v4 ? IP_TOS : IPV6_TCLASS, &tos, sizeof(tos));
	if (head->flags & VTOE_DGRAM_TTL)
		add(msg, control, v4 ? IPPROTO_IP : IPPROTO_IPV6,
		    v4 ? IP_TTL : IPV6_HOPLIMIT, &ttl, sizeof(ttl));
}

/* Returns 0 or a negative errno: it cannot be sent. */
static int prepare(const struct toe_conn *conn, const struct toe_datagram *d,
		   struct msghdr *msg, union sockaddr_any *sa,
		   union control *control)
{
	socklen_t len;
	int err;

	memset(msg, 0, sizeof(*msg));
	msg->msg_iov = (struct iovec *)d->iov;
	msg->msg_iovlen = (size_t)d->iovcnt;
	if (d->head.addr.family) {
		err = kernel_addr_to(&d->head.addr, sa, &len);
		if (err)
			return err;
		msg->msg_name = sa;
		msg->msg_namelen = len;
	}
	if (d->head.flags)
		add_control(conn, msg, control, &d->head);
	return 0;
}

int kernel_send_datagrams(struct toe_conn *conn, const struct toe_datagram *d,
			  unsigned int nr)
{
	union sockaddr_any sa[BATCH];
	union control control[BATCH];
	struct mmsghdr msg[BATCH];
	unsigned int i;
	int n, err;

	if (nr > BATCH)
		nr = BATCH;
	for (i = 0; i < nr; i++) {
		err = prepare(conn, &d[i], &msg[i].msg_hdr, &sa[i],
			      &control[i]);
		if (err && !i)
			return err;
		if (err)
			break; /* those before it first */
	}
	kernel_count(conn->stack);
	n = sendmmsg(conn->fd, msg, i, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n >= 0)
		return n;
	err = -errno;
	return err == -EAGAIN ? kernel_want_room(conn, err) : err;
}

/* ---- receiving ---- */

static int get_int(const struct cmsghdr *cmsg)
{
	int value;

	memcpy(&value, CMSG_DATA(cmsg), sizeof(value));
	return value;
}

static void take_ip(struct vtoe_datagram *head, struct cmsghdr *cmsg)
{
	struct in_pktinfo info;

	switch (cmsg->cmsg_type) {
	case IP_PKTINFO:
		memcpy(&info, CMSG_DATA(cmsg), sizeof(info));
		memset(head->local, 0, sizeof(head->local));
		memcpy(head->local, &info.ipi_addr, sizeof(info.ipi_addr));
		head->flags |= VTOE_DGRAM_LOCAL;
		break;
	case IP_TOS:
		head->tos = *CMSG_DATA(cmsg);
		head->flags |= VTOE_DGRAM_TOS;
		break;
	case IP_TTL:
		head->ttl = (uint8_t)get_int(cmsg);
		head->flags |= VTOE_DGRAM_TTL;
		break;
	}
}

static void take_ipv6(struct vtoe_datagram *head, struct cmsghdr *cmsg)
{
	struct in6_pktinfo info;

	switch (cmsg->cmsg_type) {
	case IPV6_PKTINFO:
		memcpy(&info, CMSG_DATA(cmsg), sizeof(info));
		memcpy(head->local, &info.ipi6_addr, sizeof(head->local));
		head->flags |= VTOE_DGRAM_LOCAL;
		break;
	case IPV6_TCLASS:
		head->tos = (uint8_t)get_int(cmsg);
		head->flags |= VTOE_DGRAM_TOS;
		break;
	case IPV6_HOPLIMIT:
		head->ttl = (uint8_t)get_int(cmsg);
		head->flags |= VTOE_DGRAM_TTL;
		break;
	}
}

static void take_time(struct vtoe_datagram *head, struct cmsghdr *cmsg)
{
	struct timespec ts;

	if (cmsg->cmsg_type != SCM_TIMESTAMPNS)
		return;
	memcpy(&ts, CMSG_DATA(cmsg), sizeof(ts));
	head->time_ns = (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
	head->flags |= VTOE_DGRAM_TIME;
}

static void take_control(struct vtoe_datagram *head, struct msghdr *msg)
{
	struct cmsghdr *cmsg;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level == IPPROTO_IP)
			take_ip(head, cmsg);
		else if (cmsg->cmsg_level == IPPROTO_IPV6)
			take_ipv6(head, cmsg);
		else if (cmsg->cmsg_level == SOL_SOCKET)
			take_time(head, cmsg);
	}
}

int kernel_recv_datagram(struct toe_conn *conn, struct toe_datagram *d)
{
	union sockaddr_any sa;
	union control control;
	struct msghdr msg = {
		.msg_name = &sa,
		.msg_namelen = sizeof(sa),
		.msg_iov = d->iov,
		.msg_iovlen = (size_t)d->iovcnt,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t n;

	kernel_count(conn->stack);
	n = recvmsg(conn->fd, &msg, MSG_DONTWAIT);
	if (n < 0)
		return -errno;
	memset(&d->head, 0, sizeof(d->head));
	d->head.len = (uint32_t)n;
	if (msg.msg_controllen)
		take_control(&d->head, &msg);
	return kernel_addr_from(&sa, &d->head.addr);
}

int kernel_next_datagram(struct toe_conn *conn)
{
	ssize_t n;

	kernel_count(conn->stack);
	n = recv(conn->fd, NULL, 0, MSG_DONTWAIT | MSG_PEEK | MSG_TRUNC);
	return n < 0 ? -errno : (int)n;
}
