/* SPDX-License-Identifier: Apache-2.0
 *
 * The message that Messenger puts into a LayerZero packet, packed:
 *   version u8 = 1 | flags u8 (bit 0: signed) | author 20 | app_id 32 | request_id 32 |
 *   receiver 32 | gas_limit u128 | ordering_key 32 | seq u64 | payload
 */
#ifndef FERRY_CHAIN_MESSENGER_H
#define FERRY_CHAIN_MESSENGER_H

#include "base/bytes.h"
#include "base/status.h"
#include "chain/u256.h"

enum { MESSENGER_VERSION = 1, MESSENGER_HEADER_BYTES = 174 };

struct messenger_message {
	bool is_signed;
	struct addr author;      /* who signed, else the account that submitted */
	struct hash app_id;      /* zero when signed */
	struct hash request_id;
	struct hash receiver;
	struct u256 gas_limit;   /* fits 128 bits */
	struct hash ordering_key;
	uint64_t seq;            /* from 1 when there is an ordering key, else 0 */
	struct bytes payload;
};

/* payload points into raw. ST_INVALID: too short, another version, unknown flags, an app_id beside
 * a signature, a seq without an ordering key or the reverse. */
MUST_USE enum status messenger_decode(struct messenger_message *out, struct bytes raw);
/* What the Messengers count the messages of an ordering key by: sequenceKey(signed, author, appId, orderingKey). */
struct hash messenger_sequence_key(const struct messenger_message *m);
struct bytes messenger_encode(struct arena *a, const struct messenger_message *m);

#endif
