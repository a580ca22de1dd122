/* SPDX-License-Identifier: GPL-2.0 */
/*
 * listen.c - listen() and accept(), from dom0 and from the native stack.
 *
 * A listener keeps a number of empty slots posted; dom0 fills them as
 * connections come and writes records, which accept() takes. A dual listener is
 * also a native TCP listener: both wake the same wait queue, and accept() looks
 * at dom0's records first, then at the native queue.
 */
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <net/inet_connection_sock.h>
#include <net/tcp.h>

#include "addr.h"
#include "link.h"
#include "sock.h"
#include "stream.h"
#include "switch.h"

#define POSTS_MAX	128u /* slots a listener may hold in advance */
#define POSTS_RESERVE	64u  /* slots that listeners leave to connect() */
#define POST_RUN_ORDER	0u /* 512 posts */

/* ---- listen ---- */

static int listen_slot(struct vtoe_sock *vsk, unsigned int backlog)
{
	struct vtoe_submission cmd = { .op = VTOE_OP_LISTEN,
				       .u.listen.backlog = backlog };

	return vtoe_sock_command(vsk, &cmd, NULL);
}

/* Both locks held. */
static int post_one(struct vtoe_sock *vsk)
{
	struct front *front = &vsk->link->front;
	u32 slot;
	int err;

	if (front->nr_slots_free < POSTS_RESERVE && vsk->posts)
		return -ENOBUFS;
	err = front_slot_alloc(front, &slot);
	if (err)
		return err;
	err = front_post(&vsk->stream, slot);
	if (err)
		front_slot_free(front, slot);
	else
		vsk->posts++;
	return err;
}

/* Keep enough slots posted; lock_sock() held. */
static void replenish(struct vtoe_sock *vsk)
{
	unsigned int want = clamp(vsk->backlog, 1u, POSTS_MAX);
	struct vtoe_link *link = vsk->link;

	spin_lock_bh(&link->lock);
	if (!link->dead && vsk->stream.tx_run == VTOE_RUN_NONE)
		front_tx_attach(&vsk->stream,
				arena_alloc(&link->front.tx_arena,
					    POST_RUN_ORDER));
	while (!link->dead && vsk->posts < want)
		if (post_one(vsk))
			break;
	spin_unlock_bh(&link->lock);
	/* dom0 rarely waits for a post, or for room for its records */
	if (front_rang(&vsk->stream))
		vtoe_link_notify(link);
}

/* ctl held. Listening natively; at dom0, too, if there is a slot. */
static void now_listening(struct vtoe_sock *vsk, struct sock *sk,
			  unsigned int backlog)
{
	lock_sock(sk);
	vsk->backlog = backlog;
	if (vsk->phase != VTOE_LISTENING) {
		smp_store_release(&vsk->phase, VTOE_LISTENING);
		if (!vsk->dual) /* what SO_ACCEPTCONN looks at */
			WRITE_ONCE(sk->sk_state, TCP_LISTEN);
	}
	if (vsk->has_slot && !vsk->posts)
		atomic64_inc(&vtoe_counters.offloaded);
	if (vsk->has_slot)
		replenish(vsk);
	release_sock(sk);
	if (!vsk->has_slot)
		vtoe_offer_later(vsk);
}

/* Bound in both worlds already, or to be when there is a device. */
static int listen_dual(struct socket *sock, struct vtoe_sock *vsk, int backlog)
{
	int err = vtoe_native_ops(sock->sk)->listen(sock, backlog);

	if (!err && vsk->has_slot)
		err = listen_slot(vsk, backlog);
	if (err && err != -ENETDOWN)
		return err;
	vsk->dual = true;
	now_listening(vsk, sock->sk, backlog);
	return 0;
}

/* Not bound at all: a port that is free in both worlds. */
static int listen_unbound(struct socket *sock, struct vtoe_sock *vsk,
			  int backlog)
{
	struct vtoe_addr any = { .family = sock->sk->sk_family };
	int err, tries;

	for (tries = 0; tries < VTOE_PORT_TRIES; tries++) {
		err = vtoe_native_ops(sock->sk)->listen(sock, backlog);
		if (err)
			return err;
		err = vtoe_bind_dual(sock, vsk, &any, true);
		if (err == -EAGAIN)
			continue;
		return err ?: listen_dual(sock, vsk, backlog);
	}
	return -EADDRINUSE;
}

/* Bound at dom0. */
static int listen_dom0(struct vtoe_sock *vsk, struct sock *sk, int backlog)
{
	int err = listen_slot(vsk, backlog);

	if (!err)
		now_listening(vsk, sk, backlog);
	return err;
}

