/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vtoed - serves the vTOE devices of all guests of this (backend) domain.
 *
 * This file ties toe-service's half (TOEs, pools, guests' networks) to
 * backend's (XenStore, devices, workers), and to the outside: options, signals,
 * systemd. vtoed holds no connection and reads no guest's bytes; it may end and
 * start at any time, and finds its workers again.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "../backend/backend.h"
#include "../common/log.h"
#include "../common/loop.h"
#include "additions.h"
#include "commands.h"
#include "config.h"
#include "control.h"
#include "dhcp.h"
#include "toe.h"

#ifndef VTOE_LIBEXECDIR
#define VTOE_LIBEXECDIR "/usr/libexec/vtoe"
#endif
#ifndef VTOE_SYSCONFDIR
#define VTOE_SYSCONFDIR "/etc"
#endif

#define PATH_LEN   192
#define VTOED_NICE (-10) /* a worker has -5 */
#define NS_PER_US  1000ull
#define NS_PER_S   1e9

struct options {
	const char *config, *check, *run_dir, *state_dir, *netns_dir, *worker,
		*xlcfg, *dhcp;
	bool debug;
};

struct vtoed {
	struct options options;
	struct loop loop;
	struct loop_fd signals;
	struct loop_timer watchdog;
	uint64_t watchdog_ns, started_ns;
	int lock;
	struct config_text file, additions; /* that config was made of */
	char additions_path[PATH_LEN];
	struct config *config;
	struct inventory inv;
	struct control *control;
	struct backend backend;
};

/* ---- options ---- */

enum {
	OPT_CONFIG = 256,
	OPT_CHECK,
	OPT_RUN_DIR,
	OPT_STATE_DIR,
	OPT_NETNS_DIR,
	OPT_WORKER,
	OPT_XLCFG,
	OPT_DHCP,
	OPT_DEBUG,
	OPT_FOREGROUND,
	OPT_HELP,
	OPT_VERSION
};

