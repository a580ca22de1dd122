/* SPDX-License-Identifier: GPL-2.0 */
/*
 * connect.c - bind() and connect().
 *
 * The order of checks and the errors are those of the kernel's own
 * inet_stream_connect(), so that non-blocking connects, second connects,
 * time-outs and signals look the same.
 */
#include <linux/sched/signal.h>
#include <net/inet_sock.h>
#include <net/ip.h>

#include "addr.h"
#include "dgram.h"
#include "link.h"
#include "sock.h"
#include "stream.h"
#include "switch.h"

/* ---- bind ---- */

/* Both bound, to one port, for programs of different users? */
static bool strangers(const struct vtoe_sock *a, const struct vtoe_sock *b)
{
	u8 phase = READ_ONCE(b->phase);

	return b != a && b->sk && b->sk->sk_type == a->sk->sk_type &&
	       b->local.port == a->local.port &&
	       (phase == VTOE_UNDECIDED || phase == VTOE_BOUND ||
		phase == VTOE_LISTENING) &&
	       !uid_eq(a->sk->sk_uid, b->sk->sk_uid);
}

/*
 * SO_REUSEPORT shares a port among the sockets of one user. To dom0 all of the
 * guest's users are one, so this is for us to see. Of two that bind at once
 * each finds the other.
 */
static int share_port(struct vtoe_sock *vsk, const struct vtoe_addr *local)
{
	struct vtoe_link *link = vsk->link;
	bool taken = false;
	u32 i;

	spin_lock_bh(&link->lock);
	vsk->local = *local;
	for (i = 0; vsk->sk->sk_reuseport && !taken &&
		    i < link->front.view.geo.nr_slots; i++)
		taken = link->sock[i] && strangers(vsk, link->sock[i]);
	if (taken)
		memset(&vsk->local, 0, sizeof(vsk->local));
	spin_unlock_bh(&link->lock);
	return taken ? -EADDRINUSE : 0;
}

static int bind_slot(struct vtoe_sock *vsk, const struct vtoe_addr *addr)
{
	struct vtoe_submission cmd = { .op = VTOE_OP_BIND, .u.addr = *addr };
	struct vtoe_completion cqe;
	int err = vtoe_sock_command(vsk, &cmd, &cqe);

	return err ?: share_port(vsk, &cqe.u.addr);
}

int vtoe_bind_port(struct vtoe_sock *vsk)
{
	struct vtoe_addr addr = vsk->bind_req;
	int err;

	addr.port = 0;
	err = bind_slot(vsk, &addr);
	if (!err)
		vsk->bind_req.port = vsk->local.port;
	return err;
}

static void drop_slot(struct vtoe_sock *vsk, struct sock *sk, u8 phase)
{
	lock_sock(sk);
	vtoe_sock_drop_slot(vsk, phase);
	release_sock(sk);
}

int vtoe_bind_dom0(struct vtoe_sock *vsk, struct sock *sk,
		   const struct vtoe_addr *addr)
{
	int err = vtoe_sock_open_family(vsk, sk, addr->family);

	if (!err)
		err = bind_slot(vsk, addr);
	if (err)
		drop_slot(vsk, sk, vsk->phase);
	return err;
}

int vtoe_bind_native(struct socket *sock, const struct vtoe_addr *addr)
{
	struct sockaddr_in6 sin6;
	int len = vtoe_addr_to_sockaddr(addr, sock->sk->sk_family,
					(struct sockaddr *)&sin6);

	return vtoe_native_ops(sock->sk)->bind(sock, (struct sockaddr *)&sin6,
					       len);
}

int vtoe_bind_dual(struct socket *sock, struct vtoe_sock *vsk,
		   const struct vtoe_addr *wildcard, bool any_port)
{
	struct sock *sk = sock->sk;
	struct vtoe_addr addr = *wildcard;
	int err;

	addr.port = (__force u16)inet_sk(sk)->inet_sport;
	err = vtoe_bind_dom0(vsk, sk, &addr);
	if (!err) {
		vsk->dual = true;
		vsk->any_port = !(sk->sk_userlocks & SOCK_BINDPORT_LOCK);
		vsk->bind_req = addr;
		return 0;
	}
	if (vtoe_switch_falls_back(sk, RULE_LISTEN, &addr, err))
		return 0;
	vtoe_sock_unbind_native(sock);
	return err == -EADDRINUSE && any_port ? -EAGAIN : err;
}

