/* SPDX-License-Identifier: GPL-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "unit.h"
#include "../../toe-service/entry.h"
#include "../../toe-service/range.h"

static char error[ENTRY_ERROR_MAX];

static int parse(const char *text, const char *gateway,
		 struct address_range *range)
{
	uint16_t family = strchr(text, ':') ? VTOE_INET6 : VTOE_INET;

	error[0] = 0;
	return range_parse(family, "addresses", text, "gateway", gateway, range,
			   error);
}

static struct address_range good(const char *text)
{
	struct address_range range;

	ck_assert_int_eq(parse(text, "", &range), 0);
	return range;
}

static void expect_address(const struct address_range *range, uint32_t n,
			   const char *expected)
{
	struct toe_address address;
	char text[ENTRY_ADDR_MAX];

	range_address(range, n, &address);
	entry_ip_text(&address, text);
	ck_assert_str_eq(text, expected);
}

static void expect_wrong(const char *text, const char *gateway,
			 const char *says)
{
	struct address_range range;

	ck_assert_int_eq(parse(text, gateway, &range), -EINVAL);
	ck_assert_ptr_nonnull(strstr(error, says));
}

START_TEST(a_range_has_its_addresses)
{
	struct address_range range = good("192.0.2.250-192.0.3.5/23");

	ck_assert_uint_eq(range.nr, 12);
	expect_address(&range, 0, "192.0.2.250/23");
	expect_address(&range, 5, "192.0.2.255/23");
	expect_address(&range, 6, "192.0.3.0/23");
	expect_address(&range, 11, "192.0.3.5/23");
}
END_TEST

START_TEST(one_address_is_a_range)
{
	struct address_range range = good("192.0.2.7/24");

	ck_assert_uint_eq(range.nr, 1);
	expect_address(&range, 0, "192.0.2.7/24");
}
END_TEST

START_TEST(ipv6_carries_over_bytes)
{
	struct address_range range = good("2001:db8::fffe-2001:db8::1:1/64");

	ck_assert_uint_eq(range.nr, 4);
	expect_address(&range, 3, "2001:db8::1:1/64");
}
END_TEST

START_TEST(nothing_is_no_range)
{
	struct address_range range = good("");

	ck_assert_uint_eq(range.nr, 0);
}
END_TEST

START_TEST(the_gateway_goes_with_each_address)
{
	struct address_range range;
	struct toe_address address;
	char text[ENTRY_ADDR_MAX];

	ck_assert_int_eq(parse("192.0.2.10-192.0.2.20/24", "192.0.2.1", &range),
			 0);
	range_address(&range, 3, &address);
	entry_addr_text(&address.gateway, text);
	ck_assert_str_eq(text, "192.0.2.1");
}
END_TEST

START_TEST(what_is_wrong_is_refused)
{
	expect_wrong("192.0.2.20-192.0.2.10/24", "", "ends before");
	expect_wrong("10.0.0.1-10.1.0.1/8", "", "more than");
	expect_wrong("192.0.2.10-192.0.3.10/24", "", "network");
	expect_wrong("192.0.2.10-192.0.2.20", "", "prefix");
	expect_wrong("192.0.2.10-2001:db8::1/24", "", "IPv6");
	expect_wrong("192.0.2.10-192.0.2.255/24", "", "broadcast");
	expect_wrong("192.0.2.10/24", "198.51.100.1", "not in the network");
	expect_wrong("", "192.0.2.1", "without");
}
END_TEST

START_TEST(a_range_knows_its_own)
{
	struct address_range a = good("192.0.2.10-192.0.2.20/24");
	struct address_range d = good("2001:db8::1-2001:db8::ff/64");
	struct address_range none = good("");
	struct vtoe_addr addr = a.first.addr;

	ck_assert(range_has(&a, &addr));
	ck_assert(!range_has(&d, &addr));
	ck_assert(!range_has(&none, &addr));
	addr.addr[3] = 20;
	ck_assert(range_has(&a, &addr));
	addr.addr[3] = 21;
	ck_assert(!range_has(&a, &addr));
	addr.addr[3] = 9;
	ck_assert(!range_has(&a, &addr));
}
END_TEST

START_TEST(overlaps_are_seen)
{
	struct address_range a = good("192.0.2.10-192.0.2.20/24");
	struct address_range b = good("192.0.2.20-192.0.2.30/24");
	struct address_range c = good("192.0.2.21-192.0.2.30/24");
	struct address_range d = good("2001:db8::1-2001:db8::ff/64");
	struct address_range none = good("");

	ck_assert(range_overlaps(&a, &b));
	ck_assert(range_overlaps(&b, &a));
	ck_assert(!range_overlaps(&a, &c));
	ck_assert(!range_overlaps(&c, &a));
	ck_assert(!range_overlaps(&a, &d));
	ck_assert(!range_overlaps(&a, &none));
	ck_assert(range_overlaps(&d, &d));
}
END_TEST

UNIT_MAIN("range", a_range_has_its_addresses, one_address_is_a_range,
	  ipv6_carries_over_bytes, nothing_is_no_range,
	  the_gateway_goes_with_each_address, what_is_wrong_is_refused,
	  a_range_knows_its_own, overlaps_are_seen)
