/* SPDX-License-Identifier: GPL-2.0 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/prefix.h"
#include "../common/rule.h"
#include "entry.h"

struct option {
	const char *key;
	int (*parse)(struct entry *entry, char *value, char *error);
};

int entry_wrong(char *error, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(error, ENTRY_ERROR_MAX, format, ap);
	va_end(ap);
	return -EINVAL;
}

/* A decimal number without sign or blanks, at most @max. */
static int parse_number(const char *text, uint32_t max, uint32_t *number)
{
	char *end;
	unsigned long n;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || n > max)
		return -EINVAL;
	*number = (uint32_t)n;
	return 0;
}

static int parse_pool(struct entry *entry, char *value, char *error)
{
	if (strlen(value) >= sizeof(entry->pool))
		return entry_wrong(error, "pool: \"%.40s...\" is too long", value);
	strcpy(entry->pool, value);
	return 0;
}

static int parse_mtu(struct entry *entry, char *value, char *error)
{
	if (parse_number(value, ENTRY_MTU_MAX, &entry->mtu) ||
	    entry->mtu < ENTRY_MTU_MIN)
		return entry_wrong(error,
			     "mtu: \"%.40s\" is not a number from %u to %u",
			     value, ENTRY_MTU_MIN, ENTRY_MTU_MAX);
	return 0;
}

int entry_parse_addr(uint16_t family, const char *key, const char *value,
		     struct vtoe_addr *addr, char *error)
{
	struct vtoe_addr a = {.family = family};

	if (inet_pton(family, value, a.addr) != 1)
		return entry_wrong(error, "%s: \"%.60s\" is not an IPv%d address",
			     key, value, family == VTOE_INET ? 4 : 6);
	*addr = a;
	return 0;
}

/* Why an address cannot be a host's own; NULL: it can. */
static const char *unusable4(const uint8_t *a)
{
	if (a[0] == 0)
		return "unspecified";
	if (a[0] == 127)
		return "a loopback address";
	if (a[0] >= 224)
		return a[0] < 240 ? "a multicast address" : "reserved";
	return NULL;
}

static const char *unusable6(const uint8_t *a)
{
	static const uint8_t zero[15];

	if (!memcmp(a, zero, 15) && a[15] <= 1)
		return a[15] ? "the loopback address" : "unspecified";
	if (a[0] == 0xff)
		return "a multicast address";
	if (a[0] == 0xfe && (a[1] & 0xc0) == 0x80)
		return "link-local";
	return NULL;
}

/* True if the bits behind the prefix are all @bit. */
static bool host_bits_are(const struct toe_address *ip, uint32_t bits, int bit)
{
	uint32_t i;

	for (i = ip->prefix; i < bits; i++)
		if (((ip->addr.addr[i / 8] >> (7 - i % 8)) & 1) != bit)
			return false;
	return true;
}

int entry_check_host(const struct toe_address *ip, const char *key,
		     const char *text, char *error)
{
	bool v4 = ip->addr.family == VTOE_INET;
	const char *why = v4 ? unusable4(ip->addr.addr)
			     : unusable6(ip->addr.addr);

	if (!why && v4 && ip->prefix < 31) {
		if (host_bits_are(ip, 32, 0))
			why = "the network's own address";
		else if (host_bits_are(ip, 32, 1))
			why = "the broadcast address";
	}
	if (why)
		return entry_wrong(error, "%s: %s is %s, not a host's", key,
				   text, why);
	return 0;
}

int entry_parse_ip(struct toe_address *ip, uint16_t family, const char *key,
		   char *value, char *error)
{
	uint32_t bits = family == VTOE_INET ? 32 : 128;
	char *slash = strchr(value, '/');

	if (!slash)
		return entry_wrong(error,
			     "%s: \"%.60s\" has no prefix length: "
			     "write %.60s/%u",
			     key, value, value,
			     family == VTOE_INET ? 24u : 64u);
	*slash = 0;
	if (entry_parse_addr(family, key, value, &ip->addr, error))
		return -EINVAL;
	if (parse_number(slash + 1, bits, &ip->prefix) || !ip->prefix)
		return entry_wrong(error,
			     "%s: \"%.40s\" is not a prefix length from "
			     "1 to %u",
			     key, slash + 1, bits);
	return entry_check_host(ip, key, value, error);
}

static int parse_ip4(struct entry *entry, char *value, char *error)
{
	entry->dhcp = !strcmp(value, ENTRY_DHCP);
	if (entry->dhcp)
		return 0;
	return entry_parse_ip(&entry->ip, VTOE_INET, "ip", value, error);
}

