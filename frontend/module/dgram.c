/* SPDX-License-Identifier: GPL-2.0 */
/* dgram.c - datagram sockets: deciding, connecting, and all but the data. */
#include <linux/module.h>
#include <linux/sockios.h>
#include <asm/ioctls.h>
#include <net/inet_common.h>
#include <net/udp.h>

#include "addr.h"
#include "dgram.h"
#include "link.h"
#include "stream.h"
#include "switch.h"

struct vtoe_flavour vtoe_dgram4, vtoe_dgram6;

/* ---- addresses ---- */

/*
 * An IPv4 socket takes AF_UNSPEC for AF_INET when it sends, an IPv6 socket an
 * AF_INET address for a mapped one.
 */
void vtoe_dgram_addr(const struct sock *sk, const struct sockaddr *addr,
		     int len, struct vtoe_sockaddr *to)
{
	const struct sockaddr_in *sin = (const struct sockaddr_in *)addr;
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };

	to->len = min_t(int, len, sizeof(to->ss));
	memcpy(&to->ss, addr, to->len);
	if (len < (int)sizeof(*sin))
		return;
	if (sk->sk_family == AF_INET && addr->sa_family == AF_UNSPEC)
		to->ss.ss_family = AF_INET;
	if (sk->sk_family == AF_INET6 && addr->sa_family == AF_INET) {
		sin6.sin6_port = sin->sin_port;
		ipv6_addr_set_v4mapped(sin->sin_addr.s_addr, &sin6.sin6_addr);
		memcpy(&to->ss, &sin6, sizeof(sin6));
		to->len = sizeof(sin6);
	}
}

int vtoe_dgram_addr_as(u16 family, struct vtoe_addr *a)
{
	if (family == a->family)
		return 0;
	if (a->family != VTOE_INET)
		return -EAFNOSUPPORT;
	vtoe_addr_map(a);
	return 0;
}

static bool at_dom0_only(const struct vtoe_sock *vsk)
{
	return vtoe_phase_offloaded(vsk->phase);
}

/* ---- slots ---- */

static void drop_slot(struct vtoe_sock *vsk, struct sock *sk, u8 phase)
{
	lock_sock(sk);
	vtoe_sock_drop_slot(vsk, phase);
	release_sock(sk);
}

static int command_connect(struct vtoe_sock *vsk, const struct vtoe_addr *to,
			   struct vtoe_addr *local)
{
	struct vtoe_submission cmd = {
		.op = VTOE_OP_CONNECT,
		.u.connect.addr = *to,
		.u.connect.tx_prod = READ_ONCE(vsk->stream.tx_prod),
	};
	struct vtoe_completion cqe;
	int err = vtoe_sock_command(vsk, &cmd, &cqe);

	if (!err)
		*local = cqe.u.addr;
	return err;
}

static void set_addresses(struct vtoe_sock *vsk, const struct vtoe_addr *local,
			  const struct vtoe_addr *peer)
{
	spin_lock_bh(&vsk->link->lock);
	vsk->local = *local;
	vsk->peer = *peer;
	vsk->connect_error = 0;
	spin_unlock_bh(&vsk->link->lock);
}

/* A slot, bound as the program has asked for, if it has. */
static int open_slot(struct vtoe_sock *vsk, struct sock *sk, u16 family)
{
	if (vsk->bind_req.family)
		return vtoe_bind_dom0(vsk, sk, &vsk->bind_req);
	return vtoe_sock_open_family(vsk, sk, family);
}

/* Of the slot that there is, or will be. */
static u16 slot_family(const struct vtoe_sock *vsk, const struct sock *sk,
		       const struct vtoe_addr *to)
{
	struct vtoe_link *link;
	bool ipv6;

	if (vsk->has_slot)
		return vsk->family;
	if (vsk->bind_req.family)
		return vsk->bind_req.family;
	if (sk->sk_family == AF_INET)
		return VTOE_INET;
	link = vtoe_link_get();
	ipv6 = !link || link->ipv6;
	if (link)
		vtoe_link_put(link);
	return ipv6 ? VTOE_INET6 : to->family;
}

/* Nothing that it has asked for bears on whether there is a way. */
static bool is_plain(const struct vtoe_sock *vsk, const struct sock *sk)
{
	return !vsk->bind_req.family && !sk->sk_ipv6only &&
	       !sock_flag(sk, SOCK_BROADCAST) &&
	       !sock_flag(sk, SOCK_LOCALROUTE);
}

