/* SPDX-License-Identifier: GPL-2.0 */
/* data.c - sending and receiving. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "sockcheck.h"

#define LARGE (2u << 20)

/* Sends and receives at once: neither side may wait for the other. */
static void echo_large(int fd, size_t len)
{
	static uint8_t out[65536], in[65536];
	size_t sent = 0, got = 0;

	must(fcntl(fd, F_SETFL, O_NONBLOCK));
	while (got < len) {
		int events = wait_for(fd, POLLIN | (sent < len ? POLLOUT : 0));
		size_t n = len - sent < sizeof(out) ? len - sent : sizeof(out);
		ssize_t m;

		expect(events & (POLLIN | POLLOUT));
		if (events & POLLOUT && n) {
			pattern(out, sent, n);
			m = send(fd, out, n, MSG_NOSIGNAL);
			expect(m > 0 || errno == EAGAIN);
			sent += m > 0 ? (size_t)m : 0;
		}
		if (events & POLLIN) {
			m = must(recv(fd, in, sizeof(in), 0));
			expect(m > 0);
			pattern(out, got, (size_t)m);
			expect(!memcmp(in, out, (size_t)m));
			got += (size_t)m;
		}
	}
}

static void large_both_ways(void)
{
	echo_large(peer("echo"), LARGE);
}

static void large_write(void)
{
	int fd = peer("count");
	uint8_t *data = mmap(NULL, LARGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	pattern(data, 0, LARGE);
	expect_eq(write(fd, data, LARGE), LARGE); /* blocking: all of it */
	must(shutdown(fd, SHUT_WR));
	expect(!strcmp(read_line(fd), count_text(LARGE)));
}

static void large_read(void)
{
	int fd = peer("send %u", LARGE);

	receive_bytes(fd, 0, LARGE);
	expect_end(fd);
}

static void scatter_gather(void)
{
	uint8_t a[10], b[3000], c[1], wanted[3011], x[1000], y[2011];
	struct iovec out[] = { { a, 10 }, { b, 3000 }, { NULL, 0 }, { c, 1 } };
	struct iovec in[] = { { x, 1000 }, { y, 2011 } };
	struct msghdr msg = { .msg_iov = in, .msg_iovlen = 2 };
	int fd = peer("echo");

	pattern(wanted, 0, 3011);
	memcpy(a, wanted, 10);
	memcpy(b, wanted + 10, 3000);
	c[0] = wanted[3010];
	expect_eq(writev(fd, out, 4), 3011);
	expect_eq(recvmsg(fd, &msg, MSG_WAITALL), 3011);
	expect(!memcmp(x, wanted, 1000) && !memcmp(y, wanted + 1000, 2011));
	expect_eq(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC | MSG_OOB), 0);
}

static void sendmsg_with_name(void)
{
	char data[] = "12345";
	struct iovec iov = { data, 5 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_name = &peer_address,
			      .msg_namelen = address_size(&peer_address) };
	int fd = peer("echo");

	expect_eq(sendmsg(fd, &msg, 0), 5); /* the name is ignored */
	expect_eq(recv(fd, data, 5, MSG_WAITALL), 5);
}

static void peek(void)
{
	int fd = peer("two 1000 0");
	uint8_t buf[500];

	expect_eq(recv(fd, buf, 500, MSG_PEEK | MSG_WAITALL), 500);
	expect_eq(recv(fd, buf, 100, MSG_PEEK), 100);
	receive_bytes(fd, 0, 2000);
	expect_errno(recv(fd, buf, 1, MSG_PEEK | MSG_DONTWAIT), EAGAIN);
}

static void wait_all(void)
{
	int fd = peer("two 50000 300");
	static uint8_t buf[100000], wanted[100000];

	expect_eq(recv(fd, buf, sizeof(buf), MSG_WAITALL), sizeof(buf));
	pattern(wanted, 0, sizeof(wanted));
	expect(!memcmp(buf, wanted, sizeof(buf)));
}

/* longer than dom0 lends an empty ring's memory: the next ring is smaller */
static void wait_all_over_a_pause(void)
{
	int fd = peer("two 50000 1500");
	static uint8_t buf[100000];

	expect_eq(recv(fd, buf, sizeof(buf), MSG_WAITALL), sizeof(buf));
}