static const struct option long_options[] = {
	{"config", required_argument, NULL, OPT_CONFIG},
	{"check", optional_argument, NULL, OPT_CHECK},
	{"run-dir", required_argument, NULL, OPT_RUN_DIR},
	{"state-dir", required_argument, NULL, OPT_STATE_DIR},
	{"netns-dir", required_argument, NULL, OPT_NETNS_DIR},
	{"worker", required_argument, NULL, OPT_WORKER},
	{"xlcfg", required_argument, NULL, OPT_XLCFG},
	{"dhcp", required_argument, NULL, OPT_DHCP},
	{"debug", no_argument, NULL, OPT_DEBUG},
	{"foreground", no_argument, NULL, OPT_FOREGROUND},
	{"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION},
	{NULL, 0, NULL, 0},
};

static const char usage[] =
	"usage: vtoed [OPTION...]\n"
	"       vtoed --check[=FILE]\n"
	"Serves the vTOE devices of Xen guests. See vtoed(8).\n"
	"  --config=FILE     configuration (" VTOE_SYSCONFDIR
	"/vtoe/vtoed.conf)\n"
	"  --check[=FILE]    say what is wrong with the configuration; exit\n"
	"  --run-dir=DIR     sockets and tables (/run/vtoe)\n"
	"  --state-dir=DIR   TOEs added at run time (/var/lib/vtoe)\n"
	"  --netns-dir=DIR   named network namespaces (/run/netns)\n"
	"  --worker=PATH     the worker program\n"
	"  --xlcfg=PATH      the reader of xl's configuration; \"\": none\n"
	"  --dhcp=PATH       the program that runs a DHCP client\n"
	"  --foreground      accepted; vtoed always stays in the foreground\n"
	"  --debug           say more\n"
	"  --version, --help\n";

static const char *from_env(const char *name, const char *value)
{
	const char *env = getenv(name);

	return env && *env ? env : value;
}

/* Returns 0 to go on, else the exit status plus one. */
static int parse_options(struct options *o, int argc, char **argv)
{
	int c;

	*o = (struct options){
		.config = VTOE_SYSCONFDIR "/vtoe/vtoed.conf",
		.run_dir = from_env("VTOE_RUN_DIR", "/run/vtoe"),
		.state_dir = from_env("VTOE_STATE_DIR", "/var/lib/vtoe"),
		.netns_dir = from_env("VTOE_NETNS_DIR", "/run/netns"),
		.worker =
			from_env("VTOE_WORKER", VTOE_LIBEXECDIR "/vtoe-worker"),
		.xlcfg = from_env("VTOE_XLCFG", VTOE_LIBEXECDIR "/vtoe-xlcfg"),
		.dhcp = from_env("VTOE_DHCP", VTOE_LIBEXECDIR "/vtoe-dhcp"),
	};
	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (c) {
		case OPT_CONFIG:
			o->config = optarg;
			break;
		case OPT_CHECK:
			o->check = optarg ? optarg : "";
			break;
		case OPT_RUN_DIR:
			o->run_dir = optarg;
			break;
		case OPT_STATE_DIR:
			o->state_dir = optarg;
			break;
		case OPT_NETNS_DIR:
			o->netns_dir = optarg;
			break;
		case OPT_WORKER:
			o->worker = optarg;
			break;
		case OPT_XLCFG:
			o->xlcfg = optarg;
			break;
		case OPT_DHCP:
			o->dhcp = optarg;
			break;
		case OPT_DEBUG:
			o->debug = true;
			break;
		case OPT_FOREGROUND:
			break;
		case OPT_HELP:
			fputs(usage, stdout);
			return 1;
		case OPT_VERSION:
			puts("vtoed " VTOE_VERSION);
			return 1;
		default:
			fputs("try vtoed --help\n", stderr);
			return EXIT_FAILURE + 1;
		}
	}
	/* "--check FILE", for those who do not write "--check=FILE" */
	if (o->check && !*o->check && optind < argc)
		o->check = argv[optind++];
	if (optind < argc) {
		fprintf(stderr, "vtoed: what is \"%s\"? try vtoed --help\n",
			argv[optind]);
		return EXIT_FAILURE + 1;
	}
	return 0;
}

/* ---- configuration ---- */

static void texts_free(struct config_text *file, struct config_text *additions)
{
	free(file->text);
	free(additions->text);
	file->text = additions->text = NULL;
}

/* @path, and what was added; on failure there is nothing to free. */
static int texts_read(const struct vtoed *d, const char *path,
		      struct config_text *file, struct config_text *additions,
		      char *error)
{
	int err;

	*file = (struct config_text){.path = path};
	*additions = (struct config_text){.path = d->additions_path};
	err = config_text_read(file->path, &file->text, error);
	if (!err)
		err = config_text_read(additions->path, &additions->text,
				       error);
	if (err)
		texts_free(file, additions);
	return err;
}

static int check(const struct vtoed *d)
{
	const struct options *options = &d->options;
	const char *path = *options->check ? options->check : options->config;
	struct config_text file, additions;
	char error[CONFIG_ERROR_MAX];
	struct config *config;
	int err;

	if (access(path, R_OK) < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return EXIT_FAILURE;
	}
	err = texts_read(d, path, &file, &additions, error);
	if (!err) {
		err = config_parse(&file, &additions, &config, error);
		texts_free(&file, &additions);
	}
	if (err) {
		fprintf(stderr, "%s\n", error);
		return EXIT_FAILURE;
	}
	printf("%s: %u toes, %u pools\n", path, config->nr_toes,
	       config->nr_pools);
	config_free(config);
	return EXIT_SUCCESS;
}

/* ---- reload ---- */

/* All is taken over, and the old freed. */
static void apply(struct vtoed *d, struct config *config)
{
	struct config *old = d->config;

	d->config = config;
	inventory_configure(&d->inv, config);
	backend_configure(&d->backend, config);
	config_free(old);
}

