/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/atomic.h"
#include "../common/log.h"
#include "sharing.h"
#include "expand.h"
#include "match.h"
#include "toe.h"
#include "toe_parts.h"
#include "vlan.h"

static const char *const state_name[] = {
	[TOE_ABSENT] = "absent",
	[TOE_DOWN] = "down",
	[TOE_UP] = "up",
	[TOE_DEGRADED] = "degraded",
	[TOE_DRAINING] = "draining",
	[TOE_GONE] = "gone",
};

const char *toe_state_name(uint32_t state)
{
	return state <= TOE_GONE ? state_name[state] : "";
}

/* ---- the table ---- */

static void row_begin(struct toe_row *row)
{
	vtoe_store(&row->seq, row->seq | 1);
	vtoe_full_barrier();
}

static void row_end(struct inventory *inv, struct toe_row *row)
{
	vtoe_store_release(&row->seq, row->seq + 1);
	vtoe_store_release(&inv->table->changes, inv->table->changes + 1);
}

static void row_write(struct inventory *inv, const struct toe *toe)
{
	struct toe_row *row = &inv->table->row[toe->row];

	row_begin(row);
	row->state = toe->state;
	row->weight = toe->conf.weight;
	row->capacity = toe->conf.capacity;
	row->ifindex = toe->ifindex;
	row->flags = (toe->drained ? TOE_ROW_DRAINED : 0) |
		     (toe->health.bad ? TOE_ROW_FAILS : 0);
	row->changed_ns = toe->since_ns;
	memcpy(row->name, toe->conf.name, sizeof(row->name));
	memcpy(row->driver, toe->conf.driver, sizeof(row->driver));
	memcpy(row->netdev, toe->conf.netdev, sizeof(row->netdev));
	row_end(inv, row);
}

static void row_next_generation(struct inventory *inv, uint32_t n)
{
	struct toe_row *row = &inv->table->row[n];

	row_begin(row);
	row->generation++;
	row_end(inv, row);
}

