/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/log.h"
#include "guest.h"
#include "netns.h"
#include "pool.h"
#include "stack.h"

static int __attribute__((format(printf, 3, 4)))
fail(char *error, int err, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(error, ENTRY_ERROR_MAX, format, ap);
	va_end(ap);
	return err;
}

/* ---- checks ---- */

static const struct config_pool *
find_pool(struct inventory *inv, const struct entry *entry, char *error)
{
	const struct config_pool *pool;

	pool = config_find_pool(inv->config, entry->pool);
	if (!pool)
		fail(error, 0, "pool: there is no pool \"%s\" in vtoed.conf",
		     entry->pool);
	return pool;
}

static bool same_addr(const struct vtoe_addr *a, const struct vtoe_addr *b)
{
	return a->family && a->family == b->family &&
	       !memcmp(a->addr, b->addr, sizeof(a->addr));
}

static int check_conflict(const struct inventory *inv,
			  const struct guest_net *self,
			  const struct entry *entry, char *error)
{
	const struct guest_net *other;
	const struct vtoe_addr *addr;
	char text[ENTRY_ADDR_MAX];

	for (other = inv->guests; other; other = other->next) {
		if (other == self)
			continue;
		if (same_addr(&other->entry.ip.addr, &entry->ip.addr))
			addr = &entry->ip.addr;
		else if (same_addr(&other->entry.ip6.addr, &entry->ip6.addr))
			addr = &entry->ip6.addr;
		else
			continue;
		entry_addr_text(addr, text);
		return fail(error, -EADDRINUSE,
			    "address %s is in use by the "
			    "device with network namespace %s",
			    text, other->name);
	}
	return 0;
}

/* ---- links ---- */

static void make_spec(const struct guest_net *net,
		      struct toe_context_spec *spec)
{
	*spec = (struct toe_context_spec){
		.toe = net->toe,
		.netdev = net->netdev,
		.link = net->link,
		.mode = net->mode,
		.netns = net->netns,
		.mtu = net->entry.mtu,
	};
	spec->ip.addr = net->entry.ip.addr;
	spec->ip.prefix = net->entry.ip.prefix;
	spec->ip.gateway = net->entry.ip.gateway;
	spec->ip6.addr = net->entry.ip6.addr;
	spec->ip6.prefix = net->entry.ip6.prefix;
	spec->ip6.gateway = net->entry.ip6.gateway;
}

static void set_toe(struct guest_net *net, const struct toe *toe)
{
	net->toe_row = toe->row;
	net->toe_generation = inventory_generation(net->inv, toe);
	net->ifindex = toe->ifindex;
	memcpy(net->toe, toe->conf.name, sizeof(net->toe));
	memcpy(net->driver, toe->conf.driver, sizeof(net->driver));
	memcpy(net->netdev, toe->conf.netdev, sizeof(net->netdev));
	memcpy(net->mode, toe->conf.link, sizeof(net->mode));
	memcpy(net->segment, toe->conf.segment, sizeof(net->segment));
	/* the kernel refuses a name that vtoed's own namespace has, too */
	snprintf(net->link, sizeof(net->link), "vtoe%u", toe->row);
}

static int make_link(struct guest_net *net, char *error)
{
	const struct toe_control *control = toe_control_find(net->driver);
	char why[TOE_ERROR_MAX] = "";
	struct toe_context_spec spec;
	int err;

	if (!control)
		return fail(error, -ENOENT, "toe %s: no driver \"%s\"",
			    net->toe, net->driver);
	make_spec(net, &spec);
	err = control->context_create(&spec, why);
	if (err)
		return fail(error, err, "toe %.31s: %.180s", net->toe,
			    why[0] ? why : strerror(-err));
	return 0;
}

static void remove_link(const struct guest_net *net)
{
	const struct toe_control *control = toe_control_find(net->driver);
	struct toe_context_spec spec;
	int err;

	if (!control)
		return;
	make_spec(net, &spec);
	err = control->context_destroy(&spec);
	if (err && err != -ENODEV)
		log_warn("%s: removing the link of toe %s: %s", net->name,
			 net->toe, strerror(-err));
}

/* On the TOE (of a segment, if given) that suits best and where it works. */
static int place(struct guest_net *net, const struct config_pool *pool,
		 const char *segment, char *error)
{
	struct inventory *inv = net->inv;
	char why[ENTRY_ERROR_MAX - 64];
	uint64_t tried = 0;
	struct toe *toe;
	int err = 0;

	while ((toe = pool_choose(inv, pool, segment, tried)) != NULL) {
		set_toe(net, toe);
		err = make_link(net, error);
		if (!err)
			return 0;
		log_warn("%s: %s", net->name, error);
		tried |= 1ull << toe->row;
	}
	if (err)
		return err;
	pool_explain(inv, pool, why, sizeof(why));
	return fail(error, -ENETDOWN, "no toe of pool \"%s\" is up: %.150s",
		    pool->name, why);
}

/* ---- life ---- */

static enum toe_state toe_state(const struct guest_net *net)
{
	return inventory_state(net->inv, net->toe_row, net->toe_generation);
}

/* True if the TOE in its row still is the one that it was placed on. */
static bool same_toe(const struct guest_net *net)
{
	return toe_state(net) != TOE_ABSENT;
}

