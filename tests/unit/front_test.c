/* SPDX-License-Identifier: GPL-2.0 */
/* frontend/core against a dom0 that these tests play, honest or not. */
#include <errno.h>
#include <string.h>

#include "unit.h"
#include "../../frontend/core/front.h"

#define ENTRIES 64u
#define SLOTS 64u
#define TX_PAGES 16u
#define RX_PAGES 16u

static struct front front;
static void *pages, *memory;

static void setup(void)
{
	struct vtoe_geometry geo;
	size_t size;

	ck_assert_int_eq(vtoe_geometry_init(&geo, ENTRIES, SLOTS, TX_PAGES,
					    RX_PAGES), 0);
	size = (size_t)geo.nr_pages * VTOE_PAGE_SIZE;
	pages = aligned_alloc(VTOE_PAGE_SIZE, size);
	memory = calloc(1, front_memory(&geo));
	ck_assert(pages && memory);
	memset(pages, 0, size);
	front_init(&front, &geo, pages, memory);
}

static void teardown(void)
{
	free(pages);
	free(memory);
}

/* What dom0 does when it takes a slot on. */
static void serve(struct front_stream *s)
{
	memset(&s->shared->dom0, 0, sizeof(s->shared->dom0));
	s->shared->dom0.tx_event = 1;
	s->shared->dom0.gen = s->gen;
}

static void open_stream(struct front_stream *s)
{
	uint32_t slot;

	ck_assert_int_eq(front_slot_alloc(&front, &slot), 0);
	front_stream_init(s, &front, slot);
	serve(s);
}

static void submit(uint16_t op, uint32_t slot)
{
	struct vtoe_submission cmd = { .op = op, .slot = slot };

	ck_assert_int_eq(front_submit(&front, &cmd, &front), 0);
}

static struct vtoe_completion *answer(uint32_t entry)
{
	struct vtoe_queue_page *q = front.view.queue;
	struct vtoe_submission *sqe = &front.view.sq[entry % ENTRIES];
	struct vtoe_completion *cqe = &front.view.cq[q->cq_prod % ENTRIES];

	memset(cqe, 0, sizeof(*cqe));
	cqe->id = sqe->id;
	cqe->slot = sqe->slot;
	cqe->gen = sqe->gen;
	q->cq_prod++;
	return cqe;
}

START_TEST(slot_gets_a_new_generation_at_each_use)
{
	uint32_t slot, gen;

	setup();
	front_slot_alloc(&front, &slot);
	gen = front.slot[slot].gen;
	front_slot_free(&front, slot);
	front_slot_alloc(&front, &slot);
	ck_assert_uint_ne(front.slot[slot].gen, gen);
	teardown();
}
END_TEST

START_TEST(slots_run_out_with_enobufs)
{
	uint32_t slot, i;

	setup();
	for (i = 0; i < SLOTS; i++)
		ck_assert_int_eq(front_slot_alloc(&front, &slot), 0);
	ck_assert_int_eq(front_slot_alloc(&front, &slot), -ENOBUFS);
	teardown();
}
END_TEST

START_TEST(completion_returns_the_cookie)
{
	struct front_done done;
	uint32_t slot;

	setup();
	front_slot_alloc(&front, &slot);
	submit(VTOE_OP_OPEN, slot);
	answer(0)->result = -EMFILE;
	ck_assert_int_eq(front_complete(&front, &done), 1);
	ck_assert_ptr_eq(done.cookie, &front);
	ck_assert_int_eq(done.cqe.result, -EMFILE);
	ck_assert_int_eq(front_complete(&front, &done), 0);
	teardown();
}
END_TEST

START_TEST(ring_takes_no_more_commands_than_it_has_entries)
{
	struct vtoe_submission cmd = { .op = VTOE_OP_OPEN };
	uint32_t i;

	setup();
	front_slot_alloc(&front, &cmd.slot);
	for (i = 0; i < ENTRIES; i++)
		ck_assert_int_eq(front_submit(&front, &cmd, NULL), 0);
	ck_assert_int_eq(front_submit(&front, &cmd, NULL), -EAGAIN);
	teardown();
}
END_TEST

