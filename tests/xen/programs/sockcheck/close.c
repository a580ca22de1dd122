/* SPDX-License-Identifier: GPL-2.0 */
/* close.c - shutdown(), close(), and how connections end. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "sockcheck.h"

#define LARGE (4u << 20)

static int so_error(int fd)
{
	int value = -1;
	socklen_t len = sizeof(value);

	must(getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &len));
	return value;
}

static void set_linger(int fd, int seconds_)
{
	struct linger l = { .l_onoff = 1, .l_linger = seconds_ };

	must(setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)));
}

static void half_close(void)
{
	int fd = peer("count");

	send_bytes(fd, 0, 100000);
	must(shutdown(fd, SHUT_WR));
	expect(!strcmp(read_line(fd), count_text(100000)));
	expect_end(fd);
}

static void half_closed_by_peer(void)
{
	int fd = peer("half 1000");
	char c;

	receive_bytes(fd, 0, 1000);
	expect_end(fd);
	expect_eq(recv(fd, &c, 1, MSG_DONTWAIT), 0); /* again and again */
	send_bytes(fd, 0, 300000); /* the other direction goes on */
	must(shutdown(fd, SHUT_WR));
}

static void shutdown_of_reading(void)
{
	int fd = peer("echo");
	char c;

	must(shutdown(fd, SHUT_RD));
	expect_eq(recv(fd, &c, 1, 0), 0);
	expect(ready_now(fd, POLLIN | POLLRDHUP) & POLLRDHUP);
	expect_eq(send(fd, "x", 1, MSG_NOSIGNAL), 1);
}

static void shutdown_of_both(void)
{
	int control, fd = dialled(&control, "count");
	char c;

	send_bytes(fd, 0, 10);
	must(shutdown(fd, SHUT_RDWR));
	expect_eq(recv(fd, &c, 1, 0), 0);
	expect_errno(send(fd, &c, 1, MSG_NOSIGNAL), EPIPE);
	expect(!strcmp(read_line(control), count_text(10)));
}

/* What arrives afterwards is answered by a reset, not kept until close(). */
static void shutdown_of_both_refuses(void)
{
	int control, fd = dialled(&control, "late");
	struct pollfd p = { .fd = fd };

	must(shutdown(fd, SHUT_RDWR));
	expect(!strcmp(read_line(control), "EPIPE"));
	p.events = 0;
	for (int tries = 0; tries < 100 && !(p.revents & POLLERR); tries++)
		poll(&p, 1, 50);
	expect_eq(so_error(fd), ECONNRESET);
}

/* The same when reading ends after writing has. */
static void shutdown_of_reading_later(void)
{
	int control, fd = dialled(&control, "late");

	must(shutdown(fd, SHUT_WR));
	must(shutdown(fd, SHUT_RD));
	expect(!strcmp(read_line(control), "EPIPE"));
}

static void shutdown_wrongly(void)
{
	int fd = peer("hold");

	expect_errno(shutdown(fd, 3), EINVAL);
}

static void *shut_later(void *arg)
{
	pause_ms(300);
	shutdown(*(int *)arg, SHUT_RDWR);
	return NULL;
}

static void shutdown_wakes(void)
{
	int fd = peer("hold");
	pthread_t t;
	char c;

	pthread_create(&t, NULL, shut_later, &fd);
	expect_eq(recv(fd, &c, 1, 0), 0);
	pthread_join(t, NULL);
}

static void shutdown_wakes_sender(void)
{
	int fd = peer("hold");
	pthread_t t;
	char c = 0;

	expect(fill(fd));
	pthread_create(&t, NULL, shut_later, &fd);
	expect_errno(send(fd, &c, 1, MSG_NOSIGNAL), EPIPE);
	pthread_join(t, NULL);
}

static void unsent_is_delivered(void)
{
	int control, fd = dialled(&control, "count 500");
	int small = 8192;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	must(fcntl(fd, F_SETFL, O_NONBLOCK));
	/* as much as fits: the peer does not read yet */
	for (size_t sent = 0;;) {
		static uint8_t buf[10000];
		ssize_t n;

		pattern(buf, sent, sizeof(buf));
		n = send(fd, buf, sizeof(buf), MSG_NOSIGNAL);
		if (n > 0)
			sent += (size_t)n;
		if (n == sizeof(buf) && sent < LARGE)
			continue;
		must(close(fd));
		expect(!strcmp(read_line(control), count_text(sent)));
		return;
	}
}

