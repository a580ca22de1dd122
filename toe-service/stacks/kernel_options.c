/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel_options.h"

#define PRIORITY_MAX 6 /* above this Linux asks for CAP_NET_ADMIN */

struct option {
	int level;
	int name;
	uint32_t min_len; /* bytes of a value that is set; 0: get only */
	uint32_t max_len;
	int min, max; /* of the int at the value's start */
};

#define ANY INT_MIN, INT_MAX
/* an int; "...": its range */
#define OPTION(level, name, ...)                                               \
	{                                                                      \
		level, name, sizeof(int), sizeof(int), __VA_ARGS__             \
	}

/*
 * Not here, on purpose: what belongs to the guest's own socket (SO_LINGER,
 * SO_ERROR, SO_RCVTIMEO, …), what reaches beyond the connection (SO_MARK,
 * SO_BINDTODEVICE, IP_TRANSPARENT, filters, TCP_REPAIR, TCP_ULP, TCP_MD5SIG),
 * and SO_OOBINLINE: urgent data is not carried.
 */
static const struct option options[] = {
	OPTION(SOL_SOCKET, SO_KEEPALIVE, ANY),
	OPTION(SOL_SOCKET, SO_REUSEADDR, ANY),
	OPTION(SOL_SOCKET, SO_REUSEPORT, ANY),
	OPTION(SOL_SOCKET, SO_SNDBUF, ANY),
	OPTION(SOL_SOCKET, SO_RCVBUF, ANY),
	OPTION(SOL_SOCKET, SO_PRIORITY, 0, PRIORITY_MAX),
	OPTION(SOL_SOCKET, SO_BROADCAST, ANY),
	OPTION(SOL_SOCKET, SO_TIMESTAMPNS, ANY),
	OPTION(IPPROTO_TCP, TCP_NODELAY, ANY),
	OPTION(IPPROTO_TCP, TCP_MAXSEG, ANY),
	OPTION(IPPROTO_TCP, TCP_CORK, ANY),
	OPTION(IPPROTO_TCP, TCP_KEEPIDLE, ANY),
	OPTION(IPPROTO_TCP, TCP_KEEPINTVL, ANY),
	OPTION(IPPROTO_TCP, TCP_KEEPCNT, ANY),
	OPTION(IPPROTO_TCP, TCP_SYNCNT, ANY),
	OPTION(IPPROTO_TCP, TCP_LINGER2, ANY),
	OPTION(IPPROTO_TCP, TCP_DEFER_ACCEPT, ANY),
	OPTION(IPPROTO_TCP, TCP_WINDOW_CLAMP, ANY),
	OPTION(IPPROTO_TCP, TCP_QUICKACK, ANY),
	OPTION(IPPROTO_TCP, TCP_USER_TIMEOUT, ANY),
	OPTION(IPPROTO_TCP, TCP_NOTSENT_LOWAT, ANY),
	{IPPROTO_TCP, TCP_CONGESTION, 1, 16, ANY},
	{IPPROTO_TCP, TCP_INFO, 0, 0, ANY},
	{IPPROTO_IP, IP_TOS, 1, sizeof(int), ANY},
	OPTION(IPPROTO_IP, IP_TTL, ANY),
	OPTION(IPPROTO_IP, IP_MTU_DISCOVER, ANY),
	OPTION(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, ANY),
	{IPPROTO_IP, IP_MTU, 0, 0, ANY},
	OPTION(IPPROTO_IP, IP_PKTINFO, ANY),
	OPTION(IPPROTO_IP, IP_RECVTOS, ANY),
	OPTION(IPPROTO_IP, IP_RECVTTL, ANY),
	OPTION(IPPROTO_IPV6, IPV6_V6ONLY, ANY),
	OPTION(IPPROTO_IPV6, IPV6_TCLASS, ANY),
	OPTION(IPPROTO_IPV6, IPV6_UNICAST_HOPS, ANY),
	OPTION(IPPROTO_IPV6, IPV6_MTU_DISCOVER, ANY),
	{IPPROTO_IPV6, IPV6_MTU, 0, 0, ANY},
	OPTION(IPPROTO_IPV6, IPV6_RECVPKTINFO, ANY),
	OPTION(IPPROTO_IPV6, IPV6_RECVTCLASS, ANY),
	OPTION(IPPROTO_IPV6, IPV6_RECVHOPLIMIT, ANY),
};

static const struct option *find(int family, int level, int name)
{
	size_t i;

	if (level == IPPROTO_IPV6 && family != AF_INET6)
		return NULL;
	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (options[i].level == level && options[i].name == name)
			return &options[i];
	return NULL;
}

int kernel_option_set_ok(int family, int level, int name, const void *value,
			 uint32_t len)
{
	const struct option *o = find(family, level, name);
	int number;

	if (!o || !o->max_len)
		return -ENOPROTOOPT;
	if (len < o->min_len)
		return -EINVAL;
	if (o->min == INT_MIN)
		return 0;
	memcpy(&number, value, sizeof(number));
	return number < o->min || number > o->max ? -EPERM : 0;
}

int kernel_option_get_ok(int family, int level, int name)
{
	return find(family, level, name) ? 0 : -ENOPROTOOPT;
}
