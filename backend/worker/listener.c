/* SPDX-License-Identifier: GPL-2.0 */
/*
 * listener.c - posts and accept records (xenstore-schema/README.md, 5.6).
 *
 * A connection is accepted from the stack only when there is a post to put it
 * into and room for the record. Until the guest has consumed the record, the
 * connection is on its listener's list of children: if the listener ends
 * first, nobody in the guest knows of it, and it is reset.
 */
#include <errno.h>

#include "../../toe-service/failure.h"
#include "worker.h"

/* log2 of one listener's share of a round */
#define ACCEPT_BURST_MAX 5

void listener_forget(struct slot *child)
{
	TAILQ_REMOVE(&child->parent->children, child, child);
	child->parent = NULL;
}

/* Forget the children whose records were consumed; they are in order. */
static void forget_consumed(struct slot *s, uint32_t used)
{
	uint32_t cons = s->rx_prod - used;
	struct slot *child;

	while ((child = TAILQ_FIRST(&s->children)) &&
	       (int32_t)(cons - child->accept_at) >= 0)
		listener_forget(child);
}

/* Room for a record: 1, 0 (wait) or -EPROTO. */
static int record_room(struct worker *w, struct slot *s)
{
	int used = rx_used(w, s);
	uint32_t wait;

	if (used < 0)
		return used;
	if ((uint32_t)used % sizeof(struct vtoe_accept))
		return worker_break(w,
				    "half an accept record consumed, slot %u",
				    slot_number(w, s));
	forget_consumed(s, (uint32_t)used);
	if (!s->rx_run && !run_attach(w, s, 0))
		return w->broken ? -EPROTO : 0;
	wait = vtoe_run_size(s->rx_run) - sizeof(struct vtoe_accept);
	if ((uint32_t)used <= wait)
		return 1;
	vtoe_store(&slot_shared(w, s)->dom0.rx_event, s->rx_prod - wait);
	vtoe_full_barrier();
	used = rx_used(w, s);
	return used < 0 ? used : (uint32_t)used <= wait;
}

/* The next post, checked: 1, 0 (none; told of the next) or -EPROTO. */
static int next_post(struct worker *w, struct slot *s, struct vtoe_post *post)
{
	struct vtoe_segment seg[2];
	uint32_t run;
	int used;

	used = tx_used(w, s, &run);
	if (!used && tx_arm(w, s, 0))
		used = tx_used(w, s, &run);
	if (used <= 0)
		return used;
	if ((uint32_t)used % sizeof(*post))
		return worker_break(w, "half a post on slot %u",
				    slot_number(w, s));
	vtoe_ring_segments(w->view.tx, run, s->tx_cons, sizeof(*post), seg);
	copy_in(post, seg[0].data, sizeof(*post));
	used = slot_check_empty(w, post->slot, post->gen);
	return used ? used : 1;
}

static void write_record(struct worker *w, struct slot *s,
			 const struct vtoe_accept *record)
{
	struct vtoe_segment seg[2];

	/* records and runs are powers of two: never in two pieces */
	vtoe_ring_segments(w->view.rx, s->rx_run, s->rx_prod, sizeof(*record),
			   seg);
	__builtin_memcpy(seg[0].data, record, sizeof(*record));
	s->rx_prod += sizeof(*record);
	s->tx_cons += sizeof(struct vtoe_post);
}

/* Accept one connection into @post. 0 or as accept(2). */
static int accept_one(struct worker *w, struct slot *s,
		      const struct vtoe_post *post)
{
	struct vtoe_accept record = {.slot = post->slot, .gen = post->gen};
	struct slot *child = &w->slot[post->slot];
	int err;

	err = context_accept(&w->contexts, slot_number(w, s), post->slot,
			     post->gen, &record.local, &record.peer);
	if (err)
		return err;
	slot_serve(w, child, post->gen, SLOT_ESTABLISHED);
	/* most peers that connect have sent something by now */
	child->flags |= SLOT_WRITABLE | SLOT_READABLE;
	write_record(w, s, &record);
	child->parent = s;
	child->accept_at = s->rx_prod;
	TAILQ_INSERT_TAIL(&s->children, child, child);
	return 0;
}

/* accept(2) failed: try again at once (0), later (1), or when told (2)? */
static int accept_failed(struct worker *w, struct slot *s, int err)
{
	switch (err) {
	case -EAGAIN:
		s->flags &= ~SLOT_READABLE;
		return 2;
	case -EMFILE:
	case -ENFILE:
	case -ENOBUFS:
	case -ENOMEM:
		slot_retry_later(w, s);
		return 1;
	default:
		break;
	}
	if (!failure_of_engine(err))
		return 0; /* that one connection is gone already */
	slot_retry_later(w, s);
	return 1;
}

/*
 * 1: there may be more; 0: nothing to be done now; -EPROTO.
 *
 * Mostly one connection comes at a time. It does not wait for the look for another:
 * that one is taken in the next round, when the guest has been woken for this one;
 * and so on in steps that double.
 */
static int accept_some(struct worker *w, struct slot *s)
{
	struct vtoe_post post;
	unsigned int n;
	int ok, err;

	for (n = 0; n < 1u << s->burst; n++) {
		if (!(s->flags & SLOT_READABLE) || (s->flags & SLOT_RETRYING))
			return 0;
		ok = next_post(w, s, &post);
		if (ok > 0)
			ok = record_room(w, s);
		if (ok <= 0)
			return ok;
		err = accept_one(w, s, &post);
		if (err && accept_failed(w, s, err)) {
			s->burst = 0;
			return 0;
		}
	}
	s->burst += s->burst < ACCEPT_BURST_MAX;
	return 1;
}

/*
 * Run those whose records have just been published, so that the guest is woken once
 * for a connection and for the bytes that came along with it. 0 or -EPROTO.
 */
static int run_children(struct worker *w, struct slot *s, uint32_t rx_old)
{
	struct slot *child;
	int err;

	TAILQ_FOREACH_REVERSE(child, &s->children, slot_list, child) {
		if ((int32_t)(child->accept_at - rx_old) <= 0)
			break;
		err = slot_run(w, child);
		if (err)
			return err;
	}
	return 0;
}

int listener_run(struct worker *w, struct slot *s)
{
	uint32_t rx_old = s->rx_prod, tx_old = s->tx_cons, run;
	int ret = tx_used(w, s, &run);

	if (ret > 0 && (uint32_t)ret % sizeof(struct vtoe_post))
		return worker_break(w, "half a post on slot %u",
				    slot_number(w, s));
	if (ret >= 0)
		ret = accept_some(w, s);
	if (ret < 0)
		return ret;
	tx_publish(w, s, tx_old);
	rx_publish(w, s, rx_old);
	return run_children(w, s, rx_old) ? -EPROTO : ret;
}

int listener_end(struct worker *w, struct slot *s)
{
	struct slot *child;
	int used = rx_used(w, s);

	if (used < 0)
		return used;
	forget_consumed(s, (uint32_t)used);
	while ((child = TAILQ_FIRST(&s->children))) {
		listener_forget(child);
		/* a guest that releases what it did not take gets its answer */
		if (child->state != SLOT_ESTABLISHED)
			continue;
		context_close(&w->contexts, slot_number(w, child), true);
		slot_end(w, child);
	}
	return 0;
}