static void peek_waits_behind_a_rest(void)
{
	int fd = peer("two 16384 300");
	uint8_t buf[8000], wanted[18000];

	receive_bytes(fd, 0, 10000);
	expect_eq(recv(fd, buf, sizeof(buf), MSG_PEEK | MSG_WAITALL),
		  sizeof(buf));
	pattern(wanted, 0, sizeof(wanted));
	expect(!memcmp(buf, wanted + 10000, sizeof(buf)));
}

static void low_water(void)
{
	int fd = peer("two 60 300"), low = 100, there;

	must(setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof(low)));
	expect_eq(wait_for(fd, POLLIN), POLLIN);
	must(ioctl(fd, FIONREAD, &there));
	expect_eq(there, 120);
}

static void wait_all_to_the_end(void)
{
	int fd = peer("send 1000");
	uint8_t buf[2000];

	expect_eq(recv(fd, buf, sizeof(buf), MSG_WAITALL), 1000);
	expect_end(fd);
}

static void dont_wait(void)
{
	int fd = peer("hold");
	char c;

	expect_errno(recv(fd, &c, 1, MSG_DONTWAIT), EAGAIN);
	expect(fill(fd));
	expect_eq(ready_now(fd, POLLIN | POLLOUT), 0);
}

static void nonblocking_write_is_partial(void)
{
	size_t len = 64u << 20;
	void *data = mmap(NULL, len, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			  0);
	int fd = peer("hold");
	ssize_t n;

	must(fcntl(fd, F_SETFL, O_NONBLOCK));
	n = must(write(fd, data, len));
	expect(n > 0 && (size_t)n < len);
}

static void more(void)
{
	int fd = peer("echo");
	uint8_t buf[30];

	pattern(buf, 0, 30);
	expect_eq(send(fd, buf, 10, MSG_MORE), 10);
	expect_eq(send(fd, buf + 10, 10, MSG_MORE), 10);
	expect_eq(send(fd, buf + 20, 10, 0), 10);
	receive_bytes(fd, 0, 30);
}

static void more_alone(void)
{
	int fd = peer("echo");
	uint8_t buf[10];

	pattern(buf, 0, 10);
	expect_eq(send(fd, buf, 10, MSG_MORE), 10);
	receive_bytes(fd, 0, 10); /* sent after a while in any case */
}

static volatile sig_atomic_t pipes;

static void on_pipe(int signal_)
{
	(void)signal_;
	pipes++;
}

static void broken_pipe(void)
{
	int fd = peer("count");
	char c = 0;

	signal(SIGPIPE, on_pipe);
	must(shutdown(fd, SHUT_WR));
	expect_errno(send(fd, &c, 1, MSG_NOSIGNAL), EPIPE);
	expect_eq(pipes, 0);
	expect_errno(send(fd, &c, 1, 0), EPIPE);
	expect_eq(pipes, 1);
	expect_errno(write(fd, &c, 1), EPIPE);
	expect_eq(pipes, 2);
}

static void out_of_band(void)
{
	int fd = peer("hold");
	char c = 0;

	if (offloaded)
		expect_errno(send(fd, &c, 1, MSG_OOB), EOPNOTSUPP);
	else
		expect_eq(send(fd, &c, 1, MSG_OOB), 1);
	expect(recv(fd, &c, 1, MSG_OOB) < 0);
}

static void receive_timeout(void)
{
	struct timeval tv = { 0, 300000 };
	int fd = peer("hold");
	double start = seconds();
	char c;

	must(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	expect_errno(recv(fd, &c, 1, 0), EAGAIN);
	expect(seconds() - start > 0.25 && seconds() - start < 5);
}

static void send_timeout(void)
{
	struct timeval tv = { 0, 300000 };
	int fd = peer("hold");
	double start;
	char c = 0;

	expect(fill(fd));
	must(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)));
	start = seconds();
	expect_errno(send(fd, &c, 1, MSG_NOSIGNAL), EAGAIN);
	expect(seconds() - start > 0.25 && seconds() - start < 5);
}

static void unread_count(void)
{
	int fd = peer("two 1000 0"), n = -1;

	must(ioctl(fd, FIONREAD, &n));
	for (int i = 0; n < 2000 && i < 100; i++) {
		pause_ms(50);
		must(ioctl(fd, FIONREAD, &n));
	}
	expect_eq(n, 2000);
	receive_bytes(fd, 0, 300);
	must(ioctl(fd, FIONREAD, &n));
	expect_eq(n, 1700);
}

