// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about several guests on one TOE: what is counted of each, and
 * what each may have
 * and gets.
 */
#include <signal.h>

#include "flow.h"

#define STATS	   "{\"command\":\"stats\"}"
#define BYTES	   200000

/* Two engines on one netdev, which only what pretends to be one may share. */
#define TWO                                                               \
	"toe \"left\" { netdev = \"toe0\" link = \"macvlan\" "           \
	"segment = \"lan\" driver = \"fault\" }\n"                       \
	"toe \"right\" { netdev = \"toe0\" link = \"macvlan\" "          \
	"segment = \"lan\" driver = \"fault\" }\n"                       \
	"pool \"two\" { toes = {\"left\", \"right\"} "                   \
	"policy = \"in-order\" }\n"

static void restart(struct nt *nt, const char *lines)
{
	nt_vtoed_kill(nt, SIGTERM);
	nt->conf_extra = lines;
	nt_vtoed_start(nt);
}

/*
 * A number of a TOE, in the counters of the only guest or (@all) of all guests
 * together; -1: none.
 */
static long long toe_number(struct nt *nt, bool all, const char *toe,
			    const char *member)
{
	char *answer = nt_control(nt, STATS), part[64];
	char *sums = strstr(answer, "],\"toes\":"), *at;
	long long n = -1;

	ck_assert_msg(sums != NULL, "%s", answer);
	if (!all)
		*sums = 0;
	snprintf(part, sizeof(part), "\"toe\":\"%s\"", toe);
	at = strstr(all ? sums : answer, part);
	if (at)
		n = nt_number(at, member);
	free(answer);
	return n;
}

/* Send so much; the echo comes back, so that all of it has gone. */
static void move_bytes(struct tg_sock *s)
{
	static char data[BYTES];
	size_t at, len;

	for (at = 0; at < BYTES; at += len) {
		len = BYTES - at < 10000 ? BYTES - at : 10000;
		ck_ok(tg_send_all(s, data, len, NT_TIMEOUT));
		ck_ok(tg_recv_all(s, data, len, NT_TIMEOUT));
	}
}

NATIVE_TEST(bytes_and_packets_are_counted_for_guest_and_toe)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	struct tg_sock *s = nt_echo_up(nt, tg);
	int all;

	move_bytes(s);
	for (all = 0; all < 2; all++) {
		ck_assert_int_ge(toe_number(nt, all, "eth0", "tx_bytes"), BYTES);
		ck_assert_int_ge(toe_number(nt, all, "eth0", "rx_bytes"), BYTES);
		/* some announcements; no more than one a segment */
		ck_assert_int_gt(toe_number(nt, all, "eth0", "tx_packets"), 3);
		ck_assert_int_lt(toe_number(nt, all, "eth0", "tx_packets"),
				 BYTES / 100);
		ck_assert_int_gt(toe_number(nt, all, "eth0", "rx_packets"), 3);
	}
	ck_assert_int_eq(toe_number(nt, true, "eth0", "devices"), 1);
}

NATIVE_TEST(connections_are_counted_for_guest_and_toe)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	struct tg_sock *s = nt_echo_up(nt, tg), *other;

	ck_err(tg_open_connect(tg, NT_REMOTE_IP, 9, NT_TIMEOUT, &other),
	       ECONNREFUSED);
	ck_ok(tg_open_connect(tg, NT_REMOTE_IP, NT_ECHO_PORT, NT_TIMEOUT,
			      &other));
	ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
	nt_until(toe_number(nt, false, "eth0", "opened") == 2);
	ck_assert_int_eq(toe_number(nt, false, "eth0", "failed"), 1);
	ck_assert_int_ge(toe_number(nt, false, "eth0", "placed"), 3);
	ck_assert_int_eq(toe_number(nt, false, "eth0", "remapped"), 0);
	ck_assert_int_ge(toe_number(nt, false, "eth0", "sockets"), 1);
	ck_assert_int_eq(toe_number(nt, true, "eth0", "opened"), 2);
}

