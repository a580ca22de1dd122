/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sockcheck - checks that sockets behave as Linux's TCP and UDP sockets do.
 *
 *	sockcheck server ADDRESS PORT
 *	sockcheck client [-o] [-a] [-j JOBS] PEER PORT [WORD...]
 *	sockcheck walk PEER PORT
 *
 * The client prints one line a check, "ok NAME" or "FAILED NAME: why", and
 * a count. It is run natively first, then in a guest through vtoe (-o), with
 * the same expectations but for what vtoe(4) says is refused. WORDs choose
 * checks whose names contain one. With -a listeners are bound
 * to the wildcard address, not to ours. Most of its time it waits: JOBS checks
 * are under way at once. Linked statically.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sockcheck.h"

#define REPORT_FD 90 /* where a check's process says why it failed */

union address peer_address, local_address, bind_address;
bool offloaded;
static bool bind_any; /* -a */
static int jobs = 1;  /* -j */

static const struct check *const lists[] = {
	connect_checks, listen_checks, data_checks,    close_checks,
	poll_checks,	option_checks, process_checks, dgram_checks,
	life_checks,	uring_checks,
};

/* ---- expectations; they end the check's process ---- */

static _Noreturn void not_so(const char *file, int line, const char *format,
			     ...)
{
	const char *name = strrchr(file, '/');
	va_list ap;

	dprintf(REPORT_FD, "%s:%d: ", name ? name + 1 : file, line);
	va_start(ap, format);
	vdprintf(REPORT_FD, format, ap);
	va_end(ap);
	_exit(1);
}

void expect_at(int ok, const char *text, const char *file, int line)
{
	if (!ok)
		not_so(file, line, "not so: %s", text);
}

void expect_eq_at(long long got, long long wanted, const char *text,
		  const char *file, int line)
{
	if (got != wanted)
		not_so(file, line, "%s is %lld (0x%llx), not %lld (0x%llx)",
		       text, got, got, wanted, wanted);
}

void expect_errno_at(long long result, int wanted, const char *text,
		     const char *file, int line)
{
	int e = errno;

	if (result >= 0)
		not_so(file, line, "%s gives %lld, not %s", text, result,
		       strerrorname_np(wanted));
	if (e != wanted)
		not_so(file, line, "%s fails with %s, not %s", text,
		       strerrorname_np(e), strerrorname_np(wanted));
}

int must_at(long long result, const char *text, const char *file, int line)
{
	if (result < 0)
		not_so(file, line, "%s fails with %s", text,
		       strerrorname_np(errno));
	return (int)result;
}

/* ---- running ---- */

static void child_run(const struct check *check, int report)
{
	setpgid(0, 0);
	dup2(report, REPORT_FD);
	fcntl(REPORT_FD, F_SETFD, FD_CLOEXEC);
	check->run();
	_exit(0);
}

/* Waits for the check's end, for HANG_S at most; waitpid's status. */
static int wait_limited(pid_t pid, int alive, bool *hung)
{
	int status;
	char c;

	/* all ends of "alive" close when the check and its children end */
	*hung = !wait_for(alive, 1 /* POLLIN, or hang-up */);
	if (*hung)
		kill(-pid, SIGKILL);
	waitpid(pid, &status, 0);
	while (read(alive, &c, 1) > 0)
		;
	return status;
}

static bool run_check(const struct check *check)
{
	int report[2], alive[2], status;
	double start = seconds();
	char why[512] = "";
	bool hung;
	ssize_t n;
	pid_t pid;

	if (pipe2(report, O_CLOEXEC) || pipe2(alive, O_CLOEXEC))
		return false;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		close(alive[0]);
		child_run(check, report[1]);
	}
	close(report[1]);
	close(alive[1]);
	status = wait_limited(pid, alive[0], &hung);
	kill(-pid, SIGKILL); /* its children */
	n = read(report[0], why, sizeof(why) - 1);
	close(report[0]);
	close(alive[0]);
	if (n <= 0 && hung)
		strcpy(why, "hangs");
	else if (n <= 0 && WIFSIGNALED(status))
		snprintf(why, sizeof(why), "killed by signal %d",
			 WTERMSIG(status));
	if (!hung && WIFEXITED(status) && !WEXITSTATUS(status)) {
		printf("ok %s (%.2f s)\n", check->name, seconds() - start);
		return true;
	}
	printf("FAILED %s: %s\n", check->name, why);
	return false;
}

static bool chosen(const char *name, char **words)
{
	if (!*words)
		return true;
	for (; *words; words++)
		if (strstr(name, *words))
			return true;
	return false;
}

