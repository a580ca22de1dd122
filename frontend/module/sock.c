/* SPDX-License-Identifier: GPL-2.0 */
#include <linux/module.h>
#include <linux/slab.h>
#include <net/inet_common.h>
#include <net/tcp.h>
#include <net/udp.h>

#include "addr.h"
#include "call.h"
#include "dgram.h"
#include "link.h"
#include "sock.h"

struct vtoe_flavour vtoe_stream4, vtoe_stream6;

/* ---- calls on their way through, see sock.h ---- */

static atomic_t passing = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(passing_wait);

void vtoe_ops_enter(void)
{
	atomic_inc(&passing);
}

void vtoe_ops_leave(void)
{
	if (atomic_dec_and_test(&passing))
		wake_up_all(&passing_wait);
}

/* ---- the place beside the struct sock ---- */

/* A connection accepted natively by a dual listener begins without us. */
static void ulp_clone(const struct request_sock *req, struct sock *newsk,
		      const gfp_t priority)
{
	struct inet_connection_sock *icsk = inet_csk(newsk);

	icsk->icsk_ulp_ops = NULL;
	rcu_assign_pointer(icsk->icsk_ulp_data, NULL);
}

static const struct tcp_ulp_ops vtoe_ulp = {
	.name = "vtoe",
	.clone = ulp_clone,
};

/*
 * A UDP socket has no such place, but sk_user_data, whose lowest bits are flags
 * of those who use it. The next one up is ours. An allocation leaves it free:
 * kmalloc() aligns what it takes from caches of 256 and 512 bytes by as much.
 */
#define USER_DATA_OURS 8ul

static_assert(sizeof(struct vtoe_sock) > 192 &&
	      sizeof(struct vtoe_sock) <= 512);
static_assert(!(USER_DATA_OURS & ~SK_USER_DATA_PTRMASK));

static struct vtoe_sock *beside_dgram(const struct sock *sk)
{
	unsigned long data = (unsigned long)READ_ONCE(sk->sk_user_data);

	if (!(data & USER_DATA_OURS))
		return NULL;
	return (struct vtoe_sock *)(data & ~USER_DATA_OURS & SK_USER_DATA_PTRMASK);
}

/* Under RCU, lock_sock(), or with the file's reference if it is offloaded. */
static struct vtoe_sock *beside(const struct sock *sk)
{
	const struct inet_connection_sock *icsk = inet_csk(sk);

	if (vtoe_is_dgram(sk))
		return beside_dgram(sk);
	if (READ_ONCE(icsk->icsk_ulp_ops) != &vtoe_ulp)
		return NULL;
	return rcu_dereference_check(icsk->icsk_ulp_data, 1);
}

static bool attach_dgram(struct vtoe_sock *vsk, struct sock *sk)
{
	unsigned long data = (unsigned long)vsk | USER_DATA_OURS;
	bool free;

	write_lock_bh(&sk->sk_callback_lock);
	free = !sk->sk_user_data;
	if (free) {
		vsk->sk = sk;
		smp_store_release(&sk->sk_user_data, (void *)data);
	}
	write_unlock_bh(&sk->sk_callback_lock);
	return free;
}

bool vtoe_sock_attach(struct vtoe_sock *vsk, struct sock *sk)
{
	struct inet_connection_sock *icsk = inet_csk(sk);

	if (vtoe_is_dgram(sk))
		return attach_dgram(vsk, sk);
	vsk->sk = sk;
	rcu_assign_pointer(icsk->icsk_ulp_data, vsk);
	smp_store_release(&icsk->icsk_ulp_ops, &vtoe_ulp);
	return true;
}

static void detach(struct sock *sk)
{
	struct inet_connection_sock *icsk = inet_csk(sk);

	if (vtoe_is_dgram(sk)) {
		WRITE_ONCE(sk->sk_user_data, NULL);
		return;
	}
	WRITE_ONCE(icsk->icsk_ulp_ops, NULL);
	rcu_assign_pointer(icsk->icsk_ulp_data, NULL);
}

/* Has dom0 something of it? A datagram socket may be in both worlds. */
static bool offloaded(const struct sock *sk, const struct vtoe_sock *vsk)
{
	return vtoe_phase_offloaded(smp_load_acquire(&vsk->phase)) ||
	       (vtoe_is_dgram(sk) && READ_ONCE(vsk->has_slot));
}

bool vtoe_sock_offloaded(const struct sock *sk)
{
	struct vtoe_sock *vsk;
	bool ret;

	rcu_read_lock();
	vsk = beside(sk);
	ret = vsk && offloaded(sk, vsk);
	rcu_read_unlock();
	return ret;
}

