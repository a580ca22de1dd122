/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../common/log.h"
#include "device_network.h"
#include "device_nodes.h"

#define NS_PER_S 1000000000ull

/* ---- what the worker knows ---- */

void device_fill_toe(const struct device *device, uint32_t index,
		     struct worker_toe *toe)
{
	const struct guest_link *link = &device->net->link[index];

	*toe = (struct worker_toe){.row = WORKER_NO_TOE};
	if (!guest_link_used(device->net, index))
		return;
	toe->row = link->toe_row;
	toe->generation = link->toe_generation;
	toe->ip = link->ip;
	toe->ip6 = link->ip6;
	toe->routes = link->routes;
	snprintf(toe->driver, sizeof(toe->driver), "%s", link->driver);
	snprintf(toe->settings, sizeof(toe->settings), "%s", link->settings);
}

static void tell_toe(struct device *device, uint32_t index, uint32_t left)
{
	struct worker_toe toe;

	if (!device->worker)
		return;
	device_fill_toe(device, index, &toe);
	toe.left = left;
	worker_set_toe(device->worker, index, &toe);
}

static bool same_network(const struct worker_toe *a,
			 const struct worker_toe *b)
{
	return !memcmp(&a->ip, &b->ip, sizeof(a->ip)) &&
	       !memcmp(&a->ip6, &b->ip6, sizeof(a->ip6)) &&
	       !memcmp(&a->routes, &b->routes, sizeof(a->routes));
}

static bool same_place(const struct worker_toe *a, const struct worker_toe *b)
{
	return a->row == b->row &&
	       (a->row == WORKER_NO_TOE || a->generation == b->generation);
}

void device_compare_toes(struct device *device)
{
	const struct worker_toe *was = device->worker->toe;
	struct worker_toe is;
	uint32_t i;

	for (i = 0; device->net && i < GUEST_LINKS_MAX; i++) {
		device_fill_toe(device, i, &is);
		if (!same_place(&was[i], &is)) {
			tell_toe(device, i,
				 was[i].row < TOE_TABLE_MAX
					 ? inventory_state(device->be->inv,
							   was[i].row,
							   was[i].generation)
					 : TOE_ABSENT);
			continue;
		}
		if (is.row != WORKER_NO_TOE && !same_network(&was[i], &is))
			tell_toe(device, i, CONTEXT_LEFT_ADDRESS);
		guest_link_release(device->net, i);
	}
}

void device_arrived(struct device *device, uint32_t index)
{
	if (device->net)
		guest_link_release(device->net, index);
}

void device_release_links(struct device *device)
{
	uint32_t i;

	for (i = 0; device->net && i < GUEST_LINKS_MAX; i++)
		guest_link_release(device->net, i);
}

/* ---- links ---- */

/*
 * A link is made, after it was on a TOE of that state; and that is written down,
 * before the worker acts on it: the next vtoed goes by what is written.
 */
static void settled(struct device *device, uint32_t index, enum toe_state left)
{
	device->net->link[index].loss[GUEST_LOSS_TOE].since_ns = 0;
	tell_toe(device, index, left);
	device_clear_error(device);
}

/* Likewise, and all about it may be another. */
static void remade(struct device *device, uint32_t index, enum toe_state left)
{
	device_put_link(device, index);
	settled(device, index, left);
}

typedef int move_fn(struct guest_net *net, uint32_t index, char *error);

/* True if it has moved; why it could not, but for -EALREADY, is logged. */
static bool relocate(struct device *device, uint32_t index, move_fn *move)
{
	enum toe_state left = guest_link_state(device->net, index);
	const struct guest_link *link = &device->net->link[index];
	char from[TABLE_NAME_MAX], error[ENTRY_ERROR_MAX];
	int err;

	memcpy(from, link->toe, sizeof(from));
	err = move(device->net, index, error);
	if (err == -EALREADY)
		return false;
	if (err) {
		log_warn("device %u/%u (%s): stays on toe %s: %s",
			 device->domid, device->devid, device->name, from,
			 error);
		return false;
	}
	device_put_place(device, index);
	settled(device, index, left);
	device_put_toes(device);
	log_info("device %u/%u (%s): moved from toe %s to %s", device->domid,
		 device->devid, device->name, from, link->toe);
	return true;
}

unsigned int device_rebalance(struct device *device)
{
	unsigned int moves = 0;
	uint32_t i;

	if (!device->net || device->removing)
		return 0;
	for (i = 0; i < GUEST_LINKS_MAX; i++)
		if (guest_link_used(device->net, i))
			moves += relocate(device, i, guest_link_rebalance);
	return moves;
}

static void renewed(struct device *device, uint32_t index)
{
	char error[ENTRY_ERROR_MAX];

	if (guest_link_renew(device->net, index, !device->worker, error)) {
		device_set_error(device, "%s", error);
		return;
	}
	log_info("device %u/%u (%s): network made again, on toe %s",
		 device->domid, device->devid, device->name,
		 device->net->link[index].toe);
	remade(device, index, TOE_GONE);
}

static void removed(struct device *device, uint32_t index)
{
	log_info("device %u/%u (%s): toe %s is configured no more: what was on "
		 "it is reset",
		 device->domid, device->devid, device->name,
		 device->net->link[index].toe);
	guest_link_remove(device->net, index);
	remade(device, index, TOE_ABSENT);
}

static void link_changed(struct device *device, uint32_t index)
{
	/* to a sibling of a TOE that cannot be used, with all that is open */
	if (guest_link_sibling(device->net, index) &&
	    relocate(device, index, guest_link_move))
		return;
	if (index &&
	    guest_link_state(device->net, index) == TOE_ABSENT)
		removed(device, index);
	else if (guest_link_stale(device->net, index))
		renewed(device, index);
}

