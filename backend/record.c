/* SPDX-License-Identifier: GPL-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/atomic.h"
#include "../common/log.h"
#include "../xenstore-schema/vtoe_keys.h"
#include "device.h"
#include "record.h"

#define ROWS_PER_TICK 64u /* written or removed: 256 nodes at most */
#define TICK_NS	      20000000ull /* what happens to a TOE meanwhile waits */
#define COPY_TRIES    100 /* a worker that dies while it writes leaves it odd */
#define WORDS	      (VTOE_MAX_SLOTS / 64)
#define ADDR_MAX      64 /* bytes of "[address]:port" */

/* What the nodes of a row have. */
enum node { REQUESTED, RESOLVED, STATE, REMAPS, NR_NODES };

static const char *const node_key[NR_NODES] = {
	[REQUESTED] = VTOE_KEY_REQUESTED,
	[RESOLVED] = VTOE_KEY_RESOLVED,
	[STATE] = VTOE_KEY_STATE,
	[REMAPS] = VTOE_KEY_REMAPS,
};

struct texts {
	char text[NR_NODES][RECORD_TEXT_MAX];
};

struct record {
	struct device *device;
	uint32_t nr_rows;
	uint32_t nr_recorded;
	uint64_t pending[WORDS];  /* to be looked at when stable */
	uint64_t fresh[WORDS];	  /* changed during the last interval */
	uint64_t waiting[WORDS];  /* above the bound */
	uint64_t recorded[WORDS]; /* nodes are there */
	/* of each row, what they have: NR_NODES strings, one after the other;
	 * NULL: not known */
	char **written;
};

struct batch {
	struct record *record;
	uint32_t nr;
	struct context_row row[ROWS_PER_TICK];
};

/* ---- words ---- */

static const char *const state_name[] = {
	[CONTEXT_FREE] = "free",
	[CONTEXT_OPEN] = "open",
	[CONTEXT_BOUND] = "bound",
	[CONTEXT_LISTENING] = "listening",
	[CONTEXT_CONNECTING] = "connecting",
	[CONTEXT_ESTABLISHED] = "established",
	[CONTEXT_CLOSING] = "closing",
	[CONTEXT_FAILED] = "failed",
};

const char *record_state(uint32_t state)
{
	return state <= CONTEXT_FAILED ? state_name[state] : "";
}

static void addr_text(const struct vtoe_addr *addr, char *text)
{
	char host[INET6_ADDRSTRLEN] = "";

	if (addr->family == VTOE_INET || addr->family == VTOE_INET6)
		inet_ntop(addr->family, addr->addr, host, sizeof(host));
	else
		strcpy(host, "*");
	snprintf(text, ADDR_MAX,
		 addr->family == VTOE_INET6 ? "[%s]:%u" : "%s:%u", host,
		 ntohs(addr->port));
}

void record_requested(const struct context_row *row, char *text)
{
	const char *type = row->requested.type == VTOE_STREAM ? "tcp" : "udp";
	char local[ADDR_MAX], remote[ADDR_MAX];

	addr_text(&row->requested.local, local);
	addr_text(&row->requested.remote, remote);
	switch (row->requested.request) {
	case REQUEST_BIND:
		snprintf(text, RECORD_TEXT_MAX, "bind %s %s", type, local);
		break;
	case REQUEST_LISTEN:
		snprintf(text, RECORD_TEXT_MAX, "listen %s %s backlog %u", type,
			 local, row->requested.backlog);
		break;
	case REQUEST_CONNECT:
		if (row->requested.local.family)
			snprintf(text, RECORD_TEXT_MAX, "connect %s %s from %s",
				 type, remote, local);
		else
			snprintf(text, RECORD_TEXT_MAX, "connect %s %s", type,
				 remote);
		break;
	case REQUEST_ACCEPT:
		snprintf(text, RECORD_TEXT_MAX, "accept %s by slot %u", type,
			 row->requested.parent);
		break;
	default:
		snprintf(text, RECORD_TEXT_MAX, "open %s", type);
	}
}

void record_resolved(const struct context_row *row, const char *toe, char *text)
{
	char local[ADDR_MAX], remote[ADDR_MAX];

	text[0] = 0;
	if (!toe[0])
		return;
	addr_text(&row->resolved.local, local);
	addr_text(&row->resolved.remote, remote);
	if (row->resolved.remote.family)
		snprintf(text, RECORD_TEXT_MAX, "toe=%s %s -> %s", toe, local,
			 remote);
	else if (row->resolved.local.family)
		snprintf(text, RECORD_TEXT_MAX, "toe=%s %s", toe, local);
	else
		snprintf(text, RECORD_TEXT_MAX, "toe=%s", toe);
}

const char *record_remap_reason(const struct context_row *row)
{
	if (!row->remaps)
		return "";
	return row->left == CONTEXT_LEFT_ADDRESS ? "address"
						 : toe_state_name(row->left);
}

