/* SPDX-License-Identifier: GPL-2.0 */
/* toe_publish.c - TOEs and pools as others may read them: publish.h. */
#include <stdio.h>

#include "route.h"
#include "toe.h"
#include "toe_parts.h"

static void publish(struct inventory *inv, const char *kind, const char *name,
		    const char *key, const char *value)
{
	char path[PUBLISH_PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s/%s", kind, name, key);
	inv->publisher.write(inv->publisher.arg, path, value);
}

static void publish_number(struct inventory *inv, const char *name,
			   const char *key, uint32_t value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	publish(inv, "toe", name, key, text);
}

static void publish_state(struct inventory *inv, const struct toe *toe)
{
	if (!inv->publisher.write)
		return;
	publish(inv, "toe", toe->conf.name, "reason", toe->reason);
	publish(inv, "toe", toe->conf.name, "state",
		toe_state_name(toe->state));
}

void toe_publish_changed(struct inventory *inv)
{
	uint32_t i;

	for (i = 0; i < TOE_TABLE_MAX; i++) {
		if (inv->toe[i].unpublished)
			publish_state(inv, &inv->toe[i]);
		inv->toe[i].unpublished = false;
	}
}

void toe_publish_offloads(struct inventory *inv, const struct toe *toe)
{
	const char *name = toe->conf.name;

	if (!inv->publisher.write)
		return;
	publish_number(inv, name, "mtu", toe->has.mtu);
	publish_number(inv, name, "speed-mbit", toe->has.speed_mbit);
	publish(inv, "toe", name, "mac", toe->has.mac);
	publish(inv, "toe", name, "offloads", toe->has.list);
}

static void publish_routes(struct inventory *inv, const struct toe *toe)
{
	char list[ROUTES_MAX * (ROUTE_TEXT_MAX + 2)] = "", text[ROUTE_TEXT_MAX];
	const struct toe_routes *routes = &toe->conf.routes;
	size_t len = 0;
	uint32_t i;

	for (i = 0; i < routes->nr; i++) {
		route_text(&routes->route[i], text);
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s",
					i ? ", " : "", text);
	}
	publish(inv, "toe", toe->conf.name, "routes", list);
}

static void publish_toe(struct inventory *inv, struct toe *toe)
{
	const char *name = toe->conf.name;

	publish(inv, "toe", name, "driver", toe->conf.driver);
	publish(inv, "toe", name, "netdev", toe->conf.netdev);
	publish(inv, "toe", name, "link", toe->conf.link);
	publish(inv, "toe", name, "segment", toe->conf.segment);
	publish(inv, "toe", name, "match", toe->conf.match);
	publish_number(inv, name, "weight", toe->conf.weight);
	publish_number(inv, name, "capacity", toe->conf.capacity);
	publish_number(inv, name, "max-devices", toe->conf.max_devices);
	publish_number(inv, name, "vlan", toe->conf.vlan);
	publish_number(inv, name, "link-mtu", toe->conf.mtu);
	publish_routes(inv, toe);
	toe_publish_offloads(inv, toe);
	publish_state(inv, toe);
	toe->published = true;
}

void toe_unpublish(struct inventory *inv, const char *name)
{
	char path[PUBLISH_PATH_MAX];

	if (!inv->publisher.write)
		return;
	snprintf(path, sizeof(path), "toe/%.31s", name);
	inv->publisher.remove(inv->publisher.arg, path);
}

static void publish_pool(struct inventory *inv, const struct config_pool *pool)
{
	char text[TOE_TABLE_MAX * TABLE_NAME_MAX] = "";
	size_t len = 0;
	uint32_t i;

	for (i = 0; i < pool->nr_toes; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
					i ? " " : "",
					inv->config->toe[pool->toe[i]].name);
	publish(inv, "pool", pool->name, "policy",
		config_policy_name(pool->policy));
	publish(inv, "pool", pool->name, "toes", text);
}

static void publish_pools(struct inventory *inv)
{
	uint32_t i;

	for (i = 0; inv->config && i < inv->config->nr_pools; i++)
		publish_pool(inv, &inv->config->pool[i]);
}

void inventory_publish(struct inventory *inv)
{
	uint32_t i;

	if (!inv->publisher.write)
		return;
	/* what an earlier vtoed or configuration left goes */
	inv->publisher.remove(inv->publisher.arg, "toe");
	inv->publisher.remove(inv->publisher.arg, "pool");
	for (i = 0; i < TOE_TABLE_MAX; i++)
		if (inv->toe[i].conf.name[0])
			publish_toe(inv, &inv->toe[i]);
	publish_pools(inv);
}

/* What has come by a match; all else is there, and is what it was. */
void toe_publish_new(struct inventory *inv)
{
	uint32_t i;

	if (!inv->publisher.write)
		return;
	for (i = 0; i < TOE_TABLE_MAX; i++)
		if (inv->toe[i].conf.name[0] && !inv->toe[i].published)
			publish_toe(inv, &inv->toe[i]);
	publish_pools(inv);
}
