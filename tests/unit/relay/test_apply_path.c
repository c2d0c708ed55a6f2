/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/relay/scene.h"

START_TEST(a_message_goes_step_by_step)
{
	struct scene s;
	scene_begin(&s);
	struct outbox_item *it = at_state(&s, 0, STATE_VERIFYING);
	own_tx(&s, it, logs_hash(5, 71), "VERIFY");
	attested(&s, &s.packets[0], 1);
	work(&s, s.dst);
	ck_assert_int_eq(it->state, STATE_VERIFIED);
	ck_assert_int_eq(it->verify_have, 1);
	ck_assert_int_eq(it->events[0].gas_used, 100000);
	ck_assert_ptr_null(it->fee_added); /* another currency */
	ck_assert(it->is_carried);	   /* the errand goes on */
	on_path(&s, EVENTS_PACKET_VERIFIED, &s.packets[0]);
	work(&s, s.dst);
	ck_assert_int_eq(it->state, STATE_COMMITTED);
	ck_assert_int_eq(it->due_us, 0);
	delivered(&s, logs_hash(5, 72), 0);
	work(&s, s.dst);
	ck_assert_str_eq(story(&s, it), "VERIFIED COMMITTED DELIVERED");
	ck_assert_int_eq(it->dst.block, 52);
	ck_assert_int_eq(it->out_block, 52);
	ck_assert_int_eq(it->attempts, 1);
	ck_assert_int_eq(it->events[2].attempt, 1);
	ck_assert(!it->is_carried);
	scene_end(&s);
}
END_TEST

START_TEST(what_one_block_shows_at_once_is_told_in_order)
{
	struct scene s;
	scene_begin(&s);
	struct outbox_item *it = at_state(&s, 0, STATE_SENT); /* the source is not even final for us */
	delivered(&s, logs_hash(5, 72), 0);
	work(&s, s.dst);
	ck_assert_str_eq(story(&s, it), "VERIFYING VERIFIED COMMITTED DELIVERED");
	for (size_t i = 0; i < it->events_n; i++)
		ck_assert_int_eq(it->events[i].place.block, 50);
	scene_end(&s);
}
END_TEST

START_TEST(the_same_facts_again_change_nothing)
{
	struct scene s;
	scene_begin(&s);
	struct outbox_item *it = at_state(&s, 0, STATE_SUBMITTED);
	for (int i = 0; i < 3; i++) {
		s.block.number = 50;
		sent(&s, logs_hash(5, 1), &s.packets[0]);
		work(&s, s.src);
		ck_assert_str_eq(story(&s, it), "SENT_BY_OTHER SENT");
		ck_assert_uint_eq(s.apply.observed_n, 0);
	}
	it->state = STATE_VERIFYING;
	it->src_final = true;
	it->events_n = 0;
	for (int i = 0; i < 3; i++) {
		s.block.number = 60;
		attested(&s, &s.packets[0], 1);
		on_path(&s, EVENTS_PACKET_VERIFIED, &s.packets[0]);
		delivered(&s, logs_hash(5, 72), 0);
		work(&s, s.dst);
		sent(&s, logs_hash(5, 1), &s.packets[0]);
		work(&s, s.src);
		ck_assert_str_eq(story(&s, it), "VERIFIED COMMITTED DELIVERED");
		ck_assert_int_eq(it->attempts, 1);
	}
	scene_end(&s);
}
END_TEST

