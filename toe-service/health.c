/* SPDX-License-Identifier: GPL-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "health.h"

/* A number for people; anything above is a lie, and would overflow sums. */
#define COUNT_MAX 1000000000ull

/* ---- reports ---- */

static int order(const void *a, const void *b)
{
	const struct health_report *x = a, *y = b;

	if (x->row != y->row)
		return x->row < y->row ? -1 : 1;
	if (x->guest != y->guest)
		return x->guest < y->guest ? -1 : 1;
	return 0;
}

static uint64_t at_most(uint64_t n, uint64_t max)
{
	return n < max ? n : max;
}

static void check(struct health_report *report)
{
	report->operations = at_most(report->operations, COUNT_MAX);
	report->failures = at_most(report->failures, report->operations);
}

size_t health_sort(struct health_report *report, size_t nr)
{
	size_t from, to = 0;

	if (!nr)
		return 0;
	qsort(report, nr, sizeof(*report), order);
	check(&report[0]);
	for (from = 1; from < nr; from++) {
		check(&report[from]);
		if (order(&report[to], &report[from])) {
			report[++to] = report[from];
			continue;
		}
		report[to].operations += report[from].operations;
		report[to].failures += report[from].failures;
		if (report[to].silent < report[from].silent)
			report[to].silent = report[from].silent;
		report[to].placed |= report[from].placed;
	}
	return to + 1;
}

/* ---- votes ---- */

struct votes {
	size_t against, users, guests, silent;
	uint64_t operations, failures; /* of those against */
};

static bool is_silent(const struct health_report *report)
{
	return report->silent >= HEALTH_SILENT_S;
}

static bool is_against(const struct health_report *report)
{
	if (is_silent(report))
		return true;
	return report->failures >= HEALTH_FAILURES_MIN &&
	       report->failures * HEALTH_SHARE >= report->operations;
}

static void count(const struct health_report *report, size_t nr,
		  struct votes *votes)
{
	size_t i;

	*votes = (struct votes){0};
	for (i = 0; i < nr; i++) {
		votes->guests += report[i].placed;
		votes->users += report[i].operations || is_silent(&report[i]);
		votes->silent += is_silent(&report[i]);
		if (!is_against(&report[i]))
			continue;
		votes->against++;
		votes->operations += report[i].operations;
		votes->failures += report[i].failures;
	}
}

static bool enough(const struct votes *votes)
{
	if (votes->against >= 2)
		return votes->against * 2 >= votes->users;
	return votes->against && votes->users == 1 && votes->guests <= 1;
}

/* ---- judging ---- */

static void set_bad(struct health *health, const struct votes *votes,
		    uint64_t now)
{
	bool forgotten = now - health->changed_ns >= HEALTH_QUIET_MAX_NS;

	if (!health->quiet_ns || forgotten)
		health->quiet_ns = HEALTH_QUIET_NS;
	else
		health->quiet_ns =
			at_most(health->quiet_ns * 2, HEALTH_QUIET_MAX_NS);
	health->bad = true;
	health->changed_ns = now;
	if (votes->silent) {
		snprintf(health->reason, sizeof(health->reason),
			 "does not answer");
		return;
	}
	snprintf(health->reason, sizeof(health->reason),
		 "%" PRIu64 " of %" PRIu64 " operations failed in %u s",
		 votes->failures, votes->operations, HEALTH_WINDOW_S);
}

static void set_good(struct health *health, uint64_t now)
{
	health->bad = false;
	health->changed_ns = now;
	health->reason[0] = 0;
}

bool health_judge(struct health *health, const struct health_report *report,
		  size_t nr, uint64_t now)
{
	struct votes votes;

	count(report, nr, &votes);
	if (enough(&votes)) {
		health->voted_ns = now;
		if (health->bad)
			return false;
		set_bad(health, &votes, now);
		return true;
	}
	if (!health->bad || now - health->voted_ns < health->quiet_ns)
		return false;
	set_good(health, now);
	return true;
}

void health_resume(struct health *health, uint64_t now)
{
	*health = (struct health){
		.bad = true,
		.changed_ns = now,
		.voted_ns = now,
		.quiet_ns = HEALTH_QUIET_NS,
		.reason = "operations failed before vtoed was restarted",
	};
}
