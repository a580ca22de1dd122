/* SPDX-License-Identifier: GPL-2.0 */
/* The control halves of all TOE drivers; linked into vtoed. */
#include <string.h>

#include "../../common/log.h"
#include "complete.h"
#include "drivers.h"

static const struct toe_control *const controls[] = {
	&kernel_control,
	&lwip_control,
	&fault_control,
};

#define NR_CONTROLS (sizeof(controls) / sizeof(controls[0]))

static const struct toe_control *completed(const struct toe_control *control)
{
	const char *missing = complete_control(control);

	if (!missing)
		return control;
	log_error("TOE driver \"%s\" has no %s()", control->name, missing);
	return NULL;
}

const struct toe_control *toe_control_find(const char *name)
{
	size_t i;

	for (i = 0; i < NR_CONTROLS; i++)
		if (!strcmp(controls[i]->name, name))
			return completed(controls[i]);
	return NULL;
}

void toe_control_sweep(int netns)
{
	size_t i;

	for (i = 0; i < NR_CONTROLS; i++)
		if (controls[i]->sweep)
			controls[i]->sweep(netns);
}
