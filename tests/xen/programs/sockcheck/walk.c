/* SPDX-License-Identifier: GPL-2.0 */
/*
 * walk.c - every socket option, set and read wherever it can be.
 *
 * "sockcheck walk PEER PORT" prints what happens, a line each, and judges
 * nothing: whoever runs it natively and through vtoe compares the lines.
 *
 *	option SOL_SOCKET SO_KEEPALIVE TOLD	one of frontend/module/option_list.h
 *	SO_KEEPALIVE fresh get: ok 4 00000000	on a new socket: length, value
 *	SO_KEEPALIVE fresh set: ok
 *	SO_KEEPALIVE replayed get: …		the same socket, connected
 *	SO_KEEPALIVE connected …		one that was connected before
 *	SO_KEEPALIVE bound …, any …		listeners, at our address or at all
 *	SO_KEEPALIVE accepted get: …		set before listen()
 *
 * Values that are never the same twice are not printed.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/in6.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "sockcheck.h"

#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE 51
#endif

enum { STREAM, DGRAM, BOTH };
enum kind { REFUSED, CARRIED, READ, TOLD, KEPT, NATIVE };

static const struct option {
	int types, level, name;
	enum kind kind;
	const char *level_text, *text, *kind_text;
} options[] = {
#define X(types, level, name, kind) \
	{ types, level, name, kind, #level, #name, #kind },
#include "../../../../frontend/module/option_list.h"
#undef X
};

#define VALUE_MAX 512

struct value {
	socklen_t len;
	char bytes[VALUE_MAX];
};

static const struct {
	int level, name, value;
} numbers[] = {
	{ SOL_SOCKET, SO_SNDBUF, 50000 },
	{ SOL_SOCKET, SO_RCVBUF, 50000 },
	{ SOL_SOCKET, SO_SNDBUFFORCE, 60000 },
	{ SOL_SOCKET, SO_RCVBUFFORCE, 60000 },
	{ SOL_SOCKET, SO_PRIORITY, 5 },
	{ SOL_SOCKET, SO_RCVLOWAT, 9 },
	{ SOL_SOCKET, SO_MARK, 7 },
	{ SOL_SOCKET, SO_MAX_PACING_RATE, 10000000 },
	{ IPPROTO_TCP, TCP_MAXSEG, 700 },
	{ IPPROTO_TCP, TCP_KEEPIDLE, 77 },
	{ IPPROTO_TCP, TCP_KEEPINTVL, 11 },
	{ IPPROTO_TCP, TCP_KEEPCNT, 5 },
	{ IPPROTO_TCP, TCP_SYNCNT, 3 },
	{ IPPROTO_TCP, TCP_LINGER2, 20 },
	{ IPPROTO_TCP, TCP_DEFER_ACCEPT, 10 },
	{ IPPROTO_TCP, TCP_WINDOW_CLAMP, 30000 },
	{ IPPROTO_TCP, TCP_USER_TIMEOUT, 5000 },
	{ IPPROTO_TCP, TCP_NOTSENT_LOWAT, 20000 },
	{ IPPROTO_TCP, TCP_FASTOPEN, 5 },
	{ IPPROTO_IP, IP_TOS, 0x10 },
	{ IPPROTO_IP, IP_TTL, 33 },
	{ IPPROTO_IP, IP_MTU_DISCOVER, 2 },
	{ IPPROTO_IP, IP_LOCAL_PORT_RANGE, 40000 | 50000 << 16 },
	{ IPPROTO_IP, IP_MINTTL, 20 },
	{ IPPROTO_IPV6, IPV6_TCLASS, 0x20 },
	{ IPPROTO_IPV6, IPV6_UNICAST_HOPS, 33 },
	{ IPPROTO_IPV6, IPV6_MTU_DISCOVER, 2 },
	{ IPPROTO_IPV6, IPV6_MINHOPCOUNT, 20 },
	{ IPPROTO_IPV6, IPV6_ADDR_PREFERENCES, 2 },
};

/* Differ from socket to socket, or from path to path, as they should. */
static const struct {
	int level, name;
} unsteady[] = {
	{ SOL_SOCKET, SO_PEERNAME },	  { SOL_SOCKET, SO_COOKIE },
	{ SOL_SOCKET, SO_MEMINFO },	  { SOL_SOCKET, SO_INCOMING_NAPI_ID },
	{ SOL_SOCKET, SO_INCOMING_CPU },  { IPPROTO_TCP, TCP_INFO },
	{ IPPROTO_TCP, TCP_CC_INFO },	  { IPPROTO_IP, IP_MTU },
	{ IPPROTO_IPV6, IPV6_MTU },	  { IPPROTO_TCP, TCP_QUICKACK },
	{ IPPROTO_TCP, TCP_ZEROCOPY_RECEIVE },
};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static void put(struct value *v, const void *bytes, size_t len)
{
	v->len = (socklen_t)len;
	memcpy(v->bytes, bytes, len);
}

