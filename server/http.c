/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "server/http_exchange.h"

enum {
	/* A head of 16 KiB with its header list, and room for the answer's head. */
	HTTP_CONNECTION_BYTES = 24 * 1024,
	HTTP_ADMIN_CONNECTIONS = 64,
	HTTP_STOP_POLL_MS = 5,
};

struct http_daemon {
	struct http *http;
	struct MHD_Daemon *mhd;
	int listen_fd;
	int port;
	bool admin;
	bool quiet; /* does not accept any more */
};

/* -- connections -- */

static void http_connection_event(void *cls, struct MHD_Connection *c, void **context,
				  enum MHD_ConnectionNotificationCode code)
{
	struct http *http = ((struct http_daemon *)cls)->http;
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		const union MHD_ConnectionInfo *info =
			MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
		struct http_connection *connection = calloc(1, sizeof *connection);
		assert(connection && info);
		connection->fd = info->connect_fd;
		connection->number = atomic_fetch_add(&http->connections_in_all, 1);
		atomic_init(&connection->deadline_ms, clock_mono_ms() + http->config.header_ms);
		atomic_fetch_add(&http->connections, 1);
		http_reaper_add(http->reaper, connection);
		*context = connection;
		return;
	}
	struct http_connection *connection = *context;
	int unread = 0;
	if (ioctl(connection->fd, FIONREAD, &unread) == 0 && unread > 0)
		connection->linger = true;
	http_reaper_remove(http->reaper, connection);
	atomic_fetch_sub(&http->connections, 1);
	free(connection);
}

static void http_deadline_set(struct http_connection *c, int ms)
{
	int64_t deadline = ms ? clock_mono_ms() + ms : 0;
	atomic_store_explicit(&c->deadline_ms, deadline, memory_order_relaxed);
}

/* The request line is there: the exchange begins. Returns what the handler finds in *context. */
static void *http_target_seen(void *cls, const char *target, struct MHD_Connection *c)
{
	const struct http_daemon *daemon = cls;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct http_connection *connection = info->socket_context;
	struct arena *arena = arena_create(HTTP_ARENA_BYTES_MAX);
	struct http_exchange *ex = arena_alloc(arena, sizeof *ex);
	ex->http = daemon->http;
	ex->arena = arena;
	ex->socket = c;
	ex->connection = connection;
	ex->admin = daemon->admin;
	ex->head.target_at = target;
	ex->head.target_n = target ? strlen(target) : 0;
	ex->head.target = arena_strndup(arena, target ? target : "", ex->head.target_n);
	/* The first head has its time since the connection came, later ones since their line. */
	if (connection->kept)
		http_deadline_set(connection, daemon->http->config.header_ms);
	snprintf(ex->request_id, sizeof ex->request_id, "req_%016llx%08x%08x",
		 (unsigned long long)daemon->http->boot, (unsigned)connection->number,
		 connection->requests++);
	return ex;
}

/* The exchange is over, answered or not. Its call, if any, is done: nothing else holds it. */
static void http_exchange_over(void *cls, struct MHD_Connection *c, void **context,
			       enum MHD_RequestTerminationCode code)
{
	(void)c;
	struct http *http = ((struct http_daemon *)cls)->http;
	struct http_exchange *ex = *context;
	if (!ex)
		return;
	if (code == MHD_REQUEST_TERMINATED_WITH_ERROR)
		ex->connection->linger = true;
	ex->connection->kept = true;
	http_deadline_set(ex->connection, http->config.keepalive_ms);
	arena_destroy(ex->arena);
	*context = NULL;
}

/* -- answering -- */

