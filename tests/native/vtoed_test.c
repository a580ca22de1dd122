/* SPDX-License-Identifier: GPL-2.0 */
/* Claims about vtoed: records, TOEs, configuration, control socket, XenStore. */
#include <signal.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <xenstore.h>

#include "native.h"

#define PORT 7000
#define B    "/local/domain/0/backend/vtoe/5/0"
#define RECORDS "/local/domain/0/vtoe/context/5/0"
#define TOE  "/local/domain/0/vtoe/toe/eth0"

static bool node_has(const char *path, const char *part)
{
	return nt_xs_has(part, "%s", path);
}

static bool node_absent(const char *path)
{
	return nt_xs_is(NULL, "%s", path);
}

static unsigned int count_records(void)
{
	struct xs_handle *xs = xs_open(0);
	unsigned int n = 0;

	ck_assert_ptr_nonnull(xs);
	free(xs_directory(xs, XBT_NULL, RECORDS, &n));
	xs_close(xs);
	return n;
}

/* ------------------------------------------------------------ records */

static bool some_record(const char *key, const char *part)
{
	struct xs_handle *xs = xs_open(0);
	unsigned int i, n = 0;
	char path[128], **slots;
	bool has = false;

	slots = xs_directory(xs, XBT_NULL, RECORDS, &n);
	xs_close(xs);
	for (i = 0; i < n && !has; i++) {
		snprintf(path, sizeof(path), RECORDS "/%s/%s", slots[i],
			 key);
		has = node_has(path, part);
	}
	free(slots);
	return has;
}

NATIVE_TEST(a_connection_has_a_record_and_loses_it)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	struct tg_sock *s = nt_echo_up(nt, tg);

	/* a record's nodes are written one after the other */
	nt_until(some_record("requested", "connect tcp 192.0.2.1:7000"));
	nt_until(some_record("resolved", "toe=eth0 192.0.2.10:"));
	nt_until(some_record("resolved", " -> 192.0.2.1:7000"));
	nt_until(some_record("state", "established"));
	nt_until(some_record("remaps", "0"));
	ck_assert(nt_says(nt, "{\"command\":\"contexts\"}",
		       "connect tcp 192.0.2.1:7000"));
	ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
	nt_until(count_records() == 0);
}

NATIVE_TEST(records_are_bounded_and_those_left_out_follow)
{
	struct tg_sock *s[8];
	struct tg *tg;
	int i;

	nt_vtoed_kill(nt, SIGTERM);
	nt->conf_extra = "records-per-guest = 4\n";
	nt_vtoed_start(nt);
	tg = nt_guest_up(nt, NULL);
	s[0] = nt_echo_up(nt, tg);
	for (i = 1; i < 8; i++)
		ck_ok(tg_open_connect(tg, NT_REMOTE_IP, PORT, NT_TIMEOUT,
				      &s[i]));
	nt_until(count_records() == 4);
	ck_assert(nt_says(nt, "{\"command\":\"stats\"}", "\"contexts\":8"));
	for (i = 0; i < 6; i++)
		ck_ok(tg_close(s[i], 0, 0, NT_TIMEOUT));
	nt_until(count_records() == 2);
	ck_assert_int_le((int)count_records(), 4);
}

NATIVE_TEST(records_go_on_after_a_restart)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	struct tg_sock *s = nt_echo_up(nt, tg);

	nt_until(count_records() == 1);
	nt_vtoed_kill(nt, SIGKILL);
	ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
	ck_ok(tg_open_connect(tg, NT_REMOTE_IP, PORT, NT_TIMEOUT, &s));
	nt_vtoed_start(nt);
	nt_until(count_records() == 1 && some_record("state", "established"));
}

/* ------------------------------------------------------------ TOEs */

NATIVE_TEST(a_toe_without_link_is_down)
{
	ck_assert(nt_says(nt, "{\"command\":\"toes\"}", "\"state\":\"up\""));
	nt_until(node_has(TOE "/state", "up"));
	ck_assert_int_eq(nt_remote_run(nt, "ip link set eth0 down"), 0);
	nt_until(node_has(TOE "/state", "down"));
	ck_assert(node_has(TOE "/reason", "no link"));
	ck_assert_int_eq(nt_remote_run(nt, "ip link set eth0 up"), 0);
	nt_until(node_has(TOE "/state", "up"));
}

