/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sharing.h - guests share what a TOE sends, each by the share of its entry.
 *
 * Theory of operation
 *
 * Only on TOEs that have a rate. The driver is told all shares at once
 * (struct toe_control's share()), whenever something has changed: guests, TOEs,
 * settings. That needs no memory of what was said before, so that the next vtoed
 * just says it again; until it knows the guests that are there, it says nothing.
 * Changes are collected until the loop has done everything else, because guests that
 * move must not wait for this.
 *
 * Each device has a number, which its links on such TOEs bear from then on. Numbers
 * are of one vtoed; the next one gives new ones.
 */
#ifndef TOE_SERVICE_SHARING_H
#define TOE_SERVICE_SHARING_H

#include "toe.h"

/** sharing_start - the guests that there are, are known now. */
void sharing_start(struct inventory *inv);

/** sharing_stop - guests will be forgotten; all shares stay. */
void sharing_stop(struct inventory *inv);

/** sharing_mark - something may have changed. */
void sharing_mark(struct inventory *inv);

/** sharing_end - the TOE that has had this row is not in it any more. */
void sharing_end(const struct toe_row *row);

#endif /* TOE_SERVICE_SHARING_H */
