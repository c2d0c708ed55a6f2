/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>

#include "tests/unit/storage/rig.h"

static size_t due(struct rig *r, struct outbox_item **items, int64_t eid, enum outbox_stage stage,
		  size_t max)
{
	size_t n;
	pg_ok(r->cx, outbox_due(&r->cx, r->db, items, &n, eid, stage, max));
	return n;
}

/* One item of a transaction, saved and committed by `end`. */
static struct outbox_item *begin(struct rig *r, const struct message_ref *m)
{
	pg_ok(r->cx, tx_begin(&r->cx, r->db));
	return rig_lock(r, r->db, m);
}
static void end(struct rig *r, struct outbox_item *it)
{
	pg_ok(r->cx, outbox_save(&r->cx, r->db, &it, 1));
	pg_ok(r->cx, tx_commit(&r->cx, r->db));
}

START_TEST(due_items_come_in_their_order)
{
	struct rig r;
	struct outbox_item *items;
	struct message_ref m[5];
	rig_begin(&r);
	for (size_t i = 0; i < 5; i++)
		m[i] = rig_accept(&r, i);
	ck_assert_uint_eq(due(&r, &items, RIG_SRC, STAGE_SUBMIT, 10), 5);
	for (size_t i = 0; i < 5; i++) {
		ck_assert_mem_eq(items[i].id.b, m[i].id.b, 16);
		ck_assert_int_eq(items[i].state, STATE_ACCEPTED);
		ck_assert_int_eq(items[i].version, 1);
		ck_assert(items[i].is_open);
		ck_assert(!items[i].is_carried);
		ck_assert_int_eq(items[i].due_us, 0);
		ck_assert(!items[i].is_signed);
	}
	ck_assert_uint_eq(due(&r, &items, RIG_SRC, STAGE_SUBMIT, 2), 2);
	ck_assert_mem_eq(items[1].id.b, m[1].id.b, 16);
	/* Not on another chain, not in another stage. */
	ck_assert_uint_eq(due(&r, &items, RIG_DST, STAGE_SUBMIT, 10), 0);
	ck_assert_uint_eq(due(&r, &items, RIG_SRC, STAGE_TRACK, 10), 0);
	rig_end(&r);
}
END_TEST

START_TEST(what_is_carried_or_postponed_is_not_due)
{
	struct rig r;
	struct outbox_item *items, *it;
	rig_begin(&r);
	struct message_ref a = rig_accept(&r, 1), b = rig_accept(&r, 2), c = rig_accept(&r, 3);
	struct message_ref d = rig_accept(&r, 4);
	it = begin(&r, &a);
	it->is_carried = true;
	it->signer = rig_addr(9);
	it->tx_nonce = 77;
	outbox_touch(it);
	end(&r, it);
	it = begin(&r, &b);
	it->due_us = clock_wall_us() + 600 * 1000000LL;
	outbox_touch(it);
	end(&r, it);
	it = begin(&r, &c);
	it->due_us = OUTBOX_NEVER;
	outbox_touch(it);
	end(&r, it);
	ck_assert_uint_eq(due(&r, &items, RIG_SRC, STAGE_SUBMIT, 10), 1);
	ck_assert_mem_eq(items[0].id.b, d.id.b, 16);
	/* They read back as they were written. */
	it = begin(&r, &a);
	ck_assert(it->is_carried);
	ck_assert_int_eq(it->tx_nonce, 77);
	unit_assert_addr_eq(it->signer, rig_addr(9));
	it->is_carried = false;
	outbox_touch(it);
	end(&r, it);
	it = begin(&r, &c);
	ck_assert_int_eq(it->due_us, OUTBOX_NEVER);
	tx_rollback(r.db);
	it = begin(&r, &b);
	ck_assert_int_gt(it->due_us, clock_wall_us());
	it->due_us = clock_wall_us() - 1;
	outbox_touch(it);
	end(&r, it);
	ck_assert_uint_eq(due(&r, &items, RIG_SRC, STAGE_SUBMIT, 10), 3);
	rig_verify(&r);
	rig_end(&r);
}
END_TEST

