/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kernel_hold.h - a link that hears nothing yet.
 *
 * Theory of operation
 *
 * When connections come to dom0's kernel from another stack, the link, its addresses
 * and its routes must be there before they are, or a socket cannot be connected; but
 * a segment that arrives before its connection does would be answered by a reset. So
 * the addresses come when the other stack's link is gone, on which the kernel hears
 * everything, too, and the link is made deaf: an XDP program of two instructions
 * drops what it receives (in the generic way, which each device has). Peers send
 * again what is lost so.
 */
#ifndef STACKS_KERNEL_HOLD_H
#define STACKS_KERNEL_HOLD_H

#include <netlink/socket.h>
#include <stdbool.h>

/**
 * kernel_hold - have a link hear nothing, or everything
 * @sk: of the link's namespace
 *
 * May be repeated. Returns 0 or a negative errno.
 */
int kernel_hold(struct nl_sock *sk, int ifindex, bool deaf);

#endif /* STACKS_KERNEL_HOLD_H */
