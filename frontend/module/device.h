/* SPDX-License-Identifier: GPL-2.0 */
/*
 * device.h - the XenBus side of a vTOE device: states and nodes.
 */
#ifndef VTOE_MODULE_DEVICE_H
#define VTOE_MODULE_DEVICE_H

/* Start to drive devices; sleeps. Returns 0 or a negative errno. */
int vtoe_device_init(void);

/* Close all devices and stop; sleeps. No socket may be left. */
void vtoe_device_exit(void);

#endif /* VTOE_MODULE_DEVICE_H */
