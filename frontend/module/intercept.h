/* SPDX-License-Identifier: GPL-2.0 */
/*
 * intercept.h - socket() gives our sockets in place of the kernel's TCP ones.
 */
#ifndef VTOE_MODULE_INTERCEPT_H
#define VTOE_MODULE_INTERCEPT_H

/* Begin; after vtoe_sock_init(). Returns 0 or a negative errno. Sleeps. */
int vtoe_intercept_init(void);

/* Stop; sockets made before remain. Sleeps. */
void vtoe_intercept_exit(void);

#endif /* VTOE_MODULE_INTERCEPT_H */
