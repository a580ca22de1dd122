/* SPDX-License-Identifier: GPL-2.0 */
/*
 * compare.c - two outcomes, two views, and the differences that are accepted.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <linux/sockios.h>

#include "call.h"
#include "make.h"
#include "sockdiff.h"

#define EPHEMERAL_FIRST 32768 /* of Linux; lwIP's begin later and go on longer */
#define MAX_PORTS	64

const char *const op_names[NR_OPS] = {
	[OP_SOCKET] = "socket",
	[OP_BIND] = "bind",
	[OP_LISTEN] = "listen",
	[OP_CONNECT] = "connect",
	[OP_ACCEPT] = "accept",
	[OP_SEND] = "sendto",
	[OP_SENDMSG] = "sendmsg",
	[OP_WRITE] = "write",
	[OP_RECV] = "recvfrom",
	[OP_RECVMSG] = "recvmsg",
	[OP_READ] = "read",
	[OP_SHUTDOWN] = "shutdown",
	[OP_CLOSE] = "close",
	[OP_GETNAME] = "getname",
	[OP_SETOPT] = "setsockopt",
	[OP_GETOPT] = "getsockopt",
	[OP_IOCTL] = "ioctl",
	[OP_FCNTL] = "fcntl",
	[OP_DUP] = "dup",
	[OP_POLL] = "poll",
	[OP_EPOLL_CTL] = "epoll_ctl",
	[OP_EPOLL_WAIT] = "epoll_wait",
	[OP_SPLICE] = "splice",
	[OP_SENDMMSG] = "sendmmsg",
	[OP_RECVMMSG] = "recvmmsg",
	[OP_PEER_ACCEPT] = "peer-accept",
	[OP_PEER_CONNECT] = "peer-connect",
	[OP_PEER_SEND] = "peer-send",
	[OP_PEER_READ] = "peer-read",
	[OP_PEER_SHUTDOWN] = "peer-shutdown",
	[OP_PEER_CLOSE] = "peer-close",
	[OP_PEER_RESET] = "peer-reset",
	[OP_PEER_OPEN] = "peer-open",
};

/* ---- accepted differences: world 0, a, is vtoe ---- */

static bool is_send(const struct step *st)
{
	return st->op == OP_SEND || st->op == OP_SENDMSG ||
	       st->op == OP_SENDMMSG;
}

static bool sends(const struct step *st)
{
	return is_send(st) || st->op == OP_WRITE;
}

static bool refused_flag(const struct step *st, const struct outcome *a,
			 const struct outcome *b)
{
	(void)b;
	if (!is_send(st) || a->ret >= 0)
		return false;
	if (options.type == SOCK_DGRAM)
		return st->a[1] & MSG_MORE && a->err == EOPNOTSUPP;
	return st->a[1] & MSG_FASTOPEN ||
	       (st->a[1] & MSG_OOB && a->err == EOPNOTSUPP);
}

static bool refused_control(const struct step *st, const struct outcome *a,
			    const struct outcome *b)
{
	(void)b;
	return st->op == OP_SENDMSG && a->ret < 0 && a->err == EOPNOTSUPP &&
	       (st->a[2] == CONTROL_MARK || st->a[2] == CONTROL_STAMP ||
		st->a[2] == CONTROL_SEGMENT);
}

int step_target(const struct step *st)
{
	switch (st->op) {
	case OP_CONNECT: /* zeroes are AF_UNSPEC's */
		return st->a[4] == PTR_FIXED ? ADDR_UNSPEC : st->a[0];
	case OP_SEND:
		return st->a[3];
	case OP_SENDMSG:
	case OP_SENDMMSG:
		return st->a[4];
	default:
		return -1;
	}
}

int step_subject(const struct step *st)
{
	if (st->op == OP_PEER_CONNECT)
		return st->a[0];
	if (st->op != OP_PEER_SEND || options.type != SOCK_DGRAM)
		return st->s;
	return st->a[2] ? st->a[2] - 1 : session.peer_to[st->s];
}

