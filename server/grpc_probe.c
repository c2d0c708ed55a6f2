/* SPDX-License-Identifier: Apache-2.0
 *
 * The front as a client sees it: one health check over a connection of its own.
 */
#include <assert.h>
#include <grpc/byte_buffer.h>
#include <grpc/grpc_security.h>
#include <grpc/support/time.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/grpc_rpc.h"

/* Where to reach what listens on "0.0.0.0:9090" or "[::]:9090": at home. */
static void probe_target(char *out, size_t n, const struct grpc_front *front)
{
	const char *colon = strrchr(front->config.listen, ':');
	int host = colon ? (int)(colon - front->config.listen) : 0;
	bool any = host == 0 || strncmp(front->config.listen, "0.0.0.0:", 8) == 0 ||
		   strncmp(front->config.listen, "[::]:", 5) == 0;
	if (any)
		snprintf(out, n, "127.0.0.1:%d", front->port);
	else
		snprintf(out, n, "%.*s:%d", host, front->config.listen, front->port);
}

static bool probe_call(grpc_channel *channel, grpc_completion_queue *queue, gpr_timespec deadline)
{
	grpc_call *call = grpc_channel_create_call(
		channel, NULL, GRPC_PROPAGATE_DEFAULTS, queue,
		grpc_slice_from_static_string("/grpc.health.v1.Health/Check"), NULL, deadline,
		NULL);
	grpc_slice empty = grpc_empty_slice(); /* HealthCheckRequest {} */
	grpc_byte_buffer *request = grpc_raw_byte_buffer_create(&empty, 1);
	grpc_byte_buffer *reply = NULL;
	grpc_metadata_array initial, trailing;
	grpc_metadata_array_init(&initial);
	grpc_metadata_array_init(&trailing);
	grpc_status_code code = GRPC_STATUS_UNKNOWN;
	grpc_slice details = grpc_empty_slice();
	grpc_op ops[6];
	memset(ops, 0, sizeof ops);
	ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
	ops[1].op = GRPC_OP_SEND_MESSAGE;
	ops[1].data.send_message.send_message = request;
	ops[2].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
	ops[3].op = GRPC_OP_RECV_INITIAL_METADATA;
	ops[3].data.recv_initial_metadata.recv_initial_metadata = &initial;
	ops[4].op = GRPC_OP_RECV_MESSAGE;
	ops[4].data.recv_message.recv_message = &reply;
	ops[5].op = GRPC_OP_RECV_STATUS_ON_CLIENT;
	ops[5].data.recv_status_on_client.trailing_metadata = &trailing;
	ops[5].data.recv_status_on_client.status = &code;
	ops[5].data.recv_status_on_client.status_details = &details;
	grpc_call_error error = grpc_call_start_batch(call, ops, 6, call, NULL);
	assert(error == GRPC_CALL_OK);
	/* The call's own deadline ends this, whatever the server does. */
	grpc_completion_queue_next(queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
	grpc_slice_unref(details);
	grpc_metadata_array_destroy(&initial);
	grpc_metadata_array_destroy(&trailing);
	grpc_byte_buffer_destroy(request);
	if (reply)
		grpc_byte_buffer_destroy(reply);
	grpc_call_unref(call);
	return code == GRPC_STATUS_OK;
}

bool grpc_probe(struct grpc_front *front, int timeout_ms)
{
	char target[300];
	probe_target(target, sizeof target, front);
	/* Connections are otherwise shared and kept: a new one each time is the point. */
	grpc_arg own = {.type = GRPC_ARG_INTEGER,
			.key = (char *)(uintptr_t)GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL};
	own.value.integer = 1;
	grpc_channel_args args = {1, &own};
	grpc_channel_credentials *plain = grpc_insecure_credentials_create();
	grpc_channel *channel = grpc_channel_create(target, plain, &args);
	grpc_channel_credentials_release(plain);
	grpc_completion_queue *queue = grpc_completion_queue_create_for_next(NULL);
	bool good = probe_call(channel, queue,
			       gpr_time_add(gpr_now(GPR_CLOCK_REALTIME),
					    gpr_time_from_millis(timeout_ms, GPR_TIMESPAN)));
	grpc_channel_destroy(channel);
	grpc_completion_queue_shutdown(queue);
	while (grpc_completion_queue_next(queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL).type !=
	       GRPC_QUEUE_SHUTDOWN)
		continue;
	grpc_completion_queue_destroy(queue);
	return good;
}
