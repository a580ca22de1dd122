/* SPDX-License-Identifier: GPL-2.0 */
/*
 * lwip_udp.c - the "lwip" driver's datagrams.
 *
 * lwIP keeps few packets for a neighbour whose address it does not know yet, and
 * drops the others. So a socket that has more of them for one peer waits here
 * until it is known, and after RESOLVE_MS says that there is no such host. Few are
 * sent at once, so that a server that answers forged addresses does not wait.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <lwip/priv/nd6_priv.h>

#include "lwip_conn.h"

#define NS_PER_S     1000000000ull
#define RESOLVE_MS   1000u
#define QUEUE6_MAX   64u
#define UNKNOWN_MAX  8u /* packets to a peer that is not known yet */

#define PAYLOAD_MAX 65507u /* of UDP over IPv4; lwIP's lengths have 16 bits */
#define PAYLOAD6_MAX 65487u /* with IPv6's header, for the same reason */

/* What goes with it, as the program has asked for. */
static void describe(const struct toe_conn *conn, struct vtoe_datagram *head)
{
	const struct lwip_options *o = &conn->options;
	const bool v4 = IP_IS_V4(ip_current_dest_addr());
	struct vtoe_addr local;
	struct timespec ts;

	if (o->tell_local) {
		lwip_addr_from(conn->family, ip_current_dest_addr(), 0, &local);
		memcpy(head->local, local.addr, sizeof(head->local));
		head->flags |= VTOE_DGRAM_LOCAL;
	}
	if (o->tell_tos) {
		head->tos = (uint8_t)(v4 ? IPH_TOS(ip4_current_header())
					 : IP6H_TC(ip6_current_header()));
		head->flags |= VTOE_DGRAM_TOS;
	}
	if (o->tell_ttl) {
		head->ttl = v4 ? IPH_TTL(ip4_current_header())
			       : IP6H_HOPLIM(ip6_current_header());
		head->flags |= VTOE_DGRAM_TTL;
	}
	if (o->tell_time) {
		clock_gettime(CLOCK_REALTIME, &ts);
		head->time_ns = (uint64_t)ts.tv_sec * NS_PER_S +
				(uint64_t)ts.tv_nsec;
		head->flags |= VTOE_DGRAM_TIME;
	}
}

static void arrived(void *arg, struct udp_pcb *pcb, struct pbuf *p,
		    const ip_addr_t *from, u16_t port)
{
	struct toe_conn *conn = arg;
	struct toe_stack *stack = conn->stack;
	struct lwip_datagram *d;

	(void)pcb;
	d = conn->nr_queued < LWIP_QUEUE_MAX &&
			    conn->queued_bytes + p->tot_len <= LWIP_QUEUE_BYTES &&
			    stack->queued_bytes + p->tot_len <= LWIP_QUEUES_BYTES
		    ? malloc(sizeof(*d))
		    : NULL;
	if (!d) {
		pbuf_free(p);
		return;
	}
	*d = (struct lwip_datagram){.p = p};
	lwip_addr_from(conn->family, from, port, &d->head.addr);
	describe(conn, &d->head);
	STAILQ_INSERT_TAIL(&conn->datagrams, d, entry);
	conn->nr_queued++;
	conn->queued_bytes += p->tot_len;
	stack->queued_bytes += p->tot_len;
	lwip_tell(conn, TOE_READABLE);
}

static void drop_first(struct toe_conn *conn)
{
	struct lwip_datagram *d = STAILQ_FIRST(&conn->datagrams);

	STAILQ_REMOVE_HEAD(&conn->datagrams, entry);
	conn->nr_queued--;
	conn->queued_bytes -= d->p->tot_len;
	conn->stack->queued_bytes -= d->p->tot_len;
	pbuf_free(d->p);
	free(d);
}

