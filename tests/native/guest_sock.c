/* SPDX-License-Identifier: GPL-2.0 */
/* The test guest's sockets. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest.h"
#include "guest_priv.h"

/* A listener's posts go through a run of one page: 512 of them. */
#define LISTENER_ORDER 0u
#define DEFAULT_POSTS  16u

struct vtoe_addr tg_addr(const char *ip, uint16_t port)
{
	struct vtoe_addr addr = { .port = htons(port) };

	if (inet_pton(AF_INET, ip, addr.addr) == 1)
		addr.family = VTOE_INET;
	else if (inet_pton(AF_INET6, ip, addr.addr) == 1)
		addr.family = VTOE_INET6;
	return addr;
}

/* ------------------------------------------------------------ commands */

int tg_submit(struct tg *tg, const struct vtoe_submission *cmd,
	      struct tg_call **callp)
{
	struct tg_call *call = calloc(1, sizeof(*call));
	int rc;

	if (!call)
		return -ENOMEM;
	rc = front_submit(&tg->front, cmd, call);
	if (rc) {
		free(call);
		return rc;
	}
	tg_kick(tg);
	*callp = call;
	return 0;
}

int tg_call_wait(struct tg *tg, struct tg_call *call,
		 struct vtoe_completion *cqe, int timeout)
{
	uint64_t deadline = tg_now_ms() + (uint64_t)timeout;
	int rc;

	while (!call->done) {
		rc = tg_wait(tg, -1, tg_left(deadline));
		if (rc > 0 || call->done)
			continue;
		call->forget = true;
		return rc ? rc : -ETIMEDOUT;
	}
	rc = call->cqe.result;
	if (cqe)
		*cqe = call->cqe;
	free(call);
	return rc;
}

/* Sends a command, waiting for room in the ring if need be. */
static int submit_wait(struct tg *tg, const struct vtoe_submission *cmd,
		       struct tg_call **callp, uint64_t deadline)
{
	int rc;

	while ((rc = tg_submit(tg, cmd, callp)) == -EAGAIN) {
		rc = tg_wait(tg, -1, tg_left(deadline));
		if (rc <= 0)
			return rc ? rc : -ETIMEDOUT;
	}
	return rc;
}

static int call(struct tg_sock *s, struct vtoe_submission *cmd,
		struct vtoe_completion *cqe, int timeout)
{
	uint64_t deadline = tg_now_ms() + (uint64_t)timeout;
	struct tg_call *c;
	int rc;

	cmd->slot = s->slot;
	rc = submit_wait(s->tg, cmd, &c, deadline);
	return rc ? rc : tg_call_wait(s->tg, c, cqe, tg_left(deadline));
}

/* ------------------------------------------------------------ life */

int tg_sock_new(struct tg *tg, struct tg_sock **sp)
{
	struct tg_sock *s;
	uint32_t slot;
	int rc = front_slot_alloc(&tg->front, &slot);

	if (rc)
		return rc;
	s = calloc(1, sizeof(*s));
	if (!s) {
		front_slot_free(&tg->front, slot);
		return -ENOMEM;
	}
	s->tg = tg;
	s->slot = slot;
	front_stream_init(&s->stream, &tg->front, slot);
	tg->socks[slot] = s;
	*sp = s;
	return 0;
}

/* After the RELEASE, or of one that dom0 has never heard of. */
void tg_sock_free(struct tg_sock *s)
{
	tg_unready(s);
	arena_free(&s->tg->front.tx_arena, s->stream.tx_run);
	if (s->tg->socks[s->slot] == s)
		s->tg->socks[s->slot] = NULL;
	free(s->connecting);
	free(s);
}

int tg_open(struct tg *tg, int family, int timeout, struct tg_sock **sp)
{
	return tg_open_type(tg, family, VTOE_STREAM, timeout, sp);
}

int tg_open_type(struct tg *tg, int family, uint16_t type, int timeout,
		 struct tg_sock **sp)
{
	struct vtoe_submission cmd = {
		.op = VTOE_OP_OPEN,
		.u.open = { .family = (uint16_t)family, .type = type },
	};
	struct tg_sock *s;
	int rc;

	rc = tg_sock_new(tg, &s);
	if (rc)
		return rc;
	rc = call(s, &cmd, NULL, timeout);
	if (rc) {
		/* not dom0's: a refused OPEN leaves the slot to the guest */
		tg_close_start(s, 0, 0);
		return rc;
	}
	*sp = s;
	return 0;
}

void tg_close_start(struct tg_sock *s, uint32_t flags, uint32_t linger_ms)
{
	struct tg *tg = s->tg;
	struct tg_call *c = calloc(1, sizeof(*c));

	if (!c)
		abort();
	/* an unanswered CONNECT is answered first; nobody will look */
	if (s->connecting && !s->connecting->done)
		s->connecting->forget = true;
	else
		free(s->connecting);
	s->connecting = NULL;
	tg_unready(s);
	tg->socks[s->slot] = NULL;
	c->forget = true;
	c->closing = s;
	front_release(&tg->front, s->slot, flags, linger_ms, false, c);
	tg_kick(tg);
}

