/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <string.h>

#include "unit.h"
#include "../../toe-service/entry.h"
#include "../../toe-service/route.h"

static struct toe_routes routes;
static char error[ENTRY_ERROR_MAX];

static void expect_same_text(const char *text)
{
	char is[ROUTE_TEXT_MAX];

	memset(&routes, 0, sizeof(routes));
	ck_assert_int_eq(route_parse(&routes, text, error), 0);
	ck_assert_uint_eq(routes.nr, 1);
	route_text(&routes.route[0], is);
	ck_assert_str_eq(is, text);
}

static void expect_wrong(const char *text, const char *says)
{
	struct toe_routes before = routes;

	error[0] = 0;
	ck_assert_msg(route_parse(&routes, text, error) == -EINVAL, "%s", text);
	ck_assert_msg(strstr(error, says) != NULL, "%s: %s", text, error);
	ck_assert(route_same(&before, &routes));
}

START_TEST(a_route_is_read_and_written)
{
	expect_same_text("10.0.0.0/8 via 192.0.2.3");
	expect_same_text("203.0.113.7/32 via 192.0.2.3");
	expect_same_text("128.0.0.0/1 via 192.0.2.3");
	expect_same_text("2001:db8:9::/48 via 2001:db8::3");
	expect_same_text("2001:db8:9::1/128 via fe80::1");
	expect_same_text("2001:db8:1111:2222:3333:4444:5555:6666/128 via "
			 "2001:db8:7777:8888:9999:aaaa:bbbb:cccc");
}
END_TEST

START_TEST(what_is_no_route_is_refused)
{
	memset(&routes, 0, sizeof(routes));
	expect_wrong("", "names no router");
	expect_wrong("10.0.0.0/8", "names no router");
	expect_wrong("10.0.0.0/8 via", "names no router");
	expect_wrong("10.0.0.0/8 via ", "not an IPv4 address");
	expect_wrong("10.0.0.0/8 via 192.0.2.3 ", "not an IPv4 address");
	expect_wrong("10.0.0.0/8  via 192.0.2.3", "not a prefix length");
	expect_wrong("10.0.0.0 via 192.0.2.3", "has no prefix length");
	expect_wrong("10.0.0/8 via 192.0.2.3", "not an IPv4 address");
	expect_wrong("10.0.0.0/33 via 192.0.2.3", "from 1 to 32");
	expect_wrong("2001:db8::/129 via 2001:db8::1", "from 1 to 128");
	expect_wrong("10.0.0.0/ via 192.0.2.3", "not a prefix length");
	expect_wrong("10.0.0.0/-8 via 192.0.2.3", "not a prefix length");
	expect_wrong("10.0.0.0/18446744073709551624 via 192.0.2.3",
		     "not a prefix length");
	expect_wrong("10.0.0.0/8 via 192.0.2.3 and then some more that makes it a "
		     "text that no route of either family can have", "too long");
}
END_TEST

START_TEST(the_default_route_is_the_gateways)
{
	memset(&routes, 0, sizeof(routes));
	expect_wrong("0.0.0.0/0 via 192.0.2.3", "not a prefix length");
	expect_wrong("::/0 via 2001:db8::3", "not a prefix length");
}
END_TEST

START_TEST(a_network_has_no_bits_of_hosts)
{
	memset(&routes, 0, sizeof(routes));
	expect_wrong("10.0.0.1/8 via 192.0.2.3", "10.0.0.1 is not the address of "
		     "a network of 8 bits");
	expect_wrong("10.128.0.0/8 via 192.0.2.3", "network of 8 bits");
	expect_wrong("192.0.2.64/25 via 192.0.2.3", "network of 25 bits");
	expect_wrong("2001:db8:9::1/48 via 2001:db8::3", "network of 48 bits");
	expect_wrong("224.0.0.0/4 via 192.0.2.3", "multicast");
	expect_wrong("127.0.0.0/8 via 192.0.2.3", "loopback");
}
END_TEST

START_TEST(its_router_is_a_host_of_the_same_family)
{
	memset(&routes, 0, sizeof(routes));
	expect_wrong("10.0.0.0/8 via 2001:db8::3", "not an IPv4 address");
	expect_wrong("2001:db8:9::/48 via 192.0.2.3", "not an IPv6 address");
	expect_wrong("10.0.0.0/8 via 0.0.0.0", "unspecified");
	expect_wrong("10.0.0.0/8 via 239.1.2.3", "multicast");
	expect_wrong("2001:db8:9::/48 via ::1", "loopback");
}
END_TEST

START_TEST(there_is_one_to_a_network_and_so_many_in_all)
{
	char text[ROUTE_TEXT_MAX];
	unsigned int i;

	expect_same_text("10.0.0.0/8 via 192.0.2.3");
	expect_wrong("10.0.0.0/8 via 192.0.2.4", "there are two to 10.0.0.0/8");
	ck_assert_int_eq(route_parse(&routes, "10.0.0.0/9 via 192.0.2.4", error),
			 0);
	for (i = 2; i < ROUTES_MAX; i++) {
		snprintf(text, sizeof(text), "2001:db8:%x::/48 via fe80::1", i);
		ck_assert_int_eq(route_parse(&routes, text, error), 0);
	}
	expect_wrong("11.0.0.0/8 via 192.0.2.3", "more than 8");
}
END_TEST

UNIT_MAIN("route", a_route_is_read_and_written, what_is_no_route_is_refused,
	  the_default_route_is_the_gateways, a_network_has_no_bits_of_hosts,
	  its_router_is_a_host_of_the_same_family,
	  there_is_one_to_a_network_and_so_many_in_all)
