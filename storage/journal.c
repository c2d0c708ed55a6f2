/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/journal.h"

#include <assert.h>

enum status journal_lane_open(struct ctx *cx, struct db *db, struct journal_lane *lane, int64_t eid,
			      const struct addr *signer, const char *role, int64_t first_nonce)
{
	struct rows rows;
	TRY(db_exec(cx, db, SQL_JOURNAL_LANE_SEED, NULL, p_i64(eid), p_blob(signer->b, 20),
		    p_text(role), p_i64(first_nonce)));
	TRY(db_exec(cx, db, SQL_JOURNAL_LANE_READ, &rows, p_i64(eid), p_blob(signer->b, 20)));
	if (rows.count != 1)
		return fail(cx, ST_INTERNAL, "the lane's row vanished");
	*lane = (struct journal_lane){
		.eid = eid,
		.signer = *signer,
		.role = role,
		.next_nonce = row_i64(&rows, 0, "next_nonce"),
		.halted = row_i64(&rows, 0, "halted"),
	};
	return ST_OK;
}

enum status journal_lane_halt(struct ctx *cx, struct db *db, int64_t eid, const struct addr *signer,
			      int64_t reason, const char *detail)
{
	return db_exec(cx, db, SQL_JOURNAL_LANE_HALT, NULL, p_i64(eid), p_blob(signer->b, 20),
		       p_i64(reason), p_text(detail));
}

static enum status journal_insert_one(struct ctx *cx, struct db *db, const struct journal_entry *e)
{
	return db_exec(cx, db, SQL_JOURNAL_INSERT, NULL, p_i64(e->eid), p_blob(e->signer.b, 20),
		       p_i64(e->nonce), p_text(e->purpose), p_blob(e->to.b, 20), p_bytes(e->calldata),
		       p_text(e->value), p_i64(e->gas_limit), p_i64s(e->items_app, e->items_n),
		       p_uuids(e->items_id, e->items_n), p_bytes(e->raw), p_blob(e->hash.b, 32),
		       p_text(e->max_fee), p_text(e->tip));
}

enum status journal_insert(struct ctx *cx, struct db *db, const struct journal_entry *entries,
			   size_t n)
{
	assert(n > 0);
	struct rows rows;
	const struct journal_entry *first = &entries[0];
	TRY(db_exec(cx, db, SQL_JOURNAL_LANE_ADVANCE, &rows, p_i64(first->eid),
		    p_blob(first->signer.b, 20), p_i64(first->nonce),
		    p_i64(first->nonce + (int64_t)n)));
	if (rows.affected != 1)
		return fail(cx, ST_FENCED, "nonce %lld of the lane is taken, or the lane is halted",
			    (long long)first->nonce);
	for (size_t i = 0; i < n; i++) {
		assert(entries[i].nonce == first->nonce + (int64_t)i);
		TRY(journal_insert_one(cx, db, &entries[i]));
	}
	return ST_OK;
}

enum status journal_bump(struct ctx *cx, struct db *db, int64_t eid, const struct addr *signer,
			 int64_t nonce, struct bytes raw, const struct hash *hash,
			 const char *max_fee, const char *tip)
{
	return db_exec(cx, db, SQL_JOURNAL_BUMP, NULL, p_i64(eid), p_blob(signer->b, 20), p_i64(nonce),
		       p_bytes(raw), p_blob(hash->b, 32), p_text(max_fee), p_text(tip));
}

enum status journal_hollow(struct ctx *cx, struct db *db, size_t *n, int64_t eid, const struct addr *signer)
{
	struct rows r;
	TRY(db_exec(cx, db, SQL_JOURNAL_HOLLOW, &r, p_i64(eid), p_blob(signer->b, 20)));
	*n = (size_t)r.count;
	return ST_OK;
}

enum status journal_broadcast(struct ctx *cx, struct db *db, int64_t eid, const struct addr *signer,
			      const int64_t *nonces, size_t n)
{
	return db_exec(cx, db, SQL_JOURNAL_BROADCAST, NULL, p_i64(eid), p_blob(signer->b, 20),
		       p_i64s(nonces, n));
}

