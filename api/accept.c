/* SPDX-License-Identifier: Apache-2.0
 *
 * From a request to items that can be stored: who may, what is wrong, who signed. A lone message is
 * looked through on its transport's thread (some microseconds; 60 when it is signed), a batch on a
 * thread of its own, where the database is asked too what must be known of a sealed payload.
 */
#include "api/accept.h"

#include <string.h>

#include "api/problem.h"
#include "api/view.h"
#include "base/clock.h"

enum { ACCEPT_BATCH_MAX = 1000 };

void accept_fail(struct accept_item *item, struct ctx *cx, enum status st, const char *code,
		 const char *sentence)
{
	st = fail_code(cx, st, code, "%s", sentence);
	item->outcome = ACCEPT_FAILED;
	item->error = arena_copy(item->call->arena, &cx->err, sizeof cx->err);
}

void accept_fail_pending(struct accept_work *work, enum status st, const char *code,
			 const char *sentence)
{
	for (size_t i = 0; i < work->n; i++) {
		struct ctx cx;
		if (work->items[i].outcome != ACCEPT_PENDING)
			continue;
		ctx_init(&cx, work->call->arena, CTX_DEADLINE_NONE, work->call->cx.request_id);
		accept_fail(&work->items[i], &cx, st, code, sentence);
	}
}

/* Answering ------------------------------------------------------------------------------------ */

static void finish_single(struct accept_work *work)
{
	struct api_call *call = work->call;
	struct accept_item *item = &work->items[0];
	if (item->outcome == ACCEPT_FAILED) {
		call->cx.err = *item->error;
		handler_finish(call, item->error->status);
		return;
	}
	call->reply = &item->reply->base;
	call->etag = view_etag(call->arena, item->version);
	call->location = arena_printf(call->arena, "/v1/messages/%s", item->reply->id);
	call->replayed = item->outcome == ACCEPT_REPLAYED;
	handler_finish(call, ST_OK);
}

typedef Ferry__V1__BatchSendMessagesResponse__Result batch_result; /* protobuf-c's name, short */

static void finish_batch(struct accept_work *work)
{
	struct arena *a = work->call->arena;
	Ferry__V1__BatchSendMessagesResponse *reply = arena_alloc(a, sizeof *reply);
	ferry__v1__batch_send_messages_response__init(reply);
	batch_result *results = arena_array(a, work->n, sizeof *results);
	reply->results = arena_array(a, work->n, sizeof *reply->results);
	reply->n_results = work->n;
	for (size_t i = 0; i < work->n; i++) {
		struct accept_item *item = &work->items[i];
		batch_result *r = reply->results[i] = &results[i];
		ferry__v1__batch_send_messages_response__result__init(r);
		r->index = (uint32_t)i;
		if (item->outcome == ACCEPT_FAILED) {
			r->outcome_case =
				FERRY__V1__BATCH_SEND_MESSAGES_RESPONSE__RESULT__OUTCOME_PROBLEM;
			r->problem = problem_of(a, item->error, work->call->cx.request_id);
		} else {
			r->outcome_case =
				FERRY__V1__BATCH_SEND_MESSAGES_RESPONSE__RESULT__OUTCOME_MESSAGE;
			r->message = item->reply;
		}
	}
	work->call->reply = &reply->base;
	handler_finish(work->call, ST_OK);
}

bool accept_finish(struct accept_work *work)
{
	for (size_t i = 0; i < work->n; i++)
		if (work->items[i].outcome == ACCEPT_PENDING)
			return false;
	if (work->is_batch)
		finish_batch(work);
	else
		finish_single(work);
	return true;
}

/* Checking ------------------------------------------------------------------------------------- */

static struct accept_work *work_make(struct api_call *call, size_t n, bool is_batch)
{
	struct accept_work *work = arena_alloc(call->arena, sizeof *work);
	work->call = call;
	work->n = n;
	work->items = arena_array(call->arena, n, sizeof *work->items);
	work->is_batch = is_batch;
	work->begun_ms = clock_mono_ms();
	for (size_t i = 0; i < n; i++)
		work->items[i].call = call;
	call->work = work;
	return work;
}

static void check_item(struct api *api, struct accept_item *item,
		       const Ferry__V1__SendMessageRequest *in, const char *key, bool over_limit)
{
	struct api_call *call = item->call;
	struct ctx cx;
	ctx_init(&cx, call->arena, CTX_DEADLINE_NONE, call->cx.request_id);
	enum status st = validate_send(&cx, &item->send, &api->config, &call->who, in, key,
				       clock_wall_us() / 1000000);
	if (st == ST_OK && over_limit) {
		cx.err.retry_after_s = 60;
		st = fail_code(&cx, ST_RATE_LIMITED, "DAILY_LIMIT_REACHED",
			       "the app has spent what it may spend in a day (UTC)");
	}
	if (st == ST_OK) {
		send_assign(&item->send);
		return;
	}
	item->outcome = ACCEPT_FAILED;
	item->error = arena_copy(call->arena, &cx.err, sizeof cx.err);
}

