/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "additions.h"

#define LINE_MAX_LEN 2048 /* bytes; a TOE with all settings has some 1200 */
#define KEY_LEN	     32
#define VALUE_LEN    1024 /* a list of eight routes of IPv6 */
#define PATH_LEN     256
#define TEXT_MAX     196608 /* 64 TOEs need two thirds of it */

/* What can stand between quotes and mean itself: no '"', '\', '$', newline. */
#define PLAIN                                                                  \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"       \
	"-_.:,/@*?[]!+=%"

#define PLAIN_VALUE PLAIN " "

static const char header[] = "# Written by vtoed for \"vtoectl toe\".\n";

static bool plain(const char *text)
{
	return *text && !text[strspn(text, PLAIN)];
}

/* May stand between quotes; "" may, too. */
static bool plain_value(const char *text)
{
	return !text[strspn(text, PLAIN_VALUE)];
}

/* The line of @toe in @text, or NULL; @len without the newline. */
static const char *find_line(const char *text, const char *toe, size_t *len)
{
	char start[LINE_MAX_LEN];
	const char *line = text;
	size_t n;

	n = (size_t)snprintf(start, sizeof(start), "toe \"%s\" {", toe);
	while (*line) {
		*len = strcspn(line, "\n");
		if (n < sizeof(start) && !strncmp(line, start, n))
			return line;
		line += *len + (line[*len] == '\n');
	}
	return NULL;
}

static bool is_list(const char *key)
{
	return !strcmp(key, "pools") || !strcmp(key, "routes");
}

/* a,b -> {"a", "b"} and nothing -> {} for a list, else "value" */
static bool quote(const char *key, const char *value, char *out)
{
	size_t len = 0;

	if (is_list(key) && !*value) {
		strcpy(out, "{}");
		return true;
	}
	if (!is_list(key))
		return snprintf(out, VALUE_LEN, "\"%s\"", value) < VALUE_LEN;
	out[len++] = '{';
	out[len++] = '"';
	for (; *value && len < VALUE_LEN - 8; value++) {
		if (*value != ',') {
			out[len++] = *value;
			continue;
		}
		memcpy(out + len, "\", \"", 4);
		len += 4;
	}
	memcpy(out + len, "\"}", 3);
	return !*value;
}

/* One "key = value" at @at of a line; returns what follows, or NULL. */
static const char *next_pair(const char *at, char *key, char *value)
{
	size_t len;

	if (sscanf(at, " %31[a-z0-9-] = ", key) != 1)
		return NULL;
	at = strchr(at, '=');
	if (!at)
		return NULL;
	at += 1 + strspn(at + 1, " ");
	len = *at == '{' ? strcspn(at, "}") : 1 + strcspn(at + 1, "\"");
	if (!at[0] || !at[len] || len + 1 >= VALUE_LEN)
		return NULL;
	snprintf(value, VALUE_LEN, "%.*s", (int)len + 1, at);
	return at + len + 1;
}

/* "pool=" of the command is the section's "pools". */
static const char *key_of(const char *key)
{
	return strcmp(key, "pool") ? key : "pools";
}

static bool replaced(const json_t *settings, const char *key)
{
	return json_object_get(settings, key) ||
	       (!strcmp(key, "pools") && json_object_get(settings, "pool"));
}

static void append(char *line, const char *key, const char *value)
{
	size_t len = strlen(line);

	snprintf(line + len, LINE_MAX_LEN - len, " %s = %s", key, value);
}

/* What the old line says and @settings does not. */
static void keep_others(char *line, const char *old, const json_t *settings)
{
	char key[KEY_LEN], value[VALUE_LEN];
	const char *at = strchr(old, '{') + 1;

	while ((at = next_pair(at, key, value)))
		if (!replaced(settings, key))
			append(line, key, value);
}

static int add_settings(char *line, const json_t *settings, char *error)
{
	char value[VALUE_LEN];
	const char *key;
	json_t *member;

	json_object_foreach((json_t *)settings, key, member) {
		const char *text = json_string_value(member);

		if (strlen(key) >= KEY_LEN || !plain(key) || !text ||
		    !plain_value(text) ||
		    !quote(key_of(key), text, value)) {
			snprintf(error, ADDITIONS_ERROR_MAX,
				 "%.31s: not a value for it: \"%.100s\"", key,
				 text ? text : "");
			return -EINVAL;
		}
		append(line, key_of(key), value);
	}
	if (strlen(line) + 4 < LINE_MAX_LEN)
		return 0;
	snprintf(error, ADDITIONS_ERROR_MAX, "too many settings");
	return -E2BIG;
}

/* @text with @old (may be NULL) replaced by @line, or removed (""). */
static char *replace_line(const char *text, const char *old, size_t len,
			  const char *line)
{
	const char *rest = text + strlen(text);
	int before = (int)(rest - text);
	char *result;

	if (old) {
		before = (int)(old - text);
		rest = old + len + (old[len] == '\n');
	}
	return asprintf(&result, "%s%.*s%s%s", *text ? "" : header, before,
			text, line, rest) < 0
		       ? NULL
		       : result;
}

int additions_edit(const char *text, const char *toe, const json_t *settings,
		   char **result, char *error)
{
	char line[LINE_MAX_LEN], *old_line;
	const char *old;
	size_t len = 0;
	int err;

	if (!plain(toe) || strlen(toe) >= KEY_LEN ||
	    strlen(text) + LINE_MAX_LEN > TEXT_MAX) {
		snprintf(error, ADDITIONS_ERROR_MAX,
			 "\"%.31s\" is no name of a TOE, or too many are added",
			 toe);
		return -EINVAL;
	}
	snprintf(line, sizeof(line), "toe \"%s\" {", toe);
	old = find_line(text, toe, &len);
	if (old) {
		old_line = strndup(old, len);
		if (!old_line)
			return -ENOMEM;
		keep_others(line, old_line, settings);
		free(old_line);
	}
	err = add_settings(line, settings, error);
	if (err)
		return err;
	strcat(line, " }\n");
	*result = replace_line(text, old, len, line);
	return *result ? 0 : -ENOMEM;
}

char *additions_remove(const char *text, const char *toe)
{
	size_t len = 0;
	const char *old = find_line(text, toe, &len);

	return old ? replace_line(text, old, len, "") : NULL;
}

static int write_synced(const char *path, const char *text)
{
	size_t len = strlen(text);
	ssize_t n;
	int err = 0;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC |
			    O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	n = write(fd, text, len);
	if (n < 0)
		err = -errno;
	else if ((size_t)n != len)
		err = -ENOSPC;
	else if (fsync(fd) < 0)
		err = -errno;
	close(fd);
	return err;
}

int additions_write(const char *dir, const char *path, const char *text)
{
	char temp[PATH_LEN];
	int err;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return -errno;
	if (snprintf(temp, sizeof(temp), "%s.new", path) >= PATH_LEN)
		return -ENAMETOOLONG;
	err = write_synced(temp, text);
	if (!err && rename(temp, path) < 0)
		err = -errno;
	if (err)
		unlink(temp);
	return err;
}
