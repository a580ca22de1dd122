/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Claims about the "lwip" driver: what its upcalls and operations mean, against
 * this kernel's stack as the peer, over a veth pair in a namespace of the test's
 * own:
 *
 *	driver, 192.0.2.10 -- vtoe0 ------ peer0 -- 192.0.2.1, sockets
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define CONNS 8u
#define PATIENCE_MS 5000u
#include "driver_worker.h"
#include "own_network.h"
#include "../../toe-service/stacks/complete.h"
#include "../../toe-service/stacks/drivers.h"
#undef TCP_MSS /* lwIP has one of that name, too */
#include <lwip/priv/tcp_priv.h>
#include "../../toe-service/stacks/lwip_conn.h"
#include "../../toe-service/stacks/lwip_guard.h"
#include "../../toe-service/stacks/lwip_link.h"

#define PORT 7000

static const struct toe_link vtoe0 = {
	.name = "vtoe0",
	.ip = {.addr = {.family = VTOE_INET, .addr = {192, 0, 2, 10}},
	       .prefix = 24},
	.ip6 = {.addr = {.family = VTOE_INET6,
			 .addr = {0x20, 1, 0xd, 0xb8, [15] = 0x10}},
		.prefix = 64},
};

static struct toe_driver driver;

static struct vtoe_addr address(uint8_t last, uint16_t port)
{
	return (struct vtoe_addr){.family = VTOE_INET,
				  .port = htons(port),
				  .addr = {192, 0, 2, last}};
}

static void up(void)
{
	leave_network();
	ck_assert_int_eq(
		system("ip link add vtoe0 type veth peer name peer0 &&"
		       " ip addr add 192.0.2.1/24 dev peer0 &&"
		       " ip link set vtoe0 up && ip link set peer0 up"),
		0);
	ck_assert_ptr_null(complete_driver(&driver, &lwip_driver));
	worker_up(&driver, "");
	ck_assert_int_eq(driver.stack_link(stack, &vtoe0), 0);
}

/* ---- the peer ---- */

static struct sockaddr_in peer_address(uint8_t last)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(PORT),
		.sin_addr.s_addr = htonl(0xc0000200u | last)};
}

static int peer_listen(void)
{
	struct sockaddr_in sa = peer_address(1);
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, 4), 0);
	ck_assert_int_eq(bind(fd, (void *)&sa, sizeof(sa)), 0);
	ck_assert_int_eq(listen(fd, 16), 0);
	return fd;
}

static int peer_connect_to(uint8_t last)
{
	struct sockaddr_in sa = peer_address(last);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	ck_assert_int_eq(connect(fd, (void *)&sa, sizeof(sa)), -1);
	ck_assert_int_eq(errno, EINPROGRESS);
	return fd;
}

static int peer_connect(void)
{
	return peer_connect_to(10);
}

static int peer_error(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	socklen_t len = sizeof(int);
	int err;

	while (!poll(&p, 1, 0))
		own_event(20);
	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len), 0);
	return err;
}

/* ---- connections ---- */

static struct toe_conn *connecting(struct told *told)
{
	const struct vtoe_addr to = address(1, PORT);
	struct toe_conn *conn = open_conn(told);

	ck_assert_int_eq(driver.connect(conn, &to), -EINPROGRESS);
	return conn;
}

/* Connected, and what the peer has of it. */
static struct toe_conn *pair(struct told *told, int *fd)
{
	int listener = peer_listen();
	struct toe_conn *conn = connecting(told);

	until_told(told, TOE_CONNECTED);
	ck_assert_int_eq(driver.connected(conn), 0);
	*fd = accept(listener, NULL, NULL);
	ck_assert_int_ge(*fd, 0);
	close(listener);
	told->events = 0;
	return conn;
}

static struct toe_conn *listening(struct told *told, unsigned int backlog)
{
	const struct vtoe_addr at = address(10, PORT);
	struct toe_conn *conn = open_conn(told);

	ck_assert_int_eq(driver.bind(conn, &at), 0);
	ck_assert_int_eq(driver.listen(conn, backlog), 0);
	return conn;
}

static ssize_t send_bytes(struct toe_conn *conn, size_t n)
{
	static char data[1 << 20];
	const struct iovec iov = {data, n};

	return driver.send(conn, &iov, 1);
}

static ssize_t recv_bytes(struct toe_conn *conn, size_t n)
{
	static char data[1 << 20];
	const struct iovec iov[2] = {{data, 1}, {data + 1, n - 1}};

	return driver.recv(conn, iov, 2);
}

/* ---- claims: streams ---- */

