/* SPDX-License-Identifier: GPL-2.0 */
/*
 * peer.c - the other host of a world: both the process there, which obeys, and
 * what the tester calls.
 *
 * A control connection carries struct peer_order one way and struct
 * peer_answer, for PEER_VIEW struct peer_view, the other way; both ends are the
 * same program on the same kind of machine. Each has a process of its own.
 * Nothing here blocks for longer than PATIENCE_MS.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "sockdiff.h"

#define PATIENCE_MS 2000 /* emulation is slow; a loss is retried after 1 s */
#define QUEUE	    64

struct mine {
	int fd; /* -1: none */
	bool datagram;
	uint32_t read;
	uint64_t hash;
};

static struct mine listener, mine[NR_PEERS];

static struct peer_answer answer(long ret)
{
	return (struct peer_answer){ (int32_t)ret, ret < 0 ? errno : 0 };
}

static bool wait_ready(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, PATIENCE_MS) > 0;
}

/* Reset, so that nothing of the connection is left to time out. */
static void drop(struct mine *m)
{
	struct linger l = { .l_onoff = 1 };

	if (m->fd >= 0) {
		setsockopt(m->fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
		close(m->fd);
	}
	m->fd = -1;
}

static void keep(struct mine *m, int fd)
{
	int one = 1;

	/* what is sent is there at once */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	m->fd = fd;
	m->datagram = false;
	m->read = 0;
	m->hash = HASH_START;
}

static struct peer_answer begin(int port, int type)
{
	union address any = { .v6 = { .sin6_family = AF_INET6,
				      .sin6_port = htons((uint16_t)port) } };
	int one = 1;

	drop(&listener);
	for (int i = 0; i < NR_PEERS; i++)
		drop(&mine[i]);
	if (type == SOCK_DGRAM)
		return answer(0);
	listener.fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
	setsockopt(listener.fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener.fd, &any.sa, sizeof(any.v6)))
		return answer(-1);
	return answer(listen(listener.fd, QUEUE));
}

static struct peer_answer do_accept(struct mine *m)
{
	int fd;

	if (m->fd >= 0) {
		errno = EBUSY;
		return answer(-1);
	}
	wait_ready(listener.fd, POLLIN);
	fd = accept4(listener.fd, NULL, NULL, SOCK_NONBLOCK);
	if (fd < 0)
		return answer(-1);
	keep(m, fd);
	return answer(0);
}

/* A datagram socket for IPv4, too, that drops nothing. */
static struct peer_answer do_open(struct mine *m, int port)
{
	union address any = { .v6 = { .sin6_family = AF_INET6,
				      .sin6_port = htons((uint16_t)port) } };
	int size = 1 << 22, fd;

	if (m->fd >= 0) {
		errno = EBUSY;
		return answer(-1);
	}
	fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	keep(m, fd);
	m->datagram = true;
	return answer(bind(fd, &any.sa, sizeof(any.v6)));
}

static struct peer_answer do_connect(struct mine *m, const union address *to)
{
	int fd, err = 0;
	socklen_t len = sizeof(err);

	if (m->fd >= 0) {
		errno = EBUSY;
		return answer(-1);
	}
	fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (connect(fd, &to->sa, address_size(to)) && errno == EINPROGRESS) {
		err = ETIMEDOUT;
		if (wait_ready(fd, POLLOUT))
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
	} else if (errno && errno != EINPROGRESS) {
		err = errno;
	}
	if (err) {
		close(fd);
		errno = err;
		return answer(-1);
	}
	keep(m, fd);
	return answer(0);
}

/* @to: a datagram's, if it has a family */
static struct peer_answer do_send(struct mine *m, int len, int id,
				  const union address *to)
{
	uint8_t buf[BUFFER_SIZE];

	pattern(buf, id & 0xff, (size_t)len);
	return answer(sendto(m->fd, buf, (size_t)len,
			     MSG_NOSIGNAL | (id & 0x100 ? MSG_OOB : 0),
			     to->sa.sa_family ? &to->sa : NULL,
			     to->sa.sa_family ? address_size(to) : 0));
}

/* One datagram. */
static struct peer_answer do_read_one(struct mine *m)
{
	uint8_t buf[BUFFER_SIZE];
	union address from;
	socklen_t len = sizeof(from);
	ssize_t n = recvfrom(m->fd, buf, sizeof(buf), 0, &from.sa, &len);

	if (n < 0)
		return answer(n);
	m->read += (uint32_t)n;
	m->hash = hash_more(m->hash, &n, sizeof(n));
	m->hash = hash_more(m->hash, buf, (size_t)n);
	m->hash = hash_more(m->hash, &from.v6.sin6_addr, 16);
	return answer(n);
}

