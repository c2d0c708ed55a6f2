/* SPDX-License-Identifier: Apache-2.0
 *
 * The gRPC transport before an API that is faked, asked by a client on the same C core.
 * `test_grpc --serve PORT` serves the fake until it is interrupted, for other clients.
 */
#include "tests/unit/unit.h"

#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "grpc/health/v1/health.pb-c.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "grpc_client.h"
#include "grpc_fake_api.h"
#include "server/grpc.h"

#define SEND "/ferry.v1.MessageService/SendMessage"
#define GET "/ferry.v1.MessageService/GetMessage"
#define WATCH "/ferry.v1.MessageService/WatchMessage"
#define CHECK "/grpc.health.v1.Health/Check"
#define HEALTH_WATCH "/grpc.health.v1.Health/Watch"
#define REFLECT "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
#define REFLECT_ALPHA "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"

static const struct grpc_api fake_calls = {fake_submit, fake_stream_next, fake_stream_close};

/* One front, one client. */
struct rig {
	struct ctx *cx;
	struct api *api;
	struct grpc_front *front;
	struct client client;
	int port;
};

static struct rig rig_start(struct grpc_config config)
{
	struct rig r = {.cx = unit_ctx(), .api = fake_start()};
	config.listen = "127.0.0.1:0";
	config.calls = &fake_calls;
	r.front = grpc_start(&config, r.api);
	ck_assert_ptr_nonnull(r.front);
	grpc_set_serving(r.front, true);
	grpc_init();
	r.port = grpc_port(r.front);
	client_open(&r.client, r.cx->arena, r.port);
	return r;
}

static struct grpc_counts counts(struct rig *r)
{
	struct grpc_counts c;
	grpc_read_counts(r->front, &c);
	return c;
}

static void rig_stop(struct rig *r)
{
	client_close(&r->client);
	grpc_stop(r->front, 2000);
	ck_assert_int_eq(atomic_load(&r->api->open_streams), 0);
	fake_stop(r->api);
	grpc_shutdown();
	unit_ctx_end(r->cx);
}

static struct bytes send_request(struct rig *r, const char *client_ref)
{
	Ferry__V1__SendMessageRequest m = FERRY__V1__SEND_MESSAGE_REQUEST__INIT;
	m.client_ref = (char *)(uintptr_t)client_ref;
	return api_proto_encode(r->cx->arena, &m.base);
}

static struct client_call run(struct rig *r, struct client_call k)
{
	if (!k.metadata[0]) {
		k.metadata[0] = "authorization";
		k.metadata[1] = "Bearer sk_test";
	}
	client_run(&r->client, &k);
	return k;
}

static struct client_call run_send(struct rig *r, const char *client_ref)
{
	return run(r, (struct client_call){.path = SEND, .request = send_request(r, client_ref)});
}

static void *unpack(struct rig *r, const ProtobufCMessageDescriptor *d, struct bytes in)
{
	ProtobufCMessage *m = NULL;
	ck_ok(r->cx, api_proto_decode(r->cx, d, in, &m));
	return m;
}

/* The detail of a type in grpc-status-details-bin; NULL when it is not there. */
static void *detail(struct rig *r, const struct client_call *k, const char *type,
		    const ProtobufCMessageDescriptor *d)
{
	Google__Rpc__Status *status = unpack(r, &google__rpc__status__descriptor, k->details);
	ck_assert_int_eq(status->code, k->code);
	for (size_t i = 0; i < status->n_details; i++)
		if (strcmp(strrchr(status->details[i]->type_url, '/') + 1, type) == 0)
			return unpack(r, d, bytes_of(status->details[i]->value.data,
						     status->details[i]->value.len));
	return NULL;
}

static void assert_failed(struct rig *r, struct client_call *k, enum status st, const char *code)
{
	ck_assert_msg(k->code == status_grpc(st), "code %d (%s), not %s", k->code, k->message,
		      code);
	Google__Rpc__ErrorInfo *info =
		detail(r, k, "google.rpc.ErrorInfo", &google__rpc__error_info__descriptor);
	ck_assert_ptr_nonnull(info);
	ck_assert_str_eq(info->reason, code);
	ck_assert_str_eq(info->domain, "ferry");
	Google__Rpc__RequestInfo *request =
		detail(r, k, "google.rpc.RequestInfo", &google__rpc__request_info__descriptor);
	ck_assert_str_eq(request->request_id,
			 client_metadata(&r->client, &k->trailing, "x-request-id"));
	client_end(k);
}

