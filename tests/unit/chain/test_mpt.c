/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/mpt.h"

#include "chain/keccak.h"
#include "chain/rlp.h"
#include "tests/unit/chain/vectors.h"

START_TEST(roots_of_lists_of_all_sizes)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	const json_t *rows = vectors_get(vectors_load(a, "chain"), "mpt_roots");
	size_t r;
	const json_t *row;
	json_array_foreach(rows, r, row) {
		size_t n = vectors_get_u64(row, "n");
		struct bytes *values = arena_array(a, n, sizeof *values);
		for (size_t i = 0; i < n; i++) {
			values[i].n = 1 + (i * 37 + n) % 90;
			uint8_t *p = arena_alloc(a, values[i].n);
			for (size_t k = 0; k < values[i].n; k++)
				p[k] = (uint8_t)(1 + (i + k) % 255);
			values[i].p = p;
		}
		struct hash got = mpt_root(a, values, n);
		unit_assert_hex(a, bytes_of(got.b, 32), vectors_text(vectors_get(row, "root")));
	}
	arena_destroy(a);
}
END_TEST

START_TEST(the_empty_root_is_the_hash_of_an_empty_string)
{
	struct hash h = keccak256("\x80", 1);
	unit_assert_hash_eq(h, MPT_EMPTY_ROOT);
}
END_TEST

static struct bytes *nodes_of(struct arena *a, const json_t *list, size_t *n)
{
	*n = json_array_size(list);
	struct bytes *nodes = arena_array(a, *n + 1, sizeof *nodes);
	for (size_t i = 0; i < *n; i++)
		nodes[i] = vectors_bytes(a, json_array_get(list, i));
	return nodes;
}

START_TEST(proves_an_account_and_its_storage)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	const json_t *v = vectors_get(vectors_load(a, "layerzero"), "proof");
	const json_t *result = vectors_get(v, "result");
	struct hash root = vectors_get_hash(v, "stateRoot");
	struct addr address = vectors_get_addr(v, "account");
	size_t n;
	struct bytes *nodes = nodes_of(a, vectors_get(result, "accountProof"), &n);
	struct mpt_account account;
	ck_assert_int_eq(mpt_prove_account(&account, &root, &address, nodes, n), ST_OK);
	ck_assert_uint_eq(account.nonce, vectors_get_u64(result, "nonce"));
	ck_assert(u256_cmp(account.balance, vectors_get_u256(result, "balance")) == 0);
	struct hash code_hash = vectors_get_hash(result, "codeHash");
	unit_assert_hash_eq(account.code_hash, code_hash);
	const json_t *storage = json_array_get(vectors_get(result, "storageProof"), 0);
	struct hash slot = vectors_get_hash(storage, "key");
	struct u256 value;
	nodes = nodes_of(a, vectors_get(storage, "proof"), &n);
	ck_assert_int_eq(mpt_prove_storage(&value, &account.storage_root, &slot, nodes, n), ST_OK);
	ck_assert(u256_cmp(value, vectors_get_u256(storage, "value")) == 0);
	address.b[0] ^= 1;
	nodes = nodes_of(a, vectors_get(result, "accountProof"), &n);
	ck_assert_int_ne(mpt_prove_account(&account, &root, &address, nodes, n), ST_OK);
	arena_destroy(a);
}
END_TEST

START_TEST(proves_presence_and_absence)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	const json_t *v = vectors_get(vectors_load(a, "chain"), "storage");
	struct hash root = vectors_get_hash(v, "root");
	size_t i;
	const json_t *row;
	struct u256 value;
	json_array_foreach(vectors_get(v, "present"), i, row) {
		struct hash slot = vectors_get_hash(row, "slot");
		size_t n;
		struct bytes *nodes = nodes_of(a, vectors_get(row, "proof"), &n);
		ck_assert_int_eq(mpt_prove_storage(&value, &root, &slot, nodes, n), ST_OK);
		ck_assert(u256_cmp(value, vectors_get_u256(row, "value")) == 0);
		for (size_t less = 0; less < n; less++)
			ck_assert_int_eq(mpt_prove_storage(&value, &root, &slot, nodes, less),
					 ST_INVALID);
		nodes[n] = nodes[0];
		ck_assert_int_eq(mpt_prove_storage(&value, &root, &slot, nodes, n + 1), ST_INVALID);
	}
	json_array_foreach(vectors_get(v, "absent"), i, row) {
		struct hash slot = vectors_get_hash(row, "slot");
		size_t n;
		struct bytes *nodes = nodes_of(a, vectors_get(row, "proof"), &n);
		ck_assert_int_eq(mpt_prove_storage(&value, &root, &slot, nodes, n), ST_OK);
		ck_assert(u256_is_zero(value));
		ck_assert_int_eq(mpt_prove_storage(&value, &root, &slot, nodes, n - 1), ST_INVALID);
	}
	arena_destroy(a);
}
END_TEST