START_TEST(a_save_writes_every_event_without_gaps)
{
	struct rig r;
	rig_begin(&r);
	struct message_ref m = rig_accept(&r, 1);
	struct outbox_item *it = begin(&r, &m);
	outbox_move(it, STATE_SUBMITTED);
	it->has_guid = true;
	it->guid = rig_hash(60);
	it->nonce = 4;
	it->packet = bytes_of("packet", 6);
	it->src = rig_place(61, 12);
	struct outbox_event *e = outbox_move(it, STATE_SENT);
	e->chain_eid = RIG_SRC;
	e->place = it->src;
	e->gas_used = 123;
	e->fee = "340282366920938463463374607431768211455";
	e->attempt = 2;
	e->reason = "because";
	it->fee_added = "7";
	it->gas_added = 123;
	outbox_note(it, "NOTED");
	struct outbox_place place = rig_place(62, 30);
	it->dst = place;
	outbox_move_along(it, STATE_COMMITTED, RIG_DST, &place, NULL);
	end(&r, it);
	rig_true(&r, "(SELECT array_agg(seq ORDER BY seq) = '{1,2,3,4,5,6,7}' FROM event)");
	rig_true(&r, "(SELECT array_agg(type ORDER BY seq) = '{ACCEPTED,SUBMITTED,SENT,NOTED,VERIFYING,"
		     "VERIFIED,COMMITTED}' FROM event)");
	rig_true(&r, "(SELECT from_state IS NULL AND to_state IS NULL FROM event WHERE seq = 4)");
	rig_true(&r, "(SELECT block_number = 12 AND log_index = 3 AND tx_hash = %s AND gas_used = 123 AND "
		     "attempt = 2 AND reason = 'because' AND fee = 340282366920938463463374607431768211455 "
		     "FROM event WHERE seq = 3)",
		 rig_hex(&r, rig_hash(61).b, 32));
	rig_true(&r, "(SELECT bool_and(block_number = 30 AND chain_eid = 40245) FROM event WHERE seq > 4)");
	rig_true(&r, "(SELECT version = 7 AND state = 'COMMITTED' AND fee = 7 AND gas_used = 123 AND nonce = 4 "
		     "AND packet = 'packet' FROM message)");
	rig_true(&r, "(SELECT stage = 5 AND eid = 40245 AND num = 4 AND signer IS NULL FROM outbox)");
	/* A second save of other changes adds, and does not write the first again. */
	it = begin(&r, &m);
	it->fee_added = "5";
	outbox_note(it, "AGAIN");
	end(&r, it);
	rig_true(&r, "(SELECT fee = 12 AND version = 8 FROM message)");
	rig_verify(&r);
	rig_end(&r);
}
END_TEST

START_TEST(what_did_not_change_is_not_written)
{
	struct rig r;
	rig_begin(&r);
	struct message_ref m = rig_accept(&r, 1);
	struct outbox_item *it = begin(&r, &m);
	it->evidence = "nobody said that this changed";
	end(&r, it);
	rig_true(&r, "(SELECT version = 1 AND evidence IS NULL FROM message)");
	rig_end(&r);
}
END_TEST

START_TEST(a_version_that_moved_on_is_told)
{
	struct rig r;
	rig_begin(&r);
	struct message_ref m = rig_accept(&r, 1);
	struct outbox_item *items;
	ck_assert_uint_eq(due(&r, &items, RIG_SRC, STAGE_SUBMIT, 1), 1);
	rig_move(&r, &m, STATE_SUBMITTED, 3);
	outbox_move(items, STATE_CANCELLED);
	pg_ok(r.cx, tx_begin(&r.cx, r.db));
	ck_fails(&r.cx, outbox_save(&r.cx, r.db, &items, 1), ST_BUSY, "1 of 1 messages changed meanwhile");
	tx_rollback(r.db);
	rig_true(&r, "(SELECT state = 'SUBMITTED' FROM message)");
	rig_verify(&r);
	rig_end(&r);
}
END_TEST

