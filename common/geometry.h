/* SPDX-License-Identifier: GPL-2.0 */
/*
 * geometry.h - where everything stands in a device's shared pages.
 *
 * The shared pages of a device are one contiguous range of virtual addresses
 * on each side. Their order is fixed by the contract (xenstore-schema/
 * README.md, section 4), so that it follows from five numbers and nothing in
 * it needs checking but these. Compiles in the kernel and in user space.
 */
#ifndef COMMON_GEOMETRY_H
#define COMMON_GEOMETRY_H

#include "../xenstore-schema/vtoe_wire.h"

struct vtoe_geometry {
	uint32_t nr_entries;  /* of the submission and the completion ring */
	uint32_t nr_slots;
	uint32_t nr_tx_pages;
	uint32_t nr_rx_pages;

	/* first page of each part, counted from the first shared page */
	uint32_t queue; /* one page: struct vtoe_queue_page */
	uint32_t sq;
	uint32_t cq;
	uint32_t dom0_doorbell;
	uint32_t guest_doorbell;
	uint32_t slots;
	uint32_t tx;
	uint32_t rx;

	uint32_t nr_pages; /* all of them, the layout page excluded */
	uint32_t nr_dirs;  /* directory pages */
};

/* The same as pointers into the mapping. */
struct vtoe_view {
	struct vtoe_geometry geo;
	struct vtoe_queue_page *queue;
	struct vtoe_submission *sq;
	struct vtoe_completion *cq;
	uint64_t *dom0_doorbell;
	uint64_t *guest_doorbell;
	struct vtoe_slot *slots;
	uint8_t *tx;
	uint8_t *rx;
};

/**
 * vtoe_geometry_init - compute the places from the sizes
 * @geo: filled in on success only
 * @nr_entries: entries of each ring, a power of two
 * @nr_slots: slots, a power of two
 * @nr_tx_pages: pages of the TX arena, at least one
 * @nr_rx_pages: pages of the RX arena, at least one
 *
 * Returns 0, or -EINVAL if a size is outside the contract's limits. May be
 * called from any context.
 */
int vtoe_geometry_init(struct vtoe_geometry *geo, uint32_t nr_entries,
		       uint32_t nr_slots, uint32_t nr_tx_pages,
		       uint32_t nr_rx_pages);

/**
 * vtoe_geometry_from_layout - check a layout page and compute the places
 * @geo: filled in on success only
 * @layout: a private copy of the peer's layout page
 *
 * Returns 0, -EPROTONOSUPPORT for an unknown magic or version, -EINVAL if any
 * field contradicts the contract. The grant references are not looked at.
 */
int vtoe_geometry_from_layout(struct vtoe_geometry *geo,
			      const struct vtoe_layout *layout);

/**
 * vtoe_geometry_to_layout - describe the places in a layout page
 * @geo: the geometry
 * @layout: zeroed and filled in, but for dir_ref
 */
void vtoe_geometry_to_layout(const struct vtoe_geometry *geo,
			     struct vtoe_layout *layout);

/**
 * vtoe_view_init - pointers into a mapping of all shared pages
 * @view: filled in
 * @geo: the geometry, copied
 * @base: first shared page, mapped contiguously; must outlive @view
 */
void vtoe_view_init(struct vtoe_view *view, const struct vtoe_geometry *geo,
		    void *base);

#endif /* COMMON_GEOMETRY_H */
