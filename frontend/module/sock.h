/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sock.h - the sockets that programs get.
 *
 * Theory of operation
 *
 * A socket begins as the kernel's own TCP socket, complete: struct sock,
 * protocol, options, wait queue. Only its proto_ops are ours (intercept.c). While
 * it is *undecided*, each operation is passed on to the kernel's TCP, so options
 * are checked, kept and answered exactly as Linux does it. connect(), bind() and
 * listen() decide, as switch.h and its rules say:
 *
 * - *Native*: sock->ops becomes the kernel's own table. Nothing is handed over,
 *   because nothing was ever different: same struct sock, same wait queue, so
 *   each epoll registration, each concurrent call and each descriptor stays
 *   right, and nothing of us is left to pay for. A call that has read the old
 *   table a moment ago arrives here and is passed on, as before the decision.
 *
 * - *Offloaded*: the struct sock stays, closed and unhashed as far as the
 *   kernel's TCP can see, and serves as what all generic code wants of a
 *   socket: lock, wait queue, pending error, time-outs, options of SOL_SOCKET. A
 *   struct vtoe_sock with a slot stands beside it, attached the way the kernel
 *   attaches an "upper layer protocol" to a TCP socket (icsk_ulp_data): that
 *   place is free, checked, and shuts out others (kTLS, sockmaps).
 *
 * - A wildcard bind() or listen() does both: the struct sock is bound (listens)
 *   in the guest's own stack, and a slot is bound (listens) at dom0, on the same
 *   port. connect() then decides for one of them; accept() takes from both. Rules
 *   may want one world only: a wildcard bind() is then native and undecided yet,
 *   as a connect() to dom0 may follow, or BOUND at dom0 alone. A
 *   listener without a slot, because there was no device or its link died, is
 *   LISTENING all the same, and is offered to the next link (offer.c).
 *
 * "Offloaded" is final until release, with three exceptions, all under the
 * socket's lock: a connect that failed and disconnect (connect to AF_UNSPEC)
 * make it undecided again, so that it can be used anew; and one that is BOUND goes
 * native if the rules say so when more is known (vtoe_rebind_native()).
 *
 * Life: a vtoe_sock is held by its struct sock (until release or the decision
 * "native"), by each operation that serialises on .ctl, and by each command that
 * is outstanding at dom0 and may have to say something to the socket. It does
 * not outlive release in any useful way: the release command carries all that is
 * still needed (the run to be freed) in its cookie.
 *
 * Module reference: a socket with our proto_ops holds one, as any does; the
 * decision "native" gives it back, and so do accepted native connections. Calls
 * that may still be on their way through our code at that moment are counted
 * (vtoe_ops_enter()), and module exit waits for them.
 *
 * Locks, in this order: ctl (decisions and commands, one at a time), lock_sock()
 * (the streams, phase), the link's device lock (slot table, sk, lists).
 */
#ifndef VTOE_MODULE_SOCK_H
#define VTOE_MODULE_SOCK_H

#include <linux/mutex.h>
#include <linux/net.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <net/inet_sock.h>
#include <net/ipv6.h>
#include <net/sock.h>

#include "../../common/rule.h"
#include "../core/front.h"
#include "options.h"

struct vtoe_link;

#define VTOE_TX_ORDER_FIRST 2 /* 16 KiB: the first run of a socket */

/*
 * What a socket is. From BOUND on it is offloaded. Written under lock_sock(),
 * but CONNECTING is left by the tasklet, under the device lock.
 */
enum vtoe_phase {
	VTOE_UNDECIDED, /* all native; may have a slot (bound in both worlds) */
	VTOE_NATIVE,	/* decided; this structure is on its way out */
	VTOE_BOUND,	/* at dom0 only */
	VTOE_LISTENING, /* at dom0, natively, too, if .dual; see offer.c */
	VTOE_CONNECTING,
	VTOE_FAILED, /* to connect; the error is in sk_err */
	VTOE_CONNECTED,
	VTOE_DEAD, /* the link died */
};

struct vtoe_sock {
	refcount_t ref;
	struct rcu_head rcu;
	struct mutex ctl;
	struct sock *sk; /* NULL once released; device lock, if on a link */

