/* SPDX-License-Identifier: GPL-2.0 */
/*
 * entry.h - a guest's vtoe entry, as in vtoe = [ 'pool=gold,ip=192.0.2.10/24'
 * ].
 *
 * Pure: no configuration, no system calls. Whether the pool exists and the
 * addresses are free is for guest.c to find out.
 */
#ifndef TOE_SERVICE_ENTRY_H
#define TOE_SERVICE_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "tables.h"

#define ENTRY_TEXT_MAX	   1024 /* bytes of an entry, with the NUL; a node has 2 KiB */
#define ENTRY_ERROR_MAX	   256 /* bytes of an error text, with the NUL */
#define ENTRY_ADDR_MAX	   56  /* bytes of an address with prefix, as text */
#define ENTRY_POOL_DEFAULT "default"
#define ENTRY_MTU_MIN	   576u	  /* RFC 791: what each host must take */
#define ENTRY_MTU_MAX	   65535u /* of an IP packet */

struct entry_ip {
	struct vtoe_addr addr;	  /* family 0: none */
	uint32_t prefix;	  /* bits */
	struct vtoe_addr gateway; /* family 0: none */
};

struct entry {
	char pool[TABLE_NAME_MAX];
	struct entry_ip ip, ip6;
	uint32_t mtu; /* 0: the netdev's */
	bool native;  /* what no rule says goes native */
	char rules[ENTRY_TEXT_MAX]; /* checked; "": none */
};

/**
 * entry_parse - read an entry
 * @text: 'key=value,key=value'; blanks around keys and values are allowed
 * @entry: set on success only
 * @error: ENTRY_ERROR_MAX bytes; on failure, what is wrong, for people
 *
 * Returns 0, or -EINVAL.
 */
int entry_parse(const char *text, struct entry *entry, char *error);

/**
 * entry_addr_text - an address as people write it: 192.0.2.10
 * @text: ENTRY_ADDR_MAX bytes; "" if there is none
 */
void entry_addr_text(const struct vtoe_addr *addr, char *text);

/** entry_ip_text - address and prefix: 192.0.2.10/24; "" if there is none. */
void entry_ip_text(const struct entry_ip *ip, char *text);

#endif /* TOE_SERVICE_ENTRY_H */
