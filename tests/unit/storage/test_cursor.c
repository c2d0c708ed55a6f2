/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/cursor.h"
#include "tests/unit/storage/rig.h"

static struct cursor_block block(int64_t number, uint64_t branch)
{
	return (struct cursor_block){number, rig_hash((uint64_t)number * 10 + branch), 1700000000 + number};
}

static void advance(struct rig *r, int64_t from, int64_t to, uint64_t branch)
{
	size_t n = (size_t)(to - from + 1);
	struct cursor_block *blocks = arena_array(r->arena, n, sizeof *blocks);
	for (size_t i = 0; i < n; i++)
		blocks[i] = block(from + (int64_t)i, branch);
	pg_ok(r->cx, cursor_advance(&r->cx, r->db, RIG_SRC, blocks, n, to + 5));
}

START_TEST(a_chain_that_was_never_looked_at_has_no_position)
{
	struct rig r;
	struct cursor_block at;
	struct hash h;
	rig_begin(&r);
	ck_fails(&r.cx, cursor_read(&r.cx, r.db, RIG_SRC, &at), ST_NOT_FOUND, "never looked at");
	ck_fails(&r.cx, cursor_block_hash(&r.cx, r.db, RIG_SRC, 1, &h), ST_NOT_FOUND, "not kept");
	rig_end(&r);
}
END_TEST

START_TEST(the_position_is_the_last_block)
{
	struct rig r;
	struct cursor_block at;
	struct hash h;
	rig_begin(&r);
	advance(&r, 10, 14, 1);
	pg_ok(r.cx, cursor_read(&r.cx, r.db, RIG_SRC, &at));
	ck_assert_int_eq(at.number, 14);
	ck_assert_int_eq(at.time_s, 1700000014);
	unit_assert_hash_eq(at.hash, block(14, 1).hash);
	pg_ok(r.cx, cursor_block_hash(&r.cx, r.db, RIG_SRC, 12, &h));
	unit_assert_hash_eq(h, block(12, 1).hash);
	ck_assert_int_eq(cursor_block_hash(&r.cx, r.db, RIG_DST, 12, &h), ST_NOT_FOUND);
	rig_true(&r, "(SELECT head = 19 FROM chain_cursor)");
	rig_end(&r);
}
END_TEST

START_TEST(a_rewind_forgets_what_is_above_and_the_new_branch_takes_its_place)
{
	struct rig r;
	struct cursor_block at, to = block(11, 1);
	struct hash h;
	rig_begin(&r);
	advance(&r, 10, 14, 1);
	pg_ok(r.cx, cursor_rewind(&r.cx, r.db, RIG_SRC, &to));
	pg_ok(r.cx, cursor_read(&r.cx, r.db, RIG_SRC, &at));
	ck_assert_int_eq(at.number, 11);
	unit_assert_hash_eq(at.hash, to.hash);
	ck_assert_int_eq(cursor_block_hash(&r.cx, r.db, RIG_SRC, 12, &h), ST_NOT_FOUND);
	pg_ok(r.cx, cursor_block_hash(&r.cx, r.db, RIG_SRC, 11, &h));
	advance(&r, 12, 13, 2);
	pg_ok(r.cx, cursor_block_hash(&r.cx, r.db, RIG_SRC, 12, &h));
	unit_assert_hash_eq(h, block(12, 2).hash);
	rig_end(&r);
}
END_TEST

START_TEST(old_blocks_are_let_go_and_enough_are_kept)
{
	struct rig r;
	struct hash h;
	rig_begin(&r);
	for (int64_t n = 0; n < 4000; n += 32)
		advance(&r, n, n + 31, 1);
	rig_true(&r, "(SELECT count(*) BETWEEN %d AND %d FROM chain_block)", CURSOR_BLOCKS_KEPT,
		 CURSOR_BLOCKS_KEPT + 128);
	pg_ok(r.cx, cursor_block_hash(&r.cx, r.db, RIG_SRC, 3999 - CURSOR_BLOCKS_KEPT + 1, &h));
	ck_assert_int_eq(cursor_block_hash(&r.cx, r.db, RIG_SRC, 1000, &h), ST_NOT_FOUND);
	rig_end(&r);
}
END_TEST

START_TEST(a_problem_stays_until_the_chain_is_followed_again)
{
	struct rig r;
	rig_begin(&r);
	advance(&r, 10, 10, 1);
	pg_ok(r.cx, cursor_problem(&r.cx, r.db, RIG_SRC, 7, "no node answers"));
	rig_true(&r, "(SELECT problem = 7 AND detail = 'no node answers' FROM chain_cursor)");
	advance(&r, 11, 11, 1);
	rig_true(&r, "(SELECT problem = 0 AND detail IS NULL FROM chain_cursor)");
	/* Of a chain without a position nothing can be said. */
	pg_ok(r.cx, cursor_problem(&r.cx, r.db, RIG_DST, 7, "no node answers"));
	rig_true(&r, "(SELECT count(*) = 1 FROM chain_cursor)");
	rig_end(&r);
}
END_TEST

PG_SUITE("storage/cursor", a_chain_that_was_never_looked_at_has_no_position,
	 the_position_is_the_last_block,
	 a_rewind_forgets_what_is_above_and_the_new_branch_takes_its_place,
	 old_blocks_are_let_go_and_enough_are_kept,
	 a_problem_stays_until_the_chain_is_followed_again)
