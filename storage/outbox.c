/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/outbox.h"

#include <assert.h>

#include "base/clock.h"

/* Loading ----------------------------------------------------------------------------------------- */

static void load_place(struct outbox_place *p, const struct rows *r, int i, const char *tx,
		       const char *block, const char *hash, const char *log)
{
	memset(p, 0, sizeof *p);
	row_hash(r, i, tx, &p->tx_hash);
	p->block = row_i64(r, i, block);
	row_hash(r, i, hash, &p->block_hash);
	p->log_index = row_i64(r, i, log);
}

static void load_facts(struct outbox_item *it, const struct rows *r, int i)
{
	it->app_id = row_i64(r, i, "app_id");
	it->id = row_uuid(r, i, "id");
	it->num = row_i64(r, i, "num");
	it->kind = row_i64(r, i, "kind");
	it->execution = row_i64(r, i, "execution");
	it->src_eid = row_i64(r, i, "src_eid");
	it->dst_eid = row_i64(r, i, "dst_eid");
	row_hash(r, i, "receiver", &it->receiver);
	it->payload = row_bytes(r, i, "payload");
	it->gas_limit = row_i64(r, i, "gas_limit");
	it->value = row_text(r, i, "value");
	row_hash(r, i, "ordering_key", &it->ordering_key);
	it->is_signed = row_bool(r, i, "is_signed");
	row_addr(r, i, "author", &it->author);
	it->author_nonce = row_text(r, i, "author_nonce");
	it->deadline = row_text(r, i, "deadline");
	it->signature = row_bytes(r, i, "signature");
	row_hash(r, i, "request_id", &it->request_id);
	row_hash(r, i, "chain_app_id", &it->chain_app_id);
	row_addr(r, i, "messenger", &it->messenger);
	it->source_gas = row_i64(r, i, "source_gas");
}

static void load_place_now(struct outbox_item *it, const struct rows *r, int i)
{
	it->version = row_i64(r, i, "version");
	it->state = it->state_loaded = state_of_name(row_text(r, i, "state"));
	row_addr(r, i, "submitter", &it->submitter);
	it->has_guid = row_hash(r, i, "guid", &it->guid);
	it->nonce = row_i64(r, i, "nonce");
	it->packet = row_bytes(r, i, "packet");
	load_place(&it->src, r, i, "src_tx", "src_block", "src_block_hash", "src_log_index");
	load_place(&it->dst, r, i, "dst_tx", "dst_block", "dst_block_hash", "dst_log_index");
	it->src_final = row_bool(r, i, "src_final");
	it->dst_final = row_bool(r, i, "dst_final");
	it->verify_required = row_i64(r, i, "verify_required");
	it->verify_have = row_i64(r, i, "verify_have");
	it->reason = row_i64(r, i, "reason");
	it->evidence = row_text(r, i, "evidence");
	it->attempts = row_i64(r, i, "attempts");
	it->retry_gas = row_i64(r, i, "retry_gas");
	it->act = row_text(r, i, "act");
	it->out_eid = row_i64(r, i, "out_eid");
	it->out_num = row_i64(r, i, "out_num");
	it->out_block = row_i64(r, i, "out_block");
	it->due_us = row_i64(r, i, "due_us");
	it->is_carried = row_addr(r, i, "signer", &it->signer);
	it->tx_nonce = row_i64(r, i, "tx_nonce");
	it->skip = (enum outbox_skip)row_i64(r, i, "skip");
	it->tries = row_i64(r, i, "tries");
	it->is_open = !row_is_null(r, i, "out_eid");
}

static void load_rows(struct ctx *cx, const struct rows *r, struct outbox_item **items, size_t *n)
{
	*n = (size_t)r->count;
	*items = arena_array(cx->arena, *n, sizeof **items);
	for (int i = 0; i < r->count; i++) {
		(*items)[i].arena = cx->arena;
		load_facts(&(*items)[i], r, i);
		load_place_now(&(*items)[i], r, i);
	}
}

