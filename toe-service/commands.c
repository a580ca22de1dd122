/* SPDX-License-Identifier: GPL-2.0 */
#include <string.h>

#include "commands.h"
#include "guest.h"
#include "route.h"

#define NS_PER_S 1e9

/* "rx tx" -> ["rx", "tx"] */
static json_t *words_json(const char *words)
{
	json_t *array = json_array();
	size_t len;

	for (; *words; words += len + (words[len] == ' ')) {
		len = strcspn(words, " ");
		json_array_append_new(array, json_stringn(words, len));
	}
	return array;
}

static json_t *known(uint32_t number)
{
	return number ? json_integer(number) : json_null();
}

/* What its device has; null where the kernel does not say. */
static void add_offloads(json_t *toe, const struct offloads *has)
{
	json_object_set_new(toe, "mtu", has->mtu ? json_integer(has->mtu)
						 : json_null());
	json_object_set_new(toe, "speed_mbit",
			    has->speed_mbit ? json_integer(has->speed_mbit)
					    : json_null());
	json_object_set_new(toe, "mac", *has->mac ? json_string(has->mac)
						  : json_null());
	json_object_set_new(toe, "offloads", words_json(has->list));
}

static json_t *routes_json(const struct toe_routes *routes)
{
	json_t *array = json_array();
	char text[ROUTE_TEXT_MAX];
	uint32_t i;

	for (i = 0; i < routes->nr; i++) {
		route_text(&routes->route[i], text);
		json_array_append_new(array, json_string(text));
	}
	return array;
}

static void add_sharing(json_t *json, const struct toe *toe)
{
	const struct toe_sharing_state *is = &toe->sharing;

	json_object_set_new(json, "rate", is->rate
				? json_integer((json_int_t)is->rate)
				: json_null());
	json_object_set_new(json, "rate_error", *is->error
				? json_string(is->error) : json_null());
}

static json_t *toe_json(const struct toe *toe)
{
	json_t *json;
	uint64_t now = loop_now();
	double since = toe->since_ns && toe->since_ns < now
			       ? (double)(now - toe->since_ns) / NS_PER_S
			       : 0.0;

	json = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s?,s:i,s:i,s:i,s:i,s:f,s:i,s:i}",
			 "name", toe->conf.name, "driver", toe->conf.driver,
			 "netdev", toe->conf.netdev, "link", toe->conf.link,
			 "segment", toe->conf.segment, "state",
			 toe_state_name(toe->state), "reason",
			 toe->reason[0] ? toe->reason : NULL, "weight",
			 (int)toe->conf.weight, "capacity",
			 (int)toe->conf.capacity, "load", (int)toe->load,
			 "ifindex", (int)toe->ifindex, "since_s", since,
			 "devices", (int)toe->devices, "max_devices",
			 (int)toe->conf.max_devices);
	if (json) {
		/* of CLOCK_MONOTONIC, as others in dom0 have it */
		json_object_set_new(json, "changed_s",
				    json_real((double)toe->since_ns / NS_PER_S));
		add_sharing(json, toe);
		json_object_set_new(json, "match",
				    toe->conf.match[0]
					    ? json_string(toe->conf.match)
					    : json_null());
		json_object_set_new(json, "vlan", known(toe->conf.vlan));
		json_object_set_new(json, "link_mtu", known(toe->conf.mtu));
		json_object_set_new(json, "routes",
				    routes_json(&toe->conf.routes));
		add_offloads(json, &toe->has);
	}
	return json;
}

static void toes(struct control_call *call, const json_t *request, void *arg)
{
	const struct inventory *inv = arg;
	json_t *array = json_array();
	uint32_t i;

	(void)request;
	for (i = 0; i < TOE_TABLE_MAX; i++)
		if (inv->toe[i].conf.name[0])
			json_array_append_new(array, toe_json(&inv->toe[i]));
	control_answer(call, json_pack("{s:o}", "toes", array));
}

static json_t *pool_json(const struct inventory *inv,
			 const struct config_pool *pool)
{
	const struct config *config = inv->config;
	json_t *array = json_array();
	uint32_t i;

	for (i = 0; i < pool->nr_toes; i++)
		json_array_append_new(
			array, json_string(config->toe[pool->toe[i]].name));
	return json_pack("{s:s,s:s,s:o,s:i,s:i,s:i,s:i,s:i}", "name",
			 pool->name, "policy",
			 config_policy_name(pool->policy), "toes", array,
			 "devices", (int)guest_pool_devices(inv, pool->name),
			 "max_devices", (int)pool->max_devices, "sockets",
			 (int)inventory_pool_load(inv, pool->name),
			 "max_sockets", (int)pool->max_sockets,
			 "max_device_sockets", (int)pool->max_device_sockets);
}

static void pools(struct control_call *call, const json_t *request, void *arg)
{
	const struct inventory *inv = arg;
	json_t *array = json_array();
	uint32_t i;

	(void)request;
	for (i = 0; i < inv->config->nr_pools; i++)
		json_array_append_new(
			array, pool_json(inv, &inv->config->pool[i]));
	control_answer(call, json_pack("{s:o}", "pools", array));
}

static void set_drained(struct control_call *call, const json_t *request,
			struct inventory *inv, bool drained)
{
	const char *name = json_string_value(json_object_get(request, "toe"));
	struct toe *toe = name ? inventory_find(inv, name) : NULL;

	if (!toe) {
		control_refuse(call, "there is no toe \"%.31s\"; see vtoectl toes",
			       name ? name : "");
		return;
	}
	inventory_drain(inv, toe, drained);
	control_answer(call, json_pack("{s:o}", "toe", toe_json(toe)));
}

static void drain(struct control_call *call, const json_t *request, void *arg)
{
	set_drained(call, request, arg, true);
}

static void undrain(struct control_call *call, const json_t *request, void *arg)
{
	set_drained(call, request, arg, false);
}

void commands_register(struct control *control, struct inventory *inv)
{
	control_register(control, "toes", toes, inv);
	control_register(control, "pools", pools, inv);
	control_register(control, "drain", drain, inv);
	control_register(control, "undrain", undrain, inv);
}