NATIVE_TEST(a_move_loses_no_count)
{
	long long left;
	struct tg_sock *s;
	struct tg *tg;

	restart(nt, TWO);
	tg = nt_guest_up_as(nt, NULL, NT_ENTRY ",pool=two");
	s = nt_echo_up(nt, tg);
	move_bytes(s);
	ck_assert_int_eq(toe_number(nt, false, "right", "tx_bytes"), -1);
	left = toe_number(nt, false, "left", "tx_bytes");
	ck_assert(nt_says(nt, "{\"command\":\"drain\",\"toe\":\"left\"}",
			  "\"ok\":true"));
	move_bytes(s);
	ck_assert_int_ge(toe_number(nt, false, "left", "tx_bytes"), left);
	ck_assert_int_lt(toe_number(nt, false, "left", "tx_bytes"),
			 left + BYTES / 2);
	ck_assert_int_ge(toe_number(nt, false, "right", "tx_bytes"), BYTES);
	ck_assert_int_ge(toe_number(nt, false, "right", "remapped"), 1);
	ck_assert_int_eq(toe_number(nt, false, "left", "sockets"), 0);
}

NATIVE_TEST(a_toe_remembers_guests_that_are_gone)
{
	struct tg *tg = nt_guest_up(nt, NULL);

	move_bytes(nt_echo_up(nt, tg));
	tg_free(tg);
	nt->guest.tg = NULL;
	nt_guest_kill(nt, NT_DOMID);
	ck_assert_int_ge(toe_number(nt, true, "eth0", "tx_bytes"), BYTES);
	ck_assert_int_eq(toe_number(nt, true, "eth0", "devices"), 0);
}

NATIVE_TEST(the_next_vtoed_counts_on)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	struct tg_sock *s = nt_echo_up(nt, tg);

	move_bytes(s);
	nt_vtoed_kill(nt, SIGKILL);
	nt_vtoed_start(nt);
	nt_until(nt_says(nt, STATS, "\"opened\":1"));
	ck_assert_int_ge(toe_number(nt, false, "eth0", "tx_bytes"), BYTES);
}

/* ---- limits ---- */

#define FEW(limit) "pool \"few\" { toes = {\"eth0\"} " limit " }\n"
#define LIST	   "{\"command\":\"list\"}"
#define POOLS	   "{\"command\":\"pools\"}"
#define OTHER	   6u /* the second guest's domid */
#define OTHER_IP   "192.0.2.11"

static void check_limit(struct nt *nt, struct tg *tg, int max)
{
	struct tg_sock *s[8], *one_more;
	int i;

	for (i = 0; i < max; i++)
		ck_ok(tg_open(tg, VTOE_INET, NT_TIMEOUT, &s[i]));
	ck_err(tg_open(tg, VTOE_INET, NT_TIMEOUT, &one_more), ENOBUFS);
	ck_assert_int_eq(nt_counter(nt, NT_DOMID, "limited"), 1);
	ck_ok(tg_close(s[0], 0, 0, NT_TIMEOUT));
	ck_ok(tg_open(tg, VTOE_INET, NT_TIMEOUT, &s[0]));
}

NATIVE_TEST(a_device_has_as_many_sockets_as_its_pool_allows)
{
	restart(nt, FEW("max-device-sockets = 3"));
	check_limit(nt, nt_guest_up_as(nt, NULL, NT_ENTRY ",pool=few"), 3);
}

NATIVE_TEST(a_device_has_as_many_sockets_as_its_entry_allows)
{
	restart(nt, FEW("max-device-sockets = 3"));
	check_limit(nt, nt_guest_up_as(nt, NULL, NT_ENTRY
				       ",pool=few,max-sockets=2"), 2);
	ck_assert(nt_says(nt, "{\"command\":\"show\",\"domain\":5}",
			  "\"max_sockets\":2"));
}

NATIVE_TEST(a_limit_may_change_while_guests_run)
{
	struct tg_sock *s;
	struct tg *tg;

	restart(nt, FEW("max-device-sockets = 1"));
	tg = nt_guest_up_as(nt, NULL, NT_ENTRY ",pool=few");
	ck_ok(tg_open(tg, VTOE_INET, NT_TIMEOUT, &s));
	ck_err(tg_open(tg, VTOE_INET, NT_TIMEOUT, &s), ENOBUFS);
	nt_shell("sed -i 's/device-sockets = 1/device-sockets = 2/' "
		 "/run/vtoed.conf");
	ck_assert(nt_says(nt, "{\"command\":\"reload\"}", "\"ok\":true"));
	ck_ok(tg_open(tg, VTOE_INET, NT_TIMEOUT, &s));
	ck_err(tg_open(tg, VTOE_INET, NT_TIMEOUT, &s), ENOBUFS);
}

