/* SPDX-License-Identifier: GPL-2.0 */
/* Claims about bad engines: they hurt nothing but themselves, and are left. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include "native.h"

#define PORT	7000
#define UDP	7001
#define CHUNK	(64u * 1024u)
#define CHUNKS	16u
#define B	"/local/domain/0/backend/vtoe/%u/0/%s"
#define GOOD_IP "192.0.2.11"

/* A TOE of the fault driver, and a pool of the same name with it alone. */
#define BAD(name, plan)                                                  \
	"toe \"" name "\" { netdev = \"toe0\" link = \"macvlan\" "       \
	"driver = \"fault\" fault = \"" plan "\" }\n"                    \
	"pool \"" name "\" { toes = {\"" name "\"} }\n"

/* Two of one segment: the first one is used as long as it is up. */
#define SIBLINGS(plan)                                                   \
	"toe \"bad\" { netdev = \"toe0\" link = \"macvlan\" "            \
	"segment = \"lan\" driver = \"fault\" fault = \"" plan "\" }\n"  \
	"toe \"fine\" { netdev = \"toe0\" link = \"macvlan\" "           \
	"segment = \"lan\" driver = \"fault\" }\n"                       \
	"pool \"lan\" { toes = {\"bad\", \"fine\"} policy = \"in-order\" }\n"

static void configure(struct nt *nt, const char *text)
{
	nt_vtoed_kill(nt, SIGTERM);
	nt->conf_extra = text;
	nt_vtoed_start(nt);
}

static bool node_has(const char *part, uint32_t domid, const char *key)
{
	return nt_xs_has(part, B, domid, key);
}

static bool toe_has(const char *toe, const char *key, const char *part)
{
	return nt_xs_has(part, "/local/domain/0/vtoe/toe/%s/%s", toe, key);
}

static void attach(struct nt *nt, uint32_t domid, const char *entry)
{
	char *answer = nt_attach(nt, domid, entry);

	ck_assert_msg(strstr(answer, "\"ok\":true") != NULL, "%s", answer);
	free(answer);
}

static struct tg *first_guest_up(struct nt *nt, const char *entry)
{
	nt->guest = nt_guest_add(nt, NT_DOMID, NULL, entry);
	return nt->guest.tg;
}

static void echo(struct tg_sock *s, unsigned int chunks)
{
	static uint8_t data[CHUNK];
	unsigned int i;

	for (i = 0; i < chunks; i++) {
		nt_fill(data, CHUNK, 3, (uint64_t)i * CHUNK);
		ck_ok(tg_send_all(s, data, CHUNK, NT_TIMEOUT));
		memset(data, 0, CHUNK);
		ck_ok(tg_recv_all(s, data, CHUNK, NT_TIMEOUT));
		ck_assert_int_eq(nt_check(data, CHUNK, 3, (uint64_t)i * CHUNK),
				 -1);
	}
}

/* One more connection, which may fail. */
static void try_connect(struct tg *tg)
{
	struct tg_sock *s;

	if (tg_open(tg, AF_INET, NT_TIMEOUT, &s))
		return;
	tg_connect(s, NT_REMOTE_IP, PORT, NT_TIMEOUT);
	ck_ok(tg_close(s, VTOE_RELEASE_ABORT, 0, NT_TIMEOUT));
}

static void try_bind(struct tg *tg)
{
	struct tg_sock *s;

	ck_ok(tg_open(tg, AF_INET, NT_TIMEOUT, &s));
	ck_err(tg_bind(s, NT_GUEST_IP, 0, NT_TIMEOUT, NULL), ENODEV);
	ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
}

/* ------------------------------------------------------------ data */

static void transfer(struct nt *nt, const char *toe)
{
	struct tg *tg;

	configure(nt, toe);
	tg = first_guest_up(nt, "pool=bad," NT_ENTRY);
	echo(nt_echo_up(nt, tg), CHUNKS);
	ck_assert(toe_has("bad", "state", "up"));
}

NATIVE_TEST(no_byte_is_lost_by_short_operations)
{
	transfer(nt, BAD("bad", "short=50%"));
}

NATIVE_TEST(no_byte_is_lost_by_short_and_late_operations)
{
	transfer(nt, BAD("bad", "seed=7,short=30%,again=30%,delay=30%:3ms"));
}

