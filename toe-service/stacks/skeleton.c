/* SPDX-License-Identifier: GPL-2.0 */
/*
 * skeleton.c - the data half of a driver, to be copied (GUIDE.md).
 *
 * Theory of operation
 *
 * The engine is a buffer: whoever connects, to any address, has a peer that
 * sends back what it gets, and ends when the guest's program does. There are
 * streams only, nobody can listen, and there are no options: what is not in the
 * table at the end is refused (complete.h).
 *
 * Upcalls may come from stack_event() only, but what a call makes possible is
 * known within it. So it is put down, and the instance sends itself an event:
 * an eventfd in the worker's epoll set, which write(2) makes readable. An
 * engine with descriptors, one for all or one for each connection, adds those.
 *
 * All memory is there from stack_open() on, max_conns connections. It is not
 * touched before it is needed, so it costs nothing until then.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drivers.h"

/* A window: what is on its way back; a power of two, as its indices wrap. */
#define ECHO_BYTES 4096u

struct toe_conn {
	struct toe_stack *stack;
	void *user;	   /* for upcalls */
	unsigned int told; /* TOE_*, due; 0: not in the list */
	uint32_t prod, cons;
	bool connected, shut, full;
	int error; /* negative errno; over */
	struct vtoe_addr local;
	LIST_ENTRY(toe_conn) entry; /* of the free, or of those to be told */
	char data[ECHO_BYTES];
};

LIST_HEAD(conns, toe_conn);

struct toe_stack {
	struct toe_stack_config config;
	int event;
	struct conns free, later;
	uint32_t nr_used; /* elements of conn that were ever used */
	struct toe_conn conn[];
};

/* ---- upcalls ---- */

static void tell(struct toe_conn *conn, unsigned int events)
{
	struct toe_stack *stack = conn->stack;
	const uint64_t one = 1;
	bool first = LIST_EMPTY(&stack->later);

	if (!conn->told)
		LIST_INSERT_HEAD(&stack->later, conn, entry);
	conn->told |= events;
	if (!first)
		return; /* the event is on its way */
	++*stack->config.syscalls;
	if (write(stack->event, &one, sizeof(one)) < 0)
		return; /* it counts to 2^64: there is an event already */
}

static unsigned int tell_no_more(struct toe_conn *conn)
{
	unsigned int events = conn->told;

	if (events)
		LIST_REMOVE(conn, entry);
	conn->told = 0;
	return events;
}

/*
 * An engine with several descriptors finds out whose event it is from @data: an
 * index and a generation, say. The connection may have been closed since the
 * event was fetched, and its place may have been taken.
 */
static void skeleton_stack_event(struct toe_stack *stack, uint64_t data,
				 uint32_t events)
{
	struct conns due = LIST_HEAD_INITIALIZER(due);
	struct toe_conn *conn;
	uint64_t times;

	(void)data;
	(void)events;
	++*stack->config.syscalls;
	if (read(stack->event, &times, sizeof(times)) < 0)
		return;
	while ((conn = LIST_FIRST(&stack->later))) {
		LIST_REMOVE(conn, entry);
		LIST_INSERT_HEAD(&due, conn, entry);
	}
	/* whoever is told may close any of them, or have it told once more */
	while ((conn = LIST_FIRST(&due)))
		stack->config.ready(conn->user, tell_no_more(conn));
}

/* ---- instance ---- */

static int event_open(const struct toe_stack_config *config)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = config->tag};
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	int err;

	if (fd < 0 || !epoll_ctl(config->epoll, EPOLL_CTL_ADD, fd, &ev))
		return fd < 0 ? -errno : fd;
	err = -errno;
	close(fd);
	return err;
}

/* Before the sandbox: the last time to open files, map devices, set timers. */
static int skeleton_stack_open(const struct toe_stack_config *config,
			       struct toe_stack **stackp)
{
	struct toe_stack *stack;
	int err;

	stack = calloc(1, sizeof(*stack) +
				  config->max_conns * sizeof(stack->conn[0]));
	if (!stack)
		return -ENOMEM;
	stack->config = *config;
	stack->config.settings = NULL; /* valid in this call only */
	LIST_INIT(&stack->free);
	LIST_INIT(&stack->later);
	stack->event = event_open(config);
	if (stack->event < 0) {
		err = stack->event;
		free(stack);
		return err;
	}
	*stackp = stack;
	return 0;
}

/* Only if the worker cannot start. */
static void skeleton_stack_close(struct toe_stack *stack)
{
	close(stack->event);
	free(stack);
}

/* ---- connections ---- */

static struct toe_conn *conn_new(struct toe_stack *stack)
{
	struct toe_conn *conn = LIST_FIRST(&stack->free);

	if (conn)
		LIST_REMOVE(conn, entry);
	else if (stack->nr_used < stack->config.max_conns)
		conn = &stack->conn[stack->nr_used++];
	return conn;
}

/* A guest chooses family and type: refuse what there is not. */
static int skeleton_open(struct toe_stack *stack, int family, int type,
			 void *user, struct toe_conn **connp)
{
	struct toe_conn *conn;

	if (family != AF_INET && family != AF_INET6)
		return -EAFNOSUPPORT;
	if (type != SOCK_STREAM)
		return -ESOCKTNOSUPPORT;
	conn = conn_new(stack);
	if (!conn)
		return -ENOBUFS;
	/* whose place it was leaves nothing behind */
	memset(conn, 0, offsetof(struct toe_conn, data));
	conn->stack = stack;
	conn->user = user;
	conn->local.family = family == AF_INET ? VTOE_INET : VTOE_INET6;
	*connp = conn;
	return 0;
}

