/* SPDX-License-Identifier: GPL-2.0 */
/*
 * context_stack.c - which stack a socket is on, where TOEs have different drivers.
 *
 * A socket is opened before it is known what for, on the first TOE context's stack
 * ("home"). Until it has an address it can become a socket of another stack: by
 * the address that it is bound to, or by where it connects to. A wildcard is
 * of one stack only, the first one's. The options that programs set before are
 * taken along; a socket with one that cannot be stays where it is.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "context_parts.h"

/* Options that are one int, on each stack that has them. */
static const struct {
	int level, name;
} moves[] = {
	{SOL_SOCKET, SO_KEEPALIVE},	{SOL_SOCKET, SO_REUSEADDR},
	{SOL_SOCKET, SO_BROADCAST},	{SOL_SOCKET, SO_TIMESTAMPNS},
	{IPPROTO_TCP, TCP_NODELAY},	{IPPROTO_TCP, TCP_KEEPIDLE},
	{IPPROTO_TCP, TCP_KEEPINTVL},	{IPPROTO_TCP, TCP_KEEPCNT},
	{IPPROTO_IP, IP_TOS},		{IPPROTO_IP, IP_TTL},
	{IPPROTO_IP, IP_PKTINFO},	{IPPROTO_IP, IP_RECVTOS},
	{IPPROTO_IP, IP_RECVTTL},	{IPPROTO_IPV6, IPV6_V6ONLY},
	{IPPROTO_IPV6, IPV6_TCLASS},	{IPPROTO_IPV6, IPV6_UNICAST_HOPS},
	{IPPROTO_IPV6, IPV6_RECVPKTINFO}, {IPPROTO_IPV6, IPV6_RECVTCLASS},
	{IPPROTO_IPV6, IPV6_RECVHOPLIMIT},
};

#define NR_MOVES (sizeof(moves) / sizeof(moves[0]))

_Static_assert(NR_MOVES <= CONTEXT_OPTIONS_MAX, "room for each");

static int find_move(int level, int name)
{
	size_t i;

	for (i = 0; i < NR_MOVES; i++)
		if (moves[i].level == level && moves[i].name == name)
			return (int)i;
	return -ENOPROTOOPT;
}

bool context_option_moves(int level, int name)
{
	return find_move(level, name) >= 0;
}

/* TOE contexts on a stack, as bits. */
static uint32_t on_stack(const struct contexts *cs,
			 const struct toe_stack *stack)
{
	uint32_t on = 0;
	unsigned int i;

	for (i = 0; i < CONTEXT_TOES_MAX; i++)
		if (cs->toe[i].driver && cs->toe[i].stack == stack)
			on |= 1u << i;
	return on;
}

static int first_toe(const struct contexts *cs)
{
	int i;

	for (i = 0; i < (int)CONTEXT_TOES_MAX; i++)
		if (cs->toe[i].driver)
			return i;
	return 0;
}

uint32_t contexts_home(const struct contexts *cs)
{
	return on_stack(cs, cs->toe[first_toe(cs)].stack);
}

/* Nothing is known of it but options, so another one would do as well. */
static bool may_change(const struct contexts *cs, const struct context *c)
{
	uint32_t state = cs->table->row[c->slot].state;

	return !c->fixed && (state == CONTEXT_OPEN || c->waits ||
			     (state == CONTEXT_CONNECTING && c->placed));
}

uint32_t context_may_be_on(const struct contexts *cs, const struct context *c,
			   const struct vtoe_addr *peer)
{
	uint32_t reach = context_reach(cs, peer);
	uint32_t here = reach & context_same_stack(cs, c);

	return may_change(cs, c) ? reach : here;
}

/* ---- changing ---- */

static int read_option(const struct toe_driver *driver, struct toe_conn *conn,
		       size_t i, int *value)
{
	uint32_t len = sizeof(*value);

	*value = 0;
	return driver->getopt(conn, moves[i].level, moves[i].name, value, &len);
}

static int take_option(const struct context *from,
		       const struct toe_driver *driver, struct toe_conn *to,
		       size_t i)
{
	int is, would_be;

	if (read_option(from->driver, from->conn, i, &is))
		return 0; /* this socket has no such option */
	if (read_option(driver, to, i, &would_be))
		return is ? -ENOPROTOOPT : 0;
	if (is == would_be)
		return 0;
	return driver->setopt(to, moves[i].level, moves[i].name, &is,
			      sizeof(is));
}

int context_change_stack(struct contexts *cs, struct context *c, int toe)
{
	const struct toe_driver *driver = cs->toe[toe].driver;
	const struct context_row *row = &cs->table->row[c->slot];
	struct toe_conn *conn;
	size_t i;
	int err;

	err = driver->open(cs->toe[toe].stack, row->requested.family,
			   row->requested.type, c, &conn);
	for (i = 0; !err && i < NR_MOVES; i++) {
		err = take_option(c, driver, conn, i);
		if (err)
			driver->close(conn, TOE_CLOSE_ABORT);
	}
	if (err)
		return err;
	c->driver->close(c->conn, TOE_CLOSE_ABORT);
	c->driver = driver;
	c->conn = conn;
	context_put_on(cs, c, toe);
	return 0;
}

