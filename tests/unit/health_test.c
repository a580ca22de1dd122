/* SPDX-License-Identifier: GPL-2.0 */
/* Claims about who may have a TOE degraded, and for how long. */
#include <string.h>

#include "unit.h"
#include "../../toe-service/health.h"

#define WINDOW (HEALTH_WINDOW_S * HEALTH_S)

static struct health health;
static uint64_t now;

static void setup(void)
{
	memset(&health, 0, sizeof(health));
	now = 1000 * HEALTH_S;
}

static struct health_report says(uint32_t guest, uint64_t operations,
				 uint64_t failures)
{
	return (struct health_report){.guest = guest,
				      .placed = true,
				      .operations = operations,
				      .failures = failures};
}

/* The end of a window with such reports; true if something has changed. */
static bool window(struct health_report *report, size_t nr)
{
	now += WINDOW;
	return health_judge(&health, report, health_sort(report, nr), now);
}

#define WINDOW_OF(...)                                               \
	({                                                           \
		struct health_report r_[] = {__VA_ARGS__};           \
		window(r_, sizeof(r_) / sizeof(r_[0]));              \
	})

/* Windows without a vote, until it is good again; how long it took. */
static uint64_t recover(void)
{
	uint64_t from = now;

	while (health.bad) {
		WINDOW_OF(says(1, 100, 0));
		ck_assert_uint_le(now - from, 2 * HEALTH_QUIET_MAX_NS);
	}
	return now - from;
}

START_TEST(the_only_guest_may_have_its_toe_degraded)
{
	setup();
	ck_assert(WINDOW_OF(says(1, 40, 12)));
	ck_assert(health.bad);
	ck_assert_str_eq(health.reason, "12 of 40 operations failed in 5 s");
}
END_TEST

START_TEST(few_or_rare_failures_are_no_vote)
{
	setup();
	ck_assert(!WINDOW_OF(says(1, 4, 4)));
	ck_assert(!WINDOW_OF(says(1, 100, 24)));
	ck_assert(!health.bad);
	ck_assert(WINDOW_OF(says(1, 100, 25)));
}
END_TEST

static struct health_report hears_nothing(uint32_t guest, uint32_t seconds)
{
	struct health_report report = says(guest, 0, 0);

	report.silent = seconds;
	return report;
}

START_TEST(an_engine_that_does_not_answer_is_bad)
{
	setup();
	ck_assert(!WINDOW_OF(hears_nothing(1, HEALTH_SILENT_S - 1)));
	ck_assert(WINDOW_OF(hears_nothing(1, HEALTH_SILENT_S)));
	ck_assert_str_eq(health.reason, "does not answer");
}
END_TEST

START_TEST(silence_is_a_vote_as_failures_are)
{
	setup();
	ck_assert(!WINDOW_OF(hears_nothing(1, 9), says(2, 0, 0)));
	ck_assert(!WINDOW_OF(hears_nothing(1, 9), hears_nothing(2, 9),
			     says(3, 9, 0), says(4, 9, 0), says(5, 9, 0)));
	ck_assert(WINDOW_OF(hears_nothing(1, 9), says(2, 9, 9),
			    says(3, 9, 0), says(4, 9, 0)));
	ck_assert_str_eq(health.reason, "does not answer");
}
END_TEST

START_TEST(one_guest_of_several_has_no_say)
{
	setup();
	ck_assert(!WINDOW_OF(says(1, 1000, 1000), says(2, 10, 0)));
	/* the other one does nothing, but would be moved */
	ck_assert(!WINDOW_OF(says(1, 1000, 1000), says(2, 0, 0)));
	ck_assert(!health.bad);
}
END_TEST

START_TEST(a_guest_with_many_devices_has_one_vote)
{
	setup();
	ck_assert(!WINDOW_OF(says(1, 50, 50), says(2, 10, 0), says(1, 50, 50),
			     says(1, 50, 50)));
	/* and is alone with them */
	ck_assert(WINDOW_OF(says(1, 2, 2), says(1, 2, 2), says(1, 2, 2)));
	ck_assert_str_eq(health.reason, "6 of 6 operations failed in 5 s");
}
END_TEST

