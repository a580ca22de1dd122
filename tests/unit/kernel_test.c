/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Claims about streams that move from one socket of the kernel to another, with a
 * peer in another namespace:
 *
 *	driver, 192.0.2.10 -- vtoe0 ------ peer0 -- 192.0.2.1, sockets
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/socket.h>

#define CONNS 8u
#include "driver_worker.h"
#include "own_network.h"
#include "../../toe-service/stacks/complete.h"
#include "../../toe-service/stacks/drivers.h"
#include "../../toe-service/stacks/kernel_link.h"

#define PORT 7000

static struct toe_driver driver;
static int here, there; /* namespaces */

static void __attribute__((format(printf, 2, 3)))
run_in(int netns, const char *format, ...)
{
	char command[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	ck_assert_int_eq(setns(netns, CLONE_NEWNET), 0);
	ck_assert_int_eq(system(command), 0);
	ck_assert_int_eq(setns(here, CLONE_NEWNET), 0);
}

static int own_netns(void)
{
	return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

/* What is sent to the peer is for somebody else from now on, and so is lost. */
static void cut(bool on)
{
	run_in(there, "ip link set peer0 address 02:00:00:00:00:0%d", on);
}

static void up(void)
{
	leave_network();
	here = own_netns();
	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	there = own_netns();
	run_in(here, "ip link add vtoe0 type veth peer name peer0"
		     " netns /proc/%d/fd/%d && ip addr add 192.0.2.10/24"
		     " dev vtoe0 && ip link set vtoe0 up", getpid(), there);
	run_in(there, "ip addr add 192.0.2.1/24 dev peer0 &&"
		      " ip link set peer0 up");
	cut(false);
	ck_assert_ptr_null(complete_driver(&driver, &kernel_driver));
	worker_up(&driver, "");
}

static int peer_listen(void)
{
	const struct sockaddr_in sa = {
		.sin_family = AF_INET,
		.sin_port = htons(PORT),
		.sin_addr.s_addr = htonl(0xc0000201u)};
	int fd, on = 1;

	ck_assert_int_eq(setns(there, CLONE_NEWNET), 0);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(setns(here, CLONE_NEWNET), 0);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, 4), 0);
	ck_assert_int_eq(bind(fd, (void *)&sa, sizeof(sa)), 0);
	ck_assert_int_eq(listen(fd, 16), 0);
	return fd;
}

static const struct vtoe_addr remote = {
	.family = VTOE_INET, .addr = {192, 0, 2, 1}};

static struct toe_conn *pair(struct told *told, int *fd)
{
	int listener = peer_listen();
	struct vtoe_addr to = remote;
	struct toe_conn *conn = open_conn(told);

	to.port = htons(PORT);
	ck_assert_int_eq(driver.connect(conn, &to), -EINPROGRESS);
	until_told(told, TOE_CONNECTED);
	ck_assert_int_eq(driver.connected(conn), 0);
	*fd = accept(listener, NULL, NULL);
	ck_assert_int_ge(*fd, 0);
	close(listener);
	told->events = 0;
	return conn;
}

/* ---- moving ---- */

static void assist(struct toe_conn *conn, enum toe_assist what)
{
	ck_assert_int_eq(kernel_assist(here, driver.assist(conn), what), 0);
}

static void take_out(struct toe_conn *conn, struct toe_saved *saved)
{
	*saved = (struct toe_saved){.family = AF_INET, .remote = remote};
	saved->remote.port = htons(PORT);
	ck_assert_int_eq(driver.local(conn, &saved->local), 0);
	ck_assert_int_eq(driver.freeze(conn), 0);
	assist(conn, TOE_ASSIST_FREEZE);
	ck_assert_int_eq(driver.export(conn, saved), 0);
	driver.close(conn, TOE_CLOSE_ABORT);
}

static struct toe_conn *put_in(struct toe_saved *saved, struct told *told)
{
	struct toe_conn *conn = open_conn(told);

	assist(conn, TOE_ASSIST_FREEZE);
	ck_assert_int_eq(driver.import(conn, saved), 0);
	return conn;
}

static void go_on(struct toe_conn *conn, const struct toe_saved *saved)
{
	assist(conn, TOE_ASSIST_THAW);
	ck_assert_int_eq(driver.thaw(conn, saved), 0);
}

