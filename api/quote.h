/* SPDX-License-Identifier: Apache-2.0
 *
 * What only a node can say, asked for by threads of their own: fees for quotes, and whether a
 * contract wallet agrees with a signature. Two seconds at most; nobody else waits for it.
 */
#ifndef FERRY_API_QUOTE_H
#define FERRY_API_QUOTE_H

#include "api/handler.h"
#include "chain/rpc.h"

enum { QUOTE_NODE_MS = 2000 };

struct quotes;
struct quotes *quotes_create(void);
void quotes_destroy(struct quotes *q);
/* Ends what is asked of nodes, now and later. */
void quotes_stop(struct quotes *q);

/* A thread's nodes, one rpc a chain, made when first needed. */
struct quote_nodes {
	struct api *api;
	struct db *db;
	struct rpc *rpcs[API_CHAINS_MAX];
	int timeout_ms;          /* of an answer; 0: QUOTE_NODE_MS */
	size_t answer_bytes_max; /* 0: 4 MiB */
};
/* ST_UNAVAILABLE when the configuration names no node for the chain. */
MUST_USE enum status quote_rpc(struct ctx *cx, struct quote_nodes *nodes, struct rpc **out,
			       const struct api_chain *chain);
/* At the thread's end. */
void quote_nodes_close(struct quote_nodes *nodes);
/* CreateQuote. */
MUST_USE enum status quote_create(struct ctx *cx, struct quote_nodes *nodes, struct api_call *call);
/* wallet.c: asks the contract wallets of a call and goes on with it. */
void wallet_check(struct quote_nodes *nodes, struct api_call *call);

/* Fees of a few seconds ago. */
bool quotes_get(struct quotes *q, const struct hash *key, struct u256 *fee);
void quotes_put(struct quotes *q, const struct hash *key, struct u256 fee);

#endif
