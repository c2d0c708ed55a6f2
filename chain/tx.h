/* SPDX-License-Identifier: Apache-2.0
 *
 * EIP-1559 transactions (type 2) without an access list: what we sign, what goes out, what it is
 * called, and what a raw one says.
 */
#ifndef FERRY_CHAIN_TX_H
#define FERRY_CHAIN_TX_H

#include "base/bytes.h"
#include "base/status.h"
#include "chain/u256.h"

enum {
	TX_RAW_BYTES_MAX = 128 * 1024, /* pools refuse more */
	TX_CLOSE_BYTES = 120 * 1024,   /* calldata at which a batch is closed */
	TX_GAS_MAX = 16777216,         /* EIP-7825 */
	TX_ACCESS_LIST_MAX = 1024,
};

struct tx {
	uint64_t chain_id;
	uint64_t nonce;
	struct u256 max_priority_fee; /* wei a gas */
	struct u256 max_fee;
	uint64_t gas;
	bool is_create; /* no `to`; ours never are */
	struct addr to;
	struct u256 value;
	struct bytes data;
	struct bytes access_list; /* the items as RLP; empty in all of ours */
};

struct tx_signature {
	struct hash r;
	struct hash s;
	uint8_t y_parity; /* 0 or 1 */
};

/* What the key signs. The arena holds a copy of the data for a moment. */
struct hash tx_signing_hash(struct arena *a, const struct tx *tx);
/* The bytes for eth_sendRawTransaction and the transaction's hash.
 *
 * Returns: ST_OK; ST_TOO_LARGE above TX_RAW_BYTES_MAX.
 */
MUST_USE enum status tx_encode(struct arena *a, struct bytes *raw, struct hash *hash,
			       const struct tx *tx, const struct tx_signature *sig);
/* The reverse, strictly; tx->data points into raw. ST_INVALID for anything but a type-2
 * transaction. */
MUST_USE enum status tx_decode(struct tx *tx, struct tx_signature *sig, struct bytes raw);
/* Who signed it; ST_INVALID when nobody can have. */
MUST_USE enum status tx_sender(struct arena *a, struct addr *from, const struct tx *tx,
			       const struct tx_signature *sig);

/* Gas a transaction costs before its first instruction: 21000, 4 and 16 a calldata byte. */
uint64_t tx_gas_intrinsic(struct bytes data);
/* Gas it costs at least (EIP-7623): 21000, 10 and 40 a calldata byte. A gas limit below is
 * refused. */
uint64_t tx_gas_floor(struct bytes data);

#endif
