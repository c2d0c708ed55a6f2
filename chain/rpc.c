/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* strcasestr */
#include "chain/rpc.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "chain/keccak.h"

enum {
	RPC_FEE_BLOCKS = 10,      /* looked back at for the tip */
	RPC_CODE_LIMIT = -32005,  /* EIP-1474: "Limit exceeded": ask again later */
	RPC_CODE_REVERT = 3,      /* geth and those who follow it */
	RPC_CODE_BYTES_MAX = 1 << 20,
};

struct rpc {
	struct jsonrpc *nodes;
	uint64_t chain_id;
};

const struct rpc_at rpc_latest = {.kind = RPC_AT_LATEST};
const struct rpc_at rpc_pending = {.kind = RPC_AT_PENDING};

struct rpc_at rpc_at_number(uint64_t number)
{
	return (struct rpc_at){.kind = RPC_AT_NUMBER, .number = number};
}

struct rpc_at rpc_at_hash(const struct hash *hash)
{
	return (struct rpc_at){.kind = RPC_AT_HASH, .hash = *hash};
}

struct rpc *rpc_create(const struct rpc_config *config)
{
	struct rpc *rpc = calloc(1, sizeof *rpc);
	if (!rpc)
		abort();
	rpc->nodes = jsonrpc_create(&config->nodes);
	rpc->chain_id = config->chain_id;
	return rpc;
}

void rpc_destroy(struct rpc *rpc)
{
	if (!rpc)
		return;
	jsonrpc_destroy(rpc->nodes);
	free(rpc);
}

void rpc_abort(struct rpc *rpc)
{
	jsonrpc_abort(rpc->nodes);
}

struct jsonrpc *rpc_nodes(struct rpc *rpc)
{
	return rpc->nodes;
}

const char *rpc_number_text(struct arena *a, uint64_t number)
{
	return arena_printf(a, "\"0x%" PRIx64 "\"", number);
}

/* As the last parameter of a state read; EIP-1898 for a hash. */
static const char *rpc_at_text(struct arena *a, const struct rpc_at *at)
{
	switch (at->kind) {
	case RPC_AT_LATEST:
		return "\"latest\"";
	case RPC_AT_PENDING:
		return "\"pending\"";
	case RPC_AT_NUMBER:
		return rpc_number_text(a, at->number);
	case RPC_AT_HASH:
		return arena_printf(a, "{\"blockHash\":\"%s\"}", hex_encode(a, at->hash.b, 32));
	}
	abort(); /* no other kind */
}

/* The node's error as a failure of ours. */
static enum status rpc_refused(struct ctx *cx, struct rpc *rpc, const struct jsonrpc_item *item)
{
	enum status st = item->code == RPC_CODE_LIMIT ? ST_CHAIN : ST_CHAIN_REJECTED;
	return fail(cx, st, "%s at %s: %s (%" PRId64 ")", item->method,
		    jsonrpc_node_name(rpc->nodes, jsonrpc_answered(rpc->nodes)), item->message,
		    item->code);
}

/* Passes ST_OK; what a reader found wrong with an answer becomes the node's failure. */
static enum status rpc_understood(struct ctx *cx, struct rpc *rpc, const char *method,
				  enum status st)
{
	if (st == ST_OK)
		return ST_OK;
	const char *why = arena_strdup(cx->arena, cx->err.message);
	return fail(cx, ST_CHAIN, "%s at %s: the answer makes no sense: %s", method,
		    jsonrpc_node_name(rpc->nodes, jsonrpc_answered(rpc->nodes)), why);
}

static enum status rpc_ask(struct ctx *cx, struct rpc *rpc, json_t **out, const char *method,
			   const char *params)
{
	struct jsonrpc_item item = {.method = method, .params = params};
	TRY(jsonrpc_ask_any(cx, rpc->nodes, &item, 1));
	if (item.failed)
		return rpc_refused(cx, rpc, &item);
	*out = item.result;
	return ST_OK;
}

static enum status rpc_ask_u64(struct ctx *cx, struct rpc *rpc, uint64_t *out, const char *method,
			       const char *params)
{
	json_t *result = NULL;
	TRY(rpc_ask(cx, rpc, &result, method, params));
	return rpc_understood(cx, rpc, method, json_read_u64(cx, out, result, "the result"));
}

enum status rpc_chain_id(struct ctx *cx, struct rpc *rpc, uint64_t *out)
{
	return rpc_ask_u64(cx, rpc, out, "eth_chainId", "[]");
}

enum status rpc_block_number(struct ctx *cx, struct rpc *rpc, uint64_t *out)
{
	return rpc_ask_u64(cx, rpc, out, "eth_blockNumber", "[]");
}

