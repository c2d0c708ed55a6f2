/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <ctype.h>

#include "base/metric.h"
#include "base/thread.h"

static const char *const methods[] = {"SendMessage", "GetMessage"};
static const char *const queues[] = {"accept"};

static void begin(void)
{
	metric_label_values(METRIC_LABEL_METHOD, methods, 2);
	metric_label_values(METRIC_LABEL_QUEUE, queues, 1);
	metric_init();
}

static const char *text_now(struct ctx *cx)
{
	struct buf out;
	buf_init(&out, cx->arena, METRIC_TEXT_BYTES_MAX);
	metric_write(&out);
	ck_assert(!out.overflow);
	return buf_text(&out);
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text);
	return n >= strlen(end) && strcmp(text + n - strlen(end), end) == 0;
}

START_TEST(every_name_follows_the_rules)
{
	for (int i = 0; i < METRICS_COUNT; i++) {
		const struct metric_row *row = &metric_rows[i];
		ck_assert_msg(strncmp(row->name, "ferry_", 6) == 0, "%s", row->name);
		for (const char *c = row->name; *c; c++)
			ck_assert_msg(islower((unsigned char)*c) || isdigit((unsigned char)*c) || *c == '_',
				      "%s", row->name);
		ck_assert_msg(ends_with(row->name, "_total") == (row->kind == METRIC_COUNTER), "%s",
			      row->name);
		ck_assert_msg(ends_with(row->name, "_seconds") == (row->kind == METRIC_SECONDS), "%s",
			      row->name);
		ck_assert_msg(ends_with(row->name, "_items") == (row->kind == METRIC_ITEMS), "%s",
			      row->name);
		ck_assert_msg(!ends_with(row->name, "_count") && !ends_with(row->name, "_sum") &&
				      !ends_with(row->name, "_bucket"),
			      "%s", row->name);
		ck_assert_msg(row->help[0] && !strpbrk(row->help, "\n\\") &&
				      row->help[strlen(row->help) - 1] != '.',
			      "%s", row->name);
		for (int j = 0; j < i; j++)
			ck_assert_str_ne(metric_rows[j].name, row->name);
	}
}
END_TEST

START_TEST(without_a_beginning_nothing_happens)
{
	metric_add(METRIC_API_REQUESTS, 0, ST_OK, 1);
	ck_assert_int_eq(metric_value(METRIC_API_REQUESTS, 0, ST_OK), 0);
}
END_TEST

START_TEST(the_text_is_what_prometheus_reads)
{
	struct ctx *cx = unit_ctx();
	begin();
	metric_add(METRIC_API_REQUESTS, 1, ST_NOT_FOUND, 3);
	metric_set(METRIC_HTTP_CONNECTIONS, 0, 0, 7);
	metric_observe(METRIC_API_REQUEST_SECONDS, 0, 0, 1);
	metric_observe(METRIC_API_REQUEST_SECONDS, 0, 0, 1000);
	metric_observe(METRIC_API_REQUEST_SECONDS, 0, 0, 1001);
	metric_observe(METRIC_API_REQUEST_SECONDS, 0, 0, 3600000000);
	const char *text = text_now(cx);
	static const char *const lines[] = {
		"# HELP ferry_api_requests_total Requests answered\n"
		"# TYPE ferry_api_requests_total counter\n"
		"ferry_api_requests_total{method=\"GetMessage\",status=\"NOT_FOUND\"} 3\n",
		"# TYPE ferry_http_connections gauge\nferry_http_connections 7\n",
		"# TYPE ferry_api_request_seconds histogram\n",
		"ferry_api_request_seconds_bucket{method=\"SendMessage\",le=\"0.000500\"} 1\n",
		"ferry_api_request_seconds_bucket{method=\"SendMessage\",le=\"0.001000\"} 2\n",
		"ferry_api_request_seconds_bucket{method=\"SendMessage\",le=\"0.002500\"} 3\n",
		"ferry_api_request_seconds_bucket{method=\"SendMessage\",le=\"120.000000\"} 3\n",
		"ferry_api_request_seconds_bucket{method=\"SendMessage\",le=\"+Inf\"} 4\n",
		"ferry_api_request_seconds_sum{method=\"SendMessage\"} 3600.002002\n",
		"ferry_api_request_seconds_count{method=\"SendMessage\"} 4\n",
		"\nprocess_resident_memory_bytes ",
		"\nprocess_open_fds ",
		"\nprocess_start_time_seconds ",
	};
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
		ck_assert_msg(strstr(text, lines[i]), "'%s' is not in\n%s", lines[i], text);
	ck_assert_ptr_null(strstr(text, "method=\"GetMessage\",status=\"OK\""));
	metric_fini();
	unit_ctx_end(cx);
}
END_TEST

enum { THREADS = 4, EACH = 20000 };
static void count(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < EACH; i++) {
		metric_add(METRIC_API_REQUESTS, i % 2, ST_OK, 1);
		metric_observe(METRIC_API_REQUEST_SECONDS, 0, 0, i);
		metric_move(METRIC_HTTP_CONNECTIONS, 0, 0, i % 2 ? 1 : -1);
	}
}

START_TEST(threads_lose_no_count)
{
	begin();
	struct thread *threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		threads[i] = thread_start("count", count, NULL);
	for (int i = 0; i < THREADS; i++)
		thread_join(threads[i]);
	ck_assert_int_eq(metric_value(METRIC_API_REQUESTS, 0, ST_OK), THREADS * EACH / 2);
	ck_assert_int_eq(metric_value(METRIC_API_REQUEST_SECONDS, 0, 0), THREADS * EACH);
	ck_assert_int_eq(metric_value(METRIC_HTTP_CONNECTIONS, 0, 0), 0);
	metric_fini();
}
END_TEST

static void count_out_of_range(void)
{
	begin();
	metric_add(METRIC_API_REQUESTS, 2, ST_OK, 1);
}
static void set_a_histogram(void)
{
	begin();
	metric_set(METRIC_API_REQUEST_SECONDS, 0, 0, 1);
}
static void label_with_a_quote(void)
{
	static const char *const values[] = {"a\"b"};
	metric_label_values(METRIC_LABEL_QUEUE, values, 1);
}

START_TEST(misuse_is_a_bug)
{
	ck_assert(unit_aborts(count_out_of_range));
	ck_assert(unit_aborts(set_a_histogram));
	ck_assert(unit_aborts(label_with_a_quote));
}
END_TEST

SUITE("base/metric", every_name_follows_the_rules, without_a_beginning_nothing_happens,
      the_text_is_what_prometheus_reads, threads_lose_no_count, misuse_is_a_bug)
