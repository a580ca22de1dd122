/* SPDX-License-Identifier: GPL-2.0 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "unit.h"
#include "../../common/rule.h"

static struct rule rule;
static struct rule_reader reader;

static int read_first(const char *text)
{
	rule_reader_init(&reader, text, strlen(text));
	return rule_read(&reader, &rule);
}

static void accepted(const char *text)
{
	ck_assert_msg(read_first(text) == 1, "'%s': %s", text,
		      reader.why ? reader.why : "no rule");
}

static void refused(const char *text, const char *why)
{
	struct rule before;

	memset(&before, 0x5a, sizeof(before));
	memset(&rule, 0x5a, sizeof(rule));
	ck_assert_msg(read_first(text) < 0, "'%s' is accepted", text);
	ck_assert_msg(strstr(reader.why, why) != NULL, "'%s': \"%s\"", text,
		      reader.why);
	ck_assert_msg(!memcmp(&before, &rule, sizeof(rule)),
		      "'%s' has changed the result", text);
}

/* ---- flows ---- */

static struct vtoe_addr address(const char *text, uint16_t port)
{
	struct vtoe_addr a = {.port = htons(port)};

	a.family = strchr(text, ':') ? VTOE_INET6 : VTOE_INET;
	ck_assert_int_eq(inet_pton(a.family, text, a.addr), 1);
	return a;
}

static struct rule_flow to(const char *text, uint16_t port)
{
	struct rule_flow flow = {.direction = RULE_CONNECT,
				 .protocol = IPPROTO_TCP,
				 .remote = address(text, port),
				 .uid = 1000,
				 .comm = "curl",
				 .cgroup = "/user.slice/session"};

	return flow;
}

static struct rule_flow at(const char *text, uint16_t port)
{
	struct rule_flow flow = {.direction = RULE_LISTEN,
				 .protocol = IPPROTO_TCP,
				 .local = address(text, port),
				 .comm = "nginx"};

	return flow;
}

static void holds(const char *text, struct rule_flow flow)
{
	accepted(text);
	ck_assert_msg(rule_matches(&rule, &flow), "'%s' does not hold", text);
}

static void holds_not(const char *text, struct rule_flow flow)
{
	accepted(text);
	ck_assert_msg(!rule_matches(&rule, &flow), "'%s' holds", text);
}

/* ---- reading ---- */

START_TEST(all_verdicts_and_keys_are_read)
{
	accepted("offload dir=connect proto=tcp local=192.0.2.0/24 lport=1-9 "
		 "remote=2001:db8::/32 rport=443 uid=0-999 comm=curl "
		 "cgroup=/system.slice fallback=none");
	ck_assert_int_eq(rule.verdict, RULE_OFFLOAD);
	ck_assert_int_eq(rule.direction, RULE_CONNECT);
	ck_assert_int_eq(rule.protocol, IPPROTO_TCP);
	ck_assert_int_eq(rule.local.family, VTOE_INET);
	ck_assert_int_eq(rule.local.prefix, 24);
	ck_assert_uint_eq(rule.local.port.high, 9);
	ck_assert_int_eq(rule.remote.family, VTOE_INET6);
	ck_assert_uint_eq(rule.remote.port.low, 443);
	ck_assert_uint_eq(rule.remote.port.high, 443);
	ck_assert_uint_eq(rule.uid.high, 999);
	ck_assert_uint_eq(rule.comm.len, 4);
	ck_assert_uint_eq(rule.cgroup.len, 13);
	ck_assert(rule.no_fallback);
	accepted("offload-only");
	ck_assert_int_eq(rule.verdict, RULE_OFFLOAD_ONLY);
	accepted("native");
	ck_assert_int_eq(rule.verdict, RULE_NATIVE);
	accepted("deny proto=udp dir=listen");
	ck_assert_int_eq(rule.verdict, RULE_DENY);
	ck_assert_int_eq(rule.protocol, IPPROTO_UDP);
	ck_assert_int_eq(rule.direction, RULE_LISTEN);
}
END_TEST

