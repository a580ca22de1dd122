/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A million operations: connections made and accepted, random sizes, both
 * directions at once, half-closes, aborts; every byte is checked. An operation
 * is a call that did something: a send, a receive, a connect, an accept, a
 * shutdown, a close. NATIVE_OPS and NATIVE_SEED change number and order.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "native.h"

#define ECHO_PORT  7000 /* the remote host's */
#define SERVE_PORT 8000 /* the guest's */
#define CLIENTS	   48	/* connections that the guest keeps making */
#define REMOTES	   16	/* connections that the remote host keeps making */
#define CHUNK_MAX  20000
#define TOTAL_MAX  300000
#define STALL_MS   30000 /* nothing moves for so long: a wake-up was lost */

enum ending { END_FIN, END_ABORT, END_CLOSE, NR_ENDINGS };

/* One connection that the guest made to the echo server. */
struct client {
	struct tg_sock *s;
	bool connecting;
	uint32_t id;
	uint64_t total, sent, got;
	enum ending ending;
};

struct stress {
	struct nt *nt;
	struct tg *tg;
	uint32_t seed, ids;
	uint64_t ops, bytes;
	struct client client[CLIENTS];
	struct tg_sock *listener;
	uint8_t data[CHUNK_MAX];
};

static size_t chunk(struct stress *st)
{
	/* many small ones, some large */
	return 1 + nt_random(&st->seed) %
			   (nt_random(&st->seed) % 4 ? 200 : CHUNK_MAX - 1);
}

/* ---- the guest as a client ---- */

static bool client_start(struct stress *st, struct client *c)
{
	struct vtoe_submission open = {
		.op = VTOE_OP_OPEN,
		.u.open = { .family = VTOE_INET, .type = VTOE_STREAM },
	};
	struct tg_call *call;

	if (front_submit_room(&st->tg->front) < 4)
		return false;
	ck_ok(tg_sock_new(st->tg, &c->s));
	open.slot = c->s->slot;
	ck_ok(tg_submit(st->tg, &open, &call));
	call->forget = true;
	ck_ok(tg_connect_start(c->s, NT_REMOTE_IP, ECHO_PORT));
	c->connecting = true;
	c->id = ++st->ids;
	c->total = nt_random(&st->seed) % TOTAL_MAX;
	c->sent = c->got = 0;
	c->ending = nt_random(&st->seed) % NR_ENDINGS;
	st->ops++;
	return true;
}

static void client_end(struct stress *st, struct client *c, uint32_t flags)
{
	tg_close_start(c->s, flags, 0);
	c->s = NULL;
	st->ops++;
}

static bool client_send(struct stress *st, struct client *c)
{
	size_t len = chunk(st);
	ssize_t n;

	if (c->sent == c->total || tg_wrote_fin(c->s))
		return false;
	if (len > c->total - c->sent)
		len = c->total - c->sent;
	nt_fill(st->data, len, c->id, c->sent);
	n = tg_send(c->s, st->data, len);
	if (n == -EAGAIN || n == -ENOBUFS)
		return false;
	ck_assert_msg(n > 0, "send: %s", strerror((int)-n));
	c->sent += (uint64_t)n;
	st->bytes += (uint64_t)n;
	st->ops++;
	return true;
}

static bool client_recv(struct stress *st, struct client *c)
{
	ssize_t n = tg_recv(c->s, st->data, chunk(st));

	if (n == -EAGAIN)
		return false;
	ck_assert_msg(n >= 0, "recv: %s", strerror((int)-n));
	if (n == 0) {
		ck_assert(tg_wrote_fin(c->s));
		ck_assert_uint_eq(c->got, c->sent);
		client_end(st, c, 0);
		return true;
	}
	ck_assert_msg(nt_check(st->data, (size_t)n, c->id, c->got) < 0,
		      "a wrong byte in stream %u after %lu", c->id, c->got);
	c->got += (uint64_t)n;
	ck_assert_uint_le(c->got, c->sent);
	st->ops++;
	return true;
}

