/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <openssl/evp.h>
#include <string.h>

#include "api/error_details.h"
#include "base/clock.h"
#include "server/http_exchange.h"

enum {
	CONNECT_PREFIX_BYTES = 5,
	CONNECT_END = 2,
	CONNECT_TIMEOUT_DIGITS = 10,
	CONNECT_ERROR_BYTES_MAX = 128 * 1024,
};

/* connectrpc.com/docs/protocol: the name and HTTP status of each google.rpc.Code. */
static const struct {
	const char *name;
	int http;
} codes[] = {
	[1] = {"canceled", 499},
	[2] = {"unknown", 500},
	[3] = {"invalid_argument", 400},
	[4] = {"deadline_exceeded", 504},
	[5] = {"not_found", 404},
	[6] = {"already_exists", 409},
	[7] = {"permission_denied", 403},
	[8] = {"resource_exhausted", 429},
	[9] = {"failed_precondition", 400},
	[10] = {"aborted", 409},
	[11] = {"out_of_range", 400},
	[12] = {"unimplemented", 501},
	[13] = {"internal", 500},
	[14] = {"unavailable", 503},
	[15] = {"data_loss", 500},
	[16] = {"unauthenticated", 401},
};

static int http_connect_code(enum status st)
{
	int code = status_grpc(st);
	assert(code > 0 && code <= 16);
	return code;
}

static bool http_connect_streams(const struct http_exchange *ex)
{
	return ex->route.method && ex->route.method->queue == API_QUEUE_STREAM;
}

/* -- errors -- */

/* {"type":"google.rpc.ErrorInfo","value":"<base64>"}. */
static void http_connect_put_detail(struct buf *out, struct arena *a,
				    const struct api_error_detail *detail)
{
	char *text = arena_alloc(a, (detail->value.n + 2) / 3 * 4 + 1);
	int n = EVP_EncodeBlock((unsigned char *)text, detail->value.p, (int)detail->value.n);
	/* The protocol's base64 has no padding. */
	while (n > 0 && text[n - 1] == '=')
		n--;
	buf_printf(out, "{\"type\":\"%s\",\"value\":\"%.*s\"}", detail->type, n, text);
}

struct bytes http_connect_error(struct arena *a, struct ctx *cx, enum status st)
{
	if (cx->err.status != st)
		(void)fail(cx, st, "%s.", status_title(st));
	struct buf out;
	buf_init(&out, a, CONNECT_ERROR_BYTES_MAX);
	buf_printf(&out, "{\"code\":\"%s\",\"message\":", codes[http_connect_code(st)].name);
	http_json_put(&out, cx->err.message);
	buf_puts(&out, ",\"details\":[");
	struct api_error_detail details[API_ERROR_DETAILS_MAX];
	size_t n = api_error_details(cx, details);
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_putc(&out, ',');
		http_connect_put_detail(&out, a, &details[i]);
	}
	buf_puts(&out, "]}");
	return buf_bytes(&out);
}

void http_connect_put_frame(struct buf *out, int flags, struct bytes message)
{
	assert(message.n <= UINT32_MAX);
	uint32_t n = (uint32_t)message.n;
	const uint8_t prefix[CONNECT_PREFIX_BYTES] = {(uint8_t)flags, (uint8_t)(n >> 24),
						      (uint8_t)(n >> 16), (uint8_t)(n >> 8),
						      (uint8_t)n};
	buf_put(out, prefix, sizeof prefix);
	buf_put(out, message.p, message.n);
}

void http_connect_put_end(struct buf *out, struct arena *a, struct ctx *cx, enum status st)
{
	struct buf end;
	buf_init(&end, a, CONNECT_ERROR_BYTES_MAX + 64);
	buf_puts(&end, "{");
	if (st != ST_OK) {
		struct bytes error = http_connect_error(a, cx, st);
		buf_puts(&end, "\"error\":");
		buf_put(&end, error.p, error.n);
	}
	buf_puts(&end, "}");
	http_connect_put_frame(out, CONNECT_END, buf_bytes(&end));
}

static const char *http_connect_stream_type(const struct http_exchange *ex)
{
	return ex->codec == HTTP_CODEC_PROTO ? "application/connect+proto"
					     : "application/connect+json";
}

void http_connect_fail(struct http_exchange *ex, struct ctx *cx, enum status st)
{
	/* Before the body's form is agreed on there is nothing to put an end frame into. */
	bool framed = http_connect_streams(ex) && st != ST_MEDIA_TYPE;
	if (!framed) {
		struct bytes error = http_connect_error(ex->arena, cx, st);
		int status = st == ST_MEDIA_TYPE ? 415 : codes[http_connect_code(st)].http;
		http_answer_set(ex, status, "application/json", error);
	} else {
		struct buf out;
		buf_init(&out, ex->arena, CONNECT_ERROR_BYTES_MAX + 128);
		http_connect_put_end(&out, ex->arena, cx, st);
		http_answer_set(ex, 200, http_connect_stream_type(ex), buf_bytes(&out));
	}
	http_log_failure(ex->http, cx, st);
}

/* -- requests -- */