static bool way_is_known(const struct vtoe_addr *to)
{
	struct vtoe_link *link = vtoe_link_get();
	bool known;

	if (!link)
		return false;
	spin_lock_bh(&link->lock);
	known = vtoe_way_known(&link->ways, to);
	spin_unlock_bh(&link->lock);
	vtoe_link_put(link);
	return known;
}

static void learn_way(struct vtoe_sock *vsk, const struct vtoe_addr *to)
{
	spin_lock_bh(&vsk->link->lock);
	vtoe_way_learn(&vsk->link->ways, to);
	spin_unlock_bh(&vsk->link->lock);
}

static int connect_and_wait(struct vtoe_sock *vsk, struct sock *sk,
			    const struct vtoe_addr *to)
{
	struct vtoe_addr local;
	int err = 0;

	if (!vsk->has_slot)
		err = open_slot(vsk, sk, to->family);
	if (!err)
		err = command_connect(vsk, to, &local);
	if (!err)
		set_addresses(vsk, &local, to);
	return err;
}

/* ctl held. Opens a slot if there is none; gives that up on error. */
static int connect_slot(struct vtoe_sock *vsk, struct sock *sk,
			struct vtoe_addr *to)
{
	struct vtoe_addr was = vsk->peer;
	bool fresh, plain;
	int err;

	if (vsk->has_slot && READ_ONCE(vsk->open_error))
		drop_slot(vsk, sk, vsk->phase); /* dom0 has none for it */
	err = vtoe_dgram_addr_as(slot_family(vsk, sk, to), to);
	if (err)
		return err;
	fresh = !vsk->has_slot;
	plain = fresh && is_plain(vsk, sk);
	if (plain && way_is_known(to)) {
		err = vtoe_sock_open(vsk, sk, to, false);
	} else {
		err = connect_and_wait(vsk, sk, to);
		if (!err && plain)
			learn_way(vsk, to);
	}
	if (err && fresh) {
		drop_slot(vsk, sk, vsk->phase);
		vsk->peer = was; /* to be tried again */
	}
	return err;
}

int vtoe_dgram_settle(struct vtoe_sock *vsk, struct sock *sk)
{
	struct vtoe_addr to;
	int err = 0;

	if (mutex_lock_killable(&vsk->ctl))
		return -EINTR;
	to = vsk->peer;
	if (vsk->phase == VTOE_CONNECTED && to.family &&
	    (!vsk->has_slot || !vsk->local.family))
		err = connect_slot(vsk, sk, &to);
	mutex_unlock(&vsk->ctl);
	return err;
}

/* ---- connect ---- */

static int connect_dom0(struct socket *sock, struct vtoe_sock *vsk,
			struct vtoe_addr *to)
{
	struct sock *sk = sock->sk;
	int err = connect_slot(vsk, sk, to);

	if (err)
		return err;
	vsk->dual = false;
	if (inet_sk(sk)->inet_num)
		vtoe_sock_unbind_native(sock);
	lock_sock(sk);
	if (vsk->phase != VTOE_CONNECTED)
		atomic64_inc(&vtoe_counters.offloaded);
	smp_store_release(&vsk->phase, VTOE_CONNECTED);
	release_sock(sk);
	return 0;
}

/* A peer in this guest. Returns 1 for the native connect(). */
static int connect_native(struct socket *sock, struct vtoe_sock *vsk)
{
	bool bound = vsk->bind_req.family;

	if (at_dom0_only(vsk) && bound && !vtoe_addr_any(&vsk->bind_req))
		return -ENETUNREACH; /* from that address there is no way */
	if (vsk->has_slot || at_dom0_only(vsk)) {
		bound = bound && at_dom0_only(vsk);
		drop_slot(vsk, sock->sk, VTOE_UNDECIDED);
		if (bound)
			vtoe_bind_native(sock, &vsk->bind_req);
	}
	return 1;
}

/* Linux gives a port up with the peer if no bind() asked for it. */
static void give_port_up(struct vtoe_sock *vsk)
{
	memset(&vsk->bind_req, 0, sizeof(vsk->bind_req));
	vsk->any_port = false;
}

/* dom0's stack does as Linux does with the port; local says what is left. */
static int disconnect_slot(struct vtoe_sock *vsk)
{
	static const struct vtoe_addr none;
	struct vtoe_addr local;
	int err = command_connect(vsk, &none, &local);

	if (!err)
		set_addresses(vsk, &local, &none);
	return err;
}

