/* SPDX-License-Identifier: GPL-2.0 */
/* life.c - calls that meet others: threads, disconnecting, several workers. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sockcheck.h"

#define SOON_MS 300 /* the other thread is asleep in its call by then */
#define RACES	40
#define WORKERS 4
#define GUESTS	24 /* connections that workers share */
#define BLOCKING EPOLLRDHUP /* instead of flags: workers sleep in accept() */

static int so_error(int fd)
{
	int value = -1;
	socklen_t len = sizeof(value);

	must(getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &len));
	return value;
}

static int unconnect(int fd)
{
	struct sockaddr sa = { .sa_family = AF_UNSPEC };

	return connect(fd, &sa, sizeof(sa));
}

/* ---- a thread that does something to a socket a little later ---- */

struct later {
	pthread_t thread;
	int fd, how, result;
};

static void *shut(void *arg)
{
	struct later *l = arg;

	pause_ms(SOON_MS);
	l->result = shutdown(l->fd, l->how);
	return NULL;
}

static void *forget(void *arg)
{
	struct later *l = arg;

	pause_ms(SOON_MS);
	l->result = unconnect(l->fd);
	return NULL;
}

static void later(struct later *l, void *(*what)(void *), int fd, int how)
{
	l->fd = fd;
	l->how = how;
	must(-pthread_create(&l->thread, NULL, what, l));
}

static void done(struct later *l)
{
	must(-pthread_join(l->thread, NULL));
	expect_eq(l->result, 0);
}

static void shutdown_wakes_connect(void)
{
	int fd = must(new_socket(0));
	uint16_t port = peer_full_port();
	struct later l;

	later(&l, shut, fd, SHUT_RDWR);
	expect_errno(connect_to(fd, port), ECONNRESET);
	done(&l);
	expect_eq(so_error(fd), 0);
	must(connect_to(fd, 0)); /* it is as new */
	command(fd, "send 5\n");
	receive_bytes(fd, 0, 5);
}

static void shutdown_wakes_poll(void)
{
	int fd = peer("hold");
	struct later l;

	later(&l, shut, fd, SHUT_RD);
	expect_eq(wait_for(fd, POLLIN | POLLRDHUP), POLLIN | POLLRDHUP);
	done(&l);
}

static void shutdown_wakes_poll_of_both(void)
{
	int fd = peer("echo");
	struct later l;

	later(&l, shut, fd, SHUT_RDWR);
	expect_eq(wait_for(fd, 0) & POLLHUP, POLLHUP);
	done(&l);
}

