/* SPDX-License-Identifier: GPL-2.0 */
/*
 * control.h - the control socket: JSON requests and answers, a line each.
 *
 * README.md beside this file lists the commands. A handler answers its call
 * exactly once, now or later. Requests of one client are handled in order: the
 * next one waits until the last is answered.
 */
#ifndef TOE_SERVICE_CONTROL_H
#define TOE_SERVICE_CONTROL_H

#include <jansson.h>

#include "../common/loop.h"

#define CONTROL_LINE_MAX     65536u /* bytes of a request */
#define CONTROL_CLIENTS_MAX  64u    /* at once; more wait in the backlog */
#define CONTROL_COMMANDS_MAX 32u
#define CONTROL_PENDING_MAX  (64u << 20) /* bytes of an answer not yet read */

struct control;
struct control_call;

typedef void control_fn(struct control_call *call, const json_t *request,
			void *arg);

/**
 * control_open - listen
 * @path: of the socket; one that is there is replaced
 * @control: to be closed with control_close()
 *
 * Returns 0 or a negative errno.
 */
int control_open(struct loop *loop, const char *path, struct control **control);

/** control_close - all clients are hung up; calls must not be answered more. */
void control_close(struct control *control);

/** control_register - @command (not copied) is handled by @fn. */
void control_register(struct control *control, const char *command,
		      control_fn *fn, void *arg);

/**
 * control_answer - {"ok": true, ...}
 * @answer: an object, taken over; NULL: nothing but ok
 *
 * The call is freed. A client that has gone is no error.
 */
void control_answer(struct control_call *call, json_t *answer);

/** control_refuse - {"ok": false, "error": text}; the call is freed. */
void control_refuse(struct control_call *call, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif /* TOE_SERVICE_CONTROL_H */
