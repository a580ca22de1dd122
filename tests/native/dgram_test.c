/* SPDX-License-Identifier: GPL-2.0 */
/* Claims about datagrams. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <sched.h>
#include <sys/socket.h>

#include "native.h"

#define PORT	 7000
#define UDP4_MAX 65507u

static struct tg_sock *dgram(struct nt *nt, int family)
{
	struct tg *tg = nt->guest.tg ? nt->guest.tg : nt_guest_up(nt, NULL);
	struct tg_sock *s;

	ck_ok(tg_open_dgram(tg, family, NT_TIMEOUT, &s));
	return s;
}

/* What arrives at a remote socket, with the guest's loop running. */
static ssize_t remote_get(struct nt *nt, int fd, void *data, size_t len,
			  struct sockaddr_storage *from)
{
	socklen_t salen = sizeof(*from);
	ssize_t n;

	nt_until((n = recvfrom(fd, data, len, MSG_DONTWAIT, (void *)from,
			       &salen)) >= 0 ||
		 (tg_poll(nt->guest.tg), false));
	return n;
}

static void there_and_back(struct nt *nt, const char *ip, uint32_t len)
{
	int fd = nt_remote_dgram(nt, ip, PORT);
	struct tg_sock *s = dgram(nt, tg_addr(ip, 0).family);
	uint8_t *out = malloc(len + 1), *in = malloc(len + 1);
	struct sockaddr_storage from;
	struct vtoe_datagram head;

	nt_fill(out, len, len, 0);
	ck_ok(tg_sendto(s, ip, PORT, out, len, NT_TIMEOUT));
	ck_assert_int_eq(remote_get(nt, fd, in, len + 1, &from), len);
	ck_assert_int_eq(nt_check(in, len, len, 0), -1);
	ck_assert_int_eq(sendto(fd, in, len, 0, (void *)&from,
				from.ss_family == AF_INET
					? sizeof(struct sockaddr_in)
					: sizeof(struct sockaddr_in6)),
			 len);
	ck_assert_int_eq(tg_recvfrom(s, out, len + 1, &head, NT_TIMEOUT), len);
	ck_assert_int_eq(nt_check(out, len, len, 0), -1);
	ck_assert_int_eq(ntohs(head.addr.port), PORT);
	ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
	close(fd);
	free(out);
	free(in);
}

NATIVE_TEST(a_datagram_goes_there_and_back)
{
	there_and_back(nt, NT_REMOTE_IP, 100);
}

NATIVE_TEST(a_datagram_goes_there_and_back_over_ipv6)
{
	there_and_back(nt, NT_REMOTE_IP6, 1000);
}

NATIVE_TEST(an_empty_datagram_is_one)
{
	there_and_back(nt, NT_REMOTE_IP, 0);
}

NATIVE_TEST(the_largest_datagram_passes)
{
	there_and_back(nt, NT_REMOTE_IP, UDP4_MAX);
}

NATIVE_TEST(datagrams_keep_their_limits_and_order)
{
	int fd = nt_remote_dgram(nt, NT_REMOTE_IP, PORT), i;
	struct tg_sock *s = dgram(nt, AF_INET);
	struct sockaddr_storage from;
	uint8_t data[3000];

	ck_ok(tg_connect(s, NT_REMOTE_IP, PORT, NT_TIMEOUT));
	for (i = 0; i < 20; i++) {
		nt_fill(data, (size_t)i * 100, (uint32_t)i, 0);
		ck_ok(tg_sendto(s, NULL, 0, data, (size_t)i * 100, NT_TIMEOUT));
	}
	for (i = 0; i < 20; i++) {
		ck_assert_int_eq(remote_get(nt, fd, data, sizeof(data), &from),
				 i * 100);
		ck_assert_int_eq(
			nt_check(data, (size_t)i * 100, (uint32_t)i, 0), -1);
	}
	close(fd);
}

