/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/block.h"

#include <assert.h>
#include <inttypes.h>

#include "chain/mpt.h"

enum {
	BLOCK_PIECE_MAX = 16,              /* blocks asked for at once */
	BLOCK_PIECE_BYTES = 2 * 1024 * 1024, /* of answer: above, fewer are asked for next time */
	BLOCK_SCRATCH_BYTES_MAX = 1 << 30,
};

/* One round of questions and what is made of the answers. */
struct block_piece {
	struct ctx *cx;     /* the caller's: results and the sentence */
	struct ctx scratch; /* answers and everything else that goes after this round */
	struct rpc *rpc;
	uint64_t from;
	size_t n;
	unsigned flags;
	struct jsonrpc_query queries[JSONRPC_NODES_MAX];
	struct block *blocks;
	bool is_racy;      /* the dispute may be a reorganisation between two answers */
	bool is_too_large; /* ask for fewer */
};

static const char *block_node(const struct block_piece *p, size_t node)
{
	return jsonrpc_node_name(rpc_nodes(p->rpc), node);
}

static const char *block_hex(struct block_piece *p, const struct hash *h)
{
	return hex_encode(p->scratch.arena, h->b, 32);
}

/* Node 0 is asked for header and receipts of each block, the others for the headers. */
static void block_piece_prepare(struct block_piece *p)
{
	struct arena *a = p->scratch.arena;
	const char *full = p->flags & BLOCK_WITH_TXS ? "true" : "false";
	for (size_t node = 0; node < jsonrpc_nodes(rpc_nodes(p->rpc)); node++) {
		size_t each = node == 0 ? 2 : 1;
		struct jsonrpc_item *items = arena_array(a, p->n * each, sizeof *items);
		for (size_t i = 0; i < p->n; i++) {
			const char *number = rpc_number_text(a, p->from + i);
			items[i * each] = (struct jsonrpc_item){
				.method = "eth_getBlockByNumber",
				.params = arena_printf(a, "[%s,%s]", number,
						       node == 0 ? full : "false")};
			if (node == 0)
				items[i * each + 1] = (struct jsonrpc_item){
					.method = "eth_getBlockReceipts",
					.params = arena_printf(a, "[%s]", number)};
		}
		p->queries[node] = (struct jsonrpc_query){.items = items, .n = p->n * each};
	}
}

/* How many blocks from the first on all nodes have. */
static size_t block_piece_present(const struct block_piece *p)
{
	size_t present = p->n;
	for (size_t node = 0; node < jsonrpc_nodes(rpc_nodes(p->rpc)); node++) {
		const struct jsonrpc_query *q = &p->queries[node];
		size_t each = q->n / p->n;
		for (size_t i = 0; i < q->n; i++) {
			if (json_is_null(q->items[i].result) && i / each < present)
				present = i / each;
		}
	}
	return present;
}

/* All nodes answered, and none with an error where there is a block. */
static enum status block_piece_answered(struct block_piece *p, size_t *present)
{
	size_t nodes = jsonrpc_nodes(rpc_nodes(p->rpc));
	for (size_t node = 0; node < nodes; node++) {
		const struct jsonrpc_query *q = &p->queries[node];
		p->is_too_large = p->is_too_large || q->too_large;
		if (q->status != ST_OK)
			return fail(p->cx, q->status, "%s", q->why);
	}
	*present = block_piece_present(p);
	for (size_t node = 0; node < nodes; node++) {
		const struct jsonrpc_query *q = &p->queries[node];
		for (size_t i = 0; i < q->n / p->n * *present; i++) {
			if (q->items[i].failed)
				return fail(p->cx, ST_CHAIN_REJECTED, "%s at %s: %s (%" PRId64 ")",
					    q->items[i].method, block_node(p, node),
					    q->items[i].message, q->items[i].code);
		}
	}
	return ST_OK;
}

