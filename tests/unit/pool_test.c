/* SPDX-License-Identifier: GPL-2.0 */
/* Claims about where a pool places a device; and why nowhere, for people. */
#include <string.h>

#include "unit.h"
#include "../../toe-service/pool.h"

static struct config config;
static struct inventory inv;
static struct config_pool *pool;
static char text[256];

struct toe *inventory_find(struct inventory *inventory, const char *name)
{
	uint32_t i;

	for (i = 0; i < TOE_TABLE_MAX; i++)
		if (!strcmp(inventory->toe[i].conf.name, name))
			return &inventory->toe[i];
	return NULL;
}

const char *toe_state_name(uint32_t state)
{
	return state == TOE_UP ? "up" : "down";
}

/* Two that are up, "a" and "b", in that order. */
static void two_up(void)
{
	uint32_t i;

	memset(&config, 0, sizeof(config));
	memset(&inv, 0, sizeof(inv));
	inv.config = &config;
	pool = &config.pool[0];
	pool->policy = POOL_IN_ORDER;
	for (i = 0; i < 2; i++) {
		config.toe[i] = (struct config_toe){
			.name = {(char)('a' + i)}, .weight = 100};
		inv.toe[i] = (struct toe){.conf = config.toe[i], .row = i,
					  .state = TOE_UP};
		pool->toe[pool->nr_toes++] = i;
	}
}

static const char *chosen(void)
{
	const struct toe *toe = pool_choose(&inv, pool, NULL, NULL, 0);

	return toe ? toe->conf.name : "none";
}

static const char *explained(void)
{
	pool_explain(&inv, pool, text, sizeof(text));
	return text;
}

static void limit(uint32_t row, uint32_t max, uint32_t devices)
{
	inv.toe[row].conf.max_devices = max;
	inv.toe[row].devices = devices;
}

START_TEST(a_toe_without_a_limit_takes_all)
{
	two_up();
	limit(0, 0, 60000);
	ck_assert_str_eq(chosen(), "a");
}
END_TEST

START_TEST(a_toe_that_has_as_many_devices_as_it_may_is_passed_over)
{
	two_up();
	limit(0, 2, 1);
	ck_assert_str_eq(chosen(), "a");
	limit(0, 2, 2);
	ck_assert_str_eq(chosen(), "b");
	pool->policy = POOL_LEAST_LOADED;
	inv.toe[1].load = 1000;
	ck_assert_str_eq(chosen(), "b");
}
END_TEST

START_TEST(one_that_has_more_than_it_may_by_now_takes_none)
{
	two_up();
	limit(0, 1, 3);
	ck_assert_str_eq(chosen(), "b");
}
END_TEST

START_TEST(a_full_one_is_no_resort_when_it_is_degraded)
{
	two_up();
	inv.toe[0].state = TOE_DEGRADED;
	inv.toe[1].state = TOE_DOWN;
	ck_assert_str_eq(chosen(), "a");
	limit(0, 1, 1);
	ck_assert_str_eq(chosen(), "none");
}
END_TEST

START_TEST(it_is_said_of_each_why_not)
{
	two_up();
	limit(0, 1, 1);
	inv.toe[1].conf.capacity = inv.toe[1].load = 5;
	ck_assert_str_eq(chosen(), "none");
	ck_assert_str_eq(explained(),
			 "a: has as many devices as it may (max-devices); "
			 "b: has as many connections as it may (capacity)");
	inv.toe[1].state = TOE_DOWN;
	strcpy(inv.toe[1].reason, "no link");
	ck_assert_ptr_nonnull(strstr(explained(), "b: no link"));
}
END_TEST

UNIT_MAIN("pool", a_toe_without_a_limit_takes_all,
	  a_toe_that_has_as_many_devices_as_it_may_is_passed_over,
	  one_that_has_more_than_it_may_by_now_takes_none,
	  a_full_one_is_no_resort_when_it_is_degraded,
	  it_is_said_of_each_why_not)