/* A wildcard listener, bound or not, that is to listen at dom0 only. */
static int listen_alone(struct socket *sock, struct vtoe_sock *vsk, int backlog)
{
	struct sock *sk = sock->sk;
	struct vtoe_addr addr = { .family = sk->sk_family };
	int err = 0;

	addr.port = (__force u16)inet_sk(sk)->inet_sport;
	if (!vsk->has_slot)
		err = vtoe_bind_dom0(vsk, sk, &addr);
	if (err && vtoe_switch_falls_back(sk, RULE_LISTEN, &addr, err))
		return listen_dual(sock, vsk, backlog);
	if (err)
		return err;
	lock_sock(sk);
	smp_store_release(&vsk->phase, VTOE_BOUND);
	release_sock(sk);
	if (inet_sk(sk)->inet_num)
		vtoe_sock_unbind_native(sock);
	vsk->dual = false;
	vsk->bind_req = addr;
	vsk->bind_req.port = vsk->local.port;
	return listen_dom0(vsk, sk, backlog);
}

/* Returns 1 to be passed on. */
static int listen_undecided(struct socket *sock, struct vtoe_sock *vsk,
			    int backlog)
{
	enum vtoe_verdict verdict = vtoe_switch_listen(sock->sk);
	int err;

	vtoe_switch_comm(vsk->comm);
	if (verdict == VTOE_DENY)
		return -EPERM;
	err = vtoe_bind_again(vsk, sock->sk);
	if (err)
		return err;
	if (vsk->phase == VTOE_BOUND)
		return verdict == VTOE_TO_NATIVE ?
			       vtoe_rebind_native(sock, vsk) ?: 1 :
			       listen_dom0(vsk, sock->sk, backlog);
	/* bound to one address natively while there was no device */
	if (verdict == VTOE_TO_NATIVE || !vtoe_bound_to_all(sock->sk)) {
		vtoe_sock_go_native(sock, vsk);
		return 1;
	}
	if (verdict == VTOE_TO_DOM0)
		return listen_alone(sock, vsk, backlog);
	return inet_sk(sock->sk)->inet_num ?
		       listen_dual(sock, vsk, backlog) :
		       listen_unbound(sock, vsk, backlog);
}

/* Bound at dom0 by its address. Returns 1 to be passed on. */
static int listen_bound(struct socket *sock, struct vtoe_sock *vsk, int backlog)
{
	switch (vtoe_switch_listen(sock->sk)) {
	case VTOE_DENY:
		return -EPERM;
	case VTOE_TO_NATIVE:
		return vtoe_rebind_native(sock, vsk) ?: 1;
	default:
		return listen_dom0(vsk, sock->sk, backlog);
	}
}

/* Returns 1 to be passed on. */
static int listen_decide(struct socket *sock, struct vtoe_sock *vsk,
			 int backlog)
{
	switch (vsk->phase) {
	case VTOE_UNDECIDED:
		return listen_undecided(sock, vsk, backlog);
	case VTOE_LISTENING:
		return vsk->dual ? listen_dual(sock, vsk, backlog) :
				   listen_dom0(vsk, sock->sk, backlog);
	case VTOE_BOUND:
		return listen_bound(sock, vsk, backlog);
	default:
		return -EINVAL;
	}
}

int vtoe_listen_offer(struct vtoe_sock *vsk, struct sock *sk)
{
	struct vtoe_addr addr = { .family = sk->sk_family };
	int err;

	/* the rules that came with the device have a say */
	if (vtoe_switch_listen(sk) != VTOE_TO_BOTH)
		return -EPERM;
	addr.port = (__force u16)inet_sk(sk)->inet_sport;
	err = vtoe_bind_dom0(vsk, sk, &addr);
	if (!err)
		err = listen_slot(vsk, vsk->backlog);
	if (!err) {
		now_listening(vsk, sk, vsk->backlog);
		return 0;
	}
	lock_sock(sk);
	vtoe_sock_drop_slot(vsk, VTOE_LISTENING);
	release_sock(sk);
	synchronize_rcu(); /* poll() looks no more at that slot */
	return err;
}

int vtoe_listen(struct socket *sock, int backlog)
{
	struct vtoe_sock *vsk;
	int err = 1;

	vtoe_ops_enter();
	vsk = vtoe_sock_enter(sock);
	if (IS_ERR(vsk)) {
		err = PTR_ERR(vsk);
	} else if (vsk) {
		err = listen_decide(sock, vsk, backlog);
		vtoe_sock_leave(vsk);
	}
	if (err == 1)
		err = vtoe_native_ops(sock->sk)->listen(sock, backlog);
	vtoe_ops_leave();
	return err;
}

/* ---- accept ---- */

static bool native_ready(const struct vtoe_sock *vsk, struct sock *sk)
{
	return vsk->dual &&
	       !reqsk_queue_empty(&inet_csk(sk)->icsk_accept_queue);
}

