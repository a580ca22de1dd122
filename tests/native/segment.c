/* SPDX-License-Identifier: GPL-2.0 */
#include <signal.h>

#include "segment.h"

void segment_up(struct nt *nt, const char *conf)
{
	nt_shell("for i in 1 2; do"
		 " ip link add toe$i type veth peer name eth$i netns remote &&"
		 " ip link set toe$i up || exit 1; done");
	ck_assert(!nt_remote_run(nt,
		"ip link add br0 type bridge forward_delay 0 &&"
		" for i in 1 2; do ip link set eth$i master br0 up; done &&"
		" ip addr add " NEAR "/24 dev br0 &&"
		" ip addr add " NEAR6 "/64 dev br0 nodad &&"
		" ip link set br0 up && ip addr add " FAR "/32 dev lo &&"
		" ip addr add " FAR6 "/128 dev lo nodad"));
	nt_vtoed_kill(nt, SIGTERM);
	nt->conf_extra = conf;
	nt_vtoed_start(nt);
	nt_until(!nt_says(nt, "{\"command\":\"toes\"}", "\"down\""));
}

struct tg_sock *echo_to(struct nt *nt, struct tg *tg, const char *ip)
{
	struct tg_sock *s;

	nt_remote_echo(nt, ip, PORT);
	ck_ok(tg_open_connect(tg, ip, PORT, NT_TIMEOUT, &s));
	nt_echo_once(s);
	return s;
}

void there_and_back(struct tg_sock *s, size_t total)
{
	enum { CHUNK = 60000 };
	uint8_t *out = malloc(CHUNK), *in = malloc(CHUNK);
	uint64_t sent = 0, got = 0;
	size_t want;
	ssize_t n;

	while (got < total) {
		want = total - sent < CHUNK ? total - sent : CHUNK;
		nt_fill(out, want, 2, sent);
		n = want ? tg_send(s, out, want) : -EAGAIN;
		ck_assert_msg(n > 0 || n == -EAGAIN, "send: %zd", n);
		sent += n > 0 ? (uint64_t)n : 0;
		n = tg_recv(s, in, CHUNK);
		if (n == -EAGAIN) {
			ck_assert_int_gt(tg_wait(s->tg, -1, NT_TIMEOUT), 0);
			continue;
		}
		ck_assert_msg(n > 0, "recv: %zd after %lu", n, got);
		ck_assert_int_eq(nt_check(in, (size_t)n, 2, got), -1);
		got += (uint64_t)n;
	}
	free(in);
	free(out);
}

void drain(struct nt *nt, const char *verb, const char *toe)
{
	char request[96];

	snprintf(request, sizeof(request),
		 "{\"command\":\"%s\",\"toe\":\"%s\"}", verb, toe);
	ck_assert(nt_says(nt, request, "\"ok\":true"));
}

bool contexts_say(struct nt *nt, const char *part)
{
	return nt_says(nt, "{\"command\":\"contexts\"}", part);
}
