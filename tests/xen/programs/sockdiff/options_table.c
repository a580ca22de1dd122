/* SPDX-License-Identifier: GPL-2.0 */
/*
 * options_table.c - the socket options that sessions set and get.
 *
 * The values keep a session's calls from blocking in one world only: buffers
 * are never small. tests/xen/programs/sockcheck walks options for their own
 * sake.
 */
#include <netinet/tcp.h>
#include <netinet/udp.h>

#include "call.h"
#include "sockdiff.h"

#ifndef TCP_NOTSENT_LOWAT
#define TCP_NOTSENT_LOWAT 25
#endif

#define ENTRY(name_, level_, opt_, values_, ...)                               \
	{                                                                      \
		.name = name_, .level = level_, .opt = opt_,                   \
		.size = sizeof(int), .value = values_, __VA_ARGS__             \
	}
#define VALUES(...) { __VA_ARGS__ }
#define INT(level, opt, ...) ENTRY(#opt, level, opt, VALUES(__VA_ARGS__))
#define REFUSED(level, opt, ...)                                               \
	ENTRY(#opt, level, opt, VALUES(__VA_ARGS__), .refused = true)
#define VAGUE(level, opt, ...)                                                 \
	ENTRY(#opt, level, opt, VALUES(__VA_ARGS__), .vague = true)
#define SIZED(level_, opt_, size_, ...)                                        \
	{                                                                      \
		.name = #opt_, .level = level_, .opt = opt_, .size = size_,    \
		.value = VALUES(__VA_ARGS__)                                   \
	}
#define DGRAM(level, opt, ...)                                                 \
	ENTRY(#opt, level, opt, VALUES(__VA_ARGS__), .type = SOCK_DGRAM)
#define DGRAM_REFUSED(level, opt, ...)                                         \
	ENTRY(#opt, level, opt, VALUES(__VA_ARGS__), .type = SOCK_DGRAM,       \
	      .refused = true)

const struct sockopt sockopts[] = {
	INT(SOL_SOCKET, SO_DEBUG, 0, 1, 0, 0),
	INT(SOL_SOCKET, SO_REUSEADDR, 1, 0, 1, 7),
	INT(SOL_SOCKET, SO_REUSEPORT, 1, 0, 1, 1),
	INT(SOL_SOCKET, SO_TYPE, 1, 2, 3, 4),
	INT(SOL_SOCKET, SO_PROTOCOL, 1, 2, 3, 4),
	INT(SOL_SOCKET, SO_DOMAIN, 1, 2, 3, 4),
	INT(SOL_SOCKET, SO_ERROR, 1, 2, 3, 4),
	INT(SOL_SOCKET, SO_ACCEPTCONN, 1, 2, 3, 4),
	INT(SOL_SOCKET, SO_DONTROUTE, 0, 0, 0, 0),
	INT(SOL_SOCKET, SO_BROADCAST, 0, 1, 1, 0),
	INT(SOL_SOCKET, SO_KEEPALIVE, 0, 1, 1, -1),
	REFUSED(SOL_SOCKET, SO_OOBINLINE, 0, 1, 0, 0),
	INT(SOL_SOCKET, SO_PRIORITY, 0, 3, 6, 7),
	INT(SOL_SOCKET, SO_RCVLOWAT, 1, 1, 1, 50),
	INT(SOL_SOCKET, SO_SNDLOWAT, 1, 1, 1, 50),
	ENTRY("SO_PEEK_OFF", SOL_SOCKET, SO_PEEK_OFF, VALUES(-1, 0, 3, -1),
	      .refused_dgram = true),
	VAGUE(SOL_SOCKET, SO_SNDBUF, 65536, 131072, 100000, 65536),
	VAGUE(SOL_SOCKET, SO_RCVBUF, 65536, 131072, 100000, 65536),
	INT(SOL_SOCKET, 9999, 0, 1, 2, 3),
	SIZED(SOL_SOCKET, SO_LINGER, 8, 0, 1, 2, 0),
	SIZED(SOL_SOCKET, SO_RCVTIMEO, 16, 0, 20, 20, 0),
	SIZED(SOL_SOCKET, SO_SNDTIMEO, 16, 0, 20, 20, 0),
	INT(IPPROTO_TCP, TCP_NODELAY, 0, 1, 1, 5),
	INT(IPPROTO_TCP, TCP_KEEPIDLE, 1, 100, 0, 40000),
	INT(IPPROTO_TCP, TCP_KEEPINTVL, 1, 100, 0, 40000),
	INT(IPPROTO_TCP, TCP_KEEPCNT, 1, 100, 0, 1000),
	INT(IPPROTO_TCP, TCP_SYNCNT, 1, 5, 0, 1000),
	INT(IPPROTO_TCP, TCP_LINGER2, 10, -1, 0, 1000),
	INT(IPPROTO_TCP, TCP_QUICKACK, 1, 1, 1, 1),
	INT(IPPROTO_TCP, TCP_USER_TIMEOUT, 0, 30000, -1, 60000),
	INT(IPPROTO_TCP, TCP_NOTSENT_LOWAT, 100000, 200000, -1, 100000),
	VAGUE(IPPROTO_TCP, TCP_MAXSEG, 1000, 5, 1200, 70000),
	INT(IPPROTO_TCP, 999, 0, 1, 2, 3),
	{ .name = "TCP_CONGESTION",
	  .level = IPPROTO_TCP,
	  .opt = TCP_CONGESTION,
	  .size = SIZE_NAME,
	  .value = { 0, 1, 2, 1 },
	  .vague = true },
	INT(IPPROTO_IP, IP_TOS, 0, 16, 8, 300),
	INT(IPPROTO_IP, IP_TTL, 64, 10, 0, 300),
	INT(IPPROTO_IP, IP_MTU_DISCOVER, 0, 1, 2, 9),
	INT(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 0, 0, 0, 0),
	INT(IPPROTO_IPV6, IPV6_V6ONLY, 0, 1, 0, 1),
	INT(IPPROTO_IPV6, IPV6_TCLASS, 0, 16, 8, 300),
	INT(IPPROTO_IPV6, IPV6_UNICAST_HOPS, 64, 10, -1, 300),
	DGRAM(IPPROTO_IP, IP_RECVTOS, 1, 1, 0, 1),
	DGRAM(IPPROTO_IP, IP_RECVTTL, 1, 1, 0, 1),
	DGRAM(IPPROTO_IP, IP_PKTINFO, 1, 1, 0, 1),
	DGRAM(IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, 1, 0, 1),
	DGRAM(IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1, 1, 0, 1),
	DGRAM(IPPROTO_IPV6, IPV6_RECVTCLASS, 1, 1, 0, 1),
	DGRAM(SOL_SOCKET, SO_TIMESTAMP, 1, 1, 0, 1),
	DGRAM(SOL_SOCKET, SO_NO_CHECK, 0, 1, 0, 0),
	DGRAM(IPPROTO_IP, IP_MULTICAST_TTL, 1, 5, 0, 300),
	DGRAM(IPPROTO_IP, IP_MULTICAST_LOOP, 1, 0, 1, 1),
	DGRAM_REFUSED(IPPROTO_UDP, UDP_CORK, 0, 0, 0, 0),
	DGRAM_REFUSED(IPPROTO_UDP, UDP_GRO, 0, 0, 0, 0),
	INT(250, 1, 0, 1, 2, 3),
};

const int nr_sockopts = sizeof(sockopts) / sizeof(sockopts[0]);
