// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about TOEs that are there because a netdev matches, and about their MTU
 * and VLAN.
 *
 *	toe "m" { netdev = "hot*" … }	hot0 — veth — eth1, 198.51.100.1, remote
 *
 * The fixture's eth0 is named in full, and is there always.
 */
#include <signal.h>

#include "native.h"

#define NEAR  "198.51.100.1"
#define PORT  7000
#define ENTRY "ip=198.51.100.50/24,pool=hot,on-loss=wait:600"
#define TOE   "/local/domain/0/vtoe/toe/"
#define CONF  "toe \"m\" { netdev = \"hot*\" link = \"macvlan\" segment = \"s\" }\n" \
	      "pool hot { toes = {\"m\"} policy = \"in-order\" }\n"

static bool toes_have(struct nt *nt, const char *part)
{
	return nt_says(nt, "{\"command\":\"toes\"}", part);
}

/* @expected NULL: there is no such node */
static bool node_is(const char *toe, const char *node, const char *expected)
{
	return nt_xs_is(expected, TOE "%s/%s", toe, node);
}

static bool state_is(const char *toe, const char *state)
{
	return node_is(toe, "state", state);
}

static void configure(struct nt *nt, const char *lines)
{
	nt->conf_extra = lines; /* also for a vtoed that is started later */
	nt_shell("cat >>/run/vtoed.conf <<'E'\n%sE\n", lines);
	ck_assert(nt_says(nt, "{\"command\":\"reload\"}", "\"ok\":true"));
}

static void plug(struct nt *nt, const char *netdev)
{
	nt_shell("ip link add %s type veth peer name eth1 netns remote &&"
		 " ip link set %s up", netdev, netdev);
	nt_remote_run(nt, "ip addr add " NEAR "/24 dev eth1 &&"
			  " ip link set eth1 up");
}

/* One that is nobody's neighbour, but has a carrier. */
static void plug_idle(const char *netdev)
{
	nt_shell("ip link add %s type veth peer name far-%s &&"
		 " ip link set %s up && ip link set far-%s up",
		 netdev, netdev, netdev, netdev);
}

NATIVE_TEST(a_netdev_that_comes_joins_and_leaves_by_itself)
{
	configure(nt, CONF);
	ck_assert(!toes_have(nt, "\"m-"));
	plug_idle("hot0");
	nt_until(state_is("m-hot0", "up"));
	ck_assert(toes_have(nt, "\"match\":\"m\""));
	ck_assert(nt_says(nt, "{\"command\":\"pools\"}", "[\"m-hot0\"]"));
	ck_assert(nt_says(nt, "{\"command\":\"pools\"}",
			  "[\"eth0\",\"m-hot0\"]"));
	nt_shell("ip link del hot0");
	nt_until(state_is("m-hot0", NULL));
	ck_assert(!toes_have(nt, "m-hot0"));
	ck_assert(nt_says(nt, "{\"command\":\"pools\"}", "\"toes\":[]"));
}

NATIVE_TEST(a_netdev_that_is_renamed_is_another)
{
	configure(nt, CONF);
	plug_idle("cold");
	nt_shell("ip link set cold down && ip link set cold name hot7 &&"
		 " ip link set hot7 up");
	nt_until(state_is("m-hot7", "up"));
	nt_shell("ip link set hot7 down && ip link set hot7 name hot8 &&"
		 " ip link set hot8 up");
	nt_until(state_is("m-hot8", "up") && state_is("m-hot7", NULL));
	nt_shell("ip link set hot8 down && ip link set hot8 name cold");
	nt_until(state_is("m-hot8", NULL));
}

NATIVE_TEST(what_is_not_for_guests_is_not_taken)
{
	nt_shell("ip link add br0 type bridge && ip link set br0 up");
	plug_idle("port0");
	nt_shell("ip link set port0 master br0");
	configure(nt, "toe \"all\" { netdev = \"*\" link = \"macvlan\" }\n");
	nt_until(state_is("all-br0", "up"));
	ck_assert(state_is("all-port0", NULL));
	ck_assert(state_is("all-lo", NULL));
	ck_assert(state_is("all-toe0", NULL)); /* the fixture's */
	nt_shell("ip link set port0 nomaster");
	nt_until(state_is("all-port0", "up"));
	nt_shell("ip link set port0 master br0");
	nt_until(state_is("all-port0", NULL));
}

