/* SPDX-License-Identifier: GPL-2.0 */
#include <stdio.h>
#include <string.h>

#include "pool.h"

_Static_assert(TOE_TABLE_MAX <= 64, "one bit a row");

/* Work a TOE has, of what it can carry: cross-multiplied by the caller. */
static uint64_t burden(const struct toe *toe)
{
	/* a device without connections still is a guest that will have some */
	return (uint64_t)toe->load + toe->devices + 1;
}

static int lighter(const struct toe *a, const struct toe *b)
{
	return burden(a) * b->conf.weight < burden(b) * a->conf.weight;
}

/* Those that are there already, after a reload say, stay. */
static bool has_all_devices(const struct toe *toe)
{
	return toe->conf.max_devices && toe->devices >= toe->conf.max_devices;
}

static bool has_all_sockets(const struct toe *toe)
{
	return toe->conf.capacity && toe->load >= toe->conf.capacity;
}

static struct toe *choose(struct inventory *inv, const struct config_pool *pool,
			  const char *segment, const char *driver,
			  uint64_t tried, enum toe_state state)
{
	struct toe *best = NULL, *toe;
	uint32_t i;

	for (i = 0; i < pool->nr_toes; i++) {
		toe = inventory_find(inv, inv->config->toe[pool->toe[i]].name);
		if (!toe || toe->state != state || (tried >> toe->row & 1))
			continue;
		if (segment && strcmp(toe->conf.segment, segment))
			continue;
		if (driver && strcmp(toe->conf.driver, driver))
			continue;
		if (has_all_devices(toe) || has_all_sockets(toe))
			continue;
		if (pool->policy == POOL_IN_ORDER)
			return toe;
		if (!best || lighter(toe, best))
			best = toe;
	}
	return best;
}

struct toe *pool_choose(struct inventory *inv, const struct config_pool *pool,
			const char *segment, const char *driver,
			uint64_t tried)
{
	struct toe *toe = choose(inv, pool, segment, driver, tried, TOE_UP);

	/* better than none, but no reason to leave another one */
	if (!toe && !segment)
		toe = choose(inv, pool, segment, driver, tried, TOE_DEGRADED);
	return toe;
}

/* Its place in the pool's list; behind the last one if it is in none. */
static uint32_t position(const struct inventory *inv,
			 const struct config_pool *pool, const struct toe *toe)
{
	uint32_t i;

	for (i = 0; i < pool->nr_toes; i++)
		if (!strcmp(inv->config->toe[pool->toe[i]].name,
			    toe->conf.name))
			break;
	return i;
}

bool pool_has(const struct inventory *inv, const struct config_pool *pool,
	      const struct toe *toe)
{
	return position(inv, pool, toe) < pool->nr_toes;
}

bool pool_better(const struct inventory *inv, const struct config_pool *pool,
		 const struct toe *now, const struct toe *other)
{
	if (pool->policy == POOL_IN_ORDER)
		return position(inv, pool, other) < position(inv, pool, now);
	/* devices alone: with each goes its load, which is not known so finely */
	return (uint64_t)(other->devices + 1) * now->conf.weight <
	       (uint64_t)now->devices * other->conf.weight;
}

/* Why a new device has not come to it. */
static const char *refusal(const struct toe *toe)
{
	if (!toe)
		return "not in the table";
	if (toe->state == TOE_UP && has_all_devices(toe))
		return "has as many devices as it may (max-devices)";
	if (toe->state == TOE_UP && has_all_sockets(toe))
		return "has as many connections as it may (capacity)";
	return toe->reason[0] ? toe->reason : toe_state_name(toe->state);
}

void pool_explain(struct inventory *inv, const struct config_pool *pool,
		  char *text, size_t size)
{
	const struct toe *toe;
	const char *name;
	size_t len = 0;
	uint32_t i;

	if (!pool->nr_toes)
		snprintf(text, size, "no toe is configured in vtoed.conf");
	for (i = 0; i < pool->nr_toes && len < size; i++) {
		name = inv->config->toe[pool->toe[i]].name;
		toe = inventory_find(inv, name);
		len += (size_t)snprintf(text + len, size - len, "%s%s: %s",
					i ? "; " : "", name, refusal(toe));
	}
}