static void put_int(struct value *v, int number)
{
	put(v, &number, sizeof(number));
}

/* What SOL_SOCKET's options want that is no number. */
static bool good_structure(int name, struct value *v)
{
	static struct sock_filter pass = BPF_STMT(BPF_RET | BPF_K, 0xffffffff);
	struct sock_fprog program = { 1, &pass };
	struct linger linger = { 1, 7 };
	struct timeval time = { 3, 500000 };

	switch (name) {
	case SO_LINGER:
		put(v, &linger, sizeof(linger));
		return true;
	case SO_RCVTIMEO_OLD:
	case SO_SNDTIMEO_OLD:
	case SO_RCVTIMEO_NEW:
	case SO_SNDTIMEO_NEW:
		put(v, &time, sizeof(time));
		return true;
	case SO_ATTACH_FILTER:
	case SO_ATTACH_REUSEPORT_CBPF:
		put(v, &program, sizeof(program));
		return true;
	case SO_BINDTODEVICE:
		put(v, "lo", 3);
		return true;
	default:
		return false;
	}
}

static void good_value(const struct option *o, struct value *v)
{
	if (o->level == SOL_SOCKET && good_structure(o->name, v))
		return;
	if (o->level == IPPROTO_TCP && o->name == TCP_CONGESTION) {
		put(v, "reno", 4);
		return;
	}
	for (size_t i = 0; i < LENGTH(numbers); i++) {
		if (numbers[i].level == o->level &&
		    numbers[i].name == o->name) {
			put_int(v, numbers[i].value);
			return;
		}
	}
	put_int(v, 1);
}

static bool steady(const struct option *o)
{
	for (size_t i = 0; i < LENGTH(unsteady); i++)
		if (unsteady[i].level == o->level &&
		    unsteady[i].name == o->name)
			return false;
	return true;
}

static bool names_device(const struct option *o)
{
	return o->level == SOL_SOCKET &&
	       (o->name == SO_BINDTODEVICE || o->name == SO_BINDTOIFINDEX);
}

/* ---- saying ---- */

static void say_result(const struct option *o, const char *where,
		       const char *what, int result)
{
	printf("%s %s %s: %s\n", o->text, where, what,
	       result < 0 ? strerrorname_np(errno) : "ok");
}

static void say_get(const struct option *o, const char *where, int fd)
{
	struct value v = { .len = sizeof(v.bytes) };

	if (getsockopt(fd, o->level, o->name, v.bytes, &v.len)) {
		say_result(o, where, "get", -1);
		return;
	}
	printf("%s %s get: ok", o->text, where);
	if (steady(o)) {
		printf(" %u ", v.len);
		for (socklen_t i = 0; i < v.len && i < 32; i++)
			printf("%02x", (unsigned char)v.bytes[i]);
	}
	putchar('\n');
}

static int say_set(const struct option *o, const char *where, int fd)
{
	struct value v;
	int result;

	good_value(o, &v);
	result = setsockopt(fd, o->level, o->name, v.bytes, v.len);
	say_result(o, where, "set", result);
	return result;
}

static void say_all(const struct option *o, const char *where, int fd)
{
	say_get(o, where, fd);
	if (!say_set(o, where, fd))
		say_get(o, where, fd);
}

/* ---- what must fail, or surprise ---- */

