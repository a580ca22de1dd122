/* SPDX-License-Identifier: GPL-2.0 */
/* The control half of the "fault" driver: the kernel's, and a plan to check. */
#include "drivers.h"
#include "fault_plan.h"

static int fault_context_create(const struct toe_context_spec *spec,
				char *error)
{
	return kernel_control.context_create(spec, error);
}

static int fault_context_destroy(const struct toe_context_spec *spec)
{
	return kernel_control.context_destroy(spec);
}

static int fault_context_retire(const struct toe_context_spec *spec)
{
	return kernel_control.context_retire(spec);
}

static int fault_context_traffic(const struct toe_context_spec *spec,
				 struct toe_traffic *traffic)
{
	return kernel_control.context_traffic(spec, traffic);
}

static int fault_context_address(const struct toe_context_spec *spec,
				 uint16_t family, const struct toe_address *old,
				 char *error)
{
	return kernel_control.context_address(spec, family, old, error);
}

static int fault_context_routes(const struct toe_context_spec *spec,
				char *error)
{
	return kernel_control.context_routes(spec, error);
}

static int fault_check(const char *settings, char *error)
{
	struct fault_plan plan;

	return fault_plan_parse(settings, &plan, error);
}

const struct toe_control fault_control = {
	.name = "fault",
	.context_create = fault_context_create,
	.context_destroy = fault_context_destroy,
	.context_retire = fault_context_retire,
	.context_address = fault_context_address,
	.context_routes = fault_context_routes,
	.context_traffic = fault_context_traffic,
	.check = fault_check,
};
