/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kernel_assist.c - vtoed's part in moving a socket: it has the privilege.
 *
 * A worker sends a descriptor; it may be of anything. In repair a socket can be given
 * any sequence numbers and any peer, so it has to be one of the worker's own guest:
 * a TCP socket of the guest's network namespace. Linux itself refuses listeners.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel_link.h"

static bool is(int fd, int name, int value)
{
	socklen_t len = sizeof(int);
	int has;

	return !getsockopt(fd, SOL_SOCKET, name, &has, &len) && has == value;
}

static bool is_tcp(int fd)
{
	return is(fd, SO_PROTOCOL, IPPROTO_TCP) &&
	       (is(fd, SO_DOMAIN, AF_INET) || is(fd, SO_DOMAIN, AF_INET6));
}

static bool is_in(int fd, int netns)
{
	int its = ioctl(fd, SIOCGSKNS);
	struct stat a, b;
	bool same;

	if (its < 0)
		return false;
	same = !fstat(its, &a) && !fstat(netns, &b) && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
	close(its);
	return same;
}

/* With a byte in its queue it tells of its window by itself (kernel_move.c). */
static int out_of_repair(int fd)
{
	int unread = 0;

	return !ioctl(fd, SIOCINQ, &unread) && unread ? TCP_REPAIR_OFF_NO_WP
						       : TCP_REPAIR_OFF;
}

int kernel_assist(int netns, int fd, enum toe_assist what)
{
	int repair = what == TOE_ASSIST_FREEZE ? TCP_REPAIR_ON
					       : out_of_repair(fd);

	if (!is_tcp(fd) || !is_in(fd, netns) || is(fd, SO_ACCEPTCONN, 1))
		return -EPERM;
	return setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &repair, sizeof(repair))
		       ? -errno
		       : 0;
}
