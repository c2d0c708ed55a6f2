/* SPDX-License-Identifier: Apache-2.0 */
#define SQL_TEXTS
#include "storage/db.h"

#include <assert.h>
#include <endian.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

enum {
	DB_PARAMS_MAX = 40,
	DB_TIMEOUT_MS_MAX = 30000,
	DB_CONNECT_TIMEOUT_S = 5,
	DB_ARRAY_BYTES_MAX = 256 * 1024 * 1024,
};

/* Type numbers of PostgreSQL's catalog (pg_type.dat); they never change. */
enum { OID_BOOL = 16, OID_BYTEA = 17, OID_INT8 = 20, OID_TEXT = 25, OID_UUID = 2950 };
enum { OID_BOOLS = 1000, OID_BYTEAS = 1001, OID_TEXTS = 1009, OID_INT8S = 1016, OID_UUIDS = 2951 };

/* Every statement here finds its rows by an index. A table that was empty when a plan was made says
 * otherwise to the planner, and a kept plan stays when the table has grown: so scans are forbidden,
 * and plans are made for the table as it is (a fraction of a millisecond a batch), but for the
 * statements marked in storage/ *.sql that have one good plan and run for every request. */
/* Nothing waits within a transaction, but a process may be stopped in one: the row locks of its lanes must be gone
 * before their leases are over (LEASE_S), or nobody could take them over. */
static const char db_options[] = "-c idle_in_transaction_session_timeout=4000 -c timezone=UTC "
				 "-c enable_seqscan=off -c jit=off -c plan_cache_mode=force_custom_plan";

/* Rolls back when the arena ends. db is NULL once the transaction is over: the connection may be
 * closed, or another thread's, by then. */
struct tx_guard {
	struct db *db;
};

struct db {
	PGconn *conn;
	char *url;
	char role[32];
	bool in_tx;
	struct tx_guard *guard; /* of the open transaction */
	int timeout_ms; /* statement_timeout now in force */
	bool one_plan;  /* plan_cache_mode now in force */
	bool prepared[SQL_COUNT];
	char sqlstate[6];
	char constraint[64];
	const char *listen[4];
	size_t listen_n;
};

const char *sql_name(enum sql_id id)
{
	return sql_texts[id].name;
}

const char *sql_text(enum sql_id id)
{
	return sql_texts[id].text;
}

static void db_ignore_notice(void *arg, const PGresult *res)
{
	(void)arg;
	(void)res;
}

/* Keeps what libpq says to one line. */
static const char *db_why(const PGconn *conn, char *out, size_t n)
{
	snprintf(out, n, "%s", PQerrorMessage(conn));
	for (char *c = out; *c; c++)
		if (*c == '\n')
			*c = ' ';
	return out;
}

static void tx_end(struct db *db)
{
	db->in_tx = false;
	if (db->guard)
		db->guard->db = NULL;
	db->guard = NULL;
}

static enum status db_connect(struct ctx *cx, struct db *db)
{
	if (db->conn)
		PQfinish(db->conn);
	const char *keys[] = {"dbname", "application_name", "connect_timeout", "client_encoding",
			      "options", NULL};
	char seconds[12];
	snprintf(seconds, sizeof seconds, "%d", DB_CONNECT_TIMEOUT_S);
	const char *values[] = {db->url, db->role, seconds, "UTF8",
				db_options, NULL};
	db->conn = PQconnectdbParams(keys, values, 1);
	memset(db->prepared, 0, sizeof db->prepared);
	tx_end(db);
	db->timeout_ms = 0;
	db->one_plan = false;
	char why[160];
	if (PQstatus(db->conn) != CONNECTION_OK)
		return fail(cx, ST_DB, "the database cannot be reached: %s",
			    db_why(db->conn, why, sizeof why));
	PQsetNoticeReceiver(db->conn, db_ignore_notice, NULL);
	for (size_t i = 0; i < db->listen_n; i++) {
		char sql[80];
		snprintf(sql, sizeof sql, "LISTEN %s", db->listen[i]);
		PQclear(PQexec(db->conn, sql)); /* allowed: the channel is a literal of ours */
	}
	return ST_OK;
}

enum status db_open(struct ctx *cx, const char *url, const char *role, struct db **out)
{
	struct db *db = calloc(1, sizeof *db);
	assert(db);
	db->url = strdup(url);
	assert(db->url);
	snprintf(db->role, sizeof db->role, "ferry %s", role);
	enum status st = db_connect(cx, db);
	if (st != ST_OK) {
		db_close(db);
		return st;
	}
	*out = db;
	return ST_OK;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	tx_end(db);
	PQfinish(db->conn);
	free(db->url);
	free(db);
}

