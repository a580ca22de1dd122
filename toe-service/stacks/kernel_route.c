/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <netlink/netlink.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <netlink/route/rule.h>

#include "kernel_inside.h"
#include "kernel_nl.h"
#include "kernel_route.h"

/* Routing tables and rules of a guest's second and further TOE contexts. */
#define TABLE_FIRST   100u  /* plus the context's number; below are the system's */
#define RULE_PRIORITY 1000u /* before the main table's 32766 */

/* A route, of a link, for a table: @via NULL: to what is on the link. */
struct way {
	int ifindex;
	uint32_t table;
	uint32_t metric; /* 0: the kernel's default */
	const struct vtoe_addr *dst;
	uint32_t prefix;
	const struct vtoe_addr *via;
};

static int route_add(struct nl_sock *sk, const struct way *way)
{
	bool v4 = way->dst->family == VTOE_INET;
	struct nl_addr *dst = kernel_nl_addr(way->dst, way->prefix), *via = NULL;
	struct rtnl_route *route = rtnl_route_alloc();
	struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
	int err = -NLE_NOMEM;

	if (way->via)
		via = kernel_nl_addr(way->via, v4 ? 32 : 128);
	if (!dst || (way->via && !via) || !route || !hop)
		goto out;
	rtnl_route_nh_set_ifindex(hop, way->ifindex);
	if (via) {
		rtnl_route_nh_set_gateway(hop, via);
		/* outside of the prefix is allowed: it is on this link */
		rtnl_route_nh_set_flags(hop, RTNH_F_ONLINK);
	}
	rtnl_route_set_family(route, (uint8_t)(v4 ? AF_INET : AF_INET6));
	rtnl_route_set_scope(route, via || !v4 ? RT_SCOPE_UNIVERSE
					       : RT_SCOPE_LINK);
	rtnl_route_set_table(route, way->table);
	rtnl_route_set_protocol(route, RTPROT_STATIC);
	rtnl_route_set_dst(route, dst);
	rtnl_route_set_priority(route, way->metric);
	rtnl_route_add_nexthop(route, hop);
	hop = NULL; /* the route's */
	err = rtnl_route_add(sk, route, NLM_F_CREATE | NLM_F_EXCL);
out:
	if (hop)
		rtnl_route_nh_free(hop);
	rtnl_route_put(route);
	nl_addr_put(via);
	nl_addr_put(dst);
	return kernel_nl_errno(err);
}

/* The network's own address: the bits behind the prefix are zero. */
static struct vtoe_addr network_of(const struct toe_address *own)
{
	struct vtoe_addr addr = own->addr;
	uint32_t i;

	for (i = own->prefix; i < (addr.family == VTOE_INET ? 32u : 128u); i++)
		addr.addr[i / 8] &= (uint8_t)~(0x80u >> (i % 8));
	return addr;
}

/* Numbers of links grow: the newest has the lowest metric. */
uint32_t kernel_route_metric(int ifindex, uint32_t index)
{
	return (index + 1) << 16 | (0xffff - ((uint32_t)ifindex & 0xffff));
}

static int gateway_add(struct nl_sock *sk, int ifindex, uint32_t index,
		       const struct toe_address *own, uint32_t table)
{
	struct vtoe_addr any = {.family = own->gateway.family};
	struct way way = {
		.ifindex = ifindex,
		.table = table,
		.metric = kernel_route_metric(ifindex, index),
		.dst = &any,
		.via = &own->gateway,
	};

	return own->gateway.family ? route_add(sk, &way) : 0;
}

static bool is_of(const struct toe_route *route, int family)
{
	return route->dst.family == (family == AF_INET ? VTOE_INET : VTOE_INET6);
}

/* Those that are there already stay. */
static int routes_add(struct nl_sock *sk, int ifindex, uint32_t index,
		      const struct toe_routes *routes, int family,
		      uint32_t table)
{
	struct way way = {.ifindex = ifindex, .table = table,
			  .metric = kernel_route_metric(ifindex, index)};
	uint32_t i;
	int err;

	for (i = 0; routes && i < routes->nr; i++) {
		if (!is_of(&routes->route[i], family))
			continue;
		way.dst = &routes->route[i].dst;
		way.prefix = routes->route[i].prefix;
		way.via = &routes->route[i].via;
		err = route_add(sk, &way);
		if (err && err != -EEXIST)
			return err;
	}
	return 0;
}