enum status http_connect_accept(struct http_exchange *ex)
{
	struct ctx *cx = &ex->call.cx;
	const char *type = ex->head.value[HTTP_CONTENT_TYPE];
	const char *coding = ex->head.value[HTTP_CONTENT_ENCODING];
	const char *version = ex->head.value[HTTP_CONNECT_PROTOCOL_VERSION];
	if (!ex->route.method)
		return fail(cx, ST_NOT_IMPLEMENTED, "There is no method %.128s, or not yet.",
			    ex->head.path);
	bool streams = http_connect_streams(ex);
	const char *json = streams ? "application/connect+json" : "application/json";
	const char *proto = streams ? "application/connect+proto" : "application/proto";
	if (http_type_is(type, json))
		ex->codec = HTTP_CODEC_JSON;
	else if (http_type_is(type, proto))
		ex->codec = HTTP_CODEC_PROTO;
	else
		return fail(cx, ST_MEDIA_TYPE, "Send the request as %s or %s.", json, proto);
	if (streams)
		coding = ex->head.value[HTTP_CONNECT_CONTENT_ENCODING];
	if (coding && strcmp(coding, "identity") != 0)
		return fail_code(cx, ST_NOT_IMPLEMENTED, "ENCODING_NOT_SUPPORTED",
				 "The encoding %.32s is not supported; send identity.", coding);
	if (version && strcmp(version, "1") != 0)
		return fail_code(cx, ST_INVALID, "BAD_PROTOCOL_VERSION",
				 "The header Connect-Protocol-Version must be 1.");
	/* Methods without a body in REST have a small one here. */
	size_t max = ex->route.method->body_bytes_max;
	ex->body_bytes_max = (max ? max : 64 * 1024) + (streams ? CONNECT_PREFIX_BYTES : 0);
	return ST_OK;
}

static enum status http_connect_deadline(struct http_exchange *ex)
{
	struct ctx *cx = &ex->call.cx;
	const char *text = ex->head.value[HTTP_CONNECT_TIMEOUT_MS];
	uint64_t ms = 0;
	if (!text)
		return ST_OK;
	if (strlen(text) > CONNECT_TIMEOUT_DIGITS || !http_decimal(text, INT32_MAX * 5ULL, &ms))
		return fail_code(cx, ST_INVALID, "BAD_TIMEOUT",
				 "The header Connect-Timeout-Ms is not a number of up to 10 "
				 "digits.");
	int64_t deadline = clock_mono_ms() + (int64_t)ms;
	/* A stream lives as long as its client wants; a call not longer than ours may. */
	if (http_connect_streams(ex) || deadline < cx->deadline_ms)
		cx->deadline_ms = deadline;
	return ST_OK;
}

/* The one message of a stream's request, out of its envelope. */
static enum status http_connect_open(struct http_exchange *ex, struct bytes *in)
{
	struct ctx *cx = &ex->call.cx;
	*in = buf_bytes(&ex->body);
	if (!http_connect_streams(ex))
		return ST_OK;
	if (in->n < CONNECT_PREFIX_BYTES)
		return fail_code(cx, ST_INVALID, "BAD_ENVELOPE",
				 "The body is not an enveloped message.");
	uint32_t n = (uint32_t)in->p[1] << 24 | (uint32_t)in->p[2] << 16 |
		     (uint32_t)in->p[3] << 8 | in->p[4];
	if (in->p[0] != 0)
		return fail_code(cx, ST_INVALID, "BAD_ENVELOPE",
				 "The envelope's flags must be 0: one message, not compressed.");
	if (n != in->n - CONNECT_PREFIX_BYTES)
		return fail_code(cx, ST_INVALID, "BAD_ENVELOPE",
				 "The envelope's length is not that of the one message in it.");
	*in = bytes_of(in->p + CONNECT_PREFIX_BYTES, n);
	return ST_OK;
}

static enum status http_connect_request(struct http_exchange *ex)
{
	struct ctx *cx = &ex->call.cx;
	const ProtobufCMessageDescriptor *d = ex->route.method->request;
	struct bytes in;
	if (ex->head.query)
		return fail_code(cx, ST_INVALID, "UNKNOWN_PARAMETER",
				 "A Connect call has no query parameters.");
	TRY(http_connect_deadline(ex));
	TRY(http_connect_open(ex, &in));
	if (ex->codec == HTTP_CODEC_PROTO)
		return api_proto_decode(cx, d, in, &ex->call.request);
	return api_json_decode(cx, JSON_CONNECT, d, (const char *)in.p, in.n, &ex->call.request);
}

void http_connect_begin(struct http_exchange *ex)
{
	struct api_call *call = &ex->call;
	call->method = ex->route.method;
	if (http_connect_streams(ex))
		call->cx.deadline_ms = INT64_MAX;
	enum status st = http_connect_request(ex);
	if (st != ST_OK) {
		http_connect_fail(ex, &call->cx, st);
		return;
	}
	call->authorization = ex->head.value[HTTP_AUTHORIZATION];
	call->idempotency_key = ex->head.value[HTTP_IDEMPOTENCY_KEY];
	http_submit(ex);
}

void http_connect_finish(struct http_exchange *ex)
{
	struct api_call *call = &ex->call;
	if (ex->call_status != ST_OK) {
		http_connect_fail(ex, &call->cx, ex->call_status);
		return;
	}
	/* Connect has no 304: the answer to "not modified" is an empty message. */
	const ProtobufCMessage *reply = call->reply;
	if (!reply)
		reply = api_message_new(ex->arena, call->method->reply);
	if (call->etag)
		http_pair_add(ex, "ETag", arena_printf(ex->arena, "\"%s\"", call->etag));
	if (call->replayed)
		http_pair_add(ex, "Idempotency-Replayed", "true");
	if (ex->codec == HTTP_CODEC_PROTO)
		http_answer_set(ex, 200, "application/proto", api_proto_encode(ex->arena, reply));
	else
		http_answer_set(ex, 200, "application/json",
				api_json_encode(ex->arena, JSON_CONNECT, reply));
}
