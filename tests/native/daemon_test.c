/* SPDX-License-Identifier: GPL-2.0 */
/* Claims about vtoed and its workers: ends, restarts, entries. */
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "native.h"

#define PORT 7000

static void expect_node(const char *path, const char *part)
{
	char *node = nt_xs("%s", path);

	ck_assert_msg(node && strstr(node, part), "%s: %s", path,
		      node ? node : "absent");
	free(node);
}

/* Gives the closed device back and connects again, as after a driver reload. */
static struct tg *start_anew(struct nt *nt)
{
	struct tg *tg = nt->guest.tg;

	ck_ok(tg_set_state(tg, TG_CLOSED));
	ck_ok(tg_wait_backend(tg, TG_CLOSED, NT_TIMEOUT));
	nt_until(tg_end_grants(tg) == 0);
	ck_ok(tg_set_state(tg, TG_INITIALISING));
	tg_free(tg);
	nt->guest.tg = NULL;
	nt_until(strtol(nt_xs("/local/domain/0/backend/vtoe/5/0/state"), NULL,
			10) == TG_INIT_WAIT);
	ck_ok(tg_start(nt->host, nt->guest.dom, 0, NULL, NT_TIMEOUT,
		       &nt->guest.tg));
	return nt->guest.tg;
}

NATIVE_TEST(a_killed_worker_closes_the_device_and_no_more)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	struct tg_sock *s = nt_echo_up(nt, tg);
	pid_t worker = nt_worker(nt, NT_DOMID);

	kill(worker, SIGKILL);
	ck_ok(tg_wait_backend(tg, TG_CLOSING, NT_TIMEOUT));
	ck_assert_ptr_nonnull(tg_error(tg));
	ck_err(tg_poll(tg), ECONNABORTED);
	(void)s;
	tg = start_anew(nt);
	ck_ok(tg_open_connect(tg, NT_REMOTE_IP, PORT, NT_TIMEOUT, &s));
	nt_echo_once(s);
}

static void restart(struct nt *nt, int sig)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	struct tg_sock *s = nt_echo_up(nt, tg), *more;
	pid_t worker = nt_worker(nt, NT_DOMID);
	struct fx_counters before, after;

	fx_dom_counters(nt->host, NT_DOMID, &before);
	nt_vtoed_kill(nt, sig);
	/* nobody needs vtoed for this */
	nt_echo_once(s);
	ck_ok(tg_open_connect(tg, NT_REMOTE_IP, PORT, NT_TIMEOUT, &more));
	nt_echo_once(more);
	nt_vtoed_start(nt);
	nt_until(nt_worker(nt, NT_DOMID) == worker);
	nt_echo_once(s);
	ck_ok(tg_close(more, 0, 0, NT_TIMEOUT));
	fx_dom_counters(nt->host, NT_DOMID, &after);
	ck_assert_uint_eq(after.map_calls, before.map_calls);
	ck_assert_uint_eq(after.unmap_calls, before.unmap_calls);
	ck_assert_uint_eq(after.ports_bound_to, before.ports_bound_to);
	/* and the device still ends as it should */
	ck_ok(tg_stop(tg, NT_TIMEOUT));
	nt_until(nt_process_gone(worker));
}

NATIVE_TEST(connections_live_on_while_vtoed_restarts)
{
	restart(nt, SIGTERM);
}

NATIVE_TEST(connections_live_on_while_vtoed_is_killed)
{
	restart(nt, SIGKILL);
}

NATIVE_TEST(a_guest_that_died_while_vtoed_was_down_is_cleaned_up)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	pid_t worker = nt_worker(nt, NT_DOMID);

	nt_echo_up(nt, tg);
	nt_vtoed_kill(nt, SIGKILL);
	fx_dom_destroy(nt->host, NT_DOMID);
	fx_dom_forget(NT_DOMID);
	nt_vtoed_start(nt);
	nt_until(nt_domain_tidy(nt, NT_DOMID));
	nt_until(nt_process_gone(worker));
}

