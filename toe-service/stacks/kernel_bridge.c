/* SPDX-License-Identifier: GPL-2.0 */
#include <linux/neighbour.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include <netlink/route/link.h>
#include <netlink/route/neighbour.h>

#include "kernel_bridge.h"

static bool is_bridge(struct nl_sock *sk, int ifindex)
{
	struct rtnl_link *link;
	const char *kind;
	bool is;

	if (rtnl_link_get_kernel(sk, ifindex, NULL, &link))
		return false;
	kind = rtnl_link_get_type(link);
	is = kind && !strcmp(kind, "bridge");
	rtnl_link_put(link);
	return is;
}

/* In the kernel's terms such an entry is a neighbour of the bridge itself. */
static struct rtnl_neigh *entry_alloc(int bridge, struct nl_addr *station)
{
	struct rtnl_neigh *entry = rtnl_neigh_alloc();

	if (!entry)
		return NULL;
	rtnl_neigh_set_family(entry, AF_BRIDGE);
	rtnl_neigh_set_ifindex(entry, bridge);
	rtnl_neigh_set_lladdr(entry, station);
	rtnl_neigh_set_flags(entry, NTF_SELF);
	rtnl_neigh_set_state(entry, NUD_PERMANENT);
	return entry;
}

/* One entry; @none is the error that says: so it is already. */
static int change(struct nl_sock *sk, int lower, struct nl_addr *station,
		  int (*request)(struct nl_sock *, struct rtnl_neigh *, int),
		  int flags, int none)
{
	struct rtnl_neigh *entry;
	int err;

	if (!is_bridge(sk, lower))
		return 0;
	entry = entry_alloc(lower, station);
	if (!entry)
		return -NLE_NOMEM;
	err = request(sk, entry, flags);
	rtnl_neigh_put(entry);
	return err == none ? 0 : err;
}

int bridge_enter(struct nl_sock *sk, int lower, struct nl_addr *station)
{
	return change(sk, lower, station, rtnl_neigh_add, NLM_F_CREATE,
		      -NLE_EXIST);
}

int bridge_leave(struct nl_sock *sk, int lower, struct nl_addr *station)
{
	return change(sk, lower, station, rtnl_neigh_delete, 0,
		      -NLE_OBJ_NOTFOUND);
}
