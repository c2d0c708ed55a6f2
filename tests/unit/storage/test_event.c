/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/pg.h"

#include "storage/event.h"

struct shelf {
	struct arena *arena;
	struct ctx cx;
	const char *url;
	struct db *db;
};

static void shelf_open(struct shelf *s)
{
	s->cx = pg_ctx(&s->arena);
	s->url = pg_database(&s->cx);
	pg_ok(s->cx, db_open(&s->cx, s->url, "test", &s->db));
}

static void shelf_close(struct shelf *s)
{
	arena_destroy(s->arena);
	db_close(s->db);
}

#define PUT                                                              \
	"INSERT INTO event (app_id, message_id, seq, type) VALUES (%d, " \
	"'00000000-0000-0000-0000-0000000000%02d', %d, 'T')"

static void put(struct shelf *s, struct db *db, int app, int message, int seq)
{
	pg_ok(s->cx, db_script(&s->cx, db, arena_printf(s->arena, PUT, app, message, seq)));
}

START_TEST(the_feed_never_passes_over_a_late_commit)
{
	struct shelf s;
	struct db *slow;
	struct event *events;
	struct event_position at = {0, 0};
	size_t n;
	shelf_open(&s);
	pg_ok(s.cx, db_open(&s.cx, s.url, "slow", &slow));
	put(&s, s.db, 1, 1, 1);
	pg_ok(s.cx, db_script(&s.cx, slow, "BEGIN"));
	put(&s, slow, 1, 2, 1);
	put(&s, s.db, 1, 3, 1);
	put(&s, s.db, 2, 4, 1);
	pg_ok(s.cx, event_feed(&s.cx, s.db, &events, &n, 1, at, 10));
	ck_assert_uint_eq(n, 1);
	at = events[0].at;
	pg_ok(s.cx, event_feed(&s.cx, s.db, &events, &n, 1, at, 10));
	ck_assert_uint_eq(n, 0);
	pg_ok(s.cx, db_script(&s.cx, slow, "COMMIT"));
	pg_ok(s.cx, event_feed(&s.cx, s.db, &events, &n, 1, at, 10));
	ck_assert_uint_eq(n, 2);
	ck_assert_int_eq(events[0].ref.id.b[15], 2);
	ck_assert_int_eq(events[1].ref.id.b[15], 3);
	pg_ok(s.cx, event_feed(&s.cx, s.db, &events, &n, 1, at, 1));
	ck_assert_uint_eq(n, 1);
	struct event_position now, end;
	pg_ok(s.cx, event_now(&s.cx, s.db, &now, &end));
	ck_assert(now.xid > events[0].at.xid && end.xid >= now.xid);
	arena_destroy(s.arena);
	db_close(slow);
	db_close(s.db);
}
END_TEST

START_TEST(several_apps_are_followed_each_in_its_order)
{
	struct shelf s;
	struct event *events;
	size_t n;
	shelf_open(&s);
	for (int i = 1; i <= 5; i++) {
		put(&s, s.db, 1, 1, i);
		put(&s, s.db, 2, 2, i);
		put(&s, s.db, 3, 3, i);
	}
	struct event_follow apps[] = {{3, {0, 0}}, {1, {0, 0}}};
	pg_ok(s.cx, event_follow(&s.cx, s.db, &events, &n, apps, 2, 4));
	ck_assert_uint_eq(n, 8);
	int64_t seq[4] = {0};
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_ne(events[i].ref.app_id, 2);
		ck_assert_int_eq(events[i].seq, ++seq[events[i].ref.app_id]);
	}
	shelf_close(&s);
}
END_TEST

START_TEST(catching_up_tells_where_the_message_is)
{
	struct shelf s;
	shelf_open(&s);
	pg_ok(s.cx, db_script(&s.cx, s.db,
			      "INSERT INTO message (app_id, id, version, state, kind, submission, "
			      "execution, src_eid, dst_eid, "
			      "receiver, payload, gas_limit, author_nonce, messenger, request_id, "
			      "idempotency_method, "
			      "idempotency_key, fingerprint, request) SELECT 1, "
			      "('00000000-0000-0000-0000-0000000000' || "
			      "lpad(i::text, 2, '0'))::uuid, 3, CASE i WHEN 1 THEN 'CANCELLED' "
			      "ELSE 'SENT' END::message_state, 1, "
			      "1, 1, 1, 2, decode(repeat('00', 32), 'hex'), '', 1, i, "
			      "decode(repeat('00', 20), 'hex'), "
			      "decode(repeat('00', 32), 'hex'), 1, i::text, decode(repeat('00', "
			      "32), 'hex'), '' FROM "
			      "generate_series(1, 2) i"));
	for (int m = 1; m <= 2; m++)
		for (int i = 1; i <= 3; i++)
			put(&s, s.db, 1, m, i);
	struct event_catch_up asks[4] = {{.ref = {1, {{[15] = 2}}}, .after_seq = 1},
					 {.ref = {1, {{[15] = 9}}}},
					 {.ref = {1, {{[15] = 1}}}, .after_seq = 3},
					 {.ref = {2, {{[15] = 1}}}}};
	pg_ok(s.cx, event_catch_up(&s.cx, s.db, asks, 4, 10));
	ck_assert(asks[0].found && !asks[0].is_final);
	ck_assert_uint_eq(asks[0].events_n, 2);
	ck_assert_int_eq(asks[0].events[0].seq, 2);
	ck_assert(!asks[1].found && !asks[3].found);
	ck_assert(asks[2].found && asks[2].is_final);
	ck_assert_int_eq(asks[2].version, 3);
	ck_assert_uint_eq(asks[2].events_n, 0);
	pg_ok(s.cx, event_catch_up(&s.cx, s.db, asks, 1, 1));
	ck_assert_uint_eq(asks[0].events_n, 1);
	shelf_close(&s);
}
END_TEST

PG_SUITE("storage/event", the_feed_never_passes_over_a_late_commit,
	 several_apps_are_followed_each_in_its_order, catching_up_tells_where_the_message_is)