	u8 phase; /* enum vtoe_phase */
	u8 tx_order; /* of the next run; lock_sock() */
	bool has_slot;	 /* lock_sock() and ctl */
	bool dual;	 /* bound or listening natively, too; ctl */
	bool any_port;	 /* bind_req's is none that was asked for; dual; ctl */
	bool tx_grow;	 /* wants a larger run as soon as it is empty */
	unsigned long error_taken; /* bit 0: dom0's error is in sk_err */
	unsigned long tx_last;	   /* jiffies of the last send */

	struct vtoe_link *link; /* while has_slot; a reference */
	struct front_stream stream; /* lock_sock() */
	u16 family;		    /* of the slot; ctl */
	struct list_head tx_node;   /* link->tx_held or tx_short; device lock */
	struct list_head offer_node; /* offer.c */
	char comm[RULE_COMM_MAX];    /* who called bind() or listen(); ctl */
	u32 seen_rx, seen_tx, seen_flags; /* doorbell: what was told; tasklet */
	u32 seen_error;		     /* datagrams: the same */

	struct vtoe_addr local, peer; /* family 0: not known; device lock */
	int open_error;		      /* OPEN's result; device lock */
	int connect_error;	      /* datagrams: see dgram.h; device lock */
	unsigned int backlog;	      /* listener: posts to keep; lock_sock() */
	unsigned int posts;	      /* listener: posts out; lock_sock() */
	struct vtoe_addr bind_req;    /* family 0: none; repeated on a new slot */
	struct vtoe_options options;  /* set while undecided; ctl */
};

/* One type of sockets of one family: the kernel's own, and ours. */
struct vtoe_flavour {
	const struct proto_ops *native; /* NULL: not in this kernel */
	struct proto *prot;		/* the kernel's */
	struct proto_ops ours;
};

extern struct vtoe_flavour vtoe_stream4, vtoe_stream6; /* sock.c */
extern struct vtoe_flavour vtoe_dgram4, vtoe_dgram6;   /* dgram.c */

static inline bool vtoe_is_dgram(const struct sock *sk)
{
	return sk->sk_type == SOCK_DGRAM;
}

static inline const struct vtoe_flavour *vtoe_flavour(const struct sock *sk)
{
	if (vtoe_is_dgram(sk))
		return sk->sk_family == AF_INET6 ? &vtoe_dgram6 : &vtoe_dgram4;
	return sk->sk_family == AF_INET6 ? &vtoe_stream6 : &vtoe_stream4;
}

static inline const struct proto_ops *vtoe_native_ops(const struct sock *sk)
{
	return vtoe_flavour(sk)->native;
}

static inline bool vtoe_ops_ours(const struct socket *sock)
{
	const struct proto_ops *ops = READ_ONCE(sock->ops);

	return ops == &vtoe_stream4.ours || ops == &vtoe_stream6.ours ||
	       ops == &vtoe_dgram4.ours || ops == &vtoe_dgram6.ours;
}

/* Learn what the kernel has for IPv6 sockets of @type; it exports less of it. */
void vtoe_flavour_find(struct vtoe_flavour *flavour, int type, int protocol);

void vtoe_sock_init(void);
/* Wait for calls on their way through; see "Module reference". */
void vtoe_sock_exit(void);
void vtoe_ops_enter(void);
void vtoe_ops_leave(void);

/* A dual listener without a slot is offered to dom0 when there is a link. ctl. */
void vtoe_offer_later(struct vtoe_sock *vsk);
/* It is no such listener any more. */
void vtoe_offer_forget(struct vtoe_sock *vsk);
/* Natively bound to no address of its own; an IPv6 socket may be to all of IPv4. */
static inline bool vtoe_bound_to_all(const struct sock *sk)
{
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6)
		return ipv6_addr_any(&sk->sk_v6_rcv_saddr) ||
		       (ipv6_addr_v4mapped(&sk->sk_v6_rcv_saddr) &&
			!sk->sk_v6_rcv_saddr.s6_addr32[3]);
#endif
	return !inet_sk(sk)->inet_rcv_saddr;
}

/* There is a link now. */
void vtoe_offer_now(void);
void vtoe_offer_exit(void);

/*
 * A stream socket that is bound at dom0, but without a slot since a connect
 * failed or was undone.
 */
static inline bool vtoe_bound_before(const struct vtoe_sock *vsk,
				     const struct sock *sk)
{
	return !vtoe_is_dgram(sk) && vsk->phase == VTOE_UNDECIDED &&
	       vsk->bind_req.family && !vsk->has_slot &&
	       !inet_sk(sk)->inet_num;
}

