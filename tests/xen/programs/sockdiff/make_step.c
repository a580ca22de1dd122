/* SPDX-License-Identifier: GPL-2.0 */
/*
 * make_step.c - steps with their arguments.
 *
 * Each is right but for one thing at most: a session of nothing but errors
 * finds little. With options.bad most pointers and lengths are wrong.
 */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <linux/sockios.h>

#include "call.h"
#include "make.h"

#define MAX_UNREAD 12000 /* that a session's peer sends in all */

/* ---- random numbers (SplitMix64) ---- */

static uint32_t random32(void)
{
	uint64_t z = session.random += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return (uint32_t)((z ^ (z >> 31)) >> 16);
}

int below(int n)
{
	return (int)(random32() % (uint32_t)n);
}

bool one_in(int n)
{
	return below(n) == 0;
}

int wrong(int n)
{
	return one_in(options.bad ? 3 : 40) ? below(n) : 0;
}

int pointer(void)
{
	return options.bad && one_in(2) ? 1 + below(NR_PTR - 1) : PTR_GOOD;
}

int random_flags(void)
{
	static const int flags[] = {
		0,
		0,
		0,
		0,
		MSG_DONTWAIT,
		MSG_DONTWAIT,
		MSG_NOSIGNAL,
		MSG_MORE,
		MSG_EOR,
		MSG_DONTROUTE,
		MSG_CONFIRM,
		MSG_WAITALL,
		MSG_PEEK,
		MSG_TRUNC,
		MSG_PEEK | MSG_DONTWAIT,
		MSG_TRUNC | MSG_DONTWAIT,
		MSG_PEEK | MSG_TRUNC,
		MSG_WAITALL | MSG_DONTWAIT,
		MSG_OOB,
		MSG_ERRQUEUE,
		MSG_CTRUNC,
		MSG_PROXY,
		MSG_FIN,
		MSG_SYN,
		MSG_RST,
		MSG_CMSG_CLOEXEC,
		MSG_ZEROCOPY,
		MSG_FASTOPEN,
		(int)0x80000000,
		0x800000,
		MSG_PEEK | MSG_WAITALL,
	};

	return one_in(2) ? 0 : PICK(flags);
}

/* ---- steps ---- */

struct step *add(enum op op, int s)
{
	int n = session.nr_steps + session.queued;
	struct step *st = &session.step[n < MAX_STEPS ? n : MAX_STEPS - 1];

	memset(st, 0, sizeof(*st));
	st->op = op;
	st->s = (uint8_t)s;
	st->id = (uint8_t)n;
	if (n < MAX_STEPS)
		session.queued++;
	return st;
}

int find_kind(enum kind kind)
{
	int from = below(NR_SOCKETS);

	for (int i = 0; i < NR_SOCKETS; i++)
		if (session.kind[(from + i) % NR_SOCKETS] == kind)
			return (from + i) % NR_SOCKETS;
	return -1;
}

int find_peer(bool used)
{
	int from = below(NR_PEERS);

	for (int i = 0; i < NR_PEERS; i++)
		if (session.peer_used[(from + i) % NR_PEERS] == used)
			return (from + i) % NR_PEERS;
	return -1;
}

int any_form(void)
{
	static const int forms[] = { FORM_4, FORM_4, FORM_6, FORM_6,
				     FORM_MAPPED };

	return PICK(forms);
}

void make_socket(int s)
{
	static const int flags[] = { 0, 0, SOCK_NONBLOCK, SOCK_CLOEXEC };
	struct step *st = add(OP_SOCKET, s);

	st->a[0] = any_form();
	st->a[1] = PICK(flags);
}

void make_bind(int s)
{
	static const int hosts[] = {
		ADDR_OWN,  ADDR_OWN,   ADDR_OWN,      ADDR_ANY,
		ADDR_ANY,  ADDR_ANY,   ADDR_LOOPBACK, ADDR_FOREIGN,
		ADDR_PEER, ADDR_GROUP, ADDR_UNSPEC,   ADDR_UNIX,
	};
	struct step *st = add(OP_BIND, s);

	st->a[0] = PICK(hosts);
	st->a[1] = any_form();
	st->a[2] = below(NR_PORTS + 1);
	if (one_in(4)) /* the port of another one */
		st->a[2] = -1 - below(NR_SOCKETS);
	st->a[3] = wrong(NR_LENGTHS);
	st->a[4] = pointer();
}

