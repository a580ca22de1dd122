/* SPDX-License-Identifier: GPL-2.0 */
/* Runs the real xenstored on a fake host. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xenstore.h>

#include "fx_state.h"

#define XENSTORED "/usr/lib/xen-4.17/bin/xenstored"
/* How long it may take to answer; a loaded machine is slow. */
#define START_TIMEOUT_MS 20000
/* Between two looks whether its socket is there. */
#define START_POLL_MS 10

static int file_write(struct fx_host *host, const char *name, const char *text,
		      off_t size)
{
	int fd = openat(host->dirfd, name,
			O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0 ||
	    (size && ftruncate(fd, size)))
		rc = -errno;
	close(fd);
	return rc;
}

/* What domain 0's kernel shows in /proc/xen. */
static int proc_xen_make(struct fx_host *host, struct fx_evtchn **evp)
{
	struct fx_evtchn *ev;
	char text[16];
	int rc;

	rc = fx_evtchn_open(host, 0, &ev);
	if (rc)
		return rc;
	rc = fx_evtchn_alloc(ev, 0);
	if (rc < 0)
		goto err_close;
	snprintf(text, sizeof(text), "%d", rc);
	rc = file_write(host, "xsd_port", text, 0);
	if (!rc)
		rc = file_write(host, "xsd_kva", "", FX_PAGE_SIZE);
	if (rc)
		goto err_close;
	*evp = ev;
	return 0;

err_close:
	fx_evtchn_close(ev);
	return rc;
}

/* The directory of the stand-ins: beside the preload library. */
static void lib_dir(const char *preload, char *dir, size_t size)
{
	char *slash;

	snprintf(dir, size, "%s", preload);
	slash = strrchr(dir, '/');
	if (slash)
		*slash = 0;
}

static void xenstored_exec(struct fx_host *host, const char *preload)
{
	char libs[2 * PATH_MAX + 16], dir[PATH_MAX];
	int log;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	log = openat(host->dirfd, "xenstored.log",
		     O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (log >= 0) {
		dup2(log, 1);
		dup2(log, 2);
	}
	lib_dir(preload, dir, sizeof(dir));
	snprintf(libs, sizeof(libs), "%s:%s/xenctrl", dir, dir);
	setenv("LD_LIBRARY_PATH", libs, 1);
	setenv("LD_PRELOAD", preload, 1);
	setenv("FAKEXEN_DIR", host->dir, 1);
	setenv("FAKEXEN_DOMID", "0", 1);
	execl(XENSTORED, XENSTORED, "-N", "-P", "-I", (char *)NULL);
	dprintf(2, "cannot run " XENSTORED ": %m\n");
	_exit(127);
}

/* Waits until it answers, or has died. */
static int xenstored_wait(pid_t pid, struct xs_handle **xsp)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd pfd = { .fd = pidfd, .events = POLLIN };
	struct xs_handle *xs;
	int tries = START_TIMEOUT_MS / START_POLL_MS, rc = -ETIMEDOUT;

	if (pidfd < 0)
		return -errno;
	while (rc == -ETIMEDOUT && tries-- > 0) {
		xs = xs_open(0);
		if (xs) {
			*xsp = xs;
			rc = 0;
		} else if (poll(&pfd, 1, START_POLL_MS) == 1) {
			rc = -ECHILD;
		}
	}
	close(pidfd);
	return rc;
}

/* What xen-init-dom0 writes. */
static int dom0_init(struct xs_handle *xs)
{
	static const char *const pairs[][2] = {
		{ "/local/domain/0/domid", "0" },
		{ "/local/domain/0/name", "Domain-0" },
		{ "/tool/xenstored", "" },
	};
	size_t i;

	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (!xs_write(xs, XBT_NULL, pairs[i][0], pairs[i][1],
			      (unsigned int)strlen(pairs[i][1])))
			return -errno;
	return 0;
}

int fx_xenstored_start(struct fx_host *host, const char *preload, pid_t *pidp)
{
	char path[PATH_MAX], lib[PATH_MAX];
	struct xs_handle *xs = NULL;
	struct fx_evtchn *ev;
	pid_t pid;
	int rc;

	if (!preload) {
		if (!getenv("FAKEXEN_LIB"))
			return -ENOENT;
		snprintf(lib, sizeof(lib), "%s/xenstored-preload.so",
			 getenv("FAKEXEN_LIB"));
		preload = lib;
	}
	/* Kept open for ever: the port is the kernel's, not ours to close. */
	rc = proc_xen_make(host, &ev);
	if (rc)
		return rc;
	snprintf(path, sizeof(path), "%s/xenstored", host->dir);
	if (mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	setenv("XENSTORED_RUNDIR", path, 1);
	snprintf(path, sizeof(path), "%s/xenstored/socket", host->dir);
	unlink(path);
	setenv("XENSTORED_PATH", path, 1);
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid)
		xenstored_exec(host, preload);
	rc = xenstored_wait(pid, &xs);
	if (!rc)
		rc = dom0_init(xs);
	if (xs)
		xs_close(xs);
	if (rc) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return rc;
	}
	*pidp = pid;
	return 0;
}
