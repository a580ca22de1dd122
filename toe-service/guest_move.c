/* SPDX-License-Identifier: GPL-2.0 */
/* guest_move.c - where a guest's link may move to, and its way there. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../common/log.h"
#include "guest_parts.h"
#include "netns.h"
#include "pool.h"
#include "stack.h"

/* ---- drivers between which connections move ---- */

static bool moves(const char *driver)
{
	const struct toe_control *control = toe_control_find(driver);

	return control && control->moves;
}

static bool has_driver(const struct guest_net *net, const char *driver)
{
	uint32_t i;

	for (i = 0; i < CONTEXT_DRIVERS_MAX; i++)
		if (!strcmp(net->driver[i], driver))
			return true;
	return false;
}

/* Has a pool two TOEs between which connections can move, this one of them? */
static bool has_counterpart(const struct config *config,
			    const struct config_pool *pool,
			    const struct config_toe *toe)
{
	const struct config_toe *other;
	uint32_t i;

	for (i = 0; i < pool->nr_toes; i++) {
		other = &config->toe[pool->toe[i]];
		if (strcmp(other->driver, toe->driver) &&
		    !strcmp(other->segment, toe->segment) &&
		    moves(other->driver))
			return true;
	}
	return false;
}

static void collect_drivers(struct guest_net *net)
{
	const struct config *config = net->inv->config;
	const struct config_pool *pool =
		config_find_pool(config, net->entry.pool);
	const struct config_toe *toe;
	uint32_t i, nr = 0;

	memset(net->driver, 0, sizeof(net->driver));
	for (i = 0; pool && i < pool->nr_toes && nr < CONTEXT_DRIVERS_MAX; i++) {
		toe = &config->toe[pool->toe[i]];
		if (toe->segment[0] && moves(toe->driver) &&
		    !has_driver(net, toe->driver) &&
		    has_counterpart(config, pool, toe))
			snprintf(net->driver[nr++], TABLE_NAME_MAX, "%s",
				 toe->driver);
	}
}

void guest_net_ready(struct guest_net *net)
{
	const struct toe_control *control;
	uint32_t i;
	int err;

	collect_drivers(net);
	for (i = 0; i < CONTEXT_DRIVERS_MAX && net->driver[i][0]; i++) {
		control = toe_control_find(net->driver[i]);
		if (!control || !control->no_timestamps)
			continue;
		err = netns_set(net->netns, "ipv4/tcp_timestamps", "0");
		if (err)
			log_warn("%s: TCP time stamps stay: %s", net->name,
				 strerror(-err));
	}
}

int guest_net_assist(const struct guest_net *net, const char *driver,
		     enum toe_assist what, int fd)
{
	const struct toe_control *control =
		has_driver(net, driver) ? toe_control_find(driver) : NULL;

	if (!control || !control->assist ||
	    (what != TOE_ASSIST_FREEZE && what != TOE_ASSIST_THAW))
		return -EPERM;
	return control->assist(net->netns, fd, what);
}

void guest_link_release(struct guest_net *net, uint32_t index)
{
	const struct toe_control *control;
	struct toe_context_spec spec;
	int err;

	if (!guest_link_used(net, index) || !net->link[index].held)
		return;
	net->link[index].held = false;
	control = toe_control_find(net->link[index].driver);
	if (!control || !control->context_release)
		return;
	guest_make_spec(net, index, &spec);
	err = control->context_release(&spec);
	if (err)
		log_error("%s: the link of toe %s stays deaf: %s", net->name,
			  spec.toe, strerror(-err));
}

/* Where a link's connections can go to with another stack, or NULL. */
static const char *other_driver(const struct guest_net *net, uint32_t index,
				const struct config_pool *pool)
{
	const struct guest_link *link = &net->link[index];
	uint32_t i;

	if (!has_driver(net, link->driver))
		return NULL;
	for (i = 0; i < CONTEXT_DRIVERS_MAX; i++)
		if (net->driver[i][0] && strcmp(net->driver[i], link->driver) &&
		    pool_choose(net->inv, pool, link->segment, net->driver[i],
				0))
			return net->driver[i];
	return NULL;
}

bool guest_link_sibling(const struct guest_net *net, uint32_t index)
{
	const struct config_pool *pool =
		config_find_pool(net->inv->config, net->entry.pool);
	const struct guest_link *link = &net->link[index];

	if (!pool || !link->segment[0])
		return false;
	/* a new netdev of its own TOE is for guest_link_renew() */
	if (guest_link_state(net, index) == TOE_UP &&
	    pool_has(net->inv, pool, &net->inv->toe[link->toe_row]))
		return false;
	return pool_choose(net->inv, pool, link->segment, link->driver, 0) ||
	       other_driver(net, index, pool);
}

/* A held link has none before the old one is gone. */
static void give_addresses(struct guest_net *net, uint32_t index)
{
	struct guest_link *link = &net->link[index];
	const struct toe_control *control = toe_control_find(link->driver);
	char why[TOE_ERROR_MAX] = "";
	struct toe_context_spec spec;
	int err;

	if (!link->held || !control || !control->context_install)
		return;
	guest_make_spec(net, index, &spec);
	err = control->context_install(&spec, why);
	if (!err)
		return;
	log_error("%s: toe %s: its link has no addresses: %s", net->name,
		  link->toe, why[0] ? why : strerror(-err));
	link->ifindex = 0; /* stale: to be made again */
}

static int move(struct guest_net *net, uint32_t index,
		const struct config_pool *pool, uint64_t but, char *error)
{
	struct guest_net before = *net;
	struct guest_link *old = &before.link[index];
	struct guest_wish wish = {.segment = old->segment,
				  .driver = old->driver,
				  .from = net->served ? old->driver : NULL,
				  .but = but};
	const char *other = other_driver(net, index, pool);
	int err = guest_place(net, index, pool, &wish, error);

	if (err && other) {
		wish.driver = other;
		err = guest_place(net, index, pool, &wish, error);
	}
	if (err) {
		net->link[index] = *old;
		return err;
	}
	if (net->link[index].toe_row != old->toe_row)
		guest_leave_link(net, &before, index);
	give_addresses(net, index);
	guest_recount(net->inv);
	return 0;
}

int guest_link_move(struct guest_net *net, uint32_t index, char *error)
{
	const struct config_pool *pool =
		guest_find_pool(net->inv, &net->entry, error);

	return pool ? move(net, index, pool, 0, error) : -EINVAL;
}

int guest_link_rebalance(struct guest_net *net, uint32_t index, char *error)
{
	const struct config_pool *pool =
		guest_find_pool(net->inv, &net->entry, error);
	const struct guest_link *link = &net->link[index];
	uint64_t own = 1ull << link->toe_row;
	const struct toe *other;

	if (!pool)
		return -EINVAL;
	other = link->segment[0] ? pool_choose(net->inv, pool, link->segment,
					       link->driver, own)
				 : NULL;
	if (!other ||
	    !pool_better(net->inv, pool, &net->inv->toe[link->toe_row], other))
		return guest_fail(error, -EALREADY, "no other toe is better");
	return move(net, index, pool, own, error);
}
