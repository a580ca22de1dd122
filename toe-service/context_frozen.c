/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "context_frozen.h"

static bool is_moving(const struct toe_conn *f)
{
	return f->step < FROZEN_WAITING;
}

static void tell(struct toe_conn *f, unsigned int events)
{
	f->all->ready(f->all->owner, f->c->slot, events);
}

static void leave_list(struct toe_conn *f)
{
	if (is_moving(f))
		TAILQ_REMOVE(&f->all->move.frozen, f, entry);
	else if (f->step == FROZEN_WAITING)
		TAILQ_REMOVE(&f->all->move.waiting, f, entry);
}

static void begin(struct toe_conn *f)
{
	f->step = FROZEN_OUT;
	f->assisted = false;
	TAILQ_INSERT_TAIL(&f->all->move.frozen, f, entry);
}

static void dispose(struct toe_conn *f)
{
	free(f->saved.in);
	free(f->saved.out);
	free(f);
}

/* ---- life ---- */

static struct toe_conn *without_context(struct contexts *cs, int toe)
{
	struct toe_conn *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->all = cs;
	f->toe = toe;
	return f;
}

static struct toe_conn *wrap(struct contexts *cs, struct context *c)
{
	const struct context_row *row = &cs->table->row[c->slot];
	struct toe_conn *f = without_context(cs, c->toe);

	if (!f)
		return NULL;
	f->c = c;
	f->driver = c->driver;
	f->conn = c->conn;
	f->saved.family = row->requested.family;
	f->saved.local = row->resolved.local;
	f->saved.remote = row->resolved.remote;
	return f;
}

static int freeze(const struct toe_conn *f)
{
	if (f->step == FROZEN_LOST)
		return -ENOTCONN;
	return f->driver->freeze ? f->driver->freeze(f->conn) : -EOPNOTSUPP;
}

int frozen_new(struct contexts *cs, struct context *c)
{
	struct toe_conn *f = context_is_frozen(c) ? c->conn : wrap(cs, c);
	int err = f ? freeze(f) : -ENOMEM;

	if (err) {
		if (f && f != c->conn)
			dispose(f);
		return err;
	}
	context_options_read(f->driver, f->conn, &f->options);
	begin(f);
	c->driver = &frozen_driver;
	c->conn = f;
	return 0;
}

/* Freezes what is no context's. */
static int adopt(struct toe_conn *f)
{
	if (f->driver->freeze(f->conn)) { /* it has just ended */
		f->driver->close(f->conn, TOE_CLOSE_ABORT);
		dispose(f);
		return 0;
	}
	context_options_read(f->driver, f->conn, &f->options);
	begin(f);
	return 0;
}

int frozen_unfinished(struct contexts *cs, unsigned int toe)
{
	const struct toe_driver *driver = cs->toe[toe].driver;
	struct toe_conn *f = driver->unfinished ? without_context(cs, (int)toe)
						: NULL;
	int err;

	if (!f)
		return -ENOENT;
	f->driver = driver;
	err = driver->unfinished(cs->toe[toe].stack, toe, &cs->nobody, &f->conn,
				 &f->saved);
	if (!err)
		return adopt(f);
	dispose(f);
	return err;
}

int frozen_queued(struct contexts *cs, struct context *listener)
{
	struct toe_conn *f = listener->driver->freeze
				     ? without_context(cs, listener->toe)
				     : NULL;
	int err;

	if (!f)
		return -EAGAIN;
	f->driver = listener->driver;
	f->listener = listener;
	f->saved.family = cs->table->row[listener->slot].requested.family;
	err = f->driver->accept(listener->conn, &cs->nobody, &f->conn,
				&f->saved.remote);
	if (err) {
		dispose(f);
		return err;
	}
	f->driver->local(f->conn, &f->saved.local);
	/* the listener may have another TOE context's, too */
	f->toe = context_find_local(cs, f->toe, &f->saved.local);
	return adopt(f);
}

unsigned int frozen_waiting(struct contexts *cs, unsigned int toe)
{
	struct toe_conn *f, *next;
	unsigned int nr = 0;

	for (f = TAILQ_FIRST(&cs->move.waiting); f; f = next) {
		next = TAILQ_NEXT(f, entry);
		if (f->toe != (int)toe)
			continue;
		leave_list(f);
		adopt(f);
		nr++;
	}
	return nr;
}

