/* SPDX-License-Identifier: GPL-2.0 */
/*
 * lwip_icmp.c - errors that the network tells of.
 *
 * lwIP drops ICMP's "unreachable". Its text is the beginning of the packet that it
 * is about: whose ports are a socket's, that was connected to the address, is told,
 * as Linux does: datagrams, and streams that are connecting, whose sequence number
 * a stranger would have to know.
 */
#include <errno.h>
#include <linux/if_ether.h>
#include <string.h>

#include <lwip/priv/tcp_priv.h>

#include "lwip_conn.h"

#define PROTO_ICMP   1u
#define PROTO_TCP    6u
#define PROTO_UDP    17u
#define PROTO_ICMP6  58u
#define UNREACHABLE  3u
#define UNREACHABLE6 1u
#define PORTS_BYTES  8u /* ports, and TCP's sequence number */

/* A packet that was ours, as the error quotes it. */
struct quoted {
	ip_addr_t from, to;
	uint8_t proto;
	uint16_t from_port, to_port;
	uint32_t seq;
};

static int error_of(uint8_t code)
{
	switch (code) {
	case 0: /* network */
		return -ENETUNREACH;
	case 2: /* protocol */
		return -ENOPROTOOPT;
	case 3: /* port */
		return -ECONNREFUSED;
	case 4: /* too big: lwIP's packets may be cut */
		return 0;
	default:
		return -EHOSTUNREACH;
	}
}

static int error_of6(uint8_t code)
{
	switch (code) {
	case 0: /* no route */
		return -ENETUNREACH;
	case 1: /* forbidden */
		return -EACCES;
	case 4: /* port */
		return -ECONNREFUSED;
	default:
		return -EHOSTUNREACH;
	}
}

static bool read_ports(struct quoted *q, const uint8_t *at, size_t len)
{
	if (len < PORTS_BYTES)
		return false;
	q->from_port = (uint16_t)(at[0] << 8 | at[1]);
	q->to_port = (uint16_t)(at[2] << 8 | at[3]);
	memcpy(&q->seq, at + 4, sizeof(q->seq));
	q->seq = lwip_ntohl(q->seq);
	return true;
}

static bool read4(struct quoted *q, const uint8_t *ip, size_t len)
{
	size_t header;

	if (len < 20)
		return false;
	header = (size_t)(ip[0] & 0xf) * 4;
	if (header < 20 || len < header)
		return false;
	IP_SET_TYPE(&q->from, IPADDR_TYPE_V4);
	IP_SET_TYPE(&q->to, IPADDR_TYPE_V4);
	memcpy(&ip_2_ip4(&q->from)->addr, ip + 12, 4);
	memcpy(&ip_2_ip4(&q->to)->addr, ip + 16, 4);
	q->proto = ip[9];
	return read_ports(q, ip + header, len - header);
}

static bool read6(struct quoted *q, const uint8_t *ip, size_t len)
{
	if (len < 40)
		return false;
	IP_SET_TYPE(&q->from, IPADDR_TYPE_V6);
	IP_SET_TYPE(&q->to, IPADDR_TYPE_V6);
	memcpy(ip_2_ip6(&q->from)->addr, ip + 8, 16);
	memcpy(ip_2_ip6(&q->to)->addr, ip + 24, 16);
	q->proto = ip[6];
	return read_ports(q, ip + 40, len - 40);
}

static bool same(const ip_addr_t *a, const ip_addr_t *b)
{
	return IP_GET_TYPE(a) == IP_GET_TYPE(b) &&
	       (IP_IS_V4(a) ? ip4_addr_cmp(ip_2_ip4(a), ip_2_ip4(b))
			    : ip6_addr_cmp_zoneless(ip_2_ip6(a), ip_2_ip6(b)));
}

static void tell_udp(const struct quoted *q, int error)
{
	struct toe_conn *conn;
	struct udp_pcb *pcb;

	for (pcb = udp_pcbs; pcb; pcb = pcb->next) {
		conn = pcb->recv_arg;
		if (pcb->local_port != q->from_port || !conn->connected ||
		    pcb->remote_port != q->to_port ||
		    !same(&pcb->remote_ip, &q->to))
			continue;
		conn->error = error;
		lwip_tell(conn, TOE_READABLE);
		return;
	}
}

static void tell_tcp(const struct quoted *q, int error)
{
	struct tcp_pcb *pcb;

	for (pcb = tcp_active_pcbs; pcb; pcb = pcb->next) {
		if (pcb->state != SYN_SENT || pcb->local_port != q->from_port ||
		    pcb->remote_port != q->to_port ||
		    !same(&pcb->remote_ip, &q->to) ||
		    pcb->lastack != q->seq || !pcb->callback_arg)
			continue;
		lwip_tcp_unreachable(pcb->callback_arg, error);
		return;
	}
}

static void tell(const struct quoted *q, int error)
{
	if (!error)
		return;
	if (q->proto == PROTO_UDP)
		tell_udp(q, error);
	else if (q->proto == PROTO_TCP)
		tell_tcp(q, error);
}

/* ICMP's checksum is not looked at: ports and addresses have to fit. */
void lwip_icmp_look(const uint8_t *frame, size_t len)
{
	const uint8_t *ip = frame + ETH_HLEN, *icmp;
	struct quoted q = {0};
	size_t header;

	if (len < ETH_HLEN + 20u + 8u)
		return;
	len -= ETH_HLEN;
	if (frame[12] == 8 && frame[13] == 0 && ip[9] == PROTO_ICMP) {
		header = (size_t)(ip[0] & 0xf) * 4;
		icmp = ip + header;
		if (header >= 20 && len >= header + 8 &&
		    icmp[0] == UNREACHABLE &&
		    read4(&q, icmp + 8, len - header - 8))
			tell(&q, error_of(icmp[1]));
	} else if (frame[12] == 0x86 && frame[13] == 0xdd && len >= 48 &&
		   ip[6] == PROTO_ICMP6) {
		icmp = ip + 40;
		if (icmp[0] == UNREACHABLE6 && read6(&q, icmp + 8, len - 48))
			tell(&q, error_of6(icmp[1]));
	}
}
