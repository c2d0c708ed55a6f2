/* SPDX-License-Identifier: Apache-2.0
 *
 * A chain of consistent blocks for tests, as a node tells it in JSON, and a node that tells it.
 */
#ifndef FERRY_TESTS_UNIT_CHAIN_FAKE_CHAIN_H
#define FERRY_TESTS_UNIT_CHAIN_FAKE_CHAIN_H

#include "chain/header.h"
#include "chain/keccak.h"
#include "chain/receipt.h"
#include "tests/unit/chain/fake_node.h"

enum { FAKE_BLOCKS_MAX = 64, FAKE_GAS = 50000 };

struct fake_chain {
	size_t n; /* blocks 0..n) */
	struct hash hashes[FAKE_BLOCKS_MAX];
	json_t *blocks[FAKE_BLOCKS_MAX];   /* transactions as objects */
	json_t *receipts[FAKE_BLOCKS_MAX];
};

/* What the next block holds. */
struct fake_shape {
	size_t receipts;
	size_t logs; /* of each receipt */
	size_t data_bytes; /* of each log */
	uint64_t salt; /* makes a different block of the same shape */
	const struct log_entry *own; /* logs of the first receipt, instead of made-up ones */
	size_t own_n;
};

static inline json_t *fake_hex(const void *p, size_t n)
{
	char *s = malloc(2 * n + 3);
	s[0] = '0';
	s[1] = 'x';
	hex_digits(s + 2, p, n);
	json_t *v = json_stringn(s, 2 * n + 2);
	free(s);
	return v;
}

static inline json_t *fake_quantity(uint64_t v)
{
	char s[19];
	snprintf(s, sizeof s, "0x%lx", (unsigned long)v);
	return json_string(s);
}

static inline struct hash fake_hash(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t in[] = {a, b, c};
	return keccak256(in, sizeof in);
}

static inline struct log_entry fake_log(struct arena *a, uint64_t number, uint64_t index,
					const struct fake_shape *shape)
{
	uint8_t *data = arena_alloc(a, shape->data_bytes);
	for (size_t i = 0; i < shape->data_bytes; i++)
		data[i] = (uint8_t)(index + i * 7);
	struct log_entry log = {.topics_n = (unsigned)(index % 5),
				.data = bytes_of(data, shape->data_bytes),
				.log_index = (uint32_t)index};
	struct hash h = fake_hash(number, index, shape->salt);
	log.address = addr_of_hash(&h);
	for (unsigned t = 0; t < log.topics_n; t++)
		log.topics[t] = fake_hash(index, t, 99);
	return log;
}

static inline json_t *fake_log_json(const struct log_entry *log, const json_t *place)
{
	json_t *v = json_copy((json_t *)(uintptr_t)place);
	json_t *topics = json_array();
	for (unsigned t = 0; t < log->topics_n; t++)
		json_array_append_new(topics, fake_hex(log->topics[t].b, 32));
	json_object_set_new(v, "address", fake_hex(log->address.b, 20));
	json_object_set_new(v, "topics", topics);
	json_object_set_new(v, "data", fake_hex(log->data.p, log->data.n));
	json_object_set_new(v, "logIndex", fake_quantity(log->log_index));
	json_object_set_new(v, "removed", json_false());
	return v;
}

static inline json_t *fake_place(const struct hash *block, uint64_t number, const struct hash *tx,
				 uint64_t index)
{
	return json_pack("{s:o,s:o,s:o,s:o}", "blockHash", fake_hex(block->b, 32), "blockNumber",
			 fake_quantity(number), "transactionHash", fake_hex(tx->b, 32),
			 "transactionIndex", fake_quantity(index));
}

