/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/abi.h"

#include <stdlib.h>

#include "tests/unit/unit.h"

static struct arena *a;

/* (uint64, bytes, address) */
static struct bytes sample(struct buf *b, size_t n)
{
	a = arena_create(UNIT_ARENA_BYTES);
	buf_init(b, a, 1 << 20);
	uint8_t *p = arena_alloc(a, n);
	memset(p, 0xee, n);
	struct addr who = {{1, 2, 3}};
	abi_put_u64(b, 7);
	size_t slot = abi_slot(b);
	abi_put_addr(b, &who);
	abi_tail(b, 0, slot);
	abi_put_bytes(b, bytes_of(p, n));
	ck_assert(!b->overflow);
	ck_assert_uint_eq(b->n, 3 * ABI_WORD + abi_bytes_size(n));
	return buf_bytes(b);
}

static enum status read_sample(struct bytes in, size_t n)
{
	struct abi_reader r = abi_read(in);
	uint64_t seven = abi_next_u64(&r);
	struct bytes data = abi_next_bytes(&r, n);
	struct addr who = abi_next_addr(&r);
	if (abi_done(&r) != ST_OK)
		return ST_INVALID;
	ck_assert_uint_le(data.n, n);
	return seven == 7 && data.n == n && who.b[1] == 2 ? ST_OK : ST_MISMATCH;
}

START_TEST(reads_back_and_refuses_every_truncation)
{
	for (size_t n = 0; n < 100; n++) {
		struct buf b;
		struct bytes in = sample(&b, n);
		ck_assert_int_eq(read_sample(in, n), ST_OK);
		for (size_t cut = 0; cut < in.n; cut++) {
			uint8_t *exact = malloc(cut + 1); /* so that a sanitizer sees overreads */
			memcpy(exact, in.p, cut);
			ck_assert_int_eq(read_sample(bytes_of(exact, cut), n), ST_INVALID);
			free(exact);
		}
		if (n > 0)
			ck_assert_int_eq(read_sample(in, n - 1), ST_INVALID);
		arena_destroy(a);
	}
}
END_TEST

START_TEST(every_bit_matters)
{
	struct buf b;
	struct bytes in = sample(&b, 40);
	for (size_t bit = 0; bit < 8 * in.n; bit++) {
		bool in_address = bit / 8 >= 2 * ABI_WORD + 12 && bit / 8 < 3 * ABI_WORD;
		bool in_data = bit / 8 >= 4 * ABI_WORD && bit / 8 < 4 * ABI_WORD + 40;
		b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		enum status st = read_sample(in, 40);
		if (!in_address && !in_data)
			ck_assert_msg(st != ST_OK, "bit %zu", bit);
		b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	arena_destroy(a);
}
END_TEST

START_TEST(hostile_offsets_and_lengths_are_refused)
{
	static const uint64_t offsets[] = {1, 31, 33, 64 + 1, 1 << 20, UINT64_MAX, UINT64_MAX - 31,
					   (uint64_t)1 << 63};
	for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
		struct buf b;
		struct bytes in = sample(&b, 64);
		u256_to_be(b.p + ABI_WORD, ABI_WORD, u256_of_u64(offsets[i]));
		ck_assert_int_eq(read_sample(in, 64), ST_INVALID);
		u256_to_be(b.p + ABI_WORD, ABI_WORD, u256_of_u64(3 * ABI_WORD));
		u256_to_be(b.p + 3 * ABI_WORD, ABI_WORD, u256_of_u64(UINT64_MAX - i));
		struct abi_reader r = abi_read(in);
		abi_next_u64(&r);
		ck_assert_uint_eq(abi_next_bytes(&r, SIZE_MAX).n, 0);
		ck_assert_int_eq(abi_done(&r), ST_INVALID);
		arena_destroy(a);
	}
}
END_TEST

START_TEST(words_must_fit_their_type)
{
	uint8_t word[ABI_WORD] = {0};
	struct bytes in = bytes_of(word, sizeof word);
	for (unsigned bit = 0; bit < 256; bit++) {
		memset(word, 0, sizeof word);
		word[31 - bit / 8] = (uint8_t)(1u << bit % 8);
		struct abi_reader r = abi_read(in);
		abi_next_bool(&r);
		ck_assert_int_eq(abi_done(&r), bit < 1 ? ST_OK : ST_INVALID);
		r = abi_read(in);
		abi_next_u32(&r);
		ck_assert_int_eq(abi_done(&r), bit < 32 ? ST_OK : ST_INVALID);
		r = abi_read(in);
		abi_next_u64(&r);
		ck_assert_int_eq(abi_done(&r), bit < 64 ? ST_OK : ST_INVALID);
		r = abi_read(in);
		abi_next_addr(&r);
		ck_assert_int_eq(abi_done(&r), bit < 160 ? ST_OK : ST_INVALID);
	}
}
END_TEST

START_TEST(an_array_cannot_claim_more_than_there_is)
{
	uint8_t words[3 * ABI_WORD] = {0};
	words[31] = 32;
	size_t n;
	for (unsigned count = 0; count < 4; count++) {
		words[63] = (uint8_t)count;
		struct abi_reader r = abi_read(bytes_of(words, sizeof words));
		struct abi_reader elements = abi_next_array(&r, 10, &n);
		ck_assert_int_eq(abi_done(&r), count <= 1 ? ST_OK : ST_INVALID);
		ck_assert_uint_eq(n, count <= 1 ? count : 0);
		ck_assert_int_eq(abi_done(&elements), abi_done(&r));
	}
	words[63] = 1;
	struct abi_reader r = abi_read(bytes_of(words, sizeof words));
	abi_next_array(&r, 0, &n);
	ck_assert_int_eq(abi_done(&r), ST_INVALID);
	memset(words + 32, 0xff, 32);
	r = abi_read(bytes_of(words, sizeof words));
	abi_next_array(&r, SIZE_MAX, &n);
	ck_assert_int_eq(abi_done(&r), ST_INVALID);
}
END_TEST

START_TEST(an_overflowing_buffer_writes_nothing_more)
{
	a = arena_create(UNIT_ARENA_BYTES);
	struct buf b;
	buf_init(&b, a, 70);
	abi_put_u64(&b, 1);
	size_t slot = abi_slot(&b);
	abi_put_u64(&b, 1);
	abi_tail(&b, 0, slot);
	abi_put_bytes(&b, bytes_of("x", 1));
	ck_assert(b.overflow);
	ck_assert_uint_eq(b.n, 64);
	arena_destroy(a);
}
END_TEST

SUITE("chain/abi", reads_back_and_refuses_every_truncation, every_bit_matters,
	   hostile_offsets_and_lengths_are_refused, words_must_fit_their_type,
	   an_array_cannot_claim_more_than_there_is, an_overflowing_buffer_writes_nothing_more)