/* Here that stack has no interface but loopback. */
static bool own_stacks(const struct step *st, const struct outcome *a,
		       const struct outcome *b)
{
	int to = step_target(st);

	/* or of two faults the other one */
	return options.type == SOCK_DGRAM && a->ret < 0 &&
	       (a->err == ENETUNREACH || b->ret < 0) &&
	       (to == ADDR_GROUP || to == ADDR_BROADCAST ||
		to == ADDR_LOOPBACK || to == ADDR_ANY ||
		/* of IPv4 that is as good as ADDR_ANY */
		(to == ADDR_UNSPEC && is_send(st)));
}

/* Of an address only dom0's stack knows that it cannot be used. */
static bool told_later(const struct step *st, const struct outcome *a,
		       const struct outcome *b)
{
	return options.type == SOCK_DGRAM &&
	       sends(st) &&
	       (a->ret > b->ret ||
		(b->ret < 0 && /* the other one of two faults */
		 (a->err == ECONNREFUSED || a->err == EFAULT ||
		  a->err == EMSGSIZE))) &&
	       (b->ret >= 0 || b->err == EMSGSIZE || b->err == EACCES ||
		b->err == ENETUNREACH || b->err == EHOSTUNREACH ||
		b->err == EAFNOSUPPORT || b->err == EINVAL);
}

static bool refused_option(const struct step *st, const struct outcome *a,
			   const struct outcome *b)
{
	const struct sockopt *o = &sockopts[st->a[0]];

	(void)b;
	return st->op == OP_SETOPT && a->ret < 0 && a->err == ENOPROTOOPT &&
	       (o->refused ||
		(o->refused_dgram && options.type == SOCK_DGRAM));
}

static bool urgent(const struct step *st, const struct outcome *a,
		   const struct outcome *b)
{
	bool asks = (st->op == OP_IOCTL && st->a[0] == SIOCATMARK) ||
		    ((st->op == OP_RECV || st->op == OP_RECVMSG) &&
		     st->a[1] & MSG_OOB) ||
		    st->op == OP_EPOLL_WAIT || st->op == OP_POLL;

	(void)a;
	(void)b;
	return session.urgent && asks;
}

static bool native_for_good(const struct step *st, const struct outcome *a,
			    const struct outcome *b)
{
	if (st->op == OP_PEER_CONNECT)
		return session.was_native[st->a[0]] && a->err == ECONNREFUSED;
	if (st->s >= NR_SOCKETS || !session.was_native[st->s])
		return false;
	if (st->op == OP_BIND && !a->ret) /* a port that is taken at dom0 */
		return b->err == EADDRINUSE;
	return (st->op == OP_CONNECT || st->op == OP_BIND || is_send(st)) &&
	       a->ret < 0 &&
	       (a->err == ENETUNREACH || a->err == EADDRNOTAVAIL);
}

static bool longer_queue(const struct step *st, const struct outcome *a,
			 const struct outcome *b)
{
	if (st->op == OP_CONNECT && st->a[0] == ADDR_SELF)
		return !a->ret && b->interrupted;
	return st->op == OP_PEER_CONNECT && !a->ret && b->err == ETIMEDOUT;
}

/* Linux looks at the address first, and lets a connection that is over be bound
 * anew; that is not known at dom0.
 */
static bool bound_twice(const struct step *st, const struct outcome *a,
			const struct outcome *b)
{
	(void)b;
	return st->op == OP_BIND && a->ret < 0 && a->err == EINVAL;
}

static bool in_flight(const struct step *st, const struct outcome *a,
		      const struct outcome *b)
{
	return st->op == OP_IOCTL && !a->ret && !b->ret &&
	       (st->a[0] == SIOCOUTQ || st->a[0] == SIOCOUTQNSD);
}

/* Both are true: which is told is a matter of who looks first. */
static bool two_faults(const struct step *st, const struct outcome *a,
		       const struct outcome *b)
{
	return st->op == OP_SETOPT && a->ret < 0 && b->ret < 0 &&
	       st->a[2] + st->a[3] && a->err == ENOPROTOOPT &&
	       (b->err == EFAULT || b->err == EINVAL);
}

/* Linux still sends from the address at which it was accepted, and from an IPv6
 * address there is no way to an IPv4 peer.
 */
