/* SPDX-License-Identifier: GPL-2.0 */
/*
 * guestcfg.h - devices from the guests' own configuration files.
 *
 * Theory of operation
 *
 * xl neither knows nor stores the vtoe entries of a guest's file. So for each
 * domain that appears, a helper (vtoe-xlcfg, which has xl's parser; vtoed has
 * not) looks for the file by the domain's uuid or name, and prints the entries.
 * The n-th becomes device n. The helper runs beside the loop, several at once,
 * because the guest's kernel looks for its devices soon.
 *
 * A domain is looked at once. /local/domain/<be>/vtoe/guest/<domid> remembers
 * that for the next vtoed, so that a device that was detached by hand does not
 * come back.
 */
#ifndef BACKEND_GUESTCFG_H
#define BACKEND_GUESTCFG_H

#include "backend.h"

struct guestcfg;

/** guestcfg_new - returns NULL without memory. */
struct guestcfg *guestcfg_new(struct backend *be);

/** guestcfg_free - kills helpers that still run. */
void guestcfg_free(struct guestcfg *guestcfg);

/** guestcfg_look - start a helper for each domain not looked at yet. */
void guestcfg_look(struct guestcfg *guestcfg);

/** guestcfg_forget_gone - forget domains that are gone: numbers come again. */
void guestcfg_forget_gone(struct guestcfg *guestcfg);

#endif /* BACKEND_GUESTCFG_H */
