/* SPDX-License-Identifier: GPL-2.0 */
#include <confuse.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "config_parts.h"
#include "entry.h"
#include "vlan.h"

/*
 * Defaults. 16,384 slots serve 10,000 connections, and cost a guest that uses
 * them all 2 MiB; 32 MiB an arena are 8 runs of the largest size, or 8,192
 * connections in transfer. A guest takes as little of it as it likes.
 */
#define DEFAULT_DIRS	    "{\"/etc/xen\", \"/etc/xen/auto\"}"
#define DEFAULT_INTERVAL_MS 100
#define DEFAULT_RECORDS	    256
#define DEFAULT_ENTRIES	    1024
#define DEFAULT_SLOTS	    16384
#define DEFAULT_PAGES	    8192

/* Limits of this file; those of the contract are in vtoe_wire.h. */
#define INTERVAL_MIN_MS 10
#define INTERVAL_MAX_MS 60000
#define RECORDS_MAX	65536
#define DEVICES_MAX	65536 /* more than Xen has domains */
#define PAGES_MIN	16
#define PAGES_MAX	32768
#define FILE_MAX	262144 /* bytes; 64 TOEs and pools need a tenth */

static const char *const policy_name[] = {
	[POOL_LEAST_LOADED] = "least-loaded",
	[POOL_IN_ORDER] = "in-order",
	[POOL_ROUND_ROBIN] = "round-robin",
	[POOL_WEIGHTED] = "weighted",
	[POOL_HASH] = "hash",
};

#define NR_POLICIES (sizeof(policy_name) / sizeof(policy_name[0]))

/* libconfuse's error function has no argument of its own */
static char *error_text;

const char *config_policy_name(enum pool_policy policy)
{
	return policy_name[policy];
}

/* The first error is the one that matters. */
static void keep_error(cfg_t *cfg, const char *format, va_list ap)
{
	int len = 0;

	if (!error_text || error_text[0])
		return;
	if (cfg && cfg->filename)
		len = snprintf(error_text, CONFIG_ERROR_MAX,
			       "%s:%d: ", cfg->filename, cfg->line);
	if (len >= 0 && len < CONFIG_ERROR_MAX)
		vsnprintf(error_text + len, (size_t)(CONFIG_ERROR_MAX - len),
			  format, ap);
}

/* ---- single options, called by libconfuse as they are read ---- */

struct range {
	const char *name;
	long min, max;
};

static const struct range ranges[] = {
	{"record-interval-ms", INTERVAL_MIN_MS, INTERVAL_MAX_MS},
	{"records-per-guest", 0, RECORDS_MAX},
	{"max-entries", VTOE_MIN_ENTRIES, VTOE_MAX_ENTRIES},
	{"max-slots", VTOE_MIN_SLOTS, VTOE_MAX_SLOTS},
	{"max-tx-pages", PAGES_MIN, PAGES_MAX},
	{"max-rx-pages", PAGES_MIN, PAGES_MAX},
	{"weight", 1, CONFIG_WEIGHT_MAX},
	{"capacity", 0, CONFIG_CAPACITY_MAX},
	{"vlan", 1, VLAN_ID_MAX},
	{"mtu", ENTRY_MTU_MIN, ENTRY_MTU_MAX},
	{"spread", 1, CONFIG_SPREAD_MAX},
	{"max-devices", 0, DEVICES_MAX},
	{"max-sockets", 0, CONFIG_CAPACITY_MAX},
	{"max-device-sockets", 0, CONFIG_CAPACITY_MAX},
};

int config_check_range(cfg_t *cfg, cfg_opt_t *opt)
{
	long value = cfg_opt_getnint(opt, 0);
	size_t i;

	for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		if (strcmp(ranges[i].name, opt->name))
			continue;
		if (value >= ranges[i].min && value <= ranges[i].max)
			return 0;
		cfg_error(cfg, "%s: %ld is not in the range %ld to %ld",
			  opt->name, value, ranges[i].min, ranges[i].max);
		return -1;
	}
	return 0;
}

bool config_name_ok(const char *name)
{
	/* XenStore's alphabet for node names, without '@' and '/' */
	size_t len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "abcdefghijklmnopqrstuvwxyz0123456789-_");

	return len && !name[len] && len < TABLE_NAME_MAX;
}

static int find_policy(const char *name)
{
	size_t i;

	for (i = 0; i < NR_POLICIES; i++)
		if (!strcmp(policy_name[i], name))
			return (int)i;
	return -ENOENT;
}

