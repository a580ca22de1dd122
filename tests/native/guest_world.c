/* SPDX-License-Identifier: GPL-2.0 */
/* The test guest as one of sockdiff's worlds. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "guest_world.h"
#include "../xen/programs/sockdiff/call.h"
#include "../xen/programs/sockdiff/make.h"

#define WAIT_MS 10000 /* for an answer of dom0's */
#define LEN_INT ((int)sizeof(int)) /* of the options that dom0 has */

/* A socket as the guest's kernel knows it. */
static struct guest_socket {
	struct tg_sock *s; /* NULL: none */
	int error;	   /* pending, positive: datagrams */
	bool error_taken;  /* of a stream's, the one there is */
	bool connected, listening;
	bool connecting; /* and interrupted */
	bool any_port;	 /* bound to port 0 */
	bool sent_badly; /* Linux's has a port by that; datagrams */
	struct vtoe_addr local, peer; /* family 0: not known */
} sockets[NR_SOCKETS];

static struct tg *guest;

void guest_world_begin(struct tg *tg)
{
	guest = tg;
	memset(sockets, 0, sizeof(sockets));
}

static bool dgram(void)
{
	return options.type == SOCK_DGRAM;
}

/* ---- which steps ---- */

static bool is_peer(int where)
{
	return where == ADDR_PEER || where == ADDR_PEER_REFUSES ||
	       where == ADDR_SELF;
}

static bool fits(const struct step *st, int form)
{
	return (form == FORM_4) == (session.form[st->s] == FORM_4);
}

/* A port that is that of another socket must be known to the guest. */
static bool port_known(int where, int port)
{
	if (where == ADDR_SELF)
		return sockets[port].local.family;
	return port >= 0 || sockets[-1 - port].local.family;
}

static bool narrow_bind(struct step *st)
{
	st->a[3] = st->a[4] = 0;
	return port_known(st->a[0], st->a[2]) && !sockets[st->s].sent_badly &&
	       (st->a[0] == ADDR_OWN || st->a[0] == ADDR_ANY ||
		st->a[0] == ADDR_FOREIGN || st->a[0] == ADDR_PEER);
}

/* Who would have to be found out by silence is left alone. */
static bool narrow_connect(struct step *st)
{
	st->a[3] = st->a[4] = 0;
	if (!port_known(st->a[0], st->a[2]))
		return false;
	if (!dgram())
		return is_peer(st->a[0]);
	return st->a[0] == ADDR_UNSPEC ||
	       ((is_peer(st->a[0]) || st->a[0] == ADDR_FOREIGN ||
		 st->a[0] == ADDR_GROUP || st->a[0] == ADDR_BROADCAST) &&
		fits(st, st->a[1]));
}

static bool narrow_send(struct step *st)
{
	st->a[1] = MSG_NOSIGNAL;
	st->a[2] = st->a[6] = st->a[7] = 0;
	if (st->a[0] < 0 || st->a[0] > (int)VTOE_DGRAM_MAX)
		return false;
	if (!dgram()) {
		st->a[3] = -1;
		return session.kind[st->s] == CONNECTED;
	}
	if (st->a[3] < 0)
		return session.kind[st->s] == CONNECTED;
	return fits(st, st->a[4]) && port_known(st->a[3], st->a[5]) &&
	       (is_peer(st->a[3]) || st->a[3] == ADDR_FOREIGN ||
		st->a[3] == ADDR_GROUP || st->a[3] == ADDR_BROADCAST);
}

static bool narrow_recv(struct step *st)
{
	st->a[1] = MSG_DONTWAIT;
	st->a[2] = st->a[4] = 0;
	return st->a[0] >= 0 && (dgram() || session.kind[st->s] == CONNECTED);
}