void record_remaps(const struct context_row *row, char *text)
{
	snprintf(text, RECORD_TEXT_MAX, "%u%s%s", row->remaps,
		 row->remaps ? " " : "", record_remap_reason(row));
}

const char *record_toe(const struct device *device,
		       const struct context_row *row)
{
	const struct toe *toe;

	if (row->resolved.toe < 0 || row->resolved.toe >= (int)TOE_TABLE_MAX)
		return "";
	toe = &device->be->inv->toe[row->resolved.toe];
	return toe->conf.name;
}

/* ---- rows ---- */

int record_copy_row(const struct context_table *table, uint32_t slot,
		    struct context_row *row)
{
	const struct context_row *from = &table->row[slot];
	uint32_t seq;
	int i;

	for (i = 0; i < COPY_TRIES; i++) {
		seq = vtoe_load_acquire(&from->seq);
		if (seq & 1)
			continue;
		memcpy(row, from, sizeof(*row));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (vtoe_load(&from->seq) != seq)
			continue;
		row->slot = slot;
		if (row->state > CONTEXT_FAILED)
			row->state = CONTEXT_FAILED;
		return 0;
	}
	return -EAGAIN;
}

static bool get(const uint64_t *bits, uint32_t n)
{
	return bits[n / 64] >> (n % 64) & 1;
}

static void set(uint64_t *bits, uint32_t n)
{
	bits[n / 64] |= 1ull << (n % 64);
}

static void clear(uint64_t *bits, uint32_t n)
{
	bits[n / 64] &= ~(1ull << (n % 64));
}

/* Take the worker's dirty bits; it sets a bit, then the summary. */
static void take_dirty(struct record *record)
{
	struct context_table *table = record->device->worker->table;
	uint32_t i, word;
	uint64_t top, bits;

	memset(record->fresh, 0, sizeof(record->fresh));
	for (i = 0; i < WORDS / 64; i++) {
		if (!vtoe_load(&table->dirty_summary[i]))
			continue;
		top = vtoe_exchange(&table->dirty_summary[i], 0ull);
		for (; top; top &= top - 1) {
			word = i * 64 + (uint32_t)__builtin_ctzll(top);
			bits = vtoe_exchange(&table->dirty[word], 0ull);
			record->fresh[word] |= bits;
			record->pending[word] |= bits;
			record->waiting[word] &= ~bits;
		}
	}
}

/* ---- nodes ---- */

static void domain_dir(const struct device *device, char *path)
{
	snprintf(path, STORE_PATH_MAX, "%.64s/%s/%u", device->be->root,
		 VTOE_KEY_CONTEXT, device->domid);
}

static void device_dir(const struct device *device, char *path)
{
	char domain[STORE_PATH_MAX];

	domain_dir(device, domain);
	snprintf(path, STORE_PATH_MAX, "%.96s/%u", domain, device->devid);
}

static void row_dir(const struct record *record, uint32_t slot, char *path)
{
	char dir[STORE_PATH_MAX];

	device_dir(record->device, dir);
	snprintf(path, STORE_PATH_MAX, "%.112s/%u", dir, slot);
}

void record_drop(const struct device *device)
{
	struct store *store = &device->be->store;
	char path[STORE_PATH_MAX];

	device_dir(device, path);
	store_remove(store, 0, path);
	domain_dir(device, path);
	store_remove_empty(store, path);
}

void record_drop_all(struct backend *be)
{
	char path[STORE_PATH_MAX];

	snprintf(path, sizeof(path), "%.64s/%s", be->root, VTOE_KEY_CONTEXT);
	store_remove(&be->store, 0, path);
}

static void describe(const struct record *record,
		     const struct context_row *row, struct texts *now)
{
	record_requested(row, now->text[REQUESTED]);
	record_resolved(row, record_toe(record->device, row),
			now->text[RESOLVED]);
	snprintf(now->text[STATE], RECORD_TEXT_MAX, "%s",
		 record_state(row->state));
	record_remaps(row, now->text[REMAPS]);
}

static int write_row(struct store *store, uint32_t tx,
		     const struct record *record, const struct context_row *row)
{
	const char *was = record->written[row->slot];
	char dir[STORE_PATH_MAX];
	struct texts now;
	int i, err = 0;

	row_dir(record, row->slot, dir);
	describe(record, row, &now);
	for (i = 0; i < NR_NODES && !err; i++) {
		if (!was || strcmp(was, now.text[i]))
			err = store_write(store, tx, dir, node_key[i],
					  now.text[i]);
		if (was)
			was += strlen(was) + 1;
	}
	return err;
}

static void forget(struct record *record, uint32_t slot)
{
	free(record->written[slot]);
	record->written[slot] = NULL;
}

