/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/cursor.h"
#include "tests/unit/storage/rig.h"

/* Ends the server process of every connection with this role, and waits until it is gone. */
static void kill_role(struct rig *r, const char *role)
{
	rig_true(r,
		 "(SELECT count(*) = 1 AND bool_and(pg_terminate_backend(pid, 5000)) FROM "
		 "pg_stat_activity WHERE application_name = 'ferry %s')",
		 role);
}

static enum status ask(struct rig *r, struct db *db)
{
	struct rows rows;
	return db_exec0(&r->cx, db, SQL_EVENT_NOW, &rows);
}

/* A row that tells whether a transaction counted. */
static enum status mark(struct rig *r, struct db *db, const char *name)
{
	return db_exec(&r->cx, db, SQL_LEASE_SEED, NULL, p_text(name));
}
static void has_mark(struct rig *r, const char *name, bool yes)
{
	rig_true(r, "EXISTS (SELECT 1 FROM lease WHERE name = '%s') = %s", name,
		 yes ? "true" : "false");
}

START_TEST(a_lost_connection_is_opened_again)
{
	struct rig r;
	rig_begin(&r);
	struct db *db = rig_open(&r, "victim");
	pg_ok(r.cx, ask(&r, db));
	kill_role(&r, "victim");
	ck_assert_int_eq(ask(&r, db), ST_DB);
	ck_assert_str_eq(db_sqlstate(db), "");
	/* With its statements prepared anew. */
	pg_ok(r.cx, ask(&r, db));
	pg_ok(r.cx, mark(&r, db, "afterwards"));
	has_mark(&r, "afterwards", true);
	db_close(db);
	rig_end(&r);
}
END_TEST

START_TEST(a_connection_lost_in_a_transaction_takes_the_transaction_along)
{
	struct rig r;
	rig_begin(&r);
	struct db *db = rig_open(&r, "victim");
	pg_ok(r.cx, tx_begin(&r.cx, db));
	pg_ok(r.cx, mark(&r, db, "before"));
	kill_role(&r, "victim");
	ck_assert_int_eq(mark(&r, db, "lost"), ST_DB);
	ck_assert_str_eq(db_sqlstate(db), "");
	/* Whoever does not look at the failure writes nothing either: no statement slips out alone. */
	ck_assert_int_eq(mark(&r, db, "after"), ST_DB);
	ck_assert_int_eq(mark(&r, db, "after"), ST_DB);
	ck_assert_int_eq(tx_commit(&r.cx, db), ST_DB);
	ck_assert_str_eq(db_sqlstate(db), "");
	ck_assert(!tx_is_open(db));
	has_mark(&r, "before", false);
	has_mark(&r, "after", false);
	pg_ok(r.cx, tx_begin(&r.cx, db));
	pg_ok(r.cx, mark(&r, db, "again"));
	pg_ok(r.cx, tx_commit(&r.cx, db));
	has_mark(&r, "again", true);
	db_close(db);
	rig_end(&r);
}
END_TEST

START_TEST(a_roll_back_without_a_connection_makes_room_for_the_next)
{
	struct rig r;
	rig_begin(&r);
	struct db *db = rig_open(&r, "victim");
	pg_ok(r.cx, tx_begin(&r.cx, db));
	pg_ok(r.cx, mark(&r, db, "before"));
	kill_role(&r, "victim");
	ck_assert_int_eq(ask(&r, db), ST_DB);
	tx_rollback(db);
	ck_assert(!tx_is_open(db));
	pg_ok(r.cx, ask(&r, db));
	has_mark(&r, "before", false);
	db_close(db);
	rig_end(&r);
}
END_TEST

START_TEST(a_connection_lost_at_commit_leaves_the_outcome_unknown)
{
	struct rig r;
	rig_begin(&r);
	struct db *db = rig_open(&r, "victim");
	pg_ok(r.cx, tx_begin(&r.cx, db));
	pg_ok(r.cx, mark(&r, db, "unknown"));
	kill_role(&r, "victim");
	ck_assert_int_eq(tx_commit(&r.cx, db), ST_DB);
	ck_assert_str_eq(db_sqlstate(db), "");
	ck_assert(!tx_is_open(db));
	has_mark(&r, "unknown", false);
	pg_ok(r.cx, ask(&r, db));
	db_close(db);
	rig_end(&r);
}
END_TEST

