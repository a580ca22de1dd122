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

#define TICK_NS	   20000000ull /* then others have their turn */
#define COPY_TRIES 100 /* a worker that dies while it writes leaves it odd */
#define WORDS	   (VTOE_MAX_SLOTS / 64)
#define ADDR_MAX   64 /* bytes of "[address]:port" */

/* What the nodes of a row have. */
enum node { REQUESTED, RESOLVED, STATE, REMAPS, NR_NODES };

static const char *const node_key[NR_NODES] = {
	[REQUESTED] = VTOE_KEY_REQUESTED,
	[RESOLVED] = VTOE_KEY_RESOLVED,
	[STATE] = VTOE_KEY_STATE,
	[REMAPS] = VTOE_KEY_REMAPS,
};

struct record {
	struct device *device;
	uint32_t nr_rows;
	uint32_t nr_recorded;
	uint64_t pending[WORDS];  /* to be looked at when stable */
	uint64_t fresh[WORDS];	  /* changed during the last interval */
	uint64_t waiting[WORDS];  /* above the bound */
	/* of each row the texts of its nodes, in their order, one after the
	 * other; NULL: it has no nodes */
	char **written;
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

/* NULL without memory; to be freed. */
static char *describe(const struct record *record,
		      const struct context_row *row)
{
	char text[NR_NODES][RECORD_TEXT_MAX], *texts, *end;
	size_t size = 0;
	int i;

	record_requested(row, text[REQUESTED]);
	record_resolved(row, record_toe(record->device, row), text[RESOLVED]);
	snprintf(text[STATE], RECORD_TEXT_MAX, "%s", record_state(row->state));
	record_remaps(row, text[REMAPS]);
	for (i = 0; i < NR_NODES; i++)
		size += strlen(text[i]) + 1;
	texts = malloc(size);
	end = texts;
	for (i = 0; texts && i < NR_NODES; i++)
		end = stpcpy(end, text[i]) + 1;
	return texts;
}

/* Of @texts what is not in @was, which may be NULL. */
static int write_texts(struct store *store, const char *dir, const char *was,
		       const char *texts)
{
	int i, err = 0;

	for (i = 0; i < NR_NODES && !err; i++) {
		if (!was || strcmp(was, texts))
			err = store_write(store, 0, dir, node_key[i], texts);
		if (was)
			was += strlen(was) + 1;
		texts += strlen(texts) + 1;
	}
	return err;
}

/* ---- a tick ---- */

static void forget(struct record *record, uint32_t slot)
{
	free(record->written[slot]);
	record->written[slot] = NULL;
}

static int put_row(struct record *record, uint32_t slot,
		   const struct context_row *row)
{
	struct backend *be = record->device->be;
	char dir[STORE_PATH_MAX], *texts = describe(record, row);
	int err;

	if (!texts)
		return -ENOMEM;
	row_dir(record, slot, dir);
	err = write_texts(&be->store, dir, record->written[slot], texts);
	if (err) {
		free(texts);
		return err;
	}
	record->nr_recorded += !record->written[slot];
	forget(record, slot);
	record->written[slot] = texts;
	be->records_written++;
	return 0;
}

/* One that waited may have its place. */
static int remove_row(struct record *record, uint32_t slot)
{
	struct backend *be = record->device->be;
	char dir[STORE_PATH_MAX];
	uint32_t i;
	int err;

	row_dir(record, slot, dir);
	err = store_remove(&be->store, 0, dir);
	if (err)
		return err;
	forget(record, slot);
	record->nr_recorded--;
	be->records_removed++;
	for (i = 0; i < WORDS; i++) {
		record->pending[i] |= record->waiting[i];
		record->waiting[i] = 0;
	}
	return 0;
}

static bool is_full(const struct record *record)
{
	return record->nr_recorded >=
	       record->device->be->config->records_per_guest;
}

/*
 * A pending, stable row. Returns 1 if its nodes are as it says now; 0: there is
 * nothing to be done, or it stays on the list; or a negative errno, and it stays.
 */
static int mirror(struct record *record, uint32_t slot)
{
	bool is_new = !record->written[slot];
	struct context_row row;
	int err;

	if (record_copy_row(record->device->worker->table, slot, &row))
		return 0;
	if (is_new && row.state == CONTEXT_FREE) {
		clear(record->pending, slot);
		return 0;
	}
	if (is_new && is_full(record)) {
		clear(record->pending, slot);
		set(record->waiting, slot);
		return 0;
	}
	err = row.state == CONTEXT_FREE ? remove_row(record, slot)
					: put_row(record, slot, &row);
	if (err)
		return err;
	clear(record->pending, slot);
	return 1;
}

/* Guests of a TOE that has just failed wait for nobody's record. */
static bool is_urgent(const struct record *record)
{
	return netlink_is_due(&record->device->be->inv->netlink);
}

/* Until the tick's time is over, or, *@urgent, links have changed. */
static int mirror_pending(struct record *record, bool *urgent)
{
	uint64_t bits, end = loop_now() + TICK_NS;
	uint32_t word, slot;
	int did;

	for (word = 0; word * 64 < record->nr_rows; word++) {
		bits = record->pending[word] & ~record->fresh[word];
		for (; bits; bits &= bits - 1) {
			slot = word * 64 + (uint32_t)__builtin_ctzll(bits);
			if (slot >= record->nr_rows)
				break;
			did = mirror(record, slot);
			*urgent = did > 0 && is_urgent(record);
			if (did < 0 || *urgent || (did && loop_now() >= end))
				return did;
		}
	}
	return 0;
}

bool record_tick(struct record *record)
{
	bool urgent = false;
	int err;

	take_dirty(record);
	if (!store_up(&record->device->be->store))
		return true;
	err = mirror_pending(record, &urgent);
	if (err < 0 && err != -ENOTCONN)
		log_error("records of %s: %s", record->device->b,
			  strerror(-err));
	return !urgent;
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
	memset(record->pending, 0xff, sizeof(record->pending));
	return record;
}

static void forget_all(struct record *record)
{
	uint32_t slot;

	for (slot = 0; slot < record->nr_rows; slot++)
		forget(record, slot);
	record->nr_recorded = 0;
}

void record_again(struct record *record)
{
	record_drop(record->device); /* a XenStore that came back may have some */
	forget_all(record);
	memset(record->waiting, 0, sizeof(record->waiting));
	memset(record->pending, 0xff, sizeof(record->pending));
}

void record_free(struct record *record)
{
	if (!record)
		return;
	forget_all(record);
	free(record->written);
	free(record);
}
