/* SPDX-License-Identifier: GPL-2.0 */
/*
 * lwip_tcp.c - the "lwip" driver's streams.
 *
 * A PCB is made when it is needed first, and again for a new attempt, because
 * lwIP frees one that has failed. What a program has asked for stands in the
 * connection.
 *
 * Received bytes stay in lwIP's buffers, and its window stays closed by so much,
 * until the guest has room: at most one window (TCP_WND) for each connection.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <lwip/priv/tcp_priv.h>

#include "lwip_conn.h"
#include "lwip_guard.h"

#define BACKLOG_MAX  4096u
#define PIECES_MAX   64u	     /* buffers of one connection: then one */
#define NEIGHBOUR_MS 3000u /* three questions, as Linux asks */
#define SYN_RTO	     (1000 / TCP_SLOW_INTERVAL)
#define FIRST_RTO    (3000 / TCP_SLOW_INTERVAL) /* RFC 6298, 5.7; lwIP's, too */
#define ROOM_ENOUGH  (TCP_SND_BUF / 4) /* to tell of */

static err_t received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err);
static err_t acknowledged(void *arg, struct tcp_pcb *pcb, u16_t len);
static void failed(void *arg, err_t err);

/* ---- PCBs ---- */

static void adopt(struct toe_conn *conn, struct tcp_pcb *pcb)
{
	conn->tcp = pcb;
	tcp_arg(pcb, conn);
	tcp_recv(pcb, received);
	tcp_sent(pcb, acknowledged);
	tcp_err(pcb, failed);
	lwip_options_apply(conn);
}

int lwip_tcp_pcb(struct toe_conn *conn)
{
	struct tcp_pcb *pcb;

	if (conn->tcp)
		return 0;
	pcb = tcp_new_ip_type(conn->family == VTOE_INET ? IPADDR_TYPE_V4
				: conn->options.v6only ? IPADDR_TYPE_V6
							 : IPADDR_TYPE_ANY);
	if (!pcb)
		return -ENOBUFS;
	adopt(conn, pcb);
	return 0;
}

/* From here on it is lwIP's alone; it has no word for us any more. */
static struct tcp_pcb *pcb_let_go(struct toe_conn *conn)
{
	struct tcp_pcb *pcb = conn->tcp;

	conn->tcp = NULL;
	if (!pcb)
		return NULL;
	tcp_arg(pcb, NULL);
	if (pcb->state == LISTEN)
		return pcb;
	tcp_recv(pcb, NULL);
	tcp_sent(pcb, NULL);
	tcp_err(pcb, NULL);
	return pcb;
}

static void pcb_abort(struct toe_conn *conn)
{
	struct tcp_pcb *pcb = pcb_let_go(conn);

	if (pcb && pcb->state != TIME_WAIT)
		tcp_abort(pcb);
}

/* ---- addresses ---- */

static void note_local(struct toe_conn *conn)
{
	lwip_addr_from(conn->family, &conn->tcp->local_ip,
		       conn->tcp->local_port, &conn->local);
}

/* @ip for bind(): a wildcard of an IPv6 socket is one for IPv4, too. */
static const ip_addr_t *bind_address(const struct toe_conn *conn,
				     const ip_addr_t *ip)
{
	if (conn->family == VTOE_INET6 && IP_IS_V6(ip) && ip_addr_isany(ip) &&
	    !conn->options.v6only)
		return IP_ANY_TYPE;
	return ip;
}

static int bind_pcb(struct toe_conn *conn, const struct vtoe_addr *addr)
{
	ip_addr_t ip;
	uint16_t port;
	int err = lwip_addr_to(conn, addr, &ip, &port);

	if (!err)
		err = lwip_tcp_pcb(conn);
	if (!err)
		err = lwip_errno(tcp_bind(conn->tcp, bind_address(conn, &ip),
					  port));
	/* no port is left */
	return err == -ENOBUFS ? -EADDRINUSE : err;
}

int lwip_tcp_bind(struct toe_conn *conn, const struct vtoe_addr *addr)
{
	ip_addr_t ip;
	uint16_t port;
	int err = lwip_addr_own(conn, addr, &ip, &port);

	if (err)
		return err;
	if (conn->bound || conn->connecting || conn->connected ||
	    conn->kind == LWIP_LISTENER)
		return -EINVAL;
	if (!ip_addr_isany(&ip) && !lwip_addr_is_there(conn->stack, &ip))
		return -EADDRNOTAVAIL;
	err = bind_pcb(conn, addr);
	if (err)
		return err;
	conn->bound = true;
	lwip_addr_bound(conn, &ip);
	note_local(conn);
	conn->local.family = conn->family;
	if (lwip_addr_is_any(addr))
		memset(conn->local.addr, 0, sizeof(conn->local.addr));
	return 0;
}

