/* SPDX-License-Identifier: GPL-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "format.h"

/* Three digits that count, but no exponent. */
static int places(double value)
{
	int n = 0;

	while (value < 100 && n < 2) {
		value *= 10;
		n++;
	}
	return n;
}

void format_per_mb(char *text, uint64_t count, uint64_t bytes)
{
	double rate;

	if (!bytes) {
		snprintf(text, FORMAT_MAX, "-");
		return;
	}
	rate = (double)count / ((double)bytes / FORMAT_MB);
	if (rate > 0 && rate < 0.01)
		snprintf(text, FORMAT_MAX, "<0.01");
	else
		snprintf(text, FORMAT_MAX, "%.*f", places(rate), rate);
}

void format_bytes(char *text, uint64_t bytes)
{
	static const char *const unit[] = { "kB", "MB", "GB", "TB" };
	double value = (double)bytes / 1000;
	unsigned int i = 0;

	if (bytes < 1000) {
		snprintf(text, FORMAT_MAX, "%" PRIu64 " B", bytes);
		return;
	}
	for (; value >= 999.5 && i < 3; i++)
		value /= 1000;
	snprintf(text, FORMAT_MAX, "%.*f %s", places(value), value, unit[i]);
}

void format_age(char *text, double seconds)
{
	static const struct {
		double limit, unit;
		char letter;
	} step[] = {
		{ 120, 1, 's' },
		{ 120 * 60, 60, 'm' },
		{ 48 * 3600, 3600, 'h' },
		{ 1e300, 86400, 'd' },
	};
	unsigned int i = 0;

	if (!(seconds >= 0 && seconds < 1e15)) {
		snprintf(text, FORMAT_MAX, "-");
		return;
	}
	while (seconds >= step[i].limit)
		i++;
	snprintf(text, FORMAT_MAX, "%" PRIu64 "%c",
		 (uint64_t)(seconds / step[i].unit), step[i].letter);
}
