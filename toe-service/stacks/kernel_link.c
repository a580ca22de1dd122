/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kernel_link.c - the control half of the "kernel" TOE driver: a guest's link.
 *
 * Theory of operation
 *
 * A TOE context is a link that hangs off the TOE's netdev and lives in the
 * guest's network namespace, with the guest's addresses and routes:
 *
 *	ipvlan, L2 mode		shares the netdev's MAC address. Works behind
 *				switches and access points that allow one MAC
 *				address a port; no promiscuous mode.
 *	macvlan, bridge mode	has a MAC address of its own.
 *
 * "auto" takes macvlan if the netdev is a bridge, because the ports of the
 * bridge (the usual xl host: xenbr0 with the guests' vifs) then see the address
 * as one more station that can move between ports, and ipvlan if it is anything
 * else. If the kernel does not have the one, or the netdev already carries
 * links of the other kind (it cannot have both), "auto" takes the other.
 *
 * A guest whose address comes by DHCP needs a macvlan: many servers go by the
 * MAC address, whatever client identifier they are sent, and would give all
 * guests on ipvlans one address, which may be dom0's. Its MAC address is given,
 * so that the server knows the guest again (kernel_address.c has the rest).
 *
 * With either, dom0's own addresses on that netdev and the guest do not reach
 * each other: that is so on purpose.
 *
 * The link is made in the guest's namespace at once. Linux 6.1 refuses a name that
 * a device of vtoed's own namespace has; then it gets a passing one first, and to be
 * renamed costs an RCU grace period, for which connections wait. For the rest vtoed's
 * one thread enters the namespace for a moment. What all links of a namespace are
 * like is said there once (netns.c): a link that moves to a sibling is made while
 * connections wait, and each system call counts. Addresses are static: no router
 * advertisement changes them, and no duplicate address detection delays them. On the
 * way up the link announces its addresses (gratuitous ARP, unsolicited neighbour
 * advertisement), so that an address which moved here is found.
 *
 * A macvlan's address is entered in the bridge's table before the link comes up
 * (kernel_bridge.h), and taken out after the link is gone.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/ipvlan.h>
#include <netlink/route/link/macvlan.h>

#include "drivers.h"
#include "kernel_address.h"
#include "kernel_bridge.h"
#include "kernel_hear.h"
#include "kernel_inside.h"
#include "kernel_link.h"
#include "kernel_nl.h"
#include "kernel_rate.h"
#include "kernel_retire.h"
#include "kernel_route.h"
#include "kernel_share.h"

#define PASSING_NAME "vtoe-new"

__attribute__((format(printf, 3, 4))) static int fail(char *error, int err,
						      const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(error, TOE_ERROR_MAX, format, ap);
	va_end(ap);
	if (n >= 0 && n < TOE_ERROR_MAX)
		snprintf(error + n, (size_t)(TOE_ERROR_MAX - n), ": %s",
			 strerror(-err));
	return err;
}

/* ---- the link ---- */

/* Has the device this in sysfs? "bridge": it is one; "brport": is in one. */
static bool is_a(const char *netdev, const char *what)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "/sys/class/net/%s/%s", netdev, what);
	return !stat(path, &st);
}

static struct rtnl_link *link_alloc(const char *kind)
{
	struct rtnl_link *link;

	if (!strcmp(kind, "ipvlan")) {
		link = rtnl_link_ipvlan_alloc();
		if (link)
			rtnl_link_ipvlan_set_mode(
				link, rtnl_link_ipvlan_str2mode("l2"));
		return link;
	}
	link = rtnl_link_macvlan_alloc();
	if (link)
		rtnl_link_macvlan_set_mode(
			link, rtnl_link_macvlan_str2mode("bridge"));
	return link;
}

static int set_mac(struct rtnl_link *link, const uint8_t *mac)
{
	struct nl_addr *addr = nl_addr_build(AF_LLC, mac, TOE_MAC_LEN);

	if (!addr)
		return -ENOMEM;
	rtnl_link_set_addr(link, addr);
	nl_addr_put(addr);
	return 0;
}

static int link_make_as(struct nl_sock *sk,
			const struct toe_context_spec *spec, const char *kind,
			const char *name)
{
	int lower = kernel_nl_index(sk, spec->netdev);
	struct rtnl_link *link;
	int err;

	if (!lower)
		return -ENODEV;
	link = link_alloc(kind);
	if (!link)
		return -ENOMEM;
	rtnl_link_set_link(link, lower);
	rtnl_link_set_name(link, name);
	rtnl_link_set_ns_fd(link, spec->netns);
	if (spec->dhcp && set_mac(link, spec->mac)) {
		rtnl_link_put(link);
		return -ENOMEM;
	}
	if (spec->mtu)
		rtnl_link_set_mtu(link, spec->mtu);
	err = rtnl_link_add(sk, link, NLM_F_CREATE | NLM_F_EXCL);
	rtnl_link_put(link);
	return kernel_nl_errno(err);
}

