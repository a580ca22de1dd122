/* SPDX-License-Identifier: GPL-2.0 */
/* listen.c - bind(), listen(), accept(). */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "sockcheck.h"

static int bind_port(int fd, uint16_t port)
{
	union address a = bind_address;

	address_set_port(&a, port);
	return bind(fd, &a.sa, address_size(&a));
}

/* The peer connects to us; nothing is taken yet. */
static int dial(uint16_t port, const char *cmd)
{
	int control = peer("dial %u %s", port, cmd);

	expect(!strcmp(read_line(control), "connected"));
	return control;
}

static void port_zero(void)
{
	union address a;
	socklen_t len = sizeof(a);
	uint16_t port;
	int l = listener(0, &port), fd;

	dial(port, "who");
	fd = must(accept(l, &a.sa, &len));
	expect_eq(len, address_size(&peer_address));
	expect(address_same_host(&a, &peer_address));
	expect_eq(local_port(fd), port);
	len = sizeof(a);
	must(getpeername(fd, &a.sa, &len));
	expect(address_same_host(&a, &peer_address));
}

static void without_bind(void)
{
	int l = must(new_socket(0));

	must(listen(l, 4));
	expect(local_port(l) != 0);
	dial(local_port(l), "hold");
	must(accept(l, NULL, NULL));
}

static void any_address(void)
{
	union address a = { .sa.sa_family = peer_address.sa.sa_family };
	socklen_t len = sizeof(a);
	int l = must(new_socket(0)), fd;

	must(bind(l, &a.sa, address_size(&a)));
	must(listen(l, 4));
	dial(local_port(l), "hold");
	fd = must(accept(l, NULL, NULL));
	must(getsockname(fd, &a.sa, &len));
	expect(address_same_host(&a, &local_address));
}

static void in_use(void)
{
	uint16_t port;
	int one = 1, fd = must(new_socket(0));

	listener(0, &port);
	expect_errno(bind_port(fd, port), EADDRINUSE);
	must(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)));
	expect_errno(bind_port(fd, port), EADDRINUSE);
}

static void not_ours(void)
{
	union address a = local_address;
	int fd = must(new_socket(0));

	if (a.sa.sa_family == AF_INET)
		a.v4.sin_addr.s_addr = htonl(0xcb007163); /* 203.0.113.99 */
	else
		a.v6.sin6_addr.s6_addr[7] ^= 0x77;
	if (a.sa.sa_family == AF_INET6) {
		memset(&a.v6.sin6_addr, 0, 16);
		memcpy(&a.v6.sin6_addr, "\x20\x01\x0d\xb8\xff", 5);
	}
	expect_errno(bind(fd, &a.sa, address_size(&a)), EADDRNOTAVAIL);
	must(bind_port(fd, 0)); /* no harm was done */
}

static void bind_twice(void)
{
	int fd = must(new_socket(0));

	must(bind_port(fd, 0));
	expect_errno(bind_port(fd, 0), EINVAL);
}

static void again_after_close(void)
{
	int l = must(new_socket(0)), one = 1, fd;
	uint16_t port;

	must(setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)));
	must(bind_port(l, 0));
	must(listen(l, 1));
	port = local_port(l);
	dial(port, "hold");
	fd = must(accept(l, NULL, NULL));
	must(shutdown(fd, SHUT_RDWR)); /* TIME_WAIT will be here */
	must(close(fd));
	must(close(l));
	l = must(new_socket(0));
	must(setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)));
	must(bind_port(l, port));
	must(listen(l, 1));
	dial(port, "send 3");
	receive_bytes(must(accept(l, NULL, NULL)), 0, 3);
}

