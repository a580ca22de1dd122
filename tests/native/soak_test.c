/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A claim about trouble without end: two TOEs of one segment lose their cables, are
 * drained, vtoed is killed, at random and several at once, while streams go both
 * ways. No stream ends, no byte is wrong, and in the end everything is as it was.
 * NATIVE_SOAK (seconds) and NATIVE_SEED change length and order.
 */
#include <signal.h>
#include <stdlib.h>

#include "native.h"

#define PORT	   7000
#define STREAMS	   16
#define CHUNK	   8192u
#define IN_FLIGHT  (64u * 1024u) /* of a stream: there and not yet back */
#define SECONDS	   10
#define PAUSE_MS   150	 /* at most, from one event to the next */
#define RECOVER_MS 60000 /* TCP waits longer and longer while nothing works */
#define ENTRY	   NT_ENTRY ",pool=lan,on-loss=wait:600"

/* The kernel's stack, by way of the driver that may share toe0 with "eth0". */
#define FAULT "driver = fault fault = \"seed=1,short=5%,again=5%\""
static const char lines[] =
	"toe a { netdev = toe0 link = macvlan segment = lan " FAULT " }\n"
	"toe b { netdev = toe1 link = macvlan segment = lan " FAULT " }\n"
	"pool lan { toes = {a, b} policy = \"in-order\" }\n";

struct stream {
	struct tg_sock *s;
	uint32_t id;
	uint64_t sent, got;
};

struct soak {
	struct nt *nt;
	struct tg *tg;
	uint32_t seed;
	struct stream stream[STREAMS];
	bool down[2], unplugged[2], drained[2]; /* by toe: a, b */
	unsigned int events;
};

static long setting(const char *name, long otherwise)
{
	const char *value = getenv(name);

	return value ? atol(value) : otherwise;
}

/* ---- traffic ---- */

static void stream_turn(struct soak *k, struct stream *st)
{
	static uint8_t data[CHUNK];
	size_t len = 1 + nt_random(&k->seed) % CHUNK;
	ssize_t n;

	nt_fill(data, len, st->id, st->sent);
	n = st->sent - st->got < IN_FLIGHT ? tg_send(st->s, data, len)
					   : -EAGAIN;
	ck_assert_msg(n > 0 || n == -EAGAIN || n == -ENOBUFS, "send: %s",
		      strerror((int)-n));
	if (n > 0)
		st->sent += (uint64_t)n;
	n = tg_recv(st->s, data, CHUNK);
	ck_assert_msg(n > 0 || n == -EAGAIN, "recv: %zd (%s)", n,
		      n < 0 ? strerror((int)-n) : "end");
	if (n < 0)
		return;
	ck_assert_int_eq(nt_check(data, (size_t)n, st->id, st->got), -1);
	st->got += (uint64_t)n;
}

static void traffic(struct soak *k, uint64_t until)
{
	size_t i;

	while (tg_now_ms() < until) {
		for (i = 0; i < STREAMS; i++)
			stream_turn(k, &k->stream[i]);
		tg_wait(k->tg, -1, 5);
	}
}

/* What is on its way comes back. */
static void finish(struct soak *k)
{
	static uint8_t data[CHUNK];
	size_t i;

	for (i = 0; i < STREAMS; i++) {
		struct stream *st = &k->stream[i];

		while (st->got < st->sent) {
			size_t len = CHUNK < st->sent - st->got
					     ? CHUNK : st->sent - st->got;

			ck_ok(tg_recv_all(st->s, data, len, RECOVER_MS));
			ck_assert_int_eq(nt_check(data, len, st->id, st->got),
					 -1);
			st->got += len;
		}
		nt_echo_once(st->s);
	}
}

/* ---- trouble ---- */

/* Where an administrator, or the switch at the other end, pulls the cable. */
static void set_link(struct soak *k, unsigned int toe, bool near, bool up)
{
	char command[64];

	snprintf(command, sizeof(command), "ip link set %s%u %s",
		 near ? "toe" : "eth", toe, up ? "up" : "down");
	if (near)
		nt_shell("%s", command);
	else
		ck_assert_int_eq(nt_remote_run(k->nt, command), 0);
}

static void drain(struct soak *k, unsigned int toe, bool drained)
{
	char command[64];

	snprintf(command, sizeof(command), "{\"command\":\"%s\",\"toe\":\"%c\"}",
		 drained ? "drain" : "undrain", 'a' + (int)toe);
	ck_assert(nt_says(k->nt, command, "\"ok\":true"));
}

static void flip(struct soak *k)
{
	uint32_t dice = nt_random(&k->seed);
	unsigned int toe = dice >> 8 & 1;

	switch (dice % 12) {
	case 0 ... 3:
		set_link(k, toe, true, k->down[toe]);
		k->down[toe] = !k->down[toe];
		break;
	case 4 ... 6:
		set_link(k, toe, false, k->unplugged[toe]);
		k->unplugged[toe] = !k->unplugged[toe];
		break;
	case 7 ... 9:
		k->drained[toe] = !k->drained[toe];
		drain(k, toe, k->drained[toe]);
		break;
	case 10:
		ck_assert(nt_says(k->nt, "{\"command\":\"rebalance\"}",
				  "\"ok\":true"));
		break;
	default:
		nt_vtoed_kill(k->nt, SIGKILL);
		nt_vtoed_start(k->nt);
	}
	k->events++;
}

