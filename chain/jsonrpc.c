/* SPDX-License-Identifier: Apache-2.0 */
#include "chain/jsonrpc.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/http_client.h"

enum {
	JSONRPC_CONNECT_TIMEOUT_MS = 2000,
	JSONRPC_TIMEOUT_MS = 10000,
	JSONRPC_BATCH_ITEMS_MAX = 100,
	JSONRPC_BATCH_BYTES_MAX = 1024 * 1024,
	JSONRPC_ENVELOPE_BYTES = 64, /* of a request, beside method and params */
	JSONRPC_CODE_LIMIT = -32005, /* EIP-1474: "Limit exceeded" */
};

struct jsonrpc_node {
	char *url;
	char *name;
};

struct jsonrpc {
	struct jsonrpc_config config; /* name and urls are NULL: see nodes */
	struct jsonrpc_node nodes[JSONRPC_NODES_MAX];
	struct http_client *http;
	uint64_t next_id; /* never used twice: an answer that comes astray is seen */
	uint64_t answer_bytes;
	size_t answered;
};

static size_t jsonrpc_or(size_t value, size_t otherwise)
{
	return value ? value : otherwise;
}

static char *jsonrpc_strdup(const char *s)
{
	char *copy = strdup(s);
	if (!copy) {
		fprintf(stderr, "jsonrpc: out of memory\n");
		abort();
	}
	return copy;
}

struct jsonrpc *jsonrpc_create(const struct jsonrpc_config *config)
{
	assert(config->urls_count > 0);
	assert(config->urls_count <= JSONRPC_NODES_MAX);
	assert(config->answer_bytes_max <= JSONRPC_ANSWER_BYTES_MAX);
	struct jsonrpc *j = calloc(1, sizeof *j);
	if (!j)
		abort();
	struct jsonrpc_config *c = &j->config;
	*c = *config;
	c->answer_bytes_max = jsonrpc_or(c->answer_bytes_max, JSONRPC_ANSWER_BYTES_MAX);
	c->batch_items_max = jsonrpc_or(c->batch_items_max, JSONRPC_BATCH_ITEMS_MAX);
	c->batch_bytes_max = jsonrpc_or(c->batch_bytes_max, JSONRPC_BATCH_BYTES_MAX);
	j->next_id = 1;

	struct arena *scratch = arena_create(1 << 20);
	for (size_t i = 0; i < c->urls_count; i++) {
		const char *origin = http_origin(scratch, c->urls[i]);
		j->nodes[i].url = jsonrpc_strdup(c->urls[i]);
		j->nodes[i].name =
			jsonrpc_strdup(arena_printf(scratch, "%s %s", c->name, origin));
	}
	arena_destroy(scratch);
	c->name = NULL;
	c->urls = NULL;

	struct http_client_config http = {
		.connect_timeout_ms = c->connect_timeout_ms ? c->connect_timeout_ms
							    : JSONRPC_CONNECT_TIMEOUT_MS,
		.timeout_ms = c->timeout_ms ? c->timeout_ms : JSONRPC_TIMEOUT_MS,
		.body_bytes_max = c->answer_bytes_max,
	};
	j->http = http_client_create(&http);
	return j;
}

void jsonrpc_destroy(struct jsonrpc *j)
{
	if (!j)
		return;
	http_client_destroy(j->http);
	for (size_t i = 0; i < j->config.urls_count; i++) {
		free(j->nodes[i].url);
		free(j->nodes[i].name);
	}
	free(j);
}

void jsonrpc_abort(struct jsonrpc *j)
{
	http_client_abort(j->http);
}

size_t jsonrpc_nodes(const struct jsonrpc *j)
{
	return j->config.urls_count;
}

const char *jsonrpc_node_name(const struct jsonrpc *j, size_t node)
{
	assert(node < j->config.urls_count);
	return j->nodes[node].name;
}

size_t jsonrpc_answered(const struct jsonrpc *j)
{
	return j->answered;
}

uint64_t jsonrpc_answer_bytes(const struct jsonrpc *j)
{
	return j->answer_bytes;
}

/* A part of a query that fits one POST. */
struct jsonrpc_piece {
	struct jsonrpc_item *items;
	size_t n;
	uint64_t first_id;
	struct bytes body;
};

static struct jsonrpc_piece jsonrpc_piece_make(struct ctx *cx, struct jsonrpc *j,
					       struct jsonrpc_item *items, size_t n)
{
	size_t bytes = 0;
	size_t count = 0;
	while (count < n && count < j->config.batch_items_max) {
		bytes += strlen(items[count].method) + strlen(items[count].params) +
			 JSONRPC_ENVELOPE_BYTES;
		if (count > 0 && bytes > j->config.batch_bytes_max)
			break;
		count++;
	}
	struct jsonrpc_piece piece = {.items = items, .n = count, .first_id = j->next_id};
	j->next_id += count;

