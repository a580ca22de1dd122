/* SPDX-License-Identifier: GPL-2.0 */
/* kernel_inside.h - in a guest's network namespace, for the "kernel" driver. */
#ifndef STACKS_KERNEL_INSIDE_H
#define STACKS_KERNEL_INSIDE_H

#include <netlink/socket.h>

#include "../stack.h"

/* What a function has that is called there. */
struct kernel_inside {
	const struct toe_context_spec *spec;
	struct nl_sock *sk; /* NETLINK_ROUTE, of that namespace */
	int ifindex; /* of spec->link; 0: it is not there, or has no name */
	const void *arg;
	char *error; /* TOE_ERROR_MAX bytes */
};

typedef int kernel_inside_fn(const struct kernel_inside *in);

/**
 * kernel_inside - call a function in the guest's network namespace
 * @spec: which; its link need not be there
 * @arg: handed on
 * @error: TOE_ERROR_MAX bytes
 *
 * Returns what it returns, or why it was not called. From vtoed's one thread.
 */
int kernel_inside(const struct toe_context_spec *spec, kernel_inside_fn *fn,
		  const void *arg, char *error);

/**
 * kernel_home - for the function: a NETLINK_ROUTE socket of vtoed's own namespace
 * @sk: NULL on failure; to be freed by nl_socket_free()
 *
 * Returns 0 or a negative errno.
 */
int kernel_home(const struct kernel_inside *in, struct nl_sock **sk);

/**
 * kernel_on_link - likewise, for a link that is there
 *
 * -ENODEV: it is not, and nothing was called.
 */
int kernel_on_link(const struct toe_context_spec *spec, kernel_inside_fn *fn,
		   const void *arg, char *error);

#endif /* STACKS_KERNEL_INSIDE_H */
