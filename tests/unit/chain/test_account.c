/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/account.h"

#include <ctype.h>

#include "tests/unit/chain/vectors.h"

START_TEST(shows_and_reads_checksummed_accounts)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	const json_t *rows = vectors_get(vectors_load(a, "chain"), "accounts");
	size_t i;
	const json_t *row;
	json_array_foreach(rows, i, row) {
		const char *text = vectors_text(row);
		struct addr account;
		ck_assert_int_eq(account_parse(&account, text, 42), ST_OK);
		char shown[ACCOUNT_TEXT_BYTES];
		account_format(shown, &account);
		ck_assert_str_eq(shown, text);
	}
	arena_destroy(a);
}
END_TEST

START_TEST(one_wrong_letter_is_refused)
{
	const char *good = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
	char s[ACCOUNT_TEXT_BYTES];
	struct addr account;
	for (size_t i = 2; i < 42; i++) {
		memcpy(s, good, sizeof s);
		if (!isalpha((unsigned char)s[i]))
			continue;
		s[i] ^= 0x20;
		ck_assert_msg(account_parse(&account, s, 42) == ST_INVALID, "%s", s);
	}
	for (size_t i = 0; i < 42; i++)
		s[i] = (char)tolower((unsigned char)good[i]);
	ck_assert_int_eq(account_parse(&account, s, 42), ST_OK);
	for (size_t i = 2; i < 42; i++)
		s[i] = (char)toupper((unsigned char)good[i]);
	ck_assert_int_eq(account_parse(&account, s, 42), ST_OK);
	for (size_t n = 0; n < 42; n++)
		ck_assert_int_eq(account_parse(&account, good, n), ST_INVALID);
	ck_assert_int_eq(account_parse(&account, "0X5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", 42),
			 ST_INVALID);
	ck_assert_int_eq(account_parse(&account, "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaeg", 42),
			 ST_INVALID);
}
END_TEST

START_TEST(caip10_goes_both_ways)
{
	const char *text = "eip155:31337:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
	uint64_t chain_id;
	struct addr account;
	ck_assert_int_eq(account_caip10_parse(&chain_id, &account, text, strlen(text)), ST_OK);
	ck_assert_uint_eq(chain_id, 31337);
	char shown[ACCOUNT_CAIP10_BYTES];
	account_caip10_format(shown, chain_id, &account);
	ck_assert_str_eq(shown, text);
	account_caip10_format(shown, UINT64_MAX, &account);
	ck_assert_uint_eq(strlen(shown), ACCOUNT_CAIP10_BYTES - 1);
	ck_assert_int_eq(account_caip10_parse(&chain_id, &account, shown, strlen(shown)), ST_OK);
	ck_assert_uint_eq(chain_id, UINT64_MAX);
	for (size_t n = 0; n < strlen(text); n++)
		ck_assert_int_eq(account_caip10_parse(&chain_id, &account, text, n), ST_INVALID);
}
END_TEST

START_TEST(other_forms_are_no_caip10)
{
	static const char *const bad[] = {
		"eip155::0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
		"eip155:01:0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
		"eip155:-1:0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
		"eip155:1a:0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
		"eip155:18446744073709551616:0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
		"EIP155:1:0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
		"bip122:1:0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
		"eip155:1:5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
		"eip155:1:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed",
		"eip155:1:0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed ",
		"eip155:1:2:0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
		"eip155:1",
		"",
	};
	uint64_t chain_id;
	struct addr account;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(account_caip10_parse(&chain_id, &account, bad[i], strlen(bad[i])) ==
				      ST_INVALID, "%s", bad[i]);
}
END_TEST

SUITE("chain/account", shows_and_reads_checksummed_accounts, one_wrong_letter_is_refused,
	   caip10_goes_both_ways, other_forms_are_no_caip10)
