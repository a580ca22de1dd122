/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <string.h>

#include "complete.h"

/* ---- what stands for an operation that a driver leaves out ---- */

/* One whose packets go by the kernel's routes need not know its links. */
static int no_link(struct toe_stack *stack, const struct toe_link *link)
{
	(void)stack;
	(void)link;
	return 0;
}

static int no_sign(struct toe_stack *stack)
{
	(void)stack;
	return -EOPNOTSUPP;
}

static int no_addr(struct toe_conn *conn, const struct vtoe_addr *addr)
{
	(void)conn;
	(void)addr;
	return -EOPNOTSUPP;
}

static int no_listen(struct toe_conn *conn, unsigned int backlog)
{
	(void)conn;
	(void)backlog;
	return -EOPNOTSUPP;
}

static int no_accept(struct toe_conn *listener, void *user,
		     struct toe_conn **conn, struct vtoe_addr *peer)
{
	(void)listener;
	(void)user;
	(void)conn;
	(void)peer;
	return -EOPNOTSUPP;
}

static int no_send_datagrams(struct toe_conn *conn,
			     const struct toe_datagram *datagram,
			     unsigned int nr)
{
	(void)conn;
	(void)datagram;
	(void)nr;
	return -EOPNOTSUPP;
}

static int no_recv_datagram(struct toe_conn *conn,
			    struct toe_datagram *datagram)
{
	(void)conn;
	(void)datagram;
	return -EOPNOTSUPP;
}

static int no_next_datagram(struct toe_conn *conn)
{
	(void)conn;
	return -EOPNOTSUPP;
}

/* A hint: an engine that sends at once sends the same bytes. */
static int not_held(struct toe_conn *conn, int on)
{
	(void)conn;
	(void)on;
	return 0;
}

/* An engine that remembers no way has none to forget. */
static void not_moved(struct toe_conn *conn)
{
	(void)conn;
}

static int no_setopt(struct toe_conn *conn, int level, int name,
		     const void *value, uint32_t len)
{
	(void)conn;
	(void)level;
	(void)name;
	(void)value;
	(void)len;
	return -ENOPROTOOPT;
}

static int no_getopt(struct toe_conn *conn, int level, int name, void *value,
		     uint32_t *len)
{
	(void)conn;
	(void)level;
	(void)name;
	(void)value;
	(void)len;
	return -ENOPROTOOPT;
}

static const struct toe_driver absent = {
	.stack_link = no_link,
	.alive = no_sign,
	.bind = no_addr,
	.listen = no_listen,
	.use_address = no_addr,
	.accept = no_accept,
	.send_datagrams = no_send_datagrams,
	.recv_datagram = no_recv_datagram,
	.next_datagram = no_next_datagram,
	.hold = not_held,
	.moved = not_moved,
	.setopt = no_setopt,
	.getopt = no_getopt,
};

/* ---- all operations ---- */

typedef void any_fn(void);

/* clang-format off */
#define OP(name) {#name, offsetof(struct toe_driver, name)}
/* clang-format on */

static const struct {
	const char *name;
	size_t at;
} operations[] = {
	OP(stack_open),	    OP(stack_close),   OP(stack_event),	  OP(open),
	OP(bind),	    OP(listen),	       OP(use_address),	  OP(connect),
	OP(connected),	    OP(accept),	       OP(recv),	  OP(send),
	OP(send_datagrams), OP(recv_datagram), OP(next_datagram), OP(hold),
	OP(moved),	    OP(reset),	       OP(shutdown),	  OP(close),
	OP(error),	    OP(unsent),	       OP(local),	  OP(setopt),
	OP(getopt),	    OP(stack_link),    OP(alive),
};

#define NR_OPERATIONS (sizeof(operations) / sizeof(operations[0]))

/* and .name, .stack_configure, and seven by which a stream moves */
_Static_assert(sizeof(struct toe_driver) ==
		       (NR_OPERATIONS + 9) * sizeof(any_fn *),
	       "each operation of stack.h is in the list");

static any_fn *get(const struct toe_driver *driver, size_t at)
{
	any_fn *fn;

	memcpy(&fn, (const char *)driver + at, sizeof(fn));
	return fn;
}

static const char *half_moved(const struct toe_driver *driver)
{
	if (!driver->freeze && !driver->export && !driver->import &&
	    !driver->thaw && !driver->own)
		return NULL;
	if (!driver->freeze)
		return "freeze";
	if (!driver->export)
		return "export";
	if (!driver->import)
		return "import";
	if (!driver->thaw)
		return "thaw";
	return driver->own ? NULL : "own";
}

/* Operations that are of no use, or do harm, without another one. */
static const char *half_given(const struct toe_driver *driver)
{
	const char *missing = half_moved(driver);

	if (missing)
		return missing;
	if (driver->listen && !driver->accept)
		return "accept";
	if (!driver->send_datagrams && !driver->recv_datagram &&
	    !driver->next_datagram)
		return NULL;
	if (!driver->send_datagrams)
		return "send_datagrams";
	if (!driver->recv_datagram)
		return "recv_datagram";
	return driver->next_datagram ? NULL : "next_datagram";
}

const char *complete_driver(struct toe_driver *to,
			    const struct toe_driver *from)
{
	any_fn *fn;
	size_t i;

	*to = *from;
	for (i = 0; i < NR_OPERATIONS; i++) {
		if (get(from, operations[i].at))
			continue;
		fn = get(&absent, operations[i].at);
		if (!fn)
			return operations[i].name;
		memcpy((char *)to + operations[i].at, &fn, sizeof(fn));
	}
	return half_given(from);
}

const char *complete_control(const struct toe_control *control)
{
	if (!control->context_create)
		return "context_create";
	if (!control->context_destroy)
		return "context_destroy";
	if (!control->context_install != !control->context_release)
		return control->context_install ? "context_release"
						: "context_install";
	return NULL;
}
