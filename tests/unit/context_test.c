/* SPDX-License-Identifier: GPL-2.0 */
/* Claims about virtual contexts, over the smallest driver there is. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit.h"
#include "../../toe-service/context.h"
#include "../../toe-service/stacks/complete.h"
#include "../../toe-service/stacks/drivers.h"

#define ROWS	4u
#define TAG	(16ull << TOE_DATA_BITS)
#define WAIT_MS 5000
#define SLOT	2u

static const struct vtoe_addr peer = {.family = VTOE_INET,
				      .addr = {198, 51, 100, 1}};

/* ---- streams that move: a driver that saves what a test says ---- */

static struct {
	unsigned int frozen, exported, imported, thawed;
	int import_error;
	const char *unread;
	bool eof;
	struct toe_saved got;
} moved;

static int move_freeze(struct toe_conn *conn)
{
	(void)conn;
	moved.frozen++;
	return 0;
}

static int move_export(struct toe_conn *conn, struct toe_saved *saved)
{
	(void)conn;
	moved.exported++;
	saved->eof = moved.eof;
	saved->in_len = moved.unread ? (uint32_t)strlen(moved.unread) : 0;
	saved->in = saved->in_len ? (uint8_t *)strdup(moved.unread) : NULL;
	return 0;
}

/* As connected as skeleton's are. */
static int move_import(struct toe_conn *conn, struct toe_saved *saved)
{
	moved.imported++;
	moved.got = *saved;
	if (moved.import_error)
		return moved.import_error;
	return skeleton_driver.connect(conn, &saved->remote);
}

static int move_thaw(struct toe_conn *conn, const struct toe_saved *saved)
{
	(void)conn;
	(void)saved;
	moved.thawed++;
	return 0;
}

static void move_own(struct toe_conn *conn, void *user)
{
	(void)conn;
	(void)user;
}

static int move_assist(struct toe_conn *conn)
{
	(void)conn;
	return 7;
}

/* ---- and that counts how often a socket was told to forget its way ---- */

static unsigned int forgotten;

static void forget_way(struct toe_conn *conn)
{
	(void)conn;
	forgotten++;
}

/* ---- the list of drivers: two of the same, one of which has links ---- */

static struct toe_link seen; /* what the other one was told last */
static char seen_name[TABLE_IFNAME_MAX];

static int see_link(struct toe_stack *stack, const struct toe_link *link)
{
	(void)stack;
	seen = *link;
	snprintf(seen_name, sizeof(seen_name), "%s",
		 link->name ? link->name : "");
	return 0;
}

const struct toe_driver *toe_driver_find(const char *name)
{
	static struct toe_driver skeleton, other;

	if (!skeleton.name) {
		ck_assert_ptr_null(
			complete_driver(&skeleton, &skeleton_driver));
		other = skeleton;
		other.name = "other";
		other.stack_link = see_link;
		skeleton.freeze = other.freeze = move_freeze;
		skeleton.export = other.export = move_export;
		skeleton.import = other.import = move_import;
		skeleton.thaw = other.thaw = move_thaw;
		skeleton.own = other.own = move_own;
		skeleton.moved = other.moved = forget_way;
		other.assist = move_assist;
	}
	if (!strcmp(name, other.name))
		return &other;
	return strcmp(name, skeleton.name) ? NULL : &skeleton;
}

/* ---- a worker with two TOE contexts, and a third TOE ---- */

static struct toe_table toes;
static struct contexts contexts;
static int epoll, table_fd;
static unsigned int told;

static void ready(void *owner, uint32_t slot, unsigned int events)
{
	(void)owner;
	ck_assert_uint_eq(slot, SLOT);
	told |= events;
}

static struct {
	struct context_assist last;
	unsigned int times, arrived, settled;
} asked;

static void ask_vtoed(void *owner, unsigned int toe,
		      const struct context_assist *ask)
{
	(void)owner;
	(void)toe;
	asked.last = *ask;
	asked.times++;
}

static void note_arrived(void *owner, unsigned int toe)
{
	(void)owner;
	(void)toe;
	asked.arrived++;
}

static void note_settled(void *owner, unsigned int toe)
{
	(void)owner;
	(void)toe;
	asked.settled++;
}

static const struct context_move_ops move_ops = {
	.assist = ask_vtoed, .arrived = note_arrived, .settled = note_settled};

