/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vtoectl - what an administrator asks and tells vtoed.
 *
 * The whole command line is two tables: commands[] and options[].
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vtoectl.h"

#define EXIT_USAGE 2
#define DEVID_MAX 65535
#define LIMIT_MAX 10000000
#define SETTINGS_MAX 16 /* of a TOE; there are fewer keys */

enum {
	USES_DEVID = 1,
	USES_LIMIT = 2,
	USES_FORCE = 4,
};

struct command {
	const char *name;
	const char *args; /* as shown to people */
	const char *summary;
	const char *details; /* further lines of its --help, or NULL */
	unsigned int uses;   /* options of its own */
	int min_args, max_args;
	bool local; /* needs no vtoed */
	int (*run)(struct vtoectl *ctl, int nr_args, char **arg);
	print_fn *print;
};

struct option_row {
	int id; /* its letter, or above 255 if it has none */
	const char *name;
	const char *arg; /* as shown to people, or NULL */
	const char *summary;
	unsigned int uses; /* 0: each command has it */
};

enum { OPT_DEVID = 256, OPT_LIMIT, OPT_VERSION };

static const struct option_row options[] = {
	{ 'j', "json", NULL, "print vtoed's answer as it is, one line", 0 },
	{ 's', "socket", "PATH", "vtoed's control socket", 0 },
	{ 'h', "help", NULL, "show this, or a command's help", 0 },
	{ OPT_VERSION, "version", NULL, "show vtoectl's version", 0 },
	{ OPT_DEVID, "devid", "N", "number of the device", USES_DEVID },
	{ OPT_LIMIT, "limit", "N", "no more sockets than this", USES_LIMIT },
	{ 'f', "force", NULL, "make a device of a wrong entry too",
	  USES_FORCE },
};

#define NR_OPTIONS (sizeof(options) / sizeof(options[0]))

static int run_create(struct vtoectl *ctl, int nr_args, char **arg);
static int run_attach(struct vtoectl *ctl, int nr_args, char **arg);
static int run_detach(struct vtoectl *ctl, int nr_args, char **arg);
static int run_drain(struct vtoectl *ctl, int nr_args, char **arg);
static int run_toe(struct vtoectl *ctl, int nr_args, char **arg);
static int run_query(struct vtoectl *ctl, int nr_args, char **arg);
static int run_help(struct vtoectl *ctl, int nr_args, char **arg);

