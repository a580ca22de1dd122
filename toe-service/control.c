/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../common/log.h"
#include "../common/unixsock.h"
#include "control.h"

struct command {
	const char *name;
	control_fn *fn;
	void *arg;
};

struct client {
	struct client *next, **prevp;
	struct control *control;
	struct loop_fd watch;
	struct control_call *call; /* not answered yet */
	char *in;		   /* CONTROL_LINE_MAX bytes */
	size_t in_len;
	char *out;
	size_t out_len, out_at;
	bool eof;      /* the client sends nothing more */
	bool handling; /* in handle_lines(): it looks for the next line */
};

struct control_call {
	struct client *client; /* NULL: it has gone */
};

struct control {
	struct loop *loop;
	struct loop_fd watch;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct client *clients;
	unsigned int nr_clients;
	struct command command[CONTROL_COMMANDS_MAX];
	unsigned int nr_commands;
};

static void accept_ready(struct loop_fd *watch, uint32_t events);

/* ---- clients ---- */

static void client_free(struct client *client)
{
	struct control *control = client->control;
	int fd = client->watch.fd;

	loop_remove(&client->watch);
	close(fd);
	if (client->call)
		client->call->client = NULL;
	*client->prevp = client->next;
	if (client->next)
		client->next->prevp = client->prevp;
	free(client->in);
	free(client->out);
	free(client);
	if (control->nr_clients-- == CONTROL_CLIENTS_MAX)
		loop_modify(&control->watch, EPOLLIN);
}

/* Ask for what the client is to be waited for. */
static void client_rewatch(struct client *client)
{
	uint32_t events = 0;

	if (client->out_len > client->out_at)
		events |= EPOLLOUT;
	if (!client->call && !client->eof && client->in_len < CONTROL_LINE_MAX)
		events |= EPOLLIN;
	loop_modify(&client->watch, events);
}

/* Returns 0 or a negative errno: the client is to be dropped. */
static int client_flush(struct client *client)
{
	ssize_t n;

	while (client->out_at < client->out_len) {
		n = send(client->watch.fd, client->out + client->out_at,
			 client->out_len - client->out_at,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0)
			return n ? -errno : -EPIPE;
		client->out_at += (size_t)n;
	}
	free(client->out);
	client->out = NULL;
	client->out_len = 0;
	client->out_at = 0;
	return 0;
}

static int client_queue(struct client *client, const char *text, size_t len)
{
	char *out;

	if (client->out_len + len > CONTROL_PENDING_MAX)
		return -ENOBUFS;
	out = realloc(client->out, client->out_len + len);
	if (!out)
		return -ENOMEM;
	memcpy(out + client->out_len, text, len);
	client->out = out;
	client->out_len += len;
	return 0;
}

/* ---- answers ---- */

static void send_json(struct client *client, json_t *answer)
{
	char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
	static const char oom[] = "{\"ok\":false,\"error\":\"out of memory\"}";

	if (client_queue(client, text ? text : oom,
			 strlen(text ? text : oom)) ||
	    client_queue(client, "\n", 1))
		client->eof = true; /* hang up, rather than a broken line */
	free(text);
	json_decref(answer);
}

static void handle_lines(struct client *client);

/* The call is over: go on with the client's next request. */
static void finish(struct control_call *call, json_t *answer)
{
	struct client *client = call->client;

	free(call);
	if (!client) {
		json_decref(answer);
		return;
	}
	client->call = NULL;
	send_json(client, answer);
	if (!client->handling)
		handle_lines(client);
}

void control_answer(struct control_call *call, json_t *answer)
{
	if (!answer)
		answer = json_object();
	json_object_set_new(answer, "ok", json_true());
	finish(call, answer);
}

void control_refuse(struct control_call *call, const char *format, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	finish(call, json_pack("{s:b,s:s}", "ok", 0, "error", text));
}

/* ---- requests ---- */

static const struct command *find_command(const struct control *control,
					  const char *name)
{
	unsigned int i;

	for (i = 0; i < control->nr_commands; i++)
		if (!strcmp(control->command[i].name, name))
			return &control->command[i];
	return NULL;
}

