/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kernel.c - the data half of the "kernel" TOE driver: dom0's own TCP/IP stack.
 *
 * Theory of operation
 *
 * A connection is a non-blocking socket, made inside the guest's network
 * namespace (the process entered it before the sandbox). Each is added to the
 * worker's epoll set once, edge-triggered, when it starts to listen, connects,
 * or is accepted: before that epoll would only report that it is not connected.
 * Closing it removes it. Room for sending is watched from the first time on
 * that there is none: most connections never get there, and each would be
 * reported as writable once for nothing.
 *
 * epoll_data names a connection by index and generation, so that an event that
 * was fetched before its connection was closed, by the handler of an earlier
 * event of the same batch, finds nothing.
 *
 * Datagram sockets are watched from the beginning (kernel_datagram.c).
 *
 * Connections live in one array, allocated when the stack is opened. Pages of
 * it that were never used are never touched.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drivers.h"
#include "kernel_conn.h"
#include "kernel_options.h"

/* ---- addresses ---- */

int kernel_addr_to(const struct vtoe_addr *addr, union sockaddr_any *sa,
		   socklen_t *len)
{
	memset(sa, 0, sizeof(*sa));
	if (addr->family == VTOE_INET) {
		sa->in.sin_family = AF_INET;
		sa->in.sin_port = addr->port;
		memcpy(&sa->in.sin_addr, addr->addr, 4);
		*len = sizeof(sa->in);
		return 0;
	}
	if (addr->family != VTOE_INET6)
		return -EAFNOSUPPORT;
	if (addr->scope_id)
		return -EINVAL;
	sa->in6.sin6_family = AF_INET6;
	sa->in6.sin6_port = addr->port;
	sa->in6.sin6_flowinfo = addr->flowinfo;
	memcpy(&sa->in6.sin6_addr, addr->addr, 16);
	*len = sizeof(sa->in6);
	return 0;
}

int kernel_addr_from(const union sockaddr_any *sa, struct vtoe_addr *addr)
{
	memset(addr, 0, sizeof(*addr));
	if (sa->sa.sa_family == AF_INET) {
		addr->family = VTOE_INET;
		addr->port = sa->in.sin_port;
		memcpy(addr->addr, &sa->in.sin_addr, 4);
		return 0;
	}
	if (sa->sa.sa_family != AF_INET6)
		return -EAFNOSUPPORT;
	addr->family = VTOE_INET6;
	addr->port = sa->in6.sin6_port;
	addr->flowinfo = sa->in6.sin6_flowinfo;
	memcpy(addr->addr, &sa->in6.sin6_addr, 16);
	return 0;
}

/* ---- the array ---- */

static struct toe_conn *conn_new(struct toe_stack *stack, int fd, int family,
				 void *user)
{
	struct toe_conn *conn;

	if (stack->free != NIL) {
		conn = &stack->conn[stack->free];
		stack->free = conn->next_free;
	} else if (stack->nr_used < stack->config.max_conns) {
		conn = &stack->conn[stack->nr_used++];
	} else {
		return NULL;
	}
	conn->stack = stack;
	conn->user = user;
	conn->fd = fd;
	conn->family = (uint16_t)family;
	conn->watched = 0;
	conn->connecting = false;
	conn->listening = false;
	conn->corked = false;
	conn->peer = false;
	conn->datagram = false;
	conn->shut_both = false;
	conn->mapped = false;
	return conn;
}

static void conn_put(struct toe_conn *conn)
{
	struct toe_stack *stack = conn->stack;

	conn->fd = -1;
	conn->gen = (conn->gen + 1) & GEN_MASK;
	conn->next_free = stack->free;
	stack->free = (uint32_t)(conn - stack->conn);
}

