/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <stdlib.h>

#include "tests/unit/unit.h"

static struct arena *arena;
static struct ctx cx;

static void json_begin(void)
{
	arena = arena_create(UNIT_ARENA_BYTES);
	ctx_init(&cx, arena, CTX_DEADLINE_NONE, "test");
}

static void json_end(void)
{
	arena_destroy(arena);
}

static enum status json_of(json_t **out, const char *text)
{
	return json_parse(&cx, out, bytes_of(text, strlen(text)), 1000, 4);
}

static void json_refused(const char *text, enum status st, const char *sentence)
{
	json_t *v;
	ck_assert_msg(json_of(&v, text) == st, "%s", text);
	ck_assert_msg(strstr(cx.err.message, sentence), "%s: %s", text, cx.err.message);
}

START_TEST(texts_that_are_not_one_json_text_are_refused)
{
	json_begin();
	json_refused("", ST_INVALID, "empty");
	json_refused(" ", ST_INVALID, "not JSON");
	json_refused("<html>502 Bad Gateway</html>", ST_INVALID, "not JSON");
	json_refused("{\"a\":1", ST_INVALID, "not JSON");
	json_refused("{\"a\":1} {}", ST_INVALID, "not JSON");
	json_refused("[1,]", ST_INVALID, "not JSON");
	json_refused("{\"a\":1,\"a\":2}", ST_INVALID, "duplicate");
	json_refused("[9223372036854775808]", ST_INVALID, "not JSON");
	json_refused("[1e999]", ST_INVALID, "not JSON");
	json_refused("[\"\\u0000\"]", ST_INVALID, "not JSON");
	json_refused("[\"\xff\"]", ST_INVALID, "not JSON");
	json_refused("[\"\\", ST_INVALID, "not JSON");
	json_refused("[\"\\\"", ST_INVALID, "not JSON");
	json_end();
}
END_TEST

START_TEST(the_sentence_does_not_quote_the_stranger)
{
	json_begin();
	json_t *v;
	ck_assert_int_eq(json_of(&v, "[secret]"), ST_INVALID);
	ck_assert_ptr_null(strstr(cx.err.message, "secret"));
	json_end();
}
END_TEST

START_TEST(depth_counts_brackets_outside_strings_only)
{
	json_begin();
	json_t *v;
	ck_assert_int_eq(json_of(&v, "[[[[1]]]]"), ST_OK);
	ck_assert_int_eq(json_of(&v, "[[[[1]]],[[[]]],{\"a\":{\"b\":{}}}]"), ST_OK);
	ck_assert_int_eq(json_of(&v, "[\"[[[[[[[\",\"\\\"[[[[[\\\\\",\"{{{{{\"]"), ST_OK);
	json_refused("[[[[[1]]]]]", ST_INVALID, "deeper");
	json_refused("[\"\\\\\",[[[[", ST_INVALID, "deeper");
	json_refused("{\"a\":{\"a\":{\"a\":{\"a\":{", ST_INVALID, "deeper");
	json_end();
}
END_TEST

START_TEST(size_is_limited)
{
	json_begin();
	json_t *v;
	char *text = arena_alloc(arena, 1002);
	memset(text, ' ', 1001);
	text[0] = '1';
	json_refused(text, ST_TOO_LARGE, "1001");
	text[0] = '[';
	text[1] = ']';
	text[1000] = 0;
	ck_assert_int_eq(json_of(&v, text), ST_OK);
	json_end();
}
END_TEST

START_TEST(quantities_are_read_strictly)
{
	static const struct {
		const char *text;
		enum status st;
		uint64_t value;
		const char *sentence;
	} rows[] = {
		{"\"0x0\"", ST_OK, 0, ""},
		{"\"0x1f\"", ST_OK, 31, ""},
		{"\"0xFFFFFFFFFFFFFFFF\"", ST_OK, UINT64_MAX, ""},
		{"\"0x10000000000000000\"", ST_INVALID, 0, "64 bits"},
		{"\"0x00\"", ST_INVALID, 0, "leading zeros"},
		{"\"0x01\"", ST_INVALID, 0, "leading zeros"},
		{"\"0x\"", ST_INVALID, 0, "hexadecimal"},
		{"\"\"", ST_INVALID, 0, "hexadecimal"},
		{"\"31\"", ST_INVALID, 0, "hexadecimal"},
		{"\"0X1\"", ST_INVALID, 0, "hexadecimal"},
		{"\"-0x1\"", ST_INVALID, 0, "hexadecimal"},
		{"\"0x-1\"", ST_INVALID, 0, "hexadecimal"},
		{"\"0x1g\"", ST_INVALID, 0, "hexadecimal"},
		{"\"0x 1\"", ST_INVALID, 0, "hexadecimal"},
		{"31", ST_INVALID, 0, "a number"},
		{"1.5", ST_INVALID, 0, "a number"},
		{"null", ST_INVALID, 0, "null"},
		{"true", ST_INVALID, 0, "true"},
		{"[\"0x1\"]", ST_INVALID, 0, "an array"},
		{"{}", ST_INVALID, 0, "an object"},
	};
	json_begin();
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		json_t *v;
		uint64_t got = 0;
		ck_assert_int_eq(json_of(&v, arena_printf(arena, "[%s]", rows[i].text)), ST_OK);
		enum status st = json_read_u64(&cx, &got, json_array_get(v, 0), "it");
		ck_assert_msg(st == rows[i].st, "%s", rows[i].text);
		ck_assert_msg(got == rows[i].value, "%s", rows[i].text);
		if (st != ST_OK)
			ck_assert_msg(strstr(cx.err.message, rows[i].sentence), "%s: %s",
				      rows[i].text, cx.err.message);
	}
	uint64_t got;
	ck_assert_int_eq(json_read_u64(&cx, &got, NULL, "it"), ST_INVALID);
	ck_assert_str_eq(cx.err.message, "it must be a text, it is missing");
	json_end();
}
END_TEST

