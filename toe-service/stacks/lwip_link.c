/* SPDX-License-Identifier: GPL-2.0 */
/*
 * lwip_link.c - a guest's link to lwIP.
 *
 * Theory of operation
 *
 * The link has no address in dom0's kernel (lwip_control.c); a packet socket takes
 * its frames, and lwIP has the addresses. The socket is made before the sandbox,
 * with CAP_NET_RAW. To bind it to a link of the guest's namespace, now or after a
 * move, needs none, so no descriptor has to be sent after the worker.
 *
 * Other addresses are put where lwIP looks for them, behind its back: it would end at
 * once what has the old ones, which may come back. Until the contexts say what becomes
 * of that, nothing of it leaves (lwip_guard_leaves()).
 *
 * With PACKET_VNET_HDR a frame from this host may be as the sender's stack made
 * it: up to 64 KB in one, and with a checksum still to be done. lwIP takes long
 * segments as they are, and always checks, so the checksum is done here.
 *
 * Frames are the network's: any bytes. What is not for this link never gets to
 * lwIP, which would forward it (Debian's is built so); nor does what changes how
 * an administrator has set the link up (router advertisements, redirects), nor what
 * says that it comes from this link, because an answer would go to lwIP's loopback,
 * which needs a thread that is not there.
 */
#include <errno.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <linux/if_ether.h>
#include <linux/virtio_net.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <lwip/etharp.h>
#include <lwip/ethip6.h>
#include <lwip/inet_chksum.h>
#include <lwip/memp.h>
#include <lwip/mld6.h>
#include <lwip/nd6.h>
#include <netif/ethernet.h>
#include <lwip/priv/nd6_priv.h>
#include <lwip/priv/tcp_priv.h>

#include "../../common/log.h"
#include "lwip_conn.h"
#include "lwip_guard.h"
#include "lwip_link.h"

#define FRAMES	   64 /* taken at one event */
#define RCVBUF	   4194304
#define SNDBUF	   1048576
#define IOV_MAX_TX 8
#define TELL_MS	   1000u  /* then twice as long, ... */
#define TELL_MAX   32000u /* once more, and no more */
/* Which of netif's addresses. */
#define IP6_LINK   0
#define IP6_OWN	   1
#define NOWHERE_PROTOCOL 0x88b5 /* IEEE's for experiments: nothing on "lo" */

/* As a packet socket gives and takes it. */
struct frame {
	struct virtio_net_hdr vnet;
	uint8_t bytes[ETH_HLEN + 65536];
} __attribute__((packed));

/* ---- sending ---- */

static void want_room(struct lwip_link *link, bool on)
{
	struct epoll_event ev = {
		.events = on ? EPOLLIN | EPOLLOUT : EPOLLIN,
		.data.u64 = link->data,
	};

	if (link->blocked == on)
		return;
	link->blocked = on;
	++*link->syscalls;
	epoll_ctl(link->epoll, EPOLL_CTL_MOD, link->fd, &ev);
}

