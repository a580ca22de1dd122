/* SPDX-License-Identifier: GPL-2.0 */
/* Claims about many connections and what they cost. */
#include "native.h"

#define PORT  7000
#define MANY  10000
/* Issue 2's limits for an idle established connection, bytes. */
#define IDLE_GRANTED 256
#define IDLE_WORKER  2048
/* Connections under way at once while the many are made. */
#define AT_ONCE 64

static const struct tg_config big = {
	.nr_entries = 1024,
	.nr_slots = 16384,
	.nr_tx_pages = 1024,
	.nr_rx_pages = 1024,
};

static void expect_flat(const struct fx_counters *a,
			const struct fx_counters *b)
{
	ck_assert_uint_eq(a->grants, b->grants);
	ck_assert_uint_eq(a->grants_ended, b->grants_ended);
	ck_assert_uint_eq(a->map_calls, b->map_calls);
	ck_assert_uint_eq(a->map_pages, b->map_pages);
	ck_assert_uint_eq(a->unmap_calls, b->unmap_calls);
	ck_assert_uint_eq(a->ports_opened, b->ports_opened);
	ck_assert_uint_eq(a->ports_closed, b->ports_closed);
	ck_assert_uint_eq(a->ports_bound_to, b->ports_bound_to);
}

/* Resident memory of a process, but for the guest's, bytes. */
static uint64_t memory_of(pid_t pid)
{
	char path[64], line[512], perms[8];
	uint64_t sum = 0, kib;
	bool ours = true;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*x-%*x %7s", perms) == 1)
			ours = !strstr(line, "/fakexen/");
		else if (ours && sscanf(line, "Rss: %lu", &kib) == 1)
			sum += kib * 1024;
	}
	fclose(f);
	return sum;
}

/* Opens @n connections, some at a time. */
static void connect_many(struct tg *tg, struct tg_sock **socks, int n)
{
	struct tg_sock *s;
	int started = 0, done = 0, i, rc;

	while (done < n) {
		while (started < n && started - done < AT_ONCE) {
			ck_ok(tg_open(tg, VTOE_INET, NT_TIMEOUT, &s));
			ck_ok(tg_connect_start(s, NT_REMOTE_IP, PORT));
			socks[started++] = s;
		}
		for (i = done; i < started; i++) {
			rc = tg_connect_done(socks[i]);
			if (rc == -EAGAIN)
				break;
			ck_ok(rc);
			done++;
		}
		if (i == done && done < started)
			ck_assert_int_gt(tg_wait(tg, -1, NT_TIMEOUT), 0);
	}
}

static void transfer(struct tg *tg, struct tg_sock *s, uint32_t id, size_t len)
{
	uint8_t *out = malloc(len), *in = malloc(len);
	size_t sent = 0, got = 0;
	ssize_t n;

	nt_fill(out, len, id, 0);
	while (got < len) {
		n = sent < len ? tg_send(s, out + sent, len - sent) : 0;
		ck_assert_msg(n >= 0 || n == -EAGAIN, "send: %zd", n);
		sent += n > 0 ? (size_t)n : 0;
		n = tg_recv(s, in + got, len - got);
		ck_assert_msg(n > 0 || n == -EAGAIN, "recv: %zd", n);
		got += n > 0 ? (size_t)n : 0;
		if (n == -EAGAIN)
			ck_assert_int_gt(tg_wait(tg, -1, NT_TIMEOUT), 0);
	}
	ck_assert_int_eq(nt_check(in, len, id, 0), -1);
	free(in);
	free(out);
}

