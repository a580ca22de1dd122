/* SPDX-License-Identifier: GPL-2.0 */
/* option.c - socket options. */
#include <errno.h>
#include <ifaddrs.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <unistd.h>

#include "sockcheck.h"

static int get(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	must(getsockopt(fd, level, name, &value, &len));
	expect_eq(len, sizeof(value));
	return value;
}

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

static void expect_identity(int fd)
{
	expect_eq(get(fd, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
	expect_eq(get(fd, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
	expect_eq(get(fd, SOL_SOCKET, SO_DOMAIN), peer_address.sa.sa_family);
	expect_eq(get(fd, SOL_SOCKET, SO_ERROR), 0);
}

static void identity(void)
{
	uint16_t port;
	int fd = must(new_socket(0)), l = listener(0, &port);

	expect_identity(fd);
	must(connect_to(fd, 0));
	expect_identity(fd);
	expect_eq(get(fd, SOL_SOCKET, SO_ACCEPTCONN), 0);
	expect_identity(l);
	expect_eq(get(l, SOL_SOCKET, SO_ACCEPTCONN), 1);
	expect_errno(set(fd, SOL_SOCKET, SO_TYPE, 1), ENOPROTOOPT);
}

static void no_delay(void)
{
	int fd = must(new_socket(0));

	expect_eq(get(fd, IPPROTO_TCP, TCP_NODELAY), 0);
	must(set(fd, IPPROTO_TCP, TCP_NODELAY, 1));
	expect_eq(get(fd, IPPROTO_TCP, TCP_NODELAY), 1);
	must(connect_to(fd, 0));
	expect_eq(get(fd, IPPROTO_TCP, TCP_NODELAY), 1);
	must(set(fd, IPPROTO_TCP, TCP_NODELAY, 0));
	expect_eq(get(fd, IPPROTO_TCP, TCP_NODELAY), 0);
}

static void set_keepalive(int fd)
{
	must(set(fd, SOL_SOCKET, SO_KEEPALIVE, 1));
	must(set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 77));
	must(set(fd, IPPROTO_TCP, TCP_KEEPINTVL, 11));
	must(set(fd, IPPROTO_TCP, TCP_KEEPCNT, 5));
}

static void expect_keepalive(int fd)
{
	expect_eq(get(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
	expect_eq(get(fd, IPPROTO_TCP, TCP_KEEPIDLE), 77);
	expect_eq(get(fd, IPPROTO_TCP, TCP_KEEPINTVL), 11);
	expect_eq(get(fd, IPPROTO_TCP, TCP_KEEPCNT), 5);
}

static void keepalive(void)
{
	int fd = must(new_socket(0)), after;

	set_keepalive(fd);
	expect_keepalive(fd);
	must(connect_to(fd, 0));
	expect_keepalive(fd);
	after = peer("hold");
	set_keepalive(after);
	expect_keepalive(after);
	expect_errno(set(after, IPPROTO_TCP, TCP_KEEPCNT, 9999), EINVAL);
}

static void inherited(void)
{
	uint16_t port;
	int l = must(new_socket(0)), fd;

	must(bind(l, &bind_address.sa, address_size(&bind_address)));
	set_keepalive(l);
	must(set(l, IPPROTO_TCP, TCP_NODELAY, 1));
	must(listen(l, 4));
	port = local_port(l);
	peer("dial %u hold", port);
	fd = must(accept(l, NULL, NULL));
	expect_keepalive(fd);
	expect_eq(get(fd, IPPROTO_TCP, TCP_NODELAY), 1);
}

static void reuse_address(void)
{
	int fd = must(new_socket(0));

	expect_eq(get(fd, SOL_SOCKET, SO_REUSEADDR), 0);
	must(set(fd, SOL_SOCKET, SO_REUSEADDR, 1));
	expect_eq(get(fd, SOL_SOCKET, SO_REUSEADDR), 1);
}

static void linger_(void)
{
	struct linger l = { 1, 7 }, got = { 0, 0 };
	socklen_t len = sizeof(got);
	int fd = must(new_socket(0));

	must(setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)));
	must(connect_to(fd, 0));
	must(getsockopt(fd, SOL_SOCKET, SO_LINGER, &got, &len));
	expect(got.l_onoff == 1 && got.l_linger == 7);
}

static void timeouts(void)
{
	struct timeval tv = { 3, 500000 }, got = { 0, 0 };
	socklen_t len = sizeof(got);
	int fd = must(new_socket(0));

	must(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	must(connect_to(fd, 0));
	must(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &got, &len));
	expect(got.tv_sec == 3 && got.tv_usec == 500000);
	must(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)));
	len = sizeof(got);
	must(getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &got, &len));
	expect(got.tv_sec == 3 && got.tv_usec == 500000);
}

