/* SPDX-License-Identifier: Apache-2.0 */
#include "api/openapi.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/api.h"
#include "api/json_map.h"
#include "api/openapi_schema.h"
#include "ferry/v1/types.pb-c.h"

enum { OPENAPI_TEXT_BYTES_MAX = 64 * 1024 };

static const char openapi_about[] =
	"Ferry carries identity and messages across chains. A request that is answered with "
	"success is durable. `GET /v1/messages/{id}` says at any time where a message is, why, and "
	"who must act next.\n\n"
	"Integers of 64 bits and amounts are decimal strings, bytes are 0x-hex, times are RFC 3339 "
	"in UTC. Unknown members are refused. Every error is a problem (RFC 9457) with a `code`; "
	"`retryable` says whether the same request may simply be sent again.";

static json_t *made(json_t *v)
{
	assert(v);
	return v;
}

/* "sendMessage" for SendMessage. */
static json_t *operation_id(const struct api_method *m)
{
	char name[64];
	int n = snprintf(name, sizeof name, "%s", m->rpc);
	assert(n > 0 && (size_t)n < sizeof name);
	name[0] = (char)tolower((unsigned char)name[0]);
	return json_string(name);
}

/* "Messages" for ferry.v1.MessageService. */
static const char *tag_of(struct openapi *o, const struct api_method *m)
{
	const char *name = strrchr(m->service, '.') + 1;
	const char *end = strstr(name, "Service");
	assert(end);
	bool is_y = end[-1] == 'y'; /* "Identities" */
	return arena_printf(o->arena, "%.*s%s", (int)(end - name) - is_y, name, is_y ? "ies" : "s");
}

static bool is_get(const struct api_method *m)
{
	return strcmp(m->verb, "GET") == 0;
}

static bool has_id(const struct api_method *m)
{
	return strstr(m->path, "{id}") != NULL;
}

/* Can it wait for a change, and has its answer a tag? */
static bool waits(const struct api_method *m)
{
	return m->id == API_GET_MESSAGE || m->id == API_GET_IDENTITY;
}

/* Is it events, as a list or as they happen? */
static bool streams(const struct api_method *m)
{
	return m->id == API_LIST_MESSAGE_EVENTS || m->id == API_LIST_EVENTS ||
	       m->id == API_LIST_IDENTITY_EVENTS;
}

/* The forms of the id in a path. */
static const char *id_pattern(const struct api_method *m)
{
	if (strncmp(m->path, "/v1/identities/", 15) == 0)
		return "^(idn_[0-9a-f]{32}|did:pkh:eip155:[0-9]{1,20}:0x[0-9a-fA-F]{40})$";
	if (m->id == API_GET_OPERATION)
		return "^idop_[0-9a-f]{32}$";
	if (m->id == API_GET_BATCH)
		return "^bat_[0-9a-f]{32}$";
	return "^(msg_[0-9a-f]{32}|0x[0-9a-fA-F]{64})$";
}

/* Does the member come by a header or another name instead of as it is called? */
static bool is_renamed(const struct api_method *m, const char *name)
{
	return waits(m) &&
	       (strcmp(name, "wait_ms") == 0 || strcmp(name, "if_none_match") == 0);
}

static void add_parameter(json_t *list, const char *in, const char *name, bool required,
			  const char *description, json_t *schema)
{
	json_t *parameter = made(json_pack("{s:s,s:s,s:b,s:o}", "name", name, "in", in, "required",
					   required, "schema", schema));
	if (*description)
		json_object_set_new(parameter, "description", json_string(description));
	json_array_append_new(list, parameter);
}

static json_t *text_schema(const char *pattern)
{
	if (!pattern)
		return made(json_pack("{s:s}", "type", "string"));
	return made(json_pack("{s:s,s:s}", "type", "string", "pattern", pattern));
}

static void add_query(struct openapi *o, const struct api_method *m, json_t *list)
{
	for (unsigned i = 0; i < m->request->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->request->fields[i];
		if (strcmp(f->name, "id") == 0 || is_renamed(m, f->name))
			continue;
		json_t *member = openapi_member(o, m->request, f, true);
		json_object_del(member, "description");
		/* A parameter is absent, never null. */
		json_t *either = json_object_get(member, "oneOf");
		if (either) {
			json_t *first = json_incref(json_array_get(either, 0));
			json_decref(member);
			member = first;
		}
		add_parameter(list, "query", f->name, false,
			      openapi_comment(o, m->request->name, f->name), member);
	}
}

