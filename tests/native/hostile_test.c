/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Claims about frontends that break the contract: only their own device closes,
 * the reason is logged once and stands in XenStore, everything is unmapped, and
 * another guest does not notice.
 */
#include "../../xenstore-schema/vtoe_keys.h"
#include "native.h"

#define PORT	  7000
#define OTHER	  6u /* the bystander's domain */
#define OTHER_IP  "192.0.2.11"

struct bystander {
	struct fx_dom *dom;
	struct tg *tg;
	struct tg_sock *s;
};

static void bystander_up(struct nt *nt, struct bystander *b)
{
	char *answer;

	nt_remote_echo(nt, NT_REMOTE_IP, PORT);
	b->dom = nt_domain(nt, OTHER, NULL);
	answer = nt_attach(nt, OTHER, "ip=" OTHER_IP "/24");
	free(answer);
	ck_ok(tg_start(nt->host, b->dom, 0, NULL, NT_TIMEOUT, &b->tg));
	ck_ok(tg_open_connect(b->tg, NT_REMOTE_IP, PORT, NT_TIMEOUT, &b->s));
}

/* Its old connection still works, and so does a new one. */
static void bystander_lives(struct bystander *b)
{
	struct tg_sock *s;
	char data[4];

	ck_ok(tg_send_all(b->s, "abcd", 4, NT_TIMEOUT));
	ck_ok(tg_recv_all(b->s, data, 4, NT_TIMEOUT));
	ck_ok(tg_open_connect(b->tg, NT_REMOTE_IP, PORT, NT_TIMEOUT, &s));
	ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
	tg_free(b->tg);
	fx_dom_close(b->dom);
}

static uint64_t mapped(struct nt *nt)
{
	struct fx_counters c;

	fx_dom_counters(nt->host, NT_DOMID, &c);
	return c.mapped_now;
}

/* The device is closed, for a reason, and nothing of it is left mapped. */
static void expect_closed(struct nt *nt, struct tg *tg)
{
	char *error;

	ck_ok(tg_wait_backend(tg, TG_CLOSING, NT_TIMEOUT));
	error = tg_error(tg);
	ck_assert_msg(error && *error, "no reason in XenStore");
	tg_set_state(tg, TG_CLOSED);
	ck_ok(tg_wait_backend(tg, TG_CLOSED, NT_TIMEOUT));
	/* XenStore's own page stays mapped */
	nt_until(mapped(nt) == 1);
	ck_assert_int_eq(tg_end_grants(tg), 0);
	free(error);
}

/*
 * One misdeed on a connected device with one connection. It is told where it
 * may be seen: by an event, as after any change.
 */
typedef void misdeed(struct tg *tg, struct tg_sock *s);

static void expect_broken(struct nt *nt, misdeed *fn)
{
	struct bystander b;
	struct tg_sock *s;
	struct tg *tg;
	char byte = 'x';
	pid_t worker;

	bystander_up(nt, &b);
	tg = nt_guest_up(nt, NULL);
	worker = nt_worker(nt, NT_DOMID);
	ck_ok(tg_open_connect(tg, NT_REMOTE_IP, PORT, NT_TIMEOUT, &s));
	/* so that there is a run, and bytes have moved */
	ck_ok(tg_send_all(s, &byte, 1, NT_TIMEOUT));
	ck_ok(tg_recv_all(s, &byte, 1, NT_TIMEOUT));
	fn(tg, s);
	vtoe_doorbell_ring(tg->front.view.dom0_doorbell,
			   tg->front.view.queue->dom0_summary, s->slot);
	tg_notify(tg);
	expect_closed(nt, tg);
	nt_until(nt_process_gone(worker));
	bystander_lives(&b);
}

#define MISDEED(claim)                                               \
	static void claim##_do(struct tg *tg, struct tg_sock *s);    \
	NATIVE_TEST(claim)                                           \
	{                                                            \
		expect_broken(nt, claim##_do);                       \
	}                                                            \
	static void claim##_do(struct tg *tg __attribute__((unused)), \
			       struct tg_sock *s __attribute__((unused)))

