/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <string.h>

#include "../common/atomic.h"
#include "place.h"

/* A row changes about once a second; this many misses mean a dead writer. */
#define READ_TRIES 1000

int place_row_read(const struct toe_table *table, uint32_t row,
		   struct toe_row *copy)
{
	const struct toe_row *r;
	struct toe_row c;
	int i;

	if (row >= TOE_TABLE_MAX)
		return -EINVAL;
	r = &table->row[row];
	for (i = 0; i < READ_TRIES; i++) {
		uint32_t seq = vtoe_load_acquire(&r->seq);

		if (seq & 1)
			continue;
		memcpy(&c, r, sizeof(c));
		/* the copy is complete before the number is looked at again */
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (vtoe_load(&r->seq) == seq) {
			*copy = c;
			return 0;
		}
	}
	return -EAGAIN;
}

/* The smaller the better; -1: not to be chosen. */
static int rank(const struct toe_row *row)
{
	switch (row->state) {
	case TOE_UP:
		return 0;
	case TOE_DEGRADED:
		return 1;
	case TOE_DOWN:
		return 2;
	default:
		return -1;
	}
}

int place_choose(const struct toe_table *table,
		 const struct place_candidate *candidate, unsigned int nr)
{
	int best = -ENETDOWN, best_rank = 0;
	uint64_t best_load = 0;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		struct toe_row row;
		uint64_t load;
		int r;

		if (place_row_read(table, candidate[i].row, &row) ||
		    row.generation != candidate[i].generation)
			continue;
		r = rank(&row);
		if (r < 0 || (row.capacity && row.load >= row.capacity))
			continue;
		/* vtoed's count lags; one's own is exact but partial */
		load = ((uint64_t)row.load + candidate[i].load) * 1000 /
		       (row.weight ? row.weight : 1);
		if (best < 0 || r < best_rank ||
		    (r == best_rank && load < best_load)) {
			best = (int)i;
			best_rank = r;
			best_load = load;
		}
	}
	return best;
}
