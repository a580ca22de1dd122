/* SPDX-License-Identifier: GPL-2.0 */
/* dgram.c - records in the two rings of a datagram slot (contract, 5.7). */
#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/string.h>
#else
#include <errno.h>
#include <string.h>
#endif

#include "front.h"

#define ERRNO_MAX 4095u
#define HEADER	  ((uint32_t)sizeof(struct vtoe_datagram))
#define KNOWN_FLAGS                                                            \
	(VTOE_DGRAM_LOCAL | VTOE_DGRAM_TOS | VTOE_DGRAM_TTL | VTOE_DGRAM_TIME)

unsigned int front_dgram_put(struct front_stream *s,
			     const struct vtoe_datagram *head,
			     struct vtoe_segment seg[2])
{
	front_tx_segments(s, HEADER, seg);
	memcpy(seg[0].data, head, HEADER);
	return vtoe_ring_segments(s->front->view.tx, s->tx_run,
				  s->tx_prod + HEADER, head->len, seg);
}

bool front_dgram_commit(struct front_stream *s, uint32_t len)
{
	return front_tx_commit(s, vtoe_dgram_record(len));
}

static const char *check(const struct vtoe_datagram *head, uint32_t avail)
{
	if (head->len > VTOE_DGRAM_MAX || vtoe_dgram_record(head->len) > avail)
		return "a datagram longer than what is there";
	if (head->flags & ~KNOWN_FLAGS || head->zero)
		return "an unknown field in a datagram";
	if (head->addr.family != VTOE_INET && head->addr.family != VTOE_INET6)
		return "a datagram of an unknown family";
	return NULL;
}

int front_dgram_peek(struct front_stream *s, struct vtoe_datagram *head)
{
	int avail = front_rx_avail(s);
	struct vtoe_datagram copy;
	struct vtoe_segment seg[2];
	const char *why;

	if (avail <= 0)
		return avail;
	if ((uint32_t)avail % VTOE_DGRAM_ALIGN)
		return front_break(s->front, "a datagram was split");
	front_rx_segments(s, 0, HEADER, seg);
	memcpy(&copy, seg[0].data, HEADER);
	/* The compiler must not read shared memory again in place of copy. */
	__asm__ volatile("" : : : "memory");
	why = check(&copy, (uint32_t)avail);
	if (why)
		return front_break(s->front, why);
	*head = copy;
	return 1;
}

unsigned int front_dgram_segments(struct front_stream *s, uint32_t len,
				  struct vtoe_segment seg[2])
{
	return front_rx_segments(s, HEADER, len, seg);
}

bool front_dgram_consume(struct front_stream *s, uint32_t len)
{
	return front_rx_consume(s, vtoe_dgram_record(len));
}

bool front_dgram_arm(struct front_stream *s)
{
	vtoe_store(&s->shared->guest.rx_event, s->rx_cons + 1);
	vtoe_full_barrier();
	return front_rx_avail(s) != 0;
}

uint32_t front_dgram_error(struct front_stream *s, uint32_t *seq)
{
	uint32_t now, error;

	if (vtoe_load_acquire(&s->shared->dom0.gen) != s->gen)
		return 0;
	now = vtoe_load_acquire(&s->shared->dom0.error_seq);
	if (now == *seq)
		return 0;
	*seq = now;
	error = vtoe_load(&s->shared->dom0.error);
	return error > ERRNO_MAX ? 0 : error;
}
