/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <netinet/tcp.h>

#include "guest_world.h"
#include "lwip_world.h"
#include "../xen/programs/sockdiff/call.h"

#define PAYLOAD6_MAX 65487 /* lwIP's lengths of 16 bits count IPv6's header */

/* lwIP has nothing of the kind, and says so: ENOPROTOOPT. */
static const struct {
	int level, opt;
} lacks[] = {
	{IPPROTO_TCP, TCP_MAXSEG},	  {IPPROTO_TCP, TCP_SYNCNT},
	{IPPROTO_TCP, TCP_LINGER2},	  {IPPROTO_TCP, TCP_QUICKACK},
	{IPPROTO_TCP, TCP_USER_TIMEOUT},  {IPPROTO_TCP, TCP_NOTSENT_LOWAT},
	{IPPROTO_IP, IP_MTU_DISCOVER},	  {IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT},
};

static bool has_option(const struct step *st)
{
	const struct sockopt *o = &sockopts[st->a[0]];

	for (size_t i = 0; i < sizeof(lacks) / sizeof(lacks[0]); i++)
		if (lacks[i].level == o->level && lacks[i].opt == o->opt)
			return false;
	return true;
}

/*
 * A guest does not reach itself through its interface: EHOSTUNREACH. Groups and
 * broadcast never come to dom0 (vtoe.ko): lwIP has no groups, and the driver says
 * ENETUNREACH.
 */
static bool reaches(const struct step *st)
{
	int to = step_target(st);

	return to != ADDR_SELF && to != ADDR_GROUP && to != ADDR_BROADCAST;
}

bool lwip_world_narrow(struct step *st)
{
	if (!guest_world_narrow(st))
		return false;
	switch (st->op) {
	case OP_SETOPT:
	case OP_GETOPT:
		return has_option(st);
	case OP_SEND:
		if (options.type == SOCK_DGRAM && st->a[0] > PAYLOAD6_MAX &&
		    session.form[st->s] != FORM_4)
			return false;
		return reaches(st);
	default:
		return reaches(st);
	}
}

bool lwip_world_known(const struct step *st, const struct outcome *lwip,
		      const struct outcome *measure)
{
	switch (st->op) {
	case OP_BIND:
		/* lwIP takes the wildcards of IPv4 and IPv6 for one another, and
		 * looks at no connection
		 */
		return lwip->err == EADDRINUSE || measure->err == EADDRINUSE;
	case OP_CONNECT:
		/* IPv6 after IPv4: Linux's datagrams keep their IPv4 address, and
		 * its streams get no answer
		 */
		return options.type == SOCK_DGRAM ?
			       !lwip->ret && measure->err == EAFNOSUPPORT :
			       !lwip->interrupted && measure->interrupted;
	default:
		return false;
	}
}