static int parse_ip6(struct entry *entry, char *value, char *error)
{
	if (!strcmp(value, ENTRY_DHCP))
		return entry_wrong(error, "ip6: DHCP is for ip= only; give an "
				   "address");
	return entry_parse_ip(&entry->ip6, VTOE_INET6, "ip6", value, error);
}

static int parse_gateway4(struct entry *entry, char *value, char *error)
{
	return entry_parse_addr(VTOE_INET, "gateway", value, &entry->ip.gateway,
			  error);
}

static int parse_gateway6(struct entry *entry, char *value, char *error)
{
	return entry_parse_addr(VTOE_INET6, "gateway6", value, &entry->ip6.gateway,
			  error);
}

static int parse_default(struct entry *entry, char *value, char *error)
{
	entry->native = !strcmp(value, "native");
	if (!entry->native && strcmp(value, "offload"))
		return entry_wrong(error,
			     "default: \"%.40s\" is not offload or native",
			     value);
	return 0;
}

static int parse_share(struct entry *entry, char *value, char *error)
{
	if (parse_number(value, ENTRY_SHARE_MAX, &entry->share) ||
	    !entry->share)
		return entry_wrong(error,
				   "share: \"%.40s\" is not a number from 1 "
				   "to %u",
				   value, ENTRY_SHARE_MAX);
	return 0;
}

static int wrong_rate(const char *value, char *error)
{
	return entry_wrong(error,
			   "rate: \"%.40s\" is not a rate as 10Mb/s or 1GB/s",
			   value);
}

/* As that of a vif: 10Mb/s, 1GB/s; b are bits, B bytes, and K is 1000. */
int entry_parse_rate(char *value, uint64_t *result, char *error)
{
	static const char prefix[] = "KMG";
	char *end = value + strspn(value, "0123456789"), unit = *end;
	const char *at = unit ? strchr(prefix, unit) : NULL;
	uint32_t number;
	uint64_t rate;
	int err;

	*end = 0;
	err = parse_number(value, UINT32_MAX, &number);
	*end = unit;
	if (err)
		return wrong_rate(value, error);
	rate = number;
	if (at) {
		end++;
		do
			rate *= 1000;
		while (at-- > prefix);
	}
	if (!strcmp(end, "b/s"))
		rate /= 8;
	else if (strcmp(end, "B/s"))
		return wrong_rate(value, error);
	if (rate < ENTRY_RATE_MIN || rate > ENTRY_RATE_MAX)
		return entry_wrong(error,
				   "rate: \"%.40s\" is not from 8Kb/s to 17Gb/s",
				   value);
	*result = rate;
	return 0;
}

static int parse_rate(struct entry *entry, char *value, char *error)
{
	return entry_parse_rate(value, &entry->rate, error);
}

static int parse_on_loss(struct entry *entry, char *value, char *error)
{
	if (!strcmp(value, "reset")) {
		entry->wait_s = 0;
		return 0;
	}
	if (strncmp(value, "wait:", 5) ||
	    parse_number(value + 5, ENTRY_WAIT_MAX_S, &entry->wait_s) ||
	    !entry->wait_s)
		return entry_wrong(error,
				   "on-loss: \"%.40s\" is not reset, or "
				   "wait:SECONDS with 1 to %u",
				   value, ENTRY_WAIT_MAX_S);
	return 0;
}

static int parse_max_sockets(struct entry *entry, char *value, char *error)
{
	if (parse_number(value, VTOE_MAX_SLOTS, &entry->max_sockets) ||
	    !entry->max_sockets)
		return entry_wrong(error,
				   "max-sockets: \"%.40s\" is not a number "
				   "from 1 to %u",
				   value, VTOE_MAX_SLOTS);
	return 0;
}

static int parse_rules(struct entry *entry, char *value, char *error)
{
	struct rule_reader reader;

	rule_reader_init(&reader, value, strlen(value));
	if (rule_count(&reader) < 0)
		return entry_wrong(error, "rules: \"%.*s\": %s",
			     reader.word.len < 60 ? (int)reader.word.len : 60,
			     reader.word.at, reader.why);
	strcpy(entry->rules, value);
	return 0;
}

static const struct option options[] = {
	{"pool", parse_pool},	      {"ip", parse_ip4},
	{"gateway", parse_gateway4},  {"ip6", parse_ip6},
	{"gateway6", parse_gateway6}, {"mtu", parse_mtu},
	{"default", parse_default},   {"rules", parse_rules},
	{"on-loss", parse_on_loss},   {"rate", parse_rate},
	{"max-sockets", parse_max_sockets}, {"share", parse_share},
};

