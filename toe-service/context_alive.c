/* SPDX-License-Identifier: GPL-2.0 */
/* context_alive.c - which engines do not answer, for vtoed to judge. */
#include <errno.h>

#include "context_parts.h"

/* Returns whether its driver can tell. */
static bool ask(struct context_instance *in)
{
	int err = in->driver->alive(in->stack);

	if (err == -EOPNOTSUPP)
		return false;
	in->silent = err ? in->silent + 1 : 0;
	return true;
}

static uint32_t silence_of(const struct contexts *cs, unsigned int toe)
{
	unsigned int i;

	for (i = 0; i < CONTEXT_STACKS_MAX; i++)
		if (cs->instance[i].stack == cs->toe[toe].stack)
			return cs->instance[i].silent;
	return 0;
}

bool contexts_ask_alive(struct contexts *cs)
{
	struct toe_usage *usage = cs->table->usage;
	bool can_tell = false;
	unsigned int i;

	for (i = 0; i < CONTEXT_STACKS_MAX; i++)
		if (cs->instance[i].stack)
			can_tell |= ask(&cs->instance[i]);
	for (i = 0; can_tell && i < TOE_TABLE_MAX; i++)
		vtoe_store(&usage[i].silent, 0u);
	for (i = 0; can_tell && i < CONTEXT_TOES_MAX; i++)
		if (cs->toe[i].driver && cs->candidate[i].row < TOE_TABLE_MAX)
			vtoe_store(&usage[cs->candidate[i].row].silent,
				   silence_of(cs, i));
	return can_tell;
}