NATIVE_TEST(a_ring_full_of_datagrams_makes_the_sender_wait)
{
	int fd = nt_remote_dgram(nt, NT_REMOTE_IP, PORT);
	struct tg_sock *s = dgram(nt, AF_INET);
	uint8_t data[1400];
	int i;

	nt_fill(data, sizeof(data), 1, 0);
	for (i = 0; i < 2000; i++)
		ck_ok(tg_sendto(s, NT_REMOTE_IP, PORT, data, sizeof(data),
				NT_TIMEOUT));
	nt_until(tg_poll(nt->guest.tg) >= 0 && front_tx_used(&s->stream) == 0);
	close(fd);
}

NATIVE_TEST(a_bound_socket_is_found)
{
	struct tg_sock *s = dgram(nt, AF_INET);
	struct sockaddr_in to = {.sin_family = AF_INET};
	struct vtoe_datagram head;
	struct vtoe_addr bound;
	char data[8];
	int fd;

	ck_ok(tg_bind(s, NT_GUEST_IP, 0, NT_TIMEOUT, &bound));
	fd = nt_remote_dgram(nt, NT_REMOTE_IP, PORT);
	to.sin_port = bound.port;
	inet_pton(AF_INET, NT_GUEST_IP, &to.sin_addr);
	ck_assert_int_eq(sendto(fd, "abc", 3, 0, (void *)&to, sizeof(to)), 3);
	ck_assert_int_eq(tg_recvfrom(s, data, 8, &head, NT_TIMEOUT), 3);
	ck_assert_int_eq(memcmp(data, "abc", 3), 0);
	ck_assert_int_eq(head.flags, 0);
	close(fd);
}

/* Each processor has a queue of its own behind a veth: one keeps the order. */
static void stay_on_this_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)sched_getcpu(), &set);
	ck_assert_int_eq(sched_setaffinity(0, sizeof(set), &set), 0);
}

NATIVE_TEST(many_datagrams_to_a_slow_reader_are_whole_or_lost)
{
	struct tg_sock *s = dgram(nt, AF_INET);
	struct sockaddr_in to = {.sin_family = AF_INET};
	int fd = nt_remote_dgram(nt, NT_REMOTE_IP, PORT), i, got = 0;
	struct vtoe_addr bound;
	uint8_t data[9000];
	uint32_t id, last = 0;
	ssize_t n;

	ck_ok(tg_bind(s, NT_GUEST_IP, 0, NT_TIMEOUT, &bound));
	to.sin_port = bound.port;
	inet_pton(AF_INET, NT_GUEST_IP, &to.sin_addr);
	stay_on_this_cpu();
	/* those that wait for a neighbour's address are overtaken: ask first */
	ck_assert_int_eq(sendto(fd, "abc", 3, 0, (void *)&to, sizeof(to)), 3);
	ck_assert_int_eq(tg_recvfrom(s, data, sizeof(data), NULL, NT_TIMEOUT),
			 3);
	for (i = 1; i <= 500; i++) {
		nt_fill(data, sizeof(data), (uint32_t)i, 0);
		memcpy(data, &i, sizeof(i));
		sendto(fd, data, sizeof(data), 0, (void *)&to, sizeof(to));
	}
	while ((n = tg_recvfrom(s, data, sizeof(data), NULL, 500)) > 0) {
		ck_assert_int_eq(n, sizeof(data));
		memcpy(&id, data, sizeof(id));
		ck_assert_uint_gt(id, last);
		last = id;
		ck_assert_int_eq(nt_check(data + 4, sizeof(data) - 4, id, 4),
				 -1);
		got++;
	}
	ck_err(n, ETIMEDOUT);
	ck_assert_int_gt(got, 5); /* what one ring holds, at least */
	close(fd);
}

