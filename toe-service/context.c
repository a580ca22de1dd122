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

_Static_assert(sizeof(struct context) <= 32, "idle contexts must be cheap");

/* ---- rows ---- */

static struct context_row *row_begin(struct contexts *cs, uint32_t slot)
{
	struct context_row *row = &cs->table->row[slot];

	vtoe_store(&row->seq, row->seq + 1);
	/* a reader that sees what follows also sees the odd number */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	return row;
}

static void row_end(struct contexts *cs, struct context_row *row)
{
	vtoe_store_release(&row->seq, row->seq + 1);
	vtoe_doorbell_ring(cs->table->dirty, cs->table->dirty_summary,
			   row->slot);
}

static void row_state(struct contexts *cs, struct context_row *row,
		      enum context_state state)
{
	row->state = state;
	row->since_ns = cs->now_ns;
}

/* A row for a new life of @slot, all but empty; to be ended. */
static struct context_row *row_new(struct contexts *cs, uint32_t slot,
				   uint32_t generation)
{
	struct context_row *row = row_begin(cs, slot);
	uint32_t seq = row->seq;

	memset(row, 0, sizeof(*row));
	vtoe_store(&row->seq, seq);
	row->slot = slot;
	row->generation = generation;
	row->resolved.toe = -1;
	return row;
}

static void row_place(struct contexts *cs, struct context_row *row, int toe)
{
	row->resolved.toe = (int32_t)cs->candidate[toe].row;
	row->resolved.toe_generation = cs->candidate[toe].generation;
}

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

	c->all->ready(c->all->owner, c->slot, events);
}

/* TOEs with the same driver share one instance. */
static int stack_get(struct contexts *cs, unsigned int i,
		     const struct contexts_config *config, char *error)
{
	struct toe_stack_config sc = {
		.ready = context_upcall,
		.epoll = config->epoll,
		.tag = config->tag + ((uint64_t)i << TOE_DATA_BITS),
		.max_conns = config->nr_rows,
		.syscalls = &cs->table->counters.syscalls,
	};
	struct context_toe *toe = &cs->toe[i];
	unsigned int j;
	int err;

	toe->driver = toe_driver_find(config->toe[i].driver);
	if (!toe->driver) {
		snprintf(error, TOE_ERROR_MAX, "no TOE driver \"%s\"",
			 config->toe[i].driver);
		return -ENOENT;
	}
	for (j = 0; j < i; j++) {
		if (cs->toe[j].driver == toe->driver) {
			toe->stack = cs->toe[j].stack;
			return 0;
		}
	}
	err = toe->driver->stack_open(&sc, &toe->stack);
	if (err)
		snprintf(error, TOE_ERROR_MAX, "TOE driver \"%s\": %s",
			 toe->driver->name, strerror(-err));
	return err;
}

static void stacks_close(struct contexts *cs, unsigned int nr)
{
	unsigned int j;

	while (nr--) {
		for (j = 0; j < nr; j++)
			if (cs->toe[j].stack == cs->toe[nr].stack)
				break;
		if (j == nr)
			cs->toe[nr].driver->stack_close(cs->toe[nr].stack);
	}
}

static void set_place(struct contexts *cs, unsigned int toe,
		      const struct contexts_place *place)
{
	cs->candidate[toe].row = place->row;
	cs->candidate[toe].generation = place->generation;
	memcpy(cs->toe[toe].link, place->link, sizeof(cs->toe[toe].link));
}

int contexts_init(struct contexts *cs, const struct contexts_config *config,
		  int *table_fd, char *error)
{
	unsigned int i;
	int err;

	memset(cs, 0, sizeof(*cs));
	cs->toes = config->toes;
	cs->ready = config->ready;
	cs->owner = config->owner;
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
	for (i = 0; i < config->nr_toes; i++) {
		err = stack_get(cs, i, config, error);
		if (err)
			goto err_stacks;
		set_place(cs, i, &config->toe[i]);
		cs->nr_toes++;
	}
	return 0;

err_stacks:
	stacks_close(cs, i);
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
	if (index < cs->nr_toes)
		cs->toe[index].driver->stack_event(cs->toe[index].stack, data,
						   events);
}

int contexts_move(struct contexts *cs, unsigned int toe,
		  const struct contexts_place *to, uint32_t left)
{
	struct context_row *row;
	uint32_t slot;

	if (toe >= cs->nr_toes)
		return -EINVAL;
	if (strcmp(cs->toe[toe].driver->name, to->driver))
		return -EOPNOTSUPP;
	set_place(cs, toe, to);
	for (slot = 0; slot < cs->table->nr_rows; slot++) {
		if (!cs->context[slot].conn ||
		    cs->context[slot].toe != (int8_t)toe)
			continue;
		cs->toe[toe].driver->moved(cs->context[slot].conn);
		row = row_begin(cs, slot);
		row_place(cs, row, (int)toe);
		row->remaps++;
		row->left = left;
		row->remapped_ns = cs->now_ns;
		row_end(cs, row);
		cs->table->counters.remaps++;
	}
	return 0;
}

