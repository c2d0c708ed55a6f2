/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "api/handler.h"
#include "api/identity.h"
#include "api/keys.h"
#include "api/quote.h"
#include "api/watch.h"
#include "base/clock.h"
#include "base/metric.h"
#include "chain/u256.h"

const char *const api_queue_names[API_QUEUES_COUNT] = {
	[QUEUE_ACCEPT] = "accept", [QUEUE_CHECK] = "check", [QUEUE_READ] = "read",
	[QUEUE_WORK] = "work",	   [QUEUE_CHAIN] = "chain", [QUEUE_KEYS] = "keys",
	[QUEUE_IDENTITY] = "identity", [QUEUE_BUNDLE] = "bundle",
};

/* Life ----------------------------------------------------------------------------------------- */

static void copy_chain(struct arena *a, struct api_chain *out, const struct api_chain *in)
{
	*out = *in;
	out->name = arena_strdup(a, in->name);
	out->currency = arena_strdup(a, in->currency ? in->currency : "");
	const char **rpc = arena_array(a, in->rpc_n, sizeof *rpc);
	for (size_t i = 0; i < in->rpc_n; i++)
		rpc[i] = arena_strdup(a, in->rpc[i]);
	out->rpc = rpc;
}

static unsigned number_or(unsigned v, unsigned otherwise)
{
	return v ? v : otherwise;
}

static void copy_config(struct arena *a, struct api_config *out, const struct api_config *in)
{
	*out = *in;
	out->database_url = arena_strdup(a, in->database_url);
	struct api_chain *chains = arena_array(a, in->chains_n, sizeof *chains);
	for (size_t i = 0; i < in->chains_n; i++)
		copy_chain(a, &chains[i], &in->chains[i]);
	out->chains = chains;
	if (in->daily_wei_per_app)
		out->daily_wei_per_app = arena_strdup(a, in->daily_wei_per_app);
	out->accept_threads = number_or(in->accept_threads, 2);
	out->read_threads = number_or(in->read_threads, 1);
	out->work_threads = number_or(in->work_threads, 2);
	out->check_threads = number_or(in->check_threads, 2);
	out->chain_threads = number_or(in->chain_threads, 2);
	out->queue_depth = number_or(in->queue_depth, 4096);
	out->streams_max = number_or(in->streams_max, 4096);
}

static enum status check_config(struct ctx *cx, const struct api_config *c)
{
	const unsigned threads[] = {c->accept_threads, c->read_threads, c->work_threads,
				    c->check_threads, c->chain_threads};
	for (size_t i = 0; i < sizeof threads / sizeof *threads; i++)
		if (threads[i] > API_THREADS_MAX)
			return fail(cx, ST_INVALID, "at most %d threads of a kind",
				    API_THREADS_MAX);
	if (!c->database_url)
		return fail(cx, ST_INVALID, "the database's URL is missing");
	if (c->chains_n > API_CHAINS_MAX)
		return fail(cx, ST_INVALID, "at most %d chains", API_CHAINS_MAX);
	for (size_t i = 0; i < c->chains_n; i++)
		if (c->chains[i].rpc_n > API_URLS_MAX)
			return fail(cx, ST_INVALID, "%s: at most %d nodes", c->chains[i].name,
				    API_URLS_MAX);
	struct u256 wei;
	if (c->daily_wei_per_app &&
	    u256_parse(&wei, c->daily_wei_per_app, strlen(c->daily_wei_per_app)) != ST_OK)
		return fail(cx, ST_INVALID, "daily_wei_per_app is no decimal number");
	return ST_OK;
}

struct api *api_create(struct ctx *cx, const struct api_config *config)
{
	if (check_config(cx, config) != ST_OK)
		return NULL;
	struct api *api = calloc(1, sizeof *api);
	assert(api);
	api->arena = arena_create(HANDLER_ARENA_BYTES);
	copy_config(api->arena, &api->config, config);
	for (int i = 0; i < API_QUEUES_COUNT; i++)
		api->queues[i] = queue_create(api->config.queue_depth);
	lock_init(&api->store_turn);
	api->keys = keys_create();
	api->survey = survey_create();
	api->bell = bell_create();
	api->quotes = quotes_create();
	api->watch = watch_create(api);
	return api;
}

