/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/tx.h"

#include "chain/keccak.h"
#include "chain/rlp.h"
#include "tests/unit/chain/vectors.h"

/* The members of a vector; what is not in the vector's transaction stays zero. */
static struct tx tx_of(struct arena *a, const json_t *row)
{
	struct tx tx = {
		.chain_id = vectors_get_u64(row, "chainId"),
		.nonce = vectors_get_u64(row, "nonce"),
		.max_priority_fee = vectors_get_u256(row, "maxPriorityFeePerGas"),
		.max_fee = vectors_get_u256(row, "maxFeePerGas"),
		.gas = vectors_get_u64(row, "gas"),
		.value = vectors_get_u256(row, "value"),
		.data = vectors_get_bytes(a, row, "data"),
		.is_create = json_is_null(vectors_get(row, "to")),
	};
	if (!tx.is_create)
		tx.to = vectors_get_addr(row, "to");
	const json_t *list = json_object_get(row, "accessList");
	struct buf b;
	buf_init(&b, a, 4096);
	size_t i;
	const json_t *entry;
	json_array_foreach(list, i, entry) {
		size_t mark = rlp_list_begin(&b);
		struct addr address = vectors_get_addr(entry, "address");
		rlp_put_bytes(&b, bytes_of(address.b, 20));
		size_t keys = rlp_list_begin(&b);
		size_t k;
		const json_t *key;
		json_array_foreach(vectors_get(entry, "storageKeys"), k, key) {
			struct hash h = vectors_hash(key);
			rlp_put_bytes(&b, bytes_of(h.b, 32));
		}
		rlp_list_end(&b, keys);
		rlp_list_end(&b, mark);
	}
	tx.access_list = buf_bytes(&b);
	return tx;
}

static void assert_same(struct arena *a, const json_t *row)
{
	struct bytes raw = vectors_get_bytes(a, row, "raw");
	struct hash hash = vectors_get_hash(row, "hash");
	struct addr from = vectors_get_addr(row, "from");
	struct tx want = tx_of(a, row);
	struct tx tx;
	struct tx_signature sig;
	ck_assert_int_eq(tx_decode(&tx, &sig, raw), ST_OK);
	ck_assert_uint_eq(tx.chain_id, want.chain_id);
	ck_assert_uint_eq(tx.nonce, want.nonce);
	ck_assert_uint_eq(tx.gas, want.gas);
	ck_assert(u256_cmp(tx.max_priority_fee, want.max_priority_fee) == 0);
	ck_assert(u256_cmp(tx.max_fee, want.max_fee) == 0);
	ck_assert(u256_cmp(tx.value, want.value) == 0);
	ck_assert_int_eq(tx.is_create, want.is_create);
	unit_assert_addr_eq(tx.to, want.to);
	ck_assert(bytes_equal(tx.data, want.data));
	ck_assert(bytes_equal(tx.access_list, want.access_list));
	struct addr got;
	ck_assert_int_eq(tx_sender(a, &got, &tx, &sig), ST_OK);
	unit_assert_addr_eq(got, from);
	struct bytes again;
	struct hash again_hash;
	ck_assert_int_eq(tx_encode(a, &again, &again_hash, &want, &sig), ST_OK);
	ck_assert(bytes_equal(again, raw));
	unit_assert_hash_eq(again_hash, hash);
}

START_TEST(agrees_with_viem)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	const json_t *rows = vectors_get(vectors_load(a, "chain"), "tx");
	size_t i;
	const json_t *row;
	json_array_foreach(rows, i, row) {
		assert_same(a, row);
		struct tx tx = tx_of(a, row);
		struct hash want = vectors_get_hash(row, "unsigned");
		struct hash got = tx_signing_hash(a, &tx);
		unit_assert_hash_eq(got, want);
	}
	assert_same(a, vectors_get(vectors_load(a, "layerzero"), "tx1559"));
	arena_destroy(a);
}
END_TEST

START_TEST(a_cut_or_bent_transaction_never_passes_as_the_same)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	const json_t *rows = vectors_get(vectors_load(a, "chain"), "tx");
	size_t i;
	const json_t *row;
	json_array_foreach(rows, i, row) {
		struct bytes raw = vectors_get_bytes(a, row, "raw");
		struct tx tx;
		struct tx_signature sig;
		for (size_t cut = 0; cut < raw.n; cut += 1 + raw.n / 400)
			ck_assert_int_eq(tx_decode(&tx, &sig, bytes_of(raw.p, cut)), ST_INVALID);
		uint8_t *bent = arena_alloc(a, raw.n + 1);
		memcpy(bent, raw.p, raw.n);
		ck_assert_int_eq(tx_decode(&tx, &sig, bytes_of(bent, raw.n + 1)), ST_INVALID);
		for (size_t bit = 0; bit < 8 * raw.n && raw.n < 600; bit++) {
			bent[bit / 8] ^= (uint8_t)(1u << bit % 8);
			struct bytes again;
			struct hash hash;
			if (tx_decode(&tx, &sig, bytes_of(bent, raw.n)) == ST_OK) {
				ck_assert_int_eq(tx_encode(a, &again, &hash, &tx, &sig), ST_OK);
				ck_assert(bytes_equal(again, bytes_of(bent, raw.n)));
			}
			bent[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
	arena_destroy(a);
}
END_TEST

START_TEST(other_types_are_refused)
{
	struct tx tx;
	struct tx_signature sig;
	for (unsigned type = 0; type < 256; type++) {
		uint8_t raw[2] = {(uint8_t)type, 0xc0};
		ck_assert_int_eq(tx_decode(&tx, &sig, bytes_of(raw, 2)), ST_INVALID);
	}
	ck_assert_int_eq(tx_decode(&tx, &sig, bytes_of(NULL, 0)), ST_INVALID);
}
END_TEST

START_TEST(what_pools_refuse_is_not_encoded)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	struct tx tx = {.chain_id = 1};
	struct tx_signature sig = {.r = {{1}}, .s = {{1}}};
	struct bytes raw;
	struct hash hash;
	tx.data = bytes_of(arena_alloc(a, TX_RAW_BYTES_MAX), TX_CLOSE_BYTES);
	ck_assert_int_eq(tx_encode(a, &raw, &hash, &tx, &sig), ST_OK);
	ck_assert_uint_le(raw.n, TX_RAW_BYTES_MAX);
	tx.data.n = TX_RAW_BYTES_MAX;
	ck_assert_int_eq(tx_encode(a, &raw, &hash, &tx, &sig), ST_TOO_LARGE);
	arena_destroy(a);
}
END_TEST

START_TEST(gas_of_calldata)
{
	static const uint8_t data[] = {0, 0, 0, 1, 255};
	ck_assert_uint_eq(tx_gas_intrinsic(bytes_of(data, sizeof data)), 21000 + 3 * 4 + 2 * 16);
	ck_assert_uint_eq(tx_gas_floor(bytes_of(data, sizeof data)), 21000 + 3 * 10 + 2 * 40);
	ck_assert_uint_eq(tx_gas_intrinsic(bytes_of(NULL, 0)), 21000);
}
END_TEST

SUITE("chain/tx", agrees_with_viem, a_cut_or_bent_transaction_never_passes_as_the_same,
      other_types_are_refused, what_pools_refuse_is_not_encoded, gas_of_calldata)
