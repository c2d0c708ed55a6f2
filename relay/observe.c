/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/observe.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "ferry/v1/types.pb-c.h"
#include "relay/apply.h"
#include "relay/batch.h"
#include "relay/resolve.h"

enum {
	OBSERVE_BLOCKS_MAX = 8,
	OBSERVE_FINAL_MAX = 2000,
	UNKNOWN_MARGIN_S = 10, /* how far the source must be past a fact about a packet nobody knows */
};

/* Opens what the thread owns, as far as it is not open yet. */
static enum status observe_ready(struct ctx *cx, struct observe *o)
{
	if (!o->rpc)
		o->rpc = world_rpc_create(&o->chain->config);
	if (!o->db)
		TRY(db_open(cx, o->world->config.database_url, o->lease.name, &o->db));
	if (o->lease.epoch == 0) {
		o->positioned = false;
		TRY(lease_take(cx, o->db, &o->lease));
		log_event(LOG_INFO, "relay.observe", "follows %s", o->chain->config.name);
	}
	return lease_keep(cx, o->db, &o->lease);
}

/* The cursor, or the block the contracts were deployed in when the chain is new to us. */
static enum status observe_position(struct ctx *cx, struct observe *o)
{
	if (o->positioned)
		return ST_OK;
	enum status st = cursor_read(cx, o->db, o->chain->config.eid, &o->at);
	if (st == ST_NOT_FOUND) {
		struct header header;
		struct rpc_at first = rpc_at_number((uint64_t)o->chain->config.deploy_block);
		TRY(rpc_check(cx, o->rpc));
		TRY(rpc_header(cx, o->rpc, &header, &o->at.hash, &first));
		o->at.number = o->chain->config.deploy_block;
		o->at.time_s = (int64_t)header.timestamp;
		TRY(tx_begin(cx, o->db));
		TRY(lease_fence(cx, o->db, &o->lease));
		TRY(cursor_advance(cx, o->db, o->chain->config.eid, &o->at, 1, o->at.number));
		st = tx_commit(cx, o->db);
	}
	TRY(st);
	o->positioned = true;
	return ST_OK;
}

/* Applying ----------------------------------------------------------------------------------------- */

struct observe_work {
	const struct block *blocks;
	size_t blocks_n;
	struct facts facts;
	struct journal_mined *mined;
	size_t mined_n;
};

static const char *receipt_fee(struct ctx *cx, const struct rpc_receipt *r)
{
	struct u256 fee;
	char text[U256_DECIMAL_BYTES];
	if (!u256_mul_u64(&fee, r->gas_price, r->gas_used) || !u256_fits(fee, 120))
		return "0"; /* a node's nonsense: nobody paid that */
	u256_format(text, fee);
	return arena_strdup(cx->arena, text);
}

/* Our own transactions in the blocks become MINED in the journal. */
static enum status observe_mine(struct ctx *cx, struct observe *o, struct observe_work *w)
{
	size_t total = 0, n = 0;
	for (size_t b = 0; b < w->blocks_n; b++)
		total += w->blocks[b].receipts_n;
	struct journal_receipt *receipts = arena_array(cx->arena, total ? total : 1, sizeof *receipts);
	const struct addr *submit = signer_account(o->chain->submit);
	const struct addr *deliver = signer_account(o->chain->deliver);
	for (size_t b = 0; b < w->blocks_n; b++)
		for (size_t i = 0; i < w->blocks[b].receipts_n; i++) {
			const struct rpc_receipt *r = &w->blocks[b].receipts[i];
			if (!addr_equal(&r->from, submit) && !addr_equal(&r->from, deliver))
				continue;
			receipts[n++] = (struct journal_receipt){
				.tx_hash = r->tx_hash,
				.block = (int64_t)w->blocks[b].number,
				.block_hash = w->blocks[b].hash,
				.succeeded = r->body.succeeded,
				.gas_used = (int64_t)r->gas_used,
				.fee = receipt_fee(cx, r),
			};
		}
	if (n == 0)
		return ST_OK;
	return journal_mine(cx, o->db, &w->mined, &w->mined_n, o->chain->config.eid, receipts, n);
}

static bool purpose_frees(const struct journal_mined *m)
{
	return strcmp(m->purpose, "SUBMIT") != 0;
}