START_TEST(a_server_that_is_not_there_is_said)
{
	struct rig r;
	struct db *db;
	rig_begin(&r);
	ck_fails(&r.cx, db_open(&r.cx, "postgresql:///ferry?host=/nonexistent&user=ferry", "test", &db),
		 ST_DB, "cannot be reached");
	rig_end(&r);
}
END_TEST

START_TEST(an_arena_that_ends_rolls_its_transaction_back)
{
	struct rig r;
	rig_begin(&r);
	struct arena *round = arena_create(UNIT_ARENA_BYTES);
	struct ctx cx;
	ctx_init(&cx, round, 5000, "round");
	pg_ok(cx, tx_begin(&cx, r.db));
	pg_ok(cx, db_exec(&cx, r.db, SQL_LEASE_SEED, NULL, p_text("given up")));
	arena_destroy(round);
	ck_assert(!tx_is_open(r.db));
	has_mark(&r, "given up", false);
	rig_end(&r);
}
END_TEST

START_TEST(an_old_arena_spares_a_newer_transaction)
{
	struct rig r;
	rig_begin(&r);
	struct arena *old = arena_create(UNIT_ARENA_BYTES);
	struct ctx cx;
	ctx_init(&cx, old, 5000, "old");
	pg_ok(cx, tx_begin(&cx, r.db));
	pg_ok(cx, tx_commit(&cx, r.db));
	pg_ok(r.cx, tx_begin(&r.cx, r.db));
	pg_ok(r.cx, mark(&r, r.db, "newer"));
	arena_destroy(old);
	ck_assert(tx_is_open(r.db));
	pg_ok(r.cx, tx_commit(&r.cx, r.db));
	has_mark(&r, "newer", true);
	rig_end(&r);
}
END_TEST

START_TEST(the_server_gives_up_when_the_request_does)
{
	struct rig r;
	struct lease l;
	rig_begin(&r);
	struct db *db = rig_open(&r, "waiter");
	lease_init(&l, "lane.test", "elsewhere/1/1");
	pg_ok(r.cx, lease_take(&r.cx, r.db, &l));
	pg_ok(r.cx, tx_begin(&r.cx, r.db));
	pg_ok(r.cx, lease_fence(&r.cx, r.db, &l));
	struct ctx cx;
	ctx_init(&cx, r.arena, 200, "short");
	int64_t began = clock_mono_ms();
	struct rows rows;
	ck_assert_int_eq(db_exec(&cx, db, SQL_LEASE_TAKE, &rows, p_text("lane.test"), p_i64(1),
				 p_text("me"), p_i64(5)),
			 ST_DB);
	ck_assert_str_eq(db_sqlstate(db), "57014");
	int64_t took = clock_mono_ms() - began;
	ck_assert_int_ge(took, 90);
	ck_assert_int_lt(took, 2000);
	/* Its time is over: not even asked. The connection is as good as before. */
	clock_sleep_ms(250);
	ck_fails(&cx, ask(&r, db) == ST_OK ? db_exec0(&cx, db, SQL_EVENT_NOW, &rows) : ST_OK, ST_DEADLINE,
		 "over before its SQL");
	pg_ok(r.cx, tx_commit(&r.cx, r.db));
	db_close(db);
	rig_end(&r);
}
END_TEST

