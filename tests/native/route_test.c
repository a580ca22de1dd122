// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about routes of a TOE: networks that its guests reach by other routers than
 * the gateway.
 *
 * segment.h draws it. Its remote host has two more addresses of each family on the
 * segment, ROUTER and OTHER, for two routers; FAR and FAR6 are behind them. The guest
 * has no gateway, so without a route it reaches neither.
 */
#include <signal.h>

#include "native.h"
#include "segment.h"

#define OWN	 "198.51.100.10"
#define OWN6	 "2001:db8:1::10"
#define ROUTER	 "198.51.100.2"
#define ROUTER6	 "2001:db8:1::2"
#define OTHER	 "198.51.100.3"
#define OTHER6	 "2001:db8:1::3"
#define ROUTE	 "203.0.113.0/24 via "
#define ROUTE6	 "2001:db8:ff::/48 via "
#define ENTRY	 "pool=lan,ip=" OWN "/24,ip6=" OWN6 "/64"
#define RANGED	 "pool=lan"
#define NETNS	 "vtoe-5-0"

static const char *const far[] = {FAR, FAR6};

static const char *lines(const char *driver, const char *a, const char *b)
{
	static char conf[1024]; /* also for a vtoed that is started later */

	snprintf(conf, sizeof(conf),
		 "toe \"a\" { netdev = \"toe1\" link = \"macvlan\""
		 " segment = \"lan\" driver = \"%s\" routes = {%s}"
		 " addresses = \"" OWN "-198.51.100.19/24\""
		 " addresses6 = \"" OWN6 "-2001:db8:1::19/64\" }\n"
		 "toe \"b\" { netdev = \"toe2\" link = \"macvlan\""
		 " segment = \"lan\" driver = \"%s\" routes = {%s} }\n"
		 "pool \"lan\" { toes = {\"a\", \"b\"} policy = \"in-order\" }\n",
		 driver, a, driver, b);
	return conf;
}

#define BOTH(v4, v6) "\"" ROUTE v4 "\", \"" ROUTE6 v6 "\""
#define BY_ROUTER BOTH(ROUTER, ROUTER6)
#define BY_OTHER  BOTH(OTHER, OTHER6)

static void routers(struct nt *nt, const char *verb, const char *v4,
		    const char *v6)
{
	char command[256];

	snprintf(command, sizeof(command),
		 "ip addr %s %s/24 dev br0 && ip addr %s %s/64 dev br0 nodad",
		 verb, v4, verb, v6);
	ck_assert_int_eq(nt_remote_run(nt, command), 0);
}

static struct tg *up(struct nt *nt, const char *conf, const char *entry)
{
	segment_up(nt, conf);
	routers(nt, "add", ROUTER, ROUTER6);
	return nt_guest_up_as(nt, NULL, entry);
}

static void reload(struct nt *nt, const char *conf)
{
	nt->conf_extra = conf;
	nt_shell("sed -i '/^toe \"[ab]\"\\|^pool/d' /run/vtoed.conf && "
		 "cat >>/run/vtoed.conf <<'E'\n%sE\n", conf);
	ck_assert(nt_says(nt, "{\"command\":\"reload\"}", "\"changed\":true"));
}

static void reaches_far(struct nt *nt, struct tg *tg, struct tg_sock **s)
{
	int i;

	for (i = 0; i < 2; i++)
		s[i] = echo_to(nt, tg, far[i]);
}

NATIVE_TEST(a_peer_behind_a_second_router_is_reached)
{
	struct tg *tg = up(nt, lines("kernel", BY_ROUTER, ""), ENTRY);
	struct tg_sock *s[2];

	reaches_far(nt, tg, s);
}

NATIVE_TEST(a_guest_with_an_address_of_the_toes_has_its_routes_too)
{
	struct tg *tg = up(nt, lines("kernel", BY_ROUTER, ""), RANGED);
	struct tg_sock *s[2];

	reaches_far(nt, tg, s);
}

NATIVE_TEST(the_fault_driver_has_routes_as_the_kernels)
{
	struct tg *tg = up(nt, lines("fault", BY_ROUTER, ""), ENTRY);
	struct tg_sock *s[2];

	reaches_far(nt, tg, s);
}

NATIVE_TEST(a_route_is_of_a_family_that_the_guest_has)
{
	struct tg *tg = up(nt, lines("kernel", BY_ROUTER, ""),
			   "pool=lan,ip=" OWN "/24");

	echo_to(nt, tg, FAR);
	nt_shell("! ip -n " NETNS " -6 route show | grep -q via");
}

