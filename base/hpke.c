/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hpke.h"

#include <assert.h>
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "base/clock.h"

enum {
	HPKE_KEM = 0x0020, /* DHKEM(X25519, HKDF-SHA256) */
	HPKE_KDF = 0x0001, /* HKDF-SHA256 */
	HPKE_NONCE_BYTES = 12,
	HPKE_LABELED_BYTES_MAX = 512, /* info and what stands around it */
};

void hpke_wipe(struct hpke_secret *secret)
{
	OPENSSL_cleanse(secret, sizeof *secret);
}

void hpke_secret_new(struct hpke_secret *out)
{
	random_bytes(out->b, sizeof out->b);
}

struct hash hpke_public(const struct hpke_secret *secret)
{
	struct hash out;
	size_t n = sizeof out.b;
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret->b,
						     sizeof secret->b);
	int ok = key && EVP_PKEY_get_raw_public_key(key, out.b, &n) == 1;
	EVP_PKEY_free(key);
	assert(ok && n == sizeof out.b);
	return out;
}

/* The Diffie-Hellman secret. false: the other point is of low order, and it would be zero. */
static bool hpke_agree(uint8_t out[32], const struct hpke_secret *own, const struct hash *other)
{
	size_t n = 32;
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, own->b, sizeof own->b);
	EVP_PKEY *peer =
		EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, other->b, sizeof other->b);
	EVP_PKEY_CTX *pctx = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
	bool ok = peer && pctx && EVP_PKEY_derive_init(pctx) == 1 &&
		  EVP_PKEY_derive_set_peer(pctx, peer) == 1 &&
		  EVP_PKEY_derive(pctx, out, &n) == 1 && n == 32;
	EVP_PKEY_CTX_free(pctx);
	EVP_PKEY_free(peer);
	EVP_PKEY_free(key);
	/* The library refuses zero itself; that is looked at here as well. */
	uint8_t any = 0;
	for (size_t i = 0; i < 32; i++)
		any |= out[i];
	return ok && any != 0;
}

bool hpke_public_is_usable(const struct hash *public_key)
{
	static const struct hpke_secret any = {{1}}; /* all agree on zero, or none does */
	uint8_t out[32];
	return hpke_agree(out, &any, public_key);
}

/* HKDF's extract (key: the input, salt may be NULL) or expand (key: 32 bytes). */
static void hpke_hkdf(int mode, uint8_t *out, size_t out_n, const uint8_t *key, size_t key_n,
		      const uint8_t *salt, const uint8_t *info, size_t info_n)
{
	static const uint8_t no_salt[32]; /* what RFC 5869 puts there */
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *kctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	OSSL_PARAM params[6];
	size_t n = 0;
	params[n++] = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
	params[n++] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0);
	params[n++] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)key, key_n);
	if (mode == EVP_KDF_HKDF_MODE_EXTRACT_ONLY)
		params[n++] = OSSL_PARAM_construct_octet_string(
			OSSL_KDF_PARAM_SALT, (void *)(salt ? salt : no_salt), 32);
	else
		params[n++] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)info,
								info_n);
	params[n] = OSSL_PARAM_construct_end();
	int ok = kctx && EVP_KDF_derive(kctx, out, out_n, params) == 1;
	EVP_KDF_CTX_free(kctx);
	EVP_KDF_free(kdf);
	assert(ok);
}

/* What is put together before it is hashed. */
struct hpke_text {
	uint8_t b[HPKE_LABELED_BYTES_MAX];
	size_t n;
};

static void hpke_add(struct hpke_text *t, const void *p, size_t n)
{
	assert(n <= sizeof t->b - t->n);
	if (n)
		memcpy(t->b + t->n, p, n);
	t->n += n;
}

static void hpke_add_u16(struct hpke_text *t, size_t v)
{
	const uint8_t be[2] = {(uint8_t)(v >> 8), (uint8_t)v};
	hpke_add(t, be, sizeof be);
}

static void hpke_add_label(struct hpke_text *t, const struct hpke_text *suite, const char *label)
{
	hpke_add(t, "HPKE-v1", 7);
	hpke_add(t, suite->b, suite->n);
	hpke_add(t, label, strlen(label));
}