static void buffers(void)
{
	int fd = must(new_socket(0));

	must(set(fd, SOL_SOCKET, SO_SNDBUF, 50000));
	must(set(fd, SOL_SOCKET, SO_RCVBUF, 60000));
	expect(get(fd, SOL_SOCKET, SO_SNDBUF) >= 50000);
	expect(get(fd, SOL_SOCKET, SO_RCVBUF) >= 60000);
	must(connect_to(fd, 0));
	command(fd, "echo\n");
	send_bytes(fd, 0, 20000);
	receive_bytes(fd, 0, 20000);
}

static void unknown(void)
{
	int fd = peer("hold"), value;
	socklen_t len = sizeof(value);

	expect_errno(set(fd, SOL_SOCKET, 9999, 1), ENOPROTOOPT);
	expect_errno(set(fd, IPPROTO_TCP, 999, 1), ENOPROTOOPT);
	expect_errno(getsockopt(fd, SOL_SOCKET, 9999, &value, &len),
		     ENOPROTOOPT);
	expect_errno(getsockopt(fd, IPPROTO_TCP, 999, &value, &len),
		     ENOPROTOOPT);
	expect(set(fd, 200, 1, 1) < 0 &&
	       (errno == ENOPROTOOPT || errno == EOPNOTSUPP));
}

static void too_short(void)
{
	int fd = peer("hold"), one = 1;

	expect_errno(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, 1), EINVAL);
	expect_errno(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, 1), EINVAL);
	expect_errno(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, NULL, 4),
		     EFAULT);
}

/* Options that may be carried or refused, but not swallowed. */
static const struct {
	int level, name, value;
} truthful[] = {
	{ IPPROTO_TCP, TCP_CORK, 1 },
	{ IPPROTO_TCP, TCP_USER_TIMEOUT, 5000 },
	{ IPPROTO_TCP, TCP_SYNCNT, 3 },
	{ IPPROTO_TCP, TCP_LINGER2, 20 },
	{ IPPROTO_TCP, TCP_WINDOW_CLAMP, 30000 },
	{ IPPROTO_TCP, TCP_NOTSENT_LOWAT, 20000 },
	{ SOL_SOCKET, SO_PRIORITY, 3 },
	{ SOL_SOCKET, SO_RCVLOWAT, 10 },
	{ SOL_SOCKET, SO_OOBINLINE, 1 },
	{ SOL_SOCKET, SO_DONTROUTE, 0 },
	{ SOL_SOCKET, SO_REUSEPORT, 1 },
};

static void not_swallowed(void)
{
	for (size_t i = 0; i < sizeof(truthful) / sizeof(truthful[0]); i++) {
		int fd = peer("hold"), v = truthful[i].value;

		if (set(fd, truthful[i].level, truthful[i].name, v)) {
			expect_eq(errno, ENOPROTOOPT);
			expect(offloaded);
		} else {
			expect_eq(get(fd, truthful[i].level, truthful[i].name),
				  v);
		}
		close(fd);
	}
}

static void type_of_service(void)
{
	bool v4 = peer_address.sa.sa_family == AF_INET;
	int fd = peer("hold"), level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
	int name = v4 ? IP_TOS : IPV6_TCLASS;

	if (set(fd, level, name, 0x10))
		expect_eq(errno, ENOPROTOOPT);
	else
		expect_eq(get(fd, level, name), 0x10);
}

static void v6_only(void)
{
	int fd = must(socket(AF_INET6, SOCK_STREAM, 0));

	must(set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1));
	expect_eq(get(fd, IPPROTO_IPV6, IPV6_V6ONLY), 1);
}

