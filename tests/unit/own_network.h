/* SPDX-License-Identifier: GPL-2.0 */
/* own_network.h - a network namespace of a test's own. */
#ifndef UNIT_OWN_NETWORK_H
#define UNIT_OWN_NETWORK_H

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

static inline void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
}

/* Who is not root becomes so in a user namespace. */
static inline void leave_network(void)
{
	unsigned int uid = geteuid(), gid = getegid();
	char map[64];

	if (!uid) {
		ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
		return;
	}
	ck_assert_int_eq(unshare(CLONE_NEWUSER | CLONE_NEWNET), 0);
	put("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", uid);
	put("/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "0 %u 1", gid);
	put("/proc/self/gid_map", map);
}

#endif /* UNIT_OWN_NETWORK_H */