/* ---- waiting to be accepted ---- */

static void wait_for_guest(struct toe_conn *f)
{
	struct contexts *cs = f->all;

	f->step = FROZEN_WAITING;
	TAILQ_INSERT_TAIL(&cs->move.waiting, f, entry);
	cs->ready(cs->owner, f->listener->slot, TOE_READABLE);
}

struct toe_conn *contexts_next_waiting(const struct contexts *cs,
				       const struct context *listener)
{
	struct toe_conn *f;

	TAILQ_FOREACH(f, &cs->move.waiting, entry)
		if (f->listener == listener)
			return f;
	return NULL;
}

int contexts_toe_of_waiting(const struct toe_conn *f)
{
	return f->toe;
}

void contexts_take_waiting(struct context *c, struct toe_conn *f,
			   struct vtoe_addr *peer)
{
	*peer = f->saved.remote;
	leave_list(f);
	f->step = FROZEN_LIVE;
	f->listener = NULL;
	f->c = c;
	f->driver->own(f->conn, c);
	c->driver = &frozen_driver;
	c->conn = f;
}

void contexts_drop_waiting(struct contexts *cs, const struct context *listener)
{
	struct toe_conn *f, *next;

	for (f = TAILQ_FIRST(&cs->move.waiting); f; f = next) {
		next = TAILQ_NEXT(f, entry);
		if (f->listener == listener)
			frozen_lose(f, -ECONNRESET);
	}
	TAILQ_FOREACH(f, &cs->move.frozen, entry) {
		if (f->listener != listener)
			continue;
		f->listener = NULL;
		f->failed = true;
	}
}

void contexts_tell_waiting(struct contexts *cs, unsigned int toe, bool reset)
{
	struct toe_conn *f;

	TAILQ_FOREACH(f, &cs->move.waiting, entry) {
		if (f->toe != (int)toe)
			continue;
		if (reset)
			f->driver->reset(f->conn);
		else
			f->driver->moved(f->conn);
	}
}

/* ---- the end of a move ---- */

static bool has_more(const struct toe_conn *f)
{
	return f->in_read < f->saved.in_len || f->saved.eof;
}

/* The context is the stack's alone. */
static void unwrap(struct toe_conn *f)
{
	f->c->driver = f->driver;
	f->c->conn = f->conn;
	dispose(f);
}

void frozen_live(struct toe_conn *f)
{
	struct contexts *cs = f->all;
	uint32_t slot;

	leave_list(f);
	f->step = FROZEN_LIVE;
	free(f->saved.out);
	f->saved.out = NULL;
	if (f->listener) {
		wait_for_guest(f);
		return;
	}
	if (!f->c) {
		f->driver->close(f->conn, 0);
		dispose(f);
		return;
	}
	slot = f->c->slot;
	if (!has_more(f))
		unwrap(f);
	cs->ready(cs->owner, slot,
		  TOE_READABLE | TOE_WRITABLE | TOE_UNTIL_AGAIN);
}

void frozen_lose(struct toe_conn *f, int error)
{
	if (f->conn)
		f->driver->close(f->conn, TOE_CLOSE_ABORT);
	f->conn = NULL;
	leave_list(f);
	f->step = FROZEN_LOST;
	f->error = error;
	if (f->c)
		tell(f, TOE_READABLE | TOE_WRITABLE | TOE_UNTIL_AGAIN |
				TOE_HUP);
	else
		dispose(f);
}

/* ---- what a stream can be asked ---- */

static uint32_t give(struct toe_conn *f, const struct iovec *iov)
{
	uint32_t n = f->saved.in_len - f->in_read;

	if (n > iov->iov_len)
		n = (uint32_t)iov->iov_len;
	memcpy(iov->iov_base, f->saved.in + f->in_read, n);
	f->in_read += n;
	return n;
}

static ssize_t frozen_recv(struct toe_conn *f, const struct iovec *iov,
			   int iovcnt)
{
	ssize_t n = 0;
	int i;

	if (is_moving(f))
		return -EAGAIN;
	if (f->step == FROZEN_LOST)
		return f->error;
	for (i = 0; i < iovcnt && f->in_read < f->saved.in_len; i++)
		n += give(f, &iov[i]);
	if (n || f->saved.eof)
		return n;
	n = f->driver->recv(f->conn, iov, iovcnt);
	unwrap(f);
	return n;
}