/* A command by hand, unchecked. */
static void push(struct tg *tg, const struct vtoe_submission *cmd)
{
	struct vtoe_queue_page *q = tg->front.view.queue;

	tg->front.view.sq[tg->front.sq_prod &
			  (tg->front.view.geo.nr_entries - 1)] = *cmd;
	vtoe_store_release(&q->sq_prod, ++tg->front.sq_prod);
}

static struct vtoe_submission command(struct tg_sock *s, uint16_t op)
{
	struct vtoe_submission cmd = {
		.op = op,
		.id = 1,
		.slot = s->slot,
		.gen = s->stream.gen,
	};

	return cmd;
}

MISDEED(a_submission_index_too_far_ahead_breaks)
{
	vtoe_store(&tg->front.view.queue->sq_prod,
		   tg->front.sq_prod + tg->front.view.geo.nr_entries + 1);
}

MISDEED(a_submission_index_going_back_breaks)
{
	vtoe_store(&tg->front.view.queue->sq_prod, tg->front.sq_prod - 1);
}

MISDEED(an_unknown_command_breaks)
{
	struct vtoe_submission cmd = command(s, 99);

	push(tg, &cmd);
}

MISDEED(a_nonzero_zero_field_breaks)
{
	struct vtoe_submission cmd = command(s, VTOE_OP_LISTEN);

	cmd.u.listen.zero[10] = 1;
	push(tg, &cmd);
}

MISDEED(a_slot_out_of_range_breaks)
{
	struct vtoe_submission cmd = command(s, VTOE_OP_LISTEN);

	cmd.slot = tg->front.view.geo.nr_slots;
	push(tg, &cmd);
}

MISDEED(a_slot_not_in_use_breaks)
{
	struct vtoe_submission cmd = command(s, VTOE_OP_LISTEN);

	cmd.slot = s->slot + 1;
	push(tg, &cmd);
}

MISDEED(a_wrong_generation_breaks)
{
	struct vtoe_submission cmd = command(s, VTOE_OP_LISTEN);

	cmd.gen++;
	push(tg, &cmd);
}

MISDEED(opening_a_slot_in_use_breaks)
{
	struct vtoe_submission cmd = command(s, VTOE_OP_OPEN);

	cmd.u.open.family = VTOE_INET;
	cmd.u.open.type = VTOE_STREAM;
	push(tg, &cmd);
}

MISDEED(an_unknown_release_flag_breaks)
{
	struct vtoe_submission cmd = command(s, VTOE_OP_RELEASE);

	cmd.u.release.flags = 0x80;
	push(tg, &cmd);
}

MISDEED(an_option_in_a_run_outside_of_the_arena_breaks)
{
	struct vtoe_submission cmd = command(s, VTOE_OP_SETOPT);

	cmd.u.option.level = 6;
	cmd.u.option.name = 1;
	cmd.u.option.len = 100;
	cmd.u.option.run = vtoe_run_make(tg->front.view.geo.nr_tx_pages, 0);
	push(tg, &cmd);
}

MISDEED(more_bytes_than_the_run_holds_breaks)
{
	vtoe_store(&s->stream.shared->guest.tx_prod,
		   s->stream.tx_prod + vtoe_run_size(s->stream.tx_run) + 1);
}

MISDEED(a_produced_index_going_back_breaks)
{
	vtoe_store(&s->stream.shared->guest.tx_prod, s->stream.tx_prod - 1);
}

MISDEED(a_run_outside_of_the_arena_breaks)
{
	vtoe_store(&s->stream.shared->guest.tx_run,
		   vtoe_run_make(tg->front.view.geo.nr_tx_pages, 0));
	vtoe_store_release(&s->stream.shared->guest.tx_prod,
			   s->stream.tx_prod + 1);
}

