/* SPDX-License-Identifier: GPL-2.0 */
/*
 * options.c - socket options of the protocols; told.c has those of SOL_SOCKET.
 *
 * While a socket is undecided each option is set on the kernel's own TCP socket
 * first, so that values and errors are exactly Linux's, and remembered if it is
 * one that dom0 must know: it is repeated when a slot is opened.
 *
 * What option_list.h does not have would mean nothing at dom0 and is refused
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
#include "option.h"
#include "options.h"
#include "sock.h"

#define LEN_INT	      ((u32)sizeof(int))
#define CA_NAME_MAX   16
#define REMEMBER_STEP 4 /* options; most programs set fewer */

/* ---- remembering ---- */

void vtoe_options_free(struct vtoe_options *options)
{
	kfree(options->option);
	memset(options, 0, sizeof(*options));
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
	struct vtoe_option *more;

	if (o->nr < o->room || remembered(o, level, name))
		return 0;
	more = krealloc_array(o->option, o->room + REMEMBER_STEP, sizeof(*more),
			      GFP_KERNEL_ACCOUNT);
	if (!more)
		return -ENOMEM;
	o->option = more;
	o->room += REMEMBER_STEP;
	return 0;
}

static void remember(struct vtoe_options *o, const struct vtoe_option *opt)
{
	struct vtoe_option *old = remembered(o, opt->level, opt->name);

	if (!old)
		old = &o->option[o->nr++];
	*old = *opt;
}

/* ---- what a new slot is told ---- */

struct vtoe_option *vtoe_options_collect(struct vtoe_sock *vsk,
					 const struct sock *sk, u16 family,
					 unsigned int *nr)
{
	unsigned int i, n = 0;
	struct vtoe_option *opt =
		kmalloc_array(vsk->options.nr + VTOE_TOLD_MAX + 1, sizeof(*opt),
			      GFP_KERNEL);

	if (!opt)
		return NULL;
	if (family == VTOE_INET6)
		vtoe_option_number(&opt[n++], IPPROTO_IPV6, IPV6_V6ONLY,
				   sk->sk_ipv6only, LEN_INT);
	for (i = 0; i < vsk->options.nr; i++) {
		const struct vtoe_option *o = &vsk->options.option[i];

		if (o->level == IPPROTO_IPV6 &&
		    (family == VTOE_INET || o->name == IPV6_V6ONLY))
			continue;
		opt[n++] = *o;
	}
	/* last, as IP_TOS changes SO_PRIORITY */
	*nr = n + vtoe_told_collect(sk, opt + n);
	return opt;
}

/* ---- setsockopt ---- */

/*
 * Copies the value once, for the kernel and for dom0. The errors for what is
 * too short or not there are those of each level.
 */
static int option_read(struct vtoe_option *opt, int level, int name,
		       sockptr_t val, unsigned int len)
{
	memset(opt, 0, sizeof(*opt));
	opt->level = level;
	opt->name = name;
	if (level == IPPROTO_TCP && name == TCP_CONGESTION) {
		len = min_t(unsigned int, len, CA_NAME_MAX - 1);
	} else {
		/* more is not looked at, but some options mind */
		len = min_t(unsigned int, len, LEN_INT + 1);
		if (level == IPPROTO_TCP && len < LEN_INT)
			return -EINVAL;
	}
	opt->len = len;
	/* nothing means 0 there, and what is too short is not read */
	if (level == IPPROTO_IPV6 && (sockptr_is_null(val) || len < LEN_INT))
		return 0;
	if (len == LEN_INT + 1)
		len = LEN_INT;
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
	    vsk->phase != VTOE_CONNECTED || vtoe_option_quietly(vsk, opt))
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

static int set_native(struct socket *sock, struct vtoe_option *opt)
{
	return vtoe_native_ops(sock->sk)->setsockopt(
		sock, opt->level, opt->name, KERNEL_SOCKPTR(opt->value),
		opt->len);
}

/*
 * ctl held; undecided, or a datagram socket. First the kernel's judgement, then
 * dom0, if it knows. Of a port that dom0 alone has the kernel does not know.
 */
static int set_undecided(struct socket *sock, struct vtoe_sock *vsk,
			 struct vtoe_option *opt)
{
	int err = remember_prepare(&vsk->options, opt->level, opt->name);

	if (opt->level == IPPROTO_IPV6 && opt->name == IPV6_V6ONLY &&
	    vtoe_is_dgram(sock->sk) && vtoe_phase_offloaded(vsk->phase))
		return -EINVAL; /* is for sockets that are not bound */
	if (!err)
		err = set_native(sock, opt);
	if (err)
		return err;
	remember(&vsk->options, opt);
	return vsk->has_slot && !vtoe_option_foreign(vsk, opt->level) ?
		       set_at_dom0(vsk, opt) :
		       0;
}

/* ctl held; dom0 alone has it. What it may have to repeat is remembered. */
static int set_offloaded(struct socket *sock, struct vtoe_sock *vsk,
			 struct vtoe_option *opt)
{
	bool repeat = vsk->phase == VTOE_BOUND || vsk->phase == VTOE_CONNECTING;
	int err = 0;

