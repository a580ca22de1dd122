/* SPDX-License-Identifier: GPL-2.0 */
#include <linux/sched.h>
#include <net/addrconf.h>
#include <net/inet_sock.h>
#include <net/ip6_route.h>
#include <net/route.h>

#include "addr.h"
#include "link.h"
#include "rules.h"
#include "sock.h"
#include "switch.h"

/*
 * Options that name things of the guest's own stack (a device, a mark for its
 * routing, a packet filter, foreign addresses) ask for that stack. IP_FREEBIND of
 * a UDP socket, which some servers set on each, means something for a bind() to one
 * address only: vtoe_switch_bind().
 */
static bool asks_for_native(const struct sock *sk)
{
	return sk->sk_bound_dev_if || sk->sk_mark ||
	       (vtoe_is_dgram(sk) && READ_ONCE(sk->sk_peek_off) >= 0) ||
	       rcu_access_pointer(sk->sk_filter) || inet_sk(sk)->transparent ||
	       (inet_sk(sk)->freebind && !vtoe_is_dgram(sk));
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

/* ---- what the rules are asked ---- */

/* Where the socket is bound in the guest's own stack. */
static void native_local(const struct sock *sk, struct vtoe_addr *to)
{
	const struct inet_sock *inet = inet_sk(sk);
#if IS_ENABLED(CONFIG_IPV6)
	struct sockaddr_in6 sin6 = { .sin6_port = inet->inet_sport,
				     .sin6_addr = sk->sk_v6_rcv_saddr };

	if (sk->sk_family == AF_INET6 &&
	    !ipv6_addr_v4mapped(&sk->sk_v6_rcv_saddr)) {
		vtoe_addr_from_v6(to, &sin6);
		return;
	}
#endif
	vtoe_addr_from_v4(to, inet->inet_rcv_saddr, inet->inet_sport);
}

static void find_local(const struct sock *sk, struct vtoe_addr *to)
{
	struct vtoe_sock *vsk;

	if (inet_sk(sk)->inet_num) {
		native_local(sk, to);
		return;
	}
	vsk = vtoe_sock_find(sk);
	if (vsk) {
		*to = vsk->bind_req;
		vtoe_sock_put(vsk);
	}
}

void vtoe_switch_comm(char *comm)
{
	rcu_read_lock();
	__get_task_comm(comm, RULE_COMM_MAX, current->group_leader);
	rcu_read_unlock();
}

void vtoe_switch_find_comm(const struct sock *sk, char *comm)
{
	struct vtoe_sock *vsk;

	if (!(current->flags & PF_KTHREAD)) {
		vtoe_switch_comm(comm);
		return;
	}
	vsk = vtoe_sock_find(sk);
	if (vsk) {
		strscpy(comm, vsk->comm, RULE_COMM_MAX);
		vtoe_sock_put(vsk);
	}
}

static void flow_init(struct rule_flow *flow, const struct sock *sk,
		      enum rule_direction direction)
{
	memset(flow, 0, offsetof(struct rule_flow, comm));
	flow->comm[0] = flow->cgroup[0] = '\0';
	flow->direction = direction;
	flow->protocol = sk->sk_protocol;
	flow->uid = from_kuid_munged(&init_user_ns, sk->sk_uid);
}

/* @offload: what it is if the rules let it. */
static enum vtoe_verdict by_rules(const struct sock *sk, struct rule_flow *flow,
				  enum vtoe_verdict offload)
{
	switch (vtoe_rules_ask(sk, flow)) {
	case RULE_DENY:
		atomic64_inc(&vtoe_counters.denied);
		return VTOE_DENY;
	case RULE_NATIVE:
		return VTOE_TO_NATIVE;
	case RULE_OFFLOAD_ONLY:
		return offload == VTOE_TO_BOTH ? VTOE_TO_DOM0 : offload;
	default:
		return offload;
	}
}

/* ---- decisions ---- */

enum vtoe_verdict vtoe_switch_connect(const struct sock *sk,
				      const struct sockaddr *addr, int len,
				      struct vtoe_addr *to)
{
	enum vtoe_verdict offload = VTOE_TO_DOM0;
	struct rule_flow flow;

	if (!parse(sk, addr, len, to) || (!vtoe_is_dgram(sk) && group(to)))
		return VTOE_PASS;
	if (asks_for_native(sk) || vtoe_addr_any(to) || local(sk, to))
		offload = VTOE_TO_NATIVE;
	flow_init(&flow, sk, RULE_CONNECT);
	find_local(sk, &flow.local);
	flow.remote = *to;
	return by_rules(sk, &flow, offload);
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
	enum vtoe_verdict verdict = VTOE_TO_DOM0;
	struct rule_flow flow;

	if (unspec_any(sk, addr, len))
		vtoe_addr_from_v4(to, INADDR_ANY, sin->sin_port);
	else if (!parse(sk, addr, len, to))
		return VTOE_PASS;
	if (asks_for_native(sk))
		verdict = VTOE_TO_NATIVE;
	else if (vtoe_addr_any(to))
		verdict = VTOE_TO_BOTH;
	else if (local(sk, to) || inet_sk(sk)->freebind)
		verdict = VTOE_TO_NATIVE;
	flow_init(&flow, sk, RULE_LISTEN);
	flow.local = *to;
	verdict = by_rules(sk, &flow, verdict);
	/* A stream that is bound to a port alone may connect() to dom0 yet. */
	if (verdict == VTOE_TO_NATIVE && vtoe_addr_any(to) && !asks_for_native(sk) &&
	    sk->sk_type == SOCK_STREAM)
		return VTOE_PASS;
	return verdict;
}

enum vtoe_verdict vtoe_switch_listen(const struct sock *sk)
{
	struct rule_flow flow;

	flow_init(&flow, sk, RULE_LISTEN);
	find_local(sk, &flow.local);
	return by_rules(sk, &flow,
			asks_for_native(sk) ? VTOE_TO_NATIVE : VTOE_TO_BOTH);
}

/* ---- falling back ---- */

static bool routed4(const struct sock *sk, const struct vtoe_addr *to)
{
	struct rtable *route;
	__be32 addr;

	memcpy(&addr, to->addr, sizeof(addr));
	route = ip_route_output(sock_net(sk), addr, 0, 0, 0);
	if (IS_ERR(route))
		return false;
	ip_rt_put(route);
	return true;
}

static bool routed6(const struct sock *sk, const struct vtoe_addr *to)
{
#if IS_ENABLED(CONFIG_IPV6)
	struct flowi6 fl6 = {};
	struct dst_entry *dst;
	bool routed;

	memcpy(&fl6.daddr, to->addr, sizeof(fl6.daddr));
	dst = ip6_route_output(sock_net(sk), NULL, &fl6);
	routed = !dst->error;
	dst_release(dst);
	return routed;
#else
	return false;
#endif
}

/* An IPv6 socket that is bound to IPv4 has no way to IPv6 anywhere. */
static bool bound_to_mapped(const struct sock *sk)
{
#if IS_ENABLED(CONFIG_IPV6)
	return sk->sk_family == AF_INET6 &&
	       ipv6_addr_v4mapped(&sk->sk_v6_rcv_saddr);
#else
	return false;
#endif
}

/*
 * Could the native stack serve what dom0 refuses so? A guest without a network
 * of its own is better told that the device is full than of missing routes.
 */
static bool native_could(const struct sock *sk, enum rule_direction direction,
			 const struct vtoe_addr *addr, int err)
{
	switch (err) {
	case -ENETDOWN:
		return true;
	case -EAFNOSUPPORT:
		return !bound_to_mapped(sk);
	case -ENOBUFS:
	case -EMFILE:
	case -ENFILE:
		if (direction == RULE_LISTEN)
			return vtoe_addr_any(addr);
		return addr->family == VTOE_INET ? routed4(sk, addr) :
						   routed6(sk, addr);
	default:
		return false;
	}
}

bool vtoe_switch_falls_back(const struct sock *sk,
			    enum rule_direction direction,
			    const struct vtoe_addr *addr, int err)
{
	struct rule_flow flow;

	if (!native_could(sk, direction, addr, err))
		return false;
	flow_init(&flow, sk, direction);
	if (direction == RULE_CONNECT) {
		find_local(sk, &flow.local);
		flow.remote = *addr;
	} else {
		flow.local = *addr;
	}
	if (!vtoe_rules_fall_back(sk, &flow))
		return false;
	atomic64_inc(&vtoe_counters.fallbacks);
	return true;
}
