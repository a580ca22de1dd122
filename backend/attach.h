/* SPDX-License-Identifier: GPL-2.0 */
/*
 * attach.h - the toolstack's part: make and remove a device's two directories,
 * with the permissions that libxl gives them.
 */
#ifndef BACKEND_ATTACH_H
#define BACKEND_ATTACH_H

#include "backend.h"

/** attach_paths - F and B of a device; STORE_PATH_MAX bytes each. */
void attach_paths(const struct backend *be, uint32_t domid, uint32_t devid,
		  char *frontend, char *backend);

/**
 * attach_pair - make a device's directories, both in state Initialising
 * @entry: verbatim
 *
 * Returns 0; -EEXIST if B is there; -ENOENT if there is no such domain (yet);
 * or another negative errno.
 */
int attach_pair(struct backend *be, uint32_t domid, uint32_t devid,
		const char *entry);

/** attach_remove - remove both directories. Returns 0 or a negative errno. */
int attach_remove(struct backend *be, uint32_t domid, uint32_t devid);

#endif /* BACKEND_ATTACH_H */
