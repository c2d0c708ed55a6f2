/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/relay/scene.h"

START_TEST(our_transaction_sends_a_message)
{
	struct scene s;
	scene_begin(&s);
	struct outbox_item *it = at_state(&s, 0, STATE_SUBMITTED);
	it->submitter = s.messages[0].author;
	own_tx(&s, it, logs_hash(5, 1), "SUBMIT");
	sent(&s, logs_hash(5, 1), &s.packets[0]);
	work(&s, s.src);
	ck_assert_int_eq(it->state, STATE_SENT);
	ck_assert_str_eq(story(&s, it), "SENT");
	unit_assert_hash_eq(it->guid, s.packets[0].guid);
	ck_assert_int_eq(it->nonce, 7);
	ck_assert(bytes_equal(it->packet, packet_encode(s.a, &s.packets[0])));
	ck_assert_int_eq(it->src.block, 50);
	ck_assert_int_eq(it->out_block, 50);
	ck_assert(!it->is_carried);
	ck_assert_int_eq(it->events[0].chain_eid, LOGS_SRC);
	ck_assert_int_eq(it->events[0].gas_used, 100000);
	ck_assert_str_eq(it->events[0].fee, "1700000"); /* 100000 gas at 7, and the value */
	ck_assert_str_eq(it->fee_added, "1700000");
	ck_assert_uint_eq(s.apply.observed_n, 0);
	scene_end(&s);
}
END_TEST

START_TEST(costs_are_shared_by_what_a_transaction_carried)
{
	struct scene s;
	scene_begin(&s);
	struct outbox_item *it = at_state(&s, 0, STATE_SUBMITTED);
	own_tx(&s, it, logs_hash(5, 1), "SUBMIT");
	s.mined[0].items_n = 4;
	sent(&s, logs_hash(5, 1), &s.packets[0]);
	work(&s, s.src);
	ck_assert_int_eq(it->events[0].gas_used, 25000);
	ck_assert_str_eq(it->fee_added, "425000");
	scene_end(&s);
}
END_TEST

START_TEST(a_message_that_somebody_else_sent_is_adopted)
{
	struct scene s;
	scene_begin(&s);
	struct outbox_item *it = at_state(&s, 0, STATE_ACCEPTED);
	it->is_signed = s.messages[0].is_signed = true;
	it->author = s.messages[0].author = logs_addr(0xaa, 7);
	memset(&s.messages[0].app_id, 0, 32);
	s.packets[0] = logs_packet(s.a, false, 7, &s.messages[0]);
	sent(&s, logs_hash(5, 1), &s.packets[0]);
	work(&s, s.src);
	ck_assert_str_eq(story(&s, it), "SUBMITTED SENT_BY_OTHER SENT");
	ck_assert_ptr_null(it->fee_added);
	ck_assert(addr_is_zero(&it->submitter));
	/* Also while our own transaction waits for its block: that one is not what sent it. */
	it = at_state(&s, 1, STATE_SUBMITTED);
	own_tx(&s, it, logs_hash(5, 2), "SUBMIT");
	it->is_signed = s.messages[1].is_signed = true;
	it->author = s.messages[1].author = logs_addr(0xaa, 7);
	memset(&s.messages[1].app_id, 0, 32);
	s.packets[1] = logs_packet(s.a, false, 8, &s.messages[1]);
	sent(&s, logs_hash(5, 99), &s.packets[1]);
	work(&s, s.src);
	ck_assert_str_eq(story(&s, it), "SENT_BY_OTHER SENT");
	scene_end(&s);
}
END_TEST