/* Returns 1 to be passed on to the native bind(). */
static int bind_both(struct socket *sock, struct vtoe_sock *vsk,
		     struct sockaddr *uaddr, int len,
		     const struct vtoe_addr *addr)
{
	int err, tries;

	for (tries = 0; tries < VTOE_PORT_TRIES; tries++) {
		err = vtoe_native_ops(sock->sk)->bind(sock, uaddr, len);
		if (err)
			return err;
		err = vtoe_bind_dual(sock, vsk, addr, !addr->port);
		if (err != -EAGAIN)
			return err;
	}
	return -EADDRINUSE;
}

static bool port_allowed(const struct sock *sk, u16 port)
{
	struct net *net = sock_net(sk);
	u16 snum = ntohs((__force __be16)port);

	return !snum || !inet_port_requires_bind_service(net, snum) ||
	       ns_capable(net->user_ns, CAP_NET_BIND_SERVICE);
}

static int bind_offloaded(struct vtoe_sock *vsk, struct sock *sk,
			  const struct vtoe_addr *addr)
{
	int err;

	if (!port_allowed(sk, addr->port))
		return -EACCES;
	err = vtoe_bind_dom0(vsk, sk, addr);
	if (err)
		return vtoe_switch_falls_back(sk, RULE_LISTEN, addr, err) ?
			       1 :
			       err;
	vsk->bind_req = *addr;
	vsk->bind_req.port = vsk->local.port;
	lock_sock(sk);
	if (addr->family == VTOE_INET6 && !vtoe_addr_any(addr))
		sk->sk_ipv6only = true; /* as Linux's own bind() */
	smp_store_release(&vsk->phase, VTOE_BOUND);
	release_sock(sk);
	atomic64_inc(&vtoe_counters.offloaded);
	return 0;
}

/* What Linux says of an address before it looks at the socket's state. */
static int address_error(const struct sock *sk, const struct sockaddr *uaddr,
			 int len)
{
	int shortest = sk->sk_family == AF_INET6 ? SIN6_LEN_RFC2133 :
						   sizeof(struct sockaddr_in);

	if (len < shortest)
		return -EINVAL;
	if (sk->sk_family == AF_INET && uaddr->sa_family == AF_UNSPEC &&
	    ((const struct sockaddr_in *)uaddr)->sin_addr.s_addr == INADDR_ANY)
		return 0; /* IPv4 takes it for the wildcard address */
	return uaddr->sa_family == sk->sk_family ? 0 : -EAFNOSUPPORT;
}

/* Binds again as was requested; the phase becomes BOUND. ctl held. */
int vtoe_bind_again(struct vtoe_sock *vsk, struct sock *sk)
{
	int err;

	if (!vtoe_bound_before(vsk, sk))
		return 0;
	err = vtoe_bind_dom0(vsk, sk, &vsk->bind_req);
	if (err)
		return err;
	lock_sock(sk);
	smp_store_release(&vsk->phase, VTOE_BOUND);
	release_sock(sk);
	return 0;
}

/*
 * What Linux says of a socket that has a port. It may have it from the guest's own
 * stack, to which the device's addresses are foreign.
 */
static int bind_bound(struct socket *sock, struct sockaddr *uaddr, int len)
{
	int err = vtoe_native_ops(sock->sk)->bind(sock, uaddr, len);

	return err == -EADDRNOTAVAIL ? -EINVAL : err;
}

/* Returns 1 to be passed on. */
static int bind_decide(struct socket *sock, struct vtoe_sock *vsk,
		       struct sockaddr *uaddr, int len)
{
	struct sock *sk = sock->sk;
	struct vtoe_addr addr;

	if (vsk->phase != VTOE_UNDECIDED || vtoe_bound_before(vsk, sk))
		return address_error(sk, uaddr, len) ?: -EINVAL;
	if (inet_sk(sk)->inet_num || vsk->has_slot)
		return bind_bound(sock, uaddr, len);
	vtoe_switch_comm(vsk->comm);
	switch (vtoe_switch_bind(sk, uaddr, len, &addr)) {
	case VTOE_TO_NATIVE:
		vtoe_sock_go_native(sock, vsk);
		return 1;
	case VTOE_TO_DOM0:
		return bind_offloaded(vsk, sk, &addr);
	case VTOE_TO_BOTH:
		return bind_both(sock, vsk, uaddr, len, &addr);
	case VTOE_DENY:
		return -EPERM;
	default:
		return 1;
	}
}

