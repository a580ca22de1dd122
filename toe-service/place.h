/* SPDX-License-Identifier: GPL-2.0 */
/*
 * place.h - placement: which of a device's TOEs carries the next connection.
 *
 * Reads the TOE table, which vtoed changes at any time; makes no system call, but that
 * the clock may be one where a TOE is drained.
 */
#ifndef TOE_SERVICE_PLACE_H
#define TOE_SERVICE_PLACE_H

#include "tables.h"

/* A TOE that may be chosen. */
struct place_candidate {
	uint32_t row;	     /* in the TOE table */
	uint32_t generation; /* of that row; another one: the TOE is gone */
	uint32_t load;	     /* connections that the caller has on it */
	int32_t credit;	     /* "weighted": what it still is to get */
	uint64_t turn;	     /* "round-robin": of its last connection */
};

#define PLACE_CANDIDATES_MAX CONTEXT_TOES_MAX

struct place_query {
	uint32_t pool;		      /* row of the pool in the TOE table */
	uint32_t among;		      /* bits: candidates that will do */
	const struct vtoe_addr *peer; /* NULL: not known yet */
};

/**
 * place_row_read - a consistent copy of a row of the TOE table
 * @table: mapped, maybe changing
 * @row: its number, checked here
 * @copy: filled in on success only
 *
 * Returns 0, -EINVAL for a number outside of the table, -EAGAIN if the row
 * keeps changing. Any thread; no system call.
 */
int place_row_read(const struct toe_table *table, uint32_t row,
		   struct toe_row *copy);

/**
 * place_admit - may a device have one more socket?
 * @pool: row of its pool in the TOE table, or POOL_TABLE_MAX: none
 * @max: limit of the device's own; 0: none
 * @own: sockets that it has
 *
 * Of all guests of a pool vtoed's count is a little late: together they may get
 * over a limit by what they open in so short a time, each alone may not. Returns 0
 * or -ENOBUFS. No system call.
 */
int place_admit(const struct toe_table *table, uint32_t pool, uint32_t max,
		uint32_t own);

/**
 * place_choose - the best candidate
 * @table: the TOE table
 * @query: for what
 * @candidate: @nr of them, at most PLACE_CANDIDATES_MAX
 *
 * A TOE that is up comes before one that is degraded, and that before one that has
 * been drained a moment ago, as vtoed may be about to move the device; one that is down
 * comes last, so that its stack gives the program the true reason. Others that drain,
 * those that are gone, and those that are full, are not chosen. Among equals the pool's policy
 * decides, as the table has it now; without a peer, that is "in-order" if it says
 * so, and "least-loaded" if it says anything else.
 *
 * Returns the candidate's number; -ENOBUFS: all that would do are full; or
 * -ENETDOWN.
 */
int place_choose(const struct toe_table *table, const struct place_query *query,
		 struct place_candidate *candidate, unsigned int nr);

#endif /* TOE_SERVICE_PLACE_H */