MISDEED(a_run_reaching_out_of_the_arena_breaks)
{
	vtoe_store(&s->stream.shared->guest.tx_run,
		   vtoe_run_make(tg->front.view.geo.nr_tx_pages - 8, 4));
	vtoe_store_release(&s->stream.shared->guest.tx_prod,
			   s->stream.tx_prod + 1);
}

MISDEED(a_misaligned_run_breaks)
{
	vtoe_store(&s->stream.shared->guest.tx_run, vtoe_run_make(1, 2));
	vtoe_store_release(&s->stream.shared->guest.tx_prod,
			   s->stream.tx_prod + 1);
}

MISDEED(a_run_of_an_impossible_order_breaks)
{
	vtoe_store(&s->stream.shared->guest.tx_run, vtoe_run_make(0, 99));
	vtoe_store_release(&s->stream.shared->guest.tx_prod,
			   s->stream.tx_prod + 1);
}

MISDEED(bytes_without_a_run_break)
{
	vtoe_store(&s->stream.shared->guest.tx_run, VTOE_RUN_NONE);
	vtoe_store_release(&s->stream.shared->guest.tx_prod,
			   s->stream.tx_prod + 1);
}

MISDEED(consuming_what_was_not_produced_breaks)
{
	vtoe_store(&s->stream.shared->guest.rx_cons, s->stream.rx_cons + 1);
}

MISDEED(an_unknown_flag_of_a_slot_breaks)
{
	vtoe_store(&s->stream.shared->guest.flags, 0x40);
}

/* The same slot's listening cousin. */
static struct tg_sock *listener(struct tg *tg)
{
	struct tg_sock *l;

	ck_ok(tg_open(tg, VTOE_INET, NT_TIMEOUT, &l));
	ck_ok(tg_bind(l, NT_GUEST_IP, 80, NT_TIMEOUT, NULL));
	ck_ok(tg_listen(l, 5, NT_TIMEOUT));
	return l;
}

static void post(struct tg *tg, struct tg_sock *l, uint32_t slot, uint32_t gen,
		 uint32_t len)
{
	struct vtoe_post p = { .slot = slot, .gen = gen };
	struct vtoe_segment seg[2];

	front_tx_segments(&l->stream, sizeof(p), seg);
	memcpy(seg[0].data, &p, sizeof(p));
	front_tx_commit(&l->stream, len);
	vtoe_doorbell_ring(tg->front.view.dom0_doorbell,
			   tg->front.view.queue->dom0_summary, l->slot);
	tg_notify(tg);
}

/* A post is read when a connection comes. */
static void post_and_connect(struct nt *nt, misdeed *fn)
{
	struct bystander b;
	struct tg_sock *l;
	struct tg *tg;

	bystander_up(nt, &b);
	tg = nt_guest_up(nt, NULL);
	ck_ok(tg_open(tg, VTOE_INET, NT_TIMEOUT, &l));
	ck_ok(tg_bind(l, NT_GUEST_IP, 80, NT_TIMEOUT, NULL));
	l->posts = 0;
	ck_ok(tg_listen(l, 5, NT_TIMEOUT));
	fn(tg, l);
	nt_remote_connect(nt, NT_GUEST_IP, 80);
	expect_closed(nt, tg);
	bystander_lives(&b);
}

static void post_far(struct tg *tg, struct tg_sock *l)
{
	/* those posted by tg_listen() come first: let nobody see them */
	vtoe_store(&l->stream.shared->guest.tx_prod, 0u);
	l->stream.tx_prod = 0;
	post(tg, l, tg->front.view.geo.nr_slots, 1, 8);
}

NATIVE_TEST(a_post_of_a_slot_out_of_range_breaks)
{
	post_and_connect(nt, post_far);
}

static void post_self(struct tg *tg, struct tg_sock *l)
{
	vtoe_store(&l->stream.shared->guest.tx_prod, 0u);
	l->stream.tx_prod = 0;
	post(tg, l, l->slot, l->stream.gen, 8);
}

NATIVE_TEST(a_post_of_a_slot_in_use_breaks)
{
	post_and_connect(nt, post_self);
}