static void load_names(struct ctx *cx, const struct rows *r, struct outbox_names *out)
{
	out->n = (size_t)r->count;
	out->apps = arena_array(cx->arena, out->n, sizeof *out->apps);
	out->ids = arena_array(cx->arena, out->n, sizeof *out->ids);
	for (int i = 0; i < r->count; i++) {
		out->apps[i] = row_i64(r, i, "app_id");
		out->ids[i] = row_uuid(r, i, "id");
	}
}

/* Reads again what a locking statement has locked: only now is it sure to be the newest. */
static enum status load_locked(struct ctx *cx, struct db *db, struct outbox_item **items, size_t *n,
			       const struct rows *locked)
{
	struct outbox_names names;
	struct rows rows;
	*n = 0;
	*items = NULL;
	if (locked->count == 0)
		return ST_OK;
	load_names(cx, locked, &names);
	TRY(db_exec(cx, db, SQL_OUTBOX_LOAD, &rows, p_i64s(names.apps, names.n),
		    p_uuids(names.ids, names.n)));
	load_rows(cx, &rows, items, n);
	return ST_OK;
}

enum status outbox_due(struct ctx *cx, struct db *db, struct outbox_item **items, size_t *n,
		       int64_t eid, enum outbox_stage stage, size_t max)
{
	struct rows rows;
	TRY(db_exec(cx, db, SQL_OUTBOX_DUE, &rows, p_i64(eid), p_i64(stage), p_i64((int64_t)max)));
	load_rows(cx, &rows, items, n);
	return ST_OK;
}

enum status outbox_by_id(struct ctx *cx, struct db *db, struct outbox_item **items, size_t *n,
			 const int64_t *apps, const struct uuid *ids, size_t ids_n)
{
	struct rows rows;
	TRY(db_exec(cx, db, SQL_OUTBOX_LOCK, &rows, p_i64s(apps, ids_n), p_uuids(ids, ids_n)));
	return load_locked(cx, db, items, n, &rows);
}

enum status outbox_names_by_keys(struct ctx *cx, struct db *db, struct outbox_names *out,
				 const struct bytes *request_ids, size_t request_ids_n,
				 const struct bytes *guids, size_t guids_n)
{
	struct rows rows;
	TRY(db_exec(cx, db, SQL_OUTBOX_NAMES_BY_KEYS, &rows, p_bytess(request_ids, request_ids_n),
		    p_bytess(guids, guids_n)));
	load_names(cx, &rows, out);
	return ST_OK;
}

enum status outbox_names_tracked(struct ctx *cx, struct db *db, struct outbox_names *out,
				 const int64_t *apps, const struct uuid *ids, size_t n)
{
	struct rows rows;
	TRY(db_exec(cx, db, SQL_OUTBOX_NAMES_TRACKED, &rows, p_i64s(apps, n), p_uuids(ids, n)));
	load_names(cx, &rows, out);
	return ST_OK;
}

enum status outbox_final(struct ctx *cx, struct db *db, struct outbox_item **items, size_t *n,
			 int64_t eid, enum outbox_stage stage, int64_t block, size_t max)
{
	struct rows rows;
	TRY(db_exec(cx, db, SQL_OUTBOX_LOCK_FINAL, &rows, p_i64(eid), p_i64(stage), p_i64(block),
		    p_i64((int64_t)max)));
	TRY(load_locked(cx, db, items, n, &rows));
	/* What another chain's observer moved on while this one waited for the lock is not at that stage any more. */
	size_t kept = 0;
	for (size_t i = 0; i < *n; i++) {
		const struct outbox_item *it = &(*items)[i];
		if (it->is_open && state_stage(it->state) == stage && it->out_eid == eid && it->out_block <= block)
			(*items)[kept++] = *it;
	}
	*n = kept;
	return ST_OK;
}

