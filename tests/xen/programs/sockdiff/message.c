/* SPDX-License-Identifier: GPL-2.0 */
/* message.c - sendmsg() and recvmsg(). See call.c. */
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "call.h"
#include "sockdiff.h"

#define CONTROL_SIZE 256 /* all that a datagram can come with */

static const int iov_lengths[][4] = {
	{ -1 },		{ 0, -1 },	 { 1, -1 },	   { 10, 20, -1 },
	{ 0, 5, 0, 7 }, { 1, 1, 1, -1 }, { 100, 900, -1 }, { 400, 0, 3, 600 },
};

static int make_iov(const struct world *w, int which, struct iovec *iov)
{
	const int *len = iov_lengths[which];
	uint8_t *at = w->buffer;
	int n;

	for (n = 0; n < 4 && len[n] >= 0; n++) {
		iov[n].iov_base = at;
		iov[n].iov_len = (size_t)len[n];
		at += len[n] + 16; /* a gap that nobody may touch */
	}
	return n;
}

static void spoil_message(const struct world *w, struct msghdr *msg,
			  struct iovec *iov, int how)
{
	switch (how) {
	case BAD_IOV:
		msg->msg_iov = (void *)w->wild;
		msg->msg_iovlen = 2;
		break;
	case BAD_IOV_MANY:
		msg->msg_iovlen = 1025;
		break;
	case BAD_IOV_HUGE:
		msg->msg_iovlen = (size_t)-1;
		break;
	case BAD_BASE:
		iov[0].iov_base = NULL;
		iov[0].iov_len = 10;
		msg->msg_iovlen = 1;
		break;
	case BAD_BASE_LATER: /* what is before it counts */
		iov[0].iov_base = w->buffer;
		iov[0].iov_len = 7;
		iov[1].iov_base = w->wild;
		iov[1].iov_len = 9;
		msg->msg_iovlen = 2;
		break;
	case BAD_LENGTH:
		iov[0].iov_base = w->buffer;
		iov[0].iov_len = (size_t)-1;
		msg->msg_iovlen = 1;
		break;
	case BAD_NAME:
		msg->msg_name = (void *)w->wild;
		msg->msg_namelen = 16;
		break;
	case BAD_NAME_LENGTH:
		msg->msg_name = w->buffer;
		msg->msg_namelen = (socklen_t)-1;
		break;
	case BAD_CONTROL:
		msg->msg_control = (void *)w->wild;
		msg->msg_controllen = 64;
		break;
	case BAD_CONTROL_LENGTH:
		msg->msg_control = w->buffer;
		msg->msg_controllen = (size_t)-1;
		break;
	}
}

static void make_control(struct msghdr *msg, int which, void *room)
{
	static const struct {
		int level, type;
		size_t len; /* of the data; 999: a wrong one */
	} kind[] = {
		{ 0 },
		{ SOL_SOCKET, SCM_RIGHTS, 0 },
		{ SOL_SOCKET, SO_MARK, 4 },
		{ SOL_SOCKET, SO_TIMESTAMPING, 4 },
		{ SOL_SOCKET, 12345, 4 },
		{ SOL_SOCKET, SO_MARK, 999 },
		{ IPPROTO_IP, IP_TTL, 4 },
		{ IPPROTO_TCP, 99, 4 },
		{ IPPROTO_IP, IP_TOS, 4 },
		{ IPPROTO_IP, IP_PKTINFO, sizeof(struct in_pktinfo) },
		{ IPPROTO_IPV6, IPV6_HOPLIMIT, 4 },
		{ IPPROTO_IPV6, IPV6_TCLASS, 4 },
		{ IPPROTO_IPV6, IPV6_PKTINFO, sizeof(struct in6_pktinfo) },
		{ SOL_UDP, UDP_SEGMENT, 2 },
	};
	struct cmsghdr *c = room;

	if (!which)
		return;
	memset(room, 0, 64);
	c->cmsg_level = kind[which].level;
	c->cmsg_type = kind[which].type;
	c->cmsg_len = kind[which].len == 999 ? 3 : CMSG_LEN(kind[which].len);
	if (kind[which].len == 4)
		*CMSG_DATA(c) = 10; /* a TOS, a TTL */
	msg->msg_control = room;
	msg->msg_controllen = kind[which].len == 999 ?
				      sizeof(*c) :
				      CMSG_SPACE(kind[which].len);
}

/* @to: address (or -1), its form, port */
static void name_message(const struct world *w, struct msghdr *msg,
			 const int *to, union address *a)
{
	if (to[0] < 0)
		return;
	make_address(w, to[0], to[1], to[2], a);
	msg->msg_name = a;
	msg->msg_namelen = address_size(a);
}

/* pieces, flags, control, what is bad, address (or -1), its form, port */
void message_send(struct world *w, const struct step *st, struct outcome *out)
{
	_Alignas(8) uint8_t room[64];
	struct iovec iov[4];
	struct msghdr msg = { .msg_iov = iov };
	union address a;

	pattern(w->buffer, st->id, SEEN);
	msg.msg_iovlen = (size_t)make_iov(w, st->a[0], iov);
	make_control(&msg, st->a[2], room);
	name_message(w, &msg, &st->a[4], &a);
	spoil_message(w, &msg, iov, st->a[3]);
	call_result(out,
		    syscall(SYS_sendmsg, socket_fd(w, st->s),
			    st->a[3] == BAD_HEADER ? (void *)w->wild : &msg,
			    st->a[1]));
}

