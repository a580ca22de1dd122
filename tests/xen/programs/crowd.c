/* SPDX-License-Identifier: GPL-2.0 */
/*
 * crowd - many connections.
 *
 *	crowd server ADDRESS PORT	echoes; SIGUSR1: says, as JSON, each time
 *					without a byte since it was asked before
 *					that was not shorter than SILENCE_MIN,
 *					as pairs [from, to] (seconds,
 *					CLOCK_MONOTONIC)
 *	crowd hold N ADDRESS PORT	opens N connections, proves each, says
 *					"holding N", waits for a line, proves
 *					each again, closes them
 *	crowd churn N ADDRESS PORT	opens, uses and closes N connections
 *
 * To prove a connection is to send a byte and get it back. BATCH connections
 * are under way at once.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 32
#define FILES_MAX 100000
#define SILENCE_MIN 0.005		/* seconds */
#define SILENCES_MAX 8192		/* for more than 40 seconds */

union address {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static union address addr;
static socklen_t addr_len;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "crowd: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void parse(const char *host, const char *port)
{
	if (inet_pton(AF_INET, host, &addr.v4.sin_addr) == 1) {
		addr.sa.sa_family = AF_INET;
		addr_len = sizeof(addr.v4);
	} else if (inet_pton(AF_INET6, host, &addr.v6.sin6_addr) == 1) {
		addr.sa.sa_family = AF_INET6;
		addr_len = sizeof(addr.v6);
	} else {
		errno = EINVAL;
		die(host);
	}
	addr.v4.sin_port = htons((uint16_t)atoi(port));
}

static void allow_files(void)
{
	struct rlimit r = { FILES_MAX, FILES_MAX };

	if (!setrlimit(RLIMIT_NOFILE, &r))
		return;
	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = r.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &r))
		die("setrlimit");
}

/* ---- server: echoes what comes ---- */

static volatile sig_atomic_t asked;
static double last;			/* when a byte came */
static struct { double from, to; } silences[SILENCES_MAX];
static int nr_silences;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void ask(int number)
{
	(void)number;
	asked = 1;
}

static void heard(void)
{
	double at = now();

	if (at - last >= SILENCE_MIN && nr_silences < SILENCES_MAX) {
		silences[nr_silences].from = last;
		silences[nr_silences].to = at;
		nr_silences++;
	}
	last = at;
}

static void answer(void)
{
	asked = 0;
	printf("{\"silences\": [");
	for (int i = 0; i < nr_silences; i++)
		printf("%s[%.6f, %.6f]", i ? ", " : "", silences[i].from,
		       silences[i].to);
	puts("]}");
	fflush(stdout);
	nr_silences = 0;
	last = now();
}

static void echo(int fd)
{
	char buf[4096];
	ssize_t n = recv(fd, buf, sizeof(buf), 0);

	if (n > 0)
		heard();
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0 || send(fd, buf, (size_t)n, MSG_NOSIGNAL) != n)
		close(fd);
}

static void take(int l, int ep)
{
	int fd;

	while ((fd = accept4(l, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

		if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev))
			die("epoll_ctl");
	}
}

static _Noreturn void server(void)
{
	int l = socket(addr.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int ep = epoll_create1(0), one = 1;
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = l }, got[64];
	struct sigaction act = { .sa_handler = ask };

	setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(l, &addr.sa, addr_len) || listen(l, 4096))
		die("listen");
	epoll_ctl(ep, EPOLL_CTL_ADD, l, &ev);
	sigaction(SIGUSR1, &act, NULL);
	last = now();
	puts("listening");
	fflush(stdout);
	for (;;) {
		int n = epoll_wait(ep, got, 64, -1);

		if (asked)
			answer();
		for (int i = 0; i < n; i++) {
			if (got[i].data.fd == l)
				take(l, ep);
			else
				echo(got[i].data.fd);
		}
	}
}

/* ---- client ---- */

static int dial(void)
{
	int fd = socket(addr.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0)
		die("socket");
	if (connect(fd, &addr.sa, addr_len) && errno != EINPROGRESS)
		die("connect");
	return fd;
}

static void set_blocking(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
}

/* One byte each, all on their way at once. */
static void prove(const int *fd, int n)
{
	for (int i = 0; i < n; i++) {
		char c = (char)i;

		if (send(fd[i], &c, 1, MSG_NOSIGNAL) != 1)
			die("send");
	}
	for (int i = 0; i < n; i++) {
		char c;

		if (recv(fd[i], &c, 1, 0) != 1)
			die("recv");
		if (c != (char)i) {
			fprintf(stderr, "crowd: a wrong byte came back\n");
			exit(1);
		}
	}
}

static void wait_connected(int fd)
{
	int ep = epoll_create1(0), error = 0;
	struct epoll_event ev = { .events = EPOLLOUT };
	socklen_t len = sizeof(error);

	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) ||
	    epoll_wait(ep, &ev, 1, 60000) != 1)
		die("a connection that does not come");
	close(ep);
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error) {
		errno = error;
		die("connect");
	}
	set_blocking(fd);
}

static int open_batch(int *fd, int n)
{
	if (n > BATCH)
		n = BATCH;
	for (int i = 0; i < n; i++)
		fd[i] = dial();
	for (int i = 0; i < n; i++)
		wait_connected(fd[i]);
	prove(fd, n);
	return n;
}

static int hold(int n)
{
	int *fd = calloc((size_t)n, sizeof(*fd));
	char line[16];

	for (int i = 0; i < n;)
		i += open_batch(fd + i, n - i);
	printf("holding %d\n", n);
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		line[0] = 0;
	for (int i = 0; i < n; i += BATCH)
		prove(fd + i, n - i < BATCH ? n - i : BATCH);
	for (int i = 0; i < n; i++)
		close(fd[i]);
	printf("proved %d\n", n);
	return 0;
}

static int churn(int n)
{
	int fd[BATCH];

	for (int i = 0; i < n;) {
		int m = open_batch(fd, n - i);

		for (int j = 0; j < m; j++)
			close(fd[j]);
		i += m;
	}
	printf("used %d\n", n);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "server")) {
		parse(argv[2], argv[3]);
		allow_files();
		server();
	}
	if (argc != 5 || atoi(argv[2]) <= 0) {
		fprintf(stderr, "usage: crowd server ADDRESS PORT\n"
			"       crowd hold|churn N ADDRESS PORT\n");
		return 2;
	}
	parse(argv[3], argv[4]);
	allow_files();
	return argv[1][0] == 'h' ? hold(atoi(argv[2])) : churn(atoi(argv[2]));
}
