/* SPDX-License-Identifier: GPL-2.0 */
/*
 * device_nodes.h - what a device writes in its backend directory.
 *
 * For device.c. Nothing here fails: while xenstored is away, nodes are not
 * written, and device_resync() makes up for it.
 */
#ifndef BACKEND_DEVICE_NODES_H
#define BACKEND_DEVICE_NODES_H

#include "device.h"

static inline struct store *device_store(const struct device *device)
{
	return &device->be->store;
}

/** device_put - write a node of B. */
void device_put(const struct device *device, const char *key,
		const char *value);

/** device_drop - remove a node of B, with all below. */
void device_drop(const struct device *device, const char *key);

/** device_put_state - write B/state as the phase has it. */
void device_put_state(struct device *device);

/** device_set_phase - another phase, and B/state with it. */
void device_set_phase(struct device *device, enum device_phase phase);

/** device_put_error - write or remove B/error. */
void device_put_error(const struct device *device);

/** device_set_error - say why the device does not work: log, list, B/error. */
void device_set_error(struct device *device, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** device_clear_error - it works again, or tries to. */
void device_clear_error(struct device *device);

/** device_put_capabilities - what a frontend reads before it connects. */
void device_put_capabilities(const struct device *device);

#define DEVICE_TOES_MAX (GUEST_LINKS_MAX * TABLE_NAME_MAX)

/** device_toes - "eth0 eth1"; @text: DEVICE_TOES_MAX bytes; needs net. */
void device_toes(const struct device *device, char *text);

/** device_put_resolved - what the entry has become; needs device->net. */
void device_put_resolved(const struct device *device);

/** device_put_toes - the names of all TOEs that it is on; needs device->net. */
void device_put_toes(const struct device *device);

/** device_put_place - a link is on another TOE, with all else that it has. */
void device_put_place(const struct device *device, uint32_t index);

/** device_put_link - what has changed with one link; needs device->net. */
void device_put_link(const struct device *device, uint32_t index);

/** device_get_resolved - what was written last; @saved: GUEST_LINKS_MAX. */
void device_get_resolved(const struct device *device,
			 struct guest_saved *saved);

#endif /* BACKEND_DEVICE_NODES_H */