NATIVE_TEST(a_listener_survives_spurious_failures)
{
	struct tg_sock *l, *s;
	struct tg *tg;
	char data[4];
	int fd, i;

	configure(nt, BAD("bad", "seed=3,short=40%,again=40%,"
				 "delay=40%:3ms"));
	tg = first_guest_up(nt, "pool=bad," NT_ENTRY);
	ck_ok(tg_open(tg, AF_INET, NT_TIMEOUT, &l));
	ck_ok(tg_bind(l, NT_GUEST_IP, PORT, NT_TIMEOUT, NULL));
	ck_ok(tg_listen(l, 8, NT_TIMEOUT));
	ck_ok(tg_post(l, 2));
	for (i = 0; i < 10; i++) {
		fd = nt_remote_connect(nt, NT_GUEST_IP, PORT);
		ck_ok(fd);
		ck_ok(tg_accept(l, NT_TIMEOUT, &s));
		ck_assert_int_eq(write(fd, "ping", 4), 4);
		ck_ok(tg_recv_all(s, data, 4, NT_TIMEOUT));
		ck_ok(tg_send_all(s, "pong", 4, NT_TIMEOUT));
		nt_remote_recv(nt, fd, data, 4);
		ck_assert_int_eq(memcmp(data, "pong", 4), 0);
		close(fd);
		ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
	}
}

NATIVE_TEST(datagrams_survive_spurious_failures)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	char data[16], text[16];
	struct tg_sock *s;
	struct tg *tg;
	int fd, i;

	configure(nt, BAD("bad", "seed=5,again=50%,delay=30%:3ms"));
	tg = first_guest_up(nt, "pool=bad," NT_ENTRY);
	fd = nt_remote_dgram(nt, NT_REMOTE_IP, UDP);
	ck_ok(tg_open_dgram(tg, AF_INET, NT_TIMEOUT, &s));
	for (i = 0; i < 50; i++) {
		snprintf(text, sizeof(text), "datagram %d", i);
		ck_ok(tg_sendto(s, NT_REMOTE_IP, UDP, text, sizeof(text),
				NT_TIMEOUT));
		nt_until(tg_poll(tg) >= 0 &&
			 recvfrom(fd, data, sizeof(data), MSG_DONTWAIT,
				  (struct sockaddr *)&from, &len) ==
				 sizeof(data));
		ck_assert_str_eq(data, text);
		ck_assert_int_eq(sendto(fd, data, sizeof(data), 0,
					(struct sockaddr *)&from, len),
				 sizeof(data));
		memset(data, 0, sizeof(data));
		ck_assert_int_eq(tg_recvfrom(s, data, sizeof(data), NULL,
					     NT_TIMEOUT), sizeof(data));
		ck_assert_str_eq(data, text);
	}
	close(fd);
}

/* ------------------------------------------------------------ errors */

NATIVE_TEST(errors_reach_the_program_as_they_are)
{
	struct tg_sock *s;
	struct nt_guest g;
	struct tg *tg;
	char byte;

	configure(nt, BAD("one", "open-error=0%,bind-error=100%:EADDRINUSE,"
				 "listen-error=100%:ENODEV,"
				 "connect-error=100%:EHOSTUNREACH")
			  BAD("two", "send-error=100%:ENETDOWN"));
	tg = first_guest_up(nt, "pool=one," NT_ENTRY);
	ck_ok(tg_open(tg, AF_INET, NT_TIMEOUT, &s));
	ck_err(tg_bind(s, NT_GUEST_IP, PORT, NT_TIMEOUT, NULL), EADDRINUSE);
	ck_err(tg_listen(s, 1, NT_TIMEOUT), ENODEV);
	ck_err(tg_connect(s, NT_REMOTE_IP, PORT, NT_TIMEOUT), EHOSTUNREACH);

	nt_remote_echo(nt, NT_REMOTE_IP, PORT);
	g = nt_guest_add(nt, 6, NULL, "pool=two,ip=" GOOD_IP "/24");
	ck_ok(tg_open_connect(g.tg, NT_REMOTE_IP, PORT, NT_TIMEOUT, &s));
	ck_ok(tg_send(s, "abcd", 4));
	ck_err(tg_recv_wait(s, &byte, 1, NT_TIMEOUT), ENETDOWN);
	nt_guest_remove(nt, &g);
}

