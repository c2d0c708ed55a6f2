/* SPDX-License-Identifier: Apache-2.0
 *
 * The gRPC transport: every method of api_methods, health (grpc.health.v1) and reflection (v1 and
 * v1alpha) on the gRPC C core. It turns calls into api_calls and answers what comes back; it knows
 * no SQL and no keys.
 *
 * The core is for a loopback or private address: what strangers reach goes through a reverse proxy
 * that is kept patched (SECURITY.md).
 */
#ifndef FERRY_SERVER_GRPC_H
#define FERRY_SERVER_GRPC_H

#include "api/api.h"

struct grpc_front;

/* How this transport reaches the API: the functions of api.h, or a test's. */
struct grpc_api {
	void (*submit)(struct api *api, struct api_call *call);
	enum status (*stream_next)(struct api_stream *s, struct ctx *cx, ProtobufCMessage **msg,
				   const char **cursor, void (*wake)(void *arg), void *arg);
	void (*stream_close)(struct api_stream *s);
};

/* A zero takes what is said in brackets. */
struct grpc_config {
	const struct grpc_api *calls;
	const char *listen; /* "127.0.0.1:9090"; port 0 takes a free one */
	unsigned threads;   /* that wait on sockets (2) */
	size_t calls_max;   /* under way at once, streams among them (4096); more are shed */
	size_t streams_max; /* (1024) */
	int stream_age_s;   /* after which a stream ends and the client resumes it (600) */
};

struct grpc_counts {
	uint64_t calls;    /* since the start */
	uint64_t failed;   /* of these, with anything but OK */
	uint64_t shed;     /* of these, because too many were under way */
	uint64_t live;     /* now, streams among them */
	uint64_t streams;  /* now */
};

/* Listens and serves. The config's strings and `api` must outlive the front. No fork after this.
 * Returns: NULL when the address cannot be listened on; said in the log. */
struct grpc_front *grpc_start(const struct grpc_config *config, struct api *api);
/* The port that is listened on. */
int grpc_port(const struct grpc_front *front);
/* What health answers: SERVING or NOT_SERVING. NOT_SERVING at first. Any thread. */
void grpc_set_serving(struct grpc_front *front, bool serving);
/* No new calls; health says NOT_SERVING; streams end with UNAVAILABLE and are resumed elsewhere.
 * Does not block. Twice is fine. */
void grpc_drain(struct grpc_front *front);
/* Drains, waits up to `timeout_ms` for the calls under way, cancels the rest, waits until the api
 * has called done() for each, and frees the front. The api must still be running. NULL is fine. */
void grpc_stop(struct grpc_front *front, int timeout_ms);
/* Asks health over a new connection, as a client would, and waits for the answer: false when none
 * comes in time. For the watchdog: a server that no longer accepts is restarted. Blocks. */
bool grpc_probe(struct grpc_front *front, int timeout_ms);
void grpc_read_counts(struct grpc_front *front, struct grpc_counts *out);

#endif
