/* SPDX-License-Identifier: GPL-2.0 */
/* tools.c - what many checks do. See sockcheck.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sockcheck.h"

#define CHUNK 65536
#define FULL_MS 500 /* not writable for so long: full */

socklen_t address_size(const union address *a)
{
	return a->sa.sa_family == AF_INET ? sizeof(a->v4) : sizeof(a->v6);
}

/* The port is at the same place in both families. */
uint16_t address_port(const union address *a)
{
	return ntohs(a->v4.sin_port);
}

void address_set_port(union address *a, uint16_t port)
{
	a->v4.sin_port = htons(port);
}

bool address_same_host(const union address *a, const union address *b)
{
	if (a->sa.sa_family != b->sa.sa_family)
		return false;
	if (a->sa.sa_family == AF_INET)
		return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
	return !memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, 16);
}

int new_socket(int flags)
{
	return socket(peer_address.sa.sa_family, SOCK_STREAM | flags, 0);
}

int connect_to(int fd, uint16_t port)
{
	union address a = peer_address;

	if (port)
		address_set_port(&a, port);
	return connect(fd, &a.sa, address_size(&a));
}

void command(int fd, const char *text)
{
	size_t len = strlen(text);

	expect_eq(send(fd, text, len, MSG_NOSIGNAL), len);
}

int peer(const char *format, ...)
{
	char line[LINE_MAX_];
	int fd = must(new_socket(SOCK_CLOEXEC));
	va_list ap;

	va_start(ap, format);
	vsnprintf(line, sizeof(line) - 1, format, ap);
	va_end(ap);
	strcat(line, "\n");
	must(connect_to(fd, 0));
	command(fd, line);
	return fd;
}

const char *read_line(int fd)
{
	static char line[LINE_MAX_];
	size_t n = 0;

	do {
		expect(n < sizeof(line));
		expect_eq(recv(fd, line + n, 1, 0), 1);
	} while (line[n++] != '\n');
	line[n - 1] = 0;
	return line;
}

uint16_t peer_full_port(void)
{
	/* the connection stays open for as long as the check runs */
	return (uint16_t)atoi(read_line(peer("full")));
}

uint16_t local_port(int fd)
{
	union address a;
	socklen_t len = sizeof(a);

	must(getsockname(fd, &a.sa, &len));
	return address_port(&a);
}

int listener(int flags, uint16_t *port)
{
	int fd = must(new_socket(flags));

	must(bind(fd, &bind_address.sa, address_size(&bind_address)));
	must(listen(fd, 16));
	*port = local_port(fd);
	expect(*port);
	return fd;
}

int dialled(int *control, const char *cmd)
{
	uint16_t port;
	int l = listener(0, &port), fd;

	*control = peer("dial %u %s", port, cmd);
	fd = must(accept(l, NULL, NULL));
	expect(!strcmp(read_line(*control), "connected"));
	close(l);
	return fd;
}

void pattern(void *buf, size_t from, size_t len)
{
	uint8_t *p = buf;

	for (size_t i = 0; i < len; i++, from++)
		p[i] = (uint8_t)(from * 31 + (from >> 8) * 7 + (from >> 16));
}

void send_bytes(int fd, size_t from, size_t len)
{
	uint8_t buf[CHUNK];

	while (len) {
		size_t n = len < sizeof(buf) ? len : sizeof(buf);
		ssize_t sent;

		pattern(buf, from, n);
		sent = must(send(fd, buf, n, MSG_NOSIGNAL));
		expect(sent > 0);
		from += (size_t)sent;
		len -= (size_t)sent;
	}
}

void receive_bytes(int fd, size_t from, size_t len)
{
	uint8_t buf[CHUNK], wanted[CHUNK];

	while (len) {
		size_t n = len < sizeof(buf) ? len : sizeof(buf);
		ssize_t got = must(recv(fd, buf, n, 0));

		expect(got > 0);
		pattern(wanted, from, (size_t)got);
		expect(!memcmp(buf, wanted, (size_t)got));
		from += (size_t)got;
		len -= (size_t)got;
	}
}

void expect_end(int fd)
{
	char c;

	expect_eq(recv(fd, &c, 1, 0), 0);
}

uint64_t hash_more(uint64_t hash, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len--)
		hash = (hash ^ *p++) * 0x100000001b3ull;
	return hash;
}

const char *count_text(size_t len)
{
	static char text[LINE_MAX_];
	uint64_t hash = HASH_START;
	uint8_t buf[CHUNK];
	size_t at = 0;

	while (at < len) {
		size_t n = len - at < sizeof(buf) ? len - at : sizeof(buf);

		pattern(buf, at, n);
		hash = hash_more(hash, buf, n);
		at += n;
	}
	snprintf(text, sizeof(text), "%zu %016llx", len,
		 (unsigned long long)hash);
	return text;
}

int wait_for(int fd, int events)
{
	struct pollfd p = { .fd = fd, .events = (short)events };
	int n;

	do {
		n = poll(&p, 1, HANG_S * 1000);
	} while (n < 0 && errno == EINTR);
	return n > 0 ? p.revents : 0;
}

int ready_now(int fd, int events)
{
	struct pollfd p = { .fd = fd, .events = (short)events };

	must(poll(&p, 1, 0));
	return p.revents;
}

double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void pause_ms(int ms)
{
	poll(NULL, 0, ms);
}

static void on_alarm(int signal_)
{
	(void)signal_;
}

void alarm_without_restart(int ms)
{
	struct sigaction act = { .sa_handler = on_alarm };
	struct itimerval it = {
		.it_value = { ms / 1000, ms % 1000 * 1000 },
	};

	must(sigaction(SIGALRM, &act, NULL));
	must(setitimer(ITIMER_REAL, &it, NULL));
}

/* Sends until nothing more fits; false if there is no end to it. */
bool fill(int fd)
{
	static char buf[CHUNK];
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	bool quiet = false;

	/* dom0 goes on taking bytes for a while, on a busy machine in gusts */
	for (size_t sent = 0; sent < (256u << 20);) {
		ssize_t n = send(fd, buf, sizeof(buf),
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0) {
			sent += (size_t)n;
			quiet = false;
			continue;
		}
		expect_eq(errno, EAGAIN);
		if (quiet)
			return true;
		quiet = !poll(&p, 1, FULL_MS);
	}
	return false;
}

int wait_child(int pid)
{
	int status;

	must(waitpid(pid, &status, 0));
	return status;
}
