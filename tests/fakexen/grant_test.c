/* SPDX-License-Identifier: GPL-2.0 */
/* Claims about grants. */
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "fx_test.h"

#define PAGES 4096u

static void *map(struct fx_gnttab *gnt, uint32_t count, uint32_t domid,
		 const uint32_t *refs)
{
	void *p = NULL;
	int rc = fx_gnttab_map(gnt, count, &domid, 0, refs,
			       PROT_READ | PROT_WRITE, UINT32_MAX, UINT32_MAX,
			       &p);

	return rc ? NULL : p;
}

START_TEST(thousands_of_refs_map_to_one_range)
{
	struct fx_dom *dom = dom_new(5, PAGES);
	uint32_t *mem = fx_dom_mem(dom), refs[PAGES - 1], i, *p;
	struct fx_gnttab *gnt;

	ck_assert_int_eq(fx_gnttab_open(host, 0, &gnt), 0);
	/* scrambled, so that pages are mapped one by one as well as in runs */
	for (i = 0; i < PAGES - 1; i++) {
		uint32_t page = 1 + (i < 1000 ? i * 7 % 1000 : i);

		refs[i] = (uint32_t)fx_grant(dom, page, 0, false);
		mem[page * 1024] = i;
	}
	p = map(gnt, PAGES - 1, 5, refs);
	ck_assert_ptr_nonnull(p);
	for (i = 0; i < PAGES - 1; i++)
		ck_assert_uint_eq(p[i * 1024], i);
	p[1024] = 77;
	ck_assert_uint_eq(mem[(1 + 7) * 1024], 77);
	ck_assert_int_eq(fx_gnttab_unmap(gnt, p, PAGES - 1), 0);
	fx_gnttab_close(gnt);
	fx_dom_close(dom);
}
END_TEST

START_TEST(a_bad_ref_maps_nothing)
{
	struct fx_dom *dom = dom_new(5, 8);
	struct fx_counters c;
	struct fx_gnttab *gnt;
	uint32_t refs[3], domid = 5;
	void *p;

	ck_assert_int_eq(fx_gnttab_open(host, 0, &gnt), 0);
	refs[0] = (uint32_t)fx_grant(dom, 1, 0, false);
	refs[1] = 4000;
	refs[2] = (uint32_t)fx_grant(dom, 2, 0, false);
	ck_assert_int_eq(fx_gnttab_map(gnt, 3, &domid, 0, refs, PROT_READ,
				       UINT32_MAX, UINT32_MAX, &p), -EINVAL);
	/* nor does one for another domain, nor one that is read-only */
	refs[1] = (uint32_t)fx_grant(dom, 3, 7, false);
	ck_assert_ptr_null(map(gnt, 3, 5, refs));
	refs[1] = (uint32_t)fx_grant(dom, 3, 0, true);
	ck_assert_ptr_null(map(gnt, 3, 5, refs));
	fx_dom_counters(host, 5, &c);
	ck_assert_uint_eq(c.map_failures, 3);
	ck_assert_uint_eq(c.map_calls, 0);
	ck_assert_uint_eq(c.mapped_now, 0);
	ck_assert_int_eq(fx_grant_end(dom, refs[0]), 0);
	fx_gnttab_close(gnt);
	fx_dom_close(dom);
}
END_TEST

START_TEST(a_mapped_grant_does_not_end)
{
	struct fx_dom *dom = dom_new(5, 8);
	uint32_t ref = (uint32_t)fx_grant(dom, 1, 0, false);
	struct fx_gnttab *gnt;
	void *p;

	ck_assert_int_eq(fx_gnttab_open(host, 0, &gnt), 0);
	p = map(gnt, 1, 5, &ref);
	ck_assert_int_eq(fx_grant_end(dom, ref), -EBUSY);
	ck_assert_int_eq(fx_gnttab_unmap(gnt, p, 1), 0);
	ck_assert_int_eq(fx_grant_end(dom, ref), 0);
	ck_assert_int_eq(fx_grant_end(dom, ref), -ENOENT);
	fx_gnttab_close(gnt);
	fx_dom_close(dom);
}
END_TEST

START_TEST(unmap_wants_the_count_that_was_mapped)
{
	struct fx_dom *dom = dom_new(5, 8);
	uint32_t refs[2];
	struct fx_gnttab *gnt;
	char *p;

	refs[0] = (uint32_t)fx_grant(dom, 1, 0, false);
	refs[1] = (uint32_t)fx_grant(dom, 2, 0, false);
	ck_assert_int_eq(fx_gnttab_open(host, 0, &gnt), 0);
	p = map(gnt, 2, 5, refs);
	ck_assert_int_eq(fx_gnttab_unmap(gnt, p, 1), -EINVAL);
	ck_assert_int_eq(fx_gnttab_unmap(gnt, p + 4096, 1), -EINVAL);
	ck_assert_int_eq(fx_gnttab_unmap(gnt, p, 2), 0);
	ck_assert_int_eq(fx_gnttab_unmap(gnt, p, 2), -EINVAL);
	fx_gnttab_close(gnt);
	fx_dom_close(dom);
}
END_TEST

