/* SPDX-License-Identifier: GPL-2.0 */
/* Event channels: see fx_state.h for how a notification travels. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fx_state.h"

/* Where one port's notifications go. */
struct fx_peer {
	uint32_t handle;	/* 0: not opened */
	int fd;
};

struct fx_evtchn {
	struct fx_host *host;
	uint32_t domid;
	uint32_t id;
	uint32_t only;		/* FX_NONE: not restricted */
	int fd;
	struct fx_peer peers[FX_PORTS_MAX];
};

static struct fx_port *port_at(struct fx_host *host, uint32_t dom,
			       uint32_t port)
{
	return &host->state->domains[dom].ports[port];
}

static int fifo_open(struct fx_host *host, uint32_t handle)
{
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "ev.%u", handle);
	/*
	 * Both ways, though only written: no SIGPIPE if the reader is gone.
	 * Non-blocking is right, because the FIFO cannot be full.
	 */
	fd = openat(host->dirfd, name, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static void fifo_put(int fd, uint32_t port)
{
	ssize_t n = write(fd, &port, sizeof(port));

	(void)n;	/* whole or, with nobody to read it, lost */
}

/*
 * Marks an event. True if the port number must now be written to its handle's
 * FIFO; the caller is then the only one to do so.
 */
static bool port_raise(struct fx_port *port)
{
	uint32_t old = atomic_load(&port->delivery), new;

	do {
		if (old == FX_PENDING)
			return false;
		new = old == FX_IDLE ? FX_MASKED : FX_PENDING;
	} while (!atomic_compare_exchange_weak(&port->delivery, &old, new));
	return old == FX_IDLE;
}

void fx_port_deliver(struct fx_host *host, uint32_t dom, uint32_t port)
{
	struct fx_port *p = port_at(host, dom, port);
	int fd;

	if (!port_raise(p))
		return;
	fd = fifo_open(host, atomic_load(&p->handle));
	if (fd < 0)
		return;
	fifo_put(fd, port);
	close(fd);
	fx_count(&host->state->domains[dom], delivered, 1);
}

int fx_port_peer_open(struct fx_host *host, uint32_t dom, uint32_t port)
{
	struct fx_port *p = port_at(host, dom, port), *r;

	if (atomic_load(&p->state) != FX_PORT_BOUND)
		return -ENOTCONN;
	r = port_at(host, atomic_load(&p->remote_dom),
		    atomic_load(&p->remote_port));
	return fifo_open(host, atomic_load(&r->handle));
}

void fx_port_notify_by(struct fx_host *host, uint32_t dom, uint32_t port,
		       int fd)
{
	struct fx_port *p = port_at(host, dom, port);
	uint32_t rport = atomic_load(&p->remote_port);

	if (atomic_load(&p->state) != FX_PORT_BOUND)
		return;
	if (port_raise(port_at(host, atomic_load(&p->remote_dom), rport)))
		fifo_put(fd, rport);
}

void fx_virq_raise(struct fx_host *host, unsigned int virq)
{
	struct fx_port *p;
	uint32_t port;

	for (port = 1; port < FX_PORTS_MAX; port++) {
		p = port_at(host, 0, port);
		if (atomic_load(&p->state) == FX_PORT_VIRQ &&
		    atomic_load(&p->remote_dom) == virq)
			fx_port_deliver(host, 0, port);
	}
}

static struct fx_evtchn *evtchn_new(struct fx_host *host, uint32_t domid)
{
	struct fx_evtchn *ev = calloc(1, sizeof(*ev));

	if (!ev)
		return NULL;
	ev->host = host;
	ev->domid = domid;
	ev->only = FX_NONE;
	return ev;
}

int fx_evtchn_open(struct fx_host *host, uint32_t domid,
		   struct fx_evtchn **evp)
{
	struct fx_evtchn *ev = evtchn_new(host, domid);
	int rc;

	if (!ev)
		return -ENOMEM;
	fx_lock(host);
	rc = fx_handle_new(host, FX_HANDLE_EVTCHN, domid, &ev->id, &ev->fd);
	fx_unlock(host);
	if (rc) {
		free(ev);
		return rc;
	}
	*evp = ev;
	return 0;
}

int fx_evtchn_fdopen(struct fx_host *host, uint32_t domid, int fd,
		     struct fx_evtchn **evp)
{
	struct fx_evtchn *ev;
	struct fx_handle *h;
	struct stat st;
	int rc = -EINVAL, i;

	if (fstat(fd, &st))
		return -errno;
	ev = evtchn_new(host, domid);
	if (!ev)
		return -ENOMEM;
	fx_lock(host);
	for (i = 0; i < (int)FX_HANDLES_MAX && rc; i++) {
		h = &host->state->handles[i];
		if (h->kind != FX_HANDLE_EVTCHN || h->inode != st.st_ino)
			continue;
		ev->id = h->id;
		ev->fd = fd;
		rc = 0;
	}
	fx_unlock(host);
	if (rc)
		free(ev);
	else
		*evp = ev;
	return rc;
}

/* As fx_gnttab_close(): whoever looks next closes the ports. */
void fx_evtchn_close(struct fx_evtchn *ev)
{
	uint32_t i;

	if (!ev)
		return;
	for (i = 0; i < FX_PORTS_MAX; i++)
		if (ev->peers[i].handle)
			close(ev->peers[i].fd);
	close(ev->fd);
	free(ev);
}

int fx_evtchn_fd(struct fx_evtchn *ev)
{
	return ev->fd;
}

/* With the lock held: a free port becomes this handle's, still masked. */
static int port_new(struct fx_evtchn *ev, enum fx_port_state state,
		    uint32_t remote_dom, uint32_t remote_port)
{
	struct fx_domain *domain = &ev->host->state->domains[ev->domid];
	struct fx_port *p;
	uint32_t port;

	for (port = 1; port <= domain->ports_max; port++) {
		p = &domain->ports[port];
		if (atomic_load(&p->state) != FX_PORT_FREE)
			continue;
		atomic_store(&p->delivery, FX_IDLE);
		atomic_store(&p->handle, ev->id);
		atomic_store(&p->remote_dom, remote_dom);
		atomic_store(&p->remote_port, remote_port);
		atomic_store(&p->state, state);
		fx_count(domain, ports_opened, 1);
		return (int)port;
	}
	return -ENOSPC;
}

static bool domain_alive(struct fx_host *host, uint32_t domid)
{
	return domid < FX_DOMAINS_MAX &&
	       atomic_load(&host->state->domains[domid].state) == FX_DOM_ALIVE;
}

int fx_evtchn_alloc(struct fx_evtchn *ev, uint32_t remote)
{
	int rc;

	if (ev->only != FX_NONE && ev->only != remote)
		return -EACCES;
	if (!domain_alive(ev->host, remote))
		return -ESRCH;
	fx_lock(ev->host);
	rc = port_new(ev, FX_PORT_UNBOUND, remote, 0);
	fx_unlock(ev->host);
	return rc;
}

static bool port_bindable(struct fx_port *p, uint32_t by)
{
	return atomic_load(&p->state) == FX_PORT_UNBOUND &&
	       atomic_load(&p->remote_dom) == by;
}

/* Opens the way to the peer of a bound port, if it is not open already. */
static int peer_open(struct fx_evtchn *ev, uint32_t port)
{
	struct fx_port *p = port_at(ev->host, ev->domid, port), *r;
	struct fx_peer *peer = &ev->peers[port];
	uint32_t handle;
	int fd;

	r = port_at(ev->host, atomic_load(&p->remote_dom),
		    atomic_load(&p->remote_port));
	handle = atomic_load(&r->handle);
	if (peer->handle == handle)
		return 0;
	fd = fifo_open(ev->host, handle);
	if (fd < 0)
		return fd;
	if (peer->handle)
		close(peer->fd);
	peer->fd = fd;
	peer->handle = handle;
	return 0;
}

int fx_evtchn_bind(struct fx_evtchn *ev, uint32_t remote, uint32_t port)
{
	struct fx_host *host = ev->host;
	struct fx_port *r;
	int rc = -EINVAL;

	if (ev->only != FX_NONE && ev->only != remote)
		return -EACCES;
	if (!domain_alive(host, remote))
		return -ESRCH;
	if (!port || port >= FX_PORTS_MAX)
		return -EINVAL;
	r = port_at(host, remote, port);
	fx_lock(host);
	/* Perhaps it is bound by a process that has died meanwhile. */
	if (!port_bindable(r, ev->domid))
		fx_reap_locked(host);
	if (port_bindable(r, ev->domid))
		rc = port_new(ev, FX_PORT_BOUND, remote, port);
	if (rc > 0) {
		atomic_store(&r->remote_dom, ev->domid);
		atomic_store(&r->remote_port, (uint32_t)rc);
		atomic_store(&r->state, FX_PORT_BOUND);
		fx_count(&host->state->domains[remote], ports_bound_to, 1);
	}
	fx_unlock(host);
	if (rc < 0)
		return rc;
	peer_open(ev, (uint32_t)rc);
	/* Xen does so, because an earlier notification may have been lost. */
	if (port_raise(port_at(host, ev->domid, (uint32_t)rc)))
		fifo_put(ev->fd, (uint32_t)rc);
	return rc;
}

int fx_evtchn_bind_virq(struct fx_evtchn *ev, unsigned int virq)
{
	int rc;

	fx_lock(ev->host);
	rc = port_new(ev, FX_PORT_VIRQ, virq, 0);
	fx_unlock(ev->host);
	return rc;
}

/* With the lock held. The other end becomes unbound again, as in Xen. */
void fx_port_close(struct fx_host *host, uint32_t dom, uint32_t port)
{
	struct fx_port *p = port_at(host, dom, port), *r;
	uint32_t state = atomic_load(&p->state);

	if (state == FX_PORT_FREE)
		return;
	if (state == FX_PORT_BOUND) {
		r = port_at(host, atomic_load(&p->remote_dom),
			    atomic_load(&p->remote_port));
		atomic_store(&r->state, FX_PORT_UNBOUND);
		atomic_store(&r->remote_dom, dom);
	}
	atomic_store(&p->state, FX_PORT_FREE);
	fx_count(&host->state->domains[dom], ports_closed, 1);
}

void fx_ports_release(struct fx_host *host, struct fx_handle *handle)
{
	uint32_t port;

	for (port = 1; port < FX_PORTS_MAX; port++)
		if (atomic_load(&port_at(host, handle->dom, port)->handle) ==
		    handle->id)
			fx_port_close(host, handle->dom, port);
}

static bool port_ours(struct fx_evtchn *ev, uint32_t port)
{
	struct fx_port *p;

	if (!port || port >= FX_PORTS_MAX)
		return false;
	p = port_at(ev->host, ev->domid, port);
	return atomic_load(&p->state) != FX_PORT_FREE &&
	       atomic_load(&p->handle) == ev->id;
}

int fx_evtchn_unbind(struct fx_evtchn *ev, uint32_t port)
{
	int rc = 0;

	fx_lock(ev->host);
	if (port_ours(ev, port))
		fx_port_close(ev->host, ev->domid, port);
	else
		rc = -ENOTCONN;
	fx_unlock(ev->host);
	if (!rc && ev->peers[port].handle) {
		close(ev->peers[port].fd);
		ev->peers[port].handle = 0;
	}
	return rc;
}

int fx_evtchn_notify(struct fx_evtchn *ev, uint32_t port)
{
	struct fx_host *host = ev->host;
	struct fx_port *p, *r;
	uint32_t dom, rport;

	if (!port_ours(ev, port))
		return -ENOTCONN;
	p = port_at(host, ev->domid, port);
	fx_count(&host->state->domains[ev->domid], notify_out, 1);
	/* Nobody at the other end: Xen drops it silently. */
	if (atomic_load(&p->state) != FX_PORT_BOUND)
		return 0;
	dom = atomic_load(&p->remote_dom);
	rport = atomic_load(&p->remote_port);
	r = port_at(host, dom, rport);
	fx_count(&host->state->domains[dom], notify_in, 1);
	if (!port_raise(r))
		return 0;
	if (!peer_open(ev, port))
		fifo_put(ev->peers[port].fd, rport);
	fx_count(&host->state->domains[dom], delivered, 1);
	return 0;
}

int fx_evtchn_pending(struct fx_evtchn *ev)
{
	uint32_t port;
	ssize_t n = read(ev->fd, &port, sizeof(port));

	if (n < 0)
		return -errno;
	return n == sizeof(port) ? (int)port : -EIO;
}

int fx_evtchn_unmask(struct fx_evtchn *ev, uint32_t port)
{
	struct fx_port *p;
	uint32_t old, new;

	/* A write of a foreign port to /dev/xen/evtchn is ignored. */
	if (!port_ours(ev, port))
		return 0;
	fx_count(&ev->host->state->domains[ev->domid], unmasks, 1);
	p = port_at(ev->host, ev->domid, port);
	old = atomic_load(&p->delivery);
	do {
		if (old == FX_IDLE)
			return 0;
		new = old == FX_PENDING ? FX_MASKED : FX_IDLE;
	} while (!atomic_compare_exchange_weak(&p->delivery, &old, new));
	if (old == FX_PENDING) {
		fifo_put(ev->fd, port);
		fx_count(&ev->host->state->domains[ev->domid], delivered, 1);
	}
	return 0;
}

int fx_evtchn_restrict(struct fx_evtchn *ev, uint32_t remote)
{
	if (ev->only != FX_NONE && ev->only != remote)
		return -EACCES;
	ev->only = remote;
	return 0;
}

int fx_evtchn_wait(struct fx_evtchn *ev, int timeout_ms)
{
	struct pollfd pfd = { .fd = ev->fd, .events = POLLIN };
	int n = poll(&pfd, 1, timeout_ms);

	return n < 0 ? -errno : n;
}
