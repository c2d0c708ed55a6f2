/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the gRPC transport: the front, its methods, and the life of one call.
 *
 * Everything that happens to a call is an event: it arrived, an operation of the core came back,
 * the api is done, a stream may have more. Whoever brings an event posts it; the first to post to
 * an idle call runs it, and goes on while more events come. So a call's own fields are touched by
 * one thread at a time without a lock, whatever thread that is.
 *
 *	poller threads   completion queue -> arrived, closed, sent, read
 *	the api's        done, of calls that read
 *	ready thread     queue of calls that others posted to: accepted, stream opened, woken; tick
 */
#ifndef FERRY_SERVER_GRPC_RPC_H
#define FERRY_SERVER_GRPC_RPC_H

#include <grpc/grpc.h>
#include <stdatomic.h>

#include "api/protoset.h"
#include "base/lock.h"
#include "base/queue.h"
#include "base/thread.h"
#include "server/grpc.h"

enum {
	GRPC_THREADS_MAX = 16,
	GRPC_METHODS_MAX = 64,
	GRPC_REQUEST_BYTES_MIN = 64 * 1024,
	GRPC_MESSAGE_BYTES_MAX = 1024 * 1024 + 1024,
	/* A request of 1 MiB and its answer; reaching it aborts, hence the room. */
	GRPC_ARENA_BYTES_MAX = 128 * 1024 * 1024,
	/* GetMessage may wait 30 s; then there must be time to answer. */
	GRPC_UNARY_TIMEOUT_MS = 32 * 1000,
	GRPC_VALUE_BYTES_MAX = 4096, /* of one metadata value that is looked at */
};

enum grpc_kind {
	GRPC_UNARY,
	GRPC_STREAM,
	GRPC_HEALTH_CHECK,
	GRPC_HEALTH_WATCH,
	GRPC_REFLECT,
	GRPC_UNKNOWN, /* a method that is not here */
};

struct grpc_method {
	enum grpc_kind kind;
	const struct api_method *api; /* UNARY and STREAM */
	const ProtobufCMessageDescriptor *request;
	const ProtobufCMessageDescriptor *reply;
	size_t bytes_max;
	void *handle; /* of the core */
};

struct grpc_front {
	struct grpc_config config;
	struct api *api;
	struct protoset *protoset;
	uint64_t names; /* drawn at start, the first half of each request id */
	grpc_server *server;
	int port;
	struct grpc_method methods[GRPC_METHODS_MAX];
	size_t methods_count;
	grpc_completion_queue *queues[GRPC_THREADS_MAX];
	struct thread *pollers[GRPC_THREADS_MAX];
	struct queue *ready; /* of struct grpc_rpc */
	struct thread *ready_thread;
	atomic_bool serving;
	atomic_bool draining;
	atomic_bool shut; /* the core has no call and no connection left */
	atomic_bool ready_ends;
	atomic_size_t armed; /* calls given to the core that have not arrived */
	atomic_size_t live;  /* calls that arrived and are not freed */
	atomic_size_t streams;
	atomic_size_t posting; /* threads that are putting a call into `ready` */
	atomic_ullong calls, failed, shed;
	struct lock lock;
	struct grpc_rpc *first; /* guarded by lock: streams, for grpc_rpc_tick_all */
};

enum grpc_event_bit {
	GRPC_EVENT_ARRIVED = 1 << 0,
	GRPC_EVENT_CLOSED = 1 << 1, /* the call has ended for the client: well, or cancelled */
	GRPC_EVENT_SENT = 1 << 2,
	GRPC_EVENT_READ = 1 << 3,
	GRPC_EVENT_DONE = 1 << 4,   /* the api's answer */
	GRPC_EVENT_WAKE = 1 << 5,   /* the stream may have more */
	GRPC_EVENT_TICK = 1 << 6,   /* look at the clock and at the front */
	GRPC_EVENT_ACTIVE = 1 << 30, /* somebody runs the call, or it waits in `ready` */
};

/* What the core gives back for one operation. */
struct grpc_tag {
	struct grpc_rpc *rpc;
	unsigned event;
	atomic_bool ok; /* written before the event is posted */
};

struct grpc_rpc {
	struct grpc_front *front;
	const struct grpc_method *method; /* NULL: unknown */
	grpc_completion_queue *queue;
	atomic_uint events;
	struct grpc_tag arrived, closed, sent, read;

	/* Given by the core. */
	grpc_call *call;
	gpr_timespec deadline;
	grpc_metadata_array metadata;
	grpc_call_details details;
	grpc_byte_buffer *payload;
	int cancelled;

	/* The call's own; see above. */
	char request_id[48];
	int64_t begun_ms;
	bool is_live;      /* counted, not to be shed */
	bool is_open;      /* closed has not come back */
	bool is_sending;
	bool is_reading;
	bool is_waiting;   /* for the api */
	bool has_begun;    /* initial metadata is sent or on its way */
	bool has_ended;    /* the status is sent or on its way */
	bool is_gone;      /* the client left: nothing more can be sent */
	bool is_listed;
	struct arena *arena;
	struct api_call api;
	enum status api_status; /* written by done() before it posts */
	struct api_stream *stream;
	int health_sent; /* -1: nothing yet */
	struct grpc_rpc *next, *previous; /* guarded by front->lock */
};

/* Gives the core a call to fill when one of this method comes; method NULL: any other. */
void grpc_rpc_arm(struct grpc_front *front, const struct grpc_method *method,
		  grpc_completion_queue *queue);
/* An operation came back. From the pollers. */
void grpc_rpc_complete(struct grpc_tag *tag, bool ok);
/* Runs a call that came out of `ready`. From the ready thread. */
void grpc_rpc_run(struct grpc_rpc *rpc);
/* Has every stream look at the clock and at the front. Any thread. */
void grpc_rpc_tick_all(struct grpc_front *front);

/* Sending: each starts at most one batch. */
void grpc_rpc_send(struct grpc_rpc *rpc, const ProtobufCMessage *message);
void grpc_rpc_end(struct grpc_rpc *rpc, const ProtobufCMessage *reply);
void grpc_rpc_end_error(struct grpc_rpc *rpc, struct ctx *cx);
void grpc_rpc_begin(struct grpc_rpc *rpc);
void grpc_rpc_read(struct grpc_rpc *rpc);
/* The request's message, in cx's arena. */
MUST_USE enum status grpc_rpc_decode(struct grpc_rpc *rpc, struct ctx *cx, ProtobufCMessage **out);

/* grpc_health.c */
MUST_USE enum status grpc_health_check(struct grpc_rpc *rpc, struct ctx *cx,
				       const ProtobufCMessage *request, ProtobufCMessage **out);
MUST_USE enum status grpc_health_next(struct grpc_rpc *rpc, struct ctx *cx, ProtobufCMessage **out);
/* grpc_reflect.c */
MUST_USE enum status grpc_reflect_answer(struct grpc_rpc *rpc, struct ctx *cx,
					 const ProtobufCMessage *request, ProtobufCMessage **out);

#endif
