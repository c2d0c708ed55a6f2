/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "http_ask.h"

/* -- events -- */

static int open_events(const char *target)
{
	char text[300];
	int n = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: t\r\n" SSE "\r\n", target);
	int fd = raw_connect(port);
	raw_send(fd, text, (size_t)n);
	return fd;
}

/* What comes until these words do; in a static buffer. */
static const char *read_until(int fd, const char *words, int within_ms)
{
	static char text[64 * 1024];
	size_t n = 0;
	int64_t until = clock_mono_ms() + within_ms;
	text[0] = '\0';
	while (!strstr(text, words) && clock_mono_ms() < until && n < sizeof text - 1) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (poll(&p, 1, 50) <= 0)
			continue;
		ssize_t got = recv(fd, text + n, sizeof text - 1 - n, 0);
		if (got <= 0)
			break;
		n += (size_t)got;
		text[n] = '\0';
	}
	return text;
}

static uint64_t watchers(void)
{
	struct http_stats stats;
	http_stats_read(rig->http, &stats);
	return stats.watchers;
}

static void wait_for_watchers(uint64_t n, int within_ms)
{
	for (int i = 0; i < within_ms / 10 && watchers() != n; i++)
		clock_sleep_ms(10);
	ck_assert_uint_eq(watchers(), n);
}

START_TEST(events_come_until_the_message_is_final)
{
	setup_with(&base);
	struct raw_reply r = ask("GET", "/v1/messages/msg_1/events", SSE, NULL);
	check_status(&r, 200);
	ck_assert_str_eq(raw_header(&r, "Content-Type"), "text/event-stream");
	ck_assert_str_eq(raw_header(&r, "Cache-Control"), "no-store");
	ck_assert_str_eq(raw_header(&r, "Transfer-Encoding"), "chunked");
	check_has(&r, "retry: 2000\n\n");
	check_has(&r, "id: 1\nevent: SENT\ndata: {");
	check_has(&r, "id: 3\nevent: SENT\ndata: {");
	check_has(&r, "event: end\n");
	ck_assert(r.closed && !r.reset);
	ck_assert_int_eq(memcmp(r.text + r.n - 5, "0\r\n\r\n", 5), 0);
	r = ask("GET", "/v1/messages/msg_1/events", SSE "Last-Event-ID: 2\r\n", NULL);
	ck_assert_ptr_null(strstr(r.text, "id: 2\n"));
	check_has(&r, "id: 3\n");
	/* All was sent before: 204 tells a browser not to come back. */
	r = ask("GET", "/v1/messages/msg_1/events", SSE "Last-Event-ID: 3\r\n", NULL);
	check_status(&r, 204);
	r = ask("GET", "/v1/messages/msg_1/events?after_seq=2", SSE, NULL);
	check_has(&r, "id: 3\n");
	r = ask("GET", "/v1/messages/msg_1/events", SSE "Last-Event-ID: x\r\n", NULL);
	check_problem(&r, 400, "BAD_LAST_EVENT_ID");
	r = ask("GET", "/v1/messages/msg_missing/events", SSE, NULL);
	check_problem(&r, 404, "NOT_FOUND");
	/* Without asking for a stream there is none. */
	r = ask("GET", "/v1/messages/msg_1/events", "Accept: */*\r\n", NULL);
	check_status(&r, 200);
	ck_assert_str_eq(raw_header(&r, "Content-Type"), "application/json");
	static const char old[] = "GET /v1/messages/msg_1/events HTTP/1.0\r\n" SSE "\r\n";
	r = raw_exchange(port, old, sizeof old - 1, 2000);
	ck_assert_str_eq(raw_header(&r, "Transfer-Encoding"), "");
	check_has(&r, "event: end\n");
	wait_for_watchers(0, 1000);
	rig_stop(rig);
}
END_TEST

START_TEST(a_live_feed_gives_each_event_and_heartbeats_between)
{
	setup_with(&base);
	int fd = open_events("/v1/events?cursor=40");
	const char *text = read_until(fd, "id: 45\n", 2000);
	ck_assert_ptr_nonnull(strstr(text, "id: 41\n"));
	ck_assert_ptr_nonnull(strstr(text, "id: 45\n"));
	atomic_store(&rig->tick_ms, 1200);
	text = read_until(fd, "3\r\n:\n\n\r\n", 2000);
	ck_assert_ptr_nonnull(strstr(text, "3\r\n:\n\n\r\n"));
	close(fd);
	wait_for_watchers(0, 1000);
	rig_stop(rig);
}
END_TEST