START_TEST(facts_of_a_final_message_are_history)
{
	struct scene s;
	scene_begin(&s);
	struct outbox_item *it = at_state(&s, 0, STATE_DELIVERED);
	it->is_open = false; /* final here before its source was, for us */
	it->dst_final = true;
	attested(&s, &s.packets[0], 0);
	on_path(&s, EVENTS_PACKET_VERIFIED, &s.packets[0]);
	on_path(&s, EVENTS_PACKET_BURNT, &s.packets[0]);
	on_path(&s, EVENTS_PACKET_NILIFIED, &s.packets[0]);
	alert(&s, logs_hash(5, 72), 0, NULL);
	delivered(&s, logs_hash(5, 72), 0);
	work(&s, s.dst);
	sent(&s, logs_hash(5, 1), &s.packets[0]);
	work(&s, s.src);
	ck_assert_uint_eq(it->events_n, 0);
	ck_assert(!it->changed);
	ck_assert_ptr_null(s.apply.unknown);
	scene_end(&s);
}
END_TEST

START_TEST(a_packet_whose_source_is_not_known_yet_must_wait)
{
	struct scene s;
	scene_begin(&s);
	struct packet p = logs_packet(s.a, false, 99, &s.messages[0]);
	on_path(&s, EVENTS_PACKET_VERIFIED, &p);
	on_path(&s, EVENTS_PACKET_VERIFIED, &s.packets[1]);
	work(&s, s.dst);
	ck_assert_ptr_nonnull(s.apply.unknown);
	unit_assert_hash_eq(s.apply.unknown->guid, p.guid);
	ck_assert_int_eq(s.apply.unknown_src_eid, LOGS_SRC);
	/* Of a sender that is not the Messenger's peer, or to another receiver, it is nobody's. */
	p.sender = logs_hash(9, 9);
	on_path(&s, EVENTS_PACKET_VERIFIED, &p);
	p = logs_packet(s.a, false, 99, &s.messages[0]);
	p.receiver = logs_hash(9, 9);
	attested(&s, &p, 1);
	p = logs_packet(s.a, false, 99, &s.messages[0]);
	p.src_eid = 5;
	on_path(&s, EVENTS_PACKET_DELIVERED, &p);
	work(&s, s.dst);
	ck_assert_ptr_null(s.apply.unknown);
	scene_end(&s);
}
END_TEST

/* Guids name a place of the path. After a reorganisation another packet may stand there. */
START_TEST(a_commit_of_another_payload_must_wait_for_the_source)
{
	struct scene s;
	scene_begin(&s);
	struct outbox_item *it = at_state(&s, 0, STATE_SENT);
	struct packet other = s.packets[0];
	other.message = bytes_of("another payload", 15);
	on_path(&s, EVENTS_PACKET_VERIFIED, &other);
	work(&s, s.dst);
	ck_assert_int_eq(it->state, STATE_SENT);
	ck_assert(!it->changed);
	ck_assert_ptr_nonnull(s.apply.unknown);
	ck_assert_int_eq(s.apply.unknown_src_eid, LOGS_SRC);
	scene_end(&s);
}
END_TEST

START_TEST(an_attestation_by_somebody_quicker_counts_too)
{
	struct scene s;
	scene_begin(&s);
	struct outbox_item *it = at_state(&s, 0, STATE_SENT);
	attested(&s, &s.packets[0], 1);
	work(&s, s.dst);
	ck_assert_str_eq(story(&s, it), "VERIFYING VERIFIED");
	scene_end(&s);
}
END_TEST