START_TEST(second_completion_of_one_command_breaks_the_device)
{
	struct front_done done;
	uint32_t slot;

	setup();
	front_slot_alloc(&front, &slot);
	submit(VTOE_OP_OPEN, slot);
	submit(VTOE_OP_BIND, slot);
	answer(0);
	answer(0);
	ck_assert_int_eq(front_complete(&front, &done), 1);
	ck_assert_int_eq(front_complete(&front, &done), -EPROTO);
	ck_assert_int_eq(front_complete(&front, &done), -EPROTO);
	teardown();
}
END_TEST

START_TEST(completion_with_a_wrong_slot_breaks_the_device)
{
	struct front_done done;
	uint32_t slot;

	setup();
	front_slot_alloc(&front, &slot);
	submit(VTOE_OP_OPEN, slot);
	answer(0)->slot++;
	ck_assert_int_eq(front_complete(&front, &done), -EPROTO);
	teardown();
}
END_TEST

START_TEST(positive_result_breaks_the_device)
{
	struct front_done done;
	uint32_t slot;

	setup();
	front_slot_alloc(&front, &slot);
	submit(VTOE_OP_OPEN, slot);
	answer(0)->result = 1;
	ck_assert_int_eq(front_complete(&front, &done), -EPROTO);
	teardown();
}
END_TEST

START_TEST(option_longer_than_its_room_breaks_the_device)
{
	struct vtoe_submission cmd = { .op = VTOE_OP_GETOPT };
	struct front_done done;

	setup();
	cmd.u.option.len = 4;
	front_slot_alloc(&front, &cmd.slot);
	front_submit(&front, &cmd, NULL);
	answer(0)->u.option.len = 5;
	ck_assert_int_eq(front_complete(&front, &done), -EPROTO);
	teardown();
}
END_TEST

START_TEST(completion_index_ahead_of_the_commands_breaks_the_device)
{
	struct front_done done;

	setup();
	front.view.queue->cq_prod = 1;
	ck_assert_int_eq(front_complete(&front, &done), -EPROTO);
	teardown();
}
END_TEST

START_TEST(release_waits_for_room_in_the_ring)
{
	struct vtoe_submission cmd = { .op = VTOE_OP_OPEN };
	struct front_done done;
	uint32_t slot, i, free_slots;

	setup();
	front_slot_alloc(&front, &cmd.slot);
	front_slot_alloc(&front, &slot);
	free_slots = front.nr_slots_free;
	for (i = 0; i < ENTRIES; i++)
		front_submit(&front, &cmd, NULL);
	front_release(&front, slot, 0, 0, false, &slot);
	ck_assert_uint_eq(front.view.queue->sq_prod, ENTRIES);
	answer(0);
	ck_assert_int_eq(front_complete(&front, &done), 1);
	ck_assert_uint_eq(front.view.queue->sq_prod, ENTRIES + 1);
	for (i = 1; i < ENTRIES; i++) {
		answer(i);
		ck_assert_int_eq(front_complete(&front, &done), 1);
	}
	answer(ENTRIES);
	ck_assert_int_eq(front_complete(&front, &done), 1);
	ck_assert_ptr_eq(done.cookie, &slot);
	ck_assert_uint_eq(front.nr_slots_free, free_slots + 1);
	teardown();
}
END_TEST

START_TEST(stream_keeps_bytes_across_the_end_of_a_run)
{
	struct vtoe_segment seg[2];
	struct front_stream s;
	uint32_t run;

	setup();
	open_stream(&s);
	run = arena_alloc(&front.tx_arena, 0);
	ck_assert_int_eq(front_tx_room(&s), -ENOBUFS);
	front_tx_attach(&s, run);
	ck_assert_int_eq(front_tx_room(&s), 4096);
	front_tx_commit(&s, 4000);
	s.shared->dom0.tx_cons = 4000;
	ck_assert_uint_eq(front_tx_segments(&s, 200, seg), 2);
	ck_assert_uint_eq(seg[0].len, 96);
	ck_assert_uint_eq(seg[1].len, 104);
	ck_assert_ptr_eq(seg[1].data + 4000, seg[0].data);
	teardown();
}
END_TEST

START_TEST(first_byte_rings_the_doorbell)
{
	struct front_stream s;

	setup();
	open_stream(&s);
	front_tx_attach(&s, arena_alloc(&front.tx_arena, 0));
	ck_assert(front_tx_commit(&s, 1));
	ck_assert_uint_ne(front.view.queue->dom0_summary[0], 0);
	teardown();
}
END_TEST

