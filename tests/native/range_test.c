// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about addresses of a TOE's ranges, when these change.
 *
 * The TOE "lan" is on toe1 of segment.h, with a range of each family, of which the
 * guest has the first ones. Each claim is one about the kernel's stack and about
 * lwIP, and about either family; spread_test.c has the kernel's IPv4.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "native.h"
#include "segment.h"

#define B "/local/domain/0/backend/vtoe/5/0"

struct family {
	int af;
	const char *near, *far, *own, *other;
	const char *router; /* another one than near */
	const char *range, *other_range;
	unsigned int bits;
};

static const struct family ipv4 = {
	.af = AF_INET,
	.near = NEAR,
	.far = FAR,
	.own = "198.51.100.50",
	.other = "198.51.100.80",
	.router = "198.51.100.2",
	.range = "198.51.100.50-198.51.100.59/24",
	.other_range = "198.51.100.80-198.51.100.89/24",
	.bits = 24,
};

static const struct family ipv6 = {
	.af = AF_INET6,
	.near = NEAR6,
	.far = FAR6,
	.own = "2001:db8:1::50",
	.other = "2001:db8:1::80",
	.router = "2001:db8:1::2",
	.range = "2001:db8:1::50-2001:db8:1::59/64",
	.other_range = "2001:db8:1::80-2001:db8:1::89/64",
	.bits = 64,
};

/* What is claimed of it. */
struct kind {
	const char *driver;
	const struct family *f;
};

