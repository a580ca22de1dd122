/* SPDX-License-Identifier: GPL-2.0 */
/*
 * lwip_options.c - what a program may set on a socket of the "lwip" driver.
 *
 * All that lwIP can do, and no more: a program can go on without an option, but
 * not with one that it believes to have.
 */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#undef TCP_MSS /* lwIP has one of that name, too */
#include "lwip_conn.h"

/* Linux's defaults, which lwIP's are not. */
#define KEEP_IDLE_S  7200
#define KEEP_INTVL_S 75
#define KEEP_CNT     9
#define MS_PER_S     1000u
#define TTL_DEFAULT  64

#define ECN_MASK     3 /* of a TOS: TCP's own business */

/* BYTE: -1 is the default, too. TOS_BYTE: IPv4's, of which more is cut off. */
enum where { FLAG, SECONDS, BYTE, TOS_BYTE };

#define STREAMS	  0x1u
#define DATAGRAMS 0x2u

static const struct option {
	int level, name;
	unsigned int kinds;
	enum where where;
	size_t at; /* in struct lwip_options */
	int min, max, otherwise;
} options[] = {
#define AT(field) offsetof(struct lwip_options, field)
	{SOL_SOCKET, SO_KEEPALIVE, STREAMS, FLAG, AT(keepalive), 0, 1, 0},
	{SOL_SOCKET, SO_REUSEADDR, STREAMS | DATAGRAMS, FLAG, AT(reuse), 0, 1,
	 0},
	{SOL_SOCKET, SO_BROADCAST, DATAGRAMS, FLAG, AT(broadcast), 0, 1, 0},
	{IPPROTO_TCP, TCP_NODELAY, STREAMS, FLAG, AT(nodelay), 0, 1, 0},
	{IPPROTO_TCP, TCP_KEEPIDLE, STREAMS, SECONDS, AT(keep_idle), 1, 32767,
	 KEEP_IDLE_S},
	{IPPROTO_TCP, TCP_KEEPINTVL, STREAMS, SECONDS, AT(keep_intvl), 1, 32767,
	 KEEP_INTVL_S},
	{IPPROTO_TCP, TCP_KEEPCNT, STREAMS, SECONDS, AT(keep_cnt), 1, 127,
	 KEEP_CNT},
	{IPPROTO_IP, IP_TOS, STREAMS | DATAGRAMS, TOS_BYTE, AT(tos), INT_MIN,
	 INT_MAX, 0},
	{IPPROTO_IP, IP_TTL, STREAMS | DATAGRAMS, BYTE, AT(ttl), 1, 255,
	 TTL_DEFAULT},
	{SOL_SOCKET, SO_TIMESTAMPNS, DATAGRAMS, FLAG, AT(tell_time), 0, 1, 0},
	{IPPROTO_IP, IP_PKTINFO, DATAGRAMS, FLAG, AT(tell_local), 0, 1, 0},
	{IPPROTO_IP, IP_RECVTOS, DATAGRAMS, FLAG, AT(tell_tos), 0, 1, 0},
	{IPPROTO_IP, IP_RECVTTL, DATAGRAMS, FLAG, AT(tell_ttl), 0, 1, 0},
	{IPPROTO_IPV6, IPV6_TCLASS, STREAMS | DATAGRAMS, BYTE, AT(tos), 0, 255,
	 0},
	{IPPROTO_IPV6, IPV6_UNICAST_HOPS, STREAMS | DATAGRAMS, BYTE, AT(ttl), 1,
	 255, TTL_DEFAULT}, /* Linux takes 0, which nothing survives */
	{IPPROTO_IPV6, IPV6_V6ONLY, STREAMS | DATAGRAMS, FLAG, AT(v6only), 0, 1,
	 0},
	{IPPROTO_IPV6, IPV6_RECVPKTINFO, DATAGRAMS, FLAG, AT(tell_local), 0, 1,
	 0},
	{IPPROTO_IPV6, IPV6_RECVTCLASS, DATAGRAMS, FLAG, AT(tell_tos), 0, 1, 0},
	{IPPROTO_IPV6, IPV6_RECVHOPLIMIT, DATAGRAMS, FLAG, AT(tell_ttl), 0, 1,
	 0},
};

static const struct option *find(const struct toe_conn *conn, int level,
				 int name)
{
	unsigned int kind = conn->kind == LWIP_DATAGRAM ? DATAGRAMS : STREAMS;
	size_t i;

	if (level == IPPROTO_IPV6 && conn->family != VTOE_INET6)
		return NULL;
	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (options[i].level == level && options[i].name == name &&
		    (options[i].kinds & kind))
			return &options[i];
	return NULL;
}