NATIVE_TEST(a_pool_has_as_many_sockets_as_it_may)
{
	struct nt_guest other;
	struct tg_sock *s[3];
	struct tg *tg;
	int i;

	restart(nt, FEW("max-sockets = 3"));
	tg = nt_guest_up_as(nt, NULL, NT_ENTRY ",pool=few");
	other = nt_guest_add(nt, OTHER, NULL, "ip=" OTHER_IP "/24,pool=few");
	for (i = 0; i < 3; i++)
		ck_ok(tg_open(tg, VTOE_INET, NT_TIMEOUT, &s[i]));
	nt_until(nt_says(nt, POOLS, "\"sockets\":3,\"max_sockets\":3"));
	ck_err(tg_open(other.tg, VTOE_INET, NT_TIMEOUT, &s[2]), ENOBUFS);
	ck_ok(tg_close(s[0], 0, 0, NT_TIMEOUT));
	nt_until(nt_says(nt, POOLS, "\"sockets\":2"));
	ck_ok(tg_open(other.tg, VTOE_INET, NT_TIMEOUT, &s[2]));
	nt_guest_remove(nt, &other);
}

NATIVE_TEST(a_connection_over_the_limit_waits_to_be_accepted)
{
	struct tg_sock *l, *s[2];
	struct tg *tg;
	int fd[2];

	restart(nt, FEW("max-device-sockets = 2"));
	tg = nt_guest_up_as(nt, NULL, NT_ENTRY ",pool=few");
	ck_ok(tg_open(tg, VTOE_INET, NT_TIMEOUT, &l));
	ck_ok(tg_bind(l, "0.0.0.0", 7000, NT_TIMEOUT, NULL));
	ck_ok(tg_listen(l, 5, NT_TIMEOUT));
	ck_ok(tg_post(l, 2));
	fd[0] = nt_remote_connect(nt, NT_GUEST_IP, 7000);
	ck_ok(tg_accept(l, NT_TIMEOUT, &s[0]));
	fd[1] = nt_remote_connect(nt, NT_GUEST_IP, 7000);
	nt_until(nt_counter(nt, NT_DOMID, "limited") > 0);
	ck_assert_int_eq(nt_counter(nt, NT_DOMID, "accepts"), 1);
	ck_assert_int_eq(nt_counter(nt, NT_DOMID, "limited"), 1);
	ck_ok(tg_close(s[0], 0, 0, NT_TIMEOUT));
	ck_ok(tg_accept(l, NT_TIMEOUT, &s[1]));
	close(fd[0]);
	close(fd[1]);
}

NATIVE_TEST(a_pool_has_as_many_devices_as_it_may)
{
	struct nt_guest other = {.domid = OTHER};

	restart(nt, FEW("max-devices = 1"));
	nt_guest_up_as(nt, NULL, NT_ENTRY ",pool=few");
	other.dom = nt_domain(nt, OTHER, NULL);
	free(nt_attach(nt, OTHER, "ip=" OTHER_IP "/24,pool=few"));
	ck_assert(nt_says(nt, LIST, "pool \\\"few\\\" has 1 devices already"));
	ck_assert(nt_says(nt, POOLS, "\"devices\":1,\"max_devices\":1"));
	tg_free(nt->guest.tg);
	nt->guest.tg = NULL;
	nt_guest_kill(nt, NT_DOMID);
	/* it is tried again */
	ck_ok(tg_start(nt->host, other.dom, 0, NULL, NT_TIMEOUT, &other.tg));
	nt_guest_remove(nt, &other);
}

#define FULL(settings)                                                    \
	"toe \"left\" { netdev = \"toe0\" link = \"macvlan\" "           \
	"driver = \"fault\" " settings " }\n"                             \
	"toe \"right\" { netdev = \"toe0\" link = \"macvlan\" "          \
	"driver = \"fault\" " settings " }\n"                             \
	"pool \"two\" { toes = {\"left\", \"right\"} "                   \
	"policy = \"in-order\" }\n"                                      \
	"pool \"left\" { toes = {\"left\"} }\n"

