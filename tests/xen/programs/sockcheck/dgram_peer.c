/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dgram_peer.c - the datagram server on the peer's port.
 *
 * Sends back what it gets, but for:
 *
 *	?...		nothing
 *	!hello		"hello"
 *	!later		"later", after a while
 *	!from		the sender's port
 *	!other		"other", from another port
 *	!closed		a port where nobody listens
 *	!marks		TOS and TTL of the datagram
 *	!burst		32 numbered datagrams of 32 bytes
 *	!mailbox	"ok", and from then on "!mail TEXT" of anybody's to the sender
 */
#include <stdio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "sockcheck.h"

#define LATER_MS 200
#define BURST	 32

struct datagram {
	char data[65536];
	size_t len;
	union address from;
	int tos, ttl;
};

static union address mailbox;

static void reply(int fd, const struct datagram *d, const char *text,
		  size_t len)
{
	sendto(fd, text, len, 0, &d->from.sa, address_size(&d->from));
}

static void say_number(int fd, const struct datagram *d, int n)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", n);
	reply(fd, d, text, strlen(text));
}

static void say_other(const struct datagram *d)
{
	int fd = socket(d->from.sa.sa_family, SOCK_DGRAM, 0);

	reply(fd, d, "other", 5);
	close(fd);
}

static int closed_port(const union address *at)
{
	union address a = *at;
	int fd = socket(a.sa.sa_family, SOCK_DGRAM, 0), port;

	address_set_port(&a, 0);
	if (bind(fd, &a.sa, address_size(&a)))
		_exit(1);
	port = local_port(fd);
	close(fd);
	return port;
}

static void say_burst(int fd, const struct datagram *d)
{
	char text[BURST + 1];

	for (int i = 0; i < BURST; i++) {
		snprintf(text, sizeof(text), "%032d", i);
		reply(fd, d, text, BURST);
	}
}

static bool is(const struct datagram *d, const char *command)
{
	return d->len == strlen(command) && !memcmp(d->data, command, d->len);
}

static void obey(int fd, const union address *at, const struct datagram *d)
{
	char text[32];

	if (d->len && d->data[0] == '?') {
		return;
	} else if (is(d, "!hello")) {
		reply(fd, d, "hello", 5);
	} else if (is(d, "!later")) {
		pause_ms(LATER_MS);
		reply(fd, d, "later", 5);
	} else if (is(d, "!from")) {
		say_number(fd, d, address_port(&d->from));
	} else if (is(d, "!other")) {
		say_other(d);
	} else if (is(d, "!closed")) {
		say_number(fd, d, closed_port(at));
	} else if (is(d, "!marks")) {
		snprintf(text, sizeof(text), "%d %d", d->tos, d->ttl);
		reply(fd, d, text, strlen(text));
	} else if (is(d, "!burst")) {
		say_burst(fd, d);
	} else if (is(d, "!mailbox")) {
		mailbox = d->from;
		reply(fd, d, "ok", 2);
	} else if (d->len > 6 && !memcmp(d->data, "!mail ", 6)) {
		sendto(fd, d->data + 6, d->len - 6, 0, &mailbox.sa,
		       address_size(&mailbox));
	} else {
		reply(fd, d, d->data, d->len);
	}
}

static void take_marks(struct datagram *d, struct msghdr *msg)
{
	struct cmsghdr *c;

	d->tos = d->ttl = -1;
	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_type == IP_TOS && c->cmsg_level == IPPROTO_IP)
			d->tos = *CMSG_DATA(c);
		else if (c->cmsg_type == IPV6_TCLASS &&
			 c->cmsg_level == IPPROTO_IPV6)
			memcpy(&d->tos, CMSG_DATA(c), sizeof(int));
		else if (c->cmsg_type == IP_TTL || c->cmsg_type == IPV6_HOPLIMIT)
			memcpy(&d->ttl, CMSG_DATA(c), sizeof(int));
	}
}

static bool get(int fd, struct datagram *d)
{
	char control[256];
	struct iovec iov = { d->data, sizeof(d->data) };
	struct msghdr msg = { .msg_name = &d->from,
			      .msg_namelen = sizeof(d->from),
			      .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &msg, 0);

	d->len = n < 0 ? 0 : (size_t)n;
	take_marks(d, &msg);
	return n >= 0;
}

void peer_dgram_server(const union address *at)
{
	int fd = must(socket(at->sa.sa_family, SOCK_DGRAM, 0)), one = 1;
	bool v6 = at->sa.sa_family == AF_INET6;
	static struct datagram d;

	must(setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP,
			v6 ? IPV6_RECVTCLASS : IP_RECVTOS, &one, sizeof(one)));
	must(setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP,
			v6 ? IPV6_RECVHOPLIMIT : IP_RECVTTL, &one,
			sizeof(one)));
	must(bind(fd, &at->sa, address_size(at)));
	if (fork())
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		if (get(fd, &d))
			obey(fd, at, &d);
}
