/* SPDX-License-Identifier: GPL-2.0 */
/* config_toe.c - a "toe" section of vtoed.conf. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "config_parts.h"
#include "entry.h"
#include "match.h"
#include "route.h"
#include "stack.h"

/* ---- single options, called by libconfuse as they are read ---- */

static int check_driver(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *name = cfg_opt_getnstr(opt, 0);

	if (name && toe_control_find(name))
		return 0;
	cfg_error(cfg, "driver: there is no TOE driver \"%s\"", name);
	return -1;
}

static int check_netdev(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *name = cfg_opt_getnstr(opt, 0);
	const char *open = name ? strchr(name, '[') : NULL;

	if (open && !strchr(open, ']')) {
		cfg_error(cfg, "netdev: \"%s\": '[' has no ']'", name);
		return -1;
	}
	/* the kernel's dev_valid_name() */
	if (name && *name && strlen(name) < TABLE_IFNAME_MAX &&
	    !strpbrk(name, "/: \t\n") && strcmp(name, ".") &&
	    strcmp(name, ".."))
		return 0;
	cfg_error(cfg, "netdev: \"%s\" is not a name of a network device",
		  name);
	return -1;
}

static int check_link(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *name = cfg_opt_getnstr(opt, 0);

	if (name && (!strcmp(name, "auto") || !strcmp(name, "ipvlan") ||
		     !strcmp(name, "macvlan")))
		return 0;
	cfg_error(cfg, "link: \"%s\" is none of auto, ipvlan, macvlan", name);
	return -1;
}

static int check_segment(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *name = cfg_opt_getnstr(opt, 0);

	if (name && (!*name || config_name_ok(name)))
		return 0;
	cfg_error(cfg,
		  "segment: \"%s\": a name has 1 to %u letters, digits, '-' "
		  "and '_'",
		  name, CONFIG_SEGMENT_MAX - 1);
	return -1;
}

static int check_fault(cfg_t *cfg, cfg_opt_t *opt)
{
	const struct toe_control *control = toe_control_find("fault");
	const char *text = cfg_opt_getnstr(opt, 0);
	char why[TOE_ERROR_MAX] = "";

	if (control && text && !control->check(text, why))
		return 0;
	cfg_error(cfg, "fault: %s", why);
	return -1;
}

/* ---- the section, called when it ends ---- */

static bool by_dhcp(cfg_t *toe)
{
	return !strcmp(cfg_getstr(toe, "addresses"), ENTRY_DHCP);
}

static int read_ranges(cfg_t *toe, struct address_range *v4,
		       struct address_range *v6, char *error)
{
	*v4 = (struct address_range){0};
	if (!by_dhcp(toe) &&
	    range_parse(VTOE_INET, "addresses", cfg_getstr(toe, "addresses"),
			"gateway", cfg_getstr(toe, "gateway"), v4, error))
		return -EINVAL;
	return range_parse(VTOE_INET6, "addresses6",
			   cfg_getstr(toe, "addresses6"), "gateway6",
			   cfg_getstr(toe, "gateway6"), v6, error);
}

/* What a TOE has to give is there, and is not another one's, too. */
static int check_ranges(cfg_t *cfg, cfg_opt_t *opt, cfg_t *toe)
{
	struct address_range v4, v6, other4, other6;
	char error[ENTRY_ERROR_MAX], ignored[ENTRY_ERROR_MAX];
	unsigned int i;

	if (read_ranges(toe, &v4, &v6, error)) {
		cfg_error(cfg, "toe \"%s\": %s", cfg_title(toe), error);
		return -1;
	}
	for (i = 0; i + 1 < cfg_opt_size(opt); i++) {
		if (read_ranges(cfg_opt_getnsec(opt, i), &other4, &other6,
				ignored))
			continue;
		if (!range_overlaps(&v4, &other4) &&
		    !range_overlaps(&v6, &other6))
			continue;
		cfg_error(cfg,
			  "toe \"%s\": its addresses overlap those of toe "
			  "\"%s\"",
			  cfg_title(toe), cfg_title(cfg_opt_getnsec(opt, i)));
		return -1;
	}
	return 0;
}

