/* SPDX-License-Identifier: GPL-2.0 */
/* commands.c - the control socket's commands about devices. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../common/atomic.h"
#include "../common/log.h"
#include "device_nodes.h"
#include "devices.h"
#include "record.h"
#include "toe_stats.h"

#define NS_PER_S     1e9
#define CONTEXTS_MAX 65536 /* rows in one answer, unless asked for fewer */
#define ANY	     -1

struct selection {
	int64_t domid, devid; /* ANY, or the number */
};

/* ---- requests ---- */

static int find_name(const struct backend *be, const char *name, int64_t *domid)
{
	struct store *store = (struct store *)&be->store;
	char dir[STORE_PATH_MAX], found[DEVICE_NAME_MAX], **names;
	int i, n = store_list(store, "/local/domain", &names);
	int err = n < 0 ? n : -ENOENT;
	uint32_t id;

	for (i = 0; i < n && err; i++) {
		if (parse_uint(names[i], UINT16_MAX, &id))
			continue;
		snprintf(dir, sizeof(dir), "/local/domain/%u", id);
		if (store_read(store, 0, dir, "name", found, sizeof(found)) ==
			    0 &&
		    !strcmp(found, name)) {
			*domid = id;
			err = 0;
		}
	}
	free(names);
	return err;
}

/* Returns 0, or -errno after having refused the call. */
static int get_domain(struct control_call *call, const struct backend *be,
		      const json_t *request, bool needed, int64_t *domid)
{
	const json_t *member = json_object_get(request, "domain");
	uint32_t id;
	int err;

	*domid = ANY;
	if (!member && !needed)
		return 0;
	if (json_is_integer(member) && json_integer_value(member) >= 0 &&
	    json_integer_value(member) <= UINT16_MAX) {
		*domid = json_integer_value(member);
		return 0;
	}
	if (!json_is_string(member)) {
		control_refuse(call, "\"domain\" must be a domid or a name");
		return -EINVAL;
	}
	if (!parse_uint(json_string_value(member), UINT16_MAX, &id)) {
		*domid = id;
		return 0;
	}
	err = find_name(be, json_string_value(member), domid);
	if (err == -ENOENT)
		control_refuse(call, "there is no domain \"%s\"; see xl list",
			       json_string_value(member));
	else if (err)
		control_refuse(call, "xenstored cannot be reached");
	return err;
}

static int get_devid(struct control_call *call, const json_t *request,
		     int64_t absent, int64_t *devid)
{
	const json_t *member = json_object_get(request, "devid");

	*devid = absent;
	if (!member)
		return 0;
	if (json_is_integer(member) && json_integer_value(member) >= 0 &&
	    json_integer_value(member) <= DEVICE_DEVID_MAX) {
		*devid = json_integer_value(member);
		return 0;
	}
	control_refuse(call, "\"devid\" must be a number from 0 to %d",
		       DEVICE_DEVID_MAX);
	return -EINVAL;
}

static int get_selection(struct control_call *call, const struct backend *be,
			 const json_t *request, bool needed,
			 struct selection *sel)
{
	int err = get_domain(call, be, request, needed, &sel->domid);

	return err ? err : get_devid(call, request, ANY, &sel->devid);
}

static bool selected(const struct device *device, const struct selection *sel)
{
	return (sel->domid == ANY || sel->domid == device->domid) &&
	       (sel->devid == ANY || sel->devid == device->devid);
}

/* ---- answers ---- */

static json_t *text_or_null(const char *text)
{
	return text && text[0] ? json_string(text) : json_null();
}

static double seconds_since(uint64_t ns)
{
	uint64_t now = loop_now();

	return ns && ns < now ? (double)(now - ns) / NS_PER_S : 0.0;
}

static void add_address(json_t *object, const char *key,
			const char *gateway_key, const struct toe_address *ip)
{
	char text[ENTRY_ADDR_MAX];

	entry_ip_text(ip, text);
	json_object_set_new(object, key, text_or_null(text));
	entry_addr_text(&ip->gateway, text);
	json_object_set_new(object, gateway_key, text_or_null(text));
}

