/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* strcasestr */
#include "chain/block.h"

#include "tests/unit/chain/fake_chain.h"
#include "tests/unit/unit.h"

enum { NODES = 3 };

struct block_fixture {
	struct fake_chain chain;
	struct fake_chain other; /* what a lying node tells */
	struct fake_node nodes[NODES];
	struct arena *arena;
	struct ctx cx;
	struct rpc *rpc;
	struct block *blocks;
	size_t n;
};

static void block_node_start(struct fake_node *node, struct fake_chain *chain)
{
	node->answer = fake_chain_answer;
	node->arg = chain;
	fake_node_start(node);
}

/* Blocks 0..5: empty, then of different shapes. */
static struct block_fixture *block_begin(size_t nodes, size_t answer_bytes_max)
{
	static struct block_fixture x;
	static const char *urls[NODES];
	static const struct fake_shape shapes[] = {
		{0}, {.receipts = 1}, {.receipts = 3, .logs = 2, .data_bytes = 64},
		{0}, {.receipts = 20, .logs = 3, .data_bytes = 100},
		{.receipts = 1, .logs = 9, .data_bytes = 0}};
	for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
		fake_chain_add(&x.chain, &shapes[i]);
	for (size_t i = 0; i < nodes; i++) {
		block_node_start(&x.nodes[i], &x.chain);
		urls[i] = x.nodes[i].http.url;
	}
	struct rpc_config config = {.nodes = {.name = "rollup",
					      .urls = urls,
					      .urls_count = nodes,
					      .timeout_ms = 1000,
					      .answer_bytes_max = answer_bytes_max}};
	x.arena = arena_create(UNIT_ARENA_BYTES);
	ctx_init(&x.cx, x.arena, 20000, "test");
	x.rpc = rpc_create(&config);
	return &x;
}

static void block_end(struct block_fixture *x)
{
	size_t nodes = jsonrpc_nodes(rpc_nodes(x->rpc));
	rpc_destroy(x->rpc);
	arena_destroy(x->arena);
	for (size_t i = 0; i < nodes; i++)
		fake_node_stop(&x->nodes[i]);
	fake_chain_free(&x->chain);
	fake_chain_free(&x->other);
	memset(x, 0, sizeof *x);
}

static enum status block_get(struct block_fixture *x, uint64_t from, uint64_t to, unsigned flags)
{
	for (size_t i = 0; i < NODES; i++)
		fake_http_sync(&x->nodes[i].http);
	enum status st = block_fetch(&x->cx, x->rpc, &x->blocks, &x->n, from, to, flags);
	for (size_t i = 0; i < NODES; i++)
		fake_http_sync(&x->nodes[i].http);
	return st;
}

START_TEST(honest_blocks_come_whole_and_linked)
{
	struct block_fixture *x = block_begin(1, 0);
	ck_assert_msg(block_get(x, 0, 5, 0) == ST_OK, "%s", x->cx.err.message);
	ck_assert_uint_eq(x->n, 6);
	for (size_t i = 0; i < 6; i++) {
		ck_assert_uint_eq(x->blocks[i].number, i);
		unit_assert_hash_eq(x->blocks[i].hash, x->chain.hashes[i]);
		if (i > 0)
			unit_assert_hash_eq(x->blocks[i].parent_hash, x->chain.hashes[i - 1]);
		ck_assert_uint_eq(x->blocks[i].timestamp, 1700000000 + i);
		ck_assert_ptr_null(x->blocks[i].txs);
	}
	const struct block *b = &x->blocks[4];
	ck_assert_uint_eq(b->receipts_n, 20);
	ck_assert_uint_eq(u256_to_u64(b->base_fee), 1000000000);
	ck_assert_uint_eq(b->receipts[6].body.succeeded, false);
	ck_assert_uint_eq(b->receipts[7].body.succeeded, true);
	ck_assert_uint_eq(b->receipts[7].gas_used, FAKE_GAS);
	ck_assert_uint_eq(u256_to_u64(b->receipts[7].gas_price), 1000000007);
	ck_assert_int_eq(b->receipts[7].to.b[0], 0x70);
	ck_assert_uint_eq(b->receipts[7].body.logs_n, 3);
	ck_assert_uint_eq(b->receipts[7].body.logs[1].log_index, 22);
	ck_assert_uint_eq(b->receipts[7].body.logs[1].data.n, 100);
	block_end(x);
}
END_TEST

