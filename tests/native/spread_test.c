// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about a guest on two TOEs at once.
 *
 * Beside the fixture's eth0 there is eth1, whose network's other end is the remote
 * host, too: 198.51.100.1. The guest has 192.0.2.10 and 198.51.100.50.
 */
#include <signal.h>
#include <sys/socket.h>

#include "native.h"

#define PORT   7000
#define NEAR_0 NT_REMOTE_IP
#define NEAR_1 "198.51.100.1"
#define OWN_1  "198.51.100.50"
#define FAR    "203.0.113.1" /* behind either gateway */
#define ENTRY  NT_ENTRY ",pool=two,gateway=" NT_REMOTE_IP

static void configure(struct nt *nt, const char *policy)
{
	static char lines[512]; /* also for a vtoed that is started later */
	char command[sizeof(lines) + 128];

	snprintf(lines, sizeof(lines),
		 "toe \"eth1\" { netdev = \"toe1\" link = \"macvlan\""
		 " addresses = \"198.51.100.50-198.51.100.59/24\""
		 " gateway = \"" NEAR_1 "\" }\n"
		 "pool two { toes = {\"eth0\", \"eth1\"} policy = \"%s\""
		 " spread = 2 }\n", policy);
	nt->conf_extra = lines;
	snprintf(command, sizeof(command),
		 "sed -i '/eth1\\|pool/d' /run/vtoed.conf && "
		 "cat >>/run/vtoed.conf <<E\n%sE\n", lines);
	nt_shell("%s", command);
	ck_assert(nt_says(nt, "{\"command\":\"reload\"}", "\"ok\":true"));
}

static struct tg *spread_up(struct nt *nt, const char *policy,
			    const char *entry)
{
	nt_shell("ip link add toe1 type veth peer name eth1 netns remote &&"
	      " ip link set toe1 up");
	nt_remote_run(nt, "ip addr add " NEAR_1 "/24 dev eth1 &&"
			  " ip link set eth1 up &&"
			  " ip addr add " FAR "/32 dev lo");
	configure(nt, policy);
	nt_until(nt_says(nt, "{\"command\":\"toes\"}", "\"toe1\"") &&
		 !nt_says(nt, "{\"command\":\"toes\"}", "\"down\""));
	return nt_guest_up_as(nt, NULL, entry);
}

/* On which TOE is the guest's only socket that is connected to @ip? */
static bool is_on(struct nt *nt, const char *ip, const char *toe)
{
	char *answer = nt_control(nt, "{\"command\":\"contexts\"}"), *at;
	char part[64];
	bool is;

	snprintf(part, sizeof(part), "connect tcp %s:", ip);
	at = strstr(answer, part);
	snprintf(part, sizeof(part), "toe=%s", toe);
	is = at && (at = strstr(at, "toe=")) &&
	     !strncmp(at, part, strlen(part));
	free(answer);
	return is;
}

NATIVE_TEST(a_peer_is_reached_by_the_toe_that_has_it_in_its_network)
{
	struct tg *tg = spread_up(nt, "round-robin", ENTRY);
	struct tg_sock *s[2];

	nt_remote_echo(nt, NEAR_0, PORT);
	nt_remote_echo(nt, NEAR_1, PORT);
	ck_ok(tg_open_connect(tg, NEAR_1, PORT, NT_TIMEOUT, &s[0]));
	nt_echo_once(s[0]);
	ck_assert(is_on(nt, NEAR_1, "eth1"));
	ck_ok(tg_open_connect(tg, NEAR_0, PORT, NT_TIMEOUT, &s[1]));
	nt_echo_once(s[1]);
	ck_assert(is_on(nt, NEAR_0, "eth0"));
}

NATIVE_TEST(a_far_peer_is_reached_by_either_in_turn)
{
	struct tg *tg = spread_up(nt, "round-robin", ENTRY);
	struct tg_sock *s;
	int i;

	nt_remote_echo(nt, FAR, PORT);
	for (i = 0; i < 4; i++) {
		ck_ok(tg_open_connect(tg, FAR, PORT, NT_TIMEOUT, &s));
		nt_echo_once(s);
		ck_assert(is_on(nt, FAR, i % 2 ? "eth1" : "eth0"));
		ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
	}
}