START_TEST(a_watcher_that_leaves_is_seen_at_once)
{
	setup_with(&base);
	atomic_store(&rig->tick_ms, 5000);
	int fd = open_events("/v1/messages/msg_live/events");
	wait_for_watchers(1, 1000);
	close(fd);
	wait_for_watchers(0, 200);
	ck_assert_uint_eq(atomic_load(&rig->closed), 1);
	atomic_store(&rig->tick_ms, 10);
	rig_stop(rig);
}
END_TEST

START_TEST(a_watcher_that_does_not_read_is_cut)
{
	setup_with(&base);
	int fd = open_events("/v1/messages/msg_flood/events");
	wait_for_watchers(1, 1000);
	wait_for_watchers(0, 4000);
	struct http_stats stats;
	http_stats_read(rig->http, &stats);
	ck_assert_uint_eq(stats.cut_in_all, 1);
	close(fd);
	/* One that reads slowly but steadily is not. */
	fd = open_events("/v1/messages/msg_flood/events");
	wait_for_watchers(1, 1000);
	for (int i = 0; i < 30; i++) {
		static char buf[512 * 1024];
		clock_sleep_ms(50);
		ck_assert_int_gt(recv(fd, buf, sizeof buf, 0), 0);
	}
	ck_assert_uint_eq(watchers(), 1);
	close(fd);
	wait_for_watchers(0, 1000);
	rig_stop(rig);
}
END_TEST

START_TEST(there_is_a_bound_on_watchers)
{
	setup_with(&base);
	int fds[8];
	for (int i = 0; i < 8; i++)
		fds[i] = open_events("/v1/events");
	wait_for_watchers(8, 1000);
	struct raw_reply r = ask("GET", "/v1/events", SSE, NULL);
	check_problem(&r, 503, "TOO_MANY_STREAMS");
	ck_assert_str_eq(raw_header(&r, "Retry-After"), "1");
	close(fds[0]);
	wait_for_watchers(7, 1000);
	fds[0] = open_events("/v1/events");
	wait_for_watchers(8, 1000);
	for (int i = 0; i < 8; i++)
		close(fds[i]);
	wait_for_watchers(0, 1000);
	rig_stop(rig);
}
END_TEST

/* -- Connect -- */

#define GET_MESSAGE "/ferry.v1.MessageService/GetMessage"
#define WATCH "/ferry.v1.MessageService/WatchMessage"

START_TEST(connect_speaks_canonical_json_and_protobuf)
{
	setup_with(&base);
	struct raw_reply r = ask("POST", GET_MESSAGE, JSON "Connect-Protocol-Version: 1\r\n",
				 "{\"id\":\"msg_x\"}");
	check_status(&r, 200);
	ck_assert_str_eq(raw_header(&r, "Content-Type"), "application/json");
	check_has(&r, "\"srcEid\":40161");
	r = ask("POST", GET_MESSAGE, "Content-Type: application/proto\r\n", "\x0a\x05msg_x");
	check_status(&r, 200);
	ck_assert_str_eq(raw_header(&r, "Content-Type"), "application/proto");
	ck_assert_int_eq(memcmp(r.body, "\x0a\x05msg_x", 7), 0);
	r = ask("POST", "/ferry.v1.MessageService/SendMessage", JSON KEY, "{\"srcEid\":1}");
	check_status(&r, 200);
	rig_stop(rig);
}
END_TEST

