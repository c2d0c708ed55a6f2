/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/storage/rig.h"

enum { EID = RIG_SRC };

static struct addr signer(void)
{
	return rig_addr(9);
}

static struct journal_lane lane(struct rig *r)
{
	struct journal_lane l;
	struct addr s = signer();
	pg_ok(r->cx, journal_lane_open(&r->cx, r->db, &l, EID, &s, "submit", 100));
	return l;
}

static struct journal_entry entry(int64_t nonce, const struct message_ref *m)
{
	return (struct journal_entry){
		.eid = EID,
		.signer = signer(),
		.nonce = nonce,
		.purpose = "SUBMIT",
		.to = rig_addr(2),
		.calldata = bytes_of("calldata", 8),
		.value = "12",
		.gas_limit = 500000,
		.items_app = m ? &m->app_id : NULL,
		.items_id = m ? &m->id : NULL,
		.items_n = m ? 1 : 0,
		.raw = bytes_of("raw", 3),
		.hash = rig_hash((uint64_t)nonce),
		.max_fee = "2000000000",
		.tip = "1",
	};
}

static enum status insert(struct rig *r, int64_t nonce, size_t n, const struct message_ref *m)
{
	struct journal_entry e[8];
	for (size_t i = 0; i < n; i++)
		e[i] = entry(nonce + (int64_t)i, m);
	return journal_insert(&r->cx, r->db, e, n);
}

static struct journal_receipt receipt(struct hash tx, int64_t block)
{
	return (struct journal_receipt){tx, block, rig_hash(7000 + (uint64_t)block), true, 21000, "42000"};
}

static size_t mine(struct rig *r, struct journal_mined **out, struct hash tx, int64_t block)
{
	size_t n;
	struct journal_receipt receipts[] = {receipt(rig_hash(999999), block), receipt(tx, block)};
	pg_ok(r->cx, journal_mine(&r->cx, r->db, out, &n, EID, receipts, 2));
	return n;
}

static void state_is(struct rig *r, int64_t nonce, const char *state)
{
	rig_true(r, "(SELECT state = '%s' FROM journal WHERE nonce = %lld)", state, (long long)nonce);
}

START_TEST(a_lane_begins_at_the_chains_nonce_and_keeps_its_own)
{
	struct rig r;
	struct journal_lane l, *all;
	size_t n;
	struct addr s = signer();
	rig_begin(&r);
	l = lane(&r);
	ck_assert_int_eq(l.next_nonce, 100);
	ck_assert_int_eq(l.halted, 0);
	pg_ok(r.cx, insert(&r, 100, 3, NULL));
	pg_ok(r.cx, journal_lane_open(&r.cx, r.db, &l, EID, &s, "submit", 55));
	ck_assert_int_eq(l.next_nonce, 103);
	/* The same account on another chain is another lane. */
	pg_ok(r.cx, journal_lane_open(&r.cx, r.db, &l, RIG_DST, &s, "deliver", 5));
	ck_assert_int_eq(l.next_nonce, 5);
	pg_ok(r.cx, journal_lanes(&r.cx, r.db, &all, &n));
	ck_assert_uint_eq(n, 2);
	ck_assert_str_eq(all[0].role, "submit");
	ck_assert_int_eq(all[0].next_nonce, 103);
	rig_verify(&r);
	rig_end(&r);
}
END_TEST

START_TEST(a_nonce_is_given_once)
{
	struct rig r;
	rig_begin(&r);
	lane(&r);
	pg_ok(r.cx, insert(&r, 100, 2, NULL));
	ck_fails(&r.cx, insert(&r, 100, 1, NULL), ST_FENCED, "nonce 100 of the lane is taken");
	ck_fails(&r.cx, insert(&r, 101, 1, NULL), ST_FENCED, "nonce 101 of the lane is taken");
	/* Nor may one be left out. */
	ck_fails(&r.cx, insert(&r, 103, 1, NULL), ST_FENCED, "nonce 103");
	pg_ok(r.cx, insert(&r, 102, 1, NULL));
	rig_true(&r, "(SELECT array_agg(nonce ORDER BY nonce) = '{100,101,102}' FROM journal)");
	rig_verify(&r);
	rig_end(&r);
}
END_TEST

START_TEST(a_rolled_back_claim_gives_its_nonces_back)
{
	struct rig r;
	rig_begin(&r);
	lane(&r);
	pg_ok(r.cx, tx_begin(&r.cx, r.db));
	pg_ok(r.cx, insert(&r, 100, 2, NULL));
	tx_rollback(r.db);
	ck_assert_int_eq(lane(&r).next_nonce, 100);
	rig_true(&r, "(SELECT count(*) = 0 FROM journal) AND (SELECT count(*) = 0 FROM journal_tx)");
	pg_ok(r.cx, insert(&r, 100, 1, NULL));
	rig_end(&r);
}
END_TEST

