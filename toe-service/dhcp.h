/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dhcp.h - guests' links whose IPv4 address is that of a DHCP lease.
 *
 * Theory of operation
 *
 * Such a link (guest_link.dhcp) is made without an IPv4 address, and works as
 * any other one that has none: what the guest does meanwhile fails with
 * ENETUNREACH, truly. For each there is a client, a process in the guest's
 * namespace (vtoe_dhcp.c), which asks by an identity that is the guest's own, so
 * that it gets the same address each time. A lease that passes all checks
 * (lease.h, and that nobody else here has its address) becomes the link's address;
 * one that does not is refused, and said to be so.
 *
 *	a lease, or another one		the link has its address
 *	the same again (renewed)	nothing
 *	none any more			the link's address is removed
 *	the client ends			another one asks for the same address, which
 *					stays as long as the lease lasts
 *	the link moves to a sibling	likewise, from there
 *	vtoed ends			the client goes on, renews; the next vtoed
 *					reads what it has said since
 *	the device goes			the lease is given back
 *
 * What is wanted is worked out anew after each change (dhcp_mark()), from how
 * links are and what clients say.
 */
#ifndef TOE_SERVICE_DHCP_H
#define TOE_SERVICE_DHCP_H

#include <stdbool.h>
#include <stdint.h>

struct guest_net;
struct inventory;

/* A link has another address, or another state of its lease; or, of a net that
 * is left (dhcp_leave()), a client has ended. From the loop. */
typedef void dhcp_changed_fn(void *arg, struct guest_net *net, uint32_t index);

/**
 * dhcp_open - make ready for clients
 * @run_dir: what they say is kept below
 * @program: vtoe-dhcp
 *
 * Returns 0 or a negative errno; logs why.
 */
int dhcp_open(struct inventory *inv, const char *run_dir, const char *program);

/** dhcp_close - let go of all clients, which go on. */
void dhcp_close(struct inventory *inv);

/**
 * dhcp_start - all guests that an earlier vtoed has had are known
 *
 * Clients that nobody has any more are ended. May be repeated.
 */
void dhcp_start(struct inventory *inv, dhcp_changed_fn *changed, void *arg);

/** dhcp_stop - nobody is to be told any more. */
void dhcp_stop(struct inventory *inv);

/** dhcp_mark - links have changed: look at all soon. */
void dhcp_mark(struct inventory *inv);

/**
 * dhcp_leave - have a device's leases given back; may be repeated
 *
 * Returns true while clients are at it.
 */
bool dhcp_leave(struct guest_net *net);

/** dhcp_forget - end a link's client at once, and forget its lease. */
void dhcp_forget(const struct guest_net *net, uint32_t index);

/** dhcp_sweep - the same for all of a namespace of which no more is known. */
void dhcp_sweep(const struct inventory *inv, const char *name);

#endif /* TOE_SERVICE_DHCP_H */
