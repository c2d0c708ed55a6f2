/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the HTTP transport: one request and its answer, and the steps it takes through the
 * files of this folder. Nobody outside server/http*.c includes this.
 *
 *   http.c          sockets and threads (libmicrohttpd): collects head and body, suspends, answers
 *   http_guard.c    refuses heads that two servers could read differently
 *   http_route.c    path and verb to what answers it
 *   http_rest.c     JSON, ETags, pages of lists     http_connect.c   the Connect protocol
 *   http_stream.c   event streams                   http_page.c      health, version, docs
 *   http_answer.c   problems, CORS, common headers  http_text.c      percent signs, Accept, …
 *   http_reaper.c   total deadlines              http_config.c    defaults, listening
 *
 * An exchange belongs to the connection's thread, but while its call is with the API nobody may
 * touch it save done(); while it streams it belongs to the stream thread.
 */
#ifndef FERRY_SERVER_HTTP_EXCHANGE_H
#define FERRY_SERVER_HTTP_EXCHANGE_H

#include <stdatomic.h>

#include "api/api.h"
#include "api/json.h"
#include "base/bytes.h"
#include "base/ctx.h"
#include "server/http.h"

enum {
	HTTP_HEADERS_MAX = 64,
	HTTP_PAIRS_MAX = 24,
	HTTP_URI_BYTES_MAX = 4 * 1024,
	HTTP_HEAD_BYTES_MAX = 16 * 1024,
	/* A body that is refused is read to its end up to here, so that the client sees why. */
	HTTP_DISCARD_BYTES_MAX = 2 * 1024 * 1024,
	HTTP_ARENA_BYTES_MAX = 256 * 1024 * 1024,
	HTTP_WAIT_MS_MAX = 30000,
	HTTP_QUERY_MAX = 16,
	HTTP_REQUEST_ID_BYTES = 40,
};

enum http_header_id {
#define X(name, ...) HTTP_##name,
#include "server/http_headers.def"
#undef X
	HTTP_HEADER_IDS
};

struct http_header {
	const char *name;
	const char *value;
	size_t name_n;
	size_t value_n;
};

/* A request's head. Strings are NUL-terminated and live as long as the exchange. */
struct http_head {
	const char *method;
	const char *target;  /* as it came: "/v1/messages?x=1" */
	size_t target_n;
	const char *version; /* "HTTP/1.1" */
	const char *target_at; /* where the target lay in the connection's memory: compared only */
	size_t bytes;        /* of the head, its empty line included */
	struct http_header list[HTTP_HEADERS_MAX];
	size_t count;
	bool overflow; /* more than HTTP_HEADERS_MAX */
	/* Filled by http_guard. */
	const char *value[HTTP_HEADER_IDS]; /* NULL: not given; without blanks around */
	const char *path;   /* without the query */
	const char *query;  /* after the '?', or NULL */
	bool has_body;
	bool chunked;
	uint64_t content_length;
};

struct http_pair {
	const char *name;
	const char *value;
};

struct http_answer {
	int status; /* 0: none yet */
	struct http_pair pairs[HTTP_PAIRS_MAX];
	size_t pairs_count;
	struct bytes body;
	bool close; /* the connection must not be used again */
	bool at_once; /* do not wait for the body */
};

enum http_kind {
	HTTP_KIND_NOT_FOUND,
	HTTP_KIND_NOT_ALLOWED,
	HTTP_KIND_NOT_BUILT,
	HTTP_KIND_OPTIONS,
	HTTP_KIND_REST,
	HTTP_KIND_EVENTS, /* REST as server-sent events */
	HTTP_KIND_CONNECT,
	HTTP_KIND_PAGE,
};

struct http_exchange;

struct http_page {
	const char *path;
	bool admin;  /* on the operator's listener */
	bool public; /* on the public one */
	void (*answer)(struct http_exchange *ex);
};