int lwip_udp_open(struct toe_conn *conn)
{
	conn->udp = udp_new_ip_type(conn->family == VTOE_INET
					    ? IPADDR_TYPE_V4
					    : IPADDR_TYPE_ANY);
	if (!conn->udp)
		return -ENOBUFS;
	udp_recv(conn->udp, arrived, conn);
	return 0;
}

static int bind_to(struct toe_conn *conn, const ip_addr_t *ip, uint16_t port)
{
	int err;

	if (conn->family == VTOE_INET6 && IP_IS_V6(ip) && ip_addr_isany(ip) &&
	    !conn->options.v6only)
		ip = IP_ANY_TYPE;
	err = lwip_errno(udp_bind(conn->udp, ip, port));
	if (err)
		return err;
	conn->bound = true;
	conn->any_port = !port;
	conn->local.port = lwip_htons(conn->udp->local_port);
	return 0;
}

int lwip_udp_bind(struct toe_conn *conn, const struct vtoe_addr *addr)
{
	ip_addr_t ip;
	uint16_t port;
	int err = lwip_addr_own(conn, addr, &ip, &port);

	if (err)
		return err;
	if (conn->bound)
		return -EINVAL;
	if (!ip_addr_isany(&ip) && !lwip_addr_is_there(conn->stack, &ip))
		return -EADDRNOTAVAIL;
	err = bind_to(conn, &ip, port);
	if (err)
		return err;
	memcpy(conn->local.addr, addr->addr, sizeof(addr->addr));
	lwip_addr_bound(conn, &ip);
	return 0;
}

static int autobind(struct toe_conn *conn)
{
	ip_addr_t ip; /* any, if it has lost no port */
	uint16_t port;
	int err;

	if (conn->bound)
		return 0;
	err = lwip_addr_to(conn, &conn->local, &ip, &port);
	return err ? err : bind_to(conn, &ip, 0);
}

/* Which link a datagram to @peer leaves by, and the address that it has there. */
static int way(struct toe_conn *conn, const ip_addr_t *peer,
	       const uint8_t *from, struct lwip_link **linkp, ip_addr_t *own)
{
	struct vtoe_addr addr = {.family = conn->family};
	struct lwip_link *link;
	uint16_t port;
	int err;

	if (from)
		memcpy(addr.addr, from, sizeof(addr.addr));
	else
		memcpy(addr.addr, conn->local.addr, sizeof(addr.addr));
	err = lwip_addr_to(conn, &addr, own, &port);
	if (!err)
		err = lwip_addr_fit(conn, own, peer);
	if (err)
		return err;
	link = ip_addr_isany(own) ? lwip_link_to(conn->stack, peer)
				  : lwip_link_of(conn->stack, own);
	if (!link)
		return -ENETUNREACH;
	*linkp = link;
	if (!ip_addr_isany(own))
		return 0;
	IP_SET_TYPE(own, IP_GET_TYPE(peer));
	if (IP_IS_V4(peer))
		memcpy(&ip_2_ip4(own)->addr, link->ip.addr.addr, 4);
	else
		memcpy(ip_2_ip6(own)->addr, link->ip6.addr.addr, 16);
	return 0;
}

/* As Linux does: the address stays, if bind() has named one. */
static int lose_port(struct toe_conn *conn)
{
	struct udp_pcb *bound = conn->udp;
	int err = lwip_udp_open(conn);

	if (err) {
		conn->udp = bound;
		return err;
	}
	udp_remove(bound);
	lwip_options_apply(conn);
	conn->bound = conn->any_port = false;
	conn->local.port = 0;
	return 0;
}

static int disconnect(struct toe_conn *conn)
{
	if (conn->chosen)
		memset(conn->local.addr, 0, sizeof(conn->local.addr));
	conn->chosen = false;
	udp_disconnect(conn->udp);
	conn->connected = false;
	conn->remote = (struct vtoe_addr){0};
	return conn->any_port ? lose_port(conn) : 0;
}