/*
 * A struct sock of the kernel's TCP for @newsock, as socket() would make it. It
 * is made with a socket of its own and moved, as that works in each kernel
 * version. Made "by the kernel", so that it is not intercepted and needs no
 * permission to create sockets. It holds no reference to its network namespace,
 * which is the initial one (intercept.c).
 */
static struct sock *make_sk(const struct sock *listener)
{
	struct socket *tmp;
	struct sock *sk;
	int err;

	err = sock_create_kern(sock_net(listener), listener->sk_family,
			       SOCK_STREAM, IPPROTO_TCP, &tmp);
	if (err)
		return ERR_PTR(err);
	sk = tmp->sk;
	lock_sock(sk);
	sock_orphan(sk);
	sock_reset_flag(sk, SOCK_DEAD);
	sk->sk_kern_sock = 0;
	release_sock(sk);
	tmp->sk = NULL;
	sock_release(tmp);
	return sk;
}

/* What an accepted socket has of its listener's on Linux; no priority. */
static void inherit(struct sock *sk, const struct sock *from)
{
	static const enum sock_flags flags[] = {
		SOCK_KEEPOPEN,	SOCK_LINGER, SOCK_URGINLINE, SOCK_LOCALROUTE,
		SOCK_BROADCAST, SOCK_DBG,    SOCK_NOFCS, SOCK_SELECT_ERR_QUEUE,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++)
		if (sock_flag(from, flags[i]))
			sock_set_flag(sk, flags[i]);
	sk->sk_lingertime = from->sk_lingertime;
	sk->sk_reuse = from->sk_reuse;
	sk->sk_reuseport = from->sk_reuseport;
	sk->sk_max_pacing_rate = from->sk_max_pacing_rate;
	sk->sk_rcvtimeo = from->sk_rcvtimeo;
	sk->sk_sndtimeo = from->sk_sndtimeo;
	sk->sk_rcvlowat = from->sk_rcvlowat;
	sk->sk_sndbuf = from->sk_sndbuf;
	sk->sk_rcvbuf = from->sk_rcvbuf;
	sk->sk_userlocks = from->sk_userlocks &
			   (SOCK_SNDBUF_LOCK | SOCK_RCVBUF_LOCK);
	sk->sk_no_check_tx = from->sk_no_check_tx;
	sk->sk_ipv6only = from->sk_ipv6only;
	inet_sk(sk)->cmsg_flags = inet_sk(from)->cmsg_flags;
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6)
		inet6_sk(sk)->rxopt.all = inet6_sk(from)->rxopt.all;
#endif
	sk->sk_shutdown = from->sk_shutdown; /* before it listened */
}

/* Device lock held. The slot of an accepted connection becomes @vsk's. */
static void adopt(struct vtoe_sock *vsk, struct vtoe_link *link,
		  const struct vtoe_accept *rec)
{
	front_stream_init(&vsk->stream, &link->front, rec->slot);
	kref_get(&link->ref);
	vsk->link = link;
	vsk->has_slot = true;
	vsk->family = vsk->sk->sk_family;
	vsk->local = rec->local;
	vsk->peer = rec->peer;
	smp_store_release(&vsk->phase, VTOE_CONNECTED);
	link->sock[rec->slot] = vsk;
}

/* lock_sock() of the listener held. 1: accepted; 0: nothing there. */
static int take_record(struct vtoe_sock *listener, struct vtoe_sock *vsk)
{
	struct vtoe_link *link = listener->link;
	struct vtoe_accept rec;
	int n;

	spin_lock_bh(&link->lock);
	n = link->dead ? -ENETDOWN : front_accept(&listener->stream, &rec);
	if (n > 0) {
		listener->posts--;
		adopt(vsk, link, &rec);
	}
	spin_unlock_bh(&link->lock);
	return n == -EPROTO ? -ENETDOWN : n;
}

static int accept_dom0(struct vtoe_sock *listener, struct sock *lsk,
		       struct socket *newsock)
{
	struct vtoe_sock *vsk = vtoe_sock_alloc();
	struct sock *sk;
	int n;

	if (!vsk)
		return -ENOMEM;
	sk = make_sk(lsk);
	n = PTR_ERR_OR_ZERO(sk);
	if (n)
		goto free_vsk;
	inherit(sk, lsk);
	vtoe_sock_attach(vsk, sk);
	sock_graft(sk, newsock); /* newsock is the only one that knows it */
	n = take_record(listener, vsk);
	if (n <= 0)
		return n ?: -EAGAIN; /* newsock's release frees all */
	newsock->state = SS_CONNECTED;
	vtoe_shutdown_tell(vsk, sk->sk_shutdown);
	replenish(listener);
	return 0;

free_vsk:
	vtoe_sock_put(vsk);
	return n;
}

