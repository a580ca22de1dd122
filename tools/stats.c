/* SPDX-License-Identifier: GPL-2.0 */
/*
 * stats.c - counters of a device, of dom0's worker and of the guest's driver
 * side by side, and what went by each TOE. The guest's are what it reports:
 * informative, never trusted.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "format.h"
#include "get.h"
#include "table.h"
#include "vtoectl.h"

enum stat_kind { STAT_PLAIN, STAT_BYTES, STAT_RATE };

/* One line: the counter of each side, by its name in the answer, or NULL. */
struct stat_row {
	const char *label;
	enum stat_kind kind;
	const char *dom0, *guest;
};

static const struct stat_row rows[] = {
	{ "bytes from the guest", STAT_BYTES, "tx_bytes", "tx_bytes" },
	{ "bytes to the guest", STAT_BYTES, "rx_bytes", "rx_bytes" },
	{ "notifications sent", STAT_RATE, "notifies", "notifies" },
	{ "notifications received", STAT_RATE, "events", "interrupts" },
	{ "system calls", STAT_RATE, "syscalls", "calls" },
	{ "doorbells served", STAT_RATE, "doorbells", NULL },
	{ "commands", STAT_PLAIN, "commands", NULL },
	{ "commands refused", STAT_PLAIN, "refused", NULL },
	{ "kept back by a limit", STAT_PLAIN, "limited", NULL },
	{ "connects", STAT_PLAIN, "connects", NULL },
	{ "accepts", STAT_PLAIN, "accepts", NULL },
	{ "releases", STAT_PLAIN, "releases", NULL },
	{ "placements", STAT_PLAIN, "placements", NULL },
	{ "remaps", STAT_PLAIN, "remaps", NULL },
	{ "moved between stacks", STAT_PLAIN, "moves", NULL },
	{ "lost between stacks", STAT_PLAIN, "moves_failed", NULL },
	{ "sockets now", STAT_PLAIN, "contexts", NULL },
	{ "sockets offloaded", STAT_PLAIN, NULL, "offloaded" },
	{ "sockets native", STAT_PLAIN, NULL, "native" },
	{ "grants made", STAT_PLAIN, NULL, "grants" },
	{ "grant maps", STAT_PLAIN, "grant_maps", NULL },
	{ "grant unmaps", STAT_PLAIN, "grant_unmaps", NULL },
	{ "event channels", STAT_PLAIN, "evtchn_binds", "evtchns" },
	{ "receive pages now", STAT_PLAIN, "rx_pages_used", NULL },
	{ "receive pages lacking", STAT_PLAIN, "runs_failed", NULL },
	{ "datagrams lost", STAT_PLAIN, "datagrams_lost", NULL },
};

/* Two cells: the counter, and how many a megabyte if that is of interest. */
static void add_side(struct table *table, const json_t *counters,
		     enum stat_kind kind, const char *key)
{
	uint64_t count, bytes;
	char text[FORMAT_MAX];

	if (!key || !json_is_object(counters)) {
		table_add(table, "%s", "");
		table_add(table, "%s", "");
		return;
	}
	count = get_count(counters, key);
	bytes = get_count(counters, "tx_bytes") +
		get_count(counters, "rx_bytes");
	if (kind == STAT_BYTES)
		format_bytes(text, count);
	else
		snprintf(text, sizeof(text), "%" PRIu64, count);
	table_add(table, "%s", text);
	text[0] = '\0';
	if (kind == STAT_RATE)
		format_per_mb(text, count, bytes);
	table_add(table, "%s", text);
}

void print_counters(const json_t *device)
{
	static const struct table_column column[] = {
		{ "", TABLE_LEFT },	  { "DOM0", TABLE_RIGHT },
		{ "PER MB", TABLE_RIGHT }, { "GUEST", TABLE_RIGHT },
		{ "PER MB", TABLE_RIGHT },
	};
	struct table table;
	size_t i;

	table_init(&table, column, sizeof(column) / sizeof(column[0]));
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		table_add(&table, "  %s", rows[i].label);
		add_side(&table, json_object_get(device, "counters"),
			 rows[i].kind, rows[i].dom0);
		add_side(&table, json_object_get(device, "guest_counters"),
			 rows[i].kind, rows[i].guest);
	}
	table_print(&table, stdout);
	table_dispose(&table);
}

/* "1.23 MB (456)", or "-" if the engine does not count. */
static void add_traffic(struct table *table, const json_t *toe,
			const char *bytes, const char *packets)
{
	char text[FORMAT_MAX];

	if (!json_is_integer(json_object_get(toe, bytes))) {
		table_add(table, "-");
		table_add(table, "-");
		return;
	}
	format_bytes(text, get_count(toe, bytes));
	table_add(table, "%s", text);
	table_add(table, "%" PRIu64, get_count(toe, packets));
}

/* What went by each TOE: of one guest, or of all. */
static void print_toe_stats(const json_t *toes)
{
	static const struct table_column column[] = {
		{ "  TOE", TABLE_LEFT },   { "OUT", TABLE_RIGHT },
		{ "PACKETS", TABLE_RIGHT }, { "IN", TABLE_RIGHT },
		{ "PACKETS", TABLE_RIGHT }, { "SOCKETS", TABLE_RIGHT },
		{ "OPENED", TABLE_RIGHT },  { "FAILED", TABLE_RIGHT },
		{ "PLACED", TABLE_RIGHT },  { "REMAPPED", TABLE_RIGHT },
	};
	static const char *const counts[] = {
		"sockets", "opened", "failed", "placed", "remapped",
	};
	struct table table;
	json_t *toe;
	size_t i, j;

	if (!json_array_size(toes))
		return;
	table_init(&table, column, sizeof(column) / sizeof(column[0]));
	json_array_foreach(toes, i, toe) {
		table_add(&table, "  %s", get_text(toe, "toe"));
		add_traffic(&table, toe, "tx_bytes", "tx_packets");
		add_traffic(&table, toe, "rx_bytes", "rx_packets");
		for (j = 0; j < sizeof(counts) / sizeof(counts[0]); j++)
			table_add(&table, "%" PRIu64,
				  get_count(toe, counts[j]));
	}
	table_print(&table, stdout);
	table_dispose(&table);
}

void print_stats(const json_t *answer)
{
	json_t *daemon = json_object_get(answer, "daemon");
	json_t *device, *value;
	const char *key;
	size_t i;

	json_array_foreach(json_object_get(answer, "devices"), i, device) {
		printf("%s/%lld\n", get_text(device, "name"),
		       get_int(device, "devid"));
		print_counters(device);
		print_toe_stats(json_object_get(device, "toes"));
		putchar('\n');
	}
	if (!i)
		puts("no vTOE device is connected\n");
	if (json_array_size(json_object_get(answer, "toes"))) {
		puts("all guests");
		print_toe_stats(json_object_get(answer, "toes"));
		putchar('\n');
	}
	if (json_object_size(daemon))
		puts("vtoed");
	json_object_foreach(daemon, key, value)
		if (json_is_number(value))
			printf("  %-24s %.15g\n", key,
			       json_number_value(value));
}
