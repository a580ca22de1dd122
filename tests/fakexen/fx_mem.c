/* SPDX-License-Identifier: GPL-2.0 */
/* A domain's memory: one file, which goes when nobody maps it any more. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fx_domain.h"

static void mem_name(char *name, size_t size, uint32_t domid)
{
	snprintf(name, size, "dom%u.mem", domid);
}

int fx_mem_open(struct fx_host *host, uint32_t domid)
{
	char name[32];
	int fd;

	mem_name(name, sizeof(name), domid);
	fd = openat(host->dirfd, name, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int fx_mem_create(struct fx_host *host, uint32_t domid, uint32_t pages)
{
	char name[32];
	int fd, rc;

	mem_name(name, sizeof(name), domid);
	fd = openat(host->dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
		    0600);
	if (fd < 0)
		return -errno;
	rc = ftruncate(fd, (off_t)pages * FX_PAGE_SIZE) ? -errno : 0;
	close(fd);
	return rc;
}

/*
 * The last trace of a destroyed domain goes when nobody maps its pages any
 * more. Called with the lock held whenever that may have become true.
 */
void fx_domain_settle(struct fx_host *host, uint32_t domid)
{
	struct fx_domain *domain = &host->state->domains[domid];
	char name[32];
	uint32_t i;

	if (atomic_load(&domain->state) != FX_DOM_DYING)
		return;
	for (i = 0; i < FX_GRANTS_MAX; i++)
		if (domain->grants[i].mapcount)
			return;
	memset(domain->grants, 0, sizeof(domain->grants));
	atomic_store(&domain->state, FX_DOM_ABSENT);
	mem_name(name, sizeof(name), domid);
	unlinkat(host->dirfd, name, 0);
}