START_TEST(a_connection_carries_bytes_both_ways)
{
	struct told told;
	struct vtoe_addr local;
	struct toe_conn *conn;
	char text[8];
	int fd;

	up();
	conn = pair(&told, &fd);
	ck_assert_int_eq(driver.local(conn, &local), 0);
	ck_assert_mem_eq(local.addr, vtoe0.ip.addr.addr, 4);
	ck_assert_uint_ne(local.port, 0);
	ck_assert_int_eq(recv_bytes(conn, 8), -EAGAIN);
	ck_assert_int_eq(send_bytes(conn, 5), 5);
	ck_assert_int_eq(recv(fd, text, 5, MSG_WAITALL), 5);
	ck_assert_int_eq(send(fd, "abc", 3, 0), 3);
	until_told(&told, TOE_READABLE);
	ck_assert_int_eq(recv_bytes(conn, 8), 3);
	driver.close(conn, 0);
	ck_assert_int_eq(recv(fd, text, 1, 0), 0);
}
END_TEST

START_TEST(a_refused_connect_may_be_tried_again)
{
	const struct vtoe_addr to = address(1, PORT), at = address(10, 1234);
	struct toe_conn *conn;
	struct told told;

	up();
	conn = open_conn(&told);
	ck_assert_int_eq(driver.bind(conn, &at), 0);
	ck_assert_int_eq(driver.connect(conn, &to), -EINPROGRESS);
	ck_assert_int_eq(driver.connect(conn, &to), -EALREADY);
	until_told(&told, TOE_CONNECTED);
	ck_assert_int_eq(driver.connected(conn), -ECONNREFUSED);
	told.events = 0;
	peer_listen();
	ck_assert_int_eq(driver.connect(conn, &to), -EINPROGRESS);
	until_told(&told, TOE_CONNECTED);
	ck_assert_int_eq(driver.connected(conn), 0);
	ck_assert_int_eq(driver.connect(conn, &to), -EISCONN);
}
END_TEST

/* vtoed may have another one for it soon: who connects waits for that. */
START_TEST(a_connect_on_a_link_that_is_gone_fails_at_once)
{
	const struct vtoe_addr to = address(1, PORT);
	struct toe_conn *conn;
	struct told told;

	up();
	conn = open_conn(&told);
	ck_assert_int_eq(system("ip link del vtoe0"), 0);
	ck_assert_int_eq(driver.connect(conn, &to), -ENETUNREACH);
}
END_TEST

START_TEST(each_syn_waits_twice_as_long_as_the_one_before)
{
	struct toe_conn *accepted, *conn;
	const struct tcp_pcb *pcb;
	struct told told, other;
	int first;

	up();
	ck_assert_int_eq(listen(peer_listen(), 0), 0); /* for one */
	accepted = connecting(&other);
	until_told(&other, TOE_CONNECTED);
	conn = connecting(&told);
	pcb = conn->tcp;
	ck_assert_int_eq(pcb->state, SYN_SENT);
	while (pcb->rtime < 1)
		own_event(20);
	first = pcb->rto;
	ck_assert_int_eq(first * TCP_SLOW_INTERVAL, 1000);
	while (pcb->nrtx < 2)
		own_event(20);
	while (pcb->rtime < 1)
		own_event(20);
	ck_assert_int_eq(pcb->rto, 4 * first);
	driver.close(conn, TOE_CLOSE_ABORT);
	driver.close(accepted, TOE_CLOSE_ABORT);
}
END_TEST

