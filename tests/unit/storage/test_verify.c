/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/storage/rig.h"

/* Everything that a healthy database can hold: each stage, a lane, a carried message, an observed one. */
static void populate(struct rig *r, struct message_ref m[10])
{
	static const enum message_state states[] = {
		STATE_ACCEPTED,	 STATE_SUBMITTED, STATE_SENT,	   STATE_VERIFYING, STATE_VERIFIED,
		STATE_COMMITTED, STATE_DELIVERED, STATE_CANCELLED, STATE_FAILED,    STATE_EXECUTION_FAILED};
	struct addr signer = rig_addr(9);
	struct journal_lane lane;
	rig_begin(r);
	for (size_t i = 0; i < 10; i++) {
		m[i] = rig_accept(r, i);
		if (states[i] != STATE_ACCEPTED)
			rig_move(r, &m[i], states[i], 5);
	}
	pg_ok(r->cx, journal_lane_open(&r->cx, r->db, &lane, RIG_SRC, &signer, "submit", 3));
	struct journal_entry e[3];
	for (int64_t i = 0; i < 3; i++)
		e[i] = (struct journal_entry){
			.eid = RIG_SRC,
			.signer = signer,
			.nonce = 3 + i,
			.purpose = "SUBMIT",
			.to = rig_addr(1),
			.calldata = bytes_of("x", 1),
			.value = "0",
			.items_app = &m[1].app_id,
			.items_id = &m[1].id,
			.items_n = i == 0,
			.raw = bytes_of("x", 1),
			.hash = rig_hash((uint64_t)i),
			.max_fee = "1",
			.tip = "1",
		};
	pg_ok(r->cx, journal_insert(&r->cx, r->db, e, 3));
	rig_sql(r, "UPDATE outbox SET signer = %s, tx_nonce = 3 WHERE id = %s", rig_hex(r, signer.b, 20),
		rig_uuid(r, &m[1].id));
}

/* What verify-journal writes, and that it finds as many divergences. */
static const char *findings(struct rig *r, enum status expected)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	ctx_error_clear(&r->cx);
	enum status st = verify_journal(&r->cx, r->db, f);
	fclose(f);
	ck_assert_msg(st == expected, "%s\n%s", status_name(st), text);
	const char *out = arena_strdup(r->arena, text);
	free(text);
	return out;
}

/* Breaks a healthy database by hand, without the trigger, and expects this one line. */
static void finds(const char *check, const char *words, const char *damage)
{
	struct rig r;
	struct message_ref m[10];
	populate(&r, m);
	findings(&r, ST_OK);
	rig_sql(&r, "ALTER TABLE message DISABLE TRIGGER message_check_move; %s", damage);
	const char *text = findings(&r, ST_CONFLICT);
	ck_assert_msg(strncmp(text, check, strlen(check)) == 0, "%s\n%s", check, text);
	ck_assert_msg(strstr(text, words), "'%s' is not in\n%s", words, text);
	ck_assert_msg(strstr(r.cx.err.message, "1 divergences"), "%s\n%s", r.cx.err.message, text);
	rig_end(&r);
}

START_TEST(a_clean_database_has_none)
{
	struct rig r;
	struct message_ref m[10];
	populate(&r, m);
	ck_assert_str_eq(findings(&r, ST_OK), "verify-journal: no divergence\n");
	rig_end(&r);
}
END_TEST

START_TEST(an_empty_database_has_none)
{
	struct rig r;
	rig_begin(&r);
	ck_assert_str_eq(findings(&r, ST_OK), "verify-journal: no divergence\n");
	rig_end(&r);
}
END_TEST

START_TEST(states_that_the_log_does_not_say)
{
	finds("verify_states", "is EXPIRED, its events say CANCELLED",
	      "UPDATE message SET state = 'EXPIRED' WHERE state = 'CANCELLED'");
}
END_TEST

START_TEST(events_that_are_missing)
{
	finds("verify_gaps", "has version 2, 2 events, the last with seq 3",
	      "UPDATE message SET version = 2 WHERE state = 'ACCEPTED';"
	      "INSERT INTO event (app_id, message_id, seq, type) "
	      "SELECT app_id, id, 3, 'NOTE' FROM message WHERE state = 'ACCEPTED'");
}
END_TEST

