/* SPDX-License-Identifier: GPL-2.0 */
/* pool.h - placement of a guest's device on a TOE of a pool. */
#ifndef TOE_SERVICE_POOL_H
#define TOE_SERVICE_POOL_H

#include "toe.h"

/**
 * pool_choose - the TOE that a new device is best placed on
 * @segment: one of this segment, or NULL: any
 * @driver: one with this driver, or NULL: any
 * @tried: bit n set: not the TOE in row n
 *
 * One that is up, and has not as many devices or connections as it may; without
 * @segment a degraded one, if none is. Returns NULL if there is neither in the pool.
 */
struct toe *pool_choose(struct inventory *inv, const struct config_pool *pool,
			const char *segment, const char *driver,
			uint64_t tried);

/** pool_has - is @toe one of the pool's? */
bool pool_has(const struct inventory *inv, const struct config_pool *pool,
	      const struct toe *toe);

/**
 * pool_better - would a device on @now be better placed on @other?
 *
 * In a pool that is "in-order", if @other comes first; in any other, if @other
 * is still the lighter one for its weight when the device has come to it.
 */
bool pool_better(const struct inventory *inv, const struct config_pool *pool,
		 const struct toe *now, const struct toe *other);

/**
 * pool_explain - why pool_choose() has nothing to offer
 * @text: @size bytes: "eth1: the network device has no link; eth2: ..."
 */
void pool_explain(struct inventory *inv, const struct config_pool *pool,
		  char *text, size_t size);

#endif /* TOE_SERVICE_POOL_H */
