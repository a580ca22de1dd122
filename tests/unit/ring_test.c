/* SPDX-License-Identifier: GPL-2.0 */
#include <pthread.h>
#include <string.h>

#include "unit.h"
#include "../../common/ring.h"

START_TEST(event_is_hit_when_the_index_passes_it)
{
	ck_assert(vtoe_event_hit(0, 1, 1));
	ck_assert(vtoe_event_hit(0, 5, 1));
	ck_assert(vtoe_event_hit(0, 5, 5));
	ck_assert(!vtoe_event_hit(0, 5, 6));
	ck_assert(!vtoe_event_hit(1, 5, 1)); /* was passed before */
	ck_assert(!vtoe_event_hit(5, 5, 5)); /* did not move */
}
END_TEST

START_TEST(event_is_hit_across_the_wrap)
{
	ck_assert(vtoe_event_hit(0xfffffffe, 2, 0xffffffff));
	ck_assert(vtoe_event_hit(0xfffffffe, 2, 0));
	ck_assert(vtoe_event_hit(0xfffffffe, 2, 2));
	ck_assert(!vtoe_event_hit(0xfffffffe, 2, 3));
	ck_assert(!vtoe_event_hit(0xfffffffe, 2, 0xfffffffe));
}
END_TEST

START_TEST(event_off_is_never_hit)
{
	uint32_t seed = 7, i;

	for (i = 0; i < 100000; i++) {
		uint32_t old = unit_random(&seed);
		uint32_t new_ = old + unit_random(&seed) % (4u << 20);

		ck_assert(!vtoe_event_hit(old, new_, vtoe_event_off(old)));
	}
}
END_TEST

/* 64-bit indexes do not wrap: the naive form of the same question. */
START_TEST(event_agrees_with_64_bit_arithmetic)
{
	uint32_t seed = 11, i;

	for (i = 0; i < 200000; i++) {
		uint64_t old = 0xffffff00ull + unit_random(&seed) % 512;
		uint64_t new_ = old + unit_random(&seed) % 600;
		uint64_t event = old - 300 + unit_random(&seed) % 1200;

		ck_assert_int_eq(vtoe_event_hit((uint32_t)old, (uint32_t)new_,
						(uint32_t)event),
				 old < event && event <= new_);
	}
}
END_TEST

START_TEST(run_is_one_number)
{
	uint32_t run = vtoe_run_make(0x123400, 10);

	ck_assert_uint_eq(vtoe_run_page(run), 0x123400);
	ck_assert_uint_eq(vtoe_run_order(run), 10);
	ck_assert_uint_eq(vtoe_run_size(run), 4u << 20);
	ck_assert_uint_eq(run, 0x8a123400);
}
END_TEST

START_TEST(run_outside_the_arena_is_refused)
{
	ck_assert(vtoe_run_ok(vtoe_run_make(12, 2), 16));
	ck_assert(!vtoe_run_ok(vtoe_run_make(12, 2), 15));
	ck_assert(!vtoe_run_ok(vtoe_run_make(16, 0), 16));
	ck_assert(!vtoe_run_ok(vtoe_run_make(VTOE_RUN_PAGE_MASK, 0), 16));
	ck_assert(!vtoe_run_ok(vtoe_run_make(0, 4), 15));
	ck_assert(!vtoe_run_ok(vtoe_run_make(0, 0), 0));
}
END_TEST

START_TEST(run_that_is_malformed_is_refused)
{
	ck_assert(!vtoe_run_ok(VTOE_RUN_NONE, 16));
	ck_assert(!vtoe_run_ok(12, 16)); /* not valid */
	ck_assert(!vtoe_run_ok(vtoe_run_make(2, 2), 16)); /* not aligned */
	ck_assert(!vtoe_run_ok(vtoe_run_make(0, 11), 65536));
	ck_assert(!vtoe_run_ok(vtoe_run_make(0, 32), 65536)); /* shift > 31 */
	ck_assert(!vtoe_run_ok(0xffffffff, 65536));
}
END_TEST

static uint8_t memory[8 * VTOE_PAGE_SIZE];

