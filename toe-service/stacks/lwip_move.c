/* SPDX-License-Identifier: GPL-2.0 */
/*
 * lwip_move.c - streams to and from lwIP's PCBs, by the fields of these.
 *
 * Theory of operation
 *
 * A PCB that is in none of lwIP's lists sends nothing. One that comes in is filled
 * as if it had just lost all that it had sent (TF_RTO): its bytes are queued from
 * the first that is not acknowledged on, and what the peer has after all, its next
 * acknowledgement says. More bytes than lwIP's send buffer has room for are queued
 * all the same; until those in excess are acknowledged, there is no room.
 *
 * lwIP cannot go on with a connection that has negotiated time stamps: it would send
 * segments without them, which the peer may drop (RFC 7323, section 3.2). A peer
 * that may send selective acknowledgements does no harm. What was received out of
 * order is forgotten, as RFC 2018, section 8, allows. The window gets smaller, to
 * what lwIP has; RFC 9293, section 3.8.6, has the peer bear that.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <lwip/priv/tcp_priv.h>

#include "lwip_conn.h"

#define FIRST_SEGMENTS 4u  /* in flight at once, at first (RFC 3390) */
#define AT_ONCE	       32u /* segments queued in one call: lwIP takes 180 */
#define PBUFS_MAX      60000u /* its counter has 16 bits */

int lwip_tcp_freeze(struct toe_conn *conn)
{
	struct tcp_pcb *pcb = conn->tcp;

	if (conn->kind != LWIP_STREAM || !conn->connected || !pcb ||
	    conn->error || pcb->state < ESTABLISHED || pcb->state == TIME_WAIT)
		return -ENOTCONN;
	TCP_RMV_ACTIVE(pcb);
	/* else lwIP would do it when the PCB is freed */
	tcp_clear_flags(pcb, TF_ACK_DELAY | TF_ACK_NOW);
	conn->frozen = true;
	return 0;
}

/* ---- out ---- */

static uint32_t seq_of(const struct tcp_seg *seg)
{
	return lwip_ntohl(seg->tcphdr->seqno);
}

/* Bytes of a segment that are not acknowledged; @to NULL: how many only. */
static uint32_t take_segment(const struct tcp_pcb *pcb,
			     const struct tcp_seg *seg, uint8_t *to)
{
	uint32_t skip = 0;

	if (TCP_SEQ_LT(seq_of(seg), pcb->lastack))
		skip = pcb->lastack - seq_of(seg);
	if (skip >= seg->len)
		return 0;
	if (to)
		pbuf_copy_partial(seg->p, to, (uint16_t)(seg->len - skip),
				  (uint16_t)(seg->p->tot_len - seg->len +
					     skip));
	return seg->len - skip;
}

static uint32_t take_segments(const struct tcp_pcb *pcb,
			      const struct tcp_seg *seg, uint8_t *to)
{
	uint32_t n = 0;

	for (; seg; seg = seg->next)
		n += take_segment(pcb, seg, to ? to + n : NULL);
	return n;
}

static int take_sent(const struct tcp_pcb *pcb, struct toe_saved *saved)
{
	uint32_t n = take_segments(pcb, pcb->unacked, NULL);

	saved->out_len = n + take_segments(pcb, pcb->unsent, NULL);
	saved->out = NULL;
	if (!saved->out_len)
		return 0;
	saved->out = malloc(saved->out_len);
	if (!saved->out)
		return -ENOMEM;
	take_segments(pcb, pcb->unacked, saved->out);
	take_segments(pcb, pcb->unsent, saved->out + n);
	return 0;
}

static int take_received(const struct toe_conn *conn, struct toe_saved *saved)
{
	saved->in = NULL;
	saved->in_len = conn->rx ? conn->rx->tot_len : 0;
	if (!saved->in_len)
		return 0;
	saved->in = malloc(saved->in_len);
	if (!saved->in)
		return -ENOMEM;
	pbuf_copy_partial(conn->rx, saved->in, (uint16_t)saved->in_len, 0);
	return 0;
}

