/* SPDX-License-Identifier: Apache-2.0
 *
 * The watching thread. Two ways to an event: the feed of its app, read as it grows (live), and a
 * look into the database for one watcher (catch-up), when it is new or has lagged. Both may give
 * the same event: each watcher knows the last one it has, by seq (messages) or by position (feeds),
 * and takes only later ones. A live event that does not fit sends its watcher back to catch-up.
 */
#include "api/watch_hub.h"

#include <assert.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "api/read.h"
#include "base/clock.h"
#include "base/log.h"

struct watch *watch_create(struct api *api)
{
	struct watch *w = calloc(1, sizeof *w);
	assert(w);
	w->api = api;
	w->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert(w->wake_fd >= 0);
	lock_init(&w->lock);
	return w;
}

void watch_destroy(struct watch *w)
{
	if (!w)
		return;
	close(w->wake_fd);
	lock_fini(&w->lock);
	free(w->wakes);
	free(w);
}

void watch_wake(struct watch *w)
{
	uint64_t one = 1;
	ssize_t n = write(w->wake_fd, &one, sizeof one);
	(void)n; /* full: it is awake already */
}

void watch_stop(struct watch *w)
{
	lock_take(&w->lock);
	w->is_stopped = true;
	lock_give(&w->lock);
	watch_wake(w);
}

/* Coming and going ----------------------------------------------------------------------------- */

static bool watch_enter(struct watch *w, struct watcher *n)
{
	lock_take(&w->lock);
	bool fits = !w->is_stopped &&
		    (!n->stream || w->streams_n < w->api->config.streams_max);
	if (fits) {
		n->next = w->incoming;
		w->incoming = n;
		w->streams_n += n->stream != NULL;
	}
	lock_give(&w->lock);
	if (fits)
		watch_wake(w);
	return fits;
}

static struct watcher *watcher_create(const struct message_ref *ref)
{
	struct watcher *n = calloc(1, sizeof *n);
	assert(n);
	n->ref = *ref;
	return n;
}

static enum status watch_stream(struct watch *w, struct ctx *cx, struct api_stream **out,
				struct watcher *n, bool is_feed)
{
	n->stream = stream_create(w, &w->api->config, is_feed, &n->ref);
	struct api_stream *s = n->stream;
	if (watch_enter(w, n)) {
		*out = s;
		return ST_OK;
	}
	stream_destroy(s);
	free(n);
	cx->err.retry_after_s = HANDLER_RETRY_AFTER_S;
	return fail(cx, ST_BUSY, "too many event streams are open: try again later");
}

enum status watch_message(struct watch *w, struct ctx *cx, struct api_stream **out,
			  const struct message_ref *ref, int64_t after_seq)
{
	struct watcher *n = watcher_create(ref);
	n->seq = after_seq;
	return watch_stream(w, cx, out, n, false);
}

enum status watch_feed(struct watch *w, struct ctx *cx, struct api_stream **out, int64_t app_id,
		       struct event_position after)
{
	struct message_ref ref = {.app_id = app_id};
	struct watcher *n = watcher_create(&ref);
	n->at = after;
	return watch_stream(w, cx, out, n, true);
}

enum status watch_identity(struct watch *w, struct ctx *cx, struct api_stream **out,
			   const struct message_ref *identity, struct event_position after)
{
	struct watcher *n = watcher_create(identity);
	n->is_identity = true;
	n->at = after;
	return watch_stream(w, cx, out, n, true);
}

static void wait_for(struct watch *w, struct api_call *call, struct watcher *n, int64_t version,
		     int64_t until_ms)
{
	n->call = call;
	n->seq = version;
	n->until_ms = until_ms;
	if (watch_enter(w, n))
		return;
	free(n);
	read_again(w->api, call);
}

void watch_wait(struct watch *w, struct api_call *call, const struct message_ref *ref,
		int64_t version, int64_t until_ms)
{
	wait_for(w, call, watcher_create(ref), version, until_ms);
}

void watch_wait_identity(struct watch *w, struct api_call *call, const struct message_ref *identity,
			 int64_t version, int64_t until_ms)
{
	struct watcher *n = watcher_create(identity);
	n->is_identity = true;
	wait_for(w, call, n, version, until_ms);
}

