/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../stack.h"
#include "fault_plan.h"

#define ERRNO_MAX 133 /* EHWPOISON, Linux's last */

enum kind {
	NUMBER,
	SHARE,	     /* 10% */
	SHARE_TIME,  /* 10%:20ms; the time stands behind the share */
	SHARE_ERROR, /* 10%, or 10%:EPROTO */
};

#define AT(member)   offsetof(struct fault_plan, member)
#define ERROR_OF(op) AT(error[op])

static const struct key {
	const char *name;
	enum kind kind;
	size_t at;
} keys[] = {
	{"seed", NUMBER, AT(seed)},
	{"hang-after", NUMBER, AT(hang_after)},
	{"short", SHARE, AT(short_)},
	{"again", SHARE, AT(again)},
	{"lost", SHARE, AT(lost)},
	{"delay", SHARE_TIME, AT(delay)},
	{"open-error", SHARE_ERROR, ERROR_OF(FAULT_OPEN)},
	{"bind-error", SHARE_ERROR, ERROR_OF(FAULT_BIND)},
	{"listen-error", SHARE_ERROR, ERROR_OF(FAULT_LISTEN)},
	{"connect-error", SHARE_ERROR, ERROR_OF(FAULT_CONNECT)},
	{"accept-error", SHARE_ERROR, ERROR_OF(FAULT_ACCEPT)},
	{"send-error", SHARE_ERROR, ERROR_OF(FAULT_SEND)},
	{"recv-error", SHARE_ERROR, ERROR_OF(FAULT_RECV)},
};

#define NR_KEYS (sizeof(keys) / sizeof(keys[0]))

_Static_assert(AT(delay_ms) == AT(delay) + sizeof(uint32_t),
	       "the time stands behind the share");

/* A number up to @max, which ends where *@text is set to. */
static bool number(const char **text, uint32_t max, uint32_t *value)
{
	unsigned long n;
	char *end;

	if (**text < '0' || **text > '9')
		return false;
	errno = 0;
	n = strtoul(*text, &end, 10);
	if (errno || n > max)
		return false;
	*value = (uint32_t)n;
	*text = end;
	return true;
}

static bool error_number(const char *name, uint32_t *value)
{
	const char *known;
	int n;

	for (n = 1; n <= ERRNO_MAX; n++) {
		known = strerrorname_np(n);
		if (known && !strcmp(known, name)) {
			*value = (uint32_t)n;
			return true;
		}
	}
	return false;
}

/* What may stand behind a share; @text is at the ':' or at the end. */
static bool addition(enum kind kind, const char *text, uint32_t *value)
{
	if (kind == SHARE_TIME)
		return *text++ == ':' &&
		       number(&text, FAULT_DELAY_MAX_MS, value) &&
		       !strcmp(text, "ms");
	if (kind == SHARE_ERROR && !*text) {
		*value = EIO;
		return true;
	}
	if (kind == SHARE_ERROR)
		return *text == ':' && error_number(text + 1, value);
	return !*text;
}

static bool parse_value(enum kind kind, const char *text, uint32_t *value)
{
	if (kind == NUMBER)
		return number(&text, UINT32_MAX, value) && !*text;
	return number(&text, FAULT_PERCENT_MAX, value) && *text++ == '%' &&
	       addition(kind, text, value + 1);
}

static const char *form(enum kind kind)
{
	switch (kind) {
	case SHARE:
		return "0% to 100%";
	case SHARE_TIME:
		return "a share and a time up to 60000ms, as in 5%:20ms";
	case SHARE_ERROR:
		return "a share, as in 5%, or one and an errno, as in "
		       "5%:EPROTO";
	default:
		return "a number";
	}
}

static int parse_item(char *item, struct fault_plan *plan, char *error)
{
	char *value = strchr(item, '=');
	size_t i;

	if (value)
		*value++ = 0;
	for (i = 0; i < NR_KEYS; i++)
		if (!strcmp(keys[i].name, item))
			break;
	if (i == NR_KEYS) {
		snprintf(error, TOE_ERROR_MAX, "there is no \"%.40s\"", item);
		return -EINVAL;
	}
	if (!value || !parse_value(keys[i].kind, value,
				   (uint32_t *)((char *)plan + keys[i].at))) {
		snprintf(error, TOE_ERROR_MAX, "%s: \"%.40s\" is not %s", item,
			 value ? value : "", form(keys[i].kind));
		return -EINVAL;
	}
	return 0;
}

int fault_plan_parse(const char *text, struct fault_plan *result, char *error)
{
	struct fault_plan plan = {.seed = 1};
	char copy[TABLE_SETTINGS_MAX], *item, *rest = copy;
	int err = 0;

	if (strlen(text) >= sizeof(copy)) {
		snprintf(error, TOE_ERROR_MAX, "longer than %u bytes",
			 TABLE_SETTINGS_MAX - 1);
		return -EINVAL;
	}
	strcpy(copy, text);
	while (!err && rest && *rest) {
		item = strsep(&rest, ",");
		err = parse_item(item, &plan, error);
	}
	if (!err)
		*result = plan;
	return err;
}