NATIVE_TEST(a_toe_says_what_its_device_has)
{
	nt_until(node_has(TOE "/mtu", "1500"));
	ck_assert(node_has(TOE "/offloads", "sg"));
	ck_assert(node_has(TOE "/mac", ":"));
	ck_assert(nt_says(nt, "{\"command\":\"toes\"}", "\"mtu\":1500"));
	nt_shell("ip link set toe0 mtu 1400");
	nt_until(node_has(TOE "/mtu", "1400"));
	nt_shell("ip link del toe0");
	nt_until(node_has(TOE "/state", "gone") && node_has(TOE "/mtu", "0"));
	ck_assert(nt_says(nt, "{\"command\":\"toes\"}", "\"mtu\":null"));
}

static void wire_up(void)
{
	nt_shell("ip link add toe0 type veth peer name eth0 netns remote &&"
	      " ip -n remote addr add " NT_REMOTE_IP "/24 dev eth0 &&"
	      " ip -n remote link set eth0 up && ip link set toe0 up");
}

NATIVE_TEST(a_device_waits_for_its_toe)
{
	struct tg *tg;

	nt_shell("ip link del toe0");
	nt_until(node_has(TOE "/state", "gone"));
	nt->guest.domid = NT_DOMID;
	nt->guest.dom = nt_domain(nt, NT_DOMID, NULL);
	free(nt_attach(nt, NT_DOMID, NT_ENTRY));
	nt_until(node_has(B "/error", "no such network device"));
	wire_up();
	nt_until(node_absent(B "/error"));
	ck_ok(tg_start(nt->host, nt->guest.dom, 0, NULL, NT_TIMEOUT, &tg));
	nt->guest.tg = tg;
	nt_echo_up(nt, tg);
}

NATIVE_TEST(a_toe_that_comes_back_serves_its_guests_again)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	struct tg_sock *s = nt_echo_up(nt, tg);
	pid_t worker = nt_worker(nt, NT_DOMID);

	nt_shell("ip link del toe0");
	nt_until(node_has(TOE "/state", "gone"));
	wire_up();
	nt_until(node_has(TOE "/state", "up") &&
		 nt_log_has(nt, "vtoed.log", "network made again"));
	ck_ok(tg_open_connect(tg, NT_REMOTE_IP, PORT, NT_TIMEOUT, &s));
	nt_echo_once(s);
	ck_assert_int_eq(nt_worker(nt, NT_DOMID), worker);
}

static void lose_toe(void)
{
	nt_shell("ip link del toe0");
	nt_until(node_has(TOE "/state", "gone"));
}

/* A connect() on the way, while its TOE is gone. */
static struct tg_sock *connect_to_nowhere(struct nt *nt, const char *entry)
{
	struct tg *tg = nt_guest_up_as(nt, NULL, entry);
	struct tg_sock *s;

	nt_remote_echo(nt, NT_REMOTE_IP, PORT);
	lose_toe();
	ck_ok(tg_open(tg, VTOE_INET, NT_TIMEOUT, &s));
	ck_ok(tg_connect_start(s, NT_REMOTE_IP, PORT));
	return s;
}

NATIVE_TEST(what_connects_while_its_toe_is_gone_waits_for_it)
{
	struct tg_sock *s =
		connect_to_nowhere(nt, NT_ENTRY ",on-loss=wait:600");

	nt_until(nt_says(nt, "{\"command\":\"contexts\"}", "\"connecting\""));
	ck_err(tg_connect_done(s), EAGAIN);
	wire_up();
	ck_ok(tg_connect_wait(s, NT_TIMEOUT));
	nt_echo_once(s);
}

NATIVE_TEST(what_waits_for_its_toe_is_told_when_it_has_waited_enough)
{
	struct tg *tg = nt_guest_up_as(nt, NULL, NT_ENTRY ",on-loss=wait:1");
	struct tg_sock *s;

	/* on a slow machine it has waited enough before one is open */
	ck_ok(tg_open(tg, VTOE_INET, NT_TIMEOUT, &s));
	lose_toe();
	ck_ok(tg_connect_start(s, NT_REMOTE_IP, PORT));
	ck_err(tg_connect_wait(s, NT_TIMEOUT), ENETUNREACH);
	ck_ok(tg_connect_start(s, NT_REMOTE_IP, PORT));
	ck_err(tg_connect_wait(s, NT_TIMEOUT), ENETUNREACH);
}

