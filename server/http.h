/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP/1.1 transport: REST, server-sent events, the Connect protocol, and the pages around
 * them (health, version, OpenAPI, documentation), plus a second listener for the operator.
 * It turns bytes into api_calls and answers back; it decides nothing about messages, runs no SQL
 * and blocks on nothing but its sockets.
 *
 * Hostile clients are expected. Everything has a limit: addresses, headers, bodies, connections in
 * all and from one address, the total time a head, a body or an answer may take, what is buffered
 * for a watcher. TLS is the business of the proxy in front.
 */
#ifndef FERRY_SERVER_HTTP_H
#define FERRY_SERVER_HTTP_H

#include "api/api.h"
#include "base/bytes.h"
#include "base/ctx.h"

struct http;
struct jws_signer;

/* How this transport reaches the API: the functions of api.h, or a test's. */
struct http_api {
	void (*submit)(struct api *api, struct api_call *call);
	enum status (*stream_next)(struct api_stream *s, struct ctx *cx, ProtobufCMessage **msg,
				   const char **cursor, void (*wake)(void *arg), void *arg);
	void (*stream_close)(struct api_stream *s);
};

/* Numbers that are 0 take their default. Everything is borrowed until http_stop returns. */
struct http_config {
	const char *listen;       /* "127.0.0.1:8080", "[::1]:8080"; port 0: any */
	const char *admin_listen; /* NULL: no second listener */
	const struct http_api *calls;
	const char *const *origins; /* CORS: exact origins, or "*" alone for all */
	size_t origins_count;
	const char *version;   /* of the program */
	struct bytes openapi;  /* the document; n 0: not served */
	const struct jws_signer *receipts; /* NULL: none are given */
	/* May requests come? *report: a line a check, for ?verbose. Must not block. NULL: yes. */
	bool (*ready)(void *arg, struct arena *a, const char **report);
	/* The text of /metrics. Must not block. NULL: none. */
	const char *(*metrics)(void *arg, struct arena *a);
	void *arg; /* of ready and metrics */

	int threads;                  /* 2 */
	unsigned connections_max;     /* 4096; lowered to what the file limit allows */
	unsigned connections_per_ip;  /* half of connections_max; count all behind a proxy as one */
	unsigned watchers_max;        /* 2048: event streams open at a time */
	int header_ms;    /* 10000: total time for a request's head */
	int body_ms;      /* 15000: total time for its body */
	int reply_ms;     /* 30000: total time for the client to take the answer */
	int keepalive_ms; /* 60000: between two requests of a connection */
	int request_ms;   /* 30000: the deadline of a call */
	int heartbeat_ms; /* 15000: a comment in a quiet event stream */
	int stall_ms;     /* 10000: a watcher that takes nothing for so long is cut */
};

struct http_stats {
	uint64_t connections;     /* open now */
	uint64_t connections_in_all;
	uint64_t requests_in_all;
	uint64_t in_flight;       /* calls and streams the API holds */
	uint64_t watchers;        /* event streams open now */
	uint64_t answers[6];      /* by hundreds: answers[2] counts 2xx */
	uint64_t cut_in_all;      /* connections that were too slow */
	uint64_t refused_in_all;  /* requests the guard refused */
};

/* Opens the listeners and starts serving.
 * Returns: ST_UNAVAILABLE when an address cannot be listened on; ST_INVALID when it is none.
 * Out:     *out, ended with http_stop. */
MUST_USE enum status http_start(struct ctx *cx, struct http **out, const struct http_config *config,
				struct api *api);
/* The port listened on (admin: of the second listener, 0 when there is none). */
int http_port(const struct http *http, bool admin);
/* Stops accepting connections, answers /readyz with 503, asks clients to close, ends streams, and
 * waits up to wait_ms for what is under way. Does not end the API's calls. Blocks. */
void http_drain(struct http *http, int wait_ms);
/* Refuses new requests, waits until the API has answered every call, then closes everything.
 * The API must still be running. NULL is fine. Blocks. */
void http_stop(struct http *http);
/* Thread: any. */
void http_stats_read(const struct http *http, struct http_stats *out);

#endif
