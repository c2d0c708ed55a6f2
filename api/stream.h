/* SPDX-License-Identifier: Apache-2.0
 *
 * One client's stream of events: a short queue between the watching thread, which fills it, and the
 * transport, which takes. Events are shared: one that many watch is in memory once.
 */
#ifndef FERRY_API_STREAM_H
#define FERRY_API_STREAM_H

#include "api/handler.h"
#include "base/lock.h"
#include "storage/event.h"

enum { STREAM_EVENTS_MAX = 32, STREAM_REFILL_BELOW = 16 };

/* An event in memory of its own, held by several streams. */
struct stream_event;
struct stream_event *stream_event_create(const struct event *e); /* held once */
void stream_event_drop(struct stream_event *e);

struct api_stream {
	/* Set when made. */
	struct watch *watch;
	const struct api_config *config;
	bool is_feed;
	struct message_ref ref; /* of the message; a feed: app_id */

	struct lock lock;
	struct stream_event *events[STREAM_EVENTS_MAX]; /* guarded by lock, as all below */
	unsigned head, count;
	bool wants_more;   /* it lags: the watching thread is told when there is room */
	enum status end;   /* ST_OK: not yet */
	void (*wake)(void *arg);
	void *wake_arg;
	bool is_waking;    /* wake is being called, by: */
	pthread_t waker;
	bool is_closed;

	/* The list the watching thread is told of it by; guarded by the watch's lock. */
	struct api_stream *next_closed;
};

struct api_stream *stream_create(struct watch *w, const struct api_config *config, bool is_feed,
				 const struct message_ref *ref);
void stream_destroy(struct api_stream *s);
/* How many events it has room for. */
unsigned stream_room(struct api_stream *s);
/* Appends; holds the event. false: full, and wants_more is set. */
bool stream_put(struct api_stream *s, struct stream_event *e);
/* No more events come: ST_GONE (well) or why. */
void stream_end(struct api_stream *s, enum status why);
/* Tells the client, when it waits. Not while holding any lock. */
void stream_wake(struct api_stream *s);

/* Of watch.c: the stream is closed, or has room again. */
void watch_closed(struct watch *w, struct api_stream *s);

/* Cursors of feeds. */
const char *stream_cursor(struct arena *a, const struct api_config *config, int64_t app_id,
			  struct event_position at);
bool stream_parse_cursor(struct event_position *out, const struct api_config *config,
			 int64_t app_id, const char *text);

#endif