static void exit_delivers(void)
{
	int control, fd = dialled(&control, "count 500");

	if (!fork()) {
		send_bytes(fd, 0, 200000);
		_exit(0);
	}
	close(fd);
	expect(!strcmp(read_line(control), count_text(200000)));
}

static void linger_zero_resets(void)
{
	int control, fd = dialled(&control, "count");

	set_linger(fd, 0);
	must(close(fd));
	expect(!strncmp(read_line(control), "error ECONNRESET", 16));
}

static void unread_resets(void)
{
	int control, fd = dialled(&control, "half 1000");

	expect(wait_for(fd, POLLIN) & POLLIN);
	must(close(fd));
	expect(!strncmp(read_line(control), "error ECONNRESET", 16));
}

static void linger_waits(void)
{
	int control, fd = dialled(&control, "count 700");
	double start;

	send_bytes(fd, 0, 1000);
	set_linger(fd, 10);
	start = seconds();
	must(close(fd));
	expect(seconds() - start < 8);
	expect(!strcmp(read_line(control), count_text(1000)));
}

static void linger_gives_up(void)
{
	int fd = peer("hold");
	double start;

	expect(fill(fd));
	set_linger(fd, 1);
	start = seconds();
	close(fd);
	expect(seconds() - start > 0.8 && seconds() - start < 8);
}

static void reset_by_peer(void)
{
	int fd = peer("reset 200");
	char c;

	expect_errno(recv(fd, &c, 1, 0), ECONNRESET);
	expect_eq(recv(fd, &c, 1, 0), 0);
	expect_errno(send(fd, &c, 1, MSG_NOSIGNAL), EPIPE);
	expect_eq(so_error(fd), 0);
}

static void reset_told_once(void)
{
	int fd = peer("reset");

	expect(wait_for(fd, POLLIN) & POLLHUP);
	expect_eq(ready_now(fd, POLLIN | POLLOUT | POLLRDHUP),
		  POLLIN | POLLOUT | POLLRDHUP | POLLERR | POLLHUP);
	expect_eq(so_error(fd), ECONNRESET);
	expect_eq(so_error(fd), 0);
}

static void reset_while_sending(void)
{
	static char buf[65536];
	int fd = peer("reset 200");
	ssize_t n;

	do {
		n = send(fd, buf, sizeof(buf), MSG_NOSIGNAL);
	} while (n > 0);
	expect(errno == ECONNRESET || errno == EPIPE);
}

static void unread_by_peer_resets(void)
{
	int fd = peer("read-one");
	char c;

	send_bytes(fd, 0, 10);
	expect_errno(recv(fd, &c, 1, 0), ECONNRESET);
}

static void data_before_end(void)
{
	int fd = peer("send 300000");

	pause_ms(500); /* the FIN has come; the bytes come first */
	receive_bytes(fd, 0, 300000);
	expect_end(fd);
}

static void closed_twice(void)
{
	int fd = peer("hold");

	must(close(fd));
	expect_errno(close(fd), EBADF);
}

static void half_close_at_once(void)
{
	int control, fd = dialled(&control, "count");

	must(shutdown(fd, SHUT_WR));
	expect(!strcmp(read_line(control), count_text(0)));
}

const struct check close_checks[] = {
	{ "close-half", half_close },
	{ "close-half-at-once", half_close_at_once },
	{ "close-half-by-peer", half_closed_by_peer },
	{ "close-data-before-end", data_before_end },
	{ "close-unsent-is-delivered", unsent_is_delivered },
	{ "close-exit-delivers", exit_delivers },
	{ "close-unread-resets", unread_resets },
	{ "close-unread-by-peer", unread_by_peer_resets },
	{ "close-twice", closed_twice },
	{ "linger-zero-resets", linger_zero_resets },
	{ "linger-waits", linger_waits },
	{ "linger-gives-up", linger_gives_up },
	{ "shutdown-of-reading", shutdown_of_reading },
	{ "shutdown-of-both", shutdown_of_both },
	{ "shutdown-of-both-refuses", shutdown_of_both_refuses },
	{ "shutdown-of-reading-later", shutdown_of_reading_later },
	{ "shutdown-wrongly", shutdown_wrongly },
	{ "shutdown-wakes-receiver", shutdown_wakes },
	{ "shutdown-wakes-sender", shutdown_wakes_sender },
	{ "reset-by-peer", reset_by_peer },
	{ "reset-told-once", reset_told_once },
	{ "reset-while-sending", reset_while_sending },
	{ 0 },
};
