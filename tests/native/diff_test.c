/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Claims that a guest's sockets are Linux's: random sequences of calls on them and
 * on Linux's own (guest_world.h). NATIVE_DIFF (seconds) and NATIVE_SEED change
 * length and sequences; a seed is a sequence. NATIVE_BAD=1 has most of the lengths
 * wrong, NATIVE_VERBOSE=1 shows each step.
 *
 *	the guest ── device ── toe0 ── veth ── "remote"	   under test
 *	"near" ─────────── veth ────────────── "far"	   the measure
 *
 * Both have the same addresses.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>

#include "guest_world.h"
#include "lwip_world.h"
#include "native.h"

#define PORT	7400 /* where the peers take orders */
#define SECONDS 5
#define STEPS	60 /* of a session */

struct options options;

static long setting(const char *name, long otherwise)
{
	const char *value = getenv(name);

	return value ? atol(value) : otherwise;
}

static void measure_up(void)
{
	nt_shell("ip netns add near && ip netns add far &&"
		 " ip link add near0 netns near type veth peer name far0 netns far");
	nt_shell("ip -n near link set lo up && ip -n far link set lo up &&"
		 " ip -n near addr add " NT_GUEST_IP "/24 dev near0 &&"
		 " ip -n near addr add " NT_GUEST_IP6 "/64 dev near0 nodad &&"
		 " ip -n far addr add " NT_REMOTE_IP "/24 dev far0 &&"
		 " ip -n far addr add " NT_REMOTE_IP6 "/64 dev far0 nodad &&"
		 " ip -n near link set near0 up && ip -n far link set far0 up");
}

/* The first packet by IPv6 waits for a neighbour: longer than calls may here. */
static void warm_up(struct nt *nt, struct tg *tg)
{
	union address refuses;
	int fd, ns = open("/run/netns/near", O_RDONLY | O_CLOEXEC);
	struct tg_sock *s;

	ck_ok(tg_open(tg, AF_INET6, NT_TIMEOUT, &s));
	ck_err(tg_connect(s, NT_REMOTE_IP6, 9, NT_TIMEOUT), ECONNREFUSED);
	ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
	ck_assert_int_eq(setns(ns, CLONE_NEWNET), 0);
	fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(setns(nt->own_ns, CLONE_NEWNET), 0);
	address_parse(&refuses, NT_REMOTE_IP6, 9);
	ck_assert_int_eq(connect(fd, &refuses.sa, sizeof(refuses.v6)), -1);
	ck_assert_int_eq(errno, ECONNREFUSED);
	close(fd);
	close(ns);
}

/* Linux does not tell of each datagram that nobody wants: once a second. */
static void tell_of_all(void)
{
	nt_shell("for ns in near far remote vtoe-%u-0; do"
		 " ip netns exec $ns sysctl -qw net.ipv4.icmp_ratemask=0"
		 " net.ipv6.icmp.ratelimit=0 net.ipv6.icmp.ratemask=129 ||"
		 " exit 1; done",
		 NT_DOMID);
}

/* A process of its own in a namespace; it says when it is there. */
static pid_t peer_up(const char *netns)
{
	char path[64], word[16];
	int said[2], fd;
	pid_t pid;

	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	ck_assert_int_eq(pipe2(said, O_CLOEXEC), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (setns(fd, CLONE_NEWNET) || dup2(said[1], 1) < 0)
			_exit(1);
		peer_serve(&options.peer4);
	}
	close(said[1]);
	ck_assert_int_gt(read(said[0], word, sizeof(word)), 0);
	close(said[0]);
	return pid;
}

static void compare_worlds(struct nt *nt, int type)
{
	const struct run run = {
		.seed = (uint32_t)setting("NATIVE_SEED", 1),
		.sessions = 1 << 30,
		.steps = STEPS,
		.seconds = (int)setting("NATIVE_DIFF", SECONDS),
		.verbose = setting("NATIVE_VERBOSE", 0),
	};
	const char *driver = getenv("NATIVE_DRIVER");
	const bool lwip = driver && !strcmp(driver, "lwip");
	pid_t peer[2];

	options.type = type;
	options.bad = setting("NATIVE_BAD", 0);
	options.narrow = lwip ? lwip_world_narrow : guest_world_narrow;
	options.known = lwip ? lwip_world_known : NULL;
	address_parse(&options.own4, NT_GUEST_IP, 0);
	address_parse(&options.own6, NT_GUEST_IP6, 0);
	address_parse(&options.peer4, NT_REMOTE_IP, PORT);
	address_parse(&options.peer6, NT_REMOTE_IP6, PORT);
	measure_up();
	peer[0] = peer_up("remote");
	peer[1] = peer_up("far");
	guest_world_begin(nt_guest_up(nt, NULL));
	tell_of_all();
	warm_up(nt, nt->guest.tg);
	/* the guest's calls do not depend on where their thread is */
	world_start(&worlds[0], "under test", "/run/netns/remote",
		    &guest_world_ops);
	world_start(&worlds[1], "the measure", "/run/netns/near", &world_linux);
	ck_assert_int_eq(sessions_run(&run), 0);
	guest_world_ops.reset(&worlds[0]);
	kill(peer[0], SIGKILL);
	kill(peer[1], SIGKILL);
	nt_shell("ip netns del near && ip netns del far");
}

NATIVE_TEST(streams_do_what_linuxs_do)
{
	compare_worlds(nt, SOCK_STREAM);
}

NATIVE_TEST(datagrams_do_what_linuxs_do)
{
	compare_worlds(nt, SOCK_DGRAM);
}

NATIVE_MAIN("diff", 3600, streams_do_what_linuxs_do,
	    datagrams_do_what_linuxs_do)
