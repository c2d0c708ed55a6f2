/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* strcasestr */
#include "base/http_client.h"

#include "tests/unit/fake_http.h"
#include "tests/unit/unit.h"

/* What the server does is the path's to say: "/drip" and so on. */
static void http_obey(struct fake_http *f, struct fake_reply *r, const char *head,
		      const char *body, size_t body_n)
{
	static const struct {
		const char *path;
		enum fake_manner manner;
	} manners[] = {
		{" /close", FAKE_CLOSE},     {" /truncated", FAKE_TRUNCATED},
		{" /drip", FAKE_DRIP},       {" /silent", FAKE_SILENT},
		{" /endless", FAKE_ENDLESS}, {" /raw", FAKE_RAW},
		{" /goodbye", FAKE_GOODBYE},
	};
	(void)f;
	for (size_t i = 0; i < sizeof manners / sizeof manners[0]; i++) {
		if (strstr(head, manners[i].path))
			r->manner = manners[i].manner;
	}
	r->n = body_n;
	r->body = strndup(body, body_n);
	if (strstr(head, " /head")) {
		free(r->body);
		r->body = strdup(head);
		r->n = strlen(head);
	}
	if (strstr(head, " /redirect")) {
		r->status = 302;
		r->headers = "Location: /elsewhere\r\n";
	}
	if (strstr(head, " /plain"))
		r->headers = "Content-Type: text/html\r\n";
	if (strstr(head, " /bare"))
		r->headers = "";
}

struct http_fixture {
	struct fake_http server;
	struct arena *arena;
	struct ctx cx;
	struct http_client *client;
};

static struct http_fixture *http_begin(int timeout_ms)
{
	static struct http_fixture x;
	struct http_client_config config = {500, timeout_ms, 100000};
	x.server.handle = http_obey;
	fake_http_start(&x.server);
	x.arena = arena_create(UNIT_ARENA_BYTES);
	ctx_init(&x.cx, x.arena, 5000, "test");
	x.client = http_client_create(&config);
	return &x;
}

static void http_end(struct http_fixture *x)
{
	http_client_destroy(x->client);
	arena_destroy(x->arena);
	fake_http_stop(&x->server);
}

static enum status http_post(struct http_fixture *x, struct http_response *r, const char *path,
			     const char *body)
{
	return http_client_post(&x->cx, x->client, r,
				arena_printf(x->arena, "%s%s", x->server.url, path),
				"application/json", bytes_of(body, strlen(body)));
}

START_TEST(an_answer_comes_whole_and_the_connection_is_kept)
{
	struct http_fixture *x = http_begin(2000);
	struct http_response r;
	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(http_post(x, &r, "/plain", "hello"), ST_OK);
		ck_assert_int_eq(r.status, 200);
		ck_assert_mem_eq(r.body.p, "hello", 5);
		ck_assert_uint_eq(r.body.n, 5);
		ck_assert_str_eq(r.content_type, "text/html");
	}
	ck_assert_int_eq(atomic_load(&x->server.requests), 20);
	ck_assert_int_eq(atomic_load(&x->server.connections), 1);
	ck_assert_int_eq(http_post(x, &r, "/bare", ""), ST_OK);
	ck_assert_uint_eq(r.body.n, 0);
	ck_assert_str_eq(r.content_type, "");
	http_end(x);
}
END_TEST

START_TEST(a_connection_that_was_closed_meanwhile_costs_nothing)
{
	struct http_fixture *x = http_begin(2000);
	struct http_response r;
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(http_post(x, &r, "/goodbye", "x"), ST_OK);
		clock_sleep_ms(10);
	}
	ck_assert_int_eq(atomic_load(&x->server.requests), 5);
	http_end(x);
}
END_TEST

START_TEST(get_sends_no_body_and_post_no_expect)
{
	struct http_fixture *x = http_begin(2000);
	struct http_response r;
	ck_assert_int_eq(http_client_get(&x->cx, x->client, &r,
					 arena_printf(x->arena, "%s/head", x->server.url)), ST_OK);
	ck_assert_int_eq(strncmp((const char *)r.body.p, "GET /head HTTP/1.1\r\n", 20), 0);
	ck_assert_ptr_null(strcasestr((const char *)r.body.p, "content-length"));
	char *big = arena_alloc(x->arena, 2 * 1024 * 1024 + 1);
	memset(big, 'x', 2 * 1024 * 1024);
	ck_assert_int_eq(http_post(x, &r, "/head", big), ST_OK);
	ck_assert_int_eq(strncmp((const char *)r.body.p, "POST /head HTTP/1.1\r\n", 21), 0);
	ck_assert_ptr_null(strcasestr((const char *)r.body.p, "expect"));
	ck_assert_ptr_nonnull(strstr((const char *)r.body.p, "Content-Type: application/json\r\n"));
	http_end(x);
}
END_TEST

