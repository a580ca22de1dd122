/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dgram.c - datagram slots, both directions (xenstore-schema/README.md, 5.7).
 *
 * Records go from the TX ring to the stack in batches, straight out of the run.
 * The other way a datagram is received directly into the RX ring: if there is
 * not room for the largest possible one, its length is asked for first.
 */
#include <errno.h>
#include <string.h>

#include "../../toe-service/failure.h"
#include "worker.h"

#define HEADER	   ((uint32_t)sizeof(struct vtoe_datagram))
#define RECORD_MAX (HEADER + VTOE_DGRAM_MAX + 1)
#define BATCH	   16u /* datagrams for one call of the stack */
/* One slot's share of a round: bytes, or so many looks for nothing. */
#define BUDGET (256u * 1024u)
/* log2 of the pages of the first run: the largest datagram always fits */
#define RX_ORDER 5u
#define TX_FLAGS (VTOE_DGRAM_LOCAL | VTOE_DGRAM_TOS | VTOE_DGRAM_TTL)

_Static_assert((VTOE_PAGE_SIZE << RX_ORDER) >= RECORD_MAX,
	       "the first run takes the largest datagram");

/* Tell the guest of an error that belongs to its socket; positive errno. */
static void report(struct worker *w, struct slot *s, uint32_t error)
{
	struct vtoe_slot_dom0 *shared = &slot_shared(w, s)->dom0;

	vtoe_store(&shared->error, error);
	vtoe_store_release(&shared->error_seq, ++s->error_seq);
	slot_ring(w, s, 0);
}

/* ---- to the stack ---- */

/* A record of the TX ring, with @left bytes from @index on. 0 or -EPROTO. */
static int parse(struct worker *w, struct slot *s, uint32_t run, uint32_t index,
		 uint32_t left, struct toe_datagram *d)
{
	struct vtoe_segment seg[2];

	if (left % VTOE_DGRAM_ALIGN)
		return worker_break(w, "slot %u: %u bytes are no datagrams",
				    slot_number(w, s), left);
	vtoe_ring_segments(w->view.tx, run, index, HEADER, seg);
	copy_in(&d->head, seg[0].data, HEADER);
	if (d->head.len > VTOE_DGRAM_MAX ||
	    vtoe_dgram_record(d->head.len) > left)
		return worker_break(w, "slot %u: a datagram of %u bytes in %u",
				    slot_number(w, s), d->head.len, left);
	if (d->head.flags & ~TX_FLAGS || d->head.time_ns || d->head.zero)
		return worker_break(w, "slot %u: unknown fields in a datagram",
				    slot_number(w, s));
	d->iovcnt = ring_iov(w->view.tx, run, index + HEADER, d->head.len,
			     d->iov);
	return 0;
}

/* Returns how many, at least one, or -EPROTO. */
static int parse_batch(struct worker *w, struct slot *s, uint32_t run,
		       uint32_t used, struct toe_datagram *d)
{
	uint32_t at = 0;
	int err, n = 0;

	while (at < used && n < (int)BATCH) {
		err = parse(w, s, run, s->tx_cons + at, used - at, &d[n]);
		if (err)
			return err;
		at += vtoe_dgram_record(d[n++].head.len);
	}
	return n;
}

/*
 * The first of a batch was not sent. An error that an earlier one has caused is
 * told and over with: try again, once. Returns how many are done with: 0 or 1.
 */
static int failed(struct worker *w, struct slot *s,
		  const struct toe_datagram *d, int err)
{
	int again;

	if (context_is_connected(&w->contexts, slot_number(w, s)))
		report(w, s, (uint32_t)-err);
	again = context_send_datagrams(&w->contexts, slot_number(w, s), d, 1);
	if (again == -EAGAIN) {
		s->flags &= ~SLOT_WRITABLE;
		return 0;
	}
	if (again < 0)
		w->counters->datagrams_lost++;
	return 1;
}

static int send_batch(struct worker *w, struct slot *s,
		      const struct toe_datagram *d, int nr)
{
	uint32_t old = s->tx_cons;
	int i, n;

	n = context_send_datagrams(&w->contexts, slot_number(w, s), d,
				   (unsigned int)nr);
	if (n == -EAGAIN) {
		s->flags &= ~SLOT_WRITABLE;
		return 0;
	}
	if (n < 0)
		n = failed(w, s, d, n);
	w->expected |= EXPECT_STACK;
	for (i = 0; i < n; i++)
		s->tx_cons += vtoe_dgram_record(d[i].head.len);
	tx_publish(w, s, old);
	return (int)(s->tx_cons - old);
}

/* How many of @used bytes were sent before the CONNECT that is yet to be run. */
static int before_connect(const struct worker *w, const struct slot *s,
			  int used)
{
	uint32_t tx_prod;
	int before;

	if (!queue_next_connect(w, s, &tx_prod))
		return used;
	before = (int)(tx_prod - s->tx_cons);
	return before < used ? before : used;
}