int kernel_watch(struct toe_conn *conn, uint32_t events)
{
	struct toe_stack *stack = conn->stack;
	struct epoll_event ev = {
		.events = WATCHED | conn->watched | events,
		.data.u64 = stack->config.tag |
			    ((uint64_t)conn->gen << INDEX_BITS) |
			    (uint64_t)(conn - stack->conn),
	};

	if (conn->watched == ev.events)
		return 0;
	kernel_count(stack);
	if (epoll_ctl(stack->config.epoll,
		      conn->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, conn->fd,
		      &ev))
		return -errno;
	conn->watched = ev.events;
	return 0;
}

/* What epoll has said of it so far, and not handed out yet, counts no more. */
int kernel_unwatch(struct toe_conn *conn)
{
	struct toe_stack *stack = conn->stack;

	if (!conn->watched)
		return 0;
	kernel_count(stack);
	if (epoll_ctl(stack->config.epoll, EPOLL_CTL_DEL, conn->fd, NULL))
		return -errno;
	conn->watched = 0;
	conn->gen = (conn->gen + 1) & GEN_MASK;
	return 0;
}

/* ---- instance ---- */

/*
 * The worker has no capabilities when guests bind; in a namespace of its own,
 * each guest may have all ports.
 */
static int allow_all_ports(void)
{
	int fd = open("/proc/sys/net/ipv4/ip_unprivileged_port_start",
		      O_WRONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, "0\n", 2) != 2)
		err = -errno;
	close(fd);
	return err;
}

static int kernel_stack_open(const struct toe_stack_config *config,
			     struct toe_stack **stackp)
{
	struct toe_stack *stack;
	int err = allow_all_ports();

	if (err)
		return err;
	stack = calloc(1, sizeof(*stack) +
				  config->max_conns * sizeof(stack->conn[0]));
	if (!stack)
		return -ENOMEM;
	/* pages that no move ever fills cost nothing */
	stack->scratch = malloc(TOE_SAVED_MAX);
	if (!stack->scratch) {
		free(stack);
		return -ENOMEM;
	}
	stack->config = *config;
	stack->free = NIL;
	*stackp = stack;
	return 0;
}

static void kernel_stack_close(struct toe_stack *stack)
{
	uint32_t i;

	free(stack->scratch);
	for (i = 0; i < stack->nr_used; i++)
		if (stack->conn[i].fd >= 0)
			close(stack->conn[i].fd);
	free(stack);
}

/* After SHUT_RDWR the socket hangs up at once, and its peer goes on. */
static bool is_over(struct toe_conn *conn)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	if (!conn->shut_both)
		return true;
	kernel_count(conn->stack);
	return getsockopt(conn->fd, IPPROTO_TCP, TCP_INFO, &info, &len) ||
	       info.tcpi_state == TCP_CLOSE;
}

static unsigned int ready_events(struct toe_conn *conn, uint32_t events)
{
	unsigned int ready = 0;

	if (events & EPOLLIN)
		ready |= TOE_READABLE;
	/* urgent data ends a recv() early, as the end of the stream does */
	if (events & (EPOLLRDHUP | EPOLLPRI))
		ready |= TOE_READABLE | TOE_UNTIL_AGAIN;
	if (events & EPOLLOUT)
		ready |= TOE_WRITABLE;
	if (events & (EPOLLHUP | EPOLLERR))
		ready |= TOE_READABLE | TOE_UNTIL_AGAIN;
	if (events & EPOLLHUP && is_over(conn))
		ready |= TOE_HUP;
	if (conn->connecting && (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))) {
		conn->connecting = false;
		conn->refused = events & (EPOLLHUP | EPOLLERR);
		ready |= TOE_CONNECTED;
	}
	return ready;
}

static void kernel_stack_event(struct toe_stack *stack, uint64_t data,
			       uint32_t events)
{
	uint64_t index = data & ((1ull << INDEX_BITS) - 1);
	uint32_t gen = (uint32_t)(data >> INDEX_BITS) & GEN_MASK;
	struct toe_conn *conn;

	if (index >= stack->nr_used)
		return;
	conn = &stack->conn[index];
	if (conn->fd >= 0 && conn->gen == gen)
		stack->config.ready(conn->user, ready_events(conn, events));
}