NATIVE_TEST(guests_move_from_one_that_goes_to_one_that_came)
{
	configure(nt, CONF);
	plug_idle("hot0");
	nt_until(state_is("m-hot0", "up"));
	nt_guest_up_as(nt, NULL, ENTRY);
	ck_assert(nt_says(nt, "{\"command\":\"list\"}", "\"toe\":\"m-hot0\""));
	plug_idle("hot1");
	nt_until(state_is("m-hot1", "up"));
	nt_shell("ip link del hot0");
	nt_until(nt_says(nt, "{\"command\":\"list\"}", "\"toe\":\"m-hot1\""));
	nt_until(state_is("m-hot0", NULL));
}

NATIVE_TEST(one_that_a_guest_is_on_stays_until_it_is_back)
{
	struct tg_sock *s;
	struct tg *tg;

	configure(nt, CONF);
	plug(nt, "hot0");
	nt_until(state_is("m-hot0", "up"));
	tg = nt_guest_up_as(nt, NULL, ENTRY);
	nt_remote_echo(nt, NEAR, PORT);
	ck_ok(tg_open_connect(tg, NEAR, PORT, NT_TIMEOUT, &s));
	nt_echo_once(s);
	nt_shell("ip link del hot0");
	nt_until(state_is("m-hot0", "gone"));
	/* over a reload and a restart, too */
	ck_assert(nt_says(nt, "{\"command\":\"reload\"}", "\"changed\":false"));
	ck_assert(toes_have(nt, "\"gone\""));
	nt_vtoed_kill(nt, SIGKILL);
	nt_vtoed_start(nt);
	ck_assert(toes_have(nt, "\"gone\""));
	nt_until(nt_says(nt, "{\"command\":\"list\"}", "\"connected\""));
	plug(nt, "hot0");
	nt_until(state_is("m-hot0", "up"));
	nt_echo_once(s);
	/* the last guest that leaves it takes it along */
	nt_shell("ip link del hot0");
	nt_until(state_is("m-hot0", "gone"));
	ck_assert(nt_says(nt, "{\"command\":\"detach\",\"domain\":5}",
			  "\"ok\":true"));
	nt_until(state_is("m-hot0", NULL));
}

NATIVE_TEST(one_of_an_earlier_vtoed_goes_with_the_next_reload)
{
	configure(nt, CONF);
	plug_idle("hot0");
	nt_until(state_is("m-hot0", "up"));
	nt_vtoed_kill(nt, SIGKILL);
	nt_shell("ip link del hot0");
	nt_vtoed_start(nt);
	ck_assert(toes_have(nt, "\"gone\""));
	ck_assert(nt_says(nt, "{\"command\":\"reload\"}", "\"ok\":true"));
	ck_assert(!toes_have(nt, "m-hot0"));
}

#define TOE_ADD	   "{\"command\":\"toe\",\"verb\":\"add\",\"toe\":"
#define TOE_REMOVE "{\"command\":\"toe\",\"verb\":\"remove\",\"toe\":"

NATIVE_TEST(a_match_may_be_added_and_is_removed_as_a_whole)
{
	plug_idle("hot0");
	plug_idle("hot1");
	ck_assert(nt_says(nt, TOE_ADD "\"m\",\"settings\":{\"netdev\":\"hot*\","
			  "\"link\":\"macvlan\"}}", "\"ok\":true"));
	nt_until(state_is("m-hot0", "up") && state_is("m-hot1", "up"));
	ck_assert(nt_says(nt, TOE_REMOVE "\"m-hot0\"}",
			  "because a netdev matches toe m"));
	ck_assert(nt_says(nt, TOE_ADD "\"m-hot0\",\"settings\":"
			  "{\"netdev\":\"x\"}}", "cannot have one"));
	ck_assert(nt_says(nt, "{\"command\":\"drain\",\"toe\":\"m-hot1\"}",
			  "\"draining\""));
	nt_vtoed_kill(nt, SIGKILL);
	nt_vtoed_start(nt);
	nt_until(state_is("m-hot1", "draining"));
	ck_assert(nt_says(nt, TOE_REMOVE "\"m\"}", "\"ok\":true"));
	nt_until(state_is("m-hot0", NULL) && state_is("m-hot1", NULL));
}

/* ---- MTU ---- */

