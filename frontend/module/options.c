/* SPDX-License-Identifier: GPL-2.0 */
/*
 * options.c - socket options.
 *
 * While a socket is undecided each option is set on the kernel's own TCP socket
 * first, so that values and errors are exactly Linux's, and remembered if it is
 * one that dom0 must know. What can be read back from the struct sock (most of
 * SOL_SOCKET, which the kernel sets without asking us) is not remembered but
 * looked at when a slot is opened, and compared now and then after that.
 *
 * What is not in the tables below would mean nothing at dom0 and is refused
 * with ENOPROTOOPT, also on an undecided socket: it may become offloaded, and
 * then it would have been swallowed.
 */
#include <linux/net.h>
#include <linux/slab.h>
#include <linux/tcp.h>
#include <net/inet_sock.h>
#include <net/sock.h>

#include "call.h"
#include "link.h"
#include "options.h"
#include "sock.h"

#define LEN_INT	    ((u32)sizeof(int))
#define CA_NAME_MAX 16

enum kind {
	CARRIED = 1, /* set and got at dom0 */
	GET = 2,     /* only got */
	LOCAL = 3,   /* the struct sock's own business, at both times */
};

struct option {
	u16 level, name;
	u8 kind;
};

static const struct option table[] = {
	{ IPPROTO_TCP, TCP_NODELAY, CARRIED },
	{ IPPROTO_TCP, TCP_MAXSEG, CARRIED },
	{ IPPROTO_TCP, TCP_CORK, CARRIED },
	{ IPPROTO_TCP, TCP_KEEPIDLE, CARRIED },
	{ IPPROTO_TCP, TCP_KEEPINTVL, CARRIED },
	{ IPPROTO_TCP, TCP_KEEPCNT, CARRIED },
	{ IPPROTO_TCP, TCP_SYNCNT, CARRIED },
	{ IPPROTO_TCP, TCP_LINGER2, CARRIED },
	{ IPPROTO_TCP, TCP_DEFER_ACCEPT, CARRIED },
	{ IPPROTO_TCP, TCP_WINDOW_CLAMP, CARRIED },
	{ IPPROTO_TCP, TCP_QUICKACK, CARRIED },
	{ IPPROTO_TCP, TCP_USER_TIMEOUT, CARRIED },
	{ IPPROTO_TCP, TCP_NOTSENT_LOWAT, CARRIED },
	{ IPPROTO_TCP, TCP_CONGESTION, CARRIED },
	{ IPPROTO_TCP, TCP_INFO, GET },
	{ IPPROTO_IP, IP_TOS, CARRIED },
	{ IPPROTO_IP, IP_TTL, CARRIED },
	{ IPPROTO_IP, IP_MTU_DISCOVER, CARRIED },
	{ IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, CARRIED },
	{ IPPROTO_IP, IP_MTU, GET },
	{ IPPROTO_IPV6, IPV6_V6ONLY, CARRIED },
	{ IPPROTO_IPV6, IPV6_TCLASS, CARRIED },
	{ IPPROTO_IPV6, IPV6_UNICAST_HOPS, CARRIED },
	{ IPPROTO_IPV6, IPV6_MTU_DISCOVER, CARRIED },
	{ IPPROTO_IPV6, IPV6_MTU, GET },
	/* ask for the native stack, or for a thing it alone knows */
	{ IPPROTO_IP, IP_TRANSPARENT, LOCAL },
	{ IPPROTO_IP, IP_FREEBIND, LOCAL },
};

/* Options of SOL_SOCKET that mean something on an offloaded socket. */
static const u16 sol_socket[] = {
	SO_DEBUG,	 SO_REUSEADDR,	   SO_DONTROUTE,
	SO_BROADCAST,	 SO_SNDBUF,	   SO_SNDBUFFORCE,
	SO_RCVBUF,	 SO_RCVBUFFORCE,   SO_KEEPALIVE,
	SO_PRIORITY,	 SO_LINGER,	   SO_REUSEPORT,
	SO_RCVLOWAT,	 SO_RCVTIMEO_OLD,  SO_RCVTIMEO_NEW,
	SO_SNDTIMEO_OLD, SO_SNDTIMEO_NEW,  SO_PEEK_OFF,
	SO_NO_CHECK,	 SO_DETACH_FILTER,
};

bool vtoe_options_sol_socket_ok(int name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sol_socket); i++)
		if (sol_socket[i] == name)
			return true;
	return false;
}

static u8 kind_of(int level, int name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(table); i++)
		if (table[i].level == level && table[i].name == name)
			return table[i].kind;
	return 0;
}

/* ---- remembering ---- */

void vtoe_options_free(struct vtoe_options *options)
{
	kfree(options->option);
	options->option = NULL;
	options->nr = 0;
}

