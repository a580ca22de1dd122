/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/log.h"
#include "guest.h"
#include "sharing.h"
#include "stack.h"

#define SOON_NS 1u /* after what the loop is at */
/*
 * "auto": so much of what the device says that it can send. The rest are
 * preambles, gaps and checksums (24 bytes a frame), which no packet's length
 * has.
 */
#define AUTO_PERCENT	     95u
#define BYTES_PER_S_AND_MBIT 125000ull

/* ---- numbers ---- */

static bool number_used(const struct inventory *inv, uint32_t number)
{
	const struct guest_net *net;

	for (net = inv->guests; net; net = net->next)
		if (net->share == number)
			return true;
	return false;
}

/* Returns 0 if there are too many devices: such a one counts as dom0's own. */
static uint32_t number_of(struct guest_net *net)
{
	uint32_t n;

	for (n = 1; !net->share && n <= TOE_SHARES_MAX; n++)
		if (!number_used(net->inv, n))
			net->share = n;
	return net->share;
}

/* ---- one TOE ---- */

/* ... and on the device that it has now. */
static bool is_on(const struct guest_net *net, uint32_t index,
		  const struct toe *toe)
{
	return guest_link_is_on(net, index, toe) &&
	       net->link[index].ifindex == toe->ifindex;
}

static bool has_link(const struct guest_net *net, const struct toe *toe)
{
	uint32_t i;

	for (i = 0; i < GUEST_LINKS_MAX; i++)
		if (is_on(net, i, toe))
			return true;
	return false;
}

/* All devices on it; returns how many. @share: room for all that there are */
static uint32_t collect(const struct inventory *inv, const struct toe *toe,
			struct toe_share *share)
{
	struct guest_net *net;
	uint32_t nr = 0;

	for (net = inv->guests; net; net = net->next) {
		if (!has_link(net, toe) || !number_of(net))
			continue;
		share[nr++] = (struct toe_share){.number = net->share,
						 .weight = net->entry.share};
	}
	return nr;
}

static int mark_links(struct inventory *inv, const struct toe *toe, char *error)
{
	struct guest_net *net;
	int err, result = 0;
	uint32_t i;

	for (net = inv->guests; net; net = net->next) {
		for (i = 0; i < GUEST_LINKS_MAX; i++) {
			if (!is_on(net, i, toe) ||
			    net->link[i].share == net->share)
				continue;
			err = guest_link_share(net, i, net->share, error);
			if (err)
				result = err;
		}
	}
	return result;
}

static uint64_t rate_of(const struct toe *toe)
{
	if (toe->conf.rate != CONFIG_RATE_AUTO)
		return toe->conf.rate;
	return (uint64_t)toe->has.speed_mbit * BYTES_PER_S_AND_MBIT *
	       AUTO_PERCENT / 100;
}

static int set_shares(struct inventory *inv, struct toe *toe, uint64_t rate,
		      struct toe_share *share, char *error)
{
	const struct toe_control *control = toe_control_find(toe->conf.driver);
	char device[TABLE_IFNAME_MAX];
	struct toe_sharing sharing = {
		.netdev = device, .rate = rate, .share = share};
	int err;

	if (!control || !control->share)
		return -EOPNOTSUPP; /* nor has it a rate */
	inventory_device(toe, device);
	if (rate)
		sharing.nr = collect(inv, toe, share);
	err = control->share(&sharing, error);
	return err || !rate ? err : mark_links(inv, toe, error);
}

static void set_error(struct toe *toe, const char *error)
{
	if (*error && strcmp(toe->sharing.error, error))
		log_warn("toe %s: its guests do not share its rate: %s",
			 toe->conf.name, error);
	memcpy(toe->sharing.error, error, strlen(error) + 1);
}

static void update(struct inventory *inv, struct toe *toe,
		   struct toe_share *share)
{
	uint64_t rate = rate_of(toe);
	char error[TOE_ERROR_MAX] = "";
	int err;

	if (!toe->ifindex) { /* and its qdisc has gone with it */
		toe->sharing.rate = 0;
		return;
	}
	if (!toe->conf.rate && toe->sharing.looked && !toe->sharing.rate)
		return;
	err = set_shares(inv, toe, rate, share, error);
	toe->sharing.looked = true;
	toe->sharing.rate = err ? 0 : rate;
	if (!err && toe->conf.rate && !rate)
		snprintf(error, sizeof(error),
			 "%s does not say its speed: give a number as rate",
			 toe->conf.netdev);
	else if (err && toe->conf.rate && !*error)
		snprintf(error, sizeof(error), "%s", strerror(-err));
	else if (!err || !toe->conf.rate)
		error[0] = 0;
	set_error(toe, error);
}

/* ---- all ---- */

static uint32_t count_guests(const struct inventory *inv)
{
	const struct guest_net *net;
	uint32_t n = 0;

	for (net = inv->guests; net; net = net->next)
		n++;
	return n;
}

static void due(struct loop_timer *timer)
{
	struct inventory *inv =
		(struct inventory *)((char *)timer -
				     offsetof(struct inventory, share_timer));
	/* one more, as nothing may be NULL, too */
	struct toe_share *share = calloc(count_guests(inv) + 1, sizeof(*share));
	uint32_t i;

	if (!share)
		return; /* the next change will do */
	for (i = 0; i < TOE_TABLE_MAX; i++)
		if (inv->toe[i].conf.name[0])
			update(inv, &inv->toe[i], share);
	free(share);
}

void sharing_mark(struct inventory *inv)
{
	if (inv->sharing && !inv->share_timer.due_ns)
		loop_arm(inv->loop, &inv->share_timer, SOON_NS, due);
}

void sharing_start(struct inventory *inv)
{
	inv->sharing = true;
	sharing_mark(inv);
}

void sharing_stop(struct inventory *inv)
{
	inv->sharing = false;
	loop_disarm(&inv->share_timer);
}

void sharing_end(const struct toe_row *row)
{
	const struct toe_control *control;
	struct toe_sharing none = {.netdev = row->netdev};
	char error[TOE_ERROR_MAX];

	if (row->state == TOE_ABSENT)
		return;
	control = toe_control_find(row->driver);
	if (control && control->share && control->share(&none, error))
		log_warn("toe %s: %s", row->name, error);
}
