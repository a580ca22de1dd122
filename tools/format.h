/* SPDX-License-Identifier: GPL-2.0 */
/*
 * format.h - numbers and times for people. Pure.
 */
#ifndef TOOLS_FORMAT_H
#define TOOLS_FORMAT_H

#include <stdint.h>

#define FORMAT_MAX 32	      /* bytes of any text from here, with the NUL */
#define FORMAT_MB 1000000.0 /* bytes of a megabyte */

/**
 * format_per_mb - how often something happens for each megabyte
 * @text: FORMAT_MAX bytes; three digits that count, or "-" for no bytes
 */
void format_per_mb(char *text, uint64_t count, uint64_t bytes);

/** format_bytes - "1.23 MB"; FORMAT_MAX bytes. */
void format_bytes(char *text, uint64_t bytes);

/** format_age - seconds as "12s", "5m", "3h", "2d"; FORMAT_MAX bytes. */
void format_age(char *text, double seconds);

#endif /* TOOLS_FORMAT_H */
