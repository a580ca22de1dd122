/* SPDX-License-Identifier: GPL-2.0 */
/*
 * peer.c - the checks' other end. Always native.
 *
 * A client connects and sends one line; a process of its own then does it:
 *
 *	echo		sends back what comes, until the end
 *	send N [MS]	waits, sends N bytes of the pattern, closes
 *	two N MS	sends N bytes, waits, sends N more, waits for the end
 *	half N		sends N bytes and FIN, then reads until the end
 *	count [MS]	waits, reads until the end, answers "BYTES HASH"
 *	told MS CMD	after "dial": waits for a byte on the connection that
 *			this came by, and then for MS, before it does CMD
 *	read-one	reads one byte, closes with the rest unread
 *	take N		reads N bytes, and then as hold
 *	close		closes
 *	reset [MS]	waits, closes with RST
 *	late		reads until the end, then sends until that fails,
 *			answers the errno
 *	hold		reads nothing until told, or the client is gone
 *	who		answers the client's port, as seen from here
 *	full		listens, fills the queue, answers the port
 *	dial PORT CMD	connects to the client, answers "connected" or an
 *			errno, does CMD there; its answer comes here
 *
 * An answer to "count" that is not the whole: "error ERRNO BYTES".
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sockcheck.h"

#define HOLD_S 60 /* nobody is held for longer */
#define FULL_CONNECTIONS 4

/* The pattern, as send_bytes(), but a client that goes away is no failure. */
static void say_bytes(int fd, size_t from, size_t len)
{
	uint8_t buf[65536];

	while (len) {
		size_t n = len < sizeof(buf) ? len : sizeof(buf);
		ssize_t sent;

		pattern(buf, from, n);
		sent = send(fd, buf, n, MSG_NOSIGNAL);
		if (sent <= 0)
			return;
		from += (size_t)sent;
		len -= (size_t)sent;
	}
}

static void do_echo(int fd)
{
	char buf[65536];
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0) {
		for (ssize_t at = 0, m; at < n; at += m) {
			m = send(fd, buf + at, (size_t)(n - at), MSG_NOSIGNAL);
			if (m <= 0)
				return;
		}
	}
}

static void do_count(int fd, int out)
{
	uint64_t hash = HASH_START;
	size_t bytes = 0;
	char buf[65536];
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0) {
		hash = hash_more(hash, buf, (size_t)n);
		bytes += (size_t)n;
	}
	if (n < 0)
		dprintf(out, "error %s %zu\n", strerrorname_np(errno), bytes);
	else
		dprintf(out, "%zu %016llx\n", bytes, (unsigned long long)hash);
}

static void do_reset(int fd)
{
	struct linger l = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close(fd);
	_exit(0);
}

static void drain(int fd)
{
	char buf[65536];

	while (recv(fd, buf, sizeof(buf), 0) > 0)
		;
}

static void take(int fd, size_t len)
{
	char buf[65536];
	ssize_t n = 1;

	for (; len && n > 0; len -= (size_t)n)
		n = recv(fd, buf, len < sizeof(buf) ? len : sizeof(buf), 0);
}

/* Sends after the other side has ended, until that fails. */
static void do_late(int fd, int out)
{
	struct pollfd p = { .fd = fd };

	drain(fd);
	while (send(fd, "x", 1, MSG_NOSIGNAL) == 1)
		poll(&p, 1, 10);
	dprintf(out, "%s\n", strerrorname_np(errno));
}

static void do_who(int fd)
{
	union address a;
	socklen_t len = sizeof(a);

	if (!getpeername(fd, &a.sa, &len))
		dprintf(fd, "%u\n", address_port(&a));
}

