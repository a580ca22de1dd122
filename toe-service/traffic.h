/* SPDX-License-Identifier: GPL-2.0 */
/*
 * traffic.h - bytes and packets of each guest on each TOE.
 *
 * Theory of operation
 *
 * A link's own counters are the truth, and are read when somebody asks; nothing
 * is polled. They begin at 0 with the link and go with it, so that what a link had
 * is added up before it is removed: for its device (guest_net.past), on the TOE that
 * the link was on, and when the device goes, for that TOE (toe.past). A link that
 * vanished with its netdev takes its last counters with it, and what was added up
 * is forgotten when vtoed ends.
 */
#ifndef TOE_SERVICE_TRAFFIC_H
#define TOE_SERVICE_TRAFFIC_H

#include "guest.h"

/** traffic_add - add @more to @sum. */
void traffic_add(struct toe_traffic *sum, const struct toe_traffic *more);

/**
 * traffic_keep - a link is about to be removed: remember what it had
 * @net: the device
 * @from: the device as it was when it had the link; @net itself, or a copy
 */
void traffic_keep(struct guest_net *net, const struct guest_net *from,
		  uint32_t index);

/** traffic_leave - a device is about to go; its links were kept. */
void traffic_leave(struct guest_net *net);

/**
 * traffic_of_guest - what a device has sent and received by a TOE
 * @traffic: with that of links that it had there before; set on success only
 *
 * Returns 0; -ENOENT: it neither is nor was on it; -EOPNOTSUPP: the engine does
 * not count; or another negative errno.
 */
int traffic_of_guest(const struct guest_net *net, const struct toe *toe,
		     struct toe_traffic *traffic);

#endif /* TOE_SERVICE_TRAFFIC_H */
