/* SPDX-License-Identifier: GPL-2.0 */
/* Datagrams of frontend/core against a dom0 that these tests play. */
#include <errno.h>
#include <string.h>

#include "unit.h"
#include "../../frontend/core/front.h"

#define ENTRIES	 64u
#define SLOTS	 64u
#define TX_PAGES 16u
#define RX_PAGES 16u
#define RUN	 0x80000000u /* page 0, order 0 */

static struct front front;
static struct front_stream s;
static void *pages, *memory;

static void setup(void)
{
	struct vtoe_geometry geo;
	uint32_t slot;

	ck_assert_int_eq(vtoe_geometry_init(&geo, ENTRIES, SLOTS, TX_PAGES,
					    RX_PAGES),
			 0);
	pages = aligned_alloc(VTOE_PAGE_SIZE,
			      (size_t)geo.nr_pages * VTOE_PAGE_SIZE);
	memory = calloc(1, front_memory(&geo));
	ck_assert(pages && memory);
	memset(pages, 0, (size_t)geo.nr_pages * VTOE_PAGE_SIZE);
	front_init(&front, &geo, pages, memory);
	ck_assert_int_eq(front_slot_alloc(&front, &slot), 0);
	front_stream_init(&s, &front, slot);
	s.shared->dom0.tx_event = 1;
	s.shared->dom0.gen = s.gen;
	s.shared->dom0.rx_run = RUN;
	front_tx_attach(&s, RUN);
}

static void teardown(void)
{
	free(pages);
	free(memory);
}

static void put(const char *text)
{
	struct vtoe_datagram head = { .len = (uint32_t)strlen(text) };
	struct vtoe_segment seg[2];

	ck_assert_uint_eq(front_dgram_put(&s, &head, seg), 1);
	memcpy(seg[0].data, text, head.len);
	front_dgram_commit(&s, head.len);
}

/* dom0 puts a datagram of @len bytes, which takes @record, into the RX ring. */
static struct vtoe_datagram *give(uint32_t len, uint32_t record)
{
	uint32_t at = s.shared->dom0.rx_prod % VTOE_PAGE_SIZE;
	struct vtoe_datagram *head = (void *)(front.view.rx + at);

	memset(head, 0, sizeof(*head));
	head->len = len;
	head->addr.family = VTOE_INET;
	s.shared->dom0.rx_prod += record;
	return head;
}

START_TEST(records_are_multiples_of_their_header)
{
	ck_assert_uint_eq(vtoe_dgram_record(0), 64);
	ck_assert_uint_eq(vtoe_dgram_record(1), 128);
	ck_assert_uint_eq(vtoe_dgram_record(64), 128);
	ck_assert_uint_eq(vtoe_dgram_record(65), 192);
}
END_TEST

START_TEST(a_datagram_is_header_and_payload)
{
	const struct vtoe_datagram *head;

	setup();
	put("first");
	put("second");
	head = (void *)(front.view.tx + 128);
	ck_assert_uint_eq(head->len, 6);
	ck_assert_int_eq(memcmp(head + 1, "second", 6), 0);
	ck_assert_uint_eq(s.shared->guest.tx_prod, 256);
	teardown();
}
END_TEST

START_TEST(payload_goes_on_at_the_start_of_the_run)
{
	struct vtoe_datagram head = { .len = 100 };
	struct vtoe_segment seg[2];

	setup();
	s.tx_prod = VTOE_PAGE_SIZE - 128;
	ck_assert_uint_eq(front_dgram_put(&s, &head, seg), 2);
	ck_assert_uint_eq(seg[0].len, 64);
	ck_assert_uint_eq(seg[1].len, 36);
	ck_assert_ptr_eq(seg[1].data, front.view.tx);
	teardown();
}
END_TEST

START_TEST(a_datagram_is_received_and_consumed)
{
	struct vtoe_datagram head;

	setup();
	ck_assert_int_eq(front_dgram_peek(&s, &head), 0);
	give(5, 128);
	give(7, 128);
	ck_assert_int_eq(front_dgram_peek(&s, &head), 1);
	ck_assert_uint_eq(head.len, 5);
	front_dgram_consume(&s, head.len);
	ck_assert_int_eq(front_dgram_peek(&s, &head), 1);
	ck_assert_uint_eq(head.len, 7);
	front_dgram_consume(&s, head.len);
	ck_assert_int_eq(front_dgram_peek(&s, &head), 0);
	ck_assert_uint_eq(s.shared->guest.rx_cons, 256);
	teardown();
}
END_TEST

START_TEST(arming_for_a_datagram_that_is_there_says_do_not_sleep)
{
	setup();
	ck_assert(!front_dgram_arm(&s));
	ck_assert_uint_eq(s.shared->guest.rx_event, 1);
	give(5, 128);
	ck_assert(front_dgram_arm(&s));
	teardown();
}
END_TEST

START_TEST(each_error_is_told_once)
{
	uint32_t seq = 0;

	setup();
	ck_assert_uint_eq(front_dgram_error(&s, &seq), 0);
	s.shared->dom0.error = ECONNREFUSED;
	s.shared->dom0.error_seq = 1;
	ck_assert_uint_eq(front_dgram_error(&s, &seq), ECONNREFUSED);
	ck_assert_uint_eq(front_dgram_error(&s, &seq), 0);
	s.shared->dom0.error_seq = 2;
	ck_assert_uint_eq(front_dgram_error(&s, &seq), ECONNREFUSED);
	teardown();
}
END_TEST

START_TEST(an_impossible_errno_is_none)
{
	uint32_t seq = 0;

	setup();
	s.shared->dom0.error = 0xffffffffu;
	s.shared->dom0.error_seq = 1;
	ck_assert_uint_eq(front_dgram_error(&s, &seq), 0);
	teardown();
}
END_TEST

static void expect_broken(void)
{
	struct vtoe_datagram head;

	ck_assert_int_eq(front_dgram_peek(&s, &head), -EPROTO);
	ck_assert_ptr_nonnull(front.broken);
	teardown();
}

START_TEST(a_datagram_longer_than_its_ring_breaks_the_device)
{
	setup();
	give(65, 128);
	expect_broken();
}
END_TEST

START_TEST(an_impossible_length_breaks_the_device)
{
	setup();
	give(0xffffffffu, 128);
	expect_broken();
}
END_TEST

START_TEST(half_a_record_breaks_the_device)
{
	setup();
	give(5, 100);
	expect_broken();
}
END_TEST

START_TEST(an_unknown_flag_breaks_the_device)
{
	setup();
	give(5, 128)->flags = 0x10;
	expect_broken();
}
END_TEST

START_TEST(an_unknown_family_breaks_the_device)
{
	setup();
	give(5, 128)->addr.family = 1;
	expect_broken();
}
END_TEST

UNIT_MAIN("dgram", records_are_multiples_of_their_header,
	  a_datagram_is_header_and_payload,
	  payload_goes_on_at_the_start_of_the_run,
	  a_datagram_is_received_and_consumed,
	  arming_for_a_datagram_that_is_there_says_do_not_sleep,
	  each_error_is_told_once, an_impossible_errno_is_none,
	  a_datagram_longer_than_its_ring_breaks_the_device,
	  an_impossible_length_breaks_the_device,
	  half_a_record_breaks_the_device, an_unknown_flag_breaks_the_device,
	  an_unknown_family_breaks_the_device)
