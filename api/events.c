/* SPDX-License-Identifier: Apache-2.0
 *
 * Events: those of a message, those of an app, and streams of both.
 */
#include <string.h>

#include "api/read.h"
#include "api/stream.h"
#include "api/validate.h"
#include "api/view.h"
#include "api/watch.h"
#include "api/work.h"
#include "ferry/v1/message_service.pb-c.h"

enum { EVENTS_OF_MESSAGE_MAX = 10000, EVENTS_CURSOR_CHARS = 43 };

static Ferry__V1__Event **events_view(struct arena *a, const struct event *events, size_t n)
{
	Ferry__V1__Event **out = arena_array(a, n, sizeof *out);
	for (size_t i = 0; i < n; i++)
		out[i] = view_event(a, &events[i]);
	return out;
}

enum status events_of_message(struct work *w)
{
	const Ferry__V1__ListMessageEventsRequest *in =
		(const Ferry__V1__ListMessageEventsRequest *)w->call->request;
	struct message *m;
	struct event *events;
	size_t n;
	TRY(read_message(w->cx, w->db, &m, &w->call->who, in->id));
	TRY(event_list(w->cx, w->db, &events, &n, &m->ref, 0, EVENTS_OF_MESSAGE_MAX));
	Ferry__V1__ListMessageEventsResponse *r = arena_alloc(w->call->arena, sizeof *r);
	ferry__v1__list_message_events_response__init(r);
	r->n_events = n;
	r->events = events_view(w->call->arena, events, n);
	w->call->reply = &r->base;
	return ST_OK;
}

static enum status cursor_lost(struct ctx *cx)
{
	return fail_code(
		cx, ST_GONE, "CURSOR_LOST",
		"the cursor cannot be honoured any more: list the messages, then follow from now");
}

enum status events_cursor(struct work *w, struct event_position *out, const char *text,
			  const char *pointer)
{
	struct event_position now, end;
	if (strlen(text) != EVENTS_CURSOR_CHARS) {
		ctx_add_detail(w->cx, pointer, "CURSOR_INVALID", "that is no cursor of ours");
		return validate_end(w->cx);
	}
	if (!stream_parse_cursor(out, &w->api->config, w->call->who.app_id, text))
		return cursor_lost(w->cx);
	TRY(event_now(w->cx, w->db, &now, &end));
	if (out->xid > end.xid) /* from before the database was put back to an earlier state */
		return cursor_lost(w->cx);
	return ST_OK;
}

enum status events_of_app(struct work *w)
{
	const Ferry__V1__ListEventsRequest *in =
		(const Ferry__V1__ListEventsRequest *)w->call->request;
	struct event_position at = {0, 0};
	struct event *events;
	size_t n, size = work_page_size(w->cx, in->page_size);
	TRY(validate_end(w->cx));
	if (in->page_token[0])
		TRY(events_cursor(w, &at, in->page_token, "/page_token"));
	TRY(event_feed(w->cx, w->db, &events, &n, w->call->who.app_id, at, size));
	if (n > 0)
		at = events[n - 1].at;
	Ferry__V1__ListEventsResponse *r = arena_alloc(w->call->arena, sizeof *r);
	ferry__v1__list_events_response__init(r);
	r->n_events = n;
	r->events = events_view(w->call->arena, events, n);
	r->next_page_token = (char *)stream_cursor(w->call->arena, &w->api->config,
						   w->call->who.app_id, at);
	w->call->reply = &r->base;
	return ST_OK;
}

enum status events_watch_message(struct work *w)
{
	const Ferry__V1__WatchMessageRequest *in =
		(const Ferry__V1__WatchMessageRequest *)w->call->request;
	struct message *m;
	TRY(read_message(w->cx, w->db, &m, &w->call->who, in->id));
	if (in->after_seq > (uint64_t)m->version) {
		ctx_add_detail(w->cx, "/after_seq", "CURSOR_LOST", "the message has %lld events",
			       (long long)m->version);
		return cursor_lost(w->cx);
	}
	return watch_message(w->api->watch, w->cx, &w->call->stream, &m->ref,
			     (int64_t)in->after_seq);
}

enum status events_watch_app(struct work *w)
{
	const Ferry__V1__WatchEventsRequest *in =
		(const Ferry__V1__WatchEventsRequest *)w->call->request;
	struct event_position at, end;
	if (in->cursor[0])
		TRY(events_cursor(w, &at, in->cursor, "/cursor"));
	else
		TRY(event_now(w->cx, w->db, &at, &end));
	return watch_feed(w->api->watch, w->cx, &w->call->stream, w->call->who.app_id, at);
}