static enum MHD_Result http_reply(struct http_exchange *ex)
{
	struct http_answer *answer = &ex->answer;
	assert(answer->status > 0);
	http_answer_seal(ex);
	struct MHD_Response *response = MHD_create_response_from_buffer(
		answer->body.n, (void *)(uintptr_t)answer->body.p, MHD_RESPMEM_PERSISTENT);
	assert(response);
	for (size_t i = 0; i < answer->pairs_count; i++)
		MHD_add_response_header(response, answer->pairs[i].name, answer->pairs[i].value);
	if (answer->close || atomic_load_explicit(&ex->http->draining, memory_order_relaxed)) {
		MHD_add_response_header(response, "Connection", "close");
		ex->connection->linger = answer->close;
	}
	http_deadline_set(ex->connection, ex->http->config.reply_ms);
	enum MHD_Result rc =
		MHD_queue_response(ex->socket, (unsigned)answer->status, response);
	MHD_destroy_response(response);
	return rc;
}

int http_socket_fd(const struct http_exchange *ex)
{
	return ex->connection->fd;
}

/* The call is answered and the connection suspended: goes on, with the answer or the stream. */
static void http_resume(struct http_exchange *ex)
{
	struct http *http = ex->http;
	if (ex->call_status == ST_OK && ex->call.stream) {
		http_streams_add(http->streams, ex);
		return; /* stays in flight until http_stream_ended */
	}
	MHD_resume_connection(ex->socket);
	atomic_fetch_sub(&http->in_flight, 1); /* the last touch: http_stop waits for it */
}

void http_stream_ended(struct http_exchange *ex)
{
	struct http *http = ex->http;
	atomic_store(&ex->phase, HTTP_PHASE_STREAM);
	atomic_fetch_sub(&http->watchers, 1);
	MHD_resume_connection(ex->socket);
	atomic_fetch_sub(&http->in_flight, 1);
}

static void http_call_done(struct api_call *call, enum status st)
{
	struct http_exchange *ex = call->transport;
	ex->call_status = st;
	/* Whoever comes second goes on: this, or the connection's thread in http_wait. */
	if (atomic_exchange(&ex->phase, HTTP_PHASE_DONE) == HTTP_PHASE_SUSPENDED)
		http_resume(ex);
}

void http_submit(struct http_exchange *ex)
{
	struct http *http = ex->http;
	struct api_call *call = &ex->call;
	bool stream = call->method->queue == API_QUEUE_STREAM;
	if (stream && atomic_fetch_add(&http->watchers, 1) >= http->config.watchers_max) {
		atomic_fetch_sub(&http->watchers, 1);
		enum status st = fail_code(&call->cx, ST_BUSY, "TOO_MANY_STREAMS",
					   "Too many event streams are open; try again later.");
		if (ex->route.kind == HTTP_KIND_CONNECT)
			http_connect_fail(ex, &call->cx, st);
		else
			http_fail(ex, &call->cx, st);
		return;
	}
	call->done = http_call_done;
	call->transport = ex;
	atomic_fetch_add(&http->in_flight, 1);
	atomic_store(&ex->phase, HTTP_PHASE_RUNNING);
	http->config.calls->submit(http->api, call);
}

/* The call is submitted: suspends until it is done. Returns: it is done already, answer now. */
static bool http_wait(struct http_exchange *ex)
{
	struct http *http = ex->http;
	if (atomic_load(&ex->phase) == HTTP_PHASE_DONE &&
	    !(ex->call_status == ST_OK && ex->call.stream)) {
		atomic_fetch_sub(&http->in_flight, 1);
		return true;
	}
	MHD_suspend_connection(ex->socket);
	int running = HTTP_PHASE_RUNNING;
	if (!atomic_compare_exchange_strong(&ex->phase, &running, HTTP_PHASE_SUSPENDED))
		http_resume(ex);
	return false;
}

static void http_finish(struct http_exchange *ex)
{
	bool stream = ex->call.method->queue == API_QUEUE_STREAM;
	if (stream)
		atomic_fetch_sub(&ex->http->watchers, 1);
	if (ex->route.kind == HTTP_KIND_CONNECT)
		http_connect_finish(ex);
	else
		http_rest_finish(ex);
}

/* -- requests -- */

static enum MHD_Result http_header_seen(void *cls, enum MHD_ValueKind kind, const char *name,
					size_t name_n, const char *value, size_t value_n)
{
	(void)kind;
	struct http_head *head = cls;
	if (head->count == HTTP_HEADERS_MAX) {
		head->overflow = true;
		return MHD_NO;
	}
	head->list[head->count++] = (struct http_header){name, value ? value : "", name_n, value_n};
	return MHD_YES;
}

