/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/log.h"
#include "../common/spawn.h"
#include "dhcp_client.h"
#include "entry.h"

#define PATH_LEN 256
#define CMDLINE_MAX 1024

/* ---- which process ---- */

/* Who holds the file's lock: 0: nobody. The kernel says so. */
static pid_t holder(int file)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (fcntl(file, F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK)
		return 0;
	return lock.l_pid > 0 ? lock.l_pid : 0;
}

/* A descriptor of the process that holds the lock, or -ESRCH. */
static int open_holder(int file, pid_t *pid)
{
	int fd;

	*pid = holder(file);
	fd = *pid ? pidfd_open(*pid, 0) : -1;
	/* it is the one that was named only if it still holds it */
	if (fd >= 0 && holder(file) != *pid) {
		close(fd);
		fd = -1;
	}
	if (fd < 0)
		*pid = 0;
	return fd < 0 ? -ESRCH : fd;
}

static int watch_process(struct dhcp_client *client, struct loop *loop, int fd,
			 loop_fd_fn *ended)
{
	int err = loop_add(loop, &client->process, fd, EPOLLIN, ended);

	if (err)
		close(fd);
	return err;
}

static void unwatch(struct dhcp_client *client)
{
	int fd = client->process.fd;

	if (!client->process.loop)
		return;
	loop_remove(&client->process);
	close(fd);
}

static int signal_to(const struct dhcp_client *client, int sig)
{
	if (!client->process.loop)
		return -ESRCH;
	return pidfd_send_signal(client->process.fd, sig, NULL, 0) < 0 ? -errno
								       : 0;
}

bool dhcp_client_runs_on(const struct dhcp_client *client, const char *link)
{
	char path[64], text[CMDLINE_MAX], wanted[TABLE_IFNAME_MAX + 4] = "-i";
	ssize_t n;
	int fd;

	strcpy(wanted + 3, link);
	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)client->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text));
	close(fd);
	return n > 0 && memmem(text, (size_t)n, wanted, 3 + strlen(link) + 1);
}

/* ---- life ---- */

int dhcp_client_open(struct dhcp_client *client, struct loop *loop,
		     const char *dir, loop_fd_fn *ended)
{
	char path[PATH_LEN];
	int fd;

	snprintf(path, sizeof(path), "%s/%s.%u", dir, client->net,
		 client->index);
	client->file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
			    0600);
	if (client->file < 0)
		return -errno;
	fd = open_holder(client->file, &client->pid);
	if (fd >= 0 && watch_process(client, loop, fd, ended))
		client->pid = 0;
	return 0;
}

int dhcp_client_start(struct dhcp_client *client, struct loop *loop,
		      const struct dhcp_client_start *start, loop_fd_fn *ended)
{
	char netns[16], file[16];
	const char *argv[] = {start->program,
			      netns,
			      file,
			      start->link,
			      start->id,
			      start->quiet ? "quiet" : "tell",
			      start->address,
			      NULL};
	int keep[] = {start->netns, client->file}, fd, err;
	pid_t pid;

	if (access(start->program, X_OK) < 0)
		return -errno;
	snprintf(netns, sizeof(netns), "%d", start->netns);
	snprintf(file, sizeof(file), "%d", client->file);
	pid = spawn_program((char *const *)argv, keep, 2);
	if (pid < 0)
		return pid;
	client->pid = pid;
	client->child = true;
	client->started_ns = loop_now();
	snprintf(client->link, sizeof(client->link), "%s", start->link);
	client->ifindex = start->ifindex;
	fd = pidfd_open(pid, 0);
	err = fd < 0 ? -errno : watch_process(client, loop, fd, ended);
	if (err) {
		kill(pid, SIGKILL);
		dhcp_client_ended(client);
	}
	return err;
}

void dhcp_client_ended(struct dhcp_client *client)
{
	unwatch(client);
	if (client->child)
		waitpid(client->pid, NULL, 0);
	client->pid = 0;
	client->child = false;
}

void dhcp_client_kill(struct dhcp_client *client)
{
	if (!client->pid)
		return;
	signal_to(client, SIGKILL);
	dhcp_client_ended(client);
}

bool dhcp_client_leave(struct dhcp_client *client)
{
	if (!client->pid)
		return false;
	if (client->leaving)
		return true;
	client->leaving = !signal_to(client, SIGTERM);
	return client->leaving;
}

int dhcp_client_read(const struct dhcp_client *client, struct lease *lease,
		     char *error)
{
	char text[LEASE_TEXT_MAX];
	ssize_t n = pread(client->file, text, sizeof(text) - 1, 0);

	if (n < 0)
		return entry_wrong(error, "its file: %s", strerror(errno));
	text[n] = 0;
	return lease_parse(text, lease, error);
}

void dhcp_client_close(struct dhcp_client *client)
{
	unwatch(client);
	loop_disarm(&client->timer);
	if (client->file >= 0)
		close(client->file);
	client->file = -1;
}

void dhcp_client_sweep(const char *dir, const char *file)
{
	char path[PATH_LEN];
	int fd, process;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return;
	process = open_holder(fd, &pid);
	if (process >= 0) {
		log_info("DHCP client %d of %s: ended", (int)pid, file);
		pidfd_send_signal(process, SIGKILL, NULL, 0);
		close(process);
	}
	close(fd);
	unlink(path);
}
