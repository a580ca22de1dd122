/* SPDX-License-Identifier: GPL-2.0 */
/*
 * lwip_link.h - a guest's link to lwIP: a network interface of it, on a packet
 * socket.
 */
#ifndef STACKS_LWIP_LINK_H
#define STACKS_LWIP_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include <lwip/netif.h>

#include "../stack.h"

struct lwip_link {
	struct netif netif;
	int fd, ifindex;
	bool used;    /* netif is one of lwIP's */
	bool blocked; /* a frame found no room: EPOLLOUT is waited for */
	int epoll;
	uint64_t data; /* epoll_data of its events */
	uint64_t *syscalls;
	struct toe_address ip, ip6;
	uint64_t tell_ms;   /* when neighbours are told again */
	uint32_t tell_wait; /* ms until then; 0: they have heard */
};

/**
 * lwip_link_open - a packet socket, which is on no link yet
 * @config: of the stack
 * @data: what its events are to carry, with the tag
 *
 * Before the sandbox. Returns 0 or a negative errno.
 */
int lwip_link_open(struct lwip_link *link,
		   const struct toe_stack_config *config, uint64_t data);
void lwip_link_close(struct lwip_link *link);

/**
 * lwip_link_set - put the socket on a link, and give lwIP its addresses
 *
 * On another link connections go on, and neighbours are told. What has an address
 * that is gone stays, and is not heard any more. Needs no privilege. Returns 0 or a
 * negative errno; then nothing comes, and nothing goes.
 */
int lwip_link_set(struct lwip_link *link, const struct toe_link *to);

/**
 * lwip_link_stir - there is one more listener
 *
 * What comes by a link is answered by that link; the next frame tells it to all.
 */
void lwip_link_stir(void);

/** lwip_link_event - frames have come, or there is room again (EPOLL*) */
void lwip_link_event(struct lwip_link *link, uint32_t events);

/**
 * lwip_link_tick - tell neighbours again that do not send to the link
 * @now_ms: lwip_now_ms()
 *
 * What told them may have been lost: while a device that has just been plugged in
 * comes up, or a cable is out.
 */
void lwip_link_tick(struct lwip_link *link, uint64_t now_ms);

/** lwip_link_has - is it an address of this link? */
bool lwip_link_has(const struct lwip_link *link, const ip_addr_t *addr);

/** lwip_link_gone - has its device vanished? Asks the kernel. */
bool lwip_link_gone(const struct lwip_link *link);

#endif /* STACKS_LWIP_LINK_H */
