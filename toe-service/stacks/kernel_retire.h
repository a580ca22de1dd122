/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kernel_retire.h - a link that a guest has left, and that still hears.
 *
 * Theory of operation
 *
 * A guest moves: its new link has announced the addresses, and peers send there from
 * now on. But what they had sent before is on its way to the old link, and what the
 * guest had sent waits there in queues. If the link went now, all that would be lost,
 * and sent again by TCP only when a timer of 200 ms has run out. So it is retired, and
 * removed a moment later:
 *
 *	its routes go		nothing more is sent by it
 *	IFF_NOARP		it forgets its neighbours, and asks for none; its
 *				question would tell a peer the old way again
 *	an XDP program		it hears what is sent to it alone, and is not asked
 *				for an address (kernel_hear.h)
 *
 * Its addresses stay, as an ipvlan gets what is for one of its addresses only. That
 * the guest's namespace has them on another link, too, is no harm: Linux takes a
 * packet for an address of its own on whatever link it comes.
 */
#ifndef STACKS_KERNEL_RETIRE_H
#define STACKS_KERNEL_RETIRE_H

#include "../stack.h"

/** kernel_context_retire - see struct toe_control */
int kernel_context_retire(const struct toe_context_spec *spec);

#endif /* STACKS_KERNEL_RETIRE_H */
