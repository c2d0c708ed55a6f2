/* SPDX-License-Identifier: Apache-2.0
 *
 * What a node tells about blocks, transactions and receipts, out of its JSON. Form is checked,
 * truth is not: block.h does that. All fail with ST_INVALID and name the member; memory is the
 * cx's arena.
 */
#ifndef FERRY_CHAIN_RPC_READ_H
#define FERRY_CHAIN_RPC_READ_H

#include "base/json.h"
#include "chain/events.h"
#include "chain/header.h"
#include "chain/receipt.h"
#include "chain/u256.h"

enum { RPC_READ_DATA_BYTES_MAX = 4 * 1024 * 1024 }; /* of one log, one input, one return value */

/* The fields that make the hash, and the hash the node says they have. */
MUST_USE enum status rpc_read_header(struct ctx *cx, struct header *out, struct hash *hash,
				     const json_t *block);

struct rpc_tx {
	struct hash hash;
	struct addr from;
	uint64_t nonce;
	bool is_create;
	struct addr to; /* zero when is_create */
	struct u256 value;
	struct bytes input;
	bool mined;
	uint64_t block_number; /* when mined: */
	struct hash block_hash;
	uint64_t tx_index;
};
MUST_USE enum status rpc_read_tx(struct ctx *cx, struct rpc_tx *out, const json_t *tx);

/* receiptsRoot commits to `body`; the rest is the node's word in any case, also in block.h.
 * body's logs have the log_index of the block. The logs are of the same transaction and block as
 * the receipt, and none is `removed`. */
struct rpc_receipt {
	struct hash tx_hash;
	struct hash block_hash;
	uint64_t block_number;
	uint64_t tx_index;
	struct addr from;
	bool is_create;
	struct addr to;       /* zero when is_create */
	struct addr contract; /* made by is_create, else zero */
	uint64_t gas_used;
	struct u256 gas_price; /* effective, wei; 0 when the node does not tell */
	struct receipt body;   /* type, succeeded, gas_cumulative, logs */
};
MUST_USE enum status rpc_read_receipt(struct ctx *cx, struct rpc_receipt *out,
				      const json_t *receipt);

MUST_USE enum status rpc_read_u256(struct ctx *cx, struct u256 *out, const json_t *v,
				   const char *what);

#endif
