/* SPDX-License-Identifier: GPL-2.0 */
/* sessions.c - runs sessions, and says what they found. See sockdiff.h. */
#include <stdio.h>
#include <string.h>

#include "sockdiff.h"

#define MAX_KINDS  200
#define LAST_SHOWN 8 /* steps before the last, whatever they are about */

/* ---- differences that were found ---- */

static struct {
	char text[TEXT_SIZE];
	uint32_t seed;
	unsigned int count;
} kinds[MAX_KINDS];
static int nr_kinds;

static unsigned long nr_compared, nr_by_op[NR_OPS], nr_ok[NR_OPS];

/* Numbers of sockets and of bytes do not make a new kind. */
static void kind_text(const struct step *st, const char *what, char *text)
{
	int n = snprintf(text, TEXT_SIZE, "%s", op_names[st->op]);

	if (st->op == OP_SETOPT || st->op == OP_GETOPT)
		n += snprintf(text + n, TEXT_SIZE - (size_t)n, " %s",
			      sockopts[st->a[0]].name);
	snprintf(text + n, TEXT_SIZE - (size_t)n, ": %s", what);
}

/* True if it is new. */
static bool note_kind(const char *text)
{
	for (int i = 0; i < nr_kinds; i++) {
		if (!strcmp(kinds[i].text, text)) {
			kinds[i].count++;
			return false;
		}
	}
	if (nr_kinds == MAX_KINDS)
		return false;
	strcpy(kinds[nr_kinds].text, text);
	kinds[nr_kinds].seed = session.seed;
	kinds[nr_kinds++].count = 1;
	return true;
}

/* May @st have to do with what happened to socket @s? */
static bool related(const struct step *st, int s)
{
	return st->op >= OP_PEER_ACCEPT || step_subject(st) == s ||
	       (st->op == OP_ACCEPT && st->a[0] == s);
}

static void show(int last, const char *what)
{
	int s = step_subject(&session.step[last]);
	char text[TEXT_SIZE];

	printf("DIFFERENT seed %u step %d: %s\n", session.seed, last, what);
	for (int i = 0; i <= last; i++) {
		if (i < last - LAST_SHOWN &&
		    !related(&session.step[i], s))
			continue;
		step_text(&session.step[i], text, sizeof(text));
		printf("  %3d %s\n", i, text);
	}
	fflush(stdout);
}

/* ---- sessions ---- */

static enum verdict one_step(const struct step *st, char *what)
{
	struct outcome *a = &worlds[0].out, *b = &worlds[1].out;
	enum verdict verdict, later;

	worlds_do(st);
	nr_compared++;
	nr_by_op[st->op]++;
	nr_ok[st->op] += b->ret >= 0;
	session_learn(st, b);
	verdict = compare(st, a, b, what);
	if (verdict >= KNOWN_END)
		return verdict;
	later = settle(what);
	return later > verdict ? later : verdict;
}

static void run_session(uint32_t seed, int steps, bool verbose)
{
	char what[TEXT_SIZE], kind[TEXT_SIZE];
	int err;

	session_begin(seed);
	compare_begin();
	for (int i = 0; i < NR_WORLDS; i++) {
		err = world_reset(&worlds[i]);
		if (err)
			die("%s: the peer cannot listen: %s", worlds[i].name,
			    strerror(-err));
	}
	for (int i = 0; i < steps; i++) {
		const struct step *st = session_next();
		enum verdict verdict = one_step(st, what);

		if (verbose) {
			step_text(st, kind, sizeof(kind));
			printf("%.3f %3d %s: %ld %d / %ld %d\n", now(), i, kind,
			       worlds[0].out.ret, worlds[0].out.err,
			       worlds[1].out.ret, worlds[1].out.err);
		}
		if (verdict == KNOWN_END)
			return;
		if (verdict != DIFFERENT)
			continue;
		kind_text(st, what, kind);
		if (note_kind(kind))
			show(i, what);
		return;
	}
}

static void summary(int sessions)
{
	for (int i = 0; i < NR_OPS; i++)
		printf("%s%s %lu/%lu", i ? ", " : "", op_names[i], nr_ok[i],
		       nr_by_op[i]);
	printf("\n");
	for (int i = 0; i < nr_kinds; i++)
		printf("%u times (seed %u): %s\n", kinds[i].count,
		       kinds[i].seed, kinds[i].text);
	printf("%d sessions, %lu steps compared, %d kinds of difference\n",
	       sessions, nr_compared, nr_kinds);
}

int sessions_run(const struct run *r)
{
	double end = now() + r->seconds;
	int i, never;

	for (i = 0; i < r->sessions && now() < end; i++)
		run_session(r->seed + (uint32_t)i, r->steps, r->verbose);
	never = known_report(r->complain);
	summary(i);
	return nr_kinds || never ? 1 : 0;
}
