/* SPDX-License-Identifier: GPL-2.0 */
/*
 * driver_worker.h - what stands above a TOE driver in a worker, for its tests.
 *
 * The test defines CONNS, the connections that there may be, before.
 */
#ifndef UNIT_DRIVER_WORKER_H
#define UNIT_DRIVER_WORKER_H

#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit.h"
#include "../../toe-service/stack.h"

#define TAG	(9ull << TOE_DATA_BITS)
#define WAIT_MS 5000

static const struct toe_driver *above;
static struct toe_stack *stack;
static int epoll;
static uint64_t syscalls;

/* The user of a connection: what it was told. */
struct told {
	unsigned int events, times;
	struct toe_conn *close; /* in the upcall */
};

static void ready(void *user, unsigned int events)
{
	struct told *told = user;

	told->events |= events;
	told->times++;
	if (told->close)
		above->close(told->close, 0);
	told->close = NULL;
}

static void worker_up(const struct toe_driver *driver, const char *settings)
{
	struct toe_stack_config config = {
		.ready = ready,
		.tag = TAG,
		.max_conns = CONNS,
		.syscalls = &syscalls,
		.settings = settings,
	};

	above = driver;
	epoll = epoll_create1(0);
	ck_assert_int_ge(epoll, 0);
	config.epoll = epoll;
	ck_assert_int_eq(driver->stack_open(&config, &stack), 0);
}

static inline void down(void)
{
	above->stack_close(stack);
	close(epoll);
}

static struct toe_conn *open_conn(struct told *told)
{
	struct toe_conn *conn = NULL;

	*told = (struct told){0};
	ck_assert_int_eq(above->open(stack, AF_INET, SOCK_STREAM, told, &conn),
			 0);
	return conn;
}

/* One event of the instance's own; false if there is none in time. */
static bool own_event(int timeout)
{
	struct epoll_event ev;

	if (epoll_wait(epoll, &ev, 1, timeout) != 1)
		return false;
	ck_assert_uint_eq(ev.data.u64 >> TOE_DATA_BITS, TAG >> TOE_DATA_BITS);
	above->stack_event(stack, ev.data.u64 & ~TAG, ev.events);
	return true;
}

static void until_told(const struct told *told, unsigned int events)
{
	while ((told->events & events) != events)
		ck_assert(own_event(WAIT_MS));
}

#endif /* UNIT_DRIVER_WORKER_H */