/* ---- connecting ---- */

static err_t established(void *arg, struct tcp_pcb *pcb, err_t err)
{
	struct toe_conn *conn = arg;

	(void)err;
	pcb->rto = FIRST_RTO;
	conn->connecting = false;
	conn->connected = true;
	note_local(conn);
	lwip_tell(conn, TOE_CONNECTED);
	return ERR_OK;
}

static int start(struct toe_conn *conn, const ip_addr_t *ip, uint16_t port)
{
	struct lwip_link *link;
	ip_addr_t own;
	uint16_t own_port;
	int err = lwip_addr_to(conn, &conn->local, &own, &own_port);

	if (!err)
		err = lwip_addr_fit(conn, &own, ip);
	if (err)
		return err;
	link = ip_addr_isany(&own) ? lwip_link_to(conn->stack, ip)
				   : lwip_link_of(conn->stack, &own);
	if (!link || lwip_link_gone(link))
		return -ENETUNREACH;
	tcp_bind_netif(conn->tcp, &link->netif);
	if (ip_addr_isany(&own)) /* as lwIP would, but it has no IPv6 order */
		own = (ip_addr_t){0};
	if (IP_IS_V4(ip)) {
		IP_SET_TYPE(&own, IPADDR_TYPE_V4);
		memcpy(&ip_2_ip4(&own)->addr, link->ip.addr.addr, 4);
	} else {
		IP_SET_TYPE(&own, IPADDR_TYPE_V6);
		memcpy(ip_2_ip6(&own)->addr, link->ip6.addr.addr, 16);
	}
	conn->tcp->local_ip = own;
	lwip_guard_stir();
	return lwip_errno(tcp_connect(conn->tcp, ip, port, established));
}

int lwip_tcp_connect(struct toe_conn *conn, const struct vtoe_addr *addr)
{
	ip_addr_t ip;
	uint16_t port;
	int err;

	if (conn->kind == LWIP_LISTENER || conn->connected)
		return -EISCONN;
	if (conn->connecting)
		return -EALREADY;
	if (conn->error)
		return conn->error;
	err = lwip_addr_to(conn, addr, &ip, &port);
	if (!err)
		err = port ? lwip_peer_check(&ip, false) : -ECONNREFUSED;
	if (err)
		return err;
	/* an attempt before this one had the PCB that was bound */
	if (conn->bound && !conn->tcp)
		err = bind_pcb(conn, &conn->local);
	else
		err = lwip_tcp_pcb(conn);
	if (!err)
		err = start(conn, &ip, port);
	if (err) {
		if (!conn->bound)
			pcb_abort(conn);
		return err == -ENOBUFS ? -EADDRNOTAVAIL : err;
	}
	conn->connecting = true;
	conn->asked_ms = lwip_now_ms();
	conn->remote = *addr;
	return -EINPROGRESS;
}

int lwip_tcp_connected(struct toe_conn *conn)
{
	int error = conn->error;

	if (conn->connected)
		return 0;
	conn->error = 0; /* it may be tried again */
	return error ? error : -ENOTCONN;
}

/* ---- accepting ---- */

static err_t arrived(void *arg, struct tcp_pcb *pcb, err_t err)
{
	struct toe_conn *listener = arg, *conn = NULL;

	if (err != ERR_OK || !pcb)
		return ERR_VAL;
	/* requests stop when the backlog is full; these were half open then */
	if (listener &&
	    listener->nr_queued < listener->backlog + LWIP_HALF_OPEN_MAX)
		conn = lwip_conn_new(listener->stack, LWIP_STREAM,
				     listener->family, NULL);
	if (!conn) {
		tcp_abort(pcb);
		return ERR_ABRT;
	}
	conn->options = listener->options;
	conn->connected = true;
	conn->listener = listener;
	adopt(conn, pcb);
	note_local(conn);
	lwip_addr_from(conn->family, &pcb->remote_ip, pcb->remote_port,
		       &conn->remote);
	TAILQ_INSERT_TAIL(&listener->queue, conn, wait);
	listener->nr_queued++;
	lwip_tell(listener, TOE_READABLE);
	return ERR_OK;
}

