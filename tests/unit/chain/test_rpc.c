/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* strcasestr */
#include "chain/rpc.h"

#include "chain/keccak.h"
#include "tests/unit/chain/fake_node.h"
#include "tests/unit/unit.h"

enum { NODES = 2 };

struct rpc_fixture {
	struct fake_node nodes[NODES];
	struct arena *arena;
	struct ctx cx;
	struct rpc *rpc;
};

/* The answer to everything, as JSON text: what a test sets before it asks. */
static json_t *rpc_canned(struct fake_node *n, const char *method, const json_t *params)
{
	(void)method, (void)params;
	json_t *answer = json_loads(n->arg, 0, NULL);
	if (!answer)
		abort();
	return answer;
}

static struct rpc_fixture *rpc_begin(size_t nodes, const char *answer)
{
	static struct rpc_fixture x;
	static const char *urls[NODES];
	for (size_t i = 0; i < nodes; i++) {
		x.nodes[i].answer = rpc_canned;
		x.nodes[i].arg = (void *)(uintptr_t)answer;
		fake_node_start(&x.nodes[i]);
		urls[i] = x.nodes[i].http.url;
	}
	struct rpc_config config = {.nodes = {.name = "rollup",
					      .urls = urls,
					      .urls_count = nodes,
					      .timeout_ms = 400},
				    .chain_id = 31338};
	x.arena = arena_create(UNIT_ARENA_BYTES);
	ctx_init(&x.cx, x.arena, 10000, "test");
	x.rpc = rpc_create(&config);
	return &x;
}

static void rpc_say(struct rpc_fixture *x, size_t node, const char *answer)
{
	x->nodes[node].arg = (void *)(uintptr_t)answer;
}

static void rpc_end(struct rpc_fixture *x)
{
	size_t nodes = jsonrpc_nodes(rpc_nodes(x->rpc));
	rpc_destroy(x->rpc);
	arena_destroy(x->arena);
	for (size_t i = 0; i < nodes; i++)
		fake_node_stop(&x->nodes[i]);
}

START_TEST(numbers_are_read_strictly)
{
	static const struct {
		const char *answer;
		enum status st;
		const char *sentence;
	} rows[] = {
		{"{\"result\":\"0x1a\"}", ST_OK, ""},
		{"{\"result\":\"0x01a\"}", ST_CHAIN, "leading zeros"},
		{"{\"result\":\"0x-1\"}", ST_CHAIN, "hexadecimal"},
		{"{\"result\":\"-0x1\"}", ST_CHAIN, "hexadecimal"},
		{"{\"result\":\"0x10000000000000000\"}", ST_CHAIN, "64 bits"},
		{"{\"result\":26}", ST_CHAIN, "a number"},
		{"{\"result\":null}", ST_CHAIN, "null"},
		{"{\"result\":[]}", ST_CHAIN, "an array"},
		{"{\"result\":{}}", ST_CHAIN, "an object"},
		{"{\"error\":{\"code\":-32601,\"message\":\"no such method\"}}",
		 ST_CHAIN_REJECTED, "no such method (-32601)"},
		{"{\"error\":{\"code\":-32005,\"message\":\"slow down\"}}", ST_CHAIN, "slow down"},
	};
	struct rpc_fixture *x = rpc_begin(1, "");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t v = 0;
		rpc_say(x, 0, rows[i].answer);
		ck_assert_msg(rpc_block_number(&x->cx, x->rpc, &v) == rows[i].st, "%s: %s",
			      rows[i].answer, x->cx.err.message);
		ck_assert_uint_eq(v, rows[i].st == ST_OK ? 26 : 0);
		ck_assert_msg(rows[i].st == ST_OK ||
				      strstr(x->cx.err.message, rows[i].sentence),
			      "%s: %s", rows[i].answer, x->cx.err.message);
	}
	rpc_end(x);
}
END_TEST

