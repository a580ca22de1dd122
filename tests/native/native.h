/* SPDX-License-Identifier: GPL-2.0 */
/*
 * native.h - the fixture of the native tests.
 *
 * Each test has a world of its own:
 *
 *	 test guest (this process)	remote host (network namespace "remote")
 *	     | fakexen			    192.0.2.1, 2001:db8::1
 *	 vtoe-worker in the guest's namespace	 |
 *	     | macvlan, 192.0.2.10	    eth0 |
 *	     +-- toe0 ------------ veth ---------+
 *	 vtoed, xenstored in the test's namespace ("domain 0")
 *
 * A test program runs as process 1 of a process-id namespace (tests/native/run),
 * so that whatever a failed test leaves behind can be, and is, killed before the
 * next one.
 *
 *	NATIVE_TEST(a_claim_about_it)
 *	{
 *		... nt ...
 *	}
 */
#ifndef NATIVE_NATIVE_H
#define NATIVE_NATIVE_H

#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "guest.h"

#define NT_GUEST_IP   "192.0.2.10"
#define NT_REMOTE_IP  "192.0.2.1"
#define NT_GUEST_IP6  "2001:db8::10"
#define NT_REMOTE_IP6 "2001:db8::1"
#define NT_ENTRY      "ip=" NT_GUEST_IP "/24,ip6=" NT_GUEST_IP6 "/64"
#define NT_DOMID      5u
#define NT_TIMEOUT    20000 /* ms; the machine may be busy */

struct nt_guest {
	struct fx_dom *dom;
	struct tg *tg;
	uint32_t domid;
};

struct nt {
	const char *name;
	char logs[192];
	char dir[64];
	struct fx_host *host;
	pid_t xenstored, vtoed;
	int own_ns, remote_ns;
	const char *conf_extra;	/* lines for vtoed.conf */
	struct nt_guest guest;
};

struct nt *nt_up(const char *name);
/* Ends everything in order and looks for what should not be there. */
void nt_down(struct nt *nt);

