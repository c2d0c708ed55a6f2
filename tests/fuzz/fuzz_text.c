/* SPDX-License-Identifier: Apache-2.0
 *
 * What people and nodes write: accounts, CAIP-10, decimal numbers, quantities. What is accepted is
 * shown in its one form, and that form is accepted as the same.
 */
#include "tests/fuzz/fuzz.h"

#include "chain/account.h"
#include "chain/u256.h"

static void accounts(const char *s, size_t n)
{
	struct addr account;
	struct addr again;
	uint64_t chain_id;
	uint64_t chain_again;
	char text[ACCOUNT_TEXT_BYTES];
	char caip10[ACCOUNT_CAIP10_BYTES];
	if (account_parse(&account, s, n) == ST_OK) {
		account_format(text, &account);
		fuzz_check(account_parse(&again, text, strlen(text)) == ST_OK);
		fuzz_check(addr_equal(&account, &again));
	}
	if (account_caip10_parse(&chain_id, &account, s, n) == ST_OK) {
		account_caip10_format(caip10, chain_id, &account);
		fuzz_check(strlen(caip10) == n);
		fuzz_check(account_caip10_parse(&chain_again, &again, caip10, n) == ST_OK);
		fuzz_check(chain_id == chain_again && addr_equal(&account, &again));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *s = (const char *)data;
	struct u256 v;
	char decimal[U256_DECIMAL_BYTES];
	char quantity[U256_QUANTITY_BYTES];
	accounts(s, size);
	if (u256_parse(&v, s, size) == ST_OK) {
		fuzz_check(u256_format(decimal, v) == size);
		fuzz_check(memcmp(decimal, s, size) == 0);
	}
	if (u256_parse_quantity(&v, s, size) == ST_OK)
		fuzz_check(u256_format_quantity(quantity, v) == size);
	return 0;
}
