/* SPDX-License-Identifier: Apache-2.0
 *
 * Transaction receipts as consensus hashes them: types 0 to 4, with a status (Byzantium and later).
 * The bloom is not taken from the node but made from the logs: a wrong one would show in the root.
 */
#ifndef FERRY_CHAIN_RECEIPT_H
#define FERRY_CHAIN_RECEIPT_H

#include "base/bytes.h"
#include "base/status.h"
#include "chain/events.h"
#include "chain/header.h"

enum { RECEIPT_TYPE_MAX = 4, RECEIPT_LOGS_MAX = 65536 };

struct receipt {
	uint8_t type;
	bool succeeded;
	uint64_t gas_cumulative;
	const struct log_entry *logs;
	size_t logs_n;
};

/* Adds address and topics of each log. */
void receipt_bloom(uint8_t bloom[HEADER_BLOOM_BYTES], const struct log_entry *logs, size_t n);
/* type (when not 0) | rlp [status, cumulative gas, bloom, logs]. type <= RECEIPT_TYPE_MAX
 * (asserted). */
struct bytes receipt_encode(struct arena *a, const struct receipt *r);
/* Strictly; logs in the arena, their data points into raw; log_index counts from 0 in the
 * receipt. */
MUST_USE enum status receipt_decode(struct arena *a, struct receipt *out,
				    struct bytes raw);
/* The receiptsRoot of a block with these receipts in transaction order. */
struct hash receipt_root(struct arena *a, const struct receipt *receipts, size_t n);

#endif