void watch_closed(struct watch *w, struct api_stream *s)
{
	lock_take(&w->lock);
	w->streams_n--;
	bool is_over = w->is_over;
	if (!is_over) {
		s->next_closed = w->closed;
		w->closed = s;
	}
	lock_give(&w->lock);
	if (is_over)
		stream_destroy(s);
	else
		watch_wake(w);
}

/* The thread's tables -------------------------------------------------------------------------- */

struct watcher **bucket_of(struct watch *w, const struct message_ref *ref)
{
	uint32_t v;
	memcpy(&v, ref->id.b + 12, sizeof v); /* the random end of the id */
	return &w->buckets[v % WATCH_BUCKETS];
}

bool is_feed(const struct watcher *n)
{
	return n->stream && n->stream->is_feed && !n->is_identity;
}

static struct watch_app *app_of(struct watch *w, int64_t app_id)
{
	for (size_t i = 0; i < w->apps_n; i++)
		if (w->apps[i].watchers && w->apps[i].app_id == app_id)
			return &w->apps[i];
	struct watch_app *free_one = NULL;
	for (size_t i = 0; i < w->apps_n && !free_one; i++)
		if (w->apps[i].watchers == 0)
			free_one = &w->apps[i];
	if (!free_one && w->apps_n < WATCH_APPS_MAX)
		free_one = &w->apps[w->apps_n++];
	if (free_one)
		*free_one = (struct watch_app){.app_id = app_id, .is_new = true};
	return free_one;
}

void due_add(struct watch *w, struct watcher *n)
{
	if (n->is_due || n->is_over)
		return;
	n->is_due = true;
	n->next_due = w->due;
	w->due = n;
}

void wake_later(struct watch *w, struct api_stream *s)
{
	if (w->wakes_n == w->wakes_room) {
		w->wakes_room = w->wakes_room ? 2 * w->wakes_room : 256;
		w->wakes = realloc(w->wakes, w->wakes_room * sizeof(struct api_stream *));
		assert(w->wakes);
	}
	w->wakes[w->wakes_n++] = s;
}

static void wake_all(struct watch *w)
{
	for (size_t i = 0; i < w->wakes_n; i++)
		stream_wake(w->wakes[i]);
	w->wakes_n = 0;
}

void watcher_end(struct watch *w, struct watcher *n, enum status why)
{
	if (n->is_over)
		return;
	n->is_over = true;
	if (n->stream) {
		stream_end(n->stream, why);
		wake_later(w, n->stream);
	} else {
		read_again(w->api, n->call);
		n->call = NULL;
	}
}

static void watcher_insert(struct watch *w, struct watcher *n)
{
	n->app = app_of(w, n->ref.app_id);
	if (n->app)
		n->app->watchers++;
	n->is_in_feeds = is_feed(n) && n->app;
	struct watcher **at = n->is_in_feeds ? &n->app->feeds : bucket_of(w, &n->ref);
	n->next = *at;
	*at = n;
	if (!n->app) { /* as many apps as we follow: the client comes again */
		watcher_end(w, n, ST_BUSY);
		return;
	}
	due_add(w, n);
	w->has_calls |= n->call != NULL;
}

/* Takes out of a list, and frees, those that nobody waits for any more. */
static void list_sweep(struct watcher **at)
{
	while (*at) {
		struct watcher *n = *at;
		if (n->is_due || !n->is_over || n->stream) {
			at = &n->next;
			continue;
		}
		*at = n->next;
		if (n->app)
			n->app->watchers--;
		free(n);
	}
}

void watcher_sweep(struct watch *w, struct watcher *n)
{
	if (n->stream)
		return; /* until its client closes it */
	if (n->app && n->is_in_feeds)
		list_sweep(&n->app->feeds);
	else
		list_sweep(bucket_of(w, &n->ref));
}

static struct watcher *watcher_of(struct watch *w, const struct api_stream *s)
{
	for (struct watcher *n = *bucket_of(w, &s->ref); n; n = n->next)
		if (n->stream == s)
			return n;
	for (size_t i = 0; i < w->apps_n; i++)
		for (struct watcher *n = w->apps[i].feeds; n; n = n->next)
			if (n->stream == s)
				return n;
	return NULL;
}

