/* SPDX-License-Identifier: GPL-2.0 */
/*
 * lwip.c - the data half of the "lwip" TOE driver: lwIP, in the worker.
 *
 * Theory of operation
 *
 * lwIP is a TCP/IP stack in a library; Debian's is used as it is, by its raw
 * interface: functions of the one thread and callbacks, no thread of its own. It
 * has its state in globals, so a process has one instance, which all of the
 * device's TOE contexts share: each is a network interface (lwip_link.c), and a
 * connection is tied to that whose address it has.
 *
 * What arrives becomes callbacks of lwIP within stack_event(), and these put down
 * which upcalls are due; they are made when lwIP is done, since whoever is told may
 * close any connection. What an operation makes possible is told by an eventfd.
 *
 * lwIP wants to be called every 250 ms while there are connections, and every
 * second while neighbours are looked for. A periodic timer that is not read stops,
 * and the next operation or frame reads it, so that an idle guest costs nothing.
 *
 * A connection's PCB belongs to lwIP as well: it is gone with the error callback,
 * and, without a word, after TIME_WAIT; lwip_tcp_tick() lets go of it before.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <lwip/etharp.h>
#include <lwip/init.h>
#include <lwip/ip4_frag.h>
#include <lwip/ip6_frag.h>
#include <lwip/mld6.h>
#include <lwip/nd6.h>
#include <lwip/priv/tcp_priv.h>

#include "drivers.h"
#include "lwip_conn.h"
#include "lwip_guard.h"

#define MS	   1000000ll /* ns */
#define EVENT_DATA CONTEXT_TOES_MAX /* below: the links' events */
#define TIMER_DATA (CONTEXT_TOES_MAX + 1u)
#define SLOW_MS	   1000u
#define QUIET_MS   30000u /* neighbours are looked after so much longer */
#define CATCH_UP   4u	  /* ticks at once, if the worker was held up */

int lwip_errno(err_t err)
{
	switch (err) {
	case ERR_OK:
		return 0;
	case ERR_MEM:
	case ERR_BUF:
		return -ENOBUFS;
	case ERR_TIMEOUT:
		return -ETIMEDOUT;
	case ERR_RTE:
		return -EHOSTUNREACH;
	case ERR_USE:
		return -EADDRINUSE;
	case ERR_ALREADY:
		return -EALREADY;
	case ERR_ISCONN:
		return -EISCONN;
	case ERR_CONN:
		return -ENOTCONN;
	case ERR_RST:
		return -ECONNRESET;
	case ERR_ABRT: /* retransmitted too often, or no answer to probes */
		return -ETIMEDOUT;
	default:
		return -EINVAL;
	}
}

/* ---- upcalls ---- */

void lwip_tell(struct toe_conn *conn, unsigned int events)
{
	struct toe_stack *stack = conn->stack;
	const uint64_t one = 1;

	if (!conn->user)
		return;
	if (!conn->told)
		LIST_INSERT_HEAD(&stack->later, conn, entry);
	conn->told |= events;
	if (stack->in_event || stack->due)
		return;
	stack->due = true;
	++*stack->config.syscalls;
	if (write(stack->event, &one, sizeof(one)) < 0)
		return; /* it counts to 2^64: there is an event already */
}

static unsigned int tell_no_more(struct toe_conn *conn)
{
	unsigned int events = conn->told;

	if (events)
		LIST_REMOVE(conn, entry);
	conn->told = 0;
	return events;
}

static void make_upcalls(struct toe_stack *stack)
{
	struct lwip_conns due = LIST_HEAD_INITIALIZER(due);
	struct toe_conn *conn;

	while ((conn = LIST_FIRST(&stack->later))) {
		LIST_REMOVE(conn, entry);
		LIST_INSERT_HEAD(&due, conn, entry);
	}
	/* whoever is told may close any of them, or have it told once more */
	while ((conn = LIST_FIRST(&due)))
		stack->config.ready(conn->user, tell_no_more(conn));
}

/* ---- time ---- */

uint64_t lwip_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint64_t)ts.tv_sec * 1000u + (uint64_t)(ts.tv_nsec / MS);
}

static void read_timer(struct toe_stack *stack)
{
	uint64_t times;

	++*stack->config.syscalls;
	if (read(stack->timer, &times, sizeof(times)) < 0)
		return; /* not expired: it goes on by itself */
}

void lwip_keep_time(struct toe_stack *stack)
{
	stack->busy_ms = lwip_now_ms();
	if (stack->ticking)
		return;
	stack->ticking = true;
	/* what has not passed while there was nothing is not made up for */
	stack->fast_ms = stack->slow_ms = stack->busy_ms;
	read_timer(stack);
}

/* How many periods have passed since *@then, which is moved on. */
static unsigned int periods(uint64_t *then, uint64_t now, unsigned int ms)
{
	uint64_t n = (now - *then) / ms;

	*then += n * ms;
	return n > CATCH_UP ? CATCH_UP : (unsigned int)n;
}

