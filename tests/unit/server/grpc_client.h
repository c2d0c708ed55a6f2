/* SPDX-License-Identifier: Apache-2.0
 *
 * A gRPC client for tests, on the C core: one call at a time, all that came back is kept.
 */
#ifndef FERRY_TESTS_UNIT_SERVER_GRPC_CLIENT_H
#define FERRY_TESTS_UNIT_SERVER_GRPC_CLIENT_H

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/support/time.h>
#include <stdio.h>

#include "base/bytes.h"

enum { CLIENT_MESSAGES_MAX = 64 };

struct client {
	struct arena *arena;
	grpc_channel *channel;
	grpc_completion_queue *queue;
};

struct client_call {
	/* What to do. */
	const char *path;
	struct bytes request;
	const char *metadata[8]; /* key, value, … */
	int timeout_ms;          /* 0: 20 s */
	int messages_max;        /* cancels after so many; 0: reads to the end */
	int cancel_after_ms;     /* 0: not */
	bool gzip;

	/* What came. */
	int code;
	const char *message;
	struct bytes details; /* grpc-status-details-bin */
	struct bytes messages[CLIENT_MESSAGES_MAX];
	size_t messages_count;
	grpc_metadata_array initial, trailing;
	grpc_call *call;
};

static inline void client_open(struct client *c, struct arena *a, int port)
{
	char target[64];
	snprintf(target, sizeof target, "127.0.0.1:%d", port);
	grpc_channel_credentials *plain = grpc_insecure_credentials_create();
	grpc_arg args[2] = {{.type = GRPC_ARG_INTEGER,
			     .key = (char *)(uintptr_t)GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL},
			    {.type = GRPC_ARG_INTEGER,
			     .key = (char *)(uintptr_t)GRPC_ARG_ENABLE_RETRIES}};
	args[0].value.integer = 1;
	args[1].value.integer = 0;
	grpc_channel_args all = {2, args};
	c->arena = a;
	c->channel = grpc_channel_create(target, plain, &all);
	c->queue = grpc_completion_queue_create_for_next(NULL);
	grpc_channel_credentials_release(plain);
}

static inline void client_close(struct client *c)
{
	grpc_channel_destroy(c->channel);
	grpc_completion_queue_shutdown(c->queue);
	while (grpc_completion_queue_next(c->queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL).type !=
	       GRPC_QUEUE_SHUTDOWN)
		continue;
	grpc_completion_queue_destroy(c->queue);
}

static inline gpr_timespec client_in(int ms)
{
	return gpr_time_add(gpr_now(GPR_CLOCK_REALTIME), gpr_time_from_millis(ms, GPR_TIMESPAN));
}

