/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <string.h>

#include "server/http_exchange.h"

enum { VERB_GET = 1, VERB_POST = 2 };

/* A path with at most one variable part: prefix {id} suffix. */
struct http_pattern {
	const struct api_method *method; /* NULL: not built yet */
	const char *prefix;
	const char *suffix;
	size_t prefix_n;
	size_t suffix_n;
	int verb;
	bool has_id;
	bool colons; /* ids may hold a ':' (a DID does) */
};

/* Paths that are promised and not built yet: they answer 501, so that a client can tell a
 * missing feature from a mistyped path. */
static const struct {
	int verb;
	const char *path;
} promised[] = {
	{VERB_POST, "/v1/webhooks"},
	{VERB_GET, "/v1/webhooks"},
	{VERB_GET, "/v1/webhooks/{id}"},
	{VERB_POST, "/v1/lanes/{id}:pause"},
	{VERB_POST, "/v1/lanes/{id}:resume"},
	{VERB_GET, "/console"},
};
enum { PROMISED_COUNT = sizeof promised / sizeof promised[0] };

static struct http_pattern http_pattern_of(const struct api_method *m, int verb, const char *path)
{
	struct http_pattern p = {.method = m, .verb = verb, .prefix = path, .suffix = ""};
	const char *id = strstr(path, "{id}");
	p.has_id = id != NULL;
	p.prefix_n = id ? (size_t)(id - path) : strlen(path);
	if (id)
		p.suffix = id + strlen("{id}");
	p.suffix_n = strlen(p.suffix);
	p.colons = strncmp(path, "/v1/identities/", strlen("/v1/identities/")) == 0;
	return p;
}

void http_patterns_make(struct http *http)
{
	struct http_pattern *list =
		arena_array(http->arena, API_METHODS_COUNT + PROMISED_COUNT, sizeof *list);
	size_t n = 0;
	for (size_t i = 0; i < API_METHODS_COUNT; i++) {
		const struct api_method *m = &api_methods[i];
		if (m->path[0] == '\0')
			continue;
		assert(strcmp(m->verb, "GET") == 0 || strcmp(m->verb, "POST") == 0);
		list[n++] = http_pattern_of(m, m->verb[0] == 'G' ? VERB_GET : VERB_POST, m->path);
	}
	for (size_t i = 0; i < PROMISED_COUNT; i++)
		list[n++] = http_pattern_of(NULL, promised[i].verb, promised[i].path);
	http->patterns = list;
	http->patterns_count = n;
}

/* 0: no match; higher is more specific. Out: the part of the path that is the id. */
static int http_pattern_match(const struct http_pattern *p, const char *path, size_t path_n,
			      size_t *id_n)
{
	if (path_n < p->prefix_n || memcmp(path, p->prefix, p->prefix_n) != 0)
		return 0;
	size_t rest_n = path_n - p->prefix_n;
	if (!p->has_id)
		return rest_n == 0 ? 3 : 0;
	if (rest_n <= p->suffix_n ||
	    memcmp(path + path_n - p->suffix_n, p->suffix, p->suffix_n) != 0)
		return 0;
	*id_n = rest_n - p->suffix_n;
	const char *id = path + p->prefix_n;
	if (memchr(id, '/', *id_n) || (!p->colons && memchr(id, ':', *id_n)))
		return 0;
	return p->suffix_n ? 2 : 1;
}

static const char *http_allow(int verbs)
{
	static const char *const text[] = {
		[VERB_GET] = "GET, HEAD, OPTIONS",
		[VERB_POST] = "POST, OPTIONS",
		[VERB_GET | VERB_POST] = "GET, HEAD, POST, OPTIONS",
	};
	return text[verbs];
}

static int http_verb(const char *method)
{
	if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
		return VERB_GET;
	return strcmp(method, "POST") == 0 ? VERB_POST : 0;
}

/* What a path that allows `verbs` does for this request's verb. */
static enum http_kind http_kind_of(struct http_exchange *ex, int verbs, enum http_kind kind)
{
	ex->route.allow = http_allow(verbs);
	if (strcmp(ex->head.method, "OPTIONS") == 0)
		return HTTP_KIND_OPTIONS;
	return http_verb(ex->head.method) & verbs ? kind : HTTP_KIND_NOT_ALLOWED;
}

static bool http_route_page(struct http_exchange *ex)
{
	for (size_t i = 0; i < http_pages_count; i++) {
		const struct http_page *page = &http_pages[i];
		if (!(ex->admin ? page->admin : page->public) ||
		    strcmp(page->path, ex->head.path) != 0)
			continue;
		ex->route.page = page;
		ex->route.kind = http_kind_of(ex, VERB_GET, HTTP_KIND_PAGE);
		return true;
	}
	return false;
}

static void http_route_rest(struct http_exchange *ex)
{
	const struct http *http = ex->http;
	const char *path = ex->head.path;
	size_t path_n = strlen(path);
	int verb = http_verb(ex->head.method);
	const struct http_pattern *chosen = NULL;
	int best = 0;
	int verbs = 0;
	size_t id_n = 0;
	for (size_t i = 0; i < http->patterns_count; i++) {
		const struct http_pattern *p = &http->patterns[i];
		size_t n = 0;
		int rank = http_pattern_match(p, path, path_n, &n);
		if (rank == 0 || rank < best)
			continue;
		if (rank > best) {
			best = rank;
			verbs = 0;
			chosen = NULL;
		}
		verbs |= p->verb;
		if (p->verb == verb) {
			chosen = p;
			id_n = n;
		}
	}
	if (verbs == 0)
		return;
	bool built = chosen && chosen->method;
	ex->route.kind = http_kind_of(ex, verbs, built ? HTTP_KIND_REST : HTTP_KIND_NOT_BUILT);
	if (!built || ex->route.kind != HTTP_KIND_REST)
		return;
	ex->route.method = chosen->method;
	if (!chosen->has_id)
		return;
	ex->route.id = http_percent_decode(ex->arena, path + chosen->prefix_n, id_n, false);
	if (!ex->route.id)
		ex->route.kind = HTTP_KIND_NOT_FOUND;
}

static void http_route_connect(struct http_exchange *ex)
{
	const char *name = ex->head.path + 1;
	ex->route.kind = http_kind_of(ex, VERB_POST, HTTP_KIND_CONNECT);
	for (size_t i = 0; i < API_METHODS_COUNT; i++) {
		const struct api_method *m = &api_methods[i];
		size_t n = strlen(m->service);
		if (strncmp(name, m->service, n) == 0 && name[n] == '/' &&
		    strcmp(name + n + 1, m->rpc) == 0) {
			ex->route.method = m;
			return;
		}
	}
}

void http_route_find(struct http_exchange *ex)
{
	static const char service[] = "/ferry.v1.";
	ex->route.kind = HTTP_KIND_NOT_FOUND;
	if (strcmp(ex->head.path, "*") == 0) {
		ex->route.kind = http_kind_of(ex, VERB_GET | VERB_POST, HTTP_KIND_OPTIONS);
		return;
	}
	bool v1 = strncmp(ex->head.path, "/v1/", 4) == 0;
	if (!v1 && http_route_page(ex))
		return;
	if (ex->admin)
		return;
	if (strncmp(ex->head.path, service, sizeof service - 1) == 0)
		http_route_connect(ex);
	else
		http_route_rest(ex);
}
