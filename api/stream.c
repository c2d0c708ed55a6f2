/* SPDX-License-Identifier: Apache-2.0 */
#include "api/stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "api/token.h"
#include "api/view.h"
#include "api/watch.h"
#include "ferry/v1/message_service.pb-c.h"

/* Events --------------------------------------------------------------------------------------- */

struct stream_event {
	_Atomic int holders;
	struct event event;
	char memory[]; /* what event points to */
};

static const char *copy_text(char **at, const char *s)
{
	if (!s)
		return NULL;
	size_t n = strlen(s) + 1;
	char *out = memcpy(*at, s, n);
	*at += n;
	return out;
}

static struct bytes copy_bytes(char **at, struct bytes b)
{
	if (b.n == 0)
		return (struct bytes){NULL, 0};
	memcpy(*at, b.p, b.n);
	struct bytes out = bytes_of(*at, b.n);
	*at += b.n;
	return out;
}

static size_t text_bytes(const char *s)
{
	return s ? strlen(s) + 1 : 0;
}

struct stream_event *stream_event_create(const struct event *e)
{
	size_t n = text_bytes(e->type) + text_bytes(e->fee) + text_bytes(e->reason) +
		   e->tx_hash.n + e->block_hash.n;
	struct stream_event *out = malloc(sizeof *out + n);
	assert(out);
	char *at = out->memory;
	atomic_init(&out->holders, 1);
	out->event = *e;
	out->event.type = copy_text(&at, e->type);
	out->event.fee = copy_text(&at, e->fee);
	out->event.reason = copy_text(&at, e->reason);
	out->event.tx_hash = copy_bytes(&at, e->tx_hash);
	out->event.block_hash = copy_bytes(&at, e->block_hash);
	return out;
}

void stream_event_drop(struct stream_event *e)
{
	if (atomic_fetch_sub(&e->holders, 1) == 1)
		free(e);
}

/* Cursors -------------------------------------------------------------------------------------- */

static void place_put(uint8_t *out, int64_t v)
{
	for (int i = 0; i < 8; i++)
		out[i] = (uint8_t)((uint64_t)v >> (56 - 8 * i));
}

static int64_t place_get(const uint8_t *in)
{
	uint64_t v = 0;
	for (int i = 0; i < 8; i++)
		v = v << 8 | in[i];
	return (int64_t)v;
}

const char *stream_cursor(struct arena *a, const struct api_config *config, int64_t app_id,
			  struct event_position at)
{
	uint8_t place[TOKEN_PLACE_BYTES];
	struct token_scope scope = {'e', app_id, {NULL, 0}};
	char *out = arena_alloc(a, TOKEN_TEXT_BYTES);
	place_put(place, at.xid);
	place_put(place + 8, at.id);
	token_write(out, config->page_token_key, &scope, place);
	return out;
}

bool stream_parse_cursor(struct event_position *out, const struct api_config *config,
			 int64_t app_id, const char *text)
{
	uint8_t place[TOKEN_PLACE_BYTES];
	struct token_scope scope = {'e', app_id, {NULL, 0}};
	if (!token_read(place, config->page_token_key, &scope, text))
		return false;
	*out = (struct event_position){place_get(place), place_get(place + 8)};
	return true;
}

/* Streams -------------------------------------------------------------------------------------- */

struct api_stream *stream_create(struct watch *w, const struct api_config *config, bool is_feed,
				 const struct message_ref *ref)
{
	struct api_stream *s = calloc(1, sizeof *s);
	assert(s);
	lock_init(&s->lock);
	s->watch = w;
	s->config = config;
	s->is_feed = is_feed;
	s->ref = *ref;
	return s;
}

void stream_destroy(struct api_stream *s)
{
	for (unsigned i = 0; i < s->count; i++)
		stream_event_drop(s->events[(s->head + i) % STREAM_EVENTS_MAX]);
	lock_fini(&s->lock);
	free(s);
}

unsigned stream_room(struct api_stream *s)
{
	lock_take(&s->lock);
	unsigned room = STREAM_EVENTS_MAX - s->count;
	lock_give(&s->lock);
	return room;
}

bool stream_put(struct api_stream *s, struct stream_event *e)
{
	lock_take(&s->lock);
	bool fits = s->count < STREAM_EVENTS_MAX;
	if (fits) {
		atomic_fetch_add(&e->holders, 1);
		s->events[(s->head + s->count++) % STREAM_EVENTS_MAX] = e;
	} else {
		s->wants_more = true;
	}
	lock_give(&s->lock);
	return fits;
}

void stream_end(struct api_stream *s, enum status why)
{
	lock_take(&s->lock);
	if (s->end == ST_OK)
		s->end = why;
	lock_give(&s->lock);
}

void stream_wake(struct api_stream *s)
{
	lock_take(&s->lock);
	void (*wake)(void *arg) = s->wake;
	void *arg = s->wake_arg;
	if (!wake || s->is_closed || (s->count == 0 && s->end == ST_OK)) {
		lock_give(&s->lock);
		return;
	}
	s->wake = NULL;
	s->is_waking = true;
	s->waker = pthread_self();
	lock_give(&s->lock);
	wake(arg);
	lock_take(&s->lock);
	s->is_waking = false;
	lock_give(&s->lock);
	lock_tell(&s->lock);
}

static ProtobufCMessage *stream_message(struct arena *a, const struct api_stream *s,
					const struct event *e, const char **cursor)
{
	Ferry__V1__Event *event = view_event(a, e);
	if (!s->is_feed) {
		*cursor = arena_printf(a, "%lld", (long long)e->seq);
		return &event->base;
	}
	Ferry__V1__WatchEventsResponse *r = arena_alloc(a, sizeof *r);
	ferry__v1__watch_events_response__init(r);
	*cursor = stream_cursor(a, s->config, s->ref.app_id, e->at);
	r->event = event;
	r->cursor = arena_strdup(a, *cursor);
	return &r->base;
}

static enum status stream_ended(struct ctx *cx, enum status why)
{
	if (why == ST_GONE)
		return fail(cx, ST_GONE, "it is final: no more events come");
	return fail(cx, why, "the stream has ended on our side: open it again from its last event");
}

enum status api_stream_next(struct api_stream *s, struct ctx *cx, ProtobufCMessage **msg,
			    const char **cursor, void (*wake)(void *arg), void *arg)
{
	struct stream_event *e = NULL;
	lock_take(&s->lock);
	enum status end = s->end;
	bool refill = false;
	if (s->count > 0) {
		e = s->events[s->head];
		s->head = (s->head + 1) % STREAM_EVENTS_MAX;
		s->count--;
		refill = s->wants_more && s->count < STREAM_REFILL_BELOW;
		if (refill)
			s->wants_more = false;
	} else if (end == ST_OK) {
		s->wake = wake;
		s->wake_arg = arg;
	}
	lock_give(&s->lock);
	if (refill)
		watch_wake(s->watch);
	if (!e && end != ST_OK)
		return stream_ended(cx, end);
	if (!e)
		return ST_BUSY;
	*msg = stream_message(cx->arena, s, &e->event, cursor);
	stream_event_drop(e);
	return ST_OK;
}

void api_stream_close(struct api_stream *s)
{
	lock_take(&s->lock);
	s->is_closed = true;
	s->wake = NULL;
	while (s->is_waking && !pthread_equal(s->waker, pthread_self()))
		lock_wait(&s->lock, -1);
	lock_give(&s->lock);
	watch_closed(s->watch, s);
}
