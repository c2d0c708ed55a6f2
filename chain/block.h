/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks with all their receipts, verified: the header's fields hash to its hash, the receipts
 * make its receiptsRoot, logs carry the block's own hash, number and running indices, and each
 * block is the child of the one before it. Every configured node must give the same hash.
 *
 * A block proves nothing about transactions beyond their receipts: see struct rpc_receipt.
 */
#ifndef FERRY_CHAIN_BLOCK_H
#define FERRY_CHAIN_BLOCK_H

#include "chain/rpc.h"

enum {
	BLOCK_FETCH_MAX = 256,                /* blocks in one call */
	BLOCK_FETCH_BYTES = 8 * 1024 * 1024,  /* of answers after which a call ends */
};

struct block {
	uint64_t number;
	struct hash hash;
	struct hash parent_hash;
	uint64_t timestamp; /* seconds since 1970 */
	struct u256 base_fee;
	const struct rpc_receipt *receipts; /* one a transaction, in order */
	size_t receipts_n;
	const struct rpc_tx *txs; /* only with BLOCK_WITH_TXS: the node's word */
	size_t txs_n;
};

enum { BLOCK_WITH_TXS = 1 }; /* flags */

/* Fetches blocks from `from` on: up to and with `to`, but fewer, at least one, when that makes
 * more than BLOCK_FETCH_MAX or, together, more than BLOCK_FETCH_BYTES of answers.
 *
 * Returns: ST_OK; ST_NOT_FOUND when a node does not have the first of them yet; ST_CHAIN when a
 *          node gave no usable answer: with several nodes all must answer; ST_CHAIN_DISPUTED when
 *          what a node says contradicts itself or another node, the sentence holding the evidence.
 *          A contradiction that a reorganisation in mid-answer explains (a broken parent link,
 *          the receipts of another block) is asked for once more before it is called a dispute.
 * Out:     *n blocks, in order, in the cx's arena, which must have room for twice
 *          BLOCK_FETCH_BYTES and an answer of the rpc's answer_bytes_max.
 * Blocks on the network. Uses memory outside the arena while reading, some 10 bytes for each byte
 * of an answer.
 */
MUST_USE enum status block_fetch(struct ctx *cx, struct rpc *rpc, struct block **out, size_t *n,
				 uint64_t from, uint64_t to, unsigned flags);

#endif