bool lwip_tcp_full(uint16_t port)
{
	struct tcp_pcb_listen *pcb;
	struct toe_conn *listener;
	bool full = false;

	for (pcb = tcp_listen_pcbs.listen_pcbs; pcb; pcb = pcb->next) {
		listener = pcb->callback_arg;
		if (pcb->local_port != port || !listener)
			continue;
		if (listener->nr_queued < listener->backlog &&
		    listener->stack->nr_pending <
			    LWIP_PENDING_MAX - LWIP_HALF_OPEN_MAX)
			return false;
		full = true;
	}
	return full;
}

static unsigned int cut_backlog(unsigned int backlog)
{
	if (!backlog)
		return 1; /* as Linux: one more than it says */
	return backlog > BACKLOG_MAX ? BACKLOG_MAX : backlog;
}

int lwip_tcp_listen(struct toe_conn *conn, unsigned int backlog)
{
	struct tcp_pcb *pcb;
	err_t why = ERR_OK;
	int err = 0;

	if (conn->kind == LWIP_DATAGRAM)
		return -EOPNOTSUPP;
	if (conn->connecting || conn->connected || conn->error)
		return -EINVAL;
	conn->backlog = cut_backlog(backlog);
	if (conn->kind == LWIP_LISTENER)
		return 0;
	if (!conn->bound)
		err = lwip_tcp_bind(conn,
				    &(struct vtoe_addr){.family =
								conn->family});
	else if (!conn->tcp) /* it went with an attempt to connect */
		err = bind_pcb(conn, &conn->local);
	if (err)
		return err;
	pcb = tcp_listen_with_backlog_and_err(conn->tcp, 255, &why);
	if (!pcb)
		return lwip_errno(why);
	conn->kind = LWIP_LISTENER;
	conn->tcp = pcb;
	tcp_arg(pcb, conn);
	tcp_accept(pcb, arrived);
	lwip_link_stir();
	return 0;
}

static void unqueue(struct toe_conn *conn)
{
	TAILQ_REMOVE(&conn->listener->queue, conn, wait);
	conn->listener->nr_queued--;
	conn->listener = NULL;
}

int lwip_tcp_accept(struct toe_conn *listener, void *user,
		    struct toe_conn **connp, struct vtoe_addr *peer)
{
	struct toe_stack *stack = listener->stack;
	struct toe_conn *conn = TAILQ_FIRST(&listener->queue);

	if (listener->kind != LWIP_LISTENER)
		return -EINVAL;
	if (!conn)
		return -EAGAIN;
	if (stack->nr_open >= stack->config.max_conns)
		return -ENOBUFS;
	unqueue(conn);
	stack->nr_pending--;
	stack->nr_open++;
	conn->user = user;
	*peer = conn->remote;
	*connp = conn;
	return 0;
}

/* ---- callbacks of a connection ---- */

static void over(struct toe_conn *conn)
{
	lwip_tell(conn, TOE_READABLE | TOE_UNTIL_AGAIN | TOE_HUP);
}

static void append(struct toe_conn *conn, struct pbuf *p)
{
	if (!conn->rx) {
		conn->rx = p;
		return;
	}
	pbuf_cat(conn->rx, p);
	/* many small ones would take more memory than they hold bytes */
	if (pbuf_clen(conn->rx) > PIECES_MAX)
		conn->rx = pbuf_coalesce(conn->rx, PBUF_RAW);
}

static err_t received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
	struct toe_conn *conn = arg;

	(void)err;
	if (!conn)
		return tcp_recv_null(NULL, pcb, p, ERR_OK);
	if (p && conn->deaf) {
		pbuf_free(p);
		pcb_abort(conn);
		conn->error = -ECONNRESET;
		over(conn);
		return ERR_ABRT;
	}
	if (p) {
		append(conn, p);
		lwip_tell(conn, TOE_READABLE);
		return ERR_OK;
	}
	conn->eof = true;
	if (conn->shut)
		over(conn);
	else
		lwip_tell(conn, TOE_READABLE | TOE_UNTIL_AGAIN);
	return ERR_OK;
}