enum status journal_unmined(struct ctx *cx, struct db *db, struct journal_open **out, size_t *n,
			    int64_t eid, const struct addr *signer, size_t max, int64_t older_ms)
{
	struct rows r;
	TRY(db_exec(cx, db, SQL_JOURNAL_UNMINED, &r, p_i64(eid), p_blob(signer->b, 20),
		    p_i64((int64_t)max), p_i64(older_ms)));
	*n = (size_t)r.count;
	*out = arena_array(cx->arena, *n, sizeof **out);
	for (int i = 0; i < r.count; i++) {
		struct journal_open *o = &(*out)[i];
		o->nonce = row_i64(&r, i, "nonce");
		o->was_broadcast = row_bool(&r, i, "was_broadcast");
		o->broadcast_age_ms = row_i64(&r, i, "age_ms");
		o->attempt = row_i64(&r, i, "attempt");
		o->purpose = row_text(&r, i, "purpose");
		row_addr(&r, i, "to_address", &o->to);
		o->calldata = row_bytes(&r, i, "calldata");
		o->value = row_text(&r, i, "value");
		o->gas_limit = row_i64(&r, i, "gas_limit");
		o->raw = row_bytes(&r, i, "raw");
		row_hash(&r, i, "hash", &o->hash);
		o->max_fee = row_text(&r, i, "max_fee");
		o->tip = row_text(&r, i, "tip");
		o->items_app = row_i64_array(cx, &r, i, "items_app", &o->items_n);
		o->items_id = row_uuid_array(cx, &r, i, "items_id", &o->items_n);
	}
	return ST_OK;
}

enum status journal_unmined_count(struct ctx *cx, struct db *db, size_t *n, int64_t eid,
				  const struct addr *signer)
{
	struct rows r;
	TRY(db_exec(cx, db, SQL_JOURNAL_UNMINED_COUNT, &r, p_i64(eid), p_blob(signer->b, 20)));
	*n = (size_t)row_i64(&r, 0, "n");
	return ST_OK;
}

static void journal_read_mined(struct ctx *cx, const struct rows *r, struct journal_mined **out,
			       size_t *n)
{
	*n = (size_t)r->count;
	*out = arena_array(cx->arena, *n, sizeof **out);
	for (int i = 0; i < r->count; i++) {
		struct journal_mined *m = &(*out)[i];
		row_hash(r, i, "tx_hash", &m->tx_hash);
		row_addr(r, i, "signer", &m->signer);
		m->nonce = row_i64(r, i, "nonce");
		m->attempt = row_i64(r, i, "attempt");
		m->purpose = row_text(r, i, "purpose");
		m->value = row_text(r, i, "value");
		m->items_app = row_i64_array(cx, r, i, "items_app", &m->items_n);
		m->items_id = row_uuid_array(cx, r, i, "items_id", &m->items_n);
	}
}

enum status journal_mine(struct ctx *cx, struct db *db, struct journal_mined **out, size_t *n,
			 int64_t eid, const struct journal_receipt *receipts, size_t receipts_n)
{
	struct bytes *hash = arena_array(cx->arena, receipts_n, sizeof *hash);
	struct bytes *block_hash = arena_array(cx->arena, receipts_n, sizeof *block_hash);
	int64_t *block = arena_array(cx->arena, receipts_n, sizeof *block);
	bool *ok = arena_array(cx->arena, receipts_n, sizeof *ok);
	int64_t *gas = arena_array(cx->arena, receipts_n, sizeof *gas);
	const char **fee = arena_array(cx->arena, receipts_n, sizeof *fee);
	for (size_t i = 0; i < receipts_n; i++) {
		hash[i] = bytes_of(receipts[i].tx_hash.b, 32);
		block_hash[i] = bytes_of(receipts[i].block_hash.b, 32);
		block[i] = receipts[i].block;
		ok[i] = receipts[i].succeeded;
		gas[i] = receipts[i].gas_used;
		fee[i] = receipts[i].fee;
	}
	struct rows r;
	TRY(db_exec(cx, db, SQL_JOURNAL_MINE, &r, p_i64(eid), p_bytess(hash, receipts_n),
		    p_i64s(block, receipts_n), p_bytess(block_hash, receipts_n),
		    p_bools(ok, receipts_n), p_i64s(gas, receipts_n), p_texts(fee, receipts_n)));
	journal_read_mined(cx, &r, out, n);
	return ST_OK;
}