/* Does it listen natively, too? ctl held. */
static inline bool vtoe_listens_dual(const struct vtoe_sock *vsk)
{
	return vsk->phase == VTOE_LISTENING && vsk->dual;
}

/* Does it listen at dom0 only? ctl held. */
static inline bool vtoe_listens_alone(const struct vtoe_sock *vsk)
{
	return vsk->phase == VTOE_LISTENING && !vsk->dual;
}

/* Is it a listener that waits for a slot? ctl held. */
static inline bool vtoe_listen_waits(const struct vtoe_sock *vsk)
{
	return vtoe_listens_dual(vsk) && !vsk->has_slot;
}

/* Bind and listen at dom0 for such a one; ctl held; sleeps. 0 or an error. */
int vtoe_listen_offer(struct vtoe_sock *vsk, struct sock *sk);

/*
 * Are options of @level not the slot's? An IPv6 socket that is connected to a
 * mapped address has an IPv4 slot, which knows none of IPv6. ctl held.
 */
static inline bool vtoe_option_foreign(const struct vtoe_sock *vsk, int level)
{
	return level == IPPROTO_IPV6 && vsk->family == VTOE_INET;
}

/* Is it offloaded just now? Any context, no lock. */
bool vtoe_sock_offloaded(const struct sock *sk);

/**
 * vtoe_sock_get - the offloaded socket beside a struct sock
 *
 * Returns it with a reference, or NULL if it is undecided or native. Any
 * context, no lock.
 */
struct vtoe_sock *vtoe_sock_get(const struct sock *sk);

static inline bool vtoe_phase_offloaded(u8 phase)
{
	return phase >= VTOE_BOUND;
}

/* The socket beside @sk, of any phase, with a reference; or NULL. */
struct vtoe_sock *vtoe_sock_find(const struct sock *sk);

/**
 * vtoe_sock_enter - begin a decision or a command
 * @sock: with our proto_ops, as far as the caller knows
 *
 * Returns the socket, with .ctl taken and a reference; NULL if it is native by
 * now; -ENOMEM; -EINTR if killed. End it with vtoe_sock_leave().
 */
struct vtoe_sock *vtoe_sock_enter(struct socket *sock);
void vtoe_sock_leave(struct vtoe_sock *vsk);
void vtoe_sock_put(struct vtoe_sock *vsk);

/* Allocated for an accepted connection; phase CONNECTED, one reference. */
struct vtoe_sock *vtoe_sock_alloc(void);
/* Put it beside a struct sock; lock_sock() held or nobody else knows @sk. False:
 * somebody else has taken that place.
 */
bool vtoe_sock_attach(struct vtoe_sock *vsk, struct sock *sk);

/* Decide "native"; ctl held. Drops the struct sock's reference. */
void vtoe_sock_go_native(struct socket *sock, struct vtoe_sock *vsk);

/**
 * vtoe_sock_open - get a slot and submit OPEN, options, and maybe CONNECT
 * @vsk: without a slot; ctl held
 * @sk: its struct sock; not locked
 * @connect: where to, or NULL; phase becomes CONNECTING
 *
 * Returns 0, -ENETDOWN without a link, -ENOBUFS without a slot, -EAGAIN if
 * @nonblock and the submission ring is full, -EINTR, -ENOMEM.
 */
int vtoe_sock_open(struct vtoe_sock *vsk, struct sock *sk,
		   const struct vtoe_addr *connect, bool nonblock);

/* The same without CONNECT, for a slot of @family. */
int vtoe_sock_open_family(struct vtoe_sock *vsk, struct sock *sk, u16 family);

/* Submit CONNECT on the slot; ctl held, socket not locked. As above. */
int vtoe_sock_connect_slot(struct vtoe_sock *vsk, struct sock *sk,
			   const struct vtoe_addr *to);

/**
 * vtoe_sock_command - a command about the slot, and its answer
 * @cmd: op and payload
 * @cqe: may be NULL; set on success
 *
 * ctl held. Returns the result; OPEN's own error if that had failed.
 */
int vtoe_sock_command(struct vtoe_sock *vsk, struct vtoe_submission *cmd,
		      struct vtoe_completion *cqe);

/**
 * vtoe_sock_release_slot - end the slot; phase becomes @phase
 * @flags: VTOE_RELEASE_*
 *
 * ctl and lock_sock() held, or nobody else can reach the socket.
 */
