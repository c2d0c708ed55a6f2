/* SPDX-License-Identifier: Apache-2.0
 *
 * The storing side: all that waits becomes one statement, which is its own transaction: message,
 * event and outbox row of each item. No timer: while one group commits, the next one gathers. Two
 * small groups side by side would cost more than one after the other, so small ones take turns.
 *
 * Every failure has one answer. A key that is taken: what is stored under it is read, and replayed
 * or refused. Data the database refuses: the group is halved until the culprit is alone. A lock
 * held too long: likewise, and the culprit is looked at again until its time is over. A connection
 * lost while the answer was awaited: the same items are stored once more; those that were committed
 * after all lose to themselves, and are known by their ids.
 */
#include "api/accept.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "api/view.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"

enum {
	STORE_GROUP_MAX = 1000,  /* items to gather; a batch may pass it by its own size */
	STORE_TAKE_MAX = 32,
	STORE_WORKS_MAX = 2048,
	STORE_SQL_MS = 1500,     /* a healthy group takes a few milliseconds */
	STORE_ALONE_MS = 200,    /* what waits for a lock, alone */
	STORE_LARGE = 256,       /* items that are stored beside another group */
	STORE_TURN_MS = 50,      /* a group that waits for a lock holds up the next no longer */
	STORE_PATIENCE_MS = 5000,
	STORE_TRIES_MAX = 5,     /* of deadlocks */
};

struct store {
	struct api *api;
	struct db *db;
	struct arena *arena;
	struct ctx cx;
	const struct world_view *world;
	int64_t begun_ms; /* of the group */
	bool any_stored;
	bool has_turn;
};

static void turn_take(struct store *s)
{
	struct lock *l = &s->api->store_turn;
	int64_t until = clock_mono_ms() + STORE_TURN_MS;
	lock_take(l);
	while (s->api->store_turn_is_taken && clock_mono_ms() < until)
		lock_wait(l, STORE_TURN_MS);
	s->api->store_turn_is_taken = s->has_turn = true;
	lock_give(l);
}

static void turn_give(struct store *s)
{
	if (!s->has_turn)
		return;
	s->has_turn = false;
	lock_take(&s->api->store_turn);
	s->api->store_turn_is_taken = false;
	lock_give(&s->api->store_turn);
	lock_tell(&s->api->store_turn);
}

/* Resolving ------------------------------------------------------------------------------------ */

static struct ctx item_ctx(const struct accept_item *item)
{
	struct ctx cx;
	ctx_init(&cx, item->call->arena, CTX_DEADLINE_NONE, item->call->cx.request_id);
	return cx;
}

static void item_fail(struct accept_item *item, enum status st, const char *code,
		      const char *sentence)
{
	struct ctx cx = item_ctx(item);
	if (st == ST_IN_PROGRESS || st == ST_DB)
		cx.err.retry_after_s = HANDLER_RETRY_AFTER_S;
	accept_fail(item, &cx, st, code, sentence);
}

/* The message as it was just stored, without reading it back. */
static const struct message *message_of(struct arena *a, const struct message_new *row,
					int64_t created_us)
{
	struct message *m = arena_alloc(a, sizeof *m);
	*m = (struct message){
		.ref = row->ref,
		.version = 1,
		.state = STATE_ACCEPTED,
		.kind = row->kind,
		.submission = row->submission,
		.execution = row->execution,
		.src_eid = row->src_eid,
		.dst_eid = row->dst_eid,
		.receiver = row->receiver,
		.payload = row->payload,
		.gas_limit = row->gas_limit,
		.value = "0",
		.has_ordering_key = row->has_ordering_key,
		.ordering_key = row->ordering_key,
		.is_signed = row->is_signed,
		.has_author = row->is_signed,
		.author = row->author,
		.request_id = row->request_id,
		.client_ref = row->client_ref,
		.recipient = row->recipient,
		.fee = "0",
		.created_us = created_us,
		.updated_us = created_us,
		.is_open = true,
		.due_us = INT64_MIN,
	};
	return m;
}

static void item_stored(struct store *s, struct accept_item *item, int64_t created_us)
{
	item->outcome = ACCEPT_STORED;
	item->current = message_of(s->arena, &item->send.row, created_us);
	item->keyed = (struct message_keyed){
		.found = true,
		.ref = item->send.row.ref,
		.fingerprint = item->send.row.fingerprint,
		.request = item->send.row.request,
	};
	s->any_stored = true;
}

