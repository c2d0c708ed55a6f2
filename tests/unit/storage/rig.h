/* SPDX-License-Identifier: Apache-2.0
 *
 * A private, migrated database for a storage test, with what each of them does again and again:
 * truths asked of the database, other connections, accepted messages, the relay's lane.
 */
#ifndef FERRY_TESTS_UNIT_STORAGE_RIG_H
#define FERRY_TESTS_UNIT_STORAGE_RIG_H

#include "tests/unit/pg.h"

#include "storage/app.h"
#include "storage/event.h"
#include "storage/journal.h"
#include "storage/lease.h"
#include "storage/message.h"
#include "storage/outbox.h"
#include "storage/verify.h"

enum { RIG_SRC = 40161, RIG_DST = 40245 };

struct rig {
	struct arena *arena;
	struct ctx cx;
	const char *url;
	struct db *db;
	int64_t app;
};

static inline void rig_begin(struct rig *r)
{
	memset(r, 0, sizeof *r);
	r->cx = pg_ctx(&r->arena);
	r->url = pg_database(&r->cx);
	pg_ok(r->cx, db_open(&r->cx, r->url, "test", &r->db));
	pg_ok(r->cx, app_create(&r->cx, r->db, &r->app, "shop"));
}

static inline void rig_end(struct rig *r)
{
	arena_destroy(r->arena);
	db_close(r->db);
}

static inline struct db *rig_open(struct rig *r, const char *role)
{
	struct db *db;
	pg_ok(r->cx, db_open(&r->cx, r->url, role, &db));
	return db;
}

/* A few statements on the rig's connection. */
static inline void rig_sql(struct rig *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static inline void rig_sql(struct rig *r, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	const char *sql = arena_vprintf(r->arena, fmt, ap);
	va_end(ap);
	enum status st = db_script(&r->cx, r->db, sql);
	ck_assert_msg(st == ST_OK, "%s\n%s", r->cx.err.message, sql);
}

/* A boolean expression of SQL that must be true. */
static inline void rig_true(struct rig *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static inline void rig_true(struct rig *r, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	const char *expr = arena_vprintf(r->arena, fmt, ap);
	va_end(ap);
	enum status st = db_script(&r->cx, r->db,
				   arena_printf(r->arena,
						"DO $rig$ BEGIN IF (%s) IS NOT TRUE THEN RAISE "
						"EXCEPTION 'not so'; END IF; END $rig$",
						expr));
	ck_assert_msg(st == ST_OK, "%s\n%s", r->cx.err.message, expr);
}

/* The database refuses the statement, with these words. */
static inline void rig_refused(struct rig *r, const char *words, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static inline void rig_refused(struct rig *r, const char *words, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	const char *sql = arena_vprintf(r->arena, fmt, ap);
	va_end(ap);
	ctx_error_clear(&r->cx);
	enum status st = db_script(&r->cx, r->db, sql);
	ck_assert_msg(st != ST_OK, "the database took: %s", sql);
	ck_assert_msg(strstr(r->cx.err.message, words), "'%s' is not in '%s'", words,
		      r->cx.err.message);
}

static inline struct hash rig_hash(uint64_t n)
{
	struct hash h = {{0}};
	for (int i = 0; i < 8; i++)
		h.b[31 - i] = (uint8_t)(n >> (8 * i));
	h.b[0] = 0x77;
	return h;
}

static inline struct addr rig_addr(uint8_t n)
{
	struct addr a = {{0x11}};
	a.b[19] = n;
	return a;
}

/* "'\x…'" of some bytes, for SQL. */
static inline const char *rig_hex(struct rig *r, const void *p, size_t n)
{
	return arena_printf(r->arena, "'\\x%s'::bytea", hex_encode(r->arena, p, n) + 2);
}

static inline const char *rig_uuid(struct rig *r, const struct uuid *id)
{
	return arena_printf(r->arena, "'%s'::uuid", hex_encode(r->arena, id->b, 16) + 2);
}

/* The request that rig_accept makes of a number. */
static inline struct message_new *rig_new(struct rig *r, uint64_t n)
{
	struct message_new *m = arena_alloc(r->arena, sizeof *m);
	*m = (struct message_new){
		.ref = {.app_id = r->app},
		.kind = 1,
		.submission = 1,
		.execution = 1,
		.src_eid = RIG_SRC,
		.dst_eid = RIG_DST,
		.receiver = rig_hash(5),
		.payload = bytes_of("hello", 5),
		.gas_limit = 200000,
		.messenger = rig_addr(2),
		.request_id = rig_hash(1000 + n),
		.method = MESSAGE_METHOD_SEND,
		.key = arena_printf(r->arena, "key-%016llu", (unsigned long long)n),
		.fingerprint = rig_hash(n),
		.request = bytes_of("request", 7),
	};
	uuid_v7(m->ref.id.b);
	return m;
}

/* An unsigned message, accepted. */
static inline struct message_ref rig_accept(struct rig *r, uint64_t n)
{
	const struct message_new *m = rig_new(r, n);
	bool inserted;
	int64_t created;
	pg_ok(r->cx, message_insert(&r->cx, r->db, &inserted, &created, &m, 1));
	ck_assert(inserted);
	return m->ref;
}

/* The item, locked; inside a transaction. */
static inline struct outbox_item *rig_lock(struct rig *r, struct db *db,
					   const struct message_ref *ref)
{
	struct outbox_item *items;
	size_t n;
	pg_ok(r->cx, outbox_by_id(&r->cx, db, &items, &n, &ref->app_id, &ref->id, 1));
	ck_assert_uint_eq(n, 1);
	return items;
}

static inline struct outbox_place rig_place(uint64_t tx, int64_t block)
{
	return (struct outbox_place){
		.tx_hash = rig_hash(tx),
		.block = block,
		.block_hash = rig_hash(7000 + (uint64_t)block),
		.log_index = 3,
	};
}

/* Moves a message to a state in a transaction of its own; places are of the chain that shows it. */
static inline void rig_move(struct rig *r, const struct message_ref *ref, enum message_state to,
			    int64_t block)
{
	pg_ok(r->cx, tx_begin(&r->cx, r->db));
	struct outbox_item *it = rig_lock(r, r->db, ref);
	enum message_state path[STATE_COUNT];
	size_t n = state_path(it->state, to, path);
	ck_assert_uint_gt(n, 1);
	for (size_t i = 1; i < n; i++) {
		if (path[i] == STATE_SENT) {
			it->has_guid = true;
			it->guid = it->request_id;
			it->guid.b[0] = 0x66;
			it->nonce = it->num;
			it->packet = bytes_of("packet", 6);
			it->src = rig_place(40, block);
		}
		if (state_stage(path[i]) == STAGE_CONFIRM)
			it->dst = rig_place(41, block);
		struct outbox_event *e = outbox_move(it, path[i]);
		bool source = state_stage(path[i]) <= STAGE_FINALITY || path[i] == STATE_VERIFYING;
		e->chain_eid = source ? RIG_SRC : RIG_DST;
		e->place = rig_place(42, block);
	}
	pg_ok(r->cx, outbox_save(&r->cx, r->db, &it, 1));
	pg_ok(r->cx, tx_commit(&r->cx, r->db));
}

/* The database agrees with itself. */
static inline void rig_verify(struct rig *r)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	enum status st = verify_journal(&r->cx, r->db, f);
	fclose(f);
	ck_assert_msg(st == ST_OK, "%s\n%s", r->cx.err.message, text);
	free(text);
}

#endif