/* Everything is sent: how this one ends. */
static bool client_finish(struct stress *st, struct client *c)
{
	if (c->sent < c->total || tg_wrote_fin(c->s))
		return false;
	switch (c->ending) {
	case END_FIN:
		tg_shutdown(c->s, SHUT_WR);
		st->ops++;
		return true;
	case END_ABORT:
		client_end(st, c, VTOE_RELEASE_ABORT);
		return true;
	default:
		/* with bytes on the way, as programs do */
		client_end(st, c, 0);
		return true;
	}
}

static bool client_step(struct stress *st, struct client *c)
{
	bool did;
	int rc;

	if (!c->s)
		return client_start(st, c);
	if (c->connecting) {
		rc = tg_connect_done(c->s);
		if (rc == -EAGAIN)
			return false;
		ck_ok(rc);
		c->connecting = false;
		return true;
	}
	did = client_send(st, c);
	if (client_recv(st, c))
		did = true;
	if (c->s && client_finish(st, c))
		did = true;
	return did;
}

/* ---- the guest as a server: echoes until the end, then closes ---- */

struct served {
	size_t at, len;
	uint8_t data[4096];
};

static bool served_step(struct stress *st, struct tg_sock *s)
{
	struct served *e = s->user;
	ssize_t n;

	if (e->at == e->len) {
		n = tg_recv(s, e->data, sizeof(e->data));
		if (n == -EAGAIN)
			return false;
		if (n <= 0) {
			/* the end, or the peer's reset */
			free(e);
			tg_close_start(s, 0, 0);
			st->ops += 2;
			return true;
		}
		e->at = 0;
		e->len = (size_t)n;
		st->ops++;
	}
	n = tg_send(s, e->data + e->at, e->len - e->at);
	if (n == -EAGAIN || n == -ENOBUFS)
		return false;
	if (n < 0) {
		free(e);
		tg_close_start(s, VTOE_RELEASE_ABORT, 0);
		st->ops++;
		return true;
	}
	e->at += (size_t)n;
	st->bytes += (uint64_t)n;
	st->ops++;
	return true;
}

static bool listener_step(struct stress *st)
{
	struct tg_sock *s;
	int rc = tg_accept(st->listener, 0, &s);

	if (rc == -EAGAIN)
		return false;
	ck_ok(rc);
	s->user = calloc(1, sizeof(struct served));
	st->ops++;
	return true;
}

static bool served_all(struct stress *st)
{
	bool did = listener_step(st);
	uint32_t i;

	for (i = 0; i < st->tg->cfg.nr_slots; i++)
		if (st->tg->socks[i] && st->tg->socks[i]->user)
			did |= served_step(st, st->tg->socks[i]);
	return did;
}

/* ---- the remote host as a client, in a process of its own ---- */

struct remote {
	int fd;
	uint32_t id;
	uint64_t total, sent, got;
	bool fin;
};

static bool remote_start(struct nt *nt, struct remote *r, uint32_t *seed)
{
	r->fd = nt_remote_connect(nt, NT_GUEST_IP, SERVE_PORT);
	if (r->fd < 0)
		return false;
	r->id = nt_random(seed);
	r->total = nt_random(seed) % TOTAL_MAX;
	r->sent = r->got = 0;
	r->fin = false;
	return true;
}

