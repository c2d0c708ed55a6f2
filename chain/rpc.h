/* SPDX-License-Identifier: Apache-2.0
 *
 * The nodes of one chain, asked in Ethereum's words. Every answer is read strictly; what a node
 * says is still only its word, except for headers, whose hash is recomputed. Facts that lead to a
 * signature come from block.h.
 *
 * Reads go to one node, another when it does not answer; transactions go to all of them.
 *
 * All functions that do I/O return ST_OK; ST_CHAIN when no node gave a usable answer (ask again);
 * ST_CHAIN_REJECTED when the node answered an error; ST_CANCELLED after rpc_abort. All block on
 * the network until the cx's deadline at the latest. One thread owns a struct rpc.
 */
#ifndef FERRY_CHAIN_RPC_H
#define FERRY_CHAIN_RPC_H

#include "chain/jsonrpc.h"
#include "chain/rpc_read.h"

struct rpc;

struct rpc_config {
	struct jsonrpc_config nodes;
	uint64_t chain_id; /* what rpc_check expects */
};

/* Does not connect. */
struct rpc *rpc_create(const struct rpc_config *config);
void rpc_destroy(struct rpc *rpc);
/* From any thread: what is under way and all that follows ends with ST_CANCELLED. */
void rpc_abort(struct rpc *rpc);
struct jsonrpc *rpc_nodes(struct rpc *rpc);

/* Which state or block: by number, by hash, or the head as the node sees it. */
struct rpc_at {
	enum { RPC_AT_LATEST, RPC_AT_PENDING, RPC_AT_NUMBER, RPC_AT_HASH } kind;
	uint64_t number;
	struct hash hash;
};
extern const struct rpc_at rpc_latest;
extern const struct rpc_at rpc_pending;
struct rpc_at rpc_at_number(uint64_t number);
struct rpc_at rpc_at_hash(const struct hash *hash);

/* Asks every node. ST_PRECONDITION when one serves another chain than the configured one;
 * ST_CHAIN when one does not answer. For start-up. */
MUST_USE enum status rpc_check(struct ctx *cx, struct rpc *rpc);
MUST_USE enum status rpc_chain_id(struct ctx *cx, struct rpc *rpc, uint64_t *out);
MUST_USE enum status rpc_block_number(struct ctx *cx, struct rpc *rpc, uint64_t *out);
/* ST_NOT_FOUND when there is no such block; ST_CHAIN_DISPUTED when the fields do not hash to the
 * hash that came with them, or another block than the asked one came. RPC_AT_PENDING is a bug. */
MUST_USE enum status rpc_header(struct ctx *cx, struct rpc *rpc, struct header *out,
				struct hash *hash, const struct rpc_at *at);
MUST_USE enum status rpc_nonce(struct ctx *cx, struct rpc *rpc, uint64_t *out,
			       const struct addr *account, const struct rpc_at *at);
MUST_USE enum status rpc_balance(struct ctx *cx, struct rpc *rpc, struct u256 *out,
				 const struct addr *account, const struct rpc_at *at);
/* Empty for an account without code. */
MUST_USE enum status rpc_code(struct ctx *cx, struct rpc *rpc, struct bytes *out,
			      const struct addr *account, const struct rpc_at *at);

/* One eth_call. */
enum rpc_call_outcome {
	RPC_CALL_UNKNOWN,  /* not answered */
	RPC_CALL_RETURNED, /* out: the return data */
	RPC_CALL_REVERTED, /* out: the revert data, empty when the node gave none */
	RPC_CALL_REFUSED,  /* the node would not run it: code, message */
};
struct rpc_call {
	struct addr to;
	struct bytes data;
	struct addr from; /* zero: not given */
	struct u256 value;
	uint64_t gas; /* 0: the node's choice */
	enum rpc_call_outcome outcome;
	struct bytes out;
	int64_t code;
	const char *message; /* of the node, in the arena; "" for RPC_CALL_RETURNED */
};
/* Runs all of them against the same state. ST_OK whatever the outcomes. */
MUST_USE enum status rpc_call_many(struct ctx *cx, struct rpc *rpc, struct rpc_call *calls,
				   size_t n, const struct rpc_at *at);
/* One. ST_OK for RPC_CALL_RETURNED and RPC_CALL_REVERTED; ST_CHAIN_REJECTED for the rest. */
MUST_USE enum status rpc_call(struct ctx *cx, struct rpc *rpc, struct rpc_call *call,
			      const struct rpc_at *at);

/* What became of a raw transaction. The better news first: of several nodes' answers the best
 * counts. */
enum rpc_send_outcome {
	RPC_SEND_ACCEPTED,
	RPC_SEND_KNOWN,         /* it is in the pool already: as good as accepted */
	RPC_SEND_NONCE_TOO_LOW, /* a transaction with this nonce is mined */
	RPC_SEND_UNDERPRICED,   /* the pool holds one with this nonce; the bump is too small */
	RPC_SEND_FEE_TOO_LOW,   /* below the base fee or the pool's minimum: not kept */
	RPC_SEND_NO_FUNDS,
	RPC_SEND_NONCE_GAP,     /* earlier nonces are missing, and it was not kept */
	RPC_SEND_POOL_FULL,
	RPC_SEND_REFUSED,       /* anything else: the message says what */
	RPC_SEND_UNKNOWN,       /* no node answered: send it again */
};
const char *rpc_send_name(enum rpc_send_outcome outcome);
struct rpc_send {
	struct bytes raw;
	struct hash hash; /* out: keccak256(raw), computed here */
	enum rpc_send_outcome outcome;
	int64_t code;
	const char *message; /* of the node, in the arena; "" when accepted */
};
/* Broadcasts all of them, in order, to every node.
 * Returns: ST_OK when each has an answer from some node; ST_CHAIN when some have none: they are
 * RPC_SEND_UNKNOWN, the others are as said. */
MUST_USE enum status rpc_send_many(struct ctx *cx, struct rpc *rpc, struct rpc_send *sends,
				   size_t n);
/* The outcome in an error answer to eth_sendRawTransaction. Pure. */
enum rpc_send_outcome rpc_send_classify(const char *message);

/* What a transaction has to pay, wei a gas. */
struct rpc_fee {
	struct u256 base;      /* of the latest block */
	struct u256 base_next; /* of the block after it */
	struct u256 tip;       /* median of what the last blocks' median transaction paid, or the
				* node's suggestion when they were empty; 0 when there is neither */
};
MUST_USE enum status rpc_fee(struct ctx *cx, struct rpc *rpc, struct rpc_fee *out);

/* ST_OK with *found = false when the node does not know it. */
MUST_USE enum status rpc_tx_by_hash(struct ctx *cx, struct rpc *rpc, struct rpc_tx *out,
				    bool *found, const struct hash *hash);

struct rpc_receipt_lookup {
	struct hash tx_hash; /* in */
	bool found;
	struct rpc_receipt receipt; /* when found */
};
/* ST_OK with found = false for transactions that are not mined. Not verified. */
MUST_USE enum status rpc_receipt_many(struct ctx *cx, struct rpc *rpc,
				      struct rpc_receipt_lookup *lookups, size_t n);

/* The params text of a block number, "0x1f", in the arena. */
const char *rpc_number_text(struct arena *a, uint64_t number);

#endif
