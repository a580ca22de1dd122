/* SPDX-License-Identifier: GPL-2.0 */
/*
 * guest.h - one device's network: a namespace, and in it its shares of TOEs.
 *
 * Theory of operation
 *
 * A device has a TOE context ("link") on one TOE of its pool or, if the pool says
 * so (spread), on several at the same time. The first one has the addresses of the
 * entry; the others, and the first if the entry gives none, get one from the range
 * of the TOE that they are made on. A link keeps its number for life, and its
 * addresses also when it moves to a sibling of its TOE, as they are what peers know:
 * until the range that they are of changes (guest_link_follow()).
 * Where entry or TOE say so, the IPv4 address is one of a DHCP lease: the link is
 * made without it, and dhcp.h says when it comes, changes and goes.
 *
 * The device belongs to a guest of which nothing is known here but the name
 * of its namespace.
 */
#ifndef TOE_SERVICE_GUEST_H
#define TOE_SERVICE_GUEST_H

#include <stdbool.h>

#include "entry.h"
#include "stack.h"
#include "toe.h"

#define GUEST_NAME_MAX	32 /* "vtoe-32751-255" */
#define GUEST_IDENTITY_MAX 160 /* bytes; of an option that may have 255 */
#define GUEST_LINKS_MAX CONFIG_SPREAD_MAX

/* What a link may have lost, each for itself: its TOE fails, or it should have an
 * address of that family, and has none. */
enum { GUEST_LOSS_TOE, GUEST_LOSS_IP, GUEST_LOSS_IP6, GUEST_LOSSES };

struct guest_loss {
	uint64_t since_ns; /* CLOCK_MONOTONIC; 0: it is not lost */
	bool given_up;	   /* its connections have been reset since then */
};

struct guest_link {
	char toe[TABLE_NAME_MAX]; /* "": not in use */
	char driver[TABLE_NAME_MAX];
	char netdev[TABLE_IFNAME_MAX];
	char mode[CONFIG_LINK_MAX];
	char segment[CONFIG_SEGMENT_MAX];
	char name[TABLE_IFNAME_MAX]; /* in the namespace */
	char settings[TABLE_SETTINGS_MAX]; /* for the TOE's driver */
	uint32_t toe_row, toe_generation;
	uint32_t mtu;	   /* that the TOE gives it; 0: its device's */
	uint32_t mtu_most; /* that it can have there; 0: not known */
	struct toe_routes routes; /* that the TOE gives it */
	bool routes_due; /* it may have others: an earlier vtoed's, or some */
	uint32_t ifindex; /* of the device that the link is on; 0: it is gone */
	struct toe_address ip, ip6;
	/* TOEs of whose ranges ip and ip6 are; "": of none */
	char from[TABLE_NAME_MAX], from6[TABLE_NAME_MAX];
	bool dhcp;	    /* ip is that of a lease; family 0: there is none */
	uint32_t lease_mtu; /* 0: the lease says nothing */
	char lease_error[ENTRY_ERROR_MAX]; /* why there is none; or "" */
	struct guest_loss loss[GUEST_LOSSES];
	uint32_t share;	  /* number that it bears; 0: none (sharing.h) */
	bool held;	  /* it hears nothing before guest_link_release() */
};

/* One that was left, and is still there for a moment (guest_retire.c). */
struct guest_retired {
	struct guest_link link;
	uint64_t end_ns; /* CLOCK_MONOTONIC: when it goes; 0: there is none */
};

/* What has gone by links that are no more, on the TOE that had a row then. */
struct guest_past {
	uint32_t generation;
	struct toe_traffic traffic;
};

struct guest_net {
	struct guest_net *next, **prevp; /* in the inventory */
	struct inventory *inv;
	char name[GUEST_NAME_MAX]; /* of the namespace */
	char identity[GUEST_IDENTITY_MAX];
	struct entry entry;
	bool leaving; /* its leases are being given back */
	int netns; /* descriptor */
	/* whose stacks its worker has, so that links can move there; "": none */
	char driver[CONTEXT_DRIVERS_MAX][TABLE_NAME_MAX];
	bool served; /* a worker has connections there, which go with links */
	struct guest_link link[GUEST_LINKS_MAX];
	struct guest_retired retired[GUEST_LINKS_MAX];
	struct loop_timer retired_timer;
	uint32_t share;		       /* its number; 0: none yet (sharing.h) */
	struct guest_past past[TOE_TABLE_MAX]; /* see traffic.h */
};

