/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/secp.h"

#include <pthread.h>

#include "tests/unit/chain/vectors.h"

/* n - s for the order n of the group: the same signature's other form. */
static struct hash flip_s(const uint8_t *s)
{
	static const uint8_t order[32] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xfe, 0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48,
		0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
	};
	struct u256 out;
	ck_assert(u256_sub(&out, u256_of_be(order, 32), u256_of_be(s, 32)));
	return u256_to_hash(out);
}

START_TEST(finds_the_author_and_nobody_else)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	const json_t *rows = vectors_get(vectors_load(a, "chain"), "eip712");
	size_t i;
	const json_t *row;
	json_array_foreach(rows, i, row) {
		struct hash digest = vectors_get_hash(row, "digest");
		struct addr author = vectors_get_addr(row, "author");
		uint8_t sig[65];
		struct addr got;
		vectors_fixed(sig, sizeof sig, vectors_get(row, "signature"));
		ck_assert_int_eq(secp_recover(&got, &digest, sig), ST_OK);
		unit_assert_addr_eq(got, author);
		uint8_t v = sig[64];
		for (unsigned other = 0; other < 256; other++) {
			sig[64] = (uint8_t)other;
			enum status st = secp_recover(&got, &digest, sig);
			if (other != 27 && other != 28)
				ck_assert_int_eq(st, ST_INVALID);
			else if (other != v)
				ck_assert(st != ST_OK || !addr_equal(&got, &author));
		}
		sig[64] = (uint8_t)(27 + 28 - v);
		struct hash high = flip_s(sig + 32);
		memcpy(sig + 32, high.b, 32);
		ck_assert_int_eq(secp_recover(&got, &digest, sig), ST_INVALID);
	}
	arena_destroy(a);
}
END_TEST

START_TEST(every_bit_of_a_signature_matters)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	const json_t *row = json_array_get(vectors_get(vectors_load(a, "chain"), "eip712"), 0);
	struct hash digest = vectors_get_hash(row, "digest");
	struct addr author = vectors_get_addr(row, "author");
	uint8_t sig[65];
	struct addr got;
	vectors_fixed(sig, sizeof sig, vectors_get(row, "signature"));
	for (size_t bit = 0; bit < 8 * sizeof sig; bit++) {
		sig[bit / 8] ^= (uint8_t)(1u << bit % 8);
		ck_assert(secp_recover(&got, &digest, sig) != ST_OK || !addr_equal(&got, &author));
		sig[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	arena_destroy(a);
}
END_TEST

START_TEST(refuses_zero_and_the_group_order)
{
	struct hash digest = {{1}};
	struct addr got;
	uint8_t sig[65] = {0};
	sig[64] = 27;
	ck_assert_int_eq(secp_recover(&got, &digest, sig), ST_INVALID);
	sig[31] = 1; /* s is still zero */
	ck_assert_int_eq(secp_recover(&got, &digest, sig), ST_INVALID);
	memset(sig, 0xff, 32);
	sig[63] = 1;
	ck_assert_int_eq(secp_recover(&got, &digest, sig), ST_INVALID);
}
END_TEST

static void *take_context(void *out)
{
	*(const void **)out = secp_context();
	return NULL;
}

START_TEST(all_threads_share_one_context)
{
	pthread_t threads[8];
	const void *contexts[8];
	for (size_t i = 0; i < 8; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, take_context, &contexts[i]), 0);
	for (size_t i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
		ck_assert_ptr_nonnull(contexts[i]);
		ck_assert_ptr_eq(contexts[i], secp_context());
	}
}
END_TEST

SUITE("chain/secp", finds_the_author_and_nobody_else, every_bit_of_a_signature_matters,
	   refuses_zero_and_the_group_order, all_threads_share_one_context)