START_TEST(who_finds_no_room_is_told_of_it)
{
	static char sink[1 << 16];
	struct toe_conn *conn;
	struct told told;
	ssize_t n;
	int fd;

	up();
	conn = pair(&told, &fd);
	while ((n = send_bytes(conn, sizeof(sink))) != -EAGAIN) {
		ck_assert_int_gt(n, 0);
		while (own_event(20)) /* what the peer takes by itself */
			;
	}
	told.events = 0;
	ck_assert_int_gt(driver.unsent(conn), 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (!(told.events & TOE_WRITABLE)) {
		while (recv(fd, sink, sizeof(sink), 0) > 0)
			;
		own_event(20);
	}
	ck_assert_int_gt(send_bytes(conn, 1), 0);
}
END_TEST

START_TEST(the_window_is_as_open_as_the_reader_reads)
{
	static char source[1 << 20];
	struct toe_conn *conn;
	size_t got = 0, sent;
	struct told told;
	ssize_t n;
	int fd;

	up();
	conn = pair(&told, &fd);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	n = send(fd, source, sizeof(source), 0);
	ck_assert_int_gt(n, 65535);
	sent = (size_t)n;
	while (own_event(100))
		;
	/* a window, though more is there */
	n = recv_bytes(conn, sizeof(source));
	ck_assert_int_gt(n, 0);
	ck_assert_int_le(n, 65535);
	got = (size_t)n;
	while (got < sent) {
		ck_assert(own_event(WAIT_MS));
		n = recv_bytes(conn, sizeof(source));
		got += n > 0 ? (size_t)n : 0;
	}
}
END_TEST

START_TEST(ends_are_told_each_way_and_together)
{
	struct toe_conn *conn;
	struct told told;
	int fd;

	up();
	conn = pair(&told, &fd);
	ck_assert_int_eq(send(fd, "abc", 3, 0), 3);
	shutdown(fd, SHUT_WR);
	until_told(&told, TOE_READABLE | TOE_UNTIL_AGAIN);
	ck_assert_int_eq(recv_bytes(conn, 8), 3);
	ck_assert_int_eq(recv_bytes(conn, 8), 0);
	ck_assert_uint_eq(told.events & TOE_HUP, 0);
	ck_assert_int_eq(send_bytes(conn, 4), 4);
	ck_assert_int_eq(driver.shutdown(conn, SHUT_WR), 0);
	ck_assert_int_eq(send_bytes(conn, 4), -EPIPE);
	until_told(&told, TOE_HUP);
	ck_assert_int_eq(driver.error(conn), 0);
	driver.close(conn, 0);
}
END_TEST

START_TEST(what_nobody_reads_any_more_is_answered_by_a_reset)
{
	struct pollfd p;
	struct toe_conn *conn;
	struct told told;
	int fd;

	up();
	conn = pair(&told, &fd);
	p = (struct pollfd){.fd = fd};
	ck_assert_int_eq(send(fd, "abc", 3, 0), 3);
	until_told(&told, TOE_READABLE);
	ck_assert_int_eq(driver.shutdown(conn, SHUT_RDWR), 0);
	ck_assert_int_eq(recv(fd, &(char){0}, 1, 0), 0);
	ck_assert_uint_eq(told.events & TOE_HUP, 0);
	ck_assert_int_eq(send(fd, "d", 1, 0), 1);
	until_told(&told, TOE_HUP);
	ck_assert_int_eq(recv_bytes(conn, 8), 3);
	ck_assert_int_eq(recv_bytes(conn, 8), -ECONNRESET);
	ck_assert_int_eq(poll(&p, 1, WAIT_MS), 1);
	ck_assert(p.revents & POLLERR);
	driver.close(conn, 0);
}
END_TEST

START_TEST(a_reset_is_one_to_either_end)
{
	const struct linger reset = {.l_onoff = 1};
	struct toe_conn *conn;
	struct told told;
	char byte;
	int fd;

	up();
	conn = pair(&told, &fd);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
	until_told(&told, TOE_READABLE | TOE_HUP);
	ck_assert_int_eq(recv_bytes(conn, 8), -ECONNRESET);
	ck_assert_int_eq(driver.error(conn), -ECONNRESET);
	driver.close(conn, 0);
	conn = pair(&told, &fd);
	driver.close(conn, TOE_CLOSE_ABORT);
	ck_assert_int_eq(recv(fd, &byte, 1, 0), -1);
	ck_assert_int_eq(errno, ECONNRESET);
}
END_TEST

START_TEST(one_that_is_reset_while_it_connects_is_as_new)
{
	const struct vtoe_addr nobody = address(77, PORT);
	const struct vtoe_addr to = address(1, PORT);
	struct toe_conn *conn;
	struct told told;

	up();
	peer_listen();
	conn = open_conn(&told);
	ck_assert_int_eq(driver.connect(conn, &nobody), -EINPROGRESS);
	driver.reset(conn);
	while (own_event(50))
		;
	ck_assert_uint_eq(told.events, 0);
	ck_assert_int_eq(driver.connect(conn, &to), -EINPROGRESS);
	until_told(&told, TOE_CONNECTED);
	ck_assert_int_eq(driver.connected(conn), 0);
	driver.reset(conn);
	until_told(&told, TOE_READABLE | TOE_HUP);
	ck_assert_int_eq(recv_bytes(conn, 8), -ECONNRESET);
}
END_TEST

START_TEST(a_listener_is_told_and_gives_one_at_a_time)
{
	struct toe_conn *l, *conn;
	struct told told, user = {0};
	struct vtoe_addr peer;
	int fd[2];

	up();
	l = listening(&told, 5);
	ck_assert_int_eq(driver.accept(l, &user, &conn, &peer), -EAGAIN);
	fd[0] = peer_connect();
	until_told(&told, TOE_READABLE);
	fd[1] = peer_connect();
	while (own_event(50))
		;
	ck_assert_int_eq(driver.accept(l, &user, &conn, &peer), 0);
	ck_assert_mem_eq(peer.addr, address(1, 0).addr, 4);
	driver.close(conn, 0);
	ck_assert_int_eq(driver.accept(l, &user, &conn, &peer), 0);
	ck_assert_int_eq(driver.accept(l, &user, &conn, &peer), -EAGAIN);
	ck_assert_uint_eq(user.events, 0);
	ck_assert_int_eq(send(fd[1], "x", 1, 0), 1);
	until_told(&user, TOE_READABLE);
	ck_assert_int_eq(recv_bytes(conn, 8), 1);
	close(fd[0]);
}
END_TEST

/* A second link to the same network, 192.0.2.11. */
static void up_twice(void)
{
	struct toe_link vtoe1 = vtoe0;

	up();
	ck_assert_int_eq(
		system("ip addr flush dev peer0 &&"
		       " ip link add vtoe1 type veth peer name peer1 &&"
		       " ip link add br0 type bridge &&"
		       " ip link set peer0 master br0 &&"
		       " ip link set peer1 master br0 && ip link set vtoe1 up &&"
		       " ip link set peer1 up && ip link set br0 up &&"
		       " ip addr add 192.0.2.1/24 dev br0"),
		0);
	vtoe1.name = "vtoe1";
	vtoe1.index = 1;
	vtoe1.ip.addr.addr[3] = 11;
	vtoe1.ip6.addr.addr[15] = 0x11;
	ck_assert_int_eq(driver.stack_link(stack, &vtoe1), 0);
}

START_TEST(what_comes_by_a_link_is_answered_by_it)
{
	const struct vtoe_addr any = {.family = VTOE_INET,
				      .port = htons(PORT)};
	struct toe_conn *l, *conn;
	struct told told, user;
	struct vtoe_addr peer;
	uint8_t last;
	int fd;

	up_twice();
	for (last = 10; last <= 11; last++)
		ck_assert_int_eq(peer_error(peer_connect_to(last)),
				 ECONNREFUSED);
	l = open_conn(&told);
	ck_assert_int_eq(driver.bind(l, &any), 0);
	ck_assert_int_eq(driver.listen(l, 5), 0);
	for (last = 10; last <= 11; last++) {
		user = (struct told){0};
		fd = peer_connect_to(last);
		until_told(&told, TOE_READABLE);
		told.events = 0;
		ck_assert_int_eq(driver.accept(l, &user, &conn, &peer), 0);
		ck_assert_int_eq(peer_error(fd), 0);
		ck_assert_int_eq(send_bytes(conn, 1), 1);
		fcntl(fd, F_SETFL, 0);
		ck_assert_int_eq(recv(fd, &peer, 8, 0), 1);
		driver.close(conn, TOE_CLOSE_ABORT);
	}
}
END_TEST

START_TEST(a_full_backlog_keeps_who_asks_waiting)
{
	struct toe_conn *l, *conn;
	struct told told, user = {0};
	struct vtoe_addr peer;
	struct pollfd pfd = {.events = POLLOUT};

	up();
	l = listening(&told, 1);
	peer_connect();
	until_told(&told, TOE_READABLE);
	told.events = 0;
	pfd.fd = peer_connect();
	while (own_event(50))
		;
	ck_assert_int_eq(poll(&pfd, 1, 0), 0); /* neither here nor refused */
	ck_assert_int_eq(driver.accept(l, &user, &conn, &peer), 0);
	until_told(&told, TOE_READABLE); /* it asks again */
	ck_assert_int_eq(driver.accept(l, &user, &conn, &peer), 0);
}
END_TEST

START_TEST(a_closed_listener_resets_who_waits)
{
	struct pollfd pfd = {.events = POLLIN};
	struct toe_conn *l;
	struct told told;
	char byte;

	up();
	l = listening(&told, 5);
	pfd.fd = peer_connect();
	until_told(&told, TOE_READABLE);
	driver.close(l, 0);
	ck_assert_int_eq(poll(&pfd, 1, WAIT_MS), 1);
	ck_assert_int_eq(recv(pfd.fd, &byte, 1, 0), -1);
	/* the port is free again */
	listening(&told, 5);
}
END_TEST

START_TEST(there_are_no_more_connections_than_said)
{
	struct toe_conn *conn[CONNS], *more;
	struct told told;
	unsigned int i;

	up();
	for (i = 0; i < CONNS; i++)
		conn[i] = open_conn(&told);
	ck_assert_int_eq(driver.open(stack, AF_INET, SOCK_STREAM, &told, &more),
			 -ENOBUFS);
	driver.close(conn[3], 0);
	ck_assert_int_eq(driver.open(stack, AF_INET, SOCK_STREAM, &told, &more),
			 0);
	ck_assert_int_eq(driver.open(stack, AF_UNIX, SOCK_STREAM, &told, &more),
			 -EAFNOSUPPORT);
	ck_assert_int_eq(driver.open(stack, AF_INET, SOCK_RAW, &told, &more),
			 -ESOCKTNOSUPPORT);
}
END_TEST

START_TEST(whoever_is_told_may_close)
{
	struct toe_conn *conn;
	struct told told;
	int fd;

	up();
	conn = pair(&told, &fd);
	told.close = conn;
	ck_assert_int_eq(send(fd, "abc", 3, 0), 3);
	until_told(&told, TOE_READABLE);
	while (own_event(50))
		;
	ck_assert_uint_eq(told.times, 2); /* of connecting, and this */
}
END_TEST

START_TEST(nonsense_has_its_errno)
{
	const struct vtoe_addr foreign = address(99, PORT);
	const struct vtoe_addr own = address(10, PORT);
	const struct vtoe_addr taken = address(10, PORT);
	const struct vtoe_addr six = {.family = VTOE_INET6};
	struct toe_conn *conn, *l;
	struct told told, other;

	up();
	l = listening(&told, 1);
	conn = open_conn(&other);
	ck_assert_int_eq(driver.bind(conn, &foreign), -EADDRNOTAVAIL);
	ck_assert_int_eq(driver.bind(conn, &taken), -EADDRINUSE);
	ck_assert_int_eq(driver.bind(conn, &six), -EAFNOSUPPORT);
	ck_assert_int_eq(driver.bind(l, &own), -EINVAL);
	ck_assert_int_eq(driver.connect(l, &foreign), -EISCONN);
	ck_assert_int_eq(driver.connect(conn, &own), -EHOSTUNREACH);
	ck_assert_int_eq(driver.shutdown(conn, SHUT_WR), -ENOTCONN);
	ck_assert_int_eq(send_bytes(conn, 1), -EPIPE);
	ck_assert_int_eq(recv_bytes(conn, 8), -ENOTCONN);
}
END_TEST

START_TEST(options_are_what_was_set_or_refused)
{
	struct toe_conn *conn;
	struct told told;
	uint32_t len = 4;
	int value = 42;

	up();
	conn = open_conn(&told);
	ck_assert_int_eq(driver.setopt(conn, IPPROTO_TCP, TCP_KEEPIDLE, &value,
				       4), 0);
	value = 0;
	ck_assert_int_eq(driver.getopt(conn, IPPROTO_TCP, TCP_KEEPIDLE, &value,
				       &len), 0);
	ck_assert_int_eq(value, 42);
	ck_assert_int_eq(driver.setopt(conn, SOL_SOCKET, SO_MARK, &value, 4),
			 -ENOPROTOOPT);
	ck_assert_int_eq(driver.setopt(conn, IPPROTO_TCP, TCP_NODELAY, &value,
				       3), -EINVAL);
	value = 0;
	ck_assert_int_eq(driver.setopt(conn, IPPROTO_TCP, TCP_KEEPCNT, &value,
				       4), -EINVAL);
	len = 2; /* as Linux: so many bytes of it */
	ck_assert_int_eq(driver.getopt(conn, IPPROTO_TCP, TCP_KEEPIDLE, &value,
				       &len), 0);
	ck_assert_uint_eq(len, 2);
	ck_assert_int_eq(value, 42);
}
END_TEST

/* ---- claims: the guard ---- */

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};

