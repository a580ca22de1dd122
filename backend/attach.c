/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <xen/io/xenbus.h>

#include "../xenstore-schema/vtoe_keys.h"
#include "attach.h"

struct pair {
	struct backend *be;
	uint32_t domid;
	const char *entry;
	char frontend[STORE_PATH_MAX], backend[STORE_PATH_MAX];
};

void attach_paths(const struct backend *be, uint32_t domid, uint32_t devid,
		  char *frontend, char *backend)
{
	snprintf(frontend, STORE_PATH_MAX, "/local/domain/%u/device/%s/%u",
		 domid, VTOE_CLASS, devid);
	snprintf(backend, STORE_PATH_MAX, "%.128s/%u/%u", be->base, domid,
		 devid);
}

static int write_frontend(struct store *store, uint32_t tx,
			  const struct pair *pair)
{
	int err = store_write(store, tx, pair->frontend, "backend",
			      pair->backend);

	if (!err)
		err = store_write_uint(store, tx, pair->frontend, "backend-id",
				       store->domid);
	if (!err)
		err = store_write_uint(store, tx, pair->frontend, "state",
				       XenbusStateInitialising);
	return err;
}

static int write_backend(struct store *store, uint32_t tx,
			 const struct pair *pair)
{
	int err = store_write(store, tx, pair->backend, "frontend",
			      pair->frontend);

	if (!err)
		err = store_write_uint(store, tx, pair->backend, "frontend-id",
				       pair->domid);
	if (!err)
		err = store_write_uint(store, tx, pair->backend, "online", 1);
	if (!err)
		err = store_write(store, tx, pair->backend, VTOE_KEY_ENTRY,
				  pair->entry);
	if (!err)
		err = store_write_uint(store, tx, pair->backend, "state",
				       XenbusStateInitialising);
	return err;
}

static int make_pair(struct store *store, uint32_t tx, void *arg)
{
	const struct pair *pair = arg;
	uint32_t other;
	int err;

	if (store_read_uint(store, tx, pair->backend, "frontend-id", UINT16_MAX,
			    &other) == 0)
		return -EEXIST;
	/* remains of an earlier device would have wrong permissions */
	err = store_remove(store, tx, pair->frontend);
	if (!err)
		err = store_remove(store, tx, pair->backend);
	if (!err)
		err = store_mkdir(store, tx, pair->frontend, pair->domid,
				  store->domid);
	if (!err)
		err = store_mkdir(store, tx, pair->backend, store->domid,
				  pair->domid);
	if (!err)
		err = write_backend(store, tx, pair);
	if (!err)
		err = write_frontend(store, tx, pair);
	return err;
}

int attach_pair(struct backend *be, uint32_t domid, uint32_t devid,
		const char *entry)
{
	struct pair pair = {.be = be, .domid = domid, .entry = entry};

	/* else the directory of a domain that never was would be made */
	if (!store_domain_exists(&be->store, domid))
		return store_up(&be->store) ? -ENOENT : -ENOTCONN;
	attach_paths(be, domid, devid, pair.frontend, pair.backend);
	return store_transaction(&be->store, make_pair, &pair);
}

static int remove_pair(struct store *store, uint32_t tx, void *arg)
{
	const struct pair *pair = arg;
	int err = store_remove(store, tx, pair->frontend);

	return err ? err : store_remove(store, tx, pair->backend);
}

int attach_remove(struct backend *be, uint32_t domid, uint32_t devid)
{
	struct pair pair = {.be = be, .domid = domid};
	char path[STORE_PATH_MAX];
	int err;

	attach_paths(be, domid, devid, pair.frontend, pair.backend);
	err = store_transaction(&be->store, remove_pair, &pair);
	if (err)
		return err;
	snprintf(path, sizeof(path), "%.128s/%u", be->base, domid);
	/* the directory of a guest without devices is not left behind */
	return store_remove_empty(&be->store, path);
}
