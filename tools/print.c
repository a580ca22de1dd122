/* SPDX-License-Identifier: GPL-2.0 */
/*
 * print.c - vtoed's answers for people. Each function prints one command's
 * answer (toe-service/README.md has their members).
 */
#include <stdio.h>
#include <string.h>

#include "format.h"
#include "get.h"
#include "table.h"
#include "vtoectl.h"

#define COLUMNS(list) (list), sizeof(list) / sizeof((list)[0])

static void add_age(struct table *table, const json_t *object)
{
	char text[FORMAT_MAX];

	format_age(text, get_number(object, "since_s"));
	table_add(table, "%s", text);
}

static void finish(struct table *table, const char *none)
{
	if (table->nr_cells)
		table_print(table, stdout);
	else
		puts(none);
	table_dispose(table);
}

/* "192.0.2.10/24", "2001:db8::10/64", both, or "-" */
static void add_addresses(struct table *table, const json_t *device)
{
	const char *ip = get_text_or(device, "ip", "");
	const char *ip6 = get_text_or(device, "ip6", "");

	/* by DHCP, and not there yet, or refused */
	if (!*ip)
		ip = get_text_or(device, "lease", "");
	if (!*ip && !*ip6)
		table_add(table, "-");
	else
		table_add(table, "%s%s%s", ip, *ip && *ip6 ? " " : "", ip6);
}

void print_list(const json_t *answer)
{
	static const struct table_column column[] = {
		{ "GUEST", TABLE_LEFT },  { "DOMID", TABLE_RIGHT },
		{ "DEV", TABLE_RIGHT },	  { "STATE", TABLE_LEFT },
		{ "SINCE", TABLE_RIGHT }, { "SOCKETS", TABLE_RIGHT },
		{ "TOE", TABLE_LEFT },	  { "ADDRESS", TABLE_LEFT },
		{ "ERROR", TABLE_LEFT },
	};
	struct table table;
	json_t *device;
	size_t i;

	table_init(&table, COLUMNS(column));
	json_array_foreach(json_object_get(answer, "devices"), i, device) {
		table_add(&table, "%s", get_text(device, "name"));
		table_add(&table, "%lld", get_int(device, "domid"));
		table_add(&table, "%lld", get_int(device, "devid"));
		table_add(&table, "%s", get_text(device, "state"));
		add_age(&table, device);
		table_add(&table, "%lld", get_int(device, "contexts"));
		table_add(&table, "%s", get_text(device, "toe"));
		add_addresses(&table, device);
		table_add(&table, "%s", get_text_or(device, "error", ""));
	}
	finish(&table, "no guest has a vTOE device");
}

/* A fact of a device, left out if it is absent. */
static void fact(const json_t *device, const char *key, const char *label)
{
	const json_t *value = json_object_get(device, key);
	const char *text = json_string_value(value);

	if (json_is_integer(value))
		printf("  %-14s %lld\n", label,
		       (long long)json_integer_value(value));
	else if (text && *text)
		printf("  %-14s %s\n", label, text);
}

/* Where it has more than one share of TOEs: each. */
static void print_links(const json_t *device)
{
	const json_t *links = json_object_get(device, "links");
	const char *ip, *ip6;
	json_t *link;
	size_t i;

	if (json_array_size(links) < 2)
		return;
	json_array_foreach(links, i, link) {
		ip = get_text_or(link, "ip", "");
		ip6 = get_text_or(link, "ip6", "");
		if (!*ip)
			ip = get_text_or(link, "lease", "");
		printf("  link %-9lld %s (%s) %s%s%s\n",
		       get_int(link, "link"), get_text(link, "toe"),
		       get_text(link, "state"), ip, *ip && *ip6 ? " " : "",
		       ip6);
	}
}