NATIVE_TEST(what_waits_for_its_toe_may_be_closed)
{
	struct tg_sock *s =
		connect_to_nowhere(nt, NT_ENTRY ",on-loss=wait:600");

	nt_until(nt_says(nt, "{\"command\":\"contexts\"}", "\"connecting\""));
	ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
	wire_up();
	nt_until(nt_log_has(nt, "vtoed.log", "network made again"));
	ck_ok(tg_open_connect(nt->guest.tg, NT_REMOTE_IP, PORT, NT_TIMEOUT,
			      &s));
	nt_echo_once(s);
}

NATIVE_TEST(an_address_is_free_again_after_its_device_is_gone)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	struct fx_dom *dom = nt_domain(nt, 6, NULL);

	nt_echo_up(nt, tg);
	free(nt_attach(nt, 6, NT_ENTRY));
	nt_until(node_has("/local/domain/0/backend/vtoe/6/0/error",
			  "192.0.2.10 is in use"));
	tg_free(tg);
	nt->guest.tg = NULL;
	nt_guest_kill(nt, NT_DOMID);
	nt_until(node_absent("/local/domain/0/backend/vtoe/6/0/error"));
	ck_assert(node_has("/local/domain/0/backend/vtoe/6/0/state", "2"));
	fx_dom_close(dom);
}

/* ------------------------------------------------------------ control */

NATIVE_TEST(a_wrong_configuration_is_not_taken_over)
{
	nt_shell("echo 'toe broken { }' >> /run/vtoed.conf");
	ck_assert(nt_says(nt, "{\"command\":\"reload\"}",
		       "/run/vtoed.conf:3: toe \\\"broken\\\" has no netdev"));
	ck_assert(nt_says(nt, "{\"command\":\"toes\"}", "\"name\":\"eth0\""));
}

NATIVE_TEST(a_pool_that_is_configured_heals_its_devices)
{
	struct fx_dom *dom = nt_domain(nt, NT_DOMID, NULL);

	free(nt_attach(nt, NT_DOMID, "pool=gold,ip=192.0.2.10/24"));
	nt_until(node_has(B "/error", "no pool \"gold\""));
	nt_shell("echo 'pool gold { toes = { \"eth0\" } }' >> /run/vtoed.conf");
	ck_assert(nt_says(nt, "{\"command\":\"reload\"}", "\"changed\":true"));
	nt_until(node_absent(B "/error"));
	ck_assert(node_has(B "/toe", "eth0"));
	ck_assert(node_has("/local/domain/0/vtoe/pool/gold/toes", "eth0"));
	ck_assert(nt_says(nt, "{\"command\":\"reload\"}", "\"changed\":false"));
	fx_dom_close(dom);
}

#define TOE_ADD	   "{\"command\":\"toe\",\"verb\":\"add\",\"toe\":"
#define TOE_SET	   "{\"command\":\"toe\",\"verb\":\"set\",\"toe\":"
#define TOE_REMOVE "{\"command\":\"toe\",\"verb\":\"remove\",\"toe\":"
#define TOE2	   "/local/domain/0/vtoe/toe/late"
#define STATE	   "/run/vtoe-state/toes.conf"

NATIVE_TEST(a_toe_added_at_run_time_outlives_vtoed)
{
	nt_shell("ip link add late0 type veth peer name late1 &&"
	      " ip link set late0 up && ip link set late1 up");
	ck_assert(nt_says(nt, TOE_ADD "\"late\",\"settings\":"
		       "{\"netdev\":\"late0\",\"weight\":\"7\"}}",
		       "\"ok\":true"));
	nt_until(node_has(TOE2 "/state", "up"));
	ck_assert(node_has(TOE2 "/weight", "7"));
	ck_assert(nt_says(nt, "{\"command\":\"pools\"}", "[\"eth0\",\"late\"]"));
	ck_assert(nt_says(nt, TOE_SET "\"late\",\"settings\":"
		       "{\"weight\":\"9\"}}", "\"ok\":true"));
	nt_vtoed_kill(nt, SIGKILL);
	nt_vtoed_start(nt);
	ck_assert(nt_says(nt, "{\"command\":\"toes\"}", "\"netdev\":\"late0\""));
	nt_until(node_has(TOE2 "/weight", "9"));
	ck_assert(nt_says(nt, TOE_REMOVE "\"late\"}", "\"ok\":true"));
	nt_until(node_absent(TOE2 "/state"));
	ck_assert(nt_says(nt, "{\"command\":\"reload\"}", "\"changed\":false"));
}