static void with_a_gap(void)
{
	struct rig r;
	rig_begin(&r);
	lane(&r);
	struct journal_entry e[] = {entry(100, NULL), entry(102, NULL)};
	enum status st = journal_insert(&r.cx, r.db, e, 2);
	(void)st;
}
START_TEST(entries_with_a_gap_are_a_bug)
{
	ck_assert(unit_aborts(with_a_gap));
}
END_TEST

START_TEST(a_halted_lane_refuses_until_it_goes_on)
{
	struct rig r;
	struct addr s = signer();
	rig_begin(&r);
	lane(&r);
	pg_ok(r.cx, journal_lane_halt(&r.cx, r.db, EID, &s, 4, "behind"));
	ck_assert_int_eq(lane(&r).halted, 4);
	ck_fails(&r.cx, insert(&r, 100, 1, NULL), ST_FENCED, "or the lane is halted");
	rig_true(&r, "(SELECT next_nonce = 100 AND detail = 'behind' FROM lane)");
	pg_ok(r.cx, journal_lane_halt(&r.cx, r.db, EID, &s, 0, NULL));
	pg_ok(r.cx, insert(&r, 100, 1, NULL));
	rig_end(&r);
}
END_TEST

START_TEST(unmined_ones_come_with_their_newest_form)
{
	struct rig r;
	struct journal_open *open;
	struct addr s = signer();
	size_t n;
	rig_begin(&r);
	lane(&r);
	struct message_ref m = rig_accept(&r, 1);
	pg_ok(r.cx, insert(&r, 100, 3, &m));
	pg_ok(r.cx, journal_unmined(&r.cx, r.db, &open, &n, EID, &s, 2, 60000));
	ck_assert_uint_eq(n, 2);
	ck_assert_int_eq(open[0].nonce, 100);
	ck_assert_int_eq(open[1].nonce, 101);
	ck_assert(!open[0].was_broadcast);
	ck_assert_str_eq(open[0].value, "12");
	ck_assert_uint_eq(open[0].items_n, 1);
	ck_assert_mem_eq(open[0].items_id[0].b, m.id.b, 16);
	ck_assert_int_eq(open[0].items_app[0], m.app_id);
	int64_t sent[] = {100, 101};
	pg_ok(r.cx, journal_broadcast(&r.cx, r.db, EID, &s, sent, 2));
	/* Broadcast and young: no attention needed. */
	pg_ok(r.cx, journal_unmined(&r.cx, r.db, &open, &n, EID, &s, 10, 60000));
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(open[0].nonce, 102);
	struct hash bumped = rig_hash(500);
	pg_ok(r.cx, journal_bump(&r.cx, r.db, EID, &s, 100, bytes_of("dearer", 6), &bumped, "3000000000", "2"));
	pg_ok(r.cx, journal_unmined(&r.cx, r.db, &open, &n, EID, &s, 10, -1));
	ck_assert_uint_eq(n, 3);
	ck_assert_int_eq(open[0].attempt, 1);
	unit_assert_hash_eq(open[0].hash, bumped);
	ck_assert(bytes_equal(open[0].raw, bytes_of("dearer", 6)));
	ck_assert(bytes_equal(open[0].calldata, bytes_of("calldata", 8)));
	ck_assert_str_eq(open[0].max_fee, "3000000000");
	ck_assert_int_eq(open[1].attempt, 0);
	pg_ok(r.cx, journal_unmined_count(&r.cx, r.db, &n, EID, &s));
	ck_assert_uint_eq(n, 3);
	rig_end(&r);
}
END_TEST