static json_t *parameters_of(struct openapi *o, const struct api_method *m)
{
	json_t *list = json_array();
	if (has_id(m)) {
		const char *comment = openapi_comment(o, m->request->name, "id");
		json_t *schema = text_schema(id_pattern(m));
		add_parameter(list, "path", "id", true,
			      *comment ? comment : "The message's id (msg_…) or guid (0x…).",
			      schema);
	}
	if (is_get(m))
		add_query(o, m, list);
	if (m->id == API_SEND_MESSAGE)
		add_parameter(list, "header", "Idempotency-Key", true,
			      "New for each message; the same again replays the first answer. "
			      "Kept for 7 days and until the message is final.",
			      text_schema("^[!-~]{16,255}$"));
	if (waits(m)) {
		add_parameter(list, "query", "wait", false,
			      "Waits up to so long (30s) for a change: until the ETag differs from "
			      "If-None-Match, else for the first change.",
			      text_schema("^([0-9]{1,2}s|[0-9]{1,5}ms|0)$"));
		add_parameter(list, "header", "If-None-Match", false,
			      "The ETag of what the client has.", text_schema(NULL));
	}
	if (streams(m))
		add_parameter(list, "header", "Last-Event-ID", false,
			      "With Accept: text/event-stream: only what came after this event.",
			      text_schema(NULL));
	return list;
}

static json_t *body_of(struct openapi *o, const struct api_method *m)
{
	json_t *schema = openapi_schema(o, m->request, false);
	const char *skip = m->id == API_SEND_MESSAGE ? "idempotency_key" : "id";
	json_t *example = openapi_example(o, m->request, false, skip);
	/* The path's id is no member of the body. */
	json_t *real = json_object_get(o->schemas, openapi_name(m->request));
	if (has_id(m))
		json_object_del(json_object_get(real, "properties"), "id");
	bool required = json_object_get(real, "required") != NULL;
	return made(json_pack("{s:b,s:{s:{s:o,s:o}}}", "required", required, "content",
			      "application/json", "schema", schema, "example", example));
}

/* What others define has no schema of ours. */
static json_t *reply_schema(struct openapi *o, const struct api_method *m)
{
	if (json_map_shape(m->reply) == JSON_SHAPE_STRUCT)
		return made(json_pack("{s:s}", "type", "object"));
	return openapi_schema(o, m->reply, true);
}

static json_t *reply_example(struct openapi *o, const struct api_method *m)
{
	if (json_map_shape(m->reply) == JSON_SHAPE_STRUCT)
		return made(json_pack("{s:s}", "id",
				      "did:pkh:eip155:31338:"
				      "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"));
	return openapi_example(o, m->reply, true, NULL);
}

static json_t *success_of(struct openapi *o, const struct api_method *m)
{
	json_t *reply = made(json_pack("{s:s,s:{s:{s:o,s:o}}}", "description",
				       *openapi_comment(o, m->reply->name, NULL) ?
					       openapi_comment(o, m->reply->name, NULL) :
					       "Done.",
				       "content", "application/json", "schema",
				       reply_schema(o, m), "example", reply_example(o, m)));
	json_t *headers = made(json_pack("{s:{s:s}}", "X-Request-Id", "$ref",
					 "#/components/headers/RequestId"));
	if (m->id == API_SEND_MESSAGE || m->id == API_REGISTER_IDENTITY)
		json_object_update_new(headers,
				       json_pack("{s:{s:s},s:{s:s}}", "Location", "$ref",
						 "#/components/headers/Location",
						 "Idempotency-Replayed", "$ref",
						 "#/components/headers/IdempotencyReplayed"));
	if (waits(m))
		json_object_set_new(headers, "ETag",
				    json_pack("{s:s}", "$ref", "#/components/headers/ETag"));
	json_object_set_new(reply, "headers", headers);
	if (streams(m))
		json_object_set_new(
			json_object_get(reply, "content"), "text/event-stream",
			json_pack("{s:{s:s,s:s}}", "schema", "type", "string", "description",
				  "Server-sent events as they happen: `id` is what Last-Event-ID "
				  "resumes from, `event` the type, `data` an Event as JSON."));
	return reply;
}

