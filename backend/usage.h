/* SPDX-License-Identifier: GPL-2.0 */
/*
 * usage.h - what workers have seen of their TOEs, brought to health.h.
 *
 * A worker is heard about the TOE that its device is on, and about no other.
 */
#ifndef BACKEND_USAGE_H
#define BACKEND_USAGE_H

struct backend;

/** usage_tick - once each tick; judges the TOEs when a window has passed. */
void usage_tick(struct backend *be);

#endif /* BACKEND_USAGE_H */