int vtoe_bind(struct socket *sock, struct sockaddr *uaddr, int len)
{
	struct vtoe_sock *vsk;
	int err = 1;

	vtoe_ops_enter();
	vsk = vtoe_sock_enter(sock);
	if (IS_ERR(vsk)) {
		err = PTR_ERR(vsk);
	} else if (vsk) {
		err = bind_decide(sock, vsk, uaddr, len);
		if (!err && vtoe_is_dgram(sock->sk) &&
		    vtoe_dgram_waits(vsk, sock->sk))
			vtoe_offer_later(vsk);
		vtoe_sock_leave(vsk);
	}
	if (err == 1)
		err = vtoe_native_ops(sock->sk)->bind(sock, uaddr, len);
	vtoe_ops_leave();
	return err;
}

int vtoe_rebind_native(struct socket *sock, struct vtoe_sock *vsk)
{
	struct vtoe_addr addr = vsk->bind_req;
	int err;

	drop_slot(vsk, sock->sk, VTOE_UNDECIDED);
	memset(&vsk->bind_req, 0, sizeof(vsk->bind_req));
	err = vtoe_bind_native(sock, &addr);
	if (!err)
		vtoe_sock_go_native(sock, vsk);
	return err;
}

/* ---- connect ---- */

/* Usable anew: after a failed connect, or connect(AF_UNSPEC). Locked. */
static void reset(struct socket *sock, struct vtoe_sock *vsk)
{
	struct sock *sk = sock->sk;

	vtoe_sock_drop_slot(vsk, VTOE_UNDECIDED);
	WRITE_ONCE(sk->sk_shutdown, 0);
	sock->state = SS_UNCONNECTED;
}

/* As tcp_disconnect(): is there a connection to be torn down? Locked. */
static bool disconnect_resets(struct vtoe_sock *vsk)
{
	u32 error;

	switch (READ_ONCE(vsk->phase)) {
	case VTOE_CONNECTING:
		return true;
	case VTOE_CONNECTED:
		return !(front_status(&vsk->stream, &error) & VTOE_DOM0_HUP);
	default:
		return false;
	}
}

static int disconnect(struct socket *sock, struct vtoe_sock *vsk)
{
	struct sock *sk = sock->sk;
	bool dual = vsk->dual;

	lock_sock(sk);
	sk->sk_disconnects++;
	if (vtoe_listens_alone(vsk))
		WRITE_ONCE(sk->sk_state, TCP_CLOSE);
	if (disconnect_resets(vsk))
		WRITE_ONCE(sk->sk_err, ECONNRESET);
	reset(sock, vsk);
	sk->sk_state_change(sk);
	if (sk->sk_err)
		sk_error_report(sk);
	release_sock(sk);
	return dual ? 1 : 0; /* the native half, too */
}

/* A slot that is there already, or is bound again as was requested. */
static int connect_bound(struct socket *sock, struct vtoe_sock *vsk,
			 const struct vtoe_addr *to)
{
	struct sock *sk = sock->sk;
	int err = 0;

	if (!vsk->has_slot)
		err = vtoe_bind_dom0(vsk, sk, &vsk->bind_req);
	if (!err)
		err = vtoe_sock_connect_slot(vsk, sk, to);
	if (err)
		return err;
	if (vsk->dual) {
		vsk->dual = false;
		vtoe_sock_unbind_native(sock);
	}
	return 0;
}

/* Bound to a port in the guest's own stack only: it is to have it at dom0. */
static void keep_native_port(struct vtoe_sock *vsk, const struct sock *sk)
{
	if (!inet_sk(sk)->inet_num || vsk->has_slot)
		return;
	vsk->bind_req.family = sk->sk_family;
	vsk->bind_req.port = (__force u16)inet_sk(sk)->inet_sport;
	vsk->dual = true;
}

static int connect_dom0(struct socket *sock, struct vtoe_sock *vsk,
			struct vtoe_addr *to, bool nonblock)
{
	int err;