int db_fd(const struct db *db)
{
	return PQsocket(db->conn);
}

const char *db_sqlstate(const struct db *db)
{
	return db->sqlstate;
}

const char *db_constraint(const struct db *db)
{
	return db->constraint;
}

bool tx_is_open(const struct db *db)
{
	return db->in_tx;
}

/* Parameters -------------------------------------------------------------------------------------- */

static void put_be32(uint8_t *p, uint32_t v)
{
	v = htobe32(v);
	memcpy(p, &v, 4);
}

static void put_be64(uint8_t *p, uint64_t v)
{
	v = htobe64(v);
	memcpy(p, &v, 8);
}

static void array_member(struct buf *b, const void *p, size_t n)
{
	uint8_t *at = buf_room(b, 4 + (p ? n : 0));
	if (!at)
		return;
	put_be32(at, p ? (uint32_t)n : UINT32_MAX); /* -1: NULL */
	if (p && n)
		memcpy(at + 4, p, n);
}

static void array_members(struct buf *b, const struct db_param *p)
{
	for (size_t i = 0; i < p->n; i++) {
		if (p->type == DB_I64S) {
			uint8_t word[8];
			put_be64(word, (uint64_t)((const int64_t *)p->p)[i]);
			array_member(b, word, 8);
		} else if (p->type == DB_BOOLS) {
			uint8_t byte = ((const bool *)p->p)[i];
			array_member(b, &byte, 1);
		} else if (p->type == DB_TEXTS) {
			const char *s = ((const char *const *)p->p)[i];
			array_member(b, s, s ? strlen(s) : 0);
		} else if (p->type == DB_UUIDS) {
			array_member(b, ((const struct uuid *)p->p)[i].b, 16);
		} else {
			const struct bytes *v = &((const struct bytes *)p->p)[i];
			array_member(b, v->p, v->n);
		}
	}
}

/* PostgreSQL's array_send format: dimensions, flags, element type, length, lower bound, members. */
static struct bytes array_encode(struct ctx *cx, const struct db_param *p, uint32_t element)
{
	struct buf b;
	buf_init(&b, cx->arena, DB_ARRAY_BYTES_MAX);
	uint8_t *head = buf_room(&b, p->n ? 20 : 12);
	put_be32(head, p->n ? 1 : 0);
	put_be32(head + 4, p->type == DB_TEXTS || p->type == DB_BYTESS);
	put_be32(head + 8, element);
	if (p->n) {
		put_be32(head + 12, (uint32_t)p->n);
		put_be32(head + 16, 1);
	}
	array_members(&b, p);
	assert(!b.overflow);
	return buf_bytes(&b);
}

struct db_wire {
	Oid types[DB_PARAMS_MAX];
	const char *values[DB_PARAMS_MAX];
	int lengths[DB_PARAMS_MAX];
	int formats[DB_PARAMS_MAX];
};

static void wire_set(struct db_wire *w, size_t i, Oid type, const void *p, size_t n)
{
	w->types[i] = type;
	w->values[i] = p;
	w->lengths[i] = (int)n;
	w->formats[i] = 1;
}

static void wire_param(struct ctx *cx, struct db_wire *w, size_t i, const struct db_param *p)
{
	uint8_t *word;
	struct bytes array;
	switch (p->type) {
	case DB_NULL:
		wire_set(w, i, 0, NULL, 0);
		return;
	case DB_I64:
		word = arena_alloc(cx->arena, 8);
		put_be64(word, (uint64_t)p->i64);
		wire_set(w, i, OID_INT8, word, 8);
		return;
	case DB_BOOL:
		word = arena_alloc(cx->arena, 1);
		*word = (uint8_t)p->i64;
		wire_set(w, i, OID_BOOL, word, 1);
		return;
	case DB_TEXT:
		wire_set(w, i, OID_TEXT, p->p, p->p ? strlen(p->p) : 0);
		return;
	case DB_BYTES:
		wire_set(w, i, OID_BYTEA, p->p, p->n);
		return;
	case DB_UUID:
		wire_set(w, i, OID_UUID, p->p, 16);
		return;
	case DB_I64S:
		array = array_encode(cx, p, OID_INT8);
		wire_set(w, i, OID_INT8S, array.p, array.n);
		return;
	case DB_BOOLS:
		array = array_encode(cx, p, OID_BOOL);
		wire_set(w, i, OID_BOOLS, array.p, array.n);
		return;
	case DB_TEXTS:
		array = array_encode(cx, p, OID_TEXT);
		wire_set(w, i, OID_TEXTS, array.p, array.n);
		return;
	case DB_BYTESS:
		array = array_encode(cx, p, OID_BYTEA);
		wire_set(w, i, OID_BYTEAS, array.p, array.n);
		return;
	case DB_UUIDS:
		array = array_encode(cx, p, OID_UUID);
		wire_set(w, i, OID_UUIDS, array.p, array.n);
		return;
	}
}

