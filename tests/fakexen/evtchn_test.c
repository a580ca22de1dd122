/* SPDX-License-Identifier: GPL-2.0 */
/* Claims about event channels. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "fx_test.h"

static struct fx_dom *dom;
static struct fx_evtchn *front, *back;
static uint32_t fport, bport;

static void pair_up(void)
{
	int rc;

	dom = dom_new(5, 4);
	ck_assert_int_eq(fx_evtchn_open(host, 5, &front), 0);
	ck_assert_int_eq(fx_evtchn_open(host, 0, &back), 0);
	rc = fx_evtchn_alloc(front, 0);
	ck_assert_int_gt(rc, 0);
	fport = (uint32_t)rc;
	rc = fx_evtchn_bind(back, 5, fport);
	ck_assert_int_gt(rc, 0);
	bport = (uint32_t)rc;
}

/* The event that binding itself raises. */
static void pair_quiet(void)
{
	ck_assert_int_eq(fx_evtchn_pending(back), (int)bport);
	fx_evtchn_unmask(back, bport);
	ck_assert_int_eq(fx_evtchn_wait(back, 0), 0);
}

START_TEST(binding_raises_one_event_locally)
{
	pair_up();
	ck_assert_int_eq(fx_evtchn_wait(back, 0), 1);
	ck_assert_int_eq(fx_evtchn_wait(front, 0), 0);
	pair_quiet();
}
END_TEST

START_TEST(a_notification_arrives_at_the_other_end)
{
	pair_up();
	pair_quiet();
	ck_assert_int_eq(fx_evtchn_notify(front, fport), 0);
	ck_assert_int_eq(fx_evtchn_wait(back, 0), 1);
	ck_assert_int_eq(fx_evtchn_pending(back), (int)bport);
	ck_assert_int_eq(fx_evtchn_notify(back, bport), 0);
	ck_assert_int_eq(fx_evtchn_pending(front), (int)fport);
}
END_TEST

START_TEST(a_taken_port_stays_masked_until_unmasked)
{
	pair_up();
	pair_quiet();
	fx_evtchn_notify(front, fport);
	ck_assert_int_eq(fx_evtchn_pending(back), (int)bport);
	fx_evtchn_notify(front, fport);
	fx_evtchn_notify(front, fport);
	ck_assert_int_eq(fx_evtchn_wait(back, 0), 0);
	fx_evtchn_unmask(back, bport);
	ck_assert_int_eq(fx_evtchn_wait(back, 0), 1);
	ck_assert_int_eq(fx_evtchn_pending(back), (int)bport);
	fx_evtchn_unmask(back, bport);
	ck_assert_int_eq(fx_evtchn_wait(back, 0), 0);
}
END_TEST

START_TEST(nothing_pending_is_eagain_on_a_nonblocking_fd)
{
	int fd;

	pair_up();
	pair_quiet();
	fd = fx_evtchn_fd(back);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	ck_assert_int_eq(fx_evtchn_pending(back), -EAGAIN);
}
END_TEST

/* Whoever was told by poll() that there is something must not have to wait. */
START_TEST(an_event_of_a_port_that_was_closed_is_still_there)
{
	pair_up();
	pair_quiet();
	fx_evtchn_notify(front, fport);
	ck_assert_int_eq(fx_evtchn_unbind(back, bport), 0);
	ck_assert_int_eq(fx_evtchn_wait(back, 0), 1);
	ck_assert_int_eq(fx_evtchn_pending(back), (int)bport);
	ck_assert_int_eq(fx_evtchn_unmask(back, bport), 0);
	ck_assert_int_eq(fx_evtchn_wait(back, 0), 0);
}
END_TEST

START_TEST(only_the_named_domain_may_bind)
{
	struct fx_dom *other = dom_new(6, 4);
	struct fx_evtchn *wrong;
	int port;

	pair_up();
	port = fx_evtchn_alloc(front, 0);
	ck_assert_int_eq(fx_evtchn_open(host, 6, &wrong), 0);
	ck_assert_int_eq(fx_evtchn_bind(wrong, 5, (uint32_t)port), -EINVAL);
	/* nor may anybody bind twice, or to nothing */
	ck_assert_int_eq(fx_evtchn_bind(back, 5, fport), -EINVAL);
	ck_assert_int_eq(fx_evtchn_bind(back, 5, 900), -EINVAL);
	ck_assert_int_eq(fx_evtchn_bind(back, 9, 1), -ESRCH);
	ck_assert_int_eq(fx_evtchn_notify(wrong, fport), -ENOTCONN);
	ck_assert_int_eq(fx_evtchn_restrict(back, 6), 0);
	ck_assert_int_eq(fx_evtchn_bind(back, 5, (uint32_t)port), -EACCES);
	fx_dom_close(other);
}
END_TEST

