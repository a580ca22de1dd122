/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dgram.h - datagram sockets.
 *
 * Theory of operation
 *
 * A UDP socket speaks with many peers, some in this guest, some beyond the
 * device. So until it is connected it may be in both worlds: the struct sock is
 * an ordinary UDP socket of the guest, and a slot at dom0, bound to the same port,
 * stands beside it. The phases of sock.h mean here:
 *
 *	UNDECIDED	with or without such a slot. A datagram goes where the
 *			switch says for its address; one that is to be received
 *			may come from both, the guest's own first
 *	BOUND		to an address of the device's: at dom0 only. Without a
 *			port, local.port 0, after connect() to AF_UNSPEC if
 *			bind() has named none
 *	CONNECTED	to a peer beyond the device: at dom0 only
 *
 * A slot is opened by bind() to a wildcard address (so that peers beyond the
 * device are heard), by the first datagram that is sent there, and by connect().
 * connect() may follow connect(); to a peer in this guest it gives the slot up.
 *
 * connect() of a new socket does not wait for dom0 if another was connected to that
 * address a moment ago (way.h): OPEN, CONNECT and the first datagram then go in
 * one wake-up. If dom0 refuses after all, that is the socket's pending error, as if
 * the way had been lost right after connect(), and connect_error says so: whoever
 * sends next connects first (vtoe_dgram_settle()), and so does getsockname(), which
 * needs the answer.
 *
 * No datagram socket dies with its link: without a slot it is on offer.c's list,
 * and is bound and connected again as it was when there is a new one.
 *
 * Locks as in sock.h; the rings of a slot under lock_sock().
 */
#ifndef VTOE_MODULE_DGRAM_H
#define VTOE_MODULE_DGRAM_H

#include "sock.h"

void vtoe_dgram_init(void);

/* Is it one that a new link is to serve? ctl held. */
bool vtoe_dgram_waits(const struct vtoe_sock *vsk, const struct sock *sk);
/* Bind and connect at dom0 as it was; ctl held; sleeps. 0 or an error. */
int vtoe_dgram_offer(struct vtoe_sock *vsk, struct sock *sk);

/* Has it a slot that is bound to a port, or needs none to send? No lock. */
bool vtoe_dgram_has_port(const struct vtoe_sock *vsk);

/** vtoe_dgram_native_first - does the guest's own queue hold what is read next? */
bool vtoe_dgram_native_first(const struct sock *sk);

/**
 * vtoe_dgram_autobind - a port in both worlds for a socket that sends
 * @to: where to, for the rules about falling back
 *
 * Returns the socket, with a reference and a slot; NULL if it is to be sent
 * natively; or an ERR_PTR(). Sleeps; no lock held.
 */
struct vtoe_sock *vtoe_dgram_autobind(struct socket *sock,
				      const struct vtoe_addr *to);

/* An address as the switch understands it; @len bytes at @addr. */
struct vtoe_sockaddr {
	struct sockaddr_storage ss;
	int len;
};

/* What Linux's UDP takes besides: see the function. */
void vtoe_dgram_addr(const struct sock *sk, const struct sockaddr *addr,
		     int len, struct vtoe_sockaddr *to);

/* In the form that a slot of @family wants. -EAFNOSUPPORT if it has none for it. */
int vtoe_dgram_addr_as(u16 family, struct vtoe_addr *a);

/**
 * vtoe_dgram_settle - connect at dom0 what is connected here, and wait for it
 * @vsk: a reference is held
 * @sk: its struct sock; no lock held
 *
 * For one whose connect() did not wait: from here on its local address is known.
 * Does nothing if it is. Returns 0 or an error of connect(). Sleeps.
 */
int vtoe_dgram_settle(struct vtoe_sock *vsk, struct sock *sk);

/* Did that fail, or has it no slot? To be settled before more is sent. No lock. */
static inline bool vtoe_dgram_is_cut_off(const struct vtoe_sock *vsk)
{
	return READ_ONCE(vsk->phase) == VTOE_CONNECTED &&
	       (!READ_ONCE(vsk->has_slot) || READ_ONCE(vsk->connect_error));
}

int vtoe_dgram_sendmsg(struct socket *sock, struct msghdr *msg, size_t len);
int vtoe_dgram_recvmsg(struct socket *sock, struct msghdr *msg, size_t len,
		       int flags);

#endif /* VTOE_MODULE_DGRAM_H */