static struct contexts_place place_of(uint32_t row)
{
	struct contexts_place place = {
		.row = row,
		.driver = "skeleton",
		.ip = {.addr = {.family = VTOE_INET,
				.addr = {192, 0, 2, (uint8_t)(10 + row)}},
		       .prefix = 24},
	};

	return place;
}

static void up_with(const struct contexts_place *second)
{
	struct contexts_config config = {
		.nr_rows = ROWS, .toes = &toes, .ready = ready, .tag = TAG,
		.move_ops = &move_ops};
	char error[TOE_ERROR_MAX] = "";
	uint32_t i;

	memset(&toes, 0, sizeof(toes));
	for (i = 0; i < 3; i++) {
		toes.row[i].state = TOE_UP;
		toes.row[i].weight = 1;
	}
	for (i = 0; i < CONTEXT_TOES_MAX; i++)
		config.toe[i].row = CONTEXTS_NO_TOE;
	config.toe[0] = place_of(0);
	config.toe[1] = *second;
	strcpy(config.driver[0], "skeleton");
	strcpy(config.driver[1], "other");
	told = 0;
	epoll = epoll_create1(0);
	ck_assert_int_ge(epoll, 0);
	config.epoll = epoll;
	ck_assert_int_eq(contexts_init(&contexts, &config, &table_fd, error),
			 0);
}

static void up(void)
{
	const struct contexts_place second = place_of(1);

	up_with(&second);
}

static void up_on_one(void)
{
	const struct contexts_place none = {.row = CONTEXTS_NO_TOE};

	up_with(&none);
}

/* The second TOE context's driver is another one. */
static struct contexts_place up_mixed(void)
{
	struct contexts_place second = place_of(1);

	strcpy(second.driver, "other");
	up_with(&second);
	return second;
}

static int open_one(void)
{
	const struct context_opening opening = {
		.generation = 1, .family = VTOE_INET, .type = VTOE_STREAM};

	return context_open(&contexts, SLOT, &opening);
}

static void connected(struct vtoe_addr *local)
{
	ck_assert_int_eq(open_one(), 0);
	ck_assert_int_eq(context_connect(&contexts, SLOT, &peer, local), 0);
}

static void until_told(unsigned int events)
{
	struct epoll_event ev;

	while ((told & events) != events) {
		ck_assert_int_eq(epoll_wait(epoll, &ev, 1, WAIT_MS), 1);
		contexts_event(
			&contexts,
			(unsigned int)((ev.data.u64 - TAG) >> TOE_DATA_BITS),
			ev.data.u64 & ((1ull << TOE_DATA_BITS) - 1), ev.events);
	}
}

static ssize_t send_text(char *text)
{
	const struct iovec iov = {text, strlen(text)};

	return context_send(&contexts, SLOT, &iov, 1);
}

static ssize_t recv_text(char *text, size_t size)
{
	const struct iovec iov = {text, size};

	return context_recv(&contexts, SLOT, &iov, 1);
}

/* ---- claims ---- */

START_TEST(a_driver_carries_what_goes_through_a_context)
{
	struct vtoe_addr local;
	char text[] = "hello", back[16];

	up();
	connected(&local);
	ck_assert_int_eq(send_text(text), 5);
	until_told(TOE_READABLE);
	ck_assert_int_eq(recv_text(back, sizeof(back)), 5);
	ck_assert_int_eq(memcmp(back, text, 5), 0);
	ck_assert_int_eq(context_shutdown(&contexts, SLOT, SHUT_WR), 0);
	until_told(TOE_HUP);
	ck_assert_int_eq(recv_text(back, sizeof(back)), 0);
	ck_assert_uint_eq(contexts.table->counters.contexts, 1);
	context_close(&contexts, SLOT, false);
	ck_assert_uint_eq(contexts.table->counters.contexts, 0);
}
END_TEST

START_TEST(without_settings_toes_share_an_instance)
{
	up();
	ck_assert_ptr_eq(contexts.toe[0].stack, contexts.toe[1].stack);
}
END_TEST

