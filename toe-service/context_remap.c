/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <string.h>

#include "context_parts.h"

#define TOLD_AT_ONCE 16 /* about 0.5 ms of system calls in a PV domain */

void context_note_remap(struct contexts *cs, struct context *c, uint32_t left)
{
	struct context_row *row = context_row_begin(cs, c->slot);

	context_row_place(cs, row, c->toe);
	row->remaps++;
	row->left = left;
	row->remapped_ns = cs->now_ns;
	context_row_end(cs, row);
	cs->table->counters.remaps++;
	context_tally(cs, c->toe, remapped);
}

void context_tell_attempt(struct contexts *cs, struct context *c, int err)
{
	if (err == -EINPROGRESS)
		return;
	c->error = (int16_t)err;
	cs->ready(cs->owner, c->slot, TOE_CONNECTED);
}

/* The next context that is on a TOE context, from @slot on; NULL: no more. */
struct context *contexts_next_on(struct contexts *cs, unsigned int toe,
				 uint32_t *slot)
{
	struct context *c;

	for (; *slot < cs->table->nr_rows; ++*slot) {
		c = &cs->context[*slot];
		if (c->conn && c->toe == (int8_t)toe) {
			++*slot;
			return c;
		}
	}
	return NULL;
}

/* What has a peer, and so cannot live without its address. */
static void reset_peers(struct contexts *cs, unsigned int toe)
{
	struct context *c;
	uint32_t slot = 0;

	while ((c = contexts_next_on(cs, toe, &slot)) != NULL)
		if (context_has_peer(cs, c))
			c->driver->reset(c->conn);
	contexts_tell_waiting(cs, toe, true);
}

/* What has no peer goes on where it can; its address may be gone, though. */
static void leave(struct contexts *cs, unsigned int toe, uint32_t left)
{
	struct context *c;
	uint32_t slot = 0;
	unsigned int i;

	for (i = 0; i < CONTEXT_TOES_MAX; i++)
		if (i != toe && cs->toe[i].stack == cs->toe[toe].stack)
			break;
	if (i == CONTEXT_TOES_MAX)
		return;
	while ((c = contexts_next_on(cs, toe, &slot)) != NULL) {
		context_put_on(cs, c, (int)i);
		context_note_remap(cs, c, left);
	}
}

static int add_toe(struct contexts *cs, unsigned int toe,
		   const struct contexts_place *to)
{
	const struct toe_driver *driver = toe_driver_find(to->driver);
	struct toe_stack *stack = driver ? contexts_find_stack(cs, driver) : NULL;

	if (!stack)
		return -EOPNOTSUPP;
	cs->toe[toe].driver = driver;
	cs->toe[toe].stack = stack;
	contexts_tell_link(cs, toe, to);
	contexts_set_place(cs, toe, to);
	return 0;
}

static int remove_toe(struct contexts *cs, unsigned int toe, uint32_t left)
{
	static const struct contexts_place nowhere = {.row = CONTEXTS_NO_TOE};

	reset_peers(cs, toe);
	leave(cs, toe, left);
	contexts_tell_link(cs, toe, &nowhere);
	contexts_set_place(cs, toe, &nowhere);
	/* driver and stack stay for what could not leave, if it was the last */
	if (contexts_several(cs))
		cs->toe[toe].driver = NULL;
	return 0;
}

/* One connect() of the program's, from one of @among. */
static void connect_among(struct contexts *cs, struct context *c,
			  uint32_t among, uint32_t left)
{
	const struct vtoe_addr *peer =
		&cs->table->row[c->slot].requested.remote;
	int toe = c->toe, err = 0;

	c->driver->reset(c->conn);
	if (c->placed)
		err = context_choose_toe(cs, c, peer, among);
	if (!err && c->toe != toe)
		context_note_remap(cs, c, left);
	if (!err)
		err = c->driver->connect(c->conn, peer);
	context_tell_attempt(cs, c, err);
}

/* ---- addresses that are gone ---- */

static bool is_loopback(const struct vtoe_addr *addr)
{
	static const uint8_t any[16], one[16] = {[15] = 1};
	const uint8_t *a = context_address_bytes(addr);

	if (context_is_ipv4(addr))
		return a[0] == 127 || !memcmp(a, any, 4);
	return !memcmp(a, one, 16) || !memcmp(a, any, 16);
}

