/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/u256.h"

#include <assert.h>

__extension__ typedef unsigned __int128 u128; /* a builtin type without a standard name */

struct u256 u256_of_u64(uint64_t v)
{
	return (struct u256){{v, 0, 0, 0}};
}

struct u256 u256_of_be(const uint8_t *be, size_t n)
{
	assert(n <= 32);
	struct u256 v = {{0}};
	for (size_t i = 0; i < n; i++) {
		size_t low = n - 1 - i;
		v.limb[low / 8] |= (uint64_t)be[i] << (low % 8 * 8);
	}
	return v;
}

struct u256 u256_of_hash(const struct hash *word)
{
	return u256_of_be(word->b, sizeof word->b);
}

void u256_to_be(uint8_t *be, size_t n, struct u256 v)
{
	assert(n <= 32);
	for (size_t i = 0; i < n; i++) {
		size_t low = n - 1 - i;
		be[i] = (uint8_t)(v.limb[low / 8] >> (low % 8 * 8));
	}
}

struct hash u256_to_hash(struct u256 v)
{
	struct hash word;
	u256_to_be(word.b, sizeof word.b, v);
	return word;
}

enum status u256_parse(struct u256 *out, const char *s, size_t n)
{
	if (n == 0 || n >= U256_DECIMAL_BYTES || (n > 1 && s[0] == '0'))
		return ST_INVALID;
	struct u256 v = {{0}};
	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return ST_INVALID;
		struct u256 digit = u256_of_u64((uint64_t)(s[i] - '0'));
		if (!u256_mul_u64(&v, v, 10) || !u256_add(&v, v, digit))
			return ST_INVALID;
	}
	*out = v;
	return ST_OK;
}

enum status u256_parse_quantity(struct u256 *out, const char *s, size_t n)
{
	if (n < 3 || n > 2 + 64 || s[0] != '0' || s[1] != 'x' || (n > 3 && s[2] == '0'))
		return ST_INVALID;
	char even[2 + 64] = "0x";
	size_t digits = n - 2;
	size_t pad = digits % 2;
	if (pad)
		even[2] = '0';
	memcpy(even + 2 + pad, s + 2, digits);
	uint8_t be[32];
	size_t bytes = (digits + pad) / 2;
	if (!hex_decode_fixed(even, 2 + digits + pad, be, bytes))
		return ST_INVALID;
	*out = u256_of_be(be, bytes);
	return ST_OK;
}

size_t u256_format(char out[U256_DECIMAL_BYTES], struct u256 v)
{
	char digits[U256_DECIMAL_BYTES];
	size_t at = sizeof digits;
	do {
		uint64_t rest;
		v = u256_div_u64(v, 10, &rest);
		digits[--at] = (char)('0' + rest);
	} while (!u256_is_zero(v));
	size_t n = sizeof digits - at;
	memcpy(out, digits + at, n);
	out[n] = '\0';
	return n;
}

size_t u256_format_quantity(char out[U256_QUANTITY_BYTES], struct u256 v)
{
	struct hash word = u256_to_hash(v);
	char digits[64];
	hex_digits(digits, word.b, sizeof word.b);
	size_t zeros = 0;
	while (zeros < sizeof digits - 1 && digits[zeros] == '0')
		zeros++;
	size_t n = sizeof digits - zeros;
	out[0] = '0';
	out[1] = 'x';
	memcpy(out + 2, digits + zeros, n);
	out[2 + n] = '\0';
	return 2 + n;
}

bool u256_is_zero(struct u256 v)
{
	return (v.limb[0] | v.limb[1] | v.limb[2] | v.limb[3]) == 0;
}

bool u256_fits(struct u256 v, unsigned bits)
{
	if (bits >= 256)
		return true;
	unsigned limb = bits / 64;
	if (v.limb[limb] >> (bits % 64) != 0)
		return false;
	for (unsigned i = limb + 1; i < 4; i++)
		if (v.limb[i] != 0)
			return false;
	return true;
}

uint64_t u256_to_u64(struct u256 v)
{
	assert(u256_fits(v, 64));
	return v.limb[0];
}

uint64_t u256_to_u64_clamped(struct u256 v)
{
	return u256_fits(v, 64) ? v.limb[0] : UINT64_MAX;
}

int u256_cmp(struct u256 a, struct u256 b)
{
	for (size_t i = 4; i-- > 0;)
		if (a.limb[i] != b.limb[i])
			return a.limb[i] < b.limb[i] ? -1 : 1;
	return 0;
}

bool u256_add(struct u256 *out, struct u256 a, struct u256 b)
{
	u128 carry = 0;
	for (size_t i = 0; i < 4; i++) {
		carry += (u128)a.limb[i] + b.limb[i];
		out->limb[i] = (uint64_t)carry;
		carry >>= 64;
	}
	return carry == 0;
}

bool u256_sub(struct u256 *out, struct u256 a, struct u256 b)
{
	uint64_t borrow = 0;
	for (size_t i = 0; i < 4; i++) {
		u128 diff = (u128)a.limb[i] - b.limb[i] - borrow;
		out->limb[i] = (uint64_t)diff;
		borrow = (uint64_t)(diff >> 64) & 1;
	}
	return borrow == 0;
}

/* All eight limbs of the product. */
static void u256_mul_full(uint64_t out[8], struct u256 a, struct u256 b)
{
	memset(out, 0, 8 * sizeof out[0]);
	for (size_t i = 0; i < 4; i++) {
		uint64_t carry = 0;
		for (size_t j = 0; j < 4; j++) {
			u128 t = (u128)a.limb[i] * b.limb[j] + out[i + j] + carry;
			out[i + j] = (uint64_t)t;
			carry = (uint64_t)(t >> 64);
		}
		out[i + 4] = carry;
	}
}

bool u256_mul(struct u256 *out, struct u256 a, struct u256 b)
{
	uint64_t full[8];
	u256_mul_full(full, a, b);
	memcpy(out->limb, full, sizeof out->limb);
	return (full[4] | full[5] | full[6] | full[7]) == 0;
}

bool u256_mul_u64(struct u256 *out, struct u256 a, uint64_t m)
{
	return u256_mul(out, a, u256_of_u64(m));
}

/* Divides n limbs in place; returns the rest. */
static uint64_t u256_div_limbs(uint64_t *limbs, size_t n, uint64_t d)
{
	assert(d != 0);
	u128 rest = 0;
	for (size_t i = n; i-- > 0;) {
		rest = rest << 64 | limbs[i];
		limbs[i] = (uint64_t)(rest / d);
		rest %= d;
	}
	return (uint64_t)rest;
}

struct u256 u256_div_u64(struct u256 a, uint64_t d, uint64_t *rest)
{
	uint64_t r = u256_div_limbs(a.limb, 4, d);
	if (rest)
		*rest = r;
	return a;
}

bool u256_mul_div_up(struct u256 *out, struct u256 a, uint64_t m, uint64_t d)
{
	uint64_t full[8];
	u256_mul_full(full, a, u256_of_u64(m));
	uint64_t rest = u256_div_limbs(full, 8, d);
	memcpy(out->limb, full, sizeof out->limb);
	bool fits = (full[4] | full[5] | full[6] | full[7]) == 0;
	if (rest != 0)
		fits = u256_add(out, *out, u256_of_u64(1)) && fits;
	return fits;
}

bool u256_mul_bps(struct u256 *out, struct u256 a, uint32_t bps)
{
	return u256_mul_div_up(out, a, bps, 10000);
}
