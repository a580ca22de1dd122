/* SPDX-License-Identifier: GPL-2.0 */
/* rule_match.c - which rule holds for a socket. */
#ifdef __KERNEL__
#include <linux/string.h>
#else
#include <string.h>
#endif

#include "prefix.h"
#include "rule.h"

static bool within(const struct rule_range *range, uint32_t n)
{
	return n >= range->low && n <= range->high;
}

/* Host byte order. */
static uint32_t port_of(const struct vtoe_addr *addr)
{
	uint8_t byte[2];

	memcpy(byte, &addr->port, sizeof(byte));
	return (uint32_t)byte[0] << 8 | byte[1];
}

static bool side_matches(const struct rule_side *side,
			 const struct vtoe_addr *addr)
{
	if (side->family && (side->family != addr->family ||
			     !prefix_same(side->addr, addr->addr, side->prefix)))
		return false;
	return !side->port.low || within(&side->port, port_of(addr));
}

static bool comm_matches(const struct rule_word *word, const char *comm)
{
	return !word->len ||
	       (!strncmp(comm, word->at, word->len) && !comm[word->len]);
}

/* The cgroup itself, or one below it. */
static bool cgroup_matches(const struct rule_word *word, const char *path)
{
	if (!word->len)
		return true;
	if (word->len == 1) /* the root */
		return path[0] == '/';
	return !strncmp(path, word->at, word->len) &&
	       (!path[word->len] || path[word->len] == '/');
}

bool rule_matches(const struct rule *rule, const struct rule_flow *flow)
{
	return (rule->direction == RULE_ANY ||
		rule->direction == flow->direction) &&
	       (!rule->protocol || rule->protocol == flow->protocol) &&
	       side_matches(&rule->local, &flow->local) &&
	       side_matches(&rule->remote, &flow->remote) &&
	       within(&rule->uid, flow->uid) &&
	       comm_matches(&rule->comm, flow->comm) &&
	       cgroup_matches(&rule->cgroup, flow->cgroup);
}

uint32_t rule_find(const struct rule *rules, uint32_t nr,
		   const struct rule_flow *flow)
{
	uint32_t i;

	for (i = 0; i < nr && !rule_matches(&rules[i], flow); i++)
		;
	return i;
}
