/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kernel_share.h - guests share what a netdev sends, by weight.
 *
 * Theory of operation
 *
 *	7e0:		htb, the netdev's root: see tc-htb(8)
 *	  7e0:1		the rate of all together
 *	    7e0:2	what is not of a guest: dom0's own, weight SHARE_OTHERS
 *	    7e0:NNN	a device's, FIRST_SHARE + its number
 *	      NNNN:	fq_codel, so that its streams share, too; or else a fifo
 *
 * Each class is assured its part of the rate, and may use all that others leave; of
 * what is left, several get in proportion to their weights, too ("quantum"). The
 * rate must be below what the device really sends, or the queue would be in the
 * device, where nobody looks at classes.
 *
 * What a link sends bears its class (kernel_mark.h). An administrator's own root
 * qdisc is known by its handle: those that the kernel puts there have 0. That one is
 * left as it is. Everything stays when vtoed ends, and is found by the next one.
 */
#ifndef STACKS_KERNEL_SHARE_H
#define STACKS_KERNEL_SHARE_H

#include "../stack.h"

/** kernel_share - struct toe_control's share() */
int kernel_share(const struct toe_sharing *sharing, char *error);

/** kernel_context_share - struct toe_control's context_share() */
int kernel_context_share(const struct toe_context_spec *spec, uint32_t number,
			 char *error);

#endif /* STACKS_KERNEL_SHARE_H */
