/* SPDX-License-Identifier: Apache-2.0
 *
 * Raw transactions: what is accepted encodes to the same bytes.
 */
#include "tests/fuzz/fuzz.h"

#include "chain/tx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_create(FUZZ_ARENA_BYTES);
	struct bytes in = {data, size};
	struct tx tx;
	struct tx_signature sig;
	if (tx_decode(&tx, &sig, in) == ST_OK) {
		struct bytes raw;
		struct hash hash;
		fuzz_check(fuzz_inside(tx.data, data, size));
		fuzz_check(tx_encode(a, &raw, &hash, &tx, &sig) == ST_OK);
		fuzz_check(bytes_equal(raw, in));
		fuzz_check(tx_gas_floor(tx.data) >= tx_gas_intrinsic(tx.data));
		struct addr from;
		enum status st = tx_sender(a, &from, &tx, &sig);
		fuzz_check(st == ST_OK || st == ST_INVALID);
	}
	arena_destroy(a);
	return 0;
}
