/* SPDX-License-Identifier: GPL-2.0 */
/* The data halves of all TOE drivers; linked into the worker. */
#include <string.h>

#include "../../common/log.h"
#include "complete.h"
#include "drivers.h"

static const struct toe_driver *const drivers[] = {
	&kernel_driver,
	&lwip_driver,
	&fault_driver,
};

#define NR_DRIVERS (sizeof(drivers) / sizeof(drivers[0]))

/* What is in use: with something for each operation that was left out. */
static struct toe_driver complete[NR_DRIVERS];

static const struct toe_driver *completed(size_t i)
{
	const char *missing = NULL;

	if (!complete[i].name)
		missing = complete_driver(&complete[i], drivers[i]);
	if (!missing)
		return &complete[i];
	complete[i].name = NULL;
	log_error("TOE driver \"%s\" has no %s()", drivers[i]->name, missing);
	return NULL;
}

const struct toe_driver *toe_driver_find(const char *name)
{
	size_t i;

	for (i = 0; i < NR_DRIVERS; i++)
		if (!strcmp(drivers[i]->name, name))
			return completed(i);
	return NULL;
}
