/* SPDX-License-Identifier: GPL-2.0 */
/* netlink.h - how the network devices of vtoed's own namespace are. */
#ifndef TOE_SERVICE_NETLINK_H
#define TOE_SERVICE_NETLINK_H

#include <stdbool.h>
#include <stdint.h>

#include "../common/loop.h"

struct nl_sock;

typedef void netlink_fn(void *arg);

struct netlink {
	struct nl_sock *events;	  /* multicast, non-blocking */
	struct nl_sock *requests; /* a request, an answer */
	struct loop *loop;
	struct loop_fd watch;
	struct loop_timer settle;
	netlink_fn *changed;
	void *arg;
};

struct netlink_link {
	uint32_t ifindex;
	bool admin_up; /* IFF_UP */
	bool running;  /* has a carrier */
	uint32_t mtu;
	bool free;     /* may be taken by a match: see netlink_each() */
};

typedef void netlink_each_fn(void *arg, const char *netdev,
			     const struct netlink_link *link);

/**
 * netlink_open - listen for changes of links
 * @changed: called when links may have changed, once for many changes
 *
 * Returns 0 or a negative errno.
 */
int netlink_open(struct netlink *nl, struct loop *loop, netlink_fn *changed,
		 void *arg);
void netlink_close(struct netlink *nl);

/**
 * netlink_query - how a device is now
 *
 * Returns 0, -ENODEV, or another negative errno.
 */
int netlink_query(struct netlink *nl, const char *netdev,
		  struct netlink_link *link);

/**
 * netlink_each - call a function for each device of this namespace
 *
 * A device is "free" if it is Ethernet, is not the loopback, is no port of a
 * bridge, bond or the like, whose netdev would be that, and was not made by vtoed
 * (vlan.h). Returns 0 or a negative
 * errno.
 */
int netlink_each(struct netlink *nl, netlink_each_fn *fn, void *arg);

/** netlink_is_due - links have changed, and @changed has not been called yet */
bool netlink_is_due(const struct netlink *nl);

/** netlink_look_again - call @changed soon, as if links had changed */
void netlink_look_again(struct netlink *nl);

#endif /* TOE_SERVICE_NETLINK_H */
