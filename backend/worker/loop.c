/* SPDX-License-Identifier: GPL-2.0 */
/*
 * loop.c - the worker's one loop: what wakes it, what it does, when it sleeps.
 *
 * A round looks at doorbells and the submission ring, runs the slots that are
 * active, and wakes the guest once for all that was published. When nothing is
 * left to do the worker looks out for more for a moment, if that was worth while of
 * late (patience.h). Then it says in dom0_asleep that it sleeps, looks once more
 * (common/ring.h has the argument), and waits in epoll.
 *
 * System calls are dear in a PV domain, so a wake-up by the guest costs three
 * (wait, take the event, unmask), a wake-up by the stack one, and the guest is
 * notified only if it sleeps. Nobody waits for two of those three: the event is
 * taken when the work that it tells of is done. While there is work left over,
 * epoll is asked only every few rounds.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "../../common/log.h"
#include "worker.h"

#define EVENTS	    64 /* fetched at once */
#define BUSY_ROUNDS 4  /* rounds with work left over, for one look at epoll */
/*
 * Looks before it sleeps. They are counted, not timed, as what they save is system
 * calls and switches, too. With 8 fewer answers came in time; with 32 short
 * connections were slower where dom0 has one processor.
 */
#define LINGER_TURNS 16
/* Who has just carried more than this carries a stream: that is cheaper in a lump. */
#define LINGER_BYTES (64u * 1024u)
#define COUNT_NS    1000000000ull
#define ALIVE_NS    1000000000ull /* stack.h: once a second */
#define NS_PER_MS   1000000ull
/* A quiet completion is told of at last after this (contract: 50 ms). */
#define LATE_NS	    (20 * NS_PER_MS)