static void shutdown_wakes_listener_poll(void)
{
	uint16_t port;
	int fd = listener(0, &port), ep = must(epoll_create1(0));
	struct epoll_event ev = { .events = EPOLLIN };
	struct later l;

	must(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
	later(&l, shut, fd, SHUT_RDWR);
	expect_eq(epoll_wait(ep, &ev, 1, HANG_S * 1000), 1);
	expect(ev.events & EPOLLHUP);
	done(&l);
	expect_errno(accept(fd, NULL, NULL), EINVAL);
	must(listen(fd, 4)); /* and once more */
	peer("dial %u hold", local_port(fd));
	must(accept(fd, NULL, NULL));
}

static void *accept_forever(void *arg)
{
	struct later *l = arg;

	l->result = accept(l->fd, NULL, NULL) < 0 && errno == EINVAL ? 0 : -1;
	return NULL;
}

static void shutdown_wakes_all_accepts(void)
{
	uint16_t port;
	int fd = listener(0, &port);
	struct later l[WORKERS];

	for (int i = 0; i < WORKERS; i++)
		later(&l[i], accept_forever, fd, 0);
	pause_ms(SOON_MS);
	must(shutdown(fd, SHUT_RD));
	for (int i = 0; i < WORKERS; i++)
		done(&l[i]);
}

/* ---- connect(AF_UNSPEC) ---- */

static void unspec_then_again(void)
{
	int fd = peer("echo");
	char c;

	send_bytes(fd, 0, 10);
	receive_bytes(fd, 0, 10);
	must(unconnect(fd));
	expect_eq(ready_now(fd, POLLOUT) & POLLERR, POLLERR);
	expect_errno(recv(fd, &c, 1, 0), ECONNRESET);
	expect_errno(recv(fd, &c, 1, 0), ENOTCONN);
	expect_errno(send(fd, &c, 1, MSG_NOSIGNAL), EPIPE);
	expect_eq(ready_now(fd, POLLIN | POLLOUT), POLLOUT | POLLHUP);
	must(connect_to(fd, 0));
	command(fd, "send 100\n");
	receive_bytes(fd, 0, 100);
}

static void unspec_resets_peer(void)
{
	int control, fd = dialled(&control, "count");

	send_bytes(fd, 0, 10);
	pause_ms(SOON_MS); /* the peer has them */
	must(unconnect(fd));
	expect(!strncmp(read_line(control), "error ECONNRESET", 16));
}

static void unspec_under_way(void)
{
	int fd = must(new_socket(SOCK_NONBLOCK));

	expect_errno(connect_to(fd, peer_full_port()), EINPROGRESS);
	must(unconnect(fd));
	must(fcntl(fd, F_SETFL, 0));
	must(connect_to(fd, 0));
	command(fd, "send 7\n");
	receive_bytes(fd, 0, 7);
}

static void unspec_when_new(void)
{
	int fd = must(new_socket(0));

	must(unconnect(fd));
	must(unconnect(fd));
	must(connect_to(fd, 0));
}

static void unspec_of_listener(void)
{
	uint16_t port;
	int fd = listener(0, &port);
	const char *said;

	must(unconnect(fd));
	expect_errno(accept(fd, NULL, NULL), EINVAL);
	said = read_line(peer("dial %u hold", port));
	expect(!strcmp(said, "ECONNREFUSED"));
	must(connect_to(fd, 0));
}

static void unspec_keeps_options(void)
{
	int fd = must(new_socket(0)), on = 1, value = 0;
	socklen_t len = sizeof(value);

	must(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)));
	must(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)));
	must(connect_to(fd, 0));
	must(unconnect(fd));
	must(connect_to(fd, 0));
	must(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &len));
	expect_eq(value, 1);
	must(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, &len));
	expect_eq(value, 1);
}

static void *receive_one(void *arg)
{
	struct later *l = arg;
	char c;

	/* Linux wakes it with one of these, or refuses to disconnect */
	l->result = recv(l->fd, &c, 1, 0) <= 0 ? 0 : -1;
	return NULL;
}

static void unspec_wakes_receiver(void)
{
	int fd = peer("hold");
	struct later l;

	later(&l, receive_one, fd, 0);
	pause_ms(SOON_MS);
	if (unconnect(fd)) {
		expect_eq(errno, EBUSY); /* Linux of some versions */
		must(shutdown(fd, SHUT_RDWR));
	}
	done(&l);
}

static void unspec_wakes_connect(void)
{
	int fd = must(new_socket(0));
	uint16_t port = peer_full_port();
	struct later l;

	later(&l, forget, fd, 0);
	expect(connect_to(fd, port) < 0);
	pthread_join(l.thread, NULL);
	must(connect_to(fd, 0));
}

/* ---- races; that nothing breaks is all ---- */

static void *close_soon(void *arg)
{
	struct later *l = arg;

	for (volatile int i = 0; i < l->how * 2000; i++)
		;
	l->result = close(l->fd);
	return NULL;
}

static void connect_races_close(void)
{
	for (int i = 0; i < RACES; i++) {
		int fd = must(new_socket(i % 2 ? SOCK_NONBLOCK : 0));
		struct later l;

		later(&l, close_soon, fd, i);
		connect_to(fd, 0);
		done(&l);
	}
}

static void connect_races_shutdown(void)
{
	for (int i = 0; i < RACES; i++) {
		int fd = must(new_socket(SOCK_NONBLOCK));
		struct later l;

		connect_to(fd, 0);
		later(&l, close_soon, must(dup(fd)), i);
		shutdown(fd, SHUT_RDWR);
		done(&l);
		close(fd);
	}
}

