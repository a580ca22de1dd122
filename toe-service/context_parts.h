/* SPDX-License-Identifier: GPL-2.0 */
/*
 * context_parts.h - what the files of contexts share; for nobody else.
 *
 *	context.c		setting up, and the operations of context.h
 *	context_row.c		rows of the context table
 *	context_place.c		which TOE context a connection is on
 *	context_stack.c		which stack, where TOEs have different drivers
 *	context_remap.c		what happens when TOE contexts change
 *	context_move.c		... and their stack with them
 *	context_frozen.c	a stream that is in no stack, or not in one alone
 *	context_wait.c		connecting while a TOE context has no link
 *	context_alive.c		engines that do not answer
 */
#ifndef TOE_SERVICE_CONTEXT_PARTS_H
#define TOE_SERVICE_CONTEXT_PARTS_H

#include "../common/atomic.h"
#include "context.h"

#define CONTEXT_OPTIONS_MAX 24u /* context_stack.c lists them */

/* ---- rows: written between begin (or new) and end ---- */

struct context_row *context_row_begin(struct contexts *cs, uint32_t slot);
void context_row_end(struct contexts *cs, struct context_row *row);

/* For a new life of @slot: all but empty. */
struct context_row *context_row_new(struct contexts *cs, uint32_t slot,
				    uint32_t generation);
void context_row_state(struct contexts *cs, struct context_row *row,
		       enum context_state state);
/* It is on that TOE context. */
void context_row_place(struct contexts *cs, struct context_row *row, int toe);

/* ---- counters ---- */

/* Count one on the TOE that a TOE context is on: a field of struct toe_tally. */
#define context_tally(cs, toe, field)                                          \
	do {                                                                   \
		struct toe_tally *tally_ = context_tally_of((cs), (toe));      \
                                                                               \
		if (tally_)                                                    \
			vtoe_store(&tally_->field, tally_->field + 1);         \
	} while (0)

/* NULL: its TOE is in no row. */
struct toe_tally *context_tally_of(struct contexts *cs, int toe);

/* ---- instances of drivers ---- */

/* The one that a new TOE context of @driver shares, or NULL. */
struct toe_stack *contexts_find_stack(const struct contexts *cs,
				      const struct toe_driver *driver);
void contexts_set_place(struct contexts *cs, unsigned int toe,
			const struct contexts_place *place);
/* Tells the driver of @toe of its link there; before contexts_set_place(). */
int contexts_tell_link(struct contexts *cs, unsigned int toe,
		       const struct contexts_place *place);

/* ---- placement; @among and results are bits, one for each TOE context ---- */

/* Has the device more than one TOE context? */
bool contexts_several(const struct contexts *cs);
/* From which a peer may be reached. */
uint32_t context_reach(const struct contexts *cs, const struct vtoe_addr *peer);
/* Those that a socket, which is made already, can be on. */
uint32_t context_same_stack(const struct contexts *cs, const struct context *c);
/* The best of @among, or -ENETDOWN; @peer may be NULL. */
int context_place(struct contexts *cs, const struct vtoe_addr *peer,
		  uint32_t among);
/* Place a connection to @peer, and bind it to its address there. */
int context_choose_toe(struct contexts *cs, struct context *c,
		       const struct vtoe_addr *peer, uint32_t among);
/* The guest's address there, as a socket of the peer's family takes it. */
struct vtoe_addr context_own_address(const struct contexts *cs, int toe,
				     const struct vtoe_addr *peer);
/* The TOE context that has a local address, or else @toe. */
int context_find_local(const struct contexts *cs, int toe,
		       const struct vtoe_addr *local);
void context_put_on(struct contexts *cs, struct context *c, int toe);
void context_set_load(struct contexts *cs, int toe, uint32_t load);

/* ---- several stacks ---- */

/* The TOE contexts whose stack a new socket is opened on: the first one's. */
uint32_t contexts_home(const struct contexts *cs);
/* From which a stream to @peer may go, if it has to change its stack or not. */
uint32_t context_may_be_on(const struct contexts *cs, const struct context *c,
			   const struct vtoe_addr *peer);
/* Put a socket that has no address yet on the stack that has @own; NULL, or a
 * wildcard: on the first one's. */
int context_stack_for(struct contexts *cs, struct context *c,
		      const struct vtoe_addr *own);
/* Put a datagram socket that has no address yet on a stack that reaches @peer. */
int context_stack_to(struct contexts *cs, struct context *c,
		     const struct vtoe_addr *peer);