int lwip_udp_connect(struct toe_conn *conn, const struct vtoe_addr *addr)
{
	struct lwip_link *link;
	ip_addr_t ip, own;
	uint16_t port;
	int err;

	if (!addr->family)
		return disconnect(conn);
	err = autobind(conn); /* whatever comes of it, as Linux */
	if (!err)
		err = lwip_addr_to(conn, addr, &ip, &port);
	if (!err)
		err = lwip_peer_check(&ip, true);
	if (!err)
		err = way(conn, &ip, NULL, &link, &own);
	if (!err)
		err = lwip_errno(udp_connect(conn->udp, &ip, port));
	if (err)
		return err;
	conn->connected = true;
	conn->remote = *addr;
	if (lwip_addr_is_any(&conn->local)) {
		lwip_addr_from(conn->family, &own, conn->udp->local_port,
			       &conn->local);
		conn->chosen = true;
	}
	return 0;
}

/* An ICMP error, told once. */
static int take_error(struct toe_conn *conn)
{
	int error = conn->error;

	conn->error = 0;
	return error;
}

/* ---- neighbours ---- */

/* lwIP keeps any number of packets for an IPv6 neighbour, whosesoever they are. */
static bool queue6_full(void)
{
	const struct nd6_q_entry *q;
	unsigned int i, nr = 0;

	for (i = 0; i < LWIP_ND6_NUM_NEIGHBORS; i++)
		for (q = neighbor_cache[i].q; q && nr < QUEUE6_MAX; q = q->next)
			nr++;
	return nr >= QUEUE6_MAX;
}

static void asking(struct toe_conn *conn, bool on)
{
	if (conn->asking == on)
		return;
	conn->asking = on;
	conn->stack->nr_asking += on ? 1 : -1u;
}

/*
 * May that many packets go to a peer? 0, -EAGAIN until it has answered,
 * -EHOSTUNREACH if it does not.
 */
static int resolve(struct toe_conn *conn, struct lwip_link *link,
		   const ip_addr_t *peer, uint32_t packets)
{
	bool known = lwip_neighbour_known(link, peer);
	uint64_t now = lwip_now_ms();

	asking(conn, false);
	if (known)
		return 0;
	if (!ip_addr_cmp(&conn->asked, peer) ||
	    now - conn->asked_ms > 2 * RESOLVE_MS) {
		conn->asked = *peer;
		conn->asked_ms = now;
		conn->unknown = 0;
	}
	if (now - conn->asked_ms > RESOLVE_MS)
		return -EHOSTUNREACH;
	if (conn->unknown + packets <= UNKNOWN_MAX &&
	    (IP_IS_V4(peer) || !queue6_full())) {
		conn->unknown += packets;
		return 0;
	}
	asking(conn, true);
	return -EAGAIN;
}

void lwip_udp_retry(struct toe_stack *stack)
{
	struct udp_pcb *pcb;
	struct toe_conn *conn;

	if (!stack->nr_asking)
		return;
	for (pcb = udp_pcbs; pcb; pcb = pcb->next) {
		conn = pcb->recv_arg;
		if (conn->asking)
			lwip_tell(conn, TOE_WRITABLE);
	}
}

/* ---- sending ---- */

/* A copy, taken once: the guest may change its own meanwhile. */
static struct pbuf *payload(const struct toe_datagram *d)
{
	struct pbuf *p;
	size_t at = 0;
	int i;

	p = pbuf_alloc(PBUF_TRANSPORT, (uint16_t)d->head.len, PBUF_RAM);
	if (!p)
		return NULL;
	for (i = 0; i < d->iovcnt && at < d->head.len; i++) {
		size_t n = LWIP_MIN(d->iov[i].iov_len, d->head.len - at);

		memcpy((char *)p->payload + at, d->iov[i].iov_base, n);
		at += n;
	}
	memset((char *)p->payload + at, 0, d->head.len - at);
	return p;
}