/* ---- operations ---- */

static struct context *get(struct contexts *cs, uint32_t slot)
{
	struct context *c = &cs->context[slot];

	assert(c->conn);
	return c;
}

static int place(struct contexts *cs)
{
	cs->table->counters.placements++;
	return place_choose(cs->toes, cs->candidate, cs->nr_toes);
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
	c->bound = false;
	cs->candidate[toe].load++;
	cs->table->counters.contexts++;
}

int context_open(struct contexts *cs, uint32_t slot,
		 const struct context_opening *opening)
{
	struct context *c = &cs->context[slot];
	struct context_row *row;
	struct toe_conn *conn;
	int toe, err;

	assert(!c->conn);
	toe = place(cs);
	if (toe < 0)
		return toe;
	/* upcalls come from stack_event() only, when the context is there */
	err = cs->toe[toe].driver->open(cs->toe[toe].stack, opening->family,
					opening->type, c, &conn);
	if (err)
		return err;
	context_start(cs, slot, toe, conn);
	row = row_new(cs, slot, opening->generation);
	row->requested.family = opening->family;
	row->requested.type = opening->type;
	row->requested.uid = opening->uid;
	row_place(cs, row, toe);
	row_state(cs, row, CONTEXT_OPEN);
	row_end(cs, row);
	return 0;
}

int context_bind(struct contexts *cs, uint32_t slot,
		 const struct vtoe_addr *addr, struct vtoe_addr *bound)
{
	static const uint8_t any[16];
	struct context *c = get(cs, slot);
	struct context_row *row;
	int err = c->driver->bind(c->conn, addr);

	if (!err)
		err = c->driver->local(c->conn, bound);
	if (err)
		return err;
	c->bound = memcmp(addr->addr, any, sizeof(any)) != 0;
	row = row_begin(cs, slot);
	row->requested.request = REQUEST_BIND;
	row->requested.local = *addr;
	row->resolved.local = *bound;
	row_state(cs, row, CONTEXT_BOUND);
	row_end(cs, row);
	return 0;
}

int context_listen(struct contexts *cs, uint32_t slot, uint32_t backlog)
{
	struct context *c = get(cs, slot);
	struct context_row *row;
	struct vtoe_addr local;
	int err = c->driver->listen(c->conn, backlog);

	if (!err && cs->table->row[slot].state == CONTEXT_OPEN)
		err = c->driver->local(c->conn, &local);
	else
		local = cs->table->row[slot].resolved.local;
	if (err)
		return err;
	row = row_begin(cs, slot);
	row->requested.request = REQUEST_LISTEN;
	row->requested.backlog = backlog;
	row->resolved.local = local;
	row_state(cs, row, CONTEXT_LISTENING);
	row_end(cs, row);
	return 0;
}

/* With several TOEs, choose again and tie the connection to the link. */
static int use_link(struct contexts *cs, struct context *c)
{
	int toe;

	if (cs->nr_toes < 2 || c->bound)
		return 0;
	toe = place(cs);
	if (toe < 0)
		return toe;
	/* the socket exists: another driver is for remapping to choose */
	if (cs->toe[toe].stack == cs->toe[c->toe].stack && toe != c->toe) {
		cs->candidate[c->toe].load--;
		cs->candidate[toe].load++;
		c->toe = (int8_t)toe;
	}
	return c->driver->use_link(c->conn, cs->toe[c->toe].link);
}

static int connected(struct contexts *cs, struct context *c,
		     struct vtoe_addr *local)
{
	struct context_row *row;
	int err = c->driver->local(c->conn, local);

	if (err)
		return err;
	cs->table->counters.connects++;
	row = row_begin(cs, c->slot);
	row->resolved.local = *local;
	row->resolved.remote = row->requested.remote;
	row_state(cs, row, CONTEXT_ESTABLISHED);
	row_end(cs, row);
	return 0;
}

/* A failed connect leaves the context as it was before. */
static void unconnected(struct contexts *cs, struct context *c)
{
	static const struct vtoe_addr none;
	struct context_row *row = row_begin(cs, c->slot);

	row_state(cs, row,
		  memcmp(&row->requested.local, &none, sizeof(none))
			  ? CONTEXT_BOUND
			  : CONTEXT_OPEN);
	row_end(cs, row);
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
	row = row_begin(cs, c->slot);
	row->requested.request = REQUEST_BIND;
	row->requested.remote = none;
	row->resolved.remote = none;
	row->resolved.local = *local;
	row_state(cs, row, CONTEXT_BOUND);
	row_end(cs, row);
	return 0;
}