START_TEST(a_port_can_be_bound_again_after_the_binder_died)
{
	int rc;

	pair_up();
	pair_quiet();
	fx_evtchn_close(back);
	ck_assert_int_eq(fx_evtchn_open(host, 0, &back), 0);
	rc = fx_evtchn_bind(back, 5, fport);
	ck_assert_int_gt(rc, 0);
	bport = (uint32_t)rc;
	pair_quiet();
	fx_evtchn_notify(front, fport);
	ck_assert_int_eq(fx_evtchn_pending(back), (int)bport);
	fx_evtchn_notify(back, bport);
	ck_assert_int_eq(fx_evtchn_pending(front), (int)fport);
}
END_TEST

START_TEST(notifying_nobody_is_silent)
{
	pair_up();
	fx_evtchn_close(back);
	ck_assert_int_eq(fx_evtchn_notify(front, fport), 0);
	fx_host_reap(host);
	ck_assert_int_eq(fx_evtchn_notify(front, fport), 0);
	ck_assert_int_eq(fx_evtchn_unbind(front, fport), 0);
	ck_assert_int_eq(fx_evtchn_notify(front, fport), -ENOTCONN);
}
END_TEST

START_TEST(a_guest_has_xens_default_number_of_ports)
{
	int rc, n = 1; /* XenStore's */

	pair_up();
	n++;
	while ((rc = fx_evtchn_alloc(front, 0)) > 0)
		n++;
	ck_assert_int_eq(rc, -ENOSPC);
	ck_assert_int_eq(n, (int)FX_GUEST_PORTS_MAX);
}
END_TEST

START_TEST(a_passed_fd_is_the_same_handle)
{
	struct fx_evtchn *again;

	pair_up();
	pair_quiet();
	ck_assert_int_eq(fx_evtchn_fdopen(host, 0, dup(fx_evtchn_fd(back)),
					  &again), 0);
	fx_evtchn_close(back);
	ck_assert_int_eq(fx_host_reap(host), 0);
	fx_evtchn_notify(front, fport);
	ck_assert_int_eq(fx_evtchn_pending(again), (int)bport);
	fx_evtchn_unmask(again, bport);
	ck_assert_int_eq(fx_evtchn_notify(again, bport), 0);
	ck_assert_int_eq(fx_evtchn_pending(front), (int)fport);
}
END_TEST

#define ALLOW(nr)                                             \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1),      \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/* read and write, and nothing but a way out. */
static void sandbox(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		ALLOW(SYS_read),
		ALLOW(SYS_write),
		ALLOW(SYS_exit_group),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog prog = {
		.len = sizeof(code) / sizeof(code[0]),
		.filter = code,
	};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		_exit(9);
}

START_TEST(events_need_only_read_and_write)
{
	int status, i, rc;
	pid_t pid;

	dom = dom_new(5, 4);
	ck_assert_int_eq(fx_evtchn_open(host, 5, &front), 0);
	rc = fx_evtchn_alloc(front, 0);
	fport = (uint32_t)rc;
	pid = fork();
	if (!pid) {
		if (fx_evtchn_open(host, 0, &back))
			_exit(1);
		rc = fx_evtchn_bind(back, 5, fport);
		if (rc < 0)
			_exit(2);
		sandbox();
		for (i = 0; i < 1001; i++) {
			if (fx_evtchn_pending(back) != rc)
				_exit(3);
			fx_evtchn_unmask(back, (uint32_t)rc);
			fx_evtchn_notify(back, (uint32_t)rc);
		}
		_exit(0);
	}
	/* the first round is the event of the bind */
	for (i = 0; i < 1001; i++) {
		ck_assert_int_eq(fx_evtchn_pending(front), (int)fport);
		fx_evtchn_unmask(front, fport);
		if (i < 1000)
			fx_evtchn_notify(front, fport);
	}
	waitpid(pid, &status, 0);
	ck_assert_int_eq(status, 0);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("evtchn");

	tcase_add_test(tc, binding_raises_one_event_locally);
	tcase_add_test(tc, a_notification_arrives_at_the_other_end);
	tcase_add_test(tc, a_taken_port_stays_masked_until_unmasked);
	tcase_add_test(tc, nothing_pending_is_eagain_on_a_nonblocking_fd);
	tcase_add_test(tc, an_event_of_a_port_that_was_closed_is_still_there);
	tcase_add_test(tc, only_the_named_domain_may_bind);
	tcase_add_test(tc, a_port_can_be_bound_again_after_the_binder_died);
	tcase_add_test(tc, notifying_nobody_is_silent);
	tcase_add_test(tc, a_guest_has_xens_default_number_of_ports);
	tcase_add_test(tc, a_passed_fd_is_the_same_handle);
	tcase_add_test(tc, events_need_only_read_and_write);
	return fx_test_run(tc, "fakexen-evtchn");
}
