/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xlcfg.h - find a guest's xl configuration and take its vtoe entries from it.
 *
 * xl and libxl ignore `vtoe = [ ... ]` and store nothing of it, so the file is
 * the only place where it stands. libxlutil reads it as xl does, so that what
 * is a string, a list or a comment is the same for both. That library has an
 * exact-version soname: nothing but the program vtoe-xlcfg may use this.
 */
#ifndef TOOLS_XLCFG_H
#define TOOLS_XLCFG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define XLCFG_FILE_MAX (1024u * 1024u) /* bytes; xl's own are a few KiB */
#define XLCFG_FILES_MAX 4096u	       /* of a directory */
#define XLCFG_ENTRIES_MAX 64u	       /* devices of a guest */
#define XLCFG_ENTRY_MAX 1024u	       /* bytes; XenStore's value is 2 KiB */

/* Which guest. An empty string or NULL is "not known". */
struct xlcfg_query {
	const char *uuid; /* with or without hyphens, any case; preferred */
	const char *name; /* "--incoming" at its end is left out */
};

struct xlcfg_guest {
	char *file; /* that it was found in */
	char *name;
	char **entry; /* of its vtoe list, verbatim */
	size_t nr_entries;
};

/**
 * xlcfg_find - look for a guest's configuration
 * @query: the guest; if neither uuid nor name is known, the first guest
 *	configuration is meant
 * @path: files, and directories whose regular files (symbolic links included)
 *	are looked at in the order of their names, but not their directories
 * @nr_paths: elements of @path
 * @guest: filled in if found; dispose of it with xlcfg_guest_dispose()
 * @report: what people must know: errors, and two files that both match
 * @debug: says in @report also what was left out, and why
 *
 * A configuration with the uuid wins; then one with the name and no uuid of its
 * own. What is no guest configuration is left out.
 *
 * Returns 1 if found, 0 if not, -EINVAL if the configuration that matches has an
 * error, or the negative errno of a path that cannot be read; then @report has
 * the reason.
 */
int xlcfg_find(const struct xlcfg_query *query, char *const *path,
	       size_t nr_paths, struct xlcfg_guest *guest, FILE *report,
	       bool debug);

/**
 * xlcfg_guest_dispose - free what xlcfg_find() filled in
 * @guest: zeroed or filled in; zeroed afterwards
 */
void xlcfg_guest_dispose(struct xlcfg_guest *guest);

/**
 * xlcfg_uuid_equal - compare two uuids as written by people
 *
 * Returns true if both are 32 hexadecimal digits, hyphens anywhere, and equal.
 */
bool xlcfg_uuid_equal(const char *a, const char *b);

/**
 * xlcfg_text_assigns - does a text have a line `key = "value"`
 * @text: a file that libxlutil could not parse; @len bytes, any content
 * @key: "name" or "uuid"
 * @value: matched exactly for a name, as xlcfg_uuid_equal() for a uuid
 *
 * A guess, to tell whose broken configuration it is.
 */
bool xlcfg_text_assigns(const char *text, size_t len, const char *key,
			const char *value);

#endif /* TOOLS_XLCFG_H */
