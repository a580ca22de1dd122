/* SPDX-License-Identifier: GPL-2.0 */
/* Claims about connections that the guest accepts. */
#include <arpa/inet.h>
#include <sys/socket.h>

#include "native.h"

#define PORT 8000

static struct tg_sock *listener(struct tg *tg, const char *ip, uint16_t port)
{
	struct tg_sock *l;
	int one = 1;

	ck_ok(tg_open(tg, tg_addr(ip, 0).family, NT_TIMEOUT, &l));
	ck_ok(tg_setopt(l, SOL_SOCKET, SO_REUSEADDR, &one, 4, NT_TIMEOUT));
	ck_ok(tg_bind(l, ip, port, NT_TIMEOUT, NULL));
	ck_ok(tg_listen(l, 64, NT_TIMEOUT));
	return l;
}

static void serve(struct nt *nt, const char *any, const char *ip)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	struct tg_sock *l = listener(tg, any, PORT), *s;
	char data[4];
	int remote;

	remote = nt_remote_connect(nt, ip, PORT);
	ck_ok(remote);
	ck_ok(tg_accept(l, NT_TIMEOUT, &s));
	ck_assert_int_eq(write(remote, "ping", 4), 4);
	ck_ok(tg_recv_all(s, data, 4, NT_TIMEOUT));
	ck_assert_int_eq(memcmp(data, "ping", 4), 0);
	ck_ok(tg_send_all(s, "pong", 4, NT_TIMEOUT));
	nt_remote_recv(nt, remote, data, 4);
	ck_assert_int_eq(memcmp(data, "pong", 4), 0);
	ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
	ck_err(nt_remote_end(nt, remote), 0);
	ck_ok(tg_close(l, 0, 0, NT_TIMEOUT));
	close(remote);
}

NATIVE_TEST(a_connection_is_accepted_and_served)
{
	serve(nt, NT_GUEST_IP, NT_GUEST_IP);
}

NATIVE_TEST(a_wildcard_listener_serves)
{
	serve(nt, "0.0.0.0", NT_GUEST_IP);
}

NATIVE_TEST(ipv6_is_served_as_ipv4_is)
{
	serve(nt, "::", NT_GUEST_IP6);
}

NATIVE_TEST(an_accepted_connection_knows_its_addresses)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	struct tg_sock *l = listener(tg, "0.0.0.0", PORT), *s;
	struct sockaddr_in in;
	socklen_t len = sizeof(in);
	int remote = nt_remote_connect(nt, NT_GUEST_IP, PORT);

	ck_ok(remote);
	ck_ok(tg_accept(l, NT_TIMEOUT, &s));
	getsockname(remote, (void *)&in, &len);
	ck_assert_uint_eq(s->peer.port, in.sin_port);
	ck_assert_int_eq(memcmp(s->peer.addr, &in.sin_addr, 4), 0);
	ck_assert_uint_eq(s->local.port, htons(PORT));
	ck_assert_uint_eq(s->local.family, VTOE_INET);
	close(remote);
}

NATIVE_TEST(data_may_come_before_the_accept)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	struct tg_sock *l = listener(tg, NT_GUEST_IP, PORT), *s;
	int remote = nt_remote_connect(nt, NT_GUEST_IP, PORT);
	char data[3];

	ck_ok(remote);
	ck_assert_int_eq(write(remote, "abc", 3), 3);
	close(remote);
	ck_ok(tg_accept(l, NT_TIMEOUT, &s));
	ck_ok(tg_recv_all(s, data, 3, NT_TIMEOUT));
	ck_assert_int_eq(tg_recv_wait(s, data, 1, NT_TIMEOUT), 0);
}