START_TEST(failures_have_their_statuses)
{
	struct rig r;
	rig_begin(&r);
	const char *insert = "INSERT INTO lease (name) VALUES ('one')";
	pg_ok(r.cx, db_script(&r.cx, r.db, insert));
	ck_assert_int_eq(db_script(&r.cx, r.db, insert), ST_CONFLICT);
	ck_assert_str_eq(db_sqlstate(r.db), "23505");
	ck_assert_str_eq(db_constraint(r.db), "lease_pkey");
	ck_fails(&r.cx, mark(&r, r.db, "\xff\xfe"), ST_INVALID, "invalid byte sequence");
	ck_assert_int_eq(db_exec(&r.cx, r.db, SQL_JOURNAL_LANE_SEED, NULL, p_i64(1), p_blob("short", 5),
				 p_text("submit"), p_i64(0)),
			 ST_INVALID);
	ck_assert_str_eq(db_sqlstate(r.db), "23514");
	/* A transaction that failed cannot be committed any more. */
	pg_ok(r.cx, tx_begin(&r.cx, r.db));
	pg_ok(r.cx, mark(&r, r.db, "two"));
	ck_assert_int_eq(mark(&r, r.db, "\xff"), ST_INVALID);
	ck_fails(&r.cx, tx_commit(&r.cx, r.db), ST_BUSY, "rolled back after an earlier failure");
	has_mark(&r, "two", false);
	rig_end(&r);
}
END_TEST

