/* SPDX-License-Identifier: GPL-2.0 */
/* guest_range.c - what links have of the ranges and routes of a TOE. */
#include <errno.h>
#include <string.h>

#include "guest_parts.h"
#include "range.h"
#include "route.h"
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

const struct toe_address *guest_link_ip(const struct guest_net *net,
					uint32_t index, uint16_t family)
{
	const struct guest_link *link = &net->link[index];

	return family == VTOE_INET ? &link->ip : &link->ip6;
}

static const struct address_range *range_of(const struct toe *toe,
					    uint16_t family)
{
	return family == VTOE_INET ? &toe->conf.addresses
				   : &toe->conf.addresses6;
}

/* TABLE_NAME_MAX bytes. */
static char *from_of(struct guest_link *link, uint16_t family)
{
	return family == VTOE_INET ? link->from : link->from6;
}

/*
 * What it should have by the configuration: the address that it has, as long as
 * that is of the range that it was taken from, or else one of its TOE's now.
 */
static int wanted(struct guest_net *net, uint32_t index, uint16_t family,
		  const struct toe *origin, struct toe_address *ip)
{
	const struct toe_address *has = guest_link_ip(net, index, family);
	const struct address_range *range = range_of(origin, family);
	struct guest_link *link = &net->link[index];
	const struct toe *own = &net->inv->toe[link->toe_row];

	if (has->addr.family && range_has(range, &has->addr)) {
		*ip = range->first;
		ip->addr = has->addr;
		return 0;
	}
	memcpy(from_of(link, family), own->conf.name, TABLE_NAME_MAX);
	return guest_take_address(net, range_of(own, family), ip);
}

int guest_link_follow(struct guest_net *net, uint32_t index, uint16_t family,
		      char *error)
{
	struct guest_link *link = &net->link[index];
	const struct toe_control *control = toe_control_find(link->driver);
	const char *from = from_of(link, family);
	const struct toe *origin;
	struct toe_address ip;
	int err, failed;

	if (!from[0] || guest_link_state(net, index) == TOE_ABSENT)
		return -EALREADY;
	/* a TOE that is configured no more has left its addresses behind */
	origin = inventory_find(net->inv, from);
	if (!origin || !control || !control->context_address)
		return -EALREADY;
	err = wanted(net, index, family, origin, &ip);
	if (!memcmp(&ip, guest_link_ip(net, index, family), sizeof(ip)))
		return -EALREADY;
	failed = guest_set_address(net, index, family, &ip, error);
	if (err && !failed)
		entry_wrong(error, "toe %s: no address is left of its addresses",
			    link->toe);
	return err ? err : failed;
}

int guest_link_follow_routes(struct guest_net *net, uint32_t index, char *error)
{
	struct guest_link *link = &net->link[index];
	const struct toe_control *control = toe_control_find(link->driver);
	const struct toe *toe = &net->inv->toe[link->toe_row];
	char why[TOE_ERROR_MAX] = "";
	struct toe_context_spec spec;
	bool same;
	int err;

	if (guest_link_state(net, index) == TOE_ABSENT || !control ||
	    !control->context_routes)
		return -EALREADY;
	same = route_same(&link->routes, &toe->conf.routes);
	if (same && !link->routes_due)
		return -EALREADY;
	link->routes = toe->conf.routes;
	guest_make_spec(net, index, &spec);
	err = control->context_routes(&spec, why);
	/* a link that is away is made with them later */
	link->routes_due = err && err != -ENODEV;
	if (!link->routes_due)
		return same ? -EALREADY : 0;
	entry_wrong(error, "%s", why[0] ? why : strerror(-err));
	return err;
}
