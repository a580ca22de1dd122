/* SPDX-License-Identifier: GPL-2.0 */
/*
 * make_dgram.c - what a session of datagrams does next. See make.c.
 *
 * The peer's sockets are named by their numbers: ADDR_PEER with port number p is
 * the address of the peer's p.
 */
#include "call.h"
#include "make.h"

#define MAX_UNREAD 30000 /* that a session's peer sends in all */
#define LONG	   9000	 /* longer ones go where nothing is dropped */

/* ---- addresses ---- */

/* Mostly one that fits the socket. */
static int form_for(int s)
{
	if (s >= NR_SOCKETS || one_in(10))
		return any_form();
	if (session.form[s] == FORM_4)
		return FORM_4;
	return session.form[s] == FORM_6 && one_in(3) ? FORM_MAPPED : FORM_6;
}

static int some_peer(void)
{
	int p = find_peer(true);

	return p < 0 || one_in(8) ? below(NR_PEERS) : p;
}

/* A port of our own, of socket number @s. */
static int own_port(int s)
{
	return -1 - s;
}

void make_target(int s, int len, int *to)
{
	static const int odd[] = {
		ADDR_PEER_REFUSES, ADDR_SELF,  ADDR_SELF,  ADDR_LOOPBACK,
		ADDR_LOOPBACK,	   ADDR_ANY,   ADDR_GROUP, ADDR_FOREIGN,
		ADDR_BROADCAST,	   ADDR_UNSPEC, ADDR_UNIX, ADDR_OWN,
	};
	bool connected = s < NR_SOCKETS && session.kind[s] == CONNECTED;

	to[0] = -1;
	to[1] = form_for(s);
	to[2] = 0;
	if (connected && len < LONG ? !one_in(3) : one_in(12))
		return;
	to[0] = one_in(4) && len < LONG ? PICK(odd) : ADDR_PEER;
	if (to[0] == ADDR_PEER)
		to[2] = some_peer();
	else if (to[0] == ADDR_SELF)
		to[2] = below(NR_SOCKETS);
	else if (to[0] == ADDR_LOOPBACK || to[0] == ADDR_ANY)
		to[2] = own_port(below(NR_SOCKETS));
	else if (to[0] != ADDR_OWN) /* without a port */
		to[2] = 1;
}

/* ---- sockets ---- */

static void make_dgram_connect(int s)
{
	static const int hosts[] = {
		ADDR_PEER,	   ADDR_PEER,	 ADDR_PEER,	ADDR_PEER,
		ADDR_PEER,	   ADDR_PEER,	 ADDR_UNSPEC,	ADDR_UNSPEC,
		ADDR_PEER_REFUSES, ADDR_SELF,	 ADDR_LOOPBACK, ADDR_FOREIGN,
		ADDR_GROUP,	   ADDR_BROADCAST, ADDR_ANY,	ADDR_UNIX,
	};
	struct step *st = add(OP_CONNECT, s);

	st->a[0] = PICK(hosts);
	st->a[1] = form_for(s);
	if (st->a[0] == ADDR_PEER)
		st->a[2] = some_peer();
	else if (st->a[0] == ADDR_SELF)
		st->a[2] = below(NR_SOCKETS);
	else if (st->a[0] == ADDR_LOOPBACK)
		st->a[2] = own_port(below(NR_SOCKETS));
	else
		st->a[2] = below(2);
	st->a[3] = wrong(NR_LENGTHS);
	st->a[4] = pointer();
}

/* One that is of use, and somebody to speak with. */
static void make_pair(int s)
{
	struct step *st;
	int p = find_peer(false), form;

	if (p >= 0)
		add(OP_PEER_OPEN, p);
	make_socket(s);
	st = &session.step[session.nr_steps + session.queued - 1];
	form = st->a[0] == FORM_4 ? FORM_4 : FORM_6;
	if (one_in(2)) {
		st = add(OP_BIND, s);
		st->a[0] = one_in(3) ? ADDR_OWN : ADDR_ANY;
		st->a[1] = form;
		st->a[2] = below(NR_PORTS + 1);
	}
	if (p < 0 || one_in(2))
		return;
	st = add(OP_CONNECT, s);
	st->a[0] = ADDR_PEER;
	st->a[1] = form;
	st->a[2] = p;
}

/* ---- data ---- */

