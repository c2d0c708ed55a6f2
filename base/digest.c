/* SPDX-License-Identifier: Apache-2.0 */
#include "base/digest.h"

#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <nettle/sha2.h>

struct hash digest_sha256(const void *p, size_t n)
{
	struct sha256_ctx ctx;
	struct hash out;
	sha256_init(&ctx);
	sha256_update(&ctx, n, p);
	sha256_digest(&ctx, sizeof out.b, out.b);
	return out;
}

struct hash digest_hmac(const uint8_t *key, size_t key_n, const void *p, size_t n)
{
	struct hmac_sha256_ctx ctx;
	struct hash out;
	hmac_sha256_set_key(&ctx, key_n, key);
	hmac_sha256_update(&ctx, n, p);
	hmac_sha256_digest(&ctx, sizeof out.b, out.b);
	return out;
}

bool digest_equal(const void *a, const void *b, size_t n)
{
	return memeql_sec(a, b, n);
}
