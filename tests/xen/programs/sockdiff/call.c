/* SPDX-License-Identifier: GPL-2.0 */
/*
 * call.c - one step in one world.
 *
 * What a step's numbers mean stands at each function. The system calls are made
 * as they are, without the C library's own ideas about their arguments.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/sockios.h>

#include "call.h"
#include "sockdiff.h"

#define EVENTS_MS 60 /* for wake-ups that are on their way */

void call_result(struct outcome *out, long ret)
{
	out->ret = ret;
	out->err = ret < 0 ? errno : 0;
}

void call_value(struct outcome *out, long v)
{
	out->value[out->nr_values++] = v;
}

/* Where @len bytes would stand, given what is to be wrong with it. */
void *place(const struct world *w, int pointer, size_t len)
{
	switch (pointer) {
	case PTR_NULL:
		return NULL;
	case PTR_WILD:
		return w->wild;
	case PTR_KERNEL:
		return (void *)0xffff888000100000ul;
	case PTR_NOWHERE:
		return (void *)0x8000000000000000ul;
	case PTR_FIXED:
		return w->fixed;
	case PTR_HALF:
		return w->wild - len / 2;
	default:
		return w->buffer;
	}
}

/* The same for something that the call reads. */
static void *place_data(const struct world *w, int pointer, const void *data,
			size_t len)
{
	void *at = place(w, pointer, len);

	if (pointer == PTR_GOOD)
		memcpy(at, data, len);
	else if (pointer == PTR_HALF)
		memcpy(at, data, len / 2);
	return at;
}

void buffer_see(const struct world *w, struct outcome *out)
{
	out->bytes = hash_more(HASH_START, w->buffer, SEEN);
	out->bytes = hash_more(out->bytes, w->wild - SEEN, SEEN);
}

void buffer_clear(const struct world *w)
{
	memset(w->buffer, UNTOUCHED, BUFFER_SIZE);
}

/* ---- addresses ---- */

static uint16_t which_port(const struct world *w, int where, int port)
{
	if (where == ADDR_PEER)
		return (uint16_t)(session.peer_port + port);
	if (where == ADDR_PEER_REFUSES)
		return 9;
	if (where == ADDR_SELF || (port < 0 && port >= -NR_SOCKETS))
		return w->ops->port(w, where == ADDR_SELF ? port : -1 - port);
	return port ? (uint16_t)(session.base_port + port - 1) : 0;
}

static struct in_addr host4(int where)
{
	struct in_addr a = { INADDR_ANY };

	switch (where) {
	case ADDR_OWN:
	case ADDR_SELF:
		return options.own4.v4.sin_addr;
	case ADDR_PEER:
	case ADDR_PEER_REFUSES:
		return options.peer4.v4.sin_addr;
	case ADDR_LOOPBACK:
		a.s_addr = htonl(INADDR_LOOPBACK);
		break;
	case ADDR_FOREIGN:
		a.s_addr = htonl(0xcb007107); /* 203.0.113.7 */
		break;
	case ADDR_GROUP:
		a.s_addr = htonl(0xe0000105);
		break;
	case ADDR_BROADCAST:
		a.s_addr = htonl(INADDR_BROADCAST);
		break;
	}
	return a;
}

static struct in6_addr host6(int where)
{
	struct in6_addr a = IN6ADDR_ANY_INIT;

	switch (where) {
	case ADDR_OWN:
	case ADDR_SELF:
		return options.own6.v6.sin6_addr;
	case ADDR_PEER:
	case ADDR_PEER_REFUSES:
		return options.peer6.v6.sin6_addr;
	case ADDR_LOOPBACK:
		a.s6_addr[15] = 1;
		break;
	case ADDR_FOREIGN: /* 2001:db8:77::7 */
		a = options.peer6.v6.sin6_addr;
		a.s6_addr[5] = 0x77;
		a.s6_addr[15] = 7;
		break;
	case ADDR_GROUP:
	case ADDR_BROADCAST: /* there is none */
		a.s6_addr[0] = 0xff;
		a.s6_addr[1] = 0x0e;
		a.s6_addr[15] = 5;
		break;
	}
	return a;
}