struct packet {
	uint8_t to[6], from[6], type[2];
	uint8_t ip[20];
	uint8_t tcp[20];
};

static struct packet syn_from(uint8_t last)
{
	struct packet p = {.type = {8, 0},
			   .ip = {0x45, [9] = 6,
				  [12] = 192, 0, 2, last,
				  [16] = 192, 0, 2, 10},
			   .tcp = {[13] = 2}};

	memcpy(p.from, mac, sizeof(mac));
	return p;
}

static struct lwip_link *guarded(void)
{
	static struct lwip_link link;
	struct toe_stack_config config = {.syscalls = &syscalls};

	up();
	config.epoll = epoll;
	ck_assert_int_eq(lwip_link_open(&link, &config, 7), 0);
	ck_assert_int_eq(lwip_link_set(&link, &vtoe0), 0);
	return &link;
}

static bool passes(struct lwip_link *link, const struct packet *p)
{
	return lwip_guard_frame(link, (const uint8_t *)p, sizeof(*p));
}

START_TEST(only_what_is_for_the_link_passes)
{
	struct lwip_link *link = guarded();
	struct packet p = syn_from(1);

	ck_assert(passes(link, &p));
	p.ip[19] = 11; /* it would be forwarded */
	ck_assert(!passes(link, &p));
	p = syn_from(10); /* from itself */
	ck_assert(!passes(link, &p));
	p = syn_from(1);
	p.ip[0] = 0x4f; /* a header that is longer than the packet */
	ck_assert(!lwip_guard_frame(link, (uint8_t *)&p, 14 + 40));
	p.ip[0] = 0x41;
	ck_assert(!passes(link, &p));
	p = syn_from(1);
	p.ip[9] = 47;
	ck_assert(!passes(link, &p));
}
END_TEST