static bool accepted_at(const struct step *st, const struct outcome *a,
			const struct outcome *b)
{
	return st->op == OP_CONNECT && b->ret < 0 && b->err == ENETUNREACH &&
	       (!a->ret || a->err == ECONNREFUSED || a->err == EINPROGRESS);
}

/* Linux 6.1 still has its handlers for IPv4, which never hear the answer. */
static bool was_mapped(const struct step *st, const struct outcome *a,
		       const struct outcome *b)
{
	return st->op == OP_CONNECT && st->s < NR_SOCKETS &&
	       session.tried_mapped[st->s] && b->interrupted &&
	       !a->interrupted;
}

/* Each event that is missing would be a defect. */
static bool more_edges(const struct step *st, const struct outcome *a,
		       const struct outcome *b)
{
	if (st->op != OP_EPOLL_WAIT)
		return false;
	for (int i = 0; i < NR_SOCKETS; i++)
		if (a->value[i] != b->value[i] &&
		    (!session.ep_edge[st->a[0]][i] ||
		     (a->value[i] & b->value[i]) != b->value[i]))
			return false;
	return true;
}

static bool any_moved(void)
{
	for (int i = 0; i < NR_SOCKETS; i++)
		if (session.moved[i])
			return options.type == SOCK_DGRAM;
	return false;
}

/* Linux then has no way, or sends from the address of before. */
static bool connected_anew(const struct step *st, const struct outcome *a,
			   const struct outcome *b)
{
	int to = step_target(st);

	if (options.type != SOCK_DGRAM || st->s >= NR_SOCKETS)
		return false;
	if (st->op == OP_CONNECT)
		return (session.moved[st->s] && !a->interrupted) ||
		       (session.kind[st->s] == CONNECTED && !a->ret &&
			(to == ADDR_LOOPBACK || to == ADDR_ANY));
	if (sends(st)) /* to port 0; from a taken one */
		return session.moved[st->s] && b->ret >= 0 &&
		       (a->err == EINVAL || a->err == EADDRINUSE);
	if (st->op == OP_BIND) /* to its port */
		return any_moved() && !a->ret && b->err == EADDRINUSE;
	return any_moved() &&
	       (st->op == OP_GETNAME || st->op == OP_RECV ||
		st->op == OP_RECVMSG || st->op == OP_RECVMMSG) &&
	       a->ret == b->ret && a->has_addr && b->has_addr &&
	       a->bytes == b->bytes;
}

/* At dom0 such a one is of IPv4, to which Linux lets no port of IPv6's be given. */
static bool bound_mapped(const struct step *st, const struct outcome *a,
			 const struct outcome *b)
{
	return options.type == SOCK_DGRAM && st->op == OP_BIND &&
	       st->a[1] == FORM_MAPPED && st->a[0] == ADDR_ANY && !b->ret &&
	       a->ret < 0 && a->err == EADDRINUSE;
}

/* As port_here(), of what is told. */
static bool port_changed(const struct step *st, const struct outcome *a,
			 const struct outcome *b)
{
	return options.type == SOCK_DGRAM && st->op == OP_GETNAME &&
	       st->s < NR_SOCKETS && session.port_here[st->s] &&
	       a->ret == b->ret && a->has_addr && b->has_addr;
}