START_TEST(a_connection_has_the_address_of_its_toe)
{
	const struct contexts_place place[2] = {place_of(0), place_of(1)};
	struct vtoe_addr local;
	int toe;

	up();
	connected(&local);
	toe = contexts.table->row[SLOT].resolved.toe;
	ck_assert_int_ge(toe, 0);
	ck_assert_int_lt(toe, 2);
	ck_assert_int_eq(memcmp(local.addr, place[toe].ip.addr.addr, 4), 0);
	context_close(&contexts, SLOT, false);
}
END_TEST

static int toe_with_route(const uint8_t *network)
{
	struct contexts_place second = place_of(1);
	struct vtoe_addr local;

	second.routes.nr = 1;
	second.routes.route[0].dst.family = VTOE_INET;
	memcpy(second.routes.route[0].dst.addr, network, 4);
	second.routes.route[0].prefix = 24;
	up_with(&second);
	/* a gateway is the second choice */
	contexts.toe[0].ip.gateway = second.ip.addr;
	connected(&local);
	return contexts.context[SLOT].toe;
}

START_TEST(a_connection_is_on_the_toe_with_a_route_to_its_peer)
{
	ck_assert_int_eq(toe_with_route((const uint8_t[]){198, 51, 100, 0}), 1);
}
END_TEST

START_TEST(a_route_to_another_network_does_not_count)
{
	ck_assert_int_eq(toe_with_route((const uint8_t[]){203, 0, 113, 0}), 0);
}
END_TEST

START_TEST(a_move_needs_nothing_of_a_driver_that_keeps_no_way)
{
	struct contexts_place to = place_of(2);
	struct vtoe_addr local;
	char text[] = "still here";
	unsigned int toe;

	up();
	connected(&local);
	toe = (unsigned int)contexts.table->row[SLOT].resolved.toe;
	ck_assert_int_eq(contexts_set_toe(&contexts, toe, &to, TOE_DOWN), 0);
	ck_assert_uint_eq(contexts.table->row[SLOT].remaps, 1);
	ck_assert_int_eq(contexts.table->row[SLOT].resolved.toe, 2);
	ck_assert_int_eq(send_text(text), sizeof(text) - 1);
	context_close(&contexts, SLOT, false);
}
END_TEST

/* One that is connected, and whose link has become another one. */
static void connected_and_moved(void)
{
	struct contexts_place to = place_of(2);
	struct vtoe_addr local;
	unsigned int toe;

	up();
	connected(&local);
	toe = (unsigned int)contexts.table->row[SLOT].resolved.toe;
	forgotten = 0;
	ck_assert_int_eq(contexts_set_toe(&contexts, toe, &to, TOE_DOWN), 0);
	ck_assert_uint_eq(forgotten, 0);
}

START_TEST(a_socket_forgets_its_way_in_its_turn)
{
	connected_and_moved();
	while (contexts_tell_some(&contexts))
		;
	ck_assert_uint_eq(forgotten, 1);
	context_close(&contexts, SLOT, false);
	ck_assert_uint_eq(forgotten, 1);
}
END_TEST

START_TEST(a_socket_that_is_used_forgets_its_way_before)
{
	char text[] = "still here";

	connected_and_moved();
	ck_assert_int_eq(send_text(text), sizeof(text) - 1);
	ck_assert_uint_eq(forgotten, 1);
	while (contexts_tell_some(&contexts))
		;
	ck_assert_uint_eq(forgotten, 1);
	context_close(&contexts, SLOT, false);
}
END_TEST

START_TEST(what_a_toe_that_is_no_more_carried_is_reset)
{
	const struct contexts_place nowhere = {.row = CONTEXTS_NO_TOE};
	struct vtoe_addr local;
	unsigned int toe;
	char back[16];

	up();
	connected(&local);
	toe = (unsigned int)contexts.table->row[SLOT].resolved.toe;
	ck_assert_int_eq(contexts_set_toe(&contexts, toe, &nowhere, TOE_GONE),
			 0);
	until_told(TOE_READABLE | TOE_HUP);
	ck_assert_int_eq(recv_text(back, sizeof(back)), -ECONNRESET);
	context_close(&contexts, SLOT, true);
}
END_TEST

