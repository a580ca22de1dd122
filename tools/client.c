/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "client.h"

static int complain(const struct client *client, int err)
{
	fprintf(stderr, "vtoectl: %s: ", client->path);
	switch (err) {
	case -ENOENT:
	case -ECONNREFUSED:
		fputs("vtoed is not running: systemctl start vtoed\n", stderr);
		break;
	case -EACCES:
	case -EPERM:
		fputs("only root may talk to vtoed: use sudo\n", stderr);
		break;
	case -EAGAIN:
		fprintf(stderr, "vtoed has not answered for %d seconds: "
			"see journalctl -u vtoed\n", CLIENT_TIMEOUT_S);
		break;
	case -EPIPE:
	case -ECONNRESET:
		fputs("vtoed has closed the connection: "
		      "see journalctl -u vtoed\n", stderr);
		break;
	case -EPROTO:
		fputs("vtoed's answer is not understood: "
		      "are vtoectl and vtoed of the same release?\n", stderr);
		break;
	default:
		fprintf(stderr, "%s\n", strerror(-err));
	}
	return err;
}

int client_open(struct client *client, const char *path)
{
	struct timeval limit = { .tv_sec = CLIENT_TIMEOUT_S };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int err;

	client->path = path;
	client->fd = -1;
	if (strlen(path) >= sizeof(addr.sun_path))
		return complain(client, -ENAMETOOLONG);
	strcpy(addr.sun_path, path);
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->fd < 0)
		return complain(client, -errno);
	setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (!connect(client->fd, (struct sockaddr *)&addr, sizeof(addr)))
		return 0;
	err = -errno;
	client_close(client);
	return complain(client, err);
}

void client_close(struct client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
}

static int send_line(int fd, json_t *request)
{
	char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	size_t len, at = 0;
	int err = 0;

	if (!text)
		return -ENOMEM;
	len = strlen(text);
	text[len++] = '\n'; /* in place of the NUL; @len bytes are sent */
	while (at < len && !err) {
		ssize_t n = send(fd, text + at, len - at, MSG_NOSIGNAL);

		if (n >= 0)
			at += (size_t)n;
		else if (errno != EINTR)
			err = -errno;
	}
	free(text);
	return err;
}

/* One line, without its newline, NUL-terminated; the caller frees it. */
static int receive_line(int fd, char **line)
{
	size_t len = 0, room = 4096;
	char *text = malloc(room), *bigger, *eol;
	int err = -ENOMEM;
	ssize_t n;

	while (text) {
		n = recv(fd, text + len, room - len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		err = n < 0 ? -errno : -ECONNRESET;
		if (n <= 0)
			break;
		eol = memchr(text + len, '\n', (size_t)n);
		if (eol) {
			*eol = '\0';
			*line = text;
			return 0;
		}
		len += (size_t)n;
		if (len < room)
			continue;
		room *= 2;
		err = -EPROTO;
		if (room > CLIENT_ANSWER_MAX)
			break;
		bigger = realloc(text, room);
		err = -ENOMEM;
		if (!bigger)
			break;
		text = bigger;
	}
	free(text);
	return err;
}

int client_ask(struct client *client, json_t *request, struct answer *answer)
{
	struct answer got = { 0 };
	int err = send_line(client->fd, request);

	json_decref(request);
	if (!err)
		err = receive_line(client->fd, &got.line);
	if (err)
		return complain(client, err);
	got.json = json_loads(got.line, 0, NULL);
	if (!json_is_object(got.json)) {
		answer_dispose(&got);
		return complain(client, -EPROTO);
	}
	*answer = got;
	return 0;
}

const char *answer_error(const struct answer *answer)
{
	const char *text;

	if (json_is_true(json_object_get(answer->json, "ok")))
		return NULL;
	text = json_string_value(json_object_get(answer->json, "error"));
	return text ? text : "vtoed gave no reason: see journalctl -u vtoed";
}

void answer_dispose(struct answer *answer)
{
	json_decref(answer->json);
	free(answer->line);
	memset(answer, 0, sizeof(*answer));
}
