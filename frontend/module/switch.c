/* SPDX-License-Identifier: GPL-2.0 */
#include <net/addrconf.h>
#include <net/inet_sock.h>
#include <net/route.h>

#include "addr.h"
#include "sock.h"
#include "switch.h"

/*
 * Options that name things of the guest's own stack (a device, a mark for its
 * routing, a packet filter, foreign addresses) ask for that stack.
 */
static bool asks_for_native(const struct sock *sk)
{
	return sk->sk_bound_dev_if || sk->sk_mark ||
	       (vtoe_is_dgram(sk) && READ_ONCE(sk->sk_peek_off) >= 0) ||
	       rcu_access_pointer(sk->sk_filter) || inet_sk(sk)->transparent ||
	       inet_sk(sk)->freebind;
}

static bool local4(const struct sock *sk, __be32 addr)
{
	return ipv4_is_loopback(addr) ||
	       inet_addr_type(sock_net(sk), addr) != RTN_UNICAST;
}

static bool local6(const struct sock *sk, const struct in6_addr *addr)
{
	if (!(ipv6_addr_type(addr) & IPV6_ADDR_UNICAST) ||
	    ipv6_addr_type(addr) & (IPV6_ADDR_LOOPBACK | IPV6_ADDR_LINKLOCAL))
		return true;
#if IS_ENABLED(CONFIG_IPV6)
	return ipv6_chk_addr(sock_net(sk), addr, NULL, 0);
#else
	return true;
#endif
}

/* What a sockaddr says, for both uses. Returns false if it is malformed. */
static bool parse(const struct sock *sk, const struct sockaddr *addr, int len,
		  struct vtoe_addr *to)
{
	const struct sockaddr_in6 *sin6 = (const struct sockaddr_in6 *)addr;
	const struct sockaddr_in *sin = (const struct sockaddr_in *)addr;

	if (len < (int)sizeof(*sin) || addr->sa_family != sk->sk_family)
		return false;
	if (sk->sk_family == AF_INET) {
		vtoe_addr_from_v4(to, sin->sin_addr.s_addr, sin->sin_port);
		return true;
	}
	if (len < SIN6_LEN_RFC2133)
		return false;
	if (ipv6_addr_v4mapped(&sin6->sin6_addr)) {
		if (ipv6_only_sock(sk))
			return false;
		vtoe_addr_from_v4(to, sin6->sin6_addr.s6_addr32[3],
				  sin6->sin6_port);
		return true;
	}
	vtoe_addr_from_v6(to, sin6);
	if (len < (int)sizeof(*sin6))
		to->scope_id = 0;
	return true;
}

static bool any(const struct vtoe_addr *a)
{
	return !memchr_inv(a->addr, 0, sizeof(a->addr));
}

static bool local(const struct sock *sk, const struct vtoe_addr *a)
{
	struct in6_addr in6;
	__be32 in4;

	if (a->family == VTOE_INET) {
		memcpy(&in4, a->addr, sizeof(in4));
		return local4(sk, in4);
	}
	memcpy(&in6, a->addr, sizeof(in6));
	return local6(sk, &in6);
}

/* TCP connects to none, and the socket may try another address then. */
static bool group(const struct vtoe_addr *a)
{
	return a->family == VTOE_INET ? (a->addr[0] & 0xf0) == 0xe0 :
					a->addr[0] == 0xff;
}

enum vtoe_verdict vtoe_switch_connect(const struct sock *sk,
				      const struct sockaddr *addr, int len,
				      struct vtoe_addr *to)
{
	if (!parse(sk, addr, len, to) || (!vtoe_is_dgram(sk) && group(to)))
		return VTOE_PASS;
	if (asks_for_native(sk) || any(to) || local(sk, to))
		return VTOE_TO_NATIVE;
	return VTOE_TO_DOM0;
}

/* For old programs' sake Linux takes this for AF_INET's wildcard. */
static bool unspec_any(const struct sock *sk, const struct sockaddr *addr,
		       int len)
{
	const struct sockaddr_in *sin = (const struct sockaddr_in *)addr;

	return sk->sk_family == AF_INET && len >= (int)sizeof(*sin) &&
	       sin->sin_family == AF_UNSPEC &&
	       sin->sin_addr.s_addr == htonl(INADDR_ANY);
}

enum vtoe_verdict vtoe_switch_bind(const struct sock *sk,
				   const struct sockaddr *addr, int len,
				   struct vtoe_addr *to)
{
	const struct sockaddr_in *sin = (const struct sockaddr_in *)addr;

	if (unspec_any(sk, addr, len))
		vtoe_addr_from_v4(to, INADDR_ANY, sin->sin_port);
	else if (!parse(sk, addr, len, to))
		return VTOE_PASS;
	if (asks_for_native(sk))
		return VTOE_TO_NATIVE;
	if (any(to))
		return VTOE_TO_BOTH;
	return local(sk, to) ? VTOE_TO_NATIVE : VTOE_TO_DOM0;
}

enum vtoe_verdict vtoe_switch_listen(const struct sock *sk)
{
	return asks_for_native(sk) ? VTOE_TO_NATIVE : VTOE_TO_BOTH;
}
