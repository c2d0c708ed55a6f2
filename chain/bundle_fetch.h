/* SPDX-License-Identifier: Apache-2.0
 *
 * The evidence of a bundle out of a block of the main registry's chain.
 */
#ifndef FERRY_CHAIN_BUNDLE_FETCH_H
#define FERRY_CHAIN_BUNDLE_FETCH_H

#include "chain/bundle.h"
#include "chain/rpc.h"

/* Fills b->evidence from the block in which the batch arrived (its message's destination block). Of b must
 * be set: root, batch_number, src_eid, main_registry. prev_root and data_hash: of the batch's message, where
 * the caller knows them, else zero.
 *
 * Returns: ST_OK; ST_NOT_FOUND when the block is not there, or, with the code BATCH_NOT_IN_BLOCK, when
 *          the registry did not take that batch with that root in it; ST_TOO_LARGE when the receipt
 *          with the batch has megabytes of other logs; ST_CHAIN, ST_CHAIN_REJECTED,
 *          ST_CHAIN_DISPUTED as block_fetch.
 * Out:     b->evidence, in the cx's arena, which must have room as block_fetch says.
 * Blocks on the network: one block with all its receipts from every node, and its header.
 */
MUST_USE enum status bundle_fetch(struct ctx *cx, struct rpc *rpc, struct bundle *b,
				  uint64_t block_number, const struct hash *prev_root,
				  const struct hash *data_hash);

/* The same from a header and all receipts of its block, in order. Pure. */
MUST_USE enum status bundle_make(struct ctx *cx, struct bundle *b, const struct header *header,
				 const struct receipt *receipts, size_t n,
				 const struct hash *prev_root, const struct hash *data_hash);

#endif
