/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of one call: which event leads to what. Sending is in grpc_send.c.
 */
#include "server/grpc_rpc.h"

#include <assert.h>
#include <grpc/support/time.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/json.h"
#include "base/clock.h"
#include "base/log.h"

void grpc_rpc_arm(struct grpc_front *front, const struct grpc_method *method,
		  grpc_completion_queue *queue)
{
	struct grpc_rpc *rpc = calloc(1, sizeof *rpc);
	assert(rpc);
	rpc->front = front;
	rpc->method = method;
	rpc->queue = queue;
	rpc->arrived = (struct grpc_tag){.rpc = rpc, .event = GRPC_EVENT_ARRIVED};
	rpc->closed = (struct grpc_tag){.rpc = rpc, .event = GRPC_EVENT_CLOSED};
	rpc->sent = (struct grpc_tag){.rpc = rpc, .event = GRPC_EVENT_SENT};
	rpc->read = (struct grpc_tag){.rpc = rpc, .event = GRPC_EVENT_READ};
	rpc->health_sent = -1;
	grpc_metadata_array_init(&rpc->metadata);
	grpc_call_details_init(&rpc->details);
	atomic_fetch_add(&front->armed, 1);
	grpc_call_error error;
	if (!method)
		error = grpc_server_request_call(front->server, &rpc->call, &rpc->details,
						 &rpc->metadata, queue, queue, &rpc->arrived);
	else
		error = grpc_server_request_registered_call(
			front->server, method->handle, &rpc->call, &rpc->deadline, &rpc->metadata,
			method->kind == GRPC_REFLECT ? NULL : &rpc->payload, queue, queue,
			&rpc->arrived);
	assert(error == GRPC_CALL_OK);
}

static void rpc_unlist(struct grpc_rpc *rpc)
{
	struct grpc_front *front = rpc->front;
	lock_take(&front->lock);
	if (rpc->previous)
		rpc->previous->next = rpc->next;
	else
		front->first = rpc->next;
	if (rpc->next)
		rpc->next->previous = rpc->previous;
	lock_give(&front->lock);
	atomic_fetch_sub(&front->streams, 1);
}

static void rpc_list(struct grpc_rpc *rpc)
{
	struct grpc_front *front = rpc->front;
	rpc->is_listed = true;
	atomic_fetch_add(&front->streams, 1);
	lock_take(&front->lock);
	rpc->next = front->first;
	if (rpc->next)
		rpc->next->previous = rpc;
	front->first = rpc;
	lock_give(&front->lock);
}

static void rpc_free(struct grpc_rpc *rpc)
{
	struct grpc_front *front = rpc->front;
	bool was_live = rpc->is_live;
	if (rpc->is_listed)
		rpc_unlist(rpc);
	if (rpc->payload)
		grpc_byte_buffer_destroy(rpc->payload);
	grpc_metadata_array_destroy(&rpc->metadata);
	grpc_call_details_destroy(&rpc->details);
	arena_destroy(rpc->arena);
	if (rpc->call)
		grpc_call_unref(rpc->call);
	free(rpc);
	if (was_live)
		atomic_fetch_sub(&front->live, 1);
}

/* Posts an event. `here`: this thread may run the call; else the ready thread does. */
static void rpc_post(struct grpc_rpc *rpc, unsigned event, bool here)
{
	/* Once the event is there the call may be run and freed by others, and the front, too,
	 * when nobody is posting. */
	struct grpc_front *front = rpc->front;
	atomic_fetch_add(&front->posting, 1);
	bool active = atomic_fetch_or(&rpc->events, event | GRPC_EVENT_ACTIVE) & GRPC_EVENT_ACTIVE;
	if (!active && !here) {
		/* A call waits there once, and there is room for all that are live. */
		enum status st = queue_push(front->ready, rpc);
		assert(st == ST_OK);
	}
	atomic_fetch_sub(&front->posting, 1);
	if (!active && here)
		grpc_rpc_run(rpc);
}

void grpc_rpc_complete(struct grpc_tag *tag, bool ok)
{
	atomic_store(&tag->ok, ok);
	rpc_post(tag->rpc, tag->event, true);
}

/* From any thread of the api. What was read is answered from there: one change of thread less. What
 * was accepted is not, for the next group waits for that thread; nor is a stream, for it would call
 * the api from within the api. */
static void rpc_done(struct api_call *call, enum status st)
{
	struct grpc_rpc *rpc = call->transport;
	rpc->api_status = st;
	rpc_post(rpc, GRPC_EVENT_DONE,
		 rpc->method->kind == GRPC_UNARY && call->method->queue != API_QUEUE_ACCEPT);
}