/* What does not go together with addresses by DHCP. */
static int check_dhcp(cfg_t *cfg, cfg_t *toe)
{
	const char *driver = cfg_getstr(toe, "driver");
	const struct toe_control *control = toe_control_find(driver);

	if (!strcmp(cfg_getstr(toe, "addresses6"), ENTRY_DHCP)) {
		cfg_error(cfg, "toe \"%s\": addresses6: DHCP is for addresses "
			  "only", cfg_title(toe));
		return -1;
	}
	if (!by_dhcp(toe))
		return 0;
	if (*cfg_getstr(toe, "gateway"))
		cfg_error(cfg, "toe \"%s\": with addresses by DHCP, the gateway "
			  "comes by it, too", cfg_title(toe));
	else if (control && !control->context_address)
		cfg_error(cfg, "toe \"%s\": guests of driver \"%s\" cannot have "
			  "addresses by DHCP", cfg_title(toe), driver);
	else if (!strcmp(cfg_getstr(toe, "link"), "ipvlan"))
		cfg_error(cfg, "toe \"%s\": addresses by DHCP need link = "
			  "\"macvlan\": all ipvlan links have the netdev's MAC "
			  "address", cfg_title(toe));
	else
		return 0;
	return -1;
}

static int read_routes(cfg_t *toe, struct toe_routes *routes, char *error)
{
	unsigned int i;
	int err = 0;

	*routes = (struct toe_routes){0};
	for (i = 0; i < cfg_size(toe, "routes") && !err; i++)
		err = route_parse(routes, cfg_getnstr(toe, "routes", i), error);
	return err;
}

static int check_routes(cfg_t *cfg, cfg_t *toe)
{
	const char *driver = cfg_getstr(toe, "driver");
	const struct toe_control *control = toe_control_find(driver);
	char error[ENTRY_ERROR_MAX];
	struct toe_routes routes;

	if (read_routes(toe, &routes, error)) {
		cfg_error(cfg, "toe \"%s\": %s", cfg_title(toe), error);
		return -1;
	}
	if (!routes.nr || !control || control->context_routes)
		return 0;
	cfg_error(cfg, "toe \"%s\": driver \"%s\" takes no routes",
		  cfg_title(toe), driver);
	return -1;
}

static bool is_fault(cfg_t *toe)
{
	return !strcmp(cfg_getstr(toe, "driver"), "fault");
}

/*
 * Two TOEs of one driver on one netdev would be counted twice, and be siblings that
 * fail together; on different VLANs they are two, but not on one segment. What only
 * pretends to be an engine may share a netdev.
 */
static int check_same_netdev(cfg_t *cfg, cfg_opt_t *opt, cfg_t *toe)
{
	const char *netdev = cfg_getstr(toe, "netdev");
	const char *driver = cfg_getstr(toe, "driver");
	const char *segment = cfg_getstr(toe, "segment");
	unsigned int i;

	for (i = 0; !is_fault(toe) && i + 1 < cfg_opt_size(opt); i++) {
		cfg_t *other = cfg_opt_getnsec(opt, i);

		if (strcmp(cfg_getstr(other, "netdev"), netdev) ||
		    is_fault(other))
			continue;
		if (cfg_getint(other, "vlan") == cfg_getint(toe, "vlan")) {
			if (strcmp(cfg_getstr(other, "driver"), driver))
				continue; /* another engine */
			cfg_error(cfg,
				  "toe \"%s\": toe \"%s\" has the netdev "
				  "\"%s\" too",
				  cfg_title(toe), cfg_title(other), netdev);
			return -1;
		}
		if (*segment && !strcmp(cfg_getstr(other, "segment"), segment)) {
			cfg_error(cfg,
				  "toe \"%s\": toe \"%s\" is on another VLAN of "
				  "\"%s\", so it cannot have the same segment",
				  cfg_title(toe), cfg_title(other), netdev);
			return -1;
		}
	}
	return 0;
}

