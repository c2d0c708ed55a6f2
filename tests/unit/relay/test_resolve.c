/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/resolve.h"
#include "tests/unit/storage/rig.h"

enum { NOW_S = 1700000000, NONCE = 40 };

struct scene {
	struct rig r;
	struct world_chain chain;
	struct message_ref ref;
};

static void scene_begin(struct scene *s)
{
	memset(s, 0, sizeof *s);
	rig_begin(&s->r);
	s->chain.config.eid = RIG_SRC;
	s->ref = rig_accept(&s->r, 1);
}

/* SUBMITTED, carried by nonce NONCE of account 9. */
static void submit(struct scene *s, enum outbox_skip skip, const char *deadline)
{
	struct rig *r = &s->r;
	if (deadline)
		rig_sql(r, "UPDATE message SET deadline = %s", deadline);
	pg_ok(r->cx, tx_begin(&r->cx, r->db));
	struct outbox_item *it = rig_lock(r, r->db, &s->ref);
	outbox_move(it, STATE_SUBMITTED);
	it->is_carried = true;
	it->signer = rig_addr(9);
	it->tx_nonce = NONCE;
	it->skip = skip;
	it->evidence = skip ? "it was skipped" : NULL;
	pg_ok(r->cx, outbox_save(&r->cx, r->db, &it, 1));
	pg_ok(r->cx, tx_commit(&r->cx, r->db));
}

/* A row of the journal that has its answer now. */
static void resolve(struct scene *s, int64_t nonce, const char *purpose)
{
	struct rig *r = &s->r;
	const struct journal_mined row = {
		.signer = rig_addr(9),
		.nonce = nonce,
		.purpose = purpose,
		.items_app = &s->ref.app_id,
		.items_id = &s->ref.id,
		.items_n = 1,
	};
	pg_ok(r->cx, tx_begin(&r->cx, r->db));
	pg_ok(r->cx, resolve_unsent(&r->cx, r->db, &s->chain, &row, 1, NOW_S));
	pg_ok(r->cx, tx_commit(&r->cx, r->db));
}

static void ends(struct scene *s, const char *state, const char *reason)
{
	rig_true(&s->r, "(SELECT state = '%s' FROM message)", state);
	if (reason)
		rig_true(&s->r, "(SELECT reason LIKE '%%%s%%' FROM event ORDER BY seq DESC LIMIT 1)", reason);
	rig_sql(&s->r, "UPDATE outbox SET signer = NULL, tx_nonce = NULL"); /* there is no journal here */
	rig_verify(&s->r);
	rig_end(&s->r);
}

START_TEST(what_was_mined_without_it_is_sent_again)
{
	struct scene s;
	scene_begin(&s);
	submit(&s, OUTBOX_SKIP_NONE, NULL);
	resolve(&s, NONCE, "SUBMIT");
	rig_true(&s.r, "(SELECT stage = 1 AND signer IS NULL AND due_at > now() AND due_at < now() + interval "
		       "'5 seconds' FROM outbox)");
	ends(&s, "ACCEPTED", "mined without it");
}
END_TEST

START_TEST(what_was_skipped_for_another_reason_is_sent_again_and_says_why)
{
	struct scene s;
	scene_begin(&s);
	submit(&s, OUTBOX_SKIP_AGAIN, NULL);
	resolve(&s, NONCE, "SUBMIT");
	rig_true(&s.r, "(SELECT evidence = 'it was skipped' FROM message)");
	ends(&s, "ACCEPTED", "it was skipped");
}
END_TEST

START_TEST(a_used_nonce_is_a_failure)
{
	struct scene s;
	scene_begin(&s);
	rig_sql(&s.r, "UPDATE message SET signature = '\\x01', author = decode(repeat('07', 20), 'hex')");
	submit(&s, OUTBOX_SKIP_NONCE, "1699999999");
	resolve(&s, NONCE, "SUBMIT");
	rig_true(&s.r, "(SELECT count(*) = 0 FROM outbox)");
	ends(&s, "FAILED", "used or cancelled");
}
END_TEST

START_TEST(a_used_nonce_of_our_own_is_another_number)
{
	struct scene s;
	scene_begin(&s);
	rig_sql(&s.r, "UPDATE message SET signature = NULL, author = NULL, author_nonce = num");
	submit(&s, OUTBOX_SKIP_NONCE, NULL);
	rig_sql(&s.r, "ALTER TABLE message ADD COLUMN before bigint; UPDATE message SET before = num");
	resolve(&s, NONCE, "SUBMIT");
	rig_true(&s.r, "(SELECT num > before AND author_nonce = num FROM message)");
	rig_true(&s.r, "(SELECT o.num = m.num AND o.stage = 1 FROM outbox o JOIN message m USING (app_id, id))");
	ends(&s, "ACCEPTED", NULL);
}
END_TEST

START_TEST(a_deadline_that_a_final_block_has_passed_ends_it)
{
	struct scene s;
	scene_begin(&s);
	submit(&s, OUTBOX_SKIP_LATE, "1699999999");
	resolve(&s, NONCE, "SUBMIT");
	ends(&s, "EXPIRED", "past the deadline");
}
END_TEST

START_TEST(a_deadline_of_this_very_second_is_not_past)
{
	struct scene s;
	scene_begin(&s);
	submit(&s, OUTBOX_SKIP_LATE, "1700000000");
	resolve(&s, NONCE, "SUBMIT");
	ends(&s, "ACCEPTED", NULL);
}
END_TEST

START_TEST(a_deadline_beyond_all_numbers_never_passes)
{
	struct scene s;
	scene_begin(&s);
	submit(&s, OUTBOX_SKIP_NONE,
	       "115792089237316195423570985008687907853269984665640564039457584007913129639935");
	resolve(&s, NONCE, "SUBMIT");
	ends(&s, "ACCEPTED", NULL);
}
END_TEST

START_TEST(another_carriers_end_says_nothing)
{
	struct scene s;
	scene_begin(&s);
	submit(&s, OUTBOX_SKIP_NONE, NULL);
	resolve(&s, NONCE - 1, "SUBMIT");
	resolve(&s, NONCE, "DELIVER");
	s.chain.config.eid = RIG_DST; /* the same account and nonce on another chain */
	resolve(&s, NONCE, "SUBMIT");
	ends(&s, "SUBMITTED", NULL);
}
END_TEST

START_TEST(what_was_sent_is_left_alone)
{
	struct scene s;
	scene_begin(&s);
	rig_move(&s.r, &s.ref, STATE_SENT, 5);
	resolve(&s, NONCE, "SUBMIT");
	ends(&s, "SENT", NULL);
}
END_TEST

PG_SUITE("relay/resolve", what_was_mined_without_it_is_sent_again,
	 what_was_skipped_for_another_reason_is_sent_again_and_says_why, a_used_nonce_is_a_failure,
	 a_used_nonce_of_our_own_is_another_number,
	 a_deadline_that_a_final_block_has_passed_ends_it,
	 a_deadline_of_this_very_second_is_not_past, a_deadline_beyond_all_numbers_never_passes,
	 another_carriers_end_says_nothing, what_was_sent_is_left_alone)
