/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "server/http_exchange.h"
#include "server/http_receipt.h"

/* How much longer than its wait a long poll may take. */
enum { HTTP_WAIT_SLACK_MS = 10000 };

static bool http_is_get(const struct http_exchange *ex)
{
	return ex->route.method->verb[0] == 'G';
}

/* SSE when the client names it; HEAD never streams. */
static enum status http_rest_negotiate(struct http_exchange *ex)
{
	const char *accept = ex->head.value[HTTP_ACCEPT];
	enum api_method_id id = ex->route.method->id;
	enum api_method_id stream = id == API_LIST_EVENTS           ? API_WATCH_EVENTS
				    : id == API_LIST_IDENTITY_EVENTS  ? API_WATCH_IDENTITY
								      : API_WATCH_MESSAGE;
	bool streams = id == API_LIST_MESSAGE_EVENTS || stream != API_WATCH_MESSAGE;
	if (streams && strcmp(ex->head.method, "GET") == 0 &&
	    http_accepts(accept, "text/event-stream", true)) {
		ex->route.kind = HTTP_KIND_EVENTS;
		ex->route.method = &api_methods[stream];
		ex->codec = HTTP_CODEC_SSE;
		return ST_OK;
	}
	if (http_accepts(accept, "application/json", false))
		return ST_OK;
	return fail(&ex->call.cx, ST_NOT_ACCEPTABLE, "Accept application/json%s.",
		    streams ? " or text/event-stream" : "");
}

enum status http_rest_accept(struct http_exchange *ex)
{
	struct ctx *cx = &ex->call.cx;
	const char *type = ex->head.value[HTTP_CONTENT_TYPE];
	const char *coding = ex->head.value[HTTP_CONTENT_ENCODING];
	TRY(http_rest_negotiate(ex));
	if (ex->route.kind == HTTP_KIND_EVENTS || http_is_get(ex)) {
		if (ex->head.has_body)
			return fail_code(cx, ST_INVALID, "UNEXPECTED_BODY", "A GET has no body.");
		return ST_OK;
	}
	ex->body_bytes_max = ex->route.method->body_bytes_max;
	if (coding && strcmp(coding, "identity") != 0)
		return fail(cx, ST_MEDIA_TYPE, "Send the body without Content-Encoding.");
	/* A verb on a message may come without a body at all. */
	if (!type && !ex->head.has_body && ex->route.id)
		return ST_OK;
	if (!http_type_is(type, "application/json"))
		return fail(cx, ST_MEDIA_TYPE, "Send the body as Content-Type: application/json.");
	return ST_OK;
}

/* "10s", "250ms", "0". */
static enum status http_rest_wait(struct http_exchange *ex, const char *text)
{
	struct ctx *cx = &ex->call.cx;
	size_t digits = strspn(text, "0123456789");
	const char *unit = text + digits;
	uint64_t v = 0;
	uint64_t scale = strcmp(unit, "s") == 0 ? 1000 : 1;
	bool known = scale == 1000 || strcmp(unit, "ms") == 0 || strcmp(text, "0") == 0;
	const char *number = arena_strndup(ex->arena, text, digits);
	if (!known || !http_decimal(number, HTTP_WAIT_MS_MAX / scale, &v)) {
		ctx_add_detail(cx, "/wait", "INVALID", "Give a time up to 30s, like 10s.");
		return fail(cx, ST_INVALID, "The query parameter wait is not a time up to 30s.");
	}
	const char *ms = arena_printf(ex->arena, "%u", (unsigned)(v * scale));
	cx->deadline_ms = clock_mono_ms() + (int64_t)(v * scale) + HTTP_WAIT_SLACK_MS;
	return api_json_set(cx, ex->call.request, "wait_ms", ms);
}

static enum status http_rest_unknown(struct ctx *cx, const char *name)
{
	ctx_add_detail(cx, arena_printf(cx->arena, "/%.64s", name), "UNKNOWN_PARAMETER",
		       "There is no such query parameter here.");
	return fail_code(cx, ST_INVALID, "UNKNOWN_PARAMETER",
			 "The query parameter %.64s is not known here.", name);
}

/* Methods that can wait, and whose answer has a tag. */
static bool http_rest_waits(enum api_method_id method)
{
	return method == API_GET_MESSAGE || method == API_GET_IDENTITY;
}

/* Members that come by another way than the query. */
static bool http_rest_is_reserved(enum api_method_id method, const char *name)
{
	if (strcmp(name, "id") == 0)
		return true;
	return http_rest_waits(method) &&
	       (strcmp(name, "wait_ms") == 0 || strcmp(name, "if_none_match") == 0);
}

static enum status http_rest_query(struct http_exchange *ex)
{
	struct ctx *cx = &ex->call.cx;
	enum api_method_id method = ex->route.method->id;
	struct http_query list[HTTP_QUERY_MAX];
	size_t n;
	TRY(http_query_parse(cx, ex->head.query, list, &n));
	for (size_t i = 0; i < n; i++) {
		if (http_rest_waits(method) && strcmp(list[i].name, "wait") == 0) {
			TRY(http_rest_wait(ex, list[i].value));
			continue;
		}
		const ProtobufCMessageDescriptor *d = ex->route.method->request;
		if (strcmp(ex->head.method, "POST") == 0 ||
		    http_rest_is_reserved(method, list[i].name) ||
		    !protobuf_c_message_descriptor_get_field_by_name(d, list[i].name))
			return http_rest_unknown(cx, list[i].name);
		TRY(api_json_set(cx, ex->call.request, list[i].name, list[i].value));
	}
	return ST_OK;
}

/* One plain tag goes to the handler, which then need not make the answer; a list or "*" is judged
 * here once the answer is there. */
