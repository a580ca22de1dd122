/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/log.h"
#include "dhcp.h"
#include "guest.h"
#include "guest_parts.h"
#include "netns.h"
#include "pool.h"
#include "sharing.h"
#include "stack.h"
#include "traffic.h"

int guest_fail(char *error, int err, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(error, ENTRY_ERROR_MAX, format, ap);
	va_end(ap);
	return err;
}

/* ---- checks ---- */

const struct config_pool *
guest_find_pool(struct inventory *inv, const struct entry *entry, char *error)
{
	const struct config_pool *pool;

	pool = config_find_pool(inv->config, entry->pool);
	if (!pool)
		guest_fail(error, 0, "pool: there is no pool \"%s\" in vtoed.conf",
			   entry->pool);
	return pool;
}

bool guest_same_address(const struct vtoe_addr *a, const struct vtoe_addr *b)
{
	return a->family && a->family == b->family &&
	       !memcmp(a->addr, b->addr, sizeof(a->addr));
}

static bool net_has(const struct guest_net *net, const struct vtoe_addr *addr)
{
	uint32_t i;

	if (guest_same_address(&net->entry.ip.addr, addr) ||
	    guest_same_address(&net->entry.ip6.addr, addr))
		return true;
	for (i = 0; i < GUEST_LINKS_MAX; i++)
		if (guest_link_used(net, i) &&
		    (guest_same_address(&net->link[i].ip.addr, addr) ||
		     guest_same_address(&net->link[i].ip6.addr, addr)))
			return true;
	return false;
}

static const struct guest_net *find_owner(const struct inventory *inv,
					  const struct vtoe_addr *addr)
{
	const struct guest_net *net;

	for (net = inv->guests; net; net = net->next)
		if (net_has(net, addr))
			return net;
	return NULL;
}

bool guest_is_free(const struct guest_net *net, const struct vtoe_addr *addr)
{
	return !find_owner(net->inv, addr) && !net_has(net, addr);
}

int guest_check_free(const struct inventory *inv, const struct vtoe_addr *addr,
		      char *error)
{
	const struct guest_net *owner =
		addr->family ? find_owner(inv, addr) : NULL;
	char text[ENTRY_ADDR_MAX];

	if (!owner)
		return 0;
	entry_addr_text(addr, text);
	return guest_fail(error, -EADDRINUSE,
			  "address %s is in use by the "
			  "device with network namespace %s",
			  text, owner->name);
}

static int check_conflict(const struct inventory *inv,
			  const struct entry *entry, char *error)
{
	int err = guest_check_free(inv, &entry->ip.addr, error);

	return err ? err : guest_check_free(inv, &entry->ip6.addr, error);
}

uint32_t guest_pool_devices(const struct inventory *inv, const char *pool)
{
	const struct guest_net *net;
	uint32_t n = 0;

	for (net = inv->guests; net; net = net->next)
		n += !strcmp(net->entry.pool, pool);
	return n;
}

/* Those that are there already, after a reload say, stay. */
static int check_room(const struct inventory *inv,
		      const struct config_pool *pool, char *error)
{
	if (!pool->max_devices ||
	    guest_pool_devices(inv, pool->name) < pool->max_devices)
		return 0;
	return guest_fail(error, -EDQUOT,
		    "pool \"%s\" has %u devices already, as many as it may "
			  "(max-devices)",
			  pool->name, pool->max_devices);
}

/* ---- addresses ---- */

/* The first link has the entry's addresses; what is missing, the TOE gives. */
static int set_addresses(struct guest_net *net, uint32_t index,
			 const struct toe *toe, char *error)
{
	struct guest_link *link = &net->link[index];
	const struct entry *entry = &net->entry;
	int err = 0;

	dhcp_forget(net, index); /* it may be of another segment */
	link->from[0] = link->from6[0] = 0;
	link->dhcp = !index && entry->dhcp;
	if (link->dhcp) {
		link->ip = (struct toe_address){0};
		link->ip6 = entry->ip6;
		return 0;
	}
	if (!index && (entry->ip.addr.family || entry->ip6.addr.family)) {
		link->ip = entry->ip;
		link->ip6 = entry->ip6;
		return 0;
	}
	link->dhcp = toe->conf.dhcp;
	err = guest_take_address(net, &toe->conf.addresses, &link->ip);
	if (!err)
		err = guest_take_address(net, &toe->conf.addresses6,
					 &link->ip6);
	if (err)
		return guest_fail(error, err, "toe %s: no address is left of its "
				  "addresses", toe->conf.name);
	if (link->ip.addr.family)
		memcpy(link->from, toe->conf.name, sizeof(link->from));
	if (link->ip6.addr.family)
		memcpy(link->from6, toe->conf.name, sizeof(link->from6));
	if (!link->dhcp && !link->ip.addr.family && !link->ip6.addr.family)
		return guest_fail(error, -EADDRNOTAVAIL,
			    "no address: give ip= or ip6= in the entry, or toe "
				  "%s addresses to give away", toe->conf.name);
	return 0;
}

