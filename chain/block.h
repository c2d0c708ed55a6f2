/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks with all their receipts, verified: the header's fields hash to its hash, the receipts
 * make its receiptsRoot, logs carry the block's own hash, number and running indices, and each
 * block is the child of the one before it. Every configured node must give the same hash.
 *
 * A block proves nothing about transactions beyond their receipts: see struct receipt.
 */
#ifndef FERRY_CHAIN_BLOCK_H
#define FERRY_CHAIN_BLOCK_H

#include "chain/rpc.h"

enum {
	BLOCK_FETCH_MAX = 256,      /* blocks in one call */
	BLOCK_RECEIPTS_MAX = 20000, /* in one block */
};

/* A transaction as the node tells it; the header does not prove it. */
struct block_tx {
	struct hash hash;
	struct addr from;
	uint64_t nonce;
	bool is_create;
	struct addr to;
};

struct block {
	uint64_t number;
	struct hash hash;
	struct hash parent_hash;
	uint64_t timestamp; /* seconds since 1970 */
	struct u256 base_fee;
	const struct receipt *receipts; /* one a transaction, in order */
	size_t receipts_count;
	const struct block_tx *txs; /* only with BLOCK_WITH_TXS */
	size_t txs_count;
};

enum { BLOCK_WITH_TXS = 1 }; /* flags */

/* Fetches the blocks from..to, both included, at most BLOCK_FETCH_MAX.
 *
 * Returns: ST_OK; ST_NOT_FOUND when a node does not have one of them yet; ST_CHAIN when a node
 *          gave no usable answer: with several nodes all must answer; ST_CHAIN_DISPUTED when what
 *          a node says contradicts itself or another node, the sentence holding the evidence. A
 *          contradiction that a reorganisation in mid-answer explains (a broken parent link, the
 *          receipts of another block) is asked for once more before it is called a dispute.
 * Out:     to - from + 1 blocks in the cx's arena, in order.
 * Blocks on the network. Needs memory outside the arena, about 8 bytes for each byte of answer.
 */
MUST_USE enum status block_fetch(struct ctx *cx, struct rpc *rpc, struct block **out,
				 uint64_t from, uint64_t to, unsigned flags);

#endif
