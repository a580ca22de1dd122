/* SPDX-License-Identifier: GPL-2.0 */
/* vtoe-ss - a guest's offloaded sockets, as ss(8) shows the other ones. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "get.h"
#include "ss.h"
#include "table.h"

#define EXIT_USAGE  2
#define OPT_PROC    256
#define OPT_VERSION 257
#define TEXT_MAX    160 /* bytes of an address or a user, with NUL */

#define COLUMNS(list) (list), sizeof(list) / sizeof((list)[0])

enum what { SOCKETS, RULES, STATS };

struct wish {
	enum what what;
	bool json, all, listening, processes, tcp, udp;
	const char *proc;
};

static const char usage[] =
	"usage: vtoe-ss [-alntupj]        offloaded sockets\n"
	"       vtoe-ss [-j] -r           rules, with hits and fallbacks\n"
	"       vtoe-ss [-j] -s           counters\n"
	"  -a, --all          listening and unconnected ones, too\n"
	"  -l, --listening    only those\n"
	"  -t, --tcp, -u, --udp\n"
	"  -n, --numeric      as always\n"
	"  -p, --processes    who has them open\n"
	"  -r, --rules        the selection switch\n"
	"  -s, --stats\n"
	"  -j, --json\n"
	"      --proc=DIR     instead of /proc\n"
	"      --version\n";

/* ---- which sockets ---- */

static bool wanted(const struct wish *wish, const json_t *sock)
{
	const char *proto = get_text(sock, "proto");
	const char *state = get_text(sock, "state");
	bool waiting = !strcmp(state, "LISTEN") || !strcmp(state, "UNCONN");

	if (wish->tcp != wish->udp && !strcmp(proto, "udp") != wish->udp)
		return false;
	return wish->all || waiting == wish->listening;
}

static json_t *choose(const struct wish *wish, json_t *sockets)
{
	json_t *chosen = json_array(), *sock;
	size_t i;

	json_array_foreach(sockets, i, sock)
	{
		if (wanted(wish, sock))
			json_array_append(chosen, sock);
	}
	json_decref(sockets);
	return chosen;
}

static void add_processes(json_t *sockets, const char *proc)
{
	json_t *map = ss_processes(proc), *sock, *users;
	char inode[24];
	size_t i;

	json_array_foreach(sockets, i, sock)
	{
		snprintf(inode, sizeof(inode), "%lld", get_int(sock, "inode"));
		users = json_object_get(map, inode);
		json_object_set_new(sock, "processes",
				    users ? json_incref(users) : json_array());
	}
	json_decref(map);
}

/* ---- for people ---- */

static const char *address_text(const json_t *sock, const char *side,
				char *text)
{
	const json_t *a = json_object_get(sock, side);
	const json_t *port = json_object_get(a, "port");
	const char *host = get_text_or(a, "address", "*");
	bool v6 = strchr(host, ':') != NULL;
	char number[24] = "*";

	if (json_is_integer(port))
		snprintf(number, sizeof(number), "%lld", get_int(a, "port"));
	snprintf(text, TEXT_MAX, "%s%s%s:%s", v6 ? "[" : "", host,
		 v6 ? "]" : "", number);
	return text;
}

static void add_users(struct table *table, const json_t *users)
{
	char text[TABLE_CELL_MAX] = "";
	size_t i, len = 0;
	json_t *user;

	json_array_foreach(users, i, user)
	{
		len += (size_t)snprintf(
			text + len, sizeof(text) - len, "%s%s(%lld):%lld",
			i ? " " : "", get_text(user, "name"),
			get_int(user, "pid"), get_int(user, "fd"));
		if (len >= sizeof(text))
			break;
	}
	table_add(table, "%s", text);
}

static void print_sockets(const json_t *sockets)
{
	static const struct table_column column[] = {
		{"PROTO", TABLE_LEFT},	 {"STATE", TABLE_LEFT},
		{"RECV-Q", TABLE_RIGHT}, {"SEND-Q", TABLE_RIGHT},
		{"LOCAL", TABLE_LEFT},	 {"PEER", TABLE_LEFT},
		{"UID", TABLE_RIGHT},	 {"INODE", TABLE_RIGHT},
		{"PROCESS", TABLE_LEFT},
	};
	char text[TEXT_MAX];
	struct table table;
	json_t *sock;
	size_t i;

	table_init(&table, COLUMNS(column));
	json_array_foreach(sockets, i, sock)
	{
		table_add(&table, "%s", get_text(sock, "proto"));
		table_add(&table, "%s", get_text(sock, "state"));
		table_add(&table, "%lld", get_int(sock, "recv_q"));
		table_add(&table, "%lld", get_int(sock, "send_q"));
		table_add(&table, "%s", address_text(sock, "local", text));
		table_add(&table, "%s", address_text(sock, "peer", text));
		table_add(&table, "%lld", get_int(sock, "uid"));
		table_add(&table, "%lld", get_int(sock, "inode"));
		add_users(&table, json_object_get(sock, "processes"));
	}
	table_print(&table, stdout);
	table_dispose(&table);
}

