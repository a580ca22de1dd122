/* SPDX-License-Identifier: GPL-2.0 */
/* Claims about connections that the guest makes. */
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "native.h"

#define PORT 7000

/* A connection to a socket of the remote host's that the test holds. */
static struct tg_sock *pair(struct nt *nt, int *remote)
{
	int listener = nt_remote_listen(nt, NT_REMOTE_IP, PORT, 5);
	struct tg *tg = nt_guest_up(nt, NULL);
	struct tg_sock *s;

	ck_ok(tg_open_connect(tg, NT_REMOTE_IP, PORT, NT_TIMEOUT, &s));
	*remote = nt_remote_accept(nt, listener);
	close(listener);
	return s;
}

NATIVE_TEST(a_device_connects)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	struct fx_counters c;

	ck_assert_ptr_null(tg_error(tg));
	fx_dom_counters(nt->host, NT_DOMID, &c);
	/* the shared pages and XenStore's */
	ck_assert_uint_eq(c.mapped_now, tg->front.view.geo.nr_pages + 1);
	ck_ok(tg_stop(tg, NT_TIMEOUT));
	fx_dom_counters(nt->host, NT_DOMID, &c);
	ck_assert_uint_eq(c.mapped_now, 1);
}

static void echo(struct nt *nt, const char *ip, size_t len)
{
	uint8_t *out = malloc(len), *in = malloc(len);
	struct tg *tg = nt_guest_up(nt, NULL);
	struct tg_sock *s;

	nt_remote_echo(nt, ip, PORT);
	nt_fill(out, len, 1, 0);
	ck_ok(tg_open_connect(tg, ip, PORT, NT_TIMEOUT, &s));
	ck_ok(tg_send_all(s, out, len, NT_TIMEOUT));
	ck_ok(tg_recv_all(s, in, len, NT_TIMEOUT));
	ck_assert_int_eq(nt_check(in, len, 1, 0), -1);
	ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
	free(in);
	free(out);
}

NATIVE_TEST(bytes_come_back_as_they_were_sent)
{
	echo(nt, NT_REMOTE_IP, 1000);
}

/* Until dom0 rings for this socket. */
static void until_rung(struct tg *tg, const struct tg_sock *s)
{
	while (tg_next_ready(tg) != s)
		ck_assert_int_eq(tg_wait(tg, -1, NT_TIMEOUT), 1);
}

static void send_zeroes(int fd, size_t len)
{
	uint8_t *data = calloc(1, len);

	ck_assert_int_eq(send(fd, data, len, 0), (ssize_t)len);
	free(data);
}

NATIVE_TEST(who_waits_for_more_than_a_ring_holds_is_told_when_it_is_full)
{
	int remote;
	struct tg_sock *s = pair(nt, &remote);
	uint8_t data[60000];

	tg_poll(s->tg);
	while (tg_next_ready(s->tg)) /* of the connecting */
		;
	ck_assert(!front_rx_arm(&s->stream, 0, 1u << 20));
	send_zeroes(remote, sizeof(data));
	until_rung(s->tg, s);
	ck_ok(tg_recv_all(s, data, sizeof(data), NT_TIMEOUT));
	close(remote);
}

NATIVE_TEST(who_waits_beside_a_rest_gets_more)
{
	enum { RING = 16384, READ = 10000, MORE = 2000 };
	int remote, avail;
	struct tg_sock *s = pair(nt, &remote);
	uint8_t data[RING];

	send_zeroes(remote, RING); /* full: dom0 wants to lend a larger one */
	while ((avail = front_rx_avail(&s->stream)) < RING)
		if (!front_rx_arm(&s->stream, (uint32_t)avail, RING))
			ck_assert_int_eq(tg_wait(s->tg, -1, NT_TIMEOUT), 1);
	ck_assert_int_eq(tg_recv(s, data, READ), READ);
	send_zeroes(remote, MORE);
	while (!front_rx_arm(&s->stream, RING - READ, RING - READ + 1)) {
		front_rx_keep(&s->stream);
		tg_notify(s->tg);
		/* a ring may still be of the first bytes */
		ck_assert_int_eq(tg_wait(s->tg, -1, NT_TIMEOUT), 1);
	}
	ck_assert_int_gt(front_rx_avail(&s->stream), RING - READ);
	close(remote);
}

