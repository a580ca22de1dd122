/* SPDX-License-Identifier: GPL-2.0 */
/*
 * lwip_conn.h - what the files of the "lwip" driver's data half share.
 *
 *	lwip.c		the instance, time, upcalls, the table of operations
 *	lwip_tcp.c	streams
 *	lwip_move.c	streams to and from other stacks
 *	lwip_udp.c	datagrams
 *	lwip_addr.c	addresses, and which link leads to one
 *	lwip_neighbour.c who is there on a link
 *	lwip_icmp.c	errors that the network tells of
 *	lwip_options.c	what a program may set
 *	lwip_link.c	a link: frames to lwIP, and from it
 *	lwip_guard.c	which frames lwIP may see
 */
#ifndef STACKS_LWIP_CONN_H
#define STACKS_LWIP_CONN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <lwip/tcp.h>
#include <lwip/udp.h>

#include "../stack.h"
#include "lwip_link.h"

/* Connections that wait to be accepted, of all listeners. */
#define LWIP_PENDING_MAX 4096u
/* Datagrams that wait in a socket: how many, and bytes. */
#define LWIP_QUEUE_MAX	 256u
#define LWIP_QUEUE_BYTES 262144u
/* And in all sockets of the guest. */
#define LWIP_QUEUES_BYTES 67108864u

enum lwip_kind {
	LWIP_STREAM,
	LWIP_LISTENER, /* tcp is a struct tcp_pcb_listen */
	LWIP_DATAGRAM,
};

/* What a program has set; it outlives the PCB, of which each attempt has one. */
struct lwip_options {
	bool nodelay, keepalive, reuse, broadcast, v6only;
	bool tell_local, tell_tos, tell_ttl, tell_time; /* with datagrams */
	uint32_t keep_idle, keep_intvl, keep_cnt; /* s, s; 0: lwIP's */
	uint8_t tos, ttl; /* 0: lwIP's */
};

struct lwip_datagram {
	STAILQ_ENTRY(lwip_datagram) entry;
	struct pbuf *p;
	struct vtoe_datagram head;
};

struct toe_conn {
	struct toe_stack *stack;
	void *user; /* NULL: not accepted yet, and so told of nothing */
	enum lwip_kind kind;
	uint8_t family;	   /* VTOE_INET, VTOE_INET6 */
	unsigned int told; /* TOE_*, due; 0: not in the list */
	LIST_ENTRY(toe_conn) entry; /* of the free, or of those to be told */
	TAILQ_ENTRY(toe_conn) wait; /* of those to be accepted */

	struct tcp_pcb *tcp; /* NULL: not made yet, or over */
	struct udp_pcb *udp;
	struct lwip_options options;
	int error; /* negative errno: over, or the attempt has failed */
	bool bound, connecting, connected, eof, shut, full;
	bool chosen; /* datagrams: local's address was connect()'s choice */
	bool deaf; /* nobody reads what arrives from now on */
	bool frozen;	 /* in none of lwIP's lists, or about to be closed */
	uint32_t excess; /* bytes queued beyond lwIP's send buffer */
	struct vtoe_addr local, remote;

	struct pbuf *rx; /* streams: received, in order */
	TAILQ_HEAD(, toe_conn) queue; /* listeners: to be accepted */
	struct toe_conn *listener;    /* of one that waits */
	STAILQ_HEAD(, lwip_datagram) datagrams;
	uint32_t nr_queued, queued_bytes, backlog;
	uint64_t asked_ms; /* streams: connecting since; datagrams: see below */
	/* datagrams: a peer that is not known yet, and what went there */
	ip_addr_t asked;
	uint32_t unknown;
	bool asking; /* more is to go there */
	bool any_port; /* datagrams: the port is none that was asked for */
};

LIST_HEAD(lwip_conns, toe_conn);

struct toe_stack {
	struct toe_stack_config config;
	struct lwip_link link[CONTEXT_TOES_MAX];
	int event, timer;
	uint32_t queued_bytes; /* of datagrams */
	uint32_t nr_asking; /* sockets that wait for a neighbour */
	bool in_event, due; /* upcalls follow; the event is on its way */
	bool ticking;
	uint64_t busy_ms;	   /* when something was done last */
	uint64_t slow_ms, fast_ms; /* when lwIP's timers ran last */
	struct lwip_conns free, later;
	uint32_t nr_open, nr_pending;
	uint32_t nr_closing; /* PCBs that are lwIP's alone; an estimate */
	uint32_t nr_used; /* elements of conn that were ever used */
	struct toe_conn conn[];
};

/* ---- lwip.c ---- */

/* NULL: no room. @user NULL: it waits to be accepted. */
struct toe_conn *lwip_conn_new(struct toe_stack *stack, enum lwip_kind kind,
			       uint8_t family, void *user);
void lwip_conn_put(struct toe_conn *conn);
/* An upcall, from the next stack_event() on. */
void lwip_tell(struct toe_conn *conn, unsigned int events);
uint64_t lwip_now_ms(void);
/* lwIP has something to do at a time. */
void lwip_keep_time(struct toe_stack *stack);
/* What has become of an err_t. */
int lwip_errno(err_t err);

/* ---- lwip_addr.c ---- */

/* 0, -EAFNOSUPPORT, -EINVAL, -ENETUNREACH; a mapped address becomes IPv4 */
int lwip_addr_to(const struct toe_conn *conn, const struct vtoe_addr *addr,
		 ip_addr_t *ip, uint16_t *port);
