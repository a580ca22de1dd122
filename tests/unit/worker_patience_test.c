/* SPDX-License-Identifier: GPL-2.0 */
#include "unit.h"
#include "../../backend/worker/patience.h"

/* How many of @sleeps were put off, if nothing ever came. */
static unsigned int in_vain(struct patience *p, unsigned int sleeps)
{
	unsigned int tries = 0;

	while (sleeps--) {
		if (!patience_try(p))
			continue;
		tries++;
		patience_learn(p, false);
	}
	return tries;
}

/* How many sleeps were not put off before the next one that was. */
static unsigned int skipped(struct patience *p)
{
	unsigned int n = 0;

	while (!patience_try(p))
		n++;
	return n;
}

START_TEST(a_new_one_tries)
{
	struct patience p = {0};

	ck_assert(patience_try(&p));
}
END_TEST

START_TEST(what_is_always_worth_while_is_always_tried)
{
	struct patience p = {0};
	int i;

	for (i = 0; i < 1000; i++) {
		ck_assert(patience_try(&p));
		patience_learn(&p, true);
	}
}
END_TEST

START_TEST(after_each_one_in_vain_more_sleeps_are_not_put_off)
{
	struct patience p = {0};
	unsigned int last = 0, n;

	while (last < PATIENCE_SKIP_MAX) {
		patience_learn(&p, false);
		n = skipped(&p);
		ck_assert_uint_gt(n, last);
		last = n;
	}
}
END_TEST

START_TEST(what_is_never_worth_while_costs_next_to_nothing)
{
	struct patience p = {0};

	in_vain(&p, 1000);
	ck_assert_uint_le(in_vain(&p, 33000), 1000);
}
END_TEST

/* A guest that was quiet for years gets its answers soon when it begins to ask. */
START_TEST(it_is_never_given_up_for_good)
{
	struct patience p = {0};

	in_vain(&p, 1000000);
	ck_assert_uint_le(skipped(&p), PATIENCE_SKIP_MAX);
}
END_TEST

START_TEST(once_worth_while_it_is_tried_again_at_once)
{
	struct patience p = {0};

	in_vain(&p, 1000);
	skipped(&p);
	patience_learn(&p, true);
	ck_assert(patience_try(&p));
}
END_TEST

UNIT_MAIN("worker_patience", a_new_one_tries,
	  what_is_always_worth_while_is_always_tried,
	  after_each_one_in_vain_more_sleeps_are_not_put_off,
	  what_is_never_worth_while_costs_next_to_nothing,
	  it_is_never_given_up_for_good,
	  once_worth_while_it_is_tried_again_at_once)
