/* SPDX-License-Identifier: GPL-2.0 */
/* Claims about the "fault" driver, over a driver that does as it is told. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CONNS	 8u
#include "driver_worker.h"
#include "../../toe-service/stacks/drivers.h"
#include "../../toe-service/stacks/fault_plan.h"

#define MANY	 1000
#define DATA_LEN 1000u

/* ---- the driver below: data is an index, events are TOE_* ---- */

struct toe_conn {
	void *user;
	bool open;
};

static struct toe_stack_config below;
static struct toe_conn conns[CONNS];
static unsigned int nr_conns, sent, received;

static int below_open_stack(const struct toe_stack_config *config,
			    struct toe_stack **inner)
{
	below = *config;
	nr_conns = 0;
	*inner = (struct toe_stack *)&below;
	return 0;
}

static void below_close_stack(struct toe_stack *inner)
{
	(void)inner;
}

static void below_event(struct toe_stack *inner, uint64_t data,
			uint32_t events)
{
	(void)inner;
	below.ready(conns[data].user, events);
}

static int below_open(struct toe_stack *inner, int family, int type, void *user,
		      struct toe_conn **conn)
{
	(void)inner;
	(void)family;
	(void)type;
	ck_assert_uint_lt(nr_conns, CONNS);
	*conn = &conns[nr_conns++];
	**conn = (struct toe_conn){.user = user, .open = true};
	return 0;
}

static int below_connect(struct toe_conn *conn, const struct vtoe_addr *addr)
{
	(void)conn;
	(void)addr;
	return -EINPROGRESS;
}

static size_t length(const struct iovec *iov, int iovcnt)
{
	return iov[0].iov_len + (iovcnt > 1 ? iov[1].iov_len : 0);
}

static ssize_t below_send(struct toe_conn *conn, const struct iovec *iov,
			  int iovcnt)
{
	(void)conn;
	sent += (unsigned int)length(iov, iovcnt);
	return (ssize_t)length(iov, iovcnt);
}

static ssize_t below_recv(struct toe_conn *conn, const struct iovec *iov,
			  int iovcnt)
{
	(void)conn;
	received += (unsigned int)length(iov, iovcnt);
	return (ssize_t)length(iov, iovcnt);
}

static void below_moved(struct toe_conn *conn)
{
	(void)conn;
}

static void below_close(struct toe_conn *conn, unsigned int flags)
{
	(void)flags;
	conn->open = false;
}

const struct toe_driver kernel_driver = {
	.name = "kernel",
	.stack_open = below_open_stack,
	.stack_close = below_close_stack,
	.stack_event = below_event,
	.open = below_open,
	.connect = below_connect,
	.send = below_send,
	.recv = below_recv,
	.moved = below_moved,
	.close = below_close,
};

static void up(const char *plan)
{
	sent = received = 0;
	worker_up(&fault_driver, plan);
}

static ssize_t send_some(struct toe_conn *conn)
{
	static char data[DATA_LEN];
	const struct iovec iov[2] = {{data, 300}, {data + 300, 700}};

	return fault_driver.send(conn, iov, 2);
}

static ssize_t recv_some(struct toe_conn *conn)
{
	static char data[DATA_LEN];
	const struct iovec iov[2] = {{data, 300}, {data + 300, 700}};

	return fault_driver.recv(conn, iov, 2);
}

/* ---- plans ---- */

static void refused(const char *text, const char *why)
{
	struct fault_plan plan = {.seed = 77};
	char error[TOE_ERROR_MAX] = "";

	ck_assert_int_eq(fault_plan_parse(text, &plan, error), -EINVAL);
	ck_assert_msg(strstr(error, why) != NULL, "%s: %s", text, error);
	ck_assert_uint_eq(plan.seed, 77);
}