struct vtoe_sock *vtoe_sock_get(const struct sock *sk)
{
	struct vtoe_sock *vsk;

	rcu_read_lock();
	vsk = beside(sk);
	if (vsk && (!offloaded(sk, vsk) || !refcount_inc_not_zero(&vsk->ref)))
		vsk = NULL;
	rcu_read_unlock();
	return vsk;
}

/* ---- life ---- */

struct vtoe_sock *vtoe_sock_alloc(void)
{
	struct vtoe_sock *vsk = kzalloc(sizeof(*vsk), GFP_KERNEL_ACCOUNT);

	if (!vsk)
		return NULL;
	refcount_set(&vsk->ref, 1);
	mutex_init(&vsk->ctl);
	INIT_LIST_HEAD(&vsk->tx_node);
	INIT_LIST_HEAD(&vsk->offer_node);
	vsk->tx_order = VTOE_TX_ORDER_FIRST;
	return vsk;
}

void vtoe_sock_put(struct vtoe_sock *vsk)
{
	if (!refcount_dec_and_test(&vsk->ref))
		return;
	vtoe_options_free(&vsk->options);
	kfree_rcu(vsk, rcu);
}

struct vtoe_sock *vtoe_sock_find(const struct sock *sk)
{
	struct vtoe_sock *vsk;

	rcu_read_lock();
	vsk = beside(sk);
	if (vsk && !refcount_inc_not_zero(&vsk->ref))
		vsk = NULL;
	rcu_read_unlock();
	return vsk;
}

/* Find or make; NULL: native. */
static struct vtoe_sock *find_or_make(struct socket *sock)
{
	struct vtoe_sock *vsk = vtoe_sock_find(sock->sk), *fresh;

	if (vsk || !vtoe_ops_ours(sock))
		return vsk;
	fresh = vtoe_sock_alloc();
	if (!fresh)
		return ERR_PTR(-ENOMEM);
	lock_sock(sock->sk);
	vsk = beside(sock->sk);
	if (!vsk && vtoe_ops_ours(sock) && vtoe_sock_attach(fresh, sock->sk)) {
		vsk = fresh;
		fresh = NULL;
	}
	if (vsk)
		refcount_inc(&vsk->ref);
	release_sock(sock->sk);
	kfree(fresh);
	return vsk;
}

struct vtoe_sock *vtoe_sock_enter(struct socket *sock)
{
	struct vtoe_sock *vsk = find_or_make(sock);

	if (IS_ERR_OR_NULL(vsk))
		return vsk;
	if (mutex_lock_killable(&vsk->ctl)) {
		vtoe_sock_put(vsk);
		return ERR_PTR(-EINTR);
	}
	if (vsk->phase == VTOE_NATIVE) {
		vtoe_sock_leave(vsk);
		return NULL;
	}
	return vsk;
}

void vtoe_sock_leave(struct vtoe_sock *vsk)
{
	mutex_unlock(&vsk->ctl);
	vtoe_sock_put(vsk);
}

/* lock_sock() held */
static void go_native(struct socket *sock, struct vtoe_sock *vsk)
{
	struct sock *sk = sock->sk;

	WRITE_ONCE(vsk->phase, VTOE_NATIVE);
	vtoe_offer_forget(vsk);
	detach(sk);
	WRITE_ONCE(sock->ops, vtoe_native_ops(sk));
	atomic64_inc(&vtoe_counters.native);
	vtoe_sock_put(vsk);
	/* The caller is counted by vtoe_ops_enter(), or is the driver itself. */
	module_put(THIS_MODULE);
}

void vtoe_sock_go_native(struct socket *sock, struct vtoe_sock *vsk)
{
	lock_sock(sock->sk);
	if (vsk->has_slot)
		vtoe_sock_release_slot(vsk, VTOE_UNDECIDED, 0);
	go_native(sock, vsk);
	release_sock(sock->sk);
}

/* ---- close ---- */

static u32 close_flags(struct vtoe_sock *vsk, struct sock *sk)
{
	if (vtoe_is_dgram(sk))
		return 0;
	if (vsk->phase != VTOE_CONNECTED)
		return VTOE_RELEASE_ABORT;
	/* Unread bytes are lost: the peer is told so (RFC 2525, 2.17). */
	if (front_rx_avail(&vsk->stream) > 0)
		return VTOE_RELEASE_ABORT;
	if (sock_flag(sk, SOCK_LINGER) && !sk->sk_lingertime)
		return VTOE_RELEASE_ABORT;
	return 0;
}