static uint32_t contexts_of(const struct device *device)
{
	uint32_t n;

	if (!device->worker || !device->worker->table)
		return 0;
	n = vtoe_load(&device->worker->table->counters.contexts);
	return n > device->worker->nr_rows ? device->worker->nr_rows : n;
}

static void set_name(json_t *object, const struct device *device)
{
	json_t *name = json_string(device->name);

	/* a name that is not UTF-8 is not shown */
	json_object_set_new(object, "domid", json_integer(device->domid));
	json_object_set_new(object, "devid", json_integer(device->devid));
	json_object_set_new(object, "name", name ? name : json_string("?"));
}

static json_t *toes_json(const struct device *device)
{
	char text[DEVICE_TOES_MAX];

	device_toes(device, text);
	return json_string(text);
}

/* NULL: its addresses are not by DHCP. */
static void add_lease(json_t *object, const struct guest_net *net,
		      uint32_t index)
{
	const char *lease = net ? guest_link_lease(net, index) : NULL;

	json_object_set_new(object, "lease",
			    lease ? json_string(lease) : json_null());
}

static json_t *links_json(const struct guest_net *net)
{
	json_t *array = json_array(), *o;
	uint32_t i;

	for (i = 0; i < GUEST_LINKS_MAX; i++) {
		if (!guest_link_used(net, i))
			continue;
		o = json_object();
		json_object_set_new(o, "link", json_integer(i));
		json_object_set_new(o, "toe", json_string(net->link[i].toe));
		json_object_set_new(o, "netdev",
				    json_string(net->link[i].name));
		json_object_set_new(
			o, "state",
			json_string(toe_state_name(guest_link_state(net, i))));
		add_address(o, "ip", "gateway", &net->link[i].ip);
		add_address(o, "ip6", "gateway6", &net->link[i].ip6);
		add_lease(o, net, i);
		json_array_append_new(array, o);
	}
	return array;
}

static json_t *device_json(const struct device *device)
{
	const struct guest_net *net = device->net;
	const struct worker *worker = device->worker;
	json_t *o = json_object(), *text = json_string(device->text);

	set_name(o, device);
	json_object_set_new(o, "state", json_string(device_state_name(device)));
	json_object_set_new(o, "error", text_or_null(device->error));
	json_object_set_new(o, "entry", text ? text : json_string("?"));
	json_object_set_new(o, "pool", text_or_null(device->entry.pool));
	json_object_set_new(o, "toe", net ? toes_json(device) : json_null());
	json_object_set_new(o, "links", net ? links_json(net) : json_null());
	json_object_set_new(o, "netns", text_or_null(net ? net->name : ""));
	add_address(o, "ip", "gateway",
		    net ? &net->link[0].ip : &device->entry.ip);
	add_address(o, "ip6", "gateway6",
		    net ? &net->link[0].ip6 : &device->entry.ip6);
	add_lease(o, net, 0);
	json_object_set_new(o, "backend_state", json_integer(device->b_state));
	json_object_set_new(o, "frontend_state", json_integer(device->f_state));
	json_object_set_new(o, "worker",
			    worker && worker->pid ? json_integer(worker->pid)
						  : json_null());
	json_object_set_new(o, "since_s",
			    json_real(seconds_since(device->since_ns)));
	json_object_set_new(o, "contexts", json_integer(contexts_of(device)));
	return o;
}

#define COUNTER(object, from, name)                                            \
	json_object_set_new(                                                   \
		object, #name,                                                 \
		json_integer((json_int_t)vtoe_load(&(from)->name)))