static void put(struct toe_conn *conn, const struct option *o, int value)
{
	char *at = (char *)&conn->options + o->at;

	bool tos = o->at == offsetof(struct lwip_options, tos);

	if (o->where == FLAG)
		*(bool *)at = value != 0;
	else if (o->where == SECONDS)
		memcpy(at, &value, sizeof(value));
	else if (o->where == BYTE && value < 0)
		*(uint8_t *)at = 0;
	else if (tos && conn->kind != LWIP_DATAGRAM)
		*(uint8_t *)at = (uint8_t)(value & ~ECN_MASK);
	else
		*(uint8_t *)at = (uint8_t)value;
}

static int get(const struct toe_conn *conn, const struct option *o)
{
	const char *at = (const char *)&conn->options + o->at;
	int value;

	if (o->where == FLAG)
		return *(const bool *)at;
	if (o->where == SECONDS)
		memcpy(&value, at, sizeof(value));
	else
		value = *(const uint8_t *)at;
	return value ? value : o->otherwise;
}

/* Of a PCB of either protocol, from <lwip/ip.h>. */
#define SET_FLAG(pcb, flag, on)                      \
	do {                                         \
		if (on)                              \
			ip_set_option(pcb, flag);    \
		else                                 \
			ip_reset_option(pcb, flag);  \
	} while (0)

static uint32_t or_else(uint32_t value, uint32_t otherwise)
{
	return value ? value : otherwise;
}

static void apply_udp(struct udp_pcb *pcb, const struct lwip_options *o)
{
	pcb->tos = o->tos;
	pcb->ttl = (uint8_t)or_else(o->ttl, TTL_DEFAULT);
	SET_FLAG(pcb, SOF_REUSEADDR, o->reuse);
	SET_FLAG(pcb, SOF_BROADCAST, o->broadcast);
}

static void apply_tcp(struct tcp_pcb *pcb, const struct lwip_options *o)
{
	pcb->tos = o->tos;
	pcb->ttl = (uint8_t)or_else(o->ttl, TTL_DEFAULT);
	SET_FLAG(pcb, SOF_REUSEADDR, o->reuse);
	SET_FLAG(pcb, SOF_KEEPALIVE, o->keepalive);
	if (pcb->state == LISTEN)
		return; /* the rest is not there: a listener's PCB is smaller */
	if (o->nodelay)
		tcp_nagle_disable(pcb);
	else
		tcp_nagle_enable(pcb);
	pcb->keep_idle = or_else(o->keep_idle, KEEP_IDLE_S) * MS_PER_S;
	pcb->keep_intvl = or_else(o->keep_intvl, KEEP_INTVL_S) * MS_PER_S;
	pcb->keep_cnt = or_else(o->keep_cnt, KEEP_CNT);
}

void lwip_options_apply(const struct toe_conn *conn)
{
	if (conn->udp)
		apply_udp(conn->udp, &conn->options);
	else if (conn->tcp)
		apply_tcp(conn->tcp, &conn->options);
}

/* As Linux: a byte is enough for IPv4's, and nothing is 0. */
static int read_number(const struct option *o, const void *value, uint32_t len,
		       int *number)
{
	*number = 0;
	if (len >= sizeof(*number))
		memcpy(number, value, sizeof(*number));
	else if (o->level != IPPROTO_IP || (!len && o->name == IP_TTL))
		return -EINVAL;
	else if (len)
		*number = *(const uint8_t *)value;
	return 0;
}

static bool fits(const struct option *o, int number)
{
	if (o->where == BYTE && number == -1)
		return true;
	return number >= o->min && number <= o->max;
}

int lwip_setopt(struct toe_conn *conn, int level, int name, const void *value,
		uint32_t len)
{
	const struct option *o = find(conn, level, name);
	int number, err;

	if (!o)
		return -ENOPROTOOPT;
	err = read_number(o, value, len, &number);
	if (err)
		return err;
	if (o->where == FLAG)
		number = number != 0;
	if (!fits(o, number))
		return -EINVAL;
	/* as bind() has it */
	if (name == IPV6_V6ONLY && level == IPPROTO_IPV6 &&
	    (conn->bound || conn->tcp))
		return -EINVAL;
	put(conn, o, number);
	lwip_options_apply(conn);
	return 0;
}

static int get_queue(struct toe_conn *conn, int name)
{
	if (name == VTOE_QUEUE_OUT)
		return (int)lwip_tcp_unacked(conn);
	if (name == VTOE_QUEUE_UNSENT)
		return (int)lwip_tcp_unsent(conn);
	return -ENOPROTOOPT;
}

int lwip_getopt(struct toe_conn *conn, int level, int name, void *value,
		uint32_t *len)
{
	const struct option *o = find(conn, level, name);
	int number;

	if (level != VTOE_SOL_QUEUE && !o)
		return -ENOPROTOOPT;
	number = level == VTOE_SOL_QUEUE ? get_queue(conn, name) : get(conn, o);
	if (number < 0)
		return number;
	/* of little-endian numbers the first bytes; IPv4's are one then */
	if (level == IPPROTO_IP && *len && *len < sizeof(number))
		*len = 1;
	if (*len > sizeof(number))
		*len = sizeof(number);
	memcpy(value, &number, *len);
	return 0;
}
