/* SPDX-License-Identifier: Apache-2.0 */
#include "api/quote.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "api/identity.h"
#include "api/json.h"
#include "api/validate.h"
#include "api/view.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/lock.h"
#include "base/log.h"
#include "chain/account.h"
#include "chain/calls.h"
#include "chain/revert.h"
#include "ferry/v1/quote_service.pb-c.h"

enum {
	QUOTES_MAX = 512,
	QUOTES_TTL_MS = 5000,
	QUOTES_RPCS_MAX = API_CHAINS_MAX * (API_THREADS_MAX + 1), /* and the one of bundles */
	QUOTE_CALL_BYTES_MAX = 128 * 1024,
	QUOTE_ANSWER_BYTES_MAX = 4 * 1024 * 1024,
	QUOTE_DEADLINE_S = 3600,
	QUOTE_NONCE_TRIES = 4,
	/* What an item costs in a batch, as measured; estimates for people. */
	QUOTE_SOURCE_GAS = 250000,
	QUOTE_SOURCE_GAS_PER_BYTE = 40,
	QUOTE_DESTINATION_GAS = 200000,
};

struct quotes {
	struct lock lock;
	struct {
		struct hash key;
		struct u256 fee;
		int64_t at_ms; /* 0: empty */
	} fees[QUOTES_MAX]; /* guarded by lock, as the next */
	struct rpc *rpcs[QUOTES_RPCS_MAX]; /* to be aborted at the end */
	size_t rpcs_n;
	bool is_stopped;
};

struct quotes *quotes_create(void)
{
	struct quotes *q = calloc(1, sizeof *q);
	assert(q);
	lock_init(&q->lock);
	return q;
}

void quotes_destroy(struct quotes *q)
{
	if (!q)
		return;
	lock_fini(&q->lock);
	free(q);
}

void quotes_stop(struct quotes *q)
{
	lock_take(&q->lock);
	q->is_stopped = true;
	for (size_t i = 0; i < q->rpcs_n; i++)
		rpc_abort(q->rpcs[i]);
	lock_give(&q->lock);
}

static size_t quotes_slot(const struct hash *key)
{
	return (size_t)(key->b[0] << 8 | key->b[1]) % QUOTES_MAX;
}

bool quotes_get(struct quotes *q, const struct hash *key, struct u256 *fee)
{
	size_t i = quotes_slot(key);
	lock_take(&q->lock);
	bool fresh = q->fees[i].at_ms && clock_mono_ms() - q->fees[i].at_ms < QUOTES_TTL_MS &&
		     hash_equal(&q->fees[i].key, key);
	if (fresh)
		*fee = q->fees[i].fee;
	lock_give(&q->lock);
	return fresh;
}

void quotes_put(struct quotes *q, const struct hash *key, struct u256 fee)
{
	size_t i = quotes_slot(key);
	lock_take(&q->lock);
	q->fees[i].key = *key;
	q->fees[i].fee = fee;
	q->fees[i].at_ms = clock_mono_ms();
	lock_give(&q->lock);
}

/* Nodes ---------------------------------------------------------------------------------------- */

enum status quote_rpc(struct ctx *cx, struct quote_nodes *nodes, struct rpc **out,
		      const struct api_chain *chain)
{
	const struct api_config *config = &nodes->api->config;
	size_t i = (size_t)(chain - config->chains);
	assert(i < config->chains_n);
	if (chain->rpc_n == 0)
		return fail(cx, ST_UNAVAILABLE, "no node of %s is configured here", chain->name);
	if (!nodes->rpcs[i]) {
		struct quotes *q = nodes->api->quotes;
		struct rpc_config c = {
			.nodes = {.name = chain->name,
				  .urls = chain->rpc,
				  .urls_count = chain->rpc_n,
				  .connect_timeout_ms = QUOTE_NODE_MS / 2,
				  .timeout_ms = nodes->timeout_ms ? nodes->timeout_ms
								  : QUOTE_NODE_MS,
				  .answer_bytes_max = nodes->answer_bytes_max
							      ? nodes->answer_bytes_max
							      : QUOTE_ANSWER_BYTES_MAX},
			.chain_id = chain->chain_id,
		};
		nodes->rpcs[i] = rpc_create(&c);
		lock_take(&q->lock);
		assert(q->rpcs_n < QUOTES_RPCS_MAX);
		q->rpcs[q->rpcs_n++] = nodes->rpcs[i];
		if (q->is_stopped)
			rpc_abort(nodes->rpcs[i]);
		lock_give(&q->lock);
	}
	*out = nodes->rpcs[i];
	return ST_OK;
}

