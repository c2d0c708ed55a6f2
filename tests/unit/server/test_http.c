/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "http_rig.h"

#define KEY "Idempotency-Key: 0123456789abcdef\r\n"
#define JSON "Content-Type: application/json\r\n"

static const char *const origins[] = {"https://app.example", "https://other.example"};
static const struct http_config base = {
	.origins = origins, .origins_count = 2, .heartbeat_ms = 300, .stall_ms = 700,
	.watchers_max = 8,
};

static struct rig *rig;
static int port;

static void setup_with(const struct http_config *config)
{
	rig = rig_start(config);
	port = http_port(rig->http, false);
}

/* One request; its text is printed when a check on it fails. */
static struct raw_reply ask(const char *verb, const char *target, const char *headers,
			    const char *body)
{
	return raw_request(port, verb, target, headers, body);
}

static void check_has(const struct raw_reply *r, const char *words)
{
	ck_assert_msg(strstr(r->text, words), "no '%s' in: %s", words, r->text);
}

static void check_status(const struct raw_reply *r, int status)
{
	ck_assert_msg(r->status == status, "%d, not %d: %s", r->status, status, r->text);
	ck_assert_msg(r->answers == 1, "%d answers: %s", r->answers, r->text);
}

static void check_problem(const struct raw_reply *r, int status, const char *code)
{
	check_status(r, status);
	ck_assert_str_eq(raw_header(r, "Content-Type"), "application/problem+json");
	char member[128];
	snprintf(member, sizeof member, "\"code\":\"%s\"", code);
	check_has(r, member);
	check_has(r, "\"request_id\":\"req_");
	check_has(r, "\"instance\":\"/");
}

START_TEST(a_message_is_accepted_with_its_location_and_tag)
{
	setup_with(&base);
	const char *where[] = {"{}", "{\"client_ref\":\"inline\"}"};
	for (int i = 0; i < 2; i++) {
		struct raw_reply r = ask("POST", "/v1/messages", JSON KEY, where[i]);
		check_status(&r, 202);
		ck_assert_str_eq(raw_header(&r, "Content-Type"), "application/json");
		ck_assert_str_eq(raw_header(&r, "Location"),
				 "/v1/messages/msg_00000000000000000000000000000001");
		ck_assert_str_eq(raw_header(&r, "ETag"), "\"1\"");
		ck_assert_str_eq(raw_header(&r, "Cache-Control"), "no-store");
		ck_assert_str_eq(raw_header(&r, "X-Content-Type-Options"), "nosniff");
		ck_assert_int_eq(strncmp(raw_header(&r, "X-Request-Id"), "req_", 4), 0);
		ck_assert_str_eq(raw_header(&r, "Idempotency-Replayed"), "");
		check_has(&r, "\"state\":\"ACCEPTED\"");
	}
	struct raw_reply r = ask("POST", "/v1/messages",
				 JSON "Idempotency-Key: again_and_again_\r\n", "{}");
	check_status(&r, 202);
	ck_assert_str_eq(raw_header(&r, "Idempotency-Replayed"), "true");
	rig_stop(rig);
}
END_TEST

START_TEST(failures_are_problems_that_say_what_to_do)
{
	setup_with(&base);
	struct raw_reply r = ask("POST", "/v1/messages", JSON, "{}");
	check_problem(&r, 400, "IDEMPOTENCY_KEY_MISSING");
	check_has(&r, "\"instance\":\"/v1/messages\"");
	r = ask("GET", "/v1/messages/msg_missing", "", NULL);
	check_problem(&r, 404, "NOT_FOUND");
	r = ask("GET", "/v1/messages/msg_busy", "", NULL);
	check_problem(&r, 503, "BUSY");
	ck_assert_str_eq(raw_header(&r, "Retry-After"), "7");
	r = ask("GET", "/v1/messages/msg_1", "Authorization: Bearer sk_bad\r\n", NULL);
	check_problem(&r, 401, "UNAUTHENTICATED");
	ck_assert_int_eq(strncmp(raw_header(&r, "WWW-Authenticate"), "Bearer", 6), 0);
	r = ask("POST", "/v1/messages", JSON KEY, "{\"surprise\":1}");
	check_status(&r, 400);
	check_has(&r, "\"pointer\":\"/surprise\"");
	r = ask("POST", "/v1/messages", JSON KEY, "{");
	check_status(&r, 400);
	rig_stop(rig);
}
END_TEST