START_TEST(redirects_are_answers)
{
	struct http_fixture *x = http_begin(2000);
	struct http_response r;
	ck_assert_int_eq(http_post(x, &r, "/redirect", "x"), ST_OK);
	ck_assert_int_eq(r.status, 302);
	ck_assert_int_eq(atomic_load(&x->server.requests), 1);
	http_end(x);
}
END_TEST

START_TEST(broken_answers_are_no_answers)
{
	struct http_fixture *x = http_begin(2000);
	struct http_response r;
	ck_assert_int_eq(http_post(x, &r, "/close", "x"), ST_UNAVAILABLE);
	ck_assert_int_eq(http_post(x, &r, "/truncated", "half"), ST_UNAVAILABLE);
	ck_assert_int_eq(http_post(x, &r, "/raw", "SSH-2.0-OpenSSH_9.2\r\n"), ST_UNAVAILABLE);
	ck_assert_int_eq(http_post(x, &r, "/raw", "HTTP/1.1 200"), ST_UNAVAILABLE);
	ck_assert_int_eq(http_post(x, &r, "/raw", "HTTP/1.1 200 OK\r\n"
					  "Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
			 ST_UNAVAILABLE);
	ck_assert_int_eq(http_post(x, &r, "/raw", "HTTP/1.1 200 OK\r\n"
					  "Content-Encoding: gzip\r\n"
					  "Content-Length: 4\r\n\r\nnope"),
			 ST_UNAVAILABLE);
	http_end(x);
}
END_TEST

START_TEST(slow_answers_end_at_the_deadline)
{
	struct http_fixture *x = http_begin(300);
	struct http_response r;
	int64_t start = clock_mono_ms();
	ck_assert_int_eq(http_post(x, &r, "/drip", "0123456789012345678901234567890123456789"),
			 ST_DEADLINE);
	ck_assert_int_eq(http_post(x, &r, "/silent", "x"), ST_DEADLINE);
	ck_assert_int_lt(clock_mono_ms() - start, 1500);
	ck_assert_ptr_nonnull(strstr(x->cx.err.message, "within 300 ms"));
	http_end(x);
}
END_TEST

START_TEST(the_contexts_deadline_counts_when_it_is_nearer)
{
	struct http_fixture *x = http_begin(60000);
	struct http_response r;
	int64_t start = clock_mono_ms();
	ctx_init(&x->cx, x->arena, 200, "test");
	ck_assert_int_eq(http_post(x, &r, "/silent", "x"), ST_DEADLINE);
	ck_assert_int_lt(clock_mono_ms() - start, 1000);
	ck_assert_int_eq(http_post(x, &r, "/plain", "x"), ST_DEADLINE);
	ck_assert_int_eq(atomic_load(&x->server.requests), 1);
	http_end(x);
}
END_TEST

START_TEST(large_answers_are_cut_off)
{
	struct http_fixture *x = http_begin(2000);
	struct http_response r;
	char *big = arena_alloc(x->arena, 100002);
	memset(big, 'x', 100001);
	ck_assert_int_eq(http_post(x, &r, "/plain", big), ST_TOO_LARGE);
	big[100000] = 0;
	ck_assert_int_eq(http_post(x, &r, "/plain", big), ST_OK);
	ck_assert_uint_eq(r.body.n, 100000);
	int64_t start = clock_mono_ms();
	ck_assert_int_eq(http_post(x, &r, "/endless", "x"), ST_TOO_LARGE);
	ck_assert_int_lt(clock_mono_ms() - start, 1500);
	http_end(x);
}
END_TEST

/* 200,000 zeros as gzip packs them. */
static const char http_packed[] = "0x"
	"1f8b0800000000000203edc13101000000c2a0f54f6d067fa000000000000000"
	"0000000000000000000000000000000000000000000000000000000000000000"
	"0000000000000000000000000000000000000000000000000000000000000000"
	"0000000000000000000000000000000000000000000000000000000000000000"
	"0000000000000000000000000000000000000000000000000000000000000000"
	"0000000000000000000000000000000000000000000000000000000000000000"
	"000000000000000000000000000000000000000000000000000080d7007b58e0"
	"5c400d0300";

static void http_bomb(struct fake_http *f, struct fake_reply *r, const char *head,
		      const char *body, size_t body_n)
{
	(void)f, (void)head, (void)body, (void)body_n;
	r->n = (sizeof http_packed - 3) / 2;
	r->body = malloc(r->n);
	if (!hex_decode_fixed(http_packed, sizeof http_packed - 1, (uint8_t *)r->body, r->n))
		abort();
	r->headers = "Content-Encoding: gzip\r\n";
}

START_TEST(compressed_answers_count_unpacked)
{
	struct http_fixture *x = http_begin(2000);
	struct http_response r;
	x->server.handle = http_bomb;
	ck_assert_uint_lt(sizeof http_packed, 1000);
	ck_assert_int_eq(http_post(x, &r, "/", "x"), ST_TOO_LARGE);
	http_end(x);
}
END_TEST

START_TEST(nobody_there_and_no_url_are_unavailable)
{
	struct http_fixture *x = http_begin(2000);
	struct http_response r;
	const char *urls[] = {"http://127.0.0.1:1/v3/secret-key", "file:///etc/passwd",
			      "ftp://127.0.0.1/", "gopher://127.0.0.1:70/", "", "http://",
			      "http://name.invalid/", "not a url"};
	for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
		ck_assert_msg(http_client_get(&x->cx, x->client, &r, urls[i]) == ST_UNAVAILABLE,
			      "%s", urls[i]);
		ck_assert_ptr_null(strstr(x->cx.err.message, "secret"));
		ck_assert_ptr_null(strstr(x->cx.err.message, "passwd"));
	}
	http_end(x);
}
END_TEST