void handler_thread(struct api *api, const char *name, void (*run)(void *arg))
{
	assert(api->threads_n < sizeof api->threads / sizeof *api->threads);
	api->threads[api->threads_n++] = thread_start(name, run, api);
}

void api_start(struct api *api)
{
	const struct {
		const char *name;
		void (*run)(void *arg);
		unsigned count;
	} kinds[] = {
		/* in the order of the drain: who feeds others ends before them */
		{"api-keys", keys_run, 1},
		{"api-check", check_run, api->config.check_threads},
		{"api-chain", chain_run, api->config.chain_threads},
		{"api-accept", accept_run, api->config.accept_threads},
		{"api-identity", identity_run, 1},
		{"api-watch", watch_run, 1},
		{"api-read", read_run, api->config.read_threads},
		{"api-work", work_run, api->config.work_threads},
		{"api-bundle", identity_bundle_run, 1},
		{"api-survey", survey_run, 1},
		{"api-bell", bell_run, 1},
	};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		for (unsigned n = 0; n < kinds[i].count; n++)
			handler_thread(api, kinds[i].name, kinds[i].run);
}

void api_drain(struct api *api)
{
	enum { DRAIN_MS = 8000, DRAIN_STEP_MS = 2 };
	atomic_store(&api->is_draining, true);
	watch_stop(api->watch);
	int64_t until = clock_mono_ms() + DRAIN_MS;
	while (atomic_load(&api->calls) > 0 && clock_mono_ms() < until)
		clock_sleep_ms(DRAIN_STEP_MS);
	atomic_store(&api->is_stopping, true);
	quotes_stop(api->quotes);
	bell_stop(api->bell);
	watch_wake(api->watch);
	for (int i = 0; i < API_QUEUES_COUNT; i++)
		queue_close(api->queues[i]);
	for (size_t i = 0; i < api->threads_n; i++)
		thread_join(api->threads[i]);
	api->threads_n = 0;
}

void api_destroy(struct api *api)
{
	if (!api)
		return;
	assert(api->threads_n == 0);
	watch_destroy(api->watch);
	quotes_destroy(api->quotes);
	bell_destroy(api->bell);
	survey_destroy(api->survey);
	keys_destroy(api->keys);
	lock_fini(&api->store_turn);
	for (int i = 0; i < API_QUEUES_COUNT; i++)
		queue_destroy(api->queues[i]);
	arena_destroy(api->arena);
	free(api);
}

/* Calls ---------------------------------------------------------------------------------------- */

/* Whose call it is: noted when it is submitted, since calls outlive queues. */
struct api *handler_api(const struct api_call *call)
{
	return call->api;
}

void handler_finish(struct api_call *call, enum status st)
{
	struct api *api = call->api;
	assert(st == ST_OK || call->cx.err.status == st);
	if (st == ST_BUSY && call->cx.err.retry_after_s == 0)
		call->cx.err.retry_after_s = HANDLER_RETRY_AFTER_S;
	metric_add(METRIC_API_REQUESTS, call->method->id, (unsigned)st, 1);
	metric_observe(METRIC_API_REQUEST_SECONDS, call->method->id, 0,
		       (uint64_t)(clock_mono_us() - call->begun_us));
	if (call->replayed)
		metric_add(METRIC_API_REPLAYS, 0, 0, 1);
	call->done(call, st); /* gone from here on */
	atomic_fetch_sub(&api->calls, 1);
}

enum status handler_blame(struct api_call *call, const struct ctx *cx, enum status st)
{
	call->cx.err = cx->err;
	for (size_t i = 0; i < cx->err.details_count; i++) {
		struct ctx_detail *d = &call->cx.err.details[i];
		d->pointer = arena_strdup(call->arena, d->pointer);
		d->code = arena_strdup(call->arena, d->code);
		d->detail = arena_strdup(call->arena, d->detail);
	}
	return st;
}

