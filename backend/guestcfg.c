/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/log.h"
#include "devices.h"
#include "guestcfg.h"

#define OUTPUT_MAX  16384 /* bytes that a helper may print */
#define DOMIDS	    65536 /* Xen's are below 32,752 */
/* Only one that hangs takes so long, even on a host that is overloaded. */
#define HELPER_NS   60000000000ull
#define RUNNING_MAX 16 /* helpers at once; the others follow */
/* The domain may not be known to xenstored for another moment. */
#define RETRY_NS 100000000ull
#define RETRIES	 50
/*
 * A domain is announced before its nodes are written, and nothing is said after
 * that: look again, each time after twice as long, up to about half a minute.
 */
#define LOOKS 9

struct helper {
	struct helper *next, **prevp;
	struct guestcfg *guestcfg;
	uint32_t domid;
	pid_t pid;
	struct loop_fd out;
	struct loop_timer timer;
	char text[OUTPUT_MAX];
	size_t len;
	unsigned int tries;
};

struct guestcfg {
	struct backend *be;
	struct helper *helpers;
	unsigned int nr_helpers;
	struct loop_timer again;
	unsigned int looks; /* since something was said to have changed */
	uint8_t seen[DOMIDS / 8];
};

static bool seen(const struct guestcfg *guestcfg, uint32_t domid)
{
	return guestcfg->seen[domid / 8] >> (domid % 8) & 1;
}

static void set_seen(struct guestcfg *guestcfg, uint32_t domid, bool is)
{
	uint8_t bit = (uint8_t)(1u << (domid % 8));

	if (is)
		guestcfg->seen[domid / 8] |= bit;
	else
		guestcfg->seen[domid / 8] &= (uint8_t)~bit;
}

static void marker_path(const struct backend *be, uint32_t domid, char *path)
{
	snprintf(path, STORE_PATH_MAX, "%.128s/guest/%u", be->root, domid);
}

/* ---- helpers ---- */

static void helper_close_output(struct helper *helper)
{
	int fd = helper->out.loop ? helper->out.fd : -1;

	loop_remove(&helper->out);
	if (fd >= 0)
		close(fd);
}

static void helper_free(struct helper *helper)
{
	helper_close_output(helper);
	loop_disarm(&helper->timer);
	if (helper->pid > 0) {
		kill(helper->pid, SIGKILL);
		waitpid(helper->pid, NULL, 0);
	}
	*helper->prevp = helper->next;
	if (helper->next)
		helper->next->prevp = helper->prevp;
	helper->guestcfg->nr_helpers--;
	free(helper);
}

/* Returns -ENOENT if the domain is not there yet. */
static int attach_all(struct helper *helper)
{
	struct backend *be = helper->guestcfg->be;
	char copy[OUTPUT_MAX], *line, *save;
	struct device *device;
	uint32_t devid = 0;
	int err;

	memcpy(copy, helper->text, helper->len);
	copy[helper->len] = 0;
	for (line = strtok_r(copy, "\n", &save);
	     line && devid <= DEVICE_DEVID_MAX;
	     line = strtok_r(NULL, "\n", &save), devid++) {
		line[strcspn(line, "\r")] = 0;
		if (strlen(line) >= ENTRY_TEXT_MAX)
			line[ENTRY_TEXT_MAX - 1] = 0;
		err = devices_attach(be, helper->domid, devid, line, &device);
		if (err == -ENOENT || err == -EAGAIN)
			return err;
		if (err && err != -EEXIST && err != -ENOTCONN)
			log_error("device %u/%u: cannot attach: %s",
				  helper->domid, devid, strerror(-err));
	}
	return 0;
}

static void attach_timer(struct loop_timer *timer);