START_TEST(dom0_that_is_not_waiting_is_not_rung)
{
	struct front_stream s;

	setup();
	open_stream(&s);
	front_tx_attach(&s, arena_alloc(&front.tx_arena, 0));
	s.shared->dom0.tx_event = 0;
	ck_assert(!front_tx_commit(&s, 1));
	teardown();
}
END_TEST

START_TEST(sleeping_dom0_is_woken_once)
{
	setup();
	front.view.queue->dom0_asleep = 1;
	ck_assert(front_wake(&front));
	ck_assert(!front_wake(&front));
	teardown();
}
END_TEST

START_TEST(device_does_not_sleep_over_a_doorbell)
{
	setup();
	ck_assert(front_sleep(&front));
	front.view.queue->guest_summary[0] = 1;
	ck_assert(!front_sleep(&front));
	ck_assert_uint_eq(front.view.queue->guest_asleep, 0);
	teardown();
}
END_TEST

START_TEST(half_of_an_earlier_life_does_not_count)
{
	struct front_stream s;
	uint32_t error;

	setup();
	open_stream(&s);
	s.shared->dom0.gen = s.gen - 1;
	s.shared->dom0.rx_prod = 100;
	s.shared->dom0.flags = VTOE_DOM0_HUP;
	s.shared->dom0.error = EPIPE;
	ck_assert_int_eq(front_rx_avail(&s), 0);
	ck_assert_int_eq(front_status(&s, &error), 0);
	ck_assert_uint_eq(error, 0);
	teardown();
}
END_TEST

static void offer(struct front_stream *s, uint32_t run, uint32_t bytes)
{
	s->shared->dom0.rx_run = run;
	s->shared->dom0.rx_prod += bytes;
}

START_TEST(received_bytes_are_read_and_consumed)
{
	struct vtoe_segment seg[2];
	struct front_stream s;

	setup();
	open_stream(&s);
	memcpy(front.view.rx + VTOE_PAGE_SIZE, "hello", 5);
	offer(&s, vtoe_run_make(1, 0), 5);
	ck_assert_int_eq(front_rx_avail(&s), 5);
	ck_assert_uint_eq(front_rx_segments(&s, 1, 4, seg), 1);
	ck_assert(!memcmp(seg[0].data, "ello", 4));
	front_rx_consume(&s, 5);
	ck_assert_int_eq(front_rx_avail(&s), 0);
	ck_assert_uint_eq(s.shared->guest.rx_cons, 5);
	teardown();
}
END_TEST

START_TEST(each_end_is_told_once_and_stays)
{
	struct front_stream s;

	setup();
	open_stream(&s);
	ck_assert(front_shutdown(&s, VTOE_GUEST_SHUT_RD));
	ck_assert(!front_shutdown(&s, VTOE_GUEST_SHUT_RD));
	ck_assert(front_shutdown(&s, VTOE_GUEST_FIN));
	ck_assert_uint_eq(s.shared->guest.flags,
			  VTOE_GUEST_FIN | VTOE_GUEST_SHUT_RD);
	teardown();
}
END_TEST

START_TEST(run_outside_of_the_arena_breaks_the_device)
{
	struct front_stream s;

	setup();
	open_stream(&s);
	offer(&s, vtoe_run_make(RX_PAGES, 0), 1);
	ck_assert_int_eq(front_rx_avail(&s), -EPROTO);
	ck_assert(front.broken);
	teardown();
}
END_TEST

START_TEST(run_of_no_valid_bit_breaks_the_device)
{
	struct front_stream s;

	setup();
	open_stream(&s);
	offer(&s, 0, 1);
	ck_assert_int_eq(front_rx_avail(&s), -EPROTO);
	teardown();
}
END_TEST

START_TEST(more_bytes_than_a_run_holds_break_the_device)
{
	struct front_stream s;

	setup();
	open_stream(&s);
	offer(&s, vtoe_run_make(0, 0), 4097);
	ck_assert_int_eq(front_rx_avail(&s), -EPROTO);
	teardown();
}
END_TEST

START_TEST(taking_more_than_was_sent_breaks_the_device)
{
	struct front_stream s;

	setup();
	open_stream(&s);
	front_tx_attach(&s, arena_alloc(&front.tx_arena, 0));
	front_tx_commit(&s, 10);
	s.shared->dom0.tx_cons = 11;
	ck_assert_int_eq(front_tx_room(&s), -EPROTO);
	teardown();
}
END_TEST

