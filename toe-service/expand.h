/* SPDX-License-Identifier: GPL-2.0 */
/*
 * expand.h - the configuration in effect, from the one that is written and the
 * network devices that are there.
 *
 * A TOE that is there by a match (match.h) stays while its netdev is there, or
 * while a guest's device is on it; then it is gone, as any other TOE would be. The
 * next vtoed does not know at first which TOEs guests are on: what it finds in the
 * TOE table stays until guests have left it, or until the next reload.
 */
#ifndef TOE_SERVICE_EXPAND_H
#define TOE_SERVICE_EXPAND_H

#include "toe.h"

/**
 * expand - by inv->written
 * @config: set on success only; to be freed by config_free()
 *
 * Returns 0 or a negative errno (logged).
 */
int expand(struct inventory *inv, struct config **config);

#endif /* TOE_SERVICE_EXPAND_H */
