/* SPDX-License-Identifier: GPL-2.0 */
/* Claims about the driver that is there to be copied. */
#include <errno.h>
#include <string.h>

#define CONNS 4u
#include "driver_worker.h"
#include "../../toe-service/stacks/complete.h"
#include "../../toe-service/stacks/drivers.h"

#define MORE	100000u /* bytes; than a connection of it holds */

static const struct vtoe_addr peer = {.family = VTOE_INET,
				      .addr = {192, 0, 2, 1}};

static struct toe_driver driver;

static void up(void)
{
	ck_assert_ptr_null(complete_driver(&driver, &skeleton_driver));
	worker_up(&driver, "");
}

static struct toe_conn *connect_conn(struct told *told)
{
	struct toe_conn *conn = open_conn(told);

	ck_assert_int_eq(driver.connect(conn, &peer), 0);
	return conn;
}

/* In two pieces, as from a ring that wraps. */
static ssize_t send_text(struct toe_conn *conn, const char *text)
{
	const struct iovec iov[2] = {{(void *)text, 1},
				     {(void *)(text + 1), strlen(text) - 1}};

	return driver.send(conn, iov, 2);
}

static ssize_t send_much(struct toe_conn *conn)
{
	static char data[MORE];
	const struct iovec iov = {data, sizeof(data)};

	return driver.send(conn, &iov, 1);
}

static ssize_t recv_much(struct toe_conn *conn, char *data)
{
	const struct iovec iov[2] = {{data, 3}, {data + 3, MORE - 3}};

	return driver.recv(conn, iov, 2);
}

/* ---- claims ---- */

START_TEST(what_is_sent_comes_back)
{
	static char data[MORE];
	struct toe_conn *conn;
	struct told told;

	up();
	conn = connect_conn(&told);
	ck_assert_int_eq(recv_much(conn, data), -EAGAIN);
	ck_assert_int_eq(send_text(conn, "hello"), 5);
	ck_assert_uint_eq(told.times, 0); /* not within send() */
	until_told(&told, TOE_READABLE);
	ck_assert_int_eq(recv_much(conn, data), 5);
	ck_assert_int_eq(memcmp(data, "hello", 5), 0);
	ck_assert_int_eq(recv_much(conn, data), -EAGAIN);
	driver.close(conn, 0);
	down();
}
END_TEST

START_TEST(a_full_connection_tells_of_room)
{
	static char data[MORE];
	struct toe_conn *conn;
	struct told told;
	ssize_t n;

	up();
	conn = connect_conn(&told);
	n = send_much(conn);
	ck_assert_int_gt(n, 0);
	ck_assert_int_lt(n, MORE);
	ck_assert_int_eq(send_much(conn), -EAGAIN);
	until_told(&told, TOE_READABLE);
	ck_assert_uint_eq(told.events & TOE_WRITABLE, 0);
	ck_assert_int_eq(recv_much(conn, data), n);
	until_told(&told, TOE_WRITABLE);
	ck_assert_int_eq(send_much(conn), n);
	driver.close(conn, 0);
	down();
}
END_TEST

START_TEST(the_end_comes_after_the_last_byte)
{
	static char data[MORE];
	struct toe_conn *conn;
	struct told told;

	up();
	conn = connect_conn(&told);
	ck_assert_int_eq(send_text(conn, "bye"), 3);
	ck_assert_int_eq(driver.shutdown(conn, SHUT_WR), 0);
	until_told(&told, TOE_READABLE | TOE_UNTIL_AGAIN | TOE_HUP);
	ck_assert_int_eq(send_text(conn, "more"), -EPIPE);
	ck_assert_int_eq(recv_much(conn, data), 3);
	ck_assert_int_eq(recv_much(conn, data), 0);
	ck_assert_int_eq(driver.error(conn), 0);
	ck_assert_int_eq(driver.unsent(conn), 0);
	driver.close(conn, 0);
	down();
}
END_TEST

START_TEST(a_reset_is_told_with_its_reason)
{
	static char data[MORE];
	struct toe_conn *conn;
	struct told told;

	up();
	conn = connect_conn(&told);
	driver.reset(conn);
	until_told(&told, TOE_READABLE | TOE_UNTIL_AGAIN | TOE_HUP);
	ck_assert_int_eq(recv_much(conn, data), -ECONNRESET);
	ck_assert_int_eq(driver.error(conn), -ECONNRESET);
	ck_assert_int_lt(send_text(conn, "more"), 0);
	driver.close(conn, TOE_CLOSE_ABORT);
	down();
}
END_TEST

