/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-id128.h>
#include <unistd.h>
#include <xen/io/xenbus.h>

#include "../common/log.h"
#include "../toe-service/dhcp.h"
#include "../xenstore-schema/vtoe_keys.h"
#include "attach.h"
#include "device_network.h"
#include "device_nodes.h"
#include "devices.h"
#include "record.h"

#define NS_PER_S 1000000000ull
/* A frontend that is told to close has as long as libxl gives it. */
#define FRONTEND_NS (10 * NS_PER_S)
/* One that is not connected has nothing to close. */
#define FRONTEND_IDLE_NS (1 * NS_PER_S)
/* A DHCP client that is told to give its lease back: one packet. */
#define RELEASE_NS (1 * NS_PER_S)
/* A worker that is told to stop; it unmaps up to 256 MiB. */
#define WORKER_NS (5 * NS_PER_S)
/* Workers of one device: a guest that makes them fail must not keep us busy. */
#define WORKER_RATE_NS (1 * NS_PER_S)

#define F_UNKNOWN 99u /* not a number, or none of XenBus's states */

static void worker_connected(void *arg);
static void worker_ended(void *arg, const char *why);

static int worker_assist(void *arg, const char *driver, uint32_t what, int fd);
static void worker_arrived(void *arg, uint32_t index);

static const struct worker_ops worker_ops = {
	.connected = worker_connected,
	.ended = worker_ended,
	.assist = worker_assist,
	.arrived = worker_arrived,
};

const char *device_state_name(const struct device *device)
{
	static const char *const name[] = {
		[DEVICE_SETUP] = "initialising",
		[DEVICE_WAITING] = "waiting",
		[DEVICE_STARTING] = "starting",
		[DEVICE_CONNECTED] = "connected",
		[DEVICE_CLOSING] = "closing",
		[DEVICE_CLOSED] = "closed",
	};

	if (device->error[0] && device->phase != DEVICE_CONNECTED)
		return "error";
	return name[device->phase];
}

/* ---- closing ---- */

static void device_free(struct device *device);
static void frontend_changed(struct device *device);

static void remove_now(struct device *device)
{
	int err = attach_remove(device->be, device->domid, device->devid);

	if (err && err != -ENOTCONN)
		log_error("removing %s: %s", device->b, strerror(-err));
	log_info("device %u/%u (%s): removed", device->domid, device->devid,
		 device->name);
	device_free(device);
}

static void release_late(struct loop_timer *timer);

/* True while its leases are being given back, which must not take long. */
static bool give_back(struct device *device)
{
	if (!device->net || !dhcp_leave(device->net))
		return false;
	if (!device->timer.due_ns)
		loop_arm(device->be->loop, &device->timer, RELEASE_NS,
			 release_late);
	device->leaving = true;
	return true;
}

static void finish_removal(struct device *device)
{
	if (!give_back(device))
		remove_now(device);
}

static void release_late(struct loop_timer *timer)
{
	remove_now((struct device *)((char *)timer -
				     offsetof(struct device, timer)));
}

static void removal_due(struct loop_timer *timer)
{
	struct device *device =
		(struct device *)((char *)timer -
				  offsetof(struct device, timer));

	if (device->phase == DEVICE_CLOSED) {
		finish_removal(device);
		return;
	}
	log_warn("device %u/%u (%s): the frontend does not close; going on",
		 device->domid, device->devid, device->name);
	if (device->worker)
		worker_stop(device->worker, WORKER_NS);
}

/* The worker is gone and nothing is mapped any more. */
static void closed(struct device *device)
{
	device_set_phase(device, DEVICE_CLOSED);
	if (!device->removing) {
		frontend_changed(device);
		return;
	}
	/* a frontend that is closing itself waits to see our 6 */
	if (device->gone || device->f_state != XenbusStateClosing)
		finish_removal(device);
	else
		loop_arm(device->be->loop, &device->timer, FRONTEND_IDLE_NS,
			 removal_due);
}

