/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/migrate.h"

#include <inttypes.h>

#include "base/digest.h"
#include "migrations.h"

static const char migrate_table[] = "CREATE TABLE IF NOT EXISTS schema_migration ("
				    "number bigint PRIMARY KEY, name text NOT NULL,"
				    "sha256 bytea NOT NULL CHECK (length(sha256) = 32),"
				    "applied_at timestamptz NOT NULL DEFAULT now())";

const struct migration *migrate_all(size_t *n)
{
	*n = sizeof migrations / sizeof migrations[0];
	return migrations;
}

static struct hash migrate_checksum(const struct migration *m)
{
	return digest_sha256(m->text, strlen(m->text));
}

/* Compares what was applied with the list, one row a migration.
 * Out: how many of the list are applied. */
static enum status migrate_compare(struct ctx *cx, const struct rows *applied,
				   const struct migration *list, size_t n, size_t *done)
{
	*done = 0;
	for (int i = 0; i < applied->count; i++) {
		int64_t number = row_i64(applied, i, "number");
		const char *name = row_text(applied, i, "name");
		if (number > (int64_t)n)
			return fail(cx, ST_PRECONDITION,
				    "the database has migration %04" PRId64 "_%s and this program "
				    "knows none after %04zu: run the newer program",
				    number, name, n);
		if (number != i + 1)
			return fail(cx, ST_PRECONDITION,
				    "the database has migration %04" PRId64 " but not %04d: its "
				    "history was changed by hand; restore it from a backup",
				    number, i + 1);
		struct hash sum = migrate_checksum(&list[i]);
		struct hash was;
		if (!row_hash(applied, i, "sha256", &was) || !hash_equal(&was, &sum))
			return fail(
				cx, ST_PRECONDITION,
				"migration %04" PRId64 "_%s was changed after the database applied "
				"it: a released migration stays as it is; add a new one instead",
				number, name);
		*done = (size_t)number;
	}
	return ST_OK;
}

/* Out: how many are applied; 0 for a database that was never migrated. */
static enum status migrate_count(struct ctx *cx, struct db *db, const struct migration *list,
				 size_t n, size_t *done)
{
	struct rows rows;
	*done = 0;
	TRY(db_exec0(cx, db, SQL_MIGRATE_EXISTS, &rows));
	if (!row_bool(&rows, 0, "made"))
		return ST_OK;
	TRY(db_exec0(cx, db, SQL_MIGRATE_LIST, &rows));
	return migrate_compare(cx, &rows, list, n, done);
}

static enum status migrate_apply(struct ctx *cx, struct db *db, const struct migration *m)
{
	enum status st = db_script(cx, db, m->text);
	if (st != ST_OK) {
		const char *why = arena_strdup(cx->arena, cx->err.message);
		return fail(cx, ST_DB, "migration %04" PRId64 "_%s: %s", m->number, m->name, why);
	}
	struct hash sum = migrate_checksum(m);
	return db_exec(cx, db, SQL_MIGRATE_RECORD, NULL, p_i64(m->number), p_text(m->name),
		       p_blob(sum.b, sizeof sum.b));
}

/* Applies the next one, or finds that there is none. */
static enum status migrate_step(struct ctx *cx, struct db *db, const struct migration *list,
				size_t n, const struct migration **applied)
{
	size_t done;
	*applied = NULL;
	TRY(tx_begin(cx, db));
	/* A migration may rewrite a large table, and another process may be at it now. */
	TRY(db_script(cx, db, "SET LOCAL statement_timeout = 0"));
	TRY(db_exec0(cx, db, SQL_MIGRATE_LOCK, NULL));
	TRY(db_script(cx, db, migrate_table));
	TRY(migrate_count(cx, db, list, n, &done));
	if (done < n) {
		TRY(migrate_apply(cx, db, &list[done]));
		*applied = &list[done];
	}
	return tx_commit(cx, db);
}

enum status migrate_run(struct ctx *cx, struct db *db, const struct migration *list, size_t n,
			void (*done)(void *arg, const struct migration *m), void *arg)
{
	for (;;) {
		const struct migration *applied;
		enum status st = migrate_step(cx, db, list, n, &applied);
		if (st != ST_OK)
			tx_rollback(db);
		TRY(st);
		if (!applied)
			return ST_OK;
		if (done)
			done(arg, applied);
	}
}

enum status migrate_check(struct ctx *cx, struct db *db, const struct migration *list, size_t n)
{
	size_t done;
	TRY(migrate_count(cx, db, list, n, &done));
	if (done < n)
		return fail(cx, ST_PRECONDITION,
			    "the database is at migration %04zu and this program needs %04zu: run "
			    "ferryd migrate",
			    done, n);
	return ST_OK;
}