/* ---- placement ---- */

/* On the TOE that suits best and where it works. */
int guest_place(struct guest_net *net, uint32_t index,
		 const struct config_pool *pool, const struct guest_wish *wish,
		 char *error)
{
	struct inventory *inv = net->inv;
	char why[ENTRY_ERROR_MAX - 64];
	uint64_t tried = wish->but;
	struct toe *toe;
	int err = 0;

	while ((toe = pool_choose(inv, pool, wish->segment, wish->driver,
				  tried)) != NULL) {
		guest_set_toe(net, index, toe);
		net->link[index].held =
			wish->from && strcmp(wish->from, toe->conf.driver);
		err = wish->new_addresses
			      ? set_addresses(net, index, toe, error)
			      : 0;
		if (!err)
			err = guest_make_link(net, index, error);
		if (!err)
			return 0;
		log_warn("%s: %s", net->name, error);
		tried |= 1ull << toe->row;
	}
	if (err)
		return err;
	pool_explain(inv, pool, why, sizeof(why));
	return guest_fail(error, -ENETDOWN, "pool \"%s\" has no toe for it: %.150s",
			  pool->name, why);
}

/*
 * A TOE without addresses can be a device's first one only: where others are to
 * follow, it is the better choice.
 */
static int place_first(struct guest_net *net, const struct config_pool *pool,
		       char *error)
{
	struct guest_wish wish = {.new_addresses = true};
	const struct config_toe *conf;
	const struct toe *toe;
	uint32_t i;

	for (i = 0; pool->spread > 1 && i < pool->nr_toes; i++) {
		conf = &net->inv->config->toe[pool->toe[i]];
		toe = inventory_find(net->inv, conf->name);
		if (toe && (conf->addresses.nr || conf->addresses6.nr ||
			    conf->dhcp))
			wish.but |= 1ull << toe->row;
	}
	if (wish.but && !guest_place(net, 0, pool, &wish, error))
		return 0;
	wish.but = 0;
	return guest_place(net, 0, pool, &wish, error);
}

/* True if the TOE in its row still is the one that it was placed on. */
static bool same_toe(const struct guest_net *net, uint32_t index)
{
	return guest_link_state(net, index) != TOE_ABSENT;
}

/* Devices on each TOE. There are few, and this is rare. */
void guest_recount(struct inventory *inv)
{
	const struct guest_net *net;
	uint32_t i, had[TOE_TABLE_MAX];

	for (i = 0; i < TOE_TABLE_MAX; i++) {
		had[i] = inv->toe[i].devices;
		inv->toe[i].devices = 0;
	}
	for (net = inv->guests; net; net = net->next)
		for (i = 0; i < GUEST_LINKS_MAX; i++)
			if (guest_link_used(net, i) && same_toe(net, i))
				inv->toe[net->link[i].toe_row].devices++;
	sharing_mark(inv);
	dhcp_mark(inv);
	for (i = 0; i < TOE_TABLE_MAX; i++)
		inventory_recounted(inv, &inv->toe[i], had[i]);
}

/* On a TOE with a driver that one of the links has already. */
static int place_as_others(struct guest_net *net, uint32_t index,
			   const struct config_pool *pool, struct guest_wish wish,
			   char *error)
{
	char driver[TABLE_NAME_MAX];
	int err = -ENETDOWN;
	uint32_t i;

	for (i = 0; i < GUEST_LINKS_MAX && err; i++) {
		if (i == index || !guest_link_used(net, i))
			continue;
		memcpy(driver, net->link[i].driver, sizeof(driver));
		wish.driver = driver;
		err = guest_place(net, index, pool, &wish, error);
	}
	return err;
}

