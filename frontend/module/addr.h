/* SPDX-License-Identifier: GPL-2.0 */
/*
 * addr.h - socket addresses, as programs and as the contract write them.
 */
#ifndef VTOE_MODULE_ADDR_H
#define VTOE_MODULE_ADDR_H

#include <linux/in.h>
#include <linux/in6.h>
#include <linux/string.h>
#include <net/ipv6.h>

#include "../../xenstore-schema/vtoe_wire.h"

static inline void vtoe_addr_from_v4(struct vtoe_addr *to, __be32 addr,
				     __be16 port)
{
	memset(to, 0, sizeof(*to));
	to->family = VTOE_INET;
	to->port = (__force u16)port;
	memcpy(to->addr, &addr, sizeof(addr));
}

static inline void vtoe_addr_from_v6(struct vtoe_addr *to,
				     const struct sockaddr_in6 *from)
{
	memset(to, 0, sizeof(*to));
	to->family = VTOE_INET6;
	to->port = (__force u16)from->sin6_port;
	to->flowinfo = (__force u32)from->sin6_flowinfo;
	to->scope_id = from->sin6_scope_id;
	memcpy(to->addr, &from->sin6_addr, sizeof(to->addr));
}

/* The wildcard of its family, with whatever port? */
static inline bool vtoe_addr_any(const struct vtoe_addr *a)
{
	return !memchr_inv(a->addr, 0, sizeof(a->addr));
}

/* IPv4 becomes an IPv4-mapped address: dom0 speaks to IPv4 through an IPv6 slot by
 * these.
 */
static inline void vtoe_addr_map(struct vtoe_addr *a)
{
	memmove(a->addr + 12, a->addr, 4);
	memset(a->addr, 0, 10);
	memset(a->addr + 10, 0xff, 2);
	a->family = VTOE_INET6;
}

/**
 * vtoe_addr_to_sockaddr - as a program with a socket of @family expects it
 * @from: any family; IPv4 becomes an IPv4-mapped address for AF_INET6
 * @family: of the socket
 * @to: room for a struct sockaddr_in6
 *
 * Returns the length in bytes.
 */
static inline int vtoe_addr_to_sockaddr(const struct vtoe_addr *from,
					int family, struct sockaddr *to)
{
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)to;
	struct sockaddr_in *sin = (struct sockaddr_in *)to;
	__be32 v4;

	if (family == AF_INET) {
		memset(sin, 0, sizeof(*sin));
		sin->sin_family = AF_INET;
		sin->sin_port = (__force __be16)from->port;
		memcpy(&sin->sin_addr, from->addr, sizeof(sin->sin_addr));
		return sizeof(*sin);
	}
	memset(sin6, 0, sizeof(*sin6));
	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = (__force __be16)from->port;
	if (from->family == VTOE_INET) {
		memcpy(&v4, from->addr, sizeof(v4));
		if (v4 || from->port)
			ipv6_addr_set_v4mapped(v4, &sin6->sin6_addr);
	} else {
		memcpy(&sin6->sin6_addr, from->addr, sizeof(from->addr));
	}
	return sizeof(*sin6);
}

#endif /* VTOE_MODULE_ADDR_H */
