/* SPDX-License-Identifier: GPL-2.0 */
/* ss.c - reads /proc/net/vtoe, vtoe_rules and vtoe_stat; vtoe(4) has them. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ss.h"

#define PATH_MAX_ 512
#define ADDR_MAX  64 /* bytes of an address with port, with NUL */

static FILE *open_file(const char *proc, const char *name)
{
	char path[PATH_MAX_];

	snprintf(path, sizeof(path), "%.400s/net/%s", proc, name);
	return fopen(path, "re");
}

/* "192.0.2.1:80", "[2001:db8::1]:80", "*:*" */
static json_t *address(char *text)
{
	char *colon = strrchr(text, ':'), *host = text;
	json_t *port;

	if (!colon)
		return json_null();
	*colon = '\0';
	if (*host == '[' && colon > host + 1) {
		host++;
		colon[-1] = '\0';
	}
	port = strcmp(colon + 1, "*") ? json_integer(atoll(colon + 1))
				      : json_null();
	return json_pack("{s:s, s:o}", "address", host, "port", port);
}

static json_t *socket_of(const char *line)
{
	char proto[8], state[16], local[ADDR_MAX], peer[ADDR_MAX];
	unsigned int rx, tx, slot, uid;
	unsigned long inode;

	if (sscanf(line, "%7s %15s %u %u %63s %63s %u %u %lu", proto, state,
		   &rx, &tx, local, peer, &slot, &uid, &inode) != 9)
		return NULL;
	return json_pack("{s:s, s:s, s:I, s:I, s:o, s:o, s:I, s:I, s:I}",
			 "proto", proto, "state", state, "recv_q",
			 (json_int_t)rx, "send_q", (json_int_t)tx, "local",
			 address(local), "peer", address(peer), "slot",
			 (json_int_t)slot, "uid", (json_int_t)uid, "inode",
			 (json_int_t)inode);
}

static json_t *rule_of(const char *line)
{
	char list[16], number[16];
	long long hits, fallbacks;
	json_t *which;
	int at = 0;

	if (sscanf(line, "%15s %15s %lld %lld %n", list, number, &hits,
		   &fallbacks, &at) != 4 ||
	    !at)
		return NULL;
	which = strcmp(number, "default") ? json_integer(atoll(number))
					  : json_null();
	return json_pack("{s:s, s:o, s:I, s:I, s:s}", "list", list, "number",
			 which, "hits", (json_int_t)hits, "fallbacks",
			 (json_int_t)fallbacks, "rule", line + at);
}

/* An array of what @parse makes of each line; NULL of it: left out. */
static json_t *lines(const char *proc, const char *name,
		     json_t *(*parse)(const char *line))
{
	FILE *file = open_file(proc, name);
	json_t *array, *object;
	char *line = NULL;
	size_t size = 0;

	if (!file)
		return NULL;
	array = json_array();
	while (getline(&line, &size, file) > 0) {
		line[strcspn(line, "\n")] = '\0';
		object = parse(line);
		if (object)
			json_array_append_new(array, object);
	}
	free(line);
	fclose(file);
	return array;
}

json_t *ss_sockets(const char *proc)
{
	return lines(proc, "vtoe", socket_of);
}

json_t *ss_rules(const char *proc)
{
	return lines(proc, "vtoe_rules", rule_of);
}

json_t *ss_stats(const char *proc)
{
	FILE *file = open_file(proc, "vtoe_stat");
	char name[64], *at;
	json_t *stats;
	long long n;

	if (!file)
		return NULL;
	stats = json_object();
	while (fscanf(file, "%63s %lld", name, &n) == 2) {
		for (at = name; (at = strchr(at, '-'));)
			*at = '_';
		json_object_set_new(stats, name, json_integer(n));
	}
	fclose(file);
	return stats;
}
