/* SPDX-License-Identifier: Apache-2.0
 *
 * Columns of a result, by name, from PostgreSQL's binary format. libpq's other home.
 */
#include "storage/db.h"

#include <assert.h>
#include <endian.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int row_find(const struct rows *r, const char *column)
{
	int at = PQfnumber(r->res, column);
	if (at < 0) {
		fprintf(stderr, "row: no column %s\n", column);
		abort();
	}
	return at;
}

/* Names are literals: the place of one in memory finds its column again without comparing letters.
 * Columns are mostly read in their order, so the next one is tried before libpq searches. */
static int row_column(const struct rows *r, int row, const char *column)
{
	assert(row >= 0 && row < r->count);
	uint64_t hash = (uint64_t)(uintptr_t)column * UINT64_C(0x9e3779b97f4a7c15);
	struct row_memo *memo = &r->memo->of[hash >> (64 - ROW_MEMO_BITS)];
	if (memo->name != column) {
		int next = r->memo->last + 1;
		bool is_next = next < PQnfields(r->res) && strcmp(PQfname(r->res, next), column) == 0;
		*memo = (struct row_memo){column, is_next ? next : row_find(r, column)};
	}
	r->memo->last = memo->column;
	return memo->column;
}

static struct bytes row_raw(const struct rows *r, int row, const char *column, bool *null)
{
	int at = row_column(r, row, column);
	*null = PQgetisnull(r->res, row, at);
	if (*null)
		return (struct bytes){NULL, 0};
	return bytes_of(PQgetvalue(r->res, row, at), (size_t)PQgetlength(r->res, row, at));
}

static int64_t be_i64(struct bytes b)
{
	assert(b.n == 1 || b.n == 2 || b.n == 4 || b.n == 8);
	uint64_t v = b.p[0] & 0x80 && b.n < 8 ? UINT64_MAX : 0; /* sign */
	for (size_t i = 0; i < b.n; i++)
		v = v << 8 | b.p[i];
	return (int64_t)v;
}

bool row_is_null(const struct rows *r, int row, const char *column)
{
	return PQgetisnull(r->res, row, row_column(r, row, column));
}

int64_t row_i64(const struct rows *r, int row, const char *column)
{
	bool null;
	struct bytes b = row_raw(r, row, column, &null);
	return null ? 0 : be_i64(b);
}

bool row_bool(const struct rows *r, int row, const char *column)
{
	bool null;
	struct bytes b = row_raw(r, row, column, &null);
	assert(null || b.n == 1);
	return !null && b.p[0];
}

const char *row_text(const struct rows *r, int row, const char *column)
{
	bool null;
	struct bytes b = row_raw(r, row, column, &null);
	return null ? NULL : (const char *)b.p; /* libpq ends every value with NUL */
}

struct bytes row_bytes(const struct rows *r, int row, const char *column)
{
	bool null;
	return row_raw(r, row, column, &null);
}

struct uuid row_uuid(const struct rows *r, int row, const char *column)
{
	bool null;
	struct bytes b = row_raw(r, row, column, &null);
	struct uuid u = {{0}};
	assert(null || b.n == 16);
	if (!null)
		memcpy(u.b, b.p, 16);
	return u;
}

bool row_hash(const struct rows *r, int row, const char *column, struct hash *out)
{
	struct bytes b = row_bytes(r, row, column);
	if (b.n != sizeof out->b)
		return false;
	memcpy(out->b, b.p, sizeof out->b);
	return true;
}

bool row_addr(const struct rows *r, int row, const char *column, struct addr *out)
{
	struct bytes b = row_bytes(r, row, column);
	if (b.n != sizeof out->b)
		return false;
	memcpy(out->b, b.p, sizeof out->b);
	return true;
}

double row_f64(const struct rows *r, int row, const char *column)
{
	bool null;
	struct bytes b = row_raw(r, row, column, &null);
	if (null)
		return 0;
	assert(b.n == 8);
	uint64_t bits = (uint64_t)be_i64(b);
	double v;
	memcpy(&v, &bits, 8);
	return v;
}

/* Walks array_send's format: dimensions, flags, element type, length, lower bound, members. */
static struct bytes *row_members(struct ctx *cx, const struct rows *r, int row, const char *column,
				 size_t *n)
{
	*n = 0;
	bool null;
	struct bytes b = row_raw(r, row, column, &null);
	if (null || b.n < 20)
		return NULL;
	size_t count = (size_t)be_i64(bytes_of(b.p + 12, 4));
	struct bytes *out = arena_array(cx->arena, count, sizeof *out);
	size_t at = 20;
	for (size_t i = 0; i < count; i++) {
		assert(at + 4 <= b.n);
		int64_t len = be_i64(bytes_of(b.p + at, 4));
		at += 4;
		if (len < 0)
			continue;
		assert(at + (size_t)len <= b.n);
		out[i] = bytes_of(b.p + at, (size_t)len);
		at += (size_t)len;
	}
	*n = count;
	return out;
}

struct bytes *row_bytes_array(struct ctx *cx, const struct rows *r, int row, const char *column,
			      size_t *n)
{
	return row_members(cx, r, row, column, n);
}

struct uuid *row_uuid_array(struct ctx *cx, const struct rows *r, int row, const char *column,
			    size_t *n)
{
	struct bytes *members = row_members(cx, r, row, column, n);
	struct uuid *out = arena_array(cx->arena, *n, sizeof *out);
	for (size_t i = 0; i < *n; i++) {
		assert(members[i].n == 16);
		memcpy(out[i].b, members[i].p, 16);
	}
	return out;
}

int64_t *row_i64_array(struct ctx *cx, const struct rows *r, int row, const char *column, size_t *n)
{
	struct bytes *members = row_members(cx, r, row, column, n);
	int64_t *out = arena_array(cx->arena, *n, sizeof *out);
	for (size_t i = 0; i < *n; i++)
		out[i] = be_i64(members[i]);
	return out;
}
