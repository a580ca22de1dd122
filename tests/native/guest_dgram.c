/* SPDX-License-Identifier: GPL-2.0 */
/* The test guest's datagram sockets. */
#include <errno.h>
#include <string.h>

#include "guest.h"
#include "guest_priv.h"

#define ORDER 5u /* 128 KiB: the largest datagram fits */

static int attach(struct tg_sock *s)
{
	uint32_t run = arena_alloc(&s->tg->front.tx_arena, ORDER);

	if (run == VTOE_RUN_NONE) {
		tg_close_start(s, 0, 0);
		return -ENOBUFS;
	}
	front_tx_attach(&s->stream, run);
	s->datagrams = true;
	return 0;
}

int tg_open_dgram(struct tg *tg, int family, int timeout, struct tg_sock **sp)
{
	int rc = tg_open_type(tg, family, VTOE_DATAGRAM, timeout, sp);

	return rc ? rc : attach(*sp);
}

int tg_dial_dgram(struct tg *tg, const char *ip, uint16_t port,
		  struct tg_sock **sp)
{
	struct vtoe_submission cmd = {
		.op = VTOE_OP_OPEN,
		.u.open = {.family = tg_addr(ip, port).family,
			   .type = VTOE_DATAGRAM},
	};
	struct tg_call *open;
	int rc = tg_sock_new(tg, sp);

	if (rc)
		return rc;
	cmd.slot = (*sp)->slot;
	rc = tg_submit(tg, &cmd, &open);
	if (rc)
		return rc;
	open->forget = true;
	rc = attach(*sp);
	return rc ? rc : tg_connect_start(*sp, ip, port);
}

int tg_disconnect(struct tg_sock *s, int timeout)
{
	struct vtoe_submission cmd = {
		.op = VTOE_OP_CONNECT,
		.slot = s->slot,
		.u.connect.tx_prod = s->stream.tx_prod,
	};
	struct tg_call *c;
	int rc = tg_submit(s->tg, &cmd, &c);

	return rc ? rc : tg_call_wait(s->tg, c, NULL, timeout);
}

int tg_send_dgram(struct tg_sock *s, const struct vtoe_datagram *head,
		  const void *data, size_t len)
{
	struct vtoe_datagram h = *head;
	const uint8_t *from = data;
	struct vtoe_segment seg[2];
	unsigned int i, n;
	int room = front_tx_room(&s->stream);

	if (room < 0)
		return room;
	if ((uint32_t)room < vtoe_dgram_record((uint32_t)len))
		return front_tx_arm(&s->stream, 0) ? -EINTR : -EAGAIN;
	h.len = (uint32_t)len;
	n = front_dgram_put(&s->stream, &h, seg);
	for (i = 0; i < n; i++) {
		memcpy(seg[i].data, from, seg[i].len);
		from += seg[i].len;
	}
	front_dgram_commit(&s->stream, h.len);
	tg_kick(s->tg);
	return 0;
}

int tg_sendto(struct tg_sock *s, const char *ip, uint16_t port,
	      const void *data, size_t len, int timeout)
{
	uint64_t deadline = tg_now_ms() + (uint64_t)timeout;
	struct vtoe_datagram head = {.flags = 0};
	int rc;

	if (ip)
		head.addr = tg_addr(ip, port);
	for (;;) {
		rc = tg_send_dgram(s, &head, data, len);
		if (rc == -EINTR)
			continue; /* there is room by now */
		if (rc != -EAGAIN)
			return rc;
		rc = tg_wait(s->tg, -1, tg_left(deadline));
		if (rc <= 0)
			return rc ? rc : -ETIMEDOUT;
	}
}

/* -EAGAIN: none yet, and dom0 will ring. */
static ssize_t recv_now(struct tg_sock *s, void *data, size_t len,
			struct vtoe_datagram *head)
{
	struct vtoe_segment seg[2];
	struct vtoe_datagram h;
	unsigned int i, n;
	uint8_t *to = data;
	int rc = front_dgram_peek(&s->stream, &h);

	if (rc < 0)
		return rc;
	if (!rc)
		return front_dgram_arm(&s->stream) ? -EINTR : -EAGAIN;
	n = front_dgram_segments(&s->stream,
				 h.len < len ? h.len : (uint32_t)len, seg);
	for (i = 0; i < n; i++) {
		memcpy(to, seg[i].data, seg[i].len);
		to += seg[i].len;
	}
	front_dgram_consume(&s->stream, h.len);
	tg_kick(s->tg);
	if (head)
		*head = h;
	return h.len;
}

ssize_t tg_recvfrom(struct tg_sock *s, void *data, size_t len,
		    struct vtoe_datagram *head, int timeout)
{
	uint64_t deadline = tg_now_ms() + (uint64_t)timeout;
	ssize_t n;
	int rc;

	for (;;) {
		n = recv_now(s, data, len, head);
		if (n == -EINTR)
			continue;
		if (n != -EAGAIN)
			return n;
		rc = tg_wait(s->tg, -1, tg_left(deadline));
		if (rc <= 0)
			return rc ? rc : -ETIMEDOUT;
	}
}

int tg_dgram_error(struct tg_sock *s, int timeout)
{
	uint64_t deadline = tg_now_ms() + (uint64_t)timeout;
	uint32_t error;

	for (;;) {
		error = front_dgram_error(&s->stream, &s->error_seq);
		if (error || tg_wait(s->tg, -1, tg_left(deadline)) <= 0)
			return (int)error;
	}
}
