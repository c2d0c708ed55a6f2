/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/attestation.h"
#include "storage/cursor.h"
#include "tests/unit/storage/rig.h"

static struct hash block_hash(int64_t number, uint64_t branch)
{
	return rig_hash((uint64_t)number * 10 + branch);
}

static void chain(struct rig *r, int64_t from, int64_t to, uint64_t branch)
{
	for (int64_t n = from; n <= to; n++) {
		struct cursor_block b = {n, block_hash(n, branch), 1700000000 + n};
		pg_ok(r->cx, cursor_advance(&r->cx, r->db, RIG_SRC, &b, 1, n));
	}
}

static void rewind_to(struct rig *r, int64_t number, uint64_t branch)
{
	struct cursor_block b = {number, block_hash(number, branch), 0};
	pg_ok(r->cx, cursor_rewind(&r->cx, r->db, RIG_SRC, &b));
}

static struct attestation attestation(int64_t nonce, uint64_t payload, int64_t block, uint64_t branch)
{
	return (struct attestation){
		.src_eid = RIG_SRC,
		.dst_eid = RIG_DST,
		.sender = rig_hash(1),
		.receiver = rig_hash(2),
		.nonce = nonce,
		.payload_hash = rig_hash(5000 + payload),
		.guid = rig_hash(9000 + (uint64_t)nonce),
		.src_block = block,
		.src_block_hash = block_hash(block, branch),
	};
}

static bool may_sign(struct rig *r, struct attestation a)
{
	bool allowed = true;
	pg_ok(r->cx, attestation_record(&r->cx, r->db, &a, &allowed, 1));
	return allowed;
}

static size_t dropped(struct rig *r, struct attestation **out)
{
	size_t n;
	pg_ok(r->cx, attestation_dropped(&r->cx, r->db, out, &n, RIG_DST));
	return n;
}

START_TEST(one_place_one_payload)
{
	struct rig r;
	rig_begin(&r);
	chain(&r, 1, 10, 1);
	ck_assert(may_sign(&r, attestation(1, 1, 5, 1)));
	/* The same again may be signed again: signatures are lost, facts are not. */
	ck_assert(may_sign(&r, attestation(1, 1, 5, 1)));
	ck_assert(!may_sign(&r, attestation(1, 2, 5, 1)));
	ck_assert(!may_sign(&r, attestation(1, 2, 6, 1)));
	ck_assert(may_sign(&r, attestation(2, 2, 5, 1)));
	rig_true(&r, "(SELECT count(*) = 2 FROM attestation)");
	/* Another path is another place. */
	struct attestation a = attestation(1, 3, 5, 1);
	a.receiver = rig_hash(3);
	ck_assert(may_sign(&r, a));
	rig_end(&r);
}
END_TEST

START_TEST(two_payloads_for_one_place_in_one_call_are_not_both_signed)
{
	struct rig r;
	rig_begin(&r);
	chain(&r, 1, 10, 1);
	struct attestation a[] = {attestation(1, 1, 5, 1), attestation(1, 2, 5, 1)};
	bool allowed[2];
	enum status st = attestation_record(&r.cx, r.db, a, allowed, 2);
	ck_assert(st == ST_CONFLICT || (st == ST_OK && allowed[0] + allowed[1] <= 1));
	rig_true(&r, "(SELECT count(*) <= 1 FROM attestation)");
	rig_end(&r);
}
END_TEST

START_TEST(the_database_itself_refuses_a_second_payload)
{
	struct rig r;
	rig_begin(&r);
	chain(&r, 1, 10, 1);
	ck_assert(may_sign(&r, attestation(1, 1, 5, 1)));
	rig_refused(&r, "attestation_one",
		    "INSERT INTO attestation SELECT dst_eid, src_eid, sender, receiver, nonce, %s, guid, "
		    "src_block, src_block_hash FROM attestation",
		    rig_hex(&r, rig_hash(1).b, 32));
	rig_end(&r);
}
END_TEST

START_TEST(only_from_the_block_that_is_kept)
{
	struct rig r;
	rig_begin(&r);
	chain(&r, 1, 10, 1);
	ck_assert(!may_sign(&r, attestation(1, 1, 5, 2)));
	ck_assert(!may_sign(&r, attestation(1, 1, 11, 1)));
	struct attestation a = attestation(1, 1, 5, 1);
	a.src_eid = RIG_DST;
	ck_assert(!may_sign(&r, a));
	rig_true(&r, "(SELECT count(*) = 0 FROM attestation)");
	rig_end(&r);
}
END_TEST

START_TEST(answers_stand_beside_their_questions)
{
	enum { N = 9 };
	struct rig r;
	rig_begin(&r);
	chain(&r, 1, 10, 1);
	struct attestation a[N];
	bool allowed[N];
	for (int i = 0; i < N; i++)
		a[i] = attestation(i, 1, 5, i % 3 == 1 ? 2 : 1);
	pg_ok(r.cx, attestation_record(&r.cx, r.db, a, allowed, N));
	for (int i = 0; i < N; i++)
		ck_assert_msg(allowed[i] == (i % 3 != 1), "%d", i);
	rig_end(&r);
}
END_TEST

