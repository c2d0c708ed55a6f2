/* SPDX-License-Identifier: Apache-2.0
 *
 * Calldata for the contracts we talk to. Builders append to a struct buf whose maximum the caller
 * chose; b->overflow tells afterwards. What they append is exact: the *_bytes functions say how
 * much, so that a batch can be closed before it passes TX_CLOSE_BYTES:
 *   bytes = CALLS_ARRAY_BYTES + sum of calls_item_bytes(item) over the items.
 */
#ifndef FERRY_CHAIN_CALLS_H
#define FERRY_CHAIN_CALLS_H

#include "base/bytes.h"
#include "base/status.h"
#include "chain/packet.h"
#include "chain/u256.h"

enum calls_method {
#define X(name, selector, signature) CALLS_##name,
#include "chain/calls.def"
#undef X
	CALLS_COUNT
};
uint32_t calls_selector(enum calls_method m);
/* "cancelNonce(uint256)" */
const char *calls_signature(enum calls_method m);
/* The method's name alone for messages: "cancelNonce" (in the arena). */
const char *calls_name(struct arena *a, enum calls_method m);

enum { CALLS_ARRAY_BYTES = 4 + 32 + 32 };

/* Messenger.Item. Signed: author, nonce, deadline, signature given, app_id zero. Unsigned: author
 * zero, signature empty, deadline zero, app_id and request_id given. */
struct calls_item {
	uint32_t dst_eid;
	struct hash receiver;
	struct bytes payload;
	struct u256 gas_limit; /* u128, asserted */
	struct u256 value;     /* u128, asserted */
	struct hash ordering_key;
	struct addr author;
	struct u256 nonce;
	struct u256 deadline;
	struct bytes signature;
	struct hash app_id;
	struct hash request_id;
	struct u256 fee;
};
void calls_send_many(struct buf *b, const struct calls_item *items, size_t n);
size_t calls_item_bytes(const struct calls_item *item);
void calls_quote(struct buf *b, const struct calls_item *item);
void calls_hash_item(struct buf *b, const struct calls_item *item);
void calls_cancel_nonce(struct buf *b, struct u256 nonce);
/* word = nonce >> 8 */
void calls_nonce_bitmap(struct buf *b, const struct addr *author, struct u256 word);
void calls_nonce_used(struct buf *b, const struct addr *author, struct u256 nonce);
/* On the destination; key: messenger_sequence_key. */
void calls_last_received(struct buf *b, uint32_t src_eid, const struct hash *key);
void calls_pass_sequence(struct buf *b, uint32_t src_eid, const struct hash *key, uint64_t seq);
/* Reads the calldata of sendMany back, strictly: for mapping mined transactions to requests.
 * Out: *items, *n, in the arena; spans point into data. ST_NOT_FOUND: another method.
 * ST_INVALID: not well formed, or more than n_max items. */
MUST_USE enum status calls_decode_send_many(struct arena *a, struct calls_item **items, size_t *n,
					    struct bytes data, size_t n_max);

enum { CALLS_COMMIT = 1, CALLS_RECEIVE = 2 };
/* Batcher.Delivery. packet is the whole packet; gas_limit is given to EndpointV2.lzReceive. */
struct calls_delivery {
	struct bytes packet;
	struct u256 gas_limit;
	struct u256 value;
	uint8_t ops; /* CALLS_COMMIT | CALLS_RECEIVE */
};
void calls_deliver(struct buf *b, const struct calls_delivery *items, size_t n);
size_t calls_delivery_bytes(const struct calls_delivery *item);

/* ReceiveUln302. header: PACKET_HEADER_BYTES. */
void calls_verify(struct buf *b, const uint8_t *header, const struct hash *payload_hash,
		  uint64_t confirmations);
enum { CALLS_VERIFY_BYTES = 4 + 3 * 32 + 32 + 96 };
void calls_commit_verification(struct buf *b, const uint8_t *header,
			       const struct hash *payload_hash);
/* Answers (bool submitted, uint64 confirmations). */
void calls_hash_lookup(struct buf *b, const struct hash *header_hash,
		       const struct hash *payload_hash, const struct addr *dvn);

/* DVN.ExecuteParam. signatures: dvn_signatures_join. */
struct calls_execute_param {
	uint32_t vid;
	struct addr target;
	struct bytes call_data;
	uint64_t expiration; /* in seconds; at or before the block's time: silently not run */
	struct bytes signatures;
};
void calls_execute(struct buf *b, const struct calls_execute_param *params, size_t n);
size_t calls_execute_param_bytes(const struct calls_execute_param *param);

/* EndpointV2, on the destination. From the packet: receiver's low 20 bytes, src_eid, sender,
 * nonce. */
void calls_lz_receive(struct buf *b, const struct packet *p);
void calls_inbound_payload_hash(struct buf *b, const struct packet *p);
void calls_lazy_inbound_nonce(struct buf *b, const struct packet *p);
void calls_inbound_nonce(struct buf *b, const struct packet *p);
void calls_clear(struct buf *b, const struct packet *p);
void calls_skip(struct buf *b, const struct packet *p);
void calls_nilify(struct buf *b, const struct packet *p, const struct hash *payload_hash);
void calls_burn(struct buf *b, const struct packet *p, const struct hash *payload_hash);
/* EndpointV2, on the source: sender's low 20 bytes, dst_eid, receiver. */
void calls_outbound_nonce(struct buf *b, const struct packet *p);

/* ERC-1271. */
void calls_is_valid_signature(struct buf *b, const struct hash *digest, struct bytes signature);
/* Does the answer carry the magic value 0x1626ba7e, and nothing in the other 28 bytes? */
bool calls_is_valid_signature_answer(struct bytes answer);

#endif