/* A reader's complaint becomes the node's failure. */
static enum status block_understood(struct block_piece *p, size_t node, uint64_t number,
				    enum status st, const struct ctx *reader)
{
	if (st == ST_OK)
		return ST_OK;
	const char *why = arena_strdup(p->scratch.arena, reader->err.message);
	return fail(p->cx, ST_CHAIN, "block %" PRIu64 " at %s: the answer makes no sense: %s",
		    number, block_node(p, node), why);
}

/* Reads a header and recomputes its hash. */
static enum status block_header(struct block_piece *p, struct header *h, struct hash *hash,
				size_t node, uint64_t number, const json_t *json)
{
	TRY(block_understood(p, node, number, rpc_read_header(&p->scratch, h, hash, json),
			     &p->scratch));
	struct hash computed = header_hash(p->scratch.arena, h);
	if (h->number != number)
		return fail(p->cx, ST_CHAIN_DISPUTED,
			    "%s: block %" PRIu64 " was asked for, block %" PRIu64 " came",
			    block_node(p, node), number, h->number);
	if (!hash_equal(&computed, hash))
		return fail(p->cx, ST_CHAIN_DISPUTED,
			    "%s: block %" PRIu64 " is said to be %s, its header hashes to %s",
			    block_node(p, node), number, block_hex(p, hash),
			    block_hex(p, &computed));
	return ST_OK;
}

static enum status block_unanimous(struct block_piece *p, uint64_t number,
				   const struct hash *hash)
{
	for (size_t node = 1; node < jsonrpc_nodes(rpc_nodes(p->rpc)); node++) {
		struct header h;
		struct hash other;
		TRY(block_header(p, &h, &other, node, number,
				 p->queries[node].items[number - p->from].result));
		if (!hash_equal(&other, hash))
			return fail(p->cx, ST_CHAIN_DISPUTED,
				    "block %" PRIu64 " is %s at %s but %s at %s", number,
				    block_hex(p, hash), block_node(p, 0), block_hex(p, &other),
				    block_node(p, node));
	}
	return ST_OK;
}

/* The block's transactions: their count must be the receipts', each hash its receipt's. */
static enum status block_txs(struct block_piece *p, struct block *block, const json_t *json)
{
	const json_t *list = json_object_get(json, "transactions");
	bool full = p->flags & BLOCK_WITH_TXS;
	if (json_array_size(list) != block->receipts_n || !json_is_array(list))
		return fail(p->cx, ST_CHAIN_DISPUTED,
			    "%s: block %" PRIu64 " has %zu transactions and %zu receipts",
			    block_node(p, 0), block->number, json_array_size(list),
			    block->receipts_n);
	struct rpc_tx *txs =
		arena_array(p->cx->arena, full ? block->receipts_n : 0, sizeof *txs);
	for (size_t i = 0; i < block->receipts_n; i++) {
		const json_t *tx = json_array_get(list, i);
		struct hash hash;
		if (full)
			TRY(block_understood(p, 0, block->number, rpc_read_tx(p->cx, &txs[i], tx),
					     p->cx));
		TRY(block_understood(p, 0, block->number,
				     json_read_hash(&p->scratch, &hash,
						    full ? json_object_get(tx, "hash") : tx,
						    "a transaction's hash"),
				     &p->scratch));
		if (!hash_equal(&hash, &block->receipts[i].tx_hash))
			return fail(p->cx, ST_CHAIN_DISPUTED,
				    "%s: receipt %zu of block %" PRIu64
				    " is of transaction %s, the block has %s there",
				    block_node(p, 0), i, block->number,
				    block_hex(p, &block->receipts[i].tx_hash), block_hex(p, &hash));
	}
	block->txs = full ? txs : NULL;
	block->txs_n = full ? block->receipts_n : 0;
	return ST_OK;
}

/* What must run on without a gap through a block's receipts. */
struct block_running {
	uint64_t gas;
	uint64_t log_index;
};

