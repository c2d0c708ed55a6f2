/* SPDX-License-Identifier: Apache-2.0
 *
 * An API for tests of the gRPC transport: answers from a thread of its own, as the real one does,
 * and does what the request's client_ref (or the stream's id) says.
 *
 *	client_ref  "busy" "wrong" "internal" "slow" (300 ms) "replay"; anything else is accepted
 *	watch id    "three" events and the end; "flood" for ever; "silent"; "refused"
 */
#ifndef FERRY_TESTS_UNIT_SERVER_GRPC_FAKE_API_H
#define FERRY_TESTS_UNIT_SERVER_GRPC_FAKE_API_H

#include <stdatomic.h>
#include <stdlib.h>

#include "api/api.h"
#include "api/json.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/queue.h"
#include "base/thread.h"
#include "ferry/v1/message_service.pb-c.h"

struct api_stream {
	struct api *api;
	char id[32];
	int sent;
	void (*wake)(void *arg); /* guarded by api->lock */
	void *arg;               /* guarded by api->lock */
	struct api_stream *next; /* guarded by api->lock */
};

struct api {
	struct queue *calls;
	struct thread *worker, *waker;
	struct lock lock;
	struct api_stream *streams; /* guarded by lock */
	atomic_int open_streams;
	atomic_bool ends;
	int tick_ms; /* between wake-ups */
};

static inline const Ferry__V1__SendMessageRequest *fake_send(const struct api_call *call)
{
	return (const Ferry__V1__SendMessageRequest *)call->request;
}

static inline Ferry__V1__Message *fake_message(struct api_call *call, const char *ref)
{
	struct arena *a = call->arena;
	Ferry__V1__Message *m =
		(Ferry__V1__Message *)api_message_new(a, &ferry__v1__message__descriptor);
	Ferry__V1__Verification *v = (Ferry__V1__Verification *)api_message_new(
		a, &ferry__v1__verification__descriptor);
	v->required = 2;
	m->id = arena_strdup(a, "msg_0192f0c1a2b37c4d8e5f60718293a4b5");
	m->state = FERRY__V1__STATE__STATE_ACCEPTED;
	m->kind = FERRY__V1__KIND__KIND_PUSH;
	m->src_eid = 40161;
	m->dst_eid = 40245;
	m->receiver = (ProtobufCBinaryData){20, arena_alloc(a, 20)};
	m->payload = (ProtobufCBinaryData){32, arena_alloc(a, 32)};
	m->request_id = (ProtobufCBinaryData){32, arena_alloc(a, 32)};
	m->guid = (ProtobufCBinaryData){32, arena_alloc(a, 32)};
	m->verification = v;
	m->client_ref = arena_strdup(a, ref);
	m->create_time = api_timestamp_new(a, 1763719872123456);
	m->update_time = api_timestamp_new(a, 1763719872123456);
	return m;
}

static inline enum status fake_answer_send(struct api_call *call)
{
	struct ctx *cx = &call->cx;
	const char *ref = fake_send(call)->client_ref;
	if (!call->authorization || strcmp(call->authorization, "Bearer sk_test") != 0)
		return fail(cx, ST_UNAUTHENTICATED, "send a key");
	if (strcmp(ref, "busy") == 0) {
		cx->err.retry_after_s = 3;
		return fail(cx, ST_BUSY, "the queue is full");
	}
	if (strcmp(ref, "wrong") == 0) {
		for (int i = 0; i < CTX_DETAILS_MAX; i++)
			ctx_add_detail(cx, "/options/gas_limit", "RANGE", "%0900d", i);
		return fail_code(cx, ST_INVALID, "GAS_LIMIT", "gas_limit is too high: ü%%\n");
	}
	if (strcmp(ref, "internal") == 0)
		return ST_INTERNAL;
	if (strcmp(ref, "slow") == 0)
		clock_sleep_ms(300);
	call->replayed = strcmp(ref, "replay") == 0;
	call->etag = "3";
	ref = call->idempotency_key ? call->idempotency_key : ref;
	call->reply = &fake_message(call, ref)->base;
	return ST_OK;
}

