/* SPDX-License-Identifier: GPL-2.0 */
#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../common/log.h"
#include "dhcp.h"
#include "dhcp_client.h"
#include "guest.h"

#define PATH_LEN 192
#define FILE_LEN (GUEST_NAME_MAX + 12)
#define ID_LEN	 (2 * (GUEST_IDENTITY_MAX + 16))
#define NS_PER_S 1000000000ull
#define SOON_NS	 1u /* after what the loop is at */
/* Between two looks: a client that writes all the time must not keep us busy. */
#define PAUSE_NS 100000000ull
/* A client that ends is started again after 1 s, then twice that, up to this. */
#define AGAIN_MAX_S 60u
/* One that has ended so often, at once each time, is not there. */
#define FAILURES_MAX 2u
#define NO_CLIENT "no DHCP client runs: is busybox installed? see vtoed's log"

struct dhcp {
	struct inventory *inv;
	char dir[PATH_LEN], program[PATH_LEN];
	struct loop_fd files; /* inotify: a client has said something */
	struct loop_timer timer;
	uint64_t looked_ns;
	bool started;
	struct dhcp_client *clients;
	dhcp_changed_fn *changed;
	void *changed_arg;
};

static void client_ended(struct loop_fd *watch, uint32_t events);

static uint64_t boot_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec;
}

static void tell(const struct dhcp *dhcp, struct guest_net *net, uint32_t index)
{
	if (dhcp->changed)
		dhcp->changed(dhcp->changed_arg, net, index);
}

/* ---- clients ---- */

static struct dhcp_client *find(const struct dhcp *dhcp, const char *name,
				uint32_t index)
{
	struct dhcp_client *client;

	for (client = dhcp->clients; client; client = client->next)
		if (client->index == index && !strcmp(client->net, name))
			return client;
	return NULL;
}

static struct guest_net *find_net(const struct dhcp *dhcp, const char *name)
{
	struct guest_net *net;

	for (net = dhcp->inv->guests; net; net = net->next)
		if (!strcmp(net->name, name))
			return net;
	return NULL;
}

static struct dhcp_client *add(struct dhcp *dhcp, const struct guest_net *net,
			       uint32_t index)
{
	struct dhcp_client *client = calloc(1, sizeof(*client));
	int err;

	if (!client)
		return NULL;
	client->dhcp = dhcp;
	client->index = index;
	snprintf(client->net, sizeof(client->net), "%s", net->name);
	err = dhcp_client_open(client, dhcp->inv->loop, dhcp->dir,
			       client_ended);
	if (err) {
		log_error("%s/%s.%u: %s", dhcp->dir, net->name, index,
			  strerror(-err));
		free(client);
		return NULL;
	}
	client->next = dhcp->clients;
	client->prevp = &dhcp->clients;
	if (client->next)
		client->next->prevp = &client->next;
	dhcp->clients = client;
	return client;
}

/* @forget: the link is no more; else it goes on for the next vtoed */
static void drop(struct dhcp_client *client, bool forget)
{
	struct dhcp *dhcp = client->dhcp;
	char file[FILE_LEN];

	if (forget)
		dhcp_client_kill(client);
	*client->prevp = client->next;
	if (client->next)
		client->next->prevp = client->prevp;
	snprintf(file, sizeof(file), "%s.%u", client->net, client->index);
	dhcp_client_close(client);
	if (forget)
		dhcp_client_sweep(dhcp->dir, file);
	free(client);
}

static void mark_timer(struct loop_timer *timer)
{
	struct dhcp_client *client =
		(struct dhcp_client *)((char *)timer -
				       offsetof(struct dhcp_client, timer));

	dhcp_mark(client->dhcp->inv);
}

static void wake(struct dhcp_client *client, uint64_t after_ns)
{
	uint64_t due = loop_now() + after_ns;

	if (!client->timer.due_ns || due < client->timer.due_ns)
		loop_arm(client->dhcp->inv->loop, &client->timer, after_ns,
			 mark_timer);
}

