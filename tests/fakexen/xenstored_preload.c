/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Preloaded into xenstored only: where the kernel's files about domain 0's
 * XenStore page and port would be, it finds the fake host's.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

static const char proc_xen[] = "/proc/xen/";

int open(const char *path, int flags, ...)
{
	int (*next)(const char *, int, ...) =
		(int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
	const char *dir = getenv("FAKEXEN_DIR");
	char fake[PATH_MAX];
	mode_t mode = 0;
	va_list ap;

	if (flags & O_CREAT) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	if (dir && !strncmp(path, proc_xen, strlen(proc_xen))) {
		snprintf(fake, sizeof(fake), "%s/%s", dir,
			 path + strlen(proc_xen));
		path = fake;
	}
	return next(path, flags, mode);
}