/* That dom0 has, of whatever length. */
static bool narrow_option(struct step *st)
{
	const struct sockopt *o = &sockopts[st->a[0]];

	st->a[3] = st->a[4] = 0;
	/* what the worker, which has no capabilities, may use depends on dom0 */
	if (o->size == SIZE_NAME)
		return false;
	if (o->refused || o->opt == 999 || o->opt == IP_MULTICAST_TTL ||
	    o->opt == IP_MULTICAST_LOOP)
		return false;
	if (o->level == IPPROTO_IPV6 || o->level == IPPROTO_IP)
		return fits(st, o->level == IPPROTO_IP ? FORM_4 : FORM_6);
	return o->level == IPPROTO_TCP && !dgram();
}

static bool narrow_name(struct step *st)
{
	const struct guest_socket *g = &sockets[st->s];

	st->a[1] = st->a[2] = st->a[3] = 0;
	if (st->a[0])
		return session.kind[st->s] == CONNECTED;
	return g->local.family != 0;
}

bool guest_world_narrow(struct step *st)
{
	if (st->op >= OP_PEER_ACCEPT) {
		if (st->op == OP_PEER_SEND)
			st->a[1] = 0; /* not urgent */
		return true;
	}
	if (st->s >= NR_SOCKETS)
		return false;
	if (st->op == OP_SOCKET)
		st->a[1] = 0;
	if (st->op == OP_SOCKET)
		return session.kind[st->s] == NONE;
	if (session.kind[st->s] == NONE)
		return false;
	if (sockets[st->s].connecting)
		return st->op == OP_CLOSE;
	switch (st->op) {
	case OP_BIND:
		return narrow_bind(st);
	case OP_CONNECT:
		return narrow_connect(st);
	case OP_ACCEPT:
		st->a[1] = st->a[2] = st->a[3] = st->a[4] = 0;
		return session.kind[st->s] == LISTENING &&
		       session.readable[st->s];
	case OP_SEND:
		return narrow_send(st);
	case OP_RECV:
		return narrow_recv(st);
	case OP_SHUTDOWN:
		return !dgram() && session.kind[st->s] == CONNECTED &&
		       st->a[0] >= SHUT_RD && st->a[0] <= SHUT_RDWR;
	case OP_SETOPT:
	case OP_GETOPT:
		return narrow_option(st);
	case OP_GETNAME:
		return narrow_name(st);
	case OP_LISTEN: /* the port that one without a name gets is not told */
		return dgram() || session.kind[st->s] == CONNECTED ||
		       sockets[st->s].local.family;
	default:
		return st->op == OP_CLOSE;
	}
}

/* ---- addresses ---- */

/* For tg_bind() and its like. */
static const char *host_text(const union address *a)
{
	static char text[INET6_ADDRSTRLEN];

	return inet_ntop(a->sa.sa_family,
			 a->sa.sa_family == AF_INET ?
				 (const void *)&a->v4.sin_addr :
				 (const void *)&a->v6.sin6_addr,
			 text, sizeof(text));
}

static void address_from(const struct vtoe_addr *from, union address *a)
{
	memset(a, UNTOUCHED, sizeof(*a));
	memset(a, 0,
	       from->family == VTOE_INET ? sizeof(a->v4) : sizeof(a->v6));
	a->sa.sa_family = from->family;
	a->v4.sin_port = from->port;
	if (from->family == VTOE_INET)
		memcpy(&a->v4.sin_addr, from->addr, 4);
	else
		memcpy(&a->v6.sin6_addr, from->addr, 16);
}

/* ---- state ---- */

/* VTOE_DOM0_*; *error as far as it has not been taken */
static int status(struct guest_socket *g, uint32_t *error)
{
	int flags = front_status(&g->s->stream, error);

	if (flags < 0)
		die("the device is broken: %s", guest->front.broken);
	if (g->error_taken)
		*error = 0;
	return flags;
}

static bool over(struct guest_socket *g)
{
	uint32_t error;

	return !dgram() && g->connected &&
	       status(g, &error) & VTOE_DOM0_HUP;
}

/* Moves what dom0 told of into the pending error. */
static int pending(struct guest_socket *g)
{
	uint32_t error =
		front_dgram_error(&g->s->stream, &g->s->error_seq);

	if (error)
		g->error = (int)error;
	return g->error;
}

