/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/dvn.h"
#include "relay/committee.h"
#include "tests/unit/relay/logs.h"

struct scene {
	struct ctx *cx;
	struct world *world;
	uint8_t header[PACKET_HEADER_BYTES];
	struct hash payload_hash;
};

static void scene_begin(struct scene *s, size_t keys, unsigned quorum)
{
	s->cx = unit_ctx();
	s->world = logs_world(s->cx);
	s->world->config.quorum = quorum;
	s->world->chains[1].config.dvn_vid = 10245;
	for (size_t i = 0; i < keys; i++) {
		uint8_t key[32] = {0};
		key[31] = (uint8_t)(100 - i); /* not in the order of their accounts */
		ck_ok(s->cx, signer_create(s->cx, &s->world->committee[i], key));
	}
	s->world->committee_n = keys;
	struct messenger_message m = {.request_id = logs_hash(3, 1), .gas_limit = u256_of_u64(1)};
	struct packet p = logs_packet(s->cx->arena, false, 7, &m);
	packet_header(s->header, &p);
	s->payload_hash = packet_payload_hash(&p);
}

static void scene_end(struct scene *s)
{
	for (size_t i = 0; i < s->world->committee_n; i++)
		signer_destroy(s->world->committee[i]);
	logs_world_end(s->world);
	unit_ctx_end(s->cx);
}

static enum status sign(struct scene *s, uint64_t confirmations, struct calls_execute_param *out)
{
	return committee_sign(s->cx, s->world, &s->world->chains[1], s->header, &s->payload_hash,
			      confirmations, 1700003600, out);
}

START_TEST(the_quorum_signs_what_the_dvn_will_execute)
{
	struct scene s;
	struct calls_execute_param out;
	scene_begin(&s, 3, 2);
	ck_ok(s.cx, sign(&s, 15, &out));
	const struct relay_chain *c = &s.world->chains[1].config;
	ck_assert_uint_eq(out.vid, 10245);
	unit_assert_addr_eq(out.target, c->receive_uln);
	ck_assert_uint_eq(out.expiration, 1700003600);
	struct buf call;
	buf_init(&call, s.cx->arena, CALLS_VERIFY_BYTES);
	calls_verify(&call, s.header, &s.payload_hash, 15);
	ck_assert(bytes_equal(out.call_data, buf_bytes(&call)));
	/* Each signature recovers to a different key of the committee, ascending. */
	struct hash hash = dvn_call_hash(out.vid, &out.target, out.expiration, out.call_data);
	struct hash digest = dvn_digest(&hash);
	ck_assert_uint_eq(out.signatures.n, 2 * SECP_SIGNATURE_BYTES);
	struct addr last = {{0}};
	for (size_t i = 0; i < 2; i++) {
		struct addr who;
		bool known = false;
		ck_assert_int_eq(secp_recover(&who, &digest, out.signatures.p + i * SECP_SIGNATURE_BYTES),
				 ST_OK);
		for (size_t k = 0; k < 3; k++)
			known |= addr_equal(&who, signer_account(s.world->committee[k]));
		ck_assert(known);
		ck_assert_int_gt(memcmp(who.b, last.b, 20), 0);
		last = who;
	}
	scene_end(&s);
}
END_TEST

START_TEST(a_retraction_is_another_signature)
{
	struct scene s;
	struct calls_execute_param given, taken;
	scene_begin(&s, 3, 2);
	ck_ok(s.cx, sign(&s, 15, &given));
	ck_ok(s.cx, sign(&s, 0, &taken));
	ck_assert(!bytes_equal(given.call_data, taken.call_data));
	ck_assert(!bytes_equal(given.signatures, taken.signatures));
	/* And each is the same every time. */
	struct calls_execute_param again;
	ck_ok(s.cx, sign(&s, 15, &again));
	ck_assert(bytes_equal(given.signatures, again.signatures));
	scene_end(&s);
}
END_TEST

START_TEST(fewer_keys_than_the_quorum_sign_nothing)
{
	struct scene s;
	struct calls_execute_param out;
	scene_begin(&s, 1, 2);
	ck_fails(s.cx, sign(&s, 15, &out), ST_PRECONDITION, "the committee has 1 keys, its quorum is 2");
	scene_end(&s);
}
END_TEST

START_TEST(one_key_named_twice_is_one_key)
{
	struct scene s;
	struct calls_execute_param out;
	scene_begin(&s, 1, 2);
	uint8_t key[32] = {0};
	key[31] = 100;
	ck_ok(s.cx, signer_create(s.cx, &s.world->committee[1], key));
	s.world->committee_n = 2;
	ck_fails(s.cx, sign(&s, 15, &out), ST_PRECONDITION, "not all different");
	scene_end(&s);
}
END_TEST

SUITE("relay/committee", the_quorum_signs_what_the_dvn_will_execute,
      a_retraction_is_another_signature, fewer_keys_than_the_quorum_sign_nothing,
      one_key_named_twice_is_one_key)