NATIVE_TEST(a_worker_that_died_while_vtoed_was_down_is_noticed)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	pid_t worker = nt_worker(nt, NT_DOMID);

	nt_vtoed_kill(nt, SIGKILL);
	kill(worker, SIGKILL);
	nt_until(nt_process_gone(worker));
	nt_vtoed_start(nt);
	ck_ok(tg_wait_backend(tg, TG_CLOSING, NT_TIMEOUT));
}

NATIVE_TEST(a_reloaded_driver_connects_again)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	struct tg_sock *s = nt_echo_up(nt, tg);

	ck_ok(tg_set_state(tg, TG_CLOSING));
	tg = start_anew(nt);
	ck_ok(tg_open_connect(tg, NT_REMOTE_IP, PORT, NT_TIMEOUT, &s));
	nt_echo_once(s);
}

NATIVE_TEST(detach_ends_a_device_with_live_connections)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	pid_t worker = nt_worker(nt, NT_DOMID), pid;
	char *answer;
	int status;

	nt_echo_up(nt, tg);
	/* answered when the device is gone, which needs the guest's part */
	fflush(NULL);
	pid = fork();
	if (!pid) {
		answer = nt_control(nt, "{\"command\":\"detach\",\"domain\":5}");
		_exit(strstr(answer, "\"ok\":true") ? 0 : 1);
	}
	ck_ok(tg_wait_backend(tg, TG_CLOSING, NT_TIMEOUT));
	ck_ok(tg_set_state(tg, TG_CLOSED));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	nt_until(nt_process_gone(worker));
	ck_assert_ptr_null(nt_xs("/local/domain/0/backend/vtoe/5/0/state"));
	ck_assert_int_eq(tg_end_grants(tg), 0);
}

/* ------------------------------------------------------------ entries */

static void bad_entry(struct nt *nt, const char *entry)
{
	struct fx_dom *dom = nt_domain(nt, NT_DOMID, NULL);
	char *answer = nt_attach(nt, NT_DOMID, entry), *error = NULL, *list;

	ck_assert_msg(strstr(answer, "\"ok\":true") != NULL, "%s", answer);
	nt_until((error = nt_xs("/local/domain/0/backend/vtoe/5/0/error")));
	ck_assert_int_gt(strlen(error), 0);
	list = nt_control(nt, "{\"command\":\"list\"}");
	ck_assert_msg(strstr(list, "\"state\":\"error\"") != NULL, "%s", list);
	/* the toolstack's node is still as it was given */
	expect_node("/local/domain/0/backend/vtoe/5/0/entry", entry);
	free(answer);
	free(error);
	free(list);
	fx_dom_close(dom);
}

NATIVE_TEST(an_unknown_key_is_an_error_of_the_device_only)
{
	bad_entry(nt, "ip=192.0.2.10/24,colour=blue");
}

NATIVE_TEST(a_bad_address_is_an_error_of_the_device_only)
{
	bad_entry(nt, "ip=192.0.2.300/24");
}

NATIVE_TEST(an_unknown_pool_is_an_error_of_the_device_only)
{
	bad_entry(nt, "pool=platinum,ip=192.0.2.10/24");
}

NATIVE_TEST(a_wrong_rule_is_an_error_of_the_device_only)
{
	bad_entry(nt, "ip=192.0.2.10/24,rules=native rport=http");
}

NATIVE_TEST(rules_of_an_entry_are_written_for_the_frontend)
{
	struct fx_dom *dom = nt_domain(nt, NT_DOMID, NULL);
	char *rules = NULL;

	free(nt_attach(nt, NT_DOMID,
		       "ip=192.0.2.10/24,default=native,"
		       "rules=offload rport=80; deny uid=7"));
	nt_until((rules = nt_xs("/local/domain/0/backend/vtoe/5/0/rules")));
	ck_assert_str_eq(rules, "offload rport=80; deny uid=7");
	expect_node("/local/domain/0/backend/vtoe/5/0/default", "native");
	free(rules);
	fx_dom_close(dom);
}