#define NATIVE_TEST(test)                                        \
	static void test##_body(struct nt *nt);                  \
	START_TEST(test)                                         \
	{                                                        \
		struct nt *test_nt = nt_up(#test);               \
                                                                 \
		test##_body(test_nt);                            \
		nt_down(test_nt);                                \
	}                                                        \
	END_TEST                                                 \
	static void test##_body(struct nt *nt)

/* A test program's main(); @timeout: of one test, seconds. */
int nt_run(const char *suite, int timeout, const TTest *const *tests,
	   size_t nr_tests);
#define NATIVE_MAIN(suite, timeout, ...)                                   \
	int main(void)                                                     \
	{                                                                  \
		const TTest *const tests[] = { __VA_ARGS__ };              \
                                                                           \
		return nt_run(suite, timeout, tests,                       \
			      sizeof(tests) / sizeof(tests[0]));           \
	}

/* ---- vtoed ---- */

void nt_vtoed_start(struct nt *nt);
void nt_vtoed_kill(struct nt *nt, int sig); /* and waits for its end */

/**
 * nt_control() - a request to vtoed's control socket
 * @request: JSON
 *
 * Returns the answer, to be freed.
 */
char *nt_control(struct nt *nt, const char *request);

/* Does an answer have that in it? */
bool nt_says(struct nt *nt, const char *request, const char *part);

/* A number in an answer, by its first occurrence; -1 if there is none. */
long long nt_number(const char *json, const char *member);

/* One of the worker's counters, asked for now. */
uint64_t nt_counter(struct nt *nt, uint32_t domid, const char *name);
pid_t nt_worker(struct nt *nt, uint32_t domid);

/* Waits for a condition: while (!nt_until(&w)) — fails the test in the end. */
#define nt_until(cond)                                              \
	do {                                                        \
		int nt_tries_ = NT_TIMEOUT / 10;                    \
                                                                    \
		while (!(cond)) {                                   \
			ck_assert_msg(nt_tries_-- > 0,              \
				      "%s: never came true", #cond); \
			nt_nap();                                   \
		}                                                   \
	} while (0)
void nt_nap(void); /* 10 ms, between two looks at a condition */

/* True if there is no such process, or it has ended. */
bool nt_process_gone(pid_t pid);
bool nt_log_has(struct nt *nt, const char *file, const char *text);
int nt_log_count(struct nt *nt, const char *file, const char *text);

/* ---- guests ---- */

/** nt_domain() - create and introduce a domain with room for such a device */
struct fx_dom *nt_domain(struct nt *nt, uint32_t domid,
			 const struct tg_config *cfg);
/** nt_attach() - ask vtoed for a device; the answer, to be freed */
char *nt_attach(struct nt *nt, uint32_t domid, const char *entry);
/** nt_guest_up() - domain, device and frontend, connected: nt->guest */
struct tg *nt_guest_up(struct nt *nt, const struct tg_config *cfg);
/** nt_guest_up_as() - the same, with another entry */
struct tg *nt_guest_up_as(struct nt *nt, const struct tg_config *cfg,
			  const char *entry);
/** nt_guest_add() - one more beside nt->guest, which is the test's to remove */
struct nt_guest nt_guest_add(struct nt *nt, uint32_t domid,
			     const struct tg_config *cfg, const char *entry);
void nt_guest_remove(struct nt *nt, struct nt_guest *g);
/** nt_guest_kill() - the domain is destroyed; all must go, in time */
void nt_guest_kill(struct nt *nt, uint32_t domid);
/** nt_domain_tidy() - true if nothing of that domain is left in domain 0 */
bool nt_domain_tidy(struct nt *nt, uint32_t domid);
/** nt_xs() - a XenStore node as domain 0 sees it, to be freed; or NULL */
char *nt_xs(const char *path, ...) __attribute__((format(printf, 1, 2)));
/** nt_xs_is() - whether it has this value; @expected NULL: whether it is absent */
bool nt_xs_is(const char *expected, const char *path, ...)
	__attribute__((format(printf, 2, 3)));
/** nt_xs_has() - whether it is there, with @part in its value */
bool nt_xs_has(const char *part, const char *path, ...)
	__attribute__((format(printf, 2, 3)));
/** NT_RECORD - a node of the record of a socket of guest NT_DOMID: slot, name */
#define NT_RECORD "/local/domain/0/vtoe/context/5/0/%u/%s"

/* ---- the remote host ---- */

/** nt_remote_socket() - a socket in the remote host's namespace */
int nt_remote_socket(struct nt *nt, int family, int type);
int nt_remote_listen(struct nt *nt, const char *ip, uint16_t port,
		     int backlog);
int nt_remote_connect(struct nt *nt, const char *ip, uint16_t port);
/** nt_remote_accept() - lets the guest's loop run meanwhile */
int nt_remote_accept(struct nt *nt, int listener);
/** nt_remote_recv() - all @len bytes, with the guest's loop running */
void nt_remote_recv(struct nt *nt, int fd, void *data, size_t len);
/** nt_remote_end() - what ends the stream: 0, or -errno */
int nt_remote_end(struct nt *nt, int fd);

/** nt_remote_echo() - an echo server, in a process of its own */
pid_t nt_remote_echo(struct nt *nt, const char *ip, uint16_t port);

/** nt_remote_dgram() - a UDP socket there, bound */
int nt_remote_dgram(struct nt *nt, const char *ip, uint16_t port);

#define NT_ECHO_PORT 7000
/** nt_echo_up() - start that server, and connect to it through the device */
struct tg_sock *nt_echo_up(struct nt *nt, struct tg *tg);
/** nt_echo_once() - bytes there and back on such a connection */
void nt_echo_once(struct tg_sock *s);

/** nt_shell() - a shell command in domain 0, which must succeed */
void nt_shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** nt_remote_run() - a shell command there; its status */
int nt_remote_run(struct nt *nt, const char *command);

/* ---- contents ---- */

/* Byte @at of stream @id is always the same, and tells both. */
void nt_fill(void *data, size_t len, uint32_t id, uint64_t at);
/* Offset of the first wrong byte, or -1. */
ssize_t nt_check(const void *data, size_t len, uint32_t id, uint64_t at);

uint32_t nt_random(uint32_t *state);

#define ck_ok(expr)                                                      \
	do {                                                             \
		long long ck_ok_ = (long long)(expr);                    \
                                                                         \
		ck_assert_msg(ck_ok_ >= 0, "%s: %s", #expr,              \
			      strerror((int)-ck_ok_));                   \
	} while (0)
#define ck_err(expr, err)                                                \
	do {                                                             \
		long long ck_err_ = (long long)(expr);                   \
                                                                         \
		ck_assert_msg(ck_err_ == -(err), "%s: %lld (%s)",        \
			      #expr, ck_err_, ck_err_ < 0 ?              \
				strerror((int)-ck_err_) : "no error");   \
	} while (0)

#endif
