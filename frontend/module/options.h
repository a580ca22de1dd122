/* SPDX-License-Identifier: GPL-2.0 */
/*
 * options.h - setting and getting socket options, and telling dom0.
 */
#ifndef VTOE_MODULE_OPTIONS_H
#define VTOE_MODULE_OPTIONS_H

#include <linux/net.h>
#include <linux/sockptr.h>

#include "../../xenstore-schema/vtoe_wire.h"

struct sock;
struct vtoe_sock;

/* What was set while undecided, to be repeated on a slot. Zero: nothing. */
struct vtoe_options {
	unsigned int nr, room;
	struct vtoe_option *option; /* room for so many, or NULL */
};

void vtoe_options_free(struct vtoe_options *options);

/**
 * vtoe_options_collect - what a new slot must be told
 * @vsk: ctl held
 * @sk: its struct sock
 * @family: of the slot (VTOE_INET for a mapped address)
 * @nr: set to how many
 *
 * Returns an array, to be freed by kfree(), or NULL without memory. Sleeps.
 */
struct vtoe_option *vtoe_options_collect(struct vtoe_sock *vsk,
					 const struct sock *sk, u16 family,
					 unsigned int *nr);

/**
 * vtoe_option_refuse - an option that would mean nothing at dom0
 *
 * While there is no device nobody has to know it: the program gets the kernel's
 * own socket, as if we were not there. Returns 1 if it is that, or an error.
 */
int vtoe_option_refuse(struct socket *sock);

/* The proto_ops; getsockopt() of SOL_SOCKET does not come here. */
int vtoe_setsockopt(struct socket *sock, int level, int name, sockptr_t val,
		    unsigned int len);
int vtoe_getsockopt(struct socket *sock, int level, int name, char __user *val,
		    int __user *len);

/* ---- told.c ---- */

#define VTOE_TOLD_MAX 11 /* options that vtoe_told_collect() knows */

/* As vtoe_options_collect(), of SOL_SOCKET; returns how many. */
unsigned int vtoe_told_collect(const struct sock *sk, struct vtoe_option *opt);

/* An option that is a number of 4 or 8 bytes. */
void vtoe_option_number(struct vtoe_option *opt, u16 level, u16 name, u64 value,
			u32 len);

/**
 * vtoe_option_quietly - SETOPT, and nobody waits for the answer
 *
 * dom0 is still to be told that there is something. Returns 0, -EAGAIN if there
 * was no room, or that the link is dead. lock_sock() or ctl held; it has a slot.
 */
int vtoe_option_quietly(struct vtoe_sock *vsk, const struct vtoe_option *opt);

/* Entered in place of sock_setsockopt() for our sockets (intercept.c). */
int vtoe_setsockopt_socket(struct socket *sock, int level, int name,
			   sockptr_t val, unsigned int len);

/* The level by which vtoe_setsockopt_socket() gets past our probe; the kernel
 * does not look at it.
 */
#define VTOE_SOL_KERNEL (-253)

#endif /* VTOE_MODULE_OPTIONS_H */