static int table_map(struct inventory *inv, int fd)
{
	void *map = mmap(NULL, sizeof(*inv->table), PROT_READ | PROT_WRITE,
			 MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return -errno;
	inv->table = map;
	return 0;
}

/* The table of the vtoed before this one, if it is of this version. */
static int table_find(struct inventory *inv)
{
	struct stat st;
	int fd, err;

	fd = open(inv->table_path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	err = fstat(fd, &st) < 0 ? -errno : 0;
	if (!err && st.st_size != sizeof(*inv->table))
		err = -EPROTONOSUPPORT;
	if (!err)
		err = table_map(inv, fd);
	close(fd);
	if (!err && (inv->table->version != TABLE_VERSION ||
		     inv->table->nr_rows != TOE_TABLE_MAX)) {
		munmap(inv->table, sizeof(*inv->table));
		inv->table = NULL;
		err = -EPROTONOSUPPORT;
	}
	return err;
}

static int table_make(struct inventory *inv)
{
	int fd, err;

	unlink(inv->table_path);
	fd = open(inv->table_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	err = posix_fallocate(fd, 0, sizeof(*inv->table));
	err = err ? -err : table_map(inv, fd);
	close(fd);
	if (err)
		return err;
	inv->table->version = TABLE_VERSION;
	inv->table->nr_rows = TOE_TABLE_MAX;
	return 0;
}

static int table_open(struct inventory *inv)
{
	int err = table_find(inv);

	if (err == -EPROTONOSUPPORT)
		log_warn("%s is of another version; running workers will not "
			 "see changes of TOEs",
			 inv->table_path);
	return err ? table_make(inv) : 0;
}

int inventory_table_fd(const struct inventory *inv)
{
	int fd = open(inv->table_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : fd;
}

uint32_t inventory_generation(const struct inventory *inv,
			      const struct toe *toe)
{
	return inv->table->row[toe->row].generation;
}

enum toe_state inventory_state(const struct inventory *inv, uint32_t row,
			       uint32_t generation)
{
	const struct toe *toe = &inv->toe[row];

	if (!toe->conf.name[0] || inventory_generation(inv, toe) != generation)
		return TOE_ABSENT;
	return toe->state;
}

void inventory_set_load(struct inventory *inv, const uint32_t *load)
{
	uint32_t i;

	/* one aligned word, which placement may read at any time: no seq */
	for (i = 0; i < TOE_TABLE_MAX; i++) {
		if (inv->toe[i].load == load[i])
			continue;
		inv->toe[i].load = load[i];
		vtoe_store(&inv->table->row[i].load, load[i]);
	}
}

void inventory_set_pool_load(struct inventory *inv, const uint32_t *sockets)
{
	uint32_t i;

	for (i = 0; i < POOL_TABLE_MAX; i++)
		if (inv->table->pool[i].sockets != sockets[i])
			vtoe_store(&inv->table->pool[i].sockets, sockets[i]);
}

uint32_t inventory_pool_load(const struct inventory *inv, const char *name)
{
	int row = inventory_pool_row(inv, name);

	return row < 0 ? 0 : inv->table->pool[row].sockets;
}

/* ---- pools in the table ---- */

int inventory_pool_row(const struct inventory *inv, const char *name)
{
	uint32_t i;

	for (i = 0; i < POOL_TABLE_MAX; i++)
		if (!strncmp(inv->table->pool[i].name, name, TABLE_NAME_MAX))
			return (int)i;
	return -ENOENT;
}

static void pool_write(struct inventory *inv, struct pool_row *row,
		       const struct config_pool *pool)
{
	const struct toe *toe;
	uint32_t i;

	snprintf(row->name, sizeof(row->name), "%s", pool->name);
	for (i = 0; i < TOE_TABLE_MAX; i++)
		vtoe_store(&row->position[i], (uint8_t)POOL_NO_MEMBER);
	for (i = 0; i < pool->nr_toes; i++) {
		toe = inventory_find(inv, inv->config->toe[pool->toe[i]].name);
		if (toe)
			vtoe_store(&row->position[toe->row], (uint8_t)i);
	}
	vtoe_store(&row->policy, (uint32_t)pool->policy);
	vtoe_store(&row->max_sockets, pool->max_sockets);
	vtoe_store(&row->max_device_sockets, pool->max_device_sockets);
}

/* A pool keeps its row for as long as it is configured: workers know it by it. */
static void pools_write(struct inventory *inv)
{
	const struct config *config = inv->config;
	uint32_t i;
	int row;

	for (i = 0; i < POOL_TABLE_MAX; i++)
		if (inv->table->pool[i].name[0] &&
		    !config_find_pool(config, inv->table->pool[i].name))
			inv->table->pool[i] = (struct pool_row){0};
	for (i = 0; i < config->nr_pools; i++) {
		row = inventory_pool_row(inv, config->pool[i].name);
		if (row < 0)
			row = inventory_pool_row(inv, "");
		if (row >= 0)
			pool_write(inv, &inv->table->pool[row],
				   &config->pool[i]);
	}
}

/* ---- the log ---- */

/* A TOE that flaps fills no log: this many lines in so long, then the last. */
#define LOG_LINES     8
#define LOG_WINDOW_NS 10000000000ull

static void log_line(const struct toe *toe)
{
	log_info("toe %s: %s%s%s (netdev %s)", toe->conf.name,
		 toe_state_name(toe->state), *toe->reason ? ": " : "",
		 toe->reason, toe->conf.netdev);
}

static void log_window_ended(struct loop_timer *timer)
{
	struct inventory *inv =
		(struct inventory *)((char *)timer -
				     offsetof(struct inventory, log_timer));
	uint32_t i;

	for (i = 0; i < TOE_TABLE_MAX; i++) {
		struct toe *toe = &inv->toe[i];

		if (toe->unlogged) {
			log_info("toe %s: %u changes were not logged; now:",
				 toe->conf.name, toe->unlogged);
			log_line(toe);
		}
		toe->logged = toe->unlogged = 0;
	}
}

static void log_state(struct inventory *inv, struct toe *toe)
{
	if (!inv->log_timer.due_ns)
		loop_arm(inv->loop, &inv->log_timer, LOG_WINDOW_NS,
			 log_window_ended);
	if (toe->logged++ < LOG_LINES)
		log_line(toe);
	else
		toe->unlogged++;
}

/* ---- states ---- */

/*
 * Workers hear of a drain when what can leave has left: until then connections
 * would be refused that the next TOE takes.
 */
static void tell_changed(struct inventory *inv)
{
	uint32_t i;

	if (inv->changed)
		inv->changed(inv->changed_arg);
	toe_publish_changed(inv);
	for (i = 0; i < TOE_TABLE_MAX; i++)
		if (inv->toe[i].state == TOE_DRAINING &&
		    inv->table->row[i].state != TOE_DRAINING)
			row_write(inv, &inv->toe[i]);
}

/* What a device has moves nobody; it is told, and that is all. */
static void refresh_offloads(struct inventory *inv, struct toe *toe)
{
	char device[TABLE_IFNAME_MAX];
	struct offloads has = {0};

	inventory_device(toe, device);
	if (toe->ifindex)
		offloads_read(device, &has);
	if (!memcmp(&has, &toe->has, sizeof(has)))
		return;
	toe->has = has;
	toe_publish_offloads(inv, toe);
	sharing_mark(inv);
}

/* Returns 1 if something changed. */
static int refresh(struct inventory *inv, struct toe *toe)
{
	struct sight sight = {0};
	enum toe_state state = toe_look(inv, toe, &sight);

	toe->mtu = sight.device.mtu;
	if (state == toe->state && sight.device.ifindex == toe->ifindex &&
	    !strcmp(sight.reason, toe->reason))
		return 0;
	if (state != toe->state)
		toe->since_ns = loop_now();
	toe->state = state;
	toe->ifindex = sight.device.ifindex;
	memcpy(toe->reason, sight.reason, sizeof(toe->reason));
	log_state(inv, toe);
	if (toe->state != TOE_DRAINING ||
	    inv->table->row[toe->row].state == TOE_DRAINING)
		row_write(inv, toe);
	toe->unpublished = true;
	sharing_mark(inv);
	return 1;
}

void inventory_refresh(struct inventory *inv)
{
	uint32_t i;
	int changed = 0;

	for (i = 0; i < TOE_TABLE_MAX; i++)
		if (inv->toe[i].conf.name[0])
			changed |= refresh(inv, &inv->toe[i]);
	if (changed)
		tell_changed(inv);
	/* guests have moved: now there is time */
	for (i = 0; i < TOE_TABLE_MAX; i++)
		if (inv->toe[i].conf.name[0])
			refresh_offloads(inv, &inv->toe[i]);
}

void inventory_drain(struct inventory *inv, struct toe *toe, bool drained)
{
	toe->drained = drained;
	if (!drained) /* somebody has looked at it */
		toe->health = (struct health){0};
	if (refresh(inv, toe))
		tell_changed(inv);
	else
		row_write(inv, toe); /* its netdev is away */
}

void inventory_judge(struct inventory *inv, struct health_report *report,
		     size_t nr)
{
	uint64_t now = loop_now();
	size_t from = 0, to;
	int changed = 0;
	uint32_t i;

	nr = health_sort(report, nr);
	for (i = 0; i < TOE_TABLE_MAX; i++, from = to) {
		struct toe *toe = &inv->toe[i];

		for (to = from; to < nr && report[to].row == i; to++)
			;
		if (toe->conf.name[0] &&
		    health_judge(&toe->health, report + from, to - from, now))
			changed |= refresh(inv, toe);
	}
	if (changed)
		tell_changed(inv);
}

/* ---- configuration ---- */

struct toe *inventory_find(struct inventory *inv, const char *name)
{
	uint32_t i;

	for (i = 0; i < TOE_TABLE_MAX; i++)
		if (inv->toe[i].conf.name[0] &&
		    !strcmp(inv->toe[i].conf.name, name))
			return &inv->toe[i];
	return NULL;
}

/* The row of @name: the one it had, else a free one. */
static int find_row(const struct inventory *inv, const char *name)
{
	const struct toe_row *row = inv->table->row;
	uint32_t i;

	for (i = 0; i < TOE_TABLE_MAX; i++)
		if (!strncmp(row[i].name, name, sizeof(row[i].name)))
			return (int)i;
	for (i = 0; i < TOE_TABLE_MAX; i++)
		if (row[i].state == TOE_ABSENT && !inv->toe[i].conf.name[0])
			return (int)i;
	return -ENOSPC;
}

static bool same_engine(const struct toe_row *row,
			const struct config_toe *conf)
{
	return row->state != TOE_ABSENT &&
	       !strncmp(row->name, conf->name, sizeof(row->name)) &&
	       !strncmp(row->driver, conf->driver, sizeof(row->driver)) &&
	       !strncmp(row->netdev, conf->netdev, sizeof(row->netdev));
}

static int add(struct inventory *inv, const struct config_toe *conf)
{
	int n = find_row(inv, conf->name);
	struct toe_row *row;
	struct toe *toe;

	if (n < 0) {
		log_error("no room for toe %s in the table", conf->name);
		return n;
	}
	row = &inv->table->row[n];
	toe = &inv->toe[n];
	if (!same_engine(row, conf)) {
		sharing_end(row);
		row_next_generation(inv, (uint32_t)n);
		*toe = (struct toe){.state = TOE_DOWN, .since_ns = loop_now()};
	} else if (!toe->conf.name[0]) { /* from an earlier vtoed */
		*toe = (struct toe){.state = (enum toe_state)row->state,
				    .ifindex = row->ifindex,
				    .drained = row->flags & TOE_ROW_DRAINED,
				    .since_ns = row->changed_ns,
				    .inherited = true};
		if (row->flags & TOE_ROW_FAILS)
			health_resume(&toe->health, loop_now());
	}
	toe->row = (uint32_t)n;
	toe->conf = *conf;
	row_write(inv, toe);
	return 0;
}

static void drop(struct inventory *inv, uint32_t n)
{
	const char *name = inv->toe[n].conf.name;

	if (!inv->toe[n].conf.vlan) /* a VLAN's goes with its link */
		sharing_end(&inv->table->row[n]);
	if (inv->toe[n].conf.match[0])
		log_info("toe %s: is no more", name);
	if (*name)
		toe_unpublish(inv, name);
	inv->toe[n] = (struct toe){.row = n};
	row_write(inv, &inv->toe[n]);
}

static int configured(const struct config *config, const char *name)
{
	uint32_t i;

	for (i = 0; i < config->nr_toes; i++)
		if (!strncmp(config->toe[i].name, name, TABLE_NAME_MAX))
			return 1;
	return 0;
}

static bool vlan_wanted(void *arg, const char *name)
{
	const struct inventory *inv = arg;
	char device[TABLE_IFNAME_MAX];
	uint32_t i;

	for (i = 0; i < TOE_TABLE_MAX; i++) {
		if (!inv->toe[i].conf.name[0] || !inv->toe[i].conf.vlan)
			continue;
		inventory_device(&inv->toe[i], device);
		if (!strcmp(device, name))
			return true;
	}
	return false;
}

typedef void publish_fn(struct inventory *inv);

/* @config is the inventory's from here on. */
static int take_over(struct inventory *inv, struct config *config,
		     publish_fn *tell)
{
	uint32_t i;
	int err = 0;

	config_free(inv->config);
	inv->config = config;
	for (i = 0; i < TOE_TABLE_MAX; i++)
		if (inv->table->row[i].state != TOE_ABSENT &&
		    !configured(config, inv->table->row[i].name))
			drop(inv, i);
	for (i = 0; i < config->nr_toes && !err; i++)
		err = add(inv, &config->toe[i]);
	pools_write(inv);
	sharing_mark(inv);
	inventory_refresh(inv);
	tell(inv);
	tell_changed(inv);
	/* guests have left what is not wanted any more */
	vlan_sweep(&inv->netlink, vlan_wanted, inv);
	return err;
}

int inventory_configure(struct inventory *inv, const struct config *written)
{
	struct config *config;
	uint32_t i;
	int err;

	for (i = 0; i < TOE_TABLE_MAX; i++)
		inv->toe[i].inherited = false;
	inv->written = written;
	err = expand(inv, &config);
	return err ? err : take_over(inv, config, inventory_publish);
}

/* Netdevs may have come that a match takes, or may have gone. */
static void match_again(struct inventory *inv)
{
	struct config *config;

	if (!inv->written || !match_any(inv->written) || expand(inv, &config))
		return;
	if (config_differs(config, inv->config))
		take_over(inv, config, toe_publish_new);
	else
		config_free(config);
}

/* Guests move first: what they have left may go. */
static void links_changed(void *arg)
{
	inventory_refresh(arg);
	match_again(arg);
}

void inventory_recounted(struct inventory *inv, struct toe *toe, uint32_t had)
{
	if (toe->devices)
		toe->inherited = false; /* it is known who is on it */
	else if (had && toe->conf.match[0] && !toe->ifindex)
		netlink_look_again(&inv->netlink);
}

/* ---- life ---- */

int inventory_open(struct inventory *inv, struct loop *loop,
		   const char *run_dir, const char *netns_dir)
{
	int err;

	inv->loop = loop;
	snprintf(inv->table_path, sizeof(inv->table_path), "%s/toes", run_dir);
	snprintf(inv->netns_dir, sizeof(inv->netns_dir), "%s", netns_dir);
	err = table_open(inv);
	if (err) {
		log_error("%s: %s", inv->table_path, strerror(-err));
		return err;
	}
	err = netlink_open(&inv->netlink, loop, links_changed, inv);
	if (err) {
		log_error("netlink: %s", strerror(-err));
		inventory_close(inv);
	}
	return err;
}

void inventory_close(struct inventory *inv)
{
	netlink_close(&inv->netlink);
	loop_disarm(&inv->log_timer);
	sharing_stop(inv);
	if (inv->table)
		munmap(inv->table, sizeof(*inv->table));
	inv->table = NULL;
	config_free(inv->config);
	inv->config = NULL;
}
