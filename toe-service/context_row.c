/* SPDX-License-Identifier: GPL-2.0 */
#include <string.h>

#include "../common/ring.h"
#include "context_parts.h"

struct toe_tally *context_tally_of(struct contexts *cs, int toe)
{
	const struct place_candidate *on = &cs->candidate[toe];
	struct toe_tally *tally;

	if (on->row >= TOE_TABLE_MAX)
		return NULL;
	tally = &cs->table->tally[on->row];
	if (tally->generation != on->generation) /* another TOE's */
		*tally = (struct toe_tally){.generation = on->generation};
	return tally;
}

struct context_row *context_row_begin(struct contexts *cs, uint32_t slot)
{
	struct context_row *row = &cs->table->row[slot];

	vtoe_store(&row->seq, row->seq + 1);
	/* a reader that sees what follows also sees the odd number */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	return row;
}

void context_row_end(struct contexts *cs, struct context_row *row)
{
	vtoe_store_release(&row->seq, row->seq + 1);
	vtoe_doorbell_ring(cs->table->dirty, cs->table->dirty_summary,
			   row->slot);
}

void context_row_state(struct contexts *cs, struct context_row *row,
		      enum context_state state)
{
	row->state = state;
	row->since_ns = cs->now_ns;
}

/* A row for a new life of @slot, all but empty; to be ended. */
struct context_row *context_row_new(struct contexts *cs, uint32_t slot,
				   uint32_t generation)
{
	struct context_row *row = context_row_begin(cs, slot);
	uint32_t seq = row->seq;

	memset(row, 0, sizeof(*row));
	vtoe_store(&row->seq, seq);
	row->slot = slot;
	row->generation = generation;
	row->resolved.toe = -1;
	return row;
}

void context_row_place(struct contexts *cs, struct context_row *row, int toe)
{
	row->resolved.toe = (int32_t)cs->candidate[toe].row;
	row->resolved.toe_generation = cs->candidate[toe].generation;
}