static void http_head_collect(struct http_exchange *ex, const char *method, const char *version)
{
	struct http_head *head = &ex->head;
	head->method = method;
	head->version = version;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(ex->socket, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	head->bytes = info ? info->header_size : 0;
	MHD_get_connection_values_n(ex->socket, MHD_HEADER_KIND, http_header_seen, head);
}

/* What the route says about the request before its body is read. */
static enum status http_admit(struct http_exchange *ex)
{
	struct ctx *cx = &ex->call.cx;
	if (atomic_load_explicit(&ex->http->stopping, memory_order_relaxed))
		return fail(cx, ST_UNAVAILABLE, "The server is stopping; try another or again.");
	switch (ex->route.kind) {
	case HTTP_KIND_NOT_FOUND:
		return fail(cx, ST_NOT_FOUND, "There is nothing at this path; see /docs.");
	case HTTP_KIND_NOT_ALLOWED:
		return fail(cx, ST_METHOD_NOT_ALLOWED, "This path answers to %s.",
			    ex->route.allow);
	case HTTP_KIND_NOT_BUILT:
		return fail(cx, ST_NOT_IMPLEMENTED, "This is planned and not built yet.");
	case HTTP_KIND_REST:
	case HTTP_KIND_EVENTS:
		return http_rest_accept(ex);
	case HTTP_KIND_CONNECT:
		return http_connect_accept(ex);
	case HTTP_KIND_OPTIONS:
	case HTTP_KIND_PAGE:
		return ST_OK;
	}
	return ST_OK;
}

static void http_refuse(struct http_exchange *ex, enum status st)
{
	if (ex->route.kind == HTTP_KIND_CONNECT)
		http_connect_fail(ex, &ex->call.cx, st);
	else
		http_fail(ex, &ex->call.cx, st);
}

static enum status http_body_too_large(struct http_exchange *ex)
{
	return fail(&ex->call.cx, ST_TOO_LARGE,
		    "The body has more than the %zu bytes allowed here.", ex->body_bytes_max);
}

/* The head is complete. May leave an answer, which is sent at once or after the body. */
static void http_begin(struct http_exchange *ex, const char *method, const char *version)
{
	const struct http_config *config = &ex->http->config;
	struct ctx *cx = &ex->call.cx;
	atomic_fetch_add_explicit(&ex->http->requests_in_all, 1, memory_order_relaxed);
	ctx_init(cx, ex->arena, config->request_ms, ex->request_id);
	ex->call.arena = ex->arena;
	http_head_collect(ex, method, version);
	enum status st = http_guard(cx, &ex->head);
	if (st != ST_OK) {
		atomic_fetch_add(&ex->http->refused_in_all, 1);
		http_fail(ex, cx, st);
		ex->answer.close = true;
		ex->answer.at_once = true;
		return;
	}
	const char *trace = ex->head.value[HTTP_TRACEPARENT];
	ex->traceparent = trace && http_traceparent_is_valid(trace) ? trace : NULL;
	http_route_find(ex);
	http_deadline_set(ex->connection, ex->head.has_body ? config->body_ms : 0);
	st = http_admit(ex);
	if (st == ST_OK && ex->head.content_length > ex->body_bytes_max)
		st = http_body_too_large(ex);
	if (st == ST_OK) {
		buf_init(&ex->body, ex->arena, ex->body_bytes_max);
		return;
	}
	http_refuse(ex, st);
	/* Small bodies are read and dropped, so that the connection stays good and the client
	 * reads the answer; who waits for "100 Continue" is told at once. */
	ex->answer.at_once = ex->head.value[HTTP_EXPECT] ||
			     ex->head.content_length > HTTP_DISCARD_BYTES_MAX;
	ex->answer.close = ex->answer.at_once && ex->head.has_body;
}

/* Returns: false to break the connection off. */
static bool http_body_add(struct http_exchange *ex, const char *p, size_t n)
{
	ex->body_bytes += n;
	if (ex->body_bytes > ex->body_bytes_max + HTTP_DISCARD_BYTES_MAX)
		return false;
	if (ex->answer.status > 0)
		return true;
	if (ex->body_bytes <= ex->body_bytes_max) {
		buf_put(&ex->body, p, n);
		return true;
	}
	http_refuse(ex, http_body_too_large(ex));
	return true;
}

/* The request is complete: answers, or gives it to the API. */
static void http_dispatch(struct http_exchange *ex)
{
	http_deadline_set(ex->connection, 0);
	switch (ex->route.kind) {
	case HTTP_KIND_REST:
	case HTTP_KIND_EVENTS:
		http_rest_begin(ex);
		return;
	case HTTP_KIND_CONNECT:
		http_connect_begin(ex);
		return;
	case HTTP_KIND_OPTIONS:
		http_answer_options(ex);
		return;
	case HTTP_KIND_PAGE:
		ex->route.page->answer(ex);
		return;
	case HTTP_KIND_NOT_FOUND:
	case HTTP_KIND_NOT_ALLOWED:
	case HTTP_KIND_NOT_BUILT:
		break;
	}
	assert(!"these were answered by http_admit");
}

/* libmicrohttpd calls this with the head, then with each part of the body, then once more with
 * nothing, and again after each resume. */
static enum MHD_Result http_handle(void *cls, struct MHD_Connection *c, const char *url,
				   const char *method, const char *version, const char *data,
				   size_t *data_n, void **context)
{
	(void)cls;
	(void)c;
	(void)url;
	struct http_exchange *ex = *context;
	if (!ex->begun) {
		ex->begun = true;
		http_begin(ex, method, version);
		return ex->answer.at_once ? http_reply(ex) : MHD_YES;
	}
	if (*data_n > 0) {
		size_t n = *data_n;
		*data_n = 0;
		return http_body_add(ex, data, n) ? MHD_YES : MHD_NO;
	}
	switch ((enum http_phase)atomic_load(&ex->phase)) {
	case HTTP_PHASE_NEW:
		if (ex->answer.status == 0)
			http_dispatch(ex);
		if (ex->answer.status > 0)
			return http_reply(ex);
		if (!http_wait(ex))
			return MHD_YES;
		break;
	case HTTP_PHASE_DONE:
		break;
	case HTTP_PHASE_STREAM:
		return MHD_NO;
	case HTTP_PHASE_RUNNING:
	case HTTP_PHASE_SUSPENDED:
		assert(!"the connection is suspended");
	}
	http_finish(ex);
	return http_reply(ex);
}

/* The path is decoded by http_route.c, part by part. */
static size_t http_keep_escapes(void *cls, struct MHD_Connection *c, char *s)
{
	(void)cls;
	(void)c;
	return strlen(s);
}

/* -- listening -- */

static enum status http_daemon_start(struct ctx *cx, struct http *http, struct http_daemon **out,
				     const char *listen_at, bool admin)
{
	const struct http_config *config = &http->config;
	struct http_daemon *d = arena_alloc(http->arena, sizeof *d);
	d->http = http;
	d->admin = admin;
	TRY(http_listen(cx, listen_at, &d->listen_fd, &d->port));
	unsigned connections = admin ? HTTP_ADMIN_CONNECTIONS : config->connections_max;
	struct MHD_OptionItem more[] = {
		{MHD_OPTION_THREAD_POOL_SIZE, config->threads, NULL},
		{MHD_OPTION_PER_IP_CONNECTION_LIMIT, (intptr_t)config->connections_per_ip, NULL},
		{MHD_OPTION_END, 0, NULL},
	};
	/* One thread needs no pool, and the operator's listener no limit by address. */
	if (admin || config->threads < 2)
		more[0] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
	d->mhd = MHD_start_daemon(
		MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
		http_handle, d, MHD_OPTION_LISTEN_SOCKET, d->listen_fd,
		MHD_OPTION_CONNECTION_LIMIT, connections, MHD_OPTION_CONNECTION_TIMEOUT, 0U,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_CONNECTION_BYTES,
		MHD_OPTION_NOTIFY_CONNECTION, http_connection_event, d,
		MHD_OPTION_NOTIFY_COMPLETED, http_exchange_over, d, MHD_OPTION_URI_LOG_CALLBACK,
		http_target_seen, d, MHD_OPTION_UNESCAPE_CALLBACK, http_keep_escapes, NULL,
		MHD_OPTION_ARRAY, more, MHD_OPTION_END);
	if (!d->mhd) {
		close(d->listen_fd);
		return fail(cx, ST_UNAVAILABLE, "The HTTP server on %s does not start.", listen_at);
	}
	*out = d;
	return ST_OK;
}

/* -- the life of the transport -- */

enum status http_start(struct ctx *cx, struct http **out, const struct http_config *config,
		       struct api *api)
{
	assert(config->listen && config->calls);
	struct http *http = calloc(1, sizeof *http);
	assert(http);
	http->config = *config;
	http->api = api;
	http->arena = arena_create(HTTP_ARENA_BYTES_MAX);
	http->boot = random_u64();
	http_config_complete(&http->config);
	http_patterns_make(http);
	http_docs_make(http);
	http->reaper = http_reaper_start(http);
	http->streams = http_streams_start(http);
	enum status st = http_daemon_start(cx, http, &http->daemons[0], config->listen, false);
	if (st == ST_OK && config->admin_listen)
		st = http_daemon_start(cx, http, &http->daemons[1], config->admin_listen, true);
	if (st != ST_OK) {
		http_stop(http);
		return st;
	}
	*out = http;
	return ST_OK;
}

int http_port(const struct http *http, bool admin)
{
	const struct http_daemon *d = http->daemons[admin ? 1 : 0];
	return d ? d->port : 0;
}

static void http_quiesce(struct http_daemon *d)
{
	if (!d || d->quiet)
		return;
	d->quiet = true;
	MHD_quiesce_daemon(d->mhd);
	/* The library may still look at the socket, so it is closed later; but who connects now
	 * must be refused at once, not wait in the backlog of a server that never accepts. */
	shutdown(d->listen_fd, SHUT_RDWR);
}

void http_drain(struct http *http, int wait_ms)
{
	int64_t until = clock_mono_ms() + wait_ms;
	atomic_store(&http->draining, true);
	http_quiesce(http->daemons[0]);
	http_streams_drain(http->streams);
	while (atomic_load(&http->in_flight) > 0 && clock_mono_ms() < until)
		clock_sleep_ms(HTTP_STOP_POLL_MS);
}

void http_stop(struct http *http)
{
	if (!http)
		return;
	atomic_store(&http->draining, true);
	atomic_store(&http->stopping, true);
	http_quiesce(http->daemons[0]);
	http_quiesce(http->daemons[1]);
	http_streams_drain(http->streams);
	/* Stopping the library while it has suspended connections is not allowed. */
	while (atomic_load(&http->in_flight) > 0)
		clock_sleep_ms(HTTP_STOP_POLL_MS);
	for (int i = 0; i < 2; i++) {
		if (!http->daemons[i])
			continue;
		MHD_stop_daemon(http->daemons[i]->mhd);
		close(http->daemons[i]->listen_fd);
	}
	http_streams_stop(http->streams);
	http_reaper_stop(http->reaper);
	arena_destroy(http->arena);
	free(http);
}

void http_stats_read(const struct http *http, struct http_stats *out)
{
	*out = (struct http_stats){
		.connections = atomic_load(&http->connections),
		.connections_in_all = atomic_load(&http->connections_in_all),
		.requests_in_all = atomic_load(&http->requests_in_all),
		.in_flight = atomic_load(&http->in_flight),
		.watchers = atomic_load(&http->watchers),
		.cut_in_all = atomic_load(&http->cut_in_all),
		.refused_in_all = atomic_load(&http->refused_in_all),
	};
	for (int i = 0; i < 6; i++)
		out->answers[i] = atomic_load(&http->answers[i]);
}
