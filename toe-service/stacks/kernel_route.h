/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kernel_route.h - the routes of a guest's TOE contexts, in its namespace.
 *
 * With several TOE contexts in a namespace the first one is what the main routing
 * table leads to. Each further one has a table of its own, and a rule that packets
 * from its addresses are routed by it: a connection takes the way of its address.
 * Tables and rules go by the number of the context, so they stay when it moves to
 * another TOE.
 */
#ifndef STACKS_KERNEL_ROUTE_H
#define STACKS_KERNEL_ROUTE_H

#include <stdbool.h>

#include <netlink/route/route.h>
#include <netlink/socket.h>

#include "../stack.h"

/**
 * kernel_route_metric - of the routes of a link
 * @ifindex: of the link
 * @index: of its context
 *
 * The first context's routes win. A link that takes another one's place is there
 * beside it for a moment, and wins over it: connections take the new way as soon as
 * there is one, and need not wait for the old one to go.
 */
uint32_t kernel_route_metric(int ifindex, uint32_t index);

/**
 * kernel_route_set - the routes and the rule of one context's link
 * @sk: of the guest's namespace
 * @ifindex: of the link, which is up
 * @index: of the context
 * @own: its address; without one, rules that are there for it are removed
 * @routes: beside its gateway's; NULL: none; those of another family are passed over
 * @family: AF_INET or AF_INET6
 *
 * The routes of another link of this context may still be there. Returns 0 or a
 * negative errno.
 */
int kernel_route_set(struct nl_sock *sk, int ifindex, uint32_t index,
		     const struct toe_address *own,
		     const struct toe_routes *routes, int family);

/* The driver's context_routes(), see ../stack.h. */
int kernel_context_routes(const struct toe_context_spec *spec, char *error);

/**
 * kernel_route_remove - what kernel_route_set() has made for a link, but the rule
 * @family: AF_INET or AF_INET6
 *
 * Returns 0 or a negative errno.
 */
int kernel_route_remove(struct nl_sock *sk, int ifindex, int family);

/* Of which routes of a link something is to be said; @arg is the caller's. */
typedef bool kernel_route_which(struct rtnl_route *route, const void *arg);

/**
 * kernel_route_delete - delete routes
 * @sk: of the guest's namespace
 * @ifindex: of the link whose routes they are
 * @family: AF_INET, AF_INET6, or AF_UNSPEC for both
 * @which: is it one of those
 * @arg: its argument
 *
 * All are tried. One that is gone already is no error. Returns 0 or a negative errno.
 */
int kernel_route_delete(struct nl_sock *sk, int ifindex, int family,
			kernel_route_which *which, const void *arg);

#endif /* STACKS_KERNEL_ROUTE_H */
