/* SPDX-License-Identifier: GPL-2.0 */
/* dgram.c - UDP, against the peer's datagram server (dgram_peer.c). */
#include <errno.h>
#include <fcntl.h>
#include <netinet/ip.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include <linux/sockios.h>

#include "sockcheck.h"

#define UDP4_MAX 65507
#define UDP6_MAX 65527
#define MINUTE	 60
#define ANSWER_MS 500 /* after which a question is taken for lost */

static bool ipv6(void)
{
	return peer_address.sa.sa_family == AF_INET6;
}

/* Of the peer's family, without a port. */
static union address loopback(void)
{
	union address here = { .sa.sa_family = peer_address.sa.sa_family };

	if (ipv6())
		here.v6.sin6_addr = in6addr_loopback;
	else
		here.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return here;
}

static int dgram(void)
{
	return must(socket(peer_address.sa.sa_family, SOCK_DGRAM, 0));
}

static int connected(void)
{
	int fd = dgram();

	must(connect(fd, &peer_address.sa, address_size(&peer_address)));
	return fd;
}

static ssize_t to_peer(int fd, const void *data, size_t len)
{
	return sendto(fd, data, len, 0, &peer_address.sa,
		      address_size(&peer_address));
}

static void wait_readable(int fd)
{
	expect(wait_for(fd, POLLIN) & POLLIN);
}

/* Sends a command, and returns the peer's answer to it. */
static const char *ask(int fd, const char *command)
{
	static char answer[LINE_MAX_];
	ssize_t n;

	must(to_peer(fd, command, strlen(command)));
	wait_readable(fd);
	n = must(recv(fd, answer, sizeof(answer) - 1, 0));
	answer[n] = 0;
	return answer;
}

/* ---- there and back ---- */

static void echo_unconnected(void)
{
	union address from = { 0 };
	socklen_t len = sizeof(from);
	int fd = dgram();
	char buf[16];

	expect_eq(to_peer(fd, "hello", 5), 5);
	wait_readable(fd);
	expect_eq(recvfrom(fd, buf, sizeof(buf), 0, &from.sa, &len), 5);
	expect(!memcmp(buf, "hello", 5));
	expect_eq(len, address_size(&peer_address));
	expect(address_same_host(&from, &peer_address));
	expect_eq(address_port(&from), address_port(&peer_address));
}

static void echo_connected(void)
{
	union address a;
	socklen_t len = sizeof(a);
	int fd = connected();
	char buf[16];

	must(getpeername(fd, &a.sa, &len));
	expect_eq(address_port(&a), address_port(&peer_address));
	len = sizeof(a);
	must(getsockname(fd, &a.sa, &len));
	expect(address_same_host(&a, &local_address));
	expect(address_port(&a) != 0);
	expect_eq(send(fd, "hello", 5, 0), 5);
	wait_readable(fd);
	expect_eq(read(fd, buf, sizeof(buf)), 5);
}

static void empty_datagram(void)
{
	int fd = connected();
	char c;

	expect_eq(send(fd, "", 0, 0), 0);
	wait_readable(fd);
	expect_eq(recv(fd, &c, 1, MSG_DONTWAIT), 0);
	expect_errno(recv(fd, &c, 1, MSG_DONTWAIT), EAGAIN);
}

static void largest_datagram(void)
{
	size_t most = ipv6() ? UDP6_MAX : UDP4_MAX;
	uint8_t *out = malloc(most + 1), *in = malloc(most + 1);
	int fd = connected();

	pattern(out, 0, most);
	expect_errno(send(fd, out, most + 1, 0), EMSGSIZE);
	expect_eq(send(fd, out, most, 0), most);
	wait_readable(fd);
	expect_eq(recv(fd, in, most + 1, 0), most);
	expect(!memcmp(in, out, most));
}

static void many_sizes(void)
{
	static uint8_t out[9000], in[9000];
	int fd = connected();

	for (size_t n = 1; n <= sizeof(out); n += 701) {
		pattern(out, n, n);
		expect_eq(send(fd, out, n, 0), n);
		wait_readable(fd);
		expect_eq(recv(fd, in, sizeof(in), 0), n);
		expect(!memcmp(in, out, n));
	}
}

