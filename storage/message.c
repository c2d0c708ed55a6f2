/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/message.h"

#include <assert.h>
#include <stdlib.h>

#include "storage/time.h"

/* Accepting ------------------------------------------------------------------------------------ */

/* The columns of a group, an array each. */
struct message_columns {
	int64_t *app_id, *kind, *submission, *execution, *src_eid, *dst_eid, *gas_limit, *method,
		*place;
	struct uuid *id;
	struct bytes *receiver, *payload, *ordering_key, *author, *signature, *messenger,
		*request_id;
	struct bytes *fingerprint, *request;
	const char **author_nonce, **deadline, **client_ref, **key, **recipient;
};

static void columns_alloc(struct arena *a, struct message_columns *c, size_t n)
{
	int64_t **numbers[] = {&c->app_id, &c->kind, &c->submission, &c->execution, &c->src_eid,
			       &c->dst_eid, &c->gas_limit, &c->method, &c->place};
	struct bytes **spans[] = {&c->receiver, &c->payload, &c->ordering_key, &c->author,
				  &c->signature, &c->messenger, &c->request_id, &c->fingerprint,
				  &c->request};
	const char ***texts[] = {&c->author_nonce, &c->deadline, &c->client_ref, &c->key,
				 &c->recipient};
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		*numbers[i] = arena_array(a, n, sizeof(int64_t));
	for (size_t i = 0; i < sizeof spans / sizeof *spans; i++)
		*spans[i] = arena_array(a, n, sizeof(struct bytes));
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		*texts[i] = arena_array(a, n, sizeof(char *));
	c->id = arena_array(a, n, sizeof *c->id);
}

/* A span that is not NULL for SQL even when it is empty. */
static struct bytes bytes_not_null(struct bytes b)
{
	return b.p ? b : bytes_of("", 0);
}

static void columns_set(struct message_columns *c, size_t i, const struct message_new *m)
{
	c->app_id[i] = m->ref.app_id;
	c->id[i] = m->ref.id;
	c->kind[i] = m->kind;
	c->submission[i] = m->submission;
	c->execution[i] = m->execution;
	c->src_eid[i] = m->src_eid;
	c->dst_eid[i] = m->dst_eid;
	c->receiver[i] = bytes_of(m->receiver.b, 32);
	c->payload[i] = bytes_not_null(m->payload);
	c->gas_limit[i] = m->gas_limit;
	if (m->has_ordering_key)
		c->ordering_key[i] = bytes_of(m->ordering_key.b, 32);
	if (m->is_signed) {
		c->author[i] = bytes_of(m->author.b, 20);
		c->author_nonce[i] = m->author_nonce;
		c->deadline[i] = m->deadline;
		c->signature[i] = bytes_not_null(m->signature);
	}
	c->messenger[i] = bytes_of(m->messenger.b, 20);
	c->request_id[i] = bytes_of(m->request_id.b, 32);
	c->client_ref[i] = m->client_ref;
	c->recipient[i] = m->recipient;
	c->method[i] = m->method;
	c->key[i] = m->key;
	c->fingerprint[i] = bytes_of(m->fingerprint.b, 32);
	c->request[i] = bytes_not_null(m->request);
}

struct arrival {
	int64_t at;
	size_t i;
};

static int arrival_compare(const void *a, const void *b)
{
	const struct arrival *x = a, *y = b;
	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return (x->i > y->i) - (x->i < y->i);
}

/* Which came first, second, … */
static void columns_place(struct arena *a, struct message_columns *c,
			  const struct message_new *const *items, size_t n)
{
	struct arrival *arrivals = arena_array(a, n, sizeof *arrivals);
	for (size_t i = 0; i < n; i++)
		arrivals[i] = (struct arrival){items[i]->arrival, i};
	qsort(arrivals, n, sizeof *arrivals, arrival_compare);
	for (size_t i = 0; i < n; i++)
		c->place[arrivals[i].i] = (int64_t)i + 1;
}

