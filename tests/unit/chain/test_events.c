/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/events.h"

#include <stdlib.h>

#include "chain/keccak.h"
#include "tests/unit/chain/identities.h"

static struct log_entry log_of(struct arena *a, const json_t *row)
{
	struct log_entry log = {.data = vectors_get_bytes(a, row, "data")};
	size_t i;
	const json_t *topic;
	json_array_foreach(vectors_get(row, "topics"), i, topic)
		log.topics[log.topics_n++] = vectors_hash(topic);
	return log;
}

/* The vector's log of an event, by the name in its signature. */
static struct log_entry log_for(struct arena *a, enum events_kind kind)
{
	const char *signature = events_signature(kind);
	const char *name = arena_strndup(a, signature, strcspn(signature, "("));
	return log_of(a, vectors_get2(vectors_load(a, "chain"), "events", name));
}

static struct events_event decode(struct arena *a, enum events_kind kind)
{
	struct log_entry log = log_for(a, kind);
	struct events_event e;
	ck_assert_msg(events_decode(&e, &log) == ST_OK, "%s", events_signature(kind));
	ck_assert_int_eq(e.kind, kind);
	return e;
}

START_TEST(topics_are_the_hash_of_their_signature)
{
	for (enum events_kind kind = 0; kind < EVENTS_COUNT; kind++) {
		const char *signature = events_signature(kind);
		struct hash h = keccak256(signature, strlen(signature));
		ck_assert_msg(hash_equal(events_topic(kind), &h), "%s", signature);
	}
}
END_TEST

START_TEST(reads_a_packet_of_the_real_endpoint)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	const json_t *row = vectors_get(vectors_load(a, "layerzero"), "packetSentLog");
	struct log_entry log = log_of(a, row);
	struct events_event e;
	ck_assert_int_eq(events_decode(&e, &log), ST_OK);
	ck_assert_int_eq(e.kind, EVENTS_PACKET_SENT);
	ck_assert_uint_eq(e.packet_sent.packet.src_eid, 40161);
	ck_assert_uint_eq(e.packet_sent.packet.dst_eid, 40245);
	ck_assert(bytes_equal(packet_encode(a, &e.packet_sent.packet), e.packet_sent.raw));
	arena_destroy(a);
}
END_TEST

static void assert_path(struct arena *a, const struct events_path *path)
{
	const json_t *v = vectors_get2(vectors_load(a, "chain"), "calls", "packet");
	ck_assert_uint_eq(path->src_eid, vectors_get_u64(v, "srcEid"));
	ck_assert_uint_eq(path->nonce, vectors_get_u64(v, "nonce"));
	struct hash h = vectors_get_hash(v, "sender");
	unit_assert_hash_eq(path->sender, h);
	h = vectors_get_hash(v, "receiver");
	struct addr receiver = addr_of_hash(&h);
	unit_assert_addr_eq(path->receiver, receiver);
}

START_TEST(reads_where_events_point)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	const json_t *packet = vectors_get2(vectors_load(a, "chain"), "calls", "packet");
	struct hash payload_hash = vectors_get_hash(packet, "payloadHash");
	struct events_event e = decode(a, EVENTS_PACKET_VERIFIED);
	assert_path(a, &e.packet_verified.path);
	unit_assert_hash_eq(e.packet_verified.payload_hash, payload_hash);
	e = decode(a, EVENTS_PACKET_DELIVERED);
	assert_path(a, &e.packet_delivered.path);
	e = decode(a, EVENTS_INBOUND_NONCE_SKIPPED);
	assert_path(a, &e.inbound_nonce_skipped.path);
	e = decode(a, EVENTS_PACKET_NILIFIED);
	assert_path(a, &e.packet_nilified.path);
	unit_assert_hash_eq(e.packet_nilified.payload_hash, payload_hash);
	e = decode(a, EVENTS_PACKET_BURNT);
	assert_path(a, &e.packet_burnt.path);
	e = decode(a, EVENTS_PAYLOAD_VERIFIED);
	unit_assert_hash_eq(e.payload_verified.payload_hash, payload_hash);
	ck_assert_uint_eq(e.payload_verified.header.nonce, vectors_get_u64(packet, "nonce"));
	ck_assert_uint_eq(u256_to_u64(e.payload_verified.confirmations), 15);
	uint8_t header[PACKET_HEADER_BYTES];
	packet_header(header, &e.payload_verified.header);
	ck_assert_mem_eq(header, e.payload_verified.header_raw, sizeof header);
	e = decode(a, EVENTS_LZ_RECEIVE_ALERT);
	assert_path(a, &e.lz_receive_alert.path);
	ck_assert(bytes_equal(e.lz_receive_alert.message,
			      vectors_get_bytes(a, packet, "message")));
	ck_assert_uint_eq(e.lz_receive_alert.extra_data.n, 5);
	ck_assert_uint_eq(e.lz_receive_alert.reason.n, 100);
	struct hash guid = vectors_get_hash(packet, "guid");
	unit_assert_hash_eq(e.lz_receive_alert.guid, guid);
	arena_destroy(a);
}
END_TEST