enum status outbox_above(struct ctx *cx, struct db *db, struct outbox_item **items, size_t *n,
			 enum message_state **before, int64_t eid, int64_t block)
{
	struct rows rows;
	TRY(db_exec(cx, db, SQL_OUTBOX_LOCK_ABOVE, &rows, p_i64(eid), p_i64(block)));
	TRY(load_locked(cx, db, items, n, &rows));
	*before = arena_array(cx->arena, *n, sizeof **before);
	int64_t *apps = arena_array(cx->arena, *n, sizeof *apps);
	struct uuid *ids = arena_array(cx->arena, *n, sizeof *ids);
	for (size_t i = 0; i < *n; i++) {
		apps[i] = (*items)[i].app_id;
		ids[i] = (*items)[i].id;
		(*before)[i] = (*items)[i].state;
	}
	TRY(db_exec(cx, db, SQL_OUTBOX_BEFORE, &rows, p_i64s(apps, *n), p_uuids(ids, *n), p_i64(eid),
		    p_i64(block)));
	for (int r = 0; r < rows.count; r++) {
		struct uuid id = row_uuid(&rows, r, "id");
		for (size_t i = 0; i < *n; i++)
			if (memcmp(ids[i].b, id.b, 16) == 0 && apps[i] == row_i64(&rows, r, "app_id"))
				(*before)[i] = state_of_name(row_text(&rows, r, "before"));
	}
	return ST_OK;
}

/* Changes ----------------------------------------------------------------------------------------- */

struct outbox_event *outbox_note(struct outbox_item *item, const char *type)
{
	assert(item->events_n < OUTBOX_EVENTS_MAX);
	item->changed = true;
	if (item->events_n == item->events_room) {
		size_t room = item->events_room ? 2 * item->events_room : 4;
		struct outbox_event *grown = arena_array(item->arena, room, sizeof *grown);
		if (item->events_n)
			memcpy(grown, item->events, item->events_n * sizeof *grown);
		item->events = grown;
		item->events_room = room;
	}
	struct outbox_event *e = &item->events[item->events_n++];
	*e = (struct outbox_event){.type = type, .from = STATE_COUNT, .to = STATE_COUNT};
	return e;
}

/* The outbox row's part of a move: who must do what next. */
static void outbox_follow(struct outbox_item *item)
{
	enum outbox_stage stage = state_stage(item->state);
	bool on_source = stage == STAGE_SUBMIT || stage == STAGE_TRACK || stage == STAGE_FINALITY;
	item->out_eid = on_source ? item->src_eid : item->dst_eid;
	item->out_num = stage >= STAGE_ATTEST ? item->nonce : item->num;
	item->out_block = stage == STAGE_FINALITY ? item->src.block :
			  stage == STAGE_CONFIRM  ? item->dst.block :
						    0;
	item->due_us = 0;
	/* A transaction that verifies and executes goes on carrying the message through both. */
	bool same_errand = stage == STAGE_EXECUTE && item->is_carried;
	if (!same_errand)
		item->is_carried = false;
	item->skip = OUTBOX_SKIP_NONE;
	item->tries = 0;
}

struct outbox_event *outbox_move(struct outbox_item *item, enum message_state to)
{
	assert(state_can_move(item->state, to));
	struct outbox_event *e = outbox_note(item, state_name(to));
	e->from = item->state;
	e->to = to;
	item->state = to;
	item->reason = 0;
	item->evidence = NULL;
	outbox_follow(item);
	return e;
}

void outbox_move_along(struct outbox_item *item, enum message_state to, int64_t chain_eid,
		       const struct outbox_place *place, const char *reason)
{
	enum message_state path[STATE_COUNT];
	size_t n = state_path(item->state, to, path);
	assert(n > 0);
	for (size_t i = 1; i < n; i++) {
		struct outbox_event *e = outbox_move(item, path[i]);
		e->chain_eid = chain_eid;
		if (place)
			e->place = *place;
		e->reason = reason;
	}
}

void outbox_touch(struct outbox_item *item)
{
	item->changed = true;
}

