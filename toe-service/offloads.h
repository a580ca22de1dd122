/* SPDX-License-Identifier: GPL-2.0 */
/* offloads.h - what a network device really has, as the kernel says. */
#ifndef TOE_SERVICE_OFFLOADS_H
#define TOE_SERVICE_OFFLOADS_H

#include <stdint.h>

#define OFFLOADS_MAC_MAX  18 /* "02:00:00:00:00:01", with the NUL */
#define OFFLOADS_LIST_MAX 96 /* bytes of all names, with the NUL */

/* Zeroed if the device is not there; no padding that is not. */
struct offloads {
	uint32_t mtu;		/* bytes; 0: not known */
	uint32_t speed_mbit;	/* 0: not known, as without a link */
	char mac[OFFLOADS_MAC_MAX]; /* "" if it is no Ethernet device */
	/*
	 * Those that are on, parted by blanks: rx, tx (checksums), sg, tso,
	 * gso, gro, lro, uso (UDP segmentation), tls-tx, tls-rx.
	 */
	char list[OFFLOADS_LIST_MAX];
};

/**
 * offloads_read - of a device in this network namespace
 * @result: what cannot be read is 0 or ""
 */
void offloads_read(const char *netdev, struct offloads *result);

#endif /* TOE_SERVICE_OFFLOADS_H */