void vtoe_sock_release_slot(struct vtoe_sock *vsk, u8 phase, u32 flags);

/* The same, aborting, for a socket that may have no slot. */
void vtoe_sock_drop_slot(struct vtoe_sock *vsk, u8 phase);

/**
 * vtoe_rx_arm_hint - be woken for the next byte, record or change of state
 *
 * For whoever does not hold lock_sock() (poll): nothing that is read here is
 * used as an index. Under RCU, or lock_sock(). Returns true if there is something
 * already, or the device is broken.
 */
bool vtoe_rx_arm_hint(struct vtoe_sock *vsk);

/* Take dom0's error over into sk_err, once. lock_sock() or tasklet. */
void vtoe_sock_take_error(struct vtoe_sock *vsk, struct sock *sk, u32 error);

/* Undo a native bind() or listen(). Socket not locked. */
void vtoe_sock_unbind_native(struct socket *sock);

/* ---- from the link; device lock held ---- */
void vtoe_sock_completed(struct vtoe_sock *vsk, const struct front_done *done);
void vtoe_sock_doorbell(struct vtoe_sock *vsk);
void vtoe_sock_run_freed(struct vtoe_sock *vsk);
/* ---- from the link; sleeping ---- */
void vtoe_sock_link_died(struct vtoe_link *link);
void vtoe_sock_reclaim(struct vtoe_link *link);

/* ---- the operations, by file ---- */
int vtoe_release(struct socket *sock);
int vtoe_getname(struct socket *sock, struct sockaddr *addr, int peer);
int vtoe_gettstamp(struct socket *sock, void __user *userstamp, bool timeval,
		   bool time32);
#ifdef CONFIG_COMPAT
int vtoe_compat_ioctl(struct socket *sock, unsigned int cmd, unsigned long arg);
#endif
int vtoe_bind(struct socket *sock, struct sockaddr *addr, int len);
/**
 * vtoe_bind_dual - bind a slot to the port that the socket has natively
 * @wildcard: of the socket's family
 * @any_port: the native side chose the port
 *
 * ctl held. Returns 0, also if dom0 cannot serve the family; -EAGAIN if the
 * port is taken at dom0 and another one may be tried; or an error. On error the
 * socket is bound nowhere.
 */
int vtoe_bind_dual(struct socket *sock, struct vtoe_sock *vsk,
		   const struct vtoe_addr *wildcard, bool any_port);
#define VTOE_PORT_TRIES 16 /* for a port that is free in both worlds */

/* In the guest's own stack; as bind(). */
int vtoe_bind_native(struct socket *sock, const struct vtoe_addr *addr);
/* At dom0 only, to a slot that is opened; there is none. ctl held. 0, or an error
 * and there is still none; the phase stays.
 */
int vtoe_bind_dom0(struct vtoe_sock *vsk, struct sock *sk,
		   const struct vtoe_addr *addr);
/* At dom0, to any port, if a slot has lost its own; see dgram.c. ctl held. */
int vtoe_bind_port(struct vtoe_sock *vsk);
/**
 * vtoe_bind_again - bind as was requested before a connect failed or was undone
 *
 * ctl held. Returns 0, also if there is no need; the phase is BOUND then, or
 * what it was.
 */
int vtoe_bind_again(struct vtoe_sock *vsk, struct sock *sk);
/* Native, though bound at dom0. ctl held. On an error it is bound nowhere. */
int vtoe_rebind_native(struct socket *sock, struct vtoe_sock *vsk);
int vtoe_connect(struct socket *sock, struct sockaddr *addr, int len,
		 int flags);
int vtoe_listen(struct socket *sock, int backlog);
int vtoe_accept(struct socket *sock, struct socket *newsock, int flags,
		bool kern);
__poll_t vtoe_listen_poll(struct vtoe_sock *vsk, struct sock *sk);
int vtoe_sendmsg(struct socket *sock, struct msghdr *msg, size_t len);
int vtoe_recvmsg(struct socket *sock, struct msghdr *msg, size_t len,
		 int flags);
int vtoe_shutdown(struct socket *sock, int how);
__poll_t vtoe_poll(struct file *file, struct socket *sock, poll_table *wait);
int vtoe_ioctl(struct socket *sock, unsigned int cmd, unsigned long arg);
int vtoe_set_rcvlowat(struct sock *sk, int val);

#endif /* VTOE_MODULE_SOCK_H */