/* Saving ------------------------------------------------------------------------------------------ */

/* The states an item passed through, for the database to check; "" when it stayed. */
static const char *path_text(struct ctx *cx, const struct outbox_item *it)
{
	struct buf b;
	buf_init(&b, cx->arena, 64 * OUTBOX_EVENTS_MAX);
	for (size_t i = 0; i < it->events_n; i++) {
		const struct outbox_event *e = &it->events[i];
		if (e->to == STATE_COUNT)
			continue;
		if (b.n == 0)
			buf_puts(&b, state_name(e->from));
		buf_printf(&b, ",%s", state_name(e->to));
	}
	return buf_text(&b);
}

static struct bytes hash_or_null(const struct hash *h, bool present)
{
	return present ? bytes_of(h->b, 32) : bytes_of(NULL, 0);
}

static struct bytes addr_or_null(const struct addr *a, bool present)
{
	return present ? bytes_of(a->b, 20) : bytes_of(NULL, 0);
}

static bool place_is_set(const struct outbox_place *p)
{
	return !hash_is_zero(&p->tx_hash);
}

/* Columns of one place, side by side for all items. */
struct place_columns {
	struct bytes *tx, *hash;
	int64_t *block, *log;
};

static struct place_columns place_columns_make(struct ctx *cx, size_t n)
{
	return (struct place_columns){
		.tx = arena_array(cx->arena, n, sizeof(struct bytes)),
		.hash = arena_array(cx->arena, n, sizeof(struct bytes)),
		.block = arena_array(cx->arena, n, sizeof(int64_t)),
		.log = arena_array(cx->arena, n, sizeof(int64_t)),
	};
}

static void place_columns_set(struct place_columns *c, size_t i, const struct outbox_place *p)
{
	c->tx[i] = hash_or_null(&p->tx_hash, place_is_set(p));
	c->hash[i] = hash_or_null(&p->block_hash, !hash_is_zero(&p->block_hash));
	c->block[i] = p->block;
	c->log[i] = p->log_index;
}

#define COLUMN(type, name) type *name = arena_array(cx->arena, n ? n : 1, sizeof(type))

static enum status save_messages(struct ctx *cx, struct db *db, struct outbox_item *const *items,
				 size_t n)
{
	COLUMN(int64_t, app); COLUMN(struct uuid, id); COLUMN(int64_t, version); COLUMN(const char *, state);
	COLUMN(const char *, path); COLUMN(int64_t, events); COLUMN(struct bytes, submitter);
	COLUMN(struct bytes, guid); COLUMN(int64_t, nonce); COLUMN(struct bytes, packet);
	COLUMN(struct bytes, former); COLUMN(bool, src_final); COLUMN(bool, dst_final);
	COLUMN(int64_t, required); COLUMN(int64_t, have); COLUMN(int64_t, reason);
	COLUMN(const char *, evidence); COLUMN(int64_t, attempts); COLUMN(int64_t, retry_gas);
	COLUMN(const char *, act); COLUMN(const char *, fee); COLUMN(int64_t, gas);
	struct place_columns src = place_columns_make(cx, n), dst = place_columns_make(cx, n);
	for (size_t i = 0; i < n; i++) {
		const struct outbox_item *it = items[i];
		app[i] = it->app_id; id[i] = it->id; version[i] = it->version;
		state[i] = state_name(it->state); path[i] = path_text(cx, it);
		events[i] = (int64_t)it->events_n;
		submitter[i] = addr_or_null(&it->submitter, !addr_is_zero(&it->submitter));
		guid[i] = hash_or_null(&it->guid, it->has_guid);
		nonce[i] = it->nonce;
		packet[i] = it->packet.n ? it->packet : bytes_of(NULL, 0);
		former[i] = hash_or_null(&it->former_guid, it->guid_dropped);
		place_columns_set(&src, i, &it->src);
		place_columns_set(&dst, i, &it->dst);
		src_final[i] = it->src_final; dst_final[i] = it->dst_final;
		required[i] = it->verify_required; have[i] = it->verify_have;
		reason[i] = it->reason; evidence[i] = it->evidence; attempts[i] = it->attempts;
		retry_gas[i] = it->retry_gas; act[i] = it->act;
		fee[i] = it->fee_added; gas[i] = it->gas_added;
	}
	struct rows rows;
	TRY(db_exec(cx, db, SQL_OUTBOX_SAVE_MESSAGES, &rows, p_i64s(app, n), p_uuids(id, n),
		    p_i64s(version, n), p_texts(state, n), p_texts(path, n), p_i64s(events, n),
		    p_bytess(submitter, n), p_bytess(guid, n), p_i64s(nonce, n), p_bytess(packet, n),
		    p_bytess(former, n), p_bytess(src.tx, n), p_i64s(src.block, n), p_bytess(src.hash, n),
		    p_i64s(src.log, n), p_bools(src_final, n), p_bytess(dst.tx, n), p_i64s(dst.block, n),
		    p_bytess(dst.hash, n), p_i64s(dst.log, n), p_bools(dst_final, n), p_i64s(required, n),
		    p_i64s(have, n), p_i64s(reason, n), p_texts(evidence, n), p_i64s(attempts, n),
		    p_i64s(retry_gas, n), p_texts(act, n), p_texts(fee, n), p_i64s(gas, n)));
	if ((size_t)rows.affected != n)
		return fail(cx, ST_BUSY, "%zu of %zu messages changed meanwhile; the round is done again",
			    n - (size_t)rows.affected, n);
	return ST_OK;
}