NATIVE_TEST(a_changed_route_is_followed_by_what_is_open)
{
	struct tg *tg = up(nt, lines("kernel", BY_ROUTER, ""), ENTRY);
	struct tg_sock *s[2], *near = echo_to(nt, tg, NEAR);
	int i;

	reaches_far(nt, tg, s);
	routers(nt, "add", OTHER, OTHER6);
	reload(nt, lines("kernel", BY_OTHER, ""));
	routers(nt, "del", ROUTER, ROUTER6);
	nt_shell("! ip -n " NETNS " route show | grep -q 'via " ROUTER " '");
	for (i = 0; i < 2; i++) {
		nt_echo_once(s[i]);
		ck_ok(tg_open_connect(tg, far[i], PORT, NT_TIMEOUT, &s[i]));
		nt_echo_once(s[i]);
	}
	nt_echo_once(near);
}

NATIVE_TEST(a_route_comes_and_goes_with_the_configuration)
{
	struct tg *tg = up(nt, lines("kernel", "", ""), ENTRY);
	struct tg_sock *s[2];
	int i;

	for (i = 0; i < 2; i++)
		ck_err(tg_open_connect(tg, far[i], PORT, NT_TIMEOUT, &s[i]),
		       ENETUNREACH);
	reload(nt, lines("kernel", BY_ROUTER, ""));
	reaches_far(nt, tg, s);
	reload(nt, lines("kernel", "", ""));
	for (i = 0; i < 2; i++)
		ck_err(tg_open_connect(tg, far[i], PORT, NT_TIMEOUT, &s[i]),
		       ENETUNREACH);
}

NATIVE_TEST(a_route_that_stays_is_not_touched)
{
	struct tg *tg = up(nt, lines("kernel", "\"" ROUTE ROUTER "\"", ""),
			   ENTRY);

	echo_to(nt, tg, FAR);
	nt_shell("ip -n " NETNS " monitor route >/run/monitor & echo $! >/run/pid");
	nt_until(!system("ip -n " NETNS " route add 192.0.2.77 dev lo"
			 " && ip -n " NETNS " route del 192.0.2.77 dev lo"
			 " && grep -q 192.0.2.77 /run/monitor"));
	reload(nt, lines("kernel", BY_ROUTER, ""));
	nt_until(!system("grep -q 2001:db8:ff:: /run/monitor"));
	nt_shell("kill $(cat /run/pid); ! grep -q 203.0.113.0/24 /run/monitor");
}

NATIVE_TEST(a_route_is_followed_that_changed_while_vtoed_was_away)
{
	struct tg *tg = up(nt, lines("kernel", BY_ROUTER, ""), ENTRY);
	struct tg_sock *s[2];
	int i;

	reaches_far(nt, tg, s);
	nt_vtoed_kill(nt, SIGKILL);
	nt->conf_extra = lines("kernel", BY_OTHER, "");
	routers(nt, "add", OTHER, OTHER6);
	routers(nt, "del", ROUTER, ROUTER6);
	nt_vtoed_start(nt);
	nt_until(!system("ip -n " NETNS " route show |"
			 " grep -q 'via " OTHER " '"));
	for (i = 0; i < 2; i++)
		nt_echo_once(s[i]);
	nt_shell("! ip -n " NETNS " route show | grep -q 'via " ROUTER " '");
}

NATIVE_TEST(a_guest_that_moves_has_the_routes_of_the_toe_where_it_is)
{
	struct tg *tg = up(nt, lines("kernel", BY_ROUTER, BY_OTHER), ENTRY);
	struct tg_sock *s[2];
	int i;

	reaches_far(nt, tg, s);
	routers(nt, "add", OTHER, OTHER6);
	drain(nt, "drain", "a");
	routers(nt, "del", ROUTER, ROUTER6);
	for (i = 0; i < 2; i++)
		nt_echo_once(s[i]);
	nt_until(system("ip -n " NETNS " route show |"
			" grep -q 'via " ROUTER " '"));
}

NATIVE_TEST(routes_are_shown)
{
	char *node;

	segment_up(nt, lines("kernel", BY_ROUTER, ""));
	ck_assert(nt_says(nt, "{\"command\":\"toes\"}",
			  "\"routes\":[\"" ROUTE ROUTER "\",\"" ROUTE6 ROUTER6
			  "\"]"));
	node = nt_xs("/local/domain/0/vtoe/toe/a/routes");
	ck_assert_str_eq(node, ROUTE ROUTER ", " ROUTE6 ROUTER6);
	free(node);
}

NATIVE_MAIN("native-route", 60,
	    a_peer_behind_a_second_router_is_reached,
	    a_guest_with_an_address_of_the_toes_has_its_routes_too,
	    the_fault_driver_has_routes_as_the_kernels,
	    a_route_is_of_a_family_that_the_guest_has,
	    a_changed_route_is_followed_by_what_is_open,
	    a_route_comes_and_goes_with_the_configuration,
	    a_route_that_stays_is_not_touched,
	    a_route_is_followed_that_changed_while_vtoed_was_away,
	    a_guest_that_moves_has_the_routes_of_the_toe_where_it_is,
	    routes_are_shown)
