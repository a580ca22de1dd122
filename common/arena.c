/* SPDX-License-Identifier: GPL-2.0 */
#ifdef __KERNEL__
#include <linux/errno.h>
#else
#include <errno.h>
#endif

#include "arena.h"
#include "ring.h"

static void list_add(struct arena *a, uint32_t page, uint32_t order)
{
	struct arena_page *p = &a->page[page];

	p->order = (uint8_t)order;
	p->free = 1;
	p->prev = ARENA_NIL;
	p->next = a->head[order];
	if (p->next != ARENA_NIL)
		a->page[p->next].prev = page;
	a->head[order] = page;
}

static void list_del(struct arena *a, uint32_t page)
{
	struct arena_page *p = &a->page[page];

	if (p->prev != ARENA_NIL)
		a->page[p->prev].next = p->next;
	else
		a->head[p->order] = p->next;
	if (p->next != ARENA_NIL)
		a->page[p->next].prev = p->prev;
	p->free = 0;
}

/* Merge with free buddies as far as that goes, then put on a free list. */
static void give(struct arena *a, uint32_t page, uint32_t order)
{
	while (order < VTOE_MAX_RUN_ORDER) {
		uint32_t buddy = page ^ (1u << order);

		if (buddy >= a->nr_pages || !a->page[buddy].free ||
		    a->page[buddy].order != order)
			break;
		list_del(a, buddy);
		page &= ~(1u << order);
		order++;
	}
	list_add(a, page, order);
}

void arena_init(struct arena *a, struct arena_page *page, uint32_t nr_pages)
{
	uint32_t at = 0, order;

	a->nr_pages = nr_pages;
	a->nr_free = nr_pages;
	a->nr_runs = 0;
	a->page = page;
	for (order = 0; order <= VTOE_MAX_RUN_ORDER; order++)
		a->head[order] = ARENA_NIL;
	while (at < nr_pages) {
		order = VTOE_MAX_RUN_ORDER;
		while ((at & ((1u << order) - 1)) ||
		       nr_pages - at < (1u << order))
			order--;
		list_add(a, at, order);
		at += 1u << order;
	}
}

uint32_t arena_alloc(struct arena *a, uint32_t order)
{
	uint32_t o = order, page;

	while (o <= VTOE_MAX_RUN_ORDER && a->head[o] == ARENA_NIL)
		o++;
	if (o > VTOE_MAX_RUN_ORDER)
		return VTOE_RUN_NONE;
	page = a->head[o];
	list_del(a, page);
	while (o > order) {
		o--;
		list_add(a, page + (1u << o), o);
	}
	a->page[page].order = (uint8_t)order;
	a->page[page].taken = 1;
	a->nr_free -= 1u << order;
	a->nr_runs++;
	return vtoe_run_make(page, order);
}

int arena_free(struct arena *a, uint32_t run)
{
	uint32_t page = vtoe_run_page(run), order = vtoe_run_order(run);

	if (run == VTOE_RUN_NONE)
		return 0;
	if (!vtoe_run_ok(run, a->nr_pages) || !a->page[page].taken ||
	    a->page[page].order != order)
		return -EINVAL;
	a->page[page].taken = 0;
	a->nr_free += 1u << order;
	a->nr_runs--;
	give(a, page, order);
	return 0;
}

uint32_t arena_fair_order(const struct arena *a)
{
	uint32_t runs = vtoe_load(&a->nr_runs), order = 0;

	while (order < VTOE_MAX_RUN_ORDER &&
	       (uint64_t)runs << (order + 1) <= a->nr_pages)
		order++;
	return order;
}
