/* SPDX-License-Identifier: Apache-2.0
 *
 * Signed operations into the database: all that waits is one group of statements: their quotes, the
 * insert, the identities as they are then. A quote is used once; the same request again is answered
 * from what is stored. A connection lost while the answer was awaited: the same items once more;
 * those that were committed after all are known by their quotes.
 */
#include "api/identity.h"
#include "api/identity_item.h"
#include "api/view.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"

enum { ACCEPT_GROUP_MAX = 256, ACCEPT_SQL_MS = 3000, ACCEPT_TRIES = 3 };

/* One round of the thread. */
struct round {
	struct api *api;
	struct ctx *cx;
	struct db *db;
	struct identity_item *items[ACCEPT_GROUP_MAX]; /* not answered yet */
	size_t n;
};

static void item_end(struct identity_item **at, enum status st)
{
	struct identity_item *item = *at;
	*at = NULL;
	handler_finish(item->call, st);
}

static void round_pack(struct round *r)
{
	size_t n = 0;
	for (size_t i = 0; i < r->n; i++)
		if (r->items[i])
			r->items[n++] = r->items[i];
	r->n = n;
}

/* Fails what is left. */
static void round_fail(struct round *r, enum status st)
{
	log_failure(LOG_WARN, "identity.failed", r->cx);
	for (size_t i = 0; i < r->n; i++)
		if (r->items[i])
			item_end(&r->items[i],
				 fail(&r->items[i]->call->cx, st == ST_INVALID ? st : ST_DB, "%s",
				      st == ST_INVALID
					      ? "the database refuses the operation's data"
					      : "the database does not answer: send the same again"));
	r->n = 0;
}

/* Quotes --------------------------------------------------------------------------------------- */

static enum status offer_used(struct identity_item *item, const struct identity_offer *offer)
{
	struct ctx *cx = &item->call->cx;
	struct arena *a = cx->arena;
	if (hash_equal(&offer->fingerprint, &item->fingerprint)) {
		item->call->replayed =
			memcmp(offer->operation.b, item->row.id.b, sizeof item->row.id.b) != 0;
		item->accepted = offer->operation;
		return ST_OK;
	}
	ctx_add_detail(cx, "/signature", "QUOTE_USED",
		       "it was used with another signature for %s of %s",
		       view_id_new(a, "idop_", &offer->operation),
		       view_id_new(a, "idn_", &offer->identity));
	return fail_code(cx, ST_CONFLICT, "QUOTE_USED",
			 "the quote was used with another signature: ask for a new one");
}

/* Is the quote one for this request? */
static enum status offer_check(struct round *r, struct identity_item *item,
			       const struct identity_offer *offer)
{
	struct ctx *cx = &item->call->cx;
	struct identity_name name;
	struct uuid found = {{0}};
	bool is_found = true;
	if (!offer->found)
		return fail_code(cx, ST_NOT_FOUND, "QUOTE_NOT_FOUND",
				 "there is no such quote: ask for one with POST /v1/quotes");
	TRY(identity_plan_read(cx, &item->plan, offer->body));
	if (item->plan.op.kind != item->kind) {
		ctx_add_detail(cx, "/quote_id", "QUOTE_MISMATCH", "the quote is for the operation %s",
			       identity_kind_name(item->plan.op.kind));
		return fail_code(cx, ST_INVALID, "QUOTE_MISMATCH",
				 "the quote is for another operation: %s",
				 identity_kind_name(item->plan.op.kind));
	}
	if (item->kind == IDENTITY_REGISTER)
		return ST_OK;
	TRY(identity_name_parse(cx, &name, item->name, "/id"));
	if (name.is_did)
		TRY(identity_find(r->cx, r->db, &found, &is_found, item->quote.app_id,
				  (int64_t)name.chain_id, &name.account));
	else
		found = name.id;
	if (is_found && memcmp(found.b, item->plan.identity.b, sizeof found.b) == 0)
		return ST_OK;
	ctx_add_detail(cx, "/quote_id", "QUOTE_MISMATCH", "the quote is for %s",
		       view_id_new(cx->arena, "idn_", &item->plan.identity));
	return fail_code(cx, ST_INVALID, "QUOTE_MISMATCH", "the quote is for another identity");
}

static enum status quote_expired(struct identity_item *item)
{
	return fail_code(&item->call->cx, ST_CONFLICT, "QUOTE_EXPIRED",
			 "the quote has expired: ask for a new one and sign that");
}

