/* SPDX-License-Identifier: GPL-2.0 */
/*
 * guest_world.h - the test guest as one of sockdiff's worlds.
 *
 * sockdiff (tests/xen/programs/sockdiff) makes random steps, does each in two
 * worlds and compares. Here the one under test is a device of the test guest:
 * the contract, vtoed's worker and the driver, without the guest's kernel. What
 * vtoe.ko does by itself, as to say what poll() would, stands in guest_world.c
 * as far as it is needed; calls that have nothing to do with dom0 are left out.
 */
#ifndef NATIVE_GUEST_WORLD_H
#define NATIVE_GUEST_WORLD_H

#include "guest.h"
#include "../xen/programs/sockdiff/sockdiff.h"

extern const struct world_ops guest_world_ops;

/** guest_world_begin - the device whose sockets they are */
void guest_world_begin(struct tg *tg);

/** guest_world_narrow - options.narrow */
bool guest_world_narrow(struct step *step);

#endif
