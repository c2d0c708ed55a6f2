/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/batch.h"

#include "chain/revert.h"
#include "storage/operation.h"

static enum status batch_seen(struct ctx *cx, struct db *db, const struct fact *f)
{
	const struct events_batch *b = &f->event.batch;
	struct operation_leaf *leaves = arena_array(cx->arena, b->leaves_n, sizeof *leaves);
	if (b->number > INT64_MAX)
		return ST_OK; /* no registry counts that far */
	for (size_t i = 0; i < b->leaves_n; i++) {
		struct identity_reg reg = events_batch_leaf(b, i);
		leaves[i] = (struct operation_leaf){
			.subject = reg.subject,
			.owner = reg.owner,
			.data_hash = reg.data_hash,
			.version = reg.version > INT64_MAX ? INT64_MAX : (int64_t)reg.version,
		};
	}
	return operation_batch_seen(cx, db, &b->guid, &f->tx_hash, (int64_t)b->number, &b->prev_root, &b->root,
				    leaves, b->leaves_n);
}

static bool fact_is_own(const struct fact *f, const struct journal_mined *mined, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (hash_equal(&mined[i].tx_hash, &f->tx_hash))
			return true;
	return false;
}

static enum status batch_skipped(struct ctx *cx, struct db *db, const struct fact *f)
{
	const struct events_operation_skipped *s = &f->event.operation_skipped;
	uint8_t selector[4] = {(uint8_t)(s->reason >> 24), (uint8_t)(s->reason >> 16), (uint8_t)(s->reason >> 8),
			       (uint8_t)s->reason};
	const char *name = revert_name(cx->arena, bytes_of(selector, sizeof selector));
	if (s->index > INT32_MAX)
		return ST_OK;
	return operation_skipped(cx, db, &s->request_id, (int64_t)s->index,
				 name ? name : arena_printf(cx->arena, "0x%08x", s->reason));
}

/* Rejected comes with BatchAccepted, in the same transaction and before it. */
static enum status batch_accepted(struct ctx *cx, struct db *db, const struct facts *facts, size_t at)
{
	const struct fact *f = &facts->v[at];
	const struct events_batch_accepted *b = &f->event.batch_accepted;
	int64_t *index = arena_array(cx->arena, at + 1, sizeof *index);
	int64_t *reason = arena_array(cx->arena, at + 1, sizeof *reason);
	size_t n = 0;
	if (b->batch > INT64_MAX)
		return ST_OK;
	for (size_t i = at; i-- > 0 && hash_equal(&facts->v[i].tx_hash, &f->tx_hash);) {
		const struct events_rejected *r = &facts->v[i].event.rejected;
		if (facts->v[i].event.kind != EVENTS_REJECTED || r->src_eid != b->src_eid || r->batch != b->batch)
			continue;
		index[n] = r->index;
		reason[n++] = r->reason;
	}
	return operation_batch_accepted(cx, db, b->src_eid, (int64_t)b->batch, index, reason, n);
}

enum status batch_apply(struct ctx *cx, struct db *db, const struct facts *facts,
			const struct journal_mined *mined, size_t mined_n)
{
	for (size_t i = 0; i < facts->n; i++) {
		const struct fact *f = &facts->v[i];
		if (f->event.kind == EVENTS_BATCH)
			TRY(batch_seen(cx, db, f));
		else if (f->event.kind == EVENTS_BATCH_ACCEPTED)
			TRY(batch_accepted(cx, db, facts, i));
		else if (f->event.kind == EVENTS_OPERATION_SKIPPED && fact_is_own(f, mined, mined_n))
			TRY(batch_skipped(cx, db, f));
	}
	return ST_OK;
}
