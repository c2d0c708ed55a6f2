/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/scrypt.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

enum { SCRYPT_WORDS = 16 }; /* of a Salsa20 block */

/* As numbers, whatever the machine's byte order. */
static uint32_t scrypt_load(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void scrypt_store(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static inline void scrypt_quarter(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
#define ROTATE(v, by) ((v) << (by) | (v) >> (32 - (by)))
	*b ^= ROTATE(*a + *d, 7);
	*c ^= ROTATE(*b + *a, 9);
	*d ^= ROTATE(*c + *b, 13);
	*a ^= ROTATE(*d + *c, 18);
#undef ROTATE
}

/* RFC 7914, 3: Salsa20/8 Core */
static void scrypt_salsa(uint32_t block[SCRYPT_WORDS])
{
	uint32_t x[SCRYPT_WORDS];
	memcpy(x, block, sizeof x);
	for (int round = 0; round < 8; round += 2) {
		scrypt_quarter(&x[0], &x[4], &x[8], &x[12]);
		scrypt_quarter(&x[5], &x[9], &x[13], &x[1]);
		scrypt_quarter(&x[10], &x[14], &x[2], &x[6]);
		scrypt_quarter(&x[15], &x[3], &x[7], &x[11]);
		scrypt_quarter(&x[0], &x[1], &x[2], &x[3]);
		scrypt_quarter(&x[5], &x[6], &x[7], &x[4]);
		scrypt_quarter(&x[10], &x[11], &x[8], &x[9]);
		scrypt_quarter(&x[15], &x[12], &x[13], &x[14]);
	}
	for (int i = 0; i < SCRYPT_WORDS; i++)
		block[i] += x[i];
}

/* RFC 7914, 4: scryptBlockMix, from b to y, each of 2 r blocks. */
static void scrypt_block_mix(uint32_t *y, const uint32_t *b, size_t r)
{
	uint32_t x[SCRYPT_WORDS];
	memcpy(x, b + (2 * r - 1) * SCRYPT_WORDS, sizeof x);
	for (size_t i = 0; i < 2 * r; i++) {
		for (size_t k = 0; k < SCRYPT_WORDS; k++)
			x[k] ^= b[i * SCRYPT_WORDS + k];
		scrypt_salsa(x);
		/* The even ones first, then the odd ones. */
		memcpy(y + (i / 2 + (i % 2) * r) * SCRYPT_WORDS, x, sizeof x);
	}
}

/* RFC 7914, 5: scryptROMix, in place. v: n times the size of b; x and y: once each. */
static void scrypt_ro_mix(uint8_t *b, size_t r, uint64_t n, uint32_t *v, uint32_t *x, uint32_t *y)
{
	size_t words = 2 * r * SCRYPT_WORDS;
	for (size_t i = 0; i < words; i++)
		x[i] = scrypt_load(b + 4 * i);
	for (uint64_t i = 0; i < n; i++) {
		memcpy(v + i * words, x, words * 4);
		scrypt_block_mix(y, x, r);
		memcpy(x, y, words * 4);
	}
	for (uint64_t i = 0; i < n; i++) {
		/* "Integerify": the last block's first 64 bits, of which n needs less than 32. */
		uint64_t j = x[words - SCRYPT_WORDS] & (n - 1);
		for (size_t k = 0; k < words; k++)
			x[k] ^= v[j * words + k];
		scrypt_block_mix(y, x, r);
		memcpy(x, y, words * 4);
	}
	for (size_t i = 0; i < words; i++)
		scrypt_store(b + 4 * i, x[i]);
}

static bool scrypt_pbkdf2(uint8_t *out, size_t out_n, struct bytes password, const uint8_t *salt,
			  size_t salt_n)
{
	return PKCS5_PBKDF2_HMAC(password.n ? (const char *)password.p : "", (int)password.n, salt,
				 (int)salt_n, 1, EVP_sha256(), (int)out_n, out) == 1;
}

bool scrypt_derive_plain(uint8_t *out, size_t out_n, struct bytes password, struct bytes salt,
			 uint64_t n, uint64_t r, uint64_t p)
{
	size_t block = (size_t)(128 * r);
	assert(n > 1 && n <= UINT32_MAX);
	assert((n & (n - 1)) == 0);
	assert(block * p <= INT32_MAX);
	uint8_t *b = malloc(block * p);
	uint32_t *v = malloc(block * (n + 2));
	bool ok = b && v && scrypt_pbkdf2(b, block * p, password, salt.p, salt.n);
	for (uint64_t i = 0; ok && i < p; i++)
		scrypt_ro_mix(b + i * block, (size_t)r, n, v, v + n * block / 4,
			      v + (n + 1) * block / 4);
	ok = ok && scrypt_pbkdf2(out, out_n, password, b, block * p);
	if (b)
		OPENSSL_cleanse(b, block * p);
	if (v)
		OPENSSL_cleanse(v, block * (n + 2));
	free(b);
	free(v);
	return ok;
}

bool scrypt_derive(uint8_t *out, size_t out_n, struct bytes password, struct bytes salt, uint64_t n,
		   uint64_t r, uint64_t p)
{
	if (r < 4 && n >= UINT64_C(1) << (16 * r))
		return scrypt_derive_plain(out, out_n, password, salt, n, r, p);
	return EVP_PBE_scrypt(password.n ? (const char *)password.p : "", password.n, salt.p,
			      salt.n, n, r, p, 128 * r * (n + p + 2) + (1 << 20), out, out_n) == 1;
}