START_TEST(unknown_flag_breaks_the_device)
{
	struct front_stream s;
	uint32_t error;

	setup();
	open_stream(&s);
	s.shared->dom0.flags = 0x80;
	ck_assert_int_eq(front_status(&s, &error), -EPROTO);
	teardown();
}
END_TEST

START_TEST(a_reason_is_told_with_the_end)
{
	struct front_stream s;
	uint32_t error;

	setup();
	open_stream(&s);
	s.shared->dom0.error = ECONNRESET; /* dom0 is about to set the flag */
	ck_assert_int_eq(front_status(&s, &error), 0);
	ck_assert_uint_eq(error, 0);
	s.shared->dom0.flags = VTOE_DOM0_HUP;
	ck_assert_int_eq(front_status(&s, &error), VTOE_DOM0_HUP);
	ck_assert_uint_eq(error, ECONNRESET);
	teardown();
}
END_TEST

START_TEST(arming_for_what_is_there_says_do_not_sleep)
{
	struct front_stream s;

	setup();
	open_stream(&s);
	ck_assert(!front_rx_arm(&s, 0, 1));
	offer(&s, vtoe_run_make(0, 0), 3);
	ck_assert(front_rx_arm(&s, 0, 3));
	ck_assert(front_rx_arm(&s, 0, 10000));
	ck_assert(!front_rx_arm(&s, 3, 4));
	s.shared->dom0.flags = VTOE_DOM0_FIN;
	ck_assert(front_rx_arm(&s, 3, 4));
	teardown();
}
END_TEST

START_TEST(writer_is_told_when_enough_was_taken)
{
	struct front_stream s;

	setup();
	open_stream(&s);
	front_tx_attach(&s, arena_alloc(&front.tx_arena, 0));
	front_tx_commit(&s, 4096);
	ck_assert(!front_tx_arm(&s, 1024));
	ck_assert_uint_eq(s.shared->guest.tx_event, 3072);
	s.shared->dom0.tx_cons = 3072;
	ck_assert(front_tx_arm(&s, 1024));
	teardown();
}
END_TEST

static void post_one(struct front_stream *l, uint32_t *slot)
{
	open_stream(l);
	front_tx_attach(l, arena_alloc(&front.tx_arena, 0));
	front_slot_alloc(&front, slot);
	ck_assert_int_eq(front_post(l, *slot), 0);
}

static void accept_into(struct front_stream *l, uint32_t slot, uint32_t gen)
{
	struct vtoe_accept rec = { .slot = slot, .gen = gen };

	rec.local.family = VTOE_INET;
	rec.peer.family = VTOE_INET;
	memcpy(front.view.rx + l->shared->dom0.rx_prod, &rec, sizeof(rec));
	offer(l, vtoe_run_make(0, 0), sizeof(rec));
}

START_TEST(posted_slot_is_accepted_into)
{
	struct vtoe_accept rec;
	struct front_stream l;
	uint32_t slot;

	setup();
	post_one(&l, &slot);
	ck_assert_int_eq(front_accept(&l, &rec), 0);
	accept_into(&l, slot, front.slot[slot].gen);
	ck_assert_int_eq(front_accept(&l, &rec), 1);
	ck_assert_uint_eq(rec.slot, slot);
	ck_assert_uint_eq(front.slot[slot].state, FRONT_SLOT_HELD);
	teardown();
}
END_TEST

START_TEST(slot_accepted_twice_breaks_the_device)
{
	struct vtoe_accept rec;
	struct front_stream l;
	uint32_t slot;

	setup();
	post_one(&l, &slot);
	accept_into(&l, slot, front.slot[slot].gen);
	accept_into(&l, slot, front.slot[slot].gen);
	ck_assert_int_eq(front_accept(&l, &rec), 1);
	ck_assert_int_eq(front_accept(&l, &rec), -EPROTO);
	teardown();
}
END_TEST

START_TEST(accept_of_an_old_generation_breaks_the_device)
{
	struct vtoe_accept rec;
	struct front_stream l;
	uint32_t slot;

	setup();
	post_one(&l, &slot);
	accept_into(&l, slot, front.slot[slot].gen - 1);
	ck_assert_int_eq(front_accept(&l, &rec), -EPROTO);
	teardown();
}
END_TEST