enum status message_insert(struct ctx *cx, struct db *db, bool *inserted, int64_t *created_us,
			   const struct message_new *const *items, size_t n)
{
	assert(n > 0 && n <= MESSAGE_INSERT_MAX);
	struct message_columns c;
	columns_alloc(cx->arena, &c, n);
	for (size_t i = 0; i < n; i++)
		columns_set(&c, i, items[i]);
	columns_place(cx->arena, &c, items, n);
	struct rows rows;
	TRY(db_exec(cx, db, SQL_MESSAGE_INSERT, &rows, p_i64s(c.app_id, n), p_uuids(c.id, n),
		    p_i64s(c.kind, n), p_i64s(c.submission, n), p_i64s(c.execution, n),
		    p_i64s(c.src_eid, n), p_i64s(c.dst_eid, n), p_bytess(c.receiver, n),
		    p_bytess(c.payload, n), p_i64s(c.gas_limit, n), p_bytess(c.ordering_key, n),
		    p_bytess(c.author, n), p_texts(c.author_nonce, n), p_texts(c.deadline, n),
		    p_bytess(c.signature, n), p_bytess(c.messenger, n), p_bytess(c.request_id, n),
		    p_texts(c.client_ref, n), p_i64s(c.method, n), p_texts(c.key, n),
		    p_bytess(c.fingerprint, n), p_bytess(c.request, n), p_texts(c.recipient, n),
		    p_i64s(c.place, n)));
	/* The rows come in the order of the items, those left out missing. */
	int row = 0;
	struct uuid id = {{0}};
	for (size_t i = 0; i < n; i++) {
		if (row < rows.count)
			id = row_uuid(&rows, row, "id");
		inserted[i] = row < rows.count && memcmp(id.b, c.id[i].b, sizeof id.b) == 0;
		row += inserted[i];
	}
	assert(row == rows.count);
	*created_us = rows.count ? row_time_us(&rows, 0, "created_at") : 0;
	return ST_OK;
}

enum status message_by_keys(struct ctx *cx, struct db *db, struct message_keyed *out,
			    const struct message_new *const *items, size_t n)
{
	int64_t *apps = arena_array(cx->arena, n, sizeof *apps);
	int64_t *methods = arena_array(cx->arena, n, sizeof *methods);
	const char **keys = arena_array(cx->arena, n, sizeof *keys);
	for (size_t i = 0; i < n; i++) {
		apps[i] = items[i]->ref.app_id;
		methods[i] = items[i]->method;
		keys[i] = items[i]->key;
		out[i] = (struct message_keyed){.found = false};
	}
	struct rows rows;
	TRY(db_exec(cx, db, SQL_MESSAGE_BY_KEYS, &rows, p_i64s(apps, n), p_i64s(methods, n),
		    p_texts(keys, n)));
	for (int i = 0; i < rows.count; i++) {
		struct message_keyed *k = &out[row_i64(&rows, i, "index")];
		k->found = row_hash(&rows, i, "fingerprint", &k->fingerprint);
		k->ref.app_id = row_i64(&rows, i, "app_id");
		k->ref.id = row_uuid(&rows, i, "id");
		k->request = row_bytes(&rows, i, "request");
	}
	return ST_OK;
}

/* Reading -------------------------------------------------------------------------------------- */

bool message_is_final(enum message_state state, bool dst_final)
{
	return state_is_terminal(state) || (state_is_done(state) && dst_final);
}

static const char *text_or(const char *s, const char *otherwise)
{
	return s ? s : otherwise;
}

/* In the order of the statement's columns, here and below: the reader finds the next one fastest.
 */
static void read_what(const struct rows *r, int i, struct message *m)
{
	m->ref.app_id = row_i64(r, i, "app_id");
	m->ref.id = row_uuid(r, i, "id");
	m->version = row_i64(r, i, "version");
	m->state = state_of_name(row_text(r, i, "state"));
	assert(m->state < STATE_COUNT);
	m->kind = row_i64(r, i, "kind");
	m->submission = row_i64(r, i, "submission");
	m->execution = row_i64(r, i, "execution");
	m->src_eid = row_i64(r, i, "src_eid");
	m->dst_eid = row_i64(r, i, "dst_eid");
	(void)row_hash(r, i, "receiver", &m->receiver);
	m->payload = row_bytes(r, i, "payload");
	m->gas_limit = row_i64(r, i, "gas_limit");
	m->value = text_or(row_text(r, i, "value"), "0");
	m->has_ordering_key = row_hash(r, i, "ordering_key", &m->ordering_key);
	m->is_signed = row_bool(r, i, "is_signed");
	m->has_author = row_addr(r, i, "author", &m->author);
	(void)row_hash(r, i, "request_id", &m->request_id);
	m->client_ref = row_text(r, i, "client_ref");
	m->recipient = row_text(r, i, "recipient");
	m->has_guid = row_hash(r, i, "guid", &m->guid);
}

