/* SPDX-License-Identifier: GPL-2.0 */
/*
 * config.h - /etc/vtoe/vtoed.conf, read and checked; see vtoed.conf(5).
 */
#ifndef TOE_SERVICE_CONFIG_H
#define TOE_SERVICE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "range.h"
#include "tables.h"

#define CONFIG_ERROR_MAX 512 /* bytes of an error text, with the NUL */
#define CONFIG_DIRS_MAX	 16  /* directories to look for guests' files in */
#define CONFIG_POOLS_MAX POOL_TABLE_MAX
#define CONFIG_LINK_MAX	 8 /* "macvlan" */
#define CONFIG_SPREAD_MAX CONTEXT_TOES_MAX
#define CONFIG_SEGMENT_MAX TABLE_NAME_MAX
#define CONFIG_RATE_AUTO UINT64_MAX /* what its device can send */
/* Of a section that matches, without NUL: "-" and a netdev's name fit behind it. */
#define CONFIG_MATCH_NAME_MAX ((int)(TABLE_NAME_MAX - 1 - TABLE_IFNAME_MAX))

struct config_toe {
	char name[TABLE_NAME_MAX];
	char driver[TABLE_NAME_MAX];
	char netdev[TABLE_IFNAME_MAX]; /* or a match: match.h */
	char link[CONFIG_LINK_MAX]; /* "auto", "ipvlan", "macvlan" */
	char segment[CONFIG_SEGMENT_MAX]; /* "": shared with no other TOE */
	uint32_t weight;	    /* 1 … 1000 */
	uint32_t capacity;	    /* connections; 0: no limit */
	uint32_t max_devices;	    /* that have a context there; 0: no limit */
	/* bytes a second that its guests share; 0: they do not; or _AUTO */
	uint64_t rate;
	uint32_t vlan;		    /* of the netdev; 0: the netdev itself */
	uint32_t mtu;		    /* of guests' links; 0: the netdev's */
	struct address_range addresses, addresses6; /* to give to guests */
	struct toe_routes routes; /* beside the gateways */
	bool dhcp; /* IPv4 addresses come by DHCP instead */
	char settings[TABLE_SETTINGS_MAX]; /* for the driver, checked by it */
	char match[TABLE_NAME_MAX]; /* section that it is there by; "": its own */
};

/* Texts of this syntax: vtoed.conf, and what was added at run time. */
struct config_text {
	const char *path; /* for errors */
	char *text;	  /* "" if there is no such file */
};

struct config_pool {
	char name[TABLE_NAME_MAX];
	enum pool_policy policy;
	uint32_t spread; /* TOEs that a device uses at the same time */
	/* limits; 0: none */
	uint32_t max_devices, max_sockets, max_device_sockets;
	uint32_t nr_toes;
	uint32_t toe[TOE_TABLE_MAX]; /* index of struct config's toe[] */
};

struct config {
	char *dir[CONFIG_DIRS_MAX];
	uint32_t nr_dirs;
	uint32_t record_interval_ms;
	uint32_t records_per_guest;
	uint32_t max_entries, max_slots, max_tx_pages, max_rx_pages;
	uint32_t nr_toes, nr_pools;
	uint32_t nr_file_toes; /* the first ones; the others were added */
	struct config_toe toe[TOE_TABLE_MAX];
	struct config_pool pool[CONFIG_POOLS_MAX]; /* "default" among them */
};

/**
 * config_read - read a file
 * @path: a file that does not exist is like an empty one
 * @config: set on success only; to be freed by config_free()
 * @error: CONFIG_ERROR_MAX bytes; on failure "FILE:LINE: text"
 *
 * Calls toe_control_find() to check drivers. Returns 0 or a negative errno.
 */
int config_read(const char *path, struct config **config, char *error);

/**
 * config_text_read - the text of a file
 * @text: set on success only; to be freed; "" if the file does not exist
 * @error: as config_read()
 *
 * Returns 0 or a negative errno.
 */
int config_text_read(const char *path, char **text, char *error);

/**
 * config_parse - read and check two texts, one after the other, as one
 * @file: vtoed.conf
 * @additions: its TOEs follow those of @file; NULL: none
 * @config, @error: as config_read()
 *
 * Returns 0 or a negative errno.
 */
int config_parse(const struct config_text *file,
		 const struct config_text *additions, struct config **config,
		 char *error);

/** config_free - NULL is allowed. */
void config_free(struct config *config);

/** config_differs - true if the two do not say the same. */
bool config_differs(const struct config *a, const struct config *b);

/** config_find_pool - a pool by its name; NULL if there is none. */
const struct config_pool *config_find_pool(const struct config *config,
					   const char *name);

/** config_policy_name - as it stands in the file. */
const char *config_policy_name(enum pool_policy policy);

#endif /* TOE_SERVICE_CONFIG_H */
