/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "entry.h"
#include "route.h"

#define VIA " via "

static uint32_t bits_of(const struct vtoe_addr *addr)
{
	return addr->family == VTOE_INET ? 32 : 128;
}

/* A network's own address: what is behind the prefix is zero. */
static bool is_network(const struct toe_route *route)
{
	const uint8_t *a = route->dst.addr;
	uint32_t i;

	for (i = route->prefix; i < bits_of(&route->dst); i++)
		if (a[i / 8] & 0x80u >> (i % 8))
			return false;
	return true;
}

static int parse_bits(struct toe_route *route, const char *bits, char *error)
{
	uint32_t max = bits_of(&route->dst);
	char *end;
	unsigned long n = strtoul(bits, &end, 10);

	if (strspn(bits, "0123456789") != strlen(bits) || !*bits || *end || !n ||
	    n > max)
		return entry_wrong(error, "routes: \"%.40s\" is not a prefix "
				   "length from 1 to %u", bits, max);
	route->prefix = (uint32_t)n;
	return 0;
}

static int parse_network(struct toe_route *route, char *text, char *error)
{
	char *slash = strchr(text, '/');
	struct toe_address whole;

	if (!slash)
		return entry_wrong(error, "routes: \"%.60s\" has no prefix length",
				   text);
	*slash = 0;
	if (entry_parse_addr(strchr(text, ':') ? VTOE_INET6 : VTOE_INET,
			     "routes", text, &route->dst, error) ||
	    parse_bits(route, slash + 1, error))
		return -EINVAL;
	whole = (struct toe_address){.addr = route->dst,
				     .prefix = bits_of(&route->dst)};
	if (entry_check_host(&whole, "routes", text, error))
		return -EINVAL;
	if (!is_network(route))
		return entry_wrong(error, "routes: %s is not the address of a "
				   "network of %u bits", text, route->prefix);
	return 0;
}

static bool is_link_local(const struct vtoe_addr *addr)
{
	return addr->family == VTOE_INET6 && addr->addr[0] == 0xfe &&
	       (addr->addr[1] & 0xc0) == 0x80;
}

static int parse_router(struct toe_route *route, const char *text, char *error)
{
	struct toe_address router = {.prefix = bits_of(&route->dst)};

	if (entry_parse_addr(route->dst.family, "routes: via", text, &router.addr,
			     error))
		return -EINVAL;
	route->via = router.addr;
	/* it is on the link, whose routers have such addresses */
	return is_link_local(&router.addr)
		       ? 0
		       : entry_check_host(&router, "routes: via", text, error);
}

static bool same_network(const struct toe_route *a, const struct toe_route *b)
{
	return a->prefix == b->prefix && a->dst.family == b->dst.family &&
	       !memcmp(a->dst.addr, b->dst.addr, sizeof(a->dst.addr));
}

int route_parse(struct toe_routes *routes, const char *text, char *error)
{
	struct toe_route route = {0};
	char copy[ROUTE_TEXT_MAX], *via;
	uint32_t i;

	if (snprintf(copy, sizeof(copy), "%s", text) >= ROUTE_TEXT_MAX)
		return entry_wrong(error, "routes: \"%.60s...\" is too long", text);
	via = strstr(copy, VIA);
	if (!via)
		return entry_wrong(error, "routes: \"%.80s\" names no router: "
				   "write NETWORK/BITS via ROUTER", text);
	*via = 0;
	if (parse_network(&route, copy, error) ||
	    parse_router(&route, via + strlen(VIA), error))
		return -EINVAL;
	for (i = 0; i < routes->nr; i++)
		if (same_network(&routes->route[i], &route))
			return entry_wrong(error, "routes: there are two to %s/%u",
					   copy, route.prefix);
	if (routes->nr >= ROUTES_MAX)
		return entry_wrong(error, "routes: there are more than %u",
				   ROUTES_MAX);
	routes->route[routes->nr++] = route;
	return 0;
}

void route_text(const struct toe_route *route, char *text)
{
	char dst[ENTRY_ADDR_MAX], via[ENTRY_ADDR_MAX];

	entry_addr_text(&route->dst, dst);
	entry_addr_text(&route->via, via);
	snprintf(text, ROUTE_TEXT_MAX, "%.39s/%u" VIA "%.39s", dst,
		 route->prefix, via);
}

bool route_same(const struct toe_routes *a, const struct toe_routes *b)
{
	/* those behind the last one are zero */
	return !memcmp(a, b, sizeof(*a));
}
