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
#define ENTRY_DHCP	   "dhcp" /* instead of an address */
#define ENTRY_MTU_MIN	   576u	  /* RFC 791: what each host must take */
#define ENTRY_RATE_MIN	   1000u       /* bytes a second: a segment each 1.5 s */
#define ENTRY_RATE_MAX	   2147483647u /* libnl has an int for it */
#define ENTRY_MTU_MAX	   65535u /* of an IP packet */
#define ENTRY_SHARE_MAX	   1000u /* as a TOE's weight */
#define ENTRY_SHARE_DEFAULT 100u
/* A switch needs about a minute to start again. */
#define ENTRY_WAIT_DEFAULT_S 60u
#define ENTRY_WAIT_MAX_S     86400u /* a day: TCP gives up long before */

struct entry {
	char pool[TABLE_NAME_MAX];
	struct toe_address ip, ip6;
	bool dhcp; /* ip comes from a DHCP server */
	uint32_t mtu; /* 0: the netdev's */
	uint64_t rate; /* bytes a second on each TOE; 0: no limit */
	uint32_t share; /* weight among the guests of a TOE that has a rate */
	uint32_t max_sockets; /* at the same time; 0: what the pool says */
	bool native;  /* what no rule says goes native */
	uint32_t wait_s; /* for a TOE that is lost; 0: reset at once */
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

/* ---- pieces, for others who read addresses; @error as above ---- */

/** entry_wrong - fill @error; returns -EINVAL. */
int entry_wrong(char *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** entry_parse_rate - "10Mb/s": bytes a second; @value is as it was, after. */
int entry_parse_rate(char *value, uint64_t *rate, char *error);

/** entry_parse_addr - "192.0.2.1", of a family; @key: what to call it. */
int entry_parse_addr(uint16_t family, const char *key, const char *value,
		     struct vtoe_addr *addr, char *error);

/** entry_parse_ip - "192.0.2.10/24", a host's; @value is written to. */
int entry_parse_ip(struct toe_address *ip, uint16_t family, const char *key,
		   char *value, char *error);

/**
 * entry_check_host - can it be a host's own address in its network?
 * @ip: with a prefix from 1 on; @text: how to show the address
 */
int entry_check_host(const struct toe_address *ip, const char *key,
		     const char *text, char *error);

/** entry_same_network - is @addr in the network of @ip? */
bool entry_same_network(const struct toe_address *ip,
			const struct vtoe_addr *addr);

/** entry_check_gateway - is it one for @ip? */
int entry_check_gateway(const struct toe_address *ip, const char *gateway_key,
			const char *key, char *error);

/**
 * entry_addr_text - an address as people write it: 192.0.2.10
 * @text: ENTRY_ADDR_MAX bytes; "" if there is none
 */
void entry_addr_text(const struct vtoe_addr *addr, char *text);

/** entry_ip_text - address and prefix: 192.0.2.10/24; "" if there is none. */
void entry_ip_text(const struct toe_address *ip, char *text);

#endif /* TOE_SERVICE_ENTRY_H */
