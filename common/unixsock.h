/* SPDX-License-Identifier: GPL-2.0 */
/* unixsock.h - unix sockets with a path, for root only. */
#ifndef COMMON_UNIXSOCK_H
#define COMMON_UNIXSOCK_H

#include <sys/un.h>

/**
 * unixsock_address - an address from a path
 *
 * Returns 0, or -ENAMETOOLONG.
 */
int unixsock_address(struct sockaddr_un *addr, const char *path);

/**
 * unixsock_listen - listen at a path that only root can connect to
 * @path: what is there already is removed
 * @type: SOCK_STREAM or SOCK_SEQPACKET
 * @backlog: as listen(2)
 *
 * Changes the process's umask for a moment: one thread only. Returns a
 * non-blocking descriptor, the caller's, or a negative errno.
 */
int unixsock_listen(const char *path, int type, int backlog);

#endif /* COMMON_UNIXSOCK_H */
