/* SPDX-License-Identifier: GPL-2.0 */
/*
 * netns.h - named network namespaces, in the form that `ip netns` knows.
 *
 * All functions switch the calling thread's namespace for a moment and must be
 * called from one thread only. Errors are negative errno.
 */
#ifndef TOE_SERVICE_NETNS_H
#define TOE_SERVICE_NETNS_H

#include <stdbool.h>

#include "tables.h"

/**
 * netns_create - make a namespace with a loopback that is up
 * @dir: "/run/netns"; made if need be
 *
 * Returns a descriptor of it (close-on-exec, the caller's). One that is there
 * by this name is an error, -EEXIST.
 */
int netns_create(const char *dir, const char *name);

/** netns_open - a descriptor of a named namespace, or -ENOENT. */
int netns_open(const char *dir, const char *name);

/**
 * netns_set - set a sysctl of a namespace
 * @sysctl: below "net": "ipv4/tcp_timestamps"
 */
int netns_set(int netns, const char *sysctl, const char *value);

/**
 * netns_remove - remove the name; the namespace goes with its last user
 *
 * Harmless if there is none.
 */
void netns_remove(const char *dir, const char *name);

/** netns_has_link - true if there is a network device of that name in it. */
bool netns_has_link(int netns, const char *ifname);

/**
 * netns_own_address - does an interface of this process's namespace have it?
 *
 * IPv4 only. False as well if that cannot be found out.
 */
bool netns_own_address(const struct vtoe_addr *addr);

#endif /* TOE_SERVICE_NETNS_H */
