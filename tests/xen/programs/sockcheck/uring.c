/* SPDX-License-Identifier: GPL-2.0 */
/* uring.c - sockets by io_uring. */
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "sockcheck.h"

#define ENTRIES 16

static struct io_uring ring;

static void begin(void)
{
	must(io_uring_queue_init(ENTRIES, &ring, 0));
}

static struct io_uring_sqe *next(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	expect(sqe != NULL);
	return sqe;
}

static void submit(struct io_uring_sqe *sqe, uint64_t tag)
{
	io_uring_sqe_set_data64(sqe, tag);
	expect_eq(io_uring_submit(&ring), 1);
}

/* The next completion's result; its tag must be this one. */
static int result(uint64_t tag, unsigned int *flags)
{
	struct __kernel_timespec ts = { .tv_sec = HANG_S };
	struct io_uring_cqe *cqe;
	int res;

	expect_eq(io_uring_wait_cqe_timeout(&ring, &cqe, &ts), 0);
	expect_eq(cqe->user_data, tag);
	res = cqe->res;
	if (flags)
		*flags = cqe->flags;
	io_uring_cqe_seen(&ring, cqe);
	return res;
}

static bool nothing_comes(int ms)
{
	struct __kernel_timespec ts = { .tv_nsec = ms * 1000000ll };
	struct io_uring_cqe *cqe;

	return io_uring_wait_cqe_timeout(&ring, &cqe, &ts) == -ETIME;
}

static void connected(int fd, const union address *to, int wanted)
{
	struct io_uring_sqe *sqe = next();

	io_uring_prep_connect(sqe, fd, &to->sa, address_size(to));
	submit(sqe, 1);
	expect_eq(result(1, NULL), wanted);
}

static void connecting(void)
{
	int fd = must(new_socket(0));

	begin();
	connected(fd, &peer_address, 0);
	command(fd, "send 10\n");
	receive_bytes(fd, 0, 10);
}

static void refused(void)
{
	union address a = peer_address;
	int fd = must(new_socket(0));

	begin();
	address_set_port(&a, 1);
	connected(fd, &a, -ECONNREFUSED);
	connected(fd, &peer_address, 0);
}

static void connect_cancelled(void)
{
	union address a = peer_address;
	struct io_uring_sqe *sqe;
	int fd = must(new_socket(0));

	address_set_port(&a, peer_full_port());
	begin();
	sqe = next();
	io_uring_prep_connect(sqe, fd, &a.sa, address_size(&a));
	submit(sqe, 1);
	expect(nothing_comes(300));
	sqe = next();
	io_uring_prep_cancel64(sqe, 1, 0);
	submit(sqe, 2);
	/* in either order */
	for (int i = 0; i < 2; i++) {
		struct io_uring_cqe *cqe;

		expect_eq(io_uring_wait_cqe(&ring, &cqe), 0);
		expect_eq(cqe->res, cqe->user_data == 1 ? -ECANCELED : 0);
		io_uring_cqe_seen(&ring, cqe);
	}
}

static void received(void)
{
	struct io_uring_sqe *sqe;
	int fd = peer("send 300 500"); /* later */
	char buf[1000], wanted[300];

	begin();
	sqe = next();
	io_uring_prep_recv(sqe, fd, buf, sizeof(buf), 0);
	submit(sqe, 1);
	expect_eq(result(1, NULL), 300);
	pattern(wanted, 0, sizeof(wanted));
	expect(!memcmp(buf, wanted, sizeof(wanted)));
	sqe = next();
	io_uring_prep_recv(sqe, fd, buf, sizeof(buf), 0);
	submit(sqe, 2);
	expect_eq(result(2, NULL), 0); /* the end */
}

static void received_whole(void)
{
	static char buf[200000], wanted[200000];
	struct io_uring_sqe *sqe;
	int fd = peer("two 100000 400");

	begin();
	sqe = next();
	io_uring_prep_recv(sqe, fd, buf, sizeof(buf), MSG_WAITALL);
	submit(sqe, 1);
	expect_eq(result(1, NULL), sizeof(buf));
	pattern(wanted, 0, sizeof(wanted));
	expect(!memcmp(buf, wanted, sizeof(wanted)));
}

static void receive_cancelled(void)
{
	struct io_uring_sqe *sqe;
	int fd = peer("hold");
	char c;

	begin();
	sqe = next();
	io_uring_prep_recv(sqe, fd, &c, 1, 0);
	submit(sqe, 1);
	expect(nothing_comes(300));
	must(shutdown(fd, SHUT_RD));
	expect_eq(result(1, NULL), 0);
}

static void receive_reset(void)
{
	struct io_uring_sqe *sqe;
	int fd = peer("reset 400");
	char c;

	begin();
	sqe = next();
	io_uring_prep_recv(sqe, fd, &c, 1, 0);
	submit(sqe, 1);
	expect_eq(result(1, NULL), -ECONNRESET);
}

/* More than fits: the kernel waits for room by itself. */
static void sent(void)
{
	static char buf[4000000];
	struct io_uring_sqe *sqe;
	int fd = peer("count 300");

	begin();
	pattern(buf, 0, sizeof(buf));
	sqe = next();
	io_uring_prep_send(sqe, fd, buf, sizeof(buf),
			   MSG_WAITALL | MSG_NOSIGNAL);
	submit(sqe, 1);
	expect_eq(result(1, NULL), sizeof(buf));
	must(shutdown(fd, SHUT_WR));
	expect(!strcmp(read_line(fd), count_text(sizeof(buf))));
}