static bool leaves(struct lwip_link *link, const struct packet *p)
{
	return lwip_guard_leaves(link, (const uint8_t *)p, sizeof(*p));
}

START_TEST(only_what_has_an_address_of_the_link_leaves)
{
	struct toe_link other = vtoe0;
	struct lwip_link *link = guarded();
	struct packet p = syn_from(10);

	ck_assert(leaves(link, &p));
	ck_assert(!lwip_guard_leaves(link, (uint8_t *)&p, 14 + 19));
	other.ip.addr.addr[3] = 11;
	ck_assert_int_eq(lwip_link_set(link, &other), 0);
	ck_assert(!leaves(link, &p));
	p = syn_from(11);
	ck_assert(leaves(link, &p));
}
END_TEST

/* The peer's idea of where the link's address is. */
static void misled(void)
{
	ck_assert_int_eq(system("ip neigh replace 192.0.2.10 dev peer0 "
				"lladdr 02:00:00:00:00:99 nud reachable"), 0);
}

static bool is_misled(void)
{
	return !system("ip neigh show dev peer0 | grep -q ':99'");
}

/* The kernel hears in its own time. */
static bool comes_right(void)
{
	uint64_t deadline = lwip_now_ms() + PATIENCE_MS;

	while (is_misled() && lwip_now_ms() < deadline)
		;
	return !is_misled();
}

