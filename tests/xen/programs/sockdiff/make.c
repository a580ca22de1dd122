/* SPDX-License-Identifier: GPL-2.0 */
/*
 * make.c - what a session does next.
 *
 * Nearly every step makes sense for what its socket is, as far as world 1 has
 * shown; with options.bad, too: wild pointers meet sockets that work.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "call.h"
#include "make.h"

#define PORT_FIRST 10000
#define PORT_RANGE 20000 /* below the ephemeral ones */
#define PORTS_USED (NR_PORTS + NR_PEERS) /* by a session */

struct session session;

/* ---- choosing ---- */

static void make_sendmsg(int s)
{
	make_message(OP_SENDMSG, s);
}

static void make_recvmsg(int s)
{
	make_message(OP_RECVMSG, s);
}

static void make_write(int s)
{
	make_plain(OP_WRITE, s);
}

static void make_read(int s)
{
	make_plain(OP_READ, s);
}

static void make_splice(int s)
{
	make_plain(OP_SPLICE, s);
}

static void make_setopt(int s)
{
	make_option(OP_SETOPT, s);
}

static void make_getopt(int s)
{
	make_option(OP_GETOPT, s);
}

static void make_close(int s)
{
	add(one_in(3) ? OP_CLOSE : OP_DUP, s);
}

static void make_epoll_wait(int s)
{
	(void)s;
	add(OP_EPOLL_WAIT, 0)->a[0] = below(NR_SETS);
}

void make_any(int s)
{
	static void (*const makers[])(int s) = {
		make_bind,  make_listen, make_connect,	 make_accept,
		make_send,  make_recv,	 make_sendmsg,	 make_recvmsg,
		make_write, make_read,	 make_shutdown,	 make_close,
		make_name,  make_setopt, make_getopt,	 make_ioctl,
		make_fcntl, make_poll,	 make_epoll_ctl, make_epoll_wait,
	};

	PICK(makers)(s);
}

static void make_transfer(int s)
{
	static void (*const makers[])(int s) = {
		make_send,    make_send,  make_recv, make_recv,	  make_sendmsg,
		make_recvmsg, make_write, make_read, make_splice,
	};

	PICK(makers)(s);
}

/* A connection that works, one way or the other, so that there is one. */
static void make_connection(int s)
{
	struct step *st;
	int p = find_peer(false), into = (s + 1) % NR_SOCKETS;

	if (p < 0)
		return;
	make_socket(s);
	if (session.kind[into] || one_in(2)) {
		st = add(OP_CONNECT, s);
		st->a[0] = ADDR_PEER;
		/* a socket's own kind of address */
		st->a[1] = session.step[session.nr_steps + session.queued - 2]
						   .a[0] == FORM_4 ?
				   FORM_4 :
				   FORM_6;
		add(OP_PEER_ACCEPT, p);
		return;
	}
	st = add(OP_BIND, s);
	st->a[0] = one_in(2) ? ADDR_OWN : ADDR_ANY;
	st->a[1] = session.step[session.nr_steps].a[0] ? FORM_6 : FORM_4;
	st->a[2] = below(NR_PORTS + 1);
	add(OP_LISTEN, s)->a[0] = 5;
	st = add(OP_PEER_CONNECT, p);
	st->a[0] = s;
	st->a[1] = session.step[session.nr_steps].a[0] ? FORM_6 : FORM_4;
	add(OP_ACCEPT, s)->a[0] = into;
}

static void make_for_none(int s, int dice)
{
	if (dice < 50)
		make_connection(s);
	else if (dice < 96)
		make_socket(s);
	else
		make_any(SLOT_CLOSED + below(4));
}

static void make_for_fresh(int s, int dice)
{
	if (dice < 25)
		make_bind(s);
	else if (dice < 50)
		make_connect(s);
	else if (dice < 60)
		make_listen(s);
	else
		make_any(s);
}

static void make_for_bound(int s, int dice)
{
	if (dice < 40)
		make_listen(s);
	else if (dice < 65)
		make_connect(s);
	else
		make_any(s);
}

static void make_for_listening(int s, int dice)
{
	if (dice < 35)
		make_peer_connect(s);
	else if (dice < 65)
		make_accept(s);
	else
		make_any(s);
}

static void make_for_connected(int s, int dice)
{
	if (dice < 35)
		make_transfer(s);
	else if (dice < 65)
		make_peer_act();
	else if (dice < 70)
		make_peer_accept();
	else
		make_any(s);
}

static void make_for(int s)
{
	static void (*const makers[])(int s, int dice) = {
		[NONE] = make_for_none,
		[FRESH] = make_for_fresh,
		[BOUND] = make_for_bound,
		[LISTENING] = make_for_listening,
		[CONNECTED] = make_for_connected,
	};

	makers[session.kind[s]](s, below(100));
}

void session_begin(uint32_t seed)
{
	memset(&session, 0, sizeof(session));
	session.seed = seed;
	session.random = seed * 0x2545f4914f6cdd1dull;
	session.base_port =
		PORT_FIRST + (int)(seed * PORTS_USED % PORT_RANGE);
	session.peer_port = session.base_port + NR_PORTS;
}

