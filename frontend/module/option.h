/* SPDX-License-Identifier: GPL-2.0 */
/*
 * option.h - what becomes of a socket option, by the table option_list.h.
 */
#ifndef VTOE_MODULE_OPTION_H
#define VTOE_MODULE_OPTION_H

#include <net/sock.h>

enum vtoe_option_kind {
	VTOE_OPTION_REFUSED, /* also what is not in the table */
	VTOE_OPTION_CARRIED,
	VTOE_OPTION_READ,
	VTOE_OPTION_TOLD,
	VTOE_OPTION_KEPT,
	VTOE_OPTION_NATIVE,
};

/* For a socket of @sk's type. Any context. */
enum vtoe_option_kind vtoe_option_kind(const struct sock *sk, int level,
				       int name);

#endif /* VTOE_MODULE_OPTION_H */