static struct known {
	const char *what; /* and why */
	bool (*is)(const struct step *st, const struct outcome *a,
		   const struct outcome *b);
	bool end; /* the session, as the worlds are no longer alike */
	unsigned long met;
} knowns[] = {
	{ "MSG_OOB, MSG_FASTOPEN, and MSG_MORE of datagrams are refused: the "
	  "contract has no urgent data, no data with the SYN, no halves",
	  refused_flag, true, 0 },
	{ "SO_MARK, SO_TIMESTAMPING and UDP_SEGMENT of one message are "
	  "refused: they are of the guest's own stack",
	  refused_control, true, 0 },
	{ "a datagram that dom0's stack cannot send is an error of the next "
	  "call if its socket is connected, else none",
	  told_later, true, 0 },
	{ "multicast and broadcast are the guest's own stack's, and so is "
	  "loopback, which a datagram socket that is at dom0 does not reach",
	  own_stacks, true, 0 },
	{ "options that are refused, as vtoe(4) says", refused_option, true,
	  0 },
	{ "urgent data comes as dom0's stack leaves it, without its mark",
	  urgent, true, 0 },
	{ "a socket that was bound or connected to a native address, or given "
	  "an option of its own stack, stays native",
	  native_for_good, true, 0 },
	{ "a listener takes the slots that it has posted beyond its backlog",
	  longer_queue, true, 0 },
	{ "bind() of a connection says EINVAL before it looks at the address",
	  bound_twice, true, 0 },
	{ "an IPv6 socket that could not connect to an IPv4 peer may connect to "
	  "an IPv6 one, natively in vain",
	  was_mapped, true, 0 },
	{ "an accepted connection that is undone by AF_UNSPEC forgets its "
	  "address",
	  accepted_at, true, 0 },
	{ "a datagram socket that was connected in this machine and connects "
	  "beyond the device, or the other way, does so as a new one",
	  connected_anew, true, 0 },
	{ "all of IPv4, mapped, and an IPv6 socket at dom0 have no port in "
	  "common",
	  bound_mapped, true, 0 },
	{ "a port that a datagram socket got by a call which failed is not its "
	  "port at dom0",
	  port_changed, true, 0 },
	{ "SIOCOUTQ depends on when the peer acknowledges, natively, too",
	  in_flight, false, 0 },
	{ "an option that is refused is refused before its value is looked at",
	  two_faults, false, 0 },
	{ "an edge-triggered watcher may hear of the same twice", more_edges,
	  false, 0 },
	{ NULL, NULL, false, 0 },
};

/* The same for what is seen after a step. */

static bool urgent_view(const struct view *a, const struct view *b)
{
	for (int i = 0; i < NR_SOCKETS; i++)
		if ((a->socket[i].revents ^ b->socket[i].revents) & ~POLLPRI &&
		    a->socket[i].unread == b->socket[i].unread)
			return false;
	return session.urgent;
}

static bool late_fin(const struct view *a, const struct view *b)
{
	for (int i = 0; i < NR_PEERS; i++)
		if (a->peer.socket[i].tcp_state !=
			    b->peer.socket[i].tcp_state &&
		    a->peer.socket[i].tcp_state != TCP_ESTABLISHED)
			return false;
	return session.shut_early;
}

static const struct step *last_step(void)
{
	return &session.step[session.nr_steps - 1];
}

/* To this machine, or to none. */
static bool moved(const struct view *a, const struct view *b)
{
	const struct step *st = last_step();
	int to = step_target(st);

	return options.type == SOCK_DGRAM && st->op == OP_CONNECT &&
	       st->s < NR_SOCKETS &&
	       (to == ADDR_UNSPEC || to == ADDR_LOOPBACK || to == ADDR_ANY) &&
	       !(a->socket[st->s].revents & POLLIN) &&
	       b->socket[st->s].revents & POLLIN;
}

/* A source of loopback's leads nowhere, and no peer's answer to it. */
static bool sent_from_device(const struct view *a, const struct view *b)
{
	bool other = false;

	for (int i = 0; i < NR_PEERS; i++)
		other |= a->peer.socket[i].read > b->peer.socket[i].read ||
			 (b->peer.socket[i].revents &
			  ~a->peer.socket[i].revents) == POLLERR;
	return any_moved() && other;
}

static bool same_peers(const struct view *a, const struct view *b)
{
	return !memcmp(&a->peer, &b->peer, sizeof(a->peer));
}

static bool differ(const struct view *a, const struct view *b, int s)
{
	return a->socket[s].revents != b->socket[s].revents ||
	       a->socket[s].unread != b->socket[s].unread;
}

/* Linux keeps the address of before, to which some datagrams find and some not. */
static bool hears_else(const struct view *a, const struct view *b)
{
	const struct step *st = last_step();
	bool sent = sends(st) && st->s < NR_SOCKETS && session.moved[st->s];
	bool any = false;

	for (int i = 0; i < NR_SOCKETS; i++) {
		if (!differ(a, b, i))
			continue;
		if (!session.moved[i] && !sent)
			return false;
		any = true;
	}
	return any && same_peers(a, b) && options.type == SOCK_DGRAM;
}

/* Linux 6.1 then sends where it could not connect to, once it has looked for the
 * way anew: an error may come, or not.
 */
