/* SPDX-License-Identifier: GPL-2.0 */
/*
 * skeleton_control.c - the control half of a driver, to be copied (GUIDE.md).
 *
 * An engine within the worker needs nothing in the guest's network namespace.
 * See kernel_link.c for one that does.
 */
#include <errno.h>
#include <stdio.h>

#include "drivers.h"

/*
 * Make what the data half will find in the namespace spec->netns, with the
 * addresses, the MTU and the rate of @spec; or say in one line why not, and
 * leave nothing behind. What cannot be kept to is refused, not forgotten.
 */
static int skeleton_context_create(const struct toe_context_spec *spec,
				   char *error)
{
	if (spec->rate) {
		snprintf(error, TOE_ERROR_MAX,
			 "this engine cannot limit a guest's rate");
		return -EOPNOTSUPP;
	}
	return 0;
}

/* Remove it; it may be gone already, with its netdev or with a crash. */
static int skeleton_context_destroy(const struct toe_context_spec *spec)
{
	(void)spec;
	return 0;
}

/* No sweep(): there is nothing to remove. No check(): it has no settings. */
const struct toe_control skeleton_control = {
	.name = "skeleton",
	.context_create = skeleton_context_create,
	.context_destroy = skeleton_context_destroy,
};
