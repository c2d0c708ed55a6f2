/* SPDX-License-Identifier: Apache-2.0
 *
 * One connection to PostgreSQL. It belongs to one thread. Statements are named in storage/ *.sql and
 * prepared on their first use; parameters and columns travel in binary, so nothing is ever quoted.
 * A lost connection is opened again by the next db_exec outside a transaction.
 */
#ifndef FERRY_STORAGE_DB_H
#define FERRY_STORAGE_DB_H

#include "base/bytes.h"
#include "base/ctx.h"
#include "storage_sql.h"

struct db;

/* Connects. `role` is shown in pg_stat_activity. Returns ST_DB when the server is not there. Blocks. */
MUST_USE enum status db_open(struct ctx *cx, const char *url, const char *role, struct db **out);
void db_close(struct db *db);
/* The connection's socket, to poll for notifications; -1 when lost. */
int db_fd(const struct db *db);

/* Parameters. Arrays hold no NULL, except where a NULL pointer member stands for it (bytes, text). */
enum db_type { DB_NULL, DB_I64, DB_BOOL, DB_TEXT, DB_BYTES, DB_UUID, DB_I64S, DB_BOOLS, DB_TEXTS, DB_BYTESS, DB_UUIDS };
struct db_param {
	enum db_type type;
	int64_t i64;
	const void *p;
	size_t n;
};
struct uuid { uint8_t b[16]; };

static inline struct db_param p_null(void) { return (struct db_param){.type = DB_NULL}; }
static inline struct db_param p_i64(int64_t v)
{
	return (struct db_param){.type = DB_I64, .i64 = v};
}
static inline struct db_param p_bool(bool v)
{
	return (struct db_param){.type = DB_BOOL, .i64 = v};
}
/* NULL: SQL NULL. */
static inline struct db_param p_text(const char *s)
{
	return (struct db_param){.type = DB_TEXT, .p = s};
}
static inline struct db_param p_bytes(struct bytes b)
{
	return (struct db_param){.type = DB_BYTES, .p = b.p, .n = b.n};
}
static inline struct db_param p_blob(const void *p, size_t n)
{
	return (struct db_param){.type = DB_BYTES, .p = p, .n = n};
}
static inline struct db_param p_uuid(const struct uuid *u)
{
	return (struct db_param){.type = DB_UUID, .p = u};
}
static inline struct db_param p_i64s(const int64_t *v, size_t n)
{
	return (struct db_param){.type = DB_I64S, .p = v, .n = n};
}
static inline struct db_param p_bools(const bool *v, size_t n)
{
	return (struct db_param){.type = DB_BOOLS, .p = v, .n = n};
}
static inline struct db_param p_texts(const char *const *v, size_t n)
{
	return (struct db_param){.type = DB_TEXTS, .p = v, .n = n};
}
static inline struct db_param p_bytess(const struct bytes *v, size_t n)
{
	return (struct db_param){.type = DB_BYTESS, .p = v, .n = n};
}
static inline struct db_param p_uuids(const struct uuid *v, size_t n)
{
	return (struct db_param){.type = DB_UUIDS, .p = v, .n = n};
}

/* Rows, living in cx's arena. */
enum { ROW_MEMO_BITS = 7 };
struct row_memos {
	int last; /* the column that was read last */
	struct row_memo {
		const char *name;
		int column;
	} of[1 << ROW_MEMO_BITS];
};
struct rows {
	struct pg_result *res;
	int count;
	int64_t affected;      /* of INSERT, UPDATE, DELETE */
	struct row_memos *memo; /* where columns were found */
};

/* Runs one statement.
 * Returns: ST_OK; ST_DB: the connection or the server failed (db_sqlstate() is "" when it was lost);
 *          ST_CONFLICT: unique violation; ST_INVALID: data the database refuses (class 22, 23);
 *          ST_BUSY: deadlock or serialization failure, the transaction is rolled back.
 * Blocks until the deadline of cx (statement_timeout). Parameters: p_…() values, as many as the statement has. */
#define db_exec(cx, db, sql, rows, ...)                                                            \
	db_exec_params((cx), (db), (sql), (rows), (const struct db_param[]){__VA_ARGS__},          \
		       sizeof((const struct db_param[]){__VA_ARGS__}) / sizeof(struct db_param))
#define db_exec0(cx, db, sql, rows) db_exec_params((cx), (db), (sql), (rows), NULL, 0)
MUST_USE enum status db_exec_params(struct ctx *cx, struct db *db, enum sql_id sql, struct rows *rows,
				    const struct db_param *params, size_t params_n);
/* SQLSTATE of the last failure, "" when there is none. */
const char *db_sqlstate(const struct db *db);
/* Name of the constraint the last failure violated, "". */
const char *db_constraint(const struct db *db);

/* Columns by name; the name must exist (a bug otherwise). NULL gives 0, false, NULL, empty. */
bool row_is_null(const struct rows *r, int row, const char *column);
int64_t row_i64(const struct rows *r, int row, const char *column); /* int2, int4, int8, xid8 */
bool row_bool(const struct rows *r, int row, const char *column);
const char *row_text(const struct rows *r, int row, const char *column); /* text and enum; NULL when NULL */
struct bytes row_bytes(const struct rows *r, int row, const char *column);
struct uuid row_uuid(const struct rows *r, int row, const char *column);
/* false when NULL or of another length. */
bool row_hash(const struct rows *r, int row, const char *column, struct hash *out);
bool row_addr(const struct rows *r, int row, const char *column, struct addr *out);
double row_f64(const struct rows *r, int row, const char *column);
/* bytea[] into the arena. */
struct bytes *row_bytes_array(struct ctx *cx, const struct rows *r, int row, const char *column, size_t *n);
struct uuid *row_uuid_array(struct ctx *cx, const struct rows *r, int row, const char *column, size_t *n);
int64_t *row_i64_array(struct ctx *cx, const struct rows *r, int row, const char *column, size_t *n);

/* A transaction. tx_begin arms a roll-back that runs when the arena ends, unless tx_commit ran.
 * When its connection is lost every statement fails (ST_DB) until tx_commit or tx_rollback: none runs alone.
 * tx_commit: ST_DB with db_sqlstate() "" means: unknown whether it committed. */
MUST_USE enum status tx_begin(struct ctx *cx, struct db *db);
MUST_USE enum status tx_commit(struct ctx *cx, struct db *db);
void tx_rollback(struct db *db);
bool tx_is_open(const struct db *db);

/* LISTEN on a channel; db_notified drains what has come and says whether there was anything. */
MUST_USE enum status db_listen(struct ctx *cx, struct db *db, const char *channel);
/* Waits up to wait_ms for a notification. ST_DB when the connection is lost. */
MUST_USE enum status db_wait(struct ctx *cx, struct db *db, int wait_ms, bool *notified);
/* NOTIFY, in a transaction of its own. channel: [a-z_]+ */
MUST_USE enum status db_notify(struct ctx *cx, struct db *db, const char *channel);

/* Runs a script of several statements (migrations, tests). */
MUST_USE enum status db_script(struct ctx *cx, struct db *db, const char *sql);

/* A statement's name and text, for tests that prepare them all. */
const char *sql_name(enum sql_id id);
const char *sql_text(enum sql_id id);

#endif