static void hpke_extract(uint8_t out[32], const struct hpke_text *suite, const uint8_t *salt,
			 const char *label, struct bytes ikm)
{
	struct hpke_text text = {.n = 0};
	hpke_add_label(&text, suite, label);
	hpke_add(&text, ikm.p, ikm.n);
	hpke_hkdf(EVP_KDF_HKDF_MODE_EXTRACT_ONLY, out, 32, text.b, text.n, salt, NULL, 0);
	OPENSSL_cleanse(&text, sizeof text);
}

static void hpke_expand(uint8_t *out, size_t out_n, const struct hpke_text *suite,
			const uint8_t prk[32], const char *label, struct bytes info)
{
	struct hpke_text text = {.n = 0};
	hpke_add_u16(&text, out_n);
	hpke_add_label(&text, suite, label);
	hpke_add(&text, info.p, info.n);
	hpke_hkdf(EVP_KDF_HKDF_MODE_EXPAND_ONLY, out, out_n, prk, 32, NULL, text.b, text.n);
}

/* The key and the nonce of the one message. */
struct hpke_keys {
	enum hpke_aead aead;
	uint8_t key[32];
	uint8_t nonce[HPKE_NONCE_BYTES];
};

static size_t hpke_key_bytes(enum hpke_aead aead)
{
	return aead == HPKE_AES_128_GCM ? 16 : 32;
}

/* RFC 9180 §4.1 and §5.1. own agrees with other; enc and receiver are the two public keys. */
static bool hpke_schedule(struct hpke_keys *out, enum hpke_aead aead, const struct hpke_secret *own,
			  const struct hash *other, const struct hash *enc,
			  const struct hash *receiver, struct bytes info)
{
	struct hpke_text kem = {.n = 0};
	hpke_add(&kem, "KEM", 3);
	hpke_add_u16(&kem, HPKE_KEM);
	struct hpke_text suite = {.n = 0};
	hpke_add(&suite, "HPKE", 4);
	hpke_add_u16(&suite, HPKE_KEM);
	hpke_add_u16(&suite, HPKE_KDF);
	hpke_add_u16(&suite, aead);

	uint8_t dh[32];
	uint8_t prk[32];
	uint8_t shared[32];
	uint8_t secret[32];
	bool ok = hpke_agree(dh, own, other);
	if (ok) {
		struct hash pair[2] = {*enc, *receiver};
		hpke_extract(prk, &kem, NULL, "eae_prk", bytes_of(dh, sizeof dh));
		hpke_expand(shared, sizeof shared, &kem, prk, "shared_secret",
			    bytes_of(pair, sizeof pair));
		uint8_t context[1 + 32 + 32] = {0}; /* mode base */
		hpke_extract(context + 1, &suite, NULL, "psk_id_hash", bytes_of(NULL, 0));
		hpke_extract(context + 33, &suite, NULL, "info_hash", info);
		hpke_extract(secret, &suite, shared, "secret", bytes_of(NULL, 0));
		struct bytes all = bytes_of(context, sizeof context);
		out->aead = aead;
		hpke_expand(out->key, hpke_key_bytes(aead), &suite, secret, "key", all);
		hpke_expand(out->nonce, sizeof out->nonce, &suite, secret, "base_nonce", all);
	}
	OPENSSL_cleanse(dh, sizeof dh);
	OPENSSL_cleanse(prk, sizeof prk);
	OPENSSL_cleanse(shared, sizeof shared);
	OPENSSL_cleanse(secret, sizeof secret);
	return ok;
}

static EVP_CIPHER_CTX *hpke_cipher(const struct hpke_keys *keys, int encrypt, struct bytes aad)
{
	int n;
	const EVP_CIPHER *cipher =
		keys->aead == HPKE_AES_128_GCM ? EVP_aes_128_gcm() : EVP_aes_256_gcm();
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int ok = c && EVP_CipherInit_ex(c, cipher, NULL, keys->key, keys->nonce, encrypt) == 1 &&
		 (aad.n == 0 || EVP_CipherUpdate(c, NULL, &n, aad.p, (int)aad.n) == 1);
	assert(ok);
	return c;
}