START_TEST(paths_and_verbs_are_told_apart)
{
	setup_with(&base);
	static const struct {
		const char *verb;
		const char *target;
		int status;
		const char *allow;
	} cases[] = {
		{"GET", "/nothing", 404, ""},
		{"GET", "/v1", 404, ""},
		{"GET", "/v1/", 404, ""},
		{"GET", "/v1/messages/", 404, ""},
		{"GET", "/v1/messages/a/b", 404, ""},
		{"GET", "/v1/messages/a:b", 404, ""},
		{"GET", "/v1//messages", 404, ""},
		{"GET", "/v1/messages/../chains", 404, ""},
		{"GET", "/v1/messages/%zz", 404, ""},
		{"GET", "/v1/messages/%00", 404, ""},
		{"PUT", "/v1/messages", 405, "GET, HEAD, POST, OPTIONS"},
		{"DELETE", "/v1/messages/msg_1", 405, "GET, HEAD, OPTIONS"},
		{"TRACE", "/livez", 405, "GET, HEAD, OPTIONS"},
		{"POST", "/livez", 405, "GET, HEAD, OPTIONS"},
		{"GET", "/v1/messages/msg_1:retry", 405, "POST, OPTIONS"},
		{"GET", "/v1/messages:batch", 405, "POST, OPTIONS"},
		{"GET", "/ferry.v1.MessageService/GetMessage", 405, "POST, OPTIONS"},
		{"POST", "/v1/identities", 501, ""},
		{"GET", "/v1/identities/did:pkh:eip155:1:0xab", 501, ""},
		{"GET", "/v1/identities/did:pkh:eip155:1:0xab/proof", 501, ""},
		{"POST", "/v1/identities/idn_1:rotate", 501, ""},
		{"POST", "/v1/lanes/1-2:pause", 501, ""},
		{"GET", "/v1/batches/bat_1", 501, ""},
		{"GET", "/metrics", 404, ""},
		{"GET", "/v1/messages/msg_%31", 200, ""},
		{"GET", "http://elsewhere/v1/messages/msg_1", 200, ""},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct raw_reply r = ask(cases[i].verb, cases[i].target, "", NULL);
		ck_assert_msg(r.status == cases[i].status, "%s %s: %d %s", cases[i].verb,
			      cases[i].target, r.status, r.text);
		ck_assert_str_eq(raw_header(&r, "Allow"), cases[i].allow);
		if (r.status >= 400 && cases[i].target[1] != 'f')
			ck_assert_str_eq(raw_header(&r, "Content-Type"),
					 "application/problem+json");
	}
	rig_stop(rig);
}
END_TEST

START_TEST(head_and_options_answer_without_a_body)
{
	setup_with(&base);
	struct raw_reply r = ask("HEAD", "/v1/messages/msg_1", "", NULL);
	check_status(&r, 200);
	ck_assert_str_eq(r.body, "");
	ck_assert_int_gt(atoi(raw_header(&r, "Content-Length")), 10);
	ck_assert_str_eq(raw_header(&r, "ETag"), "\"7\"");
	r = ask("HEAD", "/v1/messages/msg_1/events", "Accept: text/event-stream, */*\r\n", NULL);
	check_status(&r, 200);
	ck_assert_str_eq(r.body, "");
	r = ask("OPTIONS", "/v1/messages", "", NULL);
	check_status(&r, 204);
	ck_assert_str_eq(raw_header(&r, "Allow"), "GET, HEAD, POST, OPTIONS");
	r = ask("OPTIONS", "*", "", NULL);
	check_status(&r, 204);
	rig_stop(rig);
}
END_TEST