static inline json_t *fake_receipt_json(const struct receipt *r, const json_t *place)
{
	static const uint8_t from[20] = {0xf0};
	static const uint8_t to[20] = {0x70};
	uint8_t bloom[HEADER_BLOOM_BYTES] = {0};
	json_t *v = json_copy((json_t *)(uintptr_t)place);
	json_t *logs = json_array();
	receipt_bloom(bloom, r->logs, r->logs_n);
	for (size_t i = 0; i < r->logs_n; i++)
		json_array_append_new(logs, fake_log_json(&r->logs[i], place));
	json_object_set_new(v, "logs", logs);
	json_object_set_new(v, "logsBloom", fake_hex(bloom, sizeof bloom));
	json_object_set_new(v, "type", fake_quantity(r->type));
	json_object_set_new(v, "status", fake_quantity(r->succeeded));
	json_object_set_new(v, "cumulativeGasUsed", fake_quantity(r->gas_cumulative));
	json_object_set_new(v, "gasUsed", fake_quantity(FAKE_GAS));
	json_object_set_new(v, "effectiveGasPrice", fake_quantity(1000000007));
	json_object_set_new(v, "from", fake_hex(from, 20));
	json_object_set_new(v, "to", fake_hex(to, 20));
	json_object_set_new(v, "contractAddress", json_null());
	return v;
}

static inline void fake_header_roots(json_t *v, const struct header *h)
{
	json_object_set_new(v, "parentHash", fake_hex(h->parent_hash.b, 32));
	json_object_set_new(v, "sha3Uncles", fake_hex(h->uncles_hash.b, 32));
	json_object_set_new(v, "stateRoot", fake_hex(h->state_root.b, 32));
	json_object_set_new(v, "transactionsRoot", fake_hex(h->transactions_root.b, 32));
	json_object_set_new(v, "receiptsRoot", fake_hex(h->receipts_root.b, 32));
	json_object_set_new(v, "mixHash", fake_hex(h->mix_hash.b, 32));
	json_object_set_new(v, "withdrawalsRoot", fake_hex(h->withdrawals_root.b, 32));
	json_object_set_new(v, "parentBeaconBlockRoot", fake_hex(h->parent_beacon_root.b, 32));
	json_object_set_new(v, "requestsHash", fake_hex(h->requests_hash.b, 32));
	json_object_set_new(v, "logsBloom", fake_hex(h->bloom, sizeof h->bloom));
}

static inline json_t *fake_header_json(const struct header *h, const struct hash *hash)
{
	json_t *v = json_object();
	fake_header_roots(v, h);
	json_object_set_new(v, "hash", fake_hex(hash->b, 32));
	json_object_set_new(v, "miner", fake_hex(h->miner.b, 20));
	json_object_set_new(v, "difficulty", fake_quantity(0));
	json_object_set_new(v, "number", fake_quantity(h->number));
	json_object_set_new(v, "gasLimit", fake_quantity(h->gas_limit));
	json_object_set_new(v, "gasUsed", fake_quantity(h->gas_used));
	json_object_set_new(v, "timestamp", fake_quantity(h->timestamp));
	json_object_set_new(v, "extraData", fake_hex(h->extra.p, h->extra.n));
	json_object_set_new(v, "nonce", fake_hex(h->nonce, sizeof h->nonce));
	json_object_set_new(v, "baseFeePerGas", fake_quantity(u256_to_u64(h->base_fee)));
	json_object_set_new(v, "blobGasUsed", fake_quantity(h->blob_gas_used));
	json_object_set_new(v, "excessBlobGas", fake_quantity(h->excess_blob_gas));
	json_object_set_new(v, "size", fake_quantity(1234));
	return v;
}

static inline json_t *fake_tx_json(const json_t *place, uint64_t nonce)
{
	static const uint8_t from[20] = {0xf0};
	static const uint8_t to[20] = {0x70};
	json_t *v = json_copy((json_t *)(uintptr_t)place);
	json_object_set(v, "hash", json_object_get(place, "transactionHash"));
	json_object_del(v, "transactionHash");
	json_object_set_new(v, "from", fake_hex(from, 20));
	json_object_set_new(v, "to", fake_hex(to, 20));
	json_object_set_new(v, "nonce", fake_quantity(nonce));
	json_object_set_new(v, "value", fake_quantity(0));
	json_object_set_new(v, "input", fake_hex("\x12\x34\x56\x78", 4));
	return v;
}

