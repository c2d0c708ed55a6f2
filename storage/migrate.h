/* SPDX-License-Identifier: Apache-2.0
 *
 * The schema's history: migrations/NNNN_name.sql, carried inside the program. Forward only, each in
 * a transaction of its own together with its row in schema_migration, one process at a time. What
 * has been applied must be what the program carries: a file that changed afterwards, or a number
 * the program does not know, is refused.
 */
#ifndef FERRY_STORAGE_MIGRATE_H
#define FERRY_STORAGE_MIGRATE_H

#include "storage/db.h"

struct migration {
	int64_t number; /* from 1, without a gap */
	const char *name;
	const char *text;
};

/* All that the program carries, in order. */
const struct migration *migrate_all(size_t *n);

/* Applies what is missing of `list`, and calls done() (NULL: nobody) after each commit.
 *
 * Returns: ST_OK, also when nothing was missing; ST_PRECONDITION when the database has another
 *          history; ST_DB when it is not there or refuses a migration: the schema is then as the
 *          last done() said.
 * Blocks on SQL as long as it takes; the cx's deadline does not count for a migration itself.
 */
MUST_USE enum status migrate_run(struct ctx *cx, struct db *db, const struct migration *list,
				 size_t n, void (*done)(void *arg, const struct migration *m),
				 void *arg);
/* Is the schema exactly the one of `list`? ST_PRECONDITION: no, and the sentence says what to do.
 * Changes nothing. */
MUST_USE enum status migrate_check(struct ctx *cx, struct db *db, const struct migration *list,
				   size_t n);

#endif