NATIVE_TEST(a_server_is_reached_by_each_address)
{
	struct tg *tg = spread_up(nt, "round-robin", ENTRY);
	struct tg_sock *l, *s;
	int fd[2];

	ck_ok(tg_open(tg, VTOE_INET, NT_TIMEOUT, &l));
	ck_ok(tg_bind(l, "0.0.0.0", PORT, NT_TIMEOUT, NULL));
	ck_ok(tg_listen(l, 5, NT_TIMEOUT));
	ck_ok(tg_post(l, 2));
	fd[0] = nt_remote_connect(nt, NT_GUEST_IP, PORT);
	ck_ok(tg_accept(l, NT_TIMEOUT, &s));
	fd[1] = nt_remote_connect(nt, OWN_1, PORT);
	ck_ok(tg_accept(l, NT_TIMEOUT, &s));
	ck_assert(nt_says(nt, "{\"command\":\"contexts\"}",
		       "toe=eth1 " OWN_1 ":7000"));
	close(fd[0]);
	close(fd[1]);
}

NATIVE_TEST(a_lost_toe_resets_its_connections_and_no_others)
{
	struct tg *tg = spread_up(nt, "in-order", ENTRY ",on-loss=reset");
	struct tg_sock *s[2];
	char byte;

	nt_remote_echo(nt, NEAR_0, PORT);
	nt_remote_echo(nt, NEAR_1, PORT);
	ck_ok(tg_open_connect(tg, NEAR_0, PORT, NT_TIMEOUT, &s[0]));
	ck_ok(tg_open_connect(tg, NEAR_1, PORT, NT_TIMEOUT, &s[1]));
	nt_shell("ip link set toe1 down");
	ck_err(tg_recv_wait(s[1], &byte, 1, NT_TIMEOUT), ECONNRESET);
	nt_echo_once(s[0]);
}

NATIVE_TEST(a_lost_toe_is_waited_for)
{
	struct tg *tg = spread_up(nt, "in-order", ENTRY ",on-loss=wait:600");
	struct tg_sock *s;

	nt_remote_echo(nt, NEAR_1, PORT);
	ck_ok(tg_open_connect(tg, NEAR_1, PORT, NT_TIMEOUT, &s));
	nt_shell("ip link set toe1 down");
	nt_until(nt_says(nt, "{\"command\":\"toes\"}", "\"down\""));
	nt_shell("ip link set toe1 up");
	nt_echo_once(s);
}

NATIVE_TEST(a_connect_is_made_again_by_another_toe)
{
	struct tg *tg = spread_up(nt, "in-order", ENTRY);
	struct tg_sock *s;

	nt_remote_echo(nt, FAR, PORT);
	/* its answers do not come back */
	nt_remote_run(nt, "ip route add blackhole " NT_GUEST_IP);
	ck_ok(tg_open(tg, VTOE_INET, NT_TIMEOUT, &s));
	ck_ok(tg_connect_start(s, FAR, PORT));
	nt_until(nt_says(nt, "{\"command\":\"contexts\"}", "\"connecting\""));
	ck_assert(is_on(nt, FAR, "eth0"));
	nt_shell("ip link set toe0 down");
	ck_ok(tg_connect_wait(s, NT_TIMEOUT));
	nt_echo_once(s);
	ck_assert(is_on(nt, FAR, "eth1"));
	ck_assert(nt_says(nt, "{\"command\":\"contexts\"}",
		       "\"remap_reason\":\"down\""));
}

NATIVE_TEST(a_toe_that_is_removed_and_comes_back_is_used_again)
{
	struct tg *tg = spread_up(nt, "in-order", ENTRY);
	struct tg_sock *s;
	char byte;

	nt_remote_echo(nt, NEAR_1, PORT);
	ck_ok(tg_open_connect(tg, NEAR_1, PORT, NT_TIMEOUT, &s));
	nt_shell("sed -i '/toe .eth1/d; s/, .eth1.//' /run/vtoed.conf");
	ck_assert(nt_says(nt, "{\"command\":\"reload\"}", "\"ok\":true"));
	ck_err(tg_recv_wait(s, &byte, 1, NT_TIMEOUT), ECONNRESET);
	ck_assert(!nt_says(nt, "{\"command\":\"list\"}", OWN_1));
	configure(nt, "in-order");
	nt_until(nt_says(nt, "{\"command\":\"list\"}", OWN_1));
	ck_ok(tg_open_connect(tg, NEAR_1, PORT, NT_TIMEOUT, &s));
	nt_echo_once(s);
}