START_TEST(transactions_come_when_asked_for)
{
	struct block_fixture *x = block_begin(2, 0);
	ck_assert_int_eq(block_get(x, 2, 4, BLOCK_WITH_TXS), ST_OK);
	ck_assert_uint_eq(x->blocks[0].txs_n, 3);
	ck_assert_uint_eq(x->blocks[0].txs[2].nonce, 102);
	ck_assert_int_eq(x->blocks[0].txs[2].from.b[0], 0xf0);
	ck_assert(hash_equal(&x->blocks[0].txs[2].hash, &x->blocks[0].receipts[2].tx_hash));
	ck_assert_uint_eq(x->blocks[1].txs_n, 0);
	ck_assert_uint_eq(x->blocks[2].txs_n, 20);
	block_end(x);
}
END_TEST

START_TEST(a_block_that_is_not_there_yet_ends_the_range)
{
	struct block_fixture *x = block_begin(2, 0);
	ck_assert_int_eq(block_get(x, 6, 6, 0), ST_NOT_FOUND);
	ck_assert_ptr_nonnull(strstr(x->cx.err.message, "block 6 is not there yet"));
	ck_assert_int_eq(block_get(x, 4, 1000, 0), ST_OK);
	ck_assert_uint_eq(x->n, 2);
	ck_assert_int_eq(x->cx.err.status, ST_OK);
	ck_assert_int_eq(block_get(x, UINT64_MAX, UINT64_MAX, 0), ST_NOT_FOUND);
	/* One node is behind the other. */
	x->other.n = 3;
	for (size_t i = 0; i < 3; i++) {
		x->other.blocks[i] = json_incref(x->chain.blocks[i]);
		x->other.receipts[i] = json_incref(x->chain.receipts[i]);
	}
	x->nodes[1].arg = &x->other;
	ck_assert_int_eq(block_get(x, 1, 5, 0), ST_OK);
	ck_assert_uint_eq(x->n, 2);
	ck_assert_int_eq(block_get(x, 3, 5, 0), ST_NOT_FOUND);
	block_end(x);
}
END_TEST

static json_t *block_null_receipts(struct fake_node *n, const char *method, const json_t *params)
{
	if (strcmp(method, "eth_getBlockReceipts") == 0)
		return fake_result(json_null());
	return fake_chain_answer(n, method, params);
}

static json_t *block_error_beyond_head(struct fake_node *n, const char *method,
				       const json_t *params)
{
	json_t *answer = fake_chain_answer(n, method, params);
	if (strcmp(method, "eth_getBlockReceipts") != 0 ||
	    !json_is_null(json_object_get(answer, "result")))
		return answer;
	json_decref(answer);
	return fake_error(-32001, "header not found", NULL);
}

START_TEST(receipts_that_are_not_there_yet_are_a_block_that_is_not)
{
	struct block_fixture *x = block_begin(1, 0);
	x->nodes[0].answer = block_error_beyond_head;
	ck_assert_int_eq(block_get(x, 6, 6, 0), ST_NOT_FOUND);
	ck_assert_int_eq(block_get(x, 5, 9, 0), ST_OK);
	x->nodes[0].answer = block_null_receipts;
	ck_assert_int_eq(block_get(x, 4, 4, 0), ST_NOT_FOUND);
	block_end(x);
}
END_TEST

static const char *block_without_0x(struct arena *a, const struct hash *h)
{
	return hex_encode(a, h->b, 32) + 2;
}

/* Replaces the first occurrence of `find` in the answer for block 4; `requests` says how often the
 * node is asked before the fetch gives up. */
static void block_lie(const char *find, const char *replace, enum status st, const char *sentence,
		      int requests)
{
	struct block_fixture *x = block_begin(1, 0);
	x->nodes[0].find = find;
	x->nodes[0].replace = replace;
	enum status got = block_get(x, 4, 4, 0);
	ck_assert_msg(got == st, "%s: %d %s", replace, got, x->cx.err.message);
	ck_assert_msg(strstr(x->cx.err.message, sentence), "%s: %s", replace, x->cx.err.message);
	ck_assert_msg(strstr(x->cx.err.message, "rollup http://127.0.0.1:"), "%s",
		      x->cx.err.message);
	ck_assert_msg(atomic_load(&x->nodes[0].http.requests) == requests, "%s: %d requests",
		      replace, atomic_load(&x->nodes[0].http.requests));
	block_end(x);
}