START_TEST(a_killed_process_has_nothing_mapped)
{
	struct fx_dom *dom = dom_new(5, 8);
	uint32_t ref = (uint32_t)fx_grant(dom, 1, 0, false);
	struct fx_counters c;
	int ready[2];
	pid_t pid;
	char byte;

	ck_assert_int_eq(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		struct fx_gnttab *gnt;

		if (fx_gnttab_open(host, 0, &gnt) || !map(gnt, 1, 5, &ref))
			_exit(1);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	ck_assert_int_eq(fx_grant_end(dom, ref), -EBUSY);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	fx_dom_counters(host, 5, &c);
	ck_assert_uint_eq(c.mapped_now, 0);
	ck_assert_int_eq(fx_grant_end(dom, ref), 0);
	fx_dom_close(dom);
}
END_TEST

START_TEST(unmapping_clears_the_byte_and_notifies)
{
	struct fx_dom *dom = dom_new(5, 8);
	uint32_t ref = (uint32_t)fx_grant(dom, 1, 0, false), domid = 5;
	char *mem = fx_dom_mem(dom);
	struct fx_evtchn *front, *back;
	struct fx_gnttab *gnt;
	int fport, bport;
	void *p;

	ck_assert_int_eq(fx_evtchn_open(host, 5, &front), 0);
	ck_assert_int_eq(fx_evtchn_open(host, 0, &back), 0);
	fport = fx_evtchn_alloc(front, 0);
	bport = fx_evtchn_bind(back, 5, (uint32_t)fport);
	ck_assert_int_eq(fx_gnttab_open(host, 0, &gnt), 0);
	mem[4096 + 9] = 1;
	ck_assert_int_eq(fx_gnttab_map(gnt, 1, &domid, 0, &ref,
				       PROT_READ | PROT_WRITE, 9,
				       (uint32_t)bport, &p), 0);
	ck_assert_int_eq(fx_evtchn_wait(front, 0), 0);
	ck_assert_int_eq(fx_gnttab_unmap(gnt, p, 1), 0);
	ck_assert_int_eq(mem[4096 + 9], 0);
	ck_assert_int_eq(fx_evtchn_wait(front, 1000), 1);
	fx_evtchn_unmask(front, (uint32_t)fx_evtchn_pending(front));
	/* and so does death */
	mem[4096 + 9] = 1;
	ck_assert_int_eq(fx_gnttab_map(gnt, 1, &domid, 0, &ref,
				       PROT_READ | PROT_WRITE, 9,
				       (uint32_t)bport, &p), 0);
	fx_gnttab_close(gnt);
	ck_assert_int_eq(fx_host_reap(host), 1);
	ck_assert_int_eq(mem[4096 + 9], 0);
	ck_assert_int_eq(fx_evtchn_wait(front, 1000), 1);
	fx_evtchn_close(front);
	fx_evtchn_close(back);
	fx_dom_close(dom);
}
END_TEST

START_TEST(maps_can_be_made_to_fail)
{
	struct fx_dom *dom = dom_new(5, 8);
	uint32_t ref = (uint32_t)fx_grant(dom, 1, 0, false), domid = 5;
	struct fx_gnttab *gnt;
	void *p;

	ck_assert_int_eq(fx_gnttab_open(host, 0, &gnt), 0);
	fx_host_fail_maps(host, 1, ENOMEM);
	ck_assert_ptr_nonnull(map(gnt, 1, 5, &ref));
	ck_assert_int_eq(fx_gnttab_map(gnt, 1, &domid, 0, &ref, PROT_READ,
				       UINT32_MAX, UINT32_MAX, &p), -ENOMEM);
	fx_host_fail_maps(host, 0, 0);
	ck_assert_ptr_nonnull(map(gnt, 1, 5, &ref));
	fx_gnttab_close(gnt);
	fx_dom_close(dom);
}
END_TEST

START_TEST(a_destroyed_domain_is_a_zombie_while_mapped)
{
	struct fx_dom *dom = dom_new(5, 8);
	uint32_t ref = (uint32_t)fx_grant(dom, 1, 0, false);
	struct fx_gnttab *gnt;
	void *p;

	ck_assert_int_eq(fx_gnttab_open(host, 0, &gnt), 0);
	p = map(gnt, 1, 5, &ref);
	ck_assert_int_eq(fx_dom_destroy(host, 5), 0);
	ck_assert_int_eq(fx_dom_state(host, 5), FX_DOM_DYING);
	ck_assert_ptr_null(map(gnt, 1, 5, &ref));
	ck_assert_int_eq(fx_gnttab_unmap(gnt, p, 1), 0);
	ck_assert_int_eq(fx_dom_state(host, 5), FX_DOM_ABSENT);
	fx_dom_close(dom);
	dom = dom_new(5, 8);
	fx_dom_close(dom);
	fx_gnttab_close(gnt);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("grant");

	tcase_add_test(tc, thousands_of_refs_map_to_one_range);
	tcase_add_test(tc, a_bad_ref_maps_nothing);
	tcase_add_test(tc, a_mapped_grant_does_not_end);
	tcase_add_test(tc, unmap_wants_the_count_that_was_mapped);
	tcase_add_test(tc, a_killed_process_has_nothing_mapped);
	tcase_add_test(tc, unmapping_clears_the_byte_and_notifies);
	tcase_add_test(tc, maps_can_be_made_to_fail);
	tcase_add_test(tc, a_destroyed_domain_is_a_zombie_while_mapped);
	return fx_test_run(tc, "fakexen-grant");
}