static struct vtoe_option *remembered(struct vtoe_options *o, u16 level,
				      u16 name)
{
	unsigned int i;

	for (i = 0; i < o->nr; i++)
		if (o->option[i].level == level && o->option[i].name == name)
			return &o->option[i];
	return NULL;
}

/* Room for one more, before anything is set. */
static int remember_prepare(struct vtoe_options *o, u16 level, u16 name)
{
	if (!o->option)
		o->option = kcalloc(VTOE_OPTIONS_MAX, sizeof(*o->option),
				    GFP_KERNEL);
	if (!o->option)
		return -ENOMEM;
	return o->nr < VTOE_OPTIONS_MAX || remembered(o, level, name) ?
		       0 :
		       -ENOBUFS;
}

static void remember(struct vtoe_options *o, const struct vtoe_option *opt)
{
	struct vtoe_option *old = remembered(o, opt->level, opt->name);

	if (!old)
		old = &o->option[o->nr++];
	*old = *opt;
}

/* ---- what a new slot is told ---- */

static void option_int(struct vtoe_option *opt, unsigned int *n, u16 level,
		       u16 name, int value)
{
	struct vtoe_option *o = &opt[(*n)++];

	memset(o, 0, sizeof(*o));
	o->level = level;
	o->name = name;
	o->len = LEN_INT;
	memcpy(o->value, &value, sizeof(value));
}

/* Linux doubles what is set; dom0 will, too. */
static void collect_buffers(const struct sock *sk, struct vtoe_option *opt,
			    unsigned int *n)
{
	if (sk->sk_userlocks & SOCK_SNDBUF_LOCK)
		option_int(opt, n, SOL_SOCKET, SO_SNDBUF, sk->sk_sndbuf / 2);
	if (sk->sk_userlocks & SOCK_RCVBUF_LOCK)
		option_int(opt, n, SOL_SOCKET, SO_RCVBUF, sk->sk_rcvbuf / 2);
}

static void synced(struct vtoe_sock *vsk, const struct sock *sk)
{
	vsk->synced.keepalive = sock_flag(sk, SOCK_KEEPOPEN);
	vsk->synced.sndbuf = sk->sk_sndbuf;
	vsk->synced.rcvbuf = sk->sk_rcvbuf;
	vsk->synced.priority = sk->sk_priority;
}

unsigned int vtoe_options_collect(struct vtoe_sock *vsk, struct sock *sk,
				  u16 family, struct vtoe_option *opt)
{
	unsigned int i, n = 0;

	synced(vsk, sk);
	if (vsk->synced.keepalive)
		option_int(opt, &n, SOL_SOCKET, SO_KEEPALIVE, 1);
	if (sk->sk_reuse)
		option_int(opt, &n, SOL_SOCKET, SO_REUSEADDR, 1);
	if (sk->sk_reuseport)
		option_int(opt, &n, SOL_SOCKET, SO_REUSEPORT, 1);
	if (vsk->synced.priority)
		option_int(opt, &n, SOL_SOCKET, SO_PRIORITY, sk->sk_priority);
	collect_buffers(sk, opt, &n);
	if (family == VTOE_INET6)
		option_int(opt, &n, IPPROTO_IPV6, IPV6_V6ONLY, sk->sk_ipv6only);
	for (i = 0; i < vsk->options.nr; i++) {
		const struct vtoe_option *o = &vsk->options.option[i];

		if (o->level == IPPROTO_IPV6 &&
		    (family == VTOE_INET || o->name == IPV6_V6ONLY))
			continue;
		opt[n++] = *o;
	}
	return n;
}

void vtoe_options_inherited(struct vtoe_sock *vsk, struct sock *sk)
{
	synced(vsk, sk);
}

/* Nobody waits for the answer, and dom0 is still to be told that there is
 * something. Returns -EAGAIN if there was no room.
 */
static int set_quietly(struct vtoe_sock *vsk, const struct vtoe_option *opt)
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

/* Returns false if there was no room; tried again the next time. */
static bool sync_one(struct vtoe_sock *vsk, u16 name, int value)
{
	struct vtoe_option opt;
	unsigned int n = 0;

	option_int(&opt, &n, SOL_SOCKET, name, value);
	if (set_quietly(vsk, &opt) == -EAGAIN)
		return false;
	vtoe_link_notify(vsk->link);
	return true;
}