/* Execution --------------------------------------------------------------------------------------- */

static void db_release_result(void *res)
{
	PQclear(res);
}

static enum status db_classify(const struct db *db)
{
	if (db->sqlstate[0] == 0)
		return ST_DB;
	if (strcmp(db->sqlstate, "23505") == 0)
		return ST_CONFLICT;
	if (strncmp(db->sqlstate, "22", 2) == 0 || strncmp(db->sqlstate, "23", 2) == 0)
		return ST_INVALID;
	if (strncmp(db->sqlstate, "40", 2) == 0 || strcmp(db->sqlstate, "55P03") == 0)
		return ST_BUSY;
	return ST_DB;
}

/* Notes why a statement failed. */
static enum status db_failed(struct ctx *cx, struct db *db, const PGresult *res, const char *what)
{
	const char *state = res ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;
	const char *constraint = res ? PQresultErrorField(res, PG_DIAG_CONSTRAINT_NAME) : NULL;
	bool lost = PQstatus(db->conn) != CONNECTION_OK;
	snprintf(db->sqlstate, sizeof db->sqlstate, "%s", state && !lost ? state : "");
	snprintf(db->constraint, sizeof db->constraint, "%s", constraint ? constraint : "");
	char why[200];
	db_why(db->conn, why, sizeof why);
	return fail(cx, db_classify(db), "%s: %s", what, why[0] ? why : "the connection is lost");
}

static enum status db_simple(struct ctx *cx, struct db *db, const char *sql)
{
	PGresult *res = PQexec(db->conn, sql); /* allowed: literals of this file and migrations */
	ExecStatusType got = PQresultStatus(res);
	enum status st = ST_OK;
	if (got != PGRES_COMMAND_OK && got != PGRES_TUPLES_OK)
		st = db_failed(cx, db, res, "SQL");
	PQclear(res);
	return st;
}

/* Makes the server give up when the request does. Rounded up, so that it is set seldom. */
static enum status db_set_timeout(struct ctx *cx, struct db *db)
{
	int left = ctx_left_ms(cx, DB_TIMEOUT_MS_MAX);
	if (left == 0)
		return fail(cx, ST_DEADLINE, "the request's time was over before its SQL began");
	int want = 100;
	while (want < left)
		want *= 2;
	if (want == db->timeout_ms)
		return ST_OK;
	char sql[64];
	snprintf(sql, sizeof sql, "SET statement_timeout = %d", want);
	TRY(db_simple(cx, db, sql));
	db->timeout_ms = want;
	return ST_OK;
}

static enum status db_set_plans(struct ctx *cx, struct db *db, bool one_plan)
{
	if (one_plan == db->one_plan)
		return ST_OK;
	TRY(db_simple(cx, db, one_plan ? "SET plan_cache_mode = force_generic_plan"
				       : "SET plan_cache_mode = force_custom_plan"));
	db->one_plan = one_plan;
	return ST_OK;
}

/* A transaction keeps the mode it began with: a SET in it would be rolled back with it. */
static enum status db_ready(struct ctx *cx, struct db *db, bool one_plan)
{
	if (PQstatus(db->conn) != CONNECTION_OK) {
		db->sqlstate[0] = 0;
		/* A statement of a lost transaction must not run alone: in_tx stays until the roll-back. */
		if (db->in_tx)
			return fail(cx, ST_DB, "the database connection was lost in a transaction");
		TRY(db_connect(cx, db));
	}
	if (db->in_tx)
		return ST_OK;
	TRY(db_set_timeout(cx, db));
	return db_set_plans(cx, db, one_plan);
}

static enum status db_prepare(struct ctx *cx, struct db *db, enum sql_id sql,
			      const struct db_wire *w, size_t n)
{
	if (db->prepared[sql])
		return ST_OK;
	PGresult *res = PQprepare(db->conn, sql_name(sql), sql_text(sql), (int)n, w->types);
	enum status st = ST_OK;
	if (PQresultStatus(res) != PGRES_COMMAND_OK)
		st = db_failed(cx, db, res, sql_name(sql));
	PQclear(res);
	db->prepared[sql] = st == ST_OK;
	return st;
}