/* Names of all messages the work is about: by guid, by request id, and those our transactions carried. */
static enum status observe_names(struct ctx *cx, struct observe *o, const struct observe_work *w,
				 struct outbox_names *names)
{
	size_t room = w->facts.n ? w->facts.n : 1, guids_n = 0, requests_n = 0;
	struct bytes *guids = arena_array(cx->arena, room, sizeof *guids);
	struct bytes *requests = arena_array(cx->arena, room, sizeof *requests);
	for (size_t i = 0; i < w->facts.n; i++) {
		const struct fact *f = &w->facts.v[i];
		if (!hash_is_zero(&f->guid))
			guids[guids_n++] = bytes_of(f->guid.b, 32);
		if (!hash_is_zero(&f->request_id))
			requests[requests_n++] = bytes_of(f->request_id.b, 32);
	}
	struct outbox_names found = {0};
	if (guids_n + requests_n)
		TRY(outbox_names_by_keys(cx, o->db, &found, requests, requests_n, guids, guids_n));
	size_t total = found.n;
	for (size_t i = 0; i < w->mined_n; i++)
		total += purpose_frees(&w->mined[i]) ? w->mined[i].items_n : 0;
	names->apps = arena_array(cx->arena, total ? total : 1, sizeof *names->apps);
	names->ids = arena_array(cx->arena, total ? total : 1, sizeof *names->ids);
	memcpy(names->apps, found.apps ? found.apps : names->apps, found.n * sizeof *names->apps);
	memcpy(names->ids, found.ids ? found.ids : names->ids, found.n * sizeof *names->ids);
	names->n = found.n;
	for (size_t i = 0; i < w->mined_n; i++) {
		const struct journal_mined *m = &w->mined[i];
		for (size_t k = 0; purpose_frees(m) && k < m->items_n; k++) {
			names->apps[names->n] = m->items_app[k];
			names->ids[names->n++] = m->items_id[k];
		}
	}
	return ST_OK;
}

/* A fact about a packet that no block of its source has shown us: either the source is behind (wait), or
 * it can never be explained (an alarm, and on). */
static enum status observe_unknown(struct ctx *cx, struct observe *o, const struct apply *a,
				   const struct observe_work *w)
{
	if (!a->unknown)
		return ST_OK;
	struct cursor_block src;
	int64_t time_s = 0;
	for (size_t b = 0; b < w->blocks_n; b++)
		if ((int64_t)w->blocks[b].number == a->unknown->block)
			time_s = (int64_t)w->blocks[b].timestamp;
	enum status st = cursor_read(cx, o->db, a->unknown_src_eid, &src);
	o->unknown_block = a->unknown->block;
	if (st == ST_NOT_FOUND || (st == ST_OK && src.time_s < time_s + UNKNOWN_MARGIN_S))
		return fail(cx, ST_BUSY, "block %lld of %s speaks of a packet that chain %lld has not shown yet",
			    (long long)a->unknown->block, o->chain->config.name,
			    (long long)a->unknown_src_eid);
	TRY(st);
	log_event(LOG_ERROR, "relay.unknown_packet",
		  "block %lld of %s speaks of packet %s, which chain %lld never sent",
		  (long long)a->unknown->block, o->chain->config.name,
		  hex_encode(cx->arena, a->unknown->guid.b, 32), (long long)a->unknown_src_eid);
	return ST_OK;
}

/* What our mined transactions carried and did not move is free again. */
static void observe_free(struct ctx *cx, const struct observe_work *w, struct outbox_item *items, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct outbox_item *it = &items[i];
		for (size_t m = 0; it->is_carried && m < w->mined_n; m++) {
			if (!purpose_frees(&w->mined[m]) || w->mined[m].nonce != it->tx_nonce ||
			    !addr_equal(&w->mined[m].signer, &it->signer))
				continue;
			resolve_left(cx->arena, it);
		}
	}
}

static struct outbox_item **item_pointers(struct ctx *cx, struct outbox_item *items, size_t n)
{
	struct outbox_item **out = arena_array(cx->arena, n ? n : 1, sizeof *out);
	for (size_t i = 0; i < n; i++)
		out[i] = &items[i];
	return out;
}

