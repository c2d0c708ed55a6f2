/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/operation.h"

#include <assert.h>

static void operation_load(struct operation *o, const struct rows *r, int i)
{
	o->app_id = row_i64(r, i, "app_id");
	o->id = row_uuid(r, i, "id");
	o->num = row_i64(r, i, "num");
	o->kind = row_i64(r, i, "kind");
	o->version = row_i64(r, i, "version");
	o->dst_eid = row_i64(r, i, "dst_eid");
	o->eager = row_bool(r, i, "eager");
	o->home_chain_id = row_i64(r, i, "home_chain_id");
	row_addr(r, i, "first_owner", &o->first_owner);
	row_hash(r, i, "salt", &o->salt);
	row_addr(r, i, "owner", &o->owner);
	row_addr(r, i, "account", &o->account);
	row_addr(r, i, "recovery", &o->recovery);
	row_hash(r, i, "data_hash", &o->data_hash);
	o->deadline = row_i64(r, i, "deadline");
	o->signature = row_bytes(r, i, "signature");
	o->consent = row_bytes(r, i, "consent");
	o->attempts = row_i64(r, i, "attempts");
	o->age_ms = row_i64(r, i, "age_ms");
	o->has_earlier = row_bool(r, i, "has_earlier");
}

enum status operation_waiting(struct ctx *cx, struct db *db, struct operation **out, size_t *n, int64_t src_eid,
			      const char *ceiling, size_t max)
{
	struct rows r;
	TRY(db_exec(cx, db, SQL_OPERATION_WAITING, &r, p_i64(src_eid), p_text(ceiling), p_i64((int64_t)max)));
	*n = (size_t)r.count;
	*out = arena_array(cx->arena, *n ? *n : 1, sizeof **out);
	for (int i = 0; i < r.count; i++)
		operation_load(&(*out)[i], &r, i);
	return ST_OK;
}

enum status operation_set_aside(struct ctx *cx, struct db *db, const struct operation_aside *v, size_t n)
{
	int64_t *apps = arena_array(cx->arena, n, sizeof *apps), *wait = arena_array(cx->arena, n, sizeof *wait);
	struct uuid *ids = arena_array(cx->arena, n, sizeof *ids);
	const char **states = arena_array(cx->arena, n, sizeof *states);
	const char **reasons = arena_array(cx->arena, n, sizeof *reasons);
	for (size_t i = 0; i < n; i++) {
		apps[i] = v[i].app_id;
		ids[i] = v[i].id;
		states[i] = v[i].state ? v[i].state : "";
		reasons[i] = v[i].reason;
		wait[i] = v[i].wait_ms;
	}
	return db_exec(cx, db, SQL_OPERATION_SET_ASIDE, NULL, p_i64s(apps, n), p_uuids(ids, n), p_texts(states, n),
		       p_texts(reasons, n), p_i64s(wait, n));
}

static enum status operation_message_insert(struct ctx *cx, struct db *db, const struct operation_message *m)
{
	return db_exec(cx, db, SQL_OPERATION_MESSAGE, NULL, p_uuid(&m->id), p_i64(m->src_eid), p_i64(m->dst_eid),
		       p_blob(m->registry.b, 20), p_blob(m->receiver.b, 32), p_bytes(m->calldata),
		       p_i64(m->source_gas), p_i64(m->gas_limit), p_blob(m->request_id.b, 32));
}

enum status operation_batch(struct ctx *cx, struct db *db, const struct operation_message *m,
			    const struct operation *ops, size_t n)
{
	struct rows r;
	int64_t *apps = arena_array(cx->arena, n, sizeof *apps);
	struct uuid *ids = arena_array(cx->arena, n, sizeof *ids);
	for (size_t i = 0; i < n; i++) {
		apps[i] = ops[i].app_id;
		ids[i] = ops[i].id;
	}
	TRY(operation_message_insert(cx, db, m));
	TRY(db_exec(cx, db, SQL_OPERATION_JOIN, &r, p_uuid(&m->id), p_i64s(apps, n), p_uuids(ids, n)));
	if ((size_t)r.count != n)
		return fail(cx, ST_BUSY, "%zu of %zu operations do not wait for a batch any more",
			    n - (size_t)r.count, n);
	return db_exec(cx, db, SQL_OPERATION_SYNC, NULL, p_uuid(&m->id));
}