enum status rpc_check(struct ctx *cx, struct rpc *rpc)
{
	for (size_t i = 0; i < jsonrpc_nodes(rpc->nodes); i++) {
		struct jsonrpc_item item = {.method = "eth_chainId", .params = "[]"};
		const char *name = jsonrpc_node_name(rpc->nodes, i);
		uint64_t id;
		TRY(jsonrpc_ask(cx, rpc->nodes, i, &item, 1));
		if (item.failed)
			return fail(cx, ST_CHAIN_REJECTED, "eth_chainId at %s: %s (%" PRId64 ")",
				    name, item.message, item.code);
		if (json_read_u64(cx, &id, item.result, "the result") != ST_OK)
			return fail(cx, ST_CHAIN, "eth_chainId at %s: the answer makes no sense",
				    name);
		if (id != rpc->chain_id)
			return fail(cx, ST_PRECONDITION,
				    "%s serves chain %" PRIu64
				    ", but the configuration says %" PRIu64
				    ": correct chain_id or rpc",
				    name, id, rpc->chain_id);
	}
	return ST_OK;
}

static enum status rpc_header_check(struct ctx *cx, const struct header *h,
				    const struct hash *hash, const struct rpc_at *at)
{
	struct hash computed = header_hash(cx->arena, h);
	if (!hash_equal(&computed, hash))
		return fail(cx, ST_CHAIN_DISPUTED,
			    "block %" PRIu64 " is said to be %s, but its header hashes to %s",
			    h->number, hex_encode(cx->arena, hash->b, 32),
			    hex_encode(cx->arena, computed.b, 32));
	if (at->kind == RPC_AT_NUMBER && h->number != at->number)
		return fail(cx, ST_CHAIN_DISPUTED,
			    "block %" PRIu64 " was asked for, block %" PRIu64 " came", at->number,
			    h->number);
	if (at->kind == RPC_AT_HASH && !hash_equal(&at->hash, hash))
		return fail(cx, ST_CHAIN_DISPUTED, "block %s was asked for, block %s came",
			    hex_encode(cx->arena, at->hash.b, 32),
			    hex_encode(cx->arena, hash->b, 32));
	return ST_OK;
}

enum status rpc_header(struct ctx *cx, struct rpc *rpc, struct header *out, struct hash *hash,
		       const struct rpc_at *at)
{
	assert(at->kind != RPC_AT_PENDING);
	bool by_hash = at->kind == RPC_AT_HASH;
	const char *method = by_hash ? "eth_getBlockByHash" : "eth_getBlockByNumber";
	const char *which = by_hash ? arena_printf(cx->arena, "\"%s\"",
						   hex_encode(cx->arena, at->hash.b, 32))
				    : rpc_at_text(cx->arena, at);
	json_t *result = NULL;
	TRY(rpc_ask(cx, rpc, &result, method, arena_printf(cx->arena, "[%s,false]", which)));
	if (json_is_null(result))
		return fail(cx, ST_NOT_FOUND, "%s: there is no block %s",
			    jsonrpc_node_name(rpc->nodes, jsonrpc_answered(rpc->nodes)), which);
	TRY(rpc_understood(cx, rpc, method, rpc_read_header(cx, out, hash, result)));
	return rpc_header_check(cx, out, hash, at);
}

static const char *rpc_account_params(struct arena *a, const struct addr *account,
				      const struct rpc_at *at)
{
	return arena_printf(a, "[\"%s\",%s]", hex_encode(a, account->b, 20), rpc_at_text(a, at));
}

enum status rpc_nonce(struct ctx *cx, struct rpc *rpc, uint64_t *out, const struct addr *account,
		      const struct rpc_at *at)
{
	return rpc_ask_u64(cx, rpc, out, "eth_getTransactionCount",
			   rpc_account_params(cx->arena, account, at));
}

enum status rpc_balance(struct ctx *cx, struct rpc *rpc, struct u256 *out,
			const struct addr *account, const struct rpc_at *at)
{
	static const char method[] = "eth_getBalance";
	json_t *result = NULL;
	TRY(rpc_ask(cx, rpc, &result, method, rpc_account_params(cx->arena, account, at)));
	return rpc_understood(cx, rpc, method, rpc_read_u256(cx, out, result, "the result"));
}

enum status rpc_code(struct ctx *cx, struct rpc *rpc, struct bytes *out,
		     const struct addr *account, const struct rpc_at *at)
{
	static const char method[] = "eth_getCode";
	json_t *result = NULL;
	TRY(rpc_ask(cx, rpc, &result, method, rpc_account_params(cx->arena, account, at)));
	return rpc_understood(cx, rpc, method,
			      json_read_data(cx, out, result, "the result", RPC_CODE_BYTES_MAX));
}

