/* SPDX-License-Identifier: GPL-2.0 */
#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/string.h>
#else
#include <errno.h>
#include <string.h>
#endif

#include "front.h"

int front_slot_alloc(struct front *f, uint32_t *slot)
{
	struct vtoe_slot_guest *shared;
	struct front_slot *s;
	uint32_t i = f->slot_free;

	if (vtoe_load(&f->broken))
		return -EPROTO;
	if (!f->nr_slots_free)
		return -ENOBUFS;
	s = &f->slot[i];
	f->slot_free = s->next;
	f->nr_slots_free--;
	s->state = FRONT_SLOT_HELD;
	s->posted = 0;
	if (++s->gen == 0)
		s->gen = 1;

	shared = &f->view.slots[i].guest;
	vtoe_store(&shared->gen, s->gen);
	vtoe_store(&shared->tx_prod, 0u);
	vtoe_store(&shared->rx_cons, 0u);
	vtoe_store(&shared->tx_run, VTOE_RUN_NONE);
	vtoe_store(&shared->tx_event, 0u);
	vtoe_store(&shared->rx_event, 1u);
	vtoe_store(&shared->flags, 0u);
	*slot = i;
	return 0;
}

void front_slot_free(struct front *f, uint32_t slot)
{
	struct front_slot *s = &f->slot[slot];

	s->state = FRONT_SLOT_FREE;
	s->next = f->slot_free;
	f->slot_free = slot;
	f->nr_slots_free++;
}

/*
 * Posts are the one thing that dom0 answers by number without a command being
 * outstanding, so a record is believed only for a slot that waits at this very
 * listener with this very generation.
 */
static bool posted_here(const struct front *f, uint32_t listener,
			const struct vtoe_accept *rec)
{
	const struct front_slot *s;

	if (rec->slot >= f->view.geo.nr_slots)
		return false;
	s = &f->slot[rec->slot];
	return s->state == FRONT_SLOT_POSTED && s->parent == listener &&
	       s->gen == rec->gen;
}

static bool family_ok(uint16_t family)
{
	return family == VTOE_INET || family == VTOE_INET6;
}

int front_post(struct front_stream *l, uint32_t slot)
{
	struct front *f = l->front;
	struct vtoe_post post = { .slot = slot, .gen = f->slot[slot].gen };
	struct vtoe_segment seg[2];
	int room = front_tx_room(l);

	if (room < 0)
		return room;
	if ((uint32_t)room < sizeof(post))
		return -EAGAIN;
	f->slot[slot].state = FRONT_SLOT_POSTED;
	f->slot[slot].parent = l->slot;
	f->slot[l->slot].posted++;
	front_tx_segments(l, sizeof(post), seg);
	memcpy(seg[0].data, &post, sizeof(post));
	front_tx_commit(l, sizeof(post));
	return 0;
}

int front_accept(struct front_stream *l, struct vtoe_accept *record)
{
	struct front *f = l->front;
	struct vtoe_segment seg[2];
	struct vtoe_accept rec;
	int avail = front_rx_avail(l);

	if (avail <= 0)
		return avail;
	if ((uint32_t)avail % sizeof(rec))
		return front_break(f, "an accept record was split");
	front_rx_segments(l, 0, sizeof(rec), seg);
	memcpy(&rec, seg[0].data, sizeof(rec));
	if (!posted_here(f, l->slot, &rec) || !family_ok(rec.local.family) ||
	    !family_ok(rec.peer.family))
		return front_break(f, "an accept record names no posted slot");
	f->slot[rec.slot].state = FRONT_SLOT_HELD;
	f->slot[l->slot].posted--;
	front_rx_consume(l, sizeof(rec));
	*record = rec;
	return 1;
}
