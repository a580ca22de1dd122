/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

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

/*
 * A TOE that is drained is left by vtoed within this time, one guest after the other.
 * Until a guest's turn has come, what connects is moved along with the rest.
 */
#define DRAINED_NS 3000000000ull

static bool is_just_drained(const struct toe_row *row)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec -
		       row->changed_ns < DRAINED_NS;
}

/* The smaller the better; -1: not to be chosen. */
static int rank(const struct toe_row *row)
{
	switch (row->state) {
	case TOE_UP:
		return 0;
	case TOE_DEGRADED:
		return 1;
	case TOE_DRAINING:
		return is_just_drained(row) ? 2 : -1;
	case TOE_DOWN:
		return 3;
	default:
		return -1;
	}
}

/* A candidate that may be chosen, as the table has it now. */
struct option {
	unsigned int candidate;
	uint32_t row;
	uint32_t weight;
	uint64_t load;
};

struct options {
	unsigned int nr;
	bool full; /* one would do, but for its capacity */
	struct option option[PLACE_CANDIDATES_MAX];
};

/* The candidates that are as good as the best one. */
static void survey(const struct toe_table *table,
		   const struct place_query *query,
		   const struct place_candidate *candidate, unsigned int nr,
		   struct options *options)
{
	int r, best = 0;
	struct toe_row row;
	unsigned int i;

	options->nr = 0;
	options->full = false;
	for (i = 0; i < nr && i < PLACE_CANDIDATES_MAX; i++) {
		if (!(query->among >> i & 1) ||
		    place_row_read(table, candidate[i].row, &row) ||
		    row.generation != candidate[i].generation)
			continue;
		r = rank(&row);
		if (r < 0)
			continue;
		if (row.capacity && row.load >= row.capacity) {
			options->full = true;
			continue;
		}
		if (options->nr && r > best)
			continue;
		if (r < best)
			options->nr = 0;
		best = r;
		options->option[options->nr++] = (struct option){
			.candidate = i,
			.row = candidate[i].row,
			.weight = row.weight ? row.weight : 1,
			/* vtoed's count lags; one's own is exact but partial */
			.load = (uint64_t)row.load + candidate[i].load,
		};
	}
}

static bool reached(uint32_t limit, uint32_t number)
{
	return limit && number >= limit;
}

int place_admit(const struct toe_table *table, uint32_t pool, uint32_t max,
		uint32_t own)
{
	const struct pool_row *row;
	uint32_t together;

	if (reached(max, own))
		return -ENOBUFS;
	if (pool >= POOL_TABLE_MAX)
		return 0;
	row = &table->pool[pool];
	if (reached(vtoe_load(&row->max_device_sockets), own))
		return -ENOBUFS;
	together = vtoe_load(&row->max_sockets);
	if (reached(together, own) ||
	    reached(together, vtoe_load(&row->sockets)))
		return -ENOBUFS;
	return 0;
}

/* ---- policies: which of the options, of which there is one at least ---- */

static unsigned int least_loaded(const struct options *options)
{
	const struct option *o = options->option;
	unsigned int i, best = 0;

	for (i = 1; i < options->nr; i++)
		if (o[i].load * o[best].weight < o[best].load * o[i].weight)
			best = i;
	return best;
}

static unsigned int first(const struct toe_table *table,
			  const struct place_query *query,
			  const struct options *options)
{
	const uint8_t *position = table->pool[query->pool].position;
	const struct option *o = options->option;
	unsigned int i, best = 0;

	for (i = 1; i < options->nr; i++)
		if (vtoe_load(&position[o[i].row]) <
		    vtoe_load(&position[o[best].row]))
			best = i;
	return best;
}

/* The one whose last connection was the longest ago. */
static unsigned int in_turn(const struct options *options,
			    struct place_candidate *candidate)
{
	const struct option *o = options->option;
	unsigned int i, best = 0;
	uint64_t last = 0;

	for (i = 0; i < options->nr; i++) {
		if (candidate[o[i].candidate].turn > last)
			last = candidate[o[i].candidate].turn;
		if (candidate[o[i].candidate].turn <
		    candidate[o[best].candidate].turn)
			best = i;
	}
	candidate[o[best].candidate].turn = last + 1;
	return best;
}

/*
 * Each earns its weight with each connection, and who gets it pays for all: so
 * the heavy ones are spread among the light ones.
 */
static unsigned int by_weight(const struct options *options,
			      struct place_candidate *candidate)
{
	const struct option *o = options->option;
	unsigned int i, best = 0;
	int32_t total = 0;

	for (i = 0; i < options->nr; i++) {
		candidate[o[i].candidate].credit += (int32_t)o[i].weight;
		total += (int32_t)o[i].weight;
		if (candidate[o[i].candidate].credit >
		    candidate[o[best].candidate].credit)
			best = i;
	}
	candidate[o[best].candidate].credit -= total;
	return best;
}

/* FNV-1a, and a mix of its bits, of which the upper ones are weak. */
static uint64_t hash(const struct vtoe_addr *peer, uint32_t row)
{
	uint64_t h = 0xcbf29ce484222325ull ^ row;
	unsigned int i;

	for (i = 0; i < sizeof(peer->addr); i++)
		h = (h ^ peer->addr[i]) * 0x100000001b3ull;
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93ull;
	return h ^ h >> 32;
}

/*
 * Highest random weight: when a TOE goes, only its peers go elsewhere (Thaler
 * and Ravishankar, "Using name-based mappings to increase hit rates", 1998).
 */
static unsigned int by_hash(const struct options *options,
			    const struct vtoe_addr *peer)
{
	unsigned int i, best = 0;

	for (i = 1; i < options->nr; i++)
		if (hash(peer, options->option[i].row) >
		    hash(peer, options->option[best].row))
			best = i;
	return best;
}

int place_choose(const struct toe_table *table, const struct place_query *query,
		 struct place_candidate *candidate, unsigned int nr)
{
	uint32_t policy = POOL_LEAST_LOADED;
	struct options options;
	unsigned int best;

	survey(table, query, candidate, nr, &options);
	if (!options.nr)
		return options.full ? -ENOBUFS : -ENETDOWN;
	if (query->pool < POOL_TABLE_MAX)
		policy = vtoe_load(&table->pool[query->pool].policy);
	/* a socket without a peer is no connection yet, and takes no turn */
	if (!query->peer && policy != POOL_IN_ORDER)
		policy = POOL_LEAST_LOADED;
	switch (policy) {
	case POOL_IN_ORDER:
		best = first(table, query, &options);
		break;
	case POOL_ROUND_ROBIN:
		best = in_turn(&options, candidate);
		break;
	case POOL_WEIGHTED:
		best = by_weight(&options, candidate);
		break;
	case POOL_HASH:
		best = by_hash(&options, query->peer);
		break;
	default:
		best = least_loaded(&options);
	}
	return (int)options.option[best].candidate;
}