NATIVE_TEST(without_posts_connections_wait_in_the_backlog)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	int remote[5], i;
	struct tg_sock *l, *s[5];
	char byte;

	ck_ok(tg_open(tg, VTOE_INET, NT_TIMEOUT, &l));
	l->posts = 1;
	ck_ok(tg_bind(l, NT_GUEST_IP, PORT, NT_TIMEOUT, NULL));
	ck_ok(tg_listen(l, 64, NT_TIMEOUT));
	for (i = 0; i < 5; i++) {
		remote[i] = nt_remote_connect(nt, NT_GUEST_IP, PORT);
		ck_ok(remote[i]);
		ck_assert_int_eq(write(remote[i], &i, 1), 1);
	}
	for (i = 0; i < 5; i++) {
		ck_ok(tg_accept(l, NT_TIMEOUT, &s[i]));
		ck_ok(tg_recv_all(s[i], &byte, 1, NT_TIMEOUT));
		ck_assert_int_eq(byte, i);
	}
	ck_err(tg_accept(l, 0, &s[0]), EAGAIN);
	for (i = 0; i < 5; i++)
		close(remote[i]);
}

NATIVE_TEST(a_used_address_is_in_use)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	struct tg_sock *l = listener(tg, NT_GUEST_IP, PORT), *s;

	ck_ok(tg_open(tg, VTOE_INET, NT_TIMEOUT, &s));
	ck_err(tg_bind(s, NT_GUEST_IP, PORT, NT_TIMEOUT, NULL), EADDRINUSE);
	ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
	ck_ok(tg_close(l, 0, 0, NT_TIMEOUT));
}

NATIVE_TEST(a_released_listener_is_gone_at_once)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	struct tg_sock *l = listener(tg, NT_GUEST_IP, PORT);
	uint32_t all = tg->front.view.geo.nr_slots;

	ck_ok(tg_close(l, 0, 0, NT_TIMEOUT));
	/* posted slots came back with it */
	ck_assert_uint_eq(tg->front.nr_slots_free, all);
	ck_err(nt_remote_connect(nt, NT_GUEST_IP, PORT), ECONNREFUSED);
	l = listener(tg, NT_GUEST_IP, PORT);
	ck_ok(nt_remote_connect(nt, NT_GUEST_IP, PORT));
	ck_ok(tg_close(l, 0, 0, NT_TIMEOUT));
}

NATIVE_TEST(accepted_connections_outlive_the_listener)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	struct tg_sock *l = listener(tg, NT_GUEST_IP, PORT), *s;
	int remote = nt_remote_connect(nt, NT_GUEST_IP, PORT);
	char data[2];

	ck_ok(remote);
	ck_ok(tg_accept(l, NT_TIMEOUT, &s));
	ck_ok(tg_close(l, 0, 0, NT_TIMEOUT));
	ck_ok(tg_send_all(s, "ok", 2, NT_TIMEOUT));
	nt_remote_recv(nt, remote, data, 2);
	close(remote);
}

NATIVE_TEST(listening_again_changes_the_backlog)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	struct tg_sock *l = listener(tg, NT_GUEST_IP, PORT);

	ck_ok(tg_listen(l, 3, NT_TIMEOUT));
	ck_ok(nt_remote_connect(nt, NT_GUEST_IP, PORT));
}

NATIVE_TEST(a_connection_that_was_not_accepted_is_reset_with_the_listener)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	struct tg_sock *l = listener(tg, NT_GUEST_IP, PORT);
	int remote = nt_remote_connect(nt, NT_GUEST_IP, PORT);

	ck_ok(remote);
	ck_ok(tg_close(l, 0, 0, NT_TIMEOUT));
	ck_err(nt_remote_end(nt, remote), ECONNRESET);
	close(remote);
}

NATIVE_MAIN("native-listen", 120, a_connection_is_accepted_and_served,
	    a_wildcard_listener_serves, ipv6_is_served_as_ipv4_is,
	    an_accepted_connection_knows_its_addresses,
	    data_may_come_before_the_accept,
	    without_posts_connections_wait_in_the_backlog,
	    a_used_address_is_in_use, a_released_listener_is_gone_at_once,
	    accepted_connections_outlive_the_listener,
	    listening_again_changes_the_backlog,
	    a_connection_that_was_not_accepted_is_reset_with_the_listener)
