/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* strcasestr */
#include "chain/jsonrpc.h"

#include "tests/unit/chain/fake_node.h"
#include "tests/unit/unit.h"

enum { NODES = 3 };

struct jsonrpc_fixture {
	struct fake_node nodes[NODES];
	struct arena *arena;
	struct ctx cx;
	struct jsonrpc *j;
};

/* "echo" gives its parameters back, "fail" an error, anything else null. */
static json_t *node_answer(struct fake_node *n, const char *method, const json_t *params)
{
	(void)n;
	if (strcmp(method, "echo") == 0)
		return fake_result(json_deep_copy(params));
	if (strcmp(method, "fail") == 0)
		return fake_error(-32000, "no \xc3\xbc or \n here", json_string("0x1234"));
	if (strcmp(method, "limit") == 0)
		return fake_error(-32005, "slow down", NULL);
	return fake_result(json_null());
}

static struct jsonrpc_fixture *jsonrpc_begin(size_t nodes, size_t items_max, size_t bytes_max)
{
	static struct jsonrpc_fixture x;
	static const char *urls[NODES];
	for (size_t i = 0; i < nodes; i++) {
		x.nodes[i].answer = node_answer;
		fake_node_start(&x.nodes[i]);
		urls[i] = x.nodes[i].http.url;
	}
	struct jsonrpc_config config = {
		.name = "rollup",
		.urls = urls,
		.urls_count = nodes,
		.timeout_ms = 400,
		.answer_bytes_max = 100000,
		.batch_items_max = items_max,
		.batch_bytes_max = bytes_max,
	};
	x.arena = arena_create(UNIT_ARENA_BYTES);
	ctx_init(&x.cx, x.arena, 10000, "test");
	x.j = jsonrpc_create(&config);
	return &x;
}

static void jsonrpc_end(struct jsonrpc_fixture *x)
{
	size_t nodes = jsonrpc_nodes(x->j);
	jsonrpc_destroy(x->j);
	arena_destroy(x->arena);
	for (size_t i = 0; i < nodes; i++)
		fake_node_stop(&x->nodes[i]);
}

static struct jsonrpc_item *jsonrpc_echoes(struct jsonrpc_fixture *x, size_t n)
{
	struct jsonrpc_item *items = arena_array(x->arena, n, sizeof *items);
	for (size_t i = 0; i < n; i++) {
		items[i].method = "echo";
		items[i].params = arena_printf(x->arena, "[%zu]", i);
	}
	return items;
}

static void jsonrpc_assert_echoes(const struct jsonrpc_item *items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(json_integer_value(json_array_get(items[i].result, 0)), (int)i);
}

START_TEST(batches_are_split_and_answers_find_their_questions)
{
	struct jsonrpc_fixture *x = jsonrpc_begin(1, 40, 0);
	struct jsonrpc_item *items = jsonrpc_echoes(x, 100);
	ck_assert_int_eq(jsonrpc_ask(&x->cx, x->j, 0, items, 100), ST_OK);
	jsonrpc_assert_echoes(items, 100);
	ck_assert_int_eq(atomic_load(&x->nodes[0].http.requests), 3);
	ck_assert_int_eq(atomic_load(&x->nodes[0].batch_items), 20);
	jsonrpc_end(x);
}
END_TEST

START_TEST(batches_are_split_by_bytes_too_and_one_large_request_goes_alone)
{
	struct jsonrpc_fixture *x = jsonrpc_begin(1, 100, 300);
	struct jsonrpc_item *items = jsonrpc_echoes(x, 6);
	items[3].params = arena_printf(x->arena, "[3,\"%0500d\"]", 0);
	ck_assert_int_eq(jsonrpc_ask(&x->cx, x->j, 0, items, 6), ST_OK);
	jsonrpc_assert_echoes(items, 6);
	ck_assert_int_eq(atomic_load(&x->nodes[0].http.requests), 3);
	jsonrpc_end(x);
}
END_TEST

