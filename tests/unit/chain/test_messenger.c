/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/messenger.h"

#include "tests/unit/chain/vectors.h"

static const json_t *vector(struct arena *a, size_t i)
{
	return json_array_get(vectors_get(vectors_load(a, "chain"), "messenger"), i);
}

START_TEST(agrees_with_packed_solidity)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	for (size_t i = 0; i < 2; i++) {
		const json_t *v = vector(a, i);
		struct bytes raw = vectors_get_bytes(a, v, "raw");
		struct messenger_message m;
		ck_assert_int_eq(messenger_decode(&m, raw), ST_OK);
		ck_assert_uint_eq(m.is_signed, vectors_get_u64(v, "signed"));
		struct addr author = vectors_get_addr(v, "author");
		unit_assert_addr_eq(m.author, author);
		struct hash h = vectors_get_hash(v, "appId");
		unit_assert_hash_eq(m.app_id, h);
		h = vectors_get_hash(v, "requestId");
		unit_assert_hash_eq(m.request_id, h);
		h = vectors_get_hash(v, "receiver");
		unit_assert_hash_eq(m.receiver, h);
		h = vectors_get_hash(v, "orderingKey");
		unit_assert_hash_eq(m.ordering_key, h);
		ck_assert_int_eq(u256_cmp(m.gas_limit, vectors_get_u256(v, "gasLimit")), 0);
		ck_assert_uint_eq(m.seq, vectors_get_u64(v, "seq"));
		ck_assert(bytes_equal(m.payload, vectors_get_bytes(a, v, "payload")));
		ck_assert_uint_eq(raw.n, MESSENGER_HEADER_BYTES + m.payload.n);
		ck_assert(bytes_equal(messenger_encode(a, &m), raw));
	}
	arena_destroy(a);
}
END_TEST

START_TEST(a_bent_message_is_refused_or_reads_differently)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	for (size_t i = 0; i < 2; i++) {
		struct bytes raw = vectors_get_bytes(a, vector(a, i), "raw");
		uint8_t *bent = arena_copy(a, raw.p, raw.n);
		struct messenger_message m;
		for (size_t bit = 0; bit < 8 * raw.n; bit++) {
			bent[bit / 8] ^= (uint8_t)(1u << bit % 8);
			if (messenger_decode(&m, bytes_of(bent, raw.n)) == ST_OK)
				ck_assert(bytes_equal(messenger_encode(a, &m),
						      bytes_of(bent, raw.n)));
			else
				ck_assert_uint_lt(bit / 8, MESSENGER_HEADER_BYTES);
			bent[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		for (size_t cut = 0; cut <= raw.n; cut++)
			ck_assert_int_eq(messenger_decode(&m, bytes_of(raw.p, cut)),
					 cut < MESSENGER_HEADER_BYTES ? ST_INVALID : ST_OK);
	}
	arena_destroy(a);
}
END_TEST

START_TEST(members_that_exclude_each_other)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	struct messenger_message m = {.seq = 0};
	struct messenger_message out;
	ck_assert_int_eq(messenger_decode(&out, messenger_encode(a, &m)), ST_OK);
	m.seq = 1; /* without an ordering key */
	ck_assert_int_eq(messenger_decode(&out, messenger_encode(a, &m)), ST_INVALID);
	m.ordering_key.b[31] = 1;
	ck_assert_int_eq(messenger_decode(&out, messenger_encode(a, &m)), ST_OK);
	m.seq = 0;
	ck_assert_int_eq(messenger_decode(&out, messenger_encode(a, &m)), ST_INVALID);
	m.seq = UINT64_MAX;
	m.app_id.b[0] = 1;
	ck_assert_int_eq(messenger_decode(&out, messenger_encode(a, &m)), ST_OK);
	m.is_signed = true; /* beside an app id */
	ck_assert_int_eq(messenger_decode(&out, messenger_encode(a, &m)), ST_INVALID);
	uint8_t raw[MESSENGER_HEADER_BYTES] = {MESSENGER_VERSION};
	for (unsigned flags = 0; flags < 256; flags++) {
		raw[1] = (uint8_t)flags;
		ck_assert_int_eq(messenger_decode(&out, bytes_of(raw, sizeof raw)),
				 flags <= 1 ? ST_OK : ST_INVALID);
	}
	arena_destroy(a);
}
END_TEST

SUITE("chain/messenger", agrees_with_packed_solidity,
      a_bent_message_is_refused_or_reads_differently, members_that_exclude_each_other)
