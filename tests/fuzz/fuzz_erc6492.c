/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "chain/erc6492.h"

/* The input, and the input with the end of a wrapped signature: fuzzers do not guess 32 bytes. */
static void one(struct arena *a, struct bytes in)
{
	struct erc6492 s, again;
	if (erc6492_decode(&s, in) != ST_OK) {
		fuzz_check(s.data.n <= in.n && s.signature.n <= in.n);
		return;
	}
	fuzz_check(erc6492_is(in) && in.n >= ERC6492_BYTES_MIN);
	fuzz_check(fuzz_inside(s.data, in.p, in.n - ERC6492_MAGIC_BYTES));
	fuzz_check(fuzz_inside(s.signature, in.p, in.n - ERC6492_MAGIC_BYTES));
	struct buf b;
	buf_init(&b, a, FUZZ_ARENA_BYTES / 4); /* tails may be shared in the input */
	erc6492_encode(&b, &s);
	fuzz_check(!b.overflow && erc6492_decode(&again, buf_bytes(&b)) == ST_OK);
	fuzz_check(addr_equal(&s.factory, &again.factory));
	fuzz_check(bytes_equal(s.data, again.data) && bytes_equal(s.signature, again.signature));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_create(FUZZ_ARENA_BYTES);
	struct buf b;
	one(a, bytes_of(data, size));
	buf_init(&b, a, size + ERC6492_MAGIC_BYTES);
	buf_put(&b, data, size);
	for (size_t i = 0; i < ERC6492_MAGIC_BYTES; i++)
		buf_put(&b, i % 2 ? "\x92" : "\x64", 1);
	one(a, buf_bytes(&b));
	arena_destroy(a);
	return 0;
}
