/* SPDX-License-Identifier: Apache-2.0
 *
 * A chain took blocks back. What they had shown is undone, message by message, to what the chain
 * shows without them; our transactions in them are open again and are broadcast again by their lane.
 */
#include <stdlib.h>

#include "base/log.h"
#include "ferry/v1/types.pb-c.h"
#include "relay/observe.h"
#include "storage/journal.h"
#include "storage/outbox.h"

/* The newest block that both we and the chain have. */
static enum status reorg_ancestor(struct ctx *cx, struct observe *o, struct cursor_block *out)
{
	for (int64_t n = o->at.number - 1; n >= 0 && n > o->at.number - CURSOR_BLOCKS_KEPT; n--) {
		struct hash ours, theirs;
		struct header header;
		struct rpc_at at = rpc_at_number((uint64_t)n);
		if (cursor_block_hash(cx, o->db, o->chain->config.eid, n, &ours) != ST_OK)
			break;
		enum status st = rpc_header(cx, o->rpc, &header, &theirs, &at);
		if (st == ST_NOT_FOUND)
			continue; /* the chain is shorter now */
		TRY(st);
		if (!hash_equal(&ours, &theirs))
			continue;
		*out = (struct cursor_block){n, ours, (int64_t)header.timestamp};
		return ST_OK;
	}
	return fail(cx, ST_CHAIN_DISPUTED,
		    "%s has replaced more blocks than are kept (%d below block %lld): check its nodes",
		    o->chain->config.name, CURSOR_BLOCKS_KEPT, (long long)o->at.number);
}

/* The packet is gone: the message is SUBMITTED again, or ACCEPTED when the transaction was not ours; one that was
 * only observed ends. */
static void reorg_source(struct outbox_item *it, const struct journal_mined *own, int64_t eid)
{
	if (state_stage(it->state) == STAGE_CONFIRM || it->state == STATE_COMMITTED ||
	    it->state == STATE_EXECUTION_FAILED) {
		/* The destination has it already; nothing can be undone there. It is not executed until the
		 * packet comes again. */
		it->reason = FERRY__V1__REASON__REASON_SOURCE_REORGED;
		it->evidence = "the source block is gone, and the destination has committed the packet";
		it->due_us = OUTBOX_NEVER;
		outbox_touch(it);
		return;
	}
	it->guid_dropped = true;
	it->former_guid = it->guid;
	it->has_guid = false;
	it->nonce = 0;
	it->packet = bytes_of(NULL, 0);
	memset(&it->src, 0, sizeof it->src);
	it->src_final = false;
	it->verify_have = 0;
	outbox_move_along(it, STATE_SUBMITTED, eid, NULL, "the source block is gone");
	it->reason = FERRY__V1__REASON__REASON_SOURCE_REORGED;
	if (it->kind == FERRY__V1__KIND__KIND_OBSERVED) {
		/* Nobody asked us to send it, so nobody sends it again: should the packet come again, it is
		 * observed anew. */
		outbox_move(it, STATE_FAILED)->reason = "the packet is gone with its source block";
	} else if (own) {
		it->is_carried = true;
		it->signer = own->signer;
		it->tx_nonce = own->nonce;
	} else {
		outbox_move_along(it, STATE_ACCEPTED, eid, NULL, "it was sent by somebody else's transaction");
	}
}

static void reorg_destination(struct outbox_item *it, enum message_state before, int64_t eid)
{
	enum message_state path[STATE_COUNT];
	if (before == it->state || state_path(it->state, before, path) == 0)
		return;
	memset(&it->dst, 0, sizeof it->dst);
	if (before == STATE_VERIFYING)
		it->verify_have = 0;
	outbox_move_along(it, before, eid, NULL, "the destination block is gone");
}

static enum status reorg_own(struct ctx *cx, struct observe *o, const struct outbox_item *items,
			     size_t n, struct journal_mined **own, size_t *own_n)
{
	struct bytes *hashes = arena_array(cx->arena, n ? n : 1, sizeof *hashes);
	size_t hashes_n = 0;
	for (size_t i = 0; i < n; i++)
		if (!hash_is_zero(&items[i].src.tx_hash))
			hashes[hashes_n++] = bytes_of(items[i].src.tx_hash.b, 32);
	return journal_by_tx(cx, o->db, own, own_n, o->chain->config.eid, hashes, hashes_n);
}

static enum status reorg_items(struct ctx *cx, struct observe *o, const struct cursor_block *ancestor,
			       size_t *count)
{
	int64_t above = ancestor->number;
	struct outbox_item *items;
	enum message_state *before;
	struct journal_mined *own;
	size_t n, own_n;
	int64_t eid = o->chain->config.eid;
	TRY(outbox_above(cx, o->db, &items, &n, &before, eid, above));
	TRY(reorg_own(cx, o, items, n, &own, &own_n));
	struct outbox_item **changed = arena_array(cx->arena, n ? n : 1, sizeof *changed);
	for (size_t i = 0; i < n; i++) {
		struct outbox_item *it = changed[i] = &items[i];
		struct outbox_event *e = outbox_note(it, "REORGED");
		e->chain_eid = eid;
		e->place.block = ancestor->number; /* what later reorganisations need to know */
		e->place.block_hash = ancestor->hash;
		const struct journal_mined *carrier = NULL;
		for (size_t k = 0; k < own_n; k++)
			if (hash_equal(&own[k].tx_hash, &it->src.tx_hash))
				carrier = &own[k];
		it->skip = OUTBOX_SKIP_NONE; /* a gone block said why; the next one says it again */
		if (it->src_eid == eid && it->has_guid && it->src.block > above)
			reorg_source(it, carrier, eid);
		else if (it->dst_eid == eid)
			reorg_destination(it, before[i], eid);
	}
	*count = n;
	return outbox_save(cx, o->db, changed, n);
}

enum status observe_rewind(struct ctx *cx, struct observe *o)
{
	struct cursor_block ancestor;
	size_t messages, transactions;
	int64_t eid = o->chain->config.eid, from = o->at.number;
	TRY(reorg_ancestor(cx, o, &ancestor));
	TRY(tx_begin(cx, o->db));
	TRY(lease_fence(cx, o->db, &o->lease));
	TRY(reorg_items(cx, o, &ancestor, &messages));
	TRY(journal_unmine(cx, o->db, &transactions, eid, ancestor.number));
	TRY(cursor_rewind(cx, o->db, eid, &ancestor));
	o->positioned = false;
	TRY(tx_commit(cx, o->db));
	log_event(LOG_WARN, "relay.reorg",
		  "%s replaced blocks %lld to %lld: %zu messages and %zu of our transactions go back",
		  o->chain->config.name, (long long)ancestor.number + 1, (long long)from, messages,
		  transactions);
	o->world->reorgs++;
	world_wake_all(o->world);
	return ST_OK;
}
