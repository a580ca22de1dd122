/* SPDX-License-Identifier: GPL-2.0 */
/* slot.c - a slot's life, and who looks at it when. */
#include <errno.h>
#include <string.h>

#include "worker.h"

#define RETRY_NS (100 * 1000000ull) /* no descriptors, or a bad engine */

int slot_check_empty(struct worker *w, uint32_t slot, uint32_t gen)
{
	const struct vtoe_slot_guest *shared;
	const struct slot *s;
	unsigned int i;

	if (slot >= w->view.geo.nr_slots)
		return worker_break(w, "slot %u of %u", slot,
				    w->view.geo.nr_slots);
	s = &w->slot[slot];
	if (s->state != SLOT_FREE)
		return worker_break(w, "slot %u is in use already", slot);
	if (!gen || gen == s->gen)
		return worker_break(w, "slot %u: generation %u is not new",
				    slot, gen);
	shared = &w->view.slots[slot].guest;
	if (vtoe_load_acquire(&shared->gen) != gen)
		return worker_break(w, "slot %u is not stamped with %u", slot,
				    gen);
	for (i = 0; i < sizeof(shared->zero) / sizeof(shared->zero[0]); i++)
		if (vtoe_load(&shared->zero[i]))
			return worker_break(
				w, "slot %u: nonzero reserved field", slot);
	return 0;
}

void slot_serve(struct worker *w, struct slot *s, uint32_t gen,
		enum slot_state state)
{
	struct vtoe_slot_dom0 *shared = &slot_shared(w, s)->dom0;

	memset(s, 0, sizeof(*s));
	s->gen = gen;
	s->state = (uint8_t)state;
	s->rx_order = RX_ORDER_FIRST;

	vtoe_store(&shared->rx_prod, 0u);
	vtoe_store(&shared->tx_cons, 0u);
	vtoe_store(&shared->rx_run, VTOE_RUN_NONE);
	vtoe_store(&shared->tx_event, 1u); /* tell us of the first byte */
	vtoe_store(&shared->rx_event, 0u);
	vtoe_store(&shared->flags, 0u);
	vtoe_store(&shared->error, 0u);
	vtoe_store(&shared->error_seq, 0u);
	memset(shared->zero, 0, sizeof(shared->zero));
	/* the guest believes the rest once it sees this */
	vtoe_store_release(&shared->gen, gen);
}

void slot_end(struct worker *w, struct slot *s)
{
	if (s->flags & SLOT_ACTIVE) {
		TAILQ_REMOVE(&w->active, s, active);
		w->nr_active--;
	}
	if (s->flags & SLOT_WAITING)
		TAILQ_REMOVE(&w->waiting, s, wait);
	if (s->flags & SLOT_RETRYING)
		TAILQ_REMOVE(&w->retrying, s, wait);
	if (s->state == SLOT_CLOSING || s->state == SLOT_LINGERING)
		TAILQ_REMOVE(&w->ending, s, ending);
	if (s->parent)
		listener_forget(s);
	tx_forget(w, s);
	s->flags = 0;
	s->state = SLOT_FREE;
	run_detach(w, s);
}

void slot_activate(struct worker *w, struct slot *s)
{
	if (s->flags & SLOT_ACTIVE)
		return;
	s->flags |= SLOT_ACTIVE;
	TAILQ_INSERT_TAIL(&w->active, s, active);
	w->nr_active++;
}

void slot_retry_later(struct worker *w, struct slot *s)
{
	if (!(s->flags & (SLOT_RETRYING | SLOT_WAITING))) {
		s->flags |= SLOT_RETRYING;
		TAILQ_INSERT_TAIL(&w->retrying, s, wait);
	}
	w->retry_ns = w->now_ns + RETRY_NS;
}

void slot_retry(struct worker *w)
{
	struct slot *s;

	w->retry_ns = 0;
	while ((s = TAILQ_FIRST(&w->retrying))) {
		TAILQ_REMOVE(&w->retrying, s, wait);
		s->flags &= ~SLOT_RETRYING;
		slot_activate(w, s);
	}
}

void slot_doorbell(void *worker, uint32_t slot)
{
	struct worker *w = worker;

	w->counters->doorbells++;
	if (w->slot[slot].state != SLOT_FREE)
		slot_activate(w, &w->slot[slot]);
}

void slot_ready(void *worker, uint32_t slot, unsigned int events)
{
	struct worker *w = worker;
	struct slot *s = &w->slot[slot];

	if (events & TOE_READABLE)
		s->flags |= SLOT_READABLE;
	if (events & TOE_WRITABLE)
		s->flags |= SLOT_WRITABLE;
	if (events & TOE_UNTIL_AGAIN)
		s->flags |= SLOT_UNTIL_AGAIN;
	if (events & TOE_HUP)
		s->flags |= SLOT_STACK_HUP;
	if ((events & TOE_CONNECTED) && s->state == SLOT_CONNECTING &&
	    command_connected(w, s))
		return; /* broken; the loop will see it */
	slot_activate(w, s);
}

/* 1: there is more to do; 0; -EPROTO */
static int run_once(struct worker *w, struct slot *s)
{
	int tx, rx;

	switch (s->state) {
	case SLOT_ESTABLISHED:
		tx = tx_run(w, s);
		if (tx < 0)
			return tx;
		rx = rx_run(w, s);
		return rx < 0 ? rx : tx | rx;
	case SLOT_DATAGRAM:
		tx = dgram_tx_run(w, s);
		if (tx < 0)
			return tx;
		rx = dgram_rx_run(w, s);
		return rx < 0 ? rx : tx | rx;
	case SLOT_LISTENING:
		return listener_run(w, s);
	case SLOT_CLOSING:
	case SLOT_LINGERING:
		return release_run(w, s);
	default:
		return 0;
	}
}

int slot_run(struct worker *w, struct slot *s)
{
	int more = run_once(w, s);

	if (more > 0)
		slot_activate(w, s);
	return more < 0 ? more : 0;
}

void slot_ring(struct worker *w, const struct slot *s, uint32_t bytes)
{
	vtoe_doorbell_ring(w->view.guest_doorbell, w->view.queue->guest_summary,
			   slot_number(w, s));
	loop_rang(w, bytes);
}

void slot_hang_up(struct worker *w, struct slot *s, uint32_t error)
{
	struct vtoe_slot_dom0 *shared = &slot_shared(w, s)->dom0;

	if (s->flags & SLOT_HUP)
		return;
	s->flags |= SLOT_HUP;
	if (error)
		context_note_failed(&w->contexts, slot_number(w, s), error);
	/* the reason before the flag, and both after the last byte */
	vtoe_store(&shared->error, error);
	vtoe_store_release(&shared->flags,
			   VTOE_DOM0_HUP |
				   (s->flags & SLOT_EOF ? VTOE_DOM0_FIN : 0));
	slot_ring(w, s, 0);
}
