/* SPDX-License-Identifier: GPL-2.0 */
/* kernel_rate.h - how fast a guest may send by one of its links. */
#ifndef STACKS_KERNEL_RATE_H
#define STACKS_KERNEL_RATE_H

#include <netlink/socket.h>
#include <stdint.h>

/**
 * kernel_rate_limit - put a token bucket (tc-tbf(8)) before a link
 * @sk: of the link's namespace
 * @rate: bytes a second, up to ENTRY_RATE_MAX
 *
 * What does not fit waits in the sockets, not in the queue: TCP sees no loss.
 * Returns 0 or a negative errno; -ENOENT: the kernel has no sch_tbf.
 */
int kernel_rate_limit(struct nl_sock *sk, int ifindex, uint64_t rate);

#endif /* STACKS_KERNEL_RATE_H */
