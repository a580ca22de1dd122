/* SPDX-License-Identifier: GPL-2.0 */
/*
 * main.c - vtoe-worker: one vTOE device's data, in a process of its own.
 *
 * vtoed starts it (backend/worker_proto.h). Everything is set up in the order
 * in which set_up() lists it: first what needs privileges, then the sandbox,
 * then the loop, which is the first to look at what the guest wrote other than
 * the layout.
 */
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../../common/log.h"
#include "worker.h"

#define DESCRIPTORS 64 /* besides one for each slot */

int worker_break(struct worker *w, const char *format, ...)
{
	va_list ap;

	if (!w->broken) {
		va_start(ap, format);
		vsnprintf(w->why, sizeof(w->why), format, ap);
		va_end(ap);
		w->broken = true;
	}
	return -EPROTO;
}

/* ---- arguments ---- */

static void usage(FILE *to)
{
	fputs("usage: vtoe-worker --control=FD --listen=FD --netns=FD "
	      "--toes=FD\n"
	      "                   [--debug]\n"
	      "Started by vtoed, one for each vTOE device; not for people.\n",
	      to);
}

static bool number(const char *text, int *value)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (errno || end == text || *end || n < 0 || n > INT32_MAX)
		return false;
	*value = (int)n;
	return true;
}

static bool parse(struct worker *w, int argc, char **argv)
{
	static const struct option options[] = {
		{"control", required_argument, NULL, 'c'},
		{"listen", required_argument, NULL, 'l'},
		{"netns", required_argument, NULL, 'n'},
		{"toes", required_argument, NULL, 't'},
		{"debug", no_argument, NULL, 'd'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'v'},
		{0},
	};
	int c, level = LOG_INFO;
	bool ok = true;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			ok &= number(optarg, &w->control);
			break;
		case 'l':
			ok &= number(optarg, &w->listen);
			break;
		case 'n':
			ok &= number(optarg, &w->netns);
			break;
		case 't':
			ok &= number(optarg, &w->toes_fd);
			break;
		case 'd':
			level = LOG_DEBUG;
			break;
		case 'h':
			usage(stdout);
			exit(0);
		case 'v':
			puts("vtoe-worker " VTOE_VERSION);
			exit(0);
		default:
			ok = false;
		}
	}
	log_open("vtoe-worker", level);
	return ok && optind == argc && w->control >= 0 && w->listen >= 0 &&
	       w->netns >= 0 && w->toes_fd >= 0;
}

/* ---- setting up ---- */

/*
 * How the worker shares a processor with the stack's other users, where there
 * are no processors to spare. Who consumes must not take the processor from who
 * produces at each piece: both would see nothing but small pieces, and a switch
 * for each. As a consumer (to the guest) the worker therefore preempts nobody
 * (SCHED_BATCH), and as a producer (from the guest) it is not preempted at once
 * (the nice value).
 */
static void share_processor(void)
{
	const struct sched_param param = {.sched_priority = 0};

	if (sched_setscheduler(0, SCHED_BATCH, &param))
		log_warn("scheduling policy: %s", strerror(errno));
	if (setpriority(PRIO_PROCESS, 0, WORKER_NICE))
		log_warn("nice value: %s", strerror(errno));
}

static int fail(char *error, const char *what, int err)
{
	snprintf(error, WORKER_TEXT_MAX, "%s: %s", what, strerror(-err));
	return err;
}

/* Private memory for all slots; pages that are never used cost nothing. */
static int make_slots(struct worker *w, char *error)
{
	const struct vtoe_geometry *geo = &w->view.geo;
	struct arena_page *pages;

	w->slot = calloc(geo->nr_slots, sizeof(*w->slot));
	pages = calloc(geo->nr_rx_pages, sizeof(*pages));
	if (!w->slot || !pages)
		return fail(error, "slots", -ENOMEM);
	arena_init(&w->rx_arena, pages, geo->nr_rx_pages);
	TAILQ_INIT(&w->active);
	TAILQ_INIT(&w->ending);
	TAILQ_INIT(&w->retrying);
	TAILQ_INIT(&w->held);
	TAILQ_INIT(&w->holders);
	TAILQ_INIT(&w->waiting);
	return 0;
}

static int allow_descriptors(struct worker *w, char *error)
{
	struct rlimit limit = {.rlim_cur = w->view.geo.nr_slots + DESCRIPTORS,
			       .rlim_max = w->view.geo.nr_slots + DESCRIPTORS};

	return setrlimit(RLIMIT_NOFILE, &limit)
		       ? fail(error, "descriptor limit", -errno)
		       : 0;
}

