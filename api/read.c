/* SPDX-License-Identifier: Apache-2.0 */
#include "api/read.h"

#include <string.h>

#include "api/view.h"
#include "api/watch.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "ferry/v1/message_service.pb-c.h"

enum { READ_GROUP_MAX = 512, READ_SQL_MS = 3000, READ_WAIT_MS_MAX = 30000, READ_SLACK_MS = 250 };

/* A GetMessage on its way; in the call's arena. */
struct read {
	struct api_call *call;
	struct view_name name;
	struct message_ref ref;
	bool is_resolved;
	bool has_waited;
	struct message *message; /* in the reading thread's arena */
};

static const Ferry__V1__GetMessageRequest *read_request(const struct read *r)
{
	return (const Ferry__V1__GetMessageRequest *)r->call->request;
}

/* Of the messages with a guid, those that have it now before those that had it: the app's own, else one that nobody
 * owns. */
static void resolve_guid(struct message_ref *out, bool *found, const struct api_principal *who,
			 const struct message_ref *ref)
{
	if (ref->app_id != who->app_id && ref->app_id != 0)
		return;
	if (*found && (out->app_id == who->app_id || ref->app_id == 0))
		return;
	*out = *ref;
	*found = true;
}

static enum status not_found(struct ctx *cx)
{
	return fail(cx, ST_NOT_FOUND, "there is no such message");
}

enum status read_resolve(struct ctx *cx, struct db *db, struct message_ref *out,
			 const struct api_principal *who, const char *name)
{
	struct view_name parsed;
	TRY(view_parse_name(cx, &parsed, name));
	*out = (struct message_ref){who->app_id, parsed.id};
	if (!parsed.is_guid)
		return ST_OK;
	struct message_guid *found;
	size_t n;
	bool resolved = false;
	TRY(message_by_guids(cx, db, &found, &n, &parsed.guid, 1));
	for (size_t i = 0; i < n; i++)
		resolve_guid(out, &resolved, who, &found[i].ref);
	return resolved ? ST_OK : not_found(cx);
}

enum status read_message(struct ctx *cx, struct db *db, struct message **out,
			 const struct api_principal *who, const char *name)
{
	struct message_ref ref;
	TRY(read_resolve(cx, db, &ref, who, name));
	TRY(message_read(cx, db, out, &ref, 1));
	return *out ? ST_OK : not_found(cx);
}

/* Answering ------------------------------------------------------------------------------------ */

static void read_answer(struct api *api, struct read *r, const struct world_view *world)
{
	struct api_call *call = r->call;
	const char *etag = view_etag(call->arena, r->message->version);
	call->etag = etag;
	call->not_modified = view_etag_matches(read_request(r)->if_none_match, etag);
	if (!call->not_modified)
		call->reply = &view_message(call->arena, &api->config, world, r->message,
					    clock_wall_us())->base;
	handler_finish(call, ST_OK);
}

/* Does the client want to wait, and is there anything to wait for? */
static bool read_waits(struct api *api, struct read *r)
{
	const Ferry__V1__GetMessageRequest *in = read_request(r);
	const char *known = in->if_none_match;
	if (in->wait_ms == 0 || r->has_waited ||
	    message_is_final(r->message->state, r->message->dst.is_final))
		return false;
	if (known[0] && !view_etag_matches(known, view_etag(r->call->arena, r->message->version)))
		return false;
	int64_t now = clock_mono_ms();
	int64_t until = now + (in->wait_ms < READ_WAIT_MS_MAX ? in->wait_ms : READ_WAIT_MS_MAX);
	if (until > r->call->cx.deadline_ms - READ_SLACK_MS)
		until = r->call->cx.deadline_ms - READ_SLACK_MS;
	if (until <= now)
		return false;
	r->has_waited = true;
	watch_wait(api->watch, r->call, &r->ref, r->message->version, until);
	return true;
}

/* Reading -------------------------------------------------------------------------------------- */

static struct read *read_of(struct api_call *call)
{
	if (!call->work) {
		struct read *r = arena_alloc(call->arena, sizeof *r);
		r->call = call;
		call->work = r;
	}
	return call->work;
}