NATIVE_TEST(a_toe_has_as_many_devices_as_it_may_and_the_next_one_the_others)
{
	struct nt_guest other;

	restart(nt, FULL("max-devices = 1"));
	nt_guest_up_as(nt, NULL, NT_ENTRY ",pool=two");
	other = nt_guest_add(nt, OTHER, NULL, "ip=" OTHER_IP "/24,pool=two");
	ck_assert(nt_says(nt, LIST, "\"toe\":\"left\""));
	ck_assert(nt_says(nt, LIST, "\"toe\":\"right\""));
	nt_guest_remove(nt, &other);
}

NATIVE_TEST(where_no_toe_has_room_the_device_says_so_and_is_tried_again)
{
	struct nt_guest other = {.domid = OTHER};

	restart(nt, FULL("max-devices = 1"));
	nt_guest_up_as(nt, NULL, NT_ENTRY ",pool=left");
	other.dom = nt_domain(nt, OTHER, NULL);
	free(nt_attach(nt, OTHER, "ip=" OTHER_IP "/24,pool=left"));
	ck_assert(nt_says(nt, LIST, "pool \\\"left\\\" has no toe for it: left: "
				    "has as many devices as it may "
				    "(max-devices)"));
	tg_free(nt->guest.tg);
	nt->guest.tg = NULL;
	nt_guest_kill(nt, NT_DOMID);
	ck_ok(tg_start(nt->host, other.dom, 0, NULL, NT_TIMEOUT, &other.tg));
	nt_guest_remove(nt, &other);
}

NATIVE_TEST(devices_that_are_there_stay_when_a_toe_may_have_fewer)
{
	struct tg_sock *s;
	struct nt_guest other;
	struct tg *tg;

	restart(nt, FULL(""));
	tg = nt_guest_up_as(nt, NULL, NT_ENTRY ",pool=left");
	s = nt_echo_up(nt, tg);
	other = nt_guest_add(nt, OTHER, NULL, "ip=" OTHER_IP "/24,pool=left");
	nt_shell("sed -i 's/^toe \"left\" {/& max-devices = 1/' /run/vtoed.conf");
	ck_assert(nt_says(nt, "{\"command\":\"reload\"}", "\"changed\":true"));
	ck_assert(nt_says(nt, "{\"command\":\"toes\"}",
			  "\"devices\":2,\"max_devices\":1"));
	nt_echo_once(s);
	nt_guest_remove(nt, &other);
	nt_echo_once(s);
}

/* ---- shares ---- */

#define RATE	  "toe \"slow\" { netdev = \"toe1\" link = \"macvlan\" "  \
		  "rate = \"16Mb/s\" }\n"                                \
		  "pool \"slow\" { toes = {\"slow\"} }\n"
#define RATE_BYTES 2000000ull /* a second */
#define TOES	  "{\"command\":\"toes\"}"
#define OTHER_IP6 "2001:db8:1::11"
#define SINK_IP	  "198.51.100.1"
#define SINK_IP6  "2001:db8:1::1"
#define ONE	  "ip=198.51.100.10/24,pool=slow"
#define THE_OTHER "ip6=" OTHER_IP6 "/64,pool=slow"

static void slow_up(struct nt *nt, const char *lines)
{
	nt_shell("ip link add toe1 type veth peer name eth1 netns remote &&"
		 " ip link set toe1 up");
	nt_remote_run(nt, "ip addr add " SINK_IP "/24 dev eth1 &&"
			  " ip addr add " SINK_IP6 "/64 dev eth1 nodad &&"
			  " ip link set eth1 up");
	restart(nt, lines);
	nt_until(nt_says(nt, TOES, "\"up\""));
}

static bool tc_has(const char *format, const char *text)
{
	char command[256];

	snprintf(command, sizeof(command), format, text);
	return !system(command);
}

static bool class_has(const char *text)
{
	return tc_has("tc class show dev toe1 | grep -q '%s'", text);
}

static bool is_shared(void)
{
	return tc_has("tc qdisc show dev toe1 | grep -q '%s'", "htb 7e0: root");
}

/* True if they got 1:3 of all that there is. */
static bool compete(struct flow *flow)
{
	uint64_t sum;
	double ratio;

	flow_pump(flow, 2, 3000);
	sum = flow[0].rate + flow[1].rate;
	ratio = (double)flow[1].rate / (double)flow[0].rate;
	printf("share: %llu + %llu bytes a second, 1:%.2f\n",
	       (unsigned long long)flow[0].rate,
	       (unsigned long long)flow[1].rate, ratio);
	ck_assert_uint_lt(sum, RATE_BYTES * 12 / 10);
	return sum > RATE_BYTES * 7 / 10 && ratio > 2.0 && ratio < 4.5;
}

