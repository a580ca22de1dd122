/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "unit.h"
#include "../../toe-service/place.h"

#define NR 3u

static struct toe_table table;
static struct place_candidate candidate[NR];
static const struct vtoe_addr one = {.family = VTOE_INET, .addr = {192, 0, 2}};
static const struct vtoe_addr *peer;

/* Three TOEs, up, alike, without load. */
static void setup(void)
{
	uint32_t i;

	memset(&table, 0, sizeof(table));
	memset(candidate, 0, sizeof(candidate));
	peer = &one;
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
	struct place_query query = {.pool = 1, .among = ~0u, .peer = peer};

	return place_choose(&table, &query, candidate, NR);
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

START_TEST(one_that_was_drained_just_now_is_a_resort)
{
	struct timespec now;

	setup();
	clock_gettime(CLOCK_MONOTONIC, &now);
	table.row[5].state = TOE_DOWN;
	table.row[6].state = TOE_DRAINING;
	table.row[6].changed_ns = (uint64_t)now.tv_sec * 1000000000ull +
				  (uint64_t)now.tv_nsec;
	table.row[7].state = TOE_DEGRADED;
	ck_assert_int_eq(choose(), 2);
	table.row[7].state = TOE_GONE;
	ck_assert_int_eq(choose(), 1);
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

START_TEST(when_all_are_full_that_is_the_reason)
{
	uint32_t i;

	setup();
	for (i = 5; i < 8; i++)
		table.row[i].capacity = table.row[i].load = 7;
	ck_assert_int_eq(choose(), -ENOBUFS);
	for (i = 5; i < 8; i++)
		table.row[i].state = TOE_GONE;
	ck_assert_int_eq(choose(), -ENETDOWN);
}
END_TEST

START_TEST(limits_of_pool_and_device_are_kept)
{
	setup();
	ck_assert_int_eq(place_admit(&table, 1, 0, 1000000), 0);
	ck_assert_int_eq(place_admit(&table, 1, 5, 4), 0);
	ck_assert_int_eq(place_admit(&table, 1, 5, 5), -ENOBUFS);
	table.pool[1].max_device_sockets = 3;
	ck_assert_int_eq(place_admit(&table, 1, 5, 2), 0);
	ck_assert_int_eq(place_admit(&table, 1, 5, 3), -ENOBUFS);
	ck_assert_int_eq(place_admit(&table, POOL_TABLE_MAX, 5, 3), 0);
	table.pool[1].max_device_sockets = 0;
	table.pool[1].max_sockets = 10;
	table.pool[1].sockets = 9;
	ck_assert_int_eq(place_admit(&table, 1, 0, 2), 0);
	table.pool[1].sockets = 10;
	ck_assert_int_eq(place_admit(&table, 1, 0, 2), -ENOBUFS);
	/* vtoed has not counted yet */
	table.pool[1].sockets = 0;
	ck_assert_int_eq(place_admit(&table, 1, 0, 10), -ENOBUFS);
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
	struct place_query query = {.among = ~0u};

	setup();
	ck_assert_int_eq(place_choose(&table, &query, candidate, 0),
			 -ENETDOWN);
}
END_TEST

START_TEST(only_those_asked_for_are_taken)
{
	struct place_query query = {.among = 1u << 2};

	setup();
	candidate[2].load = 100;
	ck_assert_int_eq(place_choose(&table, &query, candidate, NR), 2);
	query.among = 0;
	ck_assert_int_eq(place_choose(&table, &query, candidate, NR),
			 -ENETDOWN);
}
END_TEST

START_TEST(in_order_takes_the_first_of_the_pools_list)
{
	setup();
	table.pool[1].policy = POOL_IN_ORDER;
	table.pool[1].position[5] = 2;
	table.pool[1].position[6] = 0;
	table.pool[1].position[7] = 1;
	candidate[1].load = 1000;
	ck_assert_int_eq(choose(), 1);
	table.row[6].state = TOE_DOWN;
	ck_assert_int_eq(choose(), 2);
}
END_TEST

START_TEST(round_robin_takes_each_in_turn)
{
	setup();
	table.pool[1].policy = POOL_ROUND_ROBIN;
	candidate[1].load = 1000;
	ck_assert_int_eq(choose(), 0);
	ck_assert_int_eq(choose(), 1);
	ck_assert_int_eq(choose(), 2);
	ck_assert_int_eq(choose(), 0);
}
END_TEST

START_TEST(round_robin_leaves_out_one_that_is_down)
{
	setup();
	table.pool[1].policy = POOL_ROUND_ROBIN;
	table.row[6].state = TOE_DOWN;
	ck_assert_int_eq(choose(), 0);
	ck_assert_int_eq(choose(), 2);
	ck_assert_int_eq(choose(), 0);
}
END_TEST

START_TEST(weighted_gives_each_its_share)
{
	unsigned int i, got[NR] = {0};

	setup();
	table.pool[1].policy = POOL_WEIGHTED;
	table.row[5].weight = 5;
	table.row[6].weight = 2;
	candidate[0].load = 1000;
	for (i = 0; i < 80; i++)
		got[choose()]++;
	ck_assert_uint_eq(got[0], 50);
	ck_assert_uint_eq(got[1], 20);
	ck_assert_uint_eq(got[2], 10);
}
END_TEST

/* Where each of 256 peers goes; returns how many go to @to. */
static unsigned int spread(int *where, int to)
{
	struct vtoe_addr addr = {.family = VTOE_INET, .addr = {192, 0, 2}};
	unsigned int i, n = 0;

	peer = &addr;
	for (i = 0; i < 256; i++) {
		addr.addr[3] = (uint8_t)i;
		where[i] = choose();
		n += where[i] == to;
	}
	return n;
}

START_TEST(hash_spreads_the_peers)
{
	int where[256], i;

	setup();
	table.pool[1].policy = POOL_HASH;
	for (i = 0; i < (int)NR; i++)
		ck_assert_uint_gt(spread(where, i), 256 / NR / 2);
}
END_TEST

START_TEST(hash_keeps_a_peer_where_it_is_when_another_toe_goes)
{
	int before[256], after[256], i;

	setup();
	table.pool[1].policy = POOL_HASH;
	spread(before, 0);
	candidate[0].load = 1000;
	table.row[7].state = TOE_GONE;
	ck_assert_uint_eq(spread(after, 2), 0);
	for (i = 0; i < 256; i++)
		if (before[i] != 2)
			ck_assert_int_eq(after[i], before[i]);
}
END_TEST

START_TEST(what_has_no_peer_yet_takes_no_turn)
{
	setup();
	table.pool[1].policy = POOL_ROUND_ROBIN;
	peer = NULL;
	candidate[0].load = 1;
	ck_assert_int_eq(choose(), 1);
	ck_assert_int_eq(choose(), 1);
	peer = &one;
	ck_assert_int_eq(choose(), 0);
}
END_TEST

START_TEST(a_new_policy_is_followed_at_once)
{
	setup();
	candidate[0].load = 1;
	ck_assert_int_eq(choose(), 1);
	table.pool[1].policy = POOL_IN_ORDER;
	ck_assert_int_eq(choose(), 0);
}
END_TEST

UNIT_MAIN("worker_place", the_first_of_equals_is_taken,
	  the_least_loaded_is_taken, weight_counts, a_degraded_one_is_avoided,
	  a_draining_one_takes_nothing_new,
	  one_that_was_drained_just_now_is_a_resort, one_that_is_down_is_the_last_resort,
	  a_full_one_is_not_taken, when_all_are_full_that_is_the_reason,
	  limits_of_pool_and_device_are_kept, a_row_that_was_reused_is_not_taken,
	  a_row_out_of_range_is_not_taken,
	  a_row_that_is_never_finished_is_given_up,
	  without_candidates_there_is_no_network,
	  only_those_asked_for_are_taken,
	  in_order_takes_the_first_of_the_pools_list,
	  round_robin_takes_each_in_turn,
	  round_robin_leaves_out_one_that_is_down,
	  weighted_gives_each_its_share, hash_spreads_the_peers,
	  hash_keeps_a_peer_where_it_is_when_another_toe_goes,
	  what_has_no_peer_yet_takes_no_turn,
	  a_new_policy_is_followed_at_once)