int context_connect(struct contexts *cs, uint32_t slot,
		    const struct vtoe_addr *addr, struct vtoe_addr *local)
{
	struct context *c = get(cs, slot);
	struct context_row *row;
	int err;

	if (!addr->family)
		return disconnect(cs, c, local);
	err = use_link(cs, c);
	if (err)
		return err;
	err = c->driver->connect(c->conn, addr);
	if (err && err != -EINPROGRESS)
		return err;
	row = row_begin(cs, slot);
	row->requested.request = REQUEST_CONNECT;
	row->requested.remote = *addr;
	row_place(cs, row, c->toe);
	row_state(cs, row, CONTEXT_CONNECTING);
	row_end(cs, row);
	return err ? err : connected(cs, c, local);
}

int context_connected(struct contexts *cs, uint32_t slot,
		      struct vtoe_addr *local)
{
	struct context *c = get(cs, slot);
	int err = c->driver->connected(c->conn);

	if (!err)
		err = connected(cs, c, local);
	if (err)
		unconnected(cs, c);
	return err;
}

int context_accept(struct contexts *cs, uint32_t listener, uint32_t slot,
		   uint32_t generation, struct vtoe_addr *local,
		   struct vtoe_addr *peer)
{
	struct context *l = get(cs, listener), *c = &cs->context[slot];
	const struct context_row *from = &cs->table->row[listener];
	struct context_row *row;
	struct toe_conn *conn;
	int err;

	assert(!c->conn);
	err = l->driver->accept(l->conn, c, &conn, peer);
	if (err)
		return err;
	err = l->driver->local(conn, local);
	if (err) {
		l->driver->close(conn, TOE_CLOSE_ABORT);
		return err;
	}
	context_start(cs, slot, l->toe, conn);
	cs->table->counters.accepts++;
	row = row_new(cs, slot, generation);
	row->requested.request = REQUEST_ACCEPT;
	row->requested.family = from->requested.family;
	row->requested.type = from->requested.type;
	row->requested.uid = from->requested.uid;
	row->requested.parent = listener;
	row_place(cs, row, c->toe);
	row->resolved.local = *local;
	row->resolved.remote = *peer;
	row_state(cs, row, CONTEXT_ESTABLISHED);
	row_end(cs, row);
	return 0;
}

ssize_t context_recv(struct contexts *cs, uint32_t slot,
		     const struct iovec *iov, int iovcnt)
{
	struct context *c = get(cs, slot);

	return c->driver->recv(c->conn, iov, iovcnt);
}

ssize_t context_send(struct contexts *cs, uint32_t slot,
		     const struct iovec *iov, int iovcnt)
{
	struct context *c = get(cs, slot);

	return c->driver->send(c->conn, iov, iovcnt);
}

int context_send_datagrams(struct contexts *cs, uint32_t slot,
			   const struct toe_datagram *datagram, unsigned int nr)
{
	struct context *c = get(cs, slot);

	return c->driver->send_datagrams(c->conn, datagram, nr);
}

int context_recv_datagram(struct contexts *cs, uint32_t slot,
			  struct toe_datagram *datagram)
{
	struct context *c = get(cs, slot);

	return c->driver->recv_datagram(c->conn, datagram);
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

int context_shutdown(struct contexts *cs, uint32_t slot)
{
	struct context *c = get(cs, slot);

	return c->driver->shutdown(c->conn);
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

	return c->driver->setopt(c->conn, level, name, value, len);
}

int context_getopt(struct contexts *cs, uint32_t slot, int level, int name,
		   void *value, uint32_t *len)
{
	struct context *c = get(cs, slot);

	return c->driver->getopt(c->conn, level, name, value, len);
}

void context_note_closing(struct contexts *cs, uint32_t slot)
{
	struct context_row *row = row_begin(cs, slot);

	row_state(cs, row, CONTEXT_CLOSING);
	row_end(cs, row);
}

void context_note_failed(struct contexts *cs, uint32_t slot, uint32_t error)
{
	struct context_row *row = row_begin(cs, slot);

	row->error = error;
	row_state(cs, row, CONTEXT_FAILED);
	row_end(cs, row);
}

bool context_is_connected(const struct contexts *cs, uint32_t slot)
{
	return cs->table->row[slot].state == CONTEXT_ESTABLISHED;
}

void context_close(struct contexts *cs, uint32_t slot, bool abort)
{
	struct context *c = get(cs, slot);
	struct context_row *row;

	c->driver->close(c->conn, abort ? TOE_CLOSE_ABORT : 0);
	c->conn = NULL;
	cs->candidate[c->toe].load--;
	cs->table->counters.contexts--;
	row = row_begin(cs, slot);
	row_state(cs, row, CONTEXT_FREE);
	row_end(cs, row);
}