START_TEST(a_changed_header_is_disputed)
{
	static const char *const members[] = {
		"\"parentHash\":\"0x", "\"sha3Uncles\":\"0x", "\"miner\":\"0x",
		"\"stateRoot\":\"0x",
		"\"transactionsRoot\":\"0x", "\"receiptsRoot\":\"0x", "\"logsBloom\":\"0x",
		"\"mixHash\":\"0x", "\"nonce\":\"0x", "\"withdrawalsRoot\":\"0x",
		"\"parentBeaconBlockRoot\":\"0x", "\"requestsHash\":\"0x", "\"extraData\":\"0x",
		"\"hash\":\"0x"};
	for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
		/* The first digit becomes 1, or 2 when it is 1. */
		struct block_fixture *x = block_begin(1, 0);
		json_t *b = x->chain.blocks[4];
		const char *name = arena_strndup(x->arena, members[i] + 1,
						 strcspn(members[i] + 1, "\""));
		const char *value = json_string_value(json_object_get(b, name));
		char find[80];
		char replace[80];
		snprintf(find, sizeof find, "%s%c", members[i], value[2]);
		snprintf(replace, sizeof replace, "%s%c", members[i], value[2] == '1' ? '2' : '1');
		block_end(x);
		block_lie(find, replace, ST_CHAIN_DISPUTED, "its header hashes to", 1);
	}
}
END_TEST

START_TEST(changed_numbers_of_a_header_are_disputed)
{
	block_lie("\"gasLimit\":\"0x", "\"gasLimit\":\"0x1", ST_CHAIN_DISPUTED, "hashes to", 1);
	block_lie("\"difficulty\":\"0x0", "\"difficulty\":\"0x1", ST_CHAIN_DISPUTED,
		  "hashes to", 1);
	block_lie("\"timestamp\":\"0x", "\"timestamp\":\"0x1", ST_CHAIN_DISPUTED, "hashes to", 1);
	block_lie("\"baseFeePerGas\":\"0x", "\"baseFeePerGas\":\"0x1", ST_CHAIN_DISPUTED,
		  "hashes to", 1);
	block_lie("\"number\":\"0x4", "\"number\":\"0x5", ST_CHAIN_DISPUTED,
		  "block 4 was asked for, block 5 came", 1);
	block_lie("\"requestsHash\"", "\"requestsHush\"", ST_CHAIN_DISPUTED, "hashes to", 1);
	block_lie("\"blobGasUsed\"", "\"blobGasUses\"", ST_CHAIN, "blobGasUsed must be", 1);
	block_lie("\"difficulty\":\"0x0", "\"difficulty\":\"0x00", ST_CHAIN, "leading zeros", 1);
	block_lie("\"miner\":\"0x0", "\"miner\":\"0x", ST_CHAIN, "exactly 20 bytes", 1);
}
END_TEST

START_TEST(a_changed_receipt_is_disputed)
{
	static const char root[] = "make the root";
	block_lie("\"status\":\"0x1", "\"status\":\"0x0", ST_CHAIN_DISPUTED, root, 1);
	block_lie("\"type\":\"0x0", "\"type\":\"0x2", ST_CHAIN_DISPUTED, root, 1);
	block_lie("\"address\":\"0x", "\"address\":\"0x00\",\"x\":\"0x", ST_CHAIN, "20 bytes", 1);
	block_lie("\"data\":\"0x", "\"data\":\"0x00", ST_CHAIN_DISPUTED, root, 1);
	block_lie("\"topics\":[]", "\"topics\":[\"0x1111111111111111111111111111111111111111111111"
				   "111111111111111111\"]", ST_CHAIN_DISPUTED, root, 1);
	block_lie("\"cumulativeGasUsed\":\"0xc350\"", "\"cumulativeGasUsed\":\"0xc351\"",
		  ST_CHAIN_DISPUTED, "gasUsed that does not fit", 1);
	block_lie("\"gasUsed\":\"0xc350\"", "\"gasUsed\":\"0xc351\"", ST_CHAIN_DISPUTED,
		  "gasUsed that does not fit", 1);
	block_lie("\"logIndex\":\"0x1\"", "\"logIndex\":\"0x2\"", ST_CHAIN_DISPUTED,
		  "logIndex does not run on", 1);
	block_lie("\"removed\":false", "\"removed\":true", ST_CHAIN, "removed", 1);
	block_lie("\"data\":\"0x0", "\"data\":\"0x", ST_CHAIN, "whole bytes", 1);
	block_lie("\"result\":[{", "\"result\":[{\"gasUsed\":\"0x1\",", ST_CHAIN, "duplicate", 1);
}
END_TEST