START_TEST(a_node_of_another_chain_is_found_at_start)
{
	struct rpc_fixture *x = rpc_begin(2, "{\"result\":\"0x7a6a\"}");
	ck_assert_int_eq(rpc_check(&x->cx, x->rpc), ST_OK);
	rpc_say(x, 1, "{\"result\":\"0x1\"}");
	ck_assert_int_eq(rpc_check(&x->cx, x->rpc), ST_PRECONDITION);
	ck_assert_ptr_nonnull(strstr(x->cx.err.message,
				     "serves chain 1, but the configuration says 31338"));
	x->nodes[1].manner = FAKE_CLOSE;
	ck_assert_int_eq(rpc_check(&x->cx, x->rpc), ST_CHAIN);
	rpc_end(x);
}
END_TEST

START_TEST(account_reads_say_what_they_want)
{
	struct rpc_fixture *x = rpc_begin(1, "{\"result\":\"0x5\"}");
	struct addr a = {{0xab}};
	struct u256 balance;
	struct bytes code;
	struct hash h = {{0x11}};
	struct rpc_at at = rpc_at_hash(&h);
	uint64_t nonce;
	ck_assert_int_eq(rpc_nonce(&x->cx, x->rpc, &nonce, &a, &rpc_pending), ST_OK);
	ck_assert_uint_eq(nonce, 5);
	fake_http_sync(&x->nodes[0].http);
	ck_assert_str_eq(x->nodes[0].last_method, "eth_getTransactionCount");
	rpc_say(x, 0, "{\"result\":\"0xffffffffffffffffffffffffffffffffffff\"}");
	ck_assert_int_eq(rpc_balance(&x->cx, x->rpc, &balance, &a, &at), ST_OK);
	ck_assert_uint_eq(balance.limb[2], 0xffff);
	rpc_say(x, 0, "{\"result\":\"0x6001\"}");
	ck_assert_int_eq(rpc_code(&x->cx, x->rpc, &code, &a, &rpc_latest), ST_OK);
	unit_assert_hex(x->arena, code, "0x6001");
	rpc_say(x, 0, "{\"result\":\"0x600\"}");
	ck_assert_int_eq(rpc_code(&x->cx, x->rpc, &code, &a, &rpc_latest), ST_CHAIN);
	rpc_end(x);
}
END_TEST

START_TEST(a_call_returns_reverts_or_is_refused)
{
	static const struct {
		const char *answer;
		enum rpc_call_outcome outcome;
		const char *out;
	} rows[] = {
		{"{\"result\":\"0x\"}", RPC_CALL_RETURNED, "0x"},
		{"{\"result\":\"0x0102\"}", RPC_CALL_RETURNED, "0x0102"},
		{"{\"error\":{\"code\":3,\"message\":\"execution reverted\","
		 "\"data\":\"0x4c3118d4\"}}",
		 RPC_CALL_REVERTED, "0x4c3118d4"},
		{"{\"error\":{\"code\":3,\"message\":\"execution reverted\",\"data\":\"0x\"}}",
		 RPC_CALL_REVERTED, "0x"},
		{"{\"error\":{\"code\":-32000,\"message\":\"Execution Reverted\"}}",
		 RPC_CALL_REVERTED, "0x"},
		{"{\"error\":{\"code\":-32015,\"message\":\"VM execution error.\","
		 "\"data\":\"Reverted 0x4c3118d4\"}}", RPC_CALL_REVERTED, "0x4c3118d4"},
		{"{\"error\":{\"code\":-32603,\"message\":\"Internal JSON-RPC error.\","
		 "\"data\":{\"message\":\"x\",\"data\":\"0x4c3118d4\"}}}",
		 RPC_CALL_REVERTED, "0x4c3118d4"},
		{"{\"error\":{\"code\":-32000,\"message\":\"out of gas\"}}",
		 RPC_CALL_REVERTED, "0x"},
		{"{\"error\":{\"code\":-32603,\"message\":\"EVM error OutOfGas\"}}",
		 RPC_CALL_REVERTED, "0x"},
		{"{\"error\":{\"code\":-32000,\"message\":\"header not found\"}}",
		 RPC_CALL_REFUSED, "0x"},
		{"{\"error\":{\"code\":-32000,\"message\":\"no\",\"data\":\"0xzz\"}}",
		 RPC_CALL_REFUSED, "0x"},
		{"{\"error\":{\"code\":-32000,\"message\":\"no\",\"data\":[1]}}",
		 RPC_CALL_REFUSED, "0x"},
	};
	struct rpc_fixture *x = rpc_begin(1, "");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct rpc_call call = {.data = bytes_of("\x01\x02", 2), .gas = 100000};
		rpc_say(x, 0, rows[i].answer);
		enum status st = rpc_call(&x->cx, x->rpc, &call, &rpc_latest);
		ck_assert_msg((int)call.outcome == (int)rows[i].outcome, "%s", rows[i].answer);
		ck_assert_int_eq(st, call.outcome == RPC_CALL_REFUSED ? ST_CHAIN_REJECTED : ST_OK);
		unit_assert_hex(x->arena, call.out, rows[i].out);
	}
	struct rpc_call call = {.data = bytes_of("", 0)};
	rpc_say(x, 0, "{\"result\":null}");
	ck_assert_int_eq(rpc_call(&x->cx, x->rpc, &call, &rpc_latest), ST_CHAIN);
	rpc_end(x);
}
END_TEST