/* ---- connections ---- */

static int kernel_open(struct toe_stack *stack, int family, int type,
		       void *user, struct toe_conn **connp)
{
	struct toe_conn *conn;
	int fd, err = 0;

	if (family != AF_INET && family != AF_INET6)
		return -EAFNOSUPPORT;
	if (type != SOCK_STREAM && type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	kernel_count(stack);
	fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	conn = conn_new(stack, fd, family, user);
	if (!conn) {
		close(fd);
		return -ENOBUFS;
	}
	conn->datagram = type == SOCK_DGRAM;
	if (conn->datagram)
		err = kernel_watch(conn, 0);
	if (err) {
		close(fd);
		conn_put(conn);
		return err;
	}
	*connp = conn;
	return 0;
}

static int kernel_bind(struct toe_conn *conn, const struct vtoe_addr *addr)
{
	union sockaddr_any sa;
	socklen_t len;
	int err = kernel_addr_to(addr, &sa, &len);

	if (err)
		return err;
	kernel_count(conn->stack);
	return bind(conn->fd, &sa.sa, len) ? -errno : 0;
}

static int kernel_listen(struct toe_conn *conn, unsigned int backlog)
{
	kernel_count(conn->stack);
	if (listen(conn->fd, backlog > SOMAXCONN ? SOMAXCONN : (int)backlog))
		return -errno;
	conn->listening = true;
	return kernel_watch(conn, 0);
}

/* The port is left to connect(), which needs no other one for another peer. */
static int kernel_use_address(struct toe_conn *conn,
			      const struct vtoe_addr *addr)
{
	int on = 1;

	kernel_count(conn->stack);
	if (setsockopt(conn->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on,
		       sizeof(on)))
		return -errno;
	return kernel_bind(conn, addr);
}

static int kernel_connect(struct toe_conn *conn, const struct vtoe_addr *addr)
{
	union sockaddr_any sa;
	socklen_t len;
	int err;

	if (conn->datagram)
		return kernel_connect_datagram(conn, addr);
	err = kernel_addr_to(addr, &sa, &len);
	if (err)
		return err;
	kernel_count(conn->stack);
	if (!connect(conn->fd, &sa.sa, len))
		return kernel_watch(conn, 0);
	if (errno != EINPROGRESS)
		return -errno;
	err = kernel_watch(conn, EPOLLOUT);
	if (err)
		return err;
	conn->connecting = true;
	return -EINPROGRESS;
}

/*
 * Writable without an error means connected. Else connect() once more tells why
 * not, as SO_ERROR would, and besides makes the socket ready for another try;
 * the address is not used. That it hangs up then is not about the next try.
 */
static int kernel_connected(struct toe_conn *conn)
{
	union sockaddr_any sa = {.sa.sa_family = conn->family};
	int err;

	if (!conn->refused)
		return 0;
	kernel_count(conn->stack);
	if (!connect(conn->fd, &sa.sa, sizeof(sa)) || errno == EISCONN)
		return 0;
	err = -errno;
	kernel_unwatch(conn);
	return err;
}

static int kernel_accept(struct toe_conn *listener, void *user,
			 struct toe_conn **connp, struct vtoe_addr *peer)
{
	struct toe_stack *stack = listener->stack;
	union sockaddr_any sa;
	socklen_t len = sizeof(sa);
	struct toe_conn *conn;
	int fd, err;

	kernel_count(stack);
	fd = accept4(listener->fd, &sa.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return -errno;
	conn = conn_new(stack, fd, listener->family, user);
	if (!conn) {
		close(fd);
		return -ENOBUFS;
	}
	conn->corked = listener->corked;
	err = kernel_addr_from(&sa, peer);
	if (!err)
		err = kernel_watch(conn, 0);
	if (err) {
		close(fd);
		conn_put(conn);
		return err;
	}
	*connp = conn;
	return 0;
}

static ssize_t kernel_recv(struct toe_conn *conn, const struct iovec *iov,
			   int iovcnt)
{
	struct msghdr msg = {
		.msg_iov = (struct iovec *)iov,
		.msg_iovlen = (size_t)iovcnt,
	};
	ssize_t n;

	kernel_count(conn->stack);
	if (iovcnt == 1)
		n = recv(conn->fd, iov->iov_base, iov->iov_len, MSG_DONTWAIT);
	else
		n = recvmsg(conn->fd, &msg, MSG_DONTWAIT);
	return n < 0 ? -errno : n;
}

static size_t total(const struct iovec *iov, int iovcnt)
{
	return iov[0].iov_len + (iovcnt > 1 ? iov[1].iov_len : 0);
}

int kernel_want_room(struct toe_conn *conn, int err)
{
	int failed = kernel_watch(conn, EPOLLOUT);

	return failed ? failed : err;
}

static ssize_t kernel_send(struct toe_conn *conn, const struct iovec *iov,
			   int iovcnt)
{
	int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
	struct msghdr msg = {
		.msg_iov = (struct iovec *)iov,
		.msg_iovlen = (size_t)iovcnt,
	};
	ssize_t n;
	int err;

	kernel_count(conn->stack);
	if (iovcnt == 1)
		n = send(conn->fd, iov->iov_base, iov->iov_len, flags);
	else
		n = sendmsg(conn->fd, &msg, flags);
	err = n < 0 ? -errno : 0;
	if (err == -EAGAIN || (!err && (size_t)n < total(iov, iovcnt)))
		err = kernel_want_room(conn, err);
	return err ? err : n;
}

/* A program that corks its socket wants short segments to be held back. */
static int kernel_hold(struct toe_conn *conn, int on)
{
	if (conn->corked)
		return 0;
	kernel_count(conn->stack);
	if (setsockopt(conn->fd, IPPROTO_TCP, TCP_CORK, &on, sizeof(on)))
		return -errno;
	return 0;
}

/*
 * A socket keeps its route. When the route's device goes, Linux (6.1) puts
 * blackhole_netdev in its place, which is in the first namespace, and from then
 * on compares the route's generation with that namespace's: if the two happen to
 * be equal, the socket sends into the void for good. Both count from zero, so
 * they often are. Binding to no device, as it was, makes it forget the route.
 */
static void kernel_moved(struct toe_conn *conn)
{
	kernel_count(conn->stack);
	setsockopt(conn->fd, SOL_SOCKET, SO_BINDTODEVICE, "", 0);
}

/* Linux resets a stream that is told to connect to nobody. */
static void kernel_reset(struct toe_conn *conn)
{
	struct sockaddr nobody = {.sa_family = AF_UNSPEC};

	conn->connecting = false;
	kernel_count(conn->stack);
	connect(conn->fd, &nobody, sizeof(nobody));
}

int kernel_shutdown(struct toe_conn *conn, int how)
{
	kernel_count(conn->stack);
	conn->shut_both |= how == SHUT_RDWR;
	return shutdown(conn->fd, how) ? -errno : 0;
}

static void kernel_close(struct toe_conn *conn, unsigned int flags)
{
	struct linger reset = {.l_onoff = 1, .l_linger = 0};

	if ((flags & TOE_CLOSE_ABORT) && (conn->watched || conn->peer) &&
	    !conn->listening && !conn->datagram) {
		kernel_count(conn->stack);
		setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &reset,
			   sizeof(reset));
	}
	kernel_count(conn->stack);
	close(conn->fd);
	conn_put(conn);
}

static int kernel_error(struct toe_conn *conn)
{
	socklen_t len = sizeof(int);
	int error;

	kernel_count(conn->stack);
	if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &len))
		return -errno;
	return -error;
}

