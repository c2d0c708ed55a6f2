/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/chain/vectors.h"
#include "tests/unit/relay/logs.h"

struct scene {
	struct arena *a;
	struct relay_chain src, dst;
	struct messenger_message message;
	struct packet packet;
	struct logs_block block;
	struct facts facts;
};

static void scene_begin(struct scene *s)
{
	memset(s, 0, sizeof *s);
	s->a = arena_create(UNIT_ARENA_BYTES);
	s->src = logs_chain(false);
	s->dst = logs_chain(true);
	s->message = (struct messenger_message){
		.author = logs_addr(0xaa, 1),
		.app_id = logs_hash(2, 1),
		.request_id = logs_hash(3, 1),
		.receiver = logs_hash(4, 1),
		.gas_limit = u256_of_u64(200000),
		.payload = bytes_of("hello", 5),
	};
	s->packet = logs_packet(s->a, false, 7, &s->message);
	s->block.number = 50;
}

static void scene_end(struct scene *s)
{
	arena_destroy(s->a);
}

/* What a chain that emitted one log says. */
static size_t facts_of(struct scene *s, const struct relay_chain *chain, struct log_entry log)
{
	s->block.n = 0;
	logs_add(logs_tx(&s->block, logs_hash(5, 1)), log);
	struct block b = logs_block(s->a, &s->block);
	facts_of_blocks(s->a, &s->facts, chain, &b, 1);
	return s->facts.n;
}

START_TEST(a_packet_of_our_messenger_is_a_fact)
{
	struct scene s;
	scene_begin(&s);
	struct log_entry log = logs_packet_sent(s.a, &s.src.endpoint, &s.packet);
	ck_assert_uint_eq(facts_of(&s, &s.src, log), 1);
	const struct fact *f = &s.facts.v[0];
	ck_assert_int_eq(f->event.kind, EVENTS_PACKET_SENT);
	unit_assert_hash_eq(f->guid, s.packet.guid);
	unit_assert_hash_eq(f->request_id, s.message.request_id);
	unit_assert_hash_eq(f->tx_hash, logs_hash(5, 1));
	ck_assert_int_eq(f->block, 50);
	unit_assert_hash_eq(f->block_hash, logs_hash(1, 50));
	ck_assert_uint_eq(f->tx_gas_used, 100000);
	ck_assert(bytes_equal(f->message.payload, bytes_of("hello", 5)));
	ck_assert(bytes_equal(f->event.packet_sent.raw, packet_encode(s.a, &s.packet)));
	/* The destination's endpoint does not send the source's packets. */
	ck_assert_uint_eq(facts_of(&s, &s.dst, log), 0);
	scene_end(&s);
}
END_TEST

START_TEST(who_emitted_it_decides)
{
	struct scene s;
	scene_begin(&s);
	struct addr stranger = logs_addr(0x99, 9);
	struct bytes why = bytes_of("no", 2);
	struct log_entry logs[] = {
		logs_packet_sent(s.a, &stranger, &s.packet),
		logs_inbound(s.a, &stranger, EVENTS_PACKET_VERIFIED, &s.packet),
		logs_inbound(s.a, &s.dst.messenger, EVENTS_PACKET_DELIVERED, &s.packet),
		logs_position(s.a, &stranger, EVENTS_INBOUND_NONCE_SKIPPED, &s.packet),
		logs_position(s.a, &s.dst.receive_uln, EVENTS_PACKET_NILIFIED, &s.packet),
		logs_position(s.a, &stranger, EVENTS_PACKET_BURNT, &s.packet),
		logs_payload_verified(s.a, &s.dst.endpoint, &s.dst.dvn, &s.packet, 1),
		logs_alert(s.a, &s.dst.batcher, &s.dst.batcher, &s.packet, why),
		logs_reason(s.a, &s.dst.endpoint, EVENTS_SKIPPED, &s.packet.guid, why),
		logs_reason(s.a, &stranger, EVENTS_COMMIT_FAILED, &s.packet.guid, why),
		/* These are read beside others, and are no facts by themselves. */
		logs_received(s.a, &s.dst.messenger, &s.packet.guid, &s.message.request_id),
	};
	for (size_t i = 0; i < sizeof logs / sizeof logs[0]; i++) {
		ck_assert_msg(facts_of(&s, &s.dst, logs[i]) == 0, "log %zu on the destination", i);
		ck_assert_msg(facts_of(&s, &s.src, logs[i]) == 0, "log %zu on the source", i);
	}
	scene_end(&s);
}
END_TEST