static enum status http_rest_etags(struct http_exchange *ex)
{
	const char *given = ex->head.value[HTTP_IF_NONE_MATCH];
	if (!given || !http_rest_waits(ex->route.method->id))
		return ST_OK;
	const char *tag = strncmp(given, "W/", 2) == 0 ? given + 2 : given;
	size_t n = strlen(tag);
	if (n < 3 || n > 128 || tag[0] != '"' || strcspn(tag + 1, "\"") != n - 2) {
		ex->etags = given;
		return ST_OK;
	}
	return api_json_set(&ex->call.cx, ex->call.request, "if_none_match",
			    arena_strndup(ex->arena, tag + 1, n - 2));
}

static enum status http_rest_last_event(struct http_exchange *ex)
{
	struct ctx *cx = &ex->call.cx;
	const char *last = ex->head.value[HTTP_LAST_EVENT_ID];
	if (ex->route.kind != HTTP_KIND_EVENTS || !last || *last == '\0')
		return ST_OK;
	bool counts = ex->route.method->id == API_WATCH_MESSAGE;
	if (api_json_set(cx, ex->call.request, counts ? "after_seq" : "cursor", last) == ST_OK)
		return ST_OK;
	ctx_error_clear(cx);
	return fail_code(cx, ST_INVALID, "BAD_LAST_EVENT_ID",
			 "The header Last-Event-ID is not the id of an event of this stream.");
}

/* The id comes by the path; a body that has one too could mean another message. */
static enum status http_rest_set_id(struct http_exchange *ex)
{
	struct ctx *cx = &ex->call.cx;
	ProtobufCMessage *m = ex->call.request;
	const ProtobufCFieldDescriptor *f =
		protobuf_c_message_descriptor_get_field_by_name(m->descriptor, "id");
	assert(f && f->type == PROTOBUF_C_TYPE_STRING);
	const char *const *at = (const char *const *)(const void *)((const char *)m + f->offset);
	if (*at && **at) {
		ctx_add_detail(cx, "/id", "UNKNOWN_MEMBER", "The id is given by the path.");
		return fail(cx, ST_INVALID, "The body has an id; it is given by the path.");
	}
	return api_json_set(cx, m, "id", ex->route.id);
}

static enum status http_rest_request(struct http_exchange *ex)
{
	struct ctx *cx = &ex->call.cx;
	const ProtobufCMessageDescriptor *d = ex->route.method->request;
	if (ex->route.kind == HTTP_KIND_EVENTS || http_is_get(ex))
		ex->call.request = api_message_new(ex->arena, d);
	else
		TRY(api_json_decode(cx, JSON_REST, d, (const char *)ex->body.p, ex->body.n,
				    &ex->call.request));
	if (ex->route.id)
		TRY(http_rest_set_id(ex));
	TRY(http_rest_query(ex));
	TRY(http_rest_etags(ex));
	return http_rest_last_event(ex);
}

void http_rest_begin(struct http_exchange *ex)
{
	struct api_call *call = &ex->call;
	call->method = ex->route.method;
	enum status st = http_rest_request(ex);
	if (st != ST_OK) {
		http_fail(ex, &call->cx, st);
		return;
	}
	call->authorization = ex->head.value[HTTP_AUTHORIZATION];
	call->idempotency_key = ex->head.value[HTTP_IDEMPOTENCY_KEY];
	http_submit(ex);
}

static const char *http_string_member(const ProtobufCMessage *m, const char *name)
{
	const ProtobufCFieldDescriptor *f =
		protobuf_c_message_descriptor_get_field_by_name(m->descriptor, name);
	if (!f || f->type != PROTOBUF_C_TYPE_STRING || f->label == PROTOBUF_C_LABEL_REPEATED)
		return "";
	const char *const *at = (const char *const *)(const void *)((const char *)m + f->offset);
	return *at ? *at : "";
}

/* RFC 8288: the same query with the next page's token. */
static void http_rest_link(struct http_exchange *ex)
{
	const char *token = http_string_member(ex->call.reply, "next_page_token");
	if (*token == '\0')
		return;
	struct http_query list[HTTP_QUERY_MAX];
	size_t n = 0;
	if (http_query_parse(&ex->call.cx, ex->head.query, list, &n) != ST_OK)
		return;
	struct buf out;
	buf_init(&out, ex->arena, 4 * HTTP_URI_BYTES_MAX);
	buf_printf(&out, "<%s?", ex->head.path);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(list[i].name, "page_token") == 0)
			continue;
		http_percent_put(&out, list[i].name);
		buf_putc(&out, '=');
		http_percent_put(&out, list[i].value);
		buf_putc(&out, '&');
	}
	buf_puts(&out, "page_token=");
	http_percent_put(&out, token);
	buf_puts(&out, ">; rel=\"next\"");
	if (!out.overflow)
		http_pair_add(ex, "Link", buf_text(&out));
}

void http_rest_finish(struct http_exchange *ex)
{
	struct api_call *call = &ex->call;
	if (ex->call_status != ST_OK) {
		http_fail(ex, &call->cx, ex->call_status);
		return;
	}
	if (call->etag)
		http_pair_add(ex, "ETag", arena_printf(ex->arena, "\"%s\"", call->etag));
	bool same = ex->etags && call->etag && http_etag_matches(ex->etags, call->etag);
	if (call->not_modified || same) {
		http_answer_set(ex, 304, NULL, bytes_of(NULL, 0));
		return;
	}
	assert(call->reply);
	if (call->location)
		http_pair_add(ex, "Location", call->location);
	if (call->replayed)
		http_pair_add(ex, "Idempotency-Replayed", "true");
	http_rest_link(ex);
	http_receipt_add(ex);
	http_answer_set(ex, call->method->http, "application/json",
			api_json_encode(ex->arena, JSON_REST, call->reply));
}
