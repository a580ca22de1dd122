/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Claims about the "lwip" driver: a user-space stack as an engine.
 *
 * Both TOEs of segment.h are lwIP's, beside the fixture's eth0, which is the kernel's.
 * What one stack alone has to do, connect_test.c and the others claim, too:
 * NATIVE_DRIVER=lwip runs them on lwIP. stacks_test.c has what goes between stacks.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netpacket/packet.h>
#include <net/if.h>
#include <linux/if_ether.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "native.h"
#include "segment.h"

#define OWN	"198.51.100.10"
#define OWN6	"2001:db8:1::10"
#define GIVEN	"198.51.100.50" /* by the TOE, to a link that is not the first */
#define ENTRY                                                         \
	"pool=soft,ip=" OWN "/24,ip6=" OWN6 "/64,gateway=" NEAR       \
	",gateway6=" NEAR6
#define ENTRY_BOTH NT_ENTRY ",pool=both"

static void lan_up(struct nt *nt)
{
	segment_up(nt,
		   "toe \"sw1\" { netdev = \"toe1\" driver = \"lwip\""
		   " segment = \"lan\" addresses = \"" GIVEN
		   "-198.51.100.59/24\" gateway = \"" NEAR "\" }\n"
		   "toe \"sw2\" { netdev = \"toe2\" driver = \"lwip\""
		   " segment = \"lan\" }\n"
		   "pool \"soft\" { toes = {\"sw1\", \"sw2\"}"
		   " policy = \"in-order\" }\n"
		   "pool \"both\" { toes = {\"eth0\", \"sw1\"}"
		   " policy = \"round-robin\" spread = 2 }\n");
}

static struct tg *soft_up(struct nt *nt)
{
	lan_up(nt);
	return nt_guest_up_as(nt, NULL, ENTRY);
}

/* ---- streams ---- */

NATIVE_TEST(many_bytes_pass_both_ways)
{
	struct tg_sock *s = echo_to(nt, soft_up(nt), NEAR);

	there_and_back(s, 20u << 20);
	ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
}

NATIVE_TEST(many_bytes_pass_both_ways_over_ipv6)
{
	struct tg_sock *s = echo_to(nt, soft_up(nt), NEAR6);

	there_and_back(s, 20u << 20);
	ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
}

NATIVE_TEST(gateways_lead_further)
{
	struct tg *tg = soft_up(nt);

	echo_to(nt, tg, FAR);
	echo_to(nt, tg, FAR6);
}

NATIVE_TEST(lost_segments_are_sent_again)
{
	struct tg *tg = soft_up(nt);
	struct tg_sock *s;

	/* what does not fit in short queues is lost */
	ck_assert(!nt_remote_run(nt, "tc qdisc add dev eth1 root tbf"
				     " rate 50mbit burst 20k limit 60k"));
	nt_shell("tc qdisc add dev toe1 root tbf"
		 " rate 50mbit burst 20k limit 60k");
	s = echo_to(nt, tg, NEAR);
	there_and_back(s, 1u << 20);
}

NATIVE_TEST(a_server_is_reached_by_both_families)
{
	struct tg *tg = soft_up(nt);
	struct tg_sock *l, *s;
	uint8_t byte = 7, back;
	int fd[2], i;

	ck_ok(tg_open(tg, VTOE_INET6, NT_TIMEOUT, &l));
	ck_ok(tg_bind(l, "::", PORT, NT_TIMEOUT, NULL));
	ck_ok(tg_listen(l, 5, NT_TIMEOUT));
	ck_ok(tg_post(l, 2));
	for (i = 0; i < 2; i++) {
		fd[i] = nt_remote_connect(nt, i ? OWN6 : OWN, PORT);
		ck_ok(tg_accept(l, NT_TIMEOUT, &s));
		ck_assert_int_eq(send(fd[i], &byte, 1, 0), 1);
		ck_ok(tg_recv_all(s, &back, 1, NT_TIMEOUT));
		ck_assert_uint_eq(back, byte);
		close(fd[i]);
		ck_assert_int_eq(tg_recv_wait(s, &back, 1, NT_TIMEOUT), 0);
	}
}

