/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/options.h"

#include "tests/unit/chain/vectors.h"

static struct options decode(struct arena *a, const json_t *v, const char *name)
{
	struct options o;
	ck_assert_msg(options_decode(&o, vectors_get_bytes(a, v, name)) == ST_OK, "%s", name);
	return o;
}

START_TEST(reads_what_layerzero_builds)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	const json_t *v = vectors_get(vectors_load(a, "layerzero"), "options");
	struct options o = decode(a, v, "lzReceive 200000");
	ck_assert_uint_eq(u256_to_u64(o.gas), 200000);
	ck_assert_uint_eq(u256_to_u64(o.value), 0);
	ck_assert_uint_eq(o.lz_receive_count, 1);
	o = decode(a, v, "lzReceive 200000 value 5");
	ck_assert_uint_eq(u256_to_u64(o.value), 5);
	o = decode(a, v, "lzReceive+nativeDrop 1e16");
	ck_assert_uint_eq(u256_to_u64(o.drop), 10000000000000000ull);
	ck_assert_uint_eq(o.native_drop_count, 1);
	o = decode(a, v, "lzReceive+compose(0,100000)");
	ck_assert_uint_eq(o.lz_compose_count, 1);
	o = decode(a, v, "lzReceive+compose(1,100000,value 7)");
	ck_assert_uint_eq(o.lz_compose_count, 1);
	o = decode(a, v, "lzReceive+ordered");
	ck_assert(o.is_ordered);
	o = decode(a, v, "lzRead 200000 size 64");
	ck_assert_uint_eq(o.lz_read_count, 1);
	ck_assert_uint_eq(o.lz_receive_count, 0);
	ck_assert(u256_is_zero(o.gas));
	arena_destroy(a);
}
END_TEST

START_TEST(builds_what_layerzero_builds)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	const json_t *v = vectors_get(vectors_load(a, "layerzero"), "options");
	uint8_t out[OPTIONS_LZ_RECEIVE_BYTES_MAX];
	size_t n = options_lz_receive(out, u256_of_u64(200000), u256_of_u64(0));
	unit_assert_hex(a, bytes_of(out, n), vectors_text(vectors_get(v, "lzReceive 200000")));
	n = options_lz_receive(out, u256_of_u64(200000), u256_of_u64(5));
	unit_assert_hex(a, bytes_of(out, n),
			vectors_text(vectors_get(v, "lzReceive 200000 value 5")));
	ck_assert_uint_eq(n, sizeof out);
	arena_destroy(a);
}
END_TEST

START_TEST(several_receives_add_up)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	struct u256 max;
	ck_assert(u256_sub(&max, (struct u256){{0, 0, 1, 0}}, u256_of_u64(1)));
	struct buf b;
	buf_init(&b, a, 4096);
	uint8_t out[OPTIONS_LZ_RECEIVE_BYTES_MAX];
	size_t n = options_lz_receive(out, max, max);
	buf_put(&b, out, n);
	for (size_t i = 1; i < OPTIONS_COUNT_MAX; i++)
		buf_put(&b, out + 2, n - 2);
	struct options o;
	struct u256 want;
	ck_assert_int_eq(options_decode(&o, buf_bytes(&b)), ST_OK);
	ck_assert(u256_mul_u64(&want, max, OPTIONS_COUNT_MAX));
	ck_assert_int_eq(u256_cmp(o.gas, want), 0);
	ck_assert_int_eq(u256_cmp(o.value, want), 0);
	buf_put(&b, out + 2, n - 2);
	ck_assert_int_eq(options_decode(&o, buf_bytes(&b)), ST_INVALID);
	arena_destroy(a);
}
END_TEST

START_TEST(only_whole_options_pass)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	json_t *rows = json_object_get(vectors_load(a, "layerzero"), "options");
	const char *name;
	json_t *row;
	json_object_foreach(rows, name, row) {
		struct bytes all = vectors_bytes(a, row);
		struct options o;
		for (size_t cut = 0; cut < all.n; cut++) {
			/* After the type, and after the first of two options, it is whole again. */
			bool whole = cut == 2 || (cut == 22 && all.n > 22 && all.p[4] == 17);
			ck_assert_msg((options_decode(&o, bytes_of(all.p, cut)) == ST_OK) == whole,
				      "%s cut at %zu", name, cut);
		}
	}
	arena_destroy(a);
}
END_TEST

START_TEST(sizes_must_fit_their_option)
{
	static const char *const bad[] = {
		"0x", "0x00", "0x0001", "0x0002", "0x0103", "0x0004",
		"0x0003010000",         /* size 0 has no type */
		"0x000301000001",
		"0x00030100020100",     /* lzReceive without gas */
		"0x0003010001",
		"0x000301ffff01",
		"0x00030100020400",     /* ordered with a body */
		"0x000302000100",       /* a DVN option without a type */
		"0x000303000101",       /* no such worker */
		"0x000300000101",
	};
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	struct options o;
	struct bytes in;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ck_assert(hex_decode(a, bad[i], strlen(bad[i]), 100, &in));
		ck_assert_msg(options_decode(&o, in) == ST_INVALID, "%s", bad[i]);
	}
	ck_assert(hex_decode(a, "0x00030200020001" "0100017f", 24, 100, &in));
	ck_assert_int_eq(options_decode(&o, in), ST_OK);
	ck_assert_uint_eq(o.dvn_count, 1);
	ck_assert_uint_eq(o.unknown_count, 1);
	arena_destroy(a);
}
END_TEST

SUITE("chain/options", reads_what_layerzero_builds, builds_what_layerzero_builds,
      several_receives_add_up, only_whole_options_pass, sizes_must_fit_their_option)