static void item_mismatch(struct accept_item *item)
{
	struct ctx cx = item_ctx(item);
	validate_differences(&cx, item->keyed.request, item->send.row.request);
	accept_fail(item, &cx, ST_MISMATCH, "IDEMPOTENCY_KEY_REUSED",
		    "this idempotency key was used with another request: use a new key for a new "
		    "message");
}

/* Answers an item from what is stored under its key. */
static void item_resolve(struct accept_item *item)
{
	const struct message_new *row = &item->send.row;
	if (!hash_equal(&item->keyed.fingerprint, &row->fingerprint))
		item_mismatch(item);
	else if (memcmp(item->keyed.ref.id.b, row->ref.id.b, sizeof row->ref.id.b) == 0)
		item->outcome = ACCEPT_STORED; /* by an earlier try of ours */
	else
		item->outcome = ACCEPT_REPLAYED;
}

/* Items whose key, or whose author's nonce, was taken. */
static enum status store_losers(struct store *s, struct accept_item **items, size_t n)
{
	struct arena *a = s->arena;
	const struct message_new **rows = arena_array(a, n, sizeof *rows);
	struct message_keyed *keyed = arena_array(a, n, sizeof *keyed);
	struct message_ref *refs = arena_array(a, n, sizeof *refs);
	struct message **current = arena_array(a, n, sizeof *current);
	for (size_t i = 0; i < n; i++)
		rows[i] = &items[i]->send.row;
	TRY(message_by_keys(&s->cx, s->db, keyed, rows, n));
	for (size_t i = 0; i < n; i++)
		refs[i] = keyed[i].ref; /* zero when not found: no such message */
	TRY(message_read(&s->cx, s->db, current, refs, n));
	for (size_t i = 0; i < n; i++) {
		items[i]->keyed = keyed[i];
		items[i]->current = current[i];
		if (keyed[i].found && current[i])
			item_resolve(items[i]);
		else if (items[i]->send.row.is_signed)
			item_fail(items[i], ST_CONFLICT, "AUTHOR_NONCE_USED",
				  "the author has signed another message with this nonce: sign "
				  "with a "
				  "new one");
		else
			item_fail(items[i], ST_INTERNAL, NULL,
				  "the message could not be stored; nothing was");
	}
	return ST_OK;
}

/* Storing -------------------------------------------------------------------------------------- */

static void store_items(struct store *s, struct accept_item **items, size_t n, int ms);

static void fail_all(struct accept_item **items, size_t n, enum status st, const char *code,
		     const char *sentence)
{
	for (size_t i = 0; i < n; i++)
		if (items[i]->outcome == ACCEPT_PENDING && !items[i]->is_parked)
			item_fail(items[i], st, code, sentence);
}

static void store_halves(struct store *s, struct accept_item **items, size_t n, int ms)
{
	store_items(s, items, n / 2, ms);
	store_items(s, items + n / 2, n - n / 2, ms);
}

/* One try. ST_OK: each item has its outcome, but for those at the front of `items`: *left of them,
 * stored or not, could not be read back. */
static enum status store_try(struct store *s, struct accept_item **items, size_t n, int ms,
			     size_t *left)
{
	const struct message_new **rows = arena_array(s->arena, n, sizeof *rows);
	bool *inserted = arena_array(s->arena, n, sizeof *inserted);
	int64_t created_us;
	*left = n;
	ctx_init(&s->cx, s->arena, ms, "accept");
	for (size_t i = 0; i < n; i++)
		rows[i] = &items[i]->send.row;
	TRY(handler_db(s->api, &s->cx, &s->db, "accept"));
	TRY(message_insert(&s->cx, s->db, inserted, &created_us, rows, n));
	*left = 0;
	for (size_t i = 0; i < n; i++) {
		if (inserted[i])
			item_stored(s, items[i], created_us);
		else
			items[(*left)++] = items[i]; /* order kept; stored ones are done with */
	}
	if (*left == 0)
		return ST_OK;
	TRY(store_losers(s, items, *left));
	*left = 0;
	return ST_OK;
}

static bool store_is_patient(const struct store *s)
{
	return clock_mono_ms() - s->begun_ms < STORE_PATIENCE_MS &&
	       !atomic_load(&s->api->is_stopping);
}