/* ---- changing, with an address ---- */

void context_options_read(const struct toe_driver *driver,
			  struct toe_conn *conn,
			  struct context_options *options)
{
	size_t i;

	options->has = 0;
	for (i = 0; i < NR_MOVES; i++)
		if (!read_option(driver, conn, i, &options->value[i]))
			options->has |= 1u << i;
}

void context_options_apply(const struct toe_driver *driver,
			   struct toe_conn *conn,
			   const struct context_options *options)
{
	int is;
	size_t i;

	for (i = 0; i < NR_MOVES; i++)
		if ((options->has >> i & 1) &&
		    !read_option(driver, conn, i, &is) &&
		    is != options->value[i])
			driver->setopt(conn, moves[i].level, moves[i].name,
				       &options->value[i], sizeof(int));
}

static int find_option(const struct context_options *options, int level,
		       int name)
{
	int i = find_move(level, name);

	return i >= 0 && !(options->has >> i & 1) ? -ENOPROTOOPT : i;
}

int context_options_set(struct context_options *options, int level, int name,
			const void *value, uint32_t len)
{
	int i = find_option(options, level, name);

	if (i < 0)
		return i;
	if (len < sizeof(int))
		return -EINVAL;
	memcpy(&options->value[i], value, sizeof(int));
	return 0;
}

int context_options_get(const struct context_options *options, int level,
			int name, void *value, uint32_t *len)
{
	int i = find_option(options, level, name);

	if (i < 0)
		return i;
	if (*len < sizeof(int))
		return -EINVAL;
	memcpy(value, &options->value[i], sizeof(int));
	*len = sizeof(int);
	return 0;
}

/* The address that it has, or is to have, on a stack. */
static int bind_again(struct contexts *cs, const struct context *c, int toe,
		      struct toe_conn *conn)
{
	const struct context_row *row = &cs->table->row[c->slot];
	const struct toe_driver *driver = cs->toe[toe].driver;
	const struct vtoe_addr *own = row->state == CONTEXT_CONNECTING
					      ? &row->requested.local
					      : &row->resolved.local;
	struct vtoe_addr addr;

	if (own->family)
		return driver->bind(conn, own);
	if (row->state != CONTEXT_CONNECTING || !c->placed)
		return 0;
	addr = context_own_address(cs, toe, &row->requested.remote);
	return driver->use_address(conn, &addr);
}

/* As the row says that it was before. */
static int resume(struct contexts *cs, const struct context *c, int toe,
		  struct toe_conn *conn)
{
	const struct context_row *row = &cs->table->row[c->slot];
	const struct toe_driver *driver = cs->toe[toe].driver;
	int err = row->state == CONTEXT_OPEN ? 0
					     : bind_again(cs, c, toe, conn);

	if (err)
		return err;
	switch (row->state) {
	case CONTEXT_LISTENING:
		return driver->listen(conn, row->requested.backlog);
	case CONTEXT_CONNECTING:
	case CONTEXT_ESTABLISHED: /* datagrams */
		return driver->connect(conn, &row->requested.remote);
	default:
		return 0;
	}
}

int context_resume_on(struct contexts *cs, struct context *c, int toe)
{
	const struct toe_driver *driver = cs->toe[toe].driver;
	const struct context_row *row = &cs->table->row[c->slot];
	struct context_options options;
	struct toe_conn *conn;
	int err;

	err = driver->open(cs->toe[toe].stack, row->requested.family,
			   row->requested.type, c, &conn);
	if (err)
		return err;
	context_options_read(c->driver, c->conn, &options);
	context_options_apply(driver, conn, &options);
	err = resume(cs, c, toe, conn);
	if (err && err != -EINPROGRESS) {
		driver->close(conn, TOE_CLOSE_ABORT);
		return err;
	}
	c->driver->close(c->conn, TOE_CLOSE_ABORT);
	c->driver = driver;
	c->conn = conn;
	c->fixed = false;
	return err;
}

static int change_to(struct contexts *cs, struct context *c, int toe)
{
	if (cs->toe[toe].stack == cs->toe[c->toe].stack || !may_change(cs, c))
		return 0;
	return context_change_stack(cs, c, toe);
}

int context_stack_for(struct contexts *cs, struct context *c,
		      const struct vtoe_addr *own)
{
	static const uint8_t any[16];
	int toe = first_toe(cs);

	if (own && memcmp(own->addr, any, sizeof(any)))
		toe = context_find_local(cs, toe, own);
	return change_to(cs, c, toe);
}

int context_stack_to(struct contexts *cs, struct context *c,
		     const struct vtoe_addr *peer)
{
	uint32_t reach = context_reach(cs, peer);

	if (!reach || (reach & context_same_stack(cs, c)))
		return 0;
	return change_to(cs, c, __builtin_ctz(reach));
}