NATIVE_TEST(a_toe_that_is_removed_is_left)
{
	nt_shell("ip link add left0 type veth peer name left1 &&"
	      " ip link add right0 type veth peer name right1 &&"
	      " for i in left0 left1 right0 right1; do"
	      " ip link set $i up || exit 1; done");
	ck_assert(nt_says(nt, TOE_ADD "\"left\",\"settings\":{\"netdev\":\"left0\","
		       "\"weight\":\"1000\",\"segment\":\"s\"}}",
		       "\"ok\":true"));
	ck_assert(nt_says(nt, TOE_ADD "\"right\",\"settings\":{\"netdev\":"
		       "\"right0\",\"weight\":\"999\",\"segment\":\"s\"}}",
		       "\"ok\":true"));
	nt_guest_up(nt, NULL);
	ck_assert(node_has(B "/toe", "left"));
	ck_assert(nt_says(nt, TOE_REMOVE "\"left\"}", "\"ok\":true"));
	nt_until(node_has(B "/toe", "right"));
	ck_assert(node_has(B "/state", "4"));
}

NATIVE_TEST(a_wrong_toe_changes_nothing)
{
	ck_assert(nt_says(nt, TOE_ADD "\"eth0\",\"settings\":{}}", "already"));
	ck_assert(nt_says(nt, TOE_REMOVE "\"eth0\"}",
		       "toe eth0 is in /run/vtoed.conf; remove it there"));
	ck_assert(nt_says(nt, TOE_SET "\"eth0\",\"settings\":{}}",
		       "change it there and say vtoectl reload"));
	ck_assert(nt_says(nt, TOE_REMOVE "\"late\"}", "there is no toe"));
	ck_assert(nt_says(nt, TOE_ADD "\"late\",\"settings\":{}}",
		       "toe add late: toe \\\"late\\\" has no netdev"));
	ck_assert(nt_says(nt, TOE_ADD "\"late\",\"settings\":"
		       "{\"netdev\":\"toe0\"}}", "has the netdev"));
	ck_assert(nt_says(nt, TOE_ADD "\"late\",\"settings\":"
		       "{\"netdev\":\"x\",\"weight\":\"0\"}}",
		       "toe add late: weight: 0 is not in the range"));
	ck_assert(nt_says(nt, TOE_ADD "\"late\",\"settings\":"
		       "{\"netdev\":\"x\",\"pool\":\"gold\"}}",
		       "there is no pool"));
	ck_assert(nt_says(nt, TOE_ADD "\"late\"}", "has no netdev"));
	ck_assert(nt_says(nt, "{\"command\":\"toe\"}", "add, set or remove"));
	ck_assert_int_ne(access(STATE, F_OK), 0);
	/* a directory stands where the file is to be written */
	ck_assert_int_eq(system("mkdir -p " STATE ".new"), 0);
	ck_assert(nt_says(nt, TOE_ADD "\"late\",\"settings\":"
		       "{\"netdev\":\"x\"}}", "Is a directory"));
	ck_assert(!nt_says(nt, "{\"command\":\"toes\"}", "late"));
	nt_shell("rmdir " STATE ".new");
}

NATIVE_TEST(wrong_requests_are_refused_and_do_no_harm)
{
	ck_assert(nt_says(nt, "nonsense", "\"ok\":false"));
	ck_assert(nt_says(nt, "{\"command\":7}", "\"ok\":false"));
	ck_assert(nt_says(nt, "{\"command\":\"jump\"}", "unknown command"));
	ck_assert(nt_says(nt, "{\"command\":\"show\",\"domain\":\"nobody\"}",
		       "there is no domain"));
	ck_assert(nt_says(nt, "{\"command\":\"attach\",\"domain\":63,"
		       "\"entry\":\"ip=192.0.2.9/24\"}",
		       "there is no domain 63"));
	ck_assert(nt_says(nt, "{\"command\":\"attach\",\"domain\":0,"
		       "\"entry\":\"ip=\"}", "has no value"));
	ck_assert(nt_says(nt, "{\"command\":\"detach\",\"domain\":5}",
		       "has no vTOE device 0"));
	ck_assert(nt_says(nt, "{\"command\":\"version\"}", "\"ok\":true"));
}