static void read_where(struct ctx *cx, const struct rows *r, int i, struct message *m)
{
	m->former_guids = row_bytes_array(cx, r, i, "former_guids", &m->former_guids_n);
	m->nonce = row_i64(r, i, "nonce");
	m->src.is_known = row_hash(r, i, "src_tx", &m->src.tx_hash);
	m->src.block_number = row_i64(r, i, "src_block");
	(void)row_hash(r, i, "src_block_hash", &m->src.block_hash);
	m->src.is_final = row_bool(r, i, "src_final");
	m->dst.is_known = row_hash(r, i, "dst_tx", &m->dst.tx_hash);
	m->dst.block_number = row_i64(r, i, "dst_block");
	(void)row_hash(r, i, "dst_block_hash", &m->dst.block_hash);
	m->dst.is_final = row_bool(r, i, "dst_final");
	m->verify_required = row_i64(r, i, "verify_required");
	m->verify_have = row_i64(r, i, "verify_have");
	m->fee = text_or(row_text(r, i, "fee"), "0");
	m->gas_used = row_i64(r, i, "gas_used");
	m->reason = row_i64(r, i, "reason");
	m->evidence = row_text(r, i, "evidence");
	m->attempts = row_i64(r, i, "attempts");
	m->act = row_text(r, i, "act");
	m->hold_reason = row_text(r, i, "hold_reason");
	m->hold_by = row_text(r, i, "hold_by");
	m->hold_since_us = row_time_us(r, i, "hold_since");
	m->hold_until_us = row_time_us(r, i, "hold_until");
	m->created_us = row_time_us(r, i, "created_at");
	m->updated_us = row_time_us(r, i, "updated_at");
	m->due_us = row_time_us(r, i, "due_at");
	m->is_open = row_bool(r, i, "is_open");
	m->is_carried = row_bool(r, i, "is_carried");
}

enum status message_read(struct ctx *cx, struct db *db, struct message **out,
			 const struct message_ref *refs, size_t n)
{
	assert(n <= MESSAGE_READ_MAX);
	int64_t *apps = arena_array(cx->arena, n, sizeof *apps);
	struct uuid *ids = arena_array(cx->arena, n, sizeof *ids);
	for (size_t i = 0; i < n; i++) {
		apps[i] = refs[i].app_id;
		ids[i] = refs[i].id;
		out[i] = NULL;
	}
	if (n == 0)
		return ST_OK;
	struct rows rows;
	TRY(db_exec(cx, db, SQL_MESSAGE_READ, &rows, p_i64s(apps, n), p_uuids(ids, n)));
	for (int i = 0; i < rows.count; i++) {
		int64_t index = row_i64(&rows, i, "index");
		struct message *m = arena_alloc(cx->arena, sizeof *m);
		read_what(&rows, i, m);
		read_where(cx, &rows, i, m);
		out[index] = m;
	}
	return ST_OK;
}

enum status message_by_guids(struct ctx *cx, struct db *db, struct message_guid **found,
			     size_t *found_n, const struct hash *guids, size_t n)
{
	struct bytes *spans = arena_array(cx->arena, n, sizeof *spans);
	for (size_t i = 0; i < n; i++)
		spans[i] = bytes_of(guids[i].b, sizeof guids[i].b);
	struct rows rows;
	TRY(db_exec(cx, db, SQL_MESSAGE_BY_GUIDS, &rows, p_bytess(spans, n)));
	*found_n = (size_t)rows.count;
	*found = arena_array(cx->arena, *found_n, sizeof **found);
	for (int i = 0; i < rows.count; i++) {
		struct message_guid *f = &(*found)[i];
		f->index = (size_t)row_i64(&rows, i, "index");
		f->ref.app_id = row_i64(&rows, i, "app_id");
		f->ref.id = row_uuid(&rows, i, "id");
		f->is_former = row_bool(&rows, i, "is_former");
	}
	return ST_OK;
}