static void print_device(const json_t *device)
{
	const json_t *limits = json_object_get(device, "limits");
	char age[FORMAT_MAX];

	format_age(age, get_number(device, "since_s"));
	printf("%s/%lld\n", get_text(device, "name"), get_int(device, "devid"));
	fact(device, "domid", "domain");
	printf("  %-14s %s, since %s\n", "state", get_text(device, "state"),
	       age);
	fact(device, "error", "error");
	fact(device, "entry", "entry");
	fact(device, "pool", "pool");
	fact(device, "toe", "TOE");
	fact(device, "ip", "address");
	fact(device, "gateway", "gateway");
	fact(device, "lease", "DHCP lease");
	fact(device, "ip6", "IPv6 address");
	fact(device, "gateway6", "IPv6 gateway");
	print_links(device);
	fact(device, "netns", "namespace");
	printf("  %-14s backend %lld, frontend %lld\n", "XenBus states",
	       get_int(device, "backend_state"),
	       get_int(device, "frontend_state"));
	fact(device, "worker", "worker's pid");
	fact(device, "contexts", "sockets");
	if (json_is_object(limits) && get_int(limits, "max_sockets"))
		printf("  %-14s %lld sockets at the same time\n", "limit",
		       get_int(limits, "max_sockets"));
	if (json_is_object(limits))
		printf("  %-14s %lld sockets, %lld commands, %lld + %lld "
		       "pages\n", "limits", get_int(limits, "max_slots"),
		       get_int(limits, "max_entries"),
		       get_int(limits, "max_tx_pages"),
		       get_int(limits, "max_rx_pages"));
	if (json_is_object(json_object_get(device, "counters"))) {
		putchar('\n');
		print_counters(device);
	}
}

void print_show(const json_t *answer)
{
	const json_t *devices = json_object_get(answer, "devices");
	json_t *device;
	size_t i;

	if (!json_array_size(devices))
		puts("this guest has no vTOE device: vtoectl attach");
	json_array_foreach(devices, i, device) {
		if (i)
			putchar('\n');
		print_device(device);
	}
}

void print_contexts(const json_t *answer)
{
	static const struct table_column column[] = {
		{ "GUEST", TABLE_LEFT },     { "SLOT", TABLE_RIGHT },
		{ "STATE", TABLE_LEFT },     { "SINCE", TABLE_RIGHT },
		{ "REQUESTED", TABLE_LEFT }, { "RESOLVED", TABLE_LEFT },
		{ "UID", TABLE_RIGHT },	     { "REMAPS", TABLE_LEFT },
		{ "ERROR", TABLE_LEFT },
	};
	struct table table;
	json_t *context;
	size_t i;

	table_init(&table, COLUMNS(column));
	json_array_foreach(json_object_get(answer, "contexts"), i, context) {
		table_add(&table, "%s/%lld", get_text(context, "name"),
			  get_int(context, "devid"));
		table_add(&table, "%lld", get_int(context, "slot"));
		table_add(&table, "%s", get_text(context, "state"));
		add_age(&table, context);
		table_add(&table, "%s", get_text(context, "requested"));
		table_add(&table, "%s", get_text(context, "resolved"));
		table_add(&table, "%lld", get_int(context, "uid"));
		table_add(&table, "%lld %s", get_int(context, "remaps"),
			  get_text_or(context, "remap_reason", ""));
		table_add(&table, "%s", get_text_or(context, "error", ""));
	}
	finish(&table, "no sockets");
	if (json_is_true(json_object_get(answer, "truncated")))
		puts("... and more: vtoectl contexts --limit=N");
}

/* A number, or "-" if vtoed does not know it, or there is no limit. */
static void add_known(struct table *table, const json_t *object,
		      const char *key)
{
	if (get_int(object, key))
		table_add(table, "%lld", get_int(object, key));
	else
		table_add(table, "-");
}

/* "rx,tx,sg" or "-" */
static void add_offloads(struct table *table, const json_t *toe)
{
	char names[TABLE_CELL_MAX] = "";
	json_t *name;
	size_t i, len;

	json_array_foreach(json_object_get(toe, "offloads"), i, name) {
		const char *text = json_string_value(name);

		len = strlen(names);
		snprintf(names + len, sizeof(names) - len, "%s%s",
			 i ? "," : "", text ? text : "-");
	}
	table_add(table, "%s", *names ? names : "-");
}

/* What guests share, in megabits a second; "-": they do not. */
static void add_rate(struct table *table, const json_t *toe)
{
	uint64_t rate = get_count(toe, "rate");

	if (rate)
		table_add(table, "%.6g", (double)rate * 8 / 1e6);
	else
		table_add(table, "-");
}

