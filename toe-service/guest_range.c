/* SPDX-License-Identifier: GPL-2.0 */
/* guest_range.c - links whose IPv4 address is of the range of a TOE. */
#include <errno.h>
#include <string.h>

#include "guest_parts.h"
#include "range.h"
#include "stack.h"

int guest_take_address(const struct guest_net *net,
		       const struct address_range *range,
		       struct toe_address *address)
{
	struct toe_address a;
	uint32_t i;

	*address = (struct toe_address){0};
	for (i = 0; i < range->nr; i++) {
		range_address(range, i, &a);
		if (guest_is_free(net, &a.addr)) {
			*address = a;
			return 0;
		}
	}
	return range->nr ? -EADDRNOTAVAIL : 0;
}

/*
 * What it should have by the configuration: the address that it has, as long as
 * that is of the range that it was taken from, or else one of its TOE's now.
 */
static int wanted(struct guest_net *net, uint32_t index,
		  const struct toe *origin, struct toe_address *ip)
{
	const struct address_range *range = &origin->conf.addresses;
	struct guest_link *link = &net->link[index];
	const struct toe *own = &net->inv->toe[link->toe_row];

	if (link->ip.addr.family && range_has(range, &link->ip.addr)) {
		*ip = range->first;
		ip->addr = link->ip.addr;
		return 0;
	}
	memcpy(link->from, own->conf.name, sizeof(link->from));
	return guest_take_address(net, &own->conf.addresses, ip);
}

int guest_link_follow(struct guest_net *net, uint32_t index, char *error)
{
	struct guest_link *link = &net->link[index];
	const struct toe_control *control = toe_control_find(link->driver);
	const struct toe *origin;
	struct toe_address ip;
	int err, failed;

	if (!link->from[0] || guest_link_state(net, index) == TOE_ABSENT)
		return -EALREADY;
	/* a TOE that is configured no more has left its addresses behind */
	origin = inventory_find(net->inv, link->from);
	if (!origin || !control || !control->context_address)
		return -EALREADY;
	err = wanted(net, index, origin, &ip);
	if (!memcmp(&ip, &link->ip, sizeof(ip)))
		return -EALREADY;
	failed = guest_set_address(net, index, &ip, error);
	if (err && !failed)
		entry_wrong(error, "toe %s: no address is left of its addresses",
			    link->toe);
	return err ? err : failed;
}