static void hpke_encrypt(uint8_t *out, const struct hpke_keys *keys, struct bytes aad,
			 struct bytes plain)
{
	int n = 0;
	EVP_CIPHER_CTX *c = hpke_cipher(keys, 1, aad);
	int ok = (plain.n == 0 || EVP_EncryptUpdate(c, out, &n, plain.p, (int)plain.n) == 1) &&
		 EVP_EncryptFinal_ex(c, out + plain.n, &n) == 1 &&
		 EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, HPKE_TAG_BYTES, out + plain.n) == 1;
	EVP_CIPHER_CTX_free(c);
	assert(ok);
}

/* false: the tag is another one; out is wiped. */
static bool hpke_decrypt(uint8_t *out, const struct hpke_keys *keys, struct bytes aad,
			 struct bytes sealed)
{
	int n = 0;
	size_t plain_n = sealed.n - HPKE_TAG_BYTES;
	uint8_t tag[HPKE_TAG_BYTES];
	memcpy(tag, sealed.p + plain_n, sizeof tag);
	EVP_CIPHER_CTX *c = hpke_cipher(keys, 0, aad);
	bool ok = (plain_n == 0 || EVP_DecryptUpdate(c, out, &n, sealed.p, (int)plain_n) == 1) &&
		  EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag) == 1 &&
		  EVP_DecryptFinal_ex(c, out + plain_n, &n) == 1;
	EVP_CIPHER_CTX_free(c);
	if (!ok)
		OPENSSL_cleanse(out, plain_n);
	return ok;
}

enum status hpke_seal_with(struct ctx *cx, enum hpke_aead aead, struct hash *enc,
			   struct bytes *sealed, const struct hpke_secret *ephemeral,
			   const struct hash *public_key, struct bytes info, struct bytes aad,
			   struct bytes plain)
{
	assert(plain.n <= INT_MAX - HPKE_TAG_BYTES && aad.n <= INT_MAX);
	struct hpke_keys keys;
	if (info.n > HPKE_INFO_BYTES_MAX)
		return fail(cx, ST_INVALID, "info of HPKE has at most %d bytes",
			    HPKE_INFO_BYTES_MAX);
	*enc = hpke_public(ephemeral);
	if (!hpke_schedule(&keys, aead, ephemeral, public_key, enc, public_key, info))
		return fail(cx, ST_INVALID, "this is no X25519 key that can be sealed to");
	uint8_t *out = arena_alloc(cx->arena, plain.n + HPKE_TAG_BYTES);
	hpke_encrypt(out, &keys, aad, plain);
	OPENSSL_cleanse(&keys, sizeof keys);
	*sealed = bytes_of(out, plain.n + HPKE_TAG_BYTES);
	return ST_OK;
}

enum status hpke_seal(struct ctx *cx, enum hpke_aead aead, struct hash *enc, struct bytes *sealed,
		      const struct hash *public_key, struct bytes info, struct bytes aad,
		      struct bytes plain)
{
	struct hpke_secret ephemeral;
	hpke_secret_new(&ephemeral);
	enum status st =
		hpke_seal_with(cx, aead, enc, sealed, &ephemeral, public_key, info, aad, plain);
	hpke_wipe(&ephemeral);
	return st;
}

enum status hpke_open(struct ctx *cx, enum hpke_aead aead, struct bytes *plain,
		      const struct hpke_secret *secret, const struct hash *enc, struct bytes info,
		      struct bytes aad, struct bytes sealed)
{
	assert(sealed.n <= INT_MAX && aad.n <= INT_MAX);
	struct hpke_keys keys;
	struct hash receiver = hpke_public(secret);
	bool opened = false;
	uint8_t *out = NULL;
	if (sealed.n >= HPKE_TAG_BYTES && info.n <= HPKE_INFO_BYTES_MAX &&
	    hpke_schedule(&keys, aead, secret, enc, enc, &receiver, info)) {
		out = arena_alloc(cx->arena, sealed.n - HPKE_TAG_BYTES);
		opened = hpke_decrypt(out, &keys, aad, sealed);
		OPENSSL_cleanse(&keys, sizeof keys);
	}
	if (!opened)
		return fail(cx, ST_UNAUTHENTICATED,
			    "the text does not open: it was changed, or sealed for another key or "
			    "use");
	*plain = bytes_of(out, sealed.n - HPKE_TAG_BYTES);
	return ST_OK;
}
