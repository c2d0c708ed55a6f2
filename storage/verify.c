/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/verify.h"

static const enum sql_id verify_checks[] = {
	SQL_VERIFY_STATES, SQL_VERIFY_GAPS,    SQL_VERIFY_MOVES, SQL_VERIFY_OUTBOX,
	SQL_VERIFY_LANES,  SQL_VERIFY_CARRIED, SQL_VERIFY_TWICE, SQL_VERIFY_GUIDS, SQL_VERIFY_OPERATIONS,
};

enum status verify_journal(struct ctx *cx, struct db *db, FILE *out)
{
	size_t found = 0;
	TRY(tx_begin(cx, db));
	TRY(db_script(cx, db, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"));
	TRY(db_script(cx, db, "SET LOCAL statement_timeout = 0"));
	for (size_t i = 0; i < sizeof verify_checks / sizeof verify_checks[0]; i++) {
		struct rows rows;
		TRY(db_exec0(cx, db, verify_checks[i], &rows));
		for (int r = 0; r < rows.count; r++)
			fprintf(out, "%s: %s\n", sql_name(verify_checks[i]), row_text(&rows, r, "line"));
		found += (size_t)rows.count;
	}
	tx_rollback(db);
	if (found)
		return fail(cx, ST_CONFLICT, "the database does not agree with itself: %zu divergences", found);
	fprintf(out, "verify-journal: no divergence\n");
	return ST_OK;
}
