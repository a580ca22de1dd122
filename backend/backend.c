/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "../common/atomic.h"
#include "../common/log.h"
#include "../toe-service/dhcp.h"
#include "../toe-service/sharing.h"
#include "../xenstore-schema/vtoe_keys.h"
#include "backend.h"
#include "devices.h"
#include "guestcfg.h"
#include "record.h"
#include "usage.h"

#define NS_PER_MS    1000000ull
#define RECORD_PAUSE 4 /* times as long as it took: a fifth of a processor */

/* ---- what toe-service makes readable ---- */

static void publish_write(void *arg, const char *path, const char *value)
{
	struct backend *be = arg;

	store_write(&be->store, 0, be->root, path, value);
}

static void publish_remove(void *arg, const char *path)
{
	struct backend *be = arg;
	char full[STORE_PATH_MAX];

	snprintf(full, sizeof(full), "%.60s/%.120s", be->root, path);
	store_remove(&be->store, 0, full);
}

static void toes_changed(void *arg)
{
	struct backend *be = arg;
	struct device *device;

	if (be->first)
		return;
	for (device = be->devices; device; device = device->next)
		device_network_changed(device);
	dhcp_mark(be->inv);
}

static void lease_changed(void *arg, struct guest_net *net, uint32_t index)
{
	struct backend *be = arg;
	struct device *device;

	for (device = be->devices; device; device = device->next)
		if (device->net == net) {
			device_lease_changed(device, index);
			return;
		}
}

/* ---- the tick ---- */

/* Sockets on each TOE; a worker's numbers are its own, so bound them. */
static void add_load(const struct device *device, uint32_t *load,
		     uint32_t *pool_load)
{
	int pool = inventory_pool_row(device->be->inv, device->entry.pool);
	uint32_t i, n;

	for (i = 0; i < GUEST_LINKS_MAX; i++) {
		if (!guest_link_used(device->net, i))
			continue;
		n = vtoe_load(&device->worker->table->on_toe[i]);
		if (n > device->worker->nr_rows)
			n = device->worker->nr_rows;
		load[device->net->link[i].toe_row] += n;
		if (pool >= 0)
			pool_load[pool] += n;
	}
}

static void count_load(struct backend *be)
{
	uint32_t load[TOE_TABLE_MAX] = {0}, pool_load[POOL_TABLE_MAX] = {0};
	const struct device *device;

	for (device = be->devices; device; device = device->next)
		if (device->record && device->net)
			add_load(device, load, pool_load);
	inventory_set_load(be->inv, load);
	inventory_set_pool_load(be->inv, pool_load);
}

/*
 * When a thousand sockets move there is much to record, for seconds, and the sockets
 * need the processors: so recording has a part of them only, and nobody's is taken.
 */
static void record_all(struct backend *be)
{
	uint64_t start = loop_now(), end;
	struct device *device;
	bool go_on = true;
	int usual;

	if (start < be->record_ns || netlink_is_due(&be->inv->netlink))
		return;
	usual = getpriority(PRIO_PROCESS, 0);
	setpriority(PRIO_PROCESS, 0, 0);
	for (device = be->devices; device && go_on; device = device->next)
		if (device->record)
			go_on = record_tick(device->record);
	setpriority(PRIO_PROCESS, 0, usual);
	end = loop_now();
	be->record_ns = end + (end - start) * RECORD_PAUSE;
}

static void tick(struct loop_timer *timer)
{
	struct backend *be = (struct backend *)((char *)timer -
						offsetof(struct backend, tick));

	record_all(be);
	count_load(be);
	usage_tick(be);
	loop_arm(be->loop, &be->tick,
		 be->config->record_interval_ms * NS_PER_MS, tick);
}

/* ---- life ---- */

static void connected(void *arg)
{
	struct backend *be = arg;

	snprintf(be->base, sizeof(be->base), "/local/domain/%u/backend/%s",
		 be->store.domid, VTOE_CLASS);
	snprintf(be->root, sizeof(be->root), "/local/domain/%u/%s",
		 be->store.domid, VTOE_CLASS);
	be->inv->publisher = (struct publisher){
		.write = publish_write, .remove = publish_remove, .arg = be};
	inventory_publish(be->inv);
	devices_connected(be);
	if (!be->first) {
		sharing_start(be->inv);
		dhcp_start(be->inv, lease_changed, be);
	}
	guestcfg_forget_gone(be->guestcfg);
}

int backend_start(struct backend *be, struct loop *loop, struct inventory *inv,
		  const struct config *config,
		  const struct backend_options *options,
		  struct control *control)
{
	be->loop = loop;
	be->inv = inv;
	be->config = config;
	be->first = true;
	snprintf(be->worker_program, sizeof(be->worker_program), "%s",
		 options->worker_program);
	snprintf(be->xlcfg_program, sizeof(be->xlcfg_program), "%s",
		 options->xlcfg_program);
	snprintf(be->socket_dir, sizeof(be->socket_dir), "%s/worker",
		 options->run_dir);
	if (mkdir(be->socket_dir, 0700) < 0 && errno != EEXIST) {
		log_error("%s: %s", be->socket_dir, strerror(errno));
		return -errno;
	}
	be->guestcfg = guestcfg_new(be);
	if (!be->guestcfg)
		return -ENOMEM;
	inv->changed = toes_changed;
	inv->changed_arg = be;
	worker_adopt(loop, be->socket_dir, &be->orphans);
	backend_register(be, control);
	store_open(&be->store, loop, connected, be);
	loop_arm(loop, &be->tick, config->record_interval_ms * NS_PER_MS, tick);
	return 0;
}

void backend_configure(struct backend *be, const struct config *config)
{
	be->config = config;
	if (be->first)
		return;
	devices_retry(be);
	guestcfg_look(be->guestcfg);
}

void backend_stop(struct backend *be)
{
	struct worker *worker;

	loop_disarm(&be->tick);
	be->inv->changed = NULL;
	sharing_stop(be->inv);
	dhcp_stop(be->inv);
	be->inv->publisher = (struct publisher){0};
	while (be->devices)
		device_forget(be->devices);
	while ((worker = be->orphans) != NULL) {
		be->orphans = worker->next;
		worker_forget(worker);
	}
	guestcfg_free(be->guestcfg);
	be->guestcfg = NULL;
	store_close(&be->store);
}
