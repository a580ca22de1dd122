/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/link/vlan.h>
#include <stdio.h>
#include <string.h>

#include "../common/log.h"
#include "stacks/kernel_nl.h"
#include "vlan.h"

void vlan_name(uint32_t row, uint32_t id, char *name)
{
	snprintf(name, TABLE_IFNAME_MAX, "vtoe%u.%u", row % TOE_TABLE_MAX,
		 id % (VLAN_ID_MAX + 1));
}

static bool is_vlan(struct rtnl_link *link)
{
	const char *kind = rtnl_link_get_type(link);

	return kind && !strcmp(kind, "vlan");
}

bool vlan_is_ours(struct rtnl_link *link)
{
	const char *name = rtnl_link_get_name(link);
	unsigned int row, id;
	char more;

	return name && is_vlan(link) &&
	       sscanf(name, "vtoe%u.%u%c", &row, &id, &more) == 2;
}

static int add(struct nl_sock *sk, const char *name, uint32_t id,
	       const struct netlink_link *netdev)
{
	struct rtnl_link *link = rtnl_link_vlan_alloc();
	int err;

	if (!link)
		return -ENOMEM;
	rtnl_link_set_name(link, name);
	rtnl_link_set_link(link, (int)netdev->ifindex);
	rtnl_link_vlan_set_id(link, (uint16_t)id);
	if (netdev->admin_up) /* the kernel refuses it otherwise */
		rtnl_link_set_flags(link, IFF_UP);
	err = rtnl_link_add(sk, link, NLM_F_CREATE | NLM_F_EXCL);
	rtnl_link_put(link);
	return kernel_nl_errno(err);
}

/* Set up, as large as the netdev; a netdev without room for a tag may refuse. */
static int adjust(struct nl_sock *sk, struct rtnl_link *link,
		  const struct netlink_link *netdev)
{
	bool down = !(rtnl_link_get_flags(link) & IFF_UP);
	struct rtnl_link *change;
	int err = 0;

	if (rtnl_link_get_mtu(link) != netdev->mtu) {
		change = rtnl_link_alloc();
		if (!change)
			return -ENOMEM;
		rtnl_link_set_mtu(change, netdev->mtu);
		rtnl_link_change(sk, link, change, 0);
		rtnl_link_put(change);
	}
	if (down && netdev->admin_up) {
		change = rtnl_link_alloc();
		if (!change)
			return -ENOMEM;
		rtnl_link_set_flags(change, IFF_UP);
		err = rtnl_link_change(sk, link, change, 0);
		rtnl_link_put(change);
	}
	return kernel_nl_errno(err);
}

int vlan_make(struct netlink *nl, const char *name, uint32_t id,
	      const struct netlink_link *netdev)
{
	struct rtnl_link *link = NULL;
	int err;

	err = kernel_nl_errno(rtnl_link_get_kernel(nl->requests, 0, name,
						   &link));
	if (err == -ENODEV)
		return add(nl->requests, name, id, netdev);
	if (err)
		return err;
	if (!is_vlan(link)) {
		err = -EEXIST;
	} else if (rtnl_link_vlan_get_id(link) == (int)id &&
		   rtnl_link_get_link(link) == (int)netdev->ifindex) {
		err = adjust(nl->requests, link, netdev);
	} else {
		err = kernel_nl_errno(rtnl_link_delete(nl->requests, link));
		if (!err)
			err = add(nl->requests, name, id, netdev);
	}
	rtnl_link_put(link);
	return err;
}

void vlan_sweep(struct netlink *nl, vlan_wanted_fn *wanted, void *arg)
{
	struct nl_cache *links;
	struct nl_object *o;
	int err;

	if (rtnl_link_alloc_cache(nl->requests, AF_UNSPEC, &links))
		return;
	for (o = nl_cache_get_first(links); o; o = nl_cache_get_next(o)) {
		struct rtnl_link *link = (struct rtnl_link *)o;

		if (!vlan_is_ours(link) ||
		    wanted(arg, rtnl_link_get_name(link)))
			continue;
		err = kernel_nl_errno(rtnl_link_delete(nl->requests, link));
		if (err && err != -ENODEV)
			log_warn("removing %s: %s", rtnl_link_get_name(link),
				 strerror(-err));
	}
	nl_cache_free(links);
}
