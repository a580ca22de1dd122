/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tx.c - the direction from the guest to the stack: straight out of the run.
 */
#include <errno.h>
#include <sys/socket.h>

#include "worker.h"

/* One connection's share of a round. */
#define TX_BUDGET PIECE
/* Longer than a waiting writer takes to go on, in ns. */
#define TX_HOLD_NS 1000000u

int tx_used(struct worker *w, struct slot *s, uint32_t *runp)
{
	const struct vtoe_slot_guest *shared = &slot_shared(w, s)->guest;
	uint32_t prod, used, run;

	/* what counts at RELEASE is what was there then */
	prod = s->state == SLOT_CLOSING ? s->tx_end
					: vtoe_load_acquire(&shared->tx_prod);
	used = prod - s->tx_cons;
	if (!used)
		return 0;
	/* the guest may not change it while there are bytes in it */
	run = vtoe_load(&shared->tx_run);
	if (!vtoe_run_ok(run, w->view.geo.nr_tx_pages))
		return worker_break(w,
				    "tx run %#x of slot %u is not in the arena",
				    run, slot_number(w, s));
	if (used > vtoe_run_size(run))
		return worker_break(
			w, "tx index %u ahead of a %u-byte ring on slot %u",
			used, vtoe_run_size(run), slot_number(w, s));
	*runp = run;
	return (int)used;
}

bool tx_publish(struct worker *w, struct slot *s, uint32_t old)
{
	struct vtoe_slot *shared = slot_shared(w, s);

	if (s->tx_cons == old)
		return false;
	w->counters->tx_bytes += s->tx_cons - old;
	vtoe_store_release(&shared->dom0.tx_cons, s->tx_cons);
	/* publish, barrier, look: common/ring.h */
	vtoe_full_barrier();
	if (!vtoe_event_hit(old, s->tx_cons,
			    vtoe_load(&shared->guest.tx_event)))
		return false;
	slot_ring(w, s, s->tx_cons - old);
	return true;
}

bool tx_arm(struct worker *w, struct slot *s, uint32_t used)
{
	struct vtoe_slot *shared = slot_shared(w, s);

	vtoe_store(&shared->dom0.tx_event, s->tx_cons + used + 1);
	vtoe_full_barrier();
	return vtoe_load_acquire(&shared->guest.tx_prod) != s->tx_cons + used;
}

/* VTOE_GUEST_*, or -EPROTO. Read before tx_used(): then that is final. */
static int tx_flags(struct worker *w, struct slot *s)
{
	uint32_t flags = vtoe_load_acquire(&slot_shared(w, s)->guest.flags);

	if (flags & ~(VTOE_GUEST_FIN | VTOE_GUEST_SHUT_RD))
		return worker_break(w, "unknown flags %#x on slot %u", flags,
				    slot_number(w, s));
	return (int)flags;
}

/*
 * Sending has failed. What the peer sent before is still to be delivered, and
 * the error after it: rx.c reads until there is no more.
 */
static void tx_fail(struct slot *s, int err)
{
	s->flags &= ~SLOT_WRITABLE;
	s->flags |= SLOT_DEAD | SLOT_READABLE | SLOT_UNTIL_AGAIN;
	s->error = (uint32_t)-err;
}

/* One write. As context_send(). */
static ssize_t tx_write(struct worker *w, struct slot *s, uint32_t run,
			uint32_t len)
{
	struct iovec iov[2];
	int n = ring_iov(w->view.tx, run, s->tx_cons, len, iov);

	return context_send(&w->contexts, slot_number(w, s), iov, n);
}

/*
 * Does a writer wait for room in a ring that is full? Then more follows as soon
 * as it gets some: the last, short segment of a write is held back to be filled
 * up, else each write would wake the peer once more for a few bytes. If nothing
 * follows after all, tx_push_held() sends it off.
 */
static bool writer_waits(const struct worker *w, const struct slot *s,
			 uint32_t run, uint32_t used)
{
	uint32_t event = vtoe_load(&slot_shared(w, s)->guest.tx_event);

	return used > vtoe_run_size(run) / 2 &&
	       (int32_t)(event - s->tx_cons) > 0;
}

