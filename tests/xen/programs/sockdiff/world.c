/* SPDX-License-Identifier: GPL-2.0 */
/* world.c - the two worlds and their threads. See sockdiff.h. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "sockdiff.h"

#define BLOCKS_S    0.2 /* in both worlds: it will not return by itself */
#define LAGS_S	    8.0 /* in one world only: time for the other to return */
#define INTERRUPT_S 0.05
#define HANGS_S	    20.0 /* signals do not end it */
#define PAGE	    4096

struct world worlds[NR_WORLDS];
__thread int sigpipes;

static void on_signal(int number)
{
	if (number == SIGPIPE)
		sigpipes++;
}

/*
 * A call with another error took its time, but was not waiting for anything: an
 * unknown TCP_CONGESTION runs modprobe, which a busy machine needs long for.
 */
static bool may_be_ended(const struct outcome *out)
{
	return out->ret >= 0 || out->err == EINTR;
}

static void *run(void *arg)
{
	struct world *w = arg;

	w->tid = (pid_t)syscall(SYS_gettid);
	if (w->netns >= 0 && setns(w->netns, CLONE_NEWNET))
		die("setns: %s", strerror(errno));
	pthread_mutex_lock(&w->lock);
	for (;;) {
		while (!w->todo)
			pthread_cond_wait(&w->wake, &w->lock);
		pthread_mutex_unlock(&w->lock);
		call_do(w, w->todo, &w->out);
		pthread_mutex_lock(&w->lock);
		w->out.interrupted = w->interrupted && may_be_ended(&w->out);
		w->todo = NULL;
		pthread_cond_signal(&w->done);
	}
	return NULL;
}

/* ---- doing a step ---- */

static void post(struct world *w, const struct step *step)
{
	pthread_mutex_lock(&w->lock);
	w->interrupted = false;
	w->todo = step;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

static bool wait_done(struct world *w, double until)
{
	struct timespec ts = { (time_t)until,
			       (long)((until - (double)(time_t)until) * 1e9) };
	bool done;

	pthread_mutex_lock(&w->lock);
	while (w->todo && !pthread_cond_timedwait(&w->done, &w->lock, &ts))
		;
	done = !w->todo;
	pthread_mutex_unlock(&w->lock);
	return done;
}

/* The signal may come just before the call: once more, until it returns. */
static void interrupt(struct world *w, const struct step *step)
{
	double end = now() + HANGS_S;
	char text[TEXT_SIZE];

	while (!wait_done(w, now() + INTERRUPT_S)) {
		pthread_mutex_lock(&w->lock);
		w->interrupted = w->todo;
		pthread_mutex_unlock(&w->lock);
		pthread_kill(w->thread, SIGUSR1);
		if (now() < end)
			continue;
		step_text(step, text, sizeof(text));
		die("%s: seed %u step %d hangs: %s", w->name, session.seed,
		    session.nr_steps - 1, text);
	}
}

void worlds_do(const struct step *step)
{
	double start = now();
	double blocks = step->op < OP_PEER_ACCEPT ? BLOCKS_S : LAGS_S;
	bool a, b;

	post(&worlds[0], step);
	post(&worlds[1], step);
	a = wait_done(&worlds[0], start + blocks);
	b = wait_done(&worlds[1], start + blocks);
	if (a && !b)
		wait_done(&worlds[1], start + LAGS_S);
	if (b && !a)
		wait_done(&worlds[0], start + LAGS_S);
	interrupt(&worlds[0], step);
	interrupt(&worlds[1], step);
}

int socket_fd(const struct world *w, int s)
{
	switch (s) {
	case SLOT_CLOSED:
		return 1000;
	case SLOT_NEGATIVE:
		return -1;
	case SLOT_HUGE:
		return 1 << 30;
	case SLOT_FILE:
		return w->file;
	default:
		return w->fd[s] < 0 ? 1000 : w->fd[s];
	}
}

/* ---- beginning ---- */

static void make_memory(struct world *w)
{
	uint8_t *all =
		mmap(NULL, BUFFER_SIZE + 4 * PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (all == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	w->buffer = all;
	w->wild = all + BUFFER_SIZE;
	w->fixed = all + BUFFER_SIZE + 2 * PAGE;
	mprotect(w->wild, PAGE, PROT_NONE);
	mprotect(w->fixed, PAGE, PROT_READ);
}

/* From a thread in the world's namespace, as sockets are of their maker's. */
static void *dial(void *arg)
{
	struct world *w = arg;
	int one = 1;

	if (w->netns >= 0 && setns(w->netns, CLONE_NEWNET))
		die("setns: %s", strerror(errno));
	w->control = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(w->control, &options.peer4.sa, sizeof(options.peer4.v4)))
		die("%s: the peer: %s", w->name, strerror(errno));
	setsockopt(w->control, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return NULL;
}

static void init_sync(struct world *w)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->wake, &attr);
	pthread_cond_init(&w->done, &attr);
}

void world_start(struct world *w, const char *name, const char *netns,
		 const struct world_ops *ops)
{
	struct sigaction act = { .sa_handler = on_signal };
	pthread_t thread;

	sigaction(SIGUSR1, &act, NULL); /* without SA_RESTART */
	sigaction(SIGPIPE, &act, NULL);
	w->name = name;
	w->ops = ops;
	w->netns = netns ? open(netns, O_RDONLY | O_CLOEXEC) : -1;
	if (netns && w->netns < 0)
		die("%s: %s", netns, strerror(errno));
	memset(w->fd, 0xff, sizeof(w->fd));
	memset(w->epoll, 0xff, sizeof(w->epoll));
	w->file = open("/dev/null", O_RDWR | O_CLOEXEC);
	make_memory(w);
	init_sync(w);
	pthread_create(&thread, NULL, dial, w);
	pthread_join(thread, NULL);
	pthread_create(&w->thread, NULL, run, w);
}

static void close_fd(int *fd)
{
	struct linger l = { .l_onoff = 1 };

	if (*fd >= 0) {
		setsockopt(*fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
		close(*fd);
	}
	*fd = -1;
}

static void linux_reset(struct world *w)
{
	for (int i = 0; i < NR_SOCKETS; i++)
		close_fd(&w->fd[i]);
}

static uint16_t linux_port(const struct world *w, int s)
{
	union address a;
	socklen_t len = sizeof(a);

	if (getsockname(socket_fd(w, s), &a.sa, &len))
		return 0;
	return ntohs(a.v4.sin_port);
}

static void linux_look(struct world *w, int s, int *revents, int *unread)
{
	struct pollfd p = { .fd = w->fd[s],
			    .events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP };

	if (w->fd[s] < 0)
		return;
	poll(&p, 1, 0);
	*revents = p.revents;
	if (ioctl(w->fd[s], FIONREAD, unread))
		*unread = -errno;
}

const struct world_ops world_linux = {
	.call = call_linux,
	.look = linux_look,
	.port = linux_port,
	.reset = linux_reset,
};

int world_reset(struct world *w)
{
	struct peer_order o = { .order = PEER_BEGIN,
				.arg = session.peer_port,
				.type = options.type };
	struct peer_answer a;

	w->ops->reset(w);
	for (int i = 0; i < NR_SETS; i++) {
		close_fd(&w->epoll[i]);
		w->epoll[i] = epoll_create1(EPOLL_CLOEXEC);
	}
	a = peer_do(w, &o);
	return a.ret ? -a.err : 0;
}