static enum status quote_call(struct ctx *cx, struct rpc *rpc, struct bytes *out,
			      const struct addr *to, const struct buf *data)
{
	struct rpc_call call = {.to = *to, .data = buf_bytes(data)};
	assert(!data->overflow);
	TRY(rpc_call(cx, rpc, &call, &rpc_latest));
	if (call.outcome == RPC_CALL_REVERTED)
		return fail(cx, ST_CHAIN_REJECTED, "the contract refuses: %s",
			    revert_describe(cx->arena, call.out));
	*out = call.out;
	return ST_OK;
}

static enum status quote_word(struct ctx *cx, struct rpc *rpc, struct u256 *out,
			      const struct addr *to, const struct buf *data)
{
	struct bytes answer = {NULL, 0};
	TRY(quote_call(cx, rpc, &answer, to, data));
	if (answer.n != 32)
		return fail(cx, ST_CHAIN_REJECTED,
			    "there is no such contract, or it is another one");
	*out = u256_of_be(answer.p, answer.n);
	return ST_OK;
}

/* Fee ------------------------------------------------------------------------------------------ */

struct quote {
	struct quote_nodes *nodes;
	struct api_call *call;
	struct validate_route route;
	bool has_author;
	struct addr author;
	struct u256 fee;
	struct u256 nonce;
	int64_t now_us;
};

static struct hash quote_key(const struct quote *q)
{
	uint64_t parts[4] = {q->route.src->eid, q->route.dst->eid, q->route.payload.n,
			     (uint64_t)q->route.gas_limit};
	return digest_sha256(parts, sizeof parts);
}

static enum status quote_fee(struct ctx *cx, struct quote *q)
{
	struct hash key = quote_key(q);
	struct rpc *rpc;
	if (quotes_get(q->nodes->api->quotes, &key, &q->fee))
		return ST_OK;
	struct calls_item item = {
		.dst_eid = q->route.dst->eid,
		.receiver = q->route.receiver,
		.payload = q->route.payload,
		.gas_limit = u256_of_u64((uint64_t)q->route.gas_limit),
		.ordering_key = q->route.ordering_key,
		.request_id = q->route.receiver, /* any but zero */
	};
	struct buf data;
	buf_init(&data, cx->arena, QUOTE_CALL_BYTES_MAX);
	calls_quote(&data, &item);
	TRY(quote_rpc(cx, q->nodes, &rpc, q->route.src));
	TRY(quote_word(cx, rpc, &q->fee, &q->route.src->messenger, &data));
	quotes_put(q->nodes->api->quotes, &key, q->fee);
	return ST_OK;
}

/* Nonce ---------------------------------------------------------------------------------------- */

static bool bit_of(struct u256 word, unsigned bit)
{
	return word.limb[bit / 64] >> (bit % 64) & 1;
}

/* The first nonce from `from` on whose bit in its word is clear; the next word's first when
 * none. */
static struct u256 nonce_free(struct u256 from, struct u256 word)
{
	struct u256 one = u256_of_u64(1);
	unsigned bit = (unsigned)(from.limb[0] & 0xff);
	bool carry = true;
	while (carry && bit < 256 && bit_of(word, bit)) {
		carry = u256_add(&from, from, one);
		bit++;
	}
	return from;
}

/* The next nonce to offer: not offered before, in no stored message, not used on chain. */
static enum status quote_nonce(struct ctx *cx, struct quote *q)
{
	const struct api_chain *src = q->route.src;
	const char *text, *at_least = "0";
	struct rpc *rpc;
	TRY(quote_rpc(cx, q->nodes, &rpc, src));
	for (int tries = 0; tries < QUOTE_NONCE_TRIES; tries++) {
		struct u256 word;
		struct buf data;
		TRY(handler_db(q->nodes->api, cx, &q->nodes->db, "chain"));
		TRY(message_author_nonce(cx, q->nodes->db, &text, src->eid, &src->messenger,
					 &q->author, at_least));
		if (u256_parse(&q->nonce, text, strlen(text)) != ST_OK)
			return fail(cx, ST_INTERNAL, "the author has no nonces left");
		struct hash be = u256_to_hash(q->nonce);
		struct u256 index = u256_of_be(be.b, 31); /* nonce >> 8 */
		buf_init(&data, cx->arena, QUOTE_CALL_BYTES_MAX);
		calls_nonce_bitmap(&data, &q->author, index);
		TRY(quote_word(cx, rpc, &word, &src->messenger, &data));
		struct u256 found = nonce_free(q->nonce, word);
		if (u256_cmp(found, q->nonce) == 0)
			return ST_OK;
		char *next = arena_alloc(cx->arena, U256_DECIMAL_BYTES);
		u256_format(next, found);
		at_least = next;
	}
	return fail(cx, ST_CHAIN,
		    "the author uses nonces faster than they can be offered: ask again");
}

