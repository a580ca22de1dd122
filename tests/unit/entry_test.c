/* SPDX-License-Identifier: GPL-2.0 */
#include <arpa/inet.h>
#include <string.h>

#include "unit.h"
#include "../../toe-service/entry.h"

static struct entry entry;
static char error[ENTRY_ERROR_MAX];

static void accepted(const char *text)
{
	error[0] = 0;
	ck_assert_msg(entry_parse(text, &entry, error) == 0, "%s: %s", text,
		      error);
}

static void refused(const char *text, const char *why)
{
	struct entry before;

	memset(&before, 0x5a, sizeof(before));
	memset(&entry, 0x5a, sizeof(entry));
	error[0] = 0;
	ck_assert_msg(entry_parse(text, &entry, error) < 0, "'%s' is accepted",
		      text);
	ck_assert_msg(strstr(error, why) != NULL, "'%s': \"%s\", not \"%s\"",
		      text, error, why);
	ck_assert_msg(!memcmp(&before, &entry, sizeof(entry)),
		      "'%s' has changed the result", text);
}

START_TEST(all_keys_are_read)
{
	char text[ENTRY_ADDR_MAX];

	accepted("pool=gold,ip=192.0.2.10/24,gateway=192.0.2.1,"
		 "ip6=2001:db8::10/64,gateway6=2001:db8::1,mtu=1400");
	ck_assert_str_eq(entry.pool, "gold");
	ck_assert_uint_eq(entry.mtu, 1400);
	entry_ip_text(&entry.ip, text);
	ck_assert_str_eq(text, "192.0.2.10/24");
	entry_ip_text(&entry.ip6, text);
	ck_assert_str_eq(text, "2001:db8::10/64");
	entry_addr_text(&entry.ip.gateway, text);
	ck_assert_str_eq(text, "192.0.2.1");
	entry_addr_text(&entry.ip6.gateway, text);
	ck_assert_str_eq(text, "2001:db8::1");
}
END_TEST

START_TEST(what_is_left_out_has_a_default)
{
	char text[ENTRY_ADDR_MAX];

	accepted("ip=192.0.2.10/24");
	ck_assert_str_eq(entry.pool, "default");
	ck_assert_uint_eq(entry.mtu, 0);
	ck_assert_uint_eq(entry.ip.gateway.family, 0);
	ck_assert_uint_eq(entry.ip6.addr.family, 0);
	entry_ip_text(&entry.ip6, text);
	ck_assert_str_eq(text, "");
	accepted("ip6=2001:db8::10/64");
	ck_assert_uint_eq(entry.ip.addr.family, 0);
}
END_TEST

START_TEST(an_address_may_come_by_dhcp)
{
	accepted("ip=dhcp,ip6=2001:db8::10/64,mtu=1400");
	ck_assert(entry.dhcp);
	ck_assert_uint_eq(entry.ip.addr.family, 0);
	accepted("ip=192.0.2.10/24");
	ck_assert(!entry.dhcp);
	refused("ip=dhcp,gateway=192.0.2.1", "gateway: with ip=dhcp it comes");
	refused("gateway=192.0.2.1,ip=dhcp", "gateway: with ip=dhcp it comes");
	refused("ip6=dhcp", "ip6: DHCP is for ip= only");
	refused("ip=DHCP", "has no prefix length");
}
END_TEST

START_TEST(blanks_around_keys_and_values_do_not_matter)
{
	accepted(" pool = gold ,\tip= 192.0.2.10/24 ");
	ck_assert_str_eq(entry.pool, "gold");
}
END_TEST

START_TEST(a_link_local_gateway_is_a_gateway)
{
	accepted("ip6=2001:db8::10/64,gateway6=fe80::1");
}
END_TEST

START_TEST(small_networks_have_no_broadcast_address)
{
	accepted("ip=192.0.2.0/31,gateway=192.0.2.1");
	accepted("ip=192.0.2.255/32");
}
END_TEST

START_TEST(unknown_keys_are_named_with_the_known_ones)
{
	refused("ip=192.0.2.10/24,bridge=xenbr0", "unknown key \"bridge\"");
	refused("ip=192.0.2.10/24,bridge=xenbr0", "gateway6");
	refused("IP=192.0.2.10/24", "unknown key \"IP\"");
}
END_TEST

START_TEST(a_key_is_given_once)
{
	refused("ip=192.0.2.10/24,ip=192.0.2.11/24", "\"ip\" is given twice");
}
END_TEST

START_TEST(a_key_has_a_value)
{
	refused("ip", "\"ip\" has no value");
	refused("ip=", "\"ip\" has no value");
	refused("ip=192.0.2.10/24,pool= ", "\"pool\" has no value");
}
END_TEST

