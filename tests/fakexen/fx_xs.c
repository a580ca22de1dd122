/* SPDX-License-Identifier: GPL-2.0 */
/*
 * XenStore as a guest's kernel speaks it: by the ring page that domain 0's
 * xenstored has mapped. One request at a time; watch events that arrive in
 * between are kept.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fx_domain.h"

#include <xen/io/xs_wire.h> /* needs errno.h and stdint.h first */

/* xenstored answers within this, or something is broken. */
#define XS_TIMEOUT_MS 20000

struct fx_xs_event {
	struct fx_xs_event *next;
	char *path;
};

struct fx_xs {
	struct fx_dom *dom;
	struct xenstore_domain_interface *ring;
	uint32_t port;
	uint32_t req_id;
	struct fx_xs_event *events, **events_tail;
	/* The message being received. */
	struct xsd_sockmsg head;
	size_t got;
	char body[XENSTORE_PAYLOAD_MAX + 1];
};

int fx_xs_open(struct fx_dom *dom, struct fx_xs **xsp)
{
	struct fx_xs *xs;

	if (!dom->xs_evtchn)
		return -EINVAL;
	xs = calloc(1, sizeof(*xs));
	if (!xs)
		return -ENOMEM;
	xs->dom = dom;
	xs->ring = dom->mem;
	xs->port = dom->host->state->domains[dom->domid].xenstore_port;
	xs->events_tail = &xs->events;
	*xsp = xs;
	return 0;
}

void fx_xs_close(struct fx_xs *xs)
{
	struct fx_xs_event *event;

	if (!xs)
		return;
	while ((event = xs->events)) {
		xs->events = event->next;
		free(event->path);
		free(event);
	}
	free(xs);
}

int fx_xs_fd(struct fx_xs *xs)
{
	return fx_evtchn_fd(xs->dom->xs_evtchn);
}

static uint32_t load(const uint32_t *p)
{
	return __atomic_load_n(p, __ATOMIC_SEQ_CST);
}

static void store(uint32_t *p, uint32_t v)
{
	__atomic_store_n(p, v, __ATOMIC_SEQ_CST);
}

/* Waits for xenstored's next event. 1, 0 on time-out, -errno. */
static int event_wait(struct fx_xs *xs, int timeout_ms)
{
	struct fx_evtchn *ev = xs->dom->xs_evtchn;
	int rc = fx_evtchn_wait(ev, timeout_ms);

	if (rc <= 0)
		return rc;
	rc = fx_evtchn_pending(ev);
	if (rc < 0)
		return rc;
	fx_evtchn_unmask(ev, (uint32_t)rc);
	return 1;
}

static int ring_put(struct fx_xs *xs, const void *data, size_t len)
{
	struct xenstore_domain_interface *ring = xs->ring;
	const char *p = data;
	uint32_t prod;
	int rc;

	while (len) {
		prod = load(&ring->req_prod);
		if (prod - load(&ring->req_cons) == XENSTORE_RING_SIZE) {
			rc = event_wait(xs, XS_TIMEOUT_MS);
			if (rc <= 0)
				return rc ? rc : -ETIMEDOUT;
			continue;
		}
		ring->req[MASK_XENSTORE_IDX(prod)] = *p++;
		store(&ring->req_prod, prod + 1);
		if (!--len || prod + 1 - load(&ring->req_cons) ==
				      XENSTORE_RING_SIZE)
			fx_evtchn_notify(xs->dom->xs_evtchn, xs->port);
	}
	return 0;
}

/* Takes what is there. True when a whole message has been received. */
static bool ring_get(struct fx_xs *xs)
{
	struct xenstore_domain_interface *ring = xs->ring;
	uint32_t cons = load(&ring->rsp_cons);
	bool took = false, whole = false;
	char c;

	while (!whole && cons != load(&ring->rsp_prod)) {
		c = ring->rsp[MASK_XENSTORE_IDX(cons++)];
		took = true;
		if (xs->got < sizeof(xs->head))
			((char *)&xs->head)[xs->got] = c;
		else if (xs->got - sizeof(xs->head) < XENSTORE_PAYLOAD_MAX)
			xs->body[xs->got - sizeof(xs->head)] = c;
		xs->got++;
		whole = xs->got >= sizeof(xs->head) &&
			xs->got == sizeof(xs->head) + xs->head.len;
		store(&ring->rsp_cons, cons);
	}
	if (took)
		fx_evtchn_notify(xs->dom->xs_evtchn, xs->port);
	if (whole) {
		xs->got = 0;
		xs->body[xs->head.len] = 0;
	}
	return whole;
}

