/* SPDX-License-Identifier: GPL-2.0 */
/* The fixture of fakexen's own tests: a fresh host for each test. */
#ifndef FX_TEST_H
#define FX_TEST_H

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fakexen.h"

static char fx_test_dir[64];
static struct fx_host *host;

static inline void host_up(void)
{
	snprintf(fx_test_dir, sizeof(fx_test_dir), "/dev/shm/fxtest.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(fx_test_dir));
	ck_assert_int_eq(fx_host_create(fx_test_dir, &host), 0);
	setenv("FAKEXEN_DIR", fx_test_dir, 1);
}

static inline void host_down(void)
{
	char cmd[128];

	fx_host_close(host);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", fx_test_dir);
	ck_assert_int_eq(system(cmd), 0);
}

static inline struct fx_dom *dom_new(uint32_t domid, uint32_t pages)
{
	struct fx_dom *dom;

	ck_assert_int_eq(fx_dom_create(host, domid, pages, &dom), 0);
	return dom;
}

static inline int fx_test_run(TCase *tc, const char *name)
{
	Suite *s = suite_create(name);
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, host_up, host_down);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}

#endif
