/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/log.h"
#include "attach.h"
#include "devices.h"
#include "guestcfg.h"
#include "record.h"

/* A worker whose device is gone has nothing to save. */
#define ORPHAN_NS 2000000000ull

struct device *devices_find(const struct backend *be, uint32_t domid,
			    uint32_t devid)
{
	struct device *device;

	for (device = be->devices; device; device = device->next)
		if (device->domid == domid && device->devid == devid)
			return device;
	return NULL;
}

void devices_retry(struct backend *be)
{
	struct device *device;

	for (device = be->devices; device; device = device->next)
		device_retry(device);
}

int devices_attach(struct backend *be, uint32_t domid, uint32_t devid,
		   const char *entry, struct device **result)
{
	struct device *device = devices_find(be, domid, devid);
	int err;

	if (device) {
		*result = device;
		return -EEXIST;
	}
	err = attach_pair(be, domid, devid, entry);
	if (err && err != -EEXIST)
		return err;
	device = device_new(be, domid, devid);
	if (!device)
		return -ENOMEM;
	log_info("device %u/%u (%s): attached: %s", domid, devid, device->name,
		 entry);
	*result = device;
	return err;
}

/* ---- discovery ---- */

static void found(struct backend *be, uint32_t domid, uint32_t devid)
{
	struct device *device = devices_find(be, domid, devid);

	if (!device)
		device = device_new(be, domid, devid);
	if (device && store_up(&be->store) &&
	    !store_domain_exists(&be->store, domid))
		device_remove(device, true, NULL);
}

static void scan_guest(struct backend *be, const char *name)
{
	char path[STORE_PATH_MAX], **names;
	uint32_t domid, devid;
	int i, n;

	if (parse_uint(name, UINT16_MAX, &domid))
		return;
	snprintf(path, sizeof(path), "%.128s/%u", be->base, domid);
	n = store_list(&be->store, path, &names);
	for (i = 0; i < n; i++)
		if (!parse_uint(names[i], DEVICE_DEVID_MAX, &devid))
			found(be, domid, devid);
	free(names);
}

static void scan(struct backend *be)
{
	char **names;
	int i, n = store_list(&be->store, be->base, &names);

	for (i = 0; i < n; i++)
		scan_guest(be, names[i]);
	free(names);
}

/*
 * Something below backend/vtoe. Most of it we wrote ourselves: records, which
 * are dropped here before anything is looked up.
 */
static void base_changed(void *arg, const char *path)
{
	struct backend *be = arg;
	unsigned int domid, devid;
	struct device *device;
	char rest[32] = "";
	uint32_t id;
	int n, err;

	if (strncmp(path, be->base, strlen(be->base)))
		return;
	n = sscanf(path + strlen(be->base), "/%u/%u/%31s", &domid, &devid,
		   rest);
	if (n < 2 || domid > UINT16_MAX || devid > DEVICE_DEVID_MAX)
		return;
	if (rest[0] && strcmp(rest, "state") && strcmp(rest, "online"))
		return;
	device = devices_find(be, domid, devid);
	if (device && rest[0]) {
		device_update(device);
		return;
	}
	if (rest[0])
		return;
	err = store_read_uint(&be->store, 0, path, "frontend-id", UINT16_MAX,
			      &id);
	if (!err && !device) {
		found(be, domid, devid);
	} else if (err == -ENOENT && device && !device->removing &&
		   !device->lost) {
		log_warn("device %u/%u: its directory was removed", domid,
			 devid);
		device_remove(device, true, NULL);
	}
}

/* ---- domains ---- */

static void domain_introduced(void *arg, const char *path)
{
	struct backend *be = arg;
	struct device *device, *next;

	(void)path;
	if (be->first)
		return;
	/* after xenstored has lost everything, domains come back one by one */
	for (device = be->devices; device; device = next) {
		next = device->next;
		if (device->lost)
			device_resync(device);
	}
	guestcfg_look(be->guestcfg);
}

/* Fires on shutdown as well: only what really is gone is removed. */
static void domain_released(void *arg, const char *path)
{
	struct backend *be = arg;
	struct device *device, *next;

	(void)path;
	if (be->first)
		return;
	for (device = be->devices; device; device = next) {
		next = device->next;
		if (!device->gone && !device->lost && store_up(&be->store) &&
		    !store_domain_exists(&be->store, device->domid))
			device_remove(device, true, NULL);
	}
	guestcfg_forget_gone(be->guestcfg);
}

/* ---- connection ---- */

static void orphan_connected(void *arg)
{
	(void)arg;
}

static void orphan_ended(void *arg, const char *why)
{
	(void)why;
	worker_free(arg);
}

/* Workers whose device was removed while vtoed was away. */
static void stop_orphans(struct backend *be)
{
	static const struct worker_ops ops = {.connected = orphan_connected,
					      .ended = orphan_ended};
	struct worker *worker, *next;

	for (worker = be->orphans; worker; worker = next) {
		next = worker->next;
		log_warn("worker %u/%u has no device any more: stopping it",
			 worker->domid, worker->devid);
		worker_listen(worker, &ops, worker);
		worker_stop(worker, ORPHAN_NS);
	}
	be->orphans = NULL;
}

static void watch_all(struct backend *be)
{
	if (be->watching)
		return;
	be->watching = true;
	store_watch(&be->store, &be->base_watch, be->base, base_changed, be);
	store_watch(&be->store, &be->introduce_watch, "@introduceDomain",
		    domain_introduced, be);
	store_watch(&be->store, &be->release_watch, "@releaseDomain",
		    domain_released, be);
}

static void resync(struct backend *be)
{
	struct device *device, *next;

	for (device = be->devices; device; device = next) {
		next = device->next;
		device_resync(device);
	}
}

void devices_connected(struct backend *be)
{
	bool first = be->first;

	be->first = false;
	if (first) {
		record_drop_all(be);
		scan(be);
	} else {
		resync(be);
	}
	if (!store_up(&be->store)) {
		be->first = first;
		return;
	}
	if (first)
		stop_orphans(be);
	else
		scan(be);
	watch_all(be);
	guestcfg_look(be->guestcfg);
}
