/* SPDX-License-Identifier: Apache-2.0
 *
 * HPKE (RFC 9180), base mode, one message a key: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-GCM.
 * Who sealed is not proven; that nothing was changed is. Secrets that are made on the way are wiped;
 * whoever holds a struct hpke_secret wipes it.
 */
#ifndef FERRY_BASE_HPKE_H
#define FERRY_BASE_HPKE_H

#include "base/bytes.h"
#include "base/ctx.h"

enum { HPKE_TAG_BYTES = 16, HPKE_INFO_BYTES_MAX = 256 };
enum hpke_aead { HPKE_AES_128_GCM = 1, HPKE_AES_256_GCM = 2 };

/* An X25519 private key. */
struct hpke_secret {
	uint8_t b[32];
};
void hpke_wipe(struct hpke_secret *secret);
void hpke_secret_new(struct hpke_secret *out);
/* Its public key. */
struct hash hpke_public(const struct hpke_secret *secret);
/* Can a secret be agreed with it? Not with a point of low order: anybody knows that secret, zero. */
bool hpke_public_is_usable(const struct hash *public_key);

/* Seals to a public key.
 *
 * Returns: ST_OK; ST_INVALID when the key is none that a secret can be agreed with (a point of low
 *          order), or info is longer than HPKE_INFO_BYTES_MAX.
 * Out:     enc, the ephemeral public key, and the sealed text in the cx's arena, HPKE_TAG_BYTES
 *          longer than the plain one.
 */
MUST_USE enum status hpke_seal(struct ctx *cx, enum hpke_aead aead, struct hash *enc,
			       struct bytes *sealed, const struct hash *public_key,
			       struct bytes info, struct bytes aad, struct bytes plain);
/* The same with an ephemeral key that is given: for tests. Never use one twice. */
MUST_USE enum status hpke_seal_with(struct ctx *cx, enum hpke_aead aead, struct hash *enc,
				    struct bytes *sealed, const struct hpke_secret *ephemeral,
				    const struct hash *public_key, struct bytes info,
				    struct bytes aad, struct bytes plain);
/* Opens. ST_UNAUTHENTICATED when key, enc, info, aad or text are not those it was sealed with; which
 * of them cannot be told. Out: the plain text in the arena, only with ST_OK. */
MUST_USE enum status hpke_open(struct ctx *cx, enum hpke_aead aead, struct bytes *plain,
			       const struct hpke_secret *secret, const struct hash *enc,
			       struct bytes info, struct bytes aad, struct bytes sealed);

#endif