static json_t *counters_json(const struct device *device)
{
	const struct worker_counters *c;
	json_t *o;

	if (!device->worker || !device->worker->table)
		return json_null();
	c = &device->worker->table->counters;
	o = json_object();
	COUNTER(o, c, tx_bytes);
	COUNTER(o, c, rx_bytes);
	COUNTER(o, c, notifies);
	COUNTER(o, c, events);
	COUNTER(o, c, doorbells);
	COUNTER(o, c, commands);
	COUNTER(o, c, syscalls);
	COUNTER(o, c, connects);
	COUNTER(o, c, accepts);
	COUNTER(o, c, releases);
	COUNTER(o, c, refused);
	COUNTER(o, c, grant_maps);
	COUNTER(o, c, grant_unmaps);
	COUNTER(o, c, evtchn_binds);
	COUNTER(o, c, runs_failed);
	COUNTER(o, c, datagrams_lost);
	COUNTER(o, c, contexts);
	COUNTER(o, c, rx_pages_used);
	COUNTER(o, c, placements);
	COUNTER(o, c, remaps);
	COUNTER(o, c, limited);
	COUNTER(o, c, moves);
	COUNTER(o, c, moves_failed);
	return o;
}

static json_t *guest_counters_json(const struct device *device)
{
	const struct vtoe_guest_counters *c;
	json_t *o;

	if (!device->worker || !device->worker->table)
		return json_null();
	c = &device->worker->table->guest;
	o = json_object();
	COUNTER(o, c, notifies);
	COUNTER(o, c, interrupts);
	COUNTER(o, c, grants);
	COUNTER(o, c, evtchns);
	COUNTER(o, c, offloaded);
	COUNTER(o, c, native);
	COUNTER(o, c, rx_bytes);
	COUNTER(o, c, tx_bytes);
	COUNTER(o, c, calls);
	return o;
}

static void add_counters(json_t *object, const struct device *device)
{
	json_object_set_new(object, "counters", counters_json(device));
	json_object_set_new(object, "guest_counters",
			    guest_counters_json(device));
}

/* The smallest one of those that are limits at all; 0: none is. */
static uint32_t max_sockets(const struct device *device)
{
	const struct config_pool *pool =
		config_find_pool(device->be->config, device->entry.pool);
	const uint32_t limit[] = {device->entry.max_sockets,
				  pool ? pool->max_device_sockets : 0,
				  pool ? pool->max_sockets : 0};
	uint32_t i, min = 0;

	for (i = 0; i < sizeof(limit) / sizeof(limit[0]); i++)
		if (limit[i] && (!min || limit[i] < min))
			min = limit[i];
	return min;
}

static json_t *limits_json(const struct device *device)
{
	const struct backend *be = device->be;

	return json_pack("{s:i,s:i,s:i,s:i,s:i}", "max_sockets",
			 (int)max_sockets(device), "max_entries",
			 (int)be->config->max_entries, "max_slots",
			 (int)be->config->max_slots, "max_tx_pages",
			 (int)be->config->max_tx_pages, "max_rx_pages",
			 (int)be->config->max_rx_pages);
}

/* ---- commands ---- */

static void list(struct control_call *call, const json_t *request, void *arg)
{
	struct selection sel = {ANY, ANY};
	struct backend *be = arg;
	json_t *array = json_array();
	struct device *device;

	(void)request;
	for (device = be->devices; device; device = device->next)
		if (selected(device, &sel))
			json_array_insert_new(array, 0, device_json(device));
	control_answer(call, json_pack("{s:o}", "devices", array));
}

static void show(struct control_call *call, const json_t *request, void *arg)
{
	struct backend *be = arg;
	struct selection sel;
	struct device *device;
	json_t *array, *o;

	if (get_selection(call, be, request, true, &sel))
		return;
	array = json_array();
	for (device = be->devices; device; device = device->next) {
		if (!selected(device, &sel))
			continue;
		o = device_json(device);
		add_counters(o, device);
		json_object_set_new(o, "limits", limits_json(device));
		json_array_insert_new(array, 0, o);
	}
	if (!json_array_size(array)) {
		json_decref(array);
		control_refuse(call, "the domain has no such vTOE device");
		return;
	}
	control_answer(call, json_pack("{s:o}", "devices", array));
}

