/* SPDX-License-Identifier: GPL-2.0 */
/*
 * events.c - how many events of links vtoed can absorb.
 *
 * One world as of the native tests: vtoed has NR_TOES TOEs, each in a pool with a
 * sibling, and a guest is on the first one. Links go down and up as fast as "ip
 * -batch" can make them; vtoed's own CPU time is counted until it has come to the
 * last one. Prints one JSON object a measurement; control.py shows them.
 */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "../native/native.h"

#define NR_TOES 16
#define EVENTS	2000 /* of links, in one repetition */

static double now(void)
{
	return (double)tg_now_ms() / 1e3;
}

/* Seconds of processor that a process has used. */
static double used(pid_t pid)
{
	unsigned long user = 0, kernel = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u"
				   " %*u %*u %lu %lu", &user, &kernel), 2);
	fclose(f);
	return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

static void print(const char *work, const char *metric, const char *unit,
		  double value)
{
	printf("{\"work\": \"%s\", \"path\": \"vtoed\", \"metric\": \"%s\", "
	       "\"unit\": \"%s\", \"value\": %f}\n", work, metric, unit, value);
	fflush(stdout);
}

static void configure(struct nt *nt)
{
	static char lines[NR_TOES * 100 + 200];
	size_t len = 0;
	int i;

	for (i = 1; i <= NR_TOES; i++) {
		nt_shell("ip link add n%d type veth peer name m%d && "
			 "ip link set m%d up && ip link set n%d up", i, i, i, i);
		len += (size_t)snprintf(lines + len, sizeof(lines) - len,
					"toe t%d { netdev = n%d segment = s%d }\n",
					i, i, (i + 1) / 2);
	}
	nt->conf_extra = lines;
	nt_vtoed_kill(nt, SIGTERM);
	nt_vtoed_start(nt);
}

static bool all_up(struct nt *nt)
{
	return !nt_says(nt, "{\"command\":\"toes\"}", "\"down\"");
}

/* The last event of all is that n1's link is down. */
static void storm(struct nt *nt, const char *work, int nr_links)
{
	double start, cpu;
	pid_t vtoed = nt->vtoed;
	FILE *f = fopen("/run/storm", "w");
	int i;

	ck_assert_ptr_nonnull(f);
	for (i = 0; i < EVENTS; i++)
		fprintf(f, "link set n%d %s\n", 2 + (i / 2) % nr_links,
			i % 2 ? "up" : "down");
	fputs("link set n1 down\n", f);
	fclose(f);
	cpu = used(vtoed);
	start = now();
	nt_shell("ip -batch /run/storm");
	print(work, "offered", "events/s", EVENTS / (now() - start));
	nt_until(nt_says(nt, "{\"command\":\"toes\"}", "\"down\""));
	print(work, "absorbed", "events/s", EVENTS / (now() - start));
	print(work, "processor", "us/event", (used(vtoed) - cpu) / EVENTS * 1e6);
	nt_shell("ip link set n1 up");
	nt_until(all_up(nt));
}

NATIVE_TEST(events)
{
	int runs = atoi(getenv("BENCH_RUNS"));

	configure(nt);
	nt_until(all_up(nt));
	nt_guest_up(nt, NULL);
	while (runs--) {
		storm(nt, "one link", 1);
		storm(nt, "8 links", 8);
	}
}

NATIVE_MAIN("events", 600, events)