	keep_native_port(vsk, sock->sk);
	if (vsk->bind_req.family == VTOE_INET && to->family != VTOE_INET)
		return -EAFNOSUPPORT; /* as Linux, though it was mapped */
	if ((vsk->has_slot || vsk->bind_req.family) &&
	    vsk->bind_req.family == VTOE_INET6 && to->family == VTOE_INET)
		vtoe_addr_map(to);
	if (vsk->has_slot || vsk->bind_req.family)
		err = connect_bound(sock, vsk, to);
	else
		err = vtoe_sock_open(vsk, sock->sk, to, nonblock);
	if (err)
		return err;
	atomic64_inc(&vtoe_counters.offloaded);
	sock->state = SS_CONNECTING;
	return 0;
}

/* Returns 1 to be passed on, 0 if a connect to dom0 began. */
static int connect_decide(struct socket *sock, struct vtoe_sock *vsk,
			  struct sockaddr *uaddr, int len, int flags)
{
	struct sock *sk = sock->sk;
	struct vtoe_addr to;
	int err;

	if (uaddr->sa_family == AF_UNSPEC || sk->sk_state != TCP_CLOSE ||
	    sock->state != SS_UNCONNECTED)
		return 1;
	switch (vtoe_switch_connect(sk, uaddr, len, &to)) {
	case VTOE_TO_DOM0:
		err = connect_dom0(sock, vsk, &to, flags & O_NONBLOCK);
		if (!vtoe_switch_falls_back(sk, RULE_CONNECT, &to, err))
			return err;
		fallthrough;
	case VTOE_TO_NATIVE:
		vtoe_sock_go_native(sock, vsk);
		return 1;
	case VTOE_DENY:
		return -EPERM;
	default:
		return 1;
	}
}

static long wait_connecting(struct vtoe_sock *vsk, struct sock *sk, long timeo)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);

	add_wait_queue(sk_sleep(sk), &wait);
	while (READ_ONCE(vsk->phase) == VTOE_CONNECTING && timeo &&
	       !signal_pending(current)) {
		release_sock(sk);
		timeo = wait_woken(&wait, TASK_INTERRUPTIBLE, timeo);
		lock_sock(sk);
	}
	remove_wait_queue(sk_sleep(sk), &wait);
	return timeo;
}

/* What Linux, which holds the lock, never knows within connect(). Locked. */
static bool known_later(const struct vtoe_sock *vsk, const struct sock *sk)
{
	switch (READ_ONCE(sk->sk_err)) {
	case 0:
		return READ_ONCE(vsk->phase) == VTOE_CONNECTED;
	case ECONNREFUSED:
	case ECONNRESET:
	case EHOSTUNREACH:
	case ETIMEDOUT:
		return true;
	default:
		return false;
	}
}

/*
 * Locked. A connection that was reset before connect() could tell of it is none,
 * but a program may have shut its socket down before.
 */
static bool has_failed(const struct socket *sock, struct vtoe_sock *vsk)
{
	switch (READ_ONCE(vsk->phase)) {
	case VTOE_CONNECTED:
		return sock->state == SS_CONNECTING &&
		       sock->sk->sk_shutdown != SHUTDOWN_MASK &&
		       vtoe_shutdown_now(vsk, sock->sk) == SHUTDOWN_MASK;
	case VTOE_FAILED:
	case VTOE_DEAD:
		return true;
	default:
		return false;
	}
}

/* Locked. @err: what to say while it is under way. @failed: it has ended so. */
static int connect_wait(struct socket *sock, struct vtoe_sock *vsk, int flags,
			int err, bool *failed)
{
	struct sock *sk = sock->sk;
	long timeo = sock_sndtimeo(sk, flags & O_NONBLOCK);

	if (!timeo && err == -EINPROGRESS && known_later(vsk, sk))
		return err;
	if (READ_ONCE(vsk->phase) == VTOE_CONNECTING) {
		if (!timeo)
			return err;
		timeo = wait_connecting(vsk, sk, timeo);
		if (READ_ONCE(vsk->phase) == VTOE_CONNECTING)
			return signal_pending(current) && timeo ?
				       sock_intr_errno(timeo) :
				       err;
	}
	*failed = has_failed(sock, vsk); /* connect_again() resets it */
	/* or somebody disconnected it while this one waited */
	if (*failed || READ_ONCE(vsk->phase) != VTOE_CONNECTED)
		return sock_error(sk) ?: -ECONNABORTED;
	sock->state = SS_CONNECTED;
	return 0;
}

