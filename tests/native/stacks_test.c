/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Claims about moves between stacks: of the two TOEs of segment.h, toe1 is lwIP's and
 * toe2 the kernel's, and a guest's connections go from one to the other and back.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "segment.h"

#define OWN  "198.51.100.10"
#define OWN6 "2001:db8:1::10"
#define ENTRY                                                   \
	"pool=mixed,ip=" OWN "/24,ip6=" OWN6 "/64,gateway=" NEAR \
	",gateway6=" NEAR6
#define CROWD	  1000
#define CROWD_MS  1000
#define STREAMS	  8
#define FEW	  200 /* some messages' worth of descriptors */
#define IN_FLIGHT (512u << 10)

static struct tg *mixed_up(struct nt *nt, const struct tg_config *cfg)
{
	segment_up(nt,
		   "toe \"soft\" { netdev = \"toe1\" driver = \"lwip\""
		   " segment = \"lan\" }\n"
		   "toe \"hard\" { netdev = \"toe2\" link = \"macvlan\""
		   " segment = \"lan\" }\n"
		   "pool \"mixed\" { toes = {\"soft\", \"hard\"}"
		   " policy = \"in-order\" }\n");
	return nt_guest_up_as(nt, cfg, ENTRY);
}

/* All of the guest's sockets leave a TOE for the other one. */
static void leave(struct nt *nt, const char *toe)
{
	bool soft = !strcmp(toe, "soft");

	drain(nt, "undrain", soft ? "hard" : "soft");
	drain(nt, "drain", toe);
	nt_until(!contexts_say(nt, soft ? "toe=soft" : "toe=hard"));
	ck_assert(contexts_say(nt, soft ? "toe=hard" : "toe=soft"));
}

static uint64_t moves(struct nt *nt)
{
	return nt_counter(nt, NT_DOMID, "moves");
}

static void expect_none_lost(struct nt *nt)
{
	ck_assert_uint_eq(nt_counter(nt, NT_DOMID, "moves_failed"), 0);
}

NATIVE_TEST(connections_go_to_the_kernel_and_back)
{
	struct tg *tg = mixed_up(nt, NULL);
	struct tg_sock *s[3] = {echo_to(nt, tg, NEAR), echo_to(nt, tg, NEAR6),
				echo_to(nt, tg, FAR)};
	int round, i;

	ck_assert(contexts_say(nt, "toe=soft"));
	for (round = 0; round < 2; round++) {
		leave(nt, round ? "hard" : "soft");
		nt_until(moves(nt) == 3u * (uint64_t)(round + 1));
		for (i = 0; i < 3; i++)
			there_and_back(s[i], 1u << 20);
	}
	expect_none_lost(nt);
	for (i = 0; i < 3; i++)
		ck_ok(tg_close(s[i], 0, 0, NT_TIMEOUT));
}

/* Sends until all is full, both ways, and leaves it so. */
static uint64_t fill_up(struct tg_sock *s, uint64_t at)
{
	uint8_t data[4096];
	uint64_t start = at;
	ssize_t n;

	while (at - start < IN_FLIGHT) {
		nt_fill(data, sizeof(data), 2, at);
		n = tg_send(s, data, sizeof(data));
		if (n > 0)
			at += (uint64_t)n;
		else if (tg_wait(s->tg, -1, 50) <= 0)
			break;
	}
	return at;
}

static void take_all(struct tg_sock *s, uint64_t *at, uint64_t end)
{
	static uint8_t data[65536];
	ssize_t n;

	while (*at < end) {
		n = tg_recv_wait(s, data,
				 end - *at < sizeof(data) ? end - *at
							  : sizeof(data),
				 NT_TIMEOUT);
		ck_assert_msg(n > 0, "recv: %zd after %lu", n, *at);
		ck_assert_int_eq(nt_check(data, (size_t)n, 2, *at), -1);
		*at += (uint64_t)n;
	}
}

NATIVE_TEST(no_byte_is_lost_that_is_on_its_way)
{
	struct tg_sock *s = echo_to(nt, mixed_up(nt, NULL), NEAR);
	uint64_t sent = 0, got = 0;
	int round;

	for (round = 0; round < 6; round++) {
		sent = fill_up(s, sent);
		leave(nt, round & 1 ? "hard" : "soft");
		take_all(s, &got, sent);
	}
	expect_none_lost(nt);
}

