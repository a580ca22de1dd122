/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sockbench - measures TCP and UDP sockets the way programs use them.
 *
 *	sockbench server ADDRESS PORT
 *	sockbench client [-c CONNECTIONS] [-s SIZE] [-t SECONDS] WORK ADDRESS PORT
 *
 * Works, seen from the client:
 *	out	stream to the server over CONNECTIONS connections
 *	in	stream from the server
 *	rr	one request of SIZE bytes and its echo after the other
 *	crr	connect, request and echo of SIZE bytes, close, again
 *	udp	as rr, in datagrams
 *	query	as crr, by UDP: as a resolver does
 *
 * The client prints one JSON object. Bytes of "out" are what the server says
 * that it got, so that nothing counts that is still in a buffer. Linked
 * statically, so that the same file runs in a guest and on the remote host.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1024
#define BUFFER_SIZE (128 * 1024) /* a common size of programs' buffers */
#define EVENTS_MAX 64
#define ANSWER_S 1 /* a datagram is lost after this, and sent again */

enum work { WORK_SINK = 'S', WORK_SOURCE = 'G', WORK_ECHO = 'E' };

struct conn {
	int fd;
	char work; /* 0: its first byte has not come yet */
	uint64_t bytes;
};

static char buffer[BUFFER_SIZE];
static struct conn datagrams; /* the server's one UDP socket */

static void die(const char *what)
{
	fprintf(stderr, "sockbench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static socklen_t parse(struct sockaddr_storage *ss, const char *addr,
		       const char *port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ss;
	uint16_t p = htons((uint16_t)strtoul(port, NULL, 10));

	memset(ss, 0, sizeof(*ss));
	if (inet_pton(AF_INET, addr, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = p;
		return sizeof(*v4);
	}
	if (inet_pton(AF_INET6, addr, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = p;
		return sizeof(*v6);
	}
	errno = EINVAL;
	die(addr);
	return 0;
}

static void no_delay(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

/* ---- server ---- */

static void conn_close(struct conn *c)
{
	close(c->fd);
	free(c);
}

/* Whole echo of one read; requests are small, so it fits the send buffer. */
static bool echo(struct conn *c, const char *data, ssize_t len)
{
	while (len > 0) {
		ssize_t n = send(c->fd, data, (size_t)len, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			continue;
		if (n <= 0)
			return false;
		data += n;
		len -= n;
	}
	return true;
}

static bool conn_source(struct conn *c)
{
	ssize_t n;

	do {
		n = send(c->fd, buffer, sizeof(buffer), MSG_NOSIGNAL);
	} while (n == (ssize_t)sizeof(buffer));
	return n >= 0 || errno == EAGAIN;
}

static bool conn_input(struct conn *c)
{
	ssize_t n = recv(c->fd, buffer, sizeof(buffer), 0);
	char *data = buffer;

	if (n < 0)
		return errno == EAGAIN;
	if (n == 0) {
		if (c->work == WORK_SINK)
			echo(c, (char *)&c->bytes, sizeof(c->bytes));
		return false;
	}
	if (!c->work) {
		c->work = *data++;
		n--;
	}
	c->bytes += (uint64_t)n;
	if (c->work == WORK_ECHO)
		return echo(c, data, n);
	if (c->work == WORK_SOURCE)
		return conn_source(c);
	return true;
}

static void accept_all(int listener, int ep)
{
	for (;;) {
		struct epoll_event ev = { .events = EPOLLIN };
		int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
		struct conn *c;

		if (fd < 0)
			return;
		no_delay(fd);
		c = calloc(1, sizeof(*c));
		if (!c)
			die("calloc");
		c->fd = fd;
		ev.data.ptr = c;
		if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev))
			die("epoll_ctl");
	}
}

static void echo_datagrams(int fd)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	ssize_t n;

	while ((n = recvfrom(fd, buffer, sizeof(buffer), MSG_DONTWAIT,
			     (struct sockaddr *)&from, &len)) >= 0) {
		sendto(fd, buffer, (size_t)n, 0, (struct sockaddr *)&from, len);
		len = sizeof(from);
	}
}

static void serve(struct conn *c, uint32_t events, int ep)
{
	struct epoll_event ev = { .data.ptr = c, .events = EPOLLOUT };
	bool ok = true;

	if (c == &datagrams) {
		echo_datagrams(c->fd);
		return;
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		ok = conn_input(c);
	else if (c->work == WORK_SOURCE && (events & EPOLLOUT))
		ok = conn_source(c);
	if (!ok) {
		conn_close(c);
		return;
	}
	if (c->work == WORK_SOURCE) {
		ev.events = EPOLLIN | EPOLLOUT;
		epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &ev);
	}
}

static _Noreturn void server(const char *addr, const char *port)
{
	struct epoll_event ev = { .events = EPOLLIN }, got[EVENTS_MAX];
	struct sockaddr_storage ss;
	socklen_t len = parse(&ss, addr, port);
	int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int ep = epoll_create1(0), one = 1, i, n;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (struct sockaddr *)&ss, len) || listen(fd, 512))
		die("listen");
	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev))
		die("epoll_ctl");
	datagrams.fd = socket(ss.ss_family, SOCK_DGRAM, 0);
	ev.data.ptr = &datagrams;
	if (datagrams.fd < 0 ||
	    bind(datagrams.fd, (struct sockaddr *)&ss, len) ||
	    epoll_ctl(ep, EPOLL_CTL_ADD, datagrams.fd, &ev))
		die("datagram socket");
	for (;;) {
		n = epoll_wait(ep, got, EVENTS_MAX, -1);
		for (i = 0; i < n; i++) {
			if (got[i].data.ptr)
				serve(got[i].data.ptr, got[i].events, ep);
			else
				accept_all(fd, ep);
		}
	}
}