/* All that is there. What that was is in the view, which is waited for. */
static struct peer_answer do_read(struct mine *m)
{
	uint8_t buf[BUFFER_SIZE];
	ssize_t n;

	while ((n = recv(m->fd, buf, sizeof(buf), 0)) > 0) {
		m->read += (uint32_t)n;
		m->hash = hash_more(m->hash, buf, (size_t)n);
	}
	return n < 0 && errno == EAGAIN ? answer(0) : answer(n);
}

static struct peer_answer do_close(struct mine *m)
{
	int fd = m->fd;

	m->fd = -1;
	return answer(close(fd));
}

static struct peer_answer obey(const struct peer_order *o)
{
	struct mine *m = &mine[o->slot];

	errno = 0;
	switch (o->order) {
	case PEER_BEGIN:
		return begin(o->arg, o->type);
	case PEER_ACCEPT:
		return do_accept(m);
	case PEER_CONNECT:
		return o->type == SOCK_DGRAM ?
			       answer(connect(m->fd, &o->addr.sa,
					      address_size(&o->addr))) :
			       do_connect(m, &o->addr);
	case PEER_OPEN:
		return do_open(m, o->arg);
	case PEER_SEND:
		return do_send(m, o->arg & 0xffff, o->arg >> 16, &o->addr);
	case PEER_READ:
		return o->type == SOCK_DGRAM ? do_read_one(m) : do_read(m);
	case PEER_SHUTDOWN:
		return answer(shutdown(m->fd, o->arg));
	case PEER_CLOSE:
		return do_close(m);
	default:
		drop(m);
		return answer(0);
	}
}

/* Of a queue only the first could be seen, and of the error that is pending
 * nothing once it was taken.
 */
static void read_datagrams(struct mine *m)
{
	struct pollfd p = { .fd = m->fd, .events = POLLIN };

	while (poll(&p, 1, 0) > 0 && p.revents == POLLIN)
		do_read_one(m);
}

static struct peer_socket look(const struct mine *m)
{
	struct pollfd p = { .fd = m->fd,
			    .events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP };
	struct peer_socket s = { .revents = -1 };
	struct tcp_info info;
	socklen_t len = sizeof(info);
	int unread = 0;

	if (m->fd < 0)
		return s;
	poll(&p, 1, 0);
	s.revents = p.revents;
	if (!getsockopt(m->fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		s.tcp_state = info.tcpi_state;
	ioctl(m->fd, FIONREAD, &unread);
	s.unread = (uint32_t)unread;
	s.read = m->read;
	s.hash = m->hash;
	return s;
}

static bool show(int control)
{
	struct peer_view view;

	memset(&view, 0, sizeof(view));
	view.listener = look(&listener);
	for (int i = 0; i < NR_PEERS; i++) {
		if (mine[i].fd >= 0 && mine[i].datagram)
			read_datagrams(&mine[i]);
		view.socket[i] = look(&mine[i]);
	}
	return write_all(control, &view, sizeof(view));
}

static _Noreturn void serve_one(int control)
{
	struct peer_order o;
	struct peer_answer a;
	int one = 1;

	setsockopt(control, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	listener.fd = -1;
	for (int i = 0; i < NR_PEERS; i++)
		mine[i].fd = -1;
	while (read_all(control, &o, sizeof(o))) {
		if (o.slot < 0 || o.slot >= NR_PEERS)
			break;
		if (o.order == PEER_VIEW) {
			if (!show(control))
				break;
			continue;
		}
		a = obey(&o);
		if (!write_all(control, &a, sizeof(a)))
			break;
	}
	_exit(0);
}

void peer_serve(const union address *at)
{
	int one = 1, l = socket(at->sa.sa_family, SOCK_STREAM, 0);

	signal(SIGCHLD, SIG_IGN);
	setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(l, &at->sa, address_size(at)) || listen(l, QUEUE))
		die("listen: %s", strerror(errno));
	printf("listening\n");
	fflush(stdout);
	for (;;) {
		int fd = accept(l, NULL, NULL);

		if (fd < 0)
			continue;
		if (!fork()) {
			close(l);
			serve_one(fd);
		}
		close(fd);
	}
}

/* ---- the tester's side ---- */

struct peer_answer peer_do(struct world *w, const struct peer_order *order)
{
	struct peer_answer a;

	if (!write_all(w->control, order, sizeof(*order)) ||
	    !read_all(w->control, &a, sizeof(a)))
		die("%s: the peer is gone: %s", w->name, strerror(errno));
	return a;
}

void peer_look(struct world *w, struct peer_view *view)
{
	struct peer_order o = { .order = PEER_VIEW };

	if (!write_all(w->control, &o, sizeof(o)) ||
	    !read_all(w->control, view, sizeof(*view)))
		die("%s: the peer is gone: %s", w->name, strerror(errno));
}