static const struct command commands[] = {
	{ .name = "create", .args = "CONFIG", .min_args = 1, .max_args = 1,
	  .summary = "make a guest with its vTOE devices, then let it run",
	  .details = "Runs xl create -p, attaches each entry of the vtoe list "
		     "in CONFIG, and\nunpauses the guest. If that fails, the "
		     "guest is destroyed again.\n",
	  .run = run_create },
	{ .name = "attach", .args = "DOMAIN ENTRY", .min_args = 2,
	  .max_args = 2, .uses = USES_DEVID | USES_FORCE,
	  .summary = "give a running guest a device",
	  .details = "ENTRY is as in the guest's configuration: "
		     "'pool=gold,ip=192.0.2.10/24'.\n",
	  .run = run_attach, .print = print_attached },
	{ .name = "detach", .args = "DOMAIN [DEVID]", .min_args = 1,
	  .max_args = 2, .uses = USES_DEVID,
	  .summary = "take a device away; its sockets end",
	  .run = run_detach, .print = print_nothing },
	{ .name = "list", .args = "", .summary = "show all devices",
	  .run = run_query, .print = print_list },
	{ .name = "show", .args = "DOMAIN[/DEVID]", .min_args = 1,
	  .max_args = 1, .uses = USES_DEVID,
	  .summary = "show all about a guest's devices",
	  .run = run_query, .print = print_show },
	{ .name = "contexts", .args = "[DOMAIN[/DEVID]]", .max_args = 1,
	  .uses = USES_DEVID | USES_LIMIT,
	  .summary = "show sockets: what was requested, what it became",
	  .run = run_query, .print = print_contexts },
	{ .name = "toes", .args = "", .run = run_query,
	  .summary = "show TCP offload engines and stacks",
	  .print = print_toes },
	{ .name = "toe", .args = "VERB TOE [KEY=VALUE]...", .min_args = 2,
	  .max_args = 2 + SETTINGS_MAX,
	  .summary = "add, set or remove a TOE while vtoed runs",
	  .details = "  toe add NAME netdev=DEVICE [KEY=VALUE]...\n"
		     "  toe set NAME KEY=VALUE...\n"
		     "  toe remove NAME\n"
		     "Keys are those of a toe section in vtoed.conf(5), and "
		     "pool=NAME[,NAME]... .\nRemembered over restarts of "
		     "vtoed. A TOE of vtoed.conf is changed there.\n",
	  .run = run_toe, .print = print_nothing },
	{ .name = "pools", .args = "", .run = run_query,
	  .summary = "show pools of TOEs", .print = print_pools },
	{ .name = "drain", .args = "TOE", .min_args = 1, .max_args = 1,
	  .summary = "have a TOE left: nothing new, and what can move moves",
	  .details = "Devices move, with their connections, to another TOE of "
		     "the pool on the same\nsegment. Those for which there is "
		     "none stay, and open nothing new. Remembered\nuntil "
		     "\"undrain\", over restarts of vtoed.\n",
	  .run = run_drain, .print = print_nothing },
	{ .name = "undrain", .args = "TOE", .min_args = 1, .max_args = 1,
	  .summary = "have a TOE used again; nothing moves back by itself",
	  .run = run_drain, .print = print_nothing },
	{ .name = "rebalance", .args = "", .run = run_query,
	  .summary = "have devices share TOEs again, as their pools say",
	  .details = "A device moves, with its connections, to a TOE of its "
		     "pool on the same segment\nthat has fewer devices for "
		     "its weight or, if the pool is in-order, that comes\n"
		     "first.\n",
	  .print = print_rebalanced },
	{ .name = "stats", .args = "[DOMAIN[/DEVID]]", .max_args = 1,
	  .uses = USES_DEVID,
	  .summary = "show counters of both sides, also per megabyte",
	  .details = "A megabyte is 1,000,000 bytes, of both directions "
		     "together. What stands under\nGUEST is what the guest "
		     "reports.\n",
	  .run = run_query, .print = print_stats },
	{ .name = "reload", .args = "", .run = run_query,
	  .summary = "have vtoed read its configuration again",
	  .print = print_reload },
	{ .name = "version", .args = "", .run = run_query,
	  .summary = "show versions of vtoectl and of the running vtoed",
	  .print = print_version },
	{ .name = "help", .args = "[COMMAND]", .max_args = 1, .local = true,
	  .summary = "show how to use vtoectl, or a command",
	  .run = run_help },
};

#define NR_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct command *the_command; /* that runs */