NATIVE_TEST(ipv6_works_as_ipv4_does)
{
	echo(nt, NT_REMOTE_IP6, 1000);
}

NATIVE_TEST(a_large_transfer_is_right_both_ways)
{
	enum { CHUNK = 60000, TOTAL = CHUNK * 1000 };
	uint8_t *out = malloc(CHUNK), *in = malloc(CHUNK);
	struct tg *tg = nt_guest_up(nt, NULL);
	uint64_t sent = 0, got = 0;
	struct tg_sock *s;
	size_t want;
	ssize_t n;

	nt_remote_echo(nt, NT_REMOTE_IP, PORT);
	ck_ok(tg_open_connect(tg, NT_REMOTE_IP, PORT, NT_TIMEOUT, &s));
	while (got < TOTAL) {
		want = TOTAL - sent < CHUNK ? TOTAL - sent : CHUNK;
		nt_fill(out, want, 2, sent);
		n = want ? tg_send(s, out, want) : -EAGAIN;
		ck_assert_msg(n > 0 || n == -EAGAIN, "send: %zd", n);
		sent += n > 0 ? (uint64_t)n : 0;
		if (sent == TOTAL)
			tg_shutdown(s, SHUT_WR);
		n = tg_recv(s, in, CHUNK);
		if (n == -EAGAIN) {
			ck_assert_int_gt(tg_wait(tg, -1, NT_TIMEOUT), 0);
			continue;
		}
		ck_assert_msg(n > 0, "recv: %zd after %lu", n, got);
		ck_assert_int_eq(nt_check(in, (size_t)n, 2, got), -1);
		got += (uint64_t)n;
	}
	ck_assert_int_eq(tg_recv_wait(s, in, 1, NT_TIMEOUT), 0);
	ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
	free(in);
	free(out);
}

/* More than a ring holds, so that the writer waits; not a whole of segments. */
#define STREAM 300001

static uint8_t stream_data[STREAM];

/* The worker holds short segments back while a writer waits for room. */
NATIVE_TEST(the_end_of_a_stream_arrives_without_anything_that_follows)
{
	int remote;
	struct tg_sock *s = pair(nt, &remote);
	uint8_t *in = malloc(STREAM);

	nt_fill(stream_data, STREAM, 1, 0);
	ck_ok(tg_send_all(s, stream_data, STREAM, NT_TIMEOUT));
	nt_remote_recv(nt, remote, in, STREAM);
	ck_assert_int_eq(nt_check(in, STREAM, 1, 0), -1);
	free(in);
	close(remote);
}

static int corked(struct tg_sock *s)
{
	uint32_t len = sizeof(int);
	int value = -1;

	ck_ok(tg_getopt(s, IPPROTO_TCP, TCP_CORK, &value, &len, NT_TIMEOUT));
	return value;
}

NATIVE_TEST(a_stream_is_corked_only_if_the_program_says_so)
{
	const int on = 1, off = 0;
	int remote;
	struct tg_sock *s = pair(nt, &remote);

	while (tg_send(s, stream_data, STREAM) > 0)
		while (!front_tx_arm(&s->stream, 0) &&
		       tg_wait(s->tg, -1, NT_TIMEOUT / 20) == 1)
			;
	ck_assert_int_eq(corked(s), 0);
	ck_ok(tg_setopt(s, IPPROTO_TCP, TCP_CORK, &on, sizeof(on), NT_TIMEOUT));
	ck_assert_int_eq(corked(s), 1);
	ck_ok(tg_setopt(s, IPPROTO_TCP, TCP_CORK, &off, sizeof(off),
			NT_TIMEOUT));
	ck_assert_int_eq(corked(s), 0);
	close(remote);
}

NATIVE_TEST(a_closed_port_is_refused)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	struct tg_sock *s;

	ck_err(tg_open_connect(tg, NT_REMOTE_IP, PORT, NT_TIMEOUT, &s),
	       ECONNREFUSED);
}

NATIVE_TEST(an_address_without_a_route_is_unreachable)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	struct tg_sock *s;

	ck_err(tg_open_connect(tg, "203.0.113.1", PORT, NT_TIMEOUT, &s),
	       ENETUNREACH);
}

