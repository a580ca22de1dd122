/* SPDX-License-Identifier: GPL-2.0 */
/* The test guest's device: XenBus, memory, the loop. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../xenstore-schema/vtoe_keys.h"
#include "guest.h"
#include "guest_priv.h"

static struct tg_config with_defaults(const struct tg_config *cfg)
{
	struct tg_config c = cfg ? *cfg : (struct tg_config){ 0 };

	c.nr_entries = c.nr_entries ? c.nr_entries : 256;
	c.nr_slots = c.nr_slots ? c.nr_slots : 1024;
	c.nr_tx_pages = c.nr_tx_pages ? c.nr_tx_pages : 1024;
	c.nr_rx_pages = c.nr_rx_pages ? c.nr_rx_pages : 1024;
	c.tx_order = c.tx_order ? c.tx_order : 3;
	return c;
}

uint32_t tg_pages(const struct tg_config *cfg)
{
	struct tg_config c = with_defaults(cfg);
	struct vtoe_geometry geo;

	if (vtoe_geometry_init(&geo, c.nr_entries, c.nr_slots, c.nr_tx_pages,
			       c.nr_rx_pages))
		return 0;
	/* XenStore's page and the layout page come before */
	return 2 + geo.nr_dirs + geo.nr_pages;
}

uint64_t tg_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

int tg_left(uint64_t deadline)
{
	uint64_t now = tg_now_ms();

	return now >= deadline ? 0 : (int)(deadline - now);
}

static void key(struct tg *tg, char *path, size_t size, const char *name)
{
	snprintf(path, size, "device/" VTOE_CLASS "/%u/%s", tg->devid, name);
}

static int write_key(struct tg *tg, const char *name, uint32_t value)
{
	char path[64], text[16];

	key(tg, path, sizeof(path), name);
	snprintf(text, sizeof(text), "%u", value);
	return fx_xs_write(tg->xs, 0, path, text);
}

static int read_backend(struct tg *tg)
{
	char path[192], *text;
	int rc;

	snprintf(path, sizeof(path), "%s/state", tg->backend);
	rc = fx_xs_read(tg->xs, 0, path, &text);
	if (rc) {
		/* directory gone, or not ours any more */
		tg->backend_state = TG_UNKNOWN;
		return rc;
	}
	tg->backend_state = (enum tg_state)atoi(text);
	free(text);
	return 0;
}

/* XenStore's events: something about the backend has changed. */
static int take_watches(struct tg *tg)
{
	bool any = false;
	char *path;

	while (fx_xs_watch_event(tg->xs, &path, 0) == 1) {
		any = true;
		free(path);
	}
	if (any)
		read_backend(tg);
	return any;
}

/* Waits for the toolstack to make the device, then watches the backend. */
static int find_backend(struct tg *tg, int timeout)
{
	uint64_t deadline = tg_now_ms() + (uint64_t)timeout;
	char path[192], *event;
	int rc;

	rc = fx_xs_watch(tg->xs, "device", "device");
	if (rc)
		return rc;
	key(tg, path, sizeof(path), "backend");
	while ((rc = fx_xs_read(tg->xs, 0, path, &tg->backend)) == -ENOENT) {
		rc = fx_xs_watch_event(tg->xs, &event, tg_left(deadline));
		if (rc < 0)
			return rc;
		if (!rc)
			return -ETIMEDOUT;
		free(event);
	}
	if (rc)
		return rc;
	rc = fx_xs_unwatch(tg->xs, "device", "device");
	if (rc)
		return rc;
	snprintf(path, sizeof(path), "%s/state", tg->backend);
	rc = fx_xs_watch(tg->xs, path, "backend");
	/* the domain's previous frontend has left it */
	return rc == -EEXIST ? 0 : rc;
}

int tg_new(struct fx_host *host, struct fx_dom *dom, uint32_t devid,
	   const struct tg_config *cfg, int timeout, struct tg **tgp)
{
	struct tg *tg = calloc(1, sizeof(*tg));
	int rc;

	if (!tg)
		return -ENOMEM;
	tg->host = host;
	tg->dom = dom;
	tg->devid = devid;
	tg->cfg = with_defaults(cfg);
	tg->ready_tail = &tg->ready_head;
	rc = fx_xs_open(dom, &tg->xs);
	if (!rc)
		rc = find_backend(tg, timeout);
	if (rc) {
		tg_free(tg);
		return rc;
	}
	*tgp = tg;
	return 0;
}

static int grant(struct tg *tg, uint32_t page, uint32_t *ref, bool readonly)
{
	int rc = fx_grant(tg->dom, page, 0, readonly);

	if (rc < 0)
		return rc;
	*ref = tg->grefs[tg->nr_grefs++] = (uint32_t)rc;
	return 0;
}

