/* SPDX-License-Identifier: GPL-2.0 */
/* spawn.h - start a program that outlives vtoed. */
#ifndef COMMON_SPAWN_H
#define COMMON_SPAWN_H

#include <sys/types.h>

/**
 * spawn_program - fork and exec, with a session and a clean slate of its own
 * @argv: [0] is the program's path; ends with NULL
 * @keep: @nr_keep descriptors that stay open; all others but 0, 1, 2 do not
 *
 * Standard input is /dev/null. If the program cannot be run, the child ends with
 * status 127. Returns its process id, or a negative errno.
 */
pid_t spawn_program(char *const *argv, const int *keep, int nr_keep);

#endif /* COMMON_SPAWN_H */