/* Starts ops and waits; cancels the call when the time for that comes. */
static inline bool client_batch(struct client *c, struct client_call *k, grpc_op *ops, size_t n)
{
	static int tag;
	if (grpc_call_start_batch(k->call, ops, n, &tag, NULL) != GRPC_CALL_OK)
		return false;
	gpr_timespec until = k->cancel_after_ms ? client_in(k->cancel_after_ms) :
						  gpr_inf_future(GPR_CLOCK_REALTIME);
	grpc_event e = grpc_completion_queue_next(c->queue, until, NULL);
	if (e.type == GRPC_QUEUE_TIMEOUT) {
		grpc_call_cancel(k->call, NULL);
		e = grpc_completion_queue_next(c->queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
	}
	return e.success != 0;
}

static inline struct bytes client_slice(struct client *c, grpc_slice s)
{
	size_t n = GRPC_SLICE_LENGTH(s);
	uint8_t *p = arena_alloc(c->arena, n + 1);
	memcpy(p, GRPC_SLICE_START_PTR(s), n);
	return bytes_of(p, n);
}

/* A metadata value as text; NULL when it did not come. */
static inline const char *client_metadata(struct client *c, const grpc_metadata_array *list,
					  const char *key)
{
	for (size_t i = 0; i < list->count; i++)
		if (grpc_slice_str_cmp(list->metadata[i].key, key) == 0)
			return (const char *)client_slice(c, list->metadata[i].value).p;
	return NULL;
}

static inline void client_send(struct client *c, struct client_call *k)
{
	grpc_metadata metadata[4];
	grpc_op ops[4];
	memset(ops, 0, sizeof ops);
	size_t n = 0;
	for (; n < 4 && k->metadata[2 * n]; n++) {
		memset(&metadata[n], 0, sizeof metadata[n]);
		metadata[n].key = grpc_slice_from_static_string(k->metadata[2 * n]);
		metadata[n].value = grpc_slice_from_static_string(k->metadata[2 * n + 1]);
	}
	grpc_slice s = grpc_slice_from_copied_buffer((const char *)k->request.p, k->request.n);
	grpc_byte_buffer *body = grpc_raw_byte_buffer_create(&s, 1);
	grpc_slice_unref(s);
	ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
	ops[0].data.send_initial_metadata.count = n;
	ops[0].data.send_initial_metadata.metadata = metadata;
	if (k->gzip) {
		ops[0].data.send_initial_metadata.maybe_compression_level.is_set = 1;
		ops[0].data.send_initial_metadata.maybe_compression_level.level =
			GRPC_COMPRESS_LEVEL_HIGH;
	}
	ops[1].op = GRPC_OP_SEND_MESSAGE;
	ops[1].data.send_message.send_message = body;
	ops[2].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
	client_batch(c, k, ops, 3);
	grpc_byte_buffer_destroy(body);
	ops[3].op = GRPC_OP_RECV_INITIAL_METADATA;
	ops[3].data.recv_initial_metadata.recv_initial_metadata = &k->initial;
	client_batch(c, k, &ops[3], 1);
}

/* false at the end of the messages. */
static inline bool client_receive(struct client *c, struct client_call *k)
{
	grpc_byte_buffer *body = NULL;
	grpc_byte_buffer_reader reader;
	grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};
	op.data.recv_message.recv_message = &body;
	client_batch(c, k, &op, 1);
	if (!body)
		return false;
	grpc_byte_buffer_reader_init(&reader, body);
	grpc_slice s = grpc_byte_buffer_reader_readall(&reader);
	if (k->messages_count < CLIENT_MESSAGES_MAX)
		k->messages[k->messages_count++] = client_slice(c, s);
	grpc_slice_unref(s);
	grpc_byte_buffer_reader_destroy(&reader);
	grpc_byte_buffer_destroy(body);
	return true;
}

static inline void client_run(struct client *c, struct client_call *k)
{
	grpc_metadata_array_init(&k->initial);
	grpc_metadata_array_init(&k->trailing);
	k->call = grpc_channel_create_call(c->channel, NULL, GRPC_PROPAGATE_DEFAULTS, c->queue,
					   grpc_slice_from_static_string(k->path), NULL,
					   client_in(k->timeout_ms ? k->timeout_ms : 20000), NULL);
	client_send(c, k);
	while (client_receive(c, k))
		if (k->messages_max && k->messages_count == (size_t)k->messages_max)
			grpc_call_cancel(k->call, NULL);
	grpc_status_code code = GRPC_STATUS_UNKNOWN;
	grpc_slice message = grpc_empty_slice();
	grpc_op op = {.op = GRPC_OP_RECV_STATUS_ON_CLIENT};
	op.data.recv_status_on_client.trailing_metadata = &k->trailing;
	op.data.recv_status_on_client.status = &code;
	op.data.recv_status_on_client.status_details = &message;
	client_batch(c, k, &op, 1);
	k->code = (int)code;
	k->message = (const char *)client_slice(c, message).p;
	grpc_slice_unref(message);
	for (size_t i = 0; i < k->trailing.count; i++)
		if (grpc_slice_str_cmp(k->trailing.metadata[i].key, "grpc-status-details-bin") == 0)
			k->details = client_slice(c, k->trailing.metadata[i].value);
}

static inline void client_end(struct client_call *k)
{
	grpc_metadata_array_destroy(&k->initial);
	grpc_metadata_array_destroy(&k->trailing);
	grpc_call_unref(k->call);
}

#endif