static struct toe_conn *move(struct toe_conn *conn, struct told *told,
			     struct toe_saved *saved)
{
	cut(true);
	take_out(conn, saved);
	conn = put_in(saved, told);
	cut(false);
	go_on(conn, saved);
	return conn;
}

static ssize_t send_bytes(struct toe_conn *conn, const void *data, size_t n)
{
	const struct iovec iov = {(void *)data, n};

	return driver.send(conn, &iov, 1);
}

static void expect_bytes(int fd, const char *text)
{
	char in[64];
	size_t n = strlen(text);

	ck_assert_int_eq(recv(fd, in, n, MSG_WAITALL), (ssize_t)n);
	ck_assert_mem_eq(in, text, n);
}

static void expect_told_bytes(struct toe_conn *conn, struct told *told,
			      const char *text)
{
	char in[64];
	const struct iovec iov = {in, sizeof(in)};

	while (!(told->events & TOE_READABLE))
		ck_assert(own_event(WAIT_MS));
	told->events = 0;
	ck_assert_int_eq(driver.recv(conn, &iov, 1), (ssize_t)strlen(text));
	ck_assert_mem_eq(in, text, strlen(text));
}

static struct tcp_info info_of(struct toe_conn *conn)
{
	struct tcp_info info = {0};
	uint32_t len = sizeof(info);

	ck_assert_int_eq(driver.getopt(conn, IPPROTO_TCP, TCP_INFO, &info,
				       &len), 0);
	return info;
}

/* ---- claims ---- */

START_TEST(a_stream_goes_on_in_another_socket)
{
	struct toe_conn *conn;
	struct toe_saved saved;
	struct tcp_info was, is;
	struct told told;
	int fd;

	up();
	conn = pair(&told, &fd);
	was = info_of(conn);
	ck_assert(was.tcpi_options & TCPI_OPT_TIMESTAMPS);
	conn = move(conn, &told, &saved);
	is = info_of(conn);
	ck_assert_uint_eq(is.tcpi_options, was.tcpi_options);
	ck_assert_uint_eq(is.tcpi_snd_wscale, was.tcpi_snd_wscale);
	ck_assert_uint_eq(is.tcpi_rcv_wscale, was.tcpi_rcv_wscale);
	ck_assert_int_eq(send_bytes(conn, "there", 5), 5);
	expect_bytes(fd, "there");
	ck_assert_int_eq(send(fd, "back", 4, 0), 4);
	expect_told_bytes(conn, &told, "back");
}
END_TEST

START_TEST(one_without_scaling_and_time_stamps_does_too)
{
	struct toe_conn *conn;
	struct toe_saved saved;
	struct told told;
	int fd, i;

	up();
	run_in(here, "sysctl -qw net.ipv4.tcp_window_scaling=0"
		     " net.ipv4.tcp_timestamps=0 net.ipv4.tcp_sack=0");
	conn = pair(&told, &fd);
	for (i = 0; i < 2; i++) {
		conn = move(conn, &told, &saved);
		ck_assert_int_eq(saved.timestamps || saved.sack, 0);
		ck_assert_uint_eq(saved.snd_scale | saved.rcv_scale, 0);
		ck_assert_int_eq(send_bytes(conn, "there", 5), 5);
		expect_bytes(fd, "there");
	}
}
END_TEST

START_TEST(a_window_that_an_early_segment_has_told_of_is_taken)
{
	struct toe_conn *conn;
	struct toe_saved saved;
	struct told told;
	int fd;

	up();
	conn = pair(&told, &fd);
	cut(true);
	take_out(conn, &saved);
	saved.snd_wl1 = saved.rcv_nxt + saved.rcv_wnd + 1000;
	conn = put_in(&saved, &told);
	cut(false);
	go_on(conn, &saved);
	ck_assert_int_eq(send_bytes(conn, "there", 5), 5);
	expect_bytes(fd, "there");
	ck_assert_int_eq(send(fd, "back", 4, 0), 4);
	expect_told_bytes(conn, &told, "back");
}
END_TEST