static err_t send_by(struct toe_conn *conn, const struct toe_datagram *d,
		     struct pbuf *p, const ip_addr_t *to, uint16_t port,
		     struct lwip_link *link, const ip_addr_t *own)
{
	struct udp_pcb *pcb = conn->udp;
	uint8_t tos = pcb->tos, ttl = pcb->ttl;
	err_t err;

	if (d->head.flags & VTOE_DGRAM_TOS)
		pcb->tos = d->head.tos;
	if ((d->head.flags & VTOE_DGRAM_TTL) && d->head.ttl)
		pcb->ttl = d->head.ttl;
	err = udp_sendto_if_src(pcb, p, to, port, &link->netif, own);
	pcb->tos = tos;
	pcb->ttl = ttl;
	return err;
}

static int send_one(struct toe_conn *conn, const struct toe_datagram *d)
{
	const struct vtoe_addr *addr = d->head.addr.family ? &d->head.addr
							   : &conn->remote;
	struct lwip_link *link;
	struct pbuf *p;
	ip_addr_t to, own;
	uint16_t port;
	int err;

	if (!addr->family)
		return -EDESTADDRREQ;
	err = autobind(conn);
	if (!err)
		err = lwip_addr_to(conn, addr, &to, &port);
	if (!err)
		err = port ? lwip_peer_check(&to, true) : -EINVAL;
	if (err)
		return err;
	if (d->head.len > (IP_IS_V4(&to) ? PAYLOAD_MAX : PAYLOAD6_MAX))
		return -EMSGSIZE;
	err = way(conn, &to,
		  d->head.flags & VTOE_DGRAM_LOCAL ? d->head.local : NULL,
		  &link, &own);
	if (err)
		return err;
	if (IP_IS_V4(&to) && !conn->options.broadcast &&
	    ip4_addr_isbroadcast(ip_2_ip4(&to), &link->netif))
		return -EACCES;
	err = resolve(conn, link, &to, 1 + d->head.len / link->netif.mtu);
	if (err)
		return err;
	p = payload(d);
	if (!p)
		return -ENOBUFS;
	err = lwip_errno(send_by(conn, d, p, &to, port, link, &own));
	pbuf_free(p);
	if (err != -ENOBUFS || !link->blocked)
		return err;
	asking(conn, true); /* until the link has room */
	return -EAGAIN;
}

int lwip_udp_send(struct toe_conn *conn, const struct toe_datagram *datagram,
		  unsigned int nr)
{
	unsigned int i;
	int err;

	lwip_keep_time(conn->stack);
	if (conn->error)
		return take_error(conn);
	for (i = 0; i < nr; i++) {
		err = send_one(conn, &datagram[i]);
		if (err)
			return i ? (int)i : err;
	}
	return (int)nr;
}

/* ---- receiving ---- */

int lwip_udp_recv(struct toe_conn *conn, struct toe_datagram *datagram)
{
	struct lwip_datagram *d = STAILQ_FIRST(&conn->datagrams);
	uint16_t at = 0, n;
	int i;

	if (conn->error)
		return take_error(conn);
	if (!d)
		return -EAGAIN;
	for (i = 0; i < datagram->iovcnt && at < d->p->tot_len; i++) {
		n = (uint16_t)LWIP_MIN(datagram->iov[i].iov_len,
				       (size_t)(d->p->tot_len - at));
		pbuf_copy_partial(d->p, datagram->iov[i].iov_base, n, at);
		at = (uint16_t)(at + n);
	}
	datagram->head = d->head;
	datagram->head.len = at;
	drop_first(conn);
	return 0;
}

int lwip_udp_next(struct toe_conn *conn)
{
	struct lwip_datagram *d = STAILQ_FIRST(&conn->datagrams);

	if (conn->error)
		return take_error(conn);
	return d ? d->p->tot_len : -EAGAIN;
}

void lwip_udp_close(struct toe_conn *conn)
{
	while (!STAILQ_EMPTY(&conn->datagrams))
		drop_first(conn);
	asking(conn, false);
	udp_remove(conn->udp);
	lwip_conn_put(conn);
}