START_TEST(versions_that_no_event_explains)
{
	finds("verify_gaps", "has version 2, 1 events, the last with seq 1",
	      "UPDATE message SET version = version + 1 WHERE state = 'ACCEPTED'");
}
END_TEST

START_TEST(moves_that_begin_where_none_ended)
{
	finds("verify_moves", "moves from VERIFYING, the message was VERIFIED",
	      "UPDATE event SET from_state = 'VERIFYING', to_state = 'SUBMITTED' "
	      "WHERE to_state = 'COMMITTED' AND message_id IN "
	      "(SELECT id FROM message WHERE state = 'COMMITTED');"
	      "UPDATE message SET state = 'SUBMITTED' WHERE state = 'COMMITTED';"
	      "UPDATE outbox SET stage = 2 WHERE id IN (SELECT id FROM message WHERE state = 'SUBMITTED')");
}
END_TEST

START_TEST(outbox_rows_that_are_missing)
{
	finds("verify_outbox", "is ACCEPTED, its outbox row says nothing",
	      "DELETE FROM outbox WHERE stage = 1");
}
END_TEST

START_TEST(outbox_rows_that_are_left_over)
{
	finds("verify_outbox", "is CANCELLED, its outbox row says stage 1",
	      "INSERT INTO outbox (app_id, id, eid, stage, num) "
	      "SELECT app_id, id, 1, 1, 1 FROM message WHERE state = 'CANCELLED'");
	finds("verify_outbox", "is DELIVERED (final), its outbox row says stage 6",
	      "UPDATE message SET dst_final = true WHERE state = 'DELIVERED'");
}
END_TEST

START_TEST(outbox_rows_of_another_stage)
{
	finds("verify_outbox", "is VERIFYING, its outbox row says stage 5",
	      "UPDATE outbox SET stage = 5 WHERE stage = 4");
}
END_TEST

START_TEST(lanes_with_gaps)
{
	finds("verify_lanes", "next nonce 6, journal holds 2 nonces from 3 to 5",
	      "DELETE FROM journal_tx WHERE nonce = 4; DELETE FROM journal WHERE nonce = 4");
	finds("verify_lanes", "next nonce 9, journal holds 3 nonces from 3 to 5",
	      "UPDATE lane SET next_nonce = 9");
}
END_TEST

START_TEST(carriers_that_do_not_carry)
{
	finds("verify_carried", "is carried by nonce 4", "UPDATE outbox SET tx_nonce = 4 WHERE signer IS NOT NULL");
	finds("verify_carried", "is carried by nonce 77",
	      "UPDATE outbox SET tx_nonce = 77 WHERE signer IS NOT NULL");
}
END_TEST

START_TEST(messages_that_two_transactions_could_send)
{
	finds("verify_twice", "is in 2 source transactions",
	      "UPDATE journal SET items_app = j.items_app, items_id = j.items_id FROM journal j "
	      "WHERE journal.nonce = 4 AND j.nonce = 3");
}
END_TEST

START_TEST(packets_that_two_messages_claim)
{
	finds("verify_guids", "belongs to 2 messages",
	      "UPDATE message SET guid = (SELECT guid FROM message WHERE state = 'SENT') WHERE state = 'VERIFIED'");
}
END_TEST

START_TEST(it_changes_nothing_and_leaves_the_connection_as_it_was)
{
	struct rig r;
	struct message_ref m[10];
	populate(&r, m);
	findings(&r, ST_OK);
	ck_assert(!tx_is_open(r.db));
	rig_accept(&r, 50);
	rig_true(&r, "current_setting('statement_timeout') <> '0'");
	rig_end(&r);
}
END_TEST

PG_SUITE("storage/verify", a_clean_database_has_none, an_empty_database_has_none,
	 states_that_the_log_does_not_say, events_that_are_missing, versions_that_no_event_explains,
	 moves_that_begin_where_none_ended, outbox_rows_that_are_missing,
	 outbox_rows_that_are_left_over, outbox_rows_of_another_stage, lanes_with_gaps,
	 carriers_that_do_not_carry, messages_that_two_transactions_could_send,
	 packets_that_two_messages_claim, it_changes_nothing_and_leaves_the_connection_as_it_was)