static bool is_over_limit(struct api *api, int64_t app_id)
{
	const struct world_view *w = survey_take(api->survey);
	bool over = world_is_over_limit(w, app_id);
	survey_give(api->survey, w);
	return over;
}

size_t accept_wallets(struct api_call *call, struct send ***out)
{
	struct accept_work *work = call->work;
	size_t n = 0;
	*out = arena_array(call->arena, work->n, sizeof **out);
	for (size_t i = 0; i < work->n; i++)
		if (work->items[i].outcome == ACCEPT_PENDING && work->items[i].send.asks_wallet)
			(*out)[n++] = &work->items[i].send;
	return n;
}

void accept_wallet_answer(struct api_call *call, struct send *send, enum status st,
			  const char *sentence)
{
	struct accept_item *item = (struct accept_item *)send;
	struct ctx cx;
	send->asks_wallet = false;
	if (st == ST_OK)
		return;
	ctx_init(&cx, call->arena, CTX_DEADLINE_NONE, call->cx.request_id);
	if (st == ST_INVALID)
		ctx_add_detail(&cx, "/signature", "SIGNATURE_INVALID", "%s", sentence);
	accept_fail(item, &cx, st, st == ST_INVALID ? "SIGNATURE_INVALID" : NULL, sentence);
}

void accept_go_on(struct api *api, struct api_call *call)
{
	struct accept_work *work = call->work;
	if (!accept_finish(work))
		handler_push(api, QUEUE_ACCEPT, call, work);
}

static bool asks_wallets(const struct accept_work *work)
{
	for (size_t i = 0; i < work->n; i++)
		if (work->items[i].outcome == ACCEPT_PENDING && work->items[i].send.asks_wallet)
			return true;
	return false;
}

static void accept_checked(struct api *api, struct api_call *call)
{
	if (asks_wallets(call->work))
		handler_push(api, QUEUE_CHAIN, call, call);
	else
		accept_go_on(api, call);
}

void accept_submit(struct api *api, struct api_call *call)
{
	if (call->method->id == API_BATCH_SEND_MESSAGES) {
		handler_push(api, QUEUE_CHECK, call, call);
		return;
	}
	struct accept_work *work = work_make(call, 1, false);
	check_item(api, &work->items[0], (const Ferry__V1__SendMessageRequest *)call->request,
		   call->idempotency_key, is_over_limit(api, call->who.app_id));
	if (work->items[0].outcome == ACCEPT_PENDING && work->items[0].send.recipient)
		handler_push(api, QUEUE_CHECK, call, call);
	else
		accept_checked(api, call);
}

/* Looks through the items of a batch. Returns false when the call has ended. */
static bool accept_check(struct api *api, struct api_call *call)
{
	const Ferry__V1__BatchSendMessagesRequest *in =
		(const Ferry__V1__BatchSendMessagesRequest *)call->request;
	if (in->n_messages == 0) {
		ctx_add_detail(&call->cx, "/messages", "REQUIRED", "give at least one message");
		handler_finish(call, fail_code(&call->cx, ST_INVALID, "REQUIRED",
					       "the batch holds no message"));
		return false;
	}
	if (in->n_messages > ACCEPT_BATCH_MAX) {
		handler_finish(call,
			       fail_code(&call->cx, ST_TOO_LARGE, "BATCH_TOO_LARGE",
					 "a batch holds at most %d messages, this %zu: split it",
					 ACCEPT_BATCH_MAX, in->n_messages));
		return false;
	}
	struct accept_work *work = work_make(call, in->n_messages, true);
	bool over = is_over_limit(api, call->who.app_id);
	for (size_t i = 0; i < work->n; i++)
		check_item(api, &work->items[i], in->messages[i], NULL, over);
	return true;
}

void check_run(void *arg)
{
	struct api *api = arg;
	struct db *db = NULL;
	void *item;
	while (queue_pop(api->queues[QUEUE_CHECK], &item, 1, -1) > 0) {
		struct api_call *call = item;
		if (!handler_is_alive(call) || (!call->work && !accept_check(api, call)))
			continue;
		recipient_check(api, &db, call->work);
		accept_checked(api, call);
	}
	db_close(db);
}
