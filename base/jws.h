/* SPDX-License-Identifier: Apache-2.0
 *
 * Signed statements: JSON Web Signatures (RFC 7515), compact, with Ed25519 (RFC 8037), and the key sets
 * (RFC 7517) they are checked with. A key's id is its thumbprint (RFC 7638).
 */
#ifndef FERRY_BASE_JWS_H
#define FERRY_BASE_JWS_H

#include "base/bytes.h"
#include "base/ctx.h"

enum {
	JWS_SEED_BYTES = 32,
	JWS_KID_BYTES = 43 + 1,
	JWS_TEXT_BYTES_MAX = 64 * 1024,
	JWS_KEYS_MAX = 32,
};

/* base64url without padding, NUL-terminated, in the arena. */
char *jws_base64(struct arena *a, const void *p, size_t n);
/* Strictly: no padding, no blanks, no bits left over. */
bool jws_base64_decode(struct arena *a, const char *s, size_t n, struct bytes *out);

/* Signs, from any thread. */
struct jws_signer;
/* Takes a copy of the seed. */
struct jws_signer *jws_signer_create(const uint8_t seed[JWS_SEED_BYTES]);
/* Wipes the key. NULL is fine. */
void jws_signer_destroy(struct jws_signer *signer);
const char *jws_signer_kid(const struct jws_signer *signer);
/* The compact form in the arena. type: the header's `typ`. */
char *jws_sign(struct arena *a, const struct jws_signer *signer, const char *type,
	       struct bytes payload);

struct jws_key {
	struct hash public_key;
	char kid[JWS_KID_BYTES];
};
struct jws_key jws_signer_key(const struct jws_signer *signer);
/* {"keys":[{"kty":"OKP","crv":"Ed25519",…}]} */
struct bytes jws_keys_text(struct arena *a, const struct jws_key *keys, size_t n);
/* Reads such a text; keys of other kinds are passed over. ST_INVALID: not a key set, or one that names a
 * key by another id than its thumbprint. Out: *keys, *n in the cx's arena. */
MUST_USE enum status jws_keys_read(struct ctx *cx, struct jws_key **keys, size_t *n,
				   struct bytes text);

/* Checks a compact text.
 *
 * Returns: ST_OK; ST_INVALID for what is none, or is of another type or algorithm; ST_NOT_FOUND when it
 *          names a key that is not among these; ST_UNAUTHENTICATED when it was not signed by that key.
 * Out:     the payload in the cx's arena and the key it was signed with.
 */
MUST_USE enum status jws_verify(struct ctx *cx, struct bytes *payload, const struct jws_key **by,
				const char *text, size_t text_n, const char *type,
				const struct jws_key *keys, size_t n);

#endif
