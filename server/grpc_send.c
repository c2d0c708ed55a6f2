/* SPDX-License-Identifier: Apache-2.0
 *
 * What goes over the wire: reading a request's bytes, and batches that send metadata, messages and
 * the status. A call has one sending batch under way at most; that is the flow control.
 */
#include <assert.h>
#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>

#include "api/error_details.h"
#include "api/json.h"
#include "base/log.h"
#include "server/grpc_rpc.h"

enum { GRPC_OPS_MAX = 3, GRPC_METADATA_MAX = 5 };

/* One batch being put together. Slices and buffers are given back once the core has its own. */
struct grpc_batch {
	grpc_op ops[GRPC_OPS_MAX];
	size_t ops_count;
	grpc_metadata initial[GRPC_METADATA_MAX];
	size_t initial_count;
	grpc_metadata trailing[GRPC_METADATA_MAX];
	size_t trailing_count;
	grpc_slice details;
	grpc_byte_buffer *message;
};

static void metadata_add(grpc_metadata *list, size_t *count, const char *key, const void *value,
			 size_t n)
{
	assert(*count < GRPC_METADATA_MAX);
	list[*count] = (grpc_metadata){.key = grpc_slice_from_static_string(key),
				       .value = grpc_slice_from_copied_buffer(value, n)};
	++*count;
}

/* Sends an answer's initial metadata, if that has not been done. */
static void batch_begin(struct grpc_batch *batch, struct grpc_rpc *rpc)
{
	if (rpc->has_begun)
		return;
	rpc->has_begun = true;
	metadata_add(batch->initial, &batch->initial_count, "x-request-id", rpc->request_id,
		     strlen(rpc->request_id));
	if (rpc->api.replayed)
		metadata_add(batch->initial, &batch->initial_count, "idempotency-replayed", "true",
			     4);
	if (rpc->api.etag)
		metadata_add(batch->initial, &batch->initial_count, "etag", rpc->api.etag,
			     strlen(rpc->api.etag));
	if (rpc->api.not_modified)
		metadata_add(batch->initial, &batch->initial_count, "not-modified", "true", 4);
	grpc_op *op = &batch->ops[batch->ops_count++];
	op->op = GRPC_OP_SEND_INITIAL_METADATA;
	op->data.send_initial_metadata.count = batch->initial_count;
	op->data.send_initial_metadata.metadata = batch->initial;
}

static void batch_message(struct grpc_batch *batch, const ProtobufCMessage *message)
{
	grpc_slice slice = grpc_slice_malloc(protobuf_c_message_get_packed_size(message));
	size_t n = protobuf_c_message_pack(message, GRPC_SLICE_START_PTR(slice));
	assert(n == GRPC_SLICE_LENGTH(slice));
	batch->message = grpc_raw_byte_buffer_create(&slice, 1);
	grpc_slice_unref(slice);
	grpc_op *op = &batch->ops[batch->ops_count++];
	op->op = GRPC_OP_SEND_MESSAGE;
	op->data.send_message.send_message = batch->message;
}

static void batch_status(struct grpc_batch *batch, struct grpc_rpc *rpc, grpc_status_code code,
			 const char *sentence)
{
	rpc->has_ended = true;
	batch->details = grpc_slice_from_copied_string(sentence);
	grpc_op *op = &batch->ops[batch->ops_count++];
	op->op = GRPC_OP_SEND_STATUS_FROM_SERVER;
	op->data.send_status_from_server.status = code;
	op->data.send_status_from_server.status_details = &batch->details;
	op->data.send_status_from_server.trailing_metadata_count = batch->trailing_count;
	op->data.send_status_from_server.trailing_metadata = batch->trailing;
}

static void batch_start(struct grpc_batch *batch, struct grpc_rpc *rpc)
{
	assert(!rpc->is_sending && batch->ops_count > 0);
	rpc->is_sending = true;
	grpc_call_error error =
		grpc_call_start_batch(rpc->call, batch->ops, batch->ops_count, &rpc->sent, NULL);
	assert(error == GRPC_CALL_OK);
	for (size_t i = 0; i < batch->initial_count; i++)
		grpc_slice_unref(batch->initial[i].value);
	for (size_t i = 0; i < batch->trailing_count; i++)
		grpc_slice_unref(batch->trailing[i].value);
	grpc_slice_unref(batch->details);
	if (batch->message)
		grpc_byte_buffer_destroy(batch->message);
}