	struct buf b;
	buf_init(&b, cx->arena, SIZE_MAX / 4);
	buf_reserve(&b, bytes + 2);
	/* A single request is no array: nodes that refuse batches take it. */
	if (count > 1)
		buf_putc(&b, '[');
	for (size_t i = 0; i < count; i++) {
		buf_printf(&b, "%s{\"jsonrpc\":\"2.0\",\"id\":%" PRIu64, i ? "," : "",
			   piece.first_id + i);
		buf_printf(&b, ",\"method\":\"%s\",\"params\":", items[i].method);
		buf_puts(&b, items[i].params);
		buf_putc(&b, '}');
	}
	if (count > 1)
		buf_putc(&b, ']');
	piece.body = buf_bytes(&b);
	return piece;
}

/* Printable ASCII; what is not becomes a question mark. */
static void jsonrpc_copy_message(char out[JSONRPC_MESSAGE_BYTES], const char *s)
{
	size_t i = 0;
	for (; s[i] && i < JSONRPC_MESSAGE_BYTES - 1; i++)
		out[i] = s[i] >= 0x20 && s[i] < 0x7f ? s[i] : '?';
	out[i] = 0;
}

static enum status jsonrpc_read_error(struct ctx *cx, struct jsonrpc_item *item, json_t *error)
{
	json_t *code;
	json_t *message;
	TRY(json_read_member(cx, &code, error, "code", JSON_INTEGER));
	TRY(json_read_member(cx, &message, error, "message", JSON_STRING));
	item->failed = true;
	item->code = json_integer_value(code);
	jsonrpc_copy_message(item->message, json_string_value(message));
	item->data = json_object_get(error, "data");
	return ST_OK;
}

static json_t *jsonrpc_get(const json_t *answer, const char *name)
{
	json_t *v = json_object_get(answer, name);
	return json_is_null(v) ? NULL : v;
}

/* Puts one answer where its id says. */
static enum status jsonrpc_read_answer(struct ctx *cx, const struct jsonrpc_piece *piece,
				       bool *seen, json_t *answer)
{
	json_t *version;
	TRY(json_read_member(cx, &version, answer, "jsonrpc", JSON_STRING));
	if (strcmp(json_string_value(version), "2.0") != 0)
		return fail(cx, ST_INVALID, "an answer is not of JSON-RPC 2.0");
	json_t *id;
	TRY(json_read_member(cx, &id, answer, "id", JSON_INTEGER));
	uint64_t at = (uint64_t)json_integer_value(id) - piece->first_id;
	if (at >= piece->n)
		return fail(cx, ST_INVALID, "an answer has the id %lld, which was not asked",
			    json_integer_value(id));
	if (seen[at])
		return fail(cx, ST_INVALID, "two answers have the id %lld", json_integer_value(id));
	seen[at] = true;

	struct jsonrpc_item *item = &piece->items[at];
	json_t *error = jsonrpc_get(answer, "error");
	json_t *result = json_object_get(answer, "result");
	if (error && jsonrpc_get(answer, "result"))
		return fail(cx, ST_INVALID, "an answer has both a result and an error");
	if (error)
		return jsonrpc_read_error(cx, item, error);
	if (!result)
		return fail(cx, ST_INVALID, "an answer has neither a result nor an error");
	item->result = result;
	return ST_OK;
}

/* A node that refuses the whole batch answers one object with an error and no id. */
static enum status jsonrpc_read_refusal(struct ctx *cx, json_t *root)
{
	struct jsonrpc_item whole = {0};
	json_t *error = jsonrpc_get(root, "error");
	if (!error)
		return fail(cx, ST_INVALID, "an array of answers is wanted, it is something else");
	TRY(jsonrpc_read_error(cx, &whole, error));
	return fail(cx, whole.code == JSONRPC_CODE_LIMIT ? ST_CHAIN : ST_CHAIN_REJECTED,
		    "refused the request: %s (%" PRId64 ")", whole.message, whole.code);
}

static enum status jsonrpc_read(struct ctx *cx, struct jsonrpc *j,
				const struct jsonrpc_piece *piece,
				const struct http_response *response)
{
	if (response->status != 200)
		return fail(cx, ST_CHAIN, "answered HTTP %d", response->status);
	json_t *root;
	TRY(json_parse(cx, &root, response->body, j->config.answer_bytes_max, JSON_DEPTH_MAX));
	bool *seen = arena_array(cx->arena, piece->n, sizeof *seen);
	if (json_is_object(root) && !jsonrpc_get(root, "id"))
		return jsonrpc_read_refusal(cx, root);
	if (piece->n == 1 && json_is_object(root))
		return jsonrpc_read_answer(cx, piece, seen, root);
	if (!json_is_array(root))
		return jsonrpc_read_refusal(cx, root);
	if (json_array_size(root) != piece->n)
		return fail(cx, ST_INVALID, "%zu requests have %zu answers", piece->n,
			    json_array_size(root));
	for (size_t i = 0; i < piece->n; i++)
		TRY(jsonrpc_read_answer(cx, piece, seen, json_array_get(root, i)));
	return ST_OK;
}

