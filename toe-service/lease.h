/* SPDX-License-Identifier: GPL-2.0 */
/*
 * lease.h - what a DHCP client says that it has been given.
 *
 * Pure. A client's script (vtoe_dhcp.c) writes the text, of lines "key=value":
 *
 *	client=PID	of the process that says so; always the first line
 *	ip=ADDRESS	absent: it has no lease (any more)
 *	subnet=MASK	router=ADDRESS	mtu=BYTES	the last two may be absent
 *	expires=SECONDS	of CLOCK_BOOTTIME; absent: never
 *	end=		the last line: the text is whole
 *
 * Behind it stands whoever answers DHCP on the guest's segment, and a process
 * that has read such answers: nothing of it is believed before it is checked.
 */
#ifndef TOE_SERVICE_LEASE_H
#define TOE_SERVICE_LEASE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tables.h"

#define LEASE_TEXT_MAX	 512 /* bytes, with the NUL; a whole one has 150 */
/* Of what was given out since classes went, 10/8 is the largest network. */
#define LEASE_PREFIX_MIN 8u
/* RFC 2131's longest lease, taken after an uptime of as many seconds. */
#define LEASE_EXPIRES_MAX (2ull * UINT32_MAX)

struct lease {
	pid_t client;
	bool bound;		/* the rest is there */
	struct toe_address ip;	/* and gateway */
	uint32_t mtu;		/* 0: not said */
	uint64_t expires_s;	/* CLOCK_BOOTTIME; 0: never */
};

/**
 * lease_parse - read and check a text
 * @text: "" is no lease; whether its addresses are free is not known here
 * @lease: set on success; on failure client and expires_s, if they are known
 * @error: ENTRY_ERROR_MAX bytes; on failure, what is wrong, for people
 *
 * Returns 0; -EAGAIN: the text is not whole; -EINVAL: it is refused.
 */
int lease_parse(const char *text, struct lease *lease, char *error);

#endif /* TOE_SERVICE_LEASE_H */
