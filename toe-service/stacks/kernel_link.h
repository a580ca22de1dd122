/* SPDX-License-Identifier: GPL-2.0 */
/* kernel_link.h - a guest's link, for the "kernel" driver's other files. */
#ifndef STACKS_KERNEL_LINK_H
#define STACKS_KERNEL_LINK_H

#include <netlink/route/link.h>
#include <netlink/socket.h>

#include "../stack.h"

/**
 * kernel_link_change - change an existing link
 * @sk: of the link's namespace
 * @change: what is to be set; used up; NULL: there was no memory for it
 *
 * Returns 0 or a negative errno.
 */
int kernel_link_change(struct nl_sock *sk, int ifindex,
		       struct rtnl_link *change);

/** kernel_link_set_ip6 - in its namespace: IPv6 is on if @spec has an address */
void kernel_link_set_ip6(const struct toe_context_spec *spec);

/* kernel_assist.c: as struct toe_control says. */
int kernel_assist(int netns, int fd, enum toe_assist what);

#endif /* STACKS_KERNEL_LINK_H */