void print_toes(const json_t *answer)
{
	static const struct table_column column[] = {
		{ "TOE", TABLE_LEFT },	      { "DRIVER", TABLE_LEFT },
		{ "NETDEV", TABLE_LEFT },     { "VLAN", TABLE_RIGHT },
		{ "LINK", TABLE_LEFT },
		{ "SEGMENT", TABLE_LEFT },    { "STATE", TABLE_LEFT },
		{ "SINCE", TABLE_RIGHT },     { "WEIGHT", TABLE_RIGHT },
		{ "SOCKETS", TABLE_RIGHT },   { "CAPACITY", TABLE_RIGHT },
		{ "DEVICES", TABLE_RIGHT },   { "MAX", TABLE_RIGHT },
		{ "MTU", TABLE_RIGHT },
		{ "MBIT/S", TABLE_RIGHT },    { "RATE", TABLE_RIGHT },
		{ "OFFLOADS", TABLE_LEFT },
		{ "REASON", TABLE_LEFT },
	};
	struct table table;
	json_t *toe;
	size_t i;

	table_init(&table, COLUMNS(column));
	json_array_foreach(json_object_get(answer, "toes"), i, toe) {
		table_add(&table, "%s", get_text(toe, "name"));
		table_add(&table, "%s", get_text(toe, "driver"));
		table_add(&table, "%s", get_text(toe, "netdev"));
		add_known(&table, toe, "vlan");
		table_add(&table, "%s", get_text(toe, "link"));
		table_add(&table, "%s", get_text(toe, "segment"));
		table_add(&table, "%s", get_text(toe, "state"));
		add_age(&table, toe);
		table_add(&table, "%lld", get_int(toe, "weight"));
		table_add(&table, "%lld", get_int(toe, "load"));
		if (get_int(toe, "capacity"))
			table_add(&table, "%lld", get_int(toe, "capacity"));
		else
			table_add(&table, "-");
		table_add(&table, "%lld", get_int(toe, "devices"));
		add_known(&table, toe, "max_devices");
		/* what guests' links get */
		add_known(&table, toe,
			  get_int(toe, "link_mtu") ? "link_mtu" : "mtu");
		add_known(&table, toe, "speed_mbit");
		add_rate(&table, toe);
		add_offloads(&table, toe);
		table_add(&table, "%s",
			  get_text_or(toe, "reason",
				      get_text_or(toe, "rate_error", "")));
	}
	finish(&table, "no TOE is configured: see vtoed.conf(5)");
}

void print_pools(const json_t *answer)
{
	static const struct table_column column[] = {
		{ "POOL", TABLE_LEFT },
		{ "POLICY", TABLE_LEFT },
		{ "DEVICES", TABLE_RIGHT }, { "MAX", TABLE_RIGHT },
		{ "SOCKETS", TABLE_RIGHT }, { "MAX", TABLE_RIGHT },
		{ "EACH", TABLE_RIGHT },
		{ "TOES", TABLE_LEFT },
	};
	char names[TABLE_CELL_MAX];
	json_t *pool, *name;
	struct table table;
	size_t i, j, len;

	table_init(&table, COLUMNS(column));
	json_array_foreach(json_object_get(answer, "pools"), i, pool) {
		names[0] = '\0';
		json_array_foreach(json_object_get(pool, "toes"), j, name) {
			const char *text = json_string_value(name);

			len = strlen(names);
			snprintf(names + len, sizeof(names) - len, "%s%s",
				 j ? " " : "", text ? text : "-");
		}
		table_add(&table, "%s", get_text(pool, "name"));
		table_add(&table, "%s", get_text(pool, "policy"));
		table_add(&table, "%lld", get_int(pool, "devices"));
		add_known(&table, pool, "max_devices");
		table_add(&table, "%lld", get_int(pool, "sockets"));
		add_known(&table, pool, "max_sockets");
		add_known(&table, pool, "max_device_sockets");
		table_add(&table, "%s", names);
	}
	finish(&table, "no pool is configured: see vtoed.conf(5)");
}

void print_rebalanced(const json_t *answer)
{
	printf("%lld moved\n", get_int(answer, "moves"));
}

void print_attached(const json_t *answer)
{
	const json_t *device = json_object_get(answer, "device");
	const char *error = get_text_or(device, "error", NULL);

	printf("%s/%lld %s, %s\n", get_text(device, "name"),
	       get_int(device, "devid"),
	       json_is_true(json_object_get(answer, "existing")) ?
		       "was attached already" : "attached",
	       error ? error : get_text(device, "state"));
}

void print_nothing(const json_t *answer)
{
	(void)answer;
}

void print_reload(const json_t *answer)
{
	puts(json_is_true(json_object_get(answer, "changed")) ?
		     "the configuration has changed" :
		     "the configuration is as it was");
}

void print_version(const json_t *answer)
{
	char age[FORMAT_MAX];

	format_age(age, get_number(answer, "uptime_s"));
	printf("vtoectl %s\n", VTOE_VERSION);
	printf("vtoed %s, pid %lld, domain %lld, up %s, %s, %s\n",
	       get_text(answer, "version"), get_int(answer, "pid"),
	       get_int(answer, "domid"), age, get_text(answer, "config"),
	       json_is_true(json_object_get(answer, "xenstore")) ?
		       "XenStore connected" : "no XenStore");
}