void make_address(const struct world *w, int where, int form, int port,
		  union address *a)
{
	uint16_t number = which_port(w, where, port);

	memset(a, 0, sizeof(*a));
	a->v4.sin_port = htons(number);
	if (form == FORM_4) {
		a->sa.sa_family = AF_INET;
		a->v4.sin_addr = host4(where);
	} else {
		a->sa.sa_family = AF_INET6;
		a->v6.sin6_addr = host6(where);
	}
	if (form == FORM_MAPPED) {
		struct in_addr in = host4(where);

		memset(&a->v6.sin6_addr, 0, 10);
		memset(a->v6.sin6_addr.s6_addr + 10, 0xff, 2);
		memcpy(a->v6.sin6_addr.s6_addr + 12, &in, 4);
	}
	if (where == ADDR_UNSPEC)
		a->sa.sa_family = AF_UNSPEC;
	if (where == ADDR_UNIX)
		a->sa.sa_family = AF_UNIX;
}

static int length(int which, int right)
{
	static const int wrong[] = { 0, 0, 1, 2, 4, 15, 17, 128, 129, -1 };

	return which ? wrong[which] : right;
}

/* bind, connect: where, form, port, length, pointer */
static long do_address(const struct world *w, const struct step *st, int call)
{
	union address a;
	int len;
	void *at;

	make_address(w, st->a[0], st->a[1], st->a[2], &a);
	len = length(st->a[3], (int)address_size(&a));
	if (a.sa.sa_family == AF_UNSPEC || a.sa.sa_family == AF_UNIX)
		len = length(st->a[3], sizeof(a.v6));
	at = place_data(w, st->a[4], &a, sizeof(a));
	return syscall(call, socket_fd(w, st->s), at, len);
}

static void do_bind(struct world *w, const struct step *st, struct outcome *out)
{
	call_result(out, do_address(w, st, SYS_bind));
}

static void do_connect(struct world *w, const struct step *st,
		       struct outcome *out)
{
	call_result(out, do_address(w, st, SYS_connect));
}

/* ---- life ---- */

/* backlog */
static void do_listen(struct world *w, const struct step *st,
		      struct outcome *out)
{
	call_result(out, listen(socket_fd(w, st->s), st->a[0]));
}

/* how */
static void do_shutdown(struct world *w, const struct step *st,
			struct outcome *out)
{
	call_result(out, shutdown(socket_fd(w, st->s), st->a[0]));
}

/* family (as FORM_*, FORM_MAPPED: only v6), flags */
static void do_socket(struct world *w, const struct step *st,
		      struct outcome *out)
{
	int one = 1, *fd = &w->fd[st->s];

	*fd = socket(st->a[0] == FORM_4 ? AF_INET : AF_INET6,
		     options.type | st->a[1], 0);
	call_result(out, *fd < 0 ? -1 : 0);
	if (st->a[0] == FORM_MAPPED)
		setsockopt(*fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
}

void see_address(struct outcome *out, const union address *a, int len,
		 int given)
{
	call_value(out, len);
	/* only a whole one can be told from another world's */
	if (len >= (int)sizeof(a->v4) && given >= len) {
		out->has_addr = true;
		out->addr = *a;
	}
}

/* into which socket, flags, length, pointer, pointer to the length */
static void do_accept(struct world *w, const struct step *st,
		      struct outcome *out)
{
	int len = length(st->a[2], sizeof(union address)), given = len, fd;
	void *at = place(w, st->a[3], sizeof(union address));
	void *at_len = st->a[4] ? place(w, st->a[4], sizeof(len)) : &len;

	buffer_clear(w);
	fd = (int)syscall(SYS_accept4, socket_fd(w, st->s), at, at_len,
			  st->a[1]);
	call_result(out, fd < 0 ? -1 : 0);
	if (fd < 0)
		return;
	w->fd[st->a[0]] = fd;
	if (st->a[3] == PTR_GOOD)
		see_address(out, at, len, given);
}

/* which, length, pointer, pointer to the length */
static void do_getname(struct world *w, const struct step *st,
		       struct outcome *out)
{
	int len = length(st->a[1], sizeof(union address)), given = len;
	void *at = place(w, st->a[2], sizeof(union address));
	void *at_len = st->a[3] ? place(w, st->a[3], sizeof(len)) : &len;

