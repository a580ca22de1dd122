/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xs.h - vtoed's connection to XenStore.
 *
 * Theory of operation
 *
 * libxenstore's calls wait for xenstored's answer; nothing that carries data
 * waits for vtoed, so that is no harm. When xenstored goes away, calls fail at
 * once with -ENOTCONN until it is back: store_open() keeps trying with a
 * growing pause, registers all watches again and then calls connected(), whose
 * business it is to bring both sides in line. libxenstore says nothing when the
 * daemon dies, so a second, silent connection is kept for its end-of-file
 * ("sentinel").
 */
#ifndef BACKEND_XS_H
#define BACKEND_XS_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

#include "../common/loop.h"

#define STORE_PATH_MAX	192  /* bytes of a path we make, with the NUL */
#define STORE_VALUE_MAX 1024 /* bytes of a value we use, with the NUL */

struct xs_handle;
struct store;

/* @path: what changed; valid during the call. Also called once at first. */
typedef void store_watch_fn(void *arg, const char *path);

struct store_watch {
	struct store_watch *next, **prevp;
	char path[STORE_PATH_MAX];
	char token[16];
	store_watch_fn *fn;
	void *arg;
};

struct store {
	struct loop *loop;
	struct xs_handle *xs; /* NULL: not connected */
	/* libxenstore gives a handle with watches a thread, and then each answer
	 * has to pass through that: so those have one of their own */
	struct xs_handle *watcher;
	struct loop_fd events, sentinel;
	struct loop_timer retry;
	uint64_t pause_ns;
	uint32_t domid;	 /* our own */
	uint32_t serial; /* of watch tokens */
	bool failed;	 /* a call failed; to be connected anew */
	bool by_socket;	 /* xenstored runs in this domain */
	struct store_watch *watches;
	void (*connected)(void *arg);
	void *arg;
	uint64_t reconnects, transactions, conflicts;
};

/**
 * store_open - connect, now or when it becomes possible
 * @store: zeroed
 * @connected: called from the loop at each (re-)connection
 */
void store_open(struct store *store, struct loop *loop,
		void (*connected)(void *arg), void *arg);
void store_close(struct store *store);

/** store_up - true if calls may succeed. */
bool store_up(const struct store *store);

/**
 * store_watch - call @fn when something changes at or below @path
 * @watch: zeroed; must live until store_unwatch()
 *
 * Survives reconnection. Failure to register now is made up for later.
 */
void store_watch(struct store *store, struct store_watch *watch,
		 const char *path, store_watch_fn *fn, void *arg);
void store_unwatch(struct store *store, struct store_watch *watch);

/* In all of the following: @tx is 0 outside of transactions; negative errno. */

/**
 * store_read - a value as a string
 * @value: @size bytes; "" on failure
 *
 * -E2BIG if it is longer, -EINVAL if there is a NUL in it.
 */
int store_read(struct store *store, uint32_t tx, const char *dir,
	       const char *key, char *value, size_t size);

/** store_read_uint - a decimal number up to @max; -EINVAL if it is none. */
int store_read_uint(struct store *store, uint32_t tx, const char *dir,
		    const char *key, uint32_t max, uint32_t *value);

int store_write(struct store *store, uint32_t tx, const char *dir,
		const char *key, const char *value);
int store_write_uint(struct store *store, uint32_t tx, const char *dir,
		     const char *key, uint32_t value);

/** store_mkdir - an empty directory that @owner owns and @reader may read. */
int store_mkdir(struct store *store, uint32_t tx, const char *path,
		uint32_t owner, uint32_t reader);

/** store_remove - with all below; 0 also if it is not there. */
int store_remove(struct store *store, uint32_t tx, const char *path);

/** store_remove_empty - if nothing is below; 0 also if it stays. */
int store_remove_empty(struct store *store, const char *path);

/**
 * store_list - names in a directory
 * @names: to be freed by one free()
 *
 * Returns how many.
 */
int store_list(struct store *store, const char *path, char ***names);

/**
 * store_domain_exists - true if the domain is known to xenstored
 *
 * False for one that is dying, even if it still is a zombie.
 */
bool store_domain_exists(struct store *store, uint32_t domid);

/**
 * store_transaction - run @fn in a transaction
 * @fn: returns 0, or a negative errno to abandon it; may be called again
 *
 * Returns @fn's error, -EAGAIN after too many conflicts, or another errno.
 */
int store_transaction(struct store *store,
		      int (*fn)(struct store *store, uint32_t tx, void *arg),
		      void *arg);

/** parse_uint - a decimal number up to @max, and nothing else; -EINVAL. */
int parse_uint(const char *text, uint32_t max, uint32_t *value);

#endif /* BACKEND_XS_H */
