/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fakexen-run COMMAND [ARG...]: runs a command on a fresh fake host with a
 * running xenstored. In its environment the stand-ins come first in
 * LD_LIBRARY_PATH; $FAKEXEN_DIR is the host. With FAKEXEN_DIR already set, that
 * (empty) directory is used and kept.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fakexen.h"

/* FAKEXEN_LIB, if unset, is "lib" beside this program. */
static void lib_default(void)
{
	char exe[PATH_MAX], *slash;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 8);

	if (n < 0)
		return;
	exe[n] = 0;
	slash = strrchr(exe, '/');
	if (!slash)
		return;
	strcpy(slash, "/lib");
	setenv("FAKEXEN_LIB", exe, 0);
}

static void path_prepend(void)
{
	const char *old = getenv("LD_LIBRARY_PATH");
	char *text;

	if (asprintf(&text, "%s%s%s", getenv("FAKEXEN_LIB"), old ? ":" : "",
		     old ? old : "") < 0)
		return;
	setenv("LD_LIBRARY_PATH", text, 1);
	free(text);
}

/* Two levels are all there are. */
static void dir_remove(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *ent;

	while (dir && (ent = readdir(dir))) {
		if (!strcmp(ent->d_name, ".") || !strcmp(ent->d_name, ".."))
			continue;
		if (unlinkat(fd, ent->d_name, 0) && errno == EISDIR)
			dir_remove(fd, ent->d_name);
	}
	if (dir)
		closedir(dir);
	unlinkat(at, name, AT_REMOVEDIR);
}

int main(int argc, char **argv)
{
	char temp[] = "/dev/shm/fakexen.XXXXXX";
	const char *dir = getenv("FAKEXEN_DIR");
	bool ours = !dir;
	struct fx_host *host;
	pid_t xenstored, pid;
	int rc, status = 0;

	if (argc < 2) {
		fprintf(stderr, "usage: fakexen-run COMMAND [ARG...]\n");
		return 2;
	}
	lib_default();
	if (ours)
		dir = mkdtemp(temp);
	if (!dir) {
		perror("fakexen-run: temporary directory");
		return 1;
	}
	setenv("FAKEXEN_DIR", dir, 1);
	rc = fx_host_create(dir, &host);
	if (!rc)
		rc = fx_xenstored_start(host, NULL, &xenstored);
	if (rc) {
		fprintf(stderr, "fakexen-run: %s: %s\n", dir, strerror(-rc));
		return 1;
	}
	path_prepend();
	pid = fork();
	if (!pid) {
		execvp(argv[1], argv + 1);
		fprintf(stderr, "fakexen-run: %s: %m\n", argv[1]);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	kill(xenstored, SIGTERM);
	waitpid(xenstored, NULL, 0);
	if (ours)
		dir_remove(AT_FDCWD, dir);
	return WIFEXITED(status) ? WEXITSTATUS(status)
				 : 128 + WTERMSIG(status);
}