static void *ask(void *arg)
{
	struct later *l = arg;

	for (int i = 0; i < RACES; i++) {
		struct tcp_info ti;
		socklen_t len = sizeof(ti);
		int on = 1;

		getsockopt(l->fd, IPPROTO_TCP, TCP_INFO, &ti, &len);
		setsockopt(l->fd, IPPROTO_TCP, TCP_CORK, &on, sizeof(on));
	}
	l->result = 0;
	return NULL;
}

static void options_race_failure(void)
{
	int fd = must(new_socket(0));
	struct later l;

	later(&l, ask, fd, 0);
	for (int i = 0; i < RACES; i++)
		expect_errno(connect_to(fd, 1), ECONNREFUSED);
	done(&l);
}

static void *disconnect_often(void *arg)
{
	struct later *l = arg;

	for (int i = 0; i < RACES; i++)
		unconnect(l->fd);
	l->result = 0;
	return NULL;
}

static void io_races_disconnect(void)
{
	int fd = must(new_socket(SOCK_NONBLOCK));
	struct later l;
	char buf[1000];

	later(&l, disconnect_often, fd, 0);
	for (int i = 0; i < RACES; i++) {
		connect_to(fd, 0);
		send(fd, "echo\n", 5, MSG_NOSIGNAL);
		recv(fd, buf, sizeof(buf), 0);
		ready_now(fd, POLLIN | POLLOUT);
	}
	done(&l);
}

static void simultaneous_close(void)
{
	int control[8], fd[8];
	char c;

	for (int i = 0; i < 8; i++)
		fd[i] = dialled(&control[i], "half 0");
	for (int i = 0; i < 8; i++)
		must(shutdown(fd[i], SHUT_WR));
	for (int i = 0; i < 8; i++) {
		expect_eq(recv(fd[i], &c, 1, 0), 0);
		expect(!strcmp(read_line(control[i]), count_text(0)));
		expect_eq(so_error(fd[i]), 0);
		must(close(fd[i]));
	}
}

static void many_queued_are_reset(void)
{
	union address any = { .sa.sa_family = peer_address.sa.sa_family };
	int l = must(new_socket(0)), control[8];

	must(bind(l, &any.sa, address_size(&any)));
	must(listen(l, 16));
	for (int i = 0; i < 8; i++) {
		control[i] = peer("dial %u count", local_port(l));
		expect(!strcmp(read_line(control[i]), "connected"));
	}
	must(close(must(accept(l, NULL, NULL)))); /* one of them is taken */
	must(close(l));
	for (int i = 1; i < 8; i++)
		expect(!strncmp(read_line(control[i]), "error ECONNRESET", 16));
}

/* ---- several workers ---- */

struct tally {
	int served[WORKERS], woken[WORKERS], ready;
};

