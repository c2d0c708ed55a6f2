/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/packet.h"

#include "chain/keccak.h"

enum {
	PACKET_NONCE_AT = 1,
	PACKET_SRC_EID_AT = 9,
	PACKET_SENDER_AT = 13,
	PACKET_DST_EID_AT = 45,
	PACKET_RECEIVER_AT = 49,
};

static uint64_t packet_read_u64(const uint8_t *be, size_t n)
{
	return u256_of_be(be, n).limb[0];
}

enum status packet_decode_header(struct packet *out, struct bytes header)
{
	if (header.n != PACKET_HEADER_BYTES || header.p[0] != PACKET_VERSION)
		return ST_INVALID;
	const uint8_t *p = header.p;
	*out = (struct packet){
		.nonce = packet_read_u64(p + PACKET_NONCE_AT, 8),
		.src_eid = (uint32_t)packet_read_u64(p + PACKET_SRC_EID_AT, 4),
		.dst_eid = (uint32_t)packet_read_u64(p + PACKET_DST_EID_AT, 4),
	};
	memcpy(out->sender.b, p + PACKET_SENDER_AT, 32);
	memcpy(out->receiver.b, p + PACKET_RECEIVER_AT, 32);
	return ST_OK;
}

enum status packet_decode(struct packet *out, struct bytes raw)
{
	if (raw.n < PACKET_PREFIX_BYTES)
		return ST_INVALID;
	if (packet_decode_header(out, (struct bytes){raw.p, PACKET_HEADER_BYTES}) != ST_OK)
		return ST_INVALID;
	memcpy(out->guid.b, raw.p + PACKET_HEADER_BYTES, 32);
	out->message = (struct bytes){raw.p + PACKET_PREFIX_BYTES, raw.n - PACKET_PREFIX_BYTES};
	struct hash guid = packet_guid(out);
	return hash_equal(&guid, &out->guid) ? ST_OK : ST_INVALID;
}

void packet_header(uint8_t out[PACKET_HEADER_BYTES], const struct packet *p)
{
	out[0] = PACKET_VERSION;
	u256_to_be(out + PACKET_NONCE_AT, 8, u256_of_u64(p->nonce));
	u256_to_be(out + PACKET_SRC_EID_AT, 4, u256_of_u64(p->src_eid));
	memcpy(out + PACKET_SENDER_AT, p->sender.b, 32);
	u256_to_be(out + PACKET_DST_EID_AT, 4, u256_of_u64(p->dst_eid));
	memcpy(out + PACKET_RECEIVER_AT, p->receiver.b, 32);
}

struct bytes packet_encode(struct arena *a, const struct packet *p)
{
	size_t n = PACKET_PREFIX_BYTES + p->message.n;
	uint8_t *raw = arena_alloc(a, n);
	packet_header(raw, p);
	memcpy(raw + PACKET_HEADER_BYTES, p->guid.b, 32);
	if (p->message.n)
		memcpy(raw + PACKET_PREFIX_BYTES, p->message.p, p->message.n);
	return (struct bytes){raw, n};
}

struct hash packet_guid(const struct packet *p)
{
	uint8_t header[PACKET_HEADER_BYTES];
	packet_header(header, p);
	return keccak256(header + PACKET_NONCE_AT, PACKET_HEADER_BYTES - PACKET_NONCE_AT);
}

struct hash packet_header_hash(const struct packet *p)
{
	uint8_t header[PACKET_HEADER_BYTES];
	packet_header(header, p);
	return keccak256(header, sizeof header);
}

struct hash packet_payload_hash(const struct packet *p)
{
	struct keccak k;
	keccak_init(&k);
	keccak_update(&k, p->guid.b, sizeof p->guid.b);
	keccak_update(&k, p->message.p, p->message.n);
	return keccak_final(&k);
}
