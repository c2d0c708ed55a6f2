/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

START_TEST(spans_are_compared_by_content)
{
	ck_assert(bytes_equal(bytes_of("abc", 3), bytes_of("abcd", 3)));
	ck_assert(!bytes_equal(bytes_of("abc", 3), bytes_of("abc", 2)));
	ck_assert(!bytes_equal(bytes_of("abc", 3), bytes_of("abd", 3)));
	ck_assert(bytes_equal(bytes_of(NULL, 0), bytes_of("", 0)));
}
END_TEST

START_TEST(an_address_is_the_low_end_of_a_word)
{
	struct addr a;
	for (int i = 0; i < 20; i++)
		a.b[i] = (uint8_t)(i + 1);
	struct hash word = hash_of_addr(&a);
	for (int i = 0; i < 12; i++)
		ck_assert_uint_eq(word.b[i], 0);
	ck_assert_uint_eq(word.b[12], 1);
	struct addr again = addr_of_hash(&word);
	ck_assert(addr_equal(&a, &again));
	ck_assert(!addr_is_zero(&a));
	struct hash zero = {{0}};
	ck_assert(hash_is_zero(&zero) && !hash_is_zero(&word) && !hash_equal(&zero, &word));
	struct hash last = {{0}};
	last.b[31] = 1;
	ck_assert(!hash_is_zero(&last));
}
END_TEST

START_TEST(a_buffer_grows_to_its_maximum_and_then_drops_everything)
{
	struct ctx *cx = unit_ctx();
	struct buf b;
	buf_init(&b, cx->arena, 1000);
	for (int i = 0; i < 999; i++)
		buf_putc(&b, (char)('a' + i % 26));
	ck_assert(!b.overflow);
	buf_puts(&b, "zz");
	ck_assert(b.overflow);
	ck_assert_uint_eq(b.n, 999);
	buf_putc(&b, 'x'); /* would fit, but the text would have a hole */
	ck_assert_uint_eq(b.n, 999);
	ck_assert_ptr_null(buf_extend(&b, SIZE_MAX));
	ck_assert_uint_eq(strlen(buf_text(&b)), 999);
	unit_ctx_end(cx);
}
END_TEST

START_TEST(what_a_buffer_has_survives_its_growth)
{
	struct ctx *cx = unit_ctx();
	struct buf b;
	buf_init(&b, cx->arena, 1 << 20);
	char long_text[3000];
	memset(long_text, 'y', sizeof long_text - 1);
	long_text[sizeof long_text - 1] = '\0';
	buf_printf(&b, "%d|", 42);
	buf_printf(&b, "%s|", long_text);
	buf_put(&b, NULL, 0);
	ck_assert_uint_eq(buf_bytes(&b).n, 3 + 2999 + 1);
	ck_assert_mem_eq(buf_bytes(&b).p, "42|yyy", 6);
	uint8_t *zero = buf_extend(&b, 4);
	ck_assert_mem_eq(zero, "\0\0\0\0", 4);
	struct buf empty;
	buf_init(&empty, cx->arena, 8);
	ck_assert_str_eq(buf_text(&empty), "");
	unit_ctx_end(cx);
}
END_TEST

START_TEST(reserved_room_is_filled_in_place)
{
	struct arena *a = arena_create(1024 * 1024);
	struct buf b;
	buf_init(&b, a, 1000);
	buf_puts(&b, "ab");
	buf_reserve(&b, 500);
	const uint8_t *p = b.p;
	ck_assert_uint_eq(b.n, 2);
	for (int i = 0; i < 500; i++)
		buf_putc(&b, 'c');
	ck_assert_ptr_eq(b.p, p);
	ck_assert_mem_eq(b.p, "abcc", 4);
	buf_reserve(&b, 499); /* more than the maximum is as if it had been written */
	ck_assert(b.overflow);
	arena_destroy(a);
}
END_TEST

START_TEST(hex_goes_there_and_back)
{
	struct ctx *cx = unit_ctx();
	uint8_t all[256];
	for (int i = 0; i < 256; i++)
		all[i] = (uint8_t)i;
	const char *text = hex_encode(cx->arena, all, sizeof all);
	ck_assert_uint_eq(strlen(text), 2 + 512);
	struct bytes back;
	ck_assert(hex_decode(cx->arena, text, strlen(text), 256, &back));
	ck_assert_mem_eq(back.p, all, 256);
	ck_assert_str_eq(hex_encode(cx->arena, "", 0), "0x");
	ck_assert(hex_decode(cx->arena, "0x", 2, 0, &back));
	ck_assert_uint_eq(back.n, 0);
	ck_assert(hex_decode(cx->arena, "0xAbCd", 6, 2, &back));
	ck_assert_mem_eq(back.p, "\xab\xcd", 2);
	unit_ctx_end(cx);
}
END_TEST

START_TEST(what_is_not_hex_is_refused)
{
	static const char *const wrong[] = {"", "0", "x", "ab", "0xa", "0Xab", "0xag", "0x g",
					    "0x-1", "0xab ", " 0xab", "0xabc", "00ab"};
	struct ctx *cx = unit_ctx();
	struct bytes out;
	uint8_t one;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		ck_assert_msg(!hex_decode(cx->arena, wrong[i], strlen(wrong[i]), 8, &out), "'%s'",
			      wrong[i]);
	ck_assert(!hex_decode(cx->arena, "0xabcd", 6, 1, &out));
	ck_assert(!hex_decode_fixed("0xabcd", 6, &one, 1));
	ck_assert(!hex_decode_fixed("0xab", 4, &one, 0));
	ck_assert(hex_decode_fixed("0xabcd", 4, &one, 1));
	ck_assert_uint_eq(one, 0xab);
	unit_ctx_end(cx);
}
END_TEST

SUITE("base/bytes", spans_are_compared_by_content, an_address_is_the_low_end_of_a_word,
      a_buffer_grows_to_its_maximum_and_then_drops_everything,
      what_a_buffer_has_survives_its_growth, reserved_room_is_filled_in_place, hex_goes_there_and_back,
      what_is_not_hex_is_refused)