/* The place of a receipt and of its logs; NULL, or what is wrong. */
static const char *block_receipt_flaw(struct block_running *running, const struct block *block,
				      size_t index)
{
	const struct rpc_receipt *r = &block->receipts[index];
	if (!hash_equal(&r->block_hash, &block->hash))
		return "is of a block with another hash";
	if (r->block_number != block->number)
		return "is of a block with another number";
	if (r->tx_index != index)
		return "has another transactionIndex than its place";
	if (r->body.gas_cumulative < running->gas ||
	    r->body.gas_cumulative - running->gas != r->gas_used)
		return "has a gasUsed that does not fit cumulativeGasUsed";
	for (size_t i = 0; i < r->body.logs_n; i++) {
		if (r->body.logs[i].log_index != running->log_index++)
			return "has logs whose logIndex does not run on";
	}
	running->gas = r->body.gas_cumulative;
	return NULL;
}

/* Consistent among themselves, and together the receiptsRoot of the header. */
static enum status block_receipts_check(struct block_piece *p, const struct block *block,
					const struct header *h)
{
	struct block_running running = {0};
	struct receipt *bodies =
		arena_array(p->scratch.arena, block->receipts_n, sizeof *bodies);
	for (size_t i = 0; i < block->receipts_n; i++) {
		const struct rpc_receipt *r = &block->receipts[i];
		const char *flaw = block_receipt_flaw(&running, block, i);
		p->is_racy = p->is_racy || !hash_equal(&r->block_hash, &block->hash);
		if (flaw)
			return fail(p->cx, ST_CHAIN_DISPUTED,
				    "%s: receipt %zu of block %" PRIu64 " %s %s",
				    block_node(p, 0), i, block->number, block_hex(p, &block->hash),
				    flaw);
		bodies[i] = r->body;
	}
	struct hash root = receipt_root(p->scratch.arena, bodies, block->receipts_n);
	if (hash_equal(&root, &h->receipts_root) && running.gas == h->gas_used)
		return ST_OK;
	/* Without a receipt nothing says of which block the answer was. */
	p->is_racy = block->receipts_n == 0;
	return fail(p->cx, ST_CHAIN_DISPUTED,
		    "%s: the %zu receipts of block %" PRIu64
		    " make the root %s, its header says %s",
		    block_node(p, 0), block->receipts_n, block->number, block_hex(p, &root),
		    block_hex(p, &h->receipts_root));
}

static enum status block_receipts(struct block_piece *p, struct block *block, const json_t *json)
{
	size_t n = json_array_size(json);
	if (!json_is_array(json))
		return fail(p->cx, ST_CHAIN, "eth_getBlockReceipts at %s: not an array",
			    block_node(p, 0));
	if (n > MPT_VALUES_MAX)
		return fail(p->cx, ST_CHAIN, "eth_getBlockReceipts at %s: %zu receipts",
			    block_node(p, 0), n);
	struct rpc_receipt *receipts = arena_array(p->cx->arena, n, sizeof *receipts);
	for (size_t i = 0; i < n; i++)
		TRY(block_understood(p, 0, block->number,
				     rpc_read_receipt(p->cx, &receipts[i], json_array_get(json, i)),
				     p->cx));
	block->receipts = receipts;
	block->receipts_n = n;
	return ST_OK;
}

static enum status block_read(struct block_piece *p, size_t i)
{
	struct block *block = &p->blocks[i];
	const json_t *json = p->queries[0].items[2 * i].result;
	struct header h;
	struct hash hash;
	TRY(block_header(p, &h, &hash, 0, p->from + i, json));
	*block = (struct block){
		.number = h.number,
		.hash = hash,
		.parent_hash = h.parent_hash,
		.timestamp = h.timestamp,
		.base_fee = h.base_fee,
	};
	TRY(block_unanimous(p, h.number, &hash));
	TRY(block_receipts(p, block, p->queries[0].items[2 * i + 1].result));
	TRY(block_receipts_check(p, block, &h));
	return block_txs(p, block, json);
}