/* Another address, or none, on the TOE that a connection is on; returns that one. */
static unsigned int readdress(bool none)
{
	unsigned int toe =
		(unsigned int)contexts.table->row[SLOT].resolved.toe;
	struct contexts_place to = place_of(toe);

	to.ip.addr.addr[3] = 99;
	if (none)
		to.ip = (struct toe_address){0};
	ck_assert_int_eq(contexts_set_toe(&contexts, toe, &to,
					  CONTEXT_LEFT_ADDRESS), 0);
	ck_assert_uint_eq(contexts.table->row[SLOT].remaps, !none);
	return toe;
}

START_TEST(what_has_an_address_that_is_gone_is_reset)
{
	struct vtoe_addr local;
	char back[16];

	up();
	connected(&local);
	readdress(false);
	until_told(TOE_READABLE | TOE_HUP);
	ck_assert_int_eq(recv_text(back, sizeof(back)), -ECONNRESET);
	context_close(&contexts, SLOT, true);
}
END_TEST

START_TEST(what_may_wait_for_its_address_lives_on)
{
	char text[] = "still here";
	struct vtoe_addr local;

	up();
	connected(&local);
	readdress(true);
	ck_assert_int_eq(send_text(text), sizeof(text) - 1);
	context_close(&contexts, SLOT, false);
}
END_TEST

START_TEST(what_has_waited_for_its_address_is_reset)
{
	struct vtoe_addr local;
	unsigned int toe;
	char back[16];

	up();
	connected(&local);
	toe = readdress(true);
	ck_assert_int_eq(contexts_no_address(&contexts, toe, VTOE_INET6), 0);
	ck_assert_uint_eq(contexts.table->row[SLOT].remaps, 0);
	ck_assert_int_eq(contexts_no_address(&contexts, toe, VTOE_INET), 0);
	until_told(TOE_READABLE | TOE_HUP);
	ck_assert_int_eq(recv_text(back, sizeof(back)), -ECONNRESET);
	context_close(&contexts, SLOT, true);
}
END_TEST

START_TEST(a_new_connection_has_the_new_address)
{
	struct vtoe_addr local;
	unsigned int toe;

	up();
	connected(&local);
	toe = readdress(false);
	context_close(&contexts, SLOT, true);
	contexts.candidate[!toe].row = CONTEXTS_NO_TOE;
	connected(&local);
	ck_assert_uint_eq(local.addr[3], 99);
	context_close(&contexts, SLOT, false);
}
END_TEST

START_TEST(what_a_driver_lacks_is_refused_to_the_program)
{
	struct vtoe_addr local, bound;
	int on = 1;

	up();
	connected(&local);
	ck_assert_int_eq(context_bind(&contexts, SLOT, &local, &bound),
			 -EOPNOTSUPP);
	ck_assert_int_eq(context_setopt(&contexts, SLOT, SOL_SOCKET,
					SO_KEEPALIVE, &on, sizeof(on)),
			 -ENOPROTOOPT);
	ck_assert_int_eq(context_hold(&contexts, SLOT, true), 0);
	context_close(&contexts, SLOT, false);
}
END_TEST

START_TEST(a_socket_over_a_limit_is_refused_and_counted)
{
	const struct context_opening opening = {
		.generation = 1, .family = VTOE_INET, .type = VTOE_STREAM};

	up();
	contexts.max_sockets = 2;
	ck_assert_int_eq(context_open(&contexts, 0, &opening), 0);
	ck_assert_int_eq(context_open(&contexts, 1, &opening), 0);
	ck_assert_int_eq(context_open(&contexts, 3, &opening), -ENOBUFS);
	ck_assert_uint_eq(contexts.table->counters.limited, 1);
	context_close(&contexts, 0, false);
	ck_assert_int_eq(context_open(&contexts, 3, &opening), 0);
	context_close(&contexts, 1, false);
	context_close(&contexts, 3, false);
}
END_TEST

START_TEST(connections_are_counted_by_toe_and_anew_for_another_one)
{
	struct contexts_place to = place_of(2);
	const struct toe_tally *tally;
	struct vtoe_addr local;
	unsigned int toe;

	up();
	connected(&local);
	toe = (unsigned int)contexts.table->row[SLOT].resolved.toe;
	tally = contexts.table->tally;
	ck_assert_uint_eq(tally[toe].opened, 1);
	ck_assert_uint_eq(tally[!toe].opened, 0);
	ck_assert_int_eq(contexts_set_toe(&contexts, toe, &to, TOE_DOWN), 0);
	ck_assert_uint_eq(tally[2].remapped, 1);
	ck_assert_uint_eq(tally[2].opened, 0);
	to.generation = 7; /* another one in that row */
	ck_assert_int_eq(contexts_set_toe(&contexts, toe, &to, TOE_DOWN), 0);
	ck_assert_uint_eq(tally[2].generation, 7);
	ck_assert_uint_eq(tally[2].remapped, 1);
	context_close(&contexts, SLOT, false);
}
END_TEST