static int network_add(struct nl_sock *sk, int ifindex, uint32_t index,
		       const struct toe_address *own, uint32_t table)
{
	struct vtoe_addr network = network_of(own);
	struct way way = {
		.ifindex = ifindex,
		.table = table,
		.metric = kernel_route_metric(ifindex, index),
		.dst = &network,
		.prefix = own->prefix,
	};

	return route_add(sk, &way);
}

/* ---- rules ---- */

static bool rule_is(struct rtnl_rule *rule, const struct nl_addr *src)
{
	return rtnl_rule_get_src(rule) &&
	       !nl_addr_cmp(rtnl_rule_get_src(rule), src);
}

/* Remove the rules for a table, but for that of an address. True: it is there. */
static bool rules_prune(struct nl_sock *sk, int family, uint32_t table,
			const struct nl_addr *keep)
{
	struct nl_cache *rules;
	struct nl_object *o;
	bool kept = false;

	if (rtnl_rule_alloc_cache(sk, family, &rules))
		return false;
	for (o = nl_cache_get_first(rules); o; o = nl_cache_get_next(o)) {
		struct rtnl_rule *rule = (struct rtnl_rule *)o;

		if (rtnl_rule_get_table(rule) != table ||
		    rtnl_rule_get_family(rule) != family)
			continue;
		if (keep && rule_is(rule, keep))
			kept = true;
		else
			rtnl_rule_delete(sk, rule, 0);
	}
	nl_cache_free(rules);
	return kept;
}

static int rule_add(struct nl_sock *sk, int family, uint32_t table,
		    struct nl_addr *src)
{
	struct rtnl_rule *rule = rtnl_rule_alloc();
	int err = -NLE_NOMEM;

	if (rule) {
		rtnl_rule_set_family(rule, family);
		rtnl_rule_set_prio(rule, RULE_PRIORITY);
		rtnl_rule_set_table(rule, table);
		rtnl_rule_set_action(rule, RTN_UNICAST);
		err = rtnl_rule_set_src(rule, src);
		if (!err)
			err = rtnl_rule_add(sk, rule,
					    NLM_F_CREATE | NLM_F_EXCL);
	}
	rtnl_rule_put(rule);
	return kernel_nl_errno(err);
}

static int set_rule(struct nl_sock *sk, const struct toe_address *own,
		    int family, uint32_t table)
{
	struct nl_addr *src = NULL;
	int err = 0;

	if (own->addr.family) {
		src = kernel_nl_addr(&own->addr, family == AF_INET ? 32 : 128);
		if (!src)
			return -ENOMEM;
	}
	if (!rules_prune(sk, family, table, src) && src)
		err = rule_add(sk, family, table, src);
	nl_addr_put(src);
	return err;
}

static int ways_out(struct nl_sock *sk, int ifindex, uint32_t index,
		    const struct toe_address *own,
		    const struct toe_routes *routes, int family, uint32_t table)
{
	int err = gateway_add(sk, ifindex, index, own, table);

	return err ? err
		   : routes_add(sk, ifindex, index, routes, family, table);
}

int kernel_route_set(struct nl_sock *sk, int ifindex, uint32_t index,
		     const struct toe_address *own,
		     const struct toe_routes *routes, int family)
{
	uint32_t table = TABLE_FIRST + index;
	int err = 0;

	if (own->addr.family)
		err = ways_out(sk, ifindex, index, own, routes, family,
			       RT_TABLE_MAIN);
	if (err || !index)
		return err;
	if (own->addr.family) {
		err = network_add(sk, ifindex, index, own, table);
		if (!err)
			err = ways_out(sk, ifindex, index, own, routes, family,
				       table);
	}
	return err ? err : set_rule(sk, own, family, table);
}

