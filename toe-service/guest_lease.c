/* SPDX-License-Identifier: GPL-2.0 */
/* guest_lease.c - links of a guest whose IPv4 address comes by DHCP. */
#include <errno.h>
#include <string.h>

#include "../common/log.h"
#include "guest_parts.h"
#include "netns.h"
#include "stack.h"

#define FNV_OFFSET 0xcbf29ce484222325ull
#define FNV_PRIME  0x100000001b3ull

/*
 * A MAC address that a DHCP server knows again: a hash (FNV-1a) of whose it is,
 * marked as locally administered and as one station's.
 */
void guest_lease_mac(const struct guest_net *net, uint32_t index, uint8_t *mac)
{
	uint64_t hash = FNV_OFFSET;
	const char *c;
	uint32_t i;

	for (c = net->identity; *c; c++)
		hash = (hash ^ (uint8_t)*c) * FNV_PRIME;
	hash = (hash ^ index) * FNV_PRIME;
	for (i = 0; i < TOE_MAC_LEN; i++)
		mac[i] = (uint8_t)(hash >> 8 * i);
	mac[0] = (uint8_t)((mac[0] & ~1u) | 2u);
}

/* May it have it? */
static int check_address(const struct guest_net *net, uint32_t index,
			 const struct toe_address *ip, char *error)
{
	char text[ENTRY_ADDR_MAX];

	if (!ip->addr.family ||
	    guest_same_address(&net->link[index].ip.addr, &ip->addr))
		return 0;
	entry_addr_text(&ip->addr, text);
	if (!netns_own_address(&ip->addr))
		return guest_check_free(net->inv, &ip->addr, error);
	entry_wrong(error, "address %s is this host's own", text);
	return -EADDRINUSE;
}

int guest_set_address(struct guest_net *net, uint32_t index, uint16_t family,
		      const struct toe_address *ip, char *error)
{
	struct guest_link *link = &net->link[index];
	const struct toe_control *control = toe_control_find(link->driver);
	struct toe_address *own = family == VTOE_INET ? &link->ip : &link->ip6;
	struct toe_address old = *own;
	char why[TOE_ERROR_MAX] = "";
	struct toe_context_spec spec;
	int err = -EOPNOTSUPP;

	*own = *ip;
	guest_make_spec(net, index, &spec);
	if (control && control->context_address)
		err = control->context_address(&spec, family, &old, why);
	if (!err || err == -ENODEV)
		return 0;
	*own = (struct toe_address){0};
	entry_wrong(error, "%s", why[0] ? why : strerror(-err));
	return err;
}

void guest_link_lend(const struct guest_net *net, uint32_t index)
{
	const struct guest_link *link = &net->link[index];
	const struct toe_control *control = toe_control_find(link->driver);
	char why[TOE_ERROR_MAX] = "";
	struct toe_context_spec spec;
	int err;

	if (!link->ip.addr.family || !control || !control->context_lend)
		return;
	guest_make_spec(net, index, &spec);
	err = control->context_lend(&spec, why);
	if (err && err != -ENODEV)
		log_warn("%s: its lease is not given back: %s", net->name,
			 why[0] ? why : strerror(-err));
}

int guest_link_readdress(struct guest_net *net, uint32_t index,
			 const struct toe_address *ip, uint32_t mtu,
			 char *error)
{
	static const struct toe_address none;
	struct guest_link *link = &net->link[index];
	int err = check_address(net, index, ip, error), failed;
	bool same = !memcmp(&link->ip, err ? &none : ip, sizeof(*ip));

	if (err)
		mtu = 0;
	if (same && link->lease_mtu == mtu)
		return err ? err : -EALREADY;
	link->lease_mtu = mtu;
	failed = guest_set_address(net, index, VTOE_INET, err ? &none : ip,
				   error);
	if (err || failed)
		return err ? err : failed;
	return 0;
}

const char *guest_link_lease(const struct guest_net *net, uint32_t index)
{
	const struct guest_link *link = &net->link[index];

	if (!link->dhcp)
		return NULL;
	if (link->lease_error[0])
		return link->lease_error;
	return link->ip.addr.family ? "bound" : "waiting for a lease";
}
