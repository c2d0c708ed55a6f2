/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP transport on a loopback port with an API that only pretends, and a client that sends
 * bytes as they are. What the API does is said by the request: its id, or its client_ref.
 */
#ifndef FERRY_UNIT_HTTP_RIG_H
#define FERRY_UNIT_HTTP_RIG_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/json.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/queue.h"
#include "base/thread.h"
#include "server/http.h"

#include "ferry/v1/identity_service.pb-c.h"
#include "ferry/v1/message_service.pb-c.h"
#include "ferry/v1/types.pb-c.h"

struct rig;

struct api_stream {
	struct rig *rig;
	struct api_call *call;
	uint64_t seq;
	uint64_t end;       /* the last seq there is; UINT64_MAX: no end */
	bool live;          /* gives one event a tick */
	_Atomic bool ready; /* live: there is one now */
	void (*wake)(void *arg); /* guarded by lock */
	void *arg;               /* guarded by lock */
	struct lock lock;
	struct api_stream *next; /* guarded by the rig's lock */
};

struct rig {
	struct http *http;
	struct http_config config;
	struct queue *queue;
	struct thread *worker;
	struct thread *ticker;
	struct arena *arena;
	struct ctx cx;
	_Atomic bool stopping;
	_Atomic int tick_ms;
	_Atomic uint64_t calls;
	_Atomic uint64_t closed;
	struct lock lock;
	struct api_stream *streams; /* guarded by lock */
};

static struct rig *the_rig; /* http_api has no argument of its own for streams */

static inline Ferry__V1__Message *rig_message(struct api_call *call, const char *id)
{
	Ferry__V1__Message *m =
		(void *)api_message_new(call->arena, &ferry__v1__message__descriptor);
	m->id = arena_strdup(call->arena, id);
	m->state = FERRY__V1__STATE__STATE_ACCEPTED;
	m->src_eid = 40161;
	m->dst_eid = 40245;
	return m;
}

static inline enum status rig_send(struct api_call *call)
{
	const Ferry__V1__SendMessageRequest *in = (const void *)call->request;
	if (!call->idempotency_key)
		return fail_code(&call->cx, ST_INVALID, "IDEMPOTENCY_KEY_MISSING",
				 "Send the header Idempotency-Key.");
	Ferry__V1__Message *m = rig_message(call, "msg_00000000000000000000000000000001");
	m->client_ref = in->client_ref;
	m->payload = in->payload;
	m->create_time = (void *)api_message_new(call->arena,
						 &google__protobuf__timestamp__descriptor);
	m->create_time->seconds = 1763735407;
	m->create_time->nanos = 45999999;
	call->reply = &m->base;
	call->etag = "1";
	call->location = arena_printf(call->arena, "/v1/messages/%s", m->id);
	call->replayed = strstr(call->idempotency_key, "again") != NULL;
	return ST_OK;
}

/* An identity of three operations, of which the request made the second, "idop_2". */
static inline enum status rig_register(struct api_call *call)
{
	Ferry__V1__Identity *out =
		(void *)api_message_new(call->arena, &ferry__v1__identity__descriptor);
	out->id = (char *)"idn_1";
	out->operations = arena_array(call->arena, 3, sizeof *out->operations);
	for (; out->n_operations < 3; out->n_operations++) {
		Ferry__V1__Operation *o =
			(void *)api_message_new(call->arena, &ferry__v1__operation__descriptor);
		o->id = arena_printf(call->arena, "idop_%zu", out->n_operations + 1);
		o->create_time = (void *)api_message_new(
			call->arena, &google__protobuf__timestamp__descriptor);
		o->create_time->seconds = 1763735407 + (int64_t)out->n_operations;
		out->operations[out->n_operations] = o;
	}
	call->reply = &out->base;
	const Ferry__V1__RegisterIdentityRequest *in = (const void *)call->request;
	call->accepted = in->quote_id[0] ? in->quote_id : "idop_2";
	return ST_OK;
}

static inline enum status rig_get(struct api_call *call)
{
	const Ferry__V1__GetMessageRequest *in = (const void *)call->request;
	if (strcmp(in->id, "msg_missing") == 0)
		return fail(&call->cx, ST_NOT_FOUND, "There is no message %s.", in->id);
	if (strcmp(in->id, "msg_busy") == 0) {
		call->cx.err.retry_after_s = 7;
		return fail(&call->cx, ST_BUSY, "The queue is full.");
	}
	if (strcmp(in->id, "msg_broken") == 0)
		return fail(&call->cx, ST_INTERNAL, "Something broke.");
	if (in->wait_ms > 0)
		clock_sleep_ms((int)in->wait_ms);
	call->etag = "7";
	call->not_modified = strcmp(in->if_none_match, "7") == 0;
	if (!call->not_modified)
		call->reply = &rig_message(call, in->id)->base;
	return ST_OK;
}

