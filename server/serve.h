/* SPDX-License-Identifier: Apache-2.0
 *
 * The serve role: the API over HTTP and gRPC. It holds no key of a chain. When the database goes
 * away it stays and answers 503 until it is back.
 */
#ifndef FERRY_SERVER_SERVE_H
#define FERRY_SERVER_SERVE_H

#include "server/config.h"

/* Runs until told to end. Returns: ST_OK after an orderly end; else what kept it from starting, or
 * ST_UNAVAILABLE when it no longer accepts connections and must be started anew. */
MUST_USE enum status serve_run(struct ctx *cx, const struct config *config);

#endif