/* Which statuses of base/status.def an operation can answer with. */
static bool can_fail_with(const struct api_method *m, int http)
{
	bool post = !is_get(m), key = m->queue == API_QUEUE_ACCEPT;
	bool quote = m->id == API_CREATE_QUOTE || m->queue == API_QUEUE_IDENTITY;
	switch (http) {
	case 400: case 401: case 403: case 406: case 429: case 500: case 503: case 504:
		return true;
	case 404:
		return has_id(m) || quote;
	case 409:
		return key || quote || m->id == API_GET_IDENTITY_PROOF;
	case 410:
		return m->id == API_LIST_EVENTS || m->id == API_LIST_IDENTITY_EVENTS ||
		       m->id == API_GET_DID_DOCUMENT;
	case 412:
		return (post && has_id(m)) || m->id == API_GET_IDENTITY_PROOF;
	case 413: case 415: case 501:
		return post;
	case 422:
		return key;
	case 502:
		return (m->queue == API_QUEUE_WORK && post) || m->id == API_GET_IDENTITY_PROOF;
	default:
		return false;
	}
}

static bool any_can_fail_with(int http)
{
	for (size_t i = 0; i < API_METHODS_COUNT; i++)
		if (*api_methods[i].path && can_fail_with(&api_methods[i], http))
			return true;
	return false;
}

static const enum status openapi_statuses[] = {
#define X(name, ...) ST_##name,
#include "base/status.def"
#undef X
};

static json_t *responses_of(struct openapi *o, const struct api_method *m)
{
	char code[8], ref[64];
	json_t *responses = json_object();
	snprintf(code, sizeof code, "%d", m->http);
	json_object_set_new(responses, code, success_of(o, m));
	if (waits(m))
		json_object_set_new(responses, "304",
				    json_pack("{s:s}", "description",
					      "What the client has is current."));
	for (size_t i = 0; i < STATUS_COUNT; i++) {
		int http = status_http(openapi_statuses[i]);
		snprintf(code, sizeof code, "%d", http);
		snprintf(ref, sizeof ref, "#/components/responses/Problem%d", http);
		if (can_fail_with(m, http))
			json_object_set_new(responses, code, json_pack("{s:s}", "$ref", ref));
	}
	return responses;
}

/* The first sentence of a comment. */
static json_t *summary_of(const char *comment)
{
	const char *end = strpbrk(comment, ".;:");
	return json_stringn(comment, end ? (size_t)(end - comment) : strlen(comment));
}

static json_t *operation_of(struct openapi *o, const struct api_method *m)
{
	const char *comment = openapi_comment(o, m->service, m->rpc);
	json_t *operation = made(json_pack("{s:o,s:[s],s:o,s:s}", "operationId", operation_id(m),
					   "tags", tag_of(o, m), "summary",
					   *comment ? summary_of(comment) : json_string(m->rpc),
					   "description", *comment ? comment : m->rpc));
	json_t *parameters = parameters_of(o, m);
	if (json_array_size(parameters) > 0)
		json_object_set_new(operation, "parameters", parameters);
	else
		json_decref(parameters);
	if (!is_get(m))
		json_object_set_new(operation, "requestBody", body_of(o, m));
	json_object_set_new(operation, "responses", responses_of(o, m));
	json_t *security = json_array();
	if (m->access == API_ACCESS_ANY)
		json_array_append_new(security, json_pack("{s:[]}", "publishableKey"));
	if (m->access != API_ACCESS_PUBLIC)
		json_array_append_new(security, json_pack("{s:[]}", "secretKey"));
	json_object_set_new(operation, "security", security);
	return operation;
}

static json_t *paths(struct openapi *o)
{
	json_t *all = json_object();
	for (size_t i = 0; i < API_METHODS_COUNT; i++) {
		const struct api_method *m = &api_methods[i];
		if (!*m->path)
			continue;
		json_t *path = json_object_get(all, m->path);
		if (!path) {
			path = json_object();
			json_object_set_new(all, m->path, path);
		}
		json_object_set_new(path, is_get(m) ? "get" : "post", operation_of(o, m));
	}
	return all;
}

