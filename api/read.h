/* SPDX-License-Identifier: Apache-2.0
 *
 * GetMessage: what waits is one statement. And, for all handlers: which message a client may see
 * under a name.
 */
#ifndef FERRY_API_READ_H
#define FERRY_API_READ_H

#include "api/handler.h"
#include "storage/message.h"

/* A message of the app itself, or, by guid, one that nobody owns (packets of others). Somebody
 * else's is not there. ST_NOT_FOUND, ST_INVALID, ST_DB. */
MUST_USE enum status read_resolve(struct ctx *cx, struct db *db, struct message_ref *out,
				  const struct api_principal *who, const char *name);
/* The message of a name, with its row. */
MUST_USE enum status read_message(struct ctx *cx, struct db *db, struct message **out,
				  const struct api_principal *who, const char *name);
/* Reads a call that waited once more and answers it. */
void read_again(struct api *api, struct api_call *call);

#endif
