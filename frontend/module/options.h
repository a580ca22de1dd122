/* SPDX-License-Identifier: GPL-2.0 */
/*
 * options.h - socket options: which are carried to dom0, which are the
 * socket's own, and which are refused.
 */
#ifndef VTOE_MODULE_OPTIONS_H
#define VTOE_MODULE_OPTIONS_H

#include <linux/net.h>
#include <linux/sockptr.h>

#include "../../xenstore-schema/vtoe_wire.h"

struct vtoe_sock;

#define VTOE_OPTIONS_MAX 16 /* different options set before the decision */

/* What was set while undecided, to be repeated on a slot. Zero: nothing. */
struct vtoe_options {
	unsigned int nr;
	struct vtoe_option *option; /* VTOE_OPTIONS_MAX of them, or NULL */
};

/* Options of SOL_SOCKET as dom0 knows them. */
struct vtoe_synced {
	bool keepalive;
	int sndbuf, rcvbuf;
	u32 priority;
};

/* Most options that vtoe_options_collect() can return. */
#define VTOE_COLLECT_MAX (VTOE_OPTIONS_MAX + 10)

/**
 * vtoe_options_collect - what a new slot must be told
 * @vsk: ctl held
 * @sk: its struct sock
 * @family: of the slot (VTOE_INET for a mapped address)
 * @opt: room for VTOE_COLLECT_MAX
 *
 * Returns how many.
 */
unsigned int vtoe_options_collect(struct vtoe_sock *vsk, struct sock *sk,
				  u16 family, struct vtoe_option *opt);

/* Tell the slot of an accepted connection what dom0's stack does not inherit. */
void vtoe_options_inherited(struct vtoe_sock *vsk, struct sock *sk);

/* Options of SOL_SOCKET are set behind our back: tell dom0 what has changed.
 * lock_sock() held; does not wait.
 */
void vtoe_options_sync(struct vtoe_sock *vsk, struct sock *sk);

void vtoe_options_free(struct vtoe_options *options);

/* True if SOL_SOCKET's @name means something on an offloaded socket. */
bool vtoe_options_sol_socket_ok(int name);

int vtoe_setsockopt(struct socket *sock, int level, int name, sockptr_t val,
		    unsigned int len);
int vtoe_getsockopt(struct socket *sock, int level, int name, char __user *val,
		    int __user *len);

#endif /* VTOE_MODULE_OPTIONS_H */
