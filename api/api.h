/* SPDX-License-Identifier: Apache-2.0
 *
 * What a client can ask, whatever it speaks. A transport turns bytes into an api_call and submits
 * it; the handler answers through done(). No sockets here, and no SQL or signatures in transports.
 */
#ifndef FERRY_API_API_H
#define FERRY_API_API_H

#include <protobuf-c/protobuf-c.h>

#include "base/ctx.h"

enum api_queue {
	API_QUEUE_ACCEPT,
	API_QUEUE_READ,
	API_QUEUE_WORK,
	API_QUEUE_STREAM,
	API_QUEUE_IDENTITY
};
enum api_access { API_ACCESS_PUBLIC, API_ACCESS_ANY, API_ACCESS_SECRET };

enum api_method_id {
#define X(name, ...) API_##name,
#include "api/methods.def"
#undef X
	API_METHODS_COUNT
};

struct api_method {
	enum api_method_id id;
	const char *service;
	const char *rpc;
	const char *verb; /* "" when there is no REST form of its own */
	const char *path; /* "/v1/messages/{id}:retry" */
	const ProtobufCMessageDescriptor *request;
	const ProtobufCMessageDescriptor *reply;
	enum api_queue queue;
	enum api_access access;
	int http;
	size_t body_bytes_max;
};
extern const struct api_method api_methods[API_METHODS_COUNT];

struct api;
struct api_stream;

/* Who asks. */
struct api_principal {
	int64_t app_id;
	bool secret; /* sk_ */
};

/* One request. The transport makes it in `arena`, which it owns until after done(). */
struct api_call {
	/* Set by the transport. */
	struct arena *arena;
	struct ctx cx;                 /* request id, deadline; the error when it fails */
	const struct api_method *method;
	ProtobufCMessage *request;     /* of method->request; strings are valid UTF-8 without NUL */
	const char *authorization;     /* "Bearer sk_…", or NULL */
	const char *idempotency_key;   /* header or metadata, or NULL */
	void (*done)(struct api_call *call, enum status st); /* exactly once, from any thread */
	void *transport;

	/* Set by the handler. Strings and the reply live in `arena`. */
	struct api_principal who;
	ProtobufCMessage *reply;   /* of method->reply, when ST_OK and not not_modified */
	const char *etag;          /* without quotes, or NULL */
	const char *location;      /* REST path of what was made, or NULL */
	const char *accepted;      /* identities: the operation that this request made, now or when it
				      came first: "idop_…"; else NULL */
	bool not_modified;         /* GetMessage: what the client has is current */
	bool replayed;             /* the answer of an earlier request with this idempotency key */
	struct api_stream *stream; /* STREAM methods, when ST_OK: the transport closes it */

	/* The handler's own. */
	struct api *api;
	void *work;
	int64_t begun_us;
};

/* Checks the key and the request, and queues it.
 * Never blocks. done() may be called before it returns, on this thread, when the request is refused at once. */
void api_submit(struct api *api, struct api_call *call);

/* The next message of a stream, in `arena`.
 * Returns: ST_OK, *msg is of method->reply; *cursor is what a client resumes with (seq or feed cursor).
 *          ST_BUSY: nothing now; `wake(arg)` is called once when there is more (or the end).
 *          ST_GONE: the stream has ended well (the message is final).
 *          anything else: it failed; cx says why.
 * Thread: one at a time a stream. Does not block. wake may come from any thread, also from inside this call. */
enum status api_stream_next(struct api_stream *s, struct ctx *cx, ProtobufCMessage **msg,
			    const char **cursor, void (*wake)(void *arg), void *arg);
/* After it returns wake is not called any more. */
void api_stream_close(struct api_stream *s);

/* The problem a failed call answers with (Ferry__V1__Problem), in the call's arena. */
struct Ferry__V1__Problem;
struct Ferry__V1__Problem *api_problem(struct ctx *cx);

#endif
