/* SPDX-License-Identifier: GPL-2.0 */
/*
 * guest_parts.h - what the files of guest.h share; for nobody else.
 *
 *	guest.c		networks, and where their links are placed
 *	guest_link.c	one link
 *	guest_move.c	links that go to another TOE
 *	guest_retire.c	links that were left, for a moment
 *	guest_lease.c	links whose address comes by DHCP
 *	guest_range.c	what links have of a TOE's ranges and routes
 */
#ifndef TOE_SERVICE_GUEST_PARTS_H
#define TOE_SERVICE_GUEST_PARTS_H

#include "guest.h"

/* 0, or -EADDRINUSE: a device has the address; family 0 is free. */
int guest_check_free(const struct inventory *inv, const struct vtoe_addr *addr,
		     char *error);

/* Returns @err. @error: ENTRY_ERROR_MAX bytes */
int guest_fail(char *error, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The pool that an entry names; NULL, and why, if there is none. */
const struct config_pool *guest_find_pool(struct inventory *inv,
					  const struct entry *entry,
					  char *error);

/* ---- one link ---- */

/* Links that a guest of its pool may have. */
uint32_t guest_spread(const struct guest_net *net);
/* It is on @toe, as far as is known here. */
void guest_set_toe(struct guest_net *net, uint32_t index,
		   const struct toe *toe);
int guest_make_link(struct guest_net *net, uint32_t index, char *error);
void guest_unmake_link(const struct guest_net *net, uint32_t index);

/* ---- links that were left ---- */

/*
 * Another one has taken the place of @left's link of that number: it goes; if it
 * works, not before what is on its way to it has come.
 */
void guest_leave_link(struct guest_net *net, const struct guest_net *left,
		      uint32_t index);
/* The guest as it was when it had the link that was left; false: that is no more. */
bool guest_retired(const struct guest_net *net, uint32_t index,
		   struct guest_net *left);
/* The one that was left last goes at once, if there is one. */
void guest_retired_end(struct guest_net *net, uint32_t index);

/* ---- placement ---- */

/* A TOE for a link, and what it must have of the old one. */
struct guest_wish {
	const char *segment; /* NULL: any */
	const char *driver;  /* NULL: any */
	const char *from;    /* driver of connections that come; NULL: none */
	uint64_t but;	     /* bits: rows of TOEs that will not do */
	bool new_addresses;
};

/* Makes a link on the TOE that suits best and where it works; 0 or an errno. */
int guest_place(struct guest_net *net, uint32_t index,
		const struct config_pool *pool, const struct guest_wish *wish,
		char *error);
/* Devices on each TOE have changed. */
void guest_recount(struct inventory *inv);

/* ---- addresses ---- */

/* Are both the same address, and is it one? */
bool guest_same_address(const struct vtoe_addr *a, const struct vtoe_addr *b);

/* Does no device, this one included, have it? */
bool guest_is_free(const struct guest_net *net, const struct vtoe_addr *addr);

/* The first one of a range that nobody has; an empty range gives none, and 0. */
int guest_take_address(const struct guest_net *net,
		       const struct address_range *range,
		       struct toe_address *address);

/* On failure it has none of that family. A link that is away is made with it later. */
int guest_set_address(struct guest_net *net, uint32_t index, uint16_t family,
		      const struct toe_address *ip, char *error);

/* What a link is made from, as it is now; the strings are the net's. */
void guest_make_spec(const struct guest_net *net, uint32_t index,
		     struct toe_context_spec *spec);

/* @mac: TOE_MAC_LEN bytes; the same each time that the guest starts */
void guest_lease_mac(const struct guest_net *net, uint32_t index, uint8_t *mac);

#endif /* TOE_SERVICE_GUEST_PARTS_H */