static bool misled(const struct view *a, const struct view *b)
{
	for (int i = 0; i < NR_SOCKETS; i++)
		if (session.misled[i] &&
		    (a->socket[i].revents ^ b->socket[i].revents) == POLLERR)
			return options.type == SOCK_DGRAM;
	return false;
}

/* The number of our socket that the last step's datagram is for, or NR_SOCKETS. */
static int receiver(void)
{
	const struct step *st = last_step();

	if (st->op == OP_PEER_SEND)
		return step_subject(st);
	if (!sends(st) || st->s >= NR_SOCKETS)
		return NR_SOCKETS;
	if (step_target(st) < 0)
		return session.connected_to[st->s];
	return step_target(st) == ADDR_SELF ?
		       st->a[st->op == OP_SEND ? 5 : 6] :
		       NR_SOCKETS;
}

/* Nobody can know such a port but by being told of it. */
static bool port_here(const struct view *a, const struct view *b)
{
	int s = options.type == SOCK_DGRAM ? receiver() : NR_SOCKETS;

	(void)b;
	return s >= 0 && s < NR_SOCKETS && !(a->socket[s].revents & POLLIN) &&
	       (session.was_native[s] ||
		(session.port_here[s] &&
		 (!session.has_port[s] || s == last_step()->s)));
}

/* Linux 6.1 goes on comparing the senders' IPv6 address with the peer's. */
static bool hears_no_other(const struct view *a, const struct view *b)
{
	bool any = false;

	for (int i = 0; i < NR_SOCKETS; i++) {
		if (!differ(a, b, i))
			continue;
		if (!session.let_go[i] || session.form[i] == FORM_4 ||
		    b->socket[i].revents & POLLIN)
			return false;
		any = true;
	}
	return any && same_peers(a, b) && options.type == SOCK_DGRAM;
}

/* The peer's error is there before the next message is sent, which takes it. */
static bool error_between(const struct view *a, const struct view *b)
{
	const struct step *st = last_step();

	return st->op == OP_SENDMMSG && st->s < NR_SOCKETS &&
	       (a->socket[st->s].revents & ~b->socket[st->s].revents) ==
		       POLLERR;
}

/* Linux then takes an IPv4 peer's mapped address for one of IPv6. */
static bool to_mapped(const struct view *a, const struct view *b)
{
	const struct step *st = last_step();

	(void)a;
	(void)b;
	return is_send(st) && options.type == SOCK_DGRAM &&
	       (step_target(st) == ADDR_UNSPEC || /* zeroes are that, too */
		(st->op == OP_SEND && st->a[6] == PTR_FIXED)) &&
	       st->s < NR_SOCKETS && session.form[st->s] != FORM_4;
}

/* FIONREAD is about the one that is read next. */
static bool two_queues(const struct view *a, const struct view *b)
{
	for (int i = 0; i < NR_SOCKETS; i++)
		if (a->socket[i].revents != b->socket[i].revents ||
		    (a->socket[i].unread != b->socket[i].unread &&
		     !(a->socket[i].revents & POLLIN)))
			return false;
	return session.sent_here && same_peers(a, b) &&
	       options.type == SOCK_DGRAM;
}

/* Natively that goes on with a connect(), and tells how it ended. */
static bool refused_view(const struct view *a, const struct view *b)
{
	const struct step *st = last_step();

	(void)a;
	(void)b;
	return is_send(st) && st->a[1] & MSG_FASTOPEN;
}