NATIVE_TEST(errors_are_true)
{
	struct tg *tg = soft_up(nt);
	struct tg_sock *s;

	ck_err(tg_open_connect(tg, NEAR, PORT, NT_TIMEOUT, &s), ECONNREFUSED);
	ck_err(tg_open_connect(tg, NEAR6, PORT, NT_TIMEOUT, &s), ECONNREFUSED);
	/* there is no way to itself: lwIP's loopback needs a thread */
	ck_err(tg_open_connect(tg, OWN, PORT, NT_TIMEOUT, &s), EHOSTUNREACH);
	ck_assert(!nt_remote_run(nt, "ip route add unreachable 203.0.113.7 &&"
				     " sysctl -qw net.ipv4.ip_forward=1"));
	ck_err(tg_open_connect(tg, "203.0.113.7", PORT, NT_TIMEOUT, &s),
	       EHOSTUNREACH);
}

NATIVE_TEST(what_lwip_cannot_do_is_refused)
{
	struct tg *tg = soft_up(nt);
	struct tg_sock *s;
	char name[] = "cubic";
	int one = 1;

	ck_ok(tg_open(tg, VTOE_INET, NT_TIMEOUT, &s));
	ck_ok(tg_setopt(s, IPPROTO_TCP, TCP_NODELAY, &one, 4, NT_TIMEOUT));
	ck_err(tg_setopt(s, IPPROTO_TCP, TCP_CONGESTION, name, sizeof(name),
			 NT_TIMEOUT), ENOPROTOOPT);
	ck_err(tg_setopt(s, SOL_SOCKET, SO_MARK, &one, 4, NT_TIMEOUT),
	       ENOPROTOOPT);
}

/* ---- datagrams ---- */

static void datagram_there_and_back(struct nt *nt, struct tg_sock *s, int fd,
				    const char *ip, size_t len)
{
	struct sockaddr_storage from;
	socklen_t salen = sizeof(from);
	uint8_t *data = malloc(len), *in = malloc(len);

	nt_fill(data, len, 3, 0);
	ck_ok(tg_sendto(s, ip, PORT, data, len, NT_TIMEOUT));
	nt_until(recvfrom(fd, in, len, MSG_DONTWAIT, (void *)&from, &salen) ==
			 (ssize_t)len ||
		 (tg_poll(nt->guest.tg), false));
	ck_assert_int_eq(nt_check(in, len, 3, 0), -1);
	ck_assert_int_eq(sendto(fd, data, len, 0, (void *)&from, salen),
			 (ssize_t)len);
	ck_assert_int_eq(tg_recvfrom(s, in, len, NULL, NT_TIMEOUT),
			 (ssize_t)len);
	ck_assert_int_eq(nt_check(in, len, 3, 0), -1);
	free(in);
	free(data);
}

NATIVE_TEST(datagrams_pass_whole_or_in_pieces)
{
	static const char *const peer[] = {NEAR, NEAR6};
	struct tg *tg = soft_up(nt);
	struct tg_sock *s;
	int fd, i;

	for (i = 0; i < 2; i++) {
		fd = nt_remote_dgram(nt, peer[i], PORT);
		ck_ok(tg_open_dgram(tg, i ? VTOE_INET6 : VTOE_INET, NT_TIMEOUT,
				    &s));
		datagram_there_and_back(nt, s, fd, peer[i], 100);
		datagram_there_and_back(nt, s, fd, peer[i], 8000);
		close(fd);
	}
}

NATIVE_TEST(no_such_neighbour_is_told)
{
	struct tg *tg = soft_up(nt);
	struct tg_sock *s;
	int i;

	ck_ok(tg_open_dgram(tg, VTOE_INET, NT_TIMEOUT, &s));
	ck_ok(tg_connect(s, "198.51.100.77", PORT, NT_TIMEOUT));
	for (i = 0; i < 20; i++)
		ck_ok(tg_sendto(s, NULL, 0, "x", 1, NT_TIMEOUT));
	ck_assert_int_eq(tg_dgram_error(s, NT_TIMEOUT), EHOSTUNREACH);
}

NATIVE_TEST(connecting_to_no_such_neighbour_is_told)
{
	static const char *const peer[] = {"198.51.100.77", "2001:db8:1::77"};
	struct tg *tg = soft_up(nt);
	struct tg_sock *s;
	int i;

	for (i = 0; i < 2; i++)
		ck_err(tg_open_connect(tg, peer[i], PORT, NT_TIMEOUT, &s),
		       EHOSTUNREACH);
}

