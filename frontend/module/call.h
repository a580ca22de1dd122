/* SPDX-License-Identifier: GPL-2.0 */
/*
 * call.h - commands whose caller waits for the answer.
 */
#ifndef VTOE_MODULE_CALL_H
#define VTOE_MODULE_CALL_H

#include <linux/completion.h>
#include <linux/list.h>
#include <linux/refcount.h>

#include "../core/front.h"

struct vtoe_link;

/*
 * A command in flight that somebody waits for, or waited for: a killed waiter
 * leaves it behind, and the answer finds only this. Held by the waiter and by
 * the device (while it is on the device's list).
 */
struct vtoe_call {
	refcount_t ref;
	struct list_head node; /* device lock */
	struct vtoe_link *link;
	struct completion done;
	int result;		    /* set before done */
	struct vtoe_completion cqe; /* set before done, if result is 0 */
	u32 run; /* freed with the call, VTOE_RUN_NONE: none */
};

/*
 * The cookie of a command says who is told of its completion: a vtoe_sock (the
 * pointer as it is), a vtoe_call (tag 1), or nobody, but a run is to be freed
 * (tag 2; the run is 32 bits and stands above the tag).
 */
#define VTOE_COOKIE_SOCK 0ul
#define VTOE_COOKIE_CALL 1ul
#define VTOE_COOKIE_RUN	 2ul
#define VTOE_COOKIE_MASK 3ul

static inline void *vtoe_cookie_call(struct vtoe_call *call)
{
	return (void *)((unsigned long)call | VTOE_COOKIE_CALL);
}

static inline void *vtoe_cookie_run(u32 run)
{
	return (void *)(((unsigned long)run << 2) | VTOE_COOKIE_RUN);
}

/**
 * vtoe_call_alloc - prepare a call
 * @link: the device; a reference is taken
 *
 * Returns NULL without memory. End it with vtoe_call_put().
 */
struct vtoe_call *vtoe_call_alloc(struct vtoe_link *link);

void vtoe_call_put(struct vtoe_call *call);

/* Tell the waiter; device lock held. Drops the device's hold. */
void vtoe_call_finish(struct vtoe_call *call, int result,
		      const struct vtoe_completion *cqe);

/**
 * vtoe_call - submit a command and wait for its completion
 * @call: from vtoe_call_alloc(), used once
 * @cmd: op, slot and payload
 *
 * Returns the command's result, -ENETDOWN if the device is gone, or -EINTR if
 * the process was killed (the command goes on). Process context, killable.
 */
int vtoe_call(struct vtoe_call *call, const struct vtoe_submission *cmd);

#endif /* VTOE_MODULE_CALL_H */
