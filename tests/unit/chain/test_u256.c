/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/u256.h"

#include "tests/unit/chain/vectors.h"

static const char max_text[] =
	"115792089237316195423570985008687907853269984665640564039457584007913129639935";

static void assert_eq(struct u256 got, const json_t *row, const char *name)
{
	ck_assert_msg(u256_cmp(got, vectors_get_u256(row, name)) == 0, "%s", name);
}

START_TEST(computes_what_bigints_compute)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	const json_t *rows = vectors_get(vectors_load(a, "chain"), "u256");
	size_t i;
	const json_t *row;
	json_array_foreach(rows, i, row) {
		struct u256 x = vectors_get_u256(row, "a");
		struct u256 y = vectors_get_u256(row, "b");
		uint64_t m = vectors_get_u64(row, "m");
		uint64_t d = vectors_get_u64(row, "d");
		uint32_t bps = (uint32_t)vectors_get_u64(row, "bps");
		struct u256 z;
		ck_assert_int_eq(u256_add(&z, x, y), json_is_true(vectors_get(row, "add_fits")));
		assert_eq(z, row, "add");
		ck_assert_int_eq(u256_sub(&z, x, y), json_is_true(vectors_get(row, "sub_fits")));
		assert_eq(z, row, "sub");
		ck_assert_int_eq(u256_mul(&z, x, y), json_is_true(vectors_get(row, "mul_fits")));
		assert_eq(z, row, "mul");
		uint64_t rest;
		assert_eq(u256_div_u64(x, d, &rest), row, "div");
		ck_assert_uint_eq(rest, vectors_get_u64(row, "rest"));
		ck_assert_int_eq(u256_mul_div_up(&z, x, m, d),
				 json_is_true(vectors_get(row, "mul_div_fits")));
		assert_eq(z, row, "mul_div");
		ck_assert_int_eq(u256_mul_bps(&z, x, bps),
				 json_is_true(vectors_get(row, "mul_bps_fits")));
		assert_eq(z, row, "mul_bps");
	}
	arena_destroy(a);
}
END_TEST

START_TEST(text_goes_both_ways)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	const json_t *rows = vectors_get(vectors_load(a, "chain"), "u256");
	size_t i;
	const json_t *row;
	json_array_foreach(rows, i, row) {
		struct u256 x = vectors_get_u256(row, "a");
		char decimal[U256_DECIMAL_BYTES];
		char hex[U256_QUANTITY_BYTES];
		size_t n = u256_format(decimal, x);
		ck_assert_str_eq(decimal, vectors_text(vectors_get(row, "a")));
		ck_assert_uint_eq(n, strlen(decimal));
		n = u256_format_quantity(hex, x);
		ck_assert_str_eq(hex, vectors_text(vectors_get(row, "hex")));
		ck_assert_uint_eq(n, strlen(hex));
		struct u256 y;
		ck_assert_int_eq(u256_parse_quantity(&y, hex, n), ST_OK);
		ck_assert_int_eq(u256_cmp(x, y), 0);
		struct hash word = u256_to_hash(x);
		ck_assert_int_eq(u256_cmp(x, u256_of_hash(&word)), 0);
	}
	arena_destroy(a);
}
END_TEST

START_TEST(refuses_what_is_no_number)
{
	static const char *const bad[] = {
		"", "00", "01", "-1", "+1", " 1", "1 ", "1.0", "0x1", "1e3", "a", "1\n",
		"115792089237316195423570985008687907853269984665640564039457584007913129639936",
		"999999999999999999999999999999999999999999999999999999999999999999999999999999",
		"1157920892373161954235709850086879078532699846656405640394575840079131296399350",
	};
	struct u256 v;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(u256_parse(&v, bad[i], strlen(bad[i])) == ST_INVALID, "%s", bad[i]);
	ck_assert_int_eq(u256_parse(&v, max_text, strlen(max_text)), ST_OK);
	ck_assert_int_eq(u256_parse(&v, "1\0002", 3), ST_INVALID);
	ck_assert_int_eq(u256_parse(&v, "12", 1), ST_OK);
	ck_assert_uint_eq(u256_to_u64(v), 1);
}
END_TEST

START_TEST(refuses_what_is_no_quantity)
{
	static const char *const bad[] = {
		"", "0", "0x", "0x00", "0x01", "x1", "0X1", "0xg", "0x1 ", "1",
		"0x10000000000000000000000000000000000000000000000000000000000000000",
	};
	struct u256 v;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(u256_parse_quantity(&v, bad[i], strlen(bad[i])) == ST_INVALID, "%s",
			      bad[i]);
	ck_assert_int_eq(u256_parse_quantity(&v, "0x0", 3), ST_OK);
	ck_assert(u256_is_zero(v));
	ck_assert_int_eq(u256_parse_quantity(&v, "0xFf", 4), ST_OK);
	ck_assert_uint_eq(u256_to_u64(v), 255);
}
END_TEST

START_TEST(knows_how_many_bits_it_takes)
{
	for (unsigned bits = 0; bits < 256; bits++) {
		struct u256 v = {{0}};
		v.limb[bits / 64] = 1ull << bits % 64;
		ck_assert(!u256_fits(v, bits));
		ck_assert(u256_fits(v, bits + 1));
		ck_assert(u256_fits(v, 256));
		ck_assert_uint_eq(u256_to_u64_clamped(v), bits < 64 ? 1ull << bits : UINT64_MAX);
		struct u256 below;
		ck_assert(u256_sub(&below, v, u256_of_u64(1)));
		ck_assert(u256_fits(below, bits));
		ck_assert_int_eq(u256_cmp(below, v), -1);
		ck_assert_int_eq(u256_cmp(v, below), 1);
	}
	ck_assert(u256_fits(u256_of_u64(0), 0));
}
END_TEST

START_TEST(a_rounded_up_maximum_is_an_overflow)
{
	struct u256 max;
	struct u256 z;
	ck_assert_int_eq(u256_parse(&max, max_text, strlen(max_text)), ST_OK);
	ck_assert(u256_mul_div_up(&z, max, 7, 7));
	ck_assert_int_eq(u256_cmp(z, max), 0);
	ck_assert(!u256_mul_div_up(&z, max, 10001, 10000));
	ck_assert(!u256_add(&z, max, u256_of_u64(1)));
	ck_assert(u256_is_zero(z));
}
END_TEST

SUITE("chain/u256", computes_what_bigints_compute, text_goes_both_ways,
	   refuses_what_is_no_number, refuses_what_is_no_quantity, knows_how_many_bits_it_takes,
	   a_rounded_up_maximum_is_an_overflow)
