// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about addresses by DHCP. The server (dhcp-server) is in the remote host,
 * 192.0.2.1, does as it is told, and keeps a log.
 */
#include <signal.h>
#include <stdarg.h>
#include <time.h>

#include "native.h"
#include "segment.h"

#define B      "/local/domain/0/backend/vtoe/5/0"
#define LINK   B "/link/0/"
#define LEASE  "/run/vtoe/dhcp/vtoe-5-0.0" /* the client's file */
#define ORDERS "/run/dhcp.orders"
#define LOG    "/run/dhcp.log"
#define ENTRY  "ip=dhcp"
#define FIRST  "192.0.2.50"
#define OTHER  "192.0.2.60"
#define NET    "subnet 255.255.255.0\nrouter 192.0.2.1\n"

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
					   " " LOG " >/run/dhcp.err 2>&1 &"
					   " echo $! >/run/dhcp.pid"), 0);
	nt_until(access(LOG, F_OK) == 0);
}

static bool node_is(const char *path, const char *expected)
{
	return nt_xs_is(expected, "%s", path);
}

static bool node_has(const char *path, const char *part)
{
	return nt_xs_has(part, "%s", path);
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
	nt_until(node_is(LINK "lease", "bound"));
	ck_assert(node_is(LINK "ip", FIRST "/24"));
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

static void detach(struct nt *nt)
{
	ck_ok(tg_stop(nt->guest.tg, NT_TIMEOUT));
	tg_free(nt->guest.tg);
	nt->guest.tg = NULL;
	ck_assert(nt_says(nt, "{\"command\":\"detach\",\"domain\":5}",
			  "\"ok\":true"));
}

NATIVE_TEST(a_renewal_changes_nothing)
{
	struct tg *tg = up(nt, ENTRY);
	struct tg_sock *s = nt_echo_up(nt, tg);
	int requests = logged("^request");

	renew();
	nt_until(logged("^request") > requests);
	nt_echo_once(s);
	ck_assert_uint_eq(nt_counter(nt, NT_DOMID, "remaps"), 0);
	ck_assert_int_eq(nt_log_count(nt, "vtoed.log", "by DHCP"), 1);
}

static void expect_listeners_move_and_connections_end(struct nt *nt,
						      struct tg *tg)
{
	struct tg_sock *l = listener(tg), *s = nt_echo_up(nt, tg);
	char byte;

	accepts_on(nt, l, FIRST);
	serve(nt, OTHER);
	renew();
	nt_until(node_is(LINK "ip", OTHER "/24"));
	ck_err(tg_recv_wait(s, &byte, 1, NT_TIMEOUT), ECONNRESET);
	accepts_on(nt, l, OTHER);
}

NATIVE_TEST(another_address_moves_listeners_and_ends_connections)
{
	struct tg *tg = up(nt, ENTRY ",on-loss=wait:600");
	struct tg_sock *s;

	expect_listeners_move_and_connections_end(nt, tg);
	ck_ok(tg_open_connect(tg, NT_REMOTE_IP, NT_ECHO_PORT, NT_TIMEOUT, &s));
	nt_echo_once(s);
	nt_shell("! ip -n vtoe-5-0 addr | grep -q " FIRST);
	ck_assert(nt_says(nt, "{\"command\":\"contexts\"}",
			  "\"remap_reason\":\"address\""));
}

NATIVE_TEST(datagrams_go_on_from_another_address)
{
	struct tg *tg = up(nt, ENTRY);
	int fd = nt_remote_dgram(nt, NT_REMOTE_IP, 9000);
	struct tg_sock *s;
	char text[8];

	ck_ok(tg_open_dgram(tg, AF_INET, NT_TIMEOUT, &s));
	ck_ok(tg_connect(s, NT_REMOTE_IP, 9000, NT_TIMEOUT));
	ck_ok(tg_sendto(s, NULL, 0, "before", 6, NT_TIMEOUT));
	nt_remote_recv(nt, fd, text, 6);
	serve(nt, OTHER);
	renew();
	nt_until(nt_says(nt, "{\"command\":\"contexts\"}",
			 "\"remap_reason\":\"address\""));
	ck_ok(tg_sendto(s, NULL, 0, "after!", 6, NT_TIMEOUT));
	nt_remote_recv(nt, fd, text, 6);
	ck_assert_mem_eq(text, "after!", 6);
}

/* The client is refused its address, and gets none. */
static void lose(void)
{
	order("ip " FIRST "\n" NET "do nak\n");
	renew();
	nt_until(node_is(LINK "lease", "waiting for a lease"));
	ck_assert(node_is(LINK "ip", NULL));
}

NATIVE_TEST(a_connection_waits_for_its_address_to_come_back)
{
	struct tg *tg = up(nt, ENTRY ",on-loss=wait:600");
	struct tg_sock *s = nt_echo_up(nt, tg), *other;

	lose();
	ck_ok(tg_open(tg, AF_INET, NT_TIMEOUT, &other));
	ck_err(tg_connect(other, NT_REMOTE_IP, PORT, NT_TIMEOUT), ENETUNREACH);
	serve(nt, FIRST);
	nt_until(node_is(LINK "lease", "bound"));
	nt_echo_once(s);
	ck_assert(nt_says(nt, "{\"command\":\"contexts\"}",
			  "\"remap_reason\":null"));
}

NATIVE_TEST(a_connect_is_made_again_from_another_address)
{
	struct tg *tg = up(nt, ENTRY);
	struct tg_sock *s;

	nt_remote_echo(nt, NT_REMOTE_IP, PORT);
	/* its answers do not come back */
	nt_remote_run(nt, "ip route add blackhole " FIRST);
	ck_ok(tg_open(tg, AF_INET, NT_TIMEOUT, &s));
	ck_ok(tg_connect_start(s, NT_REMOTE_IP, PORT));
	nt_until(nt_says(nt, "{\"command\":\"contexts\"}", "\"connecting\""));
	serve(nt, OTHER);
	renew();
	ck_ok(tg_connect_wait(s, NT_TIMEOUT));
	nt_echo_once(s);
	ck_assert_mem_eq(s->local.addr, tg_addr(OTHER, 0).addr, 4);
}

NATIVE_TEST(a_connection_does_not_wait_for_ever)
{
	struct tg *tg = up(nt, ENTRY ",on-loss=reset,ip6=" NT_GUEST_IP6 "/64");
	struct tg_sock *s = nt_echo_up(nt, tg), *s6;
	char byte;

	nt_remote_echo(nt, NT_REMOTE_IP6, PORT + 1);
	ck_ok(tg_open_connect(tg, NT_REMOTE_IP6, PORT + 1, NT_TIMEOUT, &s6));
	lose();
	ck_err(tg_recv_wait(s, &byte, 1, NT_TIMEOUT), ECONNRESET);
	/* nothing is wrong with its IPv6 address */
	nt_echo_once(s6);
}

NATIVE_TEST(a_restart_of_vtoed_disturbs_nothing)
{
	struct tg *tg = up(nt, ENTRY);
	struct tg_sock *s = nt_echo_up(nt, tg);
	pid_t pid = client();

	nt_vtoed_kill(nt, SIGKILL);
	nt_echo_once(s);
	nt_vtoed_start(nt);
	nt_until(nt_says(nt, "{\"command\":\"list\"}", "\"connected\""));
	nt_echo_once(s);
	ck_assert_int_eq(client(), pid);
	ck_assert(!nt_process_gone(pid));
	ck_assert(node_is(LINK "ip", FIRST "/24"));
	ck_assert_int_eq(logged("^discover"), 1);
	/* and it is this vtoed's client */
	serve(nt, OTHER);
	renew();
	nt_until(node_is(LINK "ip", OTHER "/24"));
}

NATIVE_TEST(what_changed_while_vtoed_was_away_is_seen)
{
	struct tg *tg = up(nt, ENTRY);
	struct tg_sock *l = listener(tg);

	nt_vtoed_kill(nt, SIGTERM);
	serve(nt, OTHER);
	renew();
	nt_until(logged("^request.* " OTHER) == 1);
	nt_vtoed_start(nt);
	nt_until(node_is(LINK "ip", OTHER "/24"));
	accepts_on(nt, l, OTHER);
}

NATIVE_TEST(without_a_client_it_is_said_so_once)
{
	serve(nt, FIRST);
	nt_shell("mount --bind /dev/null /bin/busybox");
	nt_guest_up_as(nt, NULL, ENTRY);
	nt_until(node_has(LINK "lease", "is busybox installed?"));
	ck_assert_int_eq(nt_log_count(nt, "vtoed.log",
				      "install the package busybox"), 1);
	nt_shell("umount /bin/busybox");
	nt_until(node_is(LINK "lease", "bound"));
}

/* What only a client that lives, but does nothing any more, would leave. */
static void say_that_it_ends_in(unsigned int seconds)
{
	struct timespec now;
	FILE *f = fopen(LEASE, "r+");

	ck_assert_ptr_nonnull(f);
	clock_gettime(CLOCK_BOOTTIME, &now);
	fprintf(f, "client=%d\nip=" FIRST "\nsubnet=255.255.255.0\n"
		"expires=%llu\nend=\n", client(),
		(unsigned long long)now.tv_sec + seconds);
	ck_assert_int_eq(fclose(f), 0);
}

NATIVE_TEST(a_lease_that_runs_out_is_over)
{
	up(nt, ENTRY);
	ck_assert_int_eq(kill(client(), SIGSTOP), 0);
	say_that_it_ends_in(5);
	nt_until(node_is(LINK "gateway", NULL)); /* it has been read */
	ck_assert(node_is(LINK "ip", FIRST "/24"));
	nt_until(node_is(LINK "lease", "waiting for a lease"));
	ck_assert(node_is(LINK "ip", NULL));
}

NATIVE_TEST(a_client_that_dies_is_replaced_and_asks_for_the_same)
{
	struct tg *tg = up(nt, ENTRY);
	struct tg_sock *s = nt_echo_up(nt, tg);
	pid_t pid = client();

	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	nt_until(client() != pid);
	nt_echo_once(s);
	ck_assert_int_eq(logged("^discover.* " FIRST), 1);
	ck_assert_uint_eq(nt_counter(nt, NT_DOMID, "remaps"), 0);
	ck_assert(node_is(LINK "lease", "bound"));
}

NATIVE_TEST(a_client_that_died_with_vtoed_is_replaced)
{
	struct tg *tg = up(nt, ENTRY);
	struct tg_sock *s = nt_echo_up(nt, tg);
	pid_t pid = client();

	nt_vtoed_kill(nt, SIGKILL);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	nt_until(nt_process_gone(pid));
	nt_vtoed_start(nt);
	nt_until(client() != pid);
	nt_echo_once(s);
	ck_assert(node_is(LINK "ip", FIRST "/24"));
}

NATIVE_TEST(detaching_gives_the_lease_back_and_leaves_nothing)
{
	pid_t pid;

	up(nt, ENTRY);
	pid = client();
	detach(nt);
	ck_assert(nt_process_gone(pid));
	ck_assert_int_ne(access(LEASE, F_OK), 0);
	nt_until(logged("^release.* " FIRST) == 1);
}

NATIVE_TEST(a_guest_may_have_the_clients_port_itself)
{
	struct tg *tg = up(nt, ENTRY);
	struct tg_sock *s = nt_echo_up(nt, tg), *own;
	pid_t pid = client();

	ck_ok(tg_open_dgram(tg, AF_INET, NT_TIMEOUT, &own));
	ck_ok(tg_bind(own, "0.0.0.0", 68, NT_TIMEOUT, NULL));
	renew();
	/* it cannot have it, ends, and asks by broadcast */
	nt_until(client() != pid);
	nt_echo_once(s);
	ck_assert(node_is(LINK "ip", FIRST "/24"));
}

NATIVE_TEST(a_client_may_do_little)
{
	pid_t pid;

	up(nt, ENTRY);
	pid = client();
	nt_shell("grep -q '^Uid:.65534.65534.65534' /proc/%d/status", pid);
	nt_shell("grep -q '^Groups:[[:space:]]*$' /proc/%d/status", pid);
	/* CAP_NET_RAW, and no way to another one */
	nt_shell("grep -q '^CapPrm:.0000000000002000' /proc/%d/status", pid);
	nt_shell("grep -q '^CapBnd:.0000000000000000' /proc/%d/status", pid);
	nt_shell("grep -q '^NoNewPrivs:.1' /proc/%d/status", pid);
	nt_shell("grep -q '^Seccomp:.2' /proc/%d/status", pid);
	nt_shell("test $(readlink /proc/%d/ns/net) = $(ip netns exec vtoe-5-0"
		 " readlink /proc/self/ns/net)", pid);
}

NATIVE_TEST(a_guest_that_starts_again_is_known_again)
{
	char mac[16], id[80], again[256];
	FILE *f;

	up(nt, ENTRY);
	f = popen("sed -n 1p " LOG, "r");
	ck_assert_int_eq(fscanf(f, "discover %15s %79s", mac, id), 2);
	pclose(f);
	detach(nt);
	free(nt_attach(nt, NT_DOMID, ENTRY));
	snprintf(again, sizeof(again), "^discover %s %s", mac, id);
	nt_until(logged(again) == 2);
}

NATIVE_TEST(a_domain_that_goes_leaves_no_client)
{
	pid_t pid;

	up(nt, ENTRY);
	pid = client();
	tg_free(nt->guest.tg);
	nt->guest.tg = NULL;
	nt_guest_kill(nt, NT_DOMID);
	nt_until(nt_process_gone(pid));
	ck_assert_int_ne(access(LEASE, F_OK), 0);
	nt_until(logged("^release.* " FIRST) == 1);
}

NATIVE_TEST(a_domain_that_went_while_vtoed_was_away_leaves_no_client)
{
	pid_t pid;

	up(nt, ENTRY);
	pid = client();
	nt_vtoed_kill(nt, SIGKILL);
	tg_free(nt->guest.tg);
	nt->guest.tg = NULL;
	ck_ok(fx_dom_destroy(nt->host, NT_DOMID));
	nt_vtoed_start(nt);
	nt_until(nt_process_gone(pid));
	nt_until(access(LEASE, F_OK) != 0);
}

NATIVE_TEST(what_a_server_must_not_give_is_refused)
{
	struct nt_guest other;

	serve(nt, "192.0.2.10");
	other = nt_guest_add(nt, 6, NULL, NT_ENTRY);
	nt_guest_up_as(nt, NULL, ENTRY);
	nt_until(node_has(LINK "lease", "refused: address 192.0.2.10 is in "
			  "use by the device with network namespace vtoe-6-0"));
	ck_assert(node_is(LINK "ip", NULL));
	ck_assert(nt_says(nt, "{\"command\":\"list\"}", "\"lease\":\"refused"));
	/* as soon as it is free, it is right */
	nt_guest_remove(nt, &other);
	nt_until(node_is(LINK "ip", "192.0.2.10/24"));
	/* one whose gateway is elsewhere takes the address away */
	order("ip 192.0.2.10\nsubnet 255.255.255.0\nrouter 198.51.100.1\n");
	renew();
	nt_until(node_has(LINK "lease", "refused: gateway: 198.51.100.1 is not "
			  "in the network of 192.0.2.10/24"));
	ck_assert(node_is(LINK "ip", NULL));
	ck_assert(node_is(LINK "gateway", NULL));
}

NATIVE_TEST(an_address_of_dom0_is_refused)
{
	nt_shell("ip addr add " FIRST "/24 dev toe0");
	serve(nt, FIRST);
	nt_guest_up_as(nt, NULL, ENTRY);
	nt_until(node_has(LINK "lease", "refused: address " FIRST
			  " is this host's own"));
	nt_shell("! ip -n vtoe-5-0 addr | grep -q " FIRST);
}

NATIVE_TEST(a_lease_may_have_an_mtu)
{
	serve(nt, FIRST);
	order("ip " FIRST "\n" NET "mtu 1400\n");
	nt_guest_up_as(nt, NULL, ENTRY);
	nt_until(node_is(LINK "lease", "bound"));
	nt_shell("ip -n vtoe-5-0 link | grep -q 'mtu 1400 '");
	/* more than the netdev can carry is not believed */
	order("ip " OTHER "\n" NET "mtu 9000\n");
	renew();
	nt_until(node_is(LINK "ip", OTHER "/24"));
	nt_shell("! ip -n vtoe-5-0 link | grep -q 'mtu 9000 '");
}

#define SIBLINGS "toe \"b\" { netdev = \"toe1\" link = \"macvlan\"" \
		 " segment = \"lan\" weight = 1000 }\n"                 \
		 "toe \"c\" { netdev = \"toe2\" link = \"macvlan\""      \
		 " segment = \"lan\" }\n"                             \
		 "pool lan { toes = {\"b\", \"c\"} policy = \"in-order\" }\n"

/* toe1 and toe2, on the segment of the remote host: its eth0 becomes a bridge. */
static void two_cables(struct nt *nt)
{
	nt_shell("for i in 1 2; do ip link add toe$i type veth peer name p$i "
		 "netns remote && ip link set toe$i up || exit 1; done");
	ck_assert_int_eq(nt_remote_run(nt,
		"ip addr flush dev eth0 && ip link set eth0 down &&"
		" ip link set eth0 name port && ip link add eth0 type bridge && "
		"for i in port p1 p2; do ip link set $i master eth0 &&"
		" ip link set $i up || exit 1; done && ip link set eth0 up &&"
		" ip addr add " NT_REMOTE_IP "/24 dev eth0"), 0);
	nt->conf_extra = SIBLINGS;
	nt_shell("cat >>/run/vtoed.conf <<'E'\n%sE\n", SIBLINGS);
	ck_assert(nt_says(nt, "{\"command\":\"reload\"}", "\"ok\":true"));
	nt_until(node_is("/local/domain/0/vtoe/toe/b/state", "up") &&
		 node_is("/local/domain/0/vtoe/toe/c/state", "up"));
}

NATIVE_TEST(the_lease_moves_to_a_sibling)
{
	struct tg_sock *s;
	struct tg *tg;
	pid_t pid;

	two_cables(nt);
	tg = up(nt, ENTRY ",pool=lan");
	s = nt_echo_up(nt, tg);
	pid = client();
	ck_assert(nt_says(nt, "{\"command\":\"drain\",\"toe\":\"b\"}",
			  "\"draining\""));
	nt_until(node_is(LINK "toe", "c"));
	nt_echo_once(s);
	nt_until(client() != pid);
	nt_echo_once(s);
	ck_assert(node_is(LINK "ip", FIRST "/24"));
	ck_assert_int_eq(logged("^release"), 0);
	/* it is renewed from there */
	serve(nt, OTHER);
	renew();
	nt_until(node_is(LINK "ip", OTHER "/24"));
}

/* Does a new connection have that address? */
static bool connects_from(struct tg *tg, const char *ip)
{
	struct vtoe_addr expected = tg_addr(ip, 0), local;
	struct tg_sock *s;

	ck_ok(tg_open_connect(tg, NT_REMOTE_IP, PORT, NT_TIMEOUT, &s));
	nt_echo_once(s);
	local = s->local;
	ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
	return !memcmp(local.addr, expected.addr, 4);
}

NATIVE_TEST(several_toes_have_a_lease_each)
{
	struct tg *tg;

	two_cables(nt);
	nt_shell("sed -i '/^toe \"[bc]\"/ s/}$/ addresses = \"dhcp\" }/;"
		 " s/\"in-order\"/\"round-robin\" spread = 2/' /run/vtoed.conf");
	ck_assert(nt_says(nt, "{\"command\":\"reload\"}", "\"ok\":true"));
	serve(nt, FIRST);
	order("ip " FIRST "\nip1 " OTHER "\n" NET);
	tg = nt_guest_up_as(nt, NULL, ENTRY ",pool=lan");
	nt_until(node_is(B "/link/0/ip", FIRST "/24") &&
		 node_is(B "/link/1/ip", OTHER "/24"));
	nt_remote_echo(nt, NT_REMOTE_IP, PORT);
	nt_until(connects_from(tg, FIRST));
	nt_until(connects_from(tg, OTHER));
	/* one that has lost its address is passed over */
	order("ip " FIRST "\nip1 " FIRST "\n" NET);
	nt_shell("kill -USR1 $(sed -n s/^client=//p /run/vtoe/dhcp/vtoe-5-0.1)");
	nt_until(node_has(B "/link/1/lease", "refused: address " FIRST));
	ck_assert(connects_from(tg, FIRST) && connects_from(tg, FIRST));
}

NATIVE_TEST(a_netdev_that_comes_back_has_the_lease_again)
{
	struct tg *tg = up(nt, ENTRY);
	pid_t pid = client();
	struct tg_sock *s;

	nt_echo_once(nt_echo_up(nt, tg));
	nt_shell("ip link del toe0 && kill $(cat /run/dhcp.pid)");
	nt_until(nt_process_gone(pid));
	nt_shell("rm " LOG " && ip link add toe0 type veth peer name eth0"
		 " netns remote && ip -n remote addr add " NT_REMOTE_IP
		 "/24 dev eth0 && ip -n remote link set eth0 up &&"
		 " ip link set toe0 up");
	serve(nt, FIRST);
	nt_until(client() != pid);
	ck_assert_int_eq(logged("^discover.* " FIRST), 1);
	ck_assert(node_is(LINK "ip", FIRST "/24"));
	ck_ok(tg_open_connect(tg, NT_REMOTE_IP, NT_ECHO_PORT, NT_TIMEOUT, &s));
	nt_echo_once(s);
}

NATIVE_TEST(a_toe_may_say_that_addresses_are_by_dhcp)
{
	nt_shell("sed -i '/^toe/ s/}$/ addresses = \"dhcp\" }/' /run/vtoed.conf");
	ck_assert(nt_says(nt, "{\"command\":\"reload\"}", "\"ok\":true"));
	nt_echo_once(nt_echo_up(nt, up(nt, "mtu=1300")));
}

NATIVE_TEST(an_ipvlan_is_refused)
{
	nt_shell("sed -i 's/macvlan/ipvlan/' /run/vtoed.conf");
	ck_assert(nt_says(nt, "{\"command\":\"reload\"}", "\"ok\":true"));
	nt->guest.dom = nt_domain(nt, NT_DOMID, NULL);
	free(nt_attach(nt, NT_DOMID, ENTRY));
	nt_until(node_has(B "/error", "an address by DHCP needs link = "
			  "\"macvlan\", not \"ipvlan\""));
}

/* ---- on lwIP ---- */

static struct tg *up_on_lwip(struct nt *nt, const char *entry)
{
	nt_vtoed_kill(nt, SIGTERM);
	setenv("NATIVE_DRIVER", "lwip", 1);
	nt_vtoed_start(nt);
	return up(nt, entry);
}

NATIVE_TEST(a_guest_on_lwip_gets_its_address_and_connects)
{
	struct tg *tg = up_on_lwip(nt, ENTRY);

	nt_echo_once(nt_echo_up(nt, tg));
	nt_shell("! ip -n vtoe-5-0 addr show scope global | grep -q inet");
}

NATIVE_TEST(a_lease_of_lwip_is_renewed)
{
	struct tg *tg = up_on_lwip(nt, ENTRY);
	struct tg_sock *s = nt_echo_up(nt, tg);
	int requests = logged("^request");
	pid_t pid = client();

	renew();
	nt_until(logged("^request") > requests);
	nt_echo_once(s);
	ck_assert_int_eq(client(), pid);
	ck_assert_uint_eq(nt_counter(nt, NT_DOMID, "remaps"), 0);
}

NATIVE_TEST(another_address_on_lwip_moves_listeners_and_ends_connections)
{
	expect_listeners_move_and_connections_end(
		nt, up_on_lwip(nt, ENTRY ",on-loss=wait:600"));
}

NATIVE_TEST(detaching_gives_a_lease_of_lwip_back)
{
	up_on_lwip(nt, ENTRY);
	detach(nt);
	nt_until(logged("^release.* " FIRST) == 1);
}

NATIVE_TEST(an_mtu_alone_is_told_to_lwip)
{
	struct tg *tg = up_on_lwip(nt, ENTRY);
	struct tg_sock *s;

	order("ip " FIRST "\n" NET "mtu 1400\n");
	renew();
	nt_until(nt_log_count(nt, "vtoed.log", "by DHCP") == 2);
	nt_shell("ip -n vtoe-5-0 link | grep -q 'mtu 1400 '");
	s = nt_echo_up(nt, tg);
	there_and_back(s, 1u << 18);
}

NATIVE_TEST(the_lease_moves_to_lwip_and_back)
{
	struct tg_sock *s;
	struct tg *tg;

	two_cables(nt);
	nt_shell("sed -i '/^toe \"c\"/ s/netdev/driver = \"lwip\" netdev/'"
		 " /run/vtoed.conf");
	ck_assert(nt_says(nt, "{\"command\":\"reload\"}", "\"ok\":true"));
	nt_until(node_is("/local/domain/0/vtoe/toe/c/state", "up"));
	tg = up(nt, ENTRY ",pool=lan");
	s = nt_echo_up(nt, tg);
	drain(nt, "drain", "b");
	nt_until(node_is(LINK "toe", "c"));
	nt_echo_once(s);
	drain(nt, "undrain", "b");
	drain(nt, "drain", "c");
	nt_until(node_is(LINK "toe", "b"));
	nt_echo_once(s);
	ck_assert(node_is(LINK "ip", FIRST "/24"));
}

NATIVE_MAIN("native-dhcp", 120,
	    a_guest_gets_its_address_and_connects,
	    a_device_does_not_wait_for_its_address,
	    a_renewal_changes_nothing,
	    another_address_moves_listeners_and_ends_connections,
	    datagrams_go_on_from_another_address,
	    a_connection_waits_for_its_address_to_come_back,
	    a_connect_is_made_again_from_another_address,
	    a_connection_does_not_wait_for_ever,
	    a_restart_of_vtoed_disturbs_nothing,
	    what_changed_while_vtoed_was_away_is_seen,
	    without_a_client_it_is_said_so_once,
	    a_lease_that_runs_out_is_over,
	    a_client_that_dies_is_replaced_and_asks_for_the_same,
	    a_client_that_died_with_vtoed_is_replaced,
	    detaching_gives_the_lease_back_and_leaves_nothing,
	    a_guest_may_have_the_clients_port_itself,
	    a_client_may_do_little,
	    a_guest_that_starts_again_is_known_again,
	    a_domain_that_goes_leaves_no_client,
	    a_domain_that_went_while_vtoed_was_away_leaves_no_client,
	    what_a_server_must_not_give_is_refused,
	    an_address_of_dom0_is_refused,
	    a_lease_may_have_an_mtu,
	    the_lease_moves_to_a_sibling,
	    several_toes_have_a_lease_each,
	    a_netdev_that_comes_back_has_the_lease_again,
	    a_toe_may_say_that_addresses_are_by_dhcp,
	    an_ipvlan_is_refused,
	    a_guest_on_lwip_gets_its_address_and_connects,
	    a_lease_of_lwip_is_renewed,
	    another_address_on_lwip_moves_listeners_and_ends_connections,
	    detaching_gives_a_lease_of_lwip_back,
	    an_mtu_alone_is_told_to_lwip,
	    the_lease_moves_to_lwip_and_back)