/* The request id of an unsigned item is anybody's to write. */
START_TEST(a_spoofed_request_id_is_another_message)
{
	struct scene s;
	scene_begin(&s);
	at_state(&s, 0, STATE_SUBMITTED)->submitter = s.messages[0].author;
	const struct messenger_message honest = s.messages[0];
	struct messenger_message lies[7];
	for (size_t i = 0; i < 7; i++)
		lies[i] = honest;
	lies[0].author = logs_addr(0xbb, 1);
	lies[1].app_id = logs_hash(2, 9);
	lies[2].receiver = logs_hash(4, 99);
	lies[3].payload = bytes_of("hellO", 5);
	lies[4].ordering_key = logs_hash(8, 8);
	lies[4].seq = 1;
	lies[5].is_signed = true;
	memset(&lies[5].app_id, 0, 32);
	lies[6].payload = bytes_of("hell", 4);
	for (size_t i = 0; i < 7; i++) {
		struct packet p = logs_packet(s.a, false, 70 + i, &lies[i]);
		sent(&s, logs_hash(5, i), &p);
		work(&s, s.src);
		ck_assert_msg(s.items[0].events_n == 0, "lie %zu", i);
		ck_assert_int_eq(s.items[0].state, STATE_SUBMITTED);
		ck_assert_msg(s.apply.observed_n == 1, "lie %zu", i);
		unit_assert_hash_eq(s.apply.observed[0].guid, p.guid);
		ck_assert_int_eq(s.apply.observed[0].nonce, 70 + (int64_t)i);
	}
	/* To another chain than ours, for the same reason; there is none such, so it is not even observed. */
	struct packet p = s.packets[0];
	p.dst_eid = 1;
	p.guid = packet_guid(&p);
	sent(&s, logs_hash(5, 8), &p);
	work(&s, s.src);
	ck_assert_uint_eq(s.apply.observed_n, 0);
	ck_assert_int_eq(s.items[0].state, STATE_SUBMITTED);
	/* The honest one still counts. */
	sent(&s, logs_hash(5, 9), &s.packets[0]);
	work(&s, s.src);
	ck_assert_int_eq(s.items[0].state, STATE_SENT);
	scene_end(&s);
}
END_TEST

START_TEST(before_it_is_bound_any_account_of_ours_may_send_it)
{
	struct scene s;
	scene_begin(&s);
	at_state(&s, 0, STATE_ACCEPTED);
	s.messages[0].author = logs_addr(0xbb, 1);
	struct packet p = logs_packet(s.a, false, 70, &s.messages[0]);
	sent(&s, logs_hash(5, 1), &p);
	work(&s, s.src);
	ck_assert_int_eq(s.items[0].state, STATE_ACCEPTED);
	sent(&s, logs_hash(5, 2), &s.packets[0]);
	work(&s, s.src);
	ck_assert_int_eq(s.items[0].state, STATE_SENT);
	unit_assert_addr_eq(s.items[0].submitter, *signer_account(s.src->submit));
	scene_end(&s);
}
END_TEST

START_TEST(packets_of_others_are_observed)
{
	struct scene s;
	scene_begin(&s);
	struct messenger_message m = {
		.author = logs_addr(0xbb, 1),
		.request_id = logs_hash(3, 77),
		.receiver = logs_hash(4, 77),
		.gas_limit = u256_of_u64(UINT64_MAX),
	};
	struct packet p = logs_packet(s.a, false, 70, &m);
	sent(&s, logs_hash(5, 1), &p);
	work(&s, s.src);
	ck_assert_uint_eq(s.apply.observed_n, 1);
	const struct outbox_item *o = &s.apply.observed[0];
	unit_assert_hash_eq(o->guid, p.guid);
	unit_assert_hash_eq(o->request_id, m.request_id);
	unit_assert_addr_eq(o->author, m.author);
	ck_assert_ptr_nonnull(o->payload.p); /* empty, not missing */
	ck_assert_int_eq(o->gas_limit, INT64_MAX);
	ck_assert_str_eq(o->value, "0");
	ck_assert_int_eq(o->src.block, 50);
	scene_end(&s);
}
END_TEST

START_TEST(a_request_sent_twice_moves_once)
{
	struct scene s;
	scene_begin(&s);
	at_state(&s, 0, STATE_SUBMITTED);
	struct packet again = logs_packet(s.a, false, 60, &s.messages[0]);
	sent(&s, logs_hash(5, 1), &s.packets[0]);
	sent(&s, logs_hash(5, 2), &again);
	work(&s, s.src);
	ck_assert_str_eq(story(&s, &s.items[0]), "SENT_BY_OTHER SENT");
	unit_assert_hash_eq(s.items[0].guid, s.packets[0].guid);
	ck_assert_uint_eq(s.apply.observed_n, 1);
	unit_assert_hash_eq(s.apply.observed[0].guid, again.guid);
	scene_end(&s);
}
END_TEST

