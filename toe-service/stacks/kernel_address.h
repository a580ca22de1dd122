/* SPDX-License-Identifier: GPL-2.0 */
/* kernel_address.h - the addresses of a guest's link. */
#ifndef STACKS_KERNEL_ADDRESS_H
#define STACKS_KERNEL_ADDRESS_H

#include <netlink/socket.h>

#include "../stack.h"

/**
 * kernel_address_add - static, and usable at once
 * @sk: of the guest's namespace
 * @metric: of the route to its network
 *
 * Returns 0 or a negative errno.
 */
int kernel_address_add(struct nl_sock *sk, int ifindex,
		       const struct vtoe_addr *addr, uint32_t prefix,
		       uint32_t metric);

/* The driver's context_address(), see ../stack.h. */
int kernel_context_address(const struct toe_context_spec *spec,
			   uint16_t family, const struct toe_address *old,
			   char *error);

#endif /* STACKS_KERNEL_ADDRESS_H */
