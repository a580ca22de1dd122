/* SPDX-License-Identifier: GPL-2.0 */
/* kernel_nl.h - between libnl and the rest, for the "kernel" driver's files. */
#ifndef STACKS_KERNEL_NL_H
#define STACKS_KERNEL_NL_H

#include <netlink/addr.h>
#include <netlink/socket.h>

#include "../stack.h"

/**
 * kernel_nl_open - a NETLINK_ROUTE socket of the namespace that one is in
 * @sk: NULL on failure; to be freed by nl_socket_free()
 */
int kernel_nl_open(struct nl_sock **sk);

/** kernel_nl_errno - libnl's error numbers are its own: a negative errno, or 0 */
int kernel_nl_errno(int err);

/**
 * kernel_nl_index - of a link, by its name; 0: there is none
 * @sk: of the namespace
 *
 * if_nametoindex() would have Linux look for a module of that name, by modprobe(8),
 * which takes a while.
 */
int kernel_nl_index(struct nl_sock *sk, const char *name);

/**
 * kernel_nl_set_flag - IFF_UP, or another one, of a link
 * @sk: of the namespace
 *
 * rtnl_link_change() would have to ask for the others first. Returns 0 or a negative
 * errno.
 */
int kernel_nl_set_flag(struct nl_sock *sk, int ifindex, unsigned int flag,
		       bool on);

/** kernel_nl_addr - to be put by nl_addr_put(); NULL: no memory */
struct nl_addr *kernel_nl_addr(const struct vtoe_addr *addr, uint32_t prefix);

#endif /* STACKS_KERNEL_NL_H */