/* Wait until dom0 says that the peer has everything, or the time is over. */
static void close_linger(struct vtoe_sock *vsk, struct sock *sk)
{
	struct vtoe_link *link = vsk->link;
	struct vtoe_call *call = vtoe_call_alloc(link);
	unsigned long timeout = sk->sk_lingertime;

	if (!call) {
		vtoe_sock_release_slot(vsk, VTOE_UNDECIDED, 0);
		return;
	}
	kref_get(&link->ref);
	spin_lock_bh(&link->lock);
	link->sock[vsk->stream.slot] = NULL;
	list_del_init(&vsk->tx_node);
	call->run = vsk->stream.tx_run;
	if (!link->dead) {
		refcount_inc(&call->ref);
		list_add_tail(&call->node, &link->calls);
		front_release(&link->front, vsk->stream.slot,
			      VTOE_RELEASE_LINGER,
			      min_t(unsigned long, jiffies_to_msecs(timeout),
				    U32_MAX),
			      false, vtoe_cookie_call(call));
	} else {
		complete_all(&call->done);
	}
	vsk->has_slot = false;
	vsk->link = NULL;
	smp_store_release(&vsk->phase, VTOE_UNDECIDED);
	spin_unlock_bh(&link->lock);
	vtoe_link_notify(link);
	vtoe_link_put(link); /* the socket's */

	release_sock(sk);
	wait_for_completion_interruptible_timeout(&call->done, timeout);
	lock_sock(sk);
	vtoe_call_put(call);
	vtoe_link_put(link);
}

static void sock_close(struct socket *sock, struct vtoe_sock *vsk)
{
	struct sock *sk = sock->sk;
	u32 flags;

	mutex_lock(&vsk->ctl);
	lock_sock(sk);
	if (vtoe_listens_alone(vsk))
		WRITE_ONCE(sk->sk_state, TCP_CLOSE);
	if (vsk->has_slot) {
		flags = close_flags(vsk, sk);
		if (!flags && sock_flag(sk, SOCK_LINGER) && !vtoe_is_dgram(sk) &&
		    !(current->flags & PF_EXITING))
			close_linger(vsk, sk);
		else
			vtoe_sock_release_slot(vsk, VTOE_UNDECIDED, flags);
	}
	vsk->sk = NULL;
	detach(sk);
	release_sock(sk);
	vtoe_offer_forget(vsk);
	mutex_unlock(&vsk->ctl);
	vtoe_sock_put(vsk);
}

int vtoe_release(struct socket *sock)
{
	const struct vtoe_flavour *flavour =
		container_of(sock->ops, struct vtoe_flavour, ours);
	struct sock *sk = sock->sk;
	struct vtoe_sock *vsk = sk ? beside(sk) : NULL;

	if (vsk)
		sock_close(sock, vsk);
	return flavour->native->release(sock);
}

void vtoe_sock_unbind_native(struct socket *sock)
{
	struct sock *sk = sock->sk;

	lock_sock(sk);
	sk->sk_userlocks &= ~(SOCK_BINDADDR_LOCK | SOCK_BINDPORT_LOCK);
	if (vtoe_is_dgram(sk)) {
		__udp_disconnect(sk, 0);
	} else {
		sk->sk_prot->disconnect(sk, 0);
		if (inet_csk(sk)->icsk_bind_hash) /* it did not listen */
			inet_put_port(sk);
		inet_sk(sk)->inet_sport = 0;
	}
	sock->state = SS_UNCONNECTED;
	release_sock(sk);
}

/* ---- getname and the tables ---- */

static int native_getname(struct socket *sock, struct sockaddr *addr, int peer)
{
	int err;

	vtoe_ops_enter();
	err = vtoe_native_ops(sock->sk)->getname(sock, addr, peer);
	vtoe_ops_leave();
	return err;
}

/* Returns 1 if the native side knows. */
static int getname_ours(struct vtoe_sock *vsk, struct sock *sk,
			struct sockaddr *addr, int peer)
{
	bool over = false;
	struct vtoe_addr a;
	u32 error;
	u8 phase;