/* With several links to one network each answers for what it has. */
NATIVE_TEST(a_guests_link_hears_no_router_and_answers_for_itself_only)
{
	nt_guest_up(nt, NULL);
	nt_shell("ip netns exec vtoe-5-0 sh -ec 'cd /proc/sys/net;"
		 " grep -qx 1 ipv4/conf/vtoe*/arp_ignore;"
		 " grep -qx 2 ipv4/conf/vtoe*/arp_announce;"
		 " grep -qx 0 ipv6/conf/vtoe*/accept_ra;"
		 " grep -qx 0 ipv6/conf/vtoe*/autoconf'");
}

NATIVE_TEST(attaching_twice_is_attaching_once)
{
	struct fx_dom *dom = nt_domain(nt, NT_DOMID, NULL);

	free(nt_attach(nt, NT_DOMID, NT_ENTRY));
	ck_assert(nt_says(nt, "{\"command\":\"attach\",\"domain\":\"guest5\","
		       "\"devid\":0,\"entry\":\"" NT_ENTRY "\"}",
		       "\"existing\":true"));
	ck_assert(nt_says(nt, "{\"command\":\"attach\",\"domain\":\"guest5\","
		       "\"devid\":0,\"entry\":\"ip=192.0.2.11/24\"}",
		       "detach it first"));
	fx_dom_close(dom);
}

/* ------------------------------------------------------------ XenStore */

NATIVE_TEST(a_device_removed_by_hand_is_let_go)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	pid_t worker = nt_worker(nt, NT_DOMID);
	struct xs_handle *xs = xs_open(0);

	nt_echo_up(nt, tg);
	ck_assert(xs_rm(xs, XBT_NULL, B));
	xs_close(xs);
	nt_until(nt_process_gone(worker));
	nt_until(nt_says(nt, "{\"command\":\"list\"}", "\"devices\":[]"));
}

NATIVE_TEST(a_restart_of_xenstored_disturbs_no_connection)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	struct tg_sock *s = nt_echo_up(nt, tg);
	pid_t worker = nt_worker(nt, NT_DOMID);

	kill(nt->xenstored, SIGKILL);
	waitpid(nt->xenstored, NULL, 0);
	nt_until(nt_says(nt, "{\"command\":\"version\"}", "\"xenstore\":false"));
	nt_echo_once(s);
	ck_ok(fx_xenstored_start(nt->host, NULL, &nt->xenstored));
	nt_until(nt_says(nt, "{\"command\":\"version\"}", "\"xenstore\":true"));
	nt_until(node_has(TOE "/state", "up"));
	ck_ok(fx_dom_introduce(nt->guest.dom, "guest5"));
	nt_until(node_has(B "/state", "4"));
	nt_until(count_records() == 1);
	nt_echo_once(s);
	ck_assert_int_eq(nt_worker(nt, NT_DOMID), worker);
}

NATIVE_MAIN("native-vtoed", 120, a_connection_has_a_record_and_loses_it,
	    records_are_bounded_and_those_left_out_follow,
	    records_go_on_after_a_restart, a_toe_without_link_is_down,
	    a_toe_says_what_its_device_has, a_device_waits_for_its_toe,
	    a_toe_that_comes_back_serves_its_guests_again,
	    what_connects_while_its_toe_is_gone_waits_for_it,
	    what_waits_for_its_toe_is_told_when_it_has_waited_enough,
	    what_waits_for_its_toe_may_be_closed,
	    an_address_is_free_again_after_its_device_is_gone,
	    a_wrong_configuration_is_not_taken_over,
	    a_pool_that_is_configured_heals_its_devices,
	    a_toe_added_at_run_time_outlives_vtoed,
	    a_toe_that_is_removed_is_left, a_wrong_toe_changes_nothing,
	    wrong_requests_are_refused_and_do_no_harm,
	    a_guests_link_hears_no_router_and_answers_for_itself_only,
	    attaching_twice_is_attaching_once,
	    a_device_removed_by_hand_is_let_go,
	    a_restart_of_xenstored_disturbs_no_connection)