/* With several TOE contexts: the guest's address on the one it is placed on. */
static int skeleton_use_address(struct toe_conn *conn,
				const struct vtoe_addr *addr)
{
	conn->local = *addr;
	return 0;
}

/* An engine that has to ask its peer says -EINPROGRESS, and TOE_CONNECTED. */
static int skeleton_connect(struct toe_conn *conn, const struct vtoe_addr *addr)
{
	if (addr->family != conn->local.family)
		return -EAFNOSUPPORT;
	if (conn->connected)
		return -EISCONN;
	conn->connected = true;
	return 0;
}

/* After TOE_CONNECTED: 0, -ECONNREFUSED, -ETIMEDOUT, -EHOSTUNREACH, ... */
static int skeleton_connected(struct toe_conn *conn)
{
	return conn->connected ? 0 : -ENOTCONN;
}

/*
 * The bytes of @iov are shared with the guest, which may change them at any
 * time: copy them once, and decide nothing by what they say.
 */
static uint32_t take(struct toe_conn *conn, const struct iovec *iov)
{
	const char *from = iov->iov_base;
	uint32_t n = 0;

	while (n < iov->iov_len && conn->prod - conn->cons < ECHO_BYTES)
		conn->data[conn->prod++ % ECHO_BYTES] = from[n++];
	return n;
}

static uint32_t give(struct toe_conn *conn, const struct iovec *iov)
{
	char *to = iov->iov_base;
	uint32_t n = 0;

	while (n < iov->iov_len && conn->prod != conn->cons)
		to[n++] = conn->data[conn->cons++ % ECHO_BYTES];
	return n;
}

/* After less than was asked for, or -EAGAIN, TOE_WRITABLE must come. */
static ssize_t skeleton_send(struct toe_conn *conn, const struct iovec *iov,
			     int iovcnt)
{
	size_t asked = 0;
	ssize_t n = 0;
	int i;

	if (conn->error)
		return conn->error;
	if (!conn->connected || conn->shut)
		return -EPIPE;
	for (i = 0; i < iovcnt; i++) {
		asked += iov[i].iov_len;
		n += take(conn, &iov[i]);
	}
	if (n)
		tell(conn, TOE_READABLE);
	conn->full = (size_t)n < asked;
	return conn->full && !n ? -EAGAIN : n;
}

/*
 * After -EAGAIN TOE_READABLE must come; after less than was asked for, too,
 * when there is more: for this TOE_READABLE came without TOE_UNTIL_AGAIN.
 */
static ssize_t skeleton_recv(struct toe_conn *conn, const struct iovec *iov,
			     int iovcnt)
{
	ssize_t n = 0;
	int i;

	if (conn->error)
		return conn->error;
	if (!conn->connected)
		return -ENOTCONN;
	if (conn->prod == conn->cons)
		return conn->shut ? 0 : -EAGAIN;
	for (i = 0; i < iovcnt; i++)
		n += give(conn, &iov[i]);
	if (conn->full)
		tell(conn, TOE_WRITABLE);
	conn->full = false;
	return n;
}

/*
 * The sending direction. This peer ends, too, after what it has sent back: then
 * a short recv() does not mean that nothing follows. So there is nothing that
 * SHUT_RDWR would have to refuse.
 */
static int skeleton_shutdown(struct toe_conn *conn, int how)
{
	(void)how;
	if (!conn->connected)
		return -ENOTCONN;
	conn->shut = true;
	tell(conn, TOE_READABLE | TOE_UNTIL_AGAIN | TOE_HUP);
	return 0;
}

/* One that is connecting is to be as open() made it, without an upcall. */
static void skeleton_reset(struct toe_conn *conn)
{
	conn->error = -ECONNRESET;
	conn->cons = conn->prod;
	tell(conn, TOE_READABLE | TOE_UNTIL_AGAIN | TOE_HUP);
}

/*
 * With TOE_CLOSE_ABORT the peer gets a reset; without, what was sent is still
 * delivered, by the engine, for the program does not wait. No upcall any more.
 */
static void skeleton_close(struct toe_conn *conn, unsigned int flags)
{
	(void)flags;
	tell_no_more(conn);
	LIST_INSERT_HEAD(&conn->stack->free, conn, entry);
}

/* Why it is over, for one whose recv() has said 0 and that then hung up. */
static int skeleton_error(struct toe_conn *conn)
{
	int error = conn->error;

	if (error)
		conn->error = -ENOTCONN; /* it is taken, and it stays over */
	return error;
}

/* What the peer has not acknowledged: it has all that send() took. */
static int skeleton_unsent(struct toe_conn *conn)
{
	return conn->error;
}

static int skeleton_local(struct toe_conn *conn, struct vtoe_addr *addr)
{
	*addr = conn->local;
	return 0;
}

const struct toe_driver skeleton_driver = {
	.name = "skeleton",
	.stack_open = skeleton_stack_open,
	.stack_close = skeleton_stack_close,
	.stack_event = skeleton_stack_event,
	.open = skeleton_open,
	.use_address = skeleton_use_address,
	.connect = skeleton_connect,
	.connected = skeleton_connected,
	.recv = skeleton_recv,
	.send = skeleton_send,
	.shutdown = skeleton_shutdown,
	.reset = skeleton_reset,
	.close = skeleton_close,
	.error = skeleton_error,
	.unsent = skeleton_unsent,
	.local = skeleton_local,
};
