// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about addresses by DHCP. The server (dhcp-server) is in the remote host,
 * 192.0.2.1, does as it is told, and keeps a log.
 */
#include <signal.h>
#include <stdarg.h>

#include "native.h"

#define B      "/local/domain/0/backend/vtoe/5/0"
#define LINK   B "/link/0/"
#define LEASE  "/run/vtoe/dhcp/vtoe-5-0.0" /* the client's file */
#define ORDERS "/run/dhcp.orders"
#define LOG    "/run/dhcp.log"
#define ENTRY  "ip=dhcp"
#define FIRST  "192.0.2.50"
#define OTHER  "192.0.2.60"
#define NET    "subnet 255.255.255.0\nrouter 192.0.2.1\n"
#define PORT   7000

static void order(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

/* At once: the server may read them at any time. */
static void order(const char *format, ...)
{
	FILE *f = fopen(ORDERS ".new", "w");
	va_list ap;

	ck_assert_ptr_nonnull(f);
	va_start(ap, format);
	vfprintf(f, format, ap);
	va_end(ap);
	fclose(f);
	ck_assert_int_eq(rename(ORDERS ".new", ORDERS), 0);
}

static void serve(struct nt *nt, const char *ip)
{
	order("ip %s\n" NET, ip);
	if (access(LOG, F_OK) == 0)
		return;
	ck_assert_int_eq(nt_remote_run(nt, "tests/native/dhcp-server " ORDERS
					   " " LOG " >/run/dhcp.err 2>&1 &"), 0);
	nt_until(access(LOG, F_OK) == 0);
}

static bool node_is(const char *path, const char *expected)
{
	char *value = nt_xs("%s", path);
	bool is = expected ? value && !strcmp(value, expected) : !value;

	free(value);
	return is;
}

static bool node_has(const char *path, const char *part)
{
	char *value = nt_xs("%s", path);
	bool has = value && strstr(value, part);

	free(value);
	return has;
}

static int logged(const char *line)
{
	char command[256];
	FILE *f;
	int n = -1;

	snprintf(command, sizeof(command), "grep -c -e '%s' " LOG, line);
	f = popen(command, "r");
	ck_assert_int_eq(fscanf(f, "%d", &n), 1);
	pclose(f);
	return n;
}

/* Which process is the client; 0: it has said nothing yet. */
static pid_t client(void)
{
	FILE *f = fopen(LEASE, "r");
	int pid = 0;

	if (f && fscanf(f, "client=%d", &pid) != 1)
		pid = 0;
	if (f)
		fclose(f);
	return pid;
}

/* As if half of the lease's time had passed. */
static void renew(void)
{
	ck_assert_int_eq(kill(client(), SIGUSR1), 0);
}

static struct tg *up(struct nt *nt, const char *entry)
{
	struct tg *tg;

	serve(nt, FIRST);
	tg = nt_guest_up_as(nt, NULL, entry);
	nt_until(node_is(LINK "ip", FIRST "/24"));
	return tg;
}

static struct tg_sock *listener(struct tg *tg)
{
	struct tg_sock *l;

	ck_ok(tg_open(tg, AF_INET, NT_TIMEOUT, &l));
	ck_ok(tg_bind(l, "0.0.0.0", 80, NT_TIMEOUT, NULL));
	ck_ok(tg_listen(l, 8, NT_TIMEOUT));
	ck_ok(tg_post(l, 4));
	return l;
}

static void accepts_on(struct nt *nt, struct tg_sock *l, const char *ip)
{
	int fd = nt_remote_connect(nt, ip, 80);
	struct tg_sock *s;

	ck_ok(tg_accept(l, NT_TIMEOUT, &s));
	ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
	close(fd);
}

NATIVE_TEST(a_guest_gets_its_address_and_connects)
{
	struct tg *tg = up(nt, ENTRY);

	ck_assert(node_is(LINK "gateway", "192.0.2.1"));
	ck_assert(node_is(LINK "lease", "bound"));
	ck_assert(nt_says(nt, "{\"command\":\"list\"}",
			  "\"ip\":\"" FIRST "/24\""));
	nt_echo_once(nt_echo_up(nt, tg));
	nt_shell("ip -n vtoe-5-0 route | grep -q 'default via 192.0.2.1 '");
}

NATIVE_TEST(a_device_does_not_wait_for_its_address)
{
	struct tg_sock *s;
	struct tg *tg;

	serve(nt, FIRST);
	order("do mute\n");
	tg = nt_guest_up_as(nt, NULL, ENTRY);
	ck_assert(node_is(LINK "lease", "waiting for a lease"));
	ck_assert(node_is(LINK "ip", NULL));
	ck_assert(nt_says(nt, "{\"command\":\"list\"}",
			  "\"lease\":\"waiting for a lease\""));
	ck_ok(tg_open(tg, AF_INET, NT_TIMEOUT, &s));
	ck_err(tg_connect(s, NT_REMOTE_IP, PORT, NT_TIMEOUT), ENETUNREACH);
	serve(nt, FIRST);
	nt_until(node_is(LINK "lease", "bound"));
	nt_echo_once(nt_echo_up(nt, tg));
}

NATIVE_TEST(detaching_gives_the_lease_back_and_leaves_nothing)
{
	pid_t pid;

	up(nt, ENTRY);
	pid = client();
	tg_free(nt->guest.tg);
	nt->guest.tg = NULL;
	ck_assert(nt_says(nt, "{\"command\":\"detach\",\"domain\":5}",
			  "\"ok\":true"));
	ck_assert(nt_process_gone(pid));
	ck_assert_int_ne(access(LEASE, F_OK), 0);
	nt_until(logged("^release.* " FIRST) == 1);
}

NATIVE_MAIN("native-dhcp", 120, a_guest_gets_its_address_and_connects,
	    a_device_does_not_wait_for_its_address,
	    detaching_gives_the_lease_back_and_leaves_nothing)