/* A link that has been made, and is not configured yet. */
struct made {
	const char *kind;
	const char *name; /* spec->link, or PASSING_NAME */
};

static int link_make(struct nl_sock *sk, const struct toe_context_spec *spec,
		     const char *kind, struct made *made)
{
	int err;

	*made = (struct made){.kind = kind, .name = spec->link};
	err = link_make_as(sk, spec, kind, made->name);
	if (err != -EEXIST)
		return err;
	made->name = PASSING_NAME;
	return link_make_as(sk, spec, kind, made->name);
}

/* Not there, or in use by the other kind. */
static bool try_other(int err)
{
	return err == -EOPNOTSUPP || err == -EBUSY || err == -EINVAL;
}

static int link_create(struct nl_sock *sk, const struct toe_context_spec *spec,
		       struct made *made, char *error)
{
	bool automatic = !strcmp(spec->mode, "auto");
	const char *kind = spec->mode, *other;
	int err;

	if (automatic)
		kind = is_a(spec->netdev, "bridge") ? "macvlan" : "ipvlan";
	else if (strcmp(kind, "ipvlan") && strcmp(kind, "macvlan"))
		return fail(error, -EINVAL, "TOE \"%s\": unknown mode \"%s\"",
			    spec->toe, kind);
	if (spec->dhcp) {
		automatic = false;
		kind = strcmp(spec->mode, "auto") ? spec->mode : "macvlan";
	}
	if (spec->dhcp && strcmp(kind, "macvlan"))
		return fail(error, -EOPNOTSUPP,
			    "TOE \"%s\": an address by DHCP needs link = "
			    "\"macvlan\", not \"%s\"", spec->toe, kind);
	if (is_a(spec->netdev, "brport"))
		return fail(error, -EBUSY,
			    "TOE \"%s\": \"%s\" is a port of a bridge; the "
			    "bridge must be the netdev",
			    spec->toe, spec->netdev);
	err = link_make(sk, spec, kind, made);
	if (automatic && try_other(err)) {
		other = strcmp(kind, "ipvlan") ? "ipvlan" : "macvlan";
		if (!link_make(sk, spec, other, made))
			return 0;
	}
	if (err)
		return fail(
			error, err,
			"TOE \"%s\": cannot make the %s link \"%s\" of \"%s\"",
			spec->toe, kind, spec->link, spec->netdev);
	return 0;
}

int kernel_link_change(struct nl_sock *sk, int ifindex,
		       struct rtnl_link *change)
{
	struct rtnl_link *old;
	int err;

	if (!change)
		return -ENOMEM;
	err = rtnl_link_get_kernel(sk, ifindex, NULL, &old);
	if (!err) {
		err = rtnl_link_change(sk, old, change, 0);
		rtnl_link_put(old);
	}
	rtnl_link_put(change);
	return kernel_nl_errno(err);
}

static int link_rename(struct nl_sock *sk, int ifindex, const char *name)
{
	struct rtnl_link *change = rtnl_link_alloc();

	if (change)
		rtnl_link_set_name(change, name);
	return kernel_link_change(sk, ifindex, change);
}

/* ---- inside the namespace ---- */

static void set_sysctl(const char *family, const char *link, const char *name,
		       const char *value)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family,
		 link, name);
	/* a kernel without it (no IPv6) has nothing to be set */
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, value, strlen(value)) < 0) {
		/* harmless: the link works, if less quietly */
	}
	close(fd);
}

void kernel_link_set_ip6(const struct toe_context_spec *spec)
{
	set_sysctl("ipv6", spec->link, "disable_ipv6",
		   spec->ip6.addr.family ? "0" : "1");
}

/* What is not as in every link of a guest (netns.c). */
static void set_sysctls(const struct toe_context_spec *spec)
{
	if (spec->several) {
		/* what is not tied to a TOE context takes one that works */
		set_sysctl("ipv4", spec->link,
			   "ignore_routes_with_linkdown", "1");
		set_sysctl("ipv6", spec->link,
			   "ignore_routes_with_linkdown", "1");
	}
	if (!spec->ip6.addr.family)
		kernel_link_set_ip6(spec);
}

