/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

enum { LOG_LINE_BYTES = 4096, LOG_VALUE_BYTES = 1024 };

static enum log_level log_lowest = LOG_INFO;
static const char *log_role = "ferryd";
static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_init(enum log_level level, const char *role)
{
	log_lowest = level;
	log_role = role;
}

/* Appends "key":"value" with JSON escapes; bytes outside printable ASCII become \u00XX. */
static size_t log_member(char *line, size_t at, const char *key, const char *value)
{
	at += (size_t)snprintf(line + at, LOG_LINE_BYTES - at, ",\"%s\":\"", key);
	for (size_t i = 0; value[i] && i < LOG_VALUE_BYTES && at < LOG_LINE_BYTES - 16; i++) {
		unsigned char c = (unsigned char)value[i];
		if (c == '"' || c == '\\')
			at += (size_t)snprintf(line + at, LOG_LINE_BYTES - at, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			at += (size_t)snprintf(line + at, LOG_LINE_BYTES - at, "\\u%04x", c);
		else
			line[at++] = (char)c;
	}
	line[at++] = '"';
	return at;
}

static size_t log_open(char *line, enum log_level level, const char *event)
{
	char time[CLOCK_RFC3339_BYTES];
	clock_rfc3339(time, clock_wall_us());
	size_t at = (size_t)snprintf(line, LOG_LINE_BYTES, "{\"time\":\"%s\",\"level\":\"%s\"", time,
				     level_names[level]);
	at = log_member(line, at, "role", log_role);
	return log_member(line, at, "event", event);
}

static void log_close(char *line, size_t at)
{
	line[at++] = '}';
	line[at++] = '\n';
	/* One write a line, so that lines of different threads do not mix. */
	ssize_t n = write(STDERR_FILENO, line, at);
	(void)n; /* nobody is left to be told */
}

void log_event(enum log_level level, const char *event, const char *fmt, ...)
{
	if (level < log_lowest)
		return;
	char line[LOG_LINE_BYTES];
	char message[LOG_VALUE_BYTES];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(message, sizeof message, fmt, ap);
	va_end(ap);
	size_t at = log_open(line, level, event);
	at = log_member(line, at, "message", message);
	log_close(line, at);
}

void log_failure(enum log_level level, const char *event, const struct ctx *cx)
{
	if (level < log_lowest)
		return;
	char line[LOG_LINE_BYTES];
	char where[128];
	snprintf(where, sizeof where, "%s:%d", cx->err.file ? cx->err.file : "?", cx->err.line);
	size_t at = log_open(line, level, event);
	at = log_member(line, at, "status", status_name(cx->err.status));
	at = log_member(line, at, "code", cx->err.code);
	at = log_member(line, at, "message", cx->err.message);
	at = log_member(line, at, "where", where);
	at = log_member(line, at, "request_id", cx->request_id);
	log_close(line, at);
}