START_TEST(each_driver_has_a_stack_and_a_socket_goes_to_the_better_one)
{
	struct vtoe_addr local;
	char text[] = "hello", back[16];

	up_mixed();
	ck_assert_ptr_ne(contexts.toe[0].stack, contexts.toe[1].stack);
	toes.row[0].state = TOE_DOWN;
	connected(&local);
	ck_assert_str_eq(contexts.context[SLOT].driver->name, "other");
	ck_assert_int_eq(contexts.table->row[SLOT].resolved.toe, 1);
	ck_assert_uint_eq(contexts.table->on_toe[0], 0);
	ck_assert_uint_eq(contexts.table->on_toe[1], 1);
	ck_assert_int_eq(send_text(text), 5);
	until_told(TOE_READABLE);
	ck_assert_int_eq(recv_text(back, sizeof(back)), 5);
	context_close(&contexts, SLOT, false);
}
END_TEST

START_TEST(while_vtoed_leaves_a_toe_that_is_gone_sockets_are_opened)
{
	up_on_one();
	toes.row[0].state = TOE_GONE;
	ck_assert_int_eq(open_one(), 0);
	context_close(&contexts, SLOT, false);
}
END_TEST

START_TEST(on_a_toe_that_is_given_up_none_are)
{
	up_on_one();
	toes.row[0].state = TOE_GONE;
	ck_assert_int_eq(contexts_lost(&contexts, 0, TOE_GONE, true), 0);
	ck_assert_int_eq(open_one(), -ENETDOWN);
}
END_TEST

START_TEST(a_driver_is_told_of_its_links)
{
	const struct contexts_place nowhere = {.row = CONTEXTS_NO_TOE};
	struct contexts_place second = up_mixed();

	ck_assert_uint_eq(seen.index, 1);
	ck_assert_str_eq(seen_name, "vtoe1_1");
	ck_assert_mem_eq(&seen.ip, &second.ip, sizeof(seen.ip));
	second.row = 2; /* a sibling */
	ck_assert_int_eq(contexts_set_toe(&contexts, 1, &second, TOE_DOWN), 0);
	ck_assert_str_eq(seen_name, "vtoe2_1");
	ck_assert_int_eq(contexts_set_toe(&contexts, 1, &nowhere, TOE_GONE), 0);
	ck_assert_ptr_null(seen.name);
	/* its instance stays, for one that comes */
	ck_assert_int_eq(contexts_set_toe(&contexts, 3, &second, TOE_ABSENT),
			 0);
	ck_assert_str_eq(seen_name, "vtoe2_3");
	ck_assert_ptr_eq(contexts.toe[3].stack, contexts.instance[1].stack);
}
END_TEST

/* ---- claims: moves between stacks ---- */

/* To the driver that needs vtoed, or from there. */
static int go_to(const char *driver)
{
	struct contexts_place to = place_of(2);

	strcpy(to.driver, driver);
	to.row = !strcmp(driver, "other") ? 2 : 0;
	return contexts_set_toe(&contexts, 0, &to, TOE_DRAINING);
}

static void answer(int16_t result)
{
	int16_t results[CONTEXT_ASSIST_MAX];
	unsigned int i;

	for (i = 0; i < CONTEXT_ASSIST_MAX; i++)
		results[i] = result;
	contexts_assisted(&contexts, asked.last.id, results, asked.last.nr);
}

static void up_alone(void)
{
	struct vtoe_addr local;

	up_on_one();
	connected(&local);
	told = 0;
}

