/* SPDX-License-Identifier: GPL-2.0 */
/* connect.c - connect() and what names a socket. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "sockcheck.h"

#define CLOSED_PORT 1 /* tcpmux: nobody listens */

static int so_error(int fd)
{
	int value = -1;
	socklen_t len = sizeof(value);

	must(getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &len));
	expect_eq(len, sizeof(value));
	return value;
}

static void blocking(void)
{
	int fd = peer("who");

	expect_eq(atoi(read_line(fd)), local_port(fd));
	expect_end(fd);
}

/* Linux says that it is not connected, but does not forget it. */
static void shut_down_before(void)
{
	int fd = new_socket(0);
	char c;

	expect_errno(shutdown(fd, SHUT_RDWR), ENOTCONN);
	expect_eq(connect_to(fd, 0), 0);
	expect_eq(recv(fd, &c, 1, 0), 0);
	expect_errno(send(fd, "x", 1, MSG_NOSIGNAL), EPIPE);
}

static void names(void)
{
	union address a;
	socklen_t len = sizeof(a);
	int fd = peer("hold");

	must(getpeername(fd, &a.sa, &len));
	expect_eq(len, address_size(&peer_address));
	expect(!memcmp(&a, &peer_address, len));
	len = sizeof(a);
	must(getsockname(fd, &a.sa, &len));
	expect(address_same_host(&a, &local_address));
	expect(address_port(&a) != 0);
}

static void name_is_cut_to_size(void)
{
	union address a;
	socklen_t len = 4;
	int fd = peer("hold");

	memset(&a, 0x55, sizeof(a));
	must(getpeername(fd, &a.sa, &len));
	expect_eq(len, address_size(&peer_address));
	expect_eq(((uint8_t *)&a)[4], 0x55);
	len = (socklen_t)-1;
	expect_errno(getpeername(fd, &a.sa, &len), EINVAL);
}

static void name_before(void)
{
	union address a;
	socklen_t len = sizeof(a);
	int fd = must(new_socket(0));

	must(getsockname(fd, &a.sa, &len));
	expect_eq(a.sa.sa_family, peer_address.sa.sa_family);
	expect_eq(address_port(&a), 0);
	expect_errno(getpeername(fd, &a.sa, &len), ENOTCONN);
}

static void nonblocking(void)
{
	int fd = must(new_socket(SOCK_NONBLOCK)), again;

	expect_errno(connect_to(fd, 0), EINPROGRESS);
	expect_eq(wait_for(fd, POLLOUT), POLLOUT);
	expect_eq(so_error(fd), 0);
	again = connect_to(fd, 0); /* tells that it is done, once */
	expect(again == 0 || errno == EISCONN);
	expect_errno(connect_to(fd, 0), EISCONN);
	command(fd, "close\n");
	expect_eq(wait_for(fd, POLLIN), POLLIN);
	expect_end(fd);
}

static void under_way(void)
{
	uint16_t port = peer_full_port();
	int fd = must(new_socket(SOCK_NONBLOCK));
	char c;

	expect_errno(connect_to(fd, port), EINPROGRESS);
	expect_errno(connect_to(fd, port), EALREADY);
	expect_eq(ready_now(fd, POLLIN | POLLOUT), 0);
	expect_eq(so_error(fd), 0);
	expect_errno(recv(fd, &c, 1, MSG_DONTWAIT), EAGAIN);
	close(fd);
}

static void refused(void)
{
	int fd = must(new_socket(0));

	expect_errno(connect_to(fd, CLOSED_PORT), ECONNREFUSED);
	expect_eq(so_error(fd), 0);
	close(fd);
}

static void refused_nonblocking(void)
{
	int fd = must(new_socket(SOCK_NONBLOCK));
	char c;

	expect_errno(connect_to(fd, CLOSED_PORT), EINPROGRESS);
	expect(wait_for(fd, POLLOUT) & POLLERR);
	expect(ready_now(fd, POLLIN | POLLOUT) & POLLHUP);
	expect_eq(so_error(fd), ECONNREFUSED);
	expect_eq(so_error(fd), 0);
	expect_eq(recv(fd, &c, 1, 0), 0);
	close(fd);
}

static void refused_told_by_recv(void)
{
	int fd = must(new_socket(SOCK_NONBLOCK));
	char c;

	expect_errno(connect_to(fd, CLOSED_PORT), EINPROGRESS);
	expect(wait_for(fd, POLLOUT) & POLLERR);
	expect_errno(recv(fd, &c, 1, 0), ECONNREFUSED);
	expect_eq(so_error(fd), 0);
}

static void refused_then_again(void)
{
	int fd = must(new_socket(0));

	expect_errno(connect_to(fd, CLOSED_PORT), ECONNREFUSED);
	must(connect_to(fd, 0));
	command(fd, "send 5\n");
	receive_bytes(fd, 0, 5);
	expect_end(fd);
}

static void send_timeout(void)
{
	struct timeval tv = { 0, 300000 };
	uint16_t port = peer_full_port();
	int fd = must(new_socket(0));
	double start = seconds();

	must(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)));
	expect_errno(connect_to(fd, port), EINPROGRESS);
	expect(seconds() - start > 0.25 && seconds() - start < 5);
	expect_errno(connect_to(fd, port), EALREADY);
}