enum status db_exec_params(struct ctx *cx, struct db *db, enum sql_id sql, struct rows *rows,
			   const struct db_param *params, size_t params_n)
{
	assert(params_n <= DB_PARAMS_MAX);
	struct db_wire w;
	for (size_t i = 0; i < params_n; i++)
		wire_param(cx, &w, i, &params[i]);
	TRY(db_ready(cx, db, sql_texts[sql].one_plan));
	TRY(db_prepare(cx, db, sql, &w, params_n));
	PGresult *res = PQexecPrepared(db->conn, sql_name(sql), (int)params_n, w.values, w.lengths,
				       w.formats, 1);
	ExecStatusType got = PQresultStatus(res);
	if (got != PGRES_COMMAND_OK && got != PGRES_TUPLES_OK) {
		enum status st = db_failed(cx, db, res, sql_name(sql));
		PQclear(res);
		return st;
	}
	db->sqlstate[0] = 0;
	if (!rows) {
		PQclear(res);
		return ST_OK;
	}
	arena_defer(cx->arena, db_release_result, res);
	rows->res = res;
	rows->count = PQntuples(res);
	rows->memo = arena_alloc(cx->arena, sizeof *rows->memo);
	rows->memo->last = -1;
	rows->affected = atoll(PQcmdTuples(res)); /* allowed: libpq gives digits or "" */
	return ST_OK;
}

enum status db_script(struct ctx *cx, struct db *db, const char *sql)
{
	TRY(db_ready(cx, db, false));
	return db_simple(cx, db, sql);
}

/* Transactions ------------------------------------------------------------------------------------ */

static void tx_guard_release(void *arg)
{
	struct tx_guard *guard = arg;
	if (guard->db)
		tx_rollback(guard->db);
}

enum status tx_begin(struct ctx *cx, struct db *db)
{
	assert(!db->in_tx);
	TRY(db_ready(cx, db, false));
	TRY(db_simple(cx, db, "BEGIN"));
	db->in_tx = true;
	struct tx_guard *guard = arena_alloc(cx->arena, sizeof *guard);
	guard->db = db;
	db->guard = guard;
	arena_defer(cx->arena, tx_guard_release, guard);
	return ST_OK;
}

enum status tx_commit(struct ctx *cx, struct db *db)
{
	if (!db->in_tx)
		return fail(cx, ST_DB, "the transaction was lost with its connection");
	tx_end(db);
	PGresult *res = PQexec(db->conn, "COMMIT"); /* allowed: a literal */
	enum status st = ST_OK;
	if (PQresultStatus(res) != PGRES_COMMAND_OK)
		st = db_failed(cx, db, res, "COMMIT");
	else if (strcmp(PQcmdStatus(res), "COMMIT") != 0)
		st = fail(cx, ST_BUSY, "the transaction was rolled back after an earlier failure");
	PQclear(res);
	return st;
}

void tx_rollback(struct db *db)
{
	if (!db->in_tx)
		return;
	tx_end(db);
	PQclear(PQexec(db->conn, "ROLLBACK")); /* allowed: a literal; a lost connection rolls back too */
}

/* Notifications ----------------------------------------------------------------------------------- */

enum status db_listen(struct ctx *cx, struct db *db, const char *channel)
{
	assert(db->listen_n < sizeof db->listen / sizeof db->listen[0]);
	TRY(db_ready(cx, db, false));
	char sql[80];
	snprintf(sql, sizeof sql, "LISTEN %s", channel);
	TRY(db_simple(cx, db, sql));
	db->listen[db->listen_n++] = channel;
	return ST_OK;
}

static bool db_take_notifications(struct db *db)
{
	bool any = false;
	for (PGnotify *n; (n = PQnotifies(db->conn)); any = true)
		PQfreemem(n);
	return any;
}

enum status db_wait(struct ctx *cx, struct db *db, int wait_ms, bool *notified)
{
	*notified = false;
	if (PQstatus(db->conn) != CONNECTION_OK) {
		TRY(db_connect(cx, db));
		*notified = true; /* what came meanwhile is lost: look */
		return ST_OK;
	}
	*notified = db_take_notifications(db);
	if (*notified)
		return ST_OK;
	struct pollfd fd = {.fd = PQsocket(db->conn), .events = POLLIN};
	if (poll(&fd, 1, wait_ms) <= 0)
		return ST_OK;
	if (!PQconsumeInput(db->conn))
		return db_failed(cx, db, NULL, "waiting for notifications");
	*notified = db_take_notifications(db);
	return ST_OK;
}

enum status db_notify(struct ctx *cx, struct db *db, const char *channel)
{
	assert(!db->in_tx);
	TRY(db_ready(cx, db, false));
	char sql[80];
	snprintf(sql, sizeof sql, "NOTIFY %s", channel);
	return db_simple(cx, db, sql);
}
