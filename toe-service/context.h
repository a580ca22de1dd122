/* SPDX-License-Identifier: GPL-2.0 */
/*
 * context.h - virtual contexts: one guest socket each, as requested and as
 * resolved.
 *
 * Theory of operation
 *
 * This is where backend/ (rings, slots) and toe-service/ (TCP/IP) meet in the
 * worker: connection operations go down through these functions, readiness
 * comes up through one upcall. A context has the number of its slot. Its row in
 * the context table (tables.h) keeps the request verbatim, for remapping and
 * for people; what is private stands in struct context. Rows are written here
 * and nowhere else.
 *
 * A context is placed on a TOE when it is opened and, if the device has more
 * than one, again when it connects; then it is bound to the address that the
 * guest has on that TOE, which says what way its packets take. What was accepted,
 * or bound by the guest, is where its local address is. TOEs of several drivers
 * have a stack each: until a context has an address, it may change to another
 * one (context_stack.c).
 *
 * When a TOE context goes to a TOE of another driver, its sockets go with it: those
 * without a peer are made again as requested, streams are taken out of one stack and
 * put into the other (context_move.c).
 *
 * All functions are called from the worker's one thread, do not block, and
 * return 0 (or a count) or a negative errno for the guest's program. A slot
 * number must be below nr_rows, and must name an open context unless said
 * otherwise.
 */
#ifndef TOE_SERVICE_CONTEXT_H
#define TOE_SERVICE_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "place.h"
#include "stack.h"
#include "tables.h"

/* Upcall: events are TOE_*. May call any function below. */
typedef void context_ready_fn(void *owner, uint32_t slot, unsigned int events);

/* One guest socket; 32 bytes, so that idle ones are cheap. */
struct context {
	struct contexts *all;
	const struct toe_driver *driver;
	struct toe_conn *conn; /* NULL: the context is free */
	uint32_t slot;
	int8_t toe; /* index into contexts.toe */
	bool placed : 1; /* its address is placement's choice */
	bool fixed : 1;	 /* it has an option that only its stack may have */
	bool waits : 1;	 /* with its connect(), for a TOE context's link */
	bool stale : 1;	 /* its stack does not know that its link is another */
	int16_t error; /* of a connect() that was tried again; else 0 */
};

struct context_toe {
	const struct toe_driver *driver; /* NULL: not in use */
	struct toe_stack *stack;
	struct toe_address ip, ip6;
	struct toe_routes routes;
	bool given_up; /* what lost its link there waits no more */
};

#define CONTEXT_STACKS_MAX (CONTEXT_TOES_MAX + CONTEXT_DRIVERS_MAX)

/* An instance of a driver; TOE contexts share it, and it stays when they go. */
struct context_instance {
	const struct toe_driver *driver; /* NULL: none */
	struct toe_stack *stack;
	uint32_t silent; /* times that it was asked and has not answered */
};

/* ---- moves between stacks ---- */

/* What vtoed is to do with connections' descriptors. */
struct context_assist {
	const char *driver; /* whose control half is meant */
	enum toe_assist what;
	uint32_t id; /* comes back with the answer */
	unsigned int nr;
	int fd[CONTEXT_ASSIST_MAX]; /* the contexts' */
};

struct context_move_ops {
	/* contexts_assisted() follows later, unless vtoed is not there; then
	 * contexts_ask_again() has the next one asked */
	void (*assist)(void *owner, unsigned int toe,
		       const struct context_assist *ask);
	/* all streams are in the new stack: its link may hear */
	void (*arrived)(void *owner, unsigned int toe);
	/* it is over: @toe is where contexts_set_toe() has said */
	void (*settled)(void *owner, unsigned int toe);
};

/* Where a TOE context is; strings end. */
struct contexts_place {
	uint32_t row, generation;    /* of its TOE; CONTEXTS_NO_TOE: not in use */
	char driver[TABLE_NAME_MAX];
	struct toe_address ip, ip6;
	struct toe_routes routes;
	char settings[TABLE_SETTINGS_MAX]; /* for the driver */
};

/* contexts_set_toe(), to be done once the move that is under way is over. */
struct context_later {
	bool due;
	struct contexts_place to;
	uint32_t left;
};

/* context_move.c: the one move that is under way. */
struct context_move {
	int toe;  /* -1: none */
	int step; /* enum frozen_step */
	struct contexts_place to;
	uint32_t left;
	uint32_t ask_id;
	unsigned int nr_asked; /* an answer is due */
	struct toe_conn *asked[CONTEXT_ASSIST_MAX];
	TAILQ_HEAD(, toe_conn) frozen, waiting;
	struct context_later later[CONTEXT_TOES_MAX];
};

