/* SPDX-License-Identifier: GPL-2.0 */
/*
 * publish.h - how toe-service makes its state readable, without knowing where.
 *
 * Implemented in backend/, which writes below /local/domain/<be>/vtoe.
 */
#ifndef TOE_SERVICE_PUBLISH_H
#define TOE_SERVICE_PUBLISH_H

#define PUBLISH_PATH_MAX 128 /* bytes of a path, with the NUL */

/*
 * @path: "toe/eth1/state"; names are of XenStore's alphabet. Failure is the
 * implementation's to remember: it asks for everything again when it can
 * write again (inventory_publish()).
 */
struct publisher {
	void (*write)(void *arg, const char *path, const char *value);
	void (*remove)(void *arg, const char *path);
	void *arg;
};

#endif /* TOE_SERVICE_PUBLISH_H */
