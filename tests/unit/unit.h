/* SPDX-License-Identifier: GPL-2.0 */
/*
 * unit.h - what every unit test program shares: one suite, one main().
 *
 *	START_TEST(empty_arena_has_no_run) { ... } END_TEST
 *	UNIT_MAIN("arena", empty_arena_has_no_run, ...)
 */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include <check.h>
#include <stdint.h>
#include <stdlib.h>

#define UNIT_TIMEOUT_S 60 /* of one test; the machine may be busy */

/* xorshift: the same numbers on every machine, so that failures repeat. */
static inline uint32_t unit_random(uint32_t *state)
{
	uint32_t x = *state;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return *state = x;
}

static inline int unit_run(const char *name, const TTest *const *tests,
			   size_t nr_tests)
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);
	SRunner *runner;
	size_t i;
	int failed;

	tcase_set_timeout(tcase, UNIT_TIMEOUT_S);
	for (i = 0; i < nr_tests; i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define UNIT_MAIN(name, ...)                                                  \
	int main(void)                                                        \
	{                                                                     \
		const TTest *const tests[] = { __VA_ARGS__ };                 \
                                                                              \
		return unit_run(name, tests,                                  \
				sizeof(tests) / sizeof(tests[0]));            \
	}

#endif /* TESTS_UNIT_UNIT_H */
