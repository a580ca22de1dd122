/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/log.h"
#include "expand.h"
#include "match.h"

struct list {
	struct match_netdev *netdev;
	size_t nr, room;
	int err;
};

static void list_add(struct list *list, const char *name, const char *by)
{
	struct match_netdev *bigger;
	size_t room = list->room ? list->room * 2 : 64;

	if (list->nr == list->room) {
		bigger = realloc(list->netdev, room * sizeof(*bigger));
		if (!bigger) {
			list->err = -ENOMEM;
			return;
		}
		list->netdev = bigger;
		list->room = room;
	}
	bigger = &list->netdev[list->nr++];
	snprintf(bigger->name, sizeof(bigger->name), "%s", name);
	snprintf(bigger->by, sizeof(bigger->by), "%s", by);
}

static void add_free(void *arg, const char *netdev,
		     const struct netlink_link *link)
{
	if (link->free)
		list_add(arg, netdev, "");
}

/* TOEs that guests are on, or may be; or all. */
static void add_used(const struct inventory *inv, struct list *list, bool all)
{
	const struct toe *toe;
	uint32_t i;

	for (i = 0; i < TOE_TABLE_MAX; i++) {
		toe = &inv->toe[i];
		if (toe->conf.match[0] &&
		    (all || toe->devices || toe->inherited))
			list_add(list, toe->conf.netdev, toe->conf.match);
	}
}

/* An earlier vtoed's row: is it of a TOE by that section? */
static bool is_by(const struct toe_row *row, const char *netdev,
		  const struct config_toe *section)
{
	char name[TABLE_NAME_MAX];

	match_name(section->name, netdev, name);
	return match_is(section) && !strncmp(row->name, name, sizeof(name));
}

static void add_inherited(const struct inventory *inv, struct list *list)
{
	const struct config *written = inv->written;
	char netdev[TABLE_IFNAME_MAX];
	const struct toe_row *row;
	uint32_t i, j;

	for (i = 0; i < TOE_TABLE_MAX; i++) {
		row = &inv->table->row[i];
		if (row->state == TOE_ABSENT)
			continue;
		snprintf(netdev, sizeof(netdev), "%.*s",
			 TABLE_IFNAME_MAX - 1, row->netdev);
		for (j = 0; j < written->nr_toes; j++)
			if (is_by(row, netdev, &written->toe[j]))
				list_add(list, netdev, written->toe[j].name);
	}
}

static void say_left_out(struct inventory *inv, uint32_t left_out)
{
	if (left_out && left_out != inv->left_out)
		log_warn("%u network devices that match are not used: %u TOEs "
			 "are the most",
			 left_out, TOE_TABLE_MAX);
	inv->left_out = left_out;
}

static void look_around(struct inventory *inv, struct list *list)
{
	int err = netlink_each(&inv->netlink, add_free, list);

	if (err)
		log_error("looking for network devices that match: %s",
			  strerror(-err));
	/* without knowing, nothing goes */
	if (inv->config)
		add_used(inv, list, err);
	else
		add_inherited(inv, list);
}

int expand(struct inventory *inv, struct config **config)
{
	struct list list = {0};
	uint32_t left_out;
	int err;

	if (match_any(inv->written))
		look_around(inv, &list);
	err = list.err;
	if (!err)
		err = match_expand(inv->written, list.netdev, list.nr, config,
				   &left_out);
	free(list.netdev);
	if (err)
		log_error("TOEs: %s", strerror(-err));
	else
		say_left_out(inv, left_out);
	return err;
}