START_TEST(an_attestation_counts_for_its_own_payload_and_with_enough_confirmations)
{
	struct scene s;
	scene_begin(&s);
	s.dst->config.confirmations = 15;
	struct outbox_item *it = at_state(&s, 0, STATE_VERIFYING);
	struct packet other = s.packets[0];
	other.message = bytes_of("another payload", 15);
	attested(&s, &s.packets[0], 14);
	attested(&s, &other, 15);
	work(&s, s.dst);
	ck_assert_ptr_nonnull(s.apply.unknown); /* the source may have sent another packet from that place */
	ck_assert_int_eq(it->state, STATE_VERIFYING);
	attested(&s, &s.packets[0], UINT64_MAX);
	work(&s, s.dst);
	ck_assert_int_eq(it->state, STATE_VERIFIED);
	/* Another payload's retraction is none of this one. */
	attested(&s, &other, 0);
	work(&s, s.dst);
	ck_assert_int_eq(it->state, STATE_VERIFIED);
	ck_assert_ptr_null(s.apply.unknown);
	attested(&s, &s.packets[0], 0);
	work(&s, s.dst);
	ck_assert_int_eq(it->state, STATE_VERIFYING);
	ck_assert_int_eq(it->verify_have, 0);
	ck_assert_str_eq(story(&s, it), "VERIFIED VERIFYING");
	/* Once committed a retraction is void. */
	on_path(&s, EVENTS_PACKET_VERIFIED, &s.packets[0]);
	attested(&s, &s.packets[0], 0);
	work(&s, s.dst);
	ck_assert_int_eq(it->state, STATE_COMMITTED);
	scene_end(&s);
}
END_TEST

START_TEST(a_packet_delivered_without_its_messenger_was_cleared)
{
	struct scene s;
	scene_begin(&s);
	struct outbox_item *it = at_state(&s, 0, STATE_COMMITTED);
	it->act = "SKIP";
	on_path(&s, EVENTS_PACKET_DELIVERED, &s.packets[0]);
	work(&s, s.dst);
	ck_assert_str_eq(story(&s, it), "CLEARED");
	ck_assert_int_eq(it->attempts, 0);
	ck_assert_ptr_null(it->act);
	scene_end(&s);
}
END_TEST

START_TEST(the_owner_may_skip_burn_and_nilify)
{
	struct scene s;
	scene_begin(&s);
	at_state(&s, 0, STATE_VERIFYING);
	at_state(&s, 1, STATE_COMMITTED);
	at_state(&s, 2, STATE_EXECUTION_FAILED);
	at_state(&s, 3, STATE_SENT);
	on_path(&s, EVENTS_INBOUND_NONCE_SKIPPED, &s.packets[0]);
	on_path(&s, EVENTS_PACKET_BURNT, &s.packets[1]);
	on_path(&s, EVENTS_PACKET_NILIFIED, &s.packets[2]);
	on_path(&s, EVENTS_PACKET_NILIFIED, &s.packets[3]);
	work(&s, s.dst);
	ck_assert_str_eq(story(&s, &s.items[0]), "SKIPPED");
	ck_assert_str_eq(story(&s, &s.items[1]), "BURNED");
	ck_assert_str_eq(story(&s, &s.items[2]), "VERIFYING");
	ck_assert_int_eq(s.items[2].reason, REASON(NILIFIED));
	ck_assert_int_eq(s.items[2].due_us, OUTBOX_NEVER);
	ck_assert_int_eq(s.items[2].verify_have, 0);
	/* Verified and committed by others after all. */
	on_path(&s, EVENTS_PACKET_VERIFIED, &s.packets[2]);
	work(&s, s.dst);
	ck_assert_str_eq(story(&s, &s.items[2]), "VERIFYING VERIFIED COMMITTED");
	ck_assert_int_eq(s.items[2].reason, 0);
	scene_end(&s);
}
END_TEST

