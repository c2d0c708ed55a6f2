/* SPDX-License-Identifier: Apache-2.0
 *
 * A payload that only its receiver can read, for one way only:
 *   version u8 = 1 | key id 8 | enc 32 | text | tag 16
 * sealed with HPKE (base/hpke.h, AES-256-GCM). The key id is the first 8 bytes of the SHA-256 of the
 * receiver's X25519 key: what stands behind "x25519-" in its name. info is "ferry-payload-v1"; aad is
 *   version u8 | key id 8 | src_eid u32 | dst_eid u32 | receiver 32 | sender kind u8 | sender 32
 * where the sender is the author (kind 1, left-padded) of a signed message, else the app id (kind 0):
 * all that a receiving contract is told. Carried to another receiver, chain or sender it does not open.
 */
#ifndef FERRY_CHAIN_ENVELOPE_H
#define FERRY_CHAIN_ENVELOPE_H

#include "base/bytes.h"
#include "base/ctx.h"
#include "base/hpke.h"

enum {
	ENVELOPE_VERSION = 1,
	ENVELOPE_KEY_ID_BYTES = 8,
	ENVELOPE_HEADER_BYTES = 1 + ENVELOPE_KEY_ID_BYTES + 32,
	ENVELOPE_OVERHEAD_BYTES = ENVELOPE_HEADER_BYTES + HPKE_TAG_BYTES,
	ENVELOPE_AAD_BYTES = 1 + ENVELOPE_KEY_ID_BYTES + 4 + 4 + 32 + 1 + 32,
	ENVELOPE_KEY_NAME_BYTES = 7 + 2 * ENVELOPE_KEY_ID_BYTES + 1,
};

/* From whom to whom. */
struct envelope_path {
	uint32_t src_eid;
	uint32_t dst_eid;
	struct hash receiver;
	bool is_signed;
	struct addr author; /* when signed */
	struct hash app_id; /* when not */
};

/* An envelope taken apart; spans point into it. */
struct envelope {
	uint8_t key_id[ENVELOPE_KEY_ID_BYTES];
	struct hash enc;
	struct bytes sealed; /* text and tag */
};
/* ST_INVALID: another version, or too short. */
MUST_USE enum status envelope_decode(struct envelope *out, struct bytes raw);

/* The id in an envelope of a public key, and its name: "x25519-" and 16 hex digits. */
void envelope_key_id(uint8_t out[ENVELOPE_KEY_ID_BYTES], const struct hash *public_key);
void envelope_key_name(char out[ENVELOPE_KEY_NAME_BYTES],
		       const uint8_t key_id[ENVELOPE_KEY_ID_BYTES]);

/* What both sides must give as associated data. */
void envelope_aad(uint8_t out[ENVELOPE_AAD_BYTES], const struct envelope_path *path,
		  const uint8_t key_id[ENVELOPE_KEY_ID_BYTES]);
#define ENVELOPE_INFO "ferry-payload-v1"

/* Out: the envelope in the cx's arena. ST_INVALID: no usable key. */
MUST_USE enum status envelope_seal(struct ctx *cx, struct bytes *out,
				   const struct envelope_path *path,
				   const struct hash *public_key, struct bytes plain);
/* Opens with the one of n keys that it names.
 *
 * Returns: ST_OK; ST_INVALID for what is no envelope; ST_NOT_FOUND when it names a key that is not
 *          among them; ST_UNAUTHENTICATED when it was changed or is for another way.
 */
MUST_USE enum status envelope_open(struct ctx *cx, struct bytes *plain,
				   const struct envelope_path *path,
				   const struct hpke_secret *keys, size_t n, struct bytes raw);

#endif