NATIVE_TEST(guests_get_the_mtu_of_the_toe)
{
	configure(nt, "toe \"m\" { netdev = \"hot*\" link = \"macvlan\""
		      " mtu = 1400 }\npool hot { toes = {\"m\"} }\n");
	plug_idle("hot0");
	nt_until(state_is("m-hot0", "up"));
	ck_assert(toes_have(nt, "\"link_mtu\":1400"));
	ck_assert(node_is("m-hot0", "link-mtu", "1400"));
	nt_guest_up_as(nt, NULL, ENTRY);
	nt_shell("ip -n vtoe-5-0 link show type macvlan | grep -q 'mtu 1400 '");
}

NATIVE_TEST(an_entry_has_less_than_the_toe_at_most)
{
	struct fx_dom *dom = nt_domain(nt, NT_DOMID, NULL);

	configure(nt, "toe \"m\" { netdev = \"hot*\" link = \"macvlan\""
		      " mtu = 1400 }\npool hot { toes = {\"m\"} }\n");
	plug_idle("hot0");
	nt_until(state_is("m-hot0", "up"));
	free(nt_attach(nt, NT_DOMID, ENTRY ",mtu=1401"));
	ck_assert(nt_says(nt, "{\"command\":\"list\"}",
			  "toe m-hot0: mtu: 1401 is more than the 1400"));
	ck_assert(nt_says(nt, "{\"command\":\"detach\",\"domain\":5}",
			  "\"ok\":true"));
	free(nt_attach(nt, NT_DOMID, ENTRY ",mtu=1300"));
	nt_shell("ip -n vtoe-5-0 link show type macvlan | grep -q 'mtu 1300 '");
	fx_dom_close(dom);
}

NATIVE_TEST(a_netdev_with_too_small_an_mtu_is_said_to_be_so)
{
	struct fx_dom *dom = nt_domain(nt, NT_DOMID, NULL);

	configure(nt, "toe \"m\" { netdev = \"hot*\" link = \"macvlan\""
		      " mtu = 9000 }\npool hot { toes = {\"m\"} }\n");
	plug_idle("hot0");
	nt_until(state_is("m-hot0", "degraded"));
	ck_assert(toes_have(nt, "mtu 9000 is more than the network device's "
				"1500"));
	free(nt_attach(nt, NT_DOMID, ENTRY));
	ck_assert(nt_says(nt, "{\"command\":\"list\"}",
			  "mtu: 9000 is more than the 1500"));
	nt_shell("ip link set hot0 mtu 9000");
	nt_until(state_is("m-hot0", "up"));
	nt_until(nt_says(nt, "{\"command\":\"list\"}", "\"toe\":\"m-hot0\""));
	nt_shell("ip -n vtoe-5-0 link show type macvlan | grep -q 'mtu 9000 '");
	/* it is not its failures: the next vtoed has it up as soon as it is well */
	nt_shell("ip link set hot0 mtu 1500");
	nt_until(state_is("m-hot0", "degraded"));
	nt_vtoed_kill(nt, SIGKILL);
	nt_shell("ip link set hot0 mtu 9000");
	nt_vtoed_start(nt);
	nt_until(state_is("m-hot0", "up"));
	fx_dom_close(dom);
}

/* ---- VLANs ---- */

#define VLAN_CONF "toe \"v\" { netdev = \"hot0\" vlan = 100"                \
		  " link = \"macvlan\" }\n"                                 \
		  "toe \"plain\" { netdev = \"hot0\" link = \"macvlan\" }\n"  \
		  "pool hot { toes = {\"v\"} }\n"
#define HAS_VLANS "ip link add link toe0 name probe type vlan id 9 2>&- &&" \
		  " ip link del probe"
#define VLAN_LINK "ip -d link show type vlan | grep -q 'vlan protocol 802.1Q "

/* Prints that it is left out where the kernel has no VLANs. */
static bool has_vlans(void)
{
	if (!system(HAS_VLANS))
		return true;
	fprintf(stderr, "left out: this kernel has no VLANs\n");
	return false;
}

static void plug_vlan(struct nt *nt)
{
	nt_shell("ip link add hot0 type veth peer name eth1 netns remote &&"
		 " ip link set hot0 up");
	nt_remote_run(nt, "ip link set eth1 up &&"
			  " ip link add link eth1 name tagged type vlan id 100 &&"
			  " ip addr add " NEAR "/24 dev tagged &&"
			  " ip link set tagged up");
}

NATIVE_TEST(without_vlans_in_the_kernel_a_toe_says_so)
{
	if (!system(HAS_VLANS))
		return;
	configure(nt, VLAN_CONF);
	plug_idle("hot0");
	nt_until(state_is("plain", "up"));
	ck_assert(state_is("v", "down"));
	ck_assert(toes_have(nt, "VLAN 100 cannot be made"));
	ck_assert(toes_have(nt, "\"vlan\":100"));
}

