/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

#define LOG_LINE_MAX 1024 /* longer lines are cut, so that one write does */

static char log_name[64] = "vtoe";
static int log_max = LOG_INFO;
static bool log_plain;

void log_open(const char *name, int max_priority)
{
	snprintf(log_name, sizeof(log_name), "%s", name);
	log_max = max_priority;
	log_plain = isatty(STDERR_FILENO);
}

void log_message(int priority, const char *format, ...)
{
	char line[LOG_LINE_MAX];
	int saved = errno;
	size_t len;
	va_list ap;

	if (priority > log_max)
		return;
	if (log_plain)
		snprintf(line, sizeof(line), "%s: ", log_name);
	else
		snprintf(line, sizeof(line), "<%d>%s: ", priority, log_name);
	len = strlen(line);
	va_start(ap, format);
	vsnprintf(line + len, sizeof(line) - len - 1, format, ap);
	va_end(ap);
	len = strlen(line);
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0) {
		/* nowhere to say it */
	}
	errno = saved;
}
