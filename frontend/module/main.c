/* SPDX-License-Identifier: GPL-2.0 */
/*
 * main.c - the vTOE frontend of a Linux guest. sock.h says how sockets work,
 * link.h how a device does, intercept.c how programs get our sockets.
 */
#include <linux/module.h>
#include <xen/xen.h>

#include "device.h"
#include "intercept.h"
#include "proc.h"
#include "rules.h"
#include "sock.h"

static int __init vtoe_init(void)
{
	int err;

	if (!xen_domain())
		return -ENODEV;
	vtoe_sock_init();
	err = vtoe_rules_init();
	if (err)
		return err;
	err = vtoe_intercept_init();
	if (err)
		goto exit_rules;
	err = vtoe_proc_init();
	if (err)
		goto exit_intercept;
	err = vtoe_device_init();
	if (err)
		goto exit_proc;
	return 0;

exit_proc:
	vtoe_proc_exit();
exit_intercept:
	vtoe_intercept_exit();
	vtoe_sock_exit();
exit_rules:
	vtoe_rules_exit();
	return err;
}

static void __exit vtoe_exit(void)
{
	vtoe_intercept_exit();
	vtoe_device_exit();
	vtoe_offer_exit();
	vtoe_proc_exit();
	vtoe_sock_exit();
	vtoe_rules_exit();
}

module_init(vtoe_init);
module_exit(vtoe_exit);

MODULE_DESCRIPTION("vTOE frontend: sockets served by dom0's TCP/IP stacks");
MODULE_LICENSE("GPL");
MODULE_VERSION(VTOE_VERSION);
MODULE_ALIAS("xen:vtoe");
