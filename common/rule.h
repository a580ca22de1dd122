/* SPDX-License-Identifier: GPL-2.0 */
/*
 * rule.h - the rules of the offload selection switch: reading and matching.
 *
 * The language is the contract's (xenstore-schema/README.md, section 3.1):
 * vtoed checks a guest's entry with it, the frontend reads and obeys it. A rule
 * names pieces of the text that it was read from, and lives no longer than
 * that. Compiles in the kernel and in user space; does not allocate, lock or
 * log.
 */
#ifndef COMMON_RULE_H
#define COMMON_RULE_H

#ifndef __KERNEL__
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#endif

#include "../xenstore-schema/vtoe_wire.h"

#define RULE_LIST_MAX	256u   /* rules of a list; each decision walks it */
#define RULE_TEXT_MAX	32768u /* bytes of a list: what one write() brings */
#define RULE_COMM_MAX	16u    /* with NUL, as the kernel keeps it */
#define RULE_CGROUP_MAX 256u   /* bytes of a path, with NUL */

/* From wide to narrow: of two lists' verdicts the later one holds. */
enum rule_verdict {
	RULE_OFFLOAD,	   /* a wildcard listener: both worlds */
	RULE_OFFLOAD_ONLY, /* a wildcard listener: dom0 only */
	RULE_NATIVE,
	RULE_DENY,
};

enum rule_direction {
	RULE_ANY,
	RULE_CONNECT,
	RULE_LISTEN, /* bind(), too */
};

/* A piece of text, not ended by a NUL; len 0: none. */
struct rule_word {
	const char *at;
	uint32_t len;
};

struct rule_range {
	uint32_t low, high;
};

/* Addresses and ports of one side. */
struct rule_side {
	uint16_t family; /* VTOE_INET, VTOE_INET6; 0: any */
	uint8_t prefix;	 /* bits */
	uint8_t addr[16];
	struct rule_range port; /* low 0: any */
};

struct rule {
	uint8_t verdict;   /* enum rule_verdict */
	uint8_t direction; /* enum rule_direction */
	uint8_t protocol;  /* IPPROTO_TCP, IPPROTO_UDP; 0: any */
	bool no_fallback;  /* an error instead of the native stack */
	struct rule_side local, remote;
	struct rule_range uid;
	struct rule_word comm, cgroup;
	struct rule_word text; /* all of it */
};

/* Where a list is read from, and what was wrong. */
struct rule_reader {
	const char *at, *end;
	uint32_t line;	       /* where it reads, from 1 */
	const char *why;       /* why that was refused */
	struct rule_word word; /* what of it */
};

static inline void rule_reader_init(struct rule_reader *reader,
				    const char *text, size_t len)
{
	struct rule_reader fresh = {.at = text, .end = text + len, .line = 1};

	*reader = fresh;
}

/**
 * rule_read - the next rule of a list
 * @rule: set on success
 *
 * Returns 1; 0 at the end; -EINVAL if it is malformed, with @reader's line, why
 * and word set.
 */
int rule_read(struct rule_reader *reader, struct rule *rule);

/**
 * rule_count - check a list
 *
 * Returns its number of rules, or -EINVAL, as rule_read().
 */
int rule_count(struct rule_reader *reader);

/* What is known of a socket when it is decided. */
struct rule_flow {
	uint8_t direction; /* RULE_CONNECT or RULE_LISTEN */
	uint8_t protocol;
	struct vtoe_addr local;	 /* family 0, port 0: not known */
	struct vtoe_addr remote; /* family 0: none */
	uint32_t uid;
	/* the texts stand last: they are not filled in if no rule asks */
	char comm[RULE_COMM_MAX];     /* with NUL */
	char cgroup[RULE_CGROUP_MAX]; /* with NUL; "": not known */
};

/* Does @rule hold for @flow? */
bool rule_matches(const struct rule *rule, const struct rule_flow *flow);

/** rule_find - the number of the first rule that matches; @nr: none does. */
uint32_t rule_find(const struct rule *rules, uint32_t nr,
		   const struct rule_flow *flow);

/** rule_verdict_name - as rules say it */
const char *rule_verdict_name(enum rule_verdict verdict);

#endif /* COMMON_RULE_H */