START_TEST(only_our_own_failed_attempts_count)
{
	struct scene s;
	scene_begin(&s);
	struct outbox_item *it = at_state(&s, 0, STATE_COMMITTED);
	alert(&s, logs_hash(5, 99), 0, "BadMessage()"); /* anyone may call the Batcher, with too little gas too */
	work(&s, s.dst);
	/* Also out of a transaction of ours, in which a stranger's code runs: this one was for another message. */
	own_tx(&s, at_state(&s, 1, STATE_COMMITTED), logs_hash(5, 98), "DELIVER");
	alert(&s, logs_hash(5, 98), 0, "BadMessage()");
	work(&s, s.dst);
	ck_assert_uint_eq(it->events_n, 0);
	ck_assert_int_eq(it->state, STATE_COMMITTED);
	own_tx(&s, it, logs_hash(5, 1), "DELIVER");
	it->retry_gas = 999;
	alert(&s, logs_hash(5, 1), 0, "BadMessage()");
	work(&s, s.dst);
	ck_assert_str_eq(story(&s, it), "EXECUTION_FAILED");
	ck_assert_int_eq(it->attempts, 1);
	ck_assert_int_eq(it->reason, REASON(RECEIVER_REVERTED));
	ck_assert(!it->is_carried);
	ck_assert_int_eq(it->retry_gas, 0);
	ck_assert_ptr_nonnull(strstr(it->evidence, "BadMessage"));
	int64_t wait_us = it->due_us - clock_wall_us();
	ck_assert_int_gt(wait_us, 1000000);
	ck_assert_int_lt(wait_us, 2100000);
	/* The next failure is a note, not a move. */
	own_tx(&s, it, logs_hash(5, 2), "DELIVER");
	alert(&s, logs_hash(5, 2), 0, NULL);
	work(&s, s.dst);
	ck_assert_str_eq(story(&s, it), "EXECUTION_FAILED EXECUTION_FAILED");
	ck_assert_int_eq(it->attempts, 2);
	ck_assert_int_eq(it->events[1].attempt, 2);
	ck_assert_int_eq(it->reason, REASON(RECEIVER_OUT_OF_GAS));
	delivered(&s, logs_hash(5, 3), 0);
	work(&s, s.dst);
	ck_assert_int_eq(it->state, STATE_DELIVERED);
	ck_assert_int_eq(it->attempts, 3);
	scene_end(&s);
}
END_TEST

START_TEST(attempts_end_and_the_message_waits_for_somebody)
{
	struct scene s;
	scene_begin(&s);
	struct outbox_item *it = at_state(&s, 0, STATE_EXECUTION_FAILED);
	it->attempts = 11;
	own_tx(&s, it, logs_hash(5, 1), "DELIVER");
	alert(&s, logs_hash(5, 1), 0, "BadMessage()");
	work(&s, s.dst);
	ck_assert_int_eq(it->reason, REASON(ATTEMPTS_EXHAUSTED));
	ck_assert_int_eq(it->due_us, OUTBOX_NEVER);
	scene_end(&s);
}
END_TEST

START_TEST(not_its_turn_is_no_failure)
{
	struct scene s;
	scene_begin(&s);
	struct outbox_item *it = at_state(&s, 0, STATE_COMMITTED);
	own_tx(&s, it, logs_hash(5, 1), "DELIVER");
	alert(&s, logs_hash(5, 1), 0, "LZ_InvalidNonce(uint64)");
	work(&s, s.dst);
	ck_assert_int_eq(it->state, STATE_COMMITTED);
	ck_assert_int_eq(it->attempts, 0);
	alert(&s, logs_hash(5, 1), 0, "OutOfOrder(uint64,uint64)");
	work(&s, s.dst);
	ck_assert_int_eq(it->state, STATE_EXECUTION_FAILED);
	ck_assert_int_eq(it->reason, REASON(WAITING_FOR_EARLIER_MESSAGE));
	scene_end(&s);
}
END_TEST

START_TEST(a_commit_that_failed_is_tried_again_soon)
{
	struct scene s;
	scene_begin(&s);
	struct outbox_item *it = at_state(&s, 0, STATE_VERIFIED);
	struct log_entry log =
		logs_reason(s.a, &s.dst->config.batcher, EVENTS_COMMIT_FAILED, &s.packets[0].guid,
			    logs_revert(s.a, "LZ_ULN_Verifying()"));
	emit(&s, logs_hash(5, 9), log);
	work(&s, s.dst);
	ck_assert(!it->changed); /* not ours */
	own_tx(&s, it, logs_hash(5, 1), "DELIVER");
	emit(&s, logs_hash(5, 1), log);
	work(&s, s.dst);
	ck_assert(it->changed);
	ck_assert_ptr_nonnull(strstr(it->evidence, "LZ_ULN_Verifying"));
	ck_assert_int_gt(it->due_us, clock_wall_us());
	ck_assert_int_eq(it->state, STATE_VERIFIED);
	scene_end(&s);
}
END_TEST

