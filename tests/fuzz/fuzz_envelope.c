/* SPDX-License-Identifier: Apache-2.0
 *
 * Sealed payloads: what is taken apart is put together the same.
 */
#include "tests/fuzz/fuzz.h"

#include "chain/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct envelope e;
	if (envelope_decode(&e, bytes_of(data, size)) != ST_OK) {
		fuzz_check(size < ENVELOPE_OVERHEAD_BYTES || data[0] != ENVELOPE_VERSION);
		return 0;
	}
	fuzz_check(fuzz_inside(e.sealed, data, size) && e.sealed.n >= HPKE_TAG_BYTES);
	fuzz_check(memcmp(data + 1, e.key_id, sizeof e.key_id) == 0);
	fuzz_check(memcmp(data + 1 + sizeof e.key_id, e.enc.b, sizeof e.enc.b) == 0);
	fuzz_check(e.sealed.p + e.sealed.n == data + size);
	return 0;
}