enum status operation_is_batching(struct ctx *cx, struct db *db, bool *out, int64_t src_eid)
{
	struct rows r;
	TRY(db_exec(cx, db, SQL_OPERATION_IS_BATCHING, &r, p_i64(src_eid)));
	*out = row_bool(&r, 0, "yes");
	return ST_OK;
}

enum status operation_batch_seen(struct ctx *cx, struct db *db, const struct hash *guid, const struct hash *tx_hash,
				 int64_t number, const struct hash *prev_root, const struct hash *root,
				 const struct operation_leaf *leaves, size_t n)
{
	struct rows r;
	struct bytes *column[3];
	int64_t *version = arena_array(cx->arena, n ? n : 1, sizeof *version);
	for (int c = 0; c < 3; c++)
		column[c] = arena_array(cx->arena, n ? n : 1, sizeof *column[c]);
	for (size_t i = 0; i < n; i++) {
		column[0][i] = bytes_of(leaves[i].subject.b, 32);
		column[1][i] = bytes_of(leaves[i].owner.b, 20);
		column[2][i] = bytes_of(leaves[i].data_hash.b, 32);
		version[i] = leaves[i].version;
	}
	TRY(db_exec(cx, db, SQL_OPERATION_BATCH_INSERT, &r, p_blob(guid->b, 32), p_blob(tx_hash->b, 32),
		    p_i64(number), p_blob(prev_root->b, 32), p_blob(root->b, 32), p_i64((int64_t)n)));
	if (r.count == 0)
		return ST_OK;
	struct uuid id = row_uuid(&r, 0, "id");
	TRY(db_exec(cx, db, SQL_OPERATION_LEAVES, NULL, p_uuid(&id), p_bytess(column[0], n), p_bytess(column[1], n),
		    p_bytess(column[2], n), p_i64s(version, n)));
	TRY(db_exec(cx, db, SQL_OPERATION_ADOPT, NULL, p_uuid(&id)));
	return db_exec(cx, db, SQL_OPERATION_SYNC, NULL, p_uuid(&id));
}

enum status operation_skipped(struct ctx *cx, struct db *db, const struct hash *request_id, int64_t place,
			      const char *why)
{
	return db_exec(cx, db, SQL_OPERATION_SKIPPED, NULL, p_blob(request_id->b, 32), p_i64(place), p_text(why));
}

enum status operation_batch_accepted(struct ctx *cx, struct db *db, int64_t src_eid, int64_t number,
				     const int64_t *index, const int64_t *reason, size_t n)
{
	return db_exec(cx, db, SQL_OPERATION_BATCH_ACCEPTED, NULL, p_i64(src_eid), p_i64(number), p_i64s(index, n),
		       p_i64s(reason, n));
}

enum status operation_unanswered(struct ctx *cx, struct db *db, struct operation_unanswered *out, int64_t src_eid,
				 int64_t max)
{
	struct rows r;
	TRY(db_exec(cx, db, SQL_OPERATION_UNANSWERED, &r, p_i64(src_eid), p_i64(max)));
	out->up_to = row_i64(&r, 0, "up_to");
	out->count = row_i64(&r, 0, "count");
	out->rejected = row_i64(&r, 0, "rejected");
	return ST_OK;
}

enum status operation_answer(struct ctx *cx, struct db *db, const struct operation_message *m, int64_t proxy_eid,
			     int64_t up_to)
{
	TRY(operation_message_insert(cx, db, m));
	return db_exec(cx, db, SQL_OPERATION_ANSWERED, NULL, p_i64(proxy_eid), p_i64(up_to), p_uuid(&m->id));
}