START_TEST(a_call_is_answered_with_its_message_and_metadata)
{
	struct rig r = rig_start((struct grpc_config){0});
	struct client_call k = run_send(&r, "hello");
	ck_assert_msg(k.code == 0, "%d %s", k.code, k.message);
	ck_assert_uint_eq(k.messages_count, 1);
	Ferry__V1__Message *m = unpack(&r, &ferry__v1__message__descriptor, k.messages[0]);
	ck_assert_str_eq(m->client_ref, "hello");
	ck_assert_ptr_nonnull(
		strstr(client_metadata(&r.client, &k.initial, "x-request-id"), "req_"));
	ck_assert_str_eq(client_metadata(&r.client, &k.initial, "etag"), "3");
	ck_assert_ptr_null(client_metadata(&r.client, &k.initial, "idempotency-replayed"));
	client_end(&k);
	k = run(&r, (struct client_call){.path = SEND,
					 .request = send_request(&r, "replay"),
					 .metadata = {"authorization", "Bearer sk_test",
						      "idempotency-key", "0123456789abcdef"}});
	m = unpack(&r, &ferry__v1__message__descriptor, k.messages[0]);
	ck_assert_str_eq(m->client_ref, "0123456789abcdef");
	ck_assert_str_eq(client_metadata(&r.client, &k.initial, "idempotency-replayed"), "true");
	client_end(&k);
	rig_stop(&r);
}
END_TEST

START_TEST(what_has_not_changed_says_so)
{
	struct rig r = rig_start((struct grpc_config){0});
	Ferry__V1__GetMessageRequest get = FERRY__V1__GET_MESSAGE_REQUEST__INIT;
	get.if_none_match = (char *)(uintptr_t)"3";
	struct client_call k =
		run(&r, (struct client_call){.path = GET,
					     .request = api_proto_encode(r.cx->arena, &get.base)});
	ck_assert_int_eq(k.code, 0);
	ck_assert_uint_eq(k.messages[0].n, 0);
	ck_assert_str_eq(client_metadata(&r.client, &k.initial, "not-modified"), "true");
	client_end(&k);
	rig_stop(&r);
}
END_TEST

START_TEST(errors_carry_their_details)
{
	struct rig r = rig_start((struct grpc_config){0});
	struct client_call k = run_send(&r, "busy");
	Google__Rpc__RetryInfo *retry =
		detail(&r, &k, "google.rpc.RetryInfo", &google__rpc__retry_info__descriptor);
	ck_assert_int_eq(retry->retry_delay->seconds, 3);
	ck_assert_str_eq(k.message, "the queue is full");
	assert_failed(&r, &k, ST_BUSY, "BUSY");
	/* More details than fit into a client's metadata: some of them come. */
	k = run_send(&r, "wrong");
	Google__Rpc__BadRequest *bad =
		detail(&r, &k, "google.rpc.BadRequest", &google__rpc__bad_request__descriptor);
	ck_assert_uint_ge(bad->n_field_violations, 1);
	ck_assert_str_eq(bad->field_violations[0]->field, "options.gas_limit");
	ck_assert_str_eq(bad->field_violations[0]->reason, "RANGE");
	ck_assert_str_eq(k.message, "gas_limit is too high: ü%\n");
	assert_failed(&r, &k, ST_INVALID, "GAS_LIMIT");
	k = run_send(&r, "internal");
	assert_failed(&r, &k, ST_INTERNAL, "INTERNAL");
	k = run(&r, (struct client_call){.path = "/ferry.v1.IdentityService/Register"});
	assert_failed(&r, &k, ST_NOT_IMPLEMENTED, "METHOD_UNKNOWN");
	k = run(&r, (struct client_call){.path = "/"});
	assert_failed(&r, &k, ST_NOT_IMPLEMENTED, "METHOD_UNKNOWN");
	ck_assert_uint_eq(counts(&r).failed, 5);
	rig_stop(&r);
}
END_TEST

