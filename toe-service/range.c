/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "entry.h"
#include "range.h"

static size_t size_of(const struct vtoe_addr *addr)
{
	return addr->family == VTOE_INET ? 4 : 16;
}

static void add(struct vtoe_addr *addr, uint32_t n)
{
	uint64_t carry = n;
	size_t i = size_of(addr);

	while (i-- && carry) {
		carry += addr->addr[i];
		addr->addr[i] = (uint8_t)carry;
		carry >>= 8;
	}
}

/* From @a to @b; RANGE_MAX if that, or more, or if @b comes first. */
static uint32_t distance(const struct vtoe_addr *a, const struct vtoe_addr *b)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < size_of(a); i++) {
		n = (n << 8) + b->addr[i] - a->addr[i];
		/* too far, or below zero: what follows cannot make up for it */
		if (n > RANGE_MAX)
			return RANGE_MAX;
	}
	return n < RANGE_MAX ? (uint32_t)n : RANGE_MAX;
}

static int parse_ends(uint16_t family, const char *key, const char *text,
		      struct address_range *range, char *error)
{
	char first[2 * ENTRY_ADDR_MAX + 8], *dash, *slash, *last = NULL;
	struct toe_address end;

	if (strlen(text) >= sizeof(first) - ENTRY_ADDR_MAX)
		return entry_wrong(error, "%s: \"%.60s...\" is too long", key,
				   text);
	strcpy(first, text);
	dash = strchr(first, '-');
	slash = strchr(first, '/');
	if (dash && slash) {
		char both[ENTRY_ADDR_MAX + ENTRY_ADDR_MAX];

		*dash = 0;
		last = dash + 1;
		snprintf(both, sizeof(both), "%s%s", first, slash);
		if (entry_parse_ip(&range->first, family, key, both, error) ||
		    entry_parse_ip(&end, family, key, last, error))
			return -EINVAL;
	} else {
		if (entry_parse_ip(&range->first, family, key, first, error))
			return -EINVAL;
		end = range->first;
	}
	if (!entry_same_network(&range->first, &end.addr))
		return entry_wrong(error, "%s: \"%.80s\" is more than a network",
				   key, text);
	range->nr = distance(&range->first.addr, &end.addr) + 1;
	if (range->nr > RANGE_MAX)
		return entry_wrong(error,
				   "%s: \"%.80s\" ends before it begins, or has "
				   "more than %u addresses", key, text,
				   RANGE_MAX);
	return 0;
}

int range_parse(uint16_t family, const char *key, const char *text,
		const char *gateway_key, const char *gateway,
		struct address_range *range, char *error)
{
	struct address_range r = {0};

	if (!*text && *gateway)
		return entry_wrong(error, "%s is given without %s", gateway_key,
				   key);
	if (*text && parse_ends(family, key, text, &r, error))
		return -EINVAL;
	if (*gateway &&
	    (entry_parse_addr(family, gateway_key, gateway, &r.first.gateway,
			      error) ||
	     entry_check_gateway(&r.first, gateway_key, key, error)))
		return -EINVAL;
	*range = r;
	return 0;
}

void range_address(const struct address_range *range, uint32_t n,
		   struct toe_address *address)
{
	*address = range->first;
	add(&address->addr, n);
}

bool range_has(const struct address_range *range, const struct vtoe_addr *addr)
{
	return range->nr && range->first.addr.family == addr->family &&
	       distance(&range->first.addr, addr) < range->nr;
}

bool range_overlaps(const struct address_range *a,
		    const struct address_range *b)
{
	if (!a->nr || !b->nr || a->first.addr.family != b->first.addr.family)
		return false;
	return distance(&a->first.addr, &b->first.addr) < a->nr ||
	       distance(&b->first.addr, &a->first.addr) < b->nr;
}
