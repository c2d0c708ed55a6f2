/* SPDX-License-Identifier: Apache-2.0
 *
 * Which events go to whom: live from the feeds, or by looking into the database for one watcher.
 */
#include "api/watch_hub.h"

#include <string.h>

#include "base/metric.h"
#include "storage/identity.h"

/* Events to watchers --------------------------------------------------------------------------- */

/* An event being handed out: made shared for the first who wants it. */
struct handout {
	const struct event *event;
	struct stream_event *shared;
};

static bool is_same(const struct message_ref *a, const struct message_ref *b)
{
	return a->app_id == b->app_id && memcmp(a->id.b, b->id.b, sizeof a->id.b) == 0;
}

static bool hand_to(struct watch *w, struct watcher *n, struct handout *h)
{
	if (!h->shared)
		h->shared = stream_event_create(h->event);
	if (!stream_put(n->stream, h->shared)) {
		due_add(w, n);
		return false;
	}
	n->seq = h->event->seq;
	n->at = h->event->at;
	wake_later(w, n->stream);
	metric_add(METRIC_EVENTS_DELIVERED, 0, 0, 1);
	return true;
}

static void note_done(struct watch *w, struct watcher *n, const struct event *e)
{
	if (e->to != STATE_COUNT)
		n->is_done = state_is_done(e->to) || state_is_terminal(e->to);
	w->has_done |= n->is_done;
}

static void hand_live(struct watch *w, struct watcher *n, struct handout *h)
{
	const struct event *e = h->event;
	if (n->is_due || n->is_over || e->seq <= n->seq)
		return;
	if (!n->stream) {
		watcher_end(w, n, ST_OK);
		return;
	}
	if (e->seq != n->seq + 1) {
		due_add(w, n);
		return;
	}
	if (!hand_to(w, n, h))
		return;
	note_done(w, n, e);
	if (n->is_done)
		due_add(w, n); /* is it final? */
}

static bool is_after(struct event_position a, struct event_position b)
{
	return a.xid != b.xid ? a.xid > b.xid : a.id > b.id;
}

/* An event of one of an identity's operations. */
static void hand_identity(struct watch *w, struct watcher *n, struct handout *h)
{
	static const char *const ends[] = {"FINAL", "REJECTED", "FAILED", "EXPIRED"};
	if (n->is_due || n->is_over || !is_after(h->event->at, n->at))
		return;
	if (!n->stream) {
		due_add(w, n); /* is it news? */
		return;
	}
	if (!hand_to(w, n, h))
		return;
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (strcmp(h->event->type, ends[i]) == 0)
			due_add(w, n); /* was it the last? */
}

static void watch_hand_out(struct watch *w, struct watch_app *app, const struct event *e)
{
	struct handout h = {e, NULL};
	for (struct watcher *n = *bucket_of(w, &e->ref); n; n = n->next)
		if (is_same(&n->ref, &e->ref) && !is_feed(n))
			hand_live(w, n, &h);
	const struct message_ref identity = {e->ref.app_id, e->identity};
	for (struct watcher *n = e->is_of_identity ? *bucket_of(w, &identity) : NULL; n; n = n->next)
		if (n->is_identity && is_same(&n->ref, &identity))
			hand_identity(w, n, &h);
	for (struct watcher *n = app->feeds; n; n = n->next)
		if (!n->is_due && !n->is_over && is_after(e->at, n->at))
			(void)hand_to(w, n, &h);
	app->after = e->at;
	if (h.shared)
		stream_event_drop(h.shared);
}

enum status watch_follow(struct watch *w, struct ctx *cx, bool *more)
{
	struct event_follow *follow = arena_array(cx->arena, w->apps_n, sizeof *follow);
	struct watch_app **apps = arena_array(cx->arena, w->apps_n, sizeof(struct watch_app *));
	struct event_position now, end;
	size_t apps_n = 0, n, of_app = 0;
	struct event *events;
	TRY(event_now(cx, w->db, &now, &end));
	for (size_t i = 0; i < w->apps_n; i++) {
		struct watch_app *app = &w->apps[i];
		if (app->watchers == 0)
			continue;
		if (app->is_new)
			app->after = now;
		app->is_new = false;
		apps[apps_n] = app;
		follow[apps_n++] = (struct event_follow){app->app_id, app->after};
	}
	*more = false;
	if (apps_n == 0)
		return ST_OK;
	TRY(event_follow(cx, w->db, &events, &n, follow, apps_n, WATCH_FOLLOW_MAX));
	for (size_t i = 0, a = 0; i < n; i++) {
		if (i == 0 || events[i].ref.app_id != events[i - 1].ref.app_id)
			of_app = 0;
		while (apps[a]->app_id != events[i].ref.app_id)
			a = (a + 1) % apps_n;
		watch_hand_out(w, apps[a], &events[i]);
		*more |= ++of_app == WATCH_FOLLOW_MAX;
	}
	return ST_OK;
}