static struct grpc_batch batch_empty(void)
{
	struct grpc_batch batch;
	memset(&batch, 0, sizeof batch);
	batch.details = grpc_empty_slice();
	return batch;
}

void grpc_rpc_begin(struct grpc_rpc *rpc)
{
	struct grpc_batch batch = batch_empty();
	batch_begin(&batch, rpc);
	batch_start(&batch, rpc);
}

void grpc_rpc_send(struct grpc_rpc *rpc, const ProtobufCMessage *message)
{
	struct grpc_batch batch = batch_empty();
	batch_begin(&batch, rpc);
	batch_message(&batch, message);
	batch_start(&batch, rpc);
}

void grpc_rpc_end(struct grpc_rpc *rpc, const ProtobufCMessage *reply)
{
	struct grpc_batch batch = batch_empty();
	batch_begin(&batch, rpc);
	if (reply)
		batch_message(&batch, reply);
	batch_status(&batch, rpc, GRPC_STATUS_OK, "");
	batch_start(&batch, rpc);
}

/* Is this ours to mend, rather than the client's? */
static bool status_is_ours(enum status st)
{
	return status_http(st) >= 500 && st != ST_NOT_IMPLEMENTED && st != ST_BUSY &&
	       st != ST_UNAVAILABLE &&
	       st != ST_DEADLINE;
}

void grpc_rpc_end_error(struct grpc_rpc *rpc, struct ctx *cx)
{
	struct grpc_batch batch = batch_empty();
	atomic_fetch_add(&rpc->front->failed, 1);
	if (!atomic_load(&rpc->front->draining))
		log_failure(status_is_ours(cx->err.status) ? LOG_WARN : LOG_DEBUG,
			    "grpc.call_failed", cx);
	struct bytes status = api_error_status(cx);
	batch_begin(&batch, rpc);
	/* Again, for clients that show a failed call's trailing metadata only. */
	metadata_add(batch.trailing, &batch.trailing_count, "x-request-id", rpc->request_id,
		     strlen(rpc->request_id));
	metadata_add(batch.trailing, &batch.trailing_count, "grpc-status-details-bin", status.p,
		     status.n);
	batch_status(&batch, rpc, (grpc_status_code)status_grpc(cx->err.status), cx->err.message);
	batch_start(&batch, rpc);
}

void grpc_rpc_read(struct grpc_rpc *rpc)
{
	if (rpc->payload)
		grpc_byte_buffer_destroy(rpc->payload);
	rpc->payload = NULL;
	rpc->is_reading = true;
	grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};
	op.data.recv_message.recv_message = &rpc->payload;
	grpc_call_error error = grpc_call_start_batch(rpc->call, &op, 1, &rpc->read, NULL);
	assert(error == GRPC_CALL_OK);
}

enum status grpc_rpc_decode(struct grpc_rpc *rpc, struct ctx *cx, ProtobufCMessage **out)
{
	grpc_byte_buffer_reader reader;
	if (!rpc->payload)
		return fail(cx, ST_INVALID, "the call has no request message");
	if (grpc_byte_buffer_length(rpc->payload) > rpc->method->bytes_max)
		return fail(cx, ST_TOO_LARGE, "the request has %zu bytes; at most %zu are taken",
			    grpc_byte_buffer_length(rpc->payload), rpc->method->bytes_max);
	if (!grpc_byte_buffer_reader_init(&reader, rpc->payload))
		return fail(cx, ST_INVALID, "the request cannot be unpacked");
	grpc_slice slice = grpc_byte_buffer_reader_readall(&reader);
	enum status st = api_proto_decode(
		cx, rpc->method->request,
		bytes_of(GRPC_SLICE_START_PTR(slice), GRPC_SLICE_LENGTH(slice)), out);
	grpc_slice_unref(slice);
	grpc_byte_buffer_reader_destroy(&reader);
	return st;
}
