/* SPDX-License-Identifier: GPL-2.0 */
/*
 * gap - how long connections were silent.
 *
 *	gap N INTERVAL_MS ADDRESS PORT
 *
 * Opens N connections to a server that echoes. On each, a byte is sent every
 * INTERVAL_MS, if the last one has come back. Each line read prints, as JSON, what
 * was seen since the line before: the longest time in which no byte came on any
 * connection (silence), the longest one of a byte on its way and back, how many
 * bytes took longer than SLOW_MS, on how many connections one came, and how many
 * were lost. Ends with its input.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 10000
#define SLOW_MS 1000 /* what one lost segment does not explain */

struct connection {
	int fd;
	bool waiting;	/* for its byte */
	bool seen;	/* since the line */
	double due;	/* when the next byte is to be sent */
	double sent;	/* when the last one was */
};

static struct connection connection[CONNECTIONS_MAX];
static int nr, nr_seen, lost, slow;
static double last, silence, longest;

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "gap: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void lose(struct connection *c)
{
	close(c->fd);
	c->fd = -1;
	lost++;
}

static void open_one(struct connection *c, const struct sockaddr_in *to,
		     int ep)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
	int one = 1;

	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (c->fd < 0 || connect(c->fd, (const void *)to, sizeof(*to)))
		die("connect");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	fcntl(c->fd, F_SETFL, O_NONBLOCK);
	if (epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ev))
		die("epoll_ctl");
}

static void came_back(struct connection *c, double now)
{
	char byte;
	ssize_t n = read(c->fd, &byte, 1);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n != 1) {
		lose(c);
		return;
	}
	if (now - c->sent > longest)
		longest = now - c->sent;
	slow += now - c->sent > SLOW_MS;
	if (now - last > silence)
		silence = now - last;
	last = now;
	nr_seen += !c->seen;
	c->seen = true;
	c->waiting = false;
}

static void send_due(struct connection *c, double now, double interval)
{
	if (c->fd < 0 || c->waiting || now < c->due)
		return;
	c->sent = now;
	while (c->due <= now)
		c->due += interval;
	c->waiting = true;
	if (send(c->fd, "x", 1, MSG_NOSIGNAL) != 1)
		lose(c);
}

static void report(void)
{
	int i;

	printf("{\"silence\": %.1f, \"longest\": %.1f, \"slow\": %d, "
	       "\"seen\": %d, \"lost\": %d}\n",
	       silence, longest, slow, nr_seen, lost);
	fflush(stdout);
	for (i = 0; i < nr; i++)
		connection[i].seen = false;
	nr_seen = slow = 0;
	silence = longest = 0;
	last = now_ms();
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL};
	struct rlimit files = {CONNECTIONS_MAX + 16, CONNECTIONS_MAX + 16};
	int ep = epoll_create1(0), i, n;
	struct epoll_event got[64];
	double interval;
	char line[64];

	if (argc != 5 || (nr = atoi(argv[1])) < 1 || nr > CONNECTIONS_MAX ||
	    inet_pton(AF_INET, argv[3], &to.sin_addr) != 1) {
		fputs("usage: gap N INTERVAL_MS ADDRESS PORT\n", stderr);
		return 2;
	}
	interval = atof(argv[2]);
	to.sin_port = htons((uint16_t)atoi(argv[4]));
	setrlimit(RLIMIT_NOFILE, &files);
	for (i = 0; i < nr; i++)
		open_one(&connection[i], &to, ep);
	if (epoll_ctl(ep, EPOLL_CTL_ADD, 0, &ev))
		die("standard input");
	printf("open %d\n", nr);
	fflush(stdout);
	last = now_ms();
	for (i = 0; i < nr; i++) /* not all at once */
		connection[i].due = last + interval * i / nr;
	for (;;) {
		double now;

		n = epoll_wait(ep, got, 64, 1);
		now = now_ms();
		for (i = 0; i < n; i++) {
			struct connection *c = got[i].data.ptr;

			if (!c && read(0, line, sizeof(line)) <= 0)
				return 0;
			if (!c)
				report();
			else if (c->fd >= 0)
				came_back(c, now);
		}
		for (i = 0; i < nr; i++)
			send_due(&connection[i], now, interval);
	}
}