struct http_route {
	enum http_kind kind;
	const struct api_method *method; /* REST, EVENTS, CONNECT */
	const char *id;                  /* decoded {id}, or NULL */
	const struct http_page *page;
	const char *allow; /* verbs of this path, "GET, HEAD, OPTIONS" */
};

enum http_codec { HTTP_CODEC_SSE, HTTP_CODEC_JSON, HTTP_CODEC_PROTO };

enum http_phase {
	HTTP_PHASE_NEW,       /* not with the API */
	HTTP_PHASE_RUNNING,   /* with the API; the connection's thread has not suspended yet */
	HTTP_PHASE_SUSPENDED, /* with the API; done() must resume */
	HTTP_PHASE_DONE,      /* done() was called */
	HTTP_PHASE_STREAM,    /* the answer was written by the stream thread: only close */
};

struct http_connection;
struct http_streams;
struct http_reaper;
struct http_pattern;

struct http_exchange {
	struct http *http;
	struct arena *arena;
	struct http_connection *connection;
	void *socket; /* struct MHD_Connection, http.c's business */
	bool admin;
	bool begun;
	char request_id[HTTP_REQUEST_ID_BYTES];
	const char *traceparent; /* valid, or NULL */
	struct http_head head;
	struct http_route route;
	enum http_codec codec;
	struct buf body;
	size_t body_bytes; /* also what was dropped */
	size_t body_bytes_max;
	bool body_too_large;
	const char *etags; /* If-None-Match that only the transport can judge, or NULL */
	struct api_call call;
	_Atomic int phase;
	enum status call_status;
	struct http_answer answer;
};

/* What the files share of the running transport. */
struct http {
	struct http_config config;
	struct api *api;
	struct arena *arena; /* of the process: pages, patterns */
	const struct http_pattern *patterns;
	size_t patterns_count;
	const char *docs_page;
	size_t docs_page_n;
	struct http_daemon *daemons[2]; /* public, admin */
	struct http_streams *streams;
	struct http_reaper *reaper;
	uint64_t boot; /* first half of request ids */
	_Atomic bool draining;
	_Atomic bool stopping;
	_Atomic uint64_t connections;
	_Atomic uint64_t connections_in_all;
	_Atomic uint64_t requests_in_all;
	_Atomic uint64_t in_flight;
	_Atomic uint64_t watchers;
	_Atomic uint64_t answers[6];
	_Atomic uint64_t cut_in_all;
	_Atomic uint64_t refused_in_all;
	_Atomic int64_t log_second; /* failures are logged at most HTTP_LOG_MAX a second */
	_Atomic int log_count;
};

/* -- http.c -- */
/* Gives the exchange's call to the API; the exchange is the API's until done(). */
void http_submit(struct http_exchange *ex);
/* A stream has ended and its bytes are out: closes the connection, frees the exchange. */
void http_stream_ended(struct http_exchange *ex);
/* The socket of a suspended connection; -1 when there is none. */
int http_socket_fd(const struct http_exchange *ex);

/* -- http_config.c -- */
/* Gives what is 0 its default, and lowers what the system does not allow. */
void http_config_complete(struct http_config *c);
/* A listening socket that does not block, and its port. */
MUST_USE enum status http_listen(struct ctx *cx, const char *listen_at, int *fd_out, int *port);

/* -- http_guard.c -- */
/* Checks the head and fills its index. Pure, but for the sentence and copies in cx's arena.
 * Returns: ST_INVALID, ST_URI_TOO_LONG or ST_HEADERS_TOO_LARGE: answer and close the connection. */
MUST_USE enum status http_guard(struct ctx *cx, struct http_head *head);

/* -- http_route.c -- */
void http_patterns_make(struct http *http);
void http_route_find(struct http_exchange *ex);