int tg_close(struct tg_sock *s, uint32_t flags, uint32_t linger_ms,
	     int timeout)
{
	struct tg *tg = s->tg;
	uint64_t deadline = tg_now_ms() + (uint64_t)timeout;
	struct front_slot *slot = &tg->front.slot[s->slot];
	uint32_t gen = slot->gen;
	int rc;

	tg_close_start(s, flags, linger_ms);
	while (slot->gen == gen && slot->state == FRONT_SLOT_RELEASING) {
		rc = tg_wait(tg, -1, tg_left(deadline));
		if (rc < 0)
			return rc;
		if (!rc && !tg_left(deadline))
			return -ETIMEDOUT;
	}
	return 0;
}

/* ------------------------------------------------------------ addresses */

int tg_bind(struct tg_sock *s, const char *ip, uint16_t port, int timeout,
	    struct vtoe_addr *bound)
{
	struct vtoe_submission cmd = {
		.op = VTOE_OP_BIND,
		.u.addr = tg_addr(ip, port),
	};
	struct vtoe_completion cqe;
	int rc = call(s, &cmd, &cqe, timeout);

	if (!rc && bound)
		*bound = cqe.u.addr;
	return rc;
}

int tg_connect_start(struct tg_sock *s, const char *ip, uint16_t port)
{
	struct vtoe_submission cmd = {
		.op = VTOE_OP_CONNECT,
		.slot = s->slot,
		.u.connect.addr = tg_addr(ip, port),
	};

	if (s->datagrams)
		cmd.u.connect.tx_prod = s->stream.tx_prod;

	return tg_submit(s->tg, &cmd, &s->connecting);
}

int tg_connect_done(struct tg_sock *s)
{
	int rc;

	if (!s->connecting)
		return -EINVAL;
	if (!s->connecting->done)
		return -EAGAIN;
	rc = s->connecting->cqe.result;
	s->local = s->connecting->cqe.u.addr;
	free(s->connecting);
	s->connecting = NULL;
	return rc;
}

int tg_connect_wait(struct tg_sock *s, int timeout)
{
	uint64_t deadline = tg_now_ms() + (uint64_t)timeout;
	int rc;

	while ((rc = tg_connect_done(s)) == -EAGAIN) {
		rc = tg_wait(s->tg, -1, tg_left(deadline));
		if (rc <= 0)
			return rc ? rc : -ETIMEDOUT;
	}
	return rc;
}

int tg_connect(struct tg_sock *s, const char *ip, uint16_t port, int timeout)
{
	uint64_t deadline = tg_now_ms() + (uint64_t)timeout;
	int rc;

	while ((rc = tg_connect_start(s, ip, port)) == -EAGAIN) {
		rc = tg_wait(s->tg, -1, tg_left(deadline));
		if (rc <= 0)
			return rc ? rc : -ETIMEDOUT;
	}
	return rc ? rc : tg_connect_wait(s, tg_left(deadline));
}

int tg_open_connect(struct tg *tg, const char *ip, uint16_t port, int timeout,
		    struct tg_sock **sp)
{
	uint64_t deadline = tg_now_ms() + (uint64_t)timeout;
	struct vtoe_submission cmd = {
		.op = VTOE_OP_OPEN,
		.u.open.type = VTOE_STREAM,
		.u.open.family = tg_addr(ip, 0).family,
	};
	struct tg_sock *s;
	struct tg_call *c;
	int rc, opened;

	rc = tg_sock_new(tg, &s);
	if (rc)
		return rc;
	cmd.slot = s->slot;
	rc = submit_wait(tg, &cmd, &c, deadline);
	if (rc) {
		front_slot_free(&tg->front, s->slot);
		tg_sock_free(s);
		return rc;
	}
	rc = tg_connect(s, ip, port, tg_left(deadline));
	/* after a refused OPEN, CONNECT only says -EBADF */
	opened = tg_call_wait(tg, c, NULL, tg_left(deadline));
	if (opened || rc) {
		tg_close_start(s, 0, 0);
		return opened ? opened : rc;
	}
	*sp = s;
	return 0;
}

/* ------------------------------------------------------------ accepting */

int tg_listen(struct tg_sock *s, unsigned int backlog, int timeout)
{
	struct vtoe_submission cmd = {
		.op = VTOE_OP_LISTEN,
		.u.listen.backlog = backlog,
	};
	int rc = call(s, &cmd, NULL, timeout);

	if (rc)
		return rc;
	s->listener = true;
	return tg_post(s, s->posts ? s->posts : DEFAULT_POSTS);
}

