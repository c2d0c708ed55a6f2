/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls of the server's methods: the Connect protocol with JSON, one POST a call.
 */
#ifndef FERRY_CLI_CLIENT_H
#define FERRY_CLI_CLIENT_H

#include "base/ctx.h"
#include "base/json.h"

struct client;

/* url: "http://127.0.0.1:8080". key: sk_… or pk_…, or NULL. Both are borrowed. */
struct client *client_create(struct arena *a, const char *url, const char *key);
void client_destroy(struct client *client);
/* Calls "MessageService/GetMessage" with `request`, which it takes over. idempotency_key: NULL for
 * none. Out: the answer, released with the cx's arena.
 * Returns: ST_OK; ST_UNAVAILABLE and ST_DEADLINE as http_client; what the server answered else,
 *          with its sentence and the members it names in cx->err.details. */
MUST_USE enum status client_call(struct ctx *cx, struct client *client, json_t **out,
				 const char *method, json_t *request, const char *idempotency_key);
/* Reads "/v1/identities/…/proof", as REST writes it. Returns and Out as client_call. */
MUST_USE enum status client_read(struct ctx *cx, struct client *client, json_t **out,
				 const char *path);
/* Out: the body of a page of the server's, "/version". Needs no key. */
MUST_USE enum status client_get(struct ctx *cx, struct client *client, struct bytes *out,
				const char *path);

#endif
