/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <xenstore.h>

#include "../common/log.h"
#include "xs.h"

#define PAUSE_MIN_NS   100000000ull
#define PAUSE_MAX_NS   5000000000ull
#define TRIES	       16  /* of a transaction, before the caller must wait */
#define EVENTS_MAX     256 /* handled in one go, before others have a turn */
#define DEFAULT_SOCKET "/run/xenstored/socket"

static void lost(struct loop_timer *timer);

/* Errors that mean the connection; all others are xenstored's answers. */
static bool is_loss(int err)
{
	switch (err) {
	case EBADF:
	case EPIPE:
	case EIO:
	case ECONNRESET:
	case ENOTCONN:
	case ECONNREFUSED:
		return true;
	default:
		return false;
	}
}

/* Turn errno into a result, and note if the connection is lost. */
static int failed(struct store *store)
{
	int err = errno ? errno : EIO;

	if (!is_loss(err))
		return -err;
	if (!store->failed) {
		store->failed = true;
		/* not here: somebody up the stack may be using the handle */
		loop_arm(store->loop, &store->retry, 0, lost);
	}
	return -ENOTCONN;
}

bool store_up(const struct store *store)
{
	return store->xs && store->watcher && !store->failed;
}

/* ---- watches ---- */

static void register_watch(struct store *store, struct store_watch *watch)
{
	if (store_up(store) &&
	    !xs_watch(store->watcher, watch->path, watch->token))
		if (failed(store) != -ENOTCONN)
			log_error("cannot watch %s: %s", watch->path,
				  strerror(errno));
}

void store_watch(struct store *store, struct store_watch *watch,
		 const char *path, store_watch_fn *fn, void *arg)
{
	snprintf(watch->path, sizeof(watch->path), "%s", path);
	snprintf(watch->token, sizeof(watch->token), "v%u", ++store->serial);
	watch->fn = fn;
	watch->arg = arg;
	watch->next = store->watches;
	watch->prevp = &store->watches;
	if (watch->next)
		watch->next->prevp = &watch->next;
	store->watches = watch;
	register_watch(store, watch);
}

void store_unwatch(struct store *store, struct store_watch *watch)
{
	if (!watch->prevp)
		return;
	*watch->prevp = watch->next;
	if (watch->next)
		watch->next->prevp = watch->prevp;
	watch->prevp = NULL;
	if (store_up(store) &&
	    !xs_unwatch(store->watcher, watch->path, watch->token))
		failed(store);
}

static void dispatch(struct store *store, char **event)
{
	struct store_watch *watch;

	for (watch = store->watches; watch; watch = watch->next)
		if (!strcmp(watch->token, event[XS_WATCH_TOKEN])) {
			watch->fn(watch->arg, event[XS_WATCH_PATH]);
			return;
		}
}

static void events_ready(struct loop_fd *fd, uint32_t events)
{
	struct store *store =
		(struct store *)((char *)fd - offsetof(struct store, events));
	char **event;
	int i;

	(void)events;
	for (i = 0; i < EVENTS_MAX && store_up(store); i++) {
		event = xs_check_watch(store->watcher);
		if (!event) {
			if (errno != EAGAIN)
				failed(store);
			return;
		}
		dispatch(store, event);
		free(event);
	}
}

/* ---- the connection ---- */

static void sentinel_ready(struct loop_fd *fd, uint32_t events)
{
	struct store *store =
		(struct store *)((char *)fd - offsetof(struct store, sentinel));

	(void)events;
	errno = EPIPE;
	failed(store);
	loop_modify(&store->sentinel, 0);
}

/*
 * In a domain that reaches xenstored by its ring there is no socket. Returns 0
 * or a negative errno.
 */
static int sentinel_open(struct store *store)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	const char *path = getenv("XENSTORED_PATH");
	int fd, err = 0;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s",
		 path ? path : DEFAULT_SOCKET);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		err = -errno;
	if (!err)
		err = loop_add(store->loop, &store->sentinel, fd,
			       EPOLLIN | EPOLLRDHUP, sentinel_ready);
	if (err)
		close(fd);
	else
		store->by_socket = true;
	return err;
}

static void disconnect(struct store *store)
{
	int fd = store->sentinel.loop ? store->sentinel.fd : -1;

	loop_remove(&store->events);
	loop_remove(&store->sentinel);
	if (fd >= 0)
		close(fd);
	if (store->xs)
		xs_close(store->xs);
	if (store->watcher)
		xs_close(store->watcher);
	store->xs = store->watcher = NULL;
	store->failed = false;
}

static int connect_store(struct store *store)
{
	struct store_watch *watch;
	int err;

	/*
	 * Without its socket libxenstore would try the kernel's ring, and wait
	 * there for ever if xenstored is only away for a moment.
	 */
	err = sentinel_open(store);
	if (err && (store->by_socket || getenv("XENSTORED_PATH")))
		return err;
	store->xs = xs_open(0);
	if (store->xs)
		store->watcher = xs_open(0);
	if (!store->watcher)
		return -errno;
	/* a domain knows its own number; 0 is only what dom0 usually is */
	err = store_read_uint(store, 0, "", "domid", UINT16_MAX, &store->domid);
	if (err)
		return err;
	err = loop_add(store->loop, &store->events, xs_fileno(store->watcher),
		       EPOLLIN, events_ready);
	if (err)
		return err;
	for (watch = store->watches; watch; watch = watch->next)
		register_watch(store, watch);
	return store->failed ? -ENOTCONN : 0;
}

