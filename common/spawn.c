/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <linux/close_range.h>

#include "spawn.h"

/* In the child: only what is safe after fork() in a threaded process. */
static void run(char *const *argv, const int *keep, int nr_keep)
{
	struct sigaction act = {.sa_handler = SIG_DFL};
	sigset_t none;
	int fd, i;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	sigaction(SIGPIPE, &act, NULL);
	setsid(); /* a terminal's ^C is for vtoed alone */
	setpriority(PRIO_PROCESS, 0, 0); /* vtoed has a better one */
	fd = open("/dev/null", O_RDWR);
	if (fd >= 0)
		dup2(fd, STDIN_FILENO);
	close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
	for (i = 0; i < nr_keep; i++)
		fcntl(keep[i], F_SETFD, 0);
	execv(argv[0], argv);
	_exit(127);
}

pid_t spawn_program(char *const *argv, const int *keep, int nr_keep)
{
	pid_t pid = fork();

	if (pid == 0)
		run(argv, keep, nr_keep);
	return pid < 0 ? -errno : pid;
}
