/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/packet.h"

#include "tests/unit/chain/vectors.h"

START_TEST(agrees_with_the_contracts)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	const json_t *v = vectors_get(vectors_load(a, "layerzero"), "packet");
	struct bytes raw = vectors_get_bytes(a, v, "raw");
	struct hash sender = vectors_get_hash(v, "sender");
	struct hash receiver = vectors_get_hash(v, "receiver");
	struct packet p;
	ck_assert_int_eq(packet_decode(&p, raw), ST_OK);
	ck_assert_uint_eq(p.nonce, 127);
	ck_assert_uint_eq(p.src_eid, 40161);
	ck_assert_uint_eq(p.dst_eid, 40245);
	unit_assert_hash_eq(p.sender, sender);
	unit_assert_hash_eq(p.receiver, receiver);
	unit_assert_hex(a, p.message, "0x48656c6c6f");
	struct hash guid = packet_guid(&p);
	unit_assert_hex(a, bytes_of(guid.b, 32), vectors_text(vectors_get(v, "guid")));
	struct hash h = packet_header_hash(&p);
	unit_assert_hex(a, bytes_of(h.b, 32), vectors_text(vectors_get(v, "headerHash")));
	h = packet_payload_hash(&p);
	unit_assert_hex(a, bytes_of(h.b, 32), vectors_text(vectors_get(v, "payloadHash")));
	uint8_t header[PACKET_HEADER_BYTES];
	packet_header(header, &p);
	unit_assert_hex(a, bytes_of(header, sizeof header), vectors_text(vectors_get(v, "header")));
	ck_assert(bytes_equal(packet_encode(a, &p), raw));
	arena_destroy(a);
}
END_TEST

START_TEST(every_bit_before_the_message_matters)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	const json_t *v = vectors_get(vectors_load(a, "layerzero"), "packet");
	struct bytes raw = vectors_get_bytes(a, v, "raw");
	uint8_t *bent = arena_copy(a, raw.p, raw.n);
	struct packet p;
	for (size_t bit = 0; bit < 8 * raw.n; bit++) {
		bent[bit / 8] ^= (uint8_t)(1u << bit % 8);
		enum status want = bit / 8 < PACKET_PREFIX_BYTES ? ST_INVALID : ST_OK;
		ck_assert_int_eq(packet_decode(&p, bytes_of(bent, raw.n)), want);
		bent[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t cut = 0; cut < raw.n; cut++) {
		enum status want = cut < PACKET_PREFIX_BYTES ? ST_INVALID : ST_OK;
		ck_assert_int_eq(packet_decode(&p, bytes_of(raw.p, cut)), want);
	}
	arena_destroy(a);
}
END_TEST

START_TEST(a_header_has_one_length_and_one_version)
{
	uint8_t header[PACKET_HEADER_BYTES + 1] = {PACKET_VERSION};
	struct packet p;
	for (size_t n = 0; n <= sizeof header; n++)
		ck_assert_int_eq(packet_decode_header(&p, bytes_of(header, n)),
				 n == PACKET_HEADER_BYTES ? ST_OK : ST_INVALID);
	header[0] = 2;
	ck_assert_int_eq(packet_decode_header(&p, bytes_of(header, 81)), ST_INVALID);
	header[0] = 0;
	ck_assert_int_eq(packet_decode_header(&p, bytes_of(header, 81)), ST_INVALID);
}
END_TEST

START_TEST(greatest_values_go_both_ways)
{
	struct packet p = {.nonce = UINT64_MAX, .src_eid = UINT32_MAX, .dst_eid = UINT32_MAX - 1};
	uint8_t header[PACKET_HEADER_BYTES];
	packet_header(header, &p);
	struct packet q;
	ck_assert_int_eq(packet_decode_header(&q, bytes_of(header, sizeof header)), ST_OK);
	ck_assert_uint_eq(q.nonce, UINT64_MAX);
	ck_assert_uint_eq(q.src_eid, UINT32_MAX);
	ck_assert_uint_eq(q.dst_eid, UINT32_MAX - 1);
}
END_TEST

SUITE("chain/packet", agrees_with_the_contracts, every_bit_before_the_message_matters,
      a_header_has_one_length_and_one_version, greatest_values_go_both_ways)
