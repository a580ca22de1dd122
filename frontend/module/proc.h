/* SPDX-License-Identifier: GPL-2.0 */
/*
 * proc.h - /proc/net/vtoe: the counters, and a line for each offloaded socket.
 */
#ifndef VTOE_MODULE_PROC_H
#define VTOE_MODULE_PROC_H

int vtoe_proc_init(void);
void vtoe_proc_exit(void);

#endif /* VTOE_MODULE_PROC_H */