START_TEST(a_serialization_failure_is_worth_another_try)
{
	struct rig r;
	rig_begin(&r);
	struct db *db = rig_open(&r, "other");
	pg_ok(r.cx, mark(&r, r.db, "one"));
	pg_ok(r.cx, tx_begin(&r.cx, db));
	pg_ok(r.cx, db_script(&r.cx, db, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"));
	pg_ok(r.cx, ask(&r, db));
	rig_sql(&r, "UPDATE lease SET epoch = 5");
	ck_assert_int_eq(db_script(&r.cx, db, "UPDATE lease SET epoch = 6"), ST_BUSY);
	ck_assert_str_eq(db_sqlstate(db), "40001");
	tx_rollback(db);
	db_close(db);
	rig_end(&r);
}
END_TEST

START_TEST(members_of_arrays_may_be_empty_or_missing)
{
	enum { N = 4 };
	struct rig r;
	rig_begin(&r);
	const struct message_new *news[N];
	struct message_ref refs[N];
	bool inserted[N];
	int64_t created;
	for (size_t i = 0; i < N; i++) {
		struct message_new *m = rig_new(&r, i);
		m->client_ref = i == 0 ? NULL : i == 1 ? "" : i == 2 ? "NULL" : "{\"\\,é}";
		m->recipient = i == 1 ? "" : i == 2 ? "idn_{}" : NULL;
		m->payload = i == 0 ? bytes_of("", 0) : i == 1 ? bytes_of("\0", 1) : bytes_of("x\0y", 3);
		m->has_ordering_key = i % 2;
		m->ordering_key = rig_hash(i);
		news[i] = m;
		refs[i] = m->ref;
	}
	pg_ok(r.cx, message_insert(&r.cx, r.db, inserted, &created, news, N));
	struct message *out[N];
	pg_ok(r.cx, message_read(&r.cx, r.db, out, refs, N));
	for (size_t i = 0; i < N; i++) {
		ck_assert_ptr_nonnull(out[i]);
		ck_assert(bytes_equal(out[i]->payload, news[i]->payload));
		ck_assert_int_eq(out[i]->has_ordering_key, news[i]->has_ordering_key);
		if (i == 0)
			ck_assert_ptr_null(out[i]->client_ref);
		else
			ck_assert_str_eq(out[i]->client_ref, news[i]->client_ref);
		ck_assert_int_eq(out[i]->recipient != NULL, i == 1 || i == 2);
		if (news[i]->recipient)
			ck_assert_str_eq(out[i]->recipient, news[i]->recipient);
	}
	rig_true(&r, "(SELECT count(*) FROM message WHERE client_ref IS NULL) = 1");
	rig_true(&r, "(SELECT count(*) FROM message WHERE payload = '') = 1");
	rig_end(&r);
}
END_TEST

START_TEST(arrays_may_have_no_members_or_very_many)
{
	enum { MANY = 20000 };
	struct rig r;
	struct outbox_item *items;
	struct outbox_names names;
	size_t n = 7;
	rig_begin(&r);
	struct message_ref m = rig_accept(&r, 1);
	pg_ok(r.cx, outbox_by_id(&r.cx, r.db, &items, &n, NULL, NULL, 0));
	ck_assert_uint_eq(n, 0);
	pg_ok(r.cx, outbox_names_by_keys(&r.cx, r.db, &names, NULL, 0, NULL, 0));
	ck_assert_uint_eq(names.n, 0);
	int64_t *apps = arena_array(r.arena, MANY, sizeof *apps);
	struct uuid *ids = arena_array(r.arena, MANY, sizeof *ids);
	for (size_t i = 0; i < MANY; i++) {
		apps[i] = (int64_t)i * INT64_C(-0x0123456789ab);
		ids[i].b[0] = (uint8_t)i;
	}
	apps[MANY - 1] = m.app_id;
	ids[MANY - 1] = m.id;
	pg_ok(r.cx, outbox_by_id(&r.cx, r.db, &items, &n, apps, ids, MANY));
	ck_assert_uint_eq(n, 1);
	rig_end(&r);
}
END_TEST

START_TEST(numbers_keep_their_sign_and_their_ends)
{
	struct rig r;
	rig_begin(&r);
	static const int64_t edges[] = {0, 1, -1, INT64_MAX, INT64_MIN, 1LL << 40};
	for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
		struct cursor_block at = {.number = edges[i], .hash = rig_hash(i), .time_s = 1700000000}, back;
		pg_ok(r.cx, db_exec(&r.cx, r.db, SQL_CURSOR_MOVE, NULL, p_i64(9), p_i64(at.number),
				    p_blob(at.hash.b, 32), p_i64(at.number), p_i64(at.time_s)));
		pg_ok(r.cx, cursor_read(&r.cx, r.db, 9, &back));
		ck_assert_int_eq(back.number, at.number);
		ck_assert_int_eq(back.time_s, at.time_s);
		unit_assert_hash_eq(back.hash, at.hash);
	}
	rig_end(&r);
}
END_TEST

START_TEST(notifications_arrive_and_a_lost_listener_looks_again)
{
	struct rig r;
	bool notified;
	rig_begin(&r);
	struct db *db = rig_open(&r, "listener");
	pg_ok(r.cx, db_listen(&r.cx, db, "ferry_test"));
	pg_ok(r.cx, db_wait(&r.cx, db, 10, &notified));
	ck_assert(!notified);
	pg_ok(r.cx, db_notify(&r.cx, r.db, "ferry_test"));
	pg_ok(r.cx, db_wait(&r.cx, db, 5000, &notified));
	ck_assert(notified);
	kill_role(&r, "listener");
	enum status st = ST_OK;
	for (int i = 0; i < 5 && st == ST_OK; i++) /* the server's last words come first */
		st = db_wait(&r.cx, db, 5000, &notified);
	ck_assert_int_eq(st, ST_DB);
	/* Back again: what came meanwhile is lost, so it says that something may have come; and it listens. */
	pg_ok(r.cx, db_wait(&r.cx, db, 5000, &notified));
	ck_assert(notified);
	pg_ok(r.cx, db_notify(&r.cx, r.db, "ferry_test"));
	pg_ok(r.cx, db_wait(&r.cx, db, 5000, &notified));
	ck_assert(notified);
	db_close(db);
	rig_end(&r);
}
END_TEST

PG_SUITE("storage/db", a_lost_connection_is_opened_again,
	 a_connection_lost_in_a_transaction_takes_the_transaction_along,
	 a_roll_back_without_a_connection_makes_room_for_the_next,
	 a_connection_lost_at_commit_leaves_the_outcome_unknown, a_server_that_is_not_there_is_said,
	 an_arena_that_ends_rolls_its_transaction_back, an_old_arena_spares_a_newer_transaction,
	 the_server_gives_up_when_the_request_does, failures_have_their_statuses,
	 a_serialization_failure_is_worth_another_try, members_of_arrays_may_be_empty_or_missing,
	 arrays_may_have_no_members_or_very_many, numbers_keep_their_sign_and_their_ends,
	 notifications_arrive_and_a_lost_listener_looks_again)