/* What is written down of a link, for the next vtoed. */
struct guest_saved {
	char toe[TABLE_NAME_MAX]; /* "": not in use */
	struct toe_address ip, ip6;
	char from[TABLE_NAME_MAX], from6[TABLE_NAME_MAX]; /* "": of no range */
	bool dhcp;
};

/**
 * guest_net_create - place a device on TOEs and make its network
 * @name: of the namespace; one of that name is replaced
 * @identity: of the device, the same each time that its guest starts
 * @entry: copied
 * @net: set on success only; to be freed by guest_net_destroy() or _forget()
 * @error: ENTRY_ERROR_MAX bytes; why not
 *
 * One link is enough for success. Returns 0; -EINVAL: unknown pool;
 * -EADDRINUSE: another device has the address; -EDQUOT: the pool has as many
 * devices as it may; -EADDRNOTAVAIL: neither entry nor
 * TOE has an address (left); -ENETDOWN: no TOE is up and not
 * full; or what the TOE's driver
 * says.
 */
int guest_net_create(struct inventory *inv, const char *name,
		     const char *identity, const struct entry *entry,
		     struct guest_net **net, char *error);

/**
 * guest_net_adopt - take over the network that an earlier vtoed made
 * @saved: GUEST_LINKS_MAX links, as they were then
 *
 * As guest_net_create(); -ENOENT if the namespace or the first TOE is not there.
 */
int guest_net_adopt(struct inventory *inv, const char *name,
		    const char *identity, const struct entry *entry,
		    const struct guest_saved *saved, struct guest_net **net,
		    char *error);

/** guest_pool_devices - how many devices a pool has. */
uint32_t guest_pool_devices(const struct inventory *inv, const char *pool);

/** guest_link_used - is there a link of that number? */
bool guest_link_used(const struct guest_net *net, uint32_t index);

/** guest_link_is_on - is there a link of that number, and on this TOE? */
bool guest_link_is_on(const struct guest_net *net, uint32_t index,
		      const struct toe *toe);

/** guest_link_state - of the TOE that a link is on; TOE_ABSENT: no more. */
enum toe_state guest_link_state(const struct guest_net *net, uint32_t index);

/**
 * guest_link_stale - true if the link is gone, because the TOE's device is a new
 * one, or the TOE is not in the inventory any more
 *
 * False while the TOE's device is away or down: a link that is made then announces
 * its addresses to nobody.
 */
bool guest_link_stale(const struct guest_net *net, uint32_t index);

/**
 * guest_link_renew - make a link again, in the namespace that is there
 * @may_move: another TOE of the pool will do, if this one is not up
 *
 * Returns as guest_net_create(); on failure nothing has changed.
 */
int guest_link_renew(struct guest_net *net, uint32_t index, bool may_move,
		     char *error);

/**
 * guest_net_ready - prepare for a worker: which drivers it has to have
 *
 * Sets net->driver to those of the pool's TOEs between which connections can move on
 * some segment; and turns TCP time stamps off in the namespace if one of these cannot
 * go on with them.
 */
void guest_net_ready(struct guest_net *net);

/**
 * guest_net_assist - a driver's control half does its part with a descriptor
 * @driver: a worker's word
 * @fd: likewise; stays the caller's
 *
 * Returns 0, -EPERM, or another negative errno.
 */
int guest_net_assist(const struct guest_net *net, const char *driver,
		     enum toe_assist what, int fd);

/**
 * guest_link_sibling - is there a TOE that this link should move to?
 *
 * True if its own TOE is down, gone, draining, degraded, configured no more or of
 * another pool now, and the pool has another one up on the same segment, where its
 * addresses are as good: with the same driver, or with one to which connections can
 * move.
 */
bool guest_link_sibling(const struct guest_net *net, uint32_t index);

/**
 * guest_link_move - take the addresses to a sibling
 *
 * The new link is made and announces the addresses, then the old one goes: if it
 * works, a moment later, with what was on its way to it. The sockets in the namespace stay what they are, so connections go on; if the TOE has
 * another driver, and there is a worker, it has to move them, and the link hears
 * nothing before guest_link_release(). One of the same driver is preferred. Returns
 * as guest_net_create(); on failure all is as it was.
 */