START_TEST(a_bump_keeps_every_hash_and_an_older_one_may_be_mined)
{
	struct rig r;
	struct journal_mined *out;
	struct addr s = signer();
	size_t n;
	rig_begin(&r);
	lane(&r);
	struct message_ref m = rig_accept(&r, 1);
	pg_ok(r.cx, insert(&r, 100, 1, &m));
	for (uint64_t i = 1; i <= 3; i++) {
		struct hash h = rig_hash(500 + i);
		pg_ok(r.cx, journal_bump(&r.cx, r.db, EID, &s, 100, bytes_of("raw", 3), &h, "3", "2"));
	}
	rig_true(&r, "(SELECT array_agg(attempt ORDER BY attempt) = '{0,1,2,3}' FROM journal_tx)");
	struct hash second = rig_hash(501), first = rig_hash(100);
	struct bytes hashes[] = {bytes_of(first.b, 32), bytes_of(second.b, 32)};
	pg_ok(r.cx, journal_by_tx(&r.cx, r.db, &out, &n, EID, hashes, 2));
	ck_assert_uint_eq(n, 2);
	ck_assert_int_eq(out[0].nonce, 100);
	ck_assert_uint_eq(mine(&r, &out, second, 7), 1);
	ck_assert_int_eq(out[0].nonce, 100);
	ck_assert_int_eq(out[0].attempt, 1);
	ck_assert_str_eq(out[0].purpose, "SUBMIT");
	unit_assert_hash_eq(out[0].tx_hash, second);
	ck_assert_mem_eq(out[0].items_id[0].b, m.id.b, 16);
	state_is(&r, 100, "MINED");
	rig_true(&r, "(SELECT block_number = 7 AND gas_used = 21000 AND fee = 42000 AND succeeded FROM journal)");
	pg_ok(r.cx, journal_unmined_count(&r.cx, r.db, &n, EID, &s));
	ck_assert_uint_eq(n, 0);
	/* A nonce that was never given cannot be bumped. */
	struct hash h = rig_hash(600);
	ck_assert_int_eq(journal_bump(&r.cx, r.db, EID, &s, 200, bytes_of("raw", 3), &h, "3", "2"),
			 ST_INVALID);
	rig_true(&r, "(SELECT count(*) = 4 FROM journal_tx)");
	rig_end(&r);
}
END_TEST

START_TEST(the_hash_of_another_chain_mines_nothing)
{
	struct rig r;
	struct journal_mined *out;
	size_t n;
	rig_begin(&r);
	lane(&r);
	pg_ok(r.cx, insert(&r, 100, 1, NULL));
	struct journal_receipt one = receipt(rig_hash(100), 7);
	pg_ok(r.cx, journal_mine(&r.cx, r.db, &out, &n, RIG_DST, &one, 1));
	ck_assert_uint_eq(n, 0);
	state_is(&r, 100, "SIGNED");
	rig_end(&r);
}
END_TEST

START_TEST(mined_becomes_final_and_a_reorganisation_opens_it_again)
{
	struct rig r;
	struct journal_mined *out;
	struct addr s = signer();
	size_t n;
	rig_begin(&r);
	lane(&r);
	pg_ok(r.cx, insert(&r, 100, 3, NULL));
	int64_t sent[] = {100, 101, 102};
	pg_ok(r.cx, journal_broadcast(&r.cx, r.db, EID, &s, sent, 3));
	for (int64_t i = 0; i < 3; i++)
		mine(&r, &out, rig_hash(100 + (uint64_t)i), 10 + i);
	pg_ok(r.cx, journal_finalize(&r.cx, r.db, &out, &n, EID, 10));
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(out[0].nonce, 100);
	pg_ok(r.cx, journal_finalize(&r.cx, r.db, &out, &n, EID, 10));
	ck_assert_uint_eq(n, 0);
	state_is(&r, 100, "FINAL");
	pg_ok(r.cx, journal_unmine(&r.cx, r.db, &n, EID, 11));
	ck_assert_uint_eq(n, 1);
	state_is(&r, 101, "MINED");
	state_is(&r, 102, "SIGNED");
	rig_true(&r, "(SELECT tx_hash IS NULL AND block_number IS NULL AND fee IS NULL FROM journal "
		     "WHERE nonce = 102)");
	/* The other chain's blocks are not ours. */
	pg_ok(r.cx, journal_unmine(&r.cx, r.db, &n, RIG_DST, 0));
	ck_assert_uint_eq(n, 0);
	/* It wants to be broadcast again, with the bytes it was signed with, and may be mined elsewhere. */
	struct journal_open *open;
	pg_ok(r.cx, journal_unmined(&r.cx, r.db, &open, &n, EID, &s, 10, 60000));
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(open[0].nonce, 102);
	ck_assert(!open[0].was_broadcast);
	ck_assert(bytes_equal(open[0].raw, bytes_of("raw", 3)));
	ck_assert_uint_eq(mine(&r, &out, rig_hash(102), 13), 1);
	rig_true(&r, "(SELECT block_number = 13 FROM journal WHERE nonce = 102)");
	rig_end(&r);
}
END_TEST

START_TEST(a_final_row_is_not_mined_again)
{
	struct rig r;
	struct journal_mined *out;
	size_t n;
	rig_begin(&r);
	lane(&r);
	pg_ok(r.cx, insert(&r, 100, 1, NULL));
	mine(&r, &out, rig_hash(100), 10);
	pg_ok(r.cx, journal_finalize(&r.cx, r.db, &out, &n, EID, 10));
	ck_assert_uint_eq(mine(&r, &out, rig_hash(100), 12), 0);
	rig_true(&r, "(SELECT block_number = 10 FROM journal)");
	rig_end(&r);
}
END_TEST

