/* SPDX-License-Identifier: Apache-2.0 */
#include "base/jws.h"

#include "tests/unit/unit.h"

static const char type[] = "ferry-receipt";

static struct bytes span(const char *s)
{
	return bytes_of(s, strlen(s));
}

static enum status verify(struct ctx *cx, struct bytes *payload, const char *text,
			  const struct jws_key *keys, size_t n)
{
	const struct jws_key *by;
	return jws_verify(cx, payload, &by, text, strlen(text), type, keys, n);
}

/* RFC 8037, appendix A: the key, its thumbprint; A.4 is its signature over another header. */
static const uint8_t rfc_seed[JWS_SEED_BYTES] = {
	0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
	0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60};

START_TEST(agrees_with_the_rfc)
{
	struct ctx *cx = unit_ctx();
	struct jws_signer *signer = jws_signer_create(rfc_seed);
	ck_assert_str_eq(jws_signer_kid(signer), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
	struct jws_key key = jws_signer_key(signer);
	ck_assert_str_eq(jws_base64(cx->arena, key.public_key.b, 32),
			 "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
	struct bytes text = jws_keys_text(cx->arena, &key, 1);
	struct jws_key *keys;
	size_t n;
	ck_ok(cx, jws_keys_read(cx, &keys, &n, text));
	ck_assert_uint_eq(n, 1);
	ck_assert_mem_eq(&keys[0], &key, sizeof key);
	jws_signer_destroy(signer);
	unit_ctx_end(cx);
}
END_TEST

START_TEST(what_is_signed_is_verified_and_nothing_else)
{
	struct ctx *cx = unit_ctx();
	struct jws_signer *signer = jws_signer_create(rfc_seed);
	uint8_t other_seed[JWS_SEED_BYTES] = {1};
	struct jws_signer *other = jws_signer_create(other_seed);
	struct jws_key keys[2] = {jws_signer_key(other), jws_signer_key(signer)};
	struct bytes out;
	const char *text = jws_sign(cx->arena, signer, type, span("{\"sub\":\"idn_1\"}"));
	ck_ok(cx, verify(cx, &out, text, keys, 2));
	ck_assert(bytes_equal(out, span("{\"sub\":\"idn_1\"}")));
	ck_assert_str_eq(text, jws_sign(cx->arena, signer, type, out));
	ck_fails(cx, verify(cx, &out, text, keys, 1), ST_NOT_FOUND, "not in the key set");
	ck_fails(cx, verify(cx, &out, text, NULL, 0), ST_NOT_FOUND, "not in the key set");
	/* A key that takes another's name. */
	struct jws_key false_key = keys[0];
	memcpy(false_key.kid, keys[1].kid, sizeof false_key.kid);
	ck_fails(cx, verify(cx, &out, text, &false_key, 1), ST_UNAUTHENTICATED, "not that of key");
	char *bent = arena_strdup(cx->arena, text);
	for (size_t i = 0; i < strlen(text); i++) {
		char was = bent[i];
		bent[i] = was == 'A' ? 'B' : 'A';
		ck_assert_msg(verify(cx, &out, bent, keys, 2) != ST_OK, "bent at %zu", i);
		bent[i] = '.';
		ck_assert_msg(was == '.' || verify(cx, &out, bent, keys, 2) != ST_OK, "%zu", i);
		bent[i] = was;
	}
	for (size_t i = 0; i < strlen(text); i++)
		ck_assert(verify(cx, &out, arena_strndup(cx->arena, text, i), keys, 2) != ST_OK);
	ck_assert(verify(cx, &out, arena_printf(cx->arena, "%s=", text), keys, 2) != ST_OK);
	ck_assert(verify(cx, &out, arena_printf(cx->arena, "%s.", text), keys, 2) != ST_OK);
	ck_assert(verify(cx, &out, arena_printf(cx->arena, " %s", text), keys, 2) != ST_OK);
	const char *wrong = jws_sign(cx->arena, signer, "JWT", span("{}"));
	ck_fails(cx, verify(cx, &out, wrong, keys, 2), ST_INVALID, "it is no ferry-receipt");
	jws_signer_destroy(signer);
	jws_signer_destroy(other);
	jws_signer_destroy(NULL);
	unit_ctx_end(cx);
}
END_TEST

/* header.payload.signature of a header of somebody's choice. */
static const char *with_header(struct ctx *cx, const char *header, const char *signature)
{
	return arena_printf(cx->arena, "%s.%s.%s",
			    jws_base64(cx->arena, header, strlen(header)),
			    jws_base64(cx->arena, "{}", 2), signature);
}

START_TEST(other_algorithms_are_refused)
{
	struct ctx *cx = unit_ctx();
	struct jws_signer *signer = jws_signer_create(rfc_seed);
	struct jws_key key = jws_signer_key(signer);
	struct bytes out;
	uint8_t zero[64] = {0};
	const char *none = jws_base64(cx->arena, zero, sizeof zero);
	static const char *const headers[] = {
		"{\"alg\":\"none\",\"typ\":\"ferry-receipt\"}",
		"{\"alg\":\"HS256\",\"typ\":\"ferry-receipt\"}",
		"{\"alg\":\"EdDSA\",\"crit\":[\"b64\"],\"typ\":\"ferry-receipt\"}",
		"{\"alg\":5}", "[]", "{", "",
		"{\"alg\":\"EdDSA\",\"alg\":\"none\",\"typ\":\"ferry-receipt\"}",
	};
	for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
		ck_fails(cx, verify(cx, &out, with_header(cx, headers[i], none), &key, 1),
			 ST_INVALID, "");
	ck_fails(cx, verify(cx, &out, with_header(cx, "{\"alg\":\"EdDSA\",\"typ\":\"ferry-receipt\"}", none),
			    &key, 1), ST_NOT_FOUND, "");
	ck_fails(cx, verify(cx, &out, with_header(cx, headers[0], ""), &key, 1), ST_INVALID, "");
	jws_signer_destroy(signer);
	unit_ctx_end(cx);
}
END_TEST

START_TEST(base64url_is_strict)
{
	struct ctx *cx = unit_ctx();
	struct bytes out;
	static const char *const bad[] = {"A", "AB", "AAB", "AA=", "AA==", "A A", "AA+", "AA/", "AAAAA", "\n"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_msg(!jws_base64_decode(cx->arena, bad[i], strlen(bad[i]), &out), "%s",
			      bad[i]);
	for (size_t n = 0; n < 70; n++) {
		uint8_t raw[70];
		for (size_t i = 0; i < n; i++)
			raw[i] = (uint8_t)(i * 37 + n);
		const char *text = jws_base64(cx->arena, raw, n);
		ck_assert_uint_eq(strlen(text), (n * 4 + 2) / 3);
		ck_assert(jws_base64_decode(cx->arena, text, strlen(text), &out));
		ck_assert(bytes_equal(out, bytes_of(raw, n)));
	}
	ck_assert_str_eq(jws_base64(cx->arena, "\xfb\xff\xfe", 3), "-__-");
	unit_ctx_end(cx);
}
END_TEST

START_TEST(key_sets_are_read_strictly)
{
	struct ctx *cx = unit_ctx();
	struct jws_key *keys;
	size_t n;
	ck_ok(cx, jws_keys_read(cx, &keys, &n, span("{\"keys\":[{\"kty\":\"RSA\"},{}]}")));
	ck_assert_uint_eq(n, 0);
	ck_fails(cx, jws_keys_read(cx, &keys, &n, span("{}")), ST_INVALID, "keys");
	ck_fails(cx, jws_keys_read(cx, &keys, &n, span("nothing")), ST_INVALID, "");
	ck_fails(cx, jws_keys_read(cx, &keys, &n,
				   span("{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"}]}")),
		 ST_INVALID, "32 bytes");
	ck_fails(cx, jws_keys_read(cx, &keys, &n,
				   span("{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"me\",\"x\":"
					"\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}")),
		 ST_INVALID, "another id");
	unit_ctx_end(cx);
}
END_TEST

SUITE("base/jws", agrees_with_the_rfc, what_is_signed_is_verified_and_nothing_else,
      other_algorithms_are_refused, base64url_is_strict, key_sets_are_read_strictly)
