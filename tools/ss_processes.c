/* SPDX-License-Identifier: GPL-2.0 */
/* ss_processes.c - who has which socket open: /proc/PID/fd. */
#include <ctype.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ss.h"

#define PATH_MAX_ 512
#define LINK_MAX_ 64 /* bytes of "socket:[INODE]", with NUL */
#define COMM_MAX  64

static void read_comm(const char *proc, const char *pid, char *comm)
{
	char path[PATH_MAX_];
	FILE *file;

	comm[0] = '\0';
	snprintf(path, sizeof(path), "%.400s/%.32s/comm", proc, pid);
	file = fopen(path, "re");
	if (!file)
		return;
	if (fgets(comm, COMM_MAX, file))
		comm[strcspn(comm, "\n")] = '\0';
	fclose(file);
}

static void add(json_t *map, const char *inode, const char *comm,
		const char *pid, const char *fd)
{
	json_t *users = json_object_get(map, inode);

	if (!users) {
		users = json_array();
		json_object_set_new(map, inode, users);
	}
	json_array_append_new(users, json_pack("{s:s, s:I, s:I}", "name", comm,
					       "pid", (json_int_t)atoll(pid),
					       "fd", (json_int_t)atoll(fd)));
}

/* Is the descriptor a socket? Then its inode's number. */
static bool socket_inode(int dir, const char *fd, char *inode)
{
	char text[LINK_MAX_];
	ssize_t n = readlinkat(dir, fd, text, sizeof(text) - 1);

	if (n <= 0)
		return false;
	text[n] = '\0';
	return sscanf(text, "socket:[%31[0-9]", inode) == 1;
}

static void look_into(json_t *map, const char *proc, const char *pid)
{
	char path[PATH_MAX_], inode[32], comm[COMM_MAX] = "";
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "%.400s/%.32s/fd", proc, pid);
	dir = opendir(path);
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (!socket_inode(dirfd(dir), entry->d_name, inode))
			continue;
		if (!comm[0])
			read_comm(proc, pid, comm);
		add(map, inode, comm, pid, entry->d_name);
	}
	closedir(dir);
}

json_t *ss_processes(const char *proc)
{
	struct dirent *entry;
	json_t *map;
	DIR *dir = opendir(proc);

	if (!dir)
		return NULL;
	map = json_object();
	while ((entry = readdir(dir)))
		if (isdigit((unsigned char)entry->d_name[0]))
			look_into(map, proc, entry->d_name);
	closedir(dir);
	return map;
}