/* The same for one to be bound to. */
int lwip_addr_own(const struct toe_conn *conn, const struct vtoe_addr *addr,
		  ip_addr_t *ip, uint16_t *port);
/* 0, or Linux's error for a socket bound to @own that is to reach @peer */
int lwip_addr_fit(const struct toe_conn *conn, const ip_addr_t *own,
		  const ip_addr_t *peer);
/* It is bound to @ip: one of IPv6's makes it IPV6_V6ONLY, as with Linux. */
void lwip_addr_bound(struct toe_conn *conn, const ip_addr_t *ip);
/* in the form that a socket of @family has it in */
void lwip_addr_from(uint8_t family, const ip_addr_t *ip, uint16_t port,
		    struct vtoe_addr *addr);
bool lwip_addr_is_any(const struct vtoe_addr *addr);
/* Whose address it is, or NULL. */
struct lwip_link *lwip_link_of(struct toe_stack *stack, const ip_addr_t *own);
/* Is it one of a link whose device is there? With the device the address goes. */
bool lwip_addr_is_there(struct toe_stack *stack, const ip_addr_t *own);
/* That by which a peer is reached, or NULL. */
struct lwip_link *lwip_link_to(struct toe_stack *stack, const ip_addr_t *peer);
/* 0, or why no packet can go there */
int lwip_peer_check(const ip_addr_t *peer, bool datagram);

/* ---- lwip_neighbour.c ---- */

/* Is a packet's next hop known, or not asked for yet (IPv6)? Else it is asked for. */
bool lwip_neighbour_known(struct lwip_link *link, const ip_addr_t *peer);
/* Has it answered? */
bool lwip_neighbour_found(struct lwip_link *link, const ip_addr_t *peer);

/* ---- lwip_options.c ---- */

int lwip_setopt(struct toe_conn *conn, int level, int name, const void *value,
		uint32_t len);
int lwip_getopt(struct toe_conn *conn, int level, int name, void *value,
		uint32_t *len);
/* Gives the PCB what the program has set. */
void lwip_options_apply(const struct toe_conn *conn);

/* ---- lwip_tcp.c ---- */

int lwip_tcp_bind(struct toe_conn *conn, const struct vtoe_addr *addr);
int lwip_tcp_listen(struct toe_conn *conn, unsigned int backlog);
int lwip_tcp_connect(struct toe_conn *conn, const struct vtoe_addr *addr);
int lwip_tcp_connected(struct toe_conn *conn);
int lwip_tcp_accept(struct toe_conn *listener, void *user,
		    struct toe_conn **connp, struct vtoe_addr *peer);
ssize_t lwip_tcp_recv(struct toe_conn *conn, const struct iovec *iov,
		      int iovcnt);
ssize_t lwip_tcp_send(struct toe_conn *conn, const struct iovec *iov,
		      int iovcnt);
int lwip_tcp_shutdown(struct toe_conn *conn, int how);
void lwip_tcp_reset(struct toe_conn *conn);
void lwip_tcp_moved(struct toe_conn *conn);
void lwip_tcp_close(struct toe_conn *conn, bool abort);
uint32_t lwip_tcp_unacked(const struct toe_conn *conn);
uint32_t lwip_tcp_unsent(const struct toe_conn *conn);
/* Can no server on that port take one more connection? */
bool lwip_tcp_full(uint16_t port);
/* Each tick: what lwIP frees without a word, and how much of it there is. */
void lwip_tcp_tick(struct toe_stack *stack);

/* A PCB, if there is none. */
int lwip_tcp_pcb(struct toe_conn *conn);

/* ---- lwip_move.c ---- */

int lwip_tcp_freeze(struct toe_conn *conn);
int lwip_tcp_export(struct toe_conn *conn, struct toe_saved *saved);
int lwip_tcp_import(struct toe_conn *conn, struct toe_saved *saved);
int lwip_tcp_thaw(struct toe_conn *conn, const struct toe_saved *saved);
void lwip_tcp_own(struct toe_conn *conn, void *user);
int lwip_tcp_unfinished(struct toe_stack *stack, unsigned int index, void *user,
			struct toe_conn **connp, struct toe_saved *saved);

/* ---- lwip_udp.c ---- */

int lwip_udp_open(struct toe_conn *conn);
int lwip_udp_bind(struct toe_conn *conn, const struct vtoe_addr *addr);
int lwip_udp_connect(struct toe_conn *conn, const struct vtoe_addr *addr);
int lwip_udp_send(struct toe_conn *conn, const struct toe_datagram *datagram,
		  unsigned int nr);
int lwip_udp_recv(struct toe_conn *conn, struct toe_datagram *datagram);
int lwip_udp_next(struct toe_conn *conn);
void lwip_udp_close(struct toe_conn *conn);
/* A neighbour may have answered. */
void lwip_udp_retry(struct toe_stack *stack);

/* ---- lwip_icmp.c ---- */

/**
 * lwip_icmp_look - tell those whom an ICMP error in a frame concerns
 *
 * The frame is any bytes. lwIP itself makes nothing of these.
 */
void lwip_icmp_look(const uint8_t *frame, size_t len);
/* One that is connecting cannot. */
void lwip_tcp_unreachable(struct toe_conn *conn, int error);

#endif /* STACKS_LWIP_CONN_H */
