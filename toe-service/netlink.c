/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/socket.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>

#include "../common/log.h"
#include "netlink.h"
#include "vlan.h"

/* Links change in bursts: look once, when a burst is over. */
#define SETTLE_NS 5000000ull

/* libnl has its own error numbers */
static int to_errno(int err)
{
	switch (err < 0 ? -err : err) {
	case NLE_SUCCESS:
		return 0;
	case NLE_NODEV:
	case NLE_OBJ_NOTFOUND:
		return -ENODEV;
	case NLE_NOMEM:
		return -ENOMEM;
	case NLE_PERM:
	case NLE_NOACCESS:
		return -EPERM;
	case NLE_AGAIN:
		return -EAGAIN;
	default:
		return -EIO;
	}
}

static void settled(struct loop_timer *timer)
{
	struct netlink *nl =
		(struct netlink *)((char *)timer -
				   offsetof(struct netlink, settle));

	nl->changed(nl->arg);
}

/* What the messages say is not looked at: netlink_query() asks afresh. */
static void events_ready(struct loop_fd *watch, uint32_t events)
{
	struct netlink *nl =
		(struct netlink *)((char *)watch -
				   offsetof(struct netlink, watch));
	char buf[16384];
	ssize_t n;

	(void)events;
	/* ENOBUFS: messages were lost, which is a change like any other */
	do {
		n = recv(watch->fd, buf, sizeof(buf), MSG_DONTWAIT);
	} while (n > 0 || (n < 0 && (errno == EINTR || errno == ENOBUFS)));
	netlink_look_again(nl);
}

static int open_sockets(struct netlink *nl)
{
	int err;

	nl->events = nl_socket_alloc();
	nl->requests = nl_socket_alloc();
	if (!nl->events || !nl->requests)
		return -ENOMEM;
	err = nl_connect(nl->requests, NETLINK_ROUTE);
	if (!err)
		err = nl_connect(nl->events, NETLINK_ROUTE);
	if (!err)
		err = nl_socket_add_memberships(nl->events, RTNLGRP_LINK, 0);
	return to_errno(err);
}

int netlink_open(struct netlink *nl, struct loop *loop, netlink_fn *changed,
		 void *arg)
{
	int err;

	*nl = (struct netlink){.loop = loop, .changed = changed, .arg = arg};
	err = open_sockets(nl);
	if (!err)
		err = loop_add(loop, &nl->watch, nl_socket_get_fd(nl->events),
			       EPOLLIN, events_ready);
	if (err)
		netlink_close(nl);
	return err;
}

void netlink_close(struct netlink *nl)
{
	loop_disarm(&nl->settle);
	loop_remove(&nl->watch);
	if (nl->events)
		nl_socket_free(nl->events);
	if (nl->requests)
		nl_socket_free(nl->requests);
	nl->events = NULL;
	nl->requests = NULL;
}

static void describe(struct rtnl_link *found, struct netlink_link *link)
{
	unsigned int flags = rtnl_link_get_flags(found);

	*link = (struct netlink_link){
		.ifindex = (uint32_t)rtnl_link_get_ifindex(found),
		.admin_up = flags & IFF_UP,
		/* the flag follows the carrier by up to a second */
		.running = flags & IFF_RUNNING && rtnl_link_get_carrier(found),
		.free = rtnl_link_get_arptype(found) == ARPHRD_ETHER &&
			!(flags & IFF_LOOPBACK) &&
			!rtnl_link_get_master(found) && !vlan_is_ours(found),
		.mtu = rtnl_link_get_mtu(found),
	};
}

int netlink_query(struct netlink *nl, const char *netdev,
		  struct netlink_link *link)
{
	struct rtnl_link *found = NULL;
	int err;

	err = to_errno(rtnl_link_get_kernel(nl->requests, 0, netdev, &found));
	if (err)
		return err;
	describe(found, link);
	rtnl_link_put(found);
	return 0;
}

int netlink_each(struct netlink *nl, netlink_each_fn *fn, void *arg)
{
	struct netlink_link link;
	struct nl_cache *links;
	struct nl_object *o;
	int err;

	err = to_errno(rtnl_link_alloc_cache(nl->requests, AF_UNSPEC, &links));
	if (err)
		return err;
	for (o = nl_cache_get_first(links); o; o = nl_cache_get_next(o)) {
		struct rtnl_link *found = (struct rtnl_link *)o;

		describe(found, &link);
		if (rtnl_link_get_name(found))
			fn(arg, rtnl_link_get_name(found), &link);
	}
	nl_cache_free(links);
	return 0;
}

bool netlink_is_due(const struct netlink *nl)
{
	struct pollfd events = {.fd = nl->watch.fd, .events = POLLIN};

	return nl->settle.due_ns || poll(&events, 1, 0) > 0;
}

void netlink_look_again(struct netlink *nl)
{
	if (!nl->settle.due_ns)
		loop_arm(nl->loop, &nl->settle, SETTLE_NS, settled);
}
