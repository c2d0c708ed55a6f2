/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/erc6492.h"

#include "tests/unit/chain/vectors.h"

static struct arena *a;

static struct bytes vector(size_t i, const char *name)
{
	const json_t *rows = vectors_get(vectors_load(a, "identity"), "wrapped");
	return vectors_get_bytes(a, json_array_get(rows, i), name);
}

/* A copy to spoil. */
static struct bytes spoiled(struct bytes in, size_t at, uint8_t with)
{
	uint8_t *p = arena_alloc(a, in.n);
	memcpy(p, in.p, in.n);
	p[at] = with;
	return bytes_of(p, in.n);
}

static void refused(struct bytes in)
{
	struct erc6492 s;
	ck_assert_msg(erc6492_decode(&s, in) == ST_INVALID, "%s", hex_encode(a, in.p, in.n));
}

START_TEST(what_does_not_end_so_is_none)
{
	a = arena_create(UNIT_ARENA_BYTES);
	struct bytes whole = vector(0, "whole");
	ck_assert(erc6492_is(whole));
	for (size_t i = 1; i <= ERC6492_MAGIC_BYTES; i++) {
		struct bytes bad = spoiled(whole, whole.n - i, 0x65);
		ck_assert(!erc6492_is(bad));
		refused(bad);
	}
	struct bytes tail = bytes_of(whole.p + whole.n - ERC6492_MAGIC_BYTES, ERC6492_MAGIC_BYTES);
	ck_assert(erc6492_is(tail)); /* and nothing before it */
	for (size_t n = 0; n < ERC6492_MAGIC_BYTES; n++)
		ck_assert(!erc6492_is(bytes_of(tail.p, n)));
	ck_assert(!erc6492_is(bytes_of(NULL, 0)));
	refused(tail);
	arena_destroy(a);
}
END_TEST

START_TEST(what_is_not_well_formed_before_it_is_refused)
{
	a = arena_create(UNIT_ARENA_BYTES);
	struct bytes whole = vector(0, "whole"); /* 20 bytes of data, 65 of signature */
	for (size_t cut = 1; cut < whole.n; cut++) /* from the front: it still ends well */
		refused(bytes_of(whole.p + cut, whole.n - cut));
	refused(spoiled(whole, 0, 1));   /* an address has 20 bytes */
	refused(spoiled(whole, 11, 1));
	refused(spoiled(whole, 32, 0xff)); /* offsets and lengths */
	refused(spoiled(whole, 63, 0x61));
	refused(spoiled(whole, 62, 2));
	refused(spoiled(whole, 64, 1));
	refused(spoiled(whole, 95, 0xe0));
	refused(spoiled(whole, 96, 1));
	refused(spoiled(whole, 126, 9));
	refused(spoiled(whole, 128 + 20, 1)); /* padding */
	refused(spoiled(whole, 160 + 24, 1));
	refused(spoiled(whole, 160 + 31, 97)); /* one byte more than there is */
	refused(spoiled(whole, 160 + 31, 128)); /* up to the end of all: what says so is no part of it */
	arena_destroy(a);
}
END_TEST

START_TEST(what_viem_wraps_opens_and_wraps_again)
{
	a = arena_create(UNIT_ARENA_BYTES);
	const json_t *rows = vectors_get(vectors_load(a, "identity"), "wrapped");
	ck_assert_uint_eq(json_array_size(rows), 5);
	for (size_t i = 0; i < json_array_size(rows); i++) {
		struct erc6492 s;
		struct bytes whole = vector(i, "whole");
		ck_assert(erc6492_is(whole));
		ck_assert_uint_ge(whole.n, ERC6492_BYTES_MIN);
		ck_assert_int_eq(erc6492_decode(&s, whole), ST_OK);
		unit_assert_addr_eq(s.factory, vectors_get_addr(json_array_get(rows, i), "address"));
		ck_assert(bytes_equal(s.data, vector(i, "data")));
		ck_assert(bytes_equal(s.signature, vector(i, "signature")));
		ck_assert(s.data.n == 0 || (s.data.p > whole.p && s.data.p < whole.p + whole.n));
		struct buf b;
		buf_init(&b, a, 1 << 16);
		erc6492_encode(&b, &s);
		ck_assert(bytes_equal(buf_bytes(&b), whole));
	}
	arena_destroy(a);
}
END_TEST

SUITE("chain/erc6492", what_does_not_end_so_is_none, what_is_not_well_formed_before_it_is_refused,
      what_viem_wraps_opens_and_wraps_again)