static void tx_hold(struct worker *w, struct slot *s)
{
	if (s->flags & SLOT_HELD)
		return;
	s->flags |= SLOT_HELD;
	TAILQ_INSERT_TAIL(&w->held, s, held);
	w->push_ns = w->now_ns + TX_HOLD_NS;
	/* fails only if the connection is over, which rx.c will find */
	context_hold(&w->contexts, slot_number(w, s), true);
}

static void tx_push(struct worker *w, struct slot *s)
{
	if (!(s->flags & SLOT_HELD))
		return;
	tx_forget(w, s);
	context_hold(&w->contexts, slot_number(w, s), false);
}

void tx_forget(struct worker *w, struct slot *s)
{
	if (!(s->flags & SLOT_HELD))
		return;
	s->flags &= ~SLOT_HELD;
	TAILQ_REMOVE(&w->held, s, held);
}

void tx_push_held(struct worker *w)
{
	struct slot *s;

	while ((s = TAILQ_FIRST(&w->held)))
		tx_push(w, s);
	w->push_ns = 0;
}

/*
 * All is taken, and nothing follows. That nobody reads, which may become known
 * later, concerns the stack only after its FIN.
 */
static void tx_end(struct worker *w, struct slot *s, int flags)
{
	bool both = flags & VTOE_GUEST_SHUT_RD;
	uint32_t told = SLOT_SHUT | (both ? SLOT_SHUT_RD : 0);

	if ((s->flags & told) == told)
		return;
	s->flags |= told;
	/* fails only if the connection is over, which rx.c will find */
	context_shutdown(&w->contexts, slot_number(w, s),
			 both ? SHUT_RDWR : SHUT_WR);
}

static int tx_run_shut(struct worker *w, struct slot *s)
{
	int flags = tx_flags(w, s);

	if (flags < 0)
		return flags;
	tx_end(w, s, flags);
	return 0;
}

int tx_run(struct worker *w, struct slot *s)
{
	uint32_t budget = TX_BUDGET, run = VTOE_RUN_NONE;
	bool told = false; /* a writer that waited for room */
	int flags, used, ret = 0;

	if (s->flags & (SLOT_HUP | SLOT_DEAD))
		return 0;
	if (s->flags & SLOT_SHUT)
		return tx_run_shut(w, s);
	while (s->flags & SLOT_WRITABLE) {
		uint32_t len;
		bool more;
		ssize_t n;

		flags = tx_flags(w, s);
		used = flags < 0 ? flags : tx_used(w, s, &run);
		if (used < 0)
			return used;
		if (!used && s->state == SLOT_CLOSING)
			break;
		if (!used) {
			if (flags & VTOE_GUEST_FIN) {
				tx_end(w, s, flags);
				break;
			}
			if (!tx_arm(w, s, 0))
				break;
			/* look again, but not for ever: the guest may play */
			budget -= budget != 0;
			if (budget)
				continue;
		}
		if (!budget) {
			ret = 1;
			break;
		}
		len = (uint32_t)used < PIECE ? (uint32_t)used : PIECE;
		len = len < budget ? len : budget;
		more = len < (uint32_t)used ||
		       (s->state == SLOT_ESTABLISHED &&
			(told || writer_waits(w, s, run, (uint32_t)used)));
		if (more)
			tx_hold(w, s);
		n = tx_write(w, s, run, len);
		if (n < 0) {
			if (n == -EAGAIN)
				s->flags &= ~SLOT_WRITABLE;
			else
				tx_fail(s, (int)n);
			break;
		}
		w->expected |= EXPECT_STACK;
		/* a full socket takes a part, and tells when it takes more */
		if ((uint32_t)n < len)
			s->flags &= ~SLOT_WRITABLE;
		if (!more)
			tx_push(w, s);
		s->tx_cons += (uint32_t)n;
		budget -= (uint32_t)n;
		told = tx_publish(w, s, s->tx_cons - (uint32_t)n) &&
		       len < (uint32_t)used;
	}
	return ret;
}
