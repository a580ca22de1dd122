/* SPDX-License-Identifier: GPL-2.0 */
/* toe_parts.h - between toe.c, toe_look.c and toe_publish.c, and for no one else. */
#ifndef TOE_SERVICE_TOE_PARTS_H
#define TOE_SERVICE_TOE_PARTS_H

#include "toe.h"

/* How a TOE looks now. */
struct sight {
	struct netlink_link link;   /* its netdev */
	struct netlink_link device; /* what guests' links are on; 0: nothing */
	char reason[TOE_REASON_MAX]; /* why it is not up; "" if it is */
};

/**
 * toe_look - ask the kernel; with a VLAN, have its link there
 * @sight: zeroed
 *
 * Returns the state that the TOE should have.
 */
enum toe_state toe_look(struct inventory *inv, const struct toe *toe,
			struct sight *sight);

/* Each does nothing while there is nobody to tell. */

/**
 * toe_publish_changed - the states that have changed (toe->unpublished)
 *
 * Each write is a round trip to xenstored: first guests move, then it is told.
 */
void toe_publish_changed(struct inventory *inv);

/** toe_publish_offloads - what its device has */
void toe_publish_offloads(struct inventory *inv, const struct toe *toe);

/** toe_publish_new - TOEs that have not been published yet, and all pools */
void toe_publish_new(struct inventory *inv);

/** toe_unpublish - one that is no more */
void toe_unpublish(struct inventory *inv, const char *name);

#endif /* TOE_SERVICE_TOE_PARTS_H */