	buffer_clear(w);
	call_result(out, syscall(st->a[0] ? SYS_getpeername : SYS_getsockname,
				 socket_fd(w, st->s), at, at_len));
	if (!out->ret && st->a[2] == PTR_GOOD)
		see_address(out, at, len, given);
}

static void do_close(struct world *w, const struct step *st,
		     struct outcome *out)
{
	call_result(out, close(socket_fd(w, st->s)));
	if (st->s < NR_SOCKETS)
		w->fd[st->s] = -1;
}

static void do_dup(struct world *w, const struct step *st, struct outcome *out)
{
	int fd = dup(socket_fd(w, st->s));

	call_result(out, fd < 0 ? -1 : 0);
	if (fd < 0)
		return;
	close(w->fd[st->s]);
	w->fd[st->s] = fd;
}

/* command, argument */
static void do_fcntl(struct world *w, const struct step *st,
		     struct outcome *out)
{
	call_result(out, fcntl(socket_fd(w, st->s), st->a[0], st->a[1]));
}

/* ---- bytes ---- */

/* length, flags, pointer, address (or -1), its form, port, length, pointer */
static void do_send(struct world *w, const struct step *st, struct outcome *out)
{
	size_t len = (size_t)(ssize_t)st->a[0];
	uint8_t *at = place(w, st->a[2], len < SEEN ? len : SEEN);
	union address a;
	void *to = NULL;
	int to_len = 0;

	if (len <= BUFFER_SIZE && st->a[2] == PTR_GOOD)
		pattern(at, st->id, len);
	if (len <= SEEN && st->a[2] == PTR_HALF)
		pattern(at, st->id, len / 2);
	if (st->a[3] >= 0) {
		make_address(w, st->a[3], st->a[4], st->a[5], &a);
		to = st->a[7] ? place(w, st->a[7], sizeof(a)) : &a;
		to_len = length(st->a[6], (int)address_size(&a));
	}
	call_result(out, syscall(SYS_sendto, socket_fd(w, st->s), at, len,
				 st->a[1], to, to_len));
}

/* length, flags, pointer, whether it wants an address, wrong length of that */
static void do_recv(struct world *w, const struct step *st, struct outcome *out)
{
	size_t len = (size_t)(ssize_t)st->a[0];
	uint8_t *at = place(w, st->a[2], len < SEEN ? len : SEEN);
	union address a;
	int alen = length(st->a[4], sizeof(a)), given = alen;

	buffer_clear(w);
	memset(&a, UNTOUCHED, sizeof(a));
	call_result(out, syscall(SYS_recvfrom, socket_fd(w, st->s), at, len,
				 st->a[1], st->a[3] ? &a : NULL,
				 st->a[3] ? &alen : NULL));
	buffer_see(w, out);
	if (st->a[3])
		see_address(out, &a, alen, given);
}

/* length, pointer */
static void do_write(struct world *w, const struct step *st,
		     struct outcome *out)
{
	size_t len = (size_t)st->a[0];
	uint8_t *at = place(w, st->a[1], len);

	if (st->a[1] == PTR_GOOD)
		pattern(at, st->id, len);
	call_result(out, write(socket_fd(w, st->s), at, len));
}

static void do_read(struct world *w, const struct step *st, struct outcome *out)
{
	size_t len = (size_t)st->a[0];

	buffer_clear(w);
	call_result(out,
		    read(socket_fd(w, st->s), place(w, st->a[1], len), len));
	buffer_see(w, out);
}

/* length: out of the socket, through a pipe */
static void do_splice(struct world *w, const struct step *st,
		      struct outcome *out)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC))
		return;
	buffer_clear(w);
	call_result(out, splice(socket_fd(w, st->s), NULL, p[1], NULL,
				(size_t)st->a[0], SPLICE_F_NONBLOCK));
	if (out->ret > 0 && read(p[0], w->buffer, (size_t)out->ret) < 0)
		call_value(out, errno);
	buffer_see(w, out);
	close(p[0]);
	close(p[1]);
}