void make_connect(int s)
{
	static const int hosts[] = {
		ADDR_PEER,   ADDR_PEER, ADDR_PEER,	   ADDR_PEER,
		ADDR_PEER,   ADDR_PEER, ADDR_PEER_REFUSES, ADDR_PEER_REFUSES,
		ADDR_SELF,   ADDR_SELF, ADDR_LOOPBACK,	   ADDR_UNSPEC,
		ADDR_UNSPEC, ADDR_UNIX, ADDR_GROUP,
	};
	struct step *st = add(OP_CONNECT, s);

	st->a[0] = PICK(hosts);
	st->a[1] = any_form();
	if (st->a[0] == ADDR_SELF)
		st->a[2] = find_kind(LISTENING);
	if (st->a[2] < 0)
		st->a[2] = s;
	if (st->a[0] == ADDR_LOOPBACK)
		st->a[2] = 1;
	st->a[3] = wrong(NR_LENGTHS);
	st->a[4] = pointer();
}

void make_listen(int s)
{
	static const int backlogs[] = { 5,   5,	  5, 5, 5,  128,
					128, 128, 0, 1, -1, 70000 };

	add(OP_LISTEN, s)->a[0] = PICK(backlogs);
}

/* A call that would block takes its time: not too many of them. */
bool too_slow(int s)
{
	/* an unconnected stream does not wait */
	int waits = options.type == SOCK_DGRAM ? FRESH : FRESH + 1;

	return s < NR_SOCKETS && session.kind[s] >= waits &&
	       !session.readable[s] && !one_in(8);
}

void make_accept(int s)
{
	struct step *st = add(OP_ACCEPT, s);
	int into = find_kind(NONE);

	if (into < 0) { /* the number may be reused, the socket is not lost */
		session.queued--;
		add(OP_CLOSE, below(NR_SOCKETS));
		return;
	}
	if (too_slow(s)) {
		session.queued--;
		add(OP_DUP, s);
		return;
	}
	st->a[0] = into;
	st->a[1] = one_in(2) ? SOCK_NONBLOCK : one_in(20) ? 0x1234 : 0;
	st->a[2] = wrong(NR_LENGTHS);
	st->a[3] = pointer();
	st->a[4] = one_in(3) ? pointer() : 0;
}

static int some_length(void)
{
	static const int lengths[] = { 0, 1, 2, 10, 100, 500, 1000, 2000 };
	static const int absurd[] = { -1, -2, (int)0x80000000 };

	return options.bad && one_in(8) ? PICK(absurd) : PICK(lengths);
}

/* An absurd length never meets memory that is there: how far it gets is a
 * question of buffers.
 */
static int pointer_for(int len)
{
	int p = pointer();

	return len < 0 && (p == PTR_GOOD || p == PTR_HALF || p == PTR_FIXED) ?
		       PTR_WILD :
		       p;
}

/* Up to and beyond what IPv4 and IPv6 carry, but not often: it fills queues. */
static int dgram_length(void)
{
	static const int most[] = { 65507, 65508, 65527, 65528, 70000 };
	static const int more[] = { 1472, 1473, 3000, 8000 };

	if (one_in(30))
		return PICK(most);
	return one_in(6) ? PICK(more) : some_length();
}

void make_send(int s)
{
	struct step *st = add(OP_SEND, s);

	st->a[0] = options.type == SOCK_DGRAM ? dgram_length() : some_length();
	st->a[1] = random_flags();
	st->a[2] = pointer_for(st->a[0]);
	if (options.type == SOCK_DGRAM) {
		make_target(s, st->a[0], &st->a[3]);
		st->a[6] = wrong(NR_LENGTHS);
		st->a[7] = pointer();
		return;
	}
	st->a[3] = one_in(6) ? ADDR_PEER : -1;
	st->a[4] = any_form();
}

void make_recv(int s)
{
	struct step *st = add(OP_RECV, s);

	st->a[0] = some_length();
	st->a[1] = random_flags();
	if (too_slow(s))
		st->a[1] |= MSG_DONTWAIT;
	st->a[2] = pointer_for(st->a[0]);
	st->a[3] = one_in(3);
	st->a[4] = wrong(NR_LENGTHS);
}

void make_message(enum op op, int s)
{
	struct step *st = add(op, s);

	st->a[0] = below(NR_IOV);
	st->a[1] = random_flags();
	if (op == OP_SENDMSG && one_in(3))
		st->a[2] = below(options.type == SOCK_DGRAM ?
					 NR_CONTROL :
					 NR_CONTROL_STREAM);
	st->a[4] = -1;
	if (op == OP_SENDMSG && options.type == SOCK_DGRAM)
		make_target(s, 1000, &st->a[4]);
	if (op == OP_RECVMSG) {
		st->a[1] |= too_slow(s) ? MSG_DONTWAIT : 0;
		st->a[2] = one_in(3) ? 256 : 0;
	}
	st->a[3] = wrong(NR_BAD);
}

void make_plain(enum op op, int s)
{
	static const int lengths[] = { 0, 1, 10, 100, 1000 };
	struct step *st;

	st = add(too_slow(s) ? OP_WRITE : op, s);
	st->a[0] = PICK(lengths);
	if (op != OP_SPLICE)
		st->a[1] = pointer();
}