START_TEST(lines_semicolons_blanks_and_comments_part_rules)
{
	const char *text = "# all\n\n  deny uid=1 # one; not two\n"
			   "native\trport=25; ;offload;\n#";

	rule_reader_init(&reader, text, strlen(text));
	ck_assert_int_eq(rule_count(&reader), 3);
	accepted("  deny uid=1 # one");
	ck_assert_uint_eq(rule.text.len, strlen("deny uid=1"));
	ck_assert_int_eq(read_first(""), 0);
	ck_assert_int_eq(read_first(" \n;# x"), 0);
}
END_TEST

START_TEST(the_line_of_a_mistake_is_told)
{
	const char *text = "native\n# fine\n\noffload; deny port=1\n";

	rule_reader_init(&reader, text, strlen(text));
	ck_assert_int_lt(rule_count(&reader), 0);
	ck_assert_uint_eq(reader.line, 4);
	ck_assert_str_eq(reader.why, "an unknown key");
	ck_assert_uint_eq(reader.word.len, 4);
	ck_assert(!memcmp(reader.word.at, "port", 4));
}
END_TEST

START_TEST(mistakes_are_refused)
{
	refused("allow", "not a verdict");
	refused("Native", "not a verdict");
	refused("native comm=\033[2J", "not printable");
	refused("native comm=\xc3\xa4", "not printable");
	refused("native dir=in", "not connect, listen or any");
	refused("native proto=sctp", "not tcp, udp or any");
	refused("native rport", "KEY=VALUE");
	refused("native rport=", "KEY=VALUE");
	refused("native rport=0", "not a port");
	refused("native rport=65536", "not a port");
	refused("native rport=90-80", "not a port");
	refused("native rport=1-", "not a port");
	refused("native rport=-1", "not a port");
	refused("native rport=1 rport=2", "given twice");
	refused("native uid=root", "not a uid");
	refused("native uid=4294967296", "not a uid");
	refused("native uid=99999999999999999999999", "not a uid");
	refused("native remote=192.0.2.300", "not an address");
	refused("native remote=192.0.2.0/33", "no such prefix length");
	refused("native remote=192.0.2.0/", "no such prefix length");
	refused("native remote=2001:db8::/129", "no such prefix length");
	refused("native remote=192.0.2.1/24", "bits behind its prefix");
	refused("native remote=2001:db8::1/64", "bits behind its prefix");
	refused("native comm=averyveryverylongname", "longer than");
	refused("native cgroup=system.slice", "not a path");
	refused("native cgroup=/system.slice/", "not a path");
	refused("offload fallback=maybe", "not native or none");
}
END_TEST

START_TEST(what_contradicts_itself_is_refused)
{
	refused("native fallback=none", "falls back");
	refused("deny fallback=native", "falls back");
	refused("native dir=listen rport=80", "no remote address");
	refused("native dir=listen remote=192.0.2.0/24", "no remote address");
	refused("offload-only dir=connect", "for listeners");
	refused("offload remote=127.0.0.0/8", "loopback");
	refused("offload remote=127.0.0.1", "loopback");
	refused("offload local=::1", "loopback");
	accepted("deny remote=127.0.0.1");
	accepted("native remote=::1");
	accepted("offload remote=0.0.0.0/0");
}
END_TEST

START_TEST(a_list_has_an_end)
{
	static char text[(RULE_LIST_MAX + 1) * 5];
	uint32_t i;

	for (i = 0; i <= RULE_LIST_MAX; i++)
		memcpy(text + i * 5, "deny;", 5);
	rule_reader_init(&reader, text, sizeof(text) - 5);
	ck_assert_int_eq(rule_count(&reader), RULE_LIST_MAX);
	rule_reader_init(&reader, text, sizeof(text));
	ck_assert_int_lt(rule_count(&reader), 0);
	ck_assert_str_eq(reader.why, "too many rules");
}
END_TEST

/* Nothing behind the given length is read (the sanitizer watches). */
START_TEST(garbage_does_no_harm)
{
	static const char alphabet[] =
		"offload native deny dir=proto=rport=uid=comm=cgroup=/:.0123-"
		"local=remote=;\n# \t";
	uint32_t seed = 1, n, i, len;
	char *text;

	for (n = 0; n < 100000; n++) {
		len = unit_random(&seed) % 80;
		text = malloc(len ? len : 1);
		for (i = 0; i < len; i++)
			text[i] =
				alphabet[unit_random(&seed) % sizeof(alphabet)];
		if (len > 8 && n % 2)
			memcpy(text, "native ", 7);
		rule_reader_init(&reader, text, len);
		if (rule_count(&reader) < 0)
			ck_assert(reader.why && reader.line);
		free(text);
	}
}
END_TEST

