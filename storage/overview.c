/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/overview.h"

#include "storage/time.h"

enum status overview_cursors(struct ctx *cx, struct db *db, struct overview_cursor **out,
			     size_t *n)
{
	struct rows r;
	TRY(db_exec0(cx, db, SQL_OVERVIEW_CURSORS, &r));
	*n = (size_t)r.count;
	*out = arena_array(cx->arena, *n, sizeof **out);
	for (int i = 0; i < r.count; i++)
		(*out)[i] = (struct overview_cursor){
			.eid = row_i64(&r, i, "eid"),
			.number = row_i64(&r, i, "number"),
			.block_time_us = row_time_us(&r, i, "block_time"),
			.updated_us = row_time_us(&r, i, "updated_at"),
			.problem = row_i64(&r, i, "problem"),
			.detail = row_text(&r, i, "detail"),
		};
	return ST_OK;
}

enum status overview_lanes(struct ctx *cx, struct db *db, struct overview_lane **out, size_t *n)
{
	struct rows r;
	TRY(db_exec0(cx, db, SQL_OVERVIEW_LANES, &r));
	*n = (size_t)r.count;
	*out = arena_array(cx->arena, *n, sizeof **out);
	for (int i = 0; i < r.count; i++)
		(*out)[i] = (struct overview_lane){
			.eid = row_i64(&r, i, "eid"),
			.role = row_text(&r, i, "role"),
			.halted = row_i64(&r, i, "halted"),
			.detail = row_text(&r, i, "detail"),
			.since_us = row_time_us(&r, i, "since"),
			.is_driven = row_bool(&r, i, "is_driven"),
		};
	return ST_OK;
}

enum status overview_leases(struct ctx *cx, struct db *db, struct overview_lease **out, size_t *n)
{
	struct rows r;
	TRY(db_exec0(cx, db, SQL_OVERVIEW_LEASES, &r));
	*n = (size_t)r.count;
	*out = arena_array(cx->arena, *n, sizeof **out);
	for (int i = 0; i < r.count; i++)
		(*out)[i].name = row_text(&r, i, "name");
	return ST_OK;
}

enum status overview_backlogs(struct ctx *cx, struct db *db, struct overview_backlog **out,
			      size_t *n)
{
	struct rows r;
	TRY(db_exec0(cx, db, SQL_OVERVIEW_BACKLOGS, &r));
	*n = (size_t)r.count;
	*out = arena_array(cx->arena, *n, sizeof **out);
	for (int i = 0; i < r.count; i++)
		(*out)[i] = (struct overview_backlog){
			.src_eid = row_i64(&r, i, "src_eid"),
			.dst_eid = row_i64(&r, i, "dst_eid"),
			.count = row_i64(&r, i, "count"),
			.oldest_us = row_time_us(&r, i, "oldest"),
		};
	return ST_OK;
}

enum status overview_latencies(struct ctx *cx, struct db *db, struct overview_latency **out,
			       size_t *n)
{
	struct rows r;
	TRY(db_exec0(cx, db, SQL_OVERVIEW_LATENCIES, &r));
	*n = (size_t)r.count;
	*out = arena_array(cx->arena, *n, sizeof **out);
	for (int i = 0; i < r.count; i++)
		(*out)[i] = (struct overview_latency){
			.src_eid = row_i64(&r, i, "src_eid"),
			.dst_eid = row_i64(&r, i, "dst_eid"),
			.stage = row_text(&r, i, "stage"),
			.count = row_i64(&r, i, "count"),
			.verify_required = row_i64(&r, i, "verify_required"),
			.p50 = row_f64(&r, i, "p50"),
			.p90 = row_f64(&r, i, "p90"),
			.p99 = row_f64(&r, i, "p99"),
		};
	return ST_OK;
}