/* From a peer beyond the device. */
static int disconnect_dom0(struct socket *sock, struct vtoe_sock *vsk)
{
	struct sock *sk = sock->sk;
	u8 phase = VTOE_BOUND;
	int err;

	if (vsk->any_port)
		give_port_up(vsk);
	if (!vsk->bind_req.family || !vsk->has_slot) {
		drop_slot(vsk, sk, VTOE_UNDECIDED);
		return 0;
	}
	err = disconnect_slot(vsk);
	if (err)
		return err;
	if (vtoe_addr_any(&vsk->bind_req) &&
	    !vtoe_bind_native(sock, &vsk->bind_req)) {
		vsk->dual = true;
		phase = VTOE_UNDECIDED;
	}
	lock_sock(sk);
	smp_store_release(&vsk->phase, phase);
	release_sock(sk);
	return 0;
}

static int disconnect(struct socket *sock, struct vtoe_sock *vsk,
		      struct sockaddr *uaddr, int len, int flags)
{
	int err;

	if (vsk->phase == VTOE_CONNECTED)
		return disconnect_dom0(sock, vsk);
	if (vsk->phase == VTOE_BOUND)
		return vsk->has_slot ? disconnect_slot(vsk) : 0;
	err = vtoe_native_ops(sock->sk)->connect(sock, uaddr, len, flags);
	if (!err && vsk->has_slot && !inet_sk(sock->sk)->inet_num) {
		give_port_up(vsk);
		drop_slot(vsk, sock->sk, VTOE_UNDECIDED);
	}
	if (!err && vtoe_dgram_waits(vsk, sock->sk))
		vtoe_offer_later(vsk);
	return err;
}

/*
 * What Linux says of an address that is none for the socket: the order is that of
 * __ip4_datagram_connect() and __ip6_datagram_connect().
 */
static int unfit_error(const struct sock *sk, const struct sockaddr *uaddr,
		       int len)
{
	int shortest = sizeof(struct sockaddr_in);

	if (sk->sk_family == AF_INET6 && uaddr->sa_family == AF_INET) {
		if (ipv6_only_sock(sk))
			return -EAFNOSUPPORT;
	} else if (sk->sk_family == AF_INET6) {
		shortest = SIN6_LEN_RFC2133;
	}
	if (len < shortest)
		return -EINVAL;
	/* if the family is right: IPv4 in it, for a socket of IPv6 alone */
	return sk->sk_family == uaddr->sa_family ? -ENETUNREACH :
						   -EAFNOSUPPORT;
}

/* Returns 1 for the native connect(). */
static int connect_ours(struct socket *sock, struct vtoe_sock *vsk,
			struct sockaddr *uaddr, int len, int flags)
{
	struct vtoe_sockaddr addr;
	struct vtoe_addr to;
	int err;

	if (len < (int)sizeof(uaddr->sa_family))
		return -EINVAL;
	if (uaddr->sa_family == AF_UNSPEC)
		return disconnect(sock, vsk, uaddr, len, flags);
	vtoe_dgram_addr(sock->sk, uaddr, len, &addr);
	switch (vtoe_switch_connect(sock->sk, (struct sockaddr *)&addr.ss,
				    addr.len, &to)) {
	case VTOE_TO_DOM0:
		err = connect_dom0(sock, vsk, &to);
		if (!err || at_dom0_only(vsk) ||
		    !vtoe_switch_falls_back(sock->sk, RULE_CONNECT, &to, err))
			return err;
		return 1;
	case VTOE_DENY:
		return -EPERM;
	case VTOE_TO_NATIVE:
		return connect_native(sock, vsk);
	default:
		if (!at_dom0_only(vsk))
			return 1; /* knows the error */
		return unfit_error(sock->sk, uaddr, len);
	}
}

static int vtoe_dgram_connect(struct socket *sock, struct sockaddr *uaddr,
			      int len, int flags)
{
	struct vtoe_sock *vsk;
	int err = 1;

	vtoe_ops_enter();
	vsk = vtoe_sock_enter(sock);
	if (IS_ERR(vsk)) {
		err = PTR_ERR(vsk);
	} else if (vsk) {
		err = connect_ours(sock, vsk, uaddr, len, flags);
		vtoe_sock_leave(vsk);
	}
	if (err == 1)
		err = vtoe_native_ops(sock->sk)->connect(sock, uaddr, len,
							 flags);
	vtoe_ops_leave();
	return err;
}

/* ---- sending without having been bound ---- */