static void post_half(struct tg *tg, struct tg_sock *l)
{
	vtoe_store(&l->stream.shared->guest.tx_prod, 0u);
	l->stream.tx_prod = 0;
	post(tg, l, 1, 1, 4);
}

NATIVE_TEST(half_a_post_breaks)
{
	post_and_connect(nt, post_half);
}

NATIVE_TEST(an_option_longer_than_the_limit_is_refused)
{
	uint8_t value[2000] = { 1 };
	struct tg *tg = nt_guest_up(nt, NULL);
	struct tg_sock *s;

	ck_ok(tg_open(tg, VTOE_INET, NT_TIMEOUT, &s));
	ck_err(tg_setopt(s, 6, 1, value, VTOE_OPT_MAX + 1, NT_TIMEOUT), EINVAL);
	ck_ok(tg_setopt(s, 6, 1, value, 4, NT_TIMEOUT));
}

/* ------------------------------------------------ wrong from the start */

/* Lets @fn spoil what was made, and expects the device not to connect. */
static void expect_refused(struct nt *nt, void (*fn)(struct tg *tg))
{
	struct fx_dom *dom = nt_domain(nt, NT_DOMID, NULL);
	char *answer = nt_attach(nt, NT_DOMID, NT_ENTRY);
	struct tg *tg;

	free(answer);
	nt->guest.domid = NT_DOMID;
	nt->guest.dom = dom;
	ck_ok(tg_new(nt->host, dom, 0, NULL, NT_TIMEOUT, &tg));
	nt->guest.tg = tg;
	ck_ok(tg_wait_backend(tg, TG_INIT_WAIT, NT_TIMEOUT));
	ck_ok(tg_share(tg));
	ck_ok(tg_publish(tg));
	fn(tg);
	ck_ok(tg_set_state(tg, TG_INITIALISED));
	ck_ok(tg_wait_backend(tg, TG_INITIALISED, NT_TIMEOUT));
	ck_assert_int_ge(tg->backend_state, TG_CLOSING);
	expect_closed(nt, tg);
}

