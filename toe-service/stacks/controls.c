/* SPDX-License-Identifier: GPL-2.0 */
/* The control halves of all TOE drivers; linked into vtoed. */
#include <string.h>

#include "drivers.h"

static const struct toe_control *const controls[] = {
	&kernel_control,
	&fault_control,
};

#define NR_CONTROLS (sizeof(controls) / sizeof(controls[0]))

const struct toe_control *toe_control_find(const char *name)
{
	size_t i;

	for (i = 0; i < NR_CONTROLS; i++)
		if (!strcmp(controls[i]->name, name))
			return controls[i];
	return NULL;
}

void toe_control_sweep(int netns)
{
	size_t i;

	for (i = 0; i < NR_CONTROLS; i++)
		controls[i]->sweep(netns);
}