NATIVE_TEST(guests_that_compete_get_their_shares_and_one_alone_all)
{
	struct nt_guest other;
	/* large rings: a guest that has nothing to send does not compete */
	const struct tg_config config = {.tx_order = 5};
	struct flow flow[2];
	int tries = 3;

	slow_up(nt, RATE);
	flow_up(nt, &flow[0], nt_guest_up_as(nt, &config, ONE), SINK_IP, 2);
	other = nt_guest_add(nt, OTHER, &config, THE_OTHER ",share=300");
	flow_up(nt, &flow[1], other.tg, SINK_IP6, 2);
	nt_until(class_has("7e0:12"));
	/* a machine that is too busy lets one of them send too little */
	while (!compete(flow))
		ck_assert_int_gt(tries--, 0);
	flow_down(&flow[1]); /* with all that is on its way */
	flow_pump(flow, 1, 2000);
	printf("share: alone %llu bytes a second\n",
	       (unsigned long long)flow[0].rate);
	ck_assert_uint_gt(flow[0].rate, RATE_BYTES * 7 / 10);
	flow_down(&flow[0]);
	nt_guest_remove(nt, &other);
}

NATIVE_TEST(shares_come_and_go_with_guests)
{
	struct nt_guest other;

	slow_up(nt, RATE);
	nt_until(is_shared());
	ck_assert(nt_says(nt, TOES, "\"rate\":2000000"));
	ck_assert(class_has("7e0:2 ") && !class_has("7e0:11"));
	nt_guest_up_as(nt, NULL, ONE);
	nt_until(class_has("7e0:11"));
	other = nt_guest_add(nt, OTHER, NULL, THE_OTHER ",share=300,rate=4Mb/s");
	nt_until(class_has("7e0:12.*rate 9600Kbit"));
	nt_shell("tc -n vtoe-6-0 qdisc show | grep -q clsact &&"
		 " tc -n vtoe-6-0 qdisc show | grep -q 'tbf.*rate 4Mbit'");
	nt_guest_remove(nt, &other);
	nt_until(!class_has("7e0:12"));
	ck_assert(class_has("7e0:11.*rate 8Mbit ceil 16Mbit"));
}

NATIVE_TEST(shares_outlive_vtoed_and_end_with_the_rate)
{
	slow_up(nt, RATE);
	nt_guest_up_as(nt, NULL, ONE);
	nt_until(class_has("7e0:11"));
	nt_vtoed_kill(nt, SIGTERM);
	ck_assert(class_has("7e0:11"));
	nt_vtoed_start(nt);
	nt_until(nt_says(nt, TOES, "\"rate\":2000000"));
	ck_assert(class_has("7e0:11"));
	nt_shell("sed -i 's/16Mb/32Mb/' /run/vtoed.conf");
	ck_assert(nt_says(nt, "{\"command\":\"reload\"}", "\"ok\":true"));
	nt_until(class_has("7e0:11.*ceil 32Mbit"));
	/* a vtoed that is started with another configuration */
	nt_vtoed_kill(nt, SIGKILL);
	nt->conf_extra = "toe \"slow\" { netdev = \"toe1\" link = \"macvlan\" }"
			 "\npool \"slow\" { toes = {\"slow\"} }\n";
	nt_vtoed_start(nt);
	nt_until(!is_shared());
}

NATIVE_TEST(a_toe_that_is_removed_leaves_no_shares)
{
	slow_up(nt, RATE);
	nt_until(is_shared());
	nt_shell("sed -i '/slow/d' /run/vtoed.conf");
	ck_assert(nt_says(nt, "{\"command\":\"reload\"}", "\"ok\":true"));
	nt_until(!is_shared());
}

