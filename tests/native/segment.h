/* SPDX-License-Identifier: GPL-2.0 */
/*
 * segment.h - a segment with two TOEs on it, beside the fixture's eth0.
 *
 * The remote host has a bridge of their netdevs' other ends,
 *
 *	toe1 ---- eth1 \
 *			br0, 198.51.100.1, 2001:db8:1::1
 *	toe2 ---- eth2 /
 *
 * and behind it FAR and FAR6.
 */
#ifndef NATIVE_SEGMENT_H
#define NATIVE_SEGMENT_H

#include "native.h"

#define PORT  7000
#define NEAR  "198.51.100.1"
#define NEAR6 "2001:db8:1::1"
#define FAR   "203.0.113.1"
#define FAR6  "2001:db8:ff::1"

/* Makes it; @conf: the TOEs and pools, for a new vtoed. */
void segment_up(struct nt *nt, const char *conf);
/* A connection to an echo server there, which has answered once. */
struct tg_sock *echo_to(struct nt *nt, struct tg *tg, const char *ip);
/* All bytes come back, with both directions full meanwhile. */
void there_and_back(struct tg_sock *s, size_t total);
/* @verb: drain, undrain */
void drain(struct nt *nt, const char *verb, const char *toe);
bool contexts_say(struct nt *nt, const char *part);

#endif /* NATIVE_SEGMENT_H */
