/* SPDX-License-Identifier: GPL-2.0 */
/* The data halves of all TOE drivers; linked into the worker. */
#include <string.h>

#include "drivers.h"

static const struct toe_driver *const drivers[] = {
	&kernel_driver,
	&fault_driver,
};

const struct toe_driver *toe_driver_find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
		if (!strcmp(drivers[i]->name, name))
			return drivers[i];
	return NULL;
}