/* Connections beyond the first are not taken: later SYNs get no answer. */
static void do_full(int fd)
{
	union address a;
	socklen_t len = sizeof(a);
	int l = socket(peer_address.sa.sa_family, SOCK_STREAM, 0);

	getsockname(fd, &a.sa, &len);
	address_set_port(&a, 0);
	if (bind(l, &a.sa, address_size(&a)) || listen(l, 0))
		return;
	len = sizeof(a);
	getsockname(l, &a.sa, &len);
	for (int i = 0; i < FULL_CONNECTIONS; i++) {
		int c = socket(a.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);

		connect(c, &a.sa, address_size(&a));
	}
	pause_ms(50);
	dprintf(fd, "%u\n", address_port(&a));
	drain(fd);
}

static void obey(char *line, int fd, int out);

static void do_dial(int fd, unsigned int port, char *cmd)
{
	union address a;
	socklen_t len = sizeof(a);
	int c;

	getpeername(fd, &a.sa, &len);
	address_set_port(&a, (uint16_t)port);
	c = socket(a.sa.sa_family, SOCK_STREAM, 0);
	if (connect(c, &a.sa, address_size(&a))) {
		dprintf(fd, "%s\n", strerrorname_np(errno));
		return;
	}
	dprintf(fd, "connected\n");
	obey(cmd, c, fd);
	close(c);
	drain(fd);
}

/* Does a command on fd; an answer goes to out. */
static void obey(char *line, int fd, int out)
{
	unsigned int n = 0, ms = 0;
	int at = 0;
	char c;

	if (!strcmp(line, "echo")) {
		do_echo(fd);
	} else if (sscanf(line, "send %u %u", &n, &ms) >= 1) {
		pause_ms((int)ms);
		say_bytes(fd, 0, n);
	} else if (sscanf(line, "two %u %u", &n, &ms) == 2) {
		say_bytes(fd, 0, n);
		pause_ms((int)ms);
		say_bytes(fd, n, n);
		drain(fd);
	} else if (sscanf(line, "half %u", &n) == 1) {
		say_bytes(fd, 0, n);
		shutdown(fd, SHUT_WR);
		do_count(fd, out);
	} else if (sscanf(line, "told %u %n", &ms, &at) == 1 && at) {
		if (recv(out, &c, 1, 0) != 1)
			return;
		pause_ms((int)ms);
		obey(line + at, fd, out);
	} else if (!strncmp(line, "count", 5)) {
		pause_ms(atoi(line + 5));
		do_count(fd, out);
	} else if (!strcmp(line, "late")) {
		do_late(fd, out);
	} else if (!strcmp(line, "read-one")) {
		recv(fd, &c, 1, 0);
	} else if (!strncmp(line, "reset", 5)) {
		pause_ms(atoi(line + 5));
		do_reset(fd);
	} else if (sscanf(line, "take %u", &n) == 1) {
		take(fd, n);
		sleep(HOLD_S);
	} else if (!strcmp(line, "hold")) {
		sleep(HOLD_S);
	} else if (!strcmp(line, "who")) {
		do_who(fd);
	} else if (!strcmp(line, "full")) {
		do_full(fd);
	} else if (sscanf(line, "dial %u %n", &n, &at) == 1 && at) {
		do_dial(fd, n, line + at);
	}
}

static _Noreturn void serve(int fd)
{
	char line[LINE_MAX_];
	size_t n = 0;

	alarm(HOLD_S);
	while (n < sizeof(line) && recv(fd, line + n, 1, 0) == 1) {
		if (line[n++] != '\n')
			continue;
		line[n - 1] = 0;
		obey(line, fd, fd);
		break;
	}
	close(fd);
	_exit(0);
}

_Noreturn void peer_server(const union address *at)
{
	int fd = socket(at->sa.sa_family, SOCK_STREAM, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, &at->sa, address_size(at)) || listen(fd, 64)) {
		perror("sockcheck: listen");
		exit(1);
	}
	signal(SIGCHLD, SIG_IGN);
	peer_dgram_server(at);
	puts("listening");
	fflush(stdout);
	for (;;) {
		int c = accept(fd, NULL, NULL);

		if (c < 0)
			continue;
		if (!fork()) {
			close(fd);
			serve(c);
		}
		close(c);
	}
}
