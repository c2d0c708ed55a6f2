/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/receipt.h"

#include "tests/unit/chain/blocks.h"

static void assert_root(struct arena *a, const json_t *block, const json_t *rows)
{
	size_t n;
	struct receipt *receipts = blocks_receipts(a, rows, &n);
	struct hash want = vectors_get_hash(block, "receiptsRoot");
	struct hash got = receipt_root(a, receipts, n);
	unit_assert_hash_eq(got, want);
	uint8_t bloom[HEADER_BLOOM_BYTES] = {0};
	uint8_t claimed[HEADER_BLOOM_BYTES];
	vectors_fixed(claimed, sizeof claimed, vectors_get(block, "logsBloom"));
	for (size_t i = 0; i < n; i++) {
		receipt_bloom(bloom, receipts[i].logs, receipts[i].logs_n);
		struct bytes raw = receipt_encode(a, &receipts[i]);
		struct receipt back;
		ck_assert_int_eq(receipt_decode(a, &back, raw), ST_OK);
		ck_assert_uint_eq(back.logs_n, receipts[i].logs_n);
		ck_assert_uint_eq(back.type, receipts[i].type);
		ck_assert(bytes_equal(receipt_encode(a, &back), raw));
	}
	ck_assert_mem_eq(bloom, claimed, sizeof bloom);
	/* One bit of one log, and the root is another. */
	for (size_t i = 0; i < n; i++) {
		if (receipts[i].logs_n == 0)
			continue;
		struct log_entry *log = (struct log_entry *)(uintptr_t)receipts[i].logs;
		log->address.b[0] ^= 1;
		got = receipt_root(a, receipts, n);
		ck_assert(!hash_equal(&got, &want));
		break;
	}
}

START_TEST(makes_the_root_of_a_block)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	const json_t *v = vectors_load(a, "layerzero");
	assert_root(a, vectors_get(v, "block"), vectors_get(v, "blockReceipts"));
	arena_destroy(a);
}
END_TEST

START_TEST(makes_the_root_of_a_mainnet_block)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	const json_t *block = blocks_mainnet(a, "m_block.json");
	if (block)
		assert_root(a, block, blocks_mainnet(a, "m_receipts.json"));
	arena_destroy(a);
}
END_TEST

static struct bytes sample(struct arena *a, uint8_t type)
{
	static struct log_entry logs[3] = {
		{.topics_n = 0}, {.topics_n = 4}, {.topics_n = 1},
	};
	logs[0].data = bytes_of("some data", 9);
	logs[1].topics[3].b[0] = 7;
	struct receipt r = {.type = type, .succeeded = true, .gas_cumulative = 21000,
			    .logs = logs, .logs_n = 3};
	return receipt_encode(a, &r);
}

START_TEST(all_types_read_back_and_others_do_not)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	struct receipt back;
	for (uint8_t type = 0; type <= RECEIPT_TYPE_MAX; type++) {
		ck_assert_int_eq(receipt_decode(a, &back, sample(a, type)), ST_OK);
		ck_assert_uint_eq(back.type, type);
		ck_assert(back.succeeded);
		ck_assert_uint_eq(back.logs_n, 3);
		ck_assert_uint_eq(back.logs[1].topics_n, 4);
		ck_assert_uint_eq(back.logs[2].log_index, 2);
	}
	uint8_t *raw = (uint8_t *)(uintptr_t)sample(a, 1).p;
	size_t n = sample(a, 1).n;
	for (unsigned type = 0; type < 256; type++) {
		raw[0] = (uint8_t)type;
		bool known = type >= 1 && type <= RECEIPT_TYPE_MAX;
		ck_assert_int_eq(receipt_decode(a, &back, bytes_of(raw, n)),
				 known ? ST_OK : ST_INVALID);
	}
	ck_assert_int_eq(receipt_decode(a, &back, bytes_of(NULL, 0)), ST_INVALID);
	arena_destroy(a);
}
END_TEST

START_TEST(cut_and_bent_receipts)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	struct bytes raw = sample(a, 2);
	struct receipt back;
	for (size_t cut = 0; cut < raw.n; cut++)
		ck_assert_int_eq(receipt_decode(a, &back, bytes_of(raw.p, cut)), ST_INVALID);
	uint8_t *bent = arena_copy(a, raw.p, raw.n);
	for (size_t bit = 0; bit < 8 * raw.n; bit++) {
		bent[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (receipt_decode(a, &back, bytes_of(bent, raw.n)) == ST_OK)
			ck_assert(bytes_equal(receipt_encode(a, &back), bytes_of(bent, raw.n)));
		bent[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	arena_destroy(a);
}
END_TEST

SUITE("chain/receipt", makes_the_root_of_a_block, makes_the_root_of_a_mainnet_block,
      all_types_read_back_and_others_do_not, cut_and_bent_receipts)
