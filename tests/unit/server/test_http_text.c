/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "server/http_exchange.h"

START_TEST(escapes_are_decoded_or_refused)
{
	struct ctx *cx = unit_ctx();
	static const struct {
		const char *in;
		const char *out; /* NULL: refused */
	} cases[] = {
		{"", ""}, {"a+b", "a+b"}, {"%41%7a", "Az"}, {"%2F", "/"}, {"%c3%a4", "\xc3\xa4"},
		{"%", NULL}, {"%4", NULL}, {"%4g", NULL}, {"%00", NULL}, {"a%", NULL},
		{"%%41", NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *out = http_percent_decode(cx->arena, cases[i].in, strlen(cases[i].in), false);
		if (cases[i].out)
			ck_assert_str_eq(out, cases[i].out);
		else
			ck_assert_ptr_null(out);
	}
	ck_assert_str_eq(http_percent_decode(cx->arena, "a+b", 3, true), "a b");
	unit_ctx_end(cx);
}
END_TEST

START_TEST(any_text_becomes_valid_json)
{
	struct ctx *cx = unit_ctx();
	static const char *const cases[][2] = {
		{"plain", "\"plain\""},
		{"\"\\\n\x01\x7f", "\"\\\"\\\\\\u000a\\u0001\\u007f\""},
		{"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
		 "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
		/* Overlong, a surrogate, beyond U+10FFFF, cut off, a stray continuation. */
		{"\xc0\xaf", "\"\\ufffd\\ufffd\""},
		{"\xe0\x80\xaf", "\"\\ufffd\\ufffd\\ufffd\""},
		{"\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\""},
		{"\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""},
		{"a\xe2\x82", "\"a\\ufffd\\ufffd\""},
		{"\x80", "\"\\ufffd\""},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf out;
		buf_init(&out, cx->arena, 1000);
		http_json_put(&out, cases[i][0]);
		ck_assert_str_eq(buf_text(&out), cases[i][1]);
	}
	unit_ctx_end(cx);
}
END_TEST

START_TEST(the_most_specific_range_of_accept_decides)
{
	static const struct {
		const char *accept;
		bool any;   /* application/json at all */
		bool named; /* application/json by its name */
	} cases[] = {
		{NULL, true, false},
		{"", false, false},
		{"*/*", true, false},
		{"application/*", true, false},
		{"application/json", true, true},
		{"APPLICATION/JSON", true, true},
		{"application/json;q=0", false, false},
		{"application/json; q=0.000", false, false},
		{"application/json;q=0.001", true, true},
		{"*/*, application/json;q=0", false, false},
		{"application/json;q=0, */*", false, false},
		{"application/*;q=0, */*", false, false},
		{"*/*, application/*;q=0", false, false},
		{"application/*;q=0, application/json", true, true},
		{"text/html,application/xhtml+xml,*/*;q=0.8", true, false},
		{"text/*", false, false},
		{"application/jsonx", false, false},
		{" , ,application/json , ", true, true},
		{"application/json;charset=utf-8;q=1", true, true},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *accept = cases[i].accept;
		ck_assert_msg(http_accepts(accept, "application/json", false) == cases[i].any, "%s",
			      accept ? accept : "none");
		ck_assert_msg(http_accepts(accept, "application/json", true) == cases[i].named,
			      "%s by name", accept ? accept : "none");
	}
}
END_TEST

START_TEST(numbers_are_digits_within_their_bound)
{
	uint64_t v;
	ck_assert(http_decimal("0", 0, &v) && v == 0);
	ck_assert(http_decimal("18446744073709551615", UINT64_MAX, &v) && v == UINT64_MAX);
	ck_assert(!http_decimal("18446744073709551616", UINT64_MAX, &v));
	ck_assert(http_decimal("100", 100, &v) && v == 100);
	ck_assert(!http_decimal("101", 100, &v));
	ck_assert(!http_decimal("9", 8, &v));
	static const char *const wrong[] = {"", "-1", "+1", " 1", "1 ", "0x1", "1a", "1.0"};
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		ck_assert_msg(!http_decimal(wrong[i], UINT64_MAX, &v), "%s", wrong[i]);
}
END_TEST

START_TEST(entity_tags_are_compared_weakly)
{
	ck_assert(http_etag_matches("\"a\"", "a"));
	ck_assert(http_etag_matches("W/\"a\"", "a"));
	ck_assert(http_etag_matches("\"b\" , W/\"a\"", "a"));
	ck_assert(http_etag_matches("*", "a"));
	ck_assert(!http_etag_matches("a", "a"));
	ck_assert(!http_etag_matches("\"a", "ab"));
	ck_assert(!http_etag_matches("\"ab\"", "a"));
	ck_assert(!http_etag_matches("", "a"));
}
END_TEST

SUITE("server/http_text", escapes_are_decoded_or_refused, any_text_becomes_valid_json,
      the_most_specific_range_of_accept_decides, numbers_are_digits_within_their_bound,
      entity_tags_are_compared_weakly)