int guest_net_add(struct guest_net *net, bool any_driver)
{
	const struct config_pool *pool =
		config_find_pool(net->inv->config, net->entry.pool);
	struct guest_wish wish = {.new_addresses = true};
	char error[ENTRY_ERROR_MAX];
	uint32_t i, nr = 0, free = 0;
	int err;

	for (i = 0; i < GUEST_LINKS_MAX; i++) {
		if (guest_link_used(net, i)) {
			wish.but |= 1ull << net->link[i].toe_row;
			nr++;
		} else if (!free) {
			free = i;
		}
	}
	if (!pool || !free || nr >= pool->spread)
		return -ENOSPC;
	err = any_driver ? guest_place(net, free, pool, &wish, error)
			 : place_as_others(net, free, pool, wish, error);
	if (err) {
		net->link[free] = (struct guest_link){0};
		return err;
	}
	guest_recount(net->inv);
	return (int)free;
}

void guest_link_remove(struct guest_net *net, uint32_t index)
{
	traffic_keep(net, net, index);
	guest_unmake_link(net, index);
	net->link[index] = (struct guest_link){0};
	guest_recount(net->inv);
}

bool guest_link_stale(const struct guest_net *net, uint32_t index)
{
	const struct guest_link *link = &net->link[index];
	const struct toe *toe = &net->inv->toe[link->toe_row];

	return !same_toe(net, index) ||
	       (toe->ifindex && toe->ifindex != link->ifindex &&
		toe->state != TOE_DOWN);
}

int guest_link_renew(struct guest_net *net, uint32_t index, bool may_move,
		     char *error)
{
	const struct config_pool *pool =
		guest_find_pool(net->inv, &net->entry, error);
	struct guest_link old = net->link[index];
	struct toe *toe = &net->inv->toe[old.toe_row];
	struct guest_wish wish = {.new_addresses = true};
	int err;

	if (!pool)
		return -EINVAL;
	if (!same_toe(net, index) && !may_move)
		return guest_fail(error, -ENODEV,
				  "toe %s is configured no more, or "
				  "otherwise; detach and attach the device",
				  old.toe);
	traffic_keep(net, net, index);
	guest_unmake_link(net, index);
	if (same_toe(net, index) && (toe->ifindex || !may_move)) {
		guest_set_toe(net, index, toe);
		err = guest_make_link(net, index, error);
	} else {
		err = guest_place(net, index, pool, &wish, error);
	}
	if (err) {
		net->link[index] = old;
		return err;
	}
	guest_recount(net->inv);
	return 0;
}

/* ---- life ---- */

static void enlist(struct guest_net *net)
{
	struct inventory *inv = net->inv;

	net->next = inv->guests;
	net->prevp = &inv->guests;
	if (net->next)
		net->next->prevp = &net->next;
	inv->guests = net;
	guest_recount(inv);
}

static struct guest_net *alloc(struct inventory *inv, const char *name,
			       const char *identity, const struct entry *entry)
{
	struct guest_net *net = calloc(1, sizeof(*net));

	if (!net)
		return NULL;
	net->inv = inv;
	net->entry = *entry;
	net->netns = -1;
	snprintf(net->name, sizeof(net->name), "%s", name);
	snprintf(net->identity, sizeof(net->identity), "%s", identity);
	return net;
}

void guest_net_sweep(struct inventory *inv, const char *name)
{
	int netns = netns_open(inv->netns_dir, name);

	dhcp_sweep(inv, name);
	if (netns >= 0) {
		toe_control_sweep(netns);
		close(netns);
	}
	netns_remove(inv->netns_dir, name);
}

int guest_net_create(struct inventory *inv, const char *name,
		     const char *identity, const struct entry *entry,
		     struct guest_net **result, char *error)
{
	const struct config_pool *pool = guest_find_pool(inv, entry, error);
	struct guest_net *net;
	int err;

