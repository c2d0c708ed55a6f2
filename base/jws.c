/* SPDX-License-Identifier: Apache-2.0 */
#include "base/jws.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "base/digest.h"
#include "base/json.h"

enum { JWS_SIGNATURE_BYTES = 64, JWS_HEADER_DEPTH_MAX = 4 };

/* base64url ----------------------------------------------------------------------------------- */

static const char jws_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

char *jws_base64(struct arena *a, const void *p, size_t n)
{
	const uint8_t *b = p;
	char *out = arena_alloc(a, (n + 2) / 3 * 4 + 1);
	char *at = out;
	for (size_t i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)b[i] << 16;
		if (i + 1 < n)
			v |= (uint32_t)b[i + 1] << 8;
		if (i + 2 < n)
			v |= b[i + 2];
		*at++ = jws_digits[v >> 18];
		*at++ = jws_digits[v >> 12 & 63];
		if (i + 1 < n)
			*at++ = jws_digits[v >> 6 & 63];
		if (i + 2 < n)
			*at++ = jws_digits[v & 63];
	}
	*at = '\0';
	return out;
}

static int jws_digit(char c)
{
	const char *at = c ? strchr(jws_digits, c) : NULL;
	return at ? (int)(at - jws_digits) : -1;
}

bool jws_base64_decode(struct arena *a, const char *s, size_t n, struct bytes *out)
{
	uint32_t v = 0;
	unsigned bits = 0;
	if (n % 4 == 1)
		return false;
	uint8_t *b = arena_alloc(a, n / 4 * 3 + 3);
	size_t used = 0;
	for (size_t i = 0; i < n; i++) {
		int digit = jws_digit(s[i]);
		if (digit < 0)
			return false;
		v = (v << 6 | (uint32_t)digit) & 0xffff;
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		b[used++] = (uint8_t)(v >> bits);
	}
	*out = bytes_of(b, used);
	return (v & ((1u << bits) - 1)) == 0;
}

/* Keys ---------------------------------------------------------------------------------------- */

struct jws_signer {
	EVP_PKEY *key;
	struct jws_key public;
};

static void jws_thumbprint(char kid[JWS_KID_BYTES], const struct hash *public_key)
{
	struct arena *a = arena_create(JWS_TEXT_BYTES_MAX);
	const char *text = arena_printf(a, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"%s\"}",
					jws_base64(a, public_key->b, sizeof public_key->b));
	struct hash h = digest_sha256(text, strlen(text));
	memcpy(kid, jws_base64(a, h.b, sizeof h.b), JWS_KID_BYTES);
	arena_destroy(a);
}

struct jws_signer *jws_signer_create(const uint8_t seed[JWS_SEED_BYTES])
{
	struct jws_signer *signer = calloc(1, sizeof *signer);
	assert(signer);
	size_t n = sizeof signer->public.public_key.b;
	signer->key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, JWS_SEED_BYTES);
	int ok = signer->key &&
		 EVP_PKEY_get_raw_public_key(signer->key, signer->public.public_key.b, &n) == 1;
	assert(ok);
	jws_thumbprint(signer->public.kid, &signer->public.public_key);
	return signer;
}

void jws_signer_destroy(struct jws_signer *signer)
{
	if (!signer)
		return;
	EVP_PKEY_free(signer->key); /* which wipes it */
	free(signer);
}

const char *jws_signer_kid(const struct jws_signer *signer)
{
	return signer->public.kid;
}

struct jws_key jws_signer_key(const struct jws_signer *signer)
{
	return signer->public;
}

struct bytes jws_keys_text(struct arena *a, const struct jws_key *keys, size_t n)
{
	struct buf out;
	buf_init(&out, a, 64 + n * 256);
	buf_puts(&out, "{\"keys\":[");
	for (size_t i = 0; i < n; i++)
		buf_printf(&out,
			   "%s{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\",\"kid\":\"%s\","
			   "\"alg\":\"EdDSA\",\"use\":\"sig\"}",
			   i ? "," : "",
			   jws_base64(a, keys[i].public_key.b, sizeof keys[i].public_key.b),
			   keys[i].kid);
	buf_puts(&out, "]}\n");
	assert(!out.overflow);
	return buf_bytes(&out);
}

/* A member of a key; "" when it is not there or no text. */
static const char *jws_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : "";
}

static enum status jws_key_read(struct ctx *cx, struct jws_key *out, const json_t *row)
{
	struct bytes x;
	const char *text = jws_text(row, "x");
	if (!jws_base64_decode(cx->arena, text, strlen(text), &x) || x.n != sizeof out->public_key.b)
		return fail(cx, ST_INVALID, "a key of the key set is not 32 bytes of base64url");
	memcpy(out->public_key.b, x.p, x.n);
	jws_thumbprint(out->kid, &out->public_key);
	const char *kid = jws_text(row, "kid");
	if (kid[0] && strcmp(kid, out->kid) != 0)
		return fail(cx, ST_INVALID, "a key of the key set has another id than its own");
	return ST_OK;
}

