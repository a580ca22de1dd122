/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <string.h>

#include "unit.h"
#include "../../toe-service/place.h"

#define NR 3u

static struct toe_table table;
static struct place_candidate candidate[NR];

/* Three TOEs, up, alike, without load. */
static void setup(void)
{
	uint32_t i;

	memset(&table, 0, sizeof(table));
	memset(candidate, 0, sizeof(candidate));
	for (i = 0; i < NR; i++) {
		table.row[i + 5].state = TOE_UP;
		table.row[i + 5].weight = 1;
		table.row[i + 5].generation = i + 1;
		candidate[i].row = i + 5;
		candidate[i].generation = i + 1;
	}
}

static int choose(void)
{
	return place_choose(&table, candidate, NR);
}

START_TEST(the_first_of_equals_is_taken)
{
	setup();
	ck_assert_int_eq(choose(), 0);
}
END_TEST

START_TEST(the_least_loaded_is_taken)
{
	setup();
	table.row[5].load = 2;
	candidate[1].load = 3;
	table.row[7].load = 1;
	ck_assert_int_eq(choose(), 2);
}
END_TEST

START_TEST(weight_counts)
{
	setup();
	table.row[5].load = 10;
	table.row[6].load = 20;
	table.row[6].weight = 3;
	table.row[7].load = 10;
	ck_assert_int_eq(choose(), 1);
}
END_TEST

START_TEST(a_degraded_one_is_avoided)
{
	setup();
	table.row[5].state = TOE_DEGRADED;
	table.row[6].load = 1000;
	table.row[7].state = TOE_DOWN;
	ck_assert_int_eq(choose(), 1);
	table.row[6].state = TOE_GONE;
	ck_assert_int_eq(choose(), 0);
}
END_TEST

START_TEST(a_draining_one_takes_nothing_new)
{
	setup();
	table.row[5].state = TOE_DRAINING;
	table.row[6].state = TOE_DRAINING;
	table.row[7].state = TOE_GONE;
	ck_assert_int_eq(choose(), -ENETDOWN);
}
END_TEST

START_TEST(one_that_is_down_is_the_last_resort)
{
	setup();
	table.row[5].state = TOE_GONE;
	table.row[6].state = TOE_DOWN;
	table.row[7].state = TOE_ABSENT;
	ck_assert_int_eq(choose(), 1);
}
END_TEST

START_TEST(a_full_one_is_not_taken)
{
	setup();
	table.row[5].capacity = table.row[5].load = 7;
	table.row[6].load = 100;
	table.row[7].load = 101;
	ck_assert_int_eq(choose(), 1);
}
END_TEST

START_TEST(a_row_that_was_reused_is_not_taken)
{
	setup();
	table.row[5].generation++;
	ck_assert_int_eq(choose(), 1);
}
END_TEST

START_TEST(a_row_out_of_range_is_not_taken)
{
	setup();
	candidate[0].row = TOE_TABLE_MAX;
	candidate[1].row = UINT32_MAX;
	ck_assert_int_eq(choose(), 2);
}
END_TEST

START_TEST(a_row_that_is_never_finished_is_given_up)
{
	struct toe_row row;

	setup();
	table.row[5].seq = 1;
	ck_assert_int_eq(place_row_read(&table, 5, &row), -EAGAIN);
	ck_assert_int_eq(choose(), 1);
}
END_TEST

START_TEST(without_candidates_there_is_no_network)
{
	setup();
	ck_assert_int_eq(place_choose(&table, candidate, 0), -ENETDOWN);
}
END_TEST

UNIT_MAIN("worker_place", the_first_of_equals_is_taken,
	  the_least_loaded_is_taken, weight_counts, a_degraded_one_is_avoided,
	  a_draining_one_takes_nothing_new, one_that_is_down_is_the_last_resort,
	  a_full_one_is_not_taken, a_row_that_was_reused_is_not_taken,
	  a_row_out_of_range_is_not_taken,
	  a_row_that_is_never_finished_is_given_up,
	  without_candidates_there_is_no_network)