START_TEST(nonces_that_others_used_are_replaced_and_mined_ones_are_not)
{
	struct rig r;
	struct journal_mined *out;
	struct addr s = signer();
	size_t n;
	rig_begin(&r);
	lane(&r);
	pg_ok(r.cx, insert(&r, 100, 4, NULL));
	mine(&r, &out, rig_hash(100), 10);
	int64_t sent[] = {101};
	pg_ok(r.cx, journal_broadcast(&r.cx, r.db, EID, &s, sent, 1));
	pg_ok(r.cx, journal_replace(&r.cx, r.db, &out, &n, EID, &s, 103));
	ck_assert_uint_eq(n, 2);
	state_is(&r, 100, "MINED");
	state_is(&r, 101, "REPLACED");
	state_is(&r, 102, "REPLACED");
	state_is(&r, 103, "SIGNED");
	pg_ok(r.cx, journal_unmined_count(&r.cx, r.db, &n, EID, &s));
	ck_assert_uint_eq(n, 1);
	/* It was ours after all: what a block shows counts more than what was concluded. */
	ck_assert_uint_eq(mine(&r, &out, rig_hash(101), 11), 1);
	state_is(&r, 101, "MINED");
	rig_verify(&r);
	rig_end(&r);
}
END_TEST

START_TEST(a_lost_part_is_adopted_and_the_lane_goes_on_behind_it)
{
	struct rig r;
	struct addr s = signer();
	rig_begin(&r);
	lane(&r);
	pg_ok(r.cx, insert(&r, 100, 1, NULL));
	pg_ok(r.cx, journal_lane_halt(&r.cx, r.db, EID, &s, 4, "behind"));
	pg_ok(r.cx, journal_adopt(&r.cx, r.db, EID, &s, 101, 104));
	struct journal_lane l = lane(&r);
	ck_assert_int_eq(l.next_nonce, 104);
	ck_assert_int_eq(l.halted, 0);
	state_is(&r, 103, "FINAL");
	pg_ok(r.cx, insert(&r, 104, 1, NULL));
	rig_verify(&r);
	/* Never back. */
	pg_ok(r.cx, journal_adopt(&r.cx, r.db, EID, &s, 101, 102));
	ck_assert_int_eq(lane(&r).next_nonce, 105);
	rig_end(&r);
}
END_TEST

START_TEST(spending_adds_up_and_the_ceiling_is_reached)
{
	struct rig r;
	int64_t *over, other;
	size_t n;
	rig_begin(&r);
	pg_ok(r.cx, app_create(&r.cx, r.db, &other, "other"));
	int64_t apps[] = {r.app, other, r.app};
	const char *wei[] = {"100000000000000000000", "3", "1"};
	pg_ok(r.cx, journal_spend(&r.cx, r.db, apps, wei, 3));
	pg_ok(r.cx, journal_overspent(&r.cx, r.db, &over, &n, "100000000000000000002"));
	ck_assert_uint_eq(n, 0);
	pg_ok(r.cx, journal_spend(&r.cx, r.db, apps, (const char *const[]){"1"}, 1));
	pg_ok(r.cx, journal_overspent(&r.cx, r.db, &over, &n, "100000000000000000002"));
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(over[0], r.app);
	/* Tomorrow is another day. */
	rig_sql(&r, "UPDATE app_spend SET day = day - 1");
	pg_ok(r.cx, journal_overspent(&r.cx, r.db, &over, &n, "1"));
	ck_assert_uint_eq(n, 0);
	rig_end(&r);
}
END_TEST

PG_SUITE("storage/journal", a_lane_begins_at_the_chains_nonce_and_keeps_its_own,
	 a_nonce_is_given_once, a_rolled_back_claim_gives_its_nonces_back,
	 entries_with_a_gap_are_a_bug, a_halted_lane_refuses_until_it_goes_on,
	 unmined_ones_come_with_their_newest_form,
	 a_bump_keeps_every_hash_and_an_older_one_may_be_mined,
	 the_hash_of_another_chain_mines_nothing,
	 mined_becomes_final_and_a_reorganisation_opens_it_again, a_final_row_is_not_mined_again,
	 nonces_that_others_used_are_replaced_and_mined_ones_are_not,
	 a_lost_part_is_adopted_and_the_lane_goes_on_behind_it,
	 spending_adds_up_and_the_ceiling_is_reached)