static void client_ended(struct loop_fd *watch, uint32_t events)
{
	struct dhcp_client *client =
		(struct dhcp_client *)((char *)watch -
				       offsetof(struct dhcp_client, process));
	struct guest_net *net = find_net(client->dhcp, client->net);

	(void)events;
	dhcp_client_ended(client);
	if (net && net->leaving) {
		tell(client->dhcp, net, client->index);
		return;
	}
	if (loop_now() - client->started_ns > AGAIN_MAX_S * NS_PER_S)
		client->failures = 0;
	if (!client->failures++)
		log_warn("%s: its DHCP client has ended; it is started again",
			 client->net);
	dhcp_mark(client->dhcp->inv);
}

/* ---- starting ---- */

/* RFC 2132, 9.14: type 0, then what identifies it. */
static void make_id(const struct guest_net *net, uint32_t index, char *id)
{
	char text[ID_LEN / 2];
	size_t i;

	if (index)
		snprintf(text, sizeof(text), "%s/%u", net->identity, index);
	else
		snprintf(text, sizeof(text), "%s", net->identity);
	strcpy(id, "00");
	for (i = 0; text[i]; i++)
		sprintf(id + 2 + 2 * i, "%02x", (uint8_t)text[i]);
}

static void start(struct dhcp_client *client, const struct guest_net *net)
{
	const struct guest_link *link = &net->link[client->index];
	struct dhcp *dhcp = client->dhcp;
	char id[ID_LEN + 2], address[ENTRY_ADDR_MAX];
	struct dhcp_client_start start = {
		.program = dhcp->program,
		.netns = net->netns,
		.link = link->name,
		.ifindex = link->ifindex,
		.id = id,
		.quiet = client->failures > 0,
	};
	int err;

	make_id(net, client->index, id);
	entry_addr_text(&link->ip.addr, address);
	if (*address)
		start.address = address;
	err = dhcp_client_start(client, dhcp->inv->loop, &start, client_ended);
	if (!err)
		return;
	if (!client->failures++)
		log_error("%s: cannot start %s: %s", net->name, dhcp->program,
			  strerror(-err));
	client->started_ns = loop_now();
	wake(client, NS_PER_S);
}

/* When one that has ended may start again; 0: now. */
static uint64_t pause_left(const struct dhcp_client *client)
{
	unsigned int n = client->failures;
	uint64_t pause, now = loop_now();

	if (!n)
		return 0;
	pause = n > 6 ? AGAIN_MAX_S : 1u << (n - 1);
	pause = client->started_ns + pause * NS_PER_S;
	return pause > now ? pause - now : 0;
}

/* Is the link there, on the device that its TOE has now? */
static bool is_there(const struct guest_net *net, uint32_t index)
{
	const struct guest_link *link = &net->link[index];
	const struct toe *toe = &net->inv->toe[link->toe_row];

	return guest_link_is_on(net, index, toe) && link->ifindex &&
	       link->ifindex == toe->ifindex;
}

static bool is_on_link(struct dhcp_client *client,
		       const struct guest_link *link)
{
	if (!client->link[0] && dhcp_client_runs_on(client, link->name)) {
		memcpy(client->link, link->name, sizeof(client->link));
		client->ifindex = link->ifindex;
	}
	return !strcmp(client->link, link->name) &&
	       client->ifindex == link->ifindex;
}

/* It runs, on the link as it is, or it does not if that is away. */
static void keep_running(struct dhcp_client *client,
			 const struct guest_net *net)
{
	bool there = is_there(net, client->index);
	uint64_t left;

	if (client->pid &&
	    (!there || !is_on_link(client, &net->link[client->index]))) {
		dhcp_client_kill(client);
		client->failures = 0;
	}
	if (client->pid || !there)
		return;
	left = pause_left(client);
	if (left)
		wake(client, left);
	else
		start(client, net);
}

/* ---- leases ---- */

/* 0 and what it is now, maybe none; -EAGAIN: later. */
static int read_lease(struct dhcp_client *client, struct lease *lease,
		      char *error)
{
	int err = dhcp_client_read(client, lease, error);
	uint64_t now = boot_seconds();

	if (lease->expires_s && lease->expires_s <= now) {
		*lease = (struct lease){0};
		return 0;
	}
	if (!err && lease->bound && lease->expires_s)
		wake(client, (lease->expires_s - now) * NS_PER_S);
	return err;
}