/* Catch-up ------------------------------------------------------------------------------------- */

static void catch_up_answer(struct watch *w, struct watcher *n, struct event_catch_up *ask,
			    bool is_page_full)
{
	if (n->is_over)
		return;
	if (!n->stream) {
		if (!ask->found || ask->version > n->seq)
			watcher_end(w, n, ST_OK);
		return;
	}
	if (!ask->found) {
		watcher_end(w, n, ST_NOT_FOUND);
		return;
	}
	bool fits = true;
	for (size_t i = 0; fits && i < ask->events_n; i++) {
		struct handout h = {&ask->events[i], NULL};
		fits = hand_to(w, n, &h);
		if (fits)
			note_done(w, n, h.event);
		stream_event_drop(h.shared);
	}
	n->is_done |= ask->is_final;
	if (ask->is_final && n->seq >= ask->version)
		watcher_end(w, n, ST_GONE);
	else if (fits && is_page_full)
		due_add(w, n);
}

static enum status catch_up_messages(struct watch *w, struct ctx *cx, struct watcher **due,
				     size_t n)
{
	struct event_catch_up *asks = arena_array(cx->arena, n, sizeof *asks);
	for (size_t i = 0; i < n; i++) {
		asks[i].ref = due[i]->ref;
		asks[i].after_seq = due[i]->seq;
	}
	TRY(event_catch_up(cx, w->db, asks, n, STREAM_EVENTS_MAX));
	for (size_t i = 0; i < n; i++)
		catch_up_answer(w, due[i], &asks[i], asks[i].events_n == STREAM_EVENTS_MAX);
	return ST_OK;
}

static enum status catch_up_feed(struct watch *w, struct ctx *cx, struct watcher *n)
{
	struct event *events;
	size_t count;
	TRY(event_feed(cx, w->db, &events, &count, n->ref.app_id, n->at, STREAM_EVENTS_MAX));
	for (size_t i = 0; i < count; i++) {
		struct handout h = {&events[i], NULL};
		bool fits = hand_to(w, n, &h);
		stream_event_drop(h.shared);
		if (!fits)
			return ST_OK;
	}
	if (count == STREAM_EVENTS_MAX)
		due_add(w, n);
	return ST_OK;
}

static enum status catch_up_identity(struct watch *w, struct ctx *cx, struct watcher *n)
{
	struct event *events;
	struct identity_progress p;
	size_t count = 0;
	if (n->stream)
		TRY(identity_events(cx, w->db, &events, &count, &n->ref, n->at, STREAM_EVENTS_MAX));
	for (size_t i = 0; i < count; i++) {
		struct handout h = {&events[i], NULL};
		bool fits = hand_to(w, n, &h);
		stream_event_drop(h.shared);
		if (!fits)
			return ST_OK;
	}
	if (count == STREAM_EVENTS_MAX) {
		due_add(w, n);
		return ST_OK;
	}
	TRY(identity_progress(cx, w->db, &p, &n->ref, n->at));
	n->is_done = !p.is_open;
	w->has_done |= n->is_done;
	if (!n->stream) {
		if (!p.found || p.version > n->seq)
			watcher_end(w, n, ST_OK);
	} else if (!p.found) {
		watcher_end(w, n, ST_NOT_FOUND);
	} else if (!p.is_open && p.is_told) {
		watcher_end(w, n, ST_GONE);
	}
	return ST_OK;
}

/* Puts back what could not be looked at. */
static void due_restore(struct watch *w, struct watcher **due, size_t n)
{
	for (size_t i = 0; i < n; i++)
		due_add(w, due[i]);
}

enum status watch_catch_up(struct watch *w, struct ctx *cx)
{
	struct watcher *list = w->due, *messages[WATCH_CATCH_UP_MAX];
	size_t n = 0;
	enum status st = ST_OK;
	w->due = NULL;
	while (list) {
		struct watcher *d = list;
		list = d->next_due;
		d->is_due = false;
		if (d->is_over) {
			watcher_sweep(w, d);
			continue;
		}
		bool looks = st == ST_OK && (!d->stream || stream_room(d->stream) > 0);
		if (!looks) {
			due_add(w, d);
		} else if (is_feed(d) || d->is_identity) {
			st = is_feed(d) ? catch_up_feed(w, cx, d) : catch_up_identity(w, cx, d);
			if (st != ST_OK)
				due_add(w, d);
		} else {
			messages[n++] = d;
		}
		if (n == WATCH_CATCH_UP_MAX || (!list && n > 0)) {
			st = catch_up_messages(w, cx, messages, n);
			if (st != ST_OK)
				due_restore(w, messages, n);
			n = 0;
		}
	}
	if (n > 0)
		due_restore(w, messages, n);
	return st;
}
