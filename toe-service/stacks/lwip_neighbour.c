/* SPDX-License-Identifier: GPL-2.0 */
/* lwip_neighbour.c - who is there on a link, as lwIP knows. */
#include <string.h>

#include <lwip/etharp.h>
#include <lwip/priv/nd6_priv.h>

#include "lwip_conn.h"

#define PREFIX_BYTES 8u /* of IPv6: lwIP knows no other */

/* ---- IPv4 ---- */

static const ip4_addr_t *next_hop(const struct lwip_link *link,
				  const ip4_addr_t *peer)
{
	return ip4_addr_netcmp(peer, netif_ip4_addr(&link->netif),
			       netif_ip4_netmask(&link->netif))
		       ? peer
		       : netif_ip4_gw(&link->netif);
}

static bool found4(struct lwip_link *link, const ip4_addr_t *hop)
{
	const ip4_addr_t *found;
	struct eth_addr *eth;

	return etharp_find_addr(&link->netif, hop, &eth, &found) >= 0;
}

static bool known4(struct lwip_link *link, const ip4_addr_t *peer)
{
	const ip4_addr_t *hop = next_hop(link, peer);

	if (ip4_addr_isbroadcast(peer, &link->netif) || found4(link, hop))
		return true;
	etharp_query(&link->netif, hop, NULL); /* asks once a second */
	return false;
}

/* ---- IPv6 ---- */

static bool is_hop(const struct nd6_neighbor_cache_entry *entry,
		   const struct lwip_link *link, const ip6_addr_t *peer)
{
	bool near = ip6_addr_islinklocal(peer) ||
		    !memcmp(peer->addr, link->ip6.addr.addr, PREFIX_BYTES);

	if (entry->netif != &link->netif)
		return false;
	return near ? ip6_addr_cmp_zoneless(&entry->next_hop_address, peer)
		    : entry->isrouter;
}

static bool found6(const struct lwip_link *link, const ip6_addr_t *peer)
{
	unsigned int i;

	for (i = 0; i < LWIP_ND6_NUM_NEIGHBORS; i++)
		if (neighbor_cache[i].state > ND6_INCOMPLETE &&
		    is_hop(&neighbor_cache[i], link, peer))
			return true;
	return false;
}

/* The first packet to a neighbour makes lwIP ask for it, and is kept. */
static bool known6(const struct lwip_link *link, const ip6_addr_t *peer)
{
	unsigned int i;

	for (i = 0; i < LWIP_ND6_NUM_NEIGHBORS; i++)
		if (neighbor_cache[i].state == ND6_INCOMPLETE &&
		    neighbor_cache[i].q &&
		    is_hop(&neighbor_cache[i], link, peer))
			return false;
	return true;
}

/* ---- both ---- */

bool lwip_neighbour_known(struct lwip_link *link, const ip_addr_t *peer)
{
	return IP_IS_V4(peer) ? known4(link, ip_2_ip4(peer))
			      : known6(link, ip_2_ip6(peer));
}

bool lwip_neighbour_found(struct lwip_link *link, const ip_addr_t *peer)
{
	return IP_IS_V4(peer) ? found4(link, next_hop(link, ip_2_ip4(peer)))
			      : found6(link, ip_2_ip6(peer));
}