NATIVE_TEST(domain_0_itself_cannot_be_reached)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	struct tg_sock *s;

	ck_assert_int_lt(tg_open_connect(tg, "127.0.0.1", PORT, NT_TIMEOUT,
					 &s), 0);
}

NATIVE_TEST(the_guests_fin_leaves_the_other_direction_open)
{
	uint8_t data[100];
	struct tg_sock *s;
	int remote;

	s = pair(nt, &remote);
	ck_ok(tg_send_all(s, "abc", 3, NT_TIMEOUT));
	tg_shutdown(s, SHUT_WR);
	nt_remote_recv(nt, remote, data, 3);
	ck_err(nt_remote_end(nt, remote), 0);
	ck_err(tg_send(s, "x", 1), EPIPE);
	ck_assert_int_eq(write(remote, "defg", 4), 4);
	close(remote);
	ck_ok(tg_recv_all(s, data, 4, NT_TIMEOUT));
	ck_assert_int_eq(memcmp(data, "defg", 4), 0);
	ck_assert_int_eq(tg_recv_wait(s, data, 1, NT_TIMEOUT), 0);
	ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
}

NATIVE_TEST(what_comes_after_both_directions_ended_is_answered_by_a_reset)
{
	struct tg_sock *s;
	struct pollfd p;
	char byte;
	int remote;

	s = pair(nt, &remote);
	p = (struct pollfd){ .fd = remote };
	tg_shutdown(s, SHUT_RDWR);
	ck_err(nt_remote_end(nt, remote), 0);
	ck_assert_int_eq(write(remote, "x", 1), 1);
	nt_until(poll(&p, 1, 0) > 0 && p.revents & POLLERR);
	ck_err(tg_recv_wait(s, &byte, 1, NT_TIMEOUT), ECONNRESET);
	ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
	close(remote);
}

NATIVE_TEST(reading_may_end_later_than_writing)
{
	struct tg_sock *s;
	ssize_t n;
	char byte;
	int remote;

	s = pair(nt, &remote);
	tg_shutdown(s, SHUT_WR);
	ck_err(nt_remote_end(nt, remote), 0);
	ck_assert_int_eq(write(remote, "x", 1), 1);
	ck_assert_int_eq(tg_recv_wait(s, &byte, 1, NT_TIMEOUT), 1);
	tg_shutdown(s, SHUT_RD);
	nt_until(send(remote, "y", 1, MSG_NOSIGNAL) < 0);
	while ((n = tg_recv_wait(s, &byte, 1, NT_TIMEOUT)) == 1)
		;
	ck_err(n, ECONNRESET);
	ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
	close(remote);
}

NATIVE_TEST(without_a_reader_bytes_and_the_peers_fin_still_come)
{
	uint8_t data[100];
	struct tg_sock *s;
	int remote;

	s = pair(nt, &remote);
	tg_shutdown(s, SHUT_RD);
	ck_assert_int_eq(write(remote, "abc", 3), 3);
	ck_ok(tg_recv_all(s, data, 3, NT_TIMEOUT));
	ck_ok(tg_send_all(s, "defg", 4, NT_TIMEOUT));
	nt_remote_recv(nt, remote, data, 4);
	close(remote);
	ck_assert_int_eq(tg_recv_wait(s, data, 1, NT_TIMEOUT), 0);
	ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
}

NATIVE_TEST(after_both_directions_ended_the_peers_fin_ends_all)
{
	struct tg_sock *s;
	uint32_t error;
	int remote;

	s = pair(nt, &remote);
	tg_shutdown(s, SHUT_RDWR);
	ck_err(nt_remote_end(nt, remote), 0);
	ck_assert_int_eq(front_status(&s->stream, &error), 0);
	close(remote);
	nt_until(front_status(&s->stream, &error) & VTOE_DOM0_HUP);
	ck_assert_uint_eq(error, 0);
	ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
}

