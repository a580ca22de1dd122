/* SPDX-License-Identifier: GPL-2.0 */
/*
 * log.h - messages to standard error, with the priority that systemd reads
 * ("<3>text"), plain text if standard error is a terminal.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <syslog.h> /* LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG */

/**
 * log_open - set who speaks and how much
 * @name: prefix of each message ("vtoe-worker 3/0"); copied
 * @max_priority: messages above this (LOG_*) are dropped
 */
void log_open(const char *name, int max_priority);

/**
 * log_message - write one line
 * @priority: LOG_*
 * @format: as printf(), without a newline
 *
 * Uses only write(2); safe in the worker's sandbox. Keeps errno.
 */
void log_message(int priority, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#define log_error(...) log_message(LOG_ERR, __VA_ARGS__)
#define log_warn(...)  log_message(LOG_WARNING, __VA_ARGS__)
#define log_info(...)  log_message(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_message(LOG_DEBUG, __VA_ARGS__)

#endif /* COMMON_LOG_H */
