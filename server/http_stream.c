/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/thread.h"
#include "server/http_exchange.h"

#include "ferry/v1/message_service.pb-c.h"
#include "ferry/v1/types.pb-c.h"

/* One thread writes all event streams itself: libmicrohttpd keeps the connection suspended and does
 * not touch the socket meanwhile. So a client that leaves is seen at once (the library does not
 * look at suspended connections), an idle watcher holds no buffer, and a wake costs no more with a
 * thousand watchers than with one. When a stream is over the connection is resumed only to be
 * closed. */

enum {
	STREAM_BUFFER_BYTES = 16 * 1024, /* more is not asked of a stream before this is sent */
	STREAM_ROUND_BYTES_MAX = 1024 * 1024,
	STREAM_EVENT_ROOM = 4 * 1024,
	STREAM_ROUNDS = 4, /* then the others have their turn */
	STREAM_TICK_MS = 250,
	STREAM_EVENTS = 64,
	STREAM_SNDBUF_BYTES = 32 * 1024,
};

struct http_watcher {
	struct http_exchange *ex;
	struct http_streams *streams;
	int fd;
	bool registered;
	bool head_sent;
	bool ending;  /* nothing comes after what is left */
	bool some; /* an event was sent */
	bool over; /* there was nothing to send at all: 204, so that a browser does not come back */
	bool chunked;
	uint8_t *left; /* what the socket did not take yet, or NULL */
	size_t left_n;
	size_t left_at;
	int64_t moved_ms; /* when bytes last went out, or began to wait */
	struct http_watcher *next;
	struct http_watcher *prev;
	bool queued;                      /* guarded by the streams' lock */
	struct http_watcher *queued_next; /* guarded by the streams' lock */
};

struct http_streams {
	struct http *http;
	struct thread *thread;
	struct arena *arena; /* of one round */
	int epoll_fd;
	int wake_fd;
	_Atomic bool draining;
	_Atomic bool stopping;
	struct http_watcher *all; /* the thread's own */
	struct lock lock;
	struct http_watcher *queue; /* guarded by lock: something to do */
};

static void http_streams_signal(struct http_streams *s)
{
	uint64_t one = 1;
	ssize_t n = write(s->wake_fd, &one, sizeof one);
	(void)n; /* full means that it is signalled already */
}

/* The API's wake, and the way in for new watchers. Any thread. */
static void http_watcher_wake(void *arg)
{
	struct http_watcher *w = arg;
	struct http_streams *s = w->streams;
	lock_take(&s->lock);
	bool first = !s->queue;
	if (!w->queued) {
		w->queued = true;
		w->queued_next = s->queue;
		s->queue = w;
	}
	lock_give(&s->lock);
	if (first)
		http_streams_signal(s);
}

static void http_watcher_unqueue(struct http_watcher *w)
{
	struct http_streams *s = w->streams;
	lock_take(&s->lock);
	if (w->queued)
		for (struct http_watcher **at = &s->queue; *at; at = &(*at)->queued_next) {
			if (*at != w)
				continue;
			*at = w->queued_next;
			break;
		}
	w->queued = false;
	lock_give(&s->lock);
}

/* After this w is gone. */
static void http_watcher_end(struct http_watcher *w)
{
	struct http_streams *s = w->streams;
	struct http_exchange *ex = w->ex;
	s->http->config.calls->stream_close(ex->call.stream);
	http_watcher_unqueue(w);
	if (w->registered) {
		epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
		if (w->prev)
			w->prev->next = w->next;
		else
			s->all = w->next;
		if (w->next)
			w->next->prev = w->prev;
	}
	free(w->left);
	shutdown(w->fd, SHUT_WR);
	http_stream_ended(ex);
}

/* -- what goes out -- */

