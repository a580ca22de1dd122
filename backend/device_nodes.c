/* SPDX-License-Identifier: GPL-2.0 */
/* device_nodes.c - what a device writes in its backend directory. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <xen/io/xenbus.h>

#include "../common/log.h"
#include "../xenstore-schema/vtoe_keys.h"
#include "attach.h"
#include "device_nodes.h"
#include "record.h"

static const uint32_t xenbus_state[] = {
	[DEVICE_SETUP] = XenbusStateInitWait,
	[DEVICE_WAITING] = XenbusStateInitWait,
	[DEVICE_STARTING] = XenbusStateInitWait,
	[DEVICE_CONNECTED] = XenbusStateConnected,
	[DEVICE_CLOSING] = XenbusStateClosing,
	[DEVICE_CLOSED] = XenbusStateClosed,
};

/* ---- nodes ---- */

void device_put(const struct device *device, const char *key, const char *value)
{
	int err = store_write(device_store(device), 0, device->b, key, value);

	if (err && err != -ENOTCONN)
		log_error("%s/%s: %s", device->b, key, strerror(-err));
}

static void device_put_uint(const struct device *device, const char *key,
			    uint32_t value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	device_put(device, key, text);
}

void device_drop(const struct device *device, const char *key)
{
	char path[STORE_PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", device->b, key);
	store_remove(device_store(device), 0, path);
}

void device_put_state(struct device *device)
{
	device->b_state = xenbus_state[device->phase];
	device_put_uint(device, "state", device->b_state);
}

void device_set_phase(struct device *device, enum device_phase phase)
{
	if (device->phase == phase && device->b_state == xenbus_state[phase])
		return;
	device->phase = phase;
	log_debug("device %u/%u: %s", device->domid, device->devid,
		  device_state_name(device));
	device->since_ns = loop_now();
	if (device->b_state != xenbus_state[phase])
		device_put_state(device);
}

void device_put_error(const struct device *device)
{
	if (device->error[0])
		device_put(device, VTOE_KEY_ERROR, device->error);
	else
		device_drop(device, VTOE_KEY_ERROR);
}

void device_set_error(struct device *device, const char *format, ...)
{
	char text[sizeof(device->error)];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (!strcmp(text, device->error))
		return;
	strcpy(device->error, text);
	log_error("device %u/%u (%s): %s", device->domid, device->devid,
		  device->name, text);
	device_put_error(device);
}

void device_clear_error(struct device *device)
{
	if (!device->error[0])
		return;
	device->error[0] = 0;
	device_put_error(device);
}

/* What the frontend's selection switch may offload. */
static void put_rules(const struct device *device)
{
	if (!device->entry_ok)
		return;
	device_put(device, VTOE_KEY_DEFAULT,
		   device->entry.native ? "native" : "offload");
	if (device->entry.rules[0])
		device_put(device, VTOE_KEY_RULES, device->entry.rules);
}

void device_put_capabilities(const struct device *device)
{
	const struct config *config = device->be->config;

	device_put_uint(device, VTOE_KEY_VERSIONS, VTOE_WIRE_VERSION);
	device_put_uint(device, VTOE_KEY_MAX_QUEUES, VTOE_MAX_QUEUES);
	device_put_uint(device, VTOE_KEY_MAX_ENTRIES, config->max_entries);
	device_put_uint(device, VTOE_KEY_MAX_SLOTS, config->max_slots);
	device_put_uint(device, VTOE_KEY_MAX_TX_PAGES, config->max_tx_pages);
	device_put_uint(device, VTOE_KEY_MAX_RX_PAGES, config->max_rx_pages);
	device_put(device, VTOE_KEY_FEATURE_TCP, "1");
	device_put(device, VTOE_KEY_FEATURE_UDP, "1");
	device_put(device, VTOE_KEY_FEATURE_IPV6, "1");
	put_rules(device);
}

/* ---- links ---- */

#define LINK_KEY_MAX 32 /* "link/7/gateway6" */

static void link_key(uint32_t index, const char *key, char *text)
{
	snprintf(text, LINK_KEY_MAX, "%s/%u%s%s", VTOE_KEY_LINK, index,
		 *key ? "/" : "", key);
}

static void put_link_node(const struct device *device, uint32_t index,
			  const char *key, const char *value)
{
	char path[LINK_KEY_MAX];

	link_key(index, key, path);
	device_put(device, path, value);
}

static void drop_link_node(const struct device *device, uint32_t index,
			   const char *key)
{
	char path[LINK_KEY_MAX];

	link_key(index, key, path);
	device_drop(device, path);
}

/* What a lease, or a range, gave, for example, may be there no more. */
static void set_link_node(const struct device *device, uint32_t index,
			  const char *key, const char *value)
{
	if (value && *value)
		put_link_node(device, index, key, value);
	else
		drop_link_node(device, index, key);
}

static void put_address(const struct device *device, uint32_t index,
			const struct toe_address *ip, const char *key,
			const char *gateway_key)
{
	char text[ENTRY_ADDR_MAX];

	entry_ip_text(ip, text);
	set_link_node(device, index, key, text);
	entry_addr_text(&ip->gateway, text);
	set_link_node(device, index, gateway_key, text);
}

void device_put_place(const struct device *device, uint32_t index)
{
	put_link_node(device, index, "toe", device->net->link[index].toe);
}

static void put_link(const struct device *device, uint32_t index)
{
	const struct guest_link *link = &device->net->link[index];

	if (!guest_link_used(device->net, index)) {
		drop_link_node(device, index, "");
		return;
	}
	device_put_place(device, index);
	put_address(device, index, &link->ip, "ip", "gateway");
	put_address(device, index, &link->ip6, "ip6", "gateway6");
	/* when these have changed, what is above has, too */
	set_link_node(device, index, VTOE_KEY_FROM, link->from);
	set_link_node(device, index, VTOE_KEY_FROM6, link->from6);
	set_link_node(device, index, VTOE_KEY_LEASE,
		      guest_link_lease(device->net, index));
}

void device_toes(const struct device *device, char *text)
{
	size_t len = 0;
	uint32_t i;

	text[0] = 0;
	for (i = 0; i < GUEST_LINKS_MAX; i++)
		if (guest_link_used(device->net, i))
			len += (size_t)snprintf(text + len,
						DEVICE_TOES_MAX - len, "%s%s",
						i ? " " : "",
						device->net->link[i].toe);
}

void device_put_toes(const struct device *device)
{
	char toes[DEVICE_TOES_MAX];

	device_toes(device, toes);
	device_put(device, "toe", toes);
}

void device_put_link(const struct device *device, uint32_t index)
{
	device_put_toes(device);
	put_link(device, index);
}

void device_put_resolved(const struct device *device)
{
	uint32_t i;

	device_put(device, "pool", device->entry.pool);
	device_put(device, "netns", device->net->name);
	device_put_toes(device);
	for (i = 0; i < GUEST_LINKS_MAX; i++)
		put_link(device, i);
}

static int get_link_node(const struct device *device, uint32_t index,
			 const char *key, char *value, size_t size)
{
	char path[LINK_KEY_MAX];

	link_key(index, key, path);
	return store_read(device_store(device), 0, device->b, path, value,
			  size);
}

/* @name: TABLE_NAME_MAX bytes; "" if there is none */
static void get_name(const struct device *device, uint32_t index,
		     const char *key, char *name)
{
	if (get_link_node(device, index, key, name, TABLE_NAME_MAX))
		name[0] = 0;
}

/* An address that vtoed wrote; anything else is none. */
static void get_address(const struct device *device, uint32_t index,
			uint16_t family, const char *key,
			const char *gateway_key, struct toe_address *ip)
{
	char text[ENTRY_ADDR_MAX], ignored[ENTRY_ERROR_MAX];

	if (get_link_node(device, index, key, text, sizeof(text)) ||
	    entry_parse_ip(ip, family, key, text, ignored)) {
		*ip = (struct toe_address){0};
		return;
	}
	if (!get_link_node(device, index, gateway_key, text, sizeof(text)))
		entry_parse_addr(family, gateway_key, text, &ip->gateway,
				 ignored);
}

void device_get_resolved(const struct device *device, struct guest_saved *saved)
{
	char lease[ENTRY_ERROR_MAX];
	uint32_t i;

	for (i = 0; i < GUEST_LINKS_MAX; i++) {
		if (get_link_node(device, i, "toe", saved[i].toe,
				  sizeof(saved[i].toe))) {
			saved[i] = (struct guest_saved){0};
			continue;
		}
		saved[i].dhcp = !get_link_node(device, i, VTOE_KEY_LEASE,
					       lease, sizeof(lease));
		get_name(device, i, VTOE_KEY_FROM, saved[i].from);
		get_name(device, i, VTOE_KEY_FROM6, saved[i].from6);
		get_address(device, i, VTOE_INET, "ip", "gateway",
			    &saved[i].ip);
		get_address(device, i, VTOE_INET6, "ip6", "gateway6",
			    &saved[i].ip6);
	}
}

/* ---- a new connection ---- */

static void republish(struct device *device)
{
	int err = attach_pair(device->be, device->domid, device->devid,
			      device->text);

	if (err) {
		if (err != -ENOTCONN)
			log_error("republishing %s: %s", device->b,
				  strerror(-err));
		return;
	}
	device_put_capabilities(device);
	device_put_error(device);
	if (device->net)
		device_put_resolved(device);
	/* the frontend is where it was, but cannot know that it must say so */
	if (device->phase == DEVICE_CONNECTED)
		store_write_uint(device_store(device), 0, device->f, "state",
				 XenbusStateConnected);
	device_put_state(device);
	log_info("device %u/%u (%s): published again", device->domid,
		 device->devid, device->name);
}

void device_resync(struct device *device)
{
	uint32_t state;
	int err;

	/* the domain will be introduced again, or it was the store's end */
	device->lost =
		!store_domain_exists(device_store(device), device->domid);
	if (device->lost)
		return;
	err = store_read_uint(device_store(device), 0, device->b, "state",
			      XenbusStateReconfigured, &state);
	if (err == -ENOENT)
		republish(device);
	else if (!err && state != device->b_state)
		device_put_state(device);
	if (device->record)
		record_again(device->record);
	device_update(device);
}
