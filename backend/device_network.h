/* SPDX-License-Identifier: GPL-2.0 */
/*
 * device_network.h - a device's links, as TOEs come, go, fail and are back.
 *
 * What a change asks for is worked out from how things are now, link by link: to a
 * sibling, made again, removed, or lost; then more links, if there may be. The
 * worker is told of each step (worker_proto.h).
 */
#ifndef BACKEND_DEVICE_NETWORK_H
#define BACKEND_DEVICE_NETWORK_H

#include "device.h"

/** device_fill_toe - how one of its TOE contexts is; needs device->net. */
void device_fill_toe(const struct device *device, uint32_t index,
		     struct worker_toe *toe);

/** device_compare_toes - tell a worker what it, or vtoed, has missed. */
void device_compare_toes(struct device *device);

/** device_readdressed - a link has another address, or none; or it is said why. */
void device_readdressed(struct device *device, uint32_t index);

/** device_arrived - the worker has brought a link's streams to its new stack. */
void device_arrived(struct device *device, uint32_t index);

/** device_release_links - there is no worker: no link has to wait for one. */
void device_release_links(struct device *device);

#endif /* BACKEND_DEVICE_NETWORK_H */
