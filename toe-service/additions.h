/* SPDX-License-Identifier: GPL-2.0 */
/*
 * additions.h - TOEs that were added at run time, as a text.
 *
 * The text has vtoed.conf's syntax, and is checked by config_parse() like it;
 * here it is only edited and kept. Each TOE has one line, which only vtoed
 * writes: toe "NAME" { KEY = "VALUE" KEY = {"VALUE", "VALUE"} }. What a key
 * means, and whether there is one, is not known here.
 */
#ifndef TOE_SERVICE_ADDITIONS_H
#define TOE_SERVICE_ADDITIONS_H

#include <jansson.h>

#define ADDITIONS_ERROR_MAX 512 /* as CONFIG_ERROR_MAX */

/**
 * additions_edit - the text with a TOE added, or with other settings
 * @text: as it is
 * @toe: the TOE's name; its line is made, or changed if there is one
 * @settings: an object of strings; a member "pool" is a list, parted by commas
 * @result: set on success only; to be freed
 * @error: ADDITIONS_ERROR_MAX bytes; set on failure
 *
 * Settings of the line that @settings has not stay. Returns 0 or a negative
 * errno.
 */
int additions_edit(const char *text, const char *toe, const json_t *settings,
		   char **result, char *error);

/** additions_remove - the text without a TOE's line; to be freed, or NULL. */
char *additions_remove(const char *text, const char *toe);

/**
 * additions_write - replace a file, as a whole or not at all
 * @dir: made if it is not there
 * @path: of the file, in @dir
 *
 * Returns 0 or a negative errno; then the file is as it was.
 */
int additions_write(const char *dir, const char *path, const char *text);

#endif /* TOE_SERVICE_ADDITIONS_H */
