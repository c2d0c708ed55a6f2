/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/account.h"

#include <stdio.h>

#include "chain/keccak.h"

enum { ACCOUNT_DIGITS = 40 };

void account_format(char out[ACCOUNT_TEXT_BYTES], const struct addr *a)
{
	char *digits = out + 2;
	out[0] = '0';
	out[1] = 'x';
	hex_digits(digits, a->b, sizeof a->b);
	out[2 + ACCOUNT_DIGITS] = '\0';
	struct hash h = keccak256(digits, ACCOUNT_DIGITS);
	for (size_t i = 0; i < ACCOUNT_DIGITS; i++) {
		unsigned nibble = i % 2 ? h.b[i / 2] & 15u : h.b[i / 2] >> 4;
		if (digits[i] >= 'a' && nibble >= 8)
			digits[i] = (char)(digits[i] - 'a' + 'A');
	}
}

enum status account_parse(struct addr *out, const char *s, size_t n)
{
	struct addr a;
	if (!hex_decode_fixed(s, n, a.b, sizeof a.b))
		return ST_INVALID;
	bool has_upper = false;
	bool has_lower = false;
	for (size_t i = 2; i < n; i++) {
		has_upper |= s[i] >= 'A' && s[i] <= 'F';
		has_lower |= s[i] >= 'a' && s[i] <= 'f';
	}
	char checked[ACCOUNT_TEXT_BYTES];
	account_format(checked, &a);
	if (has_upper && has_lower && memcmp(checked, s, n) != 0)
		return ST_INVALID;
	*out = a;
	return ST_OK;
}

void account_caip10_format(char out[ACCOUNT_CAIP10_BYTES], uint64_t chain_id, const struct addr *a)
{
	char text[ACCOUNT_TEXT_BYTES];
	account_format(text, a);
	snprintf(out, ACCOUNT_CAIP10_BYTES, "eip155:%llu:%s", (unsigned long long)chain_id, text);
}

enum status account_caip10_parse(uint64_t *chain_id, struct addr *out, const char *s, size_t n)
{
	static const char namespace[] = "eip155:";
	const size_t prefix = sizeof namespace - 1;
	if (n < prefix || memcmp(s, namespace, prefix) != 0)
		return ST_INVALID;
	const char *reference = s + prefix;
	const char *colon = memchr(reference, ':', n - prefix);
	if (!colon)
		return ST_INVALID;
	struct u256 id;
	size_t reference_n = (size_t)(colon - reference);
	if (u256_parse(&id, reference, reference_n) != ST_OK || !u256_fits(id, 64))
		return ST_INVALID;
	struct addr a;
	if (account_parse(&a, colon + 1, n - prefix - reference_n - 1) != ST_OK)
		return ST_INVALID;
	*chain_id = id.limb[0];
	*out = a;
	return ST_OK;
}
