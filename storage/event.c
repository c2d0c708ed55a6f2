/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/event.h"

#include <assert.h>

#include "storage/time.h"

static enum message_state event_state(const struct rows *r, int i, const char *column)
{
	const char *name = row_text(r, i, column);
	return name ? state_of_name(name) : STATE_COUNT;
}

static void event_read(const struct rows *r, int i, struct event *e)
{
	e->ref.app_id = row_i64(r, i, "app_id");
	e->ref.id = row_uuid(r, i, "message_id");
	e->seq = row_i64(r, i, "seq");
	e->at.id = row_i64(r, i, "id");
	e->at.xid = row_i64(r, i, "xid");
	e->type = row_text(r, i, "type");
	e->from = event_state(r, i, "from_state");
	e->to = event_state(r, i, "to_state");
	e->time_us = row_time_us(r, i, "at");
	e->chain_eid = row_i64(r, i, "chain_eid");
	e->tx_hash = row_bytes(r, i, "tx_hash");
	e->block_number = row_i64(r, i, "block_number");
	e->block_hash = row_bytes(r, i, "block_hash");
	e->log_index = row_i64(r, i, "log_index");
	e->gas_used = row_i64(r, i, "gas_used");
	e->fee = row_text(r, i, "fee");
	e->attempt = row_i64(r, i, "attempt");
	e->reason = row_text(r, i, "reason");
	e->is_of_identity = !row_is_null(r, i, "identity_id");
	if (e->is_of_identity)
		e->identity = row_uuid(r, i, "identity_id");
}

void event_rows(struct ctx *cx, const struct rows *r, struct event **out, size_t *n)
{
	*n = (size_t)r->count;
	*out = arena_array(cx->arena, *n, sizeof **out);
	for (int i = 0; i < r->count; i++)
		event_read(r, i, &(*out)[i]);
}

enum status event_list(struct ctx *cx, struct db *db, struct event **out, size_t *n,
		       const struct message_ref *ref, int64_t after_seq, size_t limit)
{
	struct rows rows;
	TRY(db_exec(cx, db, SQL_EVENT_LIST, &rows, p_i64(ref->app_id), p_uuid(&ref->id),
		    p_i64(after_seq), p_i64((int64_t)limit)));
	event_rows(cx, &rows, out, n);
	return ST_OK;
}

enum status event_feed(struct ctx *cx, struct db *db, struct event **out, size_t *n,
		       int64_t app_id, struct event_position after, size_t limit)
{
	struct rows rows;
	TRY(db_exec(cx, db, SQL_EVENT_FEED, &rows, p_i64(app_id), p_i64(after.xid),
		    p_i64(after.id), p_i64((int64_t)limit)));
	event_rows(cx, &rows, out, n);
	return ST_OK;
}

enum status event_now(struct ctx *cx, struct db *db, struct event_position *now,
		      struct event_position *end)
{
	struct rows rows;
	TRY(db_exec0(cx, db, SQL_EVENT_NOW, &rows));
	*now = (struct event_position){row_i64(&rows, 0, "xmin"), 0};
	*end = (struct event_position){row_i64(&rows, 0, "xmax"), 0};
	return ST_OK;
}

enum status event_follow(struct ctx *cx, struct db *db, struct event **out, size_t *n,
			 const struct event_follow *apps, size_t apps_n, size_t limit)
{
	int64_t *app = arena_array(cx->arena, apps_n, sizeof *app);
	int64_t *xid = arena_array(cx->arena, apps_n, sizeof *xid);
	int64_t *id = arena_array(cx->arena, apps_n, sizeof *id);
	for (size_t i = 0; i < apps_n; i++) {
		app[i] = apps[i].app_id;
		xid[i] = apps[i].after.xid;
		id[i] = apps[i].after.id;
	}
	struct rows rows;
	TRY(db_exec(cx, db, SQL_EVENT_FOLLOW, &rows, p_i64s(app, apps_n), p_i64s(xid, apps_n),
		    p_i64s(id, apps_n), p_i64((int64_t)limit)));
	event_rows(cx, &rows, out, n);
	return ST_OK;
}

enum status event_catch_up(struct ctx *cx, struct db *db, struct event_catch_up *asks, size_t n,
			   size_t limit)
{
	int64_t *app = arena_array(cx->arena, n, sizeof *app);
	int64_t *seq = arena_array(cx->arena, n, sizeof *seq);
	struct uuid *id = arena_array(cx->arena, n, sizeof *id);
	for (size_t i = 0; i < n; i++) {
		app[i] = asks[i].ref.app_id;
		id[i] = asks[i].ref.id;
		seq[i] = asks[i].after_seq;
		asks[i].found = false;
		asks[i].events_n = 0;
	}
	struct rows rows;
	TRY(db_exec(cx, db, SQL_EVENT_CATCH_UP, &rows, p_i64s(app, n), p_uuids(id, n),
		    p_i64s(seq, n), p_i64((int64_t)limit)));
	struct event *events = arena_array(cx->arena, (size_t)rows.count, sizeof *events);
	for (int i = 0; i < rows.count; i++) {
		struct event_catch_up *ask = &asks[row_i64(&rows, i, "index")];
		if (!ask->found) {
			ask->found = true;
			ask->version = row_i64(&rows, i, "version");
			ask->is_final = message_is_final(state_of_name(row_text(&rows, i, "state")),
							 row_bool(&rows, i, "dst_final"));
			ask->events = &events[i];
		}
		if (row_is_null(&rows, i, "seq"))
			continue;
		event_read(&rows, i, &ask->events[ask->events_n++]);
	}
	return ST_OK;
}