#define NR_OPTIONS (sizeof(options) / sizeof(options[0]))
#define KNOWN_KEYS                                                             \
	"pool, ip, gateway, ip6, gateway6, mtu, default, rules, on-loss, "   \
	"rate, max-sockets, share"
_Static_assert(NR_OPTIONS == 12, "KNOWN_KEYS lists the options");

static char *trim(char *text)
{
	char *end;

	while (isspace((unsigned char)*text))
		text++;
	end = text + strlen(text);
	while (end > text && isspace((unsigned char)end[-1]))
		*--end = 0;
	return text;
}

static int parse_pair(struct entry *entry, char *pair, unsigned int *seen,
		      char *error)
{
	char *value = strchr(pair, '='), *key;
	size_t i;

	if (value)
		*value++ = 0;
	key = trim(pair);
	if (!*key)
		return entry_wrong(error, "an empty option");
	for (i = 0; i < NR_OPTIONS && strcmp(options[i].key, key); i++)
		;
	if (i == NR_OPTIONS)
		return entry_wrong(error, "unknown key \"%.40s\" (known: %s)", key,
			     KNOWN_KEYS);
	if (*seen & (1u << i))
		return entry_wrong(error, "\"%s\" is given twice", key);
	*seen |= 1u << i;
	if (value)
		value = trim(value);
	if (!value || !*value)
		return entry_wrong(error, "\"%s\" has no value", key);
	return options[i].parse(entry, value, error);
}

bool entry_same_network(const struct toe_address *ip,
			const struct vtoe_addr *addr)
{
	return prefix_same(ip->addr.addr, addr->addr, ip->prefix);
}

static bool link_local(const struct vtoe_addr *addr)
{
	return addr->family == VTOE_INET6 && addr->addr[0] == 0xfe &&
	       (addr->addr[1] & 0xc0) == 0x80;
}

int entry_check_gateway(const struct toe_address *ip, const char *gateway_key,
			const char *key, char *error)
{
	char text[ENTRY_ADDR_MAX], own[ENTRY_ADDR_MAX];

	if (!ip->gateway.family)
		return 0;
	if (!ip->addr.family)
		return entry_wrong(error, "%s is given without %s", gateway_key,
				   key);
	entry_addr_text(&ip->gateway, text);
	entry_ip_text(ip, own);
	if (!memcmp(ip->gateway.addr, ip->addr.addr, sizeof(ip->addr.addr)))
		return entry_wrong(error, "%s: %s is the guest's own address",
				   gateway_key, text);
	if (!link_local(&ip->gateway) && !entry_same_network(ip, &ip->gateway))
		return entry_wrong(error, "%s: %s is not in the network of %s",
				   gateway_key, text, own);
	return 0;
}

int entry_parse(const char *text, struct entry *entry, char *error)
{
	struct entry e = {.pool = ENTRY_POOL_DEFAULT,
			  .share = ENTRY_SHARE_DEFAULT,
			  .wait_s = ENTRY_WAIT_DEFAULT_S};
	char copy[ENTRY_TEXT_MAX], *pair, *next;
	unsigned int seen = 0;

	if (strlen(text) >= sizeof(copy))
		return entry_wrong(error, "longer than %d bytes", ENTRY_TEXT_MAX - 1);
	strcpy(copy, text);
	for (pair = copy; pair; pair = next) {
		next = strchr(pair, ',');
		if (next)
			*next++ = 0;
		if (parse_pair(&e, pair, &seen, error))
			return -EINVAL;
	}
	if (e.dhcp && e.ip.gateway.family)
		return entry_wrong(error, "gateway: with ip=%s it comes by "
				   "DHCP; leave it out", ENTRY_DHCP);
	if (entry_check_gateway(&e.ip, "gateway", "ip", error) ||
	    entry_check_gateway(&e.ip6, "gateway6", "ip6", error))
		return -EINVAL;
	*entry = e;
	return 0;
}

void entry_addr_text(const struct vtoe_addr *addr, char *text)
{
	text[0] = 0;
	if (addr->family == VTOE_INET || addr->family == VTOE_INET6)
		inet_ntop(addr->family, addr->addr, text, ENTRY_ADDR_MAX);
}

void entry_ip_text(const struct toe_address *ip, char *text)
{
	size_t len;

	entry_addr_text(&ip->addr, text);
	len = strlen(text);
	if (len)
		snprintf(text + len, ENTRY_ADDR_MAX - len, "/%u", ip->prefix);
}