int kernel_queue_bytes(struct toe_conn *conn, unsigned long request)
{
	int bytes;

	kernel_count(conn->stack);
	return ioctl(conn->fd, request, &bytes) ? -errno : bytes;
}

static int kernel_unsent(struct toe_conn *conn)
{
	return kernel_queue_bytes(conn, SIOCOUTQ);
}

static int kernel_local(struct toe_conn *conn, struct vtoe_addr *addr)
{
	union sockaddr_any sa;
	socklen_t len = sizeof(sa);

	kernel_count(conn->stack);
	if (getsockname(conn->fd, &sa.sa, &len))
		return -errno;
	return kernel_addr_from(&sa, addr);
}

static int kernel_setopt(struct toe_conn *conn, int level, int name,
			 const void *value, uint32_t len)
{
	int err = kernel_option_set_ok(conn->family, level, name, value, len);
	int corked;

	if (err)
		return err;
	kernel_count(conn->stack);
	if (setsockopt(conn->fd, level, name, value, len))
		return -errno;
	if (level == IPPROTO_TCP && name == TCP_CORK) { /* an int, or EINVAL */
		memcpy(&corked, value, sizeof(corked));
		conn->corked = corked != 0;
	}
	return 0;
}

/* VTOE_SOL_QUEUE */
static int get_queue(struct toe_conn *conn, int name, void *value,
		     uint32_t *len)
{
	int bytes;

	if (name != VTOE_QUEUE_OUT && name != VTOE_QUEUE_UNSENT)
		return -ENOPROTOOPT;
	if (*len < sizeof(bytes))
		return -EINVAL;
	bytes = kernel_queue_bytes(conn, name == VTOE_QUEUE_OUT ? SIOCOUTQ
							 : SIOCOUTQNSD);
	if (bytes < 0)
		return bytes;
	*len = sizeof(bytes);
	memcpy(value, &bytes, sizeof(bytes));
	return 0;
}