enum status jws_keys_read(struct ctx *cx, struct jws_key **keys, size_t *n, struct bytes text)
{
	json_t *root;
	json_t *list;
	size_t i;
	json_t *row;
	TRY(json_parse(cx, &root, text, JWS_TEXT_BYTES_MAX, JSON_DEPTH_MAX));
	TRY(json_read_member(cx, &list, root, "keys", JSON_ARRAY));
	if (json_array_size(list) > JWS_KEYS_MAX)
		return fail(cx, ST_INVALID, "a key set has at most %d keys", JWS_KEYS_MAX);
	*keys = arena_array(cx->arena, json_array_size(list), sizeof **keys);
	*n = 0;
	json_array_foreach(list, i, row) {
		if (strcmp(jws_text(row, "kty"), "OKP") != 0 ||
		    strcmp(jws_text(row, "crv"), "Ed25519") != 0)
			continue;
		TRY(jws_key_read(cx, &(*keys)[*n], row));
		++*n;
	}
	return ST_OK;
}

/* Statements ---------------------------------------------------------------------------------- */

char *jws_sign(struct arena *a, const struct jws_signer *signer, const char *type,
	       struct bytes payload)
{
	const char *header = arena_printf(a, "{\"alg\":\"EdDSA\",\"kid\":\"%s\",\"typ\":\"%s\"}",
					  signer->public.kid, type);
	const char *signed_text = arena_printf(a, "%s.%s", jws_base64(a, header, strlen(header)),
					       jws_base64(a, payload.p, payload.n));
	uint8_t signature[JWS_SIGNATURE_BYTES];
	size_t n = sizeof signature;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int ok = ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, signer->key) == 1 &&
		 EVP_DigestSign(ctx, signature, &n, (const uint8_t *)signed_text,
				strlen(signed_text)) == 1;
	EVP_MD_CTX_free(ctx);
	assert(ok && n == sizeof signature);
	return arena_printf(a, "%s.%s", signed_text, jws_base64(a, signature, n));
}

static bool jws_is_signed(const struct hash *public_key, const char *text, size_t n,
			  struct bytes signature)
{
	EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key->b,
						    sizeof public_key->b);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = key && ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
		  EVP_DigestVerify(ctx, signature.p, signature.n, (const uint8_t *)text, n) == 1;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return ok;
}

/* The header says who signed, and that it is what was expected. */
static enum status jws_read_header(struct ctx *cx, const char **kid, struct bytes raw,
				   const char *type)
{
	json_t *header;
	TRY(json_parse(cx, &header, raw, JWS_TEXT_BYTES_MAX, JWS_HEADER_DEPTH_MAX));
	if (strcmp(jws_text(header, "alg"), "EdDSA") != 0 || json_object_get(header, "crit"))
		return fail(cx, ST_INVALID, "it is signed in a way that is not known here");
	if (strcmp(jws_text(header, "typ"), type) != 0)
		return fail(cx, ST_INVALID, "it is no %s", type);
	*kid = jws_text(header, "kid");
	return ST_OK;
}

enum status jws_verify(struct ctx *cx, struct bytes *payload, const struct jws_key **by,
		       const char *text, size_t text_n, const char *type,
		       const struct jws_key *keys, size_t n)
{
	struct bytes parts[3];
	const char *kid = "";
	const char *dots[2] = {memchr(text, '.', text_n), NULL};
	const char *end = text + text_n;
	if (dots[0])
		dots[1] = memchr(dots[0] + 1, '.', (size_t)(end - dots[0] - 1));
	if (text_n > JWS_TEXT_BYTES_MAX || !dots[1] ||
	    !jws_base64_decode(cx->arena, text, (size_t)(dots[0] - text), &parts[0]) ||
	    !jws_base64_decode(cx->arena, dots[0] + 1, (size_t)(dots[1] - dots[0] - 1), &parts[1]) ||
	    !jws_base64_decode(cx->arena, dots[1] + 1, (size_t)(end - dots[1] - 1), &parts[2]) ||
	    parts[2].n != JWS_SIGNATURE_BYTES)
		return fail(cx, ST_INVALID, "it is no signed text: three parts in base64url");
	TRY(jws_read_header(cx, &kid, parts[0], type));
	for (size_t i = 0; i < n; i++) {
		if (strcmp(keys[i].kid, kid) != 0)
			continue;
		if (!jws_is_signed(&keys[i].public_key, text, (size_t)(dots[1] - text), parts[2]))
			return fail(cx, ST_UNAUTHENTICATED, "its signature is not that of key %s",
				    kid);
		*payload = parts[1];
		*by = &keys[i];
		return ST_OK;
	}
	return fail(cx, ST_NOT_FOUND, "it names the key %.64s, which is not in the key set", kid);
}