static void attach(struct helper *helper)
{
	struct guestcfg *guestcfg = helper->guestcfg;
	char path[STORE_PATH_MAX];
	int err = attach_all(helper);

	if (err && ++helper->tries < RETRIES) {
		loop_arm(guestcfg->be->loop, &helper->timer, RETRY_NS,
			 attach_timer);
		return;
	}
	if (err)
		log_error("domain %u: cannot attach its devices: %s",
			  helper->domid, strerror(-err));
	marker_path(guestcfg->be, helper->domid, path);
	if (store_domain_exists(&guestcfg->be->store, helper->domid))
		store_write(&guestcfg->be->store, 0, path, "", "");
	helper_free(helper);
	guestcfg_look(guestcfg);
}

static void attach_timer(struct loop_timer *timer)
{
	attach((struct helper *)((char *)timer -
				 offsetof(struct helper, timer)));
}

static void helper_late(struct loop_timer *timer)
{
	struct helper *helper =
		(struct helper *)((char *)timer -
				  offsetof(struct helper, timer));
	struct guestcfg *guestcfg = helper->guestcfg;

	log_error("domain %u: %s does not end; killed", helper->domid,
		  guestcfg->be->xlcfg_program);
	helper_free(helper);
	guestcfg_look(guestcfg);
}

/* End of its output: it has ended, or is about to. */
static void helper_done(struct helper *helper)
{
	int status = 0;

	helper_close_output(helper);
	loop_disarm(&helper->timer);
	waitpid(helper->pid, &status, 0);
	helper->pid = 0;
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		log_error("domain %u: %s failed; its configuration is not "
			  "known",
			  helper->domid, helper->guestcfg->be->xlcfg_program);
		helper->len = 0;
	}
	attach(helper);
}

static void output_ready(struct loop_fd *watch, uint32_t events)
{
	struct helper *helper =
		(struct helper *)((char *)watch - offsetof(struct helper, out));
	size_t room = sizeof(helper->text) - 1 - helper->len;
	ssize_t n = read(watch->fd, helper->text + helper->len, room);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		helper->len += (size_t)n;
	if (n <= 0 || helper->len == sizeof(helper->text) - 1)
		helper_done(helper);
}

/* In the child. */
static void run(char *const *argv, int out)
{
	struct sigaction act = {.sa_handler = SIG_DFL};
	sigset_t none;
	int null = open("/dev/null", O_RDONLY);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	sigaction(SIGPIPE, &act, NULL);
	if (null >= 0)
		dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
	execv(argv[0], argv);
	_exit(127);
}

static int spawn(struct helper *helper, const char *name, const char *uuid)
{
	struct backend *be = helper->guestcfg->be;
	char name_arg[DEVICE_NAME_MAX + 16], uuid_arg[96];
	char *argv[4 + CONFIG_DIRS_MAX] = {be->xlcfg_program, name_arg,
					   uuid_arg};
	int fds[2], err = 0;
	uint32_t i;

	snprintf(name_arg, sizeof(name_arg), "--name=%s", name);
	snprintf(uuid_arg, sizeof(uuid_arg), "--uuid=%s", uuid);
	for (i = 0; i < be->config->nr_dirs; i++)
		argv[3 + i] = be->config->dir[i];
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	helper->pid = fork();
	if (helper->pid == 0)
		run(argv, fds[1]);
	if (helper->pid < 0)
		err = -errno;
	close(fds[1]);
	if (!err)
		err = loop_add(be->loop, &helper->out, fds[0], EPOLLIN,
			       output_ready);
	if (err)
		close(fds[0]);
	return err;
}

static void start(struct guestcfg *guestcfg, uint32_t domid, const char *name,
		  const char *uuid)
{
	struct helper *helper = calloc(1, sizeof(*helper));
	int err;

	if (!helper)
		return;
	helper->guestcfg = guestcfg;
	helper->domid = domid;
	helper->next = guestcfg->helpers;
	helper->prevp = &guestcfg->helpers;
	if (helper->next)
		helper->next->prevp = &helper->next;
	guestcfg->helpers = helper;
	guestcfg->nr_helpers++;
	err = spawn(helper, name, uuid);
	if (err) {
		log_error("cannot run %s: %s", guestcfg->be->xlcfg_program,
			  strerror(-err));
		helper_free(helper);
		return;
	}
	loop_arm(guestcfg->be->loop, &helper->timer, HELPER_NS, helper_late);
}

