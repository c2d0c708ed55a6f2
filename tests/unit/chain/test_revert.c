/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/revert.h"

#include "chain/keccak.h"
#include "tests/unit/chain/vectors.h"

START_TEST(selectors_are_the_hash_of_their_signature)
{
	static const struct {
		uint32_t selector;
		const char *signature;
	} rows[] = {
#define X(selector, signature) {selector, signature},
#include "chain/revert.def"
#undef X
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct hash h = keccak256(rows[i].signature, strlen(rows[i].signature));
		ck_assert_msg(u256_of_be(h.b, 4).limb[0] == rows[i].selector, "%s",
			      rows[i].signature);
		for (size_t k = 0; k < i; k++)
			ck_assert_msg(rows[k].selector != rows[i].selector, "%s twice",
				      rows[i].signature);
	}
}
END_TEST

START_TEST(says_what_happened)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	json_t *rows = json_object_get(vectors_load(a, "chain"), "revert");
	const char *want;
	json_t *data;
	json_object_foreach(rows, want, data)
		ck_assert_str_eq(revert_describe(a, vectors_bytes(a, data)), want);
	ck_assert_str_eq(revert_describe(a, bytes_of(NULL, 0)),
			 "no reason given (out of gas or a bare revert)");
	ck_assert_str_eq(revert_describe(a, bytes_of("\x12\x34\x56\x78\x00", 5)),
			 "unknown error 0x12345678 (5 bytes of data)");
	ck_assert_str_eq(revert_describe(a, bytes_of("\x12\x34", 2)), "reverted with 0x1234");
	ck_assert_str_eq(revert_describe(a, bytes_of("\xc0\x9b\x63\x50", 4)),
			 "LZ_InvalidNonce(...)");
	ck_assert_str_eq(revert_name(a, bytes_of("\x4c\x31\x18\xd4", 4)), "LZ_ULN_Verifying");
	ck_assert_ptr_null(revert_name(a, bytes_of("\x4c\x31\x18", 3)));
	ck_assert_ptr_null(revert_name(a, bytes_of("\0\0\0\0", 4)));
	arena_destroy(a);
}
END_TEST

static void assert_printable(const char *s)
{
	ck_assert_uint_le(strlen(s), REVERT_TEXT_MAX);
	for (; *s; s++)
		ck_assert(*s >= 0x20 && *s < 0x7f);
}

/* Error(string) with a text of n bytes, cut at `there`. */
static struct bytes error_of(struct arena *a, const char *s, size_t n, size_t there)
{
	uint8_t *p = arena_alloc(a, 68 + there);
	memcpy(p, "\x08\xc3\x79\xa0", 4);
	p[35] = 32;
	u256_to_be(p + 36, 32, u256_of_u64(n));
	memcpy(p + 68, s, there);
	return bytes_of(p, 68 + there);
}

START_TEST(hostile_texts_stay_printable_and_short)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	ck_assert_str_eq(revert_describe(a, error_of(a, "a\n\"\\\x1b[0m\xff", 9, 9)),
			 "reverted: a\\x0a\"\\x5c\\x1b[0m\\xff");
	ck_assert_str_eq(revert_describe(a, error_of(a, "cut short", 500, 9)),
			 "reverted: cut short");
	char *s = arena_alloc(a, 5000);
	memset(s, 'x', 5000);
	const char *text = revert_describe(a, error_of(a, s, 5000, 5000));
	ck_assert_uint_eq(strlen(text), REVERT_TEXT_MAX);
	ck_assert_str_eq(text + REVERT_TEXT_MAX - 4, "x...");
	memset(s, 0x80, 5000);
	assert_printable(revert_describe(a, error_of(a, s, 5000, 5000)));
	assert_printable(revert_describe(a, error_of(a, s, SIZE_MAX, 100)));
	arena_destroy(a);
}
END_TEST

START_TEST(cut_and_bent_data_always_gives_a_sentence)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	json_t *rows = json_object_get(vectors_load(a, "chain"), "revert");
	const char *name;
	json_t *row;
	json_object_foreach(rows, name, row) {
		struct bytes data = vectors_bytes(a, row);
		for (size_t cut = 0; cut < data.n; cut++)
			assert_printable(revert_describe(a, bytes_of(data.p, cut)));
		uint8_t *bent = arena_copy(a, data.p, data.n);
		for (size_t bit = 0; bit < 8 * data.n; bit++) {
			bent[bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_printable(revert_describe(a, bytes_of(bent, data.n)));
			bent[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
	arena_destroy(a);
}
END_TEST

SUITE("chain/revert", selectors_are_the_hash_of_their_signature, says_what_happened,
      hostile_texts_stay_printable_and_short, cut_and_bent_data_always_gives_a_sentence)
