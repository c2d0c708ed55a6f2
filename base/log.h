/* SPDX-License-Identifier: Apache-2.0
 *
 * The log: one JSON object a line on standard error. Lower layers do not log errors; the boundary
 * (http, grpc, relay loop, command line) logs one line with status, sentence and request id.
 * Never give it a secret: values are written as they are, cut at 1 KiB each.
 */
#ifndef FERRY_BASE_LOG_H
#define FERRY_BASE_LOG_H

#include "base/ctx.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Lines below `level` are dropped. Called once, before threads start. `role` ("serve", "relay") goes into each line. */
void log_init(enum log_level level, const char *role);
/* event: "outbox.accepted"; then the sentence. Thread-safe; never fails; does not block on anything but stderr. */
void log_event(enum log_level level, const char *event, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* One line for a failed request or round: status, code, sentence, where it was born, request id. */
void log_failure(enum log_level level, const char *event, const struct ctx *cx);

#endif
