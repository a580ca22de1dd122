/* SPDX-License-Identifier: GPL-2.0 */
/* poll.c - poll(), select(), epoll. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <unistd.h>

#include "sockcheck.h"

#define SOON_MS 400 /* nothing more happens in this time */

static int watch(int ep, int fd, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.fd = fd };

	return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
}

static int epoll_with(int fd, uint32_t events)
{
	int ep = must(epoll_create1(0));

	must(watch(ep, fd, events));
	return ep;
}

/* The next event's flags; 0 if none comes. */
static uint32_t next(int ep, int ms)
{
	struct epoll_event ev;
	int n = must(epoll_wait(ep, &ev, 1, ms));

	return n ? ev.events : 0;
}

/* Waits until an event has one of these. */
static uint32_t next_with(int ep, uint32_t wanted)
{
	double end = seconds() + HANG_S;

	while (seconds() < end) {
		uint32_t events = next(ep, 1000);

		if (events & wanted)
			return events;
	}
	return 0;
}

static void poll_states(void)
{
	int fd = peer("echo");

	expect_eq(wait_for(fd, POLLIN | POLLOUT), POLLOUT);
	send_bytes(fd, 0, 5);
	expect_eq(wait_for(fd, POLLIN), POLLIN);
	receive_bytes(fd, 0, 5);
	expect_eq(ready_now(fd, POLLIN | POLLRDHUP), 0);
	must(shutdown(fd, SHUT_WR));
	expect_eq(wait_for(fd, POLLRDHUP) & POLLRDHUP, POLLRDHUP);
	/* both directions are closed */
	expect_eq(ready_now(fd, POLLIN | POLLOUT | POLLRDHUP),
		  POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
}

static void poll_half_closed(void)
{
	int fd = peer("half 0");

	expect_eq(wait_for(fd, POLLIN | POLLRDHUP), POLLIN | POLLRDHUP);
	expect_eq(ready_now(fd, POLLIN | POLLOUT | POLLRDHUP),
		  POLLIN | POLLOUT | POLLRDHUP);
}

static void poll_timeout(void)
{
	struct pollfd p = { .fd = peer("hold"), .events = POLLIN };
	double start = seconds();

	expect_eq(poll(&p, 1, 300), 0);
	expect(seconds() - start > 0.25 && seconds() - start < 5);
}

static void poll_writable_again(void)
{
	int control, fd = dialled(&control, "told 0 count");

	expect(fill(fd));
	expect_eq(ready_now(fd, POLLOUT), 0);
	send_bytes(control, 0, 1);
	expect_eq(wait_for(fd, POLLOUT), POLLOUT);
}

static void select_readable(void)
{
	struct timeval tv = { HANG_S, 0 };
	int fd = peer("send 1 300");
	fd_set r, w;

	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_SET(fd, &r);
	expect_eq(select(fd + 1, &r, NULL, NULL, &tv), 1);
	expect(FD_ISSET(fd, &r));
	FD_SET(fd, &w);
	expect_eq(select(fd + 1, NULL, &w, NULL, &tv), 1);
	receive_bytes(fd, 0, 1);
}

static void epoll_level(void)
{
	int fd = peer("two 10 0"), ep = epoll_with(fd, EPOLLIN);

	for (int i = 0; i < 3; i++)
		expect_eq(next(ep, HANG_S * 1000), EPOLLIN);
	receive_bytes(fd, 0, 20);
	expect_eq(next(ep, SOON_MS), 0);
}

static void epoll_edge(void)
{
	int fd = peer("echo"), ep = epoll_with(fd, EPOLLIN | EPOLLET);

	expect_eq(next(ep, 0), 0);
	for (size_t i = 0; i < 3; i++) {
		send_bytes(fd, i, 1); /* nothing is taken */
		expect_eq(next(ep, HANG_S * 1000), EPOLLIN);
		expect_eq(next(ep, SOON_MS), 0);
	}
	receive_bytes(fd, 0, 3);
}

static void epoll_edge_out(void)
{
	int control, fd = dialled(&control, "told 0 count");
	int ep = epoll_with(fd, EPOLLOUT | EPOLLET);

	expect_eq(next(ep, HANG_S * 1000), EPOLLOUT);
	expect(fill(fd));
	send_bytes(control, 0, 1);
	expect(next_with(ep, EPOLLOUT) & EPOLLOUT);
	expect(ready_now(fd, POLLOUT) & POLLOUT);
}

static void before_connect(uint32_t flags)
{
	int fd = must(new_socket(SOCK_NONBLOCK));
	int ep = epoll_with(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | flags);

	/* an unconnected TCP socket hangs and is writable */
	expect_eq(next(ep, 0), EPOLLOUT | EPOLLHUP);
	expect_errno(connect_to(fd, 0), EINPROGRESS);
	while (ready_now(fd, POLLOUT) != POLLOUT)
		expect(next_with(ep, EPOLLOUT));
	command(fd, "two 100 0\n");
	expect(next_with(ep, EPOLLIN) & EPOLLIN);
	must(fcntl(fd, F_SETFL, 0));
	receive_bytes(fd, 0, 200);
	must(shutdown(fd, SHUT_WR));
	expect(next_with(ep, EPOLLRDHUP) & EPOLLRDHUP);
}

static void epoll_before_connect(void)
{
	before_connect(0);
}

static void epoll_edge_before_connect(void)
{
	before_connect(EPOLLET);
}

static void epoll_refused(void)
{
	int fd = must(new_socket(SOCK_NONBLOCK));
	int ep = epoll_with(fd, EPOLLOUT | EPOLLET);

	next(ep, 0);
	expect_errno(connect_to(fd, 1), EINPROGRESS);
	expect(next_with(ep, EPOLLERR) & EPOLLHUP);
}

static void epoll_before_listen(void)
{
	int fd = must(new_socket(0)), ep = epoll_with(fd, EPOLLIN), control;

	must(bind(fd, &bind_address.sa, address_size(&bind_address)));
	must(listen(fd, 4));
	expect_eq(next(ep, 0), 0);
	control = peer("dial %u hold", local_port(fd));
	expect(!strcmp(read_line(control), "connected"));
	expect_eq(next(ep, HANG_S * 1000), EPOLLIN);
	must(accept(fd, NULL, NULL));
	expect_eq(next(ep, SOON_MS), 0);
}

static void epoll_listener_edge(void)
{
	uint16_t port;
	int l = listener(SOCK_NONBLOCK, &port);
	int ep = epoll_with(l, EPOLLIN | EPOLLET);

	for (int i = 0; i < 3; i++) {
		peer("dial %u hold", port);
		expect_eq(next(ep, HANG_S * 1000), EPOLLIN);
		must(accept(l, NULL, NULL));
		expect_errno(accept(l, NULL, NULL), EAGAIN);
	}
}

static void epoll_one_shot(void)
{
	int fd = peer("echo"), ep = epoll_with(fd, EPOLLIN | EPOLLONESHOT);
	struct epoll_event ev = { .events = EPOLLIN | EPOLLONESHOT };

	send_bytes(fd, 0, 1);
	expect_eq(next(ep, HANG_S * 1000), EPOLLIN);
	expect_eq(next(ep, SOON_MS), 0);
	must(epoll_ctl(ep, EPOLL_CTL_MOD, fd, &ev));
	expect_eq(next(ep, HANG_S * 1000), EPOLLIN);
}

static void epoll_half_closed(void)
{
	int fd = peer("half 10");
	int ep = epoll_with(fd, EPOLLIN | EPOLLRDHUP | EPOLLET);

	expect(next_with(ep, EPOLLRDHUP) & EPOLLIN);
	receive_bytes(fd, 0, 10);
	expect_end(fd);
}

static void epoll_reset(void)
{
	int fd = peer("reset 300"), ep = epoll_with(fd, EPOLLET);

	expect(next_with(ep, EPOLLERR) & EPOLLHUP);
}

static void epoll_two_sets(void)
{
	int fd = peer("echo"), one = epoll_with(fd, EPOLLIN);
	int two = epoll_with(fd, EPOLLIN | EPOLLET);
	int outer = epoll_with(one, EPOLLIN);

	expect_errno(watch(one, fd, EPOLLIN), EEXIST);
	send_bytes(fd, 0, 1);
	expect_eq(next(one, HANG_S * 1000), EPOLLIN);
	expect_eq(next(two, HANG_S * 1000), EPOLLIN);
	expect_eq(next(outer, HANG_S * 1000), EPOLLIN);
	receive_bytes(fd, 0, 1);
	expect_eq(next(one, 0), 0);
	expect_eq(next(outer, 0), 0);
}

static void epoll_removed_and_closed(void)
{
	int fd = peer("two 1 0"), other = dup(fd);
	int ep = epoll_with(fd, EPOLLIN);

	expect_eq(next(ep, HANG_S * 1000), EPOLLIN);
	must(epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL));
	expect_eq(next(ep, 0), 0);
	must(watch(ep, fd, EPOLLIN));
	must(close(fd)); /* the description lives on */
	expect_eq(next(ep, HANG_S * 1000), EPOLLIN);
	must(close(other));
	expect_eq(next(ep, 0), 0);
}

const struct check poll_checks[] = {
	{ "poll-states", poll_states },
	{ "poll-half-closed", poll_half_closed },
	{ "poll-timeout", poll_timeout },
	{ "poll-writable-again", poll_writable_again },
	{ "select-readable", select_readable },
	{ "epoll-level", epoll_level },
	{ "epoll-edge", epoll_edge },
	{ "epoll-edge-out", epoll_edge_out },
	{ "epoll-before-connect", epoll_before_connect },
	{ "epoll-edge-before-connect", epoll_edge_before_connect },
	{ "epoll-refused", epoll_refused },
	{ "epoll-before-listen", epoll_before_listen },
	{ "epoll-listener-edge", epoll_listener_edge },
	{ "epoll-one-shot", epoll_one_shot },
	{ "epoll-half-closed", epoll_half_closed },
	{ "epoll-reset", epoll_reset },
	{ "epoll-two-sets", epoll_two_sets },
	{ "epoll-removed-and-closed", epoll_removed_and_closed },
	{ 0 },
};