int lwip_tcp_export(struct toe_conn *conn, struct toe_saved *saved)
{
	const struct tcp_pcb *pcb = conn->tcp;
	int32_t left = (int32_t)(pcb->rcv_ann_right_edge - pcb->rcv_nxt);
	int err = take_received(conn, saved);

	if (!err)
		err = take_sent(pcb, saved);
	if (err) {
		free(saved->in);
		return err;
	}
	saved->snd_una = pcb->lastack;
	saved->snd_nxt = pcb->snd_nxt;
	saved->rcv_nxt = pcb->rcv_nxt;
	saved->snd_wnd = pcb->snd_wnd;
	saved->snd_wnd_max = pcb->snd_wnd_max;
	saved->snd_wl1 = pcb->snd_wl1;
	saved->rcv_wnd = left > 0 ? (uint32_t)left : 0;
	saved->mss = pcb->mss;
	saved->scaled = pcb->flags & TF_WND_SCALE;
	saved->snd_scale = pcb->snd_scale;
	saved->rcv_scale = pcb->rcv_scale;
	saved->timestamps = saved->sack = false;
	saved->shut = conn->shut;
	saved->fin_acked = pcb->state == FIN_WAIT_2;
	saved->eof = conn->eof;
	return 0;
}

/* ---- in ---- */

static uint16_t segment_size(const struct tcp_pcb *pcb)
{
	uint32_t half = pcb->snd_wnd_max / 2; /* tcp_write() has it so */

	return half && half < pcb->mss ? (uint16_t)half : pcb->mss;
}

/* One call's worth, past lwIP's limits of a send buffer. */
static int queue_piece(struct tcp_pcb *pcb, const uint8_t *bytes, uint16_t len)
{
	uint16_t pbufs = pcb->snd_queuelen, base = pbufs != 0;
	err_t err;

	pcb->snd_buf = TCP_SND_BUF;
	pcb->snd_queuelen = base;
	err = tcp_write(pcb, bytes, len, TCP_WRITE_FLAG_COPY);
	pcb->snd_queuelen = (uint16_t)(pcb->snd_queuelen - base + pbufs);
	return lwip_errno(err);
}

static int queue_all(struct toe_conn *conn, const struct toe_saved *saved)
{
	struct tcp_pcb *pcb = conn->tcp;
	uint32_t most = AT_ONCE * segment_size(pcb), done, n;
	int err = 0;

	if (saved->out_len / segment_size(pcb) > PBUFS_MAX)
		return -ENOBUFS;
	for (done = 0; !err && done < saved->out_len; done += n) {
		n = LWIP_MIN(saved->out_len - done, LWIP_MIN(most, UINT16_MAX));
		err = queue_piece(pcb, saved->out + done, (uint16_t)n);
	}
	n = LWIP_MIN(saved->out_len, TCP_SND_BUF);
	pcb->snd_buf = TCP_SND_BUF - n;
	conn->excess = saved->out_len - n;
	return err;
}

static void set_numbers(struct tcp_pcb *pcb, const struct toe_saved *saved)
{
	pcb->lastack = pcb->snd_lbb = pcb->snd_nxt = saved->snd_una;
	pcb->snd_wl1 = saved->snd_wl1;
	pcb->snd_wl2 = saved->snd_una;
	pcb->snd_wnd = saved->snd_wnd;
	pcb->snd_wnd_max = saved->snd_wnd_max;
	if (saved->scaled)
		tcp_set_flags(pcb, TF_WND_SCALE);
	pcb->snd_scale = saved->snd_scale;
	pcb->rcv_scale = saved->rcv_scale;
	pcb->rcv_nxt = saved->rcv_nxt;
	pcb->rcv_wnd = TCP_WND_MAX(pcb);
	pcb->rcv_ann_wnd = LWIP_MIN(saved->rcv_wnd, pcb->rcv_wnd);
	pcb->rcv_ann_right_edge = pcb->rcv_nxt + pcb->rcv_ann_wnd;
	pcb->cwnd = FIRST_SEGMENTS * pcb->mss;
	pcb->tmr = tcp_ticks;
}

/* Its FIN is behind what is queued. */
static int set_state(struct tcp_pcb *pcb, const struct toe_saved *saved)
{
	int err = 0;

	if (saved->shut && !saved->fin_acked)
		err = lwip_errno(tcp_send_fin(pcb));
	pcb->state = saved->fin_acked ? FIN_WAIT_2
		     : saved->shut    ? saved->eof ? LAST_ACK : FIN_WAIT_1
		     : saved->eof     ? CLOSE_WAIT
				      : ESTABLISHED;
	return err;
}