static enum status save_events(struct ctx *cx, struct db *db, struct outbox_item *const *items,
			       size_t items_n)
{
	size_t n = 0;
	for (size_t i = 0; i < items_n; i++)
		n += items[i]->events_n;
	if (n == 0)
		return ST_OK;
	COLUMN(int64_t, app); COLUMN(struct uuid, id); COLUMN(int64_t, seq); COLUMN(const char *, type);
	COLUMN(const char *, from); COLUMN(const char *, to); COLUMN(int64_t, eid);
	COLUMN(int64_t, gas); COLUMN(const char *, fee); COLUMN(int64_t, attempt); COLUMN(const char *, reason);
	struct place_columns at = place_columns_make(cx, n);
	size_t k = 0;
	for (size_t i = 0; i < items_n; i++) {
		for (size_t e = 0; e < items[i]->events_n; e++, k++) {
			const struct outbox_event *ev = &items[i]->events[e];
			app[k] = items[i]->app_id; id[k] = items[i]->id;
			seq[k] = items[i]->version + 1 + (int64_t)e;
			type[k] = ev->type;
			from[k] = ev->from == STATE_COUNT ? NULL : state_name(ev->from);
			to[k] = ev->to == STATE_COUNT ? NULL : state_name(ev->to);
			eid[k] = ev->chain_eid;
			place_columns_set(&at, k, &ev->place);
			gas[k] = ev->gas_used; fee[k] = ev->fee; attempt[k] = ev->attempt;
			reason[k] = ev->reason;
		}
	}
	return db_exec(cx, db, SQL_OUTBOX_SAVE_EVENTS, NULL, p_i64s(app, n), p_uuids(id, n), p_i64s(seq, n),
		       p_texts(type, n), p_texts(from, n), p_texts(to, n), p_i64s(eid, n), p_bytess(at.tx, n),
		       p_i64s(at.block, n), p_bytess(at.hash, n), p_i64s(at.log, n), p_i64s(gas, n),
		       p_texts(fee, n), p_i64s(attempt, n), p_texts(reason, n));
}

static bool item_is_finished(const struct outbox_item *it)
{
	return state_is_terminal(it->state) || (state_is_done(it->state) && it->dst_final);
}