static void close_device(struct device *device)
{
	loop_disarm(&device->timer);
	device_set_phase(device, DEVICE_CLOSING);
	if (device->worker)
		worker_stop(device->worker, WORKER_NS);
	else
		closed(device);
}

static void violation(struct device *device, const char *what)
{
	device_set_error(device, "the frontend broke the protocol: %s", what);
	close_device(device);
}

/* ---- the worker ---- */

static void stop_records(struct device *device)
{
	if (!device->record)
		return;
	record_free(device->record);
	device->record = NULL;
	record_drop(device);
}

static void worker_connected(void *arg)
{
	struct device *device = arg;

	if (device->phase != DEVICE_STARTING)
		return;
	device_clear_error(device);
	device->record = record_new(device);
	log_info("device %u/%u (%s): connected, worker %d%s", device->domid,
		 device->devid, device->name, (int)device->worker->pid,
		 device->worker->adopted ? ", adopted" : "");
	if (device->net) {
		memcpy(device->net->driver, device->worker->driver,
		       sizeof(device->net->driver));
		device->net->served = true;
	}
	device_compare_toes(device);
	worker_go_on(device->worker);
	device_set_phase(device, DEVICE_CONNECTED);
	/* what has changed while no vtoed was there to see it */
	device_network_changed(device);
	frontend_changed(device);
}

static int worker_assist(void *arg, const char *driver, uint32_t what, int fd)
{
	struct device *device = arg;

	return device->net ? guest_net_assist(device->net, driver, what, fd)
			   : -EPERM;
}

static void worker_arrived(void *arg, uint32_t index)
{
	device_arrived(arg, index);
}

static void worker_ended(void *arg, const char *why)
{
	struct device *device = arg;

	/* while closing there is a better reason already, or none is needed */
	if (device->phase == DEVICE_CLOSING)
		log_debug("device %u/%u: worker ended: %s", device->domid,
			  device->devid, why);
	else
		device_set_error(device, "%s",
				 why[0] ? why : "the worker ended");
	stop_records(device);
	worker_free(device->worker);
	device->worker = NULL;
	if (device->net)
		device->net->served = false;
	if (device->phase != DEVICE_CLOSING)
		device_set_phase(device, DEVICE_CLOSING);
	closed(device);
}

static int read_frontend(struct device *device, struct worker_msg *msg,
			 const char **what)
{
	struct store *store = device_store(device);
	uint32_t version;
	int err;

	*what = VTOE_KEY_VERSION;
	err = store_read_uint(store, 0, device->f, VTOE_KEY_VERSION, UINT32_MAX,
			      &version);
	if (!err && version != VTOE_WIRE_VERSION)
		err = -EPROTONOSUPPORT;
	if (err)
		return err;
	*what = VTOE_KEY_LAYOUT;
	err = store_read_uint(store, 0, device->f, VTOE_KEY_LAYOUT, UINT32_MAX,
			      &msg->layout_ref);
	if (err)
		return err;
	*what = VTOE_KEY_EVTCHN;
	return store_read_uint(store, 0, device->f, VTOE_KEY_EVTCHN, UINT32_MAX,
			       &msg->evtchn);
}

static void fill_start(const struct device *device, struct worker_msg *msg)
{
	const struct config *config = device->be->config;
	int pool = inventory_pool_row(device->be->inv, device->entry.pool);
	uint32_t i;

	msg->domid = device->domid;
	msg->devid = device->devid;
	msg->max_entries = config->max_entries;
	msg->max_slots = config->max_slots;
	msg->max_tx_pages = config->max_tx_pages;
	msg->max_rx_pages = config->max_rx_pages;
	msg->max_sockets = device->entry.max_sockets;
	msg->pool = pool < 0 ? POOL_TABLE_MAX : (uint32_t)pool;
	for (i = 0; i < WORKER_TOES_MAX; i++)
		device_fill_toe(device, i, &msg->toe[i]);
	memcpy(msg->driver, device->net->driver, sizeof(msg->driver));
}

static void rate_passed(struct loop_timer *timer)
{
	struct device *device =
		(struct device *)((char *)timer -
				  offsetof(struct device, timer));

	frontend_changed(device);
}