static struct known_view {
	const char *what; /* and why */
	bool (*is)(const struct view *a, const struct view *b);
	unsigned long met;
} known_views[] = {
	{ "urgent data has no mark and no POLLPRI", urgent_view, 0 },
	{ "a listener that was shut down before it listened ends its "
	  "connections when they are accepted, not when they are made",
	  late_fin, 0 },
	{ "what came by the device is lost when a connect() leads to this "
	  "machine, or is taken back",
	  moved, 0 },
	{ "a datagram socket that was connected in this machine and connects "
	  "beyond the device, or the other way, hears as a new one",
	  hears_else, 0 },
	{ "a connected datagram socket whose next connect() failed sends "
	  "elsewhere, natively, too",
	  misled, 0 },
	{ "a datagram socket that is connected in this machine, or was, sends "
	  "to peers beyond the device from the device's address",
	  sent_from_device, 0 },
	{ "an IPv6 socket that has let its peer go hears others, natively none",
	  hears_no_other, 0 },
	{ "sendmmsg() may be over before a peer's error comes", error_between,
	  0 },
	{ "an IPv6 socket that is connected to an IPv4 peer and sends to "
	  "AF_UNSPEC reaches it, natively nobody",
	  to_mapped, 0 },
	{ "datagrams of this machine are read before those of the device",
	  two_queues, 0 },
	{ "a port that a datagram socket got by a call which failed or stayed in "
	  "this machine is not its port at dom0 before it sends there, and that "
	  "of a native one never is",
	  port_here, 0 },
	{ "MSG_FASTOPEN is refused before anything else is done", refused_view,
	  0 },
	{ NULL, NULL, 0 },
};

enum verdict views_judge(const struct view *a, const struct view *b)
{
	for (struct known_view *k = known_views; k->what; k++) {
		if (!k->is(a, b))
			continue;
		k->met++;
		return KNOWN_END;
	}
	return DIFFERENT;
}

static enum verdict judge(const struct step *st, const struct outcome *a,
			  const struct outcome *b)
{
	for (struct known *k = knowns; k->what; k++) {
		if (!k->is(st, a, b))
			continue;
		k->met++;
		return k->end ? KNOWN_END : KNOWN;
	}
	return options.known && options.known(st, a, b) ? KNOWN_END :
							  DIFFERENT;
}

int known_report(bool complain)
{
	int never = 0;

	for (struct known *k = knowns; k->what; k++) {
		printf("known: %lu times: %s\n", k->met, k->what);
		if (complain && !k->met)
			never++;
	}
	for (struct known_view *k = known_views; k->what; k++) {
		printf("known: %lu times: %s\n", k->met, k->what);
		if (complain && !k->met)
			never++;
	}
	return never;
}

/* ---- addresses: ports that the stack chose are names ---- */

struct port_name {
	bool peers; /* each machine chooses from the same ports */
	uint16_t port[NR_WORLDS];
};

static struct port_name ports[MAX_PORTS];
static int nr_ports;

void compare_begin(void)
{
	nr_ports = 0;
}

static bool ephemeral(uint16_t port)
{
	return port >= EPHEMERAL_FIRST;
}

static bool is_peers(const union address *a)
{
	const uint8_t *last = &a->v6.sin6_addr.s6_addr[12];

	if (a->sa.sa_family == AF_INET)
		return !memcmp(&a->v4.sin_addr, &options.peer4.v4.sin_addr, 4);
	if (IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr))
		return !memcmp(last, &options.peer4.v4.sin_addr, 4);
	return !memcmp(&a->v6.sin6_addr, &options.peer6.v6.sin6_addr, 16);
}

/* @fresh: of a new connection. Then one that is known may be in use again. */
static bool same_port(const struct port_name *name, bool fresh)
{
	uint16_t a = name->port[0], b = name->port[1];

	if (!ephemeral(a) || !ephemeral(b))
		return a == b;
	for (int i = 0; i < nr_ports; i++) {
		if (ports[i].peers != name->peers ||
		    (ports[i].port[0] != a && ports[i].port[1] != b))
			continue;
		if (ports[i].port[0] == a && ports[i].port[1] == b)
			return true;
		if (!fresh)
			return false;
		ports[i--] = ports[--nr_ports];
	}
	if (nr_ports < MAX_PORTS)
		ports[nr_ports++] = *name;
	return true;
}

static bool same_address(const union address *a, const union address *b,
			 bool fresh)
{
	union address x = *a, y = *b;
	struct port_name name = {
		is_peers(a),
		{ ntohs(a->v4.sin_port), ntohs(b->v4.sin_port) },
	};

	if (!same_port(&name, fresh))
		return false;
	x.v4.sin_port = y.v4.sin_port = 0;
	return !memcmp(&x, &y, sizeof(x.v6));
}

/* ---- text ---- */

