/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <linux/if_addr.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <netlink/netlink.h>
#include <netlink/route/addr.h>

#include "kernel_address.h"
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

int kernel_address_add(struct nl_sock *sk, int ifindex,
		       const struct vtoe_addr *addr, uint32_t prefix)
{
	struct rtnl_addr *ra = address_of(ifindex, addr, prefix);
	int err;

	if (!ra)
		return -ENOMEM;
	/* assigned by the administrator: usable at once */
	if (addr->family == VTOE_INET6)
		rtnl_addr_set_flags(ra, IFA_F_NODAD);
	err = rtnl_addr_add(sk, ra, NLM_F_CREATE | NLM_F_EXCL);
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

static int address_set(struct nl_sock *sk, int ifindex,
		       const struct toe_context_spec *spec)
{
	int err = 0;

	if (spec->ip.addr.family)
		err = kernel_address_add(sk, ifindex, &spec->ip.addr,
					 spec->ip.prefix);
	return err ? err
		   : kernel_route_set(sk, ifindex, spec->index, &spec->ip,
				      AF_INET);
}

struct change {
	struct toe_context_spec spec;
	const struct toe_address *old;
};

/*
 * The one address of its family goes first, and with it the kernel removes all
 * routes of the link; then the other comes. Nothing need be announced: what is
 * new here, peers ask for.
 */
static int change_address(const struct toe_context_spec *spec,
			  struct nl_sock *home, char *error)
{
	const struct change *change =
		(const struct change *)((const char *)spec -
					offsetof(struct change, spec));
	int ifindex = (int)if_nametoindex(spec->link), err = 0;
	bool same = !memcmp(change->old, &spec->ip, sizeof(spec->ip));
	struct nl_sock *sk;

	(void)home;
	if (!ifindex)
		return -ENODEV;
	err = kernel_nl_open(&sk);
	if (err)
		return err;
	if (change->old->addr.family && !same)
		err = address_remove(sk, ifindex, change->old);
	if (err == -EADDRNOTAVAIL) /* somebody else did */
		err = 0;
	if (!err && spec->mtu)
		err = set_mtu(sk, ifindex, spec->mtu);
	if (!err && !same)
		err = address_set(sk, ifindex, spec);
	if (err) {
		snprintf(error, TOE_ERROR_MAX, "changing the address: %s",
			 strerror(-err));
		if (spec->ip.addr.family)
			address_remove(sk, ifindex, &spec->ip);
	}
	nl_socket_free(sk);
	return err;
}

int kernel_context_address(const struct toe_context_spec *spec,
			   const struct toe_address *old, char *error)
{
	struct change change = {.spec = *spec, .old = old};

	return kernel_inside(&change.spec, change_address, error);
}