NATIVE_TEST(a_capacity_below_use_keeps_what_is_there_and_takes_no_more)
{
	struct tg *tg = spread_up(nt, "in-order", ENTRY);
	struct tg_sock *s[3];

	nt_remote_echo(nt, FAR, PORT);
	ck_ok(tg_open_connect(tg, FAR, PORT, NT_TIMEOUT, &s[0]));
	ck_ok(tg_open_connect(tg, FAR, PORT, NT_TIMEOUT, &s[1]));
	/* vtoed's count, which decides, is a little late */
	nt_until(nt_says(nt, "{\"command\":\"toes\"}", "\"load\":2"));
	nt_shell("sed -i 's/^toe \"eth0\" {/& capacity = 1 /' /run/vtoed.conf");
	ck_assert(nt_says(nt, "{\"command\":\"reload\"}", "\"changed\":true"));
	nt_echo_once(s[0]);
	nt_echo_once(s[1]);
	ck_ok(tg_close(s[0], 0, 0, NT_TIMEOUT));
	ck_ok(tg_open_connect(tg, FAR, PORT, NT_TIMEOUT, &s[2]));
	nt_echo_once(s[2]);
	ck_ok(tg_close(s[1], 0, 0, NT_TIMEOUT));
	ck_assert(is_on(nt, FAR, "eth1"));
}

NATIVE_TEST(the_next_vtoed_knows_both)
{
	struct tg *tg = spread_up(nt, "in-order", ENTRY);
	struct tg_sock *s;

	nt_remote_echo(nt, NEAR_1, PORT);
	ck_ok(tg_open_connect(tg, NEAR_1, PORT, NT_TIMEOUT, &s));
	nt_vtoed_kill(nt, SIGKILL);
	nt_vtoed_start(nt);
	nt_until(nt_says(nt, "{\"command\":\"list\"}", "\"connected\""));
	ck_assert(nt_says(nt, "{\"command\":\"list\"}", OWN_1));
	nt_echo_once(s);
	ck_assert(is_on(nt, NEAR_1, "eth1"));
	ck_ok(tg_open_connect(tg, NEAR_1, PORT, NT_TIMEOUT, &s));
	nt_echo_once(s);
}

#define OTHER_1 "198.51.100.80"
#define CHANGE(from, to) nt_shell("sed -i 's/" from "/" to "/g' /run/vtoed.conf")

NATIVE_TEST(another_range_of_a_toe_is_followed)
{
	struct tg *tg = spread_up(nt, "in-order", ENTRY);
	struct tg_sock *s[2];
	char byte;

	nt_remote_echo(nt, NEAR_0, PORT);
	nt_remote_echo(nt, NEAR_1, PORT);
	ck_ok(tg_open_connect(tg, NEAR_0, PORT, NT_TIMEOUT, &s[0]));
	ck_ok(tg_open_connect(tg, NEAR_1, PORT, NT_TIMEOUT, &s[1]));
	CHANGE("100.5", "100.8");
	ck_assert(nt_says(nt, "{\"command\":\"reload\"}", "\"changed\":true"));
	ck_assert(nt_says(nt, "{\"command\":\"list\"}", OTHER_1));
	/* its address is gone for good */
	ck_err(tg_recv_wait(s[1], &byte, 1, NT_TIMEOUT), ECONNRESET);
	nt_echo_once(s[0]);
	ck_ok(tg_open_connect(tg, NEAR_1, PORT, NT_TIMEOUT, &s[1]));
	nt_echo_once(s[1]);
	ck_assert(nt_says(nt, "{\"command\":\"contexts\"}",
			  "toe=eth1 " OTHER_1 ":"));
}

NATIVE_TEST(a_range_is_followed_that_changed_while_vtoed_was_away)
{
	struct tg *tg = spread_up(nt, "in-order", ENTRY);
	struct tg_sock *s;

	nt_remote_echo(nt, NEAR_1, PORT);
	nt_vtoed_kill(nt, SIGKILL);
	nt->conf_extra =
		"toe \"eth1\" { netdev = \"toe1\" link = \"macvlan\""
		" addresses = \"198.51.100.80-198.51.100.89/24\" }\n"
		"pool two { toes = {\"eth0\", \"eth1\"} policy = \"in-order\""
		" spread = 2 }\n";
	nt_vtoed_start(nt);
	nt_until(nt_says(nt, "{\"command\":\"list\"}", OTHER_1));
	ck_ok(tg_open_connect(tg, NEAR_1, PORT, NT_TIMEOUT, &s));
	nt_echo_once(s);
}