int tg_post(struct tg_sock *s, uint32_t posts)
{
	struct front *front = &s->tg->front;
	uint32_t slot, run;
	int rc = 0;

	s->posts = posts;
	if (s->stream.tx_run == VTOE_RUN_NONE) {
		run = arena_alloc(&front->tx_arena, LISTENER_ORDER);
		if (run == VTOE_RUN_NONE)
			return -ENOBUFS;
		front_tx_attach(&s->stream, run);
	}
	while (!rc && front->slot[s->slot].posted < posts) {
		rc = front_slot_alloc(front, &slot);
		if (rc)
			break;
		rc = front_post(&s->stream, slot);
		if (rc)
			front_slot_free(front, slot);
	}
	tg_kick(s->tg);
	/* out of slots or of room: later, with the next accept */
	return rc == -ENOBUFS || rc == -EAGAIN ? 0 : rc;
}

static int accept_one(struct tg_sock *l, struct tg_sock **sp)
{
	struct tg *tg = l->tg;
	struct vtoe_accept rec;
	struct tg_sock *s;
	int rc;

	rc = front_accept(&l->stream, &rec);
	if (!rc)
		return front_rx_arm(&l->stream, 0, sizeof(rec)) ? -EINTR : -EAGAIN;
	if (rc < 0)
		return rc;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->tg = tg;
	s->slot = rec.slot;
	s->local = rec.local;
	s->peer = rec.peer;
	front_stream_init(&s->stream, &tg->front, rec.slot);
	tg->socks[rec.slot] = s;
	*sp = s;
	return tg_post(l, l->posts);
}

int tg_accept(struct tg_sock *l, int timeout, struct tg_sock **sp)
{
	uint64_t deadline = tg_now_ms() + (uint64_t)timeout;
	uint32_t error;
	int rc, status;

	for (;;) {
		status = front_status(&l->stream, &error);
		rc = status < 0 ? status : accept_one(l, sp);
		if (rc == -EINTR && !(status || error))
			continue;
		if (rc != -EAGAIN && rc != -EINTR)
			return rc;
		if (error)
			return -(int)error;
		if (!timeout)
			return -EAGAIN;
		rc = tg_wait(l->tg, -1, tg_left(deadline));
		if (rc < 0)
			return rc;
		if (!rc)
			return -ETIMEDOUT;
	}
}

/* ------------------------------------------------------------ data */

/* Gives the stream a run if it has none. */
static int tx_ready(struct tg_sock *s)
{
	struct front *front = &s->tg->front;
	uint32_t order = s->tg->cfg.tx_order, run;

	if (s->stream.tx_run != VTOE_RUN_NONE)
		return 0;
	do {
		run = arena_alloc(&front->tx_arena, order);
	} while (run == VTOE_RUN_NONE && order--);
	if (run == VTOE_RUN_NONE)
		return -ENOBUFS;
	front_tx_attach(&s->stream, run);
	return 0;
}

bool tg_trim(struct tg_sock *s)
{
	if (s->stream.tx_run == VTOE_RUN_NONE)
		return true;
	if (front_tx_used(&s->stream) != 0)
		return false;
	arena_free(&s->tg->front.tx_arena,
		   front_tx_attach(&s->stream, VTOE_RUN_NONE));
	return true;
}

ssize_t tg_send(struct tg_sock *s, const void *data, size_t len)
{
	struct vtoe_segment seg[2];
	uint32_t error, n, size;
	int rc, room;

	rc = front_status(&s->stream, &error);
	if (rc < 0)
		return rc;
	if (error)
		return -(int)error;
	if ((rc & VTOE_DOM0_HUP) || tg_wrote_fin(s))
		return -EPIPE;
	rc = tx_ready(s);
	if (rc)
		return rc;
	size = vtoe_run_size(s->stream.tx_run);
	room = front_tx_room(&s->stream);
	/* wait for a good part of the ring, not for a byte */
	if (!room && front_tx_arm(&s->stream, size / 2))
		room = front_tx_room(&s->stream);
	if (room <= 0)
		return room ? room : -EAGAIN;
	n = len < (size_t)room ? (uint32_t)len : (uint32_t)room;
	front_tx_segments(&s->stream, n, seg);
	memcpy(seg[0].data, data, seg[0].len);
	memcpy(seg[1].data, (const uint8_t *)data + seg[0].len, seg[1].len);
	front_tx_commit(&s->stream, n);
	tg_kick(s->tg);
	return (ssize_t)n;
}

int tg_send_all(struct tg_sock *s, const void *data, size_t len, int timeout)
{
	uint64_t deadline = tg_now_ms() + (uint64_t)timeout;
	const uint8_t *p = data;
	ssize_t n;
	int rc;

	while (len) {
		n = tg_send(s, p, len);
		if (n > 0) {
			p += n;
			len -= (size_t)n;
			continue;
		}
		if (n != -EAGAIN)
			return (int)n;
		rc = tg_wait(s->tg, -1, tg_left(deadline));
		if (rc <= 0)
			return rc ? rc : -ETIMEDOUT;
	}
	return 0;
}