int loop_watch(struct worker *w, int fd, enum loop_tag tag)
{
	struct epoll_event ev = {
		.events = EPOLLIN,
		.data.u64 = (uint64_t)tag << TOE_DATA_BITS,
	};

	return epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

static uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* The coarse clock: good enough for timers, and never a system call. */
static void tell_time(struct worker *w)
{
	w->now_ns = clock_ns(CLOCK_MONOTONIC_COARSE);
	w->contexts.now_ns = w->now_ns;
}

static void wake_guest(struct worker *w)
{
	w->rang = false;
	w->moved = 0;
	w->late_ns = 0;
	if (!vtoe_wake_claim(&w->view.queue->guest_asleep))
		return;
	w->expected |= EXPECT_GUEST;
	device_notify(w);
}

void loop_rang(struct worker *w, uint32_t bytes)
{
	w->rang = true;
	w->moved += bytes;
	if (w->moved >= PIECE)
		wake_guest(w);
}

void loop_rang_late(struct worker *w)
{
	if (!w->late_ns)
		w->late_ns = w->now_ns + LATE_NS;
}

void loop_tell(struct worker *w)
{
	if (w->rang)
		wake_guest(w);
}

static bool pending(const struct worker *w)
{
	return queue_pending(w) ||
	       vtoe_doorbell_pending(w->view.queue->dom0_summary,
				     w->view.geo.nr_slots);
}

/* ---- sleeping ---- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return !a || (b && b < a) ? b : a;
}

static int timeout_ms(const struct worker *w)
{
	uint64_t due = earlier(earlier(w->sweep_ns, w->ending_ns),
			       earlier(earlier(w->retry_ns, w->late_ns),
				       earlier(w->push_ns, w->alive_ns)));

	if (!due)
		return -1;
	return due <= w->now_ns ? 0 : (int)((due - w->now_ns) / NS_PER_MS) + 1;
}

/* True if the guest now has to send an event; false: there is work. */
static bool fall_asleep(struct worker *w)
{
	vtoe_store(&w->view.queue->dom0_asleep, 1u);
	vtoe_full_barrier();
	if (!pending(w))
		return true;
	vtoe_exchange(&w->view.queue->dom0_asleep, 0u);
	return false;
}

static void dispatch(struct worker *w, const struct epoll_event *ev)
{
	uint32_t tag = (uint32_t)(ev->data.u64 >> TOE_DATA_BITS);

	switch (tag) {
	case TAG_EVTCHN:
		w->event = true;
		break;
	case TAG_CONTROL:
		control_event(w);
		break;
	case TAG_LISTEN:
		control_adopt(w);
		break;
	default:
		contexts_event(&w->contexts, tag - TAG_STACK,
			       ev->data.u64 & ((1ull << TOE_DATA_BITS) - 1),
			       ev->events);
	}
}

/*
 * Fetch and dispatch events; @timeout as epoll_wait(2). True if there was one. The
 * guest's does not count, as it is there until it is taken.
 */
static bool fetch(struct worker *w, int timeout)
{
	struct epoll_event ev[EVENTS];
	bool had = w->event;
	int i, n;

	w->counters->syscalls++;
	n = epoll_wait(w->epoll, ev, EVENTS, timeout);
	/* awake: the guest need not send events */
	vtoe_store(&w->view.queue->dom0_asleep, 0u);
	tell_time(w);
	for (i = 0; i < n; i++)
		dispatch(w, &ev[i]);
	return n > (had && w->event);
}

/* ---- working ---- */

/* Run each slot that is active now once. 1 if any is still; 0; -EPROTO. */
static int run_active(struct worker *w)
{
	uint32_t n = w->nr_active;
	struct slot *s;
	int err;

	w->closing = false;
	while (n-- && (s = TAILQ_FIRST(&w->active))) {
		TAILQ_REMOVE(&w->active, s, active);
		w->nr_active--;
		s->flags &= ~SLOT_ACTIVE;
		err = slot_run(w, s);
		if (err)
			return err;
	}
	return w->nr_active != 0;
}

int loop_close_now(struct worker *w)
{
	int err = w->closing ? run_active(w) : 0;

	return err < 0 ? err : 0;
}

/*
 * A peer on this host, or close to it, has accepted by now. Who connects goes on
 * while the worker does the slower things: sockets are closed, and the event is
 * taken.
 */
static void tell_connected(struct worker *w)
{
	if (!w->connecting)
		return;
	w->connecting = false;
	fetch(w, 0);
	loop_tell(w);
}

static void ask_alive(struct worker *w)
{
	w->alive_ns = contexts_ask_alive(&w->contexts) ? w->now_ns + ALIVE_NS
						       : 0;
}

static int run_timers(struct worker *w)
{
	int err = 0;

	if (w->late_ns && w->now_ns >= w->late_ns)
		loop_rang(w, 0);
	if (w->push_ns && w->now_ns >= w->push_ns)
		tx_push_held(w);
	if (w->retry_ns && w->now_ns >= w->retry_ns)
		slot_retry(w);
	if (w->alive_ns && w->now_ns >= w->alive_ns)
		ask_alive(w);
	if (w->ending_ns && w->now_ns >= w->ending_ns)
		err = release_tick(w);
	if (!err && w->sweep_ns && w->now_ns >= w->sweep_ns)
		err = run_sweep(w);
	return err;
}

/* What the guest counts is for people: copied once a second, if awake. */
static void copy_counters(struct worker *w)
{
	if (w->now_ns - w->counted_ns < COUNT_NS)
		return;
	w->counted_ns = w->now_ns;
	copy_in(&w->contexts.table->guest, &w->view.queue->counters,
		sizeof(w->contexts.table->guest));
}

/* 1: there is more to do; 0: nothing; -EPROTO. */
static int round_once(struct worker *w)
{
	int queue, slots, err;
	bool told;

	vtoe_doorbell_scan(w->view.dom0_doorbell, w->view.queue->dom0_summary,
			   w->view.geo.nr_slots, slot_doorbell, w);
	queue = queue_run(w);
	if (queue >= 0)
		tell_connected(w);
	slots = queue < 0 ? queue : run_active(w);
	told = contexts_tell_some(&w->contexts);
	err = slots < 0 ? slots : run_timers(w);
	loop_tell(w);
	if (err || w->broken)
		return -EPROTO;
	copy_counters(w);
	return queue || slots || told || w->nr_active;
}

/* ---- between working and sleeping ---- */

/* Is this a stream? Bytes since the last call tell. */
static bool carried_much(struct worker *w)
{
	uint64_t before = w->carried;

	w->carried = w->counters->rx_bytes + w->counters->tx_bytes;
	return w->carried - before > LINGER_BYTES;
}

/*
 * Look out for more for a while, in place of sleeping at once. True if there is
 * some. Whoever else wants the processor gets it before each look: often it is the
 * peer whose answer is awaited.
 */
static bool linger(struct worker *w)
{
	struct patience *p = &w->patience[w->expected];
	bool found = false;
	int turn;

	w->expected = 0;
	if (carried_much(w) || !patience_try(p))
		return false;
	for (turn = 0; turn < LINGER_TURNS && !found; turn++) {
		w->counters->syscalls++;
		sched_yield();
		found = fetch(w, 0) || pending(w);
	}
	patience_learn(p, found);
	return found;
}

/*
 * The event is taken first, and only then the guest is asked for one: what it
 * publishes meanwhile is seen without. Taking it is dear, so not while there is work.
 */
static void sleep_till_event(struct worker *w)
{
	if (pending(w))
		return;
	device_rearm(w);
	if (fall_asleep(w))
		fetch(w, timeout_ms(w));
}

int loop_run(struct worker *w)
{
	unsigned int busy = 0;
	int more = 0;

	tell_time(w);
	ask_alive(w);
	while (!w->stop) {
		if (more && ++busy % BUSY_ROUNDS == 0)
			fetch(w, 0);
		if (!more && !linger(w))
			sleep_till_event(w);
		more = round_once(w);
		if (more < 0)
			return more;
	}
	return 0;
}