/* @trouble: why there is no lease, or "". True if that is not known yet. */
static bool set_trouble(struct guest_net *net, uint32_t index,
			const char *trouble)
{
	struct guest_link *link = &net->link[index];

	if (!strcmp(link->lease_error, trouble))
		return false;
	strcpy(link->lease_error, trouble);
	if (*trouble)
		log_warn("%s: DHCP lease: %s", net->name, trouble);
	return true;
}

static void log_change(const struct guest_net *net, uint32_t index)
{
	const struct toe_address *ip = &net->link[index].ip;
	char text[ENTRY_ADDR_MAX], gateway[ENTRY_ADDR_MAX];

	entry_ip_text(ip, text);
	entry_addr_text(&ip->gateway, gateway);
	if (*text)
		log_info("%s: has %s by DHCP%s%s", net->name, text,
			 *gateway ? ", gateway " : "", gateway);
	else
		log_info("%s: has no address by DHCP any more", net->name);
}

static void take_over(struct dhcp_client *client, struct guest_net *net)
{
	char error[ENTRY_ERROR_MAX] = "", why[ENTRY_ERROR_MAX] = "";
	char trouble[ENTRY_ERROR_MAX] = "";
	uint32_t index = client->index;
	struct lease lease;
	int err = read_lease(client, &lease, why), changed;
	bool news;

	if (err == -EAGAIN)
		return;
	/* of one that is refused there is no address */
	changed = guest_link_readdress(net, index, &lease.ip, lease.mtu, error);
	if (!err && changed != -EALREADY)
		err = changed;
	if (err)
		snprintf(trouble, sizeof(trouble), "refused: %.240s",
			 *why ? why : error);
	else if (!lease.bound && client->failures >= FAILURES_MAX)
		strcpy(trouble, NO_CLIENT);
	news = set_trouble(net, index, trouble);
	if (!changed)
		log_change(net, index);
	if (!changed || news)
		tell(client->dhcp, net, index);
}

/* ---- all ---- */

static bool wants(const struct guest_net *net, uint32_t index)
{
	return guest_link_used(net, index) && net->link[index].dhcp;
}

static void look_at(struct dhcp *dhcp, struct guest_net *net, uint32_t index)
{
	struct dhcp_client *client = find(dhcp, net->name, index);

	if (!client)
		client = add(dhcp, net, index);
	if (!client)
		return;
	loop_disarm(&client->timer);
	take_over(client, net);
	keep_running(client, net);
}

static void look(struct loop_timer *timer)
{
	struct dhcp *dhcp = (struct dhcp *)((char *)timer -
					    offsetof(struct dhcp, timer));
	struct dhcp_client *client, *next;
	struct guest_net *net;
	uint32_t i;

	dhcp->looked_ns = loop_now();
	for (client = dhcp->clients; client; client = next) {
		next = client->next;
		net = find_net(dhcp, client->net);
		if (!net || !wants(net, client->index))
			drop(client, true);
	}
	for (net = dhcp->inv->guests; net; net = net->next)
		for (i = 0; i < GUEST_LINKS_MAX && !net->leaving; i++)
			if (wants(net, i))
				look_at(dhcp, net, i);
}

void dhcp_mark(struct inventory *inv)
{
	struct dhcp *dhcp = inv->dhcp;
	uint64_t since;

	if (!dhcp || !dhcp->started || dhcp->timer.due_ns)
		return;
	since = loop_now() - dhcp->looked_ns;
	loop_arm(inv->loop, &dhcp->timer,
		 since < PAUSE_NS ? PAUSE_NS - since : SOON_NS, look);
}

/* Which file does not matter: all are looked at. */
static void files_ready(struct loop_fd *watch, uint32_t events)
{
	struct dhcp *dhcp = (struct dhcp *)((char *)watch -
					    offsetof(struct dhcp, files));
	char buf[4096];

	(void)events;
	while (read(watch->fd, buf, sizeof(buf)) > 0)
		;
	dhcp_mark(dhcp->inv);
}

