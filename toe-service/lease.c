/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "entry.h"
#include "lease.h"

/* The lines of a text; absent ones are "". */
struct lines {
	const char *client, *ip, *subnet, *router, *mtu, *expires, *end;
};

static const char **line_of(struct lines *lines, const char *key)
{
	const struct {
		const char *key;
		const char **value;
	} known[] = {
		{"client", &lines->client},   {"ip", &lines->ip},
		{"subnet", &lines->subnet},   {"router", &lines->router},
		{"mtu", &lines->mtu},	      {"expires", &lines->expires},
		{"end", &lines->end},
	};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(known[i].key, key))
			return known[i].value;
	return NULL;
}

/* @text is cut into pieces. */
static int split(char *text, struct lines *lines, char *error)
{
	char *line, *next, *value;
	const char **at;

	for (line = text; *line && !lines->end; line = next) {
		next = line + strcspn(line, "\n");
		if (*next)
			*next++ = 0;
		value = strchr(line, '=');
		if (value)
			*value++ = 0;
		at = value ? line_of(lines, line) : NULL;
		if (!at || *at)
			return entry_wrong(error, "the client says \"%.40s\", "
					   "unknown or twice", line);
		*at = value;
	}
	if (lines->end)
		return 0;
	entry_wrong(error, "the client's text ends early");
	return -EAGAIN;
}

static int read_number(const char *key, const char *text, uint64_t max,
		       uint64_t *number, char *error)
{
	char *end;

	*number = 0;
	if (!text)
		return 0;
	errno = 0;
	*number = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || errno || *end || *number > max)
		return entry_wrong(error, "%s: \"%.40s\" is not a number up to "
				   "%llu", key, text, (unsigned long long)max);
	return 0;
}

/* 255.255.255.0 -> 24 */
static int read_mask(const char *text, uint32_t *prefix, char *error)
{
	struct vtoe_addr mask;
	uint32_t bits, i;

	if (!text)
		return entry_wrong(error, "the lease has no netmask");
	if (entry_parse_addr(VTOE_INET, "netmask", text, &mask, error))
		return -EINVAL;
	for (i = 0, bits = 0; i < 4; i++)
		bits = bits << 8 | mask.addr[i];
	*prefix = bits == UINT32_MAX ? 32 : (uint32_t)__builtin_clz(~bits);
	if (*prefix < LEASE_PREFIX_MIN || (*prefix < 32 && bits << *prefix))
		return entry_wrong(error, "netmask: %.40s is not one of %u to "
				   "32 bits", text, LEASE_PREFIX_MIN);
	return 0;
}

/* A gateway is a host of the network, too. */
static int read_gateway(const char *text, struct toe_address *ip, char *error)
{
	struct toe_address gateway = {.prefix = ip->prefix};

	if (!text)
		return 0;
	if (entry_parse_addr(VTOE_INET, "gateway", text, &gateway.addr,
			     error))
		return -EINVAL;
	ip->gateway = gateway.addr;
	if (entry_check_gateway(ip, "gateway", "address", error))
		return -EINVAL;
	return entry_check_host(&gateway, "gateway", text, error);
}

static int read_lease(const struct lines *lines, struct lease *lease,
		      char *error)
{
	uint64_t mtu;

	if (entry_parse_addr(VTOE_INET, "address", lines->ip, &lease->ip.addr,
			     error) ||
	    read_mask(lines->subnet, &lease->ip.prefix, error) ||
	    entry_check_host(&lease->ip, "address", lines->ip, error) ||
	    read_gateway(lines->router, &lease->ip, error) ||
	    read_number("mtu", lines->mtu, UINT16_MAX, &mtu, error))
		return -EINVAL;
	if (mtu && mtu < ENTRY_MTU_MIN)
		return entry_wrong(error, "mtu: %s is less than %u", lines->mtu,
				   ENTRY_MTU_MIN);
	lease->mtu = (uint32_t)mtu;
	lease->bound = true;
	return 0;
}

int lease_parse(const char *text, struct lease *result, char *error)
{
	struct lines lines = {0};
	struct lease lease = {0};
	char copy[LEASE_TEXT_MAX];
	uint64_t client;
	int err;

	*result = lease;
	if (!*text)
		return 0;
	if (strlen(text) >= sizeof(copy))
		return entry_wrong(error, "the client says too much");
	strcpy(copy, text);
	err = split(copy, &lines, error);
	if (err)
		return err;
	if (read_number("client", lines.client, INT32_MAX, &client, error) ||
	    read_number("expires", lines.expires, LEASE_EXPIRES_MAX,
			&lease.expires_s, error))
		return -EINVAL;
	lease.client = (pid_t)client;
	*result = lease;
	err = lines.ip ? read_lease(&lines, &lease, error) : 0;
	if (!err)
		*result = lease;
	return err;
}