static enum status save_rows(struct ctx *cx, struct db *db, struct outbox_item *const *items, size_t n)
{
	COLUMN(int64_t, app); COLUMN(struct uuid, id); COLUMN(int64_t, eid); COLUMN(int64_t, stage);
	COLUMN(int64_t, num); COLUMN(int64_t, block); COLUMN(int64_t, due); COLUMN(struct bytes, signer);
	COLUMN(int64_t, tx_nonce); COLUMN(int64_t, skip); COLUMN(int64_t, tries); COLUMN(int64_t, done_app);
	COLUMN(struct uuid, done_id);
	size_t kept = 0, done = 0;
	for (size_t i = 0; i < n; i++) {
		const struct outbox_item *it = items[i];
		if (item_is_finished(it)) {
			done_app[done] = it->app_id;
			done_id[done++] = it->id;
			continue;
		}
		app[kept] = it->app_id; id[kept] = it->id; eid[kept] = it->out_eid;
		stage[kept] = state_stage(it->state); num[kept] = it->out_num;
		block[kept] = it->out_block; due[kept] = it->due_us;
		signer[kept] = addr_or_null(&it->signer, it->is_carried);
		tx_nonce[kept] = it->tx_nonce; skip[kept] = it->skip; tries[kept++] = it->tries;
	}
	if (kept)
		TRY(db_exec(cx, db, SQL_OUTBOX_SAVE_ROWS, NULL, p_i64s(app, kept), p_uuids(id, kept),
			    p_i64s(eid, kept), p_i64s(stage, kept), p_i64s(num, kept), p_i64s(block, kept),
			    p_i64s(due, kept), p_bytess(signer, kept), p_i64s(tx_nonce, kept),
			    p_i64s(skip, kept), p_i64s(tries, kept)));
	if (done)
		TRY(db_exec(cx, db, SQL_OUTBOX_FINISH, NULL, p_i64s(done_app, done), p_uuids(done_id, done)));
	return ST_OK;
}

enum status outbox_save(struct ctx *cx, struct db *db, struct outbox_item *const *items, size_t n)
{
	struct outbox_item **changed = arena_array(cx->arena, n ? n : 1, sizeof *changed);
	size_t count = 0;
	for (size_t i = 0; i < n; i++)
		if (items[i]->changed)
			changed[count++] = items[i];
	if (count == 0)
		return ST_OK;
	TRY(save_messages(cx, db, changed, count));
	TRY(save_events(cx, db, changed, count));
	return save_rows(cx, db, changed, count);
}

enum status outbox_renumber(struct ctx *cx, struct db *db, struct outbox_item *item)
{
	struct rows rows;
	assert(!item->is_signed);
	TRY(db_exec(cx, db, SQL_OUTBOX_RENUMBER, &rows, p_i64(item->app_id), p_uuid(&item->id)));
	if (rows.count != 1)
		return fail(cx, ST_INTERNAL, "a locked message is gone");
	item->num = row_i64(&rows, 0, "num");
	item->author_nonce = row_text(&rows, 0, "author_nonce");
	return ST_OK;
}

enum status outbox_observe(struct ctx *cx, struct db *db, const struct outbox_item *it)
{
	struct uuid id;
	uuid_v7(id.b);
	bool ordered = !hash_is_zero(&it->ordering_key);
	return db_exec(cx, db, SQL_OUTBOX_OBSERVE, NULL, p_uuid(&id), p_i64(it->src_eid),
		       p_i64(it->dst_eid), p_blob(it->receiver.b, 32), p_bytes(it->payload),
		       p_i64(it->gas_limit), p_text(it->value),
		       p_bytes(hash_or_null(&it->ordering_key, ordered)), p_blob(it->author.b, 20),
		       p_blob(it->messenger.b, 20), p_blob(it->request_id.b, 32), p_blob(it->guid.b, 32),
		       p_i64(it->nonce), p_bytes(it->packet), p_blob(it->src.tx_hash.b, 32),
		       p_i64(it->src.block), p_blob(it->src.block_hash.b, 32), p_i64(it->src.log_index),
		       p_i64(it->verify_required));
}
