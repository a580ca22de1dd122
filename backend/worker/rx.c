/* SPDX-License-Identifier: GPL-2.0 */
/*
 * rx.c - the direction from the stack to the guest.
 *
 * The socket is read directly into the slot's run. A run is attached when there
 * is something to read, and exchanged for one of twice the size, while the ring
 * is empty, after a read has filled it up: so idle connections hold nothing,
 * short ones little, and streams have few and large reads. To exchange it in
 * the middle of a stream the guest is let to empty it once.
 */
#include <errno.h>

#include "worker.h"

/* One connection's share of a round. */
#define RX_BUDGET PIECE
#define RX_ORDER_MAX 10u /* 4 MiB: worker.h, PIECE */

int rx_used(struct worker *w, struct slot *s)
{
	uint32_t cons = vtoe_load_acquire(&slot_shared(w, s)->guest.rx_cons);
	uint32_t size = s->rx_run ? vtoe_run_size(s->rx_run) : 0;
	uint32_t used = s->rx_prod - cons;

	if (used > size)
		return worker_break(w,
				    "rx index %u of slot %u is outside of the "
				    "ring (produced %u, %u bytes)",
				    cons, slot_number(w, s), s->rx_prod, size);
	return (int)used;
}

void rx_publish(struct worker *w, struct slot *s, uint32_t old)
{
	struct vtoe_slot *shared = slot_shared(w, s);

	if (s->rx_prod == old)
		return;
	w->counters->rx_bytes += s->rx_prod - old;
	vtoe_store_release(&shared->dom0.rx_prod, s->rx_prod);
	/* publish, barrier, look: common/ring.h */
	vtoe_full_barrier();
	if (vtoe_event_hit(old, s->rx_prod, vtoe_load(&shared->guest.rx_event)))
		slot_ring(w, s, s->rx_prod - old);
}

int rx_wait_room(struct worker *w, struct slot *s, uint32_t used)
{
	int now;

	vtoe_store(&slot_shared(w, s)->dom0.rx_event, s->rx_prod - used);
	vtoe_full_barrier();
	now = rx_used(w, s);
	return now < 0 ? now : (uint32_t)now <= used;
}

/*
 * Does the guest wait for more than was published? Then it consumes nothing
 * before, and whoever waits for that would wait for ever.
 */
static bool waits_for_more(const struct worker *w, const struct slot *s)
{
	uint32_t event = vtoe_load(&slot_shared(w, s)->guest.rx_event);

	return (int32_t)(event - s->rx_prod) > 0;
}

/* Only SO_ERROR tells why: recv() says 0 for good. */
static void hang_up_after_eof(struct worker *w, struct slot *s)
{
	int err = context_error(&w->contexts, slot_number(w, s));

	slot_hang_up(w, s, (uint32_t)-err);
}

/* Nothing follows: the peer's FIN, or an error. */
static void rx_end(struct worker *w, struct slot *s, ssize_t n)
{
	struct vtoe_slot_dom0 *shared = &slot_shared(w, s)->dom0;

	s->flags &= ~SLOT_READABLE;
	if (s->flags & SLOT_DEAD) {
		slot_hang_up(w, s, s->error);
	} else if (n < 0) {
		slot_hang_up(w, s, (uint32_t)-n);
	} else if (s->flags & SLOT_STACK_HUP) {
		s->flags |= SLOT_EOF;
		hang_up_after_eof(w, s);
	} else if (!(s->flags & SLOT_SHUT_RD)) { /* else it need not be one */
		s->flags |= SLOT_EOF;
		vtoe_store_release(&shared->flags, VTOE_DOM0_FIN);
		slot_ring(w, s, 0);
	}
}

/* After the end of the stream only the end of the connection can follow. */
static void after_eof(struct worker *w, struct slot *s)
{
	s->flags &= ~SLOT_READABLE;
	if (s->flags & SLOT_DEAD)
		slot_hang_up(w, s, s->error);
	else if (s->flags & SLOT_STACK_HUP)
		hang_up_after_eof(w, s);
}

/*
 * Room in the ring, with a run of the right size under it.
 * Returns bytes; 0: wait, one way or another; -EPROTO.
 */
static int rx_room(struct worker *w, struct slot *s)
{
	int used = rx_used(w, s), ready;
	uint32_t size;

	if (used < 0)
		return used;
	if (used && (s->flags & SLOT_GROW) && !waits_for_more(w, s)) {
		ready = rx_wait_room(w, s, 0);
		if (ready <= 0)
			return ready;
		used = 0;
	}
	if (!used && (!s->rx_run || (s->flags & SLOT_GROW))) {
		s->flags &= ~SLOT_GROW;
		if (!run_attach(w, s, s->rx_order))
			return 0;
	}
	size = vtoe_run_size(s->rx_run);
	if ((uint32_t)used < size)
		return (int)(size - (uint32_t)used);
	/* a full ring: worth while again when half of it is free */
	ready = rx_wait_room(w, s, size / 2);
	if (!ready && waits_for_more(w, s))
		slot_ring(w, s, 0); /* more than the ring holds: it is full */
	if (ready <= 0)
		return ready;
	used = rx_used(w, s);
	return used < 0 ? used : (int)(size - (uint32_t)used);
}

/* One read. As context_recv(). */
static ssize_t rx_read(struct worker *w, struct slot *s, uint32_t len)
{
	struct iovec iov[2];
	int n = ring_iov(w->view.rx, s->rx_run, s->rx_prod, len, iov);

	return context_recv(&w->contexts, slot_number(w, s), iov, n);
}

/* The ring was filled up: the stream is hotter than the run is large. */
static void rx_grow(struct slot *s)
{
	if (vtoe_run_order(s->rx_run) >= RX_ORDER_MAX)
		return;
	s->rx_order = (uint8_t)(vtoe_run_order(s->rx_run) + 1);
	s->flags |= SLOT_GROW;
}

int rx_run(struct worker *w, struct slot *s)
{
	uint32_t budget = RX_BUDGET;

	if (s->flags & SLOT_HUP)
		return 0;
	if (s->flags & SLOT_EOF) {
		after_eof(w, s);
		return 0;
	}
	while (s->flags & SLOT_READABLE) {
		uint32_t old = s->rx_prod, len;
		int room;
		ssize_t n;

		if (!budget)
			return 1;
		room = rx_room(w, s);
		if (room <= 0)
			return room;
		len = (uint32_t)room < PIECE ? (uint32_t)room : PIECE;
		len = len < budget ? len : budget;
		n = rx_read(w, s, len);
		if (n == -EAGAIN && !(s->flags & SLOT_DEAD)) {
			s->flags &= ~SLOT_READABLE;
			return 0;
		}
		if (n <= 0) {
			rx_end(w, s, n);
			return 0;
		}
		s->rx_prod += (uint32_t)n;
		budget -= (uint32_t)n;
		if (n == room)
			rx_grow(s);
		if ((uint32_t)n < len && !(s->flags & SLOT_UNTIL_AGAIN))
			s->flags &= ~SLOT_READABLE;
		rx_publish(w, s, old);
	}
	return 0;
}
