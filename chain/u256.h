/* SPDX-License-Identifier: Apache-2.0
 *
 * Unsigned 256-bit numbers: wei, gas, nonces of the bitmap. A u128 of a contract is one of these
 * that fits 128 bits. Arithmetic returns false when the true result does not fit; the output is
 * then the result modulo 2^256 and must not be used as an amount.
 */
#ifndef FERRY_CHAIN_U256_H
#define FERRY_CHAIN_U256_H

#include "base/bytes.h"
#include "base/status.h"

struct u256 {
	uint64_t limb[4]; /* the least significant first */
};

struct u256 u256_of_u64(uint64_t v);
/* From n <= 32 big-endian bytes. */
struct u256 u256_of_be(const uint8_t *be, size_t n);
struct u256 u256_of_hash(const struct hash *word);
/* The 32-byte big-endian word. */
struct hash u256_to_hash(struct u256 v);
/* The low n <= 32 bytes, big-endian. */
void u256_to_be(uint8_t *be, size_t n, struct u256 v);

/* Decimal digits only, no sign, no leading zero but "0" itself, below 2^256; else ST_INVALID. */
MUST_USE enum status u256_parse(struct u256 *out, const char *s, size_t n);
/* A JSON-RPC quantity: 0x and 1..64 digits without a leading zero ("0x0" is zero); else
 * ST_INVALID. */
MUST_USE enum status u256_parse_quantity(struct u256 *out, const char *s, size_t n);
enum { U256_DECIMAL_BYTES = 79, U256_QUANTITY_BYTES = 67 };
/* Write text with its NUL; return its length without. */
size_t u256_format(char out[U256_DECIMAL_BYTES], struct u256 v);
size_t u256_format_quantity(char out[U256_QUANTITY_BYTES], struct u256 v);

bool u256_is_zero(struct u256 v);
/* Is it below 2^bits? */
bool u256_fits(struct u256 v, unsigned bits);
/* Asserts that it fits. */
uint64_t u256_to_u64(struct u256 v);
/* UINT64_MAX when it does not fit. */
uint64_t u256_to_u64_clamped(struct u256 v);
/* Below, equal, above: -1, 0, 1. */
int u256_cmp(struct u256 a, struct u256 b);

MUST_USE bool u256_add(struct u256 *out, struct u256 a, struct u256 b);
MUST_USE bool u256_sub(struct u256 *out, struct u256 a, struct u256 b);
MUST_USE bool u256_mul(struct u256 *out, struct u256 a, struct u256 b);
MUST_USE bool u256_mul_u64(struct u256 *out, struct u256 a, uint64_t m);
/* Rounded down; d is not 0. rest may be NULL. */
struct u256 u256_div_u64(struct u256 a, uint64_t d, uint64_t *rest);
/* a * m / d, rounded up, the product in full width: a percentage of a fee. d is not 0. */
MUST_USE bool u256_mul_div_up(struct u256 *out, struct u256 a, uint64_t m, uint64_t d);
/* a * bps / 10,000, rounded up: u256_mul_bps(&x, fee, 11250) is fee + 12.5 %. */
MUST_USE bool u256_mul_bps(struct u256 *out, struct u256 a, uint32_t bps);

#endif
