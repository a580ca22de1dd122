/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <string.h>

#include "unit.h"
#include "../../common/arena.h"
#include "../../common/ring.h"

#define PAGES_MAX 3000u

static struct arena_page page[PAGES_MAX];
static struct arena arena;

static void setup(uint32_t nr_pages)
{
	memset(page, 0, sizeof(page));
	arena_init(&arena, page, nr_pages);
}

START_TEST(gives_out_each_page_once)
{
	uint8_t seen[64] = { 0 };
	uint32_t i, run;

	setup(64);
	for (i = 0; i < 64; i++) {
		run = arena_alloc(&arena, 0);
		ck_assert(vtoe_run_ok(run, 64));
		ck_assert_uint_eq(vtoe_run_order(run), 0);
		ck_assert_uint_eq(seen[vtoe_run_page(run)]++, 0);
	}
	ck_assert_uint_eq(arena.nr_free, 0);
}
END_TEST

START_TEST(refuses_when_exhausted_and_recovers)
{
	uint32_t run;

	setup(4);
	run = arena_alloc(&arena, 2);
	ck_assert(run & VTOE_RUN_VALID);
	ck_assert_uint_eq(arena_alloc(&arena, 0), VTOE_RUN_NONE);
	ck_assert_int_eq(arena_free(&arena, run), 0);
	ck_assert(arena_alloc(&arena, 2) & VTOE_RUN_VALID);
}
END_TEST

START_TEST(does_not_fall_back_to_a_smaller_run)
{
	setup(7);
	ck_assert_uint_eq(arena_alloc(&arena, 3), VTOE_RUN_NONE);
	ck_assert(arena_alloc(&arena, 2) & VTOE_RUN_VALID);
	ck_assert_uint_eq(arena_alloc(&arena, 2), VTOE_RUN_NONE);
	ck_assert(arena_alloc(&arena, 1) & VTOE_RUN_VALID);
	ck_assert(arena_alloc(&arena, 0) & VTOE_RUN_VALID);
	ck_assert_uint_eq(arena.nr_free, 0);
}
END_TEST

START_TEST(refuses_an_order_above_the_contracts)
{
	setup(2048);
	ck_assert(arena_alloc(&arena, VTOE_MAX_RUN_ORDER) & VTOE_RUN_VALID);
	ck_assert_uint_eq(arena_alloc(&arena, VTOE_MAX_RUN_ORDER + 1),
			  VTOE_RUN_NONE);
}
END_TEST

START_TEST(refuses_a_double_free)
{
	uint32_t run;

	setup(16);
	run = arena_alloc(&arena, 1);
	ck_assert_int_eq(arena_free(&arena, run), 0);
	ck_assert_int_eq(arena_free(&arena, run), -EINVAL);
	ck_assert_uint_eq(arena.nr_free, 16);
}
END_TEST

START_TEST(refuses_a_run_that_was_not_handed_out)
{
	uint32_t run;

	setup(16);
	run = arena_alloc(&arena, 2);
	/* a part of it, the wrong order, the buddy, beyond the end */
	ck_assert_int_eq(arena_free(&arena, vtoe_run_make(
					vtoe_run_page(run) + 1, 0)), -EINVAL);
	ck_assert_int_eq(arena_free(&arena, vtoe_run_make(
					vtoe_run_page(run), 1)), -EINVAL);
	ck_assert_int_eq(arena_free(&arena, vtoe_run_make(
					vtoe_run_page(run) ^ 4, 2)), -EINVAL);
	ck_assert_int_eq(arena_free(&arena, vtoe_run_make(16, 0)), -EINVAL);
	ck_assert_int_eq(arena_free(&arena, vtoe_run_make(0, 31)), -EINVAL);
	ck_assert_int_eq(arena_free(&arena, run & ~VTOE_RUN_VALID), -EINVAL);
	ck_assert_int_eq(arena_free(&arena, run), 0);
}
END_TEST

START_TEST(freeing_none_is_harmless)
{
	setup(1);
	ck_assert_int_eq(arena_free(&arena, VTOE_RUN_NONE), 0);
	ck_assert_uint_eq(arena.nr_free, 1);
}
END_TEST

