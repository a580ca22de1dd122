/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>

#include "../common/atomic.h"
#include "../toe-service/traffic.h"
#include "device.h"
#include "toe_stats.h"

struct toe_stats {
	bool traffic_known;
	struct toe_traffic traffic;
	uint64_t now; /* sockets */
	struct toe_tally tally;
};

/* The worker's numbers are its own: bound what is a count of slots. */
static uint32_t sockets_now(const struct device *device, const struct toe *toe)
{
	const struct worker *worker = device->worker;
	uint32_t i, n, sum = 0;

	for (i = 0; i < GUEST_LINKS_MAX; i++) {
		if (!guest_link_is_on(device->net, i, toe))
			continue;
		n = vtoe_load(&worker->table->on_toe[i]);
		sum += n > worker->nr_rows ? worker->nr_rows : n;
	}
	return sum;
}

static void add_tally(const struct device *device, const struct toe *toe,
		      struct toe_stats *stats)
{
	const struct toe_tally *t = &device->worker->table->tally[toe->row];

	if (vtoe_load(&t->generation) !=
	    inventory_generation(device->be->inv, toe))
		return;
	stats->tally.placed += vtoe_load(&t->placed);
	stats->tally.opened += vtoe_load(&t->opened);
	stats->tally.remapped += vtoe_load(&t->remapped);
	stats->tally.failed += vtoe_load(&t->failed);
}

/* Add what one device has. Returns 0, or -ENOENT: nothing to do with it. */
static int add(const struct device *device, const struct toe *toe,
	       struct toe_stats *stats)
{
	struct toe_traffic traffic;
	int err;

	if (!device->net)
		return -ENOENT;
	err = traffic_of_guest(device->net, toe, &traffic);
	if (err == -ENOENT)
		return err;
	if (!err) {
		traffic_add(&stats->traffic, &traffic);
		stats->traffic_known = true;
	}
	if (device->worker && device->worker->table) {
		stats->now += sockets_now(device, toe);
		add_tally(device, toe, stats);
	}
	return 0;
}

static void set(json_t *o, const char *key, uint64_t value, bool known)
{
	json_object_set_new(
		o, key, known ? json_integer((json_int_t)value) : json_null());
}

static json_t *stats_json(const struct toe *toe, const struct toe_stats *stats)
{
	const struct toe_traffic *traffic = &stats->traffic;
	bool known = stats->traffic_known;
	json_t *o = json_object();

	json_object_set_new(o, "toe", json_string(toe->conf.name));
	set(o, "tx_bytes", traffic->tx_bytes, known);
	set(o, "tx_packets", traffic->tx_packets, known);
	set(o, "rx_bytes", traffic->rx_bytes, known);
	set(o, "rx_packets", traffic->rx_packets, known);
	set(o, "sockets", stats->now, true);
	set(o, "opened", stats->tally.opened, true);
	set(o, "failed", stats->tally.failed, true);
	set(o, "placed", stats->tally.placed, true);
	set(o, "remapped", stats->tally.remapped, true);
	return o;
}

json_t *toe_stats_of_device(const struct device *device)
{
	const struct inventory *inv = device->be->inv;
	json_t *array = json_array();
	uint32_t i;

	for (i = 0; i < TOE_TABLE_MAX; i++) {
		struct toe_stats stats = {0};

		if (inv->toe[i].conf.name[0] &&
		    !add(device, &inv->toe[i], &stats))
			json_array_append_new(array,
					      stats_json(&inv->toe[i], &stats));
	}
	return array;
}

/* Does its engine count? If not, no sum is known, whatever guests there are. */
static bool counts(const struct toe *toe)
{
	const struct toe_control *control = toe_control_find(toe->conf.driver);

	return control && control->context_traffic;
}

json_t *toe_stats_of_all(const struct backend *be)
{
	const struct inventory *inv = be->inv;
	const struct device *device;
	json_t *array = json_array(), *o;
	uint32_t i;

	for (i = 0; i < TOE_TABLE_MAX; i++) {
		const struct toe *toe = &inv->toe[i];
		struct toe_stats stats = {.traffic = toe->past,
					  .traffic_known = counts(toe)};

		if (!toe->conf.name[0])
			continue;
		for (device = be->devices; device; device = device->next)
			add(device, toe, &stats);
		o = stats_json(toe, &stats);
		json_object_set_new(o, "devices", json_integer(toe->devices));
		json_array_append_new(array, o);
	}
	return array;
}