static void several_at_once(void)
{
	struct mmsghdr out[8] = { 0 }, in[8] = { 0 };
	char data[8][16], back[8][16];
	struct iovec oio[8], iio[8];
	int fd = connected(), got = 0;

	for (int i = 0; i < 8; i++) {
		oio[i] = (struct iovec){ data[i], (size_t)i + 1 };
		iio[i] = (struct iovec){ back[i], sizeof(back[i]) };
		memset(data[i], 'a' + i, sizeof(data[i]));
		out[i].msg_hdr.msg_iov = &oio[i];
		out[i].msg_hdr.msg_iovlen = 1;
		in[i].msg_hdr.msg_iov = &iio[i];
		in[i].msg_hdr.msg_iovlen = 1;
	}
	expect_eq(sendmmsg(fd, out, 8, 0), 8);
	while (got < 8) {
		wait_readable(fd);
		got += must(recvmmsg(fd, in + got, (unsigned int)(8 - got),
				     MSG_DONTWAIT, NULL));
	}
	for (int i = 0; i < 8; i++) {
		expect_eq(in[i].msg_len, i + 1);
		expect_eq(back[i][0], 'a' + i);
	}
}

static void pieces_are_one_datagram(void)
{
	char ab[] = "ab", cde[] = "cde", a[2], b[8];
	struct iovec out[3] = { { ab, 2 }, { ab, 0 }, { cde, 3 } };
	struct iovec in[2] = { { a, 2 }, { b, 8 } };
	int fd = connected();

	expect_eq(writev(fd, out, 3), 5);
	wait_readable(fd);
	expect_eq(readv(fd, in, 2), 5);
	expect(!memcmp(a, "ab", 2) && !memcmp(b, "cde", 3));
}

/* ---- flags of recv() ---- */