static struct tally *shared_tally(void)
{
	void *p = mmap(NULL, sizeof(struct tally), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	expect(p != MAP_FAILED);
	return p;
}

static void serve(int fd)
{
	send_bytes(fd, 0, 100);
	must(close(fd));
}

static void work_blocking(int l, struct tally *t, int me)
{
	__atomic_add_fetch(&t->ready, 1, __ATOMIC_SEQ_CST);
	for (;;) {
		serve(must(accept(l, NULL, NULL)));
		__atomic_add_fetch(&t->served[me], 1, __ATOMIC_SEQ_CST);
	}
}

/* A child that ends with its parent: whatever fails, nobody is left. */
static int helper(void)
{
	int pid = fork();

	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

static void work_polling(int l, struct tally *t, int me, uint32_t flags)
{
	int ep = must(epoll_create1(0)), fd;
	struct epoll_event ev = { .events = EPOLLIN | flags };

	must(epoll_ctl(ep, EPOLL_CTL_ADD, l, &ev));
	__atomic_add_fetch(&t->ready, 1, __ATOMIC_SEQ_CST);
	for (;;) {
		must(epoll_wait(ep, &ev, 1, -1));
		__atomic_add_fetch(&t->woken[me], 1, __ATOMIC_SEQ_CST);
		while ((fd = accept(l, NULL, NULL)) >= 0) {
			serve(fd);
			__atomic_add_fetch(&t->served[me], 1,
					   __ATOMIC_SEQ_CST);
		}
		expect_eq(errno, EAGAIN);
	}
}

static void start_workers(int l, struct tally *t, uint32_t flags)
{
	for (int i = 0; i < WORKERS; i++) {
		if (helper())
			continue;
		if (flags == BLOCKING)
			work_blocking(l, t, i);
		work_polling(l, t, i, flags);
	}
	while (__atomic_load_n(&t->ready, __ATOMIC_SEQ_CST) < WORKERS)
		pause_ms(10);
	pause_ms(SOON_MS); /* they sleep */
}

static int total(const int *counts)
{
	int sum = 0;

	for (int i = 0; i < WORKERS; i++)
		sum += __atomic_load_n(&counts[i], __ATOMIC_SEQ_CST);
	return sum;
}

/* Connections at once, then one by one: each is served, and once. */
static void visit(uint16_t port, const struct tally *t)
{
	int control[GUESTS];

	for (int i = 0; i < GUESTS; i++)
		control[i] = peer("dial %u count", port);
	for (int i = 0; i < GUESTS; i++) {
		expect(!strcmp(read_line(control[i]), "connected"));
		expect(!strcmp(read_line(control[i]), count_text(100)));
	}
	for (int i = 0; i < WORKERS; i++) {
		int fd = peer("dial %u count", port);

		expect(!strcmp(read_line(fd), "connected"));
		expect(!strcmp(read_line(fd), count_text(100)));
	}
	for (int i = 0; total(t->served) < GUESTS + WORKERS && i < 100; i++)
		pause_ms(20);
	expect_eq(total(t->served), GUESTS + WORKERS);
}

static void workers_blocking(void)
{
	struct tally *t = shared_tally();
	uint16_t port;
	int l = listener(0, &port);

	start_workers(l, t, BLOCKING);
	visit(port, t);
}

static void workers_level(void)
{
	struct tally *t = shared_tally();
	uint16_t port;
	int l = listener(SOCK_NONBLOCK, &port);

	start_workers(l, t, 0);
	visit(port, t);
}

static void workers_edge(void)
{
	struct tally *t = shared_tally();
	uint16_t port;
	int l = listener(SOCK_NONBLOCK, &port);

	start_workers(l, t, EPOLLET);
	visit(port, t);
}

static void workers_exclusive(void)
{
	struct tally *t = shared_tally();
	uint16_t port;
	int l = listener(SOCK_NONBLOCK, &port);

	start_workers(l, t, EPOLLEXCLUSIVE);
	visit(port, t);
}

/* One connection wakes one worker, not the herd. */
static void no_herd(void)
{
	struct tally *t = shared_tally();
	uint16_t port;
	int l = listener(SOCK_NONBLOCK, &port), fd;

	start_workers(l, t, EPOLLEXCLUSIVE);
	fd = peer("dial %u count", port);
	expect(!strcmp(read_line(fd), "connected"));
	expect(!strcmp(read_line(fd), count_text(100)));
	pause_ms(SOON_MS);
	expect(total(t->woken) < WORKERS);
}

/* SO_REUSEPORT: a listener for each worker, and all get their share. */
static void reuse_port_shares(void)
{
	union address a = bind_address;
	int l[2], on = 1, got[2] = { 0, 0 };

	for (int i = 0; i < 2; i++) {
		l[i] = must(new_socket(SOCK_NONBLOCK));
		must(setsockopt(l[i], SOL_SOCKET, SO_REUSEPORT, &on,
				sizeof(on)));
		must(bind(l[i], &a.sa, address_size(&a)));
		must(listen(l[i], 64));
		address_set_port(&a, local_port(l[0]));
	}
	for (int i = 0; i < GUESTS; i++) {
		int fd = peer("dial %u hold", local_port(l[0]));

		expect(!strcmp(read_line(fd), "connected"));
	}
	for (int waited = 0; got[0] + got[1] < GUESTS && waited < 100;
	     waited++) {
		for (int i = 0; i < 2; i++)
			while (accept(l[i], NULL, NULL) >= 0)
				got[i]++;
		pause_ms(20);
	}
	expect_eq(got[0] + got[1], GUESTS);
	expect(got[0] && got[1]);
}

static int bind_sharing(const union address *a)
{
	int fd = must(new_socket(0)), on = 1;

	must(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)));
	return bind(fd, &a->sa, address_size(a)) ? -1 : fd;
}