NATIVE_TEST(another_gateway_of_a_toe_is_followed_by_what_is_open)
{
	struct tg *tg = spread_up(nt, "round-robin", ENTRY);
	struct tg_sock *s[2];
	int i;

	nt_remote_echo(nt, FAR, PORT);
	for (i = 0; i < 2; i++)
		ck_ok(tg_open_connect(tg, FAR, PORT, NT_TIMEOUT, &s[i]));
	ck_assert(is_on(nt, FAR, "eth0") || is_on(nt, FAR, "eth1"));
	/* the old one leads nowhere any more */
	ck_assert_int_eq(nt_remote_run(nt, "ip addr del " NEAR_1 "/24 dev eth1 &&"
				       " ip addr add 198.51.100.2/24 dev eth1"), 0);
	CHANGE("gateway = \"" NEAR_1, "gateway = \"198.51.100.2");
	ck_assert(nt_says(nt, "{\"command\":\"reload\"}", "\"changed\":true"));
	ck_assert(nt_says(nt, "{\"command\":\"list\"}", "198.51.100.2\""));
	nt_echo_once(s[0]);
	nt_echo_once(s[1]);
}

/* FAR, too, is behind the gateway of the first one. */
NATIVE_TEST(a_peer_is_reached_by_the_toe_that_has_a_route_to_it)
{
	struct tg *tg = spread_up(nt, "in-order", ENTRY);
	struct tg_sock *s;

	nt_remote_echo(nt, FAR, PORT);
	ck_assert_int_eq(nt_remote_run(nt, "ip addr add 198.51.100.2/24"
					   " dev eth1"), 0);
	CHANGE("gateway = \"" NEAR_1 "\"",
	       "routes = {\"203.0.113.0\\/24 via 198.51.100.2\"}");
	ck_assert(nt_says(nt, "{\"command\":\"reload\"}", "\"changed\":true"));
	nt_shell("ip -n vtoe-5-0 route show table 101 |"
		 " grep -q '203.0.113.0/24 via 198.51.100.2 '");
	ck_ok(tg_open_connect(tg, FAR, PORT, NT_TIMEOUT, &s));
	nt_echo_once(s);
	ck_assert(is_on(nt, FAR, "eth1"));
	ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
	CHANGE("routes = {[^}]*}", "");
	ck_assert(nt_says(nt, "{\"command\":\"reload\"}", "\"changed\":true"));
	ck_ok(tg_open_connect(tg, FAR, PORT, NT_TIMEOUT, &s));
	nt_echo_once(s);
	ck_assert(is_on(nt, FAR, "eth0"));
}

NATIVE_TEST(a_rate_is_set_on_each_toe)
{
	spread_up(nt, "in-order", ENTRY ",rate=16Mb/s");
	nt_shell("tc -n vtoe-5-0 qdisc show | grep -c 'tbf.*rate 16Mbit' |"
	      " grep -qx 2");
}

NATIVE_TEST(an_entry_without_address_gets_one_of_the_toes)
{
	struct tg *tg = spread_up(nt, "in-order", "pool=two");
	struct tg_sock *s;

	ck_assert(nt_says(nt, "{\"command\":\"list\"}", "\"ip\":\"" OWN_1 "/24\""));
	nt_remote_echo(nt, FAR, PORT);
	ck_ok(tg_open_connect(tg, FAR, PORT, NT_TIMEOUT, &s));
	nt_echo_once(s);
}

NATIVE_TEST(an_entry_without_address_on_a_toe_without_any_is_an_error)
{
	struct fx_dom *dom = nt_domain(nt, NT_DOMID, NULL);

	free(nt_attach(nt, NT_DOMID, "pool=default"));
	ck_assert(nt_says(nt, "{\"command\":\"list\"}",
		       "no address: give ip= or ip6= in the entry"));
	fx_dom_close(dom);
}

NATIVE_MAIN("native-spread", 60,
	    a_peer_is_reached_by_the_toe_that_has_it_in_its_network,
	    a_far_peer_is_reached_by_either_in_turn,
	    a_server_is_reached_by_each_address,
	    a_lost_toe_resets_its_connections_and_no_others,
	    a_lost_toe_is_waited_for,
	    a_connect_is_made_again_by_another_toe,
	    a_toe_that_is_removed_and_comes_back_is_used_again,
	    a_capacity_below_use_keeps_what_is_there_and_takes_no_more,
	    the_next_vtoed_knows_both,
	    another_range_of_a_toe_is_followed,
	    a_range_is_followed_that_changed_while_vtoed_was_away,
	    another_gateway_of_a_toe_is_followed_by_what_is_open,
	    a_peer_is_reached_by_the_toe_that_has_a_route_to_it,
	    a_rate_is_set_on_each_toe,
	    an_entry_without_address_gets_one_of_the_toes,
	    an_entry_without_address_on_a_toe_without_any_is_an_error)