void vtoe_options_sync(struct vtoe_sock *vsk, struct sock *sk)
{
	bool keepalive = sock_flag(sk, SOCK_KEEPOPEN);

	if (vsk->phase != VTOE_CONNECTED)
		return;
	if (keepalive != vsk->synced.keepalive &&
	    sync_one(vsk, SO_KEEPALIVE, keepalive))
		vsk->synced.keepalive = keepalive;
	if (sk->sk_sndbuf != vsk->synced.sndbuf &&
	    sync_one(vsk, SO_SNDBUF, sk->sk_sndbuf / 2))
		vsk->synced.sndbuf = sk->sk_sndbuf;
	if (sk->sk_rcvbuf != vsk->synced.rcvbuf &&
	    sync_one(vsk, SO_RCVBUF, sk->sk_rcvbuf / 2))
		vsk->synced.rcvbuf = sk->sk_rcvbuf;
	if (sk->sk_priority != vsk->synced.priority &&
	    sync_one(vsk, SO_PRIORITY, sk->sk_priority))
		vsk->synced.priority = sk->sk_priority;
}

/* ---- setsockopt ---- */

static int option_read(struct vtoe_option *opt, int level, int name,
		       sockptr_t val, unsigned int len)
{
	memset(opt, 0, sizeof(*opt));
	opt->level = level;
	opt->name = name;
	if (name == TCP_CONGESTION && level == IPPROTO_TCP)
		len = min_t(unsigned int, len, CA_NAME_MAX - 1);
	else
		len = min_t(unsigned int, len, LEN_INT);
	opt->len = len;
	return copy_from_sockptr(opt->value, val, len) ? -EFAULT : 0;
}

/*
 * A connected TCP socket takes TCP_NODELAY whatever the value is, so nobody waits
 * for dom0. As long as nothing was sent it makes no difference to anybody when
 * dom0 takes it: it goes along with the first bytes.
 */
static bool set_no_delay(struct vtoe_sock *vsk, const struct vtoe_option *opt)
{
	if (opt->level != IPPROTO_TCP || opt->name != TCP_NODELAY ||
	    opt->len != LEN_INT || vsk->phase != VTOE_CONNECTED ||
	    set_quietly(vsk, opt))
		return false;
	if (READ_ONCE(vsk->stream.tx_prod))
		vtoe_link_notify(vsk->link);
	return true;
}

static int set_at_dom0(struct vtoe_sock *vsk, const struct vtoe_option *opt)
{
	struct vtoe_submission cmd = { .op = VTOE_OP_SETOPT,
				       .u.option = *opt };

	if (set_no_delay(vsk, opt))
		return 0;
	return vtoe_sock_command(vsk, &cmd, NULL);
}

/* ctl held; undecided. First the kernel's judgement, then dom0, if it knows. */
static int set_undecided(struct socket *sock, struct vtoe_sock *vsk,
			 struct vtoe_option *opt, u8 kind)
{
	int err = 0;

	if (kind == CARRIED)
		err = remember_prepare(&vsk->options, opt->level, opt->name);
	if (!err)
		err = vtoe_native_ops(sock->sk)->setsockopt(
			sock, opt->level, opt->name,
			KERNEL_SOCKPTR(opt->value), opt->len);
	if (err || kind != CARRIED)
		return err;
	remember(&vsk->options, opt);
	return vsk->has_slot ? set_at_dom0(vsk, opt) : 0;
}

static int set_ours(struct socket *sock, struct vtoe_sock *vsk,
		    struct vtoe_option *opt, u8 kind)
{
	struct sock *sk = sock->sk;

	/* a dual listener is both, and may get a new slot */
	if (!vtoe_phase_offloaded(vsk->phase) ||
	    vtoe_listens_dual(vsk))
		return set_undecided(sock, vsk, opt, kind);
	if (kind != CARRIED)
		return -ENOPROTOOPT;
	if (!vsk->has_slot)
		return sk->sk_err ? -sk->sk_err : -ENETDOWN;
	return set_at_dom0(vsk, opt);
}

/* Returns 1 if the socket is native by now. */
static int set_carried(struct socket *sock, int level, int name, sockptr_t val,
		       unsigned int len, u8 kind)
{
	struct vtoe_sock *vsk;
	struct vtoe_option opt;
	int err = option_read(&opt, level, name, val, len);

	if (err)
		return err;
	vsk = vtoe_sock_enter(sock);
	if (IS_ERR_OR_NULL(vsk))
		return vsk ? PTR_ERR(vsk) : 1;
	err = set_ours(sock, vsk, &opt, kind);
	vtoe_sock_leave(vsk);
	return err;
}

/*
 * dom0 would not know it. While there is no device nobody has to: the program
 * gets the kernel's own socket, as if we were not there. Returns 1 if it is that.
 */
static int set_unknown(struct socket *sock)
{
	struct vtoe_sock *vsk;
	int err = -ENOPROTOOPT;

	if (vtoe_link_live())
		return err;
	vsk = vtoe_sock_enter(sock);
	if (IS_ERR_OR_NULL(vsk))
		return vsk ? PTR_ERR(vsk) : 1;
	if (!vtoe_phase_offloaded(vsk->phase) || vtoe_listen_waits(vsk)) {
		vtoe_sock_go_native(sock, vsk);
		err = 1;
	}
	vtoe_sock_leave(vsk);
	return err;
}

