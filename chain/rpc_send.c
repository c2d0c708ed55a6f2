/* SPDX-License-Identifier: Apache-2.0
 *
 * Broadcasting raw transactions (rpc.h: rpc_send_many): to every node, the best answer counts.
 */
#define _GNU_SOURCE /* strcasestr */
#include <assert.h>

#include "chain/keccak.h"
#include "chain/rpc.h"

const char *rpc_send_name(enum rpc_send_outcome outcome)
{
	static const char *const names[] = {
		[RPC_SEND_ACCEPTED] = "ACCEPTED",
		[RPC_SEND_KNOWN] = "KNOWN",
		[RPC_SEND_NONCE_TOO_LOW] = "NONCE_TOO_LOW",
		[RPC_SEND_UNDERPRICED] = "UNDERPRICED",
		[RPC_SEND_FEE_TOO_LOW] = "FEE_TOO_LOW",
		[RPC_SEND_NO_FUNDS] = "NO_FUNDS",
		[RPC_SEND_NONCE_GAP] = "NONCE_GAP",
		[RPC_SEND_POOL_FULL] = "POOL_FULL",
		[RPC_SEND_REFUSED] = "REFUSED",
		[RPC_SEND_UNKNOWN] = "UNKNOWN",
	};
	assert((unsigned)outcome < sizeof names / sizeof names[0]);
	return names[outcome];
}

/* What nodes say (geth, erigon, reth, nethermind, besu, anvil, the rollups built on them): no code
 * tells these apart, only words. The first row that is part of the message, in any case, counts. */
static const struct rpc_send_words {
	const char *part;
	enum rpc_send_outcome outcome;
} rpc_send_words[] = {
	{"already known", RPC_SEND_KNOWN},
	{"already imported", RPC_SEND_KNOWN},
	{"alreadyknown", RPC_SEND_KNOWN},
	{"known transaction", RPC_SEND_KNOWN},
	{"already exists", RPC_SEND_KNOWN},
	{"already in mempool", RPC_SEND_KNOWN},
	{"nonce too low", RPC_SEND_NONCE_TOO_LOW},
	{"nonce is too low", RPC_SEND_NONCE_TOO_LOW},
	{"oldnonce", RPC_SEND_NONCE_TOO_LOW},
	{"nonce below", RPC_SEND_NONCE_TOO_LOW},
	{"replacement", RPC_SEND_UNDERPRICED}, /* "... transaction underpriced", "...NotAllowed" */
	{"could not replace", RPC_SEND_UNDERPRICED},
	{"less than block base fee", RPC_SEND_FEE_TOO_LOW},
	{"below current base fee", RPC_SEND_FEE_TOO_LOW},
	{"lower than the current base fee", RPC_SEND_FEE_TOO_LOW},
	{"underpriced", RPC_SEND_FEE_TOO_LOW}, /* "transaction underpriced": the pool's minimum */
	{"feetoolow", RPC_SEND_FEE_TOO_LOW},
	{"fee too low", RPC_SEND_FEE_TOO_LOW},
	{"below configured minimum", RPC_SEND_FEE_TOO_LOW},
	{"insufficient funds", RPC_SEND_NO_FUNDS},
	{"insufficientfunds", RPC_SEND_NO_FUNDS},
	{"insufficient balance", RPC_SEND_NO_FUNDS},
	{"upfront cost exceeds", RPC_SEND_NO_FUNDS},
	{"nonce too high", RPC_SEND_NONCE_GAP},
	{"noncegap", RPC_SEND_NONCE_GAP},
	{"nonce gap", RPC_SEND_NONCE_GAP},
	{"gapped", RPC_SEND_NONCE_GAP},
	{"too far in", RPC_SEND_NONCE_GAP},
	{"toofarinfuture", RPC_SEND_NONCE_GAP},
	{"too distant", RPC_SEND_NONCE_GAP},
	{"pool is full", RPC_SEND_POOL_FULL},
	{"pool full", RPC_SEND_POOL_FULL},
	{"pool limit", RPC_SEND_POOL_FULL},
	{"account limit exceeded", RPC_SEND_POOL_FULL},
};

