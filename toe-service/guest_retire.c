/* SPDX-License-Identifier: GPL-2.0 */
/* guest_retire.c - links that were left, and take what is on its way to them. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "../common/log.h"
#include "guest_parts.h"
#include "stack.h"
#include "traffic.h"

/*
 * What peers have sent to it is there long before; what waits in the guest's own
 * queue, at its rate, may take as long as TCP waits before it sends it once more.
 */
#define RETIRED_NS 300000000ull
/*
 * To one without a cable nothing is on its way; but it takes long to remove, and
 * connections need not wait for that: vtoed's loop does it, when the worker has been
 * told. Not later, as the cable may come back, and then the old link would answer for
 * the addresses.
 */
#define RETIRED_CUT_NS 0ull

static bool is_cut(enum toe_state state)
{
	return state == TOE_DOWN || state == TOE_GONE;
}

static void due(struct loop_timer *timer);

static void arm(struct guest_net *net)
{
	uint64_t first = 0, now = loop_now(), at;
	uint32_t i;

	for (i = 0; i < GUEST_LINKS_MAX; i++) {
		at = net->retired[i].end_ns;
		if (at && (!first || at < first))
			first = at;
	}
	if (first)
		loop_arm(net->inv->loop, &net->retired_timer,
			 first > now ? first - now : 0, due);
	else
		loop_disarm(&net->retired_timer);
}

bool guest_retired(const struct guest_net *net, uint32_t index,
		   struct guest_net *left)
{
	if (!net->retired[index].end_ns)
		return false;
	*left = *net;
	left->link[index] = net->retired[index].link;
	return true;
}

static void due(struct loop_timer *timer)
{
	struct guest_net *net =
		(struct guest_net *)((char *)timer -
				     offsetof(struct guest_net, retired_timer));
	uint64_t now = loop_now();
	uint32_t i;

	for (i = 0; i < GUEST_LINKS_MAX; i++)
		if (net->retired[i].end_ns <= now)
			guest_retired_end(net, i);
	arm(net);
}

static void remove_left(struct guest_net *net, const struct guest_net *left,
			uint32_t index)
{
	traffic_keep(net, left, index);
	guest_unmake_link(left, index);
}

void guest_retired_end(struct guest_net *net, uint32_t index)
{
	struct guest_net left;

	if (!guest_retired(net, index, &left))
		return;
	net->retired[index] = (struct guest_retired){0};
	remove_left(net, &left, index);
	arm(net);
}

/*
 * To another stack the connections have gone, too. And a link with a lease has the
 * MAC address of the one that takes its place: on a segment that is flooded each
 * datagram would come twice.
 */
static bool may_retire(const struct guest_net *net,
		       const struct guest_net *left, uint32_t index)
{
	const struct guest_link *link = &left->link[index];

	return !strcmp(net->link[index].driver, link->driver) && !link->dhcp;
}

static int retire(const struct guest_net *left, uint32_t index)
{
	const struct toe_control *control =
		toe_control_find(left->link[index].driver);
	struct toe_context_spec spec;

	if (!control || !control->context_retire)
		return -EOPNOTSUPP;
	guest_make_spec(left, index, &spec);
	return control->context_retire(&spec);
}

void guest_leave_link(struct guest_net *net, const struct guest_net *left,
		      uint32_t index)
{
	bool cut = is_cut(guest_link_state(left, index));
	uint64_t still_ns = cut ? RETIRED_CUT_NS : RETIRED_NS;
	int err = -EOPNOTSUPP;

	guest_retired_end(net, index);
	if (may_retire(net, left, index))
		err = cut ? 0 : retire(left, index);
	if (!err) {
		net->retired[index] = (struct guest_retired){
			.link = left->link[index],
			.end_ns = loop_now() + still_ns,
		};
		arm(net);
		return;
	}
	if (err == -ENODEV)
		return; /* it went with its NIC */
	if (err != -EOPNOTSUPP)
		log_warn("%s: what is on its way to toe %s may be lost: %s",
			 left->name, left->link[index].toe, strerror(-err));
	remove_left(net, left, index);
}
