/* SPDX-License-Identifier: GPL-2.0 */
/* device.c - the device's grants and its event channel. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../../common/log.h"
#include "worker.h"

static int fail(char *error, const char *what)
{
	int err = errno ? -errno : -EIO;

	snprintf(error, WORKER_TEXT_MAX, "%s: %s", what, strerror(-err));
	return err;
}

/* Copy one granted page; it is not looked at again. */
static int copy_page(struct worker *w, uint32_t ref, void *to, size_t len)
{
	void *page;

	errno = 0;
	w->grant_maps++;
	page = xengnttab_map_grant_ref(w->gnttab, w->domid, ref, PROT_READ);
	if (!page)
		return errno ? -errno : -EIO;
	copy_in(to, page, len);
	w->grant_unmaps++;
	if (xengnttab_unmap(w->gnttab, page, 1))
		return -errno;
	return 0;
}

static int check_limits(const struct vtoe_geometry *geo,
			const struct worker_msg *start, char *error)
{
	if (geo->nr_entries > start->max_entries)
		snprintf(error, WORKER_TEXT_MAX,
			 "%u ring entries, but at most %u are allowed",
			 geo->nr_entries, start->max_entries);
	else if (geo->nr_slots > start->max_slots)
		snprintf(error, WORKER_TEXT_MAX,
			 "%u slots, but at most %u are allowed", geo->nr_slots,
			 start->max_slots);
	else if (geo->nr_tx_pages > start->max_tx_pages)
		snprintf(error, WORKER_TEXT_MAX,
			 "%u TX pages, but at most %u are allowed",
			 geo->nr_tx_pages, start->max_tx_pages);
	else if (geo->nr_rx_pages > start->max_rx_pages)
		snprintf(error, WORKER_TEXT_MAX,
			 "%u RX pages, but at most %u are allowed",
			 geo->nr_rx_pages, start->max_rx_pages);
	else
		return 0;
	return -EINVAL;
}

/* All references, out of the directory pages; the rest of these must be 0. */
static int read_directories(struct worker *w, const struct vtoe_layout *layout,
			    uint32_t *ref, char *error)
{
	uint32_t i, err;

	for (i = 0; i < layout->nr_dirs; i++) {
		err = (uint32_t)-copy_page(w, layout->dir_ref[i],
					   ref + i * VTOE_REFS_PER_PAGE,
					   VTOE_PAGE_SIZE);
		if (err) {
			snprintf(error, WORKER_TEXT_MAX,
				 "cannot map directory page %u (grant %u): %s",
				 i, layout->dir_ref[i], strerror((int)err));
			return -(int)err;
		}
	}
	for (i = layout->nr_pages; i < layout->nr_dirs * VTOE_REFS_PER_PAGE;
	     i++) {
		if (ref[i]) {
			snprintf(error, WORKER_TEXT_MAX,
				 "directory entry %u is beyond %u pages", i,
				 layout->nr_pages);
			return -EINVAL;
		}
	}
	return 0;
}

static int read_layout(struct worker *w, const struct worker_msg *start,
		       struct vtoe_layout *layout, struct vtoe_geometry *geo,
		       char *error)
{
	int err = copy_page(w, start->layout_ref, layout, sizeof(*layout));

	if (err) {
		snprintf(error, WORKER_TEXT_MAX,
			 "cannot map the layout page (grant %u): %s",
			 start->layout_ref, strerror(-err));
		return err;
	}
	err = vtoe_geometry_from_layout(geo, layout);
	if (err) {
		snprintf(error, WORKER_TEXT_MAX,
			 err == -EPROTONOSUPPORT
				 ? "layout page: unknown magic or version"
				 : "layout page: impossible sizes");
		return err;
	}
	return check_limits(geo, start, error);
}

int device_map(struct worker *w, const struct worker_msg *start, char *error)
{
	struct vtoe_geometry geo;
	struct vtoe_layout layout;
	uint32_t *ref;
	int err;

	errno = 0;
	w->gnttab = xengnttab_open(NULL, 0);
	if (!w->gnttab)
		return fail(error, "cannot open the grant table device");
	err = read_layout(w, start, &layout, &geo, error);
	if (err)
		return err;
	ref = calloc(geo.nr_dirs, VTOE_PAGE_SIZE);
	if (!ref) {
		errno = ENOMEM;
		return fail(error, "directory pages");
	}
	err = read_directories(w, &layout, ref, error);
	if (err)
		goto out;
	errno = 0;
	w->grant_maps++;
	w->base = xengnttab_map_domain_grant_refs(
		w->gnttab, geo.nr_pages, w->domid, ref, PROT_READ | PROT_WRITE);
	if (!w->base) {
		err = fail(error, "cannot map the shared pages");
		goto out;
	}
	vtoe_view_init(&w->view, &geo, w->base);
out:
	free(ref);
	return err;
}

int device_bind(struct worker *w, const struct worker_msg *start, char *error)
{
	xenevtchn_port_or_error_t port;

	errno = 0;
	w->evtchn = xenevtchn_open(NULL, 0);
	if (!w->evtchn)
		return fail(error, "cannot open the event channel device");
	w->evtchn_binds++;
	port = xenevtchn_bind_interdomain(w->evtchn, w->domid, start->evtchn);
	if (port < 0)
		return fail(error, "cannot bind the event channel");
	w->port = (evtchn_port_t)port;
	if (xenevtchn_restrict(w->evtchn, (domid_t)w->domid))
		return fail(error, "cannot restrict the event channel handle");
	return 0;
}

void device_rearm(struct worker *w)
{
	if (!w->event)
		return;
	w->event = false;
	w->counters->syscalls++;
	if (xenevtchn_pending(w->evtchn) < 0)
		return;
	w->counters->events++;
	w->counters->syscalls++;
	if (xenevtchn_unmask(w->evtchn, w->port))
		log_warn("cannot unmask the event channel: %s",
			 strerror(errno));
}

void device_notify(struct worker *w)
{
	w->counters->syscalls++;
	w->counters->notifies++;
	/* fails when the guest is gone; vtoed will notice that */
	xenevtchn_notify(w->evtchn, w->port);
}

void device_unmap(struct worker *w)
{
	if (!w->base)
		return;
	w->counters->grant_unmaps++;
	xengnttab_unmap(w->gnttab, w->base, w->view.geo.nr_pages);
	w->base = NULL;
}