START_TEST(locked_items_are_the_newest)
{
	struct rig r;
	rig_begin(&r);
	struct message_ref m = rig_accept(&r, 1);
	struct db *db = rig_open(&r, "other");
	struct outbox_item *it = begin(&r, &m);
	outbox_move(it, STATE_SUBMITTED);
	pg_ok(r.cx, outbox_save(&r.cx, r.db, &it, 1));
	/* The other one waits for the lock, and gives up when its time is over. */
	struct ctx cx;
	struct outbox_item *items;
	size_t n;
	ctx_init(&cx, r.arena, 200, "other");
	pg_ok(r.cx, tx_begin(&cx, db));
	ck_assert_int_eq(outbox_by_id(&cx, db, &items, &n, &m.app_id, &m.id, 1), ST_DB);
	tx_rollback(db);
	pg_ok(r.cx, tx_commit(&r.cx, r.db));
	pg_ok(r.cx, tx_begin(&r.cx, db));
	it = rig_lock(&r, db, &m);
	ck_assert_int_eq(it->state, STATE_SUBMITTED);
	ck_assert_int_eq(it->version, 2);
	tx_rollback(db);
	db_close(db);
	rig_end(&r);
}
END_TEST

START_TEST(the_end_takes_the_row_away)
{
	struct rig r;
	struct outbox_item *it, *items;
	rig_begin(&r);
	struct message_ref a = rig_accept(&r, 1), b = rig_accept(&r, 2);
	it = begin(&r, &a);
	outbox_move(it, STATE_CANCELLED);
	end(&r, it);
	rig_true(&r, "(SELECT count(*) = 1 FROM outbox)");
	rig_move(&r, &b, STATE_DELIVERED, 9);
	rig_true(&r, "(SELECT stage = 6 AND block = 9 AND eid = 40245 FROM outbox)");
	/* Final blocks. */
	size_t n;
	pg_ok(r.cx, tx_begin(&r.cx, r.db));
	pg_ok(r.cx, outbox_final(&r.cx, r.db, &items, &n, RIG_DST, STAGE_CONFIRM, 8, 10));
	ck_assert_uint_eq(n, 0);
	pg_ok(r.cx, outbox_final(&r.cx, r.db, &items, &n, RIG_DST, STAGE_CONFIRM, 9, 10));
	ck_assert_uint_eq(n, 1);
	items->dst_final = true;
	outbox_note(items, "FINAL");
	end(&r, items);
	rig_true(&r, "(SELECT count(*) = 0 FROM outbox)");
	it = begin(&r, &b);
	ck_assert(!it->is_open);
	ck_assert(it->dst_final);
	tx_rollback(r.db);
	rig_verify(&r);
	rig_end(&r);
}
END_TEST

struct mover {
	const char *url;
	enum status st;
	size_t n;
};

/* An observer that finds a block of the source final. */
static void *find_final(void *arg)
{
	struct mover *m = arg;
	struct arena *arena = arena_create(UNIT_ARENA_BYTES);
	struct ctx cx;
	struct db *db = NULL;
	struct outbox_item *items;
	ctx_init(&cx, arena, 20000, "mover");
	m->st = db_open(&cx, m->url, "mover", &db);
	if (m->st == ST_OK)
		m->st = tx_begin(&cx, db);
	if (m->st == ST_OK)
		m->st = outbox_final(&cx, db, &items, &m->n, RIG_SRC, STAGE_FINALITY, 9, 10);
	arena_destroy(arena);
	db_close(db);
	return NULL;
}