START_TEST(reads_our_own_contracts)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	const json_t *chain = vectors_load(a, "chain");
	struct hash guid = vectors_hash(
		vectors_get(vectors_get2(chain, "calls", "packet"), "guid"));
	struct addr author = vectors_addr(vectors_get2(chain, "calls", "author"));
	struct events_event e = decode(a, EVENTS_SENT);
	struct hash request_id = e.sent.request_id;
	struct log_entry log = log_for(a, EVENTS_SENT);
	unit_assert_hash_eq(request_id, log.topics[1]);
	unit_assert_hash_eq(e.sent.guid, guid);
	e = decode(a, EVENTS_SKIPPED);
	ck_assert_uint_eq(e.skipped.index, 3);
	unit_assert_hash_eq(e.skipped.request_id, request_id);
	ck_assert_uint_eq(e.skipped.reason.n, 100);
	e = decode(a, EVENTS_RECEIVED);
	unit_assert_hash_eq(e.received.guid, guid);
	unit_assert_hash_eq(e.received.request_id, request_id);
	e = decode(a, EVENTS_NONCE_CANCELLED);
	unit_assert_addr_eq(e.nonce_cancelled.author, author);
	e = decode(a, EVENTS_COMMIT_FAILED);
	unit_assert_hash_eq(e.commit_failed.guid, guid);
	ck_assert_uint_eq(e.commit_failed.reason.n, 100);
	ck_assert_uint_eq(decode(a, EVENTS_STOPPED).stopped.index, 3);
	ck_assert_uint_eq(decode(a, EVENTS_EXECUTE_FAILED).execute_failed.data.n, 100);
	e = decode(a, EVENTS_VERIFY_SIGNATURES_FAILED);
	ck_assert_uint_eq(e.verify_signatures_failed.index, 3);
	arena_destroy(a);
}
END_TEST

START_TEST(reads_the_registries)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	const json_t *v = vectors_get(vectors_load(a, "chain"), "registry");
	struct hash request_id = vectors_get_hash(v, "requestId");
	struct hash root = vectors_get_hash(v, "root");
	struct hash subject = vectors_get_hash(v, "subject");
	struct events_event e = decode(a, EVENTS_OPERATION_SKIPPED);
	unit_assert_hash_eq(e.operation_skipped.request_id, request_id);
	ck_assert_uint_eq(e.operation_skipped.index, 3);
	unit_assert_hash_eq(e.operation_skipped.subject, subject);
	ck_assert_uint_eq(e.operation_skipped.reason, 0x5cd5d233);
	e = decode(a, EVENTS_BATCH);
	ck_assert_uint_eq(e.batch.number, 7);
	unit_assert_hash_eq(e.batch.request_id, request_id);
	unit_assert_hash_eq(e.batch.root, root);
	const json_t *leaves = vectors_get(v, "leaves");
	ck_assert_uint_eq(e.batch.leaves_n, json_array_size(leaves));
	for (size_t i = 0; i < e.batch.leaves_n; i++) {
		struct identity_reg got = events_batch_leaf(&e.batch, i);
		struct identity_reg want = identities_reg(json_array_get(leaves, i));
		struct hash x = identity_leaf(&got);
		struct hash y = identity_leaf(&want);
		unit_assert_hash_eq(x, y);
	}
	e = decode(a, EVENTS_BATCH_ACCEPTED);
	ck_assert_uint_eq(e.batch_accepted.src_eid, vectors_get_u64(v, "srcEid"));
	ck_assert_uint_eq(e.batch_accepted.batch, 7);
	unit_assert_hash_eq(e.batch_accepted.root, root);
	ck_assert_uint_eq(e.batch_accepted.count, 3);
	ck_assert_uint_eq(e.batch_accepted.rejected, 2);
	e = decode(a, EVENTS_REJECTED);
	ck_assert_uint_eq(e.rejected.index, 3);
	ck_assert_uint_eq(e.rejected.reason, 2);
	unit_assert_hash_eq(e.rejected.subject, subject);
	e = decode(a, EVENTS_RECORDED);
	unit_assert_hash_eq(e.recorded.subject, subject);
	ck_assert_uint_eq(e.recorded.kind, 4);
	e = decode(a, EVENTS_ENQUEUED);
	ck_assert_uint_eq(e.enqueued.position, 5);
	unit_assert_hash_eq(e.enqueued.subject, subject);
	ck_assert_uint_eq(e.enqueued.kind, 4);
	ck_assert_uint_eq(e.enqueued.version, 9);
	ck_assert(e.enqueued.eager);
	e = decode(a, EVENTS_BATCH_PASSED);
	ck_assert_uint_eq(e.batch_passed.src_eid, vectors_get_u64(v, "srcEid"));
	ck_assert_uint_eq(e.batch_passed.batch, 7);
	unit_assert_hash_eq(e.batch_passed.root, root);
	e = decode(a, EVENTS_ANSWERED);
	ck_assert_uint_eq(e.answered.number, 7);
	ck_assert_uint_eq(e.answered.accepted, 1);
	ck_assert_uint_eq(e.answered.rejected_n, 2);
	ck_assert_uint_eq(events_answered_index(&e.answered, 0), 0);
	ck_assert_uint_eq(events_answered_index(&e.answered, 1), 2);
	arena_destroy(a);
}
END_TEST

