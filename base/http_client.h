/* SPDX-License-Identifier: Apache-2.0
 *
 * An HTTP client: asks servers that may be slow, broken or hostile, and always comes back in time.
 * One request to one server, or one to each of several servers at once. Connections are kept.
 *
 * Never: redirects, other protocols than http and https, proxies or passwords from the
 * environment, signals. A URL may carry a key in its path or query: sentences name the
 * origin only.
 *
 * A client belongs to one thread; only http_client_abort may be called from another.
 */
#ifndef FERRY_BASE_HTTP_CLIENT_H
#define FERRY_BASE_HTTP_CLIENT_H

#include "base/bytes.h"
#include "base/ctx.h"

struct http_client;

enum { HTTP_CLIENT_PARALLEL_MAX = 16, HTTP_CLIENT_WHY_BYTES = 200 };

struct http_client_config {
	int connect_timeout_ms;
	int timeout_ms;        /* of one request in all; the cx's deadline may be nearer */
	size_t body_bytes_max; /* of an answer, after decompression; more is ST_TOO_LARGE */
};

/* Aborts when the library cannot be set up. */
struct http_client *http_client_create(const struct http_client_config *config);
void http_client_destroy(struct http_client *client);
/* Lines "Name: value" that go with every request from now on; borrowed. They hold no line break. */
enum { HTTP_CLIENT_HEADERS_MAX = 8 };
void http_client_set_headers(struct http_client *client, const char *const *lines, size_t n);
/* From any thread: the requests under way and all later ones end with ST_CANCELLED. */
void http_client_abort(struct http_client *client);

struct http_response {
	int status;        /* 100..599: what the server said; any status is an answer */
	struct bytes body; /* released with the cx's arena; not counted as the arena's memory */
	const char *content_type; /* "" when not given */
};

/* "https://host:port" of a URL, in the arena: what may be shown to people. */
char *http_origin(struct arena *a, const char *url);

/* Returns: ST_OK for any complete answer; ST_UNAVAILABLE when there is none (refused, broken off,
 * not HTTP, bad certificate, not a URL); ST_DEADLINE when the time is up; ST_TOO_LARGE;
 * ST_CANCELLED. Blocks on the network. */
MUST_USE enum status http_client_get(struct ctx *cx, struct http_client *client,
				     struct http_response *out, const char *url);
MUST_USE enum status http_client_post(struct ctx *cx, struct http_client *client,
				      struct http_response *out, const char *url,
				      const char *content_type, struct bytes body);

/* One POST of several: what to send, then how it went. */
struct http_exchange {
	const char *url;
	struct bytes body;
	enum status status; /* as http_client_post returns; each exchange has its own */
	char why[HTTP_CLIENT_WHY_BYTES]; /* the sentence when status is not ST_OK */
	struct http_response response;
};

/* Sends `n` requests at the same time (n <= HTTP_CLIENT_PARALLEL_MAX) and waits for all of them;
 * a slow server costs the others nothing but the wait.
 * How each went stands in its exchange. Blocks on the network. */
void http_client_post_many(struct ctx *cx, struct http_client *client,
			   struct http_exchange *exchanges, size_t n, const char *content_type);

#endif
