/* SPDX-License-Identifier: GPL-2.0 */
/*
 * share.c - how exactly two guests share a TOE, and what it costs one alone.
 *
 * One world as of the native tests (tests/native/native.h), and streams to the
 * remote host. Prints one JSON object a measurement; share.py shows them.
 */
#include "../native/flow.h"

#define OTHER	 6u
#define OTHER_IP "192.0.2.11"
#define RATES	 3

#define STREAMS	 2

struct work {
	unsigned int share;   /* of guest two; guest one has 100 */
	unsigned int streams; /* of guest one; guest two has STREAMS */
};

static const struct work works[] = {
	{100, STREAMS}, {300, STREAMS}, {1000, STREAMS}, {300, 8}};
static const unsigned int rates[RATES] = {16, 50, 100}; /* Mbit/s */
/* Large rings: a guest that has nothing to send does not compete. */
static const struct tg_config config = {.tx_order = 5};

/* vtoed.conf's only TOE gets this rate, in Mbit/s; 0: none. */
static void set_rate(struct nt *nt, unsigned int rate)
{
	char text[64] = "";
	char *answer;

	if (rate)
		snprintf(text, sizeof(text), "rate = \"%uMb/s\"", rate);
	nt_shell("sed -i 's,^toe .eth0.*,toe \"eth0\" { netdev = \"toe0\" "
		 "link = \"macvlan\" %s },' /run/vtoed.conf",
		 text);
	answer = nt_control(nt, "{\"command\":\"reload\"}");
	ck_assert_msg(strstr(answer, "\"ok\":true") != NULL, "%s", answer);
	free(answer);
	nt_until(!system("tc qdisc show dev toe0 | grep -q 'htb 7e0:'") ==
		 !!rate);
}

static void two(struct nt *nt, unsigned int rate, const struct work *work,
		uint64_t ms)
{
	struct flow flow[2];
	struct nt_guest other;
	char entry[64];

	snprintf(entry, sizeof(entry), "ip=" OTHER_IP "/24,share=%u",
		 work->share);
	other = nt_guest_add(nt, OTHER, &config, entry);
	flow_up(nt, &flow[0], nt->guest.tg, NT_REMOTE_IP, work->streams);
	flow_up(nt, &flow[1], other.tg, NT_REMOTE_IP, STREAMS);
	flow_pump(flow, 2, ms);
	printf("{\"rate\": %u, \"share\": %u, \"streams\": %u, \"one\": %llu, "
	       "\"two\": %llu}\n",
	       rate, work->share, work->streams,
	       (unsigned long long)flow[0].rate,
	       (unsigned long long)flow[1].rate);
	fflush(stdout);
	flow_down(&flow[0]);
	flow_down(&flow[1]);
	nt_guest_remove(nt, &other);
}

static void alone(struct nt *nt, unsigned int rate, uint64_t ms)
{
	struct flow flow;

	set_rate(nt, rate);
	flow_up(nt, &flow, nt->guest.tg, NT_REMOTE_IP, 1);
	flow_pump(&flow, 1, ms);
	printf("{\"rate\": %u, \"alone\": %llu}\n", rate,
	       (unsigned long long)flow.rate);
	fflush(stdout);
	flow_down(&flow);
}

NATIVE_TEST(share)
{
	uint64_t ms = (uint64_t)(atof(getenv("BENCH_SECONDS")) * 1000);
	int runs = atoi(getenv("BENCH_RUNS"));
	size_t i, j;

	nt_guest_up(nt, &config);
	while (runs-- > 0) {
		alone(nt, 0, ms);
		alone(nt, 17000, ms);
		for (i = 0; i < RATES; i++) {
			set_rate(nt, rates[i]);
			for (j = 0; j < sizeof(works) / sizeof(works[0]); j++)
				two(nt, rates[i], &works[j], ms);
		}
	}
}

NATIVE_MAIN("share", 3600, share)
