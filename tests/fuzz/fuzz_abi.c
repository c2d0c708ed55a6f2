/* SPDX-License-Identifier: Apache-2.0
 *
 * Calldata of sendMany and arbitrary sequences of reads: the first input byte chooses.
 */
#include "tests/fuzz/fuzz.h"

#include "chain/abi.h"
#include "chain/calls.h"

enum { ITEMS_MAX = 1000 };

/* Items that were read are read the same from what is written of them. */
static void round_trip(struct arena *a, struct bytes in)
{
	struct calls_item *items;
	struct calls_item *again;
	size_t n;
	size_t m;
	if (calls_decode_send_many(a, &items, &n, in, ITEMS_MAX) != ST_OK)
		return;
	size_t bytes = CALLS_ARRAY_BYTES;
	for (size_t i = 0; i < n; i++) {
		fuzz_check(fuzz_inside(items[i].payload, in.p, in.n));
		fuzz_check(fuzz_inside(items[i].signature, in.p, in.n));
		bytes += calls_item_bytes(&items[i]);
	}
	if (bytes > FUZZ_ARENA_BYTES / 8) /* tails may be shared in the input */
		return;
	struct buf b;
	buf_init(&b, a, bytes);
	calls_send_many(&b, items, n);
	fuzz_check(!b.overflow && b.n == bytes);
	fuzz_check(calls_decode_send_many(a, &again, &m, buf_bytes(&b), n) == ST_OK);
	fuzz_check(n == m);
	for (size_t i = 0; i < n; i++) {
		fuzz_check(bytes_equal(items[i].payload, again[i].payload));
		fuzz_check(bytes_equal(items[i].signature, again[i].signature));
		fuzz_check(hash_equal(&items[i].request_id, &again[i].request_id));
		fuzz_check(u256_cmp(items[i].fee, again[i].fee) == 0);
	}
}

static void read_any(const uint8_t *script, size_t steps, struct bytes in)
{
	struct abi_reader r = abi_read(in);
	for (size_t i = 0; i < steps && !r.bad; i++) {
		struct abi_reader inner;
		size_t n;
		switch (script[i] % 8) {
		case 0:
			abi_next_hash(&r);
			break;
		case 1:
			abi_next_addr(&r);
			break;
		case 2:
			abi_next_u64(&r);
			break;
		case 3:
			abi_next_bool(&r);
			break;
		case 4:
			inner = abi_next_tuple(&r);
			fuzz_check(inner.bad || fuzz_inside(inner.in, in.p, in.n));
			abi_close(&r, &inner);
			break;
		case 5:
			inner = abi_next_array(&r, 100, &n);
			fuzz_check(n <= 100 && n <= in.n / 32);
			fuzz_check(inner.bad || fuzz_inside(inner.in, in.p, in.n));
			break;
		default:
			fuzz_check(fuzz_inside(abi_next_bytes(&r, in.n), in.p, in.n));
			break;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	struct arena *a = arena_create(FUZZ_ARENA_BYTES);
	size_t steps = data[0];
	if (steps == 0)
		round_trip(a, bytes_of(data + 1, size - 1));
	else if (size > steps)
		read_any(data + 1, steps, bytes_of(data + 1 + steps, size - 1 - steps));
	arena_destroy(a);
	return 0;
}