START_TEST(answers_in_another_order_are_fine)
{
	struct jsonrpc_fixture *x = jsonrpc_begin(1, 0, 0);
	struct jsonrpc_item *items = jsonrpc_echoes(x, 3);
	x->nodes[0].body = "[{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":[2]},"
			   "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":[0],\"error\":null},"
			   "{\"id\":2,\"result\":[1],\"jsonrpc\":\"2.0\",\"more\":1}]";
	ck_assert_int_eq(jsonrpc_ask(&x->cx, x->j, 0, items, 3), ST_OK);
	jsonrpc_assert_echoes(items, 3);
	jsonrpc_end(x);
}
END_TEST

START_TEST(an_error_is_an_answer_and_keeps_code_message_and_data)
{
	struct jsonrpc_fixture *x = jsonrpc_begin(1, 0, 0);
	struct jsonrpc_item items[] = {{.method = "echo", .params = "[0]"},
				       {.method = "fail", .params = "[]"},
				       {.method = "nothing", .params = "[]"}};
	ck_assert_int_eq(jsonrpc_ask(&x->cx, x->j, 0, items, 3), ST_OK);
	ck_assert(!items[0].failed);
	ck_assert(items[1].failed);
	ck_assert_ptr_null(items[1].result);
	ck_assert_int_eq(items[1].code, -32000);
	ck_assert_str_eq(items[1].message, "no ?? or ? here");
	ck_assert_str_eq(json_string_value(items[1].data), "0x1234");
	ck_assert(json_is_null(items[2].result));
	ck_assert(!items[2].failed);
	jsonrpc_end(x);
}
END_TEST

/* Two requests, ids 1 and 2, answered with this. */
static void jsonrpc_refused(const char *body, int status, enum status st, const char *sentence)
{
	struct jsonrpc_fixture *x = jsonrpc_begin(1, 0, 0);
	struct jsonrpc_item *items = jsonrpc_echoes(x, 2);
	x->nodes[0].body = body;
	x->nodes[0].status = status;
	enum status got = jsonrpc_ask(&x->cx, x->j, 0, items, 2);
	ck_assert_msg(got == st, "%s: %s", body, x->cx.err.message);
	ck_assert_msg(strstr(x->cx.err.message, sentence), "%s: %s", body, x->cx.err.message);
	ck_assert_ptr_nonnull(strstr(x->cx.err.message, "rollup http://127.0.0.1:"));
	for (size_t i = 0; i < 2; i++) {
		ck_assert_ptr_null(items[i].result);
		ck_assert(!items[i].failed);
	}
	jsonrpc_end(x);
	memset(x, 0, sizeof *x);
}

#define R(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":[0]}"