void step_text(const struct step *st, char *text, size_t size)
{
	int n = snprintf(text, size, "%s %d", op_names[st->op], st->s);

	if (st->op == OP_SETOPT || st->op == OP_GETOPT)
		n += snprintf(text + n, size - (size_t)n, " %s",
			      sockopts[st->a[0]].name);
	for (int i = 0; i < NR_ARGS; i++)
		n += snprintf(text + n, size - (size_t)n,
			      st->a[i] > 999 ? " 0x%x" : " %d", st->a[i]);
}

static int address_text(const union address *a, char *text, size_t size)
{
	int n = snprintf(text, size, " family %d port %d ", a->sa.sa_family,
			 ntohs(a->v4.sin_port));

	for (size_t i = 4; i < sizeof(a->v6); i++)
		n += snprintf(text + n, size - (size_t)n, "%02x", a->raw[i]);
	return n;
}

static int outcome_text(const struct outcome *o, char *text, size_t size)
{
	int n = snprintf(text, size, "%ld", o->ret);

	if (o->ret < 0)
		n += snprintf(text + n, size - (size_t)n, " %s",
			      strerrorname_np(o->err));
	if (o->interrupted)
		n += snprintf(text + n, size - (size_t)n, " blocked");
	if (o->sigpipes)
		n += snprintf(text + n, size - (size_t)n, " SIGPIPE");
	for (int i = 0; i < o->nr_values; i++)
		n += snprintf(text + n, size - (size_t)n, " [%#lx]",
			      o->value[i]);
	if (o->has_addr)
		n += address_text(&o->addr, text + n, size - (size_t)n);
	return n;
}

/* ---- outcomes ---- */

static bool same(const struct step *st, const struct outcome *a,
		 const struct outcome *b)
{
	return a->ret == b->ret && a->err == b->err &&
	       a->interrupted == b->interrupted && a->sigpipes == b->sigpipes &&
	       a->nr_values == b->nr_values &&
	       !memcmp(a->value, b->value, sizeof(a->value)) &&
	       a->bytes == b->bytes && a->has_addr == b->has_addr &&
	       (!a->has_addr || same_address(&a->addr, &b->addr,
					       st->op == OP_ACCEPT));
}

enum verdict compare(const struct step *st, const struct outcome *a,
		     const struct outcome *b, char *text)
{
	enum verdict verdict;
	int n;

	if (same(st, a, b))
		return SAME;
	verdict = judge(st, a, b);
	n = outcome_text(a, text, TEXT_SIZE / 2);
	n += snprintf(text + n, TEXT_SIZE - (size_t)n, " / ");
	n += outcome_text(b, text + n, TEXT_SIZE - (size_t)n);
	if (a->bytes != b->bytes)
		snprintf(text + n, TEXT_SIZE - (size_t)n, " other bytes");
	return verdict;
}

/* ---- views ---- */

static bool same_sockets(const struct view *a, const struct view *b, char *text)
{
	for (int i = 0; i < NR_SOCKETS; i++) {
		if (!differ(a, b, i))
			continue;
		snprintf(text, TEXT_SIZE,
			 "then socket %d: revents %#x unread %d / %#x %d", i,
			 a->socket[i].revents, a->socket[i].unread,
			 b->socket[i].revents, b->socket[i].unread);
		return false;
	}
	return true;
}

static bool same_peer(int i, const struct peer_socket *a,
		      const struct peer_socket *b, char *text)
{
	if (!memcmp(a, b, sizeof(*a)))
		return true;
	snprintf(text, TEXT_SIZE,
		 "then the peer's %d: revents %#x state %d unread %u read %u / "
		 "%#x %d %u %u%s",
		 i, a->revents, a->tcp_state, a->unread, a->read, b->revents,
		 b->tcp_state, b->unread, b->read,
		 a->hash == b->hash ? "" : " other bytes");
	return false;
}

enum verdict views_compare(const struct view *a, const struct view *b,
			   char *text)
{
	for (int i = 0; i < NR_PEERS; i++)
		if (!same_peer(i, &a->peer.socket[i], &b->peer.socket[i], text))
			return DIFFERENT;
	if (!same_peer(-1, &a->peer.listener, &b->peer.listener, text) ||
	    !same_sockets(a, b, text))
		return DIFFERENT;
	return SAME;
}
