/* SPDX-License-Identifier: GPL-2.0 */
/*
 * backend.h - vtoed's Xen half: all devices of this backend domain.
 *
 * Made by toe-service/vtoed.c, and tied there to toe-service's half.
 */
#ifndef BACKEND_BACKEND_H
#define BACKEND_BACKEND_H

#include "../toe-service/config.h"
#include "../toe-service/control.h"
#include "../toe-service/toe.h"
#include "xs.h"

#define BACKEND_PATH_MAX 128

struct device;
struct guestcfg;
struct worker;

struct backend {
	struct loop *loop;
	struct inventory *inv;
	const struct config *config;
	struct store store;
	char worker_program[BACKEND_PATH_MAX];
	char xlcfg_program[BACKEND_PATH_MAX];
	char socket_dir[BACKEND_PATH_MAX]; /* of the workers' sockets */
	char base[STORE_PATH_MAX];	   /* /local/domain/<be>/backend/vtoe */
	char root[STORE_PATH_MAX];	   /* /local/domain/<be>/vtoe */
	bool watching;
	bool first; /* first connection: look for what an earlier vtoed left */
	struct store_watch base_watch, introduce_watch, release_watch;
	struct device *devices;
	struct worker *orphans; /* adopted; no device has asked for them yet */
	struct guestcfg *guestcfg;
	struct loop_timer tick; /* records, and how much is used */
	uint64_t record_ns;	/* not before then */
	uint64_t judged_ns;	/* when the TOEs' health was */
	uint64_t records_written, records_removed, workers_started;
};

struct backend_options {
	const char *run_dir;
	const char *worker_program;
	const char *xlcfg_program;
};

/**
 * backend_start - find workers, connect to XenStore, serve devices
 * @be: zeroed
 * @inv: configured; gets its publisher and its changed() from here
 * @control: gets its commands about devices from here
 *
 * Returns 0 or a negative errno; logs why.
 */
int backend_start(struct backend *be, struct loop *loop, struct inventory *inv,
		  const struct config *config,
		  const struct backend_options *options,
		  struct control *control);

/** backend_configure - another configuration; devices in error try again. */
void backend_configure(struct backend *be, const struct config *config);

/** backend_stop - let go of everything, and leave the workers running. */
void backend_stop(struct backend *be);

/** backend_register - the commands; commands.c. */
void backend_register(struct backend *be, struct control *control);

#endif /* BACKEND_BACKEND_H */
