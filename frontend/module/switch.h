/* SPDX-License-Identifier: GPL-2.0 */
/*
 * switch.h - the offload selection switch: which world a socket belongs to.
 *
 * What the native stack alone can serve (loopback, the guest's own addresses,
 * options that name its devices) is native; about the rest the rules decide
 * (rules.h). They can deny everything.
 */
#ifndef VTOE_MODULE_SWITCH_H
#define VTOE_MODULE_SWITCH_H

#include <linux/socket.h>
#include <net/sock.h>

#include "../../common/rule.h"
#include "../../xenstore-schema/vtoe_wire.h"

enum vtoe_verdict {
	VTOE_PASS,    /* to the native stack, without deciding (an error) */
	VTOE_TO_NATIVE,
	VTOE_TO_DOM0,
	VTOE_TO_BOTH, /* wildcard bind() and listen() */
	VTOE_DENY,    /* -EPERM, as from the kernel's own BPF hooks */
};

/**
 * vtoe_switch_connect - where a connect() goes
 * @sk: the socket
 * @addr: as the program gave it, @len bytes, in kernel memory
 * @to: set for VTOE_TO_DOM0
 *
 * Any process context.
 */
enum vtoe_verdict vtoe_switch_connect(const struct sock *sk,
				      const struct sockaddr *addr, int len,
				      struct vtoe_addr *to);

/*
 * The same for bind(), which the rules see as a listen(). @to is set for
 * VTOE_TO_DOM0 and VTOE_TO_BOTH.
 */
enum vtoe_verdict vtoe_switch_bind(const struct sock *sk,
				   const struct sockaddr *addr, int len,
				   struct vtoe_addr *to);

/*
 * The same for listen(): to both worlds, to dom0 alone, or natively. The socket
 * is not bound, or bound to a wildcard address, or at dom0.
 */
enum vtoe_verdict vtoe_switch_listen(const struct sock *sk);

/* The calling program's name: its first thread's. RULE_COMM_MAX bytes. */
void vtoe_switch_comm(char *comm);

/* The same; if no program calls, that of who has bound it or made it listen. */
void vtoe_switch_find_comm(const struct sock *sk, char *comm);

/**
 * vtoe_switch_falls_back - dom0 cannot serve it: is it to be native?
 * @direction: RULE_CONNECT or RULE_LISTEN
 * @addr: remote address, or the local one of a listener
 * @err: what went wrong
 *
 * Returns true if the native stack could serve it and the rules let it; counts
 * that. False: @err is the program's.
 */
bool vtoe_switch_falls_back(const struct sock *sk,
			    enum rule_direction direction,
			    const struct vtoe_addr *addr, int err);

#endif /* VTOE_MODULE_SWITCH_H */