START_TEST(the_environments_proxy_is_not_used)
{
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	struct http_fixture *x = http_begin(2000);
	struct http_response r;
	ck_assert_int_eq(http_post(x, &r, "/plain", "x"), ST_OK);
	http_end(x);
}
END_TEST

START_TEST(an_origin_holds_no_secret)
{
	struct arena *a = arena_create(UNIT_ARENA_BYTES);
	ck_assert_str_eq(http_origin(a, "https://user:pass@rpc.example.com/v3/key?x=y"),
			 "https://rpc.example.com");
	ck_assert_str_eq(http_origin(a, "http://127.0.0.1:8545"), "http://127.0.0.1:8545");
	ck_assert_str_eq(http_origin(a, "http://"), "(not a URL)");
	arena_destroy(a);
}
END_TEST

START_TEST(several_are_asked_at_once_and_each_has_its_own_end)
{
	struct http_fixture *x = http_begin(400);
	const char *paths[] = {"/plain", "/silent", "/drip", "/close", "/endless", "/silent"};
	const enum status wanted[] = {ST_OK, ST_DEADLINE, ST_DEADLINE, ST_UNAVAILABLE,
				      ST_TOO_LARGE, ST_DEADLINE};
	struct http_exchange e[6];
	for (size_t i = 0; i < 6; i++)
		e[i] = (struct http_exchange){
			.url = arena_printf(x->arena, "%s%s", x->server.url, paths[i]),
			.body = bytes_of("01234567890123456789012345678901234567890123456789", 50)};
	int64_t start = clock_mono_ms();
	http_client_post_many(&x->cx, x->client, e, 6, "application/json");
	ck_assert_int_lt(clock_mono_ms() - start, 900);
	for (size_t i = 0; i < 6; i++) {
		ck_assert_msg(e[i].status == wanted[i], "%s: %s", paths[i], e[i].why);
		ck_assert_int_eq(e[i].why[0] == 0, wanted[i] == ST_OK);
	}
	ck_assert_uint_eq(e[0].response.body.n, 50);
	http_end(x);
}
END_TEST

static void *http_abort_soon(void *client)
{
	clock_sleep_ms(100);
	http_client_abort(client);
	return NULL;
}

START_TEST(an_abort_ends_what_is_under_way_and_all_later)
{
	struct http_fixture *x = http_begin(30000);
	struct http_response r;
	pthread_t thread;
	int64_t start = clock_mono_ms();
	ctx_init(&x->cx, x->arena, 30000, "test");
	pthread_create(&thread, NULL, http_abort_soon, x->client);
	ck_assert_int_eq(http_post(x, &r, "/silent", "x"), ST_CANCELLED);
	ck_assert_int_lt(clock_mono_ms() - start, 500);
	ck_assert_int_eq(http_post(x, &r, "/plain", "x"), ST_CANCELLED);
	pthread_join(thread, NULL);
	http_end(x);
}
END_TEST

UNIT_SUITE("base/http_client", an_answer_comes_whole_and_the_connection_is_kept,
	   a_connection_that_was_closed_meanwhile_costs_nothing,
	   get_sends_no_body_and_post_no_expect, redirects_are_answers,
	   broken_answers_are_no_answers, slow_answers_end_at_the_deadline,
	   the_contexts_deadline_counts_when_it_is_nearer, large_answers_are_cut_off,
	   compressed_answers_count_unpacked, nobody_there_and_no_url_are_unavailable,
	   the_environments_proxy_is_not_used, an_origin_holds_no_secret,
	   several_are_asked_at_once_and_each_has_its_own_end,
	   an_abort_ends_what_is_under_way_and_all_later)
