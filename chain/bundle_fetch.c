/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/bundle_fetch.h"

#include "chain/block.h"

/* Is it the acceptance of b's batch? */
static bool bundle_is_accepted(const struct bundle *b, const struct log_entry *log)
{
	struct events_event e;
	return addr_equal(&log->address, &b->main_registry) && events_decode(&e, log) == ST_OK &&
	       e.kind == EVENTS_BATCH_ACCEPTED && e.batch_accepted.src_eid == b->src_eid &&
	       e.batch_accepted.batch == b->batch_number &&
	       hash_equal(&e.batch_accepted.root, &b->root);
}

/* Takes what is asked for out of the two logs: BatchAccepted, and Received after it. */
static enum status bundle_take(struct ctx *cx, struct bundle_evidence *e,
			       const struct receipt *receipt, size_t log_index)
{
	struct events_event accepted;
	struct events_event received;
	if (log_index + 1 >= receipt->logs_n ||
	    events_decode(&accepted, &receipt->logs[log_index]) != ST_OK ||
	    events_decode(&received, &receipt->logs[log_index + 1]) != ST_OK ||
	    received.kind != EVENTS_RECEIVED)
		return fail_code(cx, ST_NOT_FOUND, "BATCH_NOT_IN_BLOCK",
				 "the registry took the batch without its message");
	e->log_index = (uint32_t)log_index;
	e->count = accepted.batch_accepted.count;
	e->request_id = received.received.request_id;
	return ST_OK;
}

static bool bundle_find(const struct bundle *b, const struct receipt *receipts, size_t n,
			size_t *tx_index, size_t *log_index)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < receipts[i].logs_n; k++)
			if (receipts[i].succeeded && bundle_is_accepted(b, &receipts[i].logs[k])) {
				*tx_index = i;
				*log_index = k;
				return true;
			}
	return false;
}

enum status bundle_make(struct ctx *cx, struct bundle *b, const struct header *header,
			const struct receipt *receipts, size_t n, const struct hash *prev_root,
			const struct hash *data_hash)
{
	size_t tx_index;
	size_t log_index;
	struct bundle_evidence *e = &b->evidence;
	if (!bundle_find(b, receipts, n, &tx_index, &log_index))
		return fail_code(cx, ST_NOT_FOUND, "BATCH_NOT_IN_BLOCK",
				 "the main registry did not take the batch in block %llu",
				 (unsigned long long)header->number);
	*e = (struct bundle_evidence){
		.block_number = header->number,
		.block_hash = header_hash(cx->arena, header),
		.header = header_encode(cx->arena, header),
		.tx_index = tx_index,
		.prev_root = *prev_root,
		.data_hash = *data_hash,
	};
	TRY(bundle_take(cx, e, &receipts[tx_index], log_index));
	struct bytes *values = arena_array(cx->arena, n, sizeof *values);
	for (size_t i = 0; i < n; i++)
		values[i] = receipt_encode(cx->arena, &receipts[i]);
	struct hash root;
	e->nodes_n = mpt_proof(cx->arena, &root, e->nodes, values, n, tx_index);
	if (!hash_equal(&root, &header->receipts_root))
		return fail(cx, ST_CHAIN_DISPUTED,
			    "the receipts of block %llu do not make its receiptsRoot",
			    (unsigned long long)header->number);
	size_t bytes = 0;
	for (size_t i = 0; i < e->nodes_n; i++)
		bytes += e->nodes[i].n;
	if (bytes > BUNDLE_NODE_BYTES_MAX)
		return fail(cx, ST_TOO_LARGE,
			    "the receipt of the transaction that brought the batch is too large for a "
			    "proof: %zu bytes", bytes);
	b->has_evidence = true;
	return ST_OK;
}

enum status bundle_fetch(struct ctx *cx, struct rpc *rpc, struct bundle *b, uint64_t block_number,
			 const struct hash *prev_root, const struct hash *data_hash)
{
	struct block *block;
	struct header header;
	struct hash hash;
	size_t n;
	TRY(block_fetch(cx, rpc, &block, &n, block_number, block_number, 0));
	struct rpc_at at = rpc_at_hash(&block->hash);
	TRY(rpc_header(cx, rpc, &header, &hash, &at));
	struct receipt *receipts = arena_array(cx->arena, block->receipts_n, sizeof *receipts);
	for (size_t i = 0; i < block->receipts_n; i++)
		receipts[i] = block->receipts[i].body;
	return bundle_make(cx, b, &header, receipts, block->receipts_n, prev_root, data_hash);
}