/* Grows the chain by a block. */
static inline void fake_chain_add(struct fake_chain *c, const struct fake_shape *shape)
{
	struct arena *a = arena_create(1 << 30);
	uint64_t number = c->n;
	struct receipt *bodies = arena_array(a, shape->receipts, sizeof *bodies);
	uint64_t log_index = 0;
	for (size_t i = 0; i < shape->receipts; i++) {
		bool is_own = i == 0 && shape->own_n > 0;
		size_t logs_n = is_own ? shape->own_n : shape->logs;
		struct log_entry *logs = arena_array(a, logs_n, sizeof *logs);
		for (size_t k = 0; k < logs_n; k++) {
			logs[k] = is_own ? shape->own[k] : fake_log(a, number, log_index, shape);
			logs[k].log_index = (uint32_t)log_index++;
		}
		bodies[i] = (struct receipt){.type = (uint8_t)(i % 5),
					     .succeeded = i % 7 != 6,
					     .gas_cumulative = (i + 1) * FAKE_GAS,
					     .logs = logs,
					     .logs_n = logs_n};
	}
	struct header h = {.fields = HEADER_PRAGUE,
			   .number = number,
			   .gas_limit = 30000000,
			   .gas_used = shape->receipts * FAKE_GAS,
			   .timestamp = 1700000000 + number,
			   .extra = bytes_of("ferry", 5),
			   .base_fee = u256_of_u64(1000000000),
			   .receipts_root = receipt_root(a, bodies, shape->receipts),
			   .state_root = fake_hash(number, 1, shape->salt)};
	if (number > 0)
		h.parent_hash = c->hashes[number - 1];
	struct hash hash = header_hash(a, &h);
	json_t *block = fake_header_json(&h, &hash);
	json_t *receipts = json_array();
	json_t *txs = json_array();
	for (size_t i = 0; i < shape->receipts; i++) {
		struct hash tx = fake_hash(number, i, 5);
		json_t *place = fake_place(&hash, number, &tx, i);
		json_array_append_new(receipts, fake_receipt_json(&bodies[i], place));
		json_array_append_new(txs, fake_tx_json(place, 100 + i));
		json_decref(place);
	}
	json_object_set_new(block, "transactions", txs);
	c->hashes[number] = hash;
	c->blocks[number] = block;
	c->receipts[number] = receipts;
	c->n++;
	arena_destroy(a);
}

static inline void fake_chain_free(struct fake_chain *c)
{
	for (size_t i = 0; i < c->n; i++) {
		json_decref(c->blocks[i]);
		json_decref(c->receipts[i]);
	}
}

/* With hashes instead of whole transactions. */
static inline json_t *fake_block_short(json_t *block)
{
	json_t *v = json_copy(block);
	json_t *hashes = json_array();
	json_t *tx;
	size_t i;
	json_array_foreach(json_object_get(block, "transactions"), i, tx)
		json_array_append(hashes, json_object_get(tx, "hash"));
	json_object_set_new(v, "transactions", hashes);
	return v;
}

/* fake_node's answer function; the node's arg is the chain. */
static inline json_t *fake_chain_answer(struct fake_node *n, const char *method,
					const json_t *params)
{
	struct fake_chain *c = n->arg;
	const char *text = json_string_value(json_array_get(params, 0));
	uint64_t number = strcmp(text, "latest") == 0 ? c->n - 1 : strtoul(text, NULL, 16);
	struct hash hash;
	if (hex_decode_fixed(text, strlen(text), hash.b, sizeof hash.b))
		for (number = 0; number < c->n; number++)
			if (hash_equal(&c->hashes[number], &hash))
				break;
	if (number >= c->n)
		return fake_result(json_null());
	if (strcmp(method, "eth_getBlockReceipts") == 0)
		return fake_result(json_deep_copy(c->receipts[number]));
	if (json_is_true(json_array_get(params, 1)))
		return fake_result(json_deep_copy(c->blocks[number]));
	return fake_result(fake_block_short(c->blocks[number]));
}

#endif
