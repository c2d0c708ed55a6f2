/* SPDX-License-Identifier: Apache-2.0
 *
 * Headers and receipts out of JSON-RPC answers, for tests.
 */
#ifndef FERRY_TESTS_UNIT_CHAIN_BLOCKS_H
#define FERRY_TESTS_UNIT_CHAIN_BLOCKS_H

#include "chain/header.h"
#include "chain/receipt.h"
#include "tests/unit/chain/vectors.h"

static inline struct header blocks_header(struct arena *a, const json_t *v)
{
	struct header h = {
		.fields = HEADER_PRAGUE,
		.parent_hash = vectors_get_hash(v, "parentHash"),
		.uncles_hash = vectors_get_hash(v, "sha3Uncles"),
		.miner = vectors_get_addr(v, "miner"),
		.state_root = vectors_get_hash(v, "stateRoot"),
		.transactions_root = vectors_get_hash(v, "transactionsRoot"),
		.receipts_root = vectors_get_hash(v, "receiptsRoot"),
		.difficulty = vectors_get_u256(v, "difficulty"),
		.number = vectors_get_u64(v, "number"),
		.gas_limit = vectors_get_u64(v, "gasLimit"),
		.gas_used = vectors_get_u64(v, "gasUsed"),
		.timestamp = vectors_get_u64(v, "timestamp"),
		.extra = vectors_get_bytes(a, v, "extraData"),
		.mix_hash = vectors_get_hash(v, "mixHash"),
		.base_fee = vectors_get_u256(v, "baseFeePerGas"),
		.withdrawals_root = vectors_get_hash(v, "withdrawalsRoot"),
		.blob_gas_used = vectors_get_u64(v, "blobGasUsed"),
		.excess_blob_gas = vectors_get_u64(v, "excessBlobGas"),
		.parent_beacon_root = vectors_get_hash(v, "parentBeaconBlockRoot"),
	};
	vectors_fixed(h.bloom, sizeof h.bloom, vectors_get(v, "logsBloom"));
	vectors_fixed(h.nonce, sizeof h.nonce, vectors_get(v, "nonce"));
	if (json_object_get(v, "requestsHash"))
		h.requests_hash = vectors_get_hash(v, "requestsHash");
	else
		h.fields = HEADER_CANCUN;
	return h;
}

static inline struct receipt blocks_receipt(struct arena *a, const json_t *v)
{
	const json_t *logs = vectors_get(v, "logs");
	struct log_entry *entries = arena_array(a, json_array_size(logs), sizeof *entries);
	size_t i;
	const json_t *row;
	json_array_foreach(logs, i, row) {
		entries[i].address = vectors_get_addr(row, "address");
		entries[i].data = vectors_get_bytes(a, row, "data");
		entries[i].log_index = (uint32_t)vectors_get_u64(row, "logIndex");
		size_t t;
		const json_t *topic;
		json_array_foreach(vectors_get(row, "topics"), t, topic)
			entries[i].topics[entries[i].topics_n++] = vectors_hash(topic);
	}
	return (struct receipt){
		.type = (uint8_t)vectors_get_u64(v, "type"),
		.succeeded = vectors_get_u64(v, "status") == 1,
		.gas_cumulative = vectors_get_u64(v, "cumulativeGasUsed"),
		.logs = entries,
		.logs_n = json_array_size(logs),
	};
}

static inline struct receipt *blocks_receipts(struct arena *a, const json_t *rows, size_t *n)
{
	*n = json_array_size(rows);
	struct receipt *out = arena_array(a, *n, sizeof *out);
	for (size_t i = 0; i < *n; i++)
		out[i] = blocks_receipt(a, json_array_get(rows, i));
	return out;
}

/* A file of a real block, when FERRY_MAINNET_BLOCK names the folder; else NULL and said so. */
static inline const json_t *blocks_mainnet(struct arena *a, const char *file)
{
	const char *folder = getenv("FERRY_MAINNET_BLOCK");
	if (!folder) {
		unit_skip("a real mainnet block", "FERRY_MAINNET_BLOCK names no folder");
		return NULL;
	}
	const json_t *v = vectors_load_path(a, arena_printf(a, "%s/%s", folder, file));
	const json_t *result = json_object_get(v, "result");
	return result ? result : v;
}

#endif
