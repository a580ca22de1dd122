/* SPDX-License-Identifier: GPL-2.0 */
/*
 * release.c - ways to end (xenstore-schema/README.md, section 5.4, RELEASE).
 *
 *	ABORT			reset, complete
 *	nothing			send up to tx_end, close, complete
 *	LINGER			send up to tx_end, shut down, wait until all is
 *				acknowledged or the time is over, close, complete
 *
 * Closing a kernel socket lets the kernel finish the connection by itself, so
 * the slot is not needed any more once all bytes are out of the run.
 *
 * To close takes longer than most commands, and nobody waits for it: it is done
 * after the commands of a round, among the slots that are active (loop.c), but
 * before the next BIND, which may want the address.
 */
#include <errno.h>
#include <sys/socket.h>

#include "worker.h"

#define NS_PER_MS 1000000ull
/*
 * A peer that takes nothing for so long loses the rest, and the guest gets its
 * slot back: Linux gives up on a closed socket after about as long.
 */
#define CLOSING_NS	(120000 * NS_PER_MS)
#define CLOSING_TICK_NS (1000 * NS_PER_MS)
/* There is no upcall for "all acknowledged". */
#define LINGER_TICK_NS	(5 * NS_PER_MS)

static int finish(struct worker *w, struct slot *s, uint32_t id, int result,
		  bool abort)
{
	bool quiet = s->flags & SLOT_QUIET;

	loop_tell(w);
	context_close(&w->contexts, slot_number(w, s), abort);
	slot_end(w, s);
	w->counters->releases++;
	return queue_complete(w, s, id, result, NULL, quiet);
}

static void schedule(struct worker *w, uint64_t ns)
{
	if (!w->ending_ns || w->ending_ns > w->now_ns + ns)
		w->ending_ns = w->now_ns + ns;
}

static void set_deadline(struct worker *w, struct slot *s, uint64_t ns)
{
	s->deadline_ns = w->now_ns + ns;
	schedule(w, ns < CLOSING_TICK_NS ? ns : CLOSING_TICK_NS);
}

/* Over the deadline, or sending has failed. */
static bool given_up(struct worker *w, const struct slot *s)
{
	return (s->flags & (SLOT_DEAD | SLOT_STACK_HUP)) ||
	       w->now_ns >= s->deadline_ns;
}

static int run_closing(struct worker *w, struct slot *s)
{
	uint32_t old = s->tx_cons;
	int more = s->flags & SLOT_DGRAM ? dgram_tx_run(w, s) : tx_run(w, s);

	if (more < 0)
		return more;
	if (s->tx_cons == s->tx_end) {
		if (!(s->flags & SLOT_LINGER))
			return finish(w, s, s->release_id, 0, false);
		if (!(s->flags & SLOT_SHUT))
			context_shutdown(&w->contexts, slot_number(w, s),
					 SHUT_WR);
		s->flags |= SLOT_SHUT;
		s->state = SLOT_LINGERING;
		schedule(w, LINGER_TICK_NS);
		return 0;
	}
	if (s->tx_cons != old && !(s->flags & SLOT_LINGER))
		set_deadline(w, s, CLOSING_NS);
	if (!given_up(w, s))
		return more;
	/* what is left cannot be sent; a FIN would pretend that it was */
	return finish(w, s, s->release_id,
		      s->flags & SLOT_LINGER && !(s->flags & SLOT_DEAD)
			      ? -EWOULDBLOCK
			      : 0,
		      true);
}

static int run_lingering(struct worker *w, struct slot *s)
{
	int unsent = context_unsent(&w->contexts, slot_number(w, s));

	/* an error: it is over, nothing more will be acknowledged */
	if (unsent <= 0)
		return finish(w, s, s->release_id, 0, false);
	if (w->now_ns >= s->deadline_ns)
		return finish(w, s, s->release_id, -EWOULDBLOCK, false);
	schedule(w, LINGER_TICK_NS);
	return 0;
}

int release_run(struct worker *w, struct slot *s)
{
	return s->state == SLOT_CLOSING ? run_closing(w, s)
					: run_lingering(w, s);
}

static int release_connection(struct worker *w, struct slot *s,
			      const struct vtoe_submission *cmd)
{
	uint32_t run;
	int used;

	if ((cmd->u.release.flags & VTOE_RELEASE_ABORT) ||
	    (s->flags & (SLOT_HUP | SLOT_DEAD)))
		/* one that is over on both sides needs no reset */
		return finish(w, s, cmd->id, 0, !(s->flags & SLOT_STACK_HUP));
	used = tx_used(w, s, &run);
	if (used < 0)
		return used;
	s->tx_end = s->tx_cons + (uint32_t)used;
	s->release_id = cmd->id;
	s->state = SLOT_CLOSING;
	TAILQ_INSERT_TAIL(&w->ending, s, ending);
	if (cmd->u.release.flags & VTOE_RELEASE_LINGER) {
		s->flags |= SLOT_LINGER;
		set_deadline(w, s, cmd->u.release.linger_ms * NS_PER_MS);
	} else {
		set_deadline(w, s, CLOSING_NS);
	}
	if (used || s->flags & SLOT_LINGER)
		context_note_closing(&w->contexts, slot_number(w, s));
	slot_activate(w, s);
	w->closing = true;
	return 0;
}

int release_start(struct worker *w, struct slot *s,
		  const struct vtoe_submission *cmd)
{
	int err = 0;

	if (cmd->flags & VTOE_QUIET)
		s->flags |= SLOT_QUIET;
	switch (s->state) {
	case SLOT_ESTABLISHED:
	case SLOT_DATAGRAM:
		return release_connection(w, s, cmd);
	case SLOT_CONNECTING:
		err = queue_complete(w, s, s->connect_id, -ECANCELED, NULL,
				     false);
		break;
	case SLOT_LISTENING:
		err = listener_end(w, s);
		break;
	default:
		break;
	}
	return err ? err : finish(w, s, cmd->id, 0, false);
}

int release_tick(struct worker *w)
{
	struct slot *s, *next;
	int err;

	w->ending_ns = 0;
	for (s = TAILQ_FIRST(&w->ending); s; s = next) {
		next = TAILQ_NEXT(s, ending);
		if (s->state == SLOT_CLOSING)
			schedule(w, CLOSING_TICK_NS);
		if (s->state == SLOT_LINGERING || w->now_ns >= s->deadline_ns) {
			err = release_run(w, s);
			if (err < 0)
				return err;
		}
	}
	return 0;
}