START_TEST(segments_wrap_at_the_runs_end)
{
	uint32_t run = vtoe_run_make(4, 1); /* 8 KiB at page 4 */
	uint8_t *base = memory + 4 * VTOE_PAGE_SIZE;
	struct vtoe_segment seg[2];

	ck_assert_uint_eq(vtoe_ring_segments(memory, run, 0, 0, seg), 0);
	ck_assert_uint_eq(vtoe_ring_segments(memory, run, 8192, 8192, seg), 1);
	ck_assert_ptr_eq(seg[0].data, base);
	ck_assert_uint_eq(seg[0].len, 8192);
	ck_assert_uint_eq(seg[1].len, 0);
	ck_assert_uint_eq(vtoe_ring_segments(memory, run, 8000, 300, seg), 2);
	ck_assert_ptr_eq(seg[0].data, base + 8000);
	ck_assert_uint_eq(seg[0].len, 192);
	ck_assert_ptr_eq(seg[1].data, base);
	ck_assert_uint_eq(seg[1].len, 108);
}
END_TEST

START_TEST(segments_go_on_across_the_index_wrap)
{
	uint32_t run = vtoe_run_make(0, 0);
	struct vtoe_segment seg[2];

	/* 2^32 is a multiple of each size: the place does not jump */
	ck_assert_uint_eq(vtoe_ring_segments(memory, run, 0xffffff00, 512, seg),
			  2);
	ck_assert_ptr_eq(seg[0].data, memory + 4096 - 256);
	ck_assert_uint_eq(seg[0].len, 256);
	ck_assert_ptr_eq(seg[1].data, memory);
	ck_assert_uint_eq(seg[1].len, 256);
}
END_TEST

START_TEST(bytes_come_out_as_they_went_in_across_the_wrap)
{
	uint32_t run = vtoe_run_make(2, 1), size = vtoe_run_size(run);
	uint32_t prod = 0xffffc000, cons = prod, seed = 5, round, i, s, len;
	uint8_t next_in = 0, next_out = 0;
	struct vtoe_segment seg[2];

	for (round = 0; round < 200; round++) {
		len = unit_random(&seed) % (size - (prod - cons) + 1);
		vtoe_ring_segments(memory, run, prod, len, seg);
		for (s = 0; s < 2; s++)
			for (i = 0; i < seg[s].len; i++)
				seg[s].data[i] = next_in++;
		prod += len;
		len = unit_random(&seed) % (prod - cons + 1);
		vtoe_ring_segments(memory, run, cons, len, seg);
		for (s = 0; s < 2; s++)
			for (i = 0; i < seg[s].len; i++)
				ck_assert_uint_eq(seg[s].data[i], next_out++);
		cons += len;
		ck_assert_uint_le(prod - cons, size);
	}
	ck_assert_uint_lt(prod, 0x80000000); /* it did wrap */
}
END_TEST

static uint64_t bits[VTOE_MAX_SLOTS / 64], summary[16];
static uint32_t hits[VTOE_MAX_SLOTS];

static void count(void *arg, uint32_t slot)
{
	(void)arg;
	hits[slot]++;
}

static void doorbell_reset(void)
{
	memset(bits, 0, sizeof(bits));
	memset(summary, 0, sizeof(summary));
	memset(hits, 0, sizeof(hits));
}

START_TEST(scan_finds_each_slot_that_was_rung_once)
{
	static const uint32_t slot[] = { 0, 63, 64, 4095, 4096, 65535 };
	uint32_t i;

	doorbell_reset();
	for (i = 0; i < 6; i++) {
		vtoe_doorbell_ring(bits, summary, slot[i]);
		vtoe_doorbell_ring(bits, summary, slot[i]);
	}
	ck_assert(vtoe_doorbell_pending(summary, VTOE_MAX_SLOTS));
	ck_assert_uint_eq(vtoe_doorbell_scan(bits, summary, VTOE_MAX_SLOTS,
					     count, NULL), 6);
	for (i = 0; i < 6; i++)
		ck_assert_uint_eq(hits[slot[i]], 1);
	ck_assert(!vtoe_doorbell_pending(summary, VTOE_MAX_SLOTS));
	ck_assert_uint_eq(vtoe_doorbell_scan(bits, summary, VTOE_MAX_SLOTS,
					     count, NULL), 0);
}
END_TEST