static int check_policy(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *name = cfg_opt_getnstr(opt, 0);

	if (name && find_policy(name) >= 0)
		return 0;
	cfg_error(cfg,
		  "policy: \"%s\" is none of least-loaded, weighted, "
		  "round-robin, in-order, hash",
		  name);
	return -1;
}

/* ---- sections, called when they end ---- */

static int check_pool(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *pool = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);
	unsigned int i;

	if (!config_name_ok(cfg_title(pool))) {
		cfg_error(cfg,
			  "pool \"%s\": a name has 1 to %u letters, digits,"
			  " '-' and '_'",
			  cfg_title(pool), TABLE_NAME_MAX - 1);
		return -1;
	}
	if (!cfg_size(pool, "toes")) {
		cfg_error(cfg, "pool \"%s\" has no toes", cfg_title(pool));
		return -1;
	}
	for (i = 0; i < cfg_size(pool, "toes"); i++) {
		const char *name = cfg_getnstr(pool, "toes", i);

		if (!cfg_gettsec(cfg, "toe", name)) {
			cfg_error(cfg,
				  "pool \"%s\": there is no toe \"%s\" "
				  "(before this line)",
				  cfg_title(pool), name);
			return -1;
		}
	}
	/* one place is left for "default" */
	if (cfg_opt_size(opt) >= CONFIG_POOLS_MAX) {
		cfg_error(cfg, "more than %u pools", CONFIG_POOLS_MAX - 1);
		return -1;
	}
	return 0;
}

/* ---- from libconfuse's tree to struct config ---- */

static int find_toe(const struct config *config, const char *name)
{
	uint32_t i;

	for (i = 0; i < config->nr_toes; i++)
		if (!strcmp(config->toe[i].name, name))
			return (int)i;
	return -ENOENT;
}

static bool pool_has(const struct config_pool *pool, uint32_t toe)
{
	uint32_t i;

	for (i = 0; i < pool->nr_toes; i++)
		if (pool->toe[i] == toe)
			return true;
	return false;
}

static void copy_pool(cfg_t *sec, const struct config *config,
		      struct config_pool *pool)
{
	unsigned int i;
	int toe;

	snprintf(pool->name, sizeof(pool->name), "%s", cfg_title(sec));
	pool->policy = (enum pool_policy)find_policy(cfg_getstr(sec, "policy"));
	pool->spread = (uint32_t)cfg_getint(sec, "spread");
	pool->max_devices = (uint32_t)cfg_getint(sec, "max-devices");
	pool->max_sockets = (uint32_t)cfg_getint(sec, "max-sockets");
	pool->max_device_sockets =
		(uint32_t)cfg_getint(sec, "max-device-sockets");
	for (i = 0; i < cfg_size(sec, "toes"); i++) {
		toe = find_toe(config, cfg_getnstr(sec, "toes", i));
		if (toe >= 0 && !pool_has(pool, (uint32_t)toe))
			pool->toe[pool->nr_toes++] = (uint32_t)toe;
	}
}

/* What a toe's own "pools" says; the pools all have been read by now. */
static int join_pools(cfg_t *sec, struct config *config, uint32_t toe)
{
	struct config_pool *pool;
	unsigned int i;

	for (i = 0; i < cfg_size(sec, "pools"); i++) {
		const char *name = cfg_getnstr(sec, "pools", i);

		pool = (struct config_pool *)config_find_pool(config, name);
		if (!pool) {
			cfg_error(sec, "toe \"%s\": there is no pool \"%s\"",
				  cfg_title(sec), name);
			return -EINVAL;
		}
		if (!pool_has(pool, toe))
			pool->toe[pool->nr_toes++] = toe;
	}
	return 0;
}

static void add_default_pool(struct config *config)
{
	struct config_pool *pool;
	uint32_t i;

	if (config_find_pool(config, "default"))
		return;
	pool = &config->pool[config->nr_pools++];
	snprintf(pool->name, sizeof(pool->name), "default");
	pool->spread = 1;
	for (i = 0; i < config->nr_toes; i++)
		pool->toe[pool->nr_toes++] = i;
}

static int copy_dirs(cfg_t *cfg, struct config *config)
{
	unsigned int i, n = cfg_size(cfg, "config-dirs");

	for (i = 0; i < n && i < CONFIG_DIRS_MAX; i++) {
		config->dir[i] = strdup(cfg_getnstr(cfg, "config-dirs", i));
		if (!config->dir[i])
			return -ENOMEM;
		config->nr_dirs++;
	}
	return 0;
}

