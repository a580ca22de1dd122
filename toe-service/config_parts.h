/* SPDX-License-Identifier: GPL-2.0 */
/*
 * config_parts.h - between config.c and config_toe.c, and for no one else.
 */
#ifndef TOE_SERVICE_CONFIG_PARTS_H
#define TOE_SERVICE_CONFIG_PARTS_H

#include <confuse.h>
#include <stdbool.h>

#include "config.h"

/* Limits of a TOE's numbers. */
#define CONFIG_WEIGHT_MAX   1000
#define CONFIG_CAPACITY_MAX 100000000

/** config_name_ok - may a TOE, pool or segment have this name? */
bool config_name_ok(const char *name);

/** config_check_range - libconfuse's check of any number that has a range */
int config_check_range(cfg_t *cfg, cfg_opt_t *opt);

/** config_toe_options - what a "toe" section may have */
extern cfg_opt_t config_toe_options[];

/** config_toe_watch - have "toe" sections checked as they are read */
void config_toe_watch(cfg_t *cfg);

/** config_toe_copy - take over a section that has been checked */
void config_toe_copy(cfg_t *section, struct config_toe *toe);

#endif /* TOE_SERVICE_CONFIG_PARTS_H */