static void what_does_not_fit_is_cut(void)
{
	int fd = connected();
	char buf[4];
	struct iovec iov = { buf, 3 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	must(send(fd, "abcdef", 6, 0));
	wait_readable(fd);
	expect_eq(recv(fd, buf, 2, MSG_PEEK), 2);
	expect_eq(recv(fd, buf, 2, MSG_PEEK | MSG_TRUNC), 6);
	expect_eq(recvmsg(fd, &msg, 0), 3);
	expect_eq(msg.msg_flags & MSG_TRUNC, MSG_TRUNC);
	expect_errno(recv(fd, buf, 2, MSG_DONTWAIT), EAGAIN);
}

static void how_much_is_there(void)
{
	int fd = connected(), n = -1;

	must(ioctl(fd, FIONREAD, &n));
	expect_eq(n, 0);
	must(send(fd, "abcdef", 6, 0));
	wait_readable(fd);
	must(ioctl(fd, FIONREAD, &n));
	expect_eq(n, 6);
}

static void nothing_is_there(void)
{
	struct timeval tv = { 0, 20000 };
	int fd = connected();
	char c;

	expect_errno(recv(fd, &c, 1, MSG_DONTWAIT), EAGAIN);
	must(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	expect_errno(recv(fd, &c, 1, 0), EAGAIN);
	alarm_without_restart(50);
	tv.tv_usec = 0;
	must(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	expect_errno(recv(fd, &c, 1, 0), EINTR);
}

/* ---- addresses ---- */

static void nowhere_to_go(void)
{
	union address a = peer_address;
	int fd = dgram();

	expect_errno(send(fd, "x", 1, 0), EDESTADDRREQ);
	address_set_port(&a, 0);
	expect_errno(sendto(fd, "x", 1, 0, &a.sa, address_size(&a)), EINVAL);
	expect_errno(sendto(fd, "x", 1, 0, &peer_address.sa, 4), EINVAL);
	a.sa.sa_family = AF_UNIX;
	expect_errno(sendto(fd, "x", 1, 0, &a.sa, address_size(&a)),
		     ipv6() ? EINVAL : EAFNOSUPPORT);
}

static void a_bound_port_stays(void)
{
	union address any = { .sa.sa_family = peer_address.sa.sa_family };
	int fd = dgram();
	char text[16];

	must(bind(fd, &any.sa, address_size(&any)));
	expect(local_port(fd) != 0);
	snprintf(text, sizeof(text), "%u", local_port(fd));
	expect(!strcmp(ask(fd, "!from"), text));
	expect_errno(bind(fd, &any.sa, address_size(&any)), EINVAL);
}

static void a_port_comes_with_sending(void)
{
	int fd = dgram();
	char text[16];

	expect_eq(local_port(fd), 0);
	must(to_peer(fd, "!from", 5));
	snprintf(text, sizeof(text), "%u", local_port(fd));
	expect(local_port(fd) != 0);
	wait_readable(fd);
	expect_eq(recv(fd, text + 8, 8, 0), strlen(text));
	expect(!memcmp(text, text + 8, strlen(text)));
}

static void a_send_in_vain_gives_a_port(void)
{
	union address any = { .sa.sa_family = peer_address.sa.sa_family };
	int fd = dgram();

	expect_errno(send(fd, "x", 1, 0), EDESTADDRREQ);
	expect(local_port(fd) != 0);
	expect_errno(bind(fd, &any.sa, address_size(&any)), EINVAL);
	expect_errno(bind(fd, &local_address.sa, address_size(&local_address)),
		     EINVAL);
}

/* A datagram from this machine to itself, and then a peer beyond. */
static void what_came_before_connect_stays(void)
{
	union address any = { .sa.sa_family = peer_address.sa.sa_family };
	union address here = loopback();
	int fd = dgram(), other = dgram();
	char buf[8];

	must(bind(fd, &any.sa, address_size(&any)));
	address_set_port(&here, local_port(fd));
	must(sendto(other, "here", 4, 0, &here.sa, address_size(&here)));
	wait_readable(fd);
	must(connect(fd, &peer_address.sa, address_size(&peer_address)));
	expect_eq(ready_now(fd, POLLIN), POLLIN);
	expect_eq(recv(fd, buf, sizeof(buf), MSG_DONTWAIT), 4);
	expect(!memcmp(buf, "here", 4));
	must(send(fd, "beyond", 6, 0));
	wait_readable(fd);
	expect_eq(recv(fd, buf, sizeof(buf), MSG_DONTWAIT), 6);
	expect(!memcmp(buf, "beyond", 6));
}

static void two_cannot_have_one_port(void)
{
	union address any = { .sa.sa_family = peer_address.sa.sa_family };
	int a = dgram(), b = dgram(), one = 1;

	must(bind(a, &any.sa, address_size(&any)));
	address_set_port(&any, local_port(a));
	expect_errno(bind(b, &any.sa, address_size(&any)), EADDRINUSE);
	must(setsockopt(a, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)));
	must(setsockopt(b, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)));
	must(bind(b, &any.sa, address_size(&any)));
}

static void own_address_can_be_bound(void)
{
	int fd = dgram();
	union address a;
	socklen_t len = sizeof(a);

	must(bind(fd, &local_address.sa, address_size(&local_address)));
	must(getsockname(fd, &a.sa, &len));
	expect(address_same_host(&a, &local_address));
	expect_errno(getpeername(fd, &a.sa, &len), ENOTCONN);
	ask(fd, "!from");
}

static void hears_only_the_peer(int fd)
{
	char buf[32];

	/* it answers from another port first */
	must(send(fd, "!other", 6, 0));
	must(send(fd, "hello", 5, 0));
	wait_readable(fd);
	expect_eq(recv(fd, buf, sizeof(buf), 0), 5);
	expect(!memcmp(buf, "hello", 5));
}

static void only_the_peer_is_heard(void)
{
	hears_only_the_peer(connected());
}

static uint16_t own_port(int fd)
{
	union address a;
	socklen_t len = sizeof(a);

	must(getsockname(fd, &a.sa, &len));
	return address_port(&a);
}

/* To where another was connected a moment ago vtoe's connect() does not wait. */
static int connected_next(void)
{
	close(connected());
	return connected();
}

static void the_next_knows_its_address(void)
{
	int fd = connected_next(), other = connected();
	union address a;
	socklen_t len = sizeof(a);

	must(getsockname(fd, &a.sa, &len));
	expect(address_same_host(&a, &local_address));
	expect(address_port(&a) != 0);
	expect(address_port(&a) != own_port(other));
	expect_eq(own_port(fd), address_port(&a));
}

static void the_next_speaks_to_its_peer(void)
{
	int fd = connected_next();

	hears_only_the_peer(fd);
	expect(own_port(fd) != 0);
}

static void the_next_can_go_elsewhere(void)
{
	union address a = peer_address;
	int fd = connected_next();

	address_set_port(&a, (uint16_t)atoi(ask(fd, "!closed")));
	must(connect(fd, &a.sa, address_size(&a)));
	must(send(fd, "x", 1, 0));
	expect(wait_for(fd, POLLERR) & POLLERR);
}

static void everybody_is_heard(void)
{
	union address from;
	socklen_t len = sizeof(from);
	int fd = dgram();
	char buf[32];

	must(to_peer(fd, "!other", 6));
	wait_readable(fd);
	expect_eq(recvfrom(fd, buf, sizeof(buf), 0, &from.sa, &len), 5);
	expect(!memcmp(buf, "other", 5));
	expect(address_port(&from) != address_port(&peer_address));
}

static void an_association_ends(void)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	union address a;
	socklen_t len = sizeof(a);
	int fd = connected();

	must(connect(fd, &none, sizeof(none)));
	expect_errno(getpeername(fd, &a.sa, &len), ENOTCONN);
	expect_errno(send(fd, "x", 1, 0), EDESTADDRREQ);
	ask(fd, "!from");
	must(connect(fd, &peer_address.sa, address_size(&peer_address)));
	must(connect(fd, &peer_address.sa, address_size(&peer_address)));
	expect(!strcmp(ask(fd, "!hello"), "hello"));
}