/* What a mutator does to a copy of block 4's receipts. */
static json_t *block_mutated(struct fake_node *n, const char *method, const json_t *params,
			     void (*mutate)(json_t *receipts))
{
	json_t *answer = fake_chain_answer(n, method, params);
	if (strcmp(method, "eth_getBlockReceipts") == 0)
		mutate(json_object_get(answer, "result"));
	return answer;
}
static void drop_log(json_t *receipts)
{
	json_array_remove(json_object_get(json_array_get(receipts, 19), "logs"), 2);
}
static void drop_receipt(json_t *receipts)
{
	json_array_remove(receipts, 19);
}
static void drop_all(json_t *receipts)
{
	json_array_clear(receipts);
}
static void swap_receipts(json_t *receipts)
{
	json_t *first = json_incref(json_array_get(receipts, 0));
	json_array_set(receipts, 0, json_array_get(receipts, 1));
	json_array_set_new(receipts, 1, first);
}
static void add_receipt(json_t *receipts)
{
	json_array_append(receipts, json_array_get(receipts, 19));
}
static void move_log(json_t *receipts)
{
	/* The same logs in the same order, one of them in the receipt before its own. */
	json_t *from = json_object_get(json_array_get(receipts, 1), "logs");
	json_t *to = json_object_get(json_array_get(receipts, 0), "logs");
	json_array_append(to, json_array_get(from, 0));
	json_array_remove(from, 0);
}
static void alien_tx(json_t *receipts)
{
	/* The receipts trie does not know of transactions; the block's list does. */
	json_t *r = json_array_get(receipts, 3);
	json_t *hash = json_string("0x11111111111111111111111111111111"
				   "11111111111111111111111111111111");
	json_t *log;
	size_t i;
	json_object_set(r, "transactionHash", hash);
	json_array_foreach(json_object_get(r, "logs"), i, log)
		json_object_set(log, "transactionHash", hash);
	json_decref(hash);
}
static void alien_block(json_t *receipts)
{
	json_t *r;
	json_t *log;
	size_t i;
	size_t k;
	json_t *hash = json_string("0x11111111111111111111111111111111"
				   "11111111111111111111111111111111");
	json_array_foreach(receipts, i, r) {
		json_object_set(r, "blockHash", hash);
		json_array_foreach(json_object_get(r, "logs"), k, log)
			json_object_set(log, "blockHash", hash);
	}
	json_decref(hash);
}

#define MUTATOR(mutate)                                                                            \
	static json_t *answer_##mutate(struct fake_node *n, const char *method,                    \
				       const json_t *params)                                       \
	{                                                                                          \
		return block_mutated(n, method, params, mutate);                                   \
	}
MUTATOR(drop_log)
MUTATOR(drop_receipt)
MUTATOR(drop_all)
MUTATOR(swap_receipts)
MUTATOR(add_receipt)
MUTATOR(move_log)
MUTATOR(alien_tx)
MUTATOR(alien_block)

START_TEST(dropped_and_moved_receipts_and_logs_are_found)
{
	static const struct {
		json_t *(*answer)(struct fake_node *n, const char *method, const json_t *params);
		enum status st;
		const char *sentence;
		int requests; /* 2: it could have been a reorganisation */
	} rows[] = {
		{answer_drop_log, ST_CHAIN_DISPUTED, "make the root", 1},
		{answer_drop_receipt, ST_CHAIN_DISPUTED, "make the root", 1},
		{answer_drop_all, ST_CHAIN_DISPUTED, "make the root", 2},
		{answer_swap_receipts, ST_CHAIN_DISPUTED, "another transactionIndex", 1},
		{answer_add_receipt, ST_CHAIN_DISPUTED, "another transactionIndex", 1},
		{answer_move_log, ST_CHAIN, "names another transaction", 1},
		{answer_alien_tx, ST_CHAIN_DISPUTED, "is of transaction", 1},
		{answer_alien_block, ST_CHAIN_DISPUTED, "block with another hash", 2},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct block_fixture *x = block_begin(1, 0);
		x->nodes[0].answer = rows[i].answer;
		ck_assert_msg(block_get(x, 4, 4, 0) == rows[i].st, "%zu: %s", i,
			      x->cx.err.message);
		ck_assert_msg(strstr(x->cx.err.message, rows[i].sentence), "%zu: %s", i,
			      x->cx.err.message);
		ck_assert_msg(atomic_load(&x->nodes[0].http.requests) == rows[i].requests, "%zu",
			      i);
		block_end(x);
	}
}
END_TEST