static json_t *rpc_call_echo(struct fake_node *n, const char *method, const json_t *params)
{
	(void)n, (void)method;
	const json_t *call = json_array_get(params, 0);
	const char *data = json_string_value(json_object_get(call, "data"));
	if (strcmp(data, "0x02") == 0)
		return fake_error(3, "execution reverted", json_string("0xdead"));
	return fake_result_text(data);
}

START_TEST(many_calls_keep_their_own_outcomes)
{
	struct rpc_fixture *x = rpc_begin(1, "");
	uint8_t data[250];
	struct rpc_call calls[250] = {0};
	x->nodes[0].answer = rpc_call_echo;
	for (size_t i = 0; i < 250; i++) {
		data[i] = (uint8_t)i;
		calls[i].data = bytes_of(&data[i], 1);
		calls[i].from.b[0] = 1;
		calls[i].value = u256_of_u64(7);
	}
	ck_assert_int_eq(rpc_call_many(&x->cx, x->rpc, calls, 250, &rpc_latest), ST_OK);
	for (size_t i = 0; i < 250; i++) {
		ck_assert_int_eq(calls[i].outcome,
				 i == 2 ? RPC_CALL_REVERTED : RPC_CALL_RETURNED);
		if (i != 2)
			ck_assert_uint_eq(calls[i].out.p[0], i);
	}
	ck_assert_int_eq(atomic_load(&x->nodes[0].http.requests), 3);
	rpc_end(x);
}
END_TEST

