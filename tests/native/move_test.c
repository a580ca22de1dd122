/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Claims about a guest that moves between two TOEs of the kernel's, on purpose, and
 * about the link that it leaves.
 *
 * segment.h draws them. That link stays for a moment only, and the machine may be
 * busy for longer: so what needs it is tried several times, and must work once.
 */
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <xenstore.h>

#include "native.h"
#include "segment.h"

#define OWN   "198.51.100.10"
#define OWN6  "2001:db8:1::10"
#define ENTRY "pool=lan,ip=" OWN "/24,ip6=" OWN6 "/64,gateway=" NEAR
#define TRIES 8
#define NETNS "vtoe-5-0"

static struct tg *lan_up(struct nt *nt, const char *mode)
{
	static char conf[256]; /* also for a vtoed that is started later */

	snprintf(conf, sizeof(conf),
		 "toe \"a\" { netdev = \"toe1\" link = \"%s\" segment = \"lan\" }\n"
		 "toe \"b\" { netdev = \"toe2\" link = \"%s\" segment = \"lan\" }\n"
		 "pool \"lan\" { toes = {\"a\", \"b\"} policy = \"in-order\" }\n",
		 mode, mode);
	segment_up(nt, conf);
	return nt_guest_up_as(nt, NULL, ENTRY);
}

/* ---- the guest's links ---- */

static int nr_links(void)
{
	FILE *p = popen("ip -n " NETNS " -o link show | grep -c @", "r");
	int nr = -1;

	ck_assert_int_eq(fscanf(p, "%d", &nr), 1);
	pclose(p);
	return nr;
}

/* Of the link that is not about to go; @what: to be found in its line. */
static void find(const char *what, char *text)
{
	char command[160];
	FILE *p;

	snprintf(command, sizeof(command),
		 "ip -n " NETNS " -o link show | grep @ | grep -v NOARP |"
		 " sed 's/.*%s.*/\\1/'", what);
	p = popen(command, "r");
	ck_assert_int_eq(fscanf(p, "%31s", text), 1);
	pclose(p);
}

static void find_mac(char *mac)
{
	find("ether \\([^ ]*\\)", mac);
}

/* To the other TOE. */
static void move(struct nt *nt)
{
	const char *from = contexts_say(nt, "toe=a") ? "a" : "b";

	drain(nt, "undrain", *from == 'a' ? "b" : "a");
	drain(nt, "drain", from);
}

/* ---- what is on its way ---- */

/* The remote host goes on sending to where the guest is now. */
static void believe(struct nt *nt)
{
	static const char *const own[] = {OWN, OWN6};
	char command[160], mac[32];
	int i;

	find_mac(mac);
	for (i = 0; i < 2; i++) {
		snprintf(command, sizeof(command),
			 "ip neigh replace %s lladdr %s dev br0 nud permanent",
			 own[i], mac);
		ck_assert(!nt_remote_run(nt, command));
	}
}

/* One datagram, on the way by which the remote host knew the guest before. */
static bool hears_on_the_old_way(struct nt *nt, struct tg_sock *s, int fd,
				 const struct sockaddr_storage *own)
{
	char byte;

	believe(nt);
	move(nt);
	ck_assert_int_eq(sendto(fd, "x", 1, 0, (const void *)own,
				sizeof(struct sockaddr_in6)), 1);
	return tg_recvfrom(s, &byte, 1, NULL, 500) == 1;
}

static void check_old_way(struct nt *nt, const char *mode, const char *near)
{
	struct tg *tg = lan_up(nt, mode);
	int fd = nt_remote_dgram(nt, near, PORT), tries = TRIES;
	bool v6 = strchr(near, ':');
	struct sockaddr_storage own;
	socklen_t salen = sizeof(own);
	struct tg_sock *s;
	char byte;

	ck_ok(tg_open_dgram(tg, v6 ? VTOE_INET6 : VTOE_INET, NT_TIMEOUT, &s));
	ck_ok(tg_sendto(s, near, PORT, "x", 1, NT_TIMEOUT));
	nt_until(recvfrom(fd, &byte, 1, MSG_DONTWAIT, (void *)&own, &salen) ==
			 1 ||
		 (tg_poll(tg), false));
	while (!hears_on_the_old_way(nt, s, fd, &own))
		ck_assert_int_gt(--tries, 0);
	close(fd);
}

NATIVE_TEST(what_is_on_its_way_arrives)
{
	check_old_way(nt, "macvlan", NEAR);
}

NATIVE_TEST(what_is_on_its_way_arrives_over_ipv6)
{
	check_old_way(nt, "macvlan", NEAR6);
}

/* Not every kernel has ipvlan: "auto" takes it if it is there. */
NATIVE_TEST(what_is_on_its_way_arrives_whatever_the_link)
{
	check_old_way(nt, "auto", NEAR);
}