/* 0, or the negative error that is taken by this. */
static int take_error(struct guest_socket *g)
{
	uint32_t error;
	int err;

	if (dgram()) {
		err = pending(g);
		g->error = 0;
		return -err;
	}
	status(g, &error);
	g->error_taken |= error != 0;
	return -(int)error;
}

/* ---- calls; each returns as the system call would in the kernel ---- */

static long guest_socket(struct guest_socket *g, const struct step *st)
{
	int family = st->a[0] == FORM_4 ? AF_INET : AF_INET6, one = 1;
	int err = dgram() ? tg_open_dgram(guest, family, WAIT_MS, &g->s) :
			    tg_open(guest, family, WAIT_MS, &g->s);

	if (!err && st->a[0] == FORM_MAPPED)
		err = tg_setopt(g->s, IPPROTO_IPV6, IPV6_V6ONLY, &one,
				sizeof(one), WAIT_MS);
	return err;
}

static long guest_bind(struct world *w, struct guest_socket *g,
		       const struct step *st)
{
	union address a;

	int err;

	make_address(w, st->a[0], st->a[1], st->a[2], &a);
	err = tg_bind(g->s, host_text(&a), ntohs(a.v4.sin_port), WAIT_MS,
		      &g->local);
	if (!err)
		g->any_port = !a.v4.sin_port;
	return err;
}

static long guest_listen(struct guest_socket *g, const struct step *st)
{
	int err = tg_listen(g->s, (unsigned int)st->a[0], WAIT_MS);

	g->listening |= !err;
	return err;
}

static long guest_connect(struct world *w, struct guest_socket *g,
			  const struct step *st)
{
	union address a;
	int err;

	if (st->a[0] == ADDR_UNSPEC) {
		g->connected = false;
		g->local.family = 0; /* what is left of it is not told */
		return tg_disconnect(g->s, WAIT_MS);
	}
	make_address(w, st->a[0], st->a[1], st->a[2], &a);
	err = tg_connect(g->s, host_text(&a), ntohs(a.v4.sin_port), WAIT_MS);
	g->connecting = err == -EINTR;
	if (!err || g->connecting)
		g->peer = tg_addr(host_text(&a), ntohs(a.v4.sin_port));
	if (err && g->any_port && !dgram())
		g->local.family = 0; /* the port is given up */
	if (err)
		return err;
	g->connected = true;
	g->local = g->s->local;
	return 0;
}

static long guest_accept(struct guest_socket *g, const struct step *st,
			 struct world *w, struct outcome *out)
{
	struct guest_socket *to = &sockets[st->a[0]];
	union address a;
	int err = tg_accept(g->s, 0, &to->s);

	if (err)
		return err;
	to->connected = true;
	to->error_taken = false;
	to->listening = to->connecting = false;
	to->local = to->s->local;
	to->peer = to->s->peer;
	address_from(&to->peer, &a);
	buffer_clear(w);
	see_address(out, &a, (int)address_size(&a), sizeof(a));
	return 0;
}

static long send_datagram(struct world *w, struct guest_socket *g,
			  const struct step *st)
{
	union address a;
	int err = take_error(g);

	if (err) {
		g->sent_badly = true;
		return err;
	}
	if (st->a[3] >= 0)
		make_address(w, st->a[3], st->a[4], st->a[5], &a);
	err = tg_sendto(g->s, st->a[3] >= 0 ? host_text(&a) : NULL,
			st->a[3] >= 0 ? ntohs(a.v4.sin_port) : 0, w->buffer,
			(size_t)st->a[0], WAIT_MS);
	return err ? err : st->a[0];
}

static long guest_send(struct world *w, struct guest_socket *g,
		       const struct step *st)
{
	uint32_t error;
	int err;

	pattern(w->buffer, st->id, (size_t)st->a[0]);
	if (dgram())
		return send_datagram(w, g, st);
	err = take_error(g);
	if (err)
		return err;
	if (status(g, &error) & VTOE_DOM0_HUP || tg_wrote_fin(g->s))
		return -EPIPE;
	err = tg_send_all(g->s, w->buffer, (size_t)st->a[0], WAIT_MS);
	return err ? err : st->a[0];
}