static int set_address(struct nl_sock *sk, int ifindex,
		       const struct toe_context_spec *spec, bool v6,
		       char *error)
{
	const struct vtoe_addr *addr = v6 ? &spec->ip6.addr : &spec->ip.addr;
	uint32_t prefix = v6 ? spec->ip6.prefix : spec->ip.prefix;
	uint32_t metric = kernel_route_metric(ifindex, spec->index);
	int err = 0;

	if (addr->family)
		err = kernel_address_add(sk, ifindex, addr, prefix, metric);

	if (err)
		return fail(error, err,
			    "TOE \"%s\": cannot add the address (%s=)",
			    spec->toe, v6 ? "ip6" : "ip");
	return 0;
}

static int set_routes(struct nl_sock *sk, int ifindex,
		      const struct toe_context_spec *spec, bool v6, char *error)
{
	const struct toe_address *own = v6 ? &spec->ip6 : &spec->ip;
	int err = kernel_route_set(sk, ifindex, spec->index, own, spec->routes,
				   v6 ? AF_INET6 : AF_INET);
	bool several = spec->index || (spec->routes && spec->routes->nr);

	if (err)
		return fail(error, err, "TOE \"%s\": cannot add the %s of %s=",
			    spec->toe, several ? "routes" : "gateway",
			    v6 ? "ip6" : "ip");
	return 0;
}

/*
 * Addresses go first: a link announces, as it comes up, those that it has. An
 * IPv6 address without duplicate detection is never announced otherwise, and a
 * peer that knows it by another link would send there for half a minute.
 */
static int set_network(struct nl_sock *sk, int ifindex,
		       const struct toe_context_spec *spec, char *error)
{
	int err = set_address(sk, ifindex, spec, false, error);

	if (!err)
		err = set_address(sk, ifindex, spec, true, error);
	if (err)
		return err;
	err = kernel_nl_set_flag(sk, ifindex, IFF_UP, true);
	if (err)
		return fail(error, err, "TOE \"%s\": cannot set up \"%s\"",
			    spec->toe, spec->link);
	if (spec->rate)
		err = kernel_rate_limit(sk, ifindex, spec->rate);
	if (err)
		return fail(error, err,
			    "TOE \"%s\": cannot limit the rate (rate=)",
			    spec->toe);
	err = set_routes(sk, ifindex, spec, false, error);
	return err ? err : set_routes(sk, ifindex, spec, true, error);
}

/* A bridge does not learn a macvlan's address (kernel_bridge.h). */
static bool is_station(const char *kind)
{
	return !strcmp(kind, "macvlan");
}

typedef int bridge_fn(struct nl_sock *sk, int lower, struct nl_addr *station);

static int tell_bridge(const struct kernel_inside *in, struct rtnl_link *link,
		       bridge_fn *tell)
{
	struct nl_sock *home;
	int err = kernel_home(in, &home);

	if (err)
		return err;
	err = tell(home, rtnl_link_get_link(link), rtnl_link_get_addr(link));
	nl_socket_free(home);
	return kernel_nl_errno(err);
}

static int enter_bridge(const struct kernel_inside *in, int ifindex)
{
	struct rtnl_link *link;
	int err = rtnl_link_get_kernel(in->sk, ifindex, NULL, &link);

	if (err)
		return kernel_nl_errno(err);
	err = tell_bridge(in, link, bridge_enter);
	rtnl_link_put(link);
	return err;
}

static int configure(const struct kernel_inside *in)
{
	const struct toe_context_spec *spec = in->spec;
	const struct made *made = in->arg;
	bool passing = strcmp(made->name, spec->link);
	int ifindex = passing ? kernel_nl_index(in->sk, made->name) : in->ifindex;
	struct nl_sock *sk = in->sk;
	char *error = in->error;
	int err = 0;

	if (!ifindex)
		return fail(error, -ENODEV, "TOE \"%s\": \"%s\" has vanished",
			    spec->toe, spec->link);
	if (passing)
		err = link_rename(sk, ifindex, spec->link);
	if (err)
		err = fail(error, err,
			   "TOE \"%s\": cannot name the link \"%s\"", spec->toe,
			   spec->link);
	set_sysctls(spec);
	if (!err && is_station(made->kind))
		err = enter_bridge(in, ifindex);
	if (err && !error[0])
		err = fail(error, err,
			   "TOE \"%s\": cannot tell \"%s\" the link's address",
			   spec->toe, spec->netdev);
	if (!err && spec->held)
		err = kernel_hear(sk, ifindex, KERNEL_HEARS_NOTHING);
	if (err && !error[0])
		err = fail(error, err, "TOE \"%s\": cannot hold the link back",
			   spec->toe);
	if (!err && !spec->held)
		err = set_network(sk, ifindex, spec, error);
	return err;
}

static int install(const struct kernel_inside *in)
{
	return set_network(in->sk, in->ifindex, in->spec, in->error);
}