static err_t acknowledged(void *arg, struct tcp_pcb *pcb, u16_t len)
{
	struct toe_conn *conn = arg;

	uint32_t paid;

	(void)len;
	if (conn && conn->excess) {
		paid = LWIP_MIN(conn->excess, pcb->snd_buf);
		pcb->snd_buf -= paid;
		conn->excess -= paid;
	}
	if (conn && conn->full && tcp_sndbuf(pcb) >= ROOM_ENOUGH) {
		conn->full = false;
		lwip_tell(conn, TOE_WRITABLE);
	}
	return ERR_OK;
}

/* The PCB is gone already. */
static void failed(void *arg, err_t err)
{
	struct toe_conn *conn = arg;

	if (!conn)
		return;
	conn->tcp = NULL;
	if (conn->connecting) {
		conn->connecting = false;
		conn->error = err == ERR_RST ? -ECONNREFUSED : lwip_errno(err);
		lwip_tell(conn, TOE_CONNECTED);
		return;
	}
	if (!conn->connected)
		return;
	if (err == ERR_CLSD) /* both directions have ended, in order */
		conn->eof = conn->shut = true;
	else if (err == ERR_RST && conn->eof) /* as Linux */
		conn->error = -EPIPE;
	else
		conn->error = lwip_errno(err);
	over(conn);
}

void lwip_tcp_unreachable(struct toe_conn *conn, int error)
{
	if (!conn->connecting)
		return; /* it may be a passing one, or a stranger's */
	pcb_abort(conn);
	conn->connecting = false;
	conn->error = error;
	lwip_tell(conn, TOE_CONNECTED);
}

/* ---- data ---- */

static uint16_t at_most(size_t len, size_t max)
{
	return (uint16_t)(len < max ? len : max);
}

ssize_t lwip_tcp_recv(struct toe_conn *conn, const struct iovec *iov,
		      int iovcnt)
{
	ssize_t total = 0;
	uint16_t n;
	int i;

	for (i = 0; i < iovcnt && conn->rx; i++) {
		n = at_most(iov[i].iov_len, conn->rx->tot_len);
		pbuf_copy_partial(conn->rx, iov[i].iov_base, n, 0);
		conn->rx = pbuf_free_header(conn->rx, n);
		total += n;
	}
	if (total) {
		if (conn->tcp)
			tcp_recved(conn->tcp, (uint16_t)total);
		return total;
	}
	if (conn->rx)
		return 0; /* nothing was asked for */
	if (conn->error)
		return conn->error;
	if (conn->eof)
		return 0;
	return conn->connected ? -EAGAIN : -ENOTCONN;
}

/* As much of one piece as lwIP takes; it copies. */
static size_t write_piece(struct toe_conn *conn, const struct iovec *iov)
{
	size_t done = 0;
	uint16_t n;

	while (done < iov->iov_len && tcp_sndbuf(conn->tcp)) {
		n = at_most(iov->iov_len - done, tcp_sndbuf(conn->tcp));
		if (tcp_write(conn->tcp, (const char *)iov->iov_base + done, n,
			      TCP_WRITE_FLAG_COPY) != ERR_OK)
			break;
		done += n;
	}
	return done;
}

ssize_t lwip_tcp_send(struct toe_conn *conn, const struct iovec *iov,
		      int iovcnt)
{
	size_t asked = 0, n = 0;
	int i;

	if (conn->error)
		return conn->error;
	if (!conn->connected || conn->shut || !conn->tcp)
		return -EPIPE;
	for (i = 0; i < iovcnt; i++) {
		asked += iov[i].iov_len;
		n += write_piece(conn, &iov[i]);
		if (n < asked)
			break;
	}
	if (n)
		tcp_output(conn->tcp);
	if (n == asked)
		return (ssize_t)n;
	/* without anything on its way, nothing would tell of room */
	if (!n && !conn->tcp->unacked && !conn->tcp->unsent)
		return -ENOBUFS;
	conn->full = true;
	return n ? (ssize_t)n : -EAGAIN;
}

uint32_t lwip_tcp_unacked(const struct toe_conn *conn)
{
	if (!conn->tcp || conn->kind != LWIP_STREAM)
		return 0;
	return TCP_SND_BUF - tcp_sndbuf(conn->tcp) + conn->excess;
}

uint32_t lwip_tcp_unsent(const struct toe_conn *conn)
{
	if (!conn->tcp || conn->kind != LWIP_STREAM)
		return 0;
	return conn->tcp->snd_lbb - conn->tcp->snd_nxt;
}

/* ---- the end ---- */

