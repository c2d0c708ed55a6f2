/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ctx.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

void ctx_init(struct ctx *cx, struct arena *arena, int64_t timeout_ms, const char *request_id)
{
	assert(request_id);
	memset(cx, 0, sizeof *cx);
	cx->arena = arena;
	cx->deadline_ms = timeout_ms < 0 ? INT64_MAX : clock_mono_ms() + timeout_ms;
	cx->request_id = request_id;
}

int ctx_left_ms(const struct ctx *cx, int max_ms)
{
	int64_t left = cx->deadline_ms - clock_mono_ms();
	if (left < 0)
		return 0;
	return left > max_ms ? max_ms : (int)left;
}

void ctx_error_clear(struct ctx *cx)
{
	memset(&cx->err, 0, sizeof cx->err);
}

void ctx_add_detail(struct ctx *cx, const char *pointer, const char *code, const char *fmt, ...)
{
	if (cx->err.details_count == CTX_DETAILS_MAX)
		return;
	va_list ap;
	va_start(ap, fmt);
	cx->err.details[cx->err.details_count++] = (struct ctx_detail){
		.pointer = arena_strdup(cx->arena, pointer),
		.code = arena_strdup(cx->arena, code),
		.detail = arena_vprintf(cx->arena, fmt, ap),
	};
	va_end(ap);
}

enum status fail_at(struct ctx *cx, enum status st, const char *code, const char *file, int line,
		    const char *fmt, ...)
{
	assert(st != ST_OK);
	cx->err.status = st;
	cx->err.file = file;
	cx->err.line = line;
	snprintf(cx->err.code, sizeof cx->err.code, "%s", code ? code : status_name(st));
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(cx->err.message, sizeof cx->err.message, fmt, ap);
	va_end(ap);
	return st;
}
