/* SPDX-License-Identifier: GPL-2.0 */
/*
 * command.c - what each command does (xenstore-schema/README.md, section 5.4).
 *
 * A handler gets a private copy of the command whose op, slot and generation
 * were checked; it checks the payload, and answers with one queue_complete(),
 * at once or, for CONNECT and RELEASE, later.
 */
#include <errno.h>
#include <string.h>

#include "worker.h"

typedef int command_fn(struct worker *w, struct slot *s,
		       const struct vtoe_submission *cmd);

static int answer(struct worker *w, const struct slot *s,
		  const struct vtoe_submission *cmd, int result, const void *u)
{
	return queue_complete(w, s, cmd->id, result, u,
			      cmd->flags & VTOE_QUIET);
}

/* Are the bytes of the payload from @from on zero? */
static bool zero_from(const struct vtoe_submission *cmd, size_t from)
{
	size_t i;

	for (i = from; i < sizeof(cmd->u.bytes); i++)
		if (cmd->u.bytes[i])
			return false;
	return true;
}

static int break_zero(struct worker *w, const struct slot *s, const char *what)
{
	return worker_break(w, "%s: nonzero reserved field, slot %u", what,
			    slot_number(w, s));
}

static int do_open(struct worker *w, struct slot *s,
		   const struct vtoe_submission *cmd)
{
	struct context_opening opening = {
		.generation = cmd->gen,
		.family = cmd->u.open.family,
		.type = cmd->u.open.type,
		.uid = cmd->u.open.uid,
	};
	bool datagram = opening.type == VTOE_DATAGRAM;
	int err;

	if (!zero_from(cmd, offsetof(struct vtoe_open, zero)))
		return break_zero(w, s, "OPEN");
	if (opening.type != VTOE_STREAM && !datagram)
		err = -ESOCKTNOSUPPORT;
	else
		err = context_open(&w->contexts, cmd->slot, &opening);
	if (!err) {
		slot_serve(w, s, cmd->gen,
			   datagram ? SLOT_DATAGRAM : SLOT_OPEN);
		if (datagram) {
			s->flags = SLOT_DGRAM | SLOT_WRITABLE;
			slot_activate(w, s); /* it may have sent already */
		}
		return answer(w, s, cmd, 0, NULL);
	}
	s->gen = cmd->gen; /* for the answer */
	s->refused_gen = cmd->gen;
	return answer(w, s, cmd, err, NULL);
}

/* 0, -EPROTO (violation), or 1 with *result to be answered */
static int check_form(struct worker *w, const struct slot *s,
		      const struct vtoe_addr *addr, int *result)
{
	static const uint8_t zero[12];

	if (addr->family == VTOE_INET) {
		if (addr->flowinfo || addr->scope_id ||
		    memcmp(addr->addr + 4, zero, sizeof(zero)))
			return break_zero(w, s, "IPv4 address");
		return 0;
	}
	*result = addr->family == VTOE_INET6 ? -EINVAL : -EAFNOSUPPORT;
	return addr->family != VTOE_INET6 || addr->scope_id;
}

/* The same, where an address is all that there is. */
static int check_addr(struct worker *w, const struct slot *s,
		      const struct vtoe_submission *cmd, int *result)
{
	if (!zero_from(cmd, sizeof(cmd->u.addr)))
		return break_zero(w, s, "address");
	return check_form(w, s, &cmd->u.addr, result);
}

static int do_bind(struct worker *w, struct slot *s,
		   const struct vtoe_submission *cmd)
{
	struct vtoe_completion done = {0};
	int result = 0, err = check_addr(w, s, cmd, &result);

	if (err < 0)
		return err;
	if (err)
		return answer(w, s, cmd, result, NULL);
	if (s->state != SLOT_OPEN && s->state != SLOT_DATAGRAM)
		return answer(w, s, cmd, -EINVAL, NULL);
	err = loop_close_now(w); /* one of them may have the address */
	if (err)
		return err;
	result = context_bind(&w->contexts, cmd->slot, &cmd->u.addr,
			      &done.u.addr);
	return answer(w, s, cmd, result, &done.u);
}

