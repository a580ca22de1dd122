/* SPDX-License-Identifier: GPL-2.0 */
/* queue.c - the submission and the completion ring. */
#include <errno.h>
#include <string.h>

#include "worker.h"

/* Commands carried out before sockets get their turn again. */
#define QUEUE_BUDGET 64

bool queue_pending(const struct worker *w)
{
	return vtoe_load(&w->view.queue->sq_prod) != w->sq_cons;
}

bool queue_next_connect(const struct worker *w, const struct slot *s,
			uint32_t *tx_prod)
{
	const uint32_t entries = w->view.geo.nr_entries;
	uint32_t prod = vtoe_load_acquire(&w->view.queue->sq_prod), i;
	struct vtoe_submission cmd;

	if (prod - w->sq_cons > entries)
		return false; /* queue_run() will say so */
	for (i = w->sq_cons; i != prod; i++) {
		copy_in(&cmd, &w->view.sq[i & (entries - 1)], sizeof(cmd));
		if (cmd.op != VTOE_OP_CONNECT || cmd.gen != s->gen ||
		    cmd.slot != slot_number(w, s))
			continue;
		*tx_prod = cmd.u.connect.tx_prod;
		return true;
	}
	return false;
}

int queue_run(struct worker *w)
{
	const uint32_t entries = w->view.geo.nr_entries;
	struct vtoe_submission cmd;
	uint32_t prod, n, budget = QUEUE_BUDGET;
	int err;

	prod = vtoe_load_acquire(&w->view.queue->sq_prod);
	n = prod - w->sq_cons;
	if (!n)
		return 0;
	if (n > entries)
		return worker_break(w,
				    "submission index %u is %u ahead of a ring "
				    "of %u entries",
				    prod, n, entries);
	for (; n && budget; n--, budget--) {
		copy_in(&cmd, &w->view.sq[w->sq_cons & (entries - 1)],
			sizeof(cmd));
		w->sq_cons++;
		if (++w->outstanding > entries)
			return worker_break(w,
					    "more than %u commands outstanding",
					    entries);
		err = command_run(w, &cmd);
		if (err)
			return err;
		w->counters->commands++;
	}
	/* the entries are copied: the guest may reuse them */
	vtoe_store_release(&w->view.queue->sq_cons, w->sq_cons);
	return n != 0;
}

static int put(struct worker *w, const struct slot *s, uint32_t id, int result,
	       const void *u)
{
	const uint32_t entries = w->view.geo.nr_entries;
	struct vtoe_completion cqe = {
		.id = id,
		.result = result,
		.slot = slot_number(w, s),
		.gen = s->gen,
	};
	uint32_t cons = vtoe_load(&w->view.queue->cq_cons);

	if (w->cq_prod - cons >= entries)
		return worker_break(
			w, "completion index %u leaves no room before %u", cons,
			w->cq_prod);
	if (u)
		memcpy(&cqe.u, u, sizeof(cqe.u));
	memcpy(&w->view.cq[w->cq_prod & (entries - 1)], &cqe, sizeof(cqe));
	/* the entry before the index */
	vtoe_store_release(&w->view.queue->cq_prod, ++w->cq_prod);
	w->outstanding--;
	if (result)
		w->counters->refused++;
	return 0;
}

int queue_complete(struct worker *w, const struct slot *s, uint32_t id,
		   int result, const void *u, bool quiet)
{
	int err = put(w, s, id, result, u);

	if (err)
		return err;
	/* unless there are so many that the guest soon has to wait for them */
	if (quiet && w->cq_prod - vtoe_load(&w->view.queue->cq_cons) <
			     w->view.geo.nr_entries / 2)
		loop_rang_late(w);
	else
		loop_rang(w, 0);
	return 0;
}