static int grant_all(struct tg *tg, const struct vtoe_geometry *geo)
{
	uint32_t i, dir_page = tg->layout_page + 1, ref;
	int rc;

	rc = grant(tg, tg->layout_page, &tg->layout_ref, true);
	for (i = 0; i < geo->nr_dirs && !rc; i++)
		rc = grant(tg, dir_page + i, &tg->layout->dir_ref[i], true);
	for (i = 0; i < geo->nr_pages && !rc; i++) {
		rc = grant(tg, tg->first_page + i, &ref, false);
		if (!rc)
			tg->dirs[i / VTOE_REFS_PER_PAGE]
				.ref[i % VTOE_REFS_PER_PAGE] = ref;
	}
	return rc;
}

static int open_port(struct tg *tg)
{
	int fd, rc;

	rc = fx_evtchn_open(tg->host, fx_dom_id(tg->dom), &tg->evtchn);
	if (rc)
		return rc;
	fd = fx_evtchn_fd(tg->evtchn);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	rc = fx_evtchn_alloc(tg->evtchn, 0);
	if (rc < 0)
		return rc;
	tg->port = (uint32_t)rc;
	return 0;
}

int tg_share(struct tg *tg)
{
	uint8_t *mem = fx_dom_mem(tg->dom);
	struct vtoe_geometry geo;
	int rc;

	rc = vtoe_geometry_init(&geo, tg->cfg.nr_entries, tg->cfg.nr_slots,
				tg->cfg.nr_tx_pages, tg->cfg.nr_rx_pages);
	if (rc)
		return rc;
	tg->layout_page = 1;
	tg->first_page = 2 + geo.nr_dirs;
	if (tg->first_page + geo.nr_pages > fx_dom_pages(tg->dom))
		return -ENOMEM;
	memset(mem + FX_PAGE_SIZE, 0,
	       (size_t)(1 + geo.nr_dirs + geo.nr_pages) * FX_PAGE_SIZE);
	tg->layout = (void *)(mem + FX_PAGE_SIZE);
	tg->dirs = (void *)(mem + 2 * FX_PAGE_SIZE);
	tg->grefs = calloc(1 + geo.nr_dirs + geo.nr_pages, sizeof(uint32_t));
	tg->memory = calloc(1, front_memory(&geo));
	tg->socks = calloc(geo.nr_slots, sizeof(*tg->socks));
	if (!tg->grefs || !tg->memory || !tg->socks)
		return -ENOMEM;
	vtoe_geometry_to_layout(&geo, tg->layout);
	front_init(&tg->front, &geo,
		   mem + (size_t)tg->first_page * FX_PAGE_SIZE, tg->memory);
	rc = grant_all(tg, &geo);
	return rc ? rc : open_port(tg);
}

int tg_publish(struct tg *tg)
{
	int rc = write_key(tg, VTOE_KEY_VERSION, VTOE_WIRE_VERSION);

	if (!rc)
		rc = write_key(tg, VTOE_KEY_LAYOUT, tg->layout_ref);
	if (!rc)
		rc = write_key(tg, VTOE_KEY_EVTCHN, tg->port);
	return rc;
}

int tg_set_state(struct tg *tg, enum tg_state state)
{
	return write_key(tg, "state", state);
}

int tg_wait_backend(struct tg *tg, enum tg_state state, int timeout)
{
	uint64_t deadline = tg_now_ms() + (uint64_t)timeout;
	char *path;
	int rc;

	rc = read_backend(tg);
	while (!rc && tg->backend_state < state) {
		rc = fx_xs_watch_event(tg->xs, &path, tg_left(deadline));
		if (rc < 0)
			return rc;
		if (!rc)
			return -ETIMEDOUT;
		free(path);
		rc = read_backend(tg);
	}
	return rc;
}

int tg_start(struct fx_host *host, struct fx_dom *dom, uint32_t devid,
	     const struct tg_config *cfg, int timeout, struct tg **tgp)
{
	struct tg *tg;
	int rc;

	rc = tg_new(host, dom, devid, cfg, timeout, &tg);
	if (rc)
		return rc;
	rc = tg_wait_backend(tg, TG_INIT_WAIT, timeout);
	if (!rc)
		rc = tg_share(tg);
	if (!rc)
		rc = tg_publish(tg);
	if (!rc)
		rc = tg_set_state(tg, TG_INITIALISED);
	if (!rc)
		rc = tg_wait_backend(tg, TG_CONNECTED, timeout);
	if (!rc && tg->backend_state != TG_CONNECTED)
		rc = -ECONNABORTED;
	if (!rc)
		rc = tg_set_state(tg, TG_CONNECTED);
	if (rc) {
		tg_free(tg);
		return rc;
	}
	*tgp = tg;
	return 0;
}

int tg_stop(struct tg *tg, int timeout)
{
	int rc = tg_set_state(tg, TG_CLOSING);

	if (!rc)
		rc = tg_wait_backend(tg, TG_CLOSED, timeout);
	/* a backend that is removed meanwhile is closed, too */
	if (rc == -ENOENT || rc == -EACCES)
		rc = 0;
	if (!rc && tg_end_grants(tg))
		rc = -EBUSY;
	if (!rc)
		rc = tg_set_state(tg, TG_CLOSED);
	return rc == -EACCES || rc == -ENOENT ? 0 : rc;
}