static int copy_config(cfg_t *cfg, struct config *config)
{
	unsigned int i;
	int err = 0;

	config->record_interval_ms =
		(uint32_t)cfg_getint(cfg, "record-interval-ms");
	config->records_per_guest =
		(uint32_t)cfg_getint(cfg, "records-per-guest");
	config->max_entries = (uint32_t)cfg_getint(cfg, "max-entries");
	config->max_slots = (uint32_t)cfg_getint(cfg, "max-slots");
	config->max_tx_pages = (uint32_t)cfg_getint(cfg, "max-tx-pages");
	config->max_rx_pages = (uint32_t)cfg_getint(cfg, "max-rx-pages");
	for (i = 0; i < cfg_size(cfg, "toe"); i++)
		config_toe_copy(cfg_getnsec(cfg, "toe", i),
			 &config->toe[config->nr_toes++]);
	for (i = 0; i < cfg_size(cfg, "pool"); i++)
		copy_pool(cfg_getnsec(cfg, "pool", i), config,
			  &config->pool[config->nr_pools++]);
	add_default_pool(config);
	for (i = 0; i < cfg_size(cfg, "toe") && !err; i++)
		err = join_pools(cfg_getnsec(cfg, "toe", i), config, i);
	return err ? err : copy_dirs(cfg, config);
}

/* ---- reading ---- */

static cfg_opt_t pool_options[] = {
	CFG_STR_LIST("toes", NULL, CFGF_NODEFAULT),
	CFG_STR("policy", "least-loaded", CFGF_NONE),
	CFG_INT("spread", 1, CFGF_NONE),
	CFG_INT("max-devices", 0, CFGF_NONE),
	CFG_INT("max-sockets", 0, CFGF_NONE),
	CFG_INT("max-device-sockets", 0, CFGF_NONE),
	CFG_END(),
};