static void print_rules(const json_t *rules)
{
	static const struct table_column column[] = {
		{"LIST", TABLE_LEFT},  {"NUMBER", TABLE_RIGHT},
		{"HITS", TABLE_RIGHT}, {"FALLBACKS", TABLE_RIGHT},
		{"RULE", TABLE_LEFT},
	};
	struct table table;
	json_t *rule;
	size_t i;

	table_init(&table, COLUMNS(column));
	json_array_foreach(rules, i, rule)
	{
		table_add(&table, "%s", get_text(rule, "list"));
		if (json_is_integer(json_object_get(rule, "number")))
			table_add(&table, "%lld", get_int(rule, "number"));
		else
			table_add(&table, "default");
		table_add(&table, "%lld", get_int(rule, "hits"));
		table_add(&table, "%lld", get_int(rule, "fallbacks"));
		table_add(&table, "%s", get_text(rule, "rule"));
	}
	table_print(&table, stdout);
	table_dispose(&table);
}

static void print_stats(json_t *stats)
{
	const char *name;
	json_t *value;

	json_object_foreach(stats, name, value) printf(
		"%-15s %lld\n", name, (long long)json_integer_value(value));
}

static void print_json(const char *name, json_t *value)
{
	json_t *answer =
		name ? json_pack("{s:O}", name, value) : json_incref(value);

	json_dumpf(answer, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(answer);
}

/* ---- what is asked ---- */

static json_t *get(const struct wish *wish)
{
	json_t *sockets;

	switch (wish->what) {
	case RULES:
		return ss_rules(wish->proc);
	case STATS:
		return ss_stats(wish->proc);
	default:
		sockets = ss_sockets(wish->proc);
		if (!sockets)
			return NULL;
		sockets = choose(wish, sockets);
		if (wish->processes)
			add_processes(sockets, wish->proc);
		return sockets;
	}
}

static int run(const struct wish *wish)
{
	static const char *const name[] = {
		[SOCKETS] = "sockets", [RULES] = "rules", [STATS] = NULL};
	json_t *found = get(wish);

	if (!found) {
		fprintf(stderr, "vtoe-ss: %s/net: %s%s\n", wish->proc,
			strerror(errno),
			errno == ENOENT ? " (is vtoe.ko loaded?)" : "");
		return EXIT_FAILURE;
	}
	if (wish->json)
		print_json(name[wish->what], found);
	else if (wish->what == RULES)
		print_rules(found);
	else if (wish->what == STATS)
		print_stats(found);
	else
		print_sockets(found);
	json_decref(found);
	return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Returns false if it is no option. */
static bool take_option(struct wish *wish, int id)
{
	switch (id) {
	case 'a':
		return wish->all = true;
	case 'l':
		return wish->listening = true;
	case 'n':
		return true;
	case 't':
		return wish->tcp = true;
	case 'u':
		return wish->udp = true;
	case 'p':
		return wish->processes = true;
	case 'j':
		return wish->json = true;
	case 'r':
		wish->what = RULES;
		return true;
	case 's':
		wish->what = STATS;
		return true;
	case OPT_PROC:
		wish->proc = optarg;
		return true;
	default:
		return false;
	}
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{"all", no_argument, NULL, 'a'},
		{"listening", no_argument, NULL, 'l'},
		{"numeric", no_argument, NULL, 'n'},
		{"tcp", no_argument, NULL, 't'},
		{"udp", no_argument, NULL, 'u'},
		{"processes", no_argument, NULL, 'p'},
		{"rules", no_argument, NULL, 'r'},
		{"stats", no_argument, NULL, 's'},
		{"json", no_argument, NULL, 'j'},
		{"proc", required_argument, NULL, OPT_PROC},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, OPT_VERSION},
		{NULL, 0, NULL, 0},
	};
	struct wish wish = {.proc = "/proc"};
	int id;

	while ((id = getopt_long(argc, argv, "alntuprsjh", longs, NULL)) !=
	       -1) {
		if (id == OPT_VERSION) {
			printf("vtoe-ss %s\n", VTOE_VERSION);
			return EXIT_SUCCESS;
		}
		if (id == 'h') {
			fputs(usage, stdout);
			return EXIT_SUCCESS;
		}
		if (!take_option(&wish, id)) {
			fputs(usage, stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	return run(&wish);
}