START_TEST(a_stream_moves_to_another_stack_with_vtoeds_help)
{
	char text[] = "hello", back[16];

	up_alone();
	ck_assert_int_eq(go_to("other"), -EINPROGRESS);
	ck_assert_uint_eq(moved.exported, 1);
	ck_assert_uint_eq(asked.last.what, TOE_ASSIST_FREEZE);
	ck_assert_uint_eq(asked.last.nr, 1);
	ck_assert_int_eq(asked.last.fd[0], 7);
	ck_assert_str_eq(asked.last.driver, "other");
	/* nothing is said of it, and nothing lost, meanwhile */
	ck_assert_int_eq(send_text(text), -EAGAIN);
	ck_assert_int_eq(recv_text(back, sizeof(back)), -EAGAIN);
	ck_assert_uint_eq(asked.arrived, 0);
	answer(0);
	ck_assert_uint_eq(asked.arrived, 1);
	ck_assert_uint_eq(asked.last.what, TOE_ASSIST_THAW);
	answer(0);
	ck_assert_uint_eq(asked.settled, 1);
	ck_assert_uint_eq(told & (TOE_READABLE | TOE_WRITABLE),
			  TOE_READABLE | TOE_WRITABLE);
	ck_assert_str_eq(contexts.context[SLOT].driver->name, "other");
	ck_assert_mem_eq(&moved.got.remote, &peer, sizeof(peer));
	ck_assert_int_eq(send_text(text), 5);
	ck_assert_uint_eq(contexts.table->row[SLOT].remaps, 1);
	ck_assert_uint_eq(contexts.table->counters.moves, 1);
	/* and back: the old stack's part needs help, too */
	ck_assert_int_eq(go_to("skeleton"), -EINPROGRESS);
	ck_assert_uint_eq(moved.exported, 1);
	answer(0);
	ck_assert_uint_eq(moved.exported, 2);
	ck_assert_uint_eq(asked.settled, 2);
	ck_assert_uint_eq(asked.times, 3);
	ck_assert_str_eq(contexts.context[SLOT].driver->name, "skeleton");
	context_close(&contexts, SLOT, false);
}
END_TEST

START_TEST(what_was_not_read_comes_first_and_then_the_end)
{
	char back[16];

	up_alone();
	moved.unread = "before";
	moved.eof = true;
	ck_assert_int_eq(go_to("other"), -EINPROGRESS);
	answer(0);
	answer(0);
	ck_assert_int_eq(recv_text(back, 2), 2);
	ck_assert_int_eq(recv_text(back + 2, 16 - 2), 4);
	ck_assert_mem_eq(back, "before", 6);
	ck_assert_int_eq(recv_text(back, 2), 0);
	told = 0;
	ck_assert_int_eq(context_shutdown(&contexts, SLOT, SHUT_WR), 0);
	ck_assert_uint_eq(told & TOE_HUP, TOE_HUP);
	context_close(&contexts, SLOT, false);
}
END_TEST

START_TEST(one_that_cannot_move_is_reset_and_counted)
{
	char back[16], text[] = "x";

	up_alone();
	moved.import_error = -EOPNOTSUPP;
	ck_assert_int_eq(go_to("other"), -EINPROGRESS);
	answer(0);
	ck_assert_uint_eq(asked.settled, 1);
	ck_assert_uint_eq(told & TOE_HUP, TOE_HUP);
	ck_assert_int_eq(send_text(text), -ECONNRESET);
	ck_assert_int_eq(recv_text(back, sizeof(back)), -ECONNRESET);
	ck_assert_uint_eq(contexts.table->counters.moves_failed, 1);
	context_close(&contexts, SLOT, true);
}
END_TEST

START_TEST(a_refusal_of_vtoeds_is_one_streams_end)
{
	char back[16];

	up_alone();
	ck_assert_int_eq(go_to("other"), -EINPROGRESS);
	answer(-EPERM);
	ck_assert_uint_eq(asked.settled, 1);
	ck_assert_int_eq(recv_text(back, sizeof(back)), -ECONNRESET);
	context_close(&contexts, SLOT, true);
}
END_TEST