static void this_guest_and_the_peer(void)
{
	union address here = loopback();
	int a = dgram(), b = dgram();
	char buf[16];

	must(bind(b, &here.sa, address_size(&here)));
	address_set_port(&here, local_port(b));
	expect(!strcmp(ask(a, "!hello"), "hello"));
	must(sendto(a, "near", 4, 0, &here.sa, address_size(&here)));
	wait_readable(b);
	expect_eq(recv(b, buf, sizeof(buf), 0), 4);
	address_set_port(&here, local_port(a));
	must(sendto(b, "back", 4, 0, &here.sa, address_size(&here)));
	wait_readable(a);
	expect_eq(recv(a, buf, sizeof(buf), 0), 4);
	expect(!memcmp(buf, "back", 4));
	expect(!strcmp(ask(a, "!hello"), "hello"));
	/* and connected to one of them, then to the other */
	address_set_port(&here, local_port(b));
	must(connect(a, &here.sa, address_size(&here)));
	must(send(a, "near", 4, 0));
	wait_readable(b);
	expect_eq(recv(b, buf, sizeof(buf), 0), 4);
	must(connect(a, &peer_address.sa, address_size(&peer_address)));
	must(send(a, "!hello", 6, 0));
	wait_readable(a);
	expect_eq(recv(a, buf, sizeof(buf), 0), 5);
}

/* ---- errors ---- */

static int refused(void)
{
	union address a = peer_address;
	int fd = dgram();

	/* a port that was free a moment ago */
	address_set_port(&a, (uint16_t)atoi(ask(fd, "!closed")));
	must(connect(fd, &a.sa, address_size(&a)));
	must(send(fd, "x", 1, 0));
	expect(wait_for(fd, POLLIN) & POLLERR);
	return fd;
}

static void refusal_ends_a_receive(void)
{
	int fd = refused();
	char c;

	expect_errno(recv(fd, &c, 1, 0), ECONNREFUSED);
	expect_errno(recv(fd, &c, 1, MSG_DONTWAIT), EAGAIN);
}

static void refusal_is_the_pending_error(void)
{
	int fd = refused(), error = 0;
	socklen_t len = sizeof(error);

	must(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len));
	expect_eq(error, ECONNREFUSED);
}

static void refusal_ends_a_send(void)
{
	int fd = refused();

	expect_errno(send(fd, "x", 1, 0), ECONNREFUSED);
	must(send(fd, "x", 1, 0));
}

static void not_for_datagrams(void)
{
	int fd = connected();

	expect_errno(listen(fd, 1), EOPNOTSUPP);
	expect_errno(accept(fd, NULL, NULL), EOPNOTSUPP);
	if (!ipv6()) /* which takes it for nothing */
		expect_errno(send(fd, "x", 1, MSG_OOB), EOPNOTSUPP);
}

static void bad_memory(void)
{
	int fd = connected();
	char c;

	expect_errno(send(fd, (void *)1, 100, 0), EFAULT);
	must(send(fd, "hello", 5, 0));
	wait_readable(fd);
	expect_errno(recv(fd, (void *)1, 100, 0), EFAULT);
	expect_errno(recv(fd, &c, 1, MSG_DONTWAIT), EAGAIN);
}

