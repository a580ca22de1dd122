/* SPDX-License-Identifier: GPL-2.0 */
/*
 * match.h - TOEs that are there by a match: netdev = "eth*".
 *
 * Theory of operation
 *
 * A section whose netdev has '*', '?' or '[' is no TOE itself. There is one TOE
 * for each network device that matches, named SECTION-DEVICE, with the section's
 * other keys; a pool that names the section has all of them in its place. So from
 * the configuration as it is written and the devices that are there, one is made
 * that is in effect, and has TOEs and pools only.
 *
 * Guests' interfaces ("vif3.0") match only what begins with "vif" itself. A device
 * that another section names in full is not taken; of two sections that
 * match the same device on the same VLAN, the first takes it.
 *
 * Pure: which devices there are is for the caller to know (expand.c).
 */
#ifndef TOE_SERVICE_MATCH_H
#define TOE_SERVICE_MATCH_H

#include <stdbool.h>

#include "config.h"

/* A device that may be taken. */
struct match_netdev {
	char name[TABLE_IFNAME_MAX];
	char by[TABLE_NAME_MAX]; /* only by this section; "": by any */
};

/** match_pattern - does a netdev's name in vtoed.conf match, instead of being one? */
bool match_pattern(const char *netdev);

/** match_is - is it a section that matches? */
bool match_is(const struct config_toe *toe);

/** match_any - is there such a section? */
bool match_any(const struct config *written);

/**
 * match_name - of the TOE that a section gets by a device
 * @name: TABLE_NAME_MAX bytes; what a name cannot have is '_' in it
 */
void match_name(const char *section, const char *netdev, char *name);

/**
 * match_expand - the configuration that is in effect
 * @written: stays the caller's
 * @netdevs: @nr of them; is put into order
 * @result: set on success only; to be freed by config_free(). It has no dirs
 *
 * TOEs for which there is no room (TOE_TABLE_MAX) are left out, and counted in
 * @left_out. Returns 0 or -ENOMEM.
 */
int match_expand(const struct config *written, struct match_netdev *netdevs,
		 size_t nr, struct config **result, uint32_t *left_out);

#endif /* TOE_SERVICE_MATCH_H */