static json_t *context_json(const struct device *device,
			    const struct context_row *row)
{
	char requested[RECORD_TEXT_MAX], resolved[RECORD_TEXT_MAX];
	const char *toe = record_toe(device, row);
	json_t *o = json_object();

	record_requested(row, requested);
	record_resolved(row, toe, resolved);
	set_name(o, device);
	json_object_set_new(o, "slot", json_integer(row->slot));
	json_object_set_new(o, "generation", json_integer(row->generation));
	json_object_set_new(o, "state", json_string(record_state(row->state)));
	json_object_set_new(o, "requested", json_string(requested));
	json_object_set_new(o, "resolved", json_string(resolved));
	json_object_set_new(o, "toe", text_or_null(toe));
	json_object_set_new(o, "uid", json_integer(row->requested.uid));
	json_object_set_new(o, "remaps", json_integer(row->remaps));
	json_object_set_new(o, "remap_reason",
			    text_or_null(record_remap_reason(row)));
	json_object_set_new(o, "remapped_s",
			    row->remapped_ns
				    ? json_real(seconds_since(row->remapped_ns))
				    : json_null());
	json_object_set_new(o, "error",
			    row->error ? json_string(strerror((int)row->error))
				       : json_null());
	json_object_set_new(o, "since_s",
			    json_real(seconds_since(row->since_ns)));
	return o;
}

/* Returns false if there was no room for all. */
static bool add_contexts(json_t *array, const struct device *device,
			 size_t limit)
{
	const struct worker *worker = device->worker;
	struct context_row row;
	uint32_t slot;

	if (!worker || !worker->table)
		return true;
	for (slot = 0; slot < worker->nr_rows; slot++) {
		if (vtoe_load(&worker->table->row[slot].state) == CONTEXT_FREE)
			continue;
		if (json_array_size(array) >= limit)
			return false;
		if (record_copy_row(worker->table, slot, &row) ||
		    row.state == CONTEXT_FREE)
			continue;
		json_array_append_new(array, context_json(device, &row));
	}
	return true;
}

static void contexts(struct control_call *call, const json_t *request,
		     void *arg)
{
	const json_t *member = json_object_get(request, "limit");
	size_t limit = CONTEXTS_MAX;
	struct backend *be = arg;
	struct selection sel;
	struct device *device;
	bool all = true;
	json_t *array;

	if (get_selection(call, be, request, false, &sel))
		return;
	if (json_is_integer(member) && json_integer_value(member) >= 0 &&
	    json_integer_value(member) < CONTEXTS_MAX)
		limit = (size_t)json_integer_value(member);
	array = json_array();
	for (device = be->devices; device && all; device = device->next)
		if (selected(device, &sel))
			all = add_contexts(array, device, limit);
	control_answer(call, json_pack("{s:o,s:b}", "contexts", array,
				       "truncated", !all));
}

static json_t *daemon_json(const struct backend *be)
{
	json_t *o = json_object();

	COUNTER(o, be, records_written);
	COUNTER(o, be, records_removed);
	COUNTER(o, be, workers_started);
	json_object_set_new(o, "xenstore_connects",
			    json_integer((json_int_t)be->store.reconnects));
	json_object_set_new(o, "xenstore_transactions",
			    json_integer((json_int_t)be->store.transactions));
	json_object_set_new(o, "xenstore_conflicts",
			    json_integer((json_int_t)be->store.conflicts));
	return o;
}

static void stats(struct control_call *call, const json_t *request, void *arg)
{
	struct backend *be = arg;
	struct selection sel;
	struct device *device;
	json_t *array, *o;

	if (get_selection(call, be, request, false, &sel))
		return;
	array = json_array();
	for (device = be->devices; device; device = device->next) {
		if (!selected(device, &sel) || !device->worker ||
		    !device->worker->table)
			continue;
		o = json_object();
		set_name(o, device);
		add_counters(o, device);
		json_object_set_new(o, "toes", toe_stats_of_device(device));
		json_array_insert_new(array, 0, o);
	}
	control_answer(call, json_pack("{s:o,s:o,s:o}", "devices", array,
				       "toes", toe_stats_of_all(be), "daemon",
				       daemon_json(be)));
}

static int64_t free_devid(const struct backend *be, uint32_t domid)
{
	uint32_t devid;

	for (devid = 0; devid < DEVICE_DEVID_MAX; devid++)
		if (!devices_find(be, domid, devid))
			break;
	return devid;
}

