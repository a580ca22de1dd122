/* SPDX-License-Identifier: GPL-2.0 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libxlutil.h>

#include "xlcfg.h"

#define INCOMING "--incoming" /* libxl's suffix while a guest is received */

enum match { MATCH_NONE, MATCH_NAME, MATCH_UUID, MATCH_BROKEN };

struct search {
	const struct xlcfg_query *query;
	char name[256]; /* of the query, without INCOMING */
	FILE *report;
	bool debug;
	bool any; /* no query: the first guest configuration */

	enum match match; /* the best so far */
	struct xlcfg_guest guest;
	char *broken; /* what is wrong with the configuration that matches */
	dev_t dev; /* the file of the match */
	ino_t ino;
};

static void note(struct search *s, const char *file, const char *why)
{
	if (s->debug)
		fprintf(s->report, "%s: left out: %s\n", file, why);
}

static bool known(const char *s)
{
	return s && *s;
}

bool xlcfg_uuid_equal(const char *a, const char *b)
{
	int digits = 0;

	for (;; a++, b++, digits++) {
		while (*a == '-')
			a++;
		while (*b == '-')
			b++;
		if (!*a || !*b)
			return !*a && !*b && digits == 32;
		if (!isxdigit((unsigned char)*a) ||
		    tolower((unsigned char)*a) != tolower((unsigned char)*b))
			return false;
	}
}

static const char *skip_blanks(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	return p;
}

/* One line: is it key = 'value', whatever follows? */
static bool line_assigns(const char *p, const char *end, const char *key,
			 const char *value)
{
	size_t key_len = strlen(key);
	char text[256];
	const char *close;
	char quote;

	p = skip_blanks(p, end);
	if ((size_t)(end - p) < key_len || memcmp(p, key, key_len))
		return false;
	p = skip_blanks(p + key_len, end);
	if (p == end || *p++ != '=')
		return false;
	p = skip_blanks(p, end);
	if (p == end || (*p != '"' && *p != '\''))
		return false;
	quote = *p++;
	close = memchr(p, quote, (size_t)(end - p));
	if (!close || (size_t)(close - p) >= sizeof(text))
		return false;
	memcpy(text, p, (size_t)(close - p));
	text[close - p] = '\0';
	return strcmp(key, "uuid") ? !strcmp(text, value) :
				     xlcfg_uuid_equal(text, value);
}

bool xlcfg_text_assigns(const char *text, size_t len, const char *key,
			const char *value)
{
	const char *end = text + len, *eol;

	for (; text < end; text = eol + 1) {
		eol = memchr(text, '\n', (size_t)(end - text));
		if (!eol)
			eol = end;
		if (line_assigns(text, eol, key, value))
			return true;
	}
	return false;
}

void xlcfg_guest_dispose(struct xlcfg_guest *guest)
{
	size_t i;

	for (i = 0; i < guest->nr_entries; i++)
		free(guest->entry[i]);
	free(guest->entry);
	free(guest->name);
	free(guest->file);
	memset(guest, 0, sizeof(*guest));
}

/* How well a parsed configuration answers the query. */
static enum match rate(const struct search *s, const char *name,
		       const char *uuid)
{
	if (s->any)
		return MATCH_UUID;
	if (known(s->query->uuid) && uuid)
		return xlcfg_uuid_equal(s->query->uuid, uuid) ? MATCH_UUID :
								MATCH_NONE;
	return s->name[0] && !strcmp(s->name, name) ? MATCH_NAME : MATCH_NONE;
}

static char *complaint(const char *file, const char *what)
{
	char *text;

	return asprintf(&text, "%s: %s", file, what) < 0 ? NULL : text;
}

static bool printable(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	return true;
}

/* The strings of the vtoe list; on an error *broken has the reason. */
static int take_entries(const XLU_Config *cfg, const char *file,
			struct xlcfg_guest *guest, char **broken)
{
	XLU_ConfigList *list;
	int err, nr = 0, i;