static void tick(struct toe_stack *stack)
{
	uint64_t now = lwip_now_ms();
	unsigned int n;

	for (n = periods(&stack->fast_ms, now, TCP_TMR_INTERVAL); n; n--)
		tcp_tmr();
	for (n = periods(&stack->slow_ms, now, SLOW_MS); n; n--) {
		etharp_tmr();
		ip_reass_tmr();
		nd6_tmr();
		ip6_reass_tmr();
		mld6_tmr();
	}
	for (n = 0; n < CONTEXT_TOES_MAX; n++)
		lwip_link_tick(&stack->link[n], now);
	lwip_tcp_tick(stack);
	lwip_udp_retry(stack);
	if (!tcp_active_pcbs && !tcp_tw_pcbs &&
	    now - stack->busy_ms > QUIET_MS)
		stack->ticking = false;
	else
		read_timer(stack);
}

static void lwip_stack_event(struct toe_stack *stack, uint64_t data,
			     uint32_t events)
{
	uint64_t times;

	stack->in_event = true;
	if (data < CONTEXT_TOES_MAX) {
		lwip_keep_time(stack);
		lwip_link_event(&stack->link[data], events);
		lwip_udp_retry(stack);
	} else if (data == TIMER_DATA) {
		if (stack->ticking)
			tick(stack);
	} else {
		++*stack->config.syscalls;
		if (read(stack->event, &times, sizeof(times)) > 0)
			stack->due = false;
	}
	stack->in_event = false;
	make_upcalls(stack);
}

/* ---- instance ---- */

static int watch(const struct toe_stack_config *config, int fd, uint32_t events,
		 uint64_t data)
{
	struct epoll_event ev = {.events = events,
				 .data.u64 = config->tag | data};

	if (fd < 0 || epoll_ctl(config->epoll, EPOLL_CTL_ADD, fd, &ev))
		return -errno;
	return 0;
}

static int clock_open(struct toe_stack *stack)
{
	const struct itimerspec when = {
		.it_value.tv_nsec = TCP_TMR_INTERVAL * MS,
		.it_interval.tv_nsec = TCP_TMR_INTERVAL * MS};
	int err;

	stack->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	err = watch(&stack->config, stack->event, EPOLLIN, EVENT_DATA);
	if (err)
		return err;
	stack->timer = timerfd_create(CLOCK_MONOTONIC,
				      TFD_NONBLOCK | TFD_CLOEXEC);
	if (stack->timer >= 0 &&
	    timerfd_settime(stack->timer, 0, &when, NULL))
		return -errno;
	return watch(&stack->config, stack->timer, EPOLLIN | EPOLLET,
		     TIMER_DATA);
}

static void lwip_stack_close(struct toe_stack *stack)
{
	unsigned int i;

	for (i = 0; i < CONTEXT_TOES_MAX; i++)
		lwip_link_close(&stack->link[i]);
	if (stack->event >= 0)
		close(stack->event);
	if (stack->timer >= 0)
		close(stack->timer);
	free(stack);
}

/* First ports and query numbers are to be no guess for a stranger. */
static void seed(void)
{
	unsigned int seed_of_rand;

	if (getrandom(&seed_of_rand, sizeof(seed_of_rand), 0) ==
	    sizeof(seed_of_rand))
		srand(seed_of_rand);
}

static int lwip_stack_open(const struct toe_stack_config *config,
			   struct toe_stack **stackp)
{
	size_t nr = (size_t)config->max_conns + LWIP_PENDING_MAX;
	struct toe_stack *stack;
	unsigned int i;
	int err;

	stack = calloc(1, sizeof(*stack) + nr * sizeof(stack->conn[0]));
	if (!stack)
		return -ENOMEM;
	stack->config = *config;
	stack->config.settings = NULL;
	stack->event = stack->timer = -1;
	LIST_INIT(&stack->free);
	LIST_INIT(&stack->later);
	for (i = 0; i < CONTEXT_TOES_MAX; i++)
		stack->link[i].fd = -1;
	seed();
	lwip_init();
	err = clock_open(stack);
	for (i = 0; i < CONTEXT_TOES_MAX && !err; i++)
		err = lwip_link_open(&stack->link[i], config, i);
	if (err) {
		lwip_stack_close(stack);
		return err;
	}
	*stackp = stack;
	return 0;
}

static int lwip_stack_link(struct toe_stack *stack, const struct toe_link *link)
{
	if (link->index >= CONTEXT_TOES_MAX)
		return -EINVAL;
	lwip_keep_time(stack);
	return lwip_link_set(&stack->link[link->index], link);
}

/* ---- connections ---- */

struct toe_conn *lwip_conn_new(struct toe_stack *stack, enum lwip_kind kind,
			       uint8_t family, void *user)
{
	uint32_t max = stack->config.max_conns + LWIP_PENDING_MAX;
	struct toe_conn *conn = LIST_FIRST(&stack->free);

	if (user ? stack->nr_open >= stack->config.max_conns
		 : stack->nr_pending >= LWIP_PENDING_MAX)
		return NULL;
	if (conn)
		LIST_REMOVE(conn, entry);
	else if (stack->nr_used < max)
		conn = &stack->conn[stack->nr_used++];
	else
		return NULL;
	*conn = (struct toe_conn){.stack = stack,
				  .user = user,
				  .kind = kind,
				  .family = family,
				  .local.family = family};
	TAILQ_INIT(&conn->queue);
	STAILQ_INIT(&conn->datagrams);
	if (user)
		stack->nr_open++;
	else
		stack->nr_pending++;
	return conn;
}