ssize_t tg_recv(struct tg_sock *s, void *data, size_t len)
{
	struct vtoe_segment seg[2];
	uint32_t error, n;
	int status, avail;

again:
	status = front_status(&s->stream, &error);
	if (status < 0)
		return status;
	avail = front_rx_avail(&s->stream);
	if (avail < 0)
		return avail;
	if (!avail && error)
		return -(int)error;
	if (!avail && (status & (VTOE_DOM0_FIN | VTOE_DOM0_HUP)))
		return 0;
	if (!avail) {
		if (front_rx_arm(&s->stream, 0, 1))
			goto again;
		return -EAGAIN;
	}
	n = len < (size_t)avail ? (uint32_t)len : (uint32_t)avail;
	front_rx_segments(&s->stream, 0, n, seg);
	memcpy(data, seg[0].data, seg[0].len);
	memcpy((uint8_t *)data + seg[0].len, seg[1].data, seg[1].len);
	if (front_rx_consume(&s->stream, n))
		tg_kick(s->tg);
	return (ssize_t)n;
}

ssize_t tg_recv_wait(struct tg_sock *s, void *data, size_t len, int timeout)
{
	uint64_t deadline = tg_now_ms() + (uint64_t)timeout;
	ssize_t n;
	int rc;

	while ((n = tg_recv(s, data, len)) == -EAGAIN) {
		rc = tg_wait(s->tg, -1, tg_left(deadline));
		if (rc <= 0)
			return rc ? rc : -ETIMEDOUT;
	}
	return n;
}

int tg_recv_all(struct tg_sock *s, void *data, size_t len, int timeout)
{
	uint64_t deadline = tg_now_ms() + (uint64_t)timeout;
	uint8_t *p = data;
	ssize_t n;

	while (len) {
		n = tg_recv_wait(s, p, len, tg_left(deadline));
		if (n <= 0)
			return n ? (int)n : -ENODATA;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int tg_shutdown(struct tg_sock *s, int how)
{
	uint32_t flags = (how != SHUT_RD ? VTOE_GUEST_FIN : 0) |
			 (how != SHUT_WR ? VTOE_GUEST_SHUT_RD : 0);

	if (front_shutdown(&s->stream, flags))
		tg_kick(s->tg);
	return 0;
}

bool tg_wrote_fin(const struct tg_sock *s)
{
	return s->stream.flags & VTOE_GUEST_FIN;
}

/* ------------------------------------------------------------ options */

/* Room for a long value in the TX arena. */
static int option_run(struct tg *tg, struct vtoe_submission *cmd,
		      uint8_t **room)
{
	uint32_t run;

	if (cmd->u.option.len <= VTOE_OPT_INLINE) {
		*room = NULL;
		return 0;
	}
	run = arena_alloc(&tg->front.tx_arena, 0);
	if (run == VTOE_RUN_NONE)
		return -ENOBUFS;
	cmd->u.option.run = run;
	*room = tg->front.view.tx + (size_t)vtoe_run_page(run) * VTOE_PAGE_SIZE;
	return 0;
}

int tg_setopt(struct tg_sock *s, int level, int name, const void *value,
	      uint32_t len, int timeout)
{
	struct vtoe_submission cmd = {
		.op = VTOE_OP_SETOPT,
		.u.option = {
			.level = (uint16_t)level,
			.name = (uint16_t)name,
			.len = len,
		},
	};
	uint8_t *room;
	int rc = option_run(s->tg, &cmd, &room);

	if (rc)
		return rc;
	memcpy(room ? room : cmd.u.option.value, value, len);
	rc = call(s, &cmd, NULL, timeout);
	arena_free(&s->tg->front.tx_arena, cmd.u.option.run);
	return rc;
}

int tg_getopt(struct tg_sock *s, int level, int name, void *value,
	      uint32_t *len, int timeout)
{
	struct vtoe_submission cmd = {
		.op = VTOE_OP_GETOPT,
		.u.option = {
			.level = (uint16_t)level,
			.name = (uint16_t)name,
			.len = *len,
		},
	};
	struct vtoe_completion cqe;
	uint8_t *room;
	int rc = option_run(s->tg, &cmd, &room);

	if (rc)
		return rc;
	rc = call(s, &cmd, &cqe, timeout);
	if (!rc) {
		memcpy(value, room ? room : cqe.u.option.value,
		       cqe.u.option.len);
		*len = cqe.u.option.len;
	}
	arena_free(&s->tg->front.tx_arena, cmd.u.option.run);
	return rc;
}
