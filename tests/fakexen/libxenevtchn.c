/* SPDX-License-Identifier: GPL-2.0 */
/* The stand-in for libxenevtchn.so.1: its ABI, over a fake host. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <xenevtchn.h>

#include "fx_lib.h"

struct xenevtchn_handle {
	struct fx_host *host;
	struct fx_evtchn *ev;
};

static xenevtchn_handle *handle_open(int fd)
{
	struct xenevtchn_handle *h = calloc(1, sizeof(*h));
	int rc = -ENOMEM;

	if (!h)
		goto err;
	rc = fx_host_open(NULL, &h->host);
	if (rc)
		goto err;
	if (fd < 0)
		rc = fx_evtchn_open(h->host, fx_lib_domid(), &h->ev);
	else
		rc = fx_evtchn_fdopen(h->host, fx_lib_domid(), fd, &h->ev);
	if (rc)
		goto err_close;
	return h;

err_close:
	fx_host_close(h->host);
err:
	free(h);
	errno = -rc;
	return NULL;
}

xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *logger,
				 unsigned int flags)
{
	xenevtchn_handle *h;

	(void)logger;
	if (flags & ~XENEVTCHN_NO_CLOEXEC) {
		errno = EINVAL;
		return NULL;
	}
	h = handle_open(-1);
	if (h && (flags & XENEVTCHN_NO_CLOEXEC))
		fcntl(fx_evtchn_fd(h->ev), F_SETFD, 0);
	return h;
}

xenevtchn_handle *xenevtchn_fdopen(struct xentoollog_logger *logger, int fd,
				   unsigned int open_flags)
{
	(void)logger;
	if (open_flags || fd < 0) {
		errno = EINVAL;
		return NULL;
	}
	return handle_open(fd);
}

int xenevtchn_close(xenevtchn_handle *h)
{
	if (!h)
		return 0;
	fx_evtchn_close(h->ev);
	fx_host_close(h->host);
	free(h);
	return 0;
}

int xenevtchn_fd(xenevtchn_handle *h)
{
	return fx_evtchn_fd(h->ev);
}

int xenevtchn_notify(xenevtchn_handle *h, evtchn_port_t port)
{
	return fx_lib_result(fx_evtchn_notify(h->ev, port));
}

xenevtchn_port_or_error_t xenevtchn_bind_unbound_port(xenevtchn_handle *h,
						      uint32_t domid)
{
	return fx_lib_result(fx_evtchn_alloc(h->ev, domid));
}

xenevtchn_port_or_error_t
xenevtchn_bind_interdomain(xenevtchn_handle *h, uint32_t domid,
			   evtchn_port_t remote_port)
{
	return fx_lib_result(fx_evtchn_bind(h->ev, domid, remote_port));
}

xenevtchn_port_or_error_t xenevtchn_bind_virq(xenevtchn_handle *h,
					      unsigned int virq)
{
	return fx_lib_result(fx_evtchn_bind_virq(h->ev, virq));
}

int xenevtchn_unbind(xenevtchn_handle *h, evtchn_port_t port)
{
	return fx_lib_result(fx_evtchn_unbind(h->ev, port));
}

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *h)
{
	return fx_lib_result(fx_evtchn_pending(h->ev));
}

int xenevtchn_unmask(xenevtchn_handle *h, evtchn_port_t port)
{
	return fx_lib_result(fx_evtchn_unmask(h->ev, port));
}

int xenevtchn_restrict(xenevtchn_handle *h, domid_t domid)
{
	return fx_lib_result(fx_evtchn_restrict(h->ev, domid));
}
