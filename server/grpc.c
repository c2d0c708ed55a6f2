/* SPDX-License-Identifier: Apache-2.0
 *
 * The front: one server of the core, its methods, its threads, and its end in three steps.
 */
#include "server/grpc.h"

#include <assert.h>
#include <grpc/grpc_security.h>
#include <grpc/support/log.h>
#include <grpc/support/time.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "grpc/health/v1/health.pb-c.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "grpc/reflection/v1alpha/reflection.pb-c.h"
#include "server/grpc_rpc.h"

enum {
	GRPC_THREADS = 2,
	GRPC_CALLS_MAX = 4096,
	GRPC_STREAMS_MAX = 1024,
	GRPC_STREAM_AGE_S = 600,
	GRPC_QUOTA_BYTES = 256 * 1024 * 1024,
	GRPC_READY_BATCH = 64,
	GRPC_TICK_MS = 1000,
	GRPC_ARMS_MANY = 32, /* calls given to the core in advance, a thread: of busy methods */
	GRPC_ARMS_FEW = 4,
};

static const struct grpc_builtin {
	enum grpc_kind kind;
	const char *path;
	const ProtobufCMessageDescriptor *request;
	const ProtobufCMessageDescriptor *reply;
} grpc_builtins[] = {
	{GRPC_HEALTH_CHECK, "/grpc.health.v1.Health/Check",
	 &grpc__health__v1__health_check_request__descriptor,
	 &grpc__health__v1__health_check_response__descriptor},
	{GRPC_HEALTH_WATCH, "/grpc.health.v1.Health/Watch",
	 &grpc__health__v1__health_check_request__descriptor,
	 &grpc__health__v1__health_check_response__descriptor},
	{GRPC_REFLECT, "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
	 &grpc__reflection__v1__server_reflection_request__descriptor,
	 &grpc__reflection__v1__server_reflection_response__descriptor},
	{GRPC_REFLECT, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
	 &grpc__reflection__v1alpha__server_reflection_request__descriptor,
	 &grpc__reflection__v1alpha__server_reflection_response__descriptor},
};

/* What the core is told. Its defaults let one slow client hold a handshake for two minutes, two
 * processes share a port, and clients be cut off for pinging every five minutes. */
static const struct grpc_setting {
	const char *key;
	int value;
} grpc_settings[] = {
	{GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, GRPC_MESSAGE_BYTES_MAX},
	{GRPC_ARG_MAX_METADATA_SIZE, 16384},
	/* Watchers stay, so one connection may need many; calls in all have a cap of their own. */
	{GRPC_ARG_MAX_CONCURRENT_STREAMS, 1000},
	{GRPC_ARG_KEEPALIVE_TIME_MS, 60000},
	{GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20000},
	{GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1},
	{GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10000},
	{GRPC_ARG_HTTP2_MAX_PING_STRIKES, 2},
	{GRPC_ARG_MAX_CONNECTION_IDLE_MS, 300000},
	/* The grace outlasts the longest stream, so that a connection's age cuts none off. */
	{GRPC_ARG_MAX_CONNECTION_AGE_MS, 600000},
	{GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, 630000},
	{GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 5000},
	{GRPC_ARG_ALLOW_REUSEPORT, 0},
	{GRPC_ARG_ENABLE_CHANNELZ, 0},
	/* Identity only: a small compressed message may unpack to a gigabyte. */
	{"grpc.compression_enabled_algorithms_bitset", 1},
};

enum { GRPC_SETTINGS_COUNT = sizeof grpc_settings / sizeof grpc_settings[0] };

static grpc_server *server_create(void)
{
	grpc_arg args[GRPC_SETTINGS_COUNT + 1];
	for (size_t i = 0; i < GRPC_SETTINGS_COUNT; i++) {
		args[i].type = GRPC_ARG_INTEGER;
		args[i].key = (char *)(uintptr_t)grpc_settings[i].key;
		args[i].value.integer = grpc_settings[i].value;
	}
	grpc_resource_quota *quota = grpc_resource_quota_create("ferry");
	grpc_resource_quota_resize(quota, GRPC_QUOTA_BYTES);
	args[GRPC_SETTINGS_COUNT].type = GRPC_ARG_POINTER;
	args[GRPC_SETTINGS_COUNT].key = (char *)(uintptr_t)GRPC_ARG_RESOURCE_QUOTA;
	args[GRPC_SETTINGS_COUNT].value.pointer.p = quota;
	args[GRPC_SETTINGS_COUNT].value.pointer.vtable = grpc_resource_quota_arg_vtable();
	grpc_channel_args all = {GRPC_SETTINGS_COUNT + 1, args};
	grpc_server *server = grpc_server_create(&all, NULL);
	grpc_resource_quota_unref(quota);
	assert(server);
	return server;
}

