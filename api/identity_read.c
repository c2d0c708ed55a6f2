/* SPDX-License-Identifier: Apache-2.0
 *
 * Identities and operations by name, lists, events. An identity is found by its id or by the did of
 * any account that proved to belong to it; another app's is not there.
 */
#include "api/identity.h"
#include "api/identity_plan.h"
#include "api/stream.h"
#include "api/token.h"
#include "api/validate.h"
#include "api/view.h"
#include "api/watch.h"
#include "api/work.h"
#include "base/clock.h"

enum { IDENTITY_EVENTS_MAX = 10000, IDENTITY_WAIT_MS_MAX = 30000, IDENTITY_SLACK_MS = 250 };

static enum status not_found(struct ctx *cx)
{
	return fail(cx, ST_NOT_FOUND, "there is no such identity");
}

static enum status resolve_id(struct ctx *cx, struct db *db, struct message_ref *out,
			      const struct api_principal *who, const char *text,
			      const char *pointer)
{
	struct identity_name name;
	bool found = true;
	TRY(identity_name_parse(cx, &name, text, pointer));
	*out = (struct message_ref){who->app_id, name.id};
	if (name.is_did)
		TRY(identity_find(cx, db, &out->id, &found, who->app_id, (int64_t)name.chain_id,
				  &name.account));
	return found ? ST_OK : not_found(cx);
}

enum status identity_resolve(struct ctx *cx, struct db *db, struct identity **out,
			     const struct api_principal *who, const char *name,
			     const char *pointer)
{
	struct message_ref ref;
	TRY(resolve_id(cx, db, &ref, who, name, pointer));
	TRY(identity_read(cx, db, out, &ref, 1, IDENTITY_ACTS_MAX));
	return *out ? ST_OK : not_found(cx);
}

/* One ------------------------------------------------------------------------------------------ */

/* Does the client want to wait, and is there anything to wait for? */
static bool get_waits(struct work *w, const struct identity *d)
{
	const Ferry__V1__GetIdentityRequest *in =
		(const Ferry__V1__GetIdentityRequest *)w->call->request;
	struct api_call *call = w->call;
	if (in->wait_ms == 0 || call->work)
		return false;
	if (in->if_none_match[0] &&
	    !view_etag_matches(in->if_none_match, view_etag(call->arena, d->version)))
		return false;
	int64_t now = clock_mono_ms();
	int64_t until =
		now + (in->wait_ms < IDENTITY_WAIT_MS_MAX ? in->wait_ms : IDENTITY_WAIT_MS_MAX);
	if (until > call->cx.deadline_ms - IDENTITY_SLACK_MS)
		until = call->cx.deadline_ms - IDENTITY_SLACK_MS;
	if (until <= now)
		return false;
	call->work = call; /* it has waited */
	w->is_parked = true;
	watch_wait_identity(w->api->watch, call, &d->ref, d->version, until);
	return true;
}

enum status identity_get(struct work *w)
{
	const Ferry__V1__GetIdentityRequest *in =
		(const Ferry__V1__GetIdentityRequest *)w->call->request;
	struct api_call *call = w->call;
	struct identity_batches batches;
	struct identity *d;
	TRY(identity_resolve(w->cx, w->db, &d, &call->who, in->id, "/id"));
	if (d->is_open && get_waits(w, d))
		return ST_OK;
	call->etag = view_etag(call->arena, d->version);
	call->not_modified = view_etag_matches(in->if_none_match, call->etag);
	if (call->not_modified)
		return ST_OK;
	TRY(identity_batches_read(w->cx, w->db, &batches, &d, 1));
	call->reply =
		&identity_view(call->arena, w->world, d, &batches, clock_wall_us())->base;
	return ST_OK;
}

enum status identity_get_operation(struct work *w)
{
	const Ferry__V1__GetOperationRequest *in =
		(const Ferry__V1__GetOperationRequest *)w->call->request;
	struct message_ref ref = {.app_id = w->call->who.app_id};
	struct identity_batches batches;
	struct identity *d;
	bool found;
	if (!identity_id_parse(&ref.id, in->id, "idop_")) {
		ctx_add_detail(w->cx, "/id", "ID_INVALID", "an operation is idop_ and 32 hex digits");
		return validate_end(w->cx);
	}
	struct uuid id = ref.id;
	TRY(identity_of_operation(w->cx, w->db, &ref.id, &found, &ref));
	if (!found)
		return fail(w->cx, ST_NOT_FOUND, "there is no such operation");
	TRY(identity_read(w->cx, w->db, &d, &ref, 1, INT32_MAX));
	TRY(identity_batches_read(w->cx, w->db, &batches, &d, d ? 1 : 0));
	for (size_t i = 0; d && i < d->acts_n; i++)
		if (memcmp(d->acts[i].id.b, id.b, sizeof id.b) == 0)
			w->call->reply = &identity_view_act(w->call->arena, w->world, d, &d->acts[i],
							    &batches, clock_wall_us())->base;
	return w->call->reply ? ST_OK : not_found(w->cx);
}