START_TEST(destination_events_name_the_packet_by_its_place)
{
	struct scene s;
	scene_begin(&s);
	const struct addr *e = &s.dst.endpoint;
	struct log_entry logs[] = {
		logs_inbound(s.a, e, EVENTS_PACKET_VERIFIED, &s.packet),
		logs_inbound(s.a, e, EVENTS_PACKET_DELIVERED, &s.packet),
		logs_position(s.a, e, EVENTS_INBOUND_NONCE_SKIPPED, &s.packet),
		logs_position(s.a, e, EVENTS_PACKET_NILIFIED, &s.packet),
		logs_position(s.a, e, EVENTS_PACKET_BURNT, &s.packet),
		logs_payload_verified(s.a, &s.dst.receive_uln, &s.dst.dvn, &s.packet, 1),
		logs_alert(s.a, e, &s.dst.batcher, &s.packet, bytes_of("", 0)),
		logs_reason(s.a, &s.dst.batcher, EVENTS_COMMIT_FAILED, &s.packet.guid, bytes_of("", 0)),
	};
	for (size_t i = 0; i < sizeof logs / sizeof logs[0]; i++) {
		ck_assert_msg(facts_of(&s, &s.dst, logs[i]) == 1, "log %zu", i);
		unit_assert_hash_eq(s.facts.v[0].guid, s.packet.guid);
	}
	scene_end(&s);
}
END_TEST

START_TEST(alerts_and_attestations_of_others_do_not_count)
{
	struct scene s;
	scene_begin(&s);
	struct addr stranger = logs_addr(0x99, 9);
	ck_assert_uint_eq(facts_of(&s, &s.dst,
				   logs_alert(s.a, &s.dst.endpoint, &stranger, &s.packet,
					      bytes_of("", 0))),
			  0);
	ck_assert_uint_eq(facts_of(&s, &s.dst,
				   logs_payload_verified(s.a, &s.dst.receive_uln, &stranger, &s.packet, 9)),
			  0);
	/* The alert's own guid is anybody's to write: the place counts. */
	struct packet lie = s.packet;
	lie.guid = logs_hash(9, 9);
	ck_assert_uint_eq(facts_of(&s, &s.dst,
				   logs_alert(s.a, &s.dst.endpoint, &s.dst.batcher, &lie, bytes_of("", 0))),
			  1);
	unit_assert_hash_eq(s.facts.v[0].guid, s.packet.guid);
	scene_end(&s);
}
END_TEST

START_TEST(packets_that_are_none_of_our_messengers)
{
	struct scene s;
	scene_begin(&s);
	struct packet p = s.packet;
	p.sender = logs_hash(9, 1); /* another OApp */
	p.guid = packet_guid(&p);
	ck_assert_uint_eq(facts_of(&s, &s.src, logs_packet_sent(s.a, &s.src.endpoint, &p)), 0);
	p = s.packet;
	p.src_eid = LOGS_DST; /* an endpoint that lies about where it is */
	p.guid = packet_guid(&p);
	ck_assert_uint_eq(facts_of(&s, &s.src, logs_packet_sent(s.a, &s.src.endpoint, &p)), 0);
	p = s.packet;
	p.nonce = (uint64_t)INT64_MAX + 1;
	p.guid = packet_guid(&p);
	ck_assert_uint_eq(facts_of(&s, &s.src, logs_packet_sent(s.a, &s.src.endpoint, &p)), 0);
	p = s.packet;
	p.guid.b[0] ^= 1; /* not the hash of its own header */
	ck_assert_uint_eq(facts_of(&s, &s.src, logs_packet_sent(s.a, &s.src.endpoint, &p)), 0);
	p = s.packet;
	p.message = bytes_of("no message of a Messenger", 25);
	ck_assert_uint_eq(facts_of(&s, &s.src, logs_packet_sent(s.a, &s.src.endpoint, &p)), 0);
	scene_end(&s);
}
END_TEST

static bool is_received(struct scene *s)
{
	struct block b = logs_block(s->a, &s->block);
	facts_of_blocks(s->a, &s->facts, &s->dst, &b, 1);
	ck_assert_uint_eq(s->facts.n, 1);
	ck_assert_int_eq(s->facts.v[0].event.kind, EVENTS_PACKET_DELIVERED);
	return s->facts.v[0].received;
}

