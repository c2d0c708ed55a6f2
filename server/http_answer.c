/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "server/http_exchange.h"

#include "ferry/v1/types.pb-c.h"

enum { HTTP_LOG_MAX = 10, HTTP_RETRY_AFTER_S = 1 };

void http_pair_add(struct http_exchange *ex, const char *name, const char *value)
{
	struct http_answer *answer = &ex->answer;
	assert(answer->pairs_count < HTTP_PAIRS_MAX);
	answer->pairs[answer->pairs_count++] = (struct http_pair){name, value};
}

void http_answer_set(struct http_exchange *ex, int status, const char *content_type,
		     struct bytes body)
{
	ex->answer.status = status;
	ex->answer.body = body;
	if (content_type)
		http_pair_add(ex, "Content-Type", content_type);
}

void http_log_failure(struct http *http, const struct ctx *cx, enum status st)
{
	if (status_http(st) < 500 || st == ST_NOT_IMPLEMENTED || atomic_load(&http->stopping))
		return;
	int64_t second = clock_mono_ms() / 1000;
	if (atomic_exchange_explicit(&http->log_second, second, memory_order_relaxed) != second)
		atomic_store_explicit(&http->log_count, 0, memory_order_relaxed);
	if (atomic_fetch_add_explicit(&http->log_count, 1, memory_order_relaxed) < HTTP_LOG_MAX)
		log_failure(st == ST_INTERNAL ? LOG_ERROR : LOG_WARN, "http.failed", cx);
}

/* The problem with the path it happened at: RFC 9457's "instance" is the transport's to know. */
static struct bytes http_problem(struct http_exchange *ex, struct ctx *cx)
{
	const struct Ferry__V1__Problem *problem = api_problem(cx);
	struct bytes text = api_json_encode(ex->arena, JSON_REST, &problem->base);
	assert(text.n >= 2 && text.p[text.n - 1] == '}');
	struct buf out;
	buf_init(&out, ex->arena, text.n + 8 * HTTP_URI_BYTES_MAX);
	buf_put(&out, text.p, text.n - 1);
	buf_puts(&out, ",\"instance\":");
	http_json_put(&out, ex->head.path ? ex->head.path : "/");
	buf_putc(&out, '}');
	return buf_bytes(&out);
}

void http_fail(struct http_exchange *ex, struct ctx *cx, enum status st)
{
	if (cx->err.status != st)
		(void)fail(cx, st, "%s.", status_title(st));
	http_log_failure(ex->http, cx, st);
	http_answer_set(ex, status_http(st), "application/problem+json", http_problem(ex, cx));
	unsigned retry = cx->err.retry_after_s;
	if (retry == 0 && (status_http(st) == 503 || st == ST_RATE_LIMITED || st == ST_IN_PROGRESS))
		retry = HTTP_RETRY_AFTER_S;
	if (retry > 0)
		http_pair_add(ex, "Retry-After", arena_printf(ex->arena, "%u", retry));
	if (st == ST_UNAUTHENTICATED)
		http_pair_add(ex, "WWW-Authenticate", "Bearer realm=\"ferry\"");
	if (st == ST_METHOD_NOT_ALLOWED && ex->route.allow)
		http_pair_add(ex, "Allow", ex->route.allow);
}

/* The origin to name in Access-Control-Allow-Origin; NULL: none. */
static const char *http_cors_origin(const struct http_exchange *ex)
{
	const struct http_config *config = &ex->http->config;
	const char *origin = ex->head.value[HTTP_ORIGIN];
	if (!origin || ex->admin)
		return NULL;
	for (size_t i = 0; i < config->origins_count; i++) {
		/* Keys travel in a header, never in a cookie: "*" gives no credentials away. */
		if (strcmp(config->origins[i], "*") == 0)
			return "*";
		if (strcmp(config->origins[i], origin) == 0)
			return origin;
	}
	return NULL;
}

static void http_cors_add(struct http_exchange *ex)
{
	if (ex->http->config.origins_count == 0 || ex->admin)
		return;
	const char *origin = http_cors_origin(ex);
	if (!origin || origin[0] != '*')
		http_pair_add(ex, "Vary", "Origin");
	if (!origin)
		return;
	http_pair_add(ex, "Access-Control-Allow-Origin", origin);
	http_pair_add(ex, "Access-Control-Expose-Headers",
		      "ETag, Location, Link, RateLimit, RateLimit-Policy, Retry-After, "
		      "X-Request-Id, Idempotency-Replayed, Ferry-Receipt, traceparent");
}

void http_answer_options(struct http_exchange *ex)
{
	http_answer_set(ex, 204, NULL, bytes_of(NULL, 0));
	http_pair_add(ex, "Allow", ex->route.allow);
	if (!ex->head.value[HTTP_ACCESS_CONTROL_REQUEST_METHOD] || !http_cors_origin(ex))
		return;
	http_pair_add(ex, "Access-Control-Allow-Methods", ex->route.allow);
	http_pair_add(ex, "Access-Control-Allow-Headers",
		      "Authorization, Content-Type, Accept, Idempotency-Key, If-None-Match, "
		      "Last-Event-ID, Prefer, traceparent, Connect-Protocol-Version, Connect-Timeout-Ms, "
		      "X-User-Agent");
	http_pair_add(ex, "Access-Control-Max-Age", "7200");
}

void http_answer_seal(struct http_exchange *ex)
{
	const struct http_answer *answer = &ex->answer;
	bool cached = false;
	for (size_t i = 0; i < answer->pairs_count; i++)
		cached = cached || strcmp(answer->pairs[i].name, "Cache-Control") == 0;
	if (!cached)
		http_pair_add(ex, "Cache-Control", "no-store");
	http_pair_add(ex, "X-Content-Type-Options", "nosniff");
	http_pair_add(ex, "X-Request-Id", ex->request_id);
	if (ex->traceparent)
		http_pair_add(ex, "traceparent", ex->traceparent);
	http_cors_add(ex);
	int hundreds = answer->status / 100;
	if (hundreds > 0 && hundreds < 6)
		atomic_fetch_add_explicit(&ex->http->answers[hundreds], 1, memory_order_relaxed);
}