int lwip_tcp_shutdown(struct toe_conn *conn, int how)
{
	int err;

	if (!conn->connected)
		return -ENOTCONN;
	conn->deaf |= how == SHUT_RDWR;
	if (conn->shut)
		return 0;
	if (conn->tcp) {
		err = lwip_errno(tcp_shutdown(conn->tcp, 0, 1));
		if (err)
			return err;
	}
	conn->shut = true;
	if (conn->eof)
		over(conn);
	return 0;
}

static void drop_received(struct toe_conn *conn)
{
	if (conn->rx)
		pbuf_free(conn->rx);
	conn->rx = NULL;
}

void lwip_tcp_reset(struct toe_conn *conn)
{
	if (conn->kind != LWIP_STREAM)
		return;
	pcb_abort(conn);
	if (conn->connecting) {
		conn->connecting = false;
		conn->error = 0;
		return;
	}
	drop_received(conn);
	conn->error = -ECONNRESET;
	over(conn);
}

/* What was lost on the old way is sent again at once. */
void lwip_tcp_moved(struct toe_conn *conn)
{
	if (!conn->tcp || !conn->tcp->unacked)
		return;
	conn->tcp->nrtx = 0;
	tcp_rexmit_rto(conn->tcp);
}

static void close_listener(struct toe_conn *listener)
{
	struct toe_conn *conn;
	struct tcp_pcb *pcb;

	while ((conn = TAILQ_FIRST(&listener->queue))) {
		unqueue(conn);
		pcb_abort(conn);
		drop_received(conn);
		lwip_conn_put(conn);
	}
	pcb = pcb_let_go(listener);
	if (pcb)
		tcp_close(pcb);
}

/* With bytes that nobody has read lwIP sends a reset, as Linux does. */
static void close_stream(struct toe_conn *conn, bool abort)
{
	struct toe_stack *stack = conn->stack;
	struct tcp_pcb *pcb = conn->tcp;

	if (!pcb)
		return;
	if (conn->frozen) {
		pcb_let_go(conn);
		tcp_abandon(pcb, 0);
		return;
	}
	if (abort || !conn->connected ||
	    stack->nr_closing >= stack->config.max_conns) {
		pcb_abort(conn);
		return;
	}
	pcb_let_go(conn);
	stack->nr_closing++;
	if (pcb->state != TIME_WAIT && tcp_close(pcb) != ERR_OK)
		tcp_abort(pcb);
}

void lwip_tcp_close(struct toe_conn *conn, bool abort)
{
	if (conn->kind == LWIP_LISTENER)
		close_listener(conn);
	else
		close_stream(conn, abort);
	drop_received(conn);
	lwip_conn_put(conn);
}

/* To a neighbour that is not there nothing can be sent. */
static bool is_in_vain(const struct toe_conn *conn)
{
	const struct tcp_pcb *pcb = conn->tcp;
	struct lwip_link *link;

	if (lwip_now_ms() - conn->asked_ms < NEIGHBOUR_MS)
		return false;
	link = lwip_link_of(conn->stack, &pcb->local_ip);
	return link && !lwip_neighbour_found(link, &pcb->remote_ip);
}

/* lwIP itself repeats a SYN each 3 s, and gives up after 18: as Linux (RFC 6298,
 * section 2) after 1, 2, 4, ... s, and so after 63.
 */
static void look_after_syns(void)
{
	struct tcp_pcb *pcb, *next;
	struct toe_conn *conn;

	for (pcb = tcp_active_pcbs; pcb; pcb = next) {
		next = pcb->next;
		conn = pcb->callback_arg;
		if (pcb->state != SYN_SENT || !conn)
			continue;
		pcb->rto = (int16_t)(SYN_RTO << pcb->nrtx);
		if (is_in_vain(conn))
			lwip_tcp_unreachable(conn, -EHOSTUNREACH);
	}
}

void lwip_tcp_tick(struct toe_stack *stack)
{
	unsigned int half_open = 0, closing = 0;
	struct toe_conn *conn;
	struct tcp_pcb *pcb;

	look_after_syns();
	for (pcb = tcp_active_pcbs; pcb; pcb = pcb->next) {
		half_open += pcb->state == SYN_RCVD;
		closing += !pcb->callback_arg;
	}
	for (pcb = tcp_tw_pcbs; pcb; pcb = pcb->next) {
		conn = pcb->callback_arg;
		if (conn)
			pcb_let_go(conn);
	}
	lwip_guard_syns(half_open);
	stack->nr_closing = closing;
}