START_TEST(content_is_negotiated)
{
	setup_with(&base);
	static const struct {
		const char *headers;
		int status;
	} posts[] = {
		{JSON KEY, 202},
		{"Content-Type: application/json; charset=utf-8\r\n" KEY, 202},
		{"Content-Type: application/json;charset=\"UTF-8\"\r\n" KEY, 202},
		{"Content-Type: application/json; charset=latin1\r\n" KEY, 415},
		{"Content-Type: application/jsonx\r\n" KEY, 415},
		{"Content-Type: text/plain\r\n" KEY, 415},
		{"Content-Type: application/x-www-form-urlencoded\r\n" KEY, 415},
		{"Content-Type: multipart/form-data; boundary=x\r\n" KEY, 415},
		{KEY, 415},
		{JSON KEY "Content-Encoding: gzip\r\n", 415},
		{JSON KEY "Content-Encoding: identity\r\n", 202},
		{JSON KEY "Accept: text/html\r\n", 406},
		{JSON KEY "Accept: text/html, */*;q=0.1\r\n", 202},
		{JSON KEY "Accept: application/json;q=0, */*\r\n", 406},
		{JSON KEY "Accept: application/*\r\n", 202},
		{JSON KEY "Accept: text/html\r\nAccept: application/json\r\n", 202},
	};
	for (size_t i = 0; i < sizeof posts / sizeof posts[0]; i++) {
		struct raw_reply r = ask("POST", "/v1/messages", posts[i].headers, "{}");
		ck_assert_msg(r.status == posts[i].status, "%s: %s", posts[i].headers, r.text);
	}
	/* A verb on a message needs no body. */
	struct raw_reply r = ask("POST", "/v1/messages/msg_1:execute", "", NULL);
	check_status(&r, 200);
	r = ask("POST", "/v1/messages/msg_1:execute", JSON, "{}");
	check_status(&r, 200);
	r = ask("POST", "/v1/messages/msg_1:execute", JSON, "{\"id\":\"msg_2\"}");
	check_status(&r, 400);
	check_has(&r, "\"pointer\":\"/id\"");
	r = ask("GET", "/v1/messages/msg_1", JSON, "{}");
	check_problem(&r, 400, "UNEXPECTED_BODY");
	rig_stop(rig);
}
END_TEST

START_TEST(query_parameters_are_known_or_refused)
{
	setup_with(&base);
	static const struct {
		const char *target;
		int status;
	} cases[] = {
		{"/v1/messages", 200},
		{"/v1/messages?", 200},
		{"/v1/messages?page_size=3&client_ref=a%20b+c", 200},
		{"/v1/messages?page_size=x", 400},
		{"/v1/messages?page_size=3&page_size=3", 400},
		{"/v1/messages?surprise=1", 400},
		{"/v1/messages?client_ref=%zz", 400},
		{"/v1/messages?client_ref=%00", 400},
		{"/v1/messages?client_ref=%ff", 400},
		{"/v1/messages/msg_1?id=msg_2", 400},
		{"/v1/messages/msg_1?wait_ms=1", 400},
		{"/v1/messages/msg_1?if_none_match=1", 400},
		{"/v1/messages/msg_1?wait=1ms", 200},
		{"/v1/messages/msg_1?wait=0", 200},
		{"/v1/messages/msg_1?wait=31s", 400},
		{"/v1/messages/msg_1?wait=30001ms", 400},
		{"/v1/messages/msg_1?wait=1m", 400},
		{"/v1/messages/msg_1?wait=-1s", 400},
		{"/v1/messages/msg_1?wait=", 400},
		{"/v1/messages/msg_1?wait=99999999999999999999s", 400},
		{"/v1/messages?a=&b=&c=&d=&e=&f=&g=&h=&i=&j=&k=&l=&m=&n=&o=&p=&q=", 400},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct raw_reply r = ask("GET", cases[i].target, "", NULL);
		ck_assert_msg(r.status == cases[i].status, "%s: %s", cases[i].target, r.text);
	}
	struct raw_reply r = ask("POST", "/v1/messages?x=1", JSON KEY, "{}");
	check_problem(&r, 400, "UNKNOWN_PARAMETER");
	rig_stop(rig);
}
END_TEST