static void method_add(struct grpc_front *front, struct grpc_method method, const char *path)
{
	assert(front->methods_count < GRPC_METHODS_MAX);
	method.handle = grpc_server_register_method(
		front->server, path, NULL,
		method.kind == GRPC_REFLECT ? GRPC_SRM_PAYLOAD_NONE :
					      GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER,
		0);
	assert(method.handle);
	front->methods[front->methods_count++] = method;
}

static void methods_register(struct grpc_front *front)
{
	char path[256];
	for (size_t i = 0; i < API_METHODS_COUNT; i++) {
		const struct api_method *api = &api_methods[i];
		snprintf(path, sizeof path, "/%s/%s", api->service, api->rpc);
		bool stream = api->queue == API_QUEUE_STREAM;
		size_t bytes_max = api->body_bytes_max;
		if (bytes_max < GRPC_REQUEST_BYTES_MIN)
			bytes_max = GRPC_REQUEST_BYTES_MIN;
		method_add(front,
			   (struct grpc_method){
				   .kind = stream ? GRPC_STREAM : GRPC_UNARY,
				   .api = api,
				   .request = api->request,
				   .reply = api->reply,
				   .bytes_max = bytes_max,
			   },
			   path);
	}
	for (size_t i = 0; i < sizeof grpc_builtins / sizeof grpc_builtins[0]; i++) {
		const struct grpc_builtin *builtin = &grpc_builtins[i];
		method_add(front,
			   (struct grpc_method){.kind = builtin->kind,
						.request = builtin->request,
						.reply = builtin->reply,
						.bytes_max = GRPC_REQUEST_BYTES_MIN},
			   builtin->path);
	}
}

static void methods_arm(struct grpc_front *front, grpc_completion_queue *queue)
{
	for (size_t i = 0; i < front->methods_count; i++) {
		const struct grpc_method *method = &front->methods[i];
		bool busy = method->api && (method->api->queue == API_QUEUE_ACCEPT ||
					    method->api->queue == API_QUEUE_READ);
		for (int n = busy ? GRPC_ARMS_MANY : GRPC_ARMS_FEW; n > 0; n--)
			grpc_rpc_arm(front, method, queue);
	}
	for (int n = GRPC_ARMS_FEW; n > 0; n--)
		grpc_rpc_arm(front, NULL, queue);
}

struct grpc_poller {
	struct grpc_front *front;
	grpc_completion_queue *queue;
};