static void refuse_attach(struct control_call *call, const char *entry,
			  uint32_t domid, uint32_t devid,
			  const struct device *device, int err)
{
	switch (err) {
	case -ENOENT:
		control_refuse(call, "there is no domain %u; see xl list",
			       domid);
		break;
	case -EEXIST:
		control_refuse(call,
			       "device %u of domain %u exists, with "
			       "entry '%s'; detach it first, or leave devid "
			       "out",
			       devid, domid, device->text);
		break;
	case -ENOTCONN:
		control_refuse(call, "xenstored cannot be reached");
		break;
	default:
		control_refuse(call, "cannot attach '%s': %s", entry,
			       strerror(-err));
	}
}

static void attach(struct control_call *call, const json_t *request, void *arg)
{
	const char *text = json_string_value(json_object_get(request, "entry"));
	bool force = json_is_true(json_object_get(request, "force"));
	char error[ENTRY_ERROR_MAX];
	struct device *device = NULL;
	struct backend *be = arg;
	int64_t domid, devid;
	struct entry entry;
	int err;

	if (get_domain(call, be, request, true, &domid) ||
	    get_devid(call, request, ANY, &devid))
		return;
	if (!text || strlen(text) >= ENTRY_TEXT_MAX) {
		control_refuse(call,
			       "\"entry\" must be a string of up to %d "
			       "bytes",
			       ENTRY_TEXT_MAX - 1);
		return;
	}
	if (!force && entry_parse(text, &entry, error)) {
		control_refuse(call, "entry '%s': %s", text, error);
		return;
	}
	if (devid == ANY)
		devid = free_devid(be, (uint32_t)domid);
	err = devices_attach(be, (uint32_t)domid, (uint32_t)devid, text,
			     &device);
	if (err && (err != -EEXIST || strcmp(device->text, text))) {
		refuse_attach(call, text, (uint32_t)domid, (uint32_t)devid,
			      device, err);
		return;
	}
	control_answer(call,
		       json_pack("{s:o,s:b}", "device", device_json(device),
				 "existing", err == -EEXIST));
}

struct detaching {
	struct device_waiter waiter;
	struct control_call *call;
};

static void detached(void *arg, int err)
{
	struct detaching *detaching = arg;

	if (err)
		control_refuse(detaching->call, "%s", strerror(-err));
	else
		control_answer(detaching->call, NULL);
	free(detaching);
}

static void detach(struct control_call *call, const json_t *request, void *arg)
{
	struct detaching *detaching;
	struct backend *be = arg;
	struct device *device;
	int64_t domid, devid;

	if (get_domain(call, be, request, true, &domid) ||
	    get_devid(call, request, 0, &devid))
		return;
	device = devices_find(be, (uint32_t)domid, (uint32_t)devid);
	if (!device) {
		control_refuse(call, "domain %u has no vTOE device %u",
			       (unsigned int)domid, (unsigned int)devid);
		return;
	}
	detaching = calloc(1, sizeof(*detaching));
	if (!detaching) {
		control_refuse(call, "out of memory");
		return;
	}
	detaching->call = call;
	detaching->waiter.fn = detached;
	detaching->waiter.arg = detaching;
	device_remove(device, false, &detaching->waiter);
}

static void rebalance(struct control_call *call, const json_t *request,
		      void *arg)
{
	struct backend *be = arg;
	struct device *device;
	unsigned int moves = 0;

	(void)request;
	for (device = be->devices; device; device = device->next)
		moves += device_rebalance(device);
	control_answer(call, json_pack("{s:i}", "moves", (int)moves));
}

void backend_register(struct backend *be, struct control *control)
{
	control_register(control, "list", list, be);
	control_register(control, "show", show, be);
	control_register(control, "contexts", contexts, be);
	control_register(control, "stats", stats, be);
	control_register(control, "attach", attach, be);
	control_register(control, "detach", detach, be);
	control_register(control, "rebalance", rebalance, be);
}