START_TEST(pool_answers_are_understood)
{
	static const struct {
		const char *message;
		enum rpc_send_outcome outcome;
	} rows[] = {
		{"already known", RPC_SEND_KNOWN},
		{"transaction already imported", RPC_SEND_KNOWN},
		{"AlreadyKnown", RPC_SEND_KNOWN},
		{"Known transaction", RPC_SEND_KNOWN},
		{"nonce too low: next nonce 7, tx nonce 3", RPC_SEND_NONCE_TOO_LOW},
		{"nonce too low", RPC_SEND_NONCE_TOO_LOW},
		{"OldNonce, Current nonce: 7", RPC_SEND_NONCE_TOO_LOW},
		{"replacement transaction underpriced", RPC_SEND_UNDERPRICED},
		{"ReplacementNotAllowed", RPC_SEND_UNDERPRICED},
		{"transaction underpriced: tip needed 1, tip permitted 0", RPC_SEND_FEE_TOO_LOW},
		{"max fee per gas less than block base fee: address 0x1, maxFeePerGas: 1",
		 RPC_SEND_FEE_TOO_LOW},
		{"FeeTooLow, EffectivePriorityFeePerGas too low", RPC_SEND_FEE_TOO_LOW},
		{"insufficient funds for gas * price + value: balance 0", RPC_SEND_NO_FUNDS},
		{"Insufficient funds for gas * price + value", RPC_SEND_NO_FUNDS},
		{"Upfront cost exceeds account balance", RPC_SEND_NO_FUNDS},
		{"nonce too high", RPC_SEND_NONCE_GAP},
		{"NonceGap, Future nonce. Expected nonce: 7", RPC_SEND_NONCE_GAP},
		{"txpool is full", RPC_SEND_POOL_FULL},
		{"intrinsic gas too low", RPC_SEND_REFUSED},
		{"exceeds block gas limit", RPC_SEND_REFUSED},
		{"invalid sender", RPC_SEND_REFUSED},
		{"", RPC_SEND_REFUSED},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		ck_assert_msg(rpc_send_classify(rows[i].message) == rows[i].outcome, "%s: %s",
			      rows[i].message, rpc_send_name(rpc_send_classify(rows[i].message)));
}
END_TEST

/* By the transaction's only byte. */
static json_t *rpc_pool(struct fake_node *n, const char *method, const json_t *params)
{
	uint8_t b;
	char text[67] = "0x";
	(void)n, (void)method;
	const char *raw = json_string_value(json_array_get(params, 0));
	if (!hex_decode_fixed(raw, strlen(raw), &b, 1))
		abort();
	struct hash h = keccak256(&b, 1);
	if (b == 1)
		return fake_error(-32003, "nonce too low", NULL);
	if (b == 2)
		return fake_error(-32003, "exceeds block gas limit", NULL);
	if (b == 3)
		h.b[0] ^= 1;
	if (b == 4)
		return fake_result(json_null());
	hex_digits(text + 2, h.b, 32);
	return fake_result_text(text);
}

static json_t *rpc_pool_knows(struct fake_node *n, const char *method, const json_t *params)
{
	(void)n, (void)method, (void)params;
	return fake_error(-32000, "already known", NULL);
}

START_TEST(each_transaction_of_a_broadcast_has_its_outcome)
{
	static const uint8_t raw[] = {0, 1, 2, 3, 4};
	static const enum rpc_send_outcome wanted[] = {
		RPC_SEND_ACCEPTED, RPC_SEND_NONCE_TOO_LOW, RPC_SEND_REFUSED, RPC_SEND_REFUSED,
		RPC_SEND_REFUSED};
	struct rpc_fixture *x = rpc_begin(2, "");
	struct rpc_send sends[5];
	x->nodes[0].answer = rpc_pool;
	x->nodes[1].manner = FAKE_SILENT; /* one that is down does no harm */
	x->nodes[1].answer = rpc_pool_knows;
	for (size_t i = 0; i < 5; i++)
		sends[i] = (struct rpc_send){.raw = bytes_of(&raw[i], 1)};
	ck_assert_int_eq(rpc_send_many(&x->cx, x->rpc, sends, 5), ST_OK);
	for (size_t i = 0; i < 5; i++) {
		struct hash h = keccak256(&raw[i], 1);
		ck_assert_msg(sends[i].outcome == wanted[i], "%zu: %s", i, sends[i].message);
		unit_assert_hash_eq(sends[i].hash, h);
	}
	ck_assert_str_eq(sends[0].message, "");
	ck_assert_ptr_nonnull(strstr(sends[1].message, ": nonce too low"));
	ck_assert_int_eq(sends[1].code, -32003);
	ck_assert_ptr_nonnull(strstr(sends[3].message, "another hash"));

	x->nodes[1].manner = FAKE_PLAIN; /* the best answer of all nodes counts */
	ck_assert_int_eq(rpc_send_many(&x->cx, x->rpc, sends, 5), ST_OK);
	ck_assert_int_eq(sends[0].outcome, RPC_SEND_ACCEPTED);
	for (size_t i = 1; i < 5; i++)
		ck_assert_int_eq(sends[i].outcome, RPC_SEND_KNOWN);
	rpc_end(x);
}
END_TEST

START_TEST(transactions_nobody_answered_are_unknown)
{
	static const uint8_t raw[] = {0, 1};
	struct rpc_fixture *x = rpc_begin(1, "");
	struct rpc_send sends[] = {{.raw = bytes_of(raw, 1)}, {.raw = bytes_of(raw + 1, 1)}};
	x->nodes[0].manner = FAKE_CLOSE;
	x->nodes[0].answer = rpc_pool;
	ck_assert_int_eq(rpc_send_many(&x->cx, x->rpc, sends, 2), ST_CHAIN);
	ck_assert_ptr_nonnull(strstr(x->cx.err.message, "2 of 2 transactions have no answer"));
	ck_assert_int_eq(sends[0].outcome, RPC_SEND_UNKNOWN);
	rpc_abort(x->rpc);
	ck_assert_int_eq(rpc_send_many(&x->cx, x->rpc, sends, 2), ST_CANCELLED);
	rpc_end(x);
}
END_TEST

static json_t *rpc_fees(struct fake_node *n, const char *method, const json_t *params)
{
	(void)params;
	int how = atomic_load((atomic_int *)n->arg);
	if (strcmp(method, "eth_getBlockByNumber") == 0)
		return fake_result(json_pack("{s:s}", "baseFeePerGas", "0x3e8"));
	if (strcmp(method, "eth_maxPriorityFeePerGas") == 0)
		return how == 2 ? fake_error(-32601, "no", NULL) : fake_result_text("0x7");
	if (how == 0)
		return fake_result(json_pack("{s:[s,s,s,s],s:[[s],[s],[s]]}", "baseFeePerGas",
					     "0x1", "0x2", "0x3e8", "0x44c", "reward", "0x0", "0x9",
					     "0x5"));
	if (how == 3)
		return fake_result(json_pack("{s:[s],s:[[]]}", "baseFeePerGas", "0x1", "reward"));
	return fake_error(-32601, "no", NULL);
}

START_TEST(fees_come_from_history_or_from_the_nodes_suggestion)
{
	struct rpc_fixture *x = rpc_begin(1, "");
	struct rpc_fee fee;
	atomic_int how;
	x->nodes[0].answer = rpc_fees;
	x->nodes[0].arg = &how;
	how = 0;
	ck_assert_int_eq(rpc_fee(&x->cx, x->rpc, &fee), ST_OK);
	ck_assert_uint_eq(u256_to_u64(fee.base), 1000);
	ck_assert_uint_eq(u256_to_u64(fee.base_next), 1100);
	ck_assert_uint_eq(u256_to_u64(fee.tip), 9);
	how = 1;
	ck_assert_int_eq(rpc_fee(&x->cx, x->rpc, &fee), ST_OK);
	ck_assert_uint_eq(u256_to_u64(fee.base_next), 1125);
	ck_assert_uint_eq(u256_to_u64(fee.tip), 7);
	how = 2;
	ck_assert_int_eq(rpc_fee(&x->cx, x->rpc, &fee), ST_OK);
	ck_assert_uint_eq(u256_to_u64(fee.tip), 0);
	how = 3;
	ck_assert_int_eq(rpc_fee(&x->cx, x->rpc, &fee), ST_CHAIN);
	rpc_end(x);
}
END_TEST

#define H "0x1111111111111111111111111111111111111111111111111111111111111111"
#define A "0x2222222222222222222222222222222222222222"
#define TX "{\"hash\":\"" H "\",\"from\":\"" A "\",\"to\":null,\"nonce\":\"0x9\"," \
	   "\"value\":\"0x0\",\"input\":\"0x6001\""

START_TEST(transactions_are_found_pending_mined_or_not_at_all)
{
	struct rpc_fixture *x = rpc_begin(1, "{\"result\":null}");
	struct rpc_tx tx;
	struct hash h;
	bool found = true;
	memset(h.b, 0x11, 32);
	ck_assert_int_eq(rpc_tx_by_hash(&x->cx, x->rpc, &tx, &found, &h), ST_OK);
	ck_assert(!found);
	rpc_say(x, 0, "{\"result\":" TX ",\"blockHash\":null,\"blockNumber\":null}}");
	ck_assert_int_eq(rpc_tx_by_hash(&x->cx, x->rpc, &tx, &found, &h), ST_OK);
	ck_assert(found);
	ck_assert(!tx.mined);
	ck_assert(tx.is_create);
	ck_assert_uint_eq(tx.nonce, 9);
	rpc_say(x, 0, "{\"result\":" TX ",\"blockHash\":\"" H "\",\"blockNumber\":\"0x7\","
		      "\"transactionIndex\":\"0x1\"}}");
	ck_assert_int_eq(rpc_tx_by_hash(&x->cx, x->rpc, &tx, &found, &h), ST_OK);
	ck_assert(tx.mined);
	ck_assert_uint_eq(tx.block_number, 7);
	h.b[0] = 0;
	ck_assert_int_eq(rpc_tx_by_hash(&x->cx, x->rpc, &tx, &found, &h), ST_CHAIN_DISPUTED);
	rpc_say(x, 0, "{\"result\":" TX ",\"blockHash\":\"" H "\"}}");
	ck_assert_int_eq(rpc_tx_by_hash(&x->cx, x->rpc, &tx, &found, &h), ST_CHAIN);
	rpc_end(x);
}
END_TEST

#define RECEIPT(more)                                                                              \
	"{\"result\":{\"transactionHash\":\"" H "\",\"blockHash\":\"" H                            \
	"\",\"blockNumber\":\"0x7\",\"transactionIndex\":\"0x0\",\"from\":\"" A                    \
	"\",\"to\":\"" A "\",\"gasUsed\":\"0x5208\",\"cumulativeGasUsed\":\"0x5208\"" more "}}"
#define LOG(more)                                                                                  \
	",\"type\":\"0x2\",\"status\":\"0x1\",\"logs\":[{\"address\":\"" A                         \
	"\",\"transactionHash\":\"" H "\",\"blockHash\":\"" H                                      \
	"\",\"blockNumber\":\"0x7\",\"transactionIndex\":\"0x0\"" more "}]"

START_TEST(receipts_are_read_strictly)
{
	static const struct {
		const char *answer;
		const char *sentence; /* NULL: fine */
	} rows[] = {
		{RECEIPT(",\"status\":\"0x1\",\"logs\":[]"), NULL},
		{RECEIPT(LOG(",\"logIndex\":\"0x0\",\"data\":\"0x\",\"topics\":[\"" H "\"]")),
		 NULL},
		{RECEIPT(",\"status\":\"0x2\",\"logs\":[]"), "status must be"},
		{RECEIPT(",\"status\":true,\"logs\":[]"), "status must be"},
		{RECEIPT(",\"logs\":[]"), "status must be"},
		{RECEIPT(",\"root\":\"" H "\",\"logs\":[]"), "status must be"},
		{RECEIPT(",\"status\":\"0x1\",\"logs\":null"), "logs must be"},
		{RECEIPT(",\"status\":\"0x1\",\"logs\":{}"), "logs must be"},
		{RECEIPT(",\"status\":\"0x1\",\"logs\":[1]"), "not an object"},
		{RECEIPT(",\"status\":\"0x1\",\"type\":\"0x7e\",\"logs\":[]"), "type 126"},
		{RECEIPT(LOG(",\"logIndex\":\"0x0\",\"data\":\"0x\"")), "topics"},
		{RECEIPT(LOG(",\"logIndex\":\"0x0\",\"data\":\"0x0\",\"topics\":[]")), "data"},
		{RECEIPT(LOG(",\"logIndex\":\"0x0\",\"data\":\"0x\",\"topics\":[\"0x11\"]")),
		 "topic"},
		{RECEIPT(LOG(",\"logIndex\":\"0x0\",\"data\":\"0x\",\"topics\":[\"" H "\",\"" H
			     "\",\"" H "\",\"" H "\",\"" H "\"]")), "at most 4"},
		{RECEIPT(LOG(",\"logIndex\":\"0x100000000\",\"data\":\"0x\",\"topics\":[]")),
		 "32 bits"},
		{RECEIPT(LOG(",\"logIndex\":\"0x0\",\"data\":\"0x\",\"topics\":[],"
			     "\"removed\":true")), "removed"},
		{"{\"result\":[]}", "not an object"},
		{"{\"result\":\"0x\"}", "not an object"},
		{"{\"result\":{}}", "transactionHash"},
	};
	struct rpc_fixture *x = rpc_begin(1, "");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct rpc_receipt_lookup lookup;
		memset(lookup.tx_hash.b, 0x11, 32);
		rpc_say(x, 0, rows[i].answer);
		enum status st = rpc_receipt_many(&x->cx, x->rpc, &lookup, 1);
		ck_assert_msg(st == (rows[i].sentence ? ST_CHAIN : ST_OK), "%zu: %s", i,
			      x->cx.err.message);
		if (rows[i].sentence)
			ck_assert_msg(strstr(x->cx.err.message, rows[i].sentence), "%zu: %s", i,
				      x->cx.err.message);
		else
			ck_assert(lookup.found);
	}
	rpc_end(x);
}
END_TEST

