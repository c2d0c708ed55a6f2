/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/header.h"

#include "chain/rlp.h"
#include "tests/unit/chain/blocks.h"

static void assert_hashes(struct arena *a, const json_t *v)
{
	struct header h = blocks_header(a, v);
	struct hash want = vectors_get_hash(v, "hash");
	struct hash got = header_hash(a, &h);
	unit_assert_hash_eq(got, want);
	struct bytes rlp = header_encode(a, &h);
	struct header back;
	ck_assert_int_eq(header_decode(&back, rlp), ST_OK);
	ck_assert_int_eq(back.fields, h.fields);
	got = header_hash(a, &back);
	unit_assert_hash_eq(got, want);
}

START_TEST(hashes_to_the_hash_the_chain_has)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	assert_hashes(a, vectors_get(vectors_load(a, "layerzero"), "block"));
	arena_destroy(a);
}
END_TEST

START_TEST(hashes_a_mainnet_block)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	const json_t *v = blocks_mainnet(a, "m_block.json");
	if (v)
		assert_hashes(a, v);
	arena_destroy(a);
}
END_TEST

START_TEST(older_headers_have_fewer_fields)
{
	static const enum header_fields all[] = {HEADER_FRONTIER, HEADER_LONDON, HEADER_SHANGHAI,
						 HEADER_CANCUN, HEADER_PRAGUE};
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	struct header h = blocks_header(a, vectors_get(vectors_load(a, "layerzero"), "block"));
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		h.fields = all[i];
		struct bytes rlp = header_encode(a, &h);
		struct header back;
		ck_assert_int_eq(header_decode(&back, rlp), ST_OK);
		ck_assert_int_eq(back.fields, all[i]);
		struct rlp_reader r = rlp_read_list(rlp);
		size_t n = 0;
		for (; rlp_more(&r); n++)
			rlp_next(&r);
		ck_assert_uint_eq(n, all[i]);
		for (size_t cut = 0; cut < rlp.n; cut++)
			ck_assert_int_eq(header_decode(&back, bytes_of(rlp.p, cut)), ST_INVALID);
	}
	arena_destroy(a);
}
END_TEST

START_TEST(a_number_of_fields_between_forks_is_refused)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	struct header h = blocks_header(a, vectors_get(vectors_load(a, "layerzero"), "block"));
	struct bytes rlp = header_encode(a, &h);
	for (size_t keep = 0; keep <= 22; keep++) {
		struct rlp_reader r = rlp_read_list(rlp);
		struct buf b;
		buf_init(&b, a, 1 << 16);
		size_t list = rlp_list_begin(&b);
		for (size_t i = 0; i < keep && i < 21; i++) {
			struct bytes item = rlp_next(&r).whole;
			buf_put(&b, item.p, item.n);
		}
		if (keep == 22)
			rlp_put_u64(&b, 0);
		rlp_list_end(&b, list);
		bool known = keep == 15 || keep == 16 || keep == 17 || keep == 20 || keep == 21;
		struct header back;
		ck_assert_int_eq(header_decode(&back, buf_bytes(&b)), known ? ST_OK : ST_INVALID);
	}
	arena_destroy(a);
}
END_TEST

START_TEST(every_bit_changes_the_header)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	struct header h = blocks_header(a, vectors_get(vectors_load(a, "layerzero"), "block"));
	struct bytes rlp = header_encode(a, &h);
	uint8_t *bent = arena_copy(a, rlp.p, rlp.n);
	for (size_t bit = 0; bit < 8 * rlp.n; bit++) {
		struct header back;
		bent[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (header_decode(&back, bytes_of(bent, rlp.n)) == ST_OK)
			ck_assert(bytes_equal(header_encode(a, &back), bytes_of(bent, rlp.n)));
		bent[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	arena_destroy(a);
}
END_TEST

SUITE("chain/header", hashes_to_the_hash_the_chain_has, hashes_a_mainnet_block,
      older_headers_have_fewer_fields, a_number_of_fields_between_forks_is_refused,
      every_bit_changes_the_header)