#define CLAIM(claim)                                                       \
	static void claim(struct nt *nt, const struct kind *k);            \
	NATIVE_TEST(claim##_ipv6_on_the_kernel)                            \
	{                                                                  \
		claim(nt, &(struct kind){"kernel", &ipv6});                \
	}                                                                  \
	NATIVE_TEST(claim##_ipv4_on_lwip)                                  \
	{                                                                  \
		claim(nt, &(struct kind){"lwip", &ipv4});                  \
	}                                                                  \
	NATIVE_TEST(claim##_ipv6_on_lwip)                                  \
	{                                                                  \
		claim(nt, &(struct kind){"lwip", &ipv6});                  \
	}                                                                  \
	static void claim(struct nt *nt, const struct kind *k)

#define CLAIMED(claim)                                              \
	claim##_ipv6_on_the_kernel, claim##_ipv4_on_lwip, claim##_ipv6_on_lwip

/* ---- the configuration ---- */

static size_t range_text(char *text, size_t size, const char *suffix,
			 const char *range, const char *gateway)
{
	if (!range)
		return 0;
	return (size_t)snprintf(text, size,
				" addresses%s = \"%s\" gateway%s = \"%s\"",
				suffix, range, suffix, gateway);
}

/* @range NULL: none; the other family has what it has always */
static const char *lines(const struct kind *k, const char *range,
			 const char *gateway)
{
	static char text[512];
	bool v6 = k->f == &ipv6;
	size_t at = (size_t)snprintf(text, sizeof(text),
				     "toe \"lan\" { netdev = \"toe1\""
				     " link = \"macvlan\" driver = \"%s\"",
				     k->driver);

	at += range_text(text + at, sizeof(text) - at, "",
			 v6 ? ipv4.range : range, v6 ? ipv4.near : gateway);
	at += range_text(text + at, sizeof(text) - at, "6",
			 v6 ? range : ipv6.range, v6 ? gateway : ipv6.near);
	snprintf(text + at, sizeof(text) - at,
		 " }\npool \"ranged\" { toes = {\"lan\"} }\n"
		 "pool \"wide\" { toes = {\"eth0\", \"lan\"} spread = 2 }\n");
	return text;
}

static void configure(struct nt *nt, const struct kind *k, const char *range,
		      const char *gateway)
{
	nt_shell("sed -i '/\"lan\"/d' /run/vtoed.conf && "
		 "cat >>/run/vtoed.conf <<'E'\n%sE\n",
		 lines(k, range, gateway));
	ck_assert(nt_says(nt, "{\"command\":\"reload\"}", "\"changed\":true"));
}

static struct tg *up_as(struct nt *nt, const struct kind *k, const char *entry)
{
	struct tg *tg;

	segment_up(nt, lines(k, k->f->range, k->f->near));
	tg = nt_guest_up_as(nt, NULL, entry);
	ck_assert(nt_says(nt, "{\"command\":\"list\"}", k->f->own));
	return tg;
}

static struct tg *up(struct nt *nt, const struct kind *k)
{
	return up_as(nt, k, "pool=ranged,on-loss=wait:600");
}

static void change_range(struct nt *nt, const struct kind *k)
{
	configure(nt, k, k->f->other_range, k->f->near);
	ck_assert(nt_says(nt, "{\"command\":\"list\"}", k->f->other));
	ck_assert(!nt_says(nt, "{\"command\":\"list\"}", k->f->own));
}

/* ---- sockets ---- */

static void has_local(const struct tg_sock *s, const char *ip)
{
	const struct vtoe_addr expected = tg_addr(ip, 0);

	ck_assert_mem_eq(s->local.addr, expected.addr, sizeof(expected.addr));
}

static struct tg_sock *listener(struct tg *tg, const struct family *f)
{
	struct tg_sock *l;

	ck_ok(tg_open(tg, f->af, NT_TIMEOUT, &l));
	ck_ok(tg_bind(l, f->af == AF_INET ? "0.0.0.0" : "::", 80, NT_TIMEOUT,
		      NULL));
	ck_ok(tg_listen(l, 8, NT_TIMEOUT));
	ck_ok(tg_post(l, 4));
	return l;
}

static void accepts_at(struct nt *nt, struct tg_sock *l, const char *ip)
{
	int fd = nt_remote_connect(nt, ip, 80);
	struct tg_sock *s;

	ck_ok(tg_accept(l, NT_TIMEOUT, &s));
	has_local(s, ip);
	ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
	close(fd);
}

static void is_reset(struct tg_sock *s)
{
	char byte;

	ck_err(tg_recv_wait(s, &byte, 1, NT_TIMEOUT), ECONNRESET);
}

/* ---- claims ---- */

CLAIM(a_new_connection_has_an_address_of_the_new_range)
{
	struct tg *tg = up(nt, k);

	has_local(echo_to(nt, tg, k->f->near), k->f->own);
	change_range(nt, k);
	has_local(echo_to(nt, tg, k->f->far), k->f->other);
}

CLAIM(a_connection_of_an_address_that_is_gone_is_reset)
{
	struct tg *tg = up(nt, k);
	struct tg_sock *s = echo_to(nt, tg, k->f->near);

	change_range(nt, k);
	is_reset(s);
	ck_assert(contexts_say(nt, "\"remap_reason\":\"address\""));
}

CLAIM(the_other_family_is_not_disturbed)
{
	struct tg *tg = up(nt, k);
	struct tg_sock *s =
		echo_to(nt, tg, k->f == &ipv4 ? NEAR6 : NEAR);

	change_range(nt, k);
	nt_echo_once(s);
	ck_assert_uint_eq(nt_counter(nt, NT_DOMID, "remaps"), 0);
}

CLAIM(a_server_is_reached_at_the_new_address)
{
	struct tg_sock *l = listener(up(nt, k), k->f);

	accepts_at(nt, l, k->f->own);
	change_range(nt, k);
	accepts_at(nt, l, k->f->other);
}

CLAIM(what_waited_to_be_accepted_is_reset)
{
	struct tg *tg = up(nt, k);
	struct tg_sock *l, *s;
	int fd;

	ck_ok(tg_open(tg, k->f->af, NT_TIMEOUT, &l));
	ck_ok(tg_bind(l, k->f->af == AF_INET ? "0.0.0.0" : "::", 80,
		      NT_TIMEOUT, NULL));
	ck_ok(tg_listen(l, 8, NT_TIMEOUT));
	fd = nt_remote_connect(nt, k->f->own, 80);
	change_range(nt, k);
	ck_ok(tg_post(l, 1));
	ck_ok(tg_accept(l, NT_TIMEOUT, &s));
	is_reset(s);
	close(fd);
}

/* The guest's, in the kernel; where the remote host has it. */
static void link_local(int fd, struct sockaddr_in6 *sa)
{
	FILE *f = popen("ip -n vtoe-5-0 -6 -o addr show scope link -tentative |"
			" sed 's,.*inet6 ,,; s,/.*,,'", "r");
	struct ifreq ifr = {.ifr_name = "br0"};
	char ip[64] = "";

	ck_assert_int_eq(fscanf(f, "%63s", ip), 1);
	pclose(f);
	ck_assert_int_eq(ioctl(fd, SIOCGIFINDEX, &ifr), 0);
	*sa = (struct sockaddr_in6){.sin6_family = AF_INET6,
				    .sin6_port = htons(80),
				    .sin6_scope_id = (uint32_t)ifr.ifr_ifindex};
	ck_assert_int_eq(inet_pton(AF_INET6, ip, &sa->sin6_addr), 1);
}

NATIVE_TEST(a_connection_of_a_link_local_address_goes_on)
{
	const struct kind k = {"kernel", &ipv6};
	struct tg_sock *l = listener(up(nt, &k), &ipv6), *s;
	int fd = nt_remote_socket(nt, AF_INET6, SOCK_STREAM);
	struct sockaddr_in6 sa;
	char byte = 7, back;

	nt_until(!system("ip -n vtoe-5-0 -6 -o addr show scope link -tentative"
			 " | grep -q fe80"));
	link_local(fd, &sa);
	ck_assert_int_eq(connect(fd, (void *)&sa, sizeof(sa)), 0);
	ck_ok(tg_accept(l, NT_TIMEOUT, &s));
	change_range(nt, &k);
	configure(nt, &k, NULL, NULL);
	ck_assert_int_eq(send(fd, &byte, 1, 0), 1);
	ck_ok(tg_recv_all(s, &back, 1, NT_TIMEOUT));
	ck_assert_int_eq(back, byte);
	close(fd);
}

CLAIM(datagrams_go_on_from_the_new_address)
{
	int fd;
	struct tg *tg = up(nt, k);
	struct tg_sock *s;
	char text[8];

	fd = nt_remote_dgram(nt, k->f->near, 9000);
	ck_ok(tg_open_dgram(tg, k->f->af, NT_TIMEOUT, &s));
	ck_ok(tg_connect(s, k->f->near, 9000, NT_TIMEOUT));
	ck_ok(tg_sendto(s, NULL, 0, "before", 6, NT_TIMEOUT));
	nt_remote_recv(nt, fd, text, 6);
	change_range(nt, k);
	nt_until(contexts_say(nt, "\"remap_reason\":\"address\""));
	ck_ok(tg_sendto(s, NULL, 0, "after!", 6, NT_TIMEOUT));
	nt_remote_recv(nt, fd, text, 6);
	ck_assert_mem_eq(text, "after!", 6);
	close(fd);
}

CLAIM(a_connect_is_made_again_from_the_new_address)
{
	struct tg *tg = up(nt, k);
	struct tg_sock *s;
	char command[96];

	nt_remote_echo(nt, k->f->near, PORT);
	/* its answers do not come back */
	snprintf(command, sizeof(command), "ip route add blackhole %s",
		 k->f->own);
	ck_assert(!nt_remote_run(nt, command));
	ck_ok(tg_open(tg, k->f->af, NT_TIMEOUT, &s));
	ck_ok(tg_connect_start(s, k->f->near, PORT));
	nt_until(contexts_say(nt, "\"connecting\""));
	change_range(nt, k);
	ck_ok(tg_connect_wait(s, NT_TIMEOUT));
	nt_echo_once(s);
	has_local(s, k->f->other);
}

CLAIM(another_gateway_is_taken_by_what_is_open)
{
	struct tg *tg = up(nt, k);
	struct tg_sock *s = echo_to(nt, tg, k->f->far);
	char command[160];

	/* the old one leads nowhere any more */
	snprintf(command, sizeof(command),
		 "ip addr del %s/%u dev br0 && ip addr add %s/%u dev br0 %s",
		 k->f->near, k->f->bits, k->f->router, k->f->bits,
		 k->f == &ipv6 ? "nodad" : "");
	ck_assert(!nt_remote_run(nt, command));
	configure(nt, k, k->f->range, k->f->router);
	nt_echo_once(s);
	ck_assert(nt_says(nt, "{\"command\":\"list\"}", k->f->own));
}

CLAIM(a_connection_waits_for_its_range_to_come_back)
{
	struct tg *tg = up(nt, k);
	struct tg_sock *s = echo_to(nt, tg, k->f->near), *other;

	configure(nt, k, NULL, NULL);
	ck_assert(!nt_says(nt, "{\"command\":\"list\"}", k->f->own));
	ck_err(tg_open_connect(tg, k->f->near, PORT, NT_TIMEOUT, &other),
	       ENETUNREACH);
	configure(nt, k, k->f->range, k->f->near);
	nt_echo_once(s);
	ck_assert(contexts_say(nt, "\"remap_reason\":null"));
}

CLAIM(a_connection_does_not_wait_for_ever)
{
	struct tg *tg = up_as(nt, k, "pool=ranged,on-loss=reset");
	struct tg_sock *s = echo_to(nt, tg, k->f->near), *other;

	other = echo_to(nt, tg, k->f == &ipv4 ? NEAR6 : NEAR);
	configure(nt, k, NULL, NULL);
	is_reset(s);
	nt_echo_once(other);
}

CLAIM(the_next_vtoed_follows_what_changed_meanwhile)
{
	struct tg *tg = up(nt, k);
	struct tg_sock *l = listener(tg, k->f);
	struct tg_sock *s = echo_to(nt, tg, k->f->near);

	nt_vtoed_kill(nt, SIGKILL);
	nt->conf_extra = lines(k, k->f->other_range, k->f->near);
	nt_vtoed_start(nt);
	nt_until(nt_says(nt, "{\"command\":\"list\"}", k->f->other));
	is_reset(s);
	accepts_at(nt, l, k->f->other);
}

CLAIM(a_second_toe_has_routes_of_its_new_range)
{
	struct tg *tg = up_as(nt, k, NT_ENTRY ",pool=wide");
	struct tg_sock *s = echo_to(nt, tg, k->f->far);

	has_local(s, k->f->own);
	change_range(nt, k);
	is_reset(s);
	ck_ok(tg_open_connect(tg, k->f->far, PORT, NT_TIMEOUT, &s));
	has_local(s, k->f->other);
	nt_echo_once(s);
}

NATIVE_TEST(xenstore_shows_whose_range_an_ipv6_address_is_of)
{
	const struct kind k = {"kernel", &ipv6};
	char *from, *ip;

	up(nt, &k);
	from = nt_xs(B "/link/0/from6");
	ck_assert_str_eq(from, "lan");
	free(from);
	change_range(nt, &k);
	ip = nt_xs(B "/link/0/ip6");
	ck_assert_str_eq(ip, "2001:db8:1::80/64");
	free(ip);
	configure(nt, &k, NULL, NULL);
	ck_assert_ptr_null(nt_xs(B "/link/0/ip6"));
	ck_assert_ptr_null(nt_xs(B "/link/0/gateway6"));
}

NATIVE_TEST(what_lwip_cannot_have_is_said)
{
	const struct kind k = {"lwip", &ipv6};
	struct tg *tg = up(nt, &k);
	struct tg_sock *s = echo_to(nt, tg, NEAR);

	configure(nt, &k, "2001:db8:1::80/56", NEAR6);
	ck_assert(nt_log_has(nt, "vtoed.log",
			     "needs an IPv6 prefix of 64 bits, not 56"));
	nt_echo_once(s);
}

NATIVE_MAIN("native-range", 60,
	    CLAIMED(a_new_connection_has_an_address_of_the_new_range),
	    CLAIMED(a_connection_of_an_address_that_is_gone_is_reset),
	    CLAIMED(the_other_family_is_not_disturbed),
	    CLAIMED(a_server_is_reached_at_the_new_address),
	    CLAIMED(what_waited_to_be_accepted_is_reset),
	    a_connection_of_a_link_local_address_goes_on,
	    CLAIMED(datagrams_go_on_from_the_new_address),
	    CLAIMED(a_connect_is_made_again_from_the_new_address),
	    CLAIMED(another_gateway_is_taken_by_what_is_open),
	    CLAIMED(a_connection_waits_for_its_range_to_come_back),
	    CLAIMED(a_connection_does_not_wait_for_ever),
	    CLAIMED(the_next_vtoed_follows_what_changed_meanwhile),
	    CLAIMED(a_second_toe_has_routes_of_its_new_range),
	    xenstore_shows_whose_range_an_ipv6_address_is_of,
	    what_lwip_cannot_have_is_said)