static ssize_t frozen_send(struct toe_conn *f, const struct iovec *iov,
			   int iovcnt)
{
	if (is_moving(f))
		return -EAGAIN;
	if (f->step == FROZEN_LOST)
		return f->error;
	return f->driver->send(f->conn, iov, iovcnt);
}

static int frozen_hold(struct toe_conn *f, int on)
{
	return f->step == FROZEN_LIVE ? f->driver->hold(f->conn, on) : 0;
}

static void frozen_moved(struct toe_conn *f)
{
	if (f->step == FROZEN_LIVE)
		f->driver->moved(f->conn);
}

static void frozen_reset(struct toe_conn *f)
{
	if (f->step == FROZEN_LIVE)
		f->driver->reset(f->conn);
	else
		f->failed = true;
}

static int frozen_shutdown(struct toe_conn *f, int how)
{
	int err;

	if (is_moving(f)) {
		f->shut = (uint8_t)(how + 1);
		return 0;
	}
	if (f->step == FROZEN_LOST)
		return f->error;
	err = f->driver->shutdown(f->conn, how);
	/* the stack may not know that the other direction has ended */
	if (f->saved.eof)
		tell(f, TOE_READABLE | TOE_UNTIL_AGAIN | TOE_HUP);
	return err;
}

static void frozen_close(struct toe_conn *f, unsigned int flags)
{
	if (is_moving(f)) {
		/* what is on its way arrives; vtoed may have its descriptor */
		f->c = NULL;
		f->failed |= flags & TOE_CLOSE_ABORT;
		return;
	}
	if (f->step == FROZEN_LIVE)
		f->driver->close(f->conn, flags);
	dispose(f);
}

static int frozen_error(struct toe_conn *f)
{
	int error = f->error;

	if (f->step == FROZEN_LIVE)
		return f->driver->error(f->conn);
	if (error)
		f->error = -ENOTCONN; /* it is taken, and it stays over */
	return error;
}

static int frozen_unsent(struct toe_conn *f)
{
	if (f->step == FROZEN_LIVE)
		return f->driver->unsent(f->conn);
	return f->step == FROZEN_LOST ? f->error : 1; /* look again */
}

static int frozen_local(struct toe_conn *f, struct vtoe_addr *addr)
{
	*addr = f->saved.local;
	return 0;
}

static int frozen_setopt(struct toe_conn *f, int level, int name,
			 const void *value, uint32_t len)
{
	if (f->step == FROZEN_LIVE)
		return f->driver->setopt(f->conn, level, name, value, len);
	return context_options_set(&f->options, level, name, value, len);
}

static int frozen_getopt(struct toe_conn *f, int level, int name, void *value,
			 uint32_t *len)
{
	if (f->step == FROZEN_LIVE)
		return f->driver->getopt(f->conn, level, name, value, len);
	return context_options_get(&f->options, level, name, value, len);
}

/* ---- what it cannot ---- */

static int frozen_addr(struct toe_conn *f, const struct vtoe_addr *addr)
{
	(void)f;
	(void)addr;
	return -EISCONN;
}

static int frozen_listen(struct toe_conn *f, unsigned int backlog)
{
	(void)f;
	(void)backlog;
	return -EINVAL;
}

static int frozen_connected(struct toe_conn *f)
{
	return f->error;
}

static int frozen_accept(struct toe_conn *f, void *user, struct toe_conn **conn,
			 struct vtoe_addr *peer)
{
	(void)f;
	(void)user;
	(void)conn;
	(void)peer;
	return -EINVAL;
}

/* Streams only: no datagrams, and an instance there is none. */
const struct toe_driver frozen_driver = {
	.name = "frozen",
	.bind = frozen_addr,
	.listen = frozen_listen,
	.use_address = frozen_addr,
	.connect = frozen_addr,
	.connected = frozen_connected,
	.accept = frozen_accept,
	.recv = frozen_recv,
	.send = frozen_send,
	.hold = frozen_hold,
	.moved = frozen_moved,
	.reset = frozen_reset,
	.shutdown = frozen_shutdown,
	.close = frozen_close,
	.error = frozen_error,
	.unsent = frozen_unsent,
	.local = frozen_local,
	.setopt = frozen_setopt,
	.getopt = frozen_getopt,
};
