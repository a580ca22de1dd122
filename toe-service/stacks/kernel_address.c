/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <linux/if_addr.h>
#include <stdio.h>
#include <string.h>

#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>

#include "kernel_address.h"
#include "kernel_inside.h"
#include "kernel_link.h"
#include "kernel_nl.h"
#include "kernel_route.h"

static struct rtnl_addr *address_of(int ifindex, const struct vtoe_addr *addr,
				    uint32_t prefix)
{
	struct rtnl_addr *ra = rtnl_addr_alloc();
	struct nl_addr *local = kernel_nl_addr(addr, prefix);

	if (ra && local) {
		rtnl_addr_set_ifindex(ra, ifindex);
		if (!rtnl_addr_set_local(ra, local)) {
			nl_addr_put(local);
			return ra;
		}
	}
	nl_addr_put(local);
	rtnl_addr_put(ra);
	return NULL;
}

/* libnl knows no metric of an address. */
static int add_with_metric(struct nl_sock *sk, struct rtnl_addr *ra,
			   uint32_t metric)
{
	struct nl_msg *msg;
	int err = rtnl_addr_build_add_request(
		ra, NLM_F_CREATE | NLM_F_EXCL, &msg);

	if (err)
		return err;
	err = nla_put_u32(msg, IFA_RT_PRIORITY, metric);
	if (!err)
		return nl_send_sync(sk, msg); /* frees it */
	nlmsg_free(msg);
	return err;
}

int kernel_address_add(struct nl_sock *sk, int ifindex,
		       const struct vtoe_addr *addr, uint32_t prefix,
		       uint32_t metric)
{
	struct rtnl_addr *ra = address_of(ifindex, addr, prefix);
	int err;

	if (!ra)
		return -ENOMEM;
	/* assigned by the administrator: usable at once */
	if (addr->family == VTOE_INET6)
		rtnl_addr_set_flags(ra, IFA_F_NODAD);
	err = add_with_metric(sk, ra, metric);
	rtnl_addr_put(ra);
	return kernel_nl_errno(err);
}

static int address_remove(struct nl_sock *sk, int ifindex,
			  const struct toe_address *ip)
{
	struct rtnl_addr *ra = address_of(ifindex, &ip->addr, ip->prefix);
	int err;

	if (!ra)
		return -ENOMEM;
	err = rtnl_addr_delete(sk, ra, 0);
	rtnl_addr_put(ra);
	return kernel_nl_errno(err);
}

static int set_mtu(struct nl_sock *sk, int ifindex, uint32_t mtu)
{
	struct rtnl_link *change = rtnl_link_alloc();

	if (change)
		rtnl_link_set_mtu(change, mtu);
	return kernel_link_change(sk, ifindex, change);
}

struct change {
	const struct toe_context_spec *spec;
	uint16_t family;
	const struct toe_address *old, *now; /* now: one of spec's */
};

/* Is the address itself another one, or none? */
static bool another(const struct change *change)
{
	return memcmp(&change->old->addr, &change->now->addr,
		      sizeof(change->now->addr)) ||
	       change->old->prefix != change->now->prefix;
}

static int leave_old(struct nl_sock *sk, int ifindex,
		     const struct change *change)
{
	int err = kernel_route_remove(sk, ifindex, change->family == VTOE_INET
							   ? AF_INET
							   : AF_INET6);

	if (!err && change->old->addr.family && another(change))
		err = address_remove(sk, ifindex, change->old);
	return err == -EADDRNOTAVAIL ? 0 : err; /* somebody else did */
}

static int take_new(struct nl_sock *sk, int ifindex,
		    const struct change *change)
{
	const struct toe_address *now = change->now;
	int err = 0;

	/* it stays on when there is none any more: so do link-local addresses */
	if (now->addr.family == VTOE_INET6)
		kernel_link_set_ip6(change->spec);
	if (now->addr.family && another(change))
		err = kernel_address_add(
			sk, ifindex, &now->addr, now->prefix,
			kernel_route_metric(ifindex, change->spec->index));
	return err ? err
		   : kernel_route_set(sk, ifindex, change->spec->index, now,
				      change->spec->routes,
				      change->family == VTOE_INET ? AF_INET
								  : AF_INET6);
}

/*
 * The one address of its family goes first; then the other comes. One that stays is
 * not touched, and has other routes. Nothing need be announced: what is new here,
 * peers ask for.
 */
static int change_address(const struct kernel_inside *in)
{
	const struct change *change = in->arg;
	bool same = !memcmp(change->old, change->now, sizeof(*change->now));
	int err = same ? 0 : leave_old(in->sk, in->ifindex, change);

	if (!err && in->spec->mtu)
		err = set_mtu(in->sk, in->ifindex, in->spec->mtu);
	if (!err && !same)
		err = take_new(in->sk, in->ifindex, change);
	if (err) {
		snprintf(in->error, TOE_ERROR_MAX, "changing the address: %s",
			 strerror(-err));
		if (change->now->addr.family)
			address_remove(in->sk, in->ifindex, change->now);
	}
	return err;
}

int kernel_context_address(const struct toe_context_spec *spec,
			   uint16_t family, const struct toe_address *old,
			   char *error)
{
	const struct change change = {
		.spec = spec,
		.family = family,
		.old = old,
		.now = family == VTOE_INET ? &spec->ip : &spec->ip6,
	};

	return kernel_on_link(spec, change_address, &change, error);
}