START_TEST(delivered_is_what_the_messenger_received_in_that_transaction)
{
	struct scene s;
	scene_begin(&s);
	struct log_entry delivered =
		logs_inbound(s.a, &s.dst.endpoint, EVENTS_PACKET_DELIVERED, &s.packet);
	struct log_entry received =
		logs_received(s.a, &s.dst.messenger, &s.packet.guid, &s.message.request_id);
	struct hash other_guid = logs_hash(9, 9);
	struct addr stranger = logs_addr(0x99, 9);
	struct logs_tx *t = logs_tx(&s.block, logs_hash(5, 1));
	logs_add(t, delivered);
	ck_assert(!is_received(&s)); /* the owner cleared it */
	logs_add(t, received);
	ck_assert(is_received(&s));
	t->logs[0] = received;
	t->logs[1] = delivered;
	ck_assert(is_received(&s)); /* the other way round */
	t->logs[0] = logs_received(s.a, &s.dst.messenger, &other_guid, &s.message.request_id);
	ck_assert(!is_received(&s));
	t->logs[0] = logs_received(s.a, &stranger, &s.packet.guid, &s.message.request_id);
	ck_assert(!is_received(&s));
	/* In another transaction of the same block. */
	t->logs[0] = delivered;
	t->logs_n = 1;
	logs_add(logs_tx(&s.block, logs_hash(5, 2)), received);
	ck_assert(!is_received(&s));
	scene_end(&s);
}
END_TEST

START_TEST(facts_stand_in_the_order_of_the_chain)
{
	struct scene s;
	scene_begin(&s);
	struct block blocks[3];
	for (uint64_t b = 0; b < 3; b++) {
		struct logs_block lb = {.number = 60 + b};
		for (uint64_t t = 0; t < 2; t++) {
			struct logs_tx *tx = logs_tx(&lb, logs_hash(5, 10 * b + t));
			for (uint64_t l = 0; l < 2; l++) {
				struct packet p = logs_packet(s.a, false, 1 + b * 4 + t * 2 + l, &s.message);
				logs_add(tx, logs_inbound(s.a, &s.dst.endpoint, EVENTS_PACKET_DELIVERED, &p));
				logs_add(tx, logs_received(s.a, &s.dst.messenger, &p.guid,
							   &s.message.request_id));
			}
		}
		blocks[b] = logs_block(s.a, &lb);
	}
	facts_of_blocks(s.a, &s.facts, &s.dst, blocks, 3);
	ck_assert_uint_eq(s.facts.n, 12);
	for (size_t i = 0; i < 12; i++) {
		ck_assert_uint_eq(s.facts.v[i].event.packet_delivered.path.nonce, i + 1);
		ck_assert(s.facts.v[i].received);
		ck_assert_int_eq(s.facts.v[i].block, 60 + (int64_t)i / 4);
		ck_assert_int_eq(s.facts.v[i].log_index, 2 * ((int64_t)i % 4));
	}
	facts_of_blocks(s.a, &s.facts, &s.dst, blocks, 0);
	ck_assert_uint_eq(s.facts.n, 0);
	scene_end(&s);
}
END_TEST

/* The log of the real endpoint: not of our Messenger's format, and so no fact of ours; with our configuration it
 * must not crash whatever it is cut to. */
START_TEST(a_log_of_the_real_endpoint_cut_anywhere_is_no_fact)
{
	struct scene s;
	scene_begin(&s);
	const json_t *row = vectors_get(vectors_load(s.a, "layerzero"), "packetSentLog");
	struct log_entry log = {.address = s.src.endpoint, .data = vectors_get_bytes(s.a, row, "data")};
	size_t i;
	const json_t *topic;
	json_array_foreach(vectors_get(row, "topics"), i, topic)
		log.topics[log.topics_n++] = vectors_hash(topic);
	struct events_event e;
	ck_assert_int_eq(events_decode(&e, &log), ST_OK);
	for (size_t n = 0; n <= log.data.n; n++) {
		struct log_entry cut = log;
		cut.data.n = n;
		ck_assert_uint_eq(facts_of(&s, &s.src, cut), 0);
	}
	scene_end(&s);
}
END_TEST

SUITE("relay/facts", a_packet_of_our_messenger_is_a_fact, who_emitted_it_decides,
      destination_events_name_the_packet_by_its_place,
      alerts_and_attestations_of_others_do_not_count, packets_that_are_none_of_our_messengers,
      delivered_is_what_the_messenger_received_in_that_transaction,
      facts_stand_in_the_order_of_the_chain,
      a_log_of_the_real_endpoint_cut_anywhere_is_no_fact)
