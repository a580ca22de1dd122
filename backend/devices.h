/* SPDX-License-Identifier: GPL-2.0 */
/* devices.h - all devices: finding, attaching, and the end of domains. */
#ifndef BACKEND_DEVICES_H
#define BACKEND_DEVICES_H

#include "device.h"

/**
 * devices_connected - bring all in line with XenStore
 *
 * Called at each connection to xenstored. Finds devices that are there, and
 * guests that came while nobody looked.
 */
void devices_connected(struct backend *be);

/** devices_find - a device, or NULL. */
struct device *devices_find(const struct backend *be, uint32_t domid,
			    uint32_t devid);

/** devices_retry - give each device in error another try. */
void devices_retry(struct backend *be);

/**
 * devices_attach - make a device and serve it
 * @device: set on success, and with -EEXIST
 *
 * A wrong @entry makes a device in error. Returns as attach_pair().
 */
int devices_attach(struct backend *be, uint32_t domid, uint32_t devid,
		   const char *entry, struct device **device);

#endif /* BACKEND_DEVICES_H */
