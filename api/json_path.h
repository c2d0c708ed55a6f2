/* SPDX-License-Identifier: Apache-2.0
 *
 * Where in a request the reader is, and what is wrong there: a chain of steps on the stack that
 * becomes a JSON pointer only when it is needed.
 */
#ifndef FERRY_API_JSON_PATH_H
#define FERRY_API_JSON_PATH_H

#include "base/bytes.h"
#include "base/ctx.h"

struct json_path {
	const struct json_path *up; /* NULL at the root */
	const char *name;           /* a member; NULL: the item `index` of an array */
	size_t index;
};

/* "/messages/3/receiver", in the arena. NULL is the root, "". */
const char *json_path_text(struct arena *a, const struct json_path *path);
/* Notes what is wrong at `path` and returns false: for readers that go on to find the rest. */
bool json_path_wrong(struct ctx *cx, const struct json_path *path, const char *code,
		     const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* ST_OK when nothing was noted; else ST_INVALID with a sentence about what was. */
MUST_USE enum status json_path_verdict(struct ctx *cx);

#endif