START_TEST(neighbours_are_told_until_one_has_heard)
{
	struct lwip_link *link = guarded();
	uint64_t later = lwip_now_ms();

	misled(); /* what told it was lost */
	later += 3600000;
	lwip_link_tick(link, later);
	ck_assert(comes_right());
	while (link->tell_wait) { /* what it sends comes here, too */
		peer_connect();
		lwip_link_event(link, EPOLLIN);
	}
	misled();
	later += 3600000;
	lwip_link_tick(link, later);
	ck_assert(is_misled());
}
END_TEST

START_TEST(half_open_connections_have_a_limit)
{
	struct lwip_link *link = guarded();
	struct packet p = syn_from(1);
	unsigned int n = 0;

	lwip_guard_syns(0);
	while (passes(link, &p))
		ck_assert_uint_lt(n++, 1000);
	ck_assert_uint_gt(n, 100);
	p.tcp[13] = 0x10; /* ACK: those that there are go on */
	ck_assert(passes(link, &p));
	lwip_guard_syns(0);
	p = syn_from(1);
	ck_assert(passes(link, &p));
}
END_TEST

START_TEST(routers_are_not_heard)
{
	struct lwip_link *link = guarded();
	uint8_t f[80] = {[12] = 0x86, 0xdd, [14] = 0x60, [20] = 58,
			 [22] = 0xfe, 0x80, [38] = 0xff, 2, [53] = 1};

	f[54] = 136; /* a neighbour's advertisement */
	ck_assert(lwip_guard_frame(link, f, sizeof(f)));
	f[54] = 134;
	ck_assert(!lwip_guard_frame(link, f, sizeof(f)));
	f[54] = 137;
	ck_assert(!lwip_guard_frame(link, f, sizeof(f)));
	f[54] = 136;
	f[20] = 0; /* behind a hop-by-hop header */
	ck_assert(!lwip_guard_frame(link, f, sizeof(f)));
}
END_TEST

/* Ends before a page that is not there: a read beyond is a fault. */
START_TEST(short_frames_are_not_read_beyond_their_end)
{
	struct lwip_link *link = guarded();
	uint8_t *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t seed = 1;
	size_t len, i;
	int round;

	ck_assert_ptr_ne(page, MAP_FAILED);
	ck_assert_int_eq(mprotect(page + 4096, 4096, PROT_NONE), 0);
	for (round = 0; round < 200000; round++) {
		uint8_t *f = page + 4096;

		len = unit_random(&seed) % 100;
		f -= len;
		for (i = 0; i < len; i++)
			f[i] = (uint8_t)unit_random(&seed);
		if (len > 24 && round % 2)
			memcpy(f + 12, round % 4 == 1 ? "\x08\x00\x45"
						      : "\x86\xdd\x60", 3);
		lwip_guard_frame(link, f, len);
	}
}
END_TEST

/* ---- claims: moves ---- */

static void take_out(struct toe_conn *conn, struct toe_saved *saved)
{
	*saved = (struct toe_saved){.family = AF_INET,
				    .remote = address(1, PORT)};
	ck_assert_int_eq(driver.local(conn, &saved->local), 0);
	ck_assert_int_eq(driver.freeze(conn), 0);
	ck_assert_int_eq(driver.export(conn, saved), 0);
	driver.close(conn, TOE_CLOSE_ABORT);
}

static struct toe_conn *put_in(struct toe_saved *saved,
			       struct told *told)
{
	struct toe_conn *conn = open_conn(told);

	ck_assert_int_eq(driver.import(conn, saved), 0);
	ck_assert_int_eq(driver.thaw(conn, saved), 0);
	return conn;
}

/* All of them arrive there, in order. */
static void expect_there(int fd, const uint8_t *data, size_t len)
{
	static uint8_t in[1 << 20];
	size_t got = 0;
	ssize_t n;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (got < len) {
		n = recv(fd, in + got, len - got, 0);
		if (n > 0)
			got += (size_t)n;
		else
			ck_assert(own_event(WAIT_MS));
	}
	ck_assert_mem_eq(in, data, len);
}