START_TEST(bad_requests_are_refused)
{
	struct rig r = rig_start((struct grpc_config){0});
	struct client_call k =
		run(&r, (struct client_call){.path = SEND, .request = bytes_of("\xff\xff", 2)});
	assert_failed(&r, &k, ST_INVALID, "INVALID");
	k = run(&r, (struct client_call){.path = SEND, .request = bytes_of("\x4a\x03" "a\0b", 5)});
	Google__Rpc__BadRequest *bad =
		detail(&r, &k, "google.rpc.BadRequest", &google__rpc__bad_request__descriptor);
	ck_assert_str_eq(bad->field_violations[0]->field, "client_ref");
	assert_failed(&r, &k, ST_INVALID, "INVALID");
	k = run(&r, (struct client_call){.path = SEND,
					 .metadata = {"authorization", "Bearer sk_test",
						      "authorization", "Bearer sk_other"}});
	assert_failed(&r, &k, ST_INVALID, "INVALID");
	k = run(&r, (struct client_call){.path = SEND, .metadata = {"x", "y"}});
	assert_failed(&r, &k, ST_UNAUTHENTICATED, "UNAUTHENTICATED");
	uint8_t *large = arena_alloc(r.cx->arena, 4 * 1024 * 1024);
	k = run(&r, (struct client_call){.path = SEND, .request = bytes_of(large, 70 * 1024)});
	assert_failed(&r, &k, ST_TOO_LARGE, "TOO_LARGE");
	struct bytes huge = bytes_of(large, 4 * 1024 * 1024);
	k = run(&r, (struct client_call){.path = SEND, .request = huge});
	ck_assert_int_eq(k.code, GRPC_STATUS_RESOURCE_EXHAUSTED);
	client_end(&k);
	/* 4 MiB that travel as a few KiB must not be unpacked. */
	k = run(&r, (struct client_call){.path = SEND, .gzip = true, .request = huge});
	ck_assert_msg(k.code == GRPC_STATUS_UNIMPLEMENTED ||
			      k.code == GRPC_STATUS_RESOURCE_EXHAUSTED,
		      "%d %s", k.code, k.message);
	client_end(&k);
	k = run_send(&r, "still there");
	ck_assert_int_eq(k.code, 0);
	client_end(&k);
	rig_stop(&r);
}
END_TEST

static struct client_call run_watch(struct rig *r, const char *id, struct client_call k)
{
	Ferry__V1__WatchMessageRequest m = FERRY__V1__WATCH_MESSAGE_REQUEST__INIT;
	m.id = (char *)(uintptr_t)id;
	k.path = WATCH;
	k.request = api_proto_encode(r->cx->arena, &m.base);
	return run(r, k);
}

static void wait_for_no_streams(struct rig *r)
{
	for (int i = 0; i < 500 && atomic_load(&r->api->open_streams) > 0; i++)
		clock_sleep_ms(10);
	ck_assert_int_eq(atomic_load(&r->api->open_streams), 0);
	for (int i = 0; i < 500 && counts(r).live > 0; i++)
		clock_sleep_ms(10);
	ck_assert_uint_eq(counts(r).live, 0);
	ck_assert_uint_eq(counts(r).streams, 0);
}

START_TEST(streams_send_what_comes_and_end)
{
	struct rig r = rig_start((struct grpc_config){0});
	struct client_call k = run_watch(&r, "three", (struct client_call){0});
	ck_assert_msg(k.code == 0, "%d %s", k.code, k.message);
	ck_assert_uint_eq(k.messages_count, 3);
	Ferry__V1__Event *e = unpack(&r, &ferry__v1__event__descriptor, k.messages[2]);
	ck_assert_uint_eq(e->seq, 5);
	client_end(&k);
	k = run_watch(&r, "refused", (struct client_call){0});
	assert_failed(&r, &k, ST_NOT_FOUND, "NOT_FOUND");
	rig_stop(&r);
}
END_TEST

START_TEST(a_stream_whose_client_leaves_is_closed)
{
	struct rig r = rig_start((struct grpc_config){0});
	struct client_call k = run_watch(&r, "silent", (struct client_call){.cancel_after_ms = 50});
	ck_assert_int_eq(k.code, GRPC_STATUS_CANCELLED);
	client_end(&k);
	wait_for_no_streams(&r);
	k = run_watch(&r, "flood", (struct client_call){.messages_max = 40});
	ck_assert_int_eq(k.code, GRPC_STATUS_CANCELLED);
	client_end(&k);
	wait_for_no_streams(&r);
	k = run_watch(&r, "silent", (struct client_call){.timeout_ms = 100});
	ck_assert_int_eq(k.code, GRPC_STATUS_DEADLINE_EXCEEDED);
	client_end(&k);
	wait_for_no_streams(&r);
	rig_stop(&r);
}
END_TEST