static void start_worker(struct device *device)
{
	struct backend *be = device->be;
	uint64_t now = loop_now();
	struct worker_start start = {
		.program = be->worker_program,
		.socket_dir = be->socket_dir,
		.netns = device->net->netns,
	};
	const char *what;
	char text[96];
	int err;

	if (device->started_ns && now - device->started_ns < WORKER_RATE_NS) {
		loop_arm(be->loop, &device->timer,
			 WORKER_RATE_NS - (now - device->started_ns),
			 rate_passed);
		return;
	}
	err = read_frontend(device, &start.msg, &what);
	if (err == -ENOTCONN)
		return;
	if (err) {
		snprintf(text, sizeof(text), "its node \"%s\": %s", what,
			 strerror(-err));
		violation(device, text);
		return;
	}
	/* nobody is left who would say that a link may hear */
	device_release_links(device);
	guest_net_ready(device->net);
	fill_start(device, &start.msg);
	start.toes = inventory_table_fd(be->inv);
	err = start.toes < 0 ? start.toes : 0;
	device->started_ns = now;
	if (!err)
		err = worker_start(be->loop, &start, &worker_ops, device,
				   &device->worker);
	if (start.toes >= 0)
		close(start.toes);
	if (err) {
		device_set_error(device, "cannot start %s: %s",
				 be->worker_program, strerror(-err));
		close_device(device);
		return;
	}
	be->workers_started++;
	device_set_phase(device, DEVICE_STARTING);
}

/* ---- the network ---- */

static void net_name(const struct device *device, char *name)
{
	snprintf(name, GUEST_NAME_MAX, "%s-%u-%u", VTOE_CLASS, device->domid,
		 device->devid);
}

void device_lease_changed(struct device *device, uint32_t index)
{
	if (device->removing) {
		if (device->leaving)
			finish_removal(device);
		return;
	}
	device_readdressed(device, index);
}

/*
 * Which device, each time that the guest starts, and nobody else's on the segment:
 * by the guest's name (xl makes a new UUID each time) and the host.
 */
static void net_identity(const struct device *device, char *identity)
{
	static const sd_id128_t ours = SD_ID128_MAKE(
		5a, 2b, 0e, 6f, 31, 0c, 4e, 0f, 9a, 44, 76, 74, 6f, 65, 64, 01);
	char host[SD_ID128_STRING_MAX] = "";
	const char *incoming = strstr(device->name, "--incoming");
	sd_id128_t id;

	if (!sd_id128_get_machine_app_specific(ours, &id))
		sd_id128_to_string(id, host);
	else
		gethostname(host, sizeof(host) - 1);
	snprintf(identity, GUEST_IDENTITY_MAX, "%.*s/%u@%.16s",
		 incoming ? (int)(incoming - device->name)
			  : DEVICE_NAME_MAX,
		 device->name, device->devid, host);
}

/* From SETUP to WAITING, or an error and another try when things change. */
static void set_up(struct device *device)
{
	char name[GUEST_NAME_MAX], error[ENTRY_ERROR_MAX] = "";
	char identity[GUEST_IDENTITY_MAX];

	device_set_phase(device, DEVICE_SETUP);
	if (!device->entry_ok)
		return;
	net_name(device, name);
	net_identity(device, identity);
	if (!device->net &&
	    guest_net_create(device->be->inv, name, identity, &device->entry,
			     &device->net, error)) {
		device_set_error(device, "%s", error);
		return;
	}
	device_clear_error(device);
	device_put_resolved(device);
	device_set_phase(device, DEVICE_WAITING);
	frontend_changed(device);
}

void device_retry(struct device *device)
{
	if (device->phase == DEVICE_SETUP && !device->removing)
		set_up(device);
}

/* ---- what the frontend does ---- */

static bool closing(uint32_t f_state)
{
	return f_state == 0 || f_state == XenbusStateClosing ||
	       f_state == XenbusStateClosed;
}