static const uint8_t *some_bytes(size_t len)
{
	static uint8_t data[1 << 20];
	uint32_t seed = 1;
	size_t i;

	for (i = 0; i < len; i++)
		data[i] = (uint8_t)unit_random(&seed);
	return data;
}

START_TEST(a_stream_goes_on_in_another_pcb)
{
	const uint8_t *data = some_bytes(60000);
	const struct iovec iov = {(void *)data, 60000};
	struct toe_saved saved;
	struct toe_conn *conn;
	struct told told;
	ssize_t n;
	int fd;

	up();
	conn = pair(&told, &fd);
	/* on its way, and waiting: nothing is acknowledged meanwhile */
	n = driver.send(conn, &iov, 1);
	ck_assert_int_gt(n, 10000);
	take_out(conn, &saved);
	ck_assert_uint_eq(saved.out_len, n);
	ck_assert_uint_gt(saved.snd_nxt - saved.snd_una, 0);
	conn = put_in(&saved, &told);
	ck_assert_int_eq(driver.unsent(conn), n);
	expect_there(fd, data, (size_t)n);
	ck_assert_int_eq(send(fd, "abc", 3, 0), 3);
	until_told(&told, TOE_READABLE);
	ck_assert_int_eq(recv_bytes(conn, 8), 3);
	free(saved.out);
}
END_TEST

START_TEST(a_stream_may_bring_more_than_a_send_buffer_holds)
{
	const size_t len = 700000;
	const uint8_t *data = some_bytes(len);
	struct toe_saved saved;
	struct toe_conn *conn;
	struct told told;
	int fd;

	up();
	take_out(pair(&told, &fd), &saved);
	saved.out = (uint8_t *)data;
	saved.out_len = len;
	conn = put_in(&saved, &told);
	ck_assert_int_eq(driver.unsent(conn), (int)len);
	ck_assert_int_eq(send_bytes(conn, 1), -EAGAIN);
	told.events = 0;
	expect_there(fd, data, len);
	until_told(&told, TOE_WRITABLE);
	ck_assert_int_eq(send_bytes(conn, 1000), 1000);
	while (driver.unsent(conn))
		ck_assert(own_event(WAIT_MS));
}
END_TEST

START_TEST(ends_go_with_a_stream)
{
	struct toe_saved saved;
	struct toe_conn *conn;
	struct told told;
	char byte;
	int fd;

	up();
	conn = pair(&told, &fd);
	ck_assert_int_eq(send_bytes(conn, 4), 4);
	ck_assert_int_eq(driver.shutdown(conn, SHUT_WR), 0);
	take_out(conn, &saved);
	ck_assert(saved.shut);
	conn = put_in(&saved, &told);
	free(saved.out);
	while (recv(fd, &byte, 1, MSG_DONTWAIT))
		own_event(20);
	shutdown(fd, SHUT_WR);
	until_told(&told, TOE_HUP);
	ck_assert_int_eq(recv_bytes(conn, 8), 0);
}
END_TEST

START_TEST(nobody_is_told_that_a_frozen_one_is_closed)
{
	struct pollfd end = {.events = POLLIN | POLLRDHUP};
	struct toe_saved saved;
	struct told told;

	up();
	take_out(pair(&told, &end.fd), &saved);
	while (own_event(100))
		;
	ck_assert_int_eq(poll(&end, 1, 0), 0);
}
END_TEST

START_TEST(a_stream_with_time_stamps_is_refused)
{
	struct toe_saved saved;
	struct toe_conn *conn;
	struct told told;
	int fd;

	up();
	take_out(pair(&told, &fd), &saved);
	saved.timestamps = true;
	conn = open_conn(&told);
	ck_assert_int_eq(driver.import(conn, &saved), -EOPNOTSUPP);
	driver.close(conn, TOE_CLOSE_ABORT);
	conn = open_conn(&told);
	ck_assert_int_eq(driver.freeze(conn), -ENOTCONN);
}
END_TEST

START_TEST(a_datagram_socket_with_a_peer_knows_its_own_address)
{
	const struct vtoe_addr to = address(1, PORT), own = address(10, 0);
	struct vtoe_addr any = {.family = VTOE_INET}, local, no_peer = {0};
	struct toe_conn *conn;
	struct told told;

	up();
	ck_assert_int_eq(driver.open(stack, VTOE_INET, VTOE_DATAGRAM, &told,
				     &conn), 0);
	ck_assert_int_eq(driver.bind(conn, &any), 0);
	ck_assert_int_eq(driver.connect(conn, &to), 0);
	ck_assert_int_eq(driver.local(conn, &local), 0);
	ck_assert_mem_eq(local.addr, own.addr, sizeof(own.addr));
	ck_assert_uint_ne(local.port, 0);
	ck_assert_int_eq(driver.connect(conn, &no_peer), 0);
	ck_assert_int_eq(driver.local(conn, &local), 0);
	ck_assert_mem_eq(local.addr, any.addr, sizeof(any.addr));
	driver.close(conn, 0);
}
END_TEST

