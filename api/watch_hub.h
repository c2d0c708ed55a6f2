/* SPDX-License-Identifier: Apache-2.0
 *
 * The watching thread's own tables, shared by its two files: watch.c (who comes and goes, and when)
 * and watch_feed.c (which events go to whom). Nothing else includes this.
 */
#ifndef FERRY_API_WATCH_HUB_H
#define FERRY_API_WATCH_HUB_H

#include "api/stream.h"
#include "api/watch.h"

enum {
	WATCH_BUCKETS = 8192,
	WATCH_APPS_MAX = 4096,
	WATCH_FOLLOW_MAX = 2000,  /* events of an app in one look */
	WATCH_CATCH_UP_MAX = 256, /* watchers in one look */
	WATCH_POLL_MS = 250,      /* without a notification */
	WATCH_GAP_MS = 5,         /* between two looks at the feeds */
	WATCH_RECHECK_MS = 2000,  /* of messages that are done but not final */
	WATCH_SQL_MS = 5000,
	WATCH_EXPIRY_MS = 20,
};

/* Somebody who waits: a stream, or a call. */
struct watcher {
	struct watcher *next;     /* in its bucket or in its app's list of feeds */
	struct watcher *next_due; /* in the list of those to catch up */
	struct api_stream *stream;
	struct api_call *call;    /* when there is no stream */
	int64_t until_ms;         /* a call's */
	struct message_ref ref;
	int64_t seq;              /* the last event of the message it has; an identity's version */
	struct event_position at; /* the last event of the feed it has */
	bool is_due;              /* to catch up */
	bool is_done;             /* the message may be final */
	bool is_over;             /* nothing more for it */
	bool is_identity;         /* ref is an identity's; follows the feed's order */
	bool is_in_feeds;         /* of its app, else in a bucket */
	struct watch_app *app;
};

struct watch_app {
	struct event_position after; /* how far its feed was followed */
	int64_t app_id;
	size_t watchers;
	struct watcher *feeds;
	bool is_new; /* `after` is not known yet */
};

struct watch {
	struct api *api;
	int wake_fd;
	struct lock lock;
	struct watcher *incoming;       /* guarded by lock; as the next four */
	struct api_stream *closed;
	size_t streams_n;
	bool is_stopped;
	bool is_over;                   /* the thread has ended */

	/* The thread's own. */
	struct db *db;
	struct arena *arena;
	struct watcher *buckets[WATCH_BUCKETS];
	struct watch_app apps[WATCH_APPS_MAX];
	size_t apps_n;
	struct watcher *due;
	struct api_stream **wakes;
	size_t wakes_n, wakes_room;
	bool has_calls, has_done;
	bool is_listening;
};

/* watch.c */
struct watcher **bucket_of(struct watch *w, const struct message_ref *ref);
bool is_feed(const struct watcher *n);
void due_add(struct watch *w, struct watcher *n);
void wake_later(struct watch *w, struct api_stream *s);
/* Nothing more comes for it: ends its stream, or answers its call. */
void watcher_end(struct watch *w, struct watcher *n, enum status why);
/* Frees it, and others of its list, when nobody waits for them any more. */
void watcher_sweep(struct watch *w, struct watcher *n);

/* watch_feed.c. Block on SQL. */
/* Reads what is new and hands it out. *more: there is still more of some app. */
MUST_USE enum status watch_follow(struct watch *w, struct ctx *cx, bool *more);
/* Looks once at each that is due and has room. */
MUST_USE enum status watch_catch_up(struct watch *w, struct ctx *cx);

#endif
