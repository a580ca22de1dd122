/* SPDX-License-Identifier: GPL-2.0 */
/* toe_look.c - how a TOE's netdev is, and what state that makes. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "toe.h"
#include "toe_parts.h"
#include "vlan.h"

void inventory_device(const struct toe *toe, char *name)
{
	if (toe->conf.vlan)
		vlan_name(toe->row, toe->conf.vlan, name);
	else
		memcpy(name, toe->conf.netdev, TABLE_IFNAME_MAX);
}

static enum toe_state sees(struct sight *sight, enum toe_state state,
			   const char *reason)
{
	snprintf(sight->reason, sizeof(sight->reason), "%s", reason);
	return state;
}

/* Returns 0, or a negative errno with a reason. */
static int look_at_device(struct inventory *inv, const struct toe *toe,
			  struct sight *sight)
{
	char name[TABLE_IFNAME_MAX];
	int err;

	sight->device = sight->link;
	if (!toe->conf.vlan)
		return 0;
	inventory_device(toe, name);
	err = vlan_make(&inv->netlink, name, toe->conf.vlan, &sight->link);
	if (!err)
		err = netlink_query(&inv->netlink, name, &sight->device);
	if (!err)
		return 0;
	sight->device = (struct netlink_link){0};
	if (err == -EEXIST)
		snprintf(sight->reason, sizeof(sight->reason),
			 "VLAN %u of %s is there: name that as netdev",
			 toe->conf.vlan, toe->conf.netdev);
	else
		snprintf(sight->reason, sizeof(sight->reason),
			 "VLAN %u cannot be made: %s", toe->conf.vlan,
			 strerror(-err));
	return err;
}

enum toe_state toe_look(struct inventory *inv, const struct toe *toe,
			struct sight *sight)
{
	const struct netlink_link *link = &sight->link;
	int err = netlink_query(&inv->netlink, toe->conf.netdev, &sight->link);

	if (err == -ENODEV)
		return sees(sight,
			    toe->ifindex || toe->state == TOE_GONE ? TOE_GONE
								   : TOE_DOWN,
			    "there is no such network device");
	if (err)
		return sees(sight, TOE_DOWN, strerror(-err));
	if (look_at_device(inv, toe, sight))
		return TOE_DOWN;
	if (toe->drained)
		return sees(sight, TOE_DRAINING,
			    "drained by the administrator");
	if (!link->admin_up)
		return sees(sight, TOE_DOWN,
			    "the network device is not set up");
	if (!link->running)
		return sees(sight, TOE_DOWN, "the network device has no link");
	if (toe->health.bad)
		return sees(sight, TOE_DEGRADED, toe->health.reason);
	if (toe->conf.mtu > sight->device.mtu) {
		snprintf(sight->reason, sizeof(sight->reason),
			 "mtu %u is more than the network device's %u",
			 toe->conf.mtu, sight->device.mtu);
		return TOE_DEGRADED;
	}
	return TOE_UP;
}