START_TEST(quantities_of_256_bits_fill_the_word_from_the_right)
{
	json_begin();
	json_t *v;
	uint8_t word[32];
	ck_assert_int_eq(json_of(&v, "[\"0x123\",\"0x1" "0000000000000000000000000000000"
				     "000000000000000000000000000000000\",\"0x"
				     "ffffffffffffffffffffffffffffffff"
				     "ffffffffffffffffffffffffffffffff\"]"), ST_OK);
	ck_assert_int_eq(json_read_u256(&cx, word, json_array_get(v, 0), "it"), ST_OK);
	ck_assert_int_eq(word[30], 1);
	ck_assert_int_eq(word[31], 0x23);
	ck_assert_int_eq(json_read_u256(&cx, word, json_array_get(v, 1), "it"), ST_INVALID);
	ck_assert_ptr_nonnull(strstr(cx.err.message, "256 bits"));
	ck_assert_int_eq(json_read_u256(&cx, word, json_array_get(v, 2), "it"), ST_OK);
	for (int i = 0; i < 32; i++)
		ck_assert_int_eq(word[i], 0xff);
	json_end();
}
END_TEST

START_TEST(data_is_whole_bytes_and_limited)
{
	json_begin();
	json_t *v;
	struct bytes b;
	struct addr a;
	ck_assert_int_eq(json_of(&v, "[\"0x\",\"0x00Ff\",\"0x0\",\"0x0g\",\"00ff\",\"0x000000\","
				     "\"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed\"]"), ST_OK);
	ck_assert_int_eq(json_read_data(&cx, &b, json_array_get(v, 0), "it", 2), ST_OK);
	ck_assert_uint_eq(b.n, 0);
	ck_assert_int_eq(json_read_data(&cx, &b, json_array_get(v, 1), "it", 2), ST_OK);
	unit_assert_hex(arena, b, "0x00ff");
	for (size_t i = 2; i < 6; i++)
		ck_assert_int_eq(json_read_data(&cx, &b, json_array_get(v, i), "it", 2),
				 ST_INVALID);
	ck_assert_ptr_nonnull(strstr(cx.err.message, "at most 2"));
	ck_assert_int_eq(json_read_addr(&cx, &a, json_array_get(v, 6), "it"), ST_OK);
	ck_assert_int_eq(a.b[19], 0xed);
	ck_assert_int_eq(json_read_addr(&cx, &a, json_array_get(v, 5), "it"), ST_INVALID);
	ck_assert_ptr_nonnull(strstr(cx.err.message, "exactly 20 bytes"));
	json_end();
}
END_TEST

START_TEST(members_and_texts_name_what_is_wrong)
{
	json_begin();
	json_t *v;
	json_t *m;
	const char *s;
	ck_assert_int_eq(json_of(&v, "{\"a\":1,\"t\":\"x\\ny\","
				     "\"u\":\"gr\xc3\xbc\xc3\x9f\"}"), ST_OK);
	ck_assert_int_eq(json_read_member(&cx, &m, v, "a", JSON_INTEGER), ST_OK);
	ck_assert_int_eq(json_read_member(&cx, &m, v, "a", JSON_STRING), ST_INVALID);
	ck_assert_str_eq(cx.err.message, "\"a\" has the wrong type: it is a number");
	ck_assert_int_eq(json_read_member(&cx, &m, v, "b", JSON_STRING), ST_INVALID);
	ck_assert_str_eq(cx.err.message, "\"b\" is missing");
	ck_assert_int_eq(json_read_member(&cx, &m, json_object_get(v, "a"), "b", JSON_STRING),
			 ST_INVALID);
	ck_assert_int_eq(json_read_text(&cx, &s, json_object_get(v, "t"), "it", 9), ST_INVALID);
	ck_assert_ptr_nonnull(strstr(cx.err.message, "control"));
	ck_assert_int_eq(json_read_text(&cx, &s, json_object_get(v, "u"), "it", 6), ST_OK);
	ck_assert_int_eq(json_read_text(&cx, &s, json_object_get(v, "u"), "it", 5), ST_INVALID);
	json_end();
}
END_TEST

