/* SPDX-License-Identifier: GPL-2.0 */
/*
 * chatter - byte streams under stress.
 *
 *	chatter server ADDRESS PORT
 *	chatter client [-c CONNECTIONS] [-t SECONDS] [-s SEED] ADDRESS PORT
 *
 * The client keeps CONNECTIONS connections busy. Each has a plan, made of a
 * random number that its first 8 bytes tell the server: how many bytes go
 * each way, and whether one side ends it early with a reset. Both ends send
 * pieces of random size with random pauses, at once; after its last byte a
 * side shuts its direction down. Both ends know each byte that must come
 * (it follows from the plan and the offset), and check all of them, and the
 * place of the end. The server prints what went wrong at once and, on
 * SIGTERM, its sums; the client does at its end.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1024
#define PIECE_MAX 65536
#define STUCK_S 60.0	/* nothing may stand still for so long */
#define TICK_MS 5

struct plan {
	uint32_t total[2];	/* bytes: client's, server's */
	int resetter;		/* side that resets, or -1 */
	uint32_t reset_at;	/* of its own bytes */
};

struct conn {
	int fd;
	bool used, connecting, has_seed;
	uint8_t seed_bytes[8];
	unsigned int seed_len;
	uint64_t seed, dice;
	struct plan plan;
	uint32_t sent, got;
	bool sent_end, got_end;
	double tx_pause, rx_pause, progress;
};

static struct conn conns[CONNECTIONS_MAX];
static int me;			/* 0: client, 1: server */
static uint64_t finished, resets, errors, tx_bytes, rx_bytes;
static volatile sig_atomic_t stopping;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* splitmix64 */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ull;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

static uint64_t roll(struct conn *c)
{
	return mix(c->dice++);
}

static uint32_t some_size(uint64_t r)
{
	/* mostly small, now and then large; nothing at all, too */
	static const uint32_t most[8] = { 1, 64, 1500, 4096, 10000, 70000,
					  300000, 1500000 };

	return (uint32_t)((r >> 8) % (most[r % 8] + 1));
}

static void make_plan(struct conn *c)
{
	uint64_t r = mix(c->seed ^ 3);

	c->plan.total[0] = some_size(mix(c->seed ^ 1));
	c->plan.total[1] = some_size(mix(c->seed ^ 2));
	c->plan.resetter = -1;
	if (r % 8 == 0) {
		c->plan.resetter = (int)(r >> 8) & 1;
		c->plan.reset_at = (uint32_t)((r >> 16) %
			(c->plan.total[c->plan.resetter] + 1));
	}
	c->has_seed = true;
	c->dice = mix(c->seed ^ (uint64_t)(77 + me));
}

/* Bytes from an offset of a side's stream. */
static void make_bytes(const struct conn *c, int side, uint32_t from,
		       uint8_t *buf, size_t len)
{
	uint64_t key = c->seed ^ ((uint64_t)(side + 1) << 60), word = 0;

	for (size_t i = 0; i < len; i++, from++) {
		if (!i || from % 8 == 0)
			word = mix(key + from / 8);
		buf[i] = (uint8_t)(word >> (from % 8 * 8));
	}
}

static void fault(const struct conn *c, const char *what)
{
	errors++;
	printf("FAULT seed %016llx: %s; sent %u of %u, got %u of %u: %s\n",
	       (unsigned long long)c->seed, what, c->sent, c->plan.total[me],
	       c->got, c->plan.total[!me], strerror(errno));
	fflush(stdout);
}

static void end(struct conn *c)
{
	close(c->fd);
	c->used = false;
	finished++;
}

static void reset(struct conn *c)
{
	struct linger l = { .l_onoff = 1 };

	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	resets++;
	end(c);
}

/* An error is right if the other side is to reset. */
static void broken(struct conn *c, const char *what)
{
	bool meant = c->has_seed && c->plan.resetter == !me &&
		     (errno == ECONNRESET || errno == EPIPE ||
		      errno == ENOTCONN); /* shutdown() after a reset */

	if (!meant && !stopping)
		fault(c, what);
	end(c);
}

static double maybe_pause(struct conn *c, double t)
{
	uint64_t r = roll(c);

	return r % 16 ? 0 : t + (double)((r >> 8) % 100) / 1000;
}

/* ---- sending ---- */

static bool send_seed(struct conn *c)
{
	ssize_t n;

	if (me == 1 || c->seed_len == 8)
		return true;
	n = send(c->fd, c->seed_bytes + c->seed_len, 8 - c->seed_len,
		 MSG_NOSIGNAL);
	if (n < 0) {
		if (errno != EAGAIN)
			broken(c, "send");
		return false;
	}
	c->seed_len += (unsigned int)n;
	return c->seed_len == 8;
}

