/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include "loop.h"

#define NS_PER_MS 1000000ull
#define NS_PER_S  1000000000ull

uint64_t loop_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec + 1;
}

int loop_init(struct loop *loop)
{
	*loop = (struct loop){.epoll = epoll_create1(EPOLL_CLOEXEC)};
	return loop->epoll < 0 ? -errno : 0;
}

void loop_close(struct loop *loop)
{
	if (loop->epoll >= 0)
		close(loop->epoll);
	loop->epoll = -1;
}

int loop_add(struct loop *loop, struct loop_fd *watch, int fd, uint32_t events,
	     loop_fd_fn *fn)
{
	struct epoll_event event = {.events = events, .data.ptr = watch};

	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		return -errno;
	*watch = (struct loop_fd){.fd = fd, .fn = fn, .loop = loop};
	return 0;
}

int loop_modify(struct loop_fd *watch, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = watch};

	if (epoll_ctl(watch->loop->epoll, EPOLL_CTL_MOD, watch->fd, &event) < 0)
		return -errno;
	return 0;
}

void loop_remove(struct loop_fd *watch)
{
	struct loop *loop = watch->loop;
	int i;

	if (!loop)
		return;
	epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
	/* what was fetched and not yet dispatched must not find it */
	for (i = loop->at; i < loop->nr_events; i++)
		if (loop->event[i].data.ptr == watch)
			loop->event[i].data.ptr = NULL;
	watch->fd = -1;
	watch->loop = NULL;
}

void loop_arm(struct loop *loop, struct loop_timer *timer, uint64_t delay_ns,
	      loop_timer_fn *fn)
{
	struct loop_timer **at = &loop->timers;

	loop_disarm(timer);
	timer->due_ns = loop_now() + delay_ns;
	timer->fn = fn;
	timer->loop = loop;
	while (*at && (*at)->due_ns <= timer->due_ns)
		at = &(*at)->next;
	timer->next = *at;
	timer->prevp = at;
	if (timer->next)
		timer->next->prevp = &timer->next;
	*at = timer;
}

void loop_disarm(struct loop_timer *timer)
{
	if (!timer->due_ns)
		return;
	*timer->prevp = timer->next;
	if (timer->next)
		timer->next->prevp = timer->prevp;
	timer->due_ns = 0;
	timer->next = NULL;
	timer->prevp = NULL;
}

/* Milliseconds to the next timer, rounded up; -1: none. */
static int timeout(const struct loop *loop)
{
	uint64_t now = loop_now(), ms;

	if (!loop->timers)
		return -1;
	if (loop->timers->due_ns <= now)
		return 0;
	ms = (loop->timers->due_ns - now + NS_PER_MS - 1) / NS_PER_MS;
	return ms > 60000 ? 60000 : (int)ms;
}

/* Only those due on entry: a timer that arms itself does not starve others. */
static void run_timers(struct loop *loop)
{
	uint64_t now = loop_now();
	struct loop_timer *timer;

	while (!loop->stop && (timer = loop->timers) != NULL &&
	       timer->due_ns <= now) {
		loop_disarm(timer);
		timer->fn(timer);
	}
}

static void run_watches(struct loop *loop)
{
	struct loop_fd *watch;

	for (loop->at = 0; loop->at < loop->nr_events && !loop->stop;) {
		struct epoll_event *event = &loop->event[loop->at++];

		watch = event->data.ptr;
		if (watch)
			watch->fn(watch, event->events);
	}
	loop->nr_events = 0;
}

int loop_run(struct loop *loop)
{
	int n;

	loop->stop = false;
	while (!loop->stop) {
		n = epoll_wait(loop->epoll, loop->event, LOOP_BATCH,
			       timeout(loop));
		if (n < 0 && errno != EINTR)
			return -errno;
		loop->nr_events = n < 0 ? 0 : n;
		run_watches(loop);
		run_timers(loop);
	}
	return 0;
}

void loop_stop(struct loop *loop)
{
	loop->stop = true;
}
