/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/pg.h"

#include "storage/overview.h"

/* Ten messages on 1→2 that took 1..10 s in all, and three that wait. */
static const char made[] =
	"INSERT INTO app (name, chain_app_id) VALUES ('a', decode(repeat('01', 32), 'hex'));"
	"INSERT INTO message (app_id, id, version, state, verify_required, kind, submission, "
	"execution, src_eid, "
	"dst_eid, receiver, payload, gas_limit, author_nonce, messenger, request_id, "
	"idempotency_method, "
	"idempotency_key, fingerprint, request, created_at) SELECT 1, gen_random_uuid(), 1, CASE "
	"WHEN i <= 10 THEN "
	"'DELIVERED' ELSE 'ACCEPTED' END::message_state, 2, 1, 1, 1, 1, 2, decode(repeat('00', "
	"32), 'hex'), '', 1, i, "
	"decode(repeat('00', 20), 'hex'), decode(repeat('00', 32), 'hex'), 1, i::text, "
	"decode(repeat('00', 32), 'hex'), "
	"'', now() - make_interval(secs => i) FROM generate_series(1, 13) i;"
	"INSERT INTO event (app_id, message_id, seq, type, to_state, at) SELECT 1, id, s.seq, "
	"s.state, "
	"s.state::message_state, now() - interval '1 minute' + s.part * make_interval(secs => "
	"idempotency_key::int) FROM message, (VALUES (1, 'ACCEPTED', 0.0), (2, 'SENT', 0.2), (3, "
	"'VERIFIED', 0.5), "
	"(4, 'DELIVERED', 1.0)) s (seq, state, part) WHERE message.state = 'DELIVERED';"
	"INSERT INTO outbox (app_id, id, eid, stage, num) SELECT app_id, id, 1, 1, num FROM "
	"message WHERE state = "
	"'ACCEPTED';"
	"INSERT INTO outbox (app_id, id, eid, stage, num) SELECT app_id, id, 2, 6, num FROM "
	"message WHERE state = "
	"'DELIVERED';"
	"INSERT INTO lane (eid, signer, role, next_nonce, halted, detail) VALUES (1, "
	"decode(repeat('ab', 20), 'hex'), "
	"'submit', 1, 3, 'why'), (2, decode(repeat('cd', 20), 'hex'), 'deliver', 1, 0, NULL);"
	"INSERT INTO lease (name, until) VALUES ('lane.1.0x' || repeat('ab', 20), now() + interval "
	"'1 hour'), "
	"('lane.2.0x' || repeat('cd', 20), now() - interval '1 hour'), ('observe.x', now() + "
	"interval '1 hour');"
	"INSERT INTO chain_cursor (eid, number, hash, head, problem, detail) VALUES (1, 5, '', 6, "
	"8, 'two heads')";

START_TEST(the_overview_is_what_the_relay_wrote)
{
	struct arena *arena;
	struct ctx cx = pg_ctx(&arena);
	struct db *db;
	size_t n;
	pg_ok(cx, db_open(&cx, pg_database(&cx), "test", &db));
	pg_ok(cx, db_script(&cx, db, made));
	struct overview_backlog *backlogs;
	pg_ok(cx, overview_backlogs(&cx, db, &backlogs, &n));
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(backlogs[0].count, 3);
	ck_assert_int_lt(llabs(clock_wall_us() - 13000000 - backlogs[0].oldest_us), 5000000);
	struct overview_latency *l;
	pg_ok(cx, overview_latencies(&cx, db, &l, &n));
	ck_assert_uint_eq(n, 4);
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_eq(l[i].count, 10);
		ck_assert_int_eq(l[i].verify_required, 2);
		ck_assert(l[i].src_eid == 1 && l[i].dst_eid == 2);
		if (strcmp(l[i].stage, "TOTAL") == 0)
			ck_assert(l[i].p50 > 5.4 && l[i].p50 < 5.6 && l[i].p90 > 9.0 &&
				  l[i].p99 > 9.8);
		if (strcmp(l[i].stage, "SEND") == 0)
			ck_assert(l[i].p50 > 1.0 && l[i].p50 < 1.2);
	}
	struct overview_lane *lanes;
	pg_ok(cx, overview_lanes(&cx, db, &lanes, &n));
	ck_assert_uint_eq(n, 2);
	ck_assert(lanes[0].is_driven && !lanes[1].is_driven);
	ck_assert_int_eq(lanes[0].halted, 3);
	ck_assert_str_eq(lanes[0].detail, "why");
	struct overview_lease *leases;
	pg_ok(cx, overview_leases(&cx, db, &leases, &n));
	ck_assert_uint_eq(n, 2);
	struct overview_cursor *cursors;
	pg_ok(cx, overview_cursors(&cx, db, &cursors, &n));
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(cursors[0].problem, 8);
	ck_assert_int_eq(cursors[0].block_time_us, 0);
	arena_destroy(arena);
	db_close(db);
}
END_TEST

START_TEST(an_empty_database_has_an_empty_overview)
{
	struct arena *arena;
	struct ctx cx = pg_ctx(&arena);
	struct db *db;
	size_t n = 1;
	struct overview_latency *l;
	struct overview_backlog *b;
	pg_ok(cx, db_open(&cx, pg_database(&cx), "test", &db));
	pg_ok(cx, overview_latencies(&cx, db, &l, &n));
	ck_assert_uint_eq(n, 0);
	pg_ok(cx, overview_backlogs(&cx, db, &b, &n));
	ck_assert_uint_eq(n, 0);
	arena_destroy(arena);
	db_close(db);
}
END_TEST

PG_SUITE("storage/overview", the_overview_is_what_the_relay_wrote,
	 an_empty_database_has_an_empty_overview)