START_TEST(what_moved_on_while_its_lock_was_waited_for_is_not_at_that_stage)
{
	struct rig r;
	rig_begin(&r);
	struct message_ref a = rig_accept(&r, 1), b = rig_accept(&r, 2);
	rig_move(&r, &a, STATE_SENT, 9);
	rig_move(&r, &b, STATE_SENT, 9);
	/* The destination's observer moves the first. */
	struct outbox_item *it = begin(&r, &a);
	outbox_move_along(it, STATE_COMMITTED, RIG_DST, NULL, NULL);
	struct mover m = {.url = r.url};
	pthread_t thread;
	ck_assert_int_eq(pthread_create(&thread, NULL, find_final, &m), 0);
	clock_sleep_ms(300);
	end(&r, it);
	pthread_join(thread, NULL);
	ck_assert_int_eq(m.st, ST_OK);
	ck_assert_uint_eq(m.n, 1);
	rig_end(&r);
}
END_TEST

START_TEST(messages_are_found_by_request_and_by_packet)
{
	struct rig r;
	struct outbox_names names;
	rig_begin(&r);
	struct message_ref a = rig_accept(&r, 1), b = rig_accept(&r, 2);
	rig_move(&r, &b, STATE_SENT, 9);
	struct hash request = rig_hash(1001), guid = rig_hash(1002), nothing = rig_hash(5);
	guid.b[0] = 0x66;
	struct bytes requests[] = {bytes_of(request.b, 32), bytes_of(nothing.b, 32)};
	struct bytes guids[] = {bytes_of(nothing.b, 32), bytes_of(guid.b, 32)};
	pg_ok(r.cx, outbox_names_by_keys(&r.cx, r.db, &names, requests, 2, guids, 2));
	ck_assert_uint_eq(names.n, 2);
	pg_ok(r.cx, outbox_names_by_keys(&r.cx, r.db, &names, NULL, 0, guids, 2));
	ck_assert_uint_eq(names.n, 1);
	ck_assert_mem_eq(names.ids[0].b, b.id.b, 16);
	/* Only the one that waits for its source transaction is tracked. */
	rig_move(&r, &a, STATE_SUBMITTED, 9);
	int64_t apps[] = {a.app_id, b.app_id};
	struct uuid ids[] = {a.id, b.id};
	pg_ok(r.cx, outbox_names_tracked(&r.cx, r.db, &names, apps, ids, 2));
	ck_assert_uint_eq(names.n, 1);
	ck_assert_mem_eq(names.ids[0].b, a.id.b, 16);
	rig_end(&r);
}
END_TEST

/* Its signature is public: CANCELLED, and then delivered, would be a lie. */
START_TEST(what_was_broadcast_once_cannot_be_cancelled)
{
	struct rig r;
	bool done = true;
	rig_begin(&r);
	struct message_ref never = rig_accept(&r, 1), once = rig_accept(&r, 2);
	rig_move(&r, &once, STATE_SUBMITTED, 9);
	rig_move(&r, &once, STATE_ACCEPTED, 9);
	pg_ok(r.cx, message_cancel(&r.cx, r.db, &done, &once));
	ck_assert(!done);
	rig_true(&r, "(SELECT count(*) = 2 FROM outbox)");
	pg_ok(r.cx, message_cancel(&r.cx, r.db, &done, &never));
	ck_assert(done);
	rig_verify(&r);
	rig_end(&r);
}
END_TEST

static struct outbox_item observed_item(uint64_t guid)
{
	return (struct outbox_item){
		.src_eid = RIG_SRC,
		.dst_eid = RIG_DST,
		.messenger = rig_addr(2),
		.receiver = rig_hash(5),
		.payload = bytes_of("", 0),
		.gas_limit = 1000,
		.value = "0",
		.author = rig_addr(3),
		.request_id = rig_hash(70),
		.guid = rig_hash(guid),
		.nonce = 8,
		.packet = bytes_of("packet", 6),
		.src = rig_place(61, 12),
		.verify_required = 1,
	};
}

