/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/resolve.h"
#include "tests/unit/storage/rig.h"

static void carry(struct rig *r, const struct message_ref *m, int64_t nonce)
{
	pg_ok(r->cx, tx_begin(&r->cx, r->db));
	struct outbox_item *it = rig_lock(r, r->db, m);
	it->is_carried = true;
	it->signer = rig_addr(9);
	it->tx_nonce = nonce;
	outbox_touch(it);
	pg_ok(r->cx, outbox_save(&r->cx, r->db, &it, 1));
	pg_ok(r->cx, tx_commit(&r->cx, r->db));
}

static void freed(struct rig *r, const struct message_ref *m, int64_t nonce, const char *purpose)
{
	const struct journal_mined row = {
		.signer = rig_addr(9),
		.nonce = nonce,
		.purpose = purpose,
		.items_app = (int64_t *)&m->app_id,
		.items_id = (struct uuid *)&m->id,
		.items_n = 1,
	};
	pg_ok(r->cx, tx_begin(&r->cx, r->db));
	pg_ok(r->cx, resolve_freed(&r->cx, r->db, &row, 1));
	pg_ok(r->cx, tx_commit(&r->cx, r->db));
}

/* Its nonce was used by something else: nobody else would ever look at the message again. */
START_TEST(a_replaced_delivery_frees_its_messages)
{
	struct rig r;
	rig_begin(&r);
	struct message_ref m = rig_accept(&r, 1);
	rig_move(&r, &m, STATE_COMMITTED, 9);
	carry(&r, &m, 40);
	freed(&r, &m, 39, "DELIVER"); /* another one's end */
	freed(&r, &m, 40, "SUBMIT");  /* resolve_unsent's */
	rig_true(&r, "(SELECT signer IS NOT NULL FROM outbox)");
	freed(&r, &m, 40, "DELIVER");
	rig_true(&r, "(SELECT signer IS NULL AND stage = 5 FROM outbox)");
	struct outbox_item *items;
	size_t n;
	pg_ok(r.cx, outbox_due(&r.cx, r.db, &items, &n, RIG_DST, STAGE_EXECUTE, 10));
	ck_assert_uint_eq(n, 1);
	rig_verify(&r);
	rig_end(&r);
}
END_TEST

START_TEST(a_message_that_ended_meanwhile_is_left_alone)
{
	struct rig r;
	rig_begin(&r);
	struct message_ref m = rig_accept(&r, 1);
	rig_move(&r, &m, STATE_FAILED, 9);
	freed(&r, &m, 40, "VERIFY");
	rig_true(&r, "(SELECT state = 'FAILED' FROM message)");
	rig_verify(&r);
	rig_end(&r);
}
END_TEST

/* Verifying it fails for good, say: not a transaction a block for ever. */
START_TEST(what_transactions_leave_where_it_is_waits_longer_and_longer)
{
	struct rig r;
	rig_begin(&r);
	struct message_ref m = rig_accept(&r, 1);
	rig_move(&r, &m, STATE_VERIFYING, 9);
	int64_t waits[4];
	for (int i = 0; i < 4; i++) {
		carry(&r, &m, 40 + i);
		pg_ok(r.cx, tx_begin(&r.cx, r.db));
		struct outbox_item *it = rig_lock(&r, r.db, &m);
		resolve_left(r.cx.arena, it);
		waits[i] = it->due_us ? it->due_us - clock_wall_us() : 0;
		pg_ok(r.cx, outbox_save(&r.cx, r.db, &it, 1));
		pg_ok(r.cx, tx_commit(&r.cx, r.db));
		rig_true(&r, "(SELECT signer IS NULL AND tries = %d FROM outbox)", i + 1);
	}
	ck_assert_int_eq(waits[0], 0);
	ck_assert_int_gt(waits[1], 1000000);
	ck_assert_int_gt(waits[2], waits[1] + 1000000);
	ck_assert_int_gt(waits[3], waits[2] + 1000000);
	rig_true(&r, "(SELECT evidence LIKE '4 transactions%%' FROM message)");
	/* A move begins anew. */
	rig_move(&r, &m, STATE_VERIFIED, 9);
	rig_true(&r, "(SELECT tries = 0 AND due_at = '-infinity' FROM outbox)");
	rig_verify(&r);
	rig_end(&r);
}
END_TEST

PG_SUITE("relay/freed", what_transactions_leave_where_it_is_waits_longer_and_longer,
	 a_replaced_delivery_frees_its_messages, a_message_that_ended_meanwhile_is_left_alone)
