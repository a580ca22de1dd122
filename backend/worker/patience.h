/* SPDX-License-Identifier: GPL-2.0 */
/*
 * patience.h - is it worth while to look out for more before sleeping?
 *
 * Who sleeps and is woken loses far more time than the waiting itself takes, if
 * the answer comes at once; who looks out for one that does not come wastes a
 * processor. So the last attempts decide: after one in vain the next few sleeps are
 * not put off, after each further one twice as many and one, up to
 * PATIENCE_SKIP_MAX; one that was worth while ends that. (Linux's halt polling of
 * KVM guests learns in a similar way: Documentation/virt/kvm/halt-polling.rst.)
 *
 * Not thread-safe. A zeroed struct is ready, and will try.
 */
#ifndef VTOE_BACKEND_PATIENCE_H
#define VTOE_BACKEND_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

/* Of what never comes soon, one attempt in 33 costs next to nothing. */
#define PATIENCE_SKIP_MAX 32u

struct patience {
	uint8_t skip; /* sleeps that are not put off any more */
	uint8_t next; /* so many the next time that it is in vain */
};

/**
 * patience_try - shall one look out for more now?
 *
 * Each call counts as one sleep. After true, tell patience_learn() how it was.
 */
static inline bool patience_try(struct patience *p)
{
	if (!p->skip)
		return true;
	p->skip--;
	return false;
}

/**
 * patience_learn - how it was to look out
 * @found: there was more before one would have slept
 */
static inline void patience_learn(struct patience *p, bool found)
{
	if (found) {
		p->next = 0;
		return;
	}
	if (p->next < PATIENCE_SKIP_MAX / 2)
		p->next = (uint8_t)(2 * p->next + 1);
	else
		p->next = PATIENCE_SKIP_MAX;
	p->skip = p->next;
}

#endif
