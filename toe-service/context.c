/* SPDX-License-Identifier: GPL-2.0 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../common/ring.h"
#include "context.h"
#include "context_parts.h"
#include "failure.h"

_Static_assert(sizeof(struct context) <= 32, "idle contexts must be cheap");

/* ---- setting up ---- */

static int table_make(struct contexts *cs, uint32_t nr_rows, int *table_fd)
{
	size_t size = sizeof(struct context_table) +
		      (size_t)nr_rows * sizeof(struct context_row);
	void *table;
	int fd, err;

	fd = memfd_create("vtoe-contexts", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		goto err_close;
	/* not populated: pages of rows that are never used cost nothing */
	table = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (table == MAP_FAILED)
		goto err_close;
	cs->table = table;
	cs->table->version = TABLE_VERSION;
	cs->table->nr_rows = nr_rows;
	cs->table->row_size = sizeof(struct context_row);
	*table_fd = fd;
	return 0;

err_close:
	err = -errno;
	close(fd);
	return err;
}

static void context_upcall(void *user, unsigned int events)
{
	struct context *c = user;

	if (!c->all)
		return; /* nobody's */
	c->all->ready(c->all->owner, c->slot, events);
}

/* TOE contexts with the same driver share one instance, unless it takes settings. */
struct toe_stack *contexts_find_stack(const struct contexts *cs,
				    const struct toe_driver *driver)
{
	unsigned int i;

	if (driver->stack_configure)
		return NULL;
	for (i = 0; i < CONTEXT_STACKS_MAX; i++)
		if (cs->instance[i].driver == driver)
			return cs->instance[i].stack;
	return NULL;
}

/* Sees to it that instance @i, or one to be shared, is one of a driver. */
static int stack_get(struct contexts *cs, unsigned int i,
		     const struct contexts_config *config, const char *name,
		     char *error)
{
	struct toe_stack_config sc = {
		.ready = context_upcall,
		.epoll = config->epoll,
		.tag = config->tag + ((uint64_t)i << TOE_DATA_BITS),
		.max_conns = config->nr_rows,
		.syscalls = &cs->table->counters.syscalls,
		.settings = i < CONTEXT_TOES_MAX ? config->toe[i].settings : "",
	};
	const struct toe_driver *driver = toe_driver_find(name);
	struct toe_stack *stack;
	int err = 0;

	if (!driver) {
		snprintf(error, TOE_ERROR_MAX, "no TOE driver \"%s\"", name);
		return -ENOENT;
	}
	stack = contexts_find_stack(cs, driver);
	if (!stack)
		err = driver->stack_open(&sc, &stack);
	if (err) {
		snprintf(error, TOE_ERROR_MAX, "TOE driver \"%s\": %s",
			 driver->name, strerror(-err));
		return err;
	}
	if (!contexts_find_stack(cs, driver)) {
		cs->instance[i].driver = driver;
		cs->instance[i].stack = stack;
	}
	if (i < CONTEXT_TOES_MAX) {
		cs->toe[i].driver = driver;
		cs->toe[i].stack = stack;
	}
	return 0;
}

static void stacks_close(struct contexts *cs)
{
	unsigned int i;

	for (i = 0; i < CONTEXT_STACKS_MAX; i++)
		if (cs->instance[i].stack)
			cs->instance[i].driver->stack_close(
				cs->instance[i].stack);
}

void contexts_set_place(struct contexts *cs, unsigned int toe,
		      const struct contexts_place *place)
{
	cs->candidate[toe].row = place->row;
	cs->candidate[toe].generation = place->generation;
	cs->toe[toe].ip = place->ip;
	cs->toe[toe].ip6 = place->ip6;
	cs->toe[toe].routes = place->routes;
}

int contexts_tell_link(struct contexts *cs, unsigned int toe,
		       const struct contexts_place *place)
{
	char name[TABLE_IFNAME_MAX];
	struct toe_link link = {
		.index = toe, .ip = place->ip, .ip6 = place->ip6};

	if (place->row != CONTEXTS_NO_TOE) {
		table_link_name(place->row, toe, name);
		link.name = name;
	}
	return cs->toe[toe].driver->stack_link(cs->toe[toe].stack, &link);
}

static int open_toes(struct contexts *cs, const struct contexts_config *config,
		     char *error)
{
	unsigned int i;
	int err;

	for (i = 0; i < CONTEXT_TOES_MAX; i++) {
		cs->candidate[i].row = CONTEXTS_NO_TOE;
		if (config->toe[i].row == CONTEXTS_NO_TOE)
			continue;
		err = stack_get(cs, i, config, config->toe[i].driver, error);
		if (err)
			return err;
		err = contexts_tell_link(cs, i, &config->toe[i]);
		if (err) {
			snprintf(error, TOE_ERROR_MAX,
				 "TOE driver \"%s\": its link: %s",
				 cs->toe[i].driver->name, strerror(-err));
			return err;
		}
		contexts_set_place(cs, i, &config->toe[i]);
	}
	for (i = 0; i < CONTEXT_DRIVERS_MAX; i++) {
		if (!config->driver[i][0])
			continue;
		err = stack_get(cs, CONTEXT_TOES_MAX + i, config,
				config->driver[i], error);
		if (err)
			return err;
	}
	return 0;
}

int contexts_init(struct contexts *cs, const struct contexts_config *config,
		  int *table_fd, char *error)
{
	int err;

	memset(cs, 0, sizeof(*cs));
	cs->toes = config->toes;
	cs->pool = config->pool;
	cs->max_sockets = config->max_sockets;
	cs->ready = config->ready;
	cs->owner = config->owner;
	cs->move_ops = config->move_ops;
	cs->move.toe = -1;
	cs->stale_from = config->nr_rows;
	TAILQ_INIT(&cs->move.frozen);
	TAILQ_INIT(&cs->move.waiting);
	cs->context = calloc(config->nr_rows, sizeof(*cs->context));
	if (!cs->context) {
		snprintf(error, TOE_ERROR_MAX, "no memory for %u contexts",
			 config->nr_rows);
		return -ENOMEM;
	}
	err = table_make(cs, config->nr_rows, table_fd);
	if (err) {
		snprintf(error, TOE_ERROR_MAX,
			 "cannot make a context table: %s", strerror(-err));
		goto err_free;
	}
	err = open_toes(cs, config, error);
	if (err)
		goto err_stacks;
	return 0;

err_stacks:
	stacks_close(cs);
	munmap(cs->table,
	       sizeof(struct context_table) +
		       (size_t)config->nr_rows * sizeof(struct context_row));
	close(*table_fd);
err_free:
	free(cs->context);
	return err;
}

void contexts_event(struct contexts *cs, unsigned int index, uint64_t data,
		    uint32_t events)
{
	if (index < CONTEXT_STACKS_MAX && cs->instance[index].stack)
		cs->instance[index].driver->stack_event(
			cs->instance[index].stack, data, events);
}

/* ---- operations ---- */

/* Remembers how an operation of a TOE ended, and passes it on. */
static long note(struct contexts *cs, int toe, long result)
{
	uint32_t row = cs->candidate[toe].row;
	struct toe_usage *usage;

	if (row >= TOE_TABLE_MAX || result == -EAGAIN)
		return result;
	usage = &cs->table->usage[row];
	vtoe_store(&usage->operations, usage->operations + 1);
	if (failure_of_engine(result))
		vtoe_store(&usage->failures, usage->failures + 1);
	return result;
}

static struct context *get(struct contexts *cs, uint32_t slot)
{
	struct context *c = &cs->context[slot];

	assert(c->conn);
	context_tell(c);
	return c;
}

static void context_start(struct contexts *cs, uint32_t slot, int toe,
			  struct toe_conn *conn)
{
	struct context *c = &cs->context[slot];

	c->all = cs;
	c->driver = cs->toe[toe].driver;
	c->conn = conn;
	c->slot = slot;
	c->toe = (int8_t)toe;
	c->placed = false;
	c->fixed = false;
	c->waits = false;
	c->stale = false;
	c->error = 0;
	context_set_load(cs, toe, cs->candidate[toe].load + 1);
	cs->table->counters.contexts++;
}

/* May there be one more? */
static int admit(const struct contexts *cs)
{
	return place_admit(cs->toes, cs->pool, cs->max_sockets,
			   cs->table->counters.contexts);
}

static void count_limited(struct contexts *cs)
{
	struct worker_counters *counters = &cs->table->counters;

	vtoe_store(&counters->limited, counters->limited + 1);
}

int context_open(struct contexts *cs, uint32_t slot,
		 const struct context_opening *opening)
{
	struct context *c = &cs->context[slot];
	struct context_row *row;
	struct toe_conn *conn;
	int toe, err;

	assert(!c->conn);
	err = admit(cs);
	if (err) {
		count_limited(cs);
		return err;
	}
	toe = context_place(cs, NULL, contexts_home(cs));
	if (toe < 0)
		toe = context_place(cs, NULL, ~0u);
	if (toe == -ENETDOWN && contexts_await_link(cs, ~0u))
		toe = __builtin_ctz(contexts_home(cs));
	if (toe < 0)
		return toe;
	/* upcalls come from stack_event() only, when the context is there */
	err = cs->toe[toe].driver->open(cs->toe[toe].stack, opening->family,
					opening->type, c, &conn);
	note(cs, toe, err);
	if (err)
		return err;
	context_start(cs, slot, toe, conn);
	context_tally(cs, toe, placed);
	row = context_row_new(cs, slot, opening->generation);
	row->requested.family = opening->family;
	row->requested.type = opening->type;
	row->requested.uid = opening->uid;
	context_row_place(cs, row, toe);
	context_row_state(cs, row, CONTEXT_OPEN);
	context_row_end(cs, row);
	return 0;
}

int context_bind(struct contexts *cs, uint32_t slot,
		 const struct vtoe_addr *addr, struct vtoe_addr *bound)
{
	struct context *c = get(cs, slot);
	struct context_row *row;
	int err = context_stack_for(cs, c, addr);

	if (!err)
		err = c->driver->bind(c->conn, addr);
	note(cs, c->toe, err);
	if (!err)
		err = c->driver->local(c->conn, bound);
	if (err)
		return err;
	c->placed = false;
	context_put_on(cs, c, context_find_local(cs, c->toe, bound));
	row = context_row_begin(cs, slot);
	context_row_place(cs, row, c->toe);
	row->requested.request = REQUEST_BIND;
	row->requested.local = *addr;
	row->resolved.local = *bound;
	context_row_state(cs, row, CONTEXT_BOUND);
	context_row_end(cs, row);
	return 0;
}

int context_listen(struct contexts *cs, uint32_t slot, uint32_t backlog)
{
	struct context *c = get(cs, slot);
	struct context_row *row;
	struct vtoe_addr local;
	int err = context_stack_for(cs, c, NULL);

	if (!err)
		err = c->driver->listen(c->conn, backlog);
	note(cs, c->toe, err);
	if (!err && cs->table->row[slot].state == CONTEXT_OPEN)
		err = c->driver->local(c->conn, &local);
	else
		local = cs->table->row[slot].resolved.local;
	if (err)
		return err;
	row = context_row_begin(cs, slot);
	row->requested.request = REQUEST_LISTEN;
	row->requested.backlog = backlog;
	row->resolved.local = local;
	context_row_state(cs, row, CONTEXT_LISTENING);
	context_row_end(cs, row);
	return 0;
}

static int connected(struct contexts *cs, struct context *c,
		     struct vtoe_addr *local)
{
	struct context_row *row;
	int err = c->driver->local(c->conn, local);

	if (err)
		return err;
	cs->table->counters.connects++;
	context_put_on(cs, c, context_find_local(cs, c->toe, local));
	if (context_is_stream(cs, c))
		context_tally(cs, c->toe, opened);
	row = context_row_begin(cs, c->slot);
	context_row_place(cs, row, c->toe);
	row->resolved.local = *local;
	row->resolved.remote = row->requested.remote;
	context_row_state(cs, row, CONTEXT_ESTABLISHED);
	context_row_end(cs, row);
	return 0;
}

static bool was_bound(const struct context_row *row)
{
	static const struct vtoe_addr none;

	return memcmp(&row->requested.local, &none, sizeof(none));
}

/* A failed connect leaves the context as it was before. */
static void unconnected(struct contexts *cs, struct context *c)
{
	struct context_row *row = context_row_begin(cs, c->slot);

	context_row_state(cs, row,
			  was_bound(row) ? CONTEXT_BOUND : CONTEXT_OPEN);
	context_row_end(cs, row);
}

/* A datagram socket's association ends. */
static int disconnect(struct contexts *cs, struct context *c,
		      struct vtoe_addr *local)
{
	static const struct vtoe_addr none;
	struct context_row *row;
	int err = c->driver->connect(c->conn, &none);

	if (!err)
		err = c->driver->local(c->conn, local);
	if (err)
		return err;
	row = context_row_begin(cs, c->slot);
	row->requested.request = REQUEST_BIND;
	row->requested.remote = none;
	row->resolved.remote = none;
	row->resolved.local = *local;
	context_row_state(cs, row, CONTEXT_BOUND);
	context_row_end(cs, row);
	return 0;
}

/* With several TOEs, choose again, now that the peer is known. */
static int place_connect(struct contexts *cs, struct context *c,
			 const struct vtoe_addr *peer)
{
	bool bound = was_bound(&cs->table->row[c->slot]);

	/* datagrams go where the guest's routes lead them, each for itself */
	if (!context_is_stream(cs, c))
		return bound ? 0 : context_stack_to(cs, c, peer);
	if (!c->placed && (bound || !contexts_several(cs)))
		return 0;
	return context_choose_toe(cs, c, peer, context_may_be_on(cs, c, peer));
}

int context_start_connect(struct contexts *cs, struct context *c,
			  const struct vtoe_addr *peer)
{
	int err = place_connect(cs, c, peer);

	if (err)
		return err;
	err = c->driver->connect(c->conn, peer);
	note(cs, c->toe, err);
	return err;
}

int context_connect(struct contexts *cs, uint32_t slot,
		    const struct vtoe_addr *addr, struct vtoe_addr *local)
{
	struct context *c = get(cs, slot);
	struct context_row *row;
	int err;

	if (!addr->family)
		return disconnect(cs, c, local);
	err = context_start_connect(cs, c, addr);
	if (context_may_wait(cs, c, addr, err)) {
		context_wait(cs, c, true);
		err = -EINPROGRESS;
	}
	if (err && err != -EINPROGRESS) {
		context_tally(cs, c->toe, failed);
		return err;
	}
	row = context_row_begin(cs, slot);
	row->requested.request = REQUEST_CONNECT;
	row->requested.remote = *addr;
	context_row_place(cs, row, c->toe);
	context_row_state(cs, row, CONTEXT_CONNECTING);
	context_row_end(cs, row);
	return err ? err : connected(cs, c, local);
}

int context_connected(struct contexts *cs, uint32_t slot,
		      struct vtoe_addr *local)
{
	struct context *c = get(cs, slot);
	int err = c->error ? c->error : c->driver->connected(c->conn);

	c->error = 0;
	note(cs, c->toe, err);
	if (err)
		context_tally(cs, c->toe, failed);
	else
		err = connected(cs, c, local);
	if (err)
		unconnected(cs, c);
	return err;
}

static int accept_one(struct contexts *cs, struct context *l, uint32_t slot,
		      struct vtoe_addr *local, struct vtoe_addr *peer)
{
	struct toe_conn *conn;
	int err = l->driver->accept(l->conn, &cs->context[slot], &conn, peer);

	note(cs, l->toe, err);
	if (err)
		return err;
	err = l->driver->local(conn, local);
	if (err) {
		l->driver->close(conn, TOE_CLOSE_ABORT);
		return err;
	}
	context_start(cs, slot, context_find_local(cs, l->toe, local), conn);
	return 0;
}

/* It has come from another stack. */
static int take_waiting(struct contexts *cs, uint32_t slot,
			struct toe_conn *waiting, struct vtoe_addr *local,
			struct vtoe_addr *peer)
{
	struct context *c = &cs->context[slot];

	context_start(cs, slot, contexts_toe_of_waiting(waiting), waiting);
	contexts_take_waiting(c, waiting, peer);
	return c->driver->local(c->conn, local);
}

int context_accept(struct contexts *cs, uint32_t listener, uint32_t slot,
		   uint32_t generation, struct vtoe_addr *local,
		   struct vtoe_addr *peer)
{
	struct context *l = get(cs, listener), *c = &cs->context[slot];
	const struct context_row *from = &cs->table->row[listener];
	struct toe_conn *waiting;
	struct context_row *row;
	int err;

	assert(!c->conn);
	err = admit(cs);
	if (err && !cs->accepts_wait) /* it is tried again and again */
		count_limited(cs);
	cs->accepts_wait = err;
	if (err)
		return err;
	waiting = contexts_next_waiting(cs, l);
	err = waiting ? take_waiting(cs, slot, waiting, local, peer)
		      : accept_one(cs, l, slot, local, peer);
	if (err)
		return err;
	cs->table->counters.accepts++;
	context_tally(cs, c->toe, opened);
	row = context_row_new(cs, slot, generation);
	row->requested.request = REQUEST_ACCEPT;
	row->requested.family = from->requested.family;
	row->requested.type = from->requested.type;
	row->requested.uid = from->requested.uid;
	row->requested.parent = listener;
	context_row_place(cs, row, c->toe);
	row->resolved.local = *local;
	row->resolved.remote = *peer;
	context_row_state(cs, row, CONTEXT_ESTABLISHED);
	context_row_end(cs, row);
	context_accepted(cs, c, local);
	return 0;
}

ssize_t context_recv(struct contexts *cs, uint32_t slot,
		     const struct iovec *iov, int iovcnt)
{
	struct context *c = get(cs, slot);

	return note(cs, c->toe, c->driver->recv(c->conn, iov, iovcnt));
}

ssize_t context_send(struct contexts *cs, uint32_t slot,
		     const struct iovec *iov, int iovcnt)
{
	struct context *c = get(cs, slot);

	return note(cs, c->toe, c->driver->send(c->conn, iov, iovcnt));
}

int context_send_datagrams(struct contexts *cs, uint32_t slot,
			   const struct toe_datagram *datagram, unsigned int nr)
{
	struct context *c = get(cs, slot);

	return (int)note(cs, c->toe,
			 c->driver->send_datagrams(c->conn, datagram, nr));
}

int context_recv_datagram(struct contexts *cs, uint32_t slot,
			  struct toe_datagram *datagram)
{
	struct context *c = get(cs, slot);

	return (int)note(cs, c->toe,
			 c->driver->recv_datagram(c->conn, datagram));
}

int context_next_datagram(struct contexts *cs, uint32_t slot)
{
	struct context *c = get(cs, slot);

	return c->driver->next_datagram(c->conn);
}

int context_hold(struct contexts *cs, uint32_t slot, bool hold)
{
	struct context *c = get(cs, slot);

	return c->driver->hold(c->conn, hold);
}

int context_shutdown(struct contexts *cs, uint32_t slot, int how)
{
	struct context *c = get(cs, slot);

	return c->driver->shutdown(c->conn, how);
}

int context_unsent(struct contexts *cs, uint32_t slot)
{
	struct context *c = get(cs, slot);

	return c->driver->unsent(c->conn);
}

int context_error(struct contexts *cs, uint32_t slot)
{
	struct context *c = get(cs, slot);

	return c->driver->error(c->conn);
}

int context_setopt(struct contexts *cs, uint32_t slot, int level, int name,
		   const void *value, uint32_t len)
{
	struct context *c = get(cs, slot);
	int err = c->driver->setopt(c->conn, level, name, value, len);

	if (!err && !context_option_moves(level, name))
		c->fixed = true;
	return err;
}

int context_getopt(struct contexts *cs, uint32_t slot, int level, int name,
		   void *value, uint32_t *len)
{
	struct context *c = get(cs, slot);

	return c->driver->getopt(c->conn, level, name, value, len);
}

void context_note_closing(struct contexts *cs, uint32_t slot)
{
	struct context_row *row = context_row_begin(cs, slot);

	context_row_state(cs, row, CONTEXT_CLOSING);
	context_row_end(cs, row);
}

void context_note_failed(struct contexts *cs, uint32_t slot, uint32_t error)
{
	struct context_row *row = context_row_begin(cs, slot);

	row->error = error;
	context_row_state(cs, row, CONTEXT_FAILED);
	context_row_end(cs, row);
}

bool context_is_connected(const struct contexts *cs, uint32_t slot)
{
	return cs->table->row[slot].state == CONTEXT_ESTABLISHED;
}

void context_close(struct contexts *cs, uint32_t slot, bool abort)
{
	struct context *c = get(cs, slot);
	struct context_row *row;

	context_wait(cs, c, false);
	if (cs->table->row[slot].state == CONTEXT_LISTENING)
		contexts_drop_waiting(cs, c);
	c->driver->close(c->conn, abort ? TOE_CLOSE_ABORT : 0);
	c->conn = NULL;
	context_set_load(cs, c->toe, cs->candidate[c->toe].load - 1);
	cs->table->counters.contexts--;
	row = context_row_begin(cs, slot);
	context_row_state(cs, row, CONTEXT_FREE);
	context_row_end(cs, row);
}
