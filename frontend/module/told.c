/* SPDX-License-Identifier: GPL-2.0 */
/*
 * told.c - options of SOL_SOCKET.
 *
 * setsockopt() of SOL_SOCKET goes past proto_ops, to the kernel's
 * sock_setsockopt(); a probe at its entry sends our sockets here (intercept.c).
 * The kernel's function then does its work on the struct sock, whose values are
 * the truth for getsockopt(), and dom0 is told of those that mean something
 * there: at once if there is a slot, else when one is opened.
 */
#include <linux/net.h>
#include <net/sock.h>

#include "link.h"
#include "option.h"
#include "options.h"
#include "sock.h"

#define PRIORITY_MAX 6 /* dom0's worker has no privilege for more */

static const struct told {
	u16 name;
	u8 len;	     /* bytes of the value */
	u64 initial; /* of a new socket: not worth telling */
} told[] = {
	{ SO_REUSEADDR, 4, 0 },
	{ SO_REUSEPORT, 4, 0 },
	{ SO_KEEPALIVE, 4, 0 },
	{ SO_OOBINLINE, 4, 0 },
	{ SO_DONTROUTE, 4, 0 },
	{ SO_PRIORITY, 4, 0 },
	{ SO_SNDBUF, 4, 0 },
	{ SO_RCVBUF, 4, 0 },
	{ SO_BROADCAST, 4, 0 },
	{ SO_TIMESTAMPNS_OLD, 4, 0 },
	{ SO_MAX_PACING_RATE, 8, ~0ull },
};

static_assert(ARRAY_SIZE(told) == VTOE_TOLD_MAX);

static u64 value_of(const struct sock *sk, u16 name)
{
	switch (name) {
	case SO_REUSEADDR:
		return sk->sk_reuse;
	case SO_REUSEPORT:
		return sk->sk_reuseport;
	case SO_KEEPALIVE:
		return sock_flag(sk, SOCK_KEEPOPEN);
	case SO_OOBINLINE:
		return sock_flag(sk, SOCK_URGINLINE);
	case SO_DONTROUTE:
		return sock_flag(sk, SOCK_LOCALROUTE);
	case SO_PRIORITY:
		return min_t(u32, READ_ONCE(sk->sk_priority), PRIORITY_MAX);
	case SO_SNDBUF: /* Linux doubles what is set; dom0 will, too */
		return sk->sk_userlocks & SOCK_SNDBUF_LOCK ?
			       READ_ONCE(sk->sk_sndbuf) / 2 :
			       0;
	case SO_RCVBUF:
		return sk->sk_userlocks & SOCK_RCVBUF_LOCK ?
			       READ_ONCE(sk->sk_rcvbuf) / 2 :
			       0;
	case SO_BROADCAST:
		return sock_flag(sk, SOCK_BROADCAST);
	case SO_TIMESTAMPNS_OLD: /* of whatever form */
		return sock_flag(sk, SOCK_RCVTSTAMP);
	default: /* SO_MAX_PACING_RATE */
		return READ_ONCE(sk->sk_max_pacing_rate);
	}
}

void vtoe_option_number(struct vtoe_option *opt, u16 level, u16 name, u64 value,
			u32 len)
{
	memset(opt, 0, sizeof(*opt));
	opt->level = level;
	opt->name = name;
	opt->len = len;
	memcpy(opt->value, &value, len); /* little-endian */
}

unsigned int vtoe_told_collect(const struct sock *sk, struct vtoe_option *opt)
{
	unsigned int i, n = 0;
	u64 value;

	for (i = 0; i < ARRAY_SIZE(told); i++) {
		value = value_of(sk, told[i].name);
		if (value != told[i].initial)
			vtoe_option_number(&opt[n++], SOL_SOCKET, told[i].name,
					   value, told[i].len);
	}
	return n;
}

int vtoe_option_quietly(struct vtoe_sock *vsk, const struct vtoe_option *opt)
{
	struct vtoe_submission cmd = { .op = VTOE_OP_SETOPT,
				       .flags = VTOE_QUIET,
				       .slot = vsk->stream.slot,
				       .u.option = *opt };
	struct vtoe_link *link = vsk->link;
	int err = -ENETDOWN;

	spin_lock_bh(&link->lock);
	if (!link->dead)
		err = front_submit(&link->front, &cmd, vsk);
	if (!err)
		refcount_inc(&vsk->ref);
	spin_unlock_bh(&link->lock);
	return err;
}

/* ctl held; it has a slot. dom0 refuses none of them, so nobody waits. */
static void tell(struct vtoe_sock *vsk, const struct sock *sk,
		 const struct told *t)
{
	struct vtoe_submission cmd = { .op = VTOE_OP_SETOPT };

	vtoe_option_number(&cmd.u.option, SOL_SOCKET, t->name,
			   value_of(sk, t->name), t->len);
	if (vtoe_option_quietly(vsk, &cmd.u.option) == -EAGAIN)
		vtoe_sock_command(vsk, &cmd, NULL);
	else /* most programs set several */
		vtoe_link_notify_later(vsk->link);
}

static const struct told *find(int name)
{
	unsigned int i;

	if (name == SO_SNDBUFFORCE)
		name = SO_SNDBUF;
	if (name == SO_RCVBUFFORCE)
		name = SO_RCVBUF;
	if (name == SO_TIMESTAMP_OLD || name == SO_TIMESTAMP_NEW ||
	    name == SO_TIMESTAMPNS_OLD || name == SO_TIMESTAMPNS_NEW)
		name = SO_TIMESTAMPNS_OLD;
	for (i = 0; i < ARRAY_SIZE(told) - 1; i++)
		if (told[i].name == name)
			break;
	return &told[i];
}

/* A socket with nothing of ours beside it will be asked when there is a slot. */
static int set_told(struct socket *sock, int name, sockptr_t val,
		    unsigned int len)
{
	struct sock *sk = sock->sk;
	struct vtoe_sock *vsk;
	int err = sock_setsockopt(sock, VTOE_SOL_KERNEL, name, val, len);

	if (err)
		return err;
	vsk = vtoe_sock_find(sk);
	if (!vsk)
		return 0;
	if (mutex_lock_killable(&vsk->ctl)) {
		vtoe_sock_put(vsk);
		return -EINTR;
	}
	if (vsk->has_slot)
		tell(vsk, sk, find(name));
	vtoe_sock_leave(vsk);
	return 0;
}

static int set_ours(struct socket *sock, int name, sockptr_t val,
		    unsigned int len)
{
	switch (vtoe_option_kind(sock->sk, SOL_SOCKET, name)) {
	case VTOE_OPTION_TOLD:
		return set_told(sock, name, val, len);
	case VTOE_OPTION_KEPT:
		return 1;
	case VTOE_OPTION_NATIVE:
		return vtoe_sock_offloaded(sock->sk) ? -ENOPROTOOPT : 1;
	default:
		return vtoe_option_refuse(sock);
	}
}

int vtoe_setsockopt_socket(struct socket *sock, int level, int name,
			   sockptr_t val, unsigned int len)
{
	int err;

	vtoe_ops_enter();
	err = set_ours(sock, name, val, len);
	if (err == 1)
		err = sock_setsockopt(sock, VTOE_SOL_KERNEL, name, val, len);
	vtoe_ops_leave();
	return err;
}