static void watch_to_its_age(void *arg)
{
	struct rig own = *(struct rig *)arg;
	own.cx = unit_ctx();
	client_open(&own.client, own.cx->arena, own.port);
	struct client_call k = run_watch(&own, "silent", (struct client_call){0});
	assert_failed(&own, &k, ST_UNAVAILABLE, "STREAM_AGE");
	client_close(&own.client);
	unit_ctx_end(own.cx);
}

START_TEST(streams_have_a_number_and_an_age)
{
	struct rig r = rig_start((struct grpc_config){.streams_max = 1, .stream_age_s = 1});
	struct thread *t = thread_start("watch", watch_to_its_age, &r);
	while (counts(&r).streams == 0)
		clock_sleep_ms(1);
	struct client_call k = run_watch(&r, "silent", (struct client_call){0});
	assert_failed(&r, &k, ST_BUSY, "TOO_MANY_CALLS");
	k = run_send(&r, "a call that is no stream");
	ck_assert_int_eq(k.code, 0);
	client_end(&k);
	thread_join(t);
	wait_for_no_streams(&r);
	rig_stop(&r);
}
END_TEST

START_TEST(a_deadline_ends_a_call_on_both_sides)
{
	struct rig r = rig_start((struct grpc_config){0});
	struct client_call k = run(&r, (struct client_call){.path = SEND,
							    .request = send_request(&r, "slow"),
							    .timeout_ms = 50});
	ck_assert_int_eq(k.code, GRPC_STATUS_DEADLINE_EXCEEDED);
	client_end(&k);
	wait_for_no_streams(&r);
	rig_stop(&r);
}
END_TEST

struct burst {
	struct rig *r;
	const char *ref;
	int calls, good, shed;
};

static void burst_run(void *arg)
{
	struct burst *b = arg;
	struct rig own = *b->r;
	own.cx = unit_ctx();
	client_open(&own.client, own.cx->arena, own.port);
	for (int i = 0; i < b->calls; i++) {
		struct client_call k = run_send(&own, b->ref);
		b->good += k.code == 0;
		if (k.code != 0) {
			b->shed++;
			assert_failed(&own, &k, ST_BUSY, "TOO_MANY_CALLS");
		} else {
			client_end(&k);
		}
	}
	client_close(&own.client);
	unit_ctx_end(own.cx);
}

START_TEST(too_many_calls_are_shed_and_the_rest_answered)
{
	struct rig r = rig_start((struct grpc_config){.calls_max = 2});
	struct burst bursts[6];
	struct thread *threads[6];
	for (int i = 0; i < 6; i++) {
		bursts[i] = (struct burst){.r = &r, .ref = "slow", .calls = 1};
		threads[i] = thread_start("burst", burst_run, &bursts[i]);
	}
	int good = 0, shed = 0;
	for (int i = 0; i < 6; i++) {
		thread_join(threads[i]);
		good += bursts[i].good;
		shed += bursts[i].shed;
	}
	ck_assert_int_ge(good, 2);
	ck_assert_int_ge(shed, 1);
	ck_assert_int_eq(good + shed, 6);
	ck_assert_uint_eq(counts(&r).shed, (unsigned)shed);
	rig_stop(&r);
}
END_TEST

static void churn_run(void *arg)
{
	struct rig own = *(struct rig *)arg;
	own.cx = unit_ctx();
	client_open(&own.client, own.cx->arena, own.port);
	for (int i = 0; i < 60; i++) {
		struct client_call k;
		if (i % 3 == 0)
			k = run_send(&own, "x");
		else if (i % 3 == 1)
			k = run_watch(&own, "flood",
				      (struct client_call){.messages_max = i % 7 + 1});
		else
			k = run_watch(&own, "silent",
				      (struct client_call){.cancel_after_ms = i % 5 + 1});
		client_end(&k);
	}
	client_close(&own.client);
	unit_ctx_end(own.cx);
}