/* ---- client ---- */

struct job {
	struct sockaddr_storage ss;
	socklen_t len;
	unsigned int connections;
	size_t size;
	double seconds;
	double start, end; /* of what is measured */
	uint64_t bytes, operations;
};

static int dial(const struct job *job, char work)
{
	int fd = socket(job->ss.ss_family, SOCK_STREAM, 0);

	if (fd < 0 ||
	    connect(fd, (const struct sockaddr *)&job->ss, job->len))
		die("connect");
	no_delay(fd);
	if (work && send(fd, &work, 1, MSG_NOSIGNAL) != 1)
		die("send");
	return fd;
}

static void receive_all(int fd, char *data, size_t len)
{
	while (len) {
		ssize_t n = recv(fd, data, len, 0);

		if (n <= 0)
			die("recv");
		data += n;
		len -= (size_t)n;
	}
}

static void send_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n <= 0)
			die("send");
		data += n;
		len -= (size_t)n;
	}
}

static void work_rr(struct job *job)
{
	int fd = dial(job, WORK_ECHO);
	double end = now() + job->seconds;

	while (now() < end) {
		send_all(fd, buffer, job->size);
		receive_all(fd, buffer, job->size);
		job->operations++;
	}
	close(fd);
}

static void work_crr(struct job *job)
{
	double end = now() + job->seconds;

	while (now() < end) {
		int fd = dial(job, 0);

		buffer[0] = WORK_ECHO;
		send_all(fd, buffer, job->size + 1);
		receive_all(fd, buffer, job->size);
		close(fd);
		job->operations++;
	}
}

static int dial_datagram(const struct job *job)
{
	struct timeval tv = { .tv_sec = ANSWER_S };
	int fd = socket(job->ss.ss_family, SOCK_DGRAM, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) ||
	    connect(fd, (const struct sockaddr *)&job->ss, job->len))
		die("datagram socket");
	return fd;
}

static void ask(const struct job *job, int fd)
{
	do {
		if (send(fd, buffer, job->size, 0) != (ssize_t)job->size)
			die("send");
	} while (recv(fd, buffer, sizeof(buffer), 0) < 0 && errno == EAGAIN);
}

static void work_udp(struct job *job)
{
	int fd = dial_datagram(job);
	double end = now() + job->seconds;

	for (; now() < end; job->operations++)
		ask(job, fd);
	close(fd);
}

static void work_query(struct job *job)
{
	double end = now() + job->seconds;

	for (; now() < end; job->operations++) {
		int fd = dial_datagram(job);

		ask(job, fd);
		close(fd);
	}
}