/* ---- matching ---- */

START_TEST(prefixes_match_bit_by_bit)
{
	holds("native remote=192.0.2.0/25", to("192.0.2.127", 80));
	holds_not("native remote=192.0.2.0/25", to("192.0.2.128", 80));
	holds("native remote=0.0.0.0/0", to("192.0.2.1", 80));
	holds_not("native remote=0.0.0.0/0", to("2001:db8::1", 80));
	holds("native remote=2001:db8::/33", to("2001:db8:7fff::1", 80));
	holds_not("native remote=2001:db8::/33", to("2001:db8:8000::1", 80));
	holds("native remote=192.0.2.1", to("192.0.2.1", 80));
	holds_not("native remote=192.0.2.1", to("192.0.2.0", 80));
}
END_TEST

START_TEST(ports_match_at_both_ends_of_a_range)
{
	holds("native rport=80-90", to("192.0.2.1", 80));
	holds("native rport=80-90", to("192.0.2.1", 90));
	holds_not("native rport=80-90", to("192.0.2.1", 79));
	holds_not("native rport=80-90", to("192.0.2.1", 91));
	holds("native lport=65535", at("192.0.2.10", 65535));
}
END_TEST

START_TEST(what_is_not_known_matches_no_condition)
{
	holds_not("native lport=1-65535", to("192.0.2.1", 80));
	holds_not("native local=192.0.2.0/24", to("192.0.2.1", 80));
	holds_not("native rport=80", at("192.0.2.10", 80));
	holds_not("native remote=0.0.0.0/0", at("192.0.2.10", 80));
	holds("native", at("192.0.2.10", 80));
}
END_TEST

START_TEST(direction_and_protocol_match)
{
	struct rule_flow udp = to("192.0.2.1", 53);

	udp.protocol = IPPROTO_UDP;
	holds("native dir=connect", to("192.0.2.1", 80));
	holds_not("native dir=listen", to("192.0.2.1", 80));
	holds("native dir=any", at("0.0.0.0", 80));
	holds("native proto=udp", udp);
	holds_not("native proto=tcp", udp);
	holds("native proto=any", udp);
}
END_TEST

START_TEST(uid_program_and_cgroup_match)
{
	holds("native uid=1000", to("192.0.2.1", 80));
	holds("native uid=0-4294967295", to("192.0.2.1", 80));
	holds_not("native uid=1001-2000", to("192.0.2.1", 80));
	holds("native comm=curl", to("192.0.2.1", 80));
	holds_not("native comm=cur", to("192.0.2.1", 80));
	holds_not("native comm=curlx", to("192.0.2.1", 80));
	holds("native cgroup=/", to("192.0.2.1", 80));
	holds("native cgroup=/user.slice", to("192.0.2.1", 80));
	holds("native cgroup=/user.slice/session", to("192.0.2.1", 80));
	holds_not("native cgroup=/user.slice/sess", to("192.0.2.1", 80));
	holds_not("native cgroup=/", at("192.0.2.1", 80));
}
END_TEST

START_TEST(the_first_rule_that_matches_is_found)
{
	struct rule_flow flow = to("192.0.2.1", 80);
	struct rule rules[3];

	accepted("native rport=443");
	rules[0] = rule;
	accepted("deny rport=80");
	rules[1] = rule;
	accepted("offload");
	rules[2] = rule;
	ck_assert_uint_eq(rule_find(rules, 3, &flow), 1);
	ck_assert_uint_eq(rule_find(rules, 1, &flow), 1);
	ck_assert_uint_eq(rule_find(rules, 0, &flow), 0);
}
END_TEST

UNIT_MAIN("rule", all_verdicts_and_keys_are_read,
	  lines_semicolons_blanks_and_comments_part_rules,
	  the_line_of_a_mistake_is_told, mistakes_are_refused,
	  what_contradicts_itself_is_refused, a_list_has_an_end,
	  garbage_does_no_harm, prefixes_match_bit_by_bit,
	  ports_match_at_both_ends_of_a_range,
	  what_is_not_known_matches_no_condition, direction_and_protocol_match,
	  uid_program_and_cgroup_match, the_first_rule_that_matches_is_found)