static cfg_opt_t options[] = {
	CFG_STR_LIST("config-dirs", (char *)DEFAULT_DIRS, CFGF_NONE),
	CFG_INT("record-interval-ms", DEFAULT_INTERVAL_MS, CFGF_NONE),
	CFG_INT("records-per-guest", DEFAULT_RECORDS, CFGF_NONE),
	CFG_INT("max-entries", DEFAULT_ENTRIES, CFGF_NONE),
	CFG_INT("max-slots", DEFAULT_SLOTS, CFGF_NONE),
	CFG_INT("max-tx-pages", DEFAULT_PAGES, CFGF_NONE),
	CFG_INT("max-rx-pages", DEFAULT_PAGES, CFGF_NONE),
	CFG_SEC("toe", config_toe_options,
		CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
	CFG_SEC("pool", pool_options,
		CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
	CFG_END(),
};

static const struct {
	const char *option;
	cfg_validate_callback_t check;
} checks[] = {
	{"record-interval-ms", config_check_range},
	{"records-per-guest", config_check_range},
	{"max-entries", config_check_range},
	{"max-slots", config_check_range},
	{"max-tx-pages", config_check_range},
	{"max-rx-pages", config_check_range},
	{"pool", check_pool},
	{"pool|policy", check_policy},
	{"pool|spread", config_check_range},
	{"pool|max-devices", config_check_range},
	{"pool|max-sockets", config_check_range},
	{"pool|max-device-sockets", config_check_range},
};

/*
 * Blank comments out. libconfuse 3.3 counts three lines for each one, and an
 * error message with a wrong line is worse than none.
 */
static void blank_comments(char *text)
{
	enum { CODE, QUOTED, LINE, BLOCK } in = CODE;
	char quote = 0, *c;

	for (c = text; *c; c++) {
		if (in == CODE && (*c == '"' || *c == '\'')) {
			in = QUOTED;
			quote = *c;
		} else if (in == CODE &&
			   (*c == '#' || (*c == '/' && c[1] == '/'))) {
			in = LINE;
		} else if (in == CODE && *c == '/' && c[1] == '*') {
			in = BLOCK;
			*c++ = ' ';
		} else if (in == QUOTED && *c == '\\' && c[1]) {
			c++;
		} else if (in == QUOTED && *c == quote) {
			in = CODE;
		} else if (in == LINE && *c == '\n') {
			in = CODE;
		} else if (in == BLOCK && *c == '*' && c[1] == '/') {
			in = CODE;
			*c++ = ' ';
			*c = ' ';
		}
		if ((in == LINE || in == BLOCK) && *c != '\n')
			*c = ' ';
	}
}

/* Returns 0; -ENOENT; or another negative errno. @text: to be freed */
static int read_file(const char *path, char **text)
{
	FILE *file = fopen(path, "re");
	size_t len;
	int err = 0;

	if (!file)
		return -errno;
	*text = malloc(FILE_MAX + 1);
	if (!*text) {
		err = -ENOMEM;
	} else {
		len = fread(*text, 1, FILE_MAX + 1, file);
		if (ferror(file))
			err = errno ? -errno : -EIO;
		else if (len > FILE_MAX)
			err = -EFBIG;
		else if (memchr(*text, 0, len))
			err = -EINVAL;
		else
			(*text)[len] = 0;
	}
	fclose(file);
	if (err)
		free(*text);
	return err;
}

static int parse_text(cfg_t *cfg, char *text, char *error)
{
	FILE *file;
	int result;

	blank_comments(text);
	if (!*text) /* fmemopen() knows no empty file */
		return 0;
	file = fmemopen(text, strlen(text), "r");
	if (!file)
		return -errno;
	result = cfg_parse_fp(cfg, file);
	fclose(file);
	if (result == CFG_SUCCESS)
		return 0;
	if (!error[0])
		snprintf(error, CONFIG_ERROR_MAX, "%s:%d: syntax error",
			 cfg->filename, cfg->line);
	return -EINVAL;
}

/* Returns 0 or a negative errno. */
static int parse_one(cfg_t *cfg, const struct config_text *from, char *error)
{
	char *text, *name = strdup(from->path);
	int err;

	if (!name)
		return -ENOMEM;
	free(cfg->filename);
	cfg->filename = name; /* freed by cfg_free() */
	text = strdup(from->text);
	if (!text)
		return -ENOMEM;
	err = parse_text(cfg, text, error);
	free(text);
	return err;
}

static int parse(cfg_t *cfg, const struct config_text *file,
		 const struct config_text *additions, struct config *config,
		 char *error)
{
	size_t i;
	int err;

	cfg_set_error_function(cfg, keep_error);
	for (i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		cfg_set_validate_func(cfg, checks[i].option, checks[i].check);
	config_toe_watch(cfg);
	err = parse_one(cfg, file, error);
	if (err)
		return err;
	config->nr_file_toes = cfg_size(cfg, "toe");
	return additions ? parse_one(cfg, additions, error) : 0;
}

int config_parse(const struct config_text *file,
		 const struct config_text *additions, struct config **result,
		 char *error)
{
	struct config *config = calloc(1, sizeof(*config));
	cfg_t *cfg = cfg_init(options, CFGF_NONE);
	int err = -ENOMEM;

	error[0] = 0;
	error_text = error;
	if (config && cfg)
		err = parse(cfg, file, additions, config, error);
	if (!err)
		err = copy_config(cfg, config);
	error_text = NULL;
	if (cfg)
		cfg_free(cfg);
	if (err) {
		if (!error[0])
			snprintf(error, CONFIG_ERROR_MAX, "%s: %s", file->path,
				 strerror(-err));
		config_free(config);
		return err;
	}
	*result = config;
	return 0;
}

int config_text_read(const char *path, char **text, char *error)
{
	int err = read_file(path, text);

	if (err == -ENOENT) {
		*text = strdup("");
		err = *text ? 0 : -ENOMEM;
	}
	if (err)
		snprintf(error, CONFIG_ERROR_MAX, "%s: %s", path,
			 strerror(-err));
	return err;
}

int config_read(const char *path, struct config **result, char *error)
{
	struct config_text file = {.path = path};
	int err = config_text_read(path, &file.text, error);

	if (!err)
		err = config_parse(&file, NULL, result, error);
	free(file.text);
	return err;
}

void config_free(struct config *config)
{
	uint32_t i;

	if (!config)
		return;
	for (i = 0; i < config->nr_dirs; i++)
		free(config->dir[i]);
	free(config);
}

const struct config_pool *config_find_pool(const struct config *config,
					   const char *name)
{
	uint32_t i;

	for (i = 0; i < config->nr_pools; i++)
		if (!strcmp(config->pool[i].name, name))
			return &config->pool[i];
	return NULL;
}

/* Zeroed at allocation, so that comparing bytes is right. */
bool config_differs(const struct config *a, const struct config *b)
{
	size_t from = offsetof(struct config, nr_dirs);
	uint32_t i;

	if (memcmp((const char *)a + from, (const char *)b + from,
		   sizeof(*a) - from))
		return true;
	for (i = 0; i < a->nr_dirs; i++)
		if (strcmp(a->dir[i], b->dir[i]))
			return true;
	return false;
}