START_TEST(tags_save_what_the_client_has)
{
	setup_with(&base);
	static const struct {
		const char *tag;
		int status;
	} cases[] = {
		{"\"7\"", 304}, {"W/\"7\"", 304}, {"\"6\"", 200}, {"\"6\", \"7\"", 304},
		{"*", 304}, {"7", 200}, {"\"\"", 200}, {"\"6\", \"8\"", 200},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char header[64];
		snprintf(header, sizeof header, "If-None-Match: %s\r\n", cases[i].tag);
		struct raw_reply r = ask("GET", "/v1/messages/msg_1", header, NULL);
		ck_assert_msg(r.status == cases[i].status, "%s: %s", cases[i].tag, r.text);
		ck_assert_str_eq(raw_header(&r, "ETag"), "\"7\"");
		if (r.status == 304)
			ck_assert_str_eq(r.body, "");
	}
	rig_stop(rig);
}
END_TEST

START_TEST(a_list_links_to_its_next_page)
{
	setup_with(&base);
	struct raw_reply r =
		ask("GET", "/v1/messages?page_token=old&client_ref=a%26b&page_size=2", "", NULL);
	check_status(&r, 200);
	ck_assert_str_eq(raw_header(&r, "Link"),
			 "</v1/messages?client_ref=a%26b&page_size=2&page_token=a%2Fb%20c>; "
			 "rel=\"next\"");
	rig_stop(rig);
}
END_TEST

START_TEST(a_trace_is_carried_when_it_is_one)
{
	setup_with(&base);
	static const char good[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
	static const char *const wrong[] = {
		"00-00000000000000000000000000000000-b7ad6b7169203331-01",
		"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
		"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		"00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331", "x",
	};
	char header[200];
	snprintf(header, sizeof header, "traceparent: %s\r\n", good);
	struct raw_reply r = ask("GET", "/livez", header, NULL);
	ck_assert_str_eq(raw_header(&r, "traceparent"), good);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		snprintf(header, sizeof header, "traceparent: %s\r\n", wrong[i]);
		r = ask("GET", "/livez", header, NULL);
		check_status(&r, 200);
		ck_assert_str_eq(raw_header(&r, "traceparent"), "");
	}
	rig_stop(rig);
}
END_TEST

START_TEST(only_listed_origins_may_read)
{
	setup_with(&base);
	struct raw_reply r =
		ask("OPTIONS", "/v1/messages",
		    "Origin: https://app.example\r\nAccess-Control-Request-Method: POST\r\n", NULL);
	check_status(&r, 204);
	ck_assert_str_eq(raw_header(&r, "Access-Control-Allow-Origin"), "https://app.example");
	ck_assert_str_eq(raw_header(&r, "Access-Control-Max-Age"), "7200");
	ck_assert_ptr_nonnull(strstr(raw_header(&r, "Access-Control-Allow-Headers"),
				     "Idempotency-Key"));
	ck_assert_str_eq(raw_header(&r, "Vary"), "Origin");
	static const char *const foreign[] = {
		"https://evil.example", "https://app.example.evil", "http://app.example",
		"https://app.example:444", "null", "https://APP.example",
	};
	for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
		char header[200];
		snprintf(header, sizeof header,
			 "Origin: %s\r\nAccess-Control-Request-Method: POST\r\n", foreign[i]);
		r = ask("OPTIONS", "/v1/messages", header, NULL);
		check_status(&r, 204);
		ck_assert_str_eq(raw_header(&r, "Access-Control-Allow-Origin"), "");
		ck_assert_str_eq(raw_header(&r, "Access-Control-Allow-Methods"), "");
		ck_assert_str_eq(raw_header(&r, "Vary"), "Origin");
	}
	/* Errors can be read too, the guard's own included. */
	r = ask("GET", "/nothing", "Origin: https://other.example\r\n", NULL);
	ck_assert_str_eq(raw_header(&r, "Access-Control-Allow-Origin"), "https://other.example");
	ck_assert_ptr_nonnull(
		strstr(raw_header(&r, "Access-Control-Expose-Headers"), "X-Request-Id"));
	r = ask("GET", "/livez", "Origin: https://app.example\r\nHost: second\r\n", NULL);
	check_status(&r, 400);
	rig_stop(rig);
	static const char *const all[] = {"*"};
	struct http_config open = base;
	open.origins = all;
	open.origins_count = 1;
	setup_with(&open);
	r = ask("GET", "/livez", "Origin: https://any.example\r\n", NULL);
	ck_assert_str_eq(raw_header(&r, "Access-Control-Allow-Origin"), "*");
	ck_assert_str_eq(raw_header(&r, "Access-Control-Allow-Credentials"), "");
	rig_stop(rig);
}
END_TEST