static void try_connect(struct loop_timer *timer)
{
	struct store *store =
		(struct store *)((char *)timer - offsetof(struct store, retry));
	int err = connect_store(store);

	if (err) {
		if (!store->pause_ns)
			log_warn("cannot reach xenstored: %s; trying again",
				 strerror(-err));
		disconnect(store);
		store->pause_ns =
			store->pause_ns ? store->pause_ns * 2 : PAUSE_MIN_NS;
		if (store->pause_ns > PAUSE_MAX_NS)
			store->pause_ns = PAUSE_MAX_NS;
		loop_arm(store->loop, &store->retry, store->pause_ns,
			 try_connect);
		return;
	}
	if (store->pause_ns)
		log_info("connected to xenstored");
	store->pause_ns = 0;
	store->reconnects++;
	store->connected(store->arg);
}

static void lost(struct loop_timer *timer)
{
	struct store *store =
		(struct store *)((char *)timer - offsetof(struct store, retry));

	log_warn("lost the connection to xenstored");
	disconnect(store);
	store->pause_ns = PAUSE_MIN_NS;
	loop_arm(store->loop, &store->retry, store->pause_ns, try_connect);
}

void store_open(struct store *store, struct loop *loop,
		void (*connected)(void *arg), void *arg)
{
	store->loop = loop;
	store->connected = connected;
	store->arg = arg;
	loop_arm(loop, &store->retry, 0, try_connect);
}

void store_close(struct store *store)
{
	loop_disarm(&store->retry);
	disconnect(store);
}

/* ---- nodes ---- */

static int make_path(char *path, const char *dir, const char *key)
{
	int len = snprintf(path, STORE_PATH_MAX, "%s%s%s", dir,
			   *dir && *key ? "/" : "", key);

	return len < 0 || len >= STORE_PATH_MAX ? -ENAMETOOLONG : 0;
}

int parse_uint(const char *text, uint32_t max, uint32_t *value)
{
	uint64_t n = 0;
	const char *c;

	if (!*text)
		return -EINVAL;
	for (c = text; *c; c++) {
		if (*c < '0' || *c > '9')
			return -EINVAL;
		n = n * 10 + (uint64_t)(*c - '0');
		if (n > max)
			return -EINVAL;
	}
	*value = (uint32_t)n;
	return 0;
}

int store_read(struct store *store, uint32_t tx, const char *dir,
	       const char *key, char *value, size_t size)
{
	char path[STORE_PATH_MAX];
	unsigned int len;
	char *data;
	int err = make_path(path, dir, key);

	value[0] = 0;
	if (err)
		return err;
	if (!store_up(store))
		return -ENOTCONN;
	data = xs_read(store->xs, tx, path, &len);
	if (!data)
		return failed(store);
	if (len >= size)
		err = -E2BIG;
	else if (memchr(data, 0, len))
		err = -EINVAL;
	else
		memcpy(value, data, len + 1);
	free(data);
	return err;
}

int store_read_uint(struct store *store, uint32_t tx, const char *dir,
		    const char *key, uint32_t max, uint32_t *value)
{
	char text[16];
	int err = store_read(store, tx, dir, key, text, sizeof(text));

	if (err == -E2BIG)
		return -EINVAL;
	return err ? err : parse_uint(text, max, value);
}

int store_write(struct store *store, uint32_t tx, const char *dir,
		const char *key, const char *value)
{
	char path[STORE_PATH_MAX];
	int err = make_path(path, dir, key);

	if (err)
		return err;
	if (!store_up(store))
		return -ENOTCONN;
	if (!xs_write(store->xs, tx, path, value, (unsigned int)strlen(value)))
		return failed(store);
	return 0;
}

int store_write_uint(struct store *store, uint32_t tx, const char *dir,
		     const char *key, uint32_t value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	return store_write(store, tx, dir, key, text);
}

int store_mkdir(struct store *store, uint32_t tx, const char *path,
		uint32_t owner, uint32_t reader)
{
	struct xs_permissions perms[2] = {
		{.id = owner, .perms = XS_PERM_NONE},
		{.id = reader, .perms = XS_PERM_READ},
	};

	if (!store_up(store))
		return -ENOTCONN;
	if (!xs_mkdir(store->xs, tx, path) ||
	    !xs_set_permissions(store->xs, tx, path, perms, 2))
		return failed(store);
	return 0;
}

int store_remove(struct store *store, uint32_t tx, const char *path)
{
	if (!store_up(store))
		return -ENOTCONN;
	if (!xs_rm(store->xs, tx, path) && errno != ENOENT)
		return failed(store);
	return 0;
}

int store_list(struct store *store, const char *path, char ***names)
{
	unsigned int n;

	*names = NULL;
	if (!store_up(store))
		return -ENOTCONN;
	*names = xs_directory(store->xs, 0, path, &n);
	if (!*names)
		return failed(store);
	return (int)n;
}

int store_remove_empty(struct store *store, const char *path)
{
	char **names;
	int n = store_list(store, path, &names);

	if (n >= 0)
		free(names);
	return n == 0 ? store_remove(store, 0, path) : 0;
}

bool store_domain_exists(struct store *store, uint32_t domid)
{
	return store_up(store) && xs_is_domain_introduced(store->xs, domid);
}

int store_transaction(struct store *store,
		      int (*fn)(struct store *store, uint32_t tx, void *arg),
		      void *arg)
{
	xs_transaction_t tx;
	int i, err;

	for (i = 0; i < TRIES; i++) {
		if (!store_up(store))
			return -ENOTCONN;
		tx = xs_transaction_start(store->xs);
		if (!tx)
			return failed(store);
		store->transactions++;
		err = fn(store, tx, arg);
		if (err) {
			if (store_up(store))
				xs_transaction_end(store->xs, tx, true);
			return err;
		}
		if (!store_up(store))
			return -ENOTCONN;
		if (xs_transaction_end(store->xs, tx, false))
			return 0;
		if (errno != EAGAIN)
			return failed(store);
		store->conflicts++;
	}
	return -EAGAIN;
}
