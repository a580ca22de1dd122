/* SPDX-License-Identifier: GPL-2.0 */
/*
 * run.c - runs of the RX arena: who has one, and taking them back.
 *
 * A slot gets a run when there is something to put into it. It loses it when
 * the ring has been empty from one sweep to the next, at once if somebody else
 * finds the arena short, and when it ends. The sweep's timer runs only while
 * runs are out. Who finds no run at all waits in a list, first come first
 * served. Some pages are kept for listeners: connections whose bytes nobody
 * reads must not keep new ones from being accepted.
 */
#include "worker.h"

#define SWEEP_NS (500 * 1000000ull) /* empty for this to twice this: taken */
/* While somebody waits: the guest does not tell when a ring gets empty. */
#define SWEEP_SHORT_NS (10 * 1000000ull)
/* One run may take this part of what is free, so that all get something. */
#define SHARE 8
/* Kept for listeners: this part of the arena, and no more pages than this. */
#define RESERVE_SHARE 16
#define RESERVE_MAX   64u

static void account(struct worker *w)
{
	w->counters->rx_pages_used = w->rx_arena.nr_pages - w->rx_arena.nr_free;
}

static void publish(struct worker *w, struct slot *s, uint32_t run)
{
	s->rx_run = run;
	vtoe_store(&slot_shared(w, s)->dom0.rx_run, run);
	account(w);
}

/* Somebody who waits may try again. */
static void wake_waiting(struct worker *w)
{
	struct slot *s = TAILQ_FIRST(&w->waiting);

	if (!s)
		return;
	TAILQ_REMOVE(&w->waiting, s, wait);
	s->flags &= ~SLOT_WAITING;
	slot_activate(w, s);
}

void run_detach(struct worker *w, struct slot *s)
{
	uint32_t run = s->rx_run;

	if (run == VTOE_RUN_NONE)
		return;
	publish(w, s, VTOE_RUN_NONE);
	arena_free(&w->rx_arena, run);
	account(w);
	TAILQ_REMOVE(&w->holders, s, holder);
	wake_waiting(w);
}

/* Take back runs of empty rings: idle ones, or all. */
static int take_back(struct worker *w, bool all)
{
	struct slot *s, *next;
	int used;

	for (s = TAILQ_FIRST(&w->holders); s; s = next) {
		next = TAILQ_NEXT(s, holder);
		used = rx_used(w, s);
		if (used < 0)
			return used;
		if (!used && (all || s->rx_mark == s->rx_prod)) {
			s->rx_order = RX_ORDER_FIRST;
			s->flags &= ~SLOT_GROW;
			run_detach(w, s);
		}
		s->rx_mark = s->rx_prod;
	}
	return 0;
}

/* Pages that a slot may take from now. */
static uint32_t free_for(const struct worker *w, const struct slot *s)
{
	uint32_t reserve = w->rx_arena.nr_pages / RESERVE_SHARE;

	if (s->state == SLOT_LISTENING)
		return w->rx_arena.nr_free;
	if (reserve > RESERVE_MAX)
		reserve = RESERVE_MAX;
	return w->rx_arena.nr_free > reserve ? w->rx_arena.nr_free - reserve
					     : 0;
}

/* The best that there is: @order, or less, but not below @least. */
static uint32_t take(struct worker *w, const struct slot *s, uint32_t order,
		     uint32_t least)
{
	uint32_t nr_free = free_for(w, s), run;

	while (order > least && (1u << order) > nr_free / SHARE)
		order--;
	if ((1u << order) > nr_free)
		return VTOE_RUN_NONE;
	for (;;) {
		run = arena_alloc(&w->rx_arena, order);
		if (run != VTOE_RUN_NONE || order <= least)
			return run;
		order--;
	}
}

static bool wait_for_run(struct worker *w, struct slot *s)
{
	w->counters->runs_failed++;
	if (!(s->flags & SLOT_WAITING)) {
		s->flags |= SLOT_WAITING;
		TAILQ_INSERT_TAIL(&w->waiting, s, wait);
	}
	if (!w->sweep_ns || w->sweep_ns > w->now_ns + SWEEP_SHORT_NS)
		w->sweep_ns = w->now_ns + SWEEP_SHORT_NS;
	return false;
}

bool run_attach(struct worker *w, struct slot *s, uint32_t order)
{
	uint32_t old = s->rx_run, run;

	if (old) {
		if (order <= vtoe_run_order(old))
			return true;
		run = take(w, s, order, vtoe_run_order(old) + 1);
		if (run == VTOE_RUN_NONE)
			return true; /* what it has will do */
		publish(w, s, run);
		arena_free(&w->rx_arena, old);
		account(w);
		return true;
	}
	run = take(w, s, order, 0);
	if (run == VTOE_RUN_NONE && !(s->flags & SLOT_WAITING) &&
	    TAILQ_EMPTY(&w->waiting)) {
		/* the first to find it short; the others wait for the sweep */
		if (take_back(w, true))
			return false;
		run = take(w, s, order, 0);
	}
	if (run == VTOE_RUN_NONE)
		return wait_for_run(w, s);
	if (s->flags & SLOT_WAITING) {
		TAILQ_REMOVE(&w->waiting, s, wait);
		s->flags &= ~SLOT_WAITING;
	}
	publish(w, s, run);
	s->rx_mark = s->rx_prod - 1; /* not idle at the next sweep */
	TAILQ_INSERT_TAIL(&w->holders, s, holder);
	if (!w->sweep_ns)
		w->sweep_ns = w->now_ns + SWEEP_NS;
	return true;
}

int run_sweep(struct worker *w)
{
	bool pressed = !TAILQ_EMPTY(&w->waiting);
	int err = take_back(w, pressed);

	if (w->rx_arena.nr_free)
		wake_waiting(w);
	if (TAILQ_EMPTY(&w->holders) && TAILQ_EMPTY(&w->waiting))
		w->sweep_ns = 0;
	else
		w->sweep_ns =
			w->now_ns +
			(TAILQ_EMPTY(&w->waiting) ? SWEEP_NS : SWEEP_SHORT_NS);
	return err;
}