NATIVE_TEST(a_neighbour_that_is_there_is_waited_for)
{
	struct tg *tg = soft_up(nt);
	int l = nt_remote_listen(nt, NEAR, PORT, 0); /* room for one */
	struct tg_sock *s;

	ck_ok(tg_open_connect(tg, NEAR, PORT, NT_TIMEOUT, &s));
	/* longer than neighbours are asked for */
	ck_err(tg_open_connect(tg, NEAR, PORT, 5000, &s), ETIMEDOUT);
	close(nt_remote_accept(nt, l));
	close(l);
}

/* ---- beside the kernel's stack ---- */

NATIVE_TEST(a_guest_is_on_the_kernel_and_on_lwip_at_once)
{
	struct tg_sock *s[2];
	struct tg *tg;

	lan_up(nt);
	tg = nt_guest_up_as(nt, NULL, ENTRY_BOTH);
	s[0] = echo_to(nt, tg, NT_REMOTE_IP);
	s[1] = echo_to(nt, tg, NEAR);
	ck_assert(contexts_say(nt, "toe=eth0 " NT_GUEST_IP));
	ck_assert(contexts_say(nt, "toe=sw1 " GIVEN));
	there_and_back(s[0], 4u << 20);
	there_and_back(s[1], 4u << 20);
	nt_echo_once(s[0]);
}

NATIVE_TEST(options_and_addresses_find_their_stack)
{
	struct tg_sock *l, *s;
	struct tg *tg;
	uint32_t len = 4;
	int one = 1, is = 0, fd;

	lan_up(nt);
	tg = nt_guest_up_as(nt, NULL, ENTRY_BOTH);
	/* a server on lwIP's address, as most set it up */
	ck_ok(tg_open(tg, VTOE_INET, NT_TIMEOUT, &l));
	ck_ok(tg_setopt(l, SOL_SOCKET, SO_REUSEADDR, &one, 4, NT_TIMEOUT));
	ck_ok(tg_bind(l, GIVEN, PORT, NT_TIMEOUT, NULL));
	ck_ok(tg_listen(l, 5, NT_TIMEOUT));
	ck_ok(tg_post(l, 1));
	ck_ok(tg_getopt(l, SOL_SOCKET, SO_REUSEADDR, &is, &len, NT_TIMEOUT));
	ck_assert_int_eq(is, 1);
	fd = nt_remote_connect(nt, GIVEN, PORT);
	ck_ok(tg_accept(l, NT_TIMEOUT, &s));
	close(fd);
	/* and a client whose option only the kernel has: it stays there */
	nt_remote_echo(nt, NT_REMOTE_IP, PORT);
	ck_ok(tg_open(tg, VTOE_INET, NT_TIMEOUT, &s));
	ck_ok(tg_setopt(s, IPPROTO_TCP, TCP_SYNCNT, &one, 4, NT_TIMEOUT));
	ck_ok(tg_connect(s, NT_REMOTE_IP, PORT, NT_TIMEOUT));
	nt_echo_once(s);
}

NATIVE_TEST(a_toe_of_lwip_goes_beside_the_kernels)
{
	struct tg_sock *s[2], *l, *c;
	struct tg *tg;
	char byte;

	lan_up(nt);
	tg = nt_guest_up_as(nt, NULL, ENTRY_BOTH);
	s[0] = echo_to(nt, tg, NT_REMOTE_IP);
	s[1] = echo_to(nt, tg, NEAR);
	ck_ok(tg_open(tg, VTOE_INET, NT_TIMEOUT, &l));
	ck_ok(tg_bind(l, GIVEN, PORT, NT_TIMEOUT, NULL));
	ck_ok(tg_listen(l, 5, NT_TIMEOUT));
	nt_shell("sed -i '/^toe .sw1/d; s/, .sw1.//; s/.sw1., //' "
		 "/run/vtoed.conf");
	ck_assert(nt_says(nt, "{\"command\":\"reload\"}", "\"ok\":true"));
	ck_err(tg_recv_wait(s[1], &byte, 1, NT_TIMEOUT), ECONNRESET);
	nt_echo_once(s[0]);
	ck_assert(tg_open_connect(tg, NEAR, PORT, NT_TIMEOUT, &c) < 0);
	nt_echo_once(s[0]);
}

/* ---- moving ---- */

