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
#include "failure.h"

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

/* TOE contexts with the same driver share one instance, unless it takes settings. */
static struct toe_stack *stack_find(const struct contexts *cs,
				    const struct toe_driver *driver)
{
	unsigned int i;

	if (driver->stack_configure)
		return NULL;
	for (i = 0; i < CONTEXT_TOES_MAX; i++)
		if (cs->toe[i].driver == driver)
			return cs->toe[i].stack;
	return NULL;
}

static int stack_get(struct contexts *cs, unsigned int i,
		     const struct contexts_config *config, char *error)
{
	struct toe_stack_config sc = {
		.ready = context_upcall,
		.epoll = config->epoll,
		.tag = config->tag + ((uint64_t)i << TOE_DATA_BITS),
		.max_conns = config->nr_rows,
		.syscalls = &cs->table->counters.syscalls,
		.settings = config->toe[i].settings,
	};
	const struct toe_driver *driver =
		toe_driver_find(config->toe[i].driver);
	struct toe_stack *stack;
	int err = 0;

	if (!driver) {
		snprintf(error, TOE_ERROR_MAX, "no TOE driver \"%s\"",
			 config->toe[i].driver);
		return -ENOENT;
	}
	stack = stack_find(cs, driver);
	if (!stack)
		err = driver->stack_open(&sc, &stack);
	if (err) {
		snprintf(error, TOE_ERROR_MAX, "TOE driver \"%s\": %s",
			 driver->name, strerror(-err));
		return err;
	}
	cs->toe[i].driver = driver;
	cs->toe[i].stack = stack;
	return 0;
}

static void stacks_close(struct contexts *cs)
{
	struct toe_stack *stack;
	unsigned int i, j;

	for (i = 0; i < CONTEXT_TOES_MAX; i++) {
		stack = cs->toe[i].stack;
		if (!cs->toe[i].driver || !stack)
			continue;
		cs->toe[i].driver->stack_close(stack);
		for (j = i; j < CONTEXT_TOES_MAX; j++)
			if (cs->toe[j].stack == stack)
				cs->toe[j].stack = NULL;
	}
}

static void set_place(struct contexts *cs, unsigned int toe,
		      const struct contexts_place *place)
{
	cs->candidate[toe].row = place->row;
	cs->candidate[toe].generation = place->generation;
	cs->toe[toe].ip = place->ip;
	cs->toe[toe].ip6 = place->ip6;
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
		err = stack_get(cs, i, config, error);
		if (err)
			return err;
		set_place(cs, i, &config->toe[i]);
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
	if (index < CONTEXT_TOES_MAX && cs->toe[index].driver)
		cs->toe[index].driver->stack_event(cs->toe[index].stack, data,
						   events);
}

/* ---- placement ---- */

static bool is_mapped(const struct vtoe_addr *addr)
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

	return addr->family == VTOE_INET6 &&
	       !memcmp(addr->addr, prefix, sizeof(prefix));
}

/* A TOE context's address of the family that @addr really is of. */
static const struct toe_address *address_for(const struct context_toe *toe,
					     const struct vtoe_addr *addr)
{
	return addr->family == VTOE_INET || is_mapped(addr) ? &toe->ip
							     : &toe->ip6;
}

/* Where the bytes of an address begin, IPv4 within IPv6 seen as IPv4. */
static const uint8_t *address_bytes(const struct vtoe_addr *addr)
{
	return addr->addr + (is_mapped(addr) ? 12 : 0);
}

static bool on_link(const struct toe_address *own, const struct vtoe_addr *addr)
{
	const uint8_t *a = own->addr.addr, *b = address_bytes(addr);
	uint32_t whole = own->prefix / 8, rest = own->prefix % 8;

	if (memcmp(a, b, whole))
		return false;
	return !rest || !((a[whole] ^ b[whole]) >> (8 - rest));
}

/*
 * The TOE contexts from which a peer may be reached, as bits: those that have it
 * on their link, or else those with a gateway, or else those with an address.
 */