	if (!pool)
		return -EINVAL;
	err = check_conflict(inv, entry, error);
	if (!err)
		err = check_room(inv, pool, error);
	if (err)
		return err;
	net = alloc(inv, name, identity, entry);
	if (!net)
		return guest_fail(error, -ENOMEM, "out of memory");
	guest_net_sweep(inv, name);
	net->netns = netns_create(inv->netns_dir, name);
	if (net->netns < 0) {
		err = guest_fail(error, net->netns, "network namespace %s: %s", name,
				 strerror(-net->netns));
		goto free_net;
	}
	err = place_first(net, pool, error);
	if (err)
		goto remove_netns;
	enlist(net);
	while (guest_net_add(net, true) >= 0)
		;
	*result = net;
	return 0;
remove_netns:
	close(net->netns);
	netns_remove(inv->netns_dir, name);
free_net:
	free(net);
	return err;
}

/* An earlier vtoed may have died before it had written down where a link went. */
static void remove_half_moved(const struct guest_net *net, uint32_t index)
{
	const struct config *config = net->inv->config;
	const struct config_pool *pool =
		config_find_pool(config, net->entry.pool);
	const struct guest_link *link = &net->link[index];
	const struct toe_control *control;
	char name[TABLE_IFNAME_MAX];
	struct toe_context_spec spec;
	const struct toe *toe;
	uint32_t i;

	guest_make_spec(net, index, &spec);
	spec.link = name;
	for (i = 0; pool && i < pool->nr_toes; i++) {
		toe = inventory_find(net->inv,
				     config->toe[pool->toe[i]].name);
		if (!toe || toe->row == link->toe_row ||
		    strcmp(toe->conf.segment, link->segment))
			continue;
		control = toe_control_find(toe->conf.driver);
		table_link_name(toe->row, index, name);
		if (control)
			control->context_destroy(&spec);
	}
}

/* One whose TOE is configured no more is none: its link goes with the namespace. */
static void adopt_link(struct guest_net *net, uint32_t index,
		       const struct guest_saved *saved)
{
	struct toe *toe = inventory_find(net->inv, saved->toe);

	if (!toe)
		return;
	guest_set_toe(net, index, toe);
	net->link[index].ip = saved->ip;
	net->link[index].ip6 = saved->ip6;
	memcpy(net->link[index].from, saved->from, sizeof(saved->from));
	memcpy(net->link[index].from6, saved->from6, sizeof(saved->from6));
	net->link[index].dhcp =
		saved->dhcp || (!index && net->entry.dhcp);
	net->link[index].routes_due = true;
	/* an earlier vtoed may not have come to release it */
	net->link[index].held = true;
	remove_half_moved(net, index);
	if (!netns_has_link(net->netns, net->link[index].name))
		net->link[index].ifindex = 0; /* stale */
}

int guest_net_adopt(struct inventory *inv, const char *name,
		    const char *identity, const struct entry *entry,
		    const struct guest_saved *saved,
		    struct guest_net **result, char *error)
{
	struct guest_net *net;
	uint32_t i;
	int err;

	if (!inventory_find(inv, saved[0].toe))
		return guest_fail(error, -ENOENT, "toe %s is configured no more",
				  saved[0].toe);
	err = check_conflict(inv, entry, error);
	if (err)
		return err;
	net = alloc(inv, name, identity, entry);
	if (!net)
		return guest_fail(error, -ENOMEM, "out of memory");
	net->netns = netns_open(inv->netns_dir, name);
	if (net->netns < 0) {
		err = guest_fail(error, net->netns, "network namespace %s: %s", name,
				 strerror(-net->netns));
		free(net);
		return err;
	}
	for (i = 0; i < GUEST_LINKS_MAX; i++)
		adopt_link(net, i, &saved[i]);
	enlist(net);
	*result = net;
	return 0;
}

void guest_net_forget(struct guest_net *net)
{
	uint32_t i;

	if (!net)
		return;
	for (i = 0; i < GUEST_LINKS_MAX; i++)
		guest_retired_end(net, i);
	*net->prevp = net->next;
	if (net->next)
		net->next->prevp = net->prevp;
	guest_recount(net->inv);
	close(net->netns);
	free(net);
}

void guest_net_destroy(struct guest_net *net)
{
	uint32_t i;

	if (!net)
		return;
	for (i = 0; i < GUEST_LINKS_MAX; i++) {
		guest_retired_end(net, i);
		if (!guest_link_used(net, i))
			continue;
		dhcp_forget(net, i);
		traffic_keep(net, net, i);
		guest_unmake_link(net, i);
	}
	traffic_leave(net);
	netns_remove(net->inv->netns_dir, net->name);
	guest_net_forget(net);
}