	err = xlu_cfg_get_list(cfg, "vtoe", &list, &nr, 1);
	if (err == ESRCH)
		return 0;
	if (err) {
		*broken = complaint(file, "vtoe is a string; it must be a "
				    "list: vtoe = [ 'ip=192.0.2.10/24' ]");
		return -EINVAL;
	}
	if ((unsigned int)nr > XLCFG_ENTRIES_MAX) {
		*broken = complaint(file, "vtoe has too many entries");
		return -EINVAL;
	}
	guest->entry = calloc((size_t)nr + 1, sizeof(*guest->entry));
	if (!guest->entry)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		const char *item = xlu_cfg_get_listitem(list, i);

		if (!item || !printable(item) ||
		    strlen(item) > XLCFG_ENTRY_MAX) {
			*broken = complaint(file, "vtoe must be a list of "
					    "strings, each of one line");
			return -EINVAL;
		}
		guest->entry[i] = strdup(item);
		if (!guest->entry[i])
			return -ENOMEM;
		guest->nr_entries++;
	}
	return 0;
}

/* Make this configuration the match. */
static int adopt(struct search *s, const XLU_Config *cfg, const char *file,
		 const char *name, enum match match)
{
	int err;

	free(s->broken);
	s->broken = NULL;
	xlcfg_guest_dispose(&s->guest);
	s->match = match;
	s->guest.file = strdup(file);
	s->guest.name = strdup(name);
	if (!s->guest.file || !s->guest.name)
		return -ENOMEM;
	err = take_entries(cfg, file, &s->guest, &s->broken);
	return err == -EINVAL ? 0 : err; /* a better match may follow */
}

/* A file that does not parse matters only if it is the one. */
static void consider_broken(struct search *s, const char *file,
			    const char *text, size_t len, const char *why)
{
	bool is = s->any ||
		  (known(s->query->uuid) &&
		   xlcfg_text_assigns(text, len, "uuid", s->query->uuid)) ||
		  (s->name[0] &&
		   xlcfg_text_assigns(text, len, "name", s->name));

	if (!is || s->match != MATCH_NONE) {
		note(s, file, why);
		return;
	}
	s->match = MATCH_BROKEN;
	s->broken = strdup(*why ? why : file);
}

static int consider_parsed(struct search *s, const XLU_Config *cfg,
			   const char *file, const struct stat *st)
{
	const char *name, *uuid = NULL;
	enum match match;
	int err;

	if (xlu_cfg_get_string(cfg, "name", &name, 1)) {
		note(s, file, "no guest configuration: it has no name");
		return 0;
	}
	xlu_cfg_get_string(cfg, "uuid", &uuid, 1);
	match = rate(s, name, uuid);
	if (match == MATCH_NONE) {
		note(s, file, "another guest");
		return 0;
	}
	if (s->match != MATCH_BROKEN && match <= s->match) {
		/* the usual link in auto/ is the same file */
		if (s->dev != st->st_dev || s->ino != st->st_ino)
			fprintf(s->report, "%s: left out: %s has this guest\n",
				file, s->guest.file);
		return 0;
	}
	err = adopt(s, cfg, file, name, match);
	s->dev = st->st_dev;
	s->ino = st->st_ino;
	return err;
}

static int consider_text(struct search *s, const char *file,
			 const struct stat *st, const char *text, size_t len)
{
	char *why = NULL;
	size_t why_len;
	FILE *stream = open_memstream(&why, &why_len);
	XLU_Config *cfg = stream ? xlu_cfg_init(stream, file) : NULL;
	int err = -ENOMEM;

	if (!cfg)
		goto out;
	if (xlu_cfg_readdata(cfg, text, (int)len)) {
		fflush(stream);
		while (why_len && isspace((unsigned char)why[why_len - 1]))
			why[--why_len] = '\0';
		consider_broken(s, file, text, len, why);
		err = 0;
	} else {
		err = consider_parsed(s, cfg, file, st);
	}
	xlu_cfg_destroy(cfg);
out:
	if (stream)
		fclose(stream);
	free(why);
	return err;
}