/* Devices on each TOE. There are few, and this is rare. */
static void recount(struct inventory *inv)
{
	const struct guest_net *net;
	uint32_t i;

	for (i = 0; i < TOE_TABLE_MAX; i++)
		inv->toe[i].devices = 0;
	for (net = inv->guests; net; net = net->next)
		if (same_toe(net))
			inv->toe[net->toe_row].devices++;
}

static void enlist(struct guest_net *net)
{
	struct inventory *inv = net->inv;

	net->next = inv->guests;
	net->prevp = &inv->guests;
	if (net->next)
		net->next->prevp = &net->next;
	inv->guests = net;
	recount(inv);
}

static struct guest_net *alloc(struct inventory *inv, const char *name,
			       const struct entry *entry)
{
	struct guest_net *net = calloc(1, sizeof(*net));

	if (!net)
		return NULL;
	net->inv = inv;
	net->entry = *entry;
	net->netns = -1;
	snprintf(net->name, sizeof(net->name), "%s", name);
	return net;
}

void guest_net_sweep(struct inventory *inv, const char *name)
{
	int netns = netns_open(inv->netns_dir, name);

	if (netns >= 0) {
		toe_control_sweep(netns);
		close(netns);
	}
	netns_remove(inv->netns_dir, name);
}

int guest_net_create(struct inventory *inv, const char *name,
		     const struct entry *entry, struct guest_net **result,
		     char *error)
{
	const struct config_pool *pool = find_pool(inv, entry, error);
	struct guest_net *net;
	int err;

	if (!pool)
		return -EINVAL;
	err = check_conflict(inv, NULL, entry, error);
	if (err)
		return err;
	net = alloc(inv, name, entry);
	if (!net)
		return fail(error, -ENOMEM, "out of memory");
	guest_net_sweep(inv, name);
	net->netns = netns_create(inv->netns_dir, name);
	if (net->netns < 0) {
		err = fail(error, net->netns, "network namespace %s: %s", name,
			   strerror(-net->netns));
		goto free_net;
	}
	err = place(net, pool, NULL, error);
	if (err)
		goto remove_netns;
	enlist(net);
	*result = net;
	return 0;
remove_netns:
	close(net->netns);
	netns_remove(inv->netns_dir, name);
free_net:
	free(net);
	return err;
}

int guest_net_adopt(struct inventory *inv, const char *name,
		    const struct entry *entry, const char *toe_name,
		    struct guest_net **result, char *error)
{
	struct toe *toe = inventory_find(inv, toe_name);
	struct guest_net *net;
	int err;

	if (!toe)
		return fail(error, -ENOENT, "toe %s is configured no more",
			    toe_name);
	err = check_conflict(inv, NULL, entry, error);
	if (err)
		return err;
	net = alloc(inv, name, entry);
	if (!net)
		return fail(error, -ENOMEM, "out of memory");
	set_toe(net, toe);
	net->netns = netns_open(inv->netns_dir, name);
	if (net->netns < 0) {
		err = fail(error, net->netns, "network namespace %s: %s", name,
			   strerror(-net->netns));
		goto free_net;
	}
	if (!netns_has_link(net->netns, net->link))
		net->ifindex = 0; /* stale */
	enlist(net);
	*result = net;
	return 0;
free_net:
	free(net);
	return err;
}

bool guest_net_stale(const struct guest_net *net)
{
	const struct toe *toe = &net->inv->toe[net->toe_row];

	return !same_toe(net) || (toe->ifindex && toe->ifindex != net->ifindex);
}

int guest_net_renew(struct guest_net *net, bool may_move, char *error)
{
	const struct config_pool *pool =
		find_pool(net->inv, &net->entry, error);
	struct toe *toe = &net->inv->toe[net->toe_row];
	struct guest_net old = *net;
	int err;

	if (!pool)
		return -EINVAL;
	if (!same_toe(net) && !may_move)
		return fail(error, -ENODEV,
			    "toe %s is configured no more, or "
			    "otherwise; detach and attach the device",
			    net->toe);
	remove_link(net);
	if (same_toe(net) && (toe->ifindex || !may_move)) {
		set_toe(net, toe);
		err = make_link(net, error);
	} else {
		err = place(net, pool, NULL, error);
	}
	if (err) {
		*net = old;
		return err;
	}
	recount(net->inv);
	return 0;
}

bool guest_net_sibling(const struct guest_net *net)
{
	const struct config_pool *pool =
		config_find_pool(net->inv->config, net->entry.pool);

	if (!pool || !net->segment[0])
		return false;
	/* a new netdev of its own TOE is for guest_net_renew() */
	if (toe_state(net) == TOE_UP)
		return false;
	return pool_choose(net->inv, pool, net->segment, 0) != NULL;
}

int guest_net_move(struct guest_net *net, char *error)
{
	const struct config_pool *pool =
		find_pool(net->inv, &net->entry, error);
	struct guest_net old = *net;
	int err;

	if (!pool)
		return -EINVAL;
	err = place(net, pool, old.segment, error);
	if (err) {
		*net = old;
		return err;
	}
	if (net->toe_row != old.toe_row)
		remove_link(&old);
	recount(net->inv);
	return 0;
}

void guest_net_forget(struct guest_net *net)
{
	if (!net)
		return;
	*net->prevp = net->next;
	if (net->next)
		net->next->prevp = net->prevp;
	recount(net->inv);
	close(net->netns);
	free(net);
}

void guest_net_destroy(struct guest_net *net)
{
	if (!net)
		return;
	remove_link(net);
	netns_remove(net->inv->netns_dir, net->name);
	guest_net_forget(net);
}