/* Stores items of different keys in the order of their keys; each has an outcome or is parked. */
static void store_items(struct store *s, struct accept_item **items, size_t n, int ms)
{
	for (int tries = 1; n > 0; tries++) {
		enum status st = store_try(s, items, n, ms, &n);
		if (st == ST_OK)
			return;
		const char *sqlstate = s->db ? db_sqlstate(s->db) : "";
		bool is_lost = (st == ST_DB && sqlstate[0] == 0) || st == ST_DEADLINE;
		bool is_slow = st == ST_DB && strcmp(sqlstate, "57014") == 0;
		if (is_lost && store_is_patient(s)) {
			log_failure(LOG_WARN, "accept.lost", &s->cx);
			clock_sleep_ms(tries == 1 ? 0 : HANDLER_RECONNECT_MS);
			continue;
		}
		if (st == ST_BUSY && tries < STORE_TRIES_MAX)
			continue;
		bool is_theirs = st == ST_INVALID || st == ST_CONFLICT || st == ST_BUSY || is_slow;
		if (is_theirs && n > 1) {
			store_halves(s, items, n, is_slow ? STORE_ALONE_MS : ms);
			return;
		}
		log_failure(LOG_WARN, "accept.failed", &s->cx);
		if (is_slow || st == ST_BUSY)
			items[0]->is_parked = true;
		else if (is_theirs)
			item_fail(items[0], ST_INVALID, NULL,
				  "the database refuses the message's data");
		else
			fail_all(items, n, ST_DB, NULL,
				 "the database does not answer: send it again with the same key");
		return;
	}
}

/* Groups --------------------------------------------------------------------------------------- */

static int item_compare(const void *a, const void *b)
{
	const struct message_new *x = &(*(struct accept_item *const *)a)->send.row;
	const struct message_new *y = &(*(struct accept_item *const *)b)->send.row;
	if (x->ref.app_id != y->ref.app_id)
		return x->ref.app_id < y->ref.app_id ? -1 : 1;
	int by_key = strcmp(x->key, y->key);
	/* Of equal keys the first that came is first. */
	return by_key ? by_key : (x->arrival > y->arrival) - (x->arrival < y->arrival);
}

static bool same_key(const struct accept_item *a, const struct accept_item *b)
{
	return a->send.row.ref.app_id == b->send.row.ref.app_id &&
	       strcmp(a->send.row.key, b->send.row.key) == 0;
}

/* A later item of the group with the key of an earlier one. */
static void follow(struct accept_item *item)
{
	const struct accept_item *leader = item->leader;
	if (leader->is_parked) {
		item->is_parked = true;
	} else if (leader->keyed.found && leader->current) {
		item->keyed = leader->keyed;
		item->current = leader->current;
		item_resolve(item);
	} else if (hash_equal(&leader->send.row.fingerprint, &item->send.row.fingerprint)) {
		item->outcome = leader->outcome;
		item->error = arena_copy(item->call->arena, leader->error, sizeof *leader->error);
	} /* else: another request, whose turn is the next round */
}

/* One round: the first item of each key is stored, the others follow it. Returns how many are left.
 */
static size_t store_round(struct store *s, struct accept_item **items, size_t n, int ms)
{
	struct accept_item **leaders = arena_array(s->arena, n, sizeof *leaders);
	size_t leaders_n = 0, left = 0;
	for (size_t i = 0; i < n; i++) {
		items[i]->leader = NULL;
		if (leaders_n && same_key(leaders[leaders_n - 1], items[i]))
			items[i]->leader = leaders[leaders_n - 1];
		else
			leaders[leaders_n++] = items[i];
	}
	metric_observe(METRIC_API_GROUP_ITEMS, QUEUE_ACCEPT, 0, leaders_n);
	store_items(s, leaders, leaders_n, ms);
	for (size_t i = 0; i < n; i++)
		if (items[i]->leader)
			follow(items[i]);
	for (size_t i = 0; i < n; i++)
		if (items[i]->outcome == ACCEPT_PENDING && !items[i]->is_parked)
			items[left++] = items[i];
	return left;
}

static void reply_make(struct store *s, struct accept_item *item, int64_t now_us)
{
	if (item->reply || (item->outcome != ACCEPT_STORED && item->outcome != ACCEPT_REPLAYED))
		return;
	assert(item->current);
	item->reply =
		view_message(item->call->arena, &s->api->config, s->world, item->current, now_us);
	item->version = item->current->version;
	item->current = NULL;
	item->keyed = (struct message_keyed){.found = false};
}

