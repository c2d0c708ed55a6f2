/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/client.h"

#include <assert.h>
#include <stdlib.h>

#include "base/http_client.h"

enum { CLIENT_TIMEOUT_MS = 40 * 1000, CLIENT_BODY_BYTES_MAX = 8 * 1024 * 1024 };

struct client {
	struct http_client *http;
	const char *url;
	const char *authorization; /* the whole line, or NULL */
};

struct client *client_create(struct arena *a, const char *url, const char *key)
{
	const struct http_client_config config = {
		.connect_timeout_ms = 5000,
		.timeout_ms = CLIENT_TIMEOUT_MS,
		.body_bytes_max = CLIENT_BODY_BYTES_MAX,
	};
	struct client *client = arena_alloc(a, sizeof *client);
	client->http = http_client_create(&config);
	size_t n = strlen(url);
	while (n > 0 && url[n - 1] == '/')
		n--;
	client->url = arena_strndup(a, url, n);
	if (key)
		client->authorization = arena_printf(a, "Authorization: Bearer %s", key);
	return client;
}

void client_destroy(struct client *client)
{
	http_client_destroy(client->http);
}

/* The names of connectrpc.com/docs/protocol, as ours. */
static enum status client_status(const char *code)
{
	static const struct {
		const char *code;
		enum status st;
	} rows[] = {
		{"invalid_argument", ST_INVALID},
		{"unauthenticated", ST_UNAUTHENTICATED},
		{"permission_denied", ST_FORBIDDEN},
		{"not_found", ST_NOT_FOUND},
		{"already_exists", ST_CONFLICT},
		{"failed_precondition", ST_PRECONDITION},
		{"resource_exhausted", ST_RATE_LIMITED},
		{"unavailable", ST_UNAVAILABLE},
		{"unimplemented", ST_NOT_IMPLEMENTED},
		{"deadline_exceeded", ST_DEADLINE},
		{"aborted", ST_IN_PROGRESS},
		{"out_of_range", ST_GONE},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (strcmp(rows[i].code, code) == 0)
			return rows[i].st;
	return ST_INTERNAL;
}

static enum status client_refused(struct ctx *cx, const struct http_response *response)
{
	json_t *error;
	if (json_parse(cx, &error, response->body, CLIENT_BODY_BYTES_MAX, JSON_DEPTH_MAX) ==
	    ST_OK) {
		const char *code = json_string_value(json_object_get(error, "code"));
		const char *message = json_string_value(json_object_get(error, "message"));
		if (code && message)
			return fail_code(cx, client_status(code), code, "%s", message);
	}
	return fail(cx, ST_UNAVAILABLE, "the server answered with status %d and nothing readable",
		    response->status);
}

/* The same of REST: a problem. */
static enum status client_refused_rest(struct ctx *cx, const struct http_response *response)
{
	json_t *problem;
	enum status st = ST_INTERNAL;
	for (int i = STATUS_COUNT; i-- > 0;)
		if (status_http((enum status)i) == response->status)
			st = (enum status)i;
	if (json_parse(cx, &problem, response->body, CLIENT_BODY_BYTES_MAX, JSON_DEPTH_MAX) ==
	    ST_OK) {
		const char *code = json_string_value(json_object_get(problem, "code"));
		const char *detail = json_string_value(json_object_get(problem, "detail"));
		if (code && detail)
			return fail_code(cx, st, code, "%s", detail);
	}
	return fail(cx, ST_UNAVAILABLE, "the server answered with status %d and nothing readable",
		    response->status);
}

static void client_set_headers(struct ctx *cx, struct client *client, const char *idempotency_key)
{
	const char *lines[3];
	size_t n = 0;
	lines[n++] = "Connect-Protocol-Version: 1";
	if (client->authorization)
		lines[n++] = client->authorization;
	if (idempotency_key)
		lines[n++] = arena_printf(cx->arena, "Idempotency-Key: %s", idempotency_key);
	http_client_set_headers(client->http, lines, n);
}

enum status client_call(struct ctx *cx, struct client *client, json_t **out, const char *method,
			json_t *request, const char *idempotency_key)
{
	assert(request);
	char *text = json_dumps(request, JSON_COMPACT);
	json_decref(request);
	assert(text);
	arena_defer(cx->arena, free, text);
	struct http_response response;
	const char *url = arena_printf(cx->arena, "%s/ferry.v1.%s", client->url, method);
	client_set_headers(cx, client, idempotency_key);
	TRY(http_client_post(cx, client->http, &response, url, "application/json",
			     bytes_of(text, strlen(text))));
	if (response.status != 200)
		return client_refused(cx, &response);
	return json_parse(cx, out, response.body, CLIENT_BODY_BYTES_MAX, JSON_DEPTH_MAX);
}

enum status client_read(struct ctx *cx, struct client *client, json_t **out, const char *path)
{
	struct http_response response;
	const char *url = arena_printf(cx->arena, "%s%s", client->url, path);
	http_client_set_headers(client->http, &client->authorization, client->authorization ? 1 : 0);
	TRY(http_client_get(cx, client->http, &response, url));
	if (response.status != 200)
		return client_refused_rest(cx, &response);
	return json_parse(cx, out, response.body, CLIENT_BODY_BYTES_MAX, JSON_DEPTH_MAX);
}

enum status client_get(struct ctx *cx, struct client *client, struct bytes *out, const char *path)
{
	struct http_response response;
	const char *url = arena_printf(cx->arena, "%s%s", client->url, path);
	http_client_set_headers(client->http, NULL, 0);
	TRY(http_client_get(cx, client->http, &response, url));
	if (response.status != 200)
		return fail(cx, ST_UNAVAILABLE, "%s answered with status %d", url, response.status);
	*out = response.body;
	return ST_OK;
}
