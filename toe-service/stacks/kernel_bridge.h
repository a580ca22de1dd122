/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kernel_bridge.h - the bridge that a guest's link hangs off.
 *
 * A bridge learns the addresses of what sends into its ports. A macvlan on the
 * bridge itself sends through the bridge's own device, of which nothing is
 * learnt: without an entry in its forwarding table each frame for the guest
 * would be flooded to all ports, where other guests would see it and pay for
 * it. The entry is "permanent" and "local", as the bridge's own address is; it
 * stays until it is removed, even if the macvlan goes away.
 *
 * Errors are libnl's (-NLE_*).
 */
#ifndef TOE_SERVICE_STACKS_KERNEL_BRIDGE_H
#define TOE_SERVICE_STACKS_KERNEL_BRIDGE_H

#include <netlink/netlink.h>

/**
 * bridge_enter - have frames for an address delivered to the bridge's device
 * @sk: a NETLINK_ROUTE socket of the bridge's network namespace
 * @lower: interface index; nothing is done if it is not a bridge
 * @station: link-layer address; stays the caller's
 *
 * 0 also if the bridge knows it already.
 */
int bridge_enter(struct nl_sock *sk, int lower, struct nl_addr *station);

/** bridge_leave - the contrary; 0 also if it is not there. */
int bridge_leave(struct nl_sock *sk, int lower, struct nl_addr *station);

#endif /* TOE_SERVICE_STACKS_KERNEL_BRIDGE_H */
