/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/file.h"

#include <stdio.h>

enum status file_read(struct ctx *cx, struct bytes *out, const char *path, size_t bytes_max)
{
	bool is_stdin = strcmp(path, "-") == 0;
	FILE *f = is_stdin ? stdin : fopen(path, "re");
	if (!f)
		return fail(cx, ST_NOT_FOUND, "%.200s cannot be opened: %m", path);
	uint8_t *p = arena_alloc(cx->arena, bytes_max + 2);
	size_t n = fread(p, 1, bytes_max + 1, f);
	bool broken = ferror(f);
	if (!is_stdin)
		fclose(f);
	if (broken)
		return fail(cx, ST_PRECONDITION, "%.200s cannot be read", path);
	if (n > bytes_max)
		return fail(cx, ST_TOO_LARGE, "%.200s is longer than %zu bytes", path, bytes_max);
	*out = bytes_of(p, n);
	return ST_OK;
}

enum status file_write(struct ctx *cx, const char *path, struct bytes text)
{
	bool is_stdout = !path || strcmp(path, "-") == 0;
	FILE *f = is_stdout ? stdout : fopen(path, "we");
	if (!f)
		return fail(cx, ST_PRECONDITION, "%.200s cannot be written: %m", path);
	bool ok = fwrite(text.p, 1, text.n, f) == text.n;
	ok &= (is_stdout ? fflush(f) : fclose(f)) == 0;
	if (ok)
		return ST_OK;
	return fail(cx, ST_PRECONDITION, "%.200s cannot be written", is_stdout ? "the output" : path);
}
