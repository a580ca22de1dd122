/* SPDX-License-Identifier: GPL-2.0 */
/* drivers.h - the TOE drivers there are; only for the two lists of them. */
#ifndef TOE_SERVICE_STACKS_DRIVERS_H
#define TOE_SERVICE_STACKS_DRIVERS_H

#include "../stack.h"

extern const struct toe_driver kernel_driver;	/* kernel.c */
extern const struct toe_control kernel_control; /* kernel_link.c */

extern const struct toe_driver lwip_driver;   /* lwip.c */
extern const struct toe_control lwip_control; /* lwip_control.c */

extern const struct toe_driver fault_driver;   /* fault.c */
extern const struct toe_control fault_control; /* fault_control.c */

/* to be copied; in neither list */
extern const struct toe_driver skeleton_driver;	  /* skeleton.c */
extern const struct toe_control skeleton_control; /* skeleton_control.c */

#endif /* TOE_SERVICE_STACKS_DRIVERS_H */