static enum status observe_apply(struct ctx *cx, struct observe *o, struct observe_work *w)
{
	struct outbox_names names;
	struct outbox_item *items = NULL;
	size_t n = 0;
	TRY(observe_mine(cx, o, w));
	TRY(observe_names(cx, o, w, &names));
	if (names.n)
		TRY(outbox_by_id(cx, o->db, &items, &n, names.apps, names.ids, names.n));
	struct apply a;
	apply_init(&a, cx->arena, o->world, o->chain, w->mined, w->mined_n, items, n, w->facts.n);
	enum status st = ST_OK;
	for (size_t i = 0; i < w->facts.n && st == ST_OK; i++) {
		apply_fact(&a, &w->facts.v[i]);
		if (a.unknown)
			st = observe_unknown(cx, o, &a, w);
		a.unknown = NULL;
	}
	apply_fini(&a);
	TRY(st);
	observe_free(cx, w, items, n);
	TRY(outbox_save(cx, o->db, item_pointers(cx, items, n), n));
	for (size_t i = 0; i < a.observed_n; i++)
		TRY(outbox_observe(cx, o->db, &a.observed[i]));
	return batch_apply(cx, o->db, &w->facts, w->mined, w->mined_n);
}

/* Finality ----------------------------------------------------------------------------------------- */

static enum status observe_source_final(struct ctx *cx, struct observe *o, int64_t block)
{
	struct outbox_item *items;
	size_t n;
	TRY(outbox_final(cx, o->db, &items, &n, o->chain->config.eid, STAGE_FINALITY, block,
			 OBSERVE_FINAL_MAX));
	for (size_t i = 0; i < n; i++) {
		items[i].src_final = true;
		struct outbox_event *e = outbox_move(&items[i], STATE_VERIFYING);
		e->chain_eid = o->chain->config.eid;
	}
	return outbox_save(cx, o->db, item_pointers(cx, items, n), n);
}

static enum status observe_destination_final(struct ctx *cx, struct observe *o, int64_t block)
{
	struct outbox_item *items;
	size_t n;
	TRY(outbox_final(cx, o->db, &items, &n, o->chain->config.eid, STAGE_CONFIRM, block,
			 OBSERVE_FINAL_MAX));
	for (size_t i = 0; i < n; i++) {
		items[i].dst_final = true;
		struct outbox_event *e = outbox_note(&items[i], "FINAL");
		e->chain_eid = o->chain->config.eid;
	}
	return outbox_save(cx, o->db, item_pointers(cx, items, n), n);
}

static enum status observe_finality(struct ctx *cx, struct observe *o, const struct observe_work *w)
{
	const struct block *last = &w->blocks[w->blocks_n - 1];
	int64_t final = (int64_t)last->number - o->chain->config.finality_blocks;
	int64_t final_time_s;
	if (final < 0)
		return ST_OK;
	TRY(cursor_block_time(cx, o->db, o->chain->config.eid, final, &final_time_s));
	atomic_store(&o->chain->final_time_s, final_time_s);
	TRY(observe_source_final(cx, o, final));
	TRY(observe_destination_final(cx, o, final));
	struct journal_mined *done;
	size_t done_n;
	TRY(journal_finalize(cx, o->db, &done, &done_n, o->chain->config.eid, final));
	return resolve_unsent(cx, o->db, o->chain, done, done_n, final_time_s);
}

/* The round ---------------------------------------------------------------------------------------- */

static enum status observe_commit(struct ctx *cx, struct observe *o, struct observe_work *w,
				  uint64_t head)
{
	struct cursor_block *passed = arena_array(cx->arena, w->blocks_n, sizeof *passed);
	for (size_t i = 0; i < w->blocks_n; i++)
		passed[i] = (struct cursor_block){
			.number = (int64_t)w->blocks[i].number,
			.hash = w->blocks[i].hash,
			.time_s = (int64_t)w->blocks[i].timestamp,
		};
	const struct cursor_block *last = &passed[w->blocks_n - 1];
	TRY(tx_begin(cx, o->db));
	TRY(lease_fence(cx, o->db, &o->lease));
	TRY(cursor_advance(cx, o->db, o->chain->config.eid, passed, w->blocks_n, (int64_t)head));
	TRY(observe_apply(cx, o, w));
	TRY(observe_finality(cx, o, w));
	enum status st = tx_commit(cx, o->db);
	if (st != ST_OK) {
		o->positioned = false; /* perhaps it did commit */
		return st;
	}
	o->at = *last;
	atomic_store(&o->chain->block_time_s, last->time_s);
	return ST_OK;
}