/* List ----------------------------------------------------------------------------------------- */

static struct token_scope list_scope(struct work *w)
{
	const Ferry__V1__ListIdentitiesRequest *in =
		(const Ferry__V1__ListIdentitiesRequest *)w->call->request;
	return (struct token_scope){'i', w->call->who.app_id,
				    bytes_of(in->account, strlen(in->account))};
}

static enum status list_start(struct work *w, struct message_ref *before, const char *text)
{
	struct token_scope scope = list_scope(w);
	before->app_id = w->call->who.app_id;
	memset(before->id.b, 0xff, sizeof before->id.b);
	if (text[0] && !token_read(before->id.b, w->api->config.page_token_key, &scope, text))
		ctx_add_detail(w->cx, "/page_token", "PAGE_TOKEN_INVALID",
			       "a page token holds for the list, the filter and the app it was "
			       "given for");
	return validate_end(w->cx);
}

static enum status list_answer(struct work *w, const struct uuid *ids, size_t n, bool has_next)
{
	struct arena *a = w->call->arena;
	struct message_ref *refs = arena_array(w->cx->arena, n, sizeof *refs);
	struct identity **rows = arena_array(w->cx->arena, n, sizeof(struct identity *));
	struct identity_batches batches;
	Ferry__V1__ListIdentitiesResponse *r = arena_alloc(a, sizeof *r);
	ferry__v1__list_identities_response__init(r);
	for (size_t i = 0; i < n; i++)
		refs[i] = (struct message_ref){w->call->who.app_id, ids[i]};
	TRY(identity_read(w->cx, w->db, rows, refs, n, IDENTITY_ACTS_LISTED_MAX));
	TRY(identity_batches_read(w->cx, w->db, &batches, rows, n));
	r->identities = arena_array(a, n, sizeof *r->identities);
	for (size_t i = 0; i < n; i++)
		if (rows[i])
			r->identities[r->n_identities++] =
				identity_view(a, w->world, rows[i], &batches, clock_wall_us());
	if (has_next) {
		struct token_scope scope = list_scope(w);
		r->next_page_token = arena_alloc(a, TOKEN_TEXT_BYTES);
		token_write(r->next_page_token, w->api->config.page_token_key, &scope,
			    ids[n - 1].b);
	}
	w->call->reply = &r->base;
	return ST_OK;
}

enum status identity_list(struct work *w)
{
	const Ferry__V1__ListIdentitiesRequest *in =
		(const Ferry__V1__ListIdentitiesRequest *)w->call->request;
	struct message_ref before;
	struct addr account;
	struct uuid *ids;
	uint64_t chain_id = 0;
	size_t n, size = work_page_size(w->cx, in->page_size);
	if (in->account[0])
		(void)identity_account(w->cx, &chain_id, &account, in->account, "/account");
	TRY(list_start(w, &before, in->page_token));
	TRY(identity_scan(w->cx, w->db, &ids, &n, &before, size + 1, (int64_t)chain_id,
			  in->account[0] ? &account : NULL));
	bool has_next = n > size;
	return list_answer(w, ids, has_next ? size : n, has_next);
}

/* Events --------------------------------------------------------------------------------------- */

enum status identity_list_events(struct work *w)
{
	const Ferry__V1__ListIdentityEventsRequest *in =
		(const Ferry__V1__ListIdentityEventsRequest *)w->call->request;
	struct arena *a = w->call->arena;
	const struct event_position start = {0, 0};
	struct identity *d;
	struct event *events;
	size_t n;
	TRY(identity_resolve(w->cx, w->db, &d, &w->call->who, in->id, "/id"));
	TRY(identity_events(w->cx, w->db, &events, &n, &d->ref, start, IDENTITY_EVENTS_MAX));
	Ferry__V1__ListIdentityEventsResponse *r = arena_alloc(a, sizeof *r);
	ferry__v1__list_identity_events_response__init(r);
	r->n_events = n;
	r->events = arena_array(a, n, sizeof *r->events);
	for (size_t i = 0; i < n; i++)
		r->events[i] = view_event(a, &events[i]);
	w->call->reply = &r->base;
	return ST_OK;
}

enum status identity_watch(struct work *w)
{
	const Ferry__V1__WatchIdentityRequest *in =
		(const Ferry__V1__WatchIdentityRequest *)w->call->request;
	struct event_position after = {0, 0};
	struct identity *d;
	TRY(identity_resolve(w->cx, w->db, &d, &w->call->who, in->id, "/id"));
	if (in->cursor[0])
		TRY(events_cursor(w, &after, in->cursor, "/cursor"));
	return watch_identity(w->api->watch, w->cx, &w->call->stream, &d->ref, after);
}
