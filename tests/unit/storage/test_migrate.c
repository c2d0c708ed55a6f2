/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/pg.h"

#include "base/digest.h"
#include "storage/migrate.h"

static const struct migration two[] = {
	{1, "first", "CREATE TABLE a (n bigint); INSERT INTO a VALUES (1);"},
	{2, "second", "INSERT INTO a VALUES (2); SELECT pg_sleep(0.1);"},
};

/* The URL of a database with nothing in it. */
static const char *empty_database(struct ctx *cx)
{
	static int serial;
	const char *at = strstr(pg_template_url, "/ferry?");
	ck_assert_ptr_nonnull(at);
	const char *name = arena_printf(cx->arena, "e%d_%d", (int)getpid(), ++serial);
	const char *url = arena_printf(cx->arena, "%.*s/postgres%s", (int)(at - pg_template_url),
				       pg_template_url, at + 6);
	struct db *db;
	pg_ok(*cx, db_open(cx, url, "test", &db));
	pg_ok(*cx,
	      db_script(cx, db,
			arena_printf(cx->arena, "CREATE DATABASE %s TEMPLATE template0", name)));
	db_close(db);
	return arena_printf(cx->arena, "%.*s/%s%s", (int)(at - pg_template_url), pg_template_url,
			    name, at + 6);
}

static void count(void *arg, const struct migration *m)
{
	int *n = arg;
	ck_assert_int_eq(m->number, ++*n);
}

/* A test's arena, context and connection to an empty database. */
struct scene {
	struct arena *arena;
	struct ctx cx;
	const char *url;
	struct db *db;
};

static struct scene scene_begin(void)
{
	struct scene s;
	s.cx = pg_ctx(&s.arena);
	s.url = empty_database(&s.cx);
	pg_ok(s.cx, db_open(&s.cx, s.url, "test", &s.db));
	return s;
}

static void scene_end(struct scene *s)
{
	arena_destroy(s->arena);
	db_close(s->db); /* its transactions ended with the arena */
}

START_TEST(the_program_carries_the_files_byte_for_byte)
{
	size_t n;
	const struct migration *list = migrate_all(&n);
	ck_assert_uint_ge(n, 1);
	for (size_t i = 0; i < n; i++) {
		static char text[1 << 20];
		char path[256];
		ck_assert_int_eq(list[i].number, (int64_t)i + 1);
		snprintf(path, sizeof path, "migrations/%04d_%s.sql", (int)i + 1, list[i].name);
		FILE *f = fopen(path, "r");
		ck_assert_msg(f, "%s is not there", path);
		size_t bytes = fread(text, 1, sizeof text, f);
		fclose(f);
		ck_assert_uint_eq(bytes, strlen(list[i].text));
		ck_assert_mem_eq(text, list[i].text, bytes);
	}
}
END_TEST

START_TEST(what_the_program_carries_makes_the_whole_schema_once)
{
	struct scene s = scene_begin();
	size_t n;
	const struct migration *list = migrate_all(&n);
	int done = 0;
	ck_fails(&s.cx, migrate_check(&s.cx, s.db, list, n), ST_PRECONDITION, "run ferryd migrate");
	pg_ok(s.cx, migrate_run(&s.cx, s.db, list, n, count, &done));
	ck_assert_int_eq(done, (int)n);
	pg_ok(s.cx, migrate_check(&s.cx, s.db, list, n));
	pg_ok(s.cx, migrate_run(&s.cx, s.db, list, n, count, &done));
	ck_assert_int_eq(done, (int)n);
	scene_end(&s);
}
END_TEST

START_TEST(a_migration_that_fails_leaves_nothing_and_can_be_repaired)
{
	struct scene s = scene_begin();
	struct migration list[] = {two[0],
				   {2, "second", "INSERT INTO a VALUES (2); SELECT 1 / 0;"}};
	int done = 0;
	ck_fails(&s.cx, migrate_run(&s.cx, s.db, list, 2, count, &done), ST_DB,
		 "migration 0002_second: ");
	ck_assert_int_eq(done, 1);
	ck_assert(!tx_is_open(s.db));
	ck_fails(&s.cx, migrate_check(&s.cx, s.db, list, 2), ST_PRECONDITION,
		 "is at migration 0001");
	pg_ok(s.cx,
	      db_script(&s.cx, s.db, "DO $$ BEGIN ASSERT (SELECT count(*) FROM a) = 1; END $$"));
	pg_ok(s.cx, migrate_run(&s.cx, s.db, two, 2, count, &done));
	ck_assert_int_eq(done, 2);
	scene_end(&s);
}
END_TEST