/* What came with it. Times differ, and so do numbers of interfaces. */
static void see_control(struct outcome *out, struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c;
	     c = CMSG_NXTHDR(msg, c)) {
		uint8_t data[CONTROL_SIZE] = { 0 };
		size_t len = c->cmsg_len - CMSG_LEN(0);

		memcpy(data, CMSG_DATA(c), len < sizeof(data) ? len : 0);
		if (c->cmsg_level == SOL_SOCKET)
			memset(data, 0, sizeof(data));
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
			memset(data, 0, sizeof(int));
		if (c->cmsg_level == IPPROTO_IPV6 &&
		    c->cmsg_type == IPV6_PKTINFO)
			memset(data + sizeof(struct in6_addr), 0, sizeof(int));
		call_value(out, c->cmsg_level << 16 | c->cmsg_type);
		call_value(out, (long)hash_more(HASH_START, data, len));
	}
}

/* pieces, flags, length of control, what is bad */
void message_receive(struct world *w, const struct step *st,
		     struct outcome *out)
{
	_Alignas(8) uint8_t room[CONTROL_SIZE];
	union address a;
	struct iovec iov[4];
	struct msghdr msg = { .msg_iov = iov,
			      .msg_name = &a,
			      .msg_namelen = sizeof(a) };

	buffer_clear(w);
	memset(&a, UNTOUCHED, sizeof(a));
	msg.msg_iovlen = (size_t)make_iov(w, st->a[0], iov);
	if (st->a[2]) {
		msg.msg_control = room;
		msg.msg_controllen = (size_t)st->a[2];
	}
	spoil_message(w, &msg, iov, st->a[3]);
	call_result(out,
		    syscall(SYS_recvmsg, socket_fd(w, st->s),
			    st->a[3] == BAD_HEADER ? (void *)w->wild : &msg,
			    st->a[1]));
	buffer_see(w, out);
	if (out->ret < 0 || st->a[3])
		return;
	call_value(out, msg.msg_flags);
	call_value(out, (long)msg.msg_controllen);
	see_address(out, &a, (int)msg.msg_namelen, sizeof(a));
	see_control(out, &msg);
}

/* ---- sendmmsg(), recvmmsg(): each message has one piece ---- */

#define PIECE 100 /* of recvmmsg(); sendmmsg()'s are shorter each */

static void make_messages(const struct world *w, struct mmsghdr *m,
			  struct iovec *iov, int bad)
{
	memset(m, 0, NR_MESSAGES * sizeof(*m));
	for (int i = 0; i < NR_MESSAGES; i++) {
		iov[i].iov_base = i + 1 == bad ? w->wild : w->buffer + i * 200;
		iov[i].iov_len = (size_t)(PIECE - 40 * i);
		m[i].msg_hdr.msg_iov = &iov[i];
		m[i].msg_hdr.msg_iovlen = 1;
	}
}

static void see_messages(struct outcome *out, const struct mmsghdr *m)
{
	for (int i = 0; i < NR_MESSAGES; i++) {
		call_value(out, m[i].msg_len);
		call_value(out, m[i].msg_hdr.msg_flags);
	}
}

/* how many, flags, which is bad, pointer, address (or -1), its form, port */
void messages_send(struct world *w, const struct step *st, struct outcome *out)
{
	struct mmsghdr m[NR_MESSAGES];
	struct iovec iov[NR_MESSAGES];
	union address a;

	pattern(w->buffer, st->id, SEEN);
	make_messages(w, m, iov, st->a[2]);
	for (int i = 0; i < NR_MESSAGES; i++)
		name_message(w, &m[i].msg_hdr, &st->a[4], &a);
	call_result(out, syscall(SYS_sendmmsg, socket_fd(w, st->s),
				 st->a[3] ? place(w, st->a[3], sizeof(m)) : m,
				 st->a[0], st->a[1]));
	see_messages(out, m);
}

/* how many, flags, which is bad, pointer, whether it wants addresses */
void messages_receive(struct world *w, const struct step *st,
		      struct outcome *out)
{
	struct mmsghdr m[NR_MESSAGES];
	struct iovec iov[NR_MESSAGES];
	union address a[NR_MESSAGES];

	buffer_clear(w);
	memset(a, UNTOUCHED, sizeof(a));
	make_messages(w, m, iov, st->a[2]);
	for (int i = 0; i < NR_MESSAGES && st->a[4]; i++) {
		m[i].msg_hdr.msg_name = &a[i];
		m[i].msg_hdr.msg_namelen = sizeof(a[i]);
	}
	call_result(out, syscall(SYS_recvmmsg, socket_fd(w, st->s),
				 st->a[3] ? place(w, st->a[3], sizeof(m)) : m,
				 st->a[0], st->a[1], NULL));
	see_messages(out, m);
	buffer_see(w, out);
	if (out->ret > 0 && st->a[4])
		see_address(out, &a[0], (int)m[0].msg_hdr.msg_namelen,
			    sizeof(a[0]));
}