NATIVE_TEST(an_attempt_that_failed_leaves_nothing_behind)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	uint8_t data[100];
	struct tg_sock *s;
	uint32_t error;
	int listener, remote;

	ck_ok(tg_open(tg, AF_INET, NT_TIMEOUT, &s));
	ck_err(tg_connect(s, NT_REMOTE_IP, PORT, NT_TIMEOUT), ECONNREFUSED);
	listener = nt_remote_listen(nt, NT_REMOTE_IP, PORT, 5);
	ck_ok(tg_connect(s, NT_REMOTE_IP, PORT, NT_TIMEOUT));
	remote = nt_remote_accept(nt, listener);
	ck_assert_int_eq(shutdown(remote, SHUT_WR), 0);
	ck_assert_int_eq(tg_recv_wait(s, data, 1, NT_TIMEOUT), 0);
	ck_assert_int_eq(front_status(&s->stream, &error), VTOE_DOM0_FIN);
	ck_ok(tg_send_all(s, "abc", 3, NT_TIMEOUT));
	nt_remote_recv(nt, remote, data, 3);
	ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
	close(remote);
	close(listener);
}

NATIVE_TEST(the_peers_fin_leaves_the_other_direction_open)
{
	uint8_t data[100];
	struct tg_sock *s;
	int remote;

	s = pair(nt, &remote);
	ck_assert_int_eq(shutdown(remote, SHUT_WR), 0);
	ck_assert_int_eq(tg_recv_wait(s, data, 1, NT_TIMEOUT), 0);
	ck_ok(tg_send_all(s, "abc", 3, NT_TIMEOUT));
	nt_remote_recv(nt, remote, data, 3);
	ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
	ck_err(nt_remote_end(nt, remote), 0);
	close(remote);
}

NATIVE_TEST(a_reset_is_told_as_such)
{
	struct linger linger = { .l_onoff = 1 };
	struct tg_sock *s;
	char byte;
	int remote;

	s = pair(nt, &remote);
	setsockopt(remote, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(remote);
	ck_err(tg_recv_wait(s, &byte, 1, NT_TIMEOUT), ECONNRESET);
	ck_assert_int_lt(tg_send(s, "x", 1), 0);
	ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
}

NATIVE_TEST(release_delivers_what_was_written)
{
	uint8_t *data = malloc(30000), *in = malloc(30000);
	struct tg_sock *s;
	int remote;

	s = pair(nt, &remote);
	nt_fill(data, 30000, 3, 0);
	ck_ok(tg_send_all(s, data, 30000, NT_TIMEOUT));
	ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
	nt_remote_recv(nt, remote, in, 30000);
	ck_assert_int_eq(nt_check(in, 30000, 3, 0), -1);
	ck_err(nt_remote_end(nt, remote), 0);
	close(remote);
	free(data);
	free(in);
}

NATIVE_TEST(release_with_abort_resets)
{
	struct tg_sock *s;
	int remote;

	s = pair(nt, &remote);
	ck_ok(tg_close(s, VTOE_RELEASE_ABORT, 0, NT_TIMEOUT));
	ck_err(nt_remote_end(nt, remote), ECONNRESET);
	close(remote);
}

NATIVE_TEST(release_with_linger_completes_when_all_is_acknowledged)
{
	struct tg_sock *s;
	char data[3];
	int remote;

	s = pair(nt, &remote);
	ck_ok(tg_send_all(s, "abc", 3, NT_TIMEOUT));
	ck_ok(tg_close(s, VTOE_RELEASE_LINGER, 10000, NT_TIMEOUT));
	nt_remote_recv(nt, remote, data, 3);
	ck_err(nt_remote_end(nt, remote), 0);
	close(remote);
}

NATIVE_TEST(a_peer_that_does_not_read_stops_the_writer)
{
	static uint8_t data[65536];
	uint64_t sent = 0, got = 0;
	struct tg_sock *s;
	ssize_t n;
	int remote, rc;

	s = pair(nt, &remote);
	do {
		nt_fill(data, sizeof(data), 4, sent);
		n = tg_send(s, data, sizeof(data));
		if (n > 0)
			sent += (uint64_t)n;
		rc = n > 0 ? 1 : tg_wait(s->tg, -1, 1000);
	} while (rc > 0);
	ck_assert_int_eq(n, -EAGAIN);
	while (got < sent) {
		n = recv(remote, data, sizeof(data), MSG_DONTWAIT);
		if (n < 0) {
			tg_wait(s->tg, remote, 100);
			continue;
		}
		ck_assert_int_gt(n, 0);
		ck_assert_int_eq(nt_check(data, (size_t)n, 4, got), -1);
		got += (uint64_t)n;
	}
	ck_assert_int_gt(tg_send(s, "x", 1), 0);
	close(remote);
	ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
}

NATIVE_TEST(both_ends_agree_about_the_addresses)
{
	struct sockaddr_in in;
	socklen_t len = sizeof(in);
	struct vtoe_addr bound;
	int listener = nt_remote_listen(nt, NT_REMOTE_IP, PORT, 5), remote;
	struct tg *tg = nt_guest_up(nt, NULL);
	struct tg_sock *s;

	ck_ok(tg_open(tg, VTOE_INET, NT_TIMEOUT, &s));
	ck_ok(tg_bind(s, NT_GUEST_IP, 0, NT_TIMEOUT, &bound));
	ck_assert_uint_ne(bound.port, 0);
	ck_ok(tg_connect(s, NT_REMOTE_IP, PORT, NT_TIMEOUT));
	remote = nt_remote_accept(nt, listener);
	ck_assert_int_eq(getpeername(remote, (void *)&in, &len), 0);
	ck_assert_uint_eq(in.sin_port, bound.port);
	ck_assert_uint_eq(in.sin_port, s->local.port);
	ck_assert_int_eq(memcmp(&in.sin_addr, s->local.addr, 4), 0);
	close(remote);
	close(listener);
}

NATIVE_TEST(a_foreign_address_is_not_available)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	struct tg_sock *s;

	ck_ok(tg_open(tg, VTOE_INET, NT_TIMEOUT, &s));
	ck_err(tg_bind(s, "192.0.2.77", 80, NT_TIMEOUT, NULL), EADDRNOTAVAIL);
	/* a refused command leaves the socket usable */
	ck_ok(tg_bind(s, NT_GUEST_IP, 80, NT_TIMEOUT, NULL));
}

