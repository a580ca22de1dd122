/* SPDX-License-Identifier: GPL-2.0 */
/*
 * record.h - the readable record of a device's contexts in XenStore.
 *
 * Theory of operation
 *
 * The worker's context table is the truth; context/<fe>/<n>/<slot>/ beside the
 * TOEs' nodes follows it, for people. It is not below the device's own directory,
 * as that is watched, by vtoed above all, and each write would be an event. At each
 * tick the rows that the worker marked dirty become pending. A
 * pending row that was not marked again by the next tick has been stable for
 * an interval and is written; so a connection that lives shorter than that
 * costs nothing. The number of records of a guest, and the time of a tick, are
 * bounded; rows above the first bound wait for another to go. Of a row only those
 * nodes are written whose text is another one than before, each by itself: a
 * transaction would take long, and while it lasts a guest whose TOE fails waits.
 */
#ifndef BACKEND_RECORD_H
#define BACKEND_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../toe-service/tables.h"

#define RECORD_TEXT_MAX 192 /* bytes of requested and resolved, with the NUL   \
			     */

struct backend;
struct device;
struct record;

/**
 * record_new - start to mirror
 *
 * The device has no nodes yet. NULL without memory; then nothing is mirrored.
 */
struct record *record_new(struct device *device);

/** record_free - the nodes stay. NULL is allowed. */
void record_free(struct record *record);

/**
 * record_tick - once each record-interval-ms
 *
 * False if links have changed meanwhile: then other records have to wait, too.
 */
bool record_tick(struct record *record);

/** record_again - write everything once more. */
void record_again(struct record *record);

/** record_drop - remove a device's nodes */
void record_drop(const struct device *device);

/** record_drop_all - remove those of all devices; an earlier vtoed's. */
void record_drop_all(struct backend *be);

/**
 * record_copy_row - a consistent, checked copy of a row
 *
 * Returns 0, or -EAGAIN if the worker keeps writing it.
 */
int record_copy_row(const struct context_table *table, uint32_t slot,
		    struct context_row *row);

/** record_requested - "connect tcp 198.51.100.7:80" */
void record_requested(const struct context_row *row, char *text);

/**
 * record_resolved - "toe=eth1 192.0.2.10:45122 -> 198.51.100.7:80", or ""
 * @toe: name of its TOE, "" if it has none
 */
void record_resolved(const struct context_row *row, const char *toe,
		     char *text);

/** record_toe - name of a context's TOE, "" if it has none. */
const char *record_toe(const struct device *device,
		       const struct context_row *row);

/** record_remap_reason - how its last TOE was when it was left, or "". */
const char *record_remap_reason(const struct context_row *row);

/** record_remaps - "2 down": how many, and the last one's reason; or "0" */
void record_remaps(const struct context_row *row, char *text);

/** record_state - as people read it; "" for a number that is no state. */
const char *record_state(uint32_t state);

#endif /* BACKEND_RECORD_H */
