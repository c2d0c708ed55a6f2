/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/storage/rig.h"

START_TEST(the_database_holds_the_same_states)
{
	struct rig r;
	rig_begin(&r);
	rig_true(&r, "(SELECT count(*) FROM unnest(enum_range(NULL::message_state))) = %d", STATE_COUNT);
	for (int s = 0; s < STATE_COUNT; s++) {
		const char *name = state_name((enum message_state)s);
		rig_true(&r, "(enum_range(NULL::message_state))[%d]::text = '%s'", s + 1, name);
		ck_assert_int_eq(state_of_name(name), s);
	}
	ck_assert_int_eq(state_of_name("LOST"), STATE_COUNT);
	ck_assert_int_eq(state_of_name(""), STATE_COUNT);
	rig_end(&r);
}
END_TEST

START_TEST(the_database_holds_the_same_moves)
{
	struct rig r;
	rig_begin(&r);
	int moves = 0;
	for (int f = 0; f < STATE_COUNT; f++)
		for (int t = 0; t < STATE_COUNT; t++) {
			bool legal = state_can_move((enum message_state)f, (enum message_state)t);
			moves += legal;
			rig_true(&r,
				 "EXISTS (SELECT 1 FROM message_transition WHERE from_state = '%s' "
				 "AND to_state = '%s') = %s",
				 state_name((enum message_state)f), state_name((enum message_state)t),
				 legal ? "true" : "false");
		}
	rig_true(&r, "(SELECT count(*) FROM message_transition) = %d", moves);
	rig_end(&r);
}
END_TEST

START_TEST(nothing_follows_a_terminal_state)
{
	for (int f = 0; f < STATE_COUNT; f++) {
		enum message_state s = (enum message_state)f;
		bool leads_on = false;
		for (int t = 0; t < STATE_COUNT; t++)
			leads_on |= state_can_move(s, (enum message_state)t);
		ck_assert_int_eq(leads_on, !state_is_terminal(s));
		ck_assert(!state_can_move(s, s));
		ck_assert_int_eq(state_is_terminal(s), state_stage(s) == STAGE_NONE);
		ck_assert_int_eq(state_is_done(s), state_stage(s) == STAGE_CONFIRM);
	}
}
END_TEST

/* Does a message that was never delivered, cleared, skipped or burned stay free of such an event? */
static bool may_be_passed(int s)
{
	return !state_is_done((enum message_state)s) && !state_is_terminal((enum message_state)s);
}

START_TEST(paths_are_legal_shortest_and_tell_no_lies)
{
	enum { FAR = 1000 };
	int distance[STATE_COUNT][STATE_COUNT];
	for (int f = 0; f < STATE_COUNT; f++)
		for (int t = 0; t < STATE_COUNT; t++)
			distance[f][t] = f == t ? 0 :
					 state_can_move((enum message_state)f, (enum message_state)t) ? 1 : FAR;
	for (int k = 0; k < STATE_COUNT; k++)
		for (int f = 0; may_be_passed(k) && f < STATE_COUNT; f++)
			for (int t = 0; t < STATE_COUNT; t++)
				if (distance[f][k] + distance[k][t] < distance[f][t])
					distance[f][t] = distance[f][k] + distance[k][t];
	for (int f = 0; f < STATE_COUNT; f++)
		for (int t = 0; t < STATE_COUNT; t++) {
			enum message_state path[STATE_COUNT];
			size_t n = state_path((enum message_state)f, (enum message_state)t, path);
			const char *from = state_name((enum message_state)f);
			const char *to = state_name((enum message_state)t);
			if (distance[f][t] >= FAR) {
				ck_assert_msg(n == 0, "%s to %s", from, to);
				continue;
			}
			ck_assert_msg((int)n == distance[f][t] + 1, "%s to %s takes %zu states", from, to, n);
			ck_assert_int_eq(path[0], f);
			ck_assert_int_eq(path[n - 1], t);
			for (size_t i = 1; i < n; i++)
				ck_assert(state_can_move(path[i - 1], path[i]));
			for (size_t i = 1; i + 1 < n; i++)
				ck_assert_msg(may_be_passed((int)path[i]), "%s to %s leads through %s",
					      from, to, state_name(path[i]));
		}
}
END_TEST

START_TEST(what_chains_show_at_once_is_a_path)
{
	enum message_state path[STATE_COUNT];
	ck_assert_uint_eq(state_path(STATE_SENT, STATE_DELIVERED, path), 5);
	ck_assert_int_eq(path[1], STATE_VERIFYING);
	ck_assert_int_eq(path[2], STATE_VERIFIED);
	ck_assert_int_eq(path[3], STATE_COMMITTED);
	/* A failed execution that a reorganisation took back was not delivered in between. */
	ck_assert_uint_gt(state_path(STATE_EXECUTION_FAILED, STATE_COMMITTED, path), 1);
	ck_assert_int_eq(path[1], STATE_VERIFYING);
	ck_assert_uint_eq(state_path(STATE_CANCELLED, STATE_SENT, path), 0);
}
END_TEST