static void rpc_wake(void *arg)
{
	rpc_post(arg, GRPC_EVENT_WAKE, false);
}

void grpc_rpc_tick_all(struct grpc_front *front)
{
	/* Posting while the lock is held: a listed call cannot be freed meanwhile. */
	lock_take(&front->lock);
	for (struct grpc_rpc *rpc = front->first; rpc; rpc = rpc->next)
		rpc_post(rpc, GRPC_EVENT_TICK, false);
	lock_give(&front->lock);
}

static void rpc_watch_close(struct grpc_rpc *rpc)
{
	grpc_op op = {.op = GRPC_OP_RECV_CLOSE_ON_SERVER};
	op.data.recv_close_on_server.cancelled = &rpc->cancelled;
	rpc->is_open = true;
	grpc_call_error error = grpc_call_start_batch(rpc->call, &op, 1, &rpc->closed, NULL);
	assert(error == GRPC_CALL_OK);
}

/* The text of a metadata member, in the arena; *out is NULL when it is not there. */
static enum status rpc_metadata(struct grpc_rpc *rpc, struct ctx *cx, const char *key,
				const char **out)
{
	*out = NULL;
	for (size_t i = 0; i < rpc->metadata.count; i++) {
		const grpc_metadata *entry = &rpc->metadata.metadata[i];
		if (grpc_slice_str_cmp(entry->key, key) != 0)
			continue;
		size_t n = GRPC_SLICE_LENGTH(entry->value);
		if (*out)
			return fail(cx, ST_INVALID, "the metadata %s is given twice", key);
		if (n > GRPC_VALUE_BYTES_MAX)
			return fail(cx, ST_INVALID, "the metadata %s is longer than %d bytes", key,
				    GRPC_VALUE_BYTES_MAX);
		*out = arena_strndup(cx->arena,
				     (const char *)GRPC_SLICE_START_PTR(entry->value), n);
		for (size_t j = 0; j < n; j++)
			if ((*out)[j] < 0x20 || (*out)[j] > 0x7e)
				return fail(cx, ST_INVALID, "the metadata %s is not visible ASCII",
					    key);
	}
	return ST_OK;
}

static int rpc_timeout_ms(const struct grpc_rpc *rpc)
{
	gpr_timespec deadline = gpr_convert_clock_type(rpc->deadline, GPR_CLOCK_MONOTONIC);
	int32_t left = gpr_time_to_millis(gpr_time_sub(deadline, gpr_now(GPR_CLOCK_MONOTONIC)));
	return left < 0 ? 0 : left > GRPC_UNARY_TIMEOUT_MS ? GRPC_UNARY_TIMEOUT_MS : left;
}

static bool method_is_stream(const struct grpc_method *method)
{
	return method && (method->kind == GRPC_STREAM || method->kind == GRPC_HEALTH_WATCH ||
			  method->kind == GRPC_REFLECT);
}

/* Whether the front takes one more call. */
static enum status rpc_admit(struct grpc_rpc *rpc, struct ctx *cx, size_t live)
{
	struct grpc_front *front = rpc->front;
	if (!rpc->method)
		return fail_code(cx, ST_NOT_IMPLEMENTED, "METHOD_UNKNOWN",
				 "there is no such method; reflection lists those that are");
	bool stream = method_is_stream(rpc->method);
	if (live <= front->config.calls_max &&
	    (!stream || atomic_load(&front->streams) < front->config.streams_max))
		return ST_OK;
	atomic_fetch_add(&front->shed, 1);
	cx->err.retry_after_s = 1;
	return fail_code(cx, ST_BUSY, "TOO_MANY_CALLS", "too many calls are under way; try again");
}

static enum status rpc_submit(struct grpc_rpc *rpc)
{
	struct ctx *cx = &rpc->api.cx;
	rpc->api.arena = rpc->arena;
	rpc->api.method = rpc->method->api;
	rpc->api.done = rpc_done;
	rpc->api.transport = rpc;
	TRY(rpc_metadata(rpc, cx, "authorization", &rpc->api.authorization));
	TRY(rpc_metadata(rpc, cx, "idempotency-key", &rpc->api.idempotency_key));
	TRY(grpc_rpc_decode(rpc, cx, &rpc->api.request));
	rpc->is_waiting = true;
	rpc->front->config.calls->submit(rpc->front->api, &rpc->api);
	return ST_OK;
}

