/* SPDX-License-Identifier: GPL-2.0 */
/*
 * client.h - asks vtoed over its control socket (toe-service/README.md).
 */
#ifndef TOOLS_CLIENT_H
#define TOOLS_CLIENT_H

#include <jansson.h>
#include <stddef.h>

#define CLIENT_SOCKET "/run/vtoe/control"
#define CLIENT_ANSWER_MAX (64u << 20) /* bytes: 65,536 contexts and more */
#define CLIENT_TIMEOUT_S 60 /* detaching waits for the guest, 10 s or so */

struct client {
	int fd;
	const char *path;
};

struct answer {
	char *line;   /* verbatim, without the newline */
	json_t *json; /* an object */
};

/**
 * client_open - connect to vtoed
 * @client: filled in on success
 * @path: of the socket; must outlive @client
 *
 * Returns 0 or a negative errno; then the reason, and what to do, has been
 * written to standard error.
 */
int client_open(struct client *client, const char *path);

/** client_close - disconnect. */
void client_close(struct client *client);

/**
 * client_ask - send a request and wait for its answer
 * @client: connected
 * @request: an object; its reference is taken over, NULL is out of memory
 * @answer: filled in on success; dispose of it
 *
 * Returns 0 if there is an answer, whether "ok" or not, or a negative errno;
 * then the reason has been written to standard error.
 */
int client_ask(struct client *client, json_t *request, struct answer *answer);

/** answer_error - its error text, or NULL if it is "ok". */
const char *answer_error(const struct answer *answer);

/** answer_dispose - safe on what is zeroed. */
void answer_dispose(struct answer *answer);

#endif /* TOOLS_CLIENT_H */