/* "": 0, "auto", or as that of a vif; may be called again. */
static int read_rate(cfg_t *toe, uint64_t *rate, char *error)
{
	const char *text = cfg_getstr(toe, "rate");
	char value[32];

	*rate = strcmp(text, "auto") ? 0 : CONFIG_RATE_AUTO;
	if (!*text || *rate)
		return 0;
	snprintf(value, sizeof(value), "%s", text);
	return entry_parse_rate(value, rate, error);
}

static int check_rate(cfg_t *cfg, cfg_t *toe)
{
	const struct toe_control *control =
		toe_control_find(cfg_getstr(toe, "driver"));
	char error[ENTRY_ERROR_MAX];
	uint64_t rate;

	if (read_rate(toe, &rate, error)) {
		cfg_error(cfg, "toe \"%s\": %s", cfg_title(toe), error);
		return -1;
	}
	if (!rate || (control && control->share))
		return 0;
	cfg_error(cfg,
		  "toe \"%s\": rate: guests of driver \"%s\" cannot share it",
		  cfg_title(toe), cfg_getstr(toe, "driver"));
	return -1;
}

static bool matches(cfg_t *toe)
{
	return match_pattern(cfg_getstr(toe, "netdev"));
}

/* Could TOEs that are there by @section be called as @toe? */
static bool names_like(cfg_t *section, cfg_t *toe)
{
	size_t len = strlen(cfg_title(section));

	return matches(section) &&
	       !strncmp(cfg_title(toe), cfg_title(section), len) &&
	       cfg_title(toe)[len] == '-';
}

/* Names of TOEs that are there by a match are theirs alone. */
static int check_match_names(cfg_t *cfg, cfg_opt_t *opt, cfg_t *toe)
{
	unsigned int i;

	for (i = 0; i + 1 < cfg_opt_size(opt); i++) {
		cfg_t *other = cfg_opt_getnsec(opt, i), *section = NULL;

		if (names_like(other, toe))
			section = other;
		else if (names_like(toe, other))
			section = toe;
		if (!section)
			continue;
		cfg_error(cfg,
			  "toe \"%s\": names with \"%s-\" are those of what "
			  "matches toe \"%s\"; \"%s\" cannot have one",
			  cfg_title(toe), cfg_title(section),
			  cfg_title(section),
			  cfg_title(section == toe ? other : toe));
		return -1;
	}
	return 0;
}

static int check_match(cfg_t *cfg, cfg_opt_t *opt, cfg_t *toe)
{
	const char *addresses = cfg_getstr(toe, "addresses");
	const char *addresses6 = cfg_getstr(toe, "addresses6");

	if (matches(toe) && strlen(cfg_title(toe)) > CONFIG_MATCH_NAME_MAX) {
		cfg_error(cfg,
			  "toe \"%s\": with a match for its netdev, a name has "
			  "%d characters at most: \"-\" and the netdev follow it",
			  cfg_title(toe), CONFIG_MATCH_NAME_MAX);
		return -1;
	}
	/* elsewhere, an address would not have its neighbours */
	if (matches(toe) && ((*addresses && !by_dhcp(toe)) || *addresses6) &&
	    !*cfg_getstr(toe, "segment")) {
		cfg_error(cfg,
			  "toe \"%s\": all that match \"%s\" share its "
			  "addresses, so they need a segment, too",
			  cfg_title(toe), cfg_getstr(toe, "netdev"));
		return -1;
	}
	return check_match_names(cfg, opt, toe);
}