static void accept4_flags(void)
{
	uint16_t port;
	int l = listener(0, &port), fd;

	dial(port, "hold");
	fd = must(accept4(l, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
	expect(fcntl(fd, F_GETFL) & O_NONBLOCK);
	expect(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	expect_errno(accept4(l, NULL, NULL, 1), EINVAL);
}

static void nonblocking(void)
{
	uint16_t port;
	int l = listener(SOCK_NONBLOCK, &port), fd;

	expect_errno(accept(l, NULL, NULL), EAGAIN);
	expect_eq(ready_now(l, POLLIN), 0);
	dial(port, "hold");
	expect_eq(wait_for(l, POLLIN), POLLIN);
	fd = must(accept(l, NULL, NULL));
	expect(!(fcntl(fd, F_GETFL) & O_NONBLOCK));
	expect_errno(accept(l, NULL, NULL), EAGAIN);
}

static void receive_timeout(void)
{
	struct timeval tv = { 0, 300000 };
	uint16_t port;
	int l = listener(0, &port);
	double start = seconds();

	must(setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	expect_errno(accept(l, NULL, NULL), EAGAIN);
	expect(seconds() - start > 0.25 && seconds() - start < 5);
}

static void interrupted(void)
{
	uint16_t port;
	int l = listener(0, &port);

	alarm_without_restart(300);
	expect_errno(accept(l, NULL, NULL), EINTR);
	dial(port, "hold");
	must(accept(l, NULL, NULL));
}

static void *shut_later(void *arg)
{
	pause_ms(300);
	shutdown(*(int *)arg, SHUT_RD);
	return NULL;
}

static void shutdown_wakes(void)
{
	uint16_t port;
	int l = listener(0, &port);
	pthread_t t;

	pthread_create(&t, NULL, shut_later, &l);
	expect_errno(accept(l, NULL, NULL), EINVAL);
	pthread_join(t, NULL);
}

static void closed_refuses(void)
{
	uint16_t port;
	int l = listener(0, &port), control;

	dial(port, "hold");
	must(close(must(accept(l, NULL, NULL))));
	must(close(l));
	control = peer("dial %u hold", port);
	expect(!strcmp(read_line(control), "ECONNREFUSED"));
}

static void queue_is_reset(void)
{
	uint16_t port;
	int l = listener(0, &port), control = dial(port, "count");

	pause_ms(200); /* it may be on its way to us, or not */
	must(close(l));
	expect(!strncmp(read_line(control), "error ECONNRESET", 16));
}

static void data_before_accept(void)
{
	uint16_t port;
	int l = listener(0, &port), fd;

	dial(port, "send 70000");
	pause_ms(200);
	fd = must(accept(l, NULL, NULL));
	receive_bytes(fd, 0, 70000);
	expect_end(fd);
}

static void several_wait(void)
{
	uint16_t port;
	int l = listener(0, &port), fd[8];

	for (int i = 0; i < 8; i++)
		dial(port, "echo");
	for (int i = 0; i < 8; i++) {
		fd[i] = must(accept(l, NULL, NULL));
		send_bytes(fd[i], (size_t)i, 100);
	}
	for (int i = 0; i < 8; i++)
		receive_bytes(fd[i], (size_t)i, 100);
}

static void many_rounds(void)
{
	uint16_t port;
	int l = listener(0, &port), control[20];

	for (int i = 0; i < 20; i++) {
		int fd;

		control[i] = dial(port, "count");
		fd = must(accept(l, NULL, NULL));
		send_bytes(fd, 0, 1000);
		must(close(fd));
		expect(!strcmp(read_line(control[i]), count_text(1000)));
	}
}

static void outlives_listener(void)
{
	int control, fd = dialled(&control, "echo"); /* closes the listener */

	send_bytes(fd, 0, 500);
	receive_bytes(fd, 0, 500);
}

static void listen_again(void)
{
	uint16_t port;
	int l = listener(0, &port);

	must(listen(l, 100));
	dial(port, "hold");
	must(accept(l, NULL, NULL));
}

static void listener_is_no_stream(void)
{
	uint16_t port;
	int l = listener(0, &port);
	char c = 0;

	expect_errno(recv(l, &c, 1, 0), ENOTCONN);
	expect_errno(send(l, &c, 1, MSG_NOSIGNAL), EPIPE);
	expect_errno(connect_to(l, 0), EISCONN);
}

const struct check listen_checks[] = {
	{ "listen-port-zero", port_zero },
	{ "listen-without-bind", without_bind },
	{ "listen-any-address", any_address },
	{ "listen-again", listen_again },
	{ "listen-is-no-stream", listener_is_no_stream },
	{ "bind-in-use", in_use },
	{ "bind-not-ours", not_ours },
	{ "bind-twice", bind_twice },
	{ "bind-again-after-close", again_after_close },
	{ "accept4-flags", accept4_flags },
	{ "accept-nonblocking", nonblocking },
	{ "accept-timeout", receive_timeout },
	{ "accept-interrupted", interrupted },
	{ "accept-woken-by-shutdown", shutdown_wakes },
	{ "accept-data-came-before", data_before_accept },
	{ "accept-several-wait", several_wait },
	{ "accept-many-rounds", many_rounds },
	{ "accepted-outlives-listener", outlives_listener },
	{ "closed-listener-refuses", closed_refuses },
	{ "closed-listener-resets-its-queue", queue_is_reset },
	{ 0 },
};