/* Without memory all of it is written the next time, too. */
static void remember(struct record *record, const struct context_row *row)
{
	struct texts now;
	size_t size = 0;
	char *text;
	int i;

	forget(record, row->slot);
	describe(record, row, &now);
	for (i = 0; i < NR_NODES; i++)
		size += strlen(now.text[i]) + 1;
	text = malloc(size);
	record->written[row->slot] = text;
	for (i = 0; text && i < NR_NODES; i++)
		text = stpcpy(text, now.text[i]) + 1;
}

static int write_batch(struct store *store, uint32_t tx, void *arg)
{
	uint64_t end = loop_now() + TICK_NS;
	struct batch *batch = arg;
	char dir[STORE_PATH_MAX];
	uint32_t i;
	int err = 0;

	for (i = 0; i < batch->nr && !err; i++) {
		if (i && loop_now() >= end) {
			batch->nr = i;
			break;
		}
		if (batch->row[i].state != CONTEXT_FREE) {
			err = write_row(store, tx, batch->record,
					&batch->row[i]);
			continue;
		}
		row_dir(batch->record, batch->row[i].slot, dir);
		err = store_remove(store, tx, dir);
	}
	return err;
}

/* ---- a tick ---- */

/* One pending, stable row: into the batch, or off the list. */
static void consider(struct record *record, uint32_t slot, struct batch *batch,
		     uint32_t *nr_new)
{
	const struct config *config = record->device->be->config;
	struct context_row *row = &batch->row[batch->nr];

	if (record_copy_row(record->device->worker->table, slot, row))
		return;
	if (row->state == CONTEXT_FREE) {
		if (get(record->recorded, slot))
			batch->nr++;
		else
			clear(record->pending, slot);
		return;
	}
	if (!get(record->recorded, slot)) {
		if (record->nr_recorded + *nr_new >=
		    config->records_per_guest) {
			clear(record->pending, slot);
			set(record->waiting, slot);
			return;
		}
		++*nr_new;
	}
	batch->nr++;
}

static void collect(struct record *record, struct batch *batch)
{
	uint32_t word, slot, nr_new = 0;
	uint64_t bits;

	for (word = 0; word * 64 < record->nr_rows; word++) {
		bits = record->pending[word] & ~record->fresh[word];
		for (; bits; bits &= bits - 1) {
			slot = word * 64 + (uint32_t)__builtin_ctzll(bits);
			if (slot >= record->nr_rows)
				break;
			if (batch->nr == ROWS_PER_TICK)
				return;
			consider(record, slot, batch, &nr_new);
		}
	}
}

/* The nodes are as the batch says. */
static void account(struct record *record, const struct batch *batch)
{
	struct backend *be = record->device->be;
	bool freed = false;
	uint32_t i, slot;

	for (i = 0; i < batch->nr; i++) {
		slot = batch->row[i].slot;
		clear(record->pending, slot);
		if (batch->row[i].state == CONTEXT_FREE) {
			clear(record->recorded, slot);
			forget(record, slot);
			record->nr_recorded--;
			be->records_removed++;
			freed = true;
		} else {
			if (!get(record->recorded, slot))
				record->nr_recorded++;
			set(record->recorded, slot);
			remember(record, &batch->row[i]);
			be->records_written++;
		}
	}
	for (i = 0; freed && i < WORDS; i++) {
		record->pending[i] |= record->waiting[i];
		record->waiting[i] = 0;
	}
}

void record_tick(struct record *record)
{
	struct store *store = &record->device->be->store;
	struct batch *batch;
	int err;

	take_dirty(record);
	if (!store_up(store))
		return;
	batch = malloc(sizeof(*batch));
	if (!batch)
		return;
	batch->record = record;
	batch->nr = 0;
	collect(record, batch);
	if (batch->nr) {
		err = store_transaction(store, write_batch, batch);
		if (!err)
			account(record, batch);
		else if (err != -EAGAIN && err != -ENOTCONN)
			log_error("records of %s: %s", record->device->b,
				  strerror(-err));
	}
	free(batch);
}

/* ---- life ---- */

struct record *record_new(struct device *device)
{
	struct record *record = calloc(1, sizeof(*record));

	if (!record)
		return NULL;
	record->device = device;
	record->nr_rows = device->worker->nr_rows;
	record->written = calloc(record->nr_rows, sizeof(*record->written));
	if (!record->written) {
		free(record);
		return NULL;
	}
	record_again(record);
	return record;
}

void record_again(struct record *record)
{
	uint32_t slot;

	/* an earlier vtoed's, or none at all any more */
	record_drop(record->device);
	for (slot = 0; slot < record->nr_rows; slot++)
		forget(record, slot);
	memset(record->recorded, 0, sizeof(record->recorded));
	memset(record->waiting, 0, sizeof(record->waiting));
	memset(record->pending, 0xff, sizeof(record->pending));
	record->nr_recorded = 0;
}

void record_free(struct record *record)
{
	uint32_t slot;

	if (!record)
		return;
	for (slot = 0; slot < record->nr_rows; slot++)
		forget(record, slot);
	free(record->written);
	free(record);
}