static int check_toe(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *toe = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);

	if (!config_name_ok(cfg_title(toe))) {
		cfg_error(cfg,
			  "toe \"%s\": a name has 1 to %u letters, digits,"
			  " '-' and '_'",
			  cfg_title(toe), TABLE_NAME_MAX - 1);
		return -1;
	}
	if (!cfg_getstr(toe, "netdev")) {
		cfg_error(cfg, "toe \"%s\" has no netdev", cfg_title(toe));
		return -1;
	}
	if (check_same_netdev(cfg, opt, toe))
		return -1;
	if (*cfg_getstr(toe, "fault") && !is_fault(toe)) {
		cfg_error(cfg,
			  "toe \"%s\": fault is for driver = \"fault\", "
			  "not \"%s\"",
			  cfg_title(toe), cfg_getstr(toe, "driver"));
		return -1;
	}
	if (cfg_opt_size(opt) > TOE_TABLE_MAX) {
		cfg_error(cfg, "more than %u TOEs", TOE_TABLE_MAX);
		return -1;
	}
	if (check_rate(cfg, toe) || check_match(cfg, opt, toe) ||
	    check_dhcp(cfg, toe) || check_routes(cfg, toe))
		return -1;
	return check_ranges(cfg, opt, toe);
}

/* ---- as they are used ---- */

void config_toe_copy(cfg_t *sec, struct config_toe *toe)
{
	char error[ENTRY_ERROR_MAX];

	snprintf(toe->name, sizeof(toe->name), "%s", cfg_title(sec));
	snprintf(toe->driver, sizeof(toe->driver), "%s",
		 cfg_getstr(sec, "driver"));
	snprintf(toe->netdev, sizeof(toe->netdev), "%s",
		 cfg_getstr(sec, "netdev"));
	snprintf(toe->link, sizeof(toe->link), "%s", cfg_getstr(sec, "link"));
	snprintf(toe->segment, sizeof(toe->segment), "%s",
		 cfg_getstr(sec, "segment"));
	toe->weight = (uint32_t)cfg_getint(sec, "weight");
	toe->capacity = (uint32_t)cfg_getint(sec, "capacity");
	toe->max_devices = (uint32_t)cfg_getint(sec, "max-devices");
	toe->vlan = (uint32_t)cfg_getint(sec, "vlan");
	toe->mtu = (uint32_t)cfg_getint(sec, "mtu");
	/* checked already */
	read_ranges(sec, &toe->addresses, &toe->addresses6, error);
	toe->dhcp = by_dhcp(sec);
	read_routes(sec, &toe->routes, error);
	read_rate(sec, &toe->rate, error);
	snprintf(toe->settings, sizeof(toe->settings), "%s",
		 cfg_getstr(sec, "fault"));
}

/* ---- for libconfuse ---- */

cfg_opt_t config_toe_options[] = {
	CFG_STR("driver", "kernel", CFGF_NONE),
	CFG_STR("netdev", NULL, CFGF_NODEFAULT),
	CFG_STR("link", "auto", CFGF_NONE),
	CFG_STR("segment", "", CFGF_NONE),
	CFG_INT("weight", 100, CFGF_NONE),
	CFG_INT("capacity", 0, CFGF_NONE),
	CFG_INT("max-devices", 0, CFGF_NONE),
	CFG_INT("vlan", 0, CFGF_NONE),
	CFG_INT("mtu", 0, CFGF_NONE),
	CFG_STR("addresses", "", CFGF_NONE),
	CFG_STR("gateway", "", CFGF_NONE),
	CFG_STR("addresses6", "", CFGF_NONE),
	CFG_STR("gateway6", "", CFGF_NONE),
	CFG_STR_LIST("routes", NULL, CFGF_NONE),
	CFG_STR_LIST("pools", NULL, CFGF_NONE),
	CFG_STR("fault", "", CFGF_NONE),
	CFG_STR("rate", "", CFGF_NONE),
	CFG_END(),
};

static const struct {
	const char *option;
	cfg_validate_callback_t check;
} checks[] = {
	{"toe", check_toe},
	{"toe|driver", check_driver},
	{"toe|netdev", check_netdev},
	{"toe|link", check_link},
	{"toe|segment", check_segment},
	{"toe|fault", check_fault},
	{"toe|weight", config_check_range},
	{"toe|capacity", config_check_range},
	{"toe|max-devices", config_check_range},
	{"toe|vlan", config_check_range},
	{"toe|mtu", config_check_range},
};

void config_toe_watch(cfg_t *cfg)
{
	size_t i;

	for (i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		cfg_set_validate_func(cfg, checks[i].option, checks[i].check);
}
