/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vtoectl.h - what the parts of vtoectl share.
 */
#ifndef TOOLS_VTOECTL_H
#define TOOLS_VTOECTL_H

#include <stdbool.h>

#include "client.h"

struct vtoectl {
	const char *socket;
	bool json;   /* print vtoed's answer as it is */
	bool force;  /* attach: a wrong entry too */
	long devid;  /* -1: not given */
	long limit;  /* of contexts; -1: not given */
	struct client client;
};

/* What printing commands do with an answer that is "ok". */
typedef void print_fn(const json_t *answer);

/**
 * vtoectl_ask - ask vtoed and print its answer
 * @ctl: connected
 * @request: as client_ask()
 * @print: for people; with --json the answer is printed verbatim
 *
 * Returns the exit status: 0, or 1 with the reason written.
 */
int vtoectl_ask(struct vtoectl *ctl, json_t *request, print_fn *print);

/**
 * vtoectl_create - make a guest, with its devices attached before it runs
 * @ctl: connected
 * @config: path of the guest's xl configuration
 *
 * Returns the exit status.
 */
int vtoectl_create(struct vtoectl *ctl, const char *config);

/* print.c */
print_fn print_list, print_show, print_contexts, print_toes, print_pools,
	print_attached, print_nothing, print_rebalanced, print_reload,
	print_version;
/* stats.c */
print_fn print_stats;

/** print_counters - the counters of one device, as a table. */
void print_counters(const json_t *device);

#endif /* TOOLS_VTOECTL_H */
