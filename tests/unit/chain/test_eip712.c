/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/eip712.h"

#include "tests/unit/chain/vectors.h"

static struct eip712_send send_of(struct arena *a, const json_t *row)
{
	return (struct eip712_send){
		.dst_eid = (uint32_t)vectors_get_u64(row, "dstEid"),
		.receiver = vectors_get_hash(row, "receiver"),
		.payload = vectors_get_bytes(a, row, "payload"),
		.gas_limit = vectors_get_u256(row, "gasLimit"),
		.value = vectors_get_u256(row, "value"),
		.ordering_key = vectors_get_hash(row, "orderingKey"),
		.nonce = vectors_get_u256(row, "nonce"),
		.deadline = vectors_get_u256(row, "deadline"),
	};
}

START_TEST(agrees_with_viem)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	const json_t *rows = vectors_get(vectors_load(a, "chain"), "eip712");
	size_t i;
	const json_t *row;
	json_array_foreach(rows, i, row) {
		struct eip712_send send = send_of(a, row);
		struct hash struct_hash = eip712_send_hash(&send);
		struct hash want = vectors_get_hash(row, "structHash");
		unit_assert_hash_eq(struct_hash, want);
		struct addr messenger = vectors_get_addr(row, "verifyingContract");
		struct hash domain = eip712_domain(vectors_get_u64(row, "chainId"), &messenger);
		struct hash digest = eip712_digest(&domain, &struct_hash);
		want = vectors_get_hash(row, "digest");
		unit_assert_hash_eq(digest, want);
	}
	arena_destroy(a);
}
END_TEST

START_TEST(every_member_is_in_the_hash)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	const json_t *row = json_array_get(vectors_get(vectors_load(a, "chain"), "eip712"), 3);
	struct eip712_send good = send_of(a, row);
	struct hash hashes[9] = {eip712_send_hash(&good)};
	struct eip712_send s[8] = {good, good, good, good, good, good, good, good};
	s[0].dst_eid ^= 1;
	s[1].receiver.b[0] ^= 1;
	s[2].payload.n -= 1;
	s[3].gas_limit.limb[0] ^= 1;
	s[4].value.limb[0] ^= 1;
	s[5].ordering_key.b[31] ^= 1;
	s[6].nonce.limb[3] ^= 1;
	s[7].deadline.limb[0] ^= 1;
	for (size_t i = 0; i < 8; i++)
		hashes[i + 1] = eip712_send_hash(&s[i]);
	for (size_t i = 0; i < 9; i++)
		for (size_t k = 0; k < i; k++)
			ck_assert(!hash_equal(&hashes[i], &hashes[k]));
	struct addr one = {{1}};
	struct addr two = {{2}};
	struct hash d1 = eip712_domain(1, &one);
	struct hash d2 = eip712_domain(2, &one);
	struct hash d3 = eip712_domain(1, &two);
	ck_assert(!hash_equal(&d1, &d2));
	ck_assert(!hash_equal(&d1, &d3));
	arena_destroy(a);
}
END_TEST

SUITE("chain/eip712", agrees_with_viem, every_member_is_in_the_hash)
