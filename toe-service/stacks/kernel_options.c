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

#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE 51 /* Linux 6.3, and Debian's 6.1 */
#endif

struct option {
	int level;
	int name;
	bool set;     /* or to be read only */
	int min, max; /* of the int at the value's start */
};

#define ANY INT_MIN, INT_MAX

/*
 * Lengths are dom0's kernel's to check, so that a guest's program gets the
 * kernel's own error.
 *
 * Not here, on purpose: what belongs to the guest's own socket (SO_LINGER,
 * SO_ERROR, SO_RCVTIMEO, …), and what reaches beyond the connection (SO_MARK,
 * SO_BINDTODEVICE, IP_TRANSPARENT, filters, TCP_REPAIR, TCP_ULP, TCP_MD5SIG).
 */
static const struct option options[] = {
	{SOL_SOCKET, SO_KEEPALIVE, true, ANY},
	{SOL_SOCKET, SO_REUSEADDR, true, ANY},
	{SOL_SOCKET, SO_REUSEPORT, true, ANY},
	{SOL_SOCKET, SO_DONTROUTE, true, ANY},
	{SOL_SOCKET, SO_OOBINLINE, true, ANY},
	{SOL_SOCKET, SO_SNDBUF, true, ANY},
	{SOL_SOCKET, SO_RCVBUF, true, ANY},
	{SOL_SOCKET, SO_PRIORITY, true, 0, PRIORITY_MAX},
	{SOL_SOCKET, SO_MAX_PACING_RATE, true, ANY},
	{SOL_SOCKET, SO_BROADCAST, true, ANY},
	{SOL_SOCKET, SO_TIMESTAMPNS, true, ANY},
	{IPPROTO_TCP, TCP_NODELAY, true, ANY},
	{IPPROTO_TCP, TCP_MAXSEG, true, ANY},
	{IPPROTO_TCP, TCP_CORK, true, ANY},
	{IPPROTO_TCP, TCP_KEEPIDLE, true, ANY},
	{IPPROTO_TCP, TCP_KEEPINTVL, true, ANY},
	{IPPROTO_TCP, TCP_KEEPCNT, true, ANY},
	{IPPROTO_TCP, TCP_SYNCNT, true, ANY},
	{IPPROTO_TCP, TCP_LINGER2, true, ANY},
	{IPPROTO_TCP, TCP_DEFER_ACCEPT, true, ANY},
	{IPPROTO_TCP, TCP_WINDOW_CLAMP, true, ANY},
	{IPPROTO_TCP, TCP_QUICKACK, true, ANY},
	{IPPROTO_TCP, TCP_USER_TIMEOUT, true, ANY},
	{IPPROTO_TCP, TCP_NOTSENT_LOWAT, true, ANY},
	{IPPROTO_TCP, TCP_CONGESTION, true, ANY},
	{IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, true, ANY},
	{IPPROTO_TCP, TCP_FASTOPEN, true, ANY},
	{IPPROTO_TCP, TCP_INFO, false, ANY},
	{IPPROTO_TCP, TCP_CC_INFO, false, ANY},
	{IPPROTO_IP, IP_TOS, true, ANY},
	{IPPROTO_IP, IP_TTL, true, ANY},
	{IPPROTO_IP, IP_MTU_DISCOVER, true, ANY},
	{IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, true, ANY},
	{IPPROTO_IP, IP_LOCAL_PORT_RANGE, true, ANY},
	{IPPROTO_IP, IP_MINTTL, true, ANY},
	{IPPROTO_IP, IP_MTU, false, ANY},
	{IPPROTO_IP, IP_PKTINFO, true, ANY},
	{IPPROTO_IP, IP_RECVTOS, true, ANY},
	{IPPROTO_IP, IP_RECVTTL, true, ANY},
	{IPPROTO_IPV6, IPV6_V6ONLY, true, ANY},
	{IPPROTO_IPV6, IPV6_TCLASS, true, ANY},
	{IPPROTO_IPV6, IPV6_UNICAST_HOPS, true, ANY},
	{IPPROTO_IPV6, IPV6_MTU_DISCOVER, true, ANY},
	{IPPROTO_IPV6, IPV6_MINHOPCOUNT, true, ANY},
	{IPPROTO_IPV6, IPV6_ADDR_PREFERENCES, true, ANY},
	{IPPROTO_IPV6, IPV6_MTU, false, ANY},
	{IPPROTO_IPV6, IPV6_RECVPKTINFO, true, ANY},
	{IPPROTO_IPV6, IPV6_RECVTCLASS, true, ANY},
	{IPPROTO_IPV6, IPV6_RECVHOPLIMIT, true, ANY},
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

	if (!o || !o->set)
		return -ENOPROTOOPT;
	if (o->min == INT_MIN || len < sizeof(number))
		return 0;
	memcpy(&number, value, sizeof(number));
	return number < o->min || number > o->max ? -EPERM : 0;
}

int kernel_option_get_ok(int family, int level, int name)
{
	return find(family, level, name) ? 0 : -ENOPROTOOPT;
}
