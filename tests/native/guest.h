/* SPDX-License-Identifier: GPL-2.0 */
/*
 * guest.h - a test guest: a vTOE frontend made of frontend/core, on fakexen.
 *
 * One struct tg is one connected device, one struct tg_sock one socket of it.
 * All is single-threaded: whoever waits (any function with a timeout) also takes
 * completions, doorbells and XenStore's events for the whole device. Functions
 * return 0, a count or a negative errno; -ETIMEDOUT if the time (milliseconds)
 * ran out. Calls without a timeout never wait and may say -EAGAIN; a socket that
 * said -EAGAIN shows up in tg_next_ready() when it is worth another try.
 *
 * The structures are open, so that tests can misbehave.
 */
#ifndef NATIVE_GUEST_H
#define NATIVE_GUEST_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "../../frontend/core/front.h"
#include "../fakexen/fakexen.h"

/* XenBus states, as Xen numbers them. */
enum tg_state {
	TG_UNKNOWN = 0,
	TG_INITIALISING = 1,
	TG_INIT_WAIT = 2,
	TG_INITIALISED = 3,
	TG_CONNECTED = 4,
	TG_CLOSING = 5,
	TG_CLOSED = 6,
};

/* How big the device is made; 0 takes the default. */
struct tg_config {
	uint32_t nr_entries;	/* 256 */
	uint32_t nr_slots;	/* 1,024 */
	uint32_t nr_tx_pages;	/* 1,024 */
	uint32_t nr_rx_pages;	/* 1,024 */
	uint32_t tx_order;	/* of a stream's run; 3 (32 KiB) */
};

/* A sent command, until somebody has looked at its answer. */
struct tg_call {
	bool done;
	bool forget;		/* nobody will look: free it when done */
	struct tg_sock *closing; /* RELEASE: to be freed when done */
	struct vtoe_completion cqe;
};

struct tg_sock {
	struct tg *tg;
	struct front_stream stream;
	uint32_t slot;
	bool listener;
	bool datagrams;
	uint32_t error_seq;	/* datagrams: errors seen */
	uint32_t posts;		/* a listener keeps so many slots posted */
	struct tg_call *connecting;
	struct vtoe_addr local, peer;	/* of an accepted one */
	bool ready;
	struct tg_sock *next_ready;
	void *user;		/* the test's */
};

struct tg {
	struct fx_host *host;
	struct fx_dom *dom;
	struct fx_xs *xs;
	struct fx_evtchn *evtchn;
	uint32_t port;
	uint32_t devid;
	struct tg_config cfg;
	char *backend;		/* its directory */
	enum tg_state backend_state;
	uint32_t first_page;	/* of the shared pages, in the domain */
	uint32_t layout_page;
	uint32_t *grefs;	/* all that were granted */
	uint32_t nr_grefs;
	uint32_t layout_ref;
	struct vtoe_layout *layout;
	struct vtoe_directory *dirs;
	void *memory;
	struct front front;
	struct tg_sock **socks;	/* by slot */
	struct tg_sock *ready_head, **ready_tail;
	uint64_t notifies, interrupts;
};

/* ------------------------------------------------------------ the device */

/** tg_now_ms() - CLOCK_MONOTONIC, in milliseconds */
uint64_t tg_now_ms(void);

/** tg_pages() - memory a domain needs for such a device, in pages */
uint32_t tg_pages(const struct tg_config *cfg);

/**
 * tg_new() - find the device in XenStore
 *
 * Waits until the toolstack has made it. Nothing is shared yet.
 */
int tg_new(struct fx_host *host, struct fx_dom *dom, uint32_t devid,
	   const struct tg_config *cfg, int timeout, struct tg **tgp);

/** tg_share() - grant everything, allocate the port; tells nobody */
int tg_share(struct tg *tg);

/** tg_publish() - write version, layout-ref and event-channel-0 */
int tg_publish(struct tg *tg);

/** tg_set_state() - write the frontend's state */
int tg_set_state(struct tg *tg, enum tg_state state);

/** tg_wait_backend() - until the backend has that state, or a higher one */
int tg_wait_backend(struct tg *tg, enum tg_state state, int timeout);

/** tg_start() - all of that, in order, until both sides are Connected */
int tg_start(struct fx_host *host, struct fx_dom *dom, uint32_t devid,
	     const struct tg_config *cfg, int timeout, struct tg **tgp);

/** tg_stop() - close the device in order; the backend must be alive */
int tg_stop(struct tg *tg, int timeout);

/**
 * tg_end_grants() - end all grants
 *
 * Return: how many pages are still mapped by somebody.
 */
int tg_end_grants(struct tg *tg);

/** tg_free() - forget the device and its sockets; tells nobody */
void tg_free(struct tg *tg);

/** tg_error() - the backend's "error" node, to be freed; NULL if there is none */
char *tg_error(struct tg *tg);

/* ------------------------------------------------------------ the loop */

/** tg_poll() - take what is there; sends events that are due */
int tg_poll(struct tg *tg);

/**
 * tg_wait() - sleep until something happens
 * @fd: another descriptor to wait for (readable), or -1
 *
 * Return: 1 if something did, 0 if the time ran out, -ECONNABORTED if the
 * device is over.
 */