/* Somebody else is storing a key of it: look again, for a while. */
static void work_park(struct store *s, struct accept_work *work)
{
	const char *sentence = "a request with this idempotency key is still being worked on";
	for (size_t i = 0; i < work->n; i++)
		work->items[i].is_parked = false;
	work->is_parked = true;
	bool patient = clock_mono_ms() - work->begun_ms < STORE_PATIENCE_MS;
	if (patient && queue_push(s->api->queues[QUEUE_ACCEPT], work) == ST_OK)
		return;
	accept_fail_pending(work, ST_IN_PROGRESS, NULL, sentence);
	accept_finish(work);
}

static void store_works(struct store *s, struct accept_work **works, size_t works_n, int ms)
{
	size_t n = 0, room = 0, stored = 0;
	for (size_t w = 0; w < works_n; w++)
		room += works[w]->n;
	struct accept_item **items = arena_array(s->arena, room, sizeof *items);
	for (size_t w = 0; w < works_n; w++)
		for (size_t i = 0; i < works[w]->n; i++)
			if (works[w]->items[i].outcome == ACCEPT_PENDING)
				items[n++] = &works[w]->items[i];
	s->begun_ms = clock_mono_ms();
	s->any_stored = false;
	qsort(items, n, sizeof *items, item_compare);
	while (n > 0)
		n = store_round(s, items, n, ms);
	turn_give(s); /* the next group is stored while this one is answered */
	if (s->any_stored)
		bell_ring(s->api->bell, true);
	s->world = survey_take(s->api->survey);
	int64_t now_us = clock_wall_us();
	for (size_t w = 0; w < works_n; w++) {
		for (size_t i = 0; i < works[w]->n; i++) {
			stored += !works[w]->items[i].reply &&
				  works[w]->items[i].outcome == ACCEPT_STORED;
			reply_make(s, &works[w]->items[i], now_us);
		}
	}
	metric_add(METRIC_MESSAGES_ACCEPTED, 0, 0, stored);
	for (size_t w = 0; w < works_n; w++)
		if (!accept_finish(works[w]))
			work_park(s, works[w]);
	survey_give(s->api->survey, s->world);
	arena_reset(s->arena);
}

/* All that waits, up to a group's size. What is not large waits for its turn, and takes along what
 * came meanwhile. Returns 0 at the end. */
static size_t store_gather(struct store *s, struct accept_work **works)
{
	struct queue *q = s->api->queues[QUEUE_ACCEPT];
	size_t n = 0, items = 0, got;
	while ((got = queue_pop(q, (void **)works + n, STORE_TAKE_MAX, n ? 0 : -1)) > 0) {
		for (size_t i = 0; i < got; i++)
			items += works[n + i]->n;
		n += got;
		if (items >= STORE_GROUP_MAX || n + STORE_TAKE_MAX > STORE_WORKS_MAX)
			break;
		if (items < STORE_LARGE && !s->has_turn)
			turn_take(s);
	}
	return n;
}

/* As many works as make a group; those that were parked go alone. */
static size_t store_next(struct accept_work **works, size_t n, int *ms)
{
	size_t items = 0, count = 0;
	*ms = works[0]->is_parked ? STORE_ALONE_MS : STORE_SQL_MS;
	if (works[0]->is_parked)
		return 1;
	while (count < n && !works[count]->is_parked &&
	       (count == 0 || items + works[count]->n <= MESSAGE_INSERT_MAX)) {
		items += works[count++]->n;
		if (items >= STORE_GROUP_MAX)
			break;
	}
	return count;
}

void accept_run(void *arg)
{
	struct store s = {.api = arg, .arena = arena_create(HANDLER_ARENA_BYTES)};
	struct accept_work **works = calloc(STORE_WORKS_MAX, sizeof *works);
	assert(works);
	size_t n;
	while ((n = store_gather(&s, works)) > 0) {
		for (size_t at = 0; at < n;) {
			int ms;
			size_t count = store_next(works + at, n - at, &ms);
			store_works(&s, works + at, count, ms);
			at += count;
		}
	}
	free(works);
	db_close(s.db);
	arena_destroy(s.arena);
}
