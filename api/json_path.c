/* SPDX-License-Identifier: Apache-2.0 */
#include "api/json_path.h"

#include <stdarg.h>

enum { JSON_PATH_BYTES_MAX = 4096, JSON_PATH_STEP_BYTES_MAX = 100 };

static void path_put(struct buf *b, const struct json_path *path)
{
	if (!path)
		return;
	path_put(b, path->up);
	buf_putc(b, '/');
	if (!path->name) {
		buf_printf(b, "%zu", path->index);
		return;
	}
	/* RFC 6901: "~0" is ~ and "~1" is /. A stranger's member may be long: its head
	 * is enough. */
	for (size_t i = 0; path->name[i] && i < JSON_PATH_STEP_BYTES_MAX; i++) {
		if (path->name[i] == '~')
			buf_puts(b, "~0");
		else if (path->name[i] == '/')
			buf_puts(b, "~1");
		else
			buf_putc(b, path->name[i]);
	}
}

const char *json_path_text(struct arena *a, const struct json_path *path)
{
	struct buf b;
	buf_init(&b, a, JSON_PATH_BYTES_MAX);
	path_put(&b, path);
	return buf_text(&b);
}

bool json_path_wrong(struct ctx *cx, const struct json_path *path, const char *code,
		     const char *fmt, ...)
{
	if (cx->err.details_count == CTX_DETAILS_MAX)
		return false;
	va_list ap;
	va_start(ap, fmt);
	ctx_add_detail(cx, json_path_text(cx->arena, path), code, "%s",
		       arena_vprintf(cx->arena, fmt, ap));
	va_end(ap);
	return false;
}

enum status json_path_verdict(struct ctx *cx)
{
	size_t n = cx->err.details_count;
	if (n == 0)
		return ST_OK;
	const struct ctx_detail *first = &cx->err.details[0];
	if (n == 1)
		return fail(cx, ST_INVALID, "%s: %s", first->pointer, first->detail);
	return fail(cx, ST_INVALID, "%zu%s members are wrong, the first: %s: %s", n,
		    n == CTX_DETAILS_MAX ? " or more" : "", first->pointer, first->detail);
}