/* A process that sends on each of STREAMS connections, as fast as it can. */
static pid_t flood(const int *fd)
{
	static uint8_t data[16384];
	uint64_t at[STREAMS] = {0};
	ssize_t n;
	pid_t pid;
	int i;

	fflush(NULL);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (i = 0;; i = (i + 1) % STREAMS) {
		nt_fill(data, sizeof(data), 2, at[i]);
		n = send(fd[i], data, sizeof(data),
			 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			_exit(1);
		at[i] += n > 0 ? (uint64_t)n : 0;
	}
}

NATIVE_TEST(what_comes_in_all_the_time_goes_on_coming)
{
	struct tg *tg = mixed_up(nt, NULL);
	int listener = nt_remote_listen(nt, NEAR, PORT, STREAMS), round, i;
	int fd[STREAMS];
	pid_t pid;
	uint64_t got[STREAMS] = {0};
	struct tg_sock *s[STREAMS];

	for (i = 0; i < STREAMS; i++)
		ck_ok(tg_open_connect(tg, NEAR, PORT, NT_TIMEOUT, &s[i]));
	for (i = 0; i < STREAMS; i++)
		fd[i] = nt_remote_accept(nt, listener);
	pid = flood(fd);
	for (round = 0; round < 6; round++) {
		for (i = 0; i < STREAMS; i++)
			take_all(s[i], &got[i], got[i] + (1u << 20));
		leave(nt, round & 1 ? "hard" : "soft");
	}
	expect_none_lost(nt);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	for (i = 0; i < STREAMS; i++)
		close(fd[i]);
	close(listener);
}

NATIVE_TEST(a_thousand_move_within_a_second)
{
	static const struct tg_config cfg = {.nr_slots = 2048};
	struct tg *tg = mixed_up(nt, &cfg);
	static struct tg_sock *s[CROWD];
	uint64_t start;
	int round, i;

	nt_remote_echo(nt, NEAR, PORT);
	for (i = 0; i < CROWD; i++)
		ck_ok(tg_open_connect(tg, NEAR, PORT, NT_TIMEOUT, &s[i]));
	for (round = 0; round < 2; round++) {
		start = tg_now_ms();
		drain(nt, "undrain", round ? "soft" : "hard");
		drain(nt, "drain", round ? "hard" : "soft");
		nt_until(moves(nt) == CROWD * (uint64_t)(round + 1));
		printf("%d moved within %lu ms\n", CROWD,
		       tg_now_ms() - start);
		if (!getenv("NATIVE_SANITIZED"))
			ck_assert_uint_lt(tg_now_ms() - start, CROWD_MS);
		for (i = 0; i < CROWD; i++) {
			nt_echo_once(s[i]);
			tg_trim(s[i]);
		}
	}
	expect_none_lost(nt);
}

NATIVE_TEST(what_a_program_has_not_read_yet_is_there)
{
	struct tg *tg = mixed_up(nt, NULL);
	int listener = nt_remote_listen(nt, NEAR, PORT, 1), fd, round;
	static uint8_t data[200000], in[200000];
	struct tg_sock *s;
	ssize_t n;

	ck_ok(tg_open_connect(tg, NEAR, PORT, NT_TIMEOUT, &s));
	fd = nt_remote_accept(nt, listener);
	for (round = 0; round < 3; round++) {
		nt_fill(data, sizeof(data), 2, 0);
		n = send(fd, data, sizeof(data), MSG_DONTWAIT);
		ck_assert_int_gt(n, 0);
		leave(nt, round & 1 ? "hard" : "soft");
		ck_ok(tg_recv_all(s, in, (size_t)n, NT_TIMEOUT));
		ck_assert_int_eq(nt_check(in, (size_t)n, 2, 0), -1);
	}
	expect_none_lost(nt);
}

NATIVE_TEST(the_end_of_a_stream_stays_its_end)
{
	struct tg *tg = mixed_up(nt, NULL);
	int listener = nt_remote_listen(nt, NEAR, PORT, 2), fd[2], i, round;
	struct tg_sock *s[2];
	char byte;

	for (i = 0; i < 2; i++) {
		ck_ok(tg_open_connect(tg, NEAR, PORT, NT_TIMEOUT, &s[i]));
		fd[i] = nt_remote_accept(nt, listener);
	}
	/* the guest ends one of them, the peer the other */
	tg_shutdown(s[0], SHUT_WR);
	ck_assert_int_eq(nt_remote_end(nt, fd[0]), 0);
	shutdown(fd[1], SHUT_WR);
	ck_assert_int_eq(tg_recv_wait(s[1], &byte, 1, NT_TIMEOUT), 0);
	for (round = 0; round < 2; round++) {
		leave(nt, round ? "hard" : "soft");
		nt_until(moves(nt) == 2u * (uint64_t)(round + 1));
		ck_assert_int_eq(send(fd[0], "x", 1, 0), 1);
		ck_ok(tg_recv_all(s[0], &byte, 1, NT_TIMEOUT));
		ck_ok(tg_send_all(s[1], "y", 1, NT_TIMEOUT));
		nt_remote_recv(nt, fd[1], &byte, 1);
	}
	/* and both go in order */
	close(fd[0]);
	ck_assert_int_eq(tg_recv_wait(s[0], &byte, 1, NT_TIMEOUT), 0);
	ck_ok(tg_close(s[1], 0, 0, NT_TIMEOUT));
	ck_assert_int_eq(nt_remote_end(nt, fd[1]), 0);
	expect_none_lost(nt);
}

NATIVE_TEST(a_server_goes_on_with_its_clients_and_new_ones)
{
	struct tg *tg = mixed_up(nt, NULL);
	struct tg_sock *l, *s[6];
	char byte;
	int fd[6], i, k, one = 1;

	ck_ok(tg_open(tg, VTOE_INET6, NT_TIMEOUT, &l));
	ck_ok(tg_setopt(l, SOL_SOCKET, SO_REUSEADDR, &one, 4, NT_TIMEOUT));
	ck_ok(tg_bind(l, "::", PORT, NT_TIMEOUT, NULL));
	ck_ok(tg_listen(l, 5, NT_TIMEOUT));
	ck_ok(tg_post(l, 6));
	for (i = 0; i < 6; i++) {
		fd[i] = nt_remote_connect(nt, i & 1 ? OWN6 : OWN, PORT);
		ck_ok(tg_accept(l, NT_TIMEOUT, &s[i]));
		for (k = 0; k <= i; k++) {
			ck_assert_int_eq(send(fd[k], "x", 1, 0), 1);
			ck_ok(tg_recv_all(s[k], &byte, 1, NT_TIMEOUT));
			ck_ok(tg_send_all(s[k], "y", 1, NT_TIMEOUT));
			nt_remote_recv(nt, fd[k], &byte, 1);
		}
		if (i & 1)
			leave(nt, i & 2 ? "hard" : "soft");
	}
	expect_none_lost(nt);
}

NATIVE_TEST(who_waits_to_be_accepted_is_not_forgotten)
{
	struct tg *tg = mixed_up(nt, NULL);
	struct tg_sock *l, *s;
	int fd[3], i, k;
	char byte;

	ck_ok(tg_open(tg, VTOE_INET, NT_TIMEOUT, &l));
	ck_ok(tg_bind(l, OWN, PORT, NT_TIMEOUT, NULL));
	ck_ok(tg_listen(l, 5, NT_TIMEOUT));
	for (i = 0; i < 3; i++) {
		fd[i] = nt_remote_connect(nt, OWN, PORT);
		ck_assert_int_eq(send(fd[i], &"abc"[i], 1, 0), 1);
		leave(nt, i & 1 ? "hard" : "soft");
	}
	nt_until(moves(nt) == 1 + 2 + 3);
	ck_ok(tg_post(l, 3));
	for (k = 0; k < 3; k++) {
		ck_ok(tg_accept(l, NT_TIMEOUT, &s));
		ck_ok(tg_recv_all(s, &byte, 1, NT_TIMEOUT));
		i = byte - 'a';
		ck_ok(tg_send_all(s, "y", 1, NT_TIMEOUT));
		nt_remote_recv(nt, fd[i], &byte, 1);
		close(fd[i]);
		ck_assert_int_eq(tg_recv_wait(s, &byte, 1, NT_TIMEOUT), 0);
	}
	expect_none_lost(nt);
}

NATIVE_TEST(options_go_with_a_connection)
{
	struct tg *tg = mixed_up(nt, NULL);
	struct tg_sock *s = echo_to(nt, tg, NEAR);
	int value, one = 1, idle = 77, round;
	uint32_t len;

	ck_ok(tg_setopt(s, IPPROTO_TCP, TCP_NODELAY, &one, 4, NT_TIMEOUT));
	ck_ok(tg_setopt(s, SOL_SOCKET, SO_KEEPALIVE, &one, 4, NT_TIMEOUT));
	ck_ok(tg_setopt(s, IPPROTO_TCP, TCP_KEEPIDLE, &idle, 4, NT_TIMEOUT));
	for (round = 0; round < 2; round++) {
		leave(nt, round ? "hard" : "soft");
		nt_until(moves(nt) == (uint64_t)(round + 1));
		len = sizeof(value);
		ck_ok(tg_getopt(s, IPPROTO_TCP, TCP_NODELAY, &value, &len,
				NT_TIMEOUT));
		ck_assert_int_eq(value, 1);
		ck_ok(tg_getopt(s, IPPROTO_TCP, TCP_KEEPIDLE, &value, &len,
				NT_TIMEOUT));
		ck_assert_int_eq(value, idle);
	}
	nt_echo_once(s);
}

NATIVE_TEST(an_option_of_one_stack_holds_no_socket_back)
{
	struct tg *tg = mixed_up(nt, NULL);
	struct tg_sock *s;
	int one = 1, value;
	uint32_t len = sizeof(value);

	nt_remote_echo(nt, NEAR, PORT);
	ck_ok(tg_open(tg, VTOE_INET, NT_TIMEOUT, &s));
	drain(nt, "drain", "soft");
	nt_until(nt_says(nt, "{\"command\":\"contexts\"}", "\"toe\":\"hard\""));
	ck_ok(tg_setopt(s, IPPROTO_TCP, TCP_SYNCNT, &one, 4, NT_TIMEOUT));
	drain(nt, "undrain", "soft");
	drain(nt, "drain", "hard");
	nt_until(nt_says(nt, "{\"command\":\"contexts\"}", "\"toe\":\"soft\""));
	ck_ok(tg_connect(s, NEAR, PORT, NT_TIMEOUT));
	nt_echo_once(s);
	/* and nobody believes that it is still there */
	ck_err(tg_getopt(s, IPPROTO_TCP, TCP_SYNCNT, &value, &len, NT_TIMEOUT),
	       ENOPROTOOPT);
	expect_none_lost(nt);
}

NATIVE_TEST(datagrams_follow)
{
	struct tg *tg = mixed_up(nt, NULL);
	int fd = nt_remote_dgram(nt, NEAR, PORT), round;
	struct vtoe_addr bound;
	struct tg_sock *s;
	char byte;

	ck_ok(tg_open_dgram(tg, VTOE_INET, NT_TIMEOUT, &s));
	ck_ok(tg_bind(s, "0.0.0.0", 0, NT_TIMEOUT, &bound));
	ck_ok(tg_connect(s, NEAR, PORT, NT_TIMEOUT));
	for (round = 0; round < 3; round++) {
		ck_ok(tg_sendto(s, NULL, 0, "x", 1, NT_TIMEOUT));
		nt_remote_recv(nt, fd, &byte, 1);
		if (round < 2)
			leave(nt, round ? "hard" : "soft");
	}
	close(fd);
}

NATIVE_TEST(connects_are_tried_again_on_the_other_stack)
{
	struct tg *tg = mixed_up(nt, NULL);
	struct tg_sock *s;

	/* nothing gets there, and nothing comes back */
	ck_assert(!nt_remote_run(nt, "ip link set br0 down"));
	ck_ok(tg_open(tg, VTOE_INET, NT_TIMEOUT, &s));
	ck_ok(tg_connect_start(s, NEAR, PORT));
	nt_until((tg_poll(tg), contexts_say(nt, "\"connecting\"")));
	drain(nt, "drain", "soft");
	nt_until(contexts_say(nt, "toe=hard"));
	ck_assert(!nt_remote_run(nt, "ip link set br0 up"));
	nt_remote_echo(nt, NEAR, PORT);
	ck_ok(tg_connect_wait(s, NT_TIMEOUT));
	nt_echo_once(s);
}

NATIVE_TEST(what_the_guest_has_closed_still_arrives)
{
	struct tg *tg = mixed_up(nt, NULL);
	int listener = nt_remote_listen(nt, NEAR, PORT, 1), fd;
	static uint8_t data[60000], in[60000];
	struct tg_sock *s;

	ck_ok(tg_open_connect(tg, NEAR, PORT, NT_TIMEOUT, &s));
	fd = nt_remote_accept(nt, listener);
	/* lwIP has it all, the guest has nothing any more, the peer nothing yet */
	ck_assert(!nt_remote_run(nt, "ip link set eth1 down"));
	nt_fill(data, sizeof(data), 2, 0);
	ck_ok(tg_send_all(s, data, sizeof(data), NT_TIMEOUT));
	ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
	drain(nt, "drain", "soft");
	nt_remote_recv(nt, fd, in, sizeof(in));
	ck_assert_int_eq(nt_check(in, sizeof(in), 2, 0), -1);
	ck_assert_int_eq(nt_remote_end(nt, fd), 0);
	expect_none_lost(nt);
}

NATIVE_TEST(the_next_vtoed_moves_them_too)
{
	struct tg_sock *s = echo_to(nt, mixed_up(nt, NULL), NEAR);

	nt_vtoed_kill(nt, SIGKILL);
	nt_echo_once(s);
	nt_vtoed_start(nt);
	nt_until(nt_says(nt, "{\"command\":\"list\"}", "\"connected\""));
	leave(nt, "soft");
	nt_echo_once(s);
	nt_vtoed_kill(nt, SIGKILL);
	nt_vtoed_start(nt);
	nt_until(nt_says(nt, "{\"command\":\"list\"}", "\"connected\""));
	nt_echo_once(s);
	leave(nt, "hard");
	nt_echo_once(s);
}

/* vtoed is gone as soon as it says that the link has moved, without an answer. */
static void drain_and_kill(struct nt *nt, const char *toe)
{
	static const char said[] = "moved from toe";
	struct sockaddr_un at = {.sun_family = AF_UNIX,
				 .sun_path = "/run/vtoe/control"};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	int before = nt_log_count(nt, "vtoed.log", said);

	ck_assert_int_eq(connect(fd, (void *)&at, sizeof(at)), 0);
	ck_assert_int_gt(dprintf(fd, "{\"command\":\"drain\",\"toe\":\"%s\"}\n",
				 toe), 0);
	while (nt_log_count(nt, "vtoed.log", said) == before)
		;
	nt_vtoed_kill(nt, SIGKILL);
	close(fd);
	nt_vtoed_start(nt);
	nt_until(nt_says(nt, "{\"command\":\"list\"}", "\"connected\""));
}

static bool is_on(struct nt *nt, const char *toe, const char *no_other)
{
	char device[32];

	snprintf(device, sizeof(device), "\"toe\":\"%s\"", toe);
	return nt_says(nt, "{\"command\":\"list\"}", device) &&
	       !contexts_say(nt, no_other);
}

/* Which it is does not count: a drain without an answer may be forgotten. */
static const char *settled(struct nt *nt)
{
	const char *toe = NULL;

	nt_until((toe = is_on(nt, "soft", "toe=hard")	? "soft"
			: is_on(nt, "hard", "toe=soft") ? "hard"
							: NULL) != NULL);
	return toe;
}

NATIVE_TEST(a_vtoed_that_dies_in_the_middle_of_it_does_no_harm)
{
	struct tg *tg = mixed_up(nt, NULL);
	struct tg_sock *s[FEW];
	const char *toe;
	int round, i;

	nt_remote_echo(nt, NEAR, PORT);
	for (i = 0; i < FEW; i++)
		ck_ok(tg_open_connect(tg, NEAR, PORT, NT_TIMEOUT, &s[i]));
	for (round = 0; round < 6; round++) {
		toe = settled(nt);
		drain(nt, "undrain", strcmp(toe, "soft") ? "soft" : "hard");
		drain_and_kill(nt, toe);
		settled(nt);
		for (i = 0; i < FEW; i++) {
			nt_echo_once(s[i]);
			tg_trim(s[i]);
		}
	}
	expect_none_lost(nt);
}

NATIVE_MAIN("native-stacks", 120,
	    connections_go_to_the_kernel_and_back,
	    no_byte_is_lost_that_is_on_its_way,
	    what_comes_in_all_the_time_goes_on_coming,
	    a_thousand_move_within_a_second,
	    what_a_program_has_not_read_yet_is_there,
	    the_end_of_a_stream_stays_its_end,
	    a_server_goes_on_with_its_clients_and_new_ones,
	    who_waits_to_be_accepted_is_not_forgotten,
	    options_go_with_a_connection,
	    an_option_of_one_stack_holds_no_socket_back,
	    datagrams_follow,
	    connects_are_tried_again_on_the_other_stack,
	    what_the_guest_has_closed_still_arrives,
	    the_next_vtoed_moves_them_too,
	    a_vtoed_that_dies_in_the_middle_of_it_does_no_harm)
