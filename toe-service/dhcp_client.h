/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dhcp_client.h - one DHCP client process, of one link of a guest; for dhcp.c.
 *
 * The process outlives vtoed. All that the next one needs is its file, below the
 * run directory: what it says of its lease, and, by the lock that it holds on it,
 * which process it is. The file is there as long as the link is.
 */
#ifndef TOE_SERVICE_DHCP_CLIENT_H
#define TOE_SERVICE_DHCP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../common/loop.h"
#include "guest.h"
#include "lease.h"

struct dhcp;

struct dhcp_client {
	struct dhcp_client *next, **prevp; /* of all */
	struct dhcp *dhcp;
	char net[GUEST_NAME_MAX]; /* the guest's namespace */
	uint32_t index;		  /* of its link */
	int file;
	pid_t pid; /* 0: it does not run */
	bool child;
	bool leaving; /* told to give its lease back */
	struct loop_fd process;
	char link[TABLE_IFNAME_MAX]; /* that it runs on */
	uint32_t ifindex;	     /* of the device below that */
	struct loop_timer timer;     /* it starts again, or its lease ends */
	uint64_t started_ns;	     /* 0: by an earlier vtoed, or never */
	unsigned int failures;	     /* in a row */
};

struct dhcp_client_start {
	const char *program; /* vtoe-dhcp */
	int netns;
	const char *link;
	uint32_t ifindex;
	const char *id;	     /* hexadecimal digits */
	const char *address; /* to ask for; NULL: any */
	bool quiet;	     /* why it cannot run has been logged */
};

/**
 * dhcp_client_open - open its file, and find the process that serves it
 * @client: net, index are set, the rest zeroed
 * @ended: called from the loop when its process has ended; dhcp_client_ended()
 *	   is to be called then
 *
 * Returns 0 or a negative errno.
 */
int dhcp_client_open(struct dhcp_client *client, struct loop *loop,
		     const char *dir, loop_fd_fn *ended);

/** dhcp_client_start - of one that does not run; 0 or a negative errno. */
int dhcp_client_start(struct dhcp_client *client, struct loop *loop,
		      const struct dhcp_client_start *start,
		      loop_fd_fn *ended);

/** dhcp_client_runs_on - is an adopted one on a link of that name? */
bool dhcp_client_runs_on(const struct dhcp_client *client, const char *link);

/** dhcp_client_ended - reap it. */
void dhcp_client_ended(struct dhcp_client *client);

/** dhcp_client_kill - at once, without giving the lease back. */
void dhcp_client_kill(struct dhcp_client *client);

/** dhcp_client_leave - have it give the lease back and end; false: none runs. */
bool dhcp_client_leave(struct dhcp_client *client);

/**
 * dhcp_client_read - what it says of its lease
 *
 * As lease_parse(), or another negative errno.
 */
int dhcp_client_read(const struct dhcp_client *client, struct lease *lease,
		     char *error);

/** dhcp_client_close - let go of it. Process and file stay. */
void dhcp_client_close(struct dhcp_client *client);

/** dhcp_client_sweep - kill the one that serves a file, if any; remove it. */
void dhcp_client_sweep(const char *dir, const char *file);

#endif /* TOE_SERVICE_DHCP_CLIENT_H */