void lwip_conn_put(struct toe_conn *conn)
{
	struct toe_stack *stack = conn->stack;

	tell_no_more(conn);
	if (conn->user)
		stack->nr_open--;
	else
		stack->nr_pending--;
	LIST_INSERT_HEAD(&stack->free, conn, entry);
}

static int lwip_open(struct toe_stack *stack, int family, int type, void *user,
		     struct toe_conn **connp)
{
	struct toe_conn *conn;
	int err = 0;

	if (family != AF_INET && family != AF_INET6)
		return -EAFNOSUPPORT;
	if (type != SOCK_STREAM && type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	conn = lwip_conn_new(stack,
			     type == SOCK_STREAM ? LWIP_STREAM : LWIP_DATAGRAM,
			     family == AF_INET ? VTOE_INET : VTOE_INET6, user);
	if (!conn)
		return -ENOBUFS;
	if (type == SOCK_DGRAM)
		err = lwip_udp_open(conn);
	if (err)
		lwip_conn_put(conn);
	else
		*connp = conn;
	return err;
}

static int lwip_bind(struct toe_conn *conn, const struct vtoe_addr *addr)
{
	return conn->kind == LWIP_DATAGRAM ? lwip_udp_bind(conn, addr)
					   : lwip_tcp_bind(conn, addr);
}

/* The port is connect()'s to choose. */
static int lwip_use_address(struct toe_conn *conn, const struct vtoe_addr *addr)
{
	ip_addr_t ip;
	uint16_t port;
	int err = lwip_addr_own(conn, addr, &ip, &port);

	if (err)
		return err;
	if (conn->bound)
		return -EINVAL;
	if (!lwip_link_of(conn->stack, &ip))
		return -EADDRNOTAVAIL;
	conn->local = *addr;
	lwip_addr_bound(conn, &ip);
	return 0;
}

static int lwip_connect(struct toe_conn *conn, const struct vtoe_addr *addr)
{
	lwip_keep_time(conn->stack);
	return conn->kind == LWIP_DATAGRAM ? lwip_udp_connect(conn, addr)
					   : lwip_tcp_connect(conn, addr);
}

static void lwip_moved(struct toe_conn *conn)
{
	if (conn->kind == LWIP_STREAM)
		lwip_tcp_moved(conn);
}

static void lwip_close(struct toe_conn *conn, unsigned int flags)
{
	if (conn->kind == LWIP_DATAGRAM)
		lwip_udp_close(conn);
	else
		lwip_tcp_close(conn, flags & TOE_CLOSE_ABORT);
}

static int lwip_error(struct toe_conn *conn)
{
	int error = conn->error;

	/* taken; what is over stays so */
	if (error && conn->kind == LWIP_DATAGRAM)
		conn->error = 0;
	else if (error)
		conn->error = -ENOTCONN;
	return error;
}

static int lwip_unsent(struct toe_conn *conn)
{
	return conn->error ? conn->error : (int)lwip_tcp_unacked(conn);
}

static int lwip_local(struct toe_conn *conn, struct vtoe_addr *addr)
{
	*addr = conn->local;
	if (conn->connecting) /* it has one, which it need not keep */
		lwip_addr_from(conn->family, &conn->tcp->local_ip,
			       conn->tcp->local_port, addr);
	return 0;
}

const struct toe_driver lwip_driver = {
	.name = "lwip",
	.stack_open = lwip_stack_open,
	.stack_close = lwip_stack_close,
	.stack_event = lwip_stack_event,
	.stack_link = lwip_stack_link,
	.open = lwip_open,
	.bind = lwip_bind,
	.listen = lwip_tcp_listen,
	.use_address = lwip_use_address,
	.connect = lwip_connect,
	.connected = lwip_tcp_connected,
	.accept = lwip_tcp_accept,
	.recv = lwip_tcp_recv,
	.send = lwip_tcp_send,
	.send_datagrams = lwip_udp_send,
	.recv_datagram = lwip_udp_recv,
	.next_datagram = lwip_udp_next,
	.moved = lwip_moved,
	.reset = lwip_tcp_reset,
	.shutdown = lwip_tcp_shutdown,
	.close = lwip_close,
	.error = lwip_error,
	.unsent = lwip_unsent,
	.local = lwip_local,
	.setopt = lwip_setopt,
	.getopt = lwip_getopt,
	.freeze = lwip_tcp_freeze,
	.export = lwip_tcp_export,
	.import = lwip_tcp_import,
	.thaw = lwip_tcp_thaw,
	.own = lwip_tcp_own,
	.unfinished = lwip_tcp_unfinished,
};
