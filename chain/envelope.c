/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/envelope.h"

#include "base/digest.h"
#include "chain/u256.h"

static const char envelope_info[] = ENVELOPE_INFO;

void envelope_key_id(uint8_t out[ENVELOPE_KEY_ID_BYTES], const struct hash *public_key)
{
	struct hash h = digest_sha256(public_key->b, sizeof public_key->b);
	memcpy(out, h.b, ENVELOPE_KEY_ID_BYTES);
}

void envelope_key_name(char out[ENVELOPE_KEY_NAME_BYTES],
		       const uint8_t key_id[ENVELOPE_KEY_ID_BYTES])
{
	static const char prefix[] = "x25519-";
	memcpy(out, prefix, sizeof prefix - 1);
	hex_digits(out + sizeof prefix - 1, key_id, ENVELOPE_KEY_ID_BYTES);
	out[ENVELOPE_KEY_NAME_BYTES - 1] = '\0';
}

enum status envelope_decode(struct envelope *out, struct bytes raw)
{
	if (raw.n < ENVELOPE_OVERHEAD_BYTES || raw.p[0] != ENVELOPE_VERSION)
		return ST_INVALID;
	memcpy(out->key_id, raw.p + 1, sizeof out->key_id);
	memcpy(out->enc.b, raw.p + 1 + ENVELOPE_KEY_ID_BYTES, sizeof out->enc.b);
	out->sealed = bytes_of(raw.p + ENVELOPE_HEADER_BYTES, raw.n - ENVELOPE_HEADER_BYTES);
	return ST_OK;
}

void envelope_aad(uint8_t out[ENVELOPE_AAD_BYTES], const struct envelope_path *path,
		  const uint8_t key_id[ENVELOPE_KEY_ID_BYTES])
{
	struct hash sender = path->is_signed ? hash_of_addr(&path->author) : path->app_id;
	uint8_t *p = out;
	*p++ = ENVELOPE_VERSION;
	memcpy(p, key_id, ENVELOPE_KEY_ID_BYTES);
	p += ENVELOPE_KEY_ID_BYTES;
	u256_to_be(p, 4, u256_of_u64(path->src_eid));
	u256_to_be(p + 4, 4, u256_of_u64(path->dst_eid));
	memcpy(p + 8, path->receiver.b, 32);
	p[40] = path->is_signed;
	memcpy(p + 41, sender.b, 32);
}

enum status envelope_seal(struct ctx *cx, struct bytes *out, const struct envelope_path *path,
			  const struct hash *public_key, struct bytes plain)
{
	uint8_t head[ENVELOPE_HEADER_BYTES] = {ENVELOPE_VERSION};
	uint8_t aad[ENVELOPE_AAD_BYTES];
	struct hash enc;
	struct bytes sealed;
	envelope_key_id(head + 1, public_key);
	envelope_aad(aad, path, head + 1);
	TRY(hpke_seal(cx, HPKE_AES_256_GCM, &enc, &sealed, public_key,
		      bytes_of(envelope_info, sizeof envelope_info - 1), bytes_of(aad, sizeof aad),
		      plain));
	memcpy(head + 1 + ENVELOPE_KEY_ID_BYTES, enc.b, sizeof enc.b);
	uint8_t *raw = arena_alloc(cx->arena, sizeof head + sealed.n);
	memcpy(raw, head, sizeof head);
	memcpy(raw + sizeof head, sealed.p, sealed.n);
	*out = bytes_of(raw, sizeof head + sealed.n);
	return ST_OK;
}

enum status envelope_open(struct ctx *cx, struct bytes *plain, const struct envelope_path *path,
			  const struct hpke_secret *keys, size_t n, struct bytes raw)
{
	struct envelope e;
	if (envelope_decode(&e, raw) != ST_OK)
		return fail(cx, ST_INVALID, "this is no sealed payload of version %d",
			    ENVELOPE_VERSION);
	for (size_t i = 0; i < n; i++) {
		uint8_t id[ENVELOPE_KEY_ID_BYTES];
		struct hash public_key = hpke_public(&keys[i]);
		envelope_key_id(id, &public_key);
		if (memcmp(id, e.key_id, sizeof id) != 0)
			continue;
		uint8_t aad[ENVELOPE_AAD_BYTES];
		envelope_aad(aad, path, e.key_id);
		return hpke_open(cx, HPKE_AES_256_GCM, plain, &keys[i], &e.enc,
				 bytes_of(envelope_info, sizeof envelope_info - 1),
				 bytes_of(aad, sizeof aad), e.sealed);
	}
	char name[ENVELOPE_KEY_NAME_BYTES];
	envelope_key_name(name, e.key_id);
	return fail(cx, ST_NOT_FOUND, "it is sealed to key %s, which is not at hand", name);
}