static int set_addresses(struct toe_conn *conn, const struct toe_saved *saved)
{
	struct tcp_pcb *pcb = conn->tcp;
	struct lwip_link *link;
	uint16_t mss = LWIP_MIN(saved->mss, TCP_MSS);
	int err = lwip_addr_to(conn, &saved->local, &pcb->local_ip,
			       &pcb->local_port);

	if (!err)
		err = lwip_addr_to(conn, &saved->remote, &pcb->remote_ip,
				   &pcb->remote_port);
	if (err)
		return err;
	link = lwip_link_of(conn->stack, &pcb->local_ip);
	if (!link)
		return -EADDRNOTAVAIL;
	tcp_bind_netif(pcb, &link->netif);
	pcb->mss = tcp_eff_send_mss_netif(mss, &link->netif, &pcb->remote_ip);
	conn->local = saved->local;
	conn->remote = saved->remote;
	return pcb->mss ? 0 : -EMSGSIZE;
}

int lwip_tcp_import(struct toe_conn *conn, struct toe_saved *saved)
{
	struct tcp_pcb *pcb;
	int err;

	if (saved->timestamps)
		return -EOPNOTSUPP;
	err = lwip_tcp_pcb(conn);
	if (err)
		return err;
	pcb = conn->tcp;
	err = set_addresses(conn, saved);
	if (err) {
		pcb->local_port = 0; /* it is in no list of lwIP's */
		return err;
	}
	set_numbers(pcb, saved);
	pcb->state = ESTABLISHED;
	TCP_REG_ACTIVE(pcb);
	conn->connected = true;
	err = queue_all(conn, saved);
	if (!err)
		err = set_state(pcb, saved);
	conn->frozen = err; /* then it is closed, without a word to the peer */
	if (err)
		return err;
	conn->shut = saved->shut;
	conn->eof = saved->eof;
	pcb->snd_nxt = saved->snd_nxt;
	if (pcb->snd_nxt == pcb->lastack)
		return 0;
	tcp_set_flags(pcb, TF_RTO);
	pcb->rto_end = pcb->snd_nxt;
	return 0;
}

int lwip_tcp_thaw(struct toe_conn *conn, const struct toe_saved *saved)
{
	(void)saved;
	if (!conn->tcp)
		return -ECONNRESET;
	tcp_update_rcv_ann_wnd(conn->tcp);
	tcp_ack_now(conn->tcp);
	return lwip_errno(tcp_output(conn->tcp));
}

void lwip_tcp_own(struct toe_conn *conn, void *user)
{
	conn->user = user;
}

/* ---- what was closed already ---- */

static bool is_unfinished(const struct tcp_pcb *pcb, struct lwip_link *link)
{
	return !pcb->callback_arg && pcb->state >= ESTABLISHED &&
	       (pcb->unsent || pcb->unacked) &&
	       pcb->netif_idx == netif_get_index(&link->netif);
}

int lwip_tcp_unfinished(struct toe_stack *stack, unsigned int index, void *user,
			struct toe_conn **connp, struct toe_saved *saved)
{
	struct tcp_pcb *pcb = tcp_active_pcbs;
	struct toe_conn *conn;

	while (pcb && !is_unfinished(pcb, &stack->link[index]))
		pcb = pcb->next;
	if (!pcb)
		return -ENOENT;
	conn = lwip_conn_new(stack, LWIP_STREAM,
			     IP_IS_V4_VAL(pcb->local_ip) ? VTOE_INET
							 : VTOE_INET6,
			     user);
	if (!conn)
		return -ENOENT;
	conn->tcp = pcb;
	tcp_arg(pcb, conn);
	conn->connected = conn->shut = true;
	lwip_addr_from(conn->family, &pcb->local_ip, pcb->local_port,
		       &conn->local);
	lwip_addr_from(conn->family, &pcb->remote_ip, pcb->remote_port,
		       &conn->remote);
	saved->family = conn->family;
	saved->local = conn->local;
	saved->remote = conn->remote;
	*connp = conn;
	return 0;
}