/* ---- claims: segments that no stack would send ---- */

static uint16_t sum16(const uint8_t *p, size_t len, uint32_t sum)
{
	size_t i;

	for (i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void put16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static void put32(uint8_t *p, uint32_t value)
{
	put16(p, value >> 16);
	put16(p + 2, value);
}

/* @len bytes of data to a connection, @ahead of what it waits for. */
static void inject(const struct tcp_pcb *pcb, uint32_t ahead, uint16_t len)
{
	static struct {
		struct packet head;
		uint8_t data[1460];
	} f;
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
				 .sll_ifindex = (int)if_nametoindex("peer0"),
				 .sll_halen = 6};
	size_t total = sizeof(f.head) + len;
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	f.head = syn_from(1);
	memcpy(f.head.to, netif_list->hwaddr, 6);
	put16(f.head.ip + 2, 40u + len);
	f.head.ip[8] = 64;
	put16(f.head.ip + 10, sum16(f.head.ip, 20, 0));
	put16(f.head.tcp, pcb->remote_port);
	put16(f.head.tcp + 2, pcb->local_port);
	put32(f.head.tcp + 4, pcb->rcv_nxt + ahead);
	put32(f.head.tcp + 8, pcb->snd_nxt);
	f.head.tcp[12] = 5 << 4;
	f.head.tcp[13] = 0x10;
	put16(f.head.tcp + 14, 1000);
	put16(f.head.tcp + 16,
	      sum16(f.head.tcp, 20u + len,
		    (uint32_t)(uint16_t)~sum16(f.head.ip + 12, 8, 0) + 6 + 20 +
			    len));
	ck_assert_int_eq(sendto(fd, &f, total, 0, (void *)&to, sizeof(to)),
			 (ssize_t)total);
	close(fd);
}

/* Bytes 500 to 1500 of a stream come first: how many there are after the others. */
static ssize_t read_after_early(uint16_t window)
{
	struct toe_conn *conn;
	struct tcp_pcb *pcb;
	struct told told;
	ssize_t n;
	int fd;

	up();
	conn = pair(&told, &fd);
	pcb = tcp_active_pcbs;
	pcb->rcv_wnd = window; /* as when nobody reads */
	inject(pcb, 500, 1000);
	inject(pcb, 0, 500);
	until_told(&told, TOE_READABLE);
	n = recv_bytes(conn, 2000);
	driver.close(conn, TOE_CLOSE_ABORT);
	close(fd);
	return n;
}

START_TEST(what_comes_early_and_beyond_the_window_does_no_harm)
{
	ck_assert_int_eq(read_after_early(1000), 500);
}
END_TEST

START_TEST(what_comes_early_within_the_window_is_kept)
{
	ck_assert_int_eq(read_after_early(1500), 1500);
}
END_TEST

UNIT_MAIN("lwip", a_connection_carries_bytes_both_ways,
	  a_refused_connect_may_be_tried_again,
	  a_connect_on_a_link_that_is_gone_fails_at_once,
	  each_syn_waits_twice_as_long_as_the_one_before,
	  who_finds_no_room_is_told_of_it,
	  the_window_is_as_open_as_the_reader_reads,
	  ends_are_told_each_way_and_together,
	  what_nobody_reads_any_more_is_answered_by_a_reset,
	  a_reset_is_one_to_either_end,
	  one_that_is_reset_while_it_connects_is_as_new,
	  a_listener_is_told_and_gives_one_at_a_time,
	  what_comes_by_a_link_is_answered_by_it,
	  a_full_backlog_keeps_who_asks_waiting,
	  a_closed_listener_resets_who_waits,
	  there_are_no_more_connections_than_said,
	  whoever_is_told_may_close, nonsense_has_its_errno,
	  options_are_what_was_set_or_refused,
	  only_what_is_for_the_link_passes,
	  only_what_has_an_address_of_the_link_leaves,
	  neighbours_are_told_until_one_has_heard,
	  half_open_connections_have_a_limit, routers_are_not_heard,
	  short_frames_are_not_read_beyond_their_end,
	  a_stream_goes_on_in_another_pcb,
	  a_stream_may_bring_more_than_a_send_buffer_holds,
	  ends_go_with_a_stream,
	  nobody_is_told_that_a_frozen_one_is_closed,
	  a_stream_with_time_stamps_is_refused,
	  a_datagram_socket_with_a_peer_knows_its_own_address,
	  what_comes_early_and_beyond_the_window_does_no_harm,
	  what_comes_early_within_the_window_is_kept)