NATIVE_TEST(one_address_is_not_given_twice)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	struct tg_sock *s = nt_echo_up(nt, tg);
	struct fx_dom *dom = nt_domain(nt, 6, NULL);
	char *error = NULL;

	free(nt_attach(nt, 6, "ip=" NT_GUEST_IP "/24"));
	nt_until((error = nt_xs("/local/domain/0/backend/vtoe/6/0/error")));
	free(error);
	nt_echo_once(s);
	fx_dom_close(dom);
}

/* The guest's configuration file, as an administrator writes it. */
static void xl_cfg(const char *name, const char *entry)
{
	char path[128];
	FILE *f;

	mkdir("/run/xl", 0755);
	snprintf(path, sizeof(path), "/run/xl/%s.cfg", name);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fprintf(f, "name = '%s'\nmemory = 512\nvtoe = [ '%s' ]\n", name,
		entry);
	fclose(f);
}

NATIVE_TEST(a_new_guest_gets_the_device_of_its_configuration)
{
	struct tg *tg;

	xl_cfg("guest5", NT_ENTRY);
	nt->guest.domid = NT_DOMID;
	nt->guest.dom = nt_domain(nt, NT_DOMID, NULL);
	ck_ok(tg_start(nt->host, nt->guest.dom, 0, NULL, NT_TIMEOUT, &tg));
	nt->guest.tg = tg;
	nt_echo_up(nt, tg);
}

NATIVE_TEST(a_guest_that_appeared_while_vtoed_was_down_is_found)
{
	struct tg *tg;

	nt_vtoed_kill(nt, SIGTERM);
	xl_cfg("guest5", NT_ENTRY);
	nt->guest.domid = NT_DOMID;
	nt->guest.dom = nt_domain(nt, NT_DOMID, NULL);
	nt_vtoed_start(nt);
	ck_ok(tg_start(nt->host, nt->guest.dom, 0, NULL, NT_TIMEOUT, &tg));
	nt->guest.tg = tg;
	nt_echo_up(nt, tg);
}

NATIVE_TEST(data_flows_while_xenstored_is_stuck)
{
	struct tg *tg = nt_guest_up(nt, NULL);
	struct tg_sock *s = nt_echo_up(nt, tg);
	int i;

	kill(nt->xenstored, SIGSTOP);
	for (i = 0; i < 100; i++) {
		nt_echo_once(s);
		ck_ok(tg_close(s, 0, 0, NT_TIMEOUT));
		ck_ok(tg_open_connect(tg, NT_REMOTE_IP, PORT, NT_TIMEOUT, &s));
	}
	kill(nt->xenstored, SIGCONT);
	nt_echo_once(s);
	ck_ok(tg_stop(tg, NT_TIMEOUT));
}

NATIVE_MAIN("native-daemon", 120,
	    a_killed_worker_closes_the_device_and_no_more,
	    connections_live_on_while_vtoed_restarts,
	    connections_live_on_while_vtoed_is_killed,
	    a_guest_that_died_while_vtoed_was_down_is_cleaned_up,
	    a_worker_that_died_while_vtoed_was_down_is_noticed,
	    a_reloaded_driver_connects_again,
	    detach_ends_a_device_with_live_connections,
	    an_unknown_key_is_an_error_of_the_device_only,
	    a_bad_address_is_an_error_of_the_device_only,
	    an_unknown_pool_is_an_error_of_the_device_only,
	    a_wrong_rule_is_an_error_of_the_device_only,
	    rules_of_an_entry_are_written_for_the_frontend,
	    one_address_is_not_given_twice,
	    a_new_guest_gets_the_device_of_its_configuration,
	    a_guest_that_appeared_while_vtoed_was_down_is_found,
	    data_flows_while_xenstored_is_stuck)
