/* SPDX-License-Identifier: GPL-2.0 */
/*
 * switch.h - the offload selection switch: which world a socket belongs to.
 */
#ifndef VTOE_MODULE_SWITCH_H
#define VTOE_MODULE_SWITCH_H

#include <linux/socket.h>
#include <net/sock.h>

#include "../../xenstore-schema/vtoe_wire.h"

enum vtoe_verdict {
	VTOE_PASS,    /* to the native stack, without deciding (an error) */
	VTOE_TO_NATIVE,
	VTOE_TO_DOM0,
	VTOE_TO_BOTH, /* wildcard bind() and listen() */
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

/* The same for bind(). @to is set for VTOE_TO_DOM0 and VTOE_TO_BOTH. */
enum vtoe_verdict vtoe_switch_bind(const struct sock *sk,
				   const struct sockaddr *addr, int len,
				   struct vtoe_addr *to);

/* The same for listen() on a socket that is not bound. */
enum vtoe_verdict vtoe_switch_listen(const struct sock *sk);

#endif /* VTOE_MODULE_SWITCH_H */
