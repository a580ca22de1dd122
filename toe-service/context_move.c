/* SPDX-License-Identifier: GPL-2.0 */
/*
 * context_move.c - a TOE context goes to a TOE of another driver.
 *
 * Theory of operation
 *
 * When the worker is told, the old link is gone already, or is about to be told so;
 * the new one is there, and its stack does not hear it yet. Then
 *
 *	1  streams with a peer are frozen, and the old stack loses its link
 *	2  they are exported, and closed in the old stack	(step OUT)
 *	3  the TOE context has the new stack; what has no peer is made again there, as
 *	   requested: first, because a port that a listener shares with what it has
 *	   accepted can be bound by the listener first only
 *	4  streams are imported					(step IN)
 *	5  the new link hears (arrived()), and they are thawed	(step ON)
 *
 * Before 2, 4 and the thaw a driver may need vtoed's assistance with each stream's
 * descriptor, which comes by messages; until all have it, the step waits, and the
 * worker does other things. There is one move at a time; what is said meanwhile of
 * where TOE contexts are is done afterwards. If vtoed goes, the next one is asked
 * again; if it has the TOE context elsewhere, that is another move.
 *
 * What waits in a listener's queue is accepted before, goes along, and waits here for
 * the guest (step WAITING). One that the guest has closed, and that its stack alone is
 * finishing, goes along if the stack gives it back; the kernel does not, and its peer
 * is reset when it sends something.
 *
 * A stream for which something fails is reset, as if its TOE were lost. Another socket
 * that cannot be made again, because its port is taken there, stays on the old stack,
 * which has no link any more. Both are counted.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "context_frozen.h"

/* All that are at a step, which may leave the list or get to the next step. */
#define FOREACH_AT(f, next, cs, at)                                     \
	for ((f) = TAILQ_FIRST(&(cs)->move.frozen);                     \
	     (f) && ((next) = TAILQ_NEXT(f, entry), 1); (f) = (next))   \
		if ((f)->step == (at))

static void count(uint64_t *counter)
{
	vtoe_store(counter, *counter + 1);
}

static void give_up(struct contexts *cs, struct toe_conn *f)
{
	if (f->c || !f->failed) /* else the guest has given it up */
		count(&cs->table->counters.moves_failed);
	frozen_lose(f, -ECONNRESET);
}

/* ---- 1: freezing ---- */

static bool is_moving(const struct context *c)
{
	return context_is_frozen(c) && c->conn->step < FROZEN_WAITING;
}

/* Those that the guest has not accepted yet; how many. */
static unsigned int freeze_queue(struct contexts *cs, struct context *c)
{
	unsigned int nr = 0;

	while (!frozen_queued(cs, c))
		nr++;
	return nr;
}

/* How many there were that had not been frozen before. */
static unsigned int freeze_all(struct contexts *cs, unsigned int toe)
{
	unsigned int nr = frozen_waiting(cs, toe);
	struct context *c;
	uint32_t slot = 0;
	int err;

	while ((c = contexts_next_on(cs, toe, &slot)) != NULL) {
		if (cs->table->row[c->slot].state == CONTEXT_LISTENING)
			nr += freeze_queue(cs, c);
		if (!context_has_peer(cs, c) || is_moving(c))
			continue;
		err = frozen_new(cs, c);
		nr += !err;
		if (!err || err == -ENOTCONN)
			continue; /* what is over stays as it is */
		count(&cs->table->counters.moves_failed);
		c->driver->reset(c->conn);
	}
	return nr;
}

/* ---- 2: out ---- */

/* What the guest has not read yet stays in front of what its stack had. */
static int join_received(const struct toe_conn *f, struct toe_saved *saved)
{
	uint32_t left = f->saved.in_len - f->in_read;
	uint8_t *both;

	if (!left)
		return 0;
	both = malloc((size_t)left + saved->in_len);
	if (!both)
		return -ENOMEM;
	memcpy(both, f->saved.in + f->in_read, left);
	if (saved->in_len)
		memcpy(both + left, saved->in, saved->in_len);
	free(saved->in);
	saved->in = both;
	saved->in_len += left;
	return 0;
}

