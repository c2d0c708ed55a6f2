/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "http_ask.h"

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
		{"DELETE", "/v1/identities", 405, "GET, HEAD, POST, OPTIONS"},
		{"DELETE", "/v1/identities/did:pkh:eip155:1:0xab", 405, "GET, HEAD, OPTIONS"},
		{"POST", "/v1/identities/did:pkh:eip155:1:0xab/proof", 405, "GET, HEAD, OPTIONS"},
		{"POST", "/v1/identities/did:pkh:eip155:1:0xab/did.json", 405,
		 "GET, HEAD, OPTIONS"},
		{"GET", "/v1/identities/did:pkh:eip155:1:0xab:rotate", 405, "POST, OPTIONS"},
		{"GET", "/v1/identities/idn_1:update", 405, "POST, OPTIONS"},
		{"POST", "/v1/batches/bat_1", 405, "GET, HEAD, OPTIONS"},
		{"POST", "/v1/operations/idop_1", 405, "GET, HEAD, OPTIONS"},
		{"POST", "/v1/lanes/1-2:pause", 501, ""},
		{"GET", "/v1/webhooks", 501, ""},
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
      an_address_that_cannot_be_had_is_told)
