/* SPDX-License-Identifier: Apache-2.0
 *
 * LayerZero's execution options, type 3: what the sender pays the executor for.
 */
#ifndef FERRY_CHAIN_OPTIONS_H
#define FERRY_CHAIN_OPTIONS_H

#include "base/bytes.h"
#include "base/status.h"
#include "chain/u256.h"

enum { OPTIONS_LZ_RECEIVE_BYTES_MAX = 38, OPTIONS_COUNT_MAX = 64 };

struct options {
	struct u256 gas;   /* of all lzReceive options together */
	struct u256 value; /* likewise */
	struct u256 drop;  /* of all native drops together */
	unsigned lz_receive_count;
	unsigned native_drop_count;
	unsigned lz_compose_count;
	unsigned lz_read_count;
	unsigned dvn_count;
	unsigned unknown_count; /* executor options of a type we do not know */
	bool is_ordered;
};

/* One lzReceive option; value 0 is left out, as OptionsBuilder does. Both fit 128 bits (asserted).
 * Returns the number of bytes. */
size_t options_lz_receive(uint8_t out[OPTIONS_LZ_RECEIVE_BYTES_MAX], struct u256 gas,
			  struct u256 value);
/* ST_INVALID: not type 3, a size that does not fit its option or passes the end, more than
 * OPTIONS_COUNT_MAX options. */
MUST_USE enum status options_decode(struct options *out, struct bytes in);

#endif