START_TEST(released_listener_frees_its_posts)
{
	struct front_done done;
	struct front_stream l;
	uint32_t slot, before;

	setup();
	before = front.nr_slots_free;
	post_one(&l, &slot);
	front_release(&front, l.slot, 0, 0, false, NULL);
	answer(0);
	ck_assert_int_eq(front_complete(&front, &done), 1);
	ck_assert_uint_eq(front.nr_slots_free, before);
	teardown();
}
END_TEST

/* One step with whatever dom0 has put there. */
static void poke(struct front_stream *s, uint32_t *seed)
{
	struct vtoe_segment seg[2];
	struct vtoe_accept rec;
	struct front_done done;
	volatile uint8_t sink = 0;
	uint32_t error, i, j;
	int n;

	front_status(s, &error);
	n = front_rx_avail(s);
	for (i = 0; n > 0 && i < front_rx_segments(s, 0, (uint32_t)n, seg); i++)
		for (j = 0; j < seg[i].len; j++)
			sink ^= seg[i].data[j];
	if (n > 0)
		front_rx_consume(s, unit_random(seed) % (uint32_t)n);
	n = front_tx_room(s);
	if (n > 0) {
		n = (int)(unit_random(seed) % (uint32_t)n);
		for (i = 0; i < front_tx_segments(s, (uint32_t)n, seg); i++)
			memset(seg[i].data, 1, seg[i].len);
		front_tx_commit(s, (uint32_t)n);
	}
	front_accept(s, &rec);
	front_complete(&front, &done);
}

START_TEST(no_garbage_from_dom0_reaches_memory)
{
	uint32_t seed = 99, round, i, slot;

	for (round = 0; round < 3000; round++) {
		struct front_stream s;
		uint32_t *words;
		size_t at, nr;

		setup();
		open_stream(&s);
		front_tx_attach(&s, arena_alloc(&front.tx_arena, 1));
		front_slot_alloc(&front, &slot);
		front_post(&s, slot);
		submit(VTOE_OP_GETOPT, s.slot);
		for (i = 0; i < 20; i++) {
			nr = sizeof(struct vtoe_slot_dom0) / 4;
			words = (uint32_t *)&s.shared->dom0;
			at = 1 + unit_random(&seed) % (nr - 1);
			words[at] = unit_random(&seed) >>
				    (unit_random(&seed) % 32);
			if (unit_random(&seed) % 2)
				s.shared->dom0.rx_run |= VTOE_RUN_VALID;
			front.view.queue->cq_prod = unit_random(&seed) % 3;
			front.view.cq[0].id = unit_random(&seed);
			poke(&s, &seed);
		}
		teardown();
	}
}
END_TEST

UNIT_MAIN("front", slot_gets_a_new_generation_at_each_use,
	  slots_run_out_with_enobufs, completion_returns_the_cookie,
	  ring_takes_no_more_commands_than_it_has_entries,
	  second_completion_of_one_command_breaks_the_device,
	  completion_with_a_wrong_slot_breaks_the_device,
	  positive_result_breaks_the_device,
	  option_longer_than_its_room_breaks_the_device,
	  completion_index_ahead_of_the_commands_breaks_the_device,
	  release_waits_for_room_in_the_ring,
	  stream_keeps_bytes_across_the_end_of_a_run,
	  first_byte_rings_the_doorbell, dom0_that_is_not_waiting_is_not_rung,
	  sleeping_dom0_is_woken_once, device_does_not_sleep_over_a_doorbell,
	  half_of_an_earlier_life_does_not_count,
	  received_bytes_are_read_and_consumed,
	  each_end_is_told_once_and_stays,
	  run_outside_of_the_arena_breaks_the_device,
	  run_of_no_valid_bit_breaks_the_device,
	  more_bytes_than_a_run_holds_break_the_device,
	  taking_more_than_was_sent_breaks_the_device,
	  unknown_flag_breaks_the_device, a_reason_is_told_with_the_end,
	  arming_for_what_is_there_says_do_not_sleep,
	  writer_is_told_when_enough_was_taken, posted_slot_is_accepted_into,
	  slot_accepted_twice_breaks_the_device,
	  accept_of_an_old_generation_breaks_the_device,
	  released_listener_frees_its_posts,
	  no_garbage_from_dom0_reaches_memory)