START_TEST(a_dropped_block_is_seen_once_the_new_branch_has_passed_it)
{
	struct rig r;
	struct attestation *out;
	rig_begin(&r);
	chain(&r, 1, 10, 1);
	ck_assert(may_sign(&r, attestation(1, 1, 5, 1)));
	ck_assert(may_sign(&r, attestation(2, 1, 9, 1)));
	ck_assert_uint_eq(dropped(&r, &out), 0);
	rewind_to(&r, 7, 1);
	ck_assert_uint_eq(dropped(&r, &out), 0);
	chain(&r, 8, 9, 2);
	ck_assert_uint_eq(dropped(&r, &out), 1);
	ck_assert_int_eq(out[0].nonce, 2);
	unit_assert_hash_eq(out[0].guid, rig_hash(9002));
	unit_assert_hash_eq(out[0].payload_hash, rig_hash(5001));
	rig_end(&r);
}
END_TEST

START_TEST(what_was_taken_back_makes_room_for_another)
{
	struct rig r;
	struct attestation *out;
	rig_begin(&r);
	chain(&r, 1, 10, 1);
	ck_assert(may_sign(&r, attestation(1, 1, 9, 1)));
	rewind_to(&r, 7, 1);
	chain(&r, 8, 12, 2);
	/* Not before it is taken back on chain. */
	ck_assert(!may_sign(&r, attestation(1, 2, 9, 2)));
	ck_assert_uint_eq(dropped(&r, &out), 1);
	struct bytes guid = bytes_of(out[0].guid.b, 32);
	pg_ok(r.cx, attestation_retract(&r.cx, r.db, RIG_DST, &guid, 1));
	ck_assert_uint_eq(dropped(&r, &out), 0);
	ck_assert(may_sign(&r, attestation(1, 2, 9, 2)));
	ck_assert(!may_sign(&r, attestation(1, 1, 9, 2)));
	rig_true(&r, "(SELECT count(*) = 1 FROM attestation WHERE retracted_at IS NULL)");
	rig_end(&r);
}
END_TEST

START_TEST(the_same_packet_in_another_block_needs_no_retraction)
{
	struct rig r;
	struct attestation *out;
	rig_begin(&r);
	chain(&r, 1, 10, 1);
	ck_assert(may_sign(&r, attestation(1, 1, 9, 1)));
	rewind_to(&r, 7, 1);
	chain(&r, 8, 12, 2);
	ck_assert(may_sign(&r, attestation(1, 1, 10, 2)));
	ck_assert_uint_eq(dropped(&r, &out), 0);
	rig_true(&r, "(SELECT count(*) = 1 AND bool_and(src_block = 10) FROM attestation)");
	rig_end(&r);
}
END_TEST

/* The destination was away for long: its messages are attested all the same. */
START_TEST(a_block_too_old_to_be_kept_is_no_obstacle)
{
	struct rig r;
	struct attestation *out;
	rig_begin(&r);
	chain(&r, 1, 10, 1);
	struct cursor_block far = {2304, block_hash(2304, 1), 1700002304};
	pg_ok(r.cx, cursor_advance(&r.cx, r.db, RIG_SRC, &far, 1, 2304));
	rig_true(&r, "(SELECT count(*) = 0 FROM chain_block WHERE number < 200)");
	ck_assert(may_sign(&r, attestation(1, 1, 5, 1)));
	ck_assert(!may_sign(&r, attestation(1, 2, 5, 1)));
	ck_assert_uint_eq(dropped(&r, &out), 0);
	/* One that should be kept and is not: no. */
	ck_assert(!may_sign(&r, attestation(2, 1, 2299, 1)));
	rig_end(&r);
}
END_TEST

/* The destination's lane stood still meanwhile. */
START_TEST(what_was_dropped_is_known_however_long_ago)
{
	struct rig r;
	struct attestation *out;
	rig_begin(&r);
	chain(&r, 1, 10, 1);
	ck_assert(may_sign(&r, attestation(1, 1, 9, 1)));
	rewind_to(&r, 7, 1);
	chain(&r, 8, 12, 2);
	struct cursor_block far = {9000, block_hash(9000, 2), 1700009000};
	pg_ok(r.cx, cursor_advance(&r.cx, r.db, RIG_SRC, &far, 1, 9000));
	ck_assert_uint_eq(dropped(&r, &out), 1);
	ck_assert_int_eq(out[0].nonce, 1);
	rig_end(&r);
}
END_TEST

START_TEST(a_block_that_comes_back_needs_no_retraction)
{
	struct rig r;
	struct attestation *out;
	rig_begin(&r);
	chain(&r, 1, 10, 1);
	ck_assert(may_sign(&r, attestation(1, 1, 9, 1)));
	rewind_to(&r, 7, 1);
	chain(&r, 8, 12, 2);
	ck_assert_uint_eq(dropped(&r, &out), 1);
	rewind_to(&r, 7, 1);
	chain(&r, 8, 12, 1);
	ck_assert_uint_eq(dropped(&r, &out), 0);
	rig_end(&r);
}
END_TEST

PG_SUITE("storage/attestation", what_was_dropped_is_known_however_long_ago, a_block_that_comes_back_needs_no_retraction,
	 a_block_too_old_to_be_kept_is_no_obstacle, one_place_one_payload,
	 two_payloads_for_one_place_in_one_call_are_not_both_signed,
	 the_database_itself_refuses_a_second_payload, only_from_the_block_that_is_kept,
	 answers_stand_beside_their_questions,
	 a_dropped_block_is_seen_once_the_new_branch_has_passed_it,
	 what_was_taken_back_makes_room_for_another,
	 the_same_packet_in_another_block_needs_no_retraction)
