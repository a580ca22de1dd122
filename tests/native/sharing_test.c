// SPDX-License-Identifier: GPL-2.0
/* Claims about several guests on one TOE: what is counted of each. */
#include <signal.h>

#include "native.h"

#define STATS	   "{\"command\":\"stats\"}"
#define BYTES	   200000

/* Two engines on one netdev, which only what pretends to be one may share. */
#define TWO                                                               \
	"toe \"left\" { netdev = \"toe0\" link = \"macvlan\" "           \
	"segment = \"lan\" driver = \"fault\" }\n"                       \
	"toe \"right\" { netdev = \"toe0\" link = \"macvlan\" "          \
	"segment = \"lan\" driver = \"fault\" }\n"                       \
	"pool \"two\" { toes = {\"left\", \"right\"} "                   \
	"policy = \"in-order\" }\n"

static void restart(struct nt *nt, const char *lines)
{
	nt_vtoed_kill(nt, SIGTERM);
	nt->conf_extra = lines;
	nt_vtoed_start(nt);
}

/*
 * A number of a TOE, in the counters of the only guest or (@all) of all guests
 * together; -1: none.
 */
static long long toe_number(struct nt *nt, bool all, const char *toe,
			    const char *member)
{
	char *answer = nt_control(nt, STATS), part[64];
	char *sums = strstr(answer, "],\"toes\":"), *at;
	long long n = -1;

	ck_assert_msg(sums != NULL, "%s", answer);
	if (!all)
		*sums = 0;
	snprintf(part, sizeof(part), "\"toe\":\"%s\"", toe);
	at = strstr(all ? sums : answer, part);
	if (at)
		n = nt_number(at, member);
	free(answer);
	return n;
}

/* Send so much; the echo comes back, so that all of it has gone. */
static void move_bytes(struct tg_sock *s)
{
	static char data[BYTES];
	size_t at, len;

	for (at = 0; at < BYTES; at += len) {
		len = BYTES - at < 10000 ? BYTES - at : 10000;
		ck_ok(tg_send_all(s, data, len, NT_TIMEOUT));
		ck_ok(tg_recv_all(s, data, len, NT_TIMEOUT));
	}
}

NATIVE_TEST(bytes_and_packets_are_counted_for_guest_and_toe)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	struct tg_sock *s = nt_echo_up(nt, tg);
	int all;

	move_bytes(s);
	for (all = 0; all < 2; all++) {
		ck_assert_int_ge(toe_number(nt, all, "eth0", "tx_bytes"), BYTES);
		ck_assert_int_ge(toe_number(nt, all, "eth0", "rx_bytes"), BYTES);
		/* some announcements; no more than one a segment */
		ck_assert_int_gt(toe_number(nt, all, "eth0", "tx_packets"), 3);
		ck_assert_int_lt(toe_number(nt, all, "eth0", "tx_packets"),
				 BYTES / 100);
		ck_assert_int_gt(toe_number(nt, all, "eth0", "rx_packets"), 3);
	}
	ck_assert_int_eq(toe_number(nt, true, "eth0", "devices"), 1);
}

NATIVE_TEST(connections_are_counted_for_guest_and_toe)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	struct tg_sock *s = nt_echo_up(nt, tg), *other;

	ck_err(tg_open_connect(tg, NT_REMOTE_IP, 9, NT_TIMEOUT, &other),
	       ECONNREFUSED);
	ck_ok(tg_open_connect(tg, NT_REMOTE_IP, NT_ECHO_PORT, NT_TIMEOUT,
			      &other));
	ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
	nt_until(toe_number(nt, false, "eth0", "opened") == 2);
	ck_assert_int_eq(toe_number(nt, false, "eth0", "failed"), 1);
	ck_assert_int_ge(toe_number(nt, false, "eth0", "placed"), 3);
	ck_assert_int_eq(toe_number(nt, false, "eth0", "remapped"), 0);
	ck_assert_int_ge(toe_number(nt, false, "eth0", "sockets"), 1);
	ck_assert_int_eq(toe_number(nt, true, "eth0", "opened"), 2);
}

NATIVE_TEST(a_move_loses_no_count)
{
	long long left;
	struct tg_sock *s;
	struct tg *tg;

	restart(nt, TWO);
	tg = nt_guest_up_as(nt, NULL, NT_ENTRY ",pool=two");
	s = nt_echo_up(nt, tg);
	move_bytes(s);
	ck_assert_int_eq(toe_number(nt, false, "right", "tx_bytes"), -1);
	left = toe_number(nt, false, "left", "tx_bytes");
	ck_assert(nt_says(nt, "{\"command\":\"drain\",\"toe\":\"left\"}",
			  "\"ok\":true"));
	move_bytes(s);
	ck_assert_int_ge(toe_number(nt, false, "left", "tx_bytes"), left);
	ck_assert_int_lt(toe_number(nt, false, "left", "tx_bytes"),
			 left + BYTES / 2);
	ck_assert_int_ge(toe_number(nt, false, "right", "tx_bytes"), BYTES);
	ck_assert_int_ge(toe_number(nt, false, "right", "remapped"), 1);
	ck_assert_int_eq(toe_number(nt, false, "left", "sockets"), 0);
}

NATIVE_TEST(a_toe_remembers_guests_that_are_gone)
{
	struct tg *tg = nt_guest_up(nt, NULL);

	move_bytes(nt_echo_up(nt, tg));
	tg_free(tg);
	nt->guest.tg = NULL;
	nt_guest_kill(nt, NT_DOMID);
	ck_assert_int_ge(toe_number(nt, true, "eth0", "tx_bytes"), BYTES);
	ck_assert_int_eq(toe_number(nt, true, "eth0", "devices"), 0);
}

NATIVE_TEST(the_next_vtoed_counts_on)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	struct tg_sock *s = nt_echo_up(nt, tg);

	move_bytes(s);
	nt_vtoed_kill(nt, SIGKILL);
	nt_vtoed_start(nt);
	nt_until(nt_says(nt, STATS, "\"opened\":1"));
	ck_assert_int_ge(toe_number(nt, false, "eth0", "tx_bytes"), BYTES);
}

NATIVE_MAIN("native-sharing", 60,
	    bytes_and_packets_are_counted_for_guest_and_toe,
	    connections_are_counted_for_guest_and_toe,
	    a_move_loses_no_count,
	    a_toe_remembers_guests_that_are_gone,
	    the_next_vtoed_counts_on)