/* Make it a socket of the stack that @toe has. On failure nothing changes. */
int context_change_stack(struct contexts *cs, struct context *c, int toe);
/* Can this option be taken from one stack to another? */
bool context_option_moves(int level, int name);
/* The same, but what cannot be taken along is left, and it is bound, listens or
 * connects there as it did: as connect() of a driver. It has no peer, or is of
 * datagrams. */
int context_resume_on(struct contexts *cs, struct context *c, int toe);

/* The options that move, of one connection. */
struct context_options {
	int value[CONTEXT_OPTIONS_MAX];
	uint32_t has; /* bits */
};

void context_options_read(const struct toe_driver *driver,
			  struct toe_conn *conn,
			  struct context_options *options);
void context_options_apply(const struct toe_driver *driver,
			   struct toe_conn *conn,
			   const struct context_options *options);
/* One of them; -ENOPROTOOPT: it is not there. */
int context_options_set(struct context_options *options, int level, int name,
			const void *value, uint32_t len);
int context_options_get(const struct context_options *options, int level,
			int name, void *value, uint32_t *len);

/* ---- remapping ---- */

/* Its stack knows about its link from now on. */
void context_tell(struct context *c);

/* The next context that is on a TOE context, from @slot on; NULL: no more. */
struct context *contexts_next_on(struct contexts *cs, unsigned int toe,
				 uint32_t *slot);
void context_note_remap(struct contexts *cs, struct context *c, uint32_t left);

/* Those that have moved out of a listener's queue, and are to be accepted first:
 * the next one, or NULL; it becomes @c's; none is wanted any more. */
struct toe_conn *contexts_next_waiting(const struct contexts *cs,
				       const struct context *listener);
int contexts_toe_of_waiting(const struct toe_conn *f);
void contexts_take_waiting(struct context *c, struct toe_conn *f,
			   struct vtoe_addr *peer);
void contexts_drop_waiting(struct contexts *cs,
			   const struct context *listener);
/* Their TOE context is on another TOE (moved()), or, @reset, is no more. */
void contexts_tell_waiting(struct contexts *cs, unsigned int toe, bool reset);

/* Is a move between stacks under way? */
static inline bool contexts_moving(const struct contexts *cs)
{
	return cs->move.toe >= 0;
}

/* One that waited in its listener's queue may have an address that is gone since. */
void context_accepted(struct contexts *cs, struct context *c,
		      const struct vtoe_addr *local);
/* As contexts_set_toe(), to a TOE of another driver. */
int contexts_move(struct contexts *cs, unsigned int toe,
		  const struct contexts_place *to, uint32_t left);
/* As contexts_set_toe(), while there is a move. */
int contexts_set_toe_later(struct contexts *cs, unsigned int toe,
			   const struct contexts_place *to, uint32_t left);

/* ---- waiting for a link ---- */

/* Is one of @among without its link, and not given up? */
bool contexts_await_link(const struct contexts *cs, uint32_t among);
/* Has connecting to @peer failed with @err only because of that? */
bool context_may_wait(const struct contexts *cs, const struct context *c,
		      const struct vtoe_addr *peer, int err);
/* It waits from now on, or does not any more. */
void context_wait(struct contexts *cs, struct context *c, bool wait);
/* TOE contexts have changed: those that wait try again. */
void contexts_wake(struct contexts *cs);
/* Place a connection to @peer, and connect. */
int context_start_connect(struct contexts *cs, struct context *c,
			  const struct vtoe_addr *peer);

/* IPv4, in its own form or within IPv6? */
bool context_is_ipv4(const struct vtoe_addr *addr);
/* Where the bytes of an address begin, IPv4 within IPv6 seen as IPv4. */
const uint8_t *context_address_bytes(const struct vtoe_addr *addr);
/* A TOE context's address of the family that @addr really is of. */
const struct toe_address *context_address_for(const struct context_toe *toe,
					      const struct vtoe_addr *addr);
/* An attempt to connect that was made anew: unless it is under way, the guest is
 * told how it ended. */
void context_tell_attempt(struct contexts *cs, struct context *c, int err);

static inline bool context_is_stream(const struct contexts *cs,
				     const struct context *c)
{
	return cs->table->row[c->slot].requested.type == VTOE_STREAM;
}

/* An established stream, also one whose guest has released it. */
static inline bool context_has_peer(const struct contexts *cs,
				    const struct context *c)
{
	uint32_t state = cs->table->row[c->slot].state;

	return context_is_stream(cs, c) &&
	       (state == CONTEXT_ESTABLISHED || state == CONTEXT_CLOSING);
}

#endif /* TOE_SERVICE_CONTEXT_PARTS_H */
