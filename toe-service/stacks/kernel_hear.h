/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kernel_hear.h - how much a link hears.
 *
 * Theory of operation
 *
 * When connections come to dom0's kernel from another stack, the link, its addresses
 * and its routes must be there before they are, or a socket cannot be connected; but
 * a segment that arrives before its connection does would be answered by a reset. So
 * the addresses come when the other stack's link is gone, on which the kernel hears
 * everything, too, and the link hears nothing yet. Peers send again what is lost so.
 *
 * A link that is about to go (kernel_retire.h) hears what is sent to it alone: what
 * many hear comes by the link that takes its place, too, and would be there twice;
 * and who asks for an address is to be answered by that one.
 *
 * Each is a small XDP program (in the generic way, which each device has).
 */
#ifndef STACKS_KERNEL_HEAR_H
#define STACKS_KERNEL_HEAR_H

#include <netlink/socket.h>

enum kernel_hearing {
	KERNEL_HEARS_ALL,
	KERNEL_HEARS_NOTHING,
	KERNEL_HEARS_ADDRESSED, /* IP sent to it alone, but no solicitations */
};

/**
 * kernel_hear - set how much a link hears
 * @sk: of the link's namespace
 *
 * May be repeated. Returns 0 or a negative errno.
 */
int kernel_hear(struct nl_sock *sk, int ifindex, enum kernel_hearing what);

#endif /* STACKS_KERNEL_HEAR_H */