static inline enum status fake_answer_watch(struct api *api, struct api_call *call)
{
	const char *id = ((const Ferry__V1__WatchMessageRequest *)call->request)->id;
	if (strcmp(id, "refused") == 0)
		return fail(&call->cx, ST_NOT_FOUND, "there is no such message");
	struct api_stream *s = calloc(1, sizeof *s);
	s->api = api;
	snprintf(s->id, sizeof s->id, "%s", id);
	atomic_fetch_add(&api->open_streams, 1);
	lock_take(&api->lock);
	s->next = api->streams;
	api->streams = s;
	lock_give(&api->lock);
	call->stream = s;
	return ST_OK;
}

static inline void fake_answer(struct api *api, struct api_call *call)
{
	enum status st = ST_OK;
	switch ((int)call->method->id) {
	case API_SEND_MESSAGE:
		st = fake_answer_send(call);
		break;
	case API_WATCH_MESSAGE:
		st = fake_answer_watch(api, call);
		break;
	case API_GET_MESSAGE:
		call->etag = "3";
		call->not_modified = strcmp(((Ferry__V1__GetMessageRequest *)call->request)
						    ->if_none_match,
					    "3") == 0;
		if (!call->not_modified)
			call->reply = &fake_message(call, "")->base;
		break;
	default:
		st = fail(&call->cx, ST_NOT_IMPLEMENTED, "the fake has only three methods");
	}
	call->done(call, st);
}

static inline void fake_work(void *arg)
{
	struct api *api = arg;
	void *calls[64];
	while (!queue_is_closed(api->calls)) {
		size_t n = queue_pop(api->calls, calls, 64, 100);
		for (size_t i = 0; i < n; i++)
			fake_answer(api, calls[i]);
	}
}

/* Wakes every stream that waits. */
static inline void fake_wake(void *arg)
{
	struct api *api = arg;
	while (!atomic_load(&api->ends)) {
		clock_sleep_ms(api->tick_ms);
		lock_take(&api->lock);
		for (struct api_stream *s = api->streams; s; s = s->next) {
			void (*wake)(void *) = s->wake;
			s->wake = NULL;
			if (wake && strcmp(s->id, "silent") != 0)
				wake(s->arg);
		}
		lock_give(&api->lock);
	}
}

static inline void fake_submit(struct api *api, struct api_call *call)
{
	if (queue_push(api->calls, call) != ST_OK)
		call->done(call, fail(&call->cx, ST_BUSY, "the queue is full"));
}

static inline enum status fake_stream_next(struct api_stream *s, struct ctx *cx,
					   ProtobufCMessage **msg, const char **cursor,
					   void (*wake)(void *arg), void *arg)
{
	bool waits = strcmp(s->id, "silent") == 0 ||
		     (s->sent % 2 == 1 && strcmp(s->id, "flood") != 0);
	if (strcmp(s->id, "three") == 0 && s->sent >= 6)
		return ST_GONE;
	if (waits) {
		s->sent++;
		lock_take(&s->api->lock);
		s->wake = wake;
		s->arg = arg;
		lock_give(&s->api->lock);
		return ST_BUSY;
	}
	s->sent++;
	Ferry__V1__Event *e =
		(Ferry__V1__Event *)api_message_new(cx->arena, &ferry__v1__event__descriptor);
	e->seq = (uint64_t)s->sent;
	e->type = arena_printf(cx->arena, "%0200d", s->sent);
	*cursor = "1";
	*msg = &e->base;
	return ST_OK;
}

static inline void fake_stream_close(struct api_stream *s)
{
	struct api *api = s->api;
	lock_take(&api->lock);
	struct api_stream **at = &api->streams;
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	lock_give(&api->lock);
	free(s);
	atomic_fetch_sub(&api->open_streams, 1);
}

static inline struct api *fake_start(void)
{
	struct api *api = calloc(1, sizeof *api);
	api->calls = queue_create(4096);
	api->tick_ms = 5;
	lock_init(&api->lock);
	api->worker = thread_start("fake-work", fake_work, api);
	api->waker = thread_start("fake-wake", fake_wake, api);
	return api;
}

static inline void fake_stop(struct api *api)
{
	atomic_store(&api->ends, true);
	queue_close(api->calls);
	thread_join(api->worker);
	thread_join(api->waker);
	queue_destroy(api->calls);
	lock_fini(&api->lock);
	free(api);
}

#endif