/* False if a byte was wrong or the stream ended where it must not. */
static bool remote_step(struct remote *r, uint32_t *seed)
{
	static uint8_t data[CHUNK_MAX];
	size_t len = 1 + nt_random(seed) % (CHUNK_MAX - 1);
	ssize_t n;

	if (len > r->total - r->sent)
		len = r->total - r->sent;
	if (len) {
		nt_fill(data, len, r->id, r->sent);
		n = send(r->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			return false;
		r->sent += n > 0 ? (uint64_t)n : 0;
	} else if (!r->fin) {
		shutdown(r->fd, SHUT_WR);
		r->fin = true;
	}
	n = recv(r->fd, data, sizeof(data), MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN;
	if (n == 0) {
		close(r->fd);
		r->fd = -1;
		return r->fin && r->got == r->total;
	}
	if (nt_check(data, (size_t)n, r->id, r->got) >= 0)
		return false;
	r->got += (uint64_t)n;
	/* now and then one hangs up in the middle */
	if (nt_random(seed) % 400 == 0) {
		close(r->fd);
		r->fd = -1;
	}
	return true;
}

static void remote_loop(struct nt *nt, uint32_t seed)
{
	struct pollfd pfd[REMOTES];
	struct remote r[REMOTES];
	int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	nt->guest.tg = NULL; /* the parent's */
	for (i = 0; i < REMOTES; i++)
		r[i].fd = -1;
	for (;;) {
		for (i = 0; i < REMOTES; i++) {
			if (r[i].fd < 0 && !remote_start(nt, &r[i], &seed))
				_exit(3);
			if (!remote_step(&r[i], &seed)) {
				fprintf(stderr, "remote: %d: %s; %lu of %lu\n",
					i, strerror(errno), r[i].got,
					r[i].total);
				_exit(4);
			}
			pfd[i].fd = r[i].fd;
			pfd[i].events = POLLIN |
					(r[i].sent < r[i].total ? POLLOUT : 0);
		}
		poll(pfd, REMOTES, 10);
	}
}

/* ---- all of it ---- */

static bool step_all(struct stress *st)
{
	bool did = served_all(st);
	int i;

	for (i = 0; i < CLIENTS; i++)
		/* pauses: each round leaves some alone */
		if (nt_random(&st->seed) % 3)
			did |= client_step(st, &st->client[i]);
	return did;
}

/* Nobody is left alone before the guest goes to sleep. */
static bool step_everybody(struct stress *st)
{
	bool did = served_all(st);
	int i;

	for (i = 0; i < CLIENTS; i++)
		did |= client_step(st, &st->client[i]);
	return did;
}

NATIVE_TEST(a_million_operations_are_right)
{
	static struct stress st;
	const char *ops = getenv("NATIVE_OPS"), *seed = getenv("NATIVE_SEED");
	uint64_t want = ops ? strtoull(ops, NULL, 10) : 1000000;
	struct fx_counters before, after;
	pid_t remote;
	int rc;

	st.nt = nt;
	st.seed = seed ? (uint32_t)strtoul(seed, NULL, 10) : 4711;
	nt_remote_echo(nt, NT_REMOTE_IP, ECHO_PORT);
	st.tg = nt_guest_up(nt, NULL);
	ck_ok(tg_open(st.tg, VTOE_INET, NT_TIMEOUT, &st.listener));
	ck_ok(tg_bind(st.listener, "0.0.0.0", SERVE_PORT, NT_TIMEOUT, NULL));
	ck_ok(tg_listen(st.listener, 128, NT_TIMEOUT));
	fx_dom_counters(nt->host, NT_DOMID, &before);
	fflush(NULL);
	remote = fork();
	if (!remote)
		remote_loop(nt, st.seed + 1);
	while (st.ops < want) {
		ck_ok(tg_poll(st.tg));
		if (step_all(&st) || step_everybody(&st))
			continue;
		rc = tg_wait(st.tg, -1, STALL_MS);
		ck_ok(rc);
		ck_assert_msg(rc > 0, "nothing moves after %lu operations",
			      st.ops);
		ck_assert_int_eq(waitpid(remote, NULL, WNOHANG), 0);
	}
	/* it would have ended at a wrong byte */
	ck_assert_int_eq(waitpid(remote, NULL, WNOHANG), 0);
	kill(remote, SIGKILL);
	fx_dom_counters(nt->host, NT_DOMID, &after);
	ck_assert_uint_eq(after.grants, before.grants);
	ck_assert_uint_eq(after.map_calls, before.map_calls);
	ck_assert_uint_eq(after.ports_opened, before.ports_opened);
	printf("native-stress: %lu operations, %lu MiB, %u connections made, "
	       "%lu + %lu events\n", st.ops, st.bytes >> 20, st.ids,
	       after.notify_out - before.notify_out,
	       after.notify_in - before.notify_in);
}

NATIVE_MAIN("native-stress", 900, a_million_operations_are_right)