START_TEST(calls_and_streams_come_and_go_from_many_sides)
{
	struct rig r = rig_start((struct grpc_config){.threads = 4});
	struct thread *threads[6];
	for (int i = 0; i < 6; i++)
		threads[i] = thread_start("churn", churn_run, &r);
	for (int i = 0; i < 6; i++)
		thread_join(threads[i]);
	wait_for_no_streams(&r);
	/* what is cancelled may be so before it leaves the client */
	ck_assert_uint_ge(counts(&r).calls, 6 * 40);
	ck_assert_uint_le(counts(&r).calls, 6 * 60);
	rig_stop(&r);
}
END_TEST

static int health_of(struct rig *r, const char *service)
{
	Grpc__Health__V1__HealthCheckRequest m = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
	m.service = (char *)(uintptr_t)service;
	struct client_call k =
		run(r, (struct client_call){.path = CHECK,
					    .request = api_proto_encode(r->cx->arena, &m.base)});
	int status = -k.code;
	if (k.code == 0)
		status = ((Grpc__Health__V1__HealthCheckResponse *)unpack(
				  r, &grpc__health__v1__health_check_response__descriptor,
				  k.messages[0]))
				 ->status;
	client_end(&k);
	return status;
}

static void health_changes(void *arg)
{
	struct rig *r = arg;
	while (counts(r).streams == 0)
		clock_sleep_ms(1);
	clock_sleep_ms(50);
	grpc_set_serving(r->front, false);
	clock_sleep_ms(50);
	grpc_drain(r->front);
}

START_TEST(health_tells_what_is_and_what_changes)
{
	struct rig r = rig_start((struct grpc_config){0});
	ck_assert_int_eq(health_of(&r, ""), 1);
	ck_assert_int_eq(health_of(&r, "ferry.v1.MessageService"), 1);
	ck_assert_int_eq(health_of(&r, "nobody"), -GRPC_STATUS_NOT_FOUND);
	grpc_set_serving(r.front, false);
	ck_assert_int_eq(health_of(&r, ""), 2);
	grpc_set_serving(r.front, true);
	struct thread *t = thread_start("changes", health_changes, &r);
	struct client_call k = run(&r, (struct client_call){.path = HEALTH_WATCH});
	thread_join(t);
	ck_assert_uint_eq(k.messages_count, 2);
	unit_assert_hex(r.cx->arena, k.messages[0], "0x0801");
	unit_assert_hex(r.cx->arena, k.messages[1], "0x0802");
	assert_failed(&r, &k, ST_UNAVAILABLE, "SHUTTING_DOWN");
	rig_stop(&r);
}
END_TEST

static Grpc__Reflection__V1__ServerReflectionResponse *reflect(struct rig *r, const char *path,
							       int what, const char *name)
{
	Grpc__Reflection__V1__ServerReflectionRequest m =
		GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
	int *chosen = (int *)&m.message_request_case;
	*chosen = what;
	m.list_services = (char *)(uintptr_t)name; /* all are one text in a union */
	struct client_call k =
		run(r, (struct client_call){.path = path,
					    .request = api_proto_encode(r->cx->arena, &m.base)});
	ck_assert_msg(k.code == 0, "%d %s", k.code, k.message);
	ck_assert_uint_eq(k.messages_count, 1);
	client_end(&k);
	return unpack(r, &grpc__reflection__v1__server_reflection_response__descriptor,
		      k.messages[0]);
}

