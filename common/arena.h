/* SPDX-License-Identifier: GPL-2.0 */
/*
 * arena.h - hands out runs (power-of-two numbers of pages) of an arena.
 *
 * A buddy allocator whose book-keeping lies outside the arena, in memory that
 * the peer cannot see. The producer of a direction owns its arena: the guest
 * allocates from the TX arena, the worker from the RX arena. Compiles in the
 * kernel and in user space. Not locked; any context.
 */
#ifndef COMMON_ARENA_H
#define COMMON_ARENA_H

#include "../xenstore-schema/vtoe_wire.h"

#define ARENA_NIL 0xffffffffu

struct arena_page {
	uint32_t next, prev; /* free list; ARENA_NIL ends it */
	uint8_t order;
	uint8_t free;  /* first page of a free run */
	uint8_t taken; /* first page of a run that was handed out */
};

struct arena {
	uint32_t nr_pages;
	uint32_t nr_free;
	uint32_t nr_runs; /* handed out */
	uint32_t head[VTOE_MAX_RUN_ORDER + 1];
	struct arena_page *page;
};

/**
 * arena_init - all pages free
 * @arena: initialised
 * @page: @nr_pages elements, zeroed; the caller owns them and frees them after
 *        the last use of @arena
 * @nr_pages: pages of the arena
 */
void arena_init(struct arena *arena, struct arena_page *page,
		uint32_t nr_pages);

/**
 * arena_alloc - take a run
 * @arena: the arena
 * @order: log2 of the pages wanted, at most VTOE_MAX_RUN_ORDER
 *
 * Returns the run (VTOE_RUN_VALID set), or VTOE_RUN_NONE if there is none of
 * that size. Does not fall back to a smaller one.
 */
uint32_t arena_alloc(struct arena *arena, uint32_t order);

/**
 * arena_free - give a run back
 * @arena: the arena
 * @run: from arena_alloc() of the same arena, or VTOE_RUN_NONE
 *
 * Returns 0, or -EINVAL if @run is not one that was handed out.
 */
int arena_free(struct arena *arena, uint32_t run);

/**
 * arena_fair_order - how large a run is fair now
 * @arena: the arena
 *
 * Returns log2 of the pages that each could have if all who have a run had an
 * equal one: at most VTOE_MAX_RUN_ORDER. As a hint, without the owner's lock, too.
 */
uint32_t arena_fair_order(const struct arena *arena);

#endif /* COMMON_ARENA_H */
