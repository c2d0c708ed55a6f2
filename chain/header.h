/* SPDX-License-Identifier: Apache-2.0
 *
 * Block headers: recomputing the hash binds a receipts root, a state root and a parent to a block.
 * Headers grew with the forks; `fields` tells how many of the members are there.
 */
#ifndef FERRY_CHAIN_HEADER_H
#define FERRY_CHAIN_HEADER_H

#include "base/bytes.h"
#include "base/status.h"
#include "chain/u256.h"

enum header_fields {
	HEADER_FRONTIER = 15, /* to nonce */
	HEADER_LONDON = 16,   /* + base_fee */
	HEADER_SHANGHAI = 17, /* + withdrawals_root */
	HEADER_CANCUN = 20,   /* + blob_gas_used, excess_blob_gas, parent_beacon_root */
	HEADER_PRAGUE = 21,   /* + requests_hash */
};
enum { HEADER_BLOOM_BYTES = 256, HEADER_EXTRA_BYTES_MAX = 4096 };

struct header {
	enum header_fields fields;
	struct hash parent_hash;
	struct hash uncles_hash;
	struct addr miner;
	struct hash state_root;
	struct hash transactions_root;
	struct hash receipts_root;
	uint8_t bloom[HEADER_BLOOM_BYTES];
	struct u256 difficulty;
	uint64_t number;
	uint64_t gas_limit;
	uint64_t gas_used;
	uint64_t timestamp;
	struct bytes extra;
	struct hash mix_hash;
	uint8_t nonce[8];
	struct u256 base_fee;
	struct hash withdrawals_root;
	uint64_t blob_gas_used;
	uint64_t excess_blob_gas;
	struct hash parent_beacon_root;
	struct hash requests_hash;
};

/* extra is at most HEADER_EXTRA_BYTES_MAX (asserted). */
struct bytes header_encode(struct arena *a, const struct header *h);
struct hash header_hash(struct arena *a, const struct header *h);
/* Strictly; extra points into rlp. ST_INVALID: another number of fields, or not canonical. */
MUST_USE enum status header_decode(struct header *out, struct bytes rlp);

#endif