/* Of several faults the first one that Linux looks at. */
static void order_of_faults(void)
{
	static char much[70000];
	union address a = peer_address;
	int fd = dgram();

	address_set_port(&a, 0);
	expect_errno(sendto(fd, (void *)1, 100, 0, &a.sa, address_size(&a)),
		     EINVAL);
	expect_errno(sendto(fd, much, sizeof(much), ipv6() ? 0 : MSG_OOB,
			    &peer_address.sa, address_size(&peer_address)),
		     EMSGSIZE);
	expect_errno(connect(fd, &peer_address.sa, 3), EINVAL);
}

/* ---- addresses, once more ---- */

static void own_address(union address *a)
{
	socklen_t len = sizeof(*a);
	int fd = connected();

	must(getsockname(fd, &a->sa, &len));
	address_set_port(a, 0);
	close(fd);
}

/* bind() to one address of IPv6 makes a socket IPV6_V6ONLY. */
static void bound_to_ipv6_alone(void)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
				  .sin_port = htons(9),
				  .sin_addr.s_addr = htonl(0xc0000201) };
	int fd = dgram(), only = 0;
	socklen_t len = sizeof(only);
	union address own;

	if (!ipv6())
		return;
	own_address(&own);
	must(bind(fd, &own.sa, address_size(&own)));
	must(getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &len));
	expect_eq(only, 1);
	only = 0;
	expect_errno(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, len),
		     EINVAL);
	expect_errno(connect(fd, (void *)&v4, sizeof(v4)), EAFNOSUPPORT);
	expect_errno(sendto(fd, "x", 1, 0, (void *)&v4, sizeof(v4)),
		     ENETUNREACH);
}

static void ipv4_does_not_end_ipv6_alone(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET };
	int fd = dgram(), only = 1;

	if (!ipv6())
		return;
	must(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)));
	must(connect(fd, &peer_address.sa, address_size(&peer_address)));
	expect_errno(connect(fd, (void *)&any, sizeof(any)), EAFNOSUPPORT);
	expect_eq(send(fd, "x", 1, 0), 1);
	wait_readable(fd);
}

static void port_0_is_no_peer(void)
{
	union address a = peer_address;
	socklen_t len = sizeof(a);
	int fd = dgram();

	address_set_port(&a, 0);
	must(connect(fd, &a.sa, address_size(&a)));
	expect_errno(getpeername(fd, &a.sa, &len), ENOTCONN);
}

static void a_port_not_asked_for_goes(void)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	int fd = dgram();
	union address own;

	own_address(&own);
	must(bind(fd, &own.sa, address_size(&own)));
	expect(own_port(fd) != 0);
	must(connect(fd, &none, sizeof(none)));
	expect_eq(own_port(fd), 0);
	expect(!strcmp(ask(fd, "!hello"), "hello"));
	expect(own_port(fd) != 0);
}

/* ---- what goes with a datagram ---- */

union control {
	struct cmsghdr align;
	char bytes[256];
};

static struct cmsghdr *receive_with(int fd, union control *control, int level,
				    int type)
{
	static char buf[64];
	struct iovec iov = { buf, sizeof(buf) };
	static struct msghdr msg;
	struct cmsghdr *c;

	msg = (struct msghdr){ .msg_iov = &iov,
			       .msg_iovlen = 1,
			       .msg_control = control,
			       .msg_controllen = sizeof(*control) };
	wait_readable(fd);
	must(recvmsg(fd, &msg, 0));
	for (c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
		if (c->cmsg_level == level && c->cmsg_type == type)
			return c;
	expect(!"the control message is there");
	return NULL;
}

static void option_on(int fd, int level, int name)
{
	int on = 1;

	must(setsockopt(fd, level, name, &on, sizeof(on)));
	on = 0;
	must(getsockopt(fd, level, name, &on, &(socklen_t){ sizeof(on) }));
	expect_eq(on, 1);
}

static void the_address_it_was_sent_to(void)
{
	int fd = dgram();
	union control control;
	struct cmsghdr *c;

	option_on(fd, ipv6() ? IPPROTO_IPV6 : IPPROTO_IP,
		  ipv6() ? IPV6_RECVPKTINFO : IP_PKTINFO);
	must(to_peer(fd, "x", 1));
	c = receive_with(fd, &control, ipv6() ? IPPROTO_IPV6 : IPPROTO_IP,
			 ipv6() ? IPV6_PKTINFO : IP_PKTINFO);
	if (ipv6())
		expect(!memcmp(&((struct in6_pktinfo *)CMSG_DATA(c))->ipi6_addr,
			       &local_address.v6.sin6_addr, 16));
	else
		expect_eq(((struct in_pktinfo *)CMSG_DATA(c))->ipi_addr.s_addr,
			  local_address.v4.sin_addr.s_addr);
}

static ssize_t send_with(int fd, int level, int type, const void *data,
			 size_t len)
{
	union control control = { 0 };
	char text[] = "!marks";
	struct iovec iov = { text, 6 };
	struct msghdr msg = { .msg_name = &peer_address,
			      .msg_namelen = address_size(&peer_address),
			      .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = CMSG_SPACE(len) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), data, len);
	return sendmsg(fd, &msg, 0);
}

