/* SPDX-License-Identifier: Apache-2.0
 *
 * A node of a chain for tests: answers JSON-RPC as a function says, and lies as it is told.
 */
#ifndef FERRY_TESTS_UNIT_CHAIN_FAKE_NODE_H
#define FERRY_TESTS_UNIT_CHAIN_FAKE_NODE_H

#include <jansson.h>

#include "tests/unit/fake_http.h"

struct fake_node {
	struct fake_http http;
	/* A new reference to {"result": ...} or {"error": {...}}; jsonrpc and id are added. */
	json_t *(*_Atomic answer)(struct fake_node *n, const char *method, const json_t *params);
	void *_Atomic arg;
	/* Lies. The texts are replaced in the answer, the first occurrence only. */
	const char *_Atomic find;
	const char *_Atomic replace;
	atomic_int lies_max; /* how many answers are spoilt; 0: all */
	atomic_int lies;
	const char *_Atomic body; /* instead of everything */
	atomic_int status;        /* 0: 200 */
	_Atomic enum fake_manner manner;
	/* What came last. */
	char last_method[64]; /* after fake_http_sync */
	atomic_int batch_items; /* of the last POST; 0: a single object */
};

static inline json_t *fake_result(json_t *result)
{
	return json_pack("{s:o}", "result", result);
}

static inline json_t *fake_result_text(const char *s)
{
	return fake_result(json_string(s));
}

static inline json_t *fake_error(int code, const char *message, json_t *data)
{
	json_t *error = json_pack("{s:i,s:s}", "code", code, "message", message);
	if (data)
		json_object_set_new(error, "data", data);
	return json_pack("{s:o}", "error", error);
}

static inline json_t *fake_node_one(struct fake_node *n, const json_t *request)
{
	const char *method = json_string_value(json_object_get(request, "method"));
	snprintf(n->last_method, sizeof n->last_method, "%s", method);
	json_t *answer = n->answer(n, method, json_object_get(request, "params"));
	json_object_set_new(answer, "jsonrpc", json_string("2.0"));
	json_object_set(answer, "id", json_object_get(request, "id"));
	return answer;
}

static inline char *fake_node_spoil(struct fake_node *n, char *text)
{
	char *at = n->find ? strstr(text, n->find) : NULL;
	if (!at || (n->lies_max && atomic_fetch_add(&n->lies, 1) >= n->lies_max))
		return text;
	size_t room = strlen(text) + strlen(n->replace) + 1;
	char *spoilt = malloc(room);
	snprintf(spoilt, room, "%.*s%s%s", (int)(at - text), text, n->replace,
		 at + strlen(n->find));
	free(text);
	return spoilt;
}

static inline void fake_node_handle(struct fake_http *f, struct fake_reply *r, const char *head,
				    const char *body, size_t body_n)
{
	struct fake_node *n = f->arg;
	(void)head;
	r->manner = n->manner;
	r->status = n->status ? n->status : 200;
	if (n->body) {
		r->body = strdup(n->body);
		r->n = strlen(r->body);
		return;
	}
	/* Nodes may share the values they answer with, and jansson's counters are not for that. */
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_mutex_lock(&lock);
	json_t *request = json_loadb(body, body_n, 0, NULL);
	json_t *answer;
	if (!request)
		abort();
	atomic_store(&n->batch_items, (int)json_array_size(request));
	if (json_is_array(request)) {
		answer = json_array();
		for (size_t i = 0; i < json_array_size(request); i++)
			json_array_append_new(answer, fake_node_one(n, json_array_get(request, i)));
	} else {
		answer = fake_node_one(n, request);
	}
	r->body = fake_node_spoil(n, json_dumps(answer, JSON_COMPACT));
	r->n = strlen(r->body);
	json_decref(answer);
	json_decref(request);
	pthread_mutex_unlock(&lock);
}

static inline void fake_node_start(struct fake_node *n)
{
	n->http.handle = fake_node_handle;
	n->http.arg = n;
	fake_http_start(&n->http);
}

/* Starts one that answers so, as the only one of a list: *url holds its URL. */
static inline void fake_node_of(struct fake_node *n,
				json_t *(*answer)(struct fake_node *n, const char *method, const json_t *params),
				const char **url, const char *const **list, size_t *list_n)
{
	*n = (struct fake_node){.answer = answer};
	fake_node_start(n);
	*url = n->http.url;
	*list = url;
	*list_n = 1;
}

static inline void fake_node_stop(struct fake_node *n)
{
	fake_http_stop(&n->http);
}

#endif