START_TEST(odd_answers_spoil_the_whole_batch)
{
	static const struct {
		const char *body;
		int status;
		const char *sentence;
	} rows[] = {
		{"<html><body>Bad Gateway</body></html>", 200, "not JSON"},
		{"", 200, "empty"},
		{"[" R("1") "," R("2") "]", 503, "HTTP 503"},
		{"[" R("1") "," R("2") "]", 201, "HTTP 201"},
		{"[" R("1") "," R("2"), 200, "not JSON"},
		{"[" R("1") "," R("2") "]]", 200, "not JSON"},
		{"[" R("1") "]", 200, "2 requests have 1 answers"},
		{"[" R("1") "," R("2") "," R("2") "]", 200, "2 requests have 3 answers"},
		{"[" R("1") "," R("1") "]", 200, "two answers have the id 1"},
		{"[" R("1") "," R("3") "]", 200, "id 3"},
		{"[" R("1") "," R("-1") "]", 200, "id -1"},
		{"[" R("1") "," R("18446744073709551618") "]", 200, "not JSON"},
		{"[" R("1") "," R("\"2\"") "]", 200, "\"id\" has the wrong type"},
		{"[" R("1") "," R("2.0") "]", 200, "\"id\" has the wrong type"},
		{"[" R("1") "," R("null") "]", 200, "\"id\" has the wrong type"},
		{"[" R("1") ",{\"jsonrpc\":\"2.0\",\"result\":[0]}]", 200, "\"id\" is missing"},
		{"[" R("1") ",{\"id\":2,\"result\":[0]}]", 200, "\"jsonrpc\" is missing"},
		{"[" R("1") ",{\"jsonrpc\":\"1.0\",\"id\":2,\"result\":[0]}]", 200, "2.0"},
		{"[" R("1") ",{\"jsonrpc\":\"2.0\",\"id\":2}]", 200, "neither"},
		{"[" R("1") ",null]", 200, "it is null"},
		{"[" R("1") ",{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":1,\"error\":"
		 "{\"code\":1,\"message\":\"\"}}]", 200, "both"},
		{"[" R("1") ",{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":\"no\"}]", 200, "code"},
		{"[" R("1") ",{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{\"code\":\"1\","
		 "\"message\":\"\"}}]", 200, "\"code\" has the wrong type"},
		{"[" R("1") ",{\"jsonrpc\":\"2.0\",\"id\":2,\"id\":2,\"result\":1}]", 200,
		 "duplicate"},
		{R("1"), 200, "array"},
		{"null", 200, "not JSON"},
		{"\"hello\"", 200, "not JSON"},
		{"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", 200,
		 "deeper"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		jsonrpc_refused(rows[i].body, rows[i].status, ST_CHAIN, rows[i].sentence);
}
END_TEST

START_TEST(a_refusal_of_the_whole_batch_says_why)
{
	jsonrpc_refused("{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,"
			"\"message\":\"Invalid request\"}}",
			200, ST_CHAIN_REJECTED, "Invalid request (-32600)");
	jsonrpc_refused("{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32005,"
			"\"message\":\"daily limit\"}}",
			200, ST_CHAIN, "daily limit (-32005)");
}
END_TEST

START_TEST(transport_trouble_is_the_chains)
{
	static const enum fake_manner manners[] = {FAKE_CLOSE, FAKE_TRUNCATED, FAKE_DRIP,
						   FAKE_SILENT, FAKE_RAW, FAKE_ENDLESS};
	struct jsonrpc_fixture *x = jsonrpc_begin(1, 0, 0);
	struct jsonrpc_item *items = jsonrpc_echoes(x, 2);
	for (size_t i = 0; i < sizeof manners / sizeof manners[0]; i++) {
		int64_t start = clock_mono_ms();
		x->nodes[0].manner = manners[i];
		ck_assert_int_eq(jsonrpc_ask(&x->cx, x->j, 0, items, 2), ST_CHAIN);
		ck_assert_int_eq(x->cx.err.status, ST_CHAIN);
		ck_assert_ptr_nonnull(strstr(x->cx.err.message, "echo: http://127.0.0.1:"));
		ck_assert_int_lt(clock_mono_ms() - start, 1000);
	}
	x->nodes[0].manner = FAKE_PLAIN;
	ck_assert_int_eq(jsonrpc_ask(&x->cx, x->j, 0, items, 2), ST_OK);
	jsonrpc_end(x);
}
END_TEST

START_TEST(huge_answers_are_told_apart)
{
	struct jsonrpc_fixture *x = jsonrpc_begin(1, 0, 0);
	struct jsonrpc_item item = {.method = "echo",
				    .params = arena_printf(x->arena, "[\"%0100000d\"]", 0)};
	struct jsonrpc_query q = {.items = &item, .n = 1};
	jsonrpc_ask_all(&x->cx, x->j, &q);
	ck_assert_int_eq(q.status, ST_CHAIN);
	ck_assert(q.too_large);
	ck_assert_ptr_nonnull(strstr(q.why, "larger than 100000 bytes"));
	item.params = "[1]";
	jsonrpc_ask_all(&x->cx, x->j, &q);
	ck_assert_int_eq(q.status, ST_OK);
	ck_assert(!q.too_large);
	jsonrpc_end(x);
}
END_TEST

START_TEST(any_goes_on_to_the_next_node_and_stays_there)
{
	struct jsonrpc_fixture *x = jsonrpc_begin(3, 0, 0);
	struct jsonrpc_item *items = jsonrpc_echoes(x, 2);
	x->nodes[0].manner = FAKE_CLOSE;
	x->nodes[1].body = "garbage";
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(jsonrpc_ask_any(&x->cx, x->j, items, 2), ST_OK);
		jsonrpc_assert_echoes(items, 2);
	}
	ck_assert_uint_eq(jsonrpc_answered(x->j), 2);
	ck_assert_int_eq(atomic_load(&x->nodes[1].http.requests), 1);
	ck_assert_int_eq(atomic_load(&x->nodes[2].http.requests), 3);
	x->nodes[2].status = 500;
	ck_assert_int_eq(jsonrpc_ask_any(&x->cx, x->j, items, 2), ST_CHAIN);
	x->nodes[0].manner = FAKE_PLAIN;
	ck_assert_int_eq(jsonrpc_ask_any(&x->cx, x->j, items, 2), ST_OK);
	ck_assert_uint_eq(jsonrpc_answered(x->j), 0);
	jsonrpc_end(x);
}
END_TEST

START_TEST(all_are_asked_at_once_and_fail_alone)
{
	struct jsonrpc_fixture *x = jsonrpc_begin(3, 4, 0);
	struct jsonrpc_query q[NODES] = {{.items = jsonrpc_echoes(x, 10), .n = 10},
					 {.items = jsonrpc_echoes(x, 10), .n = 10},
					 {.items = jsonrpc_echoes(x, 3), .n = 3}};
	x->nodes[1].manner = FAKE_SILENT;
	int64_t start = clock_mono_ms();
	jsonrpc_ask_all(&x->cx, x->j, q);
	ck_assert_int_lt(clock_mono_ms() - start, 700);
	ck_assert_int_eq(q[0].status, ST_OK);
	ck_assert_int_eq(q[1].status, ST_CHAIN);
	ck_assert_ptr_nonnull(strstr(q[1].why, "400 ms"));
	ck_assert_int_eq(q[2].status, ST_OK);
	jsonrpc_assert_echoes(q[0].items, 10);
	jsonrpc_assert_echoes(q[2].items, 3);
	ck_assert_int_eq(atomic_load(&x->nodes[1].http.requests), 1);
	jsonrpc_end(x);
}
END_TEST

static void *jsonrpc_abort_soon(void *j)
{
	clock_sleep_ms(50);
	jsonrpc_abort(j);
	return NULL;
}

START_TEST(an_abort_cancels)
{
	struct jsonrpc_fixture *x = jsonrpc_begin(2, 0, 0);
	struct jsonrpc_item *items = jsonrpc_echoes(x, 1);
	pthread_t thread;
	x->nodes[0].manner = FAKE_SILENT;
	pthread_create(&thread, NULL, jsonrpc_abort_soon, x->j);
	ck_assert_int_eq(jsonrpc_ask_any(&x->cx, x->j, items, 1), ST_CANCELLED);
	pthread_join(thread, NULL);
	jsonrpc_end(x);
}
END_TEST

UNIT_SUITE("chain/jsonrpc", batches_are_split_and_answers_find_their_questions,
	   batches_are_split_by_bytes_too_and_one_large_request_goes_alone,
	   answers_in_another_order_are_fine,
	   an_error_is_an_answer_and_keeps_code_message_and_data,
	   odd_answers_spoil_the_whole_batch, a_refusal_of_the_whole_batch_says_why,
	   transport_trouble_is_the_chains, huge_answers_are_told_apart,
	   any_goes_on_to_the_next_node_and_stays_there, all_are_asked_at_once_and_fail_alone,
	   an_abort_cancels)
