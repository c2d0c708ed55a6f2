/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hpke.h"

#include "tests/unit/chain/vectors.h"

static struct hpke_secret secret_of(const json_t *row, const char *name)
{
	struct hpke_secret secret;
	vectors_fixed(secret.b, sizeof secret.b, vectors_get(row, name));
	return secret;
}

static struct bytes hex_of(struct ctx *cx, const char *digits)
{
	struct bytes out;
	const char *text = arena_printf(cx->arena, "0x%s", digits);
	ck_assert(hex_decode(cx->arena, text, strlen(text), 4096, &out));
	return out;
}

/* RFC 9180, A.1.1: base mode, X25519, HKDF-SHA256, AES-128-GCM, sequence number 0. */
START_TEST(agrees_with_the_rfc)
{
	struct ctx *cx = unit_ctx();
	struct hpke_secret ephemeral;
	struct hpke_secret receiver;
	memcpy(ephemeral.b, hex_of(cx, "52c4a758a802cd8b936eceea31443279"
				       "8d5baf2d7e9235dc084ab1b9cfa2f736").p, 32);
	memcpy(receiver.b, hex_of(cx, "4612c550263fc8ad58375df3f557aac5"
				      "31d26850903e55a9f23f21d8534e8ac8").p, 32);
	struct bytes info = hex_of(cx, "4f6465206f6e2061204772656369616e2055726e");
	struct bytes aad = hex_of(cx, "436f756e742d30");
	struct bytes plain = hex_of(cx, "4265617574792069732074727574682c20747275746820626561757479");
	struct hash public_key = hpke_public(&receiver);
	struct hash enc;
	struct bytes sealed;
	ck_ok(cx, hpke_seal_with(cx, HPKE_AES_128_GCM, &enc, &sealed, &ephemeral, &public_key, info,
				 aad, plain));
	unit_assert_hex(cx->arena, bytes_of(public_key.b, 32),
			"0x3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d");
	unit_assert_hex(cx->arena, bytes_of(enc.b, 32),
			"0x37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431");
	unit_assert_hex(cx->arena, sealed,
			"0xf938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a9"
			"6d8770ac83d07bea87e13c512a");
	struct bytes back;
	ck_ok(cx, hpke_open(cx, HPKE_AES_128_GCM, &back, &receiver, &enc, info, aad, sealed));
	ck_assert(bytes_equal(back, plain));
	unit_ctx_end(cx);
}
END_TEST

START_TEST(agrees_with_another_implementation)
{
	struct ctx *cx = unit_ctx();
	size_t i;
	const json_t *row;
	json_array_foreach(vectors_get(vectors_load(cx->arena, "hpke"), "plain"), i, row) {
		enum hpke_aead aead = (enum hpke_aead)vectors_get_u64(row, "aead");
		struct hpke_secret secret = secret_of(row, "secret");
		struct hpke_secret ephemeral = secret_of(row, "ephemeral");
		struct bytes info = vectors_get_bytes(cx->arena, row, "info");
		struct bytes aad = vectors_get_bytes(cx->arena, row, "aad");
		struct bytes plain = vectors_get_bytes(cx->arena, row, "plain");
		struct hash public_key = hpke_public(&secret);
		struct hash want = vectors_get_hash(row, "publicKey");
		unit_assert_hash_eq(public_key, want);
		struct hash enc;
		struct bytes sealed;
		ck_ok(cx, hpke_seal_with(cx, aead, &enc, &sealed, &ephemeral, &public_key, info,
					 aad, plain));
		want = vectors_get_hash(row, "enc");
		unit_assert_hash_eq(enc, want);
		ck_assert(bytes_equal(sealed, vectors_get_bytes(cx->arena, row, "sealed")));
		struct bytes back;
		ck_ok(cx, hpke_open(cx, aead, &back, &secret, &enc, info, aad, sealed));
		ck_assert(bytes_equal(back, plain));
	}
	unit_ctx_end(cx);
}
END_TEST

static const char *const low_order[] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"0000000000000000000000000000000000000000000000000000000000000080",
};

START_TEST(points_of_low_order_are_refused)
{
	struct ctx *cx = unit_ctx();
	struct hpke_secret secret;
	hpke_secret_new(&secret);
	struct bytes none = {NULL, 0};
	for (size_t i = 0; i < sizeof low_order / sizeof low_order[0]; i++) {
		struct hash point;
		struct hash enc;
		struct bytes text;
		memcpy(point.b, hex_of(cx, low_order[i]).p, 32);
		ck_assert_msg(!hpke_public_is_usable(&point), "%s", low_order[i]);
		point.b[31] ^= 0x80; /* a bit that X25519 does not look at */
		ck_assert_msg(!hpke_public_is_usable(&point), "%s", low_order[i]);
		point.b[31] ^= 0x80;
		ck_fails(cx, hpke_seal(cx, HPKE_AES_256_GCM, &enc, &text, &point, none, none, none),
			 ST_INVALID, "no X25519 key");
		struct bytes sealed = hex_of(cx, "00112233445566778899aabbccddeeff00");
		ck_fails(cx, hpke_open(cx, HPKE_AES_256_GCM, &text, &secret, &point, none, none, sealed),
			 ST_UNAUTHENTICATED, "does not open");
	}
	for (int i = 0; i < 20; i++) {
		hpke_secret_new(&secret);
		struct hash good = hpke_public(&secret);
		ck_assert(hpke_public_is_usable(&good));
	}
	unit_ctx_end(cx);
}
END_TEST