static int do_listen(struct worker *w, struct slot *s,
		     const struct vtoe_submission *cmd)
{
	int result;

	if (!zero_from(cmd, offsetof(struct vtoe_listen, zero)))
		return break_zero(w, s, "LISTEN");
	if (s->state == SLOT_DATAGRAM)
		return answer(w, s, cmd, -EOPNOTSUPP, NULL);
	if (s->state != SLOT_OPEN && s->state != SLOT_LISTENING)
		return answer(w, s, cmd, -EINVAL, NULL);
	result = context_listen(&w->contexts, cmd->slot, cmd->u.listen.backlog);
	if (!result && s->state == SLOT_OPEN) {
		TAILQ_INIT(&s->children);
		s->state = SLOT_LISTENING;
		slot_activate(w, s);
	}
	return answer(w, s, cmd, result, NULL);
}

/* The connection stands: bytes may flow. */
static int established(struct worker *w, struct slot *s, uint32_t id,
		       const struct vtoe_addr *local)
{
	struct vtoe_completion done = {0};

	done.u.addr = *local;
	s->state = SLOT_ESTABLISHED;
	s->flags |= SLOT_WRITABLE;
	slot_activate(w, s);
	return queue_complete(w, s, id, 0, &done.u, false);
}

/* A datagram slot gets another peer, or none. */
static int connect_datagram(struct worker *w, struct slot *s,
			    const struct vtoe_submission *cmd)
{
	static const struct vtoe_addr none;
	const struct vtoe_addr *peer = &cmd->u.connect.addr;
	struct vtoe_completion done = {0};
	int result = 0, err = 0;

	if (!zero_from(cmd, offsetof(struct vtoe_connect, zero)))
		return break_zero(w, s, "CONNECT");
	if (memcmp(peer, &none, sizeof(none)))
		err = check_form(w, s, peer, &result);
	if (err < 0)
		return err;
	slot_activate(w, s); /* for what was sent after the command */
	if (!err)
		result = context_connect(&w->contexts, cmd->slot, peer,
					 &done.u.addr);
	return answer(w, s, cmd, result, &done.u);
}

static int do_connect(struct worker *w, struct slot *s,
		      const struct vtoe_submission *cmd)
{
	struct vtoe_addr local;
	int result = 0, err;

	if (s->state == SLOT_DATAGRAM)
		return connect_datagram(w, s, cmd);
	err = check_addr(w, s, cmd, &result);
	if (err < 0)
		return err;
	if (err)
		return answer(w, s, cmd, result, NULL);
	if (s->state == SLOT_CONNECTING)
		return answer(w, s, cmd, -EALREADY, NULL);
	if (s->state != SLOT_OPEN)
		return answer(w, s, cmd, -EISCONN, NULL);
	result = context_connect(&w->contexts, cmd->slot, &cmd->u.addr, &local);
	if (!result)
		return established(w, s, cmd->id, &local);
	if (result != -EINPROGRESS)
		return answer(w, s, cmd, result, NULL);
	s->state = SLOT_CONNECTING;
	s->connect_id = cmd->id;
	w->connecting = true;
	w->expected |= EXPECT_STACK;
	return 0;
}

int command_connected(struct worker *w, struct slot *s)
{
	struct vtoe_addr local;
	int result = context_connected(&w->contexts, slot_number(w, s), &local);

	if (!result)
		return established(w, s, s->connect_id, &local);
	s->state = SLOT_OPEN;
	s->flags &= SLOT_ACTIVE;
	return queue_complete(w, s, s->connect_id, result, NULL, false);
}

/*
 * Where the value of an option stands: in the entry (NULL), or in a run.
 * Returns 0, 1 if it is too long (to be refused), or -EPROTO.
 */
static int check_option(struct worker *w, const struct slot *s,
			const struct vtoe_submission *cmd, uint8_t **value)
{
	const struct vtoe_option *o = &cmd->u.option;

	if (o->zero || (o->len <= VTOE_OPT_INLINE && o->run))
		return break_zero(w, s, "option");
	*value = NULL;
	if (o->len > VTOE_OPT_MAX)
		return 1;
	if (o->len <= VTOE_OPT_INLINE)
		return 0;
	if (!vtoe_run_ok(o->run, w->view.geo.nr_tx_pages))
		return worker_break(w, "option's run %#x is not in the arena",
				    o->run);
	*value = w->view.tx + (uint64_t)vtoe_run_page(o->run) * VTOE_PAGE_SIZE;
	return 0;
}

