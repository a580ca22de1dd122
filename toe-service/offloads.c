/* SPDX-License-Identifier: GPL-2.0 */
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "offloads.h"

#define FEATURES_MAX 256u /* Linux 6.x has 64; more are not looked at */
#define FEATURE_BITS 32u  /* of a block of ethtool's */

/* The kernel's names (netdev_features_strings); any one of a name counts. */
static const struct {
	const char *name, *feature;
} known[] = {
	{"rx", "rx-checksum"},
	{"tx", "tx-checksum-ip-generic"},
	{"tx", "tx-checksum-ipv4"},
	{"tx", "tx-checksum-ipv6"},
	{"sg", "tx-scatter-gather"},
	{"tso", "tx-tcp-segmentation"},
	{"tso", "tx-tcp6-segmentation"},
	{"gso", "tx-generic-segmentation"},
	{"gro", "rx-gro"},
	{"lro", "rx-lro"},
	{"uso", "tx-udp-segmentation"},
	{"tls-tx", "tls-hw-tx-offload"},
	{"tls-rx", "tls-hw-rx-offload"},
};

#define NR_KNOWN (sizeof(known) / sizeof(known[0]))

struct features {
	uint32_t nr;
	struct ethtool_gstrings *names;
	struct ethtool_gfeatures *states;
};

static bool ethtool(int fd, struct ifreq *ifr, void *command)
{
	ifr->ifr_data = command;
	return ioctl(fd, SIOCETHTOOL, ifr) == 0;
}

/* How many features this kernel has; 0 if it does not say. */
static uint32_t count_features(int fd, struct ifreq *ifr)
{
	union {
		struct ethtool_sset_info info;
		char room[sizeof(struct ethtool_sset_info) + sizeof(uint32_t)];
	} u = {.info = {.cmd = ETHTOOL_GSSET_INFO,
			.sset_mask = 1ull << ETH_SS_FEATURES}};
	uint32_t n = 0;

	if (ethtool(fd, ifr, &u) && u.info.sset_mask)
		memcpy(&n, u.room + sizeof(u.info), sizeof(n));
	return n <= FEATURES_MAX ? n : 0;
}

static void features_free(struct features *f)
{
	free(f->names);
	free(f->states);
}

static bool features_read(int fd, struct ifreq *ifr, struct features *f)
{
	uint32_t blocks;

	f->nr = count_features(fd, ifr);
	blocks = (f->nr + FEATURE_BITS - 1) / FEATURE_BITS;
	f->names = calloc(1, sizeof(*f->names) + f->nr * ETH_GSTRING_LEN);
	f->states = calloc(1, sizeof(*f->states) +
				      blocks * sizeof(f->states->features[0]));
	if (!f->nr || !f->names || !f->states)
		return false;
	f->names->cmd = ETHTOOL_GSTRINGS;
	f->names->string_set = ETH_SS_FEATURES;
	f->names->len = f->nr;
	f->states->cmd = ETHTOOL_GFEATURES;
	f->states->size = blocks;
	return ethtool(fd, ifr, f->names) && ethtool(fd, ifr, f->states);
}

static bool feature_on(const struct features *f, const char *name)
{
	const char *names = (const char *)f->names->data;
	uint32_t i;

	for (i = 0; i < f->nr; i++)
		if (!strncmp(names + i * ETH_GSTRING_LEN, name,
			     ETH_GSTRING_LEN))
			return f->states->features[i / FEATURE_BITS].active >>
				       i % FEATURE_BITS & 1;
	return false;
}

static void list_features(const struct features *f, char *list)
{
	const char *last = "";
	size_t i, len = 0;

	for (i = 0; i < NR_KNOWN; i++) {
		if (!strcmp(known[i].name, last) ||
		    !feature_on(f, known[i].feature))
			continue;
		last = known[i].name;
		len += (size_t)snprintf(list + len, OFFLOADS_LIST_MAX - len,
					"%s%s", len ? " " : "", last);
	}
}

static uint32_t read_speed(int fd, struct ifreq *ifr)
{
	struct ethtool_cmd cmd = {.cmd = ETHTOOL_GSET};
	uint32_t speed;

	if (!ethtool(fd, ifr, &cmd))
		return 0;
	/* ethtool_cmd_speed() of the header shifts an int beyond its end */
	speed = (uint32_t)cmd.speed_hi << 16 | cmd.speed;
	/* 65535: an old driver's way to say that it does not know */
	return speed == (uint32_t)SPEED_UNKNOWN || speed == UINT16_MAX ? 0
								       : speed;
}

static void read_mac(int fd, struct ifreq *ifr, char *mac)
{
	const unsigned char *a = (unsigned char *)ifr->ifr_hwaddr.sa_data;

	if (ioctl(fd, SIOCGIFHWADDR, ifr) == 0 &&
	    ifr->ifr_hwaddr.sa_family == ARPHRD_ETHER)
		snprintf(mac, OFFLOADS_MAC_MAX, "%02x:%02x:%02x:%02x:%02x:%02x",
			 a[0], a[1], a[2], a[3], a[4], a[5]);
}

void offloads_read(const char *netdev, struct offloads *result)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct features features = {0};
	struct ifreq ifr = {0};

	memset(result, 0, sizeof(*result));
	if (fd < 0)
		return;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", netdev);
	if (ioctl(fd, SIOCGIFMTU, &ifr) == 0)
		result->mtu = (uint32_t)ifr.ifr_mtu;
	read_mac(fd, &ifr, result->mac);
	result->speed_mbit = read_speed(fd, &ifr);
	if (features_read(fd, &ifr, &features))
		list_features(&features, result->list);
	features_free(&features);
	close(fd);
}
