/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "server/http_exchange.h"
#include "server/http_receipt.h"

static const char text_plain[] = "text/plain; charset=utf-8";

static void http_page_text(struct http_exchange *ex, int status, const char *text)
{
	http_answer_set(ex, status, text_plain, bytes_of(text, strlen(text)));
}

/* The process turns its wheels: depends on nothing. */
static void http_page_live(struct http_exchange *ex)
{
	http_page_text(ex, 200, "ok\n");
}

static void http_page_ready(struct http_exchange *ex)
{
	const struct http_config *config = &ex->http->config;
	const char *report = "";
	bool draining = atomic_load(&ex->http->draining);
	bool ready = !config->ready || config->ready(config->arg, ex->arena, &report);
	bool verbose = ex->head.query && strncmp(ex->head.query, "verbose", 7) == 0;
	const char *verdict = draining ? "stopping\n" : ready ? "ok\n" : "not ready\n";
	if (draining || !ready)
		http_pair_add(ex, "Retry-After", "1");
	http_page_text(ex, ready && !draining ? 200 : 503,
		       verbose ? arena_printf(ex->arena, "%s%s", report, verdict) : verdict);
}

static void http_page_version(struct http_exchange *ex)
{
	struct buf out;
	buf_init(&out, ex->arena, 1024);
	buf_puts(&out, "{\"name\":\"ferry\",\"api\":\"v1\",\"version\":");
	http_json_put(&out, ex->http->config.version ? ex->http->config.version : "");
	buf_puts(&out, "}\n");
	http_answer_set(ex, 200, "application/json", buf_bytes(&out));
}

static void http_page_openapi(struct http_exchange *ex)
{
	struct bytes document = ex->http->config.openapi;
	if (document.n == 0) {
		struct ctx *cx = &ex->call.cx;
		http_fail(ex, cx, fail(cx, ST_NOT_FOUND, "This server has no OpenAPI document."));
		return;
	}
	http_answer_set(ex, 200, "application/json", document);
}

static void http_page_metrics(struct http_exchange *ex)
{
	const struct http_config *config = &ex->http->config;
	const char *text = config->metrics ? config->metrics(config->arg, ex->arena) : "";
	http_answer_set(ex, 200, "text/plain; version=0.0.4; charset=utf-8",
			bytes_of(text, strlen(text)));
}

static void http_page_root(struct http_exchange *ex)
{
	http_pair_add(ex, "Location", "/docs");
	http_answer_set(ex, 307, NULL, bytes_of(NULL, 0));
}

static const char docs_style[] =
	"body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;"
	"color:#1b1f24;background:#fff}"
	"table{border-collapse:collapse;width:100%}"
	"th,td{text-align:left;padding:.35rem .7rem;border-bottom:1px solid #d0d7de;"
	"vertical-align:top}"
	"code{font:14px ui-monospace,monospace}"
	":target td{background:#fff3c4}"
	"@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}"
	"th,td{border-color:#30363d}a{color:#79b8ff}:target td{background:#4d3b00}}\n";

static void http_page_style(struct http_exchange *ex)
{
	http_pair_add(ex, "Cache-Control", "max-age=3600");
	http_answer_set(ex, 200, "text/css; charset=utf-8",
			bytes_of(docs_style, sizeof docs_style - 1));
}

static void http_docs_methods(struct buf *out)
{
	static const char *const access[] = {
		[API_ACCESS_PUBLIC] = "none",
		[API_ACCESS_ANY] = "<code>pk_</code> or <code>sk_</code>",
		[API_ACCESS_SECRET] = "<code>sk_</code>",
	};
	buf_puts(out, "<h2 id=\"methods\">Methods</h2>\n<table><thead><tr><th>REST</th>"
		      "<th>gRPC and Connect</th><th>Key</th></tr></thead><tbody>\n");
	for (size_t i = 0; i < API_METHODS_COUNT; i++) {
		const struct api_method *m = &api_methods[i];
		const char *path = m->path;
		if (m->id == API_WATCH_MESSAGE)
			path = "/v1/messages/{id}/events</code> with <code>Accept: "
			       "text/event-stream";
		if (m->id == API_WATCH_IDENTITY)
			path = "/v1/identities/{id}/events</code> with <code>Accept: "
			       "text/event-stream";
		if (m->id == API_WATCH_EVENTS)
			path = "/v1/events</code> with <code>Accept: text/event-stream";
		buf_printf(out,
			   "<tr><td><code>%s %s</code></td><td><code>%s/%s</code></td>"
			   "<td>%s</td></tr>\n",
			   m->verb[0] ? m->verb : "GET", path, m->service, m->rpc,
			   access[m->access]);
	}
	buf_puts(out, "</tbody></table>\n");
}