static const char *rpc_call_params(struct arena *a, const struct rpc_call *call,
				   const struct rpc_at *at)
{
	struct buf b;
	char quantity[U256_QUANTITY_BYTES];
	buf_init(&b, a, SIZE_MAX / 4);
	buf_printf(&b, "[{\"to\":\"%s\"", hex_encode(a, call->to.b, 20));
	if (!addr_is_zero(&call->from))
		buf_printf(&b, ",\"from\":\"%s\"", hex_encode(a, call->from.b, 20));
	if (!u256_is_zero(call->value)) {
		u256_format_quantity(quantity, call->value);
		buf_printf(&b, ",\"value\":\"%s\"", quantity);
	}
	if (call->gas)
		buf_printf(&b, ",\"gas\":\"0x%" PRIx64 "\"", call->gas);
	/* "data", not "input": every node takes it. */
	buf_puts(&b, ",\"data\":\"");
	buf_puts(&b, hex_encode(a, call->data.p, call->data.n));
	buf_printf(&b, "\"},%s]", rpc_at_text(a, at));
	return buf_text(&b);
}

/* Revert data: "0x..", "Reverted 0x.." (parity's heirs), or an object that holds it (hardhat). */
static struct bytes rpc_revert_data(struct ctx *cx, const json_t *data)
{
	struct bytes out = {0};
	if (json_is_object(data))
		data = json_object_get(data, "data");
	const char *s = json_string_value(data);
	if (!s)
		return out;
	if (strncmp(s, "Reverted ", 9) == 0)
		s += 9;
	if (!hex_decode(cx->arena, s, strlen(s), RPC_READ_DATA_BYTES_MAX, &out))
		out = (struct bytes){0};
	return out;
}

static enum status rpc_call_read(struct ctx *cx, struct rpc_call *call,
				 const struct jsonrpc_item *item)
{
	call->message = "";
	if (!item->failed) {
		call->outcome = RPC_CALL_RETURNED;
		return json_read_data(cx, &call->out, item->result, "the result",
				      RPC_READ_DATA_BYTES_MAX);
	}
	call->code = item->code;
	call->message = arena_strdup(cx->arena, item->message);
	call->out = rpc_revert_data(cx, item->data);
	bool reverted = item->code == RPC_CODE_REVERT || call->out.n > 0 ||
			strcasestr(item->message, "revert") ||
			strcasestr(item->message, "out of gas") ||
			strcasestr(item->message, "outofgas");
	call->outcome = reverted ? RPC_CALL_REVERTED : RPC_CALL_REFUSED;
	return ST_OK;
}

enum status rpc_call_many(struct ctx *cx, struct rpc *rpc, struct rpc_call *calls, size_t n,
			  const struct rpc_at *at)
{
	static const char method[] = "eth_call";
	struct jsonrpc_item *items = arena_array(cx->arena, n, sizeof *items);
	for (size_t i = 0; i < n; i++) {
		calls[i].outcome = RPC_CALL_UNKNOWN;
		items[i].method = method;
		items[i].params = rpc_call_params(cx->arena, &calls[i], at);
	}
	TRY(jsonrpc_ask_any(cx, rpc->nodes, items, n));
	for (size_t i = 0; i < n; i++)
		TRY(rpc_understood(cx, rpc, method, rpc_call_read(cx, &calls[i], &items[i])));
	return ST_OK;
}

enum status rpc_call(struct ctx *cx, struct rpc *rpc, struct rpc_call *call,
		     const struct rpc_at *at)
{
	TRY(rpc_call_many(cx, rpc, call, 1, at));
	if (call->outcome == RPC_CALL_REFUSED)
		return fail(cx, call->code == RPC_CODE_LIMIT ? ST_CHAIN : ST_CHAIN_REJECTED,
			    "eth_call at %s: %s (%" PRId64 ")",
			    jsonrpc_node_name(rpc->nodes, jsonrpc_answered(rpc->nodes)),
			    call->message, call->code);
	return ST_OK;
}

static int rpc_compare_u256(const void *a, const void *b)
{
	const struct u256 *x = a;
	const struct u256 *y = b;
	return u256_cmp(*x, *y);
}