/* Learns our own address, and that the peer is there. */
static void meet_peer(void)
{
	socklen_t len = sizeof(local_address);
	int fd = new_socket(0);

	if (fd < 0 || connect_to(fd, 0) ||
	    getsockname(fd, &local_address.sa, &len)) {
		perror("sockcheck: the peer");
		exit(2);
	}
	address_set_port(&local_address, 0);
	bind_address = local_address;
	if (bind_any) {
		memset(&bind_address, 0, sizeof(bind_address));
		bind_address.sa.sa_family = local_address.sa.sa_family;
	}
	close(fd);
}

struct count {
	int passed, failed;
};

/*
 * Is it this job's? Each JOBSth is; but datagrams that a check floods the peer
 * with must not push out those of another check.
 */
static bool mine(const struct check *list, int turn, int job)
{
	return (list == dgram_checks ? 0 : turn % jobs) == job;
}

static struct count run_checks(char **words, int job)
{
	struct count count = {0, 0};
	int turn = 0;

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		for (const struct check *c = lists[i]; c->name; c++) {
			if (!chosen(c->name, words) ||
			    !mine(lists[i], turn++, job))
				continue;
			if (run_check(c))
				count.passed++;
			else
				count.failed++;
		}
	}
	return count;
}

static void start_job(char **words, int job, int out)
{
	struct count count;

	if (fork())
		return;
	count = run_checks(words, job);
	fflush(stdout);
	_exit(write(out, &count, sizeof(count)) != sizeof(count));
}

static int client(char **words)
{
	struct count count, sum = {0, 0};
	int job, result[2];

	meet_peer();
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (pipe2(result, O_CLOEXEC))
		return 2;
	for (job = 0; job < jobs; job++)
		start_job(words, job, result[1]);
	close(result[1]);
	for (job = 0; job < jobs; job++) {
		if (read(result[0], &count, sizeof(count)) != sizeof(count)) {
			printf("FAILED: a job of checks ended\n");
			sum.failed++;
			break;
		}
		sum.passed += count.passed;
		sum.failed += count.failed;
	}
	printf("%d passed, %d failed\n", sum.passed, sum.failed);
	return sum.failed ? 1 : 0;
}

/* What is expected while walking ends it, with the reason. */
static int walk_alone(void)
{
	dup2(STDERR_FILENO, REPORT_FD);
	meet_peer();
	return walk_options();
}

static int usage(void)
{
	fprintf(stderr, "usage: sockcheck server ADDRESS PORT\n"
			"       sockcheck client [-o] [-a] [-j JOBS] PEER PORT "
			"[WORD...]\n"
			"       sockcheck walk PEER PORT\n");
	return 2;
}

static bool parse(union address *a, const char *host, const char *port)
{
	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, host, &a->v4.sin_addr) == 1)
		a->sa.sa_family = AF_INET;
	else if (inet_pton(AF_INET6, host, &a->v6.sin6_addr) == 1)
		a->sa.sa_family = AF_INET6;
	else
		return false;
	address_set_port(a, (uint16_t)strtoul(port, NULL, 10));
	return true;
}

/* What the checks of exec() run: the descriptor must (not) be usable. */
static int executed(int fd, bool open)
{
	char c = 'x';

	if (!open)
		return fcntl(fd, F_GETFD) < 0 ? 0 : 1;
	return write(fd, &c, 1) == 1 && read(fd, &c, 1) == 1 && c == 'x' ? 0 :
									   1;
}

int main(int argc, char **argv)
{
	int option;

	signal(SIGPIPE, SIG_DFL);
	if (argc == 3 && !strcmp(argv[1], "exec-open"))
		return executed(atoi(argv[2]), true);
	if (argc == 3 && !strcmp(argv[1], "exec-closed"))
		return executed(atoi(argv[2]), false);
	optind = 2;
	while ((option = getopt(argc, argv, "+oaj:")) != -1) {
		if (option == 'o')
			offloaded = true;
		else if (option == 'a')
			bind_any = true;
		else if (option != 'j' || (jobs = atoi(optarg)) < 1)
			return usage();
	}
	if (argc < optind + 2 ||
	    !parse(&peer_address, argv[optind], argv[optind + 1]))
		return usage();
	if (!strcmp(argv[1], "server"))
		peer_server(&peer_address);
	if (!strcmp(argv[1], "client"))
		return client(argv + optind + 2);
	if (!strcmp(argv[1], "walk"))
		return walk_alone();
	return usage();
}