START_TEST(one_bit_in_a_proof_breaks_it)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	const json_t *v = vectors_get(vectors_load(a, "chain"), "storage");
	struct hash root = vectors_get_hash(v, "root");
	const json_t *row = json_array_get(vectors_get(v, "present"), 5);
	struct hash slot = vectors_get_hash(row, "slot");
	size_t n;
	struct bytes *nodes = nodes_of(a, vectors_get(row, "proof"), &n);
	struct u256 value;
	for (size_t k = 0; k < n; k++) {
		uint8_t *bent = arena_copy(a, nodes[k].p, nodes[k].n);
		nodes[k].p = bent;
		for (size_t bit = 0; bit < 8 * nodes[k].n; bit++) {
			bent[bit / 8] ^= (uint8_t)(1u << bit % 8);
			enum status st = mpt_prove_storage(&value, &root, &slot, nodes, n);
			ck_assert_int_eq(st, ST_INVALID);
			bent[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
	arena_destroy(a);
}
END_TEST

/* A proof of one node whose hash is the root: the node may say anything. */
static enum status prove_one(struct bytes *value, const char *hex, const char *key)
{
	static uint8_t node[256];
	size_t n = (strlen(hex) - 2) / 2;
	ck_assert(n <= sizeof node && hex_decode_fixed(hex, strlen(hex), node, n));
	struct bytes nodes[] = {{node, n}};
	struct hash root = keccak256(node, n);
	return mpt_prove(value, &root, bytes_of(key, 2), nodes, 1);
}

START_TEST(malformed_nodes_are_refused)
{
	static const char *const bad[] = {
		"0x", "0x81", "0xc0", "0xc180", "0xc3808080",
		"0xc28001",       /* path without flags */
		"0xc44281" "8080", /* trailing */
		"0xc301" "8001",  /* three items */
		"0xc24001",       /* flags above 3 */
		"0xc2ff01",
		"0xc20f01",       /* even, with a nibble in the flags */
		"0xc20001",       /* extension of no nibbles */
		"0xc23180",       /* leaf without a value */
		"0xc21180",       /* extension to nothing */
		"0xc31102" "01",
		"0xc411821234",   /* a child that is neither hash nor node */
	};
	struct bytes value;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(prove_one(&value, bad[i], "\x12\x34") == ST_INVALID, "%s", bad[i]);
	/* A leaf with the whole key, with another, with a shorter and a longer one. */
	ck_assert_int_eq(prove_one(&value, "0xc58320123405", "\x12\x34"), ST_OK);
	ck_assert_uint_eq(value.n, 1);
	ck_assert_int_eq(prove_one(&value, "0xc58320123505", "\x12\x34"), ST_OK);
	ck_assert_uint_eq(value.n, 0);
	ck_assert_int_eq(prove_one(&value, "0xc482201205", "\x12\x34"), ST_OK);
	ck_assert_uint_eq(value.n, 0);
	ck_assert_int_eq(prove_one(&value, "0xc6842012345605", "\x12\x34"), ST_OK);
	ck_assert_uint_eq(value.n, 0);
	/* An extension to an inline leaf. */
	ck_assert_int_eq(prove_one(&value, "0xc6" "11" "c4" "82" "3234" "07", "\x12\x34"), ST_OK);
	ck_assert_uint_eq(value.n, 1);
	ck_assert_int_eq(prove_one(&value, "0xc7" "820012" "c3822034", "\x12\x34"), ST_INVALID);
	ck_assert_int_eq(prove_one(&value, "0xc8" "820012" "c482203407", "\x12\x34"), ST_OK);
	ck_assert_uint_eq(value.n, 1);
	ck_assert_uint_eq(value.p[0], 7);
}
END_TEST

START_TEST(an_empty_trie_holds_nothing)
{
	struct hash key = {{1}};
	struct u256 value;
	struct bytes empty[] = {{(const uint8_t *)"\x80", 1}, {(const uint8_t *)"\x80", 1}};
	ck_assert_int_eq(mpt_prove_storage(&value, &MPT_EMPTY_ROOT, &key, NULL, 0), ST_OK);
	ck_assert(u256_is_zero(value));
	ck_assert_int_eq(mpt_prove_storage(&value, &MPT_EMPTY_ROOT, &key, empty, 1), ST_OK);
	ck_assert_int_eq(mpt_prove_storage(&value, &MPT_EMPTY_ROOT, &key, empty, 2), ST_INVALID);
	struct hash zero = {{0}};
	ck_assert_int_eq(mpt_prove_storage(&value, &zero, &key, NULL, 0), ST_INVALID);
}
END_TEST

START_TEST(every_member_of_a_list_has_a_proof)
{
	static const size_t sizes[] = {1, 2, 3, 15, 16, 17, 127, 128, 129, 255, 256, 257, 300};
	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
		struct arena *a = arena_create(UNIT_ARENA_BYTES);
		size_t n = sizes[s];
		struct bytes *values = arena_array(a, n, sizeof *values);
		for (size_t i = 0; i < n; i++) /* short ones are inline nodes */
			values[i] = bytes_of(arena_printf(a, "%zu%*s", i, i % 3 ? 40 : 1, "x"),
					     i % 3 ? 41 : 2);
		struct hash want = mpt_root(a, values, n);
		for (size_t i = 0; i < n; i++) {
			struct hash root;
			struct bytes nodes[MPT_PROOF_NODES_MAX];
			struct bytes value;
			size_t nodes_n = mpt_proof(a, &root, nodes, values, n, i);
			unit_assert_hash_eq(root, want);
			ck_assert_int_eq(mpt_prove_index(&value, &root, i, nodes, nodes_n), ST_OK);
			ck_assert_msg(bytes_equal(value, values[i]), "%zu of %zu", i, n);
			enum status st = mpt_prove_index(&value, &root, i + 1, nodes, nodes_n);
			ck_assert(st == ST_INVALID || value.n == 0 ||
				  (i + 1 < n && bytes_equal(value, values[i + 1])));
			if (nodes_n > 1)
				ck_assert_int_eq(mpt_prove_index(&value, &root, i, nodes, nodes_n - 1),
						 ST_INVALID);
		}
		arena_destroy(a);
	}
}
END_TEST

SUITE("chain/mpt", every_member_of_a_list_has_a_proof,
      roots_of_lists_of_all_sizes, the_empty_root_is_the_hash_of_an_empty_string,
      proves_an_account_and_its_storage, proves_presence_and_absence,
      one_bit_in_a_proof_breaks_it, malformed_nodes_are_refused, an_empty_trie_holds_nothing)