START_TEST(what_is_on_its_way_arrives_and_what_is_unread_is_given)
{
	static char data[300000], in[300000];
	struct toe_conn *conn;
	struct toe_saved saved;
	struct told told;
	uint32_t seed = 1;
	ssize_t sent;
	size_t i;
	int fd;

	up();
	for (i = 0; i < sizeof(data); i++)
		data[i] = (char)unit_random(&seed);
	conn = pair(&told, &fd);
	ck_assert_int_eq(send(fd, "unread", 6, 0), 6);
	until_told(&told, TOE_READABLE);
	cut(true);
	sent = send_bytes(conn, data, sizeof(data));
	ck_assert_int_gt(sent, 20000);
	conn = move(conn, &told, &saved);
	ck_assert_uint_eq(saved.out_len, sent);
	ck_assert_uint_gt(saved.snd_nxt - saved.snd_una, 0);
	ck_assert_uint_lt(saved.snd_nxt - saved.snd_una, saved.out_len);
	ck_assert_uint_eq(saved.in_len, 6);
	ck_assert_mem_eq(saved.in, "unread", 6);
	ck_assert_int_eq(recv(fd, in, (size_t)sent, MSG_WAITALL), sent);
	ck_assert_mem_eq(in, data, (size_t)sent);
	free(saved.in);
	free(saved.out);
}
END_TEST

/* How often sockets at the peer's have asked whether there is a window now. */
static unsigned long peer_probes(void)
{
	unsigned long nr;
	FILE *p;

	ck_assert_int_eq(setns(there, CLONE_NEWNET), 0);
	p = popen("nstat -asz TcpExtTCPWinProbe | awk '/Probe/ {print $2}'", "r");
	ck_assert_int_eq(fscanf(p, "%lu", &nr), 1);
	pclose(p);
	ck_assert_int_eq(setns(here, CLONE_NEWNET), 0);
	return nr;
}

/* Until nobody has taken anything for so long that the next probe is far off. */
static void fill_window(int fd)
{
	static const char data[65536];
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	while (info.tcpi_backoff < 4) {
		send(fd, data, sizeof(data), MSG_DONTWAIT);
		ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info,
					    &len), 0);
		own_event(1);
	}
}

START_TEST(a_peer_whose_window_was_closed_hears_of_the_open_one)
{
	struct toe_conn *conn;
	struct toe_saved saved;
	unsigned long probes;
	struct told told;
	char in[64];
	int fd;

	up();
	conn = pair(&told, &fd);
	fill_window(fd);
	probes = peer_probes();
	conn = move(conn, &told, &saved);
	ck_assert_uint_lt(saved.rcv_wnd, saved.mss);
	ck_assert_uint_gt(saved.in_len, sizeof(in));
	until_told(&told, TOE_READABLE);
	ck_assert_int_eq(driver.recv(conn, &(struct iovec){in, sizeof(in)}, 1),
			 1);
	told.events = 0;
	until_told(&told, TOE_READABLE);
	ck_assert_uint_eq(peer_probes(), probes);
	free(saved.in);
	free(saved.out);
}
END_TEST

START_TEST(nobody_is_told_that_a_frozen_one_is_closed)
{
	struct pollfd end = {.events = POLLIN | POLLRDHUP};
	struct toe_saved saved;
	struct told told;

	up();
	take_out(pair(&told, &end.fd), &saved);
	ck_assert_int_eq(poll(&end, 1, 200), 0);
}
END_TEST

START_TEST(one_that_cannot_go_on_after_all_is_reset)
{
	struct toe_conn *conn;
	struct toe_saved saved;
	struct told told;
	char byte;
	int fd;

	up();
	conn = pair(&told, &fd);
	cut(true);
	take_out(conn, &saved);
	conn = put_in(&saved, &told);
	cut(false);
	assist(conn, TOE_ASSIST_THAW);
	driver.close(conn, TOE_CLOSE_ABORT);
	ck_assert_int_eq(recv(fd, &byte, 1, 0), -1);
	ck_assert_int_eq(errno, ECONNRESET);
}
END_TEST

