/* SPDX-License-Identifier: GPL-2.0 */
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdbool.h>

#include <netlink/netlink.h>
#include <netlink/route/route.h>

#include "kernel_hear.h"
#include "kernel_inside.h"
#include "kernel_nl.h"
#include "kernel_retire.h"
#include "kernel_route.h"

/* Those of the local table say what is the namespace's own: they stay. */
static bool leads_out(struct rtnl_route *route, const void *arg)
{
	(void)arg;
	return rtnl_route_get_table(route) != RT_TABLE_LOCAL;
}

static int forget_neighbours(const struct kernel_inside *in)
{
	return kernel_nl_set_flag(in->sk, in->ifindex, IFF_NOARP, true);
}

/* In this order: without neighbours nothing gets anywhere. */
static int be_quiet(const struct kernel_inside *in)
{
	int err = kernel_route_delete(in->sk, in->ifindex, AF_UNSPEC, leads_out,
				      NULL);

	return err ? err : forget_neighbours(in);
}

static int retire(const struct kernel_inside *in)
{
	int err = kernel_hear(in->sk, in->ifindex, KERNEL_HEARS_ADDRESSED);

	return err ? err : be_quiet(in);
}

int kernel_context_retire(const struct toe_context_spec *spec)
{
	char ignored[TOE_ERROR_MAX];

	return kernel_on_link(spec, retire, NULL, ignored);
}