static void poller_run(void *arg)
{
	struct grpc_poller *poller = arg;
	for (;;) {
		grpc_event event = grpc_completion_queue_next(
			poller->queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
		if (event.type == GRPC_QUEUE_SHUTDOWN)
			break;
		if (event.type != GRPC_OP_COMPLETE)
			continue;
		if (event.tag == &poller->front->shut)
			atomic_store(&poller->front->shut, true);
		else
			grpc_rpc_complete(event.tag, event.success != 0);
	}
	free(poller);
}

static void ready_run(void *arg)
{
	struct grpc_front *front = arg;
	int64_t ticked_ms = clock_mono_ms();
	while (!queue_is_closed(front->ready)) {
		void *calls[GRPC_READY_BATCH];
		size_t n = queue_pop(front->ready, calls, GRPC_READY_BATCH, GRPC_TICK_MS);
		for (size_t i = 0; i < n; i++)
			grpc_rpc_run(calls[i]);
		if (clock_mono_ms() - ticked_ms >= GRPC_TICK_MS) {
			ticked_ms = clock_mono_ms();
			grpc_rpc_tick_all(front);
		}
	}
}

static void threads_start(struct grpc_front *front)
{
	for (unsigned i = 0; i < front->config.threads; i++) {
		struct grpc_poller *poller = calloc(1, sizeof *poller);
		assert(poller);
		*poller = (struct grpc_poller){front, front->queues[i]};
		methods_arm(front, front->queues[i]);
		char name[16];
		snprintf(name, sizeof name, "grpc-%u", i);
		front->pollers[i] = thread_start(name, poller_run, poller);
	}
	front->ready_thread = thread_start("grpc-ready", ready_run, front);
}

static void config_complete(struct grpc_config *config)
{
	if (config->threads == 0)
		config->threads = GRPC_THREADS;
	if (config->threads > GRPC_THREADS_MAX)
		config->threads = GRPC_THREADS_MAX;
	if (config->calls_max == 0)
		config->calls_max = GRPC_CALLS_MAX;
	if (config->streams_max == 0)
		config->streams_max = GRPC_STREAMS_MAX;
	if (config->stream_age_s <= 0)
		config->stream_age_s = GRPC_STREAM_AGE_S;
}

/* Lines of the core itself, at most one a second: clients can provoke them. */
static void core_log(gpr_log_func_args *args)
{
	static atomic_llong last_s = -1;
	long long now_s = clock_mono_ms() / 1000;
	if (args->severity == GPR_LOG_SEVERITY_ERROR && atomic_exchange(&last_s, now_s) != now_s)
		log_event(LOG_WARN, "grpc.core", "%s", args->message);
}

static void front_free(struct grpc_front *front)
{
	queue_destroy(front->ready);
	protoset_destroy(front->protoset);
	lock_fini(&front->lock);
	free(front);
	grpc_shutdown();
}

struct grpc_front *grpc_start(const struct grpc_config *config, struct api *api)
{
	assert(config->listen && config->calls);
	gpr_set_log_function(core_log);
	grpc_init();
	struct grpc_front *front = calloc(1, sizeof *front);
	assert(front);
	front->config = *config;
	config_complete(&front->config);
	front->api = api;
	front->protoset = protoset_create();
	front->names = random_u64();
	front->ready = queue_create(front->config.calls_max + 1);
	lock_init(&front->lock);
	front->server = server_create();
	for (unsigned i = 0; i < front->config.threads; i++) {
		front->queues[i] = grpc_completion_queue_create_for_next(NULL);
		grpc_server_register_completion_queue(front->server, front->queues[i], NULL);
	}
	methods_register(front);
	grpc_server_credentials *plain = grpc_insecure_server_credentials_create();
	front->port = grpc_server_add_http2_port(front->server, config->listen, plain);
	grpc_server_credentials_release(plain);
	/* A server that was created must be started before it can be shut down. */
	grpc_server_start(front->server);
	threads_start(front);
	if (front->port > 0)
		return front;
	log_event(LOG_ERROR, "grpc.listen_failed", "cannot listen on %s", config->listen);
	grpc_stop(front, 0);
	return NULL;
}

int grpc_port(const struct grpc_front *front)
{
	return front->port;
}

void grpc_set_serving(struct grpc_front *front, bool serving)
{
	if (atomic_exchange(&front->serving, serving) != serving)
		grpc_rpc_tick_all(front);
}

void grpc_drain(struct grpc_front *front)
{
	if (atomic_exchange(&front->draining, true))
		return;
	grpc_server_shutdown_and_notify(front->server, front->queues[0], &front->shut);
	grpc_rpc_tick_all(front);
}

static bool front_is_idle(struct grpc_front *front)
{
	return atomic_load(&front->shut) && atomic_load(&front->live) == 0 &&
	       atomic_load(&front->armed) == 0 && atomic_load(&front->posting) == 0;
}

void grpc_stop(struct grpc_front *front, int timeout_ms)
{
	if (!front)
		return;
	grpc_drain(front);
	int64_t until_ms = clock_mono_ms() + timeout_ms;
	while (!front_is_idle(front) && clock_mono_ms() < until_ms)
		clock_sleep_ms(2);
	grpc_server_cancel_all_calls(front->server);
	while (!front_is_idle(front))
		clock_sleep_ms(2);
	for (unsigned i = 0; i < front->config.threads; i++) {
		grpc_completion_queue_shutdown(front->queues[i]);
		thread_join(front->pollers[i]);
	}
	queue_close(front->ready);
	thread_join(front->ready_thread);
	grpc_server_destroy(front->server);
	for (unsigned i = 0; i < front->config.threads; i++)
		grpc_completion_queue_destroy(front->queues[i]);
	front_free(front);
}

void grpc_read_counts(struct grpc_front *front, struct grpc_counts *out)
{
	out->calls = atomic_load(&front->calls);
	out->failed = atomic_load(&front->failed);
	out->shed = atomic_load(&front->shed);
	out->live = atomic_load(&front->live);
	out->streams = atomic_load(&front->streams);
}
