/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/cursor.h"

#include <assert.h>

enum status cursor_read(struct ctx *cx, struct db *db, int64_t eid, struct cursor_block *at)
{
	struct rows r;
	TRY(db_exec(cx, db, SQL_CURSOR_READ, &r, p_i64(eid)));
	if (r.count == 0)
		return fail(cx, ST_NOT_FOUND, "chain %lld was never looked at", (long long)eid);
	at->number = row_i64(&r, 0, "number");
	at->time_s = row_i64(&r, 0, "time_s");
	row_hash(&r, 0, "hash", &at->hash);
	return ST_OK;
}

enum status cursor_advance(struct ctx *cx, struct db *db, int64_t eid,
			   const struct cursor_block *blocks, size_t n, int64_t head)
{
	assert(n > 0);
	int64_t *numbers = arena_array(cx->arena, n, sizeof *numbers);
	struct bytes *hashes = arena_array(cx->arena, n, sizeof *hashes);
	int64_t *times = arena_array(cx->arena, n, sizeof *times);
	for (size_t i = 0; i < n; i++) {
		numbers[i] = blocks[i].number;
		hashes[i] = bytes_of(blocks[i].hash.b, 32);
		times[i] = blocks[i].time_s;
	}
	const struct cursor_block *last = &blocks[n - 1];
	TRY(db_exec(cx, db, SQL_CURSOR_BLOCKS, NULL, p_i64(eid), p_i64s(numbers, n),
		    p_bytess(hashes, n), p_i64s(times, n)));
	if ((blocks[0].number - 1) / 64 != last->number / 64) /* once in a while */
		TRY(db_exec(cx, db, SQL_CURSOR_PRUNE, NULL, p_i64(eid),
			    p_i64(last->number - CURSOR_BLOCKS_KEPT)));
	return db_exec(cx, db, SQL_CURSOR_MOVE, NULL, p_i64(eid), p_i64(last->number),
		       p_blob(last->hash.b, 32), p_i64(head), p_i64(last->time_s));
}

enum status cursor_block_hash(struct ctx *cx, struct db *db, int64_t eid, int64_t number,
			      struct hash *out)
{
	struct rows r;
	TRY(db_exec(cx, db, SQL_CURSOR_BLOCK_HASH, &r, p_i64(eid), p_i64(number)));
	if (r.count == 0)
		return fail(cx, ST_NOT_FOUND, "block %lld is not kept any more", (long long)number);
	row_hash(&r, 0, "hash", out);
	return ST_OK;
}

enum status cursor_block_time(struct ctx *cx, struct db *db, int64_t eid, int64_t number,
			      int64_t *time_s)
{
	struct rows r;
	TRY(db_exec(cx, db, SQL_CURSOR_BLOCK_TIME, &r, p_i64(eid), p_i64(number)));
	*time_s = r.count ? row_i64(&r, 0, "time_s") : 0;
	return ST_OK;
}

enum status cursor_rewind(struct ctx *cx, struct db *db, int64_t eid, const struct cursor_block *to)
{
	TRY(db_exec(cx, db, SQL_CURSOR_FORGET, NULL, p_i64(eid), p_i64(to->number)));
	return db_exec(cx, db, SQL_CURSOR_REWIND, NULL, p_i64(eid), p_i64(to->number),
		       p_blob(to->hash.b, 32));
}

enum status cursor_problem(struct ctx *cx, struct db *db, int64_t eid, int64_t reason,
			   const char *detail)
{
	return db_exec(cx, db, SQL_CURSOR_PROBLEM, NULL, p_i64(eid), p_i64(reason), p_text(detail));
}
