/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>

#include "guest_parts.h"
#include "traffic.h"

void traffic_add(struct toe_traffic *sum, const struct toe_traffic *more)
{
	sum->tx_bytes += more->tx_bytes;
	sum->tx_packets += more->tx_packets;
	sum->rx_bytes += more->rx_bytes;
	sum->rx_packets += more->rx_packets;
}

void traffic_keep(struct guest_net *net, const struct guest_net *from,
		  uint32_t index)
{
	const struct guest_link *link = &from->link[index];
	struct guest_past *past = &net->past[link->toe_row];
	struct toe_traffic traffic;

	if (guest_link_traffic(from, index, &traffic))
		return; /* it has vanished already */
	/* the row has another TOE since it was retired */
	if (past->generation > link->toe_generation)
		return;
	if (past->generation < link->toe_generation)
		*past = (struct guest_past){.generation = link->toe_generation};
	traffic_add(&past->traffic, &traffic);
}

static bool was_on(const struct guest_net *net, const struct toe *toe)
{
	return net->past[toe->row].generation ==
	       inventory_generation(net->inv, toe);
}

void traffic_leave(struct guest_net *net)
{
	struct toe *toe;
	uint32_t i;

	for (i = 0; i < TOE_TABLE_MAX; i++) {
		toe = &net->inv->toe[i];
		if (toe->conf.name[0] && was_on(net, toe))
			traffic_add(&toe->past, &net->past[i].traffic);
	}
}

/* By links that were left a moment ago; false: there are none. */
static bool add_retired(const struct guest_net *net, const struct toe *toe,
			struct toe_traffic *sum)
{
	struct toe_traffic traffic;
	struct guest_net left;
	bool any = false;
	uint32_t i;

	for (i = 0; i < GUEST_LINKS_MAX; i++) {
		if (!guest_retired(net, i, &left) ||
		    !guest_link_is_on(&left, i, toe))
			continue;
		any = true;
		if (!guest_link_traffic(&left, i, &traffic))
			traffic_add(sum, &traffic);
	}
	return any;
}

int traffic_of_guest(const struct guest_net *net, const struct toe *toe,
		     struct toe_traffic *traffic)
{
	struct toe_traffic sum = {0}, now;
	int err, result = -ENOENT;
	uint32_t i;

	if (was_on(net, toe)) {
		sum = net->past[toe->row].traffic;
		result = 0;
	}
	if (add_retired(net, toe, &sum))
		result = 0;
	for (i = 0; i < GUEST_LINKS_MAX; i++) {
		if (!guest_link_is_on(net, i, toe))
			continue;
		err = guest_link_traffic(net, i, &now);
		if (!err)
			traffic_add(&sum, &now);
		/* one that has vanished has nothing to add any more */
		if (result)
			result = err == -ENODEV ? 0 : err;
	}
	if (!result)
		*traffic = sum;
	return result;
}