/* Returns 0 or a negative errno; then nothing has changed. */
static int reload(struct vtoed *d, bool *changed, char *error)
{
	struct config_text file, additions;
	struct config *config;
	int err;

	err = texts_read(d, d->options.config, &file, &additions, error);
	if (err)
		return err;
	err = config_parse(&file, &additions, &config, error);
	if (err) {
		texts_free(&file, &additions);
		return err;
	}
	*changed = config_differs(config, d->config);
	texts_free(&d->file, &d->additions);
	d->file = file;
	d->additions = additions;
	apply(d, config);
	log_info("configuration read again: %u toes, %u pools", config->nr_toes,
		 config->nr_pools);
	return 0;
}

static void reload_command(struct control_call *call, const json_t *request,
			   void *arg)
{
	char error[CONFIG_ERROR_MAX];
	bool changed;

	(void)request;
	if (reload(arg, &changed, error))
		control_refuse(call, "%s", error);
	else
		control_answer(call, json_pack("{s:b}", "changed", changed));
}

/* ---- TOEs at run time ---- */

/* @text: the new additions, taken over if all goes well */
static int change_additions(struct vtoed *d, char *text, char *error)
{
	struct config_text additions = {d->additions_path, text};
	struct config *config;
	int err;

	err = config_parse(&d->file, &additions, &config, error);
	if (err)
		return err;
	err = additions_write(d->options.state_dir, d->additions_path, text);
	if (err) {
		snprintf(error, CONFIG_ERROR_MAX, "%s: %s", d->additions_path,
			 strerror(-err));
		config_free(config);
		return err;
	}
	free(d->additions.text);
	d->additions.text = text;
	apply(d, config);
	return 0;
}

/* Where a TOE stands: 1 in vtoed.conf, 2 added, 0 nowhere. */
static int toe_origin(const struct config *config, const char *name)
{
	uint32_t i;

	for (i = 0; i < config->nr_toes; i++)
		if (!strcmp(config->toe[i].name, name))
			return i < config->nr_file_toes ? 1 : 2;
	return 0;
}

/* The section that a TOE is there by, or NULL. */
static const char *by_match(struct vtoed *d, const char *name)
{
	const struct toe *toe = inventory_find(&d->inv, name);

	return toe && toe->conf.match[0] ? toe->conf.match : NULL;
}

/* Without where it would have stood in a file that is not written. */
static const char *without_place(const struct vtoed *d, const char *error)
{
	size_t len = strlen(d->additions_path);
	const char *text;

	if (strncmp(error, d->additions_path, len) || error[len] != ':')
		return error;
	text = error + len + 1 + strspn(error + len + 1, "0123456789");
	return !strncmp(text, ": ", 2) && text > error + len + 1 ? text + 2
								 : error;
}

static void edit_toe(struct control_call *call, const json_t *request,
		     struct vtoed *d, const char *verb, const char *name)
{
	const json_t *settings = json_object_get(request, "settings");
	char error[CONFIG_ERROR_MAX] = "out of memory", *text = NULL;
	int err;

	if (!strcmp(verb, "remove"))
		err = (text = additions_remove(d->additions.text, name))
			      ? 0
			      : -ENOMEM;
	else
		err = additions_edit(d->additions.text, name, settings, &text,
				     error);
	if (!err)
		err = change_additions(d, text, error);
	if (err) {
		free(text);
		control_refuse(call, "toe %s %s: %s", verb, name,
			       without_place(d, error));
		return;
	}
	log_info("toe %s: %s by the administrator", name,
		 !strcmp(verb, "remove") ? "removed"
		 : !strcmp(verb, "set")	 ? "changed"
					 : "added");
	control_answer(call, NULL);
}