START_TEST(more_leaves_than_a_batch_may_have_are_refused)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	struct log_entry log = log_for(a, EVENTS_BATCH);
	enum { HEAD = 5 * 32 };
	for (size_t n = IDENTITY_OPERATIONS_MAX; n <= IDENTITY_OPERATIONS_MAX + 1; n++) {
		uint8_t *data = arena_alloc(a, HEAD + n * 128);
		memcpy(data, log.data.p, HEAD);
		u256_to_be(data + HEAD - 32, 32, u256_of_u64(n));
		log.data = bytes_of(data, HEAD + n * 128);
		struct events_event e;
		ck_assert_int_eq(events_decode(&e, &log),
				 n <= IDENTITY_OPERATIONS_MAX ? ST_OK : ST_INVALID);
	}
	arena_destroy(a);
}
END_TEST

START_TEST(cut_logs_are_refused_at_every_length)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	for (enum events_kind kind = 0; kind < EVENTS_COUNT; kind++) {
		struct log_entry log = log_for(a, kind);
		struct log_entry cut = log;
		struct events_event e;
		for (size_t n = 0; n < log.data.n; n++) {
			uint8_t *exact = malloc(n + 1); /* a sanitizer sees overreads */
			memcpy(exact, log.data.p, n);
			cut.data = bytes_of(exact, n);
			ck_assert_msg(events_decode(&e, &cut) == ST_INVALID, "%s cut at %zu",
				      events_signature(kind), n);
			free(exact);
		}
		cut = log;
		for (cut.topics_n = 1; cut.topics_n <= 4; cut.topics_n++)
			ck_assert_int_eq(events_decode(&e, &cut),
					 cut.topics_n == log.topics_n ? ST_OK : ST_INVALID);
		cut.topics_n = 0;
		ck_assert_int_eq(events_decode(&e, &cut), ST_NOT_FOUND);
	}
	arena_destroy(a);
}
END_TEST

START_TEST(bent_logs_never_reach_outside)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	for (enum events_kind kind = 0; kind < EVENTS_COUNT; kind++) {
		struct log_entry log = log_for(a, kind);
		uint8_t *bent = malloc(log.data.n + 1);
		memcpy(bent, log.data.p, log.data.n);
		log.data.p = bent;
		for (size_t bit = 0; bit < 8 * log.data.n; bit++) {
			struct events_event e;
			bent[bit / 8] ^= (uint8_t)(1u << bit % 8);
			enum status st = events_decode(&e, &log);
			ck_assert(st == ST_OK || st == ST_INVALID);
			if (kind == EVENTS_PACKET_SENT && st == ST_OK) {
				struct bytes raw = e.packet_sent.raw;
				ck_assert(raw.p >= bent);
				ck_assert(raw.p + raw.n <= bent + log.data.n);
			}
			bent[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		free(bent);
	}
	arena_destroy(a);
}
END_TEST

START_TEST(other_topics_are_not_ours)
{
	struct log_entry log = {.topics_n = 1};
	struct events_event e;
	ck_assert_int_eq(events_decode(&e, &log), ST_NOT_FOUND);
	log.topics[0] = *events_topic(EVENTS_STOPPED);
	log.topics[0].b[31] ^= 1;
	ck_assert_int_eq(events_decode(&e, &log), ST_NOT_FOUND);
	/* An indexed address with something above its 20 bytes. */
	uint8_t word[32] = {0};
	log.topics_n = 2;
	log.topics[0] = *events_topic(EVENTS_NONCE_CANCELLED);
	log.data = bytes_of(word, sizeof word);
	ck_assert_int_eq(events_decode(&e, &log), ST_OK);
	log.topics[1].b[11] = 1;
	ck_assert_int_eq(events_decode(&e, &log), ST_INVALID);
}
END_TEST

SUITE("chain/events", topics_are_the_hash_of_their_signature, reads_a_packet_of_the_real_endpoint,
      reads_where_events_point, reads_our_own_contracts, reads_the_registries,
      more_leaves_than_a_batch_may_have_are_refused, cut_logs_are_refused_at_every_length,
      bent_logs_never_reach_outside, other_topics_are_not_ours)
