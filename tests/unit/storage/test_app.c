/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/pg.h"

#include "storage/app.h"
#include "storage/message.h"

/* The only test of the SQL itself: a statement that does not fit the schema is found here. */
START_TEST(every_statement_fits_the_schema)
{
	struct arena *arena;
	struct ctx cx = pg_ctx(&arena);
	struct db *db;
	pg_ok(cx, db_open(&cx, pg_database(&cx), "test", &db));
	for (int i = 0; i < SQL_COUNT; i++) {
		const char *sql =
			arena_printf(arena, "PREPARE s%d AS %s", i, sql_text((enum sql_id)i));
		enum status st = db_script(&cx, db, sql);
		/* Types that only a caller gives are no fault of the statement. */
		bool untyped = strcmp(db_sqlstate(db), "42P18") == 0;
		ck_assert_msg(st == ST_OK || untyped, "%s: %s", sql_name((enum sql_id)i),
			      cx.err.message);
	}
	arena_destroy(arena);
	db_close(db);
}
END_TEST

START_TEST(a_key_is_found_by_its_hash_until_it_is_revoked)
{
	struct arena *arena;
	struct ctx cx = pg_ctx(&arena);
	struct db *db;
	pg_ok(cx, db_open(&cx, pg_database(&cx), "test", &db));
	int64_t app, same;
	pg_ok(cx, app_create(&cx, db, &app, "shop"));
	pg_ok(cx, app_find(&cx, db, &same, "shop"));
	ck_assert_int_eq(app, same);
	struct app *apps;
	size_t apps_n;
	pg_ok(cx, app_list(&cx, db, &apps, &apps_n));
	ck_assert_uint_eq(apps_n, 1);
	ck_assert_int_eq(apps[0].app_id, app);
	ck_assert(!hash_is_zero(&apps[0].chain_app_id));
	char token[APP_TOKEN_BYTES], other[APP_TOKEN_BYTES];
	pg_ok(cx, app_key_add(&cx, db, token, app, true));
	pg_ok(cx, app_key_add(&cx, db, other, app, false));
	ck_assert(app_token_is_wellformed(token, strlen(token)));
	ck_assert_int_eq(strncmp(token, "sk_", 3), 0);
	ck_assert_int_eq(strncmp(other, "pk_", 3), 0);

	struct hash hashes[3] = {app_token_hash(token, strlen(token)),
				 app_token_hash(other, strlen(other)), {{1}}};
	struct app_key_found found[3];
	size_t n;
	pg_ok(cx, app_key_lookup(&cx, db, found, &n, hashes, 3));
	ck_assert_uint_eq(n, 2);
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(found[i].is_secret, hash_equal(&found[i].hash, &hashes[0]));

	struct app_key *keys;
	pg_ok(cx, app_key_list(&cx, db, &keys, &n, app));
	ck_assert_uint_eq(n, 2);
	char key_id[APP_KEY_ID_BYTES];
	snprintf(key_id, sizeof key_id, "%.12s", token + 3);
	ck_assert_int_eq(app_key_revoke(&cx, db, app + 1, key_id), ST_NOT_FOUND);
	pg_ok(cx, app_key_revoke(&cx, db, app, key_id));
	ck_assert_int_eq(app_key_revoke(&cx, db, app, key_id), ST_NOT_FOUND);
	pg_ok(cx, app_key_lookup(&cx, db, found, &n, hashes, 3));
	ck_assert_uint_eq(n, 1);
	ck_assert(!found[0].is_secret);
	arena_destroy(arena);
	db_close(db);
}
END_TEST

START_TEST(names_and_tokens_that_are_wrong_are_refused)
{
	struct arena *arena;
	struct ctx cx = pg_ctx(&arena);
	struct db *db;
	pg_ok(cx, db_open(&cx, pg_database(&cx), "test", &db));
	int64_t app;
	char name[80];
	memset(name, 'a', 65);
	name[65] = 0;
	ck_assert_int_eq(app_create(&cx, db, &app, ""), ST_INVALID);
	ck_assert_int_eq(app_create(&cx, db, &app, name), ST_INVALID);
	ck_assert_int_eq(app_create(&cx, db, &app, "a b"), ST_INVALID);
	ck_assert_int_eq(app_create(&cx, db, &app, "observed"), ST_CONFLICT);
	ck_assert_int_eq(app_find(&cx, db, &app, "observed"), ST_NOT_FOUND);
	char token[APP_TOKEN_BYTES];
	ck_assert_int_eq(app_key_add(&cx, db, token, 0, true), ST_NOT_FOUND);
	ck_assert_int_eq(app_key_add(&cx, db, token, 77, true), ST_NOT_FOUND);
	ck_assert(!app_token_is_wellformed("sk_", 3));
	token[5] = 'X';
	ck_assert(!app_token_is_wellformed(token, strlen(token)));
	arena_destroy(arena);
	db_close(db);
}
END_TEST

PG_SUITE("storage/app", every_statement_fits_the_schema,
	 a_key_is_found_by_its_hash_until_it_is_revoked,
	 names_and_tokens_that_are_wrong_are_refused)