#define REFUSED(claim)                                               \
	static void claim##_do(struct tg *tg);                       \
	NATIVE_TEST(claim)                                           \
	{                                                            \
		expect_refused(nt, claim##_do);                      \
	}                                                            \
	static void claim##_do(struct tg *tg)

static void write_node(struct tg *tg, const char *name, const char *value)
{
	char path[64];

	snprintf(path, sizeof(path), "device/vtoe/0/%s", name);
	ck_ok(fx_xs_write(tg->xs, 0, path, value));
}

REFUSED(a_wrong_magic_is_refused)
{
	tg->layout->magic++;
}

REFUSED(an_unknown_version_is_refused)
{
	tg->layout->version = VTOE_WIRE_VERSION + 1;
}

REFUSED(too_many_slots_are_refused)
{
	tg->layout->nr_slots = 1u << 30;
}

REFUSED(contradicting_sizes_are_refused)
{
	tg->layout->nr_pages--;
}

REFUSED(a_nonzero_zero_field_of_the_layout_is_refused)
{
	tg->layout->zero[6] = 1;
}

REFUSED(an_ungranted_directory_is_refused)
{
	tg->layout->dir_ref[0] = 30000;
}

REFUSED(an_ungranted_page_is_refused)
{
	tg->dirs[0].ref[100] = 30000;
}

REFUSED(a_page_for_somebody_else_is_refused)
{
	int ref = fx_grant(tg->dom, tg->first_page, 9, false);

	ck_ok(ref);
	tg->dirs[0].ref[0] = (uint32_t)ref;
}

REFUSED(a_read_only_page_is_refused)
{
	int ref = fx_grant(tg->dom, tg->first_page, 0, true);

	ck_ok(ref);
	tg->dirs[0].ref[0] = (uint32_t)ref;
}

REFUSED(an_ungranted_layout_is_refused)
{
	write_node(tg, VTOE_KEY_LAYOUT, "30000");
}

REFUSED(a_layout_reference_that_is_no_number_is_refused)
{
	write_node(tg, VTOE_KEY_LAYOUT, "12x");
}

REFUSED(a_huge_layout_reference_is_refused)
{
	write_node(tg, VTOE_KEY_LAYOUT, "99999999999999999999");
}

REFUSED(a_missing_layout_is_refused)
{
	ck_ok(fx_xs_rm(tg->xs, 0, "device/vtoe/0/" VTOE_KEY_LAYOUT));
}

REFUSED(an_unbindable_port_is_refused)
{
	write_node(tg, VTOE_KEY_EVTCHN, "999");
}

REFUSED(a_version_that_was_not_offered_is_refused)
{
	write_node(tg, VTOE_KEY_VERSION, "7");
}

NATIVE_TEST(connected_without_initialised_is_refused)
{
	struct fx_dom *dom = nt_domain(nt, NT_DOMID, NULL);
	struct tg *tg;

	free(nt_attach(nt, NT_DOMID, NT_ENTRY));
	nt->guest.domid = NT_DOMID;
	nt->guest.dom = dom;
	ck_ok(tg_new(nt->host, dom, 0, NULL, NT_TIMEOUT, &tg));
	nt->guest.tg = tg;
	ck_ok(tg_wait_backend(tg, TG_INIT_WAIT, NT_TIMEOUT));
	ck_ok(tg_set_state(tg, TG_CONNECTED));
	expect_closed(nt, tg);
}

NATIVE_TEST(a_state_that_is_no_state_is_refused)
{
	struct tg *tg = nt_guest_up(nt, NULL);

	write_node(tg, "state", "banana");
	expect_closed(nt, tg);
}

NATIVE_TEST(memory_that_cannot_be_mapped_is_an_error_not_a_crash)
{
	struct fx_dom *dom = nt_domain(nt, NT_DOMID, NULL);
	struct tg *tg;

	free(nt_attach(nt, NT_DOMID, NT_ENTRY));
	nt->guest.domid = NT_DOMID;
	nt->guest.dom = dom;
	fx_host_fail_maps(nt->host, 2, ENOMEM);
	ck_err(tg_start(nt->host, dom, 0, NULL, NT_TIMEOUT, &tg),
	       ECONNABORTED);
	fx_host_fail_maps(nt->host, 0, 0);
	nt_until(mapped(nt) == 1);
}

/* ------------------------------------------------------------ scribbling */

/*
 * The guest writes random numbers all over what it shares, while the worker
 * works. Whatever happens, it happens to this device alone, and the worker's
 * sanitizers keep silent (nt_down() looks).
 */
static void scribble(struct nt *nt, uint32_t seed)
{
	struct bystander b;
	struct vtoe_view *v;
	struct tg_sock *s;
	struct tg *tg;
	uint32_t i, n, *words;
	pid_t worker;

	bystander_up(nt, &b);
	tg = nt_guest_up(nt, NULL);
	worker = nt_worker(nt, NT_DOMID);
	v = &tg->front.view;
	for (i = 0; i < 20; i++)
		ck_ok(tg_open_connect(tg, NT_REMOTE_IP, PORT, NT_TIMEOUT, &s));
	listener(tg);
	for (i = 0; i < 20000 && !nt_process_gone(worker); i++) {
		/* one page of the control part, sometimes small numbers */
		words = (uint32_t *)v->queue;
		n = nt_random(&seed) % (v->geo.tx * VTOE_PAGE_SIZE / 4);
		words[n] = nt_random(&seed) >> (nt_random(&seed) % 32);
		if (i % 8 == 0) {
			vtoe_doorbell_ring(v->dom0_doorbell,
					   v->queue->dom0_summary,
					   nt_random(&seed) % 32);
			tg_notify(tg);
		}
	}
	fx_dom_destroy(nt->host, NT_DOMID);
	fx_dom_forget(NT_DOMID);
	nt_until(nt_process_gone(worker));
	nt_until(nt_domain_tidy(nt, NT_DOMID));
	bystander_lives(&b);
}

NATIVE_TEST(scribbling_hurts_only_the_scribbler_1)
{
	scribble(nt, 1);
}

NATIVE_TEST(scribbling_hurts_only_the_scribbler_2)
{
	scribble(nt, 22222);
}

NATIVE_TEST(scribbling_hurts_only_the_scribbler_3)
{
	scribble(nt, 333333333);
}

/* ------------------------------------------------------------ endings */

NATIVE_TEST(a_guest_that_disappears_leaves_nothing)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	static uint8_t data[100000];
	struct tg_sock *s;

	nt_remote_echo(nt, NT_REMOTE_IP, PORT);
	ck_ok(tg_open_connect(tg, NT_REMOTE_IP, PORT, NT_TIMEOUT, &s));
	tg_send(s, data, sizeof(data));
	nt_guest_kill(nt, NT_DOMID);
}