static enum status observe_facts(struct ctx *cx, struct observe *o, struct observe_work *w, uint64_t head)
{
	facts_of_blocks(cx->arena, &w->facts, &o->chain->config, w->blocks, w->blocks_n);
	return observe_commit(cx, o, w, head);
}

static enum status observe_blocks(struct ctx *cx, struct observe *o, uint64_t head, bool *more)
{
	struct observe_work w = {0};
	struct block *blocks;
	uint64_t from = (uint64_t)o->at.number + 1;
	uint64_t to = head - from >= OBSERVE_BLOCKS_MAX ? from + OBSERVE_BLOCKS_MAX - 1 : head;
	TRY(block_fetch(cx, o->rpc, &blocks, &w.blocks_n, from, to, 0));
	if (!hash_equal(&blocks[0].parent_hash, &o->at.hash)) {
		*more = true;
		return observe_rewind(cx, o);
	}
	w.blocks = blocks;
	o->unknown_block = 0;
	enum status st = observe_facts(cx, o, &w, head);
	if (st == ST_BUSY && o->unknown_block > (int64_t)from) {
		/* Up to that block nothing is missing. Two chains that catch up, each with packets of the other, would
		 * else wait for each other for ever. */
		tx_rollback(o->db);
		w = (struct observe_work){.blocks = blocks, .blocks_n = (size_t)(o->unknown_block - (int64_t)from)};
		st = observe_facts(cx, o, &w, head);
	}
	TRY(st);
	*more = (uint64_t)o->at.number < head;
	world_wake_all(o->world);
	return ST_OK;
}

/* Says in the database why the chain is not followed, so that every message there can say it too. */
static enum status observe_trouble(struct ctx *cx, struct observe *o, enum status st)
{
	if (st != ST_CHAIN && st != ST_CHAIN_DISPUTED && st != ST_CHAIN_REJECTED)
		return st;
	struct ctx note;
	ctx_init(&note, cx->arena, 2000, cx->request_id);
	int reason = st == ST_CHAIN_DISPUTED ? FERRY__V1__REASON__REASON_CHAIN_DISPUTED :
					       FERRY__V1__REASON__REASON_CHAIN_UNAVAILABLE;
	tx_rollback(o->db);
	enum status noted = cursor_problem(&note, o->db, o->chain->config.eid, reason, cx->err.message);
	(void)noted; /* the log has it in any case */
	return st;
}

static enum status observe_round(struct ctx *cx, void *self, int *wait_ms)
{
	struct observe *o = self;
	uint64_t head;
	bool more = false;
	TRY(observe_ready(cx, o));
	enum status st = observe_position(cx, o);
	if (st == ST_OK)
		st = rpc_block_number(cx, o->rpc, &head);
	if (st == ST_OK && head > (uint64_t)o->at.number)
		st = observe_blocks(cx, o, head, &more);
	if (st == ST_NOT_FOUND) /* a node that is a block behind */
		st = ST_OK;
	if (st != ST_OK)
		return observe_trouble(cx, o, st);
	*wait_ms = more ? 0 : o->world->config.poll_ms;
	return ST_OK;
}

void observe_run(void *arg)
{
	struct observe *o = arg;
	struct arena *arena = arena_create(1024 * 1024);
	char name[LEASE_NAME_BYTES];
	snprintf(name, sizeof name, "observe.%s", o->chain->config.name);
	lease_init(&o->lease, name, o->world->holder);
	const struct world_loop loop = {
		.world = o->world,
		.name = o->lease.name,
		.waker = o->chain->observe_waker,
		.round = observe_round,
		.self = o,
	};
	world_run(&loop);
	struct ctx cx;
	ctx_init(&cx, arena, 2000, name);
	if (o->db)
		lease_release(&cx, o->db, &o->lease);
	arena_destroy(arena);
	db_close(o->db);
	rpc_destroy(o->rpc);
}