/* A request id is what was said, not who said it. */
START_TEST(authors_who_sign_the_same_words_are_told_apart)
{
	for (size_t order = 0; order < 2; order++) {
		struct scene s;
		scene_begin(&s);
		s.items_n = 3;
		for (size_t i = 0; i < 3; i++) {
			s.messages[i].author = logs_addr(0x44, (uint8_t)i);
			s.messages[i].request_id = logs_hash(3, 0);
			s.messages[i].receiver = logs_hash(4, 0);
			s.messages[i].app_id = (struct hash){{0}};
			s.messages[i].is_signed = true;
			s.packets[i] = logs_packet(s.a, false, 7 + i, &s.messages[i]);
			s.items[i].request_id = logs_hash(3, 0);
			s.items[i].receiver = logs_hash(4, 0);
			s.items[i].is_signed = true;
			s.items[i].author = s.messages[i].author;
			at_state(&s, i, STATE_SUBMITTED);
		}
		/* One transaction holds all three; the Messenger leaves out its first. */
		struct outbox_item *left_out = &s.items[2];
		own_tx(&s, left_out, logs_hash(5, 1), "SUBMIT");
		for (size_t i = 0; i < 2; i++) {
			s.items[i].is_carried = true;
			s.items[i].signer = left_out->signer;
			s.items[i].tx_nonce = left_out->tx_nonce;
		}
		emit(&s, logs_hash(5, 1),
		     logs_reason(s.a, &s.src->config.messenger, EVENTS_SKIPPED, &left_out->request_id,
				 logs_revert(s.a, "NonceUsed(address,uint256)")));
		sent(&s, logs_hash(5, 1), &s.packets[order]);
		sent(&s, logs_hash(5, 1), &s.packets[1 - order]);
		work(&s, s.src);
		ck_assert_uint_eq(s.apply.observed_n, 0);
		for (size_t i = 0; i < 2; i++) {
			ck_assert_int_eq(s.items[i].state, STATE_SENT);
			unit_assert_hash_eq(s.items[i].guid, s.packets[i].guid);
		}
		ck_assert_int_eq(left_out->state, STATE_SUBMITTED);
		ck_assert_int_eq(left_out->skip, OUTBOX_SKIP_NONCE);
		scene_end(&s);
	}
}
END_TEST

START_TEST(what_the_messenger_skipped_is_noted_with_its_reason)
{
	static const struct {
		const char *error;
		enum outbox_skip skip;
	} rows[] = {
		{"NonceUsed(address,uint256)", OUTBOX_SKIP_NONCE},
		{"Expired(uint256)", OUTBOX_SKIP_LATE},
		{"FeeNotCovered(uint256,uint256)", OUTBOX_SKIP_AGAIN},
		{NULL, OUTBOX_SKIP_AGAIN},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct scene s;
		scene_begin(&s);
		struct outbox_item *it = at_state(&s, 0, STATE_SUBMITTED);
		own_tx(&s, it, logs_hash(5, 1), "SUBMIT");
		struct bytes why = rows[i].error ? logs_revert(s.a, rows[i].error) : bytes_of("", 0);
		struct log_entry log =
			logs_reason(s.a, &s.src->config.messenger, EVENTS_SKIPPED, &it->request_id, why);
		emit(&s, logs_hash(5, 2), log); /* somebody else's transaction: nothing to us */
		work(&s, s.src);
		ck_assert_uint_eq(it->events_n, 0);
		emit(&s, logs_hash(5, 1), log);
		work(&s, s.src);
		ck_assert_int_eq(it->skip, rows[i].skip);
		ck_assert_int_eq(it->state, STATE_SUBMITTED);
		ck_assert(it->is_carried); /* until the block is final */
		ck_assert_str_eq(story(&s, it), "NOT_SENT");
		ck_assert_ptr_nonnull(it->evidence);
		scene_end(&s);
	}
}
END_TEST