START_TEST(the_next_vtoed_is_asked_again)
{
	struct context_assist first;
	const int16_t done[CONTEXT_ASSIST_MAX] = {0};

	up_alone();
	ck_assert_int_eq(go_to("other"), -EINPROGRESS);
	first = asked.last;
	contexts_ask_again(&contexts);
	ck_assert_int_eq(go_to("other"), -EINPROGRESS);
	ck_assert_uint_eq(asked.times, 2);
	/* what was asked for before is not what counts */
	contexts_assisted(&contexts, first.id, done, first.nr);
	contexts_assisted(&contexts, asked.last.id, done, 2);
	ck_assert_uint_eq(moved.imported, 0);
	answer(0);
	ck_assert_uint_eq(moved.imported, 1);
	/* and once more in the last step */
	contexts_ask_again(&contexts);
	ck_assert_uint_eq(asked.arrived, 2);
	answer(0);
	ck_assert_uint_eq(asked.settled, 1);
	context_close(&contexts, SLOT, false);
}
END_TEST

START_TEST(a_move_waits_for_the_one_before)
{
	up_alone();
	ck_assert_int_eq(go_to("other"), -EINPROGRESS);
	ck_assert_int_eq(go_to("skeleton"), -EINPROGRESS);
	ck_assert_uint_eq(asked.times, 1);
	answer(0);
	answer(0);
	/* there, and on its way back already */
	ck_assert_uint_eq(moved.thawed, 1);
	answer(0);
	ck_assert_uint_eq(moved.thawed, 2);
	ck_assert_uint_eq(asked.settled, 1);
	ck_assert_str_eq(contexts.context[SLOT].driver->name, "skeleton");
	context_close(&contexts, SLOT, false);
}
END_TEST

START_TEST(one_that_is_closed_meanwhile_goes_on_by_itself)
{
	struct vtoe_addr local;

	up_alone();
	ck_assert_int_eq(go_to("other"), -EINPROGRESS);
	context_close(&contexts, SLOT, false);
	connected(&local); /* another one is in its place */
	told = 0;
	answer(0);
	answer(0);
	ck_assert_uint_eq(moved.thawed, 1);
	ck_assert_uint_eq(told, 0);
	/* a reset is one at once */
	ck_assert_int_eq(go_to("skeleton"), -EINPROGRESS);
	context_close(&contexts, SLOT, true);
	answer(0);
	ck_assert_uint_eq(moved.thawed, 1);
	ck_assert_uint_eq(asked.settled, 2);
	ck_assert_uint_eq(contexts.table->counters.moves_failed, 0);
}
END_TEST

START_TEST(a_stack_that_is_not_open_cannot_be_moved_to)
{
	struct contexts_place to = place_of(2);

	up_alone();
	strcpy(to.driver, "third");
	ck_assert_int_eq(contexts_set_toe(&contexts, 0, &to, TOE_DOWN),
			 -EOPNOTSUPP);
	ck_assert_uint_eq(moved.frozen, 0);
	context_close(&contexts, SLOT, false);
}
END_TEST

UNIT_MAIN("context", a_driver_carries_what_goes_through_a_context,
	  without_settings_toes_share_an_instance,
	  a_connection_has_the_address_of_its_toe,
	  a_connection_is_on_the_toe_with_a_route_to_its_peer,
	  a_route_to_another_network_does_not_count,
	  a_move_needs_nothing_of_a_driver_that_keeps_no_way,
	  a_socket_forgets_its_way_in_its_turn,
	  a_socket_that_is_used_forgets_its_way_before,
	  what_a_toe_that_is_no_more_carried_is_reset,
	  what_has_an_address_that_is_gone_is_reset,
	  what_may_wait_for_its_address_lives_on,
	  what_has_waited_for_its_address_is_reset,
	  a_new_connection_has_the_new_address,
	  what_a_driver_lacks_is_refused_to_the_program,
	  a_socket_over_a_limit_is_refused_and_counted,
	  connections_are_counted_by_toe_and_anew_for_another_one,
	  each_driver_has_a_stack_and_a_socket_goes_to_the_better_one,
	  a_driver_is_told_of_its_links,
	  a_stream_moves_to_another_stack_with_vtoeds_help,
	  what_was_not_read_comes_first_and_then_the_end,
	  one_that_cannot_move_is_reset_and_counted,
	  a_refusal_of_vtoeds_is_one_streams_end,
	  the_next_vtoed_is_asked_again,
	  while_vtoed_leaves_a_toe_that_is_gone_sockets_are_opened,
	  on_a_toe_that_is_given_up_none_are,
	  a_move_waits_for_the_one_before,
	  one_that_is_closed_meanwhile_goes_on_by_itself,
	  a_stack_that_is_not_open_cannot_be_moved_to)