static enum status offers_read(struct round *r, struct identity_offer **out)
{
	struct message_ref *refs = arena_array(r->cx->arena, r->n, sizeof *refs);
	*out = arena_array(r->cx->arena, r->n, sizeof **out);
	for (size_t i = 0; i < r->n; i++)
		refs[i] = r->items[i]->quote;
	return identity_offers(r->cx, r->db, *out, refs, r->n);
}

/* Looks at the quotes and the signatures. Left in r: what is to be stored. *done: what was stored
 * before. */
static enum status round_check(struct round *r, struct identity_item **done, size_t *done_n)
{
	struct identity_offer *offers;
	TRY(offers_read(r, &offers));
	for (size_t i = 0; i < r->n; i++) {
		struct identity_item *item = r->items[i];
		enum status st = offer_check(r, item, &offers[i]);
		if (st == ST_DB || st == ST_BUSY)
			return st;
		if (st == ST_OK && offers[i].is_used) {
			st = offer_used(item, &offers[i]);
			if (st == ST_OK) {
				done[(*done_n)++] = item;
				r->items[i] = NULL;
				continue;
			}
		} else if (st == ST_OK && offers[i].is_expired) {
			st = quote_expired(item);
		} else if (st == ST_OK && !item->was_asked) {
			st = identity_item_check(item,
						 view_chain(&r->api->config, item->plan.src_eid));
		}
		if (st != ST_OK) {
			item_end(&r->items[i], st);
		} else if (identity_item_asks(item)) {
			r->items[i] = NULL;
			handler_push(r->api, QUEUE_CHAIN, item->call, item->call);
		} else {
			identity_item_row(item);
		}
	}
	round_pack(r);
	return ST_OK;
}

/* Storing -------------------------------------------------------------------------------------- */

static enum status items_store(struct round *r, struct identity_item **items, bool *stored,
			       size_t n)
{
	const struct identity_new **rows = arena_array(r->cx->arena, n, sizeof *rows);
	for (size_t i = 0; i < n; i++)
		rows[i] = &items[i]->row;
	enum status st = identity_accept(r->cx, r->db, stored, rows, n);
	if (st != ST_INVALID && st != ST_CONFLICT)
		return st;
	if (n > 1) { /* the culprit alone */
		TRY(items_store(r, items, stored, n / 2));
		return items_store(r, items + n / 2, stored + n / 2, n - n / 2);
	}
	log_failure(LOG_WARN, "identity.refused", r->cx);
	stored[0] = false;
	item_end(&items[0], fail(&items[0]->call->cx, ST_INVALID,
				 "the database refuses the operation's data"));
	return ST_OK;
}

/* Why it was not stored although its quote was free a moment ago. */
static enum status item_lost(struct round *r, struct identity_item *item,
			     const struct identity_offer *offer)
{
	struct ctx *cx = &item->call->cx;
	struct message_ref ref = {item->quote.app_id, item->plan.identity};
	struct identity *now;
	if (offer->is_used)
		return offer_used(item, offer);
	if (!offer->found || offer->is_expired)
		return quote_expired(item);
	TRY(identity_read(r->cx, r->db, &now, &ref, 1, 1));
	if (now && now->head && now->head->kind == IDENTITY_REVOKE)
		return fail_code(cx, ST_CONFLICT, "IDENTITY_REVOKED",
				 "the identity is revoked: nothing changes it any more");
	return fail_code(cx, ST_CONFLICT, "VERSION_TAKEN",
			 "the identity has changed since the quote, which has version %llu: ask "
			 "for a new one",
			 (unsigned long long)item->plan.op.version);
}

static enum status round_store(struct round *r, struct identity_item **done, size_t *done_n)
{
	struct identity_offer *offers;
	bool *stored = arena_array(r->cx->arena, r->n, sizeof *stored);
	if (r->n == 0)
		return ST_OK;
	TRY(items_store(r, r->items, stored, r->n));
	size_t accepted = 0;
	for (size_t i = 0; i < r->n; i++) {
		if (!stored[i])
			continue;
		r->items[i]->accepted = r->items[i]->row.id;
		done[(*done_n)++] = r->items[i];
		r->items[i] = NULL;
		accepted++;
	}
	if (accepted)
		bell_ring(r->api->bell, true);
	round_pack(r);
	if (r->n == 0)
		return ST_OK;
	TRY(offers_read(r, &offers));
	for (size_t i = 0; i < r->n; i++) {
		enum status st = item_lost(r, r->items[i], &offers[i]);
		if (st == ST_DB || st == ST_BUSY)
			return st;
		if (st == ST_OK) {
			done[(*done_n)++] = r->items[i];
			r->items[i] = NULL;
		} else {
			item_end(&r->items[i], st);
		}
	}
	round_pack(r);
	return ST_OK;
}