/* True if it has another address, or gateway, of that family, or none any more. */
static bool follow(struct device *device, uint32_t index, uint16_t family)
{
	const char *version = family == VTOE_INET ? "IPv4" : "IPv6";
	char error[ENTRY_ERROR_MAX], ip[ENTRY_ADDR_MAX];
	int err = guest_link_follow(device->net, index, family, error);

	if (err == -EALREADY)
		return false;
	entry_ip_text(guest_link_ip(device->net, index, family), ip);
	if (err)
		log_warn("device %u/%u (%s): has no %s address: %s",
			 device->domid, device->devid, device->name, version,
			 error);
	else
		log_info("device %u/%u (%s): by toe %s its %s address is %s now",
			 device->domid, device->devid, device->name,
			 device->net->link[index].toe, version,
			 *ip ? ip : "none");
	return true;
}

/* True if it has other routes, or should have. */
static bool follow_routes(struct device *device, uint32_t index)
{
	char error[ENTRY_ERROR_MAX];
	int err = guest_link_follow_routes(device->net, index, error);

	if (err == -EALREADY)
		return false;
	if (err)
		log_warn("device %u/%u (%s): has not all routes of toe %s: %s",
			 device->domid, device->devid, device->name,
			 device->net->link[index].toe, error);
	else
		log_info("device %u/%u (%s): by toe %s it has other routes now",
			 device->domid, device->devid, device->name,
			 device->net->link[index].toe);
	return true;
}

static void addresses_changed(struct device *device, uint32_t index)
{
	bool changed = follow(device, index, VTOE_INET);

	changed |= follow(device, index, VTOE_INET6);
	changed |= follow_routes(device, index);
	if (changed)
		device_readdressed(device, index);
}

static void more_links(struct device *device)
{
	int index;

	while ((index = guest_net_add(device->net, !device->worker)) >= 0) {
		log_info("device %u/%u (%s): on toe %s, too", device->domid,
			 device->devid, device->name,
			 device->net->link[index].toe);
		remade(device, (uint32_t)index, TOE_ABSENT);
	}
}

/* ---- lost TOEs ---- */

static bool fails(enum toe_state state)
{
	return state == TOE_DOWN || state == TOE_GONE || state == TOE_ABSENT;
}

/* Its connections are given up. */
static void give_up(struct device *device, uint32_t index, unsigned int what)
{
	const char *toe = device->net->link[index].toe;

	if (what == GUEST_LOSS_TOE)
		log_info("device %u/%u (%s): toe %s is lost: its connections "
			 "are reset", device->domid, device->devid,
			 device->name, toe);
	if (!device->worker)
		return;
	if (what == GUEST_LOSS_TOE)
		worker_lost(device->worker, index,
			    guest_link_state(device->net, index), true);
	else
		worker_no_address(device->worker, index,
				  what == GUEST_LOSS_IP ? VTOE_INET
							: VTOE_INET6);
}

static bool is_lost(const struct device *device, uint32_t index,
		    unsigned int what)
{
	const struct guest_link *link = &device->net->link[index];

	switch (what) {
	case GUEST_LOSS_TOE:
		return fails(guest_link_state(device->net, index));
	case GUEST_LOSS_IP:
		return (link->dhcp || link->from[0]) && !link->ip.addr.family;
	default:
		return link->from6[0] && !link->ip6.addr.family;
	}
}

/* Returns when its connections are to be reset, or 0. */
static uint64_t check_loss(struct device *device, uint32_t index,
			   unsigned int what)
{
	struct guest_loss *loss = &device->net->link[index].loss[what];
	uint64_t now = loop_now(), due;

	if (!is_lost(device, index, what)) {
		*loss = (struct guest_loss){0};
		return 0;
	}
	if (!loss->since_ns) {
		*loss = (struct guest_loss){.since_ns = now};
		if (device->worker && what == GUEST_LOSS_TOE)
			worker_lost(device->worker, index,
				    guest_link_state(device->net, index),
				    false);
	}
	if (loss->given_up)
		return 0;
	due = loss->since_ns + device->entry.wait_s * NS_PER_S;
	if (due > now)
		return due;
	loss->given_up = true;
	give_up(device, index, what);
	return 0;
}

static void loss_due(struct loop_timer *timer);

static void check_losses(struct device *device)
{
	uint64_t due, first = 0;
	uint32_t i;

	for (i = 0; i < GUEST_LINKS_MAX * GUEST_LOSSES; i++) {
		if (!guest_link_used(device->net, i / GUEST_LOSSES))
			continue;
		due = check_loss(device, i / GUEST_LOSSES, i % GUEST_LOSSES);
		if (due && (!first || due < first))
			first = due;
	}
	if (first)
		loop_arm(device->be->loop, &device->loss, first - loop_now(),
			 loss_due);
	else
		loop_disarm(&device->loss);
}

static void loss_due(struct loop_timer *timer)
{
	struct device *device =
		(struct device *)((char *)timer -
				  offsetof(struct device, loss));

	if (device->net)
		check_losses(device);
}

void device_network_changed(struct device *device)
{
	uint32_t i;

	if (!device->net || device->removing) {
		device_retry(device);
		return;
	}
	for (i = 0; i < GUEST_LINKS_MAX; i++)
		if (guest_link_used(device->net, i))
			link_changed(device, i);
	for (i = 0; i < GUEST_LINKS_MAX; i++)
		if (guest_link_used(device->net, i))
			addresses_changed(device, i);
	more_links(device);
	check_losses(device);
}

void device_readdressed(struct device *device, uint32_t index)
{
	tell_toe(device, index, CONTEXT_LEFT_ADDRESS);
	device_put_link(device, index);
	check_losses(device);
}