static struct db_param p_i64_or_null(int64_t v)
{
	return v ? p_i64(v) : p_null();
}

static struct db_param p_bytes_or_null(struct bytes b)
{
	return b.n ? p_bytes(b) : p_null();
}

enum status message_scan(struct ctx *cx, struct db *db, struct uuid **ids, size_t *n,
			 struct uuid *last, bool *scanned_all, const struct message_filter *filter,
			 const struct message_ref *before, size_t limit, size_t scan_max)
{
	struct rows rows;
	TRY(db_exec(cx, db, SQL_MESSAGE_SCAN, &rows, p_i64(before->app_id), p_uuid(&before->id),
		    p_i64((int64_t)limit), p_i64((int64_t)scan_max), p_text(filter->state),
		    p_i64_or_null(filter->kind), p_i64_or_null(filter->src_eid),
		    p_i64_or_null(filter->dst_eid), p_bytes_or_null(filter->author),
		    p_bytes_or_null(filter->receiver), p_bytes_or_null(filter->source_tx),
		    p_text(filter->client_ref)));
	*ids = row_uuid_array(cx, &rows, 0, "ids", n);
	size_t scanned = (size_t)row_i64(&rows, 0, "scanned");
	*scanned_all = scanned < scan_max && *n < limit;
	if (*n == limit)
		*last = (*ids)[*n - 1];
	else
		*last = row_uuid(&rows, 0, "last");
	return ST_OK;
}

enum status message_packet(struct ctx *cx, struct db *db, struct bytes *packet,
			   const struct message_ref *ref)
{
	struct rows rows;
	TRY(db_exec(cx, db, SQL_MESSAGE_PACKET, &rows, p_i64(ref->app_id), p_uuid(&ref->id)));
	if (rows.count == 0)
		return fail(cx, ST_NOT_FOUND, "there is no such message");
	*packet = row_bytes(&rows, 0, "packet");
	return ST_OK;
}

/* Asking --------------------------------------------------------------------------------------- */

/* Begins a transaction that holds the message's row. */
static enum status message_lock(struct ctx *cx, struct db *db, const struct message_ref *ref)
{
	TRY(tx_begin(cx, db));
	return db_exec(cx, db, SQL_MESSAGE_LOCK, NULL, p_i64(ref->app_id), p_uuid(&ref->id));
}

enum status message_cancel(struct ctx *cx, struct db *db, bool *done,
			   const struct message_ref *ref)
{
	struct rows rows;
	TRY(message_lock(cx, db, ref));
	TRY(db_exec(cx, db, SQL_MESSAGE_CANCEL, &rows, p_i64(ref->app_id), p_uuid(&ref->id)));
	*done = row_i64(&rows, 0, "moved") == 1;
	if (*done)
		return tx_commit(cx, db);
	tx_rollback(db); /* never take the work away and leave the state */
	return ST_OK;
}

enum status message_ask(struct ctx *cx, struct db *db, bool *done, const struct message_ref *ref,
			const struct message_ask *ask)
{
	struct rows rows;
	TRY(message_lock(cx, db, ref));
	TRY(db_exec(cx, db, SQL_MESSAGE_ASK, &rows, p_i64(ref->app_id), p_uuid(&ref->id),
		    p_texts(ask->states, ask->states_n), p_bool(ask->is_carried_too),
		    p_i64(ask->retry_gas), p_text(ask->act), p_text(ask->type),
		    p_text(ask->reason)));
	*done = row_i64(&rows, 0, "asked") == 1;
	if (*done)
		return tx_commit(cx, db);
	tx_rollback(db);
	return ST_OK;
}

enum status message_author_nonce(struct ctx *cx, struct db *db, const char **nonce,
				 int64_t src_eid, const struct addr *messenger,
				 const struct addr *author, const char *at_least)
{
	struct rows rows;
	TRY(db_exec(cx, db, SQL_MESSAGE_AUTHOR_NONCE, &rows, p_i64(src_eid),
		    p_blob(messenger->b, 20), p_blob(author->b, 20), p_text(at_least)));
	*nonce = arena_strdup(cx->arena, row_text(&rows, 0, "nonce"));
	return ST_OK;
}