static void sent_without_copy(void)
{
	static char buf[50000];
	struct io_uring_sqe *sqe;
	unsigned int flags;
	int fd = peer("count"), res;

	begin();
	pattern(buf, 0, sizeof(buf));
	sqe = next();
	io_uring_prep_send_zc(sqe, fd, buf, sizeof(buf),
			      MSG_WAITALL | MSG_NOSIGNAL, 0);
	submit(sqe, 1);
	res = result(1, &flags);
	expect_eq(res, sizeof(buf));
	if (flags & IORING_CQE_F_MORE) /* the buffer is free again */
		result(1, NULL);
	must(shutdown(fd, SHUT_WR));
	expect(!strcmp(read_line(fd), count_text(sizeof(buf))));
}

static void accepted(void)
{
	struct io_uring_sqe *sqe;
	uint16_t port;
	int l = listener(0, &port), fd;

	begin();
	sqe = next();
	io_uring_prep_accept(sqe, l, NULL, NULL, SOCK_CLOEXEC);
	submit(sqe, 1);
	expect(nothing_comes(200));
	peer("dial %u send 10", port);
	fd = must(result(1, NULL));
	receive_bytes(fd, 0, 10);
}

static void accepted_many(void)
{
	struct io_uring_sqe *sqe;
	unsigned int flags;
	uint16_t port;
	int l = listener(0, &port);

	begin();
	sqe = next();
	io_uring_prep_multishot_accept(sqe, l, NULL, NULL, 0);
	submit(sqe, 1);
	for (int i = 0; i < 10; i++) {
		int fd;

		if (i < 5 || i == 8)
			peer("dial %u send 10", port);
		if (i == 5) /* some at once */
			for (int n = 0; n < 4; n++)
				peer("dial %u send 10", port);
		fd = must(result(1, &flags));
		expect(flags & IORING_CQE_F_MORE);
		receive_bytes(fd, 0, 10);
		must(close(fd));
	}
	must(shutdown(l, SHUT_RD));
	expect_eq(result(1, &flags), -EINVAL);
	expect(!(flags & IORING_CQE_F_MORE));
}

static void polled(void)
{
	struct io_uring_sqe *sqe;
	int fd = peer("two 5 500");

	begin();
	receive_bytes(fd, 0, 5);
	sqe = next();
	io_uring_prep_poll_add(sqe, fd, POLLIN);
	submit(sqe, 1);
	expect_eq(result(1, NULL), POLLIN);
	receive_bytes(fd, 5, 5);
}

static void polled_many(void)
{
	struct io_uring_sqe *sqe;
	unsigned int flags;
	int fd = peer("echo");

	begin();
	sqe = next();
	io_uring_prep_poll_multishot(sqe, fd, POLLIN);
	submit(sqe, 1);
	for (size_t i = 0; i < 5; i++) {
		send_bytes(fd, i, 1);
		expect_eq(result(1, &flags) & POLLIN, POLLIN);
		expect(flags & IORING_CQE_F_MORE);
		receive_bytes(fd, i, 1);
	}
}

static void poll_before_connect(void)
{
	struct io_uring_sqe *sqe;
	int fd = must(new_socket(SOCK_NONBLOCK));

	begin();
	expect_errno(connect_to(fd, 0), EINPROGRESS);
	sqe = next();
	io_uring_prep_poll_add(sqe, fd, POLLOUT);
	submit(sqe, 1);
	expect_eq(result(1, NULL), POLLOUT);
	must(connect_to(fd, 0));
}

/* connect, send and recv as one chain */
static void chained(void)
{
	struct io_uring_sqe *sqe;
	int fd = must(new_socket(0));
	char buf[20];

	begin();
	sqe = next();
	io_uring_prep_connect(sqe, fd, &peer_address.sa,
			      address_size(&peer_address));
	io_uring_sqe_set_data64(sqe, 1);
	sqe->flags |= IOSQE_IO_LINK;
	sqe = next();
	io_uring_prep_send(sqe, fd, "send 20\n", 8, 0);
	io_uring_sqe_set_data64(sqe, 2);
	sqe->flags |= IOSQE_IO_LINK;
	sqe = next();
	io_uring_prep_recv(sqe, fd, buf, sizeof(buf), MSG_WAITALL);
	io_uring_sqe_set_data64(sqe, 3);
	expect_eq(io_uring_submit(&ring), 3);
	expect_eq(result(1, NULL), 0);
	expect_eq(result(2, NULL), 8);
	expect_eq(result(3, NULL), 20);
}

static void closed_and_shut(void)
{
	struct io_uring_sqe *sqe;
	int control, fd = dialled(&control, "count");

	begin();
	send_bytes(fd, 0, 1000);
	sqe = next();
	io_uring_prep_shutdown(sqe, fd, SHUT_WR);
	submit(sqe, 1);
	expect_eq(result(1, NULL), 0);
	expect(!strcmp(read_line(control), count_text(1000)));
	sqe = next();
	io_uring_prep_close(sqe, fd);
	submit(sqe, 2);
	expect_eq(result(2, NULL), 0);
}

const struct check uring_checks[] = {
	{ "uring-connect", connecting },
	{ "uring-connect-refused", refused },
	{ "uring-connect-cancelled", connect_cancelled },
	{ "uring-recv", received },
	{ "uring-recv-whole", received_whole },
	{ "uring-recv-ended-by-shutdown", receive_cancelled },
	{ "uring-recv-reset", receive_reset },
	{ "uring-send", sent },
	{ "uring-send-without-copy", sent_without_copy },
	{ "uring-accept", accepted },
	{ "uring-accept-many", accepted_many },
	{ "uring-poll", polled },
	{ "uring-poll-many", polled_many },
	{ "uring-poll-before-connect", poll_before_connect },
	{ "uring-chain", chained },
	{ "uring-shutdown-and-close", closed_and_shut },
	{ 0 },
};