NATIVE_TEST(connections_go_on_on_a_sibling)
{
	struct tg *tg = soft_up(nt);
	struct tg_sock *s[2], *l, *a, *d;
	int fd, udp = nt_remote_dgram(nt, NEAR, PORT);

	s[0] = echo_to(nt, tg, NEAR);
	s[1] = echo_to(nt, tg, NEAR6);
	ck_ok(tg_open(tg, VTOE_INET, NT_TIMEOUT, &l));
	ck_ok(tg_bind(l, "0.0.0.0", PORT, NT_TIMEOUT, NULL));
	ck_ok(tg_listen(l, 5, NT_TIMEOUT));
	ck_ok(tg_post(l, 1));
	ck_ok(tg_open_dgram(tg, VTOE_INET, NT_TIMEOUT, &d));
	datagram_there_and_back(nt, d, udp, NEAR, 100);
	ck_assert(contexts_say(nt, "toe=sw1"));
	drain(nt, "drain", "sw1");
	nt_until(!contexts_say(nt, "toe=sw1"));
	ck_assert(contexts_say(nt, "toe=sw2"));
	there_and_back(s[0], 1u << 20);
	there_and_back(s[1], 1u << 20);
	datagram_there_and_back(nt, d, udp, NEAR, 100);
	fd = nt_remote_connect(nt, OWN, PORT);
	ck_ok(tg_accept(l, NT_TIMEOUT, &a));
	close(fd);
	/* and back, after the other one has failed */
	drain(nt, "undrain", "sw1");
	nt_shell("ip link set toe2 down");
	nt_until(!contexts_say(nt, "toe=sw2"));
	there_and_back(s[0], 1u << 20);
	close(udp);
}

NATIVE_TEST(the_next_vtoed_moves_them_too)
{
	struct tg *tg = soft_up(nt);
	struct tg_sock *s = echo_to(nt, tg, NEAR);

	nt_vtoed_kill(nt, SIGKILL);
	nt_echo_once(s);
	nt_vtoed_start(nt);
	nt_until(nt_says(nt, "{\"command\":\"list\"}", "\"connected\""));
	drain(nt, "drain", "sw1");
	nt_until(!contexts_say(nt, "toe=sw1"));
	nt_echo_once(s);
}

NATIVE_TEST(what_connects_while_its_netdev_is_gone_waits)
{
	struct tg_sock *s;
	struct tg *tg;

	lan_up(nt);
	nt_shell("ip link del toe2");
	tg = nt_guest_up_as(nt, NULL, ENTRY ",on-loss=wait:60");
	nt_remote_echo(nt, NEAR, PORT);
	nt_shell("ip link del toe1");
	nt_until(nt_log_has(nt, "vtoed.log", "toe sw1: gone"));
	ck_ok(tg_open(tg, VTOE_INET, NT_TIMEOUT, &s));
	ck_ok(tg_connect_start(s, NEAR, PORT));
	nt_until(contexts_say(nt, "\"connecting\""));
	ck_err(tg_connect_done(s), EAGAIN);
	nt_shell("ip link add toe1 type veth peer name eth1 netns remote &&"
		 " ip -n remote link set eth1 master br0 up &&"
		 " ip link set toe1 up");
	ck_ok(tg_connect_wait(s, NT_TIMEOUT));
	nt_echo_once(s);
}

/* ---- the network is hostile ---- */

static void send_frame(int fd, int ifindex, const uint8_t *frame, size_t len)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
				 .sll_ifindex = ifindex,
				 .sll_halen = ETH_ALEN};

	memcpy(to.sll_addr, frame, ETH_ALEN);
	if (sendto(fd, frame, len, 0, (void *)&to, sizeof(to)) < 0)
		ck_assert_int_eq(errno, ENOBUFS);
}

