/* SPDX-License-Identifier: GPL-2.0 */
/*
 * lwip_world.h - what the driver "lwip" does not do, or not as Linux does it; the
 * reason stands at each.
 */
#ifndef NATIVE_LWIP_WORLD_H
#define NATIVE_LWIP_WORLD_H

#include "../xen/programs/sockdiff/sockdiff.h"

/* struct options.narrow: guest_world_narrow() without what lwIP lacks. */
bool lwip_world_narrow(struct step *step);
/* struct options.known */
bool lwip_world_known(const struct step *step, const struct outcome *lwip,
		      const struct outcome *measure);

#endif /* NATIVE_LWIP_WORLD_H */