NATIVE_TEST(nobody_listens_is_told_to_a_connected_socket)
{
	struct tg_sock *s = dgram(nt, AF_INET);

	ck_ok(tg_connect(s, NT_REMOTE_IP, PORT, NT_TIMEOUT));
	ck_ok(tg_sendto(s, NULL, 0, "x", 1, NT_TIMEOUT));
	ck_assert_int_eq(tg_dgram_error(s, NT_TIMEOUT), ECONNREFUSED);
}

/* @waits: sends when it is connected, not while it connects */
static void connects_in_turn(struct nt *nt, bool waits)
{
	int fd[2] = { nt_remote_dgram(nt, NT_REMOTE_IP, PORT),
		      nt_remote_dgram(nt, NT_REMOTE_IP, PORT + 1) };
	struct tg_sock *s = dgram(nt, AF_INET);
	struct sockaddr_storage from;
	uint8_t i, got;

	for (i = 0; i < 100; i++) {
		ck_ok(tg_connect_start(s, NT_REMOTE_IP, PORT + i % 2));
		if (waits)
			ck_ok(tg_connect_wait(s, NT_TIMEOUT));
		ck_ok(tg_sendto(s, NULL, 0, &i, 1, NT_TIMEOUT));
		if (!waits)
			ck_ok(tg_connect_wait(s, NT_TIMEOUT));
	}
	for (i = 0; i < 100; i++) {
		ck_assert_int_eq(remote_get(nt, fd[i % 2], &got, 1, &from), 1);
		ck_assert_uint_eq(got, i);
	}
	close(fd[0]);
	close(fd[1]);
}

NATIVE_TEST(what_was_sent_before_connect_goes_to_the_peer_of_then)
{
	connects_in_turn(nt, true);
}

NATIVE_TEST(what_is_sent_while_it_connects_goes_to_the_new_peer)
{
	unsigned int i;

	/* in most turns the worker is too late to go wrong */
	for (i = 0; i < 20; i++)
		connects_in_turn(nt, false);
}

NATIVE_TEST(a_socket_is_opened_connected_and_used_in_one_go)
{
	int fd = nt_remote_dgram(nt, NT_REMOTE_IP, PORT);
	struct tg *tg = nt_guest_up(nt, NULL);
	struct sockaddr_storage from;
	struct tg_sock *s;
	uint8_t i, got;

	for (i = 0; i < 100; i++) {
		ck_ok(tg_dial_dgram(tg, NT_REMOTE_IP, PORT, &s));
		ck_ok(tg_sendto(s, NULL, 0, &i, 1, NT_TIMEOUT));
		ck_assert_int_eq(remote_get(nt, fd, &got, 1, &from), 1);
		ck_assert_uint_eq(got, i);
		ck_ok(tg_connect_wait(s, NT_TIMEOUT));
		ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
	}
	close(fd);
}

NATIVE_TEST(an_association_can_be_ended)
{
	int fd = nt_remote_dgram(nt, NT_REMOTE_IP, PORT + 1);
	struct tg_sock *s = dgram(nt, AF_INET);
	struct sockaddr_storage from;
	char data[8];

	ck_ok(tg_connect(s, NT_REMOTE_IP, PORT, NT_TIMEOUT));
	ck_ok(tg_disconnect(s, NT_TIMEOUT));
	ck_ok(tg_sendto(s, NT_REMOTE_IP, PORT + 1, "abc", 3, NT_TIMEOUT));
	ck_assert_int_eq(remote_get(nt, fd, data, 8, &from), 3);
	close(fd);
}

static void bound_anew(struct nt *nt, int port, int errno_wanted)
{
	struct tg_sock *s = dgram(nt, AF_INET);
	struct vtoe_addr local;

	ck_ok(tg_bind(s, NT_GUEST_IP, (uint16_t)port, NT_TIMEOUT, &local));
	ck_assert_uint_ne(local.port, 0);
	ck_ok(tg_disconnect(s, NT_TIMEOUT));
	ck_assert_int_eq(tg_bind(s, NT_GUEST_IP, 0, NT_TIMEOUT, &local),
			 -errno_wanted);
	ck_assert_uint_ne(local.port, 0);
}