START_TEST(a_fin_is_sent_once_more_and_no_byte_behind_it)
{
	struct toe_conn *conn;
	struct toe_saved saved;
	struct told told;
	char byte;
	int fd;

	up();
	conn = pair(&told, &fd);
	/* on its way, and unacknowledged */
	cut(true);
	ck_assert_int_eq(send_bytes(conn, "last", 4), 4);
	ck_assert_int_eq(driver.shutdown(conn, SHUT_WR), 0);
	conn = move(conn, &told, &saved);
	ck_assert(saved.shut);
	ck_assert(!saved.fin_acked);
	free(saved.out);
	expect_bytes(fd, "last");
	ck_assert_int_eq(recv(fd, &byte, 1, 0), 0);
	/* acknowledged */
	while (info_of(conn).tcpi_state != TCP_FIN_WAIT2)
		own_event(10);
	conn = move(conn, &told, &saved);
	ck_assert(saved.fin_acked);
	ck_assert_int_eq(send(fd, "answer", 6, 0), 6);
	expect_told_bytes(conn, &told, "answer");
	while (info_of(conn).tcpi_state != TCP_FIN_WAIT2)
		own_event(10);
	close(fd);
	until_told(&told, TOE_READABLE | TOE_UNTIL_AGAIN);
}
END_TEST

START_TEST(the_peers_fin_is_told_of_and_acknowledged)
{
	struct toe_conn *conn;
	struct toe_saved saved;
	struct told told;
	char byte;
	int fd;

	up();
	conn = pair(&told, &fd);
	shutdown(fd, SHUT_WR);
	until_told(&told, TOE_UNTIL_AGAIN);
	conn = move(conn, &told, &saved);
	ck_assert(saved.eof);
	ck_assert(!saved.shut);
	ck_assert_int_eq(send_bytes(conn, "more", 4), 4);
	expect_bytes(fd, "more");
	driver.close(conn, 0);
	ck_assert_int_eq(recv(fd, &byte, 1, 0), 0);
}
END_TEST

START_TEST(what_has_no_peer_cannot_be_frozen)
{
	struct toe_conn *conn;
	struct told told;

	up();
	conn = open_conn(&told);
	ck_assert_int_eq(driver.freeze(conn), -ENOTCONN);
	ck_assert_int_eq(driver.listen(conn, 1), 0);
	ck_assert_int_eq(driver.freeze(conn), -EOPNOTSUPP);
}
END_TEST

/* ---- vtoed's part ---- */

static int refused(int fd)
{
	int err = kernel_assist(here, fd, TOE_ASSIST_FREEZE);

	close(fd);
	return err;
}

START_TEST(only_connections_of_the_guests_namespace_are_helped_with)
{
	int pipes[2], fd;

	up();
	fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(kernel_assist(here, fd, TOE_ASSIST_FREEZE), 0);
	ck_assert_int_eq(kernel_assist(here, fd, TOE_ASSIST_THAW), 0);
	ck_assert_int_eq(kernel_assist(there, fd, TOE_ASSIST_FREEZE), -EPERM);
	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(refused(fd), -EPERM);
	ck_assert_int_eq(pipe(pipes), 0);
	ck_assert_int_eq(refused(pipes[0]), -EPERM);
	ck_assert_int_eq(refused(socket(AF_INET, SOCK_DGRAM, 0)), -EPERM);
	ck_assert_int_eq(refused(socket(AF_UNIX, SOCK_STREAM, 0)), -EPERM);
	ck_assert_int_eq(refused(socket(AF_NETLINK, SOCK_RAW, 0)), -EPERM);
	ck_assert_int_eq(refused(open("/dev/null", O_RDWR)), -EPERM);
	ck_assert_int_eq(kernel_assist(here, -1, TOE_ASSIST_FREEZE), -EPERM);
}
END_TEST

UNIT_MAIN("kernel", a_stream_goes_on_in_another_socket,
	  one_without_scaling_and_time_stamps_does_too,
	  a_window_that_an_early_segment_has_told_of_is_taken,
	  what_is_on_its_way_arrives_and_what_is_unread_is_given,
	  a_peer_whose_window_was_closed_hears_of_the_open_one,
	  nobody_is_told_that_a_frozen_one_is_closed,
	  one_that_cannot_go_on_after_all_is_reset,
	  a_fin_is_sent_once_more_and_no_byte_behind_it,
	  the_peers_fin_is_told_of_and_acknowledged,
	  what_has_no_peer_cannot_be_frozen,
	  only_connections_of_the_guests_namespace_are_helped_with)
