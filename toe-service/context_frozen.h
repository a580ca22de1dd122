/* SPDX-License-Identifier: GPL-2.0 */
/*
 * context_frozen.h - a stream that moves between stacks, seen as one of a driver.
 *
 * Theory of operation
 *
 * While a stream is in no stack, or not in one alone, its context has this "driver"
 * and a struct toe_conn of it, so that all operations of context.h stay what they are.
 *
 *	OUT	in the old stack, frozen. recv() and send() say -EAGAIN, as for
 *		the next two; options are kept here; a shutdown() is put down; close()
 *		leaves it to go on by itself, for what has been sent and has to arrive
 *	IN	saved here, and open in the new stack, but empty there
 *	ON	imported, frozen still
 *	WAITING	in the new stack; its listener's guest has not accepted it yet
 *	LIVE	in the new stack, but recv() has bytes here first, or the end of the
 *		stream. Else it is the new stack's: after the last byte this goes
 *	LOST	in no stack; error says why
 *
 * These are allocated when a move begins; without memory the stream is lost.
 */
#ifndef TOE_SERVICE_CONTEXT_FROZEN_H
#define TOE_SERVICE_CONTEXT_FROZEN_H

#include "context_parts.h"

enum frozen_step {
	FROZEN_OUT,
	FROZEN_IN,
	FROZEN_ON,
	FROZEN_WAITING,
	FROZEN_LIVE,
	FROZEN_LOST,
};

struct toe_conn {
	TAILQ_ENTRY(toe_conn) entry; /* in context_move: frozen, waiting */
	struct contexts *all;
	struct context *c; /* NULL: the guest has closed it, or not got it yet */
	struct context *listener; /* in whose queue it was; else NULL */
	int toe;
	enum frozen_step step;
	bool assisted; /* vtoed has done its part for this step */
	bool failed;   /* to be given up at the next step */
	uint8_t shut;  /* shutdown() that came meanwhile: its how + 1; 0: none */
	int error;     /* LOST: negative errno */
	const struct toe_driver *driver; /* OUT to LIVE: where it is */
	struct toe_conn *conn;
	struct toe_saved saved; /* from OUT on: addresses; from IN on: all */
	uint32_t in_read;	/* bytes of saved.in that were read */
	struct context_options options;
};

extern const struct toe_driver frozen_driver;

static inline bool context_is_frozen(const struct context *c)
{
	return c->driver == &frozen_driver;
}

/* Freeze a stream: OUT, and in the list. -ENOTCONN: it is over; -ENOMEM; or its stack
 * cannot. Then nothing has changed. */
int frozen_new(struct contexts *cs, struct context *c);
/* The same, of one that its guest has closed. -ENOENT: there is no more. */
int frozen_unfinished(struct contexts *cs, unsigned int toe);
/* The same, of the next one in a listener's queue. -EAGAIN: there is no more. */
int frozen_queued(struct contexts *cs, struct context *listener);
/* No step is left: the context gets what is left of it, or it goes. */
void frozen_live(struct toe_conn *f);
/* All that wait on a TOE context are frozen once more; how many. */
unsigned int frozen_waiting(struct contexts *cs, unsigned int toe);
/* It is lost, and the guest, if it is still there, is told. */
void frozen_lose(struct toe_conn *f, int error);

#endif /* TOE_SERVICE_CONTEXT_FROZEN_H */