static uint32_t reach(const struct contexts *cs, const struct vtoe_addr *peer)
{
	uint32_t near = 0, far = 0, any = 0;
	const struct toe_address *own;
	unsigned int i;

	for (i = 0; i < CONTEXT_TOES_MAX; i++) {
		own = address_for(&cs->toe[i], peer);
		if (!cs->toe[i].driver || !own->addr.family)
			continue;
		any |= 1u << i;
		if (on_link(own, peer))
			near |= 1u << i;
		if (own->gateway.family)
			far |= 1u << i;
	}
	return near ? near : far ? far : any;
}

/* Those that the socket, which is made already, can be on. */
static uint32_t same_stack(const struct contexts *cs, const struct context *c)
{
	uint32_t among = 0;
	unsigned int i;

	for (i = 0; i < CONTEXT_TOES_MAX; i++)
		if (cs->toe[i].stack == cs->toe[c->toe].stack)
			among |= 1u << i;
	return among;
}

static int place(struct contexts *cs, const struct vtoe_addr *peer,
		 uint32_t among)
{
	struct place_query query = {
		.pool = cs->pool, .among = among, .peer = peer};

	cs->table->counters.placements++;
	return place_choose(cs->toes, &query, cs->candidate, CONTEXT_TOES_MAX);
}

static void set_load(struct contexts *cs, int toe, uint32_t load)
{
	cs->candidate[toe].load = load;
	vtoe_store(&cs->table->on_toe[toe], load);
}

static void context_put_on(struct contexts *cs, struct context *c, int toe)
{
	if (toe == c->toe)
		return;
	set_load(cs, c->toe, cs->candidate[c->toe].load - 1);
	set_load(cs, toe, cs->candidate[toe].load + 1);
	c->toe = (int8_t)toe;
}

/* The TOE context that has a local address; else the one that it is on. */
static int find_local(const struct contexts *cs, int toe,
		      const struct vtoe_addr *local)
{
	const struct toe_address *own;
	int i;

	for (i = 0; i < (int)CONTEXT_TOES_MAX; i++) {
		own = address_for(&cs->toe[i], local);
		if (cs->toe[i].driver && own->addr.family &&
		    !memcmp(own->addr.addr, address_bytes(local),
			    own->addr.family == VTOE_INET ? 4 : 16))
			return i;
	}
	return toe;
}

static bool several(const struct contexts *cs)
{
	unsigned int i, nr = 0;

	for (i = 0; i < CONTEXT_TOES_MAX; i++)
		nr += cs->toe[i].driver != NULL;
	return nr > 1;
}

/* @own in the form in which a socket of @like's family takes it, with no port */
static struct vtoe_addr own_address(const struct toe_address *own,
				    const struct vtoe_addr *like)
{
	struct vtoe_addr addr = own->addr;

	if (!is_mapped(like))
		return addr;
	addr = (struct vtoe_addr){.family = VTOE_INET6,
				  .addr = {[10] = 0xff, [11] = 0xff}};
	memcpy(addr.addr + 12, own->addr.addr, 4);
	return addr;
}

/*
 * Choose among @among for a connection to @peer, and give it the address that
 * the guest has there.
 */
static int choose_toe(struct contexts *cs, struct context *c,
		      const struct vtoe_addr *peer, uint32_t among)
{
	const struct toe_address *own;
	struct vtoe_addr addr;
	int toe = place(cs, peer, among);

	if (toe < 0)
		return toe;
	own = address_for(&cs->toe[toe], peer);
	addr = own_address(own, peer);
	context_put_on(cs, c, toe);
	c->placed = true;
	return c->driver->use_address(c->conn, &addr);
}

/* ---- remapping ---- */

static void note_remap(struct contexts *cs, struct context *c, uint32_t left)
{
	struct context_row *row = row_begin(cs, c->slot);

	row_place(cs, row, c->toe);
	row->remaps++;
	row->left = left;
	row->remapped_ns = cs->now_ns;
	row_end(cs, row);
	cs->table->counters.remaps++;
}

