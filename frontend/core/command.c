/* SPDX-License-Identifier: GPL-2.0 */
/*
 * command.c - submissions and completions.
 *
 * An id is the index of a struct front_pending plus a counter above it, so that
 * a completion that comes twice, or late, is recognised.
 */
#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/string.h>
#else
#include <errno.h>
#include <string.h>
#endif

#include "front.h"

#define ID_INDEX_BITS 12 /* VTOE_MAX_ENTRIES */
#define ID_INDEX_MASK ((1u << ID_INDEX_BITS) - 1)
#define ERRNO_MAX     4095

uint32_t front_submit_room(const struct front *f)
{
	return f->view.geo.nr_entries - f->nr_pending;
}

static uint32_t pending_take(struct front *f, const struct vtoe_submission *cmd,
			     void *cookie)
{
	uint32_t i = f->pending_free;
	struct front_pending *p = &f->pending[i];

	f->pending_free = p->next;
	f->nr_pending++;
	f->id_seq++;
	p->id = (f->id_seq << ID_INDEX_BITS) | i;
	if (!p->id) /* 0 means "not outstanding" */
		p->id = (++f->id_seq << ID_INDEX_BITS) | i;
	p->slot = cmd->slot;
	p->gen = f->slot[cmd->slot].gen;
	p->op = cmd->op;
	p->len = cmd->op == VTOE_OP_GETOPT ? cmd->u.option.len : 0;
	p->cookie = cookie;
	return p->id;
}

static void pending_put(struct front *f, struct front_pending *p)
{
	p->id = 0;
	p->cookie = NULL;
	p->next = f->pending_free;
	f->pending_free = (uint32_t)(p - f->pending);
	f->nr_pending--;
}

int front_submit(struct front *f, const struct vtoe_submission *cmd,
		 void *cookie)
{
	struct vtoe_submission *entry;

	if (vtoe_load(&f->broken))
		return -EPROTO;
	if (f->nr_pending >= f->view.geo.nr_entries)
		return -EAGAIN;
	entry = &f->view.sq[f->sq_prod & (f->view.geo.nr_entries - 1)];
	*entry = *cmd;
	entry->gen = f->slot[cmd->slot].gen;
	entry->id = pending_take(f, cmd, cookie);
	f->sq_prod++;
	vtoe_store_release(&f->view.queue->sq_prod, f->sq_prod);
	return 0;
}

static int submit_release(struct front *f, uint32_t slot)
{
	struct front_slot *s = &f->slot[slot];
	struct vtoe_submission cmd;

	memset(&cmd, 0, sizeof(cmd));
	cmd.op = VTOE_OP_RELEASE;
	cmd.flags = s->release_quiet ? VTOE_QUIET : 0;
	cmd.slot = slot;
	cmd.u.release.flags = s->release_flags;
	cmd.u.release.linger_ms = s->linger_ms;
	return front_submit(f, &cmd, s->release_cookie);
}

void front_release(struct front *f, uint32_t slot, uint32_t flags,
		   uint32_t linger_ms, bool quiet, void *cookie)
{
	struct front_slot *s = &f->slot[slot];

	s->state = FRONT_SLOT_RELEASING;
	s->release_flags = flags;
	s->linger_ms = linger_ms;
	s->release_quiet = quiet;
	s->release_cookie = cookie;
	if (f->release_head == FRONT_NIL && submit_release(f, slot) != -EAGAIN)
		return;
	s->next = FRONT_NIL;
	if (f->release_head == FRONT_NIL)
		f->release_head = slot;
	else
		f->slot[f->release_tail].next = slot;
	f->release_tail = slot;
}

static void flush_releases(struct front *f)
{
	while (f->release_head != FRONT_NIL) {
		uint32_t slot = f->release_head;

		if (submit_release(f, slot))
			return;
		f->release_head = f->slot[slot].next;
	}
}

/* The slots that were posted to a listener that is gone. */
static void free_posts(struct front *f, uint32_t listener)
{
	uint32_t i;

	for (i = 0; f->slot[listener].posted && i < f->view.geo.nr_slots; i++) {
		if (f->slot[i].state == FRONT_SLOT_POSTED &&
		    f->slot[i].parent == listener) {
			front_slot_free(f, i);
			f->slot[listener].posted--;
		}
	}
}

static const char *check(const struct front_pending *p,
			 const struct vtoe_completion *cqe)
{
	if (!cqe->id || p->id != cqe->id)
		return "a completion of no outstanding command";
	if (p->slot != cqe->slot || p->gen != cqe->gen)
		return "a completion with a wrong slot";
	if (cqe->result > 0 || cqe->result < -ERRNO_MAX)
		return "a completion with an impossible result";
	if (p->op == VTOE_OP_GETOPT && !cqe->result &&
	    cqe->u.option.len > p->len)
		return "an option longer than its room";
	return NULL;
}

int front_complete(struct front *f, struct front_done *done)
{
	uint32_t mask = f->view.geo.nr_entries - 1, prod;
	struct front_pending *p;
	struct vtoe_completion cqe;
	const char *why;

	if (vtoe_load(&f->broken))
		return -EPROTO;
	prod = vtoe_load_acquire(&f->view.queue->cq_prod);
	if (prod == f->cq_cons)
		return 0;
	if (prod - f->cq_cons > f->nr_pending)
		return front_break(f, "more completions than commands");
	memcpy(&cqe, &f->view.cq[f->cq_cons & mask], sizeof(cqe));
	/* The compiler must not read shared memory again in place of cqe. */
	__asm__ volatile("" : : : "memory");
	p = &f->pending[cqe.id & ID_INDEX_MASK & mask];
	why = check(p, &cqe);
	if (why)
		return front_break(f, why);
	f->cq_cons++;
	vtoe_store_release(&f->view.queue->cq_cons, f->cq_cons);

	done->cookie = p->cookie;
	done->op = p->op;
	done->cqe = cqe;
	pending_put(f, p);
	if (done->op == VTOE_OP_RELEASE) {
		free_posts(f, cqe.slot);
		front_slot_free(f, cqe.slot);
	}
	flush_releases(f);
	return 1;
}
