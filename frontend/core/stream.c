/* SPDX-License-Identifier: GPL-2.0 */
/*
 * stream.c - the two byte rings of a slot. common/ring.h has the argument why no
 * wake-up is lost, xenstore-schema/README.md sections 4.3, 5.5 and 6 the rules.
 *
 * dom0's half counts only when its generation is ours: until dom0 has taken the
 * slot on, it may still hold what the slot's previous life left there.
 */
#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/string.h>
#else
#include <errno.h>
#include <string.h>
#endif

#include "front.h"

#define ERRNO_MAX 4095u
#define KNOWN_FLAGS (VTOE_DOM0_FIN | VTOE_DOM0_HUP)

static bool served(const struct front_stream *s)
{
	return vtoe_load_acquire(&s->shared->dom0.gen) == s->gen;
}

static void ring(struct front_stream *s)
{
	struct vtoe_view *v = &s->front->view;

	vtoe_doorbell_ring(v->dom0_doorbell, v->queue->dom0_summary, s->slot);
}

bool front_rang(const struct front_stream *s)
{
	return vtoe_load(&s->front->view.dom0_doorbell[s->slot / 64]) &
	       (1ull << (s->slot % 64));
}

void front_stream_init(struct front_stream *s, struct front *f, uint32_t slot)
{
	memset(s, 0, sizeof(*s));
	s->front = f;
	s->shared = &f->view.slots[slot];
	s->slot = slot;
	s->gen = f->slot[slot].gen;
}

int front_status(struct front_stream *s, uint32_t *error)
{
	uint32_t flags, err;

	*error = 0;
	if (vtoe_load(&s->front->broken))
		return -EPROTO;
	if (!served(s))
		return 0;
	flags = vtoe_load_acquire(&s->shared->dom0.flags);
	if (flags & ~KNOWN_FLAGS)
		return front_break(s->front, "an unknown flag in a slot");
	/* it is there before the flag; and a datagram socket's is not meant */
	err = flags & VTOE_DOM0_HUP ? vtoe_load(&s->shared->dom0.error) : 0;
	if (err > ERRNO_MAX)
		return front_break(s->front, "an impossible errno in a slot");
	*error = err;
	return (int)flags;
}

int front_tx_used(struct front_stream *s)
{
	uint32_t cons = 0, used;

	if (vtoe_load(&s->front->broken))
		return -EPROTO;
	if (served(s))
		cons = vtoe_load_acquire(&s->shared->dom0.tx_cons);
	used = s->tx_prod - cons;
	if (!used)
		return 0;
	if (s->tx_run == VTOE_RUN_NONE || used > vtoe_run_size(s->tx_run))
		return front_break(s->front, "tx index out of range");
	return (int)used;
}

int front_tx_room(struct front_stream *s)
{
	int used = front_tx_used(s);

	if (used < 0)
		return used;
	if (s->tx_run == VTOE_RUN_NONE)
		return -ENOBUFS;
	return (int)vtoe_run_size(s->tx_run) - used;
}

uint32_t front_tx_attach(struct front_stream *s, uint32_t run)
{
	uint32_t old = s->tx_run;

	s->tx_run = run;
	vtoe_store(&s->shared->guest.tx_run, run);
	return old;
}

unsigned int front_tx_segments(struct front_stream *s, uint32_t len,
			       struct vtoe_segment seg[2])
{
	return vtoe_ring_segments(s->front->view.tx, s->tx_run, s->tx_prod,
				  len, seg);
}

bool front_tx_commit(struct front_stream *s, uint32_t len)
{
	uint32_t old = s->tx_prod;

	s->tx_prod = old + len;
	vtoe_store_release(&s->shared->guest.tx_prod, s->tx_prod);
	vtoe_full_barrier();
	if (served(s) &&
	    !vtoe_event_hit(old, s->tx_prod,
			    vtoe_load(&s->shared->dom0.tx_event)))
		return false;
	ring(s);
	return true;
}

bool front_shutdown(struct front_stream *s, uint32_t flags)
{
	if (!(flags & ~s->flags))
		return false;
	s->flags |= flags;
	vtoe_store_release(&s->shared->guest.flags, s->flags);
	ring(s);
	return true;
}

bool front_tx_arm(struct front_stream *s, uint32_t used)
{
	int now;

	vtoe_store(&s->shared->guest.tx_event, s->tx_prod - used);
	vtoe_full_barrier();
	now = front_tx_used(s);
	return now < 0 || (uint32_t)now <= used;
}

int front_rx_avail(struct front_stream *s)
{
	uint32_t avail, run;

	if (vtoe_load(&s->front->broken))
		return -EPROTO;
	if (!served(s))
		return 0;
	avail = vtoe_load_acquire(&s->shared->dom0.rx_prod) - s->rx_cons;
	if (!avail)
		return 0;
	run = vtoe_load(&s->shared->dom0.rx_run);
	if (!vtoe_run_ok(run, s->front->view.geo.nr_rx_pages))
		return front_break(s->front, "an rx run outside of the arena");
	if (avail > vtoe_run_size(run))
		return front_break(s->front, "rx index out of range");
	s->rx_run = run;
	return (int)avail;
}

unsigned int front_rx_segments(struct front_stream *s, uint32_t skip,
			       uint32_t len, struct vtoe_segment seg[2])
{
	return vtoe_ring_segments(s->front->view.rx, s->rx_run,
				  s->rx_cons + skip, len, seg);
}

bool front_rx_consume(struct front_stream *s, uint32_t len)
{
	uint32_t old = s->rx_cons;

	s->rx_cons = old + len;
	vtoe_store_release(&s->shared->guest.rx_cons, s->rx_cons);
	vtoe_full_barrier();
	if (!vtoe_event_hit(old, s->rx_cons,
			    vtoe_load(&s->shared->dom0.rx_event)))
		return false;
	ring(s);
	return true;
}

bool front_rx_arm(struct front_stream *s, uint32_t have, uint32_t len)
{
	uint32_t error;
	int status, avail;

	vtoe_store(&s->shared->guest.rx_event, s->rx_cons + len);
	vtoe_full_barrier();
	status = front_status(s, &error);
	avail = front_rx_avail(s);
	return status || error || avail < 0 || (uint32_t)avail > have;
}

void front_rx_keep(struct front_stream *s)
{
	ring(s);
}