/* ---- options, requests ---- */

void make_value(const struct sockopt *o, int v, uint8_t *room)
{
	static const char *const names[] = { "reno", "cubic", "nonesuch" };
	long tv[2] = { 0, (long)v * 1000 };
	int pair[2] = { v != 0, v > 0 ? v - 1 : 0 };

	memset(room, 0, VALUE_SIZE);
	if (o->size == sizeof(tv))
		memcpy(room, tv, sizeof(tv));
	else if (o->size == SIZE_NAME)
		strcpy((char *)room, names[v % 3]);
	else if (o->size == sizeof(pair))
		memcpy(room, pair, sizeof(pair));
	else
		memcpy(room, &v, sizeof(v));
}

int set_length(const struct sockopt *o, int which)
{
	return which == 1 ? o->size - 1 : length(which, o->size);
}

int get_length(const struct sockopt *o, int which)
{
	return length(which, o->size);
}

/* which, value, length, pointer */
static void do_setopt(struct world *w, const struct step *st,
		      struct outcome *out)
{
	const struct sockopt *o = &sockopts[st->a[0]];
	uint8_t room[VALUE_SIZE];

	make_value(o, st->a[1], room);
	call_result(out,
		    syscall(SYS_setsockopt, socket_fd(w, st->s), o->level,
			    o->opt, place_data(w, st->a[3], room, sizeof(room)),
			    set_length(o, st->a[2])));
}

void see_option(const struct world *w, const struct sockopt *o, long ret,
		int len, const void *at, struct outcome *out)
{
	call_value(out, len);
	if (o->vague) /* but not beyond the length */
		memset(w->buffer, 0, len > 0 && len < SEEN ? (size_t)len : 0);
	else if (!ret && len >= 4 && at)
		call_value(out, *(const int *)at);
	buffer_see(w, out);
}

/* which, -, length, pointer, pointer to the length */
static void do_getopt(struct world *w, const struct step *st,
		      struct outcome *out)
{
	const struct sockopt *o = &sockopts[st->a[0]];
	int len = get_length(o, st->a[2]);
	void *at = place(w, st->a[3], (size_t)o->size);
	void *at_len = st->a[4] ? place(w, st->a[4], sizeof(len)) : &len;

	buffer_clear(w);
	call_result(out, syscall(SYS_getsockopt, socket_fd(w, st->s), o->level,
				 o->opt, at, at_len));
	see_option(w, o, out->ret, len, st->a[3] ? NULL : at, out);
}

/* request, argument, pointer */
static void do_ioctl(struct world *w, const struct step *st,
		     struct outcome *out)
{
	struct {
		int v;
		char more[16 - sizeof(int)]; /* for a time */
	} room = { .v = st->a[1] };
	void *at = st->a[2] ? place(w, st->a[2], sizeof(room.v)) : &room;

	call_result(out,
		    ioctl(socket_fd(w, st->s), (unsigned long)st->a[0], at));
	if (st->a[0] != SIOCGSTAMP_OLD) /* which differs */
		call_value(out, room.v);
}

/* ---- readiness ---- */

/* events, milliseconds */
static void do_poll(struct world *w, const struct step *st, struct outcome *out)
{
	struct pollfd p = { .fd = socket_fd(w, st->s),
			    .events = (short)st->a[0] };

	call_result(out, poll(&p, 1, st->a[1]));
	call_value(out, p.revents);
}

/* set, operation, events */
static void do_epoll_ctl(struct world *w, const struct step *st,
			 struct outcome *out)
{
	struct epoll_event e = { .events = (uint32_t)st->a[2],
				 .data.u32 = st->s };

	call_result(out, epoll_ctl(w->epoll[st->a[0]], st->a[1],
				   socket_fd(w, st->s), &e));
}