static void watch_arrivals(struct watch *w)
{
	lock_take(&w->lock);
	struct watcher *incoming = w->incoming;
	struct api_stream *closed = w->closed;
	w->incoming = NULL;
	w->closed = NULL;
	lock_give(&w->lock);
	while (incoming) {
		struct watcher *n = incoming;
		incoming = n->next;
		watcher_insert(w, n);
	}
	wake_all(w); /* nothing may point to a stream that is freed now */
	while (closed) {
		struct api_stream *s = closed;
		closed = s->next_closed;
		struct watcher *n = watcher_of(w, s);
		assert(n);
		n->is_over = true;
		n->stream = NULL;
		watcher_sweep(w, n);
		stream_destroy(s);
	}
}

/* Time ----------------------------------------------------------------------------------------- */

/* Calls whose time is over; messages that may have become final without our seeing it. */
static void watch_time(struct watch *w, int64_t now_ms, bool recheck)
{
	if (!w->has_calls && !(recheck && w->has_done))
		return;
	bool calls = false, done = false;
	for (size_t b = 0; b < WATCH_BUCKETS; b++) {
		bool sweep = false;
		for (struct watcher *n = w->buckets[b]; n; n = n->next) {
			if (n->call && n->until_ms <= now_ms)
				watcher_end(w, n, ST_OK);
			if (recheck && n->is_done)
				due_add(w, n);
			calls |= n->call != NULL;
			done |= n->is_done && !n->is_over;
			sweep |= n->is_over && !n->stream;
		}
		if (sweep)
			list_sweep(&w->buckets[b]);
	}
	w->has_calls = calls;
	w->has_done = done;
}

/* An app whose position is not known yet: nobody of it may be caught up before it is, or what is
 * committed in between would be in neither. */
static bool watch_has_new(const struct watch *w)
{
	for (size_t i = 0; i < w->apps_n; i++)
		if (w->apps[i].watchers && w->apps[i].is_new)
			return true;
	return false;
}

static bool watch_has_watchers(const struct watch *w)
{
	for (size_t i = 0; i < w->apps_n; i++)
		if (w->apps[i].watchers)
			return true;
	return false;
}

/* Waits for a client, a notification (unless one waits to be looked at), or the time. */
static bool watch_sleep(struct watch *w, struct ctx *cx, int wait_ms, bool has_news)
{
	struct pollfd fds[2] = {{.fd = w->wake_fd, .events = POLLIN},
				{.fd = w->db && !has_news ? db_fd(w->db) : -1, .events = POLLIN}};
	uint64_t drained;
	bool notified = false;
	/* Notifications may have come with the answer to a statement: the socket is then quiet. */
	if (w->db && !has_news && db_wait(cx, w->db, 0, &notified) == ST_OK && notified)
		return true;
	poll(fds, 2, wait_ms);
	ssize_t got = read(w->wake_fd, &drained, sizeof drained);
	(void)got; /* nothing to read: time or news woke us */
	if (w->db && db_wait(cx, w->db, 0, &notified) != ST_OK) {
		log_failure(LOG_WARN, "watch.lost", cx);
		clock_sleep_ms(HANDLER_RECONNECT_MS);
	}
	return notified;
}

static enum status watch_connect(struct watch *w, struct ctx *cx)
{
	TRY(handler_db(w->api, cx, &w->db, "watch"));
	if (w->is_listening)
		return ST_OK;
	TRY(db_listen(cx, w->db, "ferry_event"));
	w->is_listening = true;
	return ST_OK;
}

struct watch_clock {
	int64_t followed_ms, busy_until_ms, recheck_ms, expiry_ms;
	bool has_news, has_more;
};

