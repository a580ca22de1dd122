/* SPDX-License-Identifier: GPL-2.0 */
/*
 * loop.h - one thread's event loop: descriptors, timers, signals (epoll).
 *
 * Watches and timers are embedded in their owners' structures; the loop
 * allocates nothing after loop_init(). A callback may remove and free any watch
 * or timer, its own included: events of one that was removed are dropped, even
 * if they were already fetched.
 */
#ifndef COMMON_LOOP_H
#define COMMON_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#define LOOP_BATCH 64 /* events fetched at once */

struct loop;
struct loop_fd;
struct loop_timer;

/* @events: EPOLL*; EPOLLERR and EPOLLHUP may come unasked */
typedef void loop_fd_fn(struct loop_fd *watch, uint32_t events);
typedef void loop_timer_fn(struct loop_timer *timer);

struct loop_fd {
	int fd; /* -1: not watched */
	loop_fd_fn *fn;
	struct loop *loop;
};

struct loop_timer {
	uint64_t due_ns; /* CLOCK_MONOTONIC; 0: not armed */
	loop_timer_fn *fn;
	struct loop *loop;
	struct loop_timer *next, **prevp; /* of the sorted list, if armed */
};

struct loop {
	int epoll;
	bool stop;
	struct loop_timer *timers; /* the earliest first */
	struct epoll_event event[LOOP_BATCH];
	int nr_events, at; /* of the batch being dispatched */
};

/** loop_now - CLOCK_MONOTONIC in nanoseconds; never 0. */
uint64_t loop_now(void);

/**
 * loop_init - make an empty loop
 *
 * Returns 0 or a negative errno.
 */
int loop_init(struct loop *loop);

/** loop_close - let go of the loop; watches and timers must not be used more.
 */
void loop_close(struct loop *loop);

/**
 * loop_add - watch a descriptor
 * @watch: zeroed or removed before; must live until loop_remove()
 * @fd: stays the caller's
 * @events: EPOLLIN, EPOLLOUT, …; level-triggered unless EPOLLET is given
 *
 * Returns 0 or a negative errno.
 */
int loop_add(struct loop *loop, struct loop_fd *watch, int fd, uint32_t events,
	     loop_fd_fn *fn);

/** loop_modify - change the events of a watch; 0 or a negative errno. */
int loop_modify(struct loop_fd *watch, uint32_t events);

/**
 * loop_remove - stop watching; before the descriptor is closed
 *
 * Harmless on a watch that is zeroed or removed.
 */
void loop_remove(struct loop_fd *watch);

/**
 * loop_arm - call @fn once, @delay_ns from now
 *
 * An armed timer is armed anew. @timer is zeroed or was used before.
 */
void loop_arm(struct loop *loop, struct loop_timer *timer, uint64_t delay_ns,
	      loop_timer_fn *fn);

/** loop_disarm - harmless on a timer that is zeroed or not armed. */
void loop_disarm(struct loop_timer *timer);

/**
 * loop_run - dispatch until loop_stop()
 *
 * Returns 0 or a negative errno of epoll_wait().
 */
int loop_run(struct loop *loop);

/** loop_stop - let loop_run() return after the callback that runs now. */
void loop_stop(struct loop *loop);

#endif /* COMMON_LOOP_H */
