/* SPDX-License-Identifier: GPL-2.0 */
#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/string.h>
#else
#include <errno.h>
#include <string.h>
#endif

#include "front.h"

static size_t align_up(size_t n)
{
	return (n + sizeof(void *) - 1) & ~(sizeof(void *) - 1);
}

static size_t slots_size(const struct vtoe_geometry *geo)
{
	return align_up(geo->nr_slots * sizeof(struct front_slot));
}

static size_t pending_size(const struct vtoe_geometry *geo)
{
	return align_up(geo->nr_entries * sizeof(struct front_pending));
}

size_t front_memory(const struct vtoe_geometry *geo)
{
	return slots_size(geo) + pending_size(geo) +
	       align_up(geo->nr_tx_pages * sizeof(struct arena_page));
}

void front_init(struct front *f, const struct vtoe_geometry *geo, void *base,
		void *memory)
{
	uint8_t *at = memory;
	uint32_t i;

	memset(f, 0, sizeof(*f));
	vtoe_view_init(&f->view, geo, base);
	f->slot = (struct front_slot *)at;
	at += slots_size(geo);
	f->pending = (struct front_pending *)at;
	at += pending_size(geo);
	arena_init(&f->tx_arena, (struct arena_page *)at, geo->nr_tx_pages);

	for (i = 0; i < geo->nr_slots; i++)
		f->slot[i].next = i + 1 < geo->nr_slots ? i + 1 : FRONT_NIL;
	for (i = 0; i < geo->nr_entries; i++)
		f->pending[i].next = i + 1 < geo->nr_entries ? i + 1 : FRONT_NIL;
	f->nr_slots_free = geo->nr_slots;
	f->release_head = FRONT_NIL;
	f->release_tail = FRONT_NIL;
	/* Asleep until the first event. */
	vtoe_store(&f->view.queue->guest_asleep, 1u);
}

int front_break(struct front *f, const char *why)
{
	if (vtoe_load(&f->broken))
		return -EPROTO;
	vtoe_store(&f->broken, why);
	if (f->on_break)
		f->on_break(f);
	return -EPROTO;
}

bool front_wake(struct front *f)
{
	return vtoe_wake_claim(&f->view.queue->dom0_asleep);
}

bool front_sleep(struct front *f)
{
	struct vtoe_queue_page *q = f->view.queue;

	vtoe_exchange(&q->guest_asleep, 1u); /* a full barrier, too */
	if (vtoe_load(&q->cq_prod) == f->cq_cons &&
	    !vtoe_doorbell_pending(q->guest_summary, f->view.geo.nr_slots))
		return true;
	vtoe_exchange(&q->guest_asleep, 0u);
	return false;
}

void front_awake(struct front *f)
{
	vtoe_exchange(&f->view.queue->guest_asleep, 0u);
}

uint32_t front_doorbells(struct front *f,
			 void (*fn)(void *arg, uint32_t slot), void *arg)
{
	return vtoe_doorbell_scan(f->view.guest_doorbell,
				  f->view.queue->guest_summary,
				  f->view.geo.nr_slots, fn, arg);
}
