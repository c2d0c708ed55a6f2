/* SPDX-License-Identifier: Apache-2.0 */
#include "api/work.h"

#include <string.h>

#include "api/identity.h"
#include "base/log.h"

enum { WORK_PAGE_DEFAULT = 50, WORK_PAGE_MAX = 200 };

static enum status (*const methods[API_METHODS_COUNT])(struct work *w) = {
	[API_LIST_MESSAGES] = list_messages,
	[API_LIST_MESSAGE_EVENTS] = events_of_message,
	[API_WATCH_MESSAGE] = events_watch_message,
	[API_LIST_EVENTS] = events_of_app,
	[API_WATCH_EVENTS] = events_watch_app,
	[API_EXECUTE_MESSAGE] = act_execute,
	[API_RETRY_MESSAGE] = act_retry,
	[API_CANCEL_MESSAGE] = act_cancel,
	[API_SKIP_MESSAGE] = act_skip,
	[API_GET_EXECUTION] = execution_get,
	[API_GET_IDENTITY] = identity_get,
	[API_LIST_IDENTITIES] = identity_list,
	[API_GET_IDENTITY_PROOF] = identity_proof,
	[API_GET_DID_DOCUMENT] = identity_did,
	[API_LIST_IDENTITY_EVENTS] = identity_list_events,
	[API_WATCH_IDENTITY] = identity_watch,
	[API_GET_OPERATION] = identity_get_operation,
	[API_GET_BATCH] = identity_get_batch,
	[API_LIST_CHAINS] = lanes_chains,
	[API_LIST_LANES] = lanes_list,
};

size_t work_page_size(struct ctx *cx, int32_t given)
{
	if (given < 0)
		ctx_add_detail(cx, "/page_size", "INVALID", "a page has at least one member");
	if (given <= 0)
		return WORK_PAGE_DEFAULT;
	return given > WORK_PAGE_MAX ? WORK_PAGE_MAX : (size_t)given;
}

/* What the database says is for the log; the client learns that it may try again. */
static enum status work_hide(struct work *w, enum status st)
{
	struct ctx *cx = w->cx;
	if (st != ST_DB && st != ST_BUSY && st != ST_DEADLINE)
		return st;
	log_failure(LOG_WARN, "work.failed", cx);
	if (st == ST_DB && w->db && strcmp(db_sqlstate(w->db), "57014") == 0)
		return fail(cx, ST_DEADLINE, "the request took too long: ask for less");
	if (st == ST_BUSY && cx->err.retry_after_s)
		return st; /* ours: too many streams */
	return fail(cx, st, "the database does not answer at the moment: try again");
}

static enum status work_try(struct work *w, struct db **db)
{
	enum { TRIES_MAX = 3 };
	enum status st = ST_OK;
	for (int i = 0; i < TRIES_MAX; i++) {
		ctx_error_clear(w->cx);
		TRY(handler_db(w->api, w->cx, db, "work"));
		w->db = *db;
		st = methods[w->call->method->id](w);
		tx_rollback(w->db);
		bool is_lost = st == ST_DB && db_sqlstate(w->db)[0] == 0;
		bool is_deadlock = st == ST_BUSY && w->cx->err.retry_after_s == 0;
		if (!is_lost && !is_deadlock)
			break;
	}
	return st;
}

void work_run(void *arg)
{
	struct api *api = arg;
	struct arena *arena = arena_create(HANDLER_ARENA_BYTES);
	struct db *db = NULL;
	void *item;
	while (queue_pop(api->queues[QUEUE_WORK], &item, 1, -1) > 0) {
		struct api_call *call = item;
		if (!handler_is_alive(call))
			continue;
		struct ctx cx;
		ctx_init(&cx, arena, CTX_DEADLINE_NONE, call->cx.request_id);
		cx.deadline_ms = call->cx.deadline_ms;
		struct work w = {.api = api, .call = call, .cx = &cx,
				 .world = survey_take(api->survey)};
		enum status st = work_hide(&w, work_try(&w, &db));
		survey_give(api->survey, w.world);
		if (st != ST_OK)
			handler_blame(call, &cx, st);
		if (!w.is_parked)
			handler_finish(call, st);
		arena_reset(arena); /* ends what is left of a transaction, before the connection is
				       used again */
	}
	arena_destroy(arena);
	db_close(db);
}