NATIVE_TEST(who_asks_for_the_address_is_told_the_new_one)
{
	static const char *const own[] = {OWN, OWN6};
	struct tg *tg = lan_up(nt, "macvlan");
	char command[160], mac[32];
	struct tg_sock *s[2];
	int i;

	s[0] = echo_to(nt, tg, NEAR);
	s[1] = echo_to(nt, tg, NEAR6);
	move(nt);
	ck_assert(!nt_remote_run(nt, "ip neigh flush dev br0"));
	nt_echo_once(s[0]);
	nt_echo_once(s[1]);
	find_mac(mac);
	for (i = 0; i < 2; i++) {
		snprintf(command, sizeof(command),
			 "ip neigh show %s dev br0 | grep -q %s", own[i], mac);
		ck_assert(!nt_remote_run(nt, command));
	}
}

/* ---- the end of the link that was left ---- */

NATIVE_TEST(a_link_whose_name_dom0_has_is_made_all_the_same)
{
	struct tg *tg;

	nt_shell("for i in 0 1 2 3; do ip link add vtoe$i type bridge; done");
	tg = lan_up(nt, "macvlan");
	nt_echo_once(echo_to(nt, tg, NEAR));
}

/* ---- records ---- */

static bool record_is(const struct tg_sock *s, const char *key,
		      const char *value)
{
	return nt_xs_is(value, NT_RECORD, s->slot, key);
}

/* How many events of a node there were. */
static int events_of(struct xs_handle *xs, const char *key)
{
	char **event;
	int nr = 0;

	while ((event = xs_check_watch(xs))) {
		nr += !strcmp(strrchr(event[XS_WATCH_PATH], '/') + 1, key);
		free(event);
	}
	return nr;
}

NATIVE_TEST(what_was_requested_is_recorded_once)
{
	struct tg *tg = lan_up(nt, "macvlan");
	struct tg_sock *s = echo_to(nt, tg, NEAR);
	struct xs_handle *xs = xs_open(0);
	char path[64];

	nt_until(record_is(s, "remaps", "0"));
	snprintf(path, sizeof(path), NT_RECORD, s->slot, "requested");
	ck_assert(xs_watch(xs, path, "requested"));
	nt_until(events_of(xs, "requested") == 1); /* it is there */
	move(nt);
	nt_until(record_is(s, "remaps", "1 draining"));
	ck_assert_int_eq(events_of(xs, "requested"), 0);
	xs_close(xs);
}

NATIVE_TEST(the_link_that_was_left_goes)
{
	struct tg *tg = lan_up(nt, "macvlan");
	struct tg_sock *s = echo_to(nt, tg, NEAR);

	move(nt);
	nt_until(nr_links() == 1);
	nt_echo_once(s);
}

NATIVE_TEST(who_comes_back_at_once_stays)
{
	struct tg *tg = lan_up(nt, "macvlan");
	struct tg_sock *s = echo_to(nt, tg, NEAR);
	int i;

	for (i = 0; i < 6; i++) {
		move(nt);
		nt_echo_once(s);
	}
	nt_until(nr_links() == 1);
	there_and_back(s, 1u << 20);
}

NATIVE_TEST(the_next_vtoed_removes_it)
{
	struct tg *tg = lan_up(nt, "macvlan");
	struct tg_sock *s = echo_to(nt, tg, NEAR);
	int tries = TRIES;

	do {
		ck_assert_int_gt(tries--, 0);
		move(nt);
		nt_vtoed_kill(nt, SIGKILL);
		nt_echo_once(s);
		if (nr_links() == 2)
			break;
		nt_vtoed_start(nt);
		nt_until(nt_says(nt, "{\"command\":\"list\"}",
				 "\"connected\""));
	} while (true);
	nt_vtoed_start(nt);
	nt_until(nr_links() == 1);
	there_and_back(s, 1u << 20);
}

NATIVE_TEST(what_an_earlier_vtoed_has_left_makes_room)
{
	struct tg *tg = lan_up(nt, "macvlan");
	struct tg_sock *s = echo_to(nt, tg, NEAR);
	char name[32];

	find("[0-9]*: \\([^@]*\\)@", name);
	move(nt);
	nt_until(nr_links() == 1);
	nt_shell("ip link add %s link toe1 netns " NETNS " type macvlan", name);
	move(nt);
	nt_until(nr_links() == 1);
	nt_echo_once(s);
	nt_shell("ip -n " NETNS " addr show %s | grep -q " OWN, name);
}

NATIVE_TEST(a_vtoed_that_ends_takes_it_along)
{
	struct tg *tg = lan_up(nt, "macvlan");
	struct tg_sock *s = echo_to(nt, tg, NEAR);

	move(nt);
	nt_vtoed_kill(nt, SIGTERM);
	ck_assert_int_eq(nr_links(), 1);
	nt_echo_once(s);
	nt_vtoed_start(nt);
}

NATIVE_MAIN("move", 120,
	    what_is_on_its_way_arrives,
	    what_is_on_its_way_arrives_over_ipv6,
	    what_is_on_its_way_arrives_whatever_the_link,
	    who_asks_for_the_address_is_told_the_new_one,
	    a_link_whose_name_dom0_has_is_made_all_the_same,
	    what_was_requested_is_recorded_once,
	    the_link_that_was_left_goes,
	    who_comes_back_at_once_stays,
	    the_next_vtoed_removes_it,
	    what_an_earlier_vtoed_has_left_makes_room,
	    a_vtoed_that_ends_takes_it_along)
