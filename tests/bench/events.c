/* SPDX-License-Identifier: GPL-2.0 */
/*
 * events.c - how many events of links vtoed can absorb, and how soon it acts on one.
 *
 * One world as of the native tests: vtoed has NR_TOES TOEs, each in a pool with a
 * sibling, and a guest is on the first one. Links go down and up as fast as "ip
 * -batch" can make them; vtoed's own CPU time is counted until it has come to the
 * last one. Then, one at a time, a link loses its carrier: the TOE table says when
 * vtoed has acted on that, by the same clock. Prints one JSON object a measurement;
 * control.py shows them.
 */
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../../common/atomic.h"
#include "../../toe-service/tables.h"
#include "../native/native.h"

#define NR_TOES 16
#define EVENTS	2000 /* of links, in one repetition */
#define LOSSES	20   /* of a carrier, in one repetition */

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static double now(void)
{
	return (double)now_ns() / 1e9;
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

/* ---- one event ---- */

static const struct toe_row *find_row(const char *name)
{
	static const struct toe_table *table;
	int fd, i;

	if (!table) {
		fd = open("/run/vtoe/toes", O_RDONLY | O_CLOEXEC);
		ck_assert_int_ge(fd, 0);
		table = mmap(NULL, sizeof(*table), PROT_READ, MAP_SHARED, fd, 0);
		ck_assert_ptr_ne(table, MAP_FAILED);
		close(fd);
	}
	for (i = 0; i < (int)TOE_TABLE_MAX; i++)
		if (!strcmp(table->row[i].name, name))
			return &table->row[i];
	ck_abort_msg("no row of TOE %s", name);
}

static bool is_in(const struct toe_row *row, enum toe_state state)
{
	return vtoe_load_acquire(&row->state) == (uint32_t)state;
}

/* Without a program's start, which would count. */
static void set_up(int fd, const char *netdev, bool up)
{
	struct ifreq ifr = {.ifr_flags = (short)(up ? IFF_UP : 0)};

	strcpy(ifr.ifr_name, netdev);
	ck_assert_int_eq(ioctl(fd, SIOCSIFFLAGS, &ifr), 0);
}

static void lose_carrier(void)
{
	const struct toe_row *row = find_row("t1");
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), i;
	uint64_t start;

	ck_assert_int_ge(fd, 0);
	for (i = 0; i < LOSSES; i++) {
		start = now_ns();
		set_up(fd, "m1", false);
		nt_until(is_in(row, TOE_DOWN));
		print("one loss", "acted on after", "ms",
		      (double)(row->changed_ns - start) / 1e6);
		set_up(fd, "m1", true);
		nt_until(is_in(row, TOE_UP));
	}
	close(fd);
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
		lose_carrier();
	}
}

NATIVE_MAIN("events", 600, events)