static void http_watcher_put_head(struct http_watcher *w, struct buf *out)
{
	struct http_exchange *ex = w->ex;
	const char *type = ex->codec == HTTP_CODEC_SSE     ? "text/event-stream"
			   : ex->codec == HTTP_CODEC_PROTO ? "application/connect+proto"
							   : "application/connect+json";
	http_answer_set(ex, w->over ? 204 : 200, w->over ? NULL : type, bytes_of(NULL, 0));
	http_pair_add(ex, "X-Accel-Buffering", "no");
	http_answer_seal(ex);
	char date[64];
	time_t now = (time_t)(clock_wall_us() / 1000000);
	struct tm tm;
	gmtime_r(&now, &tm);
	strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	buf_printf(out, "HTTP/1.1 %s\r\nDate: %s\r\nConnection: close\r\n",
		   w->over ? "204 No Content" : "200 OK", date);
	if (w->over)
		w->chunked = false;
	if (w->chunked)
		buf_puts(out, "Transfer-Encoding: chunked\r\n");
	for (size_t i = 0; i < ex->answer.pairs_count; i++)
		buf_printf(out, "%s: %s\r\n", ex->answer.pairs[i].name, ex->answer.pairs[i].value);
	buf_puts(out, "\r\n");
}

static void http_watcher_put_event(struct http_watcher *w, struct buf *out,
				   const ProtobufCMessage *msg, const char *cursor)
{
	struct arena *a = w->streams->arena;
	const struct http_exchange *ex = w->ex;
	if (ex->codec != HTTP_CODEC_SSE) {
		http_connect_put_frame(out, 0,
				       ex->codec == HTTP_CODEC_PROTO
					       ? api_proto_encode(a, msg)
					       : api_json_encode(a, JSON_CONNECT, msg));
		return;
	}
	const Ferry__V1__Event *event = (const void *)msg;
	if (ex->route.method->id != API_WATCH_MESSAGE)
		event = ((const Ferry__V1__WatchEventsResponse *)(const void *)msg)->event;
	struct bytes data = api_json_encode(a, JSON_REST, &event->base);
	buf_printf(out, "id: %s\nevent: %s\ndata: ", cursor, event->type);
	buf_put(out, data.p, data.n);
	buf_puts(out, "\n\n");
}

static void http_watcher_put_end(struct http_watcher *w, struct buf *out, struct ctx *cx,
				 enum status st)
{
	struct http_exchange *ex = w->ex;
	struct arena *a = w->streams->arena;
	if (st != ST_GONE && st != ST_UNAVAILABLE)
		http_log_failure(ex->http, cx, st);
	if (ex->codec != HTTP_CODEC_SSE) {
		http_connect_put_end(out, a, cx, st == ST_GONE ? ST_OK : st);
		return;
	}
	if (st == ST_GONE) {
		/* A browser comes back by itself after a close: tell its script, or, when all was
		 * sent before, tell the browser. */
		w->over = ex->answer.status == 0 && !w->some;
		if (!w->over)
			buf_puts(out, "event: end\ndata: {}\n\n");
	} else if (st != ST_UNAVAILABLE) {
		const struct Ferry__V1__Problem *problem = api_problem(cx);
		struct bytes text = api_json_encode(a, JSON_REST, &problem->base);
		buf_puts(out, "event: problem\ndata: ");
		buf_put(out, text.p, text.n);
		buf_puts(out, "\n\n");
	}
}

/* -- sending -- */

static void http_watcher_want(struct http_watcher *w, bool writable)
{
	struct epoll_event e = {.events = EPOLLRDHUP | (writable ? EPOLLOUT : 0), .data.ptr = w};
	epoll_ctl(w->streams->epoll_fd, EPOLL_CTL_MOD, w->fd, &e);
}