/* It is the link's own, and goes with that. */
static bool is_link_local(const struct vtoe_addr *addr)
{
	return addr->family == VTOE_INET6 && addr->addr[0] == 0xfe &&
	       (addr->addr[1] & 0xc0) == 0x80;
}

/* Is that none of the device's addresses? */
static bool is_stale(const struct contexts *cs, const struct vtoe_addr *local)
{
	return !is_loopback(local) && !is_link_local(local) &&
	       context_find_local(cs, -1, local) < 0;
}

/* What the program has bound to an address waits until that is back. */
static bool bound_by_program(const struct contexts *cs, const struct context *c)
{
	const struct vtoe_addr *addr =
		&cs->table->row[c->slot].requested.local;

	return addr->family && !is_loopback(addr);
}

/* A datagram socket has got its address as it was connected. */
static void associate_again(struct contexts *cs, struct context *c)
{
	static const struct vtoe_addr none;
	struct context_row *row;
	struct vtoe_addr peer = cs->table->row[c->slot].requested.remote, local;

	if (bound_by_program(cs, c) || !context_reach(cs, &peer) ||
	    c->driver->connect(c->conn, &none) ||
	    c->driver->connect(c->conn, &peer) ||
	    c->driver->local(c->conn, &local))
		return;
	row = context_row_begin(cs, c->slot);
	row->resolved.local = local;
	context_row_end(cs, row);
}

/* ... from the address that its TOE context has now, or another one has. */
static void connect_again(struct contexts *cs, struct context *c)
{
	const struct vtoe_addr *peer =
		&cs->table->row[c->slot].requested.remote;
	uint32_t among = context_may_be_on(cs, c, peer);

	if (among && !bound_by_program(cs, c))
		connect_among(cs, c, among, CONTEXT_LEFT_ADDRESS);
}

/* What has a peer has lost it. */
static void give_up_stale(struct contexts *cs, struct context *c)
{
	uint32_t state = cs->table->row[c->slot].state;

	context_note_remap(cs, c, CONTEXT_LEFT_ADDRESS);
	if (!context_is_stream(cs, c)) {
		if (state == CONTEXT_ESTABLISHED)
			associate_again(cs, c);
	} else if (state == CONTEXT_CONNECTING) {
		connect_again(cs, c);
	} else if (context_has_peer(cs, c)) {
		c->driver->reset(c->conn);
	}
}

/* A TOE context's address of a family, or router, has become another one. */
struct readdressing {
	const struct context_toe *toe;
	bool ip, ip6; /* which of them */
};