/* One round: who came and went, what is new, who must catch up, whose time is over. */
static enum status watch_round(struct watch *w, struct ctx *cx, struct watch_clock *t)
{
	int64_t now = clock_mono_ms();
	bool recheck = now - t->recheck_ms >= WATCH_RECHECK_MS;
	watch_arrivals(w);
	if (now >= t->expiry_ms || recheck) {
		watch_time(w, now, recheck);
		t->expiry_ms = now + WATCH_EXPIRY_MS;
		t->recheck_ms = recheck ? now : t->recheck_ms;
	}
	if (!watch_has_watchers(w))
		return ST_OK;
	TRY(watch_connect(w, cx));
	bool is_due = t->has_news || t->has_more || now - t->followed_ms >= WATCH_POLL_MS || w->due;
	if ((is_due && now >= t->busy_until_ms) || watch_has_new(w)) {
		TRY(watch_follow(w, cx, &t->has_more));
		t->has_news = false;
		t->followed_ms = clock_mono_ms();
		t->busy_until_ms = t->followed_ms + WATCH_GAP_MS + (t->followed_ms - now);
	}
	return w->due ? watch_catch_up(w, cx) : ST_OK;
}

static bool due_has_room(const struct watch *w)
{
	for (const struct watcher *n = w->due; n; n = n->next_due)
		if (!n->stream || stream_room(n->stream) > 0)
			return true;
	return false;
}

static int watch_wait_ms(const struct watch *w, const struct watch_clock *t)
{
	int64_t now = clock_mono_ms(), until = now + WATCH_RECHECK_MS;
	if (!watch_has_watchers(w))
		return WATCH_RECHECK_MS;
	if (due_has_room(w))
		return 0;
	if (t->followed_ms + WATCH_POLL_MS < until)
		until = t->followed_ms + WATCH_POLL_MS;
	if ((t->has_news || t->has_more) && t->busy_until_ms < until)
		until = t->busy_until_ms;
	if (w->has_calls && t->expiry_ms < until)
		until = t->expiry_ms;
	return until > now ? (int)(until - now) : 0;
}

/* The end: everybody is told, nobody is kept. */
static void watch_end(struct watch *w)
{
	watch_arrivals(w);
	for (size_t b = 0; b < WATCH_BUCKETS; b++)
		for (struct watcher *n = w->buckets[b]; n; n = n->next)
			watcher_end(w, n, ST_UNAVAILABLE);
	for (size_t i = 0; i < w->apps_n; i++)
		for (struct watcher *n = w->apps[i].feeds; n; n = n->next)
			watcher_end(w, n, ST_UNAVAILABLE);
	wake_all(w);
}

static void list_free(struct watcher *n)
{
	while (n) {
		struct watcher *next = n->next;
		free(n);
		n = next;
	}
}

/* Streams that are still open belong to their clients from now on. */
static void watch_leave(struct watch *w)
{
	lock_take(&w->lock);
	w->is_over = true;
	struct api_stream *closed = w->closed;
	w->closed = NULL;
	lock_give(&w->lock);
	while (closed) {
		struct api_stream *s = closed;
		closed = s->next_closed;
		stream_destroy(s);
	}
	for (size_t b = 0; b < WATCH_BUCKETS; b++)
		list_free(w->buckets[b]);
	for (size_t i = 0; i < w->apps_n; i++)
		list_free(w->apps[i].feeds);
}

static bool watch_is_stopped(struct watch *w)
{
	lock_take(&w->lock);
	bool stopped = w->is_stopped;
	lock_give(&w->lock);
	return stopped;
}

void watch_run(void *arg)
{
	struct api *api = arg;
	struct watch *w = api->watch;
	struct watch_clock t = {0};
	w->arena = arena_create(HANDLER_ARENA_BYTES);
	while (!watch_is_stopped(w)) {
		struct ctx cx;
		ctx_init(&cx, w->arena, WATCH_SQL_MS, "watch");
		enum status st = watch_round(w, &cx, &t);
		wake_all(w);
		if (st != ST_OK) {
			log_failure(LOG_WARN, "watch.failed", &cx);
			clock_sleep_ms(HANDLER_RECONNECT_MS);
			t.has_news = true;
		}
		ctx_init(&cx, w->arena, WATCH_SQL_MS, "watch");
		t.has_news |=
			watch_sleep(w, &cx, st == ST_OK ? watch_wait_ms(w, &t) : 0, t.has_news);
		arena_reset(w->arena);
	}
	watch_end(w);
	watch_leave(w);
	db_close(w->db);
	arena_destroy(w->arena);
}