static void finish_sending(struct conn *c)
{
	c->sent_end = true;
	if (shutdown(c->fd, SHUT_WR))
		broken(c, "shutdown");
}

static void send_some(struct conn *c, double t)
{
	static uint8_t buf[PIECE_MAX];
	uint32_t limit = c->plan.total[me], n;
	ssize_t m;

	if (!send_seed(c) || !c->used)
		return;
	if (c->plan.resetter == me)
		limit = c->plan.reset_at;
	if (c->sent == limit) {
		if (c->plan.resetter == me)
			reset(c);
		else
			finish_sending(c);
		c->progress = t;
		return;
	}
	n = 1 + (uint32_t)(roll(c) % (roll(c) % 4 ? 3000 : PIECE_MAX));
	if (n > limit - c->sent)
		n = limit - c->sent;
	make_bytes(c, me, c->sent, buf, n);
	m = send(c->fd, buf, n, MSG_NOSIGNAL);
	if (m < 0) {
		if (errno != EAGAIN)
			broken(c, "send");
		return;
	}
	c->sent += (uint32_t)m;
	tx_bytes += (uint64_t)m;
	c->progress = t;
	c->tx_pause = maybe_pause(c, t);
}

/* ---- receiving ---- */

static void take_seed(struct conn *c)
{
	ssize_t n = recv(c->fd, c->seed_bytes + c->seed_len, 8 - c->seed_len,
			 0);

	if (n <= 0) {
		if (n < 0 && errno == EAGAIN)
			return;
		if (n == 0)
			errno = 0;
		/* reset before the seed came through: nothing is known */
		if (n == 0 || errno != ECONNRESET)
			fault(c, "no seed");
		end(c);
		return;
	}
	c->seed_len += (unsigned int)n;
	if (c->seed_len < 8)
		return;
	memcpy(&c->seed, c->seed_bytes, 8);
	make_plan(c);
}

static bool right(const struct conn *c, const uint8_t *data, size_t n)
{
	static uint8_t wanted[PIECE_MAX];

	make_bytes(c, !me, c->got, wanted, n);
	return !memcmp(data, wanted, n);
}

static void take_end(struct conn *c)
{
	errno = 0;
	c->got_end = true;
	if (c->got != c->plan.total[!me] && !stopping) {
		fault(c, "an early end");
		end(c);
	} else if (c->plan.resetter == !me) {
		/* it must reset, not end: its plan stops short of an end */
		if (!stopping)
			fault(c, "an end where a reset was due");
		end(c);
	}
}

static void receive_some(struct conn *c, double t)
{
	static uint8_t buf[PIECE_MAX];
	size_t n = 1 + roll(c) % (roll(c) % 4 ? 3000 : PIECE_MAX);
	ssize_t m;

	if (!c->has_seed) {
		take_seed(c);
		c->progress = t;
		return;
	}
	m = recv(c->fd, buf, n, 0);
	if (m < 0) {
		if (errno != EAGAIN)
			broken(c, "recv");
		return;
	}
	c->progress = t;
	if (m == 0) {
		take_end(c);
		return;
	}
	if ((uint64_t)c->got + (uint64_t)m > c->plan.total[!me] ||
	    !right(c, buf, (size_t)m)) {
		errno = 0;
		fault(c, "wrong bytes");
		reset(c);
		return;
	}
	c->got += (uint32_t)m;
	rx_bytes += (uint64_t)m;
	c->rx_pause = maybe_pause(c, t);
}

/* ---- both ---- */

static struct conn *conn_new(int fd)
{
	for (int i = 0; i < CONNECTIONS_MAX; i++) {
		struct conn *c = &conns[i];

		if (c->used)
			continue;
		memset(c, 0, sizeof(*c));
		c->fd = fd;
		c->used = true;
		c->progress = now();
		return c;
	}
	return NULL;
}

static uint32_t interest(const struct conn *c, double t)
{
	uint32_t events = 0;

	if (c->connecting || (c->has_seed && !c->sent_end && t >= c->tx_pause))
		events |= EPOLLOUT;
	if (!c->connecting && !c->got_end && t >= c->rx_pause)
		events |= EPOLLIN;
	return events;
}

static void connected(struct conn *c)
{
	int error = 0;
	socklen_t len = sizeof(error);

	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	c->connecting = false;
	c->progress = now();
	if (error) {
		errno = error;
		fault(c, "connect");
		end(c);
	}
}

static void serve(struct conn *c, uint32_t events)
{
	double t = now();

	if (c->connecting) {
		if (events)
			connected(c);
		return;
	}
	if (events & (EPOLLIN | EPOLLERR) && !c->got_end)
		receive_some(c, t);
	if (c->used && events & (EPOLLOUT | EPOLLERR) && c->has_seed &&
	    !c->sent_end)
		send_some(c, t);
	if (c->used && c->sent_end && c->got_end)
		end(c);
}