/* Not locked. A connection of the native listener is the kernel's own. */
static int accept_native(struct socket *sock, struct socket *newsock, int flags,
			 bool kern)
{
	const struct proto_ops *native = vtoe_native_ops(sock->sk);
	int err = native->accept(sock, newsock, flags, kern);

	if (!err && vtoe_ops_ours(newsock)) {
		WRITE_ONCE(newsock->ops, native);
		module_put(THIS_MODULE);
		atomic64_inc(&vtoe_counters.native);
	}
	return err;
}

/* Arm, so that the next record wakes; true if there is something already. */
static bool arm(struct vtoe_sock *vsk, struct sock *sk)
{
	return (vsk->has_slot && front_rx_arm(&vsk->stream, 0, 1)) ||
	       native_ready(vsk, sk);
}

/* Locked. 0: something to look at, or an error. */
static int accept_wait(struct vtoe_sock *vsk, struct sock *sk, long *timeo)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	int err = 0;

	add_wait_queue_exclusive(sk_sleep(sk), &wait);
	while (vsk->phase == VTOE_LISTENING && !arm(vsk, sk)) {
		if (!*timeo)
			err = -EAGAIN;
		else if (signal_pending(current))
			err = sock_intr_errno(*timeo);
		if (err)
			break;
		release_sock(sk);
		*timeo = wait_woken(&wait, TASK_INTERRUPTIBLE, *timeo);
		lock_sock(sk);
	}
	remove_wait_queue(sk_sleep(sk), &wait);
	return err;
}

/* One attempt; -EAGAIN: nothing there. Locked on entry and return. */
static int accept_once(struct vtoe_sock *vsk, struct socket *sock,
		       struct socket *newsock, int flags, bool kern)
{
	struct sock *sk = sock->sk;
	uint32_t error;
	int err;

	if (vsk->phase != VTOE_LISTENING)
		return vsk->phase == VTOE_DEAD && sk->sk_err ? sock_error(sk) :
							       -EINVAL;
	if (vsk->has_slot && front_rx_avail(&vsk->stream) > 0)
		return accept_dom0(vsk, sk, newsock);
	if (native_ready(vsk, sk)) {
		release_sock(sk);
		err = accept_native(sock, newsock, flags | O_NONBLOCK, kern);
		lock_sock(sk);
		return err;
	}
	if (vsk->has_slot && front_status(&vsk->stream, &error) > 0 && error)
		return -(int)error; /* dom0 listens no more */
	return -EAGAIN;
}

/*
 * A record wakes one sleeper only, and only the first after arming wakes at all.
 * Who has taken one arms for the others and passes on what is there already.
 */
static void pass_on(struct vtoe_sock *vsk, struct sock *sk)
{
	if (vsk->phase == VTOE_LISTENING && vsk->has_slot &&
	    wq_has_sleeper(sk_sleep(sk)) && vtoe_rx_arm_hint(vsk))
		sk->sk_data_ready(sk);
}

static int accept_ours(struct vtoe_sock *vsk, struct socket *sock,
		       struct socket *newsock, int flags, bool kern)
{
	struct sock *sk = sock->sk;
	long timeo;
	int err;

	lock_sock(sk);
	timeo = sock_rcvtimeo(sk, flags & O_NONBLOCK);
	do {
		err = accept_once(vsk, sock, newsock, flags, kern);
		if (err != -EAGAIN)
			break;
		err = accept_wait(vsk, sk, &timeo);
	} while (!err);
	if (!err)
		pass_on(vsk, sk);
	release_sock(sk);
	return err;
}

/* The listener may become native while somebody waits here. */
int vtoe_accept(struct socket *sock, struct socket *newsock, int flags,
		bool kern)
{
	struct vtoe_sock *vsk;
	int err = -EAGAIN;
	bool native;

	vtoe_ops_enter();
	vsk = vtoe_sock_get(sock->sk);
	native = !vsk;
	if (vsk) {
		err = accept_ours(vsk, sock, newsock, flags, kern);
		native = err && READ_ONCE(vsk->phase) == VTOE_NATIVE;
		vtoe_sock_put(vsk);
	}
	if (native)
		err = accept_native(sock, newsock, flags, kern);
	vtoe_ops_leave();
	return err;
}

__poll_t vtoe_listen_poll(struct vtoe_sock *vsk, struct sock *sk)
{
	return (smp_load_acquire(&vsk->has_slot) && vtoe_rx_arm_hint(vsk)) ||
			       native_ready(vsk, sk) ?
		       EPOLLIN | EPOLLRDNORM :
		       0;
}