/* Nothing of a batch is believed when a part of it is odd. */
static void jsonrpc_piece_forget(const struct jsonrpc_piece *piece)
{
	for (size_t i = 0; i < piece->n; i++) {
		struct jsonrpc_item *item = &piece->items[i];
		*item = (struct jsonrpc_item){.method = item->method, .params = item->params};
	}
}

static void jsonrpc_piece_finish(struct ctx *cx, struct jsonrpc *j, size_t node,
				 const struct jsonrpc_piece *piece, struct jsonrpc_query *query,
				 const struct http_exchange *exchange)
{
	query->status = exchange->status;
	if (exchange->status != ST_OK) {
		query->too_large = exchange->status == ST_TOO_LARGE;
		if (exchange->status != ST_CANCELLED)
			query->status = ST_CHAIN;
		snprintf(query->why, sizeof query->why, "%s: %s", piece->items[0].method,
			 exchange->why);
		return;
	}
	j->answer_bytes += exchange->response.body.n;
	query->status = jsonrpc_read(cx, j, piece, &exchange->response);
	if (query->status == ST_OK)
		return;
	if (query->status != ST_CHAIN_REJECTED)
		query->status = ST_CHAIN;
	jsonrpc_piece_forget(piece);
	const char *why = arena_printf(cx->arena, "%s at %s: %s", piece->items[0].method,
				       j->nodes[node].name, cx->err.message);
	snprintf(query->why, sizeof query->why, "%s", why);
}

/* Sends the next piece of every query that has one; done[node] counts the items sent. */
static bool jsonrpc_ask_round(struct ctx *cx, struct jsonrpc *j, struct jsonrpc_query *queries,
			      size_t done[JSONRPC_NODES_MAX])
{
	struct jsonrpc_piece pieces[JSONRPC_NODES_MAX];
	struct http_exchange exchanges[JSONRPC_NODES_MAX];
	size_t nodes[JSONRPC_NODES_MAX];
	size_t n = 0;
	for (size_t i = 0; i < j->config.urls_count; i++) {
		struct jsonrpc_query *q = &queries[i];
		if (q->status != ST_OK || done[i] == q->n)
			continue;
		pieces[n] = jsonrpc_piece_make(cx, j, q->items + done[i], q->n - done[i]);
		exchanges[n] = (struct http_exchange){.url = j->nodes[i].url,
						      .body = pieces[n].body};
		done[i] += pieces[n].n;
		nodes[n++] = i;
	}
	if (n == 0)
		return false;
	http_client_post_many(cx, j->http, exchanges, n, "application/json");
	for (size_t i = 0; i < n; i++)
		jsonrpc_piece_finish(cx, j, nodes[i], &pieces[i], &queries[nodes[i]],
				     &exchanges[i]);
	return true;
}

void jsonrpc_ask_all(struct ctx *cx, struct jsonrpc *j, struct jsonrpc_query *queries)
{
	struct ctx inner = *cx; /* each node's trouble stays with its query */
	size_t done[JSONRPC_NODES_MAX] = {0};
	for (size_t i = 0; i < j->config.urls_count; i++) {
		queries[i].status = ST_OK;
		queries[i].too_large = false;
		queries[i].why[0] = 0;
		for (size_t k = 0; k < queries[i].n; k++) {
			struct jsonrpc_item *item = &queries[i].items[k];
			*item = (struct jsonrpc_item){item->method, item->params, .code = 0};
		}
	}
	while (jsonrpc_ask_round(&inner, j, queries, done))
		continue;
}

enum status jsonrpc_ask(struct ctx *cx, struct jsonrpc *j, size_t node, struct jsonrpc_item *items,
			size_t n)
{
	assert(node < j->config.urls_count);
	struct jsonrpc_query *queries =
		arena_array(cx->arena, j->config.urls_count, sizeof *queries);
	queries[node] = (struct jsonrpc_query){.items = items, .n = n};
	jsonrpc_ask_all(cx, j, queries);
	if (queries[node].status != ST_OK)
		return fail(cx, queries[node].status, "%s", queries[node].why);
	return ST_OK;
}

enum status jsonrpc_ask_any(struct ctx *cx, struct jsonrpc *j, struct jsonrpc_item *items,
			    size_t n)
{
	enum status st = ST_CHAIN;
	size_t first = j->answered;
	for (size_t i = 0; i < j->config.urls_count; i++) {
		size_t node = (first + i) % j->config.urls_count;
		st = jsonrpc_ask(cx, j, node, items, n);
		if (st == ST_OK)
			j->answered = node;
		if (st == ST_OK || st == ST_CANCELLED || ctx_left_ms(cx, 1) == 0)
			break;
	}
	return st;
}