START_TEST(two_guests_need_half_of_those_that_work)
{
	setup();
	ck_assert(!WINDOW_OF(says(1, 9, 9), says(2, 9, 9), says(3, 9, 0),
			     says(4, 9, 0), says(5, 9, 0)));
	ck_assert(WINDOW_OF(says(1, 9, 9), says(2, 9, 9), says(3, 9, 0),
			    says(4, 9, 0), says(5, 0, 0)));
}
END_TEST

START_TEST(lies_overflow_nothing)
{
	setup();
	ck_assert(WINDOW_OF(says(1, UINT64_MAX, UINT64_MAX),
			    says(2, 0, UINT64_MAX), says(3, UINT64_MAX, 9),
			    says(4, UINT64_MAX - 1, UINT64_MAX)));
	ck_assert_str_eq(health.reason,
			 "2000000000 of 2000000000 operations failed in 5 s");
}
END_TEST

START_TEST(reports_are_sorted_by_toe_and_guest)
{
	struct health_report r[] = {
		{.row = 2, .guest = 1, .operations = 1},
		{.row = 1, .guest = 9, .operations = 2},
		{.row = 2, .guest = 1, .operations = 4},
		{.row = 1, .guest = 3, .operations = 8},
	};

	ck_assert_uint_eq(health_sort(r, 4), 3);
	ck_assert_uint_eq(r[0].guest, 3);
	ck_assert_uint_eq(r[1].guest, 9);
	ck_assert_uint_eq(r[2].row, 2);
	ck_assert_uint_eq(r[2].operations, 5);
	ck_assert_uint_eq(health_sort(NULL, 0), 0);
}
END_TEST

START_TEST(quiet_makes_it_good_again)
{
	setup();
	WINDOW_OF(says(1, 9, 9));
	ck_assert(!WINDOW_OF(says(1, 9, 9)));
	ck_assert(!WINDOW_OF(says(1, 0, 0)));
	ck_assert(health.bad);
	ck_assert_uint_eq(recover(), HEALTH_QUIET_NS - WINDOW);
	ck_assert_str_eq(health.reason, "");
}
END_TEST

START_TEST(it_does_not_flap)
{
	uint64_t quiet = HEALTH_QUIET_NS;
	int i;

	setup();
	for (i = 0; i < 10; i++) {
		ck_assert(WINDOW_OF(says(1, 9, 9)));
		ck_assert_uint_eq(recover(), quiet);
		if (quiet < HEALTH_QUIET_MAX_NS)
			quiet *= 2;
	}
	ck_assert_uint_eq(quiet, HEALTH_QUIET_MAX_NS);
	/* good for long: forgotten */
	now += HEALTH_QUIET_MAX_NS;
	ck_assert(WINDOW_OF(says(1, 9, 9)));
	ck_assert_uint_eq(recover(), HEALTH_QUIET_NS);
}
END_TEST

START_TEST(it_stays_bad_over_a_restart)
{
	setup();
	health_resume(&health, now);
	ck_assert(health.bad);
	ck_assert(!WINDOW_OF(says(1, 9, 0)));
	ck_assert_uint_eq(recover(), HEALTH_QUIET_NS - WINDOW);
}
END_TEST

UNIT_MAIN("health", the_only_guest_may_have_its_toe_degraded,
	  few_or_rare_failures_are_no_vote,
	  an_engine_that_does_not_answer_is_bad,
	  silence_is_a_vote_as_failures_are, one_guest_of_several_has_no_say,
	  a_guest_with_many_devices_has_one_vote,
	  two_guests_need_half_of_those_that_work, lies_overflow_nothing,
	  reports_are_sorted_by_toe_and_guest, quiet_makes_it_good_again,
	  it_does_not_flap, it_stays_bad_over_a_restart)