enum status journal_finalize(struct ctx *cx, struct db *db, struct journal_mined **out, size_t *n,
			     int64_t eid, int64_t block)
{
	struct rows r;
	TRY(db_exec(cx, db, SQL_JOURNAL_FINALIZE, &r, p_i64(eid), p_i64(block)));
	journal_read_mined(cx, &r, out, n);
	return ST_OK;
}

enum status journal_by_tx(struct ctx *cx, struct db *db, struct journal_mined **out, size_t *n,
			  int64_t eid, const struct bytes *hashes, size_t hashes_n)
{
	struct rows r;
	TRY(db_exec(cx, db, SQL_JOURNAL_BY_TX, &r, p_i64(eid), p_bytess(hashes, hashes_n)));
	*n = (size_t)r.count;
	*out = arena_array(cx->arena, *n, sizeof **out);
	for (int i = 0; i < r.count; i++) {
		row_hash(&r, i, "tx_hash", &(*out)[i].tx_hash);
		row_addr(&r, i, "signer", &(*out)[i].signer);
		(*out)[i].nonce = row_i64(&r, i, "nonce");
	}
	return ST_OK;
}

enum status journal_unmine(struct ctx *cx, struct db *db, size_t *n, int64_t eid, int64_t block)
{
	struct rows r;
	TRY(db_exec(cx, db, SQL_JOURNAL_UNMINE, &r, p_i64(eid), p_i64(block)));
	*n = (size_t)r.affected;
	return ST_OK;
}

enum status journal_replace(struct ctx *cx, struct db *db, struct journal_mined **out, size_t *n,
			    int64_t eid, const struct addr *signer, int64_t below)
{
	struct rows r;
	TRY(db_exec(cx, db, SQL_JOURNAL_REPLACE, &r, p_i64(eid), p_blob(signer->b, 20), p_i64(below)));
	journal_read_mined(cx, &r, out, n);
	return ST_OK;
}

enum status journal_adopt(struct ctx *cx, struct db *db, int64_t eid, const struct addr *signer,
			  int64_t first, int64_t next)
{
	TRY(db_exec(cx, db, SQL_JOURNAL_FILL, NULL, p_i64(eid), p_blob(signer->b, 20), p_i64(first),
		    p_i64(next)));
	TRY(db_exec0(cx, db, SQL_JOURNAL_SKIP_NUMBERS, NULL));
	return db_exec(cx, db, SQL_JOURNAL_ADOPT, NULL, p_i64(eid), p_blob(signer->b, 20), p_i64(next));
}

enum status journal_lanes(struct ctx *cx, struct db *db, struct journal_lane **out, size_t *n)
{
	struct rows r;
	TRY(db_exec0(cx, db, SQL_JOURNAL_LANES, &r));
	*n = (size_t)r.count;
	*out = arena_array(cx->arena, *n, sizeof **out);
	for (int i = 0; i < r.count; i++) {
		struct journal_lane *l = &(*out)[i];
		l->eid = row_i64(&r, i, "eid");
		row_addr(&r, i, "signer", &l->signer);
		l->role = row_text(&r, i, "role");
		l->next_nonce = row_i64(&r, i, "next_nonce");
		l->halted = row_i64(&r, i, "halted");
	}
	return ST_OK;
}

enum status journal_spend(struct ctx *cx, struct db *db, const int64_t *apps,
			  const char *const *wei, size_t n)
{
	return db_exec(cx, db, SQL_JOURNAL_SPEND, NULL, p_i64s(apps, n), p_texts(wei, n));
}

enum status journal_overspent(struct ctx *cx, struct db *db, int64_t **apps, size_t *n,
			      const char *ceiling)
{
	struct rows r;
	TRY(db_exec(cx, db, SQL_JOURNAL_OVERSPENT, &r, p_text(ceiling)));
	*n = (size_t)r.count;
	*apps = arena_array(cx->arena, *n ? *n : 1, sizeof **apps);
	for (int i = 0; i < r.count; i++)
		(*apps)[i] = row_i64(&r, i, "app_id");
	return ST_OK;
}