/* Once one TOE is well, and vtoed has heard of it, new connections are made. */
static void expect_connects(struct soak *k)
{
	struct tg_sock *s;
	unsigned int toe;

	for (toe = 0; toe < 2; toe++)
		if (!k->down[toe] && !k->unplugged[toe] && !k->drained[toe])
			break;
	if (toe == 2)
		return;
	nt_until(tg_open_connect(k->tg, NT_REMOTE_IP, PORT, NT_TIMEOUT, &s) == 0);
	nt_echo_once(s);
	ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
}

static void mend(struct soak *k)
{
	unsigned int toe;

	for (toe = 0; toe < 2; toe++) {
		set_link(k, toe, true, true);
		set_link(k, toe, false, true);
		drain(k, toe, false);
	}
}

/* ---- before and after ---- */

/* Both TOEs end at a bridge, which has the remote host's address. */
static void segment_up(struct nt *nt)
{
	nt_shell("ip link add toe1 type veth peer name eth1 netns remote && "
		 "ip link set toe1 up");
	ck_assert_int_eq(nt_remote_run(nt,
		"ip addr flush dev eth0 && ip link add name br0 type bridge && "
		"ip link set eth0 master br0 && ip link set eth1 master br0 && "
		"ip link set eth1 up && ip addr add " NT_REMOTE_IP "/24 dev br0 && "
		"ip link set br0 up"), 0);
	nt_vtoed_kill(nt, SIGTERM);
	nt->conf_extra = lines;
	nt_vtoed_start(nt);
	nt_until(nt_says(nt, "{\"command\":\"toes\"}", "\"toe1\"") &&
		 !nt_says(nt, "{\"command\":\"toes\"}", "\"down\""));
}

static void streams_up(struct soak *k)
{
	uint32_t i;

	nt_remote_echo(k->nt, NT_REMOTE_IP, PORT);
	for (i = 0; i < STREAMS; i++) {
		k->stream[i].id = i + 1;
		ck_ok(tg_open_connect(k->tg, NT_REMOTE_IP, PORT, NT_TIMEOUT,
				      &k->stream[i].s));
	}
}

/* One line, of what ip(8) shows of the guest's namespace. */
static bool has_one(const char *what, const char *line)
{
	char command[128];

	snprintf(command, sizeof(command),
		 "test $(ip -n vtoe-%u-0 -o %s | grep -c '%s') = 1", NT_DOMID,
		 what, line);
	return !system(command);
}

/* One link of the guest's, as XenStore says, with the one address it has. */
static void expect_as_configured(struct soak *k)
{
	char *toe, *link;

	nt_until(nt_says(k->nt, "{\"command\":\"toes\"}", "\"up\"") &&
		 !nt_says(k->nt, "{\"command\":\"toes\"}", "\"down\""));
	ck_assert(nt_says(k->nt, "{\"command\":\"rebalance\"}", "\"ok\":true"));
	toe = nt_xs("/local/domain/0/backend/vtoe/%u/0/toe", NT_DOMID);
	link = nt_xs("/local/domain/0/backend/vtoe/%u/0/link/0/toe", NT_DOMID);
	ck_assert_str_eq(toe, "a");
	ck_assert_str_eq(link, "a");
	free(toe);
	free(link);
	/* a link that was left hears a moment longer */
	nt_until(has_one("link", "macvlan\\|vtoe"));
	nt_until(has_one("-4 addr", "192.0.2."));
}

static bool no_contexts(struct nt *nt)
{
	return !nt_says(nt, "{\"command\":\"contexts\"}", "connect tcp");
}

NATIVE_TEST(toes_come_and_go_and_no_stream_notices)
{
	uint64_t bytes = 0;
	uint64_t end;
	struct soak k = {.nt = nt, .seed = (uint32_t)setting("NATIVE_SEED", 1)};
	size_t i;

	segment_up(nt);
	k.tg = nt_guest_up_as(nt, NULL, ENTRY);
	streams_up(&k);
	end = tg_now_ms() + 1000 * (uint64_t)setting("NATIVE_SOAK", SECONDS);
	while (tg_now_ms() < end) {
		flip(&k);
		expect_connects(&k);
		traffic(&k, tg_now_ms() + nt_random(&k.seed) % PAUSE_MS);
	}
	mend(&k);
	finish(&k);
	for (i = 0; i < STREAMS; i++)
		bytes += k.stream[i].got;
	printf("soak: %u events, %llu bytes\n", k.events,
	       (unsigned long long)bytes);
	expect_as_configured(&k);
	for (i = 0; i < STREAMS; i++)
		ck_ok(tg_close(k.stream[i].s, 0, 0, NT_TIMEOUT));
	nt_until(no_contexts(nt));
}

NATIVE_MAIN("soak", 3600, toes_come_and_go_and_no_stream_notices)