/* A chain that forks off at block `at`: every block is right in itself. */
static void block_fork(struct block_fixture *x, size_t at)
{
	static const struct fake_shape shape = {.receipts = 2, .logs = 1, .salt = 7};
	for (size_t i = 0; i < at; i++) {
		x->other.blocks[i] = json_incref(x->chain.blocks[i]);
		x->other.receipts[i] = json_incref(x->chain.receipts[i]);
		x->other.hashes[i] = x->chain.hashes[i];
	}
	x->other.n = at;
	while (x->other.n < x->chain.n)
		fake_chain_add(&x->other, &shape);
}

/* Blocks below 4 of one chain, the others of another. */
static json_t *block_broken_link(struct fake_node *n, const char *method, const json_t *params)
{
	struct block_fixture *x = n->arg;
	struct fake_node as = {0};
	const char *text = json_string_value(json_array_get(params, 0));
	as.arg = strtoul(text, NULL, 16) < 4 ? &x->chain : &x->other;
	return fake_chain_answer(&as, method, params);
}

START_TEST(a_broken_parent_link_is_asked_for_twice_and_disputed)
{
	struct block_fixture *x = block_begin(1, 0);
	block_fork(x, 2);
	x->nodes[0].answer = block_broken_link;
	x->nodes[0].arg = x;
	ck_assert_int_eq(block_get(x, 2, 5, 0), ST_CHAIN_DISPUTED);
	ck_assert_ptr_nonnull(strstr(x->cx.err.message, "block 4 has the parent 0x"));
	ck_assert_ptr_nonnull(strstr(x->cx.err.message,
				     hex_encode(x->arena, x->chain.hashes[3].b, 32)));
	ck_assert_int_eq(block_get(x, 4, 5, 0), ST_OK);
	block_end(x);
}
END_TEST

START_TEST(a_reorganisation_between_two_answers_heals)
{
	struct block_fixture *x = block_begin(1, 0);
	/* Only the first answer has the receipts of another block. */
	x->nodes[0].find = arena_printf(x->arena, "\"result\":[{\"blockHash\":\"0x%s",
					block_without_0x(x->arena, &x->chain.hashes[1]));
	x->nodes[0].replace = "\"result\":[{\"blockHash\":\"0x11111111111111111111111111111111"
			      "11111111111111111111111111111111";
	x->nodes[0].lies_max = 1;
	ck_assert_msg(block_get(x, 1, 1, 0) == ST_OK, "%s", x->cx.err.message);
	ck_assert_int_eq(atomic_load(&x->nodes[0].http.requests), 2);
	ck_assert_int_eq(x->cx.err.status, ST_OK);
	block_end(x);
}
END_TEST