/* All contexts of one device. */
struct contexts {
	struct context_table *table;
	const struct toe_table *toes;
	struct context *context; /* nr_rows of them */
	context_ready_fn *ready;
	void *owner;
	uint64_t now_ns; /* CLOCK_MONOTONIC; the owner keeps it current */
	uint32_t pool; /* row in the TOE table */
	uint32_t max_sockets; /* by the entry; 0: no limit */
	uint32_t nr_waiting;  /* contexts with a connect() that waits */
	uint32_t stale_from;  /* slots before it are not stale */
	bool accepts_wait;    /* for room under a limit; counted once */
	struct context_toe toe[CONTEXT_TOES_MAX];
	struct context_instance instance[CONTEXT_STACKS_MAX]; /* by their tags */
	struct place_candidate candidate[CONTEXT_TOES_MAX];
	const struct context_move_ops *move_ops;
	struct context_move move;
	struct context nobody; /* has streams whose guest has closed them */
};

#define CONTEXTS_NO_TOE UINT32_MAX

struct contexts_config {
	uint32_t nr_rows;
	const struct toe_table *toes; /* mapped; outlives the contexts */
	context_ready_fn *ready;
	void *owner;
	int epoll;
	uint64_t tag; /* of TOE 0's stack, 1 << TOE_DATA_BITS more for each */
	uint32_t pool; /* row in the TOE table */
	uint32_t max_sockets; /* by the guest's entry; 0: no limit */
	struct contexts_place toe[CONTEXT_TOES_MAX];
	/* that TOE contexts may come to; "": none */
	char driver[CONTEXT_DRIVERS_MAX][TABLE_NAME_MAX];
	const struct context_move_ops *move_ops;
};

/**
 * contexts_init - make the context table and open the stacks
 * @cs: filled in
 * @config: strings are terminated
 * @table_fd: set to the table's memfd, sealed against growing and shrinking
 * @error: TOE_ERROR_MAX bytes, set on failure
 *
 * In the guest's network namespace, before the sandbox. Undoes everything on
 * failure. There is no counterpart: the process ends.
 */
int contexts_init(struct contexts *cs, const struct contexts_config *config,
		  int *table_fd, char *error);

/**
 * contexts_set_toe - a TOE context is new, is on another TOE, or is no more
 * @toe: which of the device's TOE contexts
 * @to: where it is now; row CONTEXTS_NO_TOE: nowhere
 * @left: enum toe_state of the TOE that it was on, or CONTEXT_LEFT_ADDRESS
 *
 * On another TOE it has the addresses that it had: its sockets are what they
 * were, and each context notes a remap. The connections of one that is no more
 * are reset. Where only an address is another one, established streams that have the
 * old one are reset, those that are connecting connect again from one that is there,
 * and datagram sockets are connected anew; what a program has bound to it waits for
 * it to be back; and while there is none, all wait until contexts_no_address(). If
 * the other TOE has another driver, streams move
 * to its stack, which takes vtoed's help and some time. Costs one look at each row,
 * and what the driver does for each connection. Returns 0; -EINPROGRESS: settled()
 * follows; -EINVAL: no such TOE context; -EOPNOTSUPP: a driver of which nothing is
 * open yet (the sandbox forbids to start), and then nothing has changed.
 */
int contexts_set_toe(struct contexts *cs, unsigned int toe,
		     const struct contexts_place *to, uint32_t left);

/**
 * contexts_ask_again - another vtoed is there, which has not been asked for anything
 *
 * To be called before anything else is done for it.
 */
void contexts_ask_again(struct contexts *cs);

/**
 * contexts_assisted - vtoed has done what assist() asked for
 * @result: for each descriptor, in that order: 0 or a negative errno
 *
 * An answer that nobody waits for is ignored.
 */
void contexts_assisted(struct contexts *cs, uint32_t id, const int16_t *result,
		       unsigned int nr);

/**
 * contexts_lost - a TOE context's TOE does not work, and there is no other
 * @left: enum toe_state of that TOE
 * @reset: its connections are given up, too
 *
 * Streams that are connecting there try again on another TOE context, if one
 * works; to the program it is one connect(). Until @reset, or until it is set
 * again, what connects there waits if the link has gone. The same costs as above.
 * -EINVAL: no such TOE context.
 */
int contexts_lost(struct contexts *cs, unsigned int toe, uint32_t left,
		  bool reset);

/**
 * contexts_no_address - a TOE context's address of a family has not come back
 * @family: VTOE_INET or VTOE_INET6
 *
 * What has it fares as if another one were there. The same costs. -EINVAL: no such
 * TOE context.
 */
int contexts_no_address(struct contexts *cs, unsigned int toe,
			uint16_t family);