/* Another user cannot take a share of our port. */
static void reuse_port_is_of_one_user(void)
{
	union address a = bind_address;
	union address any = { .sa.sa_family = a.sa.sa_family };
	int fd = bind_sharing(&a);

	must(listen(fd, 4));
	address_set_port(&a, local_port(fd));
	address_set_port(&any, local_port(fd));
	must(bind_sharing(&a));
	must(setuid(4321));
	expect_errno(bind_sharing(&a), EADDRINUSE);
	expect_errno(bind_sharing(&any), EADDRINUSE);
}

/* ---- signals ---- */

static void on_alarm(int signal_)
{
	(void)signal_;
}

static void alarm_with_restart(int ms)
{
	struct sigaction act = { .sa_handler = on_alarm,
				 .sa_flags = SA_RESTART };

	alarm_without_restart(ms);
	must(sigaction(SIGALRM, &act, NULL));
}

static void restarted_recv(void)
{
	int fd = peer("send 10 900");

	alarm_with_restart(SOON_MS);
	receive_bytes(fd, 0, 10);
}

static void restarted_accept(void)
{
	uint16_t port;
	int l = listener(0, &port), fd;

	if (!helper()) {
		pause_ms(900);
		peer("dial %u send 3", port);
		pause_ms(HANG_S * 1000);
	}
	alarm_with_restart(SOON_MS);
	fd = must(accept(l, NULL, NULL));
	receive_bytes(fd, 0, 3);
}

static void restarted_send(void)
{
	int control, fd = dialled(&control, "told 1000 count");
	char c = 0;

	expect(fill(fd));
	send_bytes(control, 0, 1);
	alarm_with_restart(SOON_MS);
	expect_eq(send(fd, &c, 1, MSG_NOSIGNAL), 1);
}

static void interrupted_send(void)
{
	int fd = peer("hold");
	char c = 0;

	expect(fill(fd));
	alarm_without_restart(SOON_MS);
	expect_errno(send(fd, &c, 1, MSG_NOSIGNAL), EINTR);
}

/* With a time-out even SA_RESTART does not restart. */
static void timed_is_not_restarted(void)
{
	struct timeval tv = { HANG_S, 0 };
	int fd = peer("hold");
	char c;

	must(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	alarm_with_restart(SOON_MS);
	expect_errno(recv(fd, &c, 1, 0), EINTR);
}

static void partial_when_interrupted(void)
{
	int fd = peer("two 10 3000");
	char buf[20];

	alarm_without_restart(900);
	expect_eq(recv(fd, buf, sizeof(buf), MSG_WAITALL), 10);
}

/* ---- ports ---- */

static int bind_again(uint16_t port, int reuse)
{
	union address a = bind_address;
	int l = must(new_socket(0));

	address_set_port(&a, port);
	must(setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse)));
	if (bind(l, &a.sa, address_size(&a))) {
		close(l);
		return -1;
	}
	must(listen(l, 4));
	return l;
}

static void time_wait_holds_port(void)
{
	int l = bind_again(0, 1), fd, control;
	uint16_t port = local_port(l);

	control = peer("dial %u count", port);
	expect(!strcmp(read_line(control), "connected"));
	fd = must(accept(l, NULL, NULL));
	must(shutdown(fd, SHUT_WR)); /* first to close: TIME_WAIT is ours */
	expect(!strcmp(read_line(control), count_text(0)));
	must(close(control));
	must(close(fd));
	must(close(l));
	expect_errno(bind_again(port, 0), EADDRINUSE);
	l = must(bind_again(port, 1));
	peer("dial %u send 3", port);
	receive_bytes(must(accept(l, NULL, NULL)), 0, 3);
}