/* The marks with which the peer got a datagram: "TOS TTL". */
static void expect_marks(int fd, int tos, int ttl)
{
	char answer[32] = "";
	int got_tos = -1, got_ttl = -1;

	wait_readable(fd);
	must(recv(fd, answer, sizeof(answer) - 1, 0));
	expect_eq(sscanf(answer, "%d %d", &got_tos, &got_ttl), 2);
	expect_eq(got_tos, tos);
	if (ttl)
		expect_eq(got_ttl, ttl);
}

static void marks_of_one_datagram(void)
{
	int fd = dgram(), tos = 0x20, ttl = 9, bad = 300;
	int level = ipv6() ? IPPROTO_IPV6 : IPPROTO_IP;
	int tos_name = ipv6() ? IPV6_TCLASS : IP_TOS;
	int ttl_name = ipv6() ? IPV6_HOPLIMIT : IP_TTL;

	must(send_with(fd, level, tos_name, &tos, sizeof(tos)));
	expect_marks(fd, 0x20, 0);
	must(send_with(fd, level, ttl_name, &ttl, sizeof(ttl)));
	expect_marks(fd, 0, 9);
	expect_errno(send_with(fd, level, ttl_name, &bad, sizeof(bad)),
		     EINVAL);
}

static void marks_of_all_datagrams(void)
{
	int fd = dgram(), tos = 0x20, ttl = 9;
	int level = ipv6() ? IPPROTO_IPV6 : IPPROTO_IP;

	must(to_peer(fd, "!marks", 6));
	expect_marks(fd, 0, 0);
	must(setsockopt(fd, level, ipv6() ? IPV6_TCLASS : IP_TOS, &tos, 4));
	must(setsockopt(fd, level, ipv6() ? IPV6_UNICAST_HOPS : IP_TTL, &ttl,
			4));
	must(to_peer(fd, "!marks", 6));
	expect_marks(fd, 0x20, 9);
}

static void marks_are_received(void)
{
	int fd = dgram(), level = ipv6() ? IPPROTO_IPV6 : IPPROTO_IP;
	union control control;
	struct cmsghdr *c;

	option_on(fd, level, ipv6() ? IPV6_RECVHOPLIMIT : IP_RECVTTL);
	must(to_peer(fd, "x", 1));
	c = receive_with(fd, &control, level, ipv6() ? IPV6_HOPLIMIT : IP_TTL);
	expect_eq(*(int *)CMSG_DATA(c), 64);
}

static void from_a_chosen_address(void)
{
	struct in_pktinfo in = { 0 };
	struct in6_pktinfo in6 = { 0 };
	int fd = dgram();

	in.ipi_spec_dst = local_address.v4.sin_addr;
	in6.ipi6_addr = local_address.v6.sin6_addr;
	if (ipv6())
		must(send_with(fd, IPPROTO_IPV6, IPV6_PKTINFO, &in6,
			       sizeof(in6)));
	else
		must(send_with(fd, IPPROTO_IP, IP_PKTINFO, &in, sizeof(in)));
	expect_marks(fd, 0, 0);
}

static void the_time_of_arrival(void)
{
	int fd = dgram();
	union control control;
	struct timespec now, *ts;
	struct timeval *tv;

	option_on(fd, SOL_SOCKET, SO_TIMESTAMP);
	must(to_peer(fd, "x", 1));
	tv = (void *)CMSG_DATA(
		receive_with(fd, &control, SOL_SOCKET, SCM_TIMESTAMP));
	clock_gettime(CLOCK_REALTIME, &now);
	expect(labs(tv->tv_sec - now.tv_sec) < MINUTE);
	option_on(fd, SOL_SOCKET, SO_TIMESTAMPNS);
	must(to_peer(fd, "x", 1));
	ts = (void *)CMSG_DATA(
		receive_with(fd, &control, SOL_SOCKET, SCM_TIMESTAMPNS));
	expect(labs(ts->tv_sec - now.tv_sec) < MINUTE);
}