/**
 * contexts_ask_alive - have each engine answer, and note those that have not
 *
 * To be called once a second. Returns whether any driver can tell; if none can,
 * there is no need to call it again.
 */
bool contexts_ask_alive(struct contexts *cs);

/**
 * contexts_tell_some - tell stacks of sockets whose link has become another one
 *
 * After contexts_set_toe() there may be thousands, with a system call for each: so
 * it is some at a time, and between them the others go on. A socket that is used
 * has its turn before. Returns whether there are more.
 */
bool contexts_tell_some(struct contexts *cs);

/* An epoll event of stack @index (the tag less the configured one). */
void contexts_event(struct contexts *cs, unsigned int index, uint64_t data,
		    uint32_t events);

/* What a guest asks for with OPEN. */
struct context_opening {
	uint32_t generation;
	uint16_t family, type;
	uint32_t uid;
};

/**
 * context_open - a free context gets a socket on some TOE
 *
 * -ENOBUFS: the device, its pool or each TOE has as many as it may.
 */
int context_open(struct contexts *cs, uint32_t slot,
		 const struct context_opening *opening);

/** context_bind - @bound: set to the address that it was bound to */
int context_bind(struct contexts *cs, uint32_t slot,
		 const struct vtoe_addr *addr, struct vtoe_addr *bound);

int context_listen(struct contexts *cs, uint32_t slot, uint32_t backlog);

/**
 * context_connect - start to connect
 * @local: set if 0 is returned
 *
 * Returns 0 if it is connected already, -EINPROGRESS (TOE_CONNECTED follows),
 * or an error, after which it may be tried again. A datagram context is
 * connected at once, may be connected again, and is not any more with family 0.
 */
int context_connect(struct contexts *cs, uint32_t slot,
		    const struct vtoe_addr *addr, struct vtoe_addr *local);

/** context_connected - after TOE_CONNECTED: how it ended; as above */
int context_connected(struct contexts *cs, uint32_t slot,
		      struct vtoe_addr *local);

/**
 * context_accept - take a connection from a listening context
 * @listener: the listener's slot
 * @slot: a free context, which becomes the connection
 * @local, @peer: set on success
 *
 * Returns 0 or -EAGAIN; other errors are of the one connection or of resources:
 * with -ENOBUFS, as context_open(), the connection waits on.
 */
int context_accept(struct contexts *cs, uint32_t listener, uint32_t slot,
		   uint32_t generation, struct vtoe_addr *local,
		   struct vtoe_addr *peer);

/** context_recv - bytes, 0 at the end of the stream, -EAGAIN, or an error */
ssize_t context_recv(struct contexts *cs, uint32_t slot,
		     const struct iovec *iov, int iovcnt);

/** context_send - bytes, -EAGAIN, or an error */
ssize_t context_send(struct contexts *cs, uint32_t slot,
		     const struct iovec *iov, int iovcnt);

/* context_send_datagrams - as stack.h says of each; datagram contexts only */
int context_send_datagrams(struct contexts *cs, uint32_t slot,
			   const struct toe_datagram *datagram,
			   unsigned int nr);
int context_recv_datagram(struct contexts *cs, uint32_t slot,
			  struct toe_datagram *datagram);
int context_next_datagram(struct contexts *cs, uint32_t slot);

/**
 * context_hold - hold back short segments from now on, or not any more
 *
 * For streams whose next bytes are sure to come soon. "Not any more" sends what
 * was held back.
 */
int context_hold(struct contexts *cs, uint32_t slot, bool hold);

/** context_shutdown - nothing more will be sent; SHUT_RDWR: nor read */
int context_shutdown(struct contexts *cs, uint32_t slot, int how);

/** context_unsent - bytes that the peer has not acknowledged */
int context_unsent(struct contexts *cs, uint32_t slot);

/** context_error - take the pending error: 0 or a negative errno */
int context_error(struct contexts *cs, uint32_t slot);

int context_setopt(struct contexts *cs, uint32_t slot, int level, int name,
		   const void *value, uint32_t len);
int context_getopt(struct contexts *cs, uint32_t slot, int level, int name,
		   void *value, uint32_t *len);

/** context_note_closing - released by the guest, still draining */
void context_note_closing(struct contexts *cs, uint32_t slot);

/** context_note_failed - over, with a positive errno; not yet released */
void context_note_failed(struct contexts *cs, uint32_t slot, uint32_t error);

/** context_is_connected - has a datagram context a peer? */
bool context_is_connected(const struct contexts *cs, uint32_t slot);

/** context_close - the end; the context is free. @abort: with a reset */
void context_close(struct contexts *cs, uint32_t slot, bool abort);

#endif /* TOE_SERVICE_CONTEXT_H */