NATIVE_TEST(ten_thousand_idle_connections_are_cheap)
{
	static struct tg_sock *socks[MANY];
	struct fx_counters before, after;
	uint64_t memory, per_socket;
	struct tg_sock *s;
	struct tg *tg;
	pid_t worker;
	int i;

	nt_remote_echo(nt, NT_REMOTE_IP, PORT);
	tg = nt_guest_up(nt, &big);
	worker = nt_worker(nt, NT_DOMID);
	memory = memory_of(worker);
	fx_dom_counters(nt->host, NT_DOMID, &before);
	connect_many(tg, socks, MANY);
	/* every one has been used, then lies idle */
	for (i = 0; i < MANY; i++) {
		char byte = (char)i, back;

		ck_ok(tg_send_all(socks[i], &byte, 1, NT_TIMEOUT));
		ck_ok(tg_recv_all(socks[i], &back, 1, NT_TIMEOUT));
		ck_assert_int_eq(byte, back);
		ck_assert(tg_trim(socks[i]));
	}
	ck_assert_uint_eq(nt_counter(nt, NT_DOMID, "contexts"), MANY);
	/* dom0 takes the buffers back from those that lie idle */
	nt_until(nt_counter(nt, NT_DOMID, "rx_pages_used") <= MANY / 100);
	ck_assert_uint_le(sizeof(struct vtoe_slot), IDLE_GRANTED);
	per_socket = (memory_of(worker) - memory) / MANY;
	printf("native-scale: %lu bytes in the worker a connection\n",
	       per_socket);
	if (!getenv("NATIVE_SANITIZED"))
		ck_assert_uint_le(per_socket, IDLE_WORKER);
	/* one more works at full size among them */
	ck_ok(tg_open_connect(tg, NT_REMOTE_IP, PORT, NT_TIMEOUT, &s));
	transfer(tg, s, 9, 4000000);
	fx_dom_counters(nt->host, NT_DOMID, &after);
	expect_flat(&before, &after);
	for (i = 0; i < MANY; i++)
		tg_close_start(socks[i], 0, 0);
	ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
	nt_until(tg_wait(tg, -1, 10) >= 0 &&
		 tg->front.nr_slots_free == big.nr_slots);
	fx_dom_counters(nt->host, NT_DOMID, &after);
	expect_flat(&before, &after);
}

NATIVE_TEST(opening_and_closing_touches_no_grant_and_no_channel)
{
	struct fx_counters before, after;
	uint64_t maps, unmaps, binds;
	struct tg_sock *s;
	struct tg *tg;
	char back[4];
	int i;

	nt_remote_echo(nt, NT_REMOTE_IP, PORT);
	tg = nt_guest_up(nt, NULL);
	fx_dom_counters(nt->host, NT_DOMID, &before);
	maps = nt_counter(nt, NT_DOMID, "grant_maps");
	unmaps = nt_counter(nt, NT_DOMID, "grant_unmaps");
	binds = nt_counter(nt, NT_DOMID, "evtchn_binds");
	for (i = 0; i < MANY; i++) {
		ck_ok(tg_open_connect(tg, NT_REMOTE_IP, PORT, NT_TIMEOUT, &s));
		ck_ok(tg_send_all(s, "abcd", 4, NT_TIMEOUT));
		ck_ok(tg_recv_all(s, back, 4, NT_TIMEOUT));
		/* no port stays in TIME_WAIT: there are not so many */
		ck_ok(tg_close(s, VTOE_RELEASE_ABORT, 0, NT_TIMEOUT));
	}
	fx_dom_counters(nt->host, NT_DOMID, &after);
	expect_flat(&before, &after);
	ck_assert_uint_eq(nt_counter(nt, NT_DOMID, "grant_maps"), maps);
	ck_assert_uint_eq(nt_counter(nt, NT_DOMID, "grant_unmaps"), unmaps);
	ck_assert_uint_eq(nt_counter(nt, NT_DOMID, "evtchn_binds"), binds);
	ck_assert_uint_ge(nt_counter(nt, NT_DOMID, "connects"), MANY);
}

NATIVE_TEST(a_busy_stream_needs_few_events)
{
	struct fx_counters before, after;
	struct tg_sock *s;
	struct tg *tg;

	nt_remote_echo(nt, NT_REMOTE_IP, PORT);
	tg = nt_guest_up(nt, NULL);
	ck_ok(tg_open_connect(tg, NT_REMOTE_IP, PORT, NT_TIMEOUT, &s));
	fx_dom_counters(nt->host, NT_DOMID, &before);
	transfer(tg, s, 1, 32u << 20);
	fx_dom_counters(nt->host, NT_DOMID, &after);
	printf("native-scale: events a MiB both ways: guest %.1f, dom0 %.1f\n",
	       (double)(after.notify_out - before.notify_out) / 32,
	       (double)(after.notify_in - before.notify_in) / 32);
	/* PV Calls needs 32 each way; see facts about incumbents */
	ck_assert_uint_le(after.notify_out - before.notify_out, 32 * 64);
	ck_assert_uint_le(after.notify_in - before.notify_in, 32 * 64);
}

NATIVE_MAIN("native-scale", 300, ten_thousand_idle_connections_are_cheap,
	    opening_and_closing_touches_no_grant_and_no_channel,
	    a_busy_stream_needs_few_events)
