/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "api/token.h"
#include "base/clock.h"

START_TEST(a_token_comes_back_as_it_went)
{
	for (int i = 0; i < 1000; i++) {
		uint8_t key[32], place[16], got[16];
		char text[TOKEN_TEXT_BYTES];
		struct token_scope scope = {'m', (int64_t)random_u64(), bytes_of("abc", 3)};
		random_bytes(key, sizeof key);
		random_bytes(place, sizeof place);
		token_write(text, key, &scope, place);
		ck_assert_uint_eq(strlen(text), 43);
		ck_assert(token_read(got, key, &scope, text));
		ck_assert_mem_eq(got, place, 16);
	}
}
END_TEST

START_TEST(a_token_that_was_touched_is_none)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint8_t key[32] = {1}, place[16] = {2}, got[16];
	char text[TOKEN_TEXT_BYTES];
	struct token_scope scope = {'m', 5, bytes_of("abc", 3)};
	token_write(text, key, &scope, place);
	for (size_t at = 0; at < 43; at++) {
		char was = text[at];
		for (const char *c = digits; *c; c++) {
			text[at] = *c;
			ck_assert_int_eq(token_read(got, key, &scope, text), *c == was);
		}
		text[at] = '=';
		ck_assert(!token_read(got, key, &scope, text));
		text[at] = was;
	}
	text[42] = 0;
	ck_assert(!token_read(got, key, &scope, text));
	ck_assert(!token_read(got, key, &scope, ""));
}
END_TEST

START_TEST(a_token_holds_for_one_list_of_one_app)
{
	uint8_t key[32] = {1}, other_key[32] = {2}, place[16] = {3}, got[16];
	char text[TOKEN_TEXT_BYTES];
	struct token_scope scope = {'m', 5, bytes_of("abc", 3)}, other = scope;
	token_write(text, key, &scope, place);
	ck_assert(token_read(got, key, &scope, text));
	ck_assert(!token_read(got, other_key, &scope, text));
	other.kind = 'e';
	ck_assert(!token_read(got, key, &other, text));
	other = scope;
	other.app_id = 6;
	ck_assert(!token_read(got, key, &other, text));
	other = scope;
	other.filter = bytes_of("abd", 3);
	ck_assert(!token_read(got, key, &other, text));
}
END_TEST

SUITE("api/token", a_token_comes_back_as_it_went, a_token_that_was_touched_is_none,
      a_token_holds_for_one_list_of_one_app)