static int take(struct toe_conn *f)
{
	struct toe_saved saved = {.family = f->saved.family,
				  .local = f->saved.local,
				  .remote = f->saved.remote};
	int err = f->driver->export(f->conn, &saved);

	if (err)
		return err;
	saved.eof |= f->saved.eof; /* the stack may not know */
	err = join_received(f, &saved);
	if (err) {
		free(saved.in);
		free(saved.out);
		return err;
	}
	free(f->saved.in);
	f->saved = saved;
	f->in_read = 0;
	return 0;
}

static void take_out(struct contexts *cs)
{
	struct toe_conn *f, *next;

	FOREACH_AT(f, next, cs, FROZEN_OUT) {
		if (f->failed || take(f)) {
			give_up(cs, f);
			continue;
		}
		f->driver->close(f->conn, TOE_CLOSE_ABORT);
		f->conn = NULL;
		f->assisted = false;
		f->step = FROZEN_IN;
	}
}

/* ---- 3: the new stack ---- */

static void resume(struct contexts *cs, struct context *c, int toe)
{
	bool connecting = cs->table->row[c->slot].state == CONTEXT_CONNECTING;
	int err;

	context_wait(cs, c, false);
	if (connecting)
		c->driver->reset(c->conn);
	err = context_resume_on(cs, c, toe);
	if (err && err != -EINPROGRESS)
		count(&cs->table->counters.moves_failed);
	if (connecting)
		context_tell_attempt(cs, c, err);
}

static bool resumes(const struct contexts *cs, const struct context *c)
{
	uint32_t state = cs->table->row[c->slot].state;

	return !context_is_frozen(c) && c->driver != cs->toe[c->toe].driver &&
	       state != CONTEXT_FAILED && !context_has_peer(cs, c);
}

static void change_stack(struct contexts *cs, unsigned int toe)
{
	const struct contexts_place *to = &cs->move.to;
	struct context *c;
	uint32_t slot = 0;

	cs->toe[toe].driver = toe_driver_find(to->driver);
	cs->toe[toe].stack = contexts_find_stack(cs, cs->toe[toe].driver);
	contexts_tell_link(cs, toe, to);
	contexts_set_place(cs, toe, to);
	while ((c = contexts_next_on(cs, toe, &slot)) != NULL) {
		context_note_remap(cs, c, cs->move.left);
		if (resumes(cs, c))
			resume(cs, c, (int)toe);
	}
}

static void open_new(struct contexts *cs, unsigned int toe)
{
	struct toe_conn *f, *next;

	for (f = TAILQ_FIRST(&cs->move.frozen); f; f = next) {
		next = TAILQ_NEXT(f, entry);
		f->driver = cs->toe[toe].driver;
		if (!f->driver->import ||
		    f->driver->open(cs->toe[toe].stack, f->saved.family,
				    VTOE_STREAM, f->c ? f->c : &cs->nobody,
				    &f->conn))
			give_up(cs, f);
	}
}

/* ---- 4, 5: in, and on ---- */

static void put_in(struct contexts *cs)
{
	struct toe_conn *f, *next;

	FOREACH_AT(f, next, cs, FROZEN_IN) {
		if (f->failed || f->driver->import(f->conn, &f->saved)) {
			give_up(cs, f);
			continue;
		}
		f->assisted = false;
		f->step = FROZEN_ON;
	}
}

static void thaw(struct contexts *cs)
{
	struct toe_conn *f, *next;

	FOREACH_AT(f, next, cs, FROZEN_ON) {
		if (f->failed || f->driver->thaw(f->conn, &f->saved)) {
			give_up(cs, f);
			continue;
		}
		context_options_apply(f->driver, f->conn, &f->options);
		if (f->shut)
			f->driver->shutdown(f->conn, f->shut - 1);
		f->shut = 0;
		count(&cs->table->counters.moves);
		frozen_live(f);
	}
}

/* ---- assistance ---- */

static bool wants_assistance(const struct contexts *cs,
			     const struct toe_conn *f)
{
	return (int)f->step == cs->move.step && !f->assisted && !f->failed &&
	       f->driver->assist;
}