static void handle_request(struct client *client, const char *line, size_t len)
{
	const struct command *command;
	struct control_call *call;
	json_error_t error;
	json_t *request;
	const char *name;

	call = calloc(1, sizeof(*call));
	if (!call) {
		send_json(client, NULL);
		return;
	}
	call->client = client;
	client->call = call;
	request = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
	name = json_string_value(json_object_get(request, "command"));
	command = name ? find_command(client->control, name) : NULL;
	if (!request)
		control_refuse(call, "not JSON: %s", error.text);
	else if (!name)
		control_refuse(call, "a request is {\"command\": ...}");
	else if (!command)
		control_refuse(call, "unknown command \"%.40s\"", name);
	else
		command->fn(call, request, command->arg);
	json_decref(request);
}

/* Handle whole lines, flush, and free the client if it is done with. */
static void handle_lines(struct client *client)
{
	char *end;
	size_t len;

	client->handling = true;
	while (!client->call &&
	       (end = memchr(client->in, '\n', client->in_len)) != NULL) {
		len = (size_t)(end - client->in);
		if (len)
			handle_request(client, client->in, len);
		client->in_len -= len + 1;
		memmove(client->in, end + 1, client->in_len);
	}
	client->handling = false;
	if (client_flush(client) ||
	    (client->eof && !client->call && !client->out_len) ||
	    (!client->call && client->in_len == CONTROL_LINE_MAX))
		client_free(client);
	else
		client_rewatch(client);
}

static void client_ready(struct loop_fd *watch, uint32_t events)
{
	struct client *client =
		(struct client *)((char *)watch -
				  offsetof(struct client, watch));
	ssize_t n;

	if (events & (EPOLLERR | EPOLLHUP)) {
		client_free(client);
		return;
	}
	if (events & EPOLLIN) {
		n = recv(watch->fd, client->in + client->in_len,
			 CONTROL_LINE_MAX - client->in_len, MSG_DONTWAIT);
		if (n == 0)
			client->eof = true;
		if (n > 0)
			client->in_len += (size_t)n;
	}
	handle_lines(client);
}

/* ---- the socket ---- */

static bool peer_allowed(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return false;
	return cred.uid == 0 || cred.uid == geteuid();
}

static int client_add(struct control *control, int fd)
{
	struct client *client = calloc(1, sizeof(*client));
	int err;

	if (!client)
		return -ENOMEM;
	client->control = control;
	client->in = malloc(CONTROL_LINE_MAX);
	err = client->in ? loop_add(control->loop, &client->watch, fd, EPOLLIN,
				    client_ready)
			 : -ENOMEM;
	if (err) {
		free(client->in);
		free(client);
		return err;
	}
	client->next = control->clients;
	client->prevp = &control->clients;
	if (client->next)
		client->next->prevp = &client->next;
	control->clients = client;
	if (++control->nr_clients == CONTROL_CLIENTS_MAX)
		loop_modify(&control->watch, 0);
	return 0;
}

static void accept_ready(struct loop_fd *watch, uint32_t events)
{
	struct control *control =
		(struct control *)((char *)watch -
				   offsetof(struct control, watch));
	int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	if (!peer_allowed(fd) || client_add(control, fd))
		close(fd);
}

int control_open(struct loop *loop, const char *path, struct control **result)
{
	struct control *control = calloc(1, sizeof(*control));
	int fd, err;

	if (!control)
		return -ENOMEM;
	control->loop = loop;
	fd = unixsock_listen(path, SOCK_STREAM, SOMAXCONN);
	if (fd < 0) {
		free(control);
		return fd;
	}
	snprintf(control->path, sizeof(control->path), "%s", path);
	err = loop_add(loop, &control->watch, fd, EPOLLIN, accept_ready);
	if (err) {
		close(fd);
		free(control);
		return err;
	}
	*result = control;
	return 0;
}

void control_close(struct control *control)
{
	int fd = control->watch.fd;

	while (control->clients)
		client_free(control->clients);
	loop_remove(&control->watch);
	close(fd);
	unlink(control->path);
	free(control);
}

void control_register(struct control *control, const char *command,
		      control_fn *fn, void *arg)
{
	if (control->nr_commands == CONTROL_COMMANDS_MAX)
		abort();
	control->command[control->nr_commands++] =
		(struct command){.name = command, .fn = fn, .arg = arg};
}