START_TEST(empty_options_are_refused)
{
	refused("", "an empty option");
	refused("ip=192.0.2.10/24,", "an empty option");
	refused("=x", "an empty option");
}
END_TEST

START_TEST(without_an_address_the_toe_gives_one)
{
	accepted("pool=gold");
	ck_assert_uint_eq(entry.ip.addr.family, 0);
	ck_assert_uint_eq(entry.ip6.addr.family, 0);
}
END_TEST

START_TEST(sockets_can_be_limited)
{
	accepted("ip=192.0.2.10/24");
	ck_assert_uint_eq(entry.max_sockets, 0);
	accepted("ip=192.0.2.10/24,max-sockets=65536");
	ck_assert_uint_eq(entry.max_sockets, 65536);
	refused("max-sockets=0", "\"0\" is not a number from 1 to 65536");
	refused("max-sockets=65537", "from 1 to 65536");
	refused("max-sockets=-1", "\"-1\" is not a number");
	refused("max-sockets=8,max-sockets=9", "given twice");
}
END_TEST

START_TEST(a_share_is_a_weight)
{
	accepted("ip=192.0.2.10/24");
	ck_assert_uint_eq(entry.share, 100);
	accepted("ip=192.0.2.10/24,share=1000");
	ck_assert_uint_eq(entry.share, 1000);
	refused("share=0", "\"0\" is not a number from 1 to 1000");
	refused("share=1001", "from 1 to 1000");
	refused("share=50%", "\"50%\" is not a number");
}
END_TEST

START_TEST(a_rate_is_as_that_of_a_vif)
{
	accepted("ip=192.0.2.10/24");
	ck_assert_uint_eq(entry.rate, 0);
	accepted("ip=192.0.2.10/24,rate=10Mb/s");
	ck_assert_uint_eq(entry.rate, 1250000);
	accepted("ip=192.0.2.10/24,rate=1GB/s");
	ck_assert_uint_eq(entry.rate, 1000000000);
	accepted("ip=192.0.2.10/24,rate=9000b/s");
	ck_assert_uint_eq(entry.rate, 1125);
	refused("ip=192.0.2.10/24,rate=10", "rate: \"10\" is not a rate");
	refused("ip=192.0.2.10/24,rate=Mb/s", "\"Mb/s\" is not a rate");
	refused("ip=192.0.2.10/24,rate=10Mb", "\"10Mb\" is not a rate");
	refused("ip=192.0.2.10/24,rate=10Tb/s", "is not a rate");
	refused("ip=192.0.2.10/24,rate=1b/s", "is not from");
	refused("ip=192.0.2.10/24,rate=18Gb/s", "is not from");
	refused("ip=192.0.2.10/24,rate=99999999999b/s", "is not a rate");
}
END_TEST

START_TEST(a_lost_toe_is_waited_for_as_long_as_is_said)
{
	accepted("ip=192.0.2.10/24");
	ck_assert_uint_eq(entry.wait_s, ENTRY_WAIT_DEFAULT_S);
	accepted("ip=192.0.2.10/24,on-loss=reset");
	ck_assert_uint_eq(entry.wait_s, 0);
	accepted("ip=192.0.2.10/24,on-loss=wait:7");
	ck_assert_uint_eq(entry.wait_s, 7);
	refused("ip=192.0.2.10/24,on-loss=wait", "on-loss: \"wait\"");
	refused("ip=192.0.2.10/24,on-loss=wait:0", "on-loss");
	refused("ip=192.0.2.10/24,on-loss=wait:86401", "on-loss");
}
END_TEST

START_TEST(bad_addresses_are_quoted)
{
	refused("ip=192.0.2.300/24", "\"192.0.2.300\" is not an IPv4 address");
	refused("ip=2001:db8::1/64", "is not an IPv4 address");
	refused("ip6=192.0.2.1/24", "is not an IPv6 address");
	refused("ip=192.0.2.010/24", "is not an IPv4 address");
	refused("ip6=2001:db8::10%eth0/64", "is not an IPv6 address");
}
END_TEST

START_TEST(a_prefix_length_is_needed_and_in_range)
{
	refused("ip=192.0.2.10", "write 192.0.2.10/24");
	refused("ip=192.0.2.10/33", "not a prefix length");
	refused("ip=192.0.2.10/0", "not a prefix length");
	refused("ip=192.0.2.10/-1", "not a prefix length");
	refused("ip=192.0.2.10/+24", "not a prefix length");
	refused("ip=192.0.2.10/24x", "not a prefix length");
	refused("ip=192.0.2.10/99999999999999999999", "not a prefix length");
	refused("ip6=2001:db8::1/129", "from 1 to 128");
}
END_TEST

