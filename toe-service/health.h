/* SPDX-License-Identifier: GPL-2.0 */
/*
 * health.h - does an engine that seems to work do its work?
 *
 * Theory of operation
 *
 * Each worker counts what it has asked of a TOE and how often the engine has
 * failed (struct toe_usage). vtoed reads the counts once a window and judges
 * each TOE anew. A worker is not trusted, since it parses a guest's bytes; so
 * counts are votes, and a guest has one, whatever number of workers and of
 * failures it has, and about the TOEs only that its devices are on:
 *
 *	A guest votes against a TOE if, in a window, at least
 *	HEALTH_FAILURES_MIN of its operations failed by the engine's doing, and
 *	at least one of HEALTH_SHARE; or if at its end the engine has not
 *	answered for HEALTH_SILENT_S, as far as its driver can tell.
 *
 *	A TOE is degraded if at least two guests vote against it, and no fewer
 *	than half of those that used it; or if its only guest does.
 *
 * So one guest cannot have a TOE left that others are on. One that is alone on
 * a TOE can: then nobody is moved but itself, and what others lose is a place
 * to go as long as there is a better one, since a degraded TOE is used when
 * there is no other. Two guests that conspire need half of those that work at
 * the time. Counts only name the reason, for people.
 *
 *	good	  degraded by votes				-> bad
 *	bad	  a quiet time without a vote			-> good
 *
 * A TOE that is left sees no operation, and so looks well. What it fails at is
 * found when it is used again; that is why the quiet time doubles each time it
 * is degraded again, up to a limit, and is short again only after it was good
 * for as long as that limit.
 */
#ifndef TOE_SERVICE_HEALTH_H
#define TOE_SERVICE_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEALTH_S 1000000000ull
/* Long enough for some operations of a quiet guest, short for a busy one. */
#define HEALTH_WINDOW_S	    5u
#define HEALTH_FAILURES_MIN 5u /* fewer may be one socket's bad luck */
#define HEALTH_SHARE	    4u /* one failure in four operations */
/* An engine answers in much less than a second; a busy dom0 may ask late. */
#define HEALTH_SILENT_S	    3u
/* Time for guests to move; then each round that it fails again costs them one
 * move back and forth, so a hopeless engine is tried once in 16 minutes. */
#define HEALTH_QUIET_NS	    (30 * HEALTH_S)
#define HEALTH_QUIET_MAX_NS (32 * HEALTH_QUIET_NS)
#define HEALTH_REASON_MAX   64

/* What the workers of one guest have seen of one TOE in a window. */
struct health_report {
	uint32_t row;		       /* of the TOE */
	uint32_t guest;		       /* any number that tells guests apart */
	uint64_t operations, failures; /* may be lies, */
	uint32_t silent;	       /* seconds; and this, too */
	bool placed; /* has a device there, whether it did something or not */
};

struct health {
	bool bad;
	uint64_t changed_ns; /* of bad; 0: never was */
	uint64_t voted_ns;   /* the last window with enough votes */
	uint64_t quiet_ns;   /* how long no vote makes it good; 0: never bad */
	char reason[HEALTH_REASON_MAX]; /* while it is bad */
};

/**
 * health_sort - bring the reports of a window into order
 *
 * By row, then by guest, each pair once; returns how many are left.
 */
size_t health_sort(struct health_report *report, size_t nr);

/**
 * health_judge - one TOE, at the end of a window
 * @report: those of its row, sorted
 * @now: CLOCK_MONOTONIC
 *
 * Returns true if bad, or its reason, has changed.
 */
bool health_judge(struct health *health, const struct health_report *report,
		  size_t nr, uint64_t now);

/** health_resume - it was bad already for the vtoed before this one */
void health_resume(struct health *health, uint64_t now);

#endif /* TOE_SERVICE_HEALTH_H */
