/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <string.h>

#include "../../common/prefix.h"
#include "lwip_conn.h"
#include "lwip_guard.h"

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

int lwip_addr_to(const struct toe_conn *conn, const struct vtoe_addr *addr,
		 ip_addr_t *ip, uint16_t *port)
{
	if (addr->family != conn->family) /* IPv4's are too short for IPv6 */
		return conn->family == VTOE_INET6 ? -EINVAL : -EAFNOSUPPORT;
	if (addr->scope_id)
		return -EINVAL;
	memset(ip, 0, sizeof(*ip));
	*port = lwip_ntohs(addr->port);
	if (addr->family == VTOE_INET) {
		IP_SET_TYPE(ip, IPADDR_TYPE_V4);
		memcpy(&ip_2_ip4(ip)->addr, addr->addr, 4);
	} else if (!memcmp(addr->addr, mapped, sizeof(mapped))) {
		if (conn->options.v6only)
			return -ENETUNREACH;
		IP_SET_TYPE(ip, IPADDR_TYPE_V4);
		memcpy(&ip_2_ip4(ip)->addr, addr->addr + 12, 4);
	} else {
		IP_SET_TYPE(ip, IPADDR_TYPE_V6);
		memcpy(ip_2_ip6(ip)->addr, addr->addr, 16);
	}
	return 0;
}

int lwip_addr_own(const struct toe_conn *conn, const struct vtoe_addr *addr,
		  ip_addr_t *ip, uint16_t *port)
{
	int err = lwip_addr_to(conn, addr, ip, port);

	return err == -ENETUNREACH ? -EINVAL : err;
}

int lwip_addr_fit(const struct toe_conn *conn, const ip_addr_t *own,
		  const ip_addr_t *peer)
{
	if (conn->family == VTOE_INET)
		return 0;
	if (IP_IS_V4(own) && IP_IS_V6(peer)) /* once there is a way */
		return lwip_link_to(conn->stack, peer) ? -EAFNOSUPPORT
						       : -ENETUNREACH;
	return IP_IS_V6(own) && !ip_addr_isany(own) && IP_IS_V4(peer)
		       ? -ENETUNREACH
		       : 0;
}

void lwip_addr_bound(struct toe_conn *conn, const ip_addr_t *ip)
{
	if (IP_IS_V6(ip) && !ip_addr_isany(ip))
		conn->options.v6only = true;
}

void lwip_addr_from(uint8_t family, const ip_addr_t *ip, uint16_t port,
		    struct vtoe_addr *addr)
{
	*addr = (struct vtoe_addr){.family = family,
				   .port = lwip_htons(port)};
	if (family == VTOE_INET) {
		memcpy(addr->addr, &ip_2_ip4(ip)->addr, 4);
	} else if (IP_IS_V4_VAL(*ip)) {
		memcpy(addr->addr, mapped, sizeof(mapped));
		memcpy(addr->addr + 12, &ip_2_ip4(ip)->addr, 4);
	} else {
		memcpy(addr->addr, ip_2_ip6(ip)->addr, 16);
	}
}

bool lwip_addr_is_any(const struct vtoe_addr *addr)
{
	static const uint8_t none[16];

	return !memcmp(addr->addr, none, sizeof(none));
}

struct lwip_link *lwip_link_of(struct toe_stack *stack, const ip_addr_t *own)
{
	unsigned int i;

	for (i = 0; i < CONTEXT_TOES_MAX; i++)
		if (lwip_link_has(&stack->link[i], own))
			return &stack->link[i];
	return NULL;
}

bool lwip_addr_is_there(struct toe_stack *stack, const ip_addr_t *own)
{
	const struct lwip_link *link = lwip_link_of(stack, own);

	return link && !lwip_link_gone(link);
}

static bool near(const struct toe_address *own, const ip_addr_t *peer)
{
	const uint8_t *to = IP_IS_V4(peer)
				    ? (const uint8_t *)&ip_2_ip4(peer)->addr
				    : (const uint8_t *)ip_2_ip6(peer)->addr;

	return prefix_same(own->addr.addr, to, own->prefix);
}

struct lwip_link *lwip_link_to(struct toe_stack *stack, const ip_addr_t *peer)
{
	struct lwip_link *far = NULL, *link;
	const struct toe_address *own;
	unsigned int i;

	for (i = 0; i < CONTEXT_TOES_MAX; i++) {
		link = &stack->link[i];
		own = IP_IS_V4(peer) ? &link->ip : &link->ip6;
		if (!link->used || !own->addr.family)
			continue;
		if (near(own, peer))
			return link;
		if (!far && own->gateway.family)
			far = link;
	}
	return far;
}

int lwip_peer_check(const ip_addr_t *peer, bool datagram)
{
	if (ip_addr_isany(peer) || ip_addr_isloopback(peer) ||
	    lwip_guard_ours(peer))
		return -EHOSTUNREACH; /* a guest cannot reach itself here */
	if (ip_addr_ismulticast(peer))
		return -ENETUNREACH;
	if (IP_IS_V6(peer) && ip6_addr_islinklocal(ip_2_ip6(peer)))
		return -EINVAL; /* as Linux without a scope */
	if (IP_IS_V4(peer) && !datagram && netif_default &&
	    ip4_addr_isbroadcast(ip_2_ip4(peer), netif_default))
		return -ENETUNREACH;
	return 0;
}