START_TEST(what_is_no_hosts_address_is_refused)
{
	refused("ip=192.0.2.0/24", "the network's own address");
	refused("ip=192.0.2.255/24", "the broadcast address");
	refused("ip=127.0.0.1/8", "a loopback address");
	refused("ip=224.0.0.1/24", "a multicast address");
	refused("ip=0.0.0.0/8", "unspecified");
	refused("ip=255.255.255.255/32", "reserved");
	refused("ip6=::1/64", "the loopback address");
	refused("ip6=::/64", "unspecified");
	refused("ip6=ff02::1/64", "a multicast address");
	refused("ip6=fe80::1/64", "link-local");
}
END_TEST

START_TEST(a_gateway_can_be_reached)
{
	refused("ip=192.0.2.10/24,gateway=198.51.100.1",
		"198.51.100.1 is not in the network of 192.0.2.10/24");
	refused("ip=192.0.2.10/24,gateway=192.0.2.10",
		"is the guest's own address");
	refused("ip=192.0.2.10/24,gateway6=2001:db8::1",
		"gateway6 is given without ip6");
	refused("ip6=2001:db8::1/64,gateway=192.0.2.1",
		"gateway is given without ip");
	refused("ip6=2001:db8::10/64,gateway6=2001:db8:1::1",
		"is not in the network");
}
END_TEST

START_TEST(an_mtu_is_one)
{
	refused("ip=192.0.2.10/24,mtu=10", "from 576 to 65535");
	refused("ip=192.0.2.10/24,mtu=65536", "from 576 to 65535");
	refused("ip=192.0.2.10/24,mtu=0x600", "from 576 to 65535");
}
END_TEST

START_TEST(rules_of_the_switch_are_checked)
{
	accepted("ip=192.0.2.10/24");
	ck_assert(!entry.native);
	ck_assert_str_eq(entry.rules, "");
	accepted("ip=192.0.2.10/24,default=native,"
		 "rules=offload rport=443; deny dir=listen");
	ck_assert(entry.native);
	ck_assert_str_eq(entry.rules, "offload rport=443; deny dir=listen");
	refused("ip=192.0.2.10/24,default=deny", "is not offload or native");
	refused("ip=192.0.2.10/24,rules=offload; allow rport=1",
		"rules: \"allow\": not a verdict");
	refused("ip=192.0.2.10/24,rules=native rport=99999",
		"\"rport=99999\": not a port");
}
END_TEST

START_TEST(long_entries_are_refused)
{
	char text[ENTRY_TEXT_MAX + 1];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = 0;
	refused(text, "longer than");
	memcpy(text, "pool=", 5);
	text[100] = 0;
	refused(text, "is too long");
}
END_TEST

/* Whatever the text, the parser returns, and says why when it refuses. */
START_TEST(garbage_does_no_harm)
{
	static const char alphabet[] = "pol=gdi6ateway,192.0/:abcdf \t%s\\";
	char text[64];
	uint32_t seed = 1, i, n, len;

	for (n = 0; n < 200000; n++) {
		len = unit_random(&seed) % sizeof(text);
		for (i = 0; i < len; i++)
			text[i] = alphabet[unit_random(&seed) %
					   (sizeof(alphabet) - 1)];
		text[len ? len - 1 : 0] = 0;
		error[0] = 0;
		if (entry_parse(text, &entry, error))
			ck_assert(error[0] && memchr(error, 0, sizeof(error)));
	}
}
END_TEST

UNIT_MAIN("entry", all_keys_are_read, what_is_left_out_has_a_default,
	  an_address_may_come_by_dhcp,
	  blanks_around_keys_and_values_do_not_matter,
	  a_link_local_gateway_is_a_gateway,
	  small_networks_have_no_broadcast_address,
	  unknown_keys_are_named_with_the_known_ones, a_key_is_given_once,
	  a_key_has_a_value, empty_options_are_refused, without_an_address_the_toe_gives_one,
	  a_rate_is_as_that_of_a_vif, sockets_can_be_limited,
	  a_share_is_a_weight,
	  a_lost_toe_is_waited_for_as_long_as_is_said,
	  bad_addresses_are_quoted, a_prefix_length_is_needed_and_in_range,
	  what_is_no_hosts_address_is_refused, a_gateway_can_be_reached,
	  an_mtu_is_one, rules_of_the_switch_are_checked,
	  long_entries_are_refused, garbage_does_no_harm)