START_TEST(the_pages_are_there_and_the_operators_are_elsewhere)
{
	setup_with(&base);
	struct raw_reply r = ask("GET", "/livez", "", NULL);
	check_status(&r, 200);
	r = ask("GET", "/healthz", "", NULL);
	check_status(&r, 200);
	r = ask("GET", "/readyz?verbose", "", NULL);
	check_status(&r, 200);
	ck_assert_str_eq(r.body, "[+] fake\nok\n");
	r = ask("GET", "/version", "", NULL);
	ck_assert_str_eq(r.body, "{\"name\":\"ferry\",\"api\":\"v1\",\"version\":\"1.2.3\"}\n");
	r = ask("GET", "/openapi.json", "", NULL);
	ck_assert_str_eq(r.body, "{}");
	r = ask("GET", "/docs", "", NULL);
	check_status(&r, 200);
	check_has(&r, "<tr id=\"NOT_FOUND\">");
	check_has(&r, "/v1/messages/{id}:retry");
	ck_assert_ptr_nonnull(strstr(raw_header(&r, "Content-Security-Policy"),
				     "default-src 'none'"));
	ck_assert_ptr_null(strstr(r.body, "<script"));
	r = ask("GET", "/", "", NULL);
	check_status(&r, 307);
	port = http_port(rig->http, true);
	r = ask("GET", "/metrics", "", NULL);
	check_status(&r, 200);
	check_has(&r, "fake_calls_total 0\n");
	r = ask("GET", "/readyz", "", NULL);
	check_status(&r, 200);
	r = ask("GET", "/v1/messages/msg_1", "", NULL);
	check_status(&r, 404);
	r = ask("POST", "/ferry.v1.MessageService/GetMessage", JSON, "{}");
	check_status(&r, 404);
	rig_stop(rig);
}
END_TEST

/* -- events -- */

#define SSE "Accept: text/event-stream\r\n"

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

START_TEST(an_address_that_cannot_be_had_is_told)
{
	setup_with(&base);
	struct http_config config = rig->config;
	char taken[32];
	snprintf(taken, sizeof taken, "127.0.0.1:%d", port);
	struct ctx *cx = unit_ctx();
	struct http *second;
	config.listen = taken;
	ck_fails(cx, http_start(cx, &second, &config, NULL), ST_UNAVAILABLE, taken);
	config.listen = "127.0.0.1";
	ck_fails(cx, http_start(cx, &second, &config, NULL), ST_INVALID, "address");
	config.listen = "localhost:http";
	ck_fails(cx, http_start(cx, &second, &config, NULL), ST_INVALID, "address");
	config.listen = "[::1]:0";
	config.admin_listen = taken;
	ck_fails(cx, http_start(cx, &second, &config, NULL), ST_UNAVAILABLE, taken);
	unit_ctx_end(cx);
	rig_stop(rig);
}
END_TEST

SUITE("server/http", a_message_is_accepted_with_its_location_and_tag,
      failures_are_problems_that_say_what_to_do, paths_and_verbs_are_told_apart,
      head_and_options_answer_without_a_body, content_is_negotiated,
      query_parameters_are_known_or_refused, tags_save_what_the_client_has,
      a_list_links_to_its_next_page, a_trace_is_carried_when_it_is_one,
      only_listed_origins_may_read, the_pages_are_there_and_the_operators_are_elsewhere,
      events_come_until_the_message_is_final,
      a_live_feed_gives_each_event_and_heartbeats_between,
      a_watcher_that_leaves_is_seen_at_once, a_watcher_that_does_not_read_is_cut,
      there_is_a_bound_on_watchers, connect_speaks_canonical_json_and_protobuf,
      connect_errors_have_its_codes_and_details,
      connect_streams_are_enveloped_and_end_with_a_verdict,
      draining_ends_streams_and_connections_but_not_calls, stopping_amid_a_storm_is_orderly,
      an_address_that_cannot_be_had_is_told)
