/* SPDX-License-Identifier: GPL-2.0 */
/*
 * toe_stats.h - counters per guest and TOE, and per TOE, for vtoectl.
 *
 * Bytes and packets come from the engine (toe-service/traffic.h), connections
 * from the workers' tables: what a worker says, it says of its own guest only.
 */
#ifndef BACKEND_TOE_STATS_H
#define BACKEND_TOE_STATS_H

#include <jansson.h>

struct backend;
struct device;

/** toe_stats_of_device - an array: each TOE that a device is or was on. */
json_t *toe_stats_of_device(const struct device *device);

/** toe_stats_of_all - an array: each TOE, all guests' together. */
json_t *toe_stats_of_all(const struct backend *be);

#endif /* BACKEND_TOE_STATS_H */