static void nothing(void)
{
	int fd = peer("echo");
	char c = 'x';

	expect_eq(send(fd, &c, 0, 0), 0);
	expect_eq(write(fd, &c, 1), 1);
	expect_eq(read(fd, &c, 1), 1);
}

static void bad_memory(void)
{
	uint8_t *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = peer("echo");
	ssize_t n;

	must(mprotect(page + 4096, 4096, PROT_NONE));
	expect_errno(send(fd, page + 4096, 10, MSG_NOSIGNAL), EFAULT);
	pattern(page + 4000, 0, 96);
	n = send(fd, page + 4000, 200, MSG_NOSIGNAL);
	expect((n > 0 && n <= 96) || (n < 0 && errno == EFAULT));
	if (n < 0)
		n = 0;
	send_bytes(fd, (size_t)n, 500 - (size_t)n);
	expect(wait_for(fd, POLLIN) & POLLIN);
	expect_errno(recv(fd, page + 4096, 10, 0), EFAULT);
	receive_bytes(fd, 0, 500); /* nothing was lost */
}

static void interrupted(void)
{
	int fd = peer("hold");
	char c;

	alarm_without_restart(300);
	expect_errno(recv(fd, &c, 1, 0), EINTR);
}

static void send_interrupted(void)
{
	int fd = peer("hold");
	char c = 0;

	expect(fill(fd));
	alarm_without_restart(300);
	expect_errno(send(fd, &c, 1, MSG_NOSIGNAL), EINTR);
}

static void restarted(void)
{
	struct sigaction act = { .sa_handler = on_pipe,
				 .sa_flags = SA_RESTART };
	struct itimerval it = { .it_value = { 0, 100000 } };
	int fd = peer("send 5 600");

	must(sigaction(SIGALRM, &act, NULL));
	must(setitimer(ITIMER_REAL, &it, NULL));
	receive_bytes(fd, 0, 5);
	expect_eq(pipes, 1);
}

static void *read_half(void *arg)
{
	receive_bytes(*(int *)arg, 0, LARGE);
	return NULL;
}

static void two_threads(void)
{
	int fd = peer("echo");
	pthread_t t;

	pthread_create(&t, NULL, read_half, &fd);
	send_bytes(fd, 0, LARGE);
	pthread_join(t, NULL);
}

static void small_pieces(void)
{
	int fd = peer("echo");

	for (size_t at = 0; at < 3000; at += 1 + at % 7)
		send_bytes(fd, at, 1 + at % 7);
	receive_bytes(fd, 0, 3000);
}

static void ping_pong(void)
{
	int fd = peer("echo");

	for (size_t i = 0; i < 200; i++) {
		send_bytes(fd, i, 1);
		receive_bytes(fd, i, 1);
	}
}

static void truncated(void)
{
	int fd = peer("two 1000 0");

	/* MSG_TRUNC drops bytes of a stream without copying them */
	expect_eq(recv(fd, NULL, 500, MSG_TRUNC | MSG_WAITALL), 500);
	receive_bytes(fd, 500, 1500);
}

const struct check data_checks[] = {
	{ "data-large-both-ways", large_both_ways },
	{ "data-large-write", large_write },
	{ "data-large-read", large_read },
	{ "data-small-pieces", small_pieces },
	{ "data-ping-pong", ping_pong },
	{ "data-two-threads", two_threads },
	{ "data-scatter-gather", scatter_gather },
	{ "data-sendmsg-with-name", sendmsg_with_name },
	{ "data-peek", peek },
	{ "data-wait-all", wait_all },
	{ "data-wait-all-over-a-pause", wait_all_over_a_pause },
	{ "data-peek-waits-behind-a-rest", peek_waits_behind_a_rest },
	{ "data-low-water", low_water },
	{ "data-wait-all-to-the-end", wait_all_to_the_end },
	{ "data-truncated", truncated },
	{ "data-dont-wait", dont_wait },
	{ "data-nonblocking-write-is-partial", nonblocking_write_is_partial },
	{ "data-more", more },
	{ "data-more-alone", more_alone },
	{ "data-broken-pipe", broken_pipe },
	{ "data-out-of-band", out_of_band },
	{ "data-receive-timeout", receive_timeout },
	{ "data-send-timeout", send_timeout },
	{ "data-unread-count", unread_count },
	{ "data-nothing", nothing },
	{ "data-bad-memory", bad_memory },
	{ "data-receive-interrupted", interrupted },
	{ "data-send-interrupted", send_interrupted },
	{ "data-receive-restarted", restarted },
	{ 0 },
};