static long recv_datagram(struct world *w, struct guest_socket *g,
			  const struct step *st, struct outcome *out)
{
	struct vtoe_datagram head;
	union address a;
	ssize_t n = take_error(g);

	memset(&a, UNTOUCHED, sizeof(a));
	if (!n)
		n = tg_recvfrom(g->s, w->buffer, (size_t)st->a[0], &head, 0);
	if (n >= 0)
		address_from(&head.addr, &a);
	if (st->a[3])
		see_address(out, &a,
			    n < 0 ? (int)sizeof(a) : (int)address_size(&a),
			    sizeof(a));
	if (n == -ETIMEDOUT)
		return -EAGAIN;
	return n > st->a[0] ? st->a[0] : n;
}

static long recv_stream(struct world *w, struct guest_socket *g,
			const struct step *st)
{
	uint32_t error;
	int flags = status(g, &error);

	if (front_rx_avail(&g->s->stream) > 0)
		return tg_recv(g->s, w->buffer, (size_t)st->a[0]);
	if (error && !(flags & VTOE_DOM0_FIN)) /* else it is for others */
		return take_error(g);
	return flags & (VTOE_DOM0_FIN | VTOE_DOM0_HUP) ||
			       g->s->stream.flags & VTOE_GUEST_SHUT_RD ?
		       0 :
		       -EAGAIN;
}

static long guest_recv(struct world *w, struct guest_socket *g,
		       const struct step *st, struct outcome *out)
{
	union address a;
	long n;

	buffer_clear(w);
	if (dgram()) {
		n = recv_datagram(w, g, st, out);
	} else {
		n = recv_stream(w, g, st);
		memset(&a, UNTOUCHED, sizeof(a));
		if (st->a[3]) /* streams have none */
			see_address(out, &a, n < 0 ? (int)sizeof(a) : 0,
				    sizeof(a));
	}
	buffer_see(w, out);
	return n;
}

static long guest_shutdown(struct guest_socket *g, const struct step *st)
{
	return over(g) ? -ENOTCONN : tg_shutdown(g->s, st->a[0]);
}

/* With unread bytes Linux's TCP resets. */
static long guest_close(struct guest_socket *g)
{
	bool unread = g->connected && !dgram() &&
		      front_rx_avail(&g->s->stream) > 0;
	int err = tg_close(g->s, unread ? VTOE_RELEASE_ABORT : 0, 0, WAIT_MS);

	memset(g, 0, sizeof(*g));
	return err;
}

static long guest_getname(struct guest_socket *g, const struct step *st,
			  struct outcome *out)
{
	union address a;

	if (st->a[0] && (over(g) || !g->peer.port))
		return -ENOTCONN;
	address_from(st->a[0] ? &g->peer : &g->local, &a);
	see_address(out, &a, (int)address_size(&a), sizeof(a));
	return 0;
}

/* The lengths that vtoe.ko passes on: what is longer is told by one byte more. */
static long guest_setopt(struct guest_socket *g, const struct step *st)
{
	const struct sockopt *o = &sockopts[st->a[0]];
	int len = set_length(o, st->a[2]);
	uint8_t room[VALUE_SIZE];

	if (len < 0 || (o->level == IPPROTO_TCP && len < LEN_INT))
		return -EINVAL;
	make_value(o, st->a[1], room);
	return tg_setopt(g->s, o->level, o->opt, room,
			 (uint32_t)(len > LEN_INT ? LEN_INT + 1 : len),
			 WAIT_MS);
}

static long guest_getopt(struct world *w, struct guest_socket *g,
			 const struct step *st, struct outcome *out)
{
	const struct sockopt *o = &sockopts[st->a[0]];
	int given = get_length(o, st->a[2]);
	/* a negative one is what IPv6 takes for that of a number */
	uint32_t len = (uint32_t)(given < 0 ? LEN_INT : given);
	long err = -EINVAL;

	buffer_clear(w);
	if (given >= 0 || o->level == IPPROTO_IPV6)
		err = tg_getopt(g->s, o->level, o->opt, w->buffer, &len,
				WAIT_MS);
	see_option(w, o, err ? -1 : 0, err ? given : (int)len, w->buffer, out);
	return err;
}