NATIVE_TEST(a_port_that_nobody_asked_for_goes_with_the_peer)
{
	bound_anew(nt, 0, 0);
	bound_anew(nt, PORT, EINVAL);
}

static void tells_its_address(struct nt *nt, int family, const char *peer,
			      const char *own)
{
	struct tg_sock *s = dgram(nt, family);
	struct vtoe_addr want = tg_addr(own, 0);

	ck_ok(tg_connect(s, peer, PORT, NT_TIMEOUT));
	ck_assert_mem_eq(s->local.addr, want.addr, sizeof(want.addr));
	ck_assert_uint_ne(s->local.port, 0);
}

NATIVE_TEST(a_connected_socket_tells_where_it_sends_from)
{
	tells_its_address(nt, AF_INET, NT_REMOTE_IP, NT_GUEST_IP);
	tells_its_address(nt, AF_INET6, NT_REMOTE_IP6, NT_GUEST_IP6);
}

NATIVE_TEST(an_address_of_ipv6_is_ipv6_alone)
{
	struct tg_sock *s = dgram(nt, AF_INET6);
	uint32_t len = sizeof(int);
	int only = 0;

	ck_ok(tg_bind(s, NT_GUEST_IP6, 0, NT_TIMEOUT, NULL));
	ck_ok(tg_getopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &only, &len, NT_TIMEOUT));
	ck_assert_int_eq(only, 1);
	ck_err(tg_connect(s, "::ffff:" NT_REMOTE_IP, PORT, NT_TIMEOUT),
	       ENETUNREACH);
}

NATIVE_TEST(an_address_of_ipv4_leads_to_no_ipv6_peer)
{
	struct tg_sock *s = dgram(nt, AF_INET6);

	ck_ok(tg_bind(s, "::ffff:" NT_GUEST_IP, 0, NT_TIMEOUT, NULL));
	ck_err(tg_connect(s, NT_REMOTE_IP6, PORT, NT_TIMEOUT), EAFNOSUPPORT);
	ck_ok(tg_connect(s, "::ffff:" NT_REMOTE_IP, PORT, NT_TIMEOUT));
}

NATIVE_TEST(a_byte_is_enough_for_ipv4s_options)
{
	struct tg_sock *s = dgram(nt, AF_INET);
	uint8_t tos = 0x28;
	uint32_t len = 1;

	ck_ok(tg_setopt(s, IPPROTO_IP, IP_TOS, &tos, 1, NT_TIMEOUT));
	tos = 0;
	ck_ok(tg_getopt(s, IPPROTO_IP, IP_TOS, &tos, &len, NT_TIMEOUT));
	ck_assert_uint_eq(len, 1);
	ck_assert_uint_eq(tos, 0x28);
	ck_err(tg_setopt(s, IPPROTO_IP, IP_TTL, &tos, 0, NT_TIMEOUT), EINVAL);
}

NATIVE_TEST(a_refused_destination_costs_one_datagram)
{
	int fd = nt_remote_dgram(nt, NT_REMOTE_IP, PORT);
	struct tg_sock *s = dgram(nt, AF_INET);
	struct sockaddr_storage from;
	char data[8];

	ck_ok(tg_sendto(s, "203.0.113.1", PORT, "lost", 4, NT_TIMEOUT));
	ck_ok(tg_sendto(s, NT_REMOTE_IP, PORT, "abc", 3, NT_TIMEOUT));
	ck_assert_int_eq(remote_get(nt, fd, data, 8, &from), 3);
	ck_assert_uint_eq(nt_counter(nt, NT_DOMID, "datagrams_lost"), 1);
	close(fd);
}