/* Sends n bytes; keeps a copy of what does not go out. Returns: the client is still there. */
static bool http_watcher_send(struct http_watcher *w, const uint8_t *p, size_t n)
{
	assert(!w->left);
	ssize_t sent = n ? send(w->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
	if (sent < 0 && errno != EAGAIN && errno != EINTR)
		return false;
	size_t gone = sent > 0 ? (size_t)sent : 0;
	if (n > 0)
		w->moved_ms = clock_mono_ms();
	if (gone == n)
		return true;
	w->left_n = n - gone;
	w->left_at = 0;
	w->left = malloc(w->left_n);
	assert(w->left);
	memcpy(w->left, p + gone, w->left_n);
	http_watcher_want(w, true);
	return true;
}

static bool http_watcher_flush(struct http_watcher *w)
{
	ssize_t sent = send(w->fd, w->left + w->left_at, w->left_n - w->left_at,
			    MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0)
		return errno == EAGAIN || errno == EINTR;
	if (sent > 0)
		w->moved_ms = clock_mono_ms();
	w->left_at += (size_t)sent;
	if (w->left_at == w->left_n) {
		free(w->left);
		w->left = NULL;
		http_watcher_want(w, false);
	}
	return true;
}

/* Appends what the round gave, as one chunk where there are chunks. */
static void http_watcher_put_body(struct http_watcher *w, struct buf *out, const struct buf *body)
{
	if (w->chunked && body->n > 0)
		buf_printf(out, "%zx\r\n", body->n);
	buf_put(out, body->p, body->n);
	if (w->chunked && body->n > 0)
		buf_puts(out, "\r\n");
	if (w->chunked && w->ending)
		buf_puts(out, "0\r\n\r\n");
}

/* Asks the stream for events until there is a buffer full. Returns: there may be more now. */
static bool http_watcher_fill(struct http_watcher *w, struct buf *out, enum status forced)
{
	const struct http_api *calls = w->streams->http->config.calls;
	struct api_call *call = &w->ex->call;
	while (out->n < STREAM_BUFFER_BYTES - STREAM_EVENT_ROOM) {
		ProtobufCMessage *msg = NULL;
		const char *cursor = "";
		struct ctx cx;
		ctx_init(&cx, w->streams->arena, CTX_DEADLINE_NONE, w->ex->request_id);
		enum status st = forced;
		if (st == ST_OK)
			st = calls->stream_next(call->stream, &cx, &msg, &cursor, http_watcher_wake,
						w);
		if (st == ST_BUSY)
			return false;
		if (st != ST_OK) {
			if (cx.err.status != st)
				(void)fail(&cx, st, "%s.", status_title(st));
			http_watcher_put_end(w, out, &cx, st);
			w->ending = true;
			return false;
		}
		if (!w->some && w->ex->codec == HTTP_CODEC_SSE)
			buf_puts(out, "retry: 2000\n\n");
		w->some = true;
		http_watcher_put_event(w, out, msg, cursor);
	}
	return true;
}

/* One buffer full. forced: end the stream with this status. Returns: the client is still there. */
static bool http_watcher_round(struct http_watcher *w, enum status forced, bool *more)
{
	struct http_streams *s = w->streams;
	arena_reset(s->arena);
	struct buf body;
	struct buf out;
	buf_init(&body, s->arena, STREAM_ROUND_BYTES_MAX);
	buf_init(&out, s->arena, 2 * STREAM_ROUND_BYTES_MAX);
	bool first = !w->head_sent;
	w->head_sent = true;
	*more = http_watcher_fill(w, &body, forced);
	if (first)
		http_watcher_put_head(w, &out);
	http_watcher_put_body(w, &out, &body);
	bool whole = !body.overflow && !out.overflow;
	return whole && http_watcher_send(w, out.p, out.n);
}

/* Moves a watcher on. After it, w may be gone. */
static void http_watcher_pump(struct http_watcher *w, enum status forced)
{
	bool there = !w->left || http_watcher_flush(w);
	bool more = true;
	for (int i = 0; there && more && !w->left && !w->ending && i < STREAM_ROUNDS; i++)
		there = http_watcher_round(w, forced, &more);
	if (!there || (w->ending && !w->left)) {
		http_watcher_end(w);
		return;
	}
	if (more && !w->left && !w->ending)
		http_watcher_wake(w);
}

/* Returns: false, and w is gone, when the kernel watches no more sockets. */
static bool http_watcher_register(struct http_watcher *w)
{
	struct http_streams *s = w->streams;
	int bytes = STREAM_SNDBUF_BYTES;
	int one = 1;
	/* Without a bound the kernel would buffer megabytes for a reader that does not read. */
	setsockopt(w->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
	setsockopt(w->fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
	struct epoll_event e = {.events = EPOLLRDHUP, .data.ptr = w};
	if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, w->fd, &e) != 0) {
		http_watcher_end(w);
		return false;
	}
	w->registered = true;
	w->moved_ms = clock_mono_ms();
	w->next = s->all;
	if (s->all)
		s->all->prev = w;
	s->all = w;
	return true;
}

/* -- the thread -- */

static void http_streams_work(struct http_streams *s)
{
	lock_take(&s->lock);
	struct http_watcher *list = s->queue;
	s->queue = NULL;
	lock_give(&s->lock);
	while (list) {
		struct http_watcher *w = list;
		/* Until here a wake finds w queued and leaves its link alone; from here it queues w
		 * again, for what comes after this look at it. */
		lock_take(&s->lock);
		list = w->queued_next;
		w->queued = false;
		lock_give(&s->lock);
		if (w->registered || http_watcher_register(w))
			http_watcher_pump(w, ST_OK);
	}
}

static void http_watcher_tick(struct http_watcher *w, int64_t now_ms)
{
	const struct http_config *config = &w->streams->http->config;
	int64_t quiet_ms = now_ms - w->moved_ms;
	if (w->left) {
		if (quiet_ms < config->stall_ms)
			return;
		atomic_fetch_add_explicit(&w->streams->http->cut_in_all, 1, memory_order_relaxed);
		http_watcher_end(w);
	} else if (atomic_load(&w->streams->draining)) {
		http_watcher_pump(w, ST_UNAVAILABLE);
	} else if (now_ms >= w->ex->call.cx.deadline_ms && w->ex->codec != HTTP_CODEC_SSE) {
		http_watcher_pump(w, ST_DEADLINE);
	} else if (quiet_ms >= config->heartbeat_ms && w->ex->codec == HTTP_CODEC_SSE) {
		static const char plain[] = ":\n\n";
		static const char chunk[] = "3\r\n:\n\n\r\n";
		const char *text = w->chunked ? chunk : plain;
		if (!http_watcher_send(w, (const uint8_t *)text, strlen(text)))
			http_watcher_end(w);
	}
}

static void http_streams_tick(struct http_streams *s)
{
	int64_t now_ms = clock_mono_ms();
	struct http_watcher *next;
	for (struct http_watcher *w = s->all; w; w = next) {
		next = w->next;
		http_watcher_tick(w, now_ms);
	}
}

static void http_streams_run(void *arg)
{
	struct http_streams *s = arg;
	int64_t ticked_ms = 0;
	while (!atomic_load(&s->stopping)) {
		struct epoll_event events[STREAM_EVENTS];
		int n = epoll_wait(s->epoll_fd, events, STREAM_EVENTS, STREAM_TICK_MS);
		for (int i = 0; i < n; i++) {
			struct http_watcher *w = events[i].data.ptr;
			uint64_t count;
			if (!w) {
				ssize_t got = read(s->wake_fd, &count, sizeof count);
				(void)got; /* nothing to read is as good */
			} else if (events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
				http_watcher_end(w);
			} else {
				http_watcher_pump(w, ST_OK);
			}
		}
		http_streams_work(s);
		if (clock_mono_ms() - ticked_ms >= STREAM_TICK_MS || atomic_load(&s->draining)) {
			http_streams_tick(s);
			ticked_ms = clock_mono_ms();
		}
	}
}

struct http_streams *http_streams_start(struct http *http)
{
	struct http_streams *s = calloc(1, sizeof *s);
	assert(s);
	s->http = http;
	s->arena = arena_create(HTTP_ARENA_BYTES_MAX);
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert(s->epoll_fd >= 0 && s->wake_fd >= 0);
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
	int rc = epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->wake_fd, &e);
	assert(rc == 0);
	lock_init(&s->lock);
	s->thread = thread_start("http-streams", http_streams_run, s);
	return s;
}

void http_streams_add(struct http_streams *s, struct http_exchange *ex)
{
	struct http_watcher *w = arena_alloc(ex->arena, sizeof *w);
	w->ex = ex;
	w->streams = s;
	w->fd = http_socket_fd(ex);
	w->chunked = strcmp(ex->head.version, "HTTP/1.0") != 0;
	http_watcher_wake(w);
}

void http_streams_drain(struct http_streams *s)
{
	atomic_store(&s->draining, true);
	http_streams_signal(s);
}

void http_streams_stop(struct http_streams *s)
{
	if (!s)
		return;
	atomic_store(&s->stopping, true);
	http_streams_signal(s);
	thread_join(s->thread);
	assert(!s->all && !s->queue);
	close(s->epoll_fd);
	close(s->wake_fd);
	lock_fini(&s->lock);
	arena_destroy(s->arena);
	free(s);
}