/* Keeps those whose name is one; answers the others. */
static size_t read_parse(struct read **reads, void *const *calls, size_t n)
{
	size_t kept = 0;
	for (size_t i = 0; i < n; i++) {
		struct api_call *call = calls[i];
		if (!handler_is_alive(call))
			continue;
		struct read *r = read_of(call);
		if (!r->is_resolved) {
			enum status st = view_parse_name(&call->cx, &r->name, read_request(r)->id);
			if (st != ST_OK) {
				handler_finish(call, st);
				continue;
			}
			r->ref = (struct message_ref){call->who.app_id, r->name.id};
			r->is_resolved = !r->name.is_guid;
		}
		reads[kept++] = r;
	}
	return kept;
}

static enum status read_guids(struct ctx *cx, struct db *db, struct read **reads, size_t n)
{
	struct hash *guids = arena_array(cx->arena, n, sizeof *guids);
	struct read **of = arena_array(cx->arena, n, sizeof *of);
	size_t guids_n = 0, found_n;
	struct message_guid *found;
	for (size_t i = 0; i < n; i++) {
		if (reads[i]->is_resolved)
			continue;
		of[guids_n] = reads[i];
		guids[guids_n++] = reads[i]->name.guid;
	}
	if (guids_n == 0)
		return ST_OK;
	TRY(message_by_guids(cx, db, &found, &found_n, guids, guids_n));
	for (size_t i = 0; i < found_n; i++) {
		struct read *r = of[found[i].index];
		resolve_guid(&r->ref, &r->is_resolved, &r->call->who, &found[i].ref);
	}
	return ST_OK;
}

static enum status read_rows(struct ctx *cx, struct db *db, struct read **reads, size_t n)
{
	struct message_ref *refs = arena_array(cx->arena, n, sizeof *refs);
	struct message **rows = arena_array(cx->arena, n, sizeof *rows);
	TRY(read_guids(cx, db, reads, n));
	for (size_t i = 0; i < n; i++)
		if (reads[i]->is_resolved)
			refs[i] = reads[i]->ref;
	TRY(message_read(cx, db, rows, refs, n));
	for (size_t i = 0; i < n; i++)
		reads[i]->message = rows[i];
	return ST_OK;
}

static void read_group(struct api *api, struct ctx *cx, struct db **db, struct read **reads,
		       size_t n)
{
	metric_observe(METRIC_API_GROUP_ITEMS, QUEUE_READ, 0, n);
	enum status st = handler_db(api, cx, db, "read");
	if (st == ST_OK)
		st = read_rows(cx, *db, reads, n);
	if (st == ST_DB && *db && db_sqlstate(*db)[0] == 0)
		st = read_rows(cx, *db, reads,
			       n); /* the connection was lost: once more on a new one */
	if (st != ST_OK)
		log_failure(LOG_WARN, "read.failed", cx);
	const struct world_view *world = survey_take(api->survey);
	for (size_t i = 0; i < n; i++) {
		struct api_call *call = reads[i]->call;
		if (st != ST_OK)
			handler_finish(call, fail(&call->cx, ST_DB,
						  "the database does not answer at the moment"));
		else if (!reads[i]->message)
			handler_finish(call, not_found(&call->cx));
		else if (!read_waits(api, reads[i]))
			read_answer(api, reads[i], world);
	}
	survey_give(api->survey, world);
}

void read_again(struct api *api, struct api_call *call)
{
	bool is_message = call->method->id == API_GET_MESSAGE;
	handler_push(api, is_message ? QUEUE_READ : QUEUE_WORK, call, call);
}

void read_run(void *arg)
{
	struct api *api = arg;
	struct arena *arena = arena_create(HANDLER_ARENA_BYTES);
	struct db *db = NULL;
	void *calls[READ_GROUP_MAX];
	struct read *reads[READ_GROUP_MAX];
	size_t n;
	while ((n = queue_pop(api->queues[QUEUE_READ], calls, READ_GROUP_MAX, -1)) > 0) {
		struct ctx cx;
		ctx_init(&cx, arena, READ_SQL_MS, "read");
		n = read_parse(reads, calls, n);
		if (n > 0)
			read_group(api, &cx, &db, reads, n);
		arena_reset(arena);
	}
	db_close(db);
	arena_destroy(arena);
}