enum rpc_send_outcome rpc_send_classify(const char *message)
{
	for (size_t i = 0; i < sizeof rpc_send_words / sizeof rpc_send_words[0]; i++) {
		if (strcasestr(message, rpc_send_words[i].part))
			return rpc_send_words[i].outcome;
	}
	return RPC_SEND_REFUSED;
}

/* Takes a node's answer when it is better than those before. */
static void rpc_send_merge(struct ctx *cx, struct rpc_send *send, const struct jsonrpc_item *item,
			   const char *node)
{
	struct hash hash;
	enum rpc_send_outcome outcome = RPC_SEND_ACCEPTED;
	const char *message = "";
	if (item->failed) {
		outcome = rpc_send_classify(item->message);
		message = arena_printf(cx->arena, "%s: %s", node, item->message);
	} else if (!item->result) {
		return; /* not answered */
	} else if (json_read_hash(cx, &hash, item->result, "the result") != ST_OK ||
		   !hash_equal(&hash, &send->hash)) {
		outcome = RPC_SEND_REFUSED;
		message = arena_printf(cx->arena, "%s: answered another hash than %s", node,
				       hex_encode(cx->arena, send->hash.b, 32));
	}
	if (outcome >= send->outcome)
		return;
	send->outcome = outcome;
	send->code = item->code;
	send->message = message;
}

static const char *rpc_send_params(struct arena *a, struct bytes raw)
{
	char *s = arena_alloc(a, 2 * raw.n + 7);
	memcpy(s, "[\"0x", 4);
	hex_digits(s + 4, raw.p, raw.n);
	memcpy(s + 4 + 2 * raw.n, "\"]", 2);
	return s;
}

enum status rpc_send_many(struct ctx *cx, struct rpc *rpc, struct rpc_send *sends, size_t n)
{
	struct jsonrpc *nodes = rpc_nodes(rpc);
	size_t nodes_n = jsonrpc_nodes(nodes);
	struct jsonrpc_query queries[JSONRPC_NODES_MAX] = {0};
	struct jsonrpc_item *items = arena_array(cx->arena, nodes_n * n, sizeof *items);
	for (size_t i = 0; i < n; i++) {
		const char *params = rpc_send_params(cx->arena, sends[i].raw);
		sends[i].hash = keccak256_bytes(sends[i].raw);
		sends[i].outcome = RPC_SEND_UNKNOWN;
		sends[i].code = 0;
		sends[i].message = "no node answered";
		for (size_t node = 0; node < nodes_n; node++) {
			items[node * n + i].method = "eth_sendRawTransaction";
			items[node * n + i].params = params;
		}
	}
	for (size_t node = 0; node < nodes_n; node++)
		queries[node] = (struct jsonrpc_query){.items = &items[node * n], .n = n};
	jsonrpc_ask_all(cx, nodes, queries);

	size_t unknown = 0;
	for (size_t i = 0; i < n; i++) {
		for (size_t node = 0; node < nodes_n; node++)
			rpc_send_merge(cx, &sends[i], &queries[node].items[i],
				       jsonrpc_node_name(nodes, node));
		unknown += sends[i].outcome == RPC_SEND_UNKNOWN;
	}
	if (unknown == 0)
		return ST_OK;
	for (size_t node = 0; node < nodes_n; node++) {
		if (queries[node].status != ST_OK)
			return fail(cx,
				    queries[node].status == ST_CANCELLED ? ST_CANCELLED : ST_CHAIN,
				    "%zu of %zu transactions have no answer: %s", unknown, n,
				    queries[node].why);
	}
	return fail(cx, ST_CHAIN, "%zu of %zu transactions have no answer", unknown, n);
}