int vtoe_setsockopt(struct socket *sock, int level, int name, sockptr_t val,
		    unsigned int len)
{
	u8 kind = kind_of(level, name);
	int err = 1;

	vtoe_ops_enter();
	if (kind == CARRIED || kind == LOCAL)
		err = set_carried(sock, level, name, val, len, kind);
	else if (level == SOL_SOCKET) /* only from within the kernel */
		err = 1;
	else if (vtoe_ops_ours(sock))
		err = set_unknown(sock);
	if (err == 1)
		err = level == SOL_SOCKET ?
			      sock_setsockopt(sock, level, name, val, len) :
			      vtoe_native_ops(sock->sk)->setsockopt(
				      sock, level, name, val, len);
	vtoe_ops_leave();
	return err;
}

/* ---- getsockopt ---- */

static int answer(const struct vtoe_completion *cqe, const void *value,
		  int room, char __user *val, int __user *len)
{
	u32 n = min_t(u32, cqe->u.option.len, room);

	if (put_user((int)n, len) || copy_to_user(val, value, n))
		return -EFAULT;
	return 0;
}

/* A long answer comes through a run of the TX arena; the call owns it. */
static int get_run(struct vtoe_sock *vsk, struct vtoe_call *call)
{
	struct vtoe_link *link = vsk->link;

	spin_lock_bh(&link->lock);
	if (!link->dead)
		call->run = arena_alloc(&link->front.tx_arena, 0);
	spin_unlock_bh(&link->lock);
	return call->run == VTOE_RUN_NONE ? -ENOBUFS : 0;
}

static void *run_copy(struct vtoe_sock *vsk, u32 run, u32 len)
{
	struct vtoe_segment seg[2];

	vtoe_ring_segments(vsk->link->front.view.tx, run, 0, len, seg);
	return kmemdup(seg[0].data, len, GFP_KERNEL);
}

static int get_at_dom0(struct vtoe_sock *vsk, int level, int name, int room,
		       char __user *val, int __user *len)
{
	struct vtoe_submission cmd = {
		.op = VTOE_OP_GETOPT,
		.slot = vsk->stream.slot,
		.u.option.level = level,
		.u.option.name = name,
		.u.option.len = min_t(int, room, VTOE_OPT_MAX),
	};
	struct vtoe_call *call = vtoe_call_alloc(vsk->link);
	void *copy;
	int err = 0;

	if (!call)
		return -ENOMEM;
	if (cmd.u.option.len > VTOE_OPT_INLINE) {
		err = get_run(vsk, call);
		cmd.u.option.run = call->run;
	}
	if (!err)
		err = vtoe_call(call, &cmd);
	if (!err && call->run == VTOE_RUN_NONE) {
		err = answer(&call->cqe, call->cqe.u.option.value,
			     VTOE_OPT_INLINE, val, len);
	} else if (!err) {
		copy = run_copy(vsk, call->run, call->cqe.u.option.len);
		err = copy ? answer(&call->cqe, copy, room, val, len) :
			     -ENOMEM;
		kfree(copy);
	}
	vtoe_call_put(call);
	return err;
}

/* Returns 1 for the native answer. */
static int get_ours(struct socket *sock, int level, int name, int room,
		    char __user *val, int __user *len)
{
	struct vtoe_sock *vsk = vtoe_sock_enter(sock);
	int err;

	if (IS_ERR_OR_NULL(vsk))
		return vsk ? PTR_ERR(vsk) : 1;
	if (!vtoe_phase_offloaded(vsk->phase) ||
	    vtoe_listens_dual(vsk))
		err = 1;
	else if (!vsk->has_slot)
		err = -ENETDOWN;
	else
		err = get_at_dom0(vsk, level, name, room, val, len);
	vtoe_sock_leave(vsk);
	return err;
}

int vtoe_getsockopt(struct socket *sock, int level, int name, char __user *val,
		    int __user *len)
{
	u8 kind = kind_of(level, name);
	int err = 1, room;

	if (get_user(room, len))
		return -EFAULT;
	if (room < 0)
		return -EINVAL;
	vtoe_ops_enter();
	if (vtoe_sock_offloaded(sock->sk))
		err = kind == CARRIED || kind == GET ?
			      get_ours(sock, level, name, room, val, len) :
			      -ENOPROTOOPT;
	if (err == 1)
		err = vtoe_native_ops(sock->sk)->getsockopt(sock, level, name,
							    val, len);
	vtoe_ops_leave();
	return err;
}
