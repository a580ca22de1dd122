/* SPDX-License-Identifier: GPL-2.0 */
/*
 * route.h - networks that a TOE's guests reach by other routers than the gateway.
 *
 * Pure: struct toe_routes of tables.h, and how it is written.
 */
#ifndef TOE_SERVICE_ROUTE_H
#define TOE_SERVICE_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "tables.h"

#define ROUTE_TEXT_MAX 96 /* "NETWORK/BITS via ROUTER", both IPv6, with the NUL */

/**
 * route_parse - one more, as "10.0.0.0/8 via 192.0.2.3"
 * @routes: changed on success only
 * @error: ENTRY_ERROR_MAX bytes; what is wrong, for people
 *
 * Returns 0 or -EINVAL.
 */
int route_parse(struct toe_routes *routes, const char *text, char *error);

/** route_text - as route_parse() takes it; @text: ROUTE_TEXT_MAX bytes */
void route_text(const struct toe_route *route, char *text);

/** route_same - are they the same, in the same order? */
bool route_same(const struct toe_routes *a, const struct toe_routes *b);

#endif /* TOE_SERVICE_ROUTE_H */
