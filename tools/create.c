/* SPDX-License-Identifier: GPL-2.0 */
/*
 * create.c - vtoectl create.
 *
 * Theory of operation
 *
 * xl makes the guest paused; each entry of the configuration's vtoe list is
 * attached through vtoed; xl lets the guest run. vtoed may find the same guest
 * by itself in the meantime: attaching the same entry again succeeds. What can
 * be checked is checked before there is a guest. If anything fails later, the
 * guest is destroyed again: a guest without its network is of no use, and its
 * owner has asked for one that has it.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../toe-service/entry.h"
#include "vtoectl.h"

#ifndef VTOE_LIBEXECDIR
#define VTOE_LIBEXECDIR "/usr/libexec/vtoe"
#endif

#define OUTPUT_MAX (128u * 1024u) /* bytes; 64 entries of 1 KiB, and more */

static void complain(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

static void complain(const char *format, ...)
{
	va_list args;

	fputs("vtoectl: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

/* Read all that a child says; what does not fit is lost. */
static void drain(int fd, char *output, size_t size)
{
	size_t len = 0;
	char waste[512];
	ssize_t n;

	for (;;) {
		bool full = len + 1 >= size;

		n = read(fd, full ? waste : output + len,
			 full ? sizeof(waste) : size - 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		if (!full)
			len += (size_t)n;
	}
	output[len] = '\0';
}

/*
 * Run a program and wait for it. Its standard output goes to @output
 * (OUTPUT_MAX bytes, NUL-terminated), or to standard error if that is NULL:
 * what xl says is for people, even with --json.
 * Returns its exit status, 128 and more for a signal, or a negative errno.
 */
static int run(const char *const argv[], char *output)
{
	int pipefd[2] = { -1, -1 }, status;
	pid_t pid;

	fflush(NULL);
	if (output && pipe(pipefd))
		return -errno;
	pid = fork();
	if (pid < 0) {
		status = -errno;
		if (output) {
			close(pipefd[0]);
			close(pipefd[1]);
		}
		return status;
	}
	if (!pid) {
		dup2(output ? pipefd[1] : STDERR_FILENO, STDOUT_FILENO);
		if (output) {
			close(pipefd[0]);
			close(pipefd[1]);
		}
		execvp(argv[0], (char *const *)argv);
		fprintf(stderr, "vtoectl: %s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	if (output) {
		close(pipefd[1]);
		drain(pipefd[0], output, OUTPUT_MAX);
		close(pipefd[0]);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Name and entries of the configuration: lines of @output, name first. */
static int read_config(const char *config, char *output)
{
	const char *given = getenv("VTOE_XLCFG");
	const char *argv[] = {
		given ? given : VTOE_LIBEXECDIR "/vtoe-xlcfg",
		"--print-name", "--", config, NULL,
	};

	if (run(argv, output)) /* it has told the reason */
		return -EINVAL;
	if (*output)
		return 0;
	complain("%s: no guest configuration: it has no name", config);
	return -EINVAL;
}

/* The next line of *text, which moves on, or NULL. */
static char *next_line(char **text)
{
	char *line = *text, *eol;

	if (!*line)
		return NULL;
	eol = strchrnul(line, '\n');
	*text = *eol ? eol + 1 : eol;
	*eol = '\0';
	return line;
}

static int check_entries(const char *config, char *const *entry, size_t nr)
{
	char error[ENTRY_ERROR_MAX];
	struct entry parsed;
	int err = 0;
	size_t i;

	for (i = 0; i < nr; i++) {
		if (!entry_parse(entry[i], &parsed, error))
			continue;
		complain("%s: vtoe entry '%s': %s", config, entry[i], error);
		err = -EINVAL;
	}
	return err;
}

static int find_domid(const char *name, char *domid, size_t size)
{
	const char *argv[] = { "xl", "domid", name, NULL };
	char output[OUTPUT_MAX];

	if (run(argv, output))
		return -ESRCH;
	output[strcspn(output, "\n")] = '\0';
	if (!*output || strspn(output, "0123456789") != strlen(output) ||
	    strlen(output) >= size)
		return -ESRCH;
	strcpy(domid, output);
	return 0;
}

static int attach(struct vtoectl *ctl, const char *domid, size_t devid,
		  const char *entry)
{
	return vtoectl_ask(ctl,
			   json_pack("{ss, ss, sI, ss}", "command", "attach",
				     "domain", domid, "devid",
				     (json_int_t)devid, "entry", entry),
			   print_attached);
}

/* From a paused guest to one that runs, or to none. */
static int finish(struct vtoectl *ctl, const char *name, char *const *entry,
		  size_t nr)
{
	char domid[16] = "";
	const char *unpause[] = { "xl", "unpause", domid, NULL };
	const char *destroy[] = { "xl", "destroy", domid, NULL };
	size_t i = 0;

	if (find_domid(name, domid, sizeof(domid))) {
		complain("%s was made, paused, but xl does not know its "
			 "number: see xl list", name);
		return EXIT_FAILURE;
	}
	while (i < nr && !attach(ctl, domid, i, entry[i]))
		i++;
	if (i == nr && !run(unpause, NULL))
		return EXIT_SUCCESS;
	if (i < nr)
		complain("could not attach '%s'", entry[i]);
	else
		complain("could not let %s run", name);
	if (run(destroy, NULL))
		complain("%s (domain %s) is left, paused: xl destroy %s", name,
			 domid, domid);
	else
		complain("%s (domain %s) has been destroyed again", name,
			 domid);
	return EXIT_FAILURE;
}

int vtoectl_create(struct vtoectl *ctl, const char *config)
{
	const char *create[] = { "xl", "create", "-p", config, NULL };
	char output[OUTPUT_MAX], *rest = output, *name, *line;
	char *entry[64];
	size_t nr = 0;
	int status;

	if (read_config(config, output))
		return EXIT_FAILURE;
	name = next_line(&rest);
	while (nr < sizeof(entry) / sizeof(entry[0]) &&
	       (line = next_line(&rest)))
		entry[nr++] = line;
	if (!nr)
		complain("%s has no vtoe entry: the guest gets no vTOE device",
			 config);
	if (check_entries(config, entry, nr))
		return EXIT_FAILURE;
	status = run(create, NULL);
	if (status) {
		complain("xl create failed (status %d): there is no guest",
			 status);
		return EXIT_FAILURE;
	}
	return finish(ctl, name, entry, nr);
}