static void toe_command(struct control_call *call, const json_t *request,
			void *arg)
{
	const char *verb = json_string_value(json_object_get(request, "verb"));
	const char *name = json_string_value(json_object_get(request, "toe"));
	const char *match;
	struct vtoed *d = arg;
	int origin;

	if (!verb || (strcmp(verb, "add") && strcmp(verb, "set") &&
		      strcmp(verb, "remove"))) {
		control_refuse(call, "toe: add, set or remove what?");
		return;
	}
	if (!name || !*name || strlen(name) >= TABLE_NAME_MAX) {
		control_refuse(call, "toe %s: a name has 1 to %u letters, "
			       "digits, '-' and '_'", verb, TABLE_NAME_MAX - 1);
		return;
	}
	origin = toe_origin(d->config, name);
	if (origin && !strcmp(verb, "add"))
		control_refuse(call, "there is a toe \"%s\" already: vtoectl "
			       "toe set", name);
	else if (origin == 1)
		control_refuse(call, "toe %s is in %s; %s it there and say "
			       "vtoectl reload", name, d->options.config,
			       strcmp(verb, "set") ? "remove" : "change");
	else if (!origin && strcmp(verb, "add") && (match = by_match(d, name)))
		control_refuse(call, "toe %s is there because a netdev matches "
			       "toe %s: %s that", name, match,
			       strcmp(verb, "set") ? "remove" : "set");
	else if (!origin && strcmp(verb, "add"))
		control_refuse(call, "there is no toe \"%s\"; see vtoectl toes",
			       name);
	else
		edit_toe(call, request, d, verb, name);
}

static void version_command(struct control_call *call, const json_t *request,
			    void *arg)
{
	struct vtoed *d = arg;

	(void)request;
	control_answer(
		call, json_pack("{s:s,s:i,s:i,s:f,s:b,s:s}", "version",
				VTOE_VERSION, "pid", (int)getpid(), "domid",
				(int)d->backend.store.domid, "uptime_s",
				(double)(loop_now() - d->started_ns) / NS_PER_S,
				"xenstore", store_up(&d->backend.store),
				"config", d->options.config));
}

/* ---- signals, systemd ---- */

static void signal_ready(struct loop_fd *watch, uint32_t events)
{
	struct vtoed *d = (struct vtoed *)((char *)watch -
					   offsetof(struct vtoed, signals));
	char error[CONFIG_ERROR_MAX];
	struct signalfd_siginfo info;
	bool changed;

	(void)events;
	if (read(watch->fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo != SIGHUP) {
		loop_stop(&d->loop);
		return;
	}
	sd_notify(0, "RELOADING=1");
	if (reload(d, &changed, error))
		log_error("not reloaded: %s", error);
	sd_notify(0, "READY=1");
}

static int watch_signals(struct vtoed *d)
{
	sigset_t set;
	int fd;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	/* before libxenstore starts its thread, which inherits the mask */
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	return loop_add(&d->loop, &d->signals, fd, EPOLLIN, signal_ready);
}

static void watchdog(struct loop_timer *timer)
{
	struct vtoed *d = (struct vtoed *)((char *)timer -
					   offsetof(struct vtoed, watchdog));

	sd_notify(0, "WATCHDOG=1");
	loop_arm(&d->loop, timer, d->watchdog_ns, watchdog);
}

static void start_watchdog(struct vtoed *d)
{
	uint64_t us;

	if (sd_watchdog_enabled(0, &us) <= 0)
		return;
	d->watchdog_ns = us * NS_PER_US / 2;
	watchdog(&d->watchdog);
}

/* ---- life ---- */

/* A process's own: a helper that was forked just now does not hold it, too. */
static int take_lock(struct vtoed *d)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char path[PATH_LEN];

	if (mkdir(d->options.run_dir, 0755) < 0 && errno != EEXIST) {
		log_error("%s: %s", d->options.run_dir, strerror(errno));
		return -errno;
	}
	snprintf(path, sizeof(path), "%s/lock", d->options.run_dir);
	d->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (d->lock < 0 || fcntl(d->lock, F_SETLK, &lock) < 0) {
		log_error("%s: %s", path,
			  errno == EAGAIN || errno == EACCES
				  ? "another vtoed is running"
				  : strerror(errno));
		return -EBUSY;
	}
	return 0;
}

