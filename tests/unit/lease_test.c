/* SPDX-License-Identifier: GPL-2.0 */
/* Claims about what a DHCP client says, whoever has told it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"
#include "../../toe-service/entry.h"
#include "../../toe-service/lease.h"

static struct lease lease;
static char error[ENTRY_ERROR_MAX];

static void accepted(const char *text)
{
	error[0] = 0;
	ck_assert_msg(!lease_parse(text, &lease, error), "%s: %s", text, error);
}

/* ... and its end is known. */
static void refused(const char *lines, const char *why)
{
	char text[2 * LEASE_TEXT_MAX];

	snprintf(text, sizeof(text), "client=7\n%sexpires=99\nend=\n", lines);
	error[0] = 0;
	ck_assert_msg(lease_parse(text, &lease, error) == -EINVAL,
		      "'%s' is accepted", text);
	ck_assert_msg(strstr(error, why) != NULL, "'%s': \"%s\", not \"%s\"",
		      text, error, why);
	ck_assert(!lease.bound);
	ck_assert_uint_eq(lease.ip.addr.family, 0);
	ck_assert_uint_eq(lease.expires_s, 99);
}

static void mad(const char *text)
{
	ck_assert_msg(lease_parse(text, &lease, error) == -EINVAL,
		      "'%s' is accepted", text);
	ck_assert(!lease.bound);
}

#define IP     "ip=192.0.2.50\n"
#define SUBNET "subnet=255.255.255.0\n"

START_TEST(a_lease_is_read)
{
	char text[ENTRY_ADDR_MAX];

	accepted("client=7\n" IP SUBNET "router=192.0.2.1\nmtu=1400\n"
		 "expires=3600\nend=\n");
	ck_assert(lease.bound);
	ck_assert_int_eq(lease.client, 7);
	entry_ip_text(&lease.ip, text);
	ck_assert_str_eq(text, "192.0.2.50/24");
	entry_addr_text(&lease.ip.gateway, text);
	ck_assert_str_eq(text, "192.0.2.1");
	ck_assert_uint_eq(lease.mtu, 1400);
	ck_assert_uint_eq(lease.expires_s, 3600);
}
END_TEST

START_TEST(gateway_mtu_and_end_may_be_absent)
{
	accepted("client=7\n" IP SUBNET "end=\n");
	ck_assert_uint_eq(lease.ip.gateway.family, 0);
	ck_assert_uint_eq(lease.mtu, 0);
	ck_assert_uint_eq(lease.expires_s, 0);
}
END_TEST

START_TEST(no_lease_is_none)
{
	accepted("");
	ck_assert(!lease.bound);
	accepted("client=7\nend=\n");
	ck_assert(!lease.bound);
	ck_assert_int_eq(lease.client, 7);
}
END_TEST

START_TEST(what_is_not_whole_is_not_taken)
{
	static const char text[] = "client=7\n" IP SUBNET "end=\n";
	char part[sizeof(text)];
	size_t n;

	for (n = 1; n < strlen(text) - 1; n++) {
		memcpy(part, text, n);
		part[n] = 0;
		ck_assert_msg(lease_parse(part, &lease, error) < 0, "'%s'",
			      part);
		ck_assert(!lease.bound);
	}
}
END_TEST

START_TEST(addresses_that_are_no_hosts_are_refused)
{
	refused("ip=0.0.0.0\n" SUBNET, "unspecified");
	refused("ip=127.0.0.1\n" SUBNET, "a loopback address");
	refused("ip=224.0.0.1\n" SUBNET, "a multicast address");
	refused("ip=255.255.255.255\n" SUBNET, "reserved");
	refused("ip=192.0.2.0\n" SUBNET, "the network's own address");
	refused("ip=192.0.2.255\n" SUBNET, "the broadcast address");
	refused("ip=2001:db8::1\n" SUBNET, "not an IPv4 address");
	refused("ip=192.0.2.50 \n" SUBNET, "not an IPv4 address");
}
END_TEST

