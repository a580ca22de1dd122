/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kernel_conn.h - what the files of the "kernel" driver's data half share.
 */
#ifndef STACKS_KERNEL_CONN_H
#define STACKS_KERNEL_CONN_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "../stack.h"

#define INDEX_BITS 32
#define GEN_MASK   ((1u << (TOE_DATA_BITS - INDEX_BITS)) - 1)
#define NIL	   0xffffffffu

#define WATCHED (EPOLLIN | EPOLLRDHUP | EPOLLPRI | EPOLLET)

struct toe_conn {
	struct toe_stack *stack;
	void *user;
	int fd; /* -1: free */
	uint32_t gen;
	uint32_t next_free;
	uint16_t family;
	uint32_t watched; /* EPOLL*; 0: not in the set */
	bool connecting, refused, listening, corked;
	bool peer; /* has one, though it is not watched: it moves */
	bool datagram;
	bool shut_both; /* SHUT_RDWR */
	bool mapped; /* datagrams: connected to an IPv4 peer by an IPv6 socket
		      */
};

struct toe_stack {
	struct toe_stack_config config;
	uint32_t nr_used; /* elements of conn that were ever used */
	uint32_t free;	  /* head of a list */
	uint8_t *scratch; /* TOE_SAVED_MAX bytes, for a queue's contents */
	struct toe_conn conn[];
};

union sockaddr_any {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static inline void kernel_count(struct toe_stack *stack)
{
	++*stack->config.syscalls;
}

/* 0, -EAFNOSUPPORT, or -EINVAL for a scope that means nothing here. */
int kernel_addr_to(const struct vtoe_addr *addr, union sockaddr_any *sa,
		   socklen_t *len);
int kernel_addr_from(const union sockaddr_any *sa, struct vtoe_addr *addr);

/* Tell of it, and of @events (EPOLL*) besides, or no more. 0 or an errno. */
int kernel_watch(struct toe_conn *conn, uint32_t events);
int kernel_unwatch(struct toe_conn *conn);
/* SIOCOUTQ, SIOCOUTQNSD: bytes or an errno. */
int kernel_queue_bytes(struct toe_conn *conn, unsigned long request);

/* The socket is full: watch for room. @err stands unless that fails. */
int kernel_want_room(struct toe_conn *conn, int err);

int kernel_shutdown(struct toe_conn *conn, int how);

/* ---- kernel_datagram.c ---- */

int kernel_connect_datagram(struct toe_conn *conn,
			    const struct vtoe_addr *addr);
int kernel_send_datagrams(struct toe_conn *conn,
			  const struct toe_datagram *datagram, unsigned int nr);
int kernel_recv_datagram(struct toe_conn *conn, struct toe_datagram *datagram);
int kernel_next_datagram(struct toe_conn *conn);

/* ---- kernel_move.c ---- */

int kernel_freeze(struct toe_conn *conn);
int kernel_export(struct toe_conn *conn, struct toe_saved *saved);
int kernel_import(struct toe_conn *conn, struct toe_saved *saved);
int kernel_thaw(struct toe_conn *conn, const struct toe_saved *saved);
void kernel_own(struct toe_conn *conn, void *user);
int kernel_descriptor(struct toe_conn *conn);

#endif /* STACKS_KERNEL_CONN_H */