static int do_setopt(struct worker *w, struct slot *s,
		     const struct vtoe_submission *cmd)
{
	const struct vtoe_option *o = &cmd->u.option;
	uint8_t value[VTOE_OPT_MAX], *shared = NULL;
	int result, err = check_option(w, s, cmd, &shared);

	if (err < 0)
		return err;
	if (err)
		return answer(w, s, cmd, -EINVAL, NULL);
	if (shared)
		copy_in(value, shared, o->len);
	else
		memcpy(value, o->value, o->len);
	result = context_setopt(&w->contexts, cmd->slot, o->level, o->name,
				value, o->len);
	return answer(w, s, cmd, result, NULL);
}

static int do_getopt(struct worker *w, struct slot *s,
		     const struct vtoe_submission *cmd)
{
	uint8_t value[VTOE_OPT_MAX] = {0}, *shared = NULL;
	struct vtoe_completion done = {0};
	struct vtoe_option *o = &done.u.option;
	int result, err = check_option(w, s, cmd, &shared);

	if (err < 0)
		return err;
	if (err)
		return answer(w, s, cmd, -EINVAL, NULL);
	o->level = cmd->u.option.level;
	o->name = cmd->u.option.name;
	o->len = cmd->u.option.len;
	o->run = cmd->u.option.run;
	result = context_getopt(&w->contexts, cmd->slot, o->level, o->name,
				value, &o->len);
	if (result)
		return answer(w, s, cmd, result, NULL);
	/* never more than there is room for, whatever the stack says */
	if (o->len > cmd->u.option.len)
		o->len = cmd->u.option.len;
	memcpy(shared ? shared : o->value, value, o->len);
	return answer(w, s, cmd, 0, &done.u);
}

static int do_release(struct worker *w, struct slot *s,
		      const struct vtoe_submission *cmd)
{
	const uint32_t known = VTOE_RELEASE_ABORT | VTOE_RELEASE_LINGER;
	uint32_t flags = cmd->u.release.flags;

	if (!zero_from(cmd, offsetof(struct vtoe_release, zero)))
		return break_zero(w, s, "RELEASE");
	if (flags & ~known)
		return worker_break(w, "RELEASE: unknown flags %#x, slot %u",
				    flags, cmd->slot);
	return release_start(w, s, cmd);
}

static command_fn *const commands[] = {
	[VTOE_OP_BIND] = do_bind,	[VTOE_OP_LISTEN] = do_listen,
	[VTOE_OP_CONNECT] = do_connect, [VTOE_OP_SETOPT] = do_setopt,
	[VTOE_OP_GETOPT] = do_getopt,	[VTOE_OP_RELEASE] = do_release,
};

static int send_before(struct worker *w, struct slot *s,
		       const struct vtoe_submission *cmd)
{
	if (cmd->op == VTOE_OP_CONNECT)
		return dgram_tx_until(w, s, cmd->u.connect.tx_prod);
	return dgram_tx_run(w, s);
}

int command_run(struct worker *w, const struct vtoe_submission *cmd)
{
	struct slot *s;
	int err;

	if (cmd->flags & ~VTOE_QUIET)
		return worker_break(w, "command: unknown flags %#x",
				    cmd->flags);
	if (cmd->slot >= w->view.geo.nr_slots)
		return worker_break(w, "command for slot %u of %u", cmd->slot,
				    w->view.geo.nr_slots);
	s = &w->slot[cmd->slot];
	if (cmd->op == VTOE_OP_OPEN) {
		err = slot_check_empty(w, cmd->slot, cmd->gen);
		return err ? err : do_open(w, s, cmd);
	}
	if (cmd->op >= sizeof(commands) / sizeof(commands[0]) ||
	    !commands[cmd->op])
		return worker_break(w, "unknown command %u", cmd->op);
	if (s->state == SLOT_FREE && cmd->gen && cmd->gen == s->refused_gen)
		return answer(w, s, cmd, -EBADF, NULL);
	if (s->state == SLOT_FREE || cmd->gen != s->gen)
		return worker_break(w,
				    "command %u for generation %u of slot %u, "
				    "which is not in use",
				    cmd->op, cmd->gen, cmd->slot);
	if (s->state == SLOT_CLOSING || s->state == SLOT_LINGERING)
		return answer(w, s, cmd, -EBADF, NULL);
	/* what was sent before goes to whom, and as, it was sent */
	err = s->state == SLOT_DATAGRAM ? send_before(w, s, cmd) : 0;
	if (err < 0)
		return err;
	return commands[cmd->op](w, s, cmd);
}