int dgram_tx_run(struct worker *w, struct slot *s)
{
	struct toe_datagram d[BATCH];
	uint32_t run = VTOE_RUN_NONE;
	int budget = BUDGET, used, n;

	while (s->flags & SLOT_WRITABLE) {
		if (budget <= 0)
			return 1;
		used = tx_used(w, s, &run);
		if (used < 0)
			return used;
		if (!used && (s->state == SLOT_CLOSING || !tx_arm(w, s, 0)))
			break;
		budget--; /* the guest may play */
		if (!used)
			continue;
		used = before_connect(w, s, used);
		if (used <= 0)
			return 1;
		n = parse_batch(w, s, run, (uint32_t)used, d);
		if (n < 0)
			return n;
		budget -= send_batch(w, s, d, n);
	}
	return 0;
}

int dgram_tx_until(struct worker *w, struct slot *s, uint32_t until)
{
	int left = (int)(until - s->tx_cons), used, n;
	struct toe_datagram d[BATCH];
	uint32_t run = VTOE_RUN_NONE;

	used = left > 0 ? tx_used(w, s, &run) : 0;
	if (used < 0)
		return used;
	if (left > used)
		left = used;
	for (; left > 0 && s->flags & SLOT_WRITABLE; left -= n) {
		n = parse_batch(w, s, run, (uint32_t)left, d);
		if (n < 0)
			return n;
		n = send_batch(w, s, d, n);
		if (!n)
			break;
	}
	return 0;
}

/* ---- to the guest ---- */

/*
 * Room for a record of @record bytes, with a run that can hold it under it.
 * Returns bytes of room; 0: wait; -EPROTO; -ENOBUFS: there is no such run.
 */
static int room_for(struct worker *w, struct slot *s, uint32_t record)
{
	int used = rx_used(w, s), ready;
	uint32_t size = s->rx_run ? vtoe_run_size(s->rx_run) : 0;

	if (used < 0)
		return used;
	if (record > size) {
		ready = used ? rx_wait_room(w, s, 0) : 1;
		if (ready <= 0)
			return ready;
		if (!run_attach(w, s, RX_ORDER))
			return 0;
		size = vtoe_run_size(s->rx_run);
		return record > size ? -ENOBUFS : (int)size;
	}
	if (size - (uint32_t)used >= record)
		return (int)(size - (uint32_t)used);
	ready = rx_wait_room(w, s, size - record);
	return ready <= 0 ? ready : room_for(w, s, record);
}

/* The next datagram is lost, as if it had found no room in the socket. */
static int lose(struct worker *w, struct slot *s)
{
	struct toe_datagram d = {0};

	w->counters->datagrams_lost++;
	return context_recv_datagram(&w->contexts, slot_number(w, s), &d);
}

/* Receives into the ring, @room bytes. As context_recv_datagram(). */
static int receive(struct worker *w, struct slot *s, uint32_t room)
{
	uint32_t most = room - HEADER, old = s->rx_prod;
	struct vtoe_segment seg[2];
	struct toe_datagram d;
	int err;

	if (most > VTOE_DGRAM_MAX)
		most = VTOE_DGRAM_MAX;
	d.iovcnt = ring_iov(w->view.rx, s->rx_run, old + HEADER, most, d.iov);
	err = context_recv_datagram(&w->contexts, slot_number(w, s), &d);
	if (err)
		return err;
	vtoe_ring_segments(w->view.rx, s->rx_run, old, HEADER, seg);
	memcpy(seg[0].data, &d.head, HEADER);
	s->rx_prod += vtoe_dgram_record(d.head.len);
	rx_publish(w, s, old);
	return (int)d.head.len;
}

/* One datagram. Bytes moved; -EAGAIN: no more now; -EPROTO; an error. */
static int rx_one(struct worker *w, struct slot *s)
{
	uint32_t record = RECORD_MAX, size;
	int room, len;

	size = s->rx_run ? vtoe_run_size(s->rx_run)
			 : VTOE_PAGE_SIZE << RX_ORDER;
	room = rx_used(w, s);
	if (room < 0)
		return room;
	if (size - (uint32_t)room < RECORD_MAX) {
		len = context_next_datagram(&w->contexts, slot_number(w, s));
		if (len < 0)
			return len;
		record = vtoe_dgram_record((uint32_t)len);
	}
	room = room_for(w, s, record);
	if (room == -ENOBUFS && record == RECORD_MAX)
		return 0; /* a small run: look how long it is */
	if (room == -ENOBUFS)
		return lose(w, s);
	if (room < 0)
		return room;
	if (!room)
		return -EBUSY;
	return receive(w, s, (uint32_t)room);
}

int dgram_rx_run(struct worker *w, struct slot *s)
{
	int budget = BUDGET, n;

	while ((s->flags & (SLOT_READABLE | SLOT_RETRYING)) == SLOT_READABLE) {
		if (budget <= 0)
			return 1;
		n = rx_one(w, s);
		if (w->broken)
			return -EPROTO;
		if (n == -EAGAIN)
			s->flags &= ~SLOT_READABLE;
		else if (n == -EBUSY)
			return 0; /* the guest will make room, or a run will */
		else if (n < 0)
			report(w, s, (uint32_t)-n);
		if (failure_of_engine(n))
			slot_retry_later(w, s);
		budget -= n > 0 ? n + (int)HEADER : (int)HEADER;
	}
	return 0;
}