START_TEST(reflection_lists_services_and_gives_files)
{
	enum { BY_FILE = 3, BY_SYMBOL = 4, LIST = 7 };
	struct rig r = rig_start((struct grpc_config){0});
	static const char *const paths[] = {REFLECT, REFLECT_ALPHA};
	for (int i = 0; i < 2; i++) {
		Grpc__Reflection__V1__ServerReflectionResponse *m =
			reflect(&r, paths[i], LIST, "*");
		ck_assert_uint_eq(m->list_services_response->n_service, 7);
		m = reflect(&r, paths[i], BY_SYMBOL, "ferry.v1.MessageService.GetMessage");
		/* itself, types.proto, timestamp.proto */
		ck_assert_uint_eq(m->file_descriptor_response->n_file_descriptor_proto, 3);
		m = reflect(&r, paths[i], BY_FILE, "ferry/v1/quote_service.proto");
		ck_assert_uint_eq(m->file_descriptor_response->n_file_descriptor_proto, 4);
		m = reflect(&r, paths[i], BY_SYMBOL, "ferry.v1.Nothing");
		ck_assert_int_eq(m->error_response->error_code, GRPC_STATUS_NOT_FOUND);
		m = reflect(&r, paths[i], BY_FILE, "/etc/passwd");
		ck_assert_int_eq(m->error_response->error_code, GRPC_STATUS_NOT_FOUND);
	}
	for (size_t i = 0; i < API_METHODS_COUNT; i++) {
		const char *name = arena_printf(r.cx->arena, "%s.%s", api_methods[i].service,
						api_methods[i].rpc);
		ck_assert_int_ne((int)reflect(&r, REFLECT, BY_SYMBOL, name)->message_response_case,
				 7);
	}
	rig_stop(&r);
}
END_TEST

static void send_slow(void *arg)
{
	burst_run(arg);
}

START_TEST(stopping_lets_calls_under_way_finish_and_ends_streams)
{
	struct rig r = rig_start((struct grpc_config){0});
	struct burst slow = {.r = &r, .ref = "slow", .calls = 1};
	struct thread *t = thread_start("slow", send_slow, &slow);
	while (counts(&r).live == 0)
		clock_sleep_ms(1);
	int64_t begun = clock_mono_ms();
	client_close(&r.client);
	grpc_stop(r.front, 5000);
	ck_assert_int_lt(clock_mono_ms() - begun, 4000);
	thread_join(t);
	ck_assert_int_eq(slow.good, 1);
	fake_stop(r.api);
	grpc_shutdown();
	unit_ctx_end(r.cx);
}
END_TEST

START_TEST(a_probe_sees_a_server_that_answers_and_one_that_does_not)
{
	struct rig r = rig_start((struct grpc_config){0});
	ck_assert(grpc_probe(r.front, 5000));
	ck_assert(grpc_probe(r.front, 5000));
	grpc_drain(r.front);
	for (int i = 0; i < 100 && counts(&r).live > 0; i++)
		clock_sleep_ms(10);
	int64_t begun = clock_mono_ms();
	ck_assert(!grpc_probe(r.front, 300));
	ck_assert_int_lt(clock_mono_ms() - begun, 2000);
	rig_stop(&r);
}
END_TEST

START_TEST(an_address_in_use_is_not_shared)
{
	struct rig r = rig_start((struct grpc_config){0});
	char listen[32];
	snprintf(listen, sizeof listen, "127.0.0.1:%d", grpc_port(r.front));
	struct grpc_config config = {.listen = listen, .calls = &fake_calls};
	ck_assert_ptr_null(grpc_start(&config, r.api));
	rig_stop(&r);
}
END_TEST

static int serve(const char *port)
{
	char listen[32];
	snprintf(listen, sizeof listen, "127.0.0.1:%s", port);
	struct grpc_config config = {.listen = listen, .calls = &fake_calls};
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	thread_block_signals();
	struct api *api = fake_start();
	struct grpc_front *front = grpc_start(&config, api);
	if (!front)
		return EXIT_FAILURE;
	grpc_set_serving(front, true);
	int caught;
	sigwait(&set, &caught);
	grpc_stop(front, 1000);
	fake_stop(api);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	const TTest *const tests[] = {
		a_call_is_answered_with_its_message_and_metadata,
		what_has_not_changed_says_so,
		errors_carry_their_details,
		bad_requests_are_refused,
		streams_send_what_comes_and_end,
		a_stream_whose_client_leaves_is_closed,
		streams_have_a_number_and_an_age,
		a_deadline_ends_a_call_on_both_sides,
		too_many_calls_are_shed_and_the_rest_answered,
		calls_and_streams_come_and_go_from_many_sides,
		health_tells_what_is_and_what_changes,
		reflection_lists_services_and_gives_files,
		stopping_lets_calls_under_way_finish_and_ends_streams,
		a_probe_sees_a_server_that_answers_and_one_that_does_not,
		an_address_in_use_is_not_shared,
	};
	if (argc == 3 && strcmp(argv[1], "--serve") == 0)
		return serve(argv[2]);
	return unit_run("server/grpc", tests, sizeof tests / sizeof tests[0]);
}