/* Answering ------------------------------------------------------------------------------------ */

static enum status round_answer(struct round *r, struct identity_item **done, size_t n)
{
	struct message_ref *refs = arena_array(r->cx->arena, n, sizeof *refs);
	struct identity **now = arena_array(r->cx->arena, n, sizeof(struct identity *));
	struct identity_batches batches;
	for (size_t i = 0; i < n; i++)
		refs[i] = (struct message_ref){done[i]->quote.app_id, done[i]->plan.identity};
	TRY(identity_read(r->cx, r->db, now, refs, n, IDENTITY_ACTS_MAX));
	TRY(identity_batches_read(r->cx, r->db, &batches, now, n));
	const struct world_view *world = survey_take(r->api->survey);
	for (size_t i = 0; i < n; i++) {
		struct api_call *call = done[i]->call;
		enum status st = ST_OK;
		if (now[i]) {
			Ferry__V1__Identity *v = identity_view(call->arena, world, now[i],
							       &batches, clock_wall_us());
			call->reply = &v->base;
			call->etag = view_etag(call->arena, now[i]->version);
			call->accepted = view_id_new(call->arena, "idop_", &done[i]->accepted);
			if (done[i]->kind == IDENTITY_REGISTER)
				call->location =
					arena_printf(call->arena, "/v1/identities/%s", v->id);
		} else {
			st = fail(&call->cx, ST_INTERNAL, "the identity is not there");
		}
		item_end(&done[i], st);
	}
	survey_give(r->api->survey, world);
	return ST_OK;
}

/* Once through; what is not answered at the end stays in r->items. */
static enum status round_go(struct round *r)
{
	struct identity_item *done[ACCEPT_GROUP_MAX];
	size_t done_n = 0;
	enum status st = round_check(r, done, &done_n);
	if (st == ST_OK)
		st = round_store(r, done, &done_n);
	if (st == ST_OK && done_n)
		st = round_answer(r, done, done_n);
	round_pack(r);
	if (st == ST_OK)
		return ST_OK;
	for (size_t i = 0; i < done_n; i++) /* durable, not answered: again, by their quotes */
		if (done[i])
			r->items[r->n++] = done[i];
	return st;
}

/* The thread ----------------------------------------------------------------------------------- */

static void round_take(struct round *r, void *const *calls, size_t n)
{
	const struct world_view *world = survey_take(r->api->survey);
	r->n = 0;
	for (size_t i = 0; i < n; i++) {
		struct api_call *call = calls[i];
		struct identity_item *item = call->work;
		if (!handler_is_alive(call))
			continue;
		if (!item) {
			item = call->work = arena_alloc(call->arena, sizeof *item);
			item->call = call;
			enum status st = identity_item_read(item, &r->api->config, world);
			if (st != ST_OK) {
				handler_finish(call, st);
				continue;
			}
		}
		r->items[r->n++] = item;
	}
	survey_give(r->api->survey, world);
}

static void round_run(struct round *r, struct db **db)
{
	enum status st = ST_OK;
	metric_observe(METRIC_API_GROUP_ITEMS, QUEUE_IDENTITY, 0, r->n);
	for (int tries = 0; r->n > 0 && tries < ACCEPT_TRIES; tries++) {
		ctx_init(r->cx, r->cx->arena, ACCEPT_SQL_MS, "identity");
		st = handler_db(r->api, r->cx, db, "identity");
		r->db = *db;
		if (st == ST_OK)
			st = round_go(r);
		if (st != ST_OK && st != ST_DB && st != ST_BUSY)
			break;
	}
	if (r->n > 0)
		round_fail(r, st);
}

void identity_run(void *arg)
{
	struct arena *arena = arena_create(HANDLER_ARENA_BYTES);
	struct db *db = NULL;
	void *calls[ACCEPT_GROUP_MAX];
	struct ctx cx;
	struct round r = {.api = arg, .cx = &cx};
	size_t n;
	while ((n = queue_pop(r.api->queues[QUEUE_IDENTITY], calls, ACCEPT_GROUP_MAX, -1)) > 0) {
		ctx_init(&cx, arena, ACCEPT_SQL_MS, "identity");
		round_take(&r, calls, n);
		round_run(&r, &db);
		arena_reset(arena);
	}
	db_close(db);
	arena_destroy(arena);
}
