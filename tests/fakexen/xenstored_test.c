/* SPDX-License-Identifier: GPL-2.0 */
/* Claims about the real xenstored on a fake host. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <xenstore.h>

#include "fx_test.h"

static pid_t xenstored;
static struct xs_handle *xs;

static void xenstored_up(void)
{
	ck_assert_int_eq(fx_xenstored_start(host, NULL, &xenstored), 0);
	xs = xs_open(0);
	ck_assert_ptr_nonnull(xs);
}

/* Waits for a watch on @path, ignoring others. */
static void await(const char *path)
{
	struct pollfd pfd = { .fd = xs_fileno(xs), .events = POLLIN };
	bool seen = false;
	char **vec;

	while (!seen) {
		ck_assert_int_eq(poll(&pfd, 1, 10000), 1);
		vec = xs_check_watch(xs);
		if (!vec)
			continue;
		seen = !strcmp(vec[XS_WATCH_PATH], path);
		free(vec);
	}
}

/* Watches fire once when set. */
static void watch(const char *path)
{
	ck_assert(xs_watch(xs, path, "t"));
	await(path);
}

START_TEST(introducing_and_destroying_a_domain_fires_the_specials)
{
	struct fx_dom *dom;

	xenstored_up();
	watch("@introduceDomain");
	watch("@releaseDomain");
	dom = dom_new(5, 4);
	ck_assert(!xs_is_domain_introduced(xs, 5));
	ck_assert_int_eq(fx_dom_introduce(dom, "guest"), 0);
	await("@introduceDomain");
	ck_assert(xs_is_domain_introduced(xs, 5));
	fx_dom_destroy(host, 5);
	await("@releaseDomain");
	ck_assert(!xs_is_domain_introduced(xs, 5));
	ck_assert_int_eq(fx_dom_forget(5), 0);
	ck_assert_ptr_null(xs_read(xs, XBT_NULL, "/local/domain/5/name", NULL));
	/* xenstored has let go of the guest's page */
	ck_assert_int_eq(fx_dom_state(host, 5), FX_DOM_ABSENT);
	fx_dom_close(dom);
}
END_TEST

START_TEST(a_shut_down_domain_fires_but_stays)
{
	struct fx_dom *dom;

	xenstored_up();
	watch("@releaseDomain");
	dom = dom_new(5, 4);
	ck_assert_int_eq(fx_dom_introduce(dom, "guest"), 0);
	fx_dom_shutdown(dom, 0);
	await("@releaseDomain");
	ck_assert(xs_is_domain_introduced(xs, 5));
	fx_dom_close(dom);
}
END_TEST

START_TEST(a_guest_speaks_by_its_ring_with_its_own_permissions)
{
	struct fx_dom *dom;
	struct fx_xs *gxs;
	char *value = NULL, *path = NULL, big[2000];
	uint32_t tx;

	xenstored_up();
	dom = dom_new(5, 4);
	ck_assert_int_eq(fx_dom_introduce(dom, "guest"), 0);
	ck_assert_int_eq(fx_xs_open(dom, &gxs), 0);
	ck_assert_int_eq(fx_xs_read(gxs, 0, "name", &value), 0);
	ck_assert_str_eq(value, "guest");
	ck_assert_int_eq(fx_xs_write(gxs, 0, "data/x", "1"), 0);
	ck_assert_int_eq(fx_xs_write(gxs, 0, "device/x", "1"), -EACCES);
	ck_assert_int_eq(fx_xs_read(gxs, 0, "data/none", &value), -ENOENT);
	/* larger than the ring */
	memset(big, 'b', sizeof(big));
	big[sizeof(big) - 1] = 0;
	ck_assert_int_eq(fx_xs_write(gxs, 0, "data/big", big), 0);
	ck_assert_int_eq(fx_xs_read(gxs, 0, "data/big", &value), 0);
	ck_assert_str_eq(value, big);
	ck_assert_int_eq(fx_xs_begin(gxs, &tx), 0);
	ck_assert_int_eq(fx_xs_write(gxs, tx, "data/t", "1"), 0);
	ck_assert_int_eq(fx_xs_end(gxs, tx, true), 0);
	ck_assert_int_eq(fx_xs_read(gxs, 0, "data/t", &value), -ENOENT);
	ck_assert_int_eq(fx_xs_watch(gxs, "data/w", "w"), 0);
	ck_assert_int_eq(fx_xs_watch_event(gxs, &path, 5000), 1);
	ck_assert_int_eq(fx_xs_watch_event(gxs, &path, 0), 0);
	ck_assert(xs_write(xs, XBT_NULL, "/local/domain/5/data/w", "1", 1));
	ck_assert_int_eq(fx_xs_watch_event(gxs, &path, 5000), 1);
	ck_assert_str_eq(path, "data/w");
	fx_xs_close(gxs);
	fx_dom_close(dom);
}
END_TEST

START_TEST(permissions_for_an_unknown_domain_are_refused)
{
	struct xs_permissions perms = { .id = 9, .perms = XS_PERM_NONE };

	xenstored_up();
	ck_assert(xs_mkdir(xs, XBT_NULL, "/x"));
	ck_assert(!xs_set_permissions(xs, XBT_NULL, "/x", &perms, 1));
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("xenstored");

	tcase_add_test(tc,
		introducing_and_destroying_a_domain_fires_the_specials);
	tcase_add_test(tc, a_shut_down_domain_fires_but_stays);
	tcase_add_test(tc, a_guest_speaks_by_its_ring_with_its_own_permissions);
	tcase_add_test(tc, permissions_for_an_unknown_domain_are_refused);
	return fx_test_run(tc, "fakexen-xenstored");
}