START_TEST(all_nodes_must_answer_and_agree)
{
	struct block_fixture *x = block_begin(3, 0);
	ck_assert_int_eq(block_get(x, 0, 5, 0), ST_OK);
	ck_assert_uint_eq(x->n, 6);
	/* Only the first is asked for receipts. */
	ck_assert_str_eq(x->nodes[0].last_method, "eth_getBlockReceipts");
	ck_assert_str_eq(x->nodes[2].last_method, "eth_getBlockByNumber");

	block_fork(x, 3);
	x->nodes[2].arg = &x->other;
	ck_assert_int_eq(block_get(x, 1, 2, 0), ST_OK);
	ck_assert_int_eq(block_get(x, 1, 4, 0), ST_CHAIN_DISPUTED);
	ck_assert_ptr_nonnull(strstr(x->cx.err.message, "block 3 is 0x"));
	ck_assert_ptr_nonnull(strstr(x->cx.err.message, x->nodes[2].http.url));
	ck_assert_ptr_nonnull(strstr(x->cx.err.message, x->nodes[0].http.url));

	x->nodes[2].arg = &x->chain;
	x->nodes[1].manner = FAKE_SILENT;
	ck_assert_int_eq(block_get(x, 1, 1, 0), ST_CHAIN);
	x->nodes[1].manner = FAKE_PLAIN;
	x->nodes[1].status = 429;
	ck_assert_int_eq(block_get(x, 1, 1, 0), ST_CHAIN);
	ck_assert_ptr_nonnull(strstr(x->cx.err.message, "HTTP 429"));
	x->nodes[1].status = 200;
	ck_assert_int_eq(block_get(x, 1, 1, 0), ST_OK);

	/* One that lies about its own header is caught, too. */
	x->nodes[1].find = "\"stateRoot\":\"0x";
	x->nodes[1].replace = "\"stateRoot\":\"0x1111111111111111111111111111111111111111111111"
			      "111111111111111111\",\"x\":\"0x";
	ck_assert_int_eq(block_get(x, 1, 1, 0), ST_CHAIN_DISPUTED);
	ck_assert_ptr_nonnull(strstr(x->cx.err.message, "its header hashes to"));
	block_end(x);
}
END_TEST

static json_t *block_refuse(struct fake_node *n, const char *method, const json_t *params)
{
	if (strcmp(method, "eth_getBlockReceipts") == 0)
		return fake_error(-32601, "Method not found", NULL);
	return fake_chain_answer(n, method, params);
}

START_TEST(a_node_without_block_receipts_is_named)
{
	struct block_fixture *x = block_begin(1, 0);
	x->nodes[0].answer = block_refuse;
	ck_assert_int_eq(block_get(x, 1, 1, 0), ST_CHAIN_REJECTED);
	ck_assert_ptr_nonnull(strstr(x->cx.err.message, "eth_getBlockReceipts"));
	ck_assert_ptr_nonnull(strstr(x->cx.err.message, "Method not found (-32601)"));
	block_end(x);
}
END_TEST

START_TEST(answers_that_are_too_large_are_asked_for_in_smaller_parts)
{
	/* Each block fits, several together do not. */
	struct block_fixture *x = block_begin(1, 64000);
	ck_assert_msg(block_get(x, 0, 5, 0) == ST_OK, "%s", x->cx.err.message);
	ck_assert_uint_eq(x->n, 6);
	block_end(x);
	x = block_begin(1, 20000);
	ck_assert_int_eq(block_get(x, 4, 4, 0), ST_CHAIN);
	ck_assert_ptr_nonnull(strstr(x->cx.err.message, "larger than 20000 bytes"));
	block_end(x);
}
END_TEST

START_TEST(odd_results_are_refused)
{
	static const char *const bodies[] = {"[]", "{}", "\"0x\"", "1", "true", "[1]", "[null]",
					     "[[]]", "[{}]"};
	for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
		for (int receipts = 0; receipts < 2; receipts++) {
			struct block_fixture *x = block_begin(1, 0);
			json_t *v = json_loads(bodies[i], JSON_DECODE_ANY, NULL);
			json_t **at = receipts ? &x->chain.receipts[3] : &x->chain.blocks[3];
			json_decref(*at);
			*at = v;
			/* Block 3 is empty: no receipts are right. */
			bool right = receipts && i == 0;
			ck_assert_msg(block_get(x, 3, 3, BLOCK_WITH_TXS) ==
					      (right ? ST_OK : ST_CHAIN), "%s", bodies[i]);
			block_end(x);
		}
	}
}
END_TEST

UNIT_SUITE("chain/block", honest_blocks_come_whole_and_linked, transactions_come_when_asked_for,
	   a_block_that_is_not_there_yet_ends_the_range,
	   receipts_that_are_not_there_yet_are_a_block_that_is_not, a_changed_header_is_disputed,
	   changed_numbers_of_a_header_are_disputed, a_changed_receipt_is_disputed,
	   dropped_and_moved_receipts_and_logs_are_found,
	   a_broken_parent_link_is_asked_for_twice_and_disputed,
	   a_reorganisation_between_two_answers_heals, all_nodes_must_answer_and_agree,
	   a_node_without_block_receipts_is_named,
	   answers_that_are_too_large_are_asked_for_in_smaller_parts, odd_results_are_refused)