START_TEST(there_are_max_conns_and_no_more)
{
	struct toe_conn *conn[CONNS], *other = NULL;
	struct told told[CONNS], t = {0};
	unsigned int i;

	up();
	for (i = 0; i < CONNS; i++)
		conn[i] = connect_conn(&told[i]);
	ck_assert_int_eq(driver.open(stack, AF_INET, SOCK_STREAM, &t, &other),
			 -ENOBUFS);
	driver.close(conn[2], 0);
	other = open_conn(&t);
	ck_assert_int_eq(driver.open(stack, AF_INET, SOCK_STREAM, &t, &conn[2]),
			 -ENOBUFS);
	driver.close(other, 0);
	down();
}
END_TEST

START_TEST(a_place_that_was_used_is_as_new)
{
	static char data[MORE];
	struct toe_conn *conn;
	struct told told, next;

	up();
	conn = connect_conn(&told);
	ck_assert_int_eq(send_text(conn, "secret"), 6);
	driver.reset(conn);
	driver.close(conn, TOE_CLOSE_ABORT);
	ck_assert_ptr_eq(connect_conn(&next), conn);
	ck_assert_int_eq(recv_much(conn, data), -EAGAIN);
	while (own_event(0))
		;
	ck_assert_uint_eq(told.times + next.times, 0);
	down();
}
END_TEST

START_TEST(an_upcall_may_close_others)
{
	struct toe_conn *conn[2];
	struct told told[2];
	unsigned int i;

	up();
	for (i = 0; i < 2; i++)
		conn[i] = connect_conn(&told[i]);
	for (i = 0; i < 2; i++) {
		ck_assert_int_eq(send_text(conn[i], "x."), 2);
		told[i].close = conn[!i];
	}
	while (own_event(0))
		;
	ck_assert_uint_eq(told[0].times + told[1].times, 1);
	down();
}
END_TEST

START_TEST(an_instance_with_nothing_to_tell_is_quiet)
{
	struct toe_conn *conn;
	struct told told;

	up();
	conn = connect_conn(&told);
	ck_assert_int_eq(send_text(conn, "hello"), 5);
	until_told(&told, TOE_READABLE);
	ck_assert(!own_event(0));
	ck_assert_uint_eq(told.times, 1);
	down();
}
END_TEST

START_TEST(what_it_does_not_do_is_refused)
{
	const struct vtoe_addr in6 = {.family = VTOE_INET6};
	struct vtoe_addr local = {0};
	struct toe_conn *conn;
	struct told told;
	int on = 1;

	up();
	ck_assert_int_eq(driver.open(stack, AF_UNIX, SOCK_STREAM, NULL, &conn),
			 -EAFNOSUPPORT);
	ck_assert_int_eq(driver.open(stack, AF_INET, SOCK_DGRAM, NULL, &conn),
			 -ESOCKTNOSUPPORT);
	conn = open_conn(&told);
	ck_assert_int_eq(send_text(conn, "early"), -EPIPE);
	ck_assert_int_eq(driver.shutdown(conn, SHUT_WR), -ENOTCONN);
	ck_assert_int_eq(driver.bind(conn, &peer), -EOPNOTSUPP);
	ck_assert_int_eq(driver.listen(conn, 1), -EOPNOTSUPP);
	ck_assert_int_eq(
		driver.setopt(conn, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)),
		-ENOPROTOOPT);
	ck_assert_int_eq(driver.connect(conn, &in6), -EAFNOSUPPORT);
	ck_assert_int_eq(driver.use_address(conn, &peer), 0);
	ck_assert_int_eq(driver.connect(conn, &peer), 0);
	ck_assert_int_eq(driver.connect(conn, &peer), -EISCONN);
	ck_assert_int_eq(driver.local(conn, &local), 0);
	ck_assert_int_eq(memcmp(&local, &peer, sizeof(local)), 0);
	down();
}
END_TEST

START_TEST(a_share_that_cannot_be_given_is_refused)
{
	struct toe_context_spec spec = {.toe = "t", .netdev = "n"};
	char error[TOE_ERROR_MAX] = "";

	ck_assert_ptr_null(complete_control(&skeleton_control));
	ck_assert_int_eq(skeleton_control.context_create(&spec, error), 0);
	ck_assert_int_eq(skeleton_control.context_destroy(&spec), 0);
	spec.rate = 1000;
	ck_assert_int_eq(skeleton_control.context_create(&spec, error),
			 -EOPNOTSUPP);
	ck_assert_ptr_nonnull(strstr(error, "rate"));
}
END_TEST

UNIT_MAIN("skeleton", what_is_sent_comes_back, a_full_connection_tells_of_room,
	  the_end_comes_after_the_last_byte, a_reset_is_told_with_its_reason,
	  there_are_max_conns_and_no_more, a_place_that_was_used_is_as_new,
	  an_upcall_may_close_others, an_instance_with_nothing_to_tell_is_quiet,
	  what_it_does_not_do_is_refused,
	  a_share_that_cannot_be_given_is_refused)