/* set; what it says of each socket, until it says nothing new */
static void do_epoll_wait(struct world *w, const struct step *st,
			  struct outcome *out)
{
	struct epoll_event e[NR_SOCKETS];
	long seen[NR_SOCKETS] = { 0 };

	for (int round = 0; round < 2; round++) {
		int n = epoll_wait(w->epoll[st->a[0]], e, NR_SOCKETS,
				   round ? 1 : EVENTS_MS);

		for (int i = 0; i < n; i++)
			seen[e[i].data.u32] |= e[i].events;
		if (n <= 0)
			break;
	}
	for (int i = 0; i < NR_SOCKETS; i++)
		call_value(out, seen[i]);
}

/* ---- the peer ---- */

/* a[]: by order */
static void do_peer(struct world *w, const struct step *st, struct outcome *out)
{
	static const int orders[NR_OPS] = {
		[OP_PEER_ACCEPT] = PEER_ACCEPT,
		[OP_PEER_CONNECT] = PEER_CONNECT,
		[OP_PEER_SEND] = PEER_SEND,
		[OP_PEER_READ] = PEER_READ,
		[OP_PEER_SHUTDOWN] = PEER_SHUTDOWN,
		[OP_PEER_CLOSE] = PEER_CLOSE,
		[OP_PEER_RESET] = PEER_RESET,
		[OP_PEER_OPEN] = PEER_OPEN,
	};
	struct peer_order o = { .order = orders[st->op],
				.slot = st->s,
				.arg = st->a[0],
				.type = options.type };
	struct peer_answer a;

	if (st->op == OP_PEER_CONNECT) /* to socket a[0], by IPv4 or IPv6 */
		make_address(w, ADDR_SELF, st->a[1], st->a[0], &o.addr);
	if (st->op == OP_PEER_SEND && st->a[2])
		make_address(w, ADDR_SELF, st->a[3], st->a[2] - 1, &o.addr);
	if (st->op == OP_PEER_OPEN)
		o.arg = session.peer_port + st->s;
	if (st->op == OP_PEER_SEND)
		o.arg = st->a[0] | (st->id | (st->a[1] ? 0x100 : 0)) << 16;
	a = peer_do(w, &o);
	out->ret = a.ret;
	out->err = a.err;
}

static void (*const calls[OP_PEER_ACCEPT])(struct world *w,
					   const struct step *st,
					   struct outcome *out) = {
	[OP_SOCKET] = do_socket,
	[OP_BIND] = do_bind,
	[OP_LISTEN] = do_listen,
	[OP_CONNECT] = do_connect,
	[OP_ACCEPT] = do_accept,
	[OP_SEND] = do_send,
	[OP_SENDMSG] = message_send,
	[OP_WRITE] = do_write,
	[OP_RECV] = do_recv,
	[OP_RECVMSG] = message_receive,
	[OP_READ] = do_read,
	[OP_SHUTDOWN] = do_shutdown,
	[OP_CLOSE] = do_close,
	[OP_GETNAME] = do_getname,
	[OP_SETOPT] = do_setopt,
	[OP_GETOPT] = do_getopt,
	[OP_IOCTL] = do_ioctl,
	[OP_FCNTL] = do_fcntl,
	[OP_DUP] = do_dup,
	[OP_POLL] = do_poll,
	[OP_EPOLL_CTL] = do_epoll_ctl,
	[OP_EPOLL_WAIT] = do_epoll_wait,
	[OP_SPLICE] = do_splice,
	[OP_SENDMMSG] = messages_send,
	[OP_RECVMMSG] = messages_receive,
};

void call_linux(struct world *w, const struct step *st, struct outcome *out)
{
	calls[st->op](w, st, out);
}

void call_do(struct world *w, const struct step *st, struct outcome *out)
{
	memset(out, 0, sizeof(*out));
	sigpipes = 0;
	errno = 0;
	if (st->op < OP_PEER_ACCEPT)
		w->ops->call(w, st, out);
	else
		do_peer(w, st, out);
	out->sigpipes = sigpipes;
}