static enum status rpc_answer_health(struct grpc_rpc *rpc)
{
	struct ctx *cx = &rpc->api.cx;
	ProtobufCMessage *request, *reply;
	TRY(grpc_rpc_decode(rpc, cx, &request));
	TRY(grpc_health_check(rpc, cx, request, &reply));
	grpc_rpc_end(rpc, reply);
	return ST_OK;
}

/* What a call begins with, by its kind. */
static enum status rpc_start(struct grpc_rpc *rpc)
{
	if (method_is_stream(rpc->method))
		rpc_list(rpc);
	switch (rpc->method->kind) {
	case GRPC_UNARY:
	case GRPC_STREAM:
		return rpc_submit(rpc);
	case GRPC_HEALTH_CHECK:
		return rpc_answer_health(rpc);
	case GRPC_HEALTH_WATCH:
		return grpc_rpc_decode(rpc, &rpc->api.cx, &rpc->api.request);
	case GRPC_REFLECT:
		grpc_rpc_read(rpc);
		return ST_OK;
	case GRPC_UNKNOWN:
		break;
	}
	assert(!"unknown methods are refused before");
	return ST_INTERNAL;
}

/* A new request id: what this start of the server drew, then a number. Drawing anew for each call
 * would cost as much as reading its request. */
static void rpc_name(struct grpc_rpc *rpc)
{
	snprintf(rpc->request_id, sizeof rpc->request_id, "req_%016" PRIx64 "%016llx",
		 rpc->front->names, atomic_fetch_add(&rpc->front->calls, 1));
}

static void rpc_on_arrived(struct grpc_rpc *rpc)
{
	struct grpc_front *front = rpc->front;
	/* In this order, so that grpc_stop never sees neither. */
	size_t live = atomic_fetch_add(&front->live, 1) + 1;
	grpc_rpc_arm(front, rpc->method, rpc->queue);
	atomic_fetch_sub(&front->armed, 1);
	rpc->is_live = true;
	rpc_watch_close(rpc);
	rpc_name(rpc);
	rpc->begun_ms = clock_mono_ms();
	rpc->arena = arena_create(GRPC_ARENA_BYTES_MAX);
	ctx_init(&rpc->api.cx, rpc->arena, rpc->method ? rpc_timeout_ms(rpc) : 0, rpc->request_id);
	if (method_is_stream(rpc->method))
		rpc->api.cx.deadline_ms = rpc->begun_ms + GRPC_UNARY_TIMEOUT_MS;
	enum status st = rpc_admit(rpc, &rpc->api.cx, live);
	if (st == ST_OK)
		st = rpc_start(rpc);
	if (st != ST_OK)
		grpc_rpc_end_error(rpc, &rpc->api.cx);
}

static void rpc_on_done(struct grpc_rpc *rpc)
{
	rpc->is_waiting = false;
	if (rpc->api_status != ST_OK) {
		if (rpc->api.cx.err.status == ST_OK)
			(void)fail(&rpc->api.cx, rpc->api_status, "%s",
				   status_title(rpc->api_status));
		grpc_rpc_end_error(rpc, &rpc->api.cx);
	} else if (rpc->method->kind == GRPC_STREAM) {
		/* A stream may live for long: what its request took is given back. */
		rpc->stream = rpc->api.stream;
		assert(rpc->stream);
		arena_destroy(rpc->arena);
		rpc->arena = NULL;
		memset(&rpc->api, 0, sizeof rpc->api);
	} else {
		ProtobufCMessage *reply = rpc->api.reply;
		if (!reply)
			reply = api_message_new(rpc->arena, rpc->method->reply);
		grpc_rpc_end(rpc, reply);
	}
}

static void rpc_on_read(struct grpc_rpc *rpc)
{
	rpc->is_reading = false;
	if (rpc->has_ended || rpc->is_gone)
		return;
	if (!rpc->payload) {
		grpc_rpc_end(rpc, NULL);
		return;
	}
	struct arena *a = arena_create(GRPC_ARENA_BYTES_MAX);
	struct ctx cx;
	ctx_init(&cx, a, CTX_DEADLINE_NONE, rpc->request_id);
	ProtobufCMessage *request, *reply;
	enum status st = grpc_rpc_decode(rpc, &cx, &request);
	if (st == ST_OK)
		st = grpc_reflect_answer(rpc, &cx, request, &reply);
	if (st == ST_OK)
		grpc_rpc_send(rpc, reply);
	else
		grpc_rpc_end_error(rpc, &cx);
	arena_destroy(a);
}

