/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <string.h>

#include "unit.h"
#include "../../common/geometry.h"

START_TEST(parts_stand_in_order_without_gap)
{
	struct vtoe_geometry g;

	ck_assert_int_eq(vtoe_geometry_init(&g, 64, 64, 3, 5), 0);
	ck_assert_uint_eq(g.queue, 0);
	ck_assert_uint_eq(g.sq, 1);
	ck_assert_uint_eq(g.cq, 2);
	ck_assert_uint_eq(g.dom0_doorbell, 3);
	ck_assert_uint_eq(g.guest_doorbell, 4);
	ck_assert_uint_eq(g.slots, 5);
	ck_assert_uint_eq(g.tx, 7);
	ck_assert_uint_eq(g.rx, 10);
	ck_assert_uint_eq(g.nr_pages, 15);
	ck_assert_uint_eq(g.nr_dirs, 1);
}
END_TEST

START_TEST(the_largest_device_fits)
{
	const uint32_t fixed = 1 + 64 + 64 + 2 + 2 + 2048;
	struct vtoe_geometry g;

	ck_assert_int_eq(vtoe_geometry_init(&g, VTOE_MAX_ENTRIES,
					    VTOE_MAX_SLOTS, 1,
					    65536 - fixed - 1), 0);
	ck_assert_uint_eq(g.nr_pages, 65536);
	ck_assert_uint_eq(g.nr_dirs, VTOE_MAX_DIRS);
}
END_TEST

START_TEST(sizes_outside_the_limits_are_refused)
{
	static const uint32_t bad[][4] = {
		/* entries, slots, tx, rx */
		{ 0, 64, 1, 1 },	 { 32, 64, 1, 1 },
		{ 65, 64, 1, 1 },	 { 8192, 64, 1, 1 },
		{ 64, 0, 1, 1 },	 { 64, 32, 1, 1 },
		{ 64, 100, 1, 1 },	 { 64, 131072, 1, 1 },
		{ 64, 64, 0, 1 },	 { 64, 64, 1, 0 },
		{ 64, 64, 65536, 1 },	 { 64, 64, 1, 65537 },
		{ 64, 64, 65530, 65530 }, { 64, 64, 1, 0xffffffff },
		{ 64, 64, 0xffffffff, 2 }, { 0x80000000, 64, 1, 1 },
	};
	struct vtoe_geometry g;
	size_t i;

	memset(&g, 0x5a, sizeof(g));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(vtoe_geometry_init(&g, bad[i][0], bad[i][1],
						 bad[i][2], bad[i][3]) ==
				      -EINVAL,
			      "row %zu", i);
	ck_assert_uint_eq(g.nr_slots, 0x5a5a5a5a); /* untouched */
}
END_TEST

START_TEST(one_page_beyond_the_mapping_limit_is_refused)
{
	const uint32_t fixed = 1 + 1 + 1 + 1 + 1 + 2;
	struct vtoe_geometry g;

	ck_assert_int_eq(vtoe_geometry_init(&g, 64, 64, 1,
					    65536 - fixed - 1), 0);
	ck_assert_int_eq(vtoe_geometry_init(&g, 64, 64, 2,
					    65536 - fixed - 1), -EINVAL);
}
END_TEST

START_TEST(layout_page_round_trips)
{
	struct vtoe_geometry a, b;
	struct vtoe_layout layout;

	ck_assert_int_eq(vtoe_geometry_init(&a, 128, 1024, 2000, 3000), 0);
	vtoe_geometry_to_layout(&a, &layout);
	ck_assert_int_eq(vtoe_geometry_from_layout(&b, &layout), 0);
	ck_assert_mem_eq(&a, &b, sizeof(a));
}
END_TEST

/* Every field but dir_ref, each made wrong in turn. */
START_TEST(a_layout_that_contradicts_itself_is_refused)
{
	struct vtoe_geometry g;
	struct vtoe_layout good, bad;
	size_t at;

	ck_assert_int_eq(vtoe_geometry_init(&g, 64, 64, 10, 10), 0);
	vtoe_geometry_to_layout(&g, &good);
	for (at = 0; at < offsetof(struct vtoe_layout, dir_ref);
	     at += sizeof(uint32_t)) {
		uint32_t word;

		bad = good;
		memcpy(&word, (char *)&bad + at, sizeof(word));
		word++;
		memcpy((char *)&bad + at, &word, sizeof(word));
		ck_assert_msg(vtoe_geometry_from_layout(&g, &bad) < 0,
			      "the word at %zu", at);
	}
}
END_TEST

START_TEST(an_unknown_version_has_its_own_error)
{
	struct vtoe_geometry g;
	struct vtoe_layout layout;

	ck_assert_int_eq(vtoe_geometry_init(&g, 64, 64, 10, 10), 0);
	vtoe_geometry_to_layout(&g, &layout);
	layout.version = VTOE_WIRE_VERSION + 1;
	ck_assert_int_eq(vtoe_geometry_from_layout(&g, &layout),
			 -EPROTONOSUPPORT);
	layout.version = VTOE_WIRE_VERSION;
	layout.magic = 0;
	ck_assert_int_eq(vtoe_geometry_from_layout(&g, &layout),
			 -EPROTONOSUPPORT);
}
END_TEST

START_TEST(a_view_points_at_the_parts)
{
	struct vtoe_geometry g;
	struct vtoe_view v;
	uint8_t *base;

	ck_assert_int_eq(vtoe_geometry_init(&g, 64, 64, 3, 5), 0);
	base = calloc(g.nr_pages, VTOE_PAGE_SIZE);
	ck_assert_ptr_nonnull(base);
	vtoe_view_init(&v, &g, base);
	ck_assert_ptr_eq(v.queue, base);
	ck_assert_ptr_eq(v.slots, base + 5 * VTOE_PAGE_SIZE);
	ck_assert_ptr_eq(v.rx + 5 * VTOE_PAGE_SIZE,
			 base + (size_t)g.nr_pages * VTOE_PAGE_SIZE);
	free(base);
}
END_TEST

UNIT_MAIN("geometry", parts_stand_in_order_without_gap,
	  the_largest_device_fits, sizes_outside_the_limits_are_refused,
	  one_page_beyond_the_mapping_limit_is_refused,
	  layout_page_round_trips,
	  a_layout_that_contradicts_itself_is_refused,
	  an_unknown_version_has_its_own_error, a_view_points_at_the_parts)
