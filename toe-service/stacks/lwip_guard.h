/* SPDX-License-Identifier: GPL-2.0 */
/*
 * lwip_guard.h - what of the network's frames may reach lwIP, and what may leave it.
 */
#ifndef STACKS_LWIP_GUARD_H
#define STACKS_LWIP_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lwip/ip_addr.h>

struct lwip_link;

#define LWIP_HALF_OPEN_MAX 512u

/**
 * lwip_guard_frame - may lwIP see this frame?
 * @frame: Ethernet, @len bytes, of which nothing is known
 *
 * Counts requests for connections; above a limit they do not pass, nor do those
 * for a server whose backlog is full: lwIP looks at neither.
 */
bool lwip_guard_frame(const struct lwip_link *link, const uint8_t *frame,
		      size_t len);

/**
 * lwip_guard_leaves - may lwIP send this frame?
 * @frame: Ethernet, and @len bytes of it, with the IP header
 *
 * Not what has an address that is gone: somebody else may have it now.
 */
bool lwip_guard_leaves(const struct lwip_link *link, const uint8_t *frame,
		       size_t len);

/**
 * lwip_guard_window - drop what lwIP has queued beyond a window
 *
 * After each frame that it has seen. It does not look at the window when the first
 * segment comes out of order, and ends the process when it gets to one that does not
 * fit. Any peer could have that; and one does so in good faith after a move, as the
 * other stack had told it of a larger window.
 */
void lwip_guard_window(void);

/**
 * lwip_guard_syns - so many connections are half open now
 *
 * To be told each tick.
 */
void lwip_guard_syns(unsigned int half_open);

/** lwip_guard_ours - is it an address of any of the guest's links here? */
bool lwip_guard_ours(const ip_addr_t *addr);

/** lwip_guard_stir - make the next initial sequence number unpredictable */
void lwip_guard_stir(void);

#endif /* STACKS_LWIP_GUARD_H */
