/* SPDX-License-Identifier: GPL-2.0 */
/* guest_link.c - a guest's links: making them, and what is known of them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../common/log.h"
#include "guest_parts.h"

bool guest_link_used(const struct guest_net *net, uint32_t index)
{
	return net->link[index].toe[0] != 0;
}

uint32_t guest_spread(const struct guest_net *net)
{
	const struct config_pool *pool =
		config_find_pool(net->inv->config, net->entry.pool);

	return pool ? pool->spread : 1;
}

/* Of what the guest's entry, its lease and its TOE say, the first. */
static uint32_t mtu_of(const struct guest_net *net, uint32_t index)
{
	const struct guest_link *link = &net->link[index];

	if (net->entry.mtu)
		return net->entry.mtu;
	/* a server need not know what the TOE can carry */
	if (link->lease_mtu &&
	    (!link->mtu_most || link->lease_mtu <= link->mtu_most))
		return link->lease_mtu;
	return link->mtu;
}

void guest_make_spec(const struct guest_net *net, uint32_t index,
		      struct toe_context_spec *spec)
{
	const struct guest_link *link = &net->link[index];

	*spec = (struct toe_context_spec){
		.toe = link->toe,
		.netdev = link->netdev,
		.link = link->name,
		.mode = link->mode,
		.netns = net->netns,
		.index = index,
		.several = guest_spread(net) > 1,
		.held = link->held,
		.mtu = mtu_of(net, index),
		.rate = net->entry.rate,
		.ip = link->ip,
		.ip6 = link->ip6,
		.routes = &link->routes,
		.dhcp = link->dhcp,
	};
	if (link->dhcp)
		guest_lease_mac(net, index, spec->mac);
}

void guest_set_toe(struct guest_net *net, uint32_t index,
		    const struct toe *toe)
{
	struct guest_link *link = &net->link[index];

	link->toe_row = toe->row;
	link->toe_generation = inventory_generation(net->inv, toe);
	link->ifindex = toe->ifindex;
	link->share = 0;
	link->held = false;
	memcpy(link->toe, toe->conf.name, sizeof(link->toe));
	memcpy(link->driver, toe->conf.driver, sizeof(link->driver));
	inventory_device(toe, link->netdev);
	link->routes = toe->conf.routes;
	link->routes_due = false;
	link->mtu = toe->conf.mtu;
	link->mtu_most = toe->mtu;
	if (toe->conf.mtu && toe->conf.mtu < toe->mtu)
		link->mtu_most = toe->conf.mtu;
	memcpy(link->mode, toe->conf.link, sizeof(link->mode));
	memcpy(link->segment, toe->conf.segment, sizeof(link->segment));
	memcpy(link->settings, toe->conf.settings, sizeof(link->settings));
	table_link_name(toe->row, index, link->name);
}

int guest_make_link(struct guest_net *net, uint32_t index, char *error)
{
	const struct guest_link *link = &net->link[index];
	const struct toe_control *control = toe_control_find(link->driver);
	char why[TOE_ERROR_MAX] = "";
	struct toe_context_spec spec;
	int err;

	if (!control)
		return guest_fail(error, -ENOENT, "toe %s: no driver \"%s\"",
				  link->toe, link->driver);
	if (link->dhcp && !control->context_address)
		return guest_fail(error, -EOPNOTSUPP,
			    "toe %s: guests of driver \"%s\" cannot have an "
				  "address by DHCP", link->toe, link->driver);
	guest_make_spec(net, index, &spec);
	/* not every kernel refuses it, and then large packets are lost */
	if (link->mtu_most && spec.mtu > link->mtu_most)
		return guest_fail(error, -EMSGSIZE,
			    "toe %s: mtu: %u is more than the %u that it has",
				  link->toe, spec.mtu, link->mtu_most);
	if (!strcmp(net->retired[index].link.name, link->name))
		guest_retired_end(net, index); /* back again, so soon */
	err = control->context_create(&spec, why);
	if (err)
		return guest_fail(error, err, "toe %.31s: %.180s", link->toe,
				  why[0] ? why : strerror(-err));
	return 0;
}

void guest_unmake_link(const struct guest_net *net, uint32_t index)
{
	const struct guest_link *link = &net->link[index];
	const struct toe_control *control = toe_control_find(link->driver);
	struct toe_context_spec spec;
	int err;

	if (!control)
		return;
	guest_make_spec(net, index, &spec);
	err = control->context_destroy(&spec);
	if (err && err != -ENODEV)
		log_warn("%s: removing the link of toe %s: %s", net->name,
			 link->toe, strerror(-err));
}

int guest_link_traffic(const struct guest_net *net, uint32_t index,
		       struct toe_traffic *traffic)
{
	const struct toe_control *control =
		toe_control_find(net->link[index].driver);
	struct toe_context_spec spec;

	if (!control || !control->context_traffic)
		return -EOPNOTSUPP;
	guest_make_spec(net, index, &spec);
	return control->context_traffic(&spec, traffic);
}

int guest_link_share(struct guest_net *net, uint32_t index, uint32_t number,
		     char *error)
{
	const struct toe_control *control =
		toe_control_find(net->link[index].driver);
	struct toe_context_spec spec;
	int err = -EOPNOTSUPP;

	error[0] = 0;
	guest_make_spec(net, index, &spec);
	if (control && control->context_share)
		err = control->context_share(&spec, number, error);
	if (!err)
		net->link[index].share = number;
	return err;
}

bool guest_link_is_on(const struct guest_net *net, uint32_t index,
		      const struct toe *toe)
{
	const struct guest_link *link = &net->link[index];

	return guest_link_used(net, index) && link->toe_row == toe->row &&
	       link->toe_generation == inventory_generation(net->inv, toe);
}

enum toe_state guest_link_state(const struct guest_net *net, uint32_t index)
{
	return inventory_state(net->inv, net->link[index].toe_row,
			       net->link[index].toe_generation);
}
