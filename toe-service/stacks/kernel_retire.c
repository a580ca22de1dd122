/* SPDX-License-Identifier: GPL-2.0 */
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdbool.h>

#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>

#include "kernel_hear.h"
#include "kernel_inside.h"
#include "kernel_link.h"
#include "kernel_nl.h"
#include "kernel_retire.h"

/* Those of the local table say what is the namespace's own: they stay. */
static bool leads_out(struct rtnl_route *route, int ifindex)
{
	struct rtnl_nexthop *hop = rtnl_route_nexthop_n(route, 0);

	return hop && rtnl_route_nh_get_ifindex(hop) == ifindex &&
	       rtnl_route_get_table(route) != RT_TABLE_LOCAL;
}

static int remove_routes(struct nl_sock *sk, int ifindex)
{
	struct nl_cache *routes;
	struct nl_object *o;
	int err, result = 0;

	err = rtnl_route_alloc_cache(sk, AF_UNSPEC, 0, &routes);
	if (err)
		return kernel_nl_errno(err);
	for (o = nl_cache_get_first(routes); o; o = nl_cache_get_next(o)) {
		if (!leads_out((struct rtnl_route *)o, ifindex))
			continue;
		err = rtnl_route_delete(sk, (struct rtnl_route *)o, 0);
		if (err)
			result = kernel_nl_errno(err);
	}
	nl_cache_free(routes);
	return result;
}

static int forget_neighbours(struct nl_sock *sk, int ifindex)
{
	struct rtnl_link *change = rtnl_link_alloc();

	if (change)
		rtnl_link_set_flags(change, IFF_NOARP);
	return kernel_link_change(sk, ifindex, change);
}

static int retire(const struct kernel_inside *in)
{
	int err = kernel_hear(in->sk, in->ifindex, KERNEL_HEARS_ADDRESSED);

	/* in this order: without neighbours nothing gets anywhere */
	if (!err)
		err = remove_routes(in->sk, in->ifindex);
	if (!err)
		err = forget_neighbours(in->sk, in->ifindex);
	return err;
}

int kernel_context_retire(const struct toe_context_spec *spec)
{
	char ignored[TOE_ERROR_MAX];

	return kernel_on_link(spec, retire, NULL, ignored);
}
