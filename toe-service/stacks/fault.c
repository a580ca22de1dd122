/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fault.c - the data half of the "fault" TOE driver: the kernel's, gone bad.
 *
 * Theory of operation
 *
 * Each operation goes to the driver below (the kernel's), and each upcall comes
 * from it, through here. The plan (fault_plan.h) says which share of them goes
 * wrong. What is decided by chance is decided by a generator of pseudo-random
 * numbers with the plan's seed: the same calls with the same seed have the same
 * faults.
 *
 * What stack.h promises still holds, unless the plan breaks it by intent:
 *
 *	short send, -EAGAIN	TOE_WRITABLE (READABLE for recv and accept)
 *				follows within a tick
 *	short recv		each TOE_READABLE comes with TOE_UNTIL_AGAIN
 *	delayed upcall		comes later
 *	lost upcall		never comes: the connection makes no progress
 *				before another event, but can be closed
 *	hang			no upcall comes, nothing is sent, received,
 *				connected or accepted, and it shows no sign of
 *				life; all else works
 *
 * What an upcall that was lost would have said is kept, and told when the
 * connection has moved to another TOE: an engine that takes over a connection
 * says how it is. A connect() that hangs is made by that engine.
 *
 * Upcalls that come later wait in a list. A timer that is read only while there
 * are any ticks only so long: the sandbox has no timerfd_settime(2), and needs
 * none, because a periodic timer stops after an expiration that is not read.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "drivers.h"
#include "fault_plan.h"

#define NS_PER_MS 1000000ull
#define TICK_NS	  NS_PER_MS
/* A short operation moves no more bytes: less than most would have. */
#define SHORT_MAX 1024
/* The timer's event; no connection of the driver below has so high an index. */
#define TIMER_DATA ((1ull << TOE_DATA_BITS) - 1)

#define WAKE_READER (TOE_READABLE | TOE_UNTIL_AGAIN)

static const struct toe_driver *const below = &kernel_driver;

/* These are this driver's own; those below have the same opaque types. */
struct toe_conn {
	struct toe_stack *stack;
	struct toe_conn *inner; /* NULL: free */
	void *user;
	unsigned int later; /* TOE_* at due_ns; 0: not in the list */
	unsigned int kept;  /* TOE_* that were not told */
	uint64_t due_ns;
	struct vtoe_addr hanging; /* whom connect() was to reach, or family 0 */
	int connect_error;	  /* of that connect(), until it is told */
	bool datagram;
	LIST_ENTRY(toe_conn) entry; /* of the free, or of those to be told */
};

LIST_HEAD(conns, toe_conn);

struct toe_stack {
	struct toe_stack *inner;
	struct toe_stack_config config; /* the worker's */
	struct fault_plan plan;
	uint64_t random;
	uint32_t operations; /* with this plan */
	int timer;
	bool ticking;
	struct conns free, later;
	uint32_t nr_used; /* elements of conn that were ever used */
	struct toe_conn conn[];
};

/* ---- chance ---- */

/* splitmix64: any seed is a good one. */
static uint64_t chance(struct toe_stack *stack)
{
	uint64_t x = stack->random += 0x9e3779b97f4a7c15ull;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

static bool hit(struct toe_stack *stack, uint32_t percent)
{
	return percent && chance(stack) % FAULT_PERCENT_MAX < percent;
}

static bool hung(const struct toe_stack *stack)
{
	return stack->plan.hang_after &&
	       stack->operations > stack->plan.hang_after;
}

/* Counts an operation; 0 or the error that it is to have. */
static int failure(struct toe_stack *stack, enum fault_op op)
{
	if (stack->operations < UINT32_MAX)
		stack->operations++;
	if (!hit(stack, stack->plan.error[op].percent))
		return 0;
	return -(int)stack->plan.error[op].error;
}

/* ---- upcalls ---- */

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void tick_on(struct toe_stack *stack)
{
	uint64_t times;

	if (stack->ticking)
		return;
	stack->ticking = true;
	++*stack->config.syscalls;
	if (read(stack->timer, &times, sizeof(times)) < 0)
		return; /* it has not expired: it ticks */
}

static void tell_later(struct toe_conn *conn, unsigned int events,
		       uint32_t delay_ms)
{
	struct toe_stack *stack = conn->stack;
	uint64_t due = now_ns() + delay_ms * NS_PER_MS;

	if (!conn->later)
		LIST_INSERT_HEAD(&stack->later, conn, entry);
	if (!conn->later || due < conn->due_ns)
		conn->due_ns = due;
	conn->later |= events;
	tick_on(stack);
}

static unsigned int tell_not(struct toe_conn *conn)
{
	unsigned int events = conn->later;

	if (events)
		LIST_REMOVE(conn, entry);
	conn->later = 0;
	return events;
}

static void upcall(void *user, unsigned int events)
{
	struct toe_conn *conn = user;
	struct toe_stack *stack = conn->stack;

	if (events & TOE_READABLE)
		events |= TOE_UNTIL_AGAIN;
	if (hung(stack) || hit(stack, stack->plan.lost))
		conn->kept |= events;
	else if (hit(stack, stack->plan.delay))
		tell_later(conn, events, stack->plan.delay_ms);
	else
		stack->config.ready(conn->user, events);
}

static void tick(struct toe_stack *stack)
{
	struct conns due = LIST_HEAD_INITIALIZER(due);
	struct toe_conn *conn, *next;
	uint64_t now = now_ns();
	unsigned int events;

	stack->ticking = false;
	for (conn = LIST_FIRST(&stack->later); conn; conn = next) {
		next = LIST_NEXT(conn, entry);
		if (conn->due_ns > now)
			continue;
		LIST_REMOVE(conn, entry);
		LIST_INSERT_HEAD(&due, conn, entry);
	}
	/* whoever is told may close any of them, or have it told once more */
	while ((conn = LIST_FIRST(&due))) {
		events = tell_not(conn);
		if (hung(stack))
			conn->kept |= events;
		else
			stack->config.ready(conn->user, events);
	}
	if (!LIST_EMPTY(&stack->later))
		tick_on(stack);
}

/* -EAGAIN by chance, with the upcall that it promises; or for good. */
static int again(struct toe_conn *conn, unsigned int events)
{
	struct toe_stack *stack = conn->stack;

	if (hung(stack)) {
		conn->kept |= events;
		return -EAGAIN;
	}
	if (!hit(stack, stack->plan.again))
		return 0;
	tell_later(conn, events, 0);
	return -EAGAIN;
}

/* ---- instance ---- */

static int timer_open(const struct toe_stack_config *config)
{
	const struct itimerspec when = {.it_value.tv_nsec = TICK_NS,
					.it_interval.tv_nsec = TICK_NS};
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET,
				 .data.u64 = config->tag | TIMER_DATA};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	if (!timerfd_settime(fd, 0, &when, NULL) &&
	    !epoll_ctl(config->epoll, EPOLL_CTL_ADD, fd, &ev))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static int fault_stack_configure(struct toe_stack *stack, const char *settings)
{
	char why[TOE_ERROR_MAX];
	int err = fault_plan_parse(settings, &stack->plan, why);

	if (err)
		return err;
	stack->random = stack->plan.seed;
	stack->operations = 0;
	return 0;
}

static int fault_stack_open(const struct toe_stack_config *config,
			    struct toe_stack **stackp)
{
	struct toe_stack_config inner = *config;
	struct toe_stack *stack;
	int err;

	stack = calloc(1, sizeof(*stack) +
				  config->max_conns * sizeof(stack->conn[0]));
	if (!stack)
		return -ENOMEM;
	stack->config = *config;
	LIST_INIT(&stack->free);
	LIST_INIT(&stack->later);
	err = fault_stack_configure(stack, config->settings);
	if (err)
		goto err_free;
	stack->timer = timer_open(config);
	if (stack->timer < 0) {
		err = stack->timer;
		goto err_free;
	}
	stack->ticking = true;
	inner.ready = upcall;
	inner.settings = "";
	err = below->stack_open(&inner, &stack->inner);
	if (err)
		goto err_timer;
	*stackp = stack;
	return 0;

err_timer:
	close(stack->timer);
err_free:
	free(stack);
	return err;
}

static void fault_stack_close(struct toe_stack *stack)
{
	below->stack_close(stack->inner);
	close(stack->timer);
	free(stack);
}

static int fault_alive(struct toe_stack *stack)
{
	return hung(stack) ? -ETIMEDOUT : 0;
}

static void fault_stack_event(struct toe_stack *stack, uint64_t data,
			      uint32_t events)
{
	if (data == TIMER_DATA)
		tick(stack);
	else
		below->stack_event(stack->inner, data, events);
}

/* ---- connections ---- */

static struct toe_conn *conn_new(struct toe_stack *stack, void *user)
{
	struct toe_conn *conn = LIST_FIRST(&stack->free);

	if (conn)
		LIST_REMOVE(conn, entry);
	else if (stack->nr_used < stack->config.max_conns)
		conn = &stack->conn[stack->nr_used++];
	else
		return NULL;
	*conn = (struct toe_conn){.stack = stack, .user = user};
	return conn;
}

static void conn_put(struct toe_conn *conn)
{
	tell_not(conn);
	conn->inner = NULL;
	LIST_INSERT_HEAD(&conn->stack->free, conn, entry);
}

static int fault_open(struct toe_stack *stack, int family, int type, void *user,
		      struct toe_conn **connp)
{
	int err = failure(stack, FAULT_OPEN);
	struct toe_conn *conn;

	if (err)
		return err;
	conn = conn_new(stack, user);
	if (!conn)
		return -ENOBUFS;
	conn->datagram = type == SOCK_DGRAM;
	err = below->open(stack->inner, family, type, conn, &conn->inner);
	if (err)
		conn_put(conn);
	else
		*connp = conn;
	return err;
}

static int fault_bind(struct toe_conn *conn, const struct vtoe_addr *addr)
{
	int err = failure(conn->stack, FAULT_BIND);

	return err ? err : below->bind(conn->inner, addr);
}

static int fault_listen(struct toe_conn *conn, unsigned int backlog)
{
	int err = failure(conn->stack, FAULT_LISTEN);

	return err ? err : below->listen(conn->inner, backlog);
}

static int fault_use_address(struct toe_conn *conn,
			     const struct vtoe_addr *addr)
{
	return below->use_address(conn->inner, addr);
}

static int fault_connect(struct toe_conn *conn, const struct vtoe_addr *addr)
{
	int err = failure(conn->stack, FAULT_CONNECT);

	if (err)
		return err;
	if (hung(conn->stack) && !conn->datagram) {
		conn->hanging = *addr;
		return -EINPROGRESS;
	}
	return below->connect(conn->inner, addr);
}

/* What a hung engine was to do is done by the one that has taken over. */
static void connect_at_last(struct toe_conn *conn)
{
	struct vtoe_addr peer = conn->hanging;
	int err;

	conn->hanging.family = 0;
	err = below->connect(conn->inner, &peer);
	if (err == -EINPROGRESS)
		return;
	conn->connect_error = err;
	tell_later(conn, TOE_CONNECTED, 0);
}

static int fault_connected(struct toe_conn *conn)
{
	int err = conn->connect_error;

	conn->connect_error = 0;
	return err ? err : below->connected(conn->inner);
}

static int fault_accept(struct toe_conn *listener, void *user,
			struct toe_conn **connp, struct vtoe_addr *peer)
{
	struct toe_stack *stack = listener->stack;
	int err = failure(stack, FAULT_ACCEPT);
	struct toe_conn *conn;

	if (!err)
		err = again(listener, WAKE_READER);
	if (err)
		return err;
	conn = conn_new(stack, user);
	if (!conn)
		return -ENOBUFS;
	err = below->accept(listener->inner, conn, &conn->inner, peer);
	if (err)
		conn_put(conn);
	else
		*connp = conn;
	return err;
}

/* Leaves the first bytes of @iov only, by chance. True if it did. */
static bool cut(struct toe_stack *stack, struct iovec iov[2],
		const struct iovec *from, int *iovcnt)
{
	size_t total, left;

	iov[0] = from[0];
	iov[1] = *iovcnt > 1 ? from[1] : (struct iovec){0};
	total = iov[0].iov_len + iov[1].iov_len;
	if (total < 2 || !hit(stack, stack->plan.short_))
		return false;
	left = 1 + chance(stack) % (total <= SHORT_MAX ? total - 1 : SHORT_MAX);
	if (left <= iov[0].iov_len) {
		iov[0].iov_len = left;
		*iovcnt = 1;
	} else {
		iov[1].iov_len = left - iov[0].iov_len;
	}
	return true;
}

static ssize_t fault_recv(struct toe_conn *conn, const struct iovec *iov,
			  int iovcnt)
{
	int err = failure(conn->stack, FAULT_RECV);
	struct iovec part[2];

	if (!err)
		err = again(conn, WAKE_READER);
	if (err)
		return err;
	cut(conn->stack, part, iov, &iovcnt);
	return below->recv(conn->inner, part, iovcnt);
}

static ssize_t fault_send(struct toe_conn *conn, const struct iovec *iov,
			  int iovcnt)
{
	int err = failure(conn->stack, FAULT_SEND);
	struct iovec part[2];
	bool is_cut;
	ssize_t n;

	if (!err)
		err = again(conn, TOE_WRITABLE);
	if (err)
		return err;
	is_cut = cut(conn->stack, part, iov, &iovcnt);
	n = below->send(conn->inner, part, iovcnt);
	if (n > 0 && is_cut)
		tell_later(conn, TOE_WRITABLE, 0);
	return n;
}

static int fault_send_datagrams(struct toe_conn *conn,
				const struct toe_datagram *datagram,
				unsigned int nr)
{
	int err = failure(conn->stack, FAULT_SEND);

	if (!err)
		err = again(conn, TOE_WRITABLE);
	return err ? err : below->send_datagrams(conn->inner, datagram, nr);
}

static int fault_recv_datagram(struct toe_conn *conn,
			       struct toe_datagram *datagram)
{
	int err = failure(conn->stack, FAULT_RECV);

	if (!err)
		err = again(conn, WAKE_READER);
	return err ? err : below->recv_datagram(conn->inner, datagram);
}

static int fault_next_datagram(struct toe_conn *conn)
{
	return below->next_datagram(conn->inner);
}

static int fault_hold(struct toe_conn *conn, int on)
{
	return below->hold(conn->inner, on);
}

static void fault_moved(struct toe_conn *conn)
{
	below->moved(conn->inner);
	if (conn->hanging.family)
		connect_at_last(conn);
	if (conn->kept)
		tell_later(conn, conn->kept, 0);
	conn->kept = 0;
}

static void fault_reset(struct toe_conn *conn)
{
	conn->hanging.family = 0;
	below->reset(conn->inner);
}

static int fault_shutdown(struct toe_conn *conn, int how)
{
	return below->shutdown(conn->inner, how);
}

static void fault_close(struct toe_conn *conn, unsigned int flags)
{
	below->close(conn->inner, flags);
	conn_put(conn);
}

static int fault_error(struct toe_conn *conn)
{
	return below->error(conn->inner);
}

static int fault_unsent(struct toe_conn *conn)
{
	return below->unsent(conn->inner);
}

static int fault_local(struct toe_conn *conn, struct vtoe_addr *addr)
{
	return below->local(conn->inner, addr);
}

static int fault_setopt(struct toe_conn *conn, int level, int name,
			const void *value, uint32_t len)
{
	return below->setopt(conn->inner, level, name, value, len);
}

static int fault_getopt(struct toe_conn *conn, int level, int name, void *value,
			uint32_t *len)
{
	return below->getopt(conn->inner, level, name, value, len);
}

const struct toe_driver fault_driver = {
	.name = "fault",
	.stack_open = fault_stack_open,
	.stack_close = fault_stack_close,
	.stack_event = fault_stack_event,
	.stack_configure = fault_stack_configure,
	.alive = fault_alive,
	.open = fault_open,
	.bind = fault_bind,
	.listen = fault_listen,
	.use_address = fault_use_address,
	.connect = fault_connect,
	.connected = fault_connected,
	.accept = fault_accept,
	.recv = fault_recv,
	.send = fault_send,
	.send_datagrams = fault_send_datagrams,
	.recv_datagram = fault_recv_datagram,
	.next_datagram = fault_next_datagram,
	.hold = fault_hold,
	.moved = fault_moved,
	.reset = fault_reset,
	.shutdown = fault_shutdown,
	.close = fault_close,
	.error = fault_error,
	.unsent = fault_unsent,
	.local = fault_local,
	.setopt = fault_setopt,
	.getopt = fault_getopt,
};