static void bad_set(const struct option *o, const char *where, int fd,
		    const char *what, const void *value, int len)
{
	char text[64];

	snprintf(text, sizeof(text), "set %s", what);
	say_result(o, where, text,
		   setsockopt(fd, o->level, o->name, value, (socklen_t)len));
}

static void bad_get(const struct option *o, const char *where, int fd,
		    const char *what, void *value, int len, bool no_len)
{
	socklen_t n = (socklen_t)len;
	int result = getsockopt(fd, o->level, o->name, value,
				no_len ? NULL : &n);

	printf("%s %s get %s: %s", o->text, where, what,
	       result < 0 ? strerrorname_np(errno) : "ok");
	if (!result)
		printf(" %d", (int)n);
	putchar('\n');
}

static void bad_values(const struct option *o, const char *where, int fd)
{
	static const int values[] = { -1, 0x7fffffff, (int)0x80000000, 0 };
	char large[VALUE_MAX] = { 1 };

	bad_set(o, where, fd, "nothing", large, 0);
	bad_set(o, where, fd, "1 byte", large, 1);
	bad_set(o, where, fd, "3 bytes", large, 3);
	bad_set(o, where, fd, "512 bytes", large, sizeof(large));
	bad_set(o, where, fd, "length -1", large, -1);
	bad_set(o, where, fd, "NULL", NULL, 4);
	bad_set(o, where, fd, "NULL of 1 byte", NULL, 1);
	bad_set(o, where, fd, "wild pointer", (void *)8, 4);
	for (size_t i = 0; i < LENGTH(values); i++) {
		char text[16];

		snprintf(text, sizeof(text), "%d", values[i]);
		bad_set(o, where, fd, text, &values[i], sizeof(values[i]));
	}
	bad_get(o, where, fd, "nothing", large, 0, false);
	bad_get(o, where, fd, "1 byte", large, 1, false);
	bad_get(o, where, fd, "3 bytes", large, 3, false);
	bad_get(o, where, fd, "length -1", large, -1, false);
	bad_get(o, where, fd, "to NULL", NULL, 4, false);
	bad_get(o, where, fd, "without length", large, 4, true);
}

/* ---- where ---- */

static int bound_listener(const union address *at)
{
	int fd = must(new_socket(0));

	must(bind(fd, &at->sa, address_size(at)));
	return fd;
}

static void walk_fresh(const struct option *o)
{
	int fd = must(new_socket(0)), result;

	say_all(o, "fresh", fd);
	if (!names_device(o)) { /* nobody answers at "lo" */
		result = connect_to(fd, 0);
		say_result(o, "replayed", "connect", result);
		if (!result)
			say_get(o, "replayed", fd);
	}
	close(fd);
}

static void walk_connected(const struct option *o)
{
	int fd = peer("hold");

	say_all(o, "connected", fd);
	bad_values(o, "connected", fd);
	close(fd);
}

static void walk_listener(const struct option *o, const char *where,
			  const union address *at)
{
	int fd = bound_listener(at);

	must(listen(fd, 4));
	say_all(o, where, fd);
	close(fd);
}

static void walk_accepted(const struct option *o)
{
	union address any = { .sa.sa_family = peer_address.sa.sa_family };
	int l = bound_listener(&any), fd, control;

	if (!say_set(o, "accepted", l)) {
		must(listen(l, 4));
		control = peer("dial %u half 1", local_port(l));
		fd = must(accept(l, NULL, NULL));
		say_get(o, "accepted", fd);
		close(fd);
		close(control);
	}
	close(l);
}

static void walk(const struct option *o)
{
	union address any = { .sa.sa_family = peer_address.sa.sa_family };
	int fd;

	printf("option %s %s %s\n", o->level_text, o->text, o->kind_text);
	walk_fresh(o);
	fd = must(new_socket(0));
	bad_values(o, "fresh", fd);
	close(fd);
	walk_connected(o);
	walk_listener(o, "bound", &local_address);
	walk_listener(o, "any", &any);
	if (o->kind != NATIVE)
		walk_accepted(o);
}

int walk_options(void)
{
	for (size_t i = 0; i < LENGTH(options); i++)
		if (options[i].types != DGRAM)
			walk(&options[i]);
	puts("walked");
	return 0;
}