START_TEST(committed_messages_that_wait_for_somebody_are_not_due)
{
	struct scene s;
	scene_begin(&s);
	at_state(&s, 0, STATE_VERIFIED)->execution = FERRY__V1__EXECUTION__EXECUTION_PERMISSIONLESS;
	at_state(&s, 1, STATE_VERIFIED)->value = "5";
	at_state(&s, 2, STATE_VERIFIED)->act = "SKIP";
	s.items[2].execution = FERRY__V1__EXECUTION__EXECUTION_MANUAL;
	at_state(&s, 3, STATE_VERIFIED);
	for (size_t i = 0; i < ITEMS; i++)
		on_path(&s, EVENTS_PACKET_VERIFIED, &s.packets[i]);
	work(&s, s.dst);
	ck_assert_int_eq(s.items[0].due_us, OUTBOX_NEVER);
	ck_assert_int_eq(s.items[0].reason, REASON(WAITING_FOR_EXECUTOR));
	ck_assert_int_eq(s.items[1].due_us, OUTBOX_NEVER);
	ck_assert_int_eq(s.items[1].reason, REASON(VALUE_NOT_PAID));
	ck_assert_int_eq(s.items[2].due_us, 0); /* its owner gives it up: that is to be done */
	ck_assert_int_eq(s.items[3].due_us, 0);
	scene_end(&s);
}
END_TEST

START_TEST(a_tenants_message_goes_before_an_observed_one_with_its_request_id)
{
	for (int order = 0; order < 2; order++) {
		struct scene s;
		scene_begin(&s);
		struct outbox_item *mine = &s.items[order], *observed = &s.items[1 - order];
		s.items_n = 2;
		item_make(&s, 0);
		item_make(&s, 1);
		struct hash request = logs_hash(3, (uint64_t)order);
		mine->state = STATE_SUBMITTED;
		mine->submitter = s.messages[order].author;
		at_state(&s, (size_t)(1 - order), STATE_SENT);
		observed->request_id = request;
		observed->app_id = 0;
		observed->kind = FERRY__V1__KIND__KIND_OBSERVED;
		observed->guid = logs_hash(9, 9);
		sent(&s, logs_hash(5, 1), &s.packets[order]);
		work(&s, s.src);
		ck_assert_int_eq(mine->state, STATE_SENT);
		ck_assert_uint_eq(observed->events_n, 0);
		scene_end(&s);
	}
}
END_TEST

/* Any history ------------------------------------------------------------------------------------- */

/* What the endpoint would let happen to a packet, driven at random; legal facts only, lost ones and own or foreign
 * transactions mixed. The item must be where the chain is; an illegal move aborts. */
struct history {
	uint64_t seed;
	enum { ON_SOURCE, VERIFIED, COMMITTED, GONE } chain;
	bool verified;
	enum message_state end;
};

static uint64_t dice(struct history *h, uint64_t sides)
{
	h->seed = h->seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (h->seed >> 33) % sides;
}

static void history_done(struct scene *s, struct history *h)
{
	switch (dice(h, 4)) {
	case 0:
		h->end = STATE_CLEARED;
		on_path(s, EVENTS_PACKET_DELIVERED, &s->packets[0]);
		break;
	case 1:
		h->end = STATE_BURNED;
		on_path(s, EVENTS_PACKET_BURNT, &s->packets[0]);
		break;
	default:
		h->end = STATE_DELIVERED;
		delivered(s, logs_hash(5, 72 + dice(h, 2)), 0);
	}
	h->chain = GONE;
}

