/* SPDX-License-Identifier: GPL-2.0 */
/*
 * way.h - addresses to which a datagram socket was connected a moment ago.
 *
 * To such a one dom0's stack has a way, and connect() need not wait until it has
 * been asked again. Few are kept: programs ask few resolvers.
 */
#ifndef VTOE_MODULE_WAY_H
#define VTOE_MODULE_WAY_H

#include <linux/jiffies.h>
#include <linux/string.h>

#include "../../xenstore-schema/vtoe_wire.h"

#define VTOE_WAYS     8
#define VTOE_WAY_GOOD HZ /* for so long; one that ends meanwhile: see dgram.h */

struct vtoe_way {
	struct vtoe_addr to; /* without its port; family 0: none */
	unsigned long until;
};

struct vtoe_ways {
	struct vtoe_way way[VTOE_WAYS];
	unsigned int next; /* to be replaced */
};

static inline struct vtoe_way *vtoe_way_find(struct vtoe_ways *ways,
					     const struct vtoe_addr *to)
{
	struct vtoe_addr key = *to;
	struct vtoe_way *way;

	key.port = 0;
	for (way = ways->way; way < ways->way + VTOE_WAYS; way++)
		if (!memcmp(&way->to, &key, sizeof(key)))
			return way;
	return NULL;
}

static inline bool vtoe_way_known(struct vtoe_ways *ways,
				  const struct vtoe_addr *to)
{
	const struct vtoe_way *way = vtoe_way_find(ways, to);

	return way && time_before(jiffies, way->until);
}

static inline void vtoe_way_learn(struct vtoe_ways *ways,
				  const struct vtoe_addr *to)
{
	struct vtoe_way *way = vtoe_way_find(ways, to);

	if (!way) {
		way = &ways->way[ways->next++ % VTOE_WAYS];
		way->to = *to;
		way->to.port = 0;
	}
	way->until = jiffies + VTOE_WAY_GOOD;
}

static inline void vtoe_way_forget(struct vtoe_ways *ways,
				   const struct vtoe_addr *to)
{
	struct vtoe_way *way = vtoe_way_find(ways, to);

	if (way)
		memset(way, 0, sizeof(*way));
}

#endif /* VTOE_MODULE_WAY_H */
