/* SPDX-License-Identifier: Apache-2.0
 *
 * A private PostgreSQL for a test binary: one cluster, made when the binary starts and gone when it
 * ends, also when it is killed; and a fresh, migrated database for each test.
 *
 *	START_TEST(...) { const char *url = pg_database(cx); ... } END_TEST
 *	PG_SUITE("storage/app", ...)
 */
#ifndef FERRY_TESTS_UNIT_PG_H
#define FERRY_TESTS_UNIT_PG_H

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "tests/unit/unit.h"

#include "base/clock.h"
#include "storage/db.h"
#include "storage/migrate.h"

enum { PG_TEXT_BYTES = 512 };

static char pg_var[64];
static char pg_template_url[PG_TEXT_BYTES];
static pid_t pg_pid, pg_owner;

static inline void pg_shell(const char *command, char *out, size_t n)
{
	char line[PG_TEXT_BYTES];
	snprintf(line, sizeof line, "FERRY_VAR=%s docker/postgres.sh %s 2>&1", pg_var, command);
	FILE *f = popen(line, "r");
	size_t got = f ? fread(out, 1, n - 1, f) : 0;
	out[got] = 0;
	while (got > 0 && out[got - 1] == '\n')
		out[--got] = 0;
	if (!f || pclose(f) != 0) {
		fprintf(stderr, "postgres.sh %s: %s\n", command, out);
		exit(EXIT_FAILURE);
	}
}

static inline void pg_stop(void)
{
	if (getpid() != pg_owner)
		return;
	char out[PG_TEXT_BYTES];
	if (pg_pid > 0) {
		kill(pg_pid, SIGQUIT);
		waitpid(pg_pid, NULL, 0);
	}
	pg_shell("wipe", out, sizeof out);
	snprintf(out, sizeof out, "rm -rf %s", pg_var);
	if (system(out) != 0) /* allowed: a path of ours */
		fprintf(stderr, "cannot remove %s\n", pg_var);
}

static inline void pg_migrate(void)
{
	struct ctx cx;
	struct arena *arena = arena_create(UNIT_ARENA_BYTES);
	ctx_init(&cx, arena, 20000, "pg");
	struct db *db;
	if (db_open(&cx, pg_template_url, "migrate", &db) != ST_OK) {
		fprintf(stderr, "%s\n", cx.err.message);
		exit(EXIT_FAILURE);
	}
	size_t n;
	const struct migration *list = migrate_all(&n);
	if (migrate_run(&cx, db, list, n, NULL, NULL) != ST_OK) {
		fprintf(stderr, "%s\n", cx.err.message);
		exit(EXIT_FAILURE);
	}
	arena_destroy(arena);
	db_close(db);
}

static inline void pg_start(void)
{
	char out[PG_TEXT_BYTES];
	snprintf(pg_var, sizeof pg_var, "/tmp/ferry-unit-XXXXXX");
	if (!mkdtemp(pg_var)) {
		perror(pg_var);
		exit(EXIT_FAILURE);
	}
	chmod(pg_var, 0711);
	pg_owner = getpid();
	pg_shell("init", out, sizeof out);
	pg_pid = fork();
	if (pg_pid == 0) {
		setenv("FERRY_VAR", pg_var, 1);
		prctl(PR_SET_PDEATHSIG, SIGINT);
		int null = open("/dev/null", O_RDWR);
		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		execl("docker/postgres.sh", "postgres.sh", "exec", (char *)NULL);
		_exit(127);
	}
	atexit(pg_stop);
	pg_shell("wait", out, sizeof out);
	pg_shell("url", pg_template_url, sizeof pg_template_url);
	pg_migrate();
}

/* The URL of a fresh database with the current schema. */
static inline const char *pg_database(struct ctx *cx)
{
	static int serial;
	char name[64], sql[160];
	snprintf(name, sizeof name, "t%d_%d", (int)getpid(), ++serial);
	snprintf(sql, sizeof sql, "CREATE DATABASE %s TEMPLATE ferry", name);
	const char *at = strstr(pg_template_url, "/ferry?");
	ck_assert(at != NULL);
	const char *admin = arena_printf(cx->arena, "%.*s/postgres%s", (int)(at - pg_template_url),
					 pg_template_url, at + 6);
	struct db *db;
	ck_assert_msg(db_open(cx, admin, "test", &db) == ST_OK, "%s", cx->err.message);
	ck_assert_msg(db_script(cx, db, sql) == ST_OK, "%s", cx->err.message);
	db_close(db);
	return arena_printf(cx->arena, "%.*s/%s%s", (int)(at - pg_template_url), pg_template_url,
			    name, at + 6);
}

/* An arena and a context for a test. */
static inline struct ctx pg_ctx(struct arena **arena)
{
	struct ctx cx;
	*arena = arena_create(UNIT_ARENA_BYTES);
	ctx_init(&cx, *arena, 30000, "test");
	return cx;
}

#define PG_SUITE(name, ...)                                                                        \
	int main(void)                                                                             \
	{                                                                                          \
		const TTest *const unit_tests[] = {__VA_ARGS__};                                   \
		pg_start();                                                                        \
		return unit_run((name), unit_tests, sizeof unit_tests / sizeof unit_tests[0]);     \
	}

#define pg_ok(cx, expr)                                                                            \
	do {                                                                                       \
		enum status pg_st_ = (expr);                                                       \
		ck_assert_msg(pg_st_ == ST_OK, "%s: %s: %s", #expr, status_name(pg_st_),           \
			      (cx).err.message);                                                   \
	} while (0)

#endif