static void http_docs_errors(struct buf *out)
{
	buf_puts(out, "<h2 id=\"errors\">Errors</h2>\n<p>Every error is a problem "
		      "(<code>application/problem+json</code>): <code>detail</code> says what to "
		      "do, <code>code</code> is for programs, <code>errors</code> names the "
		      "members that are wrong, <code>request_id</code> is what to quote when "
		      "asking for help. "
		      "Where <code>retryable</code> is true the very same request may be sent "
		      "again.</p>\n<table><thead><tr><th>Code</th><th>HTTP</th><th>gRPC</th>"
		      "<th>Retry</th><th>Meaning</th></tr></thead><tbody>\n");
	for (int st = ST_OK + 1; st < STATUS_COUNT; st++)
		buf_printf(out,
			   "<tr id=\"%s\"><td><code>%s</code></td><td>%d</td><td>%d</td>"
			   "<td>%s</td><td>%s</td></tr>\n",
			   status_name(st), status_name(st), status_http(st), status_grpc(st),
			   status_is_retryable(st) ? "yes" : "no", status_title(st));
	buf_puts(out, "</tbody></table>\n");
}

void http_docs_make(struct http *http)
{
	struct buf out;
	buf_init(&out, http->arena, 256 * 1024);
	buf_puts(&out,
		 "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
		 "<meta name=\"viewport\" content=\"width=device-width\"><title>Ferry API</title>"
		 "<link rel=\"stylesheet\" href=\"/docs/style.css\"></head><body>\n"
		 "<h1>Ferry API</h1>\n<p>The exact shapes are in <a href=\"/openapi.json\">"
		 "openapi.json</a>. Requests carry <code>Authorization: Bearer sk_…</code>; "
		 "creating a message needs an <code>Idempotency-Key</code> of 16 to 255 visible "
		 "characters, and sending the same key again gives the first answer again. Health: "
		 "<a href=\"/livez\">/livez</a>, <a href=\"/readyz?verbose\">/readyz</a>, "
		 "<a href=\"/version\">/version</a>.</p>\n");
	http_docs_methods(&out);
	http_docs_errors(&out);
	buf_puts(&out, "</body></html>\n");
	http->docs_page_n = out.n;
	http->docs_page = buf_text(&out);
}

static void http_page_docs(struct http_exchange *ex)
{
	http_pair_add(ex, "Content-Security-Policy",
		      "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
		      "frame-ancestors 'none'");
	http_pair_add(ex, "Referrer-Policy", "no-referrer");
	http_pair_add(ex, "Cross-Origin-Opener-Policy", "same-origin");
	http_answer_set(ex, 200, "text/html; charset=utf-8",
			bytes_of(ex->http->docs_page, ex->http->docs_page_n));
}

const struct http_page http_pages[] = {
	{"/livez", true, true, http_page_live},
	{"/healthz", true, true, http_page_live},
	{"/readyz", true, true, http_page_ready},
	{"/version", true, true, http_page_version},
	{"/metrics", true, false, http_page_metrics},
	{"/openapi.json", false, true, http_page_openapi},
	{"/.well-known/jwks.json", false, true, http_receipt_keys},
	{"/docs", false, true, http_page_docs},
	{"/docs/errors", false, true, http_page_docs},
	{"/docs/style.css", false, true, http_page_style},
	{"/", false, true, http_page_root},
};
const size_t http_pages_count = sizeof http_pages / sizeof http_pages[0];