NATIVE_TEST(what_goes_with_a_datagram_is_told_if_asked_for)
{
	int fd = nt_remote_dgram(nt, NT_REMOTE_IP, PORT), one = 1, tos = 0x10;
	struct tg_sock *s = dgram(nt, AF_INET);
	struct sockaddr_storage from;
	struct vtoe_datagram head;
	uint8_t guest[4];
	char data[8];

	ck_ok(tg_setopt(s, IPPROTO_IP, IP_PKTINFO, &one, 4, NT_TIMEOUT));
	ck_ok(tg_setopt(s, IPPROTO_IP, IP_RECVTOS, &one, 4, NT_TIMEOUT));
	ck_ok(tg_setopt(s, IPPROTO_IP, IP_RECVTTL, &one, 4, NT_TIMEOUT));
	ck_ok(tg_setopt(s, SOL_SOCKET, SO_TIMESTAMPNS, &one, 4, NT_TIMEOUT));
	ck_assert_int_eq(setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, 4), 0);
	ck_ok(tg_sendto(s, NT_REMOTE_IP, PORT, "x", 1, NT_TIMEOUT));
	remote_get(nt, fd, data, 8, &from);
	sendto(fd, "y", 1, 0, (void *)&from, sizeof(struct sockaddr_in));
	ck_assert_int_eq(tg_recvfrom(s, data, 8, &head, NT_TIMEOUT), 1);
	ck_assert_uint_eq(head.flags, VTOE_DGRAM_LOCAL | VTOE_DGRAM_TOS |
					      VTOE_DGRAM_TTL | VTOE_DGRAM_TIME);
	inet_pton(AF_INET, NT_GUEST_IP, guest);
	ck_assert_int_eq(memcmp(head.local, guest, 4), 0);
	ck_assert_uint_eq(head.tos, 0x10);
	ck_assert_uint_eq(head.ttl, 64);
	ck_assert_uint_gt(head.time_ns, 0);
	close(fd);
}

NATIVE_TEST(tos_and_ttl_of_one_datagram_are_carried)
{
	int fd = nt_remote_dgram(nt, NT_REMOTE_IP, PORT), one = 1;
	struct vtoe_datagram head = {
		.flags = VTOE_DGRAM_TOS | VTOE_DGRAM_TTL | VTOE_DGRAM_LOCAL,
		.tos = 0x20,
		.ttl = 9,
		.addr = tg_addr(NT_REMOTE_IP, PORT),
	};
	struct tg_sock *s = dgram(nt, AF_INET);
	struct cmsghdr *c;
	char data[8], control[128];
	struct iovec iov = {data, sizeof(data)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	int tos = -1, ttl = -1;

	inet_pton(AF_INET, NT_GUEST_IP, head.local);
	setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &one, 4);
	setsockopt(fd, IPPROTO_IP, IP_RECVTTL, &one, 4);
	ck_ok(tg_send_dgram(s, &head, "abc", 3));
	nt_until(recvmsg(fd, &msg, MSG_DONTWAIT) == 3);
	for (c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_type == IP_TOS)
			tos = *CMSG_DATA(c);
		else if (c->cmsg_type == IP_TTL)
			memcpy(&ttl, CMSG_DATA(c), 4);
	}
	ck_assert_int_eq(tos, 0x20);
	ck_assert_int_eq(ttl, 9);
	close(fd);
}

NATIVE_TEST(closing_sends_what_is_in_the_ring)
{
	int fd = nt_remote_dgram(nt, NT_REMOTE_IP, PORT), i;
	struct tg_sock *s = dgram(nt, AF_INET);
	struct sockaddr_storage from;
	char data[8];

	for (i = 0; i < 50; i++)
		ck_ok(tg_sendto(s, NT_REMOTE_IP, PORT, "abc", 3, NT_TIMEOUT));
	ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
	for (i = 0; i < 50; i++)
		ck_assert_int_eq(remote_get(nt, fd, data, 8, &from), 3);
	close(fd);
}