	lock_sock(sk);
	phase = vsk->phase;
	if (!peer && vtoe_bound_before(vsk, sk)) {
		a = vsk->bind_req;
		release_sock(sk);
		return vtoe_addr_to_sockaddr(&a, sk->sk_family, addr);
	}
	if (phase == VTOE_CONNECTED && vsk->has_slot)
		over = front_status(&vsk->stream, &error) & VTOE_DOM0_HUP;
	a = peer ? vsk->peer : vsk->local;
	release_sock(sk);
	if (!vtoe_phase_offloaded(phase) ||
	    (phase == VTOE_LISTENING && vsk->dual))
		return 1;
	if (peer == 1 && (phase != VTOE_CONNECTED || over))
		return -ENOTCONN;
	if (peer && phase != VTOE_CONNECTED && phase != VTOE_CONNECTING)
		return -ENOTCONN;
	if (peer && !a.port) /* UDP connects to it; Linux knows no peer then */
		return -ENOTCONN;
	return vtoe_addr_to_sockaddr(&a, sk->sk_family, addr);
}

int vtoe_getname(struct socket *sock, struct sockaddr *addr, int peer)
{
	struct vtoe_sock *vsk = vtoe_sock_find(sock->sk);
	int ret = 1;

	if (vsk) {
		if (!peer && vtoe_is_dgram(sock->sk) &&
		    READ_ONCE(vsk->phase) == VTOE_CONNECTED &&
		    !READ_ONCE(vsk->local.family))
			vtoe_dgram_settle(vsk, sock->sk);
		ret = getname_ours(vsk, sock->sk, addr, peer);
		vtoe_sock_put(vsk);
	}
	return ret == 1 ? native_getname(sock, addr, peer) : ret;
}

int vtoe_gettstamp(struct socket *sock, void __user *userstamp,
			  bool timeval, bool time32)
{
	int err;

	vtoe_ops_enter();
	err = vtoe_native_ops(sock->sk)->gettstamp(sock, userstamp, timeval,
						   time32);
	vtoe_ops_leave();
	return err;
}

#ifdef CONFIG_COMPAT
int vtoe_compat_ioctl(struct socket *sock, unsigned int cmd,
			     unsigned long arg)
{
	const struct proto_ops *native = vtoe_native_ops(sock->sk);
	int err;

	vtoe_ops_enter();
	err = native->compat_ioctl(sock, cmd, arg);
	vtoe_ops_leave();
	return err;
}
#endif

#define VTOE_OPS(pf)                                                           \
	{                                                                      \
		.family = pf, .owner = THIS_MODULE, .release = vtoe_release,   \
		.bind = vtoe_bind, .connect = vtoe_connect,                    \
		.socketpair = sock_no_socketpair, .accept = vtoe_accept,       \
		.getname = vtoe_getname, .poll = vtoe_poll,                    \
		.ioctl = vtoe_ioctl, .gettstamp = vtoe_gettstamp,              \
		.listen = vtoe_listen, .shutdown = vtoe_shutdown,              \
		.setsockopt = vtoe_setsockopt, .getsockopt = vtoe_getsockopt,  \
		.sendmsg = vtoe_sendmsg, .recvmsg = vtoe_recvmsg,              \
		.mmap = sock_no_mmap, .sendpage = sock_no_sendpage,            \
		.set_rcvlowat = vtoe_set_rcvlowat,                             \
	}

/* Not all of it is exported; a socket has it. */
void vtoe_flavour_find(struct vtoe_flavour *flavour, int type, int protocol)
{
	struct socket *sock;

	if (sock_create_kern(&init_net, PF_INET6, type, protocol, &sock))
		return; /* no IPv6 in this kernel */
	flavour->native = sock->ops;
	flavour->prot = sock->sk->sk_prot;
	sock_release(sock);
}

void vtoe_sock_init(void)
{
	static const struct proto_ops ops4 = VTOE_OPS(PF_INET);
	static const struct proto_ops ops6 = VTOE_OPS(PF_INET6);

	vtoe_stream4.native = &inet_stream_ops;
	vtoe_stream4.prot = &tcp_prot;
	vtoe_flavour_find(&vtoe_stream6, SOCK_STREAM, IPPROTO_TCP);
	vtoe_stream4.ours = ops4;
	vtoe_stream6.ours = ops6;
#ifdef CONFIG_COMPAT
	vtoe_stream4.ours.compat_ioctl = vtoe_compat_ioctl;
	vtoe_stream6.ours.compat_ioctl = vtoe_compat_ioctl;
#endif
	vtoe_dgram_init();
}

void vtoe_sock_exit(void)
{
	/* Who has read our table but not called yet calls now, ... */
	synchronize_rcu_tasks();
	wait_event(passing_wait, !atomic_read(&passing));
	/* ... and who is past vtoe_ops_leave() returns from our code. */
	synchronize_rcu_tasks();
	rcu_barrier(); /* kfree_rcu() needs no code of ours, the rest may */
}