START_TEST(scan_of_a_hostile_bitmap_stays_within_the_slots)
{
	doorbell_reset();
	memset(summary, 0xff, sizeof(summary));
	memset(bits, 0xff, 64 / 8);
	/* of 64 slots there is one word; all others belong to someone else */
	ck_assert_uint_eq(vtoe_doorbell_scan(bits, summary, 64, count, NULL),
			  64);
	ck_assert_uint_eq(hits[64], 0);
	ck_assert(!vtoe_doorbell_pending(summary, 64));
}
END_TEST

START_TEST(pending_looks_at_the_devices_slots_only)
{
	doorbell_reset();
	summary[1] = 1;
	ck_assert(!vtoe_doorbell_pending(summary, 4096));
	ck_assert(vtoe_doorbell_pending(summary, 8192));
}
END_TEST

START_TEST(only_one_claims_the_wake_up)
{
	uint32_t asleep = 0;

	ck_assert(!vtoe_wake_claim(&asleep));
	asleep = 1;
	ck_assert(vtoe_wake_claim(&asleep));
	ck_assert(!vtoe_wake_claim(&asleep));
}
END_TEST

/*
 * Two real threads and the full two stages: the waiter blocks only as the rule
 * allows, so that a lost wake-up leaves it blocked until the test's time limit.
 * The orders that this machine does not show are the model's work (model/).
 */
#define TOTAL 200000u

static uint32_t shared_prod, shared_event, shared_asleep;
static uint64_t one_bits[64], one_summary[16];
static pthread_mutex_t channel_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t channel_cond = PTHREAD_COND_INITIALIZER;
static int channel; /* the event channel */

static void *producer(void *arg)
{
	uint32_t prod = *(uint32_t *)arg, end = prod + TOTAL, seed = 3, old;

	while (prod != end) {
		uint32_t step = unit_random(&seed) % 4 + 1;

		old = prod;
		prod = end - prod < step ? end : prod + step;
		vtoe_store_release(&shared_prod, prod);
		vtoe_full_barrier();
		if (!vtoe_event_hit(old, prod, vtoe_load(&shared_event)))
			continue;
		vtoe_doorbell_ring(one_bits, one_summary, 9);
		if (!vtoe_wake_claim(&shared_asleep))
			continue;
		pthread_mutex_lock(&channel_lock);
		channel = 1;
		pthread_cond_signal(&channel_cond);
		pthread_mutex_unlock(&channel_lock);
	}
	return NULL;
}

static void wait_for_event(void)
{
	vtoe_store(&shared_asleep, 1u);
	vtoe_full_barrier();
	if (vtoe_doorbell_pending(one_summary, 64)) {
		vtoe_exchange(&shared_asleep, 0u);
		return;
	}
	pthread_mutex_lock(&channel_lock);
	while (!channel)
		pthread_cond_wait(&channel_cond, &channel_lock);
	channel = 0;
	pthread_mutex_unlock(&channel_lock);
}

START_TEST(no_wake_up_is_lost_between_two_threads)
{
	uint32_t start = 0xffffffff - TOTAL / 2, cons = start;
	pthread_t thread;

	shared_prod = start;
	shared_event = start + 1; /* armed from the beginning */
	ck_assert_int_eq(pthread_create(&thread, NULL, producer, &start), 0);
	while (cons != start + TOTAL) {
		wait_for_event();
		if (!vtoe_doorbell_scan(one_bits, one_summary, 64, count, NULL))
			continue; /* spurious */
		do {
			cons = vtoe_load_acquire(&shared_prod);
			vtoe_store(&shared_event, cons + 1);
			vtoe_full_barrier();
		} while (vtoe_load(&shared_prod) != cons);
	}
	pthread_join(thread, NULL);
}
END_TEST

UNIT_MAIN("ring", event_is_hit_when_the_index_passes_it,
	  event_is_hit_across_the_wrap, event_off_is_never_hit,
	  event_agrees_with_64_bit_arithmetic, run_is_one_number,
	  run_outside_the_arena_is_refused, run_that_is_malformed_is_refused,
	  segments_wrap_at_the_runs_end, segments_go_on_across_the_index_wrap,
	  bytes_come_out_as_they_went_in_across_the_wrap,
	  scan_finds_each_slot_that_was_rung_once,
	  scan_of_a_hostile_bitmap_stays_within_the_slots,
	  pending_looks_at_the_devices_slots_only,
	  only_one_claims_the_wake_up,
	  no_wake_up_is_lost_between_two_threads)
