/* SPDX-License-Identifier: GPL-2.0 */
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "call.h"
#include "link.h"

struct vtoe_call *vtoe_call_alloc(struct vtoe_link *link)
{
	struct vtoe_call *call = kzalloc(sizeof(*call), GFP_KERNEL);

	if (!call)
		return NULL;
	refcount_set(&call->ref, 1);
	INIT_LIST_HEAD(&call->node);
	init_completion(&call->done);
	kref_get(&link->ref);
	call->link = link;
	call->run = VTOE_RUN_NONE;
	return call;
}

static void call_free(struct vtoe_call *call)
{
	vtoe_link_put(call->link);
	kfree(call);
}

void vtoe_call_put(struct vtoe_call *call)
{
	struct vtoe_link *link = call->link;

	if (!refcount_dec_and_test(&call->ref))
		return;
	spin_lock_bh(&link->lock);
	vtoe_link_free_run(link, call->run);
	spin_unlock_bh(&link->lock);
	call_free(call);
}

void vtoe_call_finish(struct vtoe_call *call, int result,
		      const struct vtoe_completion *cqe)
{
	call->result = result;
	if (cqe)
		call->cqe = *cqe;
	list_del_init(&call->node);
	complete_all(&call->done);
	if (!refcount_dec_and_test(&call->ref))
		return;
	vtoe_link_free_run(call->link, call->run);
	call_free(call); /* the link is held by whoever holds its lock */
}

/* Returns 1 if the ring is full for now. */
static int submit(struct vtoe_call *call, const struct vtoe_submission *cmd)
{
	struct vtoe_link *link = call->link;
	int err;

	spin_lock_bh(&link->lock);
	err = link->dead ? -ENETDOWN :
			   front_submit(&link->front, cmd,
					vtoe_cookie_call(call));
	if (!err) {
		refcount_inc(&call->ref);
		list_add_tail(&call->node, &link->calls);
	}
	spin_unlock_bh(&link->lock);
	if (err == -EPROTO)
		return -ENETDOWN;
	return err == -EAGAIN ? 1 : err;
}

int vtoe_call(struct vtoe_call *call, const struct vtoe_submission *cmd)
{
	int err = 1;

	if (wait_event_killable(call->link->room,
				(err = submit(call, cmd)) <= 0))
		return -EINTR;
	if (err)
		return err;
	vtoe_link_notify(call->link);
	if (wait_for_completion_killable(&call->done))
		return -EINTR;
	return call->result;
}