START_TEST(the_database_refuses_every_illegal_move)
{
	struct rig r;
	rig_begin(&r);
	struct message_ref m = rig_accept(&r, 1);
	(void)m;
	rig_sql(&r,
		"DO $$ DECLARE f message_state; t message_state; took boolean; legal boolean; BEGIN\n"
		"FOR f IN SELECT unnest(enum_range(NULL::message_state)) LOOP\n"
		"FOR t IN SELECT unnest(enum_range(NULL::message_state)) LOOP\n"
		"	ALTER TABLE message DISABLE TRIGGER message_check_move;\n"
		"	UPDATE message SET state = f;\n"
		"	ALTER TABLE message ENABLE TRIGGER message_check_move;\n"
		"	BEGIN\n"
		"		UPDATE message SET state = t, version = version + 1;\n"
		"		took := true;\n"
		"	EXCEPTION WHEN check_violation THEN took := false; END;\n"
		"	legal := f = t OR EXISTS (SELECT 1 FROM message_transition\n"
		"		WHERE from_state = f AND to_state = t);\n"
		"	IF took <> legal THEN\n"
		"		RAISE EXCEPTION '%% to %%: took %%, legal %%', f, t, took, legal;\n"
		"	END IF;\n"
		"END LOOP; END LOOP; END $$");
	rig_end(&r);
}
END_TEST

START_TEST(the_database_refuses_broken_paths)
{
	struct rig r;
	rig_begin(&r);
	rig_accept(&r, 1);
	const char *set = "UPDATE message SET version = version + 3, state = '%s', path = '{%s}'";
	static const struct { const char *state, *path, *words; } broken[] = {
		{"SENT", "ACCEPTED,SENT", "illegal move ACCEPTED to SENT"},
		{"VERIFYING", "ACCEPTED,SUBMITTED,VERIFYING", "illegal move SUBMITTED to VERIFYING"},
		{"SENT", "SUBMITTED,SENT", "does not lead from ACCEPTED to SENT"},
		{"SENT", "ACCEPTED,SUBMITTED", "does not lead from ACCEPTED to SENT"},
		{"ACCEPTED", "ACCEPTED,CANCELLED,ACCEPTED", "illegal move CANCELLED to ACCEPTED"},
		{"SUBMITTED", "ACCEPTED,SUBMITTED,SENT,DELIVERED,SUBMITTED", "illegal move SENT to DELIVERED"},
	};
	for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
		const char *sql = arena_printf(r.arena, set, broken[i].state, broken[i].path);
		rig_refused(&r, broken[i].words, "%s", sql);
	}
	rig_sql(&r, "%s", arena_printf(r.arena, set, "SENT", "ACCEPTED,SUBMITTED,SENT"));
	rig_true(&r, "(SELECT state = 'SENT' AND path IS NULL FROM message)");
	/* There and back again is a path too. */
	rig_sql(&r, "%s", arena_printf(r.arena, set, "SENT", "SENT,SUBMITTED,SENT"));
	rig_end(&r);
}
END_TEST

START_TEST(what_is_final_does_not_move_again)
{
	struct rig r;
	rig_begin(&r);
	struct message_ref m = rig_accept(&r, 1);
	rig_move(&r, &m, STATE_DELIVERED, 5);
	rig_sql(&r, "UPDATE message SET state = 'COMMITTED', version = version + 1");
	rig_sql(&r, "UPDATE message SET state = 'DELIVERED', version = version + 1");
	rig_sql(&r, "UPDATE message SET dst_final = true");
	rig_refused(&r, "DELIVERED is final",
		    "UPDATE message SET state = 'COMMITTED', version = version + 1");
	rig_refused(&r, "DELIVERED is final",
		    "UPDATE message SET version = version + 2, path = '{DELIVERED,COMMITTED,DELIVERED}'");
	/* Events that are no moves go on: FINAL itself is one. */
	rig_sql(&r, "UPDATE message SET version = version + 1");
	rig_end(&r);
}
END_TEST

START_TEST(versions_only_grow)
{
	struct rig r;
	rig_begin(&r);
	rig_accept(&r, 1);
	rig_sql(&r, "UPDATE message SET version = 7, state = 'SUBMITTED'");
	rig_refused(&r, "version 6 after 7", "UPDATE message SET version = 6");
	rig_refused(&r, "version 6 after 7", "UPDATE message SET version = 6, state = 'SENT'");
	rig_true(&r, "(SELECT version = 7 AND state = 'SUBMITTED' FROM message)");
	rig_end(&r);
}
END_TEST

PG_SUITE("storage/state", the_database_holds_the_same_states, the_database_holds_the_same_moves,
	 nothing_follows_a_terminal_state, paths_are_legal_shortest_and_tell_no_lies,
	 what_chains_show_at_once_is_a_path, the_database_refuses_every_illegal_move,
	 the_database_refuses_broken_paths, what_is_final_does_not_move_again, versions_only_grow)