static err_t link_send(struct lwip_link *link, struct msghdr *msg)
{
	++*link->syscalls;
	if (sendmsg(link->fd, msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return ERR_OK;
	/* lost, as on a wire that is cut or (ENOBUFS) a queue that is full: it
	 * would be again at once, and TCP should send less */
	if (errno != EAGAIN)
		return ERR_OK;
	want_room(link, true);
	return ERR_MEM; /* TCP keeps the segment, and is told of room */
}

static err_t link_output(struct netif *netif, struct pbuf *p)
{
	static const struct virtio_net_hdr plain;
	struct iovec iov[1 + IOV_MAX_TX] = {{(void *)&plain, sizeof(plain)}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 1};

	if (!lwip_guard_leaves(netif->state, p->payload, p->len))
		return ERR_OK; /* lost: it waits for its address */
	for (; p; p = p->next) {
		if (msg.msg_iovlen > IOV_MAX_TX)
			return ERR_BUF;
		iov[msg.msg_iovlen].iov_base = p->payload;
		iov[msg.msg_iovlen++].iov_len = p->len;
	}
	return link_send(netif->state, &msg);
}

/* ---- receiving ---- */

/* What the sender's stack has left to the network card. */
static bool complete_checksum(struct frame *f, size_t len)
{
	size_t start = f->vnet.csum_start;
	size_t at = start + f->vnet.csum_offset;
	uint16_t sum;

	if (!(f->vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return true;
	if (at + sizeof(sum) > len || len - start > UINT16_MAX)
		return false;
	sum = inet_chksum(f->bytes + start, (uint16_t)(len - start));
	if (!sum)
		sum = 0xffff; /* the same number; for UDP 0 means "none" */
	memcpy(f->bytes + at, &sum, sizeof(sum));
	return true;
}

/* Of what lwIP answers by itself; NULL: to be looked at. */
static struct lwip_link *answering;

void lwip_link_stir(void)
{
	answering = NULL;
}

/*
 * lwIP chooses a link by the peer's address, be it the first one of several on one
 * network; from there the answer would have an address of another link's.
 */
static void answer_by(struct lwip_link *link)
{
	struct tcp_pcb_listen *listener;
	struct netif **at;

	if (answering == link)
		return;
	answering = link;
	/* what is accepted has it of its listener */
	for (listener = tcp_listen_pcbs.listen_pcbs; listener;
	     listener = listener->next)
		listener->netif_idx = netif_get_index(&link->netif);
	/* resets */
	netif_set_default(&link->netif);
	for (at = &netif_list; *at != &link->netif; at = &(*at)->next)
		;
	*at = link->netif.next;
	link->netif.next = netif_list;
	netif_list = &link->netif;
}

static void link_input(struct lwip_link *link, struct frame *f, size_t len)
{
	struct pbuf *p;

	if (len > UINT16_MAX || !complete_checksum(f, len) ||
	    !lwip_guard_frame(link, f->bytes, len))
		return;
	lwip_icmp_look(f->bytes, len);
	if (!memcmp(f->bytes, link->netif.hwaddr, ETH_ALEN))
		link->tell_wait = 0;
	p = pbuf_alloc(PBUF_RAW, (uint16_t)len, PBUF_RAM);
	if (!p)
		return;
	memcpy(p->payload, f->bytes, len);
	answer_by(link);
	if (link->netif.input(p, &link->netif) != ERR_OK)
		pbuf_free(p);
	lwip_guard_window();
}

void lwip_link_event(struct lwip_link *link, uint32_t events)
{
	static struct frame frame; /* one thread, and 64 KB */
	unsigned int i;
	ssize_t n;

	if ((events & EPOLLOUT) && link->blocked) {
		want_room(link, false);
		tcp_txnow();
	}
	for (i = 0; i < FRAMES; i++) {
		++*link->syscalls;
		n = recv(link->fd, &frame, sizeof(frame),
			 MSG_DONTWAIT | MSG_TRUNC);
		if (n < 0)
			return; /* none, or the device is down or gone */
		if ((size_t)n > sizeof(frame.vnet) + ETH_HLEN &&
		    (size_t)n <= sizeof(frame) && link->used)
			link_input(link, &frame,
				   (size_t)n - sizeof(frame.vnet));
	}
}

/* ---- the socket ---- */

/* What there is no privilege for is cut to the system's limit. */
static void set_buffer(int fd, int by_force, int otherwise, int bytes)
{
	if (setsockopt(fd, SOL_SOCKET, by_force, &bytes, sizeof(bytes)))
		setsockopt(fd, SOL_SOCKET, otherwise, &bytes, sizeof(bytes));
}

int lwip_link_open(struct lwip_link *link,
		   const struct toe_stack_config *config, uint64_t data)
{
	struct epoll_event ev = {.events = EPOLLIN,
				 .data.u64 = config->tag | data};
	int on = 1, err;

	link->epoll = config->epoll;
	link->data = ev.data.u64;
	link->syscalls = config->syscalls;
	/* protocol 0: nothing comes before it is bound */
	link->fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (link->fd < 0)
		return -errno;
	set_buffer(link->fd, SO_RCVBUFFORCE, SO_RCVBUF, RCVBUF);
	set_buffer(link->fd, SO_SNDBUFFORCE, SO_SNDBUF, SNDBUF);
	if (!setsockopt(link->fd, SOL_PACKET, PACKET_VNET_HDR, &on,
			sizeof(on)) &&
	    !setsockopt(link->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on,
			sizeof(on)) &&
	    !epoll_ctl(link->epoll, EPOLL_CTL_ADD, link->fd, &ev))
		return 0;
	err = -errno;
	lwip_link_close(link);
	return err;
}

void lwip_link_close(struct lwip_link *link)
{
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
}

static int bind_to(struct lwip_link *link, int ifindex, uint16_t protocol)
{
	struct sockaddr_ll ll = {.sll_family = AF_PACKET,
				 .sll_ifindex = ifindex,
				 .sll_protocol = lwip_htons(protocol)};

	++*link->syscalls;
	return bind(link->fd, (struct sockaddr *)&ll, sizeof(ll)) ? -errno : 0;
}

static int ask(struct lwip_link *link, unsigned long what, const char *name,
	       struct ifreq *ifr)
{
	memset(ifr, 0, sizeof(*ifr));
	strncpy(ifr->ifr_name, name, sizeof(ifr->ifr_name) - 1);
	++*link->syscalls;
	return ioctl(link->fd, what, ifr) ? -errno : 0;
}

/* @what: PACKET_ADD_MEMBERSHIP or PACKET_DROP_MEMBERSHIP */
static void hear_group(struct lwip_link *link, int what, const uint8_t *mac)
{
	struct packet_mreq mreq = {.mr_ifindex = link->ifindex,
				   .mr_type = PACKET_MR_MULTICAST,
				   .mr_alen = ETH_ALEN};

	memcpy(mreq.mr_address, mac, ETH_ALEN);
	++*link->syscalls;
	setsockopt(link->fd, SOL_PACKET, what, &mreq, sizeof(mreq));
}

/* The device's filter lets through what is sent to all, and this besides. */
static void hear(struct lwip_link *link, int what)
{
	static const uint8_t all[ETH_ALEN] = {0x33, 0x33, 0, 0, 0, 1};
	uint8_t solicited[ETH_ALEN] = {0x33, 0x33, 0xff};

	if (!link->ip6.addr.family)
		return;
	hear_group(link, what, all);
	memcpy(solicited + 3, link->ip6.addr.addr + 13, 3);
	hear_group(link, what, solicited);
	memcpy(solicited + 3, link->netif.hwaddr + 3, 3); /* fe80:: */
	hear_group(link, what, solicited);
}

/* Sets what lwIP must know of the device: its address and its MTU. */
static int attach(struct lwip_link *link, const char *name)
{
	struct sockaddr_ll ll = {0};
	socklen_t len = sizeof(ll);
	struct ifreq ifr;
	int err;

	err = ask(link, SIOCGIFINDEX, name, &ifr);
	if (err)
		return err;
	link->ifindex = ifr.ifr_ifindex;
	err = bind_to(link, link->ifindex, ETH_P_ALL);
	if (!err)
		err = ask(link, SIOCGIFMTU, name, &ifr);
	if (err)
		return err;
	++*link->syscalls;
	if (getsockname(link->fd, (struct sockaddr *)&ll, &len))
		return -errno;
	if (ll.sll_halen != ETH_ALEN)
		return -EPROTONOSUPPORT;
	memcpy(link->netif.hwaddr, ll.sll_addr, ETH_ALEN);
	link->netif.mtu = link->netif.mtu6 =
		(uint16_t)LWIP_MIN(ifr.ifr_mtu, UINT16_MAX);
	return 0;
}

/* ---- the interface ---- */

static err_t netif_begin(struct netif *netif)
{
	netif->name[0] = 'v';
	netif->name[1] = 't';
	netif->hwaddr_len = ETH_ALEN;
	netif->output = etharp_output;
	netif->output_ip6 = ethip6_output;
	netif->linkoutput = link_output;
	netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP |
		       NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP |
		       NETIF_FLAG_MLD6;
	return ERR_OK;
}

/* A neighbour that is there already is asked for anew, elsewhere in the table. */
static void drop_queue(struct nd6_neighbor_cache_entry *n)
{
	struct nd6_q_entry *q;

	while ((q = n->q) != NULL) {
		n->q = q->next;
		pbuf_free(q->p);
		memp_free(MEMP_ND6_QUEUE, q);
	}
}

/*
 * lwIP learns of routers by their advertisements only, which do not reach it. So
 * its tables are filled by hand: an entry that says "router" is never dropped.
 */
static void set_gateway6(struct lwip_link *link)
{
	struct nd6_neighbor_cache_entry *n;
	unsigned int i = 0;

	if (!link->ip6.gateway.family)
		return;
	while (i < LWIP_ND6_NUM_ROUTERS && default_router_list[i].neighbor_entry)
		i++;
	if (i == LWIP_ND6_NUM_ROUTERS) {
		log_warn("lwip: no more than %u IPv6 gateways", i);
		return;
	}
	n = &neighbor_cache[LWIP_ND6_NUM_NEIGHBORS - 1 - i];
	drop_queue(n);
	memset(n, 0, sizeof(*n));
	memcpy(n->next_hop_address.addr, link->ip6.gateway.addr, 16);
	ip6_addr_assign_zone(&n->next_hop_address, IP6_UNICAST, &link->netif);
	n->netif = &link->netif;
	n->isrouter = 1;
	n->state = ND6_INCOMPLETE;
	default_router_list[i].neighbor_entry = n;
	default_router_list[i].invalidation_timer = UINT32_MAX;
}

/*
 * Nor would lwIP's own function leave listeners alone that a program has bound to the
 * old one.
 */
static void set_address4(struct lwip_link *link)
{
	const struct toe_address *own = &link->ip;
	ip4_addr_t ip = {0}, mask = {0}, gw = {0};

	if (own->addr.family)
		memcpy(&ip.addr, own->addr.addr, sizeof(ip.addr));
	if (own->addr.family && own->prefix)
		mask.addr = lwip_htonl(UINT32_MAX << (32 - own->prefix));
	if (own->gateway.family)
		memcpy(&gw.addr, own->gateway.addr, sizeof(gw.addr));
	ip_addr_copy_from_ip4(link->netif.ip_addr, ip);
	netif_set_netmask(&link->netif, &mask);
	netif_set_gw(&link->netif, &gw);
}

static void set_state6(struct netif *netif, uint8_t state)
{
	nd6_adjust_mld_membership(netif, IP6_OWN, state);
	netif->ip6_addr_state[IP6_OWN] = state;
}

/* Neighbours are asked anew: they may be of the old network. */
static void set_address6(struct lwip_link *link)
{
	struct netif *netif = &link->netif;
	ip6_addr_t ip = {0};

	nd6_cleanup_netif(netif);
	set_state6(netif, IP6_ADDR_INVALID);
	if (link->ip6.addr.family)
		memcpy(ip.addr, link->ip6.addr.addr, sizeof(ip.addr));
	ip_addr_copy_from_ip6(netif->ip6_addr[IP6_OWN], ip);
	if (!link->ip6.addr.family)
		return;
	if (!ip6_addr_isvalid(netif_ip6_addr_state(netif, IP6_LINK))) {
		netif_create_ip6_linklocal_address(netif, 1);
		netif_ip6_addr_set_state(netif, IP6_LINK, IP6_ADDR_PREFERRED);
	}
	/* the administrator's: usable at once */
	set_state6(netif, IP6_ADDR_PREFERRED);
	set_gateway6(link);
}

static int netif_make(struct lwip_link *link)
{
	if (!netif_add(&link->netif, NULL, NULL, NULL, link, netif_begin,
		       ethernet_input))
		return -ENOBUFS;
	if (!netif_default)
		netif_set_default(&link->netif);
	lwip_link_stir();
	return 0;
}

static void remove_netif(struct lwip_link *link)
{
	if (!link->used)
		return;
	bind_to(link, 1, NOWHERE_PROTOCOL); /* "lo": no frame of that kind */
	netif_remove(&link->netif);
	if (!netif_default && netif_list)
		netif_set_default(netif_list);
	link->used = false;
	lwip_link_stir();
}

/* ---- telling neighbours ---- */

struct advertisement {
	uint8_t ip[40]; /* IPv6's header */
	uint8_t type, code;
	uint16_t sum;
	uint8_t flags, zero[3];
	uint8_t target[16];
	uint8_t option, eights, mac[ETH_ALEN];
} __attribute__((packed));

/* An unsolicited one, RFC 4861 section 7.2.6: lwIP sends none. */
static void advertise(struct lwip_link *link)
{
	const uint8_t *own = link->ip6.addr.addr;
	const uint16_t len = sizeof(struct advertisement) - 40;
	struct {
		uint8_t to[ETH_ALEN], from[ETH_ALEN], type[2];
		struct advertisement na;
	} __attribute__((packed)) f = {
		.to = {0x33, 0x33, 0, 0, 0, 1},
		.type = {0x86, 0xdd},
		.na = {.ip = {[0] = 0x60, [5] = (uint8_t)len, [6] = 58,
			      [7] = 255, [24] = 0xff, [25] = 2, [39] = 1},
		       .type = 136,
		       .flags = 0x20, /* override */
		       .option = 2,
		       .eights = 1},
	};
	struct pbuf *p;
	ip6_addr_t src = {0}, dst = {0};

	if (!link->ip6.addr.family)
		return;
	memcpy(f.from, link->netif.hwaddr, ETH_ALEN);
	memcpy(f.na.ip + 8, own, 16);
	memcpy(f.na.target, own, 16);
	memcpy(f.na.mac, link->netif.hwaddr, ETH_ALEN);
	memcpy(src.addr, f.na.ip + 8, 16);
	memcpy(dst.addr, f.na.ip + 24, 16);
	p = pbuf_alloc(PBUF_RAW, sizeof(f), PBUF_RAM);
	if (!p)
		return;
	memcpy(p->payload, &f, sizeof(f));
	pbuf_remove_header(p, ETH_HLEN + 40);
	f.na.sum = ip6_chksum_pseudo(p, 58, len, &src, &dst);
	pbuf_add_header(p, ETH_HLEN + 40);
	memcpy(p->payload, &f, sizeof(f));
	link_output(&link->netif, p);
	pbuf_free(p);
}

static void announce(struct lwip_link *link)
{
	if (link->ip.addr.family)
		etharp_gratuitous(&link->netif);
	advertise(link);
}

void lwip_link_tick(struct lwip_link *link, uint64_t now_ms)
{
	if (!link->used || !link->tell_wait || now_ms < link->tell_ms)
		return;
	announce(link);
	link->tell_wait = link->tell_wait < TELL_MAX ? 2 * link->tell_wait : 0;
	link->tell_ms = now_ms + link->tell_wait;
}

static bool same(const struct toe_address *a, const struct toe_address *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* @anew: lwIP has none of them yet */
static void set_addresses(struct lwip_link *link, const struct toe_link *to,
			  bool anew)
{
	bool other = anew || !same(&link->ip, &to->ip);
	bool other6 = anew || !same(&link->ip6, &to->ip6);

	link->ip = to->ip;
	link->ip6 = to->ip6;
	if (!netif_is_up(&link->netif))
		return; /* it has never been on a link; it will be anew */
	if (other)
		set_address4(link);
	if (other6)
		set_address6(link);
}

int lwip_link_set(struct lwip_link *link, const struct toe_link *to)
{
	bool anew;
	int err;

	if (!to->name) {
		remove_netif(link);
		return 0;
	}
	if (link->used) {
		hear(link, PACKET_DROP_MEMBERSHIP);
	} else {
		err = netif_make(link);
		if (err)
			return err;
		link->used = true;
	}
	err = attach(link, to->name);
	anew = !netif_is_up(&link->netif);
	if (!err)
		netif_set_up(&link->netif);
	set_addresses(link, to, anew);
	if (err) {
		log_warn("lwip: link \"%s\": %s", to->name, strerror(-err));
		return err;
	}
	hear(link, PACKET_ADD_MEMBERSHIP);
	link->netif.rs_count = 0; /* no router is asked to advertise itself */
	announce(link);
	link->tell_wait = TELL_MS;
	link->tell_ms = lwip_now_ms() + TELL_MS;
	return 0;
}

bool lwip_link_has(const struct lwip_link *link, const ip_addr_t *addr)
{
	if (!link->used)
		return false;
	if (IP_IS_V4(addr))
		return link->ip.addr.family &&
		       !memcmp(link->ip.addr.addr, &ip_2_ip4(addr)->addr, 4);
	return link->ip6.addr.family &&
	       !memcmp(link->ip6.addr.addr, ip_2_ip6(addr)->addr, 16);
}

bool lwip_link_gone(const struct lwip_link *link)
{
	struct sockaddr_ll on;
	socklen_t len = sizeof(on);

	++*link->syscalls;
	/* the kernel sets it to -1 then */
	return getsockname(link->fd, (struct sockaddr *)&on, &len) ||
	       on.sll_ifindex <= 0;
}