START_TEST(receipts_of_other_transactions_and_logs_of_other_blocks_are_refused)
{
	struct rpc_fixture *x = rpc_begin(1, RECEIPT(",\"status\":\"0x1\",\"logs\":[]"));
	struct rpc_receipt_lookup lookup = {0};
	ck_assert_int_eq(rpc_receipt_many(&x->cx, x->rpc, &lookup, 1), ST_CHAIN);
	ck_assert_ptr_nonnull(strstr(x->cx.err.message, "another transaction"));
	memset(lookup.tx_hash.b, 0x11, 32);
	rpc_say(x, 0, RECEIPT(LOG(",\"logIndex\":\"0x0\",\"data\":\"0x\",\"topics\":[]")));
	x->nodes[0].find = "\"logs\":[{\"address\":\"" A "\",\"transactionHash\":\"0x1";
	x->nodes[0].replace = "\"logs\":[{\"address\":\"" A "\",\"transactionHash\":\"0x2";
	ck_assert_int_eq(rpc_receipt_many(&x->cx, x->rpc, &lookup, 1), ST_CHAIN);
	ck_assert_ptr_nonnull(strstr(x->cx.err.message, "names another transaction or block"));
	x->nodes[0].find = "\"transactionIndex\":\"0x0\",\"logIndex\"";
	x->nodes[0].replace = "\"transactionIndex\":\"0x1\",\"logIndex\"";
	ck_assert_int_eq(rpc_receipt_many(&x->cx, x->rpc, &lookup, 1), ST_CHAIN);
	ck_assert_ptr_nonnull(strstr(x->cx.err.message, "names another transaction or block"));
	x->nodes[0].find = "\"0x7\",\"transactionIndex\":\"0x0\",\"logIndex\"";
	x->nodes[0].replace = "\"0x8\",\"transactionIndex\":\"0x0\",\"logIndex\"";
	ck_assert_int_eq(rpc_receipt_many(&x->cx, x->rpc, &lookup, 1), ST_CHAIN);
	ck_assert_ptr_nonnull(strstr(x->cx.err.message, "names another transaction or block"));
	x->nodes[0].find = NULL;
	ck_assert_int_eq(rpc_receipt_many(&x->cx, x->rpc, &lookup, 1), ST_OK);
	rpc_say(x, 0, "{\"result\":null}");
	ck_assert_int_eq(rpc_receipt_many(&x->cx, x->rpc, &lookup, 1), ST_OK);
	ck_assert(!lookup.found);
	rpc_end(x);
}
END_TEST