const struct step *session_next(void)
{
	void (*maker)(int s) = options.type == SOCK_DGRAM ? make_dgram_for :
							    make_for;

	struct step *st = &session.step[session.nr_steps];

	for (;;) {
		while (!session.queued)
			maker(below(NR_SOCKETS));
		session.queued--;
		if (!options.narrow || options.narrow(st))
			break;
		memmove(st, st + 1, (size_t)session.queued * sizeof(*st));
	}
	session.nr_steps++;
	return st;
}

static bool beyond_device(int where)
{
	return where == ADDR_PEER || where == ADDR_PEER_REFUSES ||
	       where == ADDR_SELF || where == ADDR_OWN || where == ADDR_FOREIGN;
}

/* Whatever is sent, or connected, gives a datagram socket a port. */
static void learn_port(const struct step *st, const struct outcome *out)
{
	int to = step_target(st), s = st->s;

	if (st->op == OP_BIND && !out->ret) {
		session.has_port[s] = true;
	} else if (st->op == OP_CONNECT && to == ADDR_UNSPEC) {
		if (session.kind[s] != BOUND) /* and so it is given up again */
			session.has_port[s] = session.port_here[s] = false;
	} else if (to >= 0 || st->op == OP_WRITE || st->op == OP_SEND ||
		   st->op == OP_SENDMSG || st->op == OP_SENDMMSG) {
		if (out->ret >= 0 && beyond_device(to))
			session.has_port[s] = true;
		else
			session.port_here[s] = true;
		session.sent_here |= to == ADDR_LOOPBACK || to == ADDR_ANY;
	}
}

/* Such a one is native until that is taken back. */
static bool peeks_from_offset(const struct step *st, const struct outcome *out)
{
	const struct sockopt *o = &sockopts[st->a[0]];

	return st->op == OP_SETOPT && !out->ret && o->level == SOL_SOCKET &&
	       o->opt == SO_PEEK_OFF && st->a[1] >= 0;
}

static void learn_connect(const struct step *st, const struct outcome *out)
{
	int to = step_target(st);

	if (out->ret && st->a[1] == FORM_MAPPED)
		session.tried_mapped[st->s] = true;
	if (out->ret && session.kind[st->s] == CONNECTED)
		session.misled[st->s] = true;
	if (out->ret && out->err != EINPROGRESS)
		return;
	if (to == ADDR_UNSPEC && session.kind[st->s] == CONNECTED)
		session.let_go[st->s] = true;
	session.kind[st->s] = to == ADDR_UNSPEC ? FRESH : CONNECTED;
	session.connected_to[st->s] =
		to == ADDR_SELF ? (uint8_t)st->a[2] : NR_SOCKETS;
	if (to == ADDR_LOOPBACK || to == ADDR_ANY)
		session.moved[st->s] = true;
	if (to == ADDR_PEER && options.type == SOCK_STREAM)
		session.unaccepted++;
}

static bool names_native(const struct step *st)
{
	return (st->op == OP_BIND || st->op == OP_CONNECT) &&
	       (st->a[0] == ADDR_LOOPBACK ||
		(st->a[0] == ADDR_GROUP && st->op == OP_BIND));
}

void session_learn(const struct step *st, const struct outcome *out)
{
	if ((names_native(st) || peeks_from_offset(st, out)) &&
	    st->s < NR_SOCKETS)
		session.was_native[st->s] = true;
	if (options.type == SOCK_DGRAM && st->op < OP_PEER_ACCEPT &&
	    st->s < NR_SOCKETS)
		learn_port(st, out);
	if (st->op == OP_CLOSE && st->s < NR_SOCKETS)
		session.kind[st->s] = NONE;
	if (st->op == OP_CONNECT && st->s < NR_SOCKETS)
		learn_connect(st, out);
	if (st->op == OP_SHUTDOWN && st->s < NR_SOCKETS &&
	    session.kind[st->s] < CONNECTED)
		session.shut_early = true;
	if (st->op == OP_PEER_SEND && st->a[1])
		session.urgent = true;
	if (out->ret)
		return;
	switch (st->op) {
	case OP_SOCKET:
		session.kind[st->s] = FRESH;
		session.was_native[st->s] = session.moved[st->s] = false;
		session.misled[st->s] = session.let_go[st->s] = false;
		session.connected_to[st->s] = NR_SOCKETS;
		session.tried_mapped[st->s] = false;
		session.has_port[st->s] = session.port_here[st->s] = false;
		session.form[st->s] = (uint8_t)st->a[0];
		break;
	case OP_BIND:
		session.kind[st->s] = BOUND;
		break;
	case OP_LISTEN:
		session.kind[st->s] = LISTENING;
		break;
	case OP_ACCEPT:
		session.kind[st->a[0]] = CONNECTED;
		break;
	case OP_PEER_ACCEPT:
		session.unaccepted--;
		session.peer_used[st->s] = true;
		break;
	case OP_PEER_CONNECT:
	case OP_PEER_OPEN:
		session.peer_used[st->s] = true;
		session.peer_connected[st->s] = st->op == OP_PEER_CONNECT;
		session.peer_to[st->s] = (uint8_t)st->a[0];
		break;
	case OP_PEER_CLOSE:
	case OP_PEER_RESET:
		session.peer_used[st->s] = false;
		break;
	case OP_EPOLL_CTL:
		if (st->a[1] != EPOLL_CTL_DEL)
			session.ep_edge[st->a[0]][st->s] =
				(uint32_t)st->a[2] & EPOLLET;
		break;
	}
}
