/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/attestation.h"

enum status attestation_record(struct ctx *cx, struct db *db, const struct attestation *a,
			       bool *allowed, size_t n)
{
	int64_t *dst = arena_array(cx->arena, n, sizeof *dst), *src = arena_array(cx->arena, n, sizeof *src);
	int64_t *nonce = arena_array(cx->arena, n, sizeof *nonce), *block = arena_array(cx->arena, n, sizeof *block);
	struct bytes *column[5];
	for (int c = 0; c < 5; c++)
		column[c] = arena_array(cx->arena, n, sizeof *column[c]);
	for (size_t i = 0; i < n; i++) {
		dst[i] = a[i].dst_eid;
		src[i] = a[i].src_eid;
		nonce[i] = a[i].nonce;
		block[i] = a[i].src_block;
		column[0][i] = bytes_of(a[i].sender.b, 32);
		column[1][i] = bytes_of(a[i].receiver.b, 32);
		column[2][i] = bytes_of(a[i].payload_hash.b, 32);
		column[3][i] = bytes_of(a[i].guid.b, 32);
		column[4][i] = bytes_of(a[i].src_block_hash.b, 32);
		allowed[i] = false;
	}
	struct rows r;
	TRY(db_exec(cx, db, SQL_ATTESTATION_RECORD, &r, p_i64s(dst, n), p_i64s(src, n),
		    p_bytess(column[0], n), p_bytess(column[1], n), p_i64s(nonce, n),
		    p_bytess(column[2], n), p_bytess(column[3], n), p_i64s(block, n),
		    p_bytess(column[4], n)));
	for (int row = 0, i = 0; row < r.count; row++) {
		struct hash guid;
		row_hash(&r, row, "guid", &guid);
		/* RETURNING keeps the order of the input, with gaps. */
		for (size_t k = 0; k < n; k++) {
			size_t at = ((size_t)i + k) % n;
			if (!hash_equal(&a[at].guid, &guid))
				continue;
			allowed[at] = true;
			i = (int)at + 1;
			break;
		}
	}
	return ST_OK;
}

enum status attestation_dropped(struct ctx *cx, struct db *db, struct attestation **out, size_t *n,
				int64_t dst_eid)
{
	struct rows r;
	TRY(db_exec(cx, db, SQL_ATTESTATION_DROPPED, &r, p_i64(dst_eid)));
	*n = (size_t)r.count;
	*out = arena_array(cx->arena, *n ? *n : 1, sizeof **out);
	for (int i = 0; i < r.count; i++) {
		struct attestation *a = &(*out)[i];
		a->src_eid = row_i64(&r, i, "src_eid");
		a->dst_eid = row_i64(&r, i, "dst_eid");
		a->nonce = row_i64(&r, i, "nonce");
		a->src_block = row_i64(&r, i, "src_block");
		row_hash(&r, i, "sender", &a->sender);
		row_hash(&r, i, "receiver", &a->receiver);
		row_hash(&r, i, "payload_hash", &a->payload_hash);
		row_hash(&r, i, "guid", &a->guid);
		row_hash(&r, i, "src_block_hash", &a->src_block_hash);
	}
	return ST_OK;
}

enum status attestation_retract(struct ctx *cx, struct db *db, int64_t dst_eid,
				const struct bytes *guids, size_t n)
{
	return db_exec(cx, db, SQL_ATTESTATION_RETRACT, NULL, p_i64(dst_eid), p_bytess(guids, n));
}