START_TEST(absurd_netmasks_are_refused)
{
	refused(IP, "no netmask");
	refused(IP "subnet=0.0.0.0\n", "not one of 8 to 32 bits");
	refused(IP "subnet=254.0.0.0\n", "not one of 8 to 32 bits");
	refused(IP "subnet=255.0.255.0\n", "not one of 8 to 32 bits");
	refused(IP "subnet=0.255.255.255\n", "not one of 8 to 32 bits");
	refused(IP "subnet=24\n", "not an IPv4 address");
	accepted("client=7\n" IP "subnet=255.0.0.0\nend=\n");
	ck_assert_uint_eq(lease.ip.prefix, 8);
	accepted("client=7\n" IP "subnet=255.255.255.255\nend=\n");
	ck_assert_uint_eq(lease.ip.prefix, 32);
}
END_TEST

START_TEST(gateways_that_are_no_neighbours_are_refused)
{
	refused(IP SUBNET "router=198.51.100.1\n", "not in the network");
	refused(IP SUBNET "router=0.0.0.0\n", "not in the network");
	refused(IP SUBNET "router=192.0.2.50\n", "the guest's own address");
	refused(IP SUBNET "router=192.0.2.255\n", "the broadcast address");
	refused(IP SUBNET "router=192.0.2.0\n", "the network's own address");
	refused(IP "subnet=255.255.255.255\nrouter=192.0.2.1\n",
		"not in the network");
}
END_TEST

START_TEST(absurd_mtus_are_refused)
{
	refused(IP SUBNET "mtu=68\n", "less than 576");
	refused(IP SUBNET "mtu=65536\n", "not a number up to");
	refused(IP SUBNET "mtu=-1\n", "not a number up to");
}
END_TEST

START_TEST(a_client_gone_mad_is_refused)
{
	char text[LEASE_TEXT_MAX + 64];

	mad("client=7\n" IP IP SUBNET "end=\n");
	mad("client=7\n" IP SUBNET "dns=192.0.2.1\nend=\n");
	mad("client=7\n" IP SUBNET "\nend=\n");
	mad("client=x\nend=\n");
	mad("expires=99999999999999999999\nend=\n");
	mad("expires=9999999999\nend=\n"); /* a time that never comes */
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	mad(text);
}
END_TEST

#define MUTANTS 200000

START_TEST(whatever_is_taken_is_a_hosts)
{
	static const char whole[] = "client=7\n" IP SUBNET
		"router=192.0.2.1\nmtu=1400\nexpires=3600\nend=\n";
	static const char bytes[] = "0123456789.=\n\377x";
	char text[sizeof(whole)];
	uint32_t random = 42, i, n;

	for (i = 0; i < MUTANTS; i++) {
		memcpy(text, whole, sizeof(text));
		for (n = 1 + unit_random(&random) % 4; n; n--)
			text[unit_random(&random) % (sizeof(text) - 1)] =
				bytes[unit_random(&random) % sizeof(bytes)];
		if (lease_parse(text, &lease, error) || !lease.bound)
			continue;
		ck_assert_uint_eq(lease.ip.addr.family, VTOE_INET);
		ck_assert_uint_ge(lease.ip.prefix, LEASE_PREFIX_MIN);
		ck_assert_uint_le(lease.ip.prefix, 32);
		ck_assert(!entry_check_host(&lease.ip, "ip", text, error));
		ck_assert(!entry_check_gateway(&lease.ip, "gateway", "ip",
					       error));
		ck_assert(!lease.mtu || lease.mtu >= ENTRY_MTU_MIN);
	}
}
END_TEST

UNIT_MAIN("lease", a_lease_is_read, gateway_mtu_and_end_may_be_absent,
	  no_lease_is_none, what_is_not_whole_is_not_taken,
	  addresses_that_are_no_hosts_are_refused, absurd_netmasks_are_refused,
	  gateways_that_are_no_neighbours_are_refused, absurd_mtus_are_refused,
	  a_client_gone_mad_is_refused, whatever_is_taken_is_a_hosts)
