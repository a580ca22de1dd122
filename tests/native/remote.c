/* SPDX-License-Identifier: GPL-2.0 */
/* The remote host, and what is sent to and fro. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "native.h"

#define ECHO_BUFFER 65536

/* ------------------------------------------------------------ sockets */

int nt_remote_socket(struct nt *nt, int family, int type)
{
	int fd;

	ck_assert_int_eq(setns(nt->remote_ns, CLONE_NEWNET), 0);
	fd = socket(family, type | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(setns(nt->own_ns, CLONE_NEWNET), 0);
	ck_assert_int_ge(fd, 0);
	return fd;
}

static socklen_t address(const char *ip, uint16_t port,
			 struct sockaddr_storage *ss)
{
	struct sockaddr_in *in = (void *)ss;
	struct sockaddr_in6 *in6 = (void *)ss;

	memset(ss, 0, sizeof(*ss));
	if (inet_pton(AF_INET, ip, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		return sizeof(*in);
	}
	ck_assert_int_eq(inet_pton(AF_INET6, ip, &in6->sin6_addr), 1);
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	return sizeof(*in6);
}

int nt_remote_listen(struct nt *nt, const char *ip, uint16_t port, int backlog)
{
	struct sockaddr_storage ss;
	socklen_t len = address(ip, port, &ss);
	int fd = nt_remote_socket(nt, ss.ss_family, SOCK_STREAM), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	ck_assert_int_eq(bind(fd, (void *)&ss, len), 0);
	ck_assert_int_eq(listen(fd, backlog), 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

int nt_remote_dgram(struct nt *nt, const char *ip, uint16_t port)
{
	struct sockaddr_storage ss;
	socklen_t len = address(ip, port, &ss);
	int fd = nt_remote_socket(nt, ss.ss_family, SOCK_DGRAM);

	ck_assert_int_eq(bind(fd, (void *)&ss, len), 0);
	return fd;
}

int nt_remote_connect(struct nt *nt, const char *ip, uint16_t port)
{
	struct sockaddr_storage ss;
	socklen_t len = address(ip, port, &ss), elen = sizeof(int);
	int fd = nt_remote_socket(nt, ss.ss_family, SOCK_STREAM), err = 0, tries;
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };

	fcntl(fd, F_SETFL, O_NONBLOCK);
	if (connect(fd, (void *)&ss, len) && errno != EINPROGRESS) {
		err = errno;
		close(fd);
		return -err;
	}
	for (tries = NT_TIMEOUT / 10; poll(&pfd, 1, 10) == 0; tries--) {
		ck_assert_int_gt(tries, 0);
		if (nt->guest.tg)
			tg_poll(nt->guest.tg);
	}
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &elen);
	if (err) {
		close(fd);
		return -err;
	}
	return fd;
}

/* Waits for a descriptor while the guest lives. */
static void wait_fd(struct nt *nt, int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int tries;

	for (tries = NT_TIMEOUT / 10; poll(&pfd, 1, 0) == 0; tries--) {
		ck_assert_msg(tries > 0, "the remote host waits in vain");
		if (!nt->guest.tg || tg_wait(nt->guest.tg, fd, 10) < 0)
			poll(&pfd, 1, 10);
	}
}

int nt_remote_accept(struct nt *nt, int listener)
{
	int fd;

	wait_fd(nt, listener);
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

void nt_remote_recv(struct nt *nt, int fd, void *data, size_t len)
{
	uint8_t *p = data;
	ssize_t n;

	while (len) {
		wait_fd(nt, fd);
		n = recv(fd, p, len, MSG_DONTWAIT);
		ck_assert_msg(n > 0, "remote recv: %s",
			      n ? strerror(errno) : "end of stream");
		p += n;
		len -= (size_t)n;
	}
}

int nt_remote_end(struct nt *nt, int fd)
{
	char byte;
	ssize_t n;

	wait_fd(nt, fd);
	n = recv(fd, &byte, 1, MSG_DONTWAIT);
	ck_assert_msg(n <= 0, "data where an end was expected");
	return n ? -errno : 0;
}

int nt_remote_run(struct nt *nt, const char *command)
{
	char text[512];

	(void)nt;
	snprintf(text, sizeof(text), "ip netns exec remote sh -c '%s'",
		 command);
	return system(text);
}

/* ------------------------------------------------------------ echo */

struct echo {
	int fd;
	bool eof;
	uint32_t at, len;
	uint8_t data[ECHO_BUFFER];
};

static void echo_mask(int epoll, struct echo *e)
{
	struct epoll_event ev = {
		.events = e->len ? EPOLLOUT : EPOLLIN,
		.data.ptr = e,
	};

	epoll_ctl(epoll, EPOLL_CTL_MOD, e->fd, &ev);
}

/* Returns false when the connection is over. */
static bool echo_move(struct echo *e)
{
	ssize_t n;

	if (!e->len && !e->eof) {
		n = recv(e->fd, e->data, sizeof(e->data), MSG_DONTWAIT);
		if (n < 0)
			return errno == EAGAIN;
		e->eof = n == 0;
		e->at = 0;
		e->len = (uint32_t)n;
	}
	while (e->len) {
		n = send(e->fd, e->data + e->at, e->len,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN;
		e->at += (uint32_t)n;
		e->len -= (uint32_t)n;
	}
	return !e->eof;
}

static void echo_new(int epoll, int listener)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct echo *e;
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		e = malloc(sizeof(*e));
		e->fd = fd;
		e->eof = false;
		e->len = 0;
		ev.data.ptr = e;
		epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev);
	}
}

static void echo_loop(int listener)
{
	struct epoll_event ev = { .events = EPOLLIN }, events[64];
	int epoll = epoll_create1(0), n, i;
	struct echo *e;

	epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &ev);
	for (;;) {
		n = epoll_wait(epoll, events, 64, -1);
		for (i = 0; i < n; i++) {
			e = events[i].data.ptr;
			if (!e) {
				echo_new(epoll, listener);
			} else if (echo_move(e)) {
				echo_mask(epoll, e);
			} else {
				close(e->fd);
				free(e);
			}
		}
	}
}

