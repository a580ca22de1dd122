/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ring.h - the arithmetic and the wake-up rules that both sides share.
 *
 * Theory of operation
 *
 * A byte ring has two free-running 32-bit indexes, each written by one side.
 * The number of bytes in it is prod - cons, modulo 2^32, and the place of byte
 * i in a run of 2^n bytes is i mod 2^n.
 *
 * Wake-ups have two stages. (1) Whether anybody cares about this ring: the
 * waiting side writes an event index; the other rings the slot's doorbell bit
 * when its own index passes it. (2) Whether the other side must be woken: if it
 * is asleep, the one that rings clears *_asleep and sends one event.
 *
 * No wake-up is lost, at either stage, because each side does the same two
 * things in opposite order with a full barrier between them (Dekker):
 *
 *	waiter				ringer
 *	write event index / asleep	publish index / set doorbell bit
 *	full barrier			full barrier
 *	look at index / doorbell	look at event index / asleep
 *
 * In any interleaving at least one of them sees what the other wrote: the
 * waiter does not go to sleep, or the ringer rings. An event index that lies
 * behind means "not waiting"; after 2^32 bytes it may be hit once for nothing,
 * which is harmless.
 *
 * The doorbell is a bitmap with a summary word over it, as Xen's own two-level
 * event channels are. The ringer sets the bit, then the summary bit; the
 * waiter clears the summary, then the bits. If the ringer finds the summary
 * bit set already, the waiter has yet to clear it, and will see the bit.
 *
 * Any context; nothing here sleeps, allocates or logs.
 */
#ifndef COMMON_RING_H
#define COMMON_RING_H

#include "atomic.h"
#include "../xenstore-schema/vtoe_wire.h"

/* An event index that is never passed from here: "do not ring". */
static inline uint32_t vtoe_event_off(uint32_t index)
{
	return index;
}

/* True if moving from @old to @new passes @event. */
static inline bool vtoe_event_hit(uint32_t old, uint32_t new_, uint32_t event)
{
	return (uint32_t)(new_ - event) < (uint32_t)(new_ - old);
}

static inline uint32_t vtoe_run_make(uint32_t page, uint32_t order)
{
	return VTOE_RUN_VALID | (order << VTOE_RUN_ORDER_SHIFT) | page;
}

static inline uint32_t vtoe_run_page(uint32_t run)
{
	return run & VTOE_RUN_PAGE_MASK;
}

static inline uint32_t vtoe_run_order(uint32_t run)
{
	return (run >> VTOE_RUN_ORDER_SHIFT) & VTOE_RUN_ORDER_MASK;
}

/* Size of a run in bytes; @run must have been checked. */
static inline uint32_t vtoe_run_size(uint32_t run)
{
	return VTOE_PAGE_SIZE << vtoe_run_order(run);
}

/* True if @run is well-formed and lies in an arena of @nr_pages pages. */
static inline bool vtoe_run_ok(uint32_t run, uint32_t nr_pages)
{
	uint32_t order = vtoe_run_order(run), page = vtoe_run_page(run);

	return (run & VTOE_RUN_VALID) && order <= VTOE_MAX_RUN_ORDER &&
	       (page & ((1u << order) - 1)) == 0 && page < nr_pages &&
	       nr_pages - page >= (1u << order);
}

/* A contiguous piece of a ring. */
struct vtoe_segment {
	uint8_t *data;
	uint32_t len; /* bytes */
};

/**
 * vtoe_ring_segments - the pieces of @len bytes from @index in a run
 * @base: the arena
 * @run: the run, checked
 * @index: free-running index of the first byte
 * @len: bytes, at most the run's size
 * @seg: two pieces; the second may be empty
 *
 * Returns the number of pieces that are not empty: 0, 1 or 2.
 */
static inline unsigned int vtoe_ring_segments(uint8_t *base, uint32_t run,
					      uint32_t index, uint32_t len,
					      struct vtoe_segment seg[2])
{
	uint8_t *data = base + (uint64_t)vtoe_run_page(run) * VTOE_PAGE_SIZE;
	uint32_t size = vtoe_run_size(run);
	uint32_t at = index & (size - 1);
	uint32_t first = size - at < len ? size - at : len;

	seg[0].data = data + at;
	seg[0].len = first;
	seg[1].data = data;
	seg[1].len = len - first;
	return (first != 0) + (len != first);
}

/* Bytes that a datagram of @len bytes (at most VTOE_DGRAM_MAX) has in a ring.
 */
static inline uint32_t vtoe_dgram_record(uint32_t len)
{
	return (uint32_t)sizeof(struct vtoe_datagram) +
	       ((len + VTOE_DGRAM_ALIGN - 1) & ~(VTOE_DGRAM_ALIGN - 1));
}

/* Ring the doorbell of @slot; the peer's index must be published before. */
static inline void vtoe_doorbell_ring(uint64_t *bits, uint64_t *summary,
				      uint32_t slot)
{
	uint32_t word = slot / 64;
	uint64_t top = 1ull << (word % 64);

	vtoe_fetch_or(&bits[word], 1ull << (slot % 64));
	if (!(vtoe_load(&summary[word / 64]) & top))
		vtoe_fetch_or(&summary[word / 64], top);
}

/* True if the peer sleeps and is to be sent an event, by this caller only. */
static inline bool vtoe_wake_claim(uint32_t *asleep)
{
	vtoe_full_barrier();
	return vtoe_load(asleep) && vtoe_exchange(asleep, 0u);
}

/* True if any doorbell bit may be set. */
static inline bool vtoe_doorbell_pending(const uint64_t *summary,
					 uint32_t nr_slots)
{
	uint32_t i;

	for (i = 0; i * 4096u < nr_slots; i++)
		if (vtoe_load(&summary[i]))
			return true;
	return false;
}

/**
 * vtoe_doorbell_scan - take all doorbell bits and call a function for each
 * @bits: the bitmap, @nr_slots bits
 * @summary: its summary
 * @nr_slots: slots of the device; bits beyond it are ignored
 * @fn: called with each slot's number
 * @arg: passed to @fn
 *
 * Returns the number of calls. A peer that keeps ringing does not keep the
 * caller here: each word is taken once.
 */
static inline uint32_t vtoe_doorbell_scan(uint64_t *bits, uint64_t *summary,
					  uint32_t nr_slots,
					  void (*fn)(void *arg, uint32_t slot),
					  void *arg)
{
	uint32_t i, word, slot, n = 0;
	uint64_t top, set;

	for (i = 0; i * 4096u < nr_slots; i++) {
		if (!vtoe_load(&summary[i]))
			continue;
		top = vtoe_exchange(&summary[i], 0ull);
		for (; top; top &= top - 1) {
			word = i * 64 + (uint32_t)__builtin_ctzll(top);
			if (word * 64 >= nr_slots)
				break;
			set = vtoe_exchange(&bits[word], 0ull);
			for (; set; set &= set - 1) {
				slot = word * 64 +
				       (uint32_t)__builtin_ctzll(set);
				if (slot < nr_slots) {
					fn(arg, slot);
					n++;
				}
			}
		}
	}
	return n;
}

#endif /* COMMON_RING_H */
