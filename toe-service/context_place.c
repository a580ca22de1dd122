/* SPDX-License-Identifier: GPL-2.0 */
#include <string.h>

#include "../common/atomic.h"
#include "../common/prefix.h"
#include "context_parts.h"

static bool is_mapped(const struct vtoe_addr *addr)
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

	return addr->family == VTOE_INET6 &&
	       !memcmp(addr->addr, prefix, sizeof(prefix));
}

bool context_is_ipv4(const struct vtoe_addr *addr)
{
	return addr->family == VTOE_INET || is_mapped(addr);
}

const struct toe_address *context_address_for(const struct context_toe *toe,
					      const struct vtoe_addr *addr)
{
	return context_is_ipv4(addr) ? &toe->ip : &toe->ip6;
}

const uint8_t *context_address_bytes(const struct vtoe_addr *addr)
{
	return addr->addr + (is_mapped(addr) ? 12 : 0);
}

static bool has_route(const struct context_toe *toe, uint16_t family,
		      const struct vtoe_addr *peer)
{
	const struct toe_route *route = toe->routes.route;
	uint32_t i;

	for (i = 0; i < toe->routes.nr; i++)
		if (route[i].dst.family == family &&
		    prefix_same(route[i].dst.addr, context_address_bytes(peer),
				route[i].prefix))
			return true;
	return false;
}

/*
 * The TOE contexts from which a peer may be reached, as bits: those that have it
 * on their link, or else those with a route to it, or else those with a gateway, or
 * else those with an address.
 */
uint32_t context_reach(const struct contexts *cs, const struct vtoe_addr *peer)
{
	uint32_t near = 0, routed = 0, far = 0, any = 0;
	const struct toe_address *own;
	unsigned int i;

	for (i = 0; i < CONTEXT_TOES_MAX; i++) {
		own = context_address_for(&cs->toe[i], peer);
		if (!cs->toe[i].driver || !own->addr.family)
			continue;
		any |= 1u << i;
		if (prefix_same(own->addr.addr, context_address_bytes(peer),
				own->prefix))
			near |= 1u << i;
		if (has_route(&cs->toe[i], own->addr.family, peer))
			routed |= 1u << i;
		if (own->gateway.family)
			far |= 1u << i;
	}
	if (near || routed)
		return near ? near : routed;
	return far ? far : any;
}

/* Those that the socket, which is made already, can be on. */
uint32_t context_same_stack(const struct contexts *cs, const struct context *c)
{
	uint32_t among = 0;
	unsigned int i;

	for (i = 0; i < CONTEXT_TOES_MAX; i++)
		if (cs->toe[i].stack == cs->toe[c->toe].stack)
			among |= 1u << i;
	return among;
}

int context_place(struct contexts *cs, const struct vtoe_addr *peer,
		 uint32_t among)
{
	struct place_query query = {
		.pool = cs->pool, .among = among, .peer = peer};

	cs->table->counters.placements++;
	return place_choose(cs->toes, &query, cs->candidate, CONTEXT_TOES_MAX);
}

void context_set_load(struct contexts *cs, int toe, uint32_t load)
{
	cs->candidate[toe].load = load;
	vtoe_store(&cs->table->on_toe[toe], load);
}

void context_put_on(struct contexts *cs, struct context *c, int toe)
{
	if (toe == c->toe)
		return;
	context_set_load(cs, c->toe, cs->candidate[c->toe].load - 1);
	context_set_load(cs, toe, cs->candidate[toe].load + 1);
	c->toe = (int8_t)toe;
}

/* The TOE context that has a local address; else the one that it is on. */
int context_find_local(const struct contexts *cs, int toe,
		      const struct vtoe_addr *local)
{
	const struct toe_address *own;
	int i;

	for (i = 0; i < (int)CONTEXT_TOES_MAX; i++) {
		own = context_address_for(&cs->toe[i], local);
		if (cs->toe[i].driver && own->addr.family &&
		    !memcmp(own->addr.addr, context_address_bytes(local),
			    own->addr.family == VTOE_INET ? 4 : 16))
			return i;
	}
	return toe;
}

bool contexts_several(const struct contexts *cs)
{
	unsigned int i, nr = 0;

	for (i = 0; i < CONTEXT_TOES_MAX; i++)
		nr += cs->toe[i].driver != NULL;
	return nr > 1;
}

/* @own in the form in which a socket of @like's family takes it, with no port */
static struct vtoe_addr own_address(const struct toe_address *own,
				    const struct vtoe_addr *like)
{
	struct vtoe_addr addr = own->addr;

	if (!is_mapped(like))
		return addr;
	addr = (struct vtoe_addr){.family = VTOE_INET6,
				  .addr = {[10] = 0xff, [11] = 0xff}};
	memcpy(addr.addr + 12, own->addr.addr, 4);
	return addr;
}

struct vtoe_addr context_own_address(const struct contexts *cs, int toe,
				     const struct vtoe_addr *peer)
{
	return own_address(context_address_for(&cs->toe[toe], peer), peer);
}

/*
 * Choose among @among for a connection to @peer, and give it the address that
 * the guest has there.
 */
int context_choose_toe(struct contexts *cs, struct context *c,
		      const struct vtoe_addr *peer, uint32_t among)
{
	struct vtoe_addr addr;
	int toe = context_place(cs, peer, among), err;

	if (toe < 0)
		return toe;
	if (cs->toe[toe].stack != cs->toe[c->toe].stack) {
		err = context_change_stack(cs, c, toe);
		if (err)
			return err;
	}
	addr = context_own_address(cs, toe, peer);
	if (toe != c->toe)
		context_tally(cs, toe, placed);
	context_put_on(cs, c, toe);
	c->placed = true;
	return c->driver->use_address(c->conn, &addr);
}