static void the_time_of_what_came_before(void)
{
	union control control;
	int fd = connected();
	struct timeval *tv;

	must(send(fd, "x", 1, 0));
	wait_readable(fd);
	option_on(fd, SOL_SOCKET, SO_TIMESTAMP);
	tv = (void *)CMSG_DATA(
		receive_with(fd, &control, SOL_SOCKET, SCM_TIMESTAMP));
	expect(labs(tv->tv_sec - time(NULL)) < MINUTE);
}

static void the_last_arrival(void)
{
	struct timeval tv;
	int fd = connected();

	expect_errno(ioctl(fd, SIOCGSTAMP, &tv), ENOENT);
	ask(fd, "!hello");
	must(ioctl(fd, SIOCGSTAMP, &tv));
	expect(labs(tv.tv_sec - time(NULL)) < MINUTE);
}

static void the_truth_about_itself(void)
{
	int fd = connected(), v = 0;
	socklen_t len = sizeof(v);

	must(getsockopt(fd, SOL_SOCKET, SO_TYPE, &v, &len));
	expect_eq(v, SOCK_DGRAM);
	must(getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &v, &len));
	expect_eq(v, IPPROTO_UDP);
	must(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &v, &len));
	expect_eq(v, peer_address.sa.sa_family);
}

/* ---- waiting ---- */

static void low_water_means_nothing(void)
{
	int fd = connected(), bytes = 1000;

	must(setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof(bytes)));
	must(send(fd, "hello", 5, 0));
	wait_readable(fd);
}

static void *end_soon(void *arg)
{
	pause_ms(100);
	shutdown(*(int *)arg, SHUT_RD);
	return NULL;
}

static void shutdown_wakes_a_receiver(void)
{
	int fd = connected();
	pthread_t thread;
	char c;

	pthread_create(&thread, NULL, end_soon, &fd);
	expect_eq(recv(fd, &c, 1, 0), 0);
	pthread_join(thread, NULL);
}

static void no_sending_after_shutdown(void)
{
	int fd = connected();

	must(shutdown(fd, SHUT_WR));
	expect_errno(send(fd, "x", 1, MSG_NOSIGNAL), EPIPE);
	expect_errno(shutdown(dgram(), SHUT_RDWR), ENOTCONN);
}

static void edges(void)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET }, got;
	int epoll = must(epoll_create1(0)), fd = dgram();
	char buf[8];

	must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev));
	must(connect(fd, &peer_address.sa, address_size(&peer_address)));
	for (int i = 0; i < 3; i++) {
		must(send(fd, "x", 1, 0));
		expect_eq(epoll_wait(epoll, &got, 1, HANG_S * 500), 1);
		if (i == 1)
			continue; /* the next one is told all the same */
		while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
			;
	}
	expect_eq(epoll_wait(epoll, &got, 1, 0), 0);
}

static void blocked_receiver_is_woken(void)
{
	int fd = dgram();
	char buf[8];

	must(to_peer(fd, "!later", 6));
	expect_eq(recv(fd, buf, sizeof(buf), 0), 5);
}

static void a_flood_is_taken(void)
{
	int fd = connected(), full = 0;
	struct pollfd answer = { .fd = fd, .events = POLLIN };
	char data[1000] = "?";

	must(fcntl(fd, F_SETFL, O_NONBLOCK));
	for (int i = 0; i < 3000; i++) {
		if (send(fd, data, sizeof(data), 0) == sizeof(data))
			continue;
		expect_eq(errno, EAGAIN);
		full++;
		expect(wait_for(fd, POLLOUT) & POLLOUT);
	}
	/* and it still works, as soon as the peer has room for a question */
	must(fcntl(fd, F_SETFL, 0));
	do
		must(send(fd, "!hello", 6, 0));
	while (!poll(&answer, 1, ANSWER_MS));
	expect_eq(recv(fd, data, sizeof(data), 0), 5);
	expect(!memcmp(data, "hello", 5));
}

static void a_burst_is_received(void)
{
	int fd = connected();
	char buf[64], want[64];

	must(send(fd, "!burst", 6, 0));
	for (int i = 0; i < 32; i++) {
		wait_readable(fd);
		expect_eq(recv(fd, buf, sizeof(buf), 0), 32);
		snprintf(want, sizeof(want), "%032d", i);
		expect(!memcmp(buf, want, 32));
	}
}