static inline enum status rig_list(struct api_call *call)
{
	Ferry__V1__ListMessagesResponse *out = (void *)api_message_new(
		call->arena, &ferry__v1__list_messages_response__descriptor);
	const Ferry__V1__ListMessagesRequest *in = (const void *)call->request;
	out->n_messages = in->page_size > 0 ? (size_t)in->page_size : 2;
	out->messages = arena_array(call->arena, out->n_messages, sizeof(void *));
	for (size_t i = 0; i < out->n_messages; i++)
		out->messages[i] = rig_message(call, "msg_1");
	out->next_page_token = arena_strdup(call->arena, "a/b c");
	call->reply = &out->base;
	return ST_OK;
}

static inline enum status rig_watch(struct api_call *call)
{
	const char *id = "feed";
	uint64_t seq = 0;
	if (call->method->id == API_WATCH_MESSAGE) {
		const Ferry__V1__WatchMessageRequest *in = (const void *)call->request;
		id = in->id;
		seq = in->after_seq;
	} else {
		const Ferry__V1__WatchEventsRequest *in = (const void *)call->request;
		seq = strtoull(in->cursor, NULL, 10);
	}
	if (strcmp(id, "msg_missing") == 0)
		return fail(&call->cx, ST_NOT_FOUND, "There is no message %s.", id);
	struct api_stream *s = calloc(1, sizeof *s);
	s->rig = the_rig;
	s->call = call;
	s->seq = seq;
	s->live = strcmp(id, "msg_live") == 0 || strcmp(id, "feed") == 0;
	s->end = strcmp(id, "msg_flood") == 0 || s->live ? UINT64_MAX : 3;
	lock_init(&s->lock);
	lock_take(&the_rig->lock);
	s->next = the_rig->streams;
	the_rig->streams = s;
	lock_give(&the_rig->lock);
	call->stream = s;
	return ST_OK;
}

static inline enum status rig_answer(struct api_call *call)
{
	if (call->authorization && strstr(call->authorization, "bad"))
		return fail(&call->cx, ST_UNAUTHENTICATED, "The key is not known.");
	if (call->method->id == API_SEND_MESSAGE)
		return rig_send(call);
	if (call->method->id == API_REGISTER_IDENTITY)
		return rig_register(call);
	if (call->method->id == API_GET_MESSAGE)
		return rig_get(call);
	if (call->method->id == API_LIST_MESSAGES)
		return rig_list(call);
	if (call->method->queue == API_QUEUE_STREAM)
		return rig_watch(call);
	call->reply = api_message_new(call->arena, call->method->reply);
	return ST_OK;
}

/* SendMessage with client_ref "inline", and GetMessage of "inline", are answered before submit
 * returns; all else by another thread, at any time. */
static inline void rig_submit(struct api *api, struct api_call *call)
{
	struct rig *rig = (struct rig *)(void *)api;
	atomic_fetch_add(&rig->calls, 1);
	const void *in = call->request;
	bool at_once = false;
	if (call->method->id == API_SEND_MESSAGE)
		at_once = strcmp(((const Ferry__V1__SendMessageRequest *)in)->client_ref,
				 "inline") == 0;
	if (call->method->id == API_GET_MESSAGE)
		at_once = strcmp(((const Ferry__V1__GetMessageRequest *)in)->id, "inline") == 0;
	if (at_once) {
		call->done(call, rig_answer(call));
		return;
	}
	if (queue_push(rig->queue, call) != ST_OK)
		call->done(call, fail(&call->cx, ST_BUSY, "The queue is full."));
}

static inline void rig_work(void *arg)
{
	struct rig *rig = arg;
	void *calls[64];
	size_t n;
	while ((n = queue_pop(rig->queue, calls, 64, -1)) > 0)
		for (size_t i = 0; i < n; i++) {
			struct api_call *call = calls[i];
			enum status st = rig_answer(call);
			call->done(call, st);
		}
}

