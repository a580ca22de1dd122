/* SPDX-License-Identifier: GPL-2.0 */
/*
 * context_wait.c - connections that wait for a TOE context to have a link again.
 *
 * When a netdev goes, the guest's link on it goes at once, and its address with
 * it. vtoed hears of that a little later, and then makes a link on another TOE,
 * waits for one as the entry's on-loss says, or gives the TOE context up. What
 * connects meanwhile would fail for a reason that is none a moment later: it
 * waits for what vtoed will do, too.
 */
#include <errno.h>

#include "context_parts.h"

static bool has_lost(const struct contexts *cs, unsigned int toe,
		     const struct toe_address *own)
{
	const struct context_toe *t = &cs->toe[toe];
	struct toe_conn *conn;
	int err;

	if (!own->addr.family ||
	    t->driver->open(t->stack, own->addr.family, VTOE_STREAM, NULL,
			    &conn))
		return false;
	err = t->driver->bind(conn, &own->addr);
	t->driver->close(conn, TOE_CLOSE_ABORT);
	return err == -EADDRNOTAVAIL;
}

/*
 * Its address may be on the new link by then, of which this worker does not know: the
 * TOE itself is no more what it was, and vtoed has yet to say what follows.
 */
static bool is_left(const struct contexts *cs, unsigned int toe)
{
	const struct place_candidate *is = &cs->candidate[toe];
	struct toe_row row;

	if (place_row_read(cs->toes, is->row, &row))
		return false;
	return row.generation != is->generation || row.state == TOE_GONE;
}

bool contexts_await_link(const struct contexts *cs, uint32_t among)
{
	unsigned int i;

	for (i = 0; i < CONTEXT_TOES_MAX; i++)
		if (cs->toe[i].driver && (among & 1u << i) &&
		    !cs->toe[i].given_up &&
		    (is_left(cs, i) || has_lost(cs, i, &cs->toe[i].ip) ||
		     has_lost(cs, i, &cs->toe[i].ip6)))
			return true;
	return false;
}

bool context_may_wait(const struct contexts *cs, const struct context *c,
		      const struct vtoe_addr *peer, int err)
{
	if (err != -ENETDOWN && err != -ENETUNREACH && err != -EADDRNOTAVAIL)
		return false;
	return context_is_stream(cs, c) &&
	       contexts_await_link(cs, context_reach(cs, peer));
}

void context_wait(struct contexts *cs, struct context *c, bool wait)
{
	if (wait == c->waits)
		return;
	c->waits = wait;
	cs->nr_waiting += wait ? 1 : -1;
}

static void try_again(struct contexts *cs, struct context *c)
{
	const struct vtoe_addr *peer =
		&cs->table->row[c->slot].requested.remote;
	struct context_row *row;
	int err = context_start_connect(cs, c, peer);

	if (context_may_wait(cs, c, peer, err))
		return;
	context_wait(cs, c, false);
	row = context_row_begin(cs, c->slot);
	context_row_place(cs, row, c->toe);
	context_row_end(cs, row);
	context_tell_attempt(cs, c, err);
}

void contexts_wake(struct contexts *cs)
{
	uint32_t slot;

	for (slot = 0; cs->nr_waiting && slot < cs->table->nr_rows; slot++)
		if (cs->context[slot].conn && cs->context[slot].waits)
			try_again(cs, &cs->context[slot]);
}
