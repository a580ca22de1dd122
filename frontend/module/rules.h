/* SPDX-License-Identifier: GPL-2.0 */
/*
 * rules.h - the two lists of rules that decide what is offloaded.
 *
 * The toolstack's list says what may be offloaded; it comes with a device and
 * stays while that is there, connected or not. The guest's own list, from
 * /proc/net/vtoe_rules, is asked as well, and of the two verdicts the narrower
 * one holds, so that the guest's root takes away and never adds. In each list
 * the first rule that matches says it; the list's default does if none matches.
 *
 * A list is read under RCU and replaced as a whole, its counters with it. It
 * concerns decisions that come later: a socket that is decided stays so.
 */
#ifndef VTOE_MODULE_RULES_H
#define VTOE_MODULE_RULES_H

#include <net/sock.h>

#include "../../common/rule.h"

enum vtoe_rules_whose {
	VTOE_RULES_TOOLSTACK,
	VTOE_RULES_GUEST,
	VTOE_RULES_NR,
};

/**
 * vtoe_rules_set - put a list in the place of another one
 * @text: @len bytes, copied
 * @otherwise: the verdict when no rule matches
 * @owner: the device that it came with; NULL for the guest's own
 *
 * Returns 0, -EINVAL (the kernel log says what is wrong), -ENOMEM; then the old
 * list stays. Sleeps.
 */
int vtoe_rules_set(enum vtoe_rules_whose whose, const char *text, size_t len,
		   enum rule_verdict otherwise, const void *owner);

/* A device is gone: so is the toolstack's list, if it came with it. */
void vtoe_rules_forget(const void *owner);

/**
 * vtoe_rules_ask - the verdict about a socket that is being decided
 * @flow: filled in but for cgroup and comm, which are "": few rules ask for them
 *
 * Counts a hit. Any process context.
 */
enum rule_verdict vtoe_rules_ask(const struct sock *sk, struct rule_flow *flow);

/**
 * vtoe_rules_fall_back - it cannot be offloaded: may it be native instead?
 *
 * Counts a fallback of the rules that let it.
 */
bool vtoe_rules_fall_back(const struct sock *sk, struct rule_flow *flow);

/* /proc/net/vtoe_rules */
int vtoe_rules_init(void);
void vtoe_rules_exit(void);

#endif /* VTOE_MODULE_RULES_H */