static bool same_address(const struct toe_address *a,
			 const struct toe_address *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* Has it, or may it have, what has changed? */
static bool concerns(const struct readdressing *re,
		     const struct vtoe_addr *local)
{
	static const uint8_t any[16];

	if (context_is_ipv4(local))
		return re->ip;
	return re->ip6 || (re->ip && !memcmp(local->addr, any, sizeof(any)));
}

/*
 * What has no peer goes on with the new address; what has the old one waits while
 * there is none.
 */
static void readdress(struct contexts *cs, struct context *c,
		      const struct readdressing *re)
{
	uint32_t state = cs->table->row[c->slot].state;
	struct vtoe_addr local;

	if (c->driver->local(c->conn, &local) || !concerns(re, &local))
		return;
	if (is_stale(cs, &local)) {
		if (context_address_for(re->toe, &local)->addr.family)
			give_up_stale(cs, c);
	} else if (state == CONTEXT_OPEN || state == CONTEXT_BOUND ||
		   state == CONTEXT_LISTENING) {
		context_note_remap(cs, c, CONTEXT_LEFT_ADDRESS);
	}
}

void context_accepted(struct contexts *cs, struct context *c,
		      const struct vtoe_addr *local)
{
	if (is_stale(cs, local) &&
	    context_address_for(&cs->toe[c->toe], local)->addr.family)
		give_up_stale(cs, c);
}

static void readdress_all(struct contexts *cs, unsigned int toe,
			  const struct readdressing *re)
{
	struct context *c;
	uint32_t slot = 0;

	while ((c = contexts_next_on(cs, toe, &slot)) != NULL)
		readdress(cs, c, re);
}

int contexts_no_address(struct contexts *cs, unsigned int toe, uint16_t family)
{
	struct vtoe_addr local;
	struct context *c;
	uint32_t slot = 0;

	if (toe >= CONTEXT_TOES_MAX || !cs->toe[toe].driver)
		return -EINVAL;
	while ((c = contexts_next_on(cs, toe, &slot)) != NULL)
		if (!c->driver->local(c->conn, &local) &&
		    context_is_ipv4(&local) == (family == VTOE_INET) &&
		    is_stale(cs, &local))
			give_up_stale(cs, c);
	return 0;
}

void context_tell(struct context *c)
{
	if (!c->stale)
		return;
	c->stale = false;
	c->driver->moved(c->conn);
}

bool contexts_tell_some(struct contexts *cs)
{
	struct context *c;
	int nr = 0;

	while (cs->stale_from < cs->table->nr_rows && nr < TOLD_AT_ONCE) {
		c = &cs->context[cs->stale_from++];
		nr += c->stale;
		context_tell(c);
	}
	return cs->stale_from < cs->table->nr_rows;
}

static int set_toe(struct contexts *cs, unsigned int toe,
		   const struct contexts_place *to, uint32_t left)
{
	const struct readdressing re = {
		.toe = &cs->toe[toe],
		.ip = !same_address(&cs->toe[toe].ip, &to->ip),
		.ip6 = !same_address(&cs->toe[toe].ip6, &to->ip6),
	};
	struct context *c;
	uint32_t slot = 0;
	int err;

	if (contexts_moving(cs))
		return contexts_set_toe_later(cs, toe, to, left);
	if (to->row == CONTEXTS_NO_TOE)
		return cs->toe[toe].driver ? remove_toe(cs, toe, left) : 0;
	if (!cs->toe[toe].driver)
		return add_toe(cs, toe, to);
	if (strcmp(cs->toe[toe].driver->name, to->driver))
		return contexts_move(cs, toe, to, left);
	if (cs->toe[toe].driver->stack_configure) {
		err = cs->toe[toe].driver->stack_configure(cs->toe[toe].stack,
							   to->settings);
		if (err)
			return err;
	}
	/* one that does not find its link has said so; the sockets wait */
	contexts_tell_link(cs, toe, to);
	contexts_set_place(cs, toe, to);
	while ((c = contexts_next_on(cs, toe, &slot)) != NULL) {
		c->stale = true;
		if (left != CONTEXT_LEFT_ADDRESS)
			context_note_remap(cs, c, left);
	}
	cs->stale_from = 0;
	if (left == CONTEXT_LEFT_ADDRESS) {
		while (contexts_tell_some(cs))
			;
		readdress_all(cs, toe, &re);
	}
	contexts_tell_waiting(cs, toe, false);
	return 0;
}

int contexts_set_toe(struct contexts *cs, unsigned int toe,
		     const struct contexts_place *to, uint32_t left)
{
	int err;

	if (toe >= CONTEXT_TOES_MAX)
		return -EINVAL;
	cs->toe[toe].given_up = false;
	err = set_toe(cs, toe, to, left);
	if (!contexts_moving(cs))
		contexts_wake(cs);
	return err;
}

/* ... on another TOE. */
static void connect_elsewhere(struct contexts *cs, struct context *c,
			      uint32_t left)
{
	const struct vtoe_addr *peer =
		&cs->table->row[c->slot].requested.remote;
	uint32_t among = context_may_be_on(cs, c, peer) &
			 ~(1u << (unsigned int)c->toe);

	if (!c->placed || !among)
		return;
	connect_among(cs, c, among, left);
}

int contexts_lost(struct contexts *cs, unsigned int toe, uint32_t left,
		  bool reset)
{
	struct context *c;
	uint32_t slot = 0;

	if (toe >= CONTEXT_TOES_MAX || !cs->toe[toe].driver)
		return -EINVAL;
	while ((c = contexts_next_on(cs, toe, &slot)) != NULL)
		if (context_is_stream(cs, c) &&
		    cs->table->row[c->slot].state == CONTEXT_CONNECTING &&
		    !c->waits)
			connect_elsewhere(cs, c, left);
	if (reset)
		reset_peers(cs, toe);
	cs->toe[toe].given_up = reset;
	contexts_wake(cs);
	return 0;
}
