/* SPDX-License-Identifier: Apache-2.0 */
#include "api/keys.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/handler.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/lock.h"
#include "base/log.h"
#include "storage/app.h"

enum { KEYS_SETS = 1024, KEYS_WAYS = 8, KEYS_GROUP_MAX = 256, KEYS_SQL_MS = 3000 };

struct keys_entry {
	struct hash hash;
	int64_t checked_ms; /* 0: empty */
	int64_t app_id;     /* -1: no such key */
	bool is_secret;
	bool is_asked;      /* a refresh is on its way */
};

struct keys {
	struct lock lock;
	struct keys_entry entries[KEYS_SETS][KEYS_WAYS]; /* guarded by lock */
};

/* What the look-up thread gets: a call that waits, or a refresh that nobody waits for. */
struct keys_ask {
	struct hash hash;
	struct api_call *call; /* NULL: a refresh, freed by the thread */
};

struct keys *keys_create(void)
{
	struct keys *k = calloc(1, sizeof *k);
	assert(k);
	lock_init(&k->lock);
	return k;
}

void keys_destroy(struct keys *k)
{
	if (!k)
		return;
	lock_fini(&k->lock);
	free(k);
}

const char *keys_bearer(const char *authorization, size_t *n)
{
	enum { BEARER_CHARS = 7 };
	if (!authorization || strncasecmp(authorization, "Bearer ", BEARER_CHARS) != 0)
		return NULL;
	const char *token = authorization + BEARER_CHARS;
	token += strspn(token, " ");
	*n = strcspn(token, " \t");
	return token[*n] == 0 ? token : NULL;
}

static struct keys_entry *keys_set(struct keys *k, const struct hash *hash)
{
	return k->entries[(hash->b[0] << 8 | hash->b[1]) % KEYS_SETS];
}

static struct keys_entry *keys_at(struct keys *k, const struct hash *hash)
{
	struct keys_entry *set = keys_set(k, hash), *found = NULL;
	for (int i = 0; i < KEYS_WAYS; i++)
		if (digest_equal(set[i].hash.b, hash->b, sizeof hash->b) && set[i].checked_ms)
			found = &set[i];
	return found;
}

/* Is it known and fresh? *refresh: it is time to ask again, beside. */
static bool keys_get(struct keys *k, const struct hash *hash, struct keys_entry *out, bool *refresh)
{
	int64_t now = clock_mono_ms();
	*refresh = false;
	lock_take(&k->lock);
	struct keys_entry *e = keys_at(k, hash);
	bool fresh = e && now - e->checked_ms < KEYS_TTL_MS;
	if (fresh) {
		*out = *e;
		*refresh = !e->is_asked && e->app_id >= 0 && now - e->checked_ms > KEYS_REFRESH_MS;
		e->is_asked |= *refresh;
	}
	lock_give(&k->lock);
	return fresh;
}

static void keys_put(struct keys *k, const struct hash *hash, const struct app_key_found *found,
		     int64_t asked_ms)
{
	lock_take(&k->lock);
	struct keys_entry *e = keys_at(k, hash);
	if (!e) {
		struct keys_entry *set = keys_set(k, hash);
		e = &set[0];
		for (int i = 1; i < KEYS_WAYS; i++)
			if (set[i].checked_ms < e->checked_ms)
				e = &set[i];
	}
	*e = (struct keys_entry){
		.hash = *hash,
		.checked_ms = asked_ms,
		.app_id = found ? found->app_id : -1,
		.is_secret = found && found->is_secret,
	};
	lock_give(&k->lock);
}

static void keys_go_on(struct api *api, struct api_call *call, const struct keys_entry *e)
{
	if (e->app_id < 0) {
		handler_finish(call, fail_code(&call->cx, ST_UNAUTHENTICATED, "KEY_INVALID",
					       "there is no such key, or it was revoked"));
		return;
	}
	call->who = (struct api_principal){e->app_id, e->is_secret};
	handler_route(api, call);
}

void keys_submit(struct api *api, struct api_call *call)
{
	size_t n;
	const char *token = keys_bearer(call->authorization, &n);
	if (!token) {
		handler_finish(call, fail_code(&call->cx, ST_UNAUTHENTICATED, "KEY_MISSING",
					       "send the header Authorization: Bearer sk_…"));
		return;
	}
	if (!app_token_is_wellformed(token, n)) {
		handler_finish(call,
			       fail_code(&call->cx, ST_UNAUTHENTICATED, "KEY_INVALID",
					 "that is no key: sk_ or pk_, 12 digits, _, 64 digits"));
		return;
	}
	struct keys_entry e;
	bool refresh;
	struct hash hash = app_token_hash(token, n);
	bool known = keys_get(api->keys, &hash, &e, &refresh);
	if (!known) {
		struct keys_ask *ask = arena_alloc(call->arena, sizeof *ask);
		*ask = (struct keys_ask){hash, call};
		handler_push(api, QUEUE_KEYS, call, ask);
		return;
	}
	if (refresh) {
		struct keys_ask *ask = malloc(sizeof *ask);
		assert(ask);
		*ask = (struct keys_ask){hash, NULL};
		if (queue_push(api->queues[QUEUE_KEYS], ask) != ST_OK)
			free(ask); /* the entry runs out and is asked for then */
	}
	keys_go_on(api, call, &e);
}

static const struct app_key_found *found_of(const struct app_key_found *found, size_t n,
					    const struct hash *hash)
{
	for (size_t i = 0; i < n; i++)
		if (digest_equal(found[i].hash.b, hash->b, sizeof hash->b))
			return &found[i];
	return NULL;
}

static void keys_answer(struct api *api, struct keys_ask *ask, enum status st,
			const struct app_key_found *found)
{
	struct api_call *call = ask->call;
	struct keys_entry e = {.app_id = found ? found->app_id : -1,
			       .is_secret = found && found->is_secret};
	if (!call)
		free(ask);
	else if (st != ST_OK)
		handler_finish(call,
			       fail(&call->cx, ST_DB,
				    "the key cannot be checked: the database does not answer"));
	else
		keys_go_on(api, call, &e);
}

void keys_run(void *arg)
{
	struct api *api = arg;
	struct arena *arena = arena_create(HANDLER_ARENA_BYTES);
	struct db *db = NULL;
	void *asks[KEYS_GROUP_MAX];
	size_t n;
	while ((n = queue_pop(api->queues[QUEUE_KEYS], asks, KEYS_GROUP_MAX, -1)) > 0) {
		struct ctx cx;
		struct hash hashes[KEYS_GROUP_MAX];
		struct app_key_found found[KEYS_GROUP_MAX];
		size_t found_n = 0;
		ctx_init(&cx, arena, KEYS_SQL_MS, "keys");
		for (size_t i = 0; i < n; i++)
			hashes[i] = ((struct keys_ask *)asks[i])->hash;
		int64_t asked_ms = clock_mono_ms();
		enum status st = handler_db(api, &cx, &db, "keys");
		if (st == ST_OK)
			st = app_key_lookup(&cx, db, found, &found_n, hashes, n);
		if (st != ST_OK)
			log_failure(LOG_WARN, "keys.lookup", &cx);
		for (size_t i = 0; i < n; i++) {
			const struct app_key_found *f = found_of(found, found_n, &hashes[i]);
			if (st == ST_OK)
				keys_put(api->keys, &hashes[i], f, asked_ms);
			keys_answer(api, asks[i], st, f);
		}
		arena_reset(arena);
	}
	db_close(db);
	arena_destroy(arena);
}
