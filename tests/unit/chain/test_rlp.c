/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/rlp.h"

#include "tests/unit/unit.h"

static struct arena *a;

static void setup(struct buf *b)
{
	a = arena_create(UNIT_ARENA_BYTES);
	buf_init(b, a, 1 << 20);
}

static struct bytes hex(const char *s)
{
	struct bytes out;
	ck_assert(hex_decode(a, s, strlen(s), 1 << 20, &out));
	return out;
}

START_TEST(writes_the_examples_of_the_specification)
{
	struct buf b;
	setup(&b);
	rlp_put_bytes(&b, bytes_of("dog", 3));
	rlp_put_bytes(&b, bytes_of("", 0));
	rlp_put_bytes(&b, bytes_of("\x00", 1));
	rlp_put_bytes(&b, bytes_of("\x7f", 1));
	rlp_put_bytes(&b, bytes_of("\x80", 1));
	rlp_put_u64(&b, 0);
	rlp_put_u64(&b, 15);
	rlp_put_u64(&b, 1024);
	unit_assert_hex(a, buf_bytes(&b), "0x83646f6780007f8180800f820400");
	b.n = 0;
	size_t list = rlp_list_begin(&b);
	rlp_put_bytes(&b, bytes_of("cat", 3));
	rlp_put_bytes(&b, bytes_of("dog", 3));
	rlp_list_end(&b, list);
	unit_assert_hex(a, buf_bytes(&b), "0xc88363617483646f67");
	b.n = 0;
	/* [ [], [[]], [ [], [[]] ] ] */
	list = rlp_list_begin(&b);
	rlp_list_end(&b, rlp_list_begin(&b));
	size_t one = rlp_list_begin(&b);
	rlp_list_end(&b, rlp_list_begin(&b));
	rlp_list_end(&b, one);
	size_t two = rlp_list_begin(&b);
	rlp_list_end(&b, rlp_list_begin(&b));
	one = rlp_list_begin(&b);
	rlp_list_end(&b, rlp_list_begin(&b));
	rlp_list_end(&b, one);
	rlp_list_end(&b, two);
	rlp_list_end(&b, list);
	unit_assert_hex(a, buf_bytes(&b), "0xc7c0c1c0c3c0c1c0");
	b.n = 0;
	rlp_put_bytes(&b, bytes_of("Lorem ipsum dolor sit amet, consectetur adipisicing elit", 56));
	ck_assert_uint_eq(b.n, 58);
	ck_assert_mem_eq(b.p, "\xb8\x38Lorem", 7);
	arena_destroy(a);
}
END_TEST

START_TEST(reads_back_strings_and_lists_of_every_length)
{
	struct buf b;
	setup(&b);
	for (size_t n = 0; n < 70000; n = n < 300 ? n + 1 : n * 3) {
		uint8_t *p = arena_alloc(a, n);
		memset(p, 0xaa, n);
		b.n = 0;
		size_t list = rlp_list_begin(&b);
		rlp_put_bytes(&b, bytes_of(p, n));
		rlp_put_u64(&b, n);
		rlp_list_end(&b, list);
		struct rlp_reader r = rlp_read_list(buf_bytes(&b));
		ck_assert(bytes_equal(rlp_next_bytes(&r, n), bytes_of(p, n)));
		ck_assert_uint_eq(rlp_next_u64(&r), n);
		ck_assert_int_eq(rlp_done(&r), ST_OK);
		for (size_t cut = 0; cut < b.n; cut += 1 + b.n / 64) {
			r = rlp_read_list(bytes_of(b.p, cut));
			rlp_next_bytes(&r, n);
			rlp_next_u64(&r);
			ck_assert_int_eq(rlp_done(&r), ST_INVALID);
		}
	}
	arena_destroy(a);
}
END_TEST

