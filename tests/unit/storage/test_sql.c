/* SPDX-License-Identifier: Apache-2.0 */
#include <glob.h>

#include "tests/unit/storage/rig.h"

/* A statement whose parameters nothing but the caller gives a type: none is allowed. */
START_TEST(every_statement_fits_the_schema)
{
	struct rig r;
	rig_begin(&r);
	ck_assert_int_gt(SQL_COUNT, 50);
	for (int i = 0; i < SQL_COUNT; i++) {
		const char *sql = arena_printf(r.arena, "PREPARE s%d AS %s", i, sql_text((enum sql_id)i));
		enum status st = db_script(&r.cx, r.db, sql);
		ck_assert_msg(st == ST_OK, "%s: %s", sql_name((enum sql_id)i), r.cx.err.message);
	}
	rig_end(&r);
}
END_TEST

START_TEST(a_statement_that_does_not_fit_is_found)
{
	struct rig r;
	rig_begin(&r);
	rig_sql(&r, "ALTER TABLE lease RENAME COLUMN epoch TO era");
	enum status st = db_script(&r.cx, r.db,
				   arena_printf(r.arena, "PREPARE s AS %s", sql_text(SQL_LEASE_FENCE)));
	ck_assert_int_eq(st, ST_DB);
	ck_assert_str_eq(db_sqlstate(r.db), "42703");
	rig_end(&r);
}
END_TEST

START_TEST(names_are_said_once_and_begin_with_their_file)
{
	for (int i = 0; i < SQL_COUNT; i++)
		for (int k = 0; k < i; k++)
			ck_assert_str_ne(sql_name((enum sql_id)i), sql_name((enum sql_id)k));
	glob_t files;
	ck_assert_int_eq(glob("storage/*.sql", 0, NULL, &files), 0);
	int found = 0;
	for (size_t f = 0; f < files.gl_pathc; f++) {
		FILE *in = fopen(files.gl_pathv[f], "r");
		ck_assert_ptr_nonnull(in);
		char line[4096], stem[64], name[128];
		ck_assert_int_eq(sscanf(files.gl_pathv[f], "storage/%63[a-z_]", stem), 1);
		while (fgets(line, sizeof line, in)) {
			if (sscanf(line, "-- name: %127s", name) != 1)
				continue;
			ck_assert_msg(strncmp(name, stem, strlen(stem)) == 0 && name[strlen(stem)] == '_',
				      "%s does not belong into %s", name, files.gl_pathv[f]);
			found++;
		}
		fclose(in);
	}
	ck_assert_int_eq(found, SQL_COUNT);
	globfree(&files);
}
END_TEST

/* One plan serves for as long as its connection: made on empty tables, it must suit full ones. */
static void plan_is_by_key(struct rig *r)
{
	rig_sql(r,
		"SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan; PREPARE r AS %s",
		sql_text(SQL_MESSAGE_READ));
	rig_sql(r, "DO $$ DECLARE line text; plan text := ''; BEGIN "
		   "FOR line IN EXECUTE 'EXPLAIN EXECUTE r(ARRAY[1], ARRAY[gen_random_uuid()])' LOOP "
		   "plan := plan || line; END LOOP; "
		   "IF plan LIKE '%%Hash%%' OR plan LIKE '%%Merge%%' OR plan LIKE '%%Sort%%' "
		   "OR plan NOT LIKE '%%message_pkey%%Index Cond: (ROW(app_id, id) >= ROW(k.app_id, k.id))%%' "
		   "OR plan NOT LIKE '%%outbox_pkey%%Index Cond: ((app_id = k.app_id) AND (id = k.id))%%' "
		   "THEN RAISE EXCEPTION '%%', plan; END IF; END $$");
	rig_sql(r, "DEALLOCATE r");
}

START_TEST(the_one_plan_of_reads_is_by_key)
{
	struct rig r;
	rig_begin(&r);
	plan_is_by_key(&r);
	rig_sql(&r, "ANALYZE message, outbox");
	plan_is_by_key(&r);
	rig_sql(&r, "VACUUM message");
	rig_sql(&r, "VACUUM outbox");
	plan_is_by_key(&r);
	rig_sql(&r, "INSERT INTO outbox (app_id, id, eid, stage, num) "
		    "SELECT 1, gen_random_uuid(), 1, 1, n FROM generate_series(1, 2000) n");
	rig_sql(&r, "ANALYZE outbox");
	plan_is_by_key(&r);
	rig_end(&r);
}
END_TEST

PG_SUITE("storage/sql", every_statement_fits_the_schema, a_statement_that_does_not_fit_is_found,
	 names_are_said_once_and_begin_with_their_file, the_one_plan_of_reads_is_by_key)