int tg_wait(struct tg *tg, int fd, int timeout);

/** tg_next_ready() - a socket whose doorbell rang; NULL if there is none */
struct tg_sock *tg_next_ready(struct tg *tg);

/** tg_notify() - send an event whether it is due or not */
void tg_notify(struct tg *tg);

/* ------------------------------------------------------------ sockets */

struct vtoe_addr tg_addr(const char *ip, uint16_t port);

/** tg_submit() - a command, by hand; *@callp to be freed by tg_call_wait() */
int tg_submit(struct tg *tg, const struct vtoe_submission *cmd,
	      struct tg_call **callp);

/** tg_call_wait() - the answer's result; frees the call unless it timed out */
int tg_call_wait(struct tg *tg, struct tg_call *call,
		 struct vtoe_completion *cqe, int timeout);

/** tg_sock_new() - a socket that dom0 has not heard of */
int tg_sock_new(struct tg *tg, struct tg_sock **sp);

/** tg_open() - a stream socket */
int tg_open(struct tg *tg, int family, int timeout, struct tg_sock **sp);
int tg_open_type(struct tg *tg, int family, uint16_t type, int timeout,
		 struct tg_sock **sp);
int tg_bind(struct tg_sock *s, const char *ip, uint16_t port, int timeout,
	    struct vtoe_addr *bound);
int tg_listen(struct tg_sock *s, unsigned int backlog, int timeout);

/** tg_post() - keep so many empty slots posted to a listener */
int tg_post(struct tg_sock *s, uint32_t posts);

/** tg_accept() - the next connection; @timeout 0 only looks (-EAGAIN) */
int tg_accept(struct tg_sock *l, int timeout, struct tg_sock **sp);

int tg_connect_start(struct tg_sock *s, const char *ip, uint16_t port);
/** tg_connect_done() - -EAGAIN while it is under way */
int tg_connect_done(struct tg_sock *s);
/** tg_connect_wait() - after tg_connect_start(); -ETIMEDOUT after @timeout ms */
int tg_connect_wait(struct tg_sock *s, int timeout);
int tg_connect(struct tg_sock *s, const char *ip, uint16_t port, int timeout);

/** tg_open_connect() - both, submitted in one go */
int tg_open_connect(struct tg *tg, const char *ip, uint16_t port, int timeout,
		    struct tg_sock **sp);

/** tg_send() - as much as fits; -EAGAIN, -EPIPE, or the pending error */
ssize_t tg_send(struct tg_sock *s, const void *data, size_t len);
int tg_send_all(struct tg_sock *s, const void *data, size_t len, int timeout);

/** tg_recv() - what is there; 0 at the end; -EAGAIN, or the pending error */
ssize_t tg_recv(struct tg_sock *s, void *data, size_t len);
ssize_t tg_recv_wait(struct tg_sock *s, void *data, size_t len, int timeout);
int tg_recv_all(struct tg_sock *s, void *data, size_t len, int timeout);

/* ------------------------------------------------------------ datagrams */

/** tg_open_dgram() - a datagram socket, with a run for the largest */
int tg_open_dgram(struct tg *tg, int family, int timeout, struct tg_sock **sp);

/**
 * tg_dial_dgram() - the same, opened and connected in one go
 *
 * Waits for nothing; tg_connect_wait() does.
 */
int tg_dial_dgram(struct tg *tg, const char *ip, uint16_t port,
		  struct tg_sock **sp);

/** tg_disconnect() - end the association with a peer */
int tg_disconnect(struct tg_sock *s, int timeout);

/** tg_send_dgram() - -EAGAIN without room; @head: all but len */
int tg_send_dgram(struct tg_sock *s, const struct vtoe_datagram *head,
		  const void *data, size_t len);
/** tg_sendto() - @ip NULL: the connected peer; waits for room */
int tg_sendto(struct tg_sock *s, const char *ip, uint16_t port,
	      const void *data, size_t len, int timeout);

/** tg_recvfrom() - the length of one datagram; @head may be NULL */
ssize_t tg_recvfrom(struct tg_sock *s, void *data, size_t len,
		    struct vtoe_datagram *head, int timeout);

/** tg_dgram_error() - the error that dom0 told of; 0 after @timeout ms */
int tg_dgram_error(struct tg_sock *s, int timeout);

/** tg_shutdown() - as shutdown(2), but the program still gets what arrives */
int tg_shutdown(struct tg_sock *s, int how);
/** tg_wrote_fin() - was the sending direction shut down? */
bool tg_wrote_fin(const struct tg_sock *s);

/** tg_trim() - give an empty TX run back; true if none is held afterwards */
bool tg_trim(struct tg_sock *s);

/** tg_close_start() - release; the socket is gone for the caller */
void tg_close_start(struct tg_sock *s, uint32_t flags, uint32_t linger_ms);
/** tg_close() - release, and wait until the slot is free */
int tg_close(struct tg_sock *s, uint32_t flags, uint32_t linger_ms,
	     int timeout);

int tg_setopt(struct tg_sock *s, int level, int name, const void *value,
	      uint32_t len, int timeout);
int tg_getopt(struct tg_sock *s, int level, int name, void *value,
	      uint32_t *len, int timeout);

#endif