static void event_keep(struct fx_xs *xs)
{
	struct fx_xs_event *event = calloc(1, sizeof(*event));

	if (!event)
		return;
	event->path = strdup(xs->body);
	*xs->events_tail = event;
	xs->events_tail = &event->next;
}

static int error_number(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++)
		if (!strcmp(xsd_errors[i].errstring, name))
			return -xsd_errors[i].errnum;
	return -EIO;
}

/*
 * Sends a request made of up to two strings, each with its NUL if @nuls says
 * so, and waits for the answer, which is then in xs->body.
 */
static int talk(struct fx_xs *xs, uint32_t type, uint32_t tx, const char *one,
		size_t one_len, const char *two, size_t two_len)
{
	struct xsd_sockmsg head = {
		.type = type,
		.req_id = ++xs->req_id,
		.tx_id = tx,
		.len = (uint32_t)(one_len + two_len),
	};
	int rc;

	if (head.len > XENSTORE_PAYLOAD_MAX)
		return -E2BIG;
	rc = ring_put(xs, &head, sizeof(head));
	if (!rc)
		rc = ring_put(xs, one, one_len);
	if (!rc)
		rc = ring_put(xs, two, two_len);
	while (!rc) {
		if (!ring_get(xs)) {
			rc = event_wait(xs, XS_TIMEOUT_MS);
			rc = rc < 0 ? rc : rc ? 0 : -ETIMEDOUT;
		} else if (xs->head.type == XS_WATCH_EVENT) {
			event_keep(xs);
		} else if (xs->head.req_id != head.req_id) {
			rc = -EPROTO;
		} else if (xs->head.type == XS_ERROR) {
			rc = error_number(xs->body);
		} else {
			return 0;
		}
	}
	return rc;
}

static int talk_path(struct fx_xs *xs, uint32_t type, uint32_t tx,
		     const char *path)
{
	return talk(xs, type, tx, path, strlen(path) + 1, "", 0);
}

int fx_xs_read(struct fx_xs *xs, uint32_t tx, const char *path, char **valuep)
{
	int rc = talk_path(xs, XS_READ, tx, path);
	char *value;

	if (rc)
		return rc;
	value = strdup(xs->body);
	if (!value)
		return -ENOMEM;
	*valuep = value;
	return 0;
}

int fx_xs_write(struct fx_xs *xs, uint32_t tx, const char *path,
		const char *value)
{
	return talk(xs, XS_WRITE, tx, path, strlen(path) + 1, value,
		    strlen(value));
}

int fx_xs_mkdir(struct fx_xs *xs, uint32_t tx, const char *path)
{
	return talk_path(xs, XS_MKDIR, tx, path);
}

int fx_xs_rm(struct fx_xs *xs, uint32_t tx, const char *path)
{
	return talk_path(xs, XS_RM, tx, path);
}

int fx_xs_begin(struct fx_xs *xs, uint32_t *txp)
{
	int rc = talk_path(xs, XS_TRANSACTION_START, 0, "");

	if (rc)
		return rc;
	*txp = (uint32_t)strtoul(xs->body, NULL, 10);
	return 0;
}

int fx_xs_end(struct fx_xs *xs, uint32_t tx, bool abort)
{
	return talk_path(xs, XS_TRANSACTION_END, tx, abort ? "F" : "T");
}

int fx_xs_watch(struct fx_xs *xs, const char *path, const char *token)
{
	return talk(xs, XS_WATCH, 0, path, strlen(path) + 1, token,
		    strlen(token) + 1);
}

int fx_xs_unwatch(struct fx_xs *xs, const char *path, const char *token)
{
	return talk(xs, XS_UNWATCH, 0, path, strlen(path) + 1, token,
		    strlen(token) + 1);
}

int fx_xs_watch_event(struct fx_xs *xs, char **pathp, int timeout_ms)
{
	struct fx_xs_event *event;
	int rc;

	while (!xs->events) {
		if (ring_get(xs)) {
			if (xs->head.type == XS_WATCH_EVENT)
				event_keep(xs);
			continue;
		}
		rc = event_wait(xs, timeout_ms);
		if (rc <= 0)
			return rc;
	}
	event = xs->events;
	xs->events = event->next;
	if (!xs->events)
		xs->events_tail = &xs->events;
	*pathp = event->path;
	free(event);
	return 1;
}
