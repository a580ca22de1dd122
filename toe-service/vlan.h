/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vlan.h - the links of TOEs that are on a VLAN of their netdev.
 *
 * Theory of operation
 *
 * Guests' links of such a TOE do not hang off the netdev, but off a VLAN link that
 * vtoed makes on it, in its own namespace: "vtoe3.100" is VLAN 100 of the netdev
 * of the TOE in row 3 of the TOE table. A TOE has it for as long as it is in the
 * inventory, and its netdev is there. Names of that form are vtoed's: a VLAN link
 * that has one and that no TOE wants is removed, also by the next vtoed.
 */
#ifndef TOE_SERVICE_VLAN_H
#define TOE_SERVICE_VLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "netlink.h"
#include "tables.h"

#define VLAN_ID_MAX 4094u /* IEEE 802.1Q: 0 is no VLAN, 4095 is reserved */

struct rtnl_link;

/** vlan_name - of the link of the TOE in a row: TABLE_IFNAME_MAX bytes */
void vlan_name(uint32_t row, uint32_t id, char *name);

/** vlan_is_ours - did vtoed make that link? */
bool vlan_is_ours(struct rtnl_link *link);

/**
 * vlan_make - have a VLAN link there, set up if the netdev is
 * @name: of vlan_name()
 * @netdev: how the device below it is
 *
 * One of that name that is otherwise is replaced; its MTU follows the netdev's.
 * Returns 0; -EEXIST: there is another link for that VLAN, or another device of
 * that name; -EOPNOTSUPP: this kernel has no VLANs; or another negative errno.
 */
int vlan_make(struct netlink *nl, const char *name, uint32_t id,
	      const struct netlink_link *netdev);

typedef bool vlan_wanted_fn(void *arg, const char *name);

/** vlan_sweep - remove vtoed's VLAN links but for those that are wanted */
void vlan_sweep(struct netlink *nl, vlan_wanted_fn *wanted, void *arg);

#endif /* TOE_SERVICE_VLAN_H */