/* A listener for IPv6 that takes IPv4, or not; the peer's answer to a call. */
static const char *called_by_ipv4(int v6only, int *l)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6 };

	*l = must(socket(AF_INET6, SOCK_STREAM, 0));
	must(set(*l, IPPROTO_IPV6, IPV6_V6ONLY, v6only));
	must(bind(*l, (struct sockaddr *)&a, sizeof(a)));
	must(listen(*l, 4));
	return read_line(peer("dial %u send 3", local_port(*l)));
}

static void mapped_is_accepted(void)
{
	struct sockaddr_in6 a;
	socklen_t len = sizeof(a);
	int l, fd;

	if (peer_address.sa.sa_family != AF_INET)
		return;
	expect(!strcmp(called_by_ipv4(0, &l), "connected"));
	fd = must(accept(l, (struct sockaddr *)&a, &len));
	expect_eq(len, sizeof(a));
	expect(IN6_IS_ADDR_V4MAPPED(&a.sin6_addr));
	expect(!memcmp(&a.sin6_addr.s6_addr[12], &peer_address.v4.sin_addr, 4));
	expect_eq(get(fd, SOL_SOCKET, SO_DOMAIN), AF_INET6);
	expect_eq(get(fd, IPPROTO_IPV6, IPV6_V6ONLY), 0);
	receive_bytes(fd, 0, 3);
}

static void mapped_is_refused(void)
{
	int l;

	if (peer_address.sa.sa_family != AF_INET)
		return;
	expect(!strcmp(called_by_ipv4(1, &l), "ECONNREFUSED"));
}

static void mapped_has_ipv6_options(void)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6,
				  .sin6_port = peer_address.v4.sin_port };
	int fd = must(socket(AF_INET6, SOCK_STREAM, 0));

	if (peer_address.sa.sa_family != AF_INET)
		return;
	must(set(fd, IPPROTO_IPV6, IPV6_TCLASS, 0x20));
	a.sin6_addr.s6_addr[10] = a.sin6_addr.s6_addr[11] = 0xff;
	memcpy(&a.sin6_addr.s6_addr[12], &peer_address.v4.sin_addr, 4);
	must(connect(fd, (struct sockaddr *)&a, sizeof(a)));
	expect_eq(get(fd, IPPROTO_IPV6, IPV6_TCLASS), 0x20);
	expect_eq(get(fd, IPPROTO_IPV6, IPV6_V6ONLY), 0);
	must(set(fd, IPPROTO_IPV6, IPV6_TCLASS, 0x40));
	expect_eq(get(fd, IPPROTO_IPV6, IPV6_TCLASS), 0x40);
	must(set(fd, IPPROTO_IP, IP_TOS, 0x10));
	expect_eq(get(fd, IPPROTO_IP, IP_TOS), 0x10);
}

/* accept() has nobody to give until the peer has said something. */
static void accept_deferred(void)
{
	union address a = bind_address;
	int l = must(new_socket(SOCK_NONBLOCK)), fd;

	must(set(l, IPPROTO_TCP, TCP_DEFER_ACCEPT, 30));
	must(bind(l, &a.sa, address_size(&a)));
	must(listen(l, 4));
	fd = peer("dial %u send 3 700", local_port(l));
	expect(!strcmp(read_line(fd), "connected"));
	pause_ms(200);
	expect_errno(accept(l, NULL, NULL), EAGAIN);
	expect_eq(wait_for(l, POLLIN), POLLIN);
	receive_bytes(must(accept(l, NULL, NULL)), 0, 3);
}

static int queued(int fd, unsigned long request)
{
	int n = -1;

	must(ioctl(fd, request, &n));
	expect(n >= 0);
	return n;
}

/* Bytes that the peer has not got are counted, wherever they are. */
static void out_queue(void)
{
	uint16_t port;
	int control, fd = dialled(&control, "told 0 count");
	int l = listener(0, &port), n;

	expect_eq(queued(fd, SIOCATMARK), 0);
	expect(fill(fd));
	expect(queued(fd, SIOCOUTQNSD) > 0);
	expect(queued(fd, SIOCOUTQ) >= queued(fd, SIOCOUTQNSD));
	send_bytes(control, 0, 1);
	for (int i = 0; queued(fd, SIOCOUTQ) && i < 200; i++)
		pause_ms(50);
	expect_eq(queued(fd, SIOCOUTQ), 0);
	expect_errno(ioctl(l, SIOCOUTQ, &n), EINVAL);
	expect_errno(ioctl(l, FIONREAD, &n), EINVAL);
	expect_eq(queued(l, SIOCATMARK), 0);
	expect_errno(ioctl(fd, SIOCOUTQ, (void *)8), EFAULT);
}