static void children_share_it(void)
{
	int fd = connected(), pid = must(fork());

	if (!pid) {
		must(send(fd, "hello", 5, 0));
		_exit(0);
	}
	wait_readable(fd);
	expect_eq(wait_child(pid), 0);
}

static void closing_sends_what_was_sent(void)
{
	int fd = connected(), other = dgram();
	char text[32];

	must(to_peer(other, "!mailbox", 8));
	snprintf(text, sizeof(text), "!mail hello");
	wait_readable(other);
	must(recv(other, text + 16, 2, 0));
	must(send(fd, text, 11, 0));
	close(fd);
	wait_readable(other);
	expect_eq(recv(other, text, sizeof(text), 0), 5);
}

const struct check dgram_checks[] = {
	{ "udp: echo, not connected", echo_unconnected },
	{ "udp: echo, connected", echo_connected },
	{ "udp: an empty datagram", empty_datagram },
	{ "udp: the largest datagram", largest_datagram },
	{ "udp: many sizes", many_sizes },
	{ "udp: sendmmsg, recvmmsg", several_at_once },
	{ "udp: pieces are one datagram", pieces_are_one_datagram },
	{ "udp: what does not fit is cut", what_does_not_fit_is_cut },
	{ "udp: how much is there", how_much_is_there },
	{ "udp: nothing is there", nothing_is_there },
	{ "udp: nowhere to go", nowhere_to_go },
	{ "udp: a bound port stays", a_bound_port_stays },
	{ "udp: a port comes with sending", a_port_comes_with_sending },
	{ "udp: a send in vain gives a port", a_send_in_vain_gives_a_port },
	{ "udp: what came before connect stays",
	  what_came_before_connect_stays },
	{ "udp: two cannot have one port", two_cannot_have_one_port },
	{ "udp: own address can be bound", own_address_can_be_bound },
	{ "udp: only the peer is heard", only_the_peer_is_heard },
	{ "udp: the next knows its address", the_next_knows_its_address },
	{ "udp: the next speaks to its peer", the_next_speaks_to_its_peer },
	{ "udp: the next can go elsewhere", the_next_can_go_elsewhere },
	{ "udp: everybody is heard", everybody_is_heard },
	{ "udp: an association ends", an_association_ends },
	{ "udp: this guest and the peer", this_guest_and_the_peer },
	{ "udp: refusal ends a receive", refusal_ends_a_receive },
	{ "udp: refusal is the pending error", refusal_is_the_pending_error },
	{ "udp: refusal ends a send", refusal_ends_a_send },
	{ "udp: not for datagrams", not_for_datagrams },
	{ "udp: bad memory", bad_memory },
	{ "udp: the order of faults", order_of_faults },
	{ "udp: bound to IPv6 alone", bound_to_ipv6_alone },
	{ "udp: IPv4 does not end IPv6 alone",
	  ipv4_does_not_end_ipv6_alone },
	{ "udp: port 0 is no peer", port_0_is_no_peer },
	{ "udp: a port not asked for goes", a_port_not_asked_for_goes },
	{ "udp: the address it was sent to", the_address_it_was_sent_to },
	{ "udp: marks of one datagram", marks_of_one_datagram },
	{ "udp: marks of all datagrams", marks_of_all_datagrams },
	{ "udp: marks are received", marks_are_received },
	{ "udp: from a chosen address", from_a_chosen_address },
	{ "udp: the time of arrival", the_time_of_arrival },
	{ "udp: the time of what came before", the_time_of_what_came_before },
	{ "udp: the last arrival", the_last_arrival },
	{ "udp: the truth about itself", the_truth_about_itself },
	{ "udp: low water means nothing", low_water_means_nothing },
	{ "udp: shutdown wakes a receiver", shutdown_wakes_a_receiver },
	{ "udp: no sending after shutdown", no_sending_after_shutdown },
	{ "udp: edges", edges },
	{ "udp: a blocked receiver is woken", blocked_receiver_is_woken },
	{ "udp: a flood is taken", a_flood_is_taken },
	{ "udp: a burst is received", a_burst_is_received },
	{ "udp: children share it", children_share_it },
	{ "udp: closing sends what was sent", closing_sends_what_was_sent },
	{ 0 },
};