START_TEST(an_observed_packet_is_one_message)
{
	struct rig r;
	rig_begin(&r);
	struct outbox_item it = observed_item(80), other = observed_item(81);
	for (int i = 0; i < 3; i++)
		pg_ok(r.cx, outbox_observe(&r.cx, r.db, &it));
	rig_true(&r, "(SELECT count(*) = 1 FROM message WHERE app_id = 0)");
	rig_true(&r, "(SELECT state = 'SENT' AND version = 1 AND kind = 5 AND payload = '' FROM message)");
	rig_true(&r, "(SELECT stage = 3 AND block = 12 AND eid = 40161 FROM outbox)");
	/* Another packet with the same request id is another message. */
	pg_ok(r.cx, outbox_observe(&r.cx, r.db, &other));
	rig_true(&r, "(SELECT count(*) = 2 FROM message WHERE app_id = 0)");
	/* Its block went away: when the block comes back, or with another one, it is a message anew. */
	rig_sql(&r, "UPDATE message SET guid = NULL WHERE guid = %s", rig_hex(&r, rig_hash(80).b, 32));
	for (int i = 0; i < 2; i++)
		pg_ok(r.cx, outbox_observe(&r.cx, r.db, &it));
	rig_true(&r, "(SELECT count(*) = 3 FROM message WHERE app_id = 0)");
	rig_verify(&r);
	/* After a reorganisation another packet may have its place, and so its guid. */
	it.packet = bytes_of("another", 7);
	for (int i = 0; i < 2; i++)
		pg_ok(r.cx, outbox_observe(&r.cx, r.db, &it));
	rig_true(&r, "(SELECT count(*) = 4 FROM message WHERE app_id = 0)");
	rig_end(&r);
}
END_TEST

/* States before what a chain showed above a block, as a reorganisation needs them. */
static enum message_state before_above(struct rig *r, int64_t eid, int64_t block, size_t expected)
{
	struct outbox_item *items;
	enum message_state *before;
	size_t n;
	pg_ok(r->cx, tx_begin(&r->cx, r->db));
	pg_ok(r->cx, outbox_above(&r->cx, r->db, &items, &n, &before, eid, block));
	tx_rollback(r->db);
	ck_assert_uint_eq(n, expected);
	return n ? before[0] : STATE_COUNT;
}

/* What relay/reorg.c writes. */
static void reorg(struct rig *r, const struct message_ref *m, int64_t ancestor,
		  enum message_state back_to)
{
	struct outbox_item *it = begin(r, m);
	struct outbox_event *e = outbox_note(it, "REORGED");
	e->chain_eid = RIG_DST;
	e->place = (struct outbox_place){.block = ancestor, .block_hash = rig_hash(1)};
	if (back_to != it->state)
		outbox_move_along(it, back_to, RIG_DST, NULL, "the destination block is gone");
	end(r, it);
}

START_TEST(a_reorganisation_finds_the_state_before_it)
{
	struct rig r;
	rig_begin(&r);
	struct message_ref m = rig_accept(&r, 1);
	rig_move(&r, &m, STATE_VERIFYING, 5);
	rig_move(&r, &m, STATE_VERIFIED, 10);
	rig_move(&r, &m, STATE_COMMITTED, 11);
	rig_move(&r, &m, STATE_DELIVERED, 12);
	ck_assert_int_eq(before_above(&r, RIG_DST, 12, 0), STATE_COUNT);
	ck_assert_int_eq(before_above(&r, RIG_DST, 11, 1), STATE_COMMITTED);
	ck_assert_int_eq(before_above(&r, RIG_DST, 10, 1), STATE_VERIFIED);
	ck_assert_int_eq(before_above(&r, RIG_DST, 3, 1), STATE_VERIFYING);
	ck_assert_int_eq(before_above(&r, RIG_SRC, 4, 1), STATE_ACCEPTED);
	rig_end(&r);
}
END_TEST