/* One step of a stream; false when the connection is of no more use. */
static bool stream_step(struct job *job, int fd, bool out)
{
	ssize_t n = out ? send(fd, buffer, sizeof(buffer),
			       MSG_NOSIGNAL | MSG_DONTWAIT) :
			  recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);

	if (n < 0 && errno != EAGAIN)
		die(out ? "send" : "recv");
	if (n > 0 && !out)
		job->bytes += (uint64_t)n;
	return n != 0;
}

/* What the server says it got, once it has got all. */
static void finish_out(struct job *job, const int *fd)
{
	unsigned int i;
	uint64_t bytes;

	for (i = 0; i < job->connections; i++)
		shutdown(fd[i], SHUT_WR);
	for (i = 0; i < job->connections; i++) {
		receive_all(fd[i], (char *)&bytes, sizeof(bytes));
		job->bytes += bytes;
	}
}

static void work_stream(struct job *job, bool out)
{
	struct epoll_event got[EVENTS_MAX];
	int fd[CONNECTIONS_MAX], ep = epoll_create1(0), n;
	double end;
	unsigned int i;

	for (i = 0; i < job->connections; i++) {
		struct epoll_event ev = { .events = out ? EPOLLOUT : EPOLLIN };

		fd[i] = dial(job, out ? WORK_SINK : WORK_SOURCE);
		ev.data.fd = fd[i];
		epoll_ctl(ep, EPOLL_CTL_ADD, fd[i], &ev);
	}
	/* streams are measured, not the connects before them: see crr */
	job->start = now();
	end = job->start + job->seconds;
	while (now() < end) {
		n = epoll_wait(ep, got, EVENTS_MAX, 100);
		for (i = 0; (int)i < n; i++)
			if (!stream_step(job, got[i].data.fd, out))
				die("stream ended");
	}
	if (out)
		finish_out(job, fd);
	job->end = now();
	for (i = 0; i < job->connections; i++)
		close(fd[i]);
}

static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static int client(struct job *job, const char *work)
{
	double seconds;

	job->start = now();
	if (!strcmp(work, "rr"))
		work_rr(job);
	else if (!strcmp(work, "crr"))
		work_crr(job);
	else if (!strcmp(work, "udp"))
		work_udp(job);
	else if (!strcmp(work, "query"))
		work_query(job);
	else if (!strcmp(work, "out") || !strcmp(work, "in"))
		work_stream(job, work[0] == 'o');
	else
		return 2;
	seconds = (job->end ?: now()) - job->start;
	printf("{\"work\": \"%s\", \"connections\": %u, \"size\": %zu, "
	       "\"seconds\": %.6f, \"bytes\": %llu, \"operations\": %llu, "
	       "\"cpu\": %.6f}\n",
	       work, job->connections, job->size, seconds,
	       (unsigned long long)job->bytes,
	       (unsigned long long)job->operations, cpu_seconds());
	return 0;
}

static int usage(void)
{
	fprintf(stderr, "usage: sockbench server ADDRESS PORT\n"
			"       sockbench client [-c CONNECTIONS] [-s SIZE] "
			"[-t SECONDS] out|in|rr|crr|udp|query ADDRESS PORT\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct job job = { .connections = 1, .size = 64, .seconds = 5 };
	int opt;

	if (argc == 4 && !strcmp(argv[1], "server"))
		server(argv[2], argv[3]);
	if (argc < 5 || strcmp(argv[1], "client"))
		return usage();
	argv++;
	argc--;
	while ((opt = getopt(argc, argv, "c:s:t:")) != -1) {
		if (opt == 'c')
			job.connections = (unsigned int)atoi(optarg);
		else if (opt == 's')
			job.size = (size_t)atoi(optarg);
		else if (opt == 't')
			job.seconds = atof(optarg);
		else
			return usage();
	}
	if (argc - optind != 3 || !job.connections ||
	    job.connections > CONNECTIONS_MAX || !job.size ||
	    job.size >= sizeof(buffer) || job.seconds <= 0)
		return usage();
	job.len = parse(&job.ss, argv[optind + 1], argv[optind + 2]);
	return client(&job, argv[optind]) ? usage() : 0;
}