/* The verdict and the value must be jansson's, whichever reader was at work. */
static void json_compare(const char *text, size_t n)
{
	json_t *ours = NULL;
	json_t *theirs = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
	enum status st = json_parse(&cx, &ours, bytes_of(text, n), 100000, 2000);
	ck_assert_msg((st == ST_OK) == (theirs != NULL), "%.*s", (int)n, text);
	if (theirs)
		ck_assert_msg(json_equal(ours, theirs), "%.*s", (int)n, text);
	json_decref(theirs);
}

START_TEST(the_quick_reader_is_never_more_generous_than_jansson)
{
	static const char *const texts[] = {
		"[0,1,-1,-0,12345678901234567,123456789012345678,1234567890123456789,"
		"9223372036854775807,-9223372036854775808]",
		"[9223372036854775808]", "[00]", "[01]", "[1.0]", "[1e2]", "[1E+2]", "[1.]", "[.1]",
		"[+1]", "[0x1]", "[1 2]", "[1,,2]", "[,1]", "[1,]", "[tru]", "[true", "[truex]",
		"[nullnull]", "[null]x", " [ true , false , null ] ", "\t{\r\n}\n", "\f[]", "[]\v",
		"{\"a\":1,\"b\":{\"a\":[]}}", "{\"a\":1,\"a\":1}", "{\"a\"}", "{\"a\":}", "{a:1}",
		"{\"a\":1,}", "{,}", "{\"\":1}", "{\"\":1,\"\":2}", "[\"\"]", "[\"a\\n\\u00fc\"]",
		"[\"\\ud800\"]", "[\"\\u0000\"]", "{\"\\u0000\":1}", "[\"\x01\"]", "[\"\x1f\"]",
		"[\"\x7f\"]", "[\"\xc3\xbc\"]", "[\"\xc3\"]", "[\"\xff\"]", "[\"1234567\x1f\"]",
		"[\"12345678\x1f\"]", "[\"1234567\\\\\"]", "[\"\\\\\",\"\\\"\"]",
		"[\"'\"]", "['a']",
		"[[[[[[[]]]]]]", "[[]]]", "{]", "[}", "[\"a", "{\"a", "{\"a\":\"",
		"true", "1", "\"a\"",
		"null", "//", "[/*x*/]", "[NaN]", "[-]", "[1-]", "{\"a\":1 \"b\":2}",
		"[\xef\xbb\xbf]",
	};
	json_begin();
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		json_compare(texts[i], strlen(texts[i]));
	json_compare("[1]\0", 4);
	json_compare("[1\0]", 4);
	json_end();
}
END_TEST

START_TEST(changed_texts_are_read_as_jansson_reads_them)
{
	static const char seed[] = "{\"jsonrpc\":\"2.0\",\"id\":17,\"result\":["
				   "{\"hash\":\"0x00ff\","
				   "\"n\":null,\"removed\":false,\"logs\":[{},[],0,\"a b\\tc\"]}]}";
	static const char bytes_[] = "\"\\[]{},:0x1e.-+ tfn\n\x01\x7f\x80\xc3\xbc\xff";
	uint64_t state = 88172645463325252u; /* xorshift: the same texts every time */
	json_begin();
	for (int i = 0; i < 40000; i++) {
		char text[sizeof seed];
		memcpy(text, seed, sizeof seed);
		size_t n = sizeof seed - 1;
		for (int k = 0; k <= i % 3; k++) {
			state ^= state << 13;
			state ^= state >> 7;
			state ^= state << 17;
			size_t at = (state >> 8) % n;
			if (state % 5 == 0 && n > 1)
				memmove(text + at, text + at + 1, --n - at);
			else
				text[at] = bytes_[(state >> 32) % (sizeof bytes_ - 1)];
		}
		/* From the heap, exactly so long, so that a read past the end is seen. */
		char *exact = malloc(n);
		memcpy(exact, text, n);
		json_compare(exact, n);
		free(exact);
		if (i % 1000 == 0)
			arena_reset(arena);
	}
	json_end();
}
END_TEST

UNIT_SUITE("base/json", texts_that_are_not_one_json_text_are_refused,
	   the_sentence_does_not_quote_the_stranger, depth_counts_brackets_outside_strings_only,
	   size_is_limited, quantities_are_read_strictly,
	   quantities_of_256_bits_fill_the_word_from_the_right, data_is_whole_bytes_and_limited,
	   members_and_texts_name_what_is_wrong,
	   the_quick_reader_is_never_more_generous_than_jansson,
	   changed_texts_are_read_as_jansson_reads_them)
