/* SPDX-License-Identifier: GPL-2.0 */
#include <stdlib.h>

#include "../common/atomic.h"
#include "../toe-service/health.h"
#include "device.h"
#include "usage.h"

/* Since the last window, if it was on the same TOE then, or since its start. */
static void fill(struct worker *worker, uint32_t link,
		 struct health_report *report)
{
	const struct toe_usage *usage = &worker->table->usage[report->row];
	struct worker_seen *seen = &worker->seen[link];
	struct toe_usage now = {
		.operations = vtoe_load(&usage->operations),
		.failures = vtoe_load(&usage->failures),
	};
	bool started = !seen->valid && !worker->adopted;

	report->silent = vtoe_load(&usage->silent);
	if (started || (seen->valid && seen->row == report->row)) {
		report->operations = now.operations - seen->usage.operations;
		report->failures = now.failures - seen->usage.failures;
	}
	seen->valid = true;
	seen->row = report->row;
	seen->usage = now;
}

static size_t count_devices(const struct backend *be)
{
	const struct device *device;
	size_t n = 0;

	for (device = be->devices; device; device = device->next)
		n++;
	return n;
}

/* Counts are by TOE: of two links on one, the first reports for both. */
static bool first_on_its_toe(const struct guest_net *net, uint32_t link)
{
	uint32_t i;

	for (i = 0; i < link; i++)
		if (guest_link_used(net, i) &&
		    net->link[i].toe_row == net->link[link].toe_row)
			return false;
	return true;
}

static size_t collect_device(const struct device *device,
			     struct health_report *report)
{
	size_t n = 0;
	uint32_t i;

	for (i = 0; i < GUEST_LINKS_MAX; i++) {
		if (!guest_link_used(device->net, i) ||
		    !first_on_its_toe(device->net, i))
			continue;
		report[n] = (struct health_report){
			.row = device->net->link[i].toe_row,
			.guest = device->domid,
			.placed = true,
		};
		if (device->record)
			fill(device->worker, i, &report[n]);
		n++;
	}
	return n;
}

static size_t collect(struct backend *be, struct health_report *report)
{
	const struct device *device;
	size_t n = 0;

	for (device = be->devices; device; device = device->next)
		if (device->net)
			n += collect_device(device, &report[n]);
	return n;
}

void usage_tick(struct backend *be)
{
	uint64_t now = loop_now();
	struct health_report *report;

	if (now - be->judged_ns < HEALTH_WINDOW_S * HEALTH_S)
		return;
	be->judged_ns = now;
	/* one more, as nothing may be NULL, too */
	report = calloc(count_devices(be) * GUEST_LINKS_MAX + 1,
			sizeof(*report));
	if (!report)
		return; /* the next window will do */
	inventory_judge(be->inv, report, collect(be, report));
	free(report);
}