START_TEST(a_plan_says_what_goes_wrong)
{
	struct fault_plan plan;
	char error[TOE_ERROR_MAX];

	ck_assert_int_eq(fault_plan_parse(
		"seed=7,short=10%,connect-error=50%,accept-error=1%:EPROTO,"
		"lost=1%,again=2%,delay=5%:20ms,hang-after=1000",
		&plan, error), 0);
	ck_assert_uint_eq(plan.seed, 7);
	ck_assert_uint_eq(plan.short_, 10);
	ck_assert_uint_eq(plan.again, 2);
	ck_assert_uint_eq(plan.lost, 1);
	ck_assert_uint_eq(plan.delay, 5);
	ck_assert_uint_eq(plan.delay_ms, 20);
	ck_assert_uint_eq(plan.hang_after, 1000);
	ck_assert_uint_eq(plan.error[FAULT_CONNECT].percent, 50);
	ck_assert_uint_eq(plan.error[FAULT_CONNECT].error, EIO);
	ck_assert_uint_eq(plan.error[FAULT_ACCEPT].percent, 1);
	ck_assert_uint_eq(plan.error[FAULT_ACCEPT].error, EPROTO);
	ck_assert_uint_eq(plan.error[FAULT_SEND].percent, 0);
	ck_assert_int_eq(fault_plan_parse("", &plan, error), 0);
	ck_assert_uint_eq(plan.hang_after, 0);
}
END_TEST

START_TEST(a_wrong_plan_is_refused_with_its_reason)
{
	char text[TABLE_SETTINGS_MAX + 1];

	refused("nonsense=1", "there is no \"nonsense\"");
	refused("seed", "seed: \"\" is not a number");
	refused("seed=-1", "seed: \"-1\" is not a number");
	refused("seed=99999999999", "is not a number");
	refused("short=10", "short: \"10\" is not 0% to 100%");
	refused("short=101%", "0% to 100%");
	refused("lost=1%:EIO", "0% to 100%");
	refused("delay=5%", "a share and a time");
	refused("delay=5%:70000ms", "60000ms");
	refused("delay=5%:20", "a share and a time");
	refused("send-error=5%:EWHATEVER", "and an errno");
	refused("send-error=5%:", "and an errno");
	refused("seed=1,,short=1%", "there is no \"\"");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	refused(text, "longer than");
}
END_TEST

/* ---- faults ---- */

START_TEST(without_faults_all_passes)
{
	struct told told;
	struct toe_conn *conn;

	up("");
	conn = open_conn(&told);
	ck_assert_int_eq(send_some(conn), DATA_LEN);
	ck_assert_int_eq(recv_some(conn), DATA_LEN);
	fault_driver.stack_event(stack, 0, TOE_WRITABLE);
	ck_assert_uint_eq(told.events, TOE_WRITABLE);
	fault_driver.close(conn, 0);
	ck_assert(!conns[0].open);
	down();
}
END_TEST

/* What a long series of calls returned. */
static void series(const char *plan, ssize_t result[MANY])
{
	struct toe_conn *conn;
	struct told told;
	int i;

	up(plan);
	conn = open_conn(&told);
	for (i = 0; i < MANY; i++)
		result[i] = i % 2 ? send_some(conn) : recv_some(conn);
	down();
}

START_TEST(the_same_seed_has_the_same_faults)
{
	static ssize_t one[MANY], same[MANY], other[MANY];

	series("seed=7,short=10%,again=10%,send-error=10%", one);
	series("seed=7,short=10%,again=10%,send-error=10%", same);
	series("seed=8,short=10%,again=10%,send-error=10%", other);
	ck_assert_int_eq(memcmp(one, same, sizeof(one)), 0);
	ck_assert_int_ne(memcmp(one, other, sizeof(one)), 0);
}
END_TEST

START_TEST(a_share_is_about_that_share)
{
	static ssize_t result[MANY];
	int i, n = 0;

	series("send-error=30%:ENETDOWN", result);
	for (i = 0; i < MANY; i++)
		n += result[i] == -ENETDOWN;
	/* 30 % of 500, give or take four standard deviations */
	ck_assert_int_gt(n, 109);
	ck_assert_int_lt(n, 191);
}
END_TEST

START_TEST(a_short_send_is_told_of_when_there_is_room)
{
	struct toe_conn *conn;
	struct told told;
	ssize_t n;
	int i;

	up("short=100%");
	conn = open_conn(&told);
	for (i = 0; i < 20; i++) {
		told = (struct told){0};
		sent = 0;
		n = send_some(conn);
		ck_assert_int_gt(n, 0);
		ck_assert_int_lt(n, DATA_LEN);
		ck_assert_int_eq(n, sent);
		until_told(&told, TOE_WRITABLE);
	}
	down();
}
END_TEST

START_TEST(a_short_receive_is_announced)
{
	struct toe_conn *conn;
	struct told told;
	ssize_t n;

	up("short=100%");
	conn = open_conn(&told);
	fault_driver.stack_event(stack, 0, TOE_READABLE);
	ck_assert_uint_eq(told.events, TOE_READABLE | TOE_UNTIL_AGAIN);
	n = recv_some(conn);
	ck_assert_int_gt(n, 0);
	ck_assert_int_lt(n, DATA_LEN);
	ck_assert_int_eq(n, received);
	down();
}
END_TEST