/* Typed data ----------------------------------------------------------------------------------- */

static json_t *typed_data_types(void)
{
	return json_pack("{s:[{s:s,s:s},{s:s,s:s},{s:s,s:s},{s:s,s:s}],"
			 "s:[{s:s,s:s},{s:s,s:s},{s:s,s:s},{s:s,s:s},{s:s,s:s},{s:s,s:s},{s:s,s:s},"
			 "{s:s,s:s}]}",
			 "EIP712Domain", "name", "name", "type", "string", "name", "version",
			 "type", "string", "name", "chainId", "type", "uint256", "name",
			 "verifyingContract", "type", "address", "Send", "name", "dstEid", "type",
			 "uint32", "name", "receiver", "type", "bytes32", "name", "payload", "type",
			 "bytes", "name", "gasLimit", "type", "uint128", "name", "value", "type",
			 "uint128", "name", "orderingKey", "type", "bytes32", "name", "nonce",
			 "type", "uint256", "name", "deadline", "type", "uint256");
}

static enum status quote_typed_data(struct ctx *cx, const struct quote *q,
				    struct Google__Protobuf__Struct **out)
{
	char nonce[U256_DECIMAL_BYTES], contract[ACCOUNT_TEXT_BYTES];
	struct arena *a = cx->arena;
	const struct validate_route *r = &q->route;
	u256_format(nonce, q->nonce);
	account_format(contract, &r->src->messenger);
	json_t *root = json_pack(
		"{s:o,s:s,s:{s:s,s:s,s:I,s:s},s:{s:I,s:s,s:s,s:s,s:s,s:s,s:s,s:s}}",
		"types", typed_data_types(), "primaryType", "Send",
		"domain", "name", "Ferry", "version", "1",
		"chainId", (json_int_t)r->src->chain_id, "verifyingContract", contract,
		"message", "dstEid", (json_int_t)r->dst->eid,
		"receiver", hex_encode(a, r->receiver.b, 32),
		"payload", hex_encode(a, r->payload.p, r->payload.n),
		"gasLimit", arena_printf(a, "%lld", (long long)r->gas_limit), "value", "0",
		"orderingKey", hex_encode(a, r->ordering_key.b, 32), "nonce", nonce,
		"deadline", arena_printf(a, "%lld",
					 (long long)(q->now_us / 1000000 + QUOTE_DEADLINE_S)));
	assert(root);
	enum status st = api_struct_of_json(cx, root, out);
	json_decref(root);
	return st;
}

/* The quote ------------------------------------------------------------------------------------ */

static enum status quote_validate(struct ctx *cx, struct quote *q,
				  const Ferry__V1__CreateQuoteRequest *in)
{
	TRY(validate_kind(cx, in->kind));
	validate_route(cx, &q->route, &q->nodes->api->config, in->src_eid, in->dst_eid,
		       in->receiver, in->payload, in->options);
	identity_quote_refuse(cx, in);
	if (in->author[0])
		q->has_author =
			validate_author(cx, &q->author, q->route.src, in->author, "/author");
	return validate_end(cx);
}