static int release(const struct kernel_inside *in)
{
	return kernel_hear(in->sk, in->ifindex, KERNEL_HEARS_ALL);
}

/* Is it @name, or half-made; or, without a name, any link of vtoed's? */
static bool is_ours(struct rtnl_link *link, const char *name)
{
	const char *its = rtnl_link_get_name(link);
	const char *kind = rtnl_link_get_type(link);

	if (!its || !kind ||
	    (strcmp(kind, "macvlan") && strcmp(kind, "ipvlan")))
		return false;
	return !name || !strcmp(its, name) || !strcmp(its, PASSING_NAME);
}

static int link_remove(const struct kernel_inside *in, struct rtnl_link *link)
{
	int err = kernel_nl_errno(rtnl_link_delete(in->sk, link));

	if (!err && is_station(rtnl_link_get_type(link)))
		err = tell_bridge(in, link, bridge_leave);
	return err;
}

/* @spec names the link; without a link's name: all that are there. */
static int remove_links(const struct kernel_inside *in)
{
	struct nl_cache *links;
	struct nl_object *o;
	int err, result = 0;

	err = rtnl_link_alloc_cache(in->sk, AF_UNSPEC, &links);
	if (err)
		return kernel_nl_errno(err);
	for (o = nl_cache_get_first(links); o; o = nl_cache_get_next(o)) {
		if (!is_ours((struct rtnl_link *)o, in->spec->link))
			continue;
		err = link_remove(in, (struct rtnl_link *)o);
		if (err)
			result = err;
	}
	nl_cache_free(links);
	return result;
}

/* ---- the driver ---- */

static int kernel_context_destroy(const struct toe_context_spec *spec)
{
	char ignored[TOE_ERROR_MAX];

	return kernel_inside(spec, remove_links, NULL, ignored);
}

static int read_traffic(const struct kernel_inside *in)
{
	struct toe_traffic *traffic = *(struct toe_traffic *const *)in->arg;
	struct rtnl_link *link;
	int err = rtnl_link_get_kernel(in->sk, in->ifindex, NULL, &link);

	if (err)
		return kernel_nl_errno(err);
	*traffic = (struct toe_traffic){
		.tx_bytes = rtnl_link_get_stat(link, RTNL_LINK_TX_BYTES),
		.tx_packets = rtnl_link_get_stat(link, RTNL_LINK_TX_PACKETS),
		.rx_bytes = rtnl_link_get_stat(link, RTNL_LINK_RX_BYTES),
		.rx_packets = rtnl_link_get_stat(link, RTNL_LINK_RX_PACKETS),
	};
	rtnl_link_put(link);
	return 0;
}

static int kernel_context_traffic(const struct toe_context_spec *spec,
				  struct toe_traffic *traffic)
{
	char ignored[TOE_ERROR_MAX];

	return kernel_on_link(spec, read_traffic, &traffic, ignored);
}

static void kernel_sweep(int netns)
{
	struct toe_context_spec all = {.netns = netns};

	kernel_context_destroy(&all);
}

static int make(const struct toe_context_spec *spec, char *error)
{
	struct nl_sock *sk;
	struct made made;
	int err;

	error[0] = '\0';
	err = kernel_nl_open(&sk);
	if (err)
		return fail(error, err, "netlink");
	err = link_create(sk, spec, &made, error);
	nl_socket_free(sk);
	if (err)
		return err;
	err = kernel_inside(spec, configure, &made, error);
	if (err)
		kernel_context_destroy(spec);
	return err;
}

static int kernel_context_create(const struct toe_context_spec *spec,
				 char *error)
{
	int err = make(spec, error);

	if (err != -EEXIST)
		return err;
	/* a vtoed may have died between making it and noting that */
	kernel_context_destroy(spec);
	return make(spec, error);
}

static int kernel_context_install(const struct toe_context_spec *spec,
				  char *error)
{
	error[0] = '\0';
	return kernel_on_link(spec, install, NULL, error);
}

static int kernel_context_release(const struct toe_context_spec *spec)
{
	char ignored[TOE_ERROR_MAX];

	return kernel_on_link(spec, release, NULL, ignored);
}

const struct toe_control kernel_control = {
	.name = "kernel",
	.moves = true,
	.context_install = kernel_context_install,
	.context_release = kernel_context_release,
	.assist = kernel_assist,
	.context_create = kernel_context_create,
	.context_destroy = kernel_context_destroy,
	.context_retire = kernel_context_retire,
	.context_traffic = kernel_context_traffic,
	.context_address = kernel_context_address,
	.context_routes = kernel_context_routes,
	.context_share = kernel_context_share,
	.share = kernel_share,
	.sweep = kernel_sweep,
};