START_TEST(connect_errors_have_its_codes_and_details)
{
	setup_with(&base);
	static const struct {
		const char *path;
		const char *headers;
		const char *body;
		int status;
		const char *code;
	} cases[] = {
		{GET_MESSAGE, JSON, "{\"id\":\"msg_missing\"}", 404, "not_found"},
		{GET_MESSAGE, JSON, "{\"id\":\"msg_broken\"}", 500, "internal"},
		{GET_MESSAGE, JSON, "{\"id\":\"msg_busy\"}", 503, "unavailable"},
		{GET_MESSAGE, JSON, "{\"nope\":1}", 400, "invalid_argument"},
		{GET_MESSAGE, JSON, "{", 400, "invalid_argument"},
		{GET_MESSAGE, "Content-Type: application/proto\r\n", "\xff\xff", 400,
		 "invalid_argument"},
		{GET_MESSAGE, JSON "Connect-Protocol-Version: 2\r\n", "{}", 400,
		 "invalid_argument"},
		{GET_MESSAGE, JSON "Connect-Timeout-Ms: 1x\r\n", "{}", 400, "invalid_argument"},
		{GET_MESSAGE, JSON "Connect-Timeout-Ms: 12345678901\r\n", "{}", 400,
		 "invalid_argument"},
		{GET_MESSAGE, JSON "Content-Encoding: gzip\r\n", "{}", 501, "unimplemented"},
		{GET_MESSAGE, JSON "Authorization: Bearer sk_bad\r\n", "{}", 401,
		 "unauthenticated"},
		{GET_MESSAGE, "Content-Type: text/plain\r\n", "{}", 415, "invalid_argument"},
		{GET_MESSAGE, "Content-Type: application/connect+json\r\n", "{}", 415,
		 "invalid_argument"},
		{WATCH, JSON, "{}", 415, "invalid_argument"},
		{"/ferry.v1.MessageService/Nope", JSON, "{}", 501, "unimplemented"},
		{"/ferry.v1.IdentityService/Register", JSON, "{}", 501, "unimplemented"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct raw_reply r = ask("POST", cases[i].path, cases[i].headers, cases[i].body);
		ck_assert_msg(r.status == cases[i].status, "%zu: %s", i, r.text);
		ck_assert_str_eq(raw_header(&r, "Content-Type"), "application/json");
		char code[64];
		snprintf(code, sizeof code, "{\"code\":\"%s\",\"message\":\"", cases[i].code);
		ck_assert_msg(strncmp(r.body, code, strlen(code)) == 0, "%zu: %s", i, r.text);
		check_has(&r, "{\"type\":\"google.rpc.ErrorInfo\",\"value\":\"");
	}
	rig_stop(rig);
}
END_TEST

/* The body of a chunked answer without its chunks' sizes. */
static size_t unchunk(struct raw_reply *r)
{
	char *in = r->body;
	char *out = r->body;
	for (;;) {
		size_t n = strtoul(in, &in, 16);
		if (n == 0)
			return (size_t)(out - r->body);
		memmove(out, in + 2, n);
		out += n;
		in += 2 + n + 2;
	}
}

START_TEST(connect_streams_are_enveloped_and_end_with_a_verdict)
{
	setup_with(&base);
	static const char start[] = "POST " WATCH " HTTP/1.1\r\nHost: t\r\nContent-Type: "
				    "application/connect+json\r\nContent-Length: 19\r\n\r\n";
	char text[300];
	memcpy(text, start, sizeof start);
	memcpy(text + sizeof start - 1, "\0\0\0\0\x0e{\"id\":\"msg_1\"}", 19);
	struct raw_reply r = raw_exchange(port, text, sizeof start - 1 + 19, 3000);
	check_status(&r, 200);
	ck_assert_str_eq(raw_header(&r, "Content-Type"), "application/connect+json");
	size_t n = unchunk(&r);
	size_t at = 0;
	for (int frame = 0; frame < 4; frame++) {
		const unsigned char *p = (const unsigned char *)r.body + at;
		size_t length = (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
		ck_assert_uint_le(at + 5 + length, n);
		ck_assert_int_eq(p[0], frame == 3 ? 2 : 0);
		if (frame == 3)
			ck_assert_int_eq(memcmp(p + 5, "{}", 2), 0);
		at += 5 + length;
	}
	ck_assert_uint_eq(at, n);
	/* A refusal comes as the end of a stream that is otherwise empty, with status 200. */
	memcpy(text + sizeof start - 1, "\0\0\0\0\x0e{\"id\":\"msg_1\"}", 19);
	text[sizeof start - 1] = 1;
	r = raw_exchange(port, text, sizeof start - 1 + 19, 300);
	check_status(&r, 200);
	ck_assert_int_eq(r.body[0], 2);
	ck_assert_ptr_nonnull(strstr(r.body + 5, "{\"error\":{\"code\":\"invalid_argument\""));
	memcpy(text + sizeof start - 1, "\0\0\0\0\x0f{\"id\":\"msg_1\"}", 19);
	r = raw_exchange(port, text, sizeof start - 1 + 19, 300);
	ck_assert_ptr_nonnull(strstr(r.body + 5, "{\"error\":{\"code\":\"invalid_argument\""));
	rig_stop(rig);
}
END_TEST

/* -- the end -- */

START_TEST(draining_ends_streams_and_connections_but_not_calls)
{
	setup_with(&base);
	int kept = raw_connect(port);
	static const char text[] = "GET /readyz HTTP/1.1\r\nHost: t\r\n\r\n";
	raw_send(kept, text, sizeof text - 1);
	struct raw_reply r = raw_read(kept, 200);
	check_status(&r, 200);
	int fd = open_events("/v1/messages/msg_live/events");
	wait_for_watchers(1, 1000);
	int slow = raw_connect(port);
	static const char wait[] = "GET /v1/messages/msg_1?wait=700ms HTTP/1.1\r\nHost: t\r\n\r\n";
	raw_send(slow, wait, sizeof wait - 1);
	clock_sleep_ms(100);
	http_drain(rig->http, 2000);
	r = raw_read(fd, 500);
	ck_assert(r.closed && !r.reset);
	check_has(&r, "0\r\n\r\n");
	ck_assert_ptr_null(strstr(r.text, "event: end"));
	r = raw_read(slow, 500);
	check_status(&r, 200);
	ck_assert(r.closed);
	raw_send(kept, text, sizeof text - 1);
	r = raw_read(kept, 500);
	check_status(&r, 503);
	ck_assert_str_eq(raw_header(&r, "Connection"), "close");
	ck_assert(r.closed);
	ck_assert_int_lt(raw_exchange(port, text, sizeof text - 1, 300).status, 1);
	rig_stop(rig);
}
END_TEST

static void storm(void *arg)
{
	int seed = *(int *)arg;
	static const char *const targets[] = {
		"GET /v1/messages/inline HTTP/1.1\r\nHost: t\r\n\r\n",
		"GET /v1/messages/msg_1 HTTP/1.1\r\nHost: t\r\n\r\n",
		"GET /v1/messages/msg_missing HTTP/1.1\r\nHost: t\r\n\r\n",
		"GET /v1/messages/msg_1/events HTTP/1.1\r\nHost: t\r\n" SSE "\r\n",
		"GET /v1/messages/msg_live/events HTTP/1.1\r\nHost: t\r\n" SSE "\r\n",
		"GET /v1/messages/msg_flood/events HTTP/1.1\r\nHost: t\r\n" SSE "\r\n",
		"POST /v1/messages HTTP/1.1\r\nHost: t\r\n" JSON KEY
		"Content-Length: 2\r\n\r\n{}",
	};
	for (int i = 0; i < 150; i++) {
		int fd = raw_connect(port);
		if (fd < 0)
			return;
		for (int k = 0; k <= i % 3; k++) {
			const char *text = targets[(i * 5 + seed + k) % 7];
			raw_send(fd, text, strlen(text));
			char buf[4096];
			struct pollfd p = {.fd = fd, .events = POLLIN};
			if (i % 4 && poll(&p, 1, 50) > 0 && recv(fd, buf, sizeof buf, 0) <= 0)
				break;
		}
		close(fd);
	}
}

/* Everything at once, with the stop in the middle: for the sanitizers. */
START_TEST(stopping_amid_a_storm_is_orderly)
{
	setup_with(&base);
	atomic_store(&rig->tick_ms, 2);
	struct thread *clients[4];
	int seeds[4] = {0, 1, 2, 3};
	for (int i = 0; i < 4; i++)
		clients[i] = thread_start("storm", storm, &seeds[i]);
	clock_sleep_ms(800);
	rig_stop(rig);
	for (int i = 0; i < 4; i++)
		thread_join(clients[i]);
}
END_TEST

SUITE("server/http_stream", events_come_until_the_message_is_final,
      a_live_feed_gives_each_event_and_heartbeats_between, a_watcher_that_leaves_is_seen_at_once,
      a_watcher_that_does_not_read_is_cut, there_is_a_bound_on_watchers,
      connect_speaks_canonical_json_and_protobuf, connect_errors_have_its_codes_and_details,
      connect_streams_are_enveloped_and_end_with_a_verdict,
      draining_ends_streams_and_connections_but_not_calls, stopping_amid_a_storm_is_orderly)
