/* SPDX-License-Identifier: GPL-2.0 */
#include <linux/net.h>
#include <linux/tcp.h>
#include <uapi/linux/in.h>
#include <uapi/linux/in6.h>

#include "option.h"

#define STREAM (1u << SOCK_STREAM)
#define DGRAM  (1u << SOCK_DGRAM)
#define BOTH   (STREAM | DGRAM)

struct option {
	u16 level, name;
	u8 types; /* STREAM, DGRAM */
	u8 kind;  /* enum vtoe_option_kind */
};

static const struct option table[] = {
#define X(types, level, name, kind) \
	{ level, name, types, VTOE_OPTION_##kind },
#include "option_list.h"
#undef X
};

enum vtoe_option_kind vtoe_option_kind(const struct sock *sk, int level,
				       int name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(table); i++)
		if (table[i].level == level && table[i].name == name &&
		    table[i].types & 1u << sk->sk_type)
			return table[i].kind;
	return VTOE_OPTION_REFUSED;
}