START_TEST(a_header_that_does_not_exist_is_not_found)
{
	struct rpc_fixture *x = rpc_begin(1, "{\"result\":null}");
	struct header h;
	struct hash hash;
	struct rpc_at at = rpc_at_number(77);
	ck_assert_int_eq(rpc_header(&x->cx, x->rpc, &h, &hash, &at), ST_NOT_FOUND);
	ck_assert_ptr_nonnull(strstr(x->cx.err.message, "0x4d"));
	rpc_say(x, 0, "{\"result\":{\"number\":\"0x4d\"}}");
	ck_assert_int_eq(rpc_header(&x->cx, x->rpc, &h, &hash, &at), ST_CHAIN);
	ck_assert_ptr_nonnull(strstr(x->cx.err.message, "parentHash"));
	rpc_end(x);
}
END_TEST

UNIT_SUITE("chain/rpc", numbers_are_read_strictly, a_node_of_another_chain_is_found_at_start,
	   account_reads_say_what_they_want, a_call_returns_reverts_or_is_refused,
	   many_calls_keep_their_own_outcomes, pool_answers_are_understood,
	   each_transaction_of_a_broadcast_has_its_outcome,
	   transactions_nobody_answered_are_unknown,
	   fees_come_from_history_or_from_the_nodes_suggestion,
	   transactions_are_found_pending_mined_or_not_at_all, receipts_are_read_strictly,
	   receipts_of_other_transactions_and_logs_of_other_blocks_are_refused,
	   a_header_that_does_not_exist_is_not_found)