static void bound_port_comes_free(void)
{
	union address a = bind_address;

	for (int i = 0; i < RACES; i++) {
		int fd = must(new_socket(0));

		must(bind(fd, &a.sa, address_size(&a)));
		if (!i)
			address_set_port(&a, local_port(fd));
		must(close(fd));
	}
}

/* ---- threads share one socket ---- */

static void *echo_part(void *arg)
{
	struct later *l = arg;

	for (int i = 0; i < 100; i++)
		must(send(l->fd, "0123456789", 10, MSG_NOSIGNAL));
	l->result = 0;
	return NULL;
}

static void senders_take_turns(void)
{
	int fd = peer("echo");
	struct later l[WORKERS];
	char buf[10];

	for (int i = 0; i < WORKERS; i++)
		later(&l[i], echo_part, fd, 0);
	for (int i = 0; i < WORKERS * 100; i++) {
		expect_eq(recv(fd, buf, sizeof(buf), MSG_WAITALL), 10);
		expect(!memcmp(buf, "0123456789", 10)); /* none in between */
	}
	for (int i = 0; i < WORKERS; i++)
		done(&l[i]);
}

static void *receive_any(void *arg)
{
	struct later *l = arg;
	char c;

	l->result = recv(l->fd, &c, 1, 0) == 1 ? 0 : -1;
	return NULL;
}

static void receivers_all_get_some(void)
{
	int fd = peer("echo");
	struct later l[WORKERS];

	for (int i = 0; i < WORKERS; i++)
		later(&l[i], receive_any, fd, 0);
	pause_ms(SOON_MS);
	send_bytes(fd, 0, WORKERS);
	for (int i = 0; i < WORKERS; i++)
		done(&l[i]);
}

const struct check life_checks[] = {
	{ "life-shutdown-wakes-connect", shutdown_wakes_connect },
	{ "life-shutdown-wakes-poll", shutdown_wakes_poll },
	{ "life-shutdown-wakes-poll-of-both", shutdown_wakes_poll_of_both },
	{ "life-shutdown-wakes-listener-poll", shutdown_wakes_listener_poll },
	{ "life-shutdown-wakes-all-accepts", shutdown_wakes_all_accepts },
	{ "life-unspec-then-again", unspec_then_again },
	{ "life-unspec-resets-peer", unspec_resets_peer },
	{ "life-unspec-under-way", unspec_under_way },
	{ "life-unspec-when-new", unspec_when_new },
	{ "life-unspec-of-listener", unspec_of_listener },
	{ "life-unspec-keeps-options", unspec_keeps_options },
	{ "life-unspec-wakes-receiver", unspec_wakes_receiver },
	{ "life-unspec-wakes-connect", unspec_wakes_connect },
	{ "life-connect-races-close", connect_races_close },
	{ "life-connect-races-shutdown", connect_races_shutdown },
	{ "life-options-race-failure", options_race_failure },
	{ "life-io-races-disconnect", io_races_disconnect },
	{ "life-simultaneous-close", simultaneous_close },
	{ "life-many-queued-are-reset", many_queued_are_reset },
	{ "life-workers-blocking", workers_blocking },
	{ "life-workers-level", workers_level },
	{ "life-workers-edge", workers_edge },
	{ "life-workers-exclusive", workers_exclusive },
	{ "life-workers-no-herd", no_herd },
	{ "life-reuse-port-shares", reuse_port_shares },
	{ "life-reuse-port-is-of-one-user", reuse_port_is_of_one_user },
	{ "life-restarted-recv", restarted_recv },
	{ "life-restarted-accept", restarted_accept },
	{ "life-restarted-send", restarted_send },
	{ "life-interrupted-send", interrupted_send },
	{ "life-timed-is-not-restarted", timed_is_not_restarted },
	{ "life-partial-when-interrupted", partial_when_interrupted },
	{ "life-time-wait-holds-port", time_wait_holds_port },
	{ "life-bound-port-comes-free", bound_port_comes_free },
	{ "life-senders-take-turns", senders_take_turns },
	{ "life-receivers-all-get-some", receivers_all_get_some },
	{ 0 },
};