/* ---- domains ---- */

static void look_at(struct guestcfg *guestcfg, uint32_t domid)
{
	struct store *store = &guestcfg->be->store;
	char dir[STORE_PATH_MAX], name[DEVICE_NAME_MAX], vm[64];
	char marker[STORE_PATH_MAX], text[8];
	const char *uuid = "";
	int err;

	marker_path(guestcfg->be, domid, marker);
	err = store_read(store, 0, marker, "", text, sizeof(text));
	if (err != -ENOENT) {
		if (!err)
			set_seen(guestcfg, domid, true);
		return;
	}
	if (!store_domain_exists(store, domid))
		return; /* @introduceDomain will come */
	snprintf(dir, sizeof(dir), "/local/domain/%u", domid);
	store_read(store, 0, dir, "name", name, sizeof(name));
	if (store_read(store, 0, dir, "vm", vm, sizeof(vm)) == 0 &&
	    !strncmp(vm, "/vm/", 4))
		uuid = vm + 4;
	if (!name[0] && !uuid[0])
		return; /* not written yet */
	set_seen(guestcfg, domid, true);
	start(guestcfg, domid, name, uuid);
}

static void look_at_all(struct guestcfg *guestcfg);

static void look_again(struct loop_timer *timer)
{
	look_at_all((struct guestcfg *)((char *)timer -
					offsetof(struct guestcfg, again)));
}

static void look_at_all(struct guestcfg *guestcfg)
{
	struct backend *be = guestcfg->be;
	uint32_t domid;
	char **names;
	int i, n;

	if (!be->config->nr_dirs || !be->xlcfg_program[0])
		return;
	n = store_list(&be->store, "/local/domain", &names);
	for (i = 0; i < n && guestcfg->nr_helpers < RUNNING_MAX; i++)
		if (!parse_uint(names[i], UINT16_MAX, &domid) && domid &&
		    domid != be->store.domid && !seen(guestcfg, domid))
			look_at(guestcfg, domid);
	free(names);
	if (++guestcfg->looks < LOOKS)
		loop_arm(be->loop, &guestcfg->again,
			 RETRY_NS << (guestcfg->looks - 1), look_again);
}

void guestcfg_look(struct guestcfg *guestcfg)
{
	guestcfg->looks = 0;
	look_at_all(guestcfg);
}

void guestcfg_forget_gone(struct guestcfg *guestcfg)
{
	struct backend *be = guestcfg->be;
	char path[STORE_PATH_MAX], **names;
	uint32_t domid;
	int i, n;

	for (domid = 1; domid < DOMIDS && store_up(&be->store); domid++)
		if (seen(guestcfg, domid) &&
		    !store_domain_exists(&be->store, domid))
			set_seen(guestcfg, domid, false);
	snprintf(path, sizeof(path), "%.128s/guest", be->root);
	n = store_list(&be->store, path, &names);
	for (i = 0; i < n; i++)
		if (!parse_uint(names[i], UINT16_MAX, &domid) &&
		    !seen(guestcfg, domid) &&
		    !store_domain_exists(&be->store, domid)) {
			marker_path(be, domid, path);
			store_remove(&be->store, 0, path);
		}
	free(names);
}

/* ---- life ---- */

struct guestcfg *guestcfg_new(struct backend *be)
{
	struct guestcfg *guestcfg = calloc(1, sizeof(*guestcfg));

	if (guestcfg)
		guestcfg->be = be;
	return guestcfg;
}

void guestcfg_free(struct guestcfg *guestcfg)
{
	if (!guestcfg)
		return;
	while (guestcfg->helpers)
		helper_free(guestcfg->helpers);
	loop_disarm(&guestcfg->again);
	free(guestcfg);
}
