/* SPDX-License-Identifier: Apache-2.0
 *
 * Who asks. Keys are looked up by the hash of their text and remembered for a few seconds, so that
 * a revoked one stops working within KEYS_TTL_MS; look-ups that come together are one statement.
 * Unknown keys are remembered too. The memory is bounded: old entries make room.
 */
#ifndef FERRY_API_KEYS_H
#define FERRY_API_KEYS_H

#include "api/api.h"

enum { KEYS_TTL_MS = 5000, KEYS_REFRESH_MS = 2500 };

struct keys;
struct keys *keys_create(void);
void keys_destroy(struct keys *k);
/* Finds out who asks and routes the call, at once or after a look-up; or ends it. Does not block.
 */
void keys_submit(struct api *api, struct api_call *call);

/* The token of "Bearer <token>". Out: its length. NULL when it is not that. Pure. */
const char *keys_bearer(const char *authorization, size_t *n);

#endif