static long call(struct world *w, const struct step *st, struct outcome *out)
{
	struct guest_socket *g = &sockets[st->s];

	switch (st->op) {
	case OP_SOCKET:
		return guest_socket(g, st);
	case OP_BIND:
		return guest_bind(w, g, st);
	case OP_LISTEN:
		return guest_listen(g, st);
	case OP_CONNECT:
		return guest_connect(w, g, st);
	case OP_ACCEPT:
		return guest_accept(g, st, w, out);
	case OP_SEND:
		return guest_send(w, g, st);
	case OP_RECV:
		return guest_recv(w, g, st, out);
	case OP_SHUTDOWN:
		return guest_shutdown(g, st);
	case OP_GETNAME:
		return guest_getname(g, st, out);
	case OP_SETOPT:
		return guest_setopt(g, st);
	case OP_GETOPT:
		return guest_getopt(w, g, st, out);
	default:
		return guest_close(g);
	}
}

static void guest_call(struct world *w, const struct step *st,
		       struct outcome *out)
{
	long ret = call(w, st, out);

	if (ret == -ECONNABORTED && guest->front.broken)
		die("the device is broken: %s", guest->front.broken);
	out->ret = ret < 0 ? -1 : ret;
	out->err = ret < 0 ? (int)-ret : 0;
}

/* ---- what vtoe.ko's poll() and ioctl() would say ---- */

static int stream_events(struct guest_socket *g)
{
	uint32_t error, own = g->s->stream.flags;
	int flags = status(g, &error), events = 0;
	bool no_more = flags || own & VTOE_GUEST_SHUT_RD;
	bool shut = flags & VTOE_DOM0_HUP || own & VTOE_GUEST_FIN;

	if (no_more || front_rx_avail(&g->s->stream) > 0)
		events |= POLLIN;
	if (no_more)
		events |= POLLRDHUP;
	if (no_more && shut)
		events |= POLLHUP;
	if (error)
		events |= POLLERR;
	return events | POLLOUT; /* what is sent fits into the ring */
}

static int events_of(struct guest_socket *g)
{
	struct vtoe_datagram head;

	if (dgram())
		return POLLOUT | (pending(g) ? POLLERR : 0) |
		       (front_dgram_peek(&g->s->stream, &head) > 0 ? POLLIN :
								     0);
	if (g->listening)
		return front_rx_avail(&g->s->stream) > 0 ? POLLIN : 0;
	if (g->connecting && !tg_connect_done(g->s)) {
		g->connecting = false;
		g->connected = true;
		g->local = g->s->local;
	}
	if (g->connecting)
		return 0;
	return g->connected ? stream_events(g) : POLLOUT | POLLHUP;
}

static int unread_of(struct guest_socket *g)
{
	struct vtoe_datagram head;

	if (g->listening)
		return -EINVAL;
	if (!dgram())
		return g->connected ? front_rx_avail(&g->s->stream) : 0;
	return front_dgram_peek(&g->s->stream, &head) > 0 ? (int)head.len : 0;
}

static void guest_look(struct world *w, int s, int *revents, int *unread)
{
	struct guest_socket *g = &sockets[s];

	(void)w;
	if (!g->s)
		return;
	tg_poll(guest);
	*revents = events_of(g);
	*unread = unread_of(g);
}

static uint16_t guest_port(const struct world *w, int s)
{
	(void)w;
	return s < NR_SOCKETS ? ntohs(sockets[s].local.port) : 0;
}

static void guest_reset(struct world *w)
{
	(void)w;
	for (int i = 0; i < NR_SOCKETS; i++) {
		if (sockets[i].s)
			tg_close(sockets[i].s, VTOE_RELEASE_ABORT, 0, WAIT_MS);
		memset(&sockets[i], 0, sizeof(sockets[i]));
	}
}

const struct world_ops guest_world_ops = {
	.call = guest_call,
	.look = guest_look,
	.port = guest_port,
	.reset = guest_reset,
};