/* The next of those that want it; true if there is any. */
static bool ask(struct contexts *cs)
{
	struct context_move *move = &cs->move;
	struct context_assist ask = {
		.what = move->step == FROZEN_ON ? TOE_ASSIST_THAW
						: TOE_ASSIST_FREEZE};
	struct toe_conn *f;

	TAILQ_FOREACH(f, &move->frozen, entry) {
		if (ask.nr == CONTEXT_ASSIST_MAX)
			break;
		if (!wants_assistance(cs, f))
			continue;
		ask.driver = f->driver->name;
		move->asked[ask.nr] = f;
		ask.fd[ask.nr++] = f->driver->assist(f->conn);
	}
	move->nr_asked = ask.nr;
	ask.id = ++move->ask_id;
	if (ask.nr)
		cs->move_ops->assist(cs->owner, (unsigned int)move->toe, &ask);
	return ask.nr;
}

/* ---- the steps ---- */

static void end(struct contexts *cs)
{
	struct context_later *later;
	unsigned int toe = (unsigned int)cs->move.toe, i;

	cs->move.toe = -1;
	if (!cs->move.later[toe].due)
		cs->move_ops->settled(cs->owner, toe);
	for (i = 0; i < CONTEXT_TOES_MAX && !contexts_moving(cs); i++) {
		later = &cs->move.later[i];
		if (!later->due)
			continue;
		later->due = false;
		if (!contexts_set_toe(cs, i, &later->to, later->left))
			cs->move_ops->settled(cs->owner, i);
	}
	if (!contexts_moving(cs))
		contexts_wake(cs);
}

static void step(struct contexts *cs)
{
	unsigned int toe = (unsigned int)cs->move.toe;

	switch (cs->move.step++) {
	case FROZEN_OUT:
		take_out(cs);
		change_stack(cs, toe);
		open_new(cs, toe);
		break;
	case FROZEN_IN:
		put_in(cs);
		cs->move_ops->arrived(cs->owner, toe);
		break;
	default:
		thaw(cs);
		end(cs);
	}
}

static void go_on(struct contexts *cs)
{
	while (contexts_moving(cs) && !ask(cs)) {
		/* some may have been accepted while vtoed was asked */
		if (cs->move.step == FROZEN_OUT &&
		    freeze_all(cs, (unsigned int)cs->move.toe))
			continue;
		step(cs);
	}
}

void contexts_assisted(struct contexts *cs, uint32_t id, const int16_t *result,
		       unsigned int nr)
{
	struct context_move *move = &cs->move;
	unsigned int i;

	if (!nr || id != move->ask_id || nr != move->nr_asked)
		return;
	for (i = 0; i < nr; i++) {
		move->asked[i]->assisted = !result[i];
		move->asked[i]->failed |= result[i] != 0;
	}
	move->nr_asked = 0;
	go_on(cs);
}

/* ---- beginning ---- */

int contexts_move(struct contexts *cs, unsigned int toe,
		  const struct contexts_place *to, uint32_t left)
{
	const struct toe_driver *driver = toe_driver_find(to->driver);
	const struct toe_link gone = {.index = toe};

	if (!driver || !contexts_find_stack(cs, driver))
		return -EOPNOTSUPP;
	cs->move.toe = (int)toe;
	cs->move.step = FROZEN_OUT;
	cs->move.to = *to;
	cs->move.left = left;
	freeze_all(cs, toe);
	while (!frozen_unfinished(cs, toe))
		;
	cs->toe[toe].driver->stack_link(cs->toe[toe].stack, &gone);
	go_on(cs);
	return -EINPROGRESS;
}

void contexts_ask_again(struct contexts *cs)
{
	if (!contexts_moving(cs))
		return;
	if (cs->move.step == FROZEN_ON)
		cs->move_ops->arrived(cs->owner, (unsigned int)cs->move.toe);
	go_on(cs);
}

static bool same_place(const struct contexts_place *a,
		       const struct contexts_place *b)
{
	return a->row == b->row && a->generation == b->generation &&
	       !memcmp(&a->ip, &b->ip, sizeof(a->ip)) &&
	       !memcmp(&a->ip6, &b->ip6, sizeof(a->ip6)) &&
	       !memcmp(&a->routes, &b->routes, sizeof(a->routes));
}

int contexts_set_toe_later(struct contexts *cs, unsigned int toe,
			   const struct contexts_place *to, uint32_t left)
{
	struct context_later *later = &cs->move.later[toe];

	if ((int)toe == cs->move.toe && same_place(to, &cs->move.to)) {
		later->due = false; /* it is on its way there */
		return -EINPROGRESS;
	}
	*later = (struct context_later){.due = true, .to = *to, .left = left};
	return -EINPROGRESS;
}