/* The next context that is on a TOE context, from @slot on; NULL: no more. */
static struct context *next_on(struct contexts *cs, unsigned int toe,
			       uint32_t *slot)
{
	struct context *c;

	for (; *slot < cs->table->nr_rows; ++*slot) {
		c = &cs->context[*slot];
		if (c->conn && c->toe == (int8_t)toe) {
			++*slot;
			return c;
		}
	}
	return NULL;
}

static bool is_stream(const struct contexts *cs, const struct context *c)
{
	return cs->table->row[c->slot].requested.type == VTOE_STREAM;
}

/* What has a peer, and so cannot live without its address. */
static void reset_peers(struct contexts *cs, unsigned int toe)
{
	struct context *c;
	uint32_t slot = 0, state;

	while ((c = next_on(cs, toe, &slot)) != NULL) {
		state = cs->table->row[c->slot].state;
		if (is_stream(cs, c) && (state == CONTEXT_ESTABLISHED ||
					 state == CONTEXT_CLOSING))
			c->driver->reset(c->conn);
	}
}

/* What has no peer goes on where it can; its address may be gone, though. */
static void leave(struct contexts *cs, unsigned int toe, uint32_t left)
{
	struct context *c;
	uint32_t slot = 0;
	unsigned int i;

	for (i = 0; i < CONTEXT_TOES_MAX; i++)
		if (i != toe && cs->toe[i].stack == cs->toe[toe].stack)
			break;
	if (i == CONTEXT_TOES_MAX)
		return;
	while ((c = next_on(cs, toe, &slot)) != NULL) {
		context_put_on(cs, c, (int)i);
		note_remap(cs, c, left);
	}
}

static int add_toe(struct contexts *cs, unsigned int toe,
		   const struct contexts_place *to)
{
	const struct toe_driver *driver = toe_driver_find(to->driver);
	struct toe_stack *stack = driver ? stack_find(cs, driver) : NULL;

	if (!stack)
		return -EOPNOTSUPP;
	cs->toe[toe].driver = driver;
	cs->toe[toe].stack = stack;
	set_place(cs, toe, to);
	return 0;
}

static int remove_toe(struct contexts *cs, unsigned int toe, uint32_t left)
{
	static const struct contexts_place nowhere = {.row = CONTEXTS_NO_TOE};

	reset_peers(cs, toe);
	leave(cs, toe, left);
	set_place(cs, toe, &nowhere);
	/* driver and stack stay for what could not leave, if it was the last */
	if (several(cs))
		cs->toe[toe].driver = NULL;
	return 0;
}

int contexts_set_toe(struct contexts *cs, unsigned int toe,
		     const struct contexts_place *to, uint32_t left)
{
	struct context *c;
	uint32_t slot = 0;
	int err;

	if (toe >= CONTEXT_TOES_MAX)
		return -EINVAL;
	if (to->row == CONTEXTS_NO_TOE)
		return cs->toe[toe].driver ? remove_toe(cs, toe, left) : 0;
	if (!cs->toe[toe].driver)
		return add_toe(cs, toe, to);
	if (strcmp(cs->toe[toe].driver->name, to->driver))
		return -EOPNOTSUPP;
	if (cs->toe[toe].driver->stack_configure) {
		err = cs->toe[toe].driver->stack_configure(cs->toe[toe].stack,
							   to->settings);
		if (err)
			return err;
	}
	set_place(cs, toe, to);
	while ((c = next_on(cs, toe, &slot)) != NULL) {
		c->driver->moved(c->conn);
		note_remap(cs, c, left);
	}
	return 0;
}

