/* SPDX-License-Identifier: GPL-2.0 */
/* The fake host: its state file, its lock, and the handles of its processes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fx_state.h"

void fx_lock(struct fx_host *host)
{
	int rc = pthread_mutex_lock(&host->state->lock);

	/*
	 * A process that was killed inside has left one entry half done at
	 * worst, and reaping puts that right as far as anybody can.
	 */
	if (rc == EOWNERDEAD)
		pthread_mutex_consistent(&host->state->lock);
}

void fx_unlock(struct fx_host *host)
{
	pthread_mutex_unlock(&host->state->lock);
}

static int host_map(struct fx_host *host, int fd)
{
	void *p = mmap(NULL, sizeof(struct fx_state), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_NORESERVE, fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	host->state = p;
	return 0;
}

static int host_alloc(const char *dir, struct fx_host **hostp)
{
	struct fx_host *host = calloc(1, sizeof(*host));

	if (!host)
		return -ENOMEM;
	host->dir = strdup(dir);
	if (!host->dir) {
		free(host);
		return -ENOMEM;
	}
	host->dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (host->dirfd < 0) {
		int err = errno;

		free(host->dir);
		free(host);
		return -err;
	}
	*hostp = host;
	return 0;
}

static void state_init(struct fx_state *state)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&state->lock, &attr);
	pthread_mutexattr_destroy(&attr);
	state->domains[0].ports_max = FX_PORTS_MAX - 1;
	atomic_store(&state->domains[0].state, FX_DOM_ALIVE);
	state->magic = FX_MAGIC;
}

int fx_host_create(const char *dir, struct fx_host **hostp)
{
	struct fx_host *host;
	int fd, rc;

	rc = host_alloc(dir, &host);
	if (rc)
		return rc;
	fd = openat(host->dirfd, "state", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
		    0600);
	if (fd < 0) {
		rc = -errno;
		goto err_close;
	}
	if (ftruncate(fd, sizeof(struct fx_state))) {
		rc = -errno;
		close(fd);
		goto err_close;
	}
	rc = host_map(host, fd);
	close(fd);
	if (rc)
		goto err_close;
	state_init(host->state);
	*hostp = host;
	return 0;

err_close:
	fx_host_close(host);
	return rc;
}

int fx_host_open(const char *dir, struct fx_host **hostp)
{
	struct fx_host *host;
	struct stat st;
	int fd, rc;

	if (!dir)
		dir = getenv("FAKEXEN_DIR");
	if (!dir)
		return -ENOENT;
	rc = host_alloc(dir, &host);
	if (rc)
		return rc;
	fd = openat(host->dirfd, "state", O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		rc = -errno;
		goto err_close;
	}
	if (fstat(fd, &st) || st.st_size != sizeof(struct fx_state)) {
		rc = -EINVAL;
		close(fd);
		goto err_close;
	}
	rc = host_map(host, fd);
	close(fd);
	if (rc)
		goto err_close;
	if (host->state->magic != FX_MAGIC) {
		rc = -EINVAL;
		goto err_close;
	}
	*hostp = host;
	return 0;

err_close:
	fx_host_close(host);
	return rc;
}

void fx_host_close(struct fx_host *host)
{
	if (!host)
		return;
	if (host->state)
		munmap(host->state, sizeof(*host->state));
	close(host->dirfd);
	free(host->dir);
	free(host);
}

static void handle_name(char *name, size_t size, enum fx_handle_kind kind,
			uint32_t id)
{
	snprintf(name, size, "%s.%u", kind == FX_HANDLE_GNTTAB ? "gnt" : "ev",
		 id);
}

/*
 * Makes the handle's file, opens it and takes the lock that tells the others
 * that its process lives.
 */
static int handle_file(struct fx_host *host, enum fx_handle_kind kind,
		       uint32_t id)
{
	char name[32];
	int fd, rc;

	handle_name(name, sizeof(name), kind, id);
	if (kind == FX_HANDLE_EVTCHN && mkfifoat(host->dirfd, name, 0600))
		return -errno;
	fd = openat(host->dirfd, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0) {
		rc = -errno;
		unlinkat(host->dirfd, name, 0);
		return rc;
	}
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

static struct fx_handle *handle_slot(struct fx_state *state)
{
	uint32_t i;

	for (i = 0; i < FX_HANDLES_MAX; i++)
		if (state->handles[i].kind == FX_HANDLE_FREE)
			return &state->handles[i];
	return NULL;
}

int fx_handle_new(struct fx_host *host, enum fx_handle_kind kind, uint32_t dom,
		  uint32_t *idp, int *fdp)
{
	struct fx_state *state = host->state;
	struct fx_handle *handle;
	struct stat st;
	uint32_t id;
	int fd;

	handle = handle_slot(state);
	if (!handle && fx_reap_locked(host))
		handle = handle_slot(state);
	if (!handle)
		return -ENFILE;
	id = ++state->handle_serial * FX_HANDLES_MAX +
	     (uint32_t)(handle - state->handles);
	fd = handle_file(host, kind, id);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st)) {
		close(fd);
		return -EIO;
	}
	handle->id = id;
	handle->dom = dom;
	handle->tracks = 0;
	handle->inode = st.st_ino;
	handle->kind = kind;
	*idp = id;
	*fdp = fd;
	return 0;
}

struct fx_handle *fx_handle_find(struct fx_host *host, uint32_t id)
{
	struct fx_handle *handle = &host->state->handles[id % FX_HANDLES_MAX];

	return handle->kind && handle->id == id ? handle : NULL;
}

void fx_handle_free(struct fx_host *host, struct fx_handle *handle)
{
	char name[32];

	if (handle->kind == FX_HANDLE_GNTTAB)
		fx_tracks_release(host, handle);
	else
		fx_ports_release(host, handle);
	handle_name(name, sizeof(name), handle->kind, handle->id);
	unlinkat(host->dirfd, name, 0);
	handle->kind = FX_HANDLE_FREE;
}

static bool handle_dead(struct fx_host *host, struct fx_handle *handle)
{
	char name[32];
	bool dead;
	int fd;

	handle_name(name, sizeof(name), handle->kind, handle->id);
	fd = openat(host->dirfd, name, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT;
	dead = !flock(fd, LOCK_EX | LOCK_NB);
	close(fd);
	return dead;
}

int fx_reap_locked(struct fx_host *host)
{
	struct fx_handle *handle = host->state->handles;
	int n = 0;

	for (; handle < host->state->handles + FX_HANDLES_MAX; handle++) {
		if (!handle->kind || !handle_dead(host, handle))
			continue;
		fx_handle_free(host, handle);
		n++;
	}
	return n;
}

int fx_host_reap(struct fx_host *host)
{
	int n;

	fx_lock(host);
	n = fx_reap_locked(host);
	fx_unlock(host);
	return n;
}

int fx_host_handles(struct fx_host *host)
{
	int i, n = 0;

	fx_lock(host);
	fx_reap_locked(host);
	for (i = 0; i < (int)FX_HANDLES_MAX; i++)
		n += host->state->handles[i].kind != FX_HANDLE_FREE;
	fx_unlock(host);
	return n;
}

void fx_host_fail_maps(struct fx_host *host, unsigned int skip, int error)
{
	atomic_store(&host->state->fail_skip, skip);
	atomic_store(&host->state->fail_errno, (uint32_t)error);
}