/* Bytes of chance behind a header that gets them past the first check. */
static size_t make_frame(uint8_t *f, uint32_t *seed)
{
	static const uint8_t to[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	static const uint8_t own[4] = {198, 51, 100, 10};
	static const uint8_t own6[16] = {0x20, 1, 0xd, 0xb8, 0, 1, [15] = 0x10};
	static const uint8_t proto[] = {1, 6, 17, 44, 58, 2};
	size_t len = 20 + nt_random(seed) % 200, i;

	for (i = 0; i < len; i++)
		f[i] = (uint8_t)nt_random(seed);
	memcpy(f, to, sizeof(to));
	f[6] = 2;
	switch (nt_random(seed) % 4) {
	case 0:
		memcpy(f + 12, "\x08\x00\x45", 3);
		f[23] = proto[nt_random(seed) % sizeof(proto)];
		memcpy(f + 30, own, sizeof(own));
		if (nt_random(seed) % 4 == 0) /* the land attack */
			memcpy(f + 26, own, sizeof(own));
		break;
	case 1:
		memcpy(f + 12, "\x86\xdd\x60", 3);
		f[20] = proto[nt_random(seed) % sizeof(proto)];
		memcpy(f + 38, own6, sizeof(own6));
		if (nt_random(seed) % 4 == 0)
			memcpy(f + 22, own6, sizeof(own6));
		break;
	case 2:
		memcpy(f + 12, "\x08\x06\x00\x01\x08\x00\x06\x04\x00", 9);
		memcpy(f + 38, own, sizeof(own));
		break;
	}
	return len;
}

NATIVE_TEST(frames_of_any_bytes_do_no_harm)
{
	struct tg *tg = soft_up(nt);
	struct tg_sock *s = echo_to(nt, tg, NEAR);
	int fd = nt_remote_socket(nt, AF_PACKET, SOCK_RAW), ifindex, i;
	uint8_t frame[256] = {0};
	uint32_t seed = 1;
	struct ifreq ifr = {.ifr_name = "br0"};

	ck_assert_int_eq(ioctl(fd, SIOCGIFINDEX, &ifr), 0);
	ifindex = ifr.ifr_ifindex;
	for (i = 0; i < 20000; i++) {
		send_frame(fd, ifindex, frame, make_frame(frame, &seed));
		if (i % 1000 == 0)
			nt_echo_once(s);
	}
	close(fd);
	nt_echo_once(s);
	echo_to(nt, tg, NEAR6);
}

/* ---- configuration ---- */

NATIVE_TEST(what_the_link_cannot_be_is_an_error_that_says_why)
{
	struct fx_dom *dom;

	lan_up(nt);
	dom = nt_domain(nt, NT_DOMID, NULL);
	free(nt_attach(nt, NT_DOMID,
		       "pool=soft,ip=" OWN "/24,ip6=" OWN6 "/56"));
	nt_until(nt_says(nt, "{\"command\":\"list\"}",
			 "needs an IPv6 prefix of 64 bits"));
	fx_dom_close(dom);
}

NATIVE_TEST(a_rate_and_an_mtu_are_kept_to)
{
	struct tg_sock *s;
	struct tg *tg;

	lan_up(nt);
	tg = nt_guest_up_as(nt, NULL, ENTRY ",rate=16Mb/s,mtu=1300");
	nt_shell("tc -n vtoe-5-0 qdisc show | grep -q 'tbf.*rate 16Mbit'");
	s = echo_to(nt, tg, NEAR);
	there_and_back(s, 1u << 20);
}

NATIVE_TEST(dom0s_kernel_has_none_of_the_addresses)
{
	soft_up(nt);
	nt_shell("! ip -n vtoe-5-0 addr show scope global | grep -q inet");
}

NATIVE_MAIN("native-lwip", 120,
	    many_bytes_pass_both_ways,
	    many_bytes_pass_both_ways_over_ipv6,
	    gateways_lead_further,
	    lost_segments_are_sent_again,
	    a_server_is_reached_by_both_families,
	    errors_are_true,
	    what_lwip_cannot_do_is_refused,
	    datagrams_pass_whole_or_in_pieces,
	    no_such_neighbour_is_told,
	    connecting_to_no_such_neighbour_is_told,
	    a_neighbour_that_is_there_is_waited_for,
	    a_guest_is_on_the_kernel_and_on_lwip_at_once,
	    options_and_addresses_find_their_stack,
	    a_toe_of_lwip_goes_beside_the_kernels,
	    connections_go_on_on_a_sibling,
	    the_next_vtoed_moves_them_too,
	    what_connects_while_its_netdev_is_gone_waits,
	    frames_of_any_bytes_do_no_harm,
	    what_the_link_cannot_be_is_an_error_that_says_why,
	    a_rate_and_an_mtu_are_kept_to,
	    dom0s_kernel_has_none_of_the_addresses)
