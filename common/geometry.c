/* SPDX-License-Identifier: GPL-2.0 */
#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/string.h>
#else
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#endif

#include "geometry.h"

static bool in_range_pow2(uint32_t n, uint32_t min, uint32_t max)
{
	return n >= min && n <= max && (n & (n - 1)) == 0;
}

static uint32_t pages_of(uint64_t bytes)
{
	return (uint32_t)((bytes + VTOE_PAGE_SIZE - 1) / VTOE_PAGE_SIZE);
}

int vtoe_geometry_init(struct vtoe_geometry *geo, uint32_t nr_entries,
		       uint32_t nr_slots, uint32_t nr_tx_pages,
		       uint32_t nr_rx_pages)
{
	const uint32_t max_pages = VTOE_MAX_DIRS * VTOE_REFS_PER_PAGE;
	struct vtoe_geometry g = {
		.nr_entries = nr_entries,
		.nr_slots = nr_slots,
		.nr_tx_pages = nr_tx_pages,
		.nr_rx_pages = nr_rx_pages,
	};
	uint32_t ring, doorbell;

	if (!in_range_pow2(nr_entries, VTOE_MIN_ENTRIES, VTOE_MAX_ENTRIES) ||
	    !in_range_pow2(nr_slots, VTOE_MIN_SLOTS, VTOE_MAX_SLOTS))
		return -EINVAL;
	if (!nr_tx_pages || nr_tx_pages > max_pages || !nr_rx_pages ||
	    nr_rx_pages > max_pages)
		return -EINVAL;

	ring = pages_of((uint64_t)nr_entries * VTOE_ENTRY_SIZE);
	doorbell = pages_of(nr_slots / 8);

	g.queue = 0;
	g.sq = g.queue + 1;
	g.cq = g.sq + ring;
	g.dom0_doorbell = g.cq + ring;
	g.guest_doorbell = g.dom0_doorbell + doorbell;
	g.slots = g.guest_doorbell + doorbell;
	g.tx = g.slots + pages_of((uint64_t)nr_slots * VTOE_SLOT_SIZE);
	g.rx = g.tx + nr_tx_pages;
	g.nr_pages = g.rx + nr_rx_pages;
	if (g.nr_pages > max_pages)
		return -EINVAL;
	g.nr_dirs = (g.nr_pages + VTOE_REFS_PER_PAGE - 1) / VTOE_REFS_PER_PAGE;
	*geo = g;
	return 0;
}

int vtoe_geometry_from_layout(struct vtoe_geometry *geo,
			      const struct vtoe_layout *layout)
{
	struct vtoe_geometry g;
	unsigned int i;
	int err;

	if (layout->magic != VTOE_WIRE_MAGIC ||
	    layout->version != VTOE_WIRE_VERSION)
		return -EPROTONOSUPPORT;
	for (i = 0; i < sizeof(layout->zero) / sizeof(layout->zero[0]); i++)
		if (layout->zero[i])
			return -EINVAL;
	if (layout->nr_queues != 1)
		return -EINVAL;
	err = vtoe_geometry_init(&g, layout->nr_entries, layout->nr_slots,
				 layout->nr_tx_pages, layout->nr_rx_pages);
	if (err)
		return err;
	if (layout->nr_pages != g.nr_pages || layout->nr_dirs != g.nr_dirs)
		return -EINVAL;
	*geo = g;
	return 0;
}

void vtoe_geometry_to_layout(const struct vtoe_geometry *geo,
			     struct vtoe_layout *layout)
{
	memset(layout, 0, sizeof(*layout));
	layout->magic = VTOE_WIRE_MAGIC;
	layout->version = VTOE_WIRE_VERSION;
	layout->nr_queues = 1;
	layout->nr_entries = geo->nr_entries;
	layout->nr_slots = geo->nr_slots;
	layout->nr_tx_pages = geo->nr_tx_pages;
	layout->nr_rx_pages = geo->nr_rx_pages;
	layout->nr_pages = geo->nr_pages;
	layout->nr_dirs = geo->nr_dirs;
}

static void *page_at(uint8_t *base, uint32_t page)
{
	return base + (size_t)page * VTOE_PAGE_SIZE;
}

void vtoe_view_init(struct vtoe_view *view, const struct vtoe_geometry *geo,
		    void *base)
{
	view->geo = *geo;
	view->queue = page_at(base, geo->queue);
	view->sq = page_at(base, geo->sq);
	view->cq = page_at(base, geo->cq);
	view->dom0_doorbell = page_at(base, geo->dom0_doorbell);
	view->guest_doorbell = page_at(base, geo->guest_doorbell);
	view->slots = page_at(base, geo->slots);
	view->tx = page_at(base, geo->tx);
	view->rx = page_at(base, geo->rx);
}