START_TEST(neighbours_merge_again)
{
	uint32_t run[1024], i;

	setup(1024);
	for (i = 0; i < 1024; i++)
		run[i] = arena_alloc(&arena, 0);
	for (i = 0; i < 1024; i += 2)
		ck_assert_int_eq(arena_free(&arena, run[i]), 0);
	ck_assert_uint_eq(arena_alloc(&arena, 1), VTOE_RUN_NONE);
	for (i = 1; i < 1024; i += 2)
		ck_assert_int_eq(arena_free(&arena, run[i]), 0);
	ck_assert(arena_alloc(&arena, 10) & VTOE_RUN_VALID);
}
END_TEST

START_TEST(a_fair_share_is_what_all_who_have_a_run_could_have)
{
	uint32_t i;

	setup(1024);
	ck_assert_uint_eq(arena_fair_order(&arena), VTOE_MAX_RUN_ORDER);
	for (i = 0; i < 64; i++)
		arena_alloc(&arena, 0);
	ck_assert_uint_eq(arena_fair_order(&arena), 4);
	i = arena_alloc(&arena, 0);
	ck_assert_uint_eq(arena_fair_order(&arena), 3);
	arena_free(&arena, i);
	ck_assert_uint_eq(arena_fair_order(&arena), 4);
	while (arena_alloc(&arena, 0) != VTOE_RUN_NONE)
		;
	ck_assert_uint_eq(arena_fair_order(&arena), 0);
}
END_TEST

/* Against a model that only knows which pages are taken. */
static void against_the_model(uint32_t nr_pages, uint32_t seed)
{
	static uint8_t taken[PAGES_MAX];
	static uint32_t held[PAGES_MAX];
	uint32_t nr_held = 0, nr_free = nr_pages, step, i, run, order, size;

	memset(taken, 0, sizeof(taken));
	setup(nr_pages);
	for (step = 0; step < 20000; step++) {
		if (unit_random(&seed) % 5 < 3) {
			order = unit_random(&seed) % 8;
			size = 1u << order;
			run = arena_alloc(&arena, order);
			if (run == VTOE_RUN_NONE) {
				uint32_t at;

				/* then no aligned range is free either */
				for (at = 0; at + size <= nr_pages; at += size)
					ck_assert_ptr_nonnull(
						memchr(taken + at, 1, size));
				continue;
			}
			ck_assert(vtoe_run_ok(run, nr_pages));
			ck_assert_uint_eq(vtoe_run_order(run), order);
			for (i = 0; i < size; i++)
				ck_assert_uint_eq(
					taken[vtoe_run_page(run) + i]++, 0);
			held[nr_held++] = run;
			nr_free -= size;
		} else if (nr_held) {
			i = unit_random(&seed) % nr_held;
			run = held[i];
			held[i] = held[--nr_held];
			size = 1u << vtoe_run_order(run);
			memset(taken + vtoe_run_page(run), 0, size);
			nr_free += size;
			ck_assert_int_eq(arena_free(&arena, run), 0);
			ck_assert_int_eq(arena_free(&arena, run), -EINVAL);
		}
		ck_assert_uint_eq(arena.nr_free, nr_free);
	}
	while (nr_held)
		ck_assert_int_eq(arena_free(&arena, held[--nr_held]), 0);
	ck_assert_uint_eq(arena.nr_free, nr_pages);
}

START_TEST(agrees_with_a_naive_model)
{
	against_the_model(1, 1);
	against_the_model(257, 2);
	against_the_model(512, 3);
	against_the_model(PAGES_MAX, 4);
}
END_TEST

UNIT_MAIN("arena", gives_out_each_page_once,
	  refuses_when_exhausted_and_recovers,
	  does_not_fall_back_to_a_smaller_run,
	  refuses_an_order_above_the_contracts, refuses_a_double_free,
	  refuses_a_run_that_was_not_handed_out, freeing_none_is_harmless,
	  neighbours_merge_again,
	  a_fair_share_is_what_all_who_have_a_run_could_have,
	  agrees_with_a_naive_model)