void make_option(enum op op, int s)
{
	struct step *st = add(op, s);

	do {
		st->a[0] = below(nr_sockopts);
	} while (sockopts[st->a[0]].type &&
		 sockopts[st->a[0]].type != options.type);
	st->a[1] = PICK(sockopts[st->a[0]].value);
	st->a[2] = wrong(NR_LENGTHS);
	st->a[3] = pointer();
	st->a[4] = op == OP_GETOPT && one_in(4) ? pointer() : 0;
}

void make_ioctl(int s)
{
	static const int requests[] = {
		FIONREAD, FIONREAD,  SIOCOUTQ,	     SIOCOUTQNSD, SIOCATMARK,
		FIOASYNC, FIOGETOWN, SIOCGSTAMP_OLD, 0x12345,	  FIONBIO,
	};
	struct step *st = add(OP_IOCTL, s);

	st->a[0] = PICK(requests);
	st->a[1] = 0;
	st->a[2] = pointer();
}

void make_fcntl(int s)
{
	struct step *st = add(OP_FCNTL, s);

	st->a[0] = one_in(3) ? F_GETFL : F_SETFL;
	st->a[1] = one_in(2) ? O_NONBLOCK : 0;
}

void make_poll(int s)
{
	static const int events[] = { POLLIN, POLLOUT, POLLIN | POLLOUT,
				      0,      POLLPRI, POLLRDHUP };
	struct step *st = add(OP_POLL, s);

	st->a[0] = PICK(events);
	st->a[1] = one_in(4) ? 20 : 0;
}

void make_epoll_ctl(int s)
{
	static const int events[] = { EPOLLIN, EPOLLIN | EPOLLOUT,
				      EPOLLIN | EPOLLRDHUP, EPOLLOUT, 0 };
	static const int how[] = { 0,
				   0,
				   (int)EPOLLET,
				   (int)EPOLLET,
				   EPOLLONESHOT,
				   EPOLLEXCLUSIVE,
				   (int)EPOLLET | EPOLLONESHOT };
	static const int calls[] = { EPOLL_CTL_ADD, EPOLL_CTL_ADD,
				     EPOLL_CTL_MOD, EPOLL_CTL_DEL, 9 };
	struct step *st = add(OP_EPOLL_CTL, s);

	st->a[0] = below(NR_SETS);
	st->a[1] = PICK(calls);
	st->a[2] = PICK(events) | PICK(how);
}

void make_name(int s)
{
	struct step *st = add(OP_GETNAME, s);

	st->a[0] = below(2);
	st->a[1] = wrong(NR_LENGTHS);
	st->a[2] = pointer();
	st->a[3] = one_in(4) ? pointer() : 0;
}

void make_shutdown(int s)
{
	static const int how[] = { SHUT_RD,   SHUT_WR, SHUT_WR, SHUT_RDWR,
				   SHUT_RDWR, 3,       -1 };

	add(OP_SHUTDOWN, s)->a[0] = PICK(how);
}

/* ---- orders to the peer ---- */

void make_peer_connect(int s)
{
	int p = find_peer(false);
	struct step *st;

	if (p < 0)
		return;
	st = add(OP_PEER_CONNECT, p);
	st->a[0] = s;
	st->a[1] = one_in(2) ? FORM_4 : FORM_6;
}

void make_peer_accept(void)
{
	int p = find_peer(false);

	if (p >= 0 && session.unaccepted > 0)
		add(OP_PEER_ACCEPT, p);
}

static void make_peer_send(int p)
{
	static const int lengths[] = { 1, 2, 10, 100, 500, 1000, 2000 };
	struct step *st;
	int len = PICK(lengths);

	if (session.peer_sent + len > MAX_UNREAD)
		return;
	session.peer_sent += len;
	st = add(OP_PEER_SEND, p);
	st->a[0] = len;
	st->a[1] = one_in(25); /* urgent */
}

void make_peer_act(void)
{
	static const int acts[] = {
		OP_PEER_SEND, OP_PEER_SEND,	OP_PEER_SEND,  OP_PEER_SEND,
		OP_PEER_SEND, OP_PEER_SEND,	OP_PEER_READ,  OP_PEER_READ,
		OP_PEER_READ, OP_PEER_SHUTDOWN, OP_PEER_CLOSE, OP_PEER_RESET,
	};
	int p = find_peer(true), act = PICK(acts);

	if (p < 0)
		return;
	if (act == OP_PEER_SEND)
		make_peer_send(p);
	else if (act == OP_PEER_SHUTDOWN)
		add(act, p)->a[0] = one_in(4) ? SHUT_RDWR : SHUT_WR;
	else
		add(act, p);
}