/* Closing and binding may reach the worker at once. */
NATIVE_TEST(a_port_is_free_once_its_socket_was_closed)
{
	struct tg_sock *s = dgram(nt, AF_INET), *next;
	int i;

	ck_ok(tg_bind(s, NT_GUEST_IP, PORT, NT_TIMEOUT, NULL));
	for (i = 0; i < 200; i++) {
		ck_ok(tg_open_dgram(nt->guest.tg, AF_INET, NT_TIMEOUT, &next));
		tg_close_start(s, 0, 0);
		ck_ok(tg_bind(next, NT_GUEST_IP, PORT, NT_TIMEOUT, NULL));
		s = next;
	}
}

NATIVE_TEST(a_datagram_socket_does_not_listen)
{
	struct tg_sock *s = dgram(nt, AF_INET);

	ck_err(tg_listen(s, 5, NT_TIMEOUT), EOPNOTSUPP);
}

/* ---- guests that break the contract ---- */

static void expect_broken(struct nt *nt, uint32_t len, uint16_t flags,
			  uint32_t record)
{
	struct tg_sock *s = dgram(nt, AF_INET);
	struct vtoe_datagram head = {.len = len,
				     .flags = flags,
				     .addr = tg_addr(NT_REMOTE_IP, PORT)};
	struct vtoe_segment seg[2];
	char *error;

	front_tx_segments(&s->stream, sizeof(head), seg);
	memcpy(seg[0].data, &head, sizeof(head));
	front_tx_commit(&s->stream, record);
	tg_notify(nt->guest.tg);
	ck_ok(tg_wait_backend(nt->guest.tg, TG_CLOSING, NT_TIMEOUT));
	error = tg_error(nt->guest.tg);
	ck_assert_ptr_nonnull(error);
	free(error);
	tg_set_state(nt->guest.tg, TG_CLOSED);
	ck_ok(tg_wait_backend(nt->guest.tg, TG_CLOSED, NT_TIMEOUT));
}

NATIVE_TEST(a_datagram_longer_than_its_ring_breaks)
{
	expect_broken(nt, 1000, 0, 128);
}

NATIVE_TEST(an_impossible_length_breaks)
{
	expect_broken(nt, 0xffffffc0u, 0, 128);
}

NATIVE_TEST(an_unknown_flag_breaks)
{
	expect_broken(nt, 4, 0x80, 128);
}

NATIVE_TEST(half_a_record_breaks)
{
	expect_broken(nt, 4, 0, 100);
}

NATIVE_MAIN("dgram", 120, a_datagram_goes_there_and_back,
	    a_datagram_goes_there_and_back_over_ipv6, an_empty_datagram_is_one,
	    the_largest_datagram_passes, datagrams_keep_their_limits_and_order,
	    a_ring_full_of_datagrams_makes_the_sender_wait,
	    a_bound_socket_is_found,
	    many_datagrams_to_a_slow_reader_are_whole_or_lost,
	    nobody_listens_is_told_to_a_connected_socket,
	    what_was_sent_before_connect_goes_to_the_peer_of_then,
	    what_is_sent_while_it_connects_goes_to_the_new_peer,
	    a_socket_is_opened_connected_and_used_in_one_go,
	    an_association_can_be_ended,
	    a_port_that_nobody_asked_for_goes_with_the_peer,
	    a_connected_socket_tells_where_it_sends_from,
	    an_address_of_ipv6_is_ipv6_alone,
	    an_address_of_ipv4_leads_to_no_ipv6_peer,
	    a_byte_is_enough_for_ipv4s_options,
	    a_refused_destination_costs_one_datagram,
	    what_goes_with_a_datagram_is_told_if_asked_for,
	    tos_and_ttl_of_one_datagram_are_carried,
	    closing_sends_what_is_in_the_ring,
	    a_port_is_free_once_its_socket_was_closed,
	    a_datagram_socket_does_not_listen,
	    a_datagram_longer_than_its_ring_breaks, an_impossible_length_breaks,
	    an_unknown_flag_breaks, half_a_record_breaks)
