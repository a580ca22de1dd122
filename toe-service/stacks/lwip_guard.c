/* SPDX-License-Identifier: GPL-2.0 */
/*
 * lwip_guard.c - what of the network's frames may reach lwIP, and what may leave it.
 *
 * Two things that Debian's build of lwIP has no hooks for are done here, too:
 * there is a limit of half-open connections, and before each connection its
 * counter of initial sequence numbers takes a step of random length, without
 * which a stranger could guess them (RFC 6528).
 */
#include <linux/if_ether.h>
#include <string.h>
#include <sys/random.h>

#include <lwip/priv/tcp_priv.h>

#include "lwip_conn.h"
#include "lwip_guard.h"

#define PROTO_TCP      6u
#define PROTO_UDP      17u
#define PROTO_ICMP     1u
#define PROTO_FRAGMENT 44u
#define PROTO_ICMP6    58u

#define ICMP6_ROUTER_SOLICIT   133u
#define ICMP6_ROUTER_ADVERTISE 134u
#define ICMP6_REDIRECT	       137u

#define TCP_OFFSET_FLAGS 13u
#define FLAG_SYN	 0x02u
#define FLAG_ACK	 0x10u

static unsigned int half_open;

void lwip_guard_syns(unsigned int nr)
{
	half_open = nr;
}

void lwip_guard_stir(void)
{
	static struct tcp_pcb nobody;
	u32_t ticks = tcp_ticks, step;

	if (getrandom(&step, sizeof(step), GRND_NONBLOCK) != sizeof(step))
		return;
	tcp_ticks = step;
	tcp_next_iss(&nobody);
	tcp_ticks = ticks;
}

/* @tcp: where its header is, if the packet has that much */
static bool segment_ok(const uint8_t *tcp, size_t len)
{
	uint8_t flags;

	if (len <= TCP_OFFSET_FLAGS)
		return false;
	flags = tcp[TCP_OFFSET_FLAGS];
	if ((flags & (FLAG_SYN | FLAG_ACK)) != FLAG_SYN)
		return true;
	if (half_open >= LWIP_HALF_OPEN_MAX ||
	    lwip_tcp_full((uint16_t)(tcp[2] << 8 | tcp[3])))
		return false;
	half_open++;
	lwip_guard_stir();
	return true;
}

/*
 * Is it an address of any link? What comes from there is forged, and what goes
 * there would need lwIP's loopback.
 */
static bool ours4(const uint8_t *addr)
{
	const struct netif *netif;

	NETIF_FOREACH(netif)
		if (!memcmp(&netif_ip4_addr(netif)->addr, addr, 4))
			return true;
	return false;
}

static bool own6(const struct netif *netif, const uint8_t *addr)
{
	unsigned int i;

	for (i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++)
		if (ip6_addr_isvalid(netif_ip6_addr_state(netif, i)) &&
		    !memcmp(netif_ip6_addr(netif, i)->addr, addr, 16))
			return true;
	return false;
}

static bool ours6(const uint8_t *addr)
{
	const struct netif *netif;

	NETIF_FOREACH(netif)
		if (own6(netif, addr))
			return true;
	return false;
}

bool lwip_guard_ours(const ip_addr_t *addr)
{
	return IP_IS_V4(addr)
		       ? ours4((const uint8_t *)&ip_2_ip4(addr)->addr)
		       : ours6((const uint8_t *)ip_2_ip6(addr)->addr);
}

/* ---- IPv4 ---- */

static bool is_broadcast(const struct lwip_link *link, const uint8_t *addr)
{
	ip4_addr_t ip;

	memcpy(&ip.addr, addr, sizeof(ip.addr));
	return ip4_addr_isbroadcast(&ip, &link->netif);
}

static bool ip4_ok(const struct lwip_link *link, const uint8_t *ip, size_t len)
{
	const uint8_t *own = link->ip.addr.addr;
	size_t header;

	if (!link->ip.addr.family || len < 20)
		return false;
	header = (size_t)(ip[0] & 0xf) * 4;
	if (header < 20 || len < header)
		return false;
	if (ours4(ip + 12) || ip[12] == 127)
		return false;
	if (memcmp(ip + 16, own, 4))
		return ip[9] == PROTO_UDP && is_broadcast(link, ip + 16);
	if (ip[9] != PROTO_TCP)
		return ip[9] == PROTO_UDP || ip[9] == PROTO_ICMP;
	if ((ip[6] & 0x1f) || ip[7])
		return true; /* not the first piece */
	return segment_ok(ip + header, len - header);
}