	/* no connection any more: as harmless as on a closed TCP socket */
	if (!vsk->has_slot || vtoe_option_foreign(vsk, opt->level))
		return set_native(sock, opt);
	if (repeat)
		err = remember_prepare(&vsk->options, opt->level, opt->name);
	if (!err)
		err = set_at_dom0(vsk, opt);
	if (!err && repeat)
		remember(&vsk->options, opt);
	return err;
}

/* Returns 1 if the socket is native by now. */
static int set_carried(struct socket *sock, int level, int name, sockptr_t val,
		       unsigned int len)
{
	struct vtoe_sock *vsk;
	struct vtoe_option opt;
	int err = option_read(&opt, level, name, val, len);

	if (err)
		return err;
	vsk = vtoe_sock_enter(sock);
	if (IS_ERR_OR_NULL(vsk))
		return vsk ? PTR_ERR(vsk) : 1;
	/* a dual listener is both, and so may a datagram socket be */
	if (!vtoe_phase_offloaded(vsk->phase) || vtoe_listens_dual(vsk) ||
	    vtoe_is_dgram(sock->sk))
		err = set_undecided(sock, vsk, &opt);
	else
		err = set_offloaded(sock, vsk, &opt);
	vtoe_sock_leave(vsk);
	return err;
}

int vtoe_option_refuse(struct socket *sock)
{
	struct vtoe_sock *vsk;
	int err = -ENOPROTOOPT;

	if (!vtoe_ops_ours(sock))
		return 1;
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

/* Has a socket of this family that level? If not, Linux says so. */
static bool level_of(const struct sock *sk, int level)
{
	switch (level) {
	case IPPROTO_IP:
		return true;
	case IPPROTO_IPV6:
		return sk->sk_family == AF_INET6;
	case IPPROTO_TCP:
		return !vtoe_is_dgram(sk);
	case IPPROTO_UDP:
		return vtoe_is_dgram(sk);
	default:
		return false;
	}
}

static int set_ours(struct socket *sock, int level, int name, sockptr_t val,
		    unsigned int len)
{
	if (!level_of(sock->sk, level))
		return 1;
	switch (vtoe_option_kind(sock->sk, level, name)) {
	case VTOE_OPTION_CARRIED:
		return set_carried(sock, level, name, val, len);
	case VTOE_OPTION_READ: /* says what Linux says */
	case VTOE_OPTION_KEPT:
		return 1;
	case VTOE_OPTION_NATIVE:
		return vtoe_sock_offloaded(sock->sk) ? -ENOPROTOOPT : 1;
	default:
		return vtoe_option_refuse(sock);
	}
}

int vtoe_setsockopt(struct socket *sock, int level, int name, sockptr_t val,
		    unsigned int len)
{
	int err;

	if (level == SOL_SOCKET) /* only from within the kernel */
		return vtoe_setsockopt_socket(sock, level, name, val, len);
	vtoe_ops_enter();
	err = set_ours(sock, level, name, val, len);
	if (err == 1)
		err = vtoe_native_ops(sock->sk)->setsockopt(sock, level, name,
							    val, len);
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
static int get_carried(struct socket *sock, int level, int name,
		       char __user *val, int __user *len)
{
	struct vtoe_sock *vsk;
	int err, room;

	if (get_user(room, len))
		return -EFAULT;
	if (room < 0 && level != IPPROTO_IPV6)
		return -EINVAL;
	if (room < 0)
		room = LEN_INT; /* is what IPv6 takes it for */
	vsk = vtoe_sock_enter(sock);
	if (IS_ERR_OR_NULL(vsk))
		return vsk ? PTR_ERR(vsk) : 1;
	if (!vtoe_phase_offloaded(vsk->phase) || vtoe_listens_dual(vsk) ||
	    !vsk->has_slot || vtoe_option_foreign(vsk, level))
		err = 1;
	else
		err = get_at_dom0(vsk, level, name, room, val, len);
	vtoe_sock_leave(vsk);
	return err;
}

static int get_offloaded(struct socket *sock, int level, int name,
			 char __user *val, int __user *len)
{
	switch (vtoe_option_kind(sock->sk, level, name)) {
	case VTOE_OPTION_CARRIED:
		if (vtoe_is_dgram(sock->sk))
			return 1; /* was set there, too */
		fallthrough;
	case VTOE_OPTION_READ:
		return get_carried(sock, level, name, val, len);
	case VTOE_OPTION_REFUSED: /* UDP's own say that they are off */
		return vtoe_is_dgram(sock->sk) ? 1 : -ENOPROTOOPT;
	default:
		return 1;
	}
}

int vtoe_getsockopt(struct socket *sock, int level, int name, char __user *val,
		    int __user *len)
{
	int err = 1;

	vtoe_ops_enter();
	if (vtoe_sock_offloaded(sock->sk) && level_of(sock->sk, level))
		err = get_offloaded(sock, level, name, val, len);
	if (err == 1)
		err = vtoe_native_ops(sock->sk)->getsockopt(sock, level, name,
							    val, len);
	vtoe_ops_leave();
	return err;
}