/* A port that is free in both worlds. */
static int bind_any_port(struct socket *sock, struct vtoe_sock *vsk)
{
	struct vtoe_addr any = { .family = sock->sk->sk_family };
	int err, tries;

	for (tries = 0; tries < VTOE_PORT_TRIES; tries++) {
		err = inet_send_prepare(sock->sk);
		if (!err)
			err = vtoe_bind_dual(sock, vsk, &any, true);
		if (err != -EAGAIN)
			return err;
	}
	return -EAGAIN; /* as if the guest's ports were exhausted */
}

static int autobind(struct socket *sock, struct vtoe_sock *vsk)
{
	int err = inet_sk(sock->sk)->inet_num ?
			  vtoe_dgram_offer(vsk, sock->sk) :
			  bind_any_port(sock, vsk);

	if (!err && !vsk->has_slot)
		return -ENETDOWN;
	if (!err) /* as Linux knows it */
		vsk->any_port = !(sock->sk->sk_userlocks & SOCK_BINDPORT_LOCK);
	if (!err)
		atomic64_inc(&vtoe_counters.offloaded);
	return err;
}

bool vtoe_dgram_has_port(const struct vtoe_sock *vsk)
{
	if (!READ_ONCE(vsk->has_slot))
		return false;
	return READ_ONCE(vsk->phase) != VTOE_BOUND ||
	       READ_ONCE(vsk->local.port);
}

struct vtoe_sock *vtoe_dgram_autobind(struct socket *sock,
				      const struct vtoe_addr *to)
{
	struct vtoe_sock *vsk = vtoe_sock_enter(sock);
	bool alone;
	int err = 0;

	if (IS_ERR_OR_NULL(vsk))
		return vsk;
	alone = at_dom0_only(vsk);
	if (vsk->has_slot && !vtoe_dgram_has_port(vsk))
		err = vtoe_bind_port(vsk);
	else if (!vsk->has_slot)
		err = alone ? -ENETDOWN : autobind(sock, vsk);
	refcount_inc(&vsk->ref);
	vtoe_sock_leave(vsk);
	if (!err)
		return vsk;
	vtoe_sock_put(vsk);
	return !alone && vtoe_switch_falls_back(sock->sk, RULE_CONNECT, to, err) ?
		       NULL :
		       ERR_PTR(err);
}

/* ---- a new link ---- */

bool vtoe_dgram_waits(const struct vtoe_sock *vsk, const struct sock *sk)
{
	if (vsk->has_slot)
		return false;
	if (at_dom0_only(vsk))
		return true;
	return vsk->phase == VTOE_UNDECIDED && inet_sk(sk)->inet_num &&
	       vtoe_bound_to_all(sk) && sk->sk_state != TCP_ESTABLISHED &&
	       vtoe_switch_listen(sk) == VTOE_TO_BOTH;
}

int vtoe_dgram_offer(struct vtoe_sock *vsk, struct sock *sk)
{
	struct vtoe_addr addr = vsk->peer;
	int err;

	if (vsk->phase == VTOE_CONNECTED)
		return connect_slot(vsk, sk, &addr);
	if (vsk->phase == VTOE_BOUND) {
		addr = vsk->bind_req;
	} else {
		memset(&addr, 0, sizeof(addr));
		addr.family = sk->sk_family;
		addr.port = (__force u16)inet_sk(sk)->inet_sport;
	}
	err = vtoe_bind_dom0(vsk, sk, &addr);
	if (err)
		return err;
	vsk->bind_req = addr;
	vsk->dual = vsk->phase == VTOE_UNDECIDED;
	return 0;
}

/* ---- the rest ---- */

static int vtoe_dgram_shutdown(struct socket *sock, int how)
{
	struct sock *sk = sock->sk;
	struct vtoe_sock *vsk;
	int err = 1;

	if (how < SHUT_RD || how > SHUT_RDWR)
		return -EINVAL;
	vtoe_ops_enter();
	vsk = vtoe_sock_get(sk);
	if (vsk) {
		lock_sock(sk);
		if (vsk->phase == VTOE_CONNECTED) {
			WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown | (how + 1));
			sk->sk_state_change(sk);
			err = 0;
		}
		release_sock(sk);
		vtoe_sock_put(vsk);
	}
	if (err == 1)
		err = vtoe_native_ops(sk)->shutdown(sock, how);
	vtoe_ops_leave();
	return err;
}

bool vtoe_dgram_native_first(const struct sock *sk)
{
	return !skb_queue_empty_lockless(&sk->sk_receive_queue) ||
	       !skb_queue_empty_lockless(&udp_sk(sk)->reader_queue);
}

/*
 * Bytes of the first datagram at dom0, if it is that one's turn (dgram_receive.c),
 * or of all that are to be sent.
 */