/* Why a stream must end now; ST_OK when it need not. */
static enum status stream_verdict(struct grpc_rpc *rpc, struct ctx *cx)
{
	if (rpc->is_gone)
		return fail(cx, ST_CANCELLED, "the client went away");
	if (atomic_load(&rpc->front->draining))
		return fail_code(cx, ST_UNAVAILABLE, "SHUTTING_DOWN",
				 "the server stops; go on elsewhere from what you have");
	if (clock_mono_ms() - rpc->begun_ms > (int64_t)rpc->front->config.stream_age_s * 1000)
		return fail_code(cx, ST_UNAVAILABLE, "STREAM_AGE",
				 "the stream has run for its longest time; go on from what you "
				 "have");
	return ST_OK;
}

static enum status stream_next(struct grpc_rpc *rpc, struct ctx *cx, ProtobufCMessage **out)
{
	const char *cursor;
	if (rpc->method->kind == GRPC_HEALTH_WATCH)
		return grpc_health_next(rpc, cx, out);
	if (rpc->method->kind == GRPC_REFLECT)
		return ST_BUSY; /* speaks when it is spoken to */
	return rpc->front->config.calls->stream_next(rpc->stream, cx, out, &cursor, rpc_wake, rpc);
}

/* Takes a stream one step on: at most one batch is started. */
static void stream_step(struct grpc_rpc *rpc)
{
	bool reflects = rpc->method->kind == GRPC_REFLECT;
	struct arena *a = arena_create(GRPC_ARENA_BYTES_MAX);
	struct ctx cx;
	ctx_init(&cx, a, CTX_DEADLINE_NONE, rpc->request_id);
	ProtobufCMessage *message = NULL;
	enum status st = stream_verdict(rpc, &cx);
	if (st != ST_OK)
		grpc_rpc_end_error(rpc, &cx);
	else if (!rpc->has_begun && !reflects)
		grpc_rpc_begin(rpc);
	else if ((st = stream_next(rpc, &cx, &message)) == ST_OK)
		grpc_rpc_send(rpc, message);
	else if (st == ST_GONE)
		grpc_rpc_end(rpc, NULL);
	else if (st != ST_BUSY)
		grpc_rpc_end_error(rpc, &cx);
	else if (reflects && !rpc->is_reading)
		grpc_rpc_read(rpc);
	arena_destroy(a);
}

static void rpc_on_events(struct grpc_rpc *rpc, unsigned events)
{
	if (events & GRPC_EVENT_ARRIVED)
		rpc_on_arrived(rpc);
	if (events & GRPC_EVENT_CLOSED) {
		rpc->is_open = false;
		rpc->is_gone |= rpc->cancelled != 0;
	}
	if (events & GRPC_EVENT_SENT) {
		rpc->is_sending = false;
		/* Then the connection is gone; that is no error of ours. */
		rpc->is_gone |= !atomic_load(&rpc->sent.ok);
	}
	if (events & GRPC_EVENT_DONE)
		rpc_on_done(rpc);
	if (events & GRPC_EVENT_READ)
		rpc_on_read(rpc);
	bool streams = rpc->stream || (method_is_stream(rpc->method) &&
				       rpc->method->kind != GRPC_STREAM);
	if (streams && !rpc->has_ended && !rpc->is_sending && !rpc->is_waiting)
		stream_step(rpc);
	if (rpc->has_ended && rpc->stream) {
		rpc->front->config.calls->stream_close(rpc->stream);
		rpc->stream = NULL;
	}
}

void grpc_rpc_run(struct grpc_rpc *rpc)
{
	for (;;) {
		unsigned events = atomic_fetch_and(&rpc->events, GRPC_EVENT_ACTIVE);
		events &= ~(unsigned)GRPC_EVENT_ACTIVE;
		if ((events & GRPC_EVENT_ARRIVED) && !atomic_load(&rpc->arrived.ok)) {
			/* The server shuts down: it was never used. */
			struct grpc_front *front = rpc->front;
			rpc_free(rpc);
			atomic_fetch_sub(&front->armed, 1);
			return;
		}
		rpc_on_events(rpc, events);
		/* Nothing can post any more: no operation is out, nobody holds the call. A tick
		 * only sets its bit while the call is active, and rpc_free unlists it. */
		if (rpc->has_ended && !rpc->is_open && !rpc->is_sending && !rpc->is_reading &&
		    !rpc->is_waiting) {
			rpc_free(rpc);
			return;
		}
		unsigned idle = GRPC_EVENT_ACTIVE;
		if (atomic_compare_exchange_strong(&rpc->events, &idle, 0))
			return;
	}
}