static bool arp_ok(const struct lwip_link *link, const uint8_t *arp, size_t len)
{
	/* one that says it is us would only be remembered */
	return link->ip.addr.family && len >= 28 &&
	       memcmp(arp + 14, link->ip.addr.addr, 4) != 0;
}

/* ---- IPv6 ---- */

/* All nodes, and the groups in which a neighbour is asked for. */
static bool group6(const uint8_t *addr)
{
	static const uint8_t all[16] = {0xff, 2, [15] = 1};
	static const uint8_t solicited[13] = {0xff, 2, [11] = 1, [12] = 0xff};

	return !memcmp(addr, all, sizeof(all)) ||
	       !memcmp(addr, solicited, sizeof(solicited));
}

static bool icmp6_ok(const uint8_t *icmp, size_t len)
{
	return len >= 4 && icmp[0] != ICMP6_ROUTER_SOLICIT &&
	       icmp[0] != ICMP6_ROUTER_ADVERTISE && icmp[0] != ICMP6_REDIRECT;
}

static bool ip6_ok(const struct lwip_link *link, const uint8_t *ip, size_t len)
{
	static const uint8_t loopback[16] = {[15] = 1};
	const uint8_t *next = ip + 40;

	if (!link->ip6.addr.family || len < 40)
		return false;
	if (ours6(ip + 8) || !memcmp(ip + 8, loopback, 16))
		return false;
	if (!own6(&link->netif, ip + 24))
		return ip[6] == PROTO_ICMP6 && group6(ip + 24) &&
		       icmp6_ok(next, len - 40);
	switch (ip[6]) {
	case PROTO_TCP:
		return segment_ok(next, len - 40);
	case PROTO_UDP:
		return true;
	case PROTO_ICMP6:
		return icmp6_ok(next, len - 40);
	case PROTO_FRAGMENT: /* neighbour discovery never is (RFC 6980) */
		return len >= 48 && next[0] == PROTO_UDP;
	default:
		return false;
	}
}

bool lwip_guard_frame(const struct lwip_link *link, const uint8_t *frame,
		      size_t len)
{
	const uint8_t *payload = frame + ETH_HLEN;

	if (len <= ETH_HLEN)
		return false;
	len -= ETH_HLEN;
	switch (frame[12] << 8 | frame[13]) {
	case ETH_P_ARP:
		return arp_ok(link, payload, len);
	case ETH_P_IP:
		return ip4_ok(link, payload, len);
	case ETH_P_IPV6:
		return ip6_ok(link, payload, len);
	default:
		return false;
	}
}

/* ---- sending ---- */

static bool leaves4(const struct lwip_link *link, const uint8_t *ip)
{
	return link->ip.addr.family && !memcmp(ip + 12, link->ip.addr.addr, 4);
}

/* Groups are joined without an address, or with the link-local one. */
static bool leaves6(const struct lwip_link *link, const uint8_t *ip)
{
	static const uint8_t none[16];

	return own6(&link->netif, ip + 8) || !memcmp(ip + 8, none, 16);
}

bool lwip_guard_leaves(const struct lwip_link *link, const uint8_t *frame,
		       size_t len)
{
	const uint8_t *payload = frame + ETH_HLEN;

	if (len < ETH_HLEN)
		return false;
	switch (frame[12] << 8 | frame[13]) {
	case ETH_P_IP:
		return len >= ETH_HLEN + 20 && leaves4(link, payload);
	case ETH_P_IPV6:
		return len >= ETH_HLEN + 40 && leaves6(link, payload);
	default:
		return true;
	}
}

void lwip_guard_window(void)
{
	/* lwIP puts the connection that a segment was for in front */
	struct tcp_pcb *pcb = tcp_active_pcbs;
	struct tcp_seg **at;
	uint32_t edge;

	if (!pcb || !pcb->ooseq)
		return;
	edge = pcb->rcv_nxt + pcb->rcv_wnd;
	for (at = &pcb->ooseq; *at; at = &(*at)->next) {
		if (TCP_SEQ_LEQ((*at)->tcphdr->seqno + TCP_TCPLEN(*at), edge))
			continue;
		/* in order: all that follow are beyond it, too */
		tcp_segs_free(*at);
		*at = NULL;
		return;
	}
}