int guest_link_move(struct guest_net *net, uint32_t index, char *error);

/** guest_link_release - connections are there: a link may hear. May be repeated. */
void guest_link_release(struct guest_net *net, uint32_t index);

/**
 * guest_link_rebalance - as guest_link_move(), if that makes it better placed
 *
 * To a sibling, whatever the state of its own TOE. -EALREADY: no other TOE is
 * better for it.
 */
int guest_link_rebalance(struct guest_net *net, uint32_t index, char *error);

/**
 * guest_link_readdress - what a lease says of a link's IPv4 address
 * @ip: family 0: there is no lease
 * @mtu: 0: it says nothing
 * @error: ENTRY_ERROR_MAX bytes; set on failure
 *
 * Returns 0 if something has changed; -EALREADY: nothing has; -EADDRINUSE:
 * another device, or this host, has the address; or what the TOE's driver says.
 * After another failure than -EALREADY the link has no IPv4 address.
 */
int guest_link_readdress(struct guest_net *net, uint32_t index,
			 const struct toe_address *ip, uint32_t mtu,
			 char *error);

/**
 * guest_link_follow - have a link the address and gateway of the configuration
 * @family: VTOE_INET or VTOE_INET6
 * @error: ENTRY_ERROR_MAX bytes; set on failure
 *
 * Where its address is one of a range of a TOE's, and that has changed. Returns 0 if
 * the link has another address, or gateway, or none; -EALREADY: nothing has changed;
 * or, with no address of the family any more: -EADDRNOTAVAIL: the range is used up;
 * or what the TOE's driver says.
 */
int guest_link_follow(struct guest_net *net, uint32_t index, uint16_t family,
		      char *error);

/**
 * guest_link_follow_routes - have a link the routes of its TOE, as configured now
 * @error: ENTRY_ERROR_MAX bytes; set on failure
 *
 * Whatever its address is of. Returns 0; -EALREADY: nothing has changed; or what the
 * TOE's driver says, and then it is tried again when something changes.
 */
int guest_link_follow_routes(struct guest_net *net, uint32_t index, char *error);

/** guest_link_ip - its address of a family; family 0: it has none */
const struct toe_address *guest_link_ip(const struct guest_net *net,
					uint32_t index, uint16_t family);

/** guest_link_lend - have a DHCP client send from the address; nothing else does */
void guest_link_lend(const struct guest_net *net, uint32_t index);

/** guest_link_lease - how it is with its lease, for people; NULL: it has none */
const char *guest_link_lease(const struct guest_net *net, uint32_t index);

/** guest_link_remove - of a link that is in use, and not the first. */
void guest_link_remove(struct guest_net *net, uint32_t index);

/**
 * guest_net_add - one more link, if the pool's spread and TOEs allow it
 *
 * @any_driver: else it has to be one that the device has already, because its
 *		worker, which runs, cannot start another one
 *
 * On a TOE that the device has no link on yet, with addresses to give. Returns the
 * new link's number or a negative errno.
 */
int guest_net_add(struct guest_net *net, bool any_driver);

/**
 * guest_link_traffic - what has gone by a link since it was made
 * @traffic: set on success only
 *
 * Asks the engine. Returns 0; -EOPNOTSUPP: it does not count; or another negative
 * errno.
 */
int guest_link_traffic(const struct guest_net *net, uint32_t index,
		       struct toe_traffic *traffic);

/**
 * guest_link_share - what goes out by a link from now on is of a share
 * @error: TOE_ERROR_MAX bytes
 *
 * Returns 0 or a negative errno.
 */
int guest_link_share(struct guest_net *net, uint32_t index, uint32_t number,
		     char *error);

/** guest_net_destroy - remove links and namespace, and free. NULL is allowed. */
void guest_net_destroy(struct guest_net *net);

/** guest_net_sweep - remove a namespace of that name, if there is one. */
void guest_net_sweep(struct inventory *inv, const char *name);

/** guest_net_forget - free, and leave all as it is for the next vtoed. */
void guest_net_forget(struct guest_net *net);

#endif /* TOE_SERVICE_GUEST_H */