static inline enum status rig_stream_next(struct api_stream *s, struct ctx *cx,
					  ProtobufCMessage **msg, const char **cursor,
					  void (*wake)(void *arg), void *arg)
{
	if (s->seq >= s->end)
		return ST_GONE;
	if (s->live) {
		lock_take(&s->lock);
		bool ready = atomic_exchange(&s->ready, false);
		if (!ready) {
			s->wake = wake;
			s->arg = arg;
		}
		lock_give(&s->lock);
		if (!ready)
			return ST_BUSY;
	}
	Ferry__V1__Event *e = (void *)api_message_new(cx->arena, &ferry__v1__event__descriptor);
	e->seq = ++s->seq;
	e->type = arena_strdup(cx->arena, "SENT");
	e->message_id = arena_strdup(cx->arena, "msg_1");
	e->reason = arena_printf(cx->arena, "%0200d", 0);
	*cursor = arena_printf(cx->arena, "%llu", (unsigned long long)s->seq);
	*msg = &e->base;
	if (s->call->method->id == API_WATCH_EVENTS) {
		Ferry__V1__WatchEventsResponse *r = (void *)api_message_new(
			cx->arena, &ferry__v1__watch_events_response__descriptor);
		r->event = e;
		r->cursor = arena_strdup(cx->arena, *cursor);
		*msg = &r->base;
	}
	return ST_OK;
}

static inline void rig_stream_close(struct api_stream *s)
{
	struct rig *rig = s->rig;
	lock_take(&rig->lock);
	for (struct api_stream **at = &rig->streams; *at; at = &(*at)->next)
		if (*at == s) {
			*at = s->next;
			break;
		}
	lock_give(&rig->lock);
	lock_fini(&s->lock);
	free(s);
	atomic_fetch_add(&rig->closed, 1);
}

static inline void rig_tick(void *arg)
{
	struct rig *rig = arg;
	while (!atomic_load(&rig->stopping)) {
		clock_sleep_ms(atomic_load(&rig->tick_ms));
		lock_take(&rig->lock);
		for (struct api_stream *s = rig->streams; s; s = s->next) {
			lock_take(&s->lock);
			atomic_store(&s->ready, true);
			if (s->wake)
				s->wake(s->arg);
			s->wake = NULL;
			lock_give(&s->lock);
		}
		lock_give(&rig->lock);
	}
}

static inline bool rig_ready(void *arg, struct arena *a, const char **report)
{
	(void)arg;
	(void)a;
	*report = "[+] fake\n";
	return true;
}

static inline const char *rig_metrics(void *arg, struct arena *a)
{
	struct rig *rig = arg;
	return arena_printf(a, "fake_calls_total %llu\n",
			    (unsigned long long)atomic_load(&rig->calls));
}

/* What a test has read or made; released by rig_stop. */
static void **rig_kept;
static size_t rig_kept_n;

static inline void *rig_keep(void *p)
{
	rig_kept = realloc(rig_kept, (rig_kept_n + 1) * sizeof *rig_kept);
	rig_kept[rig_kept_n++] = p;
	return p;
}

/* config: what differs from the default; NULL: nothing. */
static inline struct rig *rig_start(const struct http_config *config)
{
	static const struct http_api calls = {rig_submit, rig_stream_next, rig_stream_close};
	struct rig *rig = calloc(1, sizeof *rig);
	the_rig = rig;
	thread_block_signals();
	rig->arena = arena_create(64 * 1024 * 1024);
	ctx_init(&rig->cx, rig->arena, CTX_DEADLINE_NONE, "rig");
	lock_init(&rig->lock);
	if (config)
		rig->config = *config;
	if (!rig->config.listen)
		rig->config.listen = "127.0.0.1:0";
	if (!rig->config.admin_listen)
		rig->config.admin_listen = "127.0.0.1:0";
	rig->config.calls = &calls;
	rig->config.ready = rig_ready;
	rig->config.metrics = rig_metrics;
	rig->config.arg = rig;
	rig->config.version = "1.2.3";
	rig->config.openapi = bytes_of("{}", 2);
	atomic_store(&rig->tick_ms, 20);
	rig->queue = queue_create(4096);
	rig->worker = thread_start("fake-api", rig_work, rig);
	rig->ticker = thread_start("fake-tick", rig_tick, rig);
	enum status st = http_start(&rig->cx, &rig->http, &rig->config, (struct api *)(void *)rig);
	if (st != ST_OK) {
		fprintf(stderr, "rig: %s\n", rig->cx.err.message);
		abort();
	}
	return rig;
}