static void history_step(struct scene *s, struct history *h)
{
	const struct packet *p = &s->packets[0];
	switch (dice(h, 9)) {
	case 0:
	case 1:
		if (h->chain == GONE)
			return;
		h->verified = dice(h, 4) != 0;
		attested(s, p, h->verified);
		return;
	case 2:
	case 3:
		if (h->chain == GONE || !h->verified)
			return;
		h->chain = COMMITTED;
		on_path(s, EVENTS_PACKET_VERIFIED, p);
		return;
	case 4:
		if (h->chain == GONE)
			return;
		h->chain = ON_SOURCE;
		on_path(s, EVENTS_PACKET_NILIFIED, p);
		return;
	case 5:
		alert(s, logs_hash(5, 1 + dice(h, 3)), 0, dice(h, 2) ? "BadMessage()" : "LZ_InvalidNonce(uint64)");
		return;
	case 6:
		if (h->chain == COMMITTED)
			history_done(s, h);
		return;
	case 7:
		if (h->chain != ON_SOURCE || dice(h, 3))
			return;
		h->chain = GONE;
		h->end = STATE_SKIPPED;
		on_path(s, EVENTS_INBOUND_NONCE_SKIPPED, p);
		return;
	default:
		work(s, s->dst);
	}
}

START_TEST(any_legal_history_ends_where_the_chain_is)
{
	int ends[STATE_COUNT] = {0};
	for (uint64_t seed = 1; seed <= 400; seed++) {
		struct scene s;
		struct history h = {.seed = seed};
		scene_begin(&s);
		s.items_n = 1;
		struct outbox_item *it = at_state(&s, 0, dice(&h, 2) ? STATE_VERIFYING : STATE_SENT);
		own_tx(&s, it, logs_hash(5, 1), "DELIVER");
		for (int i = 0; i < 60; i++)
			history_step(&s, &h);
		work(&s, s.dst);
		ck_assert_ptr_null(s.apply.unknown);
		if (h.chain == GONE)
			ck_assert_msg(it->state == h.end, "seed %lu: %s", (unsigned long)seed, story(&s, it));
		else if (h.chain == COMMITTED)
			ck_assert_msg(it->state == STATE_COMMITTED || it->state == STATE_EXECUTION_FAILED,
				      "seed %lu: %s", (unsigned long)seed, story(&s, it));
		else
			ck_assert_msg(!state_is_done(it->state) && it->state != STATE_COMMITTED &&
					      it->state != STATE_EXECUTION_FAILED,
				      "seed %lu: %s", (unsigned long)seed, story(&s, it));
		ends[it->state]++;
		scene_end(&s);
	}
	ck_assert_int_gt(ends[STATE_DELIVERED], 20);
	ck_assert_int_gt(ends[STATE_CLEARED], 5);
	ck_assert_int_gt(ends[STATE_BURNED], 5);
	ck_assert_int_gt(ends[STATE_SKIPPED], 5);
}
END_TEST

SUITE("relay/apply_path", a_message_goes_step_by_step,
      what_one_block_shows_at_once_is_told_in_order, the_same_facts_again_change_nothing,
      facts_of_a_final_message_are_history, a_packet_whose_source_is_not_known_yet_must_wait,
      a_commit_of_another_payload_must_wait_for_the_source,
      an_attestation_by_somebody_quicker_counts_too,
      an_attestation_counts_for_its_own_payload_and_with_enough_confirmations,
      a_packet_delivered_without_its_messenger_was_cleared, the_owner_may_skip_burn_and_nilify,
      only_our_own_failed_attempts_count, attempts_end_and_the_message_waits_for_somebody,
      not_its_turn_is_no_failure, a_commit_that_failed_is_tried_again_soon,
      committed_messages_that_wait_for_somebody_are_not_due,
      a_tenants_message_goes_before_an_observed_one_with_its_request_id,
      any_legal_history_ends_where_the_chain_is)