static int enter_netns(struct worker *w, char *error)
{
	return setns(w->netns, CLONE_NEWNET)
		       ? fail(error, "network namespace", -errno)
		       : 0;
}

static int open_contexts(struct worker *w, char *error)
{
	struct contexts_config config = {
		.nr_rows = w->view.geo.nr_slots,
		.ready = slot_ready,
		.owner = w,
		.epoll = w->epoll,
		.tag = (uint64_t)TAG_STACK << TOE_DATA_BITS,
		.pool = w->start.pool,
		.max_sockets = w->start.max_sockets,
		.move_ops = &control_move_ops,
	};
	void *toes;
	unsigned int i;
	int err;

	toes = mmap(NULL, sizeof(struct toe_table), PROT_READ, MAP_SHARED,
		    w->toes_fd, 0);
	if (toes == MAP_FAILED)
		return fail(error, "TOE table", -errno);
	config.toes = toes;
	if (config.toes->version != TABLE_VERSION)
		return fail(error, "TOE table", -EPROTONOSUPPORT);
	for (i = 0; i < WORKER_TOES_MAX; i++)
		control_place(&w->start.toe[i], &config.toe[i]);
	for (i = 0; i < WORKER_DRIVERS_MAX; i++) /* zeroed, so it ends */
		memcpy(config.driver[i], w->start.driver[i],
		       sizeof(config.driver[i]) - 1);
	err = contexts_init(&w->contexts, &config, &w->table_fd, error);
	if (err)
		return err;
	w->counters = &w->contexts.table->counters;
	w->counters->grant_maps = w->grant_maps;
	w->counters->grant_unmaps = w->grant_unmaps;
	w->counters->evtchn_binds = w->evtchn_binds;
	return 0;
}

static int watch_all(struct worker *w, char *error)
{
	int err = loop_watch(w, xenevtchn_fd(w->evtchn), TAG_EVTCHN);

	if (!err)
		err = loop_watch(w, w->control, TAG_CONTROL);
	if (!err)
		err = loop_watch(w, w->listen, TAG_LISTEN);
	return err ? fail(error, "epoll", err) : 0;
}

static int set_up(struct worker *w, char *error)
{
	int err;

	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (w->epoll < 0)
		return fail(error, "epoll", -errno);
	err = device_map(w, &w->start, error);
	if (!err)
		err = device_bind(w, &w->start, error);
	if (!err)
		err = make_slots(w, error);
	if (!err)
		err = allow_descriptors(w, error);
	if (!err)
		err = enter_netns(w, error);
	if (!err)
		err = open_contexts(w, error);
	if (!err)
		err = watch_all(w, error);
	return err ? err : sandbox_enter(error);
}

/* Peers are told at once (reset), and nothing lingers in the namespace. */
static void close_all(struct worker *w)
{
	uint32_t i;

	for (i = 0; i < w->view.geo.nr_slots; i++)
		if (w->slot[i].state != SLOT_FREE)
			context_close(&w->contexts, i, true);
}

static void name_process(const struct worker *w)
{
	char name[64];

	snprintf(name, sizeof(name), "vtoe-worker %u/%u", w->domid, w->devid);
	log_open(name, LOG_INFO);
}

int main(int argc, char **argv)
{
	static struct worker w = {
		.control = -1,
		.listen = -1,
		.netns = -1,
		.toes_fd = -1,
		.table_fd = -1,
	};
	char error[WORKER_TEXT_MAX] = "";
	int err;

	if (!parse(&w, argc, argv)) {
		usage(stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN); /* the log's reader may go away */
	w.pid = getpid();
	if (control_start(&w, &w.start))
		return 1;
	w.domid = w.start.domid;
	w.devid = w.start.devid;
	name_process(&w);
	share_processor();
	err = set_up(&w, error);
	if (err) {
		log_error("%s", error);
		control_answer(&w, error);
		return 1;
	}
	err = control_answer(&w, NULL);
	if (err)
		log_warn("cannot say hello: %s", strerror(-err));
	log_info("connected: %u slots, %u entries, %u + %u pages",
		 w.view.geo.nr_slots, w.view.geo.nr_entries,
		 w.view.geo.nr_tx_pages, w.view.geo.nr_rx_pages);

	err = loop_run(&w);
	if (err)
		log_error("the guest broke the protocol: %s", w.why);
	close_all(&w);
	device_unmap(&w);
	if (err)
		control_broken(&w);
	else
		log_info("stopped");
	_exit(err ? 1 : 0);
}
