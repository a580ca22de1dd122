/* SPDX-License-Identifier: GPL-2.0 */
/* message.c - sendmsg() and recvmsg(). See call.c. */
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "call.h"
#include "sockdiff.h"

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
	};
	struct cmsghdr *c = room;

	if (!which)
		return;
	memset(room, 0, 64);
	c->cmsg_level = kind[which].level;
	c->cmsg_type = kind[which].type;
	c->cmsg_len = kind[which].len == 999 ? 3 : CMSG_LEN(kind[which].len);
	msg->msg_control = room;
	msg->msg_controllen = kind[which].len == 999 ?
				      sizeof(*c) :
				      CMSG_SPACE(kind[which].len);
}

/* pieces, flags, control, what is bad */
void message_send(struct world *w, const struct step *st, struct outcome *out)
{
	_Alignas(8) uint8_t room[64];
	struct iovec iov[4];
	struct msghdr msg = { .msg_iov = iov };

	pattern(w->buffer, st->id, SEEN);
	msg.msg_iovlen = (size_t)make_iov(w, st->a[0], iov);
	make_control(&msg, st->a[2], room);
	spoil_message(w, &msg, iov, st->a[3]);
	call_result(out,
		    syscall(SYS_sendmsg, socket_fd(w, st->s),
			    st->a[3] == BAD_HEADER ? (void *)w->wild : &msg,
			    st->a[1]));
}

/* pieces, flags, length of control, what is bad */
void message_receive(struct world *w, const struct step *st,
		     struct outcome *out)
{
	_Alignas(8) uint8_t room[64];
	union address a;
	struct iovec iov[4];
	struct msghdr msg = { .msg_iov = iov,
			      .msg_name = &a,
			      .msg_namelen = sizeof(a) };

	buffer_clear(w);
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
	call_value(out, msg.msg_namelen);
}