NATIVE_TEST(an_unknown_family_is_refused)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	struct tg_sock *s;

	ck_err(tg_open(tg, 17, NT_TIMEOUT, &s), EAFNOSUPPORT);
}

NATIVE_TEST(options_are_carried_or_refused)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	int value = 1;
	uint32_t len = sizeof(value);
	struct tg_sock *s;

	ck_ok(tg_open(tg, VTOE_INET, NT_TIMEOUT, &s));
	ck_ok(tg_setopt(s, IPPROTO_TCP, TCP_NODELAY, &value, 4, NT_TIMEOUT));
	value = 0;
	ck_ok(tg_getopt(s, IPPROTO_TCP, TCP_NODELAY, &value, &len,
			NT_TIMEOUT));
	ck_assert_int_eq(value, 1);
	ck_assert_uint_eq(len, 4);
	value = 77;
	ck_ok(tg_setopt(s, IPPROTO_TCP, TCP_KEEPIDLE, &value, 4, NT_TIMEOUT));
	value = 0;
	ck_ok(tg_getopt(s, IPPROTO_TCP, TCP_KEEPIDLE, &value, &len,
			NT_TIMEOUT));
	ck_assert_int_eq(value, 77);
	/* neither made up nor dangerous ones */
	ck_err(tg_setopt(s, IPPROTO_TCP, 999, &value, 4, NT_TIMEOUT),
	       ENOPROTOOPT);
	ck_err(tg_setopt(s, SOL_SOCKET, SO_BINDTODEVICE, "eth0", 4,
			 NT_TIMEOUT), ENOPROTOOPT);
	ck_err(tg_setopt(s, SOL_SOCKET, SO_MARK, &value, 4, NT_TIMEOUT),
	       ENOPROTOOPT);
}

NATIVE_TEST(a_long_option_goes_through_a_run)
{
	struct tcp_info info;
	uint32_t len = sizeof(info);
	struct tg_sock *s;
	int remote;

	memset(&info, 0xff, sizeof(info));
	s = pair(nt, &remote);
	ck_ok(tg_getopt(s, IPPROTO_TCP, TCP_INFO, &info, &len, NT_TIMEOUT));
	ck_assert_uint_gt(len, VTOE_OPT_INLINE);
	ck_assert_uint_eq(info.tcpi_state, TCP_ESTABLISHED);
	close(remote);
}