START_TEST(a_connection_lost_in_a_migration_leaves_nothing)
{
	struct scene s = scene_begin();
	struct migration list[] = {
		two[0],
		{2, "second",
		 "INSERT INTO a VALUES (2); SELECT pg_terminate_backend(pg_backend_pid());"}};
	int done = 0;
	ck_fails(&s.cx, migrate_run(&s.cx, s.db, list, 2, count, &done), ST_DB, "0002_second");
	pg_ok(s.cx, migrate_run(&s.cx, s.db, two, 2, count, &done));
	ck_assert_int_eq(done, 2);
	pg_ok(s.cx,
	      db_script(&s.cx, s.db, "DO $$ BEGIN ASSERT (SELECT count(*) FROM a) = 2; END $$"));
	scene_end(&s);
}
END_TEST

START_TEST(a_migration_that_was_changed_afterwards_is_refused)
{
	struct scene s = scene_begin();
	pg_ok(s.cx, migrate_run(&s.cx, s.db, two, 1, NULL, NULL));
	struct migration list[] = {{1, "first", "CREATE TABLE a (n integer);"}, two[1]};
	ck_fails(&s.cx, migrate_run(&s.cx, s.db, list, 2, NULL, NULL), ST_PRECONDITION,
		 "0001_first was changed after");
	ck_fails(&s.cx, migrate_check(&s.cx, s.db, list, 2), ST_PRECONDITION, "was changed after");
	scene_end(&s);
}
END_TEST

START_TEST(a_database_from_a_newer_program_is_refused)
{
	struct scene s = scene_begin();
	pg_ok(s.cx, migrate_run(&s.cx, s.db, two, 2, NULL, NULL));
	ck_fails(&s.cx, migrate_run(&s.cx, s.db, two, 1, NULL, NULL), ST_PRECONDITION,
		 "0002_second and this program knows none after 0001");
	ck_fails(&s.cx, migrate_check(&s.cx, s.db, two, 1), ST_PRECONDITION,
		 "run the newer program");
	scene_end(&s);
}
END_TEST

START_TEST(a_history_with_a_gap_is_refused)
{
	struct scene s = scene_begin();
	pg_ok(s.cx, migrate_run(&s.cx, s.db, two, 2, NULL, NULL));
	pg_ok(s.cx, db_script(&s.cx, s.db, "DELETE FROM schema_migration WHERE number = 1"));
	ck_fails(&s.cx, migrate_run(&s.cx, s.db, two, 2, NULL, NULL), ST_PRECONDITION,
		 "changed by hand");
	scene_end(&s);
}
END_TEST

/* All run at once on the same empty database; everything is applied once. */
START_TEST(processes_that_migrate_at_once_do_not_disturb_each_other)
{
	struct scene s = scene_begin();
	enum { PROCESSES = 5 };
	for (int i = 0; i < PROCESSES; i++) {
		pid_t pid = fork();
		ck_assert_int_ge(pid, 0);
		if (pid > 0)
			continue;
		struct db *db;
		bool well = db_open(&s.cx, s.url, "test", &db) == ST_OK &&
			    migrate_run(&s.cx, db, two, 2, NULL, NULL) == ST_OK;
		if (!well)
			fprintf(stderr, "%s\n", s.cx.err.message);
		_exit(well ? 0 : 1);
	}
	for (int i = 0; i < PROCESSES; i++) {
		int how;
		ck_assert_int_gt(wait(&how), 0);
		ck_assert_int_eq(how, 0);
	}
	pg_ok(s.cx,
	      db_script(&s.cx, s.db, "DO $$ BEGIN ASSERT (SELECT count(*) FROM a) = 2; END $$"));
	scene_end(&s);
}
END_TEST

PG_SUITE("storage/migrate", the_program_carries_the_files_byte_for_byte,
	 what_the_program_carries_makes_the_whole_schema_once,
	 a_migration_that_fails_leaves_nothing_and_can_be_repaired,
	 a_connection_lost_in_a_migration_leaves_nothing,
	 a_migration_that_was_changed_afterwards_is_refused,
	 a_database_from_a_newer_program_is_refused, a_history_with_a_gap_is_refused,
	 processes_that_migrate_at_once_do_not_disturb_each_other)