static void while_waiting(struct device *device)
{
	switch (device->f_state) {
	case XenbusStateInitialised:
		if (device->phase == DEVICE_WAITING)
			start_worker(device);
		break;
	case XenbusStateConnected:
	case F_UNKNOWN:
		violation(device, "its state is out of order");
		break;
	case XenbusStateClosing:
	case XenbusStateClosed:
		close_device(device);
		break;
	default:
		break;
	}
}

static void while_running(struct device *device)
{
	if (closing(device->f_state))
		close_device(device);
	else if (device->f_state != XenbusStateInitialised &&
		 (device->f_state != XenbusStateConnected ||
		  device->phase != DEVICE_CONNECTED))
		violation(device, "its state is out of order");
}

static void while_closed(struct device *device)
{
	uint32_t online = 0;

	if (device->removing) {
		if (closing(device->f_state) &&
		    device->f_state != XenbusStateClosing)
			finish_removal(device);
		return;
	}
	if (device->f_state != XenbusStateInitialising)
		return;
	store_read_uint(device_store(device), 0, device->b, "online", 1,
			&online);
	if (!online)
		return;
	if (device->entry_ok)
		device_clear_error(device);
	set_up(device);
}

static void frontend_changed(struct device *device)
{
	switch (device->phase) {
	case DEVICE_SETUP:
	case DEVICE_WAITING:
		while_waiting(device);
		break;
	case DEVICE_STARTING:
	case DEVICE_CONNECTED:
		while_running(device);
		break;
	case DEVICE_CLOSING:
		/* being detached: it has told its programs */
		if (device->removing && device->worker &&
		    closing(device->f_state))
			worker_stop(device->worker, WORKER_NS);
		break;
	case DEVICE_CLOSED:
		while_closed(device);
		break;
	}
}

/* Returns 0, or -ENOTCONN: not known, look later. */
static int read_f_state(struct device *device)
{
	uint32_t state = 0;
	int err = store_read_uint(device_store(device), 0, device->f, "state",
				  XenbusStateReconfigured, &state);

	if (err == -ENOTCONN)
		return err;
	if (err == -EINVAL)
		state = F_UNKNOWN;
	device->f_state = state;
	return 0;
}

void device_update(struct device *device)
{
	uint32_t before = device->f_state, state, online;

	if (device->lost || read_f_state(device))
		return;
	/* somebody else's toolstack may take the device away, too */
	if (!device->removing &&
	    store_read_uint(device_store(device), 0, device->b, "online", 1,
			    &online) == 0 &&
	    !online &&
	    store_read_uint(device_store(device), 0, device->b, "state",
			    XenbusStateReconfigured, &state) == 0 &&
	    state == XenbusStateClosing) {
		device_remove(device, false, NULL);
		return;
	}
	if (device->f_state != before)
		frontend_changed(device);
}

static void f_changed(void *arg, const char *path)
{
	(void)path;
	device_update(arg);
}

/* ---- removing ---- */

void device_remove(struct device *device, bool gone,
		   struct device_waiter *waiter)
{
	bool already = device->removing;

	if (waiter) {
		waiter->next = device->waiters;
		device->waiters = waiter;
	}
	if (already && (!gone || device->gone))
		return;
	device->removing = true;
	device->gone |= gone;
	if (gone || !device->worker || closing(device->f_state)) {
		if (!gone)
			device_put(device, "online", "0");
		close_device(device);
		return;
	}
	device_put(device, "online", "0");
	device_set_phase(device, DEVICE_CLOSING);
	loop_arm(device->be->loop, &device->timer, FRONTEND_NS, removal_due);
}

/* ---- life ---- */

static void read_name(struct device *device)
{
	char dir[STORE_PATH_MAX];

	snprintf(dir, sizeof(dir), "/local/domain/%u", device->domid);
	store_read(device_store(device), 0, dir, "name", device->name,
		   sizeof(device->name));
}

static void read_entry(struct device *device)
{
	char error[ENTRY_ERROR_MAX];

	if (store_read(device_store(device), 0, device->b, VTOE_KEY_ENTRY,
		       device->text, sizeof(device->text)))
		device_set_error(device, "entry: none, or too long");
	else if (entry_parse(device->text, &device->entry, error))
		device_set_error(device, "entry: %s", error);
	else
		device->entry_ok = true;
}