NATIVE_TEST(a_connect_under_way_is_cancelled_by_release)
{
	struct vtoe_submission release = { .op = VTOE_OP_RELEASE };
	struct tg *tg = nt_guest_up(nt, NULL);
	struct tg_call *connecting, *done;
	struct tg_sock *s;

	ck_ok(tg_open(tg, VTOE_INET, NT_TIMEOUT, &s));
	ck_ok(tg_connect_start(s, "192.0.2.99", PORT));
	connecting = s->connecting;
	s->connecting = NULL;
	release.slot = s->slot;
	tg->front.slot[s->slot].state = FRONT_SLOT_RELEASING;
	ck_ok(tg_submit(tg, &release, &done));
	ck_ok(tg_call_wait(tg, done, NULL, NT_TIMEOUT));
	ck_err(tg_call_wait(tg, connecting, NULL, 0), ECANCELED);
	tg->socks[s->slot] = NULL;
	free(s);
}

NATIVE_TEST(commands_of_a_socket_need_no_waiting)
{
	int remote, listener = nt_remote_listen(nt, NT_REMOTE_IP, PORT, 5);
	struct tg *tg = nt_guest_up(nt, NULL);
	struct vtoe_submission cmd = {
		.op = VTOE_OP_OPEN,
		.u.open = { .family = VTOE_INET, .type = VTOE_STREAM },
	};
	struct tg_call *opened;
	struct tg_sock *s;
	char data[3];

	ck_ok(tg_sock_new(tg, &s));
	cmd.slot = s->slot;
	ck_ok(tg_submit(tg, &cmd, &opened));
	ck_ok(tg_connect_start(s, NT_REMOTE_IP, PORT));
	/* even data may be written before */
	ck_assert_int_eq(tg_send(s, "abc", 3), 3);
	remote = nt_remote_accept(nt, listener);
	nt_remote_recv(nt, remote, data, 3);
	ck_ok(tg_call_wait(tg, opened, NULL, NT_TIMEOUT));
	ck_ok(tg_connect_wait(s, NT_TIMEOUT));
	close(remote);
	close(listener);
}

NATIVE_TEST(xenstore_shows_what_was_requested_and_resolved)
{
	struct tg_sock *s;
	uint32_t slot;
	int remote;

	s = pair(nt, &remote);
	slot = s->slot;
	/* a record's nodes are written one after the other */
	nt_until(nt_xs_has(NT_REMOTE_IP ":7000", NT_RECORD, slot, "requested"));
	nt_until(nt_xs_has(NT_GUEST_IP, NT_RECORD, slot, "resolved"));
	nt_until(nt_xs_has(NT_REMOTE_IP ":7000", NT_RECORD, slot, "resolved"));
	nt_until(nt_xs_is("established", NT_RECORD, slot, "state"));
	ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
	close(remote);
	nt_until(nt_xs_is(NULL, NT_RECORD, slot, "state"));
}

NATIVE_MAIN("native-connect", 120, a_device_connects,
	    bytes_come_back_as_they_were_sent, ipv6_works_as_ipv4_does,
	    a_large_transfer_is_right_both_ways, a_closed_port_is_refused,
	    an_address_without_a_route_is_unreachable,
	    domain_0_itself_cannot_be_reached,
	    the_guests_fin_leaves_the_other_direction_open,
	    an_attempt_that_failed_leaves_nothing_behind,
	    what_comes_after_both_directions_ended_is_answered_by_a_reset,
	    reading_may_end_later_than_writing,
	    without_a_reader_bytes_and_the_peers_fin_still_come,
	    after_both_directions_ended_the_peers_fin_ends_all,
	    the_peers_fin_leaves_the_other_direction_open,
	    a_reset_is_told_as_such, release_delivers_what_was_written,
	    release_with_abort_resets,
	    release_with_linger_completes_when_all_is_acknowledged,
	    a_peer_that_does_not_read_stops_the_writer,
	    both_ends_agree_about_the_addresses,
	    a_foreign_address_is_not_available, an_unknown_family_is_refused,
	    options_are_carried_or_refused, a_long_option_goes_through_a_run,
	    a_connect_under_way_is_cancelled_by_release,
	    commands_of_a_socket_need_no_waiting,
	    who_waits_for_more_than_a_ring_holds_is_told_when_it_is_full,
	    who_waits_beside_a_rest_gets_more,
	    the_end_of_a_stream_arrives_without_anything_that_follows,
	    a_stream_is_corked_only_if_the_program_says_so,
	    xenstore_shows_what_was_requested_and_resolved)