static int queued(struct vtoe_sock *vsk, struct sock *sk, unsigned int cmd)
{
	struct vtoe_datagram head;
	int n = 0;

	lock_sock(sk);
	if (vsk->has_slot && cmd == SIOCOUTQ)
		n = max(front_tx_used(&vsk->stream), 0);
	else if (vsk->has_slot && !vtoe_dgram_native_first(sk) &&
		 front_dgram_peek(&vsk->stream, &head) > 0)
		n = head.len;
	release_sock(sk);
	return n;
}

static int native_ioctl(struct socket *sock, unsigned int cmd,
			unsigned long arg)
{
	int err;

	vtoe_ops_enter();
	err = vtoe_native_ops(sock->sk)->ioctl(sock, cmd, arg);
	vtoe_ops_leave();
	return err;
}

static int vtoe_dgram_ioctl(struct socket *sock, unsigned int cmd,
			    unsigned long arg)
{
	struct sock *sk = sock->sk;
	struct vtoe_sock *vsk = NULL;
	int n;

	if (cmd == SIOCINQ || cmd == SIOCOUTQ)
		vsk = vtoe_sock_get(sk);
	if (!vsk)
		return native_ioctl(sock, cmd, arg);
	n = queued(vsk, sk, cmd);
	vtoe_sock_put(vsk);
	if (!n)
		return native_ioctl(sock, cmd, arg);
	return put_user(n, (int __user *)arg);
}

/* What the struct sock says holds in both worlds: errors, shutdown. */
static __poll_t vtoe_dgram_poll(struct file *file, struct socket *sock,
				poll_table *wait)
{
	__poll_t wanted = vtoe_poll_wanted(wait), mask;
	struct sock *sk = sock->sk;
	struct vtoe_sock *vsk;

	vtoe_ops_enter();
	mask = vtoe_native_ops(sk)->poll(file, sock, wait);
	vtoe_ops_leave();
	vsk = vtoe_sock_get(sk);
	if (!vsk)
		return mask;
	rcu_read_lock();
	if (smp_load_acquire(&vsk->has_slot)) {
		if (vtoe_poll_readable(vsk, sk, wanted & EPOLLET))
			mask |= EPOLLIN | EPOLLRDNORM;
		if (wanted & VTOE_POLL_ROOM && mask & EPOLLOUT &&
		    !vtoe_poll_writable(vsk, sk))
			mask &= ~(EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND);
	}
	rcu_read_unlock();
	vtoe_sock_put(vsk);
	return mask;
}

static int vtoe_dgram_set_peek_off(struct sock *sk, int val)
{
	return vtoe_sock_offloaded(sk) ? -EOPNOTSUPP : sk_set_peek_off(sk, val);
}

#define VTOE_OPS(pf)                                                           \
	{                                                                      \
		.family = pf, .owner = THIS_MODULE, .release = vtoe_release,   \
		.bind = vtoe_bind, .connect = vtoe_dgram_connect,              \
		.socketpair = sock_no_socketpair, .accept = sock_no_accept,    \
		.getname = vtoe_getname, .poll = vtoe_dgram_poll,              \
		.ioctl = vtoe_dgram_ioctl, .gettstamp = vtoe_gettstamp,        \
		.listen = sock_no_listen, .shutdown = vtoe_dgram_shutdown,     \
		.setsockopt = vtoe_setsockopt, .getsockopt = vtoe_getsockopt,  \
		.sendmsg = vtoe_dgram_sendmsg, .recvmsg = vtoe_dgram_recvmsg,  \
		.mmap = sock_no_mmap, .sendpage = sock_no_sendpage,            \
		.set_peek_off = vtoe_dgram_set_peek_off,                       \
	}

void vtoe_dgram_init(void)
{
	static const struct proto_ops ops4 = VTOE_OPS(PF_INET);
	static const struct proto_ops ops6 = VTOE_OPS(PF_INET6);

	vtoe_dgram4.native = &inet_dgram_ops;
	vtoe_dgram4.prot = &udp_prot;
	vtoe_flavour_find(&vtoe_dgram6, SOCK_DGRAM, IPPROTO_UDP);
	vtoe_dgram4.ours = ops4;
	vtoe_dgram6.ours = ops6;
#ifdef CONFIG_COMPAT
	vtoe_dgram4.ours.compat_ioctl = vtoe_compat_ioctl;
	vtoe_dgram6.ours.compat_ioctl = vtoe_compat_ioctl;
#endif
}