START_TEST(a_second_deeper_reorganisation_goes_on_where_the_first_ended)
{
	struct rig r;
	rig_begin(&r);
	struct message_ref m = rig_accept(&r, 1);
	rig_move(&r, &m, STATE_VERIFYING, 5);
	rig_move(&r, &m, STATE_VERIFIED, 10);
	rig_move(&r, &m, STATE_COMMITTED, 11);
	rig_move(&r, &m, STATE_DELIVERED, 12);
	reorg(&r, &m, 11, STATE_COMMITTED);
	/* The delivery is undone already, the commit and the verification are not. */
	ck_assert_int_eq(before_above(&r, RIG_DST, 10, 1), STATE_VERIFIED);
	ck_assert_int_eq(before_above(&r, RIG_DST, 9, 1), STATE_VERIFYING);
	rig_verify(&r);
	rig_end(&r);
}
END_TEST

START_TEST(what_a_reorganisation_took_back_does_not_count_again)
{
	struct rig r;
	rig_begin(&r);
	struct message_ref m = rig_accept(&r, 1);
	rig_move(&r, &m, STATE_VERIFYING, 5);
	rig_move(&r, &m, STATE_VERIFIED, 10);
	rig_move(&r, &m, STATE_COMMITTED, 15);
	reorg(&r, &m, 9, STATE_VERIFYING);
	/* The new branch is quicker. */
	rig_move(&r, &m, STATE_VERIFIED, 10);
	rig_move(&r, &m, STATE_COMMITTED, 11);
	ck_assert_int_eq(before_above(&r, RIG_DST, 12, 1), STATE_COMMITTED);
	ck_assert_int_eq(before_above(&r, RIG_DST, 10, 1), STATE_VERIFIED);
	rig_end(&r);
}
END_TEST

START_TEST(many_events_of_one_item_in_one_save)
{
	enum { EVENTS = 3000 };
	struct rig r;
	rig_begin(&r);
	struct message_ref m = rig_accept(&r, 1);
	struct outbox_item *it = begin(&r, &m);
	for (int i = 0; i < EVENTS / 2; i++) {
		outbox_move(it, STATE_SUBMITTED);
		outbox_move(it, STATE_ACCEPTED);
	}
	end(&r, it);
	rig_true(&r, "(SELECT count(*) = %d AND max(seq) = %d FROM event)", EVENTS + 1, EVENTS + 1);
	rig_verify(&r);
	rig_end(&r);
}
END_TEST

static void illegal_move(void)
{
	struct outbox_item it = {.state = STATE_ACCEPTED, .arena = arena_create(1 << 20)};
	outbox_move(&it, STATE_DELIVERED);
}
static void no_way(void)
{
	struct outbox_item it = {.state = STATE_CANCELLED, .arena = arena_create(1 << 20)};
	outbox_move_along(&it, STATE_SENT, RIG_SRC, NULL, NULL);
}
START_TEST(illegal_moves_are_bugs)
{
	ck_assert(unit_aborts(illegal_move));
	ck_assert(unit_aborts(no_way));
}
END_TEST

PG_SUITE("storage/outbox", what_was_broadcast_once_cannot_be_cancelled,
	 due_items_come_in_their_order, what_is_carried_or_postponed_is_not_due,
	 a_save_writes_every_event_without_gaps, what_did_not_change_is_not_written,
	 a_version_that_moved_on_is_told, locked_items_are_the_newest, the_end_takes_the_row_away,
	 what_moved_on_while_its_lock_was_waited_for_is_not_at_that_stage,
	 messages_are_found_by_request_and_by_packet, an_observed_packet_is_one_message,
	 a_reorganisation_finds_the_state_before_it,
	 a_second_deeper_reorganisation_goes_on_where_the_first_ended,
	 what_a_reorganisation_took_back_does_not_count_again, many_events_of_one_item_in_one_save,
	 illegal_moves_are_bugs)