START_TEST(a_skip_of_an_earlier_carrier_says_nothing)
{
	struct scene s;
	scene_begin(&s);
	struct outbox_item *it = at_state(&s, 0, STATE_SUBMITTED);
	own_tx(&s, it, logs_hash(5, 1), "SUBMIT");
	own_tx(&s, it, logs_hash(5, 2), "SUBMIT"); /* carries it now */
	emit(&s, logs_hash(5, 1),
	     logs_reason(s.a, &s.src->config.messenger, EVENTS_SKIPPED, &it->request_id, bytes_of("", 0)));
	work(&s, s.src);
	ck_assert_uint_eq(it->events_n, 0);
	scene_end(&s);
}
END_TEST

/* Strangers' code runs in a batch's transaction: the factories of wallets. It can make the Messenger say anything. */
START_TEST(a_batch_is_left_out_by_its_registry_alone)
{
	struct scene s;
	scene_begin(&s);
	struct outbox_item *it = at_state(&s, 0, STATE_SUBMITTED), *push = at_state(&s, 1, STATE_SUBMITTED);
	s.world->chains[0].config.proxy_registry = logs_addr(0x55, 9);
	it->kind = FERRY__V1__KIND__KIND_REGISTRY;
	own_tx(&s, it, logs_hash(5, 1), "SUBMIT");
	own_tx(&s, push, logs_hash(5, 2), "SUBMIT");
	struct addr registry = s.src->config.proxy_registry, messenger = s.src->config.messenger;
	emit(&s, logs_hash(5, 1), logs_reason(s.a, &messenger, EVENTS_SKIPPED, &it->request_id,
					      logs_revert(s.a, "Expired(uint256)")));
	emit(&s, logs_hash(5, 2), logs_reason(s.a, &registry, EVENTS_SKIPPED, &push->request_id,
					      logs_revert(s.a, "Expired(uint256)")));
	work(&s, s.src);
	ck_assert_uint_eq(it->events_n + push->events_n, 0);
	ck_assert_int_eq(it->skip, OUTBOX_SKIP_NONE);
	ck_assert_int_eq(push->skip, OUTBOX_SKIP_NONE);
	emit(&s, logs_hash(5, 1), logs_reason(s.a, &registry, EVENTS_SKIPPED, &it->request_id,
					      logs_revert(s.a, "EmptyBatch()")));
	work(&s, s.src);
	ck_assert_str_eq(story(&s, it), "NOT_SENT");
	ck_assert_int_eq(it->skip, OUTBOX_SKIP_NONCE);
	scene_end(&s);
}
END_TEST

/* As above: what such code sends for somebody is no work of that transaction's. */
START_TEST(what_a_stranger_sends_in_our_transaction_costs_its_message_nothing)
{
	struct scene s;
	scene_begin(&s);
	struct outbox_item *batch = at_state(&s, 0, STATE_SUBMITTED), *it = at_state(&s, 1, STATE_ACCEPTED);
	own_tx(&s, batch, logs_hash(5, 1), "SUBMIT");
	it->is_signed = s.messages[1].is_signed = true;
	it->author = s.messages[1].author = logs_addr(0xaa, 7);
	memset(&s.messages[1].app_id, 0, 32);
	s.packets[1] = logs_packet(s.a, false, 8, &s.messages[1]);
	sent(&s, logs_hash(5, 1), &s.packets[1]);
	work(&s, s.src);
	ck_assert_str_eq(story(&s, it), "SUBMITTED SENT_BY_OTHER SENT");
	ck_assert_ptr_null(it->fee_added);
	scene_end(&s);
}
END_TEST

SUITE("relay/apply", our_transaction_sends_a_message,
      costs_are_shared_by_what_a_transaction_carried,
      a_message_that_somebody_else_sent_is_adopted, a_spoofed_request_id_is_another_message,
      before_it_is_bound_any_account_of_ours_may_send_it, packets_of_others_are_observed,
      a_request_sent_twice_moves_once, authors_who_sign_the_same_words_are_told_apart,
      what_the_messenger_skipped_is_noted_with_its_reason,
      a_skip_of_an_earlier_carrier_says_nothing, a_batch_is_left_out_by_its_registry_alone,
      what_a_stranger_sends_in_our_transaction_costs_its_message_nothing)