static void make_messages(enum op op, int s)
{
	static const int flags[] = { 0, 0, 0, MSG_DONTWAIT, MSG_PEEK,
				     MSG_TRUNC, MSG_NOSIGNAL };
	struct step *st = add(op, s);

	st->a[0] = one_in(20) ? -below(2) : 1 + below(NR_MESSAGES);
	st->a[1] = PICK(flags);
	st->a[2] = one_in(10) ? 1 + below(NR_MESSAGES) : 0;
	st->a[3] = pointer();
	if (op == OP_SENDMMSG) {
		make_target(s, NR_MESSAGES * 100, &st->a[4]);
		return;
	}
	/* one that waits for all of them would wait */
	st->a[1] |= MSG_DONTWAIT;
	st->a[4] = one_in(2);
}

static void make_sendmsg(int s)
{
	make_message(OP_SENDMSG, s);
}

static void make_recvmsg(int s)
{
	make_message(OP_RECVMSG, s);
}

static void make_sendmmsg(int s)
{
	make_messages(OP_SENDMMSG, s);
}

static void make_recvmmsg(int s)
{
	make_messages(OP_RECVMMSG, s);
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

static void make_dgram_send(int s)
{
	static void (*const makers[])(int s) = {
		make_send, make_send, make_send, make_sendmsg, make_sendmsg,
		make_sendmmsg, make_write,
	};

	PICK(makers)(s);
}

static void make_dgram_recv(int s)
{
	static void (*const makers[])(int s) = {
		make_recv,    make_recv,     make_recv, make_recvmsg,
		make_recvmsg, make_recvmmsg, make_read, make_splice,
	};

	PICK(makers)(s);
}

static void make_dgram_transfer(int s)
{
	if (session.readable[s] || one_in(4))
		make_dgram_recv(s);
	else
		make_dgram_send(s);
}

/* ---- the peer ---- */

static void make_peer_send(int p, int s)
{
	static const int lengths[] = { 0, 1, 10, 100, 1000, 1473, 2000 };
	int len = PICK(lengths);
	struct step *st;

	if (session.peer_sent + len > MAX_UNREAD)
		return;
	session.peer_sent += len;
	st = add(OP_PEER_SEND, p);
	st->a[0] = len;
	if (session.peer_connected[p] && !one_in(3))
		return; /* to whom it is connected */
	st->a[2] = s + 1;
	st->a[3] = session.form[s] == FORM_4 || one_in(3) ? FORM_MAPPED :
							    FORM_6;
}

static void make_peer_join(int p, int s)
{
	struct step *st = add(OP_PEER_CONNECT, p);

	st->a[0] = s;
	st->a[1] = session.form[s] == FORM_4 ? FORM_MAPPED : FORM_6;
}

/* Something that concerns socket @s, maybe. */
static void make_dgram_peer_act(int s)
{
	int p = find_peer(true), dice = below(100);

	if (p < 0)
		add(OP_PEER_OPEN, below(NR_PEERS));
	else if (dice < 55)
		make_peer_send(p, s);
	else if (dice < 60)
		add(OP_PEER_READ, p);
	else if (dice < 80)
		make_peer_join(p, s);
	else
		add(OP_PEER_CLOSE, p);
}

/* ---- choosing ---- */

static void make_for_none(int s, int dice)
{
	if (dice < 80)
		make_pair(s);
	else if (dice < 96)
		make_socket(s);
	else
		make_any(SLOT_CLOSED + below(4));
}

static void make_for_fresh(int s, int dice)
{
	if (dice < 20)
		make_bind(s);
	else if (dice < 45)
		make_dgram_connect(s);
	else if (dice < 75)
		make_dgram_transfer(s);
	else
		make_any(s);
}

/* @connects: of a hundred, so many are connect(). */
static void make_for_open(int s, int dice, int connects)
{
	if (dice < connects)
		make_dgram_connect(s);
	else if (dice < 45)
		make_dgram_peer_act(s);
	else if (dice < 80)
		make_dgram_transfer(s);
	else
		make_any(s);
}

static void make_for_bound(int s, int dice)
{
	make_for_open(s, dice, 15);
}

static void make_for_connected(int s, int dice)
{
	make_for_open(s, dice, 10);
}

void make_dgram_for(int s)
{
	static void (*const makers[])(int s, int dice) = {
		[NONE] = make_for_none,
		[FRESH] = make_for_fresh,
		[BOUND] = make_for_bound,
		[LISTENING] = make_for_bound, /* there is none */
		[CONNECTED] = make_for_connected,
	};

	if (session.readable[s] && one_in(2))
		make_dgram_recv(s);
	else
		makers[session.kind[s]](s, below(100));
}
