/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <string.h>

#include "context_parts.h"

static void note_remap(struct contexts *cs, struct context *c, uint32_t left)
{
	struct context_row *row = context_row_begin(cs, c->slot);

	context_row_place(cs, row, c->toe);
	row->remaps++;
	row->left = left;
	row->remapped_ns = cs->now_ns;
	context_row_end(cs, row);
	cs->table->counters.remaps++;
	context_tally(cs, c->toe, remapped);
}

/* The next context that is on a TOE context, from @slot on; NULL: no more. */
static struct context *next_on(struct contexts *cs, unsigned int toe,
			       uint32_t *slot)
{
	struct context *c;

	for (; *slot < cs->table->nr_rows; ++*slot) {
		c = &cs->context[*slot];
		if (c->conn && c->toe == (int8_t)toe) {
			++*slot;
			return c;
		}
	}
	return NULL;
}

/* What has a peer, and so cannot live without its address. */
static void reset_peers(struct contexts *cs, unsigned int toe)
{
	struct context *c;
	uint32_t slot = 0, state;

	while ((c = next_on(cs, toe, &slot)) != NULL) {
		state = cs->table->row[c->slot].state;
		if (context_is_stream(cs, c) && (state == CONTEXT_ESTABLISHED ||
					 state == CONTEXT_CLOSING))
			c->driver->reset(c->conn);
	}
}

/* What has no peer goes on where it can; its address may be gone, though. */
static void leave(struct contexts *cs, unsigned int toe, uint32_t left)
{
	struct context *c;
	uint32_t slot = 0;
	unsigned int i;

	for (i = 0; i < CONTEXT_TOES_MAX; i++)
		if (i != toe && cs->toe[i].stack == cs->toe[toe].stack)
			break;
	if (i == CONTEXT_TOES_MAX)
		return;
	while ((c = next_on(cs, toe, &slot)) != NULL) {
		context_put_on(cs, c, (int)i);
		note_remap(cs, c, left);
	}
}

static int add_toe(struct contexts *cs, unsigned int toe,
		   const struct contexts_place *to)
{
	const struct toe_driver *driver = toe_driver_find(to->driver);
	struct toe_stack *stack = driver ? contexts_find_stack(cs, driver) : NULL;

	if (!stack)
		return -EOPNOTSUPP;
	cs->toe[toe].driver = driver;
	cs->toe[toe].stack = stack;
	contexts_tell_link(cs, toe, to);
	contexts_set_place(cs, toe, to);
	return 0;
}

static int remove_toe(struct contexts *cs, unsigned int toe, uint32_t left)
{
	static const struct contexts_place nowhere = {.row = CONTEXTS_NO_TOE};

	reset_peers(cs, toe);
	leave(cs, toe, left);
	contexts_tell_link(cs, toe, &nowhere);
	contexts_set_place(cs, toe, &nowhere);
	/* driver and stack stay for what could not leave, if it was the last */
	if (contexts_several(cs))
		cs->toe[toe].driver = NULL;
	return 0;
}

static int set_toe(struct contexts *cs, unsigned int toe,
		   const struct contexts_place *to, uint32_t left)
{
	struct context *c;
	uint32_t slot = 0;
	int err;

	if (to->row == CONTEXTS_NO_TOE)
		return cs->toe[toe].driver ? remove_toe(cs, toe, left) : 0;
	if (!cs->toe[toe].driver)
		return add_toe(cs, toe, to);
	if (strcmp(cs->toe[toe].driver->name, to->driver))
		return -EOPNOTSUPP;
	if (cs->toe[toe].driver->stack_configure) {
		err = cs->toe[toe].driver->stack_configure(cs->toe[toe].stack,
							   to->settings);
		if (err)
			return err;
	}
	/* one that does not find its link has said so; the sockets wait */
	contexts_tell_link(cs, toe, to);
	contexts_set_place(cs, toe, to);
	while ((c = next_on(cs, toe, &slot)) != NULL) {
		c->driver->moved(c->conn);
		note_remap(cs, c, left);
	}
	return 0;
}

int contexts_set_toe(struct contexts *cs, unsigned int toe,
		     const struct contexts_place *to, uint32_t left)
{
	int err;

	if (toe >= CONTEXT_TOES_MAX)
		return -EINVAL;
	cs->toe[toe].given_up = false;
	err = set_toe(cs, toe, to, left);
	contexts_wake(cs);
	return err;
}

/* One connect() of the program's, on another TOE. */
static void connect_elsewhere(struct contexts *cs, struct context *c,
			      uint32_t left)
{
	const struct vtoe_addr *peer =
		&cs->table->row[c->slot].requested.remote;
	uint32_t among = context_may_be_on(cs, c, peer) &
			 ~(1u << (unsigned int)c->toe);
	int err;

	if (!c->placed || !among)
		return;
	c->driver->reset(c->conn);
	err = context_choose_toe(cs, c, peer, among);
	if (!err) {
		note_remap(cs, c, left);
		err = c->driver->connect(c->conn, peer);
	}
	if (err == -EINPROGRESS)
		return;
	c->error = (int16_t)err;
	cs->ready(cs->owner, c->slot, TOE_CONNECTED);
}

int contexts_lost(struct contexts *cs, unsigned int toe, uint32_t left,
		  bool reset)
{
	struct context *c;
	uint32_t slot = 0;

	if (toe >= CONTEXT_TOES_MAX || !cs->toe[toe].driver)
		return -EINVAL;
	while ((c = next_on(cs, toe, &slot)) != NULL)
		if (context_is_stream(cs, c) &&
		    cs->table->row[c->slot].state == CONTEXT_CONNECTING &&
		    !c->waits)
			connect_elsewhere(cs, c, left);
	if (reset)
		reset_peers(cs, toe);
	cs->toe[toe].given_up = reset;
	contexts_wake(cs);
	return 0;
}