/* One connect() of the program's, on another TOE. */
static void connect_elsewhere(struct contexts *cs, struct context *c,
			      uint32_t left)
{
	const struct vtoe_addr *peer =
		&cs->table->row[c->slot].requested.remote;
	uint32_t among = reach(cs, peer) & same_stack(cs, c) &
			 ~(1u << (unsigned int)c->toe);
	int err;

	if (!c->placed || !among)
		return;
	c->driver->reset(c->conn);
	err = choose_toe(cs, c, peer, among);
	if (!err) {
		note_remap(cs, c, left);
		err = c->driver->connect(c->conn, peer);
	}
	if (err == -EINPROGRESS)
		return;
	c->error = (int16_t)err;
	cs->ready(cs->owner, c->slot, TOE_CONNECTED);
}

int contexts_lost(struct contexts *cs, unsigned int toe, uint32_t left,
		  bool reset)
{
	struct context *c;
	uint32_t slot = 0;

	if (toe >= CONTEXT_TOES_MAX || !cs->toe[toe].driver)
		return -EINVAL;
	while ((c = next_on(cs, toe, &slot)) != NULL)
		if (is_stream(cs, c) &&
		    cs->table->row[c->slot].state == CONTEXT_CONNECTING)
			connect_elsewhere(cs, c, left);
	if (reset)
		reset_peers(cs, toe);
	return 0;
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
	c->error = 0;
	set_load(cs, toe, cs->candidate[toe].load + 1);
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
	toe = place(cs, NULL, ~0u);
	if (toe < 0)
		return toe;
	/* upcalls come from stack_event() only, when the context is there */
	err = cs->toe[toe].driver->open(cs->toe[toe].stack, opening->family,
					opening->type, c, &conn);
	note(cs, toe, err);
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
	struct context *c = get(cs, slot);
	struct context_row *row;
	int err = c->driver->bind(c->conn, addr);

	note(cs, c->toe, err);
	if (!err)
		err = c->driver->local(c->conn, bound);
	if (err)
		return err;
	context_put_on(cs, c, find_local(cs, c->toe, bound));
	row = row_begin(cs, slot);
	row_place(cs, row, c->toe);
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

	note(cs, c->toe, err);
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

static int connected(struct contexts *cs, struct context *c,
		     struct vtoe_addr *local)
{
	struct context_row *row;
	int err = c->driver->local(c->conn, local);

	if (err)
		return err;
	cs->table->counters.connects++;
	context_put_on(cs, c, find_local(cs, c->toe, local));
	row = row_begin(cs, c->slot);
	row_place(cs, row, c->toe);
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

/* With several TOEs, choose again, now that the peer is known. */
static int place_connect(struct contexts *cs, struct context *c,
			 const struct vtoe_addr *peer)
{
	bool bound = cs->table->row[c->slot].state != CONTEXT_OPEN;

	/* datagrams go where the guest's routes lead them, each for itself */
	if (!is_stream(cs, c) || (!c->placed && (bound || !several(cs))))
		return 0;
	return choose_toe(cs, c, peer, reach(cs, peer) & same_stack(cs, c));
}

int context_connect(struct contexts *cs, uint32_t slot,
		    const struct vtoe_addr *addr, struct vtoe_addr *local)
{
	struct context *c = get(cs, slot);
	struct context_row *row;
	int err;

	if (!addr->family)
		return disconnect(cs, c, local);
	err = place_connect(cs, c, addr);
	if (err)
		return err;
	err = c->driver->connect(c->conn, addr);
	note(cs, c->toe, err);
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
	int err = c->error ? c->error : c->driver->connected(c->conn);

	c->error = 0;
	note(cs, c->toe, err);
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
	note(cs, l->toe, err);
	if (err)
		return err;
	err = l->driver->local(conn, local);
	if (err) {
		l->driver->close(conn, TOE_CLOSE_ABORT);
		return err;
	}
	context_start(cs, slot, find_local(cs, l->toe, local), conn);
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
	set_load(cs, c->toe, cs->candidate[c->toe].load - 1);
	cs->table->counters.contexts--;
	row = row_begin(cs, slot);
	row_state(cs, row, CONTEXT_FREE);
	row_end(cs, row);
}