pid_t nt_remote_echo(struct nt *nt, const char *ip, uint16_t port)
{
	int listener = nt_remote_listen(nt, ip, port, 4096);
	pid_t pid;

	fflush(NULL);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		echo_loop(listener);
		_exit(0);
	}
	close(listener);
	return pid;
}

/* ------------------------------------------------------------ contents */

/* A prime, so that no power-of-two slip goes unnoticed. */
#define PATTERN_PERIOD 65521u
#define PATTERN_STEP   7919u

static uint8_t pattern[PATTERN_PERIOD * 2];

static void pattern_make(void)
{
	uint32_t state = 1, i;

	if (pattern[0] || pattern[1])
		return;
	for (i = 0; i < PATTERN_PERIOD; i++)
		pattern[i] = (uint8_t)(nt_random(&state) >> 13);
	memcpy(pattern + PATTERN_PERIOD, pattern, PATTERN_PERIOD);
}

uint32_t nt_random(uint32_t *state)
{
	uint32_t x = *state;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return *state = x;
}

static uint32_t pattern_at(uint32_t id, uint64_t at)
{
	return (uint32_t)((at + (uint64_t)id * PATTERN_STEP) % PATTERN_PERIOD);
}

void nt_fill(void *data, size_t len, uint32_t id, uint64_t at)
{
	uint8_t *p = data;
	size_t n;

	pattern_make();
	for (; len; len -= n, p += n, at += n) {
		n = len < PATTERN_PERIOD ? len : PATTERN_PERIOD;
		memcpy(p, pattern + pattern_at(id, at), n);
	}
}

ssize_t nt_check(const void *data, size_t len, uint32_t id, uint64_t at)
{
	const uint8_t *p = data, *want;
	size_t done = 0, n, i;

	pattern_make();
	for (; done < len; done += n) {
		n = len - done < PATTERN_PERIOD ? len - done : PATTERN_PERIOD;
		want = pattern + pattern_at(id, at + done);
		if (!memcmp(p + done, want, n))
			continue;
		for (i = 0; p[done + i] == want[i]; i++)
			;
		return (ssize_t)(done + i);
	}
	return -1;
}

void nt_echo_once(struct tg_sock *s)
{
	char data[4];

	ck_ok(tg_send_all(s, "abcd", 4, NT_TIMEOUT));
	ck_ok(tg_recv_all(s, data, 4, NT_TIMEOUT));
	ck_assert_int_eq(memcmp(data, "abcd", 4), 0);
}

struct tg_sock *nt_echo_up(struct nt *nt, struct tg *tg)
{
	struct tg_sock *s;

	nt_remote_echo(nt, NT_REMOTE_IP, NT_ECHO_PORT);
	ck_ok(tg_open_connect(tg, NT_REMOTE_IP, NT_ECHO_PORT, NT_TIMEOUT, &s));
	nt_echo_once(s);
	return s;
}