static const struct command *find_command(const char *name)
{
	size_t i;

	for (i = 0; i < NR_COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

/* ---- help ---- */

static void show_option(const struct option_row *option)
{
	char text[64];

	snprintf(text, sizeof(text), "%c%c %s--%s%s%s",
		 option->id < 256 ? '-' : ' ',
		 option->id < 256 ? option->id : ' ',
		 option->id < 256 ? "" : " ", option->name,
		 option->arg ? "=" : "", option->arg ? option->arg : "");
	printf("  %-22s %s\n", text, option->summary);
}

static void show_options(unsigned int uses, bool common)
{
	size_t i;

	for (i = 0; i < NR_OPTIONS; i++)
		if (options[i].uses & uses || (common && !options[i].uses))
			show_option(&options[i]);
}

static void show_help(void)
{
	size_t i;
	char text[64];

	puts("usage: vtoectl [OPTION]... COMMAND [ARGUMENT]...\n\n"
	     "Shows and changes the vTOE devices of this host's guests, "
	     "through vtoed.\n\nCommands:");
	for (i = 0; i < NR_COMMANDS; i++) {
		snprintf(text, sizeof(text), "%s %s", commands[i].name,
			 commands[i].args);
		printf("  %-26s %s\n", text, commands[i].summary);
	}
	puts("\nDOMAIN is a guest's name or number.\n\nOptions:");
	show_options(0, true);
	puts("\n\"vtoectl help COMMAND\" shows a command's own options. "
	     "See vtoectl(8).");
}

static void show_command_help(const struct command *command)
{
	printf("usage: vtoectl %s%s%s%s\n%c%s.\n", command->name,
	       command->uses ? " [OPTION]..." : "", *command->args ? " " : "",
	       command->args, command->summary[0] - 'a' + 'A',
	       command->summary + 1);
	if (command->details)
		printf("\n%s", command->details);
	puts("\nOptions:");
	show_options(command->uses, true);
}

static int usage_error(const char *what, const char *which)
{
	fprintf(stderr, "vtoectl: %s%s%s: see vtoectl help%s%s\n", what,
		which ? " " : "", which ? which : "", the_command ? " " : "",
		the_command ? the_command->name : "");
	return EXIT_USAGE;
}

static int run_help(struct vtoectl *ctl, int nr_args, char **arg)
{
	const struct command *command;

	(void)ctl;
	if (!nr_args) {
		show_help();
		return EXIT_SUCCESS;
	}
	command = find_command(arg[0]);
	if (!command) {
		the_command = NULL;
		return usage_error("there is no command", arg[0]);
	}
	show_command_help(command);
	return EXIT_SUCCESS;
}

/* ---- commands ---- */

int vtoectl_ask(struct vtoectl *ctl, json_t *request, print_fn *print)
{
	struct answer answer;
	const char *error;

	if (client_ask(&ctl->client, request, &answer))
		return EXIT_FAILURE;
	error = answer_error(&answer);
	if (ctl->json)
		puts(answer.line);
	else if (!error)
		print(answer.json);
	if (error)
		fprintf(stderr, "vtoectl: %s\n", error);
	answer_dispose(&answer);
	return error ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Whole and decimal, or -1. */
static long parse_number(const char *text, long max)
{
	char *end;
	long n;

	if (*text < '0' || *text > '9')
		return -1;
	errno = 0;
	n = strtol(text, &end, 10);
	return errno || *end || n > max ? -1 : n;
}

static void set_number(json_t *request, const char *key, long n)
{
	if (n >= 0)
		json_object_set_new(request, key, json_integer(n));
}

/* DOMAIN or DOMAIN/DEVID; a guest's name has no slash. */
static int set_device(struct vtoectl *ctl, json_t *request, char *text)
{
	char *slash = strchr(text, '/');

	if (slash) {
		*slash = '\0';
		ctl->devid = parse_number(slash + 1, DEVID_MAX);
		if (ctl->devid < 0)
			return usage_error("not the number of a device:",
					   slash + 1);
	}
	if (!*text)
		return usage_error("the guest's name is missing", NULL);
	json_object_set_new(request, "domain", json_string(text));
	return 0;
}

static json_t *new_request(void)
{
	return json_pack("{ss}", "command", the_command->name);
}

static int ask(struct vtoectl *ctl, json_t *request)
{
	return vtoectl_ask(ctl, request, the_command->print);
}

/* Commands with at most a device as argument. */
static int run_query(struct vtoectl *ctl, int nr_args, char **arg)
{
	json_t *request;

	if (!nr_args && ctl->devid >= 0)
		return usage_error("--devid needs a DOMAIN", NULL);
	request = new_request();
	if (nr_args && set_device(ctl, request, arg[0])) {
		json_decref(request);
		return EXIT_USAGE;
	}
	set_number(request, "devid", ctl->devid);
	set_number(request, "limit", ctl->limit);
	return ask(ctl, request);
}

static int run_attach(struct vtoectl *ctl, int nr_args, char **arg)
{
	json_t *request = new_request();

	(void)nr_args;
	if (set_device(ctl, request, arg[0])) {
		json_decref(request);
		return EXIT_USAGE;
	}
	json_object_set_new(request, "entry", json_string(arg[1]));
	set_number(request, "devid", ctl->devid);
	if (ctl->force)
		json_object_set_new(request, "force", json_true());
	return ask(ctl, request);
}

static int run_detach(struct vtoectl *ctl, int nr_args, char **arg)
{
	if (nr_args > 1) {
		ctl->devid = parse_number(arg[1], DEVID_MAX);
		if (ctl->devid < 0)
			return usage_error("not the number of a device:",
					   arg[1]);
	}
	return run_query(ctl, 1, arg);
}

static int run_drain(struct vtoectl *ctl, int nr_args, char **arg)
{
	json_t *request = new_request();

	(void)nr_args;
	json_object_set_new(request, "toe", json_string(arg[0]));
	return ask(ctl, request);
}

/* KEY=VALUE... */
static int set_settings(json_t *request, int nr_args, char **arg)
{
	json_t *settings = json_object();
	int i;

	json_object_set_new(request, "settings", settings);
	for (i = 0; i < nr_args; i++) {
		char *equals = strchr(arg[i], '=');

		if (!equals || equals == arg[i])
			return usage_error("not KEY=VALUE:", arg[i]);
		*equals = '\0';
		if (json_object_get(settings, arg[i]))
			return usage_error("given twice:", arg[i]);
		json_object_set_new(settings, arg[i], json_string(equals + 1));
	}
	return 0;
}

static int run_toe(struct vtoectl *ctl, int nr_args, char **arg)
{
	bool remove = !strcmp(arg[0], "remove");
	json_t *request;

	if (!remove && strcmp(arg[0], "add") && strcmp(arg[0], "set"))
		return usage_error("neither add, set nor remove:", arg[0]);
	if (remove && nr_args > 2)
		return usage_error("one argument too many:", arg[2]);
	if (!remove && nr_args < 3)
		return usage_error("KEY=VALUE is missing", NULL);
	request = new_request();
	json_object_set_new(request, "verb", json_string(arg[0]));
	json_object_set_new(request, "toe", json_string(arg[1]));
	if (set_settings(request, nr_args - 2, arg + 2)) {
		json_decref(request);
		return EXIT_USAGE;
	}
	return ask(ctl, request);
}

static int run_create(struct vtoectl *ctl, int nr_args, char **arg)
{
	(void)nr_args;
	return vtoectl_create(ctl, arg[0]);
}

/* ---- the command line ---- */

/* getopt_long()'s form of options[]. */
static void make_getopt(struct option *longs, char *shorts)
{
	size_t i;

	for (i = 0; i < NR_OPTIONS; i++) {
		longs[i] = (struct option){
			.name = options[i].name,
			.has_arg = options[i].arg ? required_argument :
						    no_argument,
			.val = options[i].id,
		};
		if (options[i].id < 256) {
			*shorts++ = (char)options[i].id;
			if (options[i].arg)
				*shorts++ = ':';
		}
	}
	longs[i] = (struct option){ 0 };
	*shorts = '\0';
}

static unsigned int option_uses(int id)
{
	size_t i;

	for (i = 0; i < NR_OPTIONS; i++)
		if (options[i].id == id)
			return options[i].uses;
	return 0;
}

static int take_number(long *where, const char *name, long max)
{
	*where = parse_number(optarg, max);
	if (*where >= 0)
		return 0;
	fprintf(stderr, "vtoectl: --%s=%s: not a number from 0 to %ld\n", name,
		optarg, max);
	return EXIT_USAGE;
}

static int take_option(struct vtoectl *ctl, int id, bool *help)
{
	switch (id) {
	case 'j':
		ctl->json = true;
		return 0;
	case 's':
		ctl->socket = optarg;
		return 0;
	case 'h':
		*help = true;
		return 0;
	case 'f':
		ctl->force = true;
		return 0;
	case OPT_DEVID:
		return take_number(&ctl->devid, "devid", DEVID_MAX);
	case OPT_LIMIT:
		return take_number(&ctl->limit, "limit", LIMIT_MAX);
	default:
		return EXIT_USAGE;
	}
}

static int run_command(struct vtoectl *ctl, int nr_args, char **arg)
{
	int status;

	if (nr_args < the_command->min_args)
		return usage_error("an argument is missing:",
				   the_command->args);
	if (nr_args > the_command->max_args)
		return usage_error("one argument too many:",
				   arg[the_command->max_args]);
	if (the_command->local)
		return the_command->run(ctl, nr_args, arg);
	if (client_open(&ctl->client, ctl->socket))
		return EXIT_FAILURE;
	status = the_command->run(ctl, nr_args, arg);
	client_close(&ctl->client);
	return status;
}

/* $VTOE_RUN_DIR is vtoed's own variable. */
static const char *default_socket(void)
{
	static char path[256];
	const char *dir = getenv("VTOE_RUN_DIR");

	if (!dir)
		return CLIENT_SOCKET;
	snprintf(path, sizeof(path), "%s/control", dir);
	return path;
}

int main(int argc, char **argv)
{
	struct vtoectl ctl = { .socket = default_socket(), .devid = -1,
			       .limit = -1, .client.fd = -1 };
	struct option longs[NR_OPTIONS + 1];
	char shorts[2 * NR_OPTIONS + 1];
	unsigned int used = 0;
	bool help = false;
	int id, status;

	make_getopt(longs, shorts);
	while ((id = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (id == OPT_VERSION) {
			printf("vtoectl %s\n", VTOE_VERSION);
			return EXIT_SUCCESS;
		}
		if (take_option(&ctl, id, &help)) {
			if (id == '?')
				usage_error("wrong option", NULL);
			return EXIT_USAGE;
		}
		used |= option_uses(id);
	}
	argc -= optind;
	argv += optind;
	if (!argc) {
		if (help)
			return run_help(&ctl, 0, argv);
		return usage_error("a command is missing", NULL);
	}
	the_command = find_command(argv[0]);
	if (!the_command)
		return usage_error("there is no command", argv[0]);
	if (help)
		return run_help(&ctl, 1, argv);
	if (used & ~the_command->uses)
		return usage_error("an option that this command has not",
				   NULL);
	status = run_command(&ctl, argc - 1, argv + 1);
	if (fflush(stdout) && !status)
		status = EXIT_FAILURE;
	return status;
}