/* What belongs to no guest. */
static void sweep_files(struct dhcp *dhcp)
{
	DIR *dir = opendir(dhcp->dir);
	struct dirent *entry;
	char name[FILE_LEN], *dot;

	while (dir && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.' ||
		    strlen(entry->d_name) >= sizeof(name))
			continue;
		strcpy(name, entry->d_name);
		dot = strrchr(name, '.');
		if (dot)
			*dot = 0;
		if (!find_net(dhcp, name))
			dhcp_client_sweep(dhcp->dir, entry->d_name);
	}
	if (dir)
		closedir(dir);
}

void dhcp_start(struct inventory *inv, dhcp_changed_fn *changed, void *arg)
{
	struct dhcp *dhcp = inv->dhcp;

	dhcp->changed = changed;
	dhcp->changed_arg = arg;
	if (!dhcp->started)
		sweep_files(dhcp);
	dhcp->started = true;
	dhcp_mark(inv);
}

void dhcp_stop(struct inventory *inv)
{
	struct dhcp *dhcp = inv->dhcp;

	dhcp->changed = NULL;
	dhcp->started = false;
	loop_disarm(&dhcp->timer);
}

/* ---- a device's end ---- */

bool dhcp_leave(struct guest_net *net)
{
	struct dhcp_client *client;
	bool busy = false;
	uint32_t i;

	net->leaving = true;
	for (i = 0; net->inv->dhcp && i < GUEST_LINKS_MAX; i++) {
		client = find(net->inv->dhcp, net->name, i);
		if (client && !client->leaving)
			guest_link_lend(net, i);
		if (client && dhcp_client_leave(client))
			busy = true;
	}
	return busy;
}

void dhcp_forget(const struct guest_net *net, uint32_t index)
{
	struct dhcp *dhcp = net->inv->dhcp;
	struct dhcp_client *client = dhcp ? find(dhcp, net->name, index) : NULL;

	if (client)
		drop(client, true);
}

void dhcp_sweep(const struct inventory *inv, const char *name)
{
	char file[FILE_LEN];
	uint32_t i;

	for (i = 0; inv->dhcp && i < GUEST_LINKS_MAX; i++) {
		snprintf(file, sizeof(file), "%s.%u", name, i);
		dhcp_client_sweep(inv->dhcp->dir, file);
	}
}

/* ---- life ---- */

static int watch_files(struct dhcp *dhcp)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	err = inotify_add_watch(fd, dhcp->dir, IN_MODIFY) < 0 ? -errno : 0;
	if (!err)
		err = loop_add(dhcp->inv->loop, &dhcp->files, fd, EPOLLIN,
			       files_ready);
	if (err)
		close(fd);
	return err;
}

int dhcp_open(struct inventory *inv, const char *run_dir, const char *program)
{
	struct dhcp *dhcp = calloc(1, sizeof(*dhcp));
	int err;

	if (!dhcp)
		return -ENOMEM;
	dhcp->inv = inv;
	snprintf(dhcp->dir, sizeof(dhcp->dir), "%s/dhcp", run_dir);
	snprintf(dhcp->program, sizeof(dhcp->program), "%s", program);
	err = mkdir(dhcp->dir, 0700) < 0 && errno != EEXIST ? -errno : 0;
	if (!err)
		err = watch_files(dhcp);
	if (err) {
		log_error("%s: %s", dhcp->dir, strerror(-err));
		free(dhcp);
		return err;
	}
	inv->dhcp = dhcp;
	return 0;
}

void dhcp_close(struct inventory *inv)
{
	struct dhcp *dhcp = inv->dhcp;
	int fd;

	if (!dhcp)
		return;
	dhcp_stop(inv);
	while (dhcp->clients)
		drop(dhcp->clients, false);
	fd = dhcp->files.fd;
	loop_remove(&dhcp->files);
	close(fd);
	free(dhcp);
	inv->dhcp = NULL;
}