/* before: the block that was read last, NULL at the beginning. */
static enum status block_link(struct block_piece *p, const struct block *before,
			      const struct block *block)
{
	if (!before || hash_equal(&before->hash, &block->parent_hash))
		return ST_OK;
	p->is_racy = true;
	return fail(p->cx, ST_CHAIN_DISPUTED,
		    "%s: block %" PRIu64 " has the parent %s, but block %" PRIu64 " is %s",
		    block_node(p, 0), block->number, block_hex(p, &block->parent_hash),
		    before->number, block_hex(p, &before->hash));
}

/* Asks for p->n blocks and reads as many of them as there are: p->n afterwards. */
static enum status block_piece_run(struct block_piece *p, const struct block *before)
{
	block_piece_prepare(p);
	jsonrpc_ask_all(&p->scratch, rpc_nodes(p->rpc), p->queries);
	size_t present = 0;
	TRY(block_piece_answered(p, &present));
	p->n = present;
	if (p->n == 0)
		return fail(p->cx, ST_NOT_FOUND, "block %" PRIu64 " is not there yet", p->from);
	for (size_t i = 0; i < p->n; i++) {
		TRY(block_read(p, i));
		TRY(block_link(p, i > 0 ? &p->blocks[i - 1] : before, &p->blocks[i]));
	}
	return ST_OK;
}

/* One round with a scratch arena of its own, so that the answers, far larger than what is made of
 * them, go at once. */
static enum status block_piece_fetch(struct block_piece *p, const struct block *before)
{
	struct arena *scratch = arena_create(BLOCK_SCRATCH_BYTES_MAX);
	p->scratch = *p->cx;
	p->scratch.arena = scratch;
	p->is_racy = false;
	enum status st = block_piece_run(p, before);
	arena_destroy(scratch);
	p->scratch.arena = NULL;
	return st;
}

/* How many blocks to ask for next, after `asked` of them came as so many bytes. */
static size_t block_piece_next(size_t asked, uint64_t bytes)
{
	if (bytes > BLOCK_PIECE_BYTES)
		return asked > 1 ? asked / 2 : 1;
	return asked * 2 < BLOCK_PIECE_MAX ? asked * 2 : BLOCK_PIECE_MAX;
}

enum status block_fetch(struct ctx *cx, struct rpc *rpc, struct block **out, size_t *n,
			uint64_t from, uint64_t to, unsigned flags)
{
	assert(from <= to);
	size_t wanted = to - from < BLOCK_FETCH_MAX ? (size_t)(to - from) + 1 : BLOCK_FETCH_MAX;
	struct block *blocks = arena_array(cx->arena, wanted, sizeof *blocks);
	uint64_t bytes = 0;
	size_t size = 1;
	size_t done = 0;
	bool again = false;
	while (done < wanted && bytes <= BLOCK_FETCH_BYTES) {
		size_t ask = wanted - done < size ? wanted - done : size;
		struct block_piece p = {.cx = cx, .rpc = rpc, .from = from + done, .n = ask,
					.flags = flags, .blocks = blocks + done};
		uint64_t bytes_before = jsonrpc_answer_bytes(rpc_nodes(rpc));
		enum status st = block_piece_fetch(&p, done > 0 ? &blocks[done - 1] : NULL);
		uint64_t bytes_piece = jsonrpc_answer_bytes(rpc_nodes(rpc)) - bytes_before;
		bytes += bytes_piece;
		if (st == ST_NOT_FOUND && done > 0)
			break;
		if (p.is_too_large && ask > 1) {
			size = ask / 2;
			continue;
		}
		if (p.is_racy && !again) {
			again = true;
			continue;
		}
		if (st != ST_OK)
			return st;
		again = false;
		done += p.n;
		size = block_piece_next(ask, bytes_piece);
		if (p.n < ask)
			break;
	}
	if (done == 0)
		return fail(cx, ST_CHAIN, "block %" PRIu64 ": the answers are too large", from);
	ctx_error_clear(cx);
	*out = blocks;
	*n = done;
	return ST_OK;
}