static inline void rig_stop(struct rig *rig)
{
	http_stop(rig->http);
	atomic_store(&rig->stopping, true);
	thread_join(rig->ticker);
	queue_close(rig->queue);
	thread_join(rig->worker);
	queue_destroy(rig->queue);
	lock_fini(&rig->lock);
	arena_destroy(rig->arena);
	free(rig);
	while (rig_kept_n > 0)
		free(rig_kept[--rig_kept_n]);
	free(rig_kept);
	rig_kept = NULL;
}

/* -- a client without manners -- */

static inline int raw_connect(int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)(void *)&to, sizeof to) != 0) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	int one = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return fd;
}

static inline void raw_send(int fd, const void *p, size_t n)
{
	const char *s = p;
	while (n > 0) {
		ssize_t sent = send(fd, s, n, MSG_NOSIGNAL);
		if (sent <= 0)
			return;
		s += sent;
		n -= (size_t)sent;
	}
}

struct raw_reply {
	char *text; /* all that came, NUL-terminated */
	size_t n;
	int status;  /* of the first answer; 0: none */
	int answers; /* how many status lines came */
	bool closed; /* the server closed */
	bool reset;
	char *body; /* of the first answer, as it came */
};

/* Reads until the server closes, or is silent for quiet_ms. */
static inline struct raw_reply raw_read(int fd, int quiet_ms)
{
	struct raw_reply r = {.text = calloc(1, 1)};
	size_t room = 0;
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (poll(&p, 1, quiet_ms) <= 0)
			break;
		if (r.n + 1 >= room) {
			room = room ? room * 2 : 4096;
			r.text = realloc(r.text, room);
		}
		ssize_t n = recv(fd, r.text + r.n, room - r.n - 1, 0);
		if (n <= 0) {
			r.closed = true;
			r.reset = n < 0;
			break;
		}
		r.n += (size_t)n;
		r.text[r.n] = '\0';
	}
	if (strncmp(r.text, "HTTP/1.", 7) == 0)
		r.status = atoi(r.text + 9);
	rig_keep(r.text);
	for (const char *s = r.text; (s = strstr(s, "HTTP/1.1 ")); s += 9)
		r.answers++;
	r.body = strstr(r.text, "\r\n\r\n");
	r.body = r.body ? r.body + 4 : r.text + r.n;
	return r;
}

/* Sends these bytes on a new connection and reads what comes back. */
static inline struct raw_reply raw_exchange(int port, const void *p, size_t n, int quiet_ms)
{
	int fd = raw_connect(port);
	if (fd < 0) {
		struct raw_reply none = {.text = rig_keep(calloc(1, 16))};
		none.body = none.text;
		return none;
	}
	raw_send(fd, p, n);
	struct raw_reply r = raw_read(fd, quiet_ms);
	close(fd);
	return r;
}

/* One request that closes its connection. headers end with CR LF each, or are "". */
static inline struct raw_reply raw_request(int port, const char *verb, const char *target,
					   const char *headers, const char *body)
{
	size_t body_n = body ? strlen(body) : 0;
	size_t room = strlen(target) + strlen(headers) + body_n + 512;
	char *text = malloc(room);
	int n = snprintf(text, room,
			 "%s %s HTTP/1.1\r\nHost: test\r\nConnection: close\r\n%s", verb,
			 target, headers);
	if (body)
		n += snprintf(text + n, room - (size_t)n, "Content-Length: %zu\r\n", body_n);
	n += snprintf(text + n, room - (size_t)n, "\r\n%s", body ? body : "");
	struct raw_reply r = raw_exchange(port, text, (size_t)n, 5000);
	free(text);
	return r;
}

/* The value of a header of the first answer, in a static buffer; "" when it is not there. */
static inline const char *raw_header(const struct raw_reply *r, const char *name)
{
	static char value[1024];
	size_t name_n = strlen(name);
	value[0] = '\0';
	for (const char *s = r->text; s < r->body; s++) {
		const char *end = strstr(s, "\r\n");
		if (!end || end >= r->body)
			break;
		if (strncasecmp(s, name, name_n) == 0 && s[name_n] == ':') {
			s += name_n + 1;
			while (*s == ' ')
				s++;
			size_t n = (size_t)(end - s);
			n = n < sizeof value ? n : sizeof value - 1;
			memcpy(value, s, n);
			value[n] = '\0';
			break;
		}
		s = end + 1;
	}
	return value;
}

#endif
