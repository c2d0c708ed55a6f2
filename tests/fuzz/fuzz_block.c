/* SPDX-License-Identifier: Apache-2.0
 *
 * Headers and receipts: what is accepted encodes to the same bytes. The first byte chooses.
 */
#include "tests/fuzz/fuzz.h"

#include "chain/header.h"
#include "chain/receipt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	struct arena *a = arena_create(FUZZ_ARENA_BYTES);
	struct bytes in = {data + 1, size - 1};
	struct header h;
	struct receipt r;
	if (data[0] % 2 == 0) {
		if (header_decode(&h, in) == ST_OK)
			fuzz_check(bytes_equal(header_encode(a, &h), in));
	} else if (receipt_decode(a, &r, in) == ST_OK) {
		for (size_t i = 0; i < r.logs_n; i++)
			fuzz_check(fuzz_inside(r.logs[i].data, in.p, in.n));
		fuzz_check(bytes_equal(receipt_encode(a, &r), in));
	}
	arena_destroy(a);
	return 0;
}
