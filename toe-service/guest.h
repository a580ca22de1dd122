/* SPDX-License-Identifier: GPL-2.0 */
/*
 * guest.h - one device's network: a namespace, and in it its share of a TOE.
 *
 * The device belongs to a guest of which nothing is known here but the name
 * of its namespace.
 */
#ifndef TOE_SERVICE_GUEST_H
#define TOE_SERVICE_GUEST_H

#include <stdbool.h>

#include "entry.h"
#include "toe.h"

#define GUEST_NAME_MAX 32 /* "vtoe-32751-255" */

struct guest_net {
	struct guest_net *next, **prevp; /* in the inventory */
	struct inventory *inv;
	char name[GUEST_NAME_MAX]; /* of the namespace */
	struct entry entry;
	int netns; /* descriptor */
	uint32_t toe_row, toe_generation;
	uint32_t ifindex; /* of the device that the link is on */
	char toe[TABLE_NAME_MAX];
	char driver[TABLE_NAME_MAX];
	char netdev[TABLE_IFNAME_MAX];
	char mode[CONFIG_LINK_MAX];
	char segment[CONFIG_SEGMENT_MAX];
	char link[TABLE_IFNAME_MAX]; /* in the namespace */
};

/**
 * guest_net_create - place a device on a TOE and make its network
 * @name: of the namespace; one of that name is replaced
 * @entry: copied
 * @net: set on success only; to be freed by guest_net_destroy() or _forget()
 * @error: ENTRY_ERROR_MAX bytes; why not
 *
 * Returns 0; -EINVAL: unknown pool; -EADDRINUSE: another device has the
 * address; -ENETDOWN: no TOE is up; or what the TOE's driver says.
 */
int guest_net_create(struct inventory *inv, const char *name,
		     const struct entry *entry, struct guest_net **net,
		     char *error);

/**
 * guest_net_adopt - take over the network that an earlier vtoed made
 * @toe: the TOE it is on
 *
 * As guest_net_create(); -ENOENT if namespace, TOE or link are not there.
 */
int guest_net_adopt(struct inventory *inv, const char *name,
		    const struct entry *entry, const char *toe,
		    struct guest_net **net, char *error);

/**
 * guest_net_stale - true if the link is gone, because the TOE's device is a new
 * one, or the TOE is not in the inventory any more
 *
 * False while the TOE's device is away: nothing can be done then.
 */
bool guest_net_stale(const struct guest_net *net);

/**
 * guest_net_renew - make the link again, in the namespace that is there
 * @may_move: another TOE of the pool will do, if this one is not up
 *
 * Returns as guest_net_create(); on failure nothing has changed.
 */
int guest_net_renew(struct guest_net *net, bool may_move, char *error);

/**
 * guest_net_sibling - is there a TOE that this network should move to?
 *
 * True if its own TOE is down, gone, draining or configured no more, and the
 * pool has another one up on the same segment, where its addresses are as good.
 */
bool guest_net_sibling(const struct guest_net *net);

/**
 * guest_net_move - take the addresses to a sibling
 *
 * The new link is made and announces the addresses, then the old one goes. The
 * sockets in the namespace stay what they are, so connections go on. Returns as
 * guest_net_create(); on failure all is as it was.
 */
int guest_net_move(struct guest_net *net, char *error);

/** guest_net_destroy - remove link and namespace, and free. NULL is allowed. */
void guest_net_destroy(struct guest_net *net);

/** guest_net_sweep - remove a namespace of that name, if there is one. */
void guest_net_sweep(struct inventory *inv, const char *name);

/** guest_net_forget - free, and leave all as it is for the next vtoed. */
void guest_net_forget(struct guest_net *net);

#endif /* TOE_SERVICE_GUEST_H */