/* -- http_begin: http_rest.c and http_connect.c -- */
/* Answers, or builds the request and submits it. The body is complete. */
void http_rest_begin(struct http_exchange *ex);
void http_rest_finish(struct http_exchange *ex);
void http_connect_begin(struct http_exchange *ex);
void http_connect_finish(struct http_exchange *ex);
/* What the content types say, before the body is read. */
MUST_USE enum status http_rest_accept(struct http_exchange *ex);
MUST_USE enum status http_connect_accept(struct http_exchange *ex);
/* A failure in the form the client's protocol has for it. */
void http_connect_fail(struct http_exchange *ex, struct ctx *cx, enum status st);
/* {"code":…,"message":…,"details":[…]} */
struct bytes http_connect_error(struct arena *a, struct ctx *cx, enum status st);
/* The end of an enveloped stream: flag, length, {} or {"error":…}. */
void http_connect_put_end(struct buf *out, struct arena *a, struct ctx *cx, enum status st);
void http_connect_put_frame(struct buf *out, int flags, struct bytes message);

/* -- http_page.c -- */
extern const struct http_page http_pages[];
extern const size_t http_pages_count;
void http_docs_make(struct http *http);

/* -- http_answer.c -- */
void http_pair_add(struct http_exchange *ex, const char *name, const char *value);
void http_answer_set(struct http_exchange *ex, int status, const char *content_type,
		     struct bytes body);
/* The problem of a failure, from cx. */
void http_fail(struct http_exchange *ex, struct ctx *cx, enum status st);
/* Request id, CORS and the like; once, when the answer is complete. */
void http_answer_seal(struct http_exchange *ex);
void http_answer_options(struct http_exchange *ex);
/* One line for a failure of ours, a bounded number a second. */
void http_log_failure(struct http *http, const struct ctx *cx, enum status st);

/* -- http_stream.c -- */
struct http_streams *http_streams_start(struct http *http);
/* Takes over a suspended exchange whose call gave a stream. */
void http_streams_add(struct http_streams *s, struct http_exchange *ex);
/* Ends all streams, now and those still to come. */
void http_streams_drain(struct http_streams *s);
void http_streams_stop(struct http_streams *s);

/* -- http_reaper.c: a client connection is known to it until it is removed. */
struct http_connection {
	int fd;
	bool linger; /* the client may still be sending: close slowly */
	bool kept;   /* has had a request before */
	bool cut;    /* shut down by the reaper, which alone looks at it */
	uint64_t number;
	uint32_t requests;
	_Atomic int64_t deadline_ms; /* 0: none */
	struct http_connection *next, *prev; /* guarded by the reaper's lock */
};
struct http_reaper *http_reaper_start(struct http *http);
void http_reaper_add(struct http_reaper *r, struct http_connection *c);
/* After it returns the reaper does not touch c or its fd. */
void http_reaper_remove(struct http_reaper *r, struct http_connection *c);
void http_reaper_stop(struct http_reaper *r);

/* -- http_text.c -- */
/* Decodes %XX of n bytes. NULL: a bad escape, or a NUL. plus: '+' is a blank. */
char *http_percent_decode(struct arena *a, const char *s, size_t n, bool plus);
void http_percent_put(struct buf *out, const char *s);
void http_json_put(struct buf *out, const char *s);
struct http_query {
	const char *name;
	const char *value;
};
/* Splits a query. ST_INVALID for a bad escape, a name twice, or too many. */
MUST_USE enum status http_query_parse(struct ctx *cx, const char *query,
				      struct http_query out[HTTP_QUERY_MAX], size_t *n);
/* Does an Accept header (NULL: none) take this type, "application/json"? exact: only by name. */
bool http_accepts(const char *accept, const char *type, bool exact);
bool http_prefers(const char *prefer, const char *name); /* RFC 7240; NULL: no such header */
/* Is a Content-Type this type, with no parameter but charset=utf-8? */
bool http_type_is(const char *content_type, const char *type);
bool http_traceparent_is_valid(const char *s);
/* Does an If-None-Match list (or "*") hold this entity tag? */
bool http_etag_matches(const char *list, const char *etag);
/* Decimal digits only, at most max. */
bool http_decimal(const char *s, uint64_t max, uint64_t *out);

#endif