NATIVE_TEST(a_guest_that_disappears_while_connecting_leaves_nothing)
{
	struct fx_dom *dom = nt_domain(nt, NT_DOMID, NULL);
	struct tg *tg;

	free(nt_attach(nt, NT_DOMID, NT_ENTRY));
	ck_ok(tg_new(nt->host, dom, 0, NULL, NT_TIMEOUT, &tg));
	ck_ok(tg_wait_backend(tg, TG_INIT_WAIT, NT_TIMEOUT));
	ck_ok(tg_share(tg));
	ck_ok(tg_publish(tg));
	ck_ok(tg_set_state(tg, TG_INITIALISED));
	nt_guest_kill(nt, NT_DOMID);
	tg_free(tg);
	fx_dom_close(dom);
}

NATIVE_MAIN("native-hostile", 120,
	    a_submission_index_too_far_ahead_breaks,
	    a_submission_index_going_back_breaks, an_unknown_command_breaks,
	    a_nonzero_zero_field_breaks, a_slot_out_of_range_breaks,
	    a_slot_not_in_use_breaks, a_wrong_generation_breaks,
	    opening_a_slot_in_use_breaks, an_unknown_release_flag_breaks,
	    an_option_longer_than_the_limit_is_refused,
	    an_option_in_a_run_outside_of_the_arena_breaks,
	    more_bytes_than_the_run_holds_breaks,
	    a_produced_index_going_back_breaks,
	    a_run_outside_of_the_arena_breaks,
	    a_run_reaching_out_of_the_arena_breaks, a_misaligned_run_breaks,
	    a_run_of_an_impossible_order_breaks, bytes_without_a_run_break,
	    consuming_what_was_not_produced_breaks,
	    an_unknown_flag_of_a_slot_breaks,
	    a_post_of_a_slot_out_of_range_breaks,
	    a_post_of_a_slot_in_use_breaks, half_a_post_breaks,
	    a_wrong_magic_is_refused, an_unknown_version_is_refused,
	    too_many_slots_are_refused, contradicting_sizes_are_refused,
	    a_nonzero_zero_field_of_the_layout_is_refused,
	    an_ungranted_directory_is_refused, an_ungranted_page_is_refused,
	    a_page_for_somebody_else_is_refused, a_read_only_page_is_refused,
	    an_ungranted_layout_is_refused,
	    a_layout_reference_that_is_no_number_is_refused,
	    a_huge_layout_reference_is_refused, a_missing_layout_is_refused,
	    an_unbindable_port_is_refused,
	    a_version_that_was_not_offered_is_refused,
	    connected_without_initialised_is_refused,
	    a_state_that_is_no_state_is_refused,
	    memory_that_cannot_be_mapped_is_an_error_not_a_crash,
	    scribbling_hurts_only_the_scribbler_1,
	    scribbling_hurts_only_the_scribbler_2,
	    scribbling_hurts_only_the_scribbler_3,
	    a_guest_that_disappears_leaves_nothing,
	    a_guest_that_disappears_while_connecting_leaves_nothing)
