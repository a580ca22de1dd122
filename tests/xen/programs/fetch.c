/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fetch URL: writes what an HTTP server gives for http://ADDRESS[:PORT]/PATH
 * to standard output. Linked statically: nothing can be preloaded into it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_MAX	8192	/* bytes of an answer's head that we take */

union address {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static void fail(const char *what)
{
	fprintf(stderr, "fetch: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void usage(void)
{
	fprintf(stderr, "usage: fetch http://ADDRESS[:PORT]/PATH\n"
		"An IPv6 address stands in brackets.\n");
	exit(2);
}

/* Takes the address, port and path out of a URL; returns the path. */
static const char *parse_url(char *url, union address *to, socklen_t *len)
{
	char *host, *path, *port = NULL;
	int v6;

	if (strncmp(url, "http://", 7))
		usage();
	host = url + 7;
	path = strchr(host, '/');
	if (!path)
		usage();
	*path++ = 0;
	v6 = *host == '[';
	if (v6) {
		char *end = strchr(++host, ']');

		if (!end)
			usage();
		*end = 0;
		if (end[1] == ':')
			port = end + 2;
	} else {
		port = strchr(host, ':');
		if (port)
			*port++ = 0;
	}
	memset(to, 0, sizeof(*to));
	*len = v6 ? sizeof(to->v6) : sizeof(to->v4);
	to->sa.sa_family = v6 ? AF_INET6 : AF_INET;
	if (inet_pton(to->sa.sa_family, host,
		      v6 ? (void *)&to->v6.sin6_addr :
		      (void *)&to->v4.sin_addr) != 1)
		usage();
	/* the port is at the same place in both */
	to->v4.sin_port = htons(port ? (uint16_t)strtoul(port, NULL, 10) : 80);
	return path;
}

static void write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0)
			fail("write");
		data += n;
		len -= n;
	}
}

/* Reads up to the end of the answer's head; writes what follows it. */
static void take_head(int fd)
{
	char head[HEAD_MAX + 1], *end;
	size_t have = 0;

	do {
		ssize_t n = read(fd, head + have, HEAD_MAX - have);

		if (n < 0)
			fail("read");
		if (!n) {
			fprintf(stderr, "fetch: no whole answer\n");
			exit(1);
		}
		have += n;
		head[have] = 0;
		end = strstr(head, "\r\n\r\n");
	} while (!end);
	if (strncmp(head, "HTTP/1.", 7) || strncmp(head + 8, " 200 ", 5)) {
		fprintf(stderr, "fetch: %.*s\n", (int)strcspn(head, "\r"), head);
		exit(1);
	}
	end += 4;
	write_all(1, end, have - (end - head));
}

int main(int argc, char **argv)
{
	static char buf[65536];
	union address to;
	socklen_t len;
	const char *path;
	ssize_t n;
	int fd;

	if (argc != 2)
		usage();
	path = parse_url(argv[1], &to, &len);
	fd = socket(to.sa.sa_family, SOCK_STREAM, 0);
	if (fd < 0)
		fail("socket");
	if (connect(fd, &to.sa, len))
		fail("connect");
	n = snprintf(buf, sizeof(buf),
		     "GET /%s HTTP/1.0\r\nHost: test\r\n\r\n", path);
	write_all(fd, buf, n);
	take_head(fd);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		write_all(1, buf, n);
	if (n < 0)
		fail("read");
	return 0;
}