/* The median tip of the blocks that had transactions; an empty block says 0. */
static enum status rpc_fee_history(struct ctx *cx, struct rpc_fee *out, const json_t *history)
{
	json_t *base = NULL;
	json_t *reward = NULL;
	struct u256 tips[RPC_FEE_BLOCKS];
	size_t tips_n = 0;
	TRY(json_read_member(cx, &base, history, "baseFeePerGas", JSON_ARRAY));
	TRY(json_read_member(cx, &reward, history, "reward", JSON_ARRAY));
	size_t base_n = json_array_size(base);
	if (base_n == 0 || json_array_size(reward) > RPC_FEE_BLOCKS)
		return fail(cx, ST_INVALID, "baseFeePerGas or reward has the wrong length");
	TRY(rpc_read_u256(cx, &out->base_next, json_array_get(base, base_n - 1), "a base fee"));
	for (size_t i = 0; i < json_array_size(reward); i++) {
		TRY(rpc_read_u256(cx, &tips[tips_n], json_array_get(json_array_get(reward, i), 0),
				  "a reward"));
		if (!u256_is_zero(tips[tips_n]))
			tips_n++;
	}
	qsort(tips, tips_n, sizeof tips[0], rpc_compare_u256);
	if (tips_n > 0)
		out->tip = tips[tips_n / 2];
	return ST_OK;
}

enum status rpc_fee(struct ctx *cx, struct rpc *rpc, struct rpc_fee *out)
{
	struct jsonrpc_item items[] = {
		{.method = "eth_getBlockByNumber", .params = "[\"latest\",false]"},
		{.method = "eth_feeHistory", .params = "[\"0xa\",\"latest\",[50]]"},
		{.method = "eth_maxPriorityFeePerGas", .params = "[]"},
	};
	*out = (struct rpc_fee){0};
	TRY(jsonrpc_ask_any(cx, rpc->nodes, items, 3));
	if (items[0].failed)
		return rpc_refused(cx, rpc, &items[0]);
	TRY(rpc_understood(cx, rpc, items[0].method,
			   rpc_read_u256(cx, &out->base,
					 json_object_get(items[0].result, "baseFeePerGas"),
					 "baseFeePerGas")));
	/* The most a base fee can grow in one block: 1/8. */
	if (!u256_mul_bps(&out->base_next, out->base, 11250))
		out->base_next = out->base;
	if (!items[1].failed)
		TRY(rpc_understood(cx, rpc, items[1].method,
				   rpc_fee_history(cx, out, items[1].result)));
	if (u256_is_zero(out->tip) && !items[2].failed)
		TRY(rpc_understood(cx, rpc, items[2].method,
				   rpc_read_u256(cx, &out->tip, items[2].result, "the result")));
	return ST_OK;
}

enum status rpc_tx_by_hash(struct ctx *cx, struct rpc *rpc, struct rpc_tx *out, bool *found,
			   const struct hash *hash)
{
	static const char method[] = "eth_getTransactionByHash";
	json_t *result = NULL;
	TRY(rpc_ask(cx, rpc, &result, method,
		    arena_printf(cx->arena, "[\"%s\"]", hex_encode(cx->arena, hash->b, 32))));
	*found = !json_is_null(result);
	if (!*found)
		return ST_OK;
	TRY(rpc_understood(cx, rpc, method, rpc_read_tx(cx, out, result)));
	if (!hash_equal(&out->hash, hash))
		return fail(cx, ST_CHAIN_DISPUTED, "transaction %s was asked for, another came",
			    hex_encode(cx->arena, hash->b, 32));
	return ST_OK;
}

static enum status rpc_receipt_read(struct ctx *cx, struct rpc_receipt_lookup *lookup,
				    const json_t *result)
{
	lookup->found = !json_is_null(result);
	if (!lookup->found)
		return ST_OK;
	TRY(rpc_read_receipt(cx, &lookup->receipt, result));
	if (!hash_equal(&lookup->receipt.tx_hash, &lookup->tx_hash))
		return fail(cx, ST_INVALID, "the receipt is of another transaction");
	return ST_OK;
}

enum status rpc_receipt_many(struct ctx *cx, struct rpc *rpc, struct rpc_receipt_lookup *lookups,
			     size_t n)
{
	static const char method[] = "eth_getTransactionReceipt";
	struct jsonrpc_item *items = arena_array(cx->arena, n, sizeof *items);
	for (size_t i = 0; i < n; i++) {
		items[i].method = method;
		items[i].params =
			arena_printf(cx->arena, "[\"%s\"]",
				     hex_encode(cx->arena, lookups[i].tx_hash.b, 32));
	}
	TRY(jsonrpc_ask_any(cx, rpc->nodes, items, n));
	for (size_t i = 0; i < n; i++) {
		if (items[i].failed)
			return rpc_refused(cx, rpc, &items[i]);
		TRY(rpc_understood(cx, rpc, method,
				   rpc_receipt_read(cx, &lookups[i], items[i].result)));
	}
	return ST_OK;
}
