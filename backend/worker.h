/* SPDX-License-Identifier: GPL-2.0 */
/*
 * worker.h - vtoed's side of one vtoe-worker: start, talk, adopt, end.
 *
 * Theory of operation
 *
 * A worker object lives from worker_start() or worker_adopt() to its ended()
 * call, after which it is freed by worker_free(), or to worker_forget() when
 * vtoed itself ends. Calls are made from the loop, never from within a function
 * of this file.
 *
 *	STARTING   no HELLO yet      -> RUNNING, ENDING
 *	RUNNING    table is mapped   -> ENDING
 *	ENDING     told to stop, or has failed; killed when its time is up
 *	ENDED      the process is gone: what it mapped is unmapped
 *
 * The worker is not trusted (it parses a guest's bytes): messages are checked
 * for their exact length and type, its process id comes from the kernel, and
 * its table must be sealed so that it cannot be shrunk under our reads.
 */
#ifndef BACKEND_WORKER_H
#define BACKEND_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../common/loop.h"
#include "../toe-service/tables.h"
#include "worker_proto.h"

struct worker;

struct worker_ops {
	void (*connected)(void *arg); /* HELLO: the table is there */
	/* why it will end: FAILED, BROKEN, or "" if it just ended */
	void (*ended)(void *arg, const char *why);
	/* a driver's control half is to do its part with a descriptor, which
	 * may be of anything: 0 or a negative errno */
	int (*assist)(void *arg, const char *driver, uint32_t what, int fd);
	/* the streams of a TOE context have come with it to another stack */
	void (*arrived)(void *arg, uint32_t index);
};

/* What a worker had counted of a TOE when it was looked at last. */
struct worker_seen {
	bool valid;
	uint32_t row;
	struct toe_usage usage;
};

enum worker_state {
	WORKER_IS_STARTING,
	WORKER_IS_RUNNING,
	WORKER_IS_ENDING,
	WORKER_IS_ENDED,
};

struct worker {
	struct worker *next; /* the adopter's list */
	struct loop *loop;
	const struct worker_ops *ops; /* NULL: nobody listens */
	void *arg;
	enum worker_state state;
	uint32_t domid, devid;
	bool adopted;
	bool child; /* of ours: to be reaped */
	pid_t pid;  /* 0: not known yet */
	int pidfd;  /* -1: not known yet */
	struct loop_fd control, process;
	struct loop_timer deadline;
	char socket_path[128]; /* of its listening socket */
	char why[WORKER_TEXT_MAX];
	struct context_table *table; /* NULL before HELLO */
	size_t table_size;
	uint32_t nr_rows;
	struct worker_toe toe[WORKER_TOES_MAX]; /* what it knows */
	struct worker_seen seen[WORKER_TOES_MAX]; /* by TOE context */
	/* HELLO: whose stacks it has beside those of its TOE contexts */
	char driver[WORKER_DRIVERS_MAX][TABLE_NAME_MAX];
	uint32_t assists; /* descriptors that it may still send */
};

struct worker_start {
	const char *program;
	const char *socket_dir; /* of listening sockets */
	int netns;		/* both stay the caller's */
	int toes;
	struct worker_msg msg; /* WORKER_START but for type and version */
};

/**
 * worker_start - start a worker for a device
 *
 * Returns 0 or a negative errno.
 */
int worker_start(struct loop *loop, const struct worker_start *start,
		 const struct worker_ops *ops, void *arg,
		 struct worker **worker);

/**
 * worker_adopt - connect to each worker that is there
 * @socket_dir: sockets that nobody holds are removed
 * @list: the workers found, linked by next; ops are NULL until set by
 *        worker_listen()
 */
void worker_adopt(struct loop *loop, const char *socket_dir,
		  struct worker **list);

/**
 * worker_listen - say who is to be told
 *
 * If something has been missed (HELLO, or the end) it is told from the loop.
 */
void worker_listen(struct worker *worker, const struct worker_ops *ops,
		   void *arg);

/**
 * worker_set_toe - tell it how one of its device's TOE contexts is now
 *
 * A worker that cannot be told (it is ending) need not know.
 */
void worker_set_toe(struct worker *worker, uint32_t index,
		    const struct worker_toe *toe);

/**
 * worker_lost - tell it that a TOE context's TOE does not work
 * @left: enum toe_state of that TOE
 * @reset: its connections are given up
 */
void worker_lost(struct worker *worker, uint32_t index, uint32_t left,
		 bool reset);

/**
 * worker_no_address - tell it that an address has not come back
 * @family: VTOE_INET or VTOE_INET6; connections that have it are given up
 */
void worker_no_address(struct worker *worker, uint32_t index, uint16_t family);

/**
 * worker_go_on - one that was adopted may be in the middle of a move: help it
 *
 * When what it asks for can be done.
 */
void worker_go_on(struct worker *worker);

/** worker_stop - ask it to end, and kill it @grace_ns later if it has not. */
void worker_stop(struct worker *worker, uint64_t grace_ns);

/** worker_free - after ended(). NULL is allowed. */
void worker_free(struct worker *worker);

/** worker_forget - let it run on, for the next vtoed. NULL is allowed. */
void worker_forget(struct worker *worker);

#endif /* BACKEND_WORKER_H */
