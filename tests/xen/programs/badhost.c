/* SPDX-License-Identifier: GPL-2.0 */
/*
 * badhost - a dom0 that breaks the contract.
 *
 *	badhost DOMID LAYOUT-REF WHAT SECONDS
 *
 * Maps a device's shared pages a second time, beside its worker, and writes
 * there what a worker never would, over and over:
 *
 *	completions	more of them than there are commands
 *	index		bytes produced beyond the ring, in each slot
 *	run		a run outside of the arena, in each slot
 *	errno		an errno that does not exist, in each slot
 *	flags		flags that do not exist, in each slot
 *	random		anything, in dom0's words of the queue page and the slots
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <xengnttab.h>

#include "../../../common/geometry.h"
#include "../../../common/ring.h"


static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void copy_page(xengnttab_handle *xgt, uint32_t domid, uint32_t ref,
		      void *to, size_t len)
{
	void *page = xengnttab_map_grant_ref(xgt, domid, ref, PROT_READ);

	if (!page)
		die("mapping a page");
	memcpy(to, page, len);
	xengnttab_unmap(xgt, page, 1);
}

static void map_all(uint32_t domid, uint32_t layout_ref, struct vtoe_view *view)
{
	xengnttab_handle *xgt = xengnttab_open(NULL, 0);
	struct vtoe_layout layout;
	struct vtoe_geometry geo;
	uint32_t *ref, i;
	void *base;

	if (!xgt)
		die("the grant device");
	copy_page(xgt, domid, layout_ref, &layout, sizeof(layout));
	if (vtoe_geometry_from_layout(&geo, &layout))
		die("the layout");
	ref = calloc(geo.nr_dirs, VTOE_PAGE_SIZE);
	if (!ref)
		die("memory");
	for (i = 0; i < geo.nr_dirs; i++)
		copy_page(xgt, domid, layout.dir_ref[i],
			  ref + i * VTOE_REFS_PER_PAGE, VTOE_PAGE_SIZE);
	base = xengnttab_map_domain_grant_refs(xgt, geo.nr_pages, domid, ref,
					       PROT_READ | PROT_WRITE);
	if (!base)
		die("mapping the shared pages");
	vtoe_view_init(view, &geo, base);
}

static void random_words(uint32_t *word, size_t nr)
{
	while (nr--)
		vtoe_store(word++, (uint32_t)rand() * 3u);
}

static void spoil_slot(struct vtoe_slot *slot, const char *what)
{
	struct vtoe_slot_dom0 *half = &slot->dom0;
	uint32_t cons = vtoe_load(&slot->guest.rx_cons);

	if (!strcmp(what, "index"))
		vtoe_store(&half->rx_prod, cons + 0x7fffffffu);
	else if (!strcmp(what, "run"))
		vtoe_store(&half->rx_run, VTOE_RUN_VALID | VTOE_RUN_PAGE_MASK);
	else if (!strcmp(what, "errno"))
		vtoe_store(&half->error, ~0u);
	else if (!strcmp(what, "flags"))
		vtoe_store(&half->flags, 0xff00u);
	else if (!strcmp(what, "random"))
		random_words(&half->rx_prod, 7);
}

static void spoil(struct vtoe_view *view, const char *what)
{
	uint32_t i;

	if (!strcmp(what, "completions") || !strcmp(what, "random"))
		vtoe_store(&view->queue->cq_prod,
			   vtoe_load(&view->queue->cq_prod) + 0x10000u);
	for (i = 0; i < view->geo.nr_slots; i++)
		if (vtoe_load(&view->slots[i].guest.gen))
			spoil_slot(&view->slots[i], what);
}

int main(int argc, char **argv)
{
	struct vtoe_view view;
	time_t end;

	if (argc != 5) {
		fprintf(stderr,
			"usage: badhost DOMID LAYOUT-REF WHAT SECONDS\n");
		return 2;
	}
	map_all((uint32_t)atoi(argv[1]), (uint32_t)atoi(argv[2]), &view);
	end = time(NULL) + atoi(argv[4]);
	while (time(NULL) < end)
		spoil(&view, argv[3]);
	return 0;
}