static int open_control(struct vtoed *d)
{
	char path[PATH_LEN];
	int err;

	snprintf(path, sizeof(path), "%s/control", d->options.run_dir);
	err = control_open(&d->loop, path, &d->control);
	if (err) {
		log_error("%s: %s", path, strerror(-err));
		return err;
	}
	control_register(d->control, "version", version_command, d);
	control_register(d->control, "reload", reload_command, d);
	control_register(d->control, "toe", toe_command, d);
	commands_register(d->control, &d->inv);
	return 0;
}

static int start_backend(struct vtoed *d)
{
	struct backend_options options = {
		.run_dir = d->options.run_dir,
		.worker_program = d->options.worker,
		.xlcfg_program = d->options.xlcfg,
	};

	return backend_start(&d->backend, &d->loop, &d->inv, d->config,
			     &options, d->control);
}

static int read_config(struct vtoed *d)
{
	char error[CONFIG_ERROR_MAX];
	int err;

	err = texts_read(d, d->options.config, &d->file, &d->additions, error);
	if (!err)
		err = config_parse(&d->file, &d->additions, &d->config, error);
	if (err)
		log_error("%s", error);
	else if (!d->config->nr_toes)
		log_warn("%s has no toe: no device will work",
			 d->options.config);
	return err;
}

/*
 * Workers need all of the processors when they are busy, and have a better priority
 * than others (backend/worker/main.c); but when a TOE fails they wait for vtoed.
 */
static void hurry(void)
{
	if (setpriority(PRIO_PROCESS, 0, VTOED_NICE))
		log_warn("nice value: %s", strerror(errno));
}

static int serve(struct vtoed *d)
{
	int err;

	hurry();
	err = loop_init(&d->loop);
	if (!err)
		err = watch_signals(d);
	if (!err)
		err = take_lock(d);
	if (!err)
		err = read_config(d);
	if (!err)
		err = inventory_open(&d->inv, &d->loop, d->options.run_dir,
				     d->options.netns_dir);
	if (err)
		return err;
	err = dhcp_open(&d->inv, d->options.run_dir, d->options.dhcp);
	if (err)
		goto close_inventory;
	err = inventory_configure(&d->inv, d->config);
	if (err && err != -ENOSPC)
		goto close_inventory;
	err = open_control(d);
	if (err)
		goto close_inventory;
	err = start_backend(d);
	if (err)
		goto close_control;
	start_watchdog(d);
	log_info("vtoed " VTOE_VERSION " serves");
	sd_notify(0, "READY=1");
	err = loop_run(&d->loop);
	sd_notify(0, "STOPPING=1");
	log_info("ending; workers go on");
	backend_stop(&d->backend);
close_control:
	control_close(d->control);
close_inventory:
	dhcp_close(&d->inv);
	inventory_close(&d->inv);
	config_free(d->config);
	texts_free(&d->file, &d->additions);
	return err;
}

int main(int argc, char **argv)
{
	static struct vtoed vtoed;
	int err = parse_options(&vtoed.options, argc, argv);

	if (err)
		return err - 1;
	log_open("vtoed", vtoed.options.debug ? LOG_DEBUG : LOG_INFO);
	snprintf(vtoed.additions_path, sizeof(vtoed.additions_path),
		 "%s/toes.conf", vtoed.options.state_dir);
	if (vtoed.options.check)
		return check(&vtoed);
	vtoed.started_ns = loop_now();
	return serve(&vtoed) ? EXIT_FAILURE : EXIT_SUCCESS;
}