static int kernel_getopt(struct toe_conn *conn, int level, int name,
			 void *value, uint32_t *len)
{
	int err = kernel_option_get_ok(conn->family, level, name);
	socklen_t n = *len;
	int corked;

	if (level == VTOE_SOL_QUEUE)
		return get_queue(conn, name, value, len);
	if (err)
		return err;
	kernel_count(conn->stack);
	if (getsockopt(conn->fd, level, name, value, &n))
		return -errno;
	if (level == IPPROTO_TCP && name == TCP_CORK) {
		corked = conn->corked; /* not what kernel_hold() did */
		memcpy(value, &corked, n < sizeof(corked) ? n : sizeof(corked));
	}
	*len = n;
	return 0;
}

const struct toe_driver kernel_driver = {
	.name = "kernel",
	.stack_open = kernel_stack_open,
	.stack_close = kernel_stack_close,
	.stack_event = kernel_stack_event,
	.open = kernel_open,
	.bind = kernel_bind,
	.listen = kernel_listen,
	.use_address = kernel_use_address,
	.connect = kernel_connect,
	.connected = kernel_connected,
	.accept = kernel_accept,
	.recv = kernel_recv,
	.send = kernel_send,
	.send_datagrams = kernel_send_datagrams,
	.recv_datagram = kernel_recv_datagram,
	.next_datagram = kernel_next_datagram,
	.hold = kernel_hold,
	.moved = kernel_moved,
	.reset = kernel_reset,
	.shutdown = kernel_shutdown,
	.close = kernel_close,
	.error = kernel_error,
	.unsent = kernel_unsent,
	.local = kernel_local,
	.setopt = kernel_setopt,
	.getopt = kernel_getopt,
	.freeze = kernel_freeze,
	.export = kernel_export,
	.import = kernel_import,
	.thaw = kernel_thaw,
	.own = kernel_own,
	.assist = kernel_descriptor,
};
