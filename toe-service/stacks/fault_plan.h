/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fault_plan.h - what the "fault" driver is to do wrong, and how often.
 *
 * Both halves read it: vtoed to check the configuration, the worker to do it.
 */
#ifndef STACKS_FAULT_PLAN_H
#define STACKS_FAULT_PLAN_H

#include <stdint.h>

#define FAULT_PERCENT_MAX  100
#define FAULT_DELAY_MAX_MS 60000 /* a connection that waits longer is lost */

enum fault_op {
	FAULT_OPEN,
	FAULT_BIND,
	FAULT_LISTEN,
	FAULT_CONNECT,
	FAULT_ACCEPT,
	FAULT_SEND,
	FAULT_RECV,
	FAULT_OPS
};

struct fault_plan {
	uint32_t seed;
	uint32_t hang_after; /* operations; 0: never */
	/* percent */
	uint32_t short_, again, lost, delay;
	uint32_t delay_ms;
	struct {
		uint32_t percent;
		uint32_t error; /* errno */
	} error[FAULT_OPS];
};

/**
 * fault_plan_parse - "seed=7,short=10%,connect-error=50%:ETIMEDOUT"
 * @text: "" is a plan without faults; see vtoed.conf(5)
 * @plan: set on success only
 * @error: TOE_ERROR_MAX bytes, set on failure
 *
 * Returns 0 or -EINVAL.
 */
int fault_plan_parse(const char *text, struct fault_plan *plan, char *error);

#endif /* STACKS_FAULT_PLAN_H */