static enum status refuse_stop(struct ctx *cx)
{
	return fail(cx, ST_UNAVAILABLE,
		    "the service is stopping: ask again, another process answers");
}

void handler_push(struct api *api, enum handler_queue to, struct api_call *call, void *item)
{
	enum status st = queue_push(api->queues[to], item);
	if (st == ST_OK)
		return;
	if (st == ST_UNAVAILABLE) {
		handler_finish(call, refuse_stop(&call->cx));
		return;
	}
	metric_add(METRIC_API_QUEUE_REFUSED, to, 0, 1);
	call->cx.err.retry_after_s = HANDLER_RETRY_AFTER_S;
	st = fail(&call->cx, ST_BUSY, "too many requests wait: try again in a second");
	handler_finish(call, st);
}

bool handler_is_alive(struct api_call *call)
{
	if (call->cx.deadline_ms > clock_mono_ms())
		return true;
	handler_finish(call, fail(&call->cx, ST_DEADLINE,
				  "the request's time was over before it was its turn"));
	return false;
}

void handler_route(struct api *api, struct api_call *call)
{
	const struct api_method *m = call->method;
	if (m->access == API_ACCESS_SECRET && !call->who.secret) {
		handler_finish(call, fail_code(&call->cx, ST_FORBIDDEN, "SECRET_KEY_REQUIRED",
					       "%s needs a secret key (sk_), used on a server only",
					       m->rpc));
		return;
	}
	switch (m->queue) {
	case API_QUEUE_ACCEPT:
		accept_submit(api, call);
		return;
	case API_QUEUE_READ:
		handler_push(api, QUEUE_READ, call, call);
		return;
	case API_QUEUE_WORK:
		handler_push(api, m->id == API_CREATE_QUOTE ? QUEUE_CHAIN : QUEUE_WORK, call, call);
		return;
	case API_QUEUE_IDENTITY:
		handler_push(api, QUEUE_IDENTITY, call, call);
		return;
	case API_QUEUE_STREAM:
		handler_push(api, QUEUE_WORK, call, call); /* the name is looked up first */
		return;
	}
}

void api_submit(struct api *api, struct api_call *call)
{
	call->api = api;
	call->begun_us = clock_mono_us();
	atomic_fetch_add(&api->calls, 1);
	if (atomic_load_explicit(&api->is_draining, memory_order_relaxed)) {
		handler_finish(call, refuse_stop(&call->cx));
		return;
	}
	if (call->method->access == API_ACCESS_PUBLIC) {
		handler_route(api, call);
		return;
	}
	keys_submit(api, call);
}

/* Threads -------------------------------------------------------------------------------------- */

enum status handler_db(struct api *api, struct ctx *cx, struct db **db, const char *role)
{
	return *db ? ST_OK : db_open(cx, api->config.database_url, role, db);
}

/* Health --------------------------------------------------------------------------------------- */

enum status api_ready(struct api *api, struct ctx *cx)
{
	enum { READY_AGE_MS = 5000 };
	if (atomic_load(&api->is_draining))
		return refuse_stop(cx);
	int64_t age = survey_age_ms(api->survey);
	if (age == INT64_MAX)
		return fail(cx, ST_DB, "the database has not answered yet");
	if (age > READY_AGE_MS)
		return fail(cx, ST_DB, "the database has not answered for %lld s",
			    (long long)(age / 1000));
	return ST_OK;
}

const char *api_metrics(struct api *api, struct arena *a)
{
	for (unsigned i = 0; i < API_QUEUES_COUNT; i++)
		metric_set(METRIC_API_QUEUE_LENGTH, i, 0, (int64_t)queue_length(api->queues[i]));
	struct buf out;
	buf_init(&out, a, METRIC_TEXT_BYTES_MAX);
	metric_write(&out);
	return buf_text(&out);
}
