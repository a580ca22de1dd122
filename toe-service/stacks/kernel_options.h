/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kernel_options.h - which socket options the kernel driver carries.
 *
 * An explicit list, because the options are a guest's to choose and dom0's
 * kernel is what they reach: each one here changes nothing but the guest's own
 * connection.
 */
#ifndef TOE_SERVICE_STACKS_KERNEL_OPTIONS_H
#define TOE_SERVICE_STACKS_KERNEL_OPTIONS_H

#include <stdint.h>

/**
 * kernel_option_set_ok - may a guest set this option to this value?
 * @family: AF_INET, AF_INET6: of the socket
 *
 * Returns 0, -ENOPROTOOPT if the option is not carried, -EPERM for a value that
 * needs privileges. The kernel judges the rest.
 */
int kernel_option_set_ok(int family, int level, int name, const void *value,
			 uint32_t len);

/** kernel_option_get_ok - may a guest read this option? 0 or -ENOPROTOOPT. */
int kernel_option_get_ok(int family, int level, int name);

#endif /* TOE_SERVICE_STACKS_KERNEL_OPTIONS_H */
