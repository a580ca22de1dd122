/* SPDX-License-Identifier: GPL-2.0 */
/* flow.h - guests that all send to the remote host as much as they can. */
#ifndef NATIVE_FLOW_H
#define NATIVE_FLOW_H

#include "native.h"

#define FLOW_STREAMS_MAX 8u
#define FLOW_PORT	 7100

/* One guest's streams. */
struct flow {
	struct tg *tg;
	unsigned int nr;
	struct tg_sock *s[FLOW_STREAMS_MAX];
	int fd[FLOW_STREAMS_MAX]; /* of the remote host */
	uint64_t got;		  /* bytes that have come there */
	uint64_t rate;		  /* bytes a second, by flow_pump() */
};

/** flow_up() - connect @nr streams to an address of the remote host */
void flow_up(struct nt *nt, struct flow *flow, struct tg *tg, const char *sink,
	     unsigned int nr);
/** flow_down() - reset them */
void flow_down(struct flow *flow);

/**
 * flow_pump() - have all send at once
 * @ms: how long is measured, after a second that is not
 */
void flow_pump(struct flow *flow, unsigned int nr, uint64_t ms);

#endif
