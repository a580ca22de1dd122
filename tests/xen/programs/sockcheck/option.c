/* SPDX-License-Identifier: GPL-2.0 */
/* option.c - socket options. */
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
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

	must(bind(l, &local_address.sa, address_size(&local_address)));
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
	{ "option-unknown", unknown },
	{ "option-too-short", too_short },
	{ "option-not-swallowed", not_swallowed },
	{ "option-type-of-service", type_of_service },
	{ "option-v6only", v6_only },
	{ "option-congestion", congestion },
	{ "option-tcp-info", info },
	{ 0 },
};