NATIVE_TEST(guests_are_on_the_vlan)
{
	struct tg_sock *s;
	struct tg *tg;

	if (!has_vlans())
		return;
	plug_vlan(nt);
	configure(nt, VLAN_CONF);
	nt_until(state_is("v", "up") && state_is("plain", "up"));
	tg = nt_guest_up_as(nt, NULL, ENTRY);
	nt_remote_echo(nt, NEAR, PORT);
	ck_ok(tg_open_connect(tg, NEAR, PORT, NT_TIMEOUT, &s));
	nt_echo_once(s);
	nt_vtoed_kill(nt, SIGKILL);
	nt_vtoed_start(nt);
	nt_until(nt_says(nt, "{\"command\":\"list\"}", "\"connected\""));
	nt_echo_once(s);
}

NATIVE_TEST(guests_follow_their_toe_to_another_vlan)
{
	struct tg_sock *s;
	struct tg *tg;

	if (!has_vlans())
		return;
	plug_vlan(nt);
	configure(nt, VLAN_CONF);
	nt_until(state_is("v", "up"));
	tg = nt_guest_up_as(nt, NULL, ENTRY);
	nt_remote_echo(nt, NEAR, PORT);
	ck_ok(tg_open_connect(tg, NEAR, PORT, NT_TIMEOUT, &s));
	nt_echo_once(s);
	nt_remote_run(nt, "ip link del tagged &&"
			  " ip link add link eth1 name tagged type vlan id 200 &&"
			  " ip addr add " NEAR "/24 dev tagged &&"
			  " ip link set tagged up");
	nt_shell("sed -i 's/vlan = 100/vlan = 200/' /run/vtoed.conf");
	ck_assert(nt_says(nt, "{\"command\":\"reload\"}", "\"ok\":true"));
	nt_echo_once(s);
}

NATIVE_TEST(a_vlan_that_nobody_wants_is_removed)
{
	if (!has_vlans())
		return;
	plug_vlan(nt);
	nt_shell("ip link add link hot0 name mine type vlan id 5");
	configure(nt, VLAN_CONF);
	nt_until(state_is("v", "up"));
	nt_shell(VLAN_LINK "id 100 '");
	/* by a reload */
	nt_shell("sed -i 's/vlan = 100/vlan = 200/' /run/vtoed.conf");
	ck_assert(nt_says(nt, "{\"command\":\"reload\"}", "\"ok\":true"));
	nt_shell(VLAN_LINK "id 200 '");
	nt_shell("! " VLAN_LINK "id 100 '");
	/* by a restart */
	nt_vtoed_kill(nt, SIGKILL);
	nt->conf_extra = "";
	nt_vtoed_start(nt);
	nt_until(!toes_have(nt, "\"v\""));
	nt_shell("! " VLAN_LINK "id 200 '");
	nt_shell(VLAN_LINK "id 5 '");
}

NATIVE_TEST(a_vlan_of_somebody_else_is_left_alone)
{
	if (!has_vlans())
		return;
	plug_vlan(nt);
	nt_shell("ip link add link hot0 name mine type vlan id 100");
	configure(nt, VLAN_CONF);
	nt_until(state_is("plain", "up"));
	ck_assert(toes_have(nt, "VLAN 100 of hot0 is there"));
	nt_shell("ip link del mine");
	nt_until(state_is("v", "up"));
}

NATIVE_MAIN("native-inventory", 60,
	    a_netdev_that_comes_joins_and_leaves_by_itself,
	    a_netdev_that_is_renamed_is_another,
	    what_is_not_for_guests_is_not_taken,
	    guests_move_from_one_that_goes_to_one_that_came,
	    one_that_a_guest_is_on_stays_until_it_is_back,
	    one_of_an_earlier_vtoed_goes_with_the_next_reload,
	    a_match_may_be_added_and_is_removed_as_a_whole,
	    guests_get_the_mtu_of_the_toe,
	    an_entry_has_less_than_the_toe_at_most,
	    a_netdev_with_too_small_an_mtu_is_said_to_be_so,
	    without_vlans_in_the_kernel_a_toe_says_so,
	    guests_are_on_the_vlan,
	    guests_follow_their_toe_to_another_vlan,
	    a_vlan_that_nobody_wants_is_removed,
	    a_vlan_of_somebody_else_is_left_alone)