static json_t *tags(struct openapi *o)
{
	json_t *list = json_array();
	const char *last = "";
	for (size_t i = 0; i < API_METHODS_COUNT; i++) {
		const struct api_method *m = &api_methods[i];
		if (strcmp(m->service, last) == 0)
			continue;
		last = m->service;
		json_array_append_new(list, json_pack("{s:s,s:s}", "name", tag_of(o, m),
						      "description",
						      openapi_comment(o, m->service, NULL)));
	}
	return list;
}

/* One response a status: the codes that come with it, by the statuses' own words. */
static json_t *problem_responses(struct openapi *o)
{
	json_t *all = json_object();
	for (size_t i = 0; i < STATUS_COUNT; i++) {
		int http = status_http(openapi_statuses[i]);
		char name[32];
		snprintf(name, sizeof name, "Problem%d", http);
		if (!any_can_fail_with(http) || json_object_get(all, name))
			continue;
		struct buf text;
		buf_init(&text, o->arena, OPENAPI_TEXT_BYTES_MAX);
		for (size_t j = i; j < STATUS_COUNT; j++) {
			enum status st = openapi_statuses[j];
			if (status_http(st) == http)
				buf_printf(&text, "%s`%s`: %s%s.", text.n ? "\n\n" : "",
					   status_name(st), status_title(st),
					   status_is_retryable(st) ? " (may be sent again)" : "");
		}
		json_t *headers = made(json_pack("{s:{s:s}}", "X-Request-Id", "$ref",
						 "#/components/headers/RequestId"));
		if (http == 429 || http == 503)
			json_object_set_new(headers, "Retry-After",
					    json_pack("{s:s}", "$ref",
						      "#/components/headers/RetryAfter"));
		json_object_set_new(
			all, name,
			made(json_pack("{s:s,s:o,s:{s:{s:o}}}", "description", buf_text(&text),
				       "headers", headers, "content", "application/problem+json",
				       "schema",
				       openapi_schema(o, &ferry__v1__problem__descriptor, true))));
	}
	return all;
}

static json_t *header(const char *description, const char *type)
{
	return made(json_pack("{s:s,s:{s:s}}", "description", description, "schema", "type", type));
}

static json_t *components(struct openapi *o, json_t *responses)
{
	static const char key[] = "`Authorization: Bearer %s`. %s";
	const char *secret = arena_printf(o->arena, key, "sk_…",
					  "For servers; never in a browser.");
	const char *publishable = arena_printf(o->arena, key, "pk_…",
					       "For browsers: reads by id, sends what is signed.");
	return made(json_pack(
		"{s:o,s:o,s:{s:o,s:o,s:o,s:o,s:o},s:{s:{s:s,s:s,s:s},s:{s:s,s:s,s:s}}}", "schemas",
		json_incref(o->schemas), "responses", responses, "headers", "RequestId",
		header("Name it when asking for help.", "string"), "Location",
		header("Where what was made is.", "string"), "ETag",
		header("The version of the answer, for If-None-Match.", "string"), "RetryAfter",
		header("Seconds to wait.", "integer"), "IdempotencyReplayed",
		header("true: the answer of an earlier request with this key.", "string"),
		"securitySchemes", "secretKey", "type", "http", "scheme", "bearer", "description",
		secret, "publishableKey", "type", "http", "scheme", "bearer", "description",
		publishable));
}

struct bytes api_openapi(struct arena *a, const char *version)
{
	struct openapi o = {.arena = a, .protoset = protoset_create(), .schemas = json_object()};
	json_t *all = paths(&o);
	json_t *responses = problem_responses(&o);
	json_t *document = made(json_pack(
		"{s:s,s:{s:s,s:s,s:s,s:{s:s,s:s}},s:[{s:s,s:s}],s:o,s:o,s:o}", "openapi", "3.1.0",
		"info", "title", "Ferry", "version", version, "description", openapi_about,
		"license", "name", "Apache-2.0", "identifier", "Apache-2.0", "servers", "url", "/",
		"description", "This server", "tags", tags(&o), "paths", all, "components",
		components(&o, responses)));
	char *text = json_dumps(document, JSON_COMPACT);
	assert(text);
	struct bytes out = {(const uint8_t *)arena_strdup(a, text), strlen(text)};
	free(text);
	json_decref(document);
	json_decref(o.schemas);
	protoset_destroy(o.protoset);
	return out;
}