START_TEST(a_spurious_again_is_followed_by_an_upcall)
{
	struct toe_conn *conn;
	struct told told;

	up("again=100%");
	conn = open_conn(&told);
	ck_assert_int_eq(send_some(conn), -EAGAIN);
	ck_assert_uint_eq(sent, 0);
	until_told(&told, TOE_WRITABLE);
	ck_assert_int_eq(recv_some(conn), -EAGAIN);
	until_told(&told, TOE_READABLE | TOE_UNTIL_AGAIN);
	down();
}
END_TEST

START_TEST(a_delayed_upcall_comes_later_and_once)
{
	struct told told;

	up("delay=100%:30ms");
	open_conn(&told);
	fault_driver.stack_event(stack, 0, TOE_CONNECTED | TOE_WRITABLE);
	ck_assert_uint_eq(told.times, 0);
	until_told(&told, TOE_CONNECTED | TOE_WRITABLE);
	ck_assert_uint_eq(told.times, 1);
	down();
}
END_TEST

START_TEST(a_closed_connection_is_told_nothing)
{
	struct told told, other;
	struct toe_conn *conn;

	up("delay=100%:1ms");
	conn = open_conn(&told);
	open_conn(&other);
	fault_driver.stack_event(stack, 0, TOE_WRITABLE);
	fault_driver.stack_event(stack, 1, TOE_WRITABLE);
	fault_driver.close(conn, 0);
	until_told(&other, TOE_WRITABLE);
	ck_assert_uint_eq(told.times, 0);
	down();
}
END_TEST

START_TEST(an_instance_with_nothing_to_tell_does_not_tick)
{
	struct toe_conn *conn;
	struct told told;

	up("again=100%");
	conn = open_conn(&told);
	ck_assert_int_eq(send_some(conn), -EAGAIN);
	until_told(&told, TOE_WRITABLE);
	ck_assert(!own_event(50));
	down();
}
END_TEST

START_TEST(lost_upcalls_are_told_after_a_move)
{
	struct toe_conn *conn;
	struct told told;

	up("lost=100%");
	conn = open_conn(&told);
	fault_driver.stack_event(stack, 0, TOE_READABLE);
	while (own_event(20))
		;
	ck_assert_uint_eq(told.times, 0);
	ck_assert_int_eq(fault_driver.stack_configure(stack, ""), 0);
	fault_driver.moved(conn);
	until_told(&told, TOE_READABLE | TOE_UNTIL_AGAIN);
	down();
}
END_TEST

START_TEST(a_hung_engine_does_nothing_more)
{
	struct vtoe_addr addr = {.family = VTOE_INET};
	struct toe_conn *conn;
	struct told told;

	up("hang-after=2");
	conn = open_conn(&told);
	ck_assert_int_eq(fault_driver.alive(stack), 0);
	ck_assert_int_eq(send_some(conn), DATA_LEN);
	ck_assert_int_eq(send_some(conn), -EAGAIN);
	ck_assert_int_eq(fault_driver.alive(stack), -ETIMEDOUT);
	ck_assert_int_eq(recv_some(conn), -EAGAIN);
	ck_assert_int_eq(fault_driver.connect(conn, &addr), -EINPROGRESS);
	fault_driver.stack_event(stack, 0, TOE_WRITABLE);
	while (own_event(20))
		;
	ck_assert_uint_eq(told.times, 0);
	ck_assert_uint_eq(sent, DATA_LEN);
	fault_driver.close(conn, 0);
	ck_assert(!conns[0].open);
	down();
}
END_TEST

UNIT_MAIN("fault", a_plan_says_what_goes_wrong,
	  a_wrong_plan_is_refused_with_its_reason, without_faults_all_passes,
	  the_same_seed_has_the_same_faults, a_share_is_about_that_share,
	  a_short_send_is_told_of_when_there_is_room,
	  a_short_receive_is_announced,
	  a_spurious_again_is_followed_by_an_upcall,
	  a_delayed_upcall_comes_later_and_once,
	  a_closed_connection_is_told_nothing,
	  an_instance_with_nothing_to_tell_does_not_tick,
	  lost_upcalls_are_told_after_a_move, a_hung_engine_does_nothing_more)
