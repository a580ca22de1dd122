/* SPDX-License-Identifier: GPL-2.0 */
/*
 * range.h - addresses that a TOE has to give to guests.
 *
 * Pure: which of them are taken is for guest.c to know.
 */
#ifndef TOE_SERVICE_RANGE_H
#define TOE_SERVICE_RANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "tables.h"

/* A guest has one of a TOE's: this many are more than a host has guests. */
#define RANGE_MAX 65536u

struct address_range {
	struct toe_address first; /* with the prefix and gateway of them all */
	uint32_t nr;		  /* addresses; 0: none */
};

/**
 * range_parse - read "192.0.2.100-192.0.2.199/24" or "192.0.2.100/24"
 * @family: VTOE_INET or VTOE_INET6
 * @key: what to call it in an error
 * @gateway: an address, or "": none; @gateway_key: what to call it
 * @range: set on success only
 * @error: ENTRY_ERROR_MAX bytes; what is wrong, for people
 *
 * An empty @text is no range. Returns 0 or -EINVAL.
 */
int range_parse(uint16_t family, const char *key, const char *text,
		const char *gateway_key, const char *gateway,
		struct address_range *range, char *error);

/** range_address - address @n, which must be below nr */
void range_address(const struct address_range *range, uint32_t n,
		   struct toe_address *address);

/** range_has - is it one of the range's? */
bool range_has(const struct address_range *range, const struct vtoe_addr *addr);

/** range_overlaps - true if an address is in both */
bool range_overlaps(const struct address_range *a,
		    const struct address_range *b);

#endif /* TOE_SERVICE_RANGE_H */
