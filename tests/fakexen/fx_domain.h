/* SPDX-License-Identifier: GPL-2.0 */
/* A domain object, shared by the files of fakexen that act for a guest. */
#ifndef FX_DOMAIN_H
#define FX_DOMAIN_H

#include "fx_state.h"

/* Xen's reserved grant reference for XenStore; fx_grant() starts above 7. */
#define FX_GREF_XENSTORE 1u
#define FX_GREF_FIRST 8u
#define FX_XENSTORE_PAGE 0u

struct fx_dom {
	struct fx_host *host;
	uint32_t domid;
	uint32_t pages;
	void *mem;
	struct fx_evtchn *xs_evtchn;	/* NULL unless made here */
};

#endif
