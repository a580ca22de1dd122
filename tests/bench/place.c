/* SPDX-License-Identifier: GPL-2.0 */
/*
 * place.c - what one placement costs, by policy and number of TOEs, beside the
 * cheapest system call. Prints one JSON object a measurement; control.py shows them.
 *
 *	place SECONDS
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../../toe-service/place.h"

#define BATCH 1000u

static const struct {
	const char *name;
	uint32_t policy;
} policies[] = {
	{"least-loaded", POOL_LEAST_LOADED}, {"in-order", POOL_IN_ORDER},
	{"round-robin", POOL_ROUND_ROBIN},   {"weighted", POOL_WEIGHTED},
	{"hash", POOL_HASH},
};

static struct toe_table table;
static struct place_candidate candidate[PLACE_CANDIDATES_MAX];

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void print(const char *work, const char *path, double seconds, double n)
{
	printf("{\"work\": \"%s\", \"path\": \"%s\", \"metric\": \"cost\", "
	       "\"unit\": \"ns\", \"value\": %f}\n", work, path,
	       seconds / n * 1e9);
}

static void set_up(unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		table.row[i].state = TOE_UP;
		table.row[i].weight = 100 * (i + 1);
		table.pool[0].position[i] = (uint8_t)i;
		candidate[i] = (struct place_candidate){.row = i};
	}
}

static void place(const char *name, unsigned int nr, double seconds)
{
	struct vtoe_addr peer = {.family = VTOE_INET, .addr = {192, 0, 2, 1}};
	struct place_query query = {.among = ~0u, .peer = &peer};
	double start = now(), end = start + seconds;
	unsigned long n = 0;
	unsigned int i;
	char work[16];

	set_up(nr);
	do {
		for (i = 0; i < BATCH; i++) {
			int which;

			peer.port = (uint16_t)i;
			which = place_choose(&table, &query, candidate, nr);
			if (which < 0)
				abort();
			candidate[which].load++;
		}
		n += BATCH;
	} while (now() < end);
	snprintf(work, sizeof(work), "%u TOEs", nr);
	print(work, name, now() - start, (double)n);
}

static void system_call(unsigned int nr, double seconds)
{
	double start = now(), end = start + seconds;
	unsigned long n = 0;
	unsigned int i;
	char work[16];

	do {
		for (i = 0; i < BATCH; i++)
			syscall(SYS_getppid);
		n += BATCH;
	} while (now() < end);
	snprintf(work, sizeof(work), "%u TOEs", nr);
	print(work, "syscall", now() - start, (double)n);
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 1;
	unsigned int nr, i;

	for (nr = 2; nr <= PLACE_CANDIDATES_MAX; nr *= 2) {
		for (i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
			table.pool[0].policy = policies[i].policy;
			place(policies[i].name, nr, seconds);
		}
		system_call(nr, seconds);
	}
	return 0;
}
