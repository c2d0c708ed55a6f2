/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/envelope.h"

#include "chain/identity.h"
#include "tests/unit/chain/vectors.h"

static struct envelope_path path_of(const json_t *row)
{
	return (struct envelope_path){
		.src_eid = (uint32_t)vectors_get_u64(row, "srcEid"),
		.dst_eid = (uint32_t)vectors_get_u64(row, "dstEid"),
		.receiver = vectors_get_hash(row, "receiver"),
		.is_signed = vectors_get_u64(row, "signed") != 0,
		.author = vectors_get_addr(row, "author"),
		.app_id = vectors_get_hash(row, "appId"),
	};
}

START_TEST(opens_what_another_implementation_sealed)
{
	struct ctx *cx = unit_ctx();
	size_t i;
	const json_t *row;
	json_array_foreach(vectors_get(vectors_load(cx->arena, "hpke"), "envelopes"), i, row) {
		struct envelope_path path = path_of(row);
		struct hpke_secret secret;
		vectors_fixed(secret.b, sizeof secret.b, vectors_get(row, "secret"));
		struct hash public_key = hpke_public(&secret);
		uint8_t id[ENVELOPE_KEY_ID_BYTES];
		envelope_key_id(id, &public_key);
		char name[ENVELOPE_KEY_NAME_BYTES];
		envelope_key_name(name, id);
		ck_assert_str_eq(name, vectors_text(vectors_get(row, "keyName")));
		char same[IDENTITY_KEY_ID_BYTES];
		identity_key_id(same, &public_key);
		ck_assert_str_eq(name, same);
		uint8_t aad[ENVELOPE_AAD_BYTES];
		envelope_aad(aad, &path, id);
		ck_assert(bytes_equal(bytes_of(aad, sizeof aad),
				      vectors_get_bytes(cx->arena, row, "aad")));
		struct bytes plain;
		struct bytes raw = vectors_get_bytes(cx->arena, row, "raw");
		ck_ok(cx, envelope_open(cx, &plain, &path, &secret, 1, raw));
		ck_assert(bytes_equal(plain, vectors_get_bytes(cx->arena, row, "plain")));
		ck_assert_uint_eq(raw.n, plain.n + ENVELOPE_OVERHEAD_BYTES);
	}
	unit_ctx_end(cx);
}
END_TEST

static const struct envelope_path signed_path = {
	.src_eid = 1, .dst_eid = 2, .receiver = {{3}}, .is_signed = true, .author = {{4}}};

START_TEST(another_way_does_not_open_it)
{
	struct ctx *cx = unit_ctx();
	struct hpke_secret secret;
	hpke_secret_new(&secret);
	struct hash public_key = hpke_public(&secret);
	struct bytes raw;
	struct bytes plain;
	ck_ok(cx, envelope_seal(cx, &raw, &signed_path, &public_key, bytes_of("hi", 2)));
	struct envelope_path other[6];
	for (size_t i = 0; i < 6; i++)
		other[i] = signed_path;
	other[0].src_eid = 2;
	other[1].dst_eid = 1;
	other[2].receiver.b[31] = 1;
	other[3].author.b[19] = 1;
	other[4].is_signed = false; /* an app id of zero */
	other[5].is_signed = false; /* an app id that looks like the author */
	other[5].app_id = hash_of_addr(&signed_path.author);
	for (size_t i = 0; i < 6; i++)
		ck_fails(cx, envelope_open(cx, &plain, &other[i], &secret, 1, raw),
			 ST_UNAUTHENTICATED, "does not open");
	/* What is not used of a path does not matter. */
	struct envelope_path same = signed_path;
	same.app_id.b[0] = 9;
	ck_ok(cx, envelope_open(cx, &plain, &same, &secret, 1, raw));
	ck_assert(bytes_equal(plain, bytes_of("hi", 2)));
	unit_ctx_end(cx);
}
END_TEST

START_TEST(cut_or_bent_envelopes_stay_closed)
{
	struct ctx *cx = unit_ctx();
	struct hpke_secret secret;
	hpke_secret_new(&secret);
	struct hash public_key = hpke_public(&secret);
	struct bytes raw;
	struct bytes plain;
	ck_ok(cx, envelope_seal(cx, &raw, &signed_path, &public_key, bytes_of("hello", 5)));
	for (size_t n = 0; n < raw.n; n++)
		ck_fails(cx, envelope_open(cx, &plain, &signed_path, &secret, 1, bytes_of(raw.p, n)),
			 n < ENVELOPE_OVERHEAD_BYTES ? ST_INVALID : ST_UNAUTHENTICATED, "");
	uint8_t *bent = arena_alloc(cx->arena, raw.n + 1);
	memcpy(bent, raw.p, raw.n);
	ck_fails(cx, envelope_open(cx, &plain, &signed_path, &secret, 1, bytes_of(bent, raw.n + 1)),
		 ST_UNAUTHENTICATED, "");
	for (size_t bit = 0; bit < 8 * raw.n; bit++) {
		enum status want = bit < 8 ? ST_INVALID : bit < 72 ? ST_NOT_FOUND : ST_UNAUTHENTICATED;
		bent[bit / 8] ^= (uint8_t)(1u << bit % 8);
		/* enc's top bit is not used by X25519, but it is hashed: that one, too. */
		ck_fails(cx, envelope_open(cx, &plain, &signed_path, &secret, 1, bytes_of(bent, raw.n)),
			 want, "");
		bent[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	unit_ctx_end(cx);
}
END_TEST

START_TEST(keys_rotate)
{
	struct ctx *cx = unit_ctx();
	struct hpke_secret keys[3];
	for (size_t i = 0; i < 3; i++)
		hpke_secret_new(&keys[i]);
	struct hash public_key = hpke_public(&keys[1]);
	struct bytes raw;
	struct bytes plain;
	ck_ok(cx, envelope_seal(cx, &raw, &signed_path, &public_key, bytes_of("", 0)));
	ck_ok(cx, envelope_open(cx, &plain, &signed_path, keys, 3, raw));
	ck_assert_uint_eq(plain.n, 0);
	/* Given up: its messages stay closed, and it is said which key they want. */
	keys[1] = keys[2];
	char name[IDENTITY_KEY_ID_BYTES];
	identity_key_id(name, &public_key);
	ck_fails(cx, envelope_open(cx, &plain, &signed_path, keys, 3, raw), ST_NOT_FOUND, name);
	ck_fails(cx, envelope_open(cx, &plain, &signed_path, NULL, 0, raw), ST_NOT_FOUND, name);
	unit_ctx_end(cx);
}
END_TEST

SUITE("chain/envelope", opens_what_another_implementation_sealed, another_way_does_not_open_it,
      cut_or_bent_envelopes_stay_closed, keys_rotate)