NATIVE_TEST(an_engine_that_accepts_nothing_is_not_asked_all_the_time)
{
	struct tg_sock *l, *s;
	struct tg *tg;
	char data[4];
	int fd;

	configure(nt, SIBLINGS("accept-error=100%"));
	tg = first_guest_up(nt, "pool=lan," NT_ENTRY);
	ck_ok(tg_open(tg, AF_INET, NT_TIMEOUT, &l));
	ck_ok(tg_bind(l, NT_GUEST_IP, PORT, NT_TIMEOUT, NULL));
	ck_ok(tg_listen(l, 8, NT_TIMEOUT));
	ck_ok(tg_post(l, 1));
	fd = nt_remote_connect(nt, NT_GUEST_IP, PORT);
	ck_ok(fd);
	nt_until((tg_poll(tg), toe_has("bad", "state", "degraded")));
	/* a worker that spins makes as many in some ten milliseconds */
	ck_assert_uint_lt(nt_counter(nt, NT_DOMID, "syscalls"), 10000);
	ck_ok(tg_accept(l, NT_TIMEOUT, &s));
	ck_assert_int_eq(write(fd, "abcd", 4), 4);
	nt_until(tg_recv(s, data, 4) == 4);
	close(fd);
}

/* Datagrams that cannot be received: the errors come slowly. */
NATIVE_TEST(an_engine_that_receives_nothing_is_not_asked_all_the_time)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(UDP)};
	struct tg_sock *s;
	struct tg *tg;
	char data[4];
	int fd;

	configure(nt, SIBLINGS("recv-error=100%"));
	tg = first_guest_up(nt, "pool=lan," NT_ENTRY);
	ck_ok(tg_open_dgram(tg, AF_INET, NT_TIMEOUT, &s));
	ck_ok(tg_bind(s, NT_GUEST_IP, UDP, NT_TIMEOUT, NULL));
	inet_pton(AF_INET, NT_GUEST_IP, &to.sin_addr);
	fd = nt_remote_dgram(nt, NT_REMOTE_IP, UDP);
	ck_assert_int_eq(sendto(fd, "abcd", 4, 0, (struct sockaddr *)&to,
				sizeof(to)), 4);
	nt_until((tg_poll(tg), toe_has("bad", "state", "degraded")));
	ck_assert_int_eq(tg_dgram_error(s, NT_TIMEOUT), EIO);
	ck_assert_uint_lt(s->error_seq, 1000);
	nt_until(tg_recvfrom(s, data, 4, NULL, 10) == 4);
	ck_assert_int_eq(memcmp(data, "abcd", 4), 0);
	close(fd);
}

/* ------------------------------------------------------------ a hang */

NATIVE_TEST(a_hung_engine_hurts_its_own_only_and_is_left)
{
	struct tg_sock *s, *good;
	struct tg *tg;
	struct nt_guest g;
	char data[4];

	configure(nt, SIBLINGS("hang-after=40"));
	tg = first_guest_up(nt, "pool=lan," NT_ENTRY);
	s = nt_echo_up(nt, tg);
	ck_assert(node_has("bad", NT_DOMID, "toe"));
	while (tg_send_all(s, "abcd", 4, NT_TIMEOUT) == 0 &&
	       tg_recv_all(s, data, 4, 500) == 0)
		;
	/* its neighbour, on the kernel's */
	g = nt_guest_add(nt, 6, NULL, "ip=" GOOD_IP "/24");
	ck_ok(tg_open_connect(g.tg, NT_REMOTE_IP, PORT, NT_TIMEOUT, &good));
	echo(good, 1);
	nt_until(toe_has("bad", "state", "degraded"));
	ck_assert(toe_has("bad", "reason", "does not answer"));
	/* what was sent into the void arrives once another one takes over */
	nt_until(node_has("fine", NT_DOMID, "toe"));
	ck_ok(tg_recv_all(s, data, 4, NT_TIMEOUT));
	ck_assert_int_eq(memcmp(data, "abcd", 4), 0);
	nt_echo_once(s);
	nt_guest_remove(nt, &g);
}

