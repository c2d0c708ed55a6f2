/* SPDX-License-Identifier: Apache-2.0
 *
 * LayerZero V2's packet (codec version 1) and the hashes made of it:
 *   0 version u8 | 1 nonce u64 | 9 src_eid u32 | 13 sender b32 | 45 dst_eid u32 | 49 receiver b32 |
 *   81 guid b32 | 113 message
 * The header is bytes 0..80; verifiers sign the header and keccak(guid | message).
 */
#ifndef FERRY_CHAIN_PACKET_H
#define FERRY_CHAIN_PACKET_H

#include "base/bytes.h"
#include "base/status.h"
#include "chain/u256.h"

enum { PACKET_VERSION = 1, PACKET_HEADER_BYTES = 81, PACKET_PREFIX_BYTES = 113 };

struct packet {
	uint64_t nonce;
	uint32_t src_eid;
	struct hash sender;
	uint32_t dst_eid;
	struct hash receiver;
	struct hash guid;
	struct bytes message;
};

/* message points into raw. ST_INVALID: too short, another version, or a guid that is not the hash
 * of its own header. */
MUST_USE enum status packet_decode(struct packet *out, struct bytes raw);
/* From a header alone (exactly 81 bytes): guid and message are left empty, since the guid of an
 * lzRead reply is not that of its header. */
MUST_USE enum status packet_decode_header(struct packet *out, struct bytes header);
struct bytes packet_encode(struct arena *a, const struct packet *p);
void packet_header(uint8_t out[PACKET_HEADER_BYTES], const struct packet *p);

/* keccak(nonce | src_eid | sender | dst_eid | receiver): known before sending. Reads no p->guid. */
struct hash packet_guid(const struct packet *p);
struct hash packet_header_hash(const struct packet *p);
/* keccak(guid | message), with p->guid as it stands. */
struct hash packet_payload_hash(const struct packet *p);

#endif
