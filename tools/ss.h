/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ss.h - what vtoe.ko tells of a guest's sockets, as JSON objects.
 *
 * All functions take the folder that is the guest's /proc. They return a new
 * reference, or NULL with errno set.
 */
#ifndef TOOLS_SS_H
#define TOOLS_SS_H

#include <jansson.h>

/** ss_sockets - an array with an object for each offloaded socket */
json_t *ss_sockets(const char *proc);

/** ss_rules - an array with an object for each rule, in the order they count */
json_t *ss_rules(const char *proc);

/** ss_stats - an object with the counters */
json_t *ss_stats(const char *proc);

/**
 * ss_processes - who has which socket open
 *
 * An object: inode as text, to an array of {name, pid, fd}. Processes that
 * cannot be looked into are left out.
 */
json_t *ss_processes(const char *proc);

#endif /* TOOLS_SS_H */