int tg_end_grants(struct tg *tg)
{
	int busy = 0;
	uint32_t i;

	for (i = 0; i < tg->nr_grefs; i++)
		busy += fx_grant_end(tg->dom, tg->grefs[i]) == -EBUSY;
	return busy;
}

void tg_free(struct tg *tg)
{
	uint32_t i;

	if (!tg)
		return;
	/* calls that nobody waits for and that were never answered */
	for (i = 0; tg->front.pending && i < tg->cfg.nr_entries; i++) {
		struct tg_call *call = tg->front.pending[i].cookie;

		if (call && call->forget) {
			free(call->closing);
			free(call);
		}
	}
	for (i = 0; tg->socks && i < tg->cfg.nr_slots; i++) {
		if (tg->socks[i])
			free(tg->socks[i]->connecting);
		free(tg->socks[i]);
	}
	free(tg->socks);
	fx_evtchn_close(tg->evtchn);
	fx_xs_close(tg->xs);
	free(tg->backend);
	free(tg->grefs);
	free(tg->memory);
	free(tg);
}

char *tg_error(struct tg *tg)
{
	char path[192], *text;

	snprintf(path, sizeof(path), "%s/" VTOE_KEY_ERROR, tg->backend);
	return fx_xs_read(tg->xs, 0, path, &text) ? NULL : text;
}

/* ------------------------------------------------------------ the loop */

void tg_notify(struct tg *tg)
{
	fx_evtchn_notify(tg->evtchn, tg->port);
	tg->notifies++;
	tg->front.view.queue->counters.notifies = tg->notifies;
}

void tg_kick(struct tg *tg)
{
	if (front_wake(&tg->front))
		tg_notify(tg);
}

static void doorbell(void *arg, uint32_t slot)
{
	struct tg *tg = arg;
	struct tg_sock *s = tg->socks[slot];

	if (!s || s->ready)
		return;
	s->ready = true;
	s->next_ready = NULL;
	*tg->ready_tail = s;
	tg->ready_tail = &s->next_ready;
}

struct tg_sock *tg_next_ready(struct tg *tg)
{
	struct tg_sock *s = tg->ready_head;

	if (!s)
		return NULL;
	tg->ready_head = s->next_ready;
	if (!tg->ready_head)
		tg->ready_tail = &tg->ready_head;
	s->ready = false;
	return s;
}

void tg_unready(struct tg_sock *s)
{
	struct tg_sock **at = &s->tg->ready_head;

	if (!s->ready)
		return;
	while (*at != s)
		at = &(*at)->next_ready;
	*at = s->next_ready;
	if (!*at)
		s->tg->ready_tail = at;
	s->ready = false;
}

static void completed(struct tg *tg, struct front_done *done)
{
	struct tg_call *call = done->cookie;

	(void)tg;
	call->done = true;
	call->cqe = done->cqe;
	if (call->closing)
		tg_sock_free(call->closing);
	call->closing = NULL;
	if (call->forget)
		free(call);
}

/* Takes events off the channel. True if there were any. */
static bool take_events(struct tg *tg)
{
	bool any = false;
	int port;

	while ((port = fx_evtchn_pending(tg->evtchn)) > 0) {
		tg->interrupts++;
		fx_evtchn_unmask(tg->evtchn, (uint32_t)port);
		any = true;
	}
	return any;
}

int tg_poll(struct tg *tg)
{
	struct front_done done;
	int rc, n = 0;

	if (tg->backend_state > TG_CONNECTED ||
	    tg->backend_state == TG_UNKNOWN)
		return -ECONNABORTED;
	if (take_events(tg))
		n++;
	while ((rc = front_complete(&tg->front, &done)) == 1) {
		completed(tg, &done);
		n++;
	}
	if (rc < 0)
		return rc;
	n += (int)front_doorbells(&tg->front, doorbell, tg);
	tg_kick(tg);
	return n;
}

int tg_wait(struct tg *tg, int fd, int timeout)
{
	struct pollfd pfd[3] = {
		{ .fd = fx_evtchn_fd(tg->evtchn), .events = POLLIN },
		{ .fd = fx_xs_fd(tg->xs), .events = POLLIN },
		{ .fd = fd, .events = POLLIN },
	};
	int rc = tg_poll(tg);

	if (rc)
		return rc < 0 ? rc : 1;
	if (!front_sleep(&tg->front))
		return 1;
	rc = poll(pfd, 3, timeout);
	front_awake(&tg->front);
	if (rc < 0)
		return -errno;
	if (pfd[1].revents)
		take_watches(tg);
	if (!rc)
		return 0;
	rc = tg_poll(tg);
	return rc < 0 ? rc : 1;
}