static struct worker *take_orphan(struct backend *be, uint32_t domid,
				  uint32_t devid)
{
	struct worker **at, *worker;

	for (at = &be->orphans; *at; at = &(*at)->next)
		if ((*at)->domid == domid && (*at)->devid == devid) {
			worker = *at;
			*at = worker->next;
			worker->next = NULL;
			return worker;
		}
	return NULL;
}

static void adopt_net(struct device *device)
{
	struct guest_saved saved[GUEST_LINKS_MAX] = {0};
	char name[GUEST_NAME_MAX];
	char error[ENTRY_ERROR_MAX] = "its toe is not known";
	char identity[GUEST_IDENTITY_MAX];

	net_name(device, name);
	net_identity(device, identity);
	if (!device->entry_ok)
		return;
	device_get_resolved(device, saved);
	if (saved[0].toe[0] &&
	    guest_net_adopt(device->be->inv, name, identity, &device->entry,
			    saved, &device->net, error) == 0)
		return;
	if (device->worker)
		log_warn("device %u/%u (%s): its network cannot be adopted: %s",
			 device->domid, device->devid, device->name, error);
}

/* The state that an earlier vtoed, or the toolstack, left. */
static void resume(struct device *device)
{
	adopt_net(device);
	if (device->worker) {
		device->phase = DEVICE_STARTING;
		worker_listen(device->worker, &worker_ops, device);
		return;
	}
	switch (device->b_state) {
	case XenbusStateConnected:
		device_set_error(device,
				 "the worker died while vtoed was away");
		close_device(device);
		break;
	case XenbusStateClosing:
	case XenbusStateClosed:
		record_drop(device);
		device->phase = DEVICE_CLOSED;
		device_put_state(device);
		frontend_changed(device);
		break;
	default:
		device_put_capabilities(device);
		set_up(device);
	}
}

struct device *device_new(struct backend *be, uint32_t domid, uint32_t devid)
{
	struct device *device = calloc(1, sizeof(*device));
	char path[STORE_PATH_MAX];
	uint32_t state = 0;

	if (!device)
		return NULL;
	device->be = be;
	device->domid = domid;
	device->devid = devid;
	device->since_ns = loop_now();
	attach_paths(be, domid, devid, device->f, device->b);
	device->next = be->devices;
	device->prevp = &be->devices;
	if (device->next)
		device->next->prevp = &device->next;
	be->devices = device;
	store_read_uint(&be->store, 0, device->b, "state",
			XenbusStateReconfigured, &state);
	device->b_state = state;
	read_name(device);
	read_entry(device);
	read_f_state(device);
	device->worker = take_orphan(be, domid, devid);
	resume(device);
	snprintf(path, sizeof(path), "%.160s/state", device->f);
	store_watch(&be->store, &device->f_watch, path, f_changed, device);
	return device;
}

static void device_unlink(struct device *device)
{
	loop_disarm(&device->timer);
	loop_disarm(&device->loss);
	store_unwatch(device_store(device), &device->f_watch);
	*device->prevp = device->next;
	if (device->next)
		device->next->prevp = device->prevp;
	record_free(device->record);
}

static void device_free(struct device *device)
{
	struct device_waiter *waiter, *next;
	struct backend *be = device->be;
	char name[GUEST_NAME_MAX];

	device_unlink(device);
	record_drop(device);
	worker_free(device->worker);
	net_name(device, name);
	if (device->net)
		guest_net_destroy(device->net);
	else
		guest_net_sweep(be->inv, name);
	for (waiter = device->waiters; waiter; waiter = next) {
		next = waiter->next;
		waiter->fn(waiter->arg, 0);
	}
	free(device);
	/* its address may be what another one waits for */
	devices_retry(be);
}

void device_forget(struct device *device)
{
	device_unlink(device);
	worker_forget(device->worker);
	guest_net_forget(device->net);
	free(device);
}