NATIVE_TEST(a_connect_into_a_hung_engine_is_made_by_the_next_one)
{
	struct tg_sock *s, *refused;
	struct tg *tg;

	configure(nt, SIBLINGS("hang-after=1"));
	tg = first_guest_up(nt, "pool=lan," NT_ENTRY);
	nt_remote_echo(nt, NT_REMOTE_IP, PORT);
	ck_ok(tg_open(tg, VTOE_INET, NT_TIMEOUT, &s));
	ck_ok(tg_open(tg, VTOE_INET, NT_TIMEOUT, &refused));
	ck_ok(tg_connect_start(s, NT_REMOTE_IP, PORT));
	ck_ok(tg_connect_start(refused, NT_REMOTE_IP, PORT + 1));
	nt_until(toe_has("bad", "state", "degraded"));
	ck_ok(tg_connect_wait(s, NT_TIMEOUT));
	nt_echo_once(s);
	ck_err(tg_connect_wait(refused, NT_TIMEOUT), ECONNREFUSED);
}

/* ------------------------------------------------------------ health */

NATIVE_TEST(a_bad_engine_is_degraded_and_left)
{
	struct tg_sock *s, *new;
	struct fx_dom *dom;
	struct tg *tg;
	int i;

	configure(nt, SIBLINGS("seed=2,connect-error=60%"));
	tg = first_guest_up(nt, "pool=lan," NT_ENTRY);
	nt_remote_echo(nt, NT_REMOTE_IP, PORT);
	while (tg_open_connect(tg, NT_REMOTE_IP, PORT, NT_TIMEOUT, &s))
		;
	nt_echo_once(s);
	ck_assert(node_has("bad", NT_DOMID, "toe"));
	nt_until((try_connect(tg), toe_has("bad", "state", "degraded")));
	ck_assert(toe_has("bad", "reason", "operations failed in 5 s"));
	ck_assert(nt_log_has(nt, "vtoed.log", "toe bad: degraded: "));
	/* its device, with what is open; its worker hears of it last */
	nt_until(node_has("fine", NT_DOMID, "toe"));
	nt_until(nt_says(nt, "{\"command\":\"contexts\"}", "toe=fine"));
	nt_echo_once(s);
	for (i = 0; i < 20; i++) {
		ck_ok(tg_open_connect(tg, NT_REMOTE_IP, PORT, NT_TIMEOUT,
				      &new));
		nt_echo_once(new);
	}
	/* new devices */
	dom = nt_domain(nt, 6, NULL);
	attach(nt, 6, "pool=lan,ip=" GOOD_IP "/24");
	nt_until(node_has("fine", 6, "toe"));
	/* the next vtoed knows of it */
	nt_vtoed_kill(nt, SIGKILL);
	nt_vtoed_start(nt);
	nt_until(toe_has("bad", "state", "degraded"));
	nt_echo_once(s);
	/* the administrator has mended it */
	free(nt_control(nt, "{\"command\":\"undrain\",\"toe\":\"bad\"}"));
	nt_until(toe_has("bad", "state", "up"));
	fx_dom_close(dom);
}

NATIVE_TEST(one_guest_has_no_toe_left_that_others_are_on)
{
	struct nt_guest idle, alone;
	struct fx_dom *dom;
	struct tg *tg;

	configure(nt, BAD("shared", "connect-error=100%")
			  BAD("own", "connect-error=100%"));
	tg = first_guest_up(nt, "pool=shared," NT_ENTRY);
	idle = nt_guest_add(nt, 6, NULL, "pool=shared,ip=" GOOD_IP "/24");
	alone = nt_guest_add(nt, 7, NULL, "pool=own,ip=192.0.2.12/24");
	/* they complain alike, and are heard in the same window */
	nt_until((try_connect(tg), try_connect(alone.tg),
		  toe_has("own", "state", "degraded")));
	ck_assert(toe_has("shared", "state", "up"));
	/* better than none */
	dom = nt_domain(nt, 8, NULL);
	attach(nt, 8, "pool=own,ip=192.0.2.13/24");
	nt_until(node_has("own", 8, "toe") && node_has("2", 8, "state"));
	fx_dom_close(dom);
	nt_guest_remove(nt, &idle);
	nt_guest_remove(nt, &alone);
}