NATIVE_TEST(an_administrators_queueing_discipline_is_left_alone)
{
	slow_up(nt, "");
	nt_shell("tc qdisc add dev toe1 root tbf rate 1mbit burst 32k "
		 "limit 64k");
	restart(nt, RATE);
	nt_until(nt_says(nt, TOES, "queueing discipline (tbf) that is not"));
	ck_assert(nt_says(nt, TOES, "\"rate\":null"));
	nt_guest_up_as(nt, NULL, ONE);
	ck_assert(!is_shared());
	nt_shell("tc qdisc del dev toe1 root");
	ck_assert(nt_says(nt, "{\"command\":\"reload\"}", "\"ok\":true"));
	nt_until(is_shared());
}

NATIVE_TEST(a_netdev_that_comes_back_is_shared_again)
{
	slow_up(nt, RATE);
	nt_guest_up_as(nt, NULL, ONE);
	nt_until(class_has("7e0:11"));
	nt_shell("ip link del toe1");
	nt_until(nt_says(nt, TOES, "\"gone\""));
	nt_shell("ip link add toe1 type veth peer name eth1 netns remote &&"
		 " ip link set toe1 up");
	nt_remote_run(nt, "ip link set eth1 up");
	nt_until(class_has("7e0:11"));
}

NATIVE_TEST(a_guest_that_moves_takes_its_share_along)
{
	nt_shell("ip link add toe2 type veth peer name eth2 netns remote &&"
		 " ip link set toe2 up && ip -n remote link set eth2 up");
	slow_up(nt, "toe \"slow\" { netdev = \"toe1\" link = \"macvlan\" "
		    "segment = \"s\" rate = \"16Mb/s\" }\n"
		    "toe \"slower\" { netdev = \"toe2\" link = \"macvlan\" "
		    "segment = \"s\" rate = \"8Mb/s\" }\n"
		    "pool \"slow\" { toes = {\"slow\", \"slower\"} "
		    "policy = \"in-order\" }\n");
	nt_guest_up_as(nt, NULL, ONE);
	nt_until(class_has("7e0:11"));
	ck_assert(nt_says(nt, "{\"command\":\"drain\",\"toe\":\"slow\"}",
			  "\"ok\":true"));
	nt_until(tc_has("tc class show dev toe2 | grep -q '%s'",
			"7e0:11.*ceil 8Mbit"));
	nt_until(!class_has("7e0:11"));
	nt_until(tc_has("tc -n vtoe-5-0 qdisc show | grep -q %s", "clsact"));
}

NATIVE_TEST(a_rate_may_be_what_the_netdev_says)
{
	slow_up(nt, "toe \"slow\" { netdev = \"toe1\" link = \"macvlan\" "
		    "rate = \"auto\" }\n"
		    "toe \"mute\" { netdev = \"br0\" rate = \"auto\" }\n");
	nt_shell("ip link add br0 type bridge && ip link set br0 up");
	nt_until(nt_says(nt, TOES, "br0 does not say its speed"));
	/* a veth says 10 Gbit/s */
	nt_until(nt_says(nt, TOES, "\"rate\":1187500000"));
	ck_assert(class_has("7e0:1 root rate 9500Mbit ceil 9500Mbit"));
}

NATIVE_MAIN("native-sharing", 60,
	    bytes_and_packets_are_counted_for_guest_and_toe,
	    connections_are_counted_for_guest_and_toe,
	    a_move_loses_no_count,
	    a_toe_remembers_guests_that_are_gone,
	    the_next_vtoed_counts_on,
	    a_device_has_as_many_sockets_as_its_pool_allows,
	    a_device_has_as_many_sockets_as_its_entry_allows,
	    a_limit_may_change_while_guests_run,
	    a_pool_has_as_many_sockets_as_it_may,
	    a_connection_over_the_limit_waits_to_be_accepted,
	    a_pool_has_as_many_devices_as_it_may,
	    a_toe_has_as_many_devices_as_it_may_and_the_next_one_the_others,
	    where_no_toe_has_room_the_device_says_so_and_is_tried_again,
	    devices_that_are_there_stay_when_a_toe_may_have_fewer,
	    guests_that_compete_get_their_shares_and_one_alone_all,
	    shares_come_and_go_with_guests,
	    shares_outlive_vtoed_and_end_with_the_rate,
	    a_toe_that_is_removed_leaves_no_shares,
	    an_administrators_queueing_discipline_is_left_alone,
	    a_netdev_that_comes_back_is_shared_again,
	    a_guest_that_moves_takes_its_share_along,
	    a_rate_may_be_what_the_netdev_says)