static Ferry__V1__Quote *quote_view(struct ctx *cx, const struct quote *q)
{
	struct arena *a = cx->arena;
	char fee[U256_DECIMAL_BYTES];
	uint64_t gas = (uint64_t)q->route.gas_limit;
	Ferry__V1__Quote *out = arena_alloc(a, sizeof *out);
	ferry__v1__quote__init(out);
	out->quote_id = arena_alloc(a, VIEW_ID_BYTES);
	view_fresh_id(out->quote_id, "qte_");
	out->fee = arena_alloc(a, sizeof *out->fee);
	ferry__v1__fee__init(out->fee);
	u256_format(fee, q->fee);
	out->fee->native = arena_strdup(a, fee);
	out->fee->currency = arena_strdup(a, q->route.src->currency);
	out->gas = arena_alloc(a, sizeof *out->gas);
	ferry__v1__quote_gas__init(out->gas);
	out->gas->source = arena_printf(a, "%zu", (size_t)QUOTE_SOURCE_GAS +
						  q->route.payload.n * QUOTE_SOURCE_GAS_PER_BYTE);
	out->gas->destination = arena_printf(a, "%llu", (unsigned long long)(gas + gas / 63 +
									    QUOTE_DESTINATION_GAS));
	out->fee->gas_used = out->gas->source;
	out->expire_time = api_timestamp_new(a, q->now_us + (int64_t)QUOTE_DEADLINE_S * 1000000);
	return out;
}

static void quote_eta(struct ctx *cx, const struct quote *q, Ferry__V1__Quote *out)
{
	const struct world_view *w = survey_take(q->nodes->api->survey);
	const struct world_lane *l = world_lane_of(w, q->route.src->eid, q->route.dst->eid);
	const struct world_latency *total = l ? &l->latency[WORLD_STAGES - 1] : NULL;
	if (total && total->count) {
		out->eta = arena_alloc(cx->arena, sizeof *out->eta);
		ferry__v1__eta__init(out->eta);
		out->eta->p50_s = total->p50;
		out->eta->p90_s = total->p90;
	}
	survey_give(q->nodes->api->survey, w);
}

enum status quote_create(struct ctx *cx, struct quote_nodes *nodes, struct api_call *call)
{
	const Ferry__V1__CreateQuoteRequest *in =
		(const Ferry__V1__CreateQuoteRequest *)call->request;
	struct quote q = {.nodes = nodes, .call = call, .now_us = clock_wall_us()};
	if (in->kind == FERRY__V1__KIND__KIND_REGISTRY)
		return identity_quote(cx, nodes, call);
	TRY(quote_validate(cx, &q, in));
	TRY(quote_fee(cx, &q));
	if (q.has_author)
		TRY(quote_nonce(cx, &q));
	Ferry__V1__Quote *out = quote_view(cx, &q);
	quote_eta(cx, &q, out);
	if (q.has_author)
		TRY(quote_typed_data(cx, &q, &out->typed_data));
	call->reply = &out->base;
	return ST_OK;
}

static void quote_answer(struct quote_nodes *nodes, struct api_call *call)
{
	struct ctx *cx = &call->cx;
	int64_t until = clock_mono_ms() + QUOTE_NODE_MS;
	if (cx->deadline_ms > until)
		cx->deadline_ms = until;
	enum status st = quote_create(cx, nodes, call);
	if (st == ST_DB || st == ST_BUSY) {
		log_failure(LOG_WARN, "quote.failed", cx);
		st = fail(cx, st, "the database does not answer at the moment: try again");
	} else if (st == ST_CANCELLED) {
		st = fail(cx, ST_UNAVAILABLE, "the service is stopping: ask again");
	}
	handler_finish(call, st);
}

void quote_nodes_close(struct quote_nodes *nodes)
{
	struct quotes *q = nodes->api->quotes;
	for (size_t i = 0; i < API_CHAINS_MAX; i++) {
		if (!nodes->rpcs[i])
			continue;
		lock_take(&q->lock);
		for (size_t k = 0; k < q->rpcs_n; k++)
			if (q->rpcs[k] == nodes->rpcs[i])
				q->rpcs[k--] = q->rpcs[--q->rpcs_n];
		lock_give(&q->lock);
		rpc_destroy(nodes->rpcs[i]);
	}
	db_close(nodes->db);
}

void chain_run(void *arg)
{
	struct quote_nodes nodes = {.api = arg};
	void *item;
	while (queue_pop(nodes.api->queues[QUEUE_CHAIN], &item, 1, -1) > 0) {
		struct api_call *call = item;
		if (!handler_is_alive(call))
			continue;
		if (call->method->id == API_CREATE_QUOTE)
			quote_answer(&nodes, call);
		else if (call->method->queue == API_QUEUE_IDENTITY)
			identity_wallet_check(&nodes, call);
		else
			wallet_check(&nodes, call);
	}
	quote_nodes_close(&nodes);
}
