/* SPDX-License-Identifier: GPL-2.0 */
/*
 * guest_parts.h - what the files of guest.h share; for nobody else.
 *
 *	guest.c		networks and links
 *	guest_lease.c	links whose address comes by DHCP
 *	guest_range.c	links whose address is of a TOE's range
 */
#ifndef TOE_SERVICE_GUEST_PARTS_H
#define TOE_SERVICE_GUEST_PARTS_H

#include "guest.h"

/* 0, or -EADDRINUSE: a device has the address; family 0 is free. */
int guest_check_free(const struct inventory *inv, const struct vtoe_addr *addr,
		     char *error);

/* Does no device, this one included, have it? */
bool guest_is_free(const struct guest_net *net, const struct vtoe_addr *addr);

/* The first one of a range that nobody has; an empty range gives none, and 0. */
int guest_take_address(const struct guest_net *net,
		       const struct address_range *range,
		       struct toe_address *address);

/* On failure it has none. A link that is away is made with it later. */
int guest_set_address(struct guest_net *net, uint32_t index,
		      const struct toe_address *ip, char *error);

/* What a link is made from, as it is now; the strings are the net's. */
void guest_make_spec(const struct guest_net *net, uint32_t index,
		     struct toe_context_spec *spec);

/* @mac: TOE_MAC_LEN bytes; the same each time that the guest starts */
void guest_lease_mac(const struct guest_net *net, uint32_t index, uint8_t *mac);

#endif /* TOE_SERVICE_GUEST_PARTS_H */