static void rearm(struct conn *c, int ep, double t)
{
	struct epoll_event ev = { .events = interest(c, t), .data.ptr = c };

	if (epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &ev) && errno == ENOENT)
		epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ev);
	if (t - c->progress > STUCK_S) {
		errno = 0;
		fault(c, "stuck");
		reset(c);
	}
}

static void turn(int ep, int listener_)
{
	struct epoll_event got[64];
	int n = epoll_wait(ep, got, 64, TICK_MS);
	double t = now();

	for (int i = 0; i < n; i++) {
		struct conn *c = got[i].data.ptr;

		if (c && c->used)
			serve(c, got[i].events);
		while (!c) {
			int fd = accept4(listener_, NULL, NULL, SOCK_NONBLOCK);

			if (fd < 0)
				break;
			if (!conn_new(fd))
				close(fd);
		}
	}
	for (int i = 0; i < CONNECTIONS_MAX; i++)
		if (conns[i].used)
			rearm(&conns[i], ep, t);
}

static void on_term(int signal_)
{
	(void)signal_;
	stopping = 1;
}

static int sums(void)
{
	printf("connections %llu, resets %llu, sent %llu, received %llu, "
	       "faults %llu\n", (unsigned long long)finished,
	       (unsigned long long)resets, (unsigned long long)tx_bytes,
	       (unsigned long long)rx_bytes, (unsigned long long)errors);
	return errors ? 1 : 0;
}

union address {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static int server(const union address *a, socklen_t len)
{
	int l = socket(a->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int ep = epoll_create1(0), one = 1;
	struct epoll_event ev = { .events = EPOLLIN };

	me = 1;
	signal(SIGTERM, on_term);
	setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(l, &a->sa, len) || listen(l, 512) ||
	    epoll_ctl(ep, EPOLL_CTL_ADD, l, &ev)) {
		perror("chatter");
		return 1;
	}
	puts("listening");
	fflush(stdout);
	while (!stopping)
		turn(ep, l);
	return sums();
}

static void dial(const union address *a, socklen_t len, uint64_t seed)
{
	int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct conn *c = fd < 0 ? NULL : conn_new(fd);

	if (!c) {
		perror("chatter: socket");
		exit(1);
	}
	c->seed = seed;
	memcpy(c->seed_bytes, &seed, 8);
	make_plan(c);
	c->connecting = true;
	if (connect(fd, &a->sa, len) && errno != EINPROGRESS) {
		fault(c, "connect");
		end(c);
	}
}

static int client(const union address *a, socklen_t len, int wanted,
		  double seconds, uint64_t seed)
{
	double stop = now() + seconds;
	int ep = epoll_create1(0), busy;

	do {
		busy = 0;
		for (int i = 0; i < CONNECTIONS_MAX; i++)
			busy += conns[i].used;
		for (; now() < stop && busy < wanted; busy++)
			dial(a, len, mix(seed++));
		turn(ep, -1);
	} while (busy);
	return sums();
}

int main(int argc, char **argv)
{
	union address a = { 0 };
	socklen_t len = sizeof(a.v4);
	bool serves = argc > 1 && !strcmp(argv[1], "server");
	int wanted = 32, opt;
	double seconds = 10;
	uint64_t seed = 1;

	optind = 2;
	while (argc > 1 && (opt = getopt(argc, argv, "c:t:s:")) != -1) {
		if (opt == 'c')
			wanted = atoi(optarg);
		else if (opt == 't')
			seconds = atof(optarg);
		else if (opt == 's')
			seed = strtoull(optarg, NULL, 0);
		else
			return 2;
	}
	if (argc - optind != 2 || wanted < 1 || wanted > CONNECTIONS_MAX) {
		fprintf(stderr, "usage: chatter server ADDRESS PORT\n"
			"       chatter client [-c CONNECTIONS] [-t SECONDS] "
			"[-s SEED] ADDRESS PORT\n");
		return 2;
	}
	a.sa.sa_family = AF_INET;
	if (inet_pton(AF_INET, argv[optind], &a.v4.sin_addr) != 1) {
		a.sa.sa_family = AF_INET6;
		len = sizeof(a.v6);
		if (inet_pton(AF_INET6, argv[optind], &a.v6.sin6_addr) != 1)
			return 2;
	}
	a.v4.sin_port = htons((uint16_t)atoi(argv[optind + 1]));
	if (serves)
		return server(&a, len);
	return client(&a, len, wanted, seconds, mix(seed));
}