/* Its failure has been told. ctl is taken before lock_sock(). */
static void reset_failed(struct socket *sock, struct vtoe_sock *vsk)
{
	if (mutex_lock_killable(&vsk->ctl))
		return; /* so is whoever would have used it anew */
	lock_sock(sock->sk);
	if (has_failed(sock, vsk))
		reset(sock, vsk);
	release_sock(sock->sk);
	mutex_unlock(&vsk->ctl);
}

/* An offloaded socket: connecting, connected, failed, ... */
static int connect_again(struct socket *sock, struct vtoe_sock *vsk, int flags,
			 int err)
{
	struct sock *sk = sock->sk;
	bool failed = false;

	lock_sock(sk);
	if (vsk->phase == VTOE_LISTENING || sock->state == SS_CONNECTED)
		err = -EISCONN;
	else
		err = connect_wait(sock, vsk, flags, err, &failed);
	release_sock(sk);
	if (failed)
		reset_failed(sock, vsk);
	return err;
}

/* At dom0 already, by its local address. */
static int connect_from_bound(struct socket *sock, struct vtoe_sock *vsk,
			      struct sockaddr *uaddr, int len, int flags)
{
	struct vtoe_addr to;

	switch (vtoe_switch_connect(sock->sk, uaddr, len, &to)) {
	case VTOE_PASS:
		return address_error(sock->sk, uaddr, len) ?: -ENETUNREACH;
	case VTOE_DENY:
		return -EPERM;
	case VTOE_TO_NATIVE:
		return vtoe_rebind_native(sock, vsk) ?: 1;
	default:
		return connect_dom0(sock, vsk, &to, flags & O_NONBLOCK);
	}
}

static int connect_ours(struct socket *sock, struct vtoe_sock *vsk,
			struct sockaddr *uaddr, int len, int flags, bool *wait)
{
	if (len < (int)sizeof(uaddr->sa_family))
		return -EINVAL;
	if (!vtoe_phase_offloaded(vsk->phase))
		return connect_decide(sock, vsk, uaddr, len, flags);
	if (uaddr->sa_family == AF_UNSPEC)
		return disconnect(sock, vsk);
	if (vsk->phase == VTOE_BOUND)
		return connect_from_bound(sock, vsk, uaddr, len, flags);
	*wait = true;
	return 0;
}

/*
 * A connect() that failed because dom0 would not open its socket: may it go on
 * natively? One that did not wait has its error in SO_ERROR, and no second try.
 */
static bool refused_to_native(struct socket *sock, int err)
{
	struct vtoe_sock *vsk = vtoe_sock_enter(sock);
	bool native;

	if (IS_ERR_OR_NULL(vsk))
		return false;
	native = vsk->phase == VTOE_UNDECIDED && vsk->open_error == err &&
		 !vsk->bind_req.family &&
		 vtoe_switch_falls_back(sock->sk, RULE_CONNECT, &vsk->peer,
					err);
	vsk->open_error = 0;
	if (native)
		vtoe_sock_go_native(sock, vsk);
	vtoe_sock_leave(vsk);
	return native;
}

/* After vtoe_connect() has begun one at dom0, or found one. */
static int connect_finish(struct socket *sock, struct sockaddr *uaddr, int len,
			  int flags, int err)
{
	struct vtoe_sock *vsk = vtoe_sock_get(sock->sk);
	bool refused;

	if (!vsk)
		return 0;
	err = connect_again(sock, vsk, flags, err);
	refused = err && err == READ_ONCE(vsk->open_error);
	vtoe_sock_put(vsk);
	if (refused && refused_to_native(sock, err))
		err = vtoe_native_ops(sock->sk)->connect(sock, uaddr, len,
							 flags);
	return err;
}

int vtoe_connect(struct socket *sock, struct sockaddr *uaddr, int len,
		 int flags)
{
	struct vtoe_sock *vsk;
	bool again = false;
	int err = 1;

	vtoe_ops_enter();
	vsk = vtoe_sock_enter(sock);
	if (IS_ERR(vsk)) {
		err = PTR_ERR(vsk);
	} else if (vsk) {
		err = connect_ours(sock, vsk, uaddr, len, flags, &again);
		vtoe_sock_leave(vsk);
	}
	if (err == 1)
		err = vtoe_native_ops(sock->sk)->connect(sock, uaddr, len,
							 flags);
	else if (!err)
		err = connect_finish(sock, uaddr, len, flags,
				     again ? -EALREADY : -EINPROGRESS);
	vtoe_ops_leave();
	return err;
}