static void interrupted(void)
{
	uint16_t port = peer_full_port();
	int fd = must(new_socket(0));

	alarm_without_restart(300);
	expect_errno(connect_to(fd, port), EINTR);
	must(fcntl(fd, F_SETFL, O_NONBLOCK));
	expect_errno(connect_to(fd, port), EALREADY);
}

static void twice(void)
{
	int fd = peer("hold");

	expect_errno(connect_to(fd, 0), EISCONN);
}

static void wrong_address(void)
{
	union address a = peer_address;
	int fd = must(new_socket(0));

	expect_errno(connect(fd, &a.sa, 4), EINVAL);
	a.sa.sa_family = AF_UNIX;
	expect_errno(connect(fd, &a.sa, address_size(&a)), EAFNOSUPPORT);
	must(connect_to(fd, 0)); /* no harm was done */
}

static void unconnected(void)
{
	int fd = must(new_socket(0));
	char c = 0;

	expect_errno(recv(fd, &c, 1, 0), ENOTCONN);
	expect_errno(send(fd, &c, 1, MSG_NOSIGNAL), EPIPE);
	expect_errno(shutdown(fd, SHUT_WR), ENOTCONN);
	expect_errno(accept(fd, NULL, NULL), EINVAL);
	expect_eq(ready_now(fd, POLLIN | POLLOUT), POLLOUT | POLLHUP);
	expect_eq(so_error(fd), 0);
}

static void bound_first(void)
{
	union address a = local_address;
	int fd = must(new_socket(0));
	uint16_t port;

	must(bind(fd, &a.sa, address_size(&a)));
	port = local_port(fd);
	expect(port != 0);
	must(connect_to(fd, 0));
	expect_eq(local_port(fd), port);
	command(fd, "who\n");
	expect_eq(atoi(read_line(fd)), port);
}

static void bound_to_any(void)
{
	union address a = { .sa.sa_family = peer_address.sa.sa_family };
	socklen_t len = sizeof(a);
	int fd = must(new_socket(0));
	uint16_t port;

	must(bind(fd, &a.sa, address_size(&a)));
	port = local_port(fd);
	expect(port != 0);
	must(connect_to(fd, 0));
	must(getsockname(fd, &a.sa, &len));
	expect_eq(address_port(&a), port);
	expect(address_same_host(&a, &local_address));
}

static void closed_under_way(void)
{
	uint16_t port = peer_full_port();

	for (int i = 0; i < 20; i++) {
		int fd = must(new_socket(SOCK_NONBLOCK));

		expect_errno(connect_to(fd, port), EINPROGRESS);
		must(close(fd));
	}
}

static void many(void)
{
	int fd[100];

	for (int i = 0; i < 100; i++)
		fd[i] = peer("echo");
	for (int i = 0; i < 100; i++)
		send_bytes(fd[i], (size_t)i, 10);
	for (int i = 99; i >= 0; i--)
		receive_bytes(fd[i], (size_t)i, 10);
}

static void mapped_ipv4(void)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6 };
	socklen_t len = sizeof(a);
	int fd;

	if (peer_address.sa.sa_family != AF_INET)
		return;
	fd = must(socket(AF_INET6, SOCK_STREAM, 0));
	a.sin6_port = peer_address.v4.sin_port;
	a.sin6_addr.s6_addr[10] = a.sin6_addr.s6_addr[11] = 0xff;
	memcpy(&a.sin6_addr.s6_addr[12], &peer_address.v4.sin_addr, 4);
	must(connect(fd, (struct sockaddr *)&a, sizeof(a)));
	must(getsockname(fd, (struct sockaddr *)&a, &len));
	expect_eq(a.sin6_family, AF_INET6);
	expect(IN6_IS_ADDR_V4MAPPED(&a.sin6_addr));
	expect(!memcmp(&a.sin6_addr.s6_addr[12], &local_address.v4.sin_addr,
		       4));
	command(fd, "send 9\n");
	receive_bytes(fd, 0, 9);
}

const struct check connect_checks[] = {
	{ "connect-blocking", blocking },
	{ "connect-shut-down-before", shut_down_before },
	{ "connect-names", names },
	{ "connect-name-is-cut-to-size", name_is_cut_to_size },
	{ "connect-name-before", name_before },
	{ "connect-nonblocking", nonblocking },
	{ "connect-under-way", under_way },
	{ "connect-refused", refused },
	{ "connect-refused-nonblocking", refused_nonblocking },
	{ "connect-refused-told-by-recv", refused_told_by_recv },
	{ "connect-refused-then-again", refused_then_again },
	{ "connect-send-timeout", send_timeout },
	{ "connect-interrupted", interrupted },
	{ "connect-twice", twice },
	{ "connect-wrong-address", wrong_address },
	{ "connect-never-done", unconnected },
	{ "connect-bound-first", bound_first },
	{ "connect-bound-to-any", bound_to_any },
	{ "connect-closed-under-way", closed_under_way },
	{ "connect-many", many },
	{ "connect-mapped-ipv4", mapped_ipv4 },
	{ 0 },
};