START_TEST(refuses_what_is_not_canonical)
{
	struct buf b;
	setup(&b);
	static const char *const bad[] = {
		"0x8100",         /* one byte below 0x80, wrapped */
		"0x817f",
		"0xb800",         /* short string with a long header */
		"0xb837" "00000000000000000000000000000000000000000000000000000000"
			 "000000000000000000000000000000000000000000000000000000",
		"0xb90000",       /* length with a leading zero */
		"0xb90010",
		"0xf800",
		"0xf90001c0",
		"0xbfffffffffffffffff", /* length of 2^64 - 1 */
		"0xffffffffffffffffff",
		"0xbbffffffff",
		"0x83646f",       /* cut */
		"0xb8",
		"0xc3c0",
		"0xf8",
		"0x80ff",         /* more than one item */
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct rlp_reader r = rlp_read(hex(bad[i]));
		rlp_next(&r);
		ck_assert_msg(rlp_done(&r) == ST_INVALID, "%s", bad[i]);
	}
	arena_destroy(a);
}
END_TEST

START_TEST(refuses_what_is_of_another_kind)
{
	struct buf b;
	setup(&b);
	struct rlp_reader r = rlp_read(hex("0xc0"));
	rlp_next_bytes(&r, 10);
	ck_assert_int_eq(rlp_done(&r), ST_INVALID);
	r = rlp_read(hex("0x80"));
	rlp_next_list(&r);
	ck_assert_int_eq(rlp_done(&r), ST_INVALID);
	r = rlp_read(hex("0x00")); /* a number with a leading zero */
	rlp_next_u64(&r);
	ck_assert_int_eq(rlp_done(&r), ST_INVALID);
	r = rlp_read(hex("0x820001"));
	rlp_next_u64(&r);
	ck_assert_int_eq(rlp_done(&r), ST_INVALID);
	r = rlp_read(hex("0x88ffffffffffffffff"));
	ck_assert_uint_eq(rlp_next_u64(&r), UINT64_MAX);
	ck_assert_int_eq(rlp_done(&r), ST_OK);
	r = rlp_read(hex("0x89010000000000000000"));
	rlp_next_u64(&r);
	ck_assert_int_eq(rlp_done(&r), ST_INVALID);
	r = rlp_read(hex("0x83646f67"));
	rlp_next_bytes(&r, 2);
	ck_assert_int_eq(rlp_done(&r), ST_INVALID);
	uint8_t four[4];
	r = rlp_read(hex("0x83646f67"));
	rlp_next_fixed(&r, four, sizeof four);
	ck_assert_int_eq(rlp_done(&r), ST_INVALID);
	/* What is left unread in a list is an error too. */
	r = rlp_read(hex("0xc20102"));
	struct rlp_reader inner = rlp_next_list(&r);
	ck_assert_uint_eq(rlp_next_u64(&inner), 1);
	rlp_close(&r, &inner);
	ck_assert_int_eq(rlp_done(&r), ST_INVALID);
	arena_destroy(a);
}
END_TEST

START_TEST(an_error_sticks_and_gives_zeros)
{
	struct buf b;
	setup(&b);
	struct rlp_reader r = rlp_read(hex("0x81000102"));
	ck_assert_uint_eq(rlp_next_u64(&r), 0);
	ck_assert(!rlp_more(&r));
	ck_assert_uint_eq(rlp_next_u64(&r), 0);
	struct rlp_reader inner = rlp_next_list(&r);
	ck_assert(!rlp_more(&inner));
	ck_assert_int_eq(rlp_done(&inner), ST_INVALID);
	r = rlp_read(bytes_of(NULL, 0));
	ck_assert_int_eq(rlp_done(&r), ST_OK);
	rlp_next(&r);
	ck_assert_int_eq(rlp_done(&r), ST_INVALID);
	r = rlp_read_list(bytes_of(NULL, 0));
	ck_assert_int_eq(rlp_done(&r), ST_INVALID);
	arena_destroy(a);
}
END_TEST

START_TEST(a_full_buffer_is_noticed)
{
	setup(&(struct buf){0});
	struct buf b;
	buf_init(&b, a, 4);
	size_t list = rlp_list_begin(&b);
	rlp_put_bytes(&b, bytes_of("dog", 3));
	ck_assert(!b.overflow);
	rlp_list_end(&b, list);
	ck_assert(b.overflow);
	arena_destroy(a);
}
END_TEST

SUITE("chain/rlp", writes_the_examples_of_the_specification,
	   reads_back_strings_and_lists_of_every_length, refuses_what_is_not_canonical,
	   refuses_what_is_of_another_kind, an_error_sticks_and_gives_zeros,
	   a_full_buffer_is_noticed)