#define STREAMED    (8u << 20)	/* enough for buffers to grow, if they may */
#define SMALL	    16384	/* SO_SNDBUF; Linux doubles it */
#define SMALL_HOLDS (256 * 1024) /* at most then, all copies included */

/* Who asks for a small buffer has little on its way when the peer reads no more. */
static void small_buffer(void)
{
	int fd = peer("take %u", STREAMED), size = SMALL;

	must(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)));
	send_bytes(fd, 0, STREAMED);
	expect(fill(fd));
	expect(queued(fd, SIOCOUTQ) <= SMALL_HOLDS);
}

/* A socket is what programs ask about the guest's own interfaces. */
static void interfaces(void)
{
	struct ifreq requests[8];
	struct ifconf conf = { .ifc_len = sizeof(requests),
			       .ifc_req = requests };
	struct ifreq lo = { .ifr_name = "lo" };
	struct ifaddrs *all;
	int fd = peer("hold");

	must(ioctl(fd, SIOCGIFCONF, &conf));
	expect(conf.ifc_len >= (int)sizeof(lo));
	expect(!strcmp(requests[0].ifr_name, "lo"));
	must(ioctl(fd, SIOCGIFFLAGS, &lo));
	expect(lo.ifr_flags & IFF_LOOPBACK);
	must(getifaddrs(&all));
	expect(all && !strcmp(all->ifa_name, "lo"));
	freeifaddrs(all);
	expect_errno(ioctl(fd, 0x5499, &lo), ENOTTY);
}

static void zero_copy(void)
{
	int fd = peer("echo");
	char c;

	/* without SO_ZEROCOPY the flag means nothing */
	expect_eq(send(fd, "x", 1, MSG_ZEROCOPY), 1);
	expect_eq(recv(fd, &c, 1, 0), 1);
	if (offloaded)
		expect_errno(set(fd, SOL_SOCKET, SO_ZEROCOPY, 1), ENOPROTOOPT);
	expect_errno(recv(fd, &c, 1, MSG_ERRQUEUE), EAGAIN);
}

static void congestion(void)
{
	char name[16] = "";
	socklen_t len = sizeof(name);
	int fd = peer("hold");

	expect_errno(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "no-such", 7),
		     ENOENT);
	must(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4));
	must(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len));
	expect(!strcmp(name, "reno"));
}

static void info(void)
{
	struct tcp_info ti = { 0 };
	socklen_t len = sizeof(ti);
	int fd = peer("hold");

	must(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &ti, &len));
	expect_eq(ti.tcpi_state, TCP_ESTABLISHED);
	expect(ti.tcpi_snd_mss >= 500);
	expect(get(fd, IPPROTO_TCP, TCP_MAXSEG) >= 500);
}

const struct check option_checks[] = {
	{ "option-identity", identity },
	{ "option-nodelay", no_delay },
	{ "option-keepalive", keepalive },
	{ "option-inherited", inherited },
	{ "option-reuseaddr", reuse_address },
	{ "option-linger", linger_ },
	{ "option-timeouts", timeouts },
	{ "option-buffers", buffers },
	{ "option-small-buffer", small_buffer },
	{ "option-unknown", unknown },
	{ "option-too-short", too_short },
	{ "option-not-swallowed", not_swallowed },
	{ "option-type-of-service", type_of_service },
	{ "option-v6only", v6_only },
	{ "option-mapped-is-accepted", mapped_is_accepted },
	{ "option-mapped-is-refused", mapped_is_refused },
	{ "option-mapped-has-ipv6-options", mapped_has_ipv6_options },
	{ "option-accept-deferred", accept_deferred },
	{ "option-out-queue", out_queue },
	{ "option-interfaces", interfaces },
	{ "option-zero-copy", zero_copy },
	{ "option-congestion", congestion },
	{ "option-tcp-info", info },
	{ 0 },
};
