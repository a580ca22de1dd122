/* SPDX-License-Identifier: GPL-2.0 */
/*
 * native.c - benchmarks at native level: what the protocol and the worker cost,
 * without an emulator. One world as of the native tests (tests/native/native.h);
 * the test guest does what sockbench's client does, against sockbench's server on
 * the remote host; sockbench itself, in the same namespace as vtoed, is the
 * measure ("dom0"). Prints one JSON object a measurement; native.py shows them.
 */
#include <sys/resource.h>
#include <time.h>

#include "../native/native.h"

#define PORT	      7000
#define CONNECTIONS   64
#define BUFFER	      (128 * 1024)
#define DOM0_ADDRESS  "192.0.2.2"
#define ADDRESS_SETUP "ip addr add " DOM0_ADDRESS "/24 dev toe0"

struct bench {
	struct nt *nt;
	struct tg *tg;
	const char *sockbench;
	double seconds;
	int run; /* repetition */
};

static char buffer[BUFFER];

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void print(const struct bench *b, const char *work, double seconds,
		  uint64_t bytes, uint64_t operations)
{
	printf("{\"run\": %d, \"path\": \"vtoe\", \"work\": \"%s\", "
	       "\"seconds\": %f, \"bytes\": %llu, \"operations\": %llu}\n",
	       b->run, work, seconds, (unsigned long long)bytes,
	       (unsigned long long)operations);
	fflush(stdout);
}

static struct tg_sock *dial(struct bench *b, char work)
{
	struct tg_sock *s;

	ck_ok(tg_open_connect(b->tg, NT_REMOTE_IP, PORT, NT_TIMEOUT, &s));
	if (work)
		ck_ok(tg_send_all(s, &work, 1, NT_TIMEOUT));
	return s;
}

static void rr(struct bench *b, const char *work, size_t size)
{
	struct tg_sock *s = dial(b, 'E');
	double start = now(), end = start + b->seconds;
	uint64_t n = 0;

	while (now() < end) {
		ck_ok(tg_send_all(s, buffer, size, NT_TIMEOUT));
		ck_ok(tg_recv_all(s, buffer, size, NT_TIMEOUT));
		n++;
	}
	print(b, work, now() - start, 0, n);
	ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
}

static void crr(struct bench *b, const char *work, size_t size)
{
	double start = now(), end = start + b->seconds;
	uint64_t n = 0;

	while (now() < end) {
		struct tg_sock *s = dial(b, 0);

		buffer[0] = 'E';
		ck_ok(tg_send_all(s, buffer, size + 1, NT_TIMEOUT));
		ck_ok(tg_recv_all(s, buffer, size, NT_TIMEOUT));
		tg_close_start(s, 0, 0);
		n++;
	}
	print(b, work, now() - start, 0, n);
}

/* Sends until the time is over, then asks the server what it got. */
static void out(struct bench *b, const char *work, unsigned int nr)
{
	struct tg_sock *s[CONNECTIONS];
	double start = now(), end = start + b->seconds;
	uint64_t bytes, total = 0;
	unsigned int i;
	bool idle;

	for (i = 0; i < nr; i++)
		s[i] = dial(b, 'S');
	while (now() < end) {
		idle = true;
		for (i = 0; i < nr; i++)
			if (tg_send(s[i], buffer, sizeof(buffer)) > 0)
				idle = false;
		if (idle)
			tg_wait(b->tg, -1, 100);
	}
	for (i = 0; i < nr; i++) {
		ck_ok(tg_shutdown(s[i], SHUT_WR));
		ck_ok(tg_recv_all(s[i], &bytes, sizeof(bytes), NT_TIMEOUT));
		total += bytes;
		ck_ok(tg_close(s[i], 0, 0, NT_TIMEOUT));
	}
	print(b, work, now() - start, total, 0);
}

static void in(struct bench *b, const char *work, unsigned int nr)
{
	struct tg_sock *s[CONNECTIONS];
	double start = now(), end = start + b->seconds;
	uint64_t total = 0;
	unsigned int i;
	ssize_t n;
	bool idle;

	for (i = 0; i < nr; i++)
		s[i] = dial(b, 'G');
	while (now() < end) {
		idle = true;
		for (i = 0; i < nr; i++) {
			n = tg_recv(s[i], buffer, sizeof(buffer));
			if (n > 0) {
				total += (uint64_t)n;
				idle = false;
			}
		}
		if (idle)
			tg_wait(b->tg, -1, 100);
	}
	print(b, work, now() - start, total, 0);
	for (i = 0; i < nr; i++)
		ck_ok(tg_close(s[i], VTOE_RELEASE_ABORT, 0, NT_TIMEOUT));
}

/* The same by sockbench, with dom0's own sockets; it prints the figures. */
static void dom0(struct bench *b, const char *work, const char *options)
{
	char command[512];

	printf("{\"run\": %d, \"path\": \"dom0\", \"name\": \"%s\", "
	       "\"result\": ", b->run, work);
	fflush(stdout);
	snprintf(command, sizeof(command), "%s client -t %f %s %s %d",
		 b->sockbench, b->seconds, options, NT_REMOTE_IP, PORT);
	ck_assert_int_eq(system(command), 0);
	printf("}\n");
	fflush(stdout);
}

static void repetition(struct bench *b)
{
	out(b, "out 1", 1);
	dom0(b, "out 1", "-c 1 out");
	out(b, "out 64", 64);
	dom0(b, "out 64", "-c 64 out");
	in(b, "in 1", 1);
	dom0(b, "in 1", "-c 1 in");
	in(b, "in 64", 64);
	dom0(b, "in 64", "-c 64 in");
	rr(b, "rr 1", 1);
	dom0(b, "rr 1", "-s 1 rr");
	rr(b, "rr 1024", 1024);
	dom0(b, "rr 1024", "-s 1024 rr");
	crr(b, "crr client", 64);
	dom0(b, "crr client", "-s 64 crr");
}

NATIVE_TEST(bench)
{
	struct bench b = {
		.nt = nt,
		.sockbench = getenv("SOCKBENCH"),
		.seconds = atof(getenv("BENCH_SECONDS")),
	};
	int runs = atoi(getenv("BENCH_RUNS"));
	char command[512];

	snprintf(command, sizeof(command), "%s server 0.0.0.0 %d &",
		 b.sockbench, PORT);
	ck_assert_int_eq(nt_remote_run(nt, command), 0);
	ck_assert_int_eq(system(ADDRESS_SETUP), 0);
	b.tg = nt_guest_up(nt, NULL);
	for (b.run = 1; b.run <= runs; b.run++)
		repetition(&b);
	ck_assert_int_eq(nt_remote_run(nt, "pkill -x sockbench"), 0);
}

NATIVE_MAIN("bench", 3600, bench)
