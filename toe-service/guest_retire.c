/* SPDX-License-Identifier: GPL-2.0 */
/* guest_retire.c - links that were left, and take what is on its way to them. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "../common/log.h"
#include "guest_parts.h"
#include "stack.h"

/*
 * What peers have sent to it is there long before; what waits in the guest's own
 * queue, at its rate, may take as long as TCP waits before it sends it once more.
 */
#define RETIRED_NS 300000000ull

static bool is_cut(enum toe_state state)
{
	return state == TOE_DOWN || state == TOE_GONE;
}

static void due(struct loop_timer *timer);

static void arm(struct guest_net *net)
{
	uint64_t first = 0, now = loop_now();
	uint32_t i;

	for (i = 0; i < GUEST_LINKS_MAX; i++)
		if (net->retired_ns[i] &&
		    (!first || net->retired_ns[i] < first))
			first = net->retired_ns[i];
	if (first)
		loop_arm(net->inv->loop, &net->retired_timer,
			 first > now ? first - now : 0, due);
	else
		loop_disarm(&net->retired_timer);
}

static void due(struct loop_timer *timer)
{
	struct guest_net *net =
		(struct guest_net *)((char *)timer -
				     offsetof(struct guest_net, retired_timer));
	uint64_t now = loop_now();
	uint32_t i;

	for (i = 0; i < GUEST_LINKS_MAX; i++)
		if (net->retired_ns[i] && net->retired_ns[i] <= now)
			guest_retired_end(net, i);
	arm(net);
}

void guest_retired_end(struct guest_net *net, uint32_t index)
{
	struct guest_net left;

	if (!net->retired_ns[index])
		return;
	left = *net;
	left.link[index] = net->retired[index];
	guest_unmake_link(&left, index);
	net->retired[index] = (struct guest_link){0};
	net->retired_ns[index] = 0;
	arm(net);
}

/*
 * To another stack the connections have gone, too. And a link with a lease has the
 * MAC address of the one that takes its place: on a segment that is flooded each
 * datagram would come twice. One on a NIC without a cable hears nothing, but it takes
 * long to remove, and the connections need not wait for that.
 */
static bool may_retire(const struct guest_net *net,
		       const struct guest_net *left, uint32_t index)
{
	const struct guest_link *link = &left->link[index];

	return !strcmp(net->link[index].driver, link->driver) && !link->dhcp;
}

void guest_leave_link(struct guest_net *net, const struct guest_net *left,
		      uint32_t index)
{
	const struct toe_control *control =
		toe_control_find(left->link[index].driver);
	struct toe_context_spec spec;
	int err = -EOPNOTSUPP;

	guest_retired_end(net, index);
	if (control && control->context_retire &&
	    may_retire(net, left, index)) {
		guest_make_spec(left, index, &spec);
		err = control->context_retire(
			&spec, is_cut(guest_link_state(left, index)));
		if (err && err != -ENODEV)
			log_warn("%s: what is on its way to toe %s may be "
				 "lost: %s", net->name, spec.toe,
				 strerror(-err));
	}
	if (err) {
		guest_unmake_link(left, index);
		return;
	}
	net->retired[index] = left->link[index];
	net->retired_ns[index] = loop_now() + RETIRED_NS;
	arm(net);
}
