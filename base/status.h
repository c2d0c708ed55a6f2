/* SPDX-License-Identifier: Apache-2.0
 *
 * How an operation ended. The table is status.def; this file only gives it types.
 * A bug asserts; the world returns a status; the person gets a sentence (ctx.h).
 */
#ifndef FERRY_BASE_STATUS_H
#define FERRY_BASE_STATUS_H

#include <stdbool.h>

#define MUST_USE __attribute__((warn_unused_result))

enum status {
#define X(name, http, grpc, retryable, title) ST_##name,
#include "base/status.def"
#undef X
	STATUS_COUNT
};

/* "INVALID" for ST_INVALID: also the default `code` a client reads. */
const char *status_name(enum status st);
/* One sentence for people, without a full stop. */
const char *status_title(enum status st);
int status_http(enum status st);
int status_grpc(enum status st);
/* May the very same request be sent again without thought? */
bool status_is_retryable(enum status st);

#endif
