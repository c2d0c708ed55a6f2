/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/keccak.h"

#include "tests/unit/chain/vectors.h"

START_TEST(hashes_what_viem_hashes)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	const json_t *rows = vectors_get(vectors_load(a, "chain"), "keccak");
	size_t i;
	const json_t *row;
	json_array_foreach(rows, i, row) {
		size_t n = vectors_get_u64(row, "n");
		uint8_t *p = arena_alloc(a, n);
		for (size_t k = 0; k < n; k++)
			p[k] = (uint8_t)((k * 7 + n) % 251);
		struct hash want = vectors_get_hash(row, "hash");
		struct hash got = keccak256(p, n);
		unit_assert_hash_eq(got, want);
		struct keccak k;
		keccak_init(&k);
		for (size_t at = 0, step = 1; at < n; at += step, step = step * 3 % 151) {
			step = step < n - at ? step : n - at;
			keccak_update(&k, p + at, step);
		}
		got = keccak_final(&k);
		unit_assert_hash_eq(got, want);
	}
	arena_destroy(a);
}
END_TEST

START_TEST(hashes_nothing_at_all)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	struct hash h = keccak256(NULL, 0);
	unit_assert_hex(a, bytes_of(h.b, 32),
			"0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
	arena_destroy(a);
}
END_TEST

SUITE("chain/keccak", hashes_what_viem_hashes, hashes_nothing_at_all)