/* ---- routes that go ---- */

static bool is_of_link(struct rtnl_route *route, int ifindex)
{
	struct rtnl_nexthop *hop = rtnl_route_nexthop_n(route, 0);

	return hop && rtnl_route_nh_get_ifindex(hop) == ifindex;
}

int kernel_route_delete(struct nl_sock *sk, int ifindex, int family,
			kernel_route_which *which, const void *arg)
{
	struct nl_cache *routes;
	struct nl_object *o;
	int err = rtnl_route_alloc_cache(sk, family, 0, &routes), last = 0;

	if (err)
		return kernel_nl_errno(err);
	for (o = nl_cache_get_first(routes); o; o = nl_cache_get_next(o)) {
		struct rtnl_route *route = (struct rtnl_route *)o;

		if (!is_of_link(route, ifindex) || !which(route, arg))
			continue;
		err = rtnl_route_delete(sk, route, 0);
		if (err && err != -NLE_OBJ_NOTFOUND)
			last = kernel_nl_errno(err);
	}
	nl_cache_free(routes);
	return last;
}

static bool is_ours(struct rtnl_route *route, const void *arg)
{
	(void)arg;
	return rtnl_route_get_protocol(route) == RTPROT_STATIC;
}

int kernel_route_remove(struct nl_sock *sk, int ifindex, int family)
{
	return kernel_route_delete(sk, ifindex, family, is_ours, NULL);
}

/* ---- routes that change ---- */

/* By a router to a network: neither the gateway's nor what is on the link. */
static bool is_by_router(struct rtnl_route *route)
{
	return is_ours(route, NULL) &&
	       rtnl_route_nh_get_gateway(rtnl_route_nexthop_n(route, 0)) &&
	       nl_addr_get_prefixlen(rtnl_route_get_dst(route));
}

static bool is_route(struct rtnl_route *route, const struct toe_route *wanted)
{
	uint32_t bits = wanted->via.family == VTOE_INET ? 32 : 128;
	struct nl_addr *dst = kernel_nl_addr(&wanted->dst, wanted->prefix);
	struct nl_addr *via = kernel_nl_addr(&wanted->via, bits);
	struct rtnl_nexthop *hop = rtnl_route_nexthop_n(route, 0);
	bool is = dst && via && !nl_addr_cmp(rtnl_route_get_dst(route), dst) &&
		  !nl_addr_cmp(rtnl_route_nh_get_gateway(hop), via);

	nl_addr_put(via);
	nl_addr_put(dst);
	return is;
}

static bool is_unwanted(struct rtnl_route *route, const void *arg)
{
	const struct toe_routes *routes = arg;
	uint32_t i;

	if (!is_by_router(route))
		return false;
	for (i = 0; routes && i < routes->nr; i++)
		if (is_route(route, &routes->route[i]))
			return false;
	return true;
}

/* What stays is not touched: it is in use. */
static int follow(const struct kernel_inside *in, int family)
{
	const struct toe_context_spec *spec = in->spec;
	const struct toe_address *own = family == AF_INET ? &spec->ip
							  : &spec->ip6;
	int err;

	if (!own->addr.family)
		return 0;
	err = kernel_route_delete(in->sk, in->ifindex, family, is_unwanted,
				  spec->routes);
	if (!err)
		err = routes_add(in->sk, in->ifindex, spec->index, spec->routes,
				 family, RT_TABLE_MAIN);
	if (!err && spec->index)
		err = routes_add(in->sk, in->ifindex, spec->index, spec->routes,
				 family, TABLE_FIRST + spec->index);
	return err;
}

static int change_routes(const struct kernel_inside *in)
{
	int err = follow(in, AF_INET), err6 = follow(in, AF_INET6);

	if (!err)
		err = err6;
	if (err)
		snprintf(in->error, TOE_ERROR_MAX, "changing the routes: %s",
			 strerror(-err));
	return err;
}

int kernel_context_routes(const struct toe_context_spec *spec, char *error)
{
	return kernel_on_link(spec, change_routes, NULL, error);
}
