/* SPDX-License-Identifier: GPL-2.0 */
#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "match.h"

bool match_pattern(const char *netdev)
{
	return strpbrk(netdev, "*?[") != NULL;
}

bool match_is(const struct config_toe *toe)
{
	return match_pattern(toe->netdev);
}

bool match_any(const struct config *written)
{
	uint32_t i;

	for (i = 0; i < written->nr_toes; i++)
		if (match_is(&written->toe[i]))
			return true;
	return false;
}

void match_name(const char *section, const char *netdev, char *name)
{
	char *c;

	snprintf(name, TABLE_NAME_MAX, "%.*s-%.*s", CONFIG_MATCH_NAME_MAX,
		 section, TABLE_IFNAME_MAX - 1, netdev);
	for (c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '-')
			*c = '_';
}

/* "eth2" before "eth10": pools have an order that people expect */
static int compare(const void *a, const void *b)
{
	const struct match_netdev *x = a, *y = b;

	return strverscmp(x->name, y->name);
}

static bool named_in_full(const struct config *written, const char *netdev)
{
	uint32_t i;

	for (i = 0; i < written->nr_toes; i++)
		if (!strcmp(written->toe[i].netdev, netdev))
			return true;
	return false;
}

/* By a section before it; or two devices have one name, but for odd characters. */
static bool taken(const struct config *config, const struct config_toe *toe)
{
	uint32_t i;

	for (i = 0; i < config->nr_toes; i++)
		if ((!strcmp(config->toe[i].netdev, toe->netdev) &&
		     config->toe[i].vlan == toe->vlan) ||
		    !strcmp(config->toe[i].name, toe->name))
			return true;
	return false;
}

/* A guest's interface is to go into a bridge, which refuses it once it is used. */
static bool is_vif(const char *name)
{
	return !strncmp(name, "vif", 3);
}

static bool takes(const struct config_toe *section,
		  const struct match_netdev *netdev)
{
	if (is_vif(netdev->name) && !is_vif(section->netdev))
		return false;
	return (!*netdev->by || !strcmp(netdev->by, section->name)) &&
	       !fnmatch(section->netdev, netdev->name, 0);
}

struct expansion {
	const struct config *written;
	const struct match_netdev *netdev;
	size_t nr;
	struct config *config;
	uint32_t left_out;
};

static void add(struct expansion *e, const struct config_toe *toe)
{
	if (e->config->nr_toes < TOE_TABLE_MAX)
		e->config->toe[e->config->nr_toes++] = *toe;
	else
		e->left_out++;
}

static void add_matches(struct expansion *e, const struct config_toe *section)
{
	struct config_toe toe;
	size_t i;

	for (i = 0; i < e->nr; i++) {
		if (!takes(section, &e->netdev[i]) ||
		    named_in_full(e->written, e->netdev[i].name))
			continue;
		memcpy(&toe, section, sizeof(toe)); /* padding, too */
		memset(toe.name, 0, sizeof(toe.name));
		match_name(section->name, e->netdev[i].name, toe.name);
		memcpy(toe.netdev, e->netdev[i].name, sizeof(toe.netdev));
		memcpy(toe.match, section->name, sizeof(toe.match));
		if (!taken(e->config, &toe))
			add(e, &toe);
	}
}

/* Those that are named in full go first: there is room for them. */
static void expand_toes(struct expansion *e)
{
	const struct config *written = e->written;
	uint32_t i;

	for (i = 0; i < written->nr_toes; i++)
		if (!match_is(&written->toe[i]))
			add(e, &written->toe[i]);
	for (i = 0; i < written->nr_toes; i++)
		if (match_is(&written->toe[i]))
			add_matches(e, &written->toe[i]);
}

static bool is_of(const struct config_toe *toe, const struct config_toe *section)
{
	return match_is(section) ? !strcmp(toe->match, section->name)
				 : !strcmp(toe->name, section->name);
}

static void expand_pool(struct expansion *e, const struct config_pool *from,
			struct config_pool *to)
{
	const struct config *config = e->config;
	uint32_t i, j;

	*to = *from;
	memset(to->toe, 0, sizeof(to->toe));
	to->nr_toes = 0;
	for (i = 0; i < from->nr_toes; i++)
		for (j = 0; j < config->nr_toes; j++)
			if (is_of(&config->toe[j],
				  &e->written->toe[from->toe[i]]))
				to->toe[to->nr_toes++] = j;
}

int match_expand(const struct config *written, struct match_netdev *netdevs,
		 size_t nr, struct config **result, uint32_t *left_out)
{
	struct expansion e = {.written = written, .netdev = netdevs, .nr = nr};
	uint32_t i;

	e.config = malloc(sizeof(*e.config));
	if (!e.config)
		return -ENOMEM;
	*e.config = *written;
	memset(e.config->dir, 0, sizeof(e.config->dir));
	memset(e.config->toe, 0, sizeof(e.config->toe));
	e.config->nr_dirs = 0;
	e.config->nr_toes = 0;
	if (nr)
		qsort(netdevs, nr, sizeof(*netdevs), compare);
	expand_toes(&e);
	for (i = 0; i < written->nr_pools; i++)
		expand_pool(&e, &written->pool[i], &e.config->pool[i]);
	*left_out = e.left_out;
	*result = e.config;
	return 0;
}
