/* SPDX-License-Identifier: GPL-2.0 */
/* prefix.h - addresses of one network. */
#ifndef COMMON_PREFIX_H
#define COMMON_PREFIX_H

#ifdef __KERNEL__
#include <linux/string.h>
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#endif

/** prefix_same - are the first @bits bits of two byte strings the same? */
static inline bool prefix_same(const uint8_t *a, const uint8_t *b,
			       uint32_t bits)
{
	uint32_t bytes = bits / 8, rest = bits % 8;

	if (memcmp(a, b, bytes))
		return false;
	return !rest || !((a[bytes] ^ b[bytes]) >> (8 - rest));
}

#endif /* COMMON_PREFIX_H */