NATIVE_TEST(a_toe_of_another_driver_is_no_sibling)
{
	struct tg_sock *s;
	struct tg *tg;
	pid_t worker;

	ck_assert_int_eq(system("ip link add toe1 type veth peer name toe1p &&"
				" ip link set toe1 up && ip link set toe1p up"),
			 0);
	configure(nt, "toe \"bad\" { netdev = \"toe0\" link = \"macvlan\" "
		      "segment = \"lan\" driver = \"fault\" "
		      "fault = \"bind-error=100%:ENODEV\" }\n"
		      "toe \"other\" { netdev = \"toe1\" link = \"macvlan\" "
		      "segment = \"lan\" }\n"
		      "pool \"lan\" { toes = {\"bad\", \"other\"} "
		      "policy = \"in-order\" }\n");
	tg = first_guest_up(nt, "pool=lan," NT_ENTRY);
	worker = nt_worker(nt, NT_DOMID);
	s = nt_echo_up(nt, tg);
	nt_until((try_bind(tg), toe_has("bad", "state", "degraded")));
	ck_assert(node_has("bad", NT_DOMID, "toe"));
	nt_echo_once(s);
	ck_assert_int_eq(nt_worker(nt, NT_DOMID), worker);
}

/* ------------------------------------------------------------ rebalance */

NATIVE_TEST(devices_share_toes_again_when_they_are_told)
{
	struct tg_sock *s;
	struct tg *tg;

	configure(nt, SIBLINGS("seed=1"));
	tg = first_guest_up(nt, "pool=lan," NT_ENTRY);
	s = nt_echo_up(nt, tg);
	free(nt_control(nt, "{\"command\":\"drain\",\"toe\":\"bad\"}"));
	free(nt_control(nt, "{\"command\":\"undrain\",\"toe\":\"bad\"}"));
	ck_assert(node_has("fine", NT_DOMID, "toe"));
	ck_assert(nt_says(nt, "{\"command\":\"rebalance\"}", "\"moves\":1"));
	ck_assert(node_has("bad", NT_DOMID, "toe"));
	nt_echo_once(s);
	ck_assert(nt_says(nt, "{\"command\":\"rebalance\"}", "\"moves\":0"));
}

NATIVE_TEST(a_toe_that_the_pool_has_no_more_is_left)
{
	struct tg_sock *s;
	struct tg *tg;

	configure(nt, SIBLINGS("seed=1"));
	tg = first_guest_up(nt, "pool=lan," NT_ENTRY);
	s = nt_echo_up(nt, tg);
	nt_shell("sed -i 's/.\"bad\", \"fine\"./{\"fine\"}/' /run/vtoed.conf");
	ck_assert(nt_says(nt, "{\"command\":\"reload\"}", "\"changed\":true"));
	nt_until(node_has("fine", NT_DOMID, "toe"));
	ck_assert(toe_has("bad", "state", "up"));
	nt_echo_once(s);
}

/* ------------------------------------------------------------ configuration */

NATIVE_TEST(a_wrong_plan_is_named_with_its_place)
{
	char *answer;

	ck_assert_int_eq(system("echo 'toe x { netdev = \"toe0\" driver = "
				"\"fault\" fault = \"send-error=5%:EOOPS\" }'"
				" >> /run/vtoed.conf"), 0);
	answer = nt_control(nt, "{\"command\":\"reload\"}");
	ck_assert_msg(strstr(answer, "/run/vtoed.conf:3: fault: send-error: "
				     "\\\"5%:EOOPS\\\" is not a share") != NULL,
		      "%s", answer);
	free(answer);
}

NATIVE_MAIN("native-fault", 120, no_byte_is_lost_by_short_operations,
	    no_byte_is_lost_by_short_and_late_operations,
	    a_listener_survives_spurious_failures,
	    datagrams_survive_spurious_failures,
	    errors_reach_the_program_as_they_are,
	    an_engine_that_accepts_nothing_is_not_asked_all_the_time,
	    an_engine_that_receives_nothing_is_not_asked_all_the_time,
	    a_hung_engine_hurts_its_own_only_and_is_left,
	    a_connect_into_a_hung_engine_is_made_by_the_next_one,
	    a_bad_engine_is_degraded_and_left,
	    one_guest_has_no_toe_left_that_others_are_on,
	    a_toe_of_another_driver_is_no_sibling,
	    devices_share_toes_again_when_they_are_told,
	    a_toe_that_the_pool_has_no_more_is_left,
	    a_wrong_plan_is_named_with_its_place)