START_TEST(anything_changed_does_not_open)
{
	struct ctx *cx = unit_ctx();
	struct hpke_secret secret;
	struct hpke_secret other;
	hpke_secret_new(&secret);
	hpke_secret_new(&other);
	struct hash public_key = hpke_public(&secret);
	struct bytes info = bytes_of("info", 4);
	struct bytes aad = bytes_of("aad", 3);
	struct bytes plain = bytes_of("hello", 5);
	struct hash enc;
	struct bytes sealed;
	struct bytes out = {NULL, 77};
	const enum hpke_aead aead = HPKE_AES_256_GCM;
	ck_ok(cx, hpke_seal(cx, aead, &enc, &sealed, &public_key, info, aad, plain));
	ck_assert_uint_eq(sealed.n, plain.n + HPKE_TAG_BYTES);
	for (size_t n = 0; n < sealed.n; n++)
		ck_fails(cx, hpke_open(cx, aead, &out, &secret, &enc, info, aad, bytes_of(sealed.p, n)),
			 ST_UNAUTHENTICATED, "does not open");
	uint8_t *bent = arena_copy(cx->arena, sealed.p, sealed.n);
	for (size_t bit = 0; bit < 8 * sealed.n; bit++) {
		bent[bit / 8] ^= (uint8_t)(1u << bit % 8);
		ck_fails(cx, hpke_open(cx, aead, &out, &secret, &enc, info, aad, bytes_of(bent, sealed.n)),
			 ST_UNAUTHENTICATED, "does not open");
		bent[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	struct hash bent_enc = enc;
	bent_enc.b[5] ^= 1;
	ck_fails(cx, hpke_open(cx, aead, &out, &secret, &bent_enc, info, aad, sealed),
		 ST_UNAUTHENTICATED, "");
	ck_fails(cx, hpke_open(cx, aead, &out, &other, &enc, info, aad, sealed), ST_UNAUTHENTICATED, "");
	ck_fails(cx, hpke_open(cx, aead, &out, &secret, &enc, aad, aad, sealed), ST_UNAUTHENTICATED, "");
	ck_fails(cx, hpke_open(cx, aead, &out, &secret, &enc, info, info, sealed), ST_UNAUTHENTICATED, "");
	ck_fails(cx, hpke_open(cx, HPKE_AES_128_GCM, &out, &secret, &enc, info, aad, sealed),
		 ST_UNAUTHENTICATED, "");
	ck_assert_uint_eq(out.n, 77);
	ck_ok(cx, hpke_open(cx, aead, &out, &secret, &enc, info, aad, sealed));
	ck_assert(bytes_equal(out, plain));
	unit_ctx_end(cx);
}
END_TEST

START_TEST(no_two_seals_are_alike_and_info_is_bounded)
{
	struct ctx *cx = unit_ctx();
	struct hpke_secret secret;
	hpke_secret_new(&secret);
	struct hash public_key = hpke_public(&secret);
	struct hash enc[2];
	struct bytes sealed[2];
	struct bytes plain = bytes_of("hello", 5);
	for (size_t i = 0; i < 2; i++)
		ck_ok(cx, hpke_seal(cx, HPKE_AES_256_GCM, &enc[i], &sealed[i], &public_key, plain, plain,
				    plain));
	ck_assert(!hash_equal(&enc[0], &enc[1]));
	ck_assert(!bytes_equal(sealed[0], sealed[1]));
	static const uint8_t longer[HPKE_INFO_BYTES_MAX + 1];
	struct bytes out;
	ck_ok(cx, hpke_seal(cx, HPKE_AES_256_GCM, enc, sealed, &public_key,
			    bytes_of(longer, HPKE_INFO_BYTES_MAX), plain, plain));
	ck_ok(cx, hpke_open(cx, HPKE_AES_256_GCM, &out, &secret, enc,
			    bytes_of(longer, HPKE_INFO_BYTES_MAX), plain, sealed[0]));
	ck_fails(cx, hpke_seal(cx, HPKE_AES_256_GCM, enc, sealed, &public_key,
			       bytes_of(longer, sizeof longer), plain, plain), ST_INVALID, "at most");
	hpke_wipe(&secret);
	static const struct hpke_secret zero;
	ck_assert_mem_eq(&secret, &zero, sizeof secret);
	unit_ctx_end(cx);
}
END_TEST

SUITE("base/hpke", agrees_with_the_rfc, agrees_with_another_implementation,
      points_of_low_order_are_refused, anything_changed_does_not_open,
      no_two_seals_are_alike_and_info_is_bounded)