/* Read a file of at most XLCFG_FILE_MAX bytes; returns them or -errno. */
static ssize_t read_all(int fd, char *text, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len < size) {
		n = read(fd, text + len, size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

static int consider_fd(struct search *s, const char *file, int fd,
		       const struct stat *st)
{
	size_t size = (size_t)st->st_size + 1; /* for one that grows */
	char *text = malloc(size);
	ssize_t len;
	int err;

	if (!text)
		return -ENOMEM;
	len = read_all(fd, text, size);
	if (len < 0) {
		err = (int)len;
	} else if (memchr(text, 0, (size_t)len)) {
		note(s, file, "no text");
		err = 0;
	} else {
		err = consider_text(s, file, st, text, (size_t)len);
	}
	free(text);
	return err;
}

static int consider_file(struct search *s, int dir, const char *at,
			 const char *file)
{
	/* O_NONBLOCK: a FIFO among the files must not stop us */
	int fd = openat(dir, at, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int err;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		err = -errno;
	else if (S_ISDIR(st.st_mode))
		err = -EISDIR;
	else if (!S_ISREG(st.st_mode) || st.st_size > (off_t)XLCFG_FILE_MAX)
		err = -EFBIG;
	else
		err = consider_fd(s, file, fd, &st);
	close(fd);
	return err;
}

static int consider_directory(struct search *s, const char *path)
{
	struct dirent **list = NULL;
	int nr = scandir(path, &list, NULL, alphasort);
	int dir, err = 0, i;
	char *file;

	if (nr < 0)
		return -errno;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		err = -errno;
	for (i = 0; i < nr; i++) {
		const char *name = list[i]->d_name;

		if (!err && name[0] != '.' && (unsigned)i < XLCFG_FILES_MAX) {
			if (asprintf(&file, "%s/%s", path, name) < 0) {
				err = -ENOMEM;
				free(list[i]);
				continue;
			}
			err = consider_file(s, dir, name, file);
			if (err && err != -ENOMEM) {
				note(s, file, strerror(-err));
				err = 0;
			}
			free(file);
		}
		free(list[i]);
	}
	free(list);
	if (dir >= 0)
		close(dir);
	return err;
}

static int consider_path(struct search *s, const char *path)
{
	struct stat st;
	int err;

	if (stat(path, &st))
		err = -errno;
	else if (S_ISDIR(st.st_mode))
		err = consider_directory(s, path);
	else
		err = consider_file(s, AT_FDCWD, path, path);
	/* a directory that is not there has no guests */
	if (err == -ENOENT && !s->any) {
		note(s, path, strerror(ENOENT));
		return 0;
	}
	if (err)
		fprintf(s->report, "%s: %s\n", path, strerror(-err));
	return err;
}

static void query_name(struct search *s)
{
	size_t len, cut = strlen(INCOMING);

	if (!known(s->query->name))
		return;
	snprintf(s->name, sizeof(s->name), "%s", s->query->name);
	len = strlen(s->name);
	if (len > cut && !strcmp(s->name + len - cut, INCOMING))
		s->name[len - cut] = '\0';
}

int xlcfg_find(const struct xlcfg_query *query, char *const *path,
	       size_t nr_paths, struct xlcfg_guest *guest, FILE *report,
	       bool debug)
{
	struct search s = { .query = query, .report = report, .debug = debug };
	size_t i;
	int err = 0;

	s.any = !known(query->uuid) && !known(query->name);
	query_name(&s);
	for (i = 0; i < nr_paths && !err; i++)
		err = consider_path(&s, path[i]);
	if (!err && s.broken) {
		fprintf(report, "%s\n", s.broken);
		err = -EINVAL;
	}
	if (!err && s.match != MATCH_NONE) {
		*guest = s.guest;
		return 1;
	}
	free(s.broken);
	xlcfg_guest_dispose(&s.guest);
	return err;
}
